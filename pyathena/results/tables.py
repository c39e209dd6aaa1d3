"""Results as tables of pyarrow, pandas or polars: read whole, or in chunks, and decoded where it holds up nobody.

This module knows none of those libraries: each has a `TableLibrary` beside its cursors.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Generic, Protocol, TypeVar

from typing_extensions import override

from pyathena.athena.values import Column, QueryExecution
from pyathena.results.reading import ResultReader
from pyathena.results.rows import Row
from pyathena.results.source import QueryResult, Records
from pyathena.runtime import Runtime, Task, run_all

__all__ = ["CsvTables", "ParquetTables", "TableLibrary", "TableResult", "TableSource"]

F = TypeVar("F")
F_co = TypeVar("F_co", covariant=True)

_FILES_AT_ONCE: Final = 16
_PIECE: Final = 8 * 2**20
"""Bytes of CSV that are decoded at a time where a result is read in chunks."""
_ROWS: Final = 1000


class TableLibrary(Protocol[F]):
    """What is asked of a library of tables. All of it may take long, and is called off the event loop."""

    def of_csv(self, data: bytes, columns: Sequence[Column], *, header: bool) -> F:
        """Decode whole records of CSV, the first of which may be a header."""
        ...

    def of_parquet(self, data: bytes) -> F:
        """Decode a file of an UNLOAD."""
        ...

    def concat(self, tables: Sequence[F]) -> F:
        """Put tables one below the other; no tables make an empty one."""
        ...

    def length(self, table: F) -> int:
        """Count the rows."""
        ...

    def part(self, table: F, start: int, stop: int) -> F:
        """Return some rows."""
        ...

    def rows(self, table: F, columns: Sequence[Column]) -> list[Row]:
        """Return rows of Python values."""
        ...

    def columns(self, table: F) -> tuple[Column, ...]:
        """Tell the columns with Athena's names of their types."""
        ...


class TableSource(Protocol[F_co]):
    """Where tables come from, piece by piece or whole."""

    @property
    def rowcount(self) -> int:
        """How many rows were written; -1 if none were to be."""
        ...

    @property
    def columns(self) -> tuple[Column, ...] | None:
        """The columns; None if they are known from the first table only."""
        ...

    async def whole(self) -> F_co:
        """Read everything."""
        ...

    async def next(self) -> F_co | None:
        """Read the next piece; None at the end."""
        ...

    async def aclose(self) -> None:
        """Read no more."""
        ...


class CsvTables(TableSource[F]):
    """Tables of a CSV result."""

    def __init__(self, result: QueryResult, library: TableLibrary[F], runtime: Runtime) -> None:
        self._result = result
        self._library = library
        self._runtime = runtime
        self._records: Records | None = None
        self._begun = False

    @property
    @override
    def rowcount(self) -> int:
        return self._result.rowcount

    @property
    @override
    def columns(self) -> tuple[Column, ...]:
        return self._result.columns

    @override
    async def whole(self) -> F:
        if not self.columns:
            return self._library.concat([])
        return await self._decoded(await self._result.read(), header=True)

    @override
    async def next(self) -> F | None:
        if not self.columns:
            return None
        if self._records is None:
            self._records = await self._result.records()
        pieces = []
        size = 0
        while size < _PIECE and (piece := await self._records.read()):
            pieces.append(piece)
            size += len(piece)
        if not pieces:
            return None
        header, self._begun = not self._begun, True
        return await self._decoded(b"".join(pieces), header=header)

    async def _decoded(self, data: bytes, *, header: bool) -> F:
        return await self._runtime.offload(self._library.of_csv, data, self.columns, header=header)

    @override
    async def aclose(self) -> None:
        if self._records is not None:
            await self._records.aclose()


class ParquetTables(TableSource[F]):
    """Tables of the files that an UNLOAD has written.

    https://docs.aws.amazon.com/athena/latest/ug/unload.html
    """

    def __init__(self, urls: Sequence[str], reader: ResultReader, library: TableLibrary[F], runtime: Runtime) -> None:
        self._urls = urls
        self._reader = reader
        self._library = library
        self._runtime = runtime
        self._left = iter(urls)
        self._ahead: Task[bytes] | None = None
        self._begun = False

    @classmethod
    async def of(
        cls, execution: QueryExecution, reader: ResultReader, library: TableLibrary[F], runtime: Runtime
    ) -> ParquetTables[F]:
        """Read the manifest, which names the files; without one there are none."""
        manifest = execution.data_manifest_location
        urls = [] if manifest is None else (await reader.read(manifest)).decode().split("\n")
        return cls([url.strip() for url in urls if url.strip()], reader, library, runtime)

    @property
    @override
    def rowcount(self) -> int:
        return -1

    @property
    @override
    def columns(self) -> None:
        return None

    @override
    async def whole(self) -> F:
        tables = await run_all(self._runtime, self._table, self._urls, _FILES_AT_ONCE)
        return await self._runtime.offload(self._library.concat, tables)

    async def _table(self, url: str) -> F:
        return await self._runtime.offload(self._library.of_parquet, await self._reader.read(url))

    @override
    async def next(self) -> F | None:
        if not self._begun:
            self._begun = True
            self._send_for_next()
        if self._ahead is None:
            return None
        await self._ahead.wait()
        data = await self._ahead
        self._send_for_next()
        return await self._runtime.offload(self._library.of_parquet, data)

    def _send_for_next(self) -> None:
        url = next(self._left, None)
        self._ahead = None if url is None else self._runtime.spawn(self._reader.read(url))

    @override
    async def aclose(self) -> None:
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            ahead.cancel()
            await ahead.settle()


class TableResult(Generic[F]):
    """What a cursor with tables fetches from.

    Args:
        source: where tables come from.
        library: what they are tables of.
        runtime: where they are worked on.
        chunksize: rows of a chunk; the result is read whole if None.
    """

    def __init__(
        self, source: TableSource[F], library: TableLibrary[F], runtime: Runtime, chunksize: int | None
    ) -> None:
        self._source = source
        self._library = library
        self._runtime = runtime
        self._chunksize = chunksize
        self._whole: F | None = None
        self._table: F | None = None
        """What is being fetched from: the whole, or a piece."""
        self._position = 0
        self._ended = False
        self._columns: tuple[Column, ...] = source.columns or ()

    async def open(self) -> None:
        """Read the result, or its first piece."""
        if self._chunksize is None:
            self._table = self._whole = await self._source.whole()
        else:
            self._table = await self._source.next()
        if self._source.columns is None and self._table is not None:
            self._columns = self._library.columns(self._table)
        self._ended = self._chunksize is None or self._table is None

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns."""
        return self._columns

    @property
    def rowcount(self) -> int:
        """How many rows were written; -1 if none were to be."""
        return self._source.rowcount

    async def whole(self) -> F:
        """Return the whole result; in chunks, what is left of it."""
        if self._whole is not None:
            return self._whole
        rest = [self._rest()]
        while (piece := await self._next()) is not None:
            rest.append(piece)
        return await self._runtime.offload(self._library.concat, [table for table in rest if table is not None])

    async def chunk(self, size: int) -> F | None:
        """Return the next ``size`` rows, fewer at the end, None when there are no more."""
        parts = []
        missing = size
        while missing and self._table is not None:
            stop = min(self._position + missing, self._library.length(self._table))
            if stop > self._position:
                parts.append(self._library.part(self._table, self._position, stop))
            missing -= stop - self._position
            self._position = stop
            if missing:
                self._table = await self._next()
                self._position = 0
        return await self._runtime.offload(self._library.concat, parts) if parts else None

    async def read(self) -> list[Row]:
        """Return the next rows; none at the end."""
        while self._table is not None:
            stop = min(self._position + _ROWS, self._library.length(self._table))
            if stop > self._position:
                part = self._library.part(self._table, self._position, stop)
                self._position = stop
                return await self._runtime.offload(self._library.rows, part, self._columns)
            if self._ended:
                break
            self._table = await self._next()
            self._position = 0
        return []

    async def _next(self) -> F | None:
        if self._ended:
            return None
        piece = await self._source.next()
        self._ended = piece is None
        return piece

    def _rest(self) -> F | None:
        if self._table is None:
            return None
        rest = self._library.part(self._table, self._position, self._library.length(self._table))
        self._table = None
        return rest

    async def aclose(self) -> None:
        """Read no more."""
        self._table = self._whole = None
        self._ended = True
        await self._source.aclose()
