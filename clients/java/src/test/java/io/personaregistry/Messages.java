package io.personaregistry;

import io.personaregistry.v1.Persona;
import io.personaregistry.v1.PersonaChange;
import io.personaregistry.v1.ResponseHeader;
import io.personaregistry.v1.WatchPersonasResponse;
import io.personaregistry.v1.WatchPersonasResponse.Changes;
import io.personaregistry.v1.WatchPersonasResponse.Opened;
import io.personaregistry.v1.WatchPersonasResponse.Progress;
import io.personaregistry.v1.WatchPersonasResponse.Snapshot;
import io.personaregistry.v1.WatchPersonasResponse.Synced;
import java.util.List;

/** Messages as the registry sends them. */
final class Messages {
  private Messages() {}

  static Persona persona(String name, long version) {
    return Persona.newBuilder()
        .setNamespace("default")
        .setName(name)
        .setVersion(version)
        .setFrontMatter("---\nname: " + name + "\n---\n")
        .setBody("# " + name + "\n\nIt is version " + version + ", says é.\n")
        .build();
  }

  static WatchPersonasResponse opened(long revision) {
    ResponseHeader header =
        ResponseHeader.newBuilder().setStoreId("store").setRevision(revision).build();
    return message().setOpened(Opened.newBuilder().setHeader(header)).build();
  }

  static WatchPersonasResponse snapshot(Persona... personas) {
    return message().setSnapshot(Snapshot.newBuilder().addAllPersonas(List.of(personas))).build();
  }

  static WatchPersonasResponse synced(long revision) {
    return message()
        .setSynced(Synced.newBuilder().setRevision(revision))
        .setResumeToken("t" + revision)
        .build();
  }

  static WatchPersonasResponse progress(long revision) {
    return message()
        .setProgress(Progress.newBuilder().setRevision(revision))
        .setResumeToken("t" + revision)
        .build();
  }

  static WatchPersonasResponse change(
      long revision, boolean fragment, PersonaChange.Type type, Persona persona) {
    PersonaChange change = PersonaChange.newBuilder().setType(type).setPersona(persona).build();
    return message()
        .setChanges(
            Changes.newBuilder().setRevision(revision).setFragment(fragment).addChanges(change))
        .setResumeToken(fragment ? "" : "t" + revision)
        .build();
  }

  private static WatchPersonasResponse.Builder message() {
    return WatchPersonasResponse.newBuilder();
  }
}
