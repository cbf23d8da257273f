"""The driver of the conformance suite: does what it is told with one of both clients, and says what it sees."""

from __future__ import annotations

import argparse
import asyncio
import base64
import hashlib
import inspect
import json
import logging
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import persona_registry
from persona_registry import Change, Held, RegistryError, UsageError, aio

Fields = dict[str, Any]

MILLISECONDS = (
    "first_sync_timeout",
    "call_timeout",
    "backoff_first",
    "backoff_most",
    "progress_interval",
    "snapshot_interval",
)
AS_THEY_ARE = (
    "target",
    "namespace",
    "alias",
    "names",
    "filter",
    "token",
    "allow_insecure_token",
    "ca_cert",
    "client_cert",
    "client_key",
    "server_name",
    "snapshot_path",
    "retries",
)


class Client:
    """One client, and what was asked of it to be kept."""

    def __init__(self, personas: Any) -> None:
        self.personas = personas
        self.pins: dict[str, persona_registry.Pin] = {}
        self.seen: dict[str, list[Fields]] = {}


class Driver:
    """Commands by their names."""

    def __init__(self, language: str, make: Callable[..., Any]) -> None:
        self._language = language
        self._make = make
        self._clients: dict[str, Client] = {}

    async def run(self, line: str) -> Fields:
        """Does what one line says, and gives the answer."""
        command = json.loads(line)
        answer: Fields = {"id": command.get("id")}
        try:
            answer["ok"] = await getattr(self, f"do_{command['do']}")(command)
        except RegistryError as error:
            answer["error"] = {
                "kind": type(error).__name__,
                "code": error.code,
                "reason": error.reason,
                "metadata": error.metadata,
                "message": error.message,
            }
        except (UsageError, TypeError) as error:
            answer["error"] = {"kind": "Usage", "code": "", "reason": "", "metadata": {}, "message": str(error)}
        except Exception as error:
            logging.exception("a fault of the driver")
            answer["error"] = {"kind": "Driver", "code": "", "reason": "", "metadata": {}, "message": repr(error)}
        return answer

    async def end(self) -> None:
        """Closes all that is open."""
        for client in self._clients.values():
            await settle(client.personas.close())

    async def do_hello(self, _: Fields) -> Fields:
        return {"language": self._language, "version": persona_registry.__version__}

    async def do_open(self, said: Fields) -> Fields:
        options = {name: said[name] for name in AS_THEY_ARE if said.get(name) is not None}
        options |= {name: said[name] / 1000 for name in MILLISECONDS if said.get(name) is not None}
        if said.get("token_file") is not None:
            options["token"] = Path(said["token_file"]).read_text
        personas = self._make(**options)
        off = said.get("switch_off") or ()
        personas._core.switched_off = frozenset([off] if isinstance(off, str) else off)
        self._clients[said["client"]] = Client(personas)
        return {}

    async def do_ready(self, said: Fields) -> Fields:
        await settle(self._personas(said).ready(seconds(said, "timeout")))
        return {}

    async def do_get(self, said: Fields) -> Fields:
        return told(await settle(self._personas(said).get(said["name"], said.get("fallback"))))

    async def do_await(self, said: Fields) -> Fields:
        personas = self._personas(said)
        until = time.monotonic() + (seconds(said, "timeout") or 10.0)
        while True:
            try:
                held = await settle(personas.get(said["name"]))
                if held.version >= said["version"]:
                    return {"version": held.version, "time_ns": time.time_ns()}
            except RegistryError:
                if time.monotonic() > until:
                    raise
            if time.monotonic() > until:
                raise persona_registry.Unavailable("that version did not come in time", "DEADLINE_EXCEEDED")
            await asyncio.sleep(0.0005)

    async def do_names(self, said: Fields) -> Fields:
        return {"names": list(await settle(self._personas(said).names()))}

    async def do_pin(self, said: Fields) -> Fields:
        self._clients[said["client"]].pins[said["pin"]] = await settle(self._personas(said).pin())
        return {}

    async def do_pin_get(self, said: Fields) -> Fields:
        return told(self._clients[said["client"]].pins[said["pin"]].get(said["name"], said.get("fallback")))

    async def do_subscribe(self, said: Fields) -> Fields:
        seen = self._clients[said["client"]].seen[said["subscription"]] = []
        delay, fail = (said.get("delay") or 0) / 1000, said.get("fail", False)

        def note(change: Change) -> None:
            version = change.after.version if change.after else 0
            seen.append({"type": change.type.value, "name": change.name, "version": version})
            if fail:
                raise RuntimeError("this callback fails, as it was told to")

        def callback(change: Change) -> None:
            time.sleep(delay)
            note(change)

        async def coroutine(change: Change) -> None:
            await asyncio.sleep(delay)
            note(change)

        personas = self._personas(said)
        await settle(personas.on_change(coroutine if isinstance(personas, aio.Personas) else callback))
        return {}

    async def do_changes(self, said: Fields) -> Fields:
        seen = self._clients[said["client"]].seen[said["subscription"]]
        # A callback may add some meanwhile: those stay for the next time.
        changes = seen[:]
        del seen[: len(changes)]
        return {"changes": changes}

    async def do_status(self, said: Fields) -> Fields:
        status = self._personas(said).status()
        return {
            "state": status.state.value,
            "source": status.source.value if status.source else "",
            "revision": status.revision,
            "age": milliseconds(status.age),
            "personas": status.personas,
            "streams": status.streams,
            "snapshots": status.snapshots,
            "error": type(status.error).__name__ if status.error else "",
        }

    async def do_fetch(self, said: Fields) -> Fields:
        fetched = await settle(self._personas(said).fetch(said["name"], **given(said, "version", "alias")))
        return {key: value for key, value in told(fetched).items() if key not in ("source", "age")}

    async def do_list(self, said: Fields) -> Fields:
        listing: Any = self._personas(said).list(said.get("filter") or "")
        if hasattr(listing, "__aiter__"):
            return {"names": [persona.name async for persona in listing]}
        return {"names": [persona.name for persona in listing]}

    async def do_validate(self, said: Fields) -> Fields:
        judged = await settle(self._personas(said).validate(base64.b64decode(said["document"])))
        return {"codes": [finding.code for finding in judged.diagnostics]}

    async def do_put(self, said: Fields) -> Fields:
        options = given(said, "name", "request_id", "message", "create_only", "etag")
        answer = await settle(self._personas(said).put(base64.b64decode(said["document"]), **options))
        return {"version": answer.version, "revision": answer.revision}

    async def do_delete(self, said: Fields) -> Fields:
        answer = await settle(self._personas(said).delete(said["name"]))
        return {"revision": answer.revision}

    async def do_set_alias(self, said: Fields) -> Fields:
        answer = await settle(self._personas(said).set_alias(said["name"], said["alias"], said["version"]))
        return {"revision": answer.revision}

    async def do_close(self, said: Fields) -> Fields:
        await settle(self._clients.pop(said["client"]).personas.close())
        return {}

    def _personas(self, said: Fields) -> Any:
        return self._clients[said["client"]].personas


async def settle(value: Any) -> Any:
    """What a method of either client gives back."""
    return await value if inspect.isawaitable(value) else value


def told(held: Held) -> Fields:
    """What is said of a persona."""
    document = held.document
    return {
        "source": held.source.value,
        "age": milliseconds(held.age),
        "version": held.version,
        "revision": held.revision,
        "digest": f"sha256:{hashlib.sha256(document).hexdigest()}",
        "size": len(document),
    }


def given(said: Fields, *names: str) -> Fields:
    """Those fields that are there."""
    return {name: said[name] for name in names if said.get(name) is not None}


def seconds(said: Fields, name: str) -> float | None:
    """A time of a command."""
    return said[name] / 1000 if said.get(name) is not None else None


def milliseconds(age: float | None) -> float | None:
    """A time of an answer."""
    return None if age is None else age * 1000


async def main() -> None:
    """Reads commands until there are no more."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--aio", action="store_true", default=os.environ.get("DRIVER_AIO") == "1")
    use_aio = parser.parse_args().aio
    logging.basicConfig(stream=sys.stderr, level=logging.INFO)
    make: Callable[..., Any] = aio.Personas if use_aio else persona_registry.Personas
    driver = Driver("python-aio" if use_aio else "python", make)
    while line := await asyncio.to_thread(sys.stdin.readline):
        answer = await driver.run(line)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
    await driver.end()


if __name__ == "__main__":
    asyncio.run(main())
