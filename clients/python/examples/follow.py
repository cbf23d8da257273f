"""Prints a persona, and follows its changes."""

import contextlib
import os

from persona_registry import NotFound, Personas


def main() -> None:
    """Runs until Ctrl-C."""
    target = os.environ.get("PERSONA_TARGET", "http://127.0.0.1:50051")
    with Personas(target, names=["backend_developer"]) as personas:
        try:
            held = personas.get("backend_developer")
            print(f"version {held.version} ({held.source.value}): {held.body}")
        except NotFound:
            print("not there yet")
        for change in personas.changes():
            print(change.type.value, change.name, change.after.version if change.after else "", flush=True)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
