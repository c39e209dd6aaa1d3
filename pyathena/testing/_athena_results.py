"""A result as Athena writes it to S3, and as GetQueryResults shows it in pages."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any, Final, Literal, TypeAlias

from pyathena.runtime import drive
from pyathena.testing._athena_values import Answer, Column, Row
from pyathena.transport import ObjectRef, PutOptions, S3Transport

__all__ = [
    "Pages",
    "Suffix",
    "column_info",
    "metadata_lines",
    "object_at",
    "object_lines",
    "shown_columns",
    "shown_rows",
    "write_object",
]

# Of the result's object; "" where a statement brings no rows, and no object.
Suffix: TypeAlias = Literal[".csv", ".txt", ""]

_PART_SIZE: Final = 8 * 2**20
_CASE_SENSITIVE: Final = frozenset(["char", "string", "varchar"])


def _checked(answer: Answer) -> Iterator[Row]:
    """Go through the rows of an answer.

    Raises:
        ValueError: a row is not one text, or None, for each column.
    """
    width = len(answer.columns)
    for number, row in enumerate(answer.rows):
        if isinstance(row, str) or len(row) != width or not all(v is None or isinstance(v, str) for v in row):
            raise ValueError(
                f"a row has one text, as Athena prints it, or None for each of {width} columns; row {number} is {row!r}"
            )
        yield row


def _header(columns: Sequence[Column]) -> list[Row]:
    return [[column.name for column in columns]] if columns else []


def _quoted(row: Row) -> str:
    return ",".join(["" if value is None else '"' + value.replace('"', '""') + '"' for value in row])


def object_lines(answer: Answer, suffix: Suffix) -> Iterator[str]:
    """Make the result's object, line by line.

    A CSV has a header, quotes around every value and nothing at all for NULL; text has neither header nor quotes.
    https://docs.aws.amazon.com/athena/latest/ug/querying-finding-output-files.html
    """
    if suffix == ".csv":
        return (_quoted(row) + "\n" for row in chain(_header(answer.columns), _checked(answer)))
    if answer.text is not None:
        return iter([answer.text])
    return ("\t".join(value or "" for value in row) + "\n" for row in _checked(answer))


def shown_columns(answer: Answer, suffix: Suffix) -> Sequence[Column]:
    """Tell the columns that GetQueryResults shows."""
    if not answer.columns and not suffix:
        return [Column("rows", "bigint")]  # what a statement that writes tells of itself
    if not answer.columns and answer.text:
        return [Column("result", "string")]
    return answer.columns


def shown_rows(answer: Answer, suffix: Suffix) -> Iterator[Row]:
    """Go through the rows that GetQueryResults shows: for a SELECT the first is the header."""
    if answer.text is not None:
        return ([line] for line in answer.text.removesuffix("\n").split("\n") if answer.text)
    return chain(_header(answer.columns) if suffix == ".csv" else [], _checked(answer))


def column_info(columns: Sequence[Column]) -> list[dict[str, Any]]:
    """Describe columns as ResultSetMetadata does."""
    return [
        {
            "CatalogName": "hive",
            "SchemaName": "",
            "TableName": "",
            "Name": column.name,
            "Label": column.name,
            "Type": column.type,
            "Precision": column.precision,
            "Scale": column.scale,
            "Nullable": column.nullable,
            "CaseSensitive": column.type in _CASE_SENSITIVE,
        }
        for column in columns
    ]


def metadata_lines(columns: Sequence[Column]) -> Iterator[str]:
    """Make the object beside a result. Athena's own is binary, for itself alone, and nowhere described."""
    yield json.dumps(column_info(columns))


class Pages:
    """Rows by position, in a single pass as long as pages are asked for one after the other."""

    def __init__(self, rows: Callable[[], Iterator[Row]]) -> None:
        self._rows = rows
        self._rest = rows()
        self._ahead: list[Row] = []
        self._position = 0

    def page(self, start: int, size: int) -> tuple[list[Row], int | None]:
        """Take ``size`` rows from ``start`` on, and tell where the next page starts if there is one."""
        if start != self._position:
            self._rest = islice(self._rows(), start, None)
            self._ahead = []
        self._position = -1  # if a row is not as it should be, the next page begins anew
        taken = [*self._ahead, *islice(self._rest, size + 1 - len(self._ahead))]
        self._ahead = taken[size:]
        self._position = start + len(taken[:size])
        return taken[:size], self._position if self._ahead else None


# --- in S3 ---------------------------------------------------------------------------------------


def object_at(url: str) -> ObjectRef:
    """Read ``s3://bucket/key``."""
    bucket, _, key = url.removeprefix("s3://").partition("/")
    return ObjectRef(bucket, key)


def _blocks(lines: Iterable[str]) -> Iterator[bytes]:
    """Gather lines to blocks of at least the size of a part; the last one may be shorter."""
    block = bytearray()
    for line in lines:
        block += line.encode()
        if len(block) >= _PART_SIZE:
            yield bytes(block)
            block.clear()
    if block:
        yield bytes(block)


def write_object(transport: S3Transport, url: str, lines: Iterable[str], options: PutOptions) -> None:
    """Write text, in one request or, if it is long, in parts: it need not be held as a whole."""
    ref = object_at(url)
    blocks = _blocks(lines)
    first = next(blocks, b"")
    second = next(blocks, None)
    if second is None:
        drive(transport.put_object(ref, first, options=options))
        return
    upload = drive(transport.create_multipart_upload(ref, options=options))
    try:
        parts = [
            drive(transport.upload_part(upload, number, block))
            for number, block in enumerate(chain([first, second], blocks), start=1)
        ]
        drive(transport.complete_multipart_upload(upload, parts))
    except BaseException:
        drive(transport.abort_multipart_upload(upload))
        raise
