"""An object that is replaced while it is read is an error that says so, or the new one is read; never a mixture."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from pyathena.transport import (
    ObjectRef,
    S3PermissionError,
    S3PreconditionError,
)
from tests.filesystem.faces import MIB, Face
from tests.recording import IgnoresIfMatch, Recording

OLD = b"\0" * (5 * MIB)
NEW = {"as long": b"\1" * len(OLD), "shorter": b"\2" * 100, "longer": b"\3" * (7 * MIB), "empty": b""}
REF = ObjectRef("bucket", "key")


def replace_at(face: Face, request: int, data: bytes) -> None:
    """Let another write the object just before its n-th range is read; the first is 1."""

    async def replace(operation: str) -> None:
        if face.recording.requests.count("get_object_range") == request and operation == "get_object_range":
            await face.recording.inner.put_object(REF, data)

    face.recording.before = replace


def whole(face: Face, tmp_path: Path) -> bytes:
    data: bytes = face.call("cat_file", "bucket/key")
    return data


def slice_of_it(face: Face, tmp_path: Path) -> bytes:
    data: bytes = face.call("cat_file", "bucket/key", 0, 5 * MIB)
    return data


def downloaded(face: Face, tmp_path: Path) -> bytes:
    face.call("get_file", "bucket/key", str(tmp_path / "file"))
    return (tmp_path / "file").read_bytes()


def downloaded_with_others(face: Face, tmp_path: Path) -> bytes:
    face.call("get", ["bucket/key"], [str(tmp_path / "file")])
    return (tmp_path / "file").read_bytes()


def through_a_file(face: Face, tmp_path: Path) -> bytes:
    if not getattr(face.fs, "asynchronous", False):
        with face.fs.open("bucket/key") as f:
            data: bytes = f.read()
            return data

    async def read() -> bytes:
        async with face.fs.open("bucket/key") as f:
            data: bytes = await f.read()
            return data

    return asyncio.run(read())


WAYS = pytest.mark.parametrize(
    "read", [whole, slice_of_it, downloaded, downloaded_with_others, through_a_file], ids=lambda way: way.__name__
)
AFTER = pytest.mark.parametrize("new", NEW)


@WAYS
@AFTER
def test_replacing_is_an_error_that_says_so(
    face: Face, read: Callable[[Face, Path], bytes], new: str, tmp_path: Path
) -> None:
    face.put("key", OLD)
    replace_at(face, 3, NEW[new])
    with pytest.raises(S3PreconditionError, match=r"replaced while it was read .*'bucket/key'"):
        read(face, tmp_path)
    assert list(tmp_path.iterdir()) == []


@WAYS
@AFTER
def test_with_reopen_the_new_object_is_read_whole(
    make_face: Callable[..., Face], read: Callable[[Face, Path], bytes], new: str, tmp_path: Path
) -> None:
    face = make_face(on_replaced="reopen")
    face.put("key", OLD)
    replace_at(face, 3, NEW[new])
    expected = NEW[new][: 5 * MIB] if read is slice_of_it else NEW[new]
    assert read(face, tmp_path) == expected


def test_what_is_replaced_again_and_again_is_an_error_in_the_end(make_face: Callable[..., Face]) -> None:
    face = make_face(on_replaced="reopen")
    face.put("key", OLD)
    writes = 0

    async def replace(operation: str) -> None:
        nonlocal writes
        writes += 1
        await face.recording.inner.put_object(REF, b"%d" % writes * (5 * MIB))

    face.recording.before = replace
    with pytest.raises(S3PreconditionError, match="replaced while it was read"):
        face.call("cat_file", "bucket/key")


def test_with_reopen_a_file_goes_on_in_the_new_object(make_face: Callable[..., Face]) -> None:
    face = make_face(on_replaced="reopen")
    if getattr(face.fs, "asynchronous", False):
        pytest.skip("the same reader is behind asynchronous files")
    face.put("key", OLD)
    with face.fs.open("bucket/key") as f:
        assert f.read(10) == OLD[:10]
        face.put("key", NEW["longer"])
        f.seek(6 * MIB)
        assert f.read(10) == b""  # beyond the end of the object that it knows
        f.seek(4 * MIB)
        assert f.read(10) == NEW["longer"][:10]
        f.seek(-5, 2)
        assert f.tell() == len(NEW["longer"]) - 5
        into = bytearray(10)
        assert f.readinto(into) == 5
        assert bytes(into[:5]) == NEW["longer"][-5:]


def test_who_names_the_etag_gets_this_object_or_an_error(make_face: Callable[..., Face]) -> None:
    face = make_face(on_replaced="reopen")
    face.put("key", OLD)
    etag = face.call("info", "bucket/key")["ETag"]
    face.put("key", NEW["as long"])
    with pytest.raises(S3PreconditionError):
        face.call("cat_file", "bucket/key", IfMatch=etag)


@pytest.mark.parametrize("on_replaced", ["raise", "reopen"])
@AFTER
def test_a_server_that_ignores_conditions_gives_no_mixture_either(
    make_face: Callable[..., Face], new: str, on_replaced: str
) -> None:
    recording = Recording(IgnoresIfMatch(buckets=["bucket"]))
    face = make_face(transport=recording.transport, on_replaced=on_replaced)
    face.recording = recording
    face.put("key", OLD)
    replace_at(face, 3, NEW[new])
    if on_replaced == "reopen":
        assert face.call("cat_file", "bucket/key") == NEW[new]
    else:
        with pytest.raises(S3PreconditionError, match="replaced while it was read"):
            face.call("cat_file", "bucket/key")


def test_another_word_for_it_is_refused(make_face: Callable[..., Face]) -> None:
    with pytest.raises(ValueError, match="on_replaced is 'raise' or 'reopen', got 'again'"):
        make_face(on_replaced="again")


# --- what fails leaves what was there ------------------------------------------------------------


@pytest.mark.parametrize("operation", ["upload_part", "complete_multipart_upload", "create_multipart_upload"])
def test_a_put_that_fails_leaves_no_upload_and_the_old_object(face: Face, operation: str, tmp_path: Path) -> None:
    face.put("key", b"old")
    (tmp_path / "file").write_bytes(bytes(20 * MIB))
    fail_on(face, operation, 2 if operation == "upload_part" else 1)
    with pytest.raises(S3PermissionError):
        face.call("put_file", str(tmp_path / "file"), "bucket/key")
    assert_as_before(face)


@pytest.mark.parametrize("operation", ["upload_part_copy", "complete_multipart_upload"])
def test_a_copy_in_parts_that_fails_leaves_no_upload_and_the_old_object(face: Face, operation: str) -> None:
    face.put("key", b"old")
    face.call("pipe_file", "bucket/source", bytes(20 * MIB))
    face.recording.taken()
    fail_on(face, operation, 1)
    with pytest.raises(S3PermissionError):
        face.call("cp_file", "bucket/source", "bucket/key", preserve_etag=True)
    face.recording.before = None
    face.call("rm_file", "bucket/source")
    assert_as_before(face)


def fail_on(face: Face, operation: str, nth: int) -> None:
    async def fail(asked: str) -> None:
        if asked == operation and face.recording.requests.count(asked) == nth:
            raise S3PermissionError("not you", operation=asked, bucket="bucket", key="key")

    face.recording.before = fail


def assert_as_before(face: Face) -> None:
    face.recording.before = None
    assert face.content("key") == b"old"
    assert face.call("ls", "bucket") == ["bucket/key"]
    assert face.call("list_multipart_uploads", "bucket") == []
