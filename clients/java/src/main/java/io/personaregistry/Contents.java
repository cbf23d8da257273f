package io.personaregistry;

import io.personaregistry.v1.Persona;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * What is held at one moment. Never changed: the next moment has another.
 *
 * @param personas by name; whoever made the map does not touch it any more
 * @param revision what it is true of
 * @param source {@link Source#FALLBACK}: nothing was ever held
 * @param asOf when it was known to be current, by {@link System#nanoTime}; of LIVE: now
 * @param storeId the store that revision and token are of
 * @param resumeToken where a stream goes on from; empty: with a snapshot
 */
record Contents(
    Map<String, Persona> personas,
    long revision,
    Source source,
    long asOf,
    String storeId,
    String resumeToken) {

  static final Contents NONE = new Contents(Map.of(), 0, Source.FALLBACK, 0, "", "");
  private static final Optional<Duration> NO_TIME = Optional.of(Duration.ZERO);

  boolean isHeld() {
    return source != Source.FALLBACK;
  }

  Optional<Duration> age(long now) {
    return switch (source) {
      case LIVE -> NO_TIME;
      case CACHED, DISK -> Optional.of(Duration.ofNanos(Math.max(0, now - asOf)));
      case FALLBACK -> Optional.empty();
    };
  }

  /** The fallback may be null: there is none. */
  Held get(
      String namespace, String name, String fallback, long now, Supplier<PersonaException> why) {
    Persona persona = personas.get(name);
    if (persona != null) {
      return new Held(persona, revision, source, age(now));
    }
    if (isHeld()) {
      throw PersonaException.notFound(namespace, name);
    }
    if (fallback == null) {
      throw why.get();
    }
    return Held.fallback(name, fallback);
  }

  List<String> names() {
    return personas.keySet().stream().sorted().toList();
  }

  /** The stream that kept it current is gone. */
  Contents cached(long lastKnown) {
    return source == Source.LIVE
        ? new Contents(personas, revision, Source.CACHED, lastKnown, storeId, resumeToken)
        : this;
  }

  /** The place in the registry's history is of no use any more. */
  Contents withoutToken() {
    return new Contents(personas, revision, source, asOf, storeId, "");
  }
}
