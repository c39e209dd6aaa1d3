"""Athena's text to Python's values and no others."""

from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pyathena.converter import Converter, DefaultTypeConverter
from pyathena.errors import DataError, ProgrammingError

BERLIN = ZoneInfo("Europe/Berlin")
TWO_HOURS = timezone(timedelta(hours=2))
TYPES = sorted(DefaultTypeConverter().mappings)

CONVERTED: list[tuple[str, str, Any]] = [
    ("boolean", "true", True),
    ("boolean", "false", False),
    ("tinyint", "-128", -128),
    ("smallint", "32767", 32767),
    ("integer", "0", 0),
    ("bigint", "-9223372036854775808", -(2**63)),
    ("float", "1.5", 1.5),
    ("real", "3.4028235E38", 3.4028235e38),
    ("double", "-Infinity", -math.inf),
    ("double", "1.0E-10", 1e-10),
    ("decimal", "-0.10", Decimal("-0.10")),
    ("decimal", "1" * 38, Decimal("1" * 38)),
    ("char", "a  ", "a  "),
    ("varchar", "", ""),
    ("string", "null", "null"),
    ("date", "0001-01-01", date(1, 1, 1)),
    ("time", "10:00:00", time(10)),
    ("time", "23:59:59.999999999999", time(23, 59, 59, 999999)),
    ("time with time zone", "10:00:00.500+02:00", time(10, microsecond=500_000, tzinfo=TWO_HOURS)),
    ("time with time zone", "10:00:00.000 +02:00", time(10, tzinfo=TWO_HOURS)),
    ("time with time zone", "10:00:00.000 UTC", time(10, tzinfo=UTC)),
    ("timestamp", "2024-02-29 10:00:00.123", datetime(2024, 2, 29, 10, 0, 0, 123_000)),
    ("timestamp", "2024-01-01 10:00:00.123456789", datetime(2024, 1, 1, 10, 0, 0, 123_456)),
    ("timestamp with time zone", "2024-01-01 10:00:00.000 UTC", datetime(2024, 1, 1, 10, tzinfo=ZoneInfo("UTC"))),
    ("timestamp with time zone", "2024-01-01 10:00:00.000 Europe/Berlin", datetime(2024, 1, 1, 10, tzinfo=BERLIN)),
    (
        "timestamp with time zone",
        "2024-01-01 10:00:00.000 -05:30",
        datetime(2024, 1, 1, 10, tzinfo=timezone(-timedelta(hours=5, minutes=30))),
    ),
    ("varbinary", "68 65 6c 6c 6f", b"hello"),
    ("varbinary", "68656C6c6f", b"hello"),
    ("varbinary", "", b""),
    ("json", '{"a": [1, null, "x"]}', {"a": [1, None, "x"]}),
    ("json", "null", None),
    ("array", "[a, b]", ["a", "b"]),
    ("map", "{k=v, l=null}", {"k": "v", "l": None}),
    ("row", "{a=1, b=x}", {"a": "1", "b": "x"}),
    ("interval year to month", "1-2", "1-2"),
    ("interval day to second", "2 00:00:00.000", "2 00:00:00.000"),
    ("geometry", "POINT (1 2)", "POINT (1 2)"),
    ("ipaddress", "10.0.0.1", "10.0.0.1"),
    ("uuid", "12151fd2-7586-11e9-8f9e-2a86e4085a59", "12151fd2-7586-11e9-8f9e-2a86e4085a59"),
    ("unknown", "x", "x"),
    ("HyperLogLog", "02 01", "02 01"),
]


@pytest.mark.parametrize(("type_", "text", "value"), CONVERTED)
def test_text_becomes_the_value_of_its_type(type_: str, text: str, value: Any) -> None:
    converted = DefaultTypeConverter().convert(type_, text)
    assert (converted, type(converted)) == (value, type(value))
    if isinstance(value, datetime):
        assert converted.tzinfo == value.tzinfo


def test_the_table_above_has_every_type() -> None:
    assert {type_ for type_, _, _ in CONVERTED} >= set(TYPES)


def test_nan_is_nan() -> None:
    assert math.isnan(DefaultTypeConverter().convert("double", "NaN"))


@pytest.mark.parametrize("type_", [*TYPES, "a type of tomorrow"])
def test_null_is_none_whatever_the_type(type_: str) -> None:
    assert DefaultTypeConverter().convert(type_, None) is None


TEXTS = {"char", "varchar", "string", "varbinary", "geometry", "ipaddress", "uuid", "unknown"}


@pytest.mark.parametrize("type_", [type_ for type_ in TYPES if type_ not in TEXTS and "interval" not in type_])
def test_an_empty_text_is_no_value_of_other_types(type_: str) -> None:
    with pytest.raises(DataError, match=f"cannot convert '' to {type_}: "):
        DefaultTypeConverter().convert(type_, "")


@pytest.mark.parametrize(
    ("type_", "text"),
    [
        ("boolean", "yes"),
        ("integer", "1.0"),
        ("integer", "1_000"),
        ("integer", "9" * 5000),
        ("double", "1_0.0"),
        ("double", "x" * 5000),
        ("decimal", "NaN"),
        ("decimal", "1,5"),
        ("date", "20240101"),
        ("date", "2024-W01-1"),
        ("date", "2023-02-29"),
        ("date", "10000-01-01"),
        ("time", "10:00"),
        ("time", "10:00:00+02:00"),
        ("time", "10:00:00Z"),
        ("time with time zone", "10:00:00.000"),
        ("time with time zone", "10:00:00.000 Europe/Berlin"),
        ("time with time zone", "10:00:00.000+99:00"),
        ("timestamp", "2024-01-01"),
        ("timestamp", "2024-01-01T10:00:00"),
        ("timestamp", "2024-W01-1 10:00:00"),
        ("timestamp", "2024-01-01 10:00:00+02:00"),
        ("timestamp with time zone", "2024-01-01 10:00:00.000"),
        ("timestamp with time zone", "2024-01-01 10:00:00.000 +02:60"),
        ("timestamp with time zone", "2024-01-01 10:00:00.000 Europe/Atlantis"),
        ("timestamp with time zone", "2024-01-01 10:00:00.000 ../../etc/passwd"),
        ("timestamp with time zone", "2024-01-01 10:00:00.000 Europe"),
        ("timestamp with time zone", "2024-01-01 10:00:00.000 " + "Europe" * 100),
        ("varbinary", "6 8"),
        ("varbinary", "hello"),
        ("json", "{a=1}"),
        ("json", "[" * 200_000),
    ],
)
def test_what_cannot_be_converted_is_a_data_error_that_names_type_and_value(type_: str, text: str) -> None:
    with pytest.raises(DataError) as raised:
        DefaultTypeConverter().convert(type_, text)
    assert f" to {type_}: " in str(raised.value)
    assert repr(text)[:30] in str(raised.value)
    assert len(str(raised.value)) < 350


@pytest.mark.parametrize(
    ("text", "how_often"),
    [
        ("2024-10-27 02:30:00.000 Europe/Berlin", "twice"),
        ("2024-03-31 02:30:00.000 Europe/Berlin", "never"),
        ("2024-04-07 01:45:00.000 Australia/Lord_Howe", "twice"),  # half an hour
        ("2020-12-27 01:30:00.000 Europe/Volgograd", "twice"),  # the zone changed, not the season
        ("2024-10-27 01:30:00.000 Europe/Dublin", "twice"),  # where winter is the exception
        ("2011-12-30 12:00:00.000 Pacific/Apia", "never"),  # it changed its side of the date line
    ],
)
def test_a_local_time_that_is_twice_or_never_is_refused(text: str, how_often: str) -> None:
    with pytest.raises(DataError, match=f"is {how_often} in .* AT TIME ZONE 'UTC'"):
        DefaultTypeConverter().convert("timestamp with time zone", text)


@pytest.mark.parametrize("hour", ["01:59:59.999", "03:00:00.000"])
def test_the_times_around_it_are_not(hour: str) -> None:
    converter = DefaultTypeConverter()
    for day in ("2024-10-27", "2024-03-31"):
        moment = converter.convert("timestamp with time zone", f"{day} {hour} Europe/Berlin")
        assert moment.astimezone(UTC).astimezone(BERLIN) == moment


@pytest.mark.parametrize(
    ("type_", "text", "value"),
    [
        ("array", "[]", []),
        ("map", "{}", {}),
        ("array", "[null, a, ]", [None, "a", ""]),
        ("array", "[1, 2]", [1, 2]),  # it is JSON
        ("array", '["a, b", "c"]', ["a, b", "c"]),
        ("array", "[01, 2]", ["01", "2"]),  # it is not
        ("array", "[a=b, c,d]", ["a=b", "c,d"]),
        ("array", "[[a, b], [], null]", [["a", "b"], [], None]),
        ("array", "[{a=1, b=[x]}, {a=2, b=[]}]", [{"a": "1", "b": ["x"]}, {"a": "2", "b": []}]),
        ("row", "{a=, b={c=d}}", {"a": "", "b": {"c": "d"}}),
        ("row", '{"a": 1, "b": null}', {"a": 1, "b": None}),
        ("map", "{a b=x y}", {"a b": "x y"}),
    ],
)
def test_structures_are_read_from_json_or_from_what_athena_prints(type_: str, text: str, value: Any) -> None:
    assert DefaultTypeConverter().convert(type_, text) == value


@pytest.mark.parametrize(
    ("type_", "text"),
    [
        ("row", "{a=x=y}"),
        ("row", "{a=x, y, b=z}"),
        ("map", "{a=1, a=2}"),
        ("array", "[a[0], b]"),
        ("array", "[a], b]"),
        ("array", "[a, b"),
        ("array", "[(a, b}]"),
        ("array", "a, b"),
        ("row", "[a]"),
        ("map", "{a}"),
        ("array", "[" * 200_000),
    ],
)
def test_a_text_without_plain_structure_stays_as_it_is(type_: str, text: str) -> None:
    assert DefaultTypeConverter().convert(type_, text) is text


@pytest.mark.parametrize(
    ("hint", "text", "value"),
    [
        ("array(integer)", "[1, null, 3]", [1, None, 3]),
        ("array(varchar)", "[1, 1.10, true]", ["1", "1.10", "true"]),  # JSON or not, they were strings
        ("array(boolean)", "[true, false]", [True, False]),
        ("array(decimal(20, 2))", "[12345678901234567.10]", [Decimal("12345678901234567.10")]),
        ("array(double)", "[NaN, Infinity, 1.0E10]", [pytest.approx(math.nan, nan_ok=True), math.inf, 1e10]),
        ("array(double)", "[1.5, 2.5]", [1.5, 2.5]),
        ("array(date)", "[2024-01-01, null]", [date(2024, 1, 1), None]),
        ("array(varbinary)", "[68 65, 6c]", [b"he", b"l"]),
        ("array(array(int))", "[[1, 2], [], null]", [[1, 2], [], None]),
        ("map(varchar, array(integer))", "{a=[1, 2], b=null}", {"a": [1, 2], "b": None}),
        ("map(int, double)", '{"1": 2.5}', {1: 2.5}),
        ("map<int,string>", "{1=x}", {1: "x"}),
        ("row(a int, b varchar)", "{a=1, b=x=y}", {"a": 1, "b": "x=y"}),  # the names are known
        ("row(A int, b varchar)", "{a=1, b=null}", {"A": 1, "b": None}),
        ("row(a int, b varchar)", '{"b": "x, y", "a": 1}', {"a": 1, "b": "x, y"}),
        ("row(a int, b varchar)", '[1, "x"]', {"a": 1, "b": "x"}),
        ("row(int, varchar)", "{field0=1, field1=x}", {"field0": 1, "field1": "x"}),
        (
            "row(header row(stamp varchar, seq integer), x double)",
            "{header={stamp=2024-01-01, seq=123}, x=4.736}",
            {"header": {"stamp": "2024-01-01", "seq": 123}, "x": 4.736},
        ),
        (
            "array(timestamp(3) with time zone)",
            "[2024-01-01 10:00:00.000 +02:00]",
            [datetime(2024, 1, 1, 8, tzinfo=UTC)],
        ),
        ("row(a int)", "null", None),
        ("integer", "7", 7),
        ("json", '{"a": 1}', {"a": 1}),
    ],
)
def test_a_hint_gives_the_values_inside_their_types(hint: str, text: str, value: Any) -> None:
    converter = DefaultTypeConverter()
    assert converter.convert("varchar", text, hint) == value
    assert converter.convert("varchar", None, hint) is None


@pytest.mark.parametrize(
    ("hint", "text"),
    [
        ("array(integer)", "[1, x]"),
        ("array(integer)", "{a=1}"),
        ("array(integer)", "[[1]]"),
        ("array(array(integer))", "[1]"),
        ("array(varchar)", '[{"a": 1}]'),
        ("array(varchar)", "[a[0], b]"),
        ("map(varchar, varchar)", "{a=b=c}"),
        ("map(varchar, varchar)", "[a]"),
        ("map(double, varchar)", '{"1": "a", "1.0": "b"}'),
        ("row(a int, b int)", "{a=1}"),
        ("row(a int)", "{a=1, b=2}"),
        ("row(a int)", "{b=1}"),
        ("row(a int)", "{}"),
        ("row(a int)", '{"a": 1, "A": 2}'),
        ("row(a int)", "[1, 2]"),
        ("row(a int)", ""),
        ("array(int)", "[" * 200_000),
    ],
)
def test_what_has_not_the_structure_of_the_hint_is_a_data_error_that_names_it(hint: str, text: str) -> None:
    with pytest.raises(DataError) as raised:
        DefaultTypeConverter().convert("array", text, hint)
    assert f" to {hint}: " in str(raised.value)


def test_an_ambiguous_text_is_refused_with_the_remedy() -> None:
    with pytest.raises(DataError, match="select it as CAST"):
        DefaultTypeConverter().convert("row", "{a=x, y}", "row(a varchar)")


@pytest.mark.parametrize(
    ("hint", "why"),
    [
        ("array(integr)", "unknown type 'integr'; known are array, map, row, bigint"),
        ("integr", "unknown type 'integr'"),
        ("map(array(int), int)", "keys of type array"),
        ("array(json)", "has json inside"),
        ("array(", "position 6"),
    ],
)
def test_a_hint_that_cannot_be_used_is_refused_before_any_text_is_seen(hint: str, why: str) -> None:
    with pytest.raises(ProgrammingError, match=why):
        DefaultTypeConverter().for_column("array", hint)


# Replacing.


def test_converters_can_be_replaced_also_inside_of_hints() -> None:
    converter = DefaultTypeConverter()
    converter.set("DATE", lambda text: text.split("-"))
    converter.update({"varchar": str.upper, "point": lambda text: complex(text)})
    assert converter.convert("date", "2024-01-01") == ["2024", "01", "01"]
    assert converter.convert("varchar", None) is None
    assert converter.convert("array", "[a, b]", "array(varchar)") == ["A", "B"]
    assert converter.convert("array", "[1j]", "array(point)") == [1j]
    assert converter.get("varchar") is str.upper
    converter.remove("date")
    assert converter.convert("date", "2024-01-01") == "2024-01-01"
    assert DefaultTypeConverter().convert("date", "2024-01-01") == date(2024, 1, 1)


def test_a_replaced_converter_that_fails_is_a_data_error_too() -> None:
    converter = DefaultTypeConverter()
    converter.set("uuid", lambda text: {"a": 1}[text])
    with pytest.raises(DataError, match="cannot convert 'b' to uuid") as raised:
        converter.convert("uuid", "b")
    assert isinstance(raised.value.__cause__, KeyError)


def test_a_converter_is_made_of_functions_and_dtypes() -> None:
    converter = Converter({"integer": int}, default=str.upper, types={"integer": "Int64"})
    assert converter.convert("integer", "1") == 1
    assert converter.convert("date", "abc") == "ABC"
    assert converter.get_dtype("INTEGER") == "Int64"
    assert converter.get_dtype("decimal", precision=10, scale=2) is None
    assert (dict(converter.mappings), dict(converter.types)) == ({"integer": int}, {"integer": "Int64"})


def test_a_column_keeps_the_function_that_it_began_with() -> None:
    converter = DefaultTypeConverter()
    column = converter.for_column("integer")
    converter.set("integer", float)
    assert [column(text) for text in ("1", None)] == [1, None]


# What Athena prints, and back.

numbers = st.integers(-(2**63), 2**63 - 1)
decimals = st.decimals(allow_nan=False, allow_infinity=False, places=10, min_value=-(10**27), max_value=10**27)
moments = st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30))
zones = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"])


@given(numbers, st.floats(allow_nan=False), decimals, st.binary(), st.text())
def test_scalars_come_back(number: int, real: float, exact: Decimal, data: bytes, text: str) -> None:
    converter = DefaultTypeConverter()
    assert converter.convert("bigint", str(number)) == number
    assert converter.convert("double", repr(real).replace("inf", "Infinity").replace("e", "E")) == real
    assert converter.convert("decimal", f"{exact:f}") == exact
    assert converter.convert("varbinary", data.hex(" ")) == data
    assert converter.convert("varchar", text) == text


@given(moments, st.integers(0, 999_999))
def test_times_come_back_whatever_is_finer_than_microseconds(moment: datetime, finer: int) -> None:
    converter = DefaultTypeConverter()
    text = moment.isoformat(" ", "microseconds") + f"{finer:06}"
    assert converter.convert("timestamp", text) == moment
    assert converter.convert("time", text[11:]) == moment.time()
    assert converter.convert("date", text[:10]) == moment.date()


@given(moments, zones)
def test_an_instant_comes_back_or_is_refused_if_its_local_time_is_not_the_only_one(moment: datetime, zone: str) -> None:
    instant = moment.replace(tzinfo=UTC).astimezone(ZoneInfo(zone))
    text = f"{instant.replace(tzinfo=None).isoformat(' ', 'microseconds')} {zone}"
    twin = instant.replace(fold=1 - instant.fold)
    unique = instant.utcoffset() == twin.utcoffset()
    try:
        converted = DefaultTypeConverter().convert("timestamp with time zone", text)
    except DataError:
        assert not unique
    else:
        assert unique
        assert converted.astimezone(UTC) == moment.replace(tzinfo=UTC)


plain = st.text("abcxyz 0123.:-_äß", max_size=8)


def _print(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_print, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}={_print(content)}" for key, content in value.items()) + "}"
    return "null" if value is None else str(value)


structures = st.recursive(
    st.none() | plain.filter(lambda text: text != "null"),
    lambda values: st.lists(values, max_size=4) | st.dictionaries(plain, values, max_size=4),
    max_leaves=12,
)


@given(structures.filter(lambda value: isinstance(value, (list, dict))))
def test_structures_of_values_without_delimiters_come_back(value: Any) -> None:
    text = _print(value)
    assume(not _is_json(text) and "['']" not in repr(value))  # the array of one empty text prints as []
    assert DefaultTypeConverter().convert("array" if isinstance(value, list) else "map", text) == value


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


@given(st.lists(st.none() | st.text()))
def test_with_a_hint_any_strings_come_back_from_json(value: list[str | None]) -> None:
    assert DefaultTypeConverter().convert("array", json.dumps(value), "array(varchar)") == value


@given(st.text('[]{}=, anul"1', max_size=20), st.sampled_from(["array", "map", "row"]))
def test_any_text_of_a_structure_is_read_or_stays_as_it_is(text: str, type_: str) -> None:
    assume(text)
    value = DefaultTypeConverter().convert(type_, text)
    assert isinstance(value, list if type_ == "array" else dict) or value == text
