"""How results are read from S3: through `AioS3FileSystem` on its loop, or through `S3FileSystem` right here.

fsspec is known to this module by way of those two alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Protocol

from typing_extensions import override

from pyathena.errors import OperationalError
from pyathena.filesystem.handles import AioS3File, S3File
from pyathena.filesystem.s3 import AioS3FileSystem, S3FileSystem
from pyathena.transport.errors import S3Error

__all__ = ["AioResultReader", "BlockingResultReader", "Blocks", "ResultReader"]

_BLOCK: Final = 2**18
"""Bytes. Rows of larger ones would keep the garbage collector, and with it the interpreter, for too long."""


class Blocks(Protocol):
    """The bytes of an object, one block after the other."""

    async def read(self) -> bytes:
        """Return the next block; ``b""`` at the end."""
        ...

    async def aclose(self) -> None:
        """Read no more."""
        ...


class ResultReader(Protocol):
    """Reads objects. What goes wrong is an `OperationalError`."""

    async def read(self, url: str) -> bytes:
        """Read a whole object, in parallel ranges."""
        ...

    async def open(self, url: str) -> Blocks:
        """Begin to read an object block by block, with some of them on their way ahead of the reader."""
        ...


class AioResultReader(ResultReader):
    """Reads through an `AioS3FileSystem`, awaiting."""

    def __init__(self, fs: AioS3FileSystem) -> None:
        self._fs = fs

    @override
    async def read(self, url: str) -> bytes:
        with _told(url):
            return await self._fs._cat_file(url)

    @override
    async def open(self, url: str) -> Blocks:
        with _told(url):
            return _AioBlocks(url, await self._fs.open_async(url))


class _AioBlocks(Blocks):
    def __init__(self, url: str, file: AioS3File) -> None:
        self._url = url
        self._file = file

    @override
    async def read(self) -> bytes:
        with _told(self._url):
            return await self._file.read(_BLOCK)

    @override
    async def aclose(self) -> None:
        await self._file.close()


class BlockingResultReader(ResultReader):
    """Reads through an `S3FileSystem`, in the calling thread; never suspends."""

    def __init__(self, fs: S3FileSystem) -> None:
        self._fs = fs

    @override
    async def read(self, url: str) -> bytes:
        with _told(url):
            return self._fs.cat_file(url)

    @override
    async def open(self, url: str) -> Blocks:
        with _told(url):
            return _BlockingBlocks(url, self._fs.open(url))


class _BlockingBlocks(Blocks):
    def __init__(self, url: str, file: S3File) -> None:
        self._url = url
        self._file = file

    @override
    async def read(self) -> bytes:
        with _told(self._url):
            return self._file.read(_BLOCK)

    @override
    async def aclose(self) -> None:
        self._file.close()


@contextmanager
def _told(url: str) -> Iterator[None]:
    """Raise what S3 raises as the PEP 249 error that fits, with what to do about it."""
    try:
        yield
    except FileNotFoundError as error:
        raise OperationalError(
            f"The result {url} is not there: it was deleted (by a lifecycle rule of the bucket?) or never written; "
            f"run the query again"
        ) from error
    except PermissionError as error:
        raise OperationalError(
            f"The result {url} may not be read: who runs queries needs s3:GetObject for the place of their results"
        ) from error
    except S3Error as error:
        raise OperationalError(f"The result {url} could not be read: {error}") from error
