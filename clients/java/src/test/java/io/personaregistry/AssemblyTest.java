package io.personaregistry;

import static io.personaregistry.Messages.change;
import static io.personaregistry.Messages.opened;
import static io.personaregistry.Messages.persona;
import static io.personaregistry.Messages.progress;
import static io.personaregistry.Messages.snapshot;
import static io.personaregistry.Messages.synced;
import static io.personaregistry.v1.PersonaChange.Type.TYPE_CREATED;
import static io.personaregistry.v1.PersonaChange.Type.TYPE_DELETED;
import static io.personaregistry.v1.PersonaChange.Type.TYPE_LEFT;
import static io.personaregistry.v1.PersonaChange.Type.TYPE_UPDATED;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.personaregistry.v1.Persona;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

final class AssemblyTest {
  private static final long NOW = 7;

  private static Contents cached(long revision, Persona... personas) {
    Map<String, Persona> map =
        List.of(personas).stream().collect(Collectors.toMap(Persona::getName, each -> each));
    return new Contents(map, revision, Source.CACHED, 1, "store", "t" + revision);
  }

  @Test
  void snapshotIsSeenAtSyncedAndSweeps() {
    Contents before = cached(5, persona("old", 1), persona("kept", 1)).withoutToken();
    Assembly assembly = new Assembly(before, true, true);
    assertSame(before, assembly.apply(opened(9), NOW));
    assertSame(before, assembly.apply(snapshot(persona("kept", 2)), NOW));
    assertSame(before, assembly.apply(snapshot(persona("more", 1)), NOW));
    assertFalse(assembly.hasCaughtUp());
    Contents after = assembly.apply(synced(9), NOW);
    assertTrue(assembly.hasCaughtUp());
    assertEquals(List.of("kept", "more"), after.names());
    assertEquals(2, after.personas().get("kept").getVersion());
    assertEquals(new Contents(after.personas(), 9, Source.LIVE, NOW, "store", "t9"), after);
  }

  @Test
  void fragmentsAreSeenWithTheLast() {
    Assembly assembly = new Assembly(cached(5, persona("a", 1), persona("b", 1)), true, true);
    Contents before = assembly.apply(opened(5), NOW);
    assertSame(before, assembly.apply(change(6, true, TYPE_UPDATED, persona("a", 2)), NOW));
    assertSame(before, assembly.apply(change(6, true, TYPE_DELETED, persona("b", 1)), NOW));
    Contents after = assembly.apply(change(6, false, TYPE_CREATED, persona("c", 1)), NOW);
    assertEquals(List.of("a", "c"), after.names());
    assertEquals(2, after.personas().get("a").getVersion());
    assertEquals(List.of("a", "b"), before.names());
    assertEquals("t6", after.resumeToken());
  }

  @Test
  void resumedStreamCatchesUpAtTheRevisionOfOpened() {
    Assembly assembly = new Assembly(cached(5, persona("a", 1)), true, true);
    assertEquals(Source.CACHED, assembly.apply(opened(8), NOW).source());
    Contents halfway = assembly.apply(change(7, false, TYPE_LEFT, persona("a", 1)), NOW);
    assertEquals(Source.CACHED, halfway.source());
    assertEquals(1, halfway.asOf());
    assertEquals(List.of(), halfway.names());
    assertEquals(Source.LIVE, assembly.apply(progress(8), NOW).source());
  }

  @Test
  void resumedStreamThatMissedNothingIsLiveAtOnce() {
    Assembly assembly = new Assembly(cached(5, persona("a", 1)), true, true);
    Contents after = assembly.apply(opened(5), NOW);
    assertEquals(Source.LIVE, after.source());
    assertEquals("t5", after.resumeToken());
  }
}
