"""Athena's API through boto3: each operation is a coroutine, and is repeated where it was throttled.

boto3 and botocore are known to this module and to `pyathena.connection` alone.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Final, TypeVar

from botocore import exceptions as boto
from botocore.parsers import ResponseParserError

from pyathena.athena.retrying import RetryConfig, retried
from pyathena.athena.values import (
    MAX_PAGE_ROWS,
    Database,
    ExecutionPage,
    QueryExecution,
    QueryRequest,
    ResultPage,
    TableMetadata,
)
from pyathena.errors import DatabaseError, InternalError, OperationalError, ProgrammingError
from pyathena.runtime import ProcessLock, Runtime

__all__ = ["AthenaApi"]

T = TypeVar("T")

# https://docs.aws.amazon.com/athena/latest/APIReference/CommonErrors.html; what is not named is an OperationalError.
_CALLERS_FAULT: Final = frozenset({"InvalidRequestException", "ResourceNotFoundException", "ValidationException"})


class AthenaApi:
    """Athena's operations as coroutines, at most as many at a time as the runtime has threads.

    Args:
        connect: makes a boto3 client for Athena; called in the thread of the first request, and again in a forked
            child.
        runtime: where calls run and waiting is done.
    """

    def __init__(self, connect: Callable[[], Any], runtime: Runtime) -> None:
        self._connect = connect
        self._runtime = runtime
        self.closed = False
        """Whether it was closed, so that nothing is to be begun any more."""
        self._connecting = ProcessLock()
        self._by_process: dict[int, Any] = {}

    def client(self) -> Any:
        """Return the boto3 client; makes it, which takes a while, on the first call."""
        client = self._by_process.get(os.getpid())
        if client is None:
            with self._connecting.get():
                client = self._by_process.get(os.getpid())
                if client is None:
                    client = self._by_process[os.getpid()] = self._connect()
        return client

    def check_open(self) -> None:
        """Raise `ProgrammingError` if it was closed."""
        if self.closed:
            raise ProgrammingError("the connection was closed; make a new one")

    def close(self) -> None:
        """Close the client's idle connections. A query can still be stopped, by a client that is made anew."""
        self.closed = True
        client = self._by_process.pop(os.getpid(), None)
        if client is not None:
            client.close()

    async def start_query_execution(self, request: QueryRequest, claim: Callable[[], bool] = lambda: True) -> str:
        """Start a query and return its id. One attempt: `pyathena.athena.cycle` repeats it.

        Args:
            request: what to run.
            claim: asked right before it is sent, which it is not unless this is true.

        https://docs.aws.amazon.com/athena/latest/APIReference/API_StartQueryExecution.html
        """

        def arguments() -> Mapping[str, Any]:
            if not claim():
                raise OperationalError("the query was withdrawn before it was started")
            return request.arguments()

        return await self._once("start_query_execution", arguments, lambda told: str(told["QueryExecutionId"]))

    async def stop_query_execution(self, query_id: str, retry: RetryConfig) -> None:
        """Stop a query; one that has ended stays as it is.

        https://docs.aws.amazon.com/athena/latest/APIReference/API_StopQueryExecution.html
        """
        await self._call("stop_query_execution", {"QueryExecutionId": query_id}, dict, retry)

    async def get_query_execution(self, query_id: str, retry: RetryConfig) -> QueryExecution:
        """Tell how a query is doing.

        https://docs.aws.amazon.com/athena/latest/APIReference/API_GetQueryExecution.html
        """
        return await self._call(
            "get_query_execution",
            {"QueryExecutionId": query_id},
            lambda told: QueryExecution.of(told["QueryExecution"]),
            retry,
        )

    async def get_query_results(
        self, query_id: str, retry: RetryConfig, *, token: str | None = None, limit: int = MAX_PAGE_ROWS
    ) -> ResultPage:
        """Return a page of a result: of at most ``limit`` rows (1 to 1000), the one that ``token`` stands for.

        https://docs.aws.amazon.com/athena/latest/APIReference/API_GetQueryResults.html
        """
        arguments = {"QueryExecutionId": query_id, "MaxResults": limit}
        if token is not None:
            arguments["NextToken"] = token
        return await self._call("get_query_results", arguments, ResultPage.of, retry)

    async def list_query_executions(
        self, retry: RetryConfig, *, work_group: str | None, token: str | None
    ) -> ExecutionPage:
        """Return a page of at most 50 ids of queries, the newest first.

        https://docs.aws.amazon.com/athena/latest/APIReference/API_ListQueryExecutions.html
        """
        arguments = {name: value for name, value in (("WorkGroup", work_group), ("NextToken", token)) if value}
        return await self._call(
            "list_query_executions",
            arguments,
            lambda told: ExecutionPage(tuple(told.get("QueryExecutionIds", ())), told.get("NextToken")),
            retry,
        )

    async def batch_get_query_execution(self, query_ids: Sequence[str], retry: RetryConfig) -> list[QueryExecution]:
        """Tell how 1 to 50 queries are doing.

        https://docs.aws.amazon.com/athena/latest/APIReference/API_BatchGetQueryExecution.html
        """
        return await self._call(
            "batch_get_query_execution",
            {"QueryExecutionIds": list(query_ids)},
            lambda told: [QueryExecution.of(one) for one in told.get("QueryExecutions", ())],
            retry,
        )

    async def list_databases(self, catalog: str, work_group: str | None, retry: RetryConfig) -> list[Database]:
        """Return the databases of a catalog.

        https://docs.aws.amazon.com/athena/latest/APIReference/API_ListDatabases.html
        """
        arguments = _with_work_group({"CatalogName": catalog}, work_group)
        return [Database.of(one) for one in await self._all("list_databases", arguments, "DatabaseList", retry)]

    async def list_table_metadata(
        self, catalog: str, database: str, expression: str | None, work_group: str | None, retry: RetryConfig
    ) -> list[TableMetadata]:
        """Return the tables of a database whose names match a regular expression, if one is given.

        https://docs.aws.amazon.com/athena/latest/APIReference/API_ListTableMetadata.html
        """
        arguments = _with_work_group({"CatalogName": catalog, "DatabaseName": database}, work_group)
        if expression is not None:
            arguments["Expression"] = expression
        found = await self._all("list_table_metadata", arguments, "TableMetadataList", retry)
        return [TableMetadata.of(one) for one in found]

    async def get_table_metadata(
        self, catalog: str, database: str, table: str, work_group: str | None, retry: RetryConfig
    ) -> TableMetadata:
        """Return what is known about a table.

        https://docs.aws.amazon.com/athena/latest/APIReference/API_GetTableMetadata.html
        """
        return await self._call(
            "get_table_metadata",
            _with_work_group({"CatalogName": catalog, "DatabaseName": database, "TableName": table}, work_group),
            lambda told: TableMetadata.of(told["TableMetadata"]),
            retry,
        )

    async def _all(
        self, operation: str, arguments: Mapping[str, Any], member: str, retry: RetryConfig
    ) -> list[Mapping[str, Any]]:
        """Return what all pages of a list hold."""
        found: list[Mapping[str, Any]] = []
        token: str | None = None
        while True:
            told = await self._call(operation, {**arguments, **({"NextToken": token} if token else {})}, dict, retry)
            found += told.get(member, ())
            token = told.get("NextToken")
            if token is None:
                return found

    async def _call(
        self, operation: str, arguments: Mapping[str, Any], read: Callable[[Mapping[str, Any]], T], retry: RetryConfig
    ) -> T:
        return await retried(partial(self._once, operation, lambda: arguments, read), retry, self._runtime)

    async def _once(
        self, operation: str, arguments: Callable[[], Mapping[str, Any]], read: Callable[[Mapping[str, Any]], T]
    ) -> T:
        def request() -> T:
            with translated():
                send, said = getattr(self.client(), operation), arguments()
                try:
                    return read(send(**said))
                except (KeyError, TypeError, AttributeError, ValueError) as error:
                    raise InternalError(f"{operation}: Athena's answer makes no sense ({error!r})") from error

        return await self._runtime.offload(request)


def _with_work_group(arguments: dict[str, Any], work_group: str | None) -> dict[str, Any]:
    return arguments if work_group is None else {**arguments, "WorkGroup": work_group}


@contextmanager
def translated() -> Iterator[None]:
    """Raise what boto3 raises in the block as the PEP 249 error that fits, with the original as its cause."""
    try:
        yield
    except boto.ClientError as error:
        raise _from_answer(error) from error
    except boto.ParamValidationError as error:
        raise ProgrammingError(str(error)) from error
    except (boto.HTTPClientError, boto.ConnectionError) as error:
        # A certificate that does not verify will not do so the next time.
        raise OperationalError(str(error), retryable=not isinstance(error, boto.SSLError)) from error
    except ResponseParserError as error:
        raise InternalError(f"Athena's answer makes no sense: {error}") from error
    except boto.BotoCoreError as error:  # credentials, region, profile
        raise OperationalError(str(error), retryable=False) from error


def _from_answer(error: boto.ClientError) -> DatabaseError:
    told: Mapping[str, Any] = error.response.get("Error", {})
    meta: Mapping[str, Any] = error.response.get("ResponseMetadata", {})
    code = told.get("Code")
    kind = ProgrammingError if code in _CALLERS_FAULT else OperationalError
    return kind(
        f"{error.operation_name}: {told.get('Message') or 'Athena refused the request'} ({code})",
        code=code,
        request_id=meta.get("RequestId"),
        retryable=meta.get("HTTPStatusCode", 0) >= 500,
    )
