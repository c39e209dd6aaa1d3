"""The type objects and constructors of PEP 249: ``description[i][1] == pyathena.NUMBER``.

https://peps.python.org/pep-0249/#type-objects-and-constructors
"""

from __future__ import annotations

from datetime import date, datetime, time

from typing_extensions import override

__all__ = [
    "BINARY",
    "BOOLEAN",
    "DATE",
    "DATETIME",
    "JSON",
    "NUMBER",
    "STRING",
    "TIME",
    "Binary",
    "Date",
    "DateFromTicks",
    "Time",
    "TimeFromTicks",
    "Timestamp",
    "TimestampFromTicks",
    "TypeObject",
]


class TypeObject(frozenset[str]):
    """Names of Athena's types of one kind; equal to each of them."""

    @override
    def __eq__(self, other: object) -> bool:
        return other in self if isinstance(other, str) else super().__eq__(other)

    @override
    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = frozenset.__hash__


# https://docs.aws.amazon.com/athena/latest/ug/data-types.html
STRING = TypeObject({"char", "varchar", "string"})
BINARY = TypeObject({"varbinary", "binary", "array", "map", "row"})
BOOLEAN = TypeObject({"boolean"})
NUMBER = TypeObject({"tinyint", "smallint", "integer", "bigint", "float", "real", "double", "decimal"})
DATE = TypeObject({"date"})
TIME = TypeObject({"time", "time with time zone"})
DATETIME = TypeObject({"timestamp", "timestamp with time zone"})
JSON = TypeObject({"json"})

Date = date
Time = time
Timestamp = datetime


def Binary(data: bytes | bytearray | memoryview) -> bytes:  # noqa: N802 - PEP 249's names
    """Return what is sent as a value of VARBINARY."""
    return bytes(data)


def DateFromTicks(ticks: float) -> date:  # noqa: N802
    """Return the local date of so many seconds since the epoch."""
    return date.fromtimestamp(ticks)


def TimeFromTicks(ticks: float) -> time:  # noqa: N802
    """Return the local time of so many seconds since the epoch."""
    return datetime.fromtimestamp(ticks).time()


def TimestampFromTicks(ticks: float) -> datetime:  # noqa: N802
    """Return the local date and time of so many seconds since the epoch."""
    return datetime.fromtimestamp(ticks)
