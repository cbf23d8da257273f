package io.personaregistry;

import java.time.Duration;
import java.util.function.LongUnaryOperator;

/** Waits between attempts: random, up to the first, doubling up to the most (full jitter). */
final class Backoff {
  private static final int MOST_DOUBLINGS = 30; // beyond it a wait of 1 ms is 12 days

  private final long first;
  private final long most;
  private final LongUnaryOperator random; // from 0 to below its argument
  private int attempts;

  Backoff(Duration first, Duration most, LongUnaryOperator random) {
    this.first = first.toNanos();
    this.most = most.toNanos();
    this.random = random;
  }

  /** The next wait, in nanoseconds. */
  long next() {
    long limit = first > most >> attempts ? most : first << attempts;
    attempts = Math.min(attempts + 1, MOST_DOUBLINGS);
    return random.applyAsLong(limit + 1);
  }

  void reset() {
    attempts = 0;
  }
}
