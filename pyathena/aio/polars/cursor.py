"""A cursor for asyncio whose results are frames of polars."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from pyathena.aio.cursor import AioBaseCursor
from pyathena.polars.cursor import BasePolarsCursor
from pyathena.results.rows import Row

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

__all__ = ["AioPolarsCursor"]


class AioPolarsCursor(BasePolarsCursor, AioBaseCursor[Row]):
    """A cursor of asyncio whose results are frames of polars. Options are those of `TableCursor`."""

    async def as_polars(self) -> pl.DataFrame:
        """Return the result as a frame of polars: see `pyathena.polars.converter` for its types.

        With ``chunksize`` these are the rows that were neither fetched nor in a chunk yet.
        """
        return await self._as_polars()

    async def as_arrow(self) -> pa.Table:
        """Return the same as a table of pyarrow (extra ``arrow``)."""
        return await self._as_arrow()

    async def iter_chunks(self, chunksize: int | None = None) -> AsyncIterator[pl.DataFrame]:
        """Yield the rows that are left in frames of so many rows, the cursor's ``chunksize`` if None."""
        while (chunk := await self._chunk(chunksize)) is not None:
            yield chunk
