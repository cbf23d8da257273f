"""The asyncio client against the real server: what the conformance suite cannot see."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from conftest import Server
from test_personas import PATIENCE, document

from persona_registry import Change, Source, State, Unavailable
from persona_registry.aio import Changes, Personas


async def all_end() -> None:
    """Waits for the tasks that are left: none of ours; those of gRPC end by themselves, a little after their calls."""
    left = asyncio.all_tasks() - {asyncio.current_task()}
    assert not [task for task in left if task.get_name() in ("persona-registry-stream", "persona-registry-keeper")]
    if left:
        _, pending = await asyncio.wait(left, timeout=PATIENCE)
        assert not pending


def test_many_tasks_share_one_stream_and_all_tasks_end(server: Server) -> None:
    async def run() -> None:
        async with Personas(server.target, first_sync_timeout=PATIENCE) as personas:
            await personas.put(document("a"))
            held = await asyncio.gather(*(personas.get("a") for _ in range(64)))
            assert {(each.version, each.source, each.age) for each in held} == {(1, Source.LIVE, 0.0)}
            assert personas.status().streams == 1
            pin = await personas.pin()
            seen: list[Change] = []
            await personas.on_change(seen.append)
            changes = await personas.changes()
            assert (await anext(changes)).name == "a"
            assert [persona.name async for persona in personas.list()] == ["a"]
            await personas.put(document("a", "Again."))
            assert (await anext(changes)).type.value == "UPDATED"
            assert [(change.name, change.type.value) for change in seen][:1] == [("a", "CREATED")]
        assert (await personas.get("a")).source is Source.CACHED
        assert pin.get("a").version == 1
        with pytest.raises(StopAsyncIteration):
            await anext(changes)
        await all_end()

    asyncio.run(run())


def test_who_gives_up_takes_nothing_from_the_others(server: Server, tmp_path: Path) -> None:
    async def run() -> None:
        options: dict[str, Any] = {"snapshot_path": tmp_path / "copy", "first_sync_timeout": PATIENCE}
        async with Personas(server.target, **options) as personas:
            await personas.put(document("a"))
            first, second = (asyncio.create_task(personas.get("a")) for _ in range(2))
            await asyncio.sleep(0)
            first.cancel()
            assert (await second).source is Source.LIVE
            with pytest.raises(asyncio.CancelledError):
                await first

    asyncio.run(run())


def test_close_ends_all_waiting_also_without_a_registry(server: Server) -> None:
    server.kill()

    async def every(personas: Personas) -> list[Change]:
        changes: Changes = await personas.changes()
        return [change async for change in changes]

    async def run() -> None:
        personas = Personas(server.target, first_sync_timeout=PATIENCE, backoff_first=PATIENCE)
        get, ready = asyncio.create_task(personas.get("a")), asyncio.create_task(personas.ready())
        changes = asyncio.create_task(every(personas))
        while personas.status().error is None:
            await asyncio.sleep(0.01)
        await personas.close()
        for each in (get, ready):
            with pytest.raises(Unavailable, match="closed"):
                await each
        assert await changes == []
        assert personas.status().state is State.CLOSED
        await all_end()

    asyncio.run(run())


def test_a_callback_that_fails_is_called_again(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        async with Personas(server.target) as personas:
            seen: asyncio.Queue[str] = asyncio.Queue()

            async def callback(change: Change) -> None:
                await seen.put(change.name)
                raise RuntimeError("as it was told to")

            await personas.on_change(callback)
            for name in ("a", "b"):
                await personas.put(document(name))
                assert await asyncio.wait_for(seen.get(), PATIENCE) == name

    asyncio.run(run())
    assert [record.levelname for record in caplog.records if "callback" in record.message] == ["ERROR", "ERROR"]
