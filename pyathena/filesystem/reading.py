"""Read one object that must not change meanwhile: in parallel ranges, and ahead of a sequential reader.

Coroutines over `ObjectReader`; nothing here knows paths, fsspec or asyncio.
"""

from __future__ import annotations

import io
from collections import deque
from dataclasses import replace
from typing import Final

from pyathena.filesystem.planning import split_range
from pyathena.runtime import Runtime, Task, run_all, settle_all
from pyathena.transport.errors import S3InvalidRangeError, S3PreconditionError, S3ServerError
from pyathena.transport.protocol import ObjectReader
from pyathena.transport.values import ByteRange, GetOptions, ObjectInfo, ObjectRange, ObjectRef

__all__ = ["READ_WINDOW", "PinnedObject", "RangeReader", "as_bytes", "read_parallel"]

READ_WINDOW: Final = 64 * 2**20
"""Most bytes that are in flight or waiting ahead of a sequential reader."""

_FIRST_READ: Final = 2**20
"""Bytes of the first request, when it is not known yet whether the object will be read from its begin or its end."""

_SMALLEST_AHEAD: Final = 64 * 2**10
"""Bytes to read ahead when a read follows another for the first time."""


class PinnedObject:
    """One object as it was when it was first seen; every later request says so.

    An object that changes under a reader is an error, never a mixture: requests carry ``If-Match``, and the answers'
    ETags are compared as well, since some servers ignore the header.

    Args:
        reader: where to read.
        ref: the object.
        options: what every request carries besides.
        size: bytes, if they are known beforehand.
    """

    def __init__(
        self, reader: ObjectReader, ref: ObjectRef, *, options: GetOptions = GetOptions(), size: int | None = None
    ) -> None:
        self.ref = ref
        self.size = size
        self.info: ObjectInfo | None = None
        self._reader = reader
        self._options = options

    @property
    def etag(self) -> str | None:
        """The ETag that is pinned, or None before the first answer."""
        return self._options.if_match

    async def head(self) -> ObjectInfo:
        """Look at the object without its bytes (HeadObject)."""
        info = await self._reader.head_object(self.ref, options=self._options)
        self._pin(info.etag, info.size, info)
        return info

    async def fetch(self, start: int, stop: int | None, into: memoryview | None = None) -> ObjectRange | None:
        """Read a range of at least one byte; None if it begins at or behind the end, and the size is then known."""
        try:
            answer = await self._reader.get_object_range(
                self.ref, ByteRange(start, stop), into=into, options=self._options
            )
        except S3InvalidRangeError as error:
            # On an empty object every range is invalid.
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
        self._pin(answer.etag, answer.object_size, answer.info)
        return answer

    def _pin(self, etag: str, size: int, info: ObjectInfo | None) -> None:
        if self.etag is None:
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


async def read_parallel(
    pinned: PinnedObject, start: int, view: memoryview, runtime: Runtime, block_size: int, limit: int
) -> None:
    """Read as many bytes as the view holds into it, from ``start`` on, in parallel ranges of ``block_size`` bytes."""

    async def fetch(piece: ByteRange) -> None:
        assert piece.stop is not None
        await _fetch(pinned, piece.start, piece.stop, into=view[piece.start - start : piece.stop - start])

    await run_all(runtime, fetch, split_range(start, start + view.nbytes, block_size), limit)


async def _fetch(pinned: PinnedObject, start: int, stop: int, into: memoryview | None = None) -> bytes | memoryview:
    """Read a range that is known to be within the object."""
    answer = await pinned.fetch(start, stop, into)
    if answer is None or answer.size != stop - start:
        raise S3ServerError(
            f"Bytes {start} to {stop} are not within the {pinned.size} bytes that the object had",
            operation="GetObject",
            bucket=pinned.ref.bucket,
            key=pinned.ref.key,
        )
    return answer.data


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
      each time, up to `READ_WINDOW`.
    * Any other read asks for what it needs, and no more.

    Like a file it has one reader at a time; they may be in different event loops one after the other.

    Args:
        pinned: the object.
        runtime: how parallel steps are run.
        block_size: bytes of a range, 1 or more.
        limit: most requests in flight.
    """

    def __init__(self, pinned: PinnedObject, runtime: Runtime, *, block_size: int, limit: int) -> None:
        self.pinned = pinned
        self.block_size = block_size
        self._runtime = runtime
        self._limit = limit
        self._spans: deque[_Span] = deque()
        self._last = (0, 0)
        self._ahead = 0

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

    def ready(self, start: int, length: int) -> bytes | None:
        """Return bytes that are here in one piece, if nothing is to be sent for besides; else None. Never waits."""
        stop = start + length if self.pinned.size is None else min(start + length, self.pinned.size)
        for span in self._spans:
            if span.start <= start <= stop <= span.stop and span.data is not None:
                if self._follows(start) and self._runs_short(stop):
                    return None
                self._last = start, stop
                return span.data[start - span.start : stop - span.start]
        return None

    def ready_line(self, start: int) -> bytes | None:
        """Return the bytes up to the next newline, with it, if `ready` would return them; else None."""
        for span in self._spans:
            if span.start <= start < span.stop and span.data is not None:
                end = span.data.find(b"\n", start - span.start)
                return None if end < 0 else self.ready(start, span.start + end + 1 - start)
        return None

    async def read(self, start: int, length: int | None = None) -> bytes:
        """Read ``length`` bytes from ``start`` on, all there are if None; fewer come at the end of the object."""
        stop = await self._stop(start, length)
        if stop <= start:
            return b""
        await self._look_ahead(start, stop)
        if (data := self.ready(start, stop - start)) is not None:
            return data
        whole = io.BytesIO(bytes(stop - start))
        with whole.getbuffer() as view:
            await self._fill(start, view)
        return whole.getvalue()

    async def readinto(self, start: int, view: memoryview) -> int:
        """Read into a writable view of bytes, from ``start`` on; return how many there were."""
        stop = await self._stop(start, view.nbytes)
        if stop <= start:
            return 0
        await self._look_ahead(start, stop)
        await self._fill(start, view[: stop - start])
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
            self._last = start, start
            self._ahead = answer.size if start == 0 else 0

    # --- ahead of the reader ---------------------------------------------------------------------

    def _follows(self, start: int) -> bool:
        """Tell whether a read goes on where the last one ended, or within it, as one in search of a line's end does."""
        return self._last[0] <= start <= self._last[1]

    def _end(self, stop: int) -> int:
        """Where the bytes end that are here or on their way, once those to ``stop`` have been read."""
        return max(self._spans[-1].stop, stop) if self._spans else stop

    def _runs_short(self, stop: int) -> bool:
        """Tell whether, after a read up to ``stop``, less is ahead than should be by a block, or by half of it."""
        end = self._end(stop)
        slack = min(self._ahead // 2, self.block_size)
        return end - stop <= self._ahead - slack and end != self.pinned.size

    async def _look_ahead(self, start: int, stop: int) -> None:
        """Send for what a read of ``start`` to ``stop`` lets expect, or forget what it does not."""
        follows = self._follows(start)
        self._last = start, stop
        if not follows:
            if not any(span.start <= start < span.stop for span in self._spans):
                self._ahead = 0
                await self.aclose()
            return
        if not self._runs_short(stop):
            return
        self._ahead = min(max(2 * self._ahead, stop - start, _SMALLEST_AHEAD), READ_WINDOW)
        size = await self.size()
        for piece in split_range(self._end(stop), min(stop + self._ahead, size), self.block_size):
            assert piece.stop is not None
            task = self._runtime.spawn(self._fetch(piece.start, piece.stop))
            self._spans.append(_Span(piece.start, piece.stop, task=task))

    async def _fetch(self, start: int, stop: int) -> bytes:
        return as_bytes(await _fetch(self.pinned, start, stop))

    async def _fill(self, start: int, view: memoryview) -> None:
        """Fill the view from what is here or on its way; what is neither is read right into its place."""
        at, stop = start, start + view.nbytes
        try:
            for span in list(self._spans):
                if span.stop <= at or span.start >= stop or (span.task is not None and span.task.lost):
                    continue
                if at < span.start:
                    await self._read_into(at, view[at - start : span.start - start])
                    at = span.start
                data = await span.arrive()
                end = min(span.stop, stop)
                view[at - start : end - start] = data[at - span.start : end - span.start]
                at = end
            if at < stop:
                await self._read_into(at, view[at - start :])
        except Exception:
            await self.aclose()  # so that the next read asks again
            raise
        while len(self._spans) > 1 and self._spans[0].stop <= stop:
            self._spans.popleft()

    async def _read_into(self, start: int, view: memoryview) -> None:
        await read_parallel(self.pinned, start, view, self._runtime, self.block_size, self._limit)
