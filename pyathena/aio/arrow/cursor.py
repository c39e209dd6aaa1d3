"""A cursor for asyncio whose results are tables of pyarrow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyathena.aio.cursor import AioBaseCursor
from pyathena.arrow.cursor import BaseArrowCursor
from pyathena.results.rows import Row

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

__all__ = ["AioArrowCursor"]


class AioArrowCursor(BaseArrowCursor, AioBaseCursor[Row]):
    """A cursor of asyncio whose results are tables of pyarrow. Options are those of `TableCursor`."""

    async def as_arrow(self) -> pa.Table:
        """Return the result as a table of pyarrow: see `pyathena.arrow.converter` for its types."""
        return await self._as_arrow()

    async def as_polars(self) -> pl.DataFrame:
        """Return the same as a frame of polars (extra ``polars``)."""
        return await self._as_polars()
