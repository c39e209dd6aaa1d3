"""What `open` and `open_async` return, and when it sends what."""

from __future__ import annotations

import asyncio
import gc
import io
import os
import pickle
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

import fsspec.asyn
import pytest

from pyathena.filesystem.s3 import AioS3File, AioS3FileSystem, S3FileSystem
from pyathena.transport import InMemoryTransport, ObjectRef, PutOptions
from tests.recording import Recording, let_others_run

MIB = 2**20
TEXT = b"first\nsecond\r\n\nlast"


def fresh(**options: Any) -> tuple[AioS3FileSystem, Recording]:
    recording = Recording(before=let_others_run)
    return AioS3FileSystem(transport=recording.transport, default_block_size=MIB, **options), recording


async def put(recording: Recording, key: str, data: bytes) -> None:
    await recording.inner.put_object(ObjectRef("bucket", key), data)


# --- asynchronous --------------------------------------------------------------------------------


@pytest.mark.parametrize("asynchronous", [True, False])
def test_async_with_open_reads_in_parallel(asynchronous: bool) -> None:
    data = os.urandom(9 * MIB + 5)

    async def program() -> None:
        fs, recording = fresh(asynchronous=asynchronous)
        await put(recording, "key", data)
        async with fs.open("s3://bucket/key", "rb") as f:
            assert await f.read() == data
        assert recording.peak > 4
        assert f.closed

    asyncio.run(program())


def test_open_and_read_of_a_small_object_is_one_request() -> None:
    async def program() -> None:
        fs, recording = fresh(asynchronous=True)
        await put(recording, "key", TEXT)
        async with fs.open("bucket/key") as f:
            assert f.size == len(TEXT)
            assert await f.read() == TEXT
        assert recording.requests == ["get_object_range"]

    asyncio.run(program())


def test_open_sends_nothing_before_async_with() -> None:
    async def program() -> None:
        fs, recording = fresh(asynchronous=True)
        file = fs.open("bucket/missing")
        assert recording.requests == []
        with pytest.raises(FileNotFoundError, match="bucket/missing"):
            async with file:
                raise AssertionError("not reached")

    asyncio.run(program())


def test_open_async_opens_at_once() -> None:
    async def program() -> None:
        fs, recording = fresh(asynchronous=True)
        with pytest.raises(FileNotFoundError, match="bucket/missing"):
            await fs.open_async("bucket/missing")
        await put(recording, "key", TEXT)
        f = await fs.open_async("bucket/key")
        assert isinstance(f, AioS3File)
        assert not f.closed
        assert await f.read(5) == b"first"
        await f.close()
        with pytest.raises(ValueError, match="closed file 'bucket/key'"):
            await f.read()

    asyncio.run(program())


def test_the_async_handle_reads_as_a_file_does() -> None:
    data = bytes(range(256)) * 9000

    async def program() -> None:
        fs, recording = fresh(asynchronous=True)
        await put(recording, "key", data)
        local = io.BytesIO(data)
        async with fs.open("bucket/key") as f:
            assert (f.readable(), f.writable(), f.seekable(), f.mode) == (True, False, True, "rb")
            for whence, offset, size in [(0, 5, 10), (1, 100, 0), (1, -50, 3), (2, -20, -1), (2, 10, 5), (0, 0, 2**21)]:
                assert f.seek(offset, whence) == local.seek(offset, whence)
                assert await f.read(size) == local.read(size)
                assert f.tell() == local.tell()
            f.seek(77), local.seek(77)
            ours, theirs = bytearray(3000), bytearray(3000)
            assert await f.readinto(ours) == local.readinto(theirs)
            assert ours == theirs
            with pytest.raises(ValueError, match="before the begin"):
                f.seek(-1)
            with pytest.raises(ValueError, match="got 7"):
                f.seek(0, 7)
            with pytest.raises(io.UnsupportedOperation, match="not for writing"):
                await f.write(b"x")

    asyncio.run(program())


@pytest.mark.parametrize(
    "data", [TEXT, b"", b"\n\n", b"no newline", b"x" * 20_000 + b"\n" + b"y" * 30_000, b"ab\n" * 700_000]
)
def test_the_async_handle_iterates_over_lines(data: bytes) -> None:
    async def program() -> None:
        fs, recording = fresh(asynchronous=True)
        await put(recording, "key", data)
        async with fs.open("bucket/key") as f:
            assert [line async for line in f] == io.BytesIO(data).readlines()
            assert await f.readline() == b""
        async with fs.open("bucket/key") as f:
            assert await f.readline(3) == io.BytesIO(data).readline(3)
            assert await f.readline(0) == b""
        async with fs.open("bucket/key") as f:
            assert await f.readlines() == io.BytesIO(data).readlines()

    asyncio.run(program())


def test_what_was_written_appears_when_the_block_ends() -> None:
    data = os.urandom(17 * MIB)

    async def program() -> None:
        fs, recording = fresh(asynchronous=True)
        async with fs.open("s3://bucket/key", "wb", ContentType="image/png") as f:
            for start in range(0, len(data), 3 * MIB):
                await f.write(data[start : start + 3 * MIB])
            await f.flush()
            assert f.tell() == f.size == len(data)
            assert not await fs._exists("bucket/key")
        assert await fs._cat_file("bucket/key") == data
        assert (await fs._info("bucket/key"))["ContentType"] == "image/png"

    asyncio.run(program())


@pytest.mark.parametrize("size", [10, 17 * MIB])
def test_an_exception_in_the_block_publishes_nothing_and_is_raised(size: int) -> None:
    async def program() -> None:
        fs, recording = fresh(asynchronous=True)
        await put(recording, "key", b"old")
        with pytest.raises(KeyError):
            async with fs.open("bucket/key", "wb") as f:
                await f.write(bytes(size))
                raise KeyError
        assert await fs._cat_file("bucket/key") == b"old"
        assert not (await recording.inner.list_multipart_uploads("bucket")).uploads

    asyncio.run(program())


def test_being_cancelled_in_the_block_publishes_nothing_and_is_raised() -> None:
    async def program() -> None:
        fs, recording = fresh(asynchronous=True)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02), fs.open("bucket/key", "wb") as f:
                await f.write(bytes(17 * MIB))
                await asyncio.Event().wait()
        assert not await fs._exists("bucket/key")
        assert not (await recording.inner.list_multipart_uploads("bucket")).uploads

    asyncio.run(program())


def test_xb_refuses_what_is_there_before_anything_is_written() -> None:
    async def program() -> None:
        fs, recording = fresh(asynchronous=True)
        async with fs.open("bucket/key", "xb") as f:
            await f.write(b"first")
        with pytest.raises(FileExistsError, match="bucket/key"):
            async with fs.open("bucket/key", "xb"):
                raise AssertionError("not reached")
        assert await fs._cat_file("bucket/key") == b"first"

    asyncio.run(program())


def test_a_handle_works_in_two_event_loops_one_after_the_other() -> None:
    data = os.urandom(4 * MIB)
    fs, recording = fresh(asynchronous=True)
    asyncio.run(put(recording, "key", data))
    f = asyncio.run(fs.open_async("bucket/key"))
    assert asyncio.run(f.read(MIB)) == data[:MIB]
    assert asyncio.run(f.read()) == data[MIB:]
    asyncio.run(f.close())


def test_a_forgotten_async_writer_warns_and_uploads_nothing() -> None:
    async def program() -> None:
        fs, recording = fresh(asynchronous=True)
        f = await fs.open_async("bucket/key", "wb")
        await f.write(b"x")
        with pytest.warns(ResourceWarning, match="never closed"):
            del f
            gc.collect()
        assert not await fs._exists("bucket/key")

    asyncio.run(program())


# --- synchronous ---------------------------------------------------------------------------------

Open = Callable[[], tuple[Any, Recording]]


def aio() -> tuple[Any, Recording]:
    return fresh()


def blocking() -> tuple[Any, Recording]:
    recording = Recording()
    return S3FileSystem(transport=recording.transport, default_block_size=MIB), recording


@pytest.fixture(params=[aio, blocking])
def sync_fs(request: pytest.FixtureRequest) -> Iterator[tuple[Any, Recording]]:
    fs, recording = request.param()
    yield fs, recording
    fs.close()


def test_with_open_writes_and_reads(sync_fs: tuple[Any, Recording]) -> None:
    fs, _ = sync_fs
    data = os.urandom(17 * MIB)
    with fs.open("s3://bucket/key", "wb") as f:
        for start in range(0, len(data), 3 * MIB):
            assert f.write(data[start : start + 3 * MIB]) == len(data[start : start + 3 * MIB])
    with fs.open("s3://bucket/key") as f:
        assert f.size == len(data)
        assert f.read() == data
        assert f.seek(-5, 2) == len(data) - 5
        assert f.read() == data[-5:]
        f.seek(3)
        buffer = bytearray(2 * MIB)
        assert f.readinto(buffer) == 2 * MIB
        assert buffer == data[3 : 3 + 2 * MIB]
        assert f.tell() == 3 + 2 * MIB


def test_synchronous_open_opens(sync_fs: tuple[Any, Recording]) -> None:
    fs, recording = sync_fs
    with pytest.raises(FileNotFoundError, match="bucket/missing"):
        fs.open("bucket/missing")
    asyncio.run(put(recording, "key", b"x"))
    with pytest.raises(FileExistsError, match="bucket/key"):
        fs.open("bucket/key", "xb")
    recording.taken()
    with fs.open("bucket/key") as f:
        assert f.read() == b"x"
    assert recording.taken() == ["get_object_range"]


def test_an_exception_in_a_synchronous_block_publishes_nothing(sync_fs: tuple[Any, Recording]) -> None:
    fs, recording = sync_fs
    for size in (10, 17 * MIB):
        with pytest.raises(KeyError), fs.open("bucket/key", "wb") as f:
            f.write(bytes(size))
            raise KeyError
        assert not fs.exists("bucket/key")
        assert not asyncio.run(recording.inner.list_multipart_uploads("bucket")).uploads


@pytest.mark.parametrize("cache_type", [None, "none", "readahead", "bytes", "all", "first", "blockcache", "background"])
def test_reading_through_any_cache_is_like_reading_a_file(
    sync_fs: tuple[Any, Recording], cache_type: str | None
) -> None:
    fs, recording = sync_fs
    data = os.urandom(3 * MIB)
    asyncio.run(put(recording, "key", data))
    local = io.BytesIO(data)
    with fs.open("bucket/key", cache_type=cache_type, block_size=100_000) as f:
        for offset, size in [(0, 10), (5, 200_000), (2 * MIB, 50), (2 * MIB + 50, 50), (7, -1), (3 * MIB, 10)]:
            assert f.seek(offset) == local.seek(offset)
            assert f.read(size) == local.read(size)


def test_synchronous_lines(sync_fs: tuple[Any, Recording]) -> None:
    fs, recording = sync_fs
    asyncio.run(put(recording, "key", TEXT))
    with fs.open("bucket/key") as f:
        assert list(f) == io.BytesIO(TEXT).readlines()
    with fs.open("bucket/key") as f:
        assert [f.readline(3), f.readline(), f.readline(2), *f.readlines()] == [
            b"fir",
            b"st\n",
            b"se",
            b"cond\r\n",
            b"\n",
            b"last",
        ]
    with io.TextIOWrapper(fs.open("bucket/key"), encoding="ascii") as text:
        assert text.read() == TEXT.decode().replace("\r\n", "\n")


def test_an_open_file_that_is_read_can_be_pickled() -> None:
    fs = S3FileSystem(key="a", secret="b", endpoint_url="http://127.0.0.1:9")
    reader = fs._engine.reader(ObjectRef("bucket", "key"), size=5)
    from pyathena.filesystem.s3 import S3File

    f = S3File(fs, ObjectRef("bucket", "key"), "rb", reader, fs._run)
    function, arguments = f.__reduce__()
    assert pickle.loads(pickle.dumps(arguments))[1:] == arguments[1:]
    assert function.__name__ == "_reopen"
    f.close()
    with pytest.raises(TypeError, match="only an open file that is read"):
        pickle.dumps(f)


def test_details_and_info_tell_of_the_open_object(sync_fs: tuple[Any, Recording]) -> None:
    fs, recording = sync_fs
    asyncio.run(put(recording, "key", TEXT))
    with fs.open("bucket/key") as f:
        assert f.details["size"] == len(TEXT)
        assert f.info()["name"] == "bucket/key"
        assert f.details["ETag"] == fs.info("bucket/key")["ETag"]


def test_a_forgotten_synchronous_writer_warns_and_uploads_nothing(sync_fs: tuple[Any, Recording]) -> None:
    fs, _ = sync_fs
    f = fs.open("bucket/key", "wb")
    f.write(b"x")
    with pytest.warns(ResourceWarning, match="never closed"):
        del f
        gc.collect()
    assert not fs.exists("bucket/key")


def test_a_given_size_saves_the_question_for_it(sync_fs: tuple[Any, Recording]) -> None:
    fs, recording = sync_fs
    asyncio.run(put(recording, "key", TEXT))
    recording.taken()
    with fs.open("bucket/key", size=len(TEXT)) as f:
        assert recording.taken() == []
        f.seek(-4, 2)
        assert f.read() == b"last"
    assert recording.taken() == ["get_object_range"]


@pytest.mark.parametrize(
    ("mode", "options", "message"),
    [
        ("rw", {}, "'rw'"),
        ("", {}, "mode is one of"),
        ("rb", {"block_size": 0}, "got 0"),
        ("rb", {"size": -1}, "got -1"),
        ("wb", {"block_size": MIB}, "5 MiB"),
        ("rb", {"compression": "zstd"}, "zstd"),
        ("rb", {"colour": "blue"}, "colour"),
        ("wb", {"colour": "blue"}, "colour"),
    ],
)
def test_bad_arguments_of_open_are_refused_before_anything_is_sent(
    sync_fs: tuple[Any, Recording], mode: str, options: dict[str, Any], message: str
) -> None:
    fs, recording = sync_fs
    with pytest.raises((ValueError, TypeError), match=message):
        fs.open("bucket/key", mode, **options)
    assert recording.taken() == []


# --- the wrong way round -------------------------------------------------------------------------


def test_synchronous_use_with_asynchronous_true_says_what_to_use_and_sends_nothing() -> None:
    fs, recording = fresh(asynchronous=True)
    for use in (
        lambda: fs.cat_file("bucket/key"),
        lambda: fs.open("bucket/key").read(),
        lambda: fs.open("bucket/key").size,
        lambda: fs.open("bucket/key").__enter__(),
    ):
        with pytest.raises(RuntimeError, match="use async with"):
            use()
    assert recording.requests == []


def test_synchronous_use_on_the_loop_of_fsspec_itself_raises_and_does_not_deadlock() -> None:
    fs, recording = fresh()

    async def program() -> None:
        with pytest.raises(RuntimeError, match="use async with"):
            fs.cat_file("bucket/key")
        with pytest.raises(RuntimeError, match="use async with"):
            fs.open("bucket/key").read()

    asyncio.run_coroutine_threadsafe(program(), fsspec.asyn.get_loop()).result(10)
    assert recording.requests == []


def test_synchronous_use_in_a_thread_with_another_loop_works_and_opens_lazily() -> None:
    async def program() -> None:
        fs, recording = fresh()
        await put(recording, "key", TEXT)
        f = fs.open("bucket/key")
        assert recording.requests == []
        assert f.read() == TEXT
        with fs.open("bucket/key") as g:
            assert g.seek(-4, 2) == len(TEXT) - 4
            assert g.read() == b"last"

    asyncio.run(program())


def test_the_first_use_of_a_lazy_file_being_a_seek_from_the_end_is_a_head() -> None:
    async def program() -> None:
        fs, recording = fresh()
        await put(recording, "key", TEXT)
        f = fs.open("bucket/key")
        f.seek(-4, 2)
        assert recording.requests == ["head_object"]
        assert f.read() == b"last"

    asyncio.run(program())


def test_async_with_on_a_file_of_the_synchronous_face_names_the_other() -> None:
    async def program() -> None:
        transport = InMemoryTransport(buckets=["bucket"])
        await transport.put_object(ObjectRef("bucket", "key"), b"x")
        fs = S3FileSystem(transport=transport)
        with pytest.raises(TypeError, match="AioS3FileSystem"):
            async with fs.open("bucket/key"):
                raise AssertionError("not reached")

    asyncio.run(program())


def test_after_async_with_has_begun_the_synchronous_shell_is_closed() -> None:
    async def program() -> None:
        fs, _ = fresh()
        file = fs.open("bucket/key", "wb")
        async with file as f:
            await f.write(b"asynchronous")
            with pytest.raises(ValueError, match="closed file"):
                file.write(b"synchronous")
        del file
        gc.collect()
        assert await fs._cat_file("bucket/key") == b"asynchronous"

    asyncio.run(program())


def test_a_read_ahead_that_fails_for_nobody_is_not_reported(caplog: pytest.LogCaptureFixture) -> None:
    async def program() -> None:
        fs, recording = fresh(asynchronous=True)
        await put(recording, "key", bytes(20 * MIB))

        async def fail_later(operation: str) -> None:
            await asyncio.sleep(0)
            if len(recording.requests) > 3:
                raise OSError("no")

        f = await fs.open_async("bucket/key")
        recording.before = fail_later
        for _ in range(2):
            await f.read(MIB)
        await asyncio.sleep(0.01)
        del f
        gc.collect()

    asyncio.run(program())
    assert "never retrieved" not in caplog.text


def test_ctrl_c_in_synchronous_code_ends_what_was_begun_in_order() -> None:
    fs, recording = fresh()

    async def interrupt(operation: str) -> None:
        if operation == "upload_part":
            if recording.requests.count("upload_part") == 1:
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            await asyncio.Event().wait()

    recording.before = interrupt
    with pytest.raises(KeyboardInterrupt):
        fs.pipe_file("bucket/key", bytes(30 * MIB))
    recording.before = None
    assert not asyncio.run(recording.inner.list_multipart_uploads("bucket")).uploads
    assert not fs.exists("bucket/key")


def test_an_open_file_tells_of_its_object_as_those_of_s3fs_do(sync_fs: tuple[Any, Recording]) -> None:
    fs, recording = sync_fs
    options = PutOptions(metadata={"a": "b"})
    asyncio.run(recording.inner.put_object(ObjectRef("bucket", "dir/key"), TEXT, options=options))
    with fs.open("bucket/dir/key") as f:
        assert (f.bucket, f.key, f.version_id) == ("bucket", "dir/key", None)
        assert f.metadata() == {"a": "b"}
        f.setxattr(c="d")
        assert f.getxattr("c") == "d"
        assert "dir/key" in f.url(expires=60)


def test_a_url_that_names_a_version_makes_the_filesystem_aware_of_versions() -> None:
    assert S3FileSystem._get_kwargs_from_urls("s3://bucket/key?versionId=1") == {"version_aware": True}
    assert S3FileSystem._get_kwargs_from_urls("s3://bucket/key") == {}
