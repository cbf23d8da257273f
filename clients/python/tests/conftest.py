"""The real server, for tests that need one."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[3]
BINARY = Path(os.environ.get("PERSONA_BIN", TOP / "target/debug/persona"))

# The server takes its settings from PERSONA_…, too.
_ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("PERSONA_")}


MISSING = f"there is no {BINARY}; build it, or name one by PERSONA_BIN"


def pytest_unconfigure() -> None:
    if not BINARY.exists():
        print(f"SKIPPED the tests that need a server: {MISSING}", file=sys.stderr)


class Server:
    """A server of its own, at a port that it keeps over restarts."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = 0
        self._process: subprocess.Popen[str] | None = None
        self.start()

    @property
    def target(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        command = [
            str(BINARY),
            "serve",
            "--listen",
            f"127.0.0.1:{self._port}",
            "--data-dir",
            str(self._folder / "data"),
        ]
        self._process = subprocess.Popen(
            command, cwd=self._folder, env=_ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        said = self._process.stdout
        assert said
        told = []
        for line in said:
            told.append(line)
            if match := re.search(r"listening on .*?127\.0\.0\.1:(\d+)", line):
                self._port = int(match.group(1))
                # What it says afterwards is of no interest, but must not fill the pipe.
                threading.Thread(target=said.read, daemon=True).start()
                return
        raise AssertionError(f"the server ended with {self._process.wait()}: {''.join(told)}")

    def kill(self) -> None:
        assert self._process
        self._process.kill()
        self._process.wait()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    if not BINARY.exists():
        pytest.skip(MISSING)
    server = Server(tmp_path)
    yield server
    server.kill()
