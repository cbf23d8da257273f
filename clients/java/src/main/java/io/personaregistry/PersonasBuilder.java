package io.personaregistry;

import io.personaregistry.Options.Part;
import io.personaregistry.Options.Selection;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.function.Supplier;

/** Collects the options of a {@link Personas}. */
public final class PersonasBuilder {
  private final String target;
  private String namespace = "default";
  private String alias = "";
  private List<String> names = List.of();
  private String filter = "";
  private Supplier<String> token;
  private boolean allowInsecureToken;
  private Path caCert;
  private Path clientCert;
  private Path clientKey;
  private String serverName;
  private Path snapshotPath;
  private Duration firstSyncTimeout = Duration.ofSeconds(5);
  private Duration callTimeout = Duration.ofSeconds(10);
  private int retries = 3;
  private Duration backoffFirst = Duration.ofSeconds(1);
  private Duration backoffMost = Duration.ofSeconds(30);
  private Duration progressInterval = Duration.ofSeconds(15);
  private Duration keepaliveTime = Duration.ofSeconds(30);
  private Duration keepaliveTimeout = Duration.ofSeconds(10);
  private Duration snapshotInterval = Duration.ofSeconds(1);
  private Set<Part> switchedOff = Set.of();

  PersonasBuilder(String target) {
    this.target = Objects.requireNonNull(target, "target");
  }

  /**
   * The namespace to follow.
   *
   * @param namespace one; default: {@code default}
   * @return this
   */
  public PersonasBuilder namespace(String namespace) {
    this.namespace = Objects.requireNonNull(namespace, "namespace");
    return this;
  }

  /**
   * The alias whose versions are followed.
   *
   * @param alias such as {@code production}; default: none, the newest versions
   * @return this
   */
  public PersonasBuilder alias(String alias) {
    this.alias = Objects.requireNonNull(alias, "alias");
    return this;
  }

  /**
   * The names to follow.
   *
   * @param names at most 1,000, each once; default: all
   * @return this
   */
  public PersonasBuilder names(Collection<String> names) {
    this.names = names.stream().sorted().toList();
    return this;
  }

  /**
   * Follows only the personas that this matches.
   *
   * @param filter as in {@code ListPersonas}, such as {@code labels.team = "payments"}; default:
   *     none
   * @return this
   */
  public PersonasBuilder filter(String filter) {
    this.filter = Objects.requireNonNull(filter, "filter");
    return this;
  }

  /**
   * The token that says who calls.
   *
   * @param token without {@code Bearer}; default: none
   * @return this
   */
  public PersonasBuilder token(String token) {
    Objects.requireNonNull(token, "token");
    return token(() -> token);
  }

  /**
   * Where the token that says who calls comes from.
   *
   * @param token asked anew for each call and each stream, on threads of its own; may wait
   * @return this
   */
  public PersonasBuilder token(Supplier<String> token) {
    this.token = Objects.requireNonNull(token, "token");
    return this;
  }

  /**
   * Whether a token may go to another machine over plain HTTP.
   *
   * @param allow default: false
   * @return this
   */
  public PersonasBuilder allowInsecureToken(boolean allow) {
    this.allowInsecureToken = allow;
    return this;
  }

  /**
   * The authorities that the registry's certificate must come from.
   *
   * @param path a PEM file; default: those that this Java trusts
   * @return this
   */
  public PersonasBuilder caCert(Path path) {
    this.caCert = path;
    return this;
  }

  /**
   * The certificate that this client shows.
   *
   * @param path a PEM file; default: none
   * @return this
   */
  public PersonasBuilder clientCert(Path path) {
    this.clientCert = path;
    return this;
  }

  /**
   * The key of the certificate that this client shows.
   *
   * @param path a PEM file, PKCS#8, not encrypted; default: none
   * @return this
   */
  public PersonasBuilder clientKey(Path path) {
    this.clientKey = path;
    return this;
  }

  /**
   * The name that the registry's certificate must be for.
   *
   * @param name default: the target's host
   * @return this
   */
  public PersonasBuilder serverName(String name) {
    this.serverName = name;
    return this;
  }

  /**
   * Where to keep a copy for a start without the registry.
   *
   * @param path a file in a folder that is there; default: nothing on disk
   * @return this
   */
  public PersonasBuilder snapshotPath(Path path) {
    this.snapshotPath = path;
    return this;
  }

  /**
   * How long the first reads wait for the very first contents.
   *
   * @param timeout default: 5 s; zero: not at all
   * @return this
   */
  public PersonasBuilder firstSyncTimeout(Duration timeout) {
    this.firstSyncTimeout = Objects.requireNonNull(timeout, "firstSyncTimeout");
    return this;
  }

  /**
   * The deadline of one attempt of a call. A stream has none.
   *
   * @param timeout default: 10 s
   * @return this
   */
  public PersonasBuilder callTimeout(Duration timeout) {
    this.callTimeout = Objects.requireNonNull(timeout, "callTimeout");
    return this;
  }

  /**
   * Further attempts of a call that got no decision.
   *
   * @param retries 0 to 10; default: 3
   * @return this
   */
  public PersonasBuilder retries(int retries) {
    this.retries = retries;
    return this;
  }

  /**
   * The waits between attempts to open the stream: random, up to the first, doubling up to the
   * most.
   *
   * @param first default: 1 s
   * @param most default: 30 s
   * @return this
   */
  public PersonasBuilder backoff(Duration first, Duration most) {
    this.backoffFirst = Objects.requireNonNull(first, "first");
    this.backoffMost = Objects.requireNonNull(most, "most");
    return this;
  }

  /**
   * How often the registry says that all is quiet. Three of them without a message, and the stream
   * is dead.
   *
   * @param interval 1 s to 60 s; default: 15 s
   * @return this
   */
  public PersonasBuilder progressInterval(Duration interval) {
    this.progressInterval = Objects.requireNonNull(interval, "progressInterval");
    return this;
  }

  /**
   * When a connection without traffic is asked whether it lives.
   *
   * @param time of silence, at least 10 s; default: 30 s
   * @param timeout for the answer; default: 10 s
   * @return this
   */
  public PersonasBuilder keepalive(Duration time, Duration timeout) {
    this.keepaliveTime = Objects.requireNonNull(time, "time");
    this.keepaliveTimeout = Objects.requireNonNull(timeout, "timeout");
    return this;
  }

  /**
   * The least time between two writings of the copy on disk.
   *
   * @param interval default: 1 s
   * @return this
   */
  public PersonasBuilder snapshotInterval(Duration interval) {
    this.snapshotInterval = Objects.requireNonNull(interval, "snapshotInterval");
    return this;
  }

  /** For the conformance driver only. */
  PersonasBuilder switchOff(Set<Part> parts) {
    this.switchedOff = parts;
    return this;
  }

  /**
   * Makes the client. Nothing is connected yet.
   *
   * @return the client; close it once it is not needed any more
   * @throws IllegalArgumentException an option is wrong; the message says which and why
   */
  public Personas build() {
    Target where = Target.parse(target);
    return new Personas(
        new Options(
            where,
            new Selection(where.toString(), namespace, alias, filter, names),
            token,
            allowInsecureToken,
            caCert,
            clientCert,
            clientKey,
            serverName,
            snapshotPath,
            firstSyncTimeout,
            callTimeout,
            retries,
            backoffFirst,
            backoffMost,
            progressInterval,
            keepaliveTime,
            keepaliveTimeout,
            snapshotInterval,
            switchedOff));
  }
}
