package io.personaregistry;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonParseException;
import com.google.protobuf.InvalidProtocolBufferException;
import io.personaregistry.Options.Selection;
import io.personaregistry.v1.Persona;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.lang.System.Logger.Level;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Base64;
import java.util.HashMap;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The copy on disk. Its format is the same for clients in all languages: a line with the digest of
 * all bytes after it, a line that says of what the copy is, and a line for each persona.
 */
final class SnapshotFile {
  private static final System.Logger LOG = System.getLogger(SnapshotFile.class.getName());
  private static final Pattern FIRST_LINE =
      Pattern.compile("persona-snapshot 1 sha256:([0-9a-f]{64})");
  private static final Gson GSON = new GsonBuilder().disableHtmlEscaping().create();
  private static final long MOST_BYTES = 1L << 30;
  private static final Duration LEFT_BEHIND = Duration.ofMinutes(1);

  private final Path path;
  private final Selection selection;

  SnapshotFile(Path path, Selection selection) {
    this.path = path.toAbsolutePath();
    this.selection = selection;
  }

  /** The second line. The names of its components are those of its keys. */
  private record Head(
      String target,
      String namespace,
      String alias,
      String filter,
      List<String> names,
      String store_id,
      String revision,
      String resume_token,
      String time) {

    Selection selection() {
      return new Selection(target, namespace, alias, filter, names.stream().sorted().toList());
    }
  }

  /**
   * What the file holds; {@link Contents#NONE}: there is none.
   *
   * @throws IOException it cannot be read, is damaged, or is of another selection
   */
  Contents read() throws IOException {
    removeLeftovers();
    byte[] bytes;
    try {
      if (Files.exists(path) && (!Files.isRegularFile(path) || Files.size(path) > MOST_BYTES)) {
        throw new IOException("it is no file, or too large");
      }
      bytes = Files.readAllBytes(path);
    } catch (NoSuchFileException none) {
      return Contents.NONE;
    }
    int end = 0;
    while (end < bytes.length && bytes[end] != '\n') {
      end++;
    }
    Matcher first = FIRST_LINE.matcher(new String(bytes, 0, end, US_ASCII));
    if (!first.matches()) {
      throw new IOException("it does not begin as a copy does");
    }
    int start = Math.min(end + 1, bytes.length);
    MessageDigest digest = sha256();
    digest.update(bytes, start, bytes.length - start);
    if (!HexFormat.of().formatHex(digest.digest()).equals(first.group(1))) {
      throw new IOException("its digest is not that of its contents");
    }
    List<String> lines = new String(bytes, start, bytes.length - start, UTF_8).lines().toList();
    try {
      Head head = GSON.fromJson(lines.isEmpty() ? "{}" : lines.get(0), Head.class);
      if (!head.selection().equals(selection)) {
        throw new IOException("it is of another selection: " + head.selection());
      }
      Map<String, Persona> personas = new HashMap<>();
      Set<String> twice = new HashSet<>();
      for (String line : lines.subList(1, lines.size())) {
        Persona persona = Persona.parseFrom(Base64.getDecoder().decode(line));
        if (personas.putIfAbsent(persona.getName(), persona) != null) {
          twice.add(persona.getName());
        }
      }
      for (String name : twice) {
        LOG.log(Level.WARNING, "`" + name + "` stands twice in " + path + " and is left out");
      }
      personas.keySet().removeAll(twice);
      Duration age = Duration.between(Instant.parse(head.time), Instant.now());
      long asOf = System.nanoTime() - Math.max(0, age.toNanos());
      String token =
          twice.isEmpty() ? head.resume_token : ""; // a snapshot brings what was left out
      return new Contents(
          personas, Long.parseLong(head.revision), Source.DISK, asOf, head.store_id, token);
    } catch (JsonParseException
        | DateTimeException
        | ArithmeticException
        | IllegalArgumentException
        | NullPointerException // a key that is not there
        | InvalidProtocolBufferException error) {
      throw new IOException("it is damaged: " + error, error);
    }
  }

  /** Takes the place of what is there, in one step. */
  void write(Contents contents) throws IOException {
    Instant time = Instant.now().minus(contents.age(System.nanoTime()).orElse(Duration.ZERO));
    byte[] head =
        GSON.toJson(
                new Head(
                    selection.target(),
                    selection.namespace(),
                    selection.alias(),
                    selection.filter(),
                    selection.names(),
                    contents.storeId(),
                    Long.toString(contents.revision()),
                    contents.resumeToken(),
                    time.truncatedTo(ChronoUnit.MILLIS).toString()))
            .getBytes(UTF_8);
    MessageDigest digest = sha256();
    emit(head, contents, new DigestOutputStream(OutputStream.nullOutputStream(), digest));
    String first = "persona-snapshot 1 sha256:" + HexFormat.of().formatHex(digest.digest()) + "\n";
    // Its mode is 0600 where there are modes.
    Path temporary = Files.createTempFile(path.getParent(), prefix(), ".tmp");
    try {
      try (FileChannel file = FileChannel.open(temporary, StandardOpenOption.WRITE);
          OutputStream out = new BufferedOutputStream(Channels.newOutputStream(file))) {
        out.write(first.getBytes(US_ASCII));
        emit(head, contents, out);
        out.flush();
        file.force(true);
      }
      Files.move(
          temporary, path, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } finally {
      Files.deleteIfExists(temporary);
    }
  }

  private static void emit(byte[] head, Contents contents, OutputStream out) throws IOException {
    out.write(head);
    out.write('\n');
    for (String name : contents.names()) {
      out.write(Base64.getEncoder().encode(contents.personas().get(name).toByteArray()));
      out.write('\n');
    }
  }

  private String prefix() {
    return "." + path.getFileName() + ".";
  }

  /**
   * What writers that were killed left. A writer that is at it now has touched its file just now.
   */
  private void removeLeftovers() {
    Instant before = Instant.now().minus(LEFT_BEHIND);
    String pattern = prefix().replaceAll("[*?\\[\\]{}\\\\]", "?") + "*.tmp";
    try (var files = Files.newDirectoryStream(path.getParent(), pattern)) {
      for (Path file : files) {
        if (Files.getLastModifiedTime(file).toInstant().isBefore(before)) {
          Files.deleteIfExists(file);
        }
      }
    } catch (IOException error) {
      LOG.log(Level.DEBUG, "what is left beside " + path + " cannot be looked at", error);
    }
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException error) {
      throw new IllegalStateException("every Java has SHA-256", error);
    }
  }
}
