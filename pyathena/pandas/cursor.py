"""A cursor whose results are frames of pandas."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Self

from typing_extensions import Unpack, override

from pyathena.converter import Converter
from pyathena.cursor import Parameters, SyncCursor
from pyathena.errors import ProgrammingError
from pyathena.pandas.converter import DefaultPandasTypeConverter
from pyathena.results.rows import Row, TypeHints
from pyathena.results.tables import TableLibrary
from pyathena.runtime import drive
from pyathena.settings import CursorOptions, ExecuteArguments, ExecuteOptions
from pyathena.table_cursor import TableCursor, check_installed

if TYPE_CHECKING:
    import pandas as pd

    from pyathena.connection import BaseConnection
    from pyathena.pandas.decoding import CsvEngine

__all__ = ["BasePandasCursor", "PandasCursor"]

_ENGINES = ("auto", "c", "python", "pyarrow")


class BasePandasCursor(TableCursor):
    """What cursors have in common whose results are frames of pandas.

    Args:
        engine: what parses CSV: ``c`` (``auto`` too), ``python`` (no values beyond `csv.field_size_limit`, 128 KiB), or
            ``pyarrow`` (extra ``arrow``).
    """

    _needs = ("pandas", "pandas")

    def __init__(
        self,
        connection: BaseConnection,
        *,
        unload: bool = False,
        chunksize: int | None = None,
        engine: CsvEngine = "auto",
        **options: Unpack[CursorOptions],
    ) -> None:
        if engine not in _ENGINES:
            raise ProgrammingError(f"engine is one of {', '.join(_ENGINES)}, got {engine!r}")
        if unload or engine == "pyarrow":
            check_installed("pyarrow", "arrow")
        self._engine: CsvEngine = engine
        self._na_values: tuple[str, ...] = ()
        self._keep_default_na = False
        super().__init__(connection, unload=unload, chunksize=chunksize, **options)

    @override
    def _default_converter(self) -> Converter:
        return DefaultPandasTypeConverter()

    @override
    def _library(self, hints: TypeHints | None) -> TableLibrary[Any]:
        from pyathena.pandas.decoding import CsvReading, PandasTables

        reading = CsvReading(engine=self._engine, na_values=self._na_values, keep_default_na=self._keep_default_na)
        return PandasTables(self._converter, hints, reading)

    def _take_as_null(self, na_values: Sequence[str], keep_default_na: bool) -> None:
        """Let texts of the next result be NULL, too."""
        if self._engine == "pyarrow" and (na_values or keep_default_na):
            raise ProgrammingError("engine='pyarrow' knows neither na_values nor keep_default_na; use engine='c'")
        self._na_values = tuple(na_values)
        self._keep_default_na = keep_default_na

    async def _as_pandas(self) -> pd.DataFrame:
        frame: pd.DataFrame = await self._whole()
        return frame

    async def _numbered_chunk(self, size: int | None) -> pd.DataFrame | None:
        frame: pd.DataFrame | None = await self._chunk(size)
        if frame is not None:
            stop = self._table_result().taken
            frame.index = range(stop - len(frame), stop)  # type: ignore[assignment]  # becomes a RangeIndex
        return frame


class PandasCursor(BasePandasCursor, SyncCursor[Row]):
    """A cursor of synchronous code whose results are frames of pandas."""

    @override
    def execute(
        self,
        operation: str,
        parameters: Parameters = None,
        *,
        options: ExecuteOptions | None = None,
        na_values: Sequence[str] = (),
        keep_default_na: bool = False,
        **arguments: Unpack[ExecuteArguments],
    ) -> Self:
        """Do what `SyncCursor.execute` does.

        Args:
            operation: see there.
            parameters: see there.
            options: see there.
            na_values: texts of a CSV result that are to be NULL; ``[""]`` makes the empty string one.
            keep_default_na: whether those are to be that pandas takes for it (``NA``, ``null``, ``""`` …).
            **arguments: see there.
        """
        self._take_as_null(na_values, keep_default_na)
        return super().execute(operation, parameters, options=options, **arguments)

    def as_pandas(self) -> pd.DataFrame:
        """Return the result as a frame of pandas: see `pyathena.pandas.converter` for its types.

        With ``chunksize`` these are the rows that were neither fetched nor in a chunk yet.
        """
        return drive(self._as_pandas())

    def iter_chunks(self, chunksize: int | None = None) -> Iterator[pd.DataFrame]:
        """Yield the rows that are left in frames of so many rows, the cursor's ``chunksize`` if None.

        The index goes on from chunk to chunk.
        """
        while (chunk := drive(self._numbered_chunk(chunksize))) is not None:
            yield chunk
