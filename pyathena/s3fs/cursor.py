"""A cursor that streams the CSV object of a result row by row."""

from __future__ import annotations

from typing_extensions import override

from pyathena.athena.values import QueryExecution
from pyathena.cursor import ResultSet, SyncCursor, TupleRows
from pyathena.results.rows import Row, TypeHints

__all__ = ["BaseS3FSCursor", "S3FSCursor"]


class BaseS3FSCursor(TupleRows):
    """Rows are tuples of Python values, all of them of the object in S3, of which a few blocks are held at a time."""

    @override
    async def _open(self, execution: QueryExecution, hints: TypeHints | None) -> ResultSet:
        return await self._row_reader(execution, hints, from_object=True)


class S3FSCursor(BaseS3FSCursor, SyncCursor[Row]):
    """A cursor of synchronous code that streams the CSV object of a result."""
