"""Large objects are read in blocks side by side, as soon as the head of the first answer tells how many there are."""

from __future__ import annotations

import asyncio
import contextvars
import hashlib
import threading
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast

import pytest
from fsspec.callbacks import Callback
from typing_extensions import override

from pyathena.filesystem.s3 import AioS3FileSystem, S3FileSystem
from pyathena.runtime import drive
from pyathena.testing.faults import Call, Fail, FaultyTransport, Hang
from pyathena.transport import (
    InMemoryTransport,
    ObjectRef,
    S3InvalidRangeError,
    S3PermissionError,
    S3PreconditionError,
    S3ServerError,
)
from pyathena.transport.delegating import DelegatingTransport
from pyathena.transport.retrying import sleep_anywhere
from pyathena.transport.told import knowing_early, tell_object

T = TypeVar("T")

BLOCK = 100
DATA = bytes(range(256)) * 4  # 10 blocks and a bit
OTHER = DATA[::-1]
REF = ObjectRef("bucket", "key")


def make_transport() -> FaultyTransport:
    memory = InMemoryTransport(buckets=["bucket"])
    drive(memory.put_object(REF, DATA))
    return FaultyTransport(memory)


def make_fs(transport: FaultyTransport, **options: Any) -> AioS3FileSystem:
    return AioS3FileSystem(transport=transport, asynchronous=True, default_block_size=BLOCK, **options)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - threads change it, too
            await asyncio.sleep(0)


async def read_held(fs: AioS3FileSystem, transport: FaultyTransport, **given: Any) -> tuple[asyncio.Task[bytes], Hang]:
    """Begin to read an object whose first block is told of, and does not come."""
    hang = Hang(done=True)
    transport.script.on("get_object_range", 1, hang)
    task = asyncio.create_task(fs._cat_file("bucket/key", **given))
    await hang.entered()
    return task, hang


@pytest.mark.parametrize(
    ("start", "end", "count"),
    [
        (None, None, 11),
        (0, 2 * BLOCK, 2),
        (BLOCK, 3 * BLOCK + 1, 3),
        (0, BLOCK, 1),
        (-3 * BLOCK, -1, 3),
        (1020, None, 1),
    ],
)
def test_other_blocks_are_read_before_the_first_one_has_come(start: int | None, end: int | None, count: int) -> None:
    async def program() -> None:
        transport = make_transport()
        task, hang = await read_held(make_fs(transport), transport, start=start, end=end)
        await until(lambda: transport.in_flight == 1 and requests(transport) == count)
        hang.release()
        assert await task == DATA[start:end]
        assert requests(transport) == count

    asyncio.run(program())


def requests(transport: FaultyTransport) -> int:
    return sum(call.operation == "get_object_range" for call in transport.calls)


@pytest.mark.parametrize("limit", [1, 2, 5])
def test_the_first_block_counts_as_one_in_flight(limit: int) -> None:
    async def program() -> None:
        transport = make_transport()
        task, hang = await read_held(make_fs(transport), transport, max_concurrency=limit)
        for _ in range(50):
            await asyncio.sleep(0)
        assert requests(transport) == (1 if limit == 1 else 11)
        hang.release()
        assert await task == DATA
        assert transport.peak_in_flight <= limit

    asyncio.run(program())


def test_without_a_loop_the_others_are_read_in_other_threads_meanwhile() -> None:
    transport = make_transport()
    hang = Hang(done=True)
    transport.script.on("get_object_range", 1, hang)
    fs = S3FileSystem(transport=transport, default_block_size=BLOCK)
    got: list[bytes] = []
    thread = threading.Thread(target=lambda: got.append(fs.cat_file("bucket/key")))
    thread.start()
    try:
        stop = time.monotonic() + 10
        while requests(transport) < 11 and time.monotonic() < stop:
            time.sleep(0.001)
        before = requests(transport)
    finally:
        hang.release()
        thread.join()
    assert before == 11
    assert got == [DATA]


@pytest.mark.parametrize("fails", [False, True])
def test_a_file_is_written_in_any_order_of_its_blocks(tmp_path: Path, *, fails: bool) -> None:
    async def program() -> None:
        transport = make_transport()
        fs = make_fs(transport)
        hang = Hang(done=True)
        transport.script.on("get_object_range", 1, hang)
        if fails:
            transport.script.on("get_object_range", 7, Fail(S3PermissionError))
        task = asyncio.create_task(fs._get_file("bucket/key", str(tmp_path / "file")))
        await hang.entered()
        await until(lambda: requests(transport) >= (7 if fails else 11))
        hang.release()
        if fails:
            with pytest.raises(PermissionError):
                await task
        else:
            await task

    asyncio.run(program())
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == ({} if fails else {"file": DATA})


@dataclass(frozen=True)
class Replaced:
    """The first attempt is answered, but the body does not come; then the object is another."""

    memory: InMemoryTransport
    other: bytes

    async def happen(self, call: Call, send: Callable[[], Coroutine[Any, Any, T]]) -> T:
        await send()
        for _ in range(5):
            await asyncio.sleep(0)
        await self.memory.put_object(REF, self.other)
        raise S3ServerError("lost", operation="GetObject", bucket=call.bucket, key=call.key)


@pytest.mark.parametrize("other", [OTHER, OTHER[: 3 * BLOCK], OTHER * 2, b"short", b""])
def test_an_object_that_is_replaced_after_it_was_told_of_is_read_as_it_is_now(other: bytes, tmp_path: Path) -> None:
    async def program() -> None:
        for name in ("bytes", "file"):
            transport = make_transport()
            assert isinstance(transport.inner, InMemoryTransport)
            transport.script.on("get_object_range", 1, Replaced(transport.inner, other))
            fs = make_fs(transport)
            if name == "bytes":
                assert await fs._cat_file("bucket/key") == other
            else:
                await fs._get_file("bucket/key", str(tmp_path / "file"))
                assert (tmp_path / "file").read_bytes() == other
            assert transport.in_flight == 0

    asyncio.run(program())


class ReplacedBehindHead:
    """Puts a shorter object in the place of one whose size was just told."""

    def __init__(self, inner: Any, data: bytes) -> None:
        self.inner = inner
        self.data = data

    async def happen(self, _: Call, send: Callable[[], Coroutine[Any, Any, T]]) -> T:
        answer = await send()
        await self.inner.put_object(REF, self.data)
        return answer


@pytest.mark.parametrize("make", [AioS3FileSystem, S3FileSystem])
@pytest.mark.parametrize("compare_only", [False, True])
@pytest.mark.parametrize("size", [0, BLOCK // 2])
def test_an_object_that_became_shorter_than_where_its_end_was_asked_for_is_another(
    make: Any, size: int, *, compare_only: bool
) -> None:
    for given, expected in ({}, None), ({"on_replaced": "reopen"}, DATA[:size]):
        transport = make_transport()
        transport.script.on("head_object", 1, ReplacedBehindHead(transport.inner, DATA[:size]))
        fs = make(transport=transport, default_block_size=BLOCK, local_expiry_check=compare_only, **given)
        if expected is None:
            with pytest.raises(S3PreconditionError, match="was replaced"):
                fs.cat_file("bucket/key", start=-BLOCK // 2)
        else:
            assert fs.cat_file("bucket/key", start=-BLOCK // 2) == expected
        fs.close()


LENGTH = len(DATA) - BLOCK - BLOCK // 2


class Shortens(DelegatingTransport):
    """Hands out objects that are shorter than those stored, and may tell of another one before."""

    def __init__(self, inner: InMemoryTransport, *, beside: int) -> None:
        super().__init__(inner)
        self.beside = beside

    @override
    async def _ask(self, call: Call, send: Callable[[], Coroutine[Any, Any, T]]) -> T:
        if call.operation == "get_object_range" and self.beside:
            tell_object(self.beside, '"beside"', None)
        answer: Any = await send()
        if call.operation == "get_object_range":
            await sleep_anywhere(0.001)  # long enough for what was told to be believed
            size = min(answer.size, LENGTH - answer.start)
            if size <= 0:
                raise S3InvalidRangeError("behind the end", object_size=LENGTH, operation="GetObject")
            answer = replace(answer, data=answer.data[:size], size=size, object_size=LENGTH)
        return cast("T", answer)


@pytest.mark.parametrize("options", [{}, {"IfMatch": f'"{hashlib.md5(DATA).hexdigest()}"'}], ids=["any", "this"])
@pytest.mark.parametrize("beside", [0, 3 * len(DATA), 10**15])
@pytest.mark.parametrize("loop", [False, True])
def test_what_is_told_of_is_not_relied_on_where_a_layer_hands_out_something_else(
    *, loop: bool, beside: int, options: dict[str, Any]
) -> None:
    memory = InMemoryTransport(buckets=["bucket"])
    drive(memory.put_object(REF, DATA))
    transport = Shortens(memory, beside=beside)
    if loop:
        fs = AioS3FileSystem(transport=transport, asynchronous=True, default_block_size=BLOCK)
        assert asyncio.run(fs._cat_file("bucket/key", **options)) == DATA[:LENGTH]
    else:
        sync = S3FileSystem(transport=transport, default_block_size=BLOCK)
        assert sync.cat_file("bucket/key", **options) == DATA[:LENGTH]
        sync.close()


class FullAtFirst(Callback):
    failed = False

    @override
    def set_size(self, size: int) -> None:
        if not self.failed:
            self.failed = True
            raise OSError("the disk for progress bars is full")


def test_what_a_callback_raises_is_not_lost_where_what_was_told_is_not_true() -> None:
    memory = InMemoryTransport(buckets=["bucket"])
    drive(memory.put_object(REF, DATA))
    fs = S3FileSystem(transport=Shortens(memory, beside=3 * len(DATA)), default_block_size=BLOCK)
    with pytest.raises(OSError, match="is full"):
        fs.cat_file("bucket/key", callback=FullAtFirst())


class TellsBeside(DelegatingTransport):
    """Tells of the object in a thread of its own, as one may that sends a request twice."""

    def __init__(self, inner: InMemoryTransport, begun: threading.Event, *, alone: bool) -> None:
        super().__init__(inner)
        self.begun = begun
        self.alone = alone
        self.threads: list[threading.Thread] = []

    @override
    async def _ask(self, call: Call, send: Callable[[], Coroutine[Any, Any, T]]) -> T:
        if call.operation != "get_object_range" or self.threads:
            return await send()
        tell = partial(tell_object, len(DATA), f'"{hashlib.md5(DATA).hexdigest()}"', None)
        self.threads.append(threading.Thread(target=contextvars.copy_context().run, args=(tell,)))
        self.threads[0].start()
        assert self.begun.wait(10)
        if self.alone:
            with knowing_early(lambda *_: None):
                return await send()
        return await send()


class Slow(Callback):
    """Takes its time to learn the size."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = threading.Event()

    @override
    def set_size(self, size: int) -> None:
        self.begun.set()
        time.sleep(0.1)


@pytest.mark.parametrize("alone", [False, True])
def test_without_a_loop_it_may_be_told_in_any_thread_while_the_first_block_comes(*, alone: bool) -> None:
    memory = InMemoryTransport(buckets=["bucket"])
    drive(memory.put_object(REF, DATA))
    callback = Slow()
    transport = TellsBeside(memory, callback.begun, alone=alone)
    fs = S3FileSystem(transport=transport, default_block_size=BLOCK)
    assert fs.cat_file("bucket/key", callback=callback) == DATA
    transport.threads[0].join()
    fs.close()


class Full(Callback):
    @override
    def set_size(self, size: int) -> None:
        raise OSError("the disk for progress bars is full")


def test_a_callback_that_fails_while_the_first_block_comes_ends_the_read() -> None:
    async def program() -> None:
        transport = make_transport()
        task, hang = await read_held(make_fs(transport), transport, callback=Full())
        await until(lambda: transport.in_flight == 1)
        hang.release()
        with pytest.raises(OSError, match="progress bars"):
            await task
        assert requests(transport) == 1

    asyncio.run(program())


def test_a_block_that_fails_while_the_first_one_comes_ends_the_others() -> None:
    async def program() -> None:
        transport = make_transport()
        stays = Hang()
        transport.script.on("get_object_range", 2, stays)
        transport.script.on("get_object_range", 3, Fail(S3PermissionError))
        task, hang = await read_held(make_fs(transport, max_concurrency=3), transport)
        await until(lambda: transport.in_flight == 1)
        hang.release()
        with pytest.raises(PermissionError):
            await task
        assert requests(transport) == 3
        assert transport.in_flight == 0

    asyncio.run(program())


def test_a_read_that_is_cancelled_while_the_first_block_comes_ends_all() -> None:
    async def program() -> None:
        transport = make_transport()
        stays = Hang()
        transport.script.on("get_object_range", 2, stays)
        task, _ = await read_held(make_fs(transport), transport)
        await until(lambda: requests(transport) == 11)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert transport.in_flight == 0

    asyncio.run(program())


class NeverAnswers:
    """A request that nothing comes of, and whose caller may be told of the object at any time."""

    def __init__(self) -> None:
        self.context: contextvars.Context | None = None

    async def happen(self, call: Call, send: Callable[[], Coroutine[Any, Any, T]]) -> T:
        self.context = contextvars.copy_context()
        await asyncio.Event().wait()
        raise AssertionError


def test_what_is_told_after_the_read_was_cancelled_begins_nothing() -> None:
    async def program() -> None:
        transport = make_transport()
        fault = NeverAnswers()
        transport.script.on("get_object_range", 1, fault)
        task = asyncio.create_task(make_fs(transport)._cat_file("bucket/key", callback=Full()))
        await until(lambda: fault.context is not None)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert fault.context is not None
        await asyncio.to_thread(fault.context.run, tell_object, len(DATA), '"etag"', None)
        for _ in range(20):
            await asyncio.sleep(0)
        assert requests(transport) == 1

    asyncio.run(program())


def test_what_is_told_when_the_loop_is_gone_is_told_to_nobody() -> None:
    transport = make_transport()
    fault = NeverAnswers()
    transport.script.on("get_object_range", 1, fault)

    async def program() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(make_fs(transport)._cat_file("bucket/key"), 0.01)

    asyncio.run(program())
    assert fault.context is not None
    fault.context.run(tell_object, len(DATA), '"etag"', None)
    assert requests(transport) == 1
