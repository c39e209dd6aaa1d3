"""Being cancelled, or failing, at every request of every operation: what was begun ends, and nothing is left behind."""

from __future__ import annotations

import asyncio
import io
import random
import shutil
import socket
import sys
import tempfile
import time
import uuid
import weakref
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import pytest
from typing_extensions import override

from pyathena.filesystem import engine, planning, transfer, writing
from pyathena.filesystem.s3 import AioS3FileSystem, S3FileSystem
from pyathena.runtime import drive
from pyathena.testing.faults import Exchange, Fail, FaultProxy, FaultyTransport, Hang, Stall
from pyathena.transport import (
    BlockingBoto3Transport,
    ByteRange,
    InMemoryTransport,
    ObjectRef,
    S3InvalidRangeError,
    S3ServerError,
    ThreadedBoto3Transport,
)
from tests.servers import KEY, SECRET

BLOCK: Final = 16 * 2**10
LARGE: Final = random.Random(3).randbytes(5 * BLOCK - 7)
OTHER: Final = bytes(reversed(LARGE))
AT_ONCE: Final = 0.5
"""Seconds within which what was cancelled must have ended: 0.05 are promised, but the machine may be busy."""


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (engine, transfer, writing):
        monkeypatch.setattr(module, "MIN_PART_SIZE", BLOCK)
    monkeypatch.setattr(planning, "_MIB", BLOCK)
    monkeypatch.setattr(transfer, "_COPY_AT_ONCE", BLOCK)
    monkeypatch.setattr(transfer, "_COPY_PART", BLOCK)


# --- what is done --------------------------------------------------------------------------------


async def read_on(fs: AioS3FileSystem) -> None:
    async with fs.open("bucket/large", "rb") as f:
        while await f.read(BLOCK // 3):
            pass


async def read_lines(fs: AioS3FileSystem) -> None:
    async with fs.open("bucket/dir/1", "r") as f:
        await f.readlines()


async def write_on(fs: AioS3FileSystem, mode: Literal["wb", "xb", "ab"] = "wb", key: str = "old") -> None:
    async with fs.open(f"bucket/{key}", mode) as f:
        for at in range(0, len(OTHER), 1000):
            await f.write(OTHER[at : at + 1000])


async def write_compressed(fs: AioS3FileSystem) -> None:
    async with fs.open("bucket/old", "wb", compression="gzip") as f:
        await f.write(OTHER)


async def write_text(fs: AioS3FileSystem) -> None:
    async with fs.open("bucket/old", "w", encoding="latin-1") as f:
        await f.write(OTHER.decode("latin-1"))


async def write_in_a_transaction(fs: AioS3FileSystem) -> None:
    async with fs.transaction:
        await write_on(fs)
        await write_on(fs, key="new")


class Operation(NamedTuple):
    """What is done to a filesystem, with the path of a local directory."""

    do: Callable[[Any, str], Awaitable[object]]
    whole: bool = True
    """Whether it either happens or does not: it makes no more than one object, or one local file, appear."""


READING: Final[Mapping[str, Operation]] = {
    "cat_file of a small object": Operation(lambda fs, _: fs._cat_file("bucket/dir/1")),
    "cat_file of a large object": Operation(lambda fs, _: fs._cat_file("bucket/large")),
    "cat_file of its end": Operation(lambda fs, _: fs._cat_file("bucket/large", start=-3 * BLOCK)),
    "cat": Operation(lambda fs, _: fs._cat("bucket/dir", recursive=True)),
    "cat_ranges": Operation(
        lambda fs, _: fs._cat_ranges(["bucket/large"] * 3, [0, -9, 2 * BLOCK], [9, None, 5 * BLOCK], on_error="raise")
    ),
    "info of a directory": Operation(lambda fs, _: fs._info("bucket/dir")),
    "ls": Operation(lambda fs, _: fs._ls("bucket/dir")),
    "glob": Operation(lambda fs, _: fs._glob("bucket/*/[0-3]")),
    "open and read on": Operation(lambda fs, _: read_on(fs)),
    "open and read lines": Operation(lambda fs, _: read_lines(fs)),
    "get_file": Operation(lambda fs, local: fs._get_file("bucket/large", f"{local}/got")),
    "get": Operation(lambda fs, local: fs._get("bucket/dir/", f"{local}/all/", recursive=True), whole=False),
}

WRITING: Final[Mapping[str, Operation]] = {
    "pipe_file of a small object": Operation(lambda fs, _: fs._pipe_file("bucket/old", b"new")),
    "pipe_file of a large object": Operation(lambda fs, _: fs._pipe_file("bucket/old", OTHER)),
    "pipe_file that creates": Operation(lambda fs, _: fs._pipe_file("bucket/new", OTHER, mode="create")),
    "pipe": Operation(lambda fs, _: fs._pipe({"bucket/old": OTHER, "bucket/new": b"new"}), whole=False),
    "open and write on": Operation(lambda fs, _: write_on(fs)),
    "open and create": Operation(lambda fs, _: write_on(fs, "xb", "new")),
    "open and append": Operation(lambda fs, _: write_on(fs, "ab")),
    "open and write compressed": Operation(lambda fs, _: write_compressed(fs)),
    "open and write text": Operation(lambda fs, _: write_text(fs)),
    "transaction": Operation(lambda fs, _: write_in_a_transaction(fs), whole=False),
    "put_file": Operation(lambda fs, local: fs._put_file(f"{local}/file", "bucket/old")),
    "put": Operation(lambda fs, local: fs._put(f"{local}/tree", "bucket/tree", recursive=True), whole=False),
    "cp_file": Operation(lambda fs, _: fs._cp_file("bucket/large", "bucket/new")),
    "copy": Operation(lambda fs, _: fs._copy("bucket/dir/", "bucket/new/", recursive=True), whole=False),
    "mv": Operation(lambda fs, _: fs._mv("bucket/large", "bucket/new"), whole=False),
    "merge": Operation(lambda fs, _: fs._merge("bucket/new", ["bucket/large", "bucket/old"])),
    "rm": Operation(lambda fs, _: fs._rm("bucket/dir", recursive=True), whole=False),
    "touch": Operation(lambda fs, _: fs._touch("bucket/new")),
    "setxattr": Operation(lambda fs, _: fs._setxattr("bucket/dir/1", mark="yes")),
}


class World:
    """A bucket with some objects, a directory with some files, and a filesystem whose requests can be met."""

    def __init__(self, local: Path, make: Callable[..., Any] = AioS3FileSystem) -> None:
        memory = InMemoryTransport(buckets=["bucket"])
        objects = {"large": LARGE, "old": LARGE, "dir/large": LARGE}
        objects |= {f"dir/{number}": f"line\n{number}".encode() for number in range(5)}
        for key, data in objects.items():
            drive(memory.put_object(ObjectRef("bucket", key), data))
        self.local = local
        (self.local / "tree").mkdir()
        for name in ("file", "tree/one", "tree/two"):
            (self.local / name).write_bytes(OTHER)
        (self.local / "got").write_bytes(b"old")
        self.transport = FaultyTransport(memory)
        self.fs = make(transport=self.transport, default_block_size=BLOCK, max_concurrency=4, **ASYNCHRONOUS[make])
        self.before = self.state()

    async def do(self, operation: Operation) -> None:
        await operation.do(self.fs, str(self.local))

    def state(self) -> dict[str, bytes]:
        """All objects and all files."""
        keys = [each.key for each in drive(self.transport.inner.list_objects("bucket")).objects]
        files = [path for path in self.local.rglob("*") if path.is_file()]
        return {f"s3://{key}": self._object(key) for key in keys} | {
            str(f.relative_to(self.local)): f.read_bytes() for f in files
        }

    def _object(self, key: str) -> bytes:
        with suppress(S3InvalidRangeError):
            return bytes(drive(self.transport.inner.get_object_range(ObjectRef("bucket", key), ByteRange(0))).data)
        return b""

    def check(self, operation: Operation, after: Mapping[str, bytes], *, untouched: bool) -> None:
        """Check that nothing is left of an operation that did not end well.

        Args:
            operation: which.
            after: what would be there if it had.
            untouched: the request that would have made something appear was not done.
        """
        assert self.transport.in_flight == 0
        assert drive(self.transport.inner.list_multipart_uploads("bucket")).uploads == ()
        found = self.state()
        if operation.whole:
            assert found == self.before or (not untouched and found == after)
        for name in found.keys() | self.before.keys():
            assert found.get(name) in (self.before.get(name), after.get(name)), name

    def close(self) -> None:
        """Let go of its threads and files."""
        self.fs._engine.runtime.close()
        shutil.rmtree(self.local)


ASYNCHRONOUS: Final[Mapping[Any, dict[str, bool]]] = {AioS3FileSystem: {"asynchronous": True}, S3FileSystem: {}}


@pytest.fixture
def make_world(tmp_path: Path) -> Iterator[Callable[..., World]]:
    """Makes worlds, each alike."""
    made: list[World] = []

    def make(face: Any = AioS3FileSystem) -> World:
        for before in made:
            before.close()
        made[:] = [World(Path(tempfile.mkdtemp(dir=tmp_path)), face)]
        return made[0]

    yield make
    for last in made:
        last.close()


def outcome(
    world: World, operation: Operation, run: Callable[[Any], Any] = asyncio.run
) -> tuple[int, dict[str, bytes]]:
    """Do it undisturbed; return how many requests it is, and what is there afterwards."""
    run(world.do(operation))
    assert world.transport.calls
    return len(world.transport.calls), world.state()


# --- being cancelled -----------------------------------------------------------------------------

Make: TypeAlias = Callable[..., World]
How: TypeAlias = Literal["cancelled", "cancelled twice", "timed out"]


async def interrupt(world: World, operation: Operation, hang: Hang, how: How, *, release: bool) -> float:
    """Interrupt an operation where it hangs; return how many seconds it took to end."""
    loop = asyncio.get_running_loop()
    clock = asyncio.timeout(None)

    async def timed() -> None:
        async with clock:
            await world.do(operation)

    task = asyncio.create_task(timed())
    entered = asyncio.create_task(hang.entered())
    await asyncio.wait([task, entered], return_when=asyncio.FIRST_COMPLETED)
    assert not task.done(), "the request was never sent"
    if how == "timed out":
        clock.reschedule(loop.time())
    else:
        task.cancel()
    for _ in range(3):
        await asyncio.sleep(0)
    if how == "cancelled twice":
        task.cancel()
    if release:
        hang.release()
    began = time.perf_counter()
    with pytest.raises(TimeoutError if how == "timed out" else asyncio.CancelledError):
        await task
    took = time.perf_counter() - began
    assert asyncio.all_tasks() == {asyncio.current_task()}
    return took


@pytest.mark.parametrize(("how", "done"), [("cancelled", False), ("cancelled twice", True), ("timed out", False)])
@pytest.mark.parametrize("name", READING)
def test_a_read_ends_at_once_wherever_it_is_cancelled(make_world: Make, name: str, how: How, done: bool) -> None:
    operation = READING[name]
    count, after = outcome(make_world(), operation)
    for nth in range(1, count + 1):
        world = make_world()
        hang = Hang(done=done)
        world.transport.script.on("*", nth, hang)
        took = asyncio.run(interrupt(world, operation, hang, how, release=False))
        assert took < AT_ONCE, f"request {nth} of {count}"
        world.check(operation, after, untouched=True)


@pytest.mark.parametrize(
    ("how", "done", "stubborn"),
    [
        ("cancelled", False, False),
        ("cancelled twice", True, True),
        ("timed out", False, True),
        ("timed out", True, False),
    ],
)
@pytest.mark.parametrize("name", WRITING)
def test_a_write_that_is_cancelled_anywhere_leaves_nothing(
    make_world: Make, name: str, how: How, done: bool, stubborn: bool
) -> None:
    operation = WRITING[name]
    count, after = outcome(make_world(), operation)
    for nth in range(1, count + 1):
        world = make_world()
        hang = Hang(done=done, stubborn=stubborn)
        world.transport.script.on("*", nth, hang)
        took = asyncio.run(interrupt(world, operation, hang, how, release=True))
        assert took < AT_ONCE, f"request {nth} of {count}"
        world.check(operation, after, untouched=not done)


@pytest.mark.parametrize("how", ["cancelled", "cancelled twice", "timed out"])
@pytest.mark.parametrize("hang", [{}, {"done": True}, {"stubborn": True}], ids=["before", "done", "stubborn"])
def test_an_upload_that_is_cancelled_while_it_is_aborted_is_aborted(
    make_world: Make, how: How, hang: dict[str, bool]
) -> None:
    operation = WRITING["pipe_file of a large object"]
    world = make_world()
    aborting = Hang(**hang)
    world.transport.script.on("upload_part", 2, Fail(NOT_AGAIN))
    world.transport.script.on("abort_multipart_upload", 1, aborting)
    asyncio.run(interrupt(world, operation, aborting, how, release=True))
    world.check(operation, world.before, untouched=True)


def test_cat_of_a_thousand_that_is_cancelled_sends_no_more_and_leaves_nothing_in_flight(make_world: Make) -> None:
    world = make_world()
    for number in range(1000):
        drive(world.transport.inner.put_object(ObjectRef("bucket", f"many/{number}"), b"x"))
    hang = Hang()
    for nth in range(500, 504):  # all that are in flight
        world.transport.script.on("*", nth, hang)
    cat = Operation(lambda fs, _: fs._cat([f"bucket/many/{number}" for number in range(1000)]))
    assert asyncio.run(interrupt(world, cat, hang, "cancelled", release=False)) < AT_ONCE
    assert world.transport.in_flight == 0
    assert len(world.transport.calls) == 503


# --- failing -------------------------------------------------------------------------------------

NOT_AGAIN: Final = S3ServerError("no", retryable=False)


@pytest.mark.parametrize("name", [*READING, *WRITING])
def test_a_request_that_fails_anywhere_is_raised_as_it_is_and_leaves_nothing(make_world: Make, name: str) -> None:
    fails_everywhere(make_world, name, AioS3FileSystem, asyncio.run)


@pytest.mark.parametrize(
    "name", [name for name in (*READING, *WRITING) if "open" not in name and name != "transaction"]
)
def test_without_a_loop_a_request_that_fails_anywhere_is_raised_as_it_is_and_leaves_nothing(
    make_world: Make, name: str
) -> None:
    fails_everywhere(make_world, name, S3FileSystem, drive)


def fails_everywhere(make_world: Make, name: str, face: Any, run: Callable[[Coroutine[Any, Any, None]], None]) -> None:
    operation = {**READING, **WRITING}[name]
    count, after = outcome(make_world(face), operation, run)
    for nth in range(1, count + 1):
        world = make_world(face)
        world.transport.script.on("*", nth, Fail(NOT_AGAIN))
        with pytest.raises(S3ServerError, match="no"):
            run(world.do(operation))
        world.check(operation, after, untouched=True)


@pytest.mark.parametrize("name", ["cat_file of a large object", "open and read all"])
def test_a_read_that_fails_lets_go_of_the_memory_that_it_was_to_fill(
    make_world: Make, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def read_all(fs: AioS3FileSystem) -> None:
        async with fs.open("bucket/large", "rb") as f:
            await f.read()

    made: list[weakref.ref[io.BytesIO]] = []

    class Watched(io.BytesIO):
        def __init__(self, initial: bytes = b"") -> None:
            super().__init__(initial)
            made.append(weakref.ref(self))

    monkeypatch.setattr(io, "BytesIO", Watched)
    monkeypatch.setattr("pyathena.filesystem.engine._Memory", Watched)
    world = make_world()
    world.transport.script.on("*", 3, Fail(NOT_AGAIN))
    with pytest.raises(S3ServerError):
        asyncio.run(world.do(READING.get(name) or Operation(lambda fs, _: read_all(fs))))
    assert made
    for buffer in (ref() for ref in made):
        if buffer is not None:  # a traceback keeps it
            buffer.truncate(0)  # a BufferError if a view of it were alive


# --- over HTTP -----------------------------------------------------------------------------------

READ_TIMEOUT: Final = 1.0
"""Seconds that a thread may stay with a server that says nothing."""
LIMIT: Final = 3


class Wire:
    """A filesystem that speaks HTTP through a proxy, and knows its server."""

    def __init__(self, endpoint: str) -> None:
        self.bucket = f"cancel-{uuid.uuid4().hex[:12]}"
        self.proxy = FaultProxy(endpoint)
        self.direct = BlockingBoto3Transport(key=KEY, secret=SECRET, endpoint_url=endpoint)
        drive(self.direct.create_bucket(self.bucket))
        for key in ("large", "old"):
            drive(self.direct.put_object(ObjectRef(self.bucket, key), LARGE))

    @contextmanager
    def filesystem(self) -> Iterator[AioS3FileSystem]:
        with self.proxy:
            fs = AioS3FileSystem(
                endpoint_url=self.proxy.endpoint,
                key=KEY,
                secret=SECRET,
                asynchronous=True,
                default_block_size=BLOCK,
                max_concurrency=LIMIT,
                read_timeout=READ_TIMEOUT,
            )
            yield fs
            asyncio.run(fs.aclose())
        drive(self.direct.aclose())

    def content(self, key: str) -> bytes | None:
        with suppress(FileNotFoundError):
            return bytes(drive(self.direct.get_object_range(ObjectRef(self.bucket, key), ByteRange(0))).data)
        return None

    async def all_threads_are_free(self, fs: AioS3FileSystem) -> None:
        """Check that threads end within their time limit, and that as many requests as may be are in flight then."""
        transport = fs._owned
        assert isinstance(transport, ThreadedBoto3Transport)
        async with asyncio.timeout(READ_TIMEOUT + AT_ONCE):
            while transport._state().in_flight:  # noqa: ASYNC110 - threads change it
                await asyncio.sleep(0.001)
        held = Held()
        self.proxy.script.clear()
        self.proxy.script.on("*", None, held)
        infos = [asyncio.create_task(fs._info(f"{self.bucket}/large")) for _ in range(LIMIT + 1)]
        async with asyncio.timeout(READ_TIMEOUT):
            while held.count < LIMIT:  # noqa: ASYNC110 - threads change it
                await asyncio.sleep(0.001)
        await asyncio.sleep(0.01)
        assert held.count == LIMIT
        held.release()
        await asyncio.gather(*infos)


class Held(Stall):
    """Counts what stalls."""

    count = 0

    @override
    def happen(self, exchange: Exchange) -> None:
        self.count += 1
        super().happen(exchange)


async def cancel(operation: Coroutine[Any, Any, object], stall: Stall, *, release: bool) -> float:
    """Cancel an operation where it stalls; return how many seconds it took to end."""
    task = asyncio.create_task(operation)
    await stall.entered()
    assert not task.done()
    task.cancel()
    began = time.perf_counter()
    if release:
        await asyncio.sleep(0)
        stall.release()
    with pytest.raises(asyncio.CancelledError):
        await task
    return time.perf_counter() - began


@pytest.mark.parametrize(
    ("name", "after"), [("cat_file", None), ("cat_file", 10_000), ("open", 10_000), ("get_file", 10_000)]
)
def test_a_read_over_http_ends_at_once_and_its_thread_in_time(
    moto_endpoint: str, tmp_path: Path, name: str, after: int | None
) -> None:
    wire = Wire(moto_endpoint)
    path = f"{wire.bucket}/large"

    async def read(fs: AioS3FileSystem) -> None:
        if name == "cat_file":
            await fs._cat_file(path)
        elif name == "get_file":
            await fs._get_file(path, str(tmp_path / "got"))
        else:
            async with fs.open(path, "rb") as f:
                await f.read()

    async def program(fs: AioS3FileSystem) -> None:
        for nth in (1, 4):
            wire.proxy.script.clear()
            stall = Stall(after)
            wire.proxy.script.on("*", nth, stall)
            assert await cancel(read(fs), stall, release=False) < AT_ONCE
        await wire.all_threads_are_free(fs)
        assert await fs._cat_file(path) == LARGE

    with wire.filesystem() as fs:
        asyncio.run(program(fs))
    assert list(tmp_path.iterdir()) == []


class Forbidden:
    """A fault that is not worth another attempt."""

    def happen(self, exchange: Exchange) -> None:
        exchange.answer("403 Forbidden")


LARGE_PARTS: Final = bytes(11 * 2**20)


@pytest.mark.parametrize(
    "operation", ["create_multipart_upload", "upload_part", "complete_multipart_upload", "abort_multipart_upload"]
)
def test_a_write_over_http_that_is_cancelled_leaves_no_upload(
    moto_endpoint: str, monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    monkeypatch.undo()  # this server heeds the least size of a part
    wire = Wire(moto_endpoint)

    async def program(fs: AioS3FileSystem) -> None:
        stall = Stall()
        wire.proxy.script.on(operation, 1, stall)
        if operation == "abort_multipart_upload":
            wire.proxy.script.on("upload_part", 2, Forbidden())
        await cancel(fs._pipe_file(f"{wire.bucket}/old", LARGE_PARTS), stall, release=True)
        await wire.all_threads_are_free(fs)

    with wire.filesystem() as fs:
        asyncio.run(program(fs))
        assert drive(wire.direct.list_multipart_uploads(wire.bucket)).uploads == ()
        assert wire.content("old") == (LARGE_PARTS if operation == "complete_multipart_upload" else LARGE)


def test_a_write_over_http_that_is_cancelled_ends_within_its_time_limit(moto_endpoint: str) -> None:
    wire = Wire(moto_endpoint)

    async def program(fs: AioS3FileSystem) -> None:
        stall = Stall()
        wire.proxy.script.on("put_object", 1, stall)
        took = await cancel(fs._pipe_file(f"{wire.bucket}/old", b"new"), stall, release=False)
        assert took < READ_TIMEOUT + AT_ONCE
        await wire.all_threads_are_free(fs)

    with wire.filesystem() as fs:
        asyncio.run(program(fs))
    assert wire.proxy.requests.count("put_object") == 1, "it was attempted again"


@contextmanager
def nobody_answers() -> Iterator[str]:
    """The URL of a server that is so busy that no connection to it comes about."""
    with socket.socket() as listener, ExitStack() as waiting:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(3):  # until its queue is full
            client = waiting.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a full queue refuses connections")
def test_what_is_cancelled_while_it_connects_ends_within_its_time_limit() -> None:
    async def program(url: str) -> None:
        fs = AioS3FileSystem(endpoint_url=url, key=KEY, secret=SECRET, asynchronous=True, connect_timeout=0.8)
        read, write = (asyncio.create_task(do) for do in (fs._cat_file("bucket/a"), fs._pipe_file("bucket/b", b"x")))
        await asyncio.sleep(0.05)
        began = time.perf_counter()
        read.cancel()
        write.cancel()
        with pytest.raises(asyncio.CancelledError):
            await read
        assert time.perf_counter() - began < AT_ONCE
        with pytest.raises(asyncio.CancelledError):
            await write
        await fs.aclose()  # waits for the threads
        assert time.perf_counter() - began < 0.8 + AT_ONCE, "it was attempted again"

    with nobody_answers() as url:
        asyncio.run(program(url))
