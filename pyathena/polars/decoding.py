"""Results as frames of polars."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Final

import polars as pl
from typing_extensions import override

from pyathena.athena.values import Column
from pyathena.converter import Converter
from pyathena.errors import DataError
from pyathena.results.rows import Row, TypeHints
from pyathena.results.tables import TableLibrary, rows_of

__all__ = ["PolarsTables"]


class PolarsTables(TableLibrary[pl.DataFrame]):
    """Decodes results as frames of polars.

    Args:
        converter: the types of columns, and what is made of text when rows are fetched.
        hints: type hints of columns.
    """

    def __init__(self, converter: Converter, hints: TypeHints | None) -> None:
        self._converter = converter
        self._hints = hints

    @override
    def of_csv(self, data: bytes, columns: Sequence[Column], *, header: bool) -> pl.DataFrame:
        types = [
            self._converter.get_dtype(column.type, column.precision or 0, column.scale or 0) or pl.String
            for column in columns
        ]
        times = [index for index, type_ in enumerate(types) if type_ == pl.Datetime("us")]
        read = [pl.String if index in times else type_ for index, type_ in enumerate(types)]
        names = _distinct([column.name for column in columns])
        try:
            frame = pl.read_csv(
                io.BytesIO(data),
                has_header=header,
                new_columns=names,
                schema_overrides=read,
                infer_schema=False,
                raise_if_empty=False,
            )
            return frame.with_columns(
                pl.col(names[index]).str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us") for index in times
            )
        except pl.exceptions.PolarsError as error:
            told, _, _ = str(error).partition("\n")  # what follows is advice on options that are not the user's
            raise DataError(f"the result cannot be read as polars' types: {told}") from error

    @override
    def of_parquet(self, data: bytes) -> tuple[pl.DataFrame, tuple[Column, ...]]:
        frame = _read_parquet(data)
        return frame, tuple(_column(name, dtype) for name, dtype in frame.schema.items())

    @override
    def concat(self, tables: Sequence[pl.DataFrame]) -> pl.DataFrame:
        return pl.concat(tables) if tables else pl.DataFrame()

    @override
    def length(self, table: pl.DataFrame) -> int:
        return table.height

    @override
    def part(self, table: pl.DataFrame, start: int, stop: int) -> pl.DataFrame:
        return table.slice(start, stop - start)

    @override
    def rows(self, table: pl.DataFrame, columns: Sequence[Column]) -> list[Row]:
        are_text = [dtype == pl.String for dtype in table.dtypes]
        values = [series.to_list() for series in table.get_columns()]
        return rows_of(values, are_text, columns, self._converter, self._hints)


def _read_parquet(data: bytes) -> pl.DataFrame:
    """Read a file of an UNLOAD, whose timestamps would be nanoseconds, which reach from 1677 to 2262 only.

    Releases of polars from before September 2026 take the bounds of these years for what is beyond them all the same:
    https://github.com/pola-rs/polars/issues/29184

    Raises:
        DataError: it is no Parquet file, or is damaged.
    """
    try:
        schema = pl.read_parquet_schema(io.BytesIO(data))
        if pl.Datetime("ns") not in schema.values():
            return pl.read_parquet(io.BytesIO(data))
        micro = {name: pl.Datetime("us") if dtype == pl.Datetime("ns") else dtype for name, dtype in schema.items()}
        cut = pl.ScanCastOptions(datetime_cast="nanosecond-downcast")
        return pl.scan_parquet(io.BytesIO(data), schema=micro, cast_options=cut).collect()
    except pl.exceptions.PolarsError as error:
        raise DataError(f"a file of the UNLOAD cannot be read as Parquet: {error}") from error


def _distinct(names: Sequence[str]) -> list[str]:
    """Rename columns of a name that another has: polars takes no two of one name."""
    taken: set[str] = set()
    distinct = []
    for name in names:
        number = 0
        unique = name
        while unique in taken:
            unique = f"{name}_duplicated_{number}"
            number += 1
        taken.add(unique)
        distinct.append(unique)
    return distinct


_ATHENAS_NAMES: Final = (
    (pl.Boolean, "boolean"),
    (pl.Int8, "tinyint"),
    (pl.Int16, "smallint"),
    (pl.Int32, "integer"),
    (pl.Int64, "bigint"),
    (pl.Float32, "float"),
    (pl.Float64, "double"),
    (pl.Date, "date"),
    (pl.Time, "time"),
    (pl.Datetime, "timestamp"),
    (pl.Binary, "varbinary"),
    (pl.List, "array"),
    (pl.Struct, "row"),
)


def _column(name: str, dtype: pl.DataType) -> Column:
    """Tell a column of a Parquet file with Athena's name of its type."""
    if isinstance(dtype, pl.Decimal):
        return Column(name, "decimal", dtype.precision, dtype.scale)
    return Column(name, next((known for type_, known in _ATHENAS_NAMES if dtype == type_), "varchar"))
