import assert from "node:assert/strict";
import { test } from "node:test";
import { Queue, Subscribers } from "../src/core/changes.js";
import { persona } from "./personas.js";

function drain(queue: Queue): string[] {
  const all: string[] = [];
  for (let change = queue.shift(); change; change = queue.shift()) {
    all.push(`${change.type} ${change.name} ${change.before?.version ?? "-"} ${change.after?.version ?? "-"}`);
  }
  return all;
}

test("a queue has one entry a persona: from what was told last to what is newest", () => {
  const queue = new Queue();
  const [a1, a2, a3, b1] = [persona("a", 1), persona("a", 2), persona("a", 3), persona("b", 1)];
  queue.push({ name: "a", before: undefined, after: a1 });
  queue.push({ name: "a", before: a1, after: a2 });
  queue.push({ name: "b", before: b1, after: undefined });
  assert.deepEqual(drain(queue), ["CREATED a - 2", "REMOVED b 1 -"]);
  queue.push({ name: "a", before: a2, after: undefined });
  queue.push({ name: "a", before: undefined, after: a3 });
  assert.equal(queue.size, 1);
  assert.deepEqual(drain(queue), ["UPDATED a 2 3"]);
});

test("what came and went in between is left out", () => {
  const queue = new Queue();
  const [a1, a2] = [persona("a", 1), persona("a", 2)];
  queue.push({ name: "a", before: undefined, after: a1 });
  queue.push({ name: "a", before: a1, after: undefined });
  assert.deepEqual(drain(queue), []);
  queue.push({ name: "a", before: a1, after: a2 });
  queue.push({ name: "a", before: a2, after: persona("a", 1) });
  queue.push({ name: "gone", before: undefined, after: undefined });
  assert.deepEqual(drain(queue), []);
});

test("subscribers have queues of their own, and what is held comes first", async () => {
  const subscribers = new Subscribers();
  const [a1, a2, a3] = [persona("a", 1), persona("a", 2), persona("a", 3)];
  const fast = subscribers.add(new Map([["a", a1]]));
  const slow = subscribers.add(new Map([["a", a1]]));
  const seen = async (): Promise<unknown> => {
    const { value } = await fast.next();
    return [value?.type, value?.after];
  };
  assert.deepEqual(await seen(), ["CREATED", a1]);
  const waiting = seen();
  subscribers.tell([{ name: "a", before: a1, after: a2 }]);
  assert.deepEqual(await waiting, ["UPDATED", a2]);
  subscribers.tell([{ name: "a", before: a2, after: a3 }]);
  assert.deepEqual(await seen(), ["UPDATED", a3]);
  const { value } = await slow.next();
  assert.deepEqual([value?.type, value?.before, value?.after], ["CREATED", undefined, a3]);
});

test("two readers of one subscription share its changes, and all end with it", async () => {
  const subscribers = new Subscribers();
  const subscription = subscribers.add(undefined);
  const readers = [subscription.next(), subscription.next(), subscription.next()];
  subscribers.tell([{ name: "a", before: undefined, after: persona("a", 1) }]);
  subscribers.tell([{ name: "b", before: undefined, after: persona("b", 1) }]);
  const names = [(await readers[0])?.value?.name, (await readers[1])?.value?.name];
  assert.deepEqual(names, ["a", "b"]);
  subscribers.close();
  assert.deepEqual(await readers[2], { done: true, value: undefined });
  assert.deepEqual(await subscribers.add(new Map([["a", persona("a", 1)]])).next(), { done: true, value: undefined });
});
