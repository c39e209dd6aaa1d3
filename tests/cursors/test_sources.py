"""Where rows come from: the API's pages, the object in S3, or one after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyathena.errors import DataError, OperationalError
from pyathena.testing.athena import Answer, Column, WorkGroup
from tests.cursors.conftest import LIBRARIES, ROWS, TABLES, Bench, Kind, do, of

PAGED = [kind for kind in ROWS if "S3FS" not in str(kind)]
STREAMED = [kind for kind in ROWS if "S3FS" in str(kind)]
CHUNKED = [Kind(kind.cursor, {"chunksize": 2}) for kind in LIBRARIES]


def plain(rows: list[Any]) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) if isinstance(row, dict) else row for row in rows]


def pages(bench: Bench) -> int:
    """Count the calls of GetQueryResults for the last query."""
    query_id = list(bench.athena.executions)[-1]
    return [call["QueryExecutionId"] for call in bench.athena.calls("GetQueryResults")].count(query_id)


# --- the first page by the API, the rest from S3 -------------------------------------------------------


@of(PAGED)
@pytest.mark.parametrize("count", [0, 1, 998, 999, 1000, 1001, 2500])
def test_one_page_is_asked_for_and_what_follows_is_read_from_s3(bench: Bench, kind: Kind, count: int) -> None:
    rows = [[str(number), None if number % 2 else ""] for number in range(count)]
    got = bench.rows(kind, Answer([Column("n", "integer"), Column("s")], rows))
    assert plain(got) == [(number, None if number % 2 else "") for number in range(count)]
    assert pages(bench) == 1
    assert bool(bench.s3.requests) == (count > 999)  # a page has 1000 rows, of which one is the header


CELL = st.none() | st.text(st.sampled_from('ab",\n\r é😀\x00'), max_size=4)


@given(st.lists(st.tuples(CELL, CELL), min_size=1, max_size=4))
@settings(max_examples=10, deadline=None)
def test_a_page_and_the_object_say_the_same_of_any_text(shared_bench: Bench, some: list[Any]) -> None:
    many = some * (1100 // len(some) + 1)
    for kind in PAGED:
        assert plain(shared_bench.rows(kind, Answer([Column("a"), Column("b")], many))) == many


@of(PAGED)
def test_rows_that_look_like_the_header_are_rows(bench: Bench, kind: Kind) -> None:
    rows: list[list[str | None]] = [["a"]] * 2001
    assert plain(bench.rows(kind, Answer([Column("a")], rows))) == [("a",)] * 2001


@of(STREAMED)
def test_a_streamed_result_is_read_from_s3_from_the_first_row_on(bench: Bench, kind: Kind) -> None:
    assert bench.rows(kind, Answer([Column("a")], [["a"], [None]])) == [("a",), (None,)]
    assert pages(bench) == 1  # of one row, which tells the columns
    assert bench.s3.requests


# --- where there is no object that says the same ------------------------------------------------------


@of([*ROWS, *TABLES, *CHUNKED])
@pytest.mark.parametrize("count", [0, 3, 1100])
def test_what_athena_keeps_itself_is_read_page_by_page(bench: Bench, kind: Kind, count: int) -> None:
    bench.athena.work_groups["managed"] = WorkGroup(managed=True)
    rows = [[str(number), None if number % 2 else "'\n"] for number in range(count)]
    statement = bench.statement(Answer([Column("n", "integer"), Column("s")], rows))

    async def steps(cursor: Any) -> Any:
        await do(cursor.execute(statement))
        return await do(cursor.fetchall())

    own = Kind(kind.cursor, {**kind.options, "work_group": "managed", "s3_staging_dir": ""})
    assert plain(bench.run(own, steps)) == [(number, None if number % 2 else "'\n") for number in range(count)]
    assert bench.s3.requests == []


@of([*ROWS, *LIBRARIES])
def test_what_the_client_encrypts_is_read_page_by_page(bench: Bench, kind: Kind) -> None:
    own = Kind(kind.cursor, {"encryption_option": "CSE_KMS", "kms_key": "key"})
    rows: list[list[str | None]] = [["x"], [None]] * 600
    assert plain(bench.rows(own, Answer([Column("a")], rows))) == [("x",), (None,)] * 600
    assert bench.s3.requests == []


@of([*ROWS, *LIBRARIES, *CHUNKED])
def test_statements_that_are_no_queries_are_read_page_by_page(bench: Bench, kind: Kind) -> None:
    names = ["tab_name", *(f"t{number}" for number in range(1100))]  # a table may be called like the column
    answer = Answer([Column("tab_name", "string")], [[name] for name in names])
    statement = bench.statement(answer, "SHOW TABLES IN d{}")

    async def steps(cursor: Any) -> Any:
        await do(cursor.execute(statement))
        return await do(cursor.fetchall())

    assert plain(bench.run(kind, steps)) == [(name,) for name in names]
    assert bench.s3.requests == []


@of([*ROWS, *LIBRARIES])
def test_describe_has_all_its_text_in_the_first_column(bench: Bench, kind: Kind) -> None:
    columns = [Column("col_name", "string"), Column("data_type", "string"), Column("comment", "string")]
    statement = bench.statement(Answer(columns, text="id\tint\t\nname\tstring\tof whom\n"), "DESCRIBE t{}")

    async def steps(cursor: Any) -> Any:
        await do(cursor.execute(statement))
        return await do(cursor.fetchall())

    assert plain(bench.run(kind, steps)) == [("id\tint\t", None, None), ("name\tstring\tof whom", None, None)]


@of([*ROWS, *LIBRARIES, *CHUNKED])
@pytest.mark.parametrize(
    "text", ["INSERT INTO t SELECT {}", "CREATE TABLE t{} AS SELECT 1", "UPDATE t SET a = {}", "DELETE FROM t{}"]
)
def test_a_statement_that_writes_tells_how_many_rows(bench: Bench, kind: Kind, text: str) -> None:
    statement = bench.statement(Answer(update_count=3), text)

    async def steps(cursor: Any) -> Any:
        await do(cursor.execute(statement))
        return cursor.rowcount, await do(cursor.fetchall())

    assert bench.run(kind, steps) == (3, [])


# --- what goes wrong ---------------------------------------------------------------------------------

READERS = [*STREAMED, *TABLES, *CHUNKED]


def to_result(act: Callable[[str], Any]) -> dict[str, Any]:
    """Return what tells `execute` to do something to the result when it is written and not read yet."""
    return {"on_start_query_execution": lambda query_id: act(f"{query_id}.csv")}


@of([*READERS, *PAGED])
def test_a_result_that_is_not_there_is_an_error_that_says_what_to_do(bench: Bench, kind: Kind) -> None:
    rows = [["x"]] * 1500
    with pytest.raises(OperationalError, match=r"s3://results/.*\.csv is not there.*run the query again") as caught:
        bench.rows(kind, Answer([Column("a")], rows, write_result=False))
    assert caught.value.query_id == list(bench.athena.executions)[-1]


@of([*READERS, *PAGED])
def test_a_result_that_may_not_be_read_is_an_error_that_says_what_is_needed(bench: Bench, kind: Kind) -> None:
    with pytest.raises(OperationalError, match=r"s3://results/.*\.csv may not be read.*s3:GetObject"):
        bench.rows(kind, Answer([Column("a")], [["x"]] * 1500), **to_result(bench.deny))


CUTS = {
    "in a value": b'"a","b"\n"1","2"\n"3","4',
    "behind a value": b'"a","b"\n"1","2"\n"3"',
    "behind a comma": b'"a","b"\n"1","2"\n"3",',
    "between two quotes of a value": b'"a","b"\n"1","2"\n"3","4"',
    "at a newline of a value": b'"a","b"\n"1","2"\n"3","4\n',
}


@of(READERS)
@pytest.mark.parametrize("cut", list(CUTS.values()), ids=list(CUTS))
def test_a_result_that_breaks_off_is_an_error_and_never_a_null(bench: Bench, kind: Kind, cut: bytes) -> None:
    answer = Answer([Column("a"), Column("b")], [["1", "2"], ["3", '4"']])
    with pytest.raises(OperationalError, match="is not whole"):
        bench.rows(kind, answer, **to_result(lambda key: bench.put(key, cut)))


@of(READERS)
@pytest.mark.parametrize(
    "other", [b'"a","b","c"\n"1","2","3"\n', b'"a"\n"1"\n', b""], ids=["wider", "narrower", "nothing"]
)
def test_another_querys_result_is_an_error_and_never_taken_for_this_ones(
    bench: Bench, kind: Kind, other: bytes
) -> None:
    answer = Answer([Column("a"), Column("b")], [["1", "2"]])
    with pytest.raises((OperationalError, DataError), match="result"):
        bench.rows(kind, answer, **to_result(lambda key: bench.put(key, other)))


@of(PAGED)
@pytest.mark.parametrize("left", [0, 500, 998])
def test_an_object_with_fewer_rows_than_the_first_page_is_an_error_and_no_end(
    bench: Bench, kind: Kind, left: int
) -> None:
    cut = b'"a"\n' + b'"x"\n' * left
    with pytest.raises(OperationalError, match="fewer rows than Athena told of") as caught:
        bench.rows(kind, Answer([Column("a")], [["x"]] * 1500), **to_result(lambda key: bench.put(key, cut)))
    assert caught.value.query_id == list(bench.athena.executions)[-1]


@of([*STREAMED, *TABLES])
def test_text_that_is_no_utf_8_is_an_error(bench: Bench, kind: Kind) -> None:
    with pytest.raises(DataError):
        bench.rows(kind, Answer([Column("a")], [["x"]]), **to_result(lambda key: bench.put(key, b'"a"\n"\xff"\n')))


@of([*STREAMED, *(kind for kind in [*LIBRARIES, *CHUNKED] if kind.library == "arrow")])
def test_a_result_that_is_replaced_while_it_is_read_is_an_error(bench: Bench, kind: Kind) -> None:
    keys: list[str] = []

    async def replace(operation: str) -> None:
        if bench.s3.requests.count("get_object_range") == 2:
            bench.put(keys[0], bench.get(keys[0]).replace(b"x", b"y"))

    bench.s3.before = replace
    answer = Answer([Column("a")], [["x" * 2**20]] * 16)
    with pytest.raises(OperationalError, match=r"s3://results/.*\.csv could not be read"):
        bench.rows(kind, answer, **to_result(keys.append))
    assert bench.s3.requests.count("get_object_range") >= 2


@of([*ROWS, *TABLES, *CHUNKED])
def test_a_row_of_another_type_is_no_end_of_the_result(bench: Bench, kind: Kind) -> None:
    statement = bench.statement(Answer([Column("n", "integer")], [["one"]]))

    async def steps(cursor: Any) -> None:
        with pytest.raises(DataError, match="one") as caught:
            await do(cursor.execute(statement))
            await do(cursor.fetchall())
        assert caught.value.query_id == cursor.query_id
        if cursor.description is not None:  # the result was opened: it is the fetch that fails, again and again
            with pytest.raises(DataError, match="one"):
                await do(cursor.fetchall())

    bench.run(kind, steps)
