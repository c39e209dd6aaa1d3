"""Rows of Python values, read as they are fetched."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any, Final

from pyathena.athena.values import Column, ResultPage, TypeHints
from pyathena.errors import DataError, OperationalError
from pyathena.results.csv import parse_records
from pyathena.results.source import QueryResult, Records
from pyathena.runtime import Runtime

__all__ = ["Row", "RowReader", "TypeHints", "column_hints"]

Row = tuple[Any, ...]

_BATCH: Final = 2000
"""Rows that are handed over at a time: whoever goes through them holds up an event loop for so many at most."""


def column_hints(columns: Sequence[Column], hints: TypeHints | None) -> list[str | None]:
    """Return the type hint of each column; hints are by name, in any case, or by index from 0."""
    said = hints or {}
    by_name = {name.casefold(): hint for name, hint in said.items() if isinstance(name, str)}
    return [said.get(index, by_name.get(column.name.casefold())) for index, column in enumerate(columns)]


class RowReader:
    """Makes rows of a result, some at a time.

    Args:
        result: the result.
        convert: makes a value of a column's text, for each column.
        runtime: where that is done.
        from_object: whether all rows are read from the object in S3; else those of the API's first page are taken as
            they are, and what follows them is read from the object instead of page by page.
    """

    def __init__(
        self,
        result: QueryResult,
        convert: Sequence[Callable[[str | None], Any]],
        runtime: Runtime,
        *,
        from_object: bool,
    ) -> None:
        self._result = result
        self._convert = convert
        self._runtime = runtime
        self._from_object = from_object and result.csv_url is not None and bool(result.columns)
        self._page: ResultPage | None = None if self._from_object else result.first
        self._records: Records | None = None
        self._raw = b""
        """Records that were read and are no rows yet: nothing is lost if a fetch is cancelled."""
        self._ready: deque[Row] = deque()
        self._continues = False  # whether the object is to have more than the page
        self._skip = 1  # records of the object that are here already, the header among them

    @property
    def columns(self) -> Sequence[Column]:
        """The columns."""
        return self._result.columns

    @property
    def rowcount(self) -> int:
        """How many rows were written; -1 if none were to be."""
        return self._result.rowcount

    async def read(self) -> list[Row]:
        """Return the next rows; none at the end."""
        if self._ready:
            await self._runtime.sleep(0)  # let others run in between
        while not self._ready and (self._page is not None or self._from_object):
            self._ready.extend(await (self._read_object() if self._page is None else self._read_page(self._page)))
        return [self._ready.popleft() for _ in range(min(_BATCH, len(self._ready)))]

    async def _read_page(self, page: ResultPage) -> list[Row]:
        rows = await self._runtime.offload(self._converted, self._result.rows_of(page))
        if page.next_token is not None and self._result.csv_url is not None:
            self._page = None
            self._from_object = True
            self._skip = len(page.rows)
            self._continues = True
        else:
            self._page = await self._result.page_after(page)
        return rows

    async def _read_object(self) -> list[Row]:
        if self._records is None:
            self._records = await self._result.records()
        self._raw = self._raw or await self._records.read()
        if not self._raw:
            await self.aclose()
            if self._continues and self._skip > 0:
                raise OperationalError(
                    "the result in S3 has fewer rows than Athena told of: it was replaced, or is not whole"
                )
            return []
        count, rows = await self._runtime.offload(self._parsed, self._raw)
        self._skip -= count - len(rows)
        self._raw = b""
        return rows

    def _parsed(self, raw: bytes) -> tuple[int, list[Row]]:
        """Return how many records these are, and the rows that are not here already."""
        try:
            records = parse_records(raw.decode())
        except UnicodeDecodeError as error:
            raise DataError(f"the result is no UTF-8: {error}") from error
        return len(records), self._converted(records[self._skip :])

    def _converted(self, rows: Sequence[Sequence[str | None]]) -> list[Row]:
        width = len(self._convert)
        if set(map(len, rows)) - {width}:
            raise DataError(f"the result has {width} columns, and a row of another width")
        converted: list[Row] = []
        # Some at a time, since what is written in C lets no other thread run, and an event loop waits as long.
        for start in range(0, len(rows), _BATCH):
            some = rows[start : start + _BATCH]
            # Column by column, which is quicker than row by row; and not by zip(*rows), which makes an iterator of each
            # row for Python's garbage collector to go through.
            columns = [map(itemgetter(index), some) for index in range(width)]
            converted += zip(*map(map, self._convert, columns), strict=True)
        return converted

    async def aclose(self) -> None:
        """Read no more."""
        self._page = None
        self._from_object = False
        self._ready.clear()
        if self._records is not None:
            await self._records.aclose()
            self._records = None
