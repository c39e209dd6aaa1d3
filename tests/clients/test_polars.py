"""polars: with files of ours, and over datasets of pyarrow's. Its own reader of ``s3://`` asks no filesystem."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import polars as pl
import pyarrow.dataset as ds
import pytest

from tests.clients.buckets import Bucket

FRAME = pl.DataFrame({"n": range(300), "s": [f"räw {n}" for n in range(300)], "day": [f"d{n % 3}" for n in range(300)]})


@pytest.mark.parametrize(
    ("write", "read"),
    [
        (FRAME.write_parquet, pl.read_parquet),
        (FRAME.write_csv, pl.read_csv),
        (FRAME.write_ndjson, pl.read_ndjson),
        (FRAME.write_ipc, pl.read_ipc),
    ],
    ids=["parquet", "csv", "ndjson", "ipc"],
)
def test_every_format_goes_through_an_open_file_and_comes_back(
    bucket: Bucket, fs: Any, write: Callable[[Any], object], read: Callable[[Any], pl.DataFrame]
) -> None:
    with fs.open(f"{bucket.name}/frame", "wb") as f:
        write(f)
    assert read(bucket.file("frame")).equals(FRAME)
    with fs.open(f"{bucket.name}/frame", "rb") as f:
        assert read(f).equals(FRAME)


def test_a_frame_that_fails_while_it_is_written_is_no_object(bucket: Bucket, fs: Any) -> None:
    with pytest.raises(pl.exceptions.PolarsError), fs.open(f"{bucket.name}/frame.csv", "wb") as f:
        FRAME.select(pl.concat_list("n")).write_csv(f)
    assert bucket.keys() == []


def test_parquet_and_csv_are_scanned_through_an_open_file(bucket: Bucket, fs: Any) -> None:
    for key, write, scan in (
        ("frame.parquet", FRAME.write_parquet, pl.scan_parquet),
        ("frame.csv", FRAME.write_csv, pl.scan_csv),
    ):
        write(file := io.BytesIO())
        bucket.write(key, file.getvalue())
        with fs.open(f"{bucket.name}/{key}", "rb") as f:
            found = scan(f).filter(pl.col("day") == "d1").select("n").collect()
        assert found["n"].to_list() == list(range(1, 300, 3))


def test_a_lazy_frame_sinks_into_an_open_file(bucket: Bucket, fs: Any) -> None:
    with fs.open(f"{bucket.name}/frame.parquet", "wb") as f:
        FRAME.lazy().filter(pl.col("n") < 10).sink_parquet(f)
    assert pl.read_parquet(bucket.file("frame.parquet")).height == 10


def test_a_partitioned_dataset_is_scanned_with_a_filter(bucket: Bucket, fs: Any) -> None:
    ds.write_dataset(
        FRAME.to_arrow(), f"{bucket.name}/set", filesystem=fs, format="parquet",
        partitioning=["day"], partitioning_flavor="hive",
    )  # fmt: skip
    dataset = ds.dataset(f"{bucket.name}/set", filesystem=fs, partitioning="hive")
    found = pl.scan_pyarrow_dataset(dataset).filter(pl.col("day") == "d1").select("n").collect()
    assert sorted(found["n"]) == list(range(1, 300, 3))
