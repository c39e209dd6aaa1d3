"""A cursor whose results are frames of polars."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from pyathena.converter import Converter
from pyathena.cursor import SyncCursor
from pyathena.polars.converter import DefaultPolarsTypeConverter
from pyathena.results.rows import Row, TypeHints
from pyathena.results.tables import TableLibrary
from pyathena.runtime import drive
from pyathena.table_cursor import TableCursor, check_installed

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

__all__ = ["BasePolarsCursor", "PolarsCursor"]


class BasePolarsCursor(TableCursor):
    """What cursors have in common whose results are frames of polars."""

    _needs = ("polars", "polars")

    @override
    def _default_converter(self) -> Converter:
        return DefaultPolarsTypeConverter()

    @override
    def _library(self, hints: TypeHints | None) -> TableLibrary[Any]:
        from pyathena.polars.decoding import PolarsTables

        return PolarsTables(self._converter, hints)

    async def _as_polars(self) -> pl.DataFrame:
        frame: pl.DataFrame = await self._whole()
        return frame

    async def _as_arrow(self) -> pa.Table:
        check_installed("pyarrow", "arrow")
        frame = await self._as_polars()
        return await self._connection.decoding.offload(frame.to_arrow)


class PolarsCursor(BasePolarsCursor, SyncCursor[Row]):
    """A cursor of synchronous code whose results are frames of polars. Options are those of `TableCursor`."""

    def as_polars(self) -> pl.DataFrame:
        """Return the result as a frame of polars: see `pyathena.polars.converter` for its types.

        With ``chunksize`` these are the rows that were neither fetched nor in a chunk yet.
        """
        return drive(self._as_polars())

    def as_arrow(self) -> pa.Table:
        """Return the same as a table of pyarrow (extra ``arrow``)."""
        return drive(self._as_arrow())

    def iter_chunks(self, chunksize: int | None = None) -> Iterator[pl.DataFrame]:
        """Yield the rows that are left in frames of so many rows, the cursor's ``chunksize`` if None."""
        while (chunk := drive(self._chunk(chunksize))) is not None:
            yield chunk
