package io.personaregistry;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.personaregistry.Options.Selection;
import io.personaregistry.v1.Persona;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.time.Instant;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class SnapshotFileTest {
  private static final Selection SELECTION =
      new Selection(
          "http://h:1", "payments", "production", "labels.team = \"<a>\"", List.of("a", "b"));
  private static final Contents CONTENTS =
      new Contents(
          Map.of("b", Messages.persona("b", 2), "a", Messages.persona("a", 1)),
          12,
          Source.LIVE,
          0,
          "store",
          "token");

  @TempDir private Path folder;

  private Path path() {
    return folder.resolve("personas.snapshot");
  }

  private SnapshotFile file() {
    return new SnapshotFile(path(), SELECTION);
  }

  private void refused(String word) {
    String message = assertThrows(IOException.class, file()::read).getMessage();
    assertTrue(message.contains(word), message);
  }

  /** Writes these lines under their own digest. */
  private void sealed(List<String> lines) throws Exception {
    String rest = String.join("\n", lines) + "\n";
    String digest =
        HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(rest.getBytes(UTF_8)));
    Files.writeString(path(), "persona-snapshot 1 sha256:" + digest + "\n" + rest);
  }

  private List<String> linesAfterFirst() throws IOException {
    List<String> lines = Files.readAllLines(path());
    return lines.subList(1, lines.size());
  }

  @Test
  void whatIsWrittenIsRead() throws IOException {
    file().write(CONTENTS);
    Contents read = file().read();
    assertEquals(CONTENTS.personas(), read.personas());
    assertEquals(12, read.revision());
    assertEquals(Source.DISK, read.source());
    assertEquals("store", read.storeId());
    assertEquals("token", read.resumeToken());
  }

  @Test
  void formatIsThatOfAllLanguages() throws Exception {
    file().write(CONTENTS);
    List<String> lines = Files.readAllLines(path());
    JsonObject head = JsonParser.parseString(lines.get(1)).getAsJsonObject();
    String time = head.remove("time").getAsString();
    assertTrue(!Instant.parse(time).isAfter(Instant.now()), time);
    assertEquals(
        "{\"target\":\"http://h:1\",\"namespace\":\"payments\",\"alias\":\"production\","
            + "\"filter\":\"labels.team = \\\"<a>\\\"\",\"names\":[\"a\",\"b\"],"
            + "\"store_id\":\"store\",\"revision\":\"12\",\"resume_token\":\"token\"}",
        head.toString().replace("\\u003c", "<").replace("\\u003e", ">"));
    Persona first = Persona.parseFrom(Base64.getDecoder().decode(lines.get(2)));
    assertEquals("a", first.getName());
    assertEquals(4, lines.size());
    String before = Files.readString(path());
    sealed(linesAfterFirst());
    assertEquals(Files.readString(path()), before);
    assertEquals("rw-------", PosixFilePermissions.toString(Files.getPosixFilePermissions(path())));
  }

  @Test
  void noFileIsNoContents() throws IOException {
    assertSame(Contents.NONE, file().read());
  }

  @Test
  void damagedFilesAreRefused() throws Exception {
    Files.writeString(path(), "");
    refused("does not begin");
    Files.writeString(path(), "persona-snapshot 2 sha256:");
    refused("does not begin");
    file().write(CONTENTS);
    byte[] bytes = Files.readAllBytes(path());
    bytes[bytes.length - 3] ^= 1;
    Files.write(path(), bytes);
    refused("digest");
    sealed(List.of());
    refused("damaged");
    sealed(List.of("{\"target\":\"http://h:1\"}"));
    refused("damaged");
    file().write(CONTENTS);
    sealed(List.of(linesAfterFirst().get(0), "not base64"));
    refused("damaged");
    Files.delete(path());
    Files.createDirectory(path());
    refused("no file");
  }

  @Test
  void otherSelectionIsRefused() throws IOException {
    Selection other = new Selection("http://h:1", "payments", "staging", "", List.of());
    new SnapshotFile(path(), other).write(CONTENTS);
    refused("another selection");
  }

  @Test
  void nameThatStandsTwiceIsLeftOutAndAskedForAnew() throws Exception {
    file().write(CONTENTS);
    List<String> lines = linesAfterFirst();
    sealed(List.of(lines.get(0), lines.get(1), lines.get(1), lines.get(2)));
    Contents read = file().read();
    assertEquals(List.of("b"), read.names());
    assertEquals("", read.resumeToken());
  }

  @Test
  void whatAKilledWriterLeftIsRemoved() throws IOException {
    Path left = Files.writeString(folder.resolve(".personas.snapshot.1.tmp"), "half");
    Path busy = Files.writeString(folder.resolve(".personas.snapshot.2.tmp"), "half");
    Path other = Files.writeString(folder.resolve(".other.1.tmp"), "half");
    FileTime old = FileTime.from(Instant.EPOCH);
    Files.setLastModifiedTime(left, old);
    Files.setLastModifiedTime(other, old);
    assertSame(Contents.NONE, file().read());
    assertTrue(Files.notExists(left));
    assertTrue(Files.exists(busy) && Files.exists(other));
  }
}
