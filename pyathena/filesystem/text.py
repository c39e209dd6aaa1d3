"""Text files over the binary handles: asynchronous, and synchronous by `io.TextIOWrapper`.

Both mean by ``encoding``, ``errors`` and ``newline`` what `io.open` does, but for the default encoding: it is UTF-8
everywhere, since an object in S3 does not belong to the machine that reads it and its locale.
"""

from __future__ import annotations

import codecs
import io
import locale
import os
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Protocol, Self

from typing_extensions import override

from pyathena.filesystem.compression import AioS3CompressedFile, S3OpenCompressedFile
from pyathena.filesystem.handles import AioS3File, S3OpenFile, SynchronousOnly
from pyathena.filesystem.lent import BinaryFile, LentFile

__all__ = ["AioS3TextFile", "S3OpenTextFile", "S3TextFile", "TextFormat"]

_CHUNK: Final = 64 * 2**10
"""Bytes that are decoded at a time."""

_FIELD: Final = 64
"""Bits of the position, and of the number of characters, in what `AioS3TextFile.tell` returns."""


@dataclass(frozen=True)
class TextFormat:
    """How characters and bytes correspond.

    Args:
        encoding: a text encoding of Python's; UTF-8 if None, the locale's if it is ``locale``.
        errors: what to do about what cannot be encoded or decoded; ``strict`` if None.
        newline: None, ``""``, ``"\\\\n"``, ``"\\\\r"`` or ``"\\\\r\\\\n"``, as for `io.open`.

    Raises:
        LookupError: there is no such encoding, or no such way to handle errors.
        ValueError, TypeError: newline is none of these.
    """

    encoding: str | None = None
    errors: str | None = None
    newline: str | None = None

    def __post_init__(self) -> None:
        io.TextIOWrapper(io.BytesIO(), self.encoding or "utf-8", self.errors, self.newline)  # for its checks
        codecs.lookup_error(self.errors or "strict")

    @property
    def codec(self) -> codecs.CodecInfo:
        """What encodes and decodes."""
        return codecs.lookup(locale.getencoding() if self.encoding == "locale" else self.encoding or "utf-8")


class _Decoder(Protocol):
    """What `io.IncrementalNewlineDecoder` has in common with the decoders of `codecs`."""

    def decode(self, data: bytes, /, final: bool = False) -> str: ...
    def getstate(self) -> tuple[bytes, int]: ...
    def setstate(self, state: tuple[bytes, int], /) -> None: ...
    def reset(self) -> None: ...


# --- asynchronous --------------------------------------------------------------------------------


class AioS3TextFile:
    """An object of S3 opened in text mode, for coroutines.

    Leaving ``async with`` closes it: what was written appears then, and not at all if the block ends in an exception or
    is cancelled. A read that is cancelled loses nothing: the next one begins where it did. Not for several tasks at a
    time.

    Args:
        handle: the bytes.
        text: encoding (UTF-8 unless it says otherwise, whatever the locale), errors and newline.
        chunk_size: bytes that are decoded at a time, 1 or more.
    """

    def __init__(
        self, handle: AioS3File | AioS3CompressedFile, text: TextFormat = TextFormat(), *, chunk_size: int = _CHUNK
    ) -> None:
        codec = text.codec
        assert codec.incrementaldecoder is not None
        assert codec.incrementalencoder is not None
        self._handle = handle
        self._format = text
        self._chunk_size = chunk_size
        self._encoder = codec.incrementalencoder(self.errors)
        if handle.writable() and handle.tell():
            self._encoder.setstate(0)  # a byte order mark belongs to the begin of an object
        self._line_end = text.newline or os.linesep
        decoder: _Decoder = codec.incrementaldecoder(self.errors)
        self._universal = None if text.newline else io.IncrementalNewlineDecoder(decoder, text.newline is None)  # type: ignore[arg-type]  # it is one
        self._decoder: _Decoder = self._universal or decoder
        self._initial = self._decoder.getstate()[1]
        # `_text` is what was decoded from position and decoder state `_start` on; it was read up to `_at`. That may be
        # behind its end, after a seek.
        self._text = ""
        self._at = 0
        self._start = 0, self._initial

    @override
    def __repr__(self) -> str:
        return f"<{type(self).__name__} encoding={self.encoding!r} of {self._handle!r}>"

    @property
    def name(self) -> str:
        """Bucket and key."""
        return self._handle.name

    @property
    def mode(self) -> str:
        """The mode it was opened in."""
        return self._handle.mode.replace("b", "")

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._handle.closed

    @property
    def encoding(self) -> str:
        """The encoding."""
        return self._format.encoding or "utf-8"

    @property
    def errors(self) -> str:
        """What is done about what cannot be encoded or decoded."""
        return self._format.errors or "strict"

    @property
    def newlines(self) -> str | tuple[str, ...] | None:
        """The kinds of line ends seen so far, if newline is None or ``""``."""
        return None if self._universal is None else self._universal.newlines

    def readable(self) -> bool:
        """Tell whether it was opened for reading."""
        return self._handle.readable()

    def writable(self) -> bool:
        """Tell whether it was opened for writing."""
        return self._handle.writable()

    def seekable(self) -> bool:
        """Tell whether `seek` works: where it is read and not compressed."""
        return self._handle.seekable()

    def tell(self) -> int:
        """Return the position, as a number that means something to `seek` only. Where it is written: bytes."""
        if not self.readable():
            return self._handle.tell()
        self._reading()
        position, state = self._start
        # 0 at the begin, with any decoder
        return position | self._at << _FIELD | (state ^ self._initial) << 2 * _FIELD

    def seek(self, cookie: int, whence: int = io.SEEK_SET) -> int:
        """Move to the begin (0), to a position that `tell` returned, or to the end (0 and whence 2). Sends nothing.

        Raises:
            io.UnsupportedOperation: the file is written, or compressed and the position not its begin; or whence is 1
                (the current position) or 2 (the end) and the offset not 0.
        """
        self._reading()
        if whence != io.SEEK_SET and cookie != 0:
            raise io.UnsupportedOperation("a text file seeks to 0 or to what tell() returned, not by an offset")
        if whence == io.SEEK_CUR:
            return self.tell()
        if cookie < 0:
            raise ValueError(f"cannot seek to {cookie}, which tell() never returns")
        mask = (1 << _FIELD) - 1
        self._start = self._handle.seek(cookie & mask, whence), cookie >> 2 * _FIELD ^ self._initial
        self._at = cookie >> _FIELD & mask
        self._text = ""
        if cookie == 0:
            self._decoder.reset()
        else:
            self._decoder.setstate((b"", self._start[1]))
        return self.tell()

    # --- reading ---------------------------------------------------------------------------------

    async def read(self, size: int | None = -1) -> str:
        """Read up to ``size`` characters, fewer only at the end; all that is left if negative or None.

        Raises:
            UnicodeDecodeError: the bytes are not of that encoding, and errors is ``strict``.
        """
        limit = -1 if size is None else size
        return await self._take(limit, self._chunk_size if limit >= 0 else -1)

    async def readline(self, size: int | None = -1) -> str:
        """Read up to and including the next line end, or the end, or ``size`` characters; empty at the end."""
        return await self._take(-1 if size is None else size, self._chunk_size, line=True)

    async def readlines(self) -> list[str]:
        """Read all lines that are left."""
        return [line async for line in self]

    def __aiter__(self) -> AsyncIterator[str]:
        return self

    async def __anext__(self) -> str:
        end = self._end_of_line([])
        if end and not self.closed:  # most lines are here
            begin, self._at = self._at, end
            return self._text[begin:end]
        line = await self.readline()
        if not line:
            raise StopAsyncIteration
        return line

    async def _take(self, limit: int, chunk_size: int, *, line: bool = False) -> str:
        """Read up to the limit, if it is not negative, and no further than a line goes, if that is asked for."""
        self._reading()
        while self._at > len(self._text):
            more, ended = await self._decode(chunk_size)
            self._text += more
            if ended:
                self._at = min(self._at, len(self._text))
        begin = self._text, self._at, self._start
        taken: list[str] = []
        left = limit
        try:
            while True:
                end = self._end_of_line(taken) if line else 0
                done = end > 0
                end = end or len(self._text)
                if 0 <= left <= end - self._at:
                    end, done = self._at + left, True
                if end > self._at:
                    taken.append(self._text[self._at : end])
                    left -= end - self._at if limit >= 0 else 0
                    self._at = end
                if done or not await self._next_chunk(chunk_size):
                    return taken[0] if len(taken) == 1 else "".join(taken)
        except BaseException:
            text, self._at, self._start = begin
            self._text = text[: self._at] + "".join(taken)
            raise

    def _end_of_line(self, taken: list[str]) -> int:
        """Return where the line ends, within the text that was not read yet; 0 if it does not."""
        text, at, newline = self._text, self._at, self._format.newline
        if newline == "":
            end = text.find("\n", at)
            alone = text.find("\r", at, end if end >= 0 else len(text))
            # The decoder never ends with a "\r" that has its "\n" still to come.
            return end + 1 if alone < 0 or alone + 1 == end else alone + 1
        if newline == "\r\n" and taken and taken[-1].endswith("\r") and text.startswith("\n", at):
            return at + 1
        newline = newline or "\n"
        end = text.find(newline, at)
        return 0 if end < 0 else end + len(newline)

    async def _next_chunk(self, size: int) -> bool:
        """Decode the next chunk in place of the text, which was read. Tell whether there was one."""
        buffered, state = self._decoder.getstate()
        start = self._handle.tell() - len(buffered), state
        text, ended = await self._decode(size)
        self._text, self._at, self._start = text, 0, start
        return bool(text) or not ended

    async def _decode(self, size: int) -> tuple[str, bool]:
        """Return the text of the next bytes, and whether there were none left."""
        data = await self._handle.read(size)
        return self._decoder.decode(data, final=not data), not data

    # --- writing ---------------------------------------------------------------------------------

    async def write(self, text: str) -> int:
        """Write text; return the number of its characters. Full parts upload while the program goes on.

        Raises:
            UnicodeEncodeError: the encoding has not all of its characters, and errors is ``strict``.
            S3Error: an earlier part failed; nothing of the object is kept.
        """
        self._check_open()
        if not isinstance(text, str):
            raise TypeError(f"a text file takes str, not {type(text).__name__}")
        if not self.writable():
            raise io.UnsupportedOperation(f"{self.name!r} was opened with mode {self.mode!r}, not for writing")
        ended = text if self._format.newline == "" else text.replace("\n", self._line_end)
        await self._handle.write(self._encoder.encode(ended))
        return len(text)

    async def writelines(self, lines: Iterable[str]) -> None:
        """Write each of the lines; nothing is put between them."""
        for line in lines:
            await self.write(line)

    async def flush(self) -> None:
        """Send a part that is full. The object does not appear before the file is closed."""
        await self._handle.flush()

    # --- the end ---------------------------------------------------------------------------------

    async def close(self) -> None:
        """Close the file: an object that was written appears now. Idempotent."""
        await self._handle.close()

    async def commit(self) -> None:
        """Close the file, and make the object appear also where it is held back (``autocommit=False``). Idempotent."""
        await self.close()
        await self._handle.commit()

    async def discard(self) -> None:
        """Close the file and drop what was written: no object appears. Idempotent."""
        await self._handle.discard()

    async def __aenter__(self) -> Self:
        await self._handle.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._handle.__aexit__(kind, error, trace)

    def _check_open(self) -> None:
        if self.closed:
            raise ValueError(f"I/O operation on closed file {self.name!r}")

    def _reading(self) -> None:
        self._check_open()
        if not self.readable():
            raise io.UnsupportedOperation(f"{self.name!r} was opened with mode {self.mode!r}, not for reading")


# --- synchronous ---------------------------------------------------------------------------------


class _TextFile(io.TextIOWrapper):
    """A text file over a synchronous binary file of ours. The default encoding is UTF-8, whatever the locale."""

    def __init__(self, file: BinaryFile, text: TextFormat = TextFormat()) -> None:
        self._file = file
        self._format = text
        super().__init__(LentFile(file), text.encoding or "utf-8", text.errors, text.newline)

    @override
    def seekable(self) -> bool:
        return self._file.seekable()

    @override
    def flush(self) -> None:
        """Pass on what was written, and send a part that is full. The object does not appear before `close`."""
        super().flush()
        self._file.flush()

    @override
    def close(self) -> None:
        """Close the file: an object that was written appears now. Idempotent."""
        if self.closed:
            return
        try:
            super().flush()  # to the file below, which is not to send a part for it
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
        self._file.discard()

    @override
    def detach(self) -> Any:
        """Return the binary file below, which has all that was written, and is then the only one that can be used."""
        super().detach()
        return self._file

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
        """Do nothing, where the standard library would close the file; the one below warns if it was forgotten."""


class S3TextFile(SynchronousOnly, _TextFile):
    """What `S3FileSystem.open` returns in text mode: an `io.TextIOWrapper`, in UTF-8 unless told otherwise.

    Leaving ``with`` closes it: what was written appears then, and not at all if the block ends in an exception.
    """


class S3OpenTextFile(_TextFile):
    """What `AioS3FileSystem.open` returns in text mode: an `io.TextIOWrapper`, whose ``async with`` yields an
    `AioS3TextFile`. It is in UTF-8 unless told otherwise.
    """

    def __init__(self, file: S3OpenFile | S3OpenCompressedFile, text: TextFormat = TextFormat()) -> None:
        super().__init__(file, text)
        self._shell = file
        self._handle: AioS3TextFile | None = None

    async def __aenter__(self) -> AioS3TextFile:
        """Open the object and return its asynchronous handle, which from then on is the only way to use it.

        Raises:
            FileNotFoundError: it is to be read and is not there.
            ValueError: asynchronous handles do not have its compression.
        """
        self._handle = AioS3TextFile(await self._shell.__aenter__(), self._format)
        return self._handle

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._handle is not None
        await self._handle.__aexit__(kind, error, trace)
