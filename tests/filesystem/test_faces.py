"""The same cases through both faces: `AioS3FileSystem`, by its coroutines and by its mirrors, and `S3FileSystem`."""

from __future__ import annotations

import asyncio
import os
from typing import Any, cast

import pytest

from pyathena.filesystem.s3 import AioS3FileSystem, S3FileSystem
from pyathena.transport import InMemoryTransport, ObjectKey, ObjectRef, S3NotFoundError
from tests.filesystem.faces import Face

MIB = 2**20


@pytest.fixture
def tree(face: Face) -> Face:
    for key in ("top", "dir/a", "dir/b", "dir/sub/c", "dir-x", "other/d"):
        face.put(key, key.encode())
    return face


def test_info_of_an_object_has_the_keys_of_fsspec_and_of_s3fs(tree: Face) -> None:
    info = tree.call("info", "s3://bucket/dir/a")
    assert (info["name"], info["size"], info["type"]) == ("bucket/dir/a", 5, "file")
    assert (info["Key"], info["Size"], info["StorageClass"]) == ("bucket/dir/a", 5, "STANDARD")
    assert info["ETag"].startswith('"')
    assert info["LastModified"].tzinfo is not None
    assert info["ContentType"] == "binary/octet-stream"
    assert info["VersionId"] is None
    assert tree.recording.taken() == ["head_object"]


def test_info_of_a_directory_is_at_most_two_requests(tree: Face) -> None:
    info = tree.call("info", "bucket/dir")
    assert (info["name"], info["size"], info["type"]) == ("bucket/dir", 0, "directory")
    assert tree.recording.taken() == ["head_object", "list_objects"]


def test_info_of_a_bucket_and_of_the_root(tree: Face) -> None:
    assert tree.call("info", "s3://bucket")["type"] == "directory"
    assert tree.call("info", "s3://") == {"name": "", "type": "directory", "size": 0}


@pytest.mark.parametrize("path", ["s3://bucket/missing", "s3://nobucket/key", "s3://nobucket"])
def test_what_is_not_there_is_file_not_found_and_the_text_tells_where(face: Face, path: str) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        face.call("info", path)
    assert path.removeprefix("s3://") in str(caught.value)
    assert not face.call("exists", path)


def test_exists_of_an_object_is_one_request(tree: Face) -> None:
    assert tree.call("exists", "bucket/top") is True
    assert tree.recording.taken() == ["head_object"]
    assert tree.call("exists", "bucket/dir") is True
    assert tree.call("exists", "bucket") is True


def test_exists_raises_what_is_not_an_answer(face: Face) -> None:
    async def fail(operation: str) -> None:
        raise PermissionError("denied")

    face.recording.before = fail
    with pytest.raises(PermissionError):
        face.call("exists", "bucket/key")


def test_ls_lists_names_by_default(tree: Face) -> None:
    assert tree.call("ls", "s3://bucket") == ["bucket/dir", "bucket/dir-x", "bucket/other", "bucket/top"]
    assert tree.call("ls", "bucket/dir/") == ["bucket/dir/a", "bucket/dir/b", "bucket/dir/sub"]
    assert tree.call("ls", "") == ["bucket"]


def test_ls_with_detail_lists_entries(tree: Face) -> None:
    entries = tree.call("ls", "bucket/dir", detail=True)
    assert [(entry["name"], entry["type"], entry["size"]) for entry in entries] == [
        ("bucket/dir/a", "file", 5),
        ("bucket/dir/b", "file", 5),
        ("bucket/dir/sub", "directory", 0),
    ]


def test_ls_of_an_object_lists_itself_in_at_most_two_requests(tree: Face) -> None:
    tree.recording.taken()
    assert tree.call("ls", "bucket/top") == ["bucket/top"]
    assert len(tree.recording.taken()) <= 2


def test_ls_of_nothing_is_file_not_found(face: Face) -> None:
    assert face.call("ls", "bucket") == []
    with pytest.raises(FileNotFoundError, match="bucket/missing"):
        face.call("ls", "bucket/missing")
    with pytest.raises(FileNotFoundError, match="nobucket"):
        face.call("ls", "nobucket")


def test_a_zero_byte_marker_is_its_directory_and_not_listed(face: Face) -> None:
    face.put("mark/", b"")
    face.put("mark/a")
    assert face.call("ls", "bucket/mark") == ["bucket/mark/a"]
    assert face.call("info", "bucket/mark/")["type"] == "directory"


def test_an_entry_is_its_callers_own(tree: Face) -> None:
    tree.call("ls", "bucket/dir", detail=True)[0]["name"] = "spoiled"
    assert tree.call("ls", "bucket/dir")[0] == "bucket/dir/a"


def test_cat_file_of_a_small_object_or_a_range_is_one_get(tree: Face) -> None:
    tree.recording.taken()
    assert tree.call("cat_file", "s3://bucket/dir/a") == b"dir/a"
    assert tree.call("cat_file", "s3://bucket/dir/a", 1, 3) == b"ir"
    assert tree.recording.taken() == ["get_object_range", "get_object_range"]


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (None, None),
        (0, 4),
        (2, None),
        (None, 3),
        (-3, None),
        (-3, -1),
        (0, 0),
        (3, 3),
        (4, 2),
        (100, 200),
        (3, 99),
        (-99, 2),
    ],
)
def test_cat_file_slices_as_python_does(face: Face, start: int | None, end: int | None) -> None:
    face.put("key", b"0123456789")
    assert face.call("cat_file", "bucket/key", start=start, end=end) == b"0123456789"[start:end]


def test_cat_file_of_a_large_object_is_read_in_parallel_and_right(face: Face) -> None:
    data = os.urandom(5 * MIB + 17)
    face.put("big", data)
    assert face.call("cat_file", "bucket/big") == data
    assert face.call("cat_file", "bucket/big", MIB - 1, -5) == data[MIB - 1 : -5]


def test_cat_file_of_an_empty_object_is_empty(face: Face) -> None:
    face.put("empty", b"")
    assert face.call("cat_file", "bucket/empty") == b""


def test_cat_file_of_what_is_not_there_is_file_not_found(face: Face) -> None:
    for bounds in [(None, None), (0, 0), (-1, None)]:
        with pytest.raises(FileNotFoundError, match="bucket/missing"):
            face.call("cat_file", "bucket/missing", *bounds)


def test_pipe_file_writes_small_objects_in_one_request_and_large_ones_in_parts(face: Face) -> None:
    face.call("pipe_file", "bucket/small", b"abc")
    assert face.recording.taken() == ["put_object"]
    data = os.urandom(22 * MIB)
    face.call("pipe_file", "bucket/big", memoryview(data))
    assert face.recording.taken()[-1] == "complete_multipart_upload"
    assert face.call("cat_file", "bucket/big") == data


def test_pipe_file_in_create_mode_leaves_what_is_there(face: Face) -> None:
    face.call("pipe_file", "bucket/key", b"first", mode="create")
    with pytest.raises(FileExistsError, match="bucket/key"):
        face.call("pipe_file", "bucket/key", b"second", mode="create")
    assert face.call("cat_file", "bucket/key") == b"first"


def test_pipe_file_passes_fields_of_s3_on_and_refuses_what_is_none(face: Face) -> None:
    face.call("pipe_file", "bucket/key", b"x", ContentType="text/plain")
    assert face.call("info", "bucket/key")["ContentType"] == "text/plain"
    with pytest.raises(TypeError, match="content_typ"):
        face.call("pipe_file", "bucket/key", b"x", content_typ="text/plain")
    with pytest.raises(ValueError, match="'append'"):
        face.call("pipe_file", "bucket/key", b"x", mode="append")


def test_find_finds_all_below_a_path(tree: Face) -> None:
    assert tree.call("find", "bucket/dir") == ["bucket/dir/a", "bucket/dir/b", "bucket/dir/sub/c"]
    assert tree.call("find", "bucket/dir", maxdepth=1) == ["bucket/dir/a", "bucket/dir/b"]
    assert tree.call("find", "bucket/dir", withdirs=True) == [
        "bucket/dir",
        "bucket/dir/a",
        "bucket/dir/b",
        "bucket/dir/sub",
        "bucket/dir/sub/c",
    ]
    assert tree.call("find", "bucket", prefix="dir") == [
        "bucket/dir-x",
        "bucket/dir/a",
        "bucket/dir/b",
        "bucket/dir/sub/c",
    ]
    assert tree.call("find", "bucket/top") == ["bucket/top"]
    assert tree.call("find", "bucket/missing") == []
    assert tree.call("find", "bucket/dir/sub", detail=True)["bucket/dir/sub/c"]["size"] == 9


def test_rm_deletes_one_object_in_one_request(tree: Face) -> None:
    tree.recording.taken()
    tree.call("rm", "s3://bucket/top")
    tree.call("rm_file", "s3://bucket/dir/a")
    assert tree.recording.taken() == ["delete_objects", "delete_objects"]
    assert tree.call("find", "bucket") == ["bucket/dir-x", "bucket/dir/b", "bucket/dir/sub/c", "bucket/other/d"]


def test_rm_recursive_is_a_listing_and_a_delete_and_takes_no_neighbour(tree: Face) -> None:
    tree.put("dir", b"an object of the same name")
    tree.recording.taken()
    assert sorted(tree.call("rm", "bucket/dir", recursive=True)) == [
        "bucket/dir",
        "bucket/dir/a",
        "bucket/dir/b",
        "bucket/dir/sub/c",
    ]
    assert tree.recording.taken() == ["list_objects", "delete_objects"]
    assert tree.call("find", "bucket") == ["bucket/dir-x", "bucket/other/d", "bucket/top"]


def test_rm_recursive_with_maxdepth_leaves_what_is_deeper(tree: Face) -> None:
    tree.call("rm", "bucket/dir", recursive=True, maxdepth=1)
    assert tree.call("find", "bucket/dir") == ["bucket/dir/sub/c"]


def test_rm_recursive_goes_through_many_pages_and_neighbours(face: Face) -> None:
    for number in range(1100):
        face.put(f"d-{number}")
        face.put(f"d/{number}")
    assert len(face.call("rm", "bucket/d", recursive=True)) == 1100
    assert len(face.call("find", "bucket")) == 1100
    assert face.call("rm", "bucket", recursive=True)
    assert face.call("find", "bucket") == []


def test_rm_recursive_of_nothing_is_file_not_found(face: Face) -> None:
    with pytest.raises(FileNotFoundError, match="bucket/missing"):
        face.call("rm", "bucket/missing", recursive=True)


def test_rm_takes_paths_in_several_buckets(tree: Face) -> None:
    asyncio.run(tree.recording.inner.create_bucket("second"))
    asyncio.run(tree.recording.inner.put_object(ObjectRef("second", "key"), b"x"))
    tree.call("rm", ["bucket/top", "second/key"])
    assert not tree.call("exists", "bucket/top")
    assert not tree.call("exists", "second/key")


def test_rm_raises_with_every_key_that_was_denied_and_deletes_the_others(face: Face) -> None:
    for number in range(1500):
        face.put(f"k/{number:04}")
    memory = cast("InMemoryTransport", face.recording.inner)
    for denied in (7, 700, 1400):
        memory.deny("bucket", f"k/{denied:04}")
    with pytest.raises(PermissionError) as caught:
        face.call("rm", "bucket/k", recursive=True)
    errors = caught.value.errors  # type: ignore[attr-defined]  # S3DeleteDeniedError
    assert [(error.key, error.code) for error in errors] == [
        ("k/0007", "AccessDenied"),
        ("k/0700", "AccessDenied"),
        ("k/1400", "AccessDenied"),
    ]
    assert all(f"k/{denied:04}" in str(caught.value) for denied in (7, 700, 1400))
    assert len(face.call("find", "bucket")) == 3


def test_mkdir_creates_a_bucket_and_nothing_below_one(face: Face) -> None:
    face.call("mkdir", "s3://fresh")
    assert face.call("ls", "fresh") == []
    face.recording.taken()
    face.call("mkdir", "bucket/dir")
    face.call("makedirs", "bucket/dir/sub", exist_ok=True)
    assert face.recording.taken() == []
    with pytest.raises(FileExistsError):
        face.call("mkdir", "fresh")
    face.call("makedirs", "fresh", exist_ok=True)


@pytest.mark.parametrize("make", [AioS3FileSystem, S3FileSystem])
def test_buckets_are_created_only_where_that_was_allowed(make: Any) -> None:
    fs = make(transport=InMemoryTransport())
    with pytest.raises(PermissionError, match="allow_bucket_creation=True"):
        fs.mkdir("s3://fresh")


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("info", ("gs://bucket/key",)),
        ("cat_file", ("s3://bucket",)),
        ("pipe_file", ("s3://bucket/", b"x")),
        ("rm_file", ("bucket",)),
        ("rm", ("bucket",)),
        ("find", ("",)),
        ("mkdir", ("",)),
    ],
)
def test_a_path_that_cannot_be_meant_is_refused_before_anything_is_sent(
    face: Face, method: str, arguments: tuple[Any, ...]
) -> None:
    with pytest.raises(ValueError, match=r"s3://|bucket"):
        face.call(method, *arguments)
    assert face.recording.taken() == []


@pytest.mark.parametrize("method", ["info", "exists", "ls", "find", "cat_file", "rm", "mkdir"])
def test_an_unknown_argument_is_refused_by_name(face: Face, method: str) -> None:
    with pytest.raises(TypeError, match="colour"):
        face.call(method, "bucket/key", colour="blue")
    assert face.recording.taken() == []


def test_cat_ranges_of_one_object_are_merged_and_come_in_the_order_asked(face: Face) -> None:
    data = os.urandom(3 * MIB)
    face.put("key", data)
    starts, ends = [500, 0, 2 * MIB, 510, None, -4, 7], [600, 10, 2 * MIB + 5, 520, 3, None, 7]
    results = face.call("cat_ranges", ["bucket/key"] * 7, starts, ends, max_gap=1000)
    assert results == [data[start:end] for start, end in zip(starts, ends, strict=True)]
    gets = face.recording.taken().count("get_object_range")
    assert gets <= 4


def test_cat_ranges_returns_errors_in_their_places_or_raises_them(face: Face) -> None:
    face.put("key", b"0123456789")
    paths = ["bucket/key", "bucket/missing", "bucket/key"]
    results = face.call("cat_ranges", paths, [0, 0, 5], [2, 2, 7])
    assert (results[0], results[2]) == (b"01", b"56")
    assert isinstance(results[1], S3NotFoundError)
    with pytest.raises(FileNotFoundError):
        face.call("cat_ranges", paths, [0, 0, 5], [2, 2, 7], on_error="raise")


def test_cat_ranges_beyond_the_end_are_cut_as_slices_are(face: Face) -> None:
    face.put("key", b"0123456789")
    assert face.call("cat_ranges", ["bucket/key"] * 3, [8, 20, 5], [15, 30, 99], max_gap=0) == [b"89", b"", b"56789"]


def test_cat_ranges_needs_bounds_for_each_path(face: Face) -> None:
    with pytest.raises(ValueError, match="2, 1 and 1"):
        face.call("cat_ranges", ["bucket/a", "bucket/b"], [0], [1])


def test_versions_are_not_made_of_deleting_what_is_not_there(face: Face) -> None:
    asyncio.run(face.recording.inner.put_bucket_versioning("bucket", "Enabled"))
    face.put("dir/a")
    face.call("rm", "bucket/dir", recursive=True)
    versions = asyncio.run(face.recording.inner.list_object_versions("bucket")).versions
    assert {version.key for version in versions} == {"dir/a"}
    asyncio.run(face.recording.inner.delete_objects("bucket", [ObjectKey(v.key, v.version_id) for v in versions]))


def test_cat_ranges_of_an_object_that_is_replaced_meanwhile_are_no_mixture(face: Face) -> None:
    face.put("key", b"\0" * 3 * MIB)

    async def replace(operation: str) -> None:
        if face.recording.requests.count("get_object_range") == 2:
            await face.recording.inner.put_object(ObjectRef("bucket", "key"), b"\1" * 3 * MIB)

    face.recording.before = replace
    results = face.call("cat_ranges", ["bucket/key"] * 2, [0, 2 * MIB], [10, 2 * MIB + 10], max_gap=0)
    assert {bytes(result) for result in results if isinstance(result, bytes)} in ({b"\0" * 10}, {b"\1" * 10})
    assert any(isinstance(result, Exception) and "replaced while it was read" in str(result) for result in results)
