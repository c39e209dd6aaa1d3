"""See queries work: rows through `AioCursor`, a table through `AioArrowCursor`, results read through `AioS3FileSystem`.

    make demo                             against a local Athena and moto's S3, which this script starts and stops
    python examples/queries.py --s3-staging-dir s3://BUCKET/PREFIX/                      against the real ones

Credentials and region for the real ones are found as boto3 finds them. Needs the extra ``arrow``.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from local import KEY, moto

import pyathena
from pyathena.aio.arrow.cursor import AioArrowCursor
from pyathena.settings import ConnectionOptions

ROWS = 10_000
# Athena makes these rows itself: no table is needed.
QUERY = f"SELECT n, n % 7 AS day, 'row ' || CAST(n AS varchar) AS name FROM UNNEST(sequence(1, {ROWS})) AS t(n)"


async def main(options: ConnectionOptions) -> None:
    async with await pyathena.aio_connect(**options) as connection:
        began = time.perf_counter()
        async with connection.cursor() as cursor:
            await cursor.execute(QUERY)
            rows = await cursor.fetchall()
        print(f"  {len(rows)} rows through AioCursor, the last is {rows[-1]} {time.perf_counter() - began:15.2f} s")
        assert len(rows) == ROWS

        began = time.perf_counter()
        async with connection.cursor(AioArrowCursor) as cursor_of_tables:
            await cursor_of_tables.execute(QUERY)
            table = await cursor_of_tables.as_arrow()
        types = ", ".join(f"{field.name} {field.type}" for field in table.schema)
        print(f"  {table.num_rows} rows through AioArrowCursor: {types} {time.perf_counter() - began:12.2f} s")
        assert table.num_rows == ROWS
        print(f"\n  read through {type(connection.filesystem).__name__}, with {connection.filesystem.transport!r}\n")


@contextmanager
def local() -> Iterator[ConnectionOptions]:
    """Start a local Athena, which answers the query, and moto's S3, where it writes its results."""
    from pyathena.testing.athena import Answer, Column, LocalAthena
    from pyathena.transport import BlockingBoto3Transport

    with ExitStack() as stack:
        s3 = stack.enter_context(moto())
        transport = BlockingBoto3Transport(endpoint_url=s3, key=KEY, secret=KEY)
        stack.callback(lambda: asyncio.run(transport.aclose()))
        asyncio.run(transport.create_bucket("results"))
        athena = stack.enter_context(LocalAthena(transport))
        columns = [Column("n", "bigint"), Column("day", "bigint"), Column("name", "varchar")]
        athena.answer(QUERY, Answer(columns, [[str(n), str(n % 7), f"row {n}"] for n in range(1, ROWS + 1)]))
        print(f"  a local Athena listens on {athena.endpoint_url}\n")
        yield {
            "endpoint_url": athena.endpoint_url,
            "s3_endpoint_url": s3,
            "s3_staging_dir": "s3://results/",
            "region_name": "us-east-1",
            "aws_access_key_id": KEY,
            "aws_secret_access_key": KEY,
        }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Query Athena from asyncio.")
    parser.add_argument("--s3-staging-dir", help="s3://bucket/prefix/ below which Athena writes results")
    staging = parser.parse_args().s3_staging_dir
    if staging is not None:
        asyncio.run(main({"s3_staging_dir": staging}))
    else:
        with local() as options:
            asyncio.run(main(options))
