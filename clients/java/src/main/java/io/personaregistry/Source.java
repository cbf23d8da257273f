package io.personaregistry;

/** Where what is read comes from, the freshest first. */
public enum Source {
  /** From memory, and the stream stands: it is current. */
  LIVE,
  /** From memory: it was live, and the stream is down or is catching up. */
  CACHED,
  /** From the copy on disk: it was not live since the start. */
  DISK,
  /** Nothing was ever held: it is the caller's own text. */
  FALLBACK
}
