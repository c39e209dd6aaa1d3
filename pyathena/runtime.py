"""Parallel steps with and without an event loop: the one small difference between the two faces.

The engine is written once, as coroutines. On asyncio its parallel steps are tasks of the running loop
(`AsyncioRuntime`); without a loop they go to a pool of threads (`ThreadRuntime`) and the coroutines are run by `drive`,
which works as long as nothing in them suspends.
"""

from __future__ import annotations

import asyncio
import contextvars
import os
import threading
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Generic, Protocol, TypeVar, cast

__all__ = ["AsyncioRuntime", "Runtime", "Task", "ThreadRuntime", "drive", "run_all", "settle_all"]

S = TypeVar("S")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Task(Protocol[T_co]):
    """A step that runs beside the one that spawned it."""

    def __await__(self) -> Generator[Any, Any, T_co]:
        """Wait for its result. Whoever is cancelled meanwhile cancels the task too."""
        ...

    @property
    def lost(self) -> bool:
        """Whether its result cannot be had here: it was cancelled, or runs in another event loop."""
        ...

    async def wait(self) -> None:
        """Wait until it has ended, however; a cancellation of the waiter ends the waiting, not the task."""
        ...

    def cancel(self) -> None:
        """Ask it to end. What it would have brought is dropped."""
        ...

    async def settle(self) -> None:
        """Wait until it has ended, whatever comes in between; a cancellation of the waiter is raised afterwards."""
        ...


class Runtime(Protocol):
    """What the engine needs of the world it runs in."""

    def spawn(self, step: Coroutine[Any, Any, T]) -> Task[T]:
        """Begin a step beside this one."""
        ...

    async def shield(self, step: Coroutine[Any, Any, T], seconds: float) -> T:
        """Run a step to its end even if the caller is cancelled, which is raised afterwards.

        Raises:
            TimeoutError: it did not end within ``seconds``, and was cancelled.
        """
        ...


async def run_all(runtime: Runtime, function: Callable[[S], Awaitable[T]], items: Sequence[S], limit: int) -> list[T]:
    """Call ``function`` on every item, at most ``limit`` at a time, and return the results in the items' order.

    The first call that fails stops the others, is waited for with them, and its exception is raised as it is.
    """
    if limit < 1:
        raise ValueError(f"limit is 1 or more calls at a time, got {limit}")
    if limit == 1 or len(items) <= 1:
        return [await function(item) for item in items]
    results: dict[int, T] = {}
    failures: list[BaseException] = []
    indexes = iter(range(len(items)))
    tasks: list[Task[None]] = []

    async def work() -> None:
        for index in indexes:
            if failures:
                return
            try:
                results[index] = await function(items[index])
            except BaseException as error:
                failures.append(error)
                if len(failures) == 1:  # once: a second cancellation would break off what the others clean up
                    for task in tasks:
                        task.cancel()
                raise

    tasks.extend(runtime.spawn(work()) for _ in range(min(limit, len(items))))
    try:
        for task in tasks:
            await task.wait()
    except BaseException:
        for task in tasks:
            task.cancel()
        raise
    finally:
        await settle_all(tasks)
    if failures:
        raise failures[0]
    return [results[index] for index in range(len(items))]


async def settle_all(tasks: Iterable[Task[Any]]) -> None:
    """Wait until all have ended, whatever comes in between; a cancellation of the waiter is raised afterwards."""
    interruption: BaseException | None = None
    for task in tasks:
        try:
            await task.settle()
        except BaseException as error:
            interruption = error
    if interruption is not None:
        raise interruption


# --- on an event loop ----------------------------------------------------------------------------


class _AsyncioTask(Generic[T]):
    def __init__(self, step: Coroutine[Any, Any, T]) -> None:
        self._task = asyncio.create_task(step)

    def __await__(self) -> Generator[Any, Any, T]:
        return self._task.__await__()

    @property
    def _elsewhere(self) -> bool:
        return self._task.get_loop() is not asyncio.get_running_loop()

    @property
    def lost(self) -> bool:
        return self._task.cancelled() or self._elsewhere

    async def wait(self) -> None:
        if not self._task.done():
            await asyncio.wait([self._task])

    def cancel(self) -> None:
        loop = self._task.get_loop()
        if not self._elsewhere:
            self._task.cancel()
        elif not loop.is_closed():
            loop.call_soon_threadsafe(self._task.cancel)

    async def settle(self) -> None:
        if self._elsewhere:
            return  # that loop will see to it
        cancelled: asyncio.CancelledError | None = None
        while not self._task.done():
            try:
                await asyncio.wait([self._task])
            except asyncio.CancelledError as error:
                cancelled = error
        if not self._task.cancelled():
            self._task.exception()  # whoever wants it awaits the task; nobody is to be warned of it
        if cancelled is not None:
            raise cancelled


class AsyncioRuntime:
    """Tasks of the running event loop. Holds no state, so that one serves any number of loops."""

    def spawn(self, step: Coroutine[Any, Any, T]) -> Task[T]:
        return _AsyncioTask(step)

    async def shield(self, step: Coroutine[Any, Any, T], seconds: float) -> T:
        task = asyncio.create_task(step)
        stop = asyncio.get_running_loop().time() + seconds
        cancelled: asyncio.CancelledError | None = None
        while not task.done():
            left = stop - asyncio.get_running_loop().time()
            if left <= 0:
                task.cancel()
            try:
                await asyncio.wait([task], timeout=max(left, 0) or None)
            except asyncio.CancelledError as error:
                cancelled = error
        if cancelled is not None:
            if not task.cancelled():
                task.exception()
            raise cancelled
        if task.cancelled():
            raise TimeoutError(f"not done within {seconds} seconds")
        return task.result()


# --- without an event loop -----------------------------------------------------------------------


def drive(step: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end, here and now.

    Raises:
        TypeError: it suspends, which needs an event loop.
    """
    try:
        step.send(None)
    except StopIteration as end:
        return cast("T", end.value)
    step.close()
    raise TypeError(
        "this transport needs an event loop: use AioS3FileSystem, or give S3FileSystem one that never suspends "
        "(BlockingBoto3Transport, InMemoryTransport)"
    )


class _ThreadTask(Generic[T]):
    """A step for the pool. Who waits for one that has not begun runs it himself: so nesting cannot deadlock."""

    def __init__(self, step: Coroutine[Any, Any, T]) -> None:
        self._step = step
        self._lock = threading.Lock()
        self._claimed = False
        self._ended = threading.Event()
        self._outcome: tuple[T] | None = None
        self._error: BaseException | None = None

    def _claim(self) -> bool:
        with self._lock:
            claimed, self._claimed = self._claimed, True
        return not claimed

    def run(self) -> None:
        if self._claim():
            try:
                self._outcome = (drive(self._step),)
            except BaseException as error:  # raised where the task is awaited
                self._error = error
            finally:
                self._ended.set()

    def __await__(self) -> Generator[Any, Any, T]:
        return self._result().__await__()

    @property
    def lost(self) -> bool:
        return self._ended.is_set() and self._outcome is None and self._error is None

    async def _result(self) -> T:
        await self.wait()
        if self._outcome is None:
            raise self._error or RuntimeError("the task was cancelled before it began")
        return self._outcome[0]

    async def wait(self) -> None:
        self.run()
        self._ended.wait()

    def cancel(self) -> None:
        if self._claim():
            self._step.close()
            self._ended.set()

    async def settle(self) -> None:
        await self.wait()


class ThreadRuntime:
    """A pool of threads for the parallel steps of code that has no event loop.

    Args:
        max_workers: most threads, 1 or more. They are made when they are needed, and again in a forked child.
    """

    def __init__(self, max_workers: int) -> None:
        self._max_workers = max_workers
        self._executors: dict[int, ThreadPoolExecutor] = {}

    def spawn(self, step: Coroutine[Any, Any, T]) -> Task[T]:
        task = _ThreadTask(step)
        self._executor().submit(contextvars.copy_context().run, task.run)
        return task

    async def shield(self, step: Coroutine[Any, Any, T], seconds: float) -> T:
        return await step  # nothing here is cancelled, and the transport's own time limits hold

    def _executor(self) -> ThreadPoolExecutor:
        pid = os.getpid()
        executor = self._executors.get(pid)
        if executor is None:
            made = ThreadPoolExecutor(self._max_workers, thread_name_prefix="pyathena-s3-step")
            executor = self._executors.setdefault(pid, made)
        return executor

    def close(self) -> None:
        """Let the threads end when they have nothing more to do."""
        executor = self._executors.pop(os.getpid(), None)
        if executor is not None:
            executor.shutdown(wait=False)
