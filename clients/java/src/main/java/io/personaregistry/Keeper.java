package io.personaregistry;

import java.io.IOException;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Supplier;

/** Writes what is held to disk, on a thread of its own, at most once an interval. */
final class Keeper {
  private static final System.Logger LOG = System.getLogger(Keeper.class.getName());
  private static final Duration LAST_WRITING = Duration.ofSeconds(1);

  private final SnapshotFile file;
  private final long interval;
  private final Supplier<Contents> contents;
  private final ScheduledExecutorService thread = Threads.loop("persona-registry-disk");
  private final AtomicBoolean planned = new AtomicBoolean();
  private volatile Contents written = Contents.NONE;
  private volatile long nextWriting = System.nanoTime();

  Keeper(SnapshotFile file, Duration interval, Supplier<Contents> contents) {
    this.file = file;
    this.interval = interval.toNanos();
    this.contents = contents;
  }

  /** The copy on disk; {@link Contents#NONE}: none that is of use. */
  Contents load() {
    try {
      written = file.read();
    } catch (IOException error) {
      LOG.log(Level.WARNING, "the copy on disk is left out: " + error, error);
    }
    return written;
  }

  /** What is held is not what is on disk. */
  void changed() {
    if (planned.compareAndSet(false, true)) {
      long wait = Math.max(0, nextWriting - System.nanoTime());
      var unused = thread.schedule(this::write, wait, TimeUnit.NANOSECONDS);
    }
  }

  @SuppressWarnings("ReferenceEquality") // each moment has its own
  private void write() {
    planned.set(false);
    Contents now = contents.get();
    if (now == written || !now.isHeld()) {
      return;
    }
    try {
      file.write(now);
      written = now;
    } catch (IOException | RuntimeException error) {
      LOG.log(Level.WARNING, "the copy on disk could not be written: " + error, error);
    }
    nextWriting = System.nanoTime() + interval;
  }

  /** Writes for the last time, and waits for it a second at most. */
  void close() {
    thread.execute(this::write);
    // An immediate task is one with a delay for such a thread, and would be dropped by a shutdown.
    thread.execute(thread::shutdownNow);
    try {
      if (!thread.awaitTermination(LAST_WRITING.toMillis(), TimeUnit.MILLISECONDS)) {
        LOG.log(
            Level.WARNING,
            "the last writing of the copy on disk takes long, and is not waited for");
      }
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
