"""Results as tables of pyarrow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv
import pyarrow.parquet as parquet
from typing_extensions import override

from pyathena.athena.values import Column
from pyathena.converter import Converter
from pyathena.errors import DataError
from pyathena.results.rows import Row, TypeHints
from pyathena.results.tables import MICROSECONDS, TableLibrary, rows_of

__all__ = ["ArrowTables", "athenas_columns", "python_values", "read_csv", "read_parquet"]

_BLOCK = 2**20
"""Bytes that a thread parses at a time; pyarrow needs a record and the beginning of the next in one block."""
_LONGEST_BLOCK = 2**31 - 1


class ArrowTables(TableLibrary[pa.Table]):
    """Decodes results as tables of pyarrow.

    Args:
        converter: the types of columns, and what is made of text when rows are fetched.
        hints: type hints of columns.
    """

    def __init__(self, converter: Converter, hints: TypeHints | None) -> None:
        self._converter = converter
        self._hints = hints

    @override
    def of_csv(self, data: bytes, columns: Sequence[Column], *, header: bool) -> pa.Table:
        # Columns go by number, since two may have one name.
        types = {str(index): self._type(column) for index, column in enumerate(columns)}
        try:
            table = read_csv(data, types, header=header)
        except pa.ArrowInvalid as error:
            table = self._read_cut(data, types, header=header, why=error)
        return table.rename_columns([column.name for column in columns])

    def _type(self, column: Column) -> pa.DataType:
        return self._converter.get_dtype(column.type, column.precision or 0, column.scale or 0) or pa.string()

    def _read_cut(self, data: bytes, types: dict[str, pa.DataType], *, header: bool, why: Exception) -> pa.Table:
        """Read again, cutting what timestamps have behind the microseconds, which pyarrow refuses."""
        timestamps = {name: type_ for name, type_ in types.items() if pa.types.is_timestamp(type_)}
        try:
            if not timestamps:
                raise why
            table = read_csv(data, types | dict.fromkeys(timestamps, pa.string()), header=header)
            for name, type_ in timestamps.items():
                cut = pc.utf8_slice_codeunits(table[name], 0, MICROSECONDS)
                table = table.set_column(int(name), name, pc.cast(cut, type_))
        except pa.ArrowInvalid as error:
            raise DataError(f"the result cannot be read as pyarrow's types: {error}") from error
        return table

    @override
    def of_parquet(self, data: bytes) -> tuple[pa.Table, tuple[Column, ...]]:
        table = read_parquet(data)
        return table, athenas_columns(table.schema)

    @override
    def concat(self, tables: Sequence[pa.Table]) -> pa.Table:
        return pa.concat_tables(tables, promote_options="default") if tables else pa.table({})

    @override
    def length(self, table: pa.Table) -> int:
        return table.num_rows

    @override
    def part(self, table: pa.Table, start: int, stop: int) -> pa.Table:
        return table.slice(start, stop - start)

    @override
    def rows(self, table: pa.Table, columns: Sequence[Column]) -> list[Row]:
        are_text = [pa.types.is_string(field.type) or pa.types.is_large_string(field.type) for field in table.schema]
        return rows_of(list(map(python_values, table.columns)), are_text, columns, self._converter, self._hints)


def read_csv(data: bytes | memoryview, types: dict[str, pa.DataType], *, header: bool) -> pa.Table:
    """Read whole records of CSV, whose columns are to have these types and get these names.

    Raises:
        pa.ArrowInvalid: they have not.
    """
    try:
        return _read_csv(data, types, _BLOCK, header=header)
    except pa.ArrowInvalid as error:
        if "block size" not in str(error):
            raise
        # A record is longer than a block.
        return _read_csv(data, types, min(len(data), _LONGEST_BLOCK), header=header)


def _read_csv(data: bytes | memoryview, types: dict[str, pa.DataType], block: int, *, header: bool) -> pa.Table:
    if not data:
        return pa.schema(types.items()).empty_table()
    return csv.read_csv(
        pa.BufferReader(data),  # type: ignore[arg-type]  # the stubs do not know that files of pyarrow are files
        read_options=csv.ReadOptions(column_names=list(types), skip_rows_after_names=int(header), block_size=block),
        parse_options=csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
        convert_options=csv.ConvertOptions(
            column_types=types,
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            true_values=["true"],
            false_values=["false"],
        ),
    )


def python_values(column: pa.ChunkedArray[Any]) -> list[Any]:
    """Return values as Python has them; maps, which pyarrow makes pairs of, are dictionaries."""
    values = column.to_pylist()
    if pa.types.is_map(column.type):
        return [None if pairs is None else dict(pairs) for pairs in values]
    return values


def read_parquet(data: bytes) -> pa.Table:
    """Read a file of an UNLOAD, whose timestamps would be nanoseconds, which reach from 1677 to 2262 only.

    Raises:
        DataError: it is no Parquet file, or is damaged.
    """
    try:
        return parquet.read_table(pa.BufferReader(data), coerce_int96_timestamp_unit="us")
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"a file of the UNLOAD cannot be read as Parquet: {error}") from error


_ATHENAS_NAMES = (
    (pa.types.is_boolean, "boolean"),
    (pa.types.is_int8, "tinyint"),
    (pa.types.is_int16, "smallint"),
    (pa.types.is_int32, "integer"),
    (pa.types.is_int64, "bigint"),
    (pa.types.is_float32, "float"),
    (pa.types.is_float64, "double"),
    (pa.types.is_decimal, "decimal"),
    (pa.types.is_date, "date"),
    (pa.types.is_time, "time"),
    (pa.types.is_timestamp, "timestamp"),
    (pa.types.is_binary, "varbinary"),
    (pa.types.is_large_binary, "varbinary"),
    (pa.types.is_list, "array"),
    (pa.types.is_large_list, "array"),
    (pa.types.is_map, "map"),
    (pa.types.is_struct, "row"),
)


def athenas_columns(schema: pa.Schema) -> tuple[Column, ...]:
    """Tell columns with Athena's names of their types."""
    return tuple(map(_column, schema))


def _column(field: pa.Field[Any]) -> Column:
    """Tell a column of a Parquet file with Athena's name of its type."""
    type_ = field.type
    name = next((name for fits, name in _ATHENAS_NAMES if fits(type_)), "varchar")
    is_decimal = pa.types.is_decimal(type_)
    return Column(
        field.name,
        name,
        type_.precision if is_decimal else 0,
        type_.scale if is_decimal else 0,
        "NULLABLE" if field.nullable else "NOT_NULL",
    )
