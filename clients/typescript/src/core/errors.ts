// Why a call failed: one type a group, all of one base.
import { durationMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "../gen/google/rpc/error_details_pb.js";

const DOMAIN = "persona.registry.v1";
const CALL_ID_HEADER = "x-request-id";
/** No timer of JavaScript waits longer. */
const LONGEST_DELAY_MS = 2 ** 31 - 1;

/** A status code, as gRPC spells it. */
export type StatusCode =
  | "CANCELLED"
  | "UNKNOWN"
  | "INVALID_ARGUMENT"
  | "DEADLINE_EXCEEDED"
  | "NOT_FOUND"
  | "ALREADY_EXISTS"
  | "PERMISSION_DENIED"
  | "RESOURCE_EXHAUSTED"
  | "FAILED_PRECONDITION"
  | "ABORTED"
  | "OUT_OF_RANGE"
  | "UNIMPLEMENTED"
  | "INTERNAL"
  | "UNAVAILABLE"
  | "DATA_LOSS"
  | "UNAUTHENTICATED";

/** One field of a request that is wrong. */
export interface Violation {
  /** Path of the field. */
  readonly field: string;
  /** What is wrong with it. */
  readonly description: string;
}

/** What a failed call says of itself. */
export interface Failure {
  readonly code: StatusCode;
  readonly message: string;
  readonly reason?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly callId?: string;
  readonly violations?: readonly Violation[];
  readonly retryDelay?: number | undefined;
  readonly cause?: unknown;
}

/** The group of an error, for a `switch`. */
export type ErrorKind =
  | "InvalidArgument"
  | "NotFound"
  | "Conflict"
  | "OutOfRange"
  | "Unauthenticated"
  | "PermissionDenied"
  | "ResourceExhausted"
  | "Unavailable"
  | "Internal";

/** A call did not give what was asked for. Branch on the class (or `kind`) and on `reason`; the message is for people. */
export abstract class PersonaError extends Error {
  /** The group: the name of the class without `Error`. */
  abstract readonly kind: ErrorKind;
  /** What to do next. */
  readonly code: StatusCode;
  /** Why, one of `ErrorReason` without its prefix, such as `PERSONA_NOT_FOUND`. Empty: the registry gave none. */
  readonly reason: string;
  /** Values that belong to the reason. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Finds the call in the registry's log. Empty: it did not get that far. */
  readonly callId: string;
  /** How long to wait before the next attempt, in milliseconds. Not there: the registry asks for nothing. */
  readonly retryDelay: number | undefined;

  constructor(failure: Failure) {
    super(failure.message, failure.cause === undefined ? undefined : { cause: failure.cause });
    this.code = failure.code;
    this.reason = failure.reason ?? "";
    this.metadata = failure.metadata ?? {};
    this.callId = failure.callId ?? "";
    this.retryDelay = failure.retryDelay;
  }
}

/** The request must be mended. */
export class InvalidArgumentError extends PersonaError {
  readonly kind = "InvalidArgument";
  override readonly name = "InvalidArgumentError";
  /** What is wrong with which field. */
  readonly violations: readonly Violation[];

  constructor(failure: Failure) {
    super(failure);
    this.violations = failure.violations ?? [];
  }
}

/** There is no such persona, version, alias or section. */
export class NotFoundError extends PersonaError {
  readonly kind = "NotFound";
  override readonly name = "NotFoundError";
}

/** It exists already, has changed meanwhile, or is not in a state for it. */
export class ConflictError extends PersonaError {
  readonly kind = "Conflict";
  override readonly name = "ConflictError";
}

/** The revision is not one that can be read. */
export class OutOfRangeError extends PersonaError {
  readonly kind = "OutOfRange";
  override readonly name = "OutOfRangeError";
}

/** The registry does not know who calls. */
export class UnauthenticatedError extends PersonaError {
  readonly kind = "Unauthenticated";
  override readonly name = "UnauthenticatedError";
}

/** The caller may not do that. */
export class PermissionDeniedError extends PersonaError {
  readonly kind = "PermissionDenied";
  override readonly name = "PermissionDeniedError";
}

/** Too much was asked for at once, or the registry is full: wait for `retryDelay`. */
export class ResourceExhaustedError extends PersonaError {
  readonly kind = "ResourceExhausted";
  override readonly name = "ResourceExhaustedError";
}

/** Nobody answered, or not in time. Of a write that is not in the registry's hands nobody knows what became of it. */
export class UnavailableError extends PersonaError {
  readonly kind = "Unavailable";
  override readonly name = "UnavailableError";
}

/** A fault of the registry, or of this client. */
export class InternalError extends PersonaError {
  readonly kind = "Internal";
  override readonly name = "InternalError";
}

/** An option or argument is wrong; nothing was called. */
export class UsageError extends TypeError {
  override readonly name = "UsageError";
}

/** The groups; the rest is Internal. */
const CLASSES: Partial<Record<StatusCode, new (failure: Failure) => PersonaError>> = {
  INVALID_ARGUMENT: InvalidArgumentError,
  NOT_FOUND: NotFoundError,
  ALREADY_EXISTS: ConflictError,
  ABORTED: ConflictError,
  FAILED_PRECONDITION: ConflictError,
  OUT_OF_RANGE: OutOfRangeError,
  UNAUTHENTICATED: UnauthenticatedError,
  PERMISSION_DENIED: PermissionDeniedError,
  RESOURCE_EXHAUSTED: ResourceExhaustedError,
  UNAVAILABLE: UnavailableError,
  DEADLINE_EXCEEDED: UnavailableError,
  CANCELLED: UnavailableError,
};

/** A code of Connect as gRPC spells it. */
function statusCode(code: Code): StatusCode {
  if (code === Code.Canceled) return "CANCELLED";
  return Code[code].replace(/(?<=[a-z])(?=[A-Z])/g, "_").toUpperCase() as StatusCode;
}

/** The code of a failed call, where one that broke on its way counts as not answered. */
export function codeOf(error: ConnectError): Code {
  // A registry's own status stands in a trailer. Without one the connection broke, and what the transport makes of that
  // says nothing of a decision.
  const broke: readonly Code[] = [Code.Unknown, Code.Internal, Code.Aborted];
  return !error.metadata.has("grpc-status") && broke.includes(error.code) ? Code.Unavailable : error.code;
}

/** What lies at the bottom of an error: `connect ECONNREFUSED 127.0.0.1:1`, not `fetch failed`. */
function innermost(error: Error): string {
  const inner: unknown = error instanceof AggregateError ? error.errors[0] : error.cause;
  if (inner instanceof Error && inner !== error) return innermost(inner);
  return error instanceof ConnectError ? error.rawMessage : error.message;
}

/** Makes whatever a call threw an error of this package. */
export function toPersonaError(thrown: unknown): PersonaError {
  if (thrown instanceof PersonaError) return thrown;
  const error = ConnectError.from(thrown);
  const code = statusCode(codeOf(error));
  const [info] = error.findDetails(ErrorInfoSchema).filter((one) => one.domain === DOMAIN);
  const [bad] = error.findDetails(BadRequestSchema);
  const [retry] = error.findDetails(RetryInfoSchema);
  const isBroken = code === "UNAVAILABLE" && !error.metadata.has("grpc-status");
  return failed({
    code,
    message: isBroken ? innermost(error) : error.rawMessage,
    reason: info?.reason ?? "",
    metadata: { ...info?.metadata },
    callId: error.metadata.get(CALL_ID_HEADER) ?? "",
    violations: (bad?.fieldViolations ?? []).map(({ field, description }) => ({ field, description })),
    retryDelay: retry?.retryDelay && clampDelay(durationMs(retry.retryDelay)),
    cause: thrown,
  });
}

/** Keeps what the registry asks for within what a timer can do. */
export function clampDelay(ms: number): number {
  return Math.min(Math.max(ms, 0), LONGEST_DELAY_MS);
}

/** An error of the group that its code belongs to. */
export function failed(failure: Failure): PersonaError {
  return new (CLASSES[failure.code] ?? InternalError)(failure);
}
