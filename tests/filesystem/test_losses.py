"""What once lost data, or would have, and must not again."""

from __future__ import annotations

import asyncio
import gc
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fsspec.registry import filesystem

from pyathena.filesystem.s3 import AioS3FileSystem, S3FileSystem
from pyathena.transport import InMemoryTransport, ObjectRef, PutOptions, S3ConnectionError
from tests.filesystem.faces import Face

MIB = 2**20
SYNCHRONOUS = pytest.mark.parametrize("make", [AioS3FileSystem, S3FileSystem])


def test_append_without_with_in_a_thread_that_runs_a_loop_keeps_what_is_there() -> None:
    async def program() -> None:
        fs = AioS3FileSystem(transport=InMemoryTransport(buckets=["bucket"]))
        await fs._pipe_file("bucket/key", b"precious")
        f = fs.open("bucket/key", "ab")
        f.write(b"+more")
        f.close()
        assert await fs._cat_file("bucket/key") == b"precious+more"

    asyncio.run(program())


def test_an_append_whose_first_look_failed_does_not_overwrite_on_the_second_try(face: Face) -> None:
    face.put("key", b"precious")

    async def fail(operation: str) -> None:
        if operation == "head_object":
            raise OSError("no")

    async def program() -> None:
        fs = AioS3FileSystem(transport=face.recording.transport, asynchronous=True)
        file = fs.open("bucket/key", "ab")
        face.recording.before = fail
        core = file._writer
        assert core is not None
        with pytest.raises(OSError, match="no"):
            await core.open()
        face.recording.before = None
        await core.write(b"+more")
        await core.commit()
        file.closed = True

    asyncio.run(program())
    assert face.content("key") == b"precious+more"


@SYNCHRONOUS
def test_a_file_that_failed_within_a_transaction_is_not_committed_by_it(make: Any) -> None:
    fs = make(transport=InMemoryTransport(buckets=["bucket"]))
    fs.pipe_file("bucket/key", b"old")
    with fs.transaction, pytest.raises(KeyError), fs.open("bucket/key", "wb") as f:
        f.write(b"half")
        raise KeyError
    assert fs.cat_file("bucket/key") == b"old"


@SYNCHRONOUS
def test_a_file_that_was_discarded_cannot_be_committed_nor_written(make: Any) -> None:
    fs = make(transport=InMemoryTransport(buckets=["bucket"]))
    f = fs.open("bucket/key", "wb", autocommit=False)
    f.write(b"data")
    f.close()
    f.discard()
    with pytest.raises(ValueError, match="discarded already"):
        f.commit()
    assert not fs.exists("bucket/key")


@SYNCHRONOUS
def test_a_transaction_drops_what_was_never_closed_and_says_so(make: Any) -> None:
    fs = make(transport=InMemoryTransport(buckets=["bucket"]))
    with pytest.warns(ResourceWarning, match="was not closed when its transaction ended"), fs.transaction:
        f = fs.open("bucket/key", "wb")
        f.write(b"unfinished")
    assert not fs.exists("bucket/key")
    with pytest.raises(ValueError, match="discarded already"):
        f.close()


@SYNCHRONOUS
def test_what_fsspec_builds_on_open_writes_too(make: Any) -> None:
    fs = make(transport=InMemoryTransport(buckets=["bucket"]))
    with filesystem("blockcache", fs=fs).open("bucket/key", "wb") as f:
        f.write(b"data")
    assert fs.cat_file("bucket/key") == b"data"


@pytest.mark.parametrize(
    ("source", "target", "options"),
    [
        (["bucket/a", "bucket/b"], ["bucket/b", "bucket/c"], {}),
        ("bucket/dir", "bucket/dir", {"recursive": True}),
        (["bucket/dir/x", "bucket/other/x"], "bucket/all/", {}),
    ],
    ids=["a chain", "into itself", "two of one name"],
)
def test_mv_refuses_what_would_lose_an_object_before_anything_is_moved(
    face: Face, source: Any, target: Any, options: dict[str, Any]
) -> None:
    keys = ("a", "b", "dir/x", "dir/dir/x", "other/x")
    for key in keys:
        face.put(key, key.encode())
    with pytest.raises(ValueError, match=r"would go to"):
        face.call("mv", source, target, **options)
    assert {key: face.content(key) for key in keys} == {key: key.encode() for key in keys}
    assert len(face.call("find", "bucket")) == len(keys)


def test_get_refuses_two_objects_for_one_file(face: Face, tmp_path: Path) -> None:
    face.put("d/x", b"1")
    face.put("d//x", b"2")
    with pytest.raises(ValueError, match="would go to"):
        face.call("get", "bucket/d/", str(tmp_path / "down"), recursive=True)


def test_setxattr_changes_the_object_of_just_this_key(face: Face) -> None:
    face.put("key", b"precious")
    face.put("key?versionId=1", b"other")
    face.call("setxattr", "bucket/key?versionId=1", a="b")
    assert face.content("key") == b"precious"
    assert face.call("metadata", "bucket/key?versionId=1") == {"a": "b"}


def test_setxattr_keeps_the_encryption_and_takes_nothing_of_the_filesystem(
    make_face: Callable[..., Face],
) -> None:
    face = make_face(s3_additional_kwargs={"Metadata": {"team": "x"}, "ContentType": "text/csv"})
    options = PutOptions(server_side_encryption="aws:kms", kms_key_id="id", metadata={"own": "1"})
    asyncio.run(face.memory.put_object(ObjectRef("bucket", "key"), b"x", options=options))
    face.call("setxattr", "bucket/key", a="b")
    info = asyncio.run(face.memory.head_object(ObjectRef("bucket", "key")))
    assert (info.server_side_encryption, info.kms_key_id) == ("aws:kms", "id")
    assert dict(info.metadata) == {"own": "1", "a": "b"}
    assert info.content_type == "binary/octet-stream"


def test_append_keeps_tags_encryption_and_the_content_type(face: Face) -> None:
    options = PutOptions(server_side_encryption="aws:kms", kms_key_id="id", tags={"t": "1"}, content_type="x/y")
    asyncio.run(face.memory.put_object(ObjectRef("bucket", "key.csv"), b"x", options=options))

    async def append() -> None:
        fs = AioS3FileSystem(transport=face.recording.transport, asynchronous=True)
        async with fs.open("bucket/key.csv", "ab") as f:
            await f.write(b"y")

    asyncio.run(append())
    info = asyncio.run(face.memory.head_object(ObjectRef("bucket", "key.csv")))
    assert (info.server_side_encryption, info.kms_key_id, info.content_type) == ("aws:kms", "id", "x/y")
    assert face.call("get_tags", "bucket/key.csv") == {"t": "1"}


def test_a_coroutine_that_writes_in_a_synchronous_transaction_is_refused_at_once() -> None:
    async def program() -> None:
        fs = AioS3FileSystem(transport=InMemoryTransport(buckets=["bucket"]))
        with pytest.raises(RuntimeError, match="async with"), fs.transaction:
            await fs._pipe_file("bucket/key", bytes(40 * MIB))

    asyncio.run(program())


def test_copy_to_a_bucket_that_is_not_there_is_an_error(face: Face) -> None:
    face.put("d/x")
    with pytest.raises(FileNotFoundError, match="no-bucket"):
        face.call("copy", "bucket/d", "no-bucket/d", recursive=True)


def test_a_local_directory_that_is_not_there_is_no_missing_object(face: Face, tmp_path: Path) -> None:
    face.put("d")
    face.put("d/x")
    with pytest.raises(FileNotFoundError):
        face.call("get_file", "bucket/d", str(tmp_path / "missing" / "file"))
    assert list(tmp_path.iterdir()) == []


def test_get_file_follows_a_link_keeps_permissions_and_writes_to_a_pipe(face: Face, tmp_path: Path) -> None:
    face.put("key", b"new")
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "real").chmod(0o600)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    face.call("get_file", "bucket/key", str(tmp_path / "link"))
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"
    assert stat.S_IMODE((tmp_path / "real").stat().st_mode) == 0o600
    long = "n" * 250
    face.call("get_file", "bucket/key", str(tmp_path / long))
    assert (tmp_path / long).read_bytes() == b"new"


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="needs a file whose size is told as 0")
def test_put_file_of_a_file_whose_size_is_not_told_takes_what_is_in_it(face: Face) -> None:
    face.call("put_file", "/proc/self/status", "bucket/status")
    assert b"Name:" in face.content("status")


def test_a_writer_that_goes_on_in_another_event_loop_says_so() -> None:
    memory = InMemoryTransport(buckets=["bucket"])
    fs = AioS3FileSystem(transport=memory, asynchronous=True)

    async def begin() -> Any:
        f = await fs.open_async("bucket/key", "wb")
        await f.write(bytes(12 * MIB))
        return f

    f = asyncio.run(begin())
    with pytest.raises(S3ConnectionError, match="within one event loop"):
        asyncio.run(f.close())
    assert not asyncio.run(memory.list_multipart_uploads("bucket")).uploads


def test_rm_deletes_in_every_bucket_although_one_denies(face: Face) -> None:
    asyncio.run(face.memory.create_bucket("second"))
    asyncio.run(face.memory.put_object(ObjectRef("second", "y"), b""))
    face.put("x")
    face.memory.deny("bucket", "x")
    with pytest.raises(PermissionError, match="x"):
        face.call("rm", ["bucket/x", "second/y"])
    assert face.call("find", "second") == []


def test_a_kept_listing_is_dropped_also_after_a_write_whose_outcome_is_unknown(
    make_face: Callable[..., Face],
) -> None:
    face = make_face(use_listings_cache=True)
    face.put("a")
    face.call("ls", "bucket")

    async def lose_the_answer(operation: str) -> None:
        if operation == "put_object":
            await face.memory.put_object(ObjectRef("bucket", "b"), b"")
            raise TimeoutError

    face.recording.before = lose_the_answer
    with pytest.raises(TimeoutError):
        face.call("pipe_file", "bucket/b", b"")
    face.recording.before = None
    assert face.call("ls", "bucket") == ["bucket/a", "bucket/b"]


def test_a_delete_marker_can_be_deleted_by_its_version(make_face: Callable[..., Face]) -> None:
    face = make_face(version_aware=True)
    face.call("make_bucket_versioned", "bucket")
    face.put("key", b"data")
    face.call("rm", "bucket/key")
    marker = next(
        each for each in face.call("object_version_info", "bucket/key", delete_markers=True) if each["IsDeleteMarker"]
    )
    face.call("rm", f"bucket/key?versionId={marker['VersionId']}")
    assert face.call("cat_file", "bucket/key") == b"data"


def test_what_a_pattern_matches_is_a_key_and_no_version(make_face: Callable[..., Face]) -> None:
    face = make_face(version_aware=True)
    face.call("make_bucket_versioned", "bucket")
    face.put("key", b"data")
    (version,) = face.call("object_version_info", "bucket/key")
    face.put(f"key?versionId={version['VersionId']}", b"odd")
    face.call("rm", "bucket/key?*")
    assert len(face.call("object_version_info", "bucket/key")) == 1
    assert face.call("find", "bucket") == ["bucket/key"]


@SYNCHRONOUS
def test_uploads_of_a_neighbour_whose_name_begins_alike_are_not_aborted(make: Any) -> None:
    fs = make(transport=InMemoryTransport(buckets=["bucket"]))
    with fs.open("bucket/data-other/key", "wb") as f, fs.open("bucket/data/key", "wb") as mine:
        f.write(bytes(12 * MIB))
        mine.write(bytes(12 * MIB))
        assert [each["Key"] for each in fs.list_multipart_uploads("bucket/data")] == ["data/key"]
        assert [each["Key"] for each in fs.list_multipart_uploads("bucket/data/key")] == ["data/key"]
        assert len(fs.list_multipart_uploads("bucket")) == 2
        fs.clear_multipart_uploads("bucket/data")
        mine.discard()
    assert fs.cat_file("bucket/data-other/key") == bytes(12 * MIB)


def test_a_local_file_that_is_replaced_while_it_is_uploaded_is_no_object_of_two_halves(
    face: Face, tmp_path: Path
) -> None:
    local, other = tmp_path / "local", tmp_path / "other"
    local.write_bytes(b"a" * 30 * MIB)
    other.write_bytes(b"b" * 30 * MIB)

    async def replace_it(operation: str) -> None:
        if operation == "upload_part" and other.exists():
            os.replace(other, local)

    face.recording.before = replace_it
    with pytest.raises(OSError, match="was replaced while it was uploaded"):
        face.call("put_file", str(local), "bucket/key", max_concurrency=1)
    face.recording.before = None
    assert not face.call("exists", "bucket/key")
    assert not asyncio.run(face.memory.list_multipart_uploads("bucket")).uploads


@SYNCHRONOUS
def test_an_append_whose_size_is_that_of_what_is_added_ends(make: Any) -> None:
    fs = make(transport=InMemoryTransport(buckets=["bucket"]))
    fs.pipe_file("bucket/key", b"x" * 1_500_000)
    with pytest.raises(ValueError, match="block_size is"):
        fs.open("bucket/key", "ab", size=10, block_size=MIB)
    with fs.open("bucket/key", "ab", size=10, block_size=5 * MIB) as f:
        f.write(b"y" * 6 * MIB)
    assert fs.cat_file("bucket/key") == b"x" * 1_500_000 + b"y" * 6 * MIB


def test_an_upload_that_fails_is_aborted_as_it_was_begun(face: Face) -> None:
    aborted: list[Any] = []
    abort = face.recording.transport.abort_multipart_upload

    async def fail(name: str) -> None:
        if name == "upload_part":
            raise PermissionError

    async def noted(upload: Any, *, options: Any) -> None:
        aborted.append((options.requester_pays, options.expected_bucket_owner))
        await abort(upload, options=options)

    face.recording.before = fail
    face.recording.transport.abort_multipart_upload = noted  # type: ignore[assignment,method-assign]  # to see its options
    said = {"RequestPayer": "requester", "ExpectedBucketOwner": "123456789012"}
    with pytest.raises(PermissionError):
        face.call("pipe_file", "bucket/key", bytes(30 * MIB), **said)
    assert aborted == [(True, "123456789012")]


@SYNCHRONOUS
@pytest.mark.parametrize("mode", ["wb", "w", "gzip"])
def test_what_is_held_back_can_be_committed_or_dropped_and_warns_if_it_is_neither(make: Any, mode: str) -> None:
    memory = InMemoryTransport(buckets=["bucket"])
    fs = make(transport=memory)
    given: dict[str, Any] = {"mode": "wb", "compression": "gzip"} if mode == "gzip" else {"mode": mode}
    data = "data" if mode == "w" else b"data"

    def written(name: str) -> Any:
        f = fs.open(f"bucket/{name}", autocommit=False, **given)
        f.write(data)
        f.close()
        assert not fs.exists(f"bucket/{name}")
        return f

    written("committed").commit()
    assert fs.cat_file("bucket/committed") != b""
    written("dropped").discard()
    with pytest.warns(ResourceWarning, match="was never committed"):
        f = written("forgotten")
        del f
        gc.collect()
    assert fs.find("bucket") == ["bucket/committed"]


def test_coroutines_commit_text_and_compressed_files_that_were_held_back() -> None:
    async def program() -> None:
        fs = AioS3FileSystem(transport=InMemoryTransport(buckets=["bucket"]), asynchronous=True)
        for given in ({"mode": "w"}, {"mode": "wb", "compression": "gzip"}):
            f = await fs.open_async("bucket/key", autocommit=False, **given)  # type: ignore[call-overload]  # any mode
            await f.write("data" if given["mode"] == "w" else b"data")
            await f.close()
            assert not await fs._exists("bucket/key")
            await f.commit()
            assert await fs._exists("bucket/key")
            await fs._rm_file("bucket/key")

    asyncio.run(program())


FORKED = """
import os, sys
from pyathena.filesystem.s3 import S3FileSystem
from pyathena.transport import InMemoryTransport

fs = S3FileSystem(transport=InMemoryTransport(buckets=["bucket"]))
for data in (b"small", bytes(12 * 2**20)):
    f = fs.open("bucket/key", "wb")
    f.write(data)
    upload = f._writer.upload
    child = os.fork()
    if not child:
        for use in (lambda: f.write(b"more"), f.flush, f.commit):
            try:
                use()
            except RuntimeError as refused:
                assert "forked" in str(refused)
            else:
                os._exit(1)
        f.discard()
        assert not fs.exists("bucket/key")
        assert len(fs.list_multipart_uploads("bucket")) == (upload is not None)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    f.write(b"end")
    f.close()
    assert fs.cat_file("bucket/key") == data + b"end"
    fs.rm_file("bucket/key")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_a_forked_child_does_not_touch_what_its_parent_writes() -> None:
    ran = subprocess.run([sys.executable, "-c", FORKED], check=False, capture_output=True, text=True, timeout=50)
    assert (ran.returncode, ran.stderr) == (0, "")


@SYNCHRONOUS
def test_a_local_file_of_just_this_name_comes_before_a_pattern(make: Any, tmp_path: Path) -> None:
    fs = make(transport=InMemoryTransport(buckets=["bucket"]))
    (tmp_path / "r1.csv").write_bytes(b"another")
    (tmp_path / "r[1].csv").write_bytes(b"this")
    (tmp_path / "d[1]").mkdir()
    (tmp_path / "d[1]" / "in").write_bytes(b"in")
    fs.put(f"{tmp_path}/r[1].csv", "bucket/r.csv")
    fs.put([f"{tmp_path}/r[1].csv", f"{tmp_path}/r1.csv"], "bucket/list/")
    fs.put(f"{tmp_path}/d[1]", "bucket/d", recursive=True)
    fs.put(f"{tmp_path}/r*.csv", "bucket/pattern/")
    assert fs.cat("bucket/", recursive=True) == {
        "bucket/r.csv": b"this",
        "bucket/list/r[1].csv": b"this",
        "bucket/list/r1.csv": b"another",
        "bucket/d/in": b"in",
        "bucket/pattern/r[1].csv": b"this",
        "bucket/pattern/r1.csv": b"another",
    }


@SYNCHRONOUS
def test_a_list_is_moved_whole(make: Any) -> None:
    fs = make(transport=InMemoryTransport(buckets=["bucket"]))
    for name in ("a/1", "b/2"):
        fs.pipe_file(f"bucket/{name}", name.encode())
    fs.mv(["bucket/a", "bucket/b"], "bucket/to/", recursive=True)
    assert sorted(fs.cat("bucket/", recursive=True).values()) == [b"a/1", b"b/2"]
    assert not fs.exists("bucket/a")
