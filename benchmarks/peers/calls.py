"""What fsspec's filesystems are asked for in one way, whoever made them."""

from __future__ import annotations

from typing import Any

from benchmarks.workloads import Taken

__all__ = ["Coroutines", "Synchronous", "stream", "stream_into"]


class _Files:
    fs: Any
    bucket: str

    def path(self, key: str) -> str:
        return f"{self.bucket}/{key}"

    def paths(self, keys: list[str]) -> list[str]:
        return [self.path(key) for key in keys]


class Coroutines(_Files):
    """What an `AsyncFileSystem` is asked for in a coroutine. It is made inside the loop."""

    async def small(self, keys: list[str]) -> list[bytes]:
        found = await self.fs._cat(self.paths(keys))
        return list(found.values())

    async def rm(self, keys: list[str]) -> None:
        await self.fs._rm(self.paths(keys))

    async def ls(self, prefix: str) -> Any:
        return await self.fs._ls(self.path(prefix), detail=False)

    async def find(self, prefix: str) -> Any:
        return await self.fs._find(self.path(prefix))

    async def cat_ranges(self, key: str, starts: list[int], stops: list[int]) -> Any:
        return await self.fs._cat_ranges([self.path(key)] * len(starts), starts, stops)


class Synchronous(_Files):
    """What a filesystem is asked for by synchronous code."""

    def warm(self, bucket: str, key: str) -> None:
        self.fs.cat_file(f"{bucket}/{key}")

    def big(self, key: str, size: int) -> Any:
        return self.fs.cat_file(self.path(key))

    def stream(self, key: str, piece: int, take: Taken) -> None:
        stream(self.fs, self.path(key), piece, take)

    def stream_into(self, key: str, buffer: bytearray, take: Taken) -> None:
        stream_into(self.fs, self.path(key), buffer, take)

    def small(self, keys: list[str]) -> list[bytes]:
        return list(self.fs.cat(self.paths(keys)).values())

    def rm(self, keys: list[str]) -> None:
        self.fs.rm(self.paths(keys))

    def ls(self, prefix: str) -> Any:
        return self.fs.ls(self.path(prefix), detail=False)

    def find(self, prefix: str) -> Any:
        return self.fs.find(self.path(prefix))

    def cat_ranges(self, key: str, starts: list[int], stops: list[int]) -> Any:
        return self.fs.cat_ranges([self.path(key)] * len(starts), starts, stops)


def stream(fs: Any, path: str, piece: int, take: Taken) -> None:
    """Read a file to its end, by a synchronous handle."""
    with fs.open(path, "rb") as file:
        while data := file.read(piece):
            take(data)


def stream_into(fs: Any, path: str, buffer: bytearray, take: Taken) -> None:
    """The same, into one buffer again and again."""
    view = memoryview(buffer)
    with fs.open(path, "rb") as file:
        while size := file.readinto(buffer):
            take(view[:size])
