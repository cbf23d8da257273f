package io.personaregistry;

import io.personaregistry.v1.Persona;
import io.personaregistry.v1.PersonaChange;
import io.personaregistry.v1.WatchPersonasResponse;
import io.personaregistry.v1.WatchPersonasResponse.Changes;
import java.util.HashMap;
import java.util.Map;

/** Puts together what the messages of one stream say. Nothing half-read gets out. */
final class Assembly {
  private final boolean sweeps;
  private final boolean keepsTokens;
  private final boolean resumed;
  private Contents held;
  private Map<String, Persona> snapshot; // null: none is being read
  private Map<String, Persona> group; // null: no revision is being read
  private String storeId = "";
  private long goal;
  private boolean caughtUp;

  /** Of a stream that begins where these contents end: with a snapshot, if they have no token. */
  Assembly(Contents held, boolean sweeps, boolean keepsTokens) {
    this.held = held;
    this.sweeps = sweeps;
    this.keepsTokens = keepsTokens;
    this.resumed = !held.resumeToken().isEmpty();
    this.storeId = held.storeId();
  }

  boolean hasCaughtUp() {
    return caughtUp;
  }

  /** What is held after this message, which came now. */
  Contents apply(WatchPersonasResponse message, long now) {
    Map<String, Persona> personas = held.personas();
    long revision = held.revision();
    switch (message.getEventCase()) {
      case OPENED -> {
        storeId = message.getOpened().getHeader().getStoreId();
        goal = message.getOpened().getHeader().getRevision();
        caughtUp = resumed && revision >= goal;
        snapshot = resumed ? null : new HashMap<>();
      }
      case SNAPSHOT -> {
        for (Persona persona : message.getSnapshot().getPersonasList()) {
          snapshot.put(persona.getName(), persona);
        }
      }
      case SYNCED -> {
        if (!sweeps) {
          personas.forEach(snapshot::putIfAbsent);
        }
        personas = snapshot;
        snapshot = null;
        revision = message.getSynced().getRevision();
        caughtUp = true;
      }
      case CHANGES -> {
        Changes changes = message.getChanges();
        if (group == null) {
          group = new HashMap<>(personas);
        }
        changes.getChangesList().forEach(this::change);
        if (!changes.getFragment()) {
          personas = group;
          group = null;
          revision = changes.getRevision();
        }
      }
      case PROGRESS -> revision = Math.max(revision, message.getProgress().getRevision());
      case CLOSING, EVENT_NOT_SET -> {}
    }
    if (snapshot != null || group != null) {
      return held;
    }
    caughtUp |= revision >= goal;
    Source source = caughtUp ? Source.LIVE : held.source();
    held =
        new Contents(
            personas,
            revision,
            source,
            caughtUp ? now : held.asOf(),
            storeId,
            token(message.getResumeToken()));
    return held;
  }

  private void change(PersonaChange change) {
    Persona persona = change.getPersona();
    switch (change.getType()) {
      case TYPE_CREATED, TYPE_UPDATED -> group.put(persona.getName(), persona);
      case TYPE_DELETED, TYPE_LEFT -> group.remove(persona.getName());
      case TYPE_UNSPECIFIED, UNRECOGNIZED -> {}
    }
  }

  private String token(String brought) {
    return !keepsTokens ? "" : brought.isEmpty() ? held.resumeToken() : brought;
  }
}
