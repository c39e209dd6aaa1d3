"""What cursors have in common whose results are tables of pyarrow, pandas or polars."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

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

__all__ = ["TableCursor", "require"]

F = TypeVar("F")


def require(module: str, extra: str) -> ModuleType:
    """Import a module that comes with an extra of this package.

    Raises:
        ImportError: it is not installed; the message says what to install.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise ImportError(
            f"{module} is not installed: pip install 'pyathena[{extra}]'", name=error.name, path=error.path
        ) from error


class TableCursor(BaseCursor[Row]):
    """A cursor whose result is a table, from which rows can be fetched as well.

    Args:
        unload: let Athena write the result as Parquet files (UNLOAD), which are read side by side; statements that
            are no queries are run as they are. Needs ``s3_staging_dir``. A query without rows leaves no files, and so a
            table without columns.
        chunksize: rows of a chunk, 1 or more: the result is read as it is asked for, and never whole in memory. The
            whole result is read at once if None.
    """

    def __init__(
        self,
        connection: BaseConnection,
        *,
        unload: bool = False,
        chunksize: int | None = None,
        **options: Unpack[CursorOptions],
    ) -> None:
        if chunksize is not None and chunksize < 1:
            raise ProgrammingError(f"chunksize is 1 or more rows, got {chunksize}")
        self._unload = unload
        self._chunksize = chunksize
        self._unloads = False  # whether the last statement was made one that does
        super().__init__(connection, **options)

    @abstractmethod
    def _library(self, hints: TypeHints | None) -> TableLibrary[Any]:
        """Return the library of its tables."""

    @override
    def _prepared(self, query: str, staging: str | None) -> str:
        self._unloads = False
        if self._unload:
            query, location = Formatter.wrap_unload(query, staging)
            self._unloads = location is not None
        return query

    @override
    async def _open(self, execution: QueryExecution, hints: TypeHints | None) -> ResultSet:
        library = self._library(hints)
        decoding = self._connection.decoding
        source: TableSource[Any]
        if self._unloads:
            source = await ParquetTables.of(execution, self._connection.reader, library, decoding)
        else:
            source = CsvTables(await self._query_result(execution, 1), library, decoding)
        result = TableResult(source, library, decoding, self._chunksize)
        await result.open()
        return result

    @override
    def _made(self, rows: list[Row], columns: Sequence[Column]) -> Iterable[Row]:
        return rows

    def _table_result(self) -> TableResult[Any]:
        result = self._opened()
        assert isinstance(result, TableResult)
        return result

    def _chunk_size(self, given: int | None) -> int:
        size = self._chunksize if given is None else given
        if size is None or size < 1:
            raise ProgrammingError(f"how many rows has a chunk? Give chunksize=, 1 or more, got {size}")
        return size
