"""The event loop is never held up: not by a socket, a file, a lock or an import, and not by work of ours."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from blockbuster import BlockBuster, BlockingError
from typing_extensions import override

import pyathena
from pyathena.aio.arrow.cursor import AioArrowCursor
from pyathena.aio.cursor import AioBaseCursor, AioCursor, AioDictCursor
from pyathena.aio.pandas.cursor import AioPandasCursor
from pyathena.aio.polars.cursor import AioPolarsCursor
from pyathena.aio.s3fs.cursor import AioS3FSCursor
from pyathena.arrow.converter import DefaultArrowTypeConverter
from pyathena.converter import Converter, DefaultTypeConverter
from pyathena.pandas.converter import DefaultPandasTypeConverter
from pyathena.polars.converter import DefaultPolarsTypeConverter
from pyathena.runtime import drive
from pyathena.testing.athena import Answer, LocalAthena
from pyathena.transport import BlockingBoto3Transport
from tests.queries import aio_connected, numbers, on_a_loop, parquet, reach
from tests.servers import KEY, SECRET

ROWS = 50_000
MANY_ROWS = 200_000
LONGEST = 0.05
"""Seconds of processor time that a callback may take."""


@contextmanager
def unblocked() -> Iterator[None]:
    """Let what blocks raise, and no callback of the running loop take longer than it may.

    A callback is charged with the processor time of the loop's own thread: that other threads and other programs have
    the machine does not count, which would be noise here. Waiting does not count either: that is what raises.
    """
    took: list[tuple[float, str]] = []
    failed: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    run = asyncio.Handle._run  # the one place that all callbacks pass

    def measured(handle: asyncio.Handle) -> None:
        begin = time.thread_time()
        run(handle)
        took.append((time.thread_time() - begin, repr(handle)))

    loop.set_exception_handler(lambda _, context: failed.append(context))
    blocking = BlockBuster()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asyncio.Handle, "_run", measured)
        blocking.activate()
        try:
            yield
        finally:
            blocking.deactivate()
    assert failed == []
    assert took
    assert max(took) < (LONGEST, "")


@pytest.fixture(scope="module")
def remote(moto_endpoint: str) -> Iterator[LocalAthena]:
    """A local Athena that writes results to an S3 that is spoken to over HTTP."""
    transport = BlockingBoto3Transport(key=KEY, secret=SECRET, endpoint_url=moto_endpoint)
    drive(transport.create_bucket("blocking"))
    with LocalAthena(transport) as athena:
        yield athena
    drive(transport.aclose())


async def everything(cursor: AioBaseCursor[Any]) -> int:
    """Fetch a result in the way that is the cursor's own, and tell how many rows it has."""
    match cursor:
        case AioArrowCursor():
            return len(await cursor.as_arrow())
        case AioPandasCursor():
            return len(await cursor.as_pandas())
        case AioPolarsCursor():
            return len(await cursor.as_polars())
        case _:
            return len([row async for row in cursor])


QUERIES: list[tuple[type[Any], dict[str, Any]]] = [
    (AioCursor, {}),
    (AioDictCursor, {}),
    (AioS3FSCursor, {}),
    (AioArrowCursor, {}),
    (AioPandasCursor, {}),
    (AioPolarsCursor, {}),
    (AioArrowCursor, {"unload": True}),
    (AioPandasCursor, {"unload": True}),
    (AioPolarsCursor, {"unload": True}),
]


@pytest.mark.parametrize("rows", [ROWS, pytest.param(MANY_ROWS, marks=pytest.mark.slow)])
@pytest.mark.parametrize(("kind", "options"), QUERIES)
def test_a_whole_query_never_holds_up_the_loop(
    remote: LocalAthena, moto_endpoint: str, kind: type[Any], options: dict[str, Any], rows: int
) -> None:
    remote.default = Answer(numbers(0).columns, files=[parquet(rows // 4)] * 4) if options else numbers(rows)

    @on_a_loop
    async def program() -> None:
        to = reach(remote, s3_staging_dir="s3://blocking/", s3_endpoint_url=moto_endpoint, transport=None)
        with unblocked():
            async with await pyathena.aio_connect(**to) as connection, connection.cursor(kind, **options) as cursor:
                await cursor.execute("SELECT n, s FROM t")
                assert await everything(cursor) == rows

    program()


@pytest.mark.parametrize(
    ("kind", "converter"),
    [
        (AioCursor, DefaultTypeConverter),
        (AioDictCursor, DefaultTypeConverter),
        (AioS3FSCursor, DefaultTypeConverter),
        (AioArrowCursor, DefaultArrowTypeConverter),
        (AioPandasCursor, DefaultPandasTypeConverter),
        (AioPolarsCursor, DefaultPolarsTypeConverter),
    ],
)
def test_results_are_decoded_in_another_thread(
    athena: LocalAthena, kind: type[Any], converter: type[Converter]
) -> None:
    """However quickly that is done."""
    asked_in: set[str] = set()

    class Noting(converter):  # type: ignore[misc, valid-type]  # one of four
        @override
        def get_dtype(self, type_: str, precision: int = 0, scale: int = 0) -> Any:
            asked_in.add(threading.current_thread().name)
            return super().get_dtype(type_, precision, scale)

    def integer(text: str) -> int:
        asked_in.add(threading.current_thread().name)
        return int(text)

    noting = Noting()
    noting.set("integer", integer)

    @on_a_loop
    async def program() -> None:
        async with aio_connected(athena, converter=noting) as connection:
            await everything(await connection.cursor(kind).execute("SELECT n, s FROM t"))

    program()
    assert asked_in
    assert all(name.startswith("pyathena-decode") for name in asked_in)


def test_a_callback_that_works_for_long_would_be_noticed() -> None:
    @on_a_loop
    async def program() -> None:
        with pytest.raises(AssertionError, match="Handle"), unblocked():
            await asyncio.sleep(0)
            end = time.thread_time() + 1.2 * LONGEST
            while time.thread_time() < end:
                pass
            await asyncio.sleep(0)

    program()


def test_a_call_that_blocks_would_be_noticed() -> None:
    @on_a_loop
    async def program() -> None:
        with pytest.raises(BlockingError), unblocked():
            time.sleep(0)  # noqa: ASYNC251 - that is the mistake

    program()


@pytest.mark.parametrize("unload", [False, True])
@pytest.mark.parametrize("kind", [AioArrowCursor, AioPandasCursor, AioPolarsCursor])
def test_rows_of_a_table_that_is_read_in_chunks_never_hold_up_the_loop(
    athena: LocalAthena, kind: type[Any], unload: bool
) -> None:
    athena.default = Answer(numbers(0).columns, files=[parquet(ROWS // 2)] * 2) if unload else numbers(ROWS)

    @on_a_loop
    async def program() -> None:
        async with aio_connected(athena) as connection:
            with unblocked():
                cursor = await connection.cursor(kind, unload=unload, chunksize=20_000).execute("SELECT n, s FROM t")
                assert len([row async for row in cursor]) == ROWS

    program()


@on_a_loop
async def test_others_have_their_turn_while_rows_are_fetched_one_by_one(athena: LocalAthena) -> None:
    athena.default = numbers(9000)
    async with aio_connected(athena) as connection, connection.cursor(AioS3FSCursor) as cursor:
        await cursor.execute("SELECT n")
        assert await cursor.fetchone() == (0, "")
        turns: list[int | None] = []

        async def other() -> None:
            while True:
                turns.append(cursor.rownumber)
                await asyncio.sleep(0)

        task = asyncio.create_task(other())
        assert len([row async for row in cursor]) == 8999
        task.cancel()
        await asyncio.wait([task])
    assert {2000, 4000, 6000, 8000}.issubset(turns)


FRESH = """
import asyncio, sys, threading
import pyathena
from pyathena.aio.{module}.cursor import {kind}

noted = []

def note(event, arguments):
    if event == "import" and threading.current_thread() is threading.main_thread():
        noted.append(arguments[0])

async def main():
    connection = await pyathena.aio_connect(
        endpoint_url=sys.argv[1], s3_endpoint_url=sys.argv[2], s3_staging_dir="s3://blocking/"
    )
    async with connection, connection.cursor({kind}) as cursor:
        await cursor.execute("SELECT n, s FROM t")
        await cursor.{method}
        assert len(await cursor.fetchall()) == 3

sys.addaudithook(note)
asyncio.run(main())
print(*noted)
"""


@pytest.mark.parametrize(
    ("module", "kind", "method"),
    [
        ("arrow", "AioArrowCursor", "as_polars()"),
        ("pandas", "AioPandasCursor", "as_pandas()"),
        ("polars", "AioPolarsCursor", "as_arrow()"),
    ],
)
def test_nothing_is_imported_by_the_thread_of_the_loop(
    remote: LocalAthena, moto_endpoint: str, module: str, kind: str, method: str
) -> None:
    remote.default = numbers(3)
    program = FRESH.format(module=module, kind=kind, method=method)
    ended = subprocess.run(
        [sys.executable, "-c", program, remote.endpoint_url, moto_endpoint], capture_output=True, text=True, check=False
    )
    assert ended.stderr == ""
    assert ended.stdout.split() == []
