package io.personaregistry;

import io.grpc.CallCredentials;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ChannelCredentials;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptor;
import io.grpc.ClientInterceptors;
import io.grpc.ConnectivityState;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.ManagedChannelBuilder;
import io.grpc.MethodDescriptor;
import io.grpc.TlsChannelCredentials;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/**
 * The channel to the registry.
 *
 * <p>gRPC for Java waits 1 s to 2 min before it connects anew after a failure, and fails all calls
 * meanwhile. This client has waits of its own, so it tells the channel to forget a failed
 * connection before it tries again.
 */
final class Connection implements AutoCloseable {
  static final String VERSION = "0.1.0";
  private static final int MOST_METADATA_BYTES = 16 * 1024;
  private static final long CALLS_RENEW_NANOS = Duration.ofMillis(50).toNanos();

  private final ManagedChannel channel;
  private final Channel signed;
  private final BearerToken token;
  private final AtomicLong nextRenewal = new AtomicLong(System.nanoTime());

  Connection(Options options) {
    ManagedChannelBuilder<?> builder;
    try {
      String name = "dns:///" + options.target().authority();
      builder = Grpc.newChannelBuilder(name, credentials(options));
    } catch (IOException | RuntimeException error) {
      throw new IllegalArgumentException(
          "caCert, clientCert or clientKey is of no use: " + error.getMessage(), error);
    }
    if (options.serverName() != null) {
      builder.overrideAuthority(options.serverName());
    }
    channel =
        builder
            .userAgent("persona-java/" + VERSION)
            .disableServiceConfigLookUp()
            .maxInboundMetadataSize(MOST_METADATA_BYTES)
            .keepAliveTime(options.keepaliveTime().toMillis(), TimeUnit.MILLISECONDS)
            .keepAliveTimeout(options.keepaliveTimeout().toMillis(), TimeUnit.MILLISECONDS)
            .build();
    token = options.token() == null ? null : new BearerToken(options.token());
    signed = token == null ? channel : ClientInterceptors.intercept(channel, new Signer(token));
  }

  /** What calls go over: they carry the token. */
  Channel channel() {
    return signed;
  }

  /** Before an attempt of the stream: a connection that failed is forgotten. */
  void renewForStream() {
    if (channel.getState(false) == ConnectivityState.TRANSIENT_FAILURE) {
      channel.enterIdle();
    }
  }

  /** Before an attempt of a call: the same, but not for each of many calls a second. */
  void renewForCall() {
    long now = System.nanoTime();
    long next = nextRenewal.get();
    if (now - next >= 0 && nextRenewal.compareAndSet(next, now + CALLS_RENEW_NANOS)) {
      renewForStream();
    }
  }

  /** The connection is silent: what comes next takes a new one. */
  void abandon() {
    channel.enterIdle();
  }

  boolean isClosed() {
    return channel.isShutdown();
  }

  @Override
  public void close() {
    channel.shutdownNow();
    if (token != null) {
      token.close();
    }
  }

  private static ChannelCredentials credentials(Options options) throws IOException {
    if (!options.target().tls()) {
      return InsecureChannelCredentials.create();
    }
    TlsChannelCredentials.Builder tls = TlsChannelCredentials.newBuilder();
    if (options.caCert() != null) {
      requireCertificates(options.caCert());
      tls.trustManager(options.caCert().toFile());
    }
    if (options.clientCert() != null) {
      tls.keyManager(options.clientCert().toFile(), options.clientKey().toFile());
    }
    return tls.build();
  }

  /** TLS itself takes a file without any, and then trusts nobody. */
  private static void requireCertificates(Path path) throws IOException {
    try (InputStream file = Files.newInputStream(path)) {
      if (CertificateFactory.getInstance("X.509").generateCertificates(file).isEmpty()) {
        throw new IOException(path + " has no certificate");
      }
    } catch (CertificateException error) {
      throw new IOException(path + ": " + error.getMessage(), error);
    }
  }

  private record Signer(CallCredentials token) implements ClientInterceptor {
    @Override
    public <Q, A> ClientCall<Q, A> interceptCall(
        MethodDescriptor<Q, A> method, CallOptions options, Channel next) {
      return next.newCall(method, options.withCallCredentials(token));
    }
  }
}
