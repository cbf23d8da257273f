"""What is held, as readers see it."""

from __future__ import annotations

import enum
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from ._pb.persona_pb2 import Persona
from .errors import NotFound, RegistryError


class Source(enum.Enum):
    """Where a persona comes from, and so what is known of how new it is."""

    LIVE = "LIVE"
    """The stream stands and has caught up."""
    CACHED = "CACHED"
    """It was live, and the stream is down or is catching up."""
    DISK = "DISK"
    """It is from the copy on disk, and was not live since the start."""
    FALLBACK = "FALLBACK"
    """Nothing was ever held, and the caller brought a text."""


class Held(NamedTuple):
    """One persona as it was read. Does not change afterwards; treat `persona` as read-only, others read it too."""

    persona: Persona
    """The message of the contract. Of a fallback only its name and body are set."""
    revision: int
    """The registry's revision that this is true of; 0 of a fallback."""
    source: Source
    age: float | None
    """Seconds since it was known to be current: 0 of LIVE, None of a fallback."""

    @property
    def version(self) -> int:
        """The persona's version; 0 of a fallback."""
        return self.persona.version

    @property
    def body(self) -> str:
        """Everything after the front matter: the system prompt."""
        return self.persona.body

    @property
    def document(self) -> bytes:
        """The whole document, byte for byte as it was put."""
        return document(self.persona)


def document(persona: Persona) -> bytes:
    """The document of a persona that was read in the FULL view."""
    return (persona.front_matter + persona.body).encode()


@dataclass(frozen=True)
class View:
    """All that is held at one revision. Never changed, only replaced."""

    namespace: str
    personas: Mapping[str, Persona]
    revision: int = 0
    source: Source | None = None
    """None: nothing is held."""
    known: float = 0.0
    """When it was last known to be current, on the clock `time.monotonic`."""

    def age(self) -> float | None:
        """Seconds since it was known to be current; None: nothing is held."""
        if self.source is None:
            return None
        return 0.0 if self.source is Source.LIVE else max(0.0, time.monotonic() - self.known)

    def missing(self, name: str, fallback: str | None, error: RegistryError) -> Held:
        """What `get` returns, or raises, when `name` is not held."""
        if self.source is not None:
            raise NotFound(
                f"there is no persona {name!r} in what is followed of namespace {self.namespace!r}",
                "NOT_FOUND",
                "PERSONA_NOT_FOUND",
                {"namespace": self.namespace, "name": name},
            )
        if fallback is not None:
            persona = Persona(namespace=self.namespace, name=name, body=fallback)
            return Held(persona, 0, Source.FALLBACK, None)
        raise error.again()


class Pin:
    """What was held at one moment. Answers the same for as long as it is kept."""

    def __init__(self, view: View, error: RegistryError) -> None:
        self._view = view
        self._age = view.age()
        self._error = error

    def get(self, name: str, fallback: str | None = None) -> Held:
        """As `Personas.get` would have answered then."""
        persona = self._view.personas.get(name)
        if persona is None or self._view.source is None:
            return self._view.missing(name, fallback, self._error)
        return Held(persona, self._view.revision, self._view.source, self._age)

    def names(self) -> tuple[str, ...]:
        """Names of what was held, bytewise."""
        return tuple(sorted(self._view.personas))
