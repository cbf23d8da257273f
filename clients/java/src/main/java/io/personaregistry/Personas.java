package io.personaregistry;

import io.grpc.Status.Code;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;

/**
 * The personas that a service needs, in memory, kept current by one stream from the registry.
 *
 * <p>Make one for each selection and share it: it is for any number of threads. Nothing is
 * connected until the first use. {@link #get} does not call the registry: while the stream stands
 * it is a look into a map. When the registry is away, what was held is served on, and says so.
 */
public final class Personas extends Calls implements AutoCloseable {
  private final Follower follower;
  private final ExecutorService callbacks =
      Executors.newCachedThreadPool(Threads.daemons("persona-registry-callback"));
  private final AtomicBoolean firstReadBegun = new AtomicBoolean();
  private final Object starting = new Object();
  private volatile boolean started;
  private boolean closed; // guarded by starting

  Personas(Options options) {
    super(options, new Connection(options));
    follower = new Follower(options, connection);
  }

  /**
   * Begins a client with all that the namespace {@code default} has.
   *
   * @param target {@code https://host:port} or, without TLS, {@code http://host:port}
   * @return a client of it
   * @throws IllegalArgumentException the target is none
   */
  public static Personas connect(String target) {
    return builder(target).build();
  }

  /**
   * Begins a client with options.
   *
   * @param target {@code https://host:port} or {@code http://host:port}; without a scheme {@code
   *     http}, without a port 50051
   * @return a builder
   */
  public static PersonasBuilder builder(String target) {
    return new PersonasBuilder(target);
  }

  /**
   * Reads a persona from memory. Only the first reads wait, for the very first contents.
   *
   * @param name the persona
   * @return what is held now
   * @throws PersonaException.NotFound it is not there
   * @throws PersonaException nothing was ever held, for this reason
   */
  public Held get(String name) {
    awaitFirst();
    return look(name, null);
  }

  /**
   * Reads a persona from memory, or takes the caller's own text where nothing was ever held.
   *
   * @param name the persona
   * @param fallback the text
   * @return what is held now, or the fallback
   * @throws PersonaException.NotFound others are held, and this is not: what was deleted does not
   *     come back by a fallback
   */
  public Held get(String name, String fallback) {
    Objects.requireNonNull(fallback, "fallback");
    awaitFirst();
    return look(name, fallback);
  }

  /**
   * As {@link #get(String)}, without a thread that waits.
   *
   * @param name the persona
   * @return done at once, but for the first reads
   */
  public CompletableFuture<Held> getAsync(String name) {
    return lookAfterFirst(name, null);
  }

  /**
   * As {@link #get(String, String)}, without a thread that waits.
   *
   * @param name the persona
   * @param fallback the text
   * @return done at once, but for the first reads
   */
  public CompletableFuture<Held> getAsync(String name, String fallback) {
    Objects.requireNonNull(fallback, "fallback");
    return lookAfterFirst(name, fallback);
  }

  /**
   * Waits until the stream stands and has caught up.
   *
   * @param timeout how long at most
   * @throws PersonaException it does not, for this reason
   */
  public void ready(Duration timeout) {
    start();
    try {
      follower.awaitLive(timeout);
    } catch (InterruptedException interrupted) {
      throw interrupted(interrupted);
    }
  }

  /**
   * How this client stands. Does not begin anything.
   *
   * @return the status
   */
  public ClientStatus status() {
    return follower.status();
  }

  /**
   * What is held. The first time it waits as {@link #get} does.
   *
   * @return the names, sorted
   */
  public List<String> names() {
    awaitFirst();
    return follower.contents().names();
  }

  /**
   * Keeps what is held now. The first time it waits as {@link #get} does.
   *
   * @return a view that does not change
   */
  public Pin pin() {
    awaitFirst();
    return new Pin(follower.contents(), options.selection().namespace(), follower::why);
  }

  /**
   * Follows changes: at first come those that are held, as CREATED, then what happens. A slow or
   * failing callback delays no other and not the stream.
   *
   * @param callback gets one change at a time; for who is slow, only the newest of each persona
   * @return the subscription; close it to end it
   */
  public Subscription onChange(Consumer<? super Change> callback) {
    return onChange(callback, callbacks);
  }

  /**
   * Follows changes on threads of the caller's own.
   *
   * @param callback gets one change at a time
   * @param executor where it runs; it must not run tasks in the thread that gives them
   * @return the subscription; close it to end it
   */
  public Subscription onChange(Consumer<? super Change> callback, Executor executor) {
    Objects.requireNonNull(callback, "callback");
    Objects.requireNonNull(executor, "executor");
    start();
    Subscription subscription = new Subscription(callback, executor, follower::unsubscribe);
    follower.subscribe(subscription);
    return subscription;
  }

  /**
   * Ends the stream, the subscriptions and the calls, and closes the channel; waits at most a
   * second for the last writing to disk. What is held can be read on.
   */
  @Override
  public void close() {
    synchronized (starting) {
      if (closed) {
        return;
      }
      closed = true;
      started = true; // what was not begun is not begun any more
    }
    follower.close();
    callbacks.shutdown();
    connection.close();
  }

  private void start() {
    if (started) {
      return;
    }
    synchronized (starting) {
      if (!started) {
        follower.start();
        started = true;
      }
    }
  }

  private Held look(String name, String fallback) {
    return follower
        .contents()
        .get(options.selection().namespace(), name, fallback, System.nanoTime(), follower::why);
  }

  private CompletableFuture<Held> lookAfterFirst(String name, String fallback) {
    CompletableFuture<Void> first = afterFirst();
    return first.isDone()
        ? first.thenApply(done -> look(name, fallback))
        : first.thenApplyAsync(done -> look(name, fallback), callbacks);
  }

  private void awaitFirst() {
    start();
    if (follower.first().isDone()) {
      return;
    }
    try {
      afterFirst().get();
    } catch (InterruptedException interrupted) {
      throw interrupted(interrupted);
    } catch (ExecutionException error) {
      throw new IllegalStateException("it is only completed with nothing", error);
    }
  }

  private CompletableFuture<Void> afterFirst() {
    start();
    CompletableFuture<Void> first = follower.first();
    if (firstReadBegun.compareAndSet(false, true)) {
      first.completeOnTimeout(null, options.firstSyncTimeout().toNanos(), TimeUnit.NANOSECONDS);
    }
    return first;
  }

  private static PersonaException interrupted(InterruptedException error) {
    Thread.currentThread().interrupt();
    return PersonaException.local(Code.CANCELLED, "interrupted while it waited", error);
  }
}
