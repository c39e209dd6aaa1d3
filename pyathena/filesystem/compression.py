"""Compressed files over the handles of `pyathena.filesystem.handles`: asynchronous, and synchronous.

The asynchronous handle compresses with the standard library's incremental objects, large blocks in a thread. The
synchronous file takes whatever fsspec has registered.
"""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import lzma
import zlib
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Any, Final, Protocol, Self

from fsspec.compression import compr
from fsspec.utils import infer_compression
from typing_extensions import Buffer, override

from pyathena.filesystem.handles import AioS3File, S3OpenFile, SynchronousOnly
from pyathena.filesystem.lent import BinaryFile, LentFile
from pyathena.runtime import AsyncioRuntime

__all__ = ["AioS3CompressedFile", "S3CompressedFile", "S3OpenCompressedFile", "compression_name", "require_async_codec"]

_BLOCK: Final = 256 * 2**10
"""Bytes that are compressed, or read for decompression, at a time."""

_LARGEST_OUTPUT: Final = 2**20
"""Most bytes that one step of decompression makes, so that a small object which unpacks to a huge one is no trap."""

_RUNTIME: Final = AsyncioRuntime()
"""Whose threads compress; the event loop's own executor is shared with everybody."""

_SMALL: Final = 32 * 2**10
"""Fewer bytes than this are worked on right here: they take less time than the way to a thread and back is worth."""


def compression_name(path: str, compression: str | None) -> str | None:
    """Return the name of a compression that fsspec knows; ``infer`` goes by the path's ending, as in fsspec.

    Raises:
        ValueError: there is none of that name.
    """
    name = infer_compression(path) if compression == "infer" else compression
    if name not in compr:
        known = ", ".join(sorted(repr(each) for each in compr if each is not None))
        raise ValueError(f"compression is 'infer' or one of {known}, got {name!r}")
    return name


# --- the standard library's incremental objects --------------------------------------------------


class _Compressor(Protocol):
    def compress(self, data: Buffer, /) -> bytes: ...
    def flush(self) -> bytes: ...


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _GzipDecompressor:
    """zlib's object with the interface that those of bz2 and lzma have."""

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(wbits=_GZIP)
        self.needs_input = True

    @property
    def eof(self) -> bool:
        return self._zlib.eof

    @property
    def unused_data(self) -> bytes:
        return self._zlib.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        try:
            unpacked = self._zlib.decompress(self._zlib.unconsumed_tail + data, max_length)
        except zlib.error as error:
            raise gzip.BadGzipFile(str(error)) from error
        self.needs_input = not self._zlib.unconsumed_tail and len(unpacked) < max_length
        return unpacked


_GZIP: Final = 16 + zlib.MAX_WBITS
"""zlib's sign for gzip's header and trailer."""


@dataclass(frozen=True, slots=True)
class _Codec:
    """A compression, and what its file class in the standard library makes of the bytes around its streams."""

    compressor: Callable[[], _Compressor]
    decompressor: Callable[[], _Decompressor]
    padding: bytes = b""
    """May stand behind a stream."""
    ignored: tuple[type[Exception], ...] = ()
    """What bytes raise that are not another stream, and are ignored."""
    may_be_empty: bool = False
    """Whether no stream at all is an empty file, and not a truncated one."""


_XZ: Final = _Codec(lzma.LZMACompressor, lzma.LZMADecompressor, ignored=(lzma.LZMAError,))
_CODECS: Final = {
    "bz2": _Codec(bz2.BZ2Compressor, bz2.BZ2Decompressor, ignored=(OSError,)),
    "gzip": _Codec(lambda: zlib.compressobj(wbits=_GZIP), _GzipDecompressor, padding=b"\0", may_be_empty=True),
    "lzma": _XZ,  # fsspec has two names for it
    "xz": _XZ,
}


def require_async_codec(name: str) -> None:
    """Raise a `ValueError` if the asynchronous handle does not have this compression."""
    if name not in _CODECS:
        known = ", ".join(map(repr, _CODECS))
        raise ValueError(f"asynchronous files have the compressions {known}, not {name!r}: use `with` for it")


# --- asynchronous --------------------------------------------------------------------------------


class AioS3CompressedFile:
    """An object of S3 that is compressed, opened in binary mode for coroutines: it reads and writes what was packed.

    Objects of several streams are read to the end of the last. gzip has zlib's usual level (6), which is much faster
    than `gzip.open`'s (9) for about the same size; the others have the standard library's.

    Leaving ``async with`` closes it: what was written appears then, and not at all if the block ends in an exception or
    is cancelled. Not for several tasks at a time.

    Args:
        handle: the compressed bytes.
        compression: ``gzip``, ``bz2``, ``xz`` or ``lzma``.

    Raises:
        ValueError: there is no such compression.
    """

    def __init__(self, handle: AioS3File, compression: str) -> None:
        require_async_codec(compression)
        self._handle = handle
        self._codec = _CODECS[compression]
        self._position = 0
        self._buffer = bytearray()  # reading: unpacked and not read; writing: not packed yet
        self._packed = bytearray()
        self._compressor = self._codec.compressor() if handle.writable() else None
        self._decompressor: _Decompressor | None = None
        self._ended = False

    @override
    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._handle!r}>"

    @property
    def name(self) -> str:
        """Bucket and key."""
        return self._handle.name

    @property
    def mode(self) -> str:
        """The mode it was opened in."""
        return self._handle.mode

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._handle.closed

    def readable(self) -> bool:
        """Tell whether it was opened for reading."""
        return self._handle.readable()

    def writable(self) -> bool:
        """Tell whether it was opened for writing."""
        return self._handle.writable()

    def seekable(self) -> bool:
        """Tell that `seek` does not work everywhere."""
        return False

    def tell(self) -> int:
        """Return the position in unpacked bytes."""
        self._handle.tell()
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go back to the begin, 0, which is the only place to go to. Sends nothing.

        Raises:
            io.UnsupportedOperation: any other place, or the file is written.
        """
        if (offset, whence) != (0, io.SEEK_SET):
            raise io.UnsupportedOperation(
                f"{self.name!r} is compressed: seek() goes to its begin only, not to {offset} from {whence}"
            )
        self._handle.seek(0)
        self._position = 0
        self._buffer.clear()
        self._decompressor = None
        self._ended = False
        return 0

    # --- reading ---------------------------------------------------------------------------------

    async def read(self, size: int | None = -1) -> bytes:
        """Read up to ``size`` unpacked bytes, fewer only at the end; all that is left if negative or None.

        Raises:
            EOFError: the object ends in the middle of a stream.
            OSError, lzma.LZMAError: the object is damaged, or compressed otherwise.
        """
        self._reading()
        wanted = -1 if size is None else size
        while (wanted < 0 or len(self._buffer) < wanted) and await self._unpack():
            pass
        return self._take(len(self._buffer) if wanted < 0 else wanted)

    async def readinto(self, buffer: Buffer) -> int:
        """Read into a writable buffer of any size; return how many bytes there were: fewer only at the end."""
        view = memoryview(buffer).cast("B")
        data = await self.read(view.nbytes)
        view[: len(data)] = data
        return len(data)

    async def readline(self, size: int | None = -1) -> bytes:
        """Read up to and including the next newline, or the end, or ``size`` bytes; empty at the end."""
        self._reading()
        limit = -1 if size is None else size
        searched = 0
        while True:
            end = self._buffer.find(b"\n", searched) + 1
            searched = len(self._buffer)
            if not end and not 0 <= limit <= searched and await self._unpack():
                continue
            end = end or searched
            return self._take(end if limit < 0 else min(end, limit))

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

    def _take(self, size: int) -> bytes:
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        self._position += len(taken)
        return taken

    async def _unpack(self) -> bool:
        """Unpack some more, if there is more. Whoever is cancelled here loses nothing of it."""
        if self._ended:
            return False
        last = self._decompressor
        if last is not None and not last.eof:
            data = await self._handle.read(_BLOCK) if last.needs_input else b""
            if last.needs_input and not data:
                raise EOFError(f"{self.name!r} ends in the middle of what was compressed")
            await _work(lambda: self._decompress(last, data), len(data) or _BLOCK)
            return True
        data = await self._next_stream()
        if data:
            await _work(lambda: self._begin_stream(data), len(data))
        else:
            self._ended = True
        return not self._ended

    async def _next_stream(self) -> bytes:
        """Return the first bytes of what stands behind the last stream, or at the begin; nothing at the end."""
        if self._decompressor is not None:
            padding = self._codec.padding
            data = self._decompressor.unused_data.lstrip(padding)
            while not data and (block := await self._handle.read(_BLOCK)):
                data = block.lstrip(padding)
            return data
        data = await self._handle.read(_BLOCK)
        if not data and not self._codec.may_be_empty:
            raise EOFError(f"{self.name!r} is empty, which nothing compressed is")
        return data

    def _begin_stream(self, data: bytes) -> None:
        decompressor = self._codec.decompressor()
        try:
            self._decompress(decompressor, data)
        except self._codec.ignored:
            if self._decompressor is None:
                raise
            self._ended = True
        else:
            self._decompressor = decompressor

    def _decompress(self, decompressor: _Decompressor, data: bytes) -> None:
        self._buffer += decompressor.decompress(data, _LARGEST_OUTPUT)

    # --- writing ---------------------------------------------------------------------------------

    async def write(self, data: Buffer) -> int:
        """Write bytes, which are compressed; return their number. Full parts upload while the program goes on.

        Raises:
            S3Error: an earlier part failed; nothing of the object is kept.
        """
        compressor = self._writing()
        view = memoryview(data).cast("B")
        self._buffer += view
        self._position += view.nbytes
        if len(self._buffer) >= _BLOCK:
            await self._pack(compressor)
            await self._pass_on()
        return view.nbytes

    async def writelines(self, lines: Iterable[Buffer]) -> None:
        """Write each of the lines; nothing is put between them."""
        for line in lines:
            await self.write(line)

    async def flush(self) -> None:
        """Send a part that is full. What waits to be compressed goes on waiting, as that would pack it worse."""
        await self._handle.flush()

    async def _pack(self, compressor: _Compressor, *, end: bool = False) -> None:
        while self._buffer:
            # Block by block, since a cancellation waits for the one that is worked on.
            block = self._buffer[:_BLOCK]
            del self._buffer[:_BLOCK]
            await _work(partial(self._compress, compressor, block), len(block))
        if end:
            await _work(lambda: self._packed.extend(compressor.flush()), _BLOCK)

    def _compress(self, compressor: _Compressor, block: bytearray) -> None:
        self._packed += compressor.compress(block)

    async def _pass_on(self) -> None:
        if self._packed:
            packed, self._packed = bytes(self._packed), bytearray()
            await self._handle.write(packed)

    # --- the end ---------------------------------------------------------------------------------

    async def close(self) -> None:
        """Close the file: an object that was written appears now. Idempotent."""
        compressor, self._compressor = self._compressor, None
        if compressor is not None and not self.closed:
            try:
                await self._pack(compressor, end=True)
                await self._pass_on()
            except BaseException:
                await self.discard()
                raise
        await self._handle.close()
        self._forget()

    async def commit(self) -> None:
        """Close the file, and make the object appear also where it is held back (``autocommit=False``). Idempotent."""
        await self.close()
        await self._handle.commit()

    async def discard(self) -> None:
        """Close the file and drop what was written: no object appears. Idempotent."""
        self._compressor = None
        self._forget()
        await self._handle.discard()

    async def __aenter__(self) -> Self:
        await self._handle.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await (self.close() if kind is None else self.discard())

    def _forget(self) -> None:
        self._buffer = bytearray()
        self._packed = bytearray()
        self._decompressor = None

    def _reading(self) -> None:
        self._handle.tell()  # raises if it is closed
        if not self.readable():
            raise io.UnsupportedOperation(f"{self.name!r} was opened with mode {self.mode!r}, not for reading")

    def _writing(self) -> _Compressor:
        self._handle.tell()
        if self._compressor is None:
            raise io.UnsupportedOperation(f"{self.name!r} was opened with mode {self.mode!r}, not for writing")
        return self._compressor


async def _work(step: Callable[[], None], size: int) -> None:
    """Do a step that keeps the processor busy: in a thread, if there are many bytes.

    It is done whole even if the caller is cancelled meanwhile, as its objects cannot be left half-way; a block is small
    enough to be waited for.
    """
    if size < _SMALL:
        step()
        return
    task = _RUNTIME.spawn(_RUNTIME.offload(step))
    await task.settle()
    await task


# --- synchronous ---------------------------------------------------------------------------------


class _CompressedFile(io.BufferedIOBase):
    """A compressed file over a synchronous one, by one of fsspec's codecs.

    The codec is made when it is needed, since some read or write at once.
    """

    def __init__(self, file: BinaryFile, compression: str) -> None:
        self._file = file
        self._lent = LentFile(file)
        self._compression = compression
        self._made: Any = None
        self._mode = "rb" if file.readable() else "wb"

    @override
    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._compression} of {self._file!r}>"

    @property
    def _codec(self) -> Any:
        if self.closed:
            raise ValueError(f"I/O operation on closed file {self.path!r}")
        if self._made is None:
            if self._mode == "rb":
                self._file.__enter__()  # some codecs take any OSError, a missing object too, for a damaged file
            # Exclusive or not is the file's business: the codec only writes.
            self._made = compr[self._compression](self._lent, mode=self._mode[0])
        return self._made

    @property
    def path(self) -> str:
        """Bucket and key."""
        return self._file.path

    @property
    def name(self) -> str:
        """Bucket and key."""
        return self._file.path

    @property
    def mode(self) -> str:
        """``rb`` or ``wb``."""
        return self._mode

    @property
    @override
    def closed(self) -> bool:
        return self._file.closed

    @override
    def readable(self) -> bool:
        return self._file.readable()

    @override
    def writable(self) -> bool:
        return self._file.writable()

    @override
    def seekable(self) -> bool:
        return self.readable() and bool(self._codec.seekable())

    @override
    def tell(self) -> int:
        return 0 if self._made is None and not self.closed else int(self._codec.tell())

    @override
    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        return int(self._codec.seek(offset, whence))

    @override
    def read(self, size: int | None = -1, /) -> bytes:
        data: bytes = self._codec.read(-1 if size is None else size)
        return data

    @override
    def read1(self, size: int = -1, /) -> bytes:
        return self.read(size)

    @override
    def readinto(self, buffer: Any, /) -> int:
        return int(self._codec.readinto(buffer))

    @override
    def readline(self, size: int | None = -1, /) -> bytes:
        line: bytes = self._codec.readline(-1 if size is None else size)
        return line

    @override
    def write(self, buffer: Buffer, /) -> int:
        self._codec.write(buffer)
        return memoryview(buffer).nbytes

    @override
    def flush(self) -> None:
        """Send a part that is full. The object does not appear before the file is closed."""
        if self.writable() and self._made is not None:
            self._made.flush()
        self._file.flush()

    @override
    def close(self) -> None:
        """Close the file: an object that was written appears now. Idempotent."""
        if self.closed:
            return
        try:
            if self._made is not None or self.writable():
                self._codec.close()
        except BaseException:
            self.discard()
            raise
        self._file.close()

    def commit(self) -> None:
        """Close the file, and make the object appear also where it is held back (``autocommit=False``). Idempotent."""
        self.close()
        self._file.commit()

    def discard(self) -> None:
        """Close the file and drop what was written: no object appears. Idempotent."""
        self._drop_codec()
        self._file.discard()

    def _drop_codec(self) -> None:
        """Throw the codec away. It would do its last words when it is collected; so it does them now, to nobody."""
        self._lent.take_back()
        codec, self._made = self._made, None
        if codec is not None:
            with contextlib.suppress(Exception):
                codec.close()

    @override
    def __enter__(self) -> Self:
        self._file.__enter__()
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
        if not self.closed and self.writable():
            self._drop_codec()  # and the file below warns


class S3CompressedFile(SynchronousOnly, _CompressedFile):
    """What `S3FileSystem.open` returns for a compressed object in binary mode.

    Leaving ``with`` closes it: what was written appears then, and not at all if the block ends in an exception.
    """


class S3OpenCompressedFile(_CompressedFile):
    """What `AioS3FileSystem.open` returns for a compressed object in binary mode.

    ``with`` uses it as it is, with any of fsspec's compressions; ``async with`` yields an `AioS3CompressedFile`.
    """

    def __init__(self, file: S3OpenFile, compression: str) -> None:
        super().__init__(file, compression)
        self._shell = file
        self._handle: AioS3CompressedFile | None = None

    async def __aenter__(self) -> AioS3CompressedFile:
        """Open the object and return its asynchronous handle, which from then on is the only way to use it.

        Raises:
            FileNotFoundError: it is to be read and is not there.
            ValueError: asynchronous handles do not have this compression.
        """
        try:
            require_async_codec(self._compression)
        except ValueError:
            self._shell.closed = True  # nothing was written that could be missed
            raise
        self._handle = AioS3CompressedFile(await self._shell.__aenter__(), self._compression)
        return self._handle

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._handle is not None
        await self._handle.__aexit__(kind, error, trace)
