// Waits between attempts: exponential, with full jitter.

/** How long to wait before attempt `n` (from 0) after the first one, in milliseconds: 0 to `first · 2^n`, at most `most`. */
export function backoff(n: number, first: number, most: number, random: () => number = Math.random): number {
  return random() * Math.min(most, first * 2 ** Math.min(n, 32));
}
