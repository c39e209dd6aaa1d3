"""Results as frames of pandas."""

from __future__ import annotations

import io
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import pandas as pd
from typing_extensions import override

from pyathena.athena.values import Column
from pyathena.converter import Converter, DefaultTypeConverter
from pyathena.errors import DataError
from pyathena.results.csv import RecordSplitter, header_end, mark_nulls, parse_records
from pyathena.results.rows import Row, TypeHints, column_hints
from pyathena.results.tables import MICROSECONDS, TableLibrary

__all__ = ["CsvEngine", "CsvReading", "PandasTables"]

CsvEngine = Literal["auto", "c", "python", "pyarrow"]

_DATETIME: Final = "datetime64[us]"
_BLOCK: Final = 2**20
"""Bytes that are searched for NULL at a time."""
_ROWS: Final = 50_000
"""Rows whose times are read at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvReading:
    """How CSV is read.

    Args:
        engine: pandas' parser; ``auto`` is ``c``.
        na_values: texts that are NULL too.
        keep_default_na: whether those are too that pandas takes for it (``NA``, ``null``, ``""`` …).
    """

    engine: CsvEngine = "auto"
    na_values: tuple[str, ...] = ()
    keep_default_na: bool = False


class PandasTables(TableLibrary[pd.DataFrame]):
    """Decodes results as frames of pandas.

    Args:
        converter: the types of columns, and what is made of the text of those of objects.
        hints: type hints of columns.
        reading: how CSV is read.
    """

    def __init__(self, converter: Converter, hints: TypeHints | None, reading: CsvReading) -> None:
        self._converter = converter
        self._hints = hints
        self._reading = reading

    @override
    def of_csv(self, data: bytes, columns: Sequence[Column], *, header: bool) -> pd.DataFrame:
        hints = column_hints(columns, self._hints)
        dtypes = [self._dtype(column, hint) for column, hint in zip(columns, hints, strict=True)]
        read = self._read_by_arrow if self._reading.engine == "pyarrow" else self._read
        records = memoryview(data)[header_end(data) if header else 0 :]
        try:
            frame = read(records, dtypes)
            made = {
                index: self._made(frame[index], column, dtype, hint)
                for index, (column, dtype, hint) in enumerate(zip(columns, dtypes, hints, strict=True))
            }
        except (ValueError, TypeError, OverflowError) as error:
            _find_wrong(records, columns)
            raise DataError(f"the result cannot be read as pandas' types: {error}") from error
        return _named(pd.DataFrame(made, index=frame.index), columns)

    def _dtype(self, column: Column, hint: str | None) -> Any:
        if hint is not None:
            return "object"
        return self._converter.get_dtype(column.type, column.precision or 0, column.scale or 0) or "str"

    def _read(self, records: memoryview, dtypes: Sequence[Any]) -> pd.DataFrame:
        """Read columns, which go by number, since two may have one name; those of objects and times as text."""
        read = {index: "object" if dtype in ("object", _DATETIME) else dtype for index, dtype in enumerate(dtypes)}
        if not records:
            return pd.DataFrame({index: pd.Series([], dtype=dtype) for index, dtype in read.items()})
        # pandas does not tell "" from nothing, so that what is nothing is marked by what no value is.
        mark = rf"\N-{secrets.token_hex(8)}"
        null = [mark, *self._reading.na_values]
        # NaN is no number for pandas' parser; as NULL it becomes one, in a column of floats.
        na_values = {index: [*null, "NaN"] if dtype == "float64" else null for index, dtype in read.items()}
        options: dict[str, Any] = {
            "header": None,
            "names": list(read),
            "dtype": read,
            "na_values": na_values,
            "keep_default_na": self._reading.keep_default_na,
            "skip_blank_lines": False,
            "engine": "python" if self._reading.engine == "python" else "c",
        }
        frame: pd.DataFrame = pd.read_csv(io.BytesIO(_marked(records, mark)), **options)
        return frame

    def _read_by_arrow(self, records: memoryview, dtypes: Sequence[Any]) -> pd.DataFrame:
        import pyarrow as pa

        from pyathena.arrow.decoding import read_csv

        read: dict[Any, pa.DataType] = {"Int64": pa.int64(), "float64": pa.float64()}
        table = read_csv(
            records, {str(index): read.get(dtype, pa.string()) for index, dtype in enumerate(dtypes)}, header=False
        )
        frame: pd.DataFrame = table.to_pandas(types_mapper=_integers)
        return frame.rename(columns=int)

    def _made(self, values: pd.Series[Any], column: Column, dtype: Any, hint: str | None) -> pd.Series[Any]:
        if dtype == _DATETIME:
            return _times(values)
        if dtype != "object":
            return values
        convert = self._converter.for_column(column.type, hint)
        made = [convert(value) if isinstance(value, str) else None for value in values]
        return pd.Series(made, index=values.index, dtype="object")

    @override
    def of_parquet(self, data: bytes) -> tuple[pd.DataFrame, tuple[Column, ...]]:
        import pyarrow as pa

        from pyathena.arrow.decoding import athenas_columns, python_values, read_parquet

        table = read_parquet(data)
        frame: pd.DataFrame = table.to_pandas(types_mapper=_integers, date_as_object=False)
        for field in table.schema:
            if pa.types.is_boolean(field.type):
                frame[field.name] = frame[field.name].astype("object")
            elif pa.types.is_timestamp(field.type) or pa.types.is_date(field.type):
                frame[field.name] = frame[field.name].astype(_DATETIME)
            elif pa.types.is_nested(field.type):  # of which pandas makes arrays, of floats where there is NULL
                frame[field.name] = pd.Series(python_values(table[field.name]), index=frame.index, dtype="object")
        return frame, athenas_columns(table.schema)

    @override
    def concat(self, tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
        if len(tables) == 1:
            return tables[0]
        return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()

    @override
    def length(self, table: pd.DataFrame) -> int:
        return len(table)

    @override
    def part(self, table: pd.DataFrame, start: int, stop: int) -> pd.DataFrame:
        return table.iloc[start:stop]

    @override
    def rows(self, table: pd.DataFrame, columns: Sequence[Column]) -> list[Row]:
        values = [_plain(table.iloc[:, index], column) for index, column in enumerate(columns)]
        return list(zip(*values, strict=True))


def _marked(records: memoryview, mark: str) -> bytes:
    """Do what `mark_nulls` does, a MiB at a time, so that other threads get their turn, an event loop's above all."""
    splitter = RecordSplitter()
    pieces = [splitter.feed(bytes(records[start : start + _BLOCK])) for start in range(0, len(records), _BLOCK)]
    return b"".join([mark_nulls(piece.decode(), mark).encode() for piece in (*pieces, splitter.rest)])


def _find_wrong(records: memoryview, columns: Sequence[Column]) -> None:
    """Raise a `DataError` that shows the first value that is not of its type; pandas does not always tell."""
    converter = DefaultTypeConverter()
    convert = [converter.for_column(column.type) for column in columns]
    for record in parse_records(str(records, "utf-8", "replace")):
        for function, value in zip(convert, record, strict=False):
            function(value)


def _integers(type_: Any) -> Any:
    """Tell the type of a column that pyarrow has integers in: one that knows NULL."""
    return pd.Int64Dtype() if str(type_) in ("int8", "int16", "int32", "int64") else None


def _named(frame: pd.DataFrame, columns: Sequence[Column]) -> pd.DataFrame:
    frame.columns = pd.Index([column.name for column in columns])
    return frame


def _times(values: pd.Series[Any]) -> pd.Series[Any]:
    """Read times, some at a time: other threads wait meanwhile."""
    parts = [_read_times(values.iloc[start : start + _ROWS]) for start in range(0, len(values), _ROWS)]
    return pd.concat(parts) if parts else values.astype(_DATETIME)


def _read_times(values: pd.Series[Any]) -> pd.Series[Any]:
    try:
        return values.astype(_DATETIME)
    except ValueError:  # what is finer is refused
        return values.str.slice(0, MICROSECONDS).astype(_DATETIME)


def _plain(values: pd.Series[Any], column: Column) -> list[Any]:
    """Return values as Python has them, None for NULL; NaN is NULL here too, since pandas does not tell them apart."""
    if isinstance(values.dtype, np.dtype) and values.dtype.kind == "M":
        index = pd.DatetimeIndex(values)
        times = index.date if column.type == "date" else index.to_pydatetime()
        return [None if value is pd.NaT else value for value in times.tolist()]
    null = values.isna().tolist()
    return [None if missing else value for value, missing in zip(values.tolist(), null, strict=True)]
