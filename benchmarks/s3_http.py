"""HTTP/1.1 for the benchmarks' S3 server: as little work for each request as Python allows.

It knows requests and answers, latency and bandwidth, and counts. What an answer is, the handler decides.

Bodies of requests are received into one buffer of their length; those of answers are written as slices of one object.
Persistent connections, ``Expect: 100-continue`` (answered at once, without latency), ``Transfer-Encoding: chunked`` and
S3's ``aws-chunked`` are understood (https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html).
A request that comes before the last one is answered waits.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final, Protocol, cast
from urllib.parse import parse_qsl, unquote

from typing_extensions import override

__all__ = ["Answer", "Chunks", "Connection", "Counts", "Handler", "Pace", "Request"]

SLICE: Final = 256 * 2**10
"""Bytes that are handed to the socket at a time."""
_MOST_HEAD: Final = 64 * 2**10
_LINE: Final = 256
"""Bytes in which the end of a line between chunks is looked for at a time."""
_EARLY: Final = 0.002
"""Seconds by which a sender may be ahead of the bandwidth before it has to wait: what timers can tell apart."""
_REASONS: Final = {int(status): status.phrase.encode() for status in HTTPStatus}


@dataclass(slots=True)
class Request:
    """A request; header names are in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: memoryview = field(default_factory=lambda: memoryview(b""))


@dataclass(slots=True)
class Answer:
    """An answer. ``length`` is that of the body which HEAD does not send."""

    status: int = 200
    body: bytes | memoryview = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    length: int | None = None

    def head(self) -> bytes:
        lines = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
        length = len(self.body) if self.length is None else self.length
        # RFC 9110 has no length with these.
        size = b"" if self.status in (204, 304) else b"Content-Length: %d\r\n" % length
        return b"HTTP/1.1 %d %b\r\n%b%b\r\n" % (self.status, _REASONS[self.status], lines.encode("latin-1"), size)


class Handler(Protocol):
    """Answers requests."""

    def operation(self, request: Request) -> str | None:
        """Name what is asked, as soon as the head is there; None is not counted."""

    def answer(self, request: Request) -> Answer:
        """Answer a request whose body is there."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How far away the server seems.

    Args:
        latency: seconds from the end of a request to the first byte of its answer.
        bandwidth: bytes a second that a connection carries, each way; None is as many as there are.
    """

    latency: float = 0.0
    bandwidth: float | None = None

    def seconds(self, size: int) -> float:
        """Return how long this many bytes take."""
        return 0.0 if self.bandwidth is None else size / self.bandwidth


@dataclass(slots=True)
class Counts:
    """What the server has seen since the last reset. Connections count from their first request."""

    requests: Counter[str] = field(default_factory=Counter)
    connections: int = 0
    open: int = 0
    open_at_most: int = 0
    in_flight: int = 0
    in_flight_at_most: int = 0

    def reset(self) -> None:
        self.requests.clear()
        self.connections = 0
        self.open_at_most = self.open
        self.in_flight_at_most = self.in_flight

    def connected(self) -> None:
        self.connections += 1
        self.open += 1
        self.open_at_most = max(self.open, self.open_at_most)

    def begin(self, operation: str) -> None:
        self.requests[operation] += 1
        self.in_flight += 1
        self.in_flight_at_most = max(self.in_flight, self.in_flight_at_most)

    def seen(self) -> dict[str, Any]:
        return {
            "requests": dict(self.requests),
            "connections": self.connections,
            "open_at_most": self.open_at_most,
            "in_flight_at_most": self.in_flight_at_most,
        }


class Chunks:
    """Takes a body in chunks apart: ``hex[;extension] CRLF data CRLF … 0 CRLF [trailers] CRLF``."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.ended = False
        self._line = bytearray()
        self._missing = 0
        """Bytes of this chunk, with the CRLF behind it, that are not there yet."""
        self._trailers = False

    def feed(self, view: memoryview) -> int:
        """Take what there is; return how many bytes of it belong to the body."""
        position = 0
        while position < len(view) and not self.ended:
            if self._missing:
                piece = view[position : position + self._missing]
                self.data += piece[: max(0, self._missing - 2)]
                self._missing -= len(piece)
                position += len(piece)
            else:
                end = bytes(view[position : position + _LINE]).find(b"\n")
                stop = min(position + _LINE, len(view)) if end < 0 else position + end + 1
                self._line += view[position:stop]
                position = stop
                if end >= 0:
                    self._take_line(bytes(self._line).strip())
                    self._line.clear()
        return position

    def _take_line(self, line: bytes) -> None:
        if self._trailers:
            self.ended = not line
        elif size := int(line.partition(b";")[0], 16):
            self._missing = size + 2
        else:
            self._trailers = True


class Connection(asyncio.BufferedProtocol):
    """A connection of a client."""

    def __init__(self, handler: Handler, counts: Counts, pace: Pace) -> None:
        self._handler = handler
        self._counts = counts
        self._pace = pace
        self._loop = asyncio.get_running_loop()
        self._held = memoryview(bytearray(_MOST_HEAD))
        self._end = 0
        """Where what was received into ``_held`` ends."""
        self._counted = False
        self._operation: str | None = None
        self._request: Request | None = None
        self._body: memoryview | None = None
        """Where the body is received, from ``_got`` on."""
        self._got = 0
        self._chunks: Chunks | None = None
        self._began = 0.0
        self._unsent = memoryview(b"")
        self._paused = False
        self._timer: asyncio.TimerHandle | None = None

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=4 * SLICE)

    @override
    def connection_lost(self, error: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._unsent = memoryview(b"")
        self._end_request()
        if self._counted:
            self._counts.open -= 1

    # --- receiving -------------------------------------------------------------------------------

    @override
    def get_buffer(self, sizehint: int) -> memoryview:
        return self._held[self._end :] if self._body is None else self._body[self._got :]

    @override
    def buffer_updated(self, nbytes: int) -> None:
        if self._body is not None:
            self._got += nbytes
            if self._got == len(self._body):
                self._complete(self._body)
            else:
                self._keep_pace()
            return
        self._end += nbytes
        if self._chunks is not None:
            self._got += nbytes
            self._feed(self._chunks)
        elif self._request is None:
            self._look_for_head()
        elif self._end == len(self._held):
            self._transport.close()  # nobody sends so much before the last answer

    def _ahead(self, size: int) -> float:
        """Return how many seconds too early this many bytes since ``_began`` are."""
        return self._began + self._pace.seconds(size) - self._loop.time()

    def _keep_pace(self) -> None:
        if (ahead := self._ahead(self._got)) > _EARLY:
            self._transport.pause_reading()
            self._timer = self._loop.call_later(ahead, self._transport.resume_reading)

    def _look_for_head(self) -> None:
        assert isinstance(self._held.obj, bytearray)
        end = self._held.obj.find(b"\r\n\r\n", 0, self._end)
        if end >= 0:
            head = bytes(self._held[:end]).decode("latin-1")
            self._drop(end + 4)
            self._begin(_parsed(head))
        elif self._end == len(self._held):
            self._transport.close()

    def _drop(self, size: int) -> None:
        """Forget what was received first."""
        rest = self._end - size
        self._held[:rest] = bytes(self._held[size : self._end])
        self._end = rest

    def _begin(self, request: Request) -> None:
        self._request = request
        self._operation = self._handler.operation(request)
        if self._operation is not None:
            if not self._counted:
                self._counted = True
                self._counts.connected()
            self._counts.begin(self._operation)
        headers = request.headers
        if headers.get("expect", "").lower() == "100-continue":
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self._began = self._loop.time()
        if headers.get("transfer-encoding", "").lower() == "chunked":
            self._chunks = Chunks()
            self._got = self._end
            self._feed(self._chunks)
            return
        size = int(headers.get("content-length", 0))
        body = memoryview(bytearray(size))
        self._got = min(self._end, size)
        body[: self._got] = self._held[: self._got]
        self._drop(self._got)
        if self._got == size:
            self._complete(body)
        else:
            self._body = body

    def _feed(self, chunks: Chunks) -> None:
        self._drop(chunks.feed(self._held[: self._end]))
        if chunks.ended:
            self._complete(memoryview(chunks.data))
        else:
            self._keep_pace()

    def _complete(self, body: memoryview) -> None:
        request = self._request
        assert request is not None
        self._body = self._chunks = None
        if "aws-chunked" in request.headers.get("content-encoding", ""):
            chunks = Chunks()
            chunks.feed(body)
            body = memoryview(chunks.data)
        request.body = body
        answer = self._handler.answer(request)
        received = max(0.0, self._ahead(self._got))
        first = self._pace.seconds(min(len(answer.body), SLICE))
        if delay := received + self._pace.latency + first:
            self._timer = self._loop.call_later(delay, self._send, answer)
        else:
            self._send(answer)

    # --- answering -------------------------------------------------------------------------------

    def _send(self, answer: Answer) -> None:
        head, body = answer.head(), memoryview(answer.body)
        if len(body) <= SLICE // 4:  # one call rather than two is quicker than no copy
            self._transport.write(head + body)
            self._end_request()
            self._look_further()
            return
        self._transport.write(head)
        self._unsent = body
        self._began = self._loop.time() - self._pace.seconds(min(len(body), SLICE))
        self._got = len(body)
        self._pump()

    def _pump(self) -> None:
        while self._unsent and not self._paused:
            piece = self._unsent[:SLICE]
            sent = self._got - len(self._unsent) + len(piece)
            if (ahead := self._ahead(sent)) > _EARLY:
                self._timer = self._loop.call_later(ahead, self._pump)
                return
            self._unsent = self._unsent[len(piece) :]
            self._transport.write(piece)
        if not self._unsent and self._request is not None:
            self._end_request()
            self._look_further()

    def _end_request(self) -> None:
        self._request = None
        if self._operation is not None:
            self._operation = None
            self._counts.in_flight -= 1

    def _look_further(self) -> None:
        if self._end:
            self._loop.call_soon(self._look_for_next)

    def _look_for_next(self) -> None:
        if self._request is None and not self._transport.is_closing():
            self._look_for_head()

    @override
    def pause_writing(self) -> None:
        self._paused = True

    @override
    def resume_writing(self) -> None:
        self._paused = False
        if self._unsent:
            self._pump()


def _parsed(head: str) -> Request:
    start, *lines = head.split("\r\n")
    method, target, _ = start.split(" ", 2)
    path, _, query = target.partition("?")
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    return Request(
        method,
        unquote(path) if "%" in path else path,
        dict(parse_qsl(query, keep_blank_values=True)) if query else {},
        headers,
    )
