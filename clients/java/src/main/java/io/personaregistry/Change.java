package io.personaregistry;

import io.personaregistry.v1.Persona;
import java.util.Objects;
import java.util.Optional;

/**
 * What became of one persona, as seen by one subscriber.
 *
 * @param type what happened
 * @param name the persona's name
 * @param before the persona as it was told last; empty: {@link Type#CREATED}
 * @param after the persona as it is now; empty: {@link Type#REMOVED}
 */
public record Change(Type type, String name, Optional<Persona> before, Optional<Persona> after) {

  /** What happened to a persona. */
  public enum Type {
    /** It was not held before. */
    CREATED,
    /** Another version is held. */
    UPDATED,
    /** It is not held any more: deleted, or not selected now. */
    REMOVED
  }

  /**
   * The change from one persona to the other, either of which may be null; empty: they are the
   * same.
   */
  static Optional<Change> between(String name, Persona before, Persona after) {
    if (Objects.equals(before, after)) {
      return Optional.empty();
    }
    Type type = before == null ? Type.CREATED : after == null ? Type.REMOVED : Type.UPDATED;
    return Optional.of(
        new Change(type, name, Optional.ofNullable(before), Optional.ofNullable(after)));
  }

  /** This change and a later one as one; empty: nothing is left of both. */
  Optional<Change> then(Change later) {
    return between(name, before.orElse(null), later.after.orElse(null));
  }
}
