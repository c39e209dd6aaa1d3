"""Every type of Athena's, and NULL, and the empty string, through every cursor."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pyathena.converter import Converter, DefaultTypeConverter
from pyathena.errors import DataError, ProgrammingError
from pyathena.pandas.converter import DefaultPandasTypeConverter
from pyathena.testing.athena import Answer, Column
from tests.cursors.conftest import LIBRARIES, ROWS, TABLES, Bench, Kind, do, of

NAN = float("nan")
INFINITY = float("inf")


@dataclass(frozen=True)
class Type:
    """A type of Athena's: texts with what rows have for them, and the column's type in each library.

    ``structure``: an array, map or row, which is text in tables.
    """

    name: str
    values: dict[str, Any]
    arrow: str = "string"
    pandas: str = "object"
    polars: str = "String"
    precision: int = 0
    scale: int = 0
    structure: bool = False


def text(name: str, *values: str) -> Type:
    return Type(name, {value: value for value in values}, pandas="str")


def integer(name: str, bits: int) -> Type:
    values = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1, 0, -1)
    return Type(name, {str(value): value for value in values}, f"int{bits}", "Int64", f"Int{bits}")


FLOATS: dict[str, Any] = {
    "1.5": 1.5,
    "NaN": NAN,
    "Infinity": INFINITY,
    "-Infinity": -INFINITY,
    "-0.0": -0.0,
    "1.0E10": 1e10,
}
DOUBLES = {**FLOATS, "4.9E-324": 5e-324, "1.7976931348623157E308": 1.7976931348623157e308, "0.1": 0.1}
HINTS = {"array": "array(integer)", "map": "map(varchar, integer)", "row": "row(a integer, b varchar)"}

TYPES = [
    Type("boolean", {"true": True, "false": False}, "bool", "object", "Boolean"),
    integer("tinyint", 8),
    integer("smallint", 16),
    integer("integer", 32),
    integer("bigint", 64),
    Type("float", FLOATS, "float", "float64", "Float32"),
    Type("real", FLOATS, "double", "float64", "Float64"),
    Type("double", DOUBLES, "double", "float64", "Float64"),
    Type(
        "decimal",
        {
            value: Decimal(value)
            for value in ("1234567890123456789012345678.0123456789", "-0.0000000001", "0.0000000000")
        },
        polars="Decimal(precision=38, scale=10)",
        precision=38,
        scale=10,
    ),
    text("char", "a ", " "),
    text("varchar", "", 'say "hi", you', "two\nlines\r\n", "\r", "ä😀\u2028\x00", "NULL", "NA", "nan", "\\N", "1"),
    text("string", "x", ""),
    Type(
        "date",
        {"2024-02-29": date(2024, 2, 29), "0001-01-01": date(1, 1, 1), "9999-12-31": date(9999, 12, 31)},
        "date32[day]",
        "datetime64[us]",
        "Date",
    ),
    Type("time", {"10:00:00.123": time(10, 0, 0, 123_000), "23:59:59.999999999": time(23, 59, 59, 999_999)}),
    Type(
        "time with time zone",
        {
            "10:00:00.000+02:00": time(10, tzinfo=timezone(timedelta(hours=2))),
            "10:00:00.000-05:30": time(10, tzinfo=timezone(-timedelta(hours=5, minutes=30))),
        },
    ),
    Type(
        "timestamp",
        {
            "2024-02-29 10:00:00.123": datetime(2024, 2, 29, 10, 0, 0, 123_000),
            "2024-02-29 10:00:00": datetime(2024, 2, 29, 10),
            "2024-02-29 10:00:00.123456789": datetime(2024, 2, 29, 10, 0, 0, 123_456),
            "1969-12-31 23:59:59.999999999999": datetime(1969, 12, 31, 23, 59, 59, 999_999),
            "0001-01-01 00:00:00.000": datetime(1, 1, 1),
            "9999-12-31 23:59:59.999999": datetime(9999, 12, 31, 23, 59, 59, 999_999),
        },
        "timestamp[us]",
        "datetime64[us]",
        "Datetime(time_unit='us', time_zone=None)",
    ),
    Type(
        "timestamp with time zone",
        {
            "2024-02-29 10:00:00.123 Europe/Berlin": datetime(
                2024, 2, 29, 10, 0, 0, 123_000, tzinfo=ZoneInfo("Europe/Berlin")
            ),
            "2024-02-29 10:00:00.000 +02:00": datetime(2024, 2, 29, 10, tzinfo=timezone(timedelta(hours=2))),
        },
    ),
    Type("varbinary", {"68 65 00 ff": b"he\x00\xff", "": b""}),
    Type("json", {'{"a":[1,null,"x"]}': {"a": [1, None, "x"]}, "null": None, "1.5": 1.5, '""': ""}),
    Type("array", {"[1, 2, null]": [1, 2, None], "[]": []}, pandas="str", structure=True),
    Type("map", {"{a=1, b=null}": {"a": "1", "b": None}}, pandas="str", structure=True),
    Type("row", {"{a=1, b=x y}": {"a": "1", "b": "x y"}}, pandas="str", structure=True),
    text("interval year to month", "1-2"),
    text("interval day to second", "2 00:00:00.000"),
    text("geometry", "POINT (1 2)"),
    text("ipaddress", "10.0.0.1", "2001:db8::1"),
    text("uuid", "12151fd2-7586-11e9-8f9e-2a86e4085a59"),
    text("unknown"),
    text("a type of next year", "x"),
]
COLUMNS = [Column(type_.name, type_.name, type_.precision, type_.scale) for type_ in TYPES]
HEIGHT = max(len(type_.values) for type_ in TYPES) + 1  # so that each column ends with a NULL


def padded(values: Any) -> list[Any]:
    return [*values, *[None] * (HEIGHT - len(values))]


ANSWER = Answer(COLUMNS, list(zip(*[padded(type_.values) for type_ in TYPES], strict=True)))


def expected(kind: Kind, type_: Type) -> list[Any]:
    if type_.structure and kind.library:
        return padded(list(type_.values))
    # pandas has NaN for NULL.
    return padded([None if kind.library == "pandas" and value is NAN else value for value in type_.values.values()])


def plain(row: Any) -> tuple[Any, ...]:
    """Return the values of a row that may be a dictionary."""
    return tuple(row.values()) if isinstance(row, dict) else row


@of([*ROWS, *TABLES])
def test_rows_have_pythons_values_of_every_type(bench: Bench, kind: Kind) -> None:
    rows = [plain(row) for row in bench.rows(kind, ANSWER)]
    fetched = {type_.name: list(values) for type_, values in zip(TYPES, zip(*rows, strict=True), strict=True)}
    # By their repr, which tells True from 1, -0.0 from 0.0, and one NaN from none.
    assert {name: repr(values) for name, values in fetched.items()} == {
        type_.name: repr(expected(kind, type_)) for type_ in TYPES
    }


def types_of(kind: Kind, table: Any) -> dict[str, str]:
    """Return the types of a table's columns, as the library writes them."""
    if kind.library == "arrow":
        return {field.name: str(field.type) for field in table.schema}
    if kind.library == "polars":
        return {name: str(dtype) for name, dtype in table.schema.items()}
    return {name: str(dtype) for name, dtype in table.dtypes.items()}


@of(TABLES)
@pytest.mark.parametrize("rows", [ANSWER.rows, [[None] * len(COLUMNS)] * 2, []], ids=["values", "all NULL", "no rows"])
def test_columns_of_tables_have_the_librarys_types_whatever_is_in_them(bench: Bench, kind: Kind, rows: Any) -> None:
    table = bench.table(kind, Answer(COLUMNS, rows))
    assert types_of(kind, table) == {type_.name: getattr(type_, kind.library) for type_ in TYPES}
    assert len(table) == len(rows)


@of(LIBRARIES)
def test_a_chunk_has_the_same_types_as_the_whole(bench: Bench, kind: Kind) -> None:
    chunked = Kind(kind.cursor, {"chunksize": 2})
    assert types_of(kind, bench.table(chunked, ANSWER)) == types_of(kind, bench.table(kind, ANSWER))


NULLS: dict[str, list[list[str | None]]] = {
    "a single column": [["x"], [None], [""], ["y"]],
    "a single column that begins with it": [[None], ["x"]],
    "a single column that ends with it": [["x"], [None]],
    "a single column of nothing else": [[None], [None], [None]],
    "a single empty string": [[""]],
    "a single NULL": [[None]],
    "two columns": [[None, ""], ["", None], [None, None], ["", ""], ["x", None], [None, "x"]],
    "two columns of nothing else": [[None, None]] * 3,
    "three columns": [[None, "x", ""], ["", None, None], [None, None, ""]],
    "separators": [[",", None, "\n"], [None, '"', ""], ['",\n', "\n\n", None]],
}


@of([*ROWS, *TABLES])
@pytest.mark.parametrize("rows", list(NULLS.values()), ids=list(NULLS))
def test_null_is_none_and_the_empty_string_is_not(bench: Bench, kind: Kind, rows: list[list[str | None]]) -> None:
    columns = [Column(name) for name in "abc"[: len(rows[0])]]
    assert [plain(row) for row in bench.rows(kind, Answer(columns, rows))] == [tuple(row) for row in rows]


@of(TABLES)
def test_null_is_null_in_tables(bench: Bench, kind: Kind) -> None:
    rows: list[list[str | None]] = [["", None], [None, ""], ["x", "y"]]
    table = bench.table(kind, Answer([Column("a"), Column("b")], rows))
    nulls = table.isna() if kind.library == "pandas" else table
    if kind.library == "pandas":
        assert nulls.to_numpy().tolist() == [[False, True], [True, False], [False, False]]
        assert table["a"].dropna().tolist() == ["", "x"]
    elif kind.library == "arrow":
        assert table.to_pydict() == {"a": ["", None, "x"], "b": [None, "", "y"]}
    else:
        assert table.rows() == [("", None), (None, ""), ("x", "y")]


WRITTEN = st.none() | st.text(st.sampled_from("ab\",\n\r \\'é😀\x00\ufeff"), max_size=5)


@given(
    st.integers(1, 3).flatmap(
        lambda width: st.lists(st.lists(WRITTEN, min_size=width, max_size=width), min_size=1, max_size=4)
    )
)
@example([["\ufeffx", None], [None, ""]])
@settings(max_examples=15, deadline=None)
def test_every_cursor_reads_any_text(shared_bench: Bench, rows: list[list[str | None]]) -> None:
    answer = Answer([Column(name) for name in "abc"[: len(rows[0])]], rows)
    wanted = [tuple(row) for row in rows]
    for kind in [*ROWS, *TABLES]:
        if kind.options.get("engine") != "python" or "\ufeff" not in str(rows[0][0]):  # which drops a byte order mark
            assert [plain(row) for row in shared_bench.rows(kind, answer)] == wanted, str(kind)


@of([*ROWS, *TABLES])
def test_values_of_any_length_are_read(bench: Bench, kind: Kind) -> None:
    # More than 128 KiB, which the csv module refuses, and than a block of pyarrow's.
    size = 100_000 if kind.options.get("engine") == "python" else 3 * 2**20
    rows: list[list[str | None]] = [["x\n" * (size // 2), None], ["", "y" * size]]
    got = bench.rows(kind, Answer([Column("a"), Column("b")], rows))
    assert [plain(row) for row in got] == [tuple(row) for row in rows]


NAMES = ["a", 'say "hi", you', "two\nlines", "ä 😀", "a b", "select", "_col3", "A"]


@of([*ROWS, *TABLES])
def test_names_of_columns_are_kept_whatever_they_are(bench: Bench, kind: Kind) -> None:
    answer = Answer([Column(name) for name in NAMES], [list(map(str, range(len(NAMES))))])
    rows = bench.rows(kind, answer)
    assert [plain(row) for row in rows] == [tuple(map(str, range(len(NAMES))))]
    if isinstance(rows[0], dict):
        assert list(rows[0]) == NAMES
    if kind.library:
        assert list(types_of(kind, bench.table(kind, answer))) == NAMES


@of([*ROWS, *TABLES])
def test_columns_may_have_one_name(bench: Bench, kind: Kind) -> None:
    answer = Answer([Column("n", "integer"), Column("n"), Column("n", "date")], [["1", "2", "2024-01-03"]])
    rows = bench.rows(kind, answer)
    assert rows == [{"n": date(2024, 1, 3)} if "Dict" in str(kind) else (1, "2", date(2024, 1, 3))]
    if kind.library:
        table = bench.table(kind, answer)
        names = list(table.column_names if kind.library == "arrow" else table.columns)
        # polars takes no two.
        assert names == ["n", "n_duplicated_0", "n_duplicated_1"] if kind.library == "polars" else ["n", "n", "n"]


@of([*ROWS, *TABLES])
def test_description_tells_athenas_types(bench: Bench, kind: Kind) -> None:
    statement = bench.statement(
        Answer([Column("n", "integer", 10, 0, "NULLABLE"), Column("n", "decimal", 38, 10)], [["1", "2.5000000000"]])
    )

    async def steps(cursor: Any) -> Any:
        await do(cursor.execute(statement))
        return cursor.description

    assert bench.run(kind, steps) == [
        ("n", "integer", None, None, 10, 0, "NULLABLE"),
        ("n", "decimal", None, None, 38, 10, "UNKNOWN"),
    ]


# --- type hints and converters -----------------------------------------------------------------------


@of([*ROWS, *TABLES])
@pytest.mark.parametrize("by", ["name", "index"])
def test_a_type_hint_gives_what_is_inside_its_types(bench: Bench, kind: Kind, by: str) -> None:
    answer = Answer(
        [Column("A", "array"), Column("m", "map"), Column("r", "row"), Column("plain", "row")],
        [["[1, 2]", "{k=1}", "{a=1, b=x}", "{a=1}"], [None] * 4],
    )
    hints = {"a": HINTS["array"], "M": HINTS["map"], "r": HINTS["row"]}
    given = hints if by == "name" else dict(enumerate(hints.values()))
    rows = [plain(row) for row in bench.rows(kind, answer, result_set_type_hints=given)]
    assert rows == [([1, 2], {"k": 1}, {"a": 1, "b": "x"}, "{a=1}" if kind.library else {"a": "1"}), (None,) * 4]


@of([*ROWS, *TABLES])
def test_a_value_that_does_not_fit_its_hint_is_an_error_that_shows_it(bench: Bench, kind: Kind) -> None:
    with pytest.raises(DataError, match=r"\[1, x\].*array\(integer\)"):
        bench.rows(kind, Answer([Column("a", "array")], [["[1, x]"]]), result_set_type_hints={"a": "array(integer)"})


@of([*ROWS, *TABLES])
def test_a_hint_that_is_no_type_is_refused(bench: Bench, kind: Kind) -> None:
    with pytest.raises(ProgrammingError, match="array"):
        bench.rows(kind, Answer([Column("a", "array")], [["[1]"]]), result_set_type_hints={"a": "array(nonsense)"})


class Shouting(Converter):
    """A converter of a user's own, that knows of columns what it is told."""

    def __init__(self, types: dict[str, Any]) -> None:
        super().__init__({"integer": lambda text: int(text) * 100, "varchar": str.upper}, str, types)


def _types_of_ones_own(library: str) -> tuple[dict[str, Any], dict[str, str]]:
    """Return other types than ours for columns, and how the library writes them."""
    if library == "arrow":
        import pyarrow as pa

        return {"bigint": pa.decimal128(20, 0)}, {"n": "string", "s": "string", "b": "decimal128(20, 0)"}
    if library == "polars":
        import polars as pl

        return {"bigint": pl.Decimal(20, 0)}, {"n": "String", "s": "String", "b": "Decimal(precision=20, scale=0)"}
    return {"integer": "object", "bigint": "float64", "varchar": "object"}, {
        "n": "object",
        "s": "object",
        "b": "float64",
    }


@of([*ROWS, *TABLES])
def test_a_converter_of_ones_own_decides_about_values_and_columns(bench: Bench, kind: Kind) -> None:
    answer = Answer([Column("n", "integer"), Column("s"), Column("b", "bigint")], [["7", "x", "1"], [None, "", None]])
    types, written = _types_of_ones_own(kind.library)
    own = Kind(kind.cursor, {**kind.options, "converter": Shouting(types)})
    assert [plain(row) for row in bench.rows(own, answer)] == [(700, "X", 1 if kind.library else "1"), (None, "", None)]
    if kind.library:
        assert types_of(kind, bench.table(own, answer)) == written


@of(ROWS)
def test_a_function_for_one_type_can_be_replaced(bench: Bench, kind: Kind) -> None:
    converter = DefaultTypeConverter()
    converter.set("date", str)
    own = Kind(kind.cursor, {"converter": converter})
    rows = bench.rows(own, Answer([Column("d", "date"), Column("n", "integer")], [["2024-01-01", "1"]]))
    assert plain(rows[0]) == ("2024-01-01", 1)


# --- what is not of its type -------------------------------------------------------------------------

WRONG = {
    "boolean": "maybe",
    "integer": "1.5",
    "double": "much",
    "date": "2024-13-01",
    "timestamp": "yesterday evening",
    "time": "25:00:00",
    "varbinary": "zz",
    "json": "{",
    "decimal": "a lot",
}


@of([*ROWS, *TABLES])
@pytest.mark.parametrize("type_", list(WRONG))
def test_a_value_that_is_not_of_its_type_is_an_error_that_shows_it(bench: Bench, kind: Kind, type_: str) -> None:
    answer = Answer([Column("c", type_, 10, 2)], [[None], [WRONG[type_]]])
    with pytest.raises(DataError) as raised:
        bench.rows(kind, answer)
    assert WRONG[type_] in str(raised.value)


# --- what pandas takes for NULL ----------------------------------------------------------------------


@of(kind for kind in TABLES if kind.library == "pandas")
def test_pandas_can_be_told_what_else_is_null(bench: Bench, kind: Kind) -> None:
    answer = Answer([Column("s"), Column("n", "integer")], [["", "1"], ["-", None], ["NA", "3"]])
    if kind.options.get("engine") == "pyarrow":
        with pytest.raises(ProgrammingError, match="na_values"):
            bench.rows(kind, answer, na_values=["-"])
        return
    assert bench.rows(kind, answer, na_values=["", "-"]) == [(None, 1), (None, None), ("NA", 3)]
    assert bench.rows(kind, answer, keep_default_na=True) == [(None, 1), ("-", None), (None, 3)]


def test_the_types_of_pandas_can_be_changed_one_by_one(bench: Bench) -> None:
    kind = next(kind for kind in TABLES if kind.library == "pandas")

    class Numbers(DefaultPandasTypeConverter):
        def __init__(self) -> None:
            super().__init__()
            self._types["decimal"] = "float64"

    own = Kind(kind.cursor, {"converter": Numbers()})
    table = bench.table(own, Answer([Column("d", "decimal", 10, 2), Column("n", "integer")], [["1.50", "1"]]))
    assert types_of(kind, table) == {"d": "float64", "n": "Int64"}
