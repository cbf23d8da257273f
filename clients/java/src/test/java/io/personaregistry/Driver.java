package io.personaregistry;

import com.google.gson.Gson;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.personaregistry.Options.Part;
import io.personaregistry.v1.Diagnostic;
import io.personaregistry.v1.GetPersonaResponse;
import io.personaregistry.v1.ListPersonasRequest;
import io.personaregistry.v1.Persona;
import io.personaregistry.v1.PutPersonaRequest;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.function.BiFunction;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.Stream;

/** The conformance suite's driver: does what it reads from stdin, a JSON object a line. */
final class Driver {
  private static final Gson GSON = new Gson().newBuilder().serializeNulls().create();

  private final Map<String, Personas> clients = new HashMap<>();
  private final Map<String, Pin> pins = new HashMap<>();
  private final Map<String, List<Map<String, Object>>> subscriptions = new HashMap<>();

  public static void main(String[] args) throws IOException {
    PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    Driver driver = new Driver();
    try (var in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8))) {
      for (String line = in.readLine(); line != null; line = in.readLine()) {
        out.println(GSON.toJson(driver.answer(JsonParser.parseString(line).getAsJsonObject())));
      }
    }
    driver.clients.values().forEach(Personas::close);
    System.exit(0);
  }

  private Map<String, Object> answer(JsonObject command) {
    Map<String, Object> answer = new LinkedHashMap<>();
    answer.put("id", command.get("id"));
    try {
      answer.put("ok", run(new Command(command)));
    } catch (PersonaException error) {
      answer.put(
          "error",
          ordered(
              "kind", kind(error),
              "code", error.code().name(),
              "reason", error.reason(),
              "metadata", error.metadata(),
              "message", error.getMessage()));
    } catch (IllegalArgumentException error) {
      answer.put("error", plain("Usage", error));
    } catch (RuntimeException | InterruptedException error) {
      error.printStackTrace();
      answer.put("error", plain("Driver", error));
    }
    return answer;
  }

  private Map<String, Object> run(Command command) throws InterruptedException {
    String action = command.text("do");
    switch (action) {
      case "hello" -> {
        return ordered("language", "java", "version", Connection.VERSION);
      }
      case "open" -> {
        clients.put(command.text("client"), open(command));
        return Map.of();
      }
      default -> {}
    }
    String client = command.text("client");
    Personas personas = Objects.requireNonNull(clients.get(client), "no client " + client);
    return switch (action) {
      case "ready" -> {
        personas.ready(command.millis("timeout", Duration.ofSeconds(5)));
        yield Map.of();
      }
      case "get" -> held(get(command, personas::get, personas::get));
      case "await" -> await(personas, command);
      case "names" -> ordered("names", personas.names());
      case "pin" -> {
        pins.put(client + "/" + command.text("pin"), personas.pin());
        yield Map.of();
      }
      case "pin_get" -> {
        Pin pin = pins.get(client + "/" + command.text("pin"));
        yield held(get(command, pin::get, pin::get));
      }
      case "subscribe" -> {
        subscribe(personas, client + "/" + command.text("subscription"), command);
        yield Map.of();
      }
      case "changes" -> {
        List<Map<String, Object>> seen =
            subscriptions.get(client + "/" + command.text("subscription"));
        synchronized (seen) {
          List<Map<String, Object>> now = new ArrayList<>(seen);
          seen.clear();
          yield ordered("changes", now);
        }
      }
      case "status" -> status(personas.status());
      case "fetch" -> fetch(personas, command);
      case "list" -> {
        try (Stream<Persona> page = personas.list(request -> filter(command, request))) {
          yield ordered("names", page.map(Persona::getName).toList());
        }
      }
      case "validate" -> {
        var judged = personas.validate(command.document(), request -> {});
        yield ordered(
            "codes", judged.getDiagnosticsList().stream().map(Diagnostic::getCode).toList());
      }
      case "put" -> {
        var put = personas.put(command.document(), request -> put(command, request));
        yield ordered("version", put.getVersion(), "revision", put.getRevision());
      }
      case "delete" ->
          ordered("revision", personas.delete(command.text("name"), r -> {}).getRevision());
      case "set_alias" -> {
        long version = command.number("version", 0);
        var set = personas.setAlias(command.text("name"), command.text("alias"), version, r -> {});
        yield ordered("revision", set.getRevision());
      }
      case "close" -> {
        clients.remove(client);
        personas.close();
        yield Map.of();
      }
      default -> throw new IllegalStateException("unknown: " + action);
    };
  }

  private static Personas open(Command command) {
    PersonasBuilder builder = Personas.builder(command.text("target"));
    command.ifText("namespace", builder::namespace);
    command.ifText("alias", builder::alias);
    command.ifText("filter", builder::filter);
    command.ifText("token", builder::token);
    command.ifText("token_file", file -> builder.token(() -> read(Path.of(file))));
    command.ifText("ca_cert", path -> builder.caCert(Path.of(path)));
    command.ifText("client_cert", path -> builder.clientCert(Path.of(path)));
    command.ifText("client_key", path -> builder.clientKey(Path.of(path)));
    command.ifText("server_name", builder::serverName);
    command.ifText("snapshot_path", path -> builder.snapshotPath(Path.of(path)));
    if (command.has("names")) {
      builder.names(command.texts("names"));
    }
    Duration most = command.millis("backoff_most", Duration.ofSeconds(30));
    Duration first = command.millis("backoff_first", Duration.ofSeconds(1));
    EnumSet<Part> off = EnumSet.noneOf(Part.class);
    for (String part : command.texts("switch_off")) {
      off.add(Part.valueOf(part.toUpperCase(Locale.ROOT)));
    }
    return builder
        .allowInsecureToken(command.flag("allow_insecure_token"))
        .firstSyncTimeout(command.millis("first_sync_timeout", Duration.ofSeconds(5)))
        .callTimeout(command.millis("call_timeout", Duration.ofSeconds(10)))
        .retries((int) command.number("retries", 3))
        .backoff(first, most)
        .progressInterval(command.millis("progress_interval", Duration.ofSeconds(15)))
        .snapshotInterval(command.millis("snapshot_interval", Duration.ofSeconds(1)))
        .switchOff(off)
        .build();
  }

  private void subscribe(Personas personas, String key, Command command) {
    List<Map<String, Object>> seen = new ArrayList<>();
    subscriptions.put(key, seen);
    long delay = command.number("delay", 0);
    boolean fail = command.flag("fail");
    personas.onChange(
        change -> {
          long version = change.after().map(Persona::getVersion).orElse(0L);
          synchronized (seen) {
            seen.add(
                ordered("type", change.type().name(), "name", change.name(), "version", version));
          }
          if (delay > 0) {
            sleep(delay);
          }
          if (fail) {
            throw new IllegalStateException("as asked for");
          }
        });
  }

  private static Held get(
      Command command, Function<String, Held> get, BiFunction<String, String, Held> orElse) {
    String name = command.text("name");
    return command.has("fallback") ? orElse.apply(name, command.text("fallback")) : get.apply(name);
  }

  private static Map<String, Object> held(Held held) {
    byte[] document = held.document().getBytes(StandardCharsets.UTF_8);
    return ordered(
        "source", held.source().name(),
        "age", held.age().map(Duration::toMillis).orElse(null),
        "version", held.version(),
        "revision", held.revision(),
        "digest", digest(document),
        "size", document.length);
  }

  private static Map<String, Object> await(Personas personas, Command command)
      throws InterruptedException {
    long wanted = command.number("version", 0);
    long end = System.nanoTime() + command.millis("timeout", Duration.ofSeconds(5)).toNanos();
    while (true) {
      PersonaException error = null;
      try {
        long version = personas.get(command.text("name")).version();
        Instant now = Instant.now();
        if (version >= wanted) {
          long nanos = now.getEpochSecond() * 1_000_000_000L + now.getNano();
          return ordered("version", version, "time_ns", nanos);
        }
      } catch (PersonaException missing) {
        error = missing;
      }
      if (System.nanoTime() - end > 0) {
        throw error != null
            ? error
            : PersonaException.local(io.grpc.Status.Code.DEADLINE_EXCEEDED, "not in time", null);
      }
      Thread.sleep(1);
    }
  }

  private static Map<String, Object> status(ClientStatus status) {
    return ordered(
        "state", status.state().name(),
        "source", status.source().name(),
        "revision", status.revision(),
        "age", status.age().map(Duration::toMillis).orElse(null),
        "personas", status.personas(),
        "streams", status.streams(),
        "snapshots", status.snapshots(),
        "error", status.lastError().map(Driver::kind).orElse(""));
  }

  private static Map<String, Object> fetch(Personas personas, Command command) {
    GetPersonaResponse answer =
        personas.fetch(
            command.text("name"),
            request -> {
              command.ifText("alias", request::setAlias);
              if (command.has("version")) {
                request.setVersion(command.number("version", 0));
              }
            });
    Persona persona = answer.getPersona();
    byte[] document =
        (persona.getFrontMatter() + persona.getBody()).getBytes(StandardCharsets.UTF_8);
    return ordered(
        "version", persona.getVersion(),
        "revision", answer.getHeader().getRevision(),
        "digest", digest(document),
        "size", document.length);
  }

  private static void filter(Command command, ListPersonasRequest.Builder request) {
    command.ifText("filter", request::setFilter);
  }

  private static void put(Command command, PutPersonaRequest.Builder request) {
    command.ifText("name", request::setName);
    command.ifText("request_id", request::setRequestId);
    command.ifText("message", request::setMessage);
    command.ifText("etag", request::setEtag);
    request.setCreateOnly(command.flag("create_only"));
  }

  private static String kind(PersonaException error) {
    return error.getClass().getSimpleName();
  }

  private static Map<String, Object> plain(String kind, Exception error) {
    return ordered(
        "kind", kind, "code", "", "reason", "", "metadata", Map.of(), "message", error.toString());
  }

  private static Map<String, Object> ordered(Object... entries) {
    Map<String, Object> map = new LinkedHashMap<>();
    for (int at = 0; at < entries.length; at += 2) {
      map.put((String) entries[at], entries[at + 1]);
    }
    return map;
  }

  private static String digest(byte[] bytes) {
    try {
      byte[] digest = MessageDigest.getInstance("SHA-256").digest(bytes);
      return "sha256:" + HexFormat.of().formatHex(digest);
    } catch (NoSuchAlgorithmException error) {
      throw new IllegalStateException(error);
    }
  }

  private static String read(Path path) {
    try {
      return Files.readString(path);
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
  }

  private static void sleep(long millis) {
    try {
      Thread.sleep(millis);
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  /** One command's fields; null is as not there. */
  private record Command(JsonObject fields) {
    boolean has(String field) {
      return fields.has(field) && !fields.get(field).isJsonNull();
    }

    String text(String field) {
      return has(field) ? fields.get(field).getAsString() : "";
    }

    void ifText(String field, Consumer<String> use) {
      if (has(field)) {
        use.accept(text(field));
      }
    }

    List<String> texts(String field) {
      if (!has(field)) {
        return List.of();
      }
      JsonElement value = fields.get(field);
      return value.isJsonArray()
          ? value.getAsJsonArray().asList().stream().map(JsonElement::getAsString).toList()
          : List.of(value.getAsString());
    }

    long number(String field, long otherwise) {
      return has(field) ? fields.get(field).getAsLong() : otherwise;
    }

    Duration millis(String field, Duration otherwise) {
      return has(field)
          ? Duration.ofNanos((long) (fields.get(field).getAsDouble() * 1e6))
          : otherwise;
    }

    boolean flag(String field) {
      return has(field) && fields.get(field).getAsBoolean();
    }

    byte[] document() {
      return Base64.getDecoder().decode(text("document"));
    }
  }
}
