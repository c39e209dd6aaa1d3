"""pyarrow: a dataset in partitions, of which a filter reads some. ``examples/local.py`` says how to run it."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.fs as pafs
from local import place

from pyathena.filesystem import AioS3FileSystem

TABLE = pa.table({"n": range(1000), "day": [f"2026-11-{1 + n % 3:02}" for n in range(1000)]})

with place(__doc__) as (root, options):
    fs = AioS3FileSystem(**options)
    arrow = pafs.PyFileSystem(pafs.FSSpecHandler(fs))  # type: ignore[abstract]  # pyarrow-stubs leave its methods out
    ds.write_dataset(
        TABLE, f"{root}/tables", filesystem=arrow, format="parquet", partitioning=["day"], partitioning_flavor="hive"
    )
    dataset = ds.dataset(f"{root}/tables", filesystem=arrow, partitioning="hive")
    found = dataset.to_table(columns=["n"], filter=ds.field("day") == "2026-11-02")
    print(f"  {found.num_rows} of {dataset.count_rows()} rows, in {len(dataset.files)} files")
    fs.close()
