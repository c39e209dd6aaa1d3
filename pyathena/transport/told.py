"""What layers of transports tell each other of the request under way, besides its arguments and its answer.

They do so by context variables, which reach the threads of `ThreadedBoto3Transport` as well: so a lower layer knows
which attempt it makes, and a higher one what S3 calls the request, and how large an object is whose bytes are yet to
come.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

__all__ = ["Told", "attempt", "attempt_is", "knowing_early", "listening", "tell_object", "tell_request_id"]


class Told:
    """What a transport told of the request that it sent."""

    __slots__ = ("request_id",)

    def __init__(self) -> None:
        self.request_id: str | None = None


# None of them is reset by its token: a coroutine that is thrown away may end in another context.
_ATTEMPT: Final[ContextVar[int]] = ContextVar("pyathena_attempt", default=1)
_EARLY: Final[ContextVar[Callable[[int, str, str | None], object] | None]] = ContextVar("pyathena_early", default=None)
_TOLD: Final[ContextVar[Told | None]] = ContextVar("pyathena_told", default=None)


def attempt() -> int:
    """Return which attempt of a call the request is: 1 for the first, and where nobody counts them."""
    return _ATTEMPT.get()


@contextmanager
def attempt_is(number: int) -> Iterator[None]:
    """Say which attempt of a call is made here."""
    _ATTEMPT.set(number)
    try:
        yield
    finally:
        _ATTEMPT.set(1)


def tell_object(size: int, etag: str, version_id: str | None) -> None:
    """Say what the head of an answer to GetObject tells of the object, before its bytes are received.

    Whoever reads a large object then need not wait for the first bytes before he asks for the others. A transport that
    tells nothing is as right, and slower.

    Args:
        size: bytes of the whole object.
        etag: as in `ObjectRange.etag`.
        version_id: as in `ObjectRange.version_id`.
    """
    listener = _EARLY.get()
    if listener is not None:
        listener(size, etag, version_id)


@contextmanager
def knowing_early(listener: Callable[[int, str, str | None], object]) -> Iterator[None]:
    """Have what `tell_object` is told of the request that is sent here; in any thread, and again for each attempt."""
    _EARLY.set(listener)
    try:
        yield
    finally:
        _EARLY.set(None)


def tell_request_id(request_id: str | None) -> None:
    """Say S3's id of the request that was answered, to whoever listens. Errors tell theirs themselves."""
    told = _TOLD.get()
    if told is not None:
        told.request_id = request_id


@contextmanager
def listening() -> Iterator[Told]:
    """Listen to what is told of the request that is sent here."""
    told = Told()
    _TOLD.set(told)
    try:
        yield told
    finally:
        _TOLD.set(None)
