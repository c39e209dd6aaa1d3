"""The life of a query: start, wait for its end, stop. Written once, as coroutines, for both faces."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

from pyathena.athena.api import AthenaApi
from pyathena.athena.retrying import RetryConfig, retried
from pyathena.athena.values import QueryExecution, QueryRequest
from pyathena.errors import DatabaseError, Error, OperationalError
from pyathena.runtime import Runtime

__all__ = ["STOP_SECONDS", "Polling", "QueryCycle", "poll_intervals"]

_LOG = logging.getLogger(__name__)

STOP_SECONDS: Final = 10.0
"""Most seconds that the stopping of a query may take whose caller was cancelled."""

_FIRST_INTERVAL: Final = 0.05
_GROWTH: Final = 1.3
_ENDS: Final = {"FAILED": "failed", "CANCELLED": "was cancelled"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Polling:
    """How a query is waited for.

    Args:
        interval: most seconds between two looks.
        stop_on_interrupt: stop the query when the caller is cancelled or interrupted.
        on_poll: told what each look has found.
    """

    interval: float = 1.0
    stop_on_interrupt: bool = True
    on_poll: Callable[[QueryExecution], object] | None = None


def poll_intervals(longest: float) -> Iterator[float]:
    """Yield how many seconds to wait between two looks: short at first, growing by a third up to ``longest``.

    So a query is found to have ended at most about a third of its own duration late, and a long one is looked after
    once in ``longest`` seconds.
    """
    interval = min(_FIRST_INTERVAL, longest)
    while True:
        yield interval
        interval = min(interval * _GROWTH, longest)


class _Attempt:
    """One attempt to start a query, as a task of its own, which goes on if the caller is cancelled.

    Else a query that was started just then would run on unknown.
    """

    def __init__(self, api: AthenaApi, runtime: Runtime, request: QueryRequest) -> None:
        self._claimed = threading.Lock()
        self.task = runtime.spawn(api.start_query_execution(request, self.claim))

    def claim(self) -> bool:
        """Tell whether this claim is the first: the thread that is about to send makes one, and who withdraws it."""
        return self._claimed.acquire(blocking=False)


class QueryCycle:
    """Runs queries.

    Args:
        api: Athena.
        runtime: where waiting is done.
        retry: when a call is made again.
        stop_seconds: most seconds that the stopping of a query may take whose caller was cancelled.
    """

    def __init__(
        self, api: AthenaApi, runtime: Runtime, retry: RetryConfig, *, stop_seconds: float = STOP_SECONDS
    ) -> None:
        self._api = api
        self._runtime = runtime
        self._retry = retry
        self._stop_seconds = stop_seconds

    async def run(
        self, request: QueryRequest, polling: Polling, on_start: Callable[[str], object] | None = None
    ) -> QueryExecution:
        """Run a query to its end. Whatever is raised in between, by ``on_start`` and ``on_poll`` too, stops it.

        Args:
            request: what to run.
            polling: how to wait for it.
            on_start: told the id of the query as soon as it is known.

        Raises:
            ProgrammingError: Athena refuses the statement, or what it names is not there.
            OperationalError: the query failed or was cancelled, or Athena could not be asked; in the last case it is
                not stopped.
        """
        execution = await self._wait(await self._start(request, polling), polling, on_start)
        if not execution.succeeded:
            reason = execution.state_change_reason or execution.error_message or "Athena gives no reason"
            raise OperationalError(
                f"The query {_ENDS.get(execution.state or '', 'ended')}: {reason}",
                query_id=execution.query_id,
                state=execution.state,
                reason=reason,
                error_category=execution.error_category,
                error_type=execution.error_type,
                retryable=execution.retryable,
            )
        return execution

    async def _start(self, request: QueryRequest, polling: Polling) -> str:
        attempts: list[_Attempt] = []
        unanswered = False

        async def attempt() -> str:
            nonlocal unanswered
            self._api.check_open()
            attempts.append(_Attempt(self._api, self._runtime, request))
            await attempts[-1].task.wait()
            try:
                return await attempts[-1].task
            except DatabaseError as error:
                unanswered = unanswered or bool(error.retryable)
                raise

        try:
            return await retried(attempt, self._retry, self._runtime)
        except DatabaseError as error:
            if unanswered:
                error.add_note("The query may be running: an attempt to start it had no answer.")
            raise
        except Exception:
            raise
        except BaseException:
            if attempts and polling.stop_on_interrupt:
                withdrawal = self._withdraw(request, attempts[-1], unanswered=unanswered)
                await self._shielded(withdrawal, "a query whose start was cancelled")
            elif attempts:
                attempts[-1].task.cancel()
                await attempts[-1].task.wait()
            raise

    async def _withdraw(self, request: QueryRequest, attempt: _Attempt, *, unanswered: bool) -> None:
        """Stop the query that the last attempt to start it may have started, or one before it that was unanswered."""
        claimed = attempt.claim()  # nothing was sent by it, nor will be
        try:
            if not claimed:
                await attempt.task.wait()
        finally:
            attempt.task.cancel()  # if it takes too long
            await attempt.task.wait()
        if claimed and not unanswered:
            return
        try:
            query_id = await attempt.task
        except BaseException as error:
            refused = isinstance(error, DatabaseError) and error.code is not None and not error.retryable
            if refused and not unanswered:
                return
            # Whether it runs is unknown. The same token starts nothing twice, and tells.
            query_id = await retried(partial(self._api.start_query_execution, request), self._retry, self._runtime)
        await self._api.stop_query_execution(query_id, self._retry)

    async def _wait(self, query_id: str, polling: Polling, on_start: Callable[[str], object] | None) -> QueryExecution:
        """Wait for the end of a query, whichever it is."""
        unanswered: DatabaseError | None = None
        try:
            if on_start is not None:
                on_start(query_id)
            for interval in poll_intervals(polling.interval):
                self._api.check_open()
                try:
                    execution = await self._api.get_query_execution(query_id, self._retry)
                except DatabaseError as error:
                    unanswered = error
                    error.add_note("The query may be running on: its state could not be asked for.")
                    raise
                if polling.on_poll is not None:
                    polling.on_poll(execution)
                if execution.ended:
                    return execution
                await self._runtime.sleep(interval)
        except BaseException as error:
            if isinstance(error, DatabaseError):
                error.query_id = query_id
            if polling.stop_on_interrupt and error is not unanswered:
                await self._shielded(self._api.stop_query_execution(query_id, self._retry), f"query {query_id}")
            raise
        raise AssertionError("intervals have no end")

    async def _shielded(self, step: Coroutine[Any, Any, None], what: str) -> None:
        """Take a step in spite of a cancellation, for a bounded time; what goes wrong is logged, not raised."""
        try:
            await self._runtime.shield(step, self._stop_seconds)
        except Exception as error:
            _LOG.warning("Could not stop %s: %s", what, error)
        finally:
            if self._api.closed:  # what was made anew for that
                self._api.close()
                self._runtime.close()

    async def find_cached(self, request: QueryRequest, size: int, seconds: float) -> QueryExecution | None:
        """Return the newest query that has done the same and succeeded, if there is one among the latest.

        What goes wrong is logged, not raised: the query can be run instead.

        Args:
            request: what is to be done. With parameters it is never found: Athena does not tell what a ``?`` stood for.
            size: most queries to look at; 0 for as many as are young enough.
            seconds: most seconds since its end; 0 for any.
        """
        if request.parameters:
            return None
        oldest = datetime.now(UTC) - timedelta(seconds=seconds) if seconds > 0 else None
        try:
            return await self._search(request, size, oldest)
        except Error as error:
            _LOG.warning("Could not look for an earlier result: %s", error)
            return None

    async def _search(self, request: QueryRequest, size: int, oldest: datetime | None) -> QueryExecution | None:
        token: str | None = None
        left = size if size > 0 else None
        while left is None or left > 0:
            page = await self._api.list_query_executions(self._retry, work_group=request.work_group, token=token)
            ids = page.query_ids[:left]
            if not ids:
                return None
            found = await self._api.batch_get_query_execution(ids, self._retry)
            ended = [one for one in found if one.completion_date_time is not None]
            ended.sort(key=lambda one: one.completion_date_time or datetime.min, reverse=True)
            for execution in ended:
                if _is_the_same(execution, request) and (oldest is None or _ended_after(execution, oldest)):
                    return execution
            # A query that began later may have ended earlier, so only a page without young ones is the last.
            if oldest is not None and ended and not any(_ended_after(one, oldest) for one in ended):
                return None
            left = None if left is None else left - len(ids)
            token = page.next_token
            if token is None:
                return None
        return None


def _is_the_same(execution: QueryExecution, request: QueryRequest) -> bool:
    return (
        execution.succeeded
        and execution.statement_type == "DML"
        and not execution.execution_parameters
        and execution.query == request.query
        and _same_name(execution.database, request.database)
        and _same_name(execution.catalog, request.catalog)
    )


def _same_name(one: str | None, other: str | None) -> bool:
    return (one or "").casefold() == (other or "").casefold()


def _ended_after(execution: QueryExecution, moment: datetime) -> bool:
    return execution.completion_date_time is not None and execution.completion_date_time >= moment
