"""What fsspec's callbacks are told: bytes of an object as its parts move, and objects as they are done."""

from __future__ import annotations

import asyncio
import io
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fsspec.callbacks import DEFAULT_CALLBACK, Callback, TqdmCallback
from typing_extensions import override

from pyathena.filesystem import transfer
from pyathena.runtime import drive
from pyathena.testing.faults import BreakOff, Fail, FaultyTransport
from pyathena.transport import InMemoryTransport, ObjectRef, S3ServerError
from tests.filesystem.faces import Face

MIB = 2**20
LARGE = 12 * MIB
MakeFace = Callable[..., Face]


class Seen(Callback):
    """Takes note of all that it is told, and with ``branches`` has a callback for each object."""

    def __init__(self, *, branches: bool = True) -> None:
        super().__init__()
        self.branches = branches
        self.sizes: list[int] = []
        self.updates: list[int] = []
        self.of: dict[tuple[str, str], Seen] = {}
        self.closed = False
        self._busy = threading.Lock()

    @override
    def set_size(self, size: Any) -> None:
        self._note(self.sizes, size)

    @override
    def relative_update(self, inc: Any = 1) -> None:
        self._note(self.updates, inc)

    @override
    def branched(self, path_1: Any, path_2: Any, **kwargs: Any) -> Callback:
        if not self.branches:
            return DEFAULT_CALLBACK
        child = self.of[path_1, path_2] = Seen()
        child._busy = self._busy
        return child

    @override
    def __exit__(self, *raised: object) -> None:
        self.closed = True

    def _note(self, where: list[int], what: int) -> None:
        assert self._busy.acquire(blocking=False), "two threads at once"
        time.sleep(0)  # let others come, if they can
        where.append(what)
        self._busy.release()


@pytest.fixture
def tree(face: Face, tmp_path: Path) -> dict[str, bytes]:
    """Ten objects below ``bucket/from``, and the same as files."""
    tree = {f"{number}": bytes(number) for number in range(1, 11)}
    (tmp_path / "from").mkdir()
    for name, data in tree.items():
        face.put(f"from/{name}", data)
        (tmp_path / "from" / name).write_bytes(data)
    return tree


@pytest.mark.parametrize("operation", ["put_file", "get_file", "cat_file", "pipe_file", "cp_file", "mv_file"])
def test_a_large_object_is_told_by_its_parts(
    face: Face, operation: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "_COPY_AT_ONCE", 5 * MIB)
    monkeypatch.setattr(transfer, "_COPY_PART", 5 * MIB)
    local, data, seen = tmp_path / "local", bytes(LARGE), Seen()
    local.write_bytes(data)
    face.put("key", data)
    arguments: dict[str, list[Any]] = {
        "put_file": [str(local), "bucket/other"],
        "get_file": ["bucket/key", str(tmp_path / "other")],
        "cat_file": ["bucket/key"],
        "pipe_file": ["bucket/other", data],
        "cp_file": ["bucket/key", "bucket/other"],
        "mv_file": ["bucket/key", "bucket/other"],
    }
    face.call(operation, *arguments[operation], callback=seen)
    assert seen.sizes == [LARGE]
    assert sum(seen.updates) == LARGE
    assert 3 <= len(seen.updates) <= 12
    assert min(seen.updates) > 0


def run_many(face: Face, operation: str, callback: Callback, tmp_path: Path, tree: dict[str, bytes]) -> None:
    arguments: dict[str, list[Any]] = {
        "put": [f"{tmp_path}/from/", "bucket/to/"],
        "get": ["bucket/from/", f"{tmp_path}/to/"],
        "copy": ["bucket/from/", "bucket/to/"],
        "mv": ["bucket/from/", "bucket/to/"],
        "cat": ["bucket/from"],
        "pipe": [{f"bucket/to/{name}": data for name, data in tree.items()}],
    }
    recursive = {} if operation == "pipe" else {"recursive": True}
    face.call(operation, *arguments[operation], callback=callback, **recursive)


@pytest.mark.parametrize("operation", ["put", "get", "copy", "mv", "cat", "pipe"])
def test_many_objects_are_told_one_by_one_and_the_bytes_of_each_to_its_branch(
    face: Face, operation: str, tmp_path: Path, tree: dict[str, bytes]
) -> None:
    seen = Seen()
    run_many(face, operation, seen, tmp_path, tree)
    assert (seen.sizes, seen.updates) == ([10], [1] * 10)
    assert {Path(source or target).name: child.updates for (source, target), child in seen.of.items()} == {
        name: [len(data)] for name, data in tree.items()
    }
    assert all(child.closed and child.sizes == child.updates for child in seen.of.values())


@pytest.mark.parametrize("operation", ["put", "get", "copy", "mv", "cat", "pipe"])
def test_many_objects_are_told_to_a_callback_that_has_no_branches(
    face: Face, operation: str, tmp_path: Path, tree: dict[str, bytes]
) -> None:
    seen = Seen(branches=False)
    run_many(face, operation, seen, tmp_path, tree)
    assert (seen.sizes, seen.updates) == ([10], [1] * 10)


def test_a_single_object_moves_a_callback_that_has_no_branches(face: Face, tmp_path: Path) -> None:
    face.put("key", bytes(LARGE))
    for operation, target in (("get", [str(tmp_path / "down")]), ("cat", []), ("copy", ["bucket/other"])):
        seen = Seen(branches=False)
        face.call(operation, "bucket/key", *target, callback=seen)
        assert seen.sizes == [1, LARGE]
        assert sum(seen.updates) == LARGE
    face.call("put", str(tmp_path / "down"), "bucket/up", callback=(seen := Seen()))
    assert (seen.sizes, seen.updates) == ([1], [1])
    (child,) = seen.of.values()
    assert sum(child.updates) == LARGE


def test_deleting_is_told_by_the_keys_of_each_request(face: Face) -> None:
    for number in range(2500):
        drive(face.memory.put_object(ObjectRef("bucket", f"many/{number}"), b""))
    seen = Seen()
    face.call("rm", "bucket/many", recursive=True, callback=seen)
    assert seen.sizes == [2500]
    assert sorted(seen.updates) == [500, 1000, 1000]


def test_nobody_is_told_more_than_a_thousand_times(make_face: MakeFace) -> None:
    face = make_face(default_block_size=1)
    face.put("key", bytes(3000))
    seen = Seen()
    assert face.call("cat_file", "bucket/key", callback=seen) == bytes(3000)
    assert sum(seen.updates) == 3000
    assert len(seen.updates) <= 1000


def test_what_is_tried_again_is_told_once(make_face: MakeFace, tmp_path: Path) -> None:
    faulty = FaultyTransport(InMemoryTransport(buckets=["bucket"]))
    faulty.script.on("upload_part", 2, Fail(S3ServerError))
    faulty.script.on("get_object_range", 2, BreakOff(1000))
    face = make_face(transport=faulty)
    data = bytes(LARGE)
    face.call("pipe_file", "bucket/key", data, callback=(up := Seen()))
    face.call("get_file", "bucket/key", str(tmp_path / "file"), callback=(down := Seen()))
    assert len([call for call in faulty.calls if call.operation == "upload_part"]) == 4
    assert sum(up.updates) == sum(down.updates) == LARGE
    assert min(up.updates + down.updates) > 0


def test_what_begins_anew_since_the_object_was_replaced_is_told_from_its_begin(make_face: MakeFace) -> None:
    face = make_face(on_replaced="reopen", retry=None)
    face.put("key", bytes(3 * MIB))

    async def replace(operation: str) -> None:
        if face.recording.requests.count("get_object_range") == 2:
            await face.memory.put_object(ObjectRef("bucket", "key"), bytes(2 * MIB + 1))

    face.recording.before = replace
    seen = Seen()
    assert len(face.call("cat_file", "bucket/key", max_concurrency=1, callback=seen)) == 2 * MIB + 1
    assert seen.sizes == [3 * MIB, 2 * MIB + 1]
    assert seen.updates == [MIB, -MIB, MIB, MIB, 1]


class Failing(Callback):
    """Fails when it is told of something for the second time."""

    @override
    def relative_update(self, inc: Any = 1) -> None:
        super().relative_update(inc)
        if self.value > inc:
            raise KeyError("the callback fails")


def test_a_callback_that_raises_ends_an_upload_which_leaves_nothing(face: Face) -> None:
    with pytest.raises(KeyError, match="the callback fails"):
        face.call("pipe_file", "bucket/key", bytes(LARGE), callback=Failing())
    assert not drive(face.memory.list_objects("bucket")).objects
    assert not drive(face.memory.list_multipart_uploads("bucket")).uploads


def test_a_callback_that_raises_ends_a_download_which_leaves_no_file(face: Face, tmp_path: Path) -> None:
    face.put("key", bytes(LARGE))
    with pytest.raises(KeyError, match="the callback fails"):
        face.call("get", "bucket/key", str(tmp_path / "file"), callback=Failing())
    assert list(tmp_path.iterdir()) == []


def test_the_bar_of_tqdm_moves_while_one_large_object_does(face: Face, tmp_path: Path) -> None:
    face.put("key", bytes(LARGE))
    shown = io.StringIO()
    with TqdmCallback(tqdm_kwargs={"file": shown, "mininterval": 0, "bar_format": "{n}/{total};"}) as bar:
        face.call("get", "bucket/key", str(tmp_path / "file"), callback=bar)
    steps = [int(done) for done in re.findall(rf"(\d+)/{LARGE};", shown.getvalue())]
    assert steps == sorted(steps)
    assert len(set(steps)) >= 5
    assert steps[-1] == LARGE


def test_writing_in_a_transaction_is_told_when_the_bytes_are_handed_over(face: Face) -> None:
    seen = Seen()

    async def program() -> None:
        async with face.fs.transaction:
            await face.fs._pipe_file("bucket/key", b"data", callback=seen)
            assert (seen.sizes, seen.updates) == ([4], [4])

    if getattr(face.fs, "asynchronous", False):
        asyncio.run(program())
        return
    with face.fs.transaction:
        face.fs.pipe_file("bucket/key", b"data", callback=seen)
        assert (seen.sizes, seen.updates) == ([4], [4])
