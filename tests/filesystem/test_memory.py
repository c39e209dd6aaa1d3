"""How much memory it takes to move what is larger than memory may be."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from pyathena.filesystem.engine import DEFAULT_BLOCK_SIZE
from pyathena.filesystem.reading import READ_WINDOW
from pyathena.filesystem.writing import WRITE_WINDOW

MIB = 2**20
SLACK = 16 * MIB
"""What threads and the program itself take besides."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="the peak of a process's memory is looked up in /proc"),
]

SCENE = """
import asyncio, os, sys
from pyathena.filesystem.s3 import AioS3FileSystem, S3FileSystem
from pyathena.transport import InMemoryTransport, CompletedPart, ObjectInfo, ObjectRange, PutResult, S3InvalidRangeError

MIB = 2**20
PERIOD = bytes(range(251)) * 4
PATTERN = memoryview(PERIOD * (16 * MIB // len(PERIOD) + 2))

def made_up(start, size):
    '''Bytes that tell where they belong.'''
    return PATTERN[start % 251 : start % 251 + size]

class Endless(InMemoryTransport):
    '''Has one object, whose bytes it makes up; takes bytes, and keeps none.'''

    def __init__(self, size, part_size=None):
        super().__init__(buckets=["bucket"])
        self.size, self.part_size, self.written = size, part_size, 0

    async def head_object(self, ref, *, options=None):
        return ObjectInfo(key=ref.key, size=self.size, etag='"etag"')

    async def get_object_range(self, ref, byte_range, *, into=None, options=None):
        start, stop = byte_range.start, min(byte_range.stop or self.size, self.size)
        if start >= self.size:
            raise S3InvalidRangeError("behind the end", object_size=self.size)
        await self.turn()
        data = made_up(start, stop - start)
        if into is None:
            data = bytes(data)
        else:
            into[: stop - start] = data
            data = into[: stop - start]
        return ObjectRange(data, start, stop - start, self.size, '"etag"')

    async def upload_part(self, upload, part_number, body, *, options=None):
        await self.turn()
        view = memoryview(body)
        if self.part_size is not None:
            assert view == made_up((part_number - 1) * self.part_size, view.nbytes), part_number
        self.written += view.nbytes
        return CompletedPart(part_number, '"etag"')

    async def complete_multipart_upload(self, upload, parts, *, options=None):
        return PutResult('"etag"')

    async def turn(self):
        '''Let others run, where there are others.'''
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return
        await asyncio.sleep(0)

def memory(name):
    '''Bytes of this process. Not of `getrusage`, whose peak begins with that of the process that started this one.'''
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith(name))

def aio(size, part_size=None):
    return AioS3FileSystem(transport=Endless(size, part_size), asynchronous=True)

def blocking(size, part_size=None):
    return S3FileSystem(transport=Endless(size, part_size))

SIZE = int(sys.argv[1])
LOCAL = sys.argv[2]
asyncio.run(asyncio.sleep(0))
BEFORE = memory("VmRSS")
PROGRAM
print(memory("VmHWM") - BEFORE)
"""


def peak_of(program: str, size: int, local: Path | str = "") -> int:
    """Run a program in a process of its own; return by how many bytes its memory grew at most."""
    scene = SCENE.replace("PROGRAM", dedent(program))
    ran = subprocess.run(
        [sys.executable, "-c", scene, str(size), str(local)],
        check=False,
        capture_output=True,
        text=True,
        timeout=500,
        # By itself glibc keeps what was freed, for each of some threads: 80 MiB here, however large the object is.
        env={**os.environ, "MALLOC_MMAP_THRESHOLD_": str(128 * 1024)},
    )
    assert ran.returncode == 0, ran.stderr
    return int(ran.stdout)


def test_the_peak_that_is_measured_is_that_of_the_program() -> None:
    assert 100 * MIB < peak_of("held = bytearray(b'x') * SIZE", 100 * MIB) < 101 * MIB
    assert peak_of("", 0) < MIB


READ = {
    "a coroutine": """
        async def read():
            position = 0
            async with aio(SIZE).open("bucket/key", "rb") as file:
                while chunk := await file.read(MIB):
                    assert chunk == made_up(position, len(chunk))
                    position += len(chunk)
            assert position == SIZE

        asyncio.run(read())
        """,
    "without a loop": """
        position = 0
        with blocking(SIZE).open("bucket/key", "rb") as file:
            while chunk := file.read(MIB):
                assert chunk == made_up(position, len(chunk))
                position += len(chunk)
        assert position == SIZE
        """,
    "into a buffer": """
        async def read():
            position, buffer = 0, bytearray(3 * MIB)
            async with aio(SIZE).open("bucket/key", "rb") as file:
                while count := await file.readinto(buffer):
                    assert memoryview(buffer)[:count] == made_up(position, count)
                    position += count
            assert position == SIZE

        asyncio.run(read())
        """,
}


@pytest.mark.parametrize("program", READ)
def test_reading_on_holds_no_more_than_the_window_and_a_block(program: str) -> None:
    assert peak_of(READ[program], 2 * 1024 * MIB) < READ_WINDOW + DEFAULT_BLOCK_SIZE + SLACK


WRITE = {
    "a coroutine": """
        async def write():
            fs = aio(0, 8 * MIB)
            async with fs.open("bucket/key", "wb") as file:
                for position in range(0, SIZE, MIB):
                    await file.write(made_up(position, MIB))
            assert fs.transport.written == SIZE

        asyncio.run(write())
        """,
    "without a loop": """
        fs = blocking(0, 8 * MIB)
        with fs.open("bucket/key", "wb") as file:
            for position in range(0, SIZE, MIB):
                file.write(made_up(position, MIB))
        assert fs.transport.written == SIZE
        """,
}


@pytest.mark.parametrize("program", WRITE)
def test_writing_on_holds_no_more_than_the_window_and_a_block(program: str) -> None:
    assert peak_of(WRITE[program], 2 * 1024 * MIB) < WRITE_WINDOW + DEFAULT_BLOCK_SIZE + SLACK


@pytest.mark.parametrize(
    "program", ["asyncio.run(aio(SIZE)._get_file('bucket/key', LOCAL))", "blocking(SIZE).get_file('bucket/key', LOCAL)"]
)
def test_downloading_holds_no_more_than_the_window_and_a_block(program: str, tmp_path: Path) -> None:
    size = 1024 * MIB
    assert peak_of(program, size, tmp_path / "got") < READ_WINDOW + DEFAULT_BLOCK_SIZE + SLACK
    with open(tmp_path / "got", "rb") as file:
        file.seek(size - 251 * 4)
        assert file.read() == bytes(value % 251 for value in range(size - 251 * 4, size))
    (tmp_path / "got").unlink()


@pytest.mark.parametrize(
    "program",
    [
        "fs = aio(0); asyncio.run(fs._put_file(LOCAL, 'bucket/key')); assert fs.transport.written == SIZE",
        "fs = blocking(0); fs.put_file(LOCAL, 'bucket/key'); assert fs.transport.written == SIZE",
    ],
)
def test_uploading_holds_no_more_than_the_window_and_a_block(program: str, tmp_path: Path) -> None:
    size = 2 * 1024 * MIB
    with open(tmp_path / "file", "wb") as file:
        file.truncate(size)  # which takes no room
    assert peak_of(program, size, tmp_path / "file") < WRITE_WINDOW + DEFAULT_BLOCK_SIZE + SLACK


CAT = {
    # Not as the result of `asyncio.run`: Python 3.11 then makes its `repr`, which is four times as large.
    "a coroutine": """
        async def cat():
            assert len(await aio(SIZE)._cat_file("bucket/key")) == SIZE

        asyncio.run(cat())
        """,
    "without a loop": "assert len(blocking(SIZE).cat_file('bucket/key')) == SIZE",
}


@pytest.mark.parametrize("program", CAT)
def test_cat_file_holds_little_more_than_what_it_returns(program: str) -> None:
    size = 256 * MIB
    assert size < peak_of(CAT[program], size) < 1.3 * size
