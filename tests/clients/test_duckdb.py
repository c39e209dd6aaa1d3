"""duckdb: SQL over ``s3://…`` through ``register_filesystem``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from tests.clients.buckets import Bucket

ROWS = "SELECT range AS n, range % 3 AS day FROM range(300)"


@pytest.fixture
def duck(fs: Any) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.register_filesystem(fs)
        yield connection


def test_parquet_is_copied_to_s3_and_queried_there(bucket: Bucket, duck: duckdb.DuckDBPyConnection) -> None:
    duck.execute(f"COPY ({ROWS}) TO 's3://{bucket.name}/rows.parquet' (FORMAT parquet)")
    assert pq.read_table(bucket.file("rows.parquet"))["n"].to_pylist() == list(range(300))
    duck.execute(f"SELECT sum(n) FROM read_parquet('s3://{bucket.name}/rows.parquet') WHERE day = 1")
    assert duck.fetchone() == (sum(range(1, 300, 3)),)


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "json"])
def test_text_is_copied_to_s3_and_queried_there(bucket: Bucket, duck: duckdb.DuckDBPyConnection, ending: str) -> None:
    duck.execute(f"COPY ({ROWS}) TO 's3://{bucket.name}/rows.{ending}'")
    assert bucket.keys() == [f"rows.{ending}"]
    duck.execute(f"SELECT count(*), sum(n) FROM 's3://{bucket.name}/rows.{ending}'")
    assert duck.fetchone() == (300, sum(range(300)))


def test_a_partitioned_dataset_is_copied_to_s3_and_queried_by_a_pattern(
    bucket: Bucket, duck: duckdb.DuckDBPyConnection
) -> None:
    # Without OVERWRITE_OR_IGNORE duckdb makes a directory and lists it, and S3 has no empty directories.
    duck.execute(f"COPY ({ROWS}) TO 's3://{bucket.name}/set' (FORMAT parquet, PARTITION_BY (day), OVERWRITE_OR_IGNORE)")
    assert [key.split("/")[1] for key in bucket.keys("set/")] == ["day=0", "day=1", "day=2"]
    duck.execute(
        f"SELECT count(*) FROM read_parquet('s3://{bucket.name}/set/*/*.parquet', hive_partitioning=true) WHERE day = 1"
    )
    assert duck.fetchone() == (100,)


def test_what_is_not_there_is_an_error_of_duckdbs(bucket: Bucket, duck: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(duckdb.IOException, match="No files found"):
        duck.execute(f"SELECT * FROM read_parquet('s3://{bucket.name}/nothing/*.parquet')")
