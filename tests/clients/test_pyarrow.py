"""pyarrow: datasets, streams and directories through ``PyFileSystem(FSSpecHandler(fs))``."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.fs as pafs
import pyarrow.parquet as pq
import pytest

from tests.clients.buckets import Bucket

TABLE = pa.table({"n": range(300), "day": [f"d{n % 3}" for n in range(300)]})


@pytest.fixture
def arrow(fs: Any) -> pafs.PyFileSystem:
    return pafs.PyFileSystem(pafs.FSSpecHandler(fs))  # type: ignore[abstract]  # pyarrow-stubs leave its methods out


@pytest.mark.parametrize("existing", ["error", "overwrite_or_ignore", "delete_matching"])
def test_a_partitioned_dataset_is_written_and_read_with_a_filter(
    bucket: Bucket, arrow: pafs.PyFileSystem, existing: Any
) -> None:
    if existing != "error":
        bucket.write("set/day=d1/old.parquet", b"PAR1")
    ds.write_dataset(
        TABLE, f"{bucket.name}/set", filesystem=arrow, format="parquet", partitioning=["day"],
        partitioning_flavor="hive", existing_data_behavior=existing,
    )  # fmt: skip
    keys = {f"set/day=d{n}/part-0.parquet" for n in range(3)}
    assert set(bucket.keys()) - keys == ({"set/day=d1/old.parquet"} if existing == "overwrite_or_ignore" else set())
    assert pq.read_table(bucket.file("set/day=d2/part-0.parquet"))["n"].to_pylist() == list(range(2, 300, 3))
    if existing != "overwrite_or_ignore":
        dataset = ds.dataset(f"{bucket.name}/set", filesystem=arrow, partitioning="hive")
        assert dataset.count_rows() == 300
        found = dataset.to_table(columns=["n"], filter=ds.field("day") == "d2")
        assert sorted(found["n"].to_numpy()) == list(range(2, 300, 3))


def test_a_dataset_that_is_there_is_not_written_over_unless_that_is_said(
    bucket: Bucket, arrow: pafs.PyFileSystem
) -> None:
    bucket.write("set/old.parquet", b"PAR1")
    with pytest.raises(pa.ArrowInvalid, match="not empty"):
        ds.write_dataset(TABLE, f"{bucket.name}/set", filesystem=arrow, format="parquet")
    assert bucket.keys() == ["set/old.parquet"]


def test_streams_read_write_and_append(bucket: Bucket, arrow: pafs.PyFileSystem) -> None:
    path = f"{bucket.name}/stream"
    with arrow.open_output_stream(path) as out:
        out.write(b"abc")
    with arrow.open_append_stream(path) as out:
        out.write(b"def")
    assert bucket.read("stream") == b"abcdef"
    with arrow.open_input_stream(path) as stream:
        assert stream.read() == b"abcdef"
    with arrow.open_input_file(path) as file:
        assert (file.size(), file.read_at(2, 3)) == (6, b"de")  # type: ignore[call-arg]  # pyarrow-stubs know one


def test_directories_are_looked_at_and_deleted(bucket: Bucket, arrow: pafs.PyFileSystem) -> None:
    for key in ("dir/a", "dir/sub/b", "other"):
        bucket.write(key, b"123")
    found = arrow.get_file_info(pafs.FileSelector(f"{bucket.name}/dir", recursive=True))
    assert {(each.path, each.type, each.size) for each in found} == {
        (f"{bucket.name}/dir/a", pafs.FileType.File, 3),
        (f"{bucket.name}/dir/sub", pafs.FileType.Directory, None),
        (f"{bucket.name}/dir/sub/b", pafs.FileType.File, 3),
    }
    arrow.move(f"{bucket.name}/dir/a", f"{bucket.name}/dir/c")
    arrow.copy_file(f"{bucket.name}/dir/c", f"{bucket.name}/d")
    arrow.create_dir(f"{bucket.name}/new")
    arrow.delete_dir(f"{bucket.name}/dir")
    assert bucket.keys() == ["d", "other"]
    assert arrow.get_file_info(f"{bucket.name}/dir").type == pafs.FileType.NotFound


def test_a_missing_object_is_a_file_not_found_error(bucket: Bucket, arrow: pafs.PyFileSystem) -> None:
    with pytest.raises(FileNotFoundError, match="nothing"):
        pq.read_table(f"{bucket.name}/nothing.parquet", filesystem=arrow)
