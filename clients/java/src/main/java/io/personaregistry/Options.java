package io.personaregistry;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Supplier;
import java.util.regex.Pattern;

/** What a client was told, checked. What may be null says so. */
record Options(
    Target target,
    Selection selection,
    Supplier<String> token, // null: none
    boolean allowInsecureToken,
    Path caCert, // null: the machine's
    Path clientCert, // null: none
    Path clientKey, // null: none
    String serverName, // null: the target's host
    Path snapshotPath, // null: nothing on disk
    Duration firstSyncTimeout,
    Duration callTimeout,
    int retries,
    Duration backoffFirst,
    Duration backoffMost,
    Duration progressInterval,
    Duration keepaliveTime,
    Duration keepaliveTimeout,
    Duration snapshotInterval,
    Set<Part> switchedOff) {

  private static final int MOST_NAMES = 1_000;
  private static final int MOST_FILTER_BYTES = 4_096;
  private static final int MOST_NAME_BYTES = 64;
  private static final int MOST_RETRIES = 10;
  private static final Duration LONGEST = Duration.ofDays(1);
  private static final Duration SHORTEST = Duration.ofMillis(1);
  private static final Pattern NAME = Pattern.compile("[a-z0-9]+([._-][a-z0-9]+)*");

  /** Which personas are followed: what a copy on disk and a resume token are of. */
  record Selection(
      String target, String namespace, String alias, String filter, List<String> names) {}

  /** A part that the conformance driver takes out, so that the suite can show that it notices. */
  enum Part {
    CACHE,
    BACKOFF,
    RESUME,
    SWEEP
  }

  Options {
    switchedOff = Set.copyOf(switchedOff);
    name("namespace", selection.namespace);
    if (!selection.alias.isEmpty()) {
      name("alias", selection.alias);
    }
    require(selection.names.size() <= MOST_NAMES, "names: at most " + MOST_NAMES);
    require(
        new HashSet<>(selection.names).size() == selection.names.size(), "names: one stands twice");
    selection.names.forEach(name -> name("names", name));
    require(
        selection.filter.getBytes(StandardCharsets.UTF_8).length <= MOST_FILTER_BYTES,
        "filter: at most " + MOST_FILTER_BYTES + " bytes");
    require(
        token == null || target.tls() || target.isLoopback() || allowInsecureToken,
        "token: over plain HTTP it goes to this machine only; use https, or allowInsecureToken");
    require(
        target.tls() || (caCert == null && clientCert == null && serverName == null),
        "caCert, clientCert and serverName are for targets with https");
    file("caCert", caCert);
    file("clientCert", clientCert);
    file("clientKey", clientKey);
    require((clientCert == null) == (clientKey == null), "clientCert and clientKey go together");
    require(serverName == null || !serverName.isBlank(), "serverName: it is empty");
    within("firstSyncTimeout", firstSyncTimeout, Duration.ZERO, LONGEST);
    within("callTimeout", callTimeout, SHORTEST, LONGEST);
    require(retries >= 0 && retries <= MOST_RETRIES, "retries: 0 to " + MOST_RETRIES);
    within("backoffFirst", backoffFirst, SHORTEST, LONGEST);
    within("backoffMost", backoffMost, backoffFirst, LONGEST);
    within("progressInterval", progressInterval, Duration.ofSeconds(1), Duration.ofSeconds(60));
    within("keepaliveTime", keepaliveTime, Duration.ofSeconds(10), LONGEST);
    within("keepaliveTimeout", keepaliveTimeout, SHORTEST, LONGEST);
    within("snapshotInterval", snapshotInterval, Duration.ZERO, LONGEST);
  }

  boolean isOff(Part part) {
    return switchedOff.contains(part);
  }

  private static void require(boolean holds, String otherwise) {
    if (!holds) {
      throw new IllegalArgumentException(otherwise);
    }
  }

  private static void name(String option, String value) {
    require(!value.equals("-"), option + ": `-` is refused: a name means one persona");
    require(
        value.length() <= MOST_NAME_BYTES && NAME.matcher(value).matches(),
        option
            + ": `"
            + value
            + "` is not 1 to 64 lower-case letters and digits, with single `.`, `_` or `-` between");
  }

  private static void file(String option, Path path) {
    require(path == null || Files.isReadable(path), option + ": " + path + " cannot be read");
  }

  private static void within(String option, Duration value, Duration least, Duration most) {
    require(
        value.compareTo(least) >= 0 && value.compareTo(most) <= 0,
        option + ": " + value + " is not within " + least + " and " + most);
  }
}
