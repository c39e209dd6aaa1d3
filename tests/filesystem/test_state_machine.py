"""Random sequences of operations, after each of which the filesystem holds what a dict would hold.

Keys come from a small alphabet, so that they collide: one is the directory of another, one matches another as a
pattern, one differs by a slash.
"""

from __future__ import annotations

import asyncio
import io
import itertools
import random
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from typing_extensions import override

from pyathena.filesystem.s3 import AioS3FileSystem, S3FileSystem
from pyathena.transport import MIN_PART_SIZE, InMemoryTransport
from tests.filesystem.adapter import CoroutinesOnly

KIB: Final = 2**10
MIB: Final = 2**20

KEYS: Final = ["a", "a/", "a/b", "a/b/c", "a//b", "a[b]", "ab", "é", "a b", "x?y", "xzy", "/a"]
PLACES: Final = [*KEYS, "", "a//", "/", "missing", "é/"]
TARGETS: Final = ["a", "a/", "a/b", "ab", "é", "x?y", "", "missing", "missing/"]
PATTERNS: Final = {
    "*": r"[^/]+",
    "a*": r"a[^/]*",
    "a/*": r"a/[^/]+",
    "*/*": r"[^/]+/[^/]+",
    "?": r"[^/]",
    "a?b": r"a[^/]b",
    "[ax]*": r"[ax][^/]*",
    "a//*": r"a//[^/]+",
    "**/c": r"(.*/)?c",
    "missing*": r"missing[^/]*",
}
"""Patterns, and what they mean as regular expressions."""

BYTES: Final = random.Random(11).randbytes(12 * MIB)


class Value(NamedTuple):
    """Some bytes, told by where they are: hypothesis prints what it passes."""

    start: int
    size: int

    @property
    def data(self) -> bytes:
        return BYTES[self.start : self.start + self.size]


# Within a range, or several of them; and one in some has more than two parts.
SMALL: Final = st.builds(Value, st.integers(0, MIB), st.integers(0, 12) | st.integers(31 * KIB, 100 * KIB))
LARGE: Final = st.builds(Value, st.integers(0, MIB), st.just(11 * MIB))
VALUES: Final = st.sampled_from([SMALL] * 9 + [LARGE]).flatmap(lambda values: values)
BUCKETS: Final = st.sampled_from([0, 0, 0, 1])
ANY_KEY: Final = st.sampled_from(KEYS)
PLACE: Final = st.sampled_from(PLACES)
NAMES: Final = st.tuples(BUCKETS, ANY_KEY)
# A name, or the number of one of the objects that are there.
AIMS: Final = NAMES | st.integers(0, 20)
COPY_OR_MV: Final = st.sampled_from(["copy", "mv"])
BOUND: Final = st.none() | st.integers(0, 15) | st.integers(-15, 15) | st.integers(-110 * KIB, 110 * KIB)


class StoppedError(Exception):
    """What a program raises while it writes."""


def same(found: bytes, expected: bytes) -> None:
    """Compare what may be large: pytest would take minutes to show the difference."""
    if found != expected:
        pairs = zip(found, expected, strict=False)
        at = next((at for at, (ours, theirs) in enumerate(pairs) if ours != theirs), min(len(found), len(expected)))
        raise AssertionError(f"{len(found)} bytes rather than {len(expected)}, different from byte {at} on")


def as_prefix(key: str) -> str:
    """Return what begins the keys that are in a directory."""
    return f"{key}/" if key and not key.endswith("/") else key


def shown(directory: str) -> str:
    """Return the name of a directory: without its slash, unless that is all it has to its name."""
    return directory if directory.endswith("//") else directory.removesuffix("/")


class FilesystemMachine(RuleBasedStateMachine):
    """Does the same to a filesystem and to a dict of keys and bytes for each bucket.

    Args:
        fs: a filesystem that is used as a synchronous one.
        buckets: the names of two empty buckets.
        look_everywhere: list every directory after each step, so that a kept listing must be true.
        end: called when the machine is done.
    """

    def __init__(
        self, fs: Any, buckets: list[str], *, look_everywhere: bool = True, end: Callable[[], object] = lambda: None
    ) -> None:
        super().__init__()
        self.fs = fs
        self.buckets = buckets
        self.model: dict[str, dict[str, bytes]] = {bucket: {} for bucket in buckets}
        self.look_everywhere = look_everywhere
        self.end = end
        self._local = tempfile.TemporaryDirectory()
        self.local = Path(self._local.name)

    @override
    def teardown(self) -> None:
        try:
            for bucket, objects in self.model.items():
                for key, data in objects.items():
                    same(self.fs.cat_file(f"s3://{bucket}/{key}"), data)
        finally:
            self._local.cleanup()
            self.end()

    # --- the dict --------------------------------------------------------------------------------

    def path(self, name: tuple[int, str]) -> str:
        """Return the path of a key, or of a bucket."""
        number, key = name
        return f"s3://{self.buckets[number]}/{key}"

    def objects(self, name: tuple[int, str]) -> dict[str, bytes]:
        """Return what is in the bucket of a name."""
        return self.model[self.buckets[name[0]]]

    def get(self, name: tuple[int, str]) -> bytes | None:
        """Return what an object should hold; None if there should be none."""
        return self.objects(name).get(name[1])

    def note(self, name: tuple[int, str], data: bytes) -> None:
        """Note what was written."""
        self.objects(name)[name[1]] = data

    def sources(self) -> list[tuple[int, str]]:
        """Return the objects that `copy` and `mv` may be given: a slash at the end means a directory to them."""
        return [
            (number, key)
            for number, bucket in enumerate(self.buckets)
            for key in sorted(self.model[bucket])
            if not key.endswith("/")
        ]

    def is_directory(self, name: tuple[int, str]) -> bool:
        """Tell whether there should be a directory."""
        return not name[1] or any(key.startswith(as_prefix(name[1])) for key in self.objects(name))

    def is_marker(self, name: tuple[int, str]) -> bool:
        """Tell whether a key should only be there to stand for a directory."""
        return name[1].endswith("/") and self.get(name) == b""

    def is_file(self, name: tuple[int, str]) -> bool:
        """Tell whether there should be an object that stands for no directory."""
        return self.get(name) is not None and not self.is_marker(name)

    def files(self, name: tuple[int, str]) -> dict[str, int]:
        """Return name and size of what `find` should find below a place."""
        number, place = name
        prefix, bucket = as_prefix(place), self.buckets[number]
        below = {key: data for key, data in self.objects(name).items() if key.startswith(prefix)}
        if not below and place in self.objects(name):
            below = {place: self.objects(name)[place]}
        return {f"{bucket}/{key}": len(below[key]) for key in sorted(below) if below[key] or not key.endswith("/")}

    def listing(self, name: tuple[int, str]) -> list[tuple[str, str, int]] | None:
        """Return name, type and size of what `ls` should list; None if there should be nothing to list."""
        number, place = name
        prefix, bucket = as_prefix(place), self.buckets[number]
        found: set[tuple[str, str, int]] = set()
        if not self.is_directory(name):
            data = self.get(name)
            return None if data is None else [(f"{bucket}/{place}", "file", len(data))]
        for key, data in self.objects(name).items():
            if not key.startswith(prefix):
                continue
            first, slash, _ = key.removeprefix(prefix).partition("/")
            if slash:
                found.add((shown(f"{bucket}/{prefix}{first}/"), "directory", 0))
            elif key != prefix or data:
                found.add((f"{bucket}/{key}", "file", len(data)))
        return sorted(found)

    def names(self, number: int) -> set[str]:
        """Return the objects and directories of a bucket that a pattern may match."""
        bucket = self.buckets[number]
        found = {name.removeprefix(f"{bucket}/") for name in self.files((number, ""))}
        for key in self.model[bucket]:
            found |= {key[:at] for at, character in enumerate(key) if character == "/" and key[:at]}
        return found

    def aimed(self, aim: tuple[int, str] | int) -> tuple[int, str]:
        """Return the name that is meant: of any key, or of an object that is there if there is one."""
        if not isinstance(aim, int):
            return aim
        there = [(number, key) for number, bucket in enumerate(self.buckets) for key in sorted(self.model[bucket])]
        return there[aim % len(there)] if there else (0, "a")

    @contextmanager
    def unless(self, wrong: bool, error: type[BaseException]) -> Iterator[None]:
        """Expect an error if something is wrong."""
        if wrong:
            with pytest.raises(error):
                yield
        else:
            yield

    # --- what changes something ------------------------------------------------------------------

    @initialize(names=st.sets(NAMES, max_size=8), value=SMALL)
    def begin_with_some(self, names: set[tuple[int, str]], value: Value) -> None:
        self.fs.pipe({self.path(name): value.data for name in names})
        for name in names:
            self.note(name, value.data)

    @rule(name=NAMES, value=VALUES)
    def pipe_file(self, name: tuple[int, str], value: Value) -> None:
        self.fs.pipe_file(self.path(name), value.data)
        self.note(name, value.data)

    @rule(name=NAMES, value=SMALL)
    def pipe_file_to_create(self, name: tuple[int, str], value: Value) -> None:
        there = self.get(name) is not None
        with self.unless(there, FileExistsError):
            self.fs.pipe_file(self.path(name), value.data, mode="create")
        if not there:
            self.note(name, value.data)

    @rule(name=NAMES, value=VALUES)
    def put_file(self, name: tuple[int, str], value: Value) -> None:
        (self.local / "up").write_bytes(value.data)
        self.fs.put_file(str(self.local / "up"), self.path(name))
        self.note(name, value.data)

    @rule(name=NAMES, values=st.lists(VALUES, max_size=4))
    def write(self, name: tuple[int, str], values: list[Value]) -> None:
        with self.fs.open(self.path(name), "wb") as file:
            for value in values:
                assert file.write(value.data) == value.size
        self.note(name, b"".join(value.data for value in values))

    @rule(name=NAMES, value=SMALL)
    def write_to_create(self, name: tuple[int, str], value: Value) -> None:
        there = self.get(name) is not None
        with self.unless(there, FileExistsError), self.fs.open(self.path(name), "xb") as file:
            file.write(value.data)
        if not there:
            self.note(name, value.data)

    @rule(aim=AIMS, values=st.lists(VALUES, max_size=3))
    def append(self, aim: tuple[int, str] | int, values: list[Value]) -> None:
        name = self.aimed(aim)
        before = self.get(name) or b""
        if len(before) > 40 * MIB:
            return
        with self.fs.open(self.path(name), "ab") as file:
            for value in values:
                file.write(value.data)
        self.note(name, before + b"".join(value.data for value in values))

    @rule(name=NAMES, large=LARGE, value=VALUES)
    def append_to_a_large_object(self, name: tuple[int, str], large: Value, value: Value) -> None:
        self.pipe_file(name, large)
        self.append(name, [value])

    @rule(aim=AIMS, value=VALUES, mode=st.sampled_from(["wb", "ab"]))
    def raise_while_writing(self, aim: tuple[int, str] | int, value: Value, mode: str) -> None:
        name = self.aimed(aim)
        with pytest.raises(StoppedError), self.fs.open(self.path(name), mode) as file:
            file.write(value.data)
            raise StoppedError

    @rule(aim=AIMS, truncate=st.booleans())
    def touch(self, aim: tuple[int, str] | int, truncate: bool) -> None:
        name = self.aimed(aim)
        self.fs.touch(self.path(name), truncate=truncate)
        if truncate or self.get(name) is None:
            self.note(name, b"")

    @rule(aim=AIMS, to=NAMES, method=st.sampled_from(["cp_file", "mv_file"]))
    def cp_file_or_mv_file(self, aim: tuple[int, str] | int, to: tuple[int, str], method: str) -> None:
        source = self.aimed(aim)
        if source == to:
            return
        data = self.get(source)
        with self.unless(data is None, FileNotFoundError):
            getattr(self.fs, method)(self.path(source), self.path(to))
        if data is not None:
            self.note(to, data)
            if method == "mv_file":
                del self.objects(source)[source[1]]

    @precondition(lambda self: self.sources())
    @rule(which=st.integers(0, 20), to=st.tuples(BUCKETS, st.sampled_from(TARGETS)), method=COPY_OR_MV)
    def copy_or_mv(self, which: int, to: tuple[int, str], method: str) -> None:
        sources = self.sources()
        source = sources[which % len(sources)]
        number, place = reached = to
        if self.is_directory(to) or place.endswith("/"):
            # Into a directory, under its own name.
            reached = (number, as_prefix(place) + source[1].rpartition("/")[2])
        if reached == source and method == "copy":
            return
        getattr(self.fs, method)(self.path(source), self.path(to))
        if reached != source:
            self.note(reached, self.objects(source)[source[1]])
            if method == "mv":
                del self.objects(source)[source[1]]

    @rule(number=BUCKETS, place=st.sampled_from(["a", "a/b"]), method=COPY_OR_MV)
    def copy_or_mv_a_directory(self, number: int, place: str, method: str) -> None:
        source = (number, place)
        if not self.is_directory(source) or self.is_marker((number, f"{place}/")):
            return
        # To the other bucket, so that no target is a source as well.
        to = (1 - number, "new")
        root = "new/" + place.rpartition("/")[2] if self.is_directory(to) else "new"
        getattr(self.fs, method)(self.path(source), self.path(to), recursive=True)
        for key, data in list(self.objects(source).items()):
            if key.startswith(f"{place}/"):
                self.note((1 - number, root + key.removeprefix(place)), data)
                if method == "mv":
                    del self.objects(source)[key]

    @rule(name=NAMES)
    def rm_file(self, name: tuple[int, str]) -> None:
        self.fs.rm_file(self.path(name))
        self.objects(name).pop(name[1], None)

    @rule(names=st.lists(NAMES, min_size=1, max_size=5))
    def rm_several(self, names: list[tuple[int, str]]) -> None:
        # A key that is not there is nothing to rm, and a pattern that matches nothing an error.
        names = [name for name in names if self.get(name) is not None or not set("?[") & set(name[1])]
        self.fs.rm([self.path(name) for name in names])
        for name in names:
            self.objects(name).pop(name[1], None)

    @rule(
        number=BUCKETS,
        pattern=st.sampled_from([("a[b]", r"ab"), ("x?y", r"x[^/]y"), ("a/?", r"a/[^/]"), ("é*", r"é[^/]*")]),
    )
    def rm_a_pattern(self, number: int, pattern: tuple[str, str]) -> None:
        asked, meant = pattern
        objects = self.model[self.buckets[number]]
        # A directory that matches is no object to delete, but neither is it nothing.
        matches = [asked] if asked in objects else [key for key in self.names(number) if re.fullmatch(meant, key)]
        with self.unless(not matches, FileNotFoundError):
            self.fs.rm(self.path((number, asked)))
        for key in matches:
            objects.pop(key, None)

    @rule(name=st.tuples(BUCKETS, st.sampled_from(["a", "a/", "a/b", "a//", "é", "new", "missing", ""])))
    def rm_recursive(self, name: tuple[int, str]) -> None:
        number, place = name
        objects = self.objects(name)
        doomed = [key for key in objects if key == place or key.startswith(as_prefix(place))]
        with self.unless(bool(place) and not doomed, FileNotFoundError):
            removed = self.fs.rm(self.path(name), recursive=True)
            assert sorted(removed) == sorted(f"{self.buckets[number]}/{key}" for key in doomed)
        for key in doomed:
            del objects[key]

    # --- what reads ------------------------------------------------------------------------------

    @rule(aim=AIMS, start=BOUND, end=BOUND)
    def cat_file(self, aim: tuple[int, str] | int, start: int | None, end: int | None) -> None:
        name = self.aimed(aim)
        data = self.get(name)
        with self.unless(data is None, FileNotFoundError):
            same(self.fs.cat_file(self.path(name), start=start, end=end), (data or b"")[start:end])

    @rule(
        aims=st.lists(AIMS, min_size=1, max_size=2),
        asked=st.lists(st.tuples(st.integers(0, 1), BOUND, BOUND), max_size=8),
        max_gap=st.sampled_from([None, 0, 1000]),
    )
    def cat_ranges(
        self,
        aims: list[tuple[int, str] | int],
        asked: list[tuple[int, int | None, int | None]],
        max_gap: int | None,
    ) -> None:
        names = [self.aimed(aims[which % len(aims)]) for which, _, _ in asked]
        starts, ends = [start for _, start, _ in asked], [end for _, _, end in asked]
        results = self.fs.cat_ranges([self.path(name) for name in names], starts, ends, max_gap=max_gap)
        for result, name, start, end in zip(results, names, starts, ends, strict=True):
            data = self.get(name)
            if data is None:
                assert isinstance(result, FileNotFoundError)
            else:
                same(result, data[start:end])

    @rule(names=st.lists(NAMES, min_size=1, max_size=4, unique=True))
    def cat_several(self, names: list[tuple[int, str]]) -> None:
        missing = [name for name in names if self.get(name) is None and not set("?[/") & set(name[1])]
        names = [name for name in names if name in self.sources()] + missing
        if not names:
            return
        found = self.fs.cat([self.path(name) for name in names], on_error="omit")
        expected = {self.path(name).removeprefix("s3://"): self.get(name) for name in names}
        assert found.keys() == {path for path, data in expected.items() if data is not None}
        for path, data in found.items():
            same(data, expected[path] or b"")

    @rule(
        aim=AIMS,
        steps=st.lists(
            st.tuples(
                st.sampled_from(["read", "readline", "readinto"]),
                st.none() | st.integers(0, 110 * KIB),
                st.integers(0, 50_000),
            ),
            max_size=6,
        ),
    )
    def read_a_file(self, aim: tuple[int, str] | int, steps: list[tuple[str, int | None, int]]) -> None:
        name = self.aimed(aim)
        data = self.get(name)
        with self.unless(data is None, FileNotFoundError), self.fs.open(self.path(name), "rb") as file:
            expected = io.BytesIO(data or b"")
            for method, position, size in steps:
                if position is not None:
                    assert file.seek(position) == expected.seek(position)
                if method == "readinto":
                    ours, theirs = bytearray(size), bytearray(size)
                    assert file.readinto(ours) == expected.readinto(theirs)
                    same(bytes(ours), bytes(theirs))
                elif method == "readline":
                    same(file.readline(), expected.readline())
                else:
                    same(file.read(size), expected.read(size))
                assert file.tell() == expected.tell()
            same(file.read(), expected.read())

    @rule(name=NAMES)
    def get_file(self, name: tuple[int, str]) -> None:
        data = self.get(name)
        if data is None and self.is_directory(name):
            return
        with self.unless(data is None, FileNotFoundError):
            self.fs.get_file(self.path(name), str(self.local / "down"))
            same((self.local / "down").read_bytes(), data or b"")

    # --- what looks ------------------------------------------------------------------------------

    @rule(name=st.tuples(BUCKETS, PLACE))
    def look(self, name: tuple[int, str]) -> None:
        path = self.path(name)
        there = self.get(name) is not None or self.is_directory(name)
        assert self.fs.exists(path) is there
        assert self.fs.isdir(path) is self.is_directory(name)
        assert self.fs.isfile(path) is self.is_file(name)
        with self.unless(not there, FileNotFoundError):
            info = self.fs.info(path)
            expected = ("file", len(self.get(name) or b"")) if self.is_file(name) else ("directory", 0)
            assert (info["type"], info["size"]) == expected

    @rule(name=st.tuples(BUCKETS, PLACE))
    def ls(self, name: tuple[int, str]) -> None:
        self.check_listing(name)

    def check_listing(self, name: tuple[int, str]) -> None:
        """Compare what `ls` lists at a place."""
        expected = self.listing(name)
        with self.unless(expected is None, FileNotFoundError):
            found = self.fs.ls(self.path(name), detail=True)
            assert sorted((entry["name"], entry["type"], entry["size"]) for entry in found) == expected

    @rule(name=st.tuples(BUCKETS, PLACE))
    def find_and_du(self, name: tuple[int, str]) -> None:
        expected = self.files(name)
        assert self.fs.find(self.path(name)) == list(expected)
        assert self.fs.du(self.path(name)) == sum(expected.values())

    @rule(number=BUCKETS, pattern=st.sampled_from(sorted(PATTERNS)))
    def glob(self, number: int, pattern: str) -> None:
        bucket = self.buckets[number]
        expected = [f"{bucket}/{name}" for name in self.names(number) if re.fullmatch(PATTERNS[pattern], name)]
        assert self.fs.glob(self.path((number, pattern))) == sorted(expected)

    # --- what is always so -----------------------------------------------------------------------

    @invariant()
    def all_that_was_written_is_found_and_nothing_else(self) -> None:
        for number, bucket in enumerate(self.buckets):
            found = self.fs.find(f"s3://{bucket}", detail=True)
            assert {name: entry["size"] for name, entry in found.items()} == self.files((number, ""))
            assert list(found) == sorted(found)

    @invariant()
    def no_upload_is_left_open(self) -> None:
        for bucket in self.buckets:
            assert self.fs.list_multipart_uploads(bucket) == []

    @precondition(lambda self: self.look_everywhere)
    @invariant()
    def every_listing_is_true(self) -> None:
        for number in range(len(self.buckets)):
            for place in ("", "a", "a/b", "a//", "/", "new"):
                self.check_listing((number, place))


def over_memory(make: Callable[..., Any], **options: Any) -> FilesystemMachine:
    """Make a machine with a filesystem of its own, in which several ranges make a small object."""
    transport = InMemoryTransport(buckets=["one", "two"], minimum_part_size=MIN_PART_SIZE)
    fs = make(transport=transport, default_block_size=32 * KIB, **options)
    if not isinstance(fs, AioS3FileSystem):
        return FilesystemMachine(fs, ["one", "two"], end=fs.close)
    runner = asyncio.Runner()
    return FilesystemMachine(CoroutinesOnly(fs, runner.get_loop()), ["one", "two"], end=runner.close)


def by_coroutines(**options: Any) -> AioS3FileSystem:
    """Make a filesystem that is used from coroutines."""
    return AioS3FileSystem(asynchronous=True, **options)


SEQUENCES: Final = settings(max_examples=12, stateful_step_count=30, deadline=None)


def run(make: Callable[[], FilesystemMachine], sequences: settings) -> None:
    """Run machines that are made with arguments of their own."""
    run_state_machine_as_test(cast("type[RuleBasedStateMachine]", make), settings=sequences)


@pytest.mark.timeout(300)  # a failure takes a while to be made small
@pytest.mark.parametrize("keep_listings", [False, True], ids=["fresh listings", "kept listings"])
@pytest.mark.parametrize("make", [by_coroutines, S3FileSystem], ids=["coroutines", "without a loop"])
def test_a_filesystem_holds_what_a_dict_would_hold(make: Callable[..., Any], keep_listings: bool) -> None:
    run(lambda: over_memory(make, use_listings_cache=keep_listings), SEQUENCES)


@pytest.mark.timeout(300)  # as above
def test_a_filesystem_on_moto_holds_what_a_dict_would_hold(moto_endpoint: str) -> None:
    fs: Any = S3FileSystem(endpoint_url=moto_endpoint, default_block_size=MIB, allow_bucket_creation=True)
    numbers = itertools.count()

    def make() -> FilesystemMachine:
        buckets = [f"state-machine-{next(numbers)}" for _ in range(2)]
        for bucket in buckets:
            fs.mkdir(bucket)
        return FilesystemMachine(fs, buckets, look_everywhere=False)

    try:
        run(make, settings(SEQUENCES, max_examples=6, stateful_step_count=20))
    finally:
        fs.close()
