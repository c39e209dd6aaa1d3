"""duckdb: SQL over ``s3://…`` through a filesystem of ours. ``examples/local.py`` says how to run it."""

from __future__ import annotations

import duckdb
from local import place

from pyathena.filesystem import S3FileSystem

with place(__doc__) as (root, options), duckdb.connect() as duck:
    fs = S3FileSystem(**options)
    duck.register_filesystem(fs)
    # OVERWRITE_OR_IGNORE: duckdb lists the directory that it has made otherwise, and S3 has no empty ones.
    duck.execute(
        f"COPY (SELECT range AS n, range % 3 AS day FROM range(1000)) TO 's3://{root}/rows' "
        "(FORMAT parquet, PARTITION_BY (day), OVERWRITE_OR_IGNORE)"
    )
    rows = f"read_parquet('s3://{root}/rows/*/*.parquet', hive_partitioning=true)"
    duck.execute(f"SELECT count(*), sum(n) FROM {rows} WHERE day = 1")
    print(f"  (rows, sum) of one partition: {duck.fetchone()}")
    fs.close()
