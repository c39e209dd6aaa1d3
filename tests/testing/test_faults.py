"""The faults that `pyathena.testing.faults` makes, and that the boto3 transport tells them as what they are."""

from __future__ import annotations

import asyncio
import functools
import inspect
import io
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any, cast

import boto3.session
import pytest
from botocore.config import Config

from pyathena.filesystem.s3 import AioS3FileSystem, S3FileSystem
from pyathena.runtime import drive
from pyathena.testing.conformance import ALL_CAPABILITIES, S3TransportTests, TransportUnderTest
from pyathena.testing.faults import (
    BreakOff,
    Call,
    Delay,
    ErrorIn200,
    Exchange,
    Fail,
    Fault,
    FaultProxy,
    FaultyTransport,
    Garbage,
    Hang,
    LoseAnswer,
    ProxyFault,
    Reset,
    Script,
    Short,
    SlowDown,
    Stall,
)
from pyathena.transport import (
    MIN_PART_SIZE,
    ByteRange,
    InMemoryTransport,
    ObjectKey,
    ObjectRef,
    S3AlreadyExistsError,
    S3ConnectionError,
    S3Error,
    S3IncompleteReadError,
    S3InvalidRangeError,
    S3NotFoundError,
    S3ServerError,
    S3ThrottledError,
    S3TimeoutError,
    S3Transport,
    ThreadedBoto3Transport,
)
from tests.servers import KEY, SECRET

REF = ObjectRef("bucket", "key")
DATA = bytes(range(256)) * 4096


def faulty(data: bytes = b"0123456789") -> FaultyTransport:
    """A transport over a bucket with one object, of which nothing was asked yet."""
    memory = InMemoryTransport(buckets=["bucket"])
    drive(memory.put_object(REF, data))
    return FaultyTransport(memory)


# --- the script ----------------------------------------------------------------------------------


def test_the_nth_request_of_an_operation_meets_its_fault_and_no_other_does() -> None:
    script: Script[str] = Script()
    script.on("head_object", 2, "second head")
    script.on("*", 4, "fourth of all")
    asked = ["head_object", "put_object", "head_object", "put_object", "head_object"]
    assert [script.meet(each) for each in asked] == [None, None, "second head", "fourth of all", None]


def test_of_the_rules_that_fit_the_first_counts() -> None:
    script: Script[str] = Script()
    script.on("head_object", None, "every head")
    script.on("*", None, "everything")
    assert [script.meet("head_object"), script.meet("put_object")] == ["every head", "everything"]


def test_a_script_that_was_cleared_counts_anew() -> None:
    script: Script[str] = Script()
    script.on("*", None, "everything")
    script.meet("head_object")
    script.clear()
    script.on("head_object", 1, "first head")
    assert script.meet("head_object") == "first head"


def test_as_many_requests_as_said_meet_a_fault_by_chance_and_the_same_again() -> None:
    def met() -> list[str | None]:
        script: Script[str] = Script()
        script.sometimes(0.1, "fault", Random(7), "put_object")
        return [script.meet(operation) for _ in range(1000) for operation in ("head_object", "put_object")]

    first = met()
    assert met() == first
    assert 70 < first[1::2].count("fault") < 130
    assert set(first[::2]) == {None}


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda script: script.on("get_object", 1, "fault"), "get_object_range.* got 'get_object'"),
        (lambda script: script.on("head_object", 0, "fault"), "got 0"),
        (lambda script: script.sometimes(1.1, "fault", Random()), "got 1.1"),
        (lambda script: script.sometimes(0.1, "fault", Random(), "aclose"), "got 'aclose'"),
    ],
)
def test_a_rule_that_could_never_fit_is_refused(write: Callable[[Script[str]], None], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        write(Script())


# --- the transport -------------------------------------------------------------------------------


class TestFaultyTransport(S3TransportTests):
    """Without a fault it does what the one below does."""

    capabilities = ALL_CAPABILITIES - {"presigned_urls"}

    @pytest.fixture
    def subject(self) -> TransportUnderTest:
        memory = InMemoryTransport(buckets=["bucket"], minimum_part_size=MIN_PART_SIZE)

        def get(key: str) -> bytes | None:
            with suppress(S3NotFoundError):
                with suppress(S3InvalidRangeError):
                    return bytes(drive(memory.get_object_range(ObjectRef("bucket", key), ByteRange(0))).data)
                return b""
            return None

        return TransportUnderTest(
            transport=FaultyTransport(memory),
            bucket="bucket",
            put=lambda key, data: cast("None", drive(memory.put_object(ObjectRef("bucket", key), data))),
            get=get,
            deny=partial(memory.deny, "bucket"),
        )


class Echo:
    """Answers every request with what it was asked."""

    def __getattr__(self, operation: str) -> Callable[..., Coroutine[Any, Any, object]]:
        async def answer(*args: object, **kwargs: object) -> object:
            return operation, args, kwargs

        return answer


@pytest.mark.parametrize(
    ("operation", "method"),
    inspect.getmembers(S3Transport, inspect.iscoroutinefunction),
    ids=lambda each: str(each)[:30],
)
def test_every_method_of_the_protocol_is_passed_on_as_it_was_called(operation: str, method: Any) -> None:
    transport = FaultyTransport(cast("S3Transport", Echo()))
    _, *parameters = inspect.signature(method).parameters.values()
    args = [object() for each in parameters if each.kind is each.POSITIONAL_OR_KEYWORD]
    kwargs = {each.name: object() for each in parameters if each.kind is each.KEYWORD_ONLY}
    asked = drive(getattr(transport, operation)(*args, **kwargs))
    if operation != "aclose":
        assert asked == (operation, tuple(args), kwargs)
        assert [call.operation for call in transport.calls] == [operation]
    assert getattr(FaultyTransport, operation) is not getattr(S3Transport, operation), (
        "the method of the Protocol itself does nothing"
    )


def test_requests_are_counted_and_told() -> None:
    async def program() -> None:
        transport = faulty()
        hang = Hang()
        transport.script.on("head_object", None, hang)
        heads = [asyncio.create_task(transport.head_object(REF)) for _ in range(3)]
        await hang.entered()
        await transport.list_objects("bucket")
        assert (transport.in_flight, transport.peak_in_flight) == (3, 4)
        hang.release()
        await asyncio.gather(*heads)
        assert (transport.in_flight, transport.peak_in_flight) == (0, 4)
        head = Call("head_object", "bucket", "key")
        assert transport.calls == [head, head, head, Call("list_objects", "bucket")]

    asyncio.run(program())


def test_a_request_that_fails_is_not_sent() -> None:
    transport = faulty()
    transport.script.on("put_object", 1, Fail(partial(S3ThrottledError, retry_after=3)))
    with pytest.raises(S3ThrottledError, match="PutObject") as caught:
        drive(transport.put_object(REF, b"new"))
    error = caught.value
    assert (error.operation, error.bucket, error.key, error.retry_after) == ("PutObject", "bucket", "key", 3)
    assert drive(transport.inner.head_object(REF)).size == 10


def test_an_error_that_is_raised_twice_is_not_the_same_one() -> None:
    transport = faulty()
    transport.script.on("*", None, Fail(S3ServerError("no", code="InternalError")))
    raised = []
    for _ in range(2):
        with pytest.raises(S3ServerError, match="no") as caught:
            drive(transport.head_object(REF))
        raised.append(caught.value)
    assert raised[0] is not raised[1]
    assert raised[1].code == "InternalError"


def test_a_request_whose_answer_is_lost_was_done() -> None:
    transport = faulty()
    transport.script.on("put_object", 1, LoseAnswer())
    with pytest.raises(S3ConnectionError, match="answer was lost"):
        drive(transport.put_object(REF, b"new"))
    assert drive(transport.inner.head_object(REF)).size == 3


def test_a_request_that_is_delayed_is_sent_later() -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        assert drive(transport.inner.head_object(REF)).size == 10
        slept.append(seconds)

    transport = faulty()
    transport.script.on("put_object", 1, Delay(1.5, sleep))
    drive(transport.put_object(REF, b"new"))
    assert slept == [1.5]
    assert drive(transport.inner.head_object(REF)).size == 3


@pytest.mark.parametrize("run", [asyncio.run, drive])
def test_a_delay_works_with_and_without_an_event_loop(run: Callable[[Any], Any]) -> None:
    transport = faulty()
    transport.script.on("head_object", 1, Delay(0.001))
    assert run(transport.head_object(REF)).size == 10


def test_a_body_that_breaks_off_leaves_what_arrived_and_nothing_to_rely_on_behind_it() -> None:
    transport = faulty()
    transport.script.on("get_object_range", None, BreakOff(after=3))
    buffer = io.BytesIO(bytes(8))
    with buffer.getbuffer() as view, pytest.raises(S3IncompleteReadError) as caught:
        drive(transport.get_object_range(REF, ByteRange(1, 7), into=view))
    error = caught.value
    assert (error.start, error.received, error.object_size) == (1, 3, 10)
    assert error.etag == drive(transport.inner.head_object(REF)).etag
    assert buffer.getvalue()[:3] == b"123"
    assert b"4" not in buffer.getvalue()
    buffer.write(b"0")  # which a view that was left would forbid


@pytest.mark.parametrize("fault", [BreakOff(after=3), LoseAnswer()])
def test_a_fault_that_keeps_an_answer_lets_go_of_the_buffer(fault: Fault) -> None:
    transport = faulty()
    transport.script.on("*", None, fault)
    buffer = bytearray(10)
    with memoryview(buffer) as view, pytest.raises(S3ConnectionError) as caught:
        drive(transport.get_object_range(REF, ByteRange(0), into=view))
    assert caught.value.__traceback__ is not None
    buffer.append(0)  # a BufferError if another view of it were alive


def test_what_hangs_and_is_cancelled_lets_go_of_the_buffer() -> None:
    async def program() -> None:
        transport = faulty()
        hang = Hang(done=True)
        transport.script.on("*", None, hang)
        buffer = bytearray(10)
        with memoryview(buffer) as view:
            read = asyncio.create_task(transport.get_object_range(REF, ByteRange(0), into=view))
            await hang.entered()
            read.cancel()
            with pytest.raises(asyncio.CancelledError) as caught:
                await read
        assert caught.value.__traceback__ is not None
        buffer.append(0)  # a BufferError if another view of it were alive

    asyncio.run(program())


def test_a_body_that_is_shorter_than_where_it_would_break_off_arrives() -> None:
    transport = faulty()
    transport.script.on("*", None, BreakOff(after=10))
    assert drive(transport.get_object_range(REF, ByteRange(0))).data == b"0123456789"
    assert drive(transport.head_object(REF)).size == 10
    with pytest.raises(ValueError, match="got -1"):
        BreakOff(after=-1)


@pytest.mark.parametrize(("done", "size"), [(False, 10), (True, 3)])
def test_a_request_that_hangs_can_be_cancelled_right_there(done: bool, size: int) -> None:
    async def program() -> None:
        transport = faulty()
        hang = Hang(done=done)
        transport.script.on("put_object", 1, hang)
        put = asyncio.create_task(transport.put_object(REF, b"new"))
        await hang.entered()
        put.cancel()
        with pytest.raises(asyncio.CancelledError):
            await put
        hang.release()
        assert (await transport.inner.head_object(REF)).size == size

    asyncio.run(program())


@pytest.mark.parametrize(("done", "size"), [(False, 10), (True, 3)])
def test_a_stubborn_request_is_cancelled_when_it_is_released(done: bool, size: int) -> None:
    async def program() -> None:
        transport = faulty()
        hang = Hang(done=done, stubborn=True)
        transport.script.on("put_object", 1, hang)
        put = asyncio.create_task(transport.put_object(REF, b"new"))
        await hang.entered()
        put.cancel()
        for _ in range(5):
            await asyncio.sleep(0)
        assert not put.done()
        hang.release()
        with pytest.raises(asyncio.CancelledError):
            await put
        assert (await transport.inner.head_object(REF)).size == size

    asyncio.run(program())


def test_an_error_is_an_answer_that_can_hang_too() -> None:
    async def program() -> None:
        transport = faulty()
        hang = Hang(done=True)
        transport.script.on("head_object", 1, hang)
        head = asyncio.create_task(transport.head_object(ObjectRef("bucket", "missing")))
        await hang.entered()
        assert not head.done()
        hang.release()
        with pytest.raises(S3NotFoundError):
            await head

    asyncio.run(program())


def test_a_request_that_hangs_goes_on_when_it_is_released_from_another_thread_too() -> None:
    async def program() -> None:
        transport = faulty()
        hang = Hang()
        transport.script.on("head_object", None, hang)
        head = asyncio.create_task(transport.head_object(REF))
        await hang.entered()
        await asyncio.to_thread(hang.release)
        assert (await head).size == 10
        assert (await transport.head_object(REF)).size == 10, "nothing hangs any more"

    asyncio.run(program())


def test_a_request_that_hangs_without_an_event_loop_blocks_its_thread() -> None:
    transport = faulty()
    hang = Hang()
    transport.script.on("get_object_range", 1, hang)
    got: list[bytes] = []
    thread = threading.Thread(target=lambda: got.append(S3FileSystem(transport=transport).cat_file("bucket/key")))
    thread.start()
    drive(hang.entered())
    assert not got
    hang.release()
    thread.join()
    assert got == [b"0123456789"]


def test_releasing_what_hangs_in_an_event_loop_that_was_closed_is_nothing() -> None:
    async def program() -> None:
        head.send(None)

    transport = faulty()
    hang = Hang()
    transport.script.on("head_object", 1, hang)
    head = transport.head_object(REF)
    asyncio.run(program())
    hang.release()
    head.close()
    assert transport.in_flight == 0


# --- the proxy -----------------------------------------------------------------------------------

BUCKET = "faults"
OBJECT = ObjectRef(BUCKET, "key")


@functools.cache
def session() -> boto3.session.Session:
    return boto3.session.Session(aws_access_key_id=KEY, aws_secret_access_key=SECRET)


ONCE = Config(
    retries={"total_max_attempts": 1, "mode": "standard"},
    request_checksum_calculation="when_required",
)


@dataclass(frozen=True)
class Connection:
    """A `ConnectionLike`. All share a session, which makes a client in a tenth of the time."""

    s3_endpoint_url: str
    session: object = field(default_factory=session)
    region_name: str | None = "us-east-1"
    config: object | None = ONCE


Program = Callable[[ThreadedBoto3Transport], Coroutine[Any, Any, None]]


def run(endpoint: str, program: Program, *, read_timeout: float = 20) -> None:
    async def use() -> None:
        transport = ThreadedBoto3Transport(Connection(endpoint), read_timeout=read_timeout)
        try:
            await program(transport)
        finally:
            await transport.aclose()

    asyncio.run(use())


async def put_the_object(transport: ThreadedBoto3Transport) -> None:
    with suppress(S3AlreadyExistsError):
        await transport.create_bucket(BUCKET)
    await transport.put_object(OBJECT, DATA)


@pytest.fixture(scope="module")
def server(rclone_endpoint: str) -> str:
    run(rclone_endpoint, put_the_object)
    return rclone_endpoint


@pytest.fixture
def proxy(server: str) -> Iterator[FaultProxy]:
    with FaultProxy(server) as proxy:
        yield proxy


@pytest.mark.parametrize("kind", ["rclone", "moto"])  # the first checks signatures, the second closes connections
def test_a_proxy_without_faults_passes_everything_on(kind: str, request: pytest.FixtureRequest) -> None:
    async def program(transport: ThreadedBoto3Transport) -> None:
        await put_the_object(transport)
        new = ObjectRef(BUCKET, "new")
        upload = await transport.create_multipart_upload(new)
        parts = [await transport.upload_part(upload, number, DATA * 5) for number in (1, 2)]
        await transport.complete_multipart_upload(upload, parts)
        assert bytes((await transport.get_object_range(new, ByteRange(0))).data) == DATA * 10
        await transport.put_object(new, b"")
        assert (await transport.head_object(new)).size == 0
        assert {each.key for each in (await transport.list_objects(BUCKET)).objects} == {"key", "new"}
        await transport.copy_object(OBJECT, new)
        await transport.delete_objects(BUCKET, [ObjectKey("new")])
        with pytest.raises(S3NotFoundError):
            await transport.head_object(new)

    with FaultProxy(request.getfixturevalue(f"{kind}_endpoint")) as proxy:
        run(proxy.endpoint, program)
    assert proxy.requests == [
        "create_bucket",
        "put_object",
        "create_multipart_upload",
        "upload_part",
        "upload_part",
        "complete_multipart_upload",
        "get_object_range",
        "put_object",
        "head_object",
        "list_objects",
        "copy_object",
        "delete_objects",
        "head_object",
    ]
    # A client that has its answer may ask on another connection before the proxy has seen the end of it.
    assert proxy.in_flight == 0
    assert proxy.peak_in_flight <= 2


def test_a_proxy_keeps_connections_that_the_server_keeps(proxy: FaultProxy) -> None:
    async def program(transport: ThreadedBoto3Transport) -> None:
        for _ in range(5):
            await transport.list_buckets()

    run(proxy.endpoint, program)
    assert (len(proxy.requests), proxy.connections) == (5, 1)


def test_a_proxy_counts_what_is_in_flight(server: str) -> None:
    async def program(transport: ThreadedBoto3Transport) -> None:
        stall = Stall()
        counting.script.on("*", None, stall)
        heads = [asyncio.create_task(transport.head_object(OBJECT)) for _ in range(5)]
        async with asyncio.timeout(10):
            while counting.in_flight < 5:  # noqa: ASYNC110 - the threads of the proxy know nothing of the event loop
                await asyncio.sleep(0.001)
        stall.release()
        await asyncio.gather(*heads)

    with FaultProxy(server) as counting:
        run(counting.endpoint, program)
    assert (counting.connections, counting.in_flight, counting.peak_in_flight) == (5, 0, 5)


@pytest.mark.parametrize(("fault", "read_timeout"), [(Reset, 20), (Short, 20), (Stall, 1)])
def test_a_body_that_breaks_off_is_an_incomplete_read_that_tells_what_arrived(
    proxy: FaultProxy, fault: Callable[[int], ProxyFault], read_timeout: float
) -> None:
    async def program(transport: ThreadedBoto3Transport) -> None:
        proxy.script.on("get_object_range", 1, fault(400_000))
        buffer = bytearray(len(DATA))
        with pytest.raises(S3IncompleteReadError) as caught:
            await transport.get_object_range(OBJECT, ByteRange(0), into=memoryview(buffer))
        assert caught.value.received <= 400_000
        assert buffer[: caught.value.received] == DATA[: caught.value.received]
        assert caught.value.retryable

    run(proxy.endpoint, program, read_timeout=read_timeout)


GET_HEAD_PUT_LIST = pytest.mark.parametrize(
    "call",
    [
        lambda to: to.get_object_range(OBJECT, ByteRange(0)),
        lambda to: to.head_object(OBJECT),
        lambda to: to.put_object(OBJECT, DATA),
        lambda to: to.list_objects(BUCKET),
    ],
    ids=["get", "head", "put", "list"],
)


@GET_HEAD_PUT_LIST
@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Reset(), S3ConnectionError),
        (Short(), S3ConnectionError),
        (Garbage(), S3ConnectionError),
        (SlowDown(), S3ThrottledError),
        (SlowDown(retry_after=7), S3ThrottledError),
    ],
    ids=["reset", "short", "garbage", "slow down", "slow down, and when to try again"],
)
def test_an_answer_that_does_not_come_or_refuses_is_a_retryable_error(
    proxy: FaultProxy,
    call: Callable[[S3Transport], Coroutine[Any, Any, object]],
    fault: ProxyFault,
    kind: type[S3Error],
) -> None:
    async def program(transport: ThreadedBoto3Transport) -> None:
        proxy.script.on("*", 1, fault)
        with pytest.raises(S3Error) as caught:
            await call(transport)
        assert type(caught.value) is kind
        assert caught.value.retryable
        assert caught.value.retry_after == getattr(fault, "retry_after", None)
        await call(transport)

    run(proxy.endpoint, program)
    assert len(proxy.requests) == 2


@GET_HEAD_PUT_LIST
def test_an_answer_that_stalls_is_a_timeout(
    proxy: FaultProxy, call: Callable[[S3Transport], Coroutine[Any, Any, object]]
) -> None:
    async def program(transport: ThreadedBoto3Transport) -> None:
        proxy.script.on("*", 1, Stall())
        with pytest.raises(S3TimeoutError) as caught:
            await call(transport)
        assert caught.value.retryable

    run(proxy.endpoint, program, read_timeout=0.3)


@pytest.mark.parametrize(
    "call",
    [
        lambda to, upload, parts: to.complete_multipart_upload(upload, parts),
        lambda to, upload, parts: to.copy_object(OBJECT, ObjectRef(BUCKET, "copy")),
        lambda to, upload, parts: to.delete_objects(BUCKET, [ObjectKey("other")]),
    ],
    ids=["complete", "copy", "delete"],
)
@pytest.mark.parametrize(
    ("code", "kind"), [("InternalError", S3ServerError), ("SlowDown", S3ThrottledError)], ids=["500", "503"]
)
def test_an_error_in_an_answer_of_200_is_an_error(
    proxy: FaultProxy, call: Callable[..., Coroutine[Any, Any, object]], code: str, kind: type[S3Error]
) -> None:
    async def program(transport: ThreadedBoto3Transport) -> None:
        upload = await transport.create_multipart_upload(ObjectRef(BUCKET, "upload"))
        parts = [await transport.upload_part(upload, 1, b"data")]
        proxy.script.on("*", None, ErrorIn200(code))
        with pytest.raises(S3Error) as caught:
            await call(transport, upload, parts)
        assert type(caught.value) is kind
        assert (caught.value.code, caught.value.retryable) == (code, True)
        assert (await transport.head_object(OBJECT)).size == len(DATA), "this has no such answers"
        proxy.script.clear()
        await transport.abort_multipart_upload(upload)

    run(proxy.endpoint, program)


def test_a_fault_may_be_of_ones_own(proxy: FaultProxy) -> None:
    class Teapot:
        def happen(self, exchange: Exchange) -> None:
            assert exchange.operation == "list_objects"
            exchange.answer("418 I'm a teapot")

    async def program(transport: ThreadedBoto3Transport) -> None:
        proxy.script.on("list_objects", 1, Teapot())
        with pytest.raises(S3Error, match="418"):
            await transport.list_objects(BUCKET)

    run(proxy.endpoint, program)


def test_a_proxy_that_stops_ends_what_stalls(server: str) -> None:
    async def program() -> None:
        with FaultProxy(server) as proxy:
            transport = ThreadedBoto3Transport(Connection(proxy.endpoint), read_timeout=20)
            stall = Stall(after=0)
            proxy.script.on("*", None, stall)
            read = asyncio.create_task(transport.get_object_range(OBJECT, ByteRange(0)))
            await stall.entered()
        with pytest.raises(S3IncompleteReadError):
            await read
        await transport.aclose()

    before = set(threading.enumerate())
    asyncio.run(program())
    assert [each for each in set(threading.enumerate()) - before if not each.name.startswith("pyathena-s3")] == []


@pytest.mark.parametrize("upstream", ["https://127.0.0.1:9", "127.0.0.1:9", "http://127.0.0.1:9/path"])
def test_a_server_that_the_proxy_cannot_speak_to_is_refused(upstream: str) -> None:
    with pytest.raises(ValueError, match="http://host:port, got"):
        FaultProxy(upstream)


def test_a_filesystem_works_through_a_proxy(proxy: FaultProxy) -> None:
    fs = AioS3FileSystem(endpoint_url=proxy.endpoint, key=KEY, secret=SECRET)
    assert fs.cat_file(f"{BUCKET}/key") == DATA
    fs.close()
