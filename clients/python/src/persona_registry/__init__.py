"""Client of the persona registry: what a service needs of it, kept in memory and current.

    personas = Personas("https://personas.example.com:50051", namespace="payments", alias="production")
    held = personas.get("backend_developer", fallback=SHIPPED_PROMPT)

`persona_registry.aio` has the same for asyncio.
"""

from ._changes import Change, ChangeType
from ._core import State, Status
from ._held import Held, Pin, Source, document
from ._pb.diagnostic_pb2 import Diagnostic, Severity
from ._pb.persona_pb2 import Dialect, Persona, PersonaView, Profile, Waiver
from ._pb.persona_service_pb2 import BatchWritePersonasRequest
from ._version import __version__
from .client import Changes, Personas
from .errors import (
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
    UsageError,
    Violation,
)

__all__ = [
    "BatchWritePersonasRequest",
    "Change",
    "ChangeType",
    "Changes",
    "Conflict",
    "Diagnostic",
    "Dialect",
    "Held",
    "Internal",
    "InvalidArgument",
    "NotFound",
    "OutOfRange",
    "PermissionDenied",
    "Persona",
    "PersonaView",
    "Personas",
    "Pin",
    "Profile",
    "RegistryError",
    "ResourceExhausted",
    "Severity",
    "Source",
    "State",
    "Status",
    "Unauthenticated",
    "Unavailable",
    "UsageError",
    "Violation",
    "Waiver",
    "__version__",
    "document",
]
