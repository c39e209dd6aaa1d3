"""Connections to Athena for asyncio."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Generic, Self, TypeVar, overload

from typing_extensions import Unpack, override

import pyathena.transport.boto3  # noqa: F401 - else the event loop would read its files
from pyathena.aio.cursor import AioBaseCursor, AioCursor
from pyathena.connection import BaseConnection
from pyathena.filesystem.s3 import AioS3FileSystem
from pyathena.results.reading import AioResultReader, ResultReader
from pyathena.runtime import AsyncioRuntime, Runtime
from pyathena.settings import ConnectionOptions

__all__ = ["AioConnection"]

C = TypeVar("C", bound=AioBaseCursor[Any])
D = TypeVar("D", bound=AioBaseCursor[Any])


class AioConnection(BaseConnection, Generic[C]):
    """A connection for asyncio; tasks may share it. `pyathena.aio_connect` makes one without blocking the loop.

    Athena is asked in ``max_concurrency`` threads that belong to the connection; S3 in those of its filesystem.

    Args:
        cursor_class: what `cursor` makes; `AioCursor` if None.
        **options: see `ConnectionOptions`.

    Raises:
        TypeError: an option is unknown.
        ProgrammingError: options that contradict each other or are out of their bounds.
    """

    cursors = AioBaseCursor

    def __init__(self, *, cursor_class: type[C] | None = None, **options: Unpack[ConnectionOptions]) -> None:
        super().__init__(options, cursor_class or AioCursor)

    @override
    def _runtimes(self) -> tuple[Runtime, Runtime]:
        return (
            AsyncioRuntime(self.max_concurrency, "pyathena-athena", abandon=True),
            AsyncioRuntime(name="pyathena-decode"),
        )

    @property
    @override
    def reader(self) -> ResultReader:
        return AioResultReader(self.filesystem)

    @property
    def filesystem(self) -> AioS3FileSystem:
        """The filesystem that reads results."""
        filesystem: AioS3FileSystem = self._filesystem(AioS3FileSystem, asynchronous=True)
        return filesystem

    @overload
    def cursor(self, cursor: None = None, **options: Any) -> C: ...
    @overload
    def cursor(self, cursor: type[D], **options: Any) -> D: ...
    def cursor(self, cursor: type[Any] | None = None, **options: Any) -> Any:
        """Make a cursor.

        Args:
            cursor: its class; the connection's if None.
            **options: see `CursorOptions`, and the class.
        """
        return self._new_cursor(cursor or self.cursor_class, options)

    def close(self) -> None:
        """Begin no more, and let connections go without waiting for what is under way; idempotent."""
        self.api.close()
        self.runtime.close()
        self.decoding.close()
        self._made_filesystem = None

    async def aclose(self) -> None:
        """Close connections to Athena and S3; idempotent.

        Who waits for a query meanwhile gets a `ProgrammingError`, and the query is stopped (unless
        ``kill_on_interrupt=False``): its result could not be read any more.
        """
        filesystem = self._made_filesystem
        self.close()
        if filesystem is not None:
            await filesystem.aclose()

    async def __aenter__(self) -> Self:
        self.check_open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()
