// The client: what a service needs of personas, in memory, kept current by one stream.
import { createClient, type Client, type Transport } from "@connectrpc/connect";
import type { Persona } from "../gen/persona/registry/v1/persona_pb.js";
import {
  PersonaService,
  type BatchWritePersonasResponse,
  type DeletePersonaAliasResponse,
  type DeletePersonaResponse,
  type PutPersonaResponse,
  type SetPersonaAliasResponse,
  type ValidatePersonaResponse,
} from "../gen/persona/registry/v1/persona_service_pb.js";
import {
  type AliasOptions,
  Calls,
  type DeleteOptions,
  type FetchOptions,
  type ListOptions,
  type Operation,
  type PutOptions,
  type ValidateOptions,
  type WriteOptions,
} from "./calls.js";
import { type Change, Subscribers } from "./changes.js";
import { Copy, type Disk } from "./copy.js";
import { failed, type PersonaError } from "./errors.js";
import { type Fetched, type Held, look, Pin, type Source, type View } from "./held.js";
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
export abstract class BasePersonas {
  /** The generated client, with this one's deadlines, further attempts and token. Its errors are those of Connect. */
  readonly stub: Client<typeof PersonaService>;
  readonly #settings: Settings;
  readonly #parts: Parts;
  readonly #closing = new AbortController();
  readonly #subscribers = new Subscribers();
  readonly #copy: Copy;
  readonly #stream: Stream;
  readonly #calls: Calls;
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
    this.#settings = settings;
    this.#parts = parts;
    this.stub = createClient(PersonaService, steady(parts.transport, settings, this.#closing.signal));
    this.#calls = new Calls(this.stub, settings.namespace);
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

  /** Fetches a persona from the registry: a version by number, the one of an alias, or the newest. */
  fetch(name: string, options: FetchOptions = {}): Promise<Fetched> {
    return this.#calls.fetch(name, options);
  }

  /** Lists the personas of the namespace, page by page, without their documents unless asked for. */
  list(options: ListOptions = {}): AsyncGenerator<Persona, undefined> {
    return this.#calls.list(options);
  }

  /** Judges a document without storing it. A bad one is no error: the answer says what is wrong where. */
  validate(document: string | Uint8Array, options: ValidateOptions = {}): Promise<ValidatePersonaResponse> {
    return this.#calls.validate(document, options);
  }

  /** Creates a persona or gives it a new version. Happens once, whatever number of attempts it takes. */
  put(document: string | Uint8Array, options: PutOptions = {}): Promise<PutPersonaResponse> {
    return this.#calls.put(document, options);
  }

  /** Deletes a persona and its aliases. */
  delete(name: string, options: DeleteOptions = {}): Promise<DeletePersonaResponse> {
    return this.#calls.delete(name, options);
  }

  /** Points an alias at a version. */
  setAlias(
    name: string,
    alias: string,
    version: bigint | number,
    options: AliasOptions = {},
  ): Promise<SetPersonaAliasResponse> {
    return this.#calls.setAlias(name, alias, version, options);
  }

  /** Removes an alias. */
  deleteAlias(name: string, alias: string, options: AliasOptions = {}): Promise<DeletePersonaAliasResponse> {
    return this.#calls.deleteAlias(name, alias, options);
  }

  /** Does several writes at one revision: all of them, or none. */
  batchWrite(operations: readonly Operation[], options: WriteOptions = {}): Promise<BatchWritePersonasResponse> {
    return this.#calls.batchWrite(operations, options);
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
