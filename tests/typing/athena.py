"""What type checkers see of connections and cursors. Read by mypy, never executed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any, assert_type

import pandas as pd
import polars as pl
import pyarrow as pa

import pyathena
from pyathena.aio.arrow.cursor import AioArrowCursor
from pyathena.aio.connection import AioConnection
from pyathena.aio.cursor import AioCursor, AioDictCursor
from pyathena.aio.pandas.cursor import AioPandasCursor
from pyathena.aio.polars.cursor import AioPolarsCursor
from pyathena.aio.s3fs.cursor import AioS3FSCursor
from pyathena.arrow.cursor import ArrowCursor
from pyathena.athena.values import Database, QueryExecution, TableMetadata
from pyathena.connection import Connection
from pyathena.cursor import Cursor, DictCursor
from pyathena.filesystem.s3 import AioS3FileSystem, S3FileSystem
from pyathena.pandas.cursor import PandasCursor
from pyathena.polars.cursor import PolarsCursor
from pyathena.s3fs.cursor import S3FSCursor

Description = tuple[str, str, None, None, int | None, int | None, str | None]


def connections() -> None:
    connection = pyathena.connect(s3_staging_dir="s3://results/", region_name="us-east-1", kill_on_interrupt=False)
    assert_type(connection, Connection[Cursor])
    assert_type(connection.cursor(), Cursor)
    assert_type(connection.cursor(DictCursor), DictCursor)
    assert_type(connection.cursor(PandasCursor, unload=True), PandasCursor)
    assert_type(pyathena.connect(cursor_class=DictCursor, work_group="primary"), Connection[DictCursor])
    assert_type(pyathena.connect(cursor_class=DictCursor).cursor(), DictCursor)
    assert_type(connection.filesystem, S3FileSystem)
    with connection as entered:
        assert_type(entered, Connection[Cursor])
    pyathena.connect(s3_staging="s3://results/")  # type: ignore[call-overload]  # reportCallIssue: must be refused
    pyathena.connect(poll_interval="1")  # type: ignore[call-overload]  # reportArgumentType: must be refused
    pyathena.connect(cursor_class=int)  # type: ignore[type-var]  # reportCallIssue reportArgumentType: must be refused


def synchronous(connection: Connection[Cursor]) -> None:
    cursor = connection.cursor()
    assert_type(cursor.execute("SELECT %(n)s", {"n": 1}), Cursor)
    by_name: dict[str, str] = {"a": "array(integer)"}
    by_index: dict[int, str] = {0: "array(integer)"}
    cursor.execute("SELECT a FROM t", result_set_type_hints=by_name)
    cursor.execute("SELECT a FROM t", result_set_type_hints=by_index)
    cursor.execute("SELECT a FROM t", result_set_type_hints={"a": "array(integer)", 0: "array(integer)"})
    assert_type(cursor.fetchone(), tuple[Any, ...] | None)
    assert_type(cursor.fetchmany(10), list[tuple[Any, ...]])
    assert_type(cursor.fetchall(), list[tuple[Any, ...]])
    assert_type(list(cursor), list[tuple[Any, ...]])
    assert_type(cursor.description, list[Description] | None)
    assert_type((cursor.rowcount, cursor.rownumber, cursor.arraysize), tuple[int, int | None, int])
    assert_type((cursor.query_id, cursor.state, cursor.output_location), tuple[str | None, str | None, str | None])
    assert_type(cursor.data_scanned_in_bytes, int | None)
    assert_type(cursor.query_execution, QueryExecution | None)
    assert_type(cursor.list_databases(), list[Database])
    assert_type(cursor.get_table_metadata("table"), TableMetadata)
    cursor.executemany("SELECT %s", [[1], [2]])
    assert_type(connection.cursor(S3FSCursor).execute("SELECT 1").fetchone(), tuple[Any, ...] | None)
    with connection.cursor(DictCursor) as rows:
        assert_type(rows.execute("SELECT 1").fetchone(), dict[str, Any] | None)
        assert_type([row for row in rows], list[dict[str, Any]])  # noqa: C416 - that it can be iterated over is shown
    cursor.execute("SELECT 1", wrokgroup="x")  # type: ignore[call-arg]  # reportCallIssue: must be refused
    cursor.execute("SELECT 1", work_group=1)  # type: ignore[arg-type]  # reportArgumentType: must be refused
    cursor.execute(1)  # type: ignore[arg-type]  # reportArgumentType: must be refused
    cursor.execute("SELECT 1", 1)  # type: ignore[arg-type]  # reportArgumentType: must be refused


def tables(connection: Connection[Cursor]) -> None:
    assert_type(connection.cursor(ArrowCursor).execute("SELECT 1").as_arrow(), pa.Table)
    assert_type(connection.cursor(ArrowCursor).as_polars(), pl.DataFrame)
    assert_type(connection.cursor(ArrowCursor).fetchall(), list[tuple[Any, ...]])
    pandas = connection.cursor(PandasCursor).execute("SELECT 1", na_values=[""])
    assert_type(pandas.as_pandas(), pd.DataFrame)
    assert_type(pandas.iter_chunks(1000), Iterator[pd.DataFrame])
    assert_type(pandas.fetchone(), tuple[Any, ...] | None)
    polars = connection.cursor(PolarsCursor)
    assert_type(polars.as_polars(), pl.DataFrame)
    assert_type(polars.as_arrow(), pa.Table)
    assert_type(polars.iter_chunks(), Iterator[pl.DataFrame])
    pandas.execute("SELECT 1", na_values=1)  # type: ignore[arg-type]  # reportArgumentType: must be refused


async def aio_connections() -> None:
    connection = await pyathena.aio_connect(s3_staging_dir="s3://results/")
    assert_type(connection, AioConnection[AioCursor])
    assert_type(connection.cursor(), AioCursor)
    assert_type(connection.cursor(AioDictCursor), AioDictCursor)
    assert_type(await pyathena.aio_connect(cursor_class=AioDictCursor), AioConnection[AioDictCursor])
    assert_type(connection.filesystem, AioS3FileSystem)
    async with connection as entered:
        assert_type(entered, AioConnection[AioCursor])
    await pyathena.aio_connect(s3_staging="s3://results/")  # type: ignore[call-overload]  # reportCallIssue: must be refused
    pyathena.connect(cursor_class=AioCursor)  # type: ignore[type-var]  # reportCallIssue reportArgumentType: must be refused
    connection.cursor(Cursor)  # type: ignore[type-var]  # reportCallIssue reportArgumentType: must be refused


async def asynchronous(connection: AioConnection[AioCursor]) -> None:
    async with connection.cursor() as cursor:
        assert_type(await cursor.execute("SELECT ?", [1], paramstyle="qmark"), AioCursor)
        assert_type(await cursor.fetchone(), tuple[Any, ...] | None)
        assert_type(await cursor.fetchmany(), list[tuple[Any, ...]])
        assert_type(cursor.description, list[Description] | None)
        assert_type([row async for row in cursor], list[tuple[Any, ...]])
        await cursor.execute("SELECT 1", wrokgroup="x")  # type: ignore[call-arg]  # reportCallIssue: must be refused
    rows = await connection.cursor(AioDictCursor).execute("SELECT 1")
    assert_type(await rows.fetchall(), list[dict[str, Any]])
    async for row in rows:
        assert_type(row, dict[str, Any])
    assert_type(await connection.cursor(AioS3FSCursor).fetchone(), tuple[Any, ...] | None)
    assert_type(await connection.cursor(AioArrowCursor).as_arrow(), pa.Table)
    assert_type(await connection.cursor(AioArrowCursor).as_polars(), pl.DataFrame)
    pandas = connection.cursor(AioPandasCursor, chunksize=10)
    assert_type(await pandas.as_pandas(), pd.DataFrame)
    assert_type(pandas.iter_chunks(), AsyncIterator[pd.DataFrame])
    async for frame in connection.cursor(AioPolarsCursor).iter_chunks(1000):
        assert_type(frame, pl.DataFrame)
    assert_type(await connection.cursor(AioPolarsCursor).as_arrow(), pa.Table)
