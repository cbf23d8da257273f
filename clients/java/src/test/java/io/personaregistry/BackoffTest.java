package io.personaregistry;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

final class BackoffTest {
  @Test
  void waitsAreRandomUpToALimitThatDoubles() {
    List<Long> limits = new ArrayList<>();
    Backoff backoff =
        new Backoff(
            Duration.ofNanos(100),
            Duration.ofNanos(700),
            bound -> {
              limits.add(bound - 1);
              return bound / 2;
            });
    assertEquals(List.of(50L, 100L, 200L, 350L, 350L), waits(backoff, 5));
    backoff.reset();
    assertEquals(List.of(50L), waits(backoff, 1));
    assertEquals(List.of(100L, 200L, 400L, 700L, 700L, 100L), limits);
  }

  @Test
  void limitDoesNotOverflow() {
    Duration day = Duration.ofDays(1);
    Backoff backoff = new Backoff(day, day, bound -> bound - 1);
    assertEquals(List.of(day.toNanos()), waits(backoff, 1_000).stream().distinct().toList());
  }

  private static List<Long> waits(Backoff backoff, int count) {
    return LongStream.range(0, count).mapToObj(at -> backoff.next()).toList();
  }
}
