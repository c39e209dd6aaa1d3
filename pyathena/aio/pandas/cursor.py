"""A cursor for asyncio whose results are frames of pandas."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Self

from typing_extensions import Unpack, override

from pyathena.aio.cursor import AioBaseCursor
from pyathena.cursor import Parameters
from pyathena.pandas.cursor import BasePandasCursor
from pyathena.results.rows import Row
from pyathena.settings import ExecuteArguments, ExecuteOptions

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["AioPandasCursor"]


class AioPandasCursor(BasePandasCursor, AioBaseCursor[Row]):
    """A cursor of asyncio whose results are frames of pandas."""

    @override
    async def execute(
        self,
        operation: str,
        parameters: Parameters = None,
        *,
        options: ExecuteOptions | None = None,
        na_values: Sequence[str] = (),
        keep_default_na: bool = False,
        **arguments: Unpack[ExecuteArguments],
    ) -> Self:
        """Do what `AioBaseCursor.execute` does.

        Args:
            operation: see there.
            parameters: see there.
            options: see there.
            na_values: texts of a CSV result that are to be NULL; ``[""]`` makes the empty string one.
            keep_default_na: whether those are to be that pandas takes for it (``NA``, ``null``, ``""`` …).
            **arguments: see there.
        """
        self._take_as_null(na_values, keep_default_na)
        return await super().execute(operation, parameters, options=options, **arguments)

    async def as_pandas(self) -> pd.DataFrame:
        """Return the result as a frame of pandas: see `pyathena.pandas.converter` for its types.

        With ``chunksize`` these are the rows that were neither fetched nor in a chunk yet.
        """
        return await self._as_pandas()

    async def iter_chunks(self, chunksize: int | None = None) -> AsyncIterator[pd.DataFrame]:
        """Yield the rows that are left in frames of so many rows, the cursor's ``chunksize`` if None.

        The index goes on from chunk to chunk.
        """
        while (chunk := await self._numbered_chunk(chunksize)) is not None:
            yield chunk
