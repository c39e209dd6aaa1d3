"""pyarrow's own S3 filesystem, which is C++; in 32 threads of Python where it does one thing at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from pyarrow import fs as arrow_fs

from benchmarks.workloads import MIB, Taken

__all__ = ["Arrow"]

S = TypeVar("S")
T = TypeVar("T")

_THREADS: Final = 32
_PART: Final = 8 * MIB


class Arrow:
    """`pyarrow.fs.S3FileSystem`."""

    def __init__(self, endpoint: str, bucket: str, *, asynchronous: bool) -> None:
        self.bucket = bucket
        self.fs: Any = arrow_fs.S3FileSystem(
            region="us-east-1",
            scheme="http",
            endpoint_override=urlsplit(endpoint).netloc,
            check_directory_existence_before_creation=False,
        )
        self._pool = ThreadPoolExecutor(_THREADS)

    def path(self, key: str) -> str:
        return f"{self.bucket}/{key}"

    def _map(self, function: Callable[[S], T], items: Iterable[S]) -> list[T]:
        return list(self._pool.map(function, items))

    def _read(self, path: str) -> bytes:
        with self.fs.open_input_stream(path) as file:
            data: bytes = file.read()
            return data

    def warm(self, bucket: str, key: str) -> None:
        self._read(f"{bucket}/{key}")

    def close(self) -> None:
        self._pool.shutdown()

    def big(self, key: str, size: int) -> bytes:
        with self.fs.open_input_file(self.path(key)) as file:
            return b"".join(self._map(lambda start: file.read_at(_PART, start), range(0, size, _PART)))

    def stream(self, key: str, piece: int, take: Taken) -> None:
        with self.fs.open_input_stream(self.path(key)) as file:
            while data := file.read(piece):
                take(data)

    def stream_into(self, key: str, buffer: bytearray, take: Taken) -> None:
        view = memoryview(buffer)
        with self.fs.open_input_stream(self.path(key)) as file:
            while size := file.readinto(buffer):
                take(view[:size])

    def small(self, keys: list[str]) -> list[bytes]:
        return self._map(self._read, map(self.path, keys))

    def up(self, key: str, data: bytes) -> None:
        with self.fs.open_output_stream(self.path(key)) as file:
            file.write(data)

    def up_file(self, key: str, path: str) -> None:
        arrow_fs.copy_files(path, self.path(key), arrow_fs.LocalFileSystem(), self.fs, chunk_size=_PART)

    def ls(self, prefix: str) -> list[str]:
        found = self.fs.get_file_info(arrow_fs.FileSelector(self.path(prefix)))
        return [each.path for each in found if each.type == arrow_fs.FileType.File]

    def find(self, prefix: str) -> list[str]:
        found = self.fs.get_file_info(arrow_fs.FileSelector(self.path(prefix), recursive=True))
        return [each.path for each in found if each.type == arrow_fs.FileType.File]

    def cat_ranges(self, key: str, starts: list[int], stops: list[int]) -> list[bytes]:
        with self.fs.open_input_file(self.path(key)) as file:
            return self._map(lambda each: file.read_at(each[1] - each[0], each[0]), zip(starts, stops, strict=True))
