"""A small service that runs on a persona: says which version it has, and is ready once it has one."""

import contextlib
import json
import os
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from persona_registry import Personas, RegistryError, Source

SHIPPED = "You are a backend developer."
NAME = os.environ.get("PERSONA_NAME", "backend_developer")

personas = Personas(
    os.environ.get("PERSONA_TARGET", "http://127.0.0.1:50051"),
    names=[NAME],
    snapshot_path=os.environ.get("PERSONA_COPY"),
    first_sync_timeout=2,
)


class Handler(BaseHTTPRequestHandler):
    """`/` answers with the persona's version, `/ready` with 200 once it is not just the shipped text."""

    def do_GET(self) -> None:
        """Answers one request."""
        try:
            held = personas.get(NAME, fallback=SHIPPED)
        except RegistryError as error:
            self._answer(503, {"error": str(error)})
            return
        ready = held.source is not Source.FALLBACK
        told = {"version": held.version, "source": held.source.value, "age": held.age, "characters": len(held.body)}
        self._answer(503 if self.path == "/ready" and not ready else 200, told)

    def _answer(self, status: int, told: Mapping[str, object]) -> None:
        content = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def main() -> None:
    """Serves until Ctrl-C."""
    server = ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "8080"))), Handler)
    print(f"listening on http://127.0.0.1:{server.server_port}", flush=True)
    with personas, server:
        server.serve_forever()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
