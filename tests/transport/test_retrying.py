"""What is tried again, how often and when; and what becomes of a request whose answer was lost."""

from __future__ import annotations

import asyncio
import hashlib
import http.server
import inspect
import io
import logging
import math
import os
import pickle
import re
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from pyathena.runtime import drive
from pyathena.transport import (
    BlockingBoto3Transport,
    ByteRange,
    CompletedPart,
    CopyOptions,
    CustomerKey,
    DeletedObject,
    DeleteError,
    DeleteOptions,
    DeleteResult,
    GetOptions,
    InMemoryTransport,
    MultipartUpload,
    ObjectKey,
    ObjectRef,
    PutOptions,
    RequestOptions,
    RetryingTransport,
    RetryPolicy,
    S3AlreadyExistsError,
    S3ChecksumError,
    S3ConflictError,
    S3ConnectionError,
    S3Error,
    S3ExpiredCredentialsError,
    S3IncompleteReadError,
    S3InvalidRangeError,
    S3InvalidRequestError,
    S3NotFoundError,
    S3PermissionError,
    S3PreconditionError,
    S3ServerError,
    S3ThrottledError,
    S3TimeoutError,
    S3Transport,
    ThreadedBoto3Transport,
)
from pyathena.transport.retrying import RetryBudget, backoff

REF = ObjectRef("bucket", "key")
SECRET = "a-secret-that-nobody-may-see"

Call = Callable[[], Awaitable[Any]]
Step = Callable[[Call, dict[str, Any]], Awaitable[Any]]
Run = Callable[[Any], Any]


# --- a transport that fails as it is told to -----------------------------------------------------


class Scripted:
    """An in-memory transport whose requests, one after the other, do what the script says; then they just work."""

    def __init__(self, *script: Step | S3Error | None, memory: InMemoryTransport | None = None) -> None:
        self.memory = memory or InMemoryTransport(buckets=["bucket"])
        self.script = deque(script)
        self.asked: list[str] = []
        self.arguments: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    def __getattr__(self, operation: str) -> Callable[..., Awaitable[Any]]:
        method = getattr(self.memory, operation)

        async def request(*args: Any, **kwargs: Any) -> Any:
            self.asked.append(operation)
            self.arguments.append((args, kwargs))
            step = self.script.popleft() if self.script else None
            if step is None:
                return await method(*args, **kwargs)
            if isinstance(step, S3Error):
                raise step
            return await step(lambda: method(*args, **kwargs), kwargs)

        return request


def lost(error: S3Error | None = None) -> Step:
    """The request is done, and its answer lost."""

    async def step(call: Call, _: dict[str, Any]) -> Any:
        await call()
        raise error or S3ConnectionError("the connection broke")

    return step


def breaks_off(after: int) -> Step:
    """The body breaks off after so many bytes; those are in the buffer, if there was one."""

    async def step(call: Call, kwargs: dict[str, Any]) -> Any:
        answer = await call()
        if kwargs["into"] is not None:
            answer.data[after:] = bytes(answer.size - after)
            answer.data.release()
        told = {"start": answer.start, "received": after, "etag": answer.etag, "object_size": answer.object_size}
        raise S3IncompleteReadError("broke off", **told)

    return step


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def retrying(inner: object, time: Time | None = None, **policy: Any) -> RetryingTransport:
    time = time or Time()
    return RetryingTransport(
        cast("S3Transport", inner), RetryPolicy(**policy), sleep=time.sleep, clock=time.clock, random=lambda: 1.0
    )


@pytest.fixture(params=[asyncio.run, drive], ids=["on a loop", "without a loop"])
def run(request: pytest.FixtureRequest) -> Run:
    return cast("Run", request.param)


def stored(data: bytes = b"0123456789", key: str = "key", **options: Any) -> InMemoryTransport:
    memory = InMemoryTransport(buckets=["bucket"])
    drive(memory.put_object(ObjectRef("bucket", key), data, options=PutOptions(**options)))
    return memory


def etag_of(data: bytes) -> str:
    return f'"{hashlib.md5(data).hexdigest()}"'


# --- how often, and when -------------------------------------------------------------------------


def test_what_failed_for_the_moment_is_tried_again(run: Run) -> None:
    time = Time()
    scripted = Scripted(S3ServerError("no"), S3ConnectionError("no"), memory=stored())
    assert run(retrying(scripted, time).head_object(REF)).size == 10
    assert scripted.asked == ["head_object"] * 3
    assert time.slept == [0.05, 0.1]


def test_what_failed_for_good_is_not_tried_again(run: Run) -> None:
    scripted = Scripted()
    with pytest.raises(S3NotFoundError) as caught:
        run(retrying(scripted).head_object(REF))
    assert scripted.asked == ["head_object"]
    assert not hasattr(caught.value, "__notes__")


def test_the_last_error_is_raised_as_it_is_with_a_note_of_the_attempts(run: Run) -> None:
    time = Time()
    errors = [S3ServerError(f"number {n}") for n in range(6)]
    with pytest.raises(S3ServerError) as caught:
        run(retrying(Scripted(*errors), time).head_object(REF))
    assert caught.value is errors[4]
    assert caught.value.__notes__ == ["attempt 5, 0.8 s after the first began"]
    assert len(time.slept) == 4


def test_throttling_is_met_with_longer_pauses() -> None:
    time = Time()
    drive(retrying(Scripted(*[S3ThrottledError("slow down")] * 4, memory=stored()), time).head_object(REF))
    assert time.slept == [1, 2, 4, 8]


def test_a_server_that_says_how_long_to_wait_is_never_asked_sooner() -> None:
    time = Time()
    drive(retrying(Scripted(S3ThrottledError("wait", retry_after=7), memory=stored()), time).head_object(REF))
    assert time.slept == [8]


def test_no_attempt_begins_after_the_deadline() -> None:
    time = Time()
    scripted = Scripted(*[S3ThrottledError("slow down") for _ in range(9)])
    with pytest.raises(S3ThrottledError) as caught:
        drive(retrying(scripted, time, deadline=5, max_attempts=9).head_object(REF))
    assert time.slept == [1, 2]
    assert caught.value.__notes__ == [
        "attempt 3, 3.0 s after the first began; no other one, since it would begin after the deadline of 5 s"
    ]


def test_a_sleep_that_took_too_long_is_followed_by_no_attempt() -> None:
    time = Time()

    async def oversleep(seconds: float) -> None:
        time.now += 60

    scripted = Scripted(S3ServerError("no"))
    transport = RetryingTransport(
        cast("S3Transport", scripted), RetryPolicy(deadline=50), sleep=oversleep, clock=time.clock
    )
    with pytest.raises(S3ServerError):
        drive(transport.head_object(REF))
    assert scripted.asked == ["head_object"]


def test_one_attempt_is_one_attempt() -> None:
    scripted = Scripted(S3ServerError("no"))
    with pytest.raises(S3ServerError):
        drive(retrying(scripted, max_attempts=1).head_object(REF))
    assert scripted.asked == ["head_object"]


def test_an_outage_uses_up_the_budget_and_is_not_multiplied(run: Run) -> None:
    scripted = Scripted(*[S3ServerError("down") for _ in range(1000)])
    transport = retrying(scripted, budget=100)

    async def program() -> S3Error | None:
        last = None
        for _ in range(100):
            try:
                await transport.head_object(REF)
            except S3ServerError as error:
                last = error
        return last

    last = run(program())
    assert len(scripted.asked) == 100 + 100 // 5
    assert last.__notes__ == [
        "attempt 1, 0.0 s after the first began; no other one, since the transport's budget for retries is used up"
    ]


def test_successes_fill_the_budget_again(run: Run) -> None:
    scripted = Scripted(S3TimeoutError("late"), None, S3ServerError("no"), None, None, memory=stored())
    transport = retrying(scripted, budget=12)

    async def program() -> list[int]:
        left = []
        for taken in (0, 2, 0, 9):
            transport.budget.take(taken)
            await transport.head_object(REF)
            left.append(transport.budget.left)
        return left

    # What a retry took comes back, and 1 for what succeeds at once.
    assert run(program()) == [12, 10, 11, 3]


def test_a_budget_can_be_used_from_many_threads_and_in_a_forked_child() -> None:
    budget = RetryBudget(10_000)

    def work() -> None:
        for _ in range(2000):
            budget.take(3)
            budget.give_back(2)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert budget.left == 10_000 - 4 * 2000
    budget._lock.acquire()  # by a thread that the child has not
    child = os.fork()
    if child == 0:
        os._exit(0 if budget.take(1) and budget.left == 1999 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@given(
    failures=st.integers(1, 5000),
    throttled=st.booleans(),
    luck=st.floats(0, 1),
    base=st.floats(0, 10),
    longer=st.floats(0, 10),
    most=st.floats(0, 100),
)
def test_a_pause_is_between_nothing_and_its_bound(
    failures: int, throttled: bool, luck: float, base: float, longer: float, most: float
) -> None:
    policy = RetryPolicy(base_delay=base, throttled_base_delay=longer, max_delay=most)
    pause = backoff(policy, failures, throttled=throttled, random=lambda: luck)
    assert 0 <= pause <= most
    assert pause <= (longer if throttled else base) * 2.0 ** min(failures - 1, 100)
    assert pause <= backoff(policy, failures + 1, throttled=throttled, random=lambda: luck)


@pytest.mark.parametrize(
    "bound",
    [
        {"max_attempts": 0},
        {"base_delay": -1},
        {"throttled_base_delay": math.nan},
        {"max_delay": math.inf},
        {"deadline": 0},
        {"deadline": math.nan},
        {"budget": -1},
    ],
)
def test_a_policy_out_of_bounds_is_refused_by_name(bound: dict[str, Any]) -> None:
    ((name, value),) = bound.items()
    with pytest.raises(ValueError, match=f"{name} is .* got {value}"):
        RetryPolicy(**bound)


def test_a_policy_is_a_plain_value() -> None:
    assert repr(RetryPolicy(max_attempts=3)) == repr(RetryPolicy(max_attempts=3))
    assert pickle.loads(pickle.dumps(RetryPolicy(deadline=math.inf))) == RetryPolicy(deadline=math.inf)


def test_a_retry_is_logged_without_words_that_may_hold_secrets(caplog: pytest.LogCaptureFixture) -> None:
    error = S3ThrottledError(f"not {SECRET}", code="SlowDown", operation="HeadObject", bucket="bucket", key="key")
    with caplog.at_level(logging.DEBUG):
        drive(retrying(Scripted(error, memory=stored())).head_object(REF))
    assert caplog.messages == ["HeadObject of bucket/key failed (S3ThrottledError, SlowDown): attempt 2 in 1.00 s"]


# --- cancellation --------------------------------------------------------------------------------


def test_a_cancelled_call_is_not_tried_again() -> None:
    async def answers_late(call: Call, _: dict[str, Any]) -> Any:
        await asyncio.sleep(10)

    async def program() -> None:
        scripted = Scripted(answers_late)
        task = asyncio.create_task(retrying(scripted).put_object(REF, b"x"))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert scripted.asked == ["put_object"]

    asyncio.run(program())


def test_a_call_is_cancelled_while_it_waits_for_its_next_attempt() -> None:
    async def program() -> None:
        scripted = Scripted(S3ThrottledError("slow down", retry_after=10))
        transport = RetryingTransport(cast("S3Transport", scripted))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await transport.put_object(REF, b"x")
        assert scripted.asked == ["put_object"]

    asyncio.run(program())


@pytest.mark.parametrize("world", [asyncio.run, drive])
def test_without_being_told_how_it_sleeps_where_it_is(world: Run) -> None:
    scripted = Scripted(S3ServerError("no"), memory=stored())
    transport = RetryingTransport(cast("S3Transport", scripted), RetryPolicy(base_delay=0.001))
    assert world(transport.head_object(REF)).size == 10


# --- every method --------------------------------------------------------------------------------

SAMPLES: dict[str, Any] = {
    "ObjectRef": REF,
    "ByteRange": ByteRange(1, 2),
    "ByteRange | None": ByteRange(1, 2),
    "memoryview | None": memoryview(bytearray(1)),
    "Buffer": b"body",
    "MultipartUpload": MultipartUpload("bucket", "key", "id"),
    "Sequence[CompletedPart]": [CompletedPart(1, '"etag"')],
    "Sequence[ObjectKey]": [ObjectKey("key")],
    "Mapping[str, str]": {"name": "value"},
    "VersioningStatus": "Enabled",
    "PresignedOperation": "put_object",
    "str": "text",
    "str | None": "text or none",
    "int": 7,
    "DeleteOptions": DeleteOptions(quiet=True),
    "GetOptions": GetOptions(if_match='"etag"'),
    "PutOptions": PutOptions(content_type="text/plain"),
    "CopyOptions": CopyOptions(content_type="text/plain"),
    "RequestOptions": RequestOptions(requester_pays=True),
}
METHODS = [name for name, _ in inspect.getmembers(S3Transport, inspect.isfunction) if not name.startswith("_")]


@pytest.mark.parametrize("name", METHODS)
def test_every_method_of_the_protocol_hands_its_arguments_on_and_its_answer_back(name: str) -> None:
    calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []
    answer = None if name == "aclose" else DeleteResult() if name == "delete_objects" else object()

    class Noting:
        def __getattr__(self, asked: str) -> Any:
            async def note(*args: Any, **kwargs: Any) -> Any:
                calls.append((asked, args, kwargs))
                return answer

            return note

    parameters = list(inspect.signature(getattr(S3Transport, name)).parameters.values())[1:]
    args = [SAMPLES[each.annotation] for each in parameters if each.kind is not each.KEYWORD_ONLY]
    kwargs = {each.name: SAMPLES[each.annotation] for each in parameters if each.kind is each.KEYWORD_ONLY}
    assert drive(getattr(retrying(Noting()), name)(*args, **kwargs)) is answer
    [(asked, positional, named)] = calls
    assert asked == name
    assert inspect.signature(RetryingTransport.__dict__[name]) == inspect.signature(getattr(S3Transport, name))
    bound = inspect.signature(getattr(S3Transport, name)).bind(None, *positional, **named).arguments
    assert list(bound.values())[1:] == [*args, *kwargs.values()]
    assert list(bound)[1:] == [each.name for each in parameters]


@pytest.mark.parametrize("name", [name for name in METHODS if name != "aclose"])
def test_every_method_is_tried_again(name: str) -> None:
    answer = DeleteResult()
    left = [S3ServerError("no")]
    calls = []

    class FailsOnce:
        def __getattr__(self, asked: str) -> Any:
            async def fail(*args: Any, **kwargs: Any) -> Any:
                calls.append((asked, args, kwargs))
                if left:
                    raise left.pop()
                return answer

            return fail

    parameters = list(inspect.signature(getattr(S3Transport, name)).parameters.values())[1:]
    args = [SAMPLES[each.annotation] for each in parameters if each.default is each.empty]
    assert drive(getattr(retrying(FailsOnce()), name)(*args)) is answer
    assert len(calls) == 2
    assert calls[0] == calls[1]


def test_closing_is_not_tried_again() -> None:
    class Stuck:
        async def aclose(self) -> None:
            raise S3ServerError("no")

    with pytest.raises(S3ServerError):
        drive(retrying(Stuck()).aclose())


def test_it_shows_what_it_wraps_and_differs_from_another() -> None:
    memory = InMemoryTransport()
    first, second = RetryingTransport(memory), RetryingTransport(memory)
    assert repr(memory) in repr(first)
    assert repr(first.policy) in repr(first)
    assert repr(first) != repr(second)


def test_it_can_be_pickled_if_what_it_wraps_can() -> None:
    inner = ThreadedBoto3Transport(key="k", secret=SECRET, max_concurrency=3)
    again = pickle.loads(
        pickle.dumps(RetryingTransport(inner, RetryPolicy(max_attempts=2), compare_etags_only=True, random=lucky))
    )
    assert again.inner.max_concurrency == 3
    assert (again.policy, again._compare_etags_only, again._random) == (RetryPolicy(max_attempts=2), True, lucky)
    with pytest.raises(TypeError, match="InMemoryTransport cannot be pickled"):
        pickle.dumps(RetryingTransport(InMemoryTransport()))


def lucky() -> float:
    return 0.0


# --- a body that breaks off ----------------------------------------------------------------------

DATA = bytes(range(256)) * 4


@pytest.mark.parametrize("byte_range", [ByteRange(0), ByteRange(0, 5000), ByteRange(100, 900), ByteRange(1000)])
def test_a_body_that_breaks_off_goes_on_where_it_broke(run: Run, byte_range: ByteRange) -> None:
    scripted = Scripted(breaks_off(20), S3ServerError("no"), breaks_off(3), memory=stored(DATA))
    buffer = bytearray(byte_range.size or len(DATA))
    answer = run(retrying(scripted).get_object_range(REF, byte_range, into=memoryview(buffer)))
    expected = DATA[byte_range.start : byte_range.stop]
    assert answer.data == expected == buffer[: len(expected)]
    assert answer.data.obj is buffer
    assert (answer.start, answer.size, answer.object_size) == (byte_range.start, len(expected), len(DATA))
    assert answer.etag == etag_of(DATA)
    assert answer.info is not None
    assert answer.info.size == len(DATA)
    asked = [args[1] for args, _ in scripted.arguments]
    stop = byte_range.start + len(expected)
    starts = [byte_range.start + received for received in (20, 20, 23)]
    assert asked == [byte_range, *(ByteRange(start, stop) for start in starts)]
    assert [kwargs["options"].if_match for _, kwargs in scripted.arguments] == [None, *[etag_of(DATA)] * 3]


def test_where_there_was_no_buffer_there_is_one_of_just_the_size_from_the_second_attempt_on(run: Run) -> None:
    scripted = Scripted(breaks_off(20), breaks_off(30), memory=stored(DATA))
    answer = run(retrying(scripted).get_object_range(REF, ByteRange(100, 10**9)))
    assert answer.data == DATA[100:]
    assert type(answer.data) is bytes
    assert (answer.start, answer.size) == (100, len(DATA) - 100)
    asked = [(args[1], kwargs["into"] and kwargs["into"].nbytes) for args, kwargs in scripted.arguments[:1]]
    assert asked == [(ByteRange(100, 10**9), None)]
    assert [args[1].start for args, _ in scripted.arguments] == [100, 100, 130]


def test_bytes_that_are_handed_out_are_those_that_were_written_and_no_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[io.BytesIO] = []

    class Noted(io.BytesIO):
        def __init__(self, data: bytes) -> None:
            super().__init__(data)
            made.append(self)

        @override
        def getvalue(self) -> bytes:
            value = super().getvalue()
            assert value is super().getvalue()  # while a view is left, each call makes a copy
            return value

    monkeypatch.setattr(io, "BytesIO", Noted)
    scripted = Scripted(breaks_off(20), breaks_off(30), memory=stored(DATA))
    assert drive(retrying(scripted).get_object_range(REF, ByteRange(0))).data == DATA
    assert len(made) == 1


def test_a_body_that_broke_behind_its_last_byte_asks_for_that_once_more() -> None:
    scripted = Scripted(breaks_off(10), memory=stored())
    buffer = bytearray(10)
    answer = drive(retrying(scripted).get_object_range(REF, ByteRange(0), into=memoryview(buffer)))
    assert (bytes(answer.data), answer.size) == (b"0123456789", 10)
    assert answer.info is not None
    assert [args[1] for args, _ in scripted.arguments] == [ByteRange(0), ByteRange(9, 10)]


def test_a_body_that_goes_on_begins_to_count_anew() -> None:
    time = Time()
    scripted = Scripted(*[breaks_off(10) for _ in range(50)], memory=stored(DATA))
    buffer = memoryview(bytearray(len(DATA)))
    answer = drive(retrying(scripted, time, max_attempts=2).get_object_range(REF, ByteRange(0), into=buffer))
    assert answer.data == DATA
    assert time.slept == [0.05] * 50


def test_a_body_that_does_not_go_on_uses_up_the_attempts() -> None:
    scripted = Scripted(breaks_off(10), *[breaks_off(0) for _ in range(50)], memory=stored(DATA))
    buffer = bytearray(len(DATA))
    with memoryview(buffer) as view, pytest.raises(S3IncompleteReadError, match="broke off") as caught:
        drive(retrying(scripted).get_object_range(REF, ByteRange(0), into=view))
    assert len(scripted.asked) == 5
    assert caught.value.__traceback__ is not None
    buffer.clear()  # no view of it is left, whatever the traceback keeps


def test_a_body_goes_on_within_the_deadline_and_the_budget_only() -> None:
    for deadline, budget, attempts in ((1.01, 500, 21), (math.inf, 100, 21)):
        scripted = Scripted(*[breaks_off(10) for _ in range(50)], memory=stored(DATA))
        buffer = memoryview(bytearray(len(DATA)))
        transport = retrying(scripted, deadline=deadline, budget=budget)
        with pytest.raises(S3IncompleteReadError):
            drive(transport.get_object_range(REF, ByteRange(0), into=buffer))
        assert len(scripted.asked) == attempts


def test_what_the_caller_says_of_the_etag_stays_so() -> None:
    scripted = Scripted(breaks_off(4), memory=stored())
    options = GetOptions(if_match="*")
    drive(retrying(scripted).get_object_range(REF, ByteRange(0), options=options))
    assert [kwargs["options"] for _, kwargs in scripted.arguments] == [options] * 2


def test_a_version_needs_no_condition() -> None:
    memory = InMemoryTransport(buckets=["bucket"])
    drive(memory.put_bucket_versioning("bucket", "Enabled"))
    version = drive(memory.put_object(REF, DATA)).version_id
    scripted = Scripted(breaks_off(4), memory=memory)
    ref = ObjectRef("bucket", "key", version)
    answer = drive(retrying(scripted).get_object_range(ref, ByteRange(0)))
    assert (answer.data, answer.version_id) == (DATA, version)
    assert [(args[0], kwargs["options"].if_match) for args, kwargs in scripted.arguments] == [(ref, None)] * 2


@pytest.mark.parametrize("heeds_if_match", [True, False])
@pytest.mark.parametrize("compare_etags_only", [True, False])
@pytest.mark.parametrize("with_buffer", [True, False])
@pytest.mark.parametrize(
    ("other", "then"),
    [(b"x" * len(DATA), None), (b"short", None), (b"long" * 1000, None), (b"x" * len(DATA), breaks_off(9))],
    ids=["as long", "shorter", "longer", "breaks off"],
)
def test_an_object_that_was_replaced_between_the_pieces_is_an_error_that_says_so(
    heeds_if_match: bool, compare_etags_only: bool, with_buffer: bool, other: bytes, then: Step | None
) -> None:
    async def broken_and_replaced(call: Call, kwargs: dict[str, Any]) -> Any:
        try:
            return await breaks_off(600)(call, kwargs)
        finally:
            await memory.put_object(REF, other)

    class Heedless(InMemoryTransport):
        @override
        async def get_object_range(self, *args: Any, options: GetOptions = GetOptions(), **kwargs: Any) -> Any:
            heeded = options if heeds_if_match else replace(options, if_match=None)
            return await super().get_object_range(*args, options=heeded, **kwargs)

    memory = Heedless(buckets=["bucket"])
    drive(memory.put_object(REF, DATA))
    scripted = Scripted(broken_and_replaced, then, memory=memory)
    transport = RetryingTransport(
        cast("S3Transport", scripted), compare_etags_only=compare_etags_only, sleep=Time().sleep
    )
    buffer = bytearray(len(DATA))
    with memoryview(buffer) as view, pytest.raises(S3PreconditionError, match=r"replaced while .* again") as caught:
        drive(transport.get_object_range(REF, ByteRange(0), into=view if with_buffer else None))
    assert (caught.value.bucket, caught.value.key) == ("bucket", "key")
    assert len(scripted.asked) == 2
    assert (scripted.arguments[1][1]["options"].if_match is None) is compare_etags_only
    buffer.clear()  # no view of it is left, whatever the traceback keeps


@pytest.mark.parametrize("options", [GetOptions(part_number=1), GetOptions(extra_args={"ChecksumMode": "ENABLED"})])
def test_a_part_and_what_has_a_checksum_begin_anew(options: GetOptions) -> None:
    scripted = Scripted(breaks_off(4), memory=stored())
    buffer = bytearray(10)
    answer = drive(retrying(scripted).get_object_range(REF, ByteRange(0), into=memoryview(buffer), options=options))
    assert answer.data == b"0123456789"
    assert [(args[1], kwargs["options"]) for args, kwargs in scripted.arguments] == [(ByteRange(0), options)] * 2


def test_bytes_that_were_not_those_sent_are_asked_for_again() -> None:
    scripted = Scripted(breaks_off(4), S3ChecksumError("no"), memory=stored())
    answer = drive(retrying(scripted).get_object_range(REF, ByteRange(0), into=memoryview(bytearray(10))))
    assert answer.data == b"0123456789"
    assert [args[1].start for args, _ in scripted.arguments] == [0, 4, 4]


def test_a_range_behind_the_end_is_what_it_was() -> None:
    with pytest.raises(S3InvalidRangeError):
        drive(retrying(Scripted(memory=stored())).get_object_range(REF, ByteRange(10)))


# --- writes whose answer was lost ----------------------------------------------------------------

CREATE = PutOptions(if_none_match="*")


def test_a_write_without_a_condition_is_repeated(run: Run) -> None:
    scripted = Scripted(lost())
    assert run(retrying(scripted).put_object(REF, b"mine")).etag == etag_of(b"mine")
    assert scripted.asked == ["put_object"] * 2


@pytest.mark.parametrize("body", [b"mine", b"", memoryview(b"mine").cast("i")])
def test_a_conditional_write_is_not_reported_as_a_conflict_with_itself(run: Run, body: Any) -> None:
    scripted = Scripted(lost())
    written = run(retrying(scripted).put_object(REF, body, options=CREATE))
    assert written.etag == etag_of(bytes(body))
    assert scripted.asked == ["put_object", "put_object", "head_object"]


def test_a_write_over_what_was_seen_is_not_reported_as_a_conflict_with_itself() -> None:
    scripted = Scripted(lost(S3TimeoutError("late")), memory=stored(b"old"))
    options = PutOptions(if_match=etag_of(b"old"), metadata={"Name": "value"})
    assert drive(retrying(scripted).put_object(REF, b"new", options=options)).etag == etag_of(b"new")


@pytest.mark.parametrize(
    ("theirs", "metadata"), [(b"them", {"owner": "me"}), (b"them!", {}), (b"mine", {"owner": "them"})]
)
def test_what_another_has_written_meanwhile_is_a_conflict(theirs: bytes, metadata: dict[str, str]) -> None:
    scripted = Scripted(S3ConnectionError("never arrived"), memory=stored(theirs, metadata=metadata))
    options = replace(CREATE, metadata={"owner": "me"})
    with pytest.raises(S3AlreadyExistsError) as caught:
        drive(retrying(scripted).put_object(REF, b"mine", options=options))
    assert "attempt 2" in caught.value.__notes__[0]


@pytest.mark.parametrize("refusal", [S3ThrottledError("slow down", code="SlowDown"), S3ChecksumError("BadDigest")])
def test_after_what_cannot_have_happened_a_conflict_is_one(refusal: S3Error) -> None:
    scripted = Scripted(refusal, memory=stored(b"mine"))
    with pytest.raises(S3AlreadyExistsError):
        drive(retrying(scripted).put_object(REF, b"mine", options=CREATE))
    assert scripted.asked == ["put_object"] * 2


def test_at_the_first_attempt_a_conflict_is_one() -> None:
    scripted = Scripted(memory=stored(b"mine"))
    with pytest.raises(S3AlreadyExistsError):
        drive(retrying(scripted).put_object(REF, b"mine", options=CREATE))
    assert scripted.asked == ["put_object"]


class Encrypted(InMemoryTransport):
    """ETags are no MD5s, as with keys of KMS's."""

    @override
    async def head_object(self, ref: ObjectRef, *, options: GetOptions = GetOptions()) -> Any:
        info = await super().head_object(ref, options=options)
        return replace(info, etag='"0123456789abcdef0123456789abcdef"', server_side_encryption="aws:kms")

    @override
    async def get_object_range(self, *args: Any, options: GetOptions = GetOptions(), **kwargs: Any) -> Any:
        answer = await super().get_object_range(*args, options=replace(options, if_match=None), **kwargs)
        return replace(answer, etag='"0123456789abcdef0123456789abcdef"')


def test_where_etags_are_no_md5s_the_bytes_are_compared(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pyathena.transport.retrying._COMPARED", 4)
    body = b"0123456789"
    key = CustomerKey(bytes(32))
    options = replace(CREATE, customer_key=key, requester_pays=True)
    scripted = Scripted(lost(), memory=Encrypted(buckets=["bucket"]))
    assert run(retrying(scripted).put_object(REF, body, options=options)).etag == '"0123456789abcdef0123456789abcdef"'
    assert scripted.asked == ["put_object", "put_object", "head_object", *["get_object_range"] * 3]
    for _, kwargs in scripted.arguments[2:]:
        assert (kwargs["options"].customer_key, kwargs["options"].requester_pays) == (key, True)
    scripted.script.append(S3ConnectionError("never arrived"))
    with pytest.raises(S3AlreadyExistsError):
        run(retrying(scripted).put_object(REF, b"012345678X", options=options))


@pytest.mark.parametrize("failing", ["head_object", "get_object_range"])
def test_what_cannot_be_looked_at_is_not_known(failing: str) -> None:
    class Unreadable(Encrypted):
        @override
        async def head_object(self, *args: Any, **kwargs: Any) -> Any:
            if failing == "head_object":
                raise S3PermissionError("no")
            return await super().head_object(*args, **kwargs)

        @override
        async def get_object_range(self, *args: Any, **kwargs: Any) -> Any:
            raise S3PermissionError("no")

    scripted = Scripted(lost(), memory=Unreadable(buckets=["bucket"]))
    with pytest.raises(S3Error, match=r"first time is not known: .* no") as caught:
        drive(retrying(scripted).put_object(REF, b"mine", options=CREATE))
    assert type(caught.value) is S3Error
    assert not caught.value.retryable
    assert (caught.value.operation, caught.value.key) == ("PutObject", "key")


def test_looking_for_what_was_written_is_within_the_deadline_of_the_call() -> None:
    refused = S3AlreadyExistsError("there is one")
    busy = S3ThrottledError("slow down", retry_after=8)
    scripted = Scripted(busy, lost(), refused, busy)
    with pytest.raises(S3Error, match=r"not known: looking failed: .* slow down"):
        drive(retrying(scripted, deadline=15).put_object(REF, b"mine", options=CREATE))
    assert scripted.asked == ["put_object"] * 3 + ["head_object"]


def test_an_object_that_went_away_between_looks_is_not_what_was_written() -> None:
    class Vanishing(Encrypted):
        @override
        async def get_object_range(self, *args: Any, **kwargs: Any) -> Any:
            raise S3NotFoundError("gone")

    with pytest.raises(S3AlreadyExistsError):
        drive(retrying(Scripted(lost(), memory=Vanishing(buckets=["bucket"]))).put_object(REF, b"x", options=CREATE))


def test_a_conditional_write_that_meets_another_is_tried_again() -> None:
    busy = S3ConflictError("at the same time", code="ConditionalRequestConflict", operation="PutObject")
    scripted = Scripted(busy, busy)
    assert drive(retrying(scripted).put_object(REF, b"mine", options=CREATE)).etag == etag_of(b"mine")
    assert scripted.asked == ["put_object"] * 3
    other = S3ConflictError("something else", code="OperationAborted", operation="PutObject")
    with pytest.raises(S3ConflictError):
        drive(retrying(Scripted(other)).put_object(REF, b"mine"))


def test_a_conditional_write_that_meets_itself_is_tried_again_until_it_finds_itself() -> None:
    busy = S3ConflictError("at the same time", code="ConditionalRequestConflict", operation="PutObject")
    scripted = Scripted(lost(), busy, busy)
    assert drive(retrying(scripted).put_object(REF, b"mine", options=CREATE)).etag == etag_of(b"mine")
    assert scripted.asked == ["put_object"] * 4 + ["head_object"]


# --- copies --------------------------------------------------------------------------------------

TARGET = ObjectRef("bucket", "target")


def test_a_copy_is_repeated(run: Run) -> None:
    scripted = Scripted(lost(), memory=stored())
    assert run(retrying(scripted).copy_object(REF, TARGET)).etag == etag_of(b"0123456789")
    assert scripted.asked == ["copy_object"] * 2


@pytest.mark.parametrize("pinned", [True, False])
def test_a_conditional_copy_is_not_reported_as_a_conflict_with_itself(pinned: bool) -> None:
    scripted = Scripted(lost(), memory=stored())
    options = CopyOptions(if_none_match="*", source_if_match=etag_of(b"0123456789") if pinned else None)
    assert drive(retrying(scripted).copy_object(REF, TARGET, options=options)).etag == etag_of(b"0123456789")
    assert scripted.asked == ["copy_object"] * 2 + ["head_object"] * 2


@pytest.mark.parametrize(
    ("theirs", "expected", "match"),
    [(b"another size", S3AlreadyExistsError, "condition"), (b"same size!", S3Error, "not known: .* is there now")],
)
def test_a_conditional_copy_that_finds_another_object_says_what_is_known(
    theirs: bytes, expected: type[S3Error], match: str
) -> None:
    memory = stored()
    drive(memory.put_object(TARGET, theirs))
    scripted = Scripted(S3ConnectionError("never arrived"), memory=memory)
    with pytest.raises(expected, match=match) as caught:
        drive(retrying(scripted).copy_object(REF, TARGET, options=CopyOptions(if_none_match="*")))
    assert type(caught.value) is expected


def test_a_copy_onto_itself_that_changed_the_etag_says_that_it_does_not_know() -> None:
    memory = InMemoryTransport(buckets=["bucket"])
    upload = drive(memory.create_multipart_upload(REF))
    part = drive(memory.upload_part(upload, 1, b"part"))
    etag = drive(memory.complete_multipart_upload(upload, [part])).etag
    options = CopyOptions(source_if_match=etag, metadata_directive="REPLACE")
    with pytest.raises(S3Error, match="not known"):
        drive(retrying(Scripted(lost(), memory=memory)).copy_object(REF, REF, options=options))


def test_a_copy_whose_target_is_gone_again_is_refused_as_it_was() -> None:
    gone = S3AlreadyExistsError("was there")
    with pytest.raises(S3AlreadyExistsError):
        drive(retrying(Scripted(S3ServerError("no"), gone, memory=stored())).copy_object(REF, TARGET))


# --- uploads in parts ----------------------------------------------------------------------------


def begun(memory: InMemoryTransport, *bodies: bytes, **options: Any) -> tuple[MultipartUpload, list[CompletedPart]]:
    upload = drive(memory.create_multipart_upload(REF, options=PutOptions(**options)))
    return upload, [drive(memory.upload_part(upload, number, body)) for number, body in enumerate(bodies, 1)]


@pytest.mark.parametrize("options", [PutOptions(), CREATE])
def test_an_upload_that_was_completed_without_an_answer_is_complete(run: Run, options: PutOptions) -> None:
    scripted = Scripted(lost(S3ServerError("we encountered an internal error", code="InternalError")))
    upload, parts = begun(scripted.memory, b"one", b"two")
    written = run(retrying(scripted).complete_multipart_upload(upload, parts, options=options))
    assert written.etag == drive(scripted.memory.head_object(REF)).etag
    assert written.etag.endswith('-2"')
    assert scripted.asked == ["complete_multipart_upload"] * 2 + ["head_object"]


def test_a_condition_that_an_upload_broke_itself_does_not_hold_it_back() -> None:
    refused = S3AlreadyExistsError("there is one", code="PreconditionFailed")
    scripted = Scripted(lost(), refused)
    upload, parts = begun(scripted.memory, b"one")
    assert drive(retrying(scripted).complete_multipart_upload(upload, parts, options=CREATE)).etag.endswith('-1"')


def test_an_upload_that_is_gone_and_left_no_object_is_not_found() -> None:
    scripted = Scripted(S3ConnectionError("never arrived"))
    upload, parts = begun(scripted.memory, b"one")
    drive(scripted.memory.abort_multipart_upload(upload))
    with pytest.raises(S3NotFoundError, match="No such upload"):
        drive(retrying(scripted).complete_multipart_upload(upload, parts))


def test_an_upload_that_is_gone_where_another_object_is_may_have_been_completed_or_not() -> None:
    scripted = Scripted(S3ConnectionError("never arrived"), memory=stored(b"another"))
    upload, parts = begun(scripted.memory, b"one")
    drive(scripted.memory.abort_multipart_upload(upload))
    with pytest.raises(S3Error, match=rf"not known: {etag_of(b'another')} is there now, where .*-1\" was") as caught:
        drive(retrying(scripted).complete_multipart_upload(upload, parts))
    assert not isinstance(caught.value, FileNotFoundError)


def test_a_condition_that_another_object_broke_is_refused_as_it_was() -> None:
    scripted = Scripted(S3ConnectionError("never arrived"), memory=stored(b"another"))
    upload, parts = begun(scripted.memory, b"one")
    with pytest.raises(S3AlreadyExistsError):
        drive(retrying(scripted).complete_multipart_upload(upload, parts, options=CREATE))


@pytest.mark.parametrize("parts_etag", ['"0123456789abcdef0123456789abcdef"', '"no md5"'])
def test_a_condition_under_kms_may_have_been_broken_by_the_upload_itself(parts_etag: str) -> None:
    class Kms(InMemoryTransport):
        @override
        async def head_object(self, *args: Any, **kwargs: Any) -> Any:
            return replace(await super().head_object(*args, **kwargs), etag='"kms-1"', server_side_encryption="aws:kms")

    scripted = Scripted(lost(), S3AlreadyExistsError("is there"), memory=Kms(buckets=["bucket"]))
    upload, [part] = begun(scripted.memory, b"one")

    async def complete(call: Call, _: dict[str, Any]) -> Any:
        await scripted.memory.complete_multipart_upload(upload, [part])
        raise S3ConnectionError("the connection broke")

    scripted.script[0] = complete
    told = [replace(part, etag=parts_etag)]
    with pytest.raises(S3Error, match='not known: "kms-1" is there now') as caught:
        drive(retrying(scripted).complete_multipart_upload(upload, told, options=CREATE))
    assert not isinstance(caught.value, FileExistsError)


def test_an_upload_that_never_was_is_not_found_at_once() -> None:
    scripted = Scripted()
    with pytest.raises(S3NotFoundError):
        drive(
            retrying(scripted).complete_multipart_upload(
                MultipartUpload("bucket", "key", "id"), [CompletedPart(1, "x")]
            )
        )
    assert scripted.asked == ["complete_multipart_upload"]


def test_an_upload_that_was_aborted_without_an_answer_is_aborted(run: Run) -> None:
    scripted = Scripted(lost())
    upload, _ = begun(scripted.memory)
    run(retrying(scripted).abort_multipart_upload(upload))
    with pytest.raises(S3NotFoundError):
        run(retrying(scripted).abort_multipart_upload(upload))
    assert len(scripted.asked) == 3


# --- buckets -------------------------------------------------------------------------------------


def test_a_bucket_that_was_created_or_deleted_without_an_answer_is_so(run: Run) -> None:
    scripted = Scripted(lost(), None, lost())
    transport = retrying(scripted)
    run(transport.create_bucket("another"))
    run(transport.delete_bucket("another"))
    assert len(scripted.asked) == 4
    with pytest.raises(S3NotFoundError):
        run(transport.delete_bucket("another"))
    with pytest.raises(S3AlreadyExistsError):
        run(transport.create_bucket("bucket"))


def test_a_bucket_of_somebody_else_is_in_the_way_also_after_an_answer_was_lost() -> None:
    theirs = S3AlreadyExistsError("not yours", code="BucketAlreadyExists")
    with pytest.raises(S3AlreadyExistsError, match="not yours"):
        drive(retrying(Scripted(S3ServerError("no"), theirs)).create_bucket("another"))


# --- deleting ------------------------------------------------------------------------------------

KEYS = [ObjectKey("a"), ObjectKey("b", "version"), ObjectKey("c"), ObjectKey("d")]


def some_fail(**codes: str) -> Step:
    """Some keys are answered with these codes; the others are deleted."""

    async def step(call: Call, _: dict[str, Any]) -> DeleteResult:
        deleted = (await call()).deleted
        return DeleteResult(
            tuple(each for each in deleted if each.key not in codes),
            tuple(
                DeleteError(each.key, each.version_id, codes[each.key], "words")
                for each in deleted
                if each.key in codes
            ),
        )

    return step


def test_keys_that_failed_for_the_moment_are_asked_for_again_and_no_others(run: Run) -> None:
    time = Time()
    scripted = Scripted(some_fail(b="InternalError", c="AccessDenied", d="SlowDown"), some_fail(d="ServiceUnavailable"))
    result = run(retrying(scripted, time).delete_objects("bucket", KEYS))
    assert result == DeleteResult(
        (DeletedObject("a"), DeletedObject("b", "version"), DeletedObject("d")),
        (DeleteError("c", None, "AccessDenied", "words"),),
    )
    assert [args[1] for args, _ in scripted.arguments] == [KEYS, [KEYS[1], KEYS[3]], [KEYS[3]]]
    assert time.slept == [1, 2]


def test_keys_that_are_gone_at_last_are_no_errors_though_that_is_not_told() -> None:
    def quietly(**codes: str) -> Step:
        async def step(call: Call, _: dict[str, Any]) -> DeleteResult:
            await call()
            return DeleteResult(errors=tuple(DeleteError(key, None, code, "words") for key, code in codes.items()))

        return step

    scripted = Scripted(quietly(a="InternalError", c="AccessDenied"), quietly())
    result = drive(retrying(scripted).delete_objects("bucket", KEYS, options=DeleteOptions(quiet=True)))
    assert result == DeleteResult(errors=(DeleteError("c", None, "AccessDenied", "words"),))
    assert [(args[1], given["options"].quiet) for args, given in scripted.arguments] == [(KEYS, True), (KEYS[:1], True)]


@pytest.mark.parametrize("quiet", [False, True])
def test_a_failure_with_a_key_that_was_not_named_is_not_lost_among_retries(*, quiet: bool) -> None:
    def fails(code: str) -> Step:
        async def step(_: Call, __: dict[str, Any]) -> DeleteResult:
            return DeleteResult(errors=(DeleteError("a", "null", code, "words"),))

        return step

    options = DeleteOptions(quiet=quiet)
    scripted = Scripted(fails("SlowDown"), fails("AccessDenied"))
    with pytest.raises(S3ServerError, match="words") as caught:
        drive(retrying(scripted).delete_objects("bucket", [ObjectKey("a")], options=options))
    assert (caught.value.code, caught.value.retryable) == ("AccessDenied", False)


def test_a_key_that_no_answer_names_is_not_taken_for_deleted() -> None:
    async def names_nobody(_: Call, __: dict[str, Any]) -> DeleteResult:
        return DeleteResult()

    scripted = Scripted(some_fail(a="SlowDown"), names_nobody)
    assert drive(retrying(scripted).delete_objects("bucket", KEYS[:1])).errors[0].code == "NoAnswer"


def test_keys_that_go_on_failing_are_told_of_with_their_last_errors() -> None:
    scripted = Scripted(*[some_fail(a="InternalError")] * 9)
    result = drive(retrying(scripted).delete_objects("bucket", KEYS))
    assert result.errors == (DeleteError("a", None, "InternalError", "words"),)
    assert len(result.deleted) == 3
    assert len(scripted.asked) == 5


def test_keys_whose_repetition_is_refused_are_told_of_beside_those_that_are_gone() -> None:
    scripted = Scripted(some_fail(a="InternalError"), S3PermissionError("denied now", code="AccessDenied"))
    result = drive(retrying(scripted).delete_objects("bucket", KEYS))
    assert result.errors == (DeleteError("a", None, "AccessDenied", "denied now"),)
    assert [each.key for each in result.deleted] == ["b", "c", "d"]


def test_a_batch_that_failed_as_a_whole_is_repeated_as_a_whole() -> None:
    scripted = Scripted(lost(), some_fail(a="SlowDown"), S3TimeoutError("late"))
    result = drive(retrying(scripted).delete_objects("bucket", KEYS))
    assert len(result.deleted) == 4
    assert [len(args[1]) for args, _ in scripted.arguments] == [4, 4, 1, 1]


# --- credentials ---------------------------------------------------------------------------------

EXPIRED = S3ExpiredCredentialsError("expired", code="ExpiredToken", status=400, operation="GetObject")


class Refreshing(Scripted):
    """Has other credentials now, or not, each time that it is asked."""

    def __init__(self, *script: Any, others: Iterable[bool | S3Error] = (), memory: InMemoryTransport) -> None:
        super().__init__(*script, memory=memory)
        self.others = deque(others)

    async def refresh_credentials(self) -> bool:
        self.asked.append("refresh_credentials")
        outcome = self.others.popleft()
        if isinstance(outcome, S3Error):
            raise outcome
        return outcome


@pytest.mark.parametrize(
    "error", [EXPIRED, S3InvalidRequestError("no words", code="400", status=400, operation="HeadObject")]
)
def test_credentials_that_have_expired_are_refreshed(run: Run, error: S3Error) -> None:
    time = Time()
    scripted = Refreshing(error, memory=stored(), others=[True])
    run(retrying(scripted, time).head_object(REF))
    assert scripted.asked == ["head_object", "refresh_credentials", "head_object"]
    assert time.slept == []


def test_credentials_are_refreshed_once_in_a_call() -> None:
    time = Time()

    async def expired_again(call: Call, _: dict[str, Any]) -> Any:
        time.now += 1
        raise S3ExpiredCredentialsError("expired again")

    scripted = Refreshing(EXPIRED, expired_again, memory=stored(), others=[True])
    with pytest.raises(S3ExpiredCredentialsError, match="expired again"):
        drive(retrying(scripted, time).head_object(REF))
    assert scripted.asked == ["head_object", "refresh_credentials", "head_object"]


@pytest.mark.parametrize("outcome", [False, S3PermissionError("no such profile")])
def test_where_there_are_no_other_credentials_the_error_is_raised_as_it_is(outcome: bool | S3Error) -> None:
    scripted = Refreshing(S3ExpiredCredentialsError("expired"), memory=stored(), others=[outcome])
    with pytest.raises(S3ExpiredCredentialsError) as caught:
        drive(retrying(scripted).head_object(REF))
    assert scripted.asked == ["head_object", "refresh_credentials"]
    if outcome:
        assert "no such profile" in caught.value.__notes__[0]


def test_a_transport_that_cannot_refresh_is_not_asked_to() -> None:
    scripted = Scripted(EXPIRED, memory=stored())
    with pytest.raises(S3ExpiredCredentialsError):
        drive(retrying(scripted).head_object(REF))
    assert scripted.asked == ["head_object"]


def test_calls_that_expired_together_refresh_together() -> None:
    async def program() -> None:
        time = Time()
        expired = asyncio.Event()

        async def expire(call: Call, _: dict[str, Any]) -> Any:
            await expired.wait()
            raise S3ExpiredCredentialsError("expired")

        scripted = Refreshing(expire, expire, expire, memory=stored(), others=[True, False, False])
        transport = retrying(scripted, time)
        calls = [asyncio.create_task(transport.head_object(REF)) for _ in range(3)]
        await asyncio.sleep(0)
        time.now += 1
        expired.set()
        assert [info.size for info in await asyncio.gather(*calls)] == [10] * 3
        assert scripted.asked.count("refresh_credentials") == 1

    asyncio.run(program())


# --- over boto3 ----------------------------------------------------------------------------------


@contextmanager
def answering(respond: Callable[[http.server.BaseHTTPRequestHandler], None]) -> Iterator[tuple[str, list[Any]]]:
    """A server that answers every request so: its URL, and the headers of the requests to it."""
    asked: list[Any] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked.append(self.headers)
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            respond(self)

        do_HEAD = do_PUT = do_POST = do_GET  # noqa: N815 - their names are http.server's

        @override
        def log_message(self, *args: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        listening.daemon_threads = True
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.server_port}", asked
        finally:
            listening.shutdown()
            thread.join()


def answer(handler: http.server.BaseHTTPRequestHandler, status: int, body: bytes = b"", **headers: str) -> None:
    handler.send_response(status)
    for name, value in {"ETag": '"etag"', "Content-Length": str(len(body)), **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    if handler.command != "HEAD":
        handler.wfile.write(body)


CALLS: list[Callable[[S3Transport], Awaitable[object]]] = [
    lambda to: to.head_object(REF),
    lambda to: to.get_object_range(REF, ByteRange(0, 5)),
    lambda to: to.put_object(REF, b"body"),
    lambda to: to.list_objects("bucket"),
    lambda to: to.delete_objects("bucket", [ObjectKey("key")]),
    lambda to: to.complete_multipart_upload(MultipartUpload("bucket", "key", "id"), [CompletedPart(1, '"etag"')]),
]


@pytest.mark.parametrize("call", CALLS, ids=["head", "get", "put", "list", "delete", "complete"])
@pytest.mark.parametrize("status", [500, 503])
def test_botocore_makes_one_attempt_for_each_of_ours(
    call: Callable[[S3Transport], Awaitable[object]], status: int
) -> None:
    with answering(lambda handler: answer(handler, status)) as (url, asked):
        inner = BlockingBoto3Transport(key="k", secret=SECRET, endpoint_url=url)
        with pytest.raises(S3Error) as caught:
            drive(cast("Any", call(retrying(inner))))
        assert caught.value.status == status
        assert len(asked) == 5
        drive(inner.aclose())


def test_who_wants_botocores_retries_has_them() -> None:
    with answering(lambda handler: answer(handler, 500)) as (url, asked):
        config = {"retries": {"total_max_attempts": 2, "mode": "standard"}}
        inner = BlockingBoto3Transport(key="k", secret=SECRET, endpoint_url=url, config_kwargs=config)
        with pytest.raises(S3ServerError):
            drive(inner.head_object(REF))
        assert len(asked) == 2
        drive(inner.aclose())


def test_without_botocores_retries_a_bucket_is_found_in_its_own_region_all_the_same() -> None:
    def respond(handler: http.server.BaseHTTPRequestHandler) -> None:
        if "/eu-west-3/s3/" in handler.headers["Authorization"]:
            answer(handler, 200, x_amz_bucket_region="eu-west-3")
        else:
            answer(handler, 301, x_amz_bucket_region="eu-west-3")

    with answering(respond) as (url, asked):
        inner = BlockingBoto3Transport(key="k", secret=SECRET, endpoint_url=url, region_name="us-east-1")
        drive(inner.put_object(REF, b"body"))
        assert [re.findall("/([^/]*)/s3/", headers["Authorization"])[0] for headers in asked] == [
            "us-east-1",  # beside boto3,
            "us-east-1",  # and by boto3, which looks where it is
            "eu-west-3",
        ]
        drive(inner.aclose())


EXPIRED_TOKEN = b"<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>"


@pytest.fixture
def profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Write the credentials of the profile ``rotated``."""
    path = tmp_path / "credentials"
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(path))

    def write(key: str) -> None:
        path.write_text(f"[rotated]\naws_access_key_id={key}\naws_secret_access_key={SECRET}\naws_session_token=t\n")

    write("OLD")
    return write


@pytest.mark.parametrize("call", CALLS[:3], ids=["head", "get", "put"])
def test_a_credentials_file_that_was_rotated_is_read_again(
    profile: Callable[[str], None], call: Callable[[S3Transport], Awaitable[object]]
) -> None:
    def respond(handler: http.server.BaseHTTPRequestHandler) -> None:
        if "Credential=NEW/" in handler.headers["Authorization"]:
            answer(handler, 200, b"bytes" if handler.command == "GET" else b"")
        else:
            profile("NEW")
            answer(handler, 400, EXPIRED_TOKEN)

    async def program(url: str) -> list[object]:
        inner = ThreadedBoto3Transport(profile="rotated", endpoint_url=url)
        transport = retrying(inner)
        answers = [await call(transport) for _ in range(2)]
        signed = await inner.presigned_url("get_object", REF)
        await inner.aclose()
        assert "NEW" in signed
        return answers

    with answering(respond) as (url, asked):
        assert len(asyncio.run(program(url))) == 2
        # Where HEAD is answered with 400, it is asked again by botocore, which looks for the bucket's region before.
        assert len(asked) == 3 + 2 * (call is CALLS[0])


def test_credentials_that_have_not_changed_are_no_others(profile: Callable[[str], None]) -> None:
    with answering(lambda handler: answer(handler, 400, EXPIRED_TOKEN)) as (url, asked):
        inner = BlockingBoto3Transport(profile="rotated", endpoint_url=url)
        client = inner._requests(inner._state())._client()
        with pytest.raises(S3ExpiredCredentialsError):
            drive(retrying(inner).get_object_range(REF, ByteRange(0)))
        assert len(asked) == 1
        assert inner._requests(inner._state())._client() is client
        drive(inner.aclose())


@pytest.mark.parametrize(
    "options",
    [
        {"key": "k", "secret": SECRET},
        {"anon": True},
        {"client_kwargs": {"aws_access_key_id": "k", "aws_secret_access_key": SECRET}},
    ],
)
def test_credentials_that_were_given_are_not_looked_for_elsewhere(options: Any) -> None:
    assert drive(BlockingBoto3Transport(**options).refresh_credentials()) is False


def test_another_request_that_was_quicker_has_refreshed_for_all(profile: Callable[[str], None]) -> None:
    inner = BlockingBoto3Transport(profile="rotated", region_name="us-east-1")
    used = inner._requests(inner._state())._client()
    profile("NEW")
    assert drive(inner.refresh_credentials())
    assert inner._renewed(inner._state(), used)
    assert not drive(inner.refresh_credentials())


def test_a_profile_that_is_gone_is_an_s3_error(profile: Callable[[str], None], tmp_path: Path) -> None:
    inner = BlockingBoto3Transport(profile="rotated", region_name="us-east-1")
    inner._requests(inner._state())._client()
    (tmp_path / "credentials").write_text("")
    with pytest.raises(S3Error, match="rotated"):
        drive(inner.refresh_credentials())
