"""Parallel steps, with and without an event loop."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import os
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, TypeVar

import pytest
from typing_extensions import override

from pyathena.runtime import AsyncioRuntime, Group, Runtime, Task, ThreadRuntime, drive, run_all, settle_all

T = TypeVar("T")

Run = Callable[[Coroutine[Any, Any, T]], T]

RUNTIMES = AsyncioRuntime(), ThreadRuntime(4)
WORLDS = [
    pytest.param(RUNTIMES[0], asyncio.run, id="on a loop"),
    pytest.param(RUNTIMES[1], drive, id="without a loop"),
]


@pytest.fixture(scope="module", autouse=True)
def _close() -> Iterator[None]:
    yield
    for runtime in RUNTIMES:
        runtime.close()


@pytest.mark.parametrize(("runtime", "run"), WORLDS)
def test_results_come_in_the_order_of_the_items(runtime: Runtime, run: Run[Any]) -> None:
    async def double(number: int) -> int:
        return 2 * number

    assert run(run_all(runtime, double, range(20), 4)) == list(range(0, 40, 2))


@pytest.mark.parametrize(("runtime", "run"), WORLDS)
def test_no_items_give_no_results(runtime: Runtime, run: Run[Any]) -> None:
    async def never(_: object) -> None:
        raise AssertionError

    assert run(run_all(runtime, never, [], 4)) == []


@pytest.mark.parametrize(("runtime", "run"), WORLDS)
def test_the_first_failure_is_raised_as_it_is(runtime: Runtime, run: Run[Any]) -> None:
    failure = OSError("the third")

    async def third_fails(number: int) -> None:
        if number == 3:
            raise failure

    with pytest.raises(OSError, match="the third") as caught:
        run(run_all(runtime, third_fails, range(10), 3))
    assert caught.value is failure


@pytest.mark.parametrize(("runtime", "run"), WORLDS)
def test_nested_parallel_steps_do_not_wait_for_each_other_for_ever(runtime: Runtime, run: Run[Any]) -> None:
    async def leaf(number: int) -> int:
        return number

    async def branch(number: int) -> int:
        return sum(await run_all(runtime, leaf, range(number), 8))

    async def root(_: int) -> int:
        return sum(await run_all(runtime, branch, range(8), 8))

    assert run(run_all(runtime, root, range(8), 8)) == [56] * 8


@pytest.mark.parametrize(("runtime", "run"), WORLDS)
def test_context_variables_reach_the_steps(runtime: Runtime, run: Run[Any]) -> None:
    variable = contextvars.ContextVar("variable", default="unset")

    async def look(_: int) -> str:
        return variable.get()

    async def program() -> list[str]:
        variable.set("set")
        return await run_all(runtime, look, range(6), 3)

    assert run(program()) == ["set"] * 6


@pytest.mark.parametrize(("runtime", "run"), WORLDS)
def test_a_limit_below_one_is_refused(runtime: Runtime, run: Run[Any]) -> None:
    async def never(_: object) -> None:
        raise AssertionError

    with pytest.raises(ValueError, match="got 0"):
        run(run_all(runtime, never, [1, 2], 0))


def test_no_more_than_the_limit_run_at_a_time() -> None:
    running = peak = 0

    async def count(_: int) -> None:
        nonlocal running, peak
        running += 1
        peak = max(peak, running)
        await asyncio.sleep(0)
        running -= 1

    asyncio.run(run_all(AsyncioRuntime(), count, range(50), 7))
    assert peak == 7


def test_a_failure_cancels_the_others_and_waits_for_them() -> None:
    ended = []

    async def step(number: int) -> None:
        if number == 0:
            await asyncio.sleep(0)
            raise OSError("zero")
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append(number)

    async def program() -> None:
        with pytest.raises(OSError, match="zero"):
            await run_all(AsyncioRuntime(), step, range(4), 4)
        assert sorted(ended) == [1, 2, 3]

    asyncio.run(program())


def test_a_block_that_fails_behind_one_of_its_calls_lets_the_others_clean_up() -> None:
    ended = []

    async def step(number: int) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            for _ in range(5):
                await asyncio.sleep(0)
            ended.append(number)

    async def program() -> None:
        with pytest.raises(ValueError, match="block"):
            async with Group(AsyncioRuntime(), step, 4) as group:
                group.begin(range(1, 4))
                await asyncio.sleep(0)
                group.fail(OSError("zero"))
                await asyncio.sleep(0)
                raise ValueError("block")
        assert sorted(ended) == [1, 2, 3]

    asyncio.run(program())


def test_cancelling_from_outside_cancels_all_steps_and_is_not_lost() -> None:
    started = []
    ended = []

    async def step(number: int) -> None:
        started.append(number)
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(number)

    async def program() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await run_all(AsyncioRuntime(), step, range(3), 3)
        assert started == [0, 1, 2]
        assert sorted(ended) == started

    asyncio.run(program())


def test_a_shielded_step_ends_before_the_cancellation_is_raised() -> None:
    ended = []

    async def cleanup() -> None:
        await asyncio.sleep(0.02)
        ended.append(True)

    async def program() -> None:
        task = asyncio.create_task(AsyncioRuntime().shield(cleanup(), 5))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert ended == [True]

    asyncio.run(program())


def test_a_shielded_step_is_cancelled_when_its_time_is_up() -> None:
    async def program() -> None:
        with pytest.raises(TimeoutError, match=r"0\.01 seconds"):
            await AsyncioRuntime().shield(asyncio.Event().wait(), 0.01)

    asyncio.run(program())


def test_driving_a_coroutine_that_suspends_says_what_to_use() -> None:
    async def suspends() -> None:
        await asyncio.sleep(0)

    with pytest.raises(TypeError, match="use AioS3FileSystem"):
        drive(suspends())


def test_without_a_loop_steps_run_side_by_side() -> None:
    meeting = threading.Barrier(4, timeout=10)

    async def meet(_: int) -> int:
        return meeting.wait()

    assert sorted(drive(run_all(ThreadRuntime(4), meet, range(4), 4))) == [0, 1, 2, 3]


def test_a_step_that_was_cancelled_before_it_began_never_runs() -> None:
    busy, free = threading.Event(), threading.Event()
    ran = []

    async def occupy() -> None:
        busy.set()
        free.wait(10)

    async def late() -> None:
        ran.append(True)

    runtime = ThreadRuntime(1)
    first = runtime.spawn(occupy())
    busy.wait(10)
    second = runtime.spawn(late())
    second.cancel()
    free.set()
    drive(first.settle())
    drive(second.settle())
    assert ran == []


# --- what goes wrong -----------------------------------------------------------------------------


class FewThreads(ThreadRuntime):
    """Refuses to begin the third step."""

    spawned = 0

    @override
    def spawn(self, step: Coroutine[Any, Any, T]) -> Task[T]:
        self.spawned += 1
        if self.spawned == 3:
            raise RuntimeError("no third")
        return super().spawn(step)


def test_a_step_that_cannot_be_begun_stops_the_others_before_it_is_raised() -> None:
    begun: list[int] = []
    ended: list[int] = []
    go_on = threading.Event()

    async def step(number: int) -> None:
        begun.append(number)
        go_on.wait(0.02)
        ended.append(number)

    with pytest.raises(RuntimeError, match="no third"):
        drive(run_all(FewThreads(4), step, range(10), 4))
    assert sorted(ended) == sorted(begun)
    assert len(ended) <= 2
    gc.collect()  # would warn of a coroutine that was never awaited


def cannot_start(thread: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


def test_steps_for_which_there_is_no_thread_are_run_by_whoever_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading.Thread, "start", cannot_start)

    async def double(number: int) -> int:
        return 2 * number

    assert drive(run_all(ThreadRuntime(4), double, range(10), 4)) == list(range(0, 20, 2))


AT_EXIT = """
import atexit
from pyathena.runtime import ThreadRuntime, drive, run_all

async def double(number):
    return 2 * number

atexit.register(lambda: print(drive(run_all(ThreadRuntime(4), double, range(4), 4))))
"""


def test_steps_work_while_the_interpreter_ends() -> None:
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", AT_EXIT], check=False, capture_output=True, text=True, timeout=50
    )
    assert (ran.stdout, ran.stderr) == ("[0, 2, 4, 6]\n", "")


def test_a_pool_without_threads_is_refused() -> None:
    with pytest.raises(ValueError, match="got 0"):
        ThreadRuntime(0)


@pytest.fixture
def busy() -> Any:
    """A pool whose only thread is busy, so that whoever waits for another step runs it himself."""
    runtime, begun, free = ThreadRuntime(1), threading.Event(), threading.Event()

    async def occupy() -> None:
        begun.set()
        free.wait(10)

    occupied = runtime.spawn(occupy())
    begun.wait(10)
    yield runtime
    free.set()
    drive(occupied.settle())
    runtime.close()


async def interrupted() -> None:
    os.kill(os.getpid(), signal.SIGINT)
    threading.Event().wait(0.01)  # the signal's handler runs now at the latest


@pytest.mark.parametrize("wait", ["settle", "wait", "__await__"])
def test_an_interruption_of_a_step_that_runs_here_is_raised_here(busy: ThreadRuntime, wait: str) -> None:
    task = busy.spawn(interrupted())

    async def program() -> None:
        if wait == "__await__":
            await task
        else:
            await getattr(task, wait)()

    with pytest.raises(KeyboardInterrupt):
        drive(program())
    with pytest.raises(KeyboardInterrupt):
        drive(settle_all([busy.spawn(interrupted())]))


def test_an_interruption_while_settling_is_raised_when_the_step_has_ended() -> None:
    ended = []
    begun = threading.Event()

    async def step() -> None:
        begun.set()
        threading.Event().wait(0.05)
        ended.append(True)

    runtime = ThreadRuntime(1)
    task = runtime.spawn(step())
    begun.wait(10)
    threading.Timer(0.01, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        drive(task.settle())
    assert ended == [True]
    runtime.close()


class InterruptedLock:
    """A lock with a Ctrl-C as it is let go of."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        raise KeyboardInterrupt


def test_an_interruption_as_a_step_begins_does_not_leave_others_waiting_for_ever(busy: ThreadRuntime) -> None:
    async def step() -> None:
        pass

    coroutine = step()
    task: Any = busy.spawn(coroutine)
    task._lock = InterruptedLock()
    with pytest.raises(KeyboardInterrupt):
        drive(task.wait())
    assert task._ended.is_set()
    coroutine.close()


def test_driving_a_coroutine_that_suspends_while_it_is_closed_says_what_to_use() -> None:
    class Suspend:
        def __await__(self) -> Any:
            yield

    async def suspends_twice() -> None:
        try:
            await Suspend()
        finally:
            await Suspend()

    with pytest.raises(TypeError, match="use AioS3FileSystem") as caught:
        drive(suspends_twice())
    assert isinstance(caught.value.__cause__, RuntimeError)


def test_a_shielded_step_that_cancels_itself_did_not_take_too_long() -> None:
    async def cancels_itself() -> None:
        raise asyncio.CancelledError("itself")

    async def program() -> None:
        with pytest.raises(asyncio.CancelledError, match="itself"):
            await AsyncioRuntime().shield(cancels_itself(), 5)

    asyncio.run(program())


def test_a_shielded_step_whose_time_is_up_may_clean_up() -> None:
    ended = []

    async def step() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.01)
            ended.append(True)

    async def program() -> None:
        shielding = asyncio.create_task(AsyncioRuntime().shield(step(), 0.01))
        await asyncio.sleep(0.015)
        shielding.cancel()
        with pytest.raises(asyncio.CancelledError):
            await shielding

    asyncio.run(program())
    assert ended == [True]


def test_a_task_can_be_let_go_of_where_no_loop_runs() -> None:
    async def begin() -> Task[bool]:
        return AsyncioRuntime().spawn(asyncio.Event().wait())

    with asyncio.Runner() as runner:
        task = runner.run(begin())
        assert task.lost
        task.cancel()
        drive(task.settle())
    task.cancel()  # the loop is closed now
    assert task.lost


def test_what_is_offloaded_has_ended_when_its_cancellation_is_raised() -> None:
    buffer = bytearray(4)
    begun, go_on = threading.Event(), threading.Event()

    def fill() -> None:
        begun.set()
        go_on.wait(10)
        buffer[:] = b"full"

    async def program() -> None:
        runtime = AsyncioRuntime()
        task = asyncio.create_task(runtime.offload(fill))
        await asyncio.to_thread(begun.wait, 10)
        for _ in range(2):
            task.cancel()
            await asyncio.sleep(0.01)
            assert not task.done()
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert buffer == b"full"
        runtime.close()

    asyncio.run(program())


def test_what_waits_to_be_offloaded_never_begins_after_its_cancellation() -> None:
    ran: list[int] = []
    go_on = threading.Event()

    async def program() -> None:
        runtime = AsyncioRuntime()
        blocking = [asyncio.create_task(runtime.offload(go_on.wait, 10)) for _ in range(4)]
        await asyncio.sleep(0)
        late = asyncio.create_task(runtime.offload(ran.append, 1))
        await asyncio.sleep(0)
        late.cancel()
        with pytest.raises(asyncio.CancelledError):
            await late
        go_on.set()
        await asyncio.gather(*blocking)
        await runtime.offload(ran.append, 2)
        runtime.close()

    asyncio.run(program())
    assert ran == [2]


@pytest.mark.parametrize(("runtime", "run"), WORLDS)
def test_what_is_offloaded_brings_its_result_or_its_error(runtime: Runtime, run: Run[Any]) -> None:
    assert run(runtime.offload(int, "12")) == 12
    with pytest.raises(ValueError, match="invalid literal"):
        run(runtime.offload(int, "twelve"))


@pytest.mark.parametrize(("runtime", "run"), WORLDS)
def test_a_sleep_lasts_as_long_as_it_was_asked_to(runtime: Runtime, run: Run[Any]) -> None:
    began = time.monotonic()
    run(runtime.sleep(0.01))
    assert time.monotonic() - began >= 0.01


# --- what waits, and is not wanted any more ------------------------------------------------------


def test_a_task_that_is_stopped_ends_where_it_sleeps_and_nowhere_else() -> None:
    runtime = AsyncioRuntime()
    steps: list[str] = []

    async def step(first: asyncio.Event) -> None:
        await first.wait()
        steps.append("what is under way comes to its end")
        await runtime.sleep(30)
        steps.append("never")

    async def program() -> None:
        under_way, asleep = asyncio.Event(), asyncio.Event()
        asleep.set()
        tasks = [runtime.spawn(step(under_way)), runtime.spawn(step(asleep))]
        await asyncio.sleep(0)
        for task in tasks:
            task.stop()
        await asyncio.sleep(0)
        under_way.set()
        await settle_all(tasks)
        assert [task.lost for task in tasks] == [True, True]
        assert steps == ["what is under way comes to its end"] * 2

    asyncio.run(program())


def test_another_task_sleeps_on_when_the_one_that_began_it_is_stopped() -> None:
    runtime = AsyncioRuntime()

    async def begin() -> asyncio.Task[None]:
        return asyncio.create_task(runtime.sleep(0.01))

    async def program() -> None:
        task = runtime.spawn(begin())
        other = await task
        task.stop()
        await other

    asyncio.run(program())


def test_a_task_is_freed_without_the_garbage_collector() -> None:
    runtime = AsyncioRuntime()

    async def program() -> None:
        gc.collect()
        gc.disable()
        try:
            task = runtime.spawn(runtime.sleep(0))
            await task
            freed = weakref.ref(task)
            del task
            await asyncio.sleep(0)
            assert freed() is None
        finally:
            gc.enable()

    asyncio.run(program())


def test_without_a_loop_a_task_is_cancelled_where_it_sleeps_and_so_are_those_it_spawned() -> None:
    runtime = ThreadRuntime(4)
    asleep = threading.Barrier(4, timeout=10)
    cleaned = []

    async def leaf(_: int) -> None:
        asleep.wait()
        try:
            await runtime.sleep(30)
        finally:
            await runtime.shield(runtime.sleep(0), 5)  # what cleans up is not cancelled
            cleaned.append(True)

    async def branch() -> None:
        await run_all(runtime, leaf, range(3), 3)

    async def wait_for(task: Task[None]) -> None:
        await task

    began = time.monotonic()
    task = runtime.spawn(branch())
    asleep.wait()
    task.cancel()
    drive(task.settle())
    assert time.monotonic() - began < 10
    assert task.lost
    assert cleaned == [True] * 3
    with pytest.raises(RuntimeError, match="was cancelled"):
        drive(wait_for(task))


def test_without_a_loop_a_task_that_was_cancelled_begins_no_sleep_nor_do_those_it_spawns() -> None:
    runtime = ThreadRuntime(4)
    begun, cancelled = threading.Event(), threading.Event()

    async def step() -> None:
        begun.set()
        cancelled.wait(10)
        await run_all(runtime, runtime.sleep, [30, 30], 2)

    task = runtime.spawn(step())
    begun.wait(10)
    task.cancel()
    cancelled.set()
    drive(task.settle())
    assert task.lost


@pytest.mark.parametrize(("runtime", "run"), WORLDS)
def test_a_failure_wakes_those_that_sleep(runtime: Runtime, run: Run[Any]) -> None:
    async def step(number: int) -> None:
        if number == 0:
            await runtime.sleep(0.01)
            raise OSError("zero")
        await runtime.sleep(30)

    began = time.monotonic()
    with pytest.raises(OSError, match="zero"):
        run(run_all(runtime, step, range(4), 4))
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(("runtime", "run"), WORLDS)
def test_what_is_shielded_does_not_sleep_longer_than_its_time(runtime: Runtime, run: Run[Any]) -> None:
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        run(runtime.shield(runtime.sleep(30), 0.01))
    assert time.monotonic() - began < 10
