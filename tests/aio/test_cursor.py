"""Connections and cursors of asyncio: what differs from those of synchronous code."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any

import boto3.session
import pytest
from typing_extensions import override

import pyathena
from pyathena import OperationalError, ProgrammingError
from pyathena.aio.arrow.cursor import AioArrowCursor
from pyathena.aio.connection import AioConnection
from pyathena.aio.cursor import AioCursor, AioDictCursor
from pyathena.aio.polars.cursor import AioPolarsCursor
from pyathena.aio.s3fs.cursor import AioS3FSCursor
from pyathena.filesystem.s3 import AioS3FileSystem
from pyathena.runtime import AsyncioRuntime
from pyathena.testing.athena import Answer, Column, LocalAthena
from tests.queries import aio_connected, asked, in_thread, numbers, on_a_loop, parquet, reach, timed_out
from tests.recording import Recording

ROW_CURSORS: list[type[Any]] = [AioCursor, AioS3FSCursor]
ROWS = [(1, "one"), (2, ""), (3, None)]
HANGS = Answer(hangs=True)


@on_a_loop
async def test_rows_can_be_fetched_in_every_way(athena: LocalAthena) -> None:
    async with aio_connected(athena) as connection, connection.cursor() as cursor:
        assert await cursor.execute("SELECT 1") is cursor
        assert await cursor.fetchall() == ROWS
        await cursor.execute("SELECT 1")
        assert [row async for row in cursor] == ROWS
        await cursor.execute("SELECT 1")
        assert (await cursor.fetchone(), await cursor.fetchmany(1), await cursor.fetchall()) == (
            ROWS[0],
            [ROWS[1]],
            [ROWS[2]],
        )
        assert (await cursor.fetchone(), await cursor.fetchmany(), await cursor.fetchall()) == (None, [], [])
        assert (cursor.rownumber, cursor.rowcount, cursor.state) == (3, -1, "SUCCEEDED")


@on_a_loop
async def test_a_long_result_comes_whole(athena: LocalAthena) -> None:
    athena.default = numbers(20_000, width=100)
    async with aio_connected(athena) as connection:
        for kind in ROW_CURSORS:
            cursor = await connection.cursor(kind).execute("SELECT n")
            assert [row[0] async for row in cursor] == list(range(20_000))


@on_a_loop
async def test_rows_of_a_dict_cursor_are_dictionaries(athena: LocalAthena) -> None:
    async with aio_connected(athena, cursor_class=AioDictCursor) as connection:
        cursor = await connection.cursor().execute("SELECT 1")
        assert await cursor.fetchone() == {"n": 1, "s": "one"}


@on_a_loop
async def test_executemany_runs_a_statement_for_each_of_the_parameters(athena: LocalAthena) -> None:
    athena.default = Answer(update_count=2)
    async with aio_connected(athena) as connection, connection.cursor() as cursor:
        await cursor.executemany("INSERT INTO t SELECT %(n)s", ({"n": n} for n in (1, 2, 3)))
        assert cursor.rowcount == 6
        await cursor.executemany("INSERT INTO t SELECT ?", [[4], [5]], paramstyle="qmark")
    statements = [(execution.statement, *execution.request.parameters) for execution in athena.executions.values()]
    assert statements[-2:] == [("INSERT INTO t SELECT ?", "4"), ("INSERT INTO t SELECT ?", "5")]


@on_a_loop
async def test_metadata_can_be_asked_for(athena: LocalAthena) -> None:
    async with aio_connected(athena) as connection, connection.cursor() as cursor:
        assert [one.name for one in await cursor.list_databases()] == ["default"]
        assert await cursor.list_table_metadata() == []
        with pytest.raises(OperationalError, match="Table t not found"):
            await cursor.get_table_metadata("t")


@on_a_loop
async def test_another_task_can_cancel_a_query(athena: LocalAthena) -> None:
    athena.default = HANGS
    async with aio_connected(athena) as connection, connection.cursor() as cursor:
        task = asyncio.create_task(cursor.execute("SELECT 1"))
        await asked(athena, "GetQueryExecution")
        await cursor.cancel()
        with pytest.raises(OperationalError, match="cancelled"):
            await task


# --- the end -------------------------------------------------------------------------------------


@on_a_loop
async def test_what_was_closed_refuses_everything(athena: LocalAthena) -> None:
    async with aio_connected(athena) as connection:
        cursor = await connection.cursor().execute("SELECT 1")
        await cursor.aclose()
        await cursor.aclose()
        await refuses_everything(cursor, "the cursor was closed")
        at_once = await connection.cursor().execute("SELECT 1")
        at_once.close()
        await refuses_everything(at_once, "the cursor was closed")
        left = await connection.cursor().execute("SELECT 1")
    await refuses_everything(left, "the connection was closed")
    with pytest.raises(ProgrammingError, match="the connection was closed"):
        connection.cursor()
    with pytest.raises(ProgrammingError, match="the connection was closed"):
        async with connection:
            pass
    await connection.aclose()
    connection.close()


async def refuses_everything(cursor: AioCursor, words: str) -> None:
    calls: list[Callable[[], Awaitable[object]]] = [
        lambda: cursor.execute("SELECT 1"),
        lambda: cursor.executemany("SELECT 1", []),
        cursor.fetchone,
        cursor.fetchmany,
        cursor.fetchall,
        cursor.cancel,
        cursor.list_databases,
        cursor.__aenter__,
        cursor.__anext__,
    ]
    for call in calls:
        with pytest.raises(ProgrammingError, match=words):
            await call()


@on_a_loop
async def test_there_is_nothing_to_fetch_before_a_query(athena: LocalAthena) -> None:
    async with aio_connected(athena) as connection:
        for fetch in ("fetchone", "fetchmany", "fetchall", "__anext__"):
            with pytest.raises(ProgrammingError, match=r"call execute\(\) first"):
                await getattr(connection.cursor(), fetch)()


def no_thread_is_left() -> bool:
    """Whether the threads of connections end; a collected pool of threads lets its own go."""
    for _ in range(1000):
        gc.collect()
        if not any(thread.name.startswith(("pyathena-athena", "pyathena-decode")) for thread in threading.enumerate()):
            return True
        time.sleep(0.005)
    return False


def test_no_thread_is_left_when_a_connection_was_closed(athena: LocalAthena) -> None:
    async def program() -> None:
        async with aio_connected(athena) as connection:
            await connection.cursor().execute("SELECT 1")

    asyncio.run(program())
    assert no_thread_is_left()


def test_no_thread_is_left_when_a_query_is_stopped_after_the_connection_was_closed(athena: LocalAthena) -> None:
    """As `asyncio.run` does with tasks that are left."""
    athena.default = HANGS

    async def program() -> None:
        async with aio_connected(athena) as connection:
            task = asyncio.create_task(connection.cursor().execute("SELECT 1"))
            await asked(athena, "GetQueryExecution")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(program())
    assert [execution.state for execution in athena.executions.values()] == ["CANCELLED"]
    assert no_thread_is_left()


def test_a_query_under_way_is_stopped_when_its_connection_is_closed_and_nothing_more_is_asked(
    athena: LocalAthena,
) -> None:
    athena.default = HANGS

    async def program() -> None:
        async with aio_connected(athena, poll_interval=0.01) as connection:
            task = asyncio.create_task(connection.cursor().execute("SELECT 1"))
            await asked(athena, "GetQueryExecution")
        with pytest.raises(ProgrammingError, match="the connection was closed") as caught:
            await asyncio.wait_for(task, 10)
        assert caught.value.query_id in athena.executions
        assert connection.api._by_process == {}

    asyncio.run(program())
    assert [execution.state for execution in athena.executions.values()] == ["CANCELLED"]
    assert no_thread_is_left()


def test_a_connection_serves_one_loop_after_the_other(athena: LocalAthena) -> None:
    connection = AioConnection[AioCursor](**reach(athena))

    async def program() -> list[Any]:
        cursor = await connection.cursor().execute("SELECT 1")
        return await cursor.fetchall()

    assert asyncio.run(program()) == asyncio.run(program()) == ROWS
    asyncio.run(connection.aclose())


# --- how results are read ------------------------------------------------------------------------


class OwnFileSystem(AioS3FileSystem):
    """Somebody's own."""

    @override
    async def open_async(self, path: Any, *args: Any, **kwargs: Any) -> Any:
        vars(self).setdefault("read", []).append(path)
        return await super().open_async(path, *args, **kwargs)


@on_a_loop
async def test_results_are_read_through_a_filesystem_of_ones_own(athena: LocalAthena) -> None:
    async with aio_connected(athena, filesystem_class=OwnFileSystem) as connection:
        cursor = await connection.cursor(AioS3FSCursor).execute("SELECT 1")
        assert await cursor.fetchall() == ROWS
        assert vars(connection.filesystem)["read"] == [cursor.output_location]


@on_a_loop
async def test_results_are_read_by_requests_of_the_running_loop(athena: LocalAthena) -> None:
    asking: set[asyncio.AbstractEventLoop] = set()

    async def note(operation: str) -> None:
        asking.add(asyncio.get_running_loop())

    recording = Recording(athena.transport, before=note)
    async with aio_connected(athena, transport=recording.transport) as connection:
        assert await (await connection.cursor(AioS3FSCursor).execute("SELECT 1")).fetchall() == ROWS
    assert asking == {asyncio.get_running_loop()}


# --- cancelling what comes after the query -------------------------------------------------------


class Gate:
    """Lets requests through, until it is shut; those behind it wait for ever."""

    def __init__(self) -> None:
        self.shut = asyncio.Event()
        self.reached = asyncio.Event()

    async def __call__(self, operation: str) -> None:
        if self.shut.is_set():
            self.reached.set()
            await asyncio.Event().wait()


async def cancelled_at(gate: Gate, step: Any) -> None:
    """Cancel a step when it waits at the gate."""
    gate.shut.set()
    task = asyncio.ensure_future(step)
    await gate.reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    gate.shut.clear()
    gate.reached.clear()


@pytest.mark.parametrize(
    "options", [{}, {"chunksize": 10}, {"unload": True}, {"unload": True, "chunksize": 10}], ids=repr
)
@pytest.mark.parametrize("kind", [AioArrowCursor, AioPolarsCursor])
def test_a_caller_that_is_cancelled_while_the_result_is_opened_leaves_nothing(
    athena: LocalAthena, kind: type[Any], options: dict[str, Any]
) -> None:
    athena.default = Answer(numbers(0).columns, files=[parquet(5), parquet(6)]) if "unload" in options else numbers(500)

    @on_a_loop
    async def program() -> None:
        gate = Gate()
        recording = Recording(athena.transport, before=gate)
        async with aio_connected(athena, transport=recording.transport) as connection:
            cursor = connection.cursor(kind, **options)
            await cancelled_at(gate, cursor.execute("SELECT n, s FROM t"))
            assert recording.in_flight == 0
            await cursor.execute("SELECT n, s FROM u")
            assert len(await cursor.fetchall()) == (11 if "unload" in options else 500)
            await cursor.aclose()
        assert athena.calls("StopQueryExecution") == []

    program()


@on_a_loop
async def test_a_fetch_that_was_cancelled_loses_no_rows(athena: LocalAthena) -> None:
    athena.default = numbers(3000, width=1000)
    gate = Gate()
    recording = Recording(athena.transport, before=gate)
    async with aio_connected(athena, transport=recording.transport) as connection:
        for kind in ROW_CURSORS:
            async with connection.cursor(kind) as cursor:
                await cursor.execute("SELECT n")
                await cancelled_at(gate, cursor.fetchall())
                assert [row[0] for row in await cursor.fetchall()] == list(range(3000))


@on_a_loop
async def test_a_fetch_that_was_cancelled_while_athena_was_asked_for_a_page_loses_no_rows(athena: LocalAthena) -> None:
    athena.default = Answer([Column("n", "integer")], [[str(n)] for n in range(2500)], managed=True)
    async with aio_connected(athena) as connection, connection.cursor() as cursor:
        await cursor.execute("SELECT n")
        athena.hold("GetQueryResults")
        task = asyncio.create_task(cursor.fetchall())
        await in_thread(athena.wait_for_in_flight, "GetQueryResults", 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        athena.release("GetQueryResults")
        assert [row[0] for row in await cursor.fetchall()] == list(range(2500))


class Decoding(AsyncioRuntime):
    """Cancels whoever waits for the first thing that is decoded."""

    def __init__(self) -> None:
        super().__init__(1)
        self.cancelled = 0

    @override
    async def offload(self, function: Any, *args: Any, **kwargs: Any) -> Any:
        if self.cancelled == 0:
            self.cancelled += 1
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
        return await super().offload(function, *args, **kwargs)


@on_a_loop
async def test_a_fetch_that_was_cancelled_while_rows_were_decoded_loses_none(athena: LocalAthena) -> None:
    athena.default = numbers(3000, width=1000)
    async with aio_connected(athena) as connection:
        for kind in ROW_CURSORS:
            connection.decoding = Decoding()
            async with connection.cursor(kind) as cursor:
                await cursor.execute("SELECT n")
                with pytest.raises(asyncio.CancelledError):
                    await asyncio.create_task(cursor.fetchall())
                assert connection.decoding.cancelled == 1
                assert [row[0] for row in await cursor.fetchall()] == list(range(3000))
            connection.decoding.close()


# --- many at a time ------------------------------------------------------------------------------


@on_a_loop
async def test_forty_cursors_wait_for_athena_at_the_same_time(athena: LocalAthena) -> None:
    athena.hold("GetQueryExecution")
    async with aio_connected(athena) as connection:
        tasks = [asyncio.create_task(connection.cursor().execute(f"SELECT {n}")) for n in range(40)]
        await in_thread(athena.wait_for_in_flight, "GetQueryExecution", 40)
        athena.release("GetQueryExecution")
        cursors = await asyncio.gather(*tasks)
        assert await asyncio.gather(*(cursor.fetchall() for cursor in cursors)) == [ROWS] * 40
    assert athena.peak_in_flight == 40


@on_a_loop
async def test_a_connection_is_made_in_a_thread(athena: LocalAthena, monkeypatch: pytest.MonkeyPatch) -> None:
    made_in: list[threading.Thread] = []
    make = boto3.session.Session

    def session(*args: Any, **kwargs: Any) -> Any:
        made_in.append(threading.current_thread())
        return make(*args, **kwargs)

    monkeypatch.setattr(boto3.session, "Session", session)
    connection = await pyathena.aio_connect(**reach(athena, session=None))
    await connection.aclose()
    assert made_in
    assert threading.current_thread() not in made_in


# --- options of the cycle, at the cursor ---------------------------------------------------------


@on_a_loop
async def test_a_time_limit_on_execute_stops_the_query(athena: LocalAthena) -> None:
    athena.default = HANGS
    async with aio_connected(athena) as connection, connection.cursor() as cursor:
        await timed_out(athena, cursor.execute("SELECT 1"))
        assert athena.executions[str(cursor.query_id)].state == "CANCELLED"
        athena.default = numbers(1)
        await cursor.execute("SELECT 1")
        assert await cursor.fetchall() == [(0, "")]


@pytest.mark.parametrize("level", ["connection", "cursor"])
def test_a_query_runs_on_if_that_is_asked_for(athena: LocalAthena, level: str) -> None:
    athena.default = HANGS
    given: dict[str, Any] = {"kill_on_interrupt": False}

    @on_a_loop
    async def program() -> None:
        async with aio_connected(athena, **(given if level == "connection" else {})) as connection:
            cursor = connection.cursor(AioCursor, **(given if level == "cursor" else {}))
            await timed_out(athena, cursor.execute("SELECT 1"))
            assert athena.executions[str(cursor.query_id)].state == "RUNNING"

    program()
    assert athena.calls("StopQueryExecution") == []
