"""Open files: the asynchronous handle, and the fsspec file that `open` returns.

`AioS3File` is what ``async with fs.open(…) as f`` and ``await fs.open_async(…)`` yield. `S3File` is an fsspec file for
synchronous code, as `S3FileSystem.open` returns it; `S3OpenFile`, which `AioS3FileSystem.open` returns, is both: used
with ``with`` it is an `S3File`, used with ``async with`` it yields an `AioS3File`.

All of them are thin: reading is `RangeReader`'s, writing is `PartWriter`'s.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, Self, TypeVar

from fsspec.caching import caches
from fsspec.spec import AbstractBufferedFile
from typing_extensions import Buffer, override

from pyathena.filesystem.listing import Entry, info_entry
from pyathena.filesystem.reading import RangeReader
from pyathena.filesystem.writing import PartWriter
from pyathena.transport.values import ObjectRef

__all__ = ["AioS3File", "S3File", "S3OpenFile"]

T = TypeVar("T")

_LINE_STEP = 8192
"""Bytes in which a line's end is looked for first; twice as many each time."""


class SyncRunner(Protocol):
    """Runs a coroutine function to its end for a caller that is not a coroutine."""

    def __call__(self, function: Callable[..., Awaitable[T]], *args: Any, **kwargs: Any) -> T: ...


def _seek(position: int, offset: int, whence: int, size: int | None) -> int:
    if whence not in (io.SEEK_SET, io.SEEK_CUR, io.SEEK_END):
        raise ValueError(f"whence is 0 (begin), 1 (current position) or 2 (end), got {whence!r}")
    base = (0, position, size or 0)[whence]
    if base + offset < 0:
        raise ValueError(f"cannot seek to {base + offset}, before the begin of the file")
    return base + offset


class AioS3File:
    """An object of S3 opened in binary mode, for coroutines.

    Leaving ``async with`` closes it: what was written appears then, and not at all if the block ends in an exception or
    is cancelled. Not for several tasks at a time.
    """

    def __init__(self, ref: ObjectRef, mode: str, core: RangeReader | PartWriter) -> None:
        self._ref = ref
        self._mode = mode
        self._reader = core if isinstance(core, RangeReader) else None
        self._writer = core if isinstance(core, PartWriter) else None
        self._position = 0
        self._closed = False

    @override
    def __repr__(self) -> str:
        state = "closed" if self._closed else "open"
        return f"<{type(self).__name__} {self.name!r} mode={self._mode!r} {state}>"

    @property
    def name(self) -> str:
        """Bucket and key."""
        return f"{self._ref.bucket}/{self._ref.key}"

    @property
    def mode(self) -> str:
        """The mode it was opened in."""
        return self._mode

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._closed

    @property
    def size(self) -> int:
        """Bytes of the object that is read, or bytes written so far, those that were there before included."""
        if self._writer is not None:
            return self._writer.position
        return 0 if self._reader is None else self._reader.pinned.size or 0

    def readable(self) -> bool:
        """Tell whether it was opened for reading."""
        return self._reader is not None

    def writable(self) -> bool:
        """Tell whether it was opened for writing."""
        return self._writer is not None

    def seekable(self) -> bool:
        """Tell whether `seek` works: where it is read."""
        return self._reader is not None

    def tell(self) -> int:
        """Return the position in bytes."""
        self._check_open()
        return self._position if self._writer is None else self._writer.position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to a position, which may be behind the end, and return it. Sends nothing.

        Args:
            offset: bytes, from what ``whence`` says.
            whence: 0 the begin, 1 the current position, 2 the end.
        """
        self._reading()
        self._position = _seek(self._position, offset, whence, self.size)
        return self._position

    async def read(self, size: int | None = -1) -> bytes:
        """Read up to ``size`` bytes, fewer only at the end; all that is left if negative or None.

        Raises:
            S3PreconditionError: the object was replaced since it was opened.
        """
        reader = self._reading()
        length = None if size is None or size < 0 else size
        data = None if length is None else reader.ready(self._position, length)
        if data is None:
            data = await reader.read(self._position, length)
        self._position += len(data)
        return data

    async def readinto(self, buffer: Buffer) -> int:
        """Read into a writable buffer of any size; return how many bytes there were: fewer only at the end."""
        reader = self._reading()
        view = memoryview(buffer).cast("B")
        count = await reader.readinto(self._position, view)
        self._position += count
        return count

    async def readline(self, size: int | None = -1) -> bytes:
        """Read up to and including the next newline, or the end, or ``size`` bytes; empty at the end."""
        reader = self._reading()
        limit = -1 if size is None else size
        line = reader.ready_line(self._position, limit)
        if line is None:
            line = await _read_line(reader, self._position, limit)
        self._position += len(line)
        return line

    async def readlines(self) -> list[bytes]:
        """Read all lines that are left."""
        return [line async for line in self]

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        line = await self.readline()
        if not line:
            raise StopAsyncIteration
        return line

    async def write(self, data: Buffer) -> int:
        """Write bytes; return their number. Full parts upload while the program goes on.

        Raises:
            S3Error: an earlier part failed; nothing of the object is kept.
        """
        writer = self._writing()
        view = memoryview(data).cast("B")
        if not writer.absorb(view):
            await writer.write(data)
        return view.nbytes

    async def writelines(self, lines: Iterable[Buffer]) -> None:
        """Write each of the lines; nothing is put between them."""
        for line in lines:
            await self.write(line)

    async def flush(self) -> None:
        """Send a part that is full. The object does not appear before the file is closed."""
        self._check_open()
        if self._writer is not None:
            await self._writer.flush()

    async def close(self) -> None:
        """Close the file: an object that was written appears now. Idempotent."""
        if self._closed:
            return
        self._closed = True
        if self._reader is not None:
            await self._reader.aclose()
        if self._writer is not None:
            await self._writer.close()

    async def commit(self) -> None:
        """Make the object appear that was closed and held back (``autocommit=False``). Idempotent."""
        if self._writer is not None:
            self._closed = True
            await self._writer.commit()

    async def discard(self) -> None:
        """Close the file and drop what was written: no object appears. Idempotent."""
        self._closed = True
        if self._reader is not None:
            await self._reader.aclose()
        if self._writer is not None:
            await self._writer.discard()

    async def __aenter__(self) -> Self:
        self._check_open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await (self.close() if kind is None else self.discard())

    def __del__(self) -> None:
        _warn_unfinished(self, getattr(self, "_closed", True), getattr(self, "_writer", None))

    def _check_open(self) -> None:
        if self._closed:
            raise ValueError(f"I/O operation on closed file {self.name!r}")

    def _reading(self) -> RangeReader:
        self._check_open()
        if self._reader is None:
            raise io.UnsupportedOperation(f"{self.name!r} was opened with mode {self._mode!r}, not for reading")
        return self._reader

    def _writing(self) -> PartWriter:
        self._check_open()
        if self._writer is None:
            raise io.UnsupportedOperation(f"{self.name!r} was opened with mode {self._mode!r}, not for writing")
        return self._writer


class _FsspecFile(AbstractBufferedFile):
    """An object of S3 opened in binary mode, for code that is not a coroutine.

    Leaving ``with`` closes it: what was written appears then, and not at all if the block ends in an exception.

    Args:
        fs: the filesystem that opened it.
        ref: the object.
        mode: ``rb``, ``wb`` or ``xb``.
        core: what reads or writes.
        run: runs the core's coroutines.
        cache_type: one of fsspec's caches for reading; None reads ahead by itself, as `RangeReader` says.
        cache_options: arguments of that cache.
    """

    def __init__(
        self,
        fs: Any,
        ref: ObjectRef,
        mode: str,
        core: RangeReader | PartWriter,
        run: SyncRunner,
        *,
        cache_type: str | None = None,
        cache_options: dict[str, Any] | None = None,
    ) -> None:
        self._ref = ref
        self._reader = core if isinstance(core, RangeReader) else None
        self._writer = core if isinstance(core, PartWriter) else None
        self._run = run
        self._cache: Any = None
        # fsspec's constructor asks for the size, which would be a request: it is told one that is never used.
        super().__init__(
            fs, f"{ref.bucket}/{ref.key}", mode, core.block_size, cache_type="none", cache_options=None, size=0
        )
        if self._writer is not None:
            self.loc = self._writer.position  # behind what is appended to
        self._constructed = True
        self._cache = None
        self._cache_type = cache_type
        self._cache_options = cache_options or {}

    _constructed = False

    if TYPE_CHECKING:
        # fsspec's own, which has no types.
        path: str
        mode: str
        blocksize: int
        loc: int
        closed: bool

        @property
        def full_name(self) -> str: ...
        def info(self) -> Entry: ...
        @override
        def tell(self) -> int: ...
        @override
        def readable(self) -> bool: ...
        @override
        def writable(self) -> bool: ...
        @override
        def seekable(self) -> bool: ...
        def readuntil(self, char: bytes = b"\n", blocks: int | None = None) -> bytes: ...
        @override
        def writelines(self, lines: Iterable[Buffer], /) -> None: ...
        @override
        def __iter__(self) -> Iterator[bytes]: ...
        @override
        def __next__(self) -> bytes: ...

    # --- what fsspec keeps as plain attributes ---------------------------------------------------

    @property  # type: ignore[explicit-override]  # mypy does not see it on a property that can be set
    @override
    def size(self) -> int:
        """Bytes of the object that is read, or bytes written so far. Asks for it, if no answer has told it yet."""
        if self._reader is None or not self._constructed:
            return self.loc
        known = self._reader.pinned.size
        return self._run(self._reader.size) if known is None else known

    @size.setter
    @override
    def size(self, size: int) -> None:
        pass  # fsspec sets what it was told; the reader knows

    @property  # type: ignore[explicit-override]  # as above
    @override
    def cache(self) -> Any:
        """fsspec's cache, made when it is first used, since it wants to know the size."""
        if self._cache is None and self._reader is not None:
            kind = caches[self._cache_type or "none"]
            self._cache = kind(self.blocksize, self._fetch_range, self.size, **self._cache_options)
        return self._cache

    @cache.setter
    @override
    def cache(self, cache: Any) -> None:
        self._cache = cache

    @property
    @override
    def details(self) -> Entry:
        """What `info` tells of the object that is read."""
        reader = self._reading()
        info = reader.pinned.info or self._run(reader.pinned.head)
        return info_entry(self._ref.bucket, info)

    # --- the object, as s3fs's files tell of it --------------------------------------------------

    @property
    def bucket(self) -> str:
        """The bucket that the object is in."""
        return self._ref.bucket

    @property
    def key(self) -> str:
        """The key of the object."""
        return self._ref.key

    @property
    def version_id(self) -> str | None:
        """The version that is read; None if it is not pinned to one."""
        return self._ref.version_id if self._reader is None else self._reader.ref.version_id

    def metadata(self, **kwargs: Any) -> dict[str, str]:
        """Tell the user metadata of the object, as the filesystem's `metadata` does."""
        metadata: dict[str, str] = self.fs.metadata(self.path, **kwargs)
        return metadata

    def getxattr(self, xattr_name: str, **kwargs: Any) -> str | None:
        """Tell one value of the user metadata, as the filesystem's `getxattr` does."""
        value: str | None = self.fs.getxattr(self.path, xattr_name, **kwargs)
        return value

    def setxattr(self, copy_kwargs: dict[str, Any] | None = None, **metadata: str | None) -> None:
        """Change the user metadata of an object that is there, as the filesystem's `setxattr` does."""
        if self._writer is not None:
            raise io.UnsupportedOperation(f"{self.path!r} is being written: close it, and use fs.setxattr")
        self.fs.setxattr(self.path, copy_kwargs=copy_kwargs, **metadata)

    def url(self, **kwargs: Any) -> str:
        """Make a presigned URL, as the filesystem's `url` does."""
        url: str = self.fs.url(self.path, **kwargs)
        return url

    @override
    def __reduce__(self) -> tuple[Any, ...]:
        if self._reader is None or self.closed:
            raise TypeError(f"only an open file that is read can be pickled, not {self!r} with mode {self.mode!r}")
        return _reopen, (self.fs, self.path, self._cache_type, self._cache_options, self.blocksize, self.loc)

    @override
    def __hash__(self) -> int:
        return id(self)

    @override
    def __eq__(self, other: object) -> bool:
        return self is other

    # --- reading ---------------------------------------------------------------------------------

    @override
    def read(self, length: int | None = -1) -> bytes:
        """Read up to ``length`` bytes, fewer only at the end; all that is left if negative or None."""
        reader = self._reading()
        if self._cache_type is not None:
            data: bytes = super().read(length)
            return data
        wanted = None if length is None or length < 0 else length
        found = None if wanted is None else reader.ready(self.loc, wanted)
        if found is None:
            found = self._run(reader.read, self.loc, wanted)
        self.loc += len(found)
        return found

    @override
    def readinto(self, b: Buffer) -> int:
        """Read into a writable buffer; return how many bytes there were: fewer only at the end."""
        reader = self._reading()
        if self._cache_type is not None:
            return int(super().readinto(b))
        view = memoryview(b).cast("B")
        found = reader.ready(self.loc, view.nbytes)
        if found is None:
            count = self._run(reader.readinto, self.loc, view)
        else:
            count = len(found)
            view[:count] = found
        self.loc += count
        return count

    @override
    def readline(self, size: int | None = -1) -> bytes:
        """Read up to and including the next newline, or the end, or ``size`` bytes; empty at the end."""
        limit = -1 if size is None else size
        reader = self._reading()
        if self._cache_type is not None:
            line: bytes = super().readline()
            if 0 <= limit < len(line):
                self.loc -= len(line) - limit
                line = line[:limit]
            return line
        found = reader.ready_line(self.loc, limit)
        if found is None:
            found = self._run(_read_line, reader, self.loc, limit)
        self.loc += len(found)
        return found

    @override
    def readlines(self, hint: int | None = -1) -> list[bytes]:
        """Read all lines that are left; ``hint`` changes nothing."""
        return list(self)

    @override
    def seek(self, loc: int, whence: int = io.SEEK_SET) -> int:
        """Move to a position, which may be behind the end, and return it."""
        self._reading()
        self.loc = _seek(self.loc, int(loc), whence, self.size if whence == io.SEEK_END else None)
        return self.loc

    def _fetch_range(self, start: int, end: int) -> bytes:
        """Read bytes for fsspec's caches."""
        return self._run(self._reading().read, start, end - start)

    # --- writing ---------------------------------------------------------------------------------

    @override
    def write(self, data: Buffer) -> int:
        """Write bytes; return their number. Full parts upload while the program goes on."""
        writer = self._writing()
        view = memoryview(data).cast("B")
        if not writer.absorb(view):
            self._run(writer.write, data)
        self.loc = writer.position
        return view.nbytes

    @override
    def flush(self, force: bool = False) -> None:
        """Send a part that is full. The object does not appear before the file is closed; ``force`` changes nothing."""
        self._check_open()
        if self._writer is not None:
            self._run(self._writer.flush)

    @override
    def close(self) -> None:
        """Close the file: an object that was written appears now. Idempotent."""
        if self.closed:
            return
        self.closed = True
        self._close_cache()
        if self._reader is not None and not self._reader.idle:
            self._run(self._reader.aclose)
        if self._writer is not None:
            self._run(self._writer.close)

    @override
    def commit(self) -> None:
        """Make the object appear that was closed and held back (``autocommit=False``). Idempotent."""
        if self._writer is not None:
            self.closed = True
            self._run(self._writer.commit)

    @override
    def discard(self) -> None:
        """Close the file and drop what was written: no object appears. Idempotent."""
        self.closed = True
        self._close_cache()
        if self._reader is not None and not self._reader.idle:
            self._run(self._reader.aclose)
        if self._writer is not None:
            self._run(self._writer.discard)

    @override
    def __enter__(self) -> Self:
        self._check_open()
        core = self._reader or self._writer
        assert core is not None
        try:
            self._run(core.open)
        except BaseException:
            self.closed = True
            raise
        if self._writer is not None:
            self.loc = self._writer.position
        return self

    @override
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.discard()

    @override
    def __del__(self) -> None:
        _warn_unfinished(self, self.closed, getattr(self, "_writer", None))

    def _close_cache(self) -> None:
        close = getattr(self._cache, "close", None)  # some of fsspec's caches have threads
        if close is not None:
            close()
        self._cache = None

    def _check_open(self) -> None:
        if self.closed:
            raise ValueError(f"I/O operation on closed file {self.path!r}")

    def _reading(self) -> RangeReader:
        self._check_open()
        if self._reader is None:
            raise io.UnsupportedOperation(f"{self.path!r} was opened with mode {self.mode!r}, not for reading")
        return self._reader

    def _writing(self) -> PartWriter:
        self._check_open()
        if self._writer is None:
            raise io.UnsupportedOperation(f"{self.path!r} was opened with mode {self.mode!r}, not for writing")
        return self._writer


class SynchronousOnly:
    """Makes ``async with`` say what to use instead."""

    async def __aenter__(self) -> NoReturn:
        raise TypeError("S3FileSystem's files are synchronous: use `with`, or AioS3FileSystem for `async with`")

    async def __aexit__(self, *error: object) -> None:
        """Never reached; ``async with`` looks for it first."""


class S3File(SynchronousOnly, _FsspecFile):
    """What `S3FileSystem.open` returns: an fsspec file."""


class S3OpenFile(_FsspecFile):
    """What `AioS3FileSystem.open` returns: an fsspec file, whose ``async with`` yields an `AioS3File`."""

    _handle: AioS3File | None = None

    async def __aenter__(self) -> AioS3File:
        """Open the object and return its asynchronous handle, which from then on is the only way to use it.

        Raises:
            FileNotFoundError: it is to be read and is not there.
        """
        self._check_open()
        core = self._reader or self._writer
        assert core is not None
        self.closed = True
        if self._writer is not None:
            self.fs._refuse_in_synchronous_transaction()
        await core.open()
        self._handle = AioS3File(self._ref, self.mode, core)
        if self._reader is not None:
            self._handle.seek(self.loc)
        return self._handle

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._handle is not None
        await self._handle.__aexit__(kind, error, trace)


def _reopen(
    fs: Any, path: str, cache_type: str | None, cache_options: dict[str, Any], block_size: int, loc: int
) -> Any:
    file = fs.open(path, "rb", block_size=block_size, cache_type=cache_type, cache_options=cache_options)
    file.seek(loc)
    return file


async def _read_line(reader: RangeReader, position: int, limit: int) -> bytes:
    """Read a line from ``position`` on, of at most ``limit`` bytes if that is not negative."""
    found = []
    at = position
    step = _LINE_STEP
    while limit < 0 or at < position + limit:
        wanted = step if limit < 0 else min(step, position + limit - at)
        block = await reader.read(at, wanted, looking=True)
        end = block.find(b"\n")
        found.append(block if end < 0 else block[: end + 1])
        at += len(found[-1])
        if end >= 0 or len(block) < wanted:
            break
        step *= 2
    return found[0] if len(found) == 1 else b"".join(found)


def _warn_unfinished(file: object, closed: bool, writer: PartWriter | None) -> None:
    """Tell of a file that was written and forgotten. It is not uploaded: half of it may be missing."""
    if writer is None or (closed and not (writer.held_back and not writer.of_transaction)):
        return
    upload = writer.upload
    left = "" if upload is None else f"; its multipart upload {upload.upload_id} is left open"
    warnings.warn(
        f"{file!r} was never {'committed' if closed else 'closed'}, so nothing of it was written{left}. "
        + ("Call commit() or discard(), as autocommit=False asks for." if closed else "Use `with` or `async with`."),
        ResourceWarning,
        stacklevel=2,
        source=file,
    )
