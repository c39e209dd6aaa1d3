"""Compressed files of both faces: what the standard library packs and unpacks, and what leaves nothing behind."""

from __future__ import annotations

import asyncio
import bz2
import gc
import gzip
import io
import lzma
import os
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import fsspec.compression
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typing_extensions import Buffer, override

from pyathena.filesystem import compression
from pyathena.filesystem.s3 import (
    AioS3CompressedFile,
    AioS3File,
    AioS3FileSystem,
    AioS3TextFile,
    S3CompressedFile,
    S3FileSystem,
)
from pyathena.transport import InMemoryTransport, ObjectRef
from tests.recording import Recording, let_others_run

MIB = 2**20
REF = ObjectRef("bucket", "key")
LINES = b"first\nsecond\r\n\nlast"
LARGE = b"".join(b"line %d\n" % number for number in range(150_000))

PACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "lzma": lzma.compress,
}
OPEN: dict[str, Callable[[io.BytesIO], Any]] = {
    "gzip": lambda raw: gzip.GzipFile(fileobj=raw),
    "bz2": bz2.BZ2File,
    "xz": lzma.LZMAFile,
    "lzma": lzma.LZMAFile,
}
names = pytest.mark.parametrize("name", PACK)


def fresh(**options: Any) -> tuple[AioS3FileSystem, Recording]:
    recording = Recording(before=let_others_run)
    return AioS3FileSystem(transport=recording.transport, default_block_size=MIB, **options), recording


def run(program: Coroutine[Any, Any, None]) -> None:
    asyncio.run(program)


async def reading(data: bytes, name: str) -> AioS3CompressedFile:
    transport = InMemoryTransport(buckets=["bucket"])
    await transport.put_object(REF, data)
    f = await AioS3FileSystem(transport=transport, asynchronous=True).open_async("bucket/key", compression=name)
    assert isinstance(f, AioS3CompressedFile)
    return f


# --- asynchronous --------------------------------------------------------------------------------


@names
@pytest.mark.parametrize("data", [b"", LINES, LARGE[:MIB], os.urandom(MIB), bytes(9 * MIB)], ids=len)
def test_what_was_written_is_read_again_and_by_the_standard_library(name: str, data: bytes) -> None:
    async def program() -> None:
        fs, recording = fresh(asynchronous=True)
        async with fs.open("bucket/key", "wb", compression=name, ContentType="image/png") as f:
            assert (f.readable(), f.writable(), f.seekable(), f.mode) == (False, True, False, "wb")
            for start in range(0, len(data), 700_001):
                piece = data[start : start + 700_001]
                assert await f.write(bytearray(piece)) == len(piece)
            await f.flush()
            assert f.tell() == len(data)
            assert not await fs._exists("bucket/key")
        assert OPEN[name](io.BytesIO(await fs._cat_file("bucket/key"))).read() == data
        assert (await fs._info("bucket/key"))["ContentType"] == "image/png"
        async with fs.open("bucket/key", "rb", compression=name) as g:
            assert (g.readable(), g.writable(), g.name, g.closed) == (True, False, "bucket/key", False)
            assert await g.read() == data
            assert await g.read() == b""
            assert g.tell() == len(data)
        assert g.closed

    run(program())


@names
def test_open_and_read_of_a_small_compressed_object_is_one_request(name: str) -> None:
    async def program() -> None:
        fs, recording = fresh(asynchronous=True)
        await recording.inner.put_object(REF, PACK[name](LINES))
        async with fs.open("bucket/key", "rb", compression=name) as f:
            assert await f.read() == LINES
        async with fs.open("bucket/key", "r", compression=name, newline="") as g:
            assert await g.read() == LINES.decode()
        assert recording.requests == ["get_object_range"] * 2

    run(program())


@settings(max_examples=40, deadline=None)
@given(
    name=st.sampled_from(list(PACK)),
    streams=st.lists(st.sampled_from([b"", b"a", LINES, LARGE[:100_000], bytes(70_000)]), min_size=1, max_size=4),
    behind=st.sampled_from([b"", bytes(8), bytes(300_000), b"garbage"]),
    cut=st.integers(0, 40),
    block=st.sampled_from([1, 7, 100, 2**18]),
    output=st.sampled_from([10, 1000, 2**20]),
    small=st.sampled_from([0, 2**15]),
)
def test_streams_and_what_is_behind_them_are_read_as_the_standard_library_reads_them(
    name: str, streams: list[bytes], behind: bytes, cut: int, block: int, output: int, small: int
) -> None:
    data = b"".join(map(PACK[name], streams)) + behind
    data = data[: len(data) - cut] if len(data) < 1000 else data
    expected = None
    errors: tuple[type[Exception], ...] = ()
    try:
        expected = OPEN[name](io.BytesIO(data)).read()
    except Exception as error:
        # One byte behind a stream of gzip's may be garbage, or the begin of another stream.
        errors = (gzip.BadGzipFile, EOFError) if name == "gzip" else (type(error),)

    async def program() -> None:
        f = await reading(data, name)
        if not errors:
            assert await f.read() == expected
        else:
            with pytest.raises(errors):
                await f.read()
        await f.close()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compression, "_BLOCK", max(block, len(data) // 200))
        patch.setattr(compression, "_LARGEST_OUTPUT", max(output, sum(map(len, streams)) // 200))
        patch.setattr(compression, "_SMALL", small if len(data) > 1000 else 2**15)
        run(program())


@names
def test_reads_of_all_kinds_are_as_of_a_local_file(name: str) -> None:
    async def program() -> None:
        f = await reading(PACK[name](LARGE), name)
        local = io.BytesIO(LARGE)
        for size in (0, 1, 10, 300_000, 5):
            assert await f.read(size) == local.read(size)
            assert await f.readline() == local.readline()
            assert await f.readline(3) == local.readline(3)
            assert await f.readline(0) == b""
            ours, theirs = bytearray(size), bytearray(size)
            assert await f.readinto(ours) == local.readinto(theirs)
            assert ours == theirs
            assert f.tell() == local.tell()
        assert await f.readlines() == local.readlines()
        assert f.seek(0) == f.tell() == 0
        assert [line async for line in f] == LARGE.splitlines(keepends=True)
        for place in ((1, 0), (0, 1), (0, 2)):
            with pytest.raises(io.UnsupportedOperation, match="goes to its begin only"):
                f.seek(*place)
        with pytest.raises(io.UnsupportedOperation, match="not for writing"):
            await f.write(b"x")
        await f.close()
        with pytest.raises(ValueError, match="closed file 'bucket/key'"):
            await f.read()

    run(program())


@names
@pytest.mark.parametrize("size", [10, MIB])
def test_a_truncated_object_raises_eof_error(name: str, size: int) -> None:
    async def program() -> None:
        f = await reading(PACK[name](os.urandom(size))[:-9], name)
        with pytest.raises(EOFError, match="bucket/key"):
            await f.read()
        await f.close()

    run(program())


@pytest.mark.parametrize(("name", "error"), [("gzip", gzip.BadGzipFile), ("bz2", OSError), ("xz", lzma.LZMAError)])
def test_what_is_not_compressed_so_raises_as_in_the_standard_library(name: str, error: type[Exception]) -> None:
    async def program() -> None:
        f = await reading(b"neither of them", name)
        with pytest.raises(error):
            await f.read()
        await f.close()

    run(program())


@names
@pytest.mark.parametrize("direction", ["read", "write"])
def test_large_blocks_are_worked_on_off_the_loop_and_small_ones_on_it(
    name: str, direction: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    here: set[int] = set()
    elsewhere: set[int] = set()

    class Watched:
        def __init__(self, made: Any) -> None:
            self.made = made

        def compress(self, data: Buffer, /) -> Any:
            self.note(memoryview(data).nbytes)
            return self.made.compress(data)

        def decompress(self, data: bytes, max_length: int) -> Any:
            self.note(len(data))
            return self.made.decompress(data, max_length)

        def note(self, size: int) -> None:
            (here if threading.current_thread() is threading.main_thread() else elsewhere).add(size)

        def __getattr__(self, name: str) -> Any:
            return getattr(self.made, name)

    codec = compression._CODECS[name]
    watched = compression._Codec(lambda: Watched(codec.compressor()), lambda: Watched(codec.decompressor()))
    monkeypatch.setitem(compression._CODECS, name, watched)

    async def program() -> None:
        for data in (b"small", os.urandom(MIB)):
            if direction == "read":
                f = await reading(PACK[name](data), name)
                assert await f.read() == data
                await f.close()
            else:
                fs, _ = fresh(asynchronous=True)
                async with fs.open("bucket/key", "wb", compression=name) as g:
                    await g.write(data)

    run(program())
    assert max(here) < 32 * 2**10
    assert max(elsewhere) >= 256 * 2**10


@names
def test_a_read_that_is_cancelled_loses_nothing(name: str) -> None:
    data = os.urandom(MIB)

    async def program() -> None:
        f = await reading(PACK[name](data), name)
        attempts = 0
        while True:
            task = asyncio.create_task(f.read())
            for _ in range(attempts):
                await asyncio.sleep(0)
            if task.done() or attempts == 40:
                break
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            attempts += 1
        assert await task == data
        await f.close()

    run(program())


@pytest.mark.parametrize(("name", "size"), [*((name, 10) for name in PACK), ("gzip", 7 * MIB)])
def test_an_exception_in_the_block_publishes_nothing(name: str, size: int) -> None:
    async def program() -> None:
        fs, recording = fresh(asynchronous=True)
        data = os.urandom(size)
        piece: Any  # of the mode's type
        for mode, piece in (("wb", data), ("w", data.decode("latin-1"))):
            with pytest.raises(KeyError):
                async with fs.open("bucket/key", mode, compression=name) as f:
                    await f.write(piece)
                    raise KeyError
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01), fs.open("bucket/key", mode, compression=name) as f:
                    await f.write(piece)
                    await asyncio.Event().wait()
        assert not await fs._exists("bucket/key")
        assert not (await recording.inner.list_multipart_uploads("bucket")).uploads

    run(program())


def test_being_cancelled_while_it_is_closed_publishes_nothing() -> None:
    async def program() -> None:
        fs, recording = fresh(asynchronous=True)
        f = await fs.open_async("bucket/key", "wb", compression="xz")
        await f.write(os.urandom(200_000))
        task = asyncio.create_task(f.close())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert f.closed
        await f.close()
        assert not await fs._exists("bucket/key")

    run(program())


def test_a_forgotten_async_writer_warns_and_uploads_nothing() -> None:
    async def program() -> None:
        fs, recording = fresh(asynchronous=True)
        f = await fs.open_async("bucket/key", "wb", compression="gzip")
        await f.write(os.urandom(500_000))
        with pytest.warns(ResourceWarning, match="never closed"):
            del f
            gc.collect()
        assert recording.requests == []

    run(program())


def test_text_lies_above_compression() -> None:
    async def program() -> None:
        fs, recording = fresh(asynchronous=True)
        async with fs.open("bucket/key", "w", compression="gzip", encoding="utf-16", newline="\r\n") as f:
            assert isinstance(f, AioS3TextFile)
            assert await f.write("ä\nb") == 3
        assert gzip.decompress(await fs._cat_file("bucket/key")) == "ä\r\nb".encode("utf-16")
        async with fs.open("bucket/key", "r", compression="gzip", encoding="utf-16") as f:
            assert not f.seekable()
            assert await f.readlines() == ["ä\n", "b"]
            f.seek(0)
            assert await f.read(1) == "ä"
            f.seek(f.tell())  # still in the first chunk
            assert await f.read() == "\nb"

    run(program())


def test_infer_goes_by_the_ending_of_the_key() -> None:
    async def program() -> None:
        fs, _ = fresh(asynchronous=True)
        for ending, name in (("gz", "gzip"), ("bz2", "bz2"), ("xz", "xz"), ("lzma", "lzma"), ("GZ", "gzip")):
            async with fs.open(f"bucket/key.{ending}", "wb", compression="infer") as f:
                await f.write(LINES)
            assert OPEN[name](io.BytesIO(await fs._cat_file(f"bucket/key.{ending}"))).read() == LINES
        async with fs.open("bucket/key.csv", "wb", compression="infer") as f:
            assert isinstance(f, AioS3File)

    run(program())


@pytest.mark.parametrize("name", ["zip", "no such"])
def test_a_compression_that_async_files_do_not_have_is_refused_before_anything_is_sent(name: str) -> None:
    async def program() -> None:
        fs, recording = fresh(asynchronous=True)
        with pytest.raises(ValueError, match=r"'bz2'.*'gzip'.*'lzma'.*'xz'"):
            await fs.open_async("bucket/key", "wb", compression=name)
        for mode in ("rb", "wb", "w"):
            with pytest.raises(ValueError, match=r"'bz2'.*'gzip'.*'lzma'.*'xz'"):
                async with fs.open("bucket/key", mode, compression=name):
                    raise AssertionError("not reached")
        assert recording.requests == []

    run(program())


# --- synchronous ---------------------------------------------------------------------------------


class Closing(io.BytesIO):
    """A codec such as some that fsspec knows: it closes what is below it, whenever it is closed or collected."""

    def __init__(self, file: Any, mode: str) -> None:
        super().__init__(file.read() if mode == "r" else b"")
        self.file = file
        self.writes = mode == "w"

    @override
    def close(self) -> None:
        if not self.closed and self.writes:
            self.file.write(self.getvalue())
        self.file.close()
        super().close()


@pytest.fixture(autouse=True)
def closing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(fsspec.compression.compr, "closing", Closing)


KINDS = ["gzip", "bz2", "xz", "lzma", "zip", "closing"]
kinds = pytest.mark.parametrize("name", KINDS)
OTHERS = ["bz2", "xz", "lzma", "closing"]
SLOW = pytest.mark.slow
SEVEN_MIB = pytest.param("gzip", 7 * MIB, marks=SLOW)


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


@kinds
@pytest.mark.parametrize("data", [b"", LINES, os.urandom(300_000)], ids=len)
def test_with_open_writes_and_reads_with_any_codec_of_fsspec(
    sync_fs: tuple[Any, Recording], name: str, data: bytes
) -> None:
    fs, recording = sync_fs
    with fs.open("bucket/key", "wb", compression=name) as f:
        assert (f.readable(), f.writable(), f.seekable(), f.mode, f.tell()) == (False, True, False, "wb", 0)
        assert (f.name, f.path) == ("bucket/key", "bucket/key")
        assert f.write(data) == len(data)
        f.flush()
        assert not fs.exists("bucket/key")
    assert f.closed
    if name in OPEN:
        assert OPEN[name](io.BytesIO(fs.cat_file("bucket/key"))).read() == data
    with fs.open("bucket/key", "rb", compression=name) as f:
        assert f.read() == data
    with fs.open("bucket/key", "rb", compression=name) as f:
        assert (f.readable(), f.writable(), f.seekable()) == (True, False, True)
        assert list(f) == io.BytesIO(data).readlines()
        assert f.seek(0) == f.tell() == 0
        buffer = bytearray(3)
        assert f.readinto(buffer) == len(data[:3])
        assert f.read1(2) == data[3:5]
        assert f.tell() == len(data[:5])
    with pytest.raises(ValueError, match="closed file"):
        f.read()


@kinds
def test_text_lies_above_any_codec_of_fsspec(sync_fs: tuple[Any, Recording], name: str) -> None:
    fs, recording = sync_fs
    with fs.open("bucket/key", "w", compression=name, encoding="utf-16", newline="\r\n") as f:
        f.write("ä\nb")
    with fs.open("bucket/key", "rb", compression=name) as g:
        assert g.read() == "ä\r\nb".encode("utf-16")
    with fs.open("bucket/key", "r", compression=name, encoding="utf-16") as f:
        assert isinstance(f, io.TextIOWrapper)
        assert f.readlines() == ["ä\n", "b"]


def test_open_and_read_of_a_small_compressed_object_is_one_request_synchronously(
    sync_fs: tuple[Any, Recording],
) -> None:
    fs, recording = sync_fs
    fs.pipe_file("bucket/key", gzip.compress(LINES))
    recording.taken()
    with fs.open("bucket/key", "rb", compression="gzip") as f:
        assert f.read() == LINES
    assert recording.taken() == ["get_object_range"]


@pytest.mark.parametrize("mode", ["wb", "w"])
@pytest.mark.parametrize(
    ("name", "size"), [("gzip", 10), ("zip", 10), *(pytest.param(name, 10, marks=SLOW) for name in OTHERS), SEVEN_MIB]
)
def test_an_exception_in_a_synchronous_block_publishes_nothing(
    sync_fs: tuple[Any, Recording], name: str, mode: str, size: int
) -> None:
    fs, recording = sync_fs
    data = os.urandom(size)
    with pytest.raises(KeyError), fs.open("bucket/key", mode, compression=name) as f:
        f.write(data if mode == "wb" else data.decode("latin-1"))
        raise KeyError
    assert f.closed
    del f
    gc.collect()
    assert not fs.exists("bucket/key")
    assert not asyncio.run(recording.inner.list_multipart_uploads("bucket")).uploads


@pytest.mark.parametrize("name", ["gzip", "zip", *(pytest.param(name, marks=SLOW) for name in OTHERS)])
@pytest.mark.parametrize("mode", ["wb", "w"])
def test_a_forgotten_synchronous_writer_warns_and_uploads_nothing(
    sync_fs: tuple[Any, Recording], name: str, mode: str
) -> None:
    fs, recording = sync_fs
    f = fs.open("bucket/key", mode, compression=name)
    f.write(LINES * 1000 if mode == "wb" else LINES.decode() * 1000)
    recording.taken()
    with pytest.warns(ResourceWarning, match="never closed"):
        del f
        gc.collect()
    assert recording.taken() == []
    assert not fs.exists("bucket/key")


def test_a_codec_that_fails_when_it_is_closed_publishes_nothing(
    sync_fs: tuple[Any, Recording], monkeypatch: pytest.MonkeyPatch
) -> None:
    fs, _ = sync_fs

    class Failing(io.BytesIO):
        def __init__(self, file: Any, mode: str) -> None:
            super().__init__()

        @override
        def close(self) -> None:
            super().close()
            raise ConnectionResetError

    monkeypatch.setitem(fsspec.compression.compr, "failing", Failing)
    f = fs.open("bucket/key", "wb", compression="failing")
    f.write(b"x")
    with pytest.raises(ConnectionResetError):
        f.close()
    assert f.closed
    f.close()
    assert not fs.exists("bucket/key")


def test_xb_with_compression_refuses_what_is_there(sync_fs: tuple[Any, Recording]) -> None:
    fs, _ = sync_fs
    with fs.open("bucket/key", "xb", compression="gzip") as f:
        f.write(LINES)
    assert gzip.decompress(fs.cat_file("bucket/key")) == LINES
    with pytest.raises(FileExistsError, match="bucket/key"):
        fs.open("bucket/key", "xb", compression="gzip")
    with pytest.raises(FileNotFoundError, match="bucket/missing"):
        fs.open("bucket/missing", "rb", compression="zip")


def test_infer_takes_any_codec_of_fsspec(sync_fs: tuple[Any, Recording]) -> None:
    fs, _ = sync_fs
    with fs.open("bucket/key.zip", "w", compression="infer") as f:
        f.write("x")
    assert fs.cat_file("bucket/key.zip").startswith(b"PK")


# --- the wrong way round -------------------------------------------------------------------------


@kinds
def test_synchronous_use_with_asynchronous_true_says_what_to_use_and_sends_nothing(name: str) -> None:
    fs, recording = fresh(asynchronous=True)
    uses: list[Callable[[], object]] = [
        lambda: fs.open("bucket/key", "rb", compression=name).read(),
        lambda: fs.open("bucket/key", "r", compression=name).read(),
        lambda: fs.open("bucket/key", "rb", compression=name).__enter__(),
        lambda: fs.open("bucket/key", "wb", compression=name).__enter__(),
        lambda: fs.open("bucket/key", "w", compression=name).close(),
    ]
    for use in uses:
        with pytest.raises(RuntimeError, match="use async with"):
            use()
    assert recording.requests == []


@kinds
def test_a_missing_object_opened_lazily_is_said_to_be_missing_by_the_first_use(name: str) -> None:
    async def program() -> None:
        fs, recording = fresh()
        for mode in ("rb", "r"):
            f = fs.open("bucket/missing", mode, compression=name)
            assert recording.requests == []
            with pytest.raises(FileNotFoundError, match="bucket/missing"):
                f.read()
            recording.taken()

    run(program())


def test_async_with_on_a_compressed_file_of_the_synchronous_face_names_the_other() -> None:
    async def program() -> None:
        transport = InMemoryTransport(buckets=["bucket"])
        await transport.put_object(REF, gzip.compress(LINES))
        file = S3FileSystem(transport=transport).open("bucket/key", "rb", compression="gzip")
        assert isinstance(file, S3CompressedFile)
        with pytest.raises(TypeError, match="AioS3FileSystem"):
            async with file:
                raise AssertionError("not reached")

    run(program())


@pytest.mark.parametrize("mode", ["wb", "w"])
def test_after_async_with_has_begun_the_synchronous_shell_is_closed(mode: str) -> None:
    async def program() -> None:
        fs, _ = fresh()
        file: Any = fs.open("bucket/key", mode, compression="gzip")
        data: Any = LINES if mode == "wb" else LINES.decode()
        async with file as f:
            await f.write(data)
            assert file.closed
            with pytest.raises(ValueError, match="closed file"):
                file.write(data)
        del file
        gc.collect()
        assert gzip.decompress(await fs._cat_file("bucket/key")) == LINES

    run(program())
