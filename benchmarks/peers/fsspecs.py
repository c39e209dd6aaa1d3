"""The other fsspec filesystems: s3fs, and PyAthena's two."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import partial
from importlib import import_module
from typing import Any, Final
from urllib.parse import urlsplit

from benchmarks.peers.calls import Coroutines, Synchronous, stream, stream_into
from benchmarks.workloads import MIB, Taken

__all__ = ["PyAthenaAio", "PyAthenaSync", "S3fs"]

_PART: Final = 8 * MIB


def _ranges(size: int) -> Iterator[tuple[int, int]]:
    return ((start, min(start + _PART, size)) for start in range(0, size, _PART))


def _point_arrow_to(endpoint: str) -> None:
    """Have pyarrow's filesystem go to the local server.

    PyAthena's Arrow cursors make one of their own, and neither they nor the environment tell it of an endpoint.
    """
    where = urlsplit(endpoint)
    fs: Any = import_module("pyarrow.fs")
    fs.S3FileSystem = partial(fs.S3FileSystem, scheme=where.scheme, endpoint_override=where.netloc)


class _InRanges(Coroutines):
    async def big(self, key: str, size: int) -> bytes:
        path = self.path(key)
        pieces = await asyncio.gather(
            *(self.fs._cat_file(path, start=start, end=stop) for start, stop in _ranges(size))
        )
        return b"".join(pieces)


class S3fs(_InRanges):
    """s3fs; uploads in parts of 8 MiB rather than its 50, which suits it better."""

    def __init__(self, endpoint: str, bucket: str, *, asynchronous: bool, **options: Any) -> None:
        import s3fs

        self.bucket = bucket
        self._asynchronous = asynchronous
        self.fs = s3fs.S3FileSystem(
            endpoint_url=endpoint, asynchronous=asynchronous, skip_instance_cache=True, **options
        )

    def warm(self, bucket: str, key: str) -> Any:
        path = f"{bucket}/{key}"
        return self.fs._cat_file(path) if self._asynchronous else self.fs.cat_file(path)

    def close(self) -> Any:
        return asyncio.sleep(0)

    async def stream(self, key: str, piece: int, take: Taken) -> None:
        file = await self.fs.open_async(self.path(key), "rb")
        while data := await file.read(piece):
            take(data)
        await file.close()

    def stream_into(self, key: str, buffer: bytearray, take: Taken) -> None:
        stream_into(self.fs, self.path(key), buffer, take)

    async def up(self, key: str, data: bytes) -> None:
        await self.fs._pipe_file(self.path(key), data, chunksize=_PART)

    async def up_file(self, key: str, path: str) -> None:
        await self.fs._put_file(path, self.path(key), chunksize=_PART)


class PyAthenaAio(_InRanges):
    """PyAthena's `AioS3FileSystem`; its files are synchronous."""

    def __init__(self, endpoint: str, bucket: str, *, asynchronous: bool, athena: str | None = None) -> None:
        kind = import_module("pyathena.filesystem.s3_async").AioS3FileSystem
        self.bucket = bucket
        self._asynchronous = asynchronous
        self._athena = athena
        if athena is not None:
            _point_arrow_to(endpoint)
        self.fs = kind(endpoint_url=endpoint, asynchronous=asynchronous, skip_instance_cache=True)

    def warm(self, bucket: str, key: str) -> Any:
        path = f"{bucket}/{key}"
        return self.fs._cat_file(path) if self._asynchronous else self.fs.cat_file(path)

    def close(self) -> Any:
        return asyncio.sleep(0)

    def stream(self, key: str, piece: int, take: Taken) -> None:
        stream(self.fs, self.path(key), piece, take)

    def stream_into(self, key: str, buffer: bytearray, take: Taken) -> None:
        stream_into(self.fs, self.path(key), buffer, take)

    async def up(self, key: str, data: bytes) -> None:
        await self.fs._pipe_file(self.path(key), data, block_size=_PART)

    async def up_file(self, key: str, path: str) -> None:
        await self.fs._put_file(path, self.path(key))

    async def athena(self, query: str) -> Any:
        aio = import_module("pyathena.aio.connection")
        cursors = import_module("pyathena.aio.arrow.cursor")
        async with await aio.AioConnection.create(
            endpoint_url=self._athena, s3_staging_dir="s3://results/", cursor_class=cursors.AioArrowCursor
        ) as connection:
            cursor = connection.cursor()
            await cursor.execute(query, result_reuse_enable=True, result_reuse_minutes=60)
            return await cursor.as_arrow()


class PyAthenaSync(Synchronous):
    """PyAthena's `S3FileSystem`."""

    def __init__(self, endpoint: str, bucket: str, *, asynchronous: bool, athena: str | None = None) -> None:
        kind = import_module("pyathena.filesystem.s3").S3FileSystem
        self.bucket = bucket
        self._athena = athena
        if athena is not None:
            _point_arrow_to(endpoint)
        self.fs = kind(endpoint_url=endpoint, skip_instance_cache=True)

    def close(self) -> None:
        """Nothing is to be closed."""

    def up(self, key: str, data: bytes) -> None:
        self.fs.pipe_file(self.path(key), data, block_size=_PART)

    def up_file(self, key: str, path: str) -> None:
        self.fs.put_file(path, self.path(key))

    def athena(self, query: str) -> Any:
        connect = import_module("pyathena").connect
        cursors = import_module("pyathena.arrow.cursor")
        with connect(
            endpoint_url=self._athena, s3_staging_dir="s3://results/", cursor_class=cursors.ArrowCursor
        ) as connection:
            cursor = connection.cursor()
            cursor.execute(query, result_reuse_enable=True, result_reuse_minutes=60)
            return cursor.as_arrow()
