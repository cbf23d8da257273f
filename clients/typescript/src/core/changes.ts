// Who is told of changes: a queue each, with at most one entry a persona.
import type { Persona } from "../gen/persona/registry/v1/persona_pb.js";
import { type Difference, isSame } from "./contents.js";
import { pause } from "./wait.js";

/** A persona came, changed or went. Who is slow gets the newest of each, and not what came and went in between. */
export type Change =
  | { readonly type: "CREATED"; readonly name: string; readonly before: undefined; readonly after: Persona }
  | { readonly type: "UPDATED"; readonly name: string; readonly before: Persona; readonly after: Persona }
  | { readonly type: "REMOVED"; readonly name: string; readonly before: Persona; readonly after: undefined };

/** So long a subscriber may have the thread to itself, in milliseconds: a stream is to be read meanwhile. */
const TURN_MS = 5;

/** Differences that wait, of each persona one: from what was last taken out to what is newest. */
export class Queue {
  readonly #waiting = new Map<string, Difference>();

  get size(): number {
    return this.#waiting.size;
  }

  push({ name, before, after }: Difference): void {
    const waiting = this.#waiting.get(name);
    const told = waiting ? waiting.before : before;
    const nothingNew = told && after ? isSame(told, after) : told === after;
    if (nothingNew) this.#waiting.delete(name);
    else this.#waiting.set(name, { name, before: told, after });
  }

  shift(): Change | undefined {
    for (const { name, before, after } of this.#waiting.values()) {
      this.#waiting.delete(name);
      if (before && after) return { type: "UPDATED", name, before, after };
      if (after) return { type: "CREATED", name, before: undefined, after };
      if (before) return { type: "REMOVED", name, before, after: undefined };
    }
    return undefined;
  }
}

/** One subscriber's changes, for a `for await`. Leaving the loop ends the subscription. */
export class Subscription implements AsyncIterableIterator<Change> {
  readonly #queue = new Queue();
  readonly #leave: (subscription: Subscription) => void;
  #wake: (() => void) | undefined;
  #closed = false;
  #turnEnds = 0;

  constructor(leave: (subscription: Subscription) => void) {
    this.#leave = leave;
  }

  push(difference: Difference): void {
    this.#queue.push(difference);
    if (this.#queue.size > 0) this.#rouse();
  }

  #rouse(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }

  async next(): Promise<IteratorResult<Change, undefined>> {
    if (this.#queue.size > 0 && performance.now() > this.#turnEnds) {
      await pause(0);
      this.#turnEnds = performance.now() + TURN_MS;
    }
    for (;;) {
      if (this.#closed) return { done: true, value: undefined };
      const change = this.#queue.shift();
      if (change) return { done: false, value: change };
      await new Promise<void>((resolve) => {
        const before = this.#wake;
        this.#wake = (): void => {
          before?.();
          resolve();
        };
      });
      this.#turnEnds = performance.now() + TURN_MS;
    }
  }

  return(): Promise<IteratorResult<Change, undefined>> {
    this.#closed = true;
    this.#leave(this);
    this.#rouse();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

/** All subscribers of a client. */
export class Subscribers {
  readonly #all = new Set<Subscription>();
  #closed = false;

  /** Adds one, who is told first what is held. */
  add(held: ReadonlyMap<string, Persona> | undefined): Subscription {
    const subscription = new Subscription((gone) => this.#all.delete(gone));
    for (const [name, after] of held ?? []) subscription.push({ name, before: undefined, after });
    if (this.#closed) void subscription.return();
    else this.#all.add(subscription);
    return subscription;
  }

  tell(differences: readonly Difference[]): void {
    for (const subscription of this.#all) {
      for (const difference of differences) subscription.push(difference);
    }
  }

  close(): void {
    this.#closed = true;
    for (const subscription of this.#all) void subscription.return();
  }
}
