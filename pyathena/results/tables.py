"""Results as tables of pyarrow, pandas or polars: read whole, or in chunks, and decoded where it holds up nobody.

This module knows none of those libraries: each has a `TableLibrary` beside its cursors.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any, Final, Generic, Protocol, TypeVar

from typing_extensions import override

from pyathena.athena.values import Column, QueryExecution
from pyathena.converter import Converter
from pyathena.errors import DataError, ProgrammingError
from pyathena.results.csv import header_end, parse_records
from pyathena.results.reading import ResultReader
from pyathena.results.rows import Row, TypeHints, column_hints
from pyathena.results.source import QueryResult, Records
from pyathena.runtime import Runtime, Task, run_all

__all__ = ["MICROSECONDS", "CsvTables", "ParquetTables", "TableLibrary", "TableResult", "TableSource", "rows_of"]

F = TypeVar("F")
F_co = TypeVar("F_co", covariant=True)

_FILES_AT_ONCE: Final = 16
_PIECE: Final = 8 * 2**20
"""Bytes of CSV that are decoded at a time where a result is read in chunks."""
_ROWS: Final = 1000

MICROSECONDS: Final = 26
"""Characters of a timestamp up to them: ``2024-01-01 10:00:00.123456``."""


class TableLibrary(Protocol[F]):
    """What is asked of a library of tables. All of it may take long, and is called off the event loop."""

    def of_csv(self, data: bytes, columns: Sequence[Column], *, header: bool) -> F:
        """Decode whole records of CSV, the first of which may be a header."""
        ...

    def of_parquet(self, data: bytes) -> tuple[F, tuple[Column, ...]]:
        """Decode a file of an UNLOAD, and tell its columns with Athena's names of their types."""
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


def rows_of(
    values: Sequence[Sequence[Any]],
    are_text: Sequence[bool],
    columns: Sequence[Column],
    converter: Converter,
    hints: TypeHints | None,
) -> list[Row]:
    """Make rows of the values of columns; those of columns of text are converted as their types say."""
    made = [
        map(converter.for_column(column.type, hint), cells) if is_text else cells
        for cells, is_text, column, hint in zip(values, are_text, columns, column_hints(columns, hints), strict=True)
    ]
    return list(zip(*made, strict=True))


class TableSource(Protocol[F_co]):
    """Where tables come from, piece by piece or whole."""

    @property
    def rowcount(self) -> int:
        """How many rows were written; -1 if none were to be."""
        ...

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns; none before the first table if only tables tell."""
        ...

    async def whole(self) -> F_co:
        """Read everything."""
        ...

    async def next(self) -> F_co | None:
        """Read the next piece; None at the end. It is the same one again if the call was cancelled or failed."""
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
        self._pieces: list[bytes] = []
        """What was read and is not decoded yet."""

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
        return await self._runtime.offload(self._decoded_whole, await self._result.read())

    @override
    async def next(self) -> F | None:
        if not self.columns:
            return None
        if self._records is None:
            self._records = await self._result.records()
        size = sum(map(len, self._pieces))
        while size < _PIECE and (piece := await self._records.read()):
            self._pieces.append(piece)
            size += len(piece)
        if not self._pieces:
            return None
        table = await self._runtime.offload(self._decoded, b"".join(self._pieces), header=not self._begun)
        self._begun = True
        self._pieces = []
        return table

    def _decoded_whole(self, data: bytes) -> F:
        self._result.check_whole(data)
        return self._decoded(data, header=True)

    def _decoded(self, data: bytes, *, header: bool) -> F:
        if header:
            # The libraries would fill up what is missing, or let columns change places.
            names = parse_records(data[: header_end(data)].decode(errors="replace"))
            width = len(names[0]) if names else 0
            if width != len(self.columns):
                raise DataError(
                    f"the object of the result has {width} columns, and the query {len(self.columns)}: did another "
                    f"one take its place?"
                )
        return self._library.of_csv(data, self.columns, header=header)

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
        self._columns: tuple[Column, ...] = ()
        self._left = iter(urls)
        self._begun = False
        self._ahead: Task[bytes] | None = None
        self._file: bytes | None = None
        """What was read and is not decoded yet."""

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
    def columns(self) -> tuple[Column, ...]:
        return self._columns

    @override
    async def whole(self) -> F:
        tables = await run_all(self._runtime, self._table, self._urls, _FILES_AT_ONCE)
        return await self._runtime.offload(self._library.concat, tables)

    async def _table(self, url: str) -> F:
        return await self._decoded(await self._reader.read(url))

    async def _decoded(self, file: bytes) -> F:
        table, self._columns = await self._runtime.offload(self._library.of_parquet, file)
        return table

    @override
    async def next(self) -> F | None:
        if not self._begun:
            self._begun = True
            self._send_for_next()
        if self._file is None:
            if self._ahead is None:
                return None
            await self._ahead.wait()
            self._file = await self._ahead
            self._send_for_next()
        table = await self._decoded(self._file)
        self._file = None
        return table

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
    """What a cursor with tables fetches from. A call that was cancelled takes nothing away.

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
        self._tables: deque[F] = deque()
        """The whole, or the pieces that are here."""
        self._position = 0
        """How many rows of these were taken."""
        self._gone = 0
        """How many rows had the pieces that were let go."""
        self._ended = False

    async def open(self) -> None:
        """Read the result, or its first piece."""
        if self._chunksize is None:
            self._whole = await self._source.whole()
            self._tables.append(self._whole)
            self._ended = True
        else:
            await self._have(0)

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns."""
        return self._source.columns

    @property
    def rowcount(self) -> int:
        """How many rows were written; -1 if none were to be."""
        return self._source.rowcount

    @property
    def taken(self) -> int:
        """How many rows were taken, by whatever way."""
        return self._gone + self._position

    async def whole(self) -> F:
        """Return the whole result; in chunks, what is left of it."""
        if self._whole is not None:
            return self._whole
        count = await self._have(None)
        rest = await self._runtime.offload(self._library.concat, self._parts(count))
        self._position += count
        return rest

    async def chunk(self, size: int) -> F | None:
        """Return the next ``size`` rows, fewer at the end, None when there are no more."""
        count = min(size, await self._have(size))
        if not count:
            return None
        chunk = await self._runtime.offload(self._library.concat, self._parts(count))
        self._position += count
        return chunk

    async def read(self) -> list[Row]:
        """Return the next rows; none at the end."""
        if not await self._have(1):
            return []
        part = self._parts(_ROWS)[0]
        rows = await self._runtime.offload(self._library.rows, part, self.columns)
        self._position += len(rows)
        return rows

    def put_back(self, count: int) -> None:
        """Undo the taking of the last rows that `read` has returned."""
        if count > self._position:
            raise ProgrammingError(f"fetchmany({count}) first: these rows were read for a fetch that was broken off")
        self._position -= count

    async def _have(self, least: int | None) -> int:
        """Read until so many rows are here, or all, and in any case the first piece; return how many are."""
        while True:
            while len(self._tables) > 1 and self._position >= (length := self._library.length(self._tables[0])):
                self._tables.popleft()
                self._position -= length
                self._gone += length
            here = sum(map(self._library.length, self._tables)) - self._position
            if self._ended or (self._tables and least is not None and here >= least):
                return here
            piece = await self._source.next()
            if piece is None:
                self._ended = True
            else:
                self._tables.append(piece)

    def _parts(self, count: int) -> list[F]:
        """Return the next rows, by piece; no rows are one without any, which has the columns."""
        parts: list[F] = []
        start = self._position
        for table in self._tables:
            stop = min(start + count, self._library.length(table))
            if stop > start or not parts:
                parts.append(self._library.part(table, start, stop))
            count -= stop - start
            start = 0
        return parts

    async def aclose(self) -> None:
        """Read no more."""
        self._whole = None
        self._tables.clear()
        self._position = 0
        self._ended = True
        await self._source.aclose()
