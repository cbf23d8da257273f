"""The asyncio client."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import grpc

from . import _calls, _disk
from ._base import Base
from ._changes import Change, Queue, difference
from ._connection import Metadata
from ._held import Held, Pin, Source, View
from ._log import log
from ._pb.persona_pb2 import Persona, PersonaView
from ._pb.persona_service_pb2 import WatchPersonasResponse
from ._pb.persona_service_pb2_grpc import PersonaServiceStub
from .errors import Internal, RegistryError, Unavailable, from_rpc

if TYPE_CHECKING:
    # One class makes stubs of both kinds; only its types know that there are two.
    from ._pb.persona_service_pb2_grpc import PersonaServiceAsyncStub

P = ParamSpec("P")
R = TypeVar("R")

_MOST_CLOSING = 1.0
"""Seconds that `close` waits for the last writing to disk."""


class Changes:
    """An asynchronous iterator over changes. Ends when it, or its client, is closed."""

    def __init__(self, forget: Callable[[Changes], None]) -> None:
        self._queue = Queue()
        self._news = asyncio.Event()
        self._closed = False
        self._forget = forget
        self._task: asyncio.Task[None] | None = None

    def __aiter__(self) -> AsyncIterator[Change]:
        return self

    async def __anext__(self) -> Change:
        while not self._closed:
            change = self._queue.pop()
            if change is not None:
                return change
            self._news.clear()
            await self._news.wait()
        raise StopAsyncIteration

    def close(self) -> None:
        """Ends it. May be called twice."""
        self._forget(self)
        self._closed = True
        self._news.set()

    def _tell(self, changes: Iterable[Change]) -> None:
        self._queue.put(changes)
        self._news.set()


def _method(
    build: Callable[Concatenate[str, P], _calls.Call[R]],
) -> Callable[Concatenate[Personas, P], Coroutine[Any, Any, R]]:
    @functools.wraps(build)
    async def method(self: Personas, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return await self._call(build(self._options.selection.namespace, *args, **kwargs))

    return method


class Personas(Base):
    """Personas of one namespace, kept in memory by one watch stream, whatever the number of tasks that read.

    Belongs to the event loop that uses it first. Its tasks end with `close`, or at the end of an `async with`.
    """

    def _prepare(self) -> None:
        self._moved = asyncio.Event()
        self._starting: asyncio.Task[None] | None = None
        self._tasks: tuple[asyncio.Task[None], ...] = ()
        self._subscribers: set[Changes] = set()
        self._channel: grpc.aio.Channel | None = None

    async def __aenter__(self) -> Personas:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()

    async def get(self, name: str, fallback: str | None = None) -> Held:
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
        return self._held(await self._settled(), name, fallback)

    async def names(self) -> tuple[str, ...]:
        """Names of what is held, bytewise. Waits as `get` does."""
        return tuple(sorted((await self._settled()).personas))

    async def pin(self) -> Pin:
        """What is held, as it is now and stays. Waits as `get` does."""
        return Pin(await self._settled(), self._trouble())

    async def ready(self, timeout: float | None = None) -> None:
        """Waits until what is held is live. Raises what keeps it from that, after `timeout` seconds."""
        await self._start()
        await self._wait_for(self._is_live, timeout)
        if not self._is_live():
            raise self._trouble()

    async def changes(self) -> Changes:
        """An asynchronous iterator over changes: at first what is held, as created, then what happens to it.

        Who is slow gets the newest of each persona, and what came and went in between is left out.
        """
        await self._start()
        subscriber = Changes(self._subscribers.discard)
        subscriber._tell(difference({}, self._core.view.personas))
        self._subscribers.add(subscriber)
        return subscriber

    async def on_change(self, callback: Callable[[Change], Awaitable[object] | object]) -> Changes:
        """Calls `callback` for each of `changes()`, in a task of its own. Close what is returned to end that.

        A callback may be a function, which must not block, or a coroutine function. One that raises is logged, and
        called again for the next change.
        """
        changes = await self.changes()

        async def deliver() -> None:
            async for change in changes:
                try:
                    outcome = callback(change)
                    if inspect.isawaitable(outcome):
                        await outcome
                except Exception:
                    log.exception("a callback failed on a change of %s", change.name)

        # The loop itself does not keep tasks from being collected.
        changes._task = asyncio.create_task(deliver(), name="persona-registry-callback")
        return changes

    async def close(self) -> None:
        """Ends the stream and all that waits. Waits at most a second, for the last writing to disk.

        What is held can still be read, as CACHED.
        """
        if self._closed():
            return
        self._core.close()
        self._notify()
        for subscriber in tuple(self._subscribers):
            subscriber.close()
        tasks = [task for task in (self._starting, *self._tasks) if task is not None]
        follower = self._tasks[:1]
        for task in follower:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_MOST_CLOSING)
        channel, self._channel = self._channel, None
        if channel is not None:
            await channel.close()

    @property
    def stub(self) -> PersonaServiceAsyncStub:
        """The generated stub, over this client's connection. Pass `metadata=personas.metadata()` for the token."""
        self._refuse_closed()
        if self._channel is None:
            self._channel = self._connection.aio_channel(stream=False)
        return PersonaServiceStub(self._channel)

    fetch = _method(_calls.fetch)
    validate = _method(_calls.validate)
    put = _method(_calls.put)
    delete = _method(_calls.delete)
    set_alias = _method(_calls.set_alias)
    delete_alias = _method(_calls.delete_alias)
    batch_write = _method(_calls.batch_write)

    async def list(
        self, filter: str = "", *, view: PersonaView = PersonaView.PERSONA_VIEW_BASIC, page_size: int = 0
    ) -> AsyncIterator[Persona]:
        """Lists what the registry has in the namespace, at one revision, page by page."""
        token = ""
        while True:
            page = await self._call(_calls.list_page(self._options.selection.namespace, filter, view, page_size, token))
            for persona in page.personas:
                yield persona
            token = page.next_page_token
            if not token:
                return

    async def _call(self, call: _calls.Call[R]) -> R:
        attempts = _calls.Attempts(self._options, call)
        while True:
            metadata = await self._metadata()
            method = getattr(self.stub, call.method)
            try:
                return call.result(await method(call.request, timeout=self._options.call_timeout, metadata=metadata))
            except grpc.RpcError as error:
                wait = attempts.failed(from_rpc(error))
            await self._wait_for(self._closed, wait)

    async def _metadata(self) -> Metadata:
        # A function that gives the token may read a file, or call somebody.
        if callable(self._options.token):
            return await asyncio.to_thread(self._connection.metadata)
        return self._connection.metadata()

    async def _settled(self) -> View:
        """What is held, once the very first wait is over."""
        if self._waited or self._closed():
            return self._core.view
        await self._start()
        await self._wait_for(self._core.settled, self._first_wait())
        self._waited = True
        return self._core.view

    async def _wait_for(self, what: Callable[[], bool], timeout: float | None) -> None:
        """Waits until something holds or the client is closed, at most `timeout` seconds."""
        until = None if timeout is None else time.monotonic() + timeout
        while not (what() or self._closed()):
            left = None if until is None else until - time.monotonic()
            if left is not None and left <= 0:
                return
            moved = self._moved
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(moved.wait(), left)

    def _notify(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()

    async def _start(self) -> None:
        """Opens the stream, once."""
        self._refuse_closed()
        if self._starting is None:
            self._starting = asyncio.create_task(self._open(), name="persona-registry-open")
        if not self._starting.done():
            # Shielded: who gives up waiting must not take it away from the others.
            await asyncio.shield(self._starting)
        self._refuse_closed()

    async def _open(self) -> None:
        path = self._options.snapshot_path
        copy = await asyncio.to_thread(_disk.read, path, self._options.selection) if path else None
        if self._closed():
            return
        if copy is not None:
            self._core.restore(copy)
        self._tasks = (
            asyncio.create_task(self._follow(), name="persona-registry-stream"),
            asyncio.create_task(self._keep(), name="persona-registry-keeper"),
        )

    async def _follow(self) -> None:
        """A task: one stream after the other."""
        while not self._closed():
            try:
                error = await self._read()
            except RegistryError as refused:
                error = refused
            except Exception as fault:
                log.exception("a fault of this client, which begins again")
                error = Internal(f"a fault of this client: {fault}")
            if self._closed():
                return
            wait, changes = self._core.end(error)
            self._tell(changes)
            await self._wait_for(self._closed, wait)

    async def _read(self) -> RegistryError | None:
        """Opens a stream and reads it to its end: why it ended."""
        metadata = await self._metadata()
        channel = self._connection.aio_channel(stream=True)
        try:
            request = self._core.begin()
            stream = PersonaServiceStub(channel).WatchPersonas(request, metadata=metadata)
            while True:
                message = await asyncio.wait_for(stream.read(), self._core.silence)
                if not isinstance(message, WatchPersonasResponse):
                    return None
                self._tell(self._core.take(message))
        except asyncio.TimeoutError:
            return Unavailable(f"the registry said nothing for {self._core.silence:g} seconds", "UNAVAILABLE")
        except grpc.RpcError as error:
            # The traceback holds the call, which would hold the channel, which would go on connecting after its end.
            error.__traceback__ = None
            return from_rpc(error)
        finally:
            await channel.close()

    async def _keep(self) -> None:
        """A task: writes what is held to disk."""
        path = self._options.snapshot_path
        while path is not None:
            await self._wait_for(self._to_save, None)
            copy = self._core.copy() if self._to_save() else None
            if copy is not None:
                await asyncio.to_thread(_disk.save, path, self._options.selection, copy)
            if self._closed() and not self._to_save():
                return
            await self._wait_for(self._closed, self._options.snapshot_interval)

    def _tell(self, changes: Sequence[Change]) -> None:
        if changes:
            for subscriber in self._subscribers:
                subscriber._tell(changes)
        self._notify()
