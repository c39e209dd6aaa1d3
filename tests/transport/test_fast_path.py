"""Which requests go beside boto3, that they mean the same there, and that what goes wrong there harms no other."""

from __future__ import annotations

import asyncio
import base64
import gc
import hashlib
import logging
import re
import socket
import socketserver
import ssl
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import boto3.session
import pytest
from botocore.client import BaseClient
from botocore.endpoint import Endpoint
from botocore.exceptions import ClientError, CredentialRetrievalError
from botocore.httpsession import URLLib3Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from moto import mock_aws
from typing_extensions import override

from pyathena.runtime import drive
from pyathena.transport import (
    BlockingBoto3Transport,
    ByteRange,
    DeleteOptions,
    GetOptions,
    MultipartUpload,
    ObjectKey,
    ObjectRef,
    PutOptions,
    S3ChecksumError,
    S3ConnectionError,
    S3Error,
    S3IncompleteReadError,
    S3NotSupportedError,
    S3PermissionError,
    S3TimeoutError,
    ThreadedBoto3Transport,
)
from pyathena.transport._boto3_fast_path import FastPath

KEY = "testkey123"
SECRET = "a-secret-that-nobody-may-see"
REF = ObjectRef("bucket", "key")
UPLOAD = MultipartUpload("bucket", "key", "upload")


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    connection: int

    @property
    def by(self) -> str:
        return "boto3" if "amz-sdk-invocation-id" in self.headers else "fast"


class Server(socketserver.ThreadingTCPServer):
    """Notes requests, and sends for each the bytes that ``answer`` makes; it hangs up where they are none.

    ``answer`` may also send on the socket itself, which is its second argument. Interim answers that botocore waits
    for are sent.
    """

    daemon_threads = True

    def __init__(
        self, answer: Callable[[Request, socket.socket], bytes | None], certificate: Path | None = None
    ) -> None:
        self.answer = answer
        self.requests: list[Request] = []
        self.connections = 0
        super().__init__(("127.0.0.1", 0), _Handler)
        self.port: int = self.server_address[1]
        self.tls: ssl.SSLContext | None = None
        if certificate is not None:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(certificate)
        self.url = f"{'http' if certificate is None else 'https'}://127.0.0.1:{self.port}"

    @property
    def ways(self) -> list[str]:
        return [request.by for request in self.requests]

    @override
    def handle_error(self, request: object, client_address: object) -> None:
        pass  # the client hung up


class _Handler(socketserver.BaseRequestHandler):
    server: Server

    @override
    def handle(self) -> None:
        server = self.server
        server.connections += 1
        connection = server.connections
        sock = self.request if server.tls is None else server.tls.wrap_socket(self.request, server_side=True)
        with sock, sock.makefile("rb") as stream:
            while first := stream.readline():
                method, target, _ = first.decode("latin-1").split(" ")
                headers = {}
                while line := stream.readline().decode("latin-1").rstrip("\r\n"):
                    name, _, value = line.partition(": ")
                    headers[name.lower()] = value
                if headers.get("expect"):
                    sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
                if "content-length" in headers and "x-hands-off" not in headers:
                    body = stream.read(int(headers["content-length"]))
                elif headers.get("transfer-encoding") == "chunked":
                    body = b""
                    while size := int(stream.readline(), 16):
                        body += stream.read(size)
                        stream.readline()
                    while stream.readline() != b"\r\n":
                        pass
                else:
                    body = b""
                request = Request(method, target, headers, body, connection)
                server.requests.append(request)
                sent = server.answer(request, sock)
                if sent is None:
                    return
                sock.sendall(sent)


@contextmanager
def serving(
    answer: Callable[[Request, socket.socket], bytes | None], certificate: Path | None = None
) -> Iterator[Server]:
    with Server(answer, certificate) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def answer(status: int, body: bytes = b"", *, head: bool = False, **headers: str) -> bytes:
    told = {"content-length": str(len(body)), **{name.replace("_", "-"): value for name, value in headers.items()}}
    lines = "".join(f"{name}: {value}\r\n" for name, value in told.items())
    return f"HTTP/1.1 {status} Said\r\n{lines}\r\n".encode() + (b"" if head else body)


DATA = b"0123456789"


def good(request: Request, sock: socket.socket | None = None) -> bytes:
    """Answer as S3 does."""
    if "list-type=2" in request.target:
        return answer(200, b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>")
    if request.method == "POST":
        keys = re.findall(rb"<Key>(.*?)</Key>", request.body)
        deleted = b"".join(b"<Deleted><Key>" + key + b"</Key></Deleted>" for key in keys)
        return answer(200, b"<DeleteResult>" + deleted + b"</DeleteResult>")
    if request.method == "PUT":
        return answer(200, etag='"etag"')
    modified = "Thu, 29 Feb 2024 12:30:00 GMT"
    return answer(200, DATA, head=request.method == "HEAD", etag='"etag"', last_modified=modified)


SIX: dict[str, Callable[[Any], Any]] = {
    "head_object": lambda to: to.head_object(REF),
    "get_object": lambda to: to.get_object_range(REF, ByteRange(0)),
    "put_object": lambda to: to.put_object(REF, b"data"),
    "upload_part": lambda to: to.upload_part(UPLOAD, 1, b"data"),
    "list_objects": lambda to: to.list_objects("bucket"),
    "delete_objects": lambda to: to.delete_objects("bucket", [ObjectKey("key")]),
}


@contextmanager
def blocking(url: str | None, **options: Any) -> Iterator[BlockingBoto3Transport]:
    given: dict[str, Any] = {"key": KEY, "secret": SECRET, "region_name": "us-east-1", "endpoint_url": url, **options}
    transport = BlockingBoto3Transport(**{name: value for name, value in given.items() if value is not None})
    try:
        yield transport
    finally:
        drive(transport.aclose())


def head(transport: BlockingBoto3Transport) -> Any:
    return drive(transport.head_object(REF))


def read(transport: BlockingBoto3Transport, **arguments: Any) -> Any:
    return drive(transport.get_object_range(REF, ByteRange(0), **arguments))


# --- which way -----------------------------------------------------------------------------------


explore = FastPath._explore


@pytest.fixture(autouse=True)
def _unexplored(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the way to a bucket be learned from the first request that boto3 sends, to have that to compare with."""

    def learn_nothing(path: FastPath, bucket: str) -> None:
        path._learning.pop(bucket).set()

    monkeypatch.setattr(FastPath, "_explore", learn_nothing)


@pytest.fixture
def _explored(_unexplored: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have it be learned before anything is sent, as it is."""
    monkeypatch.setattr(FastPath, "_explore", explore)


@pytest.mark.usefixtures("_explored")
@pytest.mark.parametrize("name", SIX)
def test_the_first_request_goes_by_the_fast_path_to_where_boto3_would_send_it(name: str) -> None:
    sent = []
    for fast_path in (True, False):
        with serving(good) as server, blocking(server.url, fast_path=fast_path) as transport:
            drive(SIX[name](transport))
        assert server.ways == ["fast" if fast_path else "boto3"]
        [request] = server.requests
        sent.append((request.method, request.target.partition("?")[0], request.headers["user-agent"].split()[0]))
    assert sent[0] == sent[1]


@pytest.mark.usefixtures("_explored")
def test_to_learn_the_way_nothing_is_sent_and_it_is_learned_once_for_each_bucket() -> None:
    with serving(good) as server, blocking(server.url) as transport:
        with mock.patch.object(FastPath, "_explore", autospec=True, side_effect=explore) as exploring:
            for bucket in ("bucket", "other", "bucket"):
                drive(transport.list_objects(bucket))
        assert [call.args[1] for call in exploring.call_args_list] == ["bucket", "other"]
    assert server.ways == ["fast"] * 3


@pytest.mark.usefixtures("_explored")
def test_many_that_come_at_once_learn_the_way_from_one() -> None:
    async def program() -> None:
        transport = ThreadedBoto3Transport(
            key=KEY, secret=SECRET, region_name="us-east-1", endpoint_url=server.url, max_concurrency=16
        )
        with mock.patch.object(FastPath, "_explore", autospec=True, side_effect=explore) as exploring:
            await asyncio.gather(*[transport.get_object_range(REF, ByteRange(0)) for _ in range(32)])
        await transport.aclose()
        exploring.assert_called_once()

    with serving(good) as server:
        asyncio.run(program())
    assert server.ways == ["fast"] * 32


@pytest.mark.usefixtures("_explored")
def test_where_the_way_cannot_be_learned_boto3_says_why() -> None:
    with serving(good) as server, blocking(server.url) as transport:
        with pytest.raises(S3Error, match="Invalid bucket name"):
            drive(transport.list_objects("no bucket"))
        drive(transport.list_objects("bucket"))
    assert server.ways == ["fast"]


@pytest.mark.usefixtures("_explored")
def test_a_bucket_that_is_elsewhere_from_the_first_request_on_is_followed() -> None:
    def respond(request: Request, sock: socket.socket) -> bytes:
        if "/eu-west-1/s3/" in request.headers["authorization"]:
            return good(request)
        body = b"<Error><Code>PermanentRedirect</Code><Region>eu-west-1</Region></Error>"
        return answer(301, body, x_amz_bucket_region="eu-west-1")

    with (
        serving(respond) as server,
        blocking(server.url, config_kwargs={"s3": {"addressing_style": "path"}}) as to,
        mock.patch("botocore.utils.S3RegionRedirectorv2.get_bucket_region", return_value="eu-west-1"),
    ):
        assert [read(to).data for _ in range(2)] == [DATA, DATA]
    assert (server.ways[0], server.ways[-1]) == ("fast", "fast")
    assert set(server.ways[1:-1]) == {"boto3"}


@pytest.mark.parametrize("name", SIX)
def test_what_carries_the_load_goes_by_the_fast_path_once_the_way_is_known(name: str) -> None:
    with serving(good) as server, blocking(server.url) as transport:
        told = [drive(SIX[name](transport)) for _ in range(3)]
    assert server.ways == ["boto3", "fast", "fast"]
    assert told[0] == told[1] == told[2]
    first, second, _ = server.requests
    assert second.method == first.method
    assert second.target.partition("?")[0] == first.target.partition("?")[0]
    assert second.headers["host"] == first.headers["host"]


def test_the_way_to_a_bucket_is_learned_for_each_bucket_from_any_request_to_it() -> None:
    with serving(good) as server, blocking(server.url) as transport:
        drive(transport.head_bucket("bucket"))
        head(transport)
        drive(transport.head_object(ObjectRef("other", "key")))
        drive(transport.list_objects("other"))
    assert server.ways == ["boto3", "fast", "boto3", "fast"]


@pytest.mark.parametrize("key", ["/", "//a", "a//b", "../b", "é ☃+?#%2F&=~", "k" * 1024, "."])
def test_any_key_is_asked_for_as_boto3_asks_for_it(key: str) -> None:
    with serving(good) as server, blocking(server.url) as transport:
        for _ in range(2):
            drive(transport.head_object(ObjectRef("bucket", key)))
    assert server.ways == ["boto3", "fast"]
    assert server.requests[0].target == server.requests[1].target


@pytest.mark.parametrize("path", ["", "/", "/a/path", "/a/path/"])
def test_an_endpoint_may_have_a_path(path: str) -> None:
    with serving(good) as server, blocking(server.url + path) as transport:
        for _ in range(2):
            head(transport)
            drive(transport.list_objects("bucket"))
    assert server.ways == ["boto3", "fast", "fast", "fast"]
    assert server.requests[0].target == server.requests[2].target
    with serving(good) as other, blocking(other.url + path, fast_path=False) as transport:
        drive(transport.list_objects("bucket"))
    assert other.requests[0].target.partition("?")[0] == server.requests[1].target.partition("?")[0]


def test_without_the_fast_path_all_go_by_boto3() -> None:
    with serving(good) as server, blocking(server.url, fast_path=False) as transport:
        for call in [*SIX.values()] * 2:
            drive(call(transport))
    assert set(server.ways) == {"boto3"}


def test_a_client_that_was_given_does_all_itself() -> None:
    session = boto3.session.Session(KEY, SECRET, region_name="us-east-1")
    with serving(good) as server:
        client = session.client("s3", endpoint_url=server.url)
        transport = BlockingBoto3Transport(client=client)
        for _ in range(2):
            head(transport)
        client.close()
    assert server.ways == ["boto3", "boto3"]


@pytest.mark.parametrize(
    "options",
    [
        {"config_kwargs": {"signature_version": "s3"}},
        {"config_kwargs": {"signature_version": "s3v4-query"}},
        {"config_kwargs": {"signature_version": "s3-query"}},
        {"client_kwargs": {"verify": False}},
        {"client_kwargs": {"verify": "/no/such/directory"}},
        {"config_kwargs": {"client_cert": "/no/such/file"}},
        {"config_kwargs": {"retries": {"mode": "standard"}}},
        {"config_kwargs": {"retries": {"mode": "legacy"}}},
        {"config_kwargs": {"retries": {"max_attempts": 1}}},
    ],
    ids=repr,
)
def test_what_the_fast_path_cannot_honour_is_left_to_boto3(options: dict[str, Any]) -> None:
    with serving(good) as server, blocking(server.url, **options) as transport:
        for _ in range(3):
            head(transport)
    assert server.ways == ["boto3"] * 3


def test_arguments_that_the_fast_path_does_not_know_are_left_to_boto3() -> None:
    with serving(good) as server, blocking(server.url) as transport:
        for extra_args in ({}, {"ResponseContentType": "text/plain"}, {"Key": "another"}):
            read(transport, options=GetOptions(extra_args=extra_args))
        assert server.ways == ["boto3"] * 3
        assert server.requests[-1].target.startswith("/bucket/another")
        with pytest.raises(S3NotSupportedError, match="UploadId"):
            read(transport, options=GetOptions(extra_args={"UploadId": "upload"}))


def test_a_proxy_of_the_configuration_is_honoured() -> None:
    with serving(good) as proxy:
        config = {"proxies": {"http": proxy.url}}
        with blocking("http://localhost.test", anon=True, key=None, secret=None, config_kwargs=config) as transport:
            for _ in range(2):
                head(transport)
    assert [request.target for request in proxy.requests] == ["http://localhost.test/bucket/key"] * 2
    assert proxy.ways == ["boto3", "boto3"]


def test_a_proxy_of_the_environment_is_honoured_but_where_it_is_excepted(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(good) as server, serving(good) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", "")
        with blocking(server.url) as transport:
            for _ in range(2):
                head(transport)
            # What is made once is not changed by the environment, as in boto3.
            monkeypatch.setenv("NO_PROXY", "127.0.0.1")
            head(transport)
        assert (proxy.ways, server.ways) == (["boto3"] * 3, [])
        with blocking(server.url) as transport:
            for _ in range(2):
                head(transport)
            monkeypatch.setenv("NO_PROXY", "")
            head(transport)
    assert (len(proxy.ways), server.ways) == (3, ["boto3", "fast", "fast"])


class Connection:
    """As much of a connection as a transport wants to know."""

    def __init__(self, endpoint: str, session: Any) -> None:
        self.session = session
        self.region_name: str | None = "us-east-1"
        self.config: object | None = None
        self.s3_endpoint_url: str | None = endpoint


@pytest.mark.parametrize(
    "event",
    [
        "creating-client-class.s3",
        "provide-client-params.s3.GetObject",
        "before-parameter-build.s3",
        "before-endpoint-resolution.s3",
        "before-call.s3.HeadObject",
        "request-created",
        "choose-signer.s3.*",
        "before-sign.s3",
        "before-send.*",
        "response-received.s3",
        "before-parse.s3",
        "needs-retry.s3",
        "after-call.s3.ListObjectsV2",
        "after-call-error.s3",
    ],
)
def test_event_handlers_of_others_see_every_request(event: str) -> None:
    session: Any = boto3.session.Session(KEY, SECRET, region_name="us-east-1")
    session.events.register(event, lambda **_: None)
    with serving(good) as server:
        transport = BlockingBoto3Transport(Connection(server.url, session))
        for _ in range(2):
            head(transport)
        drive(transport.aclose())
    assert server.ways == ["boto3", "boto3"]


def test_a_session_without_handlers_of_others_goes_by_the_fast_path() -> None:
    session: Any = boto3.session.Session(KEY, SECRET, region_name="us-east-1")
    session.events.register("before-send.ec2", lambda **_: None)
    with serving(good) as server:
        transport = BlockingBoto3Transport(Connection(server.url, session))
        for _ in range(2):
            head(transport)
        drive(transport.aclose())
    assert server.ways == ["boto3", "fast"]


@pytest.mark.parametrize(
    ("kind", "name"), [(BaseClient, "_make_api_call"), (Endpoint, "make_request"), (URLLib3Session, "send")]
)
def test_who_stands_in_for_botocore_sees_every_request(kind: Any, name: str) -> None:
    original = getattr(kind, name)
    seen = []

    def traced(self: Any, *args: Any, **kwargs: Any) -> Any:
        seen.append(name)
        return original(self, *args, **kwargs)

    with serving(good) as server, blocking(server.url) as transport:
        for _ in range(2):
            head(transport)
        with mock.patch.object(kind, name, traced):
            head(transport)
        head(transport)
    assert server.ways == ["boto3", "fast", "boto3", "fast"]
    assert seen == [name]


def test_a_mock_of_aws_that_is_switched_on_later_sees_every_request() -> None:
    with serving(good) as server, blocking(server.url) as transport:
        for _ in range(2):
            head(transport)
        with mock_aws():
            head(transport)  # moto leaves alone what is not AWS
        head(transport)
    assert server.ways == ["boto3", "fast", "boto3", "fast"]


# --- TLS and addresses ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key with a certificate that is its own authority, for 127.0.0.1 and some names of AWS."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    names = ["*.s3.eu-west-2.amazonaws.com", "s3.eu-west-2.amazonaws.com", "*.s3.amazonaws.com"]
    names += ["*.s3.dualstack.eu-west-2.amazonaws.com", "*.s3-fips.eu-west-2.amazonaws.com"]
    names += ["*.s3-accelerate.amazonaws.com", "*.s3-accesspoint.eu-west-2.amazonaws.com"]
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1")), *map(x509.DNSName, names)]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.mark.parametrize("variable", [None, "AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"])
def test_certificates_are_verified_by_whom_the_caller_trusts(
    variable: str | None, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options: dict[str, Any] = {}
    if variable is None:
        options["client_kwargs"] = {"verify": str(certificate)}
    else:
        monkeypatch.setenv(variable, str(certificate))
    with serving(good, certificate) as server, blocking(server.url, **options) as transport:
        for _ in range(3):
            assert read(transport).data == DATA
    assert server.ways == ["boto3", "fast", "fast"]
    assert server.connections == 2


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_certificate_that_does_not_verify_is_refused_as_by_boto3(host: str, certificate: Path) -> None:
    trust = {"client_kwargs": {"verify": str(certificate)}} if host == "localhost" else {}
    with serving(good, certificate) as server:
        url = f"https://{host}:{server.port}"
        told = []
        for fast_path in (True, False):
            with blocking(url, fast_path=fast_path, **trust) as transport:
                for _ in range(2):
                    with pytest.raises(S3ConnectionError) as caught:
                        head(transport)
                    told.append((type(caught.value.__cause__), caught.value.retryable))
    assert server.requests == []
    assert len(set(told)) == 1


@pytest.mark.parametrize(
    ("bucket", "options", "host"),
    [
        ("bucket", {}, "bucket.s3.eu-west-2.amazonaws.com"),
        ("bucket", {"s3": {"addressing_style": "path"}}, "s3.eu-west-2.amazonaws.com"),
        ("bucket.with.dots", {}, "s3.eu-west-2.amazonaws.com"),
        ("bucket", {"use_dualstack_endpoint": True}, "bucket.s3.dualstack.eu-west-2.amazonaws.com"),
        ("bucket", {"use_fips_endpoint": True}, "bucket.s3-fips.eu-west-2.amazonaws.com"),
        ("bucket", {"s3": {"use_accelerate_endpoint": True}}, "bucket.s3-accelerate.amazonaws.com"),
        (
            "arn:aws:s3:eu-west-2:123456789012:accesspoint/point",
            {},
            "point-123456789012.s3-accesspoint.eu-west-2.amazonaws.com",
        ),
    ],
)
def test_a_bucket_is_addressed_as_by_boto3(
    bucket: str, options: dict[str, Any], host: str, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate))
    with (
        serving(good, certificate) as server,
        blocking(None, region_name="eu-west-2", config_kwargs=options) as transport,
    ):
        there = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", server.port))]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: there)
        for _ in range(2):
            assert drive(transport.head_object(ObjectRef(bucket, "a key"))).size == len(DATA)
            drive(transport.list_objects(bucket))
            drive(transport.put_object(ObjectRef(bucket, "a key"), b"data"))
    assert server.ways == ["boto3", *["fast"] * 5]
    by_boto3, again = server.requests[0], server.requests[3]
    assert by_boto3.headers["host"] == again.headers["host"] == host
    assert by_boto3.target == again.target
    put = server.requests[-1].headers
    assert put["x-amz-content-sha256"] == "UNSIGNED-PAYLOAD"
    assert put["x-amz-checksum-crc32"] == base64.b64encode(zlib.crc32(b"data").to_bytes(4, "big")).decode()


def test_an_address_may_be_of_version_6() -> None:
    class Six(Server):
        address_family = socket.AF_INET6

        @override
        def server_bind(self) -> None:
            self.server_address = ("::1", 0)
            super().server_bind()

    try:
        server = Six(good)
    except OSError:
        pytest.skip("there is no IPv6 here")
    with server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        with blocking(f"http://[::1]:{server.port}") as transport:
            for _ in range(2):
                head(transport)
        server.shutdown()
        thread.join()
    assert server.ways == ["boto3", "fast"]
    assert server.requests[0].headers["host"] == server.requests[1].headers["host"] == f"[::1]:{server.port}"


@pytest.mark.parametrize("status", [301, 307, 400])
def test_a_bucket_that_is_elsewhere_is_followed_and_then_gone_to_at_once(status: int) -> None:
    """A bucket moves while we know the way; boto3 asks where it is and signs for that region."""
    moved = False
    code = {301: "PermanentRedirect", 307: "TemporaryRedirect", 400: "AuthorizationHeaderMalformed"}[status]

    def respond(request: Request, sock: socket.socket) -> bytes:
        there = "/eu-west-1/s3/" in request.headers["authorization"]
        if not moved or there:
            return good(request)
        body = f"<Error><Code>{code}</Code><Region>eu-west-1</Region></Error>".encode()
        return answer(status, body, head=request.method == "HEAD", x_amz_bucket_region="eu-west-1")

    with serving(respond) as server, blocking(server.url, config_kwargs={"s3": {"addressing_style": "path"}}) as to:
        for _ in range(2):
            read(to)
        moved = True
        with mock.patch("botocore.utils.S3RegionRedirectorv2.get_bucket_region", return_value="eu-west-1"):
            assert read(to).data == DATA
        assert read(to).data == DATA
    assert server.ways[:3] == ["boto3", "fast", "fast"]
    assert server.ways[-1] == "fast"
    assert "/eu-west-1/s3/" in server.requests[-1].headers["authorization"]
    assert set(server.ways[3:-1]) == {"boto3"}


# --- credentials ---------------------------------------------------------------------------------


class Session:
    """A session whose credentials change, or cannot be had."""

    def __init__(self) -> None:
        inner: Any = boto3.session.Session(KEY, SECRET, region_name="us-east-1")
        self.inner = inner
        self.current: Any = self.inner.get_credentials()
        self._session = self.inner._session
        self._session.get_credentials = lambda: self.current

    def client(self, *args: Any, **kwargs: Any) -> Any:
        return self.inner.client(*args, **kwargs)

    def get_credentials(self) -> Any:
        return self.current


class Renewed:
    """Credentials that are another pair each time, as those of a role become."""

    method = "test"
    account_id = None

    def get_deferred_property(self, name: str) -> Any:
        return lambda: getattr(self, name)

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.number = 0

    @property
    def access_key(self) -> str:
        return f"renewed{self.number}"

    secret_key = SECRET
    token = "a-token"

    def get_frozen_credentials(self) -> Any:
        if self.error is not None:
            raise self.error
        return SimpleNamespace(access_key=self.access_key, secret_key=SECRET, token=self.token, account_id=None)


def signer_of(request: Request) -> str | None:
    found = re.search(r"Credential=([^/]+)/", request.headers.get("authorization", ""))
    return None if found is None else found[1]


def test_credentials_that_were_renewed_sign_the_next_request() -> None:
    session, renewed = Session(), Renewed()
    session.current = renewed
    with serving(good) as server:
        transport = BlockingBoto3Transport(Connection(server.url, session))
        for renewed.number in (1, 1, 2, 2):
            head(transport)
        drive(transport.aclose())
    assert server.ways == ["boto3", "fast", "fast", "fast"]
    assert [signer_of(request) for request in server.requests] == ["renewed1", "renewed1", "renewed2", "renewed2"]
    assert {request.headers["x-amz-security-token"] for request in server.requests} == {"a-token"}
    assert "x-amz-security-token" in server.requests[-1].headers["authorization"]


def test_credentials_that_cannot_be_renewed_are_the_error_that_boto3_has() -> None:
    session, renewed = Session(), Renewed()
    session.current = renewed
    with serving(good) as server:
        transport = BlockingBoto3Transport(Connection(server.url, session))
        for _ in range(2):
            head(transport)
        renewed.error = CredentialRetrievalError(provider="test", error_msg="no")
        with pytest.raises(S3PermissionError) as caught:
            head(transport)
        assert isinstance(caught.value.__cause__, CredentialRetrievalError)
        drive(transport.aclose())


def test_credentials_that_were_found_anew_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(good) as server:
        transport = BlockingBoto3Transport(endpoint_url=server.url)
        for key in (KEY, "anotherkey"):
            monkeypatch.setenv("AWS_ACCESS_KEY_ID", key)
            drive(transport.refresh_credentials())
            for _ in range(2):
                head(transport)
        drive(transport.aclose())
    assert [signer_of(request) for request in server.requests] == [KEY, KEY, "anotherkey", "anotherkey"]
    assert server.ways == ["boto3", "fast"] * 2


def test_anonymous_requests_are_not_signed() -> None:
    with serving(good) as server, blocking(server.url, key=None, secret=None, anon=True) as transport:
        for _ in range(2):
            read(transport)
            drive(transport.put_object(REF, b"data"))
    assert server.ways == ["boto3", "fast", "fast", "fast"]
    assert not any("authorization" in request.headers for request in server.requests)


def test_no_secret_is_logged_or_told(caplog: pytest.LogCaptureFixture) -> None:
    def refuse(request: Request, sock: socket.socket) -> bytes:
        return answer(403, b"<Error><Code>AccessDenied</Code></Error>")

    shown: list[str] = []
    caplog.set_level(logging.DEBUG, "pyathena")
    with serving(refuse) as server, blocking(server.url, token=SECRET) as transport:
        for _ in range(2):
            with pytest.raises(S3PermissionError) as caught:
                read(transport)
            shown += [repr(caught.value), repr(caught.value.__cause__)]
        fast = transport._state().fast
        assert fast is not None
        shown += [repr(fast), repr(fast._routes), caplog.text]
    assert server.ways == ["boto3", "fast"]
    assert not any(SECRET in text for text in shown)


# --- payloads and checksums ----------------------------------------------------------------------


PROTECTION = ("x-amz-content-sha256", "x-amz-checksum-crc32", "x-amz-sdk-checksum-algorithm", "x-amz-checksum-mode")


@pytest.mark.slow
@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("checksums", ["when_required", "when_supported"])
@pytest.mark.parametrize("sign", [None, True, False])
def test_a_payload_is_protected_as_by_boto3(sign: bool | None, checksums: str, tls: bool, certificate: Path) -> None:
    config: dict[str, Any] = {"request_checksum_calculation": checksums, "response_checksum_validation": checksums}
    if sign is not None:
        config["s3"] = {"payload_signing_enabled": sign}
    trust = {"verify": str(certificate)} if tls else {}
    names = ["get_object", "put_object", "upload_part", "delete_objects"]
    with serving(good, certificate if tls else None) as server:
        for fast_path in (False, True):
            options = {"config_kwargs": config, "client_kwargs": trust, "fast_path": fast_path}
            with blocking(server.url, **options) as transport:
                drive(transport.head_bucket("bucket"))
                for name in names:
                    drive(SIX[name](transport))
    assert server.ways == [*["boto3"] * 6, *["fast"] * 4]
    for name, by_boto3, by_us in zip(names, server.requests[1:5], server.requests[6:], strict=True):
        theirs, ours = dict(by_boto3.headers), dict(by_us.headers)
        if "x-amz-trailer" in theirs:  # botocore sends the checksum behind the body, which protects it no better
            theirs["x-amz-content-sha256"] = ours["x-amz-content-sha256"] if sign else "UNSIGNED-PAYLOAD"
            theirs["x-amz-checksum-crc32"] = ours["x-amz-checksum-crc32"]
        if name == "delete_objects":  # the documents differ in white space
            for headers in (theirs, ours):
                headers["x-amz-checksum-crc32"] = headers["x-amz-checksum-crc32"][-2:]
                if headers["x-amz-content-sha256"] != "UNSIGNED-PAYLOAD":
                    headers["x-amz-content-sha256"] = "signed"
        if name == "get_object":  # that there is no body may be signed whatever the configuration says
            theirs["x-amz-content-sha256"] = ours["x-amz-content-sha256"]
        for header in PROTECTION:
            assert ours.get(header) == theirs.get(header), (name, header)


CHECKED = {"config_kwargs": {"response_checksum_validation": "when_supported"}}


def sha256(data: bytes) -> str:
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


@pytest.mark.parametrize("fast_path", [True, False])
def test_a_body_that_does_not_fit_its_checksum_is_a_checksum_error(fast_path: bool) -> None:
    def respond(request: Request, sock: socket.socket) -> bytes:
        return answer(200, DATA, etag='"etag"', x_amz_checksum_sha256=sha256(DATA if good_one else b"other"))

    good_one = True
    with serving(respond) as server, blocking(server.url, fast_path=fast_path, **CHECKED) as transport:
        assert read(transport).data == DATA
        good_one = False
        with pytest.raises(S3ChecksumError, match="Expected checksum") as caught:
            read(transport)
    assert server.ways[-1] == ("fast" if fast_path else "boto3")
    error = caught.value
    assert (error.operation, error.bucket, error.key, error.retryable) == ("GetObject", "bucket", "key", True)
    assert type(error.__cause__).__name__ == "FlexibleChecksumError"


def test_a_part_of_a_body_is_not_compared_with_the_checksum_of_the_whole() -> None:
    """A server that does not know ranges sends all."""

    def respond(request: Request, sock: socket.socket) -> bytes:
        return answer(200, DATA, etag='"etag"', x_amz_checksum_sha256=sha256(DATA))

    with serving(respond) as server, blocking(server.url, **CHECKED) as transport:
        for byte_range in (ByteRange(4), ByteRange(4), ByteRange(2, 5)):
            found = drive(transport.get_object_range(REF, byte_range))
            assert found.data == DATA[byte_range.start : byte_range.stop]
    assert server.ways == ["boto3", "fast", "fast"]


# --- errors --------------------------------------------------------------------------------------


def error_body(code: str) -> bytes:
    return f"<Error><Code>{code}</Code><Message>the words</Message><RequestId>body</RequestId></Error>".encode()


REFUSALS: dict[str, tuple[int, bytes]] = {
    **{
        f"{status} {code}": (status, error_body(code))
        for code, status in [
            ("NoSuchKey", 404),
            ("NoSuchBucket", 404),
            ("AccessDenied", 403),
            ("SignatureDoesNotMatch", 403),
            ("ExpiredToken", 400),
            ("InvalidArgument", 400),
            ("RequestTimeout", 400),
            ("BadDigest", 400),
            ("ConditionalRequestConflict", 409),
            ("PreconditionFailed", 412),
            ("InvalidRange", 416),
            ("MethodNotAllowed", 405),
            ("TooManyRequests", 429),
            ("InternalError", 500),
            ("NotImplemented", 501),
            ("SlowDown", 503),
        ]
    },
    "304": (304, b""),
    "404 without a body": (404, b""),
    "403 and garbage": (403, b"\x00garbage"),
    "502 and a page": (502, b"<html><body><hr>Bad Gateway</body></html>"),
    "503 and a document type": (503, b"<!DOCTYPE html><html><body>Sorry</body></html>"),
    "500 and half an error": (500, error_body("SlowDown")[:-9]),
    "507": (507, b""),
    "200 with an error": (200, error_body("InternalError")),
    "200 with an error after a declaration": (200, b'<?xml version="1.0"?>\n' + error_body("SlowDown")),
    "200 and garbage": (200, b"garbage"),
    "200 and half an error": (200, error_body("SlowDown")[:-9]),
}


def told_of(error: S3Error) -> tuple[object, ...]:
    details = (error.code, error.status, error.operation, error.bucket, error.key)
    return (
        type(error),
        *details,
        error.retryable,
        error.retry_after,
        error.strerror,
        isinstance(error.__cause__, ClientError),
    )


class Refusing:
    """Answers all that is asked by the fast path and by boto3 alone in the same way."""

    def __init__(self) -> None:
        self.refusal: tuple[int, bytes] | None = None

    def __call__(self, request: Request, sock: socket.socket) -> bytes:
        if self.refusal is None:
            return good(request)
        status, body = self.refusal
        headers = {"x_amz_request_id": "request", "x_amz_id_2": "host", "retry_after": "7", "etag": '"etag"'}
        return answer(status, body, head=request.method == "HEAD" or status == 304, **headers)


@dataclass(frozen=True)
class Both:
    refusing: Refusing
    server: Server
    fast: BlockingBoto3Transport
    boto3_alone: BlockingBoto3Transport


@pytest.fixture(scope="module")
def both() -> Iterator[Both]:
    refusing = Refusing()
    with (
        serving(refusing) as server,
        blocking(server.url) as fast,
        blocking(server.url, fast_path=False) as boto3_alone,
    ):
        yield Both(refusing, server, fast, boto3_alone)


@pytest.mark.parametrize(
    ("name", "refusal"),
    [
        (name, refusal)
        for name in SIX
        for refusal in REFUSALS
        if not refusal.startswith("200") or name not in ("get_object", "head_object")  # a body is no error there
    ],
)
def test_an_error_is_the_same_as_by_boto3(name: str, refusal: str, both: Both) -> None:
    both.refusing.refusal = None
    head(both.fast)  # so that it knows the way
    both.server.requests.clear()
    both.refusing.refusal = REFUSALS[refusal]
    with pytest.raises(S3Error) as fast:
        drive(SIX[name](both.fast))
    # boto3 alone looks then whether the bucket is elsewhere, or whether the signature fits after all.
    wordless = name == "head_object"
    by_both = refusal.startswith("400") if wordless else "SignatureDoesNotMatch" in refusal
    assert both.server.ways[0] == "fast"
    assert ("boto3" in both.server.ways) == by_both
    with pytest.raises(S3Error) as by_boto3:
        drive(SIX[name](both.boto3_alone))
    assert told_of(fast.value) == told_of(by_boto3.value)
    assert by_both or (fast.value.request_id, fast.value.host_id) == ("request", "host")  # boto3 forgets some


def test_an_object_that_must_not_exist_is_told_of_as_by_boto3() -> None:
    with serving(lambda *_: answer(412, error_body("PreconditionFailed"))) as server, blocking(server.url) as transport:
        for _ in range(2):
            with pytest.raises(FileExistsError):
                drive(transport.put_object(REF, b"", options=PutOptions(if_none_match="*")))
    assert server.ways == ["boto3", "fast"]


def test_keys_that_were_not_deleted_are_told_of_also_where_they_come_first() -> None:
    body = b"<DeleteResult><Error><Key>key</Key><Code>AccessDenied</Code></Error></DeleteResult>"
    with serving(lambda *_: answer(200, body)) as server, blocking(server.url) as transport:
        results = [drive(transport.delete_objects("bucket", [ObjectKey("key")])) for _ in range(2)]
    assert server.ways == ["boto3", "fast"]
    assert results[0] == results[1]
    assert [error.code for error in results[1].errors] == ["AccessDenied"]


@pytest.mark.parametrize("page", [b"<html><body>Sign in</body></html>", b"", b"<ListBucketResult/>"])
def test_a_page_that_says_nothing_of_deletes_is_not_taken_for_success(page: bytes) -> None:
    with serving(lambda *_: answer(200, page)) as server, blocking(server.url) as transport:
        delete = transport.delete_objects("bucket", [ObjectKey("key")], options=DeleteOptions(quiet=True))
        assert [error.code for error in drive(delete).errors] == ["NoAnswer"]
        with pytest.raises(S3Error):
            drive(transport.delete_objects("bucket", [ObjectKey("key")], options=DeleteOptions(quiet=True)))
    assert server.ways == ["boto3", "fast"]


@pytest.mark.parametrize(
    "data",
    [
        b"garbage\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: b\r\n folded\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: " + b"b" * 200_000 + b"\r\n\r\n",
        b"",
    ],
    ids=lambda data: repr(data[:60]),
)
def test_what_is_no_http_is_a_connection_error_and_the_connection_is_not_used_again(data: bytes) -> None:
    def respond(request: Request, sock: socket.socket) -> bytes | None:
        if broken:
            sock.sendall(data)
            return None
        return good(request)

    broken = False
    with serving(respond) as server, blocking(server.url) as transport:
        for _ in range(2):
            head(transport)
        broken = True
        with pytest.raises(S3ConnectionError) as caught:
            read(transport)
        assert caught.value.retryable
        broken = False
        assert read(transport).data == DATA
    assert server.ways == ["boto3", "fast", "fast", "fast"]
    assert server.connections == 3


# --- connections ---------------------------------------------------------------------------------


def test_an_answer_that_comes_too_late_is_not_taken_for_that_to_another_request() -> None:
    late = threading.Event()

    def respond(request: Request, sock: socket.socket) -> bytes | None:
        if "slow" in request.target:
            late.wait(10)
            return answer(200, head=True, etag='"late"', content_length="4")
        return good(request)

    with serving(respond) as server, blocking(server.url, read_timeout=0.1) as transport:
        for _ in range(2):
            head(transport)
        with pytest.raises(S3TimeoutError, match=r"0\.1 seconds"):
            drive(transport.head_object(ObjectRef("bucket", "slow")))
        fast = transport._state().fast
        assert fast is not None
        assert fast._connections._idle == []
        late.set()
        assert head(transport).etag == '"etag"'
    assert server.ways == ["boto3", "fast", "fast", "fast"]
    assert server.requests[-1].connection != server.requests[-2].connection


@pytest.mark.parametrize("name", ["put_object", "get_object"])
def test_a_request_that_was_interrupted_leaves_no_connection_to_be_used(name: str) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def respond(request: Request, sock: socket.socket) -> bytes:
        if request.method != "HEAD":
            begun.set()
            go_on.wait(10)
        return good(request)

    with serving(respond) as server, blocking(server.url) as transport:
        for _ in range(2):
            head(transport)
        with (
            mock.patch("pyathena.transport._sockets.wait_for_read", side_effect=[False, KeyboardInterrupt]),
            pytest.raises(KeyboardInterrupt),
        ):
            drive(SIX[name](transport))
        assert begun.wait(10)
        go_on.set()
        assert transport._state().fast._connections._idle == []  # type: ignore[union-attr]  # it was used
        assert head(transport).etag == '"etag"'


def test_a_write_that_was_cancelled_in_mid_body_stops_and_its_connection_is_not_used_again() -> None:
    stop, begun = threading.Event(), threading.Event()

    class Slow(_Handler):
        @override
        def handle(self) -> None:
            if self.server.connections < 2:
                return super().handle()
            self.server.connections += 1
            self.request.recv(1000)
            begun.set()
            stop.wait(10)
            while self.request.recv(2**20):
                pass
            return None

    async def program(url: str) -> None:
        transport = ThreadedBoto3Transport(key=KEY, secret=SECRET, endpoint_url=url, region_name="us-east-1")
        for _ in range(2):
            await transport.head_object(REF)
        fast = transport._state().fast
        assert fast is not None
        fast.close()
        put = asyncio.create_task(transport.put_object(REF, bytes(64 * 2**20)))
        assert await asyncio.to_thread(begun.wait, 10)
        put.cancel()
        await asyncio.sleep(0.01)
        stop.set()
        with pytest.raises(asyncio.CancelledError):
            await put
        assert fast._connections._idle == []
        await transport.aclose()

    with Server(good) as server:
        server.RequestHandlerClass = Slow
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        asyncio.run(program(server.url))
        server.shutdown()
        thread.join()


def test_a_connection_that_was_closed_while_idle_is_not_used() -> None:
    def respond(request: Request, sock: socket.socket) -> bytes | None:
        sock.sendall(good(request))
        return None  # closed, though the head promised otherwise

    with serving(respond) as server, blocking(server.url) as transport:
        for _ in range(5):
            head(transport)
            while transport._state().fast._connections._idle and not (  # type: ignore[union-attr]  # there is one
                transport._state().fast._connections._idle[0].is_dropped()  # type: ignore[union-attr]
            ):
                pass
    assert server.ways == ["boto3", *["fast"] * 4]
    assert server.connections == 5


@pytest.mark.parametrize(
    ("answered", "reused"),
    [
        (answer(200, head=True, etag='"etag"', content_length="10"), True),
        (answer(200, head=True, etag='"etag"', content_length="10", connection="close"), False),
        (answer(200, head=True, etag='"etag"', content_length="10").replace(b"1.1", b"1.0"), False),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + answer(200, head=True, etag='"etag"', content_length="10"), True),
        (answer(200, head=True, etag='"etag"', content_length="10") + b"more than promised", False),
    ],
)
def test_a_connection_is_used_again_if_its_answer_ended_as_it_should(answered: bytes, reused: bool) -> None:
    with serving(lambda *_: answered) as server, blocking(server.url) as transport:
        for _ in range(4):
            assert head(transport).size == 10
    assert server.ways == ["boto3", "fast", "fast", "fast"]
    assert len({request.connection for request in server.requests[1:]}) == (1 if reused else 3)


def test_a_head_may_come_drop_by_drop_and_a_body_in_chunks() -> None:
    def respond(request: Request, sock: socket.socket) -> bytes:
        body = b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"
        whole = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        whole += b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\nA: b\r\n\r\n"
        for at in range(0, len(whole), 7):
            sock.sendall(whole[at : at + 7])
        return b""

    with serving(respond) as server, blocking(server.url) as transport:
        for _ in range(3):
            assert drive(transport.list_objects("bucket")).objects == ()
    assert server.ways == ["boto3", "fast", "fast"]
    assert server.connections == 2


def test_an_error_that_comes_before_the_body_is_out_is_told() -> None:
    class Early(_Handler):
        @override
        def handle(self) -> None:
            if self.server.connections < 1:
                return super().handle()
            self.request.recv(1000)
            self.request.sendall(answer(503, error_body("SlowDown"), connection="close"))
            return None  # without having read the rest: the client meets a reset

    with Server(good) as server:
        server.RequestHandlerClass = Early
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        with blocking(server.url) as transport:
            head(transport)
            with pytest.raises(S3Error) as caught:
                drive(transport.put_object(REF, bytes(32 * 2**20)))
        server.shutdown()
        thread.join()
    assert caught.value.code == "SlowDown"
    assert caught.value.retryable


@pytest.mark.parametrize("fast_path", [True, False])
def test_a_body_that_broke_off_lets_go_of_the_callers_buffer(fast_path: bool) -> None:
    def respond(request: Request, sock: socket.socket) -> bytes | None:
        if request.method == "HEAD":
            return good(request)
        sock.sendall(answer(200, head=True, etag='"etag"', content_length="10") + b"01234")
        return None

    buffer = bytearray(10)
    with serving(respond) as server, blocking(server.url, fast_path=fast_path) as transport:
        head(transport)
        with pytest.raises(S3IncompleteReadError) as caught, memoryview(buffer) as view:
            read(transport, into=view)
        buffer.append(0)  # a BufferError if the traceback kept a view of it
    assert (caught.value.received, bytes(buffer[:5])) == (5, b"01234")


def test_an_answer_without_the_body_that_it_speaks_of_is_an_incomplete_read() -> None:
    def respond(request: Request, sock: socket.socket) -> bytes:
        if request.method == "HEAD":
            return good(request)
        return answer(204, head=True, etag='"etag"', content_length="10")

    with serving(respond) as server, blocking(server.url, read_timeout=5) as transport:
        head(transport)
        with pytest.raises(S3IncompleteReadError) as caught:
            read(transport)
    assert caught.value.received == 0
    assert server.ways == ["boto3", "fast"]


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("where", ["head", "body"])
def test_a_read_that_was_cancelled_ends_at_once_and_writes_no_more(where: str, tls: bool, certificate: Path) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def respond(request: Request, sock: socket.socket) -> bytes | None:
        if request.method == "HEAD":
            return good(request)
        if where == "body":
            sock.sendall(answer(200, head=True, etag='"etag"', content_length="1000000"))
            for _ in range(100):
                sock.sendall(b"x" * 100)
        begun.set()
        go_on.wait(10)
        try:
            for _ in range(100):
                sock.sendall(b"y" * 100)
        except OSError:
            pass
        return None

    async def program(url: str) -> None:
        trust = {"verify": str(certificate)} if tls else {}
        transport = ThreadedBoto3Transport(
            key=KEY, secret=SECRET, endpoint_url=url, region_name="us-east-1", client_kwargs=trust
        )
        for _ in range(2):
            await transport.head_object(REF)
        buffer = bytearray(1_000_000)
        reading = asyncio.create_task(transport.get_object_range(REF, ByteRange(0), into=memoryview(buffer)))
        assert await asyncio.to_thread(begun.wait, 10)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        buffer[:] = mine = b"\xaa" * len(buffer)
        await asyncio.wait_for(transport.aclose(), 5)  # the thread has ended, though the server has not gone on
        go_on.set()
        assert buffer == mine

    with serving(respond, certificate if tls else None) as server:
        asyncio.run(program(server.url))
        go_on.set()
    assert server.ways == ["boto3", "fast", "fast"]


def test_as_many_requests_are_in_flight_as_the_transport_says() -> None:
    lock, full = threading.Lock(), threading.Event()
    now = peak = 0

    def respond(request: Request, sock: socket.socket) -> bytes:
        nonlocal now, peak
        if request.method == "HEAD":
            return good(request)
        with lock:
            now += 1
            peak = max(peak, now)
        if peak >= 8:
            full.set()
        full.wait(10)
        with lock:
            now -= 1
        return good(request)

    async def program(url: str) -> None:
        transport = ThreadedBoto3Transport(key=KEY, secret=SECRET, endpoint_url=url, max_concurrency=8)
        await transport.head_object(REF)
        await asyncio.gather(*(transport.get_object_range(REF, ByteRange(0)) for _ in range(80)))
        await transport.aclose()

    with serving(respond) as server:
        asyncio.run(program(server.url))
    assert peak == 8
    assert server.ways == ["boto3", *["fast"] * 80]
    assert server.connections == 9  # boto3's own, and one for each in flight


@pytest.mark.filterwarnings("error::ResourceWarning")
def test_no_socket_is_left_when_a_transport_is_closed_or_forgotten() -> None:
    with serving(good) as server:
        for close in (True, False):
            transport = BlockingBoto3Transport(key=KEY, secret=SECRET, endpoint_url=server.url)
            for _ in range(2):
                head(transport)
            fast = transport._state().fast
            assert fast is not None
            (idle,) = fast._connections._idle
            sock = idle._socket
            if close:
                drive(transport.aclose())
            del transport, fast, idle
            gc.collect()
            assert sock.fileno() == -1
