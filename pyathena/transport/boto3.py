"""S3 through boto3: in threads of its own for asyncio, or in the calling thread.

Both transports are one table of operations (`pyathena.transport.operations`) and differ only in where a request runs.
boto3, botocore and urllib3 are known to this module and its ``_boto3_`` neighbours alone.
"""

from __future__ import annotations

import asyncio
import os
import threading
import warnings
from abc import abstractmethod
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar
from urllib.parse import urlsplit

from typing_extensions import Unpack, override

from pyathena.transport._boto3_cancellation import Abandonment
from pyathena.transport._boto3_client import ClientOptions, S3ClientLike, check_arguments
from pyathena.transport._boto3_errors import translated
from pyathena.transport._boto3_fast_path import FastPath
from pyathena.transport._boto3_requests import Boto3Requests
from pyathena.transport._threads import Job, Threads, interpreter_ends
from pyathena.transport.carrying import ClientFacts, OperationsTransport, outcome
from pyathena.transport.errors import S3ClosedError, S3Error
from pyathena.transport.operations import ExpectedBytes, Operation
from pyathena.transport.protocol import ConnectionLike, CredentialsRefresher
from pyathena.transport.values import ConnectOptions, ObjectRange, let_go

__all__ = ["BlockingBoto3Transport", "S3ClientLike", "ThreadedBoto3Transport"]

T = TypeVar("T")


class _ProcessState:
    """What a transport holds in one process: clients, a pool of threads. A forked child makes its own."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        """Guards the two below. An event loop takes it too, so it is held for moments only."""
        self.ended = threading.Condition(self.lock)
        """Told whenever a request has ended."""
        self.threads: Threads | None = None
        self.in_flight = 0
        self.building = threading.Lock()
        """Guards the session and the clients. Making one takes long: an event loop must not take it."""
        self.session: Any = None
        self.client: S3ClientLike | None = None
        self.fast: FastPath | None = None
        """What stands beside the client, where something can."""
        self.signer: S3ClientLike | None = None


class _Boto3Transport(OperationsTransport, CredentialsRefresher):
    """What the two have in common: how a client is made, and every operation but where it runs."""

    def __init__(
        self,
        connection: ConnectionLike | None = None,
        *,
        client: S3ClientLike | None = None,
        max_concurrency: int | None = None,
        requester_pays: bool = False,
        **options: Unpack[ConnectOptions],
    ) -> None:
        """Take the way to S3; nothing is read, started or sent before the first request.

        Args:
            connection: a connection to Athena (or any `ConnectionLike`), whose session, region, configuration and S3
                endpoint are used. Leave out the options that say the same.
            client: a boto3 client for S3 that is used as it is, its retries, its pool and the version of its signatures
                (presigned URLs too) included, and is not closed. A cancelled request of its goes on being retried, and
                its retries multiply those of a `RetryingTransport`, which the filesystem puts above: with botocore's
                defaults 5 times 5 attempts. ``Config(retries={"mode": "standard", "total_max_attempts": 1})`` makes
                none. The same goes for the configuration of a ``connection``.
            max_concurrency: most requests in flight, 1 or more; also the size of the connection pool. 64 if None.
            requester_pays: send ``RequestPayer`` with every request that knows it.
            **options: see `ConnectOptions`.

        Raises:
            ValueError: options that contradict each other, or are out of their bounds.
            TypeError: an option is unknown, or ``connection`` is none.
        """
        check_arguments(type(self).__name__, max_concurrency, options)
        said = [name for name, value in options.items() if value is not None and name != "fast_path"]
        if client is not None and (said or connection is not None):
            raise ValueError("client= is used as it is; leave out connection= and the options that say how to connect")
        super().__init__(requester_pays=requester_pays)
        self._options = ClientOptions(connection=connection, **options)
        self._client = client
        self._max_concurrency = self._choose_concurrency(max_concurrency)
        self._closed = False
        self._peak_in_flight = 0
        self._by_process: dict[int, _ProcessState] = {}
        self._arguments: dict[str, Any] = {
            "connection": connection,
            "max_concurrency": max_concurrency,
            "requester_pays": requester_pays,
            **options,
        }

    def _choose_concurrency(self, asked: int | None) -> int:
        if self._client is None:
            # A pool that is smaller than the number of threads would open and throw away connections.
            return asked or self._options.pool_size
        pool: int = self._client.meta.config.max_pool_connections
        if asked is not None and asked > pool:
            warnings.warn(
                f"max_concurrency={asked}, but the client's pool has {pool} connections: "
                f"make the client with Config(max_pool_connections={asked})",
                stacklevel=3,
            )
        return asked or pool

    @property
    def max_concurrency(self) -> int:
        """Most requests in flight at a time."""
        return self._max_concurrency

    @property
    def peak_in_flight(self) -> int:
        """The most requests that were in flight at a time so far."""
        return self._peak_in_flight

    @override
    def __repr__(self) -> str:
        where = "client" if self._client else "connection" if self._options.connection else ""
        where = where or urlsplit(self._options.endpoint_url or "").hostname or "AWS"
        return f"<{type(self).__name__} to {where}, max_concurrency={self._max_concurrency}, at {id(self):#x}>"

    @override
    def __reduce__(self) -> tuple[Any, ...]:
        if self._client is not None:
            raise TypeError(
                f"a {type(self).__name__} over a client= cannot be pickled, since a boto3 client cannot: "
                "make it from options (key=, endpoint_url= …) or give each process its own"
            )
        return partial(type(self), **self._arguments), ()

    # --- where requests run ----------------------------------------------------------------------

    def _state(self) -> _ProcessState:
        state = self._by_process.get(os.getpid())
        if state is None:
            if self._client is not None and self._by_process:
                self._client.close()  # after a fork: its idle connections are the parent's
            state = self._by_process.setdefault(os.getpid(), _ProcessState())
        return state

    def _requests(self, state: _ProcessState) -> Boto3Requests:
        return Boto3Requests(partial(self._connected, state), partial(self._signer, state), lambda: state.fast)

    def _connected(self, state: _ProcessState) -> S3ClientLike:
        if self._client is not None:
            return self._client
        client = state.client
        if client is None:
            with state.building:
                client = state.client
                if client is None:
                    session = self._session(state)
                    client = self._options.build(session, max_connections=self._max_concurrency)
                    state.fast = self._options.fast_path_beside(client, session, max_idle=self._max_concurrency)
                    state.client = client
        return client

    def _session(self, state: _ProcessState) -> Any:
        """The session that clients are made of. To be called by whoever holds ``state.building``."""
        if state.session is None:
            state.session = self._options.session()
        return state.session

    def _signer(self, state: _ProcessState) -> S3ClientLike:
        """A client that presigns with SigV4: botocore's default for presigned URLs is SigV2, which S3 phases out."""
        if self._client is not None or self._options.anon:
            return self._connected(state)
        with state.building:
            if state.signer is None:
                state.signer = self._options.build(self._session(state), max_connections=1, signature_version="s3v4")
            return state.signer

    @override
    async def refresh_credentials(self) -> bool:
        """Look where the credentials came from, unless they were given, or came with a connection or a client.

        Those of a role are renewed by botocore before they expire; this is for a file or an environment that has
        changed. Requests to come are signed with what is found; those under way are not broken off.
        """
        if self._client is not None or not self._options.may_find_others:
            return False
        state = self._state()
        used = state.client
        return await self._perform(lambda to, _: self._renewed(state, used))

    def _renewed(self, state: _ProcessState, used: S3ClientLike | None) -> bool:
        with state.building, translated("RefreshCredentials"):
            if state.client is not used:
                return True  # another request was quicker
            session = self._options.session()
            if _frozen(session) == _frozen(self._session(state)):
                return False
            # The old client goes when the last request that uses it has ended.
            state.session, state.client, state.fast, state.signer = session, None, None, None
            return True

    def _run(
        self,
        state: _ProcessState,
        function: Callable[[Boto3Requests, Abandonment], T],
        abandonment: Abandonment,
        under_way: bool = False,
    ) -> T:
        """Run a request here and now, unless the transport was closed before it was ``under_way``."""
        abandonment.check()
        with state.lock:
            if self._closed and not under_way:
                raise self._closed_error()
            state.in_flight += 1
            self._peak_in_flight = max(self._peak_in_flight, state.in_flight)
        try:
            return function(self._requests(state), abandonment)
        finally:
            with state.lock:
                state.in_flight -= 1
                state.ended.notify_all()

    def _closed_error(self) -> S3ClosedError:
        return S3ClosedError(f"{self!r} was closed; make a new one")

    @abstractmethod
    async def _perform(self, function: Callable[[Boto3Requests, Abandonment], T], *, write: bool = False) -> T: ...

    @override
    async def _ask(self, operation: Operation[T]) -> T:
        return await self._perform(lambda to, call: to.ask(operation, call), write=operation.writes)

    @override
    async def _ask_knowing(
        self, name: str, bucket: str, key: str | None, operation: Callable[[ClientFacts], Operation[T]]
    ) -> T:
        def ask(to: Boto3Requests, abandonment: Abandonment) -> T:
            return to.ask(operation(ClientFacts.of(to.meta(name, bucket, key))), abandonment)

        return await self._perform(ask, write=True)

    @override
    async def _receive(self, operation: Operation[ExpectedBytes]) -> ObjectRange:
        return await self._perform(lambda to, call: to.get_object_range(operation, call))

    @override
    async def _sign(self, operation: Operation[None], expires_in: int) -> str:
        return await self._perform(lambda to, _: to.presigned_url(operation, expires_in))

    @abstractmethod
    async def _all_ended(self, state: _ProcessState) -> None:
        """Wait until the requests under way have ended; there will be no more."""

    @override
    async def aclose(self) -> None:
        self._closed = True
        state = self._by_process.get(os.getpid())
        if state is None:
            return
        await self._all_ended(state)
        if state.threads is not None:
            state.threads.close()
        for client in (state.client, state.fast, state.signer):
            if client is not None:
                client.close()
        self._by_process.pop(os.getpid(), None)


def _frozen(session: Any) -> object:
    """Return the credentials of a session as a value."""
    credentials = session.get_credentials()
    return None if credentials is None else credentials.get_frozen_credentials()


class BlockingBoto3Transport(_Boto3Transport):
    """boto3 in the calling thread: its coroutines never suspend, so that no event loop is needed to run them.

    This is what `S3FileSystem` uses. On an event loop it would block the loop. `aclose` blocks until the requests of
    other threads have ended.

    It retries nothing by itself, as `ThreadedBoto3Transport` does not.
    """

    @override
    async def _perform(self, function: Callable[[Boto3Requests, Abandonment], T], *, write: bool = False) -> T:
        if self._closed:
            raise self._closed_error()
        return self._run(self._state(), function, Abandonment())

    @override
    async def _all_ended(self, state: _ProcessState) -> None:
        with state.lock:
            state.ended.wait_for(lambda: state.in_flight == 0)


class ThreadedBoto3Transport(_Boto3Transport):
    """boto3 in threads that the transport owns: as many as connections in the pool, and as requests in flight.

    The threads are made when they are needed, and again in a forked child. Context variables of the caller reach them.
    Making the client, signing, and refreshing credentials happen there too, when a request's turn has come.

    A thread is free again when its request has really ended, also if the caller was cancelled. A read that waits for
    the body is woken; what waits for a connection or an answer takes until ``connect_timeout`` or ``read_timeout``.

    It retries nothing by itself: the clients that it makes attempt each request once. The filesystem puts a
    `RetryingTransport` above it; whoever uses it alone does so himself::

        transport = RetryingTransport(ThreadedBoto3Transport(profile="work"))

    ``config_kwargs={"retries": …}`` lets botocore retry below, in the thread; never for a caller that was cancelled.
    """

    @override
    async def _perform(self, function: Callable[[Boto3Requests, Abandonment], T], *, write: bool = False) -> T:
        if self._closed:
            raise self._closed_error()
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            raise TypeError(
                "ThreadedBoto3Transport needs an event loop: use AioS3FileSystem, or BlockingBoto3Transport"
            ) from None
        abandonment = Abandonment()
        threads, job = self._submit(self._state(), function, abandonment, loop)
        try:
            return await (asyncio.shield(job.answer) if write else job.answer)
        except BaseException as interruption:
            if isinstance(interruption, S3Error) and interpreter_ends():
                interruption.retryable = False  # there is no thread for another attempt
            started = not threads.withdraw(job)
            abandonment.abandon()
            job.drop(let_go)
            if write and started and isinstance(interruption, asyncio.CancelledError):
                await outcome(job.answer)
            else:  # the coroutine may have been thrown away, even with its event loop
                with suppress(RuntimeError):
                    job.answer.cancel()
            raise
        finally:
            del job  # it keeps the error, whose traceback keeps this frame

    def _submit(
        self,
        state: _ProcessState,
        function: Callable[[Boto3Requests, Abandonment], T],
        abandonment: Abandonment,
        loop: asyncio.AbstractEventLoop,
    ) -> tuple[Threads, Job[T]]:
        with state.lock:
            if self._closed:
                raise self._closed_error()
            if state.threads is None:
                state.threads = Threads(self._max_concurrency, "pyathena-s3")
            try:
                return state.threads, state.threads.submit(partial(self._run, state, function, abandonment), loop)
            except RuntimeError as error:
                raise S3Error(f"No thread can be started: {error}", retryable=not interpreter_ends()) from error

    @override
    async def _all_ended(self, state: _ProcessState) -> None:
        if state.threads is not None:
            await state.threads.all_ended()
