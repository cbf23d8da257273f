import assert from "node:assert/strict";
import { test } from "node:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { codeOf, PersonaError, toPersonaError } from "../src/core/errors.js";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "../src/gen/google/rpc/error_details_pb.js";
import { InvalidArgumentError, ResourceExhaustedError } from "../src/index.js";

/** A status as the registry sends it. */
function status(code: Code, info?: MessageInitShape<typeof ErrorInfoSchema>): ConnectError {
  const headers = { "grpc-status": String(code), "x-request-id": "call-1" };
  const details = [
    { desc: ErrorInfoSchema, value: create(ErrorInfoSchema, info) },
    {
      desc: BadRequestSchema,
      value: create(BadRequestSchema, { fieldViolations: [{ field: "name", description: "too long" }] }),
    },
    { desc: RetryInfoSchema, value: create(RetryInfoSchema, { retryDelay: { nanos: 250_000_000 } }) },
  ];
  return new ConnectError("no such persona", code, headers, details);
}

test("every code has its group", () => {
  const kinds = new Map<Code, string>([
    [Code.InvalidArgument, "InvalidArgument INVALID_ARGUMENT"],
    [Code.NotFound, "NotFound NOT_FOUND"],
    [Code.AlreadyExists, "Conflict ALREADY_EXISTS"],
    [Code.Aborted, "Conflict ABORTED"],
    [Code.FailedPrecondition, "Conflict FAILED_PRECONDITION"],
    [Code.OutOfRange, "OutOfRange OUT_OF_RANGE"],
    [Code.Unauthenticated, "Unauthenticated UNAUTHENTICATED"],
    [Code.PermissionDenied, "PermissionDenied PERMISSION_DENIED"],
    [Code.ResourceExhausted, "ResourceExhausted RESOURCE_EXHAUSTED"],
    [Code.Unavailable, "Unavailable UNAVAILABLE"],
    [Code.DeadlineExceeded, "Unavailable DEADLINE_EXCEEDED"],
    [Code.Canceled, "Unavailable CANCELLED"],
    [Code.Internal, "Internal INTERNAL"],
    [Code.Unknown, "Internal UNKNOWN"],
    [Code.DataLoss, "Internal DATA_LOSS"],
    [Code.Unimplemented, "Internal UNIMPLEMENTED"],
  ]);
  assert.equal(kinds.size, 16);
  for (const [code, kind] of kinds) {
    const error = toPersonaError(status(code));
    assert.ok(error instanceof PersonaError);
    assert.equal(`${error.kind} ${error.code}`, kind);
    assert.equal(error.name, `${error.kind}Error`);
  }
});

test("every detail of a status is read", () => {
  const info = { domain: "persona.registry.v1", reason: "ARGUMENT_INVALID", metadata: { field: "name" } };
  const error = toPersonaError(status(Code.InvalidArgument, info));
  assert.ok(error instanceof InvalidArgumentError);
  assert.deepEqual(error.violations, [{ field: "name", description: "too long" }]);
  assert.equal(error.reason, "ARGUMENT_INVALID");
  assert.deepEqual(error.metadata, { field: "name" });
  assert.equal(error.callId, "call-1");
  assert.equal(error.message, "no such persona");
  const asked = toPersonaError(status(Code.ResourceExhausted, info));
  assert.ok(asked instanceof ResourceExhaustedError);
  assert.equal(asked.retryDelay, 250);
});

test("reasons of another domain are none", () => {
  const error = toPersonaError(status(Code.NotFound, { domain: "example.com", reason: "X", metadata: { a: "b" } }));
  assert.equal(error.reason, "");
  assert.deepEqual(error.metadata, {});
});

test("a connection that broke is unavailable, whatever the transport calls it", () => {
  for (const code of [Code.Unknown, Code.Internal, Code.Aborted]) {
    assert.equal(toPersonaError(new ConnectError("http/2 stream closed", code)).code, "UNAVAILABLE");
    assert.equal(codeOf(status(code)), code);
  }
  const refused = new AggregateError(
    [new Error("connect ECONNREFUSED ::1:1"), new Error("connect ECONNREFUSED 127.0.0.1:1")],
    "",
  );
  const error = toPersonaError(ConnectError.from(new Error("wrapped", { cause: refused })));
  assert.equal(error.message, "connect ECONNREFUSED ::1:1");
});

test("a caller who gave up is told so", () => {
  const error = toPersonaError(ConnectError.from(new DOMException("This operation was aborted", "AbortError")));
  assert.deepEqual([error.kind, error.code], ["Unavailable", "CANCELLED"]);
});
