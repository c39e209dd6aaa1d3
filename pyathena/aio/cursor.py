"""Cursors for asyncio."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Any, Self, TypeVar

from typing_extensions import Unpack

from pyathena.athena.values import Database, TableMetadata
from pyathena.cursor import BaseCursor, DictRows, Parameters, TupleRows
from pyathena.results.rows import Row
from pyathena.settings import ExecuteArguments, ExecuteOptions

__all__ = ["AioBaseCursor", "AioCursor", "AioDictCursor"]

R = TypeVar("R")


class AioBaseCursor(BaseCursor[R]):
    """A cursor for asyncio. Cancelling what it does stops the query in Athena (``kill_on_interrupt``)."""

    async def execute(
        self,
        operation: str,
        parameters: Parameters = None,
        *,
        options: ExecuteOptions | None = None,
        **arguments: Unpack[ExecuteArguments],
    ) -> Self:
        """Run a statement to its end, and open its result.

        If the task is cancelled, the query is stopped in Athena, which takes at most
        `pyathena.athena.cycle.STOP_SECONDS` seconds, and the cancellation goes on.

        Args:
            operation: the statement.
            parameters: what to put into it: by name for ``%(name)s`` (`paramstyle` ``pyformat``), in order for ``?``
                (``qmark``). Without them the statement is sent as it is.
            options: options of this statement.
            **arguments: the same by name, which come first.

        Raises:
            ProgrammingError: the statement, its parameters or options are wrong.
            OperationalError: the query failed, was cancelled, or its result cannot be read.
            TypeError: an argument is unknown.
        """
        await self._execute(operation, parameters, (options or ExecuteOptions()).merge(**arguments))
        return self

    async def executemany(
        self,
        operation: str,
        seq_of_parameters: Iterable[Parameters],
        *,
        options: ExecuteOptions | None = None,
        **arguments: Unpack[ExecuteArguments],
    ) -> None:
        """Run a statement once for each of the parameters, one after the other; results are not kept."""
        await self._executemany(operation, seq_of_parameters, (options or ExecuteOptions()).merge(**arguments))

    async def fetchone(self) -> R | None:
        """Return the next row; None at the end.

        Raises:
            ProgrammingError: there is no result.
            OperationalError: the result cannot be read.
            DataError: a value is not what its column's type says.
        """
        return await self._fetchone()

    async def fetchmany(self, size: int | None = None) -> list[R]:
        """Return the next rows, at most ``size``, or `arraysize` if that is None; none at the end."""
        return await self._fetchmany(size)

    async def fetchall(self) -> list[R]:
        """Return all rows that are left."""
        return await self._fetch(None)

    def __aiter__(self) -> AsyncIterator[R]:
        return self

    async def __anext__(self) -> R:
        if not self._rows:
            await self._fill(1)
            if not self._rows:
                raise StopAsyncIteration
        self._fetched += 1
        return self._rows.popleft()

    async def cancel(self) -> None:
        """Stop the query in Athena."""
        await self._cancel()

    async def list_databases(self, catalog_name: str | None = None) -> list[Database]:
        """Return the databases of a catalog, the cursor's if None."""
        return await self._list_databases(catalog_name)

    async def list_table_metadata(
        self, catalog_name: str | None = None, schema_name: str | None = None, expression: str | None = None
    ) -> list[TableMetadata]:
        """Return the tables of a database; those whose names match a regular expression if one is given."""
        return await self._list_table_metadata(catalog_name, schema_name, expression)

    async def get_table_metadata(
        self, table_name: str, catalog_name: str | None = None, schema_name: str | None = None
    ) -> TableMetadata:
        """Return what is known about a table.

        Raises:
            OperationalError: there is no such table.
        """
        return await self._get_table_metadata(table_name, catalog_name, schema_name)

    def close(self) -> None:
        """Let go of the result without waiting for reads that are under way; `aclose` waits."""
        self._closed = True
        self._result = None
        self._rows.clear()

    async def aclose(self) -> None:
        """Let go of the result; whatever is asked of the cursor afterwards is a `ProgrammingError`."""
        await self._end()

    async def __aenter__(self) -> Self:
        self._check_open()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.aclose()


class AioCursor(TupleRows, AioBaseCursor[Row]):
    """The cursor of asyncio, whose rows are tuples."""


class AioDictCursor(DictRows, AioBaseCursor[dict[str, Any]]):
    """A cursor of asyncio whose rows are dictionaries."""
