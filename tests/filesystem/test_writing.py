"""Writing one object as it comes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typing_extensions import override

from pyathena.filesystem import writing
from pyathena.filesystem.writing import WRITE_WINDOW, PartWriter
from pyathena.runtime import AsyncioRuntime
from pyathena.transport import (
    MIN_PART_SIZE,
    ByteRange,
    InMemoryTransport,
    ObjectRef,
    PutOptions,
    S3AlreadyExistsError,
    S3NotFoundError,
    S3ServerError,
)
from tests.recording import Recording, let_others_run

MIB = 2**20
REF = ObjectRef("bucket", "key")


def writer_of(
    recording: Recording,
    *,
    size: int | None = None,
    block_size: int = MIN_PART_SIZE,
    options: PutOptions | None = None,
    mode: Literal["w", "x", "a"] = "w",
) -> PartWriter:
    return PartWriter(
        recording.transport,
        AsyncioRuntime(),
        REF,
        block_size=block_size,
        options=options or PutOptions(),
        size=size,
        mode=mode,
    )


async def content(recording: Recording) -> bytes:
    return bytes((await recording.inner.get_object_range(REF, ByteRange(0))).data)


async def nothing_is_left(recording: Recording) -> bool:
    uploads = await recording.inner.list_multipart_uploads("bucket")
    objects = await recording.inner.list_objects("bucket")
    return not uploads.uploads and not objects.objects


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(0, 3 * MIN_PART_SIZE).map(lambda size: size // 7 * 7), min_size=1, max_size=4))
def test_an_object_is_what_was_written_however_it_was_cut(sizes: list[int]) -> None:
    data = bytes(range(251)) * (sum(sizes) // 251 + 1)

    async def program() -> None:
        recording = Recording(InMemoryTransport(buckets=["bucket"], minimum_part_size=MIN_PART_SIZE))
        writer = writer_of(recording)
        at = 0
        for size in sizes:
            assert await writer.write(data[at : at + size]) == size
            at += size
        await writer.commit()
        info = await recording.inner.head_object(REF)
        assert info.size == at
        if at:
            assert await content(recording) == data[:at]

    asyncio.run(program())


@pytest.mark.parametrize("size", [0, 1, MIN_PART_SIZE])
def test_an_object_of_up_to_one_part_is_one_request(size: int) -> None:
    async def program() -> None:
        recording = Recording()
        writer = writer_of(recording)
        await writer.write(bytes(size))
        await writer.flush() if size < MIN_PART_SIZE else None
        await writer.commit()
        assert recording.requests == ["put_object"]

    asyncio.run(program())


def test_parts_are_in_flight_while_the_program_goes_on() -> None:
    async def program() -> None:
        recording = Recording(before=let_others_run)
        writer = writer_of(recording)
        await writer.write(bytes(40 * MIB))
        assert recording.requests == ["create_multipart_upload"]
        await asyncio.sleep(0)
        assert recording.in_flight == 7
        await writer.commit()
        assert recording.requests[-1] == "complete_multipart_upload"

    asyncio.run(program())


def test_the_bytes_in_flight_are_bounded() -> None:
    async def program() -> None:
        recording = Recording()
        release = asyncio.Event()

        async def hang(operation: str) -> None:
            if operation == "upload_part":
                await release.wait()

        recording.before = hang
        writer = writer_of(recording)
        task = asyncio.create_task(writer.write(bytes(2 * WRITE_WINDOW)))
        for _ in range(10):
            await asyncio.sleep(0)
        assert not task.done()
        assert recording.in_flight == WRITE_WINDOW // MIN_PART_SIZE
        release.set()
        await task
        await writer.commit()
        assert recording.peak == WRITE_WINDOW // MIN_PART_SIZE

    asyncio.run(program())


def test_a_buffer_may_be_used_again_after_write_has_returned() -> None:
    async def program() -> None:
        recording = Recording(before=let_others_run)
        writer = writer_of(recording)
        buffer = bytearray(b"a" * 12 * MIB)
        await writer.write(buffer)
        buffer[:] = b"b" * len(buffer)
        await writer.commit()
        assert await content(recording) == b"a" * 12 * MIB

    asyncio.run(program())


def test_discarding_leaves_nothing() -> None:
    async def program() -> None:
        recording = Recording(before=let_others_run)
        writer = writer_of(recording)
        await writer.write(bytes(30 * MIB))
        await writer.discard()
        await writer.discard()
        assert recording.in_flight == 0
        assert await nothing_is_left(recording)

    asyncio.run(program())


@pytest.mark.parametrize("failing", ["create_multipart_upload", "upload_part", "complete_multipart_upload"])
def test_a_failed_request_is_raised_and_leaves_nothing(failing: str) -> None:
    async def program() -> None:
        recording = Recording()

        async def fail(operation: str) -> None:
            await asyncio.sleep(0)
            if operation == failing:
                raise S3ServerError("we encountered an internal error")

        recording.before = fail
        writer = writer_of(recording)
        with pytest.raises(S3ServerError, match="internal error"):
            await writer.write(bytes(30 * MIB))
            await writer.commit()
        recording.before = None
        assert await nothing_is_left(recording)
        with pytest.raises(ValueError, match="failed before"):
            await writer.write(b"more")
        with pytest.raises(ValueError, match="failed before"):
            await writer.commit()

    asyncio.run(program())


@pytest.mark.parametrize("hanging", ["create_multipart_upload", "upload_part", "complete_multipart_upload"])
def test_being_cancelled_is_raised_and_leaves_nothing(hanging: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "BEGIN_SECONDS", 0.01)
    monkeypatch.setattr(writing, "ABORT_SECONDS", 0.01)

    async def program() -> None:
        recording = Recording()

        async def hang(operation: str) -> None:
            if operation == hanging:
                await asyncio.Event().wait()

        recording.before = hang
        writer = writer_of(recording)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await writer.write(bytes(30 * MIB))
                await writer.commit()
        assert await nothing_is_left(recording)

    asyncio.run(program())


def test_an_upload_that_is_cancelled_while_it_is_begun_is_aborted() -> None:
    async def program() -> None:
        for turns in range(8):
            memory = InMemoryTransport(buckets=["bucket"])

            class Slow(Recording):
                """Answers some turns after S3 has done what was asked."""

                @override
                def __getattr__(self, operation: str) -> Callable[..., Awaitable[Any]]:
                    request = super().__getattr__(operation)

                    async def answered_late(*args: Any, **kwargs: Any) -> Any:
                        answer = await request(*args, **kwargs)
                        for _ in range(3):
                            await asyncio.sleep(0)
                        return answer

                    return answered_late

            recording = Slow(memory)
            task = asyncio.create_task(writer_of(recording).write(bytes(30 * MIB)))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
            if task.cancelled():
                assert not (await memory.list_multipart_uploads("bucket")).uploads, f"after {turns} turns"

    asyncio.run(program())


def test_an_upload_that_cannot_be_aborted_is_told_and_the_first_error_is_raised(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def program() -> None:
        recording = Recording()

        async def fail(operation: str) -> None:
            if operation in ("upload_part", "abort_multipart_upload"):
                raise S3ServerError(f"no {operation} today")

        recording.before = fail
        writer = writer_of(recording)
        with pytest.raises(S3ServerError, match="no upload_part today"):
            await writer.write(bytes(30 * MIB))
            await writer.commit()

    asyncio.run(program())
    assert "is left open" in caplog.text
    assert "no abort_multipart_upload today" in caplog.text


def test_an_exclusive_write_fails_where_an_object_is_and_leaves_it() -> None:
    async def program() -> None:
        for size in (1, 12 * MIB):
            recording = Recording()
            writer = writer_of(recording, options=PutOptions(if_none_match="*"), mode="x")
            await writer.open()
            await recording.inner.put_object(REF, b"first")  # somebody else is quicker
            with pytest.raises(FileExistsError):
                await writer.write(bytes(size))
                await writer.commit()
            assert await content(recording) == b"first"
            assert not (await recording.inner.list_multipart_uploads("bucket")).uploads

    asyncio.run(program())


def test_an_exclusive_write_looks_before_it_begins() -> None:
    async def program() -> None:
        recording = Recording()
        await recording.inner.put_object(REF, b"first")
        with pytest.raises(S3AlreadyExistsError, match="bucket/key"):
            await writer_of(recording, options=PutOptions(if_none_match="*"), mode="x").open()

    asyncio.run(program())


def test_a_known_size_makes_equal_parts() -> None:
    async def program() -> None:
        recording = Recording()
        writer = writer_of(recording, size=24 * MIB, block_size=8 * MIB)
        await writer.write(bytes(24 * MIB))
        await writer.commit()
        sent = [args[2] for args, _ in recording.arguments if len(args) == 3 and isinstance(args[1], int)]
        assert [memoryview(body).nbytes for body in sent] == [8 * MIB] * 3

    asyncio.run(program())


def test_small_blocks_are_refused_where_parts_may_be_needed() -> None:
    with pytest.raises(ValueError, match="5 MiB"):
        writer_of(Recording(), block_size=MIB)
    writer_of(Recording(), block_size=MIB, size=MIB)


def test_a_bucket_that_is_not_there_is_an_error_on_commit() -> None:
    async def program() -> None:
        writer = writer_of(Recording(InMemoryTransport()))
        await writer.write(b"x")
        with pytest.raises(S3NotFoundError):
            await writer.commit()

    asyncio.run(program())
