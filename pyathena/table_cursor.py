"""What cursors have in common whose results are tables of pyarrow, pandas or polars."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar

from typing_extensions import Unpack, override

from pyathena.athena.values import Column, QueryExecution
from pyathena.cursor import BaseCursor, ResultSet
from pyathena.errors import ProgrammingError
from pyathena.formatter import Formatter
from pyathena.results.rows import Row, TypeHints
from pyathena.results.tables import CsvTables, ParquetTables, TableLibrary, TableResult, TableSource
from pyathena.settings import CursorOptions

if TYPE_CHECKING:
    from pyathena.connection import BaseConnection

__all__ = ["TableCursor", "check_installed", "require"]


def require(module: str, extra: str) -> ModuleType:
    """Import a module that comes with an extra of this package.

    Raises:
        ImportError: it is not installed; the message says what to install.
    """
    check_installed(module, extra)
    return import_module(module)


def check_installed(module: str, extra: str) -> None:
    """Do what `require` does, but for the import, which takes long.

    Raises:
        ImportError: it is not installed; the message says what to install.
    """
    if find_spec(module) is None:
        raise ImportError(f"{module} is not installed: pip install 'pyathena[{extra}]'", name=module)


class TableCursor(BaseCursor[Row]):
    """A cursor whose result is a table, from which rows can be fetched as well.

    Args:
        unload: let Athena write the result as Parquet files (UNLOAD), which are read side by side; statements that
            are no queries are run as they are. Needs ``s3_staging_dir``. A query without rows leaves no files, and so a
            table without columns.
        chunksize: rows of a chunk, 1 or more: the result is read as it is asked for, and never whole in memory. The
            whole result is read at once if None.
    """

    _needs: ClassVar[tuple[str, str]]
    """The module of its tables, and the extra that this comes with."""

    def __init__(
        self,
        connection: BaseConnection,
        *,
        unload: bool = False,
        chunksize: int | None = None,
        **options: Unpack[CursorOptions],
    ) -> None:
        check_installed(*self._needs)
        if chunksize is not None and chunksize < 1:
            raise ProgrammingError(f"chunksize is 1 or more rows, got {chunksize}")
        self._unload = unload
        self._chunksize = chunksize
        self._unloads = False  # whether the last statement was made one that does
        super().__init__(connection, **options)

    @abstractmethod
    def _library(self, hints: TypeHints | None) -> TableLibrary[Any]:
        """Return the library of its tables. Imports it, which takes long."""

    @override
    def _prepared(self, query: str, staging: str | None) -> str:
        self._unloads = False
        if self._unload:
            query, location = Formatter.wrap_unload(query, staging)
            self._unloads = location is not None
        return query

    @override
    async def _open(self, execution: QueryExecution, hints: TypeHints | None) -> ResultSet:
        decoding = self._connection.decoding
        library = await decoding.offload(self._library, hints)
        source: TableSource[Any]
        if self._unloads:
            source = await ParquetTables.of(execution, self._connection.reader, library, decoding)
        else:
            source = CsvTables(await self._query_result(execution, 1), library, decoding)
        result = TableResult(source, library, decoding, self._chunksize)
        try:
            await result.open()
        except BaseException:
            await result.aclose()
            raise
        return result

    @override
    def _made(self, rows: list[Row], columns: Sequence[Column]) -> Iterable[Row]:
        return rows

    def _table_result(self) -> TableResult[Any]:
        result = self._opened()
        assert isinstance(result, TableResult)
        return result

    async def _whole(self) -> Any:
        """Return the whole result; in chunks, the rows that were not taken yet."""
        result = self._at_next_row()
        with self._about_query():
            table = await result.whole()
        self._fetched = result.taken
        return table

    async def _chunk(self, size: int | None) -> Any:
        """Return the next rows, None when there are no more."""
        size = self._chunksize if size is None else size
        if size is None or size < 1:
            raise ProgrammingError(f"how many rows has a chunk? Give chunksize=, 1 or more, got {size}")
        result = self._at_next_row()
        with self._about_query():
            chunk = await result.chunk(size)
        self._fetched = result.taken
        return chunk

    def _at_next_row(self) -> TableResult[Any]:
        """Return the result, from which rows that were read and not fetched can be taken again."""
        result = self._table_result()
        result.put_back(len(self._rows))
        self._rows.clear()
        return result
