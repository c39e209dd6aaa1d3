"""What the standard library's file wrappers get to see of a file of ours: it is lent to them.

`io.TextIOWrapper`, `gzip.GzipFile` and their like write to the file below them, and some close it, when they are
closed, garbage-collected or left by an exception. Of a file in S3 that would publish half an object.
"""

from __future__ import annotations

import io
from types import TracebackType
from typing import Any, Protocol, Self

from typing_extensions import Buffer, override

__all__ = ["BinaryFile", "LentFile"]


class BinaryFile(Protocol):
    """A synchronous file of ours, with or without compression."""

    @property
    def path(self) -> str: ...
    @property
    def closed(self) -> bool: ...
    def read(self, size: int | None = -1, /) -> bytes: ...
    def readinto(self, buffer: Buffer, /) -> int: ...
    def readline(self, size: int | None = -1, /) -> bytes: ...
    def write(self, data: Buffer, /) -> int: ...
    def seek(self, offset: int, whence: int = 0, /) -> int: ...
    def tell(self) -> int: ...
    def flush(self) -> None: ...
    def close(self) -> None: ...
    def commit(self) -> None: ...
    def discard(self) -> None: ...
    def readable(self) -> bool: ...
    def writable(self) -> bool: ...
    def seekable(self) -> bool: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...


class LentFile(io.BufferedIOBase):
    """A file that can be used but not closed, and that its owner can take back.

    Constructing a wrapper over it sends nothing: it is seekable without a look at the file, also where it is written,
    as `io.TextIOWrapper` writes a byte order mark only at the begin of something seekable.
    """

    def __init__(self, file: BinaryFile) -> None:
        self._file = file
        self._taken_back = False

    def take_back(self) -> None:
        """Let what is written from now on go nowhere: the last words of a wrapper that is thrown away."""
        self._taken_back = True

    @property
    def name(self) -> str:
        """Bucket and key."""
        return self._file.path

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
        return True

    @override
    def read(self, size: int | None = -1, /) -> bytes:
        return self._file.read(size)

    @override
    def read1(self, size: int = -1, /) -> bytes:
        return self._file.read(size)

    @override
    def readinto(self, buffer: Any, /) -> int:
        return self._file.readinto(buffer)

    @override
    def readline(self, size: int | None = -1, /) -> bytes:
        return self._file.readline(size)

    @override
    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        return self._file.seek(offset, whence)

    @override
    def tell(self) -> int:
        return self._file.tell()

    @override
    def write(self, buffer: Buffer, /) -> int:
        return memoryview(buffer).nbytes if self._taken_back else self._file.write(buffer)

    @override
    def flush(self) -> None:
        """Do nothing: whoever owns the file flushes it."""

    @override
    def close(self) -> None:
        """Do nothing: whoever owns the file closes it."""
