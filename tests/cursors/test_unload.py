"""Results that Athena writes as Parquet files."""

from __future__ import annotations

import asyncio
import io
import re
import threading
from collections.abc import Awaitable, Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from pyathena.errors import DataError, OperationalError, ProgrammingError
from pyathena.testing.athena import Answer, Column
from tests.cursors.conftest import LIBRARIES, Bench, Kind, do, items, of

UNLOADING = [Kind(kind.cursor, {"unload": True}) for kind in LIBRARIES]
CHUNKED = [kind for kind in UNLOADING if kind.library != "arrow"]


def written(table: pa.Table) -> bytes:
    """Write a file as Athena does: timestamps are INT96, and nothing tells of Arrow's types."""
    file = io.BytesIO()
    parquet.write_table(table, file, use_deprecated_int96_timestamps=True, store_schema=False)
    return file.getvalue()


def numbers(*values: int | None) -> bytes:
    return written(pa.table({"n": pa.array(values, pa.int32())}))


def unload(bench: Bench, *files: bytes) -> str:
    """Return a query whose result is written to such files."""
    query = bench.statement(Answer([Column("never", "asked")]))
    bench.athena.answer(re.compile(rf"UNLOAD \(\s*{re.escape(query)}\s*\)"), Answer(files=files))
    return query


async def fetched(kind: Kind, cursor: Any, query: str, **execute: Any) -> tuple[list[Any], Any, Any]:
    """Return the rows, the table and the description."""
    await do(cursor.execute(query, **execute))
    return await do(cursor.fetchall()), await kind.table(cursor), cursor.description


@of(UNLOADING)
def test_all_files_are_read_in_the_order_of_the_manifest(bench: Bench, kind: Kind) -> None:
    query = unload(bench, numbers(3, None), numbers(), numbers(1), numbers(2))
    rows, table, _ = bench.run(kind, lambda cursor: fetched(kind, cursor, query))
    assert rows == [(3,), (None,), (1,), (2,)]
    assert len(table) == 4
    assert bench.athena.executions[list(bench.athena.executions)[-1]].manifest_location is not None


VALUES: dict[str, tuple[Any, list[Any]]] = {
    "b": (pa.bool_(), [True, None]),
    "i8": (pa.int8(), [-128, None]),
    "i16": (pa.int16(), [1, None]),
    "i32": (pa.int32(), [1, None]),
    "i64": (pa.int64(), [2**63 - 1, None]),
    "f32": (pa.float32(), [1.5, None]),
    "f64": (pa.float64(), [0.1, None]),
    "dec": (pa.decimal128(38, 10), [Decimal("1234567890123456789012345678.0123456789"), None]),
    "s": (pa.string(), ["", None]),
    "d": (pa.date32(), [date(9999, 12, 31), None]),
    "t": (pa.timestamp("us"), [datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999_999)]),
    "v": (pa.binary(), [b"\x00\xff", None]),
    "arr": (pa.list_(pa.list_(pa.int64())), [[[1, None], []], None]),
    "obj": (pa.struct([("a", pa.int64()), ("l", pa.list_(pa.string()))]), [{"a": 1, "l": ["x"]}, None]),
}
TYPES = {
    "arrow": "bool int8 int16 int32 int64 float double decimal128(38,_10) string date32[day] timestamp[us] binary "
    "list<element:_list<element:_int64>> struct<a:_int64,_l:_list<element:_string>>",
    "pandas": "object Int64 Int64 Int64 Int64 float32 float64 object str datetime64[us] datetime64[us] object object "
    "object",
    "polars": "Boolean Int8 Int16 Int32 Int64 Float32 Float64 Decimal(precision=38,_scale=10) String Date "
    "Datetime(time_unit='us',_time_zone=None) Binary List(List(Int64)) Struct({'a':_Int64,_'l':_List(String)})",
}
TOLD = "boolean tinyint smallint integer bigint float double decimal varchar date timestamp varbinary array row"


@of(UNLOADING)
def test_types_of_columns_are_those_of_the_files(bench: Bench, kind: Kind) -> None:
    table = pa.table({name: pa.array(values, type_) for name, (type_, values) in VALUES.items()})
    query = unload(bench, written(table), written(table.slice(0, 0)))
    rows, got, description = bench.run(kind, lambda cursor: fetched(kind, cursor, query))
    types = got.schema.types if kind.library == "arrow" else got.dtypes
    assert [str(type_).replace(", ", ",_").replace(": ", ":_") for type_ in types] == TYPES[kind.library].split()
    assert rows == list(zip(*[values for _, values in VALUES.values()], strict=True))
    assert [type(value) for value in rows[0]] == [type(values[0]) for _, values in VALUES.values()]
    assert [column[:2] for column in description] == list(zip(VALUES, TOLD.split(), strict=True))
    assert description[list(VALUES).index("dec")][4:6] == (38, 10)


@of(kind for kind in UNLOADING if kind.library != "polars")  # for which a map is a list of key and value
def test_a_map_is_a_dictionary(bench: Bench, kind: Kind) -> None:
    maps = pa.array([[("a", 1)], None, []], pa.map_(pa.string(), pa.int64()))
    query = unload(bench, written(pa.table({"m": maps})))
    rows, _, description = bench.run(kind, lambda cursor: fetched(kind, cursor, query))
    assert rows == [({"a": 1},), (None,), ({},)]
    assert description[0][:2] == ("m", "map")


@of(UNLOADING)
def test_a_query_without_rows_leaves_no_files_and_no_columns(bench: Bench, kind: Kind) -> None:
    query = unload(bench)
    rows, table, description = bench.run(kind, lambda cursor: fetched(kind, cursor, query))
    assert (rows, len(table), description) == ([], 0, None)


@of(UNLOADING)
def test_a_statement_that_is_no_query_runs_as_it_is(bench: Bench, kind: Kind) -> None:
    shown = bench.statement(Answer([Column("tab_name", "string")], [["a"], ["b"]]), "SHOW TABLES IN d{}")
    rows, _, description = bench.run(kind, lambda cursor: fetched(kind, cursor, shown))
    assert rows == [("a",), ("b",)]
    assert description[0][:2] == ("tab_name", "string")


@of(UNLOADING)
def test_unload_needs_a_place_of_its_own(bench: Bench, kind: Kind) -> None:
    with pytest.raises(ProgrammingError, match="s3_staging_dir"):
        bench.run(kind, lambda cursor: fetched(kind, cursor, "SELECT 1"), work_group="primary", s3_staging_dir="")


# --- chunks ------------------------------------------------------------------------------------------


@of(CHUNKED)
@pytest.mark.parametrize(("size", "lengths"), [(3, [3, 3, 3, 1]), (1, [1] * 10), (4, [4, 4, 2]), (100, [10])])
def test_chunks_go_over_the_ends_of_files(bench: Bench, kind: Kind, size: int, lengths: list[int]) -> None:
    query = unload(bench, numbers(0, 1, 2, 3), numbers(), numbers(4, 5, 6, 7, 8), numbers(9))

    async def steps(cursor: Any) -> Any:
        await do(cursor.execute(query))
        assert cursor.description[0][:2] == ("n", "integer")
        return await items(cursor.iter_chunks())

    chunks = bench.run(kind, steps, chunksize=size)
    assert [len(chunk) for chunk in chunks] == lengths
    assert [number for chunk in chunks for number in chunk["n"]] == list(range(10))


@of(CHUNKED)
def test_nothing_has_no_chunks(bench: Bench, kind: Kind) -> None:
    query = unload(bench)

    async def steps(cursor: Any) -> Any:
        await do(cursor.execute(query))
        return await items(cursor.iter_chunks()), await kind.table(cursor)

    chunks, table = bench.run(kind, steps, chunksize=3)
    assert (chunks, len(table)) == ([], 0)


# --- side by side ------------------------------------------------------------------------------------


def _all_at_once(kind: Kind, parties: int) -> Callable[[str], Awaitable[None]]:
    """Hold requests up until so many are in flight; the first, for the manifest, passes."""
    here = asyncio.Barrier(parties) if kind.is_aio else threading.Barrier(parties)
    seen = iter(range(1_000_000))

    async def before(operation: str) -> None:
        assert operation == "get_object_range"
        if next(seen) > 0:
            await do(here.wait())  # for ever, if they do not come: then the test's own timeout ends it

    return before


@of(UNLOADING)
def test_files_are_read_at_the_same_time(bench: Bench, kind: Kind) -> None:
    files = 16
    bench.s3.before = _all_at_once(kind, files)
    query = unload(bench, *map(numbers, range(files)))
    rows, _, _ = bench.run(kind, lambda cursor: fetched(kind, cursor, query))
    assert rows == [(number,) for number in range(files)]
    assert bench.s3.peak == files
    assert len(bench.s3.requests) == 1 + files


@of(CHUNKED)
def test_in_chunks_one_file_is_sent_for_ahead_and_no_more(bench: Bench, kind: Kind) -> None:
    query = unload(bench, *map(numbers, range(9)))

    async def steps(cursor: Any) -> Any:
        await do(cursor.execute(query))
        assert await do(cursor.fetchone()) == (0,)
        return len(bench.s3.requests)

    # The manifest, the first file, and the second.
    assert bench.run(kind, steps, chunksize=1) <= 3


# --- what goes wrong ---------------------------------------------------------------------------------


def to_second_file(bench: Bench, act: Callable[[str], Any]) -> dict[str, Any]:
    """Return what tells `execute` to do something to the second file when it is written and not read yet."""

    def started(query_id: str) -> None:
        location = bench.athena.executions[query_id].manifest_location
        assert location is not None
        manifest = bench.get(location.removeprefix("s3://results/"))
        act(manifest.decode().split()[1].removeprefix("s3://results/"))

    return {"on_start_query_execution": started}


@of(UNLOADING)
@pytest.mark.parametrize("chunksize", [None, 1])
def test_a_file_that_is_not_there_is_an_error_that_names_it(bench: Bench, kind: Kind, chunksize: int | None) -> None:
    query = unload(bench, numbers(1), numbers(2), numbers(3))

    async def steps(cursor: Any) -> Any:
        with pytest.raises(OperationalError, match=r"s3://results/unload/.* is not there"):
            await fetched(kind, cursor, query, **to_second_file(bench, bench.delete))
        return await fetched(kind, cursor, unload(bench, numbers(7)))  # the cursor can be used on

    rows, _, _ = bench.run(kind, steps, chunksize=chunksize)
    assert rows == [(7,)]


@of(UNLOADING)
@pytest.mark.parametrize("chunksize", [None, 1])
def test_a_file_that_is_no_parquet_is_an_error(bench: Bench, kind: Kind, chunksize: int | None) -> None:
    query = unload(bench, numbers(1), numbers(2), numbers(3))

    async def steps(cursor: Any) -> None:
        with pytest.raises(DataError, match="Parquet"):
            spoil = to_second_file(bench, lambda key: bench.put(key, b"PAR1 and so on PAR1"))
            await fetched(kind, cursor, query, **spoil)

    bench.run(kind, steps, chunksize=chunksize)


@of(UNLOADING)
def test_a_file_that_may_not_be_read_is_an_error_that_says_what_is_needed(bench: Bench, kind: Kind) -> None:
    query = unload(bench, numbers(1), numbers(2))

    async def steps(cursor: Any) -> None:
        with pytest.raises(OperationalError, match="s3:GetObject"):
            await fetched(kind, cursor, query, **to_second_file(bench, bench.deny))

    bench.run(kind, steps)
