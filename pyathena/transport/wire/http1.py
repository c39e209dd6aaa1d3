"""HTTP/1.1 as a client speaks it: heads and bodies, without the sockets (RFC 9112).

Stricter than the RFC allows: S3 and its likes send plain answers, and one that is not is better not guessed at.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

__all__ = ["MAX_HEAD", "Chunks", "Head", "ProtocolError", "body_length", "parse_head", "request_head"]

MAX_HEAD: Final = 64 * 2**10
"""Longest head of an answer, in bytes."""
_MAX_CHUNK_LINE: Final = 4 * 2**10

_STATUS_LINE: Final = re.compile(r"HTTP/1\.([01]) ([1-9][0-9]{2})(?: [^\r\n\0]*)?")
_CHUNK_LINE: Final = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n\0]*)?")
_TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")


class ProtocolError(Exception):
    """What came is no HTTP/1.1 that is understood here."""


@dataclass(frozen=True, slots=True)
class Head:
    """The head of an answer. Names of headers are in lower case; values of the same name are joined by commas."""

    status: int
    headers: Mapping[str, str]
    keeps_alive: bool


def request_head(method: str, target: str, headers: Mapping[str, str]) -> bytes:
    """Return the head of a request. The caller has made sure that nothing in it ends a line."""
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    return f"{method} {target} HTTP/1.1\r\n{lines}\r\n".encode("latin-1")


def parse_head(data: bytes) -> Head:
    """Parse the head of an answer, given without the empty line that ends it.

    Raises:
        ProtocolError: it is none.
    """
    first, *lines = data.decode("latin-1").split("\r\n")
    status = _STATUS_LINE.fullmatch(first)
    if status is None:
        raise ProtocolError(f"an answer begins with {first[:40]!r}")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not _TOKEN.fullmatch(name) or "\n" in value or "\r" in value or "\0" in value:
            raise ProtocolError(f"{line[:40]!r} is no header")
        name = name.lower()
        value = value.strip(" \t")
        if name in headers:
            if name == "content-length":
                if headers[name] != value:
                    raise ProtocolError("an answer has two lengths")
                continue
            value = f"{headers[name]}, {value}"
        headers[name] = value
    connection = headers.get("connection", "").lower()
    keeps_alive = "close" not in connection and (status[1] == "1" or "keep-alive" in connection)
    return Head(int(status[2]), headers, keeps_alive)


def body_length(method: str, head: Head) -> int | None:
    """Tell how many bytes of body follow the head; None if the body comes in `Chunks`, and -1 if all to the end are it.

    Raises:
        ProtocolError: the head contradicts itself, or names a coding that is not understood (RFC 9112, section 6.3).
    """
    if method == "HEAD" or head.status in (204, 304) or head.status < 200:
        return 0
    coding, length = head.headers.get("transfer-encoding"), head.headers.get("content-length")
    if coding is not None:
        if coding.lower() != "chunked" or length is not None:
            raise ProtocolError(f"an answer with Transfer-Encoding {coding[:40]!r} and Content-Length {length!r}")
        return None
    if length is None:
        return -1
    if not (length.isascii() and length.isdecimal()):
        raise ProtocolError(f"an answer with Content-Length {length[:40]!r}")
    return int(length)


class Chunks:
    """Takes a body in chunks apart (RFC 9112, section 7.1)."""

    def __init__(self) -> None:
        self.rest = b""
        """What came behind the body, once it is `complete`."""
        self.complete = False
        self._left = 0  # of the chunk that has begun, with the line end behind it
        self._in_trailer = False

    def feed(self, data: bytes) -> bytes:
        """Take what came and return what of it is body.

        Raises:
            ProtocolError: these are no chunks.
        """
        data = self.rest + data
        self.rest = b""
        body: list[bytes] = []
        while not self.complete:
            if self._left > 2:
                block = data[: self._left - 2]
                body.append(block)
                self._left -= len(block)
                data = data[len(block) :]
                if self._left > 2:
                    break
            if self._left:
                if len(data) < 2:
                    break
                if data[:2] != b"\r\n":
                    raise ProtocolError("a chunk does not end where it should")
                data, self._left = data[2:], 0
            end = data.find(b"\r\n")
            if end < 0:
                if len(data) > _MAX_CHUNK_LINE:
                    raise ProtocolError("a chunk begins with a line without an end")
                break
            line, data = data[:end], data[end + 2 :]
            if self._in_trailer:
                self.complete = not line
                continue
            begin = _CHUNK_LINE.fullmatch(line)
            if begin is None:
                raise ProtocolError(f"a chunk begins with {line[:40]!r}")
            size = int(begin[1], 16)
            self._in_trailer = size == 0
            self._left = size + 2 if size else 0
        self.rest = data
        return b"".join(body)
