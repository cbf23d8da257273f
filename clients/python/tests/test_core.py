"""The stream as a state machine, fed by hand."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import pytest

from persona_registry import (
    Change,
    Conflict,
    InvalidArgument,
    OutOfRange,
    PermissionDenied,
    Persona,
    Personas,
    RegistryError,
    ResourceExhausted,
    Source,
    State,
    Unavailable,
    _disk,
)
from persona_registry._core import Core
from persona_registry._pb.persona_pb2 import ResponseHeader
from persona_registry._pb.persona_service_pb2 import PersonaChange, WatchPersonasResponse

Message = WatchPersonasResponse
LOST = Unavailable("lost", "UNAVAILABLE")


def core(**options: Any) -> Core:
    return Personas("127.0.0.1:1", **options)._core


def persona(name: str, version: int, digest: str = "") -> Persona:
    return Persona(name=name, version=version, digest=digest or f"{name}{version}")


def opened(revision: int, store: str = "s") -> Message:
    return Message(opened=Message.Opened(header=ResponseHeader(store_id=store, revision=revision)))


def snapshot(revision: int, *personas: Persona) -> Message:
    return Message(snapshot=Message.Snapshot(revision=revision, personas=personas))


def synced(revision: int) -> Message:
    return Message(synced=Message.Synced(revision=revision), resume_token=f"at {revision}")


def changes(revision: int, *changed: tuple[str, Persona], fragment: bool = False, token: bool = True) -> Message:
    listed = [PersonaChange(type=f"TYPE_{kind}", persona=each) for kind, each in changed]
    group = Message.Changes(revision=revision, changes=listed, fragment=fragment)
    return Message(changes=group, resume_token=f"at {revision}" if token else "")


def progress(revision: int) -> Message:
    return Message(progress=Message.Progress(revision=revision), resume_token=f"at {revision}")


def versions(personas: Mapping[str, Persona]) -> dict[str, int]:
    return {name: each.version for name, each in personas.items()}


def told(changed: list[Change]) -> list[tuple[str, str]]:
    return [(change.type.value, change.name) for change in changed]


def live(revision: int = 2, *personas: Persona) -> Core:
    held = core()
    held.begin()
    for message in (opened(revision), snapshot(revision, *personas), synced(revision)):
        held.take(message)
    assert held.state is State.LIVE
    return held


def test_nothing_is_seen_before_synced_and_then_all_of_it() -> None:
    held = core()
    request = held.begin()
    assert (request.namespace, request.resume_token, request.progress_interval.seconds) == ("default", "", 15)
    held.take(opened(2))
    assert held.take(snapshot(2, persona("a", 1))) == []
    held.take(snapshot(2, persona("b", 1)))
    assert held.view.source is None
    assert held.view.personas == {}
    assert told(held.take(synced(2))) == [("CREATED", "a"), ("CREATED", "b")]
    assert (held.view.source, held.view.revision, versions(held.view.personas)) == (Source.LIVE, 2, {"a": 1, "b": 1})
    assert held.begin().resume_token == "at 2"


def test_a_snapshot_sweeps_what_it_does_not_name_in_one_step() -> None:
    held = live(2, persona("a", 1), persona("b", 1), persona("c", 1, "old"))
    before = held.view
    held.end(OutOfRange("compacted", "OUT_OF_RANGE", "REVISION_COMPACTED"))
    assert held.begin().resume_token == ""
    held.take(opened(9, "other"))
    held.take(snapshot(9, persona("b", 2), persona("c", 1, "new"), persona("d", 1)))
    assert held.view.source is Source.CACHED
    assert versions(held.view.personas) == {"a": 1, "b": 1, "c": 1}
    assert told(held.take(synced(9))) == [("REMOVED", "a"), ("UPDATED", "b"), ("UPDATED", "c"), ("CREATED", "d")]
    assert held.view.source is Source.LIVE
    assert versions(before.personas) == {"a": 1, "b": 1, "c": 1}, "what was seen does not change"
    copy = held.copy()
    assert copy
    assert (copy.store_id, copy.revision, copy.resume_token) == ("other", 9, "at 9")


def test_a_snapshot_that_breaks_off_leaves_nothing() -> None:
    held = core()
    held.begin()
    held.take(opened(2))
    held.take(Message(snapshot=Message.Snapshot(revision=2, personas=[persona("a", 1)]), resume_token="too early"))
    held.end(LOST)
    assert held.view.source is None
    assert held.begin().resume_token == ""
    held.take(opened(3))
    held.take(synced(3))
    assert held.view.personas == {}


def test_fragments_are_applied_with_the_last_and_the_token_with_them() -> None:
    held = live(2, persona("a", 1))
    first = changes(3, ("UPDATED", persona("a", 2)), fragment=True)
    assert held.take(first) == []
    assert (held.view.revision, versions(held.view.personas)) == (2, {"a": 1})
    held.end(LOST)
    assert held.begin().resume_token == "at 2"
    held.take(opened(3))
    held.take(first)
    assert told(held.take(changes(3, ("CREATED", persona("b", 1))))) == [("UPDATED", "a"), ("CREATED", "b")]
    assert (held.view.revision, versions(held.view.personas)) == (3, {"a": 2, "b": 1})
    assert held.begin().resume_token == "at 3"


def test_deleted_and_made_again_is_an_update_and_left_is_gone() -> None:
    held = live(2, persona("a", 1), persona("b", 1))
    group = changes(
        3,
        ("DELETED", persona("a", 1)),
        ("CREATED", persona("a", 2)),
        ("LEFT", persona("b", 1)),
        ("LEFT", persona("x", 1)),
    )
    assert told(held.take(group)) == [("UPDATED", "a"), ("REMOVED", "b")]
    assert versions(held.view.personas) == {"a": 2}


def test_a_resumed_stream_is_live_when_it_has_caught_up_and_not_before() -> None:
    held = live(2, persona("a", 1))
    held.end(LOST)
    assert (held.state, held.view.source) == (State.RECONNECTING, Source.CACHED)
    held.begin()
    held.take(opened(5))
    held.take(changes(4, ("UPDATED", persona("a", 2))))
    assert (held.state, held.view.source) == (State.RECONNECTING, Source.CACHED)
    assert versions(held.view.personas) == {"a": 2}
    held.take(progress(5))
    assert (held.state, held.view.source, held.view.revision) == (State.LIVE, Source.LIVE, 5)
    held.end(LOST)
    held.begin()
    held.take(opened(5))
    assert held.view.source is Source.LIVE, "what is held is at the registry's revision already"
    assert held.error is None
    assert held.status().snapshots == 1
    assert held.status().streams == 3


def test_from_disk_it_is_disk_until_caught_up() -> None:
    held = core()
    held.restore(_disk.Copy("s", 2, "at 2", time.time() - 100, {"a": persona("a", 1)}))
    assert not held.settled()
    assert held.begin().resume_token == "at 2"
    assert held.view.source is Source.DISK
    assert 99 < (held.view.age() or 0) < 110
    held.end(LOST)
    assert held.settled()
    assert (held.state, held.view.source) == (State.CONNECTING, Source.DISK)
    held.begin()
    held.take(opened(3))
    held.take(changes(3, ("UPDATED", persona("a", 2))))
    assert (held.view.source, held.view.age()) == (Source.LIVE, 0.0)


@pytest.mark.parametrize(
    ("error", "kept"),
    [
        (Conflict("", "FAILED_PRECONDITION", "STORE_MISMATCH"), False),
        (OutOfRange("", "OUT_OF_RANGE", "REVISION_COMPACTED"), False),
        (OutOfRange("", "OUT_OF_RANGE", "REVISION_IN_FUTURE"), False),
        (InvalidArgument("", "INVALID_ARGUMENT", "RESUME_TOKEN_INVALID"), False),
        (PermissionDenied("", "PERMISSION_DENIED", "PERMISSION_DENIED"), True),
        (Unavailable("", "UNAVAILABLE", "ACCESS_CHANGED"), True),
        (None, True),
    ],
)
def test_which_ends_drop_the_token(error: RegistryError | None, kept: bool) -> None:
    held = live(2, persona("a", 1))
    held.end(error)
    assert held.view.source is Source.CACHED
    assert held.begin().resume_token == ("at 2" if kept else "")


def test_waits_double_to_the_most_and_begin_anew_once_live(monkeypatch: pytest.MonkeyPatch) -> None:
    # All of the jitter, so that what it is taken from shows.
    monkeypatch.setattr("random.uniform", lambda low, high: (low, high)[1])
    held = core(backoff_first=1.0, backoff_most=10.0)
    assert [held.end(LOST)[0] for _ in range(6)] == [1, 2, 4, 8, 10, 10]
    for _ in range(2000):
        assert held.end(LOST)[0] == 10
    held.begin()
    held.take(opened(1))
    assert held.end(LOST)[0] == 10, "a stream that does not catch up counts as none"
    held.begin()
    held.take(opened(1))
    held.take(synced(1))
    assert held.end(LOST)[0] == 1


def test_waits_are_anything_down_to_nothing() -> None:
    held = core(backoff_first=8.0, backoff_most=8.0)
    waits = [held.end(LOST)[0] for _ in range(500)]
    assert all(0 <= wait <= 8 for wait in waits)
    assert min(waits) < 2
    assert max(waits) > 6


def test_what_the_registry_asks_for_is_added(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("random.uniform", lambda low, high: (low, high)[1])
    held = core(backoff_first=1.0, backoff_most=1.0)
    assert held.end(ResourceExhausted("", "RESOURCE_EXHAUSTED", retry_delay=2.5))[0] == 3.5
    held.begin()
    held.take(opened(1))
    closing = Message(closing=Message.Closing())
    closing.closing.retry_delay.seconds = 2
    held.take(closing)
    assert held.end(LOST)[0] == 3
    held.begin()
    assert held.end(LOST)[0] == 1, "it was asked for once"


def test_the_parts_that_a_driver_switches_off() -> None:
    held = live(2, persona("a", 1), persona("b", 1))
    held.switched_off = frozenset({"sweep", "backoff", "resume"})
    held.take(progress(3))
    held.end(OutOfRange("", "OUT_OF_RANGE", "REVISION_COMPACTED"))
    assert held.end(LOST)[0] == 0
    held.begin()
    held.take(opened(9))
    held.take(synced(9))
    assert versions(held.view.personas) == {"a": 1, "b": 1}
    assert held.begin().resume_token == ""
    held.switched_off = frozenset({"cache"})
    assert told(held.end(LOST)[1]) == [("REMOVED", "a"), ("REMOVED", "b")]
    assert held.view.source is None
