// The local copy: what is held, where it comes from, and how current it is.
import type { Persona } from "../gen/persona/registry/v1/persona_pb.js";
import type { PersonaChange } from "../gen/persona/registry/v1/persona_service_pb.js";
import type { Subscribers } from "./changes.js";
import { Contents } from "./contents.js";
import type { Source } from "./held.js";
import type { Part } from "./options.js";

/** What is kept on disk. */
export interface Saved {
  readonly storeId: string;
  readonly revision: bigint;
  readonly resumeToken: string;
  /** When it was known to be current. */
  readonly time: Date;
  readonly personas: Iterable<Persona>;
}

/** A place on disk. It does not throw: what cannot be read is not there, what cannot be written is logged. */
export interface Disk {
  read(): Saved | undefined;
  write(saved: Saved): Promise<void>;
  /** Least time between two writings, in milliseconds. */
  readonly interval: number;
}

export class Copy {
  contents: Contents | undefined;
  source: Exclude<Source, "FALLBACK"> = "CACHED";
  /** The place to go on from. Empty: a snapshot is needed. */
  token = "";
  /** When it was last known to be current, by the clock of `performance`. */
  #current = 0;
  readonly #subscribers: Subscribers;
  readonly #off: ReadonlySet<Part>;

  constructor(subscribers: Subscribers, off: ReadonlySet<Part>) {
    this.#subscribers = subscribers;
    this.#off = off;
  }

  /** How long ago it was known to be current, in milliseconds. */
  get age(): number {
    return this.source === "LIVE" ? 0 : Math.max(0, performance.now() - this.#current);
  }

  /** Begins with what was on disk. */
  begin(saved: Saved): void {
    this.contents = new Contents(saved.personas, saved.revision, saved.storeId);
    this.source = "DISK";
    this.keep(saved.resumeToken);
    this.#current = performance.now() - Math.max(0, Date.now() - saved.time.getTime());
    this.#subscribers.tell(this.contents.since(undefined));
  }

  /** Keeps the place to go on from; an empty one is none. */
  keep(token: string): void {
    if (token !== "" && !this.#off.has("resume")) this.token = token;
  }

  /** Puts a whole snapshot in the place of what is held. */
  swap(personas: readonly Persona[], revision: bigint, storeId: string): void {
    const old = this.contents;
    const swept = this.#off.has("sweep") ? [...(old?.share().values() ?? []), ...personas] : personas;
    this.contents = new Contents(swept, revision, storeId);
    this.#subscribers.tell(this.contents.since(old));
  }

  /** Takes in all changes of one revision. */
  apply(revision: bigint, changes: readonly PersonaChange[]): void {
    if (this.contents) this.#subscribers.tell(this.contents.apply(revision, changes));
  }

  /** The stream has caught up, or has said something since. */
  live(): void {
    this.source = "LIVE";
    this.#current = performance.now();
  }

  /** The stream is down, or is catching up. */
  down(): void {
    if (this.source === "LIVE") this.source = "CACHED";
    if (!this.#off.has("cache")) return;
    this.contents = undefined;
    this.token = "";
  }

  /** What is to be kept on disk now. Not there: nothing that the disk does not have. */
  save(): Saved | undefined {
    if (!this.contents || this.source === "DISK") return undefined;
    return {
      storeId: this.contents.storeId,
      revision: this.contents.revision,
      resumeToken: this.token,
      time: new Date(Date.now() - this.age),
      personas: this.contents.share().values(),
    };
  }
}
