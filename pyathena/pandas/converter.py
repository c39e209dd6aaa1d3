"""What frames of pandas have for Athena's types.

| Athena | pandas |
| --- | --- |
| boolean | object: True, False, None |
| tinyint, smallint, integer, bigint | Int64, which knows NULL |
| float, real, double | float64, where NULL is NaN |
| decimal | object: Decimal, None |
| char, varchar, string | str, where NULL is NaN and ``""`` is ``""`` |
| date, timestamp | datetime64[us]; what is finer is cut |
| time, time with time zone, timestamp with time zone | object: time, datetime, None |
| varbinary | object: bytes, None |
| json | object: what ``json.loads`` makes of it |
| array, map, row, all others | str, as Athena prints it; with a type hint, and of an UNLOAD, object: list, dict |
"""

from __future__ import annotations

from typing import Final

from pyathena.converter import Converter, DefaultTypeConverter

__all__ = ["DefaultPandasTypeConverter"]

_OBJECT: Final = "object"

_TYPES: Final = {
    **dict.fromkeys(("tinyint", "smallint", "integer", "int", "bigint"), "Int64"),
    **dict.fromkeys(("float", "real", "double"), "float64"),
    **dict.fromkeys(("date", "timestamp"), "datetime64[us]"),
    **dict.fromkeys(("boolean", "decimal", "varbinary", "json"), _OBJECT),
    **dict.fromkeys(("time", "time with time zone", "timestamp with time zone"), _OBJECT),
}


class DefaultPandasTypeConverter(Converter):
    """The types of columns (`types`, `get_dtype`), and what is made of the text of those of objects (`mappings`).

    A column that ``types`` says nothing about is of str; one that has a type hint is of objects.
    """

    def __init__(self) -> None:
        super().__init__(DefaultTypeConverter().mappings, str, _TYPES)
