import io.personaregistry.Held;
import io.personaregistry.Personas;
import io.personaregistry.v1.Persona;

/** Prints a persona, and then its changes until it is stopped. */
public final class Follow {
  private Follow() {}

  /**
   * Runs it.
   *
   * @param args the target and the persona's name
   * @throws InterruptedException it is stopped
   */
  public static void main(String[] args) throws InterruptedException {
    try (Personas personas = Personas.connect(args[0])) {
      Held held = personas.get(args[1]);
      System.out.println(held.source() + " version " + held.version() + "\n" + held.document());
      personas.onChange(
          change -> {
            long version = change.after().map(Persona::getVersion).orElse(0L);
            System.out.println(change.type() + " " + change.name() + " version " + version);
          });
      Thread.currentThread().join();
    }
  }
}
