"""Athena's CSV: what is NULL, what is the empty string, and where a record ends."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pyathena.errors import DataError
from pyathena.results.csv import RecordSplitter, header_end, mark_nulls, parse_records, write_records

MARK = "<null>"

Record = tuple[str | None, ...]

FIELDS = st.text(st.sampled_from("ab\",\n\r \\'é😀\x00"), max_size=6)
CELLS = st.none() | FIELDS


def tables(cells: st.SearchStrategy[str | None], *, least: int = 1) -> st.SearchStrategy[list[Record]]:
    """Make records that are equally wide."""
    return st.integers(1, 4).flatmap(lambda width: st.lists(st.tuples(*[cells] * width), min_size=least, max_size=5))


def without_end(records: list[Record]) -> str:
    """Write records, the last one without its newline, unless that would leave nothing of it."""
    text = write_records(records).decode()
    return text if records[-1:] == [(None,)] else text.removesuffix("\n")


@given(tables(CELLS, least=0))
@example([(None,)])
@example([("",), (None,), ('"',)])
@example([(None, ""), ("", None)])
def test_what_is_written_reads_the_same(records: list[Record]) -> None:
    assert parse_records(write_records(records).decode()) == records


@given(tables(CELLS))
def test_the_last_record_may_lack_its_newline(records: list[Record]) -> None:
    assert parse_records(without_end(records)) == records


@given(tables(FIELDS))
def test_without_null_it_reads_as_csv_of_python(records: list[Record]) -> None:
    text = write_records(records).decode()
    assert parse_records(text) == list(map(tuple, csv.reader(io.StringIO(text, newline=""))))


@given(tables(st.text(st.sampled_from('ab",\n é'), min_size=1, max_size=6)), st.sampled_from(["\n", "\r\n"]))
def test_reads_what_other_writers_quote_only_where_they_must(records: list[Record], newline: str) -> None:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator=newline).writerows(records)
    assert parse_records(out.getvalue()) == records


@pytest.mark.parametrize(
    ("text", "records"),
    [
        ("", []),
        ("\n", [(None,)]),
        ("\r\n", [(None,)]),
        ("\n\n", [(None,), (None,)]),
        (",\n", [(None, None)]),
        (",\r\n,\r\n", [(None, None), (None, None)]),
        ("a,b", [("a", "b")]),
        ('a,"b",\r\n"",,c\r\n', [("a", "b", None), ("", None, "c")]),
        ('"a"\n\n""\n', [("a",), (None,), ("",)]),
        ('"\r\n"\r\n', [("\r\n",)]),
        ('""""\n', [('"',)]),
    ],
)
def test_nothing_between_separators_is_null(text: str, records: list[Record]) -> None:
    assert parse_records(text) == records


@pytest.mark.parametrize(
    "text",
    ['"a', '"', '"a""', 'a"b"\n', '"a"b\n', '"a"b,"c"\n', '"a","b"c"\n', '"a"\r"b"\n', '"a"b"c"\n', '"x"\n "y"\n'],
)
def test_refuses_text_beside_quotes_and_quotes_without_an_end(text: str) -> None:
    with pytest.raises(DataError, match="CSV result"):
        parse_records(text)


def test_an_error_shows_no_more_than_the_beginning_of_a_long_text() -> None:
    with pytest.raises(DataError) as raised:
        parse_records('"' + "x" * 10_000)
    assert len(str(raised.value)) < 200


def test_reads_values_that_are_longer_than_the_csv_module_allows() -> None:
    long = 'x",\n' * 100_000
    assert len(long) > csv.field_size_limit()
    assert parse_records(write_records([(long, None), (None, long)]).decode()) == [(long, None), (None, long)]


@given(tables(CELLS, least=0), st.booleans())
def test_a_mark_stands_exactly_where_null_was(records: list[Record], ends: bool) -> None:
    text = write_records(records).decode() if ends else without_end(records)
    marked = list(csv.reader(io.StringIO(mark_nulls(text, MARK), newline="")))
    assert marked == [[MARK if cell is None else cell for cell in record] for record in records]


@given(tables(FIELDS))
def test_text_without_null_is_left_as_it_is(records: list[Record]) -> None:
    text = write_records(records).decode()
    assert mark_nulls(text, MARK) == text


@pytest.mark.parametrize(
    "text", ["\r\n", ",\r\n", '"a",\r\n', '"a"\r\n\r\n', 'a,\r\n"b",c\r\n', ",", '"a",', "a,b\r\nc,\r\n", 'a\n\n"b"']
)
def test_null_is_marked_whatever_ends_a_line(text: str) -> None:
    assert parse_records(mark_nulls(text, MARK)) == [
        tuple(MARK if cell is None else cell for cell in record) for record in parse_records(text)
    ]


@given(tables(CELLS))
def test_the_header_ends_where_the_first_record_does(records: list[Record]) -> None:
    data = write_records(records)
    end = header_end(data)
    assert parse_records(data[:end].decode()) == records[:1]
    assert parse_records(data[end:].decode()) == records[1:]


def test_a_header_without_an_end_is_all_there_is() -> None:
    assert header_end(b'"a","b') == 6
    assert header_end(b"") == 0


@given(tables(CELLS), st.data())
def test_blocks_are_cut_where_records_end_wherever_they_were_split(records: list[Record], data: st.DataObject) -> None:
    whole = write_records(records)
    if data.draw(st.booleans(), "without the last newline"):
        whole = whole.removesuffix(b"\n")
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=6), "cuts"))
    blocks = [whole[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    splitter = RecordSplitter()
    pieces = [splitter.feed(block) for block in blocks]
    last = splitter.rest
    assert b"".join([*pieces, last]) == whole
    # Each piece stands for itself, which is what makes it one of whole records.
    read = [record for piece in (*pieces, last) for record in parse_records(piece.decode("utf-8", "surrogateescape"))]
    assert read == parse_records(whole.decode("utf-8", "surrogateescape"))


def test_every_split_in_two_gives_the_same_records() -> None:
    whole = 'ä,"b""\n",\n"",,"\r\n"\n\n"x"'.encode()
    for cut in range(len(whole) + 1):
        splitter = RecordSplitter()
        pieces = [splitter.feed(whole[:cut]), splitter.feed(whole[cut:]), splitter.rest]
        assert b"".join(pieces) == whole
        assert [record for piece in pieces for record in parse_records(piece.decode())] == [
            ("ä", 'b"\n', None),
            ("", None, "\r\n"),
            (None,),
            ("x",),
        ]


def test_a_record_of_many_blocks_is_put_together_once() -> None:
    class Counted(bytes):
        """A block that knows how much was copied of it by adding."""

        added = 0

        def __radd__(self, other: bytes) -> bytes:
            Counted.added += len(other)
            return other + bytes(self)

    splitter = RecordSplitter()
    assert splitter.feed(b'"') == b""
    for _ in range(200):
        assert splitter.feed(Counted(b"x\n" * 50)) == b""
    assert splitter.feed(b'"\n"y') == b'"' + b"x\n" * 10_000 + b'"\n'
    assert splitter.rest == b'"y'
    assert Counted.added == 0
