"""Text files of both faces: the asynchronous one compared with `io.TextIOWrapper`, and what leaves nothing behind."""

from __future__ import annotations

import asyncio
import gc
import io
import locale
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyathena.filesystem.s3 import AioS3File, AioS3FileSystem, AioS3TextFile, S3FileSystem
from pyathena.filesystem.text import TextFormat
from pyathena.transport import ByteRange, InMemoryTransport, ObjectRef
from tests.recording import Recording, let_others_run

MIB = 2**20
TEXT = "first\nsecond\r\nthird\r\r\n\nдля 日本 🎉\nlast"
REF = ObjectRef("bucket", "key")
WHOLE = ByteRange(0)
UTF8 = TextFormat()

NEWLINES = st.sampled_from([None, "", "\n", "\r", "\r\n"])
ENCODINGS = st.sampled_from(
    ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "utf-7", "gb18030", "shift_jis", "iso2022_jp", "latin-1"]
)
ERRORS = st.sampled_from(["ignore", "replace", "backslashreplace"])
PIECES = st.sampled_from(["a", "bc", " ", "\n", "\r", "\r\n", "ü", "日", "🎉", "\ufeff", "x" * 7])
TEXTS = st.lists(PIECES, max_size=40).map("".join)


def fresh(**options: Any) -> tuple[AioS3FileSystem, Recording]:
    recording = Recording(before=let_others_run)
    return AioS3FileSystem(transport=recording.transport, default_block_size=MIB, **options), recording


async def text_over(data: bytes, text: TextFormat = UTF8, chunk_size: int = 2**16) -> AioS3TextFile:
    transport = InMemoryTransport(buckets=["bucket"])
    await transport.put_object(REF, data)
    handle = await AioS3FileSystem(transport=transport, asynchronous=True).open_async("bucket/key")
    return AioS3TextFile(handle, text, chunk_size=chunk_size)


async def written(recording: Recording) -> bytes:
    return bytes((await recording.inner.get_object_range(REF, WHOLE)).data)


def run(program: Coroutine[Any, Any, None]) -> None:
    asyncio.run(program)


# --- compared with the standard library ----------------------------------------------------------

READS = st.lists(
    st.one_of(
        st.tuples(st.just("read"), st.integers(0, 9)),
        st.tuples(st.just("readline"), st.integers(-1, 5)),
        st.tuples(st.just("remember"), st.none()),
        st.tuples(st.just("go back"), st.integers(0, 5)),
    ),
    max_size=25,
)


@settings(max_examples=400, deadline=None)
@given(
    text=TEXTS,
    encoding=ENCODINGS,
    errors=ERRORS,
    newline=NEWLINES,
    cut=st.integers(0, 3),
    chunk_size=st.integers(1, 12),
    steps=READS,
)
def test_reading_seeking_and_telling_are_as_in_the_standard_library(
    text: str,
    encoding: str,
    errors: str,
    newline: str | None,
    cut: int,
    chunk_size: int,
    steps: list[tuple[str, int | None]],
) -> None:
    encoded = text.encode(encoding, errors)
    data = encoded[: len(encoded) - cut]

    async def program() -> None:
        theirs = io.TextIOWrapper(io.BytesIO(data), encoding, errors, newline)
        ours = await text_over(data, TextFormat(encoding, errors, newline), chunk_size)
        remembered = [(0, 0)]
        for step, argument in steps:
            if step == "remember":
                remembered.append((ours.tell(), theirs.tell()))
            elif step == "go back":
                there = remembered[(argument or 0) % len(remembered)]
                ours.seek(there[0]), theirs.seek(there[1])
                assert ours.tell() == there[0]
            elif step == "read":
                assert await ours.read(argument) == theirs.read(argument)
            else:
                assert await ours.readline(argument) == theirs.readline(argument or 0)
        assert await ours.read() == theirs.read()
        assert await ours.read() == await ours.readline() == ""
        await ours.close()

    run(program())


@settings(max_examples=150, deadline=None)
@given(text=TEXTS, newline=NEWLINES, chunk_size=st.integers(1, 12))
def test_every_position_that_was_told_is_found_again(text: str, newline: str | None, chunk_size: int) -> None:
    async def program() -> None:
        f = await text_over(text.encode("utf-16"), TextFormat("utf-16", newline=newline), chunk_size)
        whole = await f.read()
        f.seek(0)
        places = []
        for index in range(len(whole) + 1):
            places.append((index, f.tell()))
            await f.read(1)
        assert places[0] == (0, 0)
        for index, cookie in reversed(places):
            assert f.seek(cookie) == cookie
            assert await f.read() == whole[index:]
            f.seek(cookie)
            assert await f.read(1) == whole[index : index + 1]
        await f.close()

    run(program())


@settings(max_examples=200, deadline=None)
@given(text=TEXTS, newline=NEWLINES, chunk_size=st.integers(1, 12))
def test_iteration_and_the_kinds_of_line_ends_are_as_in_the_standard_library(
    text: str, newline: str | None, chunk_size: int
) -> None:
    async def program() -> None:
        data = text.encode()
        theirs = io.TextIOWrapper(io.BytesIO(data), "utf-8", None, newline)
        ours = await text_over(data, TextFormat(newline=newline), chunk_size)
        assert await ours.readlines() == list(theirs)
        assert ours.newlines == theirs.newlines
        await ours.close()

    run(program())


@settings(max_examples=200, deadline=None)
@given(pieces=st.lists(TEXTS, max_size=5), encoding=ENCODINGS, errors=ERRORS, newline=NEWLINES)
def test_writing_is_as_in_the_standard_library(
    pieces: list[str], encoding: str, errors: str, newline: str | None
) -> None:
    local = io.BytesIO()
    theirs = io.TextIOWrapper(local, encoding, errors, newline)

    async def program() -> None:
        fs = AioS3FileSystem(transport=InMemoryTransport(buckets=["bucket"]), asynchronous=True)
        async with fs.open("bucket/key", "w", encoding=encoding, errors=errors, newline=newline) as ours:
            for piece in pieces:
                assert await ours.write(piece) == theirs.write(piece)
        theirs.flush()
        assert await fs._cat_file("bucket/key") == local.getvalue()

    run(program())


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-8-sig"])
def test_the_end_can_be_gone_to_and_the_begin_again(encoding: str) -> None:
    async def program() -> None:
        f = await text_over(TEXT.encode(encoding), TextFormat(encoding, newline=""), 5)
        end = f.seek(0, io.SEEK_END)
        assert await f.read() == ""
        assert f.seek(0) == 0
        assert await f.read(5) == "first"
        assert f.seek(0, io.SEEK_CUR) == f.tell()
        assert f.seek(end) == end
        assert await f.readline() == ""
        await f.close()

    run(program())


def test_a_seek_by_an_offset_is_refused() -> None:
    async def program() -> None:
        f = await text_over(b"text")
        for whence in (io.SEEK_CUR, io.SEEK_END):
            with pytest.raises(io.UnsupportedOperation, match=r"what tell\(\) returned"):
                f.seek(1, whence)
        with pytest.raises(ValueError, match="cannot seek to -1"):
            f.seek(-1)
        await f.close()
        with pytest.raises(ValueError, match="closed file 'bucket/key'"):
            f.tell()

    run(program())


def test_a_read_that_is_cancelled_loses_nothing() -> None:
    data = "".join(f"{number}\r\n" for number in range(40_000)).encode()

    async def program() -> None:
        proceed = asyncio.Event()
        proceed.set()

        async def wait(operation: str) -> None:
            await proceed.wait()

        recording = Recording(before=wait)
        await recording.inner.put_object(REF, data)
        fs = AioS3FileSystem(transport=recording.transport, default_block_size=30_000, asynchronous=True)
        async with fs.open("bucket/key", "r", newline="") as f:
            first = await f.readline()
            proceed.clear()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.02):
                    await f.read(len(data) - 10)
            proceed.set()
            assert first + await f.read() == data.decode()

    run(program())


def test_what_cannot_be_decoded_or_encoded_raises() -> None:
    async def program() -> None:
        f = await text_over("日".encode()[:2])
        with pytest.raises(UnicodeDecodeError):
            await f.read(1)
        await f.close()
        fs, recording = fresh(asynchronous=True)
        with pytest.raises(UnicodeEncodeError):
            async with fs.open("bucket/key", "w", encoding="ascii") as g:
                await g.write("ü")
        assert not await fs._exists("bucket/key")

    run(program())


# --- the asynchronous file -----------------------------------------------------------------------


def test_async_with_open_writes_and_reads_text() -> None:
    async def program() -> None:
        fs, recording = fresh(asynchronous=True)
        async with fs.open("s3://bucket/key", "w", newline="\r\n", ContentType="text/csv") as f:
            assert isinstance(f, AioS3TextFile)
            assert (f.mode, f.readable(), f.writable(), f.seekable()) == ("w", False, True, False)
            assert await f.write("ä\nb\n") == 4
            await f.writelines(["c", "d\n"])
            await f.flush()
            assert f.tell() == 11
            assert not await fs._exists("bucket/key")
        assert f.closed
        assert await written(recording) == "ä\r\nb\r\ncd\r\n".encode()
        async with fs.open("s3://bucket/key", "rt") as g:
            assert (g.mode, g.readable(), g.writable(), g.seekable(), g.encoding) == ("r", True, False, True, "utf-8")
            assert (g.name, g.errors) == ("bucket/key", "strict")
            assert [line async for line in g] == ["ä\n", "b\n", "cd\n"]
            assert g.newlines == "\r\n"

    run(program())


def test_open_and_read_of_a_small_text_object_is_one_request() -> None:
    async def program() -> None:
        fs, recording = fresh(asynchronous=True)
        await recording.inner.put_object(REF, TEXT.encode())
        async with fs.open("bucket/key", "r", newline="") as f:
            assert await f.read() == TEXT
        async with fs.open("bucket/key", "r", newline="") as f:
            assert "".join([line async for line in f]) == TEXT
        f = await fs.open_async("bucket/key", "r", newline="")
        assert await f.read(1000) == TEXT
        await f.close()
        assert recording.requests == ["get_object_range"] * 3

    run(program())


def test_the_wrong_way_and_the_wrong_type_are_refused() -> None:
    async def program() -> None:
        fs, recording = fresh(asynchronous=True)
        async with fs.open("bucket/key", "w") as f:
            with pytest.raises(TypeError, match="takes str, not bytes"):
                await f.write(b"bytes")  # type: ignore[arg-type]  # that is what is tested
            with pytest.raises(io.UnsupportedOperation, match="not for reading"):
                await f.read()
            with pytest.raises(io.UnsupportedOperation, match="not for reading"):
                f.seek(0)
        with pytest.raises(ValueError, match="closed file"):
            await f.write("text")
        async with fs.open("bucket/key", "r") as f:
            with pytest.raises(io.UnsupportedOperation, match="not for writing"):
                await f.write("text")

    run(program())


def test_a_byte_order_mark_is_not_written_behind_other_bytes() -> None:
    async def program() -> None:
        fs, recording = fresh(asynchronous=True)
        handle = await fs.open_async("bucket/key", "wb")
        assert isinstance(handle, AioS3File)
        await handle.write("a".encode("utf-16"))
        async with AioS3TextFile(handle, TextFormat("utf-16")) as f:
            await f.write("b")
        assert await written(recording) == "ab".encode("utf-16")

    run(program())


def test_the_encoding_is_utf8_whatever_the_locale_unless_the_locale_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(locale, "getencoding", lambda: "latin-1")

    async def program() -> None:
        fs, recording = fresh(asynchronous=True)
        async with fs.open("bucket/key", "w") as f:
            await f.write("ü")
        assert await written(recording) == "ü".encode()
        async with fs.open("bucket/key", "w", encoding="locale") as f:
            await f.write("ü")
        assert await written(recording) == "ü".encode("latin-1")

    run(program())


@pytest.mark.parametrize("size", [10, 17 * MIB])
def test_an_exception_in_the_block_publishes_nothing(size: int) -> None:
    async def program() -> None:
        fs, recording = fresh(asynchronous=True)
        with pytest.raises(KeyError):
            async with fs.open("bucket/key", "w") as f:
                await f.write("x" * size)
                raise KeyError
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01), fs.open("bucket/key", "w") as f:
                await f.write("x" * size)
                await asyncio.Event().wait()
        assert not await fs._exists("bucket/key")
        assert not (await recording.inner.list_multipart_uploads("bucket")).uploads

    run(program())


def test_a_forgotten_async_text_writer_warns_and_uploads_nothing() -> None:
    async def program() -> None:
        fs, recording = fresh(asynchronous=True)
        f = await fs.open_async("bucket/key", "w")
        await f.write("x")
        with pytest.warns(ResourceWarning, match="never closed"):
            del f
            gc.collect()
        assert not await fs._exists("bucket/key")

    run(program())


def test_open_of_text_sends_nothing_before_async_with() -> None:
    async def program() -> None:
        for asynchronous in (True, False):
            fs, recording = fresh(asynchronous=asynchronous)
            file = fs.open("bucket/missing", "r")
            assert not file.closed
            assert recording.requests == []
            with pytest.raises(FileNotFoundError, match="bucket/missing"):
                async with file:
                    raise AssertionError("not reached")

    run(program())


def test_x_refuses_what_is_there() -> None:
    async def program() -> None:
        fs, recording = fresh(asynchronous=True)
        async with fs.open("bucket/key", "x") as f:
            await f.write("first")
        for mode in ("x", "xt"):
            with pytest.raises(FileExistsError, match="bucket/key"):
                async with fs.open("bucket/key", mode):
                    raise AssertionError("not reached")
        assert await written(recording) == b"first"

    run(program())


# --- the synchronous file ------------------------------------------------------------------------


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


@pytest.mark.parametrize("encoding", [None, "utf-16", "utf-8-sig", "latin-1"])
@pytest.mark.parametrize("newline", [None, "", "\r\n"])
def test_synchronous_text_is_a_text_io_wrapper_and_does_what_it_does(
    sync_fs: tuple[Any, Recording], encoding: str | None, newline: str | None
) -> None:
    fs, recording = sync_fs
    lines = ["first\n", "sécond\r\n", "last"]
    local = io.BytesIO()
    with fs.open("bucket/key", "w", encoding=encoding, newline=newline) as f:
        theirs = io.TextIOWrapper(local, encoding or "utf-8", newline=newline)
        assert isinstance(f, io.TextIOWrapper)
        assert (f.readable(), f.writable(), f.seekable(), f.name) == (False, True, False, "bucket/key")
        f.writelines(lines)
        theirs.writelines(lines)
        f.flush()
        assert not fs.exists("bucket/key")
    theirs.flush()
    assert f.closed
    assert fs.cat_file("bucket/key") == local.getvalue()
    recording.taken()
    theirs = io.TextIOWrapper(io.BytesIO(local.getvalue()), encoding or "utf-8", newline=newline)
    with fs.open("bucket/key", encoding=encoding, newline=newline, mode="r") as f:
        assert f.read(3) == theirs.read(3)
        place = f.tell(), theirs.tell()
        assert f.readlines() == theirs.readlines()
        f.seek(place[0]), theirs.seek(place[1])
        assert f.readline() == theirs.readline()
        assert f.seekable()
    assert recording.taken() == ["get_object_range"]


def test_synchronous_text_in_one_part_is_one_put(sync_fs: tuple[Any, Recording]) -> None:
    fs, recording = sync_fs
    with fs.open("bucket/key", "w", block_size=5 * MIB) as f:
        f.write("x" * 5 * MIB)
    assert recording.taken() == ["put_object"]


def test_an_exception_in_a_synchronous_block_publishes_nothing(sync_fs: tuple[Any, Recording]) -> None:
    fs, recording = sync_fs
    for size in (10, 17 * MIB):
        with pytest.raises(KeyError), fs.open("bucket/key", "w") as f:
            f.write("x" * size)
            raise KeyError
        assert f.closed
        assert not fs.exists("bucket/key")
        assert not asyncio.run(recording.inner.list_multipart_uploads("bucket")).uploads


def test_discard_publishes_nothing_and_close_may_come_after_it(sync_fs: tuple[Any, Recording]) -> None:
    fs, _ = sync_fs
    f = fs.open("bucket/key", "w")
    f.write("x")
    f.discard()
    f.close()
    assert not fs.exists("bucket/key")


def test_a_forgotten_synchronous_text_writer_warns_and_uploads_nothing(sync_fs: tuple[Any, Recording]) -> None:
    fs, recording = sync_fs
    f = fs.open("bucket/key", "w")
    f.write("x" * 100_000)
    recording.taken()
    with pytest.warns(ResourceWarning, match="never closed"):
        del f
        gc.collect()
    assert recording.taken() == []
    assert not fs.exists("bucket/key")


def test_a_forgotten_reader_is_nothing_to_warn_of(sync_fs: tuple[Any, Recording]) -> None:
    fs, recording = sync_fs
    fs.pipe_file("bucket/key", b"text")
    fs.open("bucket/key", "r").read(1)
    gc.collect()


def test_a_write_that_fails_when_the_file_is_closed_raises_and_publishes_nothing() -> None:
    async def refuse(operation: str) -> None:
        if operation == "put_object":
            raise ConnectionResetError

    recording = Recording(before=refuse)
    fs = S3FileSystem(transport=recording.transport)
    f = fs.open("bucket/key", "w")
    f.write("x")
    with pytest.raises(ConnectionResetError):
        f.close()
    assert f.closed
    f.close()
    assert not fs.exists("bucket/key")


def test_detach_hands_out_the_binary_file(sync_fs: tuple[Any, Recording]) -> None:
    fs, _ = sync_fs
    f = fs.open("bucket/key", "w")
    f.write("text ")
    below = f.detach()
    below.write(b"bytes")
    below.close()
    assert fs.cat_file("bucket/key") == b"text bytes"


def test_a_missing_object_raises_when_it_is_opened(sync_fs: tuple[Any, Recording]) -> None:
    fs, recording = sync_fs
    with pytest.raises(FileNotFoundError, match="bucket/missing"):
        fs.open("bucket/missing", "r")
    fs.pipe_file("bucket/key", b"x")
    with pytest.raises(FileExistsError, match="bucket/key"):
        fs.open("bucket/key", "x")


@pytest.mark.parametrize("mode", ["r", "rt", "tr", "w", "wt", "tw", "x", "xt", "tx"])
def test_every_spelling_of_a_text_mode_is_text(sync_fs: tuple[Any, Recording], mode: str) -> None:
    fs, _ = sync_fs
    if "r" in mode:
        fs.pipe_file("bucket/key", b"x")
    with fs.open("bucket/key", mode) as f:
        assert isinstance(f, io.TextIOWrapper)


@pytest.mark.parametrize("mode", ["rb", "br", "wb", "bw", "xb", "bx"])
def test_every_spelling_of_a_binary_mode_is_binary(sync_fs: tuple[Any, Recording], mode: str) -> None:
    fs, _ = sync_fs
    if "r" in mode:
        fs.pipe_file("bucket/key", b"x")
    with fs.open("bucket/key", mode) as f:
        assert sorted(f.mode) == sorted(mode)


@pytest.mark.parametrize(
    ("mode", "options", "error"),
    [
        ("rbt", {}, ValueError),
        ("r+", {}, ValueError),
        ("rw", {}, ValueError),
        ("b", {}, ValueError),
        ("rr", {}, ValueError),
        ("U", {}, ValueError),
        ("r", {"newline": "x"}, ValueError),
        ("r", {"newline": 5}, TypeError),
        ("r", {"encoding": "no such"}, LookupError),
        ("w", {"encoding": "hex"}, LookupError),
        ("w", {"errors": "no such"}, LookupError),
        ("rb", {"encoding": "utf-8"}, ValueError),
        ("wb", {"newline": "\n"}, ValueError),
    ],
)
def test_bad_arguments_are_refused_before_anything_is_sent(
    sync_fs: tuple[Any, Recording], mode: str, options: dict[str, Any], error: type[Exception]
) -> None:
    fs, recording = sync_fs
    with pytest.raises(error):
        fs.open("bucket/key", mode, **options)
    assert recording.taken() == []
    if isinstance(fs, AioS3FileSystem):
        with pytest.raises(error):
            asyncio.run(fs.open_async("bucket/key", mode, **options))
        assert recording.taken() == []


# --- the wrong way round -------------------------------------------------------------------------


def test_synchronous_use_with_asynchronous_true_says_what_to_use_and_sends_nothing() -> None:
    fs, recording = fresh(asynchronous=True)
    uses: list[Callable[[], object]] = [
        lambda: fs.open("bucket/key", "r").read(),
        lambda: fs.open("bucket/key", "r").__enter__(),
        lambda: fs.open("bucket/key", "w").__enter__(),
        lambda: fs.open("bucket/key", "w").close(),
        lambda: list(fs.open("bucket/key", "r")),
    ]
    for use in uses:
        with pytest.raises(RuntimeError, match="use async with"):
            use()
    assert recording.requests == []


def test_synchronous_text_in_a_thread_with_a_loop_opens_lazily() -> None:
    async def program() -> None:
        fs, recording = fresh()
        await recording.inner.put_object(REF, TEXT.encode())
        f = fs.open("bucket/key", "r", newline="")
        assert recording.requests == []
        assert f.read() == TEXT
        with pytest.raises(FileNotFoundError), fs.open("bucket/missing", "r"):
            raise AssertionError("not reached")

    run(program())


def test_async_with_on_text_of_the_synchronous_face_names_the_other() -> None:
    async def program() -> None:
        transport = InMemoryTransport(buckets=["bucket"])
        await transport.put_object(REF, b"x")
        with pytest.raises(TypeError, match="AioS3FileSystem"):
            async with S3FileSystem(transport=transport).open("bucket/key", "r"):
                raise AssertionError("not reached")

    run(program())


def test_after_async_with_has_begun_the_synchronous_shell_is_closed() -> None:
    async def program() -> None:
        fs, recording = fresh()
        file = fs.open("bucket/key", "w")
        async with file as f:
            await f.write("asynchronous")
            assert file.closed
            with pytest.raises(ValueError, match="closed file"):
                file.write("synchronous")
        del file
        gc.collect()
        assert await written(recording) == b"asynchronous"

    run(program())
