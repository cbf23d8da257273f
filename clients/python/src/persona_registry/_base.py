"""What both clients have in common: the options that they take, and what they answer without waiting."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

from . import _options
from ._connection import Connection, Metadata
from ._core import Core, State, Status
from ._held import Held, Source, View
from ._options import Options, Selection, Token
from .errors import RegistryError, Unavailable


class Base:
    """Options, and what is held."""

    def __init__(
        self,
        target: str,
        *,
        namespace: str = "default",
        alias: str | None = None,
        names: Iterable[str] | None = None,
        filter: str | None = None,
        token: Token | None = None,
        allow_insecure_token: bool = False,
        ca_cert: str | Path | None = None,
        client_cert: str | Path | None = None,
        client_key: str | Path | None = None,
        server_name: str | None = None,
        snapshot_path: str | Path | None = None,
        first_sync_timeout: float = 5.0,
        call_timeout: float = 10.0,
        retries: int = 3,
        backoff_first: float = 1.0,
        backoff_most: float = 30.0,
        progress_interval: float = 15.0,
        keepalive: float = 30.0,
        keepalive_timeout: float = 10.0,
        snapshot_interval: float = 1.0,
    ) -> None:
        """Checks the options and connects nothing: the first use does. Times are in seconds.

        Args:
            target: `https://host:port` (TLS) or `http://host:port`; without a scheme http, without a port 50051.
            namespace: The one namespace that is followed.
            alias: Follow what this alias names, such as `production`. None: the newest versions.
            names: Follow these only, at most 1,000. None: all.
            filter: Follow what this matches only, such as `labels.team = "payments"`.
            token: A text, or a function that is asked anew for each call and each stream.
            allow_insecure_token: Send the token over plain HTTP to other machines, too.
            ca_cert: The registry's authorities (PEM). None: those of this machine.
            client_cert: The certificate to show (PEM).
            client_key: Its key (PEM).
            server_name: The name that the registry's certificate is for, where it is not the target's host.
            snapshot_path: Where to keep a copy for a start without the registry. None: nothing is on disk.
            first_sync_timeout: How long the very first `get` waits for contents.
            call_timeout: Deadline of one attempt of a call.
            retries: Further attempts of a call that got no decision.
            backoff_first: Longest wait before the second attempt to open the stream; it doubles.
            backoff_most: Longest wait of all.
            progress_interval: How often the registry says that all is quiet, 1 to 60; after three of them without a
                message the stream is dead.
            keepalive: Ping a connection that was quiet for so long.
            keepalive_timeout: How long to wait for the answer to a ping.
            snapshot_interval: Least time between two writings of the copy on disk.

        Raises:
            UsageError: An option cannot be meant.
        """
        secure, place, host = _options.target(target)
        url = f"{'https' if secure else 'http'}://{place}"
        self._options = Options(
            selection=Selection(url, namespace, alias or "", filter or "", _options.names(names)),
            secure=secure,
            place=place,
            token=_options.token(token, secure, host, allow_insecure_token),
            ca_cert=_options.path(ca_cert),
            client_cert=_options.path(client_cert),
            client_key=_options.path(client_key),
            server_name=server_name,
            snapshot_path=_options.path(snapshot_path),
            first_sync_timeout=first_sync_timeout,
            call_timeout=call_timeout,
            retries=retries,
            backoff_first=backoff_first,
            backoff_most=backoff_most,
            progress_interval=progress_interval,
            keepalive=keepalive,
            keepalive_timeout=keepalive_timeout,
            snapshot_interval=snapshot_interval,
        )
        self._core = Core(self._options)
        self._connection = Connection(self._options)
        self._until: float | None = None
        self._waited = False
        self._prepare()

    def _prepare(self) -> None:
        """Makes what only one kind of client has."""

    def status(self) -> Status:
        """How the client is. Waits for nothing and opens nothing."""
        return self._core.status()

    def metadata(self) -> Metadata:
        """What says who calls, for calls of the generated stub. A function that gives the token is called here."""
        return self._connection.metadata()

    def _first_wait(self) -> float:
        """Seconds that a `get` may still wait for the very first contents."""
        if self._until is None:
            self._until = time.monotonic() + self._options.first_sync_timeout
        return 0.0 if self._waited or self._core.settled() else self._until - time.monotonic()

    def _held(self, view: View, name: str, fallback: str | None) -> Held:
        """What `view` holds, or what there is in its place."""
        persona = view.personas.get(name)
        if persona is None or view.source is None:
            return view.missing(name, fallback, self._trouble())
        return Held(persona, view.revision, view.source, view.age())

    def _refuse_closed(self) -> None:
        if self._closed():
            raise self._trouble()

    def _trouble(self) -> RegistryError:
        """What keeps the stream from standing."""
        if self._closed():
            return Unavailable("this client is closed, or was used before this process forked", "CANCELLED")
        error = self._core.error
        return error.again() if error else Unavailable("nothing was heard of the registry yet", "UNAVAILABLE")

    def _is_live(self) -> bool:
        return self._core.view.source is Source.LIVE

    def _closed(self) -> bool:
        return self._core.state is State.CLOSED

    def _to_save(self) -> bool:
        return self._options.snapshot_path is not None and self._core.unsaved
