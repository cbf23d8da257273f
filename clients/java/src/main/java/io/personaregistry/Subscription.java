package io.personaregistry;

import java.lang.System.Logger.Level;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.function.Consumer;

/**
 * A subscription to changes, until it is closed. It queues at most one change a persona: a slow
 * callback gets the newest of each.
 */
public final class Subscription implements AutoCloseable {
  private static final System.Logger LOG = System.getLogger(Subscription.class.getName());

  private final Consumer<? super Change> callback;
  private final Executor executor;
  private final Consumer<Subscription> onClose;
  private final Map<String, Change> waiting = new LinkedHashMap<>();
  private boolean running;
  private boolean closed;

  Subscription(
      Consumer<? super Change> callback, Executor executor, Consumer<Subscription> onClose) {
    this.callback = callback;
    this.executor = executor;
    this.onClose = onClose;
  }

  void offer(Change change) {
    synchronized (this) {
      if (closed) {
        return;
      }
      Change earlier = waiting.get(change.name());
      if (earlier == null) {
        waiting.put(change.name(), change);
      } else {
        earlier
            .then(change)
            .ifPresentOrElse(
                both -> waiting.put(change.name(), both), () -> waiting.remove(change.name()));
      }
      if (running || waiting.isEmpty()) {
        return;
      }
      running = true;
    }
    try {
      executor.execute(this::deliver);
    } catch (RejectedExecutionException error) {
      LOG.log(
          Level.ERROR,
          "the executor of a subscription takes nothing; the next change tries anew",
          error);
      synchronized (this) {
        running = false;
      }
    }
  }

  private void deliver() {
    for (Change change = next(); change != null; change = next()) {
      try {
        callback.accept(change);
      } catch (Throwable error) { // whatever it is, the next change comes
        LOG.log(Level.ERROR, "a callback failed for a change of " + change.name(), error);
      }
    }
  }

  private synchronized Change next() {
    Iterator<Change> changes = waiting.values().iterator();
    if (closed || !changes.hasNext()) {
      running = false;
      return null;
    }
    Change change = changes.next();
    changes.remove();
    return change;
  }

  /** Ends the subscription. A callback that is running now ends by itself. */
  @Override
  public void close() {
    synchronized (this) {
      closed = true;
      waiting.clear();
    }
    onClose.accept(this);
  }
}
