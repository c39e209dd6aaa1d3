"""Our two faces, as they come."""

from __future__ import annotations

from typing import Any

from typing_extensions import Buffer

import pyathena
from benchmarks.workloads import Taken
from pyathena.filesystem import reading, writing
from pyathena.filesystem.s3 import AioS3FileSystem, S3FileSystem

__all__ = ["Aio", "Sync"]


def _set_windows(size: int | None) -> None:
    """Have this process hold so many bytes ahead of a reader and behind a writer, rather than what was chosen."""
    if size is not None:
        for module, name in ((reading, "READ_WINDOW"), (writing, "WRITE_WINDOW")):
            setattr(module, name, size)


class Aio:
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
        _set_windows(window)
        self.bucket = bucket
        self.fs: Any = AioS3FileSystem(endpoint_url=endpoint, asynchronous=asynchronous, **options)
        self._connect = {"endpoint_url": athena, "s3_endpoint_url": endpoint, "s3_staging_dir": "s3://results/"}

    def path(self, key: str) -> str:
        return f"{self.bucket}/{key}"

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

    async def small(self, keys: list[str]) -> list[bytes]:
        found = await self.fs._cat([self.path(key) for key in keys])
        return list(found.values())

    async def up(self, key: str, data: bytes) -> None:
        await self.fs._pipe_file(self.path(key), data)

    async def up_file(self, key: str, path: str) -> None:
        await self.fs._put_file(path, self.path(key))

    async def rm(self, keys: list[str]) -> None:
        await self.fs._rm([self.path(key) for key in keys])

    async def ls(self, prefix: str) -> Any:
        return await self.fs._ls(self.path(prefix), detail=False)

    async def find(self, prefix: str) -> Any:
        return await self.fs._find(self.path(prefix))

    async def cat_ranges(self, key: str, starts: list[int], stops: list[int]) -> Any:
        return await self.fs._cat_ranges([self.path(key)] * len(starts), starts, stops)

    async def athena(self, query: str) -> Any:
        from pyathena.aio.arrow.cursor import AioArrowCursor

        connect: Any = self._connect
        async with (
            await pyathena.aio_connect(cursor_class=AioArrowCursor, **connect) as connection,
            connection.cursor() as cursor,
        ):
            await cursor.execute(query, result_reuse_enable=True, result_reuse_minutes=60)
            return await cursor.as_arrow()


class Sync:
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
        _set_windows(window)
        self.bucket = bucket
        self.fs: Any = S3FileSystem(endpoint_url=endpoint, **options)
        self._connect = {"endpoint_url": athena, "s3_endpoint_url": endpoint, "s3_staging_dir": "s3://results/"}

    def path(self, key: str) -> str:
        return f"{self.bucket}/{key}"

    def warm(self, bucket: str, key: str) -> None:
        self.fs.cat_file(f"{bucket}/{key}")

    def close(self) -> None:
        self.fs.close()

    def big(self, key: str, size: int) -> Any:
        return self.fs.cat_file(self.path(key))

    def stream(self, key: str, piece: int, take: Taken) -> None:
        with self.fs.open(self.path(key), "rb") as file:
            while data := file.read(piece):
                take(data)

    def stream_into(self, key: str, buffer: bytearray, take: Taken) -> None:
        view = memoryview(buffer)
        with self.fs.open(self.path(key), "rb") as file:
            while size := file.readinto(view):
                take(view[:size])

    def small(self, keys: list[str]) -> list[Buffer]:
        found = self.fs.cat([self.path(key) for key in keys])
        return list(found.values())

    def up(self, key: str, data: bytes) -> None:
        self.fs.pipe_file(self.path(key), data)

    def up_file(self, key: str, path: str) -> None:
        self.fs.put_file(path, self.path(key))

    def rm(self, keys: list[str]) -> None:
        self.fs.rm([self.path(key) for key in keys])

    def ls(self, prefix: str) -> Any:
        return self.fs.ls(self.path(prefix), detail=False)

    def find(self, prefix: str) -> Any:
        return self.fs.find(self.path(prefix))

    def cat_ranges(self, key: str, starts: list[int], stops: list[int]) -> Any:
        return self.fs.cat_ranges([self.path(key)] * len(starts), starts, stops)

    def athena(self, query: str) -> Any:
        from pyathena.arrow.cursor import ArrowCursor

        connect: Any = self._connect
        with pyathena.connect(cursor_class=ArrowCursor, **connect) as connection, connection.cursor() as cursor:
            cursor.execute(query, result_reuse_enable=True, result_reuse_minutes=60)
            return cursor.as_arrow()
