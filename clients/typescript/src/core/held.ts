// What readers get: a persona, and how far it can be relied on.
import { create } from "@bufbuild/protobuf";
import { type Persona, PersonaSchema } from "../gen/persona/registry/v1/persona_pb.js";
import { NotFoundError, type PersonaError } from "./errors.js";

/** Where a persona comes from: the stream that stands, the copy that it left, the copy on disk, or the caller. */
export type Source = "LIVE" | "CACHED" | "DISK" | "FALLBACK";

/** A persona as it was at a revision. */
export class Fetched {
  constructor(
    /** The message: frozen, since it is everybody's. */
    readonly persona: Persona,
    /** The registry's revision that this is true of. 0 of a fallback. */
    readonly revision: bigint,
  ) {}

  /** The persona's version. 0 of a fallback. */
  get version(): bigint {
    return this.persona.version;
  }

  /** The system prompt: the document without its front matter. */
  get body(): string {
    return this.persona.body;
  }

  /** The whole document, as it was put. */
  get document(): string {
    return this.persona.frontMatter + this.persona.body;
  }
}

/** A persona that is held. It does not change afterwards. */
export class Held extends Fetched {
  constructor(
    persona: Persona,
    revision: bigint,
    readonly source: Source,
    /** How long ago it was known to be current, in milliseconds: 0 of LIVE, unknown of a fallback. */
    readonly age: number | undefined,
  ) {
    super(persona, revision);
  }
}

/** All that is held at one moment. */
export interface View {
  readonly namespace: string;
  /** Not there: nothing was ever held. */
  readonly personas: (Pick<ReadonlyMap<string, Persona>, "get"> & { keys(): Iterable<string> }) | undefined;
  readonly revision: bigint;
  readonly source: Source;
  readonly age: number;
  /** What keeps the stream from standing. */
  readonly error: () => PersonaError;
}

/** Finds a persona by the rules of `get`. */
export function look(view: View, name: string, fallback: string | undefined): Held {
  const persona = view.personas?.get(name);
  if (persona) return new Held(persona, view.revision, view.source, view.age);
  if (view.personas) {
    throw new NotFoundError({
      code: "NOT_FOUND",
      reason: "PERSONA_NOT_FOUND",
      message: `there is no persona ${JSON.stringify(name)} in what this client holds of ${view.namespace}`,
      metadata: { namespace: view.namespace, name, last_version: "" },
    });
  }
  if (fallback === undefined) throw view.error();
  const shipped = create(PersonaSchema, { namespace: view.namespace, name, body: fallback });
  return new Held(freeze(shipped), 0n, "FALLBACK", undefined);
}

/** What was held when it was made, for as long as it is kept. */
export class Pin {
  readonly #view: View;

  constructor(view: View) {
    this.#view = view;
  }

  /** As {@link Held} was then. Throws as `get` of the client does. */
  get(name: string, options: { fallback?: string | undefined } = {}): Held {
    return look(this.#view, name, options.fallback);
  }

  /** The names, sorted. */
  names(): string[] {
    return [...(this.#view.personas?.keys() ?? [])].sort();
  }
}

/** Freezes a message and all that it holds. */
export function freeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !ArrayBuffer.isView(value) && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const part of Object.values(value)) freeze(part);
  }
  return value;
}
