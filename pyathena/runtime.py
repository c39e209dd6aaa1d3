"""Parallel steps with and without an event loop: the one small difference between the two faces.

The engine is written once, as coroutines. On asyncio its parallel steps are tasks of the running loop
(`AsyncioRuntime`); without a loop they go to a pool of threads (`ThreadRuntime`) and the coroutines are run by `drive`,
which works as long as nothing in them suspends.
"""

from __future__ import annotations

import asyncio
import contextvars
import math
import os
import threading
import time
import weakref
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any, Final, Generic, ParamSpec, Protocol, Self, TypeVar, cast

__all__ = [
    "AsyncioRuntime",
    "Group",
    "ProcessLock",
    "Runtime",
    "Task",
    "ThreadRuntime",
    "drive",
    "run_all",
    "settle_all",
]

S = TypeVar("S")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
P = ParamSpec("P")

_OFFLOAD_THREADS: Final = 4


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

    def stop(self) -> None:
        """Cancel it where it sleeps, now or later (`Runtime.sleep`); what else it does comes to its end."""
        ...

    async def settle(self) -> None:
        """Wait until it has ended, whatever comes in between; a cancellation of the waiter is raised afterwards."""
        ...


class Runtime(Protocol):
    """What the engine needs of the world it runs in."""

    def close(self) -> None:
        """Let go of threads; the runtime can be used again, and then makes new ones."""
        ...

    def spawn(self, step: Coroutine[Any, Any, T]) -> Task[T]:
        """Begin a step beside this one."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait, and let others run meanwhile.

        In a task without an event loop this, and nothing else, is where a cancellation ends it.

        Raises:
            TimeoutError: without an event loop, the time of `shield` would be up.
        """
        ...

    async def offload(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call what blocks, such as the reading of a local file, where it holds up nobody else.

        A cancellation is raised when the call has ended, or will never begin, unless the runtime was told to abandon.
        """
        ...

    def relay(self, function: Callable[P, object]) -> Callable[P, None]:
        """Make a function, for any thread to call, that has this one called where the caller runs, or at once.

        It may never be called where that place is gone. ``function`` must not raise.
        """
        ...

    async def shield(self, step: Coroutine[Any, Any, T], seconds: float) -> T:
        """Run a step to its end even if the caller is cancelled, which is raised afterwards.

        Raises:
            TimeoutError: it did not end within ``seconds``, and was cancelled.
        """
        ...


class Group(Generic[S, T]):
    """Calls of one function, at most ``limit`` at a time, which have ended when the ``async with`` block has.

    The first call that fails stops the others, is waited for with them, and its exception is raised as it is. So does
    the block itself if it fails, or is cancelled.

    Args:
        runtime: how the calls are run.
        function: what is called on each item.
        limit: most calls at a time, 1 or more.
    """

    def __init__(self, runtime: Runtime, function: Callable[[S], Awaitable[T]], limit: int) -> None:
        if limit < 1:
            raise ValueError(f"limit is 1 or more calls at a time, got {limit}")
        self.results: dict[int, T] = {}
        """What the calls brought, by the place of the item."""
        self._runtime = runtime
        self._function = function
        self._limit = limit
        self._items: Sequence[S] = ()
        self._indexes = iter(range(0))
        self._failures: list[BaseException] = []  # as soon as there is one, no further item is begun
        self._tasks: list[Task[None]] = []

    def begin(self, items: Sequence[S], *, busy: int = 0) -> None:
        """Begin with the items, once, unless all is over already.

        Args:
            items: what the function is called on.
            busy: how many calls fewer run, until `grow` says otherwise.
        """
        self._items, self._indexes = items, iter(range(len(items)))
        self.grow(min(self._limit - busy, len(items)))

    def grow(self, count: int = 1) -> None:
        """Let so many more calls run at a time, as far as there are items."""
        for _ in range(0 if self._failures else min(count, len(self._items) - len(self._tasks))):
            step = self._work()
            try:
                self._tasks.append(self._runtime.spawn(step))
            except BaseException:
                step.close()
                raise

    def fail(self, error: BaseException) -> None:
        """Stop the calls, and raise this at the end, unless something failed before."""
        self._failures.append(error)
        if len(self._failures) == 1:  # once: a second cancellation would break off what the others clean up
            for task in self._tasks:
                task.cancel()

    async def _work(self) -> None:
        for index in self._indexes:
            if self._failures:
                return
            try:
                self.results[index] = await self._function(self._items[index])
            except BaseException as error:
                self.fail(error)
                raise

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        try:
            if error is not None:
                self.fail(error)
            else:
                for task in self._tasks:
                    await task.wait()
        except BaseException as interruption:
            self.fail(interruption)
            raise
        finally:
            await settle_all(self._tasks)
        if error is None and self._failures:
            raise self._failures[0]


async def run_all(runtime: Runtime, function: Callable[[S], Awaitable[T]], items: Sequence[S], limit: int) -> list[T]:
    """Call ``function`` on every item as a `Group` does, and return the results in the items' order."""
    group = Group(runtime, function, limit)
    if limit == 1 or len(items) <= 1:
        return [await function(item) for item in items]
    async with group:
        group.begin(items)
    return [group.results[index] for index in range(len(items))]


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


async def _ended(future: asyncio.Future[Any]) -> asyncio.CancelledError | None:
    """Wait until it has ended, and return the cancellation that came in between, if one did."""
    cancelled: asyncio.CancelledError | None = None
    while not future.done():
        try:
            await asyncio.wait([future])
        except asyncio.CancelledError as error:
            cancelled = error
    _look_at(future)  # whoever wants it asks for the result
    return cancelled


def _look_at(future: asyncio.Future[Any]) -> None:
    """Let nobody be warned that it failed: it may be one whose result nobody needs any more, such as a read ahead."""
    if not future.cancelled():
        future.exception()


class _AsyncioTask(Generic[T]):
    def __init__(self, step: Coroutine[Any, Any, T]) -> None:
        self._stopped = False
        self._asleep = False
        context = contextvars.copy_context()
        context.run(_TASK.set, weakref.ref(self))  # a task keeps its context, and with it would keep itself
        self._task = asyncio.create_task(step, context=context)
        self._task.add_done_callback(_look_at)

    def __await__(self) -> Generator[Any, Any, T]:
        return self._task.__await__()

    @property
    def _elsewhere(self) -> bool:
        try:
            return self._task.get_loop() is not asyncio.get_running_loop()
        except RuntimeError:  # no loop runs here
            return True

    @property
    def lost(self) -> bool:
        return self._task.cancelled() or self._elsewhere

    async def wait(self) -> None:
        if not self._task.done():
            await asyncio.wait([self._task])

    def cancel(self) -> None:
        if not self._elsewhere:
            self._task.cancel()
        else:
            with suppress(RuntimeError):  # the loop was closed: nothing runs there any more
                self._task.get_loop().call_soon_threadsafe(self._task.cancel)

    def stop(self) -> None:
        self._stopped = True
        if self._asleep:
            self.cancel()

    @property
    def runs_here(self) -> bool:
        return asyncio.current_task() is self._task

    async def sleep(self, seconds: float) -> None:
        self._asleep = True
        if self._stopped:
            self.cancel()
        try:
            await asyncio.sleep(seconds)
        finally:
            self._asleep = False

    async def settle(self) -> None:
        if self._elsewhere:
            return  # that loop will see to it
        if (cancelled := await _ended(self._task)) is not None:
            raise cancelled


_TASK: Final[contextvars.ContextVar[Callable[[], _AsyncioTask[Any] | None]]] = contextvars.ContextVar(
    "pyathena_task", default=lambda: None
)
"""Tells the task that is running, or one that has begun it."""


class AsyncioRuntime:
    """Tasks of the running event loop. One serves any number of loops.

    What is offloaded goes to threads of its own: the loop's default executor is shared with everybody.

    Args:
        threads: most threads, 1 or more.
        name: begin of their names.
        abandon: whether a cancelled caller leaves a call that has begun to itself, instead of waiting for its end. The
            thread is free when the call has ended, not before.
    """

    def __init__(self, threads: int = _OFFLOAD_THREADS, name: str = "pyathena-files", *, abandon: bool = False) -> None:
        self._executors = _Executors(threads, name)
        self._abandon = abandon

    async def sleep(self, seconds: float) -> None:
        task = _TASK.get()()
        await (task.sleep(seconds) if task is not None and task.runs_here else asyncio.sleep(seconds))

    async def offload(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        call = partial(contextvars.copy_context().run, partial(function, *args, **kwargs))
        pending = self._executors.get().submit(call)
        answer = asyncio.wrap_future(pending)
        try:
            await asyncio.wait([answer])
        except asyncio.CancelledError:
            if not pending.cancel():
                if self._abandon:
                    answer.add_done_callback(_look_at)
                else:
                    await _ended(answer)  # what it works with is the caller's again when this has ended
            raise
        return answer.result()

    def close(self) -> None:
        """Let the threads end when they have nothing more to do."""
        self._executors.close()

    def spawn(self, step: Coroutine[Any, Any, T]) -> Task[T]:
        return _AsyncioTask(step)

    def relay(self, function: Callable[P, object]) -> Callable[P, None]:
        loop, context = asyncio.get_running_loop(), contextvars.copy_context()

        def call(*args: P.args, **kwargs: P.kwargs) -> None:
            with suppress(RuntimeError):  # the loop was closed
                loop.call_soon_threadsafe(partial(function, *args, **kwargs), context=context)

        return call

    async def shield(self, step: Coroutine[Any, Any, T], seconds: float) -> T:
        task = asyncio.create_task(step)
        loop = asyncio.get_running_loop()
        stop = loop.time() + seconds
        cancelled: asyncio.CancelledError | None = None
        while not task.done() and (left := stop - loop.time()) > 0:
            try:
                await asyncio.wait([task], timeout=left)
            except asyncio.CancelledError as error:
                cancelled = error
        late = not task.done()
        if late:
            task.cancel()  # once: a second time would break off what it cleans up
            cancelled = await _ended(task) or cancelled
        if cancelled is not None:
            _look_at(task)
            raise cancelled
        if late and task.cancelled():
            raise TimeoutError(f"not done within {seconds} seconds")
        return task.result()


class ProcessLock:
    """A lock that a forked child has anew: a thread that only the parent has may hold the parent's for ever."""

    def __init__(self) -> None:
        self._by_process: dict[int, threading.Lock] = {}

    def get(self) -> threading.Lock:
        """Return this process's lock."""
        pid = os.getpid()
        return self._by_process.get(pid) or self._by_process.setdefault(pid, threading.Lock())


class _Executors:
    """A pool of threads that is made on first use, and again in a forked child."""

    def __init__(self, max_workers: int, name: str) -> None:
        self._max_workers = max_workers
        self._name = name
        self._by_process: dict[int, ThreadPoolExecutor] = {}

    def get(self) -> ThreadPoolExecutor:
        pid = os.getpid()
        executor = self._by_process.get(pid)
        if executor is None:
            made = ThreadPoolExecutor(self._max_workers, thread_name_prefix=self._name)
            executor = self._by_process.setdefault(pid, made)
        return executor

    def close(self) -> None:
        executor = self._by_process.pop(os.getpid(), None)
        if executor is not None:
            executor.shutdown(wait=False)


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
    failure: Exception | None = None
    try:
        step.close()
    except Exception as error:  # it may want to suspend while it cleans up, too
        failure = error
    raise TypeError(
        "this transport needs an event loop: use AioS3FileSystem, or give S3FileSystem one that never suspends "
        "(BlockingBoto3Transport, InMemoryTransport)"
    ) from failure


class _Cancelled(BaseException):
    """A task was cancelled while it slept. Not an `Exception`, so that nothing in the step takes it for a failure."""


class _ThreadTask(Generic[T]):
    """A step for the pool. Who waits for one that has not begun runs it himself: so nesting cannot deadlock.

    One that has begun is cancelled where it sleeps, and so are those that it has spawned.
    """

    def __init__(self, step: Coroutine[Any, Any, T]) -> None:
        self._step = step
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._owner: object = None
        self._ended = threading.Event()
        self._outcome: tuple[T] | None = None
        self._error: BaseException | None = None
        self._stopped = threading.Event()
        self._spawned: weakref.WeakSet[_ThreadTask[Any]] = weakref.WeakSet()
        spawner = _STEP.get()
        if spawner is not None and not spawner._elsewhere:
            spawner._add(self)

    def _add(self, spawned: _ThreadTask[Any]) -> None:
        with self._lock:
            self._spawned.add(spawned)
        if self._stopped.is_set():
            spawned.stop()

    def _end(self, how: Callable[[], None]) -> None:
        """Do this, unless it is somebody else's already; whatever comes in between, the task has ended then."""
        me = object()
        try:
            with self._lock:
                if self._owner is None:
                    self._owner = me
            if self._owner is me:
                how()
        except _Cancelled:
            pass  # whoever cancelled it wants nothing of it
        except BaseException as error:
            if self._owner is me:
                self._error = error  # raised where the task is awaited
            if not isinstance(error, Exception):
                raise  # Ctrl-C is for the thread that it came to
        finally:
            if self._owner is me:
                self._ended.set()

    def _drive(self) -> None:
        token = _STEP.set(self)
        try:
            self._outcome = (drive(self._step),)
        finally:
            _STEP.reset(token)

    def run(self) -> None:
        self._end(self._drive)

    def __await__(self) -> Generator[Any, Any, T]:
        return self._result().__await__()

    @property
    def _elsewhere(self) -> bool:
        """Whether this is a forked child: the thread that runs the step is the parent's, and so is a lock it held."""
        return self._process != os.getpid()

    @property
    def lost(self) -> bool:
        return self._elsewhere or (self._ended.is_set() and self._outcome is None and self._error is None)

    async def _result(self) -> T:
        await self.wait()
        if self._outcome is None:
            raise self._error or RuntimeError("the task was cancelled, or is another process's")
        return self._outcome[0]

    async def wait(self) -> None:
        if self._elsewhere:
            return
        self.run()
        self._ended.wait()

    def cancel(self) -> None:
        if not self._elsewhere:
            self._end(self._step.close)
        self.stop()

    def stop(self) -> None:
        if self._elsewhere:
            return
        self._stopped.set()
        with self._lock:
            spawned = list(self._spawned)
        for task in spawned:
            task.stop()

    def sleep(self, seconds: float) -> None:
        if self._stopped.wait(seconds):
            raise _Cancelled

    async def settle(self) -> None:
        if self._elsewhere:
            return
        interruption: BaseException | None = None
        while not self._ended.is_set():
            try:
                await self.wait()
            except BaseException as error:
                interruption = error
        if interruption is not None:
            raise interruption


_STEP: Final[contextvars.ContextVar[_ThreadTask[Any] | None]] = contextvars.ContextVar("pyathena_step", default=None)
"""The task that this thread runs."""

_SHIELD_ENDS: Final[contextvars.ContextVar[float]] = contextvars.ContextVar("pyathena_shield_ends", default=math.inf)
"""When the time is up of the `shield` that this thread runs a step in, by `time.monotonic`."""


class ThreadRuntime:
    """A pool of threads for the parallel steps of code that has no event loop.

    Args:
        max_workers: most threads, 1 or more. They are made when they are needed, and again in a forked child.

    Raises:
        ValueError: ``max_workers`` is less than 1.
    """

    def __init__(self, max_workers: int) -> None:
        if max_workers < 1:
            raise ValueError(f"max_workers is 1 or more threads, got {max_workers}")
        self._executors = _Executors(max_workers, "pyathena-s3-step")

    def spawn(self, step: Coroutine[Any, Any, T]) -> Task[T]:
        task = _ThreadTask(step)
        with suppress(RuntimeError):  # no thread can be started any more: whoever waits for the task runs it
            self._executors.get().submit(contextvars.copy_context().run, task.run)
        return task

    async def sleep(self, seconds: float) -> None:
        if time.monotonic() + seconds > _SHIELD_ENDS.get():
            raise TimeoutError(f"there is no time left to wait for {seconds:.2f} seconds more")
        step = _STEP.get()
        if step is None:
            time.sleep(seconds)  # noqa: ASYNC251 - there is no event loop here
        else:
            step.sleep(seconds)

    async def offload(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return function(*args, **kwargs)

    def relay(self, function: Callable[P, object]) -> Callable[P, None]:
        context = contextvars.copy_context()  # not that of whatever calls it

        def call(*args: P.args, **kwargs: P.kwargs) -> None:
            context.copy().run(function, *args, **kwargs)  # one that somebody is in cannot be entered

        return call

    async def shield(self, step: Coroutine[Any, Any, T], seconds: float) -> T:
        # Requests have the transport's own time limits; what is bounded here is that they are made again and again.
        ends = _SHIELD_ENDS.set(min(_SHIELD_ENDS.get(), time.monotonic() + seconds))
        outside = _STEP.set(None)
        try:
            return await step
        finally:
            _STEP.reset(outside)
            _SHIELD_ENDS.reset(ends)

    def close(self) -> None:
        """Let the threads end when they have nothing more to do."""
        self._executors.close()
