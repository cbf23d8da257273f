package io.personaregistry;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.personaregistry.v1.Persona;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import org.junit.jupiter.api.Test;

final class SubscriptionTest {
  private final Queue<Runnable> tasks = new ArrayDeque<>();
  private final List<String> seen = new ArrayList<>();
  private boolean fails;
  private final Subscription subscription =
      new Subscription(this::record, tasks::add, closed -> seen.add("closed"));

  private void record(Change change) {
    seen.add(
        change.type()
            + " "
            + change.name()
            + " "
            + change.before().map(Persona::getVersion).orElse(0L)
            + "-"
            + change.after().map(Persona::getVersion).orElse(0L));
    if (fails) {
      throw new AssertionError("a callback that fails");
    }
  }

  /** From one version to another; 0: it is not there. */
  private void offer(String name, long before, long after) {
    Change.between(name, at(name, before), at(name, after)).ifPresent(subscription::offer);
  }

  private static Persona at(String name, long version) {
    return version == 0 ? null : Messages.persona(name, version);
  }

  private void run() {
    for (Runnable task = tasks.poll(); task != null; task = tasks.poll()) {
      task.run();
    }
  }

  @Test
  void slowSubscriberGetsTheNewestOfEach() {
    offer("a", 0, 1);
    offer("b", 4, 5);
    offer("a", 1, 2);
    offer("b", 5, 6);
    offer("c", 1, 2);
    offer("c", 2, 0);
    assertEquals(1, tasks.size());
    run();
    assertEquals(List.of("CREATED a 0-2", "UPDATED b 4-6", "REMOVED c 1-0"), seen);
  }

  @Test
  void whatCameAndWentIsLeftOut() {
    offer("new", 0, 1);
    offer("new", 1, 0);
    offer("moved", 2, 1);
    offer("moved", 1, 2);
    offer("again", 1, 0);
    offer("again", 0, 2);
    run();
    assertEquals(List.of("UPDATED again 1-2"), seen);
  }

  @Test
  void failingCallbackGetsTheNextChange() {
    fails = true;
    offer("a", 0, 1);
    offer("b", 0, 1);
    run();
    offer("a", 1, 2);
    run();
    assertEquals(List.of("CREATED a 0-1", "CREATED b 0-1", "UPDATED a 1-2"), seen);
  }

  @Test
  void nothingComesAfterClose() {
    offer("a", 0, 1);
    subscription.close();
    offer("b", 0, 1);
    run();
    assertEquals(List.of("closed"), seen);
  }
}
