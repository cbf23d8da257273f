"""What subscribers are told, and what waits for one that is slow."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ._pb.persona_pb2 import Persona


class ChangeType(enum.Enum):
    """What happened to a persona, as a subscriber sees it."""

    CREATED = "CREATED"
    UPDATED = "UPDATED"
    REMOVED = "REMOVED"


class Change(NamedTuple):
    """One change. The messages are to be read, not written."""

    name: str
    before: Persona | None
    """None: CREATED."""
    after: Persona | None
    """None: REMOVED."""

    @property
    def type(self) -> ChangeType:
        """What happened."""
        if self.after is None:
            return ChangeType.REMOVED
        return ChangeType.CREATED if self.before is None else ChangeType.UPDATED


def difference(
    before: Mapping[str, Persona], after: Mapping[str, Persona], names: Iterable[str] | None = None
) -> list[Change]:
    """What made `after` of `before`, by name; of these names only, where they are given."""
    concerned = sorted(before.keys() | after.keys() if names is None else set(names))
    changes = [Change(name, before.get(name), after.get(name)) for name in concerned]
    return [change for change in changes if not _same(change.before, change.after)]


class Queue:
    """Changes that a subscriber has not read: at most one a persona, the oldest first."""

    def __init__(self) -> None:
        self._waiting: dict[str, Change] = {}

    def put(self, changes: Iterable[Change]) -> None:
        """Adds changes; what came and went unread is left out."""
        for change in changes:
            waiting = self._waiting.get(change.name)
            if waiting is not None:
                change = change._replace(before=waiting.before)
            if _same(change.before, change.after):
                self._waiting.pop(change.name, None)
            else:
                self._waiting[change.name] = change

    def pop(self) -> Change | None:
        """The next change, if there is one."""
        for name in self._waiting:
            return self._waiting.pop(name)
        return None


def _same(before: Persona | None, after: Persona | None) -> bool:
    if before is None or after is None:
        return before is after
    # The digest tells apart what another store counts alike.
    return before.version == after.version and before.digest == after.digest
