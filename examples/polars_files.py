"""polars: Parquet through open files, and lazily over a partitioned dataset. ``examples/local.py`` says how to run it.

polars' own reader of ``s3://`` URLs asks no filesystem of fsspec.
"""

from __future__ import annotations

import polars as pl
import pyarrow.dataset as ds
from local import place

from pyathena.filesystem import AioS3FileSystem

FRAME = pl.DataFrame({"n": range(1000), "day": [f"2026-11-{1 + n % 3:02}" for n in range(1000)]})

with place(__doc__) as (root, options):
    fs = AioS3FileSystem(**options)
    with fs.open(f"{root}/frame.parquet", "wb") as file:
        FRAME.write_parquet(file)  # type: ignore[arg-type]  # polars names IO[bytes], a class; it takes any file
    with fs.open(f"{root}/frame.parquet", "rb") as file:
        few = pl.read_parquet(file, columns=["n"]).head(10)  # type: ignore[arg-type]  # as above
    print(f"  {few.height} rows of one column of a Parquet file")

    ds.write_dataset(
        FRAME.to_arrow(),
        f"{root}/frames",
        filesystem=fs,
        format="parquet",
        partitioning=["day"],
        partitioning_flavor="hive",
    )
    frames = pl.scan_pyarrow_dataset(ds.dataset(f"{root}/frames", filesystem=fs, partitioning="hive"))
    day = frames.filter(pl.col("day") == "2026-11-02").select(pl.col("n").sum()).collect()
    print(f"  {day.item()} is the sum of one partition of a dataset")
    fs.close()
