"""What the boto3 transports do beyond the contract: clients, threads, forks, cancellation, the table of errors."""

from __future__ import annotations

import asyncio
import contextvars
import http.server
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import boto3.session
import pytest
from botocore import UNSIGNED
from botocore import exceptions as boto
from botocore.config import Config
from typing_extensions import override

from pyathena.runtime import drive
from pyathena.transport import (
    BlockingBoto3Transport,
    ByteRange,
    ConnectionLike,
    ObjectRef,
    S3AlreadyExistsError,
    S3ChecksumError,
    S3ClosedError,
    S3ConflictError,
    S3ConnectionError,
    S3Error,
    S3ExpiredCredentialsError,
    S3InvalidRangeError,
    S3InvalidRequestError,
    S3NotFoundError,
    S3NotModifiedError,
    S3NotSupportedError,
    S3PermissionError,
    S3PreconditionError,
    S3ServerError,
    S3ThrottledError,
    S3TimeoutError,
    ThreadedBoto3Transport,
)
from pyathena.transport._boto3_errors import translated

REF = ObjectRef("bucket", "key")
SECRET = "a-secret-that-nobody-may-see"


def client_of(transport: ThreadedBoto3Transport | BlockingBoto3Transport) -> Any:
    return transport._requests(transport._state())._client


def session() -> Any:
    return boto3.session.Session(
        aws_access_key_id="testkey123", aws_secret_access_key=SECRET, region_name="eu-central-1"
    )


class Connection:
    """As much of a connection to Athena as a transport wants to know."""

    def __init__(self, config: object | None = None) -> None:
        self.session: object = session()
        self.region_name: str | None = "eu-west-3"
        self.config = config
        self.s3_endpoint_url: str | None = "http://127.0.0.1:9"


class Gate(http.server.ThreadingHTTPServer):
    """Holds each HEAD and PUT until it is opened, then answers 200; counts how many wait."""

    daemon_threads = True

    def __init__(self) -> None:
        gate = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_HEAD(self) -> None:
                with gate.changed:
                    gate.waiting += 1
                    gate.peak = max(gate.peak, gate.waiting)
                    gate.total += 1
                    gate.changed.notify_all()
                gate.opened.wait(20)
                with gate.changed:
                    gate.waiting -= 1
                self.send_response(200)
                self.send_header("ETag", '"etag"')
                self.send_header("Content-Length", "0")
                self.end_headers()

            def do_PUT(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                self.do_HEAD()

            @override
            def log_message(self, *args: Any) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        self.changed = threading.Condition()
        self.opened = threading.Event()
        self.waiting = self.peak = self.total = 0

    def until_waiting(self, count: int) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: self.waiting >= count, timeout=20)


@pytest.fixture
def gate() -> Iterator[Gate]:
    server = Gate()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.opened.set()
    server.shutdown()
    thread.join()
    server.server_close()


@contextmanager
def transport_to(gate: Gate, **options: Any) -> Iterator[ThreadedBoto3Transport]:
    transport = ThreadedBoto3Transport(
        key="testkey123", secret=SECRET, endpoint_url=f"http://127.0.0.1:{gate.server_port}", **options
    )
    yield transport
    gate.opened.set()
    asyncio.run(transport.aclose())


# --- clients -------------------------------------------------------------------------------------


def test_options_become_a_client() -> None:
    transport = ThreadedBoto3Transport(
        key="testkey123",
        secret=SECRET,
        token="token",
        region_name="eu-west-2",
        max_concurrency=7,
        connect_timeout=1,
        read_timeout=2,
        config_kwargs={"s3": {"addressing_style": "path"}},
    )
    config = client_of(transport).meta.config
    assert (config.region_name, config.max_pool_connections) == ("eu-west-2", 7)
    assert (config.connect_timeout, config.read_timeout) == (1, 2)
    assert config.s3["addressing_style"] == "path"
    assert "pyathena/" in config.user_agent


def test_the_defaults_are_64_requests_and_short_timeouts() -> None:
    transport = ThreadedBoto3Transport(key="testkey123", secret=SECRET)
    config = client_of(transport).meta.config
    assert transport.max_concurrency == config.max_pool_connections == 64
    assert (config.connect_timeout, config.read_timeout) == (5, 15)


def test_a_pool_size_in_config_kwargs_is_the_number_of_requests() -> None:
    transport = ThreadedBoto3Transport(key="k", secret=SECRET, config_kwargs={"max_pool_connections": 12})
    assert transport.max_concurrency == client_of(transport).meta.config.max_pool_connections == 12


def test_anonymous_requests_are_not_signed_and_drop_credentials() -> None:
    transport = ThreadedBoto3Transport(
        anon=True,
        key="testkey123",
        secret=SECRET,
        client_kwargs={"aws_access_key_id": "x", "aws_secret_access_key": "y"},
    )
    assert client_of(transport).meta.config.signature_version is UNSIGNED


def test_named_options_win_over_client_kwargs() -> None:
    transport = ThreadedBoto3Transport(
        key="k",
        secret=SECRET,
        endpoint_url="http://127.0.0.1:9",
        client_kwargs={"endpoint_url": "http://127.0.0.1:10", "region_name": "eu-west-1", "use_ssl": False},
    )
    meta = client_of(transport).meta
    assert (meta.endpoint_url, meta.region_name) == ("http://127.0.0.1:9", "eu-west-1")


def test_a_connection_gives_session_region_endpoint_and_configuration() -> None:
    connection = Connection(Config(read_timeout=3))
    assert isinstance(connection, ConnectionLike)
    meta = client_of(ThreadedBoto3Transport(connection)).meta
    assert (meta.region_name, meta.endpoint_url) == ("eu-west-3", "http://127.0.0.1:9")
    assert (meta.config.read_timeout, meta.config.max_pool_connections) == (3, 64)


@pytest.mark.parametrize(
    ("endpoint_url", "options", "expected"),
    [
        ("http://127.0.0.1:9", {}, "when_required"),
        ("https://minio.example.org", {}, "when_required"),
        (
            "https://minio.example.org",
            {"config_kwargs": {"request_checksum_calculation": "when_supported"}},
            "when_supported",
        ),
        ("https://s3.eu-west-1.amazonaws.com", {}, "when_supported"),
        (None, {}, "when_supported"),
    ],
)
def test_custom_endpoints_get_checksums_only_where_s3_requires_them(
    endpoint_url: str | None, options: dict[str, Any], expected: str
) -> None:
    transport = ThreadedBoto3Transport(key="k", secret=SECRET, endpoint_url=endpoint_url, **options)
    assert client_of(transport).meta.config.request_checksum_calculation == expected


def test_an_endpoint_of_the_environment_is_a_custom_one_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    config = client_of(ThreadedBoto3Transport(key="k", secret=SECRET)).meta.config
    assert config.response_checksum_validation == "when_required"


def test_a_client_that_is_passed_in_is_used_and_not_closed(moto_endpoint: str) -> None:
    client = session().client("s3", endpoint_url=moto_endpoint)
    client.create_bucket(Bucket="passed-in", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    transport = ThreadedBoto3Transport(client=client)
    assert transport.max_concurrency == 10
    assert asyncio.run(transport.head_bucket("passed-in")).name == "passed-in"
    asyncio.run(transport.aclose())
    assert client.head_bucket(Bucket="passed-in")
    client.close()


def test_a_client_whose_pool_is_smaller_than_asked_is_told_of() -> None:
    client = session().client("s3")
    with pytest.warns(UserWarning, match="pool has 10 connections"):
        ThreadedBoto3Transport(client=client, max_concurrency=20)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_concurrency": 0}, "got 0"),
        ({"connect_timeout": 0}, "connect_timeout .* got 0"),
        ({"read_timeout": -1}, "read_timeout .* got -1"),
        ({"key": "k"}, "without secret="),
        ({"secret": SECRET}, "without key="),
        ({"connection": Connection(), "key": "k", "secret": SECRET}, "leave out key=, secret="),
        ({"connection": Connection(), "endpoint_url": "http://127.0.0.1:9"}, "leave out endpoint_url="),
        ({"endpoint_url": f"http://user:{SECRET}@127.0.0.1:9"}, "give key= and secret="),
        ({"client": object(), "region_name": "eu-west-1"}, "client= is used as it is"),
    ],
)
def test_options_that_make_no_sense_are_refused_by_name(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        ThreadedBoto3Transport(**options)
    assert SECRET not in str(caught.value)


def test_an_unknown_option_is_refused_by_name() -> None:
    with pytest.raises(TypeError, match="regoin"):
        ThreadedBoto3Transport(regoin="eu-west-1")  # type: ignore[call-arg]  # that is the point


def test_a_connection_that_is_none_says_what_it_needs() -> None:
    with pytest.raises(TypeError, match="s3_endpoint_url"):
        ThreadedBoto3Transport("s3://bucket")  # type: ignore[arg-type]  # that is the point


def test_no_secret_is_shown() -> None:
    transport = ThreadedBoto3Transport(key="testkey123", secret=SECRET, token=SECRET)
    assert SECRET not in repr(transport)
    assert SECRET not in repr(transport._options)


def test_a_transport_of_options_can_be_pickled() -> None:
    transport = ThreadedBoto3Transport(
        key="testkey123", secret=SECRET, endpoint_url="http://127.0.0.1:9", max_concurrency=3
    )
    again = pickle.loads(pickle.dumps(transport))
    assert again.max_concurrency == 3
    assert client_of(again).meta.endpoint_url == "http://127.0.0.1:9"


def test_a_transport_of_a_client_says_why_it_cannot_be_pickled() -> None:
    with pytest.raises(TypeError, match="make it from options"):
        pickle.dumps(ThreadedBoto3Transport(client=session().client("s3")))


def test_presigned_urls_are_signed_with_version_4() -> None:
    transport = BlockingBoto3Transport(key="testkey123", secret=SECRET, region_name="us-east-1")
    url = drive(transport.presigned_url("get_object", REF, expires_in=60))
    assert "X-Amz-Algorithm=AWS4-HMAC-SHA256" in url
    assert "X-Amz-Expires=60" in url
    assert SECRET not in url


# --- threads -------------------------------------------------------------------------------------


def ours() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("pyathena-s3")]


def test_as_many_requests_are_in_flight_as_max_concurrency_says(gate: Gate) -> None:
    async def program(transport: ThreadedBoto3Transport) -> None:
        heads = [asyncio.create_task(transport.head_object(REF)) for _ in range(15)]
        await asyncio.sleep(0)
        await asyncio.to_thread(gate.until_waiting, 5)
        gate.opened.set()
        await asyncio.gather(*heads)

    with transport_to(gate, max_concurrency=5) as transport:
        asyncio.run(program(transport))
    assert gate.total == 15
    assert gate.peak == transport.peak_in_flight == 5


def test_threads_are_made_on_first_use_named_and_released(gate: Gate) -> None:
    before = len(ours())
    gate.opened.set()
    with transport_to(gate) as transport:
        assert len(ours()) == before
        asyncio.run(transport.head_object(REF))
        assert len(ours()) == before + 1
    deadline = time.monotonic() + 10
    while len(ours()) > before and time.monotonic() < deadline:
        time.sleep(0.001)
    assert len(ours()) == before


def test_context_variables_reach_the_thread() -> None:
    variable = contextvars.ContextVar("variable", default="unset")
    seen = []

    def look(**kwargs: Any) -> None:
        seen.append((variable.get(), threading.current_thread().name))
        raise boto.EndpointConnectionError(endpoint_url="nowhere")

    client = session().client("s3", endpoint_url="http://127.0.0.1:9")
    client.meta.events.register("before-call.s3", look)

    async def program() -> None:
        variable.set("set")
        with pytest.raises(S3ConnectionError):
            await ThreadedBoto3Transport(client=client).head_object(REF)

    asyncio.run(program())
    assert seen[0][0] == "set"
    assert seen[0][1].startswith("pyathena-s3")


def test_the_executor_of_the_loop_is_left_to_others(gate: Gate) -> None:
    async def program(transport: ThreadedBoto3Transport) -> None:
        heads = [asyncio.create_task(transport.head_object(REF)) for _ in range(40)]
        await asyncio.sleep(0)
        assert await asyncio.wait_for(asyncio.to_thread(lambda: "free"), 10) == "free"
        gate.opened.set()
        await asyncio.gather(*heads)

    with transport_to(gate) as transport:
        asyncio.run(program(transport))


def test_without_an_event_loop_the_threaded_transport_says_what_to_use() -> None:
    with pytest.raises(TypeError, match="BlockingBoto3Transport"):
        ThreadedBoto3Transport(key="k", secret=SECRET).head_object(REF).send(None)


FORK = """
import asyncio, os, sys, threading
from pyathena.filesystem.s3 import AioS3FileSystem, S3FileSystem
from pyathena.transport import ThreadedBoto3Transport, ObjectRef, ByteRange

options = dict(key="testkey123", secret="secret", endpoint_url=sys.argv[1], region_name="us-east-1")
transport = ThreadedBoto3Transport(**options)
blocking = S3FileSystem(allow_bucket_creation=True, **options)
blocking.mkdir("fork-bucket")
blocking.pipe_file("fork-bucket/key", b"data" * 5_000_000)

async def read():
    return (await transport.get_object_range(ObjectRef("fork-bucket", "key"), ByteRange(0, 4))).data

assert asyncio.run(read()) == b"data"
assert blocking.cat_file("fork-bucket/key")[:4] == b"data"
child = os.fork()
if child == 0:
    ok = asyncio.run(read()) == b"data" and len(blocking.cat_file("fork-bucket/key")) == 20_000_000
    asyncio.run(transport.aclose())
    os._exit(0 if ok else 1)
assert asyncio.run(read()) == b"data"
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert asyncio.run(read()) == b"data"
print("both read")
"""


def test_a_forked_child_goes_on_with_threads_and_connections_of_its_own(moto_endpoint: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", FORK, moto_endpoint], check=False, capture_output=True, text=True, timeout=50
    )
    assert ran.stdout == "both read\n", ran.stderr


# --- cancellation --------------------------------------------------------------------------------


def test_a_cancelled_read_ends_at_once_and_its_slot_is_free_when_its_thread_is(gate: Gate) -> None:
    async def program(transport: ThreadedBoto3Transport) -> None:
        head = asyncio.create_task(transport.head_object(REF))
        await asyncio.to_thread(gate.until_waiting, 1)
        began = time.monotonic()
        head.cancel()
        with pytest.raises(asyncio.CancelledError):
            await head
        assert time.monotonic() - began < 0.5
        second = asyncio.create_task(transport.head_object(REF))
        await asyncio.sleep(0.05)
        assert gate.total == 1, "the thread still serves the first"
        gate.opened.set()
        await second

    with transport_to(gate, max_concurrency=1) as transport:
        asyncio.run(program(transport))


def test_a_request_that_waits_for_a_thread_is_never_sent_after_being_cancelled(gate: Gate) -> None:
    async def program(transport: ThreadedBoto3Transport) -> None:
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


def test_a_cancelled_write_ends_when_its_outcome_is_known(gate: Gate) -> None:
    async def program(transport: ThreadedBoto3Transport) -> None:
        put = asyncio.create_task(transport.put_object(REF, b"x"))
        await asyncio.to_thread(gate.until_waiting, 1)
        put.cancel()
        await asyncio.sleep(0.01)
        put.cancel()
        await asyncio.sleep(0.01)
        assert not put.done()
        gate.opened.set()
        with pytest.raises(asyncio.CancelledError):
            await put

    with transport_to(gate) as transport:
        asyncio.run(program(transport))


def test_a_timeout_around_a_write_is_not_lost(gate: Gate) -> None:
    async def program(transport: ThreadedBoto3Transport) -> None:
        threading.Timer(0.1, gate.opened.set).start()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await transport.put_object(REF, b"x")

    with transport_to(gate) as transport:
        asyncio.run(program(transport))


def test_closing_waits_for_what_is_under_way_and_refuses_what_waits(gate: Gate) -> None:
    async def program(transport: ThreadedBoto3Transport) -> None:
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


# --- errors --------------------------------------------------------------------------------------


def answer(code: str, status: int, **headers: str) -> boto.ClientError:
    meta = {"HTTPStatusCode": status, "RequestId": "request", "HostId": "host", "HTTPHeaders": headers}
    return boto.ClientError({"Error": {"Code": code, "Message": "the words"}, "ResponseMetadata": meta}, "GetObject")


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("NoSuchKey", 404, S3NotFoundError),
        ("NoSuchBucket", 404, S3NotFoundError),
        ("NoSuchUpload", 404, S3NotFoundError),
        ("NoSuchVersion", 404, S3NotFoundError),
        ("404", 404, S3NotFoundError),
        ("AccessDenied", 403, S3PermissionError),
        ("403", 403, S3PermissionError),
        ("SignatureDoesNotMatch", 403, S3PermissionError),
        ("InvalidObjectState", 403, S3PermissionError),
        ("InvalidToken", 400, S3PermissionError),
        ("ExpiredToken", 400, S3ExpiredCredentialsError),
        ("BucketAlreadyOwnedByYou", 409, S3AlreadyExistsError),
        ("BucketNotEmpty", 409, S3ConflictError),
        ("ConditionalRequestConflict", 409, S3ConflictError),
        ("PreconditionFailed", 412, S3PreconditionError),
        ("304", 304, S3NotModifiedError),
        ("InvalidRange", 416, S3InvalidRangeError),
        ("InvalidArgument", 400, S3InvalidRequestError),
        ("RequestTimeout", 400, S3TimeoutError),
        ("BadDigest", 400, S3ChecksumError),
        ("SlowDown", 503, S3ThrottledError),
        ("TooManyRequests", 429, S3ThrottledError),
        ("InternalError", 500, S3ServerError),
        ("InternalError", 200, S3ServerError),
        ("SlowDown", 200, S3ThrottledError),
        ("NotImplemented", 501, S3NotSupportedError),
        ("BadGateway", 502, S3ServerError),
        ("MethodNotAllowed", 405, S3Error),
        ("PermanentRedirect", 301, S3Error),
    ],
)
def test_an_answer_that_is_an_error_becomes_the_s3_error_that_fits(code: str, status: int, kind: type[S3Error]) -> None:
    original = answer(code, status)
    with pytest.raises(S3Error) as caught, translated("GetObject", "bucket", "key"):
        raise original
    error = caught.value
    assert type(error) is kind
    assert error.__cause__ is original
    assert (error.code, error.status, error.operation) == (code, status, "GetObject")
    assert (error.bucket, error.key, error.request_id, error.host_id) == ("bucket", "key", "request", "host")
    assert "bucket/key" in str(error)
    assert error.retryable == issubclass(kind, (S3ThrottledError, S3ServerError, S3TimeoutError, S3ChecksumError))
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), vars(again)) == (kind, str(error), vars(error))


@pytest.mark.parametrize(
    ("original", "kind", "retryable"),
    [
        (boto.ReadTimeoutError(endpoint_url="there"), S3TimeoutError, True),
        (boto.ConnectTimeoutError(endpoint_url="there"), S3TimeoutError, True),
        (boto.EndpointConnectionError(endpoint_url="there"), S3ConnectionError, True),
        (boto.ConnectionClosedError(endpoint_url="there"), S3ConnectionError, True),
        (boto.ResponseStreamingError(error="broken"), S3ConnectionError, True),
        (boto.SSLError(endpoint_url="there", error="certificate"), S3ConnectionError, False),
        (boto.NoCredentialsError(), S3PermissionError, False),
        (boto.PartialCredentialsError(provider="env", cred_var="secret"), S3PermissionError, False),
        (boto.FlexibleChecksumError(error_msg="differs"), S3ChecksumError, True),
        (ConnectionResetError("reset"), S3ConnectionError, True),
        (boto.InvalidDNSNameError(bucket_name="_"), S3Error, False),
    ],
)
def test_what_never_was_an_answer_becomes_the_s3_error_that_fits(
    original: Exception, kind: type[S3Error], retryable: bool
) -> None:
    with pytest.raises(S3Error) as caught, translated("PutObject", "bucket", "key"):
        raise original
    assert type(caught.value) is kind
    assert caught.value.__cause__ is original
    assert caught.value.retryable is retryable


def test_a_failed_precondition_of_must_not_exist_is_already_exists() -> None:
    with pytest.raises(S3AlreadyExistsError), translated("PutObject", "bucket", "key", must_not_exist=True):
        raise answer("PreconditionFailed", 412)


def test_what_the_server_asks_for_is_told() -> None:
    with pytest.raises(S3ThrottledError) as throttled, translated("GetObject"):
        raise answer("SlowDown", 503, **{"retry-after": "7"})
    assert throttled.value.retry_after == 7
    with pytest.raises(S3InvalidRangeError) as beyond, translated("GetObject"):
        raise answer("InvalidRange", 416, **{"content-range": "bytes */12"})
    assert beyond.value.object_size == 12


def test_a_server_that_nobody_listens_at_is_a_connection_error() -> None:
    transport = BlockingBoto3Transport(
        key="k", secret=SECRET, endpoint_url="http://127.0.0.1:9", config_kwargs={"retries": {"total_max_attempts": 1}}
    )
    with pytest.raises(S3ConnectionError, match="bucket/key") as caught:
        transport.head_object(REF).send(None)
    assert caught.value.retryable


def test_a_body_that_breaks_off_tells_what_arrived() -> None:
    data = bytes(range(256)) * 4096

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(206)
            self.send_header("ETag", '"etag"')
            self.send_header("Content-Range", f"bytes 0-{len(data) - 1}/{len(data)}")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data[:700_000])

        @override
        def log_message(self, *args: Any) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        transport = BlockingBoto3Transport(
            key="k", secret=SECRET, endpoint_url=f"http://127.0.0.1:{server.server_port}"
        )
        buffer = bytearray(len(data))
        read: Callable[[], object] = lambda: transport.get_object_range(  # noqa: E731
            REF, ByteRange(0), into=memoryview(buffer)
        ).send(None)
        with pytest.raises(S3Error) as caught:
            read()
        server.shutdown()
        thread.join()
    error = caught.value
    assert (error.start, error.etag, error.object_size) == (0, '"etag"', len(data))  # type: ignore[attr-defined]
    received: int = error.received  # type: ignore[attr-defined]  # S3IncompleteReadError
    assert 0 < received <= 700_000
    assert buffer[:received] == data[:received]
    assert error.retryable
