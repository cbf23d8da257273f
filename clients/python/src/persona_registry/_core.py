"""The stream as a state machine: messages and ends go in, contents and changes come out.

No I/O and no locks. Whoever owns it calls it from one thread at a time; `view` may be read from any.
"""

from __future__ import annotations

import dataclasses
import enum
import logging
import random
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from . import _disk
from ._changes import Change, difference
from ._held import Source, View
from ._log import log
from ._options import Options
from ._pb.persona_pb2 import PERSONA_VIEW_FULL, Persona
from ._pb.persona_service_pb2 import WATCH_MODE_LATEST, PersonaChange, WatchPersonasRequest, WatchPersonasResponse
from .errors import RegistryError, ResourceExhausted, Unavailable

_DROP_TOKEN = {"STORE_MISMATCH", "REVISION_COMPACTED", "REVISION_IN_FUTURE", "RESUME_TOKEN_INVALID"}
_SILENT_INTERVALS = 3
_MOST_DOUBLINGS = 30


class State(enum.Enum):
    """What a client is doing."""

    IDLE = "IDLE"
    """Not used yet."""
    CONNECTING = "CONNECTING"
    """On its way to the first contents."""
    LIVE = "LIVE"
    """The stream stands and has caught up."""
    RECONNECTING = "RECONNECTING"
    """It was live, and is on its way back."""
    CLOSED = "CLOSED"
    """Closed for good."""


@dataclass(frozen=True)
class Status:
    """How a client is."""

    state: State
    source: Source | None
    """None: nothing is held."""
    revision: int
    age: float | None
    """Seconds since what is held was known to be current; None: nothing is held."""
    personas: int
    streams: int
    """Streams opened so far."""
    snapshots: int
    """Snapshots received so far."""
    error: RegistryError | None
    """Why the last stream ended, or did not come about; None once one has caught up."""


class Core:
    """What is held, and how far the stream is."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self.view = View(options.selection.namespace, {})
        self.state = State.IDLE
        self.error: RegistryError | None = None
        self.attempted = False
        """The first attempt has ended."""
        self.unsaved = False
        """What is held should be written to disk."""
        self.silence = options.progress_interval * _SILENT_INTERVALS
        """Seconds without a message after which the stream is dead."""
        self.switched_off: frozenset[str] = frozenset()
        """Parts that the conformance suite takes out, to see that it notices."""
        self._token = ""
        self._store_id = ""
        self._opened_store = ""
        self._streams = 0
        self._snapshots = 0
        self._attempts = 0
        self._asked = 0.0
        self._goal: int | None = None
        self._staged: dict[str, Persona] | None = None
        self._group: list[PersonaChange] = []

    def restore(self, copy: _disk.Copy) -> list[Change]:
        """Takes what was on disk: what changed."""
        known = time.monotonic() - max(0.0, time.time() - copy.time)
        self._store_id = copy.store_id
        if "resume" not in self.switched_off:
            self._token = copy.resume_token
        self.view = View(self.view.namespace, copy.personas, copy.revision, Source.DISK, known)
        return difference({}, copy.personas)

    def copy(self) -> _disk.Copy | None:
        """What is to be written to disk; None: there is nothing to write."""
        self.unsaved = False
        age = self.view.age()
        if age is None:
            return None
        return _disk.Copy(self._store_id, self.view.revision, self._token, time.time() - age, self.view.personas)

    def settled(self) -> bool:
        """Whether the very first `get` need not wait any more."""
        return self.view.source is Source.LIVE or (self.view.source is not None and self.attempted)

    def begin(self) -> WatchPersonasRequest:
        """Begins an attempt: what to ask for."""
        selection = self._options.selection
        if self.state is State.IDLE:
            self.state = State.CONNECTING
        self._goal = None
        self._group = []
        self._asked = 0.0
        self._staged = None if self._token else {}
        request = WatchPersonasRequest(
            namespace=selection.namespace,
            names=selection.names,
            filter=selection.filter,
            alias=selection.alias,
            view=PERSONA_VIEW_FULL,
            mode=WATCH_MODE_LATEST,
            progress_interval=timedelta(seconds=self._options.progress_interval),
        )
        if self._token:
            request.resume_token = self._token
        return request

    def take(self, message: WatchPersonasResponse) -> list[Change]:
        """Takes a message of the stream: what it changed."""
        changes: list[Change] = []
        event = message.WhichOneof("event")
        if event == "opened":
            self._opened(message.opened)
        elif event == "closing":
            self._asked = message.closing.retry_delay.ToNanoseconds() / 1e9
        elif self._staged is not None:
            if event == "snapshot":
                self._staged.update((persona.name, persona) for persona in message.snapshot.personas)
            elif event == "synced":
                changes = self._synced(message.synced.revision, self._staged)
        elif event == "changes":
            self._group.extend(message.changes.changes)
            if not message.changes.fragment:
                changes = self._apply(message.changes.revision)
        elif event == "progress":
            self._show(self.view.personas, message.progress.revision, ())
        # A token stands for all that came before it, so none is taken while some of that is not held yet.
        if message.resume_token and self._staged is None and not self._group and "resume" not in self.switched_off:
            self._token = message.resume_token
        return changes

    def end(self, error: RegistryError | None) -> tuple[float, list[Change]]:
        """Ends an attempt: seconds to wait until the next, and what changed."""
        self.error = error or Unavailable("the registry ended the stream", "UNAVAILABLE")
        self.attempted = True
        refused = not isinstance(self.error, Unavailable | ResourceExhausted) and self.error.reason not in _DROP_TOKEN
        log.log(logging.ERROR if refused else logging.WARNING, "the stream ended: %s", self.error)
        self._staged = None
        self._group = []
        if self.error.reason in _DROP_TOKEN:
            self._token = ""
        changes: list[Change] = []
        if self.view.source is Source.LIVE:
            self.state = State.RECONNECTING
            self.view = dataclasses.replace(self.view, source=Source.CACHED)
        if "cache" in self.switched_off:
            changes = difference(self.view.personas, {})
            self.view = View(self.view.namespace, {})
            self._token = ""
        most = min(self._options.backoff_most, self._options.backoff_first * 2 ** min(self._attempts, _MOST_DOUBLINGS))
        self._attempts += 1
        wait = random.uniform(0, most) + max(self._asked, self.error.retry_delay or 0.0)
        return 0.0 if "backoff" in self.switched_off else wait, changes

    def close(self) -> None:
        """Ends everything. What is held stays readable."""
        self.state = State.CLOSED
        self.unsaved = self.unsaved or self.view.source in (Source.LIVE, Source.CACHED)
        if self.view.source is Source.LIVE:
            self.view = dataclasses.replace(self.view, source=Source.CACHED)

    def status(self) -> Status:
        """How things are."""
        view = self.view
        return Status(
            self.state,
            view.source,
            view.revision,
            view.age(),
            len(view.personas),
            self._streams,
            self._snapshots,
            self.error,
        )

    def _opened(self, opened: WatchPersonasResponse.Opened) -> None:
        self._streams += 1
        self._opened_store = opened.header.store_id
        interval = opened.progress_interval.ToNanoseconds() / 1e9
        if interval > 0:
            self.silence = interval * _SILENT_INTERVALS
        if self._staged is None:
            self._goal = opened.header.revision
            self._show(self.view.personas, self.view.revision, ())

    def _synced(self, revision: int, staged: dict[str, Persona]) -> list[Change]:
        self._staged = None
        self._snapshots += 1
        self._store_id = self._opened_store
        self._goal = revision
        if "sweep" in self.switched_off:
            staged = {**self.view.personas, **staged}
        return self._show(staged, revision)

    def _apply(self, revision: int) -> list[Change]:
        personas = dict(self.view.personas)
        for change in self._group:
            if change.type in (PersonaChange.TYPE_CREATED, PersonaChange.TYPE_UPDATED):
                personas[change.persona.name] = change.persona
            elif change.type in (PersonaChange.TYPE_DELETED, PersonaChange.TYPE_LEFT):
                personas.pop(change.persona.name, None)
        names = [change.persona.name for change in self._group]
        self._group = []
        self.unsaved = True
        return self._show(personas, revision, names)

    def _show(self, personas: Mapping[str, Persona], revision: int, names: Iterable[str] | None = None) -> list[Change]:
        """Puts contents in place of what is held, in one step: what changed, of these names where they are given."""
        before = self.view
        if self._goal is not None and revision >= self._goal:
            self._goal = None
            self._attempts = 0
            self.error = None
            self.unsaved = True
            self.state = State.LIVE
            log.info("live at revision %d with %d personas", revision, len(personas))
        live = self.state is State.LIVE
        source = Source.LIVE if live else before.source
        self.view = View(before.namespace, personas, revision, source, time.monotonic() if live else before.known)
        return difference(before.personas, personas, names)
