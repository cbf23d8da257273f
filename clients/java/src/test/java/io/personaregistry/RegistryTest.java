package io.personaregistry;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.personaregistry.v1.GetPersonaRequest;
import io.personaregistry.v1.PersonaServiceGrpc;
import java.io.File;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Against a real server; skipped aloud where there is no binary of it. */
final class RegistryTest {
  private static final String BINARY =
      Optional.ofNullable(System.getenv("PERSONA_BIN")).orElse("../../target/debug/persona");
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  @TempDir private Path folder;
  private int port;
  private Process server;

  @BeforeEach
  void begin() throws IOException {
    if (!Files.isExecutable(Path.of(BINARY))) {
      System.err.println("SKIPPED: no server at " + BINARY + "; PERSONA_BIN says where it is");
      Assumptions.abort("no server");
    }
    try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      port = free.getLocalPort();
    }
    serve();
  }

  private void serve() throws IOException {
    ProcessBuilder builder =
        new ProcessBuilder(
            new File(BINARY).getAbsolutePath(),
            "serve",
            "--listen",
            "127.0.0.1:" + port,
            "--data-dir",
            folder.resolve("data").toString());
    builder.environment().remove("PERSONA_BIN"); // no setting of the server's
    server =
        builder
            .directory(folder.toFile())
            .redirectErrorStream(true)
            .redirectOutput(folder.resolve("server.log").toFile())
            .start();
  }

  @AfterEach
  void end() throws InterruptedException {
    if (server != null) {
      server.destroyForcibly().waitFor();
    }
  }

  private PersonasBuilder builder() {
    return Personas.builder("http://127.0.0.1:" + port)
        .firstSyncTimeout(PATIENCE)
        .backoff(Duration.ofMillis(20), Duration.ofMillis(100))
        .retries(10);
  }

  private static byte[] document(String name, String text) {
    return "---\nname: %s\ndescription: Tests %s. Use when testing.\n---\n# %s\n\n%s\n"
        .formatted(name, name, name, text)
        .getBytes(UTF_8);
  }

  @Test
  void keepsWhatItHadOverARestart() throws Exception {
    try (Personas personas = builder().build()) {
      assertThrows(PersonaException.NotFound.class, () -> personas.get("tester", "fallback"));
      BlockingQueue<Change> changes = new ArrayBlockingQueue<>(10);
      personas.onChange(changes::add);
      byte[] document = document("tester", "é and CRLF\r\n");
      personas.put(document, request -> {});
      Change created = changes.poll(PATIENCE.toSeconds(), TimeUnit.SECONDS);
      assertEquals(Change.Type.CREATED, created.type());
      Held held = personas.getAsync("tester").get();
      assertEquals(Source.LIVE, held.source());
      assertEquals(new String(document, UTF_8), held.document());
      Pin pin = personas.pin();

      server.destroyForcibly().waitFor();
      while (personas.status().state() == State.LIVE) {
        Thread.sleep(5);
      }
      assertEquals(Source.CACHED, personas.get("tester").source());
      serve();
      personas.ready(PATIENCE);
      assertEquals(1, personas.status().snapshots());
      personas.delete("tester", request -> {});
      Change removed = changes.poll(PATIENCE.toSeconds(), TimeUnit.SECONDS);
      assertEquals(Change.Type.REMOVED, removed.type());
      assertEquals(List.of(), personas.names());
      assertEquals(held, pin.get("tester"));
    }
  }

  @Test
  void stubsOfTheContractGoOverTheChannel() {
    try (Personas personas = builder().build()) {
      personas.put(document("tester", "one"), request -> {});
      var stub = PersonaServiceGrpc.newBlockingStub(personas.channel());
      var answer = stub.getPersona(GetPersonaRequest.newBuilder().setName("tester").build());
      assertEquals(1, answer.getPersona().getVersion());
    }
  }

  @Test
  void listsAllPages() {
    try (Personas personas = builder().build()) {
      for (String name : List.of("p1", "p2", "p3")) {
        personas.put(document(name, "one"), request -> {});
      }
      assertEquals(
          List.of("p1", "p2", "p3"),
          personas.list(request -> request.setPageSize(1)).map(each -> each.getName()).toList());
    }
  }

  @Test
  void hangingTokenHoldsNeitherReadsNorClose() throws Exception {
    CountDownLatch never = new CountDownLatch(1);
    Personas personas =
        builder()
            .firstSyncTimeout(Duration.ofMillis(10))
            .token(
                () -> {
                  try {
                    never.await();
                  } catch (InterruptedException interrupted) {
                    Thread.currentThread().interrupt();
                  }
                  return "late";
                })
            .build();
    assertEquals(Source.FALLBACK, personas.get("tester", "text").source());
    personas.close();
    assertNoThreads();
  }

  @Test
  void closeLeavesNoThread() throws Exception {
    Personas personas = builder().snapshotPath(folder.resolve("copy")).token("t").build();
    assertThrows(PersonaException.NotFound.class, () -> personas.get("tester"));
    personas.onChange(change -> {});
    personas.close();
    personas.close();
    assertEquals(State.CLOSED, personas.status().state());
    assertThrows(PersonaException.NotFound.class, () -> personas.get("tester", "text"));
    assertTrue(Files.exists(folder.resolve("copy")));
    assertNoThreads();
  }

  @Test
  void closedBeforeItWasUsed() {
    Personas personas = builder().build();
    personas.close();
    assertEquals(Source.FALLBACK, personas.get("tester", "text").source());
    assertThrows(PersonaException.Unavailable.class, () -> personas.get("tester"));
    assertThrows(PersonaException.Unavailable.class, () -> personas.ready(PATIENCE));
    assertThrows(PersonaException.Unavailable.class, () -> personas.fetch("tester"));
  }

  /** Those of this client end with it; gRPC ends its own, which it shares, a little later. */
  private static void assertNoThreads() throws InterruptedException {
    for (Thread thread : Thread.getAllStackTraces().keySet()) {
      if (thread.getName().startsWith("persona-registry")) {
        thread.join(PATIENCE.toMillis());
        assertTrue(!thread.isAlive(), thread.getName());
      }
    }
  }
}
