// What a client is told when it is made. A wrong option is refused, in words.
import { type Address, parseAddress } from "./address.js";
import { UsageError } from "./errors.js";

/** A token, or a function that is asked for one before each attempt of a call and each stream. */
export type TokenSource = string | (() => string | Promise<string>);

/** Where a client says what went wrong behind the scenes; `console` is one. */
export interface Logger {
  warn(message: string): void;
  error(message: string): void;
}

/** Options of every client. All times are in milliseconds. */
export interface CommonOptions {
  /** One namespace. Default: `default`. */
  namespace?: string | undefined;
  /** Show the versions that this alias names, such as `production`. Default: the newest. */
  alias?: string | undefined;
  /** Hold these only, at most 1,000. Default: all. */
  names?: readonly string[] | undefined;
  /** Hold only what this matches, as in ListPersonas: `labels.team = "payments"`. */
  filter?: string | undefined;
  /** Who calls. Over plain HTTP to this machine only, unless `allowInsecureToken`. */
  token?: TokenSource | undefined;
  /** Send the token over plain HTTP to wherever the target is. */
  allowInsecureToken?: boolean | undefined;
  /** How long the first `get` waits for the very first contents. Default: 5,000. */
  firstSyncTimeout?: number | undefined;
  /** Deadline of one attempt of a call. Default: 10,000. */
  callTimeout?: number | undefined;
  /** Further attempts of a call that got no decision. Default: 3. */
  retries?: number | undefined;
  /** The wait before the second attempt to open the stream is at most this. Default: 1,000. */
  backoffFirst?: number | undefined;
  /** No wait is longer, unless the registry asks for it. Default: 30,000. */
  backoffMost?: number | undefined;
  /** How often the registry says that all is quiet, 1,000 to 60,000. Three without a message: the stream is dead. Default: 15,000. */
  progressInterval?: number | undefined;
  /** Where warnings and errors go. Default: `console`. */
  logger?: Logger | undefined;
}

/** What the conformance driver may take out of a client. No user can name it. */
export const SWITCH_OFF: unique symbol = Symbol("switch off");
export type Part = "cache" | "backoff" | "resume" | "sweep";
export interface WithSwitches {
  [SWITCH_OFF]?: ReadonlySet<Part>;
}

/** Options, judged and with their defaults. */
export interface Settings {
  readonly address: Address;
  readonly namespace: string;
  readonly alias: string;
  /** Sorted. Empty: all. */
  readonly names: readonly string[];
  readonly filter: string;
  readonly token: TokenSource | undefined;
  readonly firstSyncTimeout: number;
  readonly callTimeout: number;
  readonly retries: number;
  readonly backoffFirst: number;
  readonly backoffMost: number;
  readonly progressInterval: number;
  readonly logger: Logger;
  readonly off: ReadonlySet<Part>;
}

const MOST_NAMES = 1000;
const MOST_RETRIES = 10;
/** A day: what is longer is a slip of units. */
const LONGEST_MS = 86_400_000;
const NAME = /^[a-z0-9]+([._-][a-z0-9]+)*$/;

const COMMON: readonly string[] = [
  "namespace",
  "alias",
  "names",
  "filter",
  "token",
  "allowInsecureToken",
  "firstSyncTimeout",
  "callTimeout",
  "retries",
  "backoffFirst",
  "backoffMost",
  "progressInterval",
  "logger",
] satisfies (keyof CommonOptions)[];

/** Judges the options. `others` are those that only one kind of client has. */
export function settle(target: string, options: CommonOptions & WithSwitches, others: readonly string[]): Settings {
  for (const key of Object.keys(options)) {
    if (!COMMON.includes(key) && !others.includes(key)) throw new UsageError(`${key}: there is no such option`);
  }
  const address = parseAddress(target);
  const { namespace = "default", alias = "", filter = "", names = [], retries = 3, token } = options;
  checkName("namespace", namespace);
  if (alias !== "") checkName("alias", alias);
  if (names.length > MOST_NAMES) throw new UsageError(`names: ${names.length} are too many; ${MOST_NAMES} are allowed`);
  for (const name of names) checkName("names", name);
  if (new Set(names).size < names.length) throw new UsageError("names: one stands there twice");
  if (typeof filter !== "string") throw new UsageError("filter: write a text");
  if (!Number.isInteger(retries) || retries < 0 || retries > MOST_RETRIES) {
    throw new UsageError(`retries: ${retries} is not a whole number from 0 to ${MOST_RETRIES}`);
  }
  if (typeof token === "string") bearer(token);
  if (token !== undefined && !address.secure && !address.loopback && options.allowInsecureToken !== true) {
    throw new UsageError(
      "token: it would go over plain HTTP to another machine; use https://, or set allowInsecureToken",
    );
  }
  const backoffFirst = duration("backoffFirst", options.backoffFirst, 1000);
  const backoffMost = duration("backoffMost", options.backoffMost, 30_000);
  if (backoffMost < backoffFirst) throw new UsageError("backoffMost: it is less than backoffFirst");
  return {
    address,
    namespace,
    alias,
    names: [...names].sort(),
    filter,
    token,
    firstSyncTimeout: duration("firstSyncTimeout", options.firstSyncTimeout, 5000, 0),
    callTimeout: duration("callTimeout", options.callTimeout, 10_000),
    retries,
    backoffFirst,
    backoffMost,
    progressInterval: duration("progressInterval", options.progressInterval, 15_000, 1000, 60_000),
    logger: options.logger ?? console,
    off: options[SWITCH_OFF] ?? new Set(),
  };
}

/** The header that a token is sent in. */
export function bearer(token: unknown): string {
  const text = typeof token === "string" ? token.trim() : "";
  if (!/^[\x21-\x7e]+$/.test(text)) {
    throw new UsageError("token: it is empty, or has blanks or other characters that a header cannot carry");
  }
  return `Bearer ${text}`;
}

/** A time in milliseconds within bounds. */
export function duration(
  option: string,
  given: number | undefined,
  otherwise: number,
  least = 1,
  most = LONGEST_MS,
): number {
  const ms = given ?? otherwise;
  if (!Number.isFinite(ms) || ms < least || ms > most) {
    throw new UsageError(`${option}: ${ms} is not a time from ${least} to ${most} ms`);
  }
  return ms;
}

function checkName(option: string, text: unknown): void {
  if (typeof text === "string" && NAME.test(text) && text.length <= 64) return;
  const hint =
    option === "namespace" && text === "-" ? "; a client holds one namespace, so that a name means one persona" : "";
  throw new UsageError(
    `${option}: ${JSON.stringify(text)} is not a name: a-z, 0-9 and single . _ - between, at most 64 characters${hint}`,
  );
}
