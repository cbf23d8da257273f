"""The copy on disk: for a start without the registry. The format is the same in all languages."""

from __future__ import annotations

import base64
import contextlib
import glob
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from google.protobuf.message import DecodeError

from ._log import log
from ._options import Selection
from ._pb.persona_pb2 import Persona

_MAGIC = b"persona-snapshot 1 sha256:"
_STALE = 60.0
"""Seconds after which a temporary file is one that a crash left behind."""


class Unusable(Exception):
    """The file is left out, and why."""


@dataclass(frozen=True)
class Copy:
    """What a file holds."""

    store_id: str
    revision: int
    resume_token: str
    time: float
    """When the contents were known to be current: seconds since 1970."""
    personas: Mapping[str, Persona]


def encode(selection: Selection, copy: Copy) -> bytes:
    """The bytes of a file."""
    moment = datetime.fromtimestamp(copy.time, timezone.utc)
    head = {
        "target": selection.target,
        "namespace": selection.namespace,
        "alias": selection.alias,
        "filter": selection.filter,
        "names": list(selection.names),
        "store_id": copy.store_id,
        "revision": str(copy.revision),
        "resume_token": copy.resume_token,
        "time": moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
    }
    lines = [json.dumps(head, ensure_ascii=False, separators=(",", ":")).encode()]
    lines += [base64.b64encode(copy.personas[name].SerializeToString()) for name in sorted(copy.personas)]
    rest = b"\n".join(lines) + b"\n"
    return _MAGIC + hashlib.sha256(rest).hexdigest().encode() + b"\n" + rest


def decode(selection: Selection, content: bytes) -> Copy:
    """What the bytes of a file hold."""
    first, _, rest = content.partition(b"\n")
    if not first.startswith(_MAGIC):
        raise Unusable("it is no copy of a registry, or of another format")
    if first.removeprefix(_MAGIC) != hashlib.sha256(rest).hexdigest().encode():
        raise Unusable("it is damaged: its digest is another")
    head, *lines = rest.removesuffix(b"\n").split(b"\n")
    try:
        said = json.loads(head)
        of = Selection(said["target"], said["namespace"], said["alias"], said["filter"], tuple(sorted(said["names"])))
        if of != selection:
            raise Unusable("it is a copy of another selection")
        personas: dict[str, Persona] = {}
        for line in lines:
            persona = Persona.FromString(base64.b64decode(line, validate=True))
            if persona.name in personas:
                raise Unusable(f"{persona.name!r} stands in it twice")
            personas[persona.name] = persona
        moment = datetime.fromisoformat(_plain(said["time"])).timestamp()
        return Copy(said["store_id"], int(said["revision"]), said["resume_token"], moment, personas)
    except (ValueError, KeyError, TypeError, AttributeError, DecodeError) as error:
        raise Unusable(f"it is damaged: {error}") from None


def read(path: Path, selection: Selection) -> Copy | None:
    """The copy at `path`; None: there is none, or none that is of use, which is warned of."""
    try:
        _sweep(path)
        return decode(selection, path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        log.warning("the copy on disk, %s, is left out: it cannot be read: %s", path, error.strerror)
    except Unusable as error:
        log.warning("the copy on disk, %s, is left out: %s", path, error)
    return None


def save(path: Path, selection: Selection, copy: Copy) -> None:
    """Writes a copy to `path`. What goes wrong is warned of: the next writing may succeed."""
    try:
        write(path, encode(selection, copy))
    except (OSError, ValueError, OverflowError) as error:
        log.warning("the copy on disk, %s, cannot be written: %s", path, error)


def write(path: Path, content: bytes) -> None:
    """Puts a file in place of the old one, whole or not at all, for its owner only."""
    # mkstemp makes the file with mode 0600.
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(temporary).unlink()
        raise
    with contextlib.suppress(OSError):  # Not every system opens folders.
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _sweep(path: Path) -> None:
    for left in path.parent.glob(f".{glob.escape(path.name)}.*.tmp"):
        with contextlib.suppress(OSError):
            if left.stat().st_mtime < time.time() - _STALE:
                left.unlink()


def _plain(moment: str) -> str:
    """Python 3.10 reads neither `Z` nor fractions of other than 3 or 6 digits."""
    whole, _, rest = moment.removesuffix("Z").partition(".")
    return f"{whole}.{(rest + '000000')[:6]}+00:00"
