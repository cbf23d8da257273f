package io.personaregistry;

import io.grpc.CallCredentials;
import io.grpc.Metadata;
import io.grpc.Status;
import java.util.concurrent.Executor;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import java.util.regex.Pattern;

/**
 * Puts the token on each call, also over plain HTTP: {@link Options} has judged that. It is asked
 * for on a few threads of its own, so that one that hangs holds neither the stream nor its timers.
 */
final class BearerToken extends CallCredentials implements AutoCloseable {
  private static final Metadata.Key<String> AUTHORIZATION =
      Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);
  private static final Pattern PRINTABLE = Pattern.compile("[\\x21-\\x7e]+");
  private static final int THREADS = 4;
  private static final int MOST_WAITING = 1_024;

  private final Supplier<String> token;
  private final ThreadPoolExecutor threads;

  BearerToken(Supplier<String> token) {
    this.token = token;
    this.threads =
        new ThreadPoolExecutor(
            THREADS,
            THREADS,
            1,
            TimeUnit.SECONDS,
            new LinkedBlockingQueue<>(MOST_WAITING),
            Threads.daemons("persona-registry-token"));
    threads.allowCoreThreadTimeOut(true);
  }

  @Override
  public void applyRequestMetadata(RequestInfo call, Executor unused, MetadataApplier applier) {
    try {
      threads.execute(() -> apply(applier));
    } catch (RejectedExecutionException full) {
      applier.fail(
          Status.UNAVAILABLE.withDescription("too many calls wait for the token").withCause(full));
    }
  }

  private void apply(MetadataApplier applier) {
    Metadata headers = new Metadata();
    try {
      String text = token.get().strip();
      if (!PRINTABLE.matcher(text).matches()) {
        throw new IllegalStateException("it is empty, or has other characters than a token");
      }
      headers.put(AUTHORIZATION, "Bearer " + text);
    } catch (Throwable error) { // whatever the supplier throws, the call ends
      applier.fail(
          Status.UNAUTHENTICATED
              .withDescription("the token could not be had: " + error.getMessage())
              .withCause(error));
      return;
    }
    applier.apply(headers);
  }

  @Override
  public void close() {
    threads.shutdownNow();
  }
}
