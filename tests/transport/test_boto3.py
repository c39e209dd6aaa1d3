"""What the boto3 transports do beyond the contract: clients, threads, forks, cancellation, the table of errors."""

from __future__ import annotations

import asyncio
import base64
import contextvars
import http.server
import pickle
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from types import MappingProxyType, SimpleNamespace
from typing import Any

import boto3.session
import pytest
from botocore import UNSIGNED
from botocore import exceptions as boto
from botocore.config import Config
from typing_extensions import override
from urllib3 import exceptions as urllib3

from pyathena.runtime import drive
from pyathena.transport import (
    BlockingBoto3Transport,
    ByteRange,
    ConnectionLike,
    CopyOptions,
    DeletedObject,
    DeleteError,
    GetOptions,
    MultipartUpload,
    ObjectKey,
    ObjectRef,
    PutOptions,
    S3AlreadyExistsError,
    S3ChecksumError,
    S3ClosedError,
    S3ConflictError,
    S3ConnectionError,
    S3Error,
    S3ExpiredCredentialsError,
    S3IncompleteReadError,
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
from pyathena.transport._boto3_cancellation import Abandoned, Abandonment
from pyathena.transport._boto3_errors import translated
from pyathena.transport._boto3_requests import _Body
from tests.servers import StallingServer

REF = ObjectRef("bucket", "key")
SECRET = "a-secret-that-nobody-may-see"


def client_of(transport: ThreadedBoto3Transport | BlockingBoto3Transport) -> Any:
    return transport._requests(transport._state())._client()


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


class Answers:
    """As much of a boto3 client as the transport uses: each operation answers, or raises, what it is given here."""

    def __init__(self, **answers: Any) -> None:
        config = SimpleNamespace(max_pool_connections=4, request_checksum_calculation="when_required")
        self.meta: Any = SimpleNamespace(config=config, region_name="us-east-1")
        self.answers = answers
        self.asked: list[dict[str, Any]] = []

    def __getattr__(self, name: str) -> Any:
        def operation(**params: Any) -> Any:
            self.asked.append(params)
            if isinstance(self.answers[name], Exception):
                raise self.answers[name]
            return self.answers[name]

        return operation

    def close(self) -> None:
        pass

    def generate_presigned_url(self, ClientMethod: str, Params: Any = None, ExpiresIn: int = 0) -> str:  # noqa: N803
        raise NotImplementedError


def answered(**answers: Any) -> BlockingBoto3Transport:
    """A transport whose server answers this."""
    return BlockingBoto3Transport(client=Answers(**answers))


@contextmanager
def server(respond: Callable[[http.server.BaseHTTPRequestHandler], None]) -> Iterator[tuple[str, list[object]]]:
    """An HTTP server that answers GET by ``respond``: its URL, and a growing list of the connections made to it."""
    connections: list[object] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        @override
        def setup(self) -> None:
            connections.append(self)
            super().setup()

        def do_GET(self) -> None:
            respond(self)

        @override
        def log_message(self, *args: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        listening.daemon_threads = True
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{listening.server_port}", connections
        listening.shutdown()
        thread.join()


class Gate(http.server.ThreadingHTTPServer):
    """Holds each HEAD and PUT until it is opened, then answers with a status; counts how many wait."""

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
                self.send_response(gate.status)
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
        self.status = 200

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
    transport = ThreadedBoto3Transport(
        key="k", secret=SECRET, region_name="eu-west-2", client_kwargs={"region_name": "eu-west-1"}
    )
    assert client_of(transport).meta.region_name == "eu-west-2"


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
    with pytest.warns(UserWarning, match="pool has 10 connections") as warned:
        ThreadedBoto3Transport(client=client, max_concurrency=20)
    assert warned[0].filename == __file__


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_concurrency": 0}, "got 0"),
        ({"connect_timeout": 0}, "connect_timeout .* got 0"),
        ({"read_timeout": -1}, "read_timeout .* got -1"),
        ({"key": "k"}, "without secret="),
        ({"secret": SECRET}, "without key="),
        ({"token": SECRET}, "without key= and secret="),
        ({"config_kwargs": {"max_pool_connections": 0}}, "max_pool_connections.* got 0"),
        ({"config_kwargs": {"max_pool_connections": None}}, "max_pool_connections.* got None"),
        ({"connection": Connection(), "key": "k", "secret": SECRET}, "leave out key=, secret="),
        ({"connection": Connection(), "endpoint_url": "http://127.0.0.1:9"}, "leave out endpoint_url="),
        ({"endpoint_url": f"http://user:{SECRET}@127.0.0.1:9"}, "give key= and secret="),
        ({"connection": Connection(), "use_ssl": False}, "leave out use_ssl="),
        ({"client": object(), "region_name": "eu-west-1"}, "client= is used as it is"),
        ({"client": object(), "use_ssl": False}, "client= is used as it is"),
    ],
)
def test_options_that_make_no_sense_are_refused_by_name(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        ThreadedBoto3Transport(**options)
    assert SECRET not in str(caught.value)


class ConnectionWithAUser(Connection):
    def __init__(self) -> None:
        super().__init__()
        self.s3_endpoint_url = f"http://user:{SECRET}@127.0.0.1:9"


@pytest.mark.parametrize(
    "options",
    [
        {"key": "k", "secret": SECRET, "client_kwargs": {"endpoint_url": f"http://user:{SECRET}@127.0.0.1:9"}},
        {"connection": ConnectionWithAUser()},
        {"key": "k", "secret": SECRET},  # and an endpoint of the environment
    ],
)
def test_an_endpoint_that_holds_a_user_is_refused_wherever_it_was_found(
    options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://user:{SECRET}@127.0.0.1:9")
    with pytest.raises(ValueError, match="give key= and secret=") as caught:
        drive(BlockingBoto3Transport(**options).head_object(REF))
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"profile": "no-such-profile"}, S3Error),
        ({"key": "k", "secret": SECRET, "region_name": "no region!"}, S3Error),
        ({"key": "k", "secret": SECRET, "config_kwargs": {"signature_version": "v0"}}, S3Error),
        ({"client_kwargs": {"aws_access_key_id": "k"}}, S3PermissionError),
    ],
)
@pytest.mark.parametrize(
    ("operation", "call"),
    [
        ("HeadObject", lambda to: to.head_object(REF)),
        ("CreateMultipartUpload", lambda to: to.create_multipart_upload(REF)),
        ("CreateBucket", lambda to: to.create_bucket("bucket")),
        ("GetObject", lambda to: to.presigned_url("get_object", REF)),
    ],
)
def test_a_client_that_cannot_be_made_is_an_s3_error_of_the_request(
    options: dict[str, Any], kind: type[S3Error], operation: str, call: Callable[[Any], Coroutine[Any, Any, object]]
) -> None:
    with pytest.raises(S3Error) as caught:
        drive(call(BlockingBoto3Transport(**options)))
    assert type(caught.value) is kind
    assert isinstance(caught.value.__cause__, boto.BotoCoreError)
    assert (caught.value.operation, caught.value.bucket, caught.value.retryable) == (operation, "bucket", False)


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


class SlowSession:
    """A session that takes long to make a client, as where credentials come from the network."""

    def __init__(self) -> None:
        self.begun, self.go_on = threading.Event(), threading.Event()
        self.was_told = False

    def client(self, *args: Any, **kwargs: Any) -> Any:
        self.begun.set()
        self.was_told = self.go_on.wait(5)
        return session().client(*args, **kwargs)


def test_making_a_client_does_not_hold_up_the_event_loop(gate: Gate) -> None:
    connection, slow = Connection(), SlowSession()
    connection.session = slow
    connection.s3_endpoint_url = f"http://127.0.0.1:{gate.server_port}"
    gate.opened.set()

    async def program() -> None:
        transport = ThreadedBoto3Transport(connection)
        first = asyncio.create_task(transport.head_object(REF))
        await asyncio.to_thread(slow.begun.wait, 10)
        second = asyncio.create_task(transport.head_object(REF))
        await asyncio.sleep(0)
        slow.go_on.set()
        await asyncio.gather(first, second)
        await transport.aclose()

    asyncio.run(program())
    assert slow.was_told


def cannot_start(thread: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


def test_a_request_that_gets_no_thread_may_be_repeated_and_is_never_sent(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def program(transport: ThreadedBoto3Transport) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(threading.Thread, "start", cannot_start)
            for _ in range(3):  # more often than there are threads
                with pytest.raises(S3Error, match="can't start new thread") as caught:
                    await transport.head_object(REF)
                assert type(caught.value) is S3Error
                assert caught.value.retryable
        gate.opened.set()
        await asyncio.wait_for(asyncio.gather(*[transport.head_object(REF) for _ in range(5)]), 10)
        assert gate.total == 5
        assert transport.peak_in_flight <= 2

    with transport_to(gate, max_concurrency=2) as transport:
        asyncio.run(program(transport))


def test_a_request_that_gets_no_thread_of_its_own_is_sent_by_one_that_is_there(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def program(transport: ThreadedBoto3Transport) -> None:
        first = asyncio.create_task(transport.head_object(REF))
        await asyncio.to_thread(gate.until_waiting, 1)
        with monkeypatch.context() as patched:
            patched.setattr(threading.Thread, "start", cannot_start)
            others = [asyncio.create_task(transport.head_object(REF)) for _ in range(3)]
            await asyncio.sleep(0.01)
            gate.opened.set()
            await asyncio.wait_for(asyncio.gather(first, *others), 10)
        assert gate.total == 4
        await asyncio.wait_for(asyncio.gather(*[transport.head_object(REF) for _ in range(4)]), 10)

    with transport_to(gate, max_concurrency=2) as transport:
        asyncio.run(program(transport))


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

    with transport_to(gate, max_concurrency=1, fast_path=False) as transport:  # which would wake its thread
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


@pytest.mark.parametrize("error", [OSError, RuntimeError, ValueError])
def test_abandoning_raises_nothing_whatever_becomes_of_the_connection(error: type[Exception]) -> None:
    def wake() -> None:
        raise error

    abandonment = Abandonment()
    with abandonment.woken_by(wake):
        abandonment.abandon()
    with pytest.raises(Abandoned):
        abandonment.check()


def test_what_was_abandoned_is_woken_while_it_reads_and_not_afterwards() -> None:
    woken = []
    abandonment = Abandonment()
    with abandonment.woken_by(lambda: woken.append("while it reads")):
        abandonment.abandon()
    abandonment.abandon()
    assert woken == ["while it reads"]
    with pytest.raises(Abandoned), abandonment.woken_by(None):
        raise AssertionError("there was nothing left to read for")


def test_a_cancelled_body_stops_before_its_next_block() -> None:
    abandonment = Abandonment()
    body = _Body(b"0123456789", abandonment)
    assert bytes(body.read(4)) == b"0123"
    abandonment.abandon()
    with pytest.raises(Abandoned):
        body.read(4)


def test_a_cancelled_body_that_is_out_waits_for_its_outcome() -> None:
    abandonment = Abandonment()
    body = _Body(b"0123456789", abandonment)
    body.read(10)
    abandonment.abandon()
    assert bytes(body.read(4)) == b""


@pytest.mark.parametrize(
    "call",
    [lambda to: to.head_object(REF), lambda to: to.put_object(REF, b"x"), lambda to: to.copy_object(REF, REF)],
    ids=["head", "put", "copy"],
)
def test_nothing_is_attempted_again_for_a_caller_that_was_cancelled(
    gate: Gate, call: Callable[[ThreadedBoto3Transport], Coroutine[Any, Any, object]]
) -> None:
    async def program(transport: ThreadedBoto3Transport) -> None:
        task = asyncio.create_task(call(transport))
        await asyncio.to_thread(gate.until_waiting, 1)
        task.cancel()
        await asyncio.sleep(0)
        gate.status = 503
        gate.opened.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        await transport.aclose()  # waits for the thread

    with transport_to(gate, config_kwargs={"retries": {"total_max_attempts": 5, "mode": "standard"}}) as transport:
        asyncio.run(program(transport))
    assert gate.total == 1


def test_a_coroutine_that_is_thrown_away_leaves_its_buffer_alone() -> None:
    data = b"x" * 2_000_000
    mine = b"\xaa" * len(data)
    buffer = bytearray(len(data))

    async def program(stalling: StallingServer) -> None:
        transport = ThreadedBoto3Transport(key="k", secret=SECRET, endpoint_url=stalling.endpoint)
        read = transport.get_object_range(REF, ByteRange(0), into=memoryview(buffer))
        read.send(None)
        assert await asyncio.to_thread(stalling.started.wait, 10)
        read.close()
        buffer[:] = mine
        stalling.release()
        await transport.aclose()

    with StallingServer(data, sent=1_000_000) as stalling:
        asyncio.run(program(stalling))
    assert buffer == mine


def test_a_read_that_was_done_when_it_was_cancelled_lets_go_of_the_buffer() -> None:
    def respond(request: http.server.BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("ETag", '"etag"')
        request.send_header("Content-Length", "4")
        request.end_headers()
        request.wfile.write(b"data")

    async def program(url: str) -> None:
        transport = ThreadedBoto3Transport(key="k", secret=SECRET, endpoint_url=url)
        with memoryview(buffer) as view:
            read = transport.get_object_range(REF, ByteRange(0), into=view)
            read.send(None)
            threads = transport._state().threads
            assert threads is not None
            while threads._running:
                time.sleep(0.001)  # noqa: ASYNC251 - the event loop must not learn of its end
            with pytest.raises(asyncio.CancelledError) as caught:
                read.throw(asyncio.CancelledError())
        buffer.append(0)  # a BufferError if another view of it were alive, such as in the traceback
        del caught
        await transport.aclose()

    buffer = bytearray(4)
    with server(respond) as (url, _):
        asyncio.run(program(url))
    assert buffer == b"data\0"


def test_a_read_that_was_cancelled_before_its_headers_came_does_not_wait_for_its_body() -> None:
    asked, answer_it, ended = (threading.Event() for _ in range(3))

    def respond(request: http.server.BaseHTTPRequestHandler) -> None:
        asked.set()
        answer_it.wait(20)
        request.send_response(200)
        request.send_header("ETag", '"etag"')
        request.send_header("Content-Length", "1000000")
        request.end_headers()
        ended.wait(20)  # with the body

    async def program(url: str) -> None:
        transport = ThreadedBoto3Transport(key="k", secret=SECRET, endpoint_url=url)
        read = asyncio.create_task(transport.get_object_range(REF, ByteRange(0)))
        assert await asyncio.to_thread(asked.wait, 10)
        read.cancel()
        with pytest.raises(asyncio.CancelledError):
            await read
        answer_it.set()
        await asyncio.wait_for(transport.aclose(), 5)
        ended.set()

    with server(respond) as (url, _):
        asyncio.run(program(url))


def test_a_request_that_has_a_thread_is_under_way_before_the_thread_awakes(gate: Gate) -> None:
    gate.opened.set()

    async def program(transport: ThreadedBoto3Transport) -> None:
        await transport.head_object(REF)  # makes a thread
        head = asyncio.create_task(transport.head_object(REF))
        await asyncio.sleep(0)  # begins the task
        await transport.aclose()
        assert (await head).etag == '"etag"'

    with transport_to(gate) as transport:
        asyncio.run(program(transport))


def test_closing_without_a_loop_waits_for_the_requests_of_other_threads(gate: Gate) -> None:
    transport = BlockingBoto3Transport(key="k", secret=SECRET, endpoint_url=f"http://127.0.0.1:{gate.server_port}")
    requesting = threading.Thread(target=drive, args=(transport.head_object(REF),))
    requesting.start()
    gate.until_waiting(1)
    closing = threading.Thread(target=drive, args=(transport.aclose(),))
    closing.start()
    closing.join(0.05)
    assert closing.is_alive()
    gate.opened.set()
    requesting.join(10)
    closing.join(10)
    assert not closing.is_alive()


def test_a_transport_that_was_closed_begins_nothing_anew() -> None:
    transport = BlockingBoto3Transport(key="k", secret=SECRET, endpoint_url="http://127.0.0.1:9")
    drive(transport.aclose())
    with pytest.raises(S3ClosedError):
        drive(transport.head_object(REF))
    assert transport._by_process == {}


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
    transport = BlockingBoto3Transport(key="k", secret=SECRET, endpoint_url="http://127.0.0.1:9")
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


# --- bodies --------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [GetOptions(), GetOptions(part_number=1)], ids=["range", "part"])
def test_a_body_that_is_not_that_of_its_checksum_is_a_checksum_error(options: GetOptions) -> None:
    def respond(request: http.server.BaseHTTPRequestHandler) -> None:
        assert request.headers["x-amz-checksum-mode"] == "ENABLED"
        request.send_response(200)
        request.send_header("ETag", '"etag"')
        request.send_header("Content-Length", "10")
        request.send_header("x-amz-checksum-crc32", base64.b64encode(zlib.crc32(b"good bytes").to_bytes(4)).decode())
        request.end_headers()
        request.wfile.write(bodies.pop())

    bodies = [b"bad bytes!", b"good bytes"]
    with server(respond) as (url, _):
        transport = BlockingBoto3Transport(
            key="k", secret=SECRET, endpoint_url=url, config_kwargs={"response_checksum_validation": "when_supported"}
        )
        assert drive(transport.get_object_range(REF, ByteRange(0), options=options)).data == b"good bytes"
        with pytest.raises(S3ChecksumError) as caught:
            drive(transport.get_object_range(REF, ByteRange(0), options=options))
        assert caught.value.retryable
        drive(transport.aclose())


@pytest.mark.parametrize("size", [0, 1, 1_000_000])
@pytest.mark.parametrize("fast_path", [True, False])
def test_a_body_read_to_its_end_gives_its_connection_back(size: int, fast_path: bool) -> None:
    def respond(request: http.server.BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("ETag", '"etag"')
        request.send_header("Content-Length", str(size))
        request.end_headers()
        request.wfile.write(bytes(size))

    with server(respond) as (url, connections):
        transport = BlockingBoto3Transport(key="k", secret=SECRET, endpoint_url=url, fast_path=fast_path)
        reads = [
            drive(transport.get_object_range(REF, ByteRange(0), options=GetOptions(part_number=1))) for _ in range(4)
        ]
        drive(transport.aclose())
    assert [read.data for read in reads] == [bytes(size)] * 4
    assert len(connections) == 1


class BreakingBody:
    """A body of which some bytes come, and then an error."""

    def __init__(self, data: bytes, error: Exception) -> None:
        self.data, self.error, self.closed = data, error, False

    def read(self, size: int) -> bytes:
        if not self.data:
            raise self.error
        chunk, self.data = self.data[:size], self.data[size:]
        return chunk

    def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize(
    "error",
    [
        urllib3.SSLError("decryption failed"),
        urllib3.DecodeError("not gzip"),
        boto.ReadTimeoutError(endpoint_url=None),
        boto.ResponseStreamingError(error="reset"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_whatever_breaks_a_body_off_what_arrived_is_told(error: Exception) -> None:
    body = BreakingBody(b"01234", error)
    transport = answered(get_object={"ContentLength": 10, "ETag": '"etag"', "Body": body})
    buffer = bytearray(10)
    with pytest.raises(S3IncompleteReadError) as caught:
        drive(transport.get_object_range(REF, ByteRange(0), into=memoryview(buffer)))
    assert caught.value.received == 5
    assert buffer[:5] == b"01234"
    assert caught.value.__cause__ is error
    assert caught.value.retryable
    assert body.closed


@pytest.mark.parametrize(
    ("status", "content_range"), [(206, None), (206, "bytes 0-9/*"), (206, "bytes 5-14/20"), (200, "10 bytes")]
)
def test_a_range_that_is_not_the_one_asked_for_is_an_error_of_the_servers(
    status: int, content_range: str | None
) -> None:
    told = {} if content_range is None else {"ContentRange": content_range}
    body = BreakingBody(b"0123456789", AssertionError("read too far"))
    transport = answered(
        get_object={
            "ContentLength": 10,
            "ETag": '"etag"',
            "Body": body,
            "ResponseMetadata": {"HTTPStatusCode": status},
            **told,
        }
    )
    with pytest.raises(S3ServerError, match="Asked for bytes=0-9") as caught:
        drive(transport.get_object_range(REF, ByteRange(0, 10)))
    assert not caught.value.retryable
    assert body.closed


# --- requests ------------------------------------------------------------------------------------


def test_any_mapping_is_metadata(gate: Gate) -> None:
    gate.opened.set()
    transport = BlockingBoto3Transport(key="k", secret=SECRET, endpoint_url=f"http://127.0.0.1:{gate.server_port}")
    options = PutOptions(metadata=MappingProxyType({"name": "value"}))
    assert drive(transport.put_object(REF, b"x", options=options)).etag == '"etag"'
    drive(transport.aclose())


def test_a_condition_is_sent_whatever_its_value() -> None:
    client = Answers(head_object={"ContentLength": 1, "ETag": '"etag"'}, put_object={"ETag": '"etag"'})
    transport = BlockingBoto3Transport(client=client)
    drive(transport.head_object(REF, options=GetOptions(if_match="", if_none_match="")))
    drive(transport.put_object(REF, b"", options=PutOptions(if_match="")))
    assert [(asked.get("IfMatch"), asked.get("IfNoneMatch")) for asked in client.asked] == [("", ""), ("", None)]


def test_a_listing_begins_behind_a_key_on_its_first_page_only() -> None:
    client = Answers(list_objects_v2={})
    transport = BlockingBoto3Transport(client=client)
    drive(transport.list_objects("bucket", start_after="key"))
    drive(transport.list_objects("bucket", start_after="key", token="token"))
    assert [asked.get("StartAfter") for asked in client.asked] == ["key", None]


UPLOAD = MultipartUpload("bucket", "key", "upload")


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        (lambda to: to.put_object(REF, b"", options=PutOptions(if_none_match="*")), S3AlreadyExistsError),
        (lambda to: to.put_object(REF, b"", options=PutOptions(if_match='"x"')), S3PreconditionError),
        (
            lambda to: to.put_object(REF, b"", options=PutOptions(extra_args={"IfNoneMatch": "*"})),
            S3AlreadyExistsError,
        ),
        (lambda to: to.copy_object(REF, REF, options=CopyOptions(if_none_match="*")), S3AlreadyExistsError),
        (
            lambda to: to.copy_object(REF, REF, options=CopyOptions(if_none_match="*", source_if_match='"x"')),
            S3PreconditionError,
        ),
        (
            lambda to: to.upload_part_copy(
                UPLOAD, 1, REF, options=CopyOptions(if_none_match="*", source_if_match='"x"')
            ),
            S3PreconditionError,
        ),
        (
            lambda to: to.head_object(REF, options=GetOptions(if_match='"x"', if_none_match="*")),
            S3PreconditionError,
        ),
    ],
)
def test_a_failed_precondition_is_already_exists_only_where_it_can_mean_nothing_else(
    call: Callable[[Any], Coroutine[Any, Any, object]], kind: type[S3Error]
) -> None:
    error = answer("PreconditionFailed", 412)
    transport = answered(put_object=error, copy_object=error, upload_part_copy=error, head_object=error)
    with pytest.raises(S3Error) as caught:
        drive(call(transport))
    assert type(caught.value) is kind


# --- answers -------------------------------------------------------------------------------------

NULL = ObjectKey("key", "null")
CURRENT = ObjectKey("key")


@pytest.mark.parametrize(
    ("keys", "answer", "deleted", "denied"),
    [
        ([NULL], {"Deleted": [{"Key": "key"}]}, [NULL], []),
        ([NULL], {"Deleted": [{"Key": "key", "VersionId": ""}]}, [NULL], []),
        ([CURRENT], {"Deleted": [{"Key": "key", "VersionId": ""}]}, [CURRENT], []),
        ([CURRENT], {"Deleted": [{"Key": "key", "VersionId": "null"}]}, [CURRENT], []),
        ([CURRENT], {"Errors": [{"Key": "key", "VersionId": "null", "Code": "AccessDenied"}]}, [], [CURRENT]),
        ([CURRENT, NULL], {"Deleted": [{"Key": "key"}, {"Key": "key"}]}, [CURRENT, NULL], []),
        (
            [CURRENT, NULL],
            {
                "Deleted": [{"Key": "key", "VersionId": "null"}],
                "Errors": [{"Key": "key", "Code": "AccessDenied"}],
            },
            [NULL],
            [CURRENT],
        ),
        (
            [CURRENT],
            {"Deleted": [{"Key": "key"}], "Errors": [{"Key": "key", "Code": "AccessDenied"}]},
            [],
            [CURRENT],
        ),
        ([ObjectKey("key", "1")], {"Deleted": [{"Key": "key", "VersionId": "1"}]}, [ObjectKey("key", "1")], []),
    ],
)
def test_deleting_tells_of_each_key_that_was_asked_whatever_the_server_calls_its_version(
    keys: list[ObjectKey], answer: Mapping[str, Any], deleted: list[ObjectKey], denied: list[ObjectKey]
) -> None:
    result = drive(answered(delete_objects=answer).delete_objects("bucket", keys))
    assert result.deleted == tuple(DeletedObject(key.key, key.version_id) for key in deleted)
    assert result.errors == tuple(DeleteError(key.key, key.version_id, "AccessDenied", "") for key in denied)


@pytest.mark.parametrize("answer", [{}, {"Errors": [{"Code": "InternalError"}]}, {"Deleted": [{"Key": "other"}]}])
def test_a_key_that_the_answer_does_not_name_was_not_deleted(answer: Mapping[str, Any]) -> None:
    result = drive(answered(delete_objects=answer).delete_objects("bucket", [CURRENT]))
    assert result.deleted == ()
    assert [(error.key, error.code) for error in result.errors] == [("key", "NoAnswer")]


LISTINGS: list[tuple[str, str]] = [
    ("list_objects_v2", "list_objects"),
    ("list_object_versions", "list_object_versions"),
    ("list_multipart_uploads", "list_multipart_uploads"),
]


@pytest.mark.parametrize(("operation", "method"), LISTINGS)
@pytest.mark.parametrize("marker", [{}, {"NextContinuationToken": "", "NextKeyMarker": ""}], ids=["none", "empty"])
def test_a_page_that_is_not_the_last_and_tells_no_next_is_an_error_of_the_servers(
    operation: str, method: str, marker: dict[str, str]
) -> None:
    transport = answered(**{operation: {"IsTruncated": True, **marker}})
    with pytest.raises(S3ServerError, match="The answer lacks Next") as caught:
        drive(getattr(transport, method)("bucket"))
    assert not caught.value.retryable
    assert caught.value.bucket == "bucket"


@pytest.mark.parametrize(("operation", "method"), LISTINGS[1:])
@pytest.mark.parametrize("token", ["x", "é", *(base64.b64encode(t).decode() for t in (b"5", b"[1, 2]", b"\xff"))])
def test_a_token_that_no_page_told_is_an_invalid_request(operation: str, method: str, token: str) -> None:
    with pytest.raises(S3InvalidRequestError, match="no token") as caught:
        drive(getattr(answered(**{operation: {}}), method)("bucket", token=token))
    assert (caught.value.code, caught.value.bucket) == ("InvalidArgument", "bucket")


NOW = datetime(2024, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("operation", "answer", "lacking"),
    [
        ("list_objects_v2", {"Contents": [{"Key": "key", "Size": 1, "LastModified": NOW}]}, "ETag"),
        ("list_objects_v2", {"CommonPrefixes": [{}]}, "Prefix"),
        ("list_object_versions", {"Versions": [{"Key": "key", "IsLatest": True, "LastModified": NOW}]}, "VersionId"),
        ("list_object_versions", {"DeleteMarkers": [{}]}, "Key"),
        ("list_multipart_uploads", {"Uploads": [{"Key": "key"}]}, "UploadId"),
        ("list_buckets", {"Buckets": [{}]}, "Name"),
        ("get_object_tagging", {"TagSet": [{"Key": "name"}]}, "Value"),
        ("get_object_tagging", {}, "TagSet"),
        ("copy_object", {"CopyObjectResult": {}}, "ETag"),
    ],
)
def test_an_answer_that_lacks_something_is_an_error_of_the_servers(
    operation: str, answer: dict[str, Any], lacking: str
) -> None:
    transport = answered(**{operation: answer})
    calls: dict[str, Callable[[], Coroutine[Any, Any, object]]] = {
        "list_objects_v2": lambda: transport.list_objects("bucket"),
        "list_object_versions": lambda: transport.list_object_versions("bucket"),
        "list_multipart_uploads": lambda: transport.list_multipart_uploads("bucket"),
        "list_buckets": transport.list_buckets,
        "get_object_tagging": lambda: transport.get_object_tagging(REF),
        "copy_object": lambda: transport.copy_object(REF, REF),
    }
    with pytest.raises(S3ServerError, match=f"The answer lacks {lacking} ") as caught:
        drive(calls[operation]())
    assert not caught.value.retryable
