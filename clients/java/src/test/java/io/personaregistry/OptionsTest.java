package io.personaregistry;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class OptionsTest {
  private static PersonasBuilder local() {
    return Personas.builder("http://127.0.0.1:1");
  }

  private static void refused(String option, PersonasBuilder builder) {
    String message = assertThrows(IllegalArgumentException.class, builder::build).getMessage();
    assertTrue(message.contains(option), message);
  }

  @ParameterizedTest
  @CsvSource({
    "localhost, http://localhost:50051",
    "localhost:7, http://localhost:7",
    "https://a.example, https://a.example:50051",
    "HTTP://[::1]:9/, http://[::1]:9"
  })
  void targetsAreCompleted(String text, String target) {
    assertEquals(target, Target.parse(text).toString());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"", "ftp://a", "http://", "a:0", "a:65536", "a:b", "http://a/b", "u@a", "a b"})
  void otherTargetsAreRefused(String text) {
    refused("target", Personas.builder(text));
  }

  @Test
  void wrongOptionsAreRefused() {
    refused("namespace", local().namespace("-"));
    refused("namespace", local().namespace(""));
    refused("alias", local().alias("Production"));
    refused("names", local().names(List.of("a", "a")));
    refused("names", local().names(IntStream.range(0, 1_001).mapToObj(at -> "n" + at).toList()));
    refused("filter", local().filter("x".repeat(4_097)));
    refused("callTimeout", local().callTimeout(Duration.ZERO));
    refused("firstSyncTimeout", local().firstSyncTimeout(Duration.ofMillis(-1)));
    refused("retries", local().retries(-1));
    refused("backoffMost", local().backoff(Duration.ofSeconds(2), Duration.ofSeconds(1)));
    refused("progressInterval", local().progressInterval(Duration.ofMillis(999)));
    refused("caCert", local().caCert(Path.of("ca.pem")));
    refused("caCert", Personas.builder("https://a").caCert(Path.of("not-there.pem")));
  }

  @Test
  void certificatesAreReadAtOnce() throws IOException {
    Path damaged = Files.createTempFile("damaged", ".pem");
    try {
      refused("caCert", Personas.builder("https://a").caCert(damaged));
      refused("clientKey", Personas.builder("https://a").clientCert(damaged));
    } finally {
      Files.delete(damaged);
    }
  }

  @Test
  void tokensStayOnThisMachineWithoutTls() {
    refused("token", Personas.builder("http://127.0.0.1.example.com").token("t"));
    refused("token", Personas.builder("registry").token("t"));
    assertDoesNotThrow(() -> local().token("t").build().close());
    assertDoesNotThrow(() -> Personas.builder("https://registry").token("t").build().close());
    assertDoesNotThrow(
        () -> Personas.builder("registry").token("t").allowInsecureToken(true).build().close());
  }

  @Test
  void versionIsThatOfThePackage() throws IOException {
    String pom = Files.readString(Path.of("pom.xml"));
    assertTrue(pom.contains("<version>" + Connection.VERSION + "</version>\n  <packaging>"));
  }
}
