"""Python's values as SQL literals, in the statement (pyformat) or beside it (qmark). Pure functions.

A value never ends the literal that it is written as: `pyathena.sql` tells which of Athena's parsers will read the
statement, and a value that cannot be written for that parser is refused. Everything that is wrong with parameters
raises before anything is sent.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from itertools import groupby
from math import isfinite, isnan
from types import MappingProxyType
from typing import Any, Final, TypeAlias
from uuid import UUID, uuid4

from typing_extensions import override

from pyathena.errors import ProgrammingError, shown
from pyathena.sql import Dialect, Kind, body, count_placeholders, dialects, first_word, tokens

__all__ = ["DefaultParameterFormatter", "Formatter", "WriteLiteral", "execution_parameters", "literal"]

WriteLiteral: TypeAlias = Callable[[Any, Dialect], str]
"""Writes a value as a literal for a parser; raises `ProgrammingError` if it cannot."""

_MAX_DIGITS: Final = 38  # https://docs.aws.amazon.com/athena/latest/ug/data-types.html, decimal
_MAX_OFFSET: Final = timedelta(hours=14)
# https://docs.aws.amazon.com/athena/latest/APIReference/API_StartQueryExecution.html
_MAX_PARAMETER: Final = 1024


class Formatter(ABC):
    """Writes parameters into a statement, by functions for each type.

    Args:
        mappings: the function for each type; it serves subclasses too, unless they have one of their own.
        default: the function for all other types; None refuses them.
    """

    def __init__(self, mappings: Mapping[type, WriteLiteral], default: WriteLiteral | None = None) -> None:
        self._mappings = dict(mappings)
        self._default = default

    @property
    def mappings(self) -> Mapping[type, WriteLiteral]:
        """The function for each type; change it by `set`, `remove` and `update`."""
        return MappingProxyType(self._mappings)

    @property
    def default(self) -> WriteLiteral | None:
        """The function for all other types."""
        return self._default

    def get(self, type_: type) -> WriteLiteral | None:
        """Return the function for a type or the nearest of its bases, else the default one."""
        for base in type_.__mro__:
            if base in self._mappings:
                return self._mappings[base]
        return self._default

    def set(self, type_: type, formatter: WriteLiteral) -> None:
        """Write values of a type by this function from now on."""
        self._mappings[type_] = formatter

    def remove(self, type_: type) -> None:
        """Treat values of a type as those of its bases, or by the default function, from now on."""
        self._mappings.pop(type_, None)

    def update(self, mappings: Mapping[type, WriteLiteral]) -> None:
        """Write values of all these types by these functions from now on."""
        self._mappings.update(mappings)

    def literal(self, value: object, dialect: Dialect = Dialect.TRINO) -> str:
        """Write a value as a literal.

        Raises:
            TypeError: there is no function for its type.
            ProgrammingError: the value cannot be written for this parser.
        """
        write = self.get(type(value))
        if write is None:
            name = type(value).__name__
            raise TypeError(
                f"no SQL literal is known for a value of type {name}; convert it to one that is, "
                f"or call formatter.set({name}, function)"
            )
        return write(value, dialect)

    @abstractmethod
    def format(self, operation: str, parameters: Mapping[str, Any] | Sequence[Any] | None = None) -> str:
        """Return the statement with the parameters in it; as it is if ``parameters`` is None."""

    @staticmethod
    def wrap_unload(
        operation: str,
        s3_staging_dir: str | None,
        format_: str = "PARQUET",
        compression: str = "SNAPPY",
        *,
        today: Callable[[], date] = lambda: datetime.now(UTC).date(),
        new_id: Callable[[], UUID] = uuid4,
    ) -> tuple[str, str | None]:
        """Wrap a query so that Athena writes its result as files.

        Args:
            operation: the statement; only one that begins with SELECT or WITH, after comments, is wrapped.
            s3_staging_dir: ``s3://`` path under which a new directory is named.
            format_: of the files.
            compression: of the files.
            today: tells the date in the directory's name, by default in UTC.
            new_id: makes what is unique in it.

        Returns:
            The wrapped statement and the directory that it writes to; the statement as it was and None if it is no
            query.

        Raises:
            ProgrammingError: there is no ``s3_staging_dir``.

        https://docs.aws.amazon.com/athena/latest/ug/unload.html
        """
        if first_word(operation) not in ("SELECT", "WITH"):
            return operation, None
        if not s3_staging_dir:
            raise ProgrammingError("UNLOAD needs to know where to write: pass s3_staging_dir='s3://bucket/path/'")
        location = f"{s3_staging_dir.rstrip('/')}/unload/{today():%Y%m%d}/{new_id()}/"
        statement = (
            f"UNLOAD (\n{body(operation)}\n) TO {literal(location)}\n"
            f"WITH (format = {literal(format_)}, compression = {literal(compression)})"
        )
        return statement, location


class DefaultParameterFormatter(Formatter):
    """Writes ``%(name)s`` as the literal of the parameter ``name``, and ``%%`` as ``%``.

    | Python | SQL |
    | --- | --- |
    | None | null |
    | bool, int | true, 1 |
    | float | 1.5E0, so that it is a double and no decimal; nan(), infinity() |
    | Decimal | DECIMAL '1.50' |
    | str | 'it''s'; in Hive 'it\\'s' |
    | bytes, bytearray, memoryview | X'00ff' |
    | date, time, datetime | DATE '…', TIME '…', TIMESTAMP '…' with milliseconds, or microseconds if it has any |
    | datetime with a zone | TIMESTAMP '2024-01-01 10:00:00.000 +02:00': its offset, so that it is the same instant |
    | UUID | UUID '…' |
    | Enum | its value |
    | list, tuple, set, frozenset | (1, 2), not empty |

    Statements that Hive's parser reads have no literals for bytes, times, NaN, infinities and zones, which are refused
    there; decimals are plain numbers and UUIDs are text in them.

    A placeholder stands where a literal may stand: in quotes or in a comment it is refused, since a value could end
    them. Names of tables and columns cannot be parameters.

    >>> DefaultParameterFormatter().format("SELECT %(a)s LIKE '%%'", {"a": "it's"})
    "SELECT 'it''s' LIKE '%'"
    """

    def __init__(self) -> None:
        super().__init__(
            {
                type(None): _write_none,
                bool: _write_bool,
                int: _write_int,
                float: _write_float,
                Decimal: _write_decimal,
                str: _write_str,
                bytes: _write_bytes,
                bytearray: _write_bytes,
                memoryview: _write_bytes,
                date: _write_date,
                time: _write_time,
                datetime: _write_datetime,
                UUID: _write_uuid,
                Enum: self._write_enum,
                list: self._write_values,
                tuple: self._write_values,
                set: self._write_values,
                frozenset: self._write_values,
            }
        )

    def _write_enum(self, value: Enum, dialect: Dialect) -> str:
        return self.literal(value.value, dialect)

    def _write_values(self, values: Iterable[Any], dialect: Dialect) -> str:
        literals = [self.literal(value, dialect) for value in values]
        if not literals:
            raise ProgrammingError("a parameter without values would be (), which is no SQL: leave the condition out")
        return f"({', '.join(literals)})"

    @override
    def format(self, operation: str, parameters: Mapping[str, Any] | Sequence[Any] | None = None) -> str:
        """Return the statement with the parameters in it; as it is if ``parameters`` is None.

        Raises:
            ProgrammingError: the statement is empty; a parameter is missing or stands nowhere; a placeholder is in
                quotes or in a comment; a ``%`` is neither ``%(name)s`` nor ``%%``; a value cannot be written.
            TypeError: no literal is known for a value's type.
        """
        if not operation.strip():
            raise ProgrammingError("the statement is empty")
        if parameters is None:
            return operation
        if not isinstance(parameters, Mapping):
            raise ProgrammingError(
                f"parameters for %(name)s are a mapping of names to values, got {type(parameters).__name__}; "
                f"for a sequence write ? and choose paramstyle='qmark'"
            )
        possible = dialects(operation)
        template, *_ = [_template(operation, dialect) for dialect in possible]  # each of them may refuse
        names = {name for _, name in template if name is not None}
        if missing := names - parameters.keys():
            raise ProgrammingError(f"parameters are missing: {', '.join(sorted(missing))}")
        if unknown := parameters.keys() - names:
            raise ProgrammingError(f"parameters are not in the statement: {', '.join(sorted(map(str, unknown)))}")
        literals = {name: self._agreed(parameters[name], possible) for name in names}
        return _fill(template, literals)

    def _agreed(self, value: object, possible: Sequence[Dialect]) -> str:
        literals = {self.literal(value, dialect) for dialect in possible}
        if len(literals) > 1:
            raise ProgrammingError(
                f"{shown(value)} is written differently for Trino and for Hive, and it cannot be told which of them "
                f"will read this statement; write the value into the statement"
            )
        return literals.pop()


_PERCENT: Final = re.compile(r"""% (?: (?P<percent> % ) | \( (?P<name> [^()'"`]* ) \) s )?""", re.VERBOSE)
_Template: TypeAlias = "list[tuple[str, str | None]]"


def _template(operation: str, dialect: Dialect) -> _Template:
    """Split a statement into pairs of text and the name of the parameter behind it, None behind the last."""
    pairs: _Template = []
    text = ""
    start = 0
    for quoted, group in groupby(tokens(operation, dialect), lambda token: token.kind in (Kind.QUOTED, Kind.COMMENT)):
        piece = "".join(token.text for token in group)
        end = 0
        for match in _PERCENT.finditer(piece):
            text += piece[end : match.start()]
            end = match.end()
            if match["percent"]:
                text += "%"
            elif match["name"] is None:
                raise ProgrammingError(
                    f"a % at position {start + match.start()} begins neither %(name)s nor %%: write %% for a % itself"
                )
            elif quoted:
                raise ProgrammingError(
                    f"{match[0]} at position {start + match.start()} is in quotes or in a comment: "
                    f"leave the quotes out, the value brings its own"
                )
            else:
                pairs.append((text, match["name"]))
                text = ""
        text += piece[end:]
        start += len(piece)
    return [*pairs, (text, None)]


# What may touch a literal. Anything else could become one token with it: 1-(-1), X'00', 'a''b'.
_SEPARATORS: Final = frozenset(" \t\r\n(),=<>+*/|[];:%")


def _fill(template: _Template, literals: Mapping[str, str]) -> str:
    statement: list[str] = []
    last = " "
    for text, name in template:
        for piece in (text, None if name is None else literals[name]):
            if not piece:
                continue
            if statement and last not in _SEPARATORS and piece[0] not in _SEPARATORS:
                statement.append(" ")
            statement.append(piece)
            last = piece[-1]
    return "".join(statement)


def _refused(value: object, dialect: Dialect, why: str) -> ProgrammingError:
    return ProgrammingError(f"{shown(value)} cannot be a parameter of a statement for {dialect.value}: {why}")


def _write_none(value: None, dialect: Dialect) -> str:
    return "null"


def _write_bool(value: bool, dialect: Dialect) -> str:
    return "true" if value else "false"


def _write_int(value: int, dialect: Dialect) -> str:
    return int.__repr__(value)


def _write_float(value: float, dialect: Dialect) -> str:
    if isfinite(value):
        text = float.__repr__(value).upper()
        return text if "E" in text or dialect is Dialect.HIVE else f"{text}E0"
    if dialect is Dialect.HIVE:
        raise _refused(value, dialect, "there is no literal for it")
    return "nan()" if isnan(value) else "infinity()" if value > 0 else "-infinity()"


def _write_decimal(value: Decimal, dialect: Dialect) -> str:
    if not value.is_finite():
        raise _refused(value, dialect, "a decimal is finite")
    _, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int) or max(len(digits) + exponent, 0) + max(-exponent, 0) > _MAX_DIGITS:
        raise _refused(value, dialect, f"a decimal has at most {_MAX_DIGITS} digits")
    return f"DECIMAL '{value:f}'" if dialect is Dialect.TRINO else f"{value:f}"


def _write_str(value: str, dialect: Dialect) -> str:
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise _refused(value, dialect, f"character {error.start} is half of a surrogate pair") from None
    if dialect is Dialect.TRINO:
        return "'" + value.replace("'", "''") + "'"
    # https://cwiki.apache.org/confluence/display/Hive/LanguageManual+Types, strings
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _write_bytes(value: bytes | bytearray | memoryview, dialect: Dialect) -> str:
    if dialect is Dialect.HIVE:
        raise _refused(value, dialect, "there is no literal for bytes")
    return f"X'{value.hex()}'"


def _write_date(value: date, dialect: Dialect) -> str:
    return f"DATE '{value.isoformat()}'"


def _write_time(value: time, dialect: Dialect) -> str:
    if dialect is Dialect.HIVE:
        raise _refused(value, dialect, "there is no literal for a time of day")
    return f"TIME '{value.replace(tzinfo=None).isoformat(_timespec(value))}{_offset(value, dialect)}'"


def _write_datetime(value: datetime, dialect: Dialect) -> str:
    offset = _offset(value, dialect)
    wall = value.replace(tzinfo=None).isoformat(" ", _timespec(value))
    return f"TIMESTAMP '{wall} {offset}'" if offset else f"TIMESTAMP '{wall}'"


def _timespec(value: time | datetime) -> str:
    # Hive's tables have milliseconds, and refuse to be written timestamp(6).
    return "microseconds" if value.microsecond % 1000 else "milliseconds"


def _offset(value: time | datetime, dialect: Dialect) -> str:
    if value.tzinfo is None:
        return ""
    if dialect is Dialect.HIVE:
        raise _refused(value, dialect, "there is no literal with a time zone")
    offset = value.utcoffset()
    if offset is None or abs(offset) > _MAX_OFFSET or offset % timedelta(minutes=1):
        raise _refused(value, dialect, "its offset is not of whole minutes, 14 hours at most")
    minutes = abs(offset) // timedelta(minutes=1)
    return f"{'-' if offset < timedelta() else '+'}{minutes // 60:02}:{minutes % 60:02}"


def _write_uuid(value: UUID, dialect: Dialect) -> str:
    return f"UUID '{value}'" if dialect is Dialect.TRINO else f"'{value}'"


def literal(value: object) -> str:
    """Write a value as a literal of a query, as `DefaultParameterFormatter` does.

    >>> print(literal("it's"), literal(None), literal(b"data"))
    'it''s' null X'64617461'
    """
    return DefaultParameterFormatter().literal(value)


_TEXT: Final = r"'[^']*(?:''[^']*)*'"
_LITERAL: Final = rf"""(?:
      null | true | false
    | [+-]? (?: \d+ (?: \.\d* )? | \.\d+ ) (?: e [+-]? \d+ )?
    | interval \s* [+-]? \s* {_TEXT} \s* \w+ (?: \s+ to \s+ \w+ )?
    | (?: u& | [a-z]+ \s* )? {_TEXT}
    | nan\(\) | -? infinity\(\)
)"""
_TYPE: Final = r"[a-z][\w\s]* (?: \( [\d\s,]* \) [\w\s]* )?"
_PARAMETER: Final = re.compile(
    rf"\s* (?: {_LITERAL} | (?: try_ )? cast \s* \( \s* {_LITERAL} \s+ as \s+ {_TYPE} \) ) \s*",
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)


def execution_parameters(
    operation: str, parameters: Mapping[str, Any] | Sequence[Any] | None, *, formatter: Formatter | None = None
) -> list[str]:
    """Return Athena's ExecutionParameters for a statement with ``?``: SQL literals, which Athena puts in their places.

    A str *is* such a literal already, as in Athena's API and in PyAthena: ``"'a string'"``, ``"1"``,
    ``"CAST('2014-07-05' AS DATE)"``. One that is none, such as ``"a string"``, is refused rather than guessed; make one
    of a text by `literal`. All other values are written as their literals.

    Args:
        operation: the statement; only its ``?`` outside of literals, quoted names and comments count.
        parameters: a value for each, or None for a statement that is sent as it is (PREPARE has ``?`` too).
        formatter: writes the values; `DefaultParameterFormatter` if None.

    Raises:
        ProgrammingError: there are more or fewer than ``?``, it is no sequence, or a value cannot be a parameter.
        TypeError: no literal is known for a value's type.

    https://docs.aws.amazon.com/athena/latest/ug/querying-with-prepared-statements.html
    """
    if parameters is None:
        return []
    if not isinstance(parameters, Sequence) or isinstance(parameters, (str, bytes, bytearray, memoryview)):
        raise ProgrammingError(
            f"parameters for ? are a sequence of values, got {type(parameters).__name__}; "
            f"for a mapping write %(name)s and choose paramstyle='pyformat'"
        )
    count = count_placeholders(operation)
    if count != len(parameters):
        raise ProgrammingError(f"the statement has {count} of ?, and there are {len(parameters)} parameters")
    formatter = formatter or DefaultParameterFormatter()
    return [_execution_parameter(number, value, formatter) for number, value in enumerate(parameters, 1)]


def _execution_parameter(number: int, value: object, formatter: Formatter) -> str:
    if isinstance(value, (list, tuple, set, frozenset)):
        raise ProgrammingError(f"parameter {number} is a {type(value).__name__}: write a ? for each of its values")
    if isinstance(value, str):
        text = str.__str__(value)  # what an enumeration's own would say was not looked at
        if len(text) <= _MAX_PARAMETER and not _PARAMETER.fullmatch(text):
            raise ProgrammingError(
                f"parameter {number} is {shown(value)}, which is no SQL literal; "
                f"for this text write it in quotes: pyathena.formatter.literal(…)"
            )
    else:
        text = formatter.literal(value)
    if not 1 <= len(text) <= _MAX_PARAMETER:
        raise ProgrammingError(
            f"parameter {number} has {len(text)} characters as a literal, and Athena takes 1 to {_MAX_PARAMETER}"
        )
    return text
