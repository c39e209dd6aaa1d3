"""dask: a cluster of processes writes and reads Parquet. ``examples/local.py`` says how to run it.

The filesystem is pickled by its options: every worker makes one of its own, with its own threads and connections.
"""

from __future__ import annotations

import dask.dataframe as dd
import pandas as pd
from distributed import Client, LocalCluster
from local import place

from pyathena.filesystem import AioS3FileSystem

FRAME = pd.DataFrame({"n": range(1000), "day": [f"2026-11-{1 + n % 3:02}" for n in range(1000)]})


def main() -> None:
    with (
        place(__doc__) as (root, options),
        LocalCluster(n_workers=2, dashboard_address=None) as cluster,
        Client(cluster),
    ):
        fs = AioS3FileSystem(**options)
        dd.from_pandas(FRAME, npartitions=8).to_parquet(f"{root}/frames", filesystem=fs)
        frames = dd.read_parquet(f"{root}/frames", filesystem=fs)
        print(f"  {frames['n'].sum().compute()} is the sum over {frames.npartitions} files")
        fs.close()


if __name__ == "__main__":  # the workers import this file
    main()
