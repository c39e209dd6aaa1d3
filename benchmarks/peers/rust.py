"""obstore: Rust's object_store in Python."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import obstore
from obstore.store import S3Store

from benchmarks.workloads import MIB, Taken

__all__ = ["Obstore"]

_PART: Final = 8 * MIB


class Obstore:
    """Its functions for asyncio."""

    def __init__(self, endpoint: str, bucket: str, *, asynchronous: bool) -> None:
        self._endpoint = endpoint
        self.store = self._make(bucket)

    def _make(self, bucket: str) -> Any:
        return S3Store(bucket, endpoint=self._endpoint, client_options={"allow_http": True})

    async def _read(self, key: str) -> Any:
        return await (await obstore.get_async(self.store, key)).bytes_async()

    async def warm(self, bucket: str, key: str) -> None:
        await (await obstore.get_async(self._make(bucket), key)).bytes_async()

    async def close(self) -> None:
        """Nothing is to be closed."""

    async def big(self, key: str, size: int) -> bytes:
        pieces = await asyncio.gather(
            *(
                obstore.get_range_async(self.store, key, start=start, end=min(start + _PART, size))
                for start in range(0, size, _PART)
            )
        )
        return b"".join(pieces)

    async def stream(self, key: str, piece: int, take: Taken) -> None:
        async for data in (await obstore.get_async(self.store, key)).stream(min_chunk_size=piece):
            take(data)

    async def small(self, keys: list[str]) -> Any:
        return await asyncio.gather(*map(self._read, keys))

    async def up(self, key: str, data: bytes) -> None:
        await obstore.put_async(self.store, key, data, chunk_size=_PART)

    async def up_file(self, key: str, path: str) -> None:
        with open(path, "rb") as file:  # noqa: ASYNC230 - it reads it itself
            await obstore.put_async(self.store, key, file, chunk_size=_PART)

    async def rm(self, keys: list[str]) -> None:
        await obstore.delete_async(self.store, keys)

    async def ls(self, prefix: str) -> list[str]:
        found: Any = await obstore.list_with_delimiter_async(self.store, prefix)
        return [each["path"] for each in found["objects"]]

    async def find(self, prefix: str) -> list[str]:
        found: Any = await obstore.list(self.store, prefix).collect_async()
        return [each["path"] for each in found]

    async def cat_ranges(self, key: str, starts: list[int], stops: list[int]) -> Any:
        return await obstore.get_ranges_async(self.store, key, starts=starts, ends=stops)
