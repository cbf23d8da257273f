import assert from "node:assert/strict";
import { test } from "node:test";
import { Subscribers } from "../src/core/changes.js";
import { Copy } from "../src/core/copy.js";
import { Reading } from "../src/core/reading.js";
import { changes, message, opened, persona, progress, snapshot, synced } from "./personas.js";

function held(copy: Copy): Record<string, number> {
  const all = [...(copy.contents?.share() ?? [])].map(([name, { version }]) => [name, Number(version)] as const);
  return Object.fromEntries(all);
}

function begin(): [Copy, Subscribers] {
  const subscribers = new Subscribers();
  return [new Copy(subscribers, new Set()), subscribers];
}

/** A copy that was live with these, and is not any more. */
function before(...names: string[]): [Copy, Subscribers] {
  const [copy, subscribers] = begin();
  const reading = new Reading(copy);
  reading.take(opened(1));
  reading.take(snapshot(1, ...names.map((name) => persona(name, 1))));
  reading.take(synced(1, "t1"));
  copy.down();
  return [copy, subscribers];
}

test("a snapshot takes the place of what is held at Synced and not before", () => {
  const [copy, subscribers] = before("a", "b");
  copy.token = "";
  const subscription = subscribers.add(undefined);
  const reading = new Reading(copy);
  assert.equal(reading.take(opened(9)), false);
  assert.equal(reading.take(snapshot(9, persona("b", 2))), false);
  assert.equal(reading.take(snapshot(9, persona("c", 1))), false);
  assert.deepEqual(held(copy), { a: 1, b: 1 });
  assert.equal(copy.source, "CACHED");
  assert.equal(reading.take(synced(9, "t9")), true);
  assert.deepEqual(held(copy), { b: 2, c: 1 });
  assert.deepEqual([copy.source, copy.contents?.revision, copy.token], ["LIVE", 9n, "t9"]);
  return (async () => {
    const told = [];
    for (let n = 0; n < 3; n += 1) told.push((await subscription.next()).value);
    assert.deepEqual(
      told.map((change) => [change?.type, change?.name]),
      [
        ["UPDATED", "b"],
        ["CREATED", "c"],
        ["REMOVED", "a"],
      ],
    );
  })();
});

test("an empty snapshot sweeps all", () => {
  const [copy] = before("a");
  copy.token = "";
  const reading = new Reading(copy);
  reading.take(opened(2));
  reading.take(synced(2, "t2"));
  assert.deepEqual(held(copy), {});
  assert.equal(copy.source, "LIVE");
});

test("a stream that breaks before Synced leaves no trace", () => {
  const [copy] = begin();
  const reading = new Reading(copy);
  reading.take(opened(1));
  reading.take(message({ case: "snapshot", value: { revision: 1n, personas: [persona("a", 1)] } }, "early"));
  copy.down();
  assert.equal(copy.contents, undefined);
  assert.equal(copy.token, "");
});

test("fragments of a revision are applied together, and their token is not taken before", () => {
  const [copy] = before("a", "b");
  const reading = new Reading(copy);
  reading.take(opened(1));
  const pinned = copy.contents?.share();
  assert.equal(reading.take(changes(5, "half", [["UPDATED", persona("a", 2)]], true)), false);
  assert.equal(reading.take(changes(5, "", [["DELETED", persona("b", 1)]], true)), false);
  assert.deepEqual(held(copy), { a: 1, b: 1 });
  assert.equal(copy.token, "t1");
  assert.equal(reading.take(changes(5, "t5", [["CREATED", persona("c", 1)]])), true);
  assert.deepEqual(held(copy), { a: 2, c: 1 });
  assert.deepEqual([copy.contents?.revision, copy.token], [5n, "t5"]);
  assert.deepEqual([...(pinned?.keys() ?? [])], ["a", "b"]);
});

test("fragments of a stream that broke are forgotten", () => {
  const [copy] = before("a");
  const broken = new Reading(copy);
  broken.take(opened(5));
  broken.take(changes(5, "", [["DELETED", persona("a", 1)]], true));
  copy.down();
  const reading = new Reading(copy);
  reading.take(opened(5));
  reading.take(changes(5, "t5", [["UPDATED", persona("a", 2)]]));
  assert.deepEqual(held(copy), { a: 2 });
});

test("what left is removed like what was deleted", () => {
  const [copy] = before("a", "b");
  const reading = new Reading(copy);
  reading.take(opened(1));
  reading.take(changes(2, "t2", [["LEFT", persona("a", 1)]]));
  assert.deepEqual(held(copy), { b: 1 });
});

test("a stream that resumed has caught up where the registry was when it opened", () => {
  const [copy] = before("a");
  const reading = new Reading(copy);
  assert.equal(reading.take(opened(7)), false);
  assert.equal(copy.source, "CACHED");
  assert.equal(reading.take(changes(6, "t6", [["UPDATED", persona("a", 2)]])), false);
  assert.deepEqual(held(copy), { a: 2 });
  assert.equal(copy.source, "CACHED");
  assert.equal(reading.take(changes(7, "", [["UPDATED", persona("a", 3)]], true)), false);
  assert.equal(copy.source, "CACHED");
  assert.equal(reading.take(progress(7, "t7")), true);
  assert.equal(copy.source, "LIVE");
  copy.down();
  // What is held already is there.
  assert.equal(new Reading(copy).take(opened(7)), true);
  assert.equal(copy.source, "LIVE");
});

test("Closing says how long to stay away", () => {
  const [copy] = before("a");
  const reading = new Reading(copy);
  reading.take(message({ case: "closing", value: { retryDelay: { seconds: 2n, nanos: 500_000_000 } } }));
  assert.equal(reading.delay, 2500);
});
