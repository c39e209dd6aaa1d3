"""What there is besides reading, writing and listing, through both faces."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from fsspec.callbacks import Callback

from pyathena.filesystem import transfer
from pyathena.transport import (
    MIN_PART_SIZE,
    CustomerKey,
    InMemoryTransport,
    ObjectRef,
    PutOptions,
    S3PreconditionError,
    S3ServerError,
)
from tests.filesystem.faces import Face

MIB = 2**20
MakeFace = Callable[..., Face]


def put(face: Face, key: str, data: bytes, **options: Any) -> None:
    asyncio.run(face.memory.put_object(ObjectRef("bucket", key), data, options=PutOptions(**options)))


def nothing_is_open(face: Face) -> bool:
    return not asyncio.run(face.memory.list_multipart_uploads("bucket")).uploads


# --- copying within S3 ---------------------------------------------------------------------------


def test_cp_file_copies_bytes_headers_metadata_and_tags(face: Face) -> None:
    put(face, "source", b"data", content_type="text/csv", metadata={"a": "b"}, tags={"c": "d"})
    face.call("cp_file", "s3://bucket/source", "s3://bucket/target")
    assert face.content("target") == b"data"
    assert face.call("info", "bucket/target")["ContentType"] == "text/csv"
    assert face.call("metadata", "bucket/target") == {"a": "b"}
    assert face.call("get_tags", "bucket/target") == {"c": "d"}


def test_a_large_copy_goes_in_parts_and_keeps_what_a_copy_keeps(face: Face, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "_COPY_AT_ONCE", MIN_PART_SIZE)
    monkeypatch.setattr(transfer, "_COPY_PART", MIN_PART_SIZE)
    data = os.urandom(3 * MIN_PART_SIZE + 5)
    put(face, "source", data, content_type="text/csv", metadata={"a": "b"}, tags={"c": "d"})
    face.call("cp_file", "bucket/source", "bucket/target")
    assert face.recording.taken().count("upload_part_copy") == 4
    assert face.content("target") == data
    assert face.call("info", "bucket/target")["ContentType"] == "text/csv"
    assert face.call("metadata", "bucket/target") == {"a": "b"}
    assert face.call("get_tags", "bucket/target") == {"c": "d"}


def test_preserve_etag_copies_in_the_parts_of_the_source(face: Face) -> None:
    face.call("pipe_file", "bucket/source", os.urandom(13 * MIB), chunksize=MIN_PART_SIZE)
    source = face.call("info", "bucket/source")["ETag"]
    face.call("cp_file", "bucket/source", "bucket/plain")
    face.call("cp_file", "bucket/source", "bucket/same", preserve_etag=True)
    assert source.endswith('-3"')
    assert face.call("info", "bucket/same")["ETag"] == source
    assert face.call("info", "bucket/plain")["ETag"] != source


def test_a_failed_copy_leaves_the_target_as_it_was_and_no_upload(face: Face, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "_COPY_AT_ONCE", MIN_PART_SIZE)
    monkeypatch.setattr(transfer, "_COPY_PART", MIN_PART_SIZE)
    face.put("source", bytes(2 * MIN_PART_SIZE))
    face.put("target", b"old")

    async def fail(operation: str) -> None:
        if operation == "upload_part_copy":
            raise S3ServerError("no", retryable=False)

    face.recording.before = fail
    with pytest.raises(S3ServerError):
        face.call("cp_file", "bucket/source", "bucket/target")
    assert face.content("target") == b"old"
    assert nothing_is_open(face)


def test_mv_moves_and_deletes_only_what_it_copied(face: Face) -> None:
    for key in ("dir/a", "dir/sub/b"):
        face.put(key, key.encode())
    face.call("mv", "bucket/dir/a", "bucket/moved")
    assert face.call("find", "bucket") == ["bucket/dir/sub/b", "bucket/moved"]
    face.put("dir/a", b"again")
    face.put("dir/c", b"also")
    face.call("mv", "bucket/dir", "bucket/new", recursive=True, maxdepth=1)
    assert face.call("find", "bucket") == ["bucket/dir/sub/b", "bucket/moved", "bucket/new/a", "bucket/new/c"]


def test_mv_onto_itself_changes_nothing(face: Face) -> None:
    face.put("key", b"data")
    face.call("mv", "bucket/key", "s3://bucket/key")
    assert face.content("key") == b"data"


def test_merge_puts_objects_one_behind_the_other(face: Face) -> None:
    parts = [os.urandom(MIN_PART_SIZE), os.urandom(MIN_PART_SIZE + 3), b"end"]
    for number, data in enumerate(parts):
        face.put(f"part{number}", data)
    face.call("merge", "bucket/whole", ["bucket/part0", "bucket/part1", "bucket/part2"])
    assert face.content("whole") == b"".join(parts)
    with pytest.raises(ValueError, match="5 MiB"):
        face.call("merge", "bucket/whole", ["bucket/part2", "bucket/part0"])
    with pytest.raises(ValueError, match="got none"):
        face.call("merge", "bucket/whole", [])


# --- from and to local files ---------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 10, 12 * MIB + 7])
def test_a_file_survives_being_put_and_got(face: Face, tmp_path: Path, size: int) -> None:
    data = os.urandom(size)
    (tmp_path / "up").write_bytes(data)
    face.call("put_file", str(tmp_path / "up"), "s3://bucket/key")
    assert face.content("key") == data
    face.call("get_file", "s3://bucket/key", str(tmp_path / "down"))
    assert (tmp_path / "down").read_bytes() == data
    assert sorted(path.name for path in tmp_path.iterdir()) == ["down", "up"]


def test_put_file_guesses_the_content_type_and_takes_fields_of_s3(face: Face, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("<p>")
    face.call("put_file", str(tmp_path / "page.html"), "bucket/page.html")
    assert face.call("info", "bucket/page.html")["ContentType"] == "text/html"
    face.call("put_file", str(tmp_path / "page.html"), "bucket/other", ContentType="text/plain")
    assert face.call("info", "bucket/other")["ContentType"] == "text/plain"


def test_put_file_in_create_mode_leaves_what_is_there(face: Face, tmp_path: Path) -> None:
    (tmp_path / "up").write_bytes(b"new")
    face.put("key", b"old")
    with pytest.raises(FileExistsError):
        face.call("put_file", str(tmp_path / "up"), "bucket/key", mode="create")
    assert face.content("key") == b"old"


def test_progress_is_told_in_bytes(face: Face, tmp_path: Path) -> None:
    (tmp_path / "up").write_bytes(bytes(12 * MIB))
    seen = Callback()
    face.call("put_file", str(tmp_path / "up"), "bucket/key", callback=seen)
    assert (seen.size, seen.value) == (12 * MIB, 12 * MIB)
    seen = Callback()
    face.call("get_file", "bucket/key", str(tmp_path / "down"), callback=seen)
    assert (seen.size, seen.value) == (12 * MIB, 12 * MIB)


def test_a_failed_get_leaves_no_partial_file_and_the_old_one(face: Face, tmp_path: Path) -> None:
    face.put("key", bytes(5 * MIB))
    (tmp_path / "down").write_bytes(b"old")

    async def fail(operation: str) -> None:
        if face.recording.requests.count("get_object_range") > 2:
            raise S3ServerError("no", retryable=False)

    face.recording.taken()
    face.recording.before = fail
    with pytest.raises(S3ServerError):
        face.call("get_file", "bucket/key", str(tmp_path / "down"))
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("down", b"old")]


def test_get_of_what_is_not_there_leaves_no_file(face: Face, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="bucket/missing"):
        face.call("get_file", "bucket/missing", str(tmp_path / "down"))
    with pytest.raises(FileNotFoundError, match="bucket/missing"):
        face.call("get", "bucket/missing", str(tmp_path / "down"))
    assert list(tmp_path.iterdir()) == []


def test_get_into_a_directory_of_the_name_says_so(face: Face, tmp_path: Path) -> None:
    face.put("key")
    with pytest.raises(IsADirectoryError):
        face.call("get_file", "bucket/key", str(tmp_path))


@pytest.mark.parametrize("key", ["dir/../../evil", "dir//../../evil", "dir/sub/../../../evil"])
def test_get_never_writes_outside_of_its_target(face: Face, tmp_path: Path, key: str) -> None:
    face.put(key, b"evil")
    face.put("dir/good", b"good")
    (tmp_path / "target").mkdir()
    with pytest.raises(ValueError, match="outside of"):
        face.call("get", "bucket/dir", str(tmp_path / "target"), recursive=True)
    assert list(tmp_path.rglob("*")) == [tmp_path / "target"]


def test_get_does_not_follow_links_out_of_its_target(face: Face, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "target").mkdir()
    (tmp_path / "target" / "link").symlink_to(tmp_path / "outside")
    face.put("dir/link/evil", b"evil")
    with pytest.raises(ValueError, match="outside of"):
        face.call("get", "bucket/dir/", str(tmp_path / "target"), recursive=True)
    assert list((tmp_path / "outside").iterdir()) == []


# --- what there is about an object ---------------------------------------------------------------


def test_tags_are_replaced_or_merged(face: Face) -> None:
    face.put("key")
    face.call("put_tags", "bucket/key", {"a": "1"})
    face.call("put_tags", "bucket/key", {"b": "2"}, mode="m")
    assert face.call("get_tags", "bucket/key") == {"a": "1", "b": "2"}
    face.call("put_tags", "bucket/key", {"c": "3"}, mode="o")
    assert face.call("get_tags", "bucket/key") == {"c": "3"}
    with pytest.raises(ValueError, match="'x'"):
        face.call("put_tags", "bucket/key", {}, mode="x")


def test_metadata_is_changed_by_name_and_the_object_stays_what_it_is(face: Face) -> None:
    put(face, "key", b"data", content_type="text/csv", metadata={"kept": "1", "gone": "2"})
    face.call("setxattr", "bucket/key", some_name="3", gone=None, copy_kwargs={"CacheControl": "no-cache"})
    assert face.call("metadata", "bucket/key") == {"kept": "1", "some-name": "3"}
    assert face.call("getxattr", "bucket/key", "some_name") == "3"
    assert face.call("getxattr", "bucket/key", "gone") is None
    info = asyncio.run(face.memory.head_object(ObjectRef("bucket", "key")))
    assert (info.content_type, info.cache_control) == ("text/csv", "no-cache")
    assert face.content("key") == b"data"


def test_chmod_gives_objects_buckets_and_trees_an_acl(face: Face) -> None:
    for key in ("key", "dir/a", "dir/b"):
        face.put(key)
    face.call("chmod", "bucket/key", "public-read")
    face.call("chmod", "bucket", "public-read")
    face.call("chmod", "bucket/dir", "public-read", recursive=True)
    for key in ("key", "dir/a", "dir/b"):
        assert len(asyncio.run(face.memory.get_object_acl(ObjectRef("bucket", key))).grants) == 2
    assert len(asyncio.run(face.memory.get_bucket_acl("bucket")).grants) == 2


def test_url_and_sign_make_urls_that_expire(face: Face) -> None:
    assert "key" in face.call("url", "bucket/key", expires=60)
    assert "key" in face.call("sign", "bucket/key", expiration=60)
    with pytest.raises(ValueError, match="got 0"):
        face.call("url", "bucket/key", expires=0)


def test_touch_makes_an_empty_object_or_a_new_time(face: Face) -> None:
    face.call("touch", "bucket/new")
    assert face.content("new") == b""
    face.put("key", b"data")
    before = face.call("modified", "bucket/key")
    face.call("touch", "bucket/key", truncate=False)
    assert face.content("key") == b"data"
    assert face.call("modified", "bucket/key") >= before
    face.call("touch", "bucket/key")
    assert face.content("key") == b""


def test_checksum_ukey_modified_and_created_tell_of_the_object(face: Face) -> None:
    face.put("dir/key", b"one")
    first = [face.call(method, "bucket/dir/key") for method in ("checksum", "ukey")]
    assert first == [face.call(method, "bucket/dir/key") for method in ("checksum", "ukey")]
    face.put("dir/key", b"two")
    assert all(
        old != face.call(method, "bucket/dir/key") for old, method in zip(first, ("checksum", "ukey"), strict=True)
    )
    assert isinstance(face.call("modified", "bucket/dir/key"), datetime)
    assert face.call("created", "bucket/dir/key") == face.call("modified", "bucket/dir/key")
    with pytest.raises(IsADirectoryError):
        face.call("modified", "bucket/dir")


def test_versions_are_told_and_read(make_face: MakeFace) -> None:
    face = make_face(version_aware=True)
    face.call("make_bucket_versioned", "bucket")
    assert face.call("is_bucket_versioned", "bucket") is True
    face.put("key", b"one")
    face.put("key", b"two")
    newest, oldest = face.call("object_version_info", "bucket/key")
    assert (newest["IsLatest"], oldest["IsLatest"]) == (True, False)
    old = oldest["VersionId"]
    assert face.call("cat_file", f"bucket/key?versionId={old}") == b"one"
    assert face.call("cat_file", "bucket/key", version_id=old) == b"one"
    assert face.call("info", "bucket/key", version_id=old)["VersionId"] == old
    assert face.call("exists", "bucket/key", version_id=old)
    assert len(face.call("ls", "bucket", versions=True)) == 2
    face.call("rm", "bucket/key")
    assert len(face.call("object_version_info", "bucket/key")) == 2
    assert len(face.call("object_version_info", "bucket/key", delete_markers=True)) == 3
    face.call("rm", f"bucket/key?versionId={old}")
    assert len(face.call("object_version_info", "bucket/key")) == 1


def test_a_version_aware_reader_stays_with_its_version() -> None:
    from pyathena.filesystem.s3 import S3FileSystem

    memory = InMemoryTransport(buckets=["bucket"])
    asyncio.run(memory.put_bucket_versioning("bucket", "Enabled"))
    fs = S3FileSystem(transport=memory, version_aware=True, default_block_size=1000)
    fs.pipe_file("bucket/key", b"a" * 5000)
    with fs.open("bucket/key") as f:
        assert f.read(10) == b"a" * 10
        fs.pipe_file("bucket/key", b"b" * 5000)
        assert f.read() == b"a" * 4990


def test_a_question_mark_is_part_of_the_key_where_versions_do_not_count(face: Face) -> None:
    face.put("key?versionId=1", b"odd")
    assert face.call("cat_file", "bucket/key?versionId=1") == b"odd"
    assert face.call("exists", "bucket/key?versionId=1")


def test_paths_are_parsed(make_face: MakeFace) -> None:
    fs = make_face(version_aware=True).fs
    assert fs.split_path("s3://bucket/a/b?versionId=7") == ("bucket", "a/b", "7")
    assert fs.parse_path("s3://bucket") == ("bucket", None, None)
    assert fs.parse_path("s3://bucket/a/b?versionId=7") == ("bucket", "a/b", "7")
    assert make_face().fs.split_path("bucket/a?versionId=7") == ("bucket", "a?versionId=7", None)


# --- parameters of S3 ----------------------------------------------------------------------------


def test_additional_arguments_go_with_every_write(make_face: MakeFace, tmp_path: Path) -> None:
    face = make_face(s3_additional_kwargs={"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "key-id"})
    (tmp_path / "up").write_bytes(bytes(12 * MIB))
    face.call("pipe_file", "bucket/small", b"x")
    face.call("pipe_file", "bucket/large", bytes(12 * MIB))
    face.call("put_file", str(tmp_path / "up"), "bucket/put")
    face.call("touch", "bucket/touched")
    face.call("cp_file", "bucket/small", "bucket/copied")
    face.call("setxattr", "bucket/small", a="b")
    for key in ("small", "large", "put", "touched", "copied"):
        info = asyncio.run(face.memory.head_object(ObjectRef("bucket", key)))
        assert (info.server_side_encryption, info.kms_key_id) == ("aws:kms", "key-id"), key


def test_a_customers_key_goes_with_every_request_that_needs_it(make_face: MakeFace, tmp_path: Path) -> None:
    face = make_face(s3_additional_kwargs={"SSECustomerKey": bytes(32), "SSECustomerAlgorithm": "AES256"})
    data = os.urandom(12 * MIB)
    face.call("pipe_file", "bucket/key", data)
    assert face.call("cat_file", "bucket/key") == data
    face.call("cp_file", "bucket/key", "bucket/copy")
    face.call("get_file", "bucket/copy", str(tmp_path / "down"))
    assert (tmp_path / "down").read_bytes() == data
    from pyathena.transport import GetOptions, S3InvalidRequestError

    with pytest.raises(S3InvalidRequestError):
        asyncio.run(face.memory.head_object(ObjectRef("bucket", "key")))
    options = GetOptions(customer_key=CustomerKey(bytes(32)))
    assert asyncio.run(face.memory.head_object(ObjectRef("bucket", "key"), options=options)).size == len(data)


def test_a_call_says_more_than_the_filesystem_and_none_takes_away(make_face: MakeFace) -> None:
    face = make_face(s3_additional_kwargs={"StorageClass": "STANDARD_IA"})
    face.call("pipe_file", "bucket/a", b"x")
    face.call("pipe_file", "bucket/b", b"x", StorageClass=None)
    face.call("pipe_file", "bucket/c", b"x", StorageClass="GLACIER")
    assert [face.call("info", f"bucket/{key}")["StorageClass"] for key in "abc"] == [
        "STANDARD_IA",
        "STANDARD",
        "GLACIER",
    ]


def test_requester_pays_goes_with_requests(make_face: MakeFace) -> None:
    face = make_face(requester_pays=True)
    face.call("pipe_file", "bucket/key", b"x")
    face.call("cat_file", "bucket/key")
    face.call("ls", "bucket")
    assert all(kwargs["options"].requester_pays for _, kwargs in face.recording.arguments)


# --- deleting and directories --------------------------------------------------------------------


def test_rm_expands_patterns_but_takes_a_key_of_just_this_name_first(face: Face) -> None:
    for key in ("a1", "a2", "b[1].txt", "b1.txt"):
        face.put(key)
    face.call("rm", "bucket/b[1].txt")
    assert face.call("ls", "bucket") == ["bucket/a1", "bucket/a2", "bucket/b1.txt"]
    face.call("rm", "bucket/a*")
    assert face.call("ls", "bucket") == ["bucket/b1.txt"]
    with pytest.raises(FileNotFoundError):
        face.call("rm", "bucket/z*")


def test_a_directory_whose_name_looks_like_a_pattern_comes_before_the_pattern(face: Face, tmp_path: Path) -> None:
    face.put("a[b]/c", b"meant")
    face.put("ab/d", b"not meant")
    assert face.call("cat", "bucket/a[b]", recursive=True) == {"bucket/a[b]/c": b"meant"}
    face.call("get", "bucket/a[b]", str(tmp_path / "down"), recursive=True)
    assert (tmp_path / "down" / "c").read_bytes() == b"meant"
    face.call("rm", "bucket/a[b]", recursive=True)
    assert face.call("find", "bucket") == ["bucket/ab/d"]


def test_mv_of_a_directory_takes_its_marker_along(face: Face) -> None:
    face.put("dir/", b"")
    face.put("dir/a")
    face.call("mv", "bucket/dir", "bucket/new", recursive=True)
    assert not face.call("isdir", "bucket/dir")
    assert face.call("find", "bucket") == ["bucket/new/a"]


def test_rmdir_removes_empty_buckets_only_where_that_is_allowed(make_face: MakeFace) -> None:
    face = make_face(allow_bucket_deletion=True)
    face.call("mkdir", "fresh")
    face.call("rmdir", "fresh")
    assert not face.call("exists", "fresh")
    face.put("key")
    with pytest.raises(OSError, match="bucket"):
        face.call("rmdir", "bucket")
    with pytest.raises(FileExistsError):
        face.call("rmdir", "bucket/key")
    with pytest.raises(PermissionError, match="allow_bucket_deletion=True"):
        make_face().call("rmdir", "bucket")


def test_rm_of_a_whole_bucket_empties_it_and_deletes_it_only_where_that_is_allowed(make_face: MakeFace) -> None:
    face = make_face()
    face.put("a/b")
    face.call("rm", "bucket", recursive=True)
    assert face.call("ls", "bucket") == []
    allowed = make_face(allow_bucket_deletion=True)
    allowed.call("make_bucket_versioned", "bucket")
    allowed.put("a/b")
    allowed.call("rm", "bucket", recursive=True)
    assert not allowed.call("exists", "bucket")


def test_open_uploads_are_listed_and_cleared(face: Face) -> None:
    asyncio.run(face.memory.create_multipart_upload(ObjectRef("bucket", "a/b")))
    (entry,) = face.call("list_multipart_uploads", "bucket")
    assert (entry["Key"], entry["name"]) == ("a/b", "bucket/a/b")
    face.call("clear_multipart_uploads", "bucket")
    assert face.call("list_multipart_uploads", "bucket") == []


# --- listings ------------------------------------------------------------------------------------


def test_listings_are_not_kept_unless_asked_for(face: Face) -> None:
    face.put("dir/a")
    face.call("ls", "bucket/dir")
    face.put("dir/b")
    assert face.call("ls", "bucket/dir") == ["bucket/dir/a", "bucket/dir/b"]


def test_a_kept_listing_saves_a_request_until_refreshed_or_forgotten(make_face: MakeFace) -> None:
    face = make_face(use_listings_cache=True)
    face.put("dir/a")
    assert face.call("ls", "bucket/dir") == ["bucket/dir/a"]
    face.put("dir/b")
    face.recording.taken()
    assert face.call("ls", "bucket/dir") == ["bucket/dir/a"]
    assert face.recording.taken() == []
    assert face.call("ls", "bucket/dir", refresh=True) == ["bucket/dir/a", "bucket/dir/b"]
    face.put("dir/c")
    face.fs.invalidate_cache("bucket/dir")
    assert len(face.call("ls", "bucket/dir")) == 3


def test_a_kept_listing_never_says_that_something_is_not_there_or_how_large_it_is(make_face: MakeFace) -> None:
    face = make_face(use_listings_cache=True)
    face.put("dir/a", b"1")
    face.call("ls", "bucket/dir")
    face.put("dir/a", b"12345")
    face.put("dir/new")
    assert face.call("exists", "bucket/dir/new")
    assert face.call("info", "bucket/dir/a")["size"] == 5
    assert face.call("cat_file", "bucket/dir/a") == b"12345"


@pytest.mark.parametrize(
    "change",
    [
        lambda face: face.call("pipe_file", "bucket/dir/sub/new", b"x"),
        lambda face: face.call("rm", "bucket/dir/a"),
        lambda face: face.call("cp_file", "bucket/dir/a", "bucket/dir/copy"),
        lambda face: face.call("mv", "bucket/dir/a", "bucket/dir/moved"),
        lambda face: face.call("touch", "bucket/dir/touched"),
        lambda face: face.call("pipe_file", "bucket/dir/large", bytes(12 * MIB)),
    ],
    ids=["pipe", "rm", "cp", "mv", "touch", "large"],
)
def test_own_writes_make_kept_listings_true_again(make_face: MakeFace, change: Callable[[Face], object]) -> None:
    face = make_face(use_listings_cache=True)
    face.put("dir/a")
    face.put("dir/z")
    face.put("other/b")
    for path in ("bucket", "bucket/dir", "bucket/other"):
        face.call("ls", path)
    change(face)
    face.recording.taken()
    kept = {path: face.call("ls", path) for path in ("bucket", "bucket/dir", "bucket/other")}
    assert face.recording.taken() == ["list_objects", "list_objects"], "those above the key; others stay"
    assert kept == {path: face.call("ls", path, refresh=True) for path in kept}


# --- keys ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "key",
    [
        "a[b].txt",
        "q?x=1",
        "a*b",
        "a//b",
        "/lead",
        "../x",
        "a/../b",
        "a+b%20c#d\\e f",
        "ü",
        "u\u0308",
        "k" * 1024,
        "a?versionId=1",
        "{a,b}",
        "trailing/",
    ],
)
def test_any_key_is_written_read_found_and_deleted(face: Face, key: str) -> None:
    path = f"s3://bucket/{key}"
    face.call("pipe_file", path, b"data")
    assert face.content(key) == b"data"
    assert face.call("cat_file", path) == b"data"
    assert face.call("info", path)["size"] == 4
    assert face.call("exists", path)
    assert face.call("find", "bucket") == [f"bucket/{key}"]
    if not key.endswith("/"):
        assert face.call("cat", path) == b"data"
        face.call("copy", path, "s3://bucket/copied")
        assert face.content("copied") == b"data"
        face.call("rm", "bucket/copied")
    face.call("rm_file", path)
    assert face.call("find", "bucket") == []


def test_an_object_and_a_directory_of_one_name_are_both_found(face: Face) -> None:
    face.put("both", b"object")
    face.put("both/below", b"below")
    assert face.call("cat_file", "bucket/both") == b"object"
    assert face.call("isfile", "bucket/both")
    assert face.call("isdir", "bucket/both")
    assert face.call("find", "bucket") == ["bucket/both", "bucket/both/below"]
    assert face.call("find", "bucket", withdirs=True, detail=True)["bucket/both"]["size"] == 6


def test_a_key_with_two_slashes_is_walked(face: Face) -> None:
    face.put("a//b")
    face.put("a/c")
    if hasattr(face.fs, "loop") and face.fs.asynchronous:
        steps = asyncio.run(_all(face.fs._walk("bucket")))
    else:
        steps = list(face.fs.walk("bucket"))
    assert [f"{path}/{name}" for path, _, files in steps for name in files] == ["bucket/a/c", "bucket/a//b"]


async def _all(steps: Any) -> list[Any]:
    return [step async for step in steps]


def test_a_marker_that_holds_something_is_a_file(face: Face) -> None:
    face.put("dir/", b"content")
    assert face.call("info", "bucket/dir/")["type"] == "file"
    assert face.call("find", "bucket") == ["bucket/dir/"]


def test_rm_recursive_removes_markers(face: Face) -> None:
    face.put("dir/", b"")
    face.put("dir/a")
    face.call("rm", "bucket/dir", recursive=True)
    assert asyncio.run(face.memory.list_objects("bucket")).objects == ()


# --- append --------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 10, 6 * MIB])
def test_append_goes_on_behind_what_is_there_and_keeps_its_headers(make_face: MakeFace, size: int) -> None:
    face = make_face()
    data = os.urandom(size)
    put(face, "key", data, content_type="text/csv", metadata={"a": "b"})

    def append(more: bytes) -> None:
        if getattr(face.fs, "asynchronous", False):
            asyncio.run(_append(face.fs, more))
        else:
            with face.fs.open("bucket/key", "ab") as f:
                before = f.tell()
                f.write(more)
                assert (before, f.tell()) == (len(face.content("key")), before + len(more))

    append(b"more")
    append(bytes(7 * MIB))
    assert face.content("key") == data + b"more" + bytes(7 * MIB)
    assert face.call("info", "bucket/key")["ContentType"] == "text/csv"
    assert face.call("metadata", "bucket/key") == {"a": "b"}
    assert nothing_is_open(face)


async def _append(fs: Any, more: bytes) -> None:
    async with fs.open("bucket/key", "ab") as f:
        before = f.tell()
        await f.write(more)
        assert f.tell() == f.size == before + len(more)


def test_append_to_what_is_not_there_makes_it_and_to_what_changed_meanwhile_fails(face: Face) -> None:
    async def program() -> None:
        from pyathena.filesystem.s3 import AioS3FileSystem

        fs = AioS3FileSystem(transport=face.recording.transport, asynchronous=True)
        await _append(fs, b"first")
        assert await fs._cat_file("bucket/key") == b"first"
        with pytest.raises(S3PreconditionError):
            async with fs.open("bucket/key", "ab") as f:
                await f.write(b"second")
                await fs._pipe_file("bucket/key", b"other")
        assert await fs._cat_file("bucket/key") == b"other"

    asyncio.run(program())
