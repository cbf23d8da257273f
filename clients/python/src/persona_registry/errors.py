"""Why a call failed: one type for each thing that a caller can do about it, all of one base."""

from __future__ import annotations

from typing import Any, NamedTuple

import grpc
from google.rpc import error_details_pb2, status_pb2

DOMAIN = "persona.registry.v1"


class UsageError(ValueError):
    """An option or an argument that cannot be meant. Raised before anything is connected."""


class Violation(NamedTuple):
    """One field that is at fault."""

    field: str
    description: str


class RegistryError(Exception):
    """What the registry answered, or that it did not.

    Branch on the type and on `reason`; `message` is for people and may change.
    """

    def __init__(
        self,
        message: str,
        code: str = "UNKNOWN",
        reason: str = "",
        metadata: dict[str, str] | None = None,
        *,
        call_id: str = "",
        violations: tuple[Violation, ...] = (),
        retry_delay: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        """Name of the gRPC status code, such as `NOT_FOUND`."""
        self.reason = reason
        """One of `ErrorReason` without its prefix, such as `PERSONA_NOT_FOUND`; empty where none was given."""
        self.metadata = metadata or {}
        """What it is about."""
        self.call_id = call_id
        """`x-request-id` of the answer: the registry's log has more under it. Empty where nothing was answered."""
        self.violations = violations
        """Fields at fault, of InvalidArgument."""
        self.retry_delay = retry_delay
        """Seconds to wait, where the registry asked for that."""

    def __str__(self) -> str:
        return f"{self.message} ({self.reason or self.code})"

    def again(self) -> RegistryError:
        """The same, to be raised in another place."""
        return type(self)(
            self.message,
            self.code,
            self.reason,
            self.metadata,
            call_id=self.call_id,
            violations=self.violations,
            retry_delay=self.retry_delay,
        )


class InvalidArgument(RegistryError):
    """Mend the request; `violations` say where."""


class NotFound(RegistryError):
    """It is not there."""


class Conflict(RegistryError):
    """It is there already, changed meanwhile, or its state forbids it. Read again, then decide."""


class OutOfRange(RegistryError):
    """A revision that the registry does not have yet, or not any more."""


class Unauthenticated(RegistryError):
    """The registry does not know, or does not believe, who calls."""


class PermissionDenied(RegistryError):
    """The caller may not do that."""


class ResourceExhausted(RegistryError):
    """Too much is asked for at once. Wait for `retry_delay`."""


class Unavailable(RegistryError):
    """No answer, or none in time. Try again."""


class Internal(RegistryError):
    """A fault of the registry, or something that it does not have."""


_TYPES: dict[str, type[RegistryError]] = {
    "INVALID_ARGUMENT": InvalidArgument,
    "NOT_FOUND": NotFound,
    "ALREADY_EXISTS": Conflict,
    "ABORTED": Conflict,
    "FAILED_PRECONDITION": Conflict,
    "OUT_OF_RANGE": OutOfRange,
    "UNAUTHENTICATED": Unauthenticated,
    "PERMISSION_DENIED": PermissionDenied,
    "RESOURCE_EXHAUSTED": ResourceExhausted,
    "UNAVAILABLE": Unavailable,
    "DEADLINE_EXCEEDED": Unavailable,
    "CANCELLED": Unavailable,
}


def from_rpc(error: grpc.RpcError) -> RegistryError:
    """What a failed call of either kind of stub says."""
    # The types do not say that what is raised is the call, too.
    call: Any = error
    code = call.code().name
    metadata = [*(call.initial_metadata() or ()), *(call.trailing_metadata() or ())]
    return from_parts(code, call.details() or "", metadata)


def from_parts(code: str, message: str, metadata: list[tuple[str, str | bytes]]) -> RegistryError:
    """What a status and the metadata beside it say."""
    known = dict(metadata)
    reason, about, violations, delay = "", {}, [], None
    for detail in _details(known.get("grpc-status-details-bin", b"")):
        if detail.Is(error_details_pb2.ErrorInfo.DESCRIPTOR):
            info = error_details_pb2.ErrorInfo()
            detail.Unpack(info)
            if info.domain == DOMAIN:
                reason, about = info.reason, dict(info.metadata)
        elif detail.Is(error_details_pb2.BadRequest.DESCRIPTOR):
            bad = error_details_pb2.BadRequest()
            detail.Unpack(bad)
            violations = [Violation(each.field, each.description) for each in bad.field_violations]
        elif detail.Is(error_details_pb2.RetryInfo.DESCRIPTOR):
            retry = error_details_pb2.RetryInfo()
            detail.Unpack(retry)
            delay = max(0.0, retry.retry_delay.ToNanoseconds() / 1e9)
    kind = _TYPES.get(code, Internal)
    call_id = str(known.get("x-request-id", ""))
    return kind(message, code, reason, about, call_id=call_id, violations=tuple(violations), retry_delay=delay)


def _details(encoded: str | bytes) -> list[Any]:
    status = status_pb2.Status()
    try:
        status.ParseFromString(encoded if isinstance(encoded, bytes) else b"")
    except Exception:  # Whoever stands between may send anything: the code is known all the same.
        return []
    return list(status.details)
