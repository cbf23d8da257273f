// The conformance driver: does what the suite says, and says what it sees. See ../../conformance/README.md.
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { SWITCH_OFF, type Part, type WithSwitches } from "../src/core/options.js";
import {
  type Change,
  type Fetched,
  type Held,
  PersonaError,
  Personas,
  type PersonasOptions,
  type Pin,
  UsageError,
} from "../src/index.js";

const manifest = new URL("../../package.json", import.meta.url);

/** A command, as the suite sends it. */
interface Command extends Record<string, unknown> {
  id: number;
  do: string;
  client?: string;
}

/** A client, with what was made of it. */
interface Opened {
  personas: Personas;
  pins: Map<string, Pin>;
  heard: Map<string, { type: string; name: string; version: number }[]>;
}

const clients = new Map<string, Opened>();

function text(command: Command, key: string): string | undefined {
  const value = command[key];
  return typeof value === "string" ? value : undefined;
}

function must(command: Command, key: string): string {
  const value = text(command, key);
  if (value === undefined) throw new UsageError(`${key} is missing`);
  return value;
}

function num(command: Command, key: string): number | undefined {
  const value = command[key];
  return typeof value === "number" ? value : undefined;
}

function flag(command: Command, key: string): boolean | undefined {
  const value = command[key];
  return typeof value === "boolean" ? value : undefined;
}

function list(command: Command, key: string): string[] | undefined {
  const value = command[key];
  return Array.isArray(value) ? value.map(String) : undefined;
}

function opened(command: Command): Opened {
  const found = clients.get(must(command, "client"));
  if (!found) throw new UsageError("there is no such client");
  return found;
}

function options(command: Command): PersonasOptions & WithSwitches {
  const file = text(command, "token_file");
  const off = command.switch_off;
  const parts = (Array.isArray(off) ? off : [off]).filter((part): part is Part => typeof part === "string");
  return {
    [SWITCH_OFF]: new Set(parts),
    namespace: text(command, "namespace"),
    alias: text(command, "alias"),
    names: list(command, "names"),
    filter: text(command, "filter"),
    token: file === undefined ? text(command, "token") : () => readFile(file, "utf8"),
    allowInsecureToken: flag(command, "allow_insecure_token"),
    caCert: text(command, "ca_cert"),
    clientCert: text(command, "client_cert"),
    clientKey: text(command, "client_key"),
    serverName: text(command, "server_name"),
    snapshotPath: text(command, "snapshot_path"),
    firstSyncTimeout: num(command, "first_sync_timeout"),
    callTimeout: num(command, "call_timeout"),
    retries: num(command, "retries"),
    backoffFirst: num(command, "backoff_first"),
    backoffMost: num(command, "backoff_most"),
    progressInterval: num(command, "progress_interval"),
    snapshotInterval: num(command, "snapshot_interval"),
    logger: console,
  };
}

function shown(fetched: Fetched): Record<string, unknown> {
  const bytes = Buffer.from(fetched.document);
  return {
    version: Number(fetched.version),
    revision: Number(fetched.revision),
    digest: `sha256:${createHash("sha256").update(bytes).digest("hex")}`,
    size: bytes.length,
  };
}

function shownHeld(held: Held): Record<string, unknown> {
  return { source: held.source, age: held.age ?? null, ...shown(held) };
}

function write(command: Command) {
  return { requestId: text(command, "request_id"), message: text(command, "message"), etag: text(command, "etag") };
}

function subscribe({ personas, heard }: Opened, command: Command): void {
  const changes: { type: string; name: string; version: number }[] = [];
  heard.set(must(command, "subscription"), changes);
  const delay = num(command, "delay") ?? 0;
  personas.onChange(async (change: Change) => {
    changes.push({ type: change.type, name: change.name, version: Number(change.after?.version ?? 0) });
    if (delay > 0) await sleep(delay);
    if (flag(command, "fail")) throw new Error("as the suite wants it");
  });
}

async function awaitVersion({ personas }: Opened, command: Command): Promise<Record<string, unknown>> {
  const wanted = BigInt(num(command, "version") ?? 1);
  const end = performance.now() + (num(command, "timeout") ?? 5000);
  for (;;) {
    const seen = attempt(() => personas.peek(must(command, "name")));
    // A double has room for a quarter of a microsecond.
    const now = (performance.timeOrigin + performance.now()) * 1e6;
    if (seen.ok && seen.ok.version >= wanted) return { version: Number(seen.ok.version), time_ns: Math.round(now) };
    if (performance.now() > end) throw seen.error ?? new Error(`version ${String(seen.ok?.version)} is held`);
    await sleep(1);
  }
}

function attempt<T>(run: () => T): { ok?: T; error?: Error } {
  try {
    return { ok: run() };
  } catch (thrown) {
    return { error: thrown instanceof Error ? thrown : new Error(String(thrown)) };
  }
}

/** `console` writes to stdout where it should not. */
function toStderr(): void {
  const say = (message: unknown): void => {
    process.stderr.write(`${String(message)}\n`);
  };
  console.log = say;
  console.info = say;
  console.warn = say;
  console.error = say;
}

async function open(command: Command): Promise<void> {
  const key = must(command, "client");
  const personas = new Personas(must(command, "target"), options(command));
  await clients.get(key)?.personas.close();
  clients.set(key, { personas, pins: new Map(), heard: new Map() });
}

async function perform(command: Command): Promise<Record<string, unknown>> {
  if (command.do === "hello") {
    const { version } = JSON.parse(await readFile(manifest, "utf8")) as { version: string };
    return { language: "typescript", version };
  }
  if (command.do === "open") {
    await open(command);
    return {};
  }
  const client = opened(command);
  const { personas, pins, heard } = client;
  switch (command.do) {
    case "ready":
      await personas.ready(num(command, "timeout"));
      return {};
    case "get":
      return shownHeld(await personas.get(must(command, "name"), { fallback: text(command, "fallback") }));
    case "await":
      return awaitVersion(client, command);
    case "names":
      return { names: personas.names() };
    case "pin":
      pins.set(must(command, "pin"), personas.pin());
      return {};
    case "pin_get": {
      const pin = pins.get(must(command, "pin"));
      if (!pin) throw new UsageError("there is no such pin");
      return shownHeld(pin.get(must(command, "name"), { fallback: text(command, "fallback") }));
    }
    case "subscribe":
      subscribe(client, command);
      return {};
    case "changes":
      return { changes: heard.get(must(command, "subscription"))?.splice(0) ?? [] };
    case "status": {
      const status = personas.status();
      return {
        ...status,
        source: status.source ?? null,
        revision: Number(status.revision),
        age: status.age ?? null,
        error: status.error?.kind ?? "",
      };
    }
    case "fetch": {
      const { version, alias } = { version: num(command, "version"), alias: text(command, "alias") };
      return shown(await personas.fetch(must(command, "name"), { version, alias }));
    }
    case "list": {
      const names: string[] = [];
      for await (const persona of personas.list({ filter: text(command, "filter") })) names.push(persona.name);
      return { names };
    }
    case "validate": {
      const { diagnostics } = await personas.validate(Buffer.from(must(command, "document"), "base64"));
      return { codes: diagnostics.map((finding) => finding.code) };
    }
    case "put": {
      const document = Buffer.from(must(command, "document"), "base64");
      const about = { name: text(command, "name"), createOnly: flag(command, "create_only") };
      const { version, revision } = await personas.put(document, { ...write(command), ...about });
      return { version: Number(version), revision: Number(revision) };
    }
    case "delete":
      return { revision: Number((await personas.delete(must(command, "name"), write(command))).revision) };
    case "set_alias": {
      const [name, alias, version] = [must(command, "name"), must(command, "alias"), num(command, "version") ?? 0];
      const { requestId, message } = write(command);
      return { revision: Number((await personas.setAlias(name, alias, version, { requestId, message })).revision) };
    }
    case "close":
      await personas.close();
      return {};
    default:
      throw new UsageError(`there is no command ${JSON.stringify(command.do)}`);
  }
}

function told(thrown: unknown): Record<string, unknown> {
  if (thrown instanceof PersonaError) {
    const { kind, code, reason, metadata, message } = thrown;
    return { kind, code, reason, metadata, message };
  }
  const kind = thrown instanceof UsageError ? "Usage" : "Internal";
  return {
    kind,
    code: "",
    reason: "",
    metadata: {},
    message: thrown instanceof Error ? thrown.message : String(thrown),
  };
}

toStderr();
for await (const line of createInterface({ input: process.stdin })) {
  if (line.trim() === "") continue;
  const command = JSON.parse(line) as Command;
  const answer = await perform(command).then(
    (ok) => ({ id: command.id, ok }),
    (thrown: unknown) => ({ id: command.id, error: told(thrown) }),
  );
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
await Promise.all([...clients.values()].map(({ personas }) => personas.close()));
