"""A filesystem that is used through its coroutines only, for tests that are written for synchronous ones."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import Any, Final, Self

from pyathena.filesystem.s3 import AioS3FileSystem

__all__ = ["CoroutinesOnly", "HandleOnly"]

_ALIASES: Final = {"cp": "copy", "move": "mv", "delete": "rm", "download": "get", "upload": "put"}
"""fsspec's second names, which have no coroutines."""


class CoroutinesOnly:
    """Answers ``fs.x(…)`` with ``await fs._x(…)``, and `open` with the asynchronous handle, on one event loop.

    `walk`, whose coroutine is an asynchronous generator, walks to its end at once.

    Args:
        fs: made with ``asynchronous=True``, so that nothing synchronous of it works.
        loop: runs the coroutines; not running otherwise.
    """

    def __init__(self, fs: AioS3FileSystem, loop: asyncio.AbstractEventLoop) -> None:
        assert fs.asynchronous
        self._fs = fs
        self._loop = loop

    def __getattr__(self, name: str) -> Callable[..., Any]:
        function = getattr(self._fs, f"_{_ALIASES.get(name, name)}")

        def call(*args: Any, **kwargs: Any) -> Any:
            outcome = function(*args, **kwargs)
            if isinstance(outcome, AsyncIterator):
                return iter(self._loop.run_until_complete(_all_of(outcome)))
            return self._loop.run_until_complete(outcome)

        return call

    def open(self, path: str, mode: str = "rb", **kwargs: Any) -> HandleOnly:
        """Open an object; what this raises, ``async with fs.open(…)`` raises."""
        return HandleOnly(self._loop.run_until_complete(self._fs.open_async(path, mode, **kwargs)), self._loop)


async def _all_of(items: AsyncIterator[Any]) -> list[Any]:
    return [item async for item in items]


class HandleOnly:
    """Answers ``f.x(…)`` with ``await f.x(…)``, and ``with`` with ``async with``.

    Args:
        handle: what `AioS3FileSystem.open_async` returns, binary or text.
        loop: runs the coroutines; not running otherwise.
    """

    def __init__(self, handle: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._handle = handle
        self._loop = loop

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._handle, name)
        if not asyncio.iscoroutinefunction(value):
            return value

        def call(*args: Any, **kwargs: Any) -> Any:
            return self._loop.run_until_complete(value(*args, **kwargs))

        return call

    def __enter__(self) -> Self:
        self._loop.run_until_complete(self._handle.__aenter__())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.run_until_complete(self._handle.__aexit__(kind, error, trace))
