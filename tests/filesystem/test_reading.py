"""Reading one object at any position, and ahead of a sequential reader."""

from __future__ import annotations

import asyncio
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typing_extensions import override

from pyathena.filesystem.reading import READ_WINDOW, PinnedObject, RangeReader
from pyathena.runtime import AsyncioRuntime
from pyathena.transport import (
    ByteRange,
    GetOptions,
    InMemoryTransport,
    ObjectRange,
    ObjectRef,
    S3NotFoundError,
    S3PreconditionError,
    S3ThrottledError,
)
from tests.recording import IgnoresIfMatch, Recording, let_others_run

MIB = 2**20
REF = ObjectRef("bucket", "key")
DATA = bytes(range(256)) * 64 * 1024  # 16 MiB


async def stored(data: bytes) -> Recording:
    recording = Recording(before=let_others_run)
    await recording.inner.put_object(REF, data)
    return recording


def reader_of(recording: Recording, block_size: int = MIB, limit: int = 8) -> RangeReader:
    return RangeReader(PinnedObject(recording.transport, REF), AsyncioRuntime(), block_size=block_size, limit=limit)


def ranges(recording: Recording) -> list[tuple[int, int | None]]:
    return [
        (args[1].start, args[1].stop)
        for operation, (args, _) in zip(recording.requests, recording.arguments, strict=True)
        if operation == "get_object_range"
    ]


reads = st.lists(st.tuples(st.integers(0, 1200), st.none() | st.integers(0, 1200), st.booleans()), max_size=12)


@settings(deadline=None)
@given(st.binary(max_size=1000), st.integers(1, 300), reads)
def test_any_sequence_of_reads_is_like_slicing(
    data: bytes, block_size: int, reads: list[tuple[int, int | None, bool]]
) -> None:
    async def program() -> None:
        reader = reader_of(await stored(data), block_size)
        position = 0
        for start, length, go_on in reads:
            at = position if go_on else start
            stop = None if length is None else at + length
            assert await reader.read(at, length) == data[at:stop]
            buffer = bytearray(length or 0)
            count = await reader.readinto(at, memoryview(buffer))
            assert bytes(buffer[:count]) == data[at : at + len(buffer)]
            position = at + (length or 0)
        assert await reader.size() == len(data)
        await reader.aclose()

    asyncio.run(program())


def test_a_small_object_is_one_request() -> None:
    async def program() -> None:
        recording = await stored(b"small")
        reader = reader_of(recording)
        await reader.open()
        assert await reader.read(0) == b"small"
        assert await reader.size() == 5
        assert recording.requests == ["get_object_range"]

    asyncio.run(program())


def test_a_large_read_goes_out_as_parallel_ranges() -> None:
    async def program() -> None:
        recording = await stored(DATA)
        assert await reader_of(recording, limit=6).read(0) == DATA
        assert len(recording.requests) == 16
        assert recording.peak == 6

    asyncio.run(program())


def test_an_empty_object_is_one_request_and_no_bytes() -> None:
    async def program() -> None:
        recording = await stored(b"")
        reader = reader_of(recording)
        assert await reader.read(0) == b""
        assert await reader.size() == 0
        assert recording.requests == ["get_object_range"]

    asyncio.run(program())


def test_asking_for_the_size_first_is_a_head() -> None:
    async def program() -> None:
        recording = await stored(DATA)
        reader = reader_of(recording)
        size = await reader.size()
        assert await reader.read(size - 8) == DATA[-8:]
        assert recording.requests == ["head_object", "get_object_range"]
        assert ranges(recording) == [(size - 8, size)]

    asyncio.run(program())


def test_random_reads_ask_for_what_they_need_and_no_more() -> None:
    async def program() -> None:
        recording = await stored(DATA)
        reader = reader_of(recording)
        await reader.size()
        for start in (9_000_000, 5_000, 12_000_000, 700_000):
            assert await reader.read(start, 100) == DATA[start : start + 100]
        assert ranges(recording) == [(start, start + 100) for start in (9_000_000, 5_000, 12_000_000, 700_000)]

    asyncio.run(program())


def test_sequential_reads_have_ranges_in_flight_ahead_of_them() -> None:
    async def program() -> None:
        recording = await stored(DATA)
        reader = reader_of(recording)
        position = 0
        while data := await reader.read(position, 256 * 1024):
            assert data == DATA[position : position + len(data)]
            position += len(data)
        assert position == len(DATA)
        assert recording.peak > 2
        assert sum((stop or 0) - start for start, stop in ranges(recording)) == len(DATA), "no byte was fetched twice"

    asyncio.run(program())


def test_what_is_ahead_of_a_sequential_reader_is_bounded() -> None:
    class Endless(InMemoryTransport):
        """Makes up an object of a tebibyte."""

        @override
        async def get_object_range(
            self,
            ref: ObjectRef,
            byte_range: ByteRange,
            *,
            into: memoryview | None = None,
            options: GetOptions = GetOptions(),
        ) -> ObjectRange:
            assert byte_range.stop is not None
            asked.append(byte_range.stop)
            data = bytes(byte_range.size or 0)
            if into is not None:
                into[: len(data)] = data
            return ObjectRange(data, byte_range.start, len(data), 2**40, '"e"')

    asked = [0]

    async def program() -> None:
        reader = RangeReader(PinnedObject(Endless(), REF), AsyncioRuntime(), block_size=8 * MIB, limit=8)
        for block in range(100):
            await reader.read(block * 4 * MIB, 4 * MIB)
            await asyncio.sleep(0)
            assert max(asked) <= (block + 1) * 4 * MIB + READ_WINDOW
        await reader.aclose()

    asyncio.run(program())


def test_lines_are_read_ahead_although_they_are_looked_for_in_blocks() -> None:
    async def program() -> None:
        recording = await stored(DATA)
        reader = reader_of(recording)
        position = 0
        while position < 4 * MIB:
            await reader.read(position, 8192)
            position += 100
            if recording.requests.count("get_object_range") > 3:
                break
        assert position < 3 * MIB, "no more than the first range was asked for"
        await reader.aclose()

    asyncio.run(program())


def test_closing_stops_what_is_in_flight() -> None:
    async def program() -> None:
        recording = await stored(DATA)

        async def hang_ahead(operation: str) -> None:
            if len(recording.requests) > 2:
                await asyncio.Event().wait()

        recording.before = hang_ahead
        reader = reader_of(recording)
        await reader.read(0, MIB)
        await reader.read(MIB, MIB)
        await asyncio.sleep(0)
        assert recording.in_flight > 0
        await reader.aclose()
        assert recording.in_flight == 0

    asyncio.run(program())


def test_an_object_that_is_replaced_while_it_is_read_is_an_error_that_says_so() -> None:
    async def program() -> None:
        recording = await stored(DATA)
        reader = reader_of(recording)
        assert await reader.read(0, MIB) == DATA[:MIB]
        await recording.inner.put_object(REF, DATA[::-1])
        with pytest.raises(S3PreconditionError, match="replaced while it was read") as caught:
            await reader.read(8 * MIB, MIB)
        assert (caught.value.bucket, caught.value.key) == ("bucket", "key")

    asyncio.run(program())


def test_the_etag_is_compared_even_where_the_server_ignores_if_match() -> None:
    async def program() -> None:
        transport = IgnoresIfMatch(buckets=["bucket"])
        await transport.put_object(REF, DATA)
        reader = reader_of(Recording(transport))
        await reader.read(0, MIB)
        await transport.put_object(REF, DATA[::-1])
        with pytest.raises(S3PreconditionError, match="replaced while it was read"):
            await reader.read(8 * MIB, MIB)

    asyncio.run(program())


def test_a_missing_object_is_not_found_on_the_first_request() -> None:
    async def program() -> None:
        with pytest.raises(S3NotFoundError, match="bucket/key"):
            await reader_of(Recording()).open()

    asyncio.run(program())


def test_a_read_that_failed_can_be_tried_again() -> None:
    async def program() -> None:
        recording = await stored(DATA)
        reader = reader_of(recording)
        await reader.read(0, MIB)

        async def fail(operation: str) -> None:
            raise S3ThrottledError("slow down")

        recording.before = fail
        with pytest.raises(S3ThrottledError):
            await reader.read(MIB, 4 * MIB)
        recording.before = None
        assert await reader.read(MIB, 4 * MIB) == DATA[MIB : 5 * MIB]

    asyncio.run(program())


def test_a_cancelled_read_can_be_done_again() -> None:
    async def program() -> None:
        recording = await stored(DATA)
        reader = reader_of(recording)
        await reader.read(0, MIB)

        async def hang(operation: str) -> None:
            await asyncio.Event().wait()

        recording.before = hang
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await reader.read(8 * MIB, 4 * MIB)
        assert recording.in_flight == 0
        recording.before = None
        assert await reader.read(8 * MIB, 4 * MIB) == DATA[8 * MIB : 12 * MIB]

    asyncio.run(program())


def test_requests_ahead_of_a_reader_are_no_more_than_the_limit_however_small_the_blocks() -> None:
    async def program() -> None:
        recording = await stored(DATA)
        reader = reader_of(recording, block_size=1024, limit=4)
        for start in range(0, len(DATA), 2 * MIB):
            assert await reader.read(start, 2 * MIB) == DATA[start : start + 2 * MIB]
            await asyncio.sleep(0)
        assert recording.peak <= 8  # four for what is asked for, four ahead of it
        await reader.aclose()

    asyncio.run(program())


@pytest.mark.parametrize("back_to", [0, 5 * MIB])
def test_small_reads_after_a_step_back_are_read_ahead_too(back_to: int) -> None:
    async def program() -> None:
        recording = await stored(DATA)
        reader = reader_of(recording)
        await reader.read(0, 12 * MIB)
        recording.taken()
        for start in range(back_to, back_to + 300_000, 1000):
            assert await reader.read(start, 1000) == DATA[start : start + 1000]
        assert len(recording.taken()) < 10
        await reader.aclose()

    asyncio.run(program())


def test_reading_on_in_another_event_loop_is_read_ahead_too() -> None:
    recording = asyncio.run(stored(DATA))
    reader = reader_of(recording)

    async def read(start: int, stop: int) -> None:
        for at in range(start, stop, 1000):
            assert await reader.read(at, 1000) == DATA[at : at + 1000]

    asyncio.run(read(0, 2_000_000))
    recording.taken()
    asyncio.run(read(2_000_000, 4_000_000))
    assert len(recording.taken()) < 20


@pytest.mark.parametrize("said", [5, 20])
def test_a_size_that_was_said_wrongly_is_an_error_that_tells_both(said: int) -> None:
    async def program() -> None:
        recording = await stored(b"hello world")
        reader = RangeReader(
            PinnedObject(recording.transport, REF, size=said), AsyncioRuntime(), block_size=MIB, limit=4
        )
        with pytest.raises(ValueError, match=f"11 bytes, not size={said}"):
            await reader.read(0)

    asyncio.run(program())


def test_no_copy_is_made_of_what_is_read_in_parallel() -> None:
    async def program() -> None:
        reader = reader_of(await stored(DATA))
        await reader.read(0, 1)
        tracemalloc.start()
        data = await reader.read(0)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert data == DATA
        assert peak < 1.2 * len(DATA)

    asyncio.run(program())
