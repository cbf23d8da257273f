// Follows a namespace by WatchPersonas, over breaks and restarts, and keeps a map of what there is.
import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import type { Client } from "@connectrpc/connect";
import { type Persona, PersonaView } from "../gen/persona/registry/v1/persona_pb";
import {
  PersonaChange_Type,
  type PersonaService,
  WatchMode,
  WatchPersonasRequestSchema,
  type WatchPersonasResponse,
} from "../gen/persona/registry/v1/persona_service_pb";
import { type Trouble, explain } from "./trouble";

/** Where the stream stands. */
export type State =
  | { kind: "connecting" }
  | { kind: "live"; revision: bigint }
  | { kind: "waiting"; trouble: Trouble; until: number; attempt: number; token: string }
  | { kind: "failed"; trouble: Trouble };

/** What happened to one persona. `found` and `gone` come out of a snapshot, the others as they are committed. */
export type What = "found" | "gone" | "created" | "updated" | "deleted";

/** Who is told. */
export interface Listener {
  state(state: State): void;
  /** A persona is there, or is no more; then it is as it was last seen. */
  change(what: What, persona: Persona, revision: bigint): void;
}

/** Names a persona among all namespaces. */
export function keyOf(persona: { namespace: string; name: string }): string {
  return `${persona.namespace}/${persona.name}`;
}

const PROGRESS_MS = 15_000;
/** A stream that is silent for so long is dead, whatever the browser believes: a notebook was shut, a network changed. */
const SILENCE_MS = 2 * PROGRESS_MS + 5_000;
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;

export class Follower {
  /** What there is, by key. */
  readonly personas = new Map<string, Persona>();
  private token = "";
  private attempt = 0;
  private revision = 0n;
  /** What the running snapshot has named; none between snapshots. */
  private named: Set<string> | undefined;
  /** Wakes the loop from its wait. */
  private wake: () => void = () => {};

  constructor(
    private readonly client: Client<typeof PersonaService>,
    private readonly server: string,
    private readonly namespace: string,
    private readonly listener: Listener,
  ) {}

  /** Tries again at once, if it waits. */
  hurry(): void {
    this.wake();
  }

  /** Follows for as long as the page lives. */
  async run(): Promise<never> {
    for (;;) {
      const trouble = await this.once();
      if (trouble.again === "anew") this.token = "";
      if (trouble.again === "never") {
        this.listener.state({ kind: "failed", trouble });
        await this.wait(undefined);
        this.listener.state({ kind: "connecting" });
        continue;
      }
      const longest = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** this.attempt);
      this.attempt += 1;
      // Pages that lost the same registry must not all come back at one moment.
      const wait = longest * (0.5 + Math.random() / 2);
      const until = Date.now() + wait;
      this.listener.state({ kind: "waiting", trouble, until, attempt: this.attempt, token: this.token });
      await this.wait(wait);
    }
  }

  private wait(ms: number | undefined): Promise<void> {
    return new Promise((resolve) => {
      const timer = ms === undefined ? undefined : setTimeout(resolve, ms);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Runs one stream to its end, which is always some trouble. */
  private async once(): Promise<Trouble> {
    const stop = new AbortController();
    let silence = setTimeout(() => stop.abort(), SILENCE_MS);
    const request = create(WatchPersonasRequestSchema, {
      namespace: this.namespace,
      view: PersonaView.BASIC,
      mode: WatchMode.LATEST,
      progressInterval: durationFromMs(PROGRESS_MS),
      start: this.token ? { case: "resumeToken", value: this.token } : { case: undefined },
    });
    this.named = this.token ? undefined : new Set();
    try {
      for await (const message of this.client.watchPersonas(request, { signal: stop.signal })) {
        clearTimeout(silence);
        silence = setTimeout(() => stop.abort(), SILENCE_MS);
        this.take(message);
      }
    } catch (thrown) {
      if (!stop.signal.aborted) return await explain(thrown, this.server);
    } finally {
      clearTimeout(silence);
    }
    const what = stop.signal.aborted ? "The stream fell silent." : "The stream ended.";
    return { reason: "STREAM_ENDED", what, todo: "The page goes on from where it was.", again: "later" };
  }

  private take(message: WatchPersonasResponse): void {
    const { event } = message;
    switch (event.case) {
      case "opened":
        this.attempt = 0;
        // With a token there is no snapshot: the stream is live from here on.
        if (this.token) this.live(this.revision);
        break;
      case "snapshot":
        for (const persona of event.value.personas) this.found(persona, event.value.revision);
        break;
      case "synced":
        this.dropUnnamed(event.value.revision);
        this.live(event.value.revision);
        break;
      case "changes":
        for (const { type, persona } of event.value.changes) {
          if (persona) this.changed(type, persona, event.value.revision);
        }
        this.live(event.value.revision);
        break;
      case "progress":
        this.live(event.value.revision);
        break;
      case "closing":
        // The end follows, with a status that says why.
        break;
    }
    // Only once the message was dealt with: what comes after the token must not be lost.
    if (message.resumeToken) this.token = message.resumeToken;
  }

  private live(revision: bigint): void {
    this.revision = revision;
    this.listener.state({ kind: "live", revision });
  }

  private found(persona: Persona, revision: bigint): void {
    const key = keyOf(persona);
    this.named?.add(key);
    const known = this.personas.get(key);
    this.personas.set(key, persona);
    if (known?.etag !== persona.etag) this.listener.change(known ? "updated" : "found", persona, revision);
  }

  private dropUnnamed(revision: bigint): void {
    for (const [key, persona] of this.personas) {
      if (this.named?.has(key)) continue;
      this.personas.delete(key);
      this.listener.change("gone", persona, revision);
    }
    this.named = undefined;
  }

  private changed(type: PersonaChange_Type, persona: Persona, revision: bigint): void {
    const key = keyOf(persona);
    if (type === PersonaChange_Type.DELETED || type === PersonaChange_Type.LEFT) {
      const last = this.personas.get(key) ?? persona;
      this.personas.delete(key);
      this.listener.change("deleted", last, revision);
      return;
    }
    this.personas.set(key, persona);
    this.listener.change(type === PersonaChange_Type.CREATED ? "created" : "updated", persona, revision);
  }
}
