"""The life of a query: started once, waited for, stopped when nobody waits any more."""

from __future__ import annotations

import asyncio
import itertools
import logging
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from typing_extensions import override

import pyathena
from pyathena import OperationalError, ProgrammingError
from pyathena.aio.connection import AioConnection
from pyathena.athena.cycle import Polling, QueryCycle, poll_intervals
from pyathena.athena.retrying import RetryConfig
from pyathena.athena.values import QueryExecution, QueryRequest
from pyathena.connection import Connection
from pyathena.runtime import AsyncioRuntime, drive
from pyathena.testing.athena import Answer, LocalAthena, QueryError
from pyathena.transport import InMemoryTransport
from tests.queries import AT_ONCE, NUMBERS, aio_connected, asked, in_thread, on_a_loop, reach, timed_out

HANGS = Answer(hangs=True)
QUICK = Polling(interval=0.001)


def request(query: str = "SELECT 1", **options: Any) -> QueryRequest:
    return QueryRequest(query=query, output_location="s3://results/", **options)


def cycle(connection: AioConnection[Any] | Connection[Any], **options: Any) -> QueryCycle:
    return QueryCycle(connection.api, connection.runtime, options.pop("retry", AT_ONCE), **options)


def states(athena: LocalAthena) -> list[str]:
    return [execution.state for execution in athena.executions.values()]


@asynccontextmanager
async def cancelled_after(step: Coroutine[Any, Any, Any]) -> AsyncIterator[None]:
    """Begin a step, run the block, cancel the step, and see that it ends with the cancellation."""
    task = asyncio.create_task(step)
    try:
        yield
    finally:
        task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


# --- to the end ----------------------------------------------------------------------------------


def test_looks_follow_each_other_more_and_more_slowly_up_to_the_interval() -> None:
    intervals = list(itertools.islice(poll_intervals(1.0), 40))
    assert intervals[0] == 0.05
    assert intervals[-1] == 1.0
    growth = [later / earlier for earlier, later in itertools.pairwise(intervals)]
    assert all(1 <= factor < 1.301 for factor in growth)
    # A query is found to have ended at most so late, compared to how long it ran.
    assert all(interval < 0.301 * sum(intervals[:n]) + 0.051 for n, interval in enumerate(intervals))


def test_an_interval_below_the_first_one_is_kept() -> None:
    assert list(itertools.islice(poll_intervals(0.01), 3)) == [0.01] * 3


class Clock(AsyncioRuntime):
    """Waits no longer than the loop takes for a turn, and notes how long it should have been."""

    def __init__(self) -> None:
        super().__init__(1)
        self.waited: list[float] = []

    @override
    async def sleep(self, seconds: float) -> None:
        self.waited.append(seconds)
        await asyncio.sleep(0)


@on_a_loop
async def test_a_query_is_looked_at_until_it_has_ended_and_each_look_is_told(athena: LocalAthena) -> None:
    athena.default = Answer(states=["QUEUED", "RUNNING", "RUNNING"])
    told: list[str | None] = []
    clock = Clock()
    async with aio_connected(athena) as connection:
        execution = await QueryCycle(connection.api, clock, AT_ONCE).run(
            request(), Polling(on_poll=lambda execution: told.append(execution.state))
        )
    assert execution.succeeded
    assert told == ["QUEUED", "RUNNING", "RUNNING", "SUCCEEDED"]
    assert clock.waited == list(itertools.islice(poll_intervals(1.0), 3))


@on_a_loop
async def test_a_start_whose_answer_was_lost_runs_once(athena: LocalAthena) -> None:
    athena.lose_answer("StartQueryExecution", times=2)
    async with aio_connected(athena) as connection:
        await cycle(connection).run(request(), QUICK)
    (execution,) = athena.executions.values()
    tokens = {start["ClientRequestToken"] for start in athena.calls("StartQueryExecution")}
    assert (len(athena.calls("StartQueryExecution")), len(tokens), execution.starts) == (3, 1, 3)


@on_a_loop
async def test_the_same_statement_twice_are_two_queries(athena: LocalAthena) -> None:
    async with aio_connected(athena) as connection:
        await cycle(connection).run(request(), QUICK)
        await cycle(connection).run(request(), QUICK)
    assert len(athena.executions) == 2


@on_a_loop
async def test_a_failed_query_raises_all_that_athena_tells(athena: LocalAthena) -> None:
    athena.default = Answer(error=QueryError("TABLE_NOT_FOUND: t", category=2, type=1301, retryable=True))
    async with aio_connected(athena) as connection:
        with pytest.raises(OperationalError, match="The query failed: TABLE_NOT_FOUND: t") as caught:
            await cycle(connection).run(request(), QUICK)
    error = caught.value
    assert (error.state, error.reason) == ("FAILED", "TABLE_NOT_FOUND: t")
    assert (error.error_category, error.error_type, error.retryable) == (2, 1301, True)
    assert [error.query_id] == list(athena.executions)
    assert str(error).endswith(f"(query {error.query_id})")
    assert athena.calls("StopQueryExecution") == []


@on_a_loop
async def test_a_query_that_somebody_cancels_raises(athena: LocalAthena) -> None:
    athena.default = HANGS
    async with aio_connected(athena) as connection:

        def stop(execution: QueryExecution) -> None:
            if execution.state == "RUNNING":
                athena.executions[execution.query_id].stop()

        with pytest.raises(OperationalError, match="The query was cancelled: Query cancelled by user") as caught:
            await cycle(connection).run(request(), Polling(interval=0.001, on_poll=stop))
    assert caught.value.state == "CANCELLED"


@on_a_loop
async def test_a_query_that_cannot_be_asked_for_is_left_alone_and_named(athena: LocalAthena) -> None:
    athena.default = HANGS
    athena.fail("GetQueryExecution", "AccessDeniedException", "not you")
    async with aio_connected(athena) as connection:
        with pytest.raises(OperationalError, match="not you") as caught:
            await cycle(connection).run(request(), QUICK)
    assert [caught.value.query_id] == list(athena.executions)
    assert caught.value.__notes__ == ["The query may be running on: its state could not be asked for."]
    assert athena.calls("StopQueryExecution") == []


# --- nobody waits any more -----------------------------------------------------------------------


@on_a_loop
async def test_a_query_is_stopped_when_its_caller_is_cancelled_while_it_is_looked_at(athena: LocalAthena) -> None:
    athena.default = HANGS
    athena.hold("GetQueryExecution")
    async with aio_connected(athena) as connection:
        async with cancelled_after(cycle(connection).run(request(), QUICK)):
            await in_thread(athena.wait_for_in_flight, "GetQueryExecution", 1)
        assert states(athena) == ["CANCELLED"]
        athena.release("GetQueryExecution")


@on_a_loop
async def test_a_query_is_stopped_when_its_caller_is_cancelled_between_two_looks(athena: LocalAthena) -> None:
    athena.default = HANGS
    looked = asyncio.Event()
    polling = Polling(interval=60, on_poll=lambda _: looked.set())
    async with aio_connected(athena) as connection:
        async with cancelled_after(cycle(connection).run(request(), polling)):
            await looked.wait()
        assert states(athena) == ["CANCELLED"]


@on_a_loop
async def test_a_query_is_stopped_when_its_caller_is_cancelled_while_it_is_throttled(athena: LocalAthena) -> None:
    athena.default = HANGS
    athena.throttle("GetQueryExecution", times=100)
    slowly = RetryConfig(multiplier=1e6, max_delay=1e6)
    async with aio_connected(athena) as connection:
        async with cancelled_after(cycle(connection, retry=slowly).run(request(), QUICK)):
            await asked(athena, "GetQueryExecution")
            await asyncio.sleep(0.01)
        assert states(athena) == ["CANCELLED"]


@on_a_loop
async def test_a_query_whose_start_is_under_way_is_stopped_when_it_has_begun(athena: LocalAthena) -> None:
    athena.default = HANGS
    athena.hold("StartQueryExecution")
    async with aio_connected(athena) as connection:
        task = asyncio.create_task(cycle(connection).run(request(), QUICK))
        await in_thread(athena.wait_for_in_flight, "StartQueryExecution", 1)
        task.cancel()
        await asyncio.sleep(0.01)
        assert not task.done()
        athena.release("StartQueryExecution")
        with pytest.raises(asyncio.CancelledError):
            await task
    assert states(athena) == ["CANCELLED"]
    assert len(athena.calls("StartQueryExecution")) == 1


@on_a_loop
async def test_a_query_is_stopped_whose_start_was_cancelled_and_whose_id_was_lost(athena: LocalAthena) -> None:
    athena.default = HANGS
    athena.lose_answer("StartQueryExecution", times=2)
    athena.hold("StartQueryExecution")
    async with aio_connected(athena) as connection, cancelled_after(cycle(connection).run(request(), QUICK)):
        await in_thread(athena.wait_for_in_flight, "StartQueryExecution", 1)
        asyncio.get_running_loop().call_later(0.01, athena.release, "StartQueryExecution")
    assert states(athena) == ["CANCELLED"]
    assert [execution.starts for execution in athena.executions.values()] == [3]


@on_a_loop
async def test_a_query_is_stopped_whose_start_failed_in_athena_when_its_caller_was_cancelled(
    athena: LocalAthena,
) -> None:
    """Of an answer 500 nobody knows whether the query runs."""
    athena.default = HANGS
    athena.fail("StartQueryExecution", "InternalServerException", "oh", status=500)
    athena.hold("StartQueryExecution")
    async with aio_connected(athena) as connection, cancelled_after(cycle(connection).run(request(), QUICK)):
        await in_thread(athena.wait_for_in_flight, "StartQueryExecution", 1)
        asyncio.get_running_loop().call_later(0.01, athena.release, "StartQueryExecution")
    assert states(athena) == ["CANCELLED"]


@on_a_loop
async def test_a_query_that_athena_refused_is_not_started_to_be_stopped(athena: LocalAthena) -> None:
    athena.throttle("StartQueryExecution", times=100)
    refused = RetryConfig(multiplier=1e6, max_delay=1e6)
    async with (
        aio_connected(athena) as connection,
        cancelled_after(cycle(connection, retry=refused).run(request(), QUICK)),
    ):
        await asked(athena, "StartQueryExecution")
        await asyncio.sleep(0.01)
    assert [operation for operation, _ in athena.requests] == ["StartQueryExecution"]


class Pausing(AsyncioRuntime):
    """Sleeps once for no time, and then for ever."""

    def __init__(self) -> None:
        super().__init__(4)
        self.pauses = 0

    @override
    async def sleep(self, seconds: float) -> None:
        self.pauses += 1
        if self.pauses > 1:
            await asyncio.Event().wait()


@on_a_loop
async def test_a_query_is_stopped_whose_first_start_was_not_answered_and_whose_second_was_refused(
    athena: LocalAthena,
) -> None:
    athena.default = HANGS
    athena.lose_answer("StartQueryExecution")
    athena.throttle("StartQueryExecution")
    async with (
        aio_connected(athena) as connection,
        cancelled_after(QueryCycle(connection.api, Pausing(), AT_ONCE).run(request(), QUICK)),
    ):
        await asked(athena, "StartQueryExecution", 2)
        await asyncio.sleep(0.05)
    assert states(athena) == ["CANCELLED"]


@pytest.mark.parametrize("unanswered", [False, True])
def test_an_error_says_that_a_query_may_run_whose_first_start_was_not_answered(
    athena: LocalAthena, connection: Connection[Any], *, unanswered: bool
) -> None:
    if unanswered:
        athena.lose_answer("StartQueryExecution")
    athena.throttle("StartQueryExecution", times=100)
    with pytest.raises(OperationalError, match="Rate exceeded") as caught:
        drive(cycle(connection).run(request(), QUICK))
    assert any("may be running" in note for note in caught.value.__notes__) == unanswered


@on_a_loop
async def test_a_query_that_waits_for_a_thread_is_never_started_when_its_caller_is_cancelled(
    athena: LocalAthena,
) -> None:
    athena.hold("StartQueryExecution")
    async with aio_connected(athena, max_concurrency=1) as connection:
        first = asyncio.create_task(cycle(connection).run(request("SELECT 'first'"), QUICK))
        await in_thread(athena.wait_for_in_flight, "StartQueryExecution", 1)
        async with cancelled_after(cycle(connection).run(request("SELECT 'second'"), QUICK)):
            await asyncio.sleep(0.01)
        athena.release("StartQueryExecution")
        await first
    assert [execution.statement for execution in athena.executions.values()] == ["SELECT 'first'"]


@on_a_loop
async def test_a_time_limit_stops_the_query_and_is_not_lost(athena: LocalAthena) -> None:
    athena.default = HANGS
    async with aio_connected(athena) as connection:
        await timed_out(athena, cycle(connection).run(request(), QUICK))
    assert states(athena) == ["CANCELLED"]


@on_a_loop
async def test_a_time_limit_that_comes_while_the_query_is_being_stopped_is_not_lost(athena: LocalAthena) -> None:
    athena.default = HANGS
    athena.hold("StopQueryExecution")
    async with aio_connected(athena) as connection:

        async def limited() -> None:
            async with asyncio.timeout(3600) as limit:
                limits.append(limit)
                await cycle(connection).run(request(), QUICK)

        limits: list[asyncio.Timeout] = []
        task = asyncio.create_task(limited())
        await asked(athena, "GetQueryExecution")
        limits[0].reschedule(0)
        await in_thread(athena.wait_for_in_flight, "StopQueryExecution", 1)
        task.cancel()
        await asyncio.sleep(0.01)
        assert not task.done()
        athena.release("StopQueryExecution")
        with pytest.raises(asyncio.CancelledError):
            await task
    assert states(athena) == ["CANCELLED"]


@on_a_loop
async def test_a_stop_that_hangs_is_given_up_and_logged(athena: LocalAthena, caplog: pytest.LogCaptureFixture) -> None:
    athena.default = HANGS
    athena.hold("StopQueryExecution")
    async with aio_connected(athena) as connection:
        async with cancelled_after(cycle(connection, stop_seconds=0.02).run(request(), QUICK)):
            await asked(athena, "GetQueryExecution")
        assert states(athena) == ["RUNNING"]
        athena.release("StopQueryExecution")
    (record,) = caplog.records
    assert record.getMessage() == f"Could not stop query {next(iter(athena.executions))}: not done within 0.02 seconds"


@on_a_loop
async def test_a_start_that_hangs_is_given_up_and_logged(athena: LocalAthena, caplog: pytest.LogCaptureFixture) -> None:
    athena.hold("StartQueryExecution")
    async with aio_connected(athena) as connection:
        async with cancelled_after(cycle(connection, stop_seconds=0.02).run(request(), QUICK)):
            await in_thread(athena.wait_for_in_flight, "StartQueryExecution", 1)
        athena.release("StartQueryExecution")
    assert [record.getMessage() for record in caplog.records] == [
        "Could not stop a query whose start was cancelled: not done within 0.02 seconds"
    ]


@on_a_loop
async def test_a_stop_that_is_refused_is_logged_and_the_cancellation_goes_on(
    athena: LocalAthena, caplog: pytest.LogCaptureFixture
) -> None:
    athena.default = HANGS
    athena.fail("StopQueryExecution", "AccessDeniedException", "not you")
    async with aio_connected(athena) as connection, cancelled_after(cycle(connection).run(request(), QUICK)):
        await asked(athena, "GetQueryExecution")
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "not you" in record.getMessage()


@on_a_loop
async def test_a_stop_that_is_throttled_is_repeated(athena: LocalAthena) -> None:
    athena.default = HANGS
    athena.throttle("StopQueryExecution", times=3)
    async with aio_connected(athena) as connection, cancelled_after(cycle(connection).run(request(), QUICK)):
        await asked(athena, "GetQueryExecution")
    assert states(athena) == ["CANCELLED"]


@on_a_loop
async def test_a_query_that_is_to_survive_its_caller_runs_on(athena: LocalAthena) -> None:
    athena.default = HANGS
    async with aio_connected(athena) as connection:
        async with cancelled_after(cycle(connection).run(request(), Polling(interval=0.001, stop_on_interrupt=False))):
            await asked(athena, "GetQueryExecution")
        athena.hold("StartQueryExecution")
        async with cancelled_after(cycle(connection).run(request(), Polling(stop_on_interrupt=False))):
            await in_thread(athena.wait_for_in_flight, "StartQueryExecution", 1)
        athena.release("StartQueryExecution")
    assert states(athena)[0] == "RUNNING"
    assert athena.calls("StopQueryExecution") == []


@pytest.mark.parametrize("where", ["on_start", "on_poll"])
@pytest.mark.parametrize("error", [ValueError("mine"), ProgrammingError("mine"), KeyboardInterrupt("mine")], ids=repr)
def test_a_callback_that_raises_stops_the_query(
    athena: LocalAthena, connection: Connection[Any], where: str, error: BaseException
) -> None:
    athena.default = HANGS

    def fails(_: object) -> None:
        raise error

    def ignores(_: object) -> None:
        pass

    on_start, on_poll = (fails, ignores) if where == "on_start" else (ignores, fails)
    with pytest.raises(type(error), match="mine") as caught:
        drive(cycle(connection).run(request(), Polling(on_poll=on_poll), on_start))
    assert caught.value is error
    assert states(athena) == ["CANCELLED"]
    assert not hasattr(error, "__notes__")


# --- without an event loop -----------------------------------------------------------------------


def test_a_stop_that_is_throttled_is_given_up_in_time_without_a_loop(
    athena: LocalAthena, connection: Connection[Any], caplog: pytest.LogCaptureFixture
) -> None:
    athena.default = HANGS
    athena.throttle("StopQueryExecution", times=10)
    slowly = RetryConfig(multiplier=1e6, max_delay=1e6)

    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        drive(cycle(connection, retry=slowly, stop_seconds=0.02).run(request(), Polling(on_poll=interrupt)))
    assert len(athena.calls("StopQueryExecution")) == 1
    assert "there is no time left" in caplog.text


CTRL_C = """
import sys
import pyathena

with pyathena.connect(endpoint_url=sys.argv[1], s3_staging_dir="s3://results/", poll_interval=0.01) as connection:
    cursor = connection.cursor(on_start_query_execution=lambda _: print("started", flush=True))
    try:
        cursor.execute("SELECT 1")
    except KeyboardInterrupt:
        print("interrupted", flush=True)
"""


@pytest.fixture
def interrupted(athena: LocalAthena) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    """Begin a program that queries; Ctrl-C is for the test to press."""
    programs: list[subprocess.Popen[str]] = []

    def begin() -> subprocess.Popen[str]:
        program = subprocess.Popen(
            [sys.executable, "-c", CTRL_C, athena.endpoint_url], stdout=subprocess.PIPE, text=True
        )
        programs.append(program)
        return program

    yield begin
    for program in programs:
        program.kill()
        program.communicate()


def test_ctrl_c_while_a_query_runs_stops_it(
    athena: LocalAthena, interrupted: Callable[[], subprocess.Popen[str]]
) -> None:
    athena.default = HANGS
    program = interrupted()
    assert program.stdout is not None
    assert program.stdout.readline() == "started\n"
    program.send_signal(signal.SIGINT)
    assert program.communicate(timeout=20)[0] == "interrupted\n"
    assert program.returncode == 0
    assert states(athena) == ["CANCELLED"]


def test_ctrl_c_while_a_query_is_started_stops_it(
    athena: LocalAthena, interrupted: Callable[[], subprocess.Popen[str]]
) -> None:
    athena.default = HANGS
    athena.hold("StartQueryExecution")
    program = interrupted()
    athena.wait_for_in_flight("StartQueryExecution", 1)
    program.send_signal(signal.SIGINT)
    threading.Timer(0.1, athena.release, ["StartQueryExecution"]).start()
    assert program.communicate(timeout=20)[0] == "interrupted\n"
    assert states(athena) == ["CANCELLED"]


# --- many at a time ------------------------------------------------------------------------------


@on_a_loop
async def test_forty_queries_at_once_are_forty_calls_in_flight(athena: LocalAthena) -> None:
    athena.hold("StartQueryExecution")
    async with aio_connected(athena) as connection:
        queries = [asyncio.create_task(cycle(connection).run(request(f"SELECT {n}"), QUICK)) for n in range(40)]
        await in_thread(athena.wait_for_in_flight, "StartQueryExecution", 40)
        athena.release("StartQueryExecution")
        assert all(execution.succeeded for execution in await asyncio.gather(*queries))
    assert athena.peak_in_flight == 40


@on_a_loop
async def test_no_more_calls_are_in_flight_than_is_said(athena: LocalAthena) -> None:
    athena.hold("StartQueryExecution")
    async with aio_connected(athena, max_concurrency=3) as connection:
        queries = [asyncio.create_task(cycle(connection).run(request(f"SELECT {n}"), QUICK)) for n in range(12)]
        await in_thread(athena.wait_for_in_flight, "StartQueryExecution", 3)
        athena.release("StartQueryExecution")
        await asyncio.gather(*queries)
    assert athena.peak_in_flight == 3


@on_a_loop
async def test_a_throttled_query_holds_no_thread_while_it_pauses(athena: LocalAthena) -> None:
    athena.throttle("StartQueryExecution")
    slowly = RetryConfig(multiplier=1e6, max_delay=1e6)
    async with (
        aio_connected(athena, max_concurrency=1) as connection,
        cancelled_after(cycle(connection, retry=slowly).run(request("SELECT 'throttled'"), QUICK)),
    ):
        await asked(athena, "StartQueryExecution")
        await cycle(connection).run(request("SELECT 'other'"), QUICK)
    assert [execution.statement for execution in athena.executions.values()] == ["SELECT 'other'"]


# --- results of earlier queries ------------------------------------------------------------------


class Calendar:
    """Tells the local Athena the time that a test sets."""

    def __init__(self) -> None:
        self.ago = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) - self.ago


@pytest.fixture
def calendar() -> Calendar:
    return Calendar()


@pytest.fixture
def dated(calendar: Calendar) -> Iterator[LocalAthena]:
    """A local Athena of that time."""
    with LocalAthena(InMemoryTransport(buckets=["results"]), default=NUMBERS, clock=calendar) as athena:
        yield athena


def found(connection: Connection[Any], size: int, seconds: float = 0, **options: Any) -> str | None:
    execution = drive(cycle(connection).find_cached(request(**options), size, seconds))
    return None if execution is None else execution.query_id


def ran(connection: Connection[Any], query: str = "SELECT 1", **options: Any) -> str:
    return drive(cycle(connection).run(request(query, **options), QUICK)).query_id


def test_the_newest_query_that_did_the_same_is_found(connection: Connection[Any]) -> None:
    ran(connection)
    newest = ran(connection)
    ran(connection, "SELECT 2")
    assert found(connection, 10) == newest


def test_no_more_queries_are_looked_at_than_is_said(athena: LocalAthena, connection: Connection[Any]) -> None:
    wanted = ran(connection)
    for _ in range(60):
        ran(connection, "SELECT 2")
    assert found(connection, 60) is None
    assert [len(call["QueryExecutionIds"]) for call in athena.calls("BatchGetQueryExecution")] == [50, 10]
    assert found(connection, 61) == wanted


def test_a_query_with_parameters_is_neither_looked_for_nor_found(
    athena: LocalAthena, connection: Connection[Any]
) -> None:
    ran(connection, "SELECT ?", parameters=("1",))
    assert found(connection, 10, query="SELECT ?", parameters=("1",)) is None
    assert athena.calls("ListQueryExecutions") == []
    assert found(connection, 10, query="SELECT ?") is None


def test_a_query_of_another_database_or_catalog_is_not_the_same(connection: Connection[Any]) -> None:
    wanted = ran(connection, database="Sales", catalog="AwsDataCatalog")
    assert found(connection, 10, database="other", catalog="AwsDataCatalog") is None
    assert found(connection, 10, database="Sales", catalog="other") is None
    assert found(connection, 10, database="sales", catalog="awsdatacatalog") == wanted


def test_what_failed_or_is_no_query_is_not_found(athena: LocalAthena, connection: Connection[Any]) -> None:
    athena.answer("SELECT 1", Answer(error=QueryError("no")))
    with pytest.raises(OperationalError):
        ran(connection)
    ran(connection, "SHOW TABLES")
    assert found(connection, 10) is None
    assert found(connection, 10, query="SHOW TABLES") is None


def test_only_queries_that_ended_lately_are_found(dated: LocalAthena, calendar: Calendar) -> None:
    calendar.ago = timedelta(seconds=100)
    with pyathena.connect(**reach(dated)) as connection:
        wanted = ran(connection)
        assert found(connection, 0, 50) is None
        assert found(connection, 0, 150) == wanted


def test_the_search_ends_where_all_queries_are_too_old(dated: LocalAthena, calendar: Calendar) -> None:
    calendar.ago = timedelta(seconds=100)
    with pyathena.connect(**reach(dated)) as connection:
        for _ in range(60):
            ran(connection)
        assert found(connection, 0, 50) is None
    assert len(dated.calls("ListQueryExecutions")) == 1


def test_a_search_that_fails_is_logged_and_finds_nothing(
    athena: LocalAthena, connection: Connection[Any], caplog: pytest.LogCaptureFixture
) -> None:
    ran(connection)
    athena.fail("BatchGetQueryExecution", "AccessDeniedException", "not you")
    assert found(connection, 10) is None
    assert "not you" in caplog.text
