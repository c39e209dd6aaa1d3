"""An HTTP proxy between a client of S3 and its server that breaks connections, stalls, and answers nonsense.

It knows no boto3. Bytes go through as they are, so that signatures stay valid: the client signs for the address of the
proxy, and the server sees that address in the Host header.
"""

from __future__ import annotations

import select
import socket
import socketserver
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import BinaryIO, Final, Never, Protocol, Self
from urllib.parse import parse_qs, urlsplit

from typing_extensions import override

from pyathena.testing.faults.script import Script
from pyathena.testing.faults.signals import Held, Signal

__all__ = ["ErrorIn200", "Exchange", "FaultProxy", "Garbage", "ProxyFault", "Reset", "Short", "SlowDown", "Stall"]

_BLOCK: Final = 64 * 2**10
"""Bytes of a body that are passed on at a time."""


# --- HTTP ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Head:
    """What comes before a body, as it was received (RFC 9112, section 2.1)."""

    raw: bytes
    first_line: str
    headers: dict[str, str]

    @classmethod
    def read(cls, stream: BinaryIO) -> _Head | None:
        """Read one; None if the connection has ended."""
        lines = []
        while line := stream.readline():
            lines.append(line)
            if line == b"\r\n":
                first, *others = (each.decode("latin-1").strip() for each in lines[:-1])
                pairs = (each.partition(":") for each in others)
                return cls(b"".join(lines), first, {name.lower(): value.strip() for name, _, value in pairs})
        return None

    def says(self, name: str, value: str) -> bool:
        """Tell whether a header has this value."""
        return self.headers.get(name, "").lower() == value

    @property
    def status(self) -> str:
        """The status code of an answer."""
        return self.first_line.split(" ", 2)[1]

    @property
    def length(self) -> int | None:
        """Bytes of the body, if that is told."""
        told = self.headers.get("content-length")
        return None if told is None or self.says("transfer-encoding", "chunked") else int(told)

    def body(self, stream: BinaryIO, *, to_the_end: bool) -> Iterator[bytes]:
        """Read the body in blocks, as it was sent (RFC 9112, section 6).

        Args:
            stream: where it comes from.
            to_the_end: a body whose length nothing tells ends with the connection; else there is none.
        """
        if self.says("transfer-encoding", "chunked"):
            return _chunks(stream)
        if self.length is not None:
            return _blocks(stream, self.length)
        return iter(lambda: stream.read(_BLOCK), b"") if to_the_end else iter(())


def _blocks(stream: BinaryIO, size: int) -> Iterator[bytes]:
    while size:
        block = stream.read(min(size, _BLOCK))
        if not block:
            raise ConnectionError("the body broke off")
        size -= len(block)
        yield block


def _chunks(stream: BinaryIO) -> Iterator[bytes]:
    size = 1
    while size:
        line = stream.readline()
        size = int(line.partition(b";")[0] or b"0", 16)
        yield line
        if size:
            yield from _blocks(stream, size + len(b"\r\n"))
    while line := stream.readline():  # the trailer
        yield line
        if line == b"\r\n":
            return
    raise ConnectionError("the body broke off")


# --- S3 ------------------------------------------------------------------------------------------

_BY_QUERY: Final = ("uploadId", "uploads", "tagging", "acl", "versioning", "versions", "delete")
"""What of a query tells operations apart."""

# https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html
_OPERATIONS: Final = {
    ("HEAD", "object", ""): "head_object",
    ("GET", "object", ""): "get_object_range",
    ("PUT", "object", ""): "put_object",
    ("PUT copy", "object", ""): "copy_object",
    ("POST", "object", "uploads"): "create_multipart_upload",
    ("PUT", "object", "uploadId"): "upload_part",
    ("PUT copy", "object", "uploadId"): "upload_part_copy",
    ("POST", "object", "uploadId"): "complete_multipart_upload",
    ("DELETE", "object", "uploadId"): "abort_multipart_upload",
    ("GET", "bucket", "uploads"): "list_multipart_uploads",
    ("POST", "bucket", "delete"): "delete_objects",
    ("GET", "bucket", ""): "list_objects",
    ("GET", "bucket", "versions"): "list_object_versions",
    ("GET", "service", ""): "list_buckets",
    ("GET", "object", "tagging"): "get_object_tagging",
    ("PUT", "object", "tagging"): "put_object_tagging",
    ("GET", "object", "acl"): "get_object_acl",
    ("PUT", "object", "acl"): "put_object_acl",
    ("GET", "bucket", "versioning"): "get_bucket_versioning",
    ("HEAD", "bucket", ""): "head_bucket",
    ("PUT", "bucket", ""): "create_bucket",
    ("DELETE", "bucket", ""): "delete_bucket",
    ("GET", "bucket", "acl"): "get_bucket_acl",
    ("PUT", "bucket", "acl"): "put_bucket_acl",
    ("PUT", "bucket", "versioning"): "put_bucket_versioning",
}

_ANSWERED_EARLY: Final = frozenset({"complete_multipart_upload", "copy_object", "delete_objects"})
"""What S3 begins to answer before it knows the outcome, so that an error may come with a 200."""


def _operation(head: _Head) -> str:
    """Tell the operation of a request that has its bucket in its path."""
    method, target, _ = head.first_line.split(" ", 2)
    url = urlsplit(target)
    query = parse_qs(url.query, keep_blank_values=True)
    bucket, _, key = url.path.removeprefix("/").partition("/")
    place = "object" if key else "bucket" if bucket else "service"
    copy = " copy" if "x-amz-copy-source" in head.headers else ""
    asked = next((name for name in _BY_QUERY if name in query), "")
    return _OPERATIONS.get((method + copy, place, asked), "unknown")


def _error(code: str, message: str) -> bytes:
    # https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html#RESTErrorResponses
    text = f"<Error><Code>{code}</Code><Message>{message}</Message><RequestId>FAULTPROXY</RequestId></Error>"
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}'.encode()


# --- one request ---------------------------------------------------------------------------------


class _HungUpError(Exception):
    """The connection to the client is over."""


class _Upstream:
    """A connection to the server, which is made when it is needed, and again when the server has closed it."""

    def __init__(self, proxy: FaultProxy) -> None:
        self._proxy = proxy
        self._socket: socket.socket | None = None
        self._stream: BinaryIO | None = None

    def connected(self) -> tuple[socket.socket, BinaryIO]:
        # Between two requests there is nothing to be read but the end.
        if self._socket is not None and select.select([self._socket], [], [], 0)[0]:
            self.close()
        if self._socket is None or self._stream is None:
            self._socket = socket.create_connection(self._proxy.address)
            self._proxy._watch(self._socket)
            self._stream = self._socket.makefile("rb")
        return self._socket, self._stream

    def close(self) -> None:
        for each in (self._stream, self._socket):
            if each is not None:
                each.close()
        self._socket = self._stream = None


class Exchange:
    """A request to a `FaultProxy` and its answer, for a `ProxyFault` to spoil."""

    def __init__(
        self, proxy: FaultProxy, head: _Head, client: socket.socket, stream: BinaryIO, upstream: _Upstream
    ) -> None:
        self.operation = _operation(head)
        """The method of `S3Transport` that sends such a request; ``unknown`` if there is none."""
        self._proxy = proxy
        self._head = head
        self._client = client
        self._stream = stream
        self._upstream = upstream

    @property
    def _for_head(self) -> bool:
        return self._head.first_line.startswith("HEAD ")

    def _body(self) -> Iterator[bytes]:
        if self._head.says("expect", "100-continue"):
            self._client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        return self._head.body(self._stream, to_the_end=False)

    def pass_on(self, pause: Callable[[], object] | None = None, *, after: int | None = None) -> None:
        """Ask the server, and pass on what it answers.

        Args:
            pause: called in the middle of the answer; may `reset` or `hang_up`, and else the rest is passed on.
            after: bytes of the body before that, though one at least is left for afterwards. With None, or if there is
                no body, it comes before all of the answer; if nothing tells the body's length, before all of the body.
        """
        head, stream = self._ask()
        bodiless = self._for_head or head.status in ("204", "304")
        size = 0 if bodiless else head.length
        if pause is not None and (after is None or size == 0):
            pause()
            pause = None
        self._client.sendall(head.raw)
        left = 0 if size is None or after is None else min(after, size - 1)
        for block in () if bodiless else head.body(stream, to_the_end=True):
            rest = block
            if pause is not None and len(block) > left:
                self._client.sendall(block[:left])
                pause()
                pause, rest = None, block[left:]
            left -= len(block)
            self._client.sendall(rest)
        if head.says("connection", "close") or (size is None and not head.says("transfer-encoding", "chunked")):
            self.hang_up()

    def _ask(self) -> tuple[_Head, BinaryIO]:
        server, stream = self._upstream.connected()
        server.sendall(self._head.raw)
        refused = False
        for block in self._body():
            if not refused:
                try:
                    server.sendall(block)
                except OSError:  # it wants no more of it, and may have said why
                    refused = True
        head = _Head.read(stream)
        while head is not None and head.status.startswith("1"):  # the client has got its "go on" from us
            head = _Head.read(stream)
        if head is None:
            self.hang_up()
        return head, stream

    def answer(self, status: str, body: bytes = b"", **headers: str) -> None:
        """Answer without asking the server, such as ``"503 Slow Down"``; underscores in names become hyphens."""
        self._take_request()
        lines = [f"HTTP/1.1 {status}", "Content-Type: application/xml", f"Content-Length: {len(body)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self._client.sendall("\r\n".join([*lines, "", ""]).encode() + (b"" if self._for_head else body))

    def answer_raw(self, data: bytes) -> None:
        """Answer with these bytes, whatever they are, without asking the server."""
        self._take_request()
        self._client.sendall(data)

    def _take_request(self) -> None:
        for _ in self._body():
            pass

    def reset(self) -> Never:
        """Break the connection, as when the machine behind it is gone (RST); what was just sent may not arrive."""
        self._client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise _HungUpError

    def hang_up(self) -> Never:
        """Close the connection."""
        raise _HungUpError

    def wait_for(self, signal: Signal) -> None:
        """Wait for a signal, or for the proxy to stop."""
        self._proxy._wait_for(signal)


# --- what can go wrong ---------------------------------------------------------------------------


class ProxyFault(Protocol):
    """What goes wrong with a request to a `FaultProxy`. Write your own, where those of this module are not it."""

    def happen(self, exchange: Exchange) -> None:
        """Answer the request, or do not."""
        ...


@dataclass(frozen=True, slots=True)
class Reset:
    """The server does what it is asked, and the connection breaks in the middle of its answer.

    Args:
        after: bytes of the body that are sent before; None sends nothing of the answer. See `Exchange.pass_on`.
    """

    after: int | None = None

    def happen(self, exchange: Exchange) -> None:
        exchange.pass_on(exchange.reset, after=self.after)


@dataclass(frozen=True, slots=True)
class Short:
    """The connection is closed, in order, before as many bytes of the body were sent as were announced.

    Args:
        after: as in `Reset`.
    """

    after: int | None = None

    def happen(self, exchange: Exchange) -> None:
        exchange.pass_on(exchange.hang_up, after=self.after)


class Stall(Held):
    """The answer stops in the middle, and goes on when it is released, or the proxy stops.

    Args:
        after: as in `Reset`.
    """

    def __init__(self, after: int | None = None) -> None:
        super().__init__()
        self._after = after

    def happen(self, exchange: Exchange) -> None:
        def pause() -> None:
            self._entered.set()
            exchange.wait_for(self._released)

        exchange.pass_on(pause, after=self._after)


@dataclass(frozen=True, slots=True)
class SlowDown:
    """The request is refused with 503, as S3 does with too many; the server is not asked.

    Args:
        retry_after: seconds that the client is asked to wait; None does not say.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance.html
    """

    retry_after: int | None = None

    def happen(self, exchange: Exchange) -> None:
        headers = {} if self.retry_after is None else {"Retry_After": str(self.retry_after)}
        exchange.answer("503 Slow Down", _error("SlowDown", "Please reduce your request rate."), **headers)


@dataclass(frozen=True, slots=True)
class ErrorIn200:
    """The request fails, and its answer says 200 all the same; the server is not asked.

    S3 does so with ``complete_multipart_upload``, ``copy_object`` and ``delete_objects``, which take
    long; other requests are passed on as if nothing were.

    Args:
        code: S3's code of the error.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html
    """

    code: str = "InternalError"

    def happen(self, exchange: Exchange) -> None:
        if exchange.operation in _ANSWERED_EARLY:
            exchange.answer("200 OK", _error(self.code, "We encountered an internal error. Please try again."))
        else:
            exchange.pass_on()


@dataclass(frozen=True, slots=True)
class Garbage:
    """The answer is no HTTP; the server is not asked.

    Args:
        data: what is sent before the connection is closed.
    """

    data: bytes = b"\x16\x03\x01 \xff\xfe this is no HTTP\r\n\r\n"

    def happen(self, exchange: Exchange) -> None:
        exchange.answer_raw(self.data)
        exchange.hang_up()


# --- the proxy -----------------------------------------------------------------------------------


class _Server(socketserver.ThreadingTCPServer):
    request_queue_size = 128  # a client may open all of its connections at once

    def __init__(self, proxy: FaultProxy) -> None:
        self._proxy = proxy
        super().__init__(("127.0.0.1", 0), socketserver.BaseRequestHandler)

    @override
    def finish_request(self, request: object, client_address: object) -> None:
        assert isinstance(request, socket.socket)
        self._proxy._serve(request)

    @override
    def shutdown_request(self, request: object) -> None:
        assert isinstance(request, socket.socket)
        request.close()  # a FIN before it would be a good end, and no reset


class FaultProxy:
    """A proxy on a free port of 127.0.0.1, in threads of its own, in which things go wrong as a script says.

    Args:
        upstream: the URL of the server, ``http://host:port``. Requests must have the bucket in their path, as boto3
            sends them to an address.

    Raises:
        ValueError: ``upstream`` is no such URL.

    Example::

        with FaultProxy(minio_url) as proxy:
            proxy.script.on("get_object_range", 2, Reset(after=100_000))
            fs = AioS3FileSystem(endpoint_url=proxy.endpoint, key=..., secret=...)
    """

    endpoint: str
    """The URL of the proxy, once it is entered."""

    def __init__(self, upstream: str) -> None:
        url = urlsplit(upstream)
        if url.scheme != "http" or url.hostname is None or url.path.strip("/"):
            raise ValueError(f"upstream is http://host:port, got {upstream!r}")
        self.address = (url.hostname, url.port or 80)
        """Host and port of the server."""
        self.script: Script[ProxyFault] = Script()
        """What is to go wrong."""
        self.requests: list[str] = []
        """The operations of all requests so far, in the order in which they came."""
        self.connections = 0
        """How many connections were made to the proxy."""
        self.in_flight = 0
        """Requests that have come and are not answered yet."""
        self.peak_in_flight = 0
        """The most that were in flight at a time."""
        self._lock = threading.Lock()
        self._stopped = False
        self._sockets: set[socket.socket] = set()
        self._awaited: set[Signal] = set()

    def __enter__(self) -> Self:
        self._server = _Server(self)
        self.endpoint = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), name="fault-proxy")
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        with self._lock:
            self._stopped = True
            for each in self._sockets:
                with suppress(OSError):  # it has ended meanwhile
                    each.shutdown(socket.SHUT_RDWR)
            for signal in self._awaited:
                signal.set()
        self._server.server_close()  # waits for the threads

    def _watch(self, connection: socket.socket) -> None:
        """Let a connection end when the proxy stops, and what is sent go out at once."""
        with self._lock:
            if self._stopped:
                connection.close()
                raise ConnectionError("the proxy was stopped")
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._sockets = {each for each in self._sockets if each.fileno() >= 0} | {connection}

    def _wait_for(self, signal: Signal) -> None:
        with self._lock:
            if self._stopped:
                return
            self._awaited.add(signal)
        signal.wait_here()

    def _serve(self, client: socket.socket) -> None:
        upstream = _Upstream(self)
        with client.makefile("rb") as stream, suppress(OSError, _HungUpError):
            self._watch(client)
            with self._lock:
                self.connections += 1
            while (head := _Head.read(stream)) is not None:
                self._exchange(Exchange(self, head, client, stream, upstream))
                if head.says("connection", "close"):
                    break
        upstream.close()

    def _exchange(self, exchange: Exchange) -> None:
        with self._lock:
            self.requests.append(exchange.operation)
            self.in_flight += 1
            self.peak_in_flight = max(self.peak_in_flight, self.in_flight)
        try:
            fault = self.script.meet(exchange.operation)
            exchange.pass_on() if fault is None else fault.happen(exchange)
        finally:
            with self._lock:
                self.in_flight -= 1
