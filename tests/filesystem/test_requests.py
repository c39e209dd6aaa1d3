"""What each operation costs: the requests that it sends on a cold cache, pinned exactly.

A request that is saved is a round trip of the user's; one that creeps in is noticed here, on every way of calling.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pyathena.transport import ObjectRef
from tests.filesystem.adapter import CoroutinesOnly
from tests.filesystem.faces import MIB, Face

LIST = "list_objects"
HEAD = "head_object"
GET = "get_object_range"
TAGS = "get_object_tagging"
PUT = "put_object"
COPY = "copy_object"
DELETE = "delete_objects"
BEGIN = "create_multipart_upload"
PART = "upload_part"
PART_COPY = "upload_part_copy"
COMPLETE = "complete_multipart_upload"


@dataclass
class World:
    """A filesystem that is used as a synchronous one, its requests, and a local directory."""

    fs: Any
    face: Face
    local: Path

    def put(self, key: str, data: bytes = b"x") -> None:
        """Write an object past the filesystem."""
        self.face.put(key, data)

    def local_file(self, name: str, data: bytes = b"x") -> str:
        """Write a local file and return its path."""
        path = self.local / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return str(path)


@pytest.fixture
def world(face: Face, tmp_path: Path) -> Iterator[World]:
    if not getattr(face.fs, "asynchronous", False):
        yield World(face.fs, face, tmp_path)
        return
    with asyncio.Runner() as runner:
        yield World(CoroutinesOnly(face.fs, runner.get_loop()), face, tmp_path)


Step = Callable[[World], object]


@dataclass(frozen=True)
class Cost:
    """What an operation costs, after a preparation that does not count."""

    name: str
    prepare: Step
    operate: Step
    requests: list[str]


def nothing(world: World) -> None:
    """Prepare nothing: the bucket is empty."""


def small(world: World) -> None:
    """Prepare one small object."""
    world.put("key", b"0123456789")


def large(world: World) -> None:
    """Prepare one object of five blocks."""
    world.put("key", bytes(5 * MIB))


def tree(world: World) -> None:
    """Prepare a directory of three objects, one of them deeper, and neighbours."""
    for key in ("dir/a1", "dir/a2", "dir/sub/b", "dir-x", "top"):
        world.put(key)


def many(world: World) -> None:
    """Prepare a directory of three pages."""

    async def write() -> None:
        for number in range(2500):
            await world.face.memory.put_object(ObjectRef("bucket", f"dir/{number:04}"), b"x")

    asyncio.run(write())


def two_parts(world: World) -> None:
    """Prepare two objects that are large enough to be parts of another."""
    for key in "ab":
        world.put(key, bytes(5 * MIB))


def local_small(world: World) -> None:
    """Prepare a small local file."""
    world.local_file("file")


def local_large(world: World) -> None:
    """Prepare a local file of three parts."""
    world.local_file("file", bytes(12 * MIB))


def local_tree(world: World) -> None:
    """Prepare a local directory of three files."""
    for name in ("tree/a", "tree/b", "tree/sub/c"):
        world.local_file(name)


def read(path: str, size: int = -1) -> Step:
    """Open an object and read from it."""

    def operate(world: World) -> None:
        with world.fs.open(path, "rb") as file:
            file.read(size)

    return operate


def write(path: str, mode: str, *pieces: bytes) -> Step:
    """Open an object and write to it."""

    def operate(world: World) -> None:
        with world.fs.open(path, mode) as file:
            for piece in pieces:
                file.write(piece)

    return operate


def call(method: str, *args: Any, **kwargs: Any) -> Step:
    """Call a method."""
    return lambda world: getattr(world.fs, method)(*args, **kwargs)


def refused(method: str, *args: Any, error: type[Exception] = FileNotFoundError) -> Step:
    """Call a method that raises."""

    def operate(world: World) -> None:
        with pytest.raises(error):
            getattr(world.fs, method)(*args)

    return operate


def put(source: str, target: str, **options: Any) -> Step:
    """Upload from the local directory."""
    return lambda world: world.fs.put(f"{world.local}/{source}", target, **options)


def get(source: str, target: str, **options: Any) -> Step:
    """Download into the local directory."""
    return lambda world: world.fs.get(source, f"{world.local}/{target}", **options)


COSTS = [
    # Looking
    Cost("info of an object", small, call("info", "bucket/key"), [HEAD]),
    Cost("info of a directory", tree, call("info", "bucket/dir"), [HEAD, LIST]),
    Cost("info of a bucket", tree, call("info", "bucket"), ["head_bucket"]),
    Cost("info of nothing", nothing, refused("info", "bucket/key"), [HEAD, LIST]),
    Cost("exists of an object", small, call("exists", "bucket/key"), [HEAD]),
    Cost("exists of a directory", tree, call("exists", "bucket/dir"), [HEAD, LIST]),
    Cost("exists of nothing", nothing, call("exists", "bucket/key"), [HEAD, LIST]),
    Cost("isfile", small, call("isfile", "bucket/key"), [HEAD]),
    Cost("isdir of a directory", tree, call("isdir", "bucket/dir"), [LIST]),
    Cost("isdir of an object", small, call("isdir", "bucket/key"), [LIST]),
    Cost("size", small, call("size", "bucket/key"), [HEAD]),
    Cost("sizes of three", tree, call("sizes", ["bucket/dir/a1", "bucket/dir/a2", "bucket/top"]), [HEAD] * 3),
    Cost("ls of a directory", tree, call("ls", "bucket/dir"), [LIST]),
    Cost("ls of a directory of three pages", many, call("ls", "bucket/dir"), [LIST] * 3),
    Cost("ls of an object", small, call("ls", "bucket/key"), [LIST, HEAD]),
    Cost("ls of the root", nothing, call("ls", ""), ["list_buckets"]),
    Cost("find", tree, call("find", "bucket/dir"), [LIST]),
    Cost("find with directories and a depth", tree, call("find", "bucket", maxdepth=1, withdirs=True), [LIST]),
    Cost("find of an object", small, call("find", "bucket/key"), [LIST, HEAD]),
    Cost("find of three pages", many, call("find", "bucket"), [LIST] * 3),
    Cost("walk, one listing a directory", tree, lambda world: list(world.fs.walk("bucket")), [LIST] * 3),
    Cost("du", tree, call("du", "bucket"), [LIST]),
    Cost("glob", tree, call("glob", "bucket/dir/a*"), [LIST]),
    Cost("glob through directories", tree, call("glob", "bucket/**/b"), [LIST]),
    Cost("glob without a pattern", small, call("glob", "bucket/key"), [HEAD]),
    Cost("expand_path of what is no pattern", small, call("expand_path", "bucket/key"), []),
    Cost("expand_path of a pattern", tree, call("expand_path", "bucket/dir/a*"), [HEAD, LIST]),
    Cost("expand_path recursive", tree, call("expand_path", "bucket/dir", recursive=True), [LIST]),
    Cost("modified", small, call("modified", "bucket/key"), [HEAD]),
    Cost("created", small, call("created", "bucket/key"), [HEAD]),
    Cost("checksum", small, call("checksum", "bucket/key"), [HEAD]),
    Cost("ukey", small, call("ukey", "bucket/key"), [HEAD]),
    # Reading
    Cost("cat_file of a small object", small, call("cat_file", "bucket/key"), [GET]),
    Cost("cat_file of an empty object", lambda world: world.put("key", b""), call("cat_file", "bucket/key"), [GET]),
    Cost("cat_file of nothing", nothing, refused("cat_file", "bucket/key"), [GET]),
    Cost("cat_file of a range", small, call("cat_file", "bucket/key", 2, 5), [GET]),
    Cost("cat_file of a range of a large object", large, call("cat_file", "bucket/key", 2 * MIB, 2 * MIB + 9), [GET]),
    Cost("cat_file from a position on", small, call("cat_file", "bucket/key", 2), [GET]),
    Cost("cat_file of an empty range", small, call("cat_file", "bucket/key", 3, 3), [HEAD]),
    Cost("cat_file of five blocks", large, call("cat_file", "bucket/key"), [GET] * 5),
    Cost("cat of one", small, call("cat", "bucket/key"), [GET]),
    Cost("cat of three", tree, call("cat", ["bucket/dir/a1", "bucket/dir/a2", "bucket/top"]), [GET] * 3),
    Cost("cat of a pattern", tree, call("cat", "bucket/dir/a*"), [HEAD, LIST, GET, GET]),
    Cost("cat recursive", tree, call("cat", "bucket/dir", recursive=True), [LIST, GET, GET, GET]),
    Cost("cat_ranges near each other", small, call("cat_ranges", ["bucket/key"] * 3, [0, 4, 7], [2, 5, 9]), [GET]),
    Cost(
        "cat_ranges far from each other",
        large,
        call("cat_ranges", ["bucket/key"] * 3, [0, 10, 4 * MIB], [2, 12, 4 * MIB + 2], max_gap=1000),
        [GET, GET],
    ),
    Cost(
        "cat_ranges of two objects",
        tree,
        call("cat_ranges", ["bucket/dir/a1", "bucket/top", "bucket/dir/a1"], 0, 1),
        [GET, GET],
    ),
    Cost("head", small, call("head", "bucket/key", 4), [GET]),
    Cost("tail", small, call("tail", "bucket/key", 4), [HEAD, GET]),
    Cost("read_block without a delimiter", small, call("read_block", "bucket/key", 2, 3), [GET]),
    Cost("open and read a small object", small, read("bucket/key"), [GET]),
    Cost("open and read some bytes", small, read("bucket/key", 4), [GET]),
    Cost("open and read an empty object", lambda world: world.put("key", b""), read("bucket/key"), [GET]),
    Cost("open and read five blocks", large, read("bucket/key"), [GET] * 5),
    Cost("open nothing", nothing, refused("open", "bucket/key"), [GET]),
    # Writing
    Cost("pipe_file of a small object", nothing, call("pipe_file", "bucket/key", b"x"), [PUT]),
    Cost("pipe_file of two parts' size", nothing, call("pipe_file", "bucket/key", bytes(10 * MIB)), [PUT]),
    Cost(
        "pipe_file of a large object",
        nothing,
        call("pipe_file", "bucket/key", bytes(12 * MIB)),
        [BEGIN, PART, PART, PART, COMPLETE],
    ),
    Cost("pipe_file in create mode", nothing, call("pipe_file", "bucket/key", b"x", mode="create"), [PUT]),
    Cost(
        "pipe_file in create mode where an object is",
        small,
        refused("pipe_file", "bucket/key", b"x", "create", error=FileExistsError),
        [PUT],
    ),
    Cost("pipe of three", nothing, call("pipe", {f"bucket/{key}": b"x" for key in "abc"}), [PUT] * 3),
    Cost("touch", nothing, call("touch", "bucket/key"), [PUT]),
    Cost("open and write a small object", nothing, write("bucket/key", "wb", b"one", b"two"), [PUT]),
    Cost("open and write nothing", nothing, write("bucket/key", "wb"), [PUT]),
    Cost("open and write one part", nothing, write("bucket/key", "wb", bytes(5 * MIB)), [PUT]),
    Cost(
        "open and write a large object",
        nothing,
        write("bucket/key", "wb", bytes(6 * MIB), bytes(6 * MIB)),
        [BEGIN, PART, PART, PART, COMPLETE],
    ),
    Cost("open to create", nothing, write("bucket/key", "xb", b"x"), [HEAD, PUT]),
    Cost(
        "open to create where an object is", small, refused("open", "bucket/key", "xb", error=FileExistsError), [HEAD]
    ),
    Cost("append to nothing", nothing, write("bucket/key", "ab", b"x"), [HEAD, PUT]),
    Cost("append to a small object", small, write("bucket/key", "ab", b"x"), [HEAD, TAGS, GET, PUT]),
    Cost(
        "append to a large object",
        large,
        write("bucket/key", "ab", b"x"),
        [HEAD, TAGS, BEGIN, PART_COPY, PART, COMPLETE],
    ),
    # Copying
    Cost("cp_file", small, call("cp_file", "bucket/key", "bucket/copy"), [HEAD, COPY]),
    Cost("cp_file of nothing", nothing, refused("cp_file", "bucket/key", "bucket/copy"), [HEAD]),
    Cost("copy of one", small, call("copy", "bucket/key", "bucket/copy"), [LIST, HEAD, COPY]),
    Cost(
        "copy of a directory",
        tree,
        call("copy", "bucket/dir", "bucket/new", recursive=True),
        [LIST, LIST, *[HEAD, COPY] * 3],
    ),
    Cost("mv_file", small, call("mv_file", "bucket/key", "bucket/moved"), [HEAD, COPY, DELETE]),
    Cost("mv of one", small, call("mv", "bucket/key", "bucket/moved"), [LIST, HEAD, COPY, DELETE]),
    Cost("mv onto itself", small, call("mv", "bucket/key", "bucket/key"), [LIST]),
    Cost(
        "mv of a directory",
        tree,
        call("mv", "bucket/dir", "bucket/new", recursive=True),
        [LIST, LIST, *[HEAD, COPY] * 3, LIST, DELETE],
    ),
    Cost(
        "merge of two",
        two_parts,
        call("merge", "bucket/whole", ["bucket/a", "bucket/b"]),
        [HEAD, HEAD, BEGIN, PART_COPY, PART_COPY, COMPLETE],
    ),
    # From and to local files
    Cost("put of one small file", local_small, put("file", "bucket/key"), [LIST, PUT]),
    Cost("put of one small file into a directory", local_small, put("file", "bucket/dir/"), [PUT]),
    Cost("put of one large file", local_large, put("file", "bucket/key"), [LIST, BEGIN, PART, PART, PART, COMPLETE]),
    Cost("put of a directory", local_tree, put("tree", "bucket/new", recursive=True), [LIST, PUT, PUT, PUT]),
    Cost("put_file", local_small, lambda world: world.fs.put_file(f"{world.local}/file", "bucket/key"), [PUT]),
    Cost("get of one file", small, get("bucket/key", "down"), [GET]),
    Cost("get of five blocks", large, get("bucket/key", "down"), [GET] * 5),
    Cost("get of a directory", tree, get("bucket/dir", "down", recursive=True), [LIST, GET, GET, GET]),
    Cost("get of a pattern", tree, get("bucket/dir/a*", "down/"), [HEAD, LIST, GET, GET]),
    Cost("get_file", small, lambda world: world.fs.get_file("bucket/key", f"{world.local}/down"), [GET]),
    # Deleting, directories and buckets
    Cost("rm_file", small, call("rm_file", "bucket/key"), [DELETE]),
    Cost("rm of one", small, call("rm", "bucket/key"), [DELETE]),
    Cost("rm of nothing recursive", nothing, refused("rm", "bucket/key", True), [LIST]),
    Cost("rm of a list", tree, call("rm", ["bucket/dir/a1", "bucket/dir/a2", "bucket/top"]), [DELETE]),
    Cost("rm of 2500 keys", many, call("rm", [f"bucket/dir/{number:04}" for number in range(2500)]), [DELETE] * 3),
    Cost("rm of a pattern", tree, call("rm", "bucket/dir/a*"), [HEAD, LIST, DELETE]),
    Cost("rm of a directory", tree, call("rm", "bucket/dir", recursive=True), [LIST, DELETE]),
    Cost("rm of a directory of 2500 keys", many, call("rm", "bucket/dir", recursive=True), [LIST] * 3 + [DELETE] * 3),
    Cost("mkdir below a bucket", nothing, call("mkdir", "bucket/dir"), []),
    Cost("makedirs below a bucket", nothing, call("makedirs", "bucket/dir/sub", exist_ok=True), []),
    Cost("mkdir of a bucket", nothing, call("mkdir", "fresh"), ["create_bucket"]),
    Cost("makedirs of a bucket that is there", nothing, call("makedirs", "bucket", exist_ok=True), ["head_bucket"]),
    # What there is about an object
    Cost("metadata", small, call("metadata", "bucket/key"), [HEAD]),
    Cost("getxattr", small, call("getxattr", "bucket/key", "name"), [HEAD]),
    Cost("setxattr", small, call("setxattr", "bucket/key", name="value"), [HEAD, COPY]),
    Cost("get_tags", small, call("get_tags", "bucket/key"), ["get_object_tagging"]),
    Cost("put_tags", small, call("put_tags", "bucket/key", {"a": "b"}), ["put_object_tagging"]),
    Cost(
        "put_tags to merge",
        small,
        call("put_tags", "bucket/key", {"a": "b"}, mode="m"),
        ["get_object_tagging", "put_object_tagging"],
    ),
    Cost("chmod", small, call("chmod", "bucket/key", "public-read"), ["put_object_acl"]),
    Cost(
        "chmod recursive", tree, call("chmod", "bucket/dir", "private", recursive=True), [LIST, *["put_object_acl"] * 3]
    ),
    # Signing is the transport's, and sends nothing over the wire.
    Cost("url", small, call("url", "bucket/key"), ["presigned_url"]),
    Cost("sign", small, call("sign", "bucket/key"), ["presigned_url"]),
    Cost("object_version_info", small, call("object_version_info", "bucket/key"), ["list_object_versions"]),
    Cost("is_bucket_versioned", nothing, call("is_bucket_versioned", "bucket"), ["get_bucket_versioning"]),
    Cost("make_bucket_versioned", nothing, call("make_bucket_versioned", "bucket"), ["put_bucket_versioning"]),
    Cost("list_multipart_uploads", nothing, call("list_multipart_uploads", "bucket"), ["list_multipart_uploads"]),
]


@pytest.mark.parametrize("cost", COSTS, ids=lambda cost: cost.name)
def test_an_operation_sends_just_these_requests(world: World, cost: Cost) -> None:
    cost.prepare(world)
    world.face.recording.taken()
    cost.operate(world)
    # Which of several parallel requests goes first is nobody's business.
    assert sorted(world.face.recording.taken()) == sorted(cost.requests)


def test_clearing_uploads_is_a_listing_and_an_abort_for_each(world: World) -> None:
    for key in "ab":
        asyncio.run(world.face.memory.create_multipart_upload(ObjectRef("bucket", key)))
    world.fs.clear_multipart_uploads("bucket")
    assert world.face.recording.taken() == ["list_multipart_uploads", *["abort_multipart_upload"] * 2]


@pytest.mark.parametrize("method", ["isdir", "exists", "info"])
def test_a_look_for_a_directory_asks_for_one_key_only(world: World, method: str) -> None:
    many(world)
    world.face.recording.taken()
    getattr(world.fs, method)("bucket/dir")
    *_, (_, options) = world.face.recording.arguments
    assert (options["prefix"], options["max_keys"]) == ("dir/", 1)


@pytest.mark.parametrize(
    ("pattern", "prefix"),
    [
        ("bucket/dir/a*", "dir/a"),
        ("bucket/dir/*", "dir/"),
        ("bucket/d*/a?", "d"),
        ("bucket/dir/sub/**", "dir/sub/"),
        ("bucket/dir/[ab]1", "dir/"),
        ("bucket/*", ""),
    ],
)
def test_glob_lists_only_what_begins_like_its_pattern(world: World, pattern: str, prefix: str) -> None:
    tree(world)
    world.face.recording.taken()
    assert world.fs.glob(pattern)
    ((_, options),) = world.face.recording.arguments
    assert options["prefix"] == prefix


def test_ranges_that_are_read_together_are_one_range_of_the_object(world: World) -> None:
    small(world)
    world.face.recording.taken()
    assert world.fs.cat_ranges(["bucket/key"] * 3, [7, 0, 4], [9, 2, 5]) == [b"78", b"01", b"4"]
    (((_, byte_range), _),) = world.face.recording.arguments
    assert (byte_range.start, byte_range.stop) == (0, 9)


def test_a_kept_listing_saves_the_listing_and_nothing_else(make_face: Callable[..., Face]) -> None:
    face = make_face(use_listings_cache=True)
    face.put("dir/a")
    for method, requests in [("ls", [LIST]), ("ls", []), ("info", [HEAD, LIST]), ("isdir", [LIST]), ("find", [LIST])]:
        face.recording.taken()
        face.call(method, "bucket/dir")
        assert face.recording.taken() == requests, method
