"""PEP 249 as the synchronous cursors do it: https://peps.python.org/pep-0249/"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable
from typing import Any

import pytest

import pyathena
from pyathena import OperationalError, ProgrammingError
from pyathena.connection import Connection
from pyathena.cursor import Cursor, DictCursor
from pyathena.filesystem.s3 import S3FileSystem
from pyathena.s3fs.cursor import S3FSCursor
from pyathena.testing.athena import Answer, Column, LocalAthena, QueryError, QueryRequest
from tests.queries import numbers

ROWS = [(1, "one"), (2, ""), (3, None)]


@pytest.fixture
def cursor(connection: Connection[Cursor]) -> Cursor:
    return connection.cursor()


# --- the module ----------------------------------------------------------------------------------


def test_the_module_tells_what_it_is() -> None:
    assert (pyathena.apilevel, pyathena.threadsafety, pyathena.paramstyle) == ("2.0", 2, "pyformat")


@pytest.mark.parametrize(
    ("kind", "types"),
    [
        ("STRING", ["char", "varchar", "string"]),
        ("BINARY", ["varbinary", "array", "map", "row"]),
        ("BOOLEAN", ["boolean"]),
        ("NUMBER", ["tinyint", "smallint", "integer", "bigint", "float", "real", "double", "decimal"]),
        ("DATE", ["date"]),
        ("TIME", ["time", "time with time zone"]),
        ("DATETIME", ["timestamp", "timestamp with time zone"]),
        ("JSON", ["json"]),
    ],
)
def test_a_type_object_equals_the_types_of_its_kind_and_no_others(kind: str, types: list[str]) -> None:
    kinds = ["STRING", "BINARY", "BOOLEAN", "NUMBER", "DATE", "TIME", "DATETIME", "JSON"]
    for name in types:
        assert [other for other in kinds if getattr(pyathena, other) == name] == [kind]
        assert [other for other in kinds if name == getattr(pyathena, other)] == [kind]
        assert [other for other in kinds if getattr(pyathena, other) != name] == [k for k in kinds if k != kind]


def test_a_type_object_can_be_a_key_and_equals_itself() -> None:
    assert {pyathena.NUMBER: 1}[pyathena.NUMBER] == 1
    assert pyathena.NUMBER == pyathena.NUMBER
    assert pyathena.NUMBER != pyathena.STRING
    assert pyathena.NUMBER != 3


def test_constructors_make_values() -> None:
    assert pyathena.Date(2024, 5, 1) == datetime.date(2024, 5, 1)
    assert pyathena.Time(12, 30) == datetime.time(12, 30)
    assert pyathena.Timestamp(2024, 5, 1, 12) == datetime.datetime(2024, 5, 1, 12)
    assert pyathena.Binary(bytearray(b"\x00")) == b"\x00"
    local = datetime.datetime(2024, 5, 1, 12, 30)
    ticks = local.timestamp()
    assert pyathena.TimestampFromTicks(ticks) == local
    assert pyathena.DateFromTicks(ticks) == local.date()
    assert pyathena.TimeFromTicks(ticks) == local.time()


# --- rows ----------------------------------------------------------------------------------------


def test_execute_returns_the_cursor_whose_rows_can_be_fetched_in_every_way(cursor: Cursor) -> None:
    assert cursor.execute("SELECT 1") is cursor
    assert cursor.fetchall() == ROWS
    assert list(cursor.execute("SELECT 1")) == ROWS
    cursor.execute("SELECT 1")
    assert [cursor.fetchone() for _ in range(4)] == [*ROWS, None]
    cursor.execute("SELECT 1")
    assert (cursor.fetchone(), cursor.fetchmany(1), cursor.fetchall()) == (ROWS[0], [ROWS[1]], [ROWS[2]])


def test_nothing_is_left_at_the_end(cursor: Cursor) -> None:
    cursor.execute("SELECT 1").fetchall()
    assert cursor.fetchall() == cursor.fetchmany() == cursor.fetchmany(5) == []
    assert cursor.fetchone() is None
    assert list(cursor) == []


def test_fetchmany_fetches_as_many_as_the_array_has(athena: LocalAthena, cursor: Cursor) -> None:
    athena.default = numbers(2500)
    assert cursor.arraysize == 1000
    cursor.execute("SELECT n")
    assert len(cursor.fetchmany()) == 1000
    cursor.arraysize = 7
    assert [row[0] for row in cursor.fetchmany()] == list(range(1000, 1007))
    assert [row[0] for row in cursor.fetchmany(1200)] == list(range(1007, 2207))
    assert cursor.fetchmany(0) == []
    assert len(cursor.fetchmany(1000)) == 293


@pytest.mark.parametrize("size", [0, 1001, -1, "5", None, 2.5])
def test_an_arraysize_out_of_its_bounds_is_refused(cursor: Cursor, size: Any) -> None:
    with pytest.raises(ProgrammingError, match=f"arraysize is 1 to 1000 rows, got {size!r}"):
        cursor.arraysize = size
    assert cursor.arraysize == 1000


def test_a_negative_number_of_rows_is_refused(cursor: Cursor) -> None:
    cursor.execute("SELECT 1")
    with pytest.raises(ProgrammingError, match="got -1"):
        cursor.fetchmany(-1)


def test_rows_are_numbered_from_zero(cursor: Cursor) -> None:
    assert cursor.rownumber is None
    cursor.execute("SELECT 1")
    numbers = [cursor.rownumber]
    for fetch in (cursor.fetchone, cursor.fetchall, cursor.fetchone):
        fetch()
        numbers.append(cursor.rownumber)
    assert numbers == [0, 1, 3, 3]
    assert cursor.execute("SELECT 1").rownumber == 0


def test_the_rest_of_a_long_result_comes_from_the_object(athena: LocalAthena, cursor: Cursor) -> None:
    athena.default = numbers(5000)
    assert [row[0] for row in cursor.execute("SELECT n")] == list(range(5000))
    assert len(athena.calls("GetQueryResults")) == 1


def test_a_result_that_only_athena_has_is_fetched_page_by_page(athena: LocalAthena, cursor: Cursor) -> None:
    athena.default = Answer([Column("n", "integer")], [[str(n)] for n in range(2500)], managed=True)
    assert [row[0] for row in cursor.execute("SELECT n")] == list(range(2500))
    assert len(athena.calls("GetQueryResults")) == 3


def test_rows_of_a_dict_cursor_are_dictionaries(athena: LocalAthena, connection: Connection[Any]) -> None:
    class Ordered(dict[str, Any]):
        pass

    assert connection.cursor(DictCursor).execute("SELECT 1").fetchone() == {"n": 1, "s": "one"}
    row = connection.cursor(DictCursor, dict_type=Ordered).execute("SELECT 1").fetchone()
    assert type(row) is Ordered


@pytest.mark.parametrize("kind", [Cursor, DictCursor, S3FSCursor])
def test_null_is_not_the_empty_string(connection: Connection[Any], kind: type[Any]) -> None:
    rows: list[Any] = connection.cursor(kind).execute("SELECT 1").fetchall()
    assert [list(row.values() if isinstance(row, dict) else row) for row in rows] == [[1, "one"], [2, ""], [3, None]]


def test_a_statement_that_is_no_query_brings_its_text(athena: LocalAthena, cursor: Cursor) -> None:
    athena.default = Answer([Column("tab_name", "string")], [["orders"], ["items"]])
    assert cursor.execute("SHOW TABLES").fetchall() == [("orders",), ("items",)]
    athena.default = Answer()
    assert cursor.execute("CREATE DATABASE d").fetchall() == []
    assert cursor.description is None


# --- what a cursor tells -------------------------------------------------------------------------


def test_the_description_has_seven_items_for_each_column(athena: LocalAthena, cursor: Cursor) -> None:
    assert cursor.description is None
    athena.default = Answer(
        [Column("d", "decimal", 10, 2, "NULLABLE"), Column("s", nullable="NOT_NULL")], [["1.50", "x"]]
    )
    description = cursor.execute("SELECT 1").description or []
    assert [kind == pyathena.NUMBER for _, kind, *_ in description] == [True, False]
    assert description == [
        ("d", "decimal", None, None, 10, 2, "NULLABLE"),
        ("s", "varchar", None, None, 0, 0, "NOT_NULL"),
    ]


def test_the_rowcount_is_what_was_written_and_unknown_of_a_query(athena: LocalAthena, cursor: Cursor) -> None:
    assert cursor.rowcount == -1
    assert cursor.execute("SELECT 1").rowcount == -1
    athena.answer("INSERT INTO t SELECT 1", Answer(update_count=42))
    assert cursor.execute("INSERT INTO t SELECT 1").rowcount == 42
    athena.answer("DELETE FROM t", Answer(update_count=0))
    assert cursor.execute("DELETE FROM t").rowcount == 0
    assert cursor.execute("SELECT 1").rowcount == -1


def test_a_cursor_tells_what_athena_tells_of_its_query(athena: LocalAthena, cursor: Cursor) -> None:
    assert (cursor.query_id, cursor.state, cursor.query_execution) == (None, None, None)
    athena.default = Answer(states=["QUEUED"], scanned_bytes=99)
    cursor.execute("SELECT 1")
    (execution,) = athena.executions.values()
    assert (cursor.query_id, cursor.query, cursor.state) == (execution.id, "SELECT 1", "SUCCEEDED")
    assert (cursor.output_location, cursor.data_scanned_in_bytes) == (f"s3://results/{execution.id}.csv", 99)
    assert (cursor.statement_type, cursor.substatement_type, cursor.work_group) == ("DML", "SELECT", "primary")
    assert cursor.query_execution is not None


def test_a_cursor_tells_of_a_query_that_failed_and_forgets_the_result_before_it(
    athena: LocalAthena, cursor: Cursor
) -> None:
    cursor.execute("SELECT 1")
    athena.answer("SELECT 2", Answer(error=QueryError("DIVISION_BY_ZERO", category=2)))
    with pytest.raises(OperationalError, match="DIVISION_BY_ZERO"):
        cursor.execute("SELECT 2")
    assert (cursor.state, cursor.error_category, cursor.state_change_reason) == ("FAILED", 2, "DIVISION_BY_ZERO")
    assert cursor.description is None
    with pytest.raises(ProgrammingError, match="call execute"):
        cursor.fetchone()


def test_each_look_at_a_query_is_told(athena: LocalAthena, connection: Connection[Any]) -> None:
    athena.default = Answer(states=["QUEUED", "RUNNING"])
    told: list[str | None] = []
    connection.cursor(on_poll=lambda execution: told.append(execution.state)).execute("SELECT 1")
    assert told == ["QUEUED", "RUNNING", "SUCCEEDED"]


def test_a_query_can_be_cancelled_from_elsewhere(athena: LocalAthena, connection: Connection[Any]) -> None:
    athena.default = Answer(hangs=True)
    running: list[Cursor] = []
    running.append(connection.cursor(Cursor, on_poll=lambda _: running[0].cancel()))
    with pytest.raises(OperationalError, match="cancelled") as caught:
        running[0].execute("SELECT 1")
    assert caught.value.state == running[0].state == "CANCELLED"


def test_nothing_can_be_cancelled_before_a_query(cursor: Cursor) -> None:
    with pytest.raises(ProgrammingError, match="nothing to cancel"):
        cursor.cancel()


# --- misuse --------------------------------------------------------------------------------------


@pytest.mark.parametrize("fetch", ["fetchone", "fetchmany", "fetchall", "__next__"])
def test_there_is_nothing_to_fetch_before_a_query(cursor: Cursor, fetch: str) -> None:
    with pytest.raises(ProgrammingError, match=r"there is no result: call execute\(\) first"):
        getattr(cursor, fetch)()


def test_a_closed_cursor_refuses_everything(athena: LocalAthena, cursor: Cursor) -> None:
    cursor.execute("SELECT 1")
    cursor.close()
    cursor.close()
    assert cursor.closed
    calls: list[Callable[[], object]] = [
        lambda: cursor.execute("SELECT 1"),
        lambda: cursor.executemany("SELECT 1", []),
        cursor.fetchone,
        cursor.fetchmany,
        cursor.fetchall,
        cursor.cancel,
        cursor.__enter__,
        lambda: list(cursor),
        lambda: cursor.setinputsizes([]),
        lambda: cursor.setoutputsize(1),
        cursor.list_databases,
        cursor.list_table_metadata,
        lambda: cursor.get_table_metadata("t"),
    ]
    asked = len(athena.requests)
    for call in calls:
        with pytest.raises(ProgrammingError, match="the cursor was closed"):
            call()
    assert len(athena.requests) == asked


def test_a_with_block_closes_the_cursor(connection: Connection[Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    assert cursor.closed


def test_sizes_are_taken_and_mean_nothing(cursor: Cursor) -> None:
    cursor.setinputsizes([10])
    cursor.setoutputsize(10)
    cursor.setoutputsize(10, 1)


def test_a_result_that_is_gone_is_an_operational_error_that_names_it(athena: LocalAthena, cursor: Cursor) -> None:
    athena.default = numbers(3000)
    cursor.execute("SELECT n")
    S3FileSystem(transport=athena.transport).rm(str(cursor.output_location))
    with pytest.raises(OperationalError, match=f"{cursor.output_location} is not there.*run the query again"):
        cursor.fetchall()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"paramstyle": "named"}, "paramstyle is 'pyformat' or 'qmark', got 'named'"),
        ({"cache_size": -1}, "cache_size is 0 or more, got -1"),
        ({"cache_expiration_time": -0.5}, "cache_expiration_time is 0 or more, got -0.5"),
        ({"result_reuse_minutes": 10_081}, "result_reuse_minutes is 0 to 10080 .* got 10081"),
        ({"s3_staging_dir": "results"}, "s3_staging_dir is of the form .* got 'results'"),
    ],
)
def test_an_argument_that_cannot_be_is_refused_before_anything_is_sent(
    athena: LocalAthena, cursor: Cursor, arguments: dict[str, Any], words: str
) -> None:
    with pytest.raises(ProgrammingError, match=words):
        cursor.execute("SELECT 1", **arguments)
    with pytest.raises(ProgrammingError, match=words):
        cursor.executemany("SELECT 1", [None], **arguments)
    assert athena.requests == []


# --- parameters ----------------------------------------------------------------------------------


def sent(athena: LocalAthena) -> list[tuple[str, tuple[str, ...]]]:
    return [(execution.statement, execution.request.parameters) for execution in athena.executions.values()]


def test_parameters_by_name_are_put_into_the_statement(athena: LocalAthena, cursor: Cursor) -> None:
    cursor.execute("SELECT * FROM t WHERE a = %(a)s AND b IN %(b)s AND c LIKE '100%%'", {"a": "it's", "b": [1, 2]})
    assert sent(athena) == [("SELECT * FROM t WHERE a = 'it''s' AND b IN (1, 2) AND c LIKE '100%'", ())]


def test_parameters_in_order_are_left_to_athena(athena: LocalAthena, cursor: Cursor) -> None:
    statement = "SELECT ? + ? -- ?"
    cursor.execute(statement, [1, datetime.date(2024, 5, 1)], paramstyle="qmark")
    assert sent(athena) == [(statement, ("1", "DATE '2024-05-01'"))]


def test_the_style_of_all_statements_can_be_chosen(
    athena: LocalAthena, cursor: Cursor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pyathena, "paramstyle", "qmark")
    cursor.execute("SELECT ?", [1])
    cursor.execute("SELECT %(a)s", {"a": 1}, paramstyle="pyformat")
    assert sent(athena) == [("SELECT ?", ("1",)), ("SELECT 1", ())]


@pytest.mark.parametrize("statement", ["SELECT '100%'", "SELECT a % b, %(a)s, ?", "PREPARE p FROM SELECT ?"])
@pytest.mark.parametrize("style", ["qmark", "pyformat"])
def test_without_parameters_a_statement_is_sent_as_it_is(
    athena: LocalAthena, cursor: Cursor, statement: str, style: str
) -> None:
    athena.default = Answer(statement_type="UTILITY")
    cursor.execute(statement, paramstyle=style)
    assert sent(athena) == [(statement, ())]


@pytest.mark.parametrize(
    ("statement", "parameters", "style", "error"),
    [
        ("SELECT %(a)s", {}, "pyformat", ProgrammingError),
        ("SELECT %(a)s", {"b": 1}, "pyformat", ProgrammingError),
        ("SELECT %(a)s", {"a": 1, "b": 1}, "pyformat", ProgrammingError),
        ("SELECT %(a)s", [1], "pyformat", ProgrammingError),
        ("SELECT %(a)s", {"a": object()}, "pyformat", TypeError),
        ("SELECT ?", [], "qmark", ProgrammingError),
        ("SELECT ?", [1, 2], "qmark", ProgrammingError),
        ("SELECT ?", {"a": 1}, "qmark", ProgrammingError),
        ("SELECT ?", "1", "qmark", ProgrammingError),
        ("SELECT ?", [object()], "qmark", TypeError),
        ("SELECT ?", ["no literal"], "qmark", ProgrammingError),
        (" ", None, "pyformat", ProgrammingError),
        (" ", None, "qmark", ProgrammingError),
        (None, None, "pyformat", ProgrammingError),
        (b"SELECT 1", None, "qmark", ProgrammingError),
    ],
)
def test_wrong_parameters_fail_before_anything_is_sent(
    athena: LocalAthena, cursor: Cursor, statement: Any, parameters: Any, style: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        cursor.execute(statement, parameters, paramstyle=style)
    assert athena.requests == []


def written(request: QueryRequest) -> Answer:
    return Answer(update_count=int(request.statement.rsplit(" ", 1)[1]))


def test_executemany_runs_a_statement_for_each_of_the_parameters(athena: LocalAthena, cursor: Cursor) -> None:
    athena.default = written
    cursor.executemany("INSERT INTO t SELECT %(n)s", ({"n": n} for n in (1, 2, 3)))
    assert [statement for statement, _ in sent(athena)] == [f"INSERT INTO t SELECT {n}" for n in (1, 2, 3)]
    assert cursor.rowcount == 6
    with pytest.raises(ProgrammingError, match="there is no result"):
        cursor.fetchone()


@pytest.mark.parametrize("parameters", [[], iter(())])
def test_executemany_without_parameters_does_nothing(
    athena: LocalAthena, cursor: Cursor, parameters: Iterable[Any]
) -> None:
    cursor.execute("SELECT 1")
    cursor.executemany("INSERT INTO t SELECT %(n)s", parameters)
    assert (cursor.rowcount, cursor.description, cursor.query_id) == (0, None, None)
    assert len(athena.executions) == 1


def test_executemany_of_queries_does_not_count_rows(cursor: Cursor) -> None:
    cursor.executemany("SELECT %(n)s", [{"n": 1}, {"n": 2}])
    assert cursor.rowcount == -1


# --- earlier results -----------------------------------------------------------------------------


def test_the_result_of_an_earlier_query_is_taken_if_that_is_asked_for(athena: LocalAthena, cursor: Cursor) -> None:
    first = cursor.execute("SELECT 1").query_id
    assert cursor.execute("SELECT 1", cache_size=10).query_id == first
    assert cursor.execute("SELECT 1", cache_expiration_time=60).query_id == first
    assert cursor.fetchall() == ROWS
    assert cursor.execute("SELECT 1").query_id != first
    assert len(athena.executions) == 2


def test_a_statement_without_an_earlier_query_is_run(athena: LocalAthena, cursor: Cursor) -> None:
    assert cursor.execute("SELECT 1", cache_size=10).fetchall() == ROWS
    assert len(athena.executions) == 1


def test_athena_can_be_asked_to_take_an_earlier_result(connection: Connection[Any]) -> None:
    cursor = connection.cursor(result_reuse_enable=True, result_reuse_minutes=10)
    assert cursor.execute("SELECT 1").reused_previous_result is False
    assert cursor.execute("SELECT 1").reused_previous_result is True
    assert cursor.fetchall() == ROWS
    assert cursor.execute("SELECT 1", result_reuse_enable=False).reused_previous_result is False
