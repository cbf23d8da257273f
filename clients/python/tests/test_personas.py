"""The synchronous client against the real server: what the conformance suite cannot see."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from conftest import Server

from persona_registry import BatchWritePersonasRequest, NotFound, Personas, Source, State, Unavailable
from persona_registry._pb.persona_service_pb2 import ListNamespacesRequest

PATIENCE = 30.0


def document(name: str, text: str = "Hello.") -> str:
    return f"---\nname: {name}\ndescription: Use in tests.\n---\n# {name}\n\n{text}\n"


def ours() -> set[str]:
    return {thread.name for thread in threading.enumerate() if thread.name.startswith("persona-registry")}


def test_many_threads_share_one_stream_and_all_threads_end(server: Server) -> None:
    with Personas(server.target, first_sync_timeout=PATIENCE) as personas:
        personas.put(document("a"))
        with ThreadPoolExecutor(16) as pool:
            held = list(pool.map(lambda _: personas.get("a"), range(64)))
        assert {(each.version, each.source, each.age) for each in held} == {(1, Source.LIVE, 0.0)}
        assert held[0].document.decode() == document("a")
        assert personas.status().streams == 1
        personas.on_change(print)
        assert ours() == {"persona-registry-stream", "persona-registry-keeper", "persona-registry-callback"}
        callbacks = [thread for thread in threading.enumerate() if thread.name == "persona-registry-callback"]
    for thread in callbacks:
        thread.join(PATIENCE)
    assert ours() == set()
    assert personas.status().state is State.CLOSED
    assert personas.get("a").source is Source.CACHED, "what is held can still be read"
    for use in (personas.ready, personas.changes, lambda: personas.fetch("a")):
        with pytest.raises(Unavailable, match="closed"):
            use()


def test_close_ends_all_waiting_also_without_a_registry(server: Server) -> None:
    server.kill()
    personas = Personas(server.target, first_sync_timeout=PATIENCE, backoff_first=PATIENCE)
    with ThreadPoolExecutor(4) as pool:
        waiting: list[Future[Any]] = [
            pool.submit(personas.get, "a"),
            pool.submit(personas.ready),
            pool.submit(lambda: list(personas.changes())),
        ]
        while personas.status().error is None:
            threading.Event().wait(0.01)
        personas.close()
        for each in waiting[:2]:
            with pytest.raises(Unavailable, match="closed"):
                each.result(PATIENCE)
        assert waiting[2].result(PATIENCE) == []
    assert ours() == set()
    personas.close()


def test_an_iterator_ends_when_it_is_closed(server: Server) -> None:
    with Personas(server.target) as personas:
        changes, others = personas.changes(), personas.changes()
        personas.put(document("a"))
        assert next(changes).name == "a"
        threading.Timer(0.05, changes.close).start()
        assert list(changes) == []
        personas.put(document("b"))
        assert [next(others).name, next(others).name] == ["a", "b"]
        assert personas._subscribers == {others}


def test_calls_beyond_those_of_the_suite(server: Server) -> None:
    with Personas(server.target) as personas:
        operation = BatchWritePersonasRequest.Operation
        puts = [operation(put={"content": document(f"p{number}").encode()}) for number in range(7)]
        assert personas.batch_write(puts, message="seven").revision == 1
        assert [persona.name for persona in personas.list(page_size=3)] == [f"p{number}" for number in range(7)]
        moved = personas.set_alias("p0", "production", 1, expected_version=0)
        assert (moved.version, moved.previous_version) == (1, 0)
        assert personas.delete_alias("p0", "production", expected_version=1).previous_version == 1
        answer = personas.stub.ListNamespaces(ListNamespacesRequest(), metadata=personas.metadata())
        assert [(each.namespace, each.personas) for each in answer.namespaces] == [("default", 7)]
        with pytest.raises(NotFound) as missing:
            personas.fetch("nobody")
        assert missing.value.call_id
        assert personas.status().state is State.IDLE, "calls open no stream"


def test_what_is_held_is_written_at_close(server: Server, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    with Personas(server.target, snapshot_path=copy, snapshot_interval=3600) as personas:
        personas.ready(PATIENCE)
        personas.put(document("a"))
        assert next(personas.changes()).name == "a"
    server.kill()
    with Personas(server.target, snapshot_path=copy) as personas:
        assert personas.get("a").source is Source.DISK


FORK = """
import os, sys
from persona_registry import Personas, Unavailable
used, made = Personas(sys.argv[1]), Personas(sys.argv[1])
if sys.argv[2] == "used":
    used.get("a")
child = os.fork()
if child == 0:
    if sys.argv[2] == "made":
        assert made.get("a").version == 1
        made.close()
    else:
        try:
            used.get("a")
        except Unavailable as error:
            assert "forked" in error.message, error
        else:
            raise SystemExit("a client that was used before a fork answers")
    sys.stdout.flush()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
for personas in (used, made):
    assert personas.get("a").version == 1
    personas.close()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
@pytest.mark.parametrize("kind", ["made", "used"])
def test_a_client_over_a_fork(server: Server, kind: str) -> None:
    with Personas(server.target) as personas:
        personas.put(document("a"))
    subprocess.run([sys.executable, "-c", FORK, server.target, kind], check=True, timeout=PATIENCE)
