"""The contract of `S3Transport` over aiobotocore, and what that transport does beyond it.

aiobotocore needs an environment of its own: `make test-aiobotocore` makes it and runs these.
"""

from __future__ import annotations

import asyncio
import gc
import pickle
import socket
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest

pytest.importorskip("aiobotocore", reason="runs by `make test-aiobotocore`")

import aiohttp

from pyathena.filesystem.s3 import AioS3FileSystem
from pyathena.testing.conformance import TransportUnderTest
from pyathena.transport import (
    ByteRange,
    ObjectRef,
    S3ClosedError,
    S3ConnectionError,
    S3Error,
    S3PermissionError,
    S3TimeoutError,
)
from pyathena.transport.aiobotocore import AiobotocoreTransport
from tests.servers import KEY, SECRET, RecordingServer
from tests.transport.test_boto3 import Gate, gate
from tests.transport.test_conformance import (
    MOTO,
    RCLONE,
    TellingTransportTests,
    new_bucket,
    server_subject,
    stalled_read_by,
)

__all__ = ["gate"]

REF = ObjectRef("bucket", "key")


def connect(endpoint: str, **options: Any) -> AiobotocoreTransport:
    return AiobotocoreTransport(
        key=KEY, secret=SECRET, endpoint_url=endpoint, region_name="us-east-1", **{"max_concurrency": 16, **options}
    )


class TestAiobotocoreTransportOverMoto(TellingTransportTests):
    capabilities = MOTO

    @pytest.fixture
    def subject(self, moto_endpoint: str) -> Iterator[TransportUnderTest]:
        with server_subject(
            moto_endpoint, partial(connect, moto_endpoint), run=asyncio.run, stall=partial(stalled_read_by, connect)
        ) as subject:
            yield subject


class TestAiobotocoreTransportOverRclone(TellingTransportTests):
    capabilities = RCLONE

    @pytest.fixture
    def subject(self, rclone_endpoint: str) -> Iterator[TransportUnderTest]:
        with server_subject(rclone_endpoint, partial(connect, rclone_endpoint), run=asyncio.run) as subject:
            yield subject


@contextmanager
def transport_to(gate: Gate, **options: Any) -> Iterator[AiobotocoreTransport]:
    transport = connect(f"http://127.0.0.1:{gate.server_port}", **options)
    yield transport
    gate.opened.set()
    asyncio.run(transport.aclose())


# --- options -------------------------------------------------------------------------------------


def test_a_transport_can_be_pickled_and_shows_no_secret(moto_endpoint: str) -> None:
    bucket = new_bucket(moto_endpoint)
    transport = connect(moto_endpoint, max_concurrency=3)
    copy = pickle.loads(pickle.dumps(transport))
    assert copy.max_concurrency == 3
    assert asyncio.run(copy.head_bucket(bucket)).name == bucket
    assert SECRET not in repr(transport)
    assert repr(copy) != repr(transport)


def test_options_that_make_no_sense_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="max_concurrency is 1 or more requests in flight, got 0"):
        AiobotocoreTransport(max_concurrency=0)
    with pytest.raises(TypeError, match="unknown options: connection"):
        AiobotocoreTransport(connection=None)  # type: ignore[call-arg]  # the check of this very thing
    with pytest.raises(ValueError, match="endpoint_url= holds a user name"):
        AiobotocoreTransport(endpoint_url="http://user@host")


def test_what_is_found_wrong_on_connecting_is_an_s3_error_of_the_request() -> None:
    with pytest.raises(S3Error, match="no-such-profile") as caught:
        asyncio.run(AiobotocoreTransport(profile="no-such-profile").head_object(REF))
    assert (caught.value.operation, caught.value.key) == ("HeadObject", "key")


def test_without_an_event_loop_it_says_what_to_use() -> None:
    with pytest.raises(TypeError, match="needs an event loop: use AioS3FileSystem"):
        connect("http://127.0.0.1:9").head_object(REF).send(None)


def test_presigned_urls_are_signed_with_version_4() -> None:
    url = asyncio.run(AiobotocoreTransport(key=KEY, secret=SECRET).presigned_url("get_object", REF, expires_in=60))
    assert "X-Amz-Algorithm=AWS4-HMAC-SHA256" in url
    assert SECRET not in url


def test_other_credentials_sign_the_requests_to_come(monkeypatch: pytest.MonkeyPatch) -> None:
    async def program(endpoint: str) -> None:
        transport = AiobotocoreTransport(endpoint_url=endpoint)
        await transport.head_object(REF)
        assert not await transport.refresh_credentials(), "they have not changed"
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "another")
        assert await transport.refresh_credentials()
        await transport.head_object(REF)
        assert not await connect(endpoint).refresh_credentials(), "they were given"
        await transport.aclose()

    with RecordingServer(lambda _: (200, "")) as server:
        asyncio.run(program(server.endpoint))
        assert [request.signer for request in server.requests] == [KEY, "another"]


# --- event loops ---------------------------------------------------------------------------------


def open_sessions() -> list[aiohttp.ClientSession]:
    gc.collect()
    return [each for each in gc.get_objects() if isinstance(each, aiohttp.ClientSession) and not each.closed]


def test_an_event_loop_that_ends_closes_its_client(moto_endpoint: str) -> None:
    transport = connect(moto_endpoint)
    asyncio.run(transport.list_buckets())
    assert open_sessions() == []
    asyncio.run(transport.list_buckets())
    assert len(transport._states()) == 1, "the loop before is forgotten"


def test_a_transport_that_is_forgotten_closes_its_client(moto_endpoint: str) -> None:
    async def program() -> None:
        transport = connect(moto_endpoint)
        await transport.list_buckets()
        assert len(open_sessions()) == 1
        del transport
        gc.collect()
        await asyncio.sleep(0.01)
        assert open_sessions() == []

    asyncio.run(program())


def test_a_client_of_a_loop_that_was_closed_and_no_more_is_closed_later(moto_endpoint: str) -> None:
    transport = connect(moto_endpoint)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        loop = asyncio.new_event_loop()
        loop.run_until_complete(transport.list_buckets())
        loop.close()
        asyncio.run(transport.aclose())
        assert open_sessions() == []
        del loop
        gc.collect()
    # That its connections were not closed is the loop's fault, and asyncio tells so.
    assert not [each for each in warned if "client session" in str(each.message)]


def test_closing_closes_the_clients_of_other_loops_too(moto_endpoint: str) -> None:
    transport = connect(moto_endpoint)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(transport.list_buckets(), loop).result(10)
        assert len(open_sessions()) == 1
        asyncio.run(transport.aclose())
        deadline = time.monotonic() + 10
        while open_sessions():
            assert time.monotonic() < deadline
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def test_as_many_requests_are_in_flight_as_max_concurrency_says(gate: Gate) -> None:
    async def program(transport: AiobotocoreTransport) -> None:
        heads = [asyncio.create_task(transport.head_object(REF)) for _ in range(15)]
        await asyncio.to_thread(gate.until_waiting, 5)
        gate.opened.set()
        await asyncio.gather(*heads)

    with transport_to(gate, max_concurrency=5) as transport:
        asyncio.run(program(transport))
    assert (gate.total, gate.peak) == (15, 5)


def test_closing_waits_for_what_is_under_way_and_refuses_what_waits(gate: Gate) -> None:
    async def program(transport: AiobotocoreTransport) -> None:
        first, second = (asyncio.create_task(transport.head_object(REF)) for _ in range(2))
        await asyncio.to_thread(gate.until_waiting, 1)
        closing = asyncio.create_task(transport.aclose())
        await asyncio.sleep(0.01)
        assert not closing.done()
        gate.opened.set()
        await closing
        assert (await first).etag == '"etag"'
        with pytest.raises(S3ClosedError, match="was closed"):
            await second

    with transport_to(gate, max_concurrency=1) as transport:
        asyncio.run(program(transport))


FORK = """
import asyncio, os, sys
from pyathena.transport import ByteRange, ObjectRef
from pyathena.transport.aiobotocore import AiobotocoreTransport

transport = AiobotocoreTransport(key="key", secret="secret", endpoint_url=sys.argv[1], region_name="us-east-1")
ref = ObjectRef(sys.argv[2], "key")

async def read():
    return bytes((await transport.get_object_range(ref, ByteRange(0))).data)

async def program():
    await transport.put_object(ref, b"data")
    assert await read() == b"data"
    child = os.fork()
    if child == 0:
        os._exit(0 if asyncio.run(read()) == b"data" else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert await read() == b"data"

asyncio.run(program())
print("both read")
"""

EXIT = """
import sys
from pyathena.filesystem.s3 import AioS3FileSystem
from pyathena.transport.aiobotocore import AiobotocoreTransport

transport = AiobotocoreTransport(key="key", secret="secret", endpoint_url=sys.argv[1], region_name="us-east-1")
fs = AioS3FileSystem(transport=transport)
fs.pipe_file(f"{sys.argv[2]}/key", b"data")
print(fs.cat_file(f"{sys.argv[2]}/key"))
"""


@pytest.mark.parametrize(
    ("program", "printed"),
    [pytest.param(FORK, "both read\n", id="forked"), pytest.param(EXIT, "b'data'\n", id="left open on fsspec's loop")],
)
def test_a_process_ends_without_a_word(moto_endpoint: str, program: str, printed: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, moto_endpoint, new_bucket(moto_endpoint)],
        check=False,
        capture_output=True,
        text=True,
        timeout=50,
    )
    assert (ran.stdout, ran.stderr, ran.returncode) == (printed, "", 0)


# --- cancellation, time limits, errors -----------------------------------------------------------


def test_a_request_that_waits_for_its_turn_is_never_sent_after_being_cancelled(gate: Gate) -> None:
    async def program(transport: AiobotocoreTransport) -> None:
        first = asyncio.create_task(transport.head_object(REF))
        await asyncio.to_thread(gate.until_waiting, 1)
        queued = [asyncio.create_task(transport.head_object(REF)), asyncio.create_task(transport.put_object(REF, b"x"))]
        await asyncio.sleep(0)
        for task in queued:
            task.cancel()
        await asyncio.wait(queued)
        assert all(task.cancelled() for task in queued)
        gate.opened.set()
        await first
        await transport.head_object(REF)

    with transport_to(gate, max_concurrency=1) as transport:
        asyncio.run(program(transport))
    assert gate.total == 2


@pytest.mark.parametrize("body", [b"x", b""], ids=["with a body", "without"])
def test_a_cancelled_write_ends_when_its_outcome_is_known(gate: Gate, body: bytes) -> None:
    async def program(transport: AiobotocoreTransport) -> None:
        put = asyncio.create_task(transport.put_object(REF, body))
        await asyncio.to_thread(gate.until_waiting, 1)
        for _ in range(2):
            put.cancel()
            await asyncio.sleep(0.01)
            assert not put.done()
        gate.opened.set()
        with pytest.raises(asyncio.CancelledError):
            await put

    with transport_to(gate) as transport:
        asyncio.run(program(transport))


def test_a_timeout_around_a_write_is_not_lost(gate: Gate) -> None:
    async def program(transport: AiobotocoreTransport) -> None:
        threading.Timer(0.1, gate.opened.set).start()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await transport.put_object(REF, b"x")

    with transport_to(gate) as transport:
        asyncio.run(program(transport))


@contextmanager
def deaf_server() -> Iterator[str]:
    """A server that takes connections, and reads and answers nothing."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_a_write_is_broken_off_while_s3_has_not_got_all_of_it() -> None:
    async def program(endpoint: str) -> float:
        transport, body = connect(endpoint), bytearray(50_000_000)
        put = asyncio.create_task(transport.put_object(REF, body))
        await asyncio.sleep(0.3)
        put.cancel()
        began = time.monotonic()
        with pytest.raises(asyncio.CancelledError):
            await put
        took = time.monotonic() - began
        body.clear()  # a BufferError if a view of it were alive
        await transport.aclose()
        return took

    with deaf_server() as endpoint:
        assert asyncio.run(program(endpoint)) < 1


@pytest.mark.parametrize("size", [0, 50_000_000], ids=["no answer", "a body that nobody takes"])
def test_what_stalls_is_a_timeout(size: int) -> None:
    async def program(endpoint: str) -> None:
        transport = connect(endpoint, connect_timeout=0.05, read_timeout=0.05)
        with pytest.raises(S3TimeoutError) as caught:
            await transport.put_object(REF, bytes(size))
        assert caught.value.retryable
        await transport.aclose()

    with deaf_server() as endpoint:
        asyncio.run(program(endpoint))


def test_a_server_that_nobody_listens_at_is_a_connection_error() -> None:
    with pytest.raises(S3ConnectionError) as caught:
        asyncio.run(connect("http://127.0.0.1:9").head_object(REF))
    assert caught.value.retryable
    assert caught.value.__cause__ is not None


def test_an_answer_with_a_document_type_is_not_parsed() -> None:
    page = '<!DOCTYPE a [<!ENTITY b "c">]><Error><Code>&b;</Code></Error>'
    with RecordingServer(lambda _: (403, page)) as server, pytest.raises(S3PermissionError) as caught:
        asyncio.run(connect(server.endpoint).get_object_range(REF, ByteRange(0)))
    assert caught.value.code == "403"


@pytest.mark.parametrize("copy", [True, False], ids=["without a body", "with a body"])
def test_a_write_whose_connection_broke_is_not_sent_again(copy: bool) -> None:
    """A connection that was used before may have been closed by the server meanwhile, or have lost its answer."""
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            asked.append(head.split()[0])
            if b"100-continue" in head:
                writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                await reader.readexactly(4)
            if head.startswith(b"PUT"):
                break
            writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 0\r\nETag: "etag"\r\n\r\n')
        writer.close()

    async def program() -> None:
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            transport = connect(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
            await transport.head_object(REF)
            with pytest.raises(S3ConnectionError):
                await (transport.copy_object(REF, REF) if copy else transport.put_object(REF, b"data"))
            await transport.aclose()

    asyncio.run(program())
    assert asked == [b"HEAD", b"PUT"]


# --- the filesystem ------------------------------------------------------------------------------


def test_the_filesystem_works_over_it(moto_endpoint: str) -> None:
    root, data = f"s3://{new_bucket(moto_endpoint)}", bytes(range(256)) * 80_000

    async def program() -> None:
        transport = connect(moto_endpoint)
        fs = AioS3FileSystem(transport=transport, asynchronous=True)
        async with fs.open(f"{root}/a/big", "wb") as f:
            await f.write(data)
        async with fs.open(f"{root}/a/big", "rb") as f:
            assert await f.read() == data
        await fs._pipe_file(f"{root}/a/small", b"small")
        assert await fs._cat_file(f"{root}/a/small", start=1, end=3) == b"ma"
        await fs._copy(f"{root}/a/small", f"{root}/b")
        assert sorted(await fs._find(root)) == [f"{root[5:]}/{key}" for key in ("a/big", "a/small", "b")]
        await fs._rm(f"{root}/a", recursive=True)
        assert await fs._ls(root) == [f"{root[5:]}/b"]
        await transport.aclose()

    asyncio.run(program())
