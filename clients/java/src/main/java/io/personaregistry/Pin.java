package io.personaregistry;

import java.util.List;
import java.util.function.Supplier;

/**
 * What was held at one moment. It answers the same for as long as it is kept, whatever changes
 * meanwhile: a run of an agent takes one at its beginning.
 */
public final class Pin {
  private final Contents contents;
  private final String namespace;
  private final long now = System.nanoTime();
  private final Supplier<PersonaException> why;

  Pin(Contents contents, String namespace, Supplier<PersonaException> why) {
    this.contents = contents;
    this.namespace = namespace;
    this.why = why;
  }

  /**
   * A persona as it was held.
   *
   * @param name the persona
   * @return what was held
   * @throws PersonaException.NotFound it was not held
   * @throws PersonaException nothing was held, for this reason
   */
  public Held get(String name) {
    return contents.get(namespace, name, null, now, why);
  }

  /**
   * A persona as it was held, or the caller's own text where nothing was.
   *
   * @param name the persona
   * @param fallback the text
   * @return what was held, or the fallback
   * @throws PersonaException.NotFound others were held, and this was not
   */
  public Held get(String name, String fallback) {
    return contents.get(namespace, name, fallback, now, why);
  }

  /**
   * What was held.
   *
   * @return the names, sorted
   */
  public List<String> names() {
    return contents.names();
  }
}
