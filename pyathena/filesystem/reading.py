"""Read one object that must not change meanwhile: in parallel ranges, and ahead of a sequential reader.

Coroutines over `ObjectReader`; nothing here knows paths, fsspec or asyncio.
"""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from copy import copy
from dataclasses import replace
from threading import Lock
from typing import Final, Protocol, TypeVar

from pyathena.filesystem.planning import split_range
from pyathena.runtime import Group, Runtime, Task, run_all, settle_all
from pyathena.transport.errors import S3InvalidRangeError, S3PreconditionError, S3ServerError
from pyathena.transport.protocol import ObjectReader
from pyathena.transport.told import knowing_early
from pyathena.transport.values import ByteRange, GetOptions, ObjectInfo, ObjectRange, ObjectRef, let_go

__all__ = [
    "READ_WINDOW",
    "Blocks",
    "PinnedObject",
    "RangeReader",
    "as_bytes",
    "find_behind",
    "read_blocks",
    "read_parallel",
    "read_whole",
]

T = TypeVar("T")

READ_WINDOW: Final = 64 * 2**20
"""Most bytes that are in flight or waiting ahead of a sequential reader."""

_FIRST_READ: Final = 2**20
"""Bytes of the first request, when it is not known yet whether the object will be read from its begin or its end."""

_LEAST_AHEAD: Final = 64 * 2**10
"""Bytes to read ahead when a read follows another for the first time, and the least to ask for ahead of a reader."""

_MOST_REOPENED: Final = 10
"""How often an object may be replaced while it is read before that is an error all the same."""

_FIND_STEP: Final = 64 * 2**10
"""Bytes in which a delimiter is looked for."""


class PinnedObject:
    """One object as it was when it was first seen; every later request says so.

    An object that changes under a reader is an error, never a mixture: requests carry ``If-Match``, and the answers'
    ETags are compared as well, since some servers ignore the header.

    Args:
        reader: where to read.
        ref: the object.
        options: what every request carries besides.
        size: bytes, if they are known beforehand.
        compare_only: do not send ``If-Match``, only compare the answers.
        pin_version: in a bucket with versions, go on reading the version that was seen first, also if there is a newer.
    """

    def __init__(
        self,
        reader: ObjectReader,
        ref: ObjectRef,
        *,
        options: GetOptions = GetOptions(),
        size: int | None = None,
        pin_version: bool = False,
        compare_only: bool = False,
    ) -> None:
        self.ref = ref
        self.size = size
        self.info: ObjectInfo | None = None
        self._asked_for = ref
        self._reader = reader
        self._options = options
        self._pin_version = pin_version
        self._compare_only = compare_only
        self._etag = options.if_match
        self._wants_this = options.if_match is not None

    @property
    def etag(self) -> str | None:
        """The ETag that is pinned, or None before the first answer."""
        return self._etag

    @property
    def identity(self) -> tuple[str | None, int | None, ObjectRef]:
        """What is known of which bytes these are."""
        return self._etag, self.size, self.ref

    def supposed(self, etag: str, size: int, version_id: str | None) -> PinnedObject:
        """Return the object as it is if this is true of it; what is known of this one stays as it is.

        Raises:
            S3PreconditionError: then it is another object by now.
            ValueError: it has not the size that the caller said.
        """
        other = copy(self)
        other.pin(etag, size, version_id)
        return other

    def again(self) -> PinnedObject:
        """Return the object as it may be now, pinned to nothing yet.

        Raises:
            S3PreconditionError: the caller wants the one that it was.
        """
        if self._wants_this:
            raise self._changed(None, None)
        return PinnedObject(
            self._reader,
            self._asked_for,
            options=replace(self._options, if_match=None),
            pin_version=self._pin_version,
            compare_only=self._compare_only,
        )

    async def head(self) -> ObjectInfo:
        """Look at the object without its bytes (HeadObject)."""
        info = await self._reader.head_object(self.ref, options=self._options)
        self.pin(info.etag, info.size, info.version_id, info)
        return info

    async def fetch(self, start: int, stop: int | None, into: memoryview | None = None) -> ObjectRange | None:
        """Read a range of at least one byte; None if it begins at or behind the end, and the size is then known."""
        try:
            answer = await self._reader.get_object_range(
                self.ref, ByteRange(start, stop), into=into, options=self._options
            )
        except S3InvalidRangeError as error:
            # On an empty object every range is invalid.
            if self.etag is not None and self.size is not None and start < self.size:
                raise self._changed(error.code, error.status) from error
            size = 0 if start == 0 else error.object_size
            if size is None:
                await self.head()
            elif self.size is None:
                self.size = size
            return None
        except S3PreconditionError as error:
            if self.etag is None:
                raise
            raise self._changed(error.code, error.status) from error
        try:
            self.pin(answer.etag, answer.object_size, answer.version_id, answer.info)
        except BaseException:
            let_go(answer)
            raise
        return answer

    async def fetch_whole(self, start: int, stop: int, into: memoryview | None = None) -> ObjectRange:
        """Read a range that is known to be within the object."""
        answer = await self.fetch(start, stop, into)
        if answer is None:
            raise self._changed("InvalidRange", 416)
        return self._whole(answer, start, stop)

    async def fetch_into(self, view: memoryview, begin: int, block: ByteRange) -> None:
        """Read a block that is known to be within the object into its place in a view of the bytes from ``begin`` on.

        All views of it are let go here: one that a thread still had would make BytesIO hand out a copy.
        """
        assert block.stop is not None
        with view[block.start - begin : block.stop - begin] as place:
            let_go(await self.fetch_whole(block.start, block.stop, place))

    def checked(self, answer: ObjectRange, start: int, stop: int) -> ObjectRange:
        """Return the answer; raise `S3ServerError` if bytes of the range are not there that the object has."""
        return self._whole(answer, start, min(stop, answer.object_size))

    def _whole(self, answer: ObjectRange, start: int, stop: int) -> ObjectRange:
        if answer.size != stop - start:
            let_go(answer)
            raise S3ServerError(
                f"Bytes {start} to {stop} are not within the {self.size} bytes that the object had",
                operation="GetObject",
                bucket=self.ref.bucket,
                key=self.ref.key,
            )
        return answer

    def pin(self, etag: str, size: int, version_id: str | None, info: ObjectInfo | None = None) -> None:
        """Take note of what an answer tells of the object.

        Raises:
            S3PreconditionError: it is another object by now.
            ValueError: it has not the size that the caller said.
        """
        if self.etag is None and self.size is not None and self.size != size:
            raise ValueError(
                f"{self.ref.bucket}/{self.ref.key} has {size} bytes, not size={self.size} as was said; leave out size="
            )
        if self._pin_version and self.ref.version_id is None and version_id is not None:
            self.ref = replace(self.ref, version_id=version_id)
        if self.etag is None:
            self._etag = etag
            if not self._compare_only:
                self._options = replace(self._options, if_match=etag)
        elif etag != self.etag:
            raise self._changed(None, None)
        self.size = size
        self.info = info or self.info

    def _changed(self, code: str | None, status: int | None) -> S3PreconditionError:
        return S3PreconditionError(
            f"The object was replaced while it was read (its ETag was {self.etag}); open it again",
            code=code or "PreconditionFailed",
            status=status,
            operation="GetObject",
            bucket=self.ref.bucket,
            key=self.ref.key,
        )


def as_bytes(data: bytes | memoryview) -> bytes:
    """Return the data as bytes, which a transport that was given no buffer answers with already."""
    return data if isinstance(data, bytes) else bytes(data)


async def read_whole(pinned: PinnedObject, read: Callable[[PinnedObject], Awaitable[T]], *, reopen: bool) -> T:
    """Read an object, and where that is wanted from its begin again whenever it was replaced meanwhile."""
    for _ in range(_MOST_REOPENED if reopen else 0):
        try:
            return await read(pinned)
        except S3PreconditionError:
            pinned = pinned.again()
    return await read(pinned)


class Blocks(Protocol):
    """Where the blocks of an object go."""

    def begin(self, stop: int, *, alone: bool) -> None:
        """Learn where the bytes end: behind the first block, unless it is ``alone``. What was there before is void."""
        ...

    async def take(self, answer: ObjectRange) -> None:
        """Get the first block. Not called where there are no bytes."""
        ...

    async def fetch(self, pinned: PinnedObject, block: ByteRange) -> None:
        """Read another block, beside others and the first."""
        ...


async def read_blocks(
    pinned: PinnedObject,
    start: int,
    end: int | None,
    runtime: Runtime,
    block_size: int,
    limit: int,
    blocks: Blocks,
) -> None:
    """Read bytes of an object whose size may not be known, in blocks side by side.

    The first block brings the size; where the transport tells it (`tell_object`), the others are asked for before the
    bytes of the first have come. What is told so is not relied on: layers between may read something else, or another
    object, if the first attempt fails. Unless the answer says the same, the others are read anew.

    Args:
        pinned: the object.
        start: first byte.
        end: one past the last, more than ``start``; None is the end of the object.
        runtime: how parallel steps are run.
        block_size: bytes of a block, 1 or more.
        limit: most requests in flight, 1 or more.
        blocks: where they go.
    """
    stop = start + block_size if end is None else min(start + block_size, end)
    reading: PinnedObject | None = None
    supposed = pinned.identity
    waits = True  # for the first block; what is told later is of no more use
    deciding = Lock()  # it may be told in any thread, and more than once
    refused: BaseException | None = None  # what somebody who is told of the size raised

    async def fetch(block: ByteRange) -> None:
        await blocks.fetch(reading or pinned, block)

    def others(size: int) -> list[ByteRange]:
        last = max(size if end is None else min(size, end), start)
        blocks.begin(last, alone=last <= stop)
        return split_range(stop, last, block_size)

    early = Group(runtime, fetch, limit)

    def suppose(size: int, etag: str, version_id: str | None) -> None:
        nonlocal reading, supposed, refused
        with deciding:
            if reading is not None or not waits:
                return
            with suppress(S3PreconditionError, ValueError):  # the answer will say so, if it is true
                reading = pinned.supposed(etag, size, version_id)
                supposed = reading.identity
                try:
                    early.begin(others(size), busy=1)
                except BaseException as error:
                    refused = error
                    early.fail(error)

    relayed = runtime.relay(suppose)

    def listen(size: int, etag: str, version_id: str | None) -> None:
        if size > stop != end:  # else there is nothing more to ask for
            relayed(size, etag, version_id)

    answer: ObjectRange | None = None
    try:
        async with early:
            if pinned.etag is not None and pinned.size is not None:
                reading = pinned
                early.begin(others(pinned.size), busy=1)
            try:
                with knowing_early(listen):
                    answer = await pinned.fetch(start, stop)
            finally:
                with deciding:
                    waits = False
            if reading is not None:
                if supposed != pinned.identity:
                    raise _MisledError
                if answer is not None:
                    await blocks.take(pinned.checked(answer, start, stop))
                early.grow()
                return
    except _MisledError:
        if refused is not None and not isinstance(refused, (MemoryError, OverflowError)):  # of a size that is not true
            raise refused from None
        reading = None
    rest = others(start if answer is None else answer.object_size)
    if answer is not None:
        await blocks.take(pinned.checked(answer, start, stop))
    await run_all(runtime, fetch, rest, limit)


class _MisledError(Exception):
    """The answer does not say what was told before."""


async def read_parallel(
    pinned: PinnedObject,
    start: int,
    view: memoryview,
    runtime: Runtime,
    block_size: int,
    limit: int,
) -> None:
    """Read as many bytes as the view holds into it, from ``start`` on, in parallel ranges of ``block_size`` bytes."""

    await run_all(
        runtime,
        lambda piece: pinned.fetch_into(view, start, piece),
        split_range(start, start + view.nbytes, block_size),
        limit,
    )


class _Span:
    """Bytes of the object that are here (``data``), or on their way (``task``)."""

    __slots__ = ("data", "start", "stop", "task")

    def __init__(
        self,
        start: int,
        stop: int,
        *,
        data: bytes | None = None,
        task: Task[bytes] | None = None,
    ) -> None:
        self.start = start
        self.stop = stop
        self.data = data
        self.task = task

    @property
    def lost(self) -> bool:
        """Whether it will never be here: its task was cancelled, or belongs to another event loop."""
        return self.task is not None and self.task.lost

    async def arrive(self) -> bytes:
        if self.data is None:
            assert self.task is not None
            await self.task.wait()  # one who is cancelled here leaves the task to the next
            self.data = await self.task
            self.task = None
        return self.data


class RangeReader:
    """Reads an object at any position, and ahead of reads that follow each other.

    * A read larger than a block goes out as parallel ranges, each into its place.
    * A read right behind the last one is taken for the begin of more: bytes are sent for ahead of it, twice as many
      each time, up to `READ_WINDOW`, in no more requests at a time than the limit.
    * Any other read asks for what it needs, and no more.

    Like a file it has one reader at a time; they may be in different event loops one after the other.

    Args:
        pinned: the object.
        runtime: how parallel steps are run.
        block_size: bytes of a range, 1 or more.
        limit: most requests in flight.
        reopen: go on in the new object if it is replaced meanwhile.
    """

    def __init__(
        self, pinned: PinnedObject, runtime: Runtime, *, block_size: int, limit: int, reopen: bool = False
    ) -> None:
        self.pinned = pinned
        self._reopen = reopen
        self.block_size = block_size
        self._runtime = runtime
        self._limit = limit
        # What is here or on its way, one behind the other without a gap.
        self._spans: deque[_Span] = deque()
        # Where a read begins that follows the last one: behind it, or within it if that looked for something.
        self._expected = (0, 0)
        self._ahead = 0

    @property
    def ref(self) -> ObjectRef:
        """The object."""
        return self.pinned.ref

    @property
    def idle(self) -> bool:
        """Whether nothing is in flight."""
        return all(span.task is None for span in self._spans)

    async def open(self) -> None:
        """Send the first request, if none was sent: the object's first bytes, which bring its size and ETag along.

        Raises:
            FileNotFoundError: there is no such object.
        """
        if self.pinned.etag is None and self.pinned.size is None:
            await self._begin(0, 0)

    async def size(self) -> int:
        """Tell how many bytes the object has."""
        if self.pinned.size is None:
            await self.pinned.head()
        assert self.pinned.size is not None
        return self.pinned.size

    def ready(self, start: int, length: int, *, looking: bool = False) -> bytes | None:
        """Return bytes that are here in one piece, if nothing is to be sent for besides; else None. Never waits.

        Args:
            start: where they begin.
            length: how many; fewer come at the end of the object.
            looking: the caller looks for something in them, and will go on within or behind them.
        """
        stop = start + length if self.pinned.size is None else min(start + length, self.pinned.size)
        for span in self._spans:
            if span.start <= start <= stop <= span.stop and span.data is not None:
                if self._follows(start) and self._runs_short(stop):
                    return None
                self._expected = (start if looking else stop, stop)
                return span.data[start - span.start : stop - span.start]
        return None

    def ready_line(self, start: int, limit: int) -> bytes | None:
        """Return a line as `ready` returns bytes: up to a newline, or ``limit`` bytes if that is not negative."""
        for span in self._spans:
            if span.start <= start < span.stop and span.data is not None:
                low = start - span.start
                end = span.data.find(b"\n", low, len(span.data) if limit < 0 else low + limit) + 1
                if not end and 0 <= limit <= len(span.data) - low:
                    end = low + limit
                stop = span.start + end
                if not end or (self._follows(start) and self._runs_short(stop)):
                    return None
                self._expected = (stop, stop)
                return span.data[low:end]
        return None

    async def read(self, start: int, length: int | None = None, *, looking: bool = False) -> bytes:
        """Read ``length`` bytes from ``start`` on, all there are if None; fewer come at the end of the object."""
        return await self._read_one(lambda: self._read(start, length, looking))

    async def _read_one(self, read: Callable[[], Awaitable[T]]) -> T:
        """Read from one object: from the new one, where that is wanted, if it was replaced."""

        async def within(pinned: PinnedObject) -> T:
            if pinned is not self.pinned:
                await self.aclose()
                self.pinned = pinned
            return await read()

        return await read_whole(self.pinned, within, reopen=self._reopen)

    async def _read(self, start: int, length: int | None, looking: bool) -> bytes:
        stop = await self._stop(start, length)
        if stop <= start:
            return b""
        if (data := self.ready(start, stop - start, looking=looking)) is not None:
            return data
        # BytesIO hands out the memory that it was given, so that no byte is copied once more.
        whole = io.BytesIO(bytes(stop - start))
        with whole.getbuffer() as view:
            await self._fill(start, view)
        if looking:
            self._expected = (start, stop)
        return whole.getvalue()

    async def readinto(self, start: int, view: memoryview) -> int:
        """Read into a writable view of bytes, from ``start`` on; return how many there were."""
        return await self._read_one(lambda: self._readinto(start, view))

    async def _readinto(self, start: int, view: memoryview) -> int:
        stop = await self._stop(start, view.nbytes)
        if stop <= start:
            return 0
        with view[: stop - start] as target:
            await self._fill(start, target)
        return stop - start

    async def aclose(self) -> None:
        """Drop what is here and what is in flight."""
        tasks = [span.task for span in self._spans if span.task is not None]
        self._spans.clear()
        for task in tasks:
            task.cancel()
        await settle_all(tasks)

    async def _stop(self, start: int, length: int | None) -> int:
        """Tell where a read ends. Without a request before it, the read is begun, which tells."""
        if length == 0:
            return start
        if self.pinned.size is None:
            await self._begin(start, self.block_size if length is None else length)
        size = await self.size()
        return size if length is None else min(start + length, size)

    async def _begin(self, start: int, length: int) -> None:
        # Who begins at the begin may well go on.
        least = _FIRST_READ if start == 0 else 1
        answer = await self.pinned.fetch(start, start + min(max(length, least), self.block_size))
        if answer is not None:
            self._spans.append(_Span(start, start + answer.size, data=as_bytes(answer.data)))
            self._expected = (start, start)
            self._ahead = answer.size if start == 0 else 0

    # --- ahead of the reader ---------------------------------------------------------------------

    def _follows(self, start: int) -> bool:
        return self._expected[0] <= start <= self._expected[1]

    def _end(self, stop: int) -> int:
        """Return where the bytes end that are here or on their way, once those to ``stop`` have been read."""
        return max(self._spans[-1].stop, stop) if self._spans else stop

    @property
    def _piece(self) -> int:
        """Bytes of a request ahead of the reader; small blocks would be too many requests."""
        return max(self.block_size, _LEAST_AHEAD)

    def _runs_short(self, stop: int) -> bool:
        """Tell whether, behind a read up to ``stop``, less is ahead than should be by a piece, or by half of it."""
        end = self._end(stop)
        slack = min(self._ahead // 2, self._piece)
        return end - stop <= self._ahead - slack and end != self.pinned.size

    async def _forget_useless(self, start: int, stop: int) -> None:
        """Keep what a read of ``start`` to ``stop`` will use, and what lies ahead of it without a gap."""
        useful: deque[_Span] = deque()
        useless = []
        for span in self._spans:
            joins = span.start <= (useful[-1].stop if useful else stop) and not span.lost
            if joins and (span.stop > start or span is self._spans[-1]):
                useful.append(span)
            else:
                useless.append(span.task)
        self._spans = useful
        tasks = [task for task in useless if task is not None]
        for task in tasks:
            task.cancel()
        await settle_all(tasks)

    def _plan_ahead(self, start: int, stop: int) -> list[ByteRange]:
        """Say what to send for ahead of a read of ``start`` to ``stop``: nothing, where that is a jump."""
        follows = self._follows(start)
        self._expected = (stop, stop)
        if not follows:
            if not any(span.start <= start < span.stop for span in self._spans):
                self._ahead = 0
            return []
        if not self._runs_short(stop):
            return []
        most = min(READ_WINDOW, self._limit * self._piece)
        self._ahead = min(max(2 * self._ahead, stop - start, _LEAST_AHEAD), most)
        waiting = sum(span.data is None for span in self._spans)
        end = min(stop + self._ahead, self.pinned.size or 0)
        return split_range(self._end(stop), end, self._piece)[: max(self._limit - waiting, 0)]

    async def _fetch(self, start: int, stop: int) -> bytes:
        return as_bytes((await self.pinned.fetch_whole(start, stop)).data)

    async def _fill(self, start: int, view: memoryview) -> None:
        """Fill the view from what is here or on its way; what is neither is read right into its place."""
        stop = start + view.nbytes
        await self._forget_useless(start, stop)
        ahead = self._plan_ahead(start, stop)
        here = [span for span in self._spans if span.start < stop and start < span.stop]
        missing = self._read_missing(start, view, here[0].start if here else stop, here[-1].stop if here else stop)
        if not ahead and not here:
            await missing
            return
        # First what is asked for, then what is ahead of it.
        rest = self._runtime.spawn(missing)
        for piece in ahead:
            assert piece.stop is not None
            task = self._runtime.spawn(self._fetch(piece.start, piece.stop))
            self._spans.append(_Span(piece.start, piece.stop, task=task))
        try:
            for span in here:
                data = await span.arrive()
                low, high = max(span.start, start), min(span.stop, stop)
                view[low - start : high - start] = data[low - span.start : high - span.start]
            await rest.wait()
        except BaseException as error:
            rest.cancel()
            if isinstance(error, Exception):
                await self.aclose()  # so that the next read asks again
            raise
        finally:
            await rest.settle()
        await rest

    async def _read_missing(self, start: int, view: memoryview, first: int, last: int) -> None:
        """Read what lies before ``first`` and from ``last`` on, where a view of the bytes from ``start`` on has it."""
        for low, high in ((start, first), (max(last, start), start + view.nbytes)):
            if low < high:
                with view[low - start : high - start] as part:
                    await read_parallel(self.pinned, low, part, self._runtime, self.block_size, self._limit)


async def find_behind(reader: RangeReader, position: int, delimiter: bytes) -> int:
    """Return where the first delimiter from ``position`` on ends, or the object does; 0 where ``position`` is 0."""
    if position <= 0:
        return 0
    kept = b""
    while block := await reader.read(position, _FIND_STEP):
        found = (kept + block).find(delimiter)
        if found >= 0:
            return position - len(kept) + found + len(delimiter)
        position += len(block)
        kept = (kept + block)[1 - len(delimiter) :] if len(delimiter) > 1 else b""
    return position
