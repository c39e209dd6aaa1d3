"""What tables of pyarrow have for Athena's types, and what is made of their text when rows are fetched.

| Athena | pyarrow |
| --- | --- |
| boolean | bool |
| tinyint, smallint, integer, bigint | int8, int16, int32, int64 |
| float; real, double | float32; float64 |
| date | date32 |
| timestamp | timestamp[us]; what is finer is cut |
| all others | string, as Athena prints it |

Of a column of strings rows hold, when they are fetched, what `pyathena.converter.DefaultTypeConverter` makes of it
(Decimal, time, bytes, what JSON says), but for arrays, maps and rows, which stay text unless they have a type hint.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from pyathena.converter import TextTypeConverter
from pyathena.table_cursor import require

__all__ = ["DefaultArrowTypeConverter"]


class DefaultArrowTypeConverter(TextTypeConverter):
    """The types of columns (`types`, `get_dtype`), and the functions for fetched rows (`mappings`)."""

    def __init__(self) -> None:
        super().__init__(_types())


@lru_cache(maxsize=1)
def _types() -> Mapping[str, Any]:
    pa = require("pyarrow", "arrow")
    return {
        "boolean": pa.bool_(),
        "tinyint": pa.int8(),
        "smallint": pa.int16(),
        "integer": pa.int32(),
        "int": pa.int32(),
        "bigint": pa.int64(),
        "float": pa.float32(),
        "real": pa.float64(),
        "double": pa.float64(),
        "date": pa.date32(),
        "timestamp": pa.timestamp("us"),
    }
