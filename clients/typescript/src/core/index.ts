// What both entries have in common.
export { type Persona, PersonaView, Dialect, Profile, type Waiver } from "../gen/persona/registry/v1/persona_pb.js";
export type {
  AliasOptions,
  CallOptions,
  DeleteOptions,
  FetchOptions,
  ListOptions,
  Operation,
  PutOptions,
  ValidateOptions,
  WriteOptions,
} from "./calls.js";
export type { Change } from "./changes.js";
export {
  ConflictError,
  type ErrorKind,
  InternalError,
  InvalidArgumentError,
  NotFoundError,
  OutOfRangeError,
  PermissionDeniedError,
  PersonaError,
  ResourceExhaustedError,
  type StatusCode,
  UnauthenticatedError,
  UnavailableError,
  UsageError,
  type Violation,
} from "./errors.js";
export { Fetched, Held, Pin, type Source } from "./held.js";
export type { Logger, TokenSource } from "./options.js";
export type { GetOptions, State, Status } from "./personas.js";
