"""What a client is told when it is made, and what of it is refused."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from .errors import UsageError

DEFAULT_PORT = 50051
MOST_NAMES = 1000
MOST_FILTER = 4096

_NAME = re.compile(r"[a-z0-9]+([._-][a-z0-9]+)*")

Token = str | Callable[[], str]


@dataclass(frozen=True)
class Selection:
    """What is followed. A copy on disk belongs to one selection."""

    target: str
    """With scheme and port: `http://127.0.0.1:50051`."""
    namespace: str
    alias: str
    filter: str
    names: tuple[str, ...]
    """By name, each once. Empty: all."""


@dataclass(frozen=True)
class Options:
    """Options of a client, checked. Times are in seconds."""

    selection: Selection
    secure: bool
    place: str
    """Host and port."""
    token: Token | None
    ca_cert: Path | None
    client_cert: Path | None
    client_key: Path | None
    server_name: str | None
    snapshot_path: Path | None
    first_sync_timeout: float
    call_timeout: float
    retries: int
    backoff_first: float
    backoff_most: float
    progress_interval: float
    keepalive: float
    keepalive_timeout: float
    snapshot_interval: float

    def __post_init__(self) -> None:
        _name("namespace", self.selection.namespace)
        if self.selection.alias:
            _name("alias", self.selection.alias)
        if len(self.selection.names) > MOST_NAMES:
            raise UsageError(f"names: at most {MOST_NAMES}; leave them out to follow all")
        for name in self.selection.names:
            _name("names", name)
        for option in ("ca_cert", "client_cert", "client_key"):
            _readable(option, getattr(self, option))
        if (self.client_cert is None) != (self.client_key is None):
            raise UsageError("client_cert and client_key go together")
        if not self.secure and (self.ca_cert or self.client_cert or self.server_name):
            raise UsageError("ca_cert, client_cert and server_name are for TLS: write https:// before the target")
        if len(self.selection.filter.encode()) > MOST_FILTER:
            raise UsageError(f"filter: at most {MOST_FILTER} bytes")
        for option in ("first_sync_timeout", "snapshot_interval"):
            if not 0 <= getattr(self, option) < float("inf"):
                raise UsageError(f"{option}: seconds, 0 or more")
        for option in ("call_timeout", "backoff_first", "backoff_most", "keepalive", "keepalive_timeout"):
            if not 0 < getattr(self, option) < float("inf"):
                raise UsageError(f"{option}: seconds, more than 0")
        if self.retries < 0:
            raise UsageError("retries: 0 or more")
        if self.backoff_most < self.backoff_first:
            raise UsageError("backoff_most: at least backoff_first")
        if not 1 <= self.progress_interval <= 60:
            raise UsageError("progress_interval: 1 to 60 seconds")


def target(text: str) -> tuple[bool, str, str]:
    """Whether it is spoken to over TLS, host and port, and the host alone."""
    scheme, separator, rest = text.partition("://")
    if not separator:
        scheme, rest = "http", text
    if scheme not in ("http", "https"):
        raise UsageError(f"target: {scheme!r} is not spoken here; write http:// or, for TLS, https://")
    rest = rest.removesuffix("/")
    shape = f"target: {text!r} is not of the form http://HOST:PORT"
    if re.search(r"[/?#@\s]", rest) or rest.endswith(":"):
        raise UsageError(shape)
    try:
        parts = urlsplit(f"//{rest}")
        host, port = parts.hostname, parts.port
    except ValueError:
        raise UsageError(shape) from None
    # More than one colon outside of brackets is an address that lacks them.
    if not host or port == 0 or (":" in host and not rest.startswith("[")):
        raise UsageError(shape)
    return scheme == "https", rest if port else f"{rest}:{DEFAULT_PORT}", host


def token(given: Token | None, secure: bool, host: str, allow_insecure: bool) -> Token | None:
    """The token, where it may be sent."""
    if given is None:
        return None
    if isinstance(given, str):
        bearer(given)
    elif not callable(given):
        raise UsageError("token: a text, or a function that returns one")
    if not secure and not allow_insecure and not _here(host):
        raise UsageError(
            f"token: it would go to {host} in plain sight; write https:// before the target, "
            "or set allow_insecure_token where the network is trusted"
        )
    return given


def bearer(text: str) -> str:
    """What goes into `authorization`."""
    text = text.strip()
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        # The text itself is a secret, also where it is wrong.
        raise UsageError("token: it is empty, or has blanks or other characters that a header cannot carry")
    return f"Bearer {text}"


def names(given: Iterable[str] | None) -> tuple[str, ...]:
    """Names, each once."""
    if isinstance(given, str):
        raise UsageError("names: a list of names, not one text")
    return tuple(sorted(set(given or ())))


def path(given: str | Path | None) -> Path | None:
    """A path, where there is one."""
    return Path(given) if given else None


def _here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _name(option: str, text: str) -> None:
    if not _NAME.fullmatch(text) or len(text) > 64:
        raise UsageError(
            f"{option}: {text!r} is no name; small letters and digits, with . _ or - between them, at most 64"
        )


def _readable(option: str, file: Path | None) -> None:
    try:
        if file is not None and b"-----BEGIN " not in file.read_bytes():
            raise UsageError(f"{option}: {file} holds nothing in PEM")
    except OSError as error:
        raise UsageError(f"{option}: {file} cannot be read: {error.strerror}") from None
