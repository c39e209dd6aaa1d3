"""What frames of polars have for Athena's types, and what is made of their text when rows are fetched.

| Athena | polars |
| --- | --- |
| boolean | Boolean |
| tinyint, smallint, integer, bigint | Int8, Int16, Int32, Int64 |
| float; real, double | Float32; Float64 |
| decimal | Decimal of the column's precision and scale |
| date | Date |
| timestamp | Datetime in microseconds; what is finer is cut |
| all others | String, as Athena prints it |

Of a column of strings rows hold, when they are fetched, what `pyathena.converter.DefaultTypeConverter` makes of it
(time, bytes, what JSON says), but for arrays, maps and rows, which stay text unless they have a type hint.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from typing_extensions import override

from pyathena.converter import TextTypeConverter
from pyathena.table_cursor import require

__all__ = ["DefaultPolarsTypeConverter"]


class DefaultPolarsTypeConverter(TextTypeConverter):
    """The types of columns (`types`, `get_dtype`), and the functions for fetched rows (`mappings`)."""

    def __init__(self) -> None:
        super().__init__(_types())

    @override
    def get_dtype(self, type_: str, precision: int = 0, scale: int = 0) -> Any:
        if type_.lower() == "decimal" and "decimal" not in self.types:
            # Without a precision, which Athena always tells, it stays text.
            return require("polars", "polars").Decimal(precision, scale) if precision else None
        return super().get_dtype(type_, precision, scale)


@lru_cache(maxsize=1)
def _types() -> Mapping[str, Any]:
    pl = require("polars", "polars")
    return {
        "boolean": pl.Boolean,
        "tinyint": pl.Int8,
        "smallint": pl.Int16,
        "integer": pl.Int32,
        "int": pl.Int32,
        "bigint": pl.Int64,
        "float": pl.Float32,
        "real": pl.Float64,
        "double": pl.Float64,
        "date": pl.Date,
        "timestamp": pl.Datetime("us"),
    }
