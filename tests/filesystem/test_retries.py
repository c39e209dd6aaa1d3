"""What the filesystem tries again, above whatever transport it has."""

from __future__ import annotations

import asyncio
import pickle
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from typing_extensions import override

from pyathena.filesystem.s3 import AioS3FileSystem, S3FileSystem
from pyathena.transport import (
    MIN_PART_SIZE,
    GetOptions,
    InMemoryTransport,
    ObjectRange,
    ObjectRef,
    ObservingTransport,
    RetryingTransport,
    RetryPolicy,
    S3ConnectionError,
    S3IncompleteReadError,
    S3PermissionError,
    S3ServerError,
    S3ThrottledError,
)
from tests.filesystem.faces import Face
from tests.recording import Recording

FACES = pytest.mark.parametrize("make", [AioS3FileSystem, S3FileSystem])
AT_ONCE = RetryPolicy(base_delay=0, throttled_base_delay=0)


def fails_first(*operations: str) -> Callable[[str], Any]:
    """Fail the first request of each operation, of these or of all."""
    seen: Counter[str] = Counter()

    async def before(operation: str) -> None:
        seen[operation] += 1
        if seen[operation] == 1 and (not operations or operation in operations):
            raise S3ServerError("we encountered an internal error")

    return before


# --- what is tried again -------------------------------------------------------------------------


def test_whatever_fails_first_is_done_in_the_end(make_face: Callable[..., Face]) -> None:
    face = make_face(retry=AT_ONCE)
    data = bytes(range(256)) * 65536  # in parts
    face.recording.before = fails_first()
    face.call("pipe_file", "bucket/key", data)
    assert face.call("cat_file", "bucket/key") == data
    assert face.call("ls", "bucket") == ["bucket/key"]
    face.call("cp_file", "bucket/key", "bucket/copy")
    assert face.call("info", "bucket/copy")["size"] == len(data)
    face.call("rm", ["bucket/key", "bucket/copy"])
    asked = Counter(face.recording.requests)
    assert set(asked) == {
        *("create_multipart_upload", "upload_part", "complete_multipart_upload", "copy_object"),
        *("get_object_range", "head_object", "list_objects", "delete_objects"),
    }
    assert min(asked.values()) > 1
    assert face.call("list_multipart_uploads", "bucket") == []


def test_a_file_is_read_and_written_through_failures(make_face: Callable[..., Face]) -> None:
    face = make_face(retry=AT_ONCE)
    face.recording.before = fails_first()
    data = bytes(range(256)) * 40_000
    if not hasattr(face.fs, "open_async") or not face.fs.asynchronous:
        with face.fs.open("bucket/key", "wb", block_size=MIN_PART_SIZE) as f:
            f.write(data)
        with face.fs.open("bucket/key") as f:
            assert f.read(10) + f.read() == data
        return

    async def program() -> None:
        async with face.fs.open("bucket/key", "xb", block_size=MIN_PART_SIZE) as f:
            await f.write(data)
        async with face.fs.open("bucket/key") as f:
            assert await f.read(10) + await f.read() == data

    asyncio.run(program())


def test_none_is_not_at_all(make_face: Callable[..., Face]) -> None:
    face = make_face(retry=None)
    face.recording.before = fails_first()
    with pytest.raises(S3ServerError):
        face.call("cat_file", "bucket/key")
    assert face.recording.requests == ["get_object_range"]


class BreaksOff(InMemoryTransport):
    """Every other body breaks off in the middle."""

    def __init__(self) -> None:
        super().__init__(buckets=["bucket"])
        self.conditions: list[str | None] = []

    @override
    async def get_object_range(self, *args: Any, options: GetOptions = GetOptions(), **kwargs: Any) -> ObjectRange:
        self.conditions.append(options.if_match)
        answer = await super().get_object_range(*args, options=options, **kwargs)
        if len(self.conditions) % 2 == 0:
            return answer
        if isinstance(answer.data, memoryview):
            answer.data.release()
        raise S3IncompleteReadError(
            "broke off",
            start=answer.start,
            received=answer.size // 2,
            etag=answer.etag,
            object_size=answer.object_size,
        )


@FACES
@pytest.mark.parametrize("compare_only", [False, True])
def test_bodies_that_break_off_go_on_with_the_condition_only_if_the_server_may_have_one(
    make: Any, compare_only: bool
) -> None:
    transport = BreaksOff()
    fs = make(transport=transport, retry=AT_ONCE, local_expiry_check=compare_only, max_concurrency=1)
    fs.pipe_file("bucket/key", b"0123456789" * 100)
    assert fs.cat_file("bucket/key") == b"0123456789" * 100
    assert [condition is None for condition in transport.conditions] == [True, compare_only]


# --- which transport -----------------------------------------------------------------------------


@FACES
def test_any_transport_is_wrapped_once_and_shown_as_it_is(make: Any) -> None:
    given = InMemoryTransport()
    fs = make(transport=given)
    assert fs.transport is given
    assert isinstance(fs._engine.transport, RetryingTransport)
    assert isinstance(fs._engine.transport.inner, ObservingTransport)
    assert fs._engine.transport.inner.inner is given
    assert fs._engine.transport.policy == RetryPolicy()
    wrapped = RetryingTransport(given, AT_ONCE)
    fs = make(transport=wrapped)
    assert fs.transport is fs._engine.transport is wrapped
    with pytest.raises(ValueError, match="leave out retry="):
        make(transport=wrapped, retry=AT_ONCE)
    assert make(transport=wrapped, retry=None)._engine.transport is wrapped
    with pytest.raises(ValueError, match=r"give RetryingTransport\(ObservingTransport"):
        make(transport=wrapped, on_request=print)
    observed = ObservingTransport(given, print)
    assert make(transport=observed, retry=None)._engine.transport is observed
    with pytest.raises(TypeError, match=r"retry= is a RetryPolicy, .* got 5"):
        make(transport=given, retry=5)


@FACES
def test_a_policy_is_an_option_like_others(make: Any) -> None:
    one, same, other = (make(anon=True, retry=RetryPolicy(max_attempts=number)) for number in (2, 2, 3))
    assert one is same
    assert one is not other
    again = pickle.loads(pickle.dumps(one))
    assert again._engine.transport.policy == RetryPolicy(max_attempts=2)


# --- what is not tried again ---------------------------------------------------------------------


def stuck_fs(recording: Recording) -> AioS3FileSystem:
    return AioS3FileSystem(transport=recording.transport, asynchronous=True, default_block_size=MIN_PART_SIZE)


def test_a_begin_that_waits_for_its_next_attempt_ends_at_once_when_it_is_cancelled() -> None:
    async def program() -> None:
        async def before(operation: str) -> None:
            raise S3ThrottledError("slow down", retry_after=60)

        recording = Recording(before=before)
        fs = stuck_fs(recording)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await fs._pipe_file("bucket/key", bytes(3 * MIN_PART_SIZE))
        assert recording.requests == ["create_multipart_upload"]

    began = time.monotonic()
    asyncio.run(program())
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("fails", [True, False])
def test_a_begin_that_is_under_way_when_it_is_cancelled_comes_to_its_end_and_is_not_tried_again(fails: bool) -> None:
    async def program() -> None:
        under_way, go_on = asyncio.Event(), asyncio.Event()

        async def before(operation: str) -> None:
            under_way.set()
            await go_on.wait()
            if fails:
                raise S3ConnectionError("the connection broke", retry_after=60)

        recording = Recording(before=before)
        writing = asyncio.create_task(stuck_fs(recording)._pipe_file("bucket/key", bytes(3 * MIN_PART_SIZE)))
        await under_way.wait()
        writing.cancel()
        await asyncio.sleep(0)
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await writing
        begun = ["create_multipart_upload"]
        assert recording.requests == (begun if fails else [*begun, "abort_multipart_upload"])
        assert not (await recording.inner.list_multipart_uploads("bucket")).uploads

    began = time.monotonic()
    asyncio.run(program())
    assert time.monotonic() - began < 10


def test_a_part_that_fails_for_good_ends_those_that_wait_for_their_next_attempt(
    make_face: Callable[..., Face],
) -> None:
    face = make_face(default_block_size=MIN_PART_SIZE)
    waiting = threading.Semaphore(0)

    async def before(operation: str) -> None:
        if operation != "upload_part":
            return
        if face.recording.requests.count("upload_part") < 4:
            waiting.release()
            raise S3ThrottledError("slow down", retry_after=60)
        raise S3PermissionError("denied")

    face.recording.before = before
    began = time.monotonic()
    with pytest.raises(S3PermissionError):
        face.call("pipe_file", "bucket/key", bytes(4 * MIN_PART_SIZE))
    assert time.monotonic() - began < 10
    assert face.recording.requests.count("upload_part") == 4
    assert face.recording.requests[-1] == "abort_multipart_upload"
    face.recording.before = None
    assert face.call("list_multipart_uploads", "bucket") == []


def test_an_abort_is_tried_again_but_not_for_longer_than_it_may_take(
    make_face: Callable[..., Face], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    face = make_face(retry=AT_ONCE)
    refusals = [S3ThrottledError("slow down", retry_after=seconds) for seconds in (60, 0)]

    async def before(operation: str) -> None:
        if operation == "complete_multipart_upload":
            raise S3PermissionError("denied")
        if operation == "abort_multipart_upload" and refusals:
            raise refusals.pop()

    monkeypatch.setattr("pyathena.filesystem.writing.ABORT_SECONDS", 0.1)
    face.recording.before = before
    began = time.monotonic()
    with pytest.raises(S3PermissionError):
        face.call("pipe_file", "bucket/key", bytes(3 * MIN_PART_SIZE))
    assert time.monotonic() - began < 10
    # At once after the first refusal, and after the second there is no time left.
    assert face.recording.requests.count("abort_multipart_upload") == 2
    assert caplog.text.count("is left open") == 1


def test_a_write_that_was_lost_and_met_itself_is_a_write(make_face: Callable[..., Face]) -> None:
    class LosesAnswers(InMemoryTransport):
        lost = 0

        @override
        async def put_object(self, *args: Any, **kwargs: Any) -> Any:
            answer = await super().put_object(*args, **kwargs)
            self.lost += 1
            raise S3ConnectionError(f"the connection broke after {answer}")

    face = make_face(retry=AT_ONCE)
    face.recording.inner = LosesAnswers(buckets=["bucket"])
    face.call("pipe_file", "bucket/key", b"data", mode="create")
    assert face.recording.inner.lost == 1
    with pytest.raises(FileExistsError):
        face.call("pipe_file", "bucket/key", b"other", mode="create")
    assert asyncio.run(face.recording.inner.head_object(ObjectRef("bucket", "key"))).size == 4
