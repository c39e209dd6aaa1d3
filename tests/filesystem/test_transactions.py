"""Several files that appear together, or not at all."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pyathena.filesystem.s3 import AioS3FileSystem, S3FileSystem
from pyathena.transport import InMemoryTransport
from tests.recording import Recording, let_others_run

MIB = 2**20
SYNCHRONOUS = pytest.mark.parametrize("make", [AioS3FileSystem, S3FileSystem])


def uploads(memory: InMemoryTransport) -> Any:
    return asyncio.run(memory.list_multipart_uploads("bucket")).uploads


@SYNCHRONOUS
def test_files_appear_when_the_transaction_ends(make: Any) -> None:
    fs = make(transport=InMemoryTransport(buckets=["bucket"]))
    with fs.transaction:
        with fs.open("bucket/small", "wb") as f:
            f.write(b"small")
        with fs.open("bucket/large", "wb") as f:
            f.write(bytes(12 * MIB))
        with fs.open("bucket/text", "w") as text:
            text.write("text")
        fs.pipe_file("bucket/piped", b"piped")
        assert fs.find("bucket") == []
    assert fs.find("bucket") == ["bucket/large", "bucket/piped", "bucket/small", "bucket/text"]
    assert fs.cat_file("bucket/large") == bytes(12 * MIB)
    fs.pipe_file("bucket/after", b"at once")
    assert fs.exists("bucket/after")


@SYNCHRONOUS
def test_an_exception_in_the_transaction_drops_all(make: Any) -> None:
    memory = InMemoryTransport(buckets=["bucket"])
    fs = make(transport=memory)
    with pytest.raises(KeyError), fs.transaction:
        with fs.open("bucket/large", "wb") as f:
            f.write(bytes(12 * MIB))
        fs.pipe_file("bucket/piped", b"piped")
        raise KeyError
    assert fs.find("bucket") == []
    assert not uploads(memory)
    fs.pipe_file("bucket/after", b"at once")
    assert fs.exists("bucket/after")


@SYNCHRONOUS
def test_what_cannot_appear_drops_what_comes_behind_it(make: Any) -> None:
    memory = InMemoryTransport(buckets=["bucket"])
    fs = make(transport=memory)
    memory.deny("bucket", "b")
    with pytest.raises(PermissionError), fs.transaction:
        for key in "abc":
            fs.pipe_file(f"bucket/{key}", bytes(12 * MIB) if key == "c" else b"x")
    assert fs.find("bucket") == ["bucket/a"]
    assert not uploads(memory)
    fs.pipe_file("bucket/after", b"at once")
    assert fs.exists("bucket/after")


@SYNCHRONOUS
def test_a_file_without_autocommit_waits_for_commit_or_discard(make: Any) -> None:
    fs = make(transport=InMemoryTransport(buckets=["bucket"]))
    f = fs.open("bucket/key", "wb", autocommit=False)
    f.write(b"data")
    f.close()
    assert not fs.exists("bucket/key")
    f.commit()
    f.commit()
    assert fs.cat_file("bucket/key") == b"data"
    g = fs.open("bucket/other", "wb", autocommit=False)
    g.write(b"data")
    g.close()
    g.discard()
    assert not fs.exists("bucket/other")


def test_asynchronous_files_appear_when_the_transaction_ends() -> None:
    async def program() -> None:
        recording = Recording(before=let_others_run)
        fs = AioS3FileSystem(transport=recording.transport, asynchronous=True)
        async with fs.transaction:
            async with fs.open("bucket/large", "wb") as f:
                await f.write(bytes(12 * MIB))
            text = await fs.open_async("bucket/text", "w")
            await text.write("text")
            await text.close()
            await fs._pipe_file("bucket/piped", b"piped")
            assert await fs._find("bucket") == []
        assert await fs._find("bucket") == ["bucket/large", "bucket/piped", "bucket/text"]
        with pytest.raises(KeyError):
            async with fs.transaction:
                async with fs.open("bucket/never", "wb") as f:
                    await f.write(bytes(12 * MIB))
                raise KeyError
        assert not await fs._exists("bucket/never")
        assert not (await recording.inner.list_multipart_uploads("bucket")).uploads
        await fs._pipe_file("bucket/after", b"at once")
        assert await fs._exists("bucket/after")

    asyncio.run(program())


def test_an_asynchronous_file_in_a_synchronous_transaction_is_refused() -> None:
    async def program() -> None:
        fs = AioS3FileSystem(transport=InMemoryTransport(buckets=["bucket"]))
        fs.start_transaction()
        with pytest.raises(RuntimeError, match=r"async with fs\.transaction"):
            async with fs.open("bucket/key", "wb"):
                raise AssertionError("not reached")
        with pytest.raises(RuntimeError, match=r"async with fs\.transaction"):
            await fs.open_async("bucket/key", "wb")

    asyncio.run(program())


@SYNCHRONOUS
def test_a_transaction_within_another_is_refused_and_the_outer_one_keeps_what_it_has(make: Any) -> None:
    memory = InMemoryTransport(buckets=["bucket"])
    fs = make(transport=memory)
    with fs.transaction:
        fs.pipe_file("bucket/large", bytes(12 * MIB))
        for begin in (fs.start_transaction, fs.transaction.start):
            with pytest.raises(RuntimeError, match="one at a time"):
                begin()
        fs.pipe_file("bucket/small", b"small")
        assert fs.find("bucket") == []
    assert fs.find("bucket") == ["bucket/large", "bucket/small"]
    with fs.start_transaction():
        fs.pipe_file("bucket/next", b"next")
    assert fs.exists("bucket/next")
    assert not uploads(memory)


def test_of_two_tasks_only_one_may_have_a_transaction() -> None:
    async def program() -> None:
        fs = AioS3FileSystem(transport=InMemoryTransport(buckets=["bucket"]), asynchronous=True)

        async def write(name: str) -> None:
            async with fs.transaction:
                await fs._pipe_file(f"bucket/{name}", name.encode())
                await asyncio.sleep(0)

        results = await asyncio.gather(write("one"), write("two"), return_exceptions=True)
        assert [type(each) for each in results] == [type(None), RuntimeError]
        assert await fs._find("bucket") == ["bucket/one"]

    asyncio.run(program())


@SYNCHRONOUS
def test_an_object_that_must_not_exist_and_does_is_no_concern_of_the_transaction(make: Any) -> None:
    fs = make(transport=InMemoryTransport(buckets=["bucket"]))
    fs.pipe_file("bucket/there", b"there")
    with fs.transaction:
        fs.pipe_file("bucket/other", b"other")
        with pytest.raises(FileExistsError), fs.open("bucket/there", "xb") as f:
            f.write(b"new")
    assert fs.cat("bucket/", recursive=True) == {"bucket/there": b"there", "bucket/other": b"other"}
