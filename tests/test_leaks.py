"""What is left in the process, and of it, when a program is done with a filesystem, or ends without being so."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import boto3.session
import pytest
from fsspec.spec import AbstractFileSystem

from pyathena.filesystem.s3 import AioS3FileSystem, S3FileSystem
from pyathena.runtime import drive
from pyathena.testing.faults import FaultProxy, FaultyTransport, Hang, Stall
from pyathena.transport import InMemoryTransport, ObjectRef
from tests.servers import KEY, SECRET

# --- objects -------------------------------------------------------------------------------------

DATA = b"line\n" * 50_000
FEW = 50


def memory() -> InMemoryTransport:
    transport = InMemoryTransport(buckets=["bucket"])
    for key in ("key", "key.gz"):
        drive(transport.put_object(ObjectRef("bucket", key), DATA))
    return transport


def objects() -> Counter[str]:
    """How many objects there are of each type, as far as the garbage collector knows."""
    gc.collect()
    return Counter(type(each).__qualname__ for each in gc.get_objects())


def grows_by_few(once: Callable[[], object], *, rounds: int = 1000, warm_up: int = 100) -> None:
    """Check that doing something many times leaves next to nothing behind: a leak does so each time."""
    for _ in range(warm_up):
        once()
    for last in (False, True):
        before = objects()
        for _ in range(rounds):
            once()
        grown = objects() - before
        if sum(grown.values()) < FEW:
            return  # what a library has filled once, such as the caches of abc, is none
        assert not last, grown.most_common(10)


async def read(fs: AioS3FileSystem) -> None:
    async with fs.open("bucket/key", "rb", block_size=64 * 1024) as f:
        while await f.read(64 * 1024):
            pass


async def leave_early(fs: AioS3FileSystem) -> None:
    """Close a file while blocks ahead of the reader are in flight."""
    async with fs.open("bucket/key", "rb", block_size=64 * 1024) as f:
        await f.read(1)
        await f.read(70 * 1024)


async def read_text(fs: AioS3FileSystem) -> None:
    async with fs.open("bucket/key", "r") as f:
        await f.readline()


async def write(fs: AioS3FileSystem) -> None:
    async with fs.open("bucket/new", "wb") as f:
        await f.write(b"data")


async def write_compressed(fs: AioS3FileSystem) -> None:
    async with fs.open("bucket/new.gz", "wb", compression="gzip") as f:
        await f.write(b"data")


async def fail(fs: AioS3FileSystem) -> None:
    with suppress(FileNotFoundError):
        async with fs.open("bucket/missing", "rb") as f:
            await f.read()
    with suppress(ZeroDivisionError):
        async with fs.open("bucket/new", "wb") as f:
            await f.write(b"data")
            raise ZeroDivisionError


async def cat(fs: AioS3FileSystem) -> None:
    await fs._cat(["bucket/key", "bucket/key.gz"])


@pytest.mark.slow
@pytest.mark.parametrize("use", [read, leave_early, read_text, write, write_compressed, fail, cat])
def test_a_thousand_uses_in_coroutines_leave_next_to_nothing(use: Callable[[AioS3FileSystem], Any]) -> None:
    fs = AioS3FileSystem(transport=memory(), asynchronous=True)
    with asyncio.Runner() as runner:
        grows_by_few(lambda: runner.run(use(fs)))
    fs._engine.runtime.close()


@pytest.mark.slow
def test_a_thousand_cancelled_reads_leave_next_to_nothing() -> None:
    transport = FaultyTransport(memory())
    transport.script.on("get_object_range", None, Hang())
    fs = AioS3FileSystem(transport=transport, asynchronous=True)

    async def cancel() -> None:
        task = asyncio.create_task(read(fs))
        await asyncio.sleep(0)
        assert transport.in_flight == 1
        task.cancel()
        await asyncio.wait([task])
        transport.calls.clear()

    with asyncio.Runner() as runner:
        grows_by_few(lambda: runner.run(cancel()))


@pytest.mark.slow
@pytest.mark.parametrize("make", [AioS3FileSystem, S3FileSystem])
@pytest.mark.parametrize("mode", ["rb", "r", "wb", "w"])
def test_a_thousand_opens_and_closes_in_synchronous_code_leave_next_to_nothing(make: Any, mode: str) -> None:
    fs = make(transport=memory())

    def use() -> None:
        with fs.open("bucket/key" if "r" in mode else "bucket/new", mode) as f:
            f.read(10) if "r" in mode else f.write(b"data" if "b" in mode else "data")

    grows_by_few(use)
    fs.close()


@pytest.mark.slow
@pytest.mark.parametrize("make", [AioS3FileSystem, S3FileSystem])
def test_a_thousand_filesystems_leave_next_to_nothing(make: Any) -> None:
    transport = memory()

    def use() -> None:
        fs = make(transport=transport)
        assert fs.cat_file("bucket/key") == DATA
        fs.close()

    grows_by_few(use)


# --- threads and connections ---------------------------------------------------------------------


def descriptors() -> int:
    """How many files and sockets this process has open."""
    return len(os.listdir("/proc/self/fd"))


def ours() -> list[str]:
    return [each.name for each in threading.enumerate() if each.name.startswith("pyathena")]


def eventually(condition: Callable[[], bool]) -> bool:
    """Wait for threads that were told to end."""
    deadline = time.monotonic() + 5
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.001)
    return condition()


LARGE = {
    ("pyathena.transport.boto3", "BlockingBoto3Transport"),
    ("pyathena.transport.boto3", "ThreadedBoto3Transport"),
    ("botocore.client", "S3"),
}
"""What a filesystem holds that was made of options. (Botocore keeps some small things of the last hundred clients.)"""


class Connection:
    """A `ConnectionLike`."""

    region_name: str | None = "us-east-1"
    config: object | None = None

    def __init__(self, endpoint: str) -> None:
        self.session: object = boto3.session.Session(aws_access_key_id=KEY, aws_secret_access_key=SECRET)
        self.s3_endpoint_url: str | None = endpoint


@pytest.mark.skipif(sys.platform != "linux", reason="open files are counted in /proc")
@pytest.mark.parametrize("make", [AioS3FileSystem, S3FileSystem])
def test_a_filesystem_that_was_closed_leaves_neither_threads_nor_connections(make: Any, rclone_endpoint: str) -> None:
    connection = Connection(rclone_endpoint)

    def use() -> None:
        fs = make(connection=connection, allow_bucket_creation=True)
        with suppress(FileExistsError):
            fs.mkdir("leaks")
        fs.pipe({f"leaks/{number}": b"data" for number in range(5)})
        assert len(fs.cat("leaks/", recursive=True)) == 5
        fs.close()

    def alive() -> int:
        gc.collect()
        types = [type(each) for each in gc.get_objects()]
        return sum(issubclass(each, AbstractFileSystem) or (each.__module__, each.__name__) in LARGE for each in types)

    use()
    before = alive(), len(ours()), descriptors()
    for _ in range(5):
        use()
    assert eventually(lambda: len(ours()) <= before[1]), ours()
    assert (alive(), len(ours()), descriptors()) <= before


# --- the end of the interpreter ------------------------------------------------------------------

PREAMBLE = """
import asyncio, atexit, logging, sys, threading, time
from contextlib import suppress

@atexit.register  # first, so that it runs last
def nobody_waits_for_a_loop():
    loop = fsspec.asyn.loop[0]
    assert loop is None or not asyncio.all_tasks(loop), asyncio.all_tasks(loop)
    for thread in threading.enumerate():
        if thread.name == "Thread-1 (read)":
            thread.join(5)
            assert not thread.is_alive(), "it waits for the loop"

import fsspec.asyn
from pyathena.filesystem.s3 import AioS3FileSystem, S3FileSystem

URL = sys.argv[1]
logging.getLogger("asyncio").setLevel(logging.ERROR)  # in a busy machine -X dev tells of steps that take long
OPTIONS = {"endpoint_url": URL, "key": "testkey123", "secret": "secretsecret", "read_timeout": 1}
"""

OPEN = {
    "a coroutine": """
fs = AioS3FileSystem(**OPTIONS, asynchronous=True)

async def main():
    global file
    file = await fs.open_async("ending/key", "rb", block_size=2**20)
    assert len(await file.read(3 * 2**20)) == 3 * 2**20

asyncio.run(main())
""",
    "synchronous code": """
file = AioS3FileSystem(**OPTIONS).open("ending/key", "rb", block_size=2**20)
assert len(file.read(3 * 2**20)) == 3 * 2**20
""",
    "without a loop": """
file = S3FileSystem(**OPTIONS).open("ending/key", "rb", block_size=2**20)
assert len(file.read(3 * 2**20)) == 3 * 2**20
""",
    "text": """
file = S3FileSystem(**OPTIONS).open("ending/key", "r", encoding="latin-1")
assert len(file.read(1000)) == 1000
""",
}


@pytest.fixture(scope="module")
def endpoint(rclone_endpoint: str) -> str:
    fs = S3FileSystem(endpoint_url=rclone_endpoint, key=KEY, secret=SECRET, allow_bucket_creation=True)
    with suppress(FileExistsError):
        fs.mkdir("ending")
    fs.pipe_file("ending/key", bytes(10 * 2**20))
    fs.close()
    return rclone_endpoint


def ends_cleanly(program: str, url: str, *flags: str, within: float = 10) -> None:
    """Run a program in an interpreter of its own, and check that it ends well, in time and without a word."""
    began = time.monotonic()
    # The allocator of -X dev overwrites the states of daemon threads, at which CPython 3.11 may look after it has freed
    # them: https://github.com/python/cpython/issues/110052
    ran = subprocess.run(
        [sys.executable, *flags, "-c", PREAMBLE + program, url],
        check=False,
        capture_output=True,
        text=True,
        timeout=50,
        env={**os.environ, "PYTHONMALLOC": "malloc"},
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
    assert time.monotonic() - began < within


STRICT = ("-X", "dev", "-W", "error")


@pytest.mark.parametrize("name", OPEN)
def test_the_interpreter_ends_cleanly_with_files_open(name: str, endpoint: str) -> None:
    ends_cleanly(OPEN[name], endpoint, *STRICT)


@pytest.mark.parametrize("make", ["AioS3FileSystem", "S3FileSystem"])
def test_a_file_that_was_written_and_forgotten_is_not_there_and_hinders_nobody(make: str, endpoint: str) -> None:
    program = f"""
file = {make}(**OPTIONS).open("ending/forgotten", "wb")
file.write(bytes(11 * 2**20))
"""
    ends_cleanly(program, endpoint)
    fs = S3FileSystem(endpoint_url=endpoint, key=KEY, secret=SECRET)
    assert not fs.exists("ending/forgotten")
    fs.close()


def test_a_call_while_the_interpreter_ends_fails_at_once() -> None:
    program = """
@atexit.register
def too_late():
    fs = AioS3FileSystem(key="key", secret="secret", endpoint_url="http://127.0.0.1:1", max_concurrency=1)
    for _ in range(3):  # more often than there are threads
        with suppress(OSError):
            fs.info("bucket/key")
            raise AssertionError
"""
    ends_cleanly(program, "", *STRICT, within=5)


IN_FLIGHT = {
    "a coroutine": (
        1,
        """
fs = AioS3FileSystem(**OPTIONS, asynchronous=True)

async def main():
    task = asyncio.create_task(fs._cat_file("ending/key"))
    await asyncio.sleep(0.3)

asyncio.run(main())
""",
    ),
    "an event loop that was left": (
        1,
        """
loop = asyncio.new_event_loop()
fs = AioS3FileSystem(**OPTIONS, asynchronous=True)
task = loop.create_task(fs._cat_file("ending/key"))
loop.run_until_complete(asyncio.sleep(0.3))
for each in asyncio.all_tasks(loop):
    each._log_destroy_pending = False  # asyncio would tell of it
loop.close()
""",
    ),
    "a thread": (
        1,
        """
def read():
    with suppress(OSError):
        fs.cat_file("ending/key")

fs = AioS3FileSystem(**OPTIONS)
threading.Thread(target=read, daemon=True).start()
time.sleep(0.3)
""",
    ),
    "a thread without a loop": (
        1,
        """
fs = S3FileSystem(**OPTIONS)
threading.Thread(target=fs.cat_file, args=("ending/key",), daemon=True).start()
time.sleep(0.3)
""",
    ),
    "blocks ahead of a reader": (
        2,
        """
file = AioS3FileSystem(**OPTIONS).open("ending/key", "rb", block_size=2**20)
assert len(file.read(2**20 - 10) + file.read(10)) == 2**20  # which is one request
""",
    ),
    "blocks ahead of a reader without a loop": (
        2,
        """
file = S3FileSystem(**OPTIONS).open("ending/key", "rb", block_size=2**20)
assert len(file.read(2**20 - 10) + file.read(10)) == 2**20  # which is one request
""",
    ),
}
"""Programs, and which of their requests is the first that nobody waits for."""


@pytest.mark.slow
@pytest.mark.parametrize("after", [None, 100_000], ids=["before the answer", "in mid-body"])
@pytest.mark.parametrize("name", IN_FLIGHT)
def test_the_interpreter_ends_cleanly_with_reads_in_flight(name: str, after: int | None, endpoint: str) -> None:
    first, program = IN_FLIGHT[name]
    with FaultProxy(endpoint) as proxy:
        for nth in range(first, 20):
            proxy.script.on("*", nth, Stall(after))
        # A block of a MiB that comes 100 kB at a time takes eleven attempts of a second each: each brings it further.
        ends_cleanly(program, proxy.endpoint, *STRICT, within=10 if after is None else 20)
        assert len(proxy.requests) >= first, "nothing was in flight"
