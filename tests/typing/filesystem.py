"""What type checkers see of the filesystems and their files. Read by them, never executed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, MutableMapping
from datetime import datetime
from pathlib import Path
from typing import Any, assert_type

from typing_extensions import Buffer, override

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
from pyathena.filesystem.transaction import S3Transaction
from pyathena.transport import RetryPolicy

KEY = "s3://bucket/key"


def construction() -> None:
    assert_type(AioS3FileSystem(profile="p", asynchronous=True, retry=RetryPolicy(max_attempts=2)), AioS3FileSystem)
    assert_type(S3FileSystem(key="k", secret="s", skip_instance_cache=True), S3FileSystem)
    AioS3FileSystem(kee="k")  # type: ignore[call-arg]  # reportCallIssue: must be refused
    AioS3FileSystem(version_aware="yes")  # type: ignore[arg-type]  # reportArgumentType: must be refused
    S3FileSystem(asynchronous=True)  # type: ignore[call-arg]  # reportCallIssue: must be refused


async def coroutines(fs: AioS3FileSystem, data: Buffer, detail: bool) -> None:
    # looking
    assert_type(await fs._info(KEY), dict[str, Any])
    assert_type(await fs._exists(KEY), bool)
    assert_type(await fs._isfile(Path("bucket/key")), bool)
    assert_type(await fs._isdir(KEY), bool)
    assert_type(await fs._size(KEY), int)
    assert_type(await fs._sizes([KEY]), list[int])
    assert_type(await fs._ls("bucket"), list[str])
    assert_type(await fs._ls("bucket", True, refresh=True), list[dict[str, Any]])
    assert_type(await fs._ls("bucket", detail=detail), list[dict[str, Any]] | list[str])
    assert_type(await fs._find("bucket", maxdepth=1, prefix="a"), list[str])
    assert_type(await fs._find("bucket", detail=True), dict[str, dict[str, Any]])
    assert_type(await fs._find("bucket", detail=detail), dict[str, dict[str, Any]] | list[str])
    assert_type(await fs._glob("bucket/*"), list[str])
    assert_type(await fs._glob("bucket/*", detail=True), dict[str, dict[str, Any]])
    assert_type(await fs._du("bucket"), int)
    assert_type(await fs._du("bucket", total=False), dict[str, int])
    assert_type(fs._walk("bucket"), AsyncIterator[tuple[str, list[str], list[str]]])
    async for _, directories, _ in fs._walk("bucket", detail=True):
        assert_type(directories, dict[str, dict[str, Any]])
    assert_type(await fs._expand_path("bucket/*", recursive=True), list[str])
    # reading and writing
    assert_type(await fs._cat_file(KEY, 0, -1, version_id="v"), bytes)
    assert_type(await fs._cat(KEY), bytes | dict[str, bytes])
    assert_type(await fs._cat([KEY]), dict[str, bytes])
    assert_type(await fs._cat([KEY], on_error="return"), bytes | dict[str, bytes | Exception])
    assert_type(await fs._cat_ranges(["a/b"], [0], [1]), list[bytes | Exception])
    assert_type(await fs._cat_ranges(["a/b"], 0, 1, on_error="raise"), list[bytes])
    assert_type(await fs._head(KEY), bytes)
    assert_type(await fs._read_text(KEY, encoding="utf-8"), str)
    assert_type(await fs._write_text(KEY, "text"), int)
    assert_type(await fs._rm(KEY, recursive=True), list[str])
    await fs._pipe_file(KEY, data, "create", chunksize=2**23)
    await fs._pipe({KEY: data})
    await fs._put_file(Path("local"), KEY)
    await fs._put(["local"], "bucket/", recursive=True)
    await fs._get_file(KEY, "local", max_concurrency=4)
    await fs._get([KEY], "local/", version_id=None)
    await fs._cp_file(KEY, KEY + "2")
    await fs._copy([KEY], "bucket/d/", on_error="ignore")
    await fs._mv(KEY, KEY + "2")
    await fs._touch(KEY, truncate=False)
    await fs._mkdir("bucket", region_name="eu-west-1")
    await fs._makedirs("bucket", exist_ok=True)
    await fs._rmdir("bucket")
    # what there is about an object
    assert_type(await fs._checksum(KEY), int)
    assert_type(await fs._ukey(KEY), str)
    assert_type(await fs._created(KEY), datetime)
    assert_type(await fs._modified(KEY), datetime)
    assert_type(await fs._metadata(KEY), dict[str, str])
    assert_type(await fs._getxattr(KEY, "name"), str | None)
    assert_type(await fs._get_tags(KEY), dict[str, str])
    assert_type(await fs._url(KEY, expires=60, client_method="put_object"), str)
    assert_type(await fs._sign(KEY, expiration=60), str)
    assert_type(fs.loop, asyncio.AbstractEventLoop)
    async with fs.transaction as transaction:
        assert_type(transaction, S3Transaction)
    await fs.aclose()
    # must be refused
    await fs._cat_file(1)  # type: ignore[arg-type]  # reportArgumentType: a number is no path
    await fs._pipe_file(KEY, "text")  # type: ignore[arg-type]  # reportArgumentType: text is no bytes
    await fs._pipe_file(KEY, data, "append")  # type: ignore[arg-type]  # reportArgumentType: no such mode
    await fs._isfile(KEY, version="v")  # type: ignore[call-arg]  # reportCallIssue: no such argument
    await fs._cat_file()  # type: ignore[call-arg]  # reportCallIssue: of what


def mirrors(fs: AioS3FileSystem) -> None:
    both(fs)
    assert_type(fs.open(KEY, "wb"), S3OpenFile)
    assert_type(fs.open(KEY, "w"), S3OpenTextFile)
    assert_type(fs.open(KEY, "wb", compression="gzip"), S3OpenFile | S3OpenCompressedFile)
    with fs.open(KEY) as f:
        assert_type(f, S3OpenFile)
        assert_type(f.read(), bytes)
    fs.close()


def synchronous(fs: S3FileSystem, mode: str) -> None:
    both(fs)
    assert_type(fs.open(KEY), S3File)
    assert_type(fs.open(KEY, compression="infer"), S3File | S3CompressedFile)
    assert_type(fs.open(KEY, mode), S3File | S3CompressedFile | S3TextFile)
    with fs.open(KEY, "r", errors="replace") as text:
        assert_type(text, S3TextFile)
        assert_type(text.readlines(), list[str])
        assert_type([line for line in text], list[str])  # noqa: C416 - that it can be iterated over is shown
    with fs.open(KEY, "rb") as f:
        assert_type(f.read(10), bytes)
        assert_type(f.readinto(bytearray(10)), int)
        assert_type(f.readline(), bytes)
        assert_type(f.readlines(), list[bytes])
        assert_type(f.readuntil(b"\n"), bytes)
        assert_type([line for line in f], list[bytes])  # noqa: C416 - as above
        assert_type(next(f), bytes)
        assert_type(f.seek(0, 2), int)
        assert_type(f.tell(), int)
        assert_type((f.readable(), f.writable(), f.seekable(), f.closed), tuple[bool, bool, bool, bool])
        assert_type((f.size, f.loc, f.blocksize), tuple[int, int, int])
        assert_type((f.path, f.mode, f.full_name), tuple[str, str, str])
        assert_type((f.info(), f.details), tuple[dict[str, Any], dict[str, Any]])
        assert_type((f.bucket, f.key, f.version_id), tuple[str, str, str | None])
        assert_type(f.metadata(), dict[str, str])
        assert_type(f.url(), str)
    with fs.open(KEY, "xb") as f:
        assert_type(f.write(b"bytes"), int)
        f.writelines([b"a", memoryview(b"b")])
        f.write("text")  # type: ignore[arg-type]  # reportArgumentType: must be refused
    fs.close()


def both(fs: AioS3FileSystem | S3FileSystem) -> None:
    assert_type(fs.info(KEY, version_id="v"), dict[str, Any])
    assert_type(fs.stat(KEY), dict[str, Any])
    assert_type(fs.exists(KEY), bool)
    assert_type(fs.isfile(KEY), bool)
    assert_type(fs.isdir(KEY), bool)
    assert_type(fs.size(KEY), int)
    assert_type(fs.sizes([KEY]), list[int])
    assert_type(fs.ls("bucket"), list[str])
    assert_type(fs.ls("bucket", detail=True, versions=True), list[dict[str, Any]])
    assert_type(fs.listdir("bucket"), list[dict[str, Any]])
    assert_type(fs.listdir("bucket", detail=False), list[str])
    assert_type(fs.find("bucket", prefix="a"), list[str])
    assert_type(fs.find("bucket", detail=True), dict[str, dict[str, Any]])
    assert_type(fs.glob("bucket/*"), list[str])
    assert_type(fs.glob("bucket/*", detail=True), dict[str, dict[str, Any]])
    assert_type(fs.du("bucket", withdirs=True), int)
    assert_type(fs.du("bucket", total=False), dict[str, int])
    assert_type(fs.disk_usage("bucket"), int)
    assert_type(fs.walk("bucket", on_error="raise"), Iterator[tuple[str, list[str], list[str]]])
    for _, _, files in fs.walk("bucket", detail=True):
        assert_type(files, dict[str, dict[str, Any]])
    assert_type(fs.expand_path("bucket/*"), list[str])
    assert_type(fs.cat_file(KEY, start=-10), bytes)
    assert_type(fs.cat(KEY), bytes | dict[str, bytes])
    assert_type(fs.cat([KEY], on_error="omit"), dict[str, bytes])
    assert_type(fs.cat_ranges([KEY], [0], [1]), list[bytes | Exception])
    assert_type(fs.cat_ranges([KEY], 0, None, on_error="raise"), list[bytes])
    assert_type(fs.head(KEY, 10), bytes)
    assert_type(fs.tail(KEY), bytes)
    assert_type(fs.read_bytes(KEY), bytes)
    assert_type(fs.read_text(KEY), str)
    assert_type(fs.read_block(KEY, 0, 10, delimiter=b"\n"), bytes)
    assert_type(fs.write_text(KEY, "text"), int)
    fs.write_bytes(KEY, bytearray(10))
    fs.pipe_file(KEY, b"", ContentType="text/plain")
    fs.pipe(KEY, b"")
    fs.touch(KEY)
    fs.cp_file(KEY, KEY + "2")
    fs.copy(KEY, "bucket/d/", recursive=True)
    fs.cp([KEY], "bucket/d/")
    fs.mv(KEY, KEY + "2")
    fs.move(KEY, KEY + "2")
    fs.rename(KEY, KEY + "2")
    fs.put(Path("local"), KEY)
    fs.put_file("local", KEY)
    fs.upload("local", KEY)
    fs.get(KEY, "local")
    fs.get_file(KEY, Path("local"))
    fs.download(KEY, "local")
    fs.rm_file(KEY)
    assert_type(fs.rm([KEY]), list[str])
    assert_type(fs.delete(KEY, recursive=True), list[str])
    fs.mkdir("bucket", acl="private")
    fs.makedirs("bucket", exist_ok=True)
    fs.makedir("bucket")
    fs.mkdirs("bucket")
    fs.rmdir("bucket")
    assert_type(fs.checksum(KEY), int)
    assert_type(fs.ukey(KEY), str)
    assert_type(fs.created(KEY), datetime)
    assert_type(fs.modified(KEY, version_id="v"), datetime)
    assert_type(fs.metadata(KEY), dict[str, str])
    assert_type(fs.getxattr(KEY, "name"), str | None)
    fs.setxattr(KEY, name="value", other=None)
    assert_type(fs.get_tags(KEY), dict[str, str])
    fs.put_tags(KEY, {"a": "b"}, mode="m")
    fs.chmod(KEY, "private")
    assert_type(fs.url(KEY, client_method="put_object"), str)
    assert_type(fs.sign(KEY), str)
    assert_type(fs.object_version_info(KEY), list[dict[str, Any]])
    assert_type(fs.is_bucket_versioned("bucket"), bool)
    assert_type(fs.list_multipart_uploads("bucket"), list[dict[str, Any]])
    assert_type(fs.split_path(KEY), tuple[str, str, str | None])
    fs.invalidate_cache()
    with fs.transaction as transaction:
        assert_type(transaction, S3Transaction)
    assert_type(fs.start_transaction(), S3Transaction)
    fs.end_transaction()
    mapper: MutableMapping[str, bytes] = fs.get_mapper("bucket")
    mapper["key"] = b""
    assert_type(fs.unstrip_protocol("bucket/key"), str)
    assert_type(fs.to_json(include_password=False), str)
    assert_type(fs.to_dict(), dict[str, Any])
    # must be refused
    fs.cat_file(1)  # type: ignore[arg-type]  # reportArgumentType: a number is no path
    fs.pipe_file(KEY, "text")  # type: ignore[arg-type]  # reportArgumentType: text is no bytes
    fs.rm(KEY, recursive="yes")  # type: ignore[arg-type]  # reportArgumentType: no truth value
    fs.url(KEY, client_method="list_objects")  # type: ignore[arg-type]  # reportArgumentType: no such request
    fs.isdir(KEY, recursive=True)  # type: ignore[call-arg]  # reportCallIssue: no such argument


async def handles(fs: AioS3FileSystem, mode: str) -> None:
    async with fs.open(KEY, "rb") as f:
        assert_type(f, AioS3File)
        assert_type(await f.read(), bytes)
        assert_type(await f.readinto(bytearray(10)), int)
        assert_type(await f.readline(), bytes)
        assert_type([line async for line in f], list[bytes])
        assert_type(f.seek(0), int)
        assert_type(f.size, int)
    async with fs.open(KEY, "r", encoding="utf-8", newline="") as text:
        assert_type(text, AioS3TextFile)
        assert_type(await text.read(), str)
        assert_type([line async for line in text], list[str])
    async with fs.open(KEY, "rb", compression="gzip") as compressed:
        assert_type(compressed, AioS3File | AioS3CompressedFile)
        assert_type(await compressed.read(), bytes)
    async with fs.open(KEY, "wt", compression="infer") as written:
        assert_type(await written.write("text"), int)
        await written.write(b"bytes")  # type: ignore[arg-type]  # reportArgumentType: must be refused
    assert_type(await fs.open_async(KEY), AioS3File)
    assert_type(await fs.open_async(KEY, "x"), AioS3TextFile)
    assert_type(await fs.open_async(KEY, compression="xz"), AioS3File | AioS3CompressedFile)
    assert_type(await fs.open_async(KEY, mode), AioS3File | AioS3CompressedFile | AioS3TextFile)


class Counting(AioS3FileSystem):
    """What a user may change: a coroutine, and so the method that is made of it."""

    reads = 0

    @override
    async def _cat_file(self, path: Any, start: int | None = None, end: int | None = None, **kwargs: Any) -> bytes:
        self.reads += 1
        return await super()._cat_file(path, start, end, **kwargs)


def subclass() -> None:
    fs = Counting(key="k", secret="s")
    assert_type(fs, Counting)
    assert_type(fs.cat_file(KEY), bytes)
    assert_type(Counting.current(), Counting)
