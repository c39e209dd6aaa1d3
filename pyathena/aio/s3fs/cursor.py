"""A cursor for asyncio that streams the CSV object of a result row by row."""

from __future__ import annotations

from pyathena.aio.cursor import AioBaseCursor
from pyathena.results.rows import Row
from pyathena.s3fs.cursor import BaseS3FSCursor

__all__ = ["AioS3FSCursor"]


class AioS3FSCursor(BaseS3FSCursor, AioBaseCursor[Row]):
    """A cursor of asyncio that streams the CSV object of a result, in bounded memory."""
