"""Results as tables: whole, in chunks, and rows fetched in between."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyathena.aio.arrow.cursor import AioArrowCursor
from pyathena.aio.polars.cursor import AioPolarsCursor
from pyathena.converter import Converter
from pyathena.errors import DataError, ProgrammingError
from pyathena.testing.athena import Answer, Column
from tests.cursors.conftest import LIBRARIES, ROWS, TABLES, Bench, Kind, do, items, of

CHUNKED = [kind for kind in TABLES if kind.library != "arrow"]
COLUMNS = [Column("n", "integer"), Column("s")]


def counted(count: int) -> Answer:
    return Answer(COLUMNS, [[str(number), None if number % 3 else f"'{number}\n"] for number in range(count)])


def rows_of(start: int, stop: int) -> list[tuple[int, str | None]]:
    return [(number, None if number % 3 else f"'{number}\n") for number in range(start, stop)]


def content(kind: Kind, table: Any) -> list[tuple[Any, ...]]:
    """Return a table's rows, None where it has NULL."""
    if kind.library == "arrow":
        return list(zip(*table.to_pydict().values(), strict=True))
    if kind.library == "polars":
        rows: list[tuple[Any, ...]] = table.rows()
        return rows
    return [tuple(None if value != value else value for value in row) for row in table.itertuples(index=False)]


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read and decode a few rows at a time, so that few rows have many pieces."""
    monkeypatch.setattr("pyathena.results.reading._BLOCK", 30)
    monkeypatch.setattr("pyathena.results.tables._PIECE", 50)
    monkeypatch.setattr("pyathena.results.tables._ROWS", 3)


@of(CHUNKED)
@pytest.mark.parametrize("size", [1, 7, 10, 99, 100, 101])
@pytest.mark.usefixtures("small_pieces")
def test_chunks_are_as_long_as_asked_and_in_order(bench: Bench, kind: Kind, size: int) -> None:
    statement = bench.statement(counted(100))

    async def steps(cursor: Any) -> Any:
        await do(cursor.execute(statement))
        chunks = await items(cursor.iter_chunks())
        return chunks, await do(cursor.fetchone()), cursor.rownumber

    chunks, after, rownumber = bench.run(kind, steps, chunksize=size)
    full, rest = divmod(100, size)
    assert [len(chunk) for chunk in chunks] == [size] * full + [rest] * (rest > 0)
    assert [row for chunk in chunks for row in content(kind, chunk)] == rows_of(0, 100)
    assert (after, rownumber) == (None, 100)


@of(CHUNKED)
def test_a_whole_result_can_be_gone_through_in_chunks_too(bench: Bench, kind: Kind) -> None:
    statement = bench.statement(counted(10))

    async def steps(cursor: Any) -> Any:
        await do(cursor.execute(statement))
        chunks = await items(cursor.iter_chunks(4))
        return [len(chunk) for chunk in chunks], content(kind, await kind.table(cursor))

    assert bench.run(kind, steps) == ([4, 4, 2], rows_of(0, 10))


@of(CHUNKED)
@pytest.mark.parametrize("rows", [0, 1])
def test_an_empty_result_has_no_chunks_and_its_columns(bench: Bench, kind: Kind, rows: int) -> None:
    statement = bench.statement(counted(rows))

    async def steps(cursor: Any) -> Any:
        await do(cursor.execute(statement))
        return await items(cursor.iter_chunks()), await kind.table(cursor), await do(cursor.fetchall())

    chunks, table, fetched = bench.run(kind, steps, chunksize=5)
    assert len(chunks) == rows
    assert (list(table.columns), len(table), fetched) == (["n", "s"], 0, [])


@of(TABLES)
@pytest.mark.parametrize("chunksize", [None, 5])
def test_a_statement_without_columns_has_a_table_without_any(bench: Bench, kind: Kind, chunksize: int | None) -> None:
    statement = bench.statement(Answer(), "CREATE EXTERNAL TABLE t{} (a int) LOCATION 's3://b/'")

    async def steps(cursor: Any) -> Any:
        await do(cursor.execute(statement))
        table = await kind.table(cursor)
        columns = table.column_names if kind.library == "arrow" else table.columns
        return list(columns), len(table), await do(cursor.fetchall()), cursor.description

    assert bench.run(kind, steps, chunksize=chunksize) == ([], 0, [], None)


@of(CHUNKED)
@pytest.mark.parametrize("chunksize", [0, -1])
def test_a_chunk_has_a_row_at_least(bench: Bench, kind: Kind, chunksize: int) -> None:
    async def steps(cursor: Any) -> None:
        with pytest.raises(ProgrammingError, match="chunk"):
            await items(cursor.iter_chunks(chunksize))
        with pytest.raises(ProgrammingError, match="chunk"):
            await items(cursor.iter_chunks())  # neither here nor at the cursor

    bench.run(kind, steps)
    with pytest.raises(ProgrammingError, match="chunksize is 1 or more rows"):
        bench.run(kind, steps, chunksize=chunksize)


# What a program may do, in any order: take rows, take a chunk, take all that is left as rows or as a table.
STEPS = st.lists(
    st.one_of(
        st.just(("fetchone", 1)),
        st.tuples(st.sampled_from(["fetchmany", "chunk"]), st.integers(1, 12)),
    ),
    max_size=8,
)


@given(st.integers(0, 30), STEPS, st.sampled_from(["fetchall", "table"]))
@settings(max_examples=25, deadline=None)
def test_each_row_is_taken_once_by_whatever_way(shared_bench: Bench, count: int, ways: list[Any], last: str) -> None:
    statement = shared_bench.statement(counted(count))

    def taking(kind: Kind) -> Callable[[Any], Any]:
        async def steps(cursor: Any) -> None:
            await do(cursor.execute(statement))
            taken = 0
            for way, size in [*ways, (last, count)]:
                rows = await take(cursor, kind, way, size)
                assert rows == rows_of(taken, min(taken + size, count)), (way, size)
                taken += len(rows)
                assert cursor.rownumber == taken

        return steps

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pyathena.results.reading._BLOCK", 30)
        patch.setattr("pyathena.results.tables._PIECE", 50)
        patch.setattr("pyathena.results.tables._ROWS", 3)
        for kind in (kind for kind in LIBRARIES if kind.library != "arrow"):
            shared_bench.run(kind, taking(kind), chunksize=4)


async def take(cursor: Any, kind: Kind, way: str, size: int) -> list[tuple[Any, ...]]:
    if way == "table":
        return content(kind, await kind.table(cursor))
    if way == "chunk":
        chunks = cursor.iter_chunks(size)
        if kind.is_aio:
            chunk = await anext(chunks, None)
            await chunks.aclose()
        else:
            chunk = next(chunks, None)
        return [] if chunk is None else content(kind, chunk)
    if way == "fetchone":
        row = await do(cursor.fetchone())
        return [] if row is None else [row]
    rows: list[tuple[Any, ...]] = await do(cursor.fetchmany(size) if way == "fetchmany" else cursor.fetchall())
    return rows


@of(kind for kind in CHUNKED if kind.library == "pandas")
@pytest.mark.usefixtures("small_pieces")
def test_the_index_of_pandas_is_the_rows_number_in_the_result(bench: Bench, kind: Kind) -> None:
    statement = bench.statement(counted(20))

    async def steps(cursor: Any) -> Any:
        await do(cursor.execute(statement))
        await do(cursor.fetchone())
        chunks = await items(cursor.iter_chunks(8))
        await do(cursor.execute(statement))
        return [list(chunk.index) for chunk in chunks], list((await kind.table(cursor)).index)

    chunks, whole = bench.run(kind, steps, chunksize=8)
    assert chunks == [list(range(1, 9)), list(range(9, 17)), list(range(17, 20))]
    assert whole == list(range(20))


@of(kind for kind in LIBRARIES if kind.library != "pandas")
def test_a_table_comes_as_one_of_pyarrow_or_polars_too(bench: Bench, kind: Kind) -> None:
    statement = bench.statement(counted(5))

    async def steps(cursor: Any) -> Any:
        await do(cursor.execute(statement))
        return await do(cursor.as_arrow()), await do(cursor.as_polars())

    arrow, polars = bench.run(kind, steps)
    assert list(zip(*arrow.to_pydict().values(), strict=True)) == polars.rows() == rows_of(0, 5)


class Refusing(Converter):
    """A converter that refuses a text until it is told not to."""

    def __init__(self) -> None:
        super().__init__({"varchar": self._text}, str)
        self.refused = "'9\n"

    def _text(self, text: str) -> str:
        if text == self.refused:
            raise ValueError("not yet")
        return text


@of(kind for kind in LIBRARIES if kind.library == "polars")
@pytest.mark.usefixtures("small_pieces")
def test_rows_of_a_fetch_that_broke_off_come_before_chunks(bench: Bench, kind: Kind) -> None:
    statement = bench.statement(counted(20))
    converter = Refusing()

    async def steps(cursor: Any) -> Any:
        await do(cursor.execute(statement))
        with pytest.raises(DataError, match="not yet"):
            await do(cursor.fetchmany(15))
        with pytest.raises(ProgrammingError, match=r"fetchmany\(\d\) first") as raised:
            await items(cursor.iter_chunks())
        first = await do(cursor.fetchmany(int(str(raised.value)[10])))
        return len(first), [len(chunk) for chunk in await items(cursor.iter_chunks())]

    first, chunks = bench.run(kind, steps, chunksize=5, converter=converter)
    assert 0 < first < 10
    assert first + sum(chunks) == 20


# --- a fetch that is cancelled -----------------------------------------------------------------------


class Held(Converter):
    """A converter whose first text waits until it is let go."""

    def __init__(self) -> None:
        super().__init__({"varchar": self._text}, str)
        self.begun = threading.Event()
        self.go_on = threading.Event()

    def _text(self, text: str) -> str:
        self.begun.set()
        assert self.go_on.wait(30)
        return text


@of(
    [
        *(kind for kind in ROWS if kind.is_aio),
        # pandas converts nothing when rows are fetched.
        *(Kind(kind, {"chunksize": size}) for kind in (AioArrowCursor, AioPolarsCursor) for size in (None, 5)),
    ]
)
def test_a_cancelled_fetch_takes_nothing_away(bench: Bench, kind: Kind) -> None:
    statement = bench.statement(counted(20))
    converter = Held()

    async def steps(cursor: Any) -> Any:
        await cursor.execute(statement)
        fetch = asyncio.create_task(cursor.fetchone())
        assert await asyncio.to_thread(converter.begun.wait, 30)
        fetch.cancel()
        converter.go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await fetch
        return [row["s"] if isinstance(row, dict) else row[1] for row in await cursor.fetchall()]

    assert bench.run(kind, steps, converter=converter) == [text for _, text in rows_of(0, 20)]
