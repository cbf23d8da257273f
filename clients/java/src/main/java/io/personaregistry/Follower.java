package io.personaregistry;

import io.grpc.CallOptions;
import io.grpc.ClientCall;
import io.grpc.Metadata;
import io.grpc.Status.Code;
import io.personaregistry.Options.Part;
import io.personaregistry.v1.PersonaServiceGrpc;
import io.personaregistry.v1.PersonaView;
import io.personaregistry.v1.WatchMode;
import io.personaregistry.v1.WatchPersonasRequest;
import io.personaregistry.v1.WatchPersonasResponse;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Keeps the contents current by the stream. All that changes it runs on one thread, the loop; what
 * is read from others is volatile.
 */
final class Follower {
  private static final System.Logger LOG = System.getLogger(Follower.class.getName());
  private static final int SILENT_INTERVALS = 3;
  private static final Duration SHORTEST = Duration.ofSeconds(1); // of progress intervals
  private static final Duration LONGEST = Duration.ofSeconds(60);
  private static final Duration MOST_ASKED = Duration.ofHours(1);
  private static final Duration LAST_WORDS = Duration.ofSeconds(1);
  private static final Set<String> TOKEN_IS_OF_NO_USE =
      Set.of("STORE_MISMATCH", "REVISION_COMPACTED", "REVISION_IN_FUTURE", "RESUME_TOKEN_INVALID");

  private final Options options;
  private final Connection connection;
  private final Keeper keeper; // null: nothing on disk
  private final Backoff backoff;
  private final ScheduledThreadPoolExecutor loop = Threads.loop("persona-registry");
  private final Subscriptions subscriptions = new Subscriptions();
  private final CompletableFuture<Void> first = new CompletableFuture<>();
  private Attempt attempt;

  private volatile Contents contents = Contents.NONE;
  private volatile State state = State.IDLE; // never LIVE: what is held tells that
  private volatile CompletableFuture<Void> live = new CompletableFuture<>();
  private volatile PersonaException lastError;
  private final AtomicLong streams = new AtomicLong();
  private final AtomicLong snapshots = new AtomicLong();

  Follower(Options options, Connection connection) {
    this.options = options;
    this.connection = connection;
    this.keeper =
        options.snapshotPath() == null
            ? null
            : new Keeper(
                new SnapshotFile(options.snapshotPath(), options.selection()),
                options.snapshotInterval(),
                () -> contents);
    this.backoff =
        new Backoff(
            options.backoffFirst(),
            options.backoffMost(),
            bound -> ThreadLocalRandom.current().nextLong(bound));
  }

  /** Reads the copy on disk and opens the stream. To be called once. */
  void start() {
    if (keeper != null) {
      contents = keeper.load();
    }
    state = State.CONNECTING;
    loop.execute(this::open);
  }

  Contents contents() {
    return contents;
  }

  /** Done once reads need not wait any more for the very first contents. */
  CompletableFuture<Void> first() {
    return first;
  }

  /** What keeps the stream from standing, as an exception of the caller's own. */
  PersonaException why() {
    PersonaException error = lastError;
    if (state == State.CLOSED) {
      return PersonaException.local(Code.CANCELLED, "the client is closed", null);
    }
    return error == null
        ? PersonaException.local(Code.UNAVAILABLE, "nothing is held yet", null)
        : error.again();
  }

  ClientStatus status() {
    Contents now = contents;
    return new ClientStatus(
        now.source() == Source.LIVE ? State.LIVE : state,
        now.source(),
        now.revision(),
        now.age(System.nanoTime()),
        now.personas().size(),
        streams.get(),
        snapshots.get(),
        Optional.ofNullable(lastError));
  }

  void awaitLive(Duration timeout) throws InterruptedException {
    try {
      live.get(timeout.toNanos(), TimeUnit.NANOSECONDS);
    } catch (TimeoutException late) {
      if (lastError != null) {
        throw why();
      }
      String message = "not live within " + timeout;
      throw PersonaException.local(Code.DEADLINE_EXCEEDED, message, late);
    } catch (ExecutionException closed) {
      throw why();
    }
  }

  /** Tells what is held, then each change. */
  void subscribe(Subscription subscription) {
    loop.execute(() -> subscriptions.add(subscription, contents));
  }

  void unsubscribe(Subscription subscription) {
    loop.execute(() -> subscriptions.remove(subscription));
  }

  /** Ends the stream; what is held stays. To be called once. */
  void close() {
    try {
      loop.submit(this::end).get(LAST_WORDS.toMillis(), TimeUnit.MILLISECONDS);
    } catch (ExecutionException | TimeoutException error) {
      LOG.log(Level.WARNING, "the stream did not end well", error);
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
    }
    loop.shutdownNow();
    if (keeper != null) {
      keeper.close();
    }
  }

  private void end() {
    state = State.CLOSED;
    if (attempt != null) {
      attempt.cancel("the client is closed");
      contents = contents.cached(attempt.lastMessage);
    }
    subscriptions.clear();
    first.complete(null);
    live.completeExceptionally(new IllegalStateException("the client is closed"));
  }

  private void open() {
    connection.renewForStream();
    attempt = new Attempt(options.isOff(Part.RESUME) ? contents.withoutToken() : contents);
    attempt.start();
  }

  private void publish(Contents next) {
    Contents before = contents;
    contents = next;
    if (before.personas() == next.personas()) {
      return;
    }
    saveLater();
    subscriptions.tell(before, next);
  }

  private void caughtUp() {
    backoff.reset();
    live.complete(null);
    first.complete(null);
    saveLater();
  }

  private void saveLater() {
    if (keeper != null) {
      keeper.changed();
    }
  }

  private void ended(PersonaException error, Duration asked) {
    lastError = error;
    state = State.RECONNECTING;
    if (live.isDone()) {
      live = new CompletableFuture<>();
    }
    boolean isAnewNext = TOKEN_IS_OF_NO_USE.contains(error.reason());
    Contents held = contents.cached(attempt.lastMessage);
    held = isAnewNext ? held.withoutToken() : held;
    contents = options.isOff(Part.CACHE) ? Contents.NONE : held;
    if (contents.isHeld()) {
      first.complete(null);
    }
    long wait = options.isOff(Part.BACKOFF) ? 0 : backoff.next() + asked.toNanos();
    var unused = loop.schedule(this::open, wait, TimeUnit.NANOSECONDS);
    boolean isRefused = !isAnewNext && !(error instanceof PersonaException.Unavailable);
    LOG.log(
        isRefused ? Level.ERROR : Level.WARNING,
        "the stream of {0} ended: {1}{2}: {3}; the next attempt is in {4} ms",
        options.target(),
        error.code(),
        error.reason().isEmpty() ? "" : " " + error.reason(),
        error.getMessage(),
        TimeUnit.NANOSECONDS.toMillis(wait));
  }

  /** One attempt at a stream, from its opening to its end. */
  private final class Attempt extends ClientCall.Listener<WatchPersonasResponse> {
    private final ClientCall<WatchPersonasRequest, WatchPersonasResponse> call;
    private final String callId = UUID.randomUUID().toString();
    private final String token;
    private final Assembly assembly;
    private Duration asked = Duration.ZERO;
    private Duration patience = options.progressInterval().multipliedBy(SILENT_INTERVALS);
    private long lastMessage = System.nanoTime();
    private boolean over;

    Attempt(Contents from) {
      token = from.resumeToken();
      assembly = new Assembly(from, !options.isOff(Part.SWEEP), !options.isOff(Part.RESUME));
      CallOptions onLoop = CallOptions.DEFAULT.withExecutor(loop);
      call = connection.channel().newCall(PersonaServiceGrpc.getWatchPersonasMethod(), onLoop);
    }

    void start() {
      Metadata headers = new Metadata();
      headers.put(PersonaException.CALL_ID, callId);
      call.start(this, headers);
      call.sendMessage(request());
      call.halfClose();
      call.request(1);
      watchSilence();
    }

    private WatchPersonasRequest request() {
      Duration interval = options.progressInterval();
      var request =
          WatchPersonasRequest.newBuilder()
              .setNamespace(options.selection().namespace())
              .setAlias(options.selection().alias())
              .setFilter(options.selection().filter())
              .addAllNames(options.selection().names())
              .setView(PersonaView.PERSONA_VIEW_FULL)
              .setMode(WatchMode.WATCH_MODE_LATEST)
              .setProgressInterval(
                  com.google.protobuf.Duration.newBuilder()
                      .setSeconds(interval.getSeconds())
                      .setNanos(interval.getNano()));
      return (token.isEmpty() ? request : request.setResumeToken(token)).build();
    }

    @Override
    public void onMessage(WatchPersonasResponse message) {
      if (over) {
        return;
      }
      lastMessage = System.nanoTime();
      switch (message.getEventCase()) {
        case OPENED -> {
          streams.incrementAndGet();
          if (message.getOpened().hasProgressInterval()) {
            Duration interval = from(message.getOpened().getProgressInterval());
            patience = within(SHORTEST, interval, LONGEST).multipliedBy(SILENT_INTERVALS);
          }
        }
        case SYNCED -> snapshots.incrementAndGet();
        case CLOSING -> asked = from(message.getClosing().getRetryDelay());
        default -> {}
      }
      boolean before = assembly.hasCaughtUp();
      publish(assembly.apply(message, lastMessage));
      if (!before && assembly.hasCaughtUp()) {
        caughtUp();
      }
      call.request(1);
    }

    @Override
    public void onClose(io.grpc.Status status, Metadata trailers) {
      if (status.isOk()) {
        status = io.grpc.Status.UNAVAILABLE.withDescription("the registry ended the stream");
      }
      end(PersonaException.of(status, trailers, callId));
    }

    private void end(PersonaException error) {
      if (!over) {
        over = true;
        Duration delay = error.delay().orElse(Duration.ZERO);
        ended(error, within(asked, delay, MOST_ASKED));
      }
    }

    private void watchSilence() {
      long left = lastMessage + patience.toNanos() - System.nanoTime();
      if (over) {
        return;
      }
      if (left > 0) {
        var unused = loop.schedule(this::watchSilence, left, TimeUnit.NANOSECONDS);
        return;
      }
      String message = "no message for " + patience;
      call.cancel(message, null);
      connection.abandon();
      end(PersonaException.local(Code.DEADLINE_EXCEEDED, message, null));
    }

    void cancel(String why) {
      over = true;
      call.cancel(why, null);
    }

    /** What another says, in bounds; the upper one holds before the lower. */
    private static Duration within(Duration least, Duration said, Duration most) {
      Duration raised = said.compareTo(least) > 0 ? said : least;
      return raised.compareTo(most) < 0 ? raised : most;
    }

    private static Duration from(com.google.protobuf.Duration duration) {
      return Duration.ofSeconds(duration.getSeconds(), duration.getNanos());
    }
  }
}
