"""The copy on disk, byte by byte: other languages read it."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from pathlib import Path

import pytest

from persona_registry import Persona, _disk
from persona_registry._options import Selection

SELECTION = Selection("http://127.0.0.1:50051", "payments", "production", 'labels.team = "münze"', ("a", "b"))
PERSONAS = {
    "b": Persona(name="b", version=2, front_matter="---\r\nname: b\r\n---\r\n", body="Grüße"),
    "a": Persona(name="a", version=1, body="first"),
}
COPY = _disk.Copy("5" * 32, 12, "token", 1_769_860_800.25, PERSONAS)


def signed(rest: bytes) -> bytes:
    return b"persona-snapshot 1 sha256:" + hashlib.sha256(rest).hexdigest().encode() + b"\n" + rest


def test_the_file_is_as_the_manual_says() -> None:
    content = _disk.encode(SELECTION, COPY)
    first, rest = content.split(b"\n", 1)
    assert first == b"persona-snapshot 1 sha256:" + hashlib.sha256(rest).hexdigest().encode()
    head, *lines, after = rest.split(b"\n")
    assert after == b""
    assert json.loads(head) == {
        "target": "http://127.0.0.1:50051",
        "namespace": "payments",
        "alias": "production",
        "filter": 'labels.team = "münze"',
        "names": ["a", "b"],
        "store_id": "5" * 32,
        "revision": "12",
        "resume_token": "token",
        "time": "2026-01-31T12:00:00.250000Z",
    }
    assert [Persona.FromString(base64.b64decode(line)).name for line in lines] == ["a", "b"]
    assert _disk.decode(SELECTION, content) == COPY


@pytest.mark.parametrize(
    ("moment", "seconds"),
    [
        ("2026-01-31T12:00:00Z", 1_769_860_800),
        ("2026-01-31T12:00:00.5Z", 1_769_860_800.5),
        ("2026-01-31T12:00:00.123456789Z", 1_769_860_800.123456),
    ],
)
def test_times_of_other_languages_are_read(moment: str, seconds: float) -> None:
    content = _disk.encode(SELECTION, COPY).split(b"\n", 1)[1]
    content = content.replace(b"2026-01-31T12:00:00.250000Z", moment.encode())
    assert _disk.decode(SELECTION, signed(content)).time == seconds


def test_an_empty_copy_is_one() -> None:
    empty = _disk.Copy("5" * 32, 12, "token", 1_769_860_800, {})
    assert _disk.decode(SELECTION, _disk.encode(SELECTION, empty)) == empty


def test_no_bit_may_be_another() -> None:
    content = _disk.encode(SELECTION, COPY)
    for at in range(len(content)):
        damaged = bytearray(content)
        damaged[at] ^= 1
        with pytest.raises(_disk.Unusable):
            _disk.decode(SELECTION, bytes(damaged))
    for length in range(len(content)):
        with pytest.raises(_disk.Unusable):
            _disk.decode(SELECTION, content[:length])


def test_what_is_signed_and_wrong_is_left_out() -> None:
    head, first, second, _ = _disk.encode(SELECTION, COPY).split(b"\n", 1)[1].split(b"\n")
    for rest in (
        b"",
        b"\n",
        b"[]\n",
        b"{}\n",
        head + b"\n%%%\n",
        head + b"\n" + first + b"\n" + base64.b64encode(b"\xff") + b"\n",
        head + b"\n" + first + b"\n\n" + second + b"\n" + first + b"\n",
        head.replace(b'"12"', b'"twelve"') + b"\n",
    ):
        with pytest.raises(_disk.Unusable):
            _disk.decode(SELECTION, signed(rest))
    with pytest.raises(_disk.Unusable, match="twice"):
        _disk.decode(SELECTION, signed(b"\n".join([head, first, first, b""])))


def test_another_selection_is_left_out_and_the_order_of_names_is_none() -> None:
    content = _disk.encode(SELECTION, COPY).split(b"\n", 1)[1]
    assert _disk.decode(SELECTION, signed(content.replace(b'["a","b"]', b'["b","a"]'))) == COPY
    for old, new in ((b"payments", b"default"), (b"production", b""), (b'"b"]', b'"c"]'), (b"50051", b"50052")):
        with pytest.raises(_disk.Unusable, match="selection"):
            _disk.decode(SELECTION, signed(content.replace(old, new, 1)))


def test_a_file_takes_the_place_of_the_old_one_and_is_its_owners(tmp_path: Path) -> None:
    path = tmp_path / "copy"
    path.write_text("old")
    path.chmod(0o644)
    _disk.save(path, SELECTION, COPY)
    assert path.stat().st_mode & 0o777 == 0o600
    assert _disk.read(path, SELECTION) == COPY
    assert [file.name for file in tmp_path.iterdir()] == ["copy"]


def test_what_a_crash_left_is_swept_and_what_is_being_written_stays(tmp_path: Path) -> None:
    left, writing = tmp_path / ".copy.old.tmp", tmp_path / ".copy.new.tmp"
    left.touch()
    writing.touch()
    os.utime(left, (1, 1))
    assert _disk.read(tmp_path / "copy", SELECTION) is None
    assert not left.exists()
    assert writing.exists()


def test_what_cannot_be_read_or_written_is_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "folder").mkdir()
    assert _disk.read(tmp_path / "folder", SELECTION) is None
    _disk.save(tmp_path / "missing" / "copy", SELECTION, COPY)
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]
