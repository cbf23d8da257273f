package io.personaregistry;

/** What a client is doing. */
public enum State {
  /** It was not used yet, and is not connected. */
  IDLE,
  /** Its first stream is being opened, or catches up. */
  CONNECTING,
  /** Its stream stands and has caught up. */
  LIVE,
  /** A stream ended, and the next is waited for, being opened, or catching up. */
  RECONNECTING,
  /** It was closed. */
  CLOSED
}
