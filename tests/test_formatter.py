"""Values in statements, which never become more than values; and values beside statements."""

from __future__ import annotations

import enum
import math
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from ipaddress import IPv4Address
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from pyathena.errors import ProgrammingError
from pyathena.formatter import DefaultParameterFormatter, Formatter, execution_parameters, literal
from pyathena.sql import Dialect, count_placeholders, dialects, tokens

UUID_1 = UUID("12151fd2-7586-11e9-8f9e-2a86e4085a59")
BERLIN = ZoneInfo("Europe/Berlin")
TWO_HOURS = timezone(timedelta(hours=2))


class Color(enum.Enum):
    RED = "r'd"


class Level(enum.IntEnum):
    HIGH = 3


class Name(enum.StrEnum):
    ANN = "Ann"


class Meters(float):
    @override
    def __repr__(self) -> str:
        return f"Meters({float(self)})"


def format_(operation: str, parameters: Any = None) -> str:
    return DefaultParameterFormatter().format(operation, parameters)


@pytest.mark.parametrize(
    ("value", "sql"),
    [
        (None, "null"),
        (True, "true"),
        (False, "false"),
        (-1, "-1"),
        (2**70, "1180591620717411303424"),
        (1.5, "1.5E0"),
        (1e300, "1E+300"),
        (-0.0, "-0.0E0"),
        (math.nan, "nan()"),
        (-math.inf, "-infinity()"),
        (Meters(2), "2.0E0"),
        (Decimal("1.50"), "DECIMAL '1.50'"),
        (Decimal("-1E+3"), "DECIMAL '-1000'"),
        (Decimal("0." + "1" * 38), "DECIMAL '0." + "1" * 38 + "'"),
        ("it's", "'it''s'"),
        ("back\\slash", "'back\\slash'"),
        ("", "''"),
        (b"\x00\xff", "X'00ff'"),
        (bytearray(b"a"), "X'61'"),
        (memoryview(b""), "X''"),
        (date(1, 2, 3), "DATE '0001-02-03'"),
        (time(10), "TIME '10:00:00.000'"),
        (time(10, 0, 0, 1, tzinfo=TWO_HOURS), "TIME '10:00:00.000001+02:00'"),
        (datetime(2024, 1, 1, 12, 0, 0, 789_000), "TIMESTAMP '2024-01-01 12:00:00.789'"),
        (datetime(2024, 1, 1, 12, 0, 0, 789_012), "TIMESTAMP '2024-01-01 12:00:00.789012'"),
        (datetime(2024, 1, 1, 12, tzinfo=UTC), "TIMESTAMP '2024-01-01 12:00:00.000 +00:00'"),
        (datetime(2024, 7, 1, 12, tzinfo=BERLIN), "TIMESTAMP '2024-07-01 12:00:00.000 +02:00'"),
        (datetime(2024, 10, 27, 2, 30, tzinfo=BERLIN, fold=1), "TIMESTAMP '2024-10-27 02:30:00.000 +01:00'"),
        (datetime(2024, 1, 1, tzinfo=timezone(-timedelta(minutes=210))), "TIMESTAMP '2024-01-01 00:00:00.000 -03:30'"),
        (UUID_1, f"UUID '{UUID_1}'"),
        (Color.RED, "'r''d'"),
        (Level.HIGH, "3"),
        (Name.ANN, "'Ann'"),
        ([1, "a", None], "(1, 'a', null)"),
        ((1,), "(1)"),
        ({2}, "(2)"),
        (frozenset({2}), "(2)"),
        ([(1, 2), (3, 4)], "((1, 2), (3, 4))"),
    ],
)
def test_a_value_is_written_as_the_literal_of_its_type(value: object, sql: str) -> None:
    assert format_("SELECT %(value)s", {"value": value}) == f"SELECT {sql}"
    assert literal(value) == sql


@pytest.mark.parametrize(
    ("value", "sql"),
    [
        ("it's \\ \n \x00", "'it\\'s \\\\ \n \x00'"),
        (1.5, "1.5"),
        (Decimal("1.50"), "1.50"),
        (date(2024, 1, 1), "DATE '2024-01-01'"),
        (datetime(2024, 1, 1), "TIMESTAMP '2024-01-01 00:00:00.000'"),
        (UUID_1, f"'{UUID_1}'"),
        ([1, "'"], "(1, '\\'')"),
    ],
)
def test_in_ddl_a_value_is_written_for_hive(value: object, sql: str) -> None:
    assert (
        format_("ALTER TABLE t ADD PARTITION (p = %(p)s)", {"p": value}) == f"ALTER TABLE t ADD PARTITION (p = {sql})"
    )


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, b"x", time(10), datetime(2024, 1, 1, tzinfo=UTC)], ids=lambda value: repr(value)
)
def test_in_ddl_a_value_without_a_literal_is_refused(value: object) -> None:
    with pytest.raises(ProgrammingError, match="of a statement for Hive"):
        format_("DROP TABLE %(x)s", {"x": value})


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (Decimal("NaN"), "finite"),
        (Decimal("-Infinity"), "finite"),
        (Decimal("1" * 39), "38 digits"),
        (Decimal("1E-39"), "38 digits"),
        (Decimal("1E+999999"), "38 digits"),
        ("a\ud800", "character 1 is half of a surrogate pair"),
        (datetime(1890, 1, 1, tzinfo=BERLIN), "whole minutes"),
        (datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=15))), "14 hours"),
        (time(10, tzinfo=BERLIN), "offset"),
        ([], "leave the condition out"),
        ([[]], "leave the condition out"),
    ],
)
def test_a_value_that_athena_has_not_is_refused(value: object, why: str) -> None:
    with pytest.raises(ProgrammingError, match=why):
        format_("SELECT %(x)s", {"x": value})


def test_a_value_of_an_unknown_type_is_refused_with_the_remedy() -> None:
    with pytest.raises(TypeError, match=r"type IPv4Address; convert it .* formatter\.set\(IPv4Address, function\)"):
        format_("SELECT %(x)s", {"x": IPv4Address("10.0.0.1")})


# A value never ends its literal. These read statements as the two parsers do, and know nothing of the formatter.


def read_trino(sql: str) -> list[str]:
    """Return the values of the literals; what is no literal has to be ``X`` or a space."""
    values: list[str] = []
    at = 0
    while at < len(sql):
        if sql[at] != "'":
            assert sql[at] in "X ", f"code from a value: {sql[at:]!r}"
            at += 1
            continue
        value = ""
        at += 1
        while sql[at] != "'" or sql[at : at + 2] == "''":
            value += sql[at]
            at += 2 if sql[at] == "'" else 1
        values.append(value)
        at += 1
    return values


def read_hive(sql: str) -> list[str]:
    """As above; Hive's BaseSemanticAnalyzer.unescapeSQLString says what an escape stands for."""
    escapes = {"0": "\0", "b": "\b", "n": "\n", "r": "\r", "t": "\t", "Z": "\x1a", "%": "\\%", "_": "\\_"}
    values: list[str] = []
    at = 0
    while at < len(sql):
        if sql[at] != "'":
            assert sql[at] in "X ", f"code from a value: {sql[at:]!r}"
            at += 1
            continue
        value = ""
        at += 1
        while sql[at] != "'":
            if sql[at] == "\\":
                escape = re.compile(r"u([0-9a-fA-F]{4})|([01][0-7]{2})|(.)", re.DOTALL).match(sql, at + 1)
                assert escape is not None
                if escape[1] or escape[2]:
                    value += chr(int(escape[1], 16) if escape[1] else int(escape[2], 8))
                else:
                    value += escapes.get(escape[3], escape[3])
                at = escape.end()
            else:
                value += sql[at]
                at += 1
        values.append(value)
        at += 1
    return values


nasty = st.text(st.sampled_from("'\\\"`%_-/*;?()\n\r\t\0\x1a01234567u{}$ aä😀"), max_size=30) | st.text()


@pytest.mark.parametrize(("begin", "read"), [("SELECT ", read_trino), ("SHOW ", read_hive)])
@given(values=st.lists(nasty, min_size=1, max_size=3), gap=st.sampled_from(["", " ", " X ", "X"]))
def test_any_texts_are_read_back_as_they_were(
    begin: str, read: Callable[[str], list[str]], values: list[str], gap: str
) -> None:
    template = begin + gap.join(f"%(p{index})s" for index in range(len(values)))
    sql = format_(template, {f"p{index}": value for index, value in enumerate(values)})
    assert read(sql.removeprefix(begin)) == values


@given(nasty)
def test_any_text_of_a_statement_of_unknown_kind_is_read_back_by_both_or_refused(value: str) -> None:
    if "'" in value or "\\" in value:
        with pytest.raises(ProgrammingError, match="cannot be told"):
            format_("ALTER VIEW %(x)s", {"x": value})
    else:
        sql = format_("ALTER VIEW %(x)s", {"x": value}).removeprefix("ALTER VIEW ")
        assert read_trino(sql) == read_hive(sql) == [value]


@pytest.mark.parametrize(
    ("template", "parameters", "sql"),
    [
        ("SELECT 5-%(n)s", {"n": -1}, "SELECT 5- -1"),  # and not a comment
        ("SELECT %(a)s%(a)s", {"a": "x"}, "SELECT 'x' 'x'"),  # and not 'x''x'
        ("SELECT X%(a)s", {"a": "00"}, "SELECT X '00'"),  # and not bytes
        ("SELECT %(a)s'x'", {"a": "y"}, "SELECT 'y' 'x'"),
        ("SELECT a.%(n)s", {"n": 1}, "SELECT a. 1"),
        ("SELECT f(%(n)s,%(n)s)=%(n)s;", {"n": 1}, "SELECT f(1,1)=1;"),
    ],
)
def test_a_value_never_becomes_one_token_with_what_it_touches(
    template: str, parameters: dict[str, object], sql: str
) -> None:
    assert format_(template, parameters) == sql


@pytest.mark.parametrize(
    "template",
    [
        "SELECT '%(x)s'",
        "SELECT 'it''s %(x)s'",
        'SELECT "%(x)s"',
        "CREATE EXTERNAL TABLE `%(x)s` (a int)",
        "SELECT 1 -- %(x)s",
        "SELECT /* %(x)s */ 1",
        "SHOW TABLES 'a\\'%(x)s'",
        'SHOW TABLES "a\\"%(x)s"',
        "SELECT 'not closed %(x)s",
        "ALTER VIEW v '\\' %(x)s",  # not in quotes for Trino, but for Hive
        "ALTER VIEW v '\\' '%(x)s",  # and the other way round
    ],
)
def test_a_placeholder_in_quotes_or_in_a_comment_is_refused(template: str) -> None:
    with pytest.raises(ProgrammingError, match=r"%\(x\)s at position \d+ is in quotes or in a comment"):
        format_(template, {"x": "x"})


@pytest.mark.parametrize(
    "template",
    ["SELECT '\\', %(x)s, '\\'", "SELECT '--', %(x)s, '/*'", 'SELECT "it\'s", %(x)s', "SELECT 1 -- '\n, %(x)s"],
)
def test_a_placeholder_between_quotes_is_not_in_them(template: str) -> None:
    assert format_(template, {"x": 1}) == template.replace("%(x)s", "1")


# Which parser.


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT 1",
        "  -- a comment\n/* another; CREATE */ select 1",
        "(SELECT 1) UNION (SELECT 2)",
        "WITH a AS (SELECT 1) SELECT * FROM a",
        "VALUES 1",
        "INSERT INTO t VALUES (1)",
        "UPDATE t SET a = 1",
        "DELETE FROM t",
        "MERGE INTO t USING u ON a",
        "UNLOAD (SELECT 1) TO 's3://b/'",
        "EXPLAIN ANALYZE SELECT 1",
        "PREPARE p FROM SELECT 1",
        "EXECUTE p USING 1",
        "USING EXTERNAL FUNCTION f() RETURNS int LAMBDA 'f' SELECT f()",
        "OPTIMIZE t REWRITE DATA USING BIN_PACK",
        "CREATE VIEW v AS SELECT 1",
        "CREATE OR REPLACE /* it's */ VIEW v AS SELECT 1",
        "CREATE PROTECTED MULTI DIALECT VIEW v AS SELECT 1",
        "CREATE TABLE t AS SELECT 1",
        "create table if not exists db.t with (format = 'ORC') as select 1",
        'CREATE TABLE "c"."db"."t" AS SELECT 1',
        "CREATE TABLE t (a, b) AS SELECT 1, 2",
    ],
)
def test_trino_reads_queries_and_what_they_write(statement: str) -> None:
    assert dialects(statement) == (Dialect.TRINO,)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE EXTERNAL TABLE t (a int COMMENT 'it\\'s AS') LOCATION 's3://b/'",
        "CREATE TABLE t (a int, b decimal(10, 2)) LOCATION 's3://b/' TBLPROPERTIES ('a' = 'AS')",
        "CREATE TABLE t (a int COMMENT 'x (') PARTITIONED BY (a)",
        "CREATE DATABASE d WITH DBPROPERTIES ('a' = 'b')",
        "CREATE TABLE t (a int",
        "ALTER TABLE t ADD PARTITION (a = 1)",
        "DROP TABLE t",
        "DESCRIBE t",
        "SHOW TABLES",
        "-- SELECT\nMSCK REPAIR TABLE t",
    ],
)
def test_hive_reads_the_rest_of_ddl(statement: str) -> None:
    assert dialects(statement) == (Dialect.HIVE,)


@pytest.mark.parametrize(
    "statement",
    [
        "",
        "-- nothing",
        "ALTER VIEW v ADD DIALECT AS SELECT 1",
        "CALL f()",
        # The column's comment ends at its first quote for Trino, and not for Hive.
        "CREATE TABLE t (a int COMMENT '\\') AS SELECT '') LOCATION 's3://b/'",
    ],
)
def test_of_other_statements_it_cannot_be_told(statement: str) -> None:
    assert set(dialects(statement)) == set(Dialect)


@given(nasty, st.sampled_from(Dialect))
def test_tokens_are_all_of_the_statement(statement: str, dialect: Dialect) -> None:
    assert "".join(token.text for token in tokens(statement, dialect)) == statement


# Wrong parameters fail before anything is sent.


def test_without_parameters_the_statement_is_not_interpreted() -> None:
    assert format_("  SELECT '100%', %(x)s, %%") == "  SELECT '100%', %(x)s, %%"


def test_with_parameters_a_doubled_percent_is_one() -> None:
    assert format_("SELECT 7 %% 2, '100%%' -- 50%%", {}) == "SELECT 7 % 2, '100%' -- 50%"


@pytest.mark.parametrize(
    ("template", "position"),
    [("SELECT %s", 7), ("SELECT 'a%', %(x)s", 9), ("SELECT %(x)d", 7), ("SELECT 1 %", 9), ("SELECT 1 -- 5% %(x)s", 13)],
)
def test_a_stray_percent_is_refused_with_the_remedy(template: str, position: int) -> None:
    with pytest.raises(ProgrammingError, match=rf"at position {position} .* write %% for a % itself"):
        format_(template, {"x": 1})


def test_missing_and_unknown_parameters_are_refused_by_name() -> None:
    with pytest.raises(ProgrammingError, match=r"missing: a, b$"):
        format_("SELECT %(b)s, %(c)s, %(a)s", {"c": 1})
    with pytest.raises(ProgrammingError, match=r"not in the statement: 5, y$"):
        format_("SELECT %(x)s", {"x": 1, "y": 2, 5: 3})


@pytest.mark.parametrize("parameters", [[1], (1,), "x", 1])
def test_parameters_without_names_are_refused(parameters: object) -> None:
    with pytest.raises(ProgrammingError, match=r"a mapping .* paramstyle='qmark'"):
        format_("SELECT %(x)s", parameters)


@pytest.mark.parametrize("statement", ["", " \n"])
def test_an_empty_statement_is_refused(statement: str) -> None:
    with pytest.raises(ProgrammingError, match="empty"):
        format_(statement)


# Replacing.


def test_formatters_can_be_replaced() -> None:
    formatter = DefaultParameterFormatter()
    formatter.set(IPv4Address, lambda value, dialect: f"IPADDRESS '{value}'")
    formatter.update({float: lambda value, dialect: f"REAL '{value}'"})
    addresses = [IPv4Address("10.0.0.1")]
    assert formatter.format("SELECT %(a)s, %(x)s", {"a": addresses, "x": 1.5}) == (
        "SELECT (IPADDRESS '10.0.0.1'), REAL '1.5'"
    )
    assert execution_parameters("SELECT ?", addresses, formatter=formatter) == ["IPADDRESS '10.0.0.1'"]
    assert IPv4Address in formatter.mappings
    formatter.remove(bool)
    assert formatter.literal(True) == "1"  # as its base
    formatter.remove(IPv4Address)
    with pytest.raises(TypeError, match="IPv4Address"):
        formatter.literal(addresses[0])


def test_a_formatter_can_be_made_from_functions() -> None:
    class Own(Formatter):
        @override
        def format(self, operation: str, parameters: Any = None) -> str:
            return operation.format(*(self.literal(value) for value in parameters))

    formatter = Own({int: lambda value, dialect: f"{value:x}"}, default=lambda value, dialect: "?")
    assert formatter.format("{} {} {}", [255, True, "x"]) == "ff 1 ?"
    assert formatter.default is formatter.get(str)


# UNLOAD.


def unload(operation: str, staging: str | None = "s3://bucket/path/", **options: Any) -> tuple[str, str | None]:
    return Formatter.wrap_unload(operation, staging, today=lambda: date(2024, 1, 2), new_id=lambda: UUID_1, **options)


LOCATION = f"s3://bucket/path/unload/20240102/{UUID_1}/"
WRITTEN = f") TO '{LOCATION}'\nWITH (format = 'PARQUET', compression = 'SNAPPY')"


@pytest.mark.parametrize(
    ("operation", "query"),
    [
        ("SELECT 1", "SELECT 1"),
        ("with a as (select 1) select * from a", "with a as (select 1) select * from a"),
        ("-- first\n/* then */ SELECT 1", "-- first\n/* then */ SELECT 1"),
        ("SELECT 1 ; \n", "SELECT 1"),
        ("SELECT 1; -- done;", "SELECT 1"),
        ("SELECT ';' -- done", "SELECT ';'"),
        ("SELECT 1 /* never closed", "SELECT 1"),
    ],
)
def test_a_query_is_wrapped_whatever_is_before_and_behind_it(operation: str, query: str) -> None:
    assert unload(operation) == (f"UNLOAD (\n{query}\n{WRITTEN}", LOCATION)


@pytest.mark.parametrize(
    "operation", ["INSERT INTO t SELECT 1", "-- SELECT\nSHOW TABLES", "SELECTED", "(SELECT 1)", "", "UNLOAD (SELECT 1)"]
)
def test_what_is_no_query_is_not_wrapped(operation: str) -> None:
    assert unload(operation) == (operation, None)


def test_where_and_how_it_is_written_stays_within_literals() -> None:
    statement, location = unload("SELECT 1", "s3://bucket/it's", format_="ORC", compression="ZLIB'")
    assert location == f"s3://bucket/it's/unload/20240102/{UUID_1}/"
    assert statement.endswith(
        f"TO 's3://bucket/it''s/unload/20240102/{UUID_1}/'\nWITH (format = 'ORC', compression = 'ZLIB''')"
    )


def test_each_query_is_written_to_a_directory_of_its_own() -> None:
    first, second = (Formatter.wrap_unload("SELECT 1", "s3://bucket/")[1] for _ in range(2))
    assert first != second
    assert re.fullmatch(r"s3://bucket/unload/\d{8}/[0-9a-f-]{36}/", first or "")


@pytest.mark.parametrize("staging", [None, ""])
def test_a_query_is_not_wrapped_without_a_place_to_write_to(staging: str | None) -> None:
    with pytest.raises(ProgrammingError, match="s3_staging_dir"):
        unload("SELECT 1", staging)


# Question marks.


@pytest.mark.parametrize(
    ("statement", "count"),
    [
        ("SELECT 1", 0),
        ("SELECT * FROM t WHERE a = ? AND b IN (?,?)", 3),
        ("SELECT '?', \"?\", `?` -- ?\n, /* ? */ ?", 1),
        ("SELECT 'it''s ?', 'back\\' , ?", 1),
        ("SELECT * FROM t MATCH_RECOGNIZE (PATTERN ((A?) B??) DEFINE A AS a > ?) WHERE b = ?", 2),
        ("SELECT pattern(?)", 1),
    ],
)
def test_only_question_marks_that_stand_for_a_value_count(statement: str, count: int) -> None:
    assert count_placeholders(statement) == count


def test_values_beside_the_statement_are_written_as_literals() -> None:
    values = [1, 1.5, None, True, date(2024, 1, 1), Decimal("1.5"), b"\x00", Level.HIGH, UUID_1]
    assert execution_parameters("SELECT " + ", ".join("?" * len(values)), values) == [
        "1",
        "1.5E0",
        "null",
        "true",
        "DATE '2024-01-01'",
        "DECIMAL '1.5'",
        "X'00'",
        "3",
        f"UUID '{UUID_1}'",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "'a string'",
        "'it''s'",
        "''",
        "1",
        "-1.5e10",
        "NULL",
        "true",
        "DATE '2024-01-01'",
        "x'00ff'",
        "U&'\\00e4'",
        "INTERVAL '2' DAY",
        "interval -'1-2' year to month",
        "nan()",
        "CAST('2014-07-05' AS DATE)",
        "try_cast ( 1 as decimal(10, 2) )",
        "CAST('2024-01-01' AS timestamp(3) with time zone)",
    ],
)
def test_a_str_beside_the_statement_is_a_literal_already(text: str) -> None:
    assert execution_parameters("SELECT ?", [text]) == [text]


@pytest.mark.parametrize(
    "text",
    [
        "a string",
        "",
        "it's",
        "'it's'",
        "'not closed",
        "'a' OR 1=1",
        "'a', 'b'",
        "'a' -- b",
        "1; DROP TABLE t",
        "(SELECT 1)",
        "current_user",
        "CAST((SELECT 'a') AS varchar)",
        "CAST('a' AS varchar) || 'b'",
        "\uff12",  # a digit, for Python
    ],
)
def test_a_str_that_is_no_literal_is_refused_with_the_remedy(text: str) -> None:
    with pytest.raises(ProgrammingError, match=r"parameter 2 is .* no SQL literal; .* pyathena\.formatter\.literal"):
        execution_parameters("SELECT ?, ?", [1, text])


@given(nasty.filter(lambda text: len(text) < 500))
def test_any_text_can_be_made_a_parameter(text: str) -> None:
    (parameter,) = execution_parameters("SELECT ?", [literal(text)])
    assert read_trino(parameter) == [text]


@pytest.mark.parametrize("parameters", [[], [1], [1, 2, 3]])
def test_a_wrong_number_of_parameters_is_refused_with_both_numbers(parameters: list[int]) -> None:
    with pytest.raises(ProgrammingError, match=rf"2 of \?, and there are {len(parameters)} parameters"):
        execution_parameters("SELECT ?, ?, '?'", parameters)


def test_without_parameters_question_marks_are_sent_as_they_are() -> None:
    assert execution_parameters("PREPARE p FROM SELECT ?", None) == []


@pytest.mark.parametrize("parameters", [{"a": 1}, {1}, "1", b"1", 1])
def test_parameters_that_have_no_order_are_refused(parameters: Any) -> None:
    with pytest.raises(ProgrammingError, match=r"a sequence .* paramstyle='pyformat'"):
        execution_parameters("SELECT ?", parameters)


def test_a_parameter_is_one_value() -> None:
    with pytest.raises(ProgrammingError, match="parameter 1 is a list: write a"):
        execution_parameters("SELECT ?", [[1, 2]])


def test_a_parameter_is_no_longer_than_athena_takes() -> None:
    assert len(execution_parameters("SELECT ?", [literal("x" * 1022)])[0]) == 1024
    with pytest.raises(ProgrammingError, match="parameter 1 has 1025 characters"):
        execution_parameters("SELECT ?", [literal("x" * 1023)])
    with pytest.raises(ProgrammingError, match="parameter 1 has 2003 characters"):
        execution_parameters("SELECT ?", [b"x" * 1000])


class Country(str, enum.Enum):  # noqa: UP042  # as it was written before there was StrEnum
    FRANCE = "'FR'"


def test_the_text_that_is_sent_is_the_one_that_was_looked_at() -> None:
    assert execution_parameters("SELECT ?", [Country.FRANCE]) == ["'FR'"]


def test_a_long_text_is_refused_before_it_is_looked_through() -> None:
    with pytest.raises(ProgrammingError, match="1024"):
        execution_parameters("SELECT ?", ["interval" + " " * 10**6])
