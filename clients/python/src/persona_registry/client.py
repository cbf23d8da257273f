"""The synchronous client."""

from __future__ import annotations

import functools
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, TypeVar

import grpc

from . import _calls, _disk
from ._base import Base
from ._changes import Change, Queue, difference
from ._held import Held, Pin, Source, View
from ._log import log
from ._pb.persona_pb2 import Persona, PersonaView
from ._pb.persona_service_pb2_grpc import PersonaServiceStub
from .errors import Internal, RegistryError, Unavailable, from_rpc

P = ParamSpec("P")
R = TypeVar("R")

_MOST_CLOSING = 1.0
"""Seconds that `close` waits for the last writing to disk."""


class Changes:
    """An iterator over changes. Ends when it, or its client, is closed."""

    def __init__(self, forget: Callable[[Changes], None]) -> None:
        self._queue = Queue()
        self._news = threading.Condition()
        self._closed = False
        self._forget = forget

    def __iter__(self) -> Iterator[Change]:
        return self

    def __next__(self) -> Change:
        with self._news:
            while not self._closed:
                change = self._queue.pop()
                if change is not None:
                    return change
                self._news.wait()
        raise StopIteration

    def close(self) -> None:
        """Ends it. May be called twice, and from any thread."""
        self._forget(self)
        with self._news:
            self._closed = True
            self._news.notify_all()

    def _tell(self, changes: Iterable[Change]) -> None:
        with self._news:
            self._queue.put(changes)
            self._news.notify_all()


def _method(
    build: Callable[Concatenate[str, P], _calls.Call[R]],
) -> Callable[Concatenate[Personas, P], R]:
    @functools.wraps(build)
    def method(self: Personas, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return self._call(build(self._options.selection.namespace, *args, **kwargs))

    return method


class Personas(Base):
    """Personas of one namespace, kept in memory by one watch stream, whatever the number of threads that read.

    Two threads in the background keep it up; they end with `close`, or at the end of a `with`. A client that was used
    before a fork is of no use in the child. One that was only made may be used on both sides.
    """

    def _prepare(self) -> None:
        self._moved = threading.Condition()
        self._threads: tuple[threading.Thread, ...] = ()
        self._subscribers: set[Changes] = set()
        self._stream: Any = None
        self._heard = 0.0
        self._channel: grpc.Channel | None = None

    def __enter__(self) -> Personas:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def get(self, name: str, fallback: str | None = None) -> Held:
        """A look into memory; the very first one waits for the first contents, at most `first_sync_timeout`.

        Raises:
            NotFound: There is no such persona in what is held.
            RegistryError: Nothing is held, there is no fallback, and this is why.
        """
        view = self._core.view
        if view.source is Source.LIVE:
            persona = view.personas.get(name)
            if persona is not None:
                return Held(persona, view.revision, Source.LIVE, 0.0)
        return self._held(self._settled(), name, fallback)

    def names(self) -> tuple[str, ...]:
        """Names of what is held, bytewise. Waits as `get` does."""
        return tuple(sorted(self._settled().personas))

    def pin(self) -> Pin:
        """What is held, as it is now and stays. Waits as `get` does."""
        return Pin(self._settled(), self._trouble())

    def ready(self, timeout: float | None = None) -> None:
        """Waits until what is held is live. Raises what keeps it from that, after `timeout` seconds."""
        with self._moved:
            self._start()
            self._moved.wait_for(lambda: self._is_live() or self._closed(), timeout)
            if not self._is_live():
                raise self._trouble()

    def changes(self) -> Changes:
        """An iterator over changes: at first what is held, as created, then what happens to it.

        Who is slow gets the newest of each persona, and what came and went in between is left out.
        """
        with self._moved:
            self._start()
            subscriber = Changes(self._forget)
            subscriber._tell(difference({}, self._core.view.personas))
            self._subscribers.add(subscriber)
        return subscriber

    def on_change(self, callback: Callable[[Change], object]) -> Changes:
        """Calls `callback` for each of `changes()`, in a thread of its own. Close what is returned to end that.

        A callback that raises is logged, and called again for the next change.
        """
        changes = self.changes()

        def deliver() -> None:
            for change in changes:
                try:
                    callback(change)
                except Exception:
                    log.exception("a callback failed on a change of %s", change.name)

        threading.Thread(target=deliver, name="persona-registry-callback", daemon=True).start()
        return changes

    def close(self) -> None:
        """Ends the stream and all that waits. Waits at most a second, for the last writing to disk.

        What is held can still be read, as CACHED.
        """
        with self._moved:
            self._core.close()
            if self._stream is not None:
                self._stream.cancel()
            channel, self._channel = self._channel, None
            subscribers = tuple(self._subscribers)
            self._moved.notify_all()
        for subscriber in subscribers:
            subscriber.close()
        if channel is not None:
            channel.close()
        until = time.monotonic() + _MOST_CLOSING
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(max(0.0, until - time.monotonic()))

    @property
    def stub(self) -> PersonaServiceStub:
        """The generated stub, over this client's connection. Pass `metadata=personas.metadata()` for the token."""
        with self._moved:
            self._refuse_closed()
            if self._channel is None:
                self._channel = self._connection.sync_channel(stream=False)
            return PersonaServiceStub(self._channel)

    fetch = _method(_calls.fetch)
    validate = _method(_calls.validate)
    put = _method(_calls.put)
    delete = _method(_calls.delete)
    set_alias = _method(_calls.set_alias)
    delete_alias = _method(_calls.delete_alias)
    batch_write = _method(_calls.batch_write)

    def list(
        self, filter: str = "", *, view: PersonaView = PersonaView.PERSONA_VIEW_BASIC, page_size: int = 0
    ) -> Iterator[Persona]:
        """Lists what the registry has in the namespace, at one revision, page by page."""
        token = ""
        while True:
            page = self._call(_calls.list_page(self._options.selection.namespace, filter, view, page_size, token))
            yield from page.personas
            token = page.next_page_token
            if not token:
                return

    def _call(self, call: _calls.Call[R]) -> R:
        attempts = _calls.Attempts(self._options, call)
        while True:
            method = getattr(self.stub, call.method)
            try:
                return call.result(
                    method(call.request, timeout=self._options.call_timeout, metadata=self._connection.metadata())
                )
            except grpc.RpcError as error:
                wait = attempts.failed(from_rpc(error))
            with self._moved:
                self._moved.wait_for(self._closed, wait)

    def _settled(self) -> View:
        """What is held, once the very first wait is over."""
        if self._waited or self._closed():
            return self._core.view
        with self._moved:
            self._start()
            self._moved.wait_for(lambda: self._core.settled() or self._closed(), self._first_wait())
            self._waited = True
            return self._core.view

    def _start(self) -> None:
        """Opens the stream, once. With the lock held."""
        self._refuse_closed()
        if self._threads:
            return
        path = self._options.snapshot_path
        copy = _disk.read(path, self._options.selection) if path else None
        if copy is not None:
            self._core.restore(copy)
        _started.add(self)
        self._threads = (
            threading.Thread(target=self._follow, name="persona-registry-stream", daemon=True),
            threading.Thread(target=self._keep, name="persona-registry-keeper", daemon=True),
        )
        for thread in self._threads:
            thread.start()

    def _follow(self) -> None:
        """A thread: one stream after the other."""
        while not self._closed():
            try:
                error = self._read()
            except RegistryError as refused:
                error = refused
            except Exception as fault:
                log.exception("a fault of this client, which begins again")
                error = Internal(f"a fault of this client: {fault}")
            with self._moved:
                if self._closed():
                    return
                wait, changes = self._core.end(error)
                self._tell(changes)
                self._moved.wait_for(self._closed, wait)

    def _read(self) -> RegistryError | None:
        """Opens a stream and reads it to its end: why it ended."""
        metadata = self._connection.metadata()
        with self._connection.sync_channel(stream=True) as channel:
            with self._moved:
                if self._closed():
                    return None
                request = self._core.begin()
                stream = PersonaServiceStub(channel).WatchPersonas(request, metadata=metadata)
                self._stream, self._heard = stream, time.monotonic()
                self._moved.notify_all()
            try:
                for message in stream:
                    with self._moved:
                        if self._closed():
                            return None
                        self._heard = time.monotonic()
                        self._tell(self._core.take(message))
            except grpc.RpcError as error:
                if self._heard + self._core.silence <= time.monotonic():
                    return Unavailable(f"the registry said nothing for {self._core.silence:g} seconds", "UNAVAILABLE")
                return from_rpc(error)
            finally:
                self._stream = None
                stream.cancel()
        return None

    def _keep(self) -> None:
        """A thread: ends a stream that is silent, and writes what is held to disk."""
        written = float("-inf")
        while True:
            with self._moved:
                now = time.monotonic()
                dead = self._heard + self._core.silence if self._stream is not None else float("inf")
                save = written + self._options.snapshot_interval if self._to_save() else float("inf")
                if dead <= now and self._stream is not None:
                    self._stream.cancel()
                    self._stream = None
                    continue
                closed = self._closed()
                if not closed and save > now:
                    wait = min(dead, save) - now
                    self._moved.wait(wait if wait < threading.TIMEOUT_MAX else None)
                    continue
                copy = self._core.copy() if self._to_save() else None
            if copy is not None and self._options.snapshot_path:
                _disk.save(self._options.snapshot_path, self._options.selection, copy)
                written = time.monotonic()
            if closed:
                return

    def _tell(self, changes: Sequence[Change]) -> None:
        if changes:
            for subscriber in self._subscribers:
                subscriber._tell(changes)
        self._moved.notify_all()

    def _forget(self, subscriber: Changes) -> None:
        with self._moved:
            self._subscribers.discard(subscriber)

    def _forked(self) -> None:
        """In the child of a fork: nothing runs here, and locks may be held by threads that are not."""
        self._moved = threading.Condition()
        self._threads, self._stream, self._channel = (), None, None
        self._core.close()
        self._core.view = View(self._options.selection.namespace, {})


_started: weakref.WeakSet[Personas] = weakref.WeakSet()


def _after_fork() -> None:
    for client in list(_started):
        client._forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
