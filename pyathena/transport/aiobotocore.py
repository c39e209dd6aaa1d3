"""S3 through aiobotocore: on the event loop itself, without threads. Needs the extra ``aiobotocore``.

aiobotocore works with a few patch releases of botocore only, so that it goes into few environments. It is known to this
module and its ``_aiobotocore_`` neighbour alone.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import weakref
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from functools import cache, partial
from types import TracebackType
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from botocore.loaders import create_loader
from typing_extensions import Unpack, override

from pyathena.runtime import drive
from pyathena.transport._boto3_client import ClientOptions, check_arguments, config_for_server, guard
from pyathena.transport.carrying import ClientFacts, OperationsTransport, outcome
from pyathena.transport.errors import S3ClosedError
from pyathena.transport.operations import ExpectedBytes, Operation
from pyathena.transport.protocol import CredentialsRefresher
from pyathena.transport.values import ConnectOptions, ObjectRange

try:
    from aiobotocore.config import AioConfig
    from aiobotocore.session import AioSession
except ModuleNotFoundError as error:
    raise ImportError(
        "aiobotocore is not installed: pip install 'pyathena[aiobotocore]'", name="aiobotocore"
    ) from error

from pyathena.transport._aiobotocore_requests import Upload, ask, receive, send_once, translated

__all__ = ["AiobotocoreTransport"]

T = TypeVar("T")


class _Opened:
    """A client that is open until it is closed, nobody refers to it any more, or its event loop ends.

    An asynchronous generator holds it open: event loops close those that are left, both when they are forgotten and
    when the loop shuts down, as `asyncio.run` does at its end.
    """

    def __init__(self, client: Any, lifetime: AsyncGenerator[Any, None]) -> None:
        self.client = client
        self._lifetime = lifetime

    @classmethod
    async def open(cls, context: Any) -> _Opened:
        lifetime = _lifetime(context)
        return cls(await anext(lifetime), lifetime)

    async def close(self) -> None:
        await self._lifetime.aclose()

    def close_without_loop(self) -> None:
        """Close what an event loop has left open that is closed itself."""
        with suppress(TypeError):  # it would suspend: a request was broken off while it opened a connection
            drive(self.client.close())


async def _lifetime(context: Any) -> AsyncGenerator[Any, None]:
    async with context as client:
        yield client


class _LoopState:
    """What a transport holds on one event loop. Made, and used, in that loop only."""

    def __init__(self, max_concurrency: int) -> None:
        self.turns = asyncio.Semaphore(max_concurrency)
        self.building = asyncio.Lock()
        """Guards the session and the clients."""
        self.session: Any = None
        self.client: _Opened | None = None
        self.signer: _Opened | None = None
        self.under_way = 0
        self.idle = asyncio.Event()
        self.idle.set()
        self.closing: asyncio.Task[None] | None = None

    def take_clients(self) -> list[_Opened]:
        """Return the clients that are open, and have none any more."""
        clients = [opened for opened in (self.client, self.signer) if opened is not None]
        self.client = self.signer = self.session = None
        return clients

    async def close(self) -> None:
        """Close the clients when the requests under way have ended; there will be no more."""
        await self.idle.wait()
        for opened in self.take_clients():
            await opened.close()

    def close_soon(self) -> None:
        """The same, for another thread to call by way of the event loop."""
        self.closing = asyncio.get_running_loop().create_task(self.close())


class _Turn:
    """``async with``: wait until one of ``max_concurrency`` requests may be made, and be counted as under way."""

    def __init__(self, transport: AiobotocoreTransport, state: _LoopState) -> None:
        self._transport = transport
        self._state = state

    async def __aenter__(self) -> _LoopState:
        state = self._state
        await state.turns.acquire()
        try:
            self._transport._refuse_if_closed()
        except S3ClosedError:
            state.turns.release()
            raise
        state.under_way += 1
        state.idle.clear()
        return state

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        state = self._state
        state.turns.release()
        state.under_way -= 1
        if not state.under_way:
            state.idle.set()


class AiobotocoreTransport(OperationsTransport, CredentialsRefresher):
    """aiobotocore on whatever event loop it is used on: a client for each, opened on first use and closed with it.

    Cancelling a write breaks it off as long as S3 has not been sent all of it; else its outcome is awaited, for no
    longer than the time limits allow.

    Signing holds the event loop up (over plain http, where bodies are digested, 16 MiB take 12 ms), and so does making
    the client, once (40 ms, after what describes S3 was read in a thread), and reading files with credentials.
    `ThreadedBoto3Transport` does all of that in threads.

    It retries nothing by itself. The filesystem puts a `RetryingTransport` above it; whoever uses it alone does so
    himself::

        transport = RetryingTransport(AiobotocoreTransport(profile="work"))
    """

    def __init__(
        self,
        *,
        max_concurrency: int | None = None,
        requester_pays: bool = False,
        **options: Unpack[ConnectOptions],
    ) -> None:
        """Take the way to S3; nothing is read, opened or sent before the first request.

        Args:
            max_concurrency: most requests in flight on each event loop, 1 or more; also the size of the connection pool
                there. 64 if None.
            requester_pays: send ``RequestPayer`` with every request that knows it.
            **options: see `ConnectOptions`.

        Raises:
            ValueError: options that contradict each other, or are out of their bounds.
            TypeError: an option is unknown.
        """
        check_arguments(type(self).__name__, max_concurrency, options)
        super().__init__(requester_pays=requester_pays)
        self._options = ClientOptions(**options)
        self._max_concurrency = max_concurrency or self._options.pool_size
        self._closed = False
        self._by_process: dict[int, dict[asyncio.AbstractEventLoop, _LoopState]] = {}
        _LIVING.add(self)
        self._arguments: dict[str, Any] = {
            "max_concurrency": max_concurrency,
            "requester_pays": requester_pays,
            **options,
        }

    @property
    def max_concurrency(self) -> int:
        """Most requests in flight at a time, on each event loop."""
        return self._max_concurrency

    @override
    def __repr__(self) -> str:
        where = urlsplit(self._options.endpoint_url or "").hostname or "AWS"
        return f"<{type(self).__name__} to {where}, max_concurrency={self._max_concurrency}, at {id(self):#x}>"

    @override
    def __reduce__(self) -> tuple[Any, ...]:
        return partial(type(self), **self._arguments), ()

    # --- event loops -----------------------------------------------------------------------------

    def _states(self) -> dict[asyncio.AbstractEventLoop, _LoopState]:
        states = self._by_process.get(os.getpid())
        if states is None:
            _INHERITED.extend(self._by_process.values())
            self._by_process = {os.getpid(): {}}
            states = self._by_process[os.getpid()]
        return states

    def _turn(self) -> _Turn:
        self._refuse_if_closed()
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            raise TypeError(
                "AiobotocoreTransport needs an event loop: use AioS3FileSystem, or BlockingBoto3Transport"
            ) from None
        states = self._states()
        state = states.get(loop)
        if state is None:
            self._forget_closed_loops(states)
            state = states[loop] = _LoopState(self._max_concurrency)
        return _Turn(self, state)

    def _forget_closed_loops(self, states: dict[asyncio.AbstractEventLoop, _LoopState]) -> None:
        # No weak references: what a client holds refers to its loop, and would keep it for ever.
        for loop in [each for each in list(states) if each.is_closed()]:
            state = states.pop(loop, None)
            for opened in state.take_clients() if state is not None else ():
                opened.close_without_loop()

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise S3ClosedError(f"{self!r} was closed; make a new one")

    @override
    async def aclose(self) -> None:
        """Close the client of the running event loop, and have other loops close theirs when they come to it.

        Clients of loops that have ended are closed already.
        """
        self._closed = True
        states, here = self._states(), asyncio.get_running_loop()
        self._forget_closed_loops(states)
        for loop, state in list(states.items()):
            if loop is not here:
                with suppress(RuntimeError):  # it was closed at this very moment
                    loop.call_soon_threadsafe(state.close_soon)
        if here in states:
            await states[here].close()
            states.pop(here, None)

    # --- clients ---------------------------------------------------------------------------------

    async def _opened(self, state: _LoopState) -> _Opened:
        opened = state.client
        if opened is None:
            async with state.building:
                opened = state.client
                if opened is None:
                    opened = state.client = await self._open(state, self._max_concurrency)
        return opened

    async def _signer(self, state: _LoopState) -> _Opened:
        """A client that presigns with SigV4: botocore's default for presigned URLs is SigV2, which S3 phases out."""
        if self._options.anon:
            return await self._opened(state)
        async with state.building:
            if state.signer is None:
                state.signer = await self._open(state, 1, "s3v4")
            return state.signer

    async def _open(self, state: _LoopState, max_connections: int, signature_version: str | None = None) -> _Opened:
        """Open a client. To be called by whoever holds ``state.building``."""
        session = self._session(state)
        arguments, config = self._options.arguments(max_connections, signature_version)

        async def opened(config: Any) -> _Opened:
            # What describes S3 is read, and parsed, in a thread: it takes a tenth of a second.
            return await _Opened.open(
                session.create_client("s3", **arguments, config=AioConfig(warm_up_loader_caches=True).merge(config))
            )

        client = await opened(config)
        fitting = config_for_server(client.client, config)
        if fitting is not config:
            await client.close()
            client = await opened(fitting)
        guard(client.client)
        client.client.meta.events.register_last("before-send.s3", send_once)
        return client

    def _session(self, state: _LoopState) -> Any:
        if state.session is None:
            state.session = self._new_session()
        return state.session

    def _new_session(self) -> Any:
        options = self._options
        session = AioSession(profile=options.profile)
        session.register_component("data_loader", _loader(session.get_config_variable("data_path")))
        if options.key is not None and not options.anon:
            session.set_credentials(options.key, options.secret, options.token)
        return session

    @override
    async def refresh_credentials(self) -> bool:
        """Look where the credentials came from, unless they were given.

        Those of a role are renewed by botocore before they expire; this is for a file or an environment that has
        changed. Requests to come are signed with what is found; those under way are not broken off.
        """
        if not self._options.may_find_others:
            return False
        async with self._turn() as state:
            used = state.client
            with translated("RefreshCredentials"):
                async with state.building:
                    if state.client is not used:
                        return True  # another request was quicker
                    session = self._new_session()
                    if await _frozen(session) == await _frozen(self._session(state)):
                        return False
                    # The old client goes when the last request that uses it has ended.
                    state.session, state.client, state.signer = session, None, None
                    return True

    # --- requests --------------------------------------------------------------------------------

    @override
    async def _ask(self, operation: Operation[T]) -> T:
        return await self._ask_knowing(operation.name, operation.bucket, operation.key, lambda _: operation)

    @override
    async def _ask_knowing(
        self, name: str, bucket: str | None, key: str | None, operation: Callable[[ClientFacts], Operation[T]]
    ) -> T:
        async with self._turn() as state:
            with translated(name, bucket, key):
                opened = await self._opened(state)
            to_ask = operation(ClientFacts.of(opened.client.meta))
            if to_ask.writes:
                return await _write(opened, to_ask)
            return to_ask.meaning(await ask(opened.client, to_ask))

    @override
    async def _receive(self, operation: Operation[ExpectedBytes]) -> ObjectRange:
        async with self._turn() as state:
            with translated(operation.name, operation.bucket, operation.key):
                opened = await self._opened(state)
            return await receive(opened.client, operation)

    @override
    async def _sign(self, operation: Operation[None], expires_in: int) -> str:
        async with self._turn() as state:
            with translated(operation.name, operation.bucket, operation.key):
                signer = await self._signer(state)
                url: str = await signer.client.generate_presigned_url(
                    operation.method, Params=operation.params, ExpiresIn=expires_in
                )
        return url


async def _write(opened: _Opened, operation: Operation[T]) -> T:
    """Send a request in a task of its own, so that its outcome is awaited even if the caller is cancelled."""
    upload = Upload(operation.params["Body"]) if "Body" in operation.params else None
    sending = asyncio.create_task(ask(opened.client, operation, upload))
    try:
        await asyncio.wait([sending])
        return operation.meaning(sending.result())
    except asyncio.CancelledError:
        if upload is not None and not upload.is_out:
            sending.cancel()  # S3 writes nothing of which it has not got all
        await outcome(sending)
        if not sending.cancelled():
            sending.exception()  # which nobody is told
        raise
    finally:
        if not sending.done():  # the coroutine is thrown away, perhaps with its event loop
            with suppress(RuntimeError):
                sending.cancel()
        if upload is not None:
            upload.let_go()


@cache
def _loader(data_path: str | None) -> Any:
    """Return what reads, and keeps, the description of S3: once for all event loops."""
    return create_loader(data_path)


async def _frozen(session: Any) -> object:
    """Return the credentials of a session as a value."""
    credentials = await session.get_credentials()
    return None if credentials is None else await credentials.get_frozen_credentials()


_LIVING: Final[weakref.WeakSet[AiobotocoreTransport]] = weakref.WeakSet()


@atexit.register
def _close_at_exit() -> None:
    """Close what is open on loops of other threads, such as fsspec's, which end without a word."""
    for transport in list(_LIVING):
        for loop, state in list(transport._states().items()):
            if loop.is_running():
                with suppress(TimeoutError):
                    asyncio.run_coroutine_threadsafe(state.close(), loop).result(timeout=1)


_INHERITED: Final[list[Any]] = []
"""What the parent of a forked process had open, kept for ever: closing it here would shut the parent's connections."""
