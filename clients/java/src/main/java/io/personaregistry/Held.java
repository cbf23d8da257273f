package io.personaregistry;

import io.personaregistry.v1.Persona;
import java.time.Duration;
import java.util.Optional;

/**
 * A persona as it was when it was read. It does not change afterwards.
 *
 * @param persona the message; of a fallback only its name and body are set
 * @param revision the registry's revision that it is true of; 0 of a fallback
 * @param source where it comes from
 * @param age how long ago it was known to be current: zero of {@link Source#LIVE}, empty of a
 *     fallback
 */
public record Held(Persona persona, long revision, Source source, Optional<Duration> age) {

  /**
   * The persona's version.
   *
   * @return from 1 on; 0 of a fallback
   */
  public long version() {
    return persona.getVersion();
  }

  /**
   * The text after the front matter: the system prompt.
   *
   * @return the body; of a fallback its text
   */
  public String body() {
    return persona.getBody();
  }

  /**
   * The whole document, front matter and body, as it was put.
   *
   * @return the document; of a fallback its text
   */
  public String document() {
    return persona.getFrontMatter() + persona.getBody();
  }

  static Held fallback(String name, String text) {
    Persona persona = Persona.newBuilder().setName(name).setBody(text).build();
    return new Held(persona, 0, Source.FALLBACK, Optional.empty());
  }
}
