"""See each request: a report for a hook of yours (OpenTelemetry, Prometheus …), and a line in the log.

This module knows the standard library, ``typing_extensions`` and the seam only.
"""

from __future__ import annotations

import inspect
import logging
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from typing_extensions import override

from pyathena.transport.delegating import Call, DelegatingTransport
from pyathena.transport.errors import S3Error, S3IncompleteReadError
from pyathena.transport.protocol import S3Transport
from pyathena.transport.told import Told, attempt, listening
from pyathena.transport.values import ObjectRange

__all__ = ["ObservingTransport", "OnRequest", "RequestReport"]

T = TypeVar("T")

_logger = logging.getLogger("pyathena.transport.observing")


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestReport:
    """What became of one request. Holds no bytes of objects, no URL and no credentials.

    Args:
        operation: S3's name of it (``GetObject``).
        bucket: the bucket; None where there is none.
        key: the key; None where there is none, or many. Of a copy it is the target's.
        attempt: 1, or more where a `RetryingTransport` above tried again.
        seconds: how long it took; where requests wait for their turn in the transport, with that.
        bytes_sent: bytes of an object or a part that it carries.
        bytes_received: bytes of an object that have arrived.
        error: the class of what was raised; None if nothing was.
        status: HTTP's status of an error that S3 answered.
        code: S3's code of it.
        request_id: S3's id of the request, where the transport tells it.
    """

    operation: str
    bucket: str | None
    key: str | None
    attempt: int
    seconds: float
    bytes_sent: int = 0
    bytes_received: int = 0
    error: type[BaseException] | None = None
    status: int | None = None
    code: str | None = None
    request_id: str | None = None

    @property
    def outcome(self) -> str:
        """``ok``, ``cancelled`` where the caller gave up, or the name of the error's class: few, as labels need it."""
        if self.error is None:
            return "ok"
        return self.error.__name__ if issubclass(self.error, Exception) else "cancelled"


OnRequest: TypeAlias = Callable[[RequestReport], object]


class ObservingTransport(DelegatingTransport):
    """Any transport, and a hook is told of each request when it has ended, failed or been cancelled.

    Put it below a `RetryingTransport`, so that each attempt is a request. The filesystem's ``on_request=`` does that.
    `presigned_url` sends nothing, and is not told.

    Each request is also a line in the log of ``pyathena.transport.observing``, at DEBUG.

    Args:
        inner: the transport below. `aclose` closes it.
        on_request: called with a `RequestReport` where the request was asked for: on the event loop, so that it must be
            quick, or in one of several threads. What it raises is logged, and changes nothing else. None: there is the
            log only.
        clock: tells seconds that never go back.

    Raises:
        TypeError: ``on_request`` is a coroutine function.

    Example:
        >>> import asyncio
        >>> from pyathena.transport import InMemoryTransport
        >>> async def main() -> None:
        ...     transport = ObservingTransport(
        ...         InMemoryTransport(buckets=["bucket"]), lambda report: print(report.operation, report.outcome)
        ...     )
        ...     await transport.list_objects("bucket")
        >>> asyncio.run(main())
        ListObjectsV2 ok
    """

    def __init__(
        self,
        inner: S3Transport,
        on_request: OnRequest | None = None,
        *,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        super().__init__(inner)
        if inspect.iscoroutinefunction(on_request):
            raise TypeError(f"on_request= is a plain function, got the coroutine function {on_request!r}")
        self._on_request = on_request
        self._clock = clock

    @override
    async def _ask(self, call: Call, send: Callable[[], Coroutine[Any, Any, T]]) -> T:
        if self._on_request is None and not _logger.isEnabledFor(logging.DEBUG):
            return await send()
        if call.operation == "presigned_url":
            return await send()
        began = self._clock()
        with listening() as told:
            try:
                answer = await send()
            except BaseException as error:
                self._tell(call, began, told, error, error)
                raise
        self._tell(call, began, told, answer, None)
        return answer

    def _tell(self, call: Call, began: float, told: Told, brought: object, error: BaseException | None) -> None:
        refusal = error if isinstance(error, S3Error) else None
        report = RequestReport(
            operation=call.s3_operation,
            bucket=call.bucket,
            key=call.key,
            attempt=attempt(),
            seconds=self._clock() - began,
            bytes_sent=call.sent,
            bytes_received=_received(brought),
            error=None if error is None else type(error),
            status=None if refusal is None else refusal.status,
            code=None if refusal is None else refusal.code,
            request_id=told.request_id if refusal is None or refusal.request_id is None else refusal.request_id,
        )
        _logger.debug(
            "%s of %s/%s, attempt %d: %s in %.1f ms, request id %s",
            *(report.operation, report.bucket, report.key, report.attempt),
            *(report.outcome, report.seconds * 1000, report.request_id),
        )
        if self._on_request is not None:
            try:
                self._on_request(report)
            except Exception:
                _logger.exception("on_request= failed on %s", report)


def _received(brought: object) -> int:
    """Return the bytes of an object that an answer, or an error, has brought."""
    if isinstance(brought, ObjectRange):
        return brought.size
    return brought.received if isinstance(brought, S3IncompleteReadError) else 0
