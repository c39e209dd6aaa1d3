"""Athena's CSV, in which NULL is nothing at all and the empty string is ``""``. Pure functions.

Python's own `csv` takes both for the empty string (up to 3.12 at least) and refuses fields of more than 128 KiB unless
a setting of the whole process is changed; most readers of tables take both for NULL: hence `mark_nulls`.

Athena quotes every value, doubles the quotes within one, and ends records with a newline. What is not quoted is taken
as RFC 4180 has it, so that other writers' files can be read.

https://docs.aws.amazon.com/athena/latest/ug/querying-finding-output-files.html
https://www.rfc-editor.org/rfc/rfc4180
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeVar

from pyathena.errors import DataError, shown

__all__ = ["RecordSplitter", "header_end", "mark_nulls", "parse_records", "write_records"]

T = TypeVar("T")

_LONGEST_KEPT: Final = 100
_EMPTY: Final = (",,", "\n,", ",\n", "\n\n", ",\r", "\n\r")


def parse_records(text: str) -> list[tuple[str | None, ...]]:
    """Read whole records; None stands for NULL. The last one may lack its newline.

    They are tuples, since Python's garbage collector would go through lists again and again.

    Raises:
        DataError: text beside the quotes of a value, or a quote that is not closed.

    >>> parse_records('"1","a,b"\\n"2",\\n')
    [('1', 'a,b'), ('2', None)]
    """
    first, rest = _pieces(text)
    records: list[tuple[str | None, ...]] = []
    record: list[str | None] = []
    begun: list[str] = []  # of a value that holds quotes
    gaps = _Kept(_read_gap)
    for position, line in enumerate(_read_gap(first, begin=True)):
        if position:
            records.append(tuple(record))
        record = line
    for value, between in zip(rest[::2], rest[1::2], strict=True):
        if not between:
            begun += (value, '"')
            continue
        if begun:
            value = "".join((*begun, value))
            begun = []
        record.append(value)
        if between == "\n":
            records.append(tuple(record))
            record = []
        elif between != ",":
            lines = gaps[between]
            record += lines[0]
            for line in lines[1:]:
                records.append(tuple(record))
                record = list(line)
    return records


def mark_nulls(text: str, mark: str) -> str:
    """Write ``mark`` where whole records have NULL, so that readers that know no difference can tell it from ``""``.

    Args:
        text: whole records.
        mark: what no value is, and that needs no quotes.
    """
    if not (text.startswith((",", "\n", "\r")) or text.endswith(",") or any(empty in text for empty in _EMPTY)):
        return text

    def marked(gap: str) -> str:
        return gap and _write_gap(_read_gap(gap), mark)

    first, rest = _pieces(text)
    gaps = _Kept(marked)
    rest[1::2] = [between if between == "," else gaps[between] for between in rest[1::2]]
    return '"'.join([_write_gap(_read_gap(first, begin=True), mark, begin=True), *rest])


def header_end(data: bytes) -> int:
    """Return where the first record ends."""
    end = quotes = 0
    while (newline := data.find(b"\n", end)) >= 0:
        quotes += data.count(b'"', end, newline)
        end = newline + 1
        if quotes % 2 == 0:
            return end
    return len(data)


class _Kept(dict[str, T]):
    """What a function makes of short texts that come again and again."""

    def __init__(self, function: Callable[[str], T]) -> None:
        super().__init__()
        self._function = function

    def __missing__(self, text: str) -> T:
        made = self._function(text)
        if len(text) <= _LONGEST_KEPT:
            self[text] = made
        return made


def _pieces(text: str) -> tuple[str, list[str]]:
    """Return what comes before the first quote, and then in turn what is within quotes and what is between them."""
    if text and not text.endswith("\n"):
        text += "\n"
    first, *rest = text.split('"')
    if len(rest) % 2:
        raise DataError(f"a quoted value of a CSV result has no end: {shown(rest[-1])}")
    return first, rest


def _read_gap(gap: str, *, begin: bool = False) -> list[list[str | None]]:
    """Return the fields without quotes that a gap between quotes holds, by line.

    What touches a quote is no field: the gap begins and ends with a separator. At the begin of the text it may begin
    with a field; at the end of the text, which ends with a newline, it is as if a quote came next.
    """
    lines = [line.removesuffix("\r").split(",") for line in gap.split("\n")]
    touching = [] if begin else [lines[0].pop(0)]
    if lines[-1]:
        touching.append(lines[-1].pop())
    if any(touching) or (not begin and gap.count(",") + gap.count("\n") == 0):
        raise DataError(f"a CSV result has text beside the quotes of a value: {shown(gap)}")
    return [[field or None for field in line] for line in lines]


def _write_gap(lines: Sequence[Sequence[str | None]], mark: str, *, begin: bool = False) -> str:
    fields = [[mark if field is None else field for field in line] for line in lines]
    if not begin:
        fields[0].insert(0, "")
    fields[-1].append("")
    return "\n".join(map(",".join, fields))


class RecordSplitter:
    """Cuts blocks of bytes where records end, so that each piece holds whole ones."""

    def __init__(self) -> None:
        self._rest: list[bytes] = []  # of blocks, put together once: a record may have any number of them
        self._in_quotes = False  # at the end of the rest

    def feed(self, block: bytes) -> bytes:
        """Take the next block; return the whole records that are there now, which may be none."""
        self._in_quotes ^= bool(block.count(b'"') % 2)
        # Quotes are counted from the end, where the last record will end soon.
        stop, quoted = len(block), self._in_quotes
        while (newline := block.rfind(b"\n", 0, stop)) >= 0:
            quoted ^= bool(block.count(b'"', newline, stop) % 2)
            if not quoted:
                whole = b"".join((*self._rest, block[: newline + 1]))
                self._rest = [block[newline + 1 :]]
                return whole
            stop = newline
        self._rest.append(block)
        return b""

    @property
    def rest(self) -> bytes:
        """What came behind the last newline that ends a record."""
        return b"".join(self._rest)


def write_records(records: Iterable[Iterable[str | None]]) -> bytes:
    """Write records as Athena does."""
    return "".join(
        ",".join("" if field is None else '"' + field.replace('"', '""') + '"' for field in record) + "\n"
        for record in records
    ).encode()
