"""pandas: by URL with ``storage_options``, with ``filesystem=``, and with files of ours."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest
from typing_extensions import override

from tests.clients.buckets import Bucket

ROWS = 300
FRAME = pd.DataFrame(
    {"n": range(ROWS), "s": [f"räw {n}" for n in range(ROWS)], "day": [f"d{n % 3}" for n in range(ROWS)]}
)


def same(left: pd.DataFrame, right: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(left.sort_values("n", ignore_index=True), right.sort_values("n", ignore_index=True))


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize(
    ("ending", "unpack"),
    [("", bytes), (".gz", gzip.decompress), (".bz2", bz2.decompress), (".xz", lzma.decompress)],
)
def test_csv_goes_to_a_url_and_comes_back_packed_as_its_name_says(
    bucket: Bucket, ending: str, unpack: Callable[[bytes], bytes]
) -> None:
    url = f"s3://{bucket.name}/frame.csv{ending}"
    FRAME.to_csv(url, index=False, storage_options=bucket.storage_options)
    assert unpack(bucket.read(f"frame.csv{ending}")).decode() == FRAME.to_csv(index=False)
    same(pd.read_csv(url, storage_options=bucket.storage_options), FRAME)


@pytest.mark.usefixtures("registered")
def test_csv_is_appended_to_replaced_and_read_in_chunks(bucket: Bucket) -> None:
    url, options = f"s3://{bucket.name}/frame.csv", bucket.storage_options
    FRAME.to_csv(url, index=False, storage_options=options)
    FRAME.to_csv(url, index=False, header=False, mode="a", storage_options=options)
    assert bucket.read("frame.csv").decode() == FRAME.to_csv(index=False) + FRAME.to_csv(index=False, header=False)
    with pd.read_csv(url, chunksize=250, storage_options=options) as chunks:
        assert [len(chunk) for chunk in chunks] == [250, 250, 100]
    FRAME.head(3).to_csv(url, index=False, storage_options=options)
    assert len(pd.read_csv(bucket.file("frame.csv"))) == 3
    with pytest.raises(FileExistsError):
        FRAME.to_csv(url, mode="x", storage_options=options)


def test_a_frame_that_fails_while_it_is_written_to_an_open_file_leaves_the_object_that_was_there(
    bucket: Bucket, fs: Any
) -> None:
    # By URL it is pandas that closes the file, as if all were well: half of the frame appears.
    class Refuses:
        @override
        def __str__(self) -> str:
            raise ZeroDivisionError

    bucket.write("frame.csv", b"n\n1\n")
    with pytest.raises(ZeroDivisionError), fs.open(f"{bucket.name}/frame.csv", "w") as f:
        pd.DataFrame({"n": [2, Refuses()]}).to_csv(f)
    assert bucket.read("frame.csv") == b"n\n1\n"


@pytest.mark.usefixtures("registered")
def test_a_missing_object_is_a_file_not_found_error(bucket: Bucket) -> None:
    with pytest.raises(FileNotFoundError, match="nothing"):
        pd.read_csv(f"s3://{bucket.name}/nothing.csv", storage_options=bucket.storage_options)


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize(
    ("write", "read"),
    [
        (FRAME.to_parquet, pd.read_parquet),
        (FRAME.to_feather, pd.read_feather),
        (FRAME.to_pickle, pd.read_pickle),
        (
            lambda path, **options: FRAME.to_json(path, orient="records", lines=True, **options),
            lambda path, **options: pd.read_json(path, orient="records", lines=True, **options),
        ),
    ],
    ids=["parquet", "feather", "pickle", "json"],
)
def test_every_format_goes_to_a_url_and_comes_back(bucket: Bucket, write: Any, read: Any) -> None:
    url = f"s3://{bucket.name}/frame"
    write(url, storage_options=bucket.storage_options)
    same(read(url, storage_options=bucket.storage_options), FRAME)
    same(read(bucket.file("frame")), FRAME)


@pytest.mark.usefixtures("registered")
def test_a_partitioned_dataset_goes_to_a_url_and_single_partitions_come_back(bucket: Bucket) -> None:
    url, options = f"s3://{bucket.name}/set", bucket.storage_options
    FRAME.to_parquet(url, partition_cols=["day"], storage_options=options)
    assert [key.split("/")[1] for key in bucket.keys("set/")] == ["day=d0", "day=d1", "day=d2"]
    same(pd.read_parquet(url, storage_options=options).astype({"day": "str"}), FRAME)
    some = pd.read_parquet(url, columns=["n"], filters=[("day", "==", "d1")], storage_options=options)
    assert sorted(some["n"]) == list(range(1, ROWS, 3))


def test_parquet_goes_through_a_filesystem_and_comes_back(bucket: Bucket, fs: Any) -> None:
    FRAME.to_parquet(f"{bucket.name}/one.parquet", filesystem=fs)
    same(pd.read_parquet(bucket.file("one.parquet")), FRAME)
    same(pd.read_parquet(f"s3://{bucket.name}/one.parquet", filesystem=fs), FRAME)
    FRAME.to_parquet(f"{bucket.name}/set", partition_cols=["day"], filesystem=fs)
    same(pd.read_parquet(f"{bucket.name}/set", filesystem=fs).astype({"day": "str"}), FRAME)


def test_csv_goes_through_open_files_of_text_and_of_bytes(bucket: Bucket, fs: Any) -> None:
    with fs.open(f"{bucket.name}/frame.csv", "w", newline="") as f:
        FRAME.to_csv(f, index=False)
    same(pd.read_csv(bucket.file("frame.csv")), FRAME)
    for mode in ("r", "rb"):
        with fs.open(f"{bucket.name}/frame.csv", mode) as f:
            same(pd.read_csv(f), FRAME)


def test_several_sheets_of_parquet_larger_than_a_part_are_read_by_their_columns(bucket: Bucket, fs: Any) -> None:
    rows = 400_000
    large = pd.DataFrame({"n": range(rows), "noise": pd.Series(range(rows)) * 2_654_435_761 % 2**32})
    with fs.open(f"{bucket.name}/large.parquet", "wb", block_size=5 * 2**20) as f:
        large.to_parquet(f, compression=None, row_group_size=50_000)
    assert len(bucket.read("large.parquet")) > 5 * 2**20
    found = pd.read_parquet(f"{bucket.name}/large.parquet", columns=["noise"], filesystem=fs)
    assert (found["noise"] == large["noise"]).all()
