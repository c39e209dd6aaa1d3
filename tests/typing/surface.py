"""What type checkers see of the public surface. Read by mypy, never executed."""

from __future__ import annotations

from typing import Any, assert_type

from typing_extensions import Buffer

from pyathena.filesystem.s3 import (
    AioS3CompressedFile,
    AioS3File,
    AioS3FileSystem,
    AioS3TextFile,
    S3CompressedFile,
    S3File,
    S3FileSystem,
    S3OpenCompressedFile,
    S3OpenFile,
    S3OpenTextFile,
    S3TextFile,
)
from pyathena.transport import (
    ByteRange,
    DeleteResult,
    GetOptions,
    InMemoryTransport,
    ListPage,
    ObjectInfo,
    ObjectKey,
    ObjectRange,
    ObjectReader,
    ObjectRef,
    RequestOptions,
    S3Transport,
    ThreadedBoto3Transport,
)


async def read_first_bytes(reader: ObjectReader, ref: ObjectRef) -> bytes:
    """Ask for the least that is needed."""
    answer = await reader.get_object_range(ref, ByteRange(0, 10))
    assert_type(answer, ObjectRange)
    return bytes(answer.data)


class OnlyReads:
    """A transport's part by its structure alone: it inherits nothing."""

    async def head_object(self, ref: ObjectRef, *, options: GetOptions = GetOptions()) -> ObjectInfo:
        raise NotImplementedError

    async def get_object_range(
        self,
        ref: ObjectRef,
        byte_range: ByteRange,
        *,
        into: memoryview | None = None,
        options: GetOptions = GetOptions(),
    ) -> ObjectRange:
        raise NotImplementedError


class ReadsWrongly:
    """Its answer is of the wrong type."""

    async def head_object(self, ref: ObjectRef, *, options: GetOptions = GetOptions()) -> bytes:
        raise NotImplementedError

    async def get_object_range(
        self,
        ref: ObjectRef,
        byte_range: ByteRange,
        *,
        into: memoryview | None = None,
        options: GetOptions = GetOptions(),
    ) -> ObjectRange:
        raise NotImplementedError


reader: ObjectReader = OnlyReads()
wrong_reader: ObjectReader = ReadsWrongly()  # type: ignore[assignment]  # must be refused
not_all: S3Transport = OnlyReads()  # type: ignore[assignment]  # must be refused: it cannot write


async def transports(transport: S3Transport) -> None:
    ref = ObjectRef("bucket", "key")
    assert_type(await transport.head_object(ref), ObjectInfo)
    assert_type(await transport.list_objects("bucket"), ListPage)
    assert_type(await transport.delete_objects("bucket", [ObjectKey("key")], options=RequestOptions()), DeleteResult)
    assert_type(await read_first_bytes(transport, ref), bytes)
    AioS3FileSystem(transport=InMemoryTransport(buckets=["bucket"]))
    AioS3FileSystem(transport=ThreadedBoto3Transport(key="k", secret="s"))
    AioS3FileSystem(transport=OnlyReads())  # type: ignore[arg-type]  # must be refused
    AioS3FileSystem(kee="k")  # type: ignore[call-arg]  # must be refused


async def coroutines(fs: AioS3FileSystem, data: Buffer) -> None:
    assert_type(await fs._cat_file("s3://bucket/key"), bytes)
    assert_type(await fs._info("s3://bucket/key"), dict[str, Any])
    assert_type(await fs._exists("s3://bucket/key"), bool)
    assert_type(await fs._cat_ranges(["a/b"], [0], [1]), list[bytes | Exception])
    assert_type(await fs._rm("s3://bucket/key", recursive=True), list[str])
    await fs._pipe_file("s3://bucket/key", data)
    await fs._pipe_file("s3://bucket/key", "text")  # type: ignore[arg-type]  # must be refused
    async with fs.open("s3://bucket/key", "rb") as f:
        assert_type(f, AioS3File)
        assert_type(await f.read(), bytes)
        assert_type([line async for line in f], list[bytes])
    assert_type(await fs.open_async("s3://bucket/key"), AioS3File)


async def text_and_compression(fs: AioS3FileSystem, mode: str) -> None:
    async with fs.open("s3://bucket/key", "r", encoding="utf-8", newline="") as f:
        assert_type(f, AioS3TextFile)
        assert_type(await f.read(), str)
        assert_type([line async for line in f], list[str])
    async with fs.open("s3://bucket/key", "rb", compression="gzip") as g:
        assert_type(g, AioS3File | AioS3CompressedFile)
        assert_type(await g.read(), bytes)
    async with fs.open("s3://bucket/key", "wt", compression="infer") as h:
        assert_type(await h.write("text"), int)
        await h.write(b"bytes")  # type: ignore[arg-type]  # must be refused
    assert_type(await fs.open_async("s3://bucket/key", "x"), AioS3TextFile)
    assert_type(await fs.open_async("s3://bucket/key", compression="xz"), AioS3File | AioS3CompressedFile)
    assert_type(await fs.open_async("s3://bucket/key", mode), AioS3File | AioS3CompressedFile | AioS3TextFile)


def mirrors(fs: AioS3FileSystem) -> None:
    assert_type(fs.cat_file("s3://bucket/key"), bytes)
    assert_type(fs.info("s3://bucket/key"), dict[str, Any])
    assert_type(fs.ls("s3://bucket"), list[str])
    assert_type(fs.ls("s3://bucket", detail=True), list[dict[str, Any]])
    assert_type(fs.find("s3://bucket"), list[str])
    assert_type(fs.find("s3://bucket", detail=True), dict[str, dict[str, Any]])
    assert_type(fs.open("s3://bucket/key", "wb"), S3OpenFile)
    assert_type(fs.open("s3://bucket/key", "w"), S3OpenTextFile)
    assert_type(fs.open("s3://bucket/key", "wb", compression="gzip"), S3OpenFile | S3OpenCompressedFile)
    with fs.open("s3://bucket/key") as f:
        assert_type(f.read(), bytes)


def synchronous(fs: S3FileSystem) -> None:
    assert_type(fs.cat_file("s3://bucket/key"), bytes)
    assert_type(fs.exists("s3://bucket/key"), bool)
    assert_type(fs.open("s3://bucket/key"), S3File)
    assert_type(fs.open("s3://bucket/key", compression="infer"), S3File | S3CompressedFile)
    with fs.open("s3://bucket/key", "r", errors="replace") as f:
        assert_type(f, S3TextFile)
        assert_type(f.readlines(), list[str])
