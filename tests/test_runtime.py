"""Parallel steps, with and without an event loop."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import pytest

from pyathena.runtime import AsyncioRuntime, Runtime, ThreadRuntime, drive, run_all

T = TypeVar("T")

Run = Callable[[Coroutine[Any, Any, T]], T]

WORLDS = [
    pytest.param(AsyncioRuntime(), asyncio.run, id="on a loop"),
    pytest.param(ThreadRuntime(4), drive, id="without a loop"),
]


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
