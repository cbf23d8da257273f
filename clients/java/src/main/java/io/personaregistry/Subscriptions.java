package io.personaregistry;

import io.personaregistry.v1.Persona;
import java.util.ArrayList;
import java.util.List;

/** Who is told of changes. For one thread. */
final class Subscriptions {
  private final List<Subscription> all = new ArrayList<>();

  /** Tells the new one what is held. */
  void add(Subscription subscription, Contents held) {
    held.personas()
        .forEach(
            (name, persona) -> Change.between(name, null, persona).ifPresent(subscription::offer));
    all.add(subscription);
  }

  void remove(Subscription subscription) {
    all.remove(subscription);
  }

  void clear() {
    all.clear();
  }

  /** Tells all of them what is different. */
  void tell(Contents before, Contents after) {
    if (all.isEmpty()) {
      return;
    }
    after.personas().forEach((name, now) -> tell(name, before.personas().get(name), now));
    before
        .personas()
        .forEach(
            (name, old) -> {
              if (!after.personas().containsKey(name)) {
                tell(name, old, null);
              }
            });
  }

  private void tell(String name, Persona before, Persona after) {
    Change.between(name, before, after)
        .ifPresent(change -> all.forEach(each -> each.offer(change)));
  }
}
