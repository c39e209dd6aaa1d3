"""pandas: CSV and partitioned Parquet, by URL and through a filesystem. ``examples/local.py`` says how to run it."""

from __future__ import annotations

import pandas as pd
from local import place

from pyathena.filesystem import AioS3FileSystem, register

FRAME = pd.DataFrame({"n": range(1000), "day": [f"2026-11-{1 + n % 3:02}" for n in range(1000)]})

with place(__doc__) as (root, options):
    # By URL, once s3:// is ours; without `register()` the URL pyathena-s3://bucket/key does the same.
    register()
    FRAME.to_csv(f"s3://{root}/frame.csv.gz", index=False, storage_options={**options})
    frame = pd.read_csv(f"s3://{root}/frame.csv.gz", storage_options={**options})
    print(f"  {len(frame)} rows of CSV by URL")

    # Through a filesystem: nothing is registered, and its threads and connections are those that you gave it.
    fs = AioS3FileSystem(**options)
    FRAME.to_parquet(f"{root}/frames", partition_cols=["day"], filesystem=fs)
    day = pd.read_parquet(f"{root}/frames", filters=[("day", "==", "2026-11-02")], filesystem=fs)
    print(f"  {len(day)} rows of one of {len(fs.ls(f'{root}/frames'))} partitions, through a filesystem")

    # Through an open file: where the block fails, nothing appears, and an object that was there stays as it was.
    with fs.open(f"{root}/frame.csv", "w", newline="") as file:
        FRAME.to_csv(file, index=False)
    fs.close()
