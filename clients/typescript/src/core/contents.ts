// The personas that are held. Whoever was given them keeps them as they were.
import type { Persona } from "../gen/persona/registry/v1/persona_pb.js";
import { type PersonaChange, PersonaChange_Type } from "../gen/persona/registry/v1/persona_service_pb.js";
import { freeze } from "./held.js";

/** A persona before and after. */
export interface Difference {
  readonly name: string;
  readonly before: Persona | undefined;
  readonly after: Persona | undefined;
}

export class Contents {
  #personas: Map<string, Persona>;
  /** Whether somebody was given the map: the next change makes another. */
  #shared = false;

  constructor(
    personas: Iterable<Persona>,
    /** The registry's revision that this is true of. */
    public revision: bigint,
    /** The store that the revision belongs to. */
    readonly storeId: string,
  ) {
    this.#personas = new Map();
    for (const persona of personas) this.#personas.set(persona.name, freeze(persona));
  }

  get size(): number {
    return this.#personas.size;
  }

  get(name: string): Persona | undefined {
    return this.#personas.get(name);
  }

  keys(): Iterable<string> {
    return this.#personas.keys();
  }

  /** What is held, as it is now and stays. */
  share(): ReadonlyMap<string, Persona> {
    this.#shared = true;
    return this.#personas;
  }

  /** Takes in all changes of one revision. */
  apply(revision: bigint, changes: readonly PersonaChange[]): Difference[] {
    if (this.#shared && changes.length > 0) {
      this.#personas = new Map(this.#personas);
      this.#shared = false;
    }
    const differences = changes.flatMap(({ type, persona }) => {
      if (!persona) return [];
      const { name } = persona;
      const before = this.#personas.get(name);
      const stays = type === PersonaChange_Type.CREATED || type === PersonaChange_Type.UPDATED;
      if (stays) this.#personas.set(name, freeze(persona));
      else this.#personas.delete(name);
      return [{ name, before, after: stays ? persona : undefined }];
    });
    this.revision = revision;
    return differences;
  }

  /** What makes these contents of those. */
  since(old: Contents | undefined): Difference[] {
    const differences: Difference[] = [];
    for (const [name, after] of this.#personas) {
      const before = old?.get(name);
      if (!before || !isSame(before, after)) differences.push({ name, before, after });
    }
    for (const name of old?.keys() ?? []) {
      if (!this.#personas.has(name)) differences.push({ name, before: old?.get(name), after: undefined });
    }
    return differences;
  }
}

/** Whether two personas of one name are the same version of the same document, also across stores. */
export function isSame(one: Persona, other: Persona): boolean {
  return one.version === other.version && one.digest === other.digest;
}
