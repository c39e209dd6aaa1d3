"""Amazon S3 and Amazon Athena from asyncio, on plain boto3.

`aio_connect` and `connect` make connections to Athena (PEP 249); `pyathena.filesystem.s3` has the filesystems.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, overload

from typing_extensions import Unpack

from pyathena.errors import (
    DatabaseError,
    DataError,
    Error,
    IntegrityError,
    InterfaceError,
    InternalError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
    Warning,  # noqa: A004 - PEP 249's name
)
from pyathena.type_objects import (
    BINARY,
    BOOLEAN,
    DATE,
    DATETIME,
    JSON,
    NUMBER,
    STRING,
    TIME,
    Binary,
    Date,
    DateFromTicks,
    Time,
    TimeFromTicks,
    Timestamp,
    TimestampFromTicks,
)

if TYPE_CHECKING:
    from pyathena.aio.connection import AioConnection
    from pyathena.aio.cursor import AioBaseCursor, AioCursor
    from pyathena.athena.retrying import RetryConfig
    from pyathena.connection import Connection
    from pyathena.cursor import Cursor, SyncCursor
    from pyathena.settings import ConnectionOptions, ExecuteOptions

__all__ = [
    "BINARY",
    "BOOLEAN",
    "Binary",
    "DATE",
    "DATETIME",
    "DataError",
    "DatabaseError",
    "Date",
    "DateFromTicks",
    "Error",
    "ExecuteOptions",
    "IntegrityError",
    "InterfaceError",
    "InternalError",
    "JSON",
    "NUMBER",
    "NotSupportedError",
    "OperationalError",
    "ProgrammingError",
    "RetryConfig",
    "STRING",
    "TIME",
    "Time",
    "TimeFromTicks",
    "Timestamp",
    "TimestampFromTicks",
    "Warning",
    "__version__",
    "aio_connect",
    "apilevel",
    "connect",
    "paramstyle",
    "threadsafety",
]

__version__ = "0.1.0"

apilevel = "2.0"
"""https://peps.python.org/pep-0249/#apilevel"""
threadsafety = 2
"""Threads may share the module and connections, but not cursors."""
paramstyle = "pyformat"
"""How parameters stand in statements; assign ``qmark`` for the other style, or give ``paramstyle=`` to `execute`."""

A = TypeVar("A", bound="AioBaseCursor[Any]")
C = TypeVar("C", bound="SyncCursor[Any]")


@overload
def connect(*, cursor_class: None = None, **options: Unpack[ConnectionOptions]) -> Connection[Cursor]: ...
@overload
def connect(*, cursor_class: type[C], **options: Unpack[ConnectionOptions]) -> Connection[C]: ...
def connect(*, cursor_class: type[Any] | None = None, **options: Unpack[ConnectionOptions]) -> Connection[Any]:
    """Make a connection to Athena for synchronous code. Nothing is sent before the first query.

    Args:
        cursor_class: what the connection's `cursor` makes; `pyathena.cursor.Cursor` if None.
        **options: see `pyathena.settings.ConnectionOptions`.

    Raises:
        TypeError: an option is unknown.
        ProgrammingError: options that contradict each other or are out of their bounds.
    """
    from pyathena.connection import Connection

    return Connection(cursor_class=cursor_class, **options)


@overload
async def aio_connect(
    *, cursor_class: None = None, **options: Unpack[ConnectionOptions]
) -> AioConnection[AioCursor]: ...
@overload
async def aio_connect(*, cursor_class: type[A], **options: Unpack[ConnectionOptions]) -> AioConnection[A]: ...
async def aio_connect(
    *, cursor_class: type[Any] | None = None, **options: Unpack[ConnectionOptions]
) -> AioConnection[Any]:
    """Make a connection to Athena for asyncio. Files are read in a thread, nothing is sent before the first query.

    Args:
        cursor_class: what the connection's `cursor` makes; `pyathena.aio.cursor.AioCursor` if None.
        **options: see `pyathena.settings.ConnectionOptions`.

    Raises:
        TypeError: an option is unknown.
        ProgrammingError: options that contradict each other or are out of their bounds.
    """
    from pyathena.runtime import AsyncioRuntime

    def make() -> AioConnection[Any]:
        from pyathena.aio.connection import AioConnection

        return AioConnection(cursor_class=cursor_class, **options)

    runtime = AsyncioRuntime(1, "pyathena-connect")
    try:
        return await runtime.offload(make)
    finally:
        runtime.close()


if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name == "RetryConfig":
            from pyathena.athena.retrying import RetryConfig

            return RetryConfig
        if name == "ExecuteOptions":
            from pyathena.settings import ExecuteOptions

            return ExecuteOptions
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted(__all__)
