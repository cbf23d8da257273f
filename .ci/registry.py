"""Starts the real binary for the clients of this folder."""

import pathlib
import re
import subprocess
import sys
import threading

TOP = pathlib.Path(__file__).resolve().parent.parent


def start(binary: str, data: pathlib.Path, *more: str) -> tuple[subprocess.Popen, str]:
    """Starts the server on a free port and waits until it says which."""
    arguments = [binary, "serve", "--listen", "127.0.0.1:0"]
    arguments += ["--data-dir", str(data), "--personas", str(TOP / "personas"), *more]
    server = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    said, found, address = [], threading.Event(), []

    def read() -> None:
        for line in server.stdout:
            said.append(line)
            match = re.search(r"listening on .*?(127\.0\.0\.1:\d+)", line)
            if match and not address:
                address.append(match.group(1))
                found.set()
        found.set()

    threading.Thread(target=read, daemon=True).start()
    found.wait(30)
    if not address:
        server.kill()
        sys.exit("the server does not say `listening on`:\n" + "".join(said))
    return server, address[0]
