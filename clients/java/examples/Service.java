import static java.nio.charset.StandardCharsets.UTF_8;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.personaregistry.Held;
import io.personaregistry.PersonaException;
import io.personaregistry.Personas;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;

/** A small service: {@code GET /} answers with the version of the persona that it works by. */
public final class Service {
  private static final String NAME = "backend_developer";
  private static final String SHIPPED = "You are a careful backend developer.";

  private final Personas personas;

  private Service(Personas personas) {
    this.personas = personas;
  }

  /**
   * Runs it until it is stopped.
   *
   * @param args the target, and the port to listen on
   * @throws IOException the port is taken
   */
  public static void main(String[] args) throws IOException {
    Personas personas =
        Personas.builder(args[0]).snapshotPath(Path.of("personas.snapshot")).build();
    Runtime.getRuntime().addShutdownHook(new Thread(personas::close));
    var address =
        new InetSocketAddress(InetAddress.getLoopbackAddress(), Integer.parseInt(args[1]));
    HttpServer server = HttpServer.create(address, 0);
    server.createContext("/", new Service(personas)::answer);
    server.start();
  }

  private void answer(HttpExchange exchange) throws IOException {
    try (exchange) {
      int code = 200;
      String text;
      try {
        Held held = personas.get(NAME, SHIPPED); // a look into memory, no call
        text = NAME + " version " + held.version() + " (" + held.source() + ")\n";
      } catch (PersonaException.NotFound gone) {
        code = 503;
        text = gone.getMessage() + "\n";
      }
      byte[] bytes = text.getBytes(UTF_8);
      exchange.sendResponseHeaders(code, bytes.length);
      exchange.getResponseBody().write(bytes);
    }
  }
}
