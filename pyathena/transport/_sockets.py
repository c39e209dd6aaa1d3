"""HTTP connections over blocking sockets: one request at a time, kept for the next.

The sockets are in fact non-blocking, and the waiting is done apart: so bytes can be received right into a caller's
buffer under the lock that a cancellation takes, and nobody waits under it.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from urllib3.util.wait import wait_for_read, wait_for_write

from pyathena.transport._boto3_cancellation import Abandonment
from pyathena.transport.wire.http1 import MAX_HEAD, Chunks, Head, ProtocolError, body_length, parse_head

__all__ = ["Connection", "Connections", "Origin"]

_BLOCK: Final = 2**20
"""Bytes of a body between two looks at whether the caller was cancelled."""
_RECEIVE: Final = 64 * 2**10
_MAX_DOCUMENT: Final = 256 * 2**20
"""Longest body that is received as a whole, in bytes; a page of a listing has less than 3 MiB."""


class Origin(NamedTuple):
    """Where connections lead."""

    scheme: str
    host: str
    port: int


class Connection:
    """A connection that carries one exchange after the other.

    All methods raise `TimeoutError` where nothing moved for ``timeout`` seconds, another `OSError` where the connection
    broke, and `ProtocolError` where what came is no HTTP.
    """

    def __init__(self, sock: socket.socket, origin: Origin, timeout: float | None) -> None:
        sock.setblocking(False)
        self.origin = origin
        self._socket = sock
        self._timeout = timeout
        self._ahead = b""
        self._reusable = True
        self._left = 0  # of the body; -1 is all to the end of the connection, or an answer that is yet to come
        self._chunks: Chunks | None = None

    @property
    def reusable(self) -> bool:
        """Whether it can carry another exchange: the one before came to its end, and the other side stays."""
        return self._reusable and self._left == 0 and self._chunks is None and not self._ahead

    def close(self) -> None:
        self._reusable = False
        self._socket.close()

    def wake(self) -> None:
        """End whatever waits for the other side, from another thread. The connection is of no further use."""
        self._reusable = False
        # Not SSLSocket's: that takes TLS away from under the thread, which would go on to read what is encrypted.
        socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def is_dropped(self) -> bool:
        """Whether the other side has closed it, or said what nobody asked for."""
        return wait_for_read(self._socket, timeout=0.0)

    def send(self, head: bytes, body: memoryview, call: Abandonment) -> None:
        """Send a request, as long as the caller waits for it.

        Whoever breaks the connection while a body is being sent may have said why: `answer` tells.
        """
        self._left = -1  # whatever comes in between, the answer to this must not be taken for that to another
        if body.nbytes <= _RECEIVE:
            self._send(memoryview(head + bytes(body)))
            return
        self._send(memoryview(head))
        try:
            for start in range(0, body.nbytes, _BLOCK):
                call.check()
                self._send(body[start : start + _BLOCK])
        except (BrokenPipeError, ConnectionResetError):
            self._reusable = False

    def _send(self, block: memoryview) -> None:
        while block.nbytes:
            try:
                block = block[self._socket.send(block) :]
            except (BlockingIOError, ssl.SSLWantWriteError):
                self._wait(wait_for_write(self._socket, self._timeout))

    def _wait(self, moved: bool) -> None:
        if not moved:
            raise TimeoutError(f"nothing moved for {self._timeout} seconds")

    def answer(self, method: str) -> Head:
        """Receive the head of the answer to a request. Its body, if it has one, is to be received next."""
        head = Head(100, {}, keeps_alive=True)
        while head.status < 200:  # 100 Continue, which nobody asked for, is no answer yet
            head = self._head()
        length = body_length(method, head)
        self._chunks = Chunks() if length is None else None
        self._left = length or 0
        if not head.keeps_alive:
            self._reusable = False
        return head

    def _head(self) -> Head:
        data = self._ahead
        while (end := data.find(b"\r\n\r\n")) < 0:
            if len(data) > MAX_HEAD:
                raise ProtocolError(f"the head of an answer is longer than {MAX_HEAD} bytes")
            came = self._receive()
            if not came:
                raise ConnectionResetError("the connection was closed without an answer")
            data += came
        self._ahead = data[end + 4 :]
        return parse_head(data[:end])

    def _receive(self) -> bytes:
        while True:
            try:
                return self._socket.recv(_RECEIVE)
            except (BlockingIOError, ssl.SSLWantReadError):
                self._wait_for_more()

    def _wait_for_more(self) -> None:
        self._wait(wait_for_read(self._socket, self._timeout))

    def receive_into(self, target: memoryview, call: Abandonment) -> int:
        """Receive at least one byte of a body to the begin of ``target``, and return how many came.

        Nothing is written there once the caller was cancelled.
        """
        most = min(target.nbytes, self._left)
        if most <= 0:
            raise ConnectionResetError("an answer without the body that its head speaks of")
        if self._ahead:
            came = self._ahead[:most]
            with call.holding():
                target[: len(came)] = came
            self._ahead = self._ahead[len(came) :]
            self._left -= len(came)
            return len(came)
        with call.holding():
            count = self._try_into(target, most)
        while count is None:
            self._wait_for_more()
            with call.holding():
                count = self._try_into(target, most)
        if not count:
            raise ConnectionResetError("the connection was closed in mid-body")
        self._left -= count
        return count

    def _try_into(self, target: memoryview, most: int) -> int | None:
        """Receive what is there; None if nothing is."""
        try:
            return self._socket.recv_into(target, most)
        except (BlockingIOError, ssl.SSLWantReadError):
            return None

    def document(self) -> bytes:
        """Receive the whole body."""
        parts: list[bytes] = []
        size = 0
        for part in self._parts():
            size += len(part)
            if size > _MAX_DOCUMENT:
                raise ProtocolError(f"the body of an answer is longer than {_MAX_DOCUMENT} bytes")
            parts.append(part)
        return b"".join(parts)

    def _parts(self) -> Iterator[bytes]:
        if self._chunks is not None:
            came = self._ahead
            while True:
                yield self._chunks.feed(came)
                if self._chunks.complete:
                    break
                came = self._received()
            self._ahead, self._chunks = self._chunks.rest, None
        elif self._left < 0:
            self._reusable = False
            came = self._ahead
            while came:
                yield came
                came = self._receive()
            self._ahead, self._left = b"", 0
        else:
            while self._left:
                came = self._ahead or self._received()
                part, self._ahead = came[: self._left], came[self._left :]
                self._left -= len(part)
                yield part

    def _received(self) -> bytes:
        came = self._receive()
        if not came:
            raise ConnectionResetError("the connection was closed in mid-body")
        return came


class Connections:
    """Connections that are made when they are needed, and kept for the next request to the same place.

    Args:
        max_idle: most connections that are kept while they do nothing.
        connect_timeout: seconds to connect in, TLS included; None is for ever.
        read_timeout: seconds in which something must move; None is for ever.
        keep_alive: whether the network is to be probed while nothing moves (TCP keep-alive).
        tls: makes what ``https`` needs, when it is needed first.
    """

    def __init__(
        self,
        max_idle: int,
        *,
        connect_timeout: float | None,
        read_timeout: float | None,
        keep_alive: bool,
        tls: Callable[[], ssl.SSLContext],
    ) -> None:
        self._max_idle = max_idle
        self._connect_timeout = connect_timeout
        self._read_timeout = read_timeout
        self._keep_alive = keep_alive
        self._make_tls = tls
        self._tls: ssl.SSLContext | None = None
        self._lock = threading.Lock()
        self._idle: list[Connection] = []  # the last one used stands last

    def take(self, origin: Origin) -> Connection:
        """Return a connection that nobody else uses, to be given back or closed.

        Raises:
            TimeoutError: the place does not answer in time.
            OSError: it cannot be reached. `ssl.SSLError` is one.
        """
        while (connection := self._idle_one(origin)) is not None:
            if not connection.is_dropped():
                return connection
            connection.close()
        return self._connect(origin)

    def _idle_one(self, origin: Origin) -> Connection | None:
        with self._lock:
            for index in range(len(self._idle) - 1, -1, -1):
                if self._idle[index].origin == origin:
                    return self._idle.pop(index)
        return None

    def _connect(self, origin: Origin) -> Connection:
        sock = socket.create_connection((origin.host, origin.port), self._connect_timeout)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._keep_alive:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            if origin.scheme == "https":
                if self._tls is None:
                    self._tls = self._make_tls()
                sock = self._tls.wrap_socket(sock, server_hostname=origin.host)
            return Connection(sock, origin, self._read_timeout)
        except BaseException:
            sock.close()
            raise

    def give(self, connection: Connection) -> None:
        """Take a connection back."""
        if not connection.reusable:
            connection.close()
            return
        with self._lock:
            self._idle.append(connection)
            surplus = self._idle.pop(0) if len(self._idle) > self._max_idle else None
        if surplus is not None:
            surplus.close()

    def close(self) -> None:
        """Close those that do nothing; what comes back later is kept, and can be closed so again."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def __del__(self) -> None:
        self.close()
