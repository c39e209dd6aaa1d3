"""Our two faces, as they come."""

from __future__ import annotations

from typing import Any

import pyathena
from benchmarks.peers.calls import Coroutines, Synchronous
from benchmarks.workloads import Taken
from pyathena.filesystem import reading, writing
from pyathena.filesystem.s3 import AioS3FileSystem, S3FileSystem

__all__ = ["Aio", "Sync"]


def _set_windows(size: int | None) -> None:
    """Have this process hold so many bytes ahead of a reader and behind a writer, rather than what was chosen."""
    if size is not None:
        for module, name in ((reading, "READ_WINDOW"), (writing, "WRITE_WINDOW")):
            setattr(module, name, size)


class _Ours:
    fs: Any
    bucket: str

    def _reach(self, fs: Any, endpoint: str, bucket: str, athena: str | None, window: int | None) -> None:
        _set_windows(window)
        self.fs, self.bucket = fs, bucket
        self._connect = {"endpoint_url": athena, "s3_endpoint_url": endpoint, "s3_staging_dir": "s3://results/"}


class Aio(_Ours, Coroutines):
    """`AioS3FileSystem`, awaited on the loop."""

    def __init__(
        self,
        endpoint: str,
        bucket: str,
        *,
        asynchronous: bool,
        athena: str | None = None,
        window: int | None = None,
        **options: Any,
    ) -> None:
        fs = AioS3FileSystem(endpoint_url=endpoint, asynchronous=asynchronous, **options)
        self._reach(fs, endpoint, bucket, athena, window)

    async def warm(self, bucket: str, key: str) -> None:
        await self.fs._cat_file(f"{bucket}/{key}")

    async def close(self) -> None:
        await self.fs.aclose()

    async def big(self, key: str, size: int) -> Any:
        return await self.fs._cat_file(self.path(key))

    async def stream(self, key: str, piece: int, take: Taken) -> None:
        async with self.fs.open(self.path(key), "rb") as file:
            while data := await file.read(piece):
                take(data)

    async def stream_into(self, key: str, buffer: bytearray, take: Taken) -> None:
        view = memoryview(buffer)
        async with self.fs.open(self.path(key), "rb") as file:
            while size := await file.readinto(view):
                take(view[:size])

    async def up(self, key: str, data: bytes) -> None:
        await self.fs._pipe_file(self.path(key), data)

    async def up_file(self, key: str, path: str) -> None:
        await self.fs._put_file(path, self.path(key))

    async def athena(self, query: str) -> Any:
        from pyathena.aio.arrow.cursor import AioArrowCursor

        connect: Any = self._connect
        async with (
            await pyathena.aio_connect(cursor_class=AioArrowCursor, **connect) as connection,
            connection.cursor() as cursor,
        ):
            await cursor.execute(query, result_reuse_enable=True, result_reuse_minutes=60)
            return await cursor.as_arrow()


class Sync(_Ours, Synchronous):
    """`S3FileSystem`, called from synchronous code."""

    def __init__(
        self,
        endpoint: str,
        bucket: str,
        *,
        asynchronous: bool,
        athena: str | None = None,
        window: int | None = None,
        **options: Any,
    ) -> None:
        self._reach(S3FileSystem(endpoint_url=endpoint, **options), endpoint, bucket, athena, window)

    def close(self) -> None:
        self.fs.close()

    def up(self, key: str, data: bytes) -> None:
        self.fs.pipe_file(self.path(key), data)

    def up_file(self, key: str, path: str) -> None:
        self.fs.put_file(path, self.path(key))

    def athena(self, query: str) -> Any:
        from pyathena.arrow.cursor import ArrowCursor

        connect: Any = self._connect
        with pyathena.connect(cursor_class=ArrowCursor, **connect) as connection, connection.cursor() as cursor:
            cursor.execute(query, result_reuse_enable=True, result_reuse_minutes=60)
            return cursor.as_arrow()
