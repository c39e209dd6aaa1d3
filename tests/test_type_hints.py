"""Types as people write them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyathena.errors import ProgrammingError
from pyathena.type_hints import TypeNode, parse_type_hint

INTEGER = TypeNode("integer")
VARCHAR = TypeNode("varchar")


def row(**fields: TypeNode) -> TypeNode:
    return TypeNode("row", tuple(fields.values()), tuple(fields))


@pytest.mark.parametrize(
    ("hint", "node"),
    [
        ("bigint", TypeNode("bigint")),
        ("  INT ", INTEGER),
        ("decimal(10, 2)", TypeNode("decimal")),
        ("varchar(5)", VARCHAR),
        ("double precision", TypeNode("double")),
        ("binary", TypeNode("varbinary")),
        ("timestamp(3) with time zone", TypeNode("timestamp with time zone")),
        ("time(3) without time zone", TypeNode("time")),
        ("interval day to second", TypeNode("interval day to second")),
        ("array(row(a int, b varchar))", TypeNode("array", (row(a=INTEGER, b=VARCHAR),))),
        ("array<struct<a:int,b:varchar(3)>>", TypeNode("array", (row(a=INTEGER, b=VARCHAR),))),
        ("array(struct(a integer, b varchar))", TypeNode("array", (row(a=INTEGER, b=VARCHAR),))),
        ("map(varchar, array(integer))", TypeNode("map", (VARCHAR, TypeNode("array", (INTEGER,))))),
        ("map<varchar,map<int,varchar>>", TypeNode("map", (VARCHAR, TypeNode("map", (INTEGER, VARCHAR))))),
        ("row(int, varchar)", row(field0=INTEGER, field1=VARCHAR)),
        ("row(int, b varchar)", row(field0=INTEGER, b=VARCHAR)),
        ('row("a ""b""" int)', row(**{'a "b"': INTEGER})),
        ("struct<`a b`:int>", row(**{"a b": INTEGER})),
        ("struct<user-agent:int>", row(**{"user-agent": INTEGER})),
        ("row(time with time zone)", row(field0=TypeNode("time with time zone"))),
        ("row(time time)", row(time=TypeNode("time"))),
        ("row(interval interval year to month)", row(interval=TypeNode("interval year to month"))),
        ("row(double precision, row double)", row(field0=TypeNode("double"), row=TypeNode("double"))),
    ],
)
def test_a_type_is_read_as_trino_or_hive_writes_it(hint: str, node: TypeNode) -> None:
    assert parse_type_hint(hint) == node


@pytest.mark.parametrize(
    ("hint", "place"),
    [
        ("", "the end at position 0 where a type"),
        ("array", "the end at position 5 where '(' or '<'"),
        ("array()", "')' at position 6 where a type"),
        ("array(int", "the end at position 9 where ')'"),
        ("array(int>", "'>' at position 9 where ')'"),
        ("array(int))", "')' at position 10 where the end"),
        ("map(int)", "')' at position 7 where ','"),
        ("row(a int b int)", "'b' at position 10 where"),
        ("row(a int, A int)", "'A' at position 11 where a name that no other"),
        ("decimal(x)", "'x' at position 8 where a number"),
        ("interval", "the end at position 8 where 'day to second' or"),
        ("array(int; drop)", "';' at position 9 where a type"),
        ("'int'", '"\'" at position 0 where a type'),
    ],
)
def test_what_is_no_type_is_refused_with_its_place(hint: str, place: str) -> None:
    with pytest.raises(ProgrammingError, match=re.escape(place)):
        parse_type_hint(hint)


def test_a_type_that_is_nested_without_end_is_refused() -> None:
    with pytest.raises(ProgrammingError, match="nested too deeply"):
        parse_type_hint("array(" * 100_000)


scalars = st.sampled_from(["integer", "varchar", "double", "timestamp with time zone", "interval day to second"])
field_names = st.text("abz_ 0\"`(),:<>'ÄÖ", min_size=1, max_size=6)


def _nested(children: st.SearchStrategy[TypeNode]) -> st.SearchStrategy[TypeNode]:
    fields = st.lists(
        st.tuples(field_names, children), min_size=1, max_size=4, unique_by=lambda field: field[0].casefold()
    )
    return (
        children.map(lambda child: TypeNode("array", (child,)))
        | st.tuples(scalars.map(TypeNode), children).map(lambda pair: TypeNode("map", pair))
        | fields.map(lambda pairs: TypeNode("row", tuple(c for _, c in pairs), tuple(n for n, _ in pairs)))
    )


@given(st.recursive(scalars.map(TypeNode), _nested, max_leaves=10))
def test_a_type_that_is_written_out_reads_as_the_same_type(node: TypeNode) -> None:
    assert parse_type_hint(str(node)) == node


@given(st.text('arymapow(<>),:intvc "` 19', max_size=30))
def test_any_text_is_a_type_or_refused(text: str) -> None:
    try:
        node = parse_type_hint(text)
    except ProgrammingError:
        return
    assert parse_type_hint(str(node)) == node
