"""Queries from end to end over HTTP, where Athena and S3 are both those of moto.

https://docs.getmoto.org/en/latest/docs/services/athena.html
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Sequence
from typing import Any

import pytest

import pyathena
from pyathena.aio.arrow.cursor import AioArrowCursor
from pyathena.aio.cursor import AioCursor, AioDictCursor
from pyathena.aio.pandas.cursor import AioPandasCursor
from pyathena.aio.polars.cursor import AioPolarsCursor
from pyathena.aio.s3fs.cursor import AioS3FSCursor
from pyathena.cursor import Cursor
from tests.queries import on_a_loop, shared_session

ROWS = [(1, "one"), (2, None), (3, "three")]


@pytest.fixture(scope="module")
def bucket(moto_endpoint: str) -> str:
    client = shared_session().client("s3", endpoint_url=moto_endpoint)
    client.create_bucket(Bucket="athena-results")
    client.close()
    return "athena-results"


@pytest.fixture
def options(moto_endpoint: str, bucket: str) -> dict[str, Any]:
    """Options of a connection to moto, whose next query has three rows."""
    queue_result(
        moto_endpoint, ["n", "s"], ["integer", "varchar"], [["n", "s"], ["1", "one"], ["2", None], ["3", "three"]]
    )
    return {
        "endpoint_url": moto_endpoint,
        "s3_endpoint_url": moto_endpoint,
        "s3_staging_dir": f"s3://{bucket}/here/",
        "session": shared_session(),
    }


def queue_result(
    endpoint: str, names: Sequence[str], types: Sequence[str], rows: Sequence[Sequence[str | None]]
) -> None:
    """Tell moto what the next query brings: the header is its first row."""
    columns = [
        {
            "Name": name,
            "Label": name,
            "Type": type_,
            "CatalogName": "hive",
            "SchemaName": "",
            "TableName": "",
            "Precision": 10,
            "Scale": 0,
            "Nullable": "UNKNOWN",
            "CaseSensitive": False,
        }
        for name, type_ in zip(names, types, strict=True)
    ]
    data = [{"Data": [{} if value is None else {"VarCharValue": value} for value in row]} for row in rows]
    body = {"account_id": "123456789012", "region": "us-east-1", "results": [{"rows": data, "column_info": columns}]}
    request = urllib.request.Request(
        f"{endpoint}/moto-api/static/athena/query-results",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 201


async def rows(cursor: Any) -> list[Any]:
    return [row async for row in cursor]


async def of_arrow(cursor: AioArrowCursor) -> list[Any]:
    return [tuple(row.values()) for row in (await cursor.as_arrow()).to_pylist()]


async def of_pandas(cursor: AioPandasCursor) -> list[Any]:
    frame = (await cursor.as_pandas()).astype(object)
    return list(frame.where(frame.notna(), None).itertuples(index=False, name=None))


async def of_polars(cursor: AioPolarsCursor) -> list[Any]:
    return (await cursor.as_polars()).rows()


@pytest.mark.parametrize(
    ("kind", "read"),
    [
        (AioCursor, rows),
        (AioS3FSCursor, rows),
        (AioArrowCursor, of_arrow),
        (AioArrowCursor, rows),
        (AioPandasCursor, of_pandas),
        (AioPandasCursor, rows),
        (AioPolarsCursor, of_polars),
        (AioPolarsCursor, rows),
    ],
)
def test_a_query_brings_its_rows(options: dict[str, Any], kind: type[Any], read: Callable[[Any], Any]) -> None:
    @on_a_loop
    async def program() -> None:
        async with await pyathena.aio_connect(**options) as connection, connection.cursor(kind) as cursor:
            await cursor.execute("SELECT n, s FROM t")
            assert await read(cursor) == ROWS
            assert cursor.state == "SUCCEEDED"
            assert cursor.output_location == f"s3://athena-results/here/{cursor.query_id}.csv"

    program()


@on_a_loop
async def test_a_query_brings_dictionaries(options: dict[str, Any]) -> None:
    async with await pyathena.aio_connect(cursor_class=AioDictCursor, **options) as connection:
        cursor = await connection.cursor().execute("SELECT n, s FROM t")
        assert await cursor.fetchone() == {"n": 1, "s": "one"}


def test_a_synchronous_query_brings_its_rows(options: dict[str, Any]) -> None:
    with pyathena.connect(**options) as connection:
        cursor: Cursor = connection.cursor()
        assert cursor.execute("SELECT n, s FROM t").fetchall() == ROWS
