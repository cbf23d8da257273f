"""What waits for a slow subscriber."""

from __future__ import annotations

from persona_registry import Persona
from persona_registry._changes import Change, Queue, difference


def persona(version: int) -> Persona:
    return Persona(name="a", version=version, digest=str(version))


def rest(queue: Queue) -> list[tuple[str, str, int, int]]:
    found = []
    while change := queue.pop():
        before, after = change.before, change.after
        found.append((change.type.value, change.name, before.version if before else 0, after.version if after else 0))
    return found


def test_one_entry_a_persona_with_the_newest() -> None:
    queue = Queue()
    for version in range(2, 1000):
        queue.put([Change("a", persona(version - 1), persona(version)), Change(f"b{version % 3}", None, persona(1))])
    assert rest(queue) == [
        ("UPDATED", "a", 1, 999),
        ("CREATED", "b2", 0, 1),
        ("CREATED", "b0", 0, 1),
        ("CREATED", "b1", 0, 1),
    ]
    assert queue.pop() is None


def test_what_came_and_went_is_left_out() -> None:
    queue = Queue()
    queue.put([Change("a", None, persona(1)), Change("b", persona(1), None)])
    queue.put([Change("a", persona(1), None), Change("b", None, persona(1))])
    assert rest(queue) == []


def test_what_is_made_of_two() -> None:
    queue = Queue()
    queue.put([Change("a", None, persona(1)), Change("b", persona(1), None), Change("c", persona(1), persona(2))])
    queue.put([Change("a", persona(1), persona(2)), Change("b", None, persona(2)), Change("c", persona(2), None)])
    assert rest(queue) == [("CREATED", "a", 0, 2), ("UPDATED", "b", 1, 2), ("REMOVED", "c", 1, 0)]


def test_differences_are_by_name_and_leave_out_what_is_the_same() -> None:
    before = {"a": persona(1), "b": persona(1), "c": persona(1)}
    after = {"b": persona(1), "c": persona(2), "d": persona(1)}
    assert [change.name for change in difference(before, after)] == ["a", "c", "d"]
    assert [change.name for change in difference(before, after, ["d", "b"])] == ["d"]
