"""dask: the same filesystem in the scheduler's process and in two workers', where one machine would be too small."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import dask.dataframe as dd
import distributed
import pandas as pd
import pytest

from tests.clients.buckets import Bucket

pytestmark = [
    pytest.mark.slow,  # it starts a cluster
    # dask's use of pandas, not ours of dask; the warning is pandas' Pandas4Warning.
    pytest.mark.filterwarnings("ignore:The inplace keyword in DataFrame:DeprecationWarning:dask"),
]

FRAME = pd.DataFrame({"n": range(1000), "day": [f"d{n % 3}" for n in range(1000)]})


@pytest.fixture(scope="module")
def cluster() -> Iterator[distributed.Client]:
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=2, processes=True, dashboard_address=None, worker_dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture
def frame(cluster: distributed.Client) -> Any:
    return dd.from_pandas(FRAME, npartitions=8)


def test_workers_write_parquet_and_read_it(bucket: Bucket, fs: Any, frame: Any) -> None:
    frame.to_parquet(f"s3://{bucket.name}/set", filesystem=fs)
    assert len([key for key in bucket.keys("set/") if key.endswith(".parquet")]) == 8
    assert list(pd.read_parquet(bucket.file("set/part.1.parquet"))["n"]) == list(range(125, 250))
    found = dd.read_parquet(f"s3://{bucket.name}/set", filesystem=fs)
    assert found["n"].sum().compute() == sum(range(1000))


def test_workers_write_partitions_and_read_some_of_them(bucket: Bucket, fs: Any, frame: Any) -> None:
    frame.to_parquet(f"s3://{bucket.name}/set", filesystem=fs, partition_on=["day"])
    found = dd.read_parquet(f"s3://{bucket.name}/set", filesystem=fs, filters=[("day", "==", "d1")])
    assert sorted(found["n"].compute()) == list(range(1, 1000, 3))


def test_a_dataset_that_is_written_over_has_nothing_of_the_old_one(bucket: Bucket, fs: Any, frame: Any) -> None:
    frame.to_parquet(f"s3://{bucket.name}/set", filesystem=fs)
    frame.repartition(npartitions=2).to_parquet(f"s3://{bucket.name}/set", filesystem=fs, overwrite=True)
    assert bucket.keys("set/") == ["set/part.0.parquet", "set/part.1.parquet"]


@pytest.mark.usefixtures("registered")
def test_workers_that_have_registered_nothing_are_sent_the_filesystem_of_a_url(bucket: Bucket, frame: Any) -> None:
    options = bucket.storage_options
    frame.to_parquet(f"s3://{bucket.name}/set", storage_options=options)
    found = dd.read_parquet(f"s3://{bucket.name}/set", storage_options=options)
    assert found["n"].sum().compute() == sum(range(1000))
    frame.to_csv(f"s3://{bucket.name}/csv/*.csv.gz", compression="gzip", index=False, storage_options=options)
    assert len(bucket.keys("csv/")) == 8
    found = dd.read_csv(f"s3://{bucket.name}/csv/*.csv.gz", compression="gzip", blocksize=None, storage_options=options)
    assert found["n"].sum().compute() == sum(range(1000))


def read(fs: Any, path: str) -> tuple[int, int, bytes]:
    """Read an object, and tell by which filesystem of which process."""
    return os.getpid(), id(fs), fs.cat_file(path)


def test_the_filesystem_works_in_every_worker_and_is_one_for_all_of_its_tasks(
    bucket: Bucket, fs: Any, cluster: distributed.Client
) -> None:
    bucket.write("key", b"data")
    tasks = [
        cluster.submit(read, fs, f"{bucket.name}/key", workers=[worker], pure=False)
        for worker in cluster.nthreads()
        for _ in range(10)
    ]
    readers = {(pid, identity) for pid, identity, data in cluster.gather(tasks) if data == b"data"}
    assert len(readers) == 2
    assert len({pid for pid, _ in readers} - {os.getpid()}) == 2


def test_an_open_file_goes_to_a_worker_and_is_read_on_from_where_it_was(
    bucket: Bucket, fs: Any, cluster: distributed.Client
) -> None:
    bucket.write("key", b"0123456789")
    with fs.open(f"{bucket.name}/key", "rb") as f:
        f.seek(4)
        assert cluster.submit(lambda f: f.read(), f).result() == b"456789"
