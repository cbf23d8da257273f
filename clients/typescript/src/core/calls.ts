// The calls: thin and typed, over the generated messages.
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { CallOptions as ConnectCallOptions, Client } from "@connectrpc/connect";
import {
  type Dialect,
  type Persona,
  PersonaView,
  type Profile,
  type Waiver,
} from "../gen/persona/registry/v1/persona_pb.js";
import {
  type BatchWritePersonasRequest_OperationSchema,
  type BatchWritePersonasResponse,
  type DeletePersonaAliasResponse,
  type DeletePersonaResponse,
  GetPersonaRequestSchema,
  type PersonaService,
  type PutPersonaResponse,
  type SetPersonaAliasResponse,
  type ValidatePersonaResponse,
} from "../gen/persona/registry/v1/persona_service_pb.js";
import { failed, toPersonaError, UsageError } from "./errors.js";
import { Fetched, freeze } from "./held.js";

/** What every call may be told. */
export interface CallOptions {
  /** Ends the call. */
  signal?: AbortSignal | undefined;
}

/** Which version to fetch: at most one of them. Neither: the newest, also where the client has an alias. */
export interface FetchOptions extends CallOptions {
  version?: bigint | number | undefined;
  alias?: string | undefined;
}

export interface ListOptions extends CallOptions {
  filter?: string | undefined;
  /** Those that have this alias. Not given: all, at their newest. */
  alias?: string | undefined;
  /** Default: BASIC, without the documents. */
  view?: PersonaView | undefined;
}

export interface ValidateOptions extends CallOptions {
  path?: string | undefined;
  dialect?: Dialect | undefined;
  profile?: Profile | undefined;
  name?: string | undefined;
  select?: string[] | undefined;
  ignore?: string[] | undefined;
}

/** What every write may be told. */
export interface WriteOptions extends CallOptions {
  /** What the change is about. */
  message?: string | undefined;
  /** Makes the write happen once. Default: a new UUID, kept over all attempts. */
  requestId?: string | undefined;
  /** Answer as the real call would, and change nothing. */
  validateOnly?: boolean | undefined;
}

export interface PutOptions extends WriteOptions {
  /** Default: the document's. */
  name?: string | undefined;
  /** Put only if this is the persona's etag. */
  etag?: string | undefined;
  /** Put only if there is no such persona. */
  createOnly?: boolean | undefined;
  dialect?: Dialect | undefined;
  profile?: Profile | undefined;
  /** Findings that the document is let in with; asks for the right to administer. */
  waivers?: Pick<Waiver, "rule" | "reason">[] | undefined;
}

export interface DeleteOptions extends WriteOptions {
  /** Delete only if this is the persona's etag. */
  etag?: string | undefined;
}

export interface AliasOptions extends WriteOptions {
  /** The version that the alias must name now. */
  expectedVersion?: bigint | number | undefined;
}

/** One write of a batch, such as `{ kind: { case: "delete", value: { name: "…" } } }`. */
export type Operation = MessageInitShape<typeof BatchWritePersonasRequest_OperationSchema>;

/** A v4 UUID. `crypto.randomUUID` is not there on pages that came by plain HTTP. */
export function uuid(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/** The calls of a client. What they throw is a PersonaError. */
export abstract class Calls {
  /** The generated client, with this one's deadlines, further attempts and token. Its errors are those of Connect. */
  readonly stub: Client<typeof PersonaService>;
  readonly #namespace: string;

  protected constructor(stub: Client<typeof PersonaService>, namespace: string) {
    this.stub = stub;
    this.#namespace = namespace;
  }

  /** Fetches a persona from the registry: a version by number, the one of an alias, or the newest. */
  async fetch(name: string, { version, alias, signal }: FetchOptions = {}): Promise<Fetched> {
    if (version !== undefined && alias !== undefined) {
      throw new UsageError("fetch: give a version or an alias, not both");
    }
    const request = create(GetPersonaRequestSchema, { namespace: this.#namespace, name });
    if (version !== undefined) request.selector = { case: "version", value: BigInt(version) };
    if (alias !== undefined) request.selector = { case: "alias", value: alias };
    const { persona, header } = await ask(this.stub.getPersona(request, call(signal)));
    if (!persona || !header) throw failed({ code: "INTERNAL", message: "the registry answered without a persona" });
    return new Fetched(freeze(persona), header.revision);
  }

  /** Lists the personas of the namespace, page by page, without their documents unless asked for. */
  async *list({ filter = "", alias = "", view, signal }: ListOptions = {}): AsyncGenerator<Persona, undefined> {
    const selection = { namespace: this.#namespace, filter, alias, view: view ?? PersonaView.BASIC, pageSize: 500 };
    let pageToken = "";
    do {
      const page = await ask(this.stub.listPersonas({ ...selection, pageToken }, call(signal)));
      yield* page.personas;
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
  }

  /** Judges a document without storing it, among the namespace's personas. A bad one is no error: the answer says what is wrong where. */
  validate(document: string | Uint8Array, { signal, ...rest }: ValidateOptions = {}): Promise<ValidatePersonaResponse> {
    const request = { ...given(rest), namespace: this.#namespace, content: bytes(document) };
    return ask(this.stub.validatePersona(request, call(signal)));
  }

  /** Creates a persona or gives it a new version. Happens once, whatever number of attempts it takes. */
  put(document: string | Uint8Array, { signal, ...rest }: PutOptions = {}): Promise<PutPersonaResponse> {
    return ask(this.stub.putPersona({ ...this.#write(rest), content: bytes(document) }, call(signal)));
  }

  /** Deletes a persona and its aliases. */
  delete(name: string, { signal, ...rest }: DeleteOptions = {}): Promise<DeletePersonaResponse> {
    return ask(this.stub.deletePersona({ ...this.#write(rest), name }, call(signal)));
  }

  /** Points an alias at a version. */
  setAlias(
    name: string,
    alias: string,
    version: bigint | number,
    { signal, ...rest }: AliasOptions = {},
  ): Promise<SetPersonaAliasResponse> {
    const request = { ...this.#move(rest), name, alias, version: BigInt(version) };
    return ask(this.stub.setPersonaAlias(request, call(signal)));
  }

  /** Removes an alias. */
  deleteAlias(
    name: string,
    alias: string,
    { signal, ...rest }: AliasOptions = {},
  ): Promise<DeletePersonaAliasResponse> {
    return ask(this.stub.deletePersonaAlias({ ...this.#move(rest), name, alias }, call(signal)));
  }

  /** Does several writes at one revision: all of them, or none. */
  batchWrite(
    operations: readonly Operation[],
    { signal, ...rest }: WriteOptions = {},
  ): Promise<BatchWritePersonasResponse> {
    const request = { ...this.#write(rest), operations: [...operations] };
    return ask(this.stub.batchWritePersonas(request, call(signal)));
  }

  #move({ expectedVersion, ...rest }: AliasOptions) {
    const write = this.#write(rest);
    return expectedVersion === undefined ? write : { ...write, expectedVersion: BigInt(expectedVersion) };
  }

  /** What all writes have. The id is made here, once, and so is the same in all attempts. */
  #write<T extends WriteOptions>(options: T): Given<T> & { namespace: string; requestId: string } {
    return { ...given(options), namespace: this.#namespace, requestId: options.requestId ?? uuid() };
  }
}

type Given<T> = { [K in keyof T]: Exclude<T[K], undefined> };

/** Leaves out what is `undefined`. */
function given<T extends object>(options: T): Given<T> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Given<T>;
}

function bytes(document: string | Uint8Array): Uint8Array {
  return typeof document === "string" ? new TextEncoder().encode(document) : document;
}

function call(signal: AbortSignal | undefined): ConnectCallOptions {
  return signal ? { signal } : {};
}

async function ask<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (thrown) {
    throw toPersonaError(thrown);
  }
}
