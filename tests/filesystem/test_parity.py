"""One table of cases, run through every way of calling: what comes back, what is raised and what is sent is the same.

The ways are `AioS3FileSystem` by its coroutines and by its synchronous methods, and `S3FileSystem`, which has no event
loop. Whether an outcome is right is what other tests ask; here a case says no more than which errors belong to it.
"""

from __future__ import annotations

import asyncio
import hashlib
import inspect
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest

from pyathena.filesystem import transfer
from pyathena.filesystem.face import Face
from pyathena.filesystem.mirrors import MirroredFace
from pyathena.filesystem.s3 import AioS3FileSystem, S3FileSystem
from pyathena.transport import MIN_PART_SIZE, ByteRange, InMemoryTransport, MultipartUpload, ObjectRef
from tests.filesystem.adapter import CoroutinesOnly
from tests.recording import Recording

MIB: Final = 2**20
BYTES: Final = random.Random(5).randbytes(12 * MIB)

TREE: Final = {
    "top": b"0123456789",
    "empty": b"",
    "lines": b"one\ntwo\r\n\nthree",
    "large": BYTES[: 3 * MIB + 7],
    "dir/a": b"a",
    "dir/b": b"bb",
    "dir/sub/c": b"ccc",
    "dir-x": b"x",
    "both": b"object",
    "both/below": b"below",
    "mark/": b"",
    "mark/in": b"in",
    "full/": b"content",
    "a[b].txt": b"literal",
    "ab.txt": b"matched",
    "q?x": b"question",
    "a//b": b"slashes",
    "é": b"accent",
}


class Calls:
    """Calls a filesystem by fsspec's names, and notes what came back or was raised.

    Args:
        fs: a filesystem that is used as a synchronous one.
        recording: what it sends its requests through.
        root: a local directory.
    """

    def __init__(self, fs: Any, recording: Recording, root: Path) -> None:
        self.fs = fs
        self.recording = recording
        self.root = root
        self.outcomes: list[object] = []
        self.errors: list[Exception] = []
        self.methods: set[str] = set()

    def __call__(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """Call a method; return what it returns, or None if it raises."""

        def call() -> Any:
            result = getattr(self.fs, method)(*args, **kwargs)
            return list(result) if isinstance(result, Iterator) else result

        self.methods.add(method)
        return self._note(method, call)

    def read(self, path: str, *steps: tuple[Any, ...], mode: str = "rb", **options: Any) -> object:
        """Open an object and call methods of the file: name and arguments of each."""

        def call() -> Any:
            with self.fs.open(path, mode, **options) as file:
                return [getattr(file, method)(*args) for method, *args in steps]

        return self._note("open", call)

    def write(self, path: str, mode: str, *pieces: Any, error: Exception | None = None, **options: Any) -> object:
        """Open an object, write to it, and raise an error if one is given."""

        def call() -> Any:
            with self.fs.open(path, mode, **options) as file:
                written = [file.write(piece) for piece in pieces]
                if error is not None:
                    raise error
            return written

        return self._note("open", call)

    def local(self, name: str, data: bytes | None = None) -> str:
        """Return the path of a local file, which is written first if ``data`` is given."""
        path = self.root / name
        if data is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return f"{self.root}/{name}"

    def deny(self, key: str) -> object:
        """Refuse all requests to a key from now on."""
        self.memory.deny("bucket", key)
        return key

    @property
    def memory(self) -> InMemoryTransport:
        """The bucket's own side."""
        inner = self.recording.inner
        assert isinstance(inner, InMemoryTransport)
        return inner

    def _note(self, method: str, call: Callable[[], Any]) -> Any:
        self.methods.add(method)
        try:
            result = call()
        except Exception as error:
            self.errors.append(error)
            self.outcomes.append((method, self.described(error)))
            return None
        self.outcomes.append((method, self.described(result)))
        return result

    def described(self, value: object) -> object:
        """Return something in place of a value that can be compared, and shown if it differs."""
        match value:
            case Exception():
                return type(value).__name__, str(value).replace(str(self.root), "LOCAL")
            case bytes() | bytearray() | memoryview() if len(value) > 100:
                return f"{len(value)} bytes", hashlib.sha256(value).hexdigest()
            case bytes() | bytearray() | memoryview():
                return bytes(value)
            case dict():
                return {key: self.described(each) for key, each in value.items()}
            case list() | tuple():
                return [self.described(each) for each in value]
            case MultipartUpload():
                return f"upload of {value.bucket}/{value.key}"
            case _:
                return repr(value) if hasattr(value, "__dataclass_fields__") else value


@dataclass(frozen=True)
class Case:
    """What is done to a filesystem.

    Args:
        name: what it is about.
        steps: does it.
        raises: the errors that belong to it, in their order; all else is to succeed.
        parallel: whether its requests may go out in any order.
        options: how the filesystem is made.
    """

    name: str
    steps: Callable[[Calls], object]
    raises: tuple[type[Exception], ...] = ()
    parallel: bool = False
    options: dict[str, Any] = field(default_factory=dict)


def one(method: str, *args: Any, **kwargs: Any) -> Callable[[Calls], object]:
    """Return what calls one method."""
    return lambda call: call(method, *args, **kwargs)


def each(method: str, *paths: Any, **kwargs: Any) -> Callable[[Calls], object]:
    """Return what calls a method with each of some paths."""
    return lambda call: [call(method, path, **kwargs) for path in paths]


PLACES: Final = ["bucket", "bucket/dir", "bucket/dir/", "bucket/top", "bucket/both", "bucket/mark/", "bucket/full/", ""]
MISSING: Final = ["bucket/missing", "bucket/missing/", "bucket/top/below", "nobucket", "nobucket/key"]
MISSING_FIVE: Final = (FileNotFoundError,) * 5


def copy_in_parts(call: Calls) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transfer, "_COPY_AT_ONCE", MIB)
        patch.setattr(transfer, "_COPY_PART", MIB)
        call("cp_file", "bucket/large", "bucket/copy")


def preserve_etag(call: Calls) -> None:
    call("pipe_file", "bucket/parts", BYTES, chunksize=MIN_PART_SIZE)
    call("cp_file", "bucket/parts", "bucket/copy", preserve_etag=True)
    assert call("info", "bucket/copy")["ETag"] == call("info", "bucket/parts")["ETag"]


def put_tree(call: Calls) -> None:
    for name in ("tree/a", "tree/b", "tree/sub/c"):
        call.local(name, name.encode())
    call("put", call.local("tree"), "bucket/new", recursive=True)
    call("put", call.local("tree"), "bucket/new", recursive=True)
    call("put", call.local("tree/"), "bucket/flat/", recursive=True, maxdepth=1)
    call("put", call.local("tree/*"), "bucket/pattern/")
    call("put", [call.local("tree/a"), call.local("tree/b")], ["bucket/one", "bucket/two"])
    call("find", "bucket")


def get_tree(call: Calls) -> None:
    (call.root / "there").mkdir()
    call("get", "bucket/dir", call.local("new"), recursive=True)
    call("get", "bucket/dir", call.local("there"), recursive=True)
    call("get", "bucket/dir/", call.local("flat/"), recursive=True, maxdepth=1)
    call("get", "bucket/dir/?", call.local("pattern/"))
    call("get", ["bucket/top", "bucket/dir/a"], call.local("list/"))
    call("get", ["bucket/top", "bucket/dir/a"], [call.local("one"), call.local("two")])


def copy_tree(call: Calls) -> None:
    call("copy", "bucket/dir", "bucket/new", recursive=True)
    call("copy", "bucket/dir", "bucket/new", recursive=True)
    call("copy", "bucket/dir/", "bucket/flat/", recursive=True, maxdepth=1)
    call("copy", "bucket/dir/?", "bucket/pattern/")
    call("copy", ["bucket/top", "bucket/dir/a"], "bucket/list/")
    call("copy", ["bucket/top", "bucket/dir/a"], ["bucket/one", "other/two"])
    call("find", "bucket")
    call("find", "other")


def move_tree(call: Calls) -> None:
    call("mv", "bucket/dir/a", "bucket/moved")
    call("mv", "bucket/dir", "other/dir", recursive=True)
    call("mv", "bucket/both", "bucket/mark/")
    call("find", "bucket")
    call("find", "other")


def versions(call: Calls) -> None:
    call("make_bucket_versioned", "bucket")
    call("is_bucket_versioned", "bucket")
    call("pipe_file", "bucket/key", b"one")
    call("pipe_file", "bucket/key", b"second")
    _, oldest = call("object_version_info", "bucket/key")
    old = oldest["VersionId"]
    call("cat_file", f"bucket/key?versionId={old}")
    call("cat_file", "bucket/key", version_id=old)
    call("info", "bucket/key", version_id=old)
    call("exists", f"bucket/key?versionId={old}")
    call("modified", "bucket/key", version_id=old)
    call("cp_file", "bucket/key", "bucket/old", version_id=old)
    call("ls", "bucket", versions=True, detail=True)
    call.read(f"bucket/key?versionId={old}", ("read",))
    call("rm_file", "bucket/key")
    call("exists", "bucket/key")
    call("object_version_info", "bucket/key", delete_markers=True)
    call("rm", f"bucket/key?versionId={old}")
    call("object_version_info", "bucket/key")
    call("make_bucket_versioned", "bucket", False)
    call("is_bucket_versioned", "bucket")


def uploads(call: Calls) -> None:
    upload = asyncio.run(call.memory.create_multipart_upload(ObjectRef("bucket", "open/one")))
    asyncio.run(call.memory.create_multipart_upload(ObjectRef("bucket", "open/two")))
    call("list_multipart_uploads", "bucket/open")
    call("abort_mpu", "bucket", "open/one", upload.upload_id)
    call("abort_mpu", "bucket", "open/one", upload.upload_id)
    call("clear_multipart_uploads", "bucket")
    call("list_multipart_uploads", "bucket")


def merge(call: Calls) -> None:
    for key, stop in (("one", MIN_PART_SIZE), ("two", MIN_PART_SIZE + 9)):
        call("pipe_file", f"bucket/{key}", BYTES[:stop])
    call("merge", "bucket/whole", ["bucket/one", "bucket/two", "bucket/top"])
    call("cat_file", "bucket/whole")


def buckets(call: Calls) -> None:
    call("mkdir", "fresh")
    call("makedirs", "fresh", exist_ok=True)
    call("mkdir", "fresh")
    call("makedirs", "fresh")
    call("ls", "")
    call("rmdir", "fresh")
    call("rmdir", "fresh")
    call("rmdir", "bucket")


def denied(method: str, *args: Any, **kwargs: Any) -> Callable[[Calls], object]:
    """Return what calls a method after `dir/b` was denied."""

    def steps(call: Calls) -> None:
        call.deny("dir/b")
        call(method, *args, **kwargs)

    return steps


def kept_listings(call: Calls) -> None:
    for method, *args in (
        ("ls", "bucket/dir"),
        ("pipe_file", "bucket/dir/new/key", b"x"),
        ("cp_file", "bucket/top", "bucket/dir/top"),
        ("rm", "bucket/dir/sub", True),
    ):
        call(method, *args)
        call("ls", "bucket/dir")
        call("ls", "bucket")
        call("ls", "bucket", refresh=True)


CASES: Final = [
    # Looking
    Case("lexists", each("lexists", *PLACES, *MISSING)),
    Case("read_bytes", one("read_bytes", "bucket/top", 1, 3)),
    Case("read_text", one("read_text", "bucket/top")),
    Case("write_bytes", one("write_bytes", "bucket/fresh", b"bytes")),
    Case("write_text", one("write_text", "bucket/fresh", "Grüße\n", encoding="latin-1")),
    Case("info", each("info", *PLACES)),
    Case("info of what is not there", each("info", *MISSING), MISSING_FIVE),
    Case("info of a denied object", denied("info", "bucket/dir/b"), (PermissionError,)),
    Case("exists", each("exists", *PLACES, *MISSING)),
    Case("exists of a denied object", denied("exists", "bucket/dir/b"), (PermissionError,)),
    Case("isfile and isdir", lambda call: [each(kind, *PLACES, *MISSING)(call) for kind in ("isfile", "isdir")]),
    Case("size", each("size", "bucket/top", "bucket/empty", "bucket/dir")),
    Case("size of what is not there", one("size", "bucket/missing"), (FileNotFoundError,)),
    Case("sizes", one("sizes", ["bucket/top", "bucket/empty"]), parallel=True),
    Case("ls", each("ls", *PLACES)),
    Case("ls with detail", each("ls", *PLACES, detail=True)),
    Case("ls of what is not there", each("ls", *MISSING), MISSING_FIVE),
    Case("ls with kept listings", each("ls", *PLACES, *PLACES), options={"use_listings_cache": True}),
    Case("kept listings and own writes", kept_listings, options={"use_listings_cache": True}),
    Case("ls of versions without versions", one("ls", "bucket", versions=True), (ValueError,)),
    Case("find", each("find", *PLACES[:-1], *MISSING[:3])),
    Case("find in no bucket", each("find", "nobucket", "nobucket/key"), (FileNotFoundError,) * 2),
    Case("find with detail and directories", each("find", *PLACES[:-1], detail=True, withdirs=True)),
    Case("find with a depth", each("find", "bucket", "bucket/dir", maxdepth=1)),
    Case("find with a prefix", each("find", "bucket", "bucket/dir", prefix="a")),
    Case("find in all buckets", one("find", ""), (ValueError,)),
    Case("find with a depth of 0", one("find", "bucket", maxdepth=0), (ValueError,)),
    Case("walk", each("walk", "bucket", "bucket/dir", "bucket/missing")),
    Case("walk from below, with detail", one("walk", "bucket", topdown=False, detail=True, maxdepth=2)),
    Case("walk that raises", one("walk", "bucket/missing", on_error="raise"), (FileNotFoundError,)),
    Case("walk with a depth of 0", one("walk", "bucket", maxdepth=0), (ValueError,)),
    Case("du", each("du", "bucket", "bucket/dir", "bucket/top", "bucket/missing")),
    Case("du of each", one("du", "bucket/dir", total=False, withdirs=True, maxdepth=1)),
    Case("glob", each("glob", *(f"bucket/{pattern}" for pattern in ("*", "d*/?", "**/c", "a[b].txt", "top", "none*")))),
    Case("glob with detail and a depth", one("glob", "bucket/**", maxdepth=1, detail=True)),
    Case("glob with a depth of 0", one("glob", "bucket/**", maxdepth=0), (ValueError,)),
    Case("expand_path", each("expand_path", "bucket/top", "bucket/d*", "bucket/a[b].txt", ["bucket/top", "bucket/d*"])),
    Case("expand_path recursive", each("expand_path", "bucket/dir", "bucket/d*", recursive=True, maxdepth=2)),
    Case("expand_path to nothing", one("expand_path", "bucket/none*"), (FileNotFoundError,)),
    Case("checksum", each("checksum", "bucket/top", "bucket/missing", "bucket/dir"), (FileNotFoundError, OSError)),
    Case("ukey", each("ukey", "bucket/top", "bucket/dir")),
    Case("modified and created", lambda call: [call("modified", "bucket/top"), call("created", "bucket/top")]),
    Case("modified of a directory", each("modified", "bucket/dir", "bucket"), (IsADirectoryError,) * 2),
    # Reading
    Case("cat_file", each("cat_file", "bucket/top", "bucket/empty", "bucket/a//b", "s3://bucket/é", "bucket/full/")),
    Case("cat_file of many blocks", one("cat_file", "bucket/large"), parallel=True),
    Case("cat_file with a limit", one("cat_file", "bucket/large", 5, -5, max_concurrency=1)),
    Case(
        "cat_file of slices",
        lambda call: [
            call("cat_file", "bucket/top", start, end)
            for start, end in [(2, 5), (-3, None), (None, -3), (5, 2), (8, 99), (99, None), (-99, 3), (0, 0)]
        ],
    ),
    Case("cat_file of what is not there", each("cat_file", *MISSING[:3], "nobucket/key"), (FileNotFoundError,) * 4),
    Case("cat_file of no slice of nothing", one("cat_file", "bucket/missing", 3, 3), (FileNotFoundError,)),
    Case("cat_file of a denied object", denied("cat_file", "bucket/dir/b"), (PermissionError,)),
    Case("cat_file of a bucket", one("cat_file", "bucket"), (ValueError,)),
    Case("cat_file of another protocol", one("cat_file", "gs://bucket/key"), (ValueError,)),
    Case("cat_file of no path", one("cat_file", 7), (TypeError,)),
    Case("cat_file with an unknown argument", one("cat_file", "bucket/top", colour="blue"), (TypeError,)),
    Case("cat_file with a limit of 0", one("cat_file", "bucket/top", max_concurrency=0), (ValueError,)),
    Case("cat_file if it matches", one("cat_file", "bucket/top", IfMatch='"other"'), (OSError,)),
    Case(
        "cat of one, of a pattern and of a list",
        each("cat", "bucket/top", "bucket/dir/?", ["bucket/top"]),
        parallel=True,
    ),
    Case("cat of keys that look like patterns", each("cat", "bucket/a[b].txt", "bucket/q?x")),
    Case("cat recursive", one("cat", "bucket/dir", recursive=True), parallel=True),
    Case("cat that raises", one("cat", ["bucket/missing", "bucket/top"], batch_size=1), (FileNotFoundError,)),
    Case(
        "cat that omits or returns errors",
        lambda call: [
            call("cat", ["bucket/top", "bucket/missing"], on_error=on_error) for on_error in ("omit", "return")
        ],
        parallel=True,
    ),
    Case("cat with an unknown on_error", one("cat", "bucket/top", on_error="shrug"), (ValueError,)),
    Case(
        "cat_ranges",
        one("cat_ranges", ["bucket/top"] * 4 + ["bucket/large"], [1, 4, -2, None, 9], [3, 6, None, 2, 3 * MIB]),
        parallel=True,
    ),
    Case("cat_ranges of what is not there", one("cat_ranges", ["bucket/top", "bucket/missing"], 0, 4), parallel=True),
    Case(
        "cat_ranges that raise",
        one("cat_ranges", ["bucket/top", "bucket/missing"], [0, 0], [1, 1], on_error="raise"),
        (FileNotFoundError,),
        parallel=True,
    ),
    Case("cat_ranges of bounds that do not fit", one("cat_ranges", ["bucket/top"], [0, 1], [2]), (ValueError,)),
    Case(
        "head and tail", lambda call: [call(end, "bucket/top", size) for end in ("head", "tail") for size in (0, 3, 99)]
    ),
    Case(
        "head and tail of what is not there",
        lambda call: [call(end, "bucket/missing", 3) for end in ("head", "tail")],
        (FileNotFoundError,) * 2,
    ),
    Case(
        "read_block", lambda call: [call("read_block", "bucket/lines", 2, 5, delimiter) for delimiter in (None, b"\n")]
    ),
    Case(
        "a file that is read",
        lambda call: call.read("bucket/lines", ("readline",), ("tell",), ("read", 3), ("seek", -5, 2), ("read",)),
    ),
    Case("a file of many blocks", lambda call: call.read("bucket/large", ("read",)), parallel=True),
    Case(
        "a file that is read from its end",
        lambda call: call.read("bucket/large", ("seek", -9, 2), ("read",)),
        parallel=True,
    ),
    Case("a text file", lambda call: call.read("bucket/lines", ("readline",), ("read",), mode="rt")),
    Case("a file that is not there", lambda call: [call.read(path) for path in MISSING[:3]], (FileNotFoundError,) * 3),
    Case("a file with an unknown mode", lambda call: call.read("bucket/top", mode="rw"), (ValueError,)),
    Case("a file with a wrong block", lambda call: call.read("bucket/top", block_size=0), (ValueError,)),
    Case("a file that was moved before its begin", lambda call: call.read("bucket/top", ("seek", -1)), (ValueError,)),
    Case("a file that is read and written to", lambda call: call.read("bucket/top", ("write", b"x")), (OSError,)),
    # Writing
    Case("pipe_file", lambda call: [call("pipe_file", "bucket/new", b"x"), call("pipe_file", "bucket/top", b"")]),
    Case("pipe_file in parts", one("pipe_file", "bucket/new", memoryview(BYTES)), parallel=True),
    Case(
        "pipe_file to create",
        lambda call: [call("pipe_file", "bucket/new", b"x", mode="create") for _ in range(2)],
        (FileExistsError,),
    ),
    Case(
        "pipe_file in parts to create",
        one("pipe_file", "bucket/top", BYTES, mode="create"),
        (FileExistsError,),
        parallel=True,
    ),
    Case(
        "pipe_file with fields of S3",
        lambda call: [
            call("pipe_file", "bucket/new.html", b"x", CacheControl="no-cache", Metadata={"a": "b"}),
            call("info", "bucket/new.html"),
        ],
    ),
    Case(
        "pipe_file with wrong arguments",
        lambda call: [
            call("pipe_file", "bucket/new", b"x", **wrong)
            for wrong in ({"mode": "append"}, {"colour": 1}, {"StorageClass": "NONE"})
        ],
        (ValueError, TypeError, ValueError),
    ),
    Case("pipe_file in too small parts", one("pipe_file", "bucket/new", BYTES, chunksize=5), (ValueError,)),
    Case("pipe_file of a denied object", denied("pipe_file", "bucket/dir/b", b"x"), (PermissionError,)),
    Case("pipe_file into no bucket", one("pipe_file", "nobucket/key", b"x"), (FileNotFoundError,)),
    Case(
        "pipe",
        lambda call: [call("pipe", "bucket/one", b"1"), call("pipe", {"bucket/two": b"2", "other/three": b"3"})],
        parallel=True,
    ),
    Case(
        "pipe of nothing",
        lambda call: [call("pipe", "bucket/one"), call("pipe", ["bucket/one"], b"1")],
        (TypeError,) * 2,
    ),
    Case(
        "touch",
        lambda call: [
            call("touch", "bucket/new"),
            call("touch", "bucket/top"),
            call("touch", "bucket/dir/a", truncate=False),
        ],
    ),
    Case("touch of a denied object", denied("touch", "bucket/dir/b", truncate=False), (PermissionError,)),
    Case(
        "a file that is written",
        lambda call: call.write("bucket/new", "wb", b"one", bytearray(b"two"), memoryview(b"three")),
    ),
    Case(
        "a file that is written in parts",
        lambda call: call.write("bucket/new", "wb", BYTES[: 6 * MIB], BYTES[6 * MIB :]),
        parallel=True,
    ),
    Case("a file of known size", lambda call: call.write("bucket/new", "wb", BYTES, size=len(BYTES)), parallel=True),
    Case(
        "a text file that is written", lambda call: call.write("bucket/new", "wt", "éins\n", "zwei", encoding="utf-16")
    ),
    Case(
        "a block that raises",
        lambda call: [call.write("bucket/top", mode, b"x", error=KeyError("stop")) for mode in ("wb", "ab")],
        (KeyError,) * 2,
    ),
    Case(
        "a file that must be new",
        lambda call: [call.write("bucket/new", "xb", b"x") for _ in range(2)],
        (FileExistsError,),
    ),
    Case(
        "a file that is appended to",
        lambda call: [call.write(path, "ab", b"more") for path in ("bucket/top", "bucket/new", "bucket/empty")],
    ),
    Case(
        "a large file that is appended to",
        lambda call: [call("pipe_file", "bucket/new", BYTES[: 6 * MIB]), call.write("bucket/new", "ab", BYTES)],
        parallel=True,
    ),
    Case("a file that is written and read", lambda call: call.write("bucket/new", "wb", b"x", "text"), (TypeError,)),
    Case("a file with a small block", lambda call: call.write("bucket/new", "wb", block_size=5), (ValueError,)),
    Case(
        "a file that is denied",
        lambda call: [
            call.deny("dir/b"),
            call.read("bucket/dir/b"),
            call.write("bucket/dir/b", "wb", b"x"),
            call.write("bucket/dir/b", "xb"),
            call.write("bucket/dir/b", "ab"),
        ],
        (PermissionError,) * 4,
    ),
    # Copying
    Case(
        "cp_file",
        lambda call: [call("cp_file", "bucket/top", "other/copy"), call("cp_file", "bucket/full/", "bucket/copy/")],
    ),
    Case(
        "cp_file with fields of S3",
        lambda call: [
            call("cp_file", "bucket/top", "bucket/copy", ContentType="text/csv", MetadataDirective="REPLACE"),
            call("info", "bucket/copy"),
        ],
    ),
    Case("cp_file in parts", copy_in_parts, parallel=True),
    Case("cp_file that preserves the ETag", preserve_etag, parallel=True),
    Case(
        "cp_file of what is not there",
        each("cp_file", "bucket/missing", "bucket/dir", path2="bucket/copy"),
        (FileNotFoundError,) * 2,
    ),
    Case("cp_file onto itself", one("cp_file", "bucket/top", "bucket/top"), (ValueError,)),
    Case("cp_file of a denied object", denied("cp_file", "bucket/dir/b", "bucket/copy"), (PermissionError,)),
    Case("cp_file to a denied object", denied("cp_file", "bucket/top", "bucket/dir/b"), (PermissionError,)),
    Case("copy of trees", copy_tree, parallel=True),
    Case(
        "copy of what is not there",
        lambda call: [
            call("copy", "bucket/missing", "bucket/copy"),
            call("copy", "bucket/missing", "bucket/copy", recursive=True),
            call("copy", "bucket/none*", "bucket/copy"),
        ],
        (FileNotFoundError,) * 3,
    ),
    Case(
        "copy that raises",
        one("copy", ["bucket/missing", "bucket/top"], "bucket/copy/", batch_size=1),
        (FileNotFoundError,),
    ),
    Case(
        "copy that passes over what is not there",
        one("copy", ["bucket/missing", "bucket/top"], "bucket/copy/", on_error="ignore"),
        parallel=True,
    ),
    Case("copy of lists that do not fit", one("copy", ["bucket/top"], ["bucket/a", "bucket/b"]), (ValueError,)),
    Case("copy with a depth of 0", one("copy", "bucket/dir", "bucket/new", recursive=True, maxdepth=0), (ValueError,)),
    Case("copy of a denied object", denied("copy", "bucket/dir/b", "bucket/copy"), (PermissionError,)),
    Case("mv of trees", move_tree, parallel=True),
    Case(
        "mv_file",
        lambda call: [call("mv_file", "bucket/top", "bucket/moved"), call("mv_file", "bucket/both", "bucket/both")],
    ),
    Case(
        "mv of what is not there",
        lambda call: [call(method, "bucket/missing", "bucket/moved") for method in ("mv", "mv_file")],
        (FileNotFoundError,) * 2,
    ),
    Case("mv of a denied object", denied("mv", "bucket/dir/b", "bucket/moved"), (PermissionError,)),
    Case("merge", merge, parallel=True),
    Case(
        "merge of nothing and of too little",
        lambda call: [
            call("merge", "bucket/new", []),
            call("merge", "bucket/new", ["bucket/top", "bucket/top"]),
            call("merge", "bucket/new", ["bucket/missing"]),
        ],
        (ValueError, ValueError, FileNotFoundError),
        parallel=True,
    ),
    # From and to local files
    Case(
        "put of one file",
        lambda call: [
            call("put", call.local("up", b"x"), target) for target in ("bucket/new", "bucket/dir", "bucket/made/")
        ],
    ),
    Case("put of a large file", lambda call: call("put", call.local("up", BYTES), "bucket/new"), parallel=True),
    Case("put of trees", put_tree, parallel=True),
    Case(
        "put of what is not there",
        lambda call: [
            call("put", call.local("missing"), "bucket/new"),
            call("put_file", call.local("missing"), "bucket/new"),
            call("put", call.local("missing"), "bucket/new", recursive=True),
        ],
        (FileNotFoundError,) * 3,
    ),
    Case(
        "put_file",
        lambda call: [
            call("put_file", call.local("page.html", b"<p>"), "bucket/page.html"),
            call("info", "bucket/page.html"),
            call("put_file", call.local(""), "bucket/new"),
        ],
    ),
    Case(
        "put_file to create",
        lambda call: call("put_file", call.local("up", b"x"), "bucket/top", mode="create"),
        (FileExistsError,),
    ),
    Case(
        "put to a denied object",
        lambda call: [call.deny("dir/b"), call("put", call.local("up", b"x"), "bucket/dir/b")],
        (PermissionError,),
    ),
    Case("get of one file", lambda call: call("get", "bucket/top", call.local("down"))),
    Case(
        "get of keys that look like patterns",
        lambda call: [
            call("get", f"bucket/{key}", call.local(f"down{number}"))
            for number, key in enumerate(["a[b].txt", "q?x", "é"])
        ],
    ),
    Case("get of a large file", lambda call: call("get", "bucket/large", call.local("down")), parallel=True),
    Case("get of trees", get_tree, parallel=True),
    Case(
        "get of what is not there",
        lambda call: [
            call("get", "bucket/missing", call.local("down")),
            call("get_file", "bucket/missing", call.local("down")),
            call("get", "bucket/missing", call.local("down"), recursive=True),
        ],
        (FileNotFoundError,) * 3,
    ),
    Case(
        "get of a denied object",
        lambda call: [call.deny("dir/b"), call("get", "bucket/dir/b", call.local("down"))],
        (PermissionError,),
    ),
    Case(
        "get that would leave its target",
        lambda call: [
            call("pipe_file", "bucket/dir/../../evil", b"x"),
            call("get", "bucket/dir", call.local("down"), recursive=True),
        ],
        (ValueError,),
    ),
    Case(
        "get_file",
        lambda call: [
            call("get_file", "bucket/empty", call.local("empty")),
            call("get_file", "bucket/dir", call.local("made")),
        ],
    ),
    Case(
        "get_file onto a directory",
        lambda call: [call.local("there/file", b""), call("get_file", "bucket/top", call.local("there"))],
        (IsADirectoryError,),
    ),
    # Deleting, directories and buckets
    Case(
        "rm and rm_file",
        lambda call: [
            call("rm", "bucket/top"),
            call("rm_file", "bucket/full/"),
            call("rm_file", "bucket/missing"),
            call("rm", ["bucket/dir/a", "bucket/dir/b"]),
        ],
    ),
    Case("rm of keys that look like patterns", each("rm", "bucket/a[b].txt", "bucket/a[b].txt", "bucket/q?x")),
    Case("rm recursive", each("rm", "bucket/dir", "bucket/mark", "bucket/both", recursive=True)),
    Case("rm with a depth", one("rm", "bucket/dir", recursive=True, maxdepth=1)),
    Case(
        "rm of a bucket",
        lambda call: [call("rm", "bucket", recursive=True), call("exists", "bucket")],
        options={"allow_bucket_deletion": True},
    ),
    Case(
        "rm of what is not there",
        lambda call: [
            call("rm", "bucket/missing", recursive=True),
            call("rm", "bucket/none*"),
            call("rm", "nobucket/key"),
        ],
        (FileNotFoundError,) * 3,
    ),
    Case("rm of a bucket without saying so", each("rm", "bucket", ""), (ValueError,) * 2),
    Case(
        "rm of denied objects",
        lambda call: [
            call.deny("dir/b"),
            call.deny("dir/sub/c"),
            call("rm", "bucket/dir", recursive=True),
            call("rm_file", "bucket/dir/b"),
        ],
        (PermissionError,) * 2,
    ),
    Case(
        "buckets",
        buckets,
        (FileExistsError, FileExistsError, FileNotFoundError, OSError),
        options={"allow_bucket_deletion": True},
    ),
    Case(
        "buckets that may not be made or deleted",
        lambda call: [call("mkdir", "fresh"), call("makedirs", "fresh"), call("rmdir", "other")],
        (PermissionError,) * 3,
        options={"allow_bucket_creation": False},
    ),
    Case(
        "directories",
        lambda call: [
            call("mkdir", "bucket/fresh"),
            call("makedirs", "bucket/fresh/sub"),
            call("pipe_file", "bucket/mark2/", b""),
            call("rmdir", "bucket/mark2"),
            call("exists", "bucket/mark2"),
        ],
    ),
    Case("rmdir of what is none", each("rmdir", "bucket/dir", "bucket/top"), (OSError, FileExistsError)),
    # What there is about an object
    Case(
        "metadata",
        lambda call: [
            call("setxattr", "bucket/top", some_name="1", copy_kwargs={"ContentType": "text/csv"}),
            call("metadata", "bucket/top"),
            call("getxattr", "bucket/top", "some_name"),
            call("getxattr", "bucket/top", "none"),
            call("setxattr", "bucket/top", some_name=None),
            call("metadata", "bucket/top"),
        ],
    ),
    Case(
        "metadata of what is not there",
        lambda call: [
            call("metadata", "bucket/missing"),
            call("getxattr", "bucket/missing", "a"),
            call("setxattr", "bucket/missing", a="b"),
        ],
        (FileNotFoundError,) * 3,
    ),
    Case(
        "tags",
        lambda call: [
            call("put_tags", "bucket/top", {"a": "1"}),
            call("put_tags", "bucket/top", {"b": "2"}, mode="m"),
            call("get_tags", "bucket/top"),
            call("put_tags", "bucket/top", {}),
            call("get_tags", "bucket/top"),
        ],
    ),
    Case(
        "tags that are wrong",
        lambda call: [
            call("put_tags", "bucket/top", {}, mode="x"),
            call("put_tags", "bucket/top", {str(tag): "" for tag in range(11)}),
            call("get_tags", "bucket/missing"),
        ],
        (ValueError, ValueError, FileNotFoundError),
    ),
    Case(
        "chmod",
        lambda call: [
            call("chmod", "bucket/top", "public-read"),
            call("chmod", "bucket", "private"),
            call("chmod", "bucket/dir", "public-read", recursive=True),
        ],
        parallel=True,
    ),
    Case(
        "chmod that is wrong",
        lambda call: [call("chmod", "bucket/top", "everything"), call("chmod", "bucket/missing", "private")],
        (ValueError, FileNotFoundError),
    ),
    Case(
        "url and sign",
        lambda call: [
            call("url", "bucket/é", expires=60),
            call("url", "bucket/new", 60, "put_object"),
            call("sign", "bucket/top", 60),
        ],
    ),
    Case(
        "url that is wrong",
        lambda call: [call("url", "bucket/top", expires=0), call("url", "bucket"), call("sign", "bucket/top", 10**7)],
        (ValueError,) * 3,
    ),
    Case("versions", versions, options={"version_aware": True}),
    Case(
        "versions that are not there",
        lambda call: [
            call("info", "bucket/top?versionId=none"),
            call("cat_file", "bucket/top", version_id="none"),
            call("exists", "bucket/top", version_id="none"),
        ],
        (OSError,) * 2,
        options={"version_aware": True},
    ),
    Case("open uploads", uploads, (FileNotFoundError,)),
    # Arguments
    Case(
        "unknown arguments",
        lambda call: [
            call(method, "bucket/top", colour="blue")
            for method in (
                "info",
                "exists",
                "ls",
                "find",
                "walk",
                "du",
                "glob",
                "cat",
                "rm",
                "rm_file",
                "mkdir",
                "chmod",
                "metadata",
                "object_version_info",
            )
        ],
        (TypeError,) * 14,
    ),
    Case(
        "too few arguments",
        lambda call: [call(method, "bucket/top") for method in ("cp_file", "mv", "copy", "put", "get", "getxattr")],
        (TypeError,) * 6,
    ),
    Case(
        "arguments for every write",
        lambda call: [
            call("pipe_file", "bucket/new", b"x"),
            call("touch", "bucket/touched"),
            call("cp_file", "bucket/new", "bucket/copy"),
            call.write("bucket/written", "wb", b"x"),
            call("info", "bucket/written"),
        ],
        options={"s3_additional_kwargs": {"StorageClass": "STANDARD_IA"}},
    ),
    Case(
        "requester pays",
        lambda call: [call("ls", "bucket"), call("cat_file", "bucket/top")],
        options={"requester_pays": True},
    ),
]


# --- the ways ------------------------------------------------------------------------------------


@contextmanager
def by_coroutines(**options: Any) -> Iterator[Any]:
    with asyncio.Runner() as runner:
        yield CoroutinesOnly(AioS3FileSystem(asynchronous=True, **options), runner.get_loop())


@contextmanager
def by_methods(make: Callable[..., Any], **options: Any) -> Iterator[Any]:
    fs = make(**options)
    yield fs
    fs.close()


WAYS: Final[dict[str, Callable[..., Any]]] = {
    "coroutines": by_coroutines,
    "mirrors": partial(by_methods, AioS3FileSystem),
    "without a loop": partial(by_methods, S3FileSystem),
}


def run(case: Case, way: str, root: Path) -> tuple[Calls, dict[str, object]]:
    """Run a case, and return all that can be seen of it."""
    memory = InMemoryTransport(
        buckets=["bucket", "other"], minimum_part_size=MIB, clock=lambda: datetime(2026, 1, 1, tzinfo=UTC)
    )
    recording = Recording(memory)
    root.mkdir()

    async def prepare() -> None:
        for key, data in TREE.items():
            await memory.put_object(ObjectRef("bucket", key), data)

    asyncio.run(prepare())
    options: dict[str, Any] = {"default_block_size": MIB, "allow_bucket_creation": True, **case.options}
    with WAYS[way](transport=recording.transport, **options) as fs:
        calls = Calls(fs, recording, root)
        case.steps(calls)
    arguments: list[Any] = [
        [calls.described(args), {name: calls.described(each) for name, each in kwargs.items() if name != "into"}]
        for args, kwargs in recording.arguments
    ]
    requests, told = list(recording.requests), [repr(each) for each in arguments]
    if case.parallel:
        requests, told = sorted(requests), sorted(told)
    seen = {
        "outcomes": calls.outcomes,
        "requests": requests,
        "arguments": told,
        "objects": asyncio.run(_objects(memory, calls)),
        "files": {
            str(path.relative_to(root)): calls.described(path.read_bytes())
            for path in sorted(root.rglob("*"))
            if path.is_file()
        },
    }
    return calls, seen


async def _objects(memory: InMemoryTransport, calls: Calls) -> dict[str, object]:
    found: dict[str, object] = {}
    for bucket in (await memory.list_buckets()).buckets:
        assert not (await memory.list_multipart_uploads(bucket.name)).uploads
        for each in (await memory.list_objects(bucket.name)).objects:
            memory.allow(bucket.name, each.key)
            ref = ObjectRef(bucket.name, each.key)
            data = (await memory.get_object_range(ref, ByteRange(0))).data if each.size else b""
            found[f"{bucket.name}/{each.key}"] = calls.described(data)
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_way_of_calling_does_the_same(case: Case, tmp_path: Path) -> None:
    calls, first = run(case, "coroutines", tmp_path / "coroutines")
    assert len(calls.errors) == len(case.raises), calls.errors
    assert all(isinstance(*pair) for pair in zip(calls.errors, case.raises, strict=True)), calls.errors
    for way in ("mirrors", "without a loop"):
        _, other = run(case, way, tmp_path / way)
        for what, seen in first.items():
            assert other[what] == seen, f"{what}, {way}"


def test_every_operation_has_a_case(tmp_path: Path) -> None:
    called = set()
    for number, case in enumerate(CASES):
        called |= run(case, "without a loop", tmp_path / str(number))[0].methods
    assert called >= {*_synchronous(), "open"}


def _synchronous() -> set[str]:
    """The names of the synchronous methods that are made of coroutines."""
    return {name for name in vars(MirroredFace) if f"_{name}" in vars(Face)}


def test_every_coroutine_has_a_synchronous_method() -> None:
    inner = {"copy_pairs", "download", "expand", "expand_one", "is_pattern", "matches", "pairs"}
    coroutines = {name[1:] for name, each in vars(Face).items() if inspect.iscoroutinefunction(each)}
    assert _synchronous() == coroutines - inner | {"walk"}


def test_every_case_has_a_name_of_its_own() -> None:
    assert len({case.name for case in CASES}) == len(CASES)
