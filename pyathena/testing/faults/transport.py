"""A transport between the filesystem and another one, in which requests fail, wait and break off as a script says."""

from __future__ import annotations

import asyncio
import copy
import threading
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from typing_extensions import override

from pyathena.testing.faults.script import Script
from pyathena.testing.faults.signals import Held
from pyathena.transport.delegating import Call, DelegatingTransport
from pyathena.transport.errors import S3ConnectionError, S3IncompleteReadError
from pyathena.transport.protocol import S3Transport
from pyathena.transport.retrying import sleep_anywhere
from pyathena.transport.values import ObjectRange, let_go

__all__ = ["BreakOff", "Call", "Delay", "ErrorFactory", "Fail", "Fault", "FaultyTransport", "Hang", "LoseAnswer"]

T = TypeVar("T")


class Fault(Protocol):
    """What goes wrong with a request. Write your own, where those of this module are not it."""

    async def happen(self, call: Call, send: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Be the request, in place of the transport.

        Args:
            call: which request.
            send: sends it, and returns its answer; may be called any number of times. A view in an answer that is not
                passed on must be released: it is of the caller's buffer.
        """
        ...


class ErrorFactory(Protocol):
    """Makes the error of a request. Most classes of `pyathena.transport.errors` are such."""

    def __call__(
        self, message: str, /, *, operation: str | None, bucket: str | None, key: str | None
    ) -> BaseException: ...


def _error(error: BaseException | ErrorFactory, call: Call, message: str) -> BaseException:
    if isinstance(error, BaseException):
        return copy.copy(error)  # each that is raised has a traceback of its own
    return error(message, operation=call.s3_operation, bucket=call.bucket, key=call.key)


@dataclass(frozen=True, slots=True)
class Fail:
    """The request is not sent, and fails.

    Args:
        error: the error, of which a copy is raised; or what makes it, such as ``S3ServerError`` or
            ``partial(S3ThrottledError, retry_after=3)``.
    """

    error: BaseException | ErrorFactory

    async def happen(self, call: Call, send: Callable[[], Coroutine[Any, Any, T]]) -> T:
        raise _error(self.error, call, "The request failed, as the test wants it")


@dataclass(frozen=True, slots=True)
class LoseAnswer:
    """The request is done, and its answer lost.

    Args:
        error: what the caller gets instead, as in `Fail`.
    """

    error: BaseException | ErrorFactory = S3ConnectionError

    async def happen(self, call: Call, send: Callable[[], Coroutine[Any, Any, T]]) -> T:
        let_go(await send())
        raise _error(self.error, call, "The answer was lost, as the test wants it")


@dataclass(frozen=True, slots=True)
class Delay:
    """The request is sent later.

    Args:
        seconds: how much later.
        sleep: waits; without an event loop the default blocks the thread.
    """

    seconds: float
    sleep: Callable[[float], Awaitable[object]] = field(default=sleep_anywhere, repr=False)

    async def happen(self, call: Call, send: Callable[[], Coroutine[Any, Any, T]]) -> T:
        await self.sleep(self.seconds)
        return await send()


@dataclass(frozen=True, slots=True)
class BreakOff:
    """The body of the answer breaks off. Meant for ``get_object_range``; other requests are sent as if nothing were.

    Args:
        after: bytes that arrive, 0 or more. A body of no more than these arrives whole. What the caller's buffer holds
            behind them is overwritten, so that nobody relies on it.
    """

    after: int

    def __post_init__(self) -> None:
        if self.after < 0:
            raise ValueError(f"after is a number of bytes, 0 or more, got {self.after}")

    async def happen(self, call: Call, send: Callable[[], Coroutine[Any, Any, T]]) -> T:
        answer = await send()
        if not isinstance(answer, ObjectRange) or answer.size <= self.after:
            return answer
        if isinstance(answer.data, memoryview):
            with answer.data as data:
                data[self.after :] = b"\xee" * (answer.size - self.after)
        raise S3IncompleteReadError(
            f"The body broke off after {self.after} of {answer.size} bytes, as the test wants it",
            start=answer.start,
            received=self.after,
            etag=answer.etag,
            object_size=answer.object_size,
            operation=call.s3_operation,
            bucket=call.bucket,
            key=call.key,
        )


class Hang(Held):
    """The request waits for `release`, and goes on then. Without an event loop it blocks its thread meanwhile.

    Args:
        done: S3 does what was asked before it waits, so that only the answer is late.
        stubborn: a cancellation is raised when it is released, and not before: as with a write whose outcome is not
            known yet. What was not sent by then is not sent.

    Example::

        hang = Hang()
        faulty.script.on("upload_part", 3, hang)
        task = asyncio.create_task(fs._pipe_file("bucket/key", data))
        await hang.entered()
        task.cancel()
    """

    def __init__(self, *, done: bool = False, stubborn: bool = False) -> None:
        super().__init__()
        self._done = done
        self._stubborn = stubborn

    async def happen(self, call: Call, send: Callable[[], Coroutine[Any, Any, T]]) -> T:
        if not self._done:
            await self._hang()
            return await send()
        try:
            answer = await send()
        except Exception:  # an answer too
            await self._hang()
            raise
        try:
            await self._hang()
        except BaseException:
            let_go(answer)
            raise
        return answer

    async def _hang(self) -> None:
        self._entered.set()
        interruption: asyncio.CancelledError | None = None
        while True:
            try:
                await self._released.wait()
            except asyncio.CancelledError as error:
                if not self._stubborn:
                    raise
                interruption = error
            else:
                break
        if interruption is not None:
            raise interruption


class FaultyTransport(DelegatingTransport):
    """Passes requests on to another transport, but for those with which something is to go wrong.

    Args:
        inner: the transport below. `aclose` closes it.

    It works with an event loop, and without one where ``inner`` does. It may be below or above any other: the order of
    ``RetryingTransport(FaultyTransport(InMemoryTransport()))`` tests what retries do about faults.

    Example:
        >>> import asyncio
        >>> from pyathena.transport import InMemoryTransport, ObjectRef, S3ServerError
        >>> async def main() -> None:
        ...     transport = FaultyTransport(InMemoryTransport(buckets=["bucket"]))
        ...     transport.script.on("put_object", 2, Fail(S3ServerError))
        ...     for key in ("first", "second", "third"):
        ...         try:
        ...             await transport.put_object(ObjectRef("bucket", key), b"data")
        ...         except S3ServerError as error:
        ...             print(error)
        >>> asyncio.run(main())
        [Errno 5] The request failed, as the test wants it (PutObject): 'bucket/second'
    """

    def __init__(self, inner: S3Transport) -> None:
        super().__init__(inner)
        self.script: Script[Fault] = Script()
        """What is to go wrong."""
        self.calls: list[Call] = []
        """All requests so far, those included with which something went wrong, in the order in which they began."""
        self.in_flight = 0
        """Requests that have begun and not ended."""
        self.peak_in_flight = 0
        """The most that were in flight at a time."""
        self._lock = threading.Lock()

    @override
    async def _ask(self, call: Call, send: Callable[[], Coroutine[Any, Any, T]]) -> T:
        with self._lock:
            self.calls.append(call)
            self.in_flight += 1
            self.peak_in_flight = max(self.peak_in_flight, self.in_flight)
        try:
            fault = self.script.meet(call.operation)
            return await (send() if fault is None else fault.happen(call, send))
        finally:
            with self._lock:
                self.in_flight -= 1
