"""Athena's text to Python's values, by the type that Athena tells. Pure functions.

GetQueryResults and CSV results hold text only; the type of a column is in its ColumnInfo:
https://docs.aws.amazon.com/athena/latest/APIReference/API_ColumnInfo.html

| Athena | Python |
| --- | --- |
| boolean | bool |
| tinyint, smallint, integer, bigint | int |
| float, real, double | float, NaN and the infinities included |
| decimal | Decimal |
| char, varchar, string | str, the empty one included |
| date, time, timestamp | date, time, datetime; what is finer than microseconds is cut |
| time with time zone | time with an offset |
| timestamp with time zone | datetime with a ZoneInfo, or with an offset where Athena prints one |
| varbinary | bytes |
| json | what ``json.loads`` makes of it |
| array, map, row | list, dict, dict: see `DefaultTypeConverter` |
| intervals, geometry, ipaddress, uuid, all others | str, as Athena prints it |

NULL is None, whatever the type.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, TypeAlias
from zoneinfo import ZoneInfo

from pyathena.errors import DataError, ProgrammingError, shown
from pyathena.native_text import parse_native
from pyathena.type_hints import TypeNode, parse_type_hint

__all__ = ["Convert", "Converter", "DefaultTypeConverter", "TextTypeConverter"]

Convert: TypeAlias = Callable[[str], Any]
"""Makes a value of a text; raises `ValueError` or the like if it cannot."""

_STRUCTURES: Final = frozenset({"array", "map", "row"})

_MAX_REASON: Final = 200

# What a function raises that cannot make sense of a text.
_FAILURES: Final = (ValueError, TypeError, ArithmeticError, LookupError, RecursionError)


class Converter:
    """Converts text by functions for each type; make one of your own, or replace those of `DefaultTypeConverter`.

    Args:
        mappings: the function for each of Athena's types, by its name in small letters. It gets text, never None.
        default: the function for all other types.
        types: what `get_dtype` tells for each type, for cursors that make columns of an array library.
    """

    def __init__(
        self, mappings: Mapping[str, Convert], default: Convert, types: Mapping[str, Any] | None = None
    ) -> None:
        self._mappings = dict(mappings)
        self._default = default
        self._types = dict(types or {})

    @property
    def mappings(self) -> Mapping[str, Convert]:
        """The function for each type; change it by `set`, `remove` and `update`."""
        return MappingProxyType(self._mappings)

    @property
    def types(self) -> Mapping[str, Any]:
        """What `get_dtype` tells for each type."""
        return MappingProxyType(self._types)

    def get(self, type_: str) -> Convert:
        """Return the function for a type, the default one if it has none."""
        return self._mappings.get(type_.lower(), self._default)

    def set(self, type_: str, converter: Convert) -> None:
        """Convert a type by this function from now on, also inside of arrays, maps and rows that have a hint."""
        self._mappings[type_.lower()] = converter

    def remove(self, type_: str) -> None:
        """Convert a type by the default function from now on."""
        self._mappings.pop(type_.lower(), None)

    def update(self, mappings: Mapping[str, Convert]) -> None:
        """Convert all these types by these functions from now on."""
        for type_, converter in mappings.items():
            self.set(type_, converter)

    def get_dtype(self, type_: str, precision: int = 0, scale: int = 0) -> Any:
        """Return what ``types`` has for a type, or None; a subclass may look at precision and scale."""
        return self._types.get(type_.lower())

    def convert(self, type_: str, value: str | None, type_hint: str | None = None) -> Any:
        """Convert one text; see `for_column`, which is for many."""
        return self.for_column(type_, type_hint)(value)

    def for_column(self, type_: str, type_hint: str | None = None) -> Callable[[str | None], Any]:
        """Return a function for all cells of a column, so that a loop over them looks nothing up.

        Args:
            type_: as ColumnInfo tells it. A later `set` does not change what was returned before.
            type_hint: the full type, such as ``array(row(a int, b varchar))``, in the place of ``type_``.

        Returns:
            A function that makes None of None, and raises `DataError` if a text cannot be converted.

        Raises:
            ProgrammingError: the hint is no type, or names one that has no function.
        """
        if type_hint is None:
            return _null_safe(type_, self.get(type_))
        node = parse_type_hint(type_hint)
        if not node.children:
            return _null_safe(type_hint, self._scalar(node, type_hint))
        read = self._reader(node, type_hint)
        return _null_safe(type_hint, lambda text: read(_tree(text, node)))

    def _scalar(self, node: TypeNode, type_hint: str) -> Convert:
        convert = self._mappings.get(node.name)
        if convert is None:
            raise ProgrammingError(
                f"the type hint {shown(type_hint)} has the unknown type {node.name!r}; "
                f"known are array, map, row, {', '.join(sorted(self._mappings.keys() - _STRUCTURES))}"
            )
        return convert

    def _reader(self, node: TypeNode, type_hint: str) -> Callable[[Any], Any]:
        """Return a function that makes typed values of a tree of text."""
        if node.name == "json":
            # In JSON it would be a value, in Athena's own text the text of one.
            raise ProgrammingError(
                f"the type hint {shown(type_hint)} has json inside, which is not supported: leave it out"
            )
        if not node.children:
            convert = self._scalar(node, type_hint)
            return lambda tree: None if tree is None else convert(_text(tree, node))
        children = [self._reader(child, type_hint) for child in node.children]
        if node.name == "array":
            return lambda tree: _read_array(tree, children[0])
        if node.name == "map":
            if node.children[0].children:
                raise ProgrammingError(
                    f"the type hint {shown(type_hint)} has a map with keys of type {node.children[0]}, which cannot "
                    f"be keys of a dict; leave the hint out"
                )
            return lambda tree: _read_map(tree, *children)
        return lambda tree: _read_row(tree, node.field_names, children)


def _null_safe(type_: str, convert: Convert) -> Callable[[str | None], Any]:
    if convert is _to_text:
        return _as_it_is

    def convert_cell(value: str | None) -> Any:
        if value is None:
            return None
        try:
            return convert(value)
        except _FAILURES as error:
            # What Python says of a text may hold all of it.
            raise DataError(f"cannot convert {shown(value)} to {type_}: {str(error)[:_MAX_REASON]}") from error

    return convert_cell


def _as_it_is(value: str | None) -> Any:
    return value


# Scalars.


def _to_text(value: str) -> str:
    return value


def _to_boolean(value: str) -> bool:
    if value == "true":
        return True
    if value == "false":
        return False
    raise ValueError("it is neither true nor false")


def _plain(value: str) -> str:
    # Python allows 1_000, which is not how Athena prints a number.
    if "_" in value:
        raise ValueError("it is no number")
    return value


def _to_int(value: str) -> int:
    return int(_plain(value))


def _to_float(value: str) -> float:
    return float(_plain(value))


def _to_decimal(value: str) -> Decimal:
    number = Decimal(_plain(value))
    if not number.is_finite():
        raise ValueError("it is no finite number")
    return number


def _to_bytes(value: str) -> bytes:
    return bytes.fromhex(value)


def _to_date(value: str) -> date:
    # `fromisoformat` also reads other ways of ISO 8601, which Athena does not print.
    if len(value) != 10 or value[4] != "-" or value[7] != "-":
        raise ValueError("it is no date from year 1 to 9999")
    return date.fromisoformat(value)


def _to_time(value: str) -> time:
    if len(value) < 8 or value[2] != ":" or value[5] != ":":
        raise ValueError("it is no time of day")
    moment = time.fromisoformat(value)
    if moment.tzinfo is not None:
        raise ValueError("it has a time zone")
    return moment


_OFFSET: Final = re.compile(r"([+-])(\d\d):([0-5]\d)")
_TIME_AND_OFFSET: Final = re.compile(r"([\d:.]+) ?([+-]\d\d:\d\d|UTC)")


def _to_time_with_zone(value: str) -> time:
    match = _TIME_AND_OFFSET.fullmatch(value)
    if match is None:
        raise ValueError("it is no time of day with an offset such as +02:00")
    return _to_time(match[1]).replace(tzinfo=UTC if match[2] == "UTC" else _zone(match[2]))


def _to_timestamp(value: str) -> datetime:
    if len(value) < 19 or value[4] != "-" or value[7] != "-" or value[10] != " " or value[13] != ":":
        raise ValueError("it is no timestamp from year 1 to 9999")
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is not None:
        raise ValueError("it has a time zone")
    return moment


def _to_timestamp_with_zone(value: str) -> datetime:
    wall, _, name = value.rpartition(" ")
    zone = _zone(name)
    moment = _to_timestamp(wall).replace(tzinfo=zone)
    if name != "UTC" and isinstance(zone, ZoneInfo):
        # Athena prints local time and zone, not the offset. Where clocks are turned, or a zone changes its offset or
        # its side of the date line, local times come twice or never: https://peps.python.org/pep-0495/
        offset, other = moment.utcoffset(), moment.replace(fold=1).utcoffset()
        if offset is not None and other is not None and offset != other:
            how_often = "twice" if offset > other else "never"
            raise ValueError(f"this time is {how_often} in {name}; select it AT TIME ZONE 'UTC'")
    return moment


@lru_cache(maxsize=1024)
def _zone(name: str) -> tzinfo:
    match = _OFFSET.fullmatch(name)
    if match is not None:
        offset = timedelta(hours=int(match[2]), minutes=int(match[3]))
        return timezone(-offset if match[1] == "-" else offset)
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError) as error:
        if name == "UTC":  # known also where there is no data base of zones
            return UTC
        raise ValueError(f"the time zone {shown(name)} is unknown here; if it should not be, install tzdata") from error


# Arrays, maps and rows.


def _to_array(value: str) -> Any:
    return _to_structure(value, "[")


def _to_fields(value: str) -> Any:
    return _to_structure(value, "{")


def _to_structure(value: str, opening: str) -> Any:
    if not value:
        raise ValueError("it is empty")
    if value[0] != opening:
        return value
    for read in (json.loads, parse_native):
        try:
            return read(value)
        except (ValueError, RecursionError):
            continue
    return value


def _tree(text: str, node: TypeNode) -> Any:
    """Read a text as JSON, else as Athena prints it. Numbers stay as they are written, so that none loses a digit."""
    try:
        return json.loads(text, parse_int=str, parse_float=str, parse_constant=str)
    except ValueError:
        pass
    try:
        return parse_native(text, node)
    except ValueError as error:
        raise ValueError(f"it {error}; select it as CAST(… AS JSON), which is not ambiguous") from error


def _text(tree: Any, node: TypeNode) -> str:
    if isinstance(tree, bool):
        return "true" if tree else "false"
    if isinstance(tree, str):
        return tree
    raise ValueError(f"has a {type(tree).__name__} where {node} is expected")


def _read_array(tree: Any, element: Callable[[Any], Any]) -> list[Any] | None:
    if tree is None:
        return None
    if not isinstance(tree, list):
        raise ValueError("it is no array")
    return [element(value) for value in tree]


def _read_map(tree: Any, key: Callable[[Any], Any], value: Callable[[Any], Any]) -> dict[Any, Any] | None:
    if tree is None:
        return None
    if not isinstance(tree, dict):
        raise ValueError("it is no map")
    pairs = {key(name): value(content) for name, content in tree.items()}
    if len(pairs) != len(tree):
        raise ValueError("it has a key twice")
    return pairs


def _read_row(tree: Any, names: tuple[str, ...], children: list[Callable[[Any], Any]]) -> dict[str, Any] | None:
    if tree is None:
        return None
    if isinstance(tree, dict):
        fields = {name.casefold(): content for name, content in tree.items()}
        if fields.keys() != {name.casefold() for name in names} or len(fields) != len(tree):
            raise ValueError(f"its fields are {', '.join(tree)}, not {', '.join(names)}")
        contents = [fields[name.casefold()] for name in names]
    elif isinstance(tree, list) and len(tree) == len(names):  # how some engine versions cast a row to JSON
        contents = tree
    else:
        raise ValueError(f"it is no row of {len(names)} fields")
    return {name: read(content) for name, read, content in zip(names, children, contents, strict=True)}


_DEFAULTS: Final[Mapping[str, Convert]] = {
    "array": _to_array,
    "bigint": _to_int,
    "boolean": _to_boolean,
    "char": _to_text,
    "date": _to_date,
    "decimal": _to_decimal,
    "double": _to_float,
    "float": _to_float,
    "geometry": _to_text,
    "integer": _to_int,
    "interval day to second": _to_text,
    "interval year to month": _to_text,
    "ipaddress": _to_text,
    "json": json.loads,
    "map": _to_fields,
    "real": _to_float,
    "row": _to_fields,
    "smallint": _to_int,
    "string": _to_text,
    "time": _to_time,
    "time with time zone": _to_time_with_zone,
    "timestamp": _to_timestamp,
    "timestamp with time zone": _to_timestamp_with_zone,
    "tinyint": _to_int,
    "unknown": _to_text,
    "uuid": _to_text,
    "varbinary": _to_bytes,
    "varchar": _to_text,
}


class DefaultTypeConverter(Converter):
    """Converts as the table in this module says; each function can be replaced.

    Arrays, maps and rows without a hint: JSON if the text is JSON (what CAST(… AS JSON) gives, but ``[1, 2]`` is JSON
    whatever its elements are), else Athena's own text, whose inner values stay str, None where it has ``null``:
    ``{a=1, b=[x, y]}`` is ``{"a": "1", "b": ["x", "y"]}``. Athena quotes nothing in it, so a text whose structure is
    not plain (a key without ``=`` or with two, a key twice, a bracket inside of a value) stays the str that it is:
    `pyathena.native_text.parse_native` has the rule.

    With a hint, values inside are of the types of the hint, and what does not have its structure is a `DataError`.

    >>> converter = DefaultTypeConverter()
    >>> converter.convert("row", "{a=1, b=x}", "row(a int, b varchar)")
    {'a': 1, 'b': 'x'}
    >>> converter.set("date", str)
    >>> converter.convert("date", "2024-01-01")
    '2024-01-01'
    """

    def __init__(self) -> None:
        super().__init__(_DEFAULTS, _to_text)


class TextTypeConverter(Converter):
    """Converts as `DefaultTypeConverter` does, but for arrays, maps and rows without a hint, which stay text.

    For tables that keep as text what they have no type for.

    Args:
        types: what `get_dtype` tells for each type.
    """

    def __init__(self, types: Mapping[str, Any]) -> None:
        super().__init__(DefaultTypeConverter().mappings, str, types)
        for structure in _STRUCTURES:
            self.set(structure, str)
