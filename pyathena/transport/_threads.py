"""Calls in threads on behalf of event loops, for calls that are short and many.

A `concurrent.futures.Future` for each call, and a wake-up of the loop for each result, cost more than a small request
itself. Here a thread takes one call after the other as long as there are some, and what has been done is handed to a
loop all at once. The threads are those of a `ThreadPoolExecutor`, which knows how to end with the interpreter.
"""

from __future__ import annotations

import asyncio
import atexit
import contextvars
import os
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any, Final, Generic, TypeVar
from weakref import WeakKeyDictionary, WeakSet

__all__ = ["Job", "Threads", "interpreter_ends"]

T = TypeVar("T")


class Job(Generic[T]):
    """A call that waits for its turn, runs, or has ended. ``answer`` gets its result, in the loop that asked."""

    __slots__ = ("_call", "_claim", "_context", "_dropped", "_loop", "_mail", "_result", "answer")

    def __init__(self, call: Callable[[], T], loop: asyncio.AbstractEventLoop, mail: _Mail) -> None:
        self.answer: asyncio.Future[T] = loop.create_future()
        self._call: Callable[[], T] | None = call
        self._loop = loop
        self._mail = mail
        self._context = contextvars.copy_context()
        self._claim = threading.Lock()  # taken by whoever comes first: a thread to run it, or its owner to withdraw it
        self._dropped: Callable[[T], object] | None = None
        self._result: tuple[Any, BaseException | None] | None = None

    def claim(self) -> bool:
        """Take it, to run it or to let it not run; False if somebody was quicker."""
        return self._claim.acquire(blocking=False)

    def forget(self) -> None:
        """Let go of what was to be called, and with it of bodies and buffers. For who has claimed it, not to run it."""
        self._call = None

    def drop(self, dropped: Callable[[T], object]) -> None:
        """Want its result no more: if it brings one, ``dropped`` gets it, at once or later, in whatever thread."""
        self._dropped = dropped
        if self.answer.done() and not self.answer.cancelled() and self.answer.exception() is None:
            dropped(self.answer.result())
        self._drop_result()

    def _drop_result(self) -> None:
        result, self._result = self._result, None
        if self._dropped is not None and result is not None and result[1] is None:
            self._dropped(result[0])

    def run(self) -> None:
        """Call what is to be called."""
        call, self._call = self._call, None
        assert call is not None
        try:
            self._result = self._context.run(call), None
        except BaseException as error:
            self._result = None, error
            del self  # the traceback keeps this frame, and would keep with the job the error itself

    def post(self) -> None:
        """Hand what came of it to the loop."""
        self._mail.append(self)
        if not self._mail.announced:
            self._mail.announced = True
            try:
                self._loop.call_soon_threadsafe(self._mail.deliver)
            except RuntimeError:  # the loop was closed
                self._mail.deliver()
        if self._dropped is not None and self.answer.cancelled():
            self._drop_result()

    def deliver(self) -> None:
        """Give the answer, in the loop that asked, if somebody waits for it."""
        if self._result is None or self.answer.done() or self._loop.is_closed():
            self._drop_result()
            return
        result, error = self._result
        self._result = None
        if error is not None:
            self.answer.set_exception(error)
            self.answer.exception()  # nobody is warned of it where the caller has gone
        else:
            self.answer.set_result(result)


class _Mail(deque[Job[Any]]):
    """Jobs that have ended, whose loop is to be told."""

    announced = False

    def deliver(self) -> None:
        self.announced = False  # before looking, so that what comes from now on is announced anew
        with suppress(IndexError):
            while True:
                self.popleft().deliver()


class Threads:
    """At most ``max_threads`` threads, which are made when they are needed."""

    def __init__(self, max_threads: int, name: str) -> None:
        self._executor = ThreadPoolExecutor(max_threads, thread_name_prefix=name)
        self._max_threads = max_threads
        self._lock = threading.Lock()
        self._waiting: deque[Job[Any]] = deque()
        self._shifts = 0
        self._running: set[Job[Any]] = set()
        self._mails: WeakKeyDictionary[asyncio.AbstractEventLoop, _Mail] = WeakKeyDictionary()
        self._ending: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []
        self._process = os.getpid()
        _LIVING.add(self)

    def submit(self, call: Callable[[bool], T], loop: asyncio.AbstractEventLoop) -> Job[T]:
        """Let ``call`` be called when its turn comes, with the context variables of the caller.

        It is told whether there was a thread for it at once, if not yet awake.

        Raises:
            RuntimeError: no thread can be started.
        """
        with self._lock:
            mail = self._mails.get(loop)
            if mail is None:
                mail = self._mails[loop] = _Mail()
            job = Job(partial(call, len(self._running) < self._max_threads), loop, mail)
            self._running.add(job)
            self._waiting.append(job)
            if self._shifts == self._max_threads:
                return job
            self._shifts += 1
        try:
            self._executor.submit(self._shift)
        except RuntimeError:
            with self._lock:
                self._shifts -= 1
                comes = self._shifts > 0 and not interpreter_ends()  # a thread that is there, to this job as to others
            if not comes and self.withdraw(job):
                with self._lock, suppress(ValueError):
                    self._waiting.remove(job)
                raise
        return job

    def withdraw(self, job: Job[Any]) -> bool:
        """Let a job not run; False if it runs already or has ended."""
        if not job.claim():
            return False
        job.forget()
        self._end(job)
        return True

    def _shift(self) -> None:
        """Take one job after the other, in a thread."""
        while True:
            with self._lock:
                if not self._waiting:
                    # One whose thread could not be started was queued all the same, and does not count.
                    self._shifts = max(0, self._shifts - 1)
                    return
                job = self._waiting.popleft()
            if job.claim():
                job.run()
                self._end(job)
                job.post()
            del job

    def _end(self, job: Job[Any]) -> None:
        with self._lock:
            self._running.discard(job)
            told = [] if self._running else self._ending
            if told:
                self._ending = []
        for loop, ended in told:
            with suppress(RuntimeError):  # the loop was closed
                loop.call_soon_threadsafe(ended.set)

    async def all_ended(self) -> None:
        """Wait until nothing runs and nothing waits for its turn."""
        ended = asyncio.Event()
        with self._lock:
            if not self._running:
                return
            self._ending.append((asyncio.get_running_loop(), ended))
        await ended.wait()

    def close(self) -> None:
        """Let the threads end when they have nothing more to do."""
        self._executor.shutdown(wait=False)

    def running_loops(self) -> list[asyncio.AbstractEventLoop]:
        """Return the loops that were served and run, in this process."""
        if self._process != os.getpid():  # a forked child has the loops, but not the threads that run them
            return []
        return [loop for loop in list(self._mails) if loop.is_running()]


# --- the end of the interpreter ------------------------------------------------------------------

_PASSES: Final = 20
"""An answer is passed on from task to task, up to the thread that waits for it; each step takes a pass of the loop."""

_LIVING: Final[WeakSet[Threads]] = WeakSet()

_ENDS: Final = threading.Event()

with suppress(AttributeError, RuntimeError):  # it is no public function; or the interpreter ends already
    threading._register_atexit(_ENDS.set)  # type: ignore[attr-defined]  # as concurrent.futures does, for the same moment


def interpreter_ends() -> bool:
    """Tell whether the main thread has ended, so that executors take nothing any more."""
    return _ENDS.is_set()


@atexit.register
def _settle() -> None:
    """Let loops of other threads pass on what they were handed last, so that nothing is pending there.

    Our threads have ended by now. What is left are daemons, such as the thread of fsspec's loop, and those that wait
    for it: one that is busy while the interpreter is taken down may crash it, says
    https://github.com/python/cpython/issues/110052.
    """
    passed = threading.Event()
    for loop in {loop for threads in list(_LIVING) for loop in threads.running_loops()}:
        for _ in range(_PASSES):
            passed.clear()
            with suppress(RuntimeError):  # the loop was closed
                loop.call_soon_threadsafe(passed.set)
            if not passed.wait(1):  # or something blocks it
                break
