"""A local Athena for tests: a small HTTP server that answers as a test tells it to.

It runs no SQL. A test says which statement is answered with which rows; what the clients of Athena then see is what
Athena shows them: states, pages of results, result objects and manifests in S3, failures and throttling. Any client
that takes an endpoint can use it (boto3, an SDK of another language …), in any thread or event loop.

Results are written through an `S3Transport`. With `InMemoryTransport` no S3 server is needed::

    import boto3, pytest
    from pyathena.filesystem.s3 import AioS3FileSystem
    from pyathena.testing.athena import Answer, Column, LocalAthena
    from pyathena.transport import InMemoryTransport

    @pytest.fixture
    def athena():
        with LocalAthena(InMemoryTransport(buckets=["results"])) as athena:
            yield athena

    def test_counts_the_orders(athena):
        athena.answer("SELECT count(*) AS n FROM orders", Answer([Column("n", "bigint")], [["42"]]))
        client = boto3.client(
            "athena", endpoint_url=athena.endpoint_url, region_name="us-east-1",
            aws_access_key_id="any", aws_secret_access_key="any",
        )
        query = client.start_query_execution(
            QueryString="SELECT count(*) AS n FROM orders",
            ResultConfiguration={"OutputLocation": "s3://results/"},
        )["QueryExecutionId"]
        assert athena.executions[query].state == "SUCCEEDED"
        assert AioS3FileSystem(transport=athena.transport).cat(f"results/{query}.csv") == b'"n"\\n"42"\\n'
        client.close()

A test also says what goes wrong, and proves what happens at the same time without a look at the clock::

    athena.throttle("StartQueryExecution", times=2)          # or fail(…), lose_answer(…)
    athena.queue.append(Answer(states=["QUEUED", "RUNNING"], error=QueryError("TABLE_NOT_FOUND: …")))
    athena.queue.append(Answer(hangs=True))                  # until it is stopped, or athena.finish(query_id)
    athena.hold("StartQueryExecution")
    …                                                        # begin 40 queries
    athena.wait_for_in_flight("StartQueryExecution", 40)     # in a coroutine: await asyncio.to_thread(…)
    athena.release("StartQueryExecution")

This module needs neither boto3 nor pytest.
"""

from __future__ import annotations

import re
import threading
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType, TracebackType
from typing import Final, Self

from typing_extensions import override

from pyathena.testing import _athena_catalog as catalogs
from pyathena.testing._athena_catalog import Catalog, page_of
from pyathena.testing._athena_executions import ENGINE, Execution, World
from pyathena.testing._athena_http import AthenaError, Payload, Server, refused
from pyathena.testing._athena_traffic import Traffic
from pyathena.testing._athena_values import (
    Answer,
    AnswerSource,
    Column,
    QueryError,
    QueryRequest,
    Table,
    WorkGroup,
)
from pyathena.transport import S3Transport

__all__ = [
    "Answer",
    "Column",
    "Execution",
    "LocalAthena",
    "QueryError",
    "QueryRequest",
    "Table",
    "WorkGroup",
]

_MAX_STATEMENT: Final = 262_144
_MAX_BATCH: Final = 50
_DEFAULT_REUSE_MINUTES: Final = 60


def _utc_now() -> datetime:
    return datetime.now(UTC)


class LocalAthena(Traffic):
    """An Athena on a free port of 127.0.0.1, while its ``with`` block runs. May be used from any thread.

    Args:
        transport: where results are written. One that never suspends: `InMemoryTransport`, `BlockingBoto3Transport`.
        default: the answer where no other one was given. Without it such a query fails, and says so.
        clock: tells the time, with a time zone; decides how old a result is that may be reused.

    Attributes:
        queue: answers for the statements that `answer` knows nothing of, in the order in which these come.
        default: see above.
        work_groups: by name; ``primary`` is there, without an output location.
        catalog: tables by catalog, database and name; ``AwsDataCatalog`` with an empty ``default`` is there.
        transport: see above.

    What it does not do as Athena does:

    * A result that cannot be written makes the query fail; Athena refuses a missing bucket when a query is started.
    * A query whose answer names no ``states`` has ended when StartQueryExecution answers.
    * Looking at an execution (GetQueryExecution, BatchGetQueryExecution) is what moves it from state to state.
    * Of the SQL it understands what kind of statement it is, the ``TO`` of an UNLOAD, and how many parameters it takes.
    * The ``.metadata`` objects are JSON; a manifest is written for UNLOAD only.
    """

    def __init__(
        self,
        transport: S3Transport,
        *,
        default: AnswerSource | None = None,
        clock: Callable[[], datetime] = _utc_now,
    ) -> None:
        self._serving: Final[dict[str, Callable[[Payload], Payload]]] = {
            "BatchGetQueryExecution": self._batch_get_query_execution,
            "GetDatabase": lambda payload: catalogs.get_database(self.catalog, payload),
            "GetQueryExecution": lambda payload: {"QueryExecution": self._asked_for(payload).look()},
            "GetQueryResults": self._get_query_results,
            "GetQueryRuntimeStatistics": lambda payload: {
                "QueryRuntimeStatistics": self._asked_for(payload).runtime_statistics()
            },
            "GetTableMetadata": lambda payload: catalogs.get_table(self.catalog, payload),
            "GetWorkGroup": self._get_work_group,
            "ListDataCatalogs": lambda payload: catalogs.list_catalogs(self.catalog, payload),
            "ListDatabases": lambda payload: catalogs.list_databases(self.catalog, payload),
            "ListQueryExecutions": self._list_query_executions,
            "ListTableMetadata": lambda payload: catalogs.list_tables(self.catalog, payload),
            "StartQueryExecution": self._start_query_execution,
            "StopQueryExecution": self._stop_query_execution,
        }
        super().__init__(self._serving.keys())
        self.transport = transport
        self.default = default
        self.queue: deque[AnswerSource] = deque()
        self.work_groups: dict[str, WorkGroup] = {"primary": WorkGroup()}
        self.catalog: Catalog = {"AwsDataCatalog": {"default": {}}}
        self._world = World(transport, clock)
        self._lock = threading.RLock()
        self._answers: list[tuple[str | re.Pattern[str], AnswerSource]] = []
        self._executions: dict[str, Execution] = {}
        self._tokens: dict[str, tuple[Payload, Execution]] = {}
        self._server: Server | None = None

    @override
    def __repr__(self) -> str:
        where = "not serving" if self._server is None else self.endpoint_url
        return f"<LocalAthena {where}: {len(self._executions)} queries, {len(self._requests)} requests>"

    def __enter__(self) -> Self:
        if self._server is not None:
            raise RuntimeError("this LocalAthena is serving already")
        self._begin()
        self._server = Server(self._serve)
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close all connections, those on `hold` without an answer, and wait until every thread has ended."""
        if self._server is not None:
            self._end()
            self._server.stop()
            self._server = None

    @property
    def endpoint_url(self) -> str:
        """The URL for clients.

        Raises:
            RuntimeError: outside of the ``with`` block.
        """
        if self._server is None:
            raise RuntimeError(
                "LocalAthena has an endpoint in its block only: with LocalAthena(transport) as athena: …"
            )
        return f"http://127.0.0.1:{self._server.server_port}"

    # What a test tells

    def answer(self, statement: str | re.Pattern[str], answer: AnswerSource) -> None:
        """Answer a statement so, as often as it comes. What was told last comes first.

        Args:
            statement: the whole SQL, but for white space around it; or a compiled pattern that is searched in it.
            answer: the answer, or a function that makes it of a `QueryRequest`. It is called by one thread at a time.
        """
        with self._lock:
            self._answers.insert(0, (statement, answer))

    def finish(self, query_id: str) -> None:
        """End a query that hangs, or has further states ahead, with its answer. Nothing happens if it has ended.

        Raises:
            KeyError: there is no such query.
        """
        self._executions[query_id].finish()

    @property
    def executions(self) -> Mapping[str, Execution]:
        """All queries by id, in the order in which they were started; a view, which shows later ones too."""
        return MappingProxyType(self._executions)

    # What it answers

    def _serve(self, operation: str, payload: Payload) -> Payload:
        with self._passing(operation, payload):
            serve = self._serving.get(operation)
            if serve is None:
                known = ", ".join(self._serving)
                raise AthenaError(
                    "UnknownOperationException", f"LocalAthena has no operation {operation!r}; it has {known}"
                )
            return serve(payload)

    def _source(self, request: QueryRequest) -> tuple[AnswerSource, bool]:
        """Find who answers, and tell whether that is the head of the queue."""
        for wanted, source in self._answers:
            if (
                wanted.strip() == request.statement.strip()
                if isinstance(wanted, str)
                else wanted.search(request.statement)
            ):
                return source, False
        if self.queue:
            return self.queue[0], True
        if self.default is not None:
            return self.default, False
        missing = (
            f"LocalAthena was given no answer for {request.statement!r}: "
            "use athena.answer(statement, …), athena.queue.append(…) or athena.default"
        )
        return Answer(error=QueryError(missing)), False

    def _work_group(self, name: str) -> WorkGroup:
        try:
            return self.work_groups[name]
        except KeyError:
            raise refused(f"WorkGroup {name} is not found.") from None

    def _execution(self, query_id: object) -> Execution:
        try:
            return self._executions[str(query_id)]
        except KeyError:
            raise refused(f"QueryExecution {query_id} was not found") from None

    def _asked_for(self, payload: Payload) -> Execution:
        return self._execution(payload.get("QueryExecutionId"))

    def _start_query_execution(self, payload: Payload) -> Payload:
        """https://docs.aws.amazon.com/athena/latest/APIReference/API_StartQueryExecution.html"""
        if not 1 <= len(payload.get("QueryString", "")) <= _MAX_STATEMENT:
            raise refused(f"QueryString has 1 to {_MAX_STATEMENT} characters")
        token = payload.get("ClientRequestToken")
        if token is not None and not 32 <= len(token) <= 128:
            raise refused(f"ClientRequestToken has 32 to 128 characters, got {len(token)}")
        with self._lock:
            if token in self._tokens:
                first, execution = self._tokens[token]
                if first != payload:
                    raise refused("Idempotent parameters do not match")
                execution.starts += 1
                return {"QueryExecutionId": execution.id}
            execution = self._accepted(payload)
            self._executions[execution.id] = execution
            if token is not None:
                self._tokens[token] = payload, execution
        execution.begin()
        return {"QueryExecutionId": execution.id}

    def _accepted(self, payload: Payload) -> Execution:
        """Make the execution of a request, or refuse it; a refused one takes no answer from the queue."""
        name = payload.get("WorkGroup") or "primary"
        group = self._work_group(name)
        configuration = payload.get("ResultConfiguration", {})
        if group.managed and "OutputLocation" in configuration:
            raise refused(f"WorkGroup {name} keeps results itself: OutputLocation cannot be given.")
        if group.enforce:
            configuration = {}
        location = configuration.get("OutputLocation") or group.output_location
        if location is not None and not re.fullmatch(r"s3://[^/]+(/.*)?", location):
            raise refused(f"outputLocation is not a valid S3 path: {location!r}")
        context = payload.get("QueryExecutionContext", {})
        request = QueryRequest(
            statement=payload["QueryString"],
            work_group=name,
            database=context.get("Database"),
            catalog=context.get("Catalog"),
            parameters=tuple(payload.get("ExecutionParameters", ())),
            output_location=None if location is None or group.managed else location.rstrip("/") + "/",
        )
        if (reused := self._reusable(request, configuration, payload)) is not None:
            return Execution(self._world, request, reused.answer, configuration, payload, reused=reused)
        source, is_queued = self._source(request)
        answer = source if isinstance(source, Answer) else source(request)
        if request.output_location is None and not (group.managed or answer.managed):
            raise refused(
                "No output location provided. An output location is required either through the Workgroup result "
                "configuration setting or as an API input."
            )
        if is_queued:
            self.queue.popleft()
        return Execution(self._world, request, answer, configuration, payload)

    def _reusable(self, request: QueryRequest, configuration: Payload, payload: Payload) -> Execution | None:
        """https://docs.aws.amazon.com/athena/latest/ug/reusing-query-results.html"""
        wanted = payload.get("ResultReuseConfiguration", {}).get("ResultReuseByAgeConfiguration", {})
        if not wanted.get("Enabled"):
            return None
        age = timedelta(minutes=wanted.get("MaxAgeInMinutes", _DEFAULT_REUSE_MINUTES))
        oldest = self._world.clock() - age
        for earlier in reversed(self._executions.values()):
            if (
                earlier.reusable_since is not None
                and earlier.reusable_since >= oldest
                and (earlier.request, earlier.configuration) == (request, configuration)
            ):
                return earlier
        return None

    def _stop_query_execution(self, payload: Payload) -> Payload:
        self._asked_for(payload).stop()
        return {}

    def _get_query_results(self, payload: Payload) -> Payload:
        return self._asked_for(payload).results(payload.get("MaxResults", 1000), payload.get("NextToken"))

    def _batch_get_query_execution(self, payload: Payload) -> Payload:
        ids = payload.get("QueryExecutionIds", [])
        if not 1 <= len(ids) <= _MAX_BATCH:
            raise refused(f"QueryExecutionIds has 1 to {_MAX_BATCH} ids, got {len(ids)}")
        known = self._executions
        return {
            "QueryExecutions": [known[query_id].look() for query_id in ids if query_id in known],
            "UnprocessedQueryExecutionIds": [
                {
                    "QueryExecutionId": query_id,
                    "ErrorCode": "INVALID_QUERY_EXECUTION_ID",
                    "ErrorMessage": f"QueryExecution {query_id} was not found",
                }
                for query_id in ids
                if query_id not in known
            ],
        }

    def _list_query_executions(self, payload: Payload) -> Payload:
        name = payload.get("WorkGroup") or "primary"
        self._work_group(name)
        with self._lock:
            newest_first = list(reversed(self._executions.values()))
        ids = [execution.id for execution in newest_first if execution.request.work_group == name]
        page, following = page_of(ids, payload)
        return {"QueryExecutionIds": page, **following}

    def _get_work_group(self, payload: Payload) -> Payload:
        name = payload.get("WorkGroup", "")
        group = self._work_group(name)
        location = {} if group.output_location is None else {"OutputLocation": group.output_location}
        return {
            "WorkGroup": {
                "Name": name,
                "State": "ENABLED",
                "Configuration": {
                    "ResultConfiguration": location,
                    "ManagedQueryResultsConfiguration": {"Enabled": group.managed},
                    "EnforceWorkGroupConfiguration": group.enforce,
                    "EngineVersion": ENGINE,
                },
            }
        }
