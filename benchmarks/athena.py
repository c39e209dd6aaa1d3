"""A local Athena whose result is made up, in a process of its own.

    python -m benchmarks.athena S3_URL ROWS

It prints its URL, and ends when its standard input does. The query has run once by then, so that who asks for
a reuse of results does not wait for the result to be written.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from typing import Any, Final

from typing_extensions import override

import pyathena
from benchmarks.control import Process
from benchmarks.workloads import QUERY
from pyathena.testing.athena import Answer, Column, LocalAthena
from pyathena.transport import BlockingBoto3Transport

__all__ = ["COLUMNS", "AthenaProcess", "Rows"]

COLUMNS: Final = [
    Column("id", "bigint"),
    Column("name", "varchar"),
    Column("price", "decimal", 10, 2),
    Column("day", "date"),
    Column("at", "timestamp"),
]


class Rows(Sequence[list[str | None]]):
    """Rows that are made up as they are read."""

    def __init__(self, count: int) -> None:
        self._count = count

    @override
    def __len__(self) -> int:
        return self._count

    @override
    def __getitem__(self, index: Any) -> Any:
        if not 0 <= index < self._count:
            raise IndexError(index)
        name = None if index % 10 == 0 else f"name {index}"
        return [str(index), name, f"{index % 1000}.50", "2024-01-02", "2024-01-02 03:04:05.678"]


class AthenaProcess(Process):
    """The local Athena.

    Args:
        s3_endpoint: URL of the S3 server that the result is written to, in the bucket ``results``.
        rows: of the result.
        key, secret: for the S3 server.
    """

    def __init__(self, s3_endpoint: str, rows: int, *, key: str, secret: str) -> None:
        credentials = {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret, "AWS_DEFAULT_REGION": "us-east-1"}
        super().__init__("benchmarks.athena", s3_endpoint, str(rows), environment=os.environ | credentials)


def main(s3_endpoint: str, rows: str) -> None:
    transport = BlockingBoto3Transport(endpoint_url=s3_endpoint)
    asyncio.run(transport.create_bucket("results"))
    with LocalAthena(transport) as athena:
        athena.answer(QUERY, Answer(COLUMNS, Rows(int(rows))))
        with (
            pyathena.connect(
                s3_staging_dir="s3://results/", endpoint_url=athena.endpoint_url, s3_endpoint_url=s3_endpoint
            ) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(QUERY, result_reuse_enable=True, result_reuse_minutes=60)
        print(athena.endpoint_url, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
