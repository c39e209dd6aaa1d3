"""What a request waits for, on an event loop or in a thread."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress

__all__ = ["Held", "Signal"]


class Signal:
    """Something that happens once. May be waited for, and set, in any event loop and any thread."""

    def __init__(self) -> None:
        self._happened = threading.Event()
        self._lock = threading.Lock()
        self._waiters: set[asyncio.Future[None]] = set()

    def set(self) -> None:
        """Let all go on that wait, and those that come later."""
        with self._lock:
            self._happened.set()
            waiters = list(self._waiters)
        for waiter in waiters:
            with suppress(RuntimeError):  # its loop was closed
                waiter.get_loop().call_soon_threadsafe(_wake, waiter)

    def wait_here(self) -> None:
        """Block the thread until it happens."""
        self._happened.wait()

    async def wait(self) -> None:
        """Wait until it happens; without an event loop the thread is blocked."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.wait_here()
            return
        waiter = loop.create_future()
        with self._lock:
            if self._happened.is_set():
                return
            self._waiters.add(waiter)
        try:
            await waiter
        finally:
            with self._lock:
                self._waiters.discard(waiter)


class Held:
    """What a fault is that holds requests until it is released."""

    def __init__(self) -> None:
        self._entered = Signal()
        self._released = Signal()

    async def entered(self) -> None:
        """Wait until a request is held, or was; without an event loop the thread is blocked."""
        await self._entered.wait()

    def release(self) -> None:
        """Let all go on that are held, and hold nothing any more."""
        self._released.set()


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
