import assert from "node:assert/strict";
import { test } from "node:test";
import { backoff } from "../src/core/backoff.js";

test("waits double up to the longest, and chance picks from all of each", () => {
  const most = [0, 1, 2, 3, 4, 5, 6, 1000].map((n) => backoff(n, 1000, 30_000, () => 1));
  assert.deepEqual(most, [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
  assert.equal(
    backoff(5, 1000, 30_000, () => 0),
    0,
  );
  for (let round = 0; round < 1000; round += 1) {
    const wait = backoff(3, 10, 50);
    assert.ok(wait >= 0 && wait < 50, String(wait));
  }
});
