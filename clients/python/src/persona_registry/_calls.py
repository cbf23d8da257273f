"""Calls to the registry: what each sends and gives back, and which are made again. No I/O."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from ._held import Held, Source
from ._options import Options
from ._pb.persona_pb2 import Dialect, PersonaView, Profile, Waiver
from ._pb.persona_service_pb2 import (
    BatchWritePersonasRequest,
    BatchWritePersonasResponse,
    DeletePersonaAliasRequest,
    DeletePersonaAliasResponse,
    DeletePersonaRequest,
    DeletePersonaResponse,
    GetPersonaRequest,
    GetPersonaResponse,
    ListPersonasRequest,
    ListPersonasResponse,
    PutPersonaRequest,
    PutPersonaResponse,
    SetPersonaAliasRequest,
    SetPersonaAliasResponse,
    ValidatePersonaRequest,
    ValidatePersonaResponse,
)
from .errors import RegistryError, UsageError

R = TypeVar("R")

_FIRST_WAIT, _MOST_WAIT = 0.1, 1.0


@dataclass(frozen=True)
class Call(Generic[R]):
    """One call: the method's name, its request, and what becomes of the answer."""

    method: str
    request: Any
    result: Callable[[Any], R]
    again: frozenset[str] = frozenset({"UNAVAILABLE"})
    """Codes after which it is made again."""


class Attempts:
    """The attempts of one call."""

    def __init__(self, options: Options, call: Call[Any]) -> None:
        self._left = options.retries
        self._again = call.again
        self._wait = _FIRST_WAIT

    def failed(self, error: RegistryError) -> float:
        """Seconds until the next attempt. Raises `error` when there is none."""
        if self._left <= 0 or error.code not in self._again:
            raise error
        self._left -= 1
        wait = self._wait * random.uniform(0.8, 1.2)
        self._wait = min(self._wait * 2, _MOST_WAIT)
        return max(wait, error.retry_delay or 0.0)


def fetch(namespace: str, name: str, *, version: int | None = None, alias: str | None = None) -> Call[Held]:
    """Fetches one persona from the registry itself: the newest, a version by number, or the one that an alias names."""
    if version is not None and alias is not None:
        raise UsageError("fetch: a version or an alias, not both")
    request = GetPersonaRequest(namespace=namespace, name=name, view=PersonaView.PERSONA_VIEW_FULL)
    if version is not None:
        request.version = version
    if alias is not None:
        request.alias = alias

    def held(answer: GetPersonaResponse) -> Held:
        return Held(answer.persona, answer.header.revision, Source.LIVE, 0.0)

    return Call("GetPersona", request, held)


def list_page(
    namespace: str, filter: str, view: PersonaView, page_size: int, page_token: str
) -> Call[ListPersonasResponse]:
    """One page of a listing."""
    request = ListPersonasRequest(
        namespace=namespace, filter=filter, view=view, page_size=page_size, page_token=page_token
    )
    return Call("ListPersonas", request, _as_is)


def validate(
    namespace: str,
    document: bytes | str,
    *,
    name: str = "",
    path: str = "",
    dialect: Dialect = Dialect.DIALECT_UNSPECIFIED,
    profile: Profile = Profile.PROFILE_UNSPECIFIED,
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
) -> Call[ValidatePersonaResponse]:
    """Judges a document without storing it, among the namespace's personas; the answer says what is wrong where."""
    request = ValidatePersonaRequest(
        namespace=namespace,
        content=_content(document),
        name=name,
        path=path,
        dialect=dialect,
        profile=profile,
        select=select,
        ignore=ignore,
    )
    return Call("ValidatePersona", request, _as_is)


def put(
    namespace: str,
    document: bytes | str,
    *,
    name: str = "",
    dialect: Dialect = Dialect.DIALECT_UNSPECIFIED,
    profile: Profile = Profile.PROFILE_UNSPECIFIED,
    etag: str = "",
    create_only: bool = False,
    waivers: Sequence[Waiver] = (),
    message: str = "",
    request_id: str = "",
    validate_only: bool = False,
) -> Call[PutPersonaResponse]:
    """Creates a persona or gives it a new version, from Markdown. Happens once, however often it is attempted."""
    request = PutPersonaRequest(
        namespace=namespace,
        content=_content(document),
        name=name,
        dialect=dialect,
        profile=profile,
        etag=etag,
        create_only=create_only,
        waivers=waivers,
        message=message,
        request_id=request_id,
        validate_only=validate_only,
    )
    return _write("PutPersona", request)


def delete(
    namespace: str,
    name: str,
    *,
    etag: str = "",
    message: str = "",
    request_id: str = "",
    validate_only: bool = False,
) -> Call[DeletePersonaResponse]:
    """Deletes a persona and its aliases; its versions stay readable by number."""
    request = DeletePersonaRequest(
        namespace=namespace,
        name=name,
        etag=etag,
        message=message,
        request_id=request_id,
        validate_only=validate_only,
    )
    return _write("DeletePersona", request)


def set_alias(
    namespace: str,
    name: str,
    alias: str,
    version: int,
    *,
    expected_version: int | None = None,
    message: str = "",
    request_id: str = "",
    validate_only: bool = False,
) -> Call[SetPersonaAliasResponse]:
    """Points an alias at a version: makes it, or moves it. An `expected_version` of 0: there must be no such alias."""
    request = SetPersonaAliasRequest(
        namespace=namespace,
        name=name,
        alias=alias,
        version=version,
        expected_version=expected_version,
        message=message,
        request_id=request_id,
        validate_only=validate_only,
    )
    return _write("SetPersonaAlias", request)


def delete_alias(
    namespace: str,
    name: str,
    alias: str,
    *,
    expected_version: int | None = None,
    message: str = "",
    request_id: str = "",
    validate_only: bool = False,
) -> Call[DeletePersonaAliasResponse]:
    """Removes an alias."""
    request = DeletePersonaAliasRequest(
        namespace=namespace,
        name=name,
        alias=alias,
        expected_version=expected_version,
        message=message,
        request_id=request_id,
        validate_only=validate_only,
    )
    return _write("DeletePersonaAlias", request)


def batch_write(
    namespace: str,
    operations: Iterable[BatchWritePersonasRequest.Operation],
    *,
    message: str = "",
    request_id: str = "",
    validate_only: bool = False,
) -> Call[BatchWritePersonasResponse]:
    """Does up to 40 puts, deletions and moves of aliases at one revision: all of them, or none."""
    request = BatchWritePersonasRequest(
        namespace=namespace,
        operations=operations,
        message=message,
        request_id=request_id,
        validate_only=validate_only,
    )
    return _write("BatchWritePersonas", request)


def _write(method: str, request: Any) -> Call[Any]:
    # One id over all attempts: what was done already is answered, not done again.
    if not request.request_id:
        request.request_id = str(uuid.uuid4())
    return Call(method, request, _as_is, frozenset({"UNAVAILABLE", "DEADLINE_EXCEEDED"}))


def _as_is(answer: R) -> R:
    return answer


def _content(document: bytes | str) -> bytes:
    return document.encode() if isinstance(document, str) else document
