"""What a status becomes."""

from __future__ import annotations

import grpc
import pytest
from google.protobuf import any_pb2, duration_pb2
from google.rpc import error_details_pb2, status_pb2

from persona_registry import (
    Conflict,
    Internal,
    InvalidArgument,
    NotFound,
    OutOfRange,
    PermissionDenied,
    RegistryError,
    ResourceExhausted,
    Unauthenticated,
    Unavailable,
    Violation,
)
from persona_registry._calls import Attempts, delete, fetch
from persona_registry._options import Options
from persona_registry.client import Personas
from persona_registry.errors import DOMAIN, from_parts

KINDS: dict[type[RegistryError], set[str]] = {
    InvalidArgument: {"INVALID_ARGUMENT"},
    NotFound: {"NOT_FOUND"},
    Conflict: {"ALREADY_EXISTS", "ABORTED", "FAILED_PRECONDITION"},
    OutOfRange: {"OUT_OF_RANGE"},
    Unauthenticated: {"UNAUTHENTICATED"},
    PermissionDenied: {"PERMISSION_DENIED"},
    ResourceExhausted: {"RESOURCE_EXHAUSTED"},
    Unavailable: {"UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED"},
    Internal: {"UNKNOWN", "INTERNAL", "UNIMPLEMENTED", "DATA_LOSS"},
}


def options(retries: int) -> Options:
    return Personas("127.0.0.1", retries=retries)._options


def test_every_code_has_its_type() -> None:
    by_code = {code: kind for kind, codes in KINDS.items() for code in codes}
    for code in grpc.StatusCode:
        if code is not grpc.StatusCode.OK:
            assert type(from_parts(code.name, "", [])) is by_code[code.name]


def test_details_are_read() -> None:
    status = status_pb2.Status(code=8)
    info = error_details_pb2.ErrorInfo(reason="RATE_LIMITED", domain=DOMAIN, metadata={"limit": "5"})
    bad = error_details_pb2.BadRequest()
    bad.field_violations.add(field="content", description="too long")
    retry = error_details_pb2.RetryInfo(retry_delay=duration_pb2.Duration(seconds=1, nanos=500_000_000))
    for detail in (info, bad, retry):
        packed = any_pb2.Any()
        packed.Pack(detail)
        status.details.append(packed)
    metadata: list[tuple[str, str | bytes]] = [
        ("x-request-id", "id-1"),
        ("grpc-status-details-bin", status.SerializeToString()),
    ]
    error = from_parts("RESOURCE_EXHAUSTED", "slowly", metadata)
    for each in (error, error.again()):
        assert isinstance(each, ResourceExhausted)
        assert (each.code, each.reason, each.metadata, each.message) == (
            "RESOURCE_EXHAUSTED",
            "RATE_LIMITED",
            {"limit": "5"},
            "slowly",
        )
        assert (each.call_id, each.retry_delay) == ("id-1", 1.5)
        assert each.violations == (Violation("content", "too long"),)


def test_what_another_domain_says_and_garbage_have_no_reason() -> None:
    status = status_pb2.Status()
    packed = any_pb2.Any()
    packed.Pack(error_details_pb2.ErrorInfo(reason="OTHER", domain="example.com"))
    status.details.append(packed)
    for content in (status.SerializeToString(), b"\xff\xff", "text"):
        error = from_parts("NOT_FOUND", "", [("grpc-status-details-bin", content)])
        assert isinstance(error, NotFound)
        assert (error.reason, error.metadata) == ("", {})


def test_which_calls_are_made_again() -> None:
    away, late = Unavailable("", "UNAVAILABLE"), Unavailable("", "DEADLINE_EXCEEDED")
    read, write = fetch("default", "a"), delete("default", "a")
    assert write.request.request_id
    assert [read.again, write.again] == [{"UNAVAILABLE"}, {"UNAVAILABLE", "DEADLINE_EXCEEDED"}]
    attempts = Attempts(options(5), write)
    waits = [attempts.failed(late if number % 2 else away) for number in range(5)]
    for wait, expected in zip(waits, (0.1, 0.2, 0.4, 0.8, 1.0), strict=True):
        assert expected * 0.8 <= wait <= expected * 1.2
    with pytest.raises(Unavailable):
        attempts.failed(away)
    with pytest.raises(Unavailable):
        Attempts(options(5), read).failed(late)
    with pytest.raises(NotFound):
        Attempts(options(5), write).failed(NotFound("", "NOT_FOUND"))
