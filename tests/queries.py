"""A local Athena with results in memory, and connections to it, for tests of queries."""

from __future__ import annotations

import asyncio
import functools
import io
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any, ParamSpec, TypeVar

import boto3.session
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import pyathena
from pyathena.aio.connection import AioConnection
from pyathena.athena.retrying import RetryConfig
from pyathena.connection import Connection
from pyathena.testing.athena import Answer, Column, LocalAthena
from pyathena.transport import InMemoryTransport

__all__ = [
    "AT_ONCE",
    "NUMBERS",
    "aio_connected",
    "asked",
    "athena",
    "connection",
    "in_thread",
    "numbers",
    "on_a_loop",
    "parquet",
    "reach",
    "shared_session",
    "timed_out",
]

P = ParamSpec("P")
T = TypeVar("T")

AT_ONCE = RetryConfig(multiplier=0)
"""Further attempts without pauses."""

NUMBERS = Answer([Column("n", "integer", 10), Column("s")], [["1", "one"], ["2", ""], ["3", None]])

_THREADS = ThreadPoolExecutor(4, thread_name_prefix="test")


def numbers(count: int, width: int = 0) -> Answer:
    """So many rows, each with a text of so many characters."""
    return Answer([Column("n", "integer", 10), Column("s")], [[str(n), "x" * width] for n in range(count)])


def parquet(count: int) -> bytes:
    """A file of an UNLOAD with so many rows."""
    file = io.BytesIO()
    pq.write_table(pa.table({"n": list(range(count)), "s": ["x"] * count}), file)
    return file.getvalue()


async def in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call what blocks in a thread of the tests' own: the loop's default executor stays as it is."""
    return await asyncio.wrap_future(_THREADS.submit(function, *args, **kwargs))


async def asked(athena: LocalAthena, operation: str, times: int = 1) -> None:
    """Wait until so many requests of an operation have come."""
    while len(athena.calls(operation)) < times:  # noqa: ASYNC110 - they come in threads of the local Athena
        await asyncio.sleep(0.001)


async def timed_out(athena: LocalAthena, query: Coroutine[Any, Any, Any]) -> None:
    """Let the time for a query be up as soon as it was looked at, and see that it ends so."""

    async def end(limit: asyncio.Timeout) -> None:
        await asked(athena, "GetQueryExecution")
        limit.reschedule(0)

    async with asyncio.TaskGroup() as group:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(None) as limit:
                group.create_task(end(limit))
                await query


def on_a_loop(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Run a test's coroutine. In the end it has left no task, and made no use of the loop's default executor."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        async def program() -> None:
            await test(*args, **kwargs)
            assert asyncio.all_tasks() == {asyncio.current_task()}
            assert vars(asyncio.get_running_loop())["_default_executor"] is None

        asyncio.run(program())

    return run


@functools.cache
def shared_session() -> boto3.session.Session:
    """Make a session once: each one reads what boto3 knows of Athena for itself, which takes a fifth of a second."""
    return boto3.session.Session()


def reach(athena: LocalAthena, **options: Any) -> dict[str, Any]:
    """Return the options of a connection to a local Athena; results are read from where it writes them."""
    return {
        "session": shared_session(),
        "endpoint_url": athena.endpoint_url,
        "s3_staging_dir": "s3://results/",
        "transport": athena.transport,
        "poll_interval": 0.001,
        "retry_config": AT_ONCE,
        **options,
    }


@asynccontextmanager
async def aio_connected(athena: LocalAthena, **options: Any) -> AsyncIterator[AioConnection[Any]]:
    """Connect to a local Athena."""
    async with await pyathena.aio_connect(**reach(athena, **options)) as connection:
        yield connection


@pytest.fixture
def athena() -> Iterator[LocalAthena]:
    with LocalAthena(InMemoryTransport(buckets=["results"]), default=NUMBERS) as athena:
        yield athena


@pytest.fixture
def connection(athena: LocalAthena) -> Iterator[Connection[Any]]:
    with pyathena.connect(**reach(athena)) as connection:
        yield connection
