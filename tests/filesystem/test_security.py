"""What somebody who names objects, stands in between, or reads logs must not be able to do."""

from __future__ import annotations

import asyncio
import datetime
import http.server
import ipaddress
import itertools
import logging
import os
import pickle
import ssl
import threading
import time
import traceback
import tracemalloc
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from typing_extensions import override

from pyathena.filesystem.s3 import AioS3FileSystem, S3FileSystem
from pyathena.runtime import drive
from pyathena.testing.faults import Exchange, FaultProxy
from pyathena.transport import (
    BlockingBoto3Transport,
    CustomerKey,
    GetOptions,
    ObjectRef,
    S3ConnectionError,
    S3Error,
    S3PermissionError,
    S3ServerError,
    ThreadedBoto3Transport,
)
from tests.filesystem.faces import Face
from tests.servers import KEY

REF = ObjectRef("bucket", "key")
ONCE = {"retries": {"total_max_attempts": 1, "mode": "standard"}}
FACES = pytest.mark.parametrize("make", [AioS3FileSystem, S3FileSystem])

# --- local files ---------------------------------------------------------------------------------

HOSTILE = [
    "../../x",
    "../target-2/x",
    "a/../../x",
    "a/../../../../../x",
    "..",
    "/abs",
    "//abs",
    "/../x",
    "C:\\x",
    "C:/x",
    "..\\..\\x",
    "\\\\server\\share\\x",
    ".",
    "./../x",
    "~/x",
    "~root/x",
    "$HOME/x",
    "%2e%2e/x",
    "linked/x",
    "linked-file",
    "dangling",
    "loop/x",
]


@pytest.fixture
def make_target(tmp_path: Path) -> Callable[[], Path]:
    """Makes directories to download to, with links that lead out of them."""
    numbers = itertools.count()

    def make() -> Path:
        deep = tmp_path / str(next(numbers)) / "deep"
        target, outside = deep / "target", deep.parent / "outside"
        target.mkdir(parents=True)
        outside.mkdir()
        (outside / "file").write_bytes(b"precious")
        (target / "linked").symlink_to(outside)
        (target / "linked-file").symlink_to(outside / "file")
        (target / "dangling").symlink_to(outside / "nothing-yet")
        (target / "loop").symlink_to(target / "loop")
        return target

    return make


@pytest.fixture
def target(make_target: Callable[[], Path]) -> Path:
    return make_target()


def outside_of(target: Path) -> dict[Path, bytes | None]:
    """All that is not below the target, with what is in it. No link is followed."""
    names = [Path(where) / name for where, dirs, files in os.walk(target.parent.parent) for name in (*dirs, *files)]
    others = [path for path in names if target not in path.parents]
    return {path: path.read_bytes() if path.is_file() else None for path in others}


WAYS: Mapping[str, Callable[[Face, str, Path], object]] = {
    "recursive": lambda face, _, target: face.call("get", "bucket/root", str(target), recursive=True),
    "whole bucket": lambda face, _, target: face.call("get", "bucket", f"{target}/", recursive=True),
    "pattern": lambda face, _, target: face.call("get", "bucket/root/**", f"{target}/"),
    "list": lambda face, key, target: face.call("get", [f"bucket/{key}", "bucket/root/harmless"], str(target)),
    "one": lambda face, key, target: face.call("get", f"bucket/{key}", f"{target}/"),
}


@pytest.mark.parametrize("way", WAYS)
def test_get_never_writes_outside_of_its_target(
    face: Face, make_target: Callable[[], Path], monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    face.put("root/harmless", b"good")
    for name in HOSTILE:
        target = make_target()
        monkeypatch.chdir(target)
        monkeypatch.setenv("HOME", str(target.parent))
        key = f"root/{name}"
        face.put(key, b"evil")
        before = outside_of(target)
        with suppress(ValueError, OSError):  # refused is as good
            WAYS[way](face, key, target)
        assert outside_of(target) == before, name
        face.call("rm", f"bucket/{key}")


def test_get_refuses_all_before_it_writes_any(face: Face, target: Path) -> None:
    face.put("root/a", b"good")
    face.put("root/../../x", b"evil")
    before = sorted(target.iterdir())
    with pytest.raises(ValueError, match="outside of"):
        face.call("get", "bucket/root/", str(target), recursive=True)
    assert sorted(target.iterdir()) == before


def test_get_writes_where_it_was_told_by_name(face: Face, target: Path) -> None:
    face.put("root/../../x", b"data")
    elsewhere = target.parent / "elsewhere"
    face.call("get", "bucket/root/../../x", str(elsewhere))
    assert elsewhere.read_bytes() == b"data"
    face.call("get", ["bucket/root/../../x"], [str(target.parent / "listed")])
    assert (target.parent / "listed").read_bytes() == b"data"


# --- secrets -------------------------------------------------------------------------------------

SECRETS = {
    "secret": "a-secret-key-that-nobody-may-see",
    "token": "a-session-token-that-nobody-may-see",
    "customer key": "an-sse-c-key-that-nobody-may-see"[:32],
}


def hidden(text: str | bytes) -> bool:
    """Whether no secret shows in a text, nor a part of one that was quoted, escaped or wrapped."""
    data = text.encode() if isinstance(text, str) else text
    return b"nobody-may-see" not in data


@FACES
def test_no_secret_is_shown_by_repr(make: Any) -> None:
    fs = make(key=KEY, secret=SECRETS["secret"], token=SECRETS["token"], endpoint_url="http://127.0.0.1:9")
    file = fs.open("bucket/key", "wb")
    options = GetOptions(customer_key=CustomerKey(SECRETS["customer key"].encode()))
    for each in (fs, fs.transport, file, fs._engine, fs._engine.arguments, options, vars(file)):
        assert hidden(f"{each!r} {each!s}")
    file.discard()
    fs.close()


@FACES
@pytest.mark.parametrize(
    "options",
    [
        {"endpoint_url": "http://127.0.0.1:9"},  # nobody listens
        {"endpoint_url": "http://127.0.0.1:9", "region_name": "no region!"},
        {"endpoint_url": "http://127.0.0.1:9", "config_kwargs": {"signature_version": "v0"}},
        {"endpoint_url": "{moto}"},  # there is no such bucket
    ],
    ids=["no connection", "no region", "no signature", "not found"],
)
def test_no_secret_is_in_an_error_its_traceback_its_pickle_or_a_log(
    make: Any, options: dict[str, Any], moto_endpoint: str, caplog: pytest.LogCaptureFixture
) -> None:
    options = {**options, "endpoint_url": options["endpoint_url"].format(moto=moto_endpoint)}
    caplog.set_level(logging.DEBUG, "pyathena")
    fs = make(
        key=KEY,
        secret=SECRETS["secret"],
        token=SECRETS["token"],
        config_kwargs={**ONCE, **options.pop("config_kwargs", {})},
        **options,
    )
    sse = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": SECRETS["customer key"]}
    steps: list[tuple[str, list[Any], dict[str, str]]] = [
        ("cat_file", [], {}),
        ("cat_file", [], sse),
        ("pipe_file", [b"data"], sse),
        ("ls", [], {}),
        ("rm", [], {}),
    ]
    for method, args, kwargs in steps:
        with pytest.raises(OSError, match="no-such-bucket") as caught:
            getattr(fs, method)("no-such-bucket/key", *args, **kwargs)
        assert isinstance(caught.value, S3Error)
        assert hidden("".join(traceback.format_exception(caught.value)))
        assert hidden(pickle.dumps(caught.value))
        assert hidden(repr(vars(caught.value)))
    fs.close()
    ours = [record for record in caplog.records if record.name.startswith("pyathena")]
    assert hidden("\n".join(record.getMessage() for record in ours))


@pytest.mark.parametrize("make", [AioS3FileSystem, S3FileSystem, ThreadedBoto3Transport, BlockingBoto3Transport])
def test_a_pickle_holds_what_was_passed_in_and_nothing_that_was_found(
    make: Any, moto_endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRETS["secret"])
    monkeypatch.setenv("AWS_SESSION_TOKEN", SECRETS["token"])
    made = make(endpoint_url=moto_endpoint)
    if hasattr(made, "ls"):
        made.ls("")
        made.close()
    else:
        asyncio.run(made.list_buckets())
        asyncio.run(made.aclose())
    assert hidden(pickle.dumps(made))
    assert SECRETS["secret"].encode() in pickle.dumps(make(key=KEY, secret=SECRETS["secret"])), "it was passed in"


def test_a_presigned_url_is_in_no_log(moto_endpoint: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "pyathena")
    fs = S3FileSystem(endpoint_url=moto_endpoint)
    assert "X-Amz-Signature" in drive(fs._sign("bucket/key"))
    fs.close()
    assert not [record for record in caplog.records if record.name.startswith("pyathena")]


# --- answers -------------------------------------------------------------------------------------


def bomb(root: str, levels: int) -> bytes:
    """A document of a few bytes that is ten times as large with each level, once its entities are expanded."""
    entities = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, levels + 1))
    declared = f'<!DOCTYPE r [<!ENTITY l0 "lol"><!ENTITY file SYSTEM "file:///etc/passwd">{entities}]>'
    text = f"<{root}><Name>&l{levels};</Name><Code>&l{levels};</Code><Message>&l{levels};</Message></{root}>"
    return f'<?xml version="1.0"?>{declared}{text}'.encode()


class Answer:
    """A fault: the server answers this."""

    def __init__(self, status: str, body: bytes) -> None:
        self.status, self.body = status, body

    def happen(self, exchange: Exchange) -> None:
        exchange.answer(self.status, self.body)


@contextmanager
def server_that_answers(status: str, body: bytes) -> Iterator[BlockingBoto3Transport]:
    with FaultProxy("http://127.0.0.1:9") as proxy:  # there is nothing behind it
        proxy.script.on("*", None, Answer(status, body))
        transport = BlockingBoto3Transport(endpoint_url=proxy.endpoint, config_kwargs=ONCE)
        yield transport
        drive(transport.aclose())


@pytest.mark.parametrize("levels", [1, 9])
@pytest.mark.parametrize("status", ["200 OK", "404 Not Found", "500 Internal Server Error"])
def test_no_entity_of_an_answer_is_expanded(status: str, levels: int) -> None:
    root = "ListBucketResult" if status == "200 OK" else "Error"
    with server_that_answers(status, bomb(root, levels)) as transport:
        with suppress(S3Error):
            drive(transport.list_objects("bucket"))  # makes what is made once
        tracemalloc.start()
        began = time.perf_counter()
        with pytest.raises(S3Error) as caught:
            drive(transport.list_objects("bucket"))
        took, (_, peak) = time.perf_counter() - began, tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert "lol" not in str(caught.value)
    assert caught.value.bucket == "bucket"
    assert (caught.value.status, caught.value.operation) == (
        None if status == "200 OK" else int(status[:3]),
        "ListObjectsV2",
    )
    assert took < 2
    assert peak < 10 * 2**20


def test_no_file_is_read_for_an_answer(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("of ours")
    body = (
        f'<!DOCTYPE r [<!ENTITY f SYSTEM "file://{tmp_path}/file">]><Error><Code>X</Code><Message>&f;</Message></Error>'
    )
    with server_that_answers("400 Bad Request", body.encode()) as transport:
        with pytest.raises(S3Error) as caught:
            drive(transport.list_objects("bucket"))
        assert "of ours" not in str(caught.value)


def test_an_answer_that_cannot_be_read_is_not_told_in_whole() -> None:
    with server_that_answers("200 OK", b"<ListBucketResult>" + b"x" * 100_000) as transport:
        with pytest.raises(S3ServerError) as caught:
            drive(transport.list_objects("bucket"))
        assert len(str(caught.value)) < 500


# --- on the way ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that nobody but itself vouches for, and its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
    return path


class Handler(http.server.BaseHTTPRequestHandler):
    """Has one object, which is empty."""

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.send_header("ETag", '"etag"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    @override
    def log_message(self, *args: Any) -> None:
        pass


class TlsServer(http.server.HTTPServer):
    @override
    def handle_error(self, request: object, client_address: object) -> None:
        pass  # the client hung up, as it should


@pytest.fixture
def https(certificate: Path) -> Iterator[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with TlsServer(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"https://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def head(**options: Any) -> int:
    transport = BlockingBoto3Transport(config_kwargs=ONCE, **options)
    try:
        return drive(transport.head_object(REF)).size
    finally:
        drive(transport.aclose())


def test_a_certificate_that_nobody_vouches_for_is_refused(https: str) -> None:
    with pytest.raises(S3ConnectionError, match="certificate verify failed") as caught:
        head(endpoint_url=https)
    assert not caught.value.retryable


def test_a_certificate_is_accepted_if_the_caller_vouches_for_it(https: str, certificate: Path) -> None:
    assert head(endpoint_url=https, client_kwargs={"verify": str(certificate)}) == 0


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_a_certificate_is_not_looked_at_if_the_caller_says_so(https: str) -> None:
    assert head(endpoint_url=https, client_kwargs={"verify": False}) == 0


def client_of(**options: Any) -> None:
    """Make a client, as the first request does; nothing is sent."""
    with suppress(S3PermissionError):
        drive(BlockingBoto3Transport(**options).presigned_url("get_object", REF))


def test_credentials_over_plain_http_to_another_machine_are_warned_of_once() -> None:
    url = "http://minio.test:9000"
    with pytest.warns(UserWarning, match=r"not encrypted.*Use https://, or anon=True") as warned:
        client_of(key=KEY, secret=SECRETS["secret"], endpoint_url=url)
    assert len(warned) == 1
    assert url in str(warned[0].message)
    assert hidden(str(warned[0].message))
    client_of(key=KEY, secret=SECRETS["secret"], endpoint_url=url)  # a warning would be an error here


@pytest.mark.parametrize(
    "options",
    [
        {"endpoint_url": "http://127.9.9.9:9000"},
        {"endpoint_url": "http://s3.localhost:9000"},
        {"endpoint_url": "http://[::1]:9000"},
        {"endpoint_url": "https://other-minio.test:9000"},
        {"endpoint_url": "http://other-minio.test:9000", "anon": True},
    ],
    ids=str,
)
def test_nobody_is_warned_where_nothing_can_be_read(options: dict[str, Any]) -> None:
    client_of(**options)
