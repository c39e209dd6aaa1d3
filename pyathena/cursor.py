"""Cursors for synchronous code, and what every cursor has in common.

What a cursor does is written once, as coroutines of `BaseCursor`. `Cursor` and its kin drive them to their end in the
calling thread, those of `pyathena.aio` are awaited.

https://peps.python.org/pep-0249/
"""

from __future__ import annotations

from abc import abstractmethod
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Generic, Protocol, Self, TypeVar

from typing_extensions import Unpack, override

import pyathena
from pyathena.athena.cycle import Polling, QueryCycle
from pyathena.athena.told import ExecutionAttributes
from pyathena.athena.values import MAX_PAGE_ROWS, Column, Database, QueryExecution, TableMetadata
from pyathena.converter import Converter, DefaultTypeConverter
from pyathena.errors import DatabaseError, ProgrammingError, shown
from pyathena.formatter import execution_parameters
from pyathena.results.rows import Row, RowReader, TypeHints, column_hints
from pyathena.results.source import QueryResult
from pyathena.runtime import drive
from pyathena.settings import (
    CursorOptions,
    CursorSettings,
    ExecuteArguments,
    ExecuteOptions,
    check_array_size,
    refuse_unknown,
)

if TYPE_CHECKING:
    from pyathena.connection import BaseConnection

__all__ = ["BaseCursor", "Cursor", "DictCursor", "Parameters", "SyncCursor"]

R = TypeVar("R")

Parameters = Mapping[str, Any] | Sequence[Any] | None
"""Of one statement: by name for ``pyformat``, in order for ``qmark``."""

Description = tuple[str, str, None, None, int | None, int | None, str | None]
"""Of a column: name, type, None, None, precision, scale, whether it may be NULL."""


class ResultSet(Protocol):
    """What a cursor fetches from."""

    @property
    def columns(self) -> Sequence[Column]:
        """The columns."""
        ...

    @property
    def rowcount(self) -> int:
        """How many rows were written; -1 if none were to be."""
        ...

    async def read(self) -> list[Row]:
        """Return the next rows; none at the end."""
        ...

    async def aclose(self) -> None:
        """Read no more."""
        ...


class BaseCursor(ExecutionAttributes, Generic[R]):
    """What every cursor does, as coroutines; a cursor is for one thread or task at a time.

    Raises:
        TypeError: an option is unknown.
        ProgrammingError: an option is out of its bounds, or the connection was closed.
    """

    def __init__(self, connection: BaseConnection, **options: Unpack[CursorOptions]) -> None:
        connection.check_open()
        refuse_unknown(options, CursorOptions.__annotations__, type(self).__name__)
        self._connection = connection
        self._settings: CursorSettings = connection.settings.merge(options)
        self._cycle = QueryCycle(connection.api, connection.runtime, self._settings.retry)
        self._closed = False
        self.arraysize = self._settings.arraysize
        self._reset()

    def _reset(self) -> None:
        self._query_id: str | None = None
        self._execution: QueryExecution | None = None
        self._result: ResultSet | None = None
        self._rows: deque[R] = deque()
        self._fetched = 0
        self._rowcount = -1

    # --- what the kinds of cursors differ in -----------------------------------------------------

    @cached_property
    def _converter(self) -> Converter:
        return self._settings.converter or self._default_converter()

    def _default_converter(self) -> Converter:
        return DefaultTypeConverter()

    @abstractmethod
    def _made(self, rows: list[Row], columns: Sequence[Column]) -> Iterable[R]:
        """Return rows as they are fetched."""

    def _prepared(self, query: str, staging: str | None) -> str:
        """Return the statement that is run in the place of one."""
        return query

    @abstractmethod
    async def _open(self, execution: QueryExecution, hints: TypeHints | None) -> ResultSet:
        """Open the result of a query that has succeeded."""

    # --- what they do ----------------------------------------------------------------------------

    async def _execute(self, operation: str, parameters: Parameters, options: ExecuteOptions) -> None:
        self._check_open()
        await self._discard()
        query, values = self._formatted(operation, parameters, options.paramstyle)
        staging = options.s3_staging_dir or self._settings.s3_staging_dir
        request = self._settings.request(self._prepared(query, staging), values, options)
        execution = None
        if options.cache_size or options.cache_expiration_time:
            execution = await self._cycle.find_cached(
                request, options.cache_size or 0, options.cache_expiration_time or 0
            )
        if execution is None:
            execution = await self._cycle.run(request, self._polling(), partial(self._started, options))
        self._query_id = execution.query_id
        self._execution = execution
        with self._about_query():
            self._result = await self._open(execution, options.result_set_type_hints)
        self._rowcount = self._result.rowcount

    @contextmanager
    def _about_query(self) -> Iterator[None]:
        """Let what goes wrong with a result tell whose it is."""
        try:
            yield
        except DatabaseError as error:
            error.query_id = error.query_id or self._query_id
            raise

    def _formatted(self, operation: str, parameters: Parameters, paramstyle: str | None) -> tuple[str, tuple[str, ...]]:
        """Return the statement, and what Athena is to put into it."""
        if not isinstance(operation, str) or not operation.strip():
            raise ProgrammingError(f"a statement is a text with SQL in it, got {shown(operation)}")
        style, formatter = paramstyle or pyathena.paramstyle, self._settings.placing()
        if style == "qmark":
            return operation, tuple(execution_parameters(operation, parameters, formatter=formatter))
        if style == "pyformat":
            return formatter.format(operation, parameters), ()
        raise ProgrammingError(f"paramstyle is 'pyformat' or 'qmark', got {style!r}")

    def _started(self, options: ExecuteOptions, query_id: str) -> None:
        self._query_id = query_id
        for told in (self._settings.on_start_query_execution, options.on_start_query_execution):
            if told is not None:
                told(query_id)

    def _polling(self) -> Polling:
        def look(execution: QueryExecution) -> None:
            self._execution = execution
            if self._settings.on_poll is not None:
                self._settings.on_poll(execution)

        return Polling(
            interval=self._settings.poll_interval, stop_on_interrupt=self._settings.kill_on_interrupt, on_poll=look
        )

    async def _executemany(
        self, operation: str, seq_of_parameters: Iterable[Parameters], options: ExecuteOptions
    ) -> None:
        self._check_open()
        await self._discard()
        written = 0
        for parameters in seq_of_parameters:
            await self._execute(operation, parameters, options)
            written = -1 if written < 0 or self._rowcount < 0 else written + self._rowcount
        await self._drop_result()
        self._rowcount = written

    async def _query_result(self, execution: QueryExecution, limit: int) -> QueryResult:
        """Ask Athena for the first page of a result, of at most ``limit`` rows."""
        api, retry = self._connection.api, self._settings.retry

        async def fetch(token: str | None, limit: int) -> Any:
            return await api.get_query_results(execution.query_id, retry, token=token, limit=limit)

        return QueryResult(execution, await fetch(None, limit), fetch, self._connection.reader)

    async def _row_reader(self, execution: QueryExecution, hints: TypeHints | None, *, from_object: bool) -> RowReader:
        result = await self._query_result(execution, 1 if from_object else MAX_PAGE_ROWS)
        convert = [
            self._converter.for_column(column.type, hint)
            for column, hint in zip(result.columns, column_hints(result.columns, hints), strict=True)
        ]
        return RowReader(result, convert, self._connection.decoding, from_object=from_object)

    async def _fill(self, least: int | None) -> None:
        """Read until so many rows are here, or all."""
        result = self._opened()
        while least is None or len(self._rows) < least:
            with self._about_query():
                rows = await result.read()
            if not rows:
                break
            self._rows.extend(self._made(rows, result.columns))

    async def _fetch(self, most: int | None) -> list[R]:
        await self._fill(most)
        if most is None or most >= len(self._rows):
            rows = list(self._rows)
            self._rows.clear()
        else:
            rows = [self._rows.popleft() for _ in range(most)]
        self._fetched += len(rows)
        return rows

    async def _fetchone(self) -> R | None:
        self._opened()
        if not self._rows:
            await self._fill(1)
            if not self._rows:
                return None
        self._fetched += 1
        return self._rows.popleft()

    async def _fetchmany(self, size: int | None) -> list[R]:
        size = self._arraysize if size is None else size
        if size < 0:
            raise ProgrammingError(f"fetchmany() takes 0 or more rows, got {size}")
        return await self._fetch(size)

    async def _cancel(self) -> None:
        self._check_open()
        if self._query_id is None:
            raise ProgrammingError("there is nothing to cancel: no query was started")
        await self._connection.api.stop_query_execution(self._query_id, self._settings.retry)

    async def _list_databases(self, catalog_name: str | None) -> list[Database]:
        self._check_open()
        return await self._connection.api.list_databases(
            self._catalog(catalog_name), self._settings.work_group, self._settings.retry
        )

    async def _list_table_metadata(
        self, catalog_name: str | None, schema_name: str | None, expression: str | None
    ) -> list[TableMetadata]:
        self._check_open()
        return await self._connection.api.list_table_metadata(
            self._catalog(catalog_name),
            self._schema(schema_name),
            expression,
            self._settings.work_group,
            self._settings.retry,
        )

    async def _get_table_metadata(
        self, table_name: str, catalog_name: str | None, schema_name: str | None
    ) -> TableMetadata:
        self._check_open()
        return await self._connection.api.get_table_metadata(
            self._catalog(catalog_name),
            self._schema(schema_name),
            table_name,
            self._settings.work_group,
            self._settings.retry,
        )

    def _catalog(self, given: str | None) -> str:
        return given or self._settings.catalog_name or "awsdatacatalog"

    def _schema(self, given: str | None) -> str:
        return given or self._settings.schema_name or "default"

    async def _drop_result(self) -> None:
        result, self._result = self._result, None
        self._rows.clear()
        if result is not None:
            await result.aclose()

    async def _discard(self) -> None:
        await self._drop_result()
        self._reset()

    async def _end(self) -> None:
        self._closed = True
        await self._drop_result()

    def _check_open(self) -> None:
        if self._closed:
            raise ProgrammingError("the cursor was closed; make a new one by connection.cursor()")
        self._connection.check_open()

    def _opened(self) -> ResultSet:
        self._check_open()
        if self._result is None:
            raise ProgrammingError("there is no result: call execute() first")
        return self._result

    # --- what they tell --------------------------------------------------------------------------

    @property
    def connection(self) -> BaseConnection:
        """The connection that it was made by."""
        return self._connection

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._closed

    @property
    @override
    def query_execution(self) -> QueryExecution | None:
        return self._execution

    @property
    def query_id(self) -> str | None:
        """Athena's id of the last query, known as soon as it was started."""
        return self._query_id

    @property
    def description(self) -> list[Description] | None:
        """The columns of the last result, each a sequence of seven; None if there is no result."""
        if self._result is None or not self._result.columns:
            return None
        return [
            (column.name, column.type, None, None, column.precision, column.scale, column.nullable)
            for column in self._result.columns
        ]

    @property
    def rowcount(self) -> int:
        """How many rows the last statement has written; -1 for a query, whose rows Athena does not count."""
        return self._rowcount

    @property
    def rownumber(self) -> int | None:
        """Index from 0 of the row that will be fetched next; None if there is no result."""
        return None if self._result is None else self._fetched

    @property
    def arraysize(self) -> int:
        """How many rows `fetchmany` fetches if it is not told, 1 to 1000."""
        return self._arraysize

    @arraysize.setter
    def arraysize(self, size: int) -> None:
        check_array_size(size)
        self._arraysize = size

    def setinputsizes(self, sizes: object) -> None:
        """Do nothing, as PEP 249 allows."""
        self._check_open()

    def setoutputsize(self, size: int, column: int | None = None) -> None:
        """Do nothing, as PEP 249 allows."""
        self._check_open()


class SyncCursor(BaseCursor[R]):
    """A cursor for synchronous code: whatever it does, it does in the calling thread."""

    def execute(
        self,
        operation: str,
        parameters: Parameters = None,
        *,
        options: ExecuteOptions | None = None,
        **arguments: Unpack[ExecuteArguments],
    ) -> Self:
        """Run a statement to its end, and open its result.

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
        drive(self._execute(operation, parameters, (options or ExecuteOptions()).merge(**arguments)))
        return self

    def executemany(
        self,
        operation: str,
        seq_of_parameters: Iterable[Parameters],
        *,
        options: ExecuteOptions | None = None,
        **arguments: Unpack[ExecuteArguments],
    ) -> None:
        """Run a statement once for each of the parameters, one after the other; results are not kept."""
        drive(self._executemany(operation, seq_of_parameters, (options or ExecuteOptions()).merge(**arguments)))

    def fetchone(self) -> R | None:
        """Return the next row; None at the end.

        Raises:
            ProgrammingError: there is no result.
            OperationalError: the result cannot be read.
            DataError: a value is not what its column's type says.
        """
        return drive(self._fetchone())

    def fetchmany(self, size: int | None = None) -> list[R]:
        """Return the next rows, at most ``size``, or `arraysize` if that is None; none at the end."""
        return drive(self._fetchmany(size))

    def fetchall(self) -> list[R]:
        """Return all rows that are left."""
        return drive(self._fetch(None))

    def __iter__(self) -> Iterator[R]:
        return self

    def __next__(self) -> R:
        row = self.fetchone()
        if row is None:
            raise StopIteration
        return row

    def cancel(self) -> None:
        """Stop the query in Athena."""
        drive(self._cancel())

    def list_databases(self, catalog_name: str | None = None) -> list[Database]:
        """Return the databases of a catalog, the cursor's if None."""
        return drive(self._list_databases(catalog_name))

    def list_table_metadata(
        self, catalog_name: str | None = None, schema_name: str | None = None, expression: str | None = None
    ) -> list[TableMetadata]:
        """Return the tables of a database; those whose names match a regular expression if one is given."""
        return drive(self._list_table_metadata(catalog_name, schema_name, expression))

    def get_table_metadata(
        self, table_name: str, catalog_name: str | None = None, schema_name: str | None = None
    ) -> TableMetadata:
        """Return what is known about a table.

        Raises:
            OperationalError: there is no such table.
        """
        return drive(self._get_table_metadata(table_name, catalog_name, schema_name))

    def close(self) -> None:
        """Let go of the result; whatever is asked of the cursor afterwards is a `ProgrammingError`."""
        drive(self._end())

    def __enter__(self) -> Self:
        self._check_open()
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class TupleRows(BaseCursor[Row]):
    """Rows are tuples of Python values, of the API's pages and of what follows them in S3."""

    @override
    def _made(self, rows: list[Row], columns: Sequence[Column]) -> Iterable[Row]:
        return rows

    @override
    async def _open(self, execution: QueryExecution, hints: TypeHints | None) -> ResultSet:
        return await self._row_reader(execution, hints, from_object=False)


class DictRows(BaseCursor[dict[str, Any]]):
    """Rows are dictionaries by column name; of columns with one name the last counts.

    Args:
        dict_type: makes a dictionary of pairs.
    """

    dict_type: type[dict[str, Any]] = dict

    def __init__(
        self,
        connection: BaseConnection,
        *,
        dict_type: type[dict[str, Any]] | None = None,
        **options: Unpack[CursorOptions],
    ) -> None:
        super().__init__(connection, **options)
        if dict_type is not None:
            self.dict_type = dict_type

    @override
    def _made(self, rows: list[Row], columns: Sequence[Column]) -> Iterable[dict[str, Any]]:
        names = [column.name for column in columns]
        return [self.dict_type(zip(names, row, strict=True)) for row in rows]

    @override
    async def _open(self, execution: QueryExecution, hints: TypeHints | None) -> ResultSet:
        return await self._row_reader(execution, hints, from_object=False)


class Cursor(TupleRows, SyncCursor[Row]):
    """The cursor of synchronous code, whose rows are tuples."""


class DictCursor(DictRows, SyncCursor[dict[str, Any]]):
    """A cursor of synchronous code whose rows are dictionaries."""
