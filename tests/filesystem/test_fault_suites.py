"""Much at once while requests go wrong: all of it ends right, or in a clear error, and nothing is left behind.

A tenth of all requests fails, in one way after the other. Five attempts, the default, would all fail for one call in a
hundred thousand, of which there are some thousands here: hence eight.

The begin of an upload whose answer is lost leaves an upload open whose id nobody knows. No client of S3 can do anything
about it (ListMultipartUploads does not tell whose an upload is), so that here begins fail before they reach the server.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from random import Random
from typing import Any, Final

import pytest

from pyathena.filesystem.s3 import AioS3FileSystem, S3FileSystem
from pyathena.testing.faults import (
    OPERATIONS,
    BreakOff,
    Delay,
    ErrorIn200,
    Fail,
    Fault,
    FaultProxy,
    FaultyTransport,
    Garbage,
    LoseAnswer,
    ProxyFault,
    Reset,
    Short,
    SlowDown,
    Stall,
)
from pyathena.transport import (
    InMemoryTransport,
    ObjectRef,
    RetryPolicy,
    S3ConnectionError,
    S3Error,
    S3ServerError,
    S3ThrottledError,
    S3TimeoutError,
    S3Transport,
    ThreadedBoto3Transport,
)
from tests.servers import KEY, SECRET

MIB: Final = 2**20
BIG: Final = 32 * MIB
RATE: Final = 0.1
PATIENT: Final = RetryPolicy(max_attempts=8, base_delay=0.001, throttled_base_delay=0.01)

IN_MEMORY: Final[dict[str, Fault]] = {
    "server errors": Fail(S3ServerError),
    "throttling": Fail(S3ThrottledError),
    "broken connections": Fail(S3ConnectionError),
    "timeouts": Fail(S3TimeoutError),
    "bodies that break off": BreakOff(after=3 * MIB + 7),
    "lost answers": LoseAnswer(),
    "delays": Delay(0.01),
}


def contents(number: int) -> bytes:
    """Bytes of which no 32 MiB are like any other's."""
    return Random(number).randbytes(MIB) * (BIG // MIB - 1) + Random(-number).randbytes(MIB)


async def much_at_once(fs: AioS3FileSystem, bucket: str, small: dict[str, bytes]) -> None:
    """Write 6 big objects, read each of them twice and 300 small ones; compare every byte."""
    big = {f"{bucket}/big/{number}": contents(number) for number in range(1, 7)}

    async def write_in_pieces(path: str, data: bytes) -> None:
        async with fs.open(path, "wb", block_size=5 * MIB) as f:
            for at in range(0, len(data), 3 * MIB):
                await f.write(data[at : at + 3 * MIB])

    async def read_in_pieces(path: str, data: bytes) -> None:
        async with fs.open(path, block_size=4 * MIB) as f:
            at = 0
            while piece := await f.read(3 * MIB):
                assert piece == data[at : at + len(piece)]
                at += len(piece)
        assert at == len(data)

    async def read_whole(path: str, data: bytes) -> None:
        assert await fs._cat_file(path) == data

    paths = list(big)
    await asyncio.gather(
        *(fs._pipe_file(path, big[path]) for path in paths[:3]),
        *(write_in_pieces(path, big[path]) for path in paths[3:]),
        *(read_whole(path, data) for path, data in list(small.items())[:150]),
    )
    await asyncio.gather(
        *(read_whole(path, data) for path, data in big.items()),
        *(read_in_pieces(path, data) for path, data in big.items()),
        *(read_whole(path, data) for path, data in list(small.items())[150:]),
    )


async def open_uploads(transport: S3Transport, bucket: str) -> int:
    return len((await transport.list_multipart_uploads(bucket)).uploads)


@asynccontextmanager
async def watched(transport: S3Transport, bucket: str) -> AsyncIterator[None]:
    """Look all the while whether an object can be seen that is not whole."""

    async def watch() -> None:
        while True:
            page = await transport.list_objects(bucket, prefix="big/")
            assert {found.size for found in page.objects} <= {BIG}
            await asyncio.sleep(0.001)

    watching = asyncio.create_task(watch())
    try:
        yield
    finally:
        watching.cancel()
        with pytest.raises(asyncio.CancelledError):
            await watching


def sometimes(script: Any, fault: object, seed: int) -> None:
    """Let a tenth of all requests meet a fault; the begin of an upload only where no answer is lost by it."""
    random = Random(seed)
    loses_answers = isinstance(fault, LoseAnswer | Reset | Short | Stall)
    for operation in sorted(OPERATIONS - ({"create_multipart_upload"} if loses_answers else set())):
        script.sometimes(RATE, fault, random, operation)


@pytest.mark.parametrize("kind", IN_MEMORY)
def test_all_is_right_while_a_tenth_of_the_requests_fails(kind: str) -> None:
    memory = InMemoryTransport(buckets=["bucket"])
    faulty = FaultyTransport(memory)
    small = small_objects("bucket")

    async def main() -> None:
        for path, data in small.items():
            await memory.put_object(ObjectRef("bucket", path.removeprefix("bucket/")), data)
        sometimes(faulty.script, IN_MEMORY[kind], seed=7)
        async with watched(memory, "bucket"):
            await much_at_once(AioS3FileSystem(transport=faulty, asynchronous=True, retry=PATIENT), "bucket", small)
        assert await open_uploads(memory, "bucket") == 0
        assert faulty.in_flight == 0

    asyncio.run(main())


@pytest.mark.parametrize("kind", sorted(IN_MEMORY.keys() - {"delays"}))
@pytest.mark.parametrize("make", [AioS3FileSystem, S3FileSystem])
def test_if_all_requests_fail_the_error_says_why_and_nothing_is_left(
    make: type[AioS3FileSystem | S3FileSystem], kind: str, tmp_path: Any
) -> None:
    memory = InMemoryTransport(buckets=["bucket"])
    asyncio.run(memory.put_object(ObjectRef("bucket", "old"), b"old" * 10 * MIB))
    faulty = FaultyTransport(memory)
    fs: Any = make(transport=faulty, retry=RetryPolicy(base_delay=0.0001, throttled_base_delay=0.0001, deadline=2))
    # A body that brings something each time arrives in the end, however often it breaks off.
    fault = BreakOff(after=0) if isinstance(IN_MEMORY[kind], BreakOff) else IN_MEMORY[kind]
    for operation in OPERATIONS:
        # A lost answer of a begin, of a write or of an abort has done what was asked: see the module.
        if not isinstance(fault, LoseAnswer) or operation.startswith(("get", "head", "list", "upload")):
            faulty.script.on(operation, None, fault)
    (tmp_path / "file").write_bytes(bytes(20 * MIB))
    failing: list[Callable[[], object]] = [
        lambda: fs.cat_file("bucket/old"),
        lambda: fs.get("bucket/old", str(tmp_path / "got")),
    ]
    if not isinstance(fault, BreakOff):
        failing += [
            lambda: fs.pipe_file("bucket/new", bytes(20 * MIB)),
            lambda: fs.put(str(tmp_path / "file"), "bucket/new"),
        ]
    for call in failing:
        began = time.monotonic()
        with pytest.raises(S3Error) as caught:
            call()
        assert time.monotonic() - began < 5
        assert "'bucket" in str(caught.value)
        assert any("attempt" in note for note in caught.value.__notes__)
    assert [found.key for found in asyncio.run(memory.list_objects("bucket")).objects] == ["old"]
    assert asyncio.run(open_uploads(memory, "bucket")) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    fs.close()


# --- over HTTP -----------------------------------------------------------------------------------

OVER_HTTP: Final[dict[str, Callable[[], ProxyFault]]] = {
    "resets in mid-body": lambda: Reset(after=100_000),
    "resets before the answer": Reset,
    "short bodies": lambda: Short(after=100_000),
    "stalls in mid-body": lambda: Stall(after=100_000),
    "stalls before the answer": Stall,
    "503 SlowDown": SlowDown,
    "200 with an error": ErrorIn200,
    "garbage": Garbage,
}


@pytest.fixture
def bucket(moto_endpoint: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """A bucket with 300 small objects."""
    name = f"faults-{abs(hash(request.node.name)):x}"
    fs = S3FileSystem(endpoint_url=moto_endpoint, key=KEY, secret=SECRET, allow_bucket_creation=True)
    fs.mkdir(name)
    for path, data in small_objects(name).items():
        fs.pipe_file(path, data)
    yield name
    fs.rm(name, recursive=True)
    fs.close()


def small_objects(bucket: str) -> dict[str, bytes]:
    return {f"{bucket}/small/{number:03}": Random(number).randbytes(number) for number in range(300)}


def over(endpoint: str, **options: Any) -> AioS3FileSystem:
    return AioS3FileSystem(
        endpoint_url=endpoint,
        key=KEY,
        secret=SECRET,
        max_concurrency=16,
        connect_timeout=5,
        asynchronous=True,
        **options,
    )


# What breaks a connection, and what only an answer tells, also by boto3 alone.
BOTH_WAYS: Final = ("resets in mid-body", "stalls before the answer", "200 with an error", "garbage")
WAYS: Final = [*((kind, True) for kind in OVER_HTTP), *((kind, False) for kind in BOTH_WAYS)]


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "fast_path"), WAYS)
def test_all_is_right_over_http_while_a_tenth_of_the_requests_fails(
    kind: str, fast_path: bool, moto_endpoint: str, bucket: str
) -> None:
    async def main() -> None:
        with FaultProxy(moto_endpoint) as proxy:
            sometimes(proxy.script, OVER_HTTP[kind](), seed=11)
            policy = RetryPolicy(max_attempts=8, throttled_base_delay=0.05)
            timeout = 1.5 if "stalls" in kind else 15
            fs = over(proxy.endpoint, retry=policy, read_timeout=timeout, fast_path=fast_path)
            await much_at_once(fs, bucket, small_objects(bucket))
            await fs.aclose()
        direct = ThreadedBoto3Transport(endpoint_url=moto_endpoint, key=KEY, secret=SECRET)
        assert await open_uploads(direct, bucket) == 0
        assert {found.size for found in (await direct.list_objects(bucket, prefix="big/")).objects} == {BIG}
        await direct.aclose()

    asyncio.run(main())


@pytest.mark.slow
@pytest.mark.parametrize("kind", sorted(OVER_HTTP.keys() - {"200 with an error"}))
def test_if_all_requests_fail_over_http_the_error_comes_within_the_deadline(
    kind: str, moto_endpoint: str, bucket: str
) -> None:
    async def read(fs: AioS3FileSystem) -> object:
        return await fs._cat_file(f"{bucket}/big")

    async def write(fs: AioS3FileSystem) -> object:
        await fs._pipe_file(f"{bucket}/new", bytes(20 * MIB))
        return None

    async def main() -> None:
        direct = ThreadedBoto3Transport(endpoint_url=moto_endpoint, key=KEY, secret=SECRET)
        await direct.put_object(ObjectRef(bucket, "big"), contents(1))
        steps: list[Callable[[AioS3FileSystem], Coroutine[Any, Any, object]]] = [read]
        with FaultProxy(moto_endpoint) as proxy:
            if "mid-body" not in kind and "short" not in kind:  # the answers to writes are shorter than that
                proxy.script.on("upload_part", None, OVER_HTTP[kind]())
                steps.append(write)
            proxy.script.on("get_object_range", None, OVER_HTTP[kind]())
            policy = RetryPolicy(base_delay=0.01, throttled_base_delay=0.01, deadline=3)
            fs = over(proxy.endpoint, retry=policy, read_timeout=0.5)
            for step in steps:
                began = time.monotonic()
                with pytest.raises(S3Error) as caught:
                    await step(fs)
                assert time.monotonic() - began < 10
                assert bucket in str(caught.value)
            await fs.aclose()
        assert await open_uploads(direct, bucket) == 0
        assert [found.key for found in (await direct.list_objects(bucket, prefix="new")).objects] == []
        await direct.aclose()

    asyncio.run(main())
