"""boto3: in 32 threads with as many connections, as people write it; and s3transfer, which it brings."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any, Final, TypeVar

import boto3
from botocore.config import Config

from benchmarks.workloads import MIB, Taken

__all__ = ["Threads", "Transfer"]

S = TypeVar("S")
T = TypeVar("T")

_THREADS: Final = 32
_PART: Final = 8 * MIB
_MOST_KEYS: Final = 1000


def _ranges(size: int) -> Iterator[tuple[int, int]]:
    return ((start, min(start + _PART, size)) for start in range(0, size, _PART))


class Threads:
    """A client and a pool of threads."""

    def __init__(self, endpoint: str, bucket: str, *, asynchronous: bool) -> None:
        self.bucket = bucket
        self.client = boto3.session.Session().client(
            "s3", endpoint_url=endpoint, config=Config(max_pool_connections=_THREADS)
        )
        self._pool = ThreadPoolExecutor(_THREADS)

    def _map(self, function: Callable[[S], T], items: Iterable[S]) -> list[T]:
        return list(self._pool.map(function, items))

    def warm(self, bucket: str, key: str) -> None:
        self.client.get_object(Bucket=bucket, Key=key)["Body"].read()

    def close(self) -> None:
        self._pool.shutdown()
        self.client.close()

    def _read(self, key: str, start: int, stop: int) -> bytes:
        answer = self.client.get_object(Bucket=self.bucket, Key=key, Range=f"bytes={start}-{stop - 1}")
        data: bytes = answer["Body"].read()
        return data

    def big(self, key: str, size: int) -> bytes:
        return b"".join(self._map(lambda each: self._read(key, *each), _ranges(size)))

    def stream(self, key: str, piece: int, take: Taken) -> None:
        body = self.client.get_object(Bucket=self.bucket, Key=key)["Body"]
        while data := body.read(piece):
            take(data)

    def stream_into(self, key: str, buffer: bytearray, take: Taken) -> None:
        body = self.client.get_object(Bucket=self.bucket, Key=key)["Body"]
        view = memoryview(buffer)
        while size := body.readinto(buffer):
            take(view[:size])

    def small(self, keys: list[str]) -> list[bytes]:
        return self._map(lambda key: self.client.get_object(Bucket=self.bucket, Key=key)["Body"].read(), keys)

    def up(self, key: str, data: bytes) -> None:
        view = memoryview(data)
        self._upload(key, len(data), lambda start, stop: view[start:stop].tobytes())

    def up_file(self, key: str, path: str) -> None:
        def part(start: int, stop: int) -> bytes:
            with open(path, "rb") as file:
                file.seek(start)
                return file.read(stop - start)

        self._upload(key, Path(path).stat().st_size, part)

    def _upload(self, key: str, size: int, part: Callable[[int, int], bytes]) -> None:
        where = {"Bucket": self.bucket, "Key": key}
        where["UploadId"] = self.client.create_multipart_upload(**where)["UploadId"]

        def put(numbered: tuple[int, tuple[int, int]]) -> dict[str, Any]:
            number, (start, stop) = numbered
            answer = self.client.upload_part(**where, PartNumber=number, Body=part(start, stop))
            return {"PartNumber": number, "ETag": answer["ETag"]}

        parts = self._map(put, enumerate(_ranges(size), 1))
        self.client.complete_multipart_upload(**where, MultipartUpload={"Parts": parts})

    def rm(self, keys: list[str]) -> None:
        def delete(batch: Sequence[str]) -> None:
            objects = [{"Key": key} for key in batch]
            answer = self.client.delete_objects(Bucket=self.bucket, Delete={"Objects": objects, "Quiet": True})
            assert not answer.get("Errors")

        rest = iter(keys)
        self._map(delete, iter(lambda: list(islice(rest, _MOST_KEYS)), []))

    def ls(self, prefix: str) -> list[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix, Delimiter="/")
        return [entry["Key"] for page in pages for entry in page.get("Contents", [])]

    def find(self, prefix: str) -> list[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        return [entry["Key"] for page in pages for entry in page.get("Contents", [])]

    def cat_ranges(self, key: str, starts: list[int], stops: list[int]) -> list[bytes]:
        return self._map(lambda each: self._read(key, *each), zip(starts, stops, strict=True))


class Transfer:
    """What boto3 itself offers for large objects, with its defaults."""

    def __init__(self, endpoint: str, bucket: str, *, asynchronous: bool) -> None:
        self.bucket = bucket
        self.client = boto3.session.Session().client("s3", endpoint_url=endpoint)

    def warm(self, bucket: str, key: str) -> None:
        self.client.get_object(Bucket=bucket, Key=key)["Body"].read()

    def close(self) -> None:
        self.client.close()

    def big(self, key: str, size: int) -> bytes:
        target = io.BytesIO()
        self.client.download_fileobj(self.bucket, key, target)
        return target.getvalue()

    def up(self, key: str, data: bytes) -> None:
        self.client.upload_fileobj(io.BytesIO(data), self.bucket, key)

    def up_file(self, key: str, path: str) -> None:
        self.client.upload_file(path, self.bucket, key)
