"""A cursor whose results are tables of pyarrow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from typing_extensions import override

from pyathena.arrow.converter import DefaultArrowTypeConverter
from pyathena.converter import Converter
from pyathena.cursor import SyncCursor
from pyathena.results.rows import Row, TypeHints
from pyathena.results.tables import TableLibrary
from pyathena.runtime import drive
from pyathena.table_cursor import TableCursor, check_installed, require

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

__all__ = ["ArrowCursor", "BaseArrowCursor"]


class BaseArrowCursor(TableCursor):
    """What cursors have in common whose results are tables of pyarrow."""

    _needs = ("pyarrow", "arrow")

    @override
    def _default_converter(self) -> Converter:
        return DefaultArrowTypeConverter()

    @override
    def _library(self, hints: TypeHints | None) -> TableLibrary[Any]:
        from pyathena.arrow.decoding import ArrowTables

        return ArrowTables(self._converter, hints)

    async def _as_arrow(self) -> pa.Table:
        table: pa.Table = await self._whole()
        return table

    async def _as_polars(self) -> pl.DataFrame:
        check_installed("polars", "polars")
        return await self._connection.decoding.offload(_to_polars, await self._as_arrow())


def _to_polars(table: pa.Table) -> pl.DataFrame:
    frame: pl.DataFrame = require("polars", "polars").from_arrow(table)
    return frame


class ArrowCursor(BaseArrowCursor, SyncCursor[Row]):
    """A cursor of synchronous code whose results are tables of pyarrow. Options are those of `TableCursor`."""

    def as_arrow(self) -> pa.Table:
        """Return the result as a table of pyarrow: see `pyathena.arrow.converter` for its types."""
        return drive(self._as_arrow())

    def as_polars(self) -> pl.DataFrame:
        """Return the same as a frame of polars (extra ``polars``)."""
        return drive(self._as_polars())
