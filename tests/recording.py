"""A transport that notes each request before it passes it on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

from typing_extensions import override

from pyathena.transport import ByteRange, GetOptions, InMemoryTransport, ObjectRange, ObjectRef, S3Transport


class Recording:
    """Wraps a transport: `requests` tells which operations were asked for, in order.

    ``before`` is awaited ahead of each request, with the operation's name; it may wait, or raise.
    """

    def __init__(
        self, inner: S3Transport | None = None, before: Callable[[str], Awaitable[None]] | None = None
    ) -> None:
        self.inner = InMemoryTransport(buckets=["bucket"]) if inner is None else inner
        self.before = before
        self.requests: list[str] = []
        self.arguments: list[tuple[tuple[Any, ...], dict[str, Any]]] = []
        self.in_flight = 0
        self.peak = 0

    @property
    def transport(self) -> S3Transport:
        """The same object, as what it is used for."""
        return cast("S3Transport", self)

    def __getattr__(self, operation: str) -> Callable[..., Awaitable[Any]]:
        method = getattr(self.inner, operation)

        async def noted(*args: Any, **kwargs: Any) -> Any:
            self.requests.append(operation)
            self.arguments.append((args, kwargs))
            self.in_flight += 1
            self.peak = max(self.peak, self.in_flight)
            try:
                if self.before is not None:
                    await self.before(operation)
                return await method(*args, **kwargs)
            finally:
                self.in_flight -= 1

        return noted

    def taken(self) -> list[str]:
        """Return what was asked for since the last call, and forget it."""
        taken, self.requests = self.requests, []
        self.arguments = []
        return taken


async def let_others_run(operation: str) -> None:
    """Give up the turn, as a request over a network would. For ``before``."""
    await asyncio.sleep(0)


class IgnoresIfMatch(InMemoryTransport):
    """As some servers do."""

    @override
    async def get_object_range(
        self,
        ref: ObjectRef,
        byte_range: ByteRange,
        *,
        into: memoryview | None = None,
        options: GetOptions = GetOptions(),
    ) -> ObjectRange:
        return await super().get_object_range(ref, byte_range, into=into)
