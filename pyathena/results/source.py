"""What a query has brought: its columns, and the CSV of its rows.

The CSV is the object that Athena wrote. Where there is none that says the same as Athena's API (statements other than
queries leave text without quotes; managed results, and those that the client encrypts, cannot be read from S3), it is
made of the API's pages.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from typing_extensions import override

from pyathena.athena.values import MAX_PAGE_ROWS, Column, QueryExecution, ResultPage
from pyathena.errors import OperationalError
from pyathena.results.csv import RecordSplitter, write_records
from pyathena.results.reading import Blocks, ResultReader

__all__ = ["FetchPage", "QueryResult", "RawRow", "Records"]

_WRITING: Final = frozenset({"INSERT", "UPDATE", "DELETE", "MERGE", "CREATE_TABLE_AS_SELECT"})

_MIB: Final = 2**20

RawRow = tuple[str | None, ...]

FetchPage = Callable[[str | None, int], Awaitable[ResultPage]]
"""Takes a page's token (None for the first) and how many rows it may have at most."""


class Records(Protocol):
    """Whole records of CSV, some at a time; the first is the header."""

    async def read(self) -> bytes:
        """Return the next ones; ``b""`` at the end."""
        ...

    async def aclose(self) -> None:
        """Read no more."""
        ...


class QueryResult:
    """What a query has brought.

    Args:
        execution: the query, which has succeeded.
        first: the first page of its result.
        fetch: asks Athena for the other pages.
        reader: reads objects.
    """

    def __init__(self, execution: QueryExecution, first: ResultPage, fetch: FetchPage, reader: ResultReader) -> None:
        self.execution = execution
        self.first = first
        self._fetch = fetch
        self._reader = reader

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns; none of a statement that is no query."""
        return self.first.columns

    @property
    def rowcount(self) -> int:
        """How many rows were written; -1 if none were to be."""
        told = self.execution.substatement_type in _WRITING and self.first.update_count is not None
        return (self.first.update_count or 0) if told else -1

    @property
    def csv_url(self) -> str | None:
        """The object that holds the CSV, if there is one."""
        execution = self.execution
        if execution.substatement_type in _WRITING or execution.encryption_option == "CSE_KMS":
            return None
        location = execution.output_location
        return location if location is not None and location.endswith(".csv") else None

    async def read(self) -> bytes:
        """Return the CSV, header included."""
        if self.csv_url is not None:
            return await self._reader.read(self.csv_url)
        pages = _PageRecords(self)
        parts = []
        while part := await pages.read():
            parts.append(part)
        return b"".join(parts)

    def check_whole(self, csv: bytes) -> None:
        """Raise `OperationalError` if this is not all of the CSV. It takes long if that is long."""
        if self.csv_url is None:
            return
        # A MiB at a time, so that other threads get their turn.
        quotes = sum(csv.count(b'"', start, start + _MIB) for start in range(0, len(csv), _MIB))
        if quotes % 2 or not csv.endswith(b"\n"):
            raise _broken_off(self.csv_url)

    async def records(self) -> Records:
        """Begin to read the CSV, header included."""
        if self.csv_url is not None:
            return _ObjectRecords(self.csv_url, await self._reader.open(self.csv_url))
        return _PageRecords(self)

    def rows_of(self, page: ResultPage) -> list[RawRow]:
        """Return a page's rows without the header, which is the first row of the first page where there is one."""
        rows = list(page.rows)
        is_text = (self.execution.output_location or "").endswith(".txt")  # in which there is none
        if page is self.first and not is_text and rows[:1] == [tuple(column.name for column in self.columns)]:
            del rows[0]
        # What is no query may have rows of another width, such as DESCRIBE: one cell with tabs.
        width = len(self.columns)
        return [row if len(row) == width else (*row, *(width - len(row)) * (None,))[:width] for row in rows]

    async def page_after(self, page: ResultPage) -> ResultPage | None:
        """Return the next page, if there is one."""
        return None if page.next_token is None else await self._fetch(page.next_token, MAX_PAGE_ROWS)


def _broken_off(url: str) -> OperationalError:
    return OperationalError(
        f"The result {url} is not whole: it ends without or within a record, whereas Athena ends each with a newline; "
        f"run the query again"
    )


class _ObjectRecords(Records):
    def __init__(self, url: str, blocks: Blocks) -> None:
        self._url = url
        self._blocks = blocks
        self._splitter = RecordSplitter()
        self._begun = False

    @override
    async def read(self) -> bytes:
        while block := await self._blocks.read():
            self._begun = True
            if records := self._splitter.feed(block):
                return records
        if self._splitter.rest or not self._begun:
            raise _broken_off(self._url)
        return b""

    @override
    async def aclose(self) -> None:
        await self._blocks.aclose()


class _PageRecords(Records):
    def __init__(self, result: QueryResult) -> None:
        self._result = result
        self._page: ResultPage | None = result.first
        self._begun = False

    @override
    async def read(self) -> bytes:
        while self._page is not None:
            rows = self._result.rows_of(self._page)
            self._page = await self._result.page_after(self._page)
            header = [] if self._begun else [[column.name for column in self._result.columns]]
            self._begun = True
            if rows or header:
                return write_records([*header, *rows])
        return b""

    @override
    async def aclose(self) -> None:
        self._page = None
