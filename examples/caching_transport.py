"""A transport of your own in a few lines: it wraps another one, and keeps what was read.

Whether an object is still the same is asked of S3 each time (``If-None-Match``), so that nothing stale is answered:
what is saved is the bytes, not the request. `docs/guide/transports.md` goes through it.
"""

import asyncio
from dataclasses import replace
from typing import Any, cast

from pyathena.filesystem.s3 import AioS3FileSystem
from pyathena.transport import ByteRange, GetOptions, InMemoryTransport, ObjectRange, ObjectRef, S3NotModifiedError
from pyathena.transport import S3Transport as Transport

PLAIN = GetOptions()


class CachingTransport:
    def __init__(self, inner: Transport, *, max_bytes: int = 64 * 2**20) -> None:
        self.inner, self.max_bytes, self.hits = inner, max_bytes, 0
        self.kept: dict[tuple[ObjectRef, ByteRange], ObjectRange] = {}

    def __getattr__(self, name: str) -> Any:  # every method that is not written here
        if name.startswith("_"):  # what pickle looks for before there is an ``inner``
            raise AttributeError(name)
        return getattr(self.inner, name)

    async def get_object_range(
        self, ref: ObjectRef, byte_range: ByteRange, *, into: memoryview | None = None, options: GetOptions = PLAIN
    ) -> ObjectRange:
        kept = self.kept.get((ref, byte_range)) if options == PLAIN else None  # others may mean other bytes
        if kept is not None and into is not None and into.nbytes < kept.size:
            kept = None  # to be refused as ever
        asked = options if kept is None else GetOptions(if_none_match=kept.etag)
        try:
            answer = await self.inner.get_object_range(ref, byte_range, into=into, options=asked)
        except S3NotModifiedError:
            if kept is None:
                raise  # it was the caller's condition
            self.hits += 1
            if into is None:
                return kept
            into[: kept.size] = kept.data
            return replace(kept, data=into[: kept.size])
        if options == PLAIN:
            self.kept[ref, byte_range] = replace(answer, data=bytes(answer.data))  # no view of the caller's buffer
            while sum(each.size for each in self.kept.values()) > self.max_bytes:
                self.kept.pop(next(iter(self.kept)))  # the oldest
        return answer


async def main() -> None:
    caching = CachingTransport(InMemoryTransport(buckets=["bucket"]))
    fs = AioS3FileSystem(transport=cast("Transport", caching), asynchronous=True)
    await fs._pipe_file("bucket/key", b"data")
    print([await fs._cat_file("bucket/key") for _ in range(3)], f"{caching.hits} of 3 from the cache")


if __name__ == "__main__":
    asyncio.run(main())
