// The watch stream: opens it, takes in what it says, and opens it again when it ends.
import { create } from "@bufbuild/protobuf";
import { durationFromMs, durationMs } from "@bufbuild/protobuf/wkt";
import type { Client } from "@connectrpc/connect";
import { PersonaView } from "../gen/persona/registry/v1/persona_pb.js";
import {
  type PersonaService,
  WatchMode,
  type WatchPersonasRequest,
  WatchPersonasRequestSchema,
} from "../gen/persona/registry/v1/persona_service_pb.js";
import { backoff } from "./backoff.js";
import type { Copy } from "./copy.js";
import { clampDelay, failed, type PersonaError, toPersonaError } from "./errors.js";
import type { Settings } from "./options.js";
import { Reading } from "./reading.js";
import { pause, Watchdog } from "./wait.js";

/** Silent for so many progress intervals, a stream is dead. */
const SILENT_INTERVALS = 3;
/** After these the place to go on from is worth nothing: a snapshot is taken. */
const TOKEN_IS_VOID: readonly string[] = [
  "STORE_MISMATCH",
  "REVISION_COMPACTED",
  "REVISION_IN_FUTURE",
  "RESUME_TOKEN_INVALID",
];

/** Who is told how the stream is. */
export interface Watcher {
  /** The copy is live, or has changed while it is. */
  changed(): void;
  /** An attempt failed, or a stream ended. */
  ended(): void;
}

export class Stream {
  /** Streams that stood, and snapshots that were taken over whole. */
  streams = 0;
  snapshots = 0;
  /** What keeps it from standing. */
  error: PersonaError | undefined;
  readonly #settings: Settings;
  readonly #client: Client<typeof PersonaService>;
  readonly #copy: Copy;
  readonly #watcher: Watcher;
  readonly #dropConnection: () => void;

  constructor(
    settings: Settings,
    client: Client<typeof PersonaService>,
    copy: Copy,
    watcher: Watcher,
    dropConnection: () => void,
  ) {
    this.#settings = settings;
    this.#client = client;
    this.#copy = copy;
    this.#watcher = watcher;
    this.#dropConnection = dropConnection;
  }

  /** Keeps a stream open until the signal is raised. */
  async run(closing: AbortSignal): Promise<void> {
    const { backoffFirst, backoffMost, off } = this.#settings;
    const isClosed = (): boolean => closing.aborted;
    let attempts = 0;
    while (!isClosed()) {
      const reading = new Reading(this.#copy);
      const error = await this.#read(reading, closing);
      if (isClosed()) return;
      this.error = error;
      this.#copy.down();
      if (TOKEN_IS_VOID.includes(error.reason)) this.#copy.token = "";
      this.#log(error);
      this.#watcher.ended();
      if (reading.caughtUp) attempts = 0;
      const asked = clampDelay(reading.delay + (error.retryDelay ?? 0));
      const wait = backoff(attempts, backoffFirst, backoffMost) + asked;
      attempts += 1;
      await pause(off.has("backoff") ? 0 : clampDelay(wait), closing);
    }
  }

  /** Reads one stream to its end, which is always some error. */
  async #read(reading: Reading, closing: AbortSignal): Promise<PersonaError> {
    const stop = new AbortController();
    const close = (): void => {
      stop.abort();
    };
    closing.addEventListener("abort", close);
    const watchdog = new Watchdog(() => {
      close();
      this.#dropConnection();
    });
    let silence = this.#settings.progressInterval * SILENT_INTERVALS;
    watchdog.feed(silence);
    try {
      for await (const message of this.#client.watchPersonas(this.#request(), { signal: stop.signal })) {
        // What was read before the abort may still come.
        if (stop.signal.aborted) break;
        if (reading.take(message)) this.#changed();
        if (message.event.case === "opened") this.streams += 1;
        if (message.event.case === "synced") this.snapshots += 1;
        const interval = reading.opened?.progressInterval;
        if (interval) silence = durationMs(interval) * SILENT_INTERVALS;
        watchdog.feed(silence);
      }
    } catch (thrown) {
      if (!watchdog.barked) return toPersonaError(thrown);
    } finally {
      watchdog.stop();
      closing.removeEventListener("abort", close);
      // Leaving the loop alone does not tell the registry.
      close();
    }
    const message = watchdog.barked ? `the stream said nothing for ${silence} ms` : "the stream ended";
    return failed({ code: "UNAVAILABLE", message });
  }

  #request(): WatchPersonasRequest {
    const { namespace, alias, names, filter, progressInterval } = this.#settings;
    const { token } = this.#copy;
    return create(WatchPersonasRequestSchema, {
      namespace,
      alias,
      names: [...names],
      filter,
      view: PersonaView.FULL,
      mode: WatchMode.LATEST,
      progressInterval: durationFromMs(progressInterval),
      start: token === "" ? { case: undefined } : { case: "resumeToken", value: token },
    });
  }

  #changed(): void {
    this.error = undefined;
    this.#watcher.changed();
  }

  #log(error: PersonaError): void {
    const { logger, address } = this.#settings;
    const words = `persona registry ${address.url}: ${error.code} ${error.reason} ${error.message}`;
    if (error.kind === "Unavailable") logger.warn(words);
    else logger.error(words);
  }
}
