// The client: what a service needs of personas, in memory, kept current by one stream.
import { createClient, type Transport } from "@connectrpc/connect";
import { PersonaService } from "../gen/persona/registry/v1/persona_service_pb.js";
import { Calls } from "./calls.js";
import { type Change, Subscribers } from "./changes.js";
import { Copy, type Disk } from "./copy.js";
import { failed, type PersonaError } from "./errors.js";
import { type Held, look, Pin, type Source, type View } from "./held.js";
import { duration, type Settings } from "./options.js";
import { Saver } from "./saver.js";
import { Stream } from "./stream.js";
import { steady } from "./transport.js";
import { quietTimer } from "./wait.js";

/** How a client is: not used yet, never live so far, live, live before and will be again, ended. */
export type State = "IDLE" | "CONNECTING" | "LIVE" | "RECONNECTING" | "CLOSED";

/** How a client is, at a glance. */
export interface Status {
  readonly state: State;
  /** Not there: nothing was ever held. */
  readonly source: Exclude<Source, "FALLBACK"> | undefined;
  /** The registry's revision that the copy is true of. */
  readonly revision: bigint;
  /** How long ago it was known to be current, in milliseconds. Not there: nothing was ever held. */
  readonly age: number | undefined;
  /** How many are held. */
  readonly personas: number;
  /** Streams that stood so far. */
  readonly streams: number;
  /** Snapshots taken over so far. */
  readonly snapshots: number;
  /** What keeps the stream from standing. */
  readonly error: PersonaError | undefined;
}

/** What `get` may be told. */
export interface GetOptions {
  /** The text to use while nothing was ever held. */
  fallback?: string | undefined;
}

/** What a platform brings. */
export interface Parts {
  readonly transport: Transport;
  /** Ends the connection, so that the next call makes another. */
  readonly dropConnection: () => void;
  readonly disk?: Disk | undefined;
}

/** What clients on all platforms have. */
export abstract class BasePersonas extends Calls {
  readonly #settings: Settings;
  readonly #parts: Parts;
  readonly #closing: AbortController;
  readonly #subscribers = new Subscribers();
  readonly #copy: Copy;
  readonly #stream: Stream;
  readonly #saver: Saver | undefined;
  /** Those who wait for something to happen to the stream. */
  readonly #waiting = new Set<() => void>();
  #isStarted = false;
  #wasLive = false;
  #hasFailed = false;
  /** What the first `get` waits for, and all that come meanwhile. */
  #first: Promise<unknown> | undefined;
  #firstIsOver = false;

  /** For the platforms' classes only. */
  protected constructor(settings: Settings, parts: Parts) {
    const closing = new AbortController();
    super(createClient(PersonaService, steady(parts.transport, settings, closing.signal)), settings.namespace);
    this.#settings = settings;
    this.#parts = parts;
    this.#closing = closing;
    this.#copy = new Copy(this.#subscribers, settings.off);
    this.#saver = parts.disk && new Saver(parts.disk, () => this.#copy.save());
    const watcher = {
      changed: (): void => {
        this.#wasLive = true;
        this.#saver?.changed();
        this.#notify();
      },
      ended: (): void => {
        this.#hasFailed = true;
        this.#notify();
      },
    };
    this.#stream = new Stream(settings, this.stub, this.#copy, watcher, parts.dropConnection);
  }

  /**
   * The persona of a name: a look into memory. The very first one waits until the stream has caught up, at most
   * `firstSyncTimeout`; with a copy on disk only until the first attempt failed.
   *
   * @throws NotFoundError there is none, also with a fallback.
   * @throws PersonaError nothing was ever held, and there is no fallback: what keeps the stream from standing.
   */
  async get(name: string, options: GetOptions = {}): Promise<Held> {
    if (!this.#firstIsOver) await this.#firstContents();
    return this.peek(name, options);
  }

  /** As `get`, and waits for nothing: at once after the client was made, nothing but a copy on disk is held. */
  peek(name: string, options: GetOptions = {}): Held {
    return look(this.#view(), name, options.fallback);
  }

  /** The names that are held, sorted. */
  names(): string[] {
    return this.pin().names();
  }

  /** What is held, as it is now, for as long as it is kept: what a run of an agent begins with. */
  pin(): Pin {
    const view = this.#view();
    const personas = this.#copy.contents?.share();
    const error = personas ? view.error : frozenError(view.error());
    return new Pin({ ...view, personas, error });
  }

  /**
   * Waits until the stream stands and has caught up.
   *
   * @throws PersonaError it did not within so many milliseconds: what keeps it from it.
   */
  async ready(timeout: number = this.#settings.firstSyncTimeout): Promise<void> {
    duration("timeout", timeout, timeout, 0);
    this.#start();
    const isLive = await this.#until(() => this.#copy.source === "LIVE", timeout);
    if (!isLive) throw this.#error(`the stream has not caught up within ${timeout} ms`);
  }

  /**
   * Calls back for each change; at first for each persona that is held, as CREATED. One at a time: the next waits until
   * the promise of the last is settled. What it throws is logged. Returns how to end it.
   */
  onChange(callback: (change: Change) => unknown): () => void {
    const changes = this.#subscribe();
    const run = async (): Promise<void> => {
      for await (const change of changes) {
        try {
          await callback(change);
        } catch (thrown) {
          this.#settings.logger.error(`a callback failed at ${change.type} of ${change.name}: ${String(thrown)}`);
        }
      }
    };
    void run();
    return () => void changes.return();
  }

  /** The same for a `for await`, which ends when the client is closed. Leaving the loop ends it too. */
  changes(): AsyncIterableIterator<Change> {
    return this.#subscribe();
  }

  /** How the client is. */
  status(): Status {
    const { contents, source, age } = this.#copy;
    const held = contents !== undefined;
    return {
      state: this.#state(),
      source: held ? source : undefined,
      revision: contents?.revision ?? 0n,
      age: held ? age : undefined,
      personas: contents?.size ?? 0,
      streams: this.#stream.streams,
      snapshots: this.#stream.snapshots,
      error: this.#stream.error,
    };
  }

  /** Ends the stream, all calls and all subscriptions. Waits at most a second for the last writing to disk. */
  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    const isSaved = this.#saver?.close();
    this.#closing.abort(closedError());
    this.#copy.down();
    this.#subscribers.close();
    this.#parts.dropConnection();
    this.#notify();
    await isSaved;
  }

  #start(): void {
    if (this.#closing.signal.aborted) throw closedError();
    if (this.#isStarted) return;
    this.#isStarted = true;
    const saved = this.#parts.disk?.read();
    if (saved) this.#copy.begin(saved);
    void this.#stream.run(this.#closing.signal);
  }

  #view(): View {
    this.#start();
    const { contents, source, age } = this.#copy;
    return {
      namespace: this.#settings.namespace,
      personas: contents,
      revision: contents?.revision ?? 0n,
      source,
      age,
      error: () => this.#error("nothing was received from the registry yet"),
    };
  }

  async #firstContents(): Promise<void> {
    this.#start();
    const fromDisk = this.#copy.source === "DISK";
    const isEnough = (): boolean => this.#copy.source === "LIVE" || (fromDisk && this.#hasFailed);
    this.#first ??= this.#until(isEnough, this.#settings.firstSyncTimeout);
    await this.#first;
    this.#firstIsOver = true;
  }

  /** Waits for something that happens with the stream; whether it did in time. */
  #until(condition: () => boolean, timeout: number): Promise<boolean> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (condition()) end(true);
        else if (this.#closing.signal.aborted) end(false);
      };
      const end = (isMet: boolean): void => {
        clearTimeout(timer);
        this.#waiting.delete(look);
        resolve(isMet);
      };
      const timer = quietTimer(() => {
        end(false);
      }, timeout);
      this.#waiting.add(look);
      look();
    });
  }

  #notify(): void {
    for (const look of this.#waiting) look();
  }

  #subscribe(): ReturnType<Subscribers["add"]> {
    this.#start();
    return this.#subscribers.add(this.#copy.contents?.share());
  }

  #state(): State {
    if (this.#closing.signal.aborted) return "CLOSED";
    if (!this.#isStarted) return "IDLE";
    if (this.#copy.contents && this.#copy.source === "LIVE") return "LIVE";
    return this.#wasLive ? "RECONNECTING" : "CONNECTING";
  }

  #error(otherwise: string): PersonaError {
    if (this.#closing.signal.aborted) return closedError();
    return this.#stream.error ?? failed({ code: "UNAVAILABLE", message: otherwise });
  }
}

function frozenError(error: PersonaError): () => PersonaError {
  return () => error;
}

function closedError(): PersonaError {
  return failed({ code: "CANCELLED", message: "this client is closed" });
}
