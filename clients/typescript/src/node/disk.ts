// The copy on disk. Its format is the same in all languages: docs/clients.md.
import { createHash, randomBytes } from "node:crypto";
import { readdirSync, readFileSync, statSync, unlinkSync } from "node:fs";
import { type FileHandle, open, rename, unlink } from "node:fs/promises";
import path from "node:path";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import type { Disk, Saved } from "../core/copy.js";
import type { Settings } from "../core/options.js";
import { type Persona, PersonaSchema } from "../gen/persona/registry/v1/persona_pb.js";

const HEAD = /^persona-snapshot 1 sha256:([0-9a-f]{64})$/;
/** So much is encoded and written at once; then others have their turn. */
const CHUNK_BYTES = 256 * 1024;
/** A temporary file so old was left by a process that died, in milliseconds. */
const LEFT_OVER_MS = 600_000;

/** Which personas a file holds. */
type Selection = Pick<Settings, "namespace" | "alias" | "filter" | "names"> & { target: string };

/** Why a file is left out. */
class Unfit extends Error {}

export class DiskCopy implements Disk {
  readonly interval: number;
  readonly #path: string;
  readonly #selection: Selection;
  readonly #warn: (message: string) => void;

  constructor(file: string, interval: number, settings: Settings) {
    const { address, namespace, alias, filter, names } = settings;
    this.#path = path.resolve(file);
    this.interval = interval;
    this.#selection = { target: address.url, namespace, alias, filter, names };
    this.#warn = (message): void => {
      settings.logger.warn(`${this.#path}: ${message}`);
    };
  }

  read(): Saved | undefined {
    this.#sweep();
    try {
      return decode(readFileSync(this.#path), this.#selection);
    } catch (thrown) {
      if (thrown instanceof Error && "code" in thrown && thrown.code === "ENOENT") return undefined;
      this.#warn(`the copy on disk is left out: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
      return undefined;
    }
  }

  async write(saved: Saved): Promise<void> {
    const temporary = `${this.#path}.${randomBytes(8).toString("hex")}.tmp`;
    try {
      const file = await open(temporary, "wx", 0o600);
      try {
        await fill(file, saved, this.#selection);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, this.#path);
    } catch (thrown) {
      this.#warn(`the copy cannot be written: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
      await unlink(temporary).catch(() => undefined);
    }
  }

  /** Removes what processes left that died while they wrote. */
  #sweep(): void {
    const folder = path.dirname(this.#path);
    const prefix = `${path.basename(this.#path)}.`;
    try {
      for (const name of readdirSync(folder)) {
        if (!name.startsWith(prefix) || !/^[0-9a-f]{16}\.tmp$/.test(name.slice(prefix.length))) continue;
        const file = path.join(folder, name);
        if (Date.now() - statSync(file).mtimeMs > LEFT_OVER_MS) unlinkSync(file);
      }
    } catch {
      // Another process was faster, or the folder cannot be read, which the writing will tell.
    }
  }
}

/** Writes a copy in pieces: a large one must not hold up the thread. */
async function fill(file: FileHandle, saved: Saved, selection: Selection): Promise<void> {
  const hash = createHash("sha256");
  // The digest stands first and is known last; its line always has the same length.
  let position = head("0".repeat(64)).length;
  let lines: string[] = [`${JSON.stringify(describe(saved, selection))}\n`];
  let size = 0;
  const flush = async (): Promise<void> => {
    const chunk = Buffer.from(lines.join(""));
    hash.update(chunk);
    position += (await file.write(chunk, 0, chunk.length, position)).bytesWritten;
    lines = [];
    size = 0;
  };
  const byName = [...saved.personas].sort((one, other) => (one.name < other.name ? -1 : 1));
  for (const persona of byName) {
    const line = `${Buffer.from(toBinary(PersonaSchema, persona)).toString("base64")}\n`;
    lines.push(line);
    size += line.length;
    if (size >= CHUNK_BYTES) await flush();
  }
  await flush();
  await file.write(Buffer.from(head(hash.digest("hex"))), 0, null, 0);
}

function head(digest: string): string {
  return `persona-snapshot 1 sha256:${digest}\n`;
}

function describe(saved: Saved, selection: Selection): Record<string, unknown> {
  return {
    ...selection,
    store_id: saved.storeId,
    revision: String(saved.revision),
    resume_token: saved.resumeToken,
    time: saved.time.toISOString().replace(/\.\d+Z$/, "Z"),
  };
}

/** Reads a copy. Throws what is wrong with it. */
export function decode(bytes: Buffer, selection: Selection): Saved {
  const first = bytes.indexOf("\n");
  const digest = HEAD.exec(bytes.toString("utf8", 0, Math.max(first, 0)))?.[1];
  if (digest === undefined) throw new Unfit("it is no copy, or of another format");
  const rest = bytes.subarray(first + 1);
  if (createHash("sha256").update(rest).digest("hex") !== digest) throw new Unfit("it is damaged");
  const second = rest.indexOf("\n");
  const about = JSON.parse(rest.toString("utf8", 0, Math.max(second, 0))) as Record<string, unknown>;
  if (!isOf(selection, about)) throw new Unfit("it is of another selection");
  return {
    storeId: text(about, "store_id"),
    revision: BigInt(text(about, "revision")),
    resumeToken: text(about, "resume_token"),
    time: time(text(about, "time")),
    personas: personas(rest.subarray(second + 1)),
  };
}

function isOf(selection: Selection, about: Record<string, unknown>): boolean {
  const names: unknown[] = Array.isArray(about.names) ? about.names : [];
  const isSame = (["target", "namespace", "alias", "filter"] as const).every((key) => about[key] === selection[key]);
  return isSame && names.length === selection.names.length && selection.names.every((name) => names.includes(name));
}

function personas(lines: Buffer): Persona[] {
  const found = new Map<string, Persona>();
  for (let start = 0; start < lines.length;) {
    const end = lines.indexOf("\n", start);
    if (end < 0) throw new Unfit("its last line is not whole");
    const persona = fromBinary(PersonaSchema, Buffer.from(lines.toString("latin1", start, end), "base64"));
    if (found.has(persona.name)) throw new Unfit(`${persona.name} stands in it twice`);
    found.set(persona.name, persona);
    start = end + 1;
  }
  return [...found.values()];
}

function text(about: Record<string, unknown>, key: string): string {
  const value = about[key];
  if (typeof value !== "string") throw new Unfit(`its ${key} is missing`);
  return value;
}

function time(written: string): Date {
  const read = new Date(written);
  if (Number.isNaN(read.getTime())) throw new Unfit("its time is none");
  return read;
}
