"""How a thread that works for a request learns that nobody waits for it any more. Known to the boto3 transport alone.

boto3 cannot be cancelled. What can be done is to look up wherever it gives us the word: before each attempt, before
each block that is sent, after each block that has come; and to shut down the socket that a body is awaited from.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, Final

__all__ = ["Abandoned", "Abandonment", "stop_when_abandoned"]


class Abandoned(BaseException):
    """The caller was cancelled and waits no more. Not an `Exception`, so that botocore lets it through unretried."""


class Abandonment:
    """Tells the thread that works for a call that its caller was cancelled, and wakes it.

    Bytes reach the caller's buffer only inside `holding`, under the lock that `abandon` takes: once `abandon` has
    returned, nothing is written there.
    """

    __slots__ = ("_abandoned", "_lock", "_wake")

    def __init__(self) -> None:
        self._abandoned = False
        self._lock = threading.Lock()
        self._wake: Callable[[], object] | None = None

    def abandon(self) -> None:
        """Ask the thread to end; does not wait for it, and raises nothing."""
        with self._lock:
            self._abandoned = True
            if self._wake is not None:
                with suppress(OSError, RuntimeError, ValueError):  # the connection broke at this very moment
                    self._wake()

    def check(self) -> None:
        """Raise `Abandoned` if the caller was cancelled."""
        if self._abandoned:
            raise Abandoned

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Let the block end before the caller is told that it was cancelled; `Abandoned` if it was already."""
        with self._lock:
            self.check()
            yield

    @contextmanager
    def woken_by(self, wake: Callable[[], object] | None) -> Iterator[None]:
        """Let `abandon` call ``wake`` as long as the block runs, and never later; `Abandoned` if it was called already.

        Args:
            wake: ends a read that waits for the network; None if there is no way to.
        """
        with self.holding():
            self._wake = wake
        try:
            yield
        finally:
            with self._lock:
                self._wake = None

    @contextmanager
    def current(self) -> Iterator[None]:
        """Let clients that `stop_when_abandoned` prepared look here as long as the block runs."""
        token = _CURRENT.set(self)
        try:
            yield
        finally:
            _CURRENT.reset(token)


_CURRENT: Final[ContextVar[Abandonment | None]] = ContextVar("pyathena_abandonment", default=None)


def stop_when_abandoned(client: Any) -> None:
    """Make a boto3 client for S3 attempt nothing more for a caller that was cancelled."""
    client.meta.events.register_first("request-created.s3", _stop_if_abandoned)  # each attempt, before it is signed
    client.meta.events.register_first("needs-retry.s3", _stop_if_abandoned)  # before the pause that precedes the next


def _stop_if_abandoned(response: tuple[Any, dict[str, Any]] | None = None, **_: object) -> None:
    abandonment = _CURRENT.get()
    # A good answer goes to whoever asked, since its body is to be closed.
    if abandonment is not None and (response is None or "Error" in response[1]):
        abandonment.check()
