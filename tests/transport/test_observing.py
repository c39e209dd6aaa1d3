"""What a hook is told of each request, and what the log says of it."""

from __future__ import annotations

import asyncio
import doctest
import itertools
import logging
import pickle
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import pytest
from typing_extensions import override

from pyathena.filesystem.s3 import AioS3FileSystem, S3FileSystem
from pyathena.runtime import drive
from pyathena.testing.faults import BreakOff, Fail, FaultyTransport, Hang
from pyathena.transport import (
    MIN_PART_SIZE,
    ByteRange,
    CopyOptions,
    CredentialsRefresher,
    GetOptions,
    InMemoryTransport,
    ObjectInfo,
    ObjectKey,
    ObjectRef,
    ObservingTransport,
    RequestReport,
    RetryingTransport,
    RetryPolicy,
    S3NotFoundError,
    S3PermissionError,
    S3ServerError,
    S3ThrottledError,
    S3Transport,
    observing,
)
from pyathena.transport.told import attempt, tell_request_id

REF = ObjectRef("bucket", "key")
AT_ONCE = RetryPolicy(base_delay=0, throttled_base_delay=0)


class Ticking:
    """A clock that goes half a second further with each look."""

    def __init__(self) -> None:
        self._looks = itertools.count()

    def __call__(self) -> float:
        return next(self._looks) / 2


class Answering(InMemoryTransport):
    """Tells S3's ids of requests, as the boto3 transports do, and which attempt it was asked for."""

    def __init__(self) -> None:
        super().__init__(buckets=["bucket"])
        self.attempts: list[int] = []

    @override
    async def head_object(self, ref: ObjectRef, *, options: GetOptions = GetOptions()) -> ObjectInfo:
        self.attempts.append(attempt())
        tell_request_id(f"ID-{len(self.attempts)}")
        return await super().head_object(ref, options=options)


@pytest.fixture
def reports() -> list[RequestReport]:
    return []


@pytest.fixture
def faulty() -> FaultyTransport:
    memory = InMemoryTransport(buckets=["bucket"])
    drive(memory.put_object(REF, b"0123456789"))
    return FaultyTransport(memory)


def test_a_request_is_told_with_its_bytes_and_its_time(faulty: FaultyTransport, reports: list[RequestReport]) -> None:
    transport = ObservingTransport(faulty, reports.append, clock=Ticking())
    drive(transport.put_object(ref=ObjectRef("bucket", "other"), body=memoryview(b"12345678").cast("I")))
    drive(transport.get_object_range(REF, ByteRange(2, 5)))
    told = partial(RequestReport, bucket="bucket", attempt=1, seconds=0.5)
    assert reports == [
        told(operation="PutObject", key="other", bytes_sent=8),
        told(operation="GetObject", key="key", bytes_received=3),
    ]
    assert [report.outcome for report in reports] == ["ok", "ok"]


def test_operations_have_the_names_of_s3_and_tell_what_they_are_about(
    faulty: FaultyTransport, reports: list[RequestReport]
) -> None:
    transport = ObservingTransport(faulty, reports.append)
    upload = drive(transport.create_multipart_upload(REF))
    part = drive(transport.upload_part(upload, 1, bytes(7)))
    drive(transport.complete_multipart_upload(upload, [part]))
    drive(transport.copy_object(REF, ObjectRef("bucket", "target"), options=CopyOptions()))
    drive(transport.list_objects("bucket", prefix="k"))
    drive(transport.delete_objects("bucket", [ObjectKey("key")]))
    drive(transport.list_buckets())
    assert [(report.operation, report.bucket, report.key, report.bytes_sent) for report in reports] == [
        ("CreateMultipartUpload", "bucket", "key", 0),
        ("UploadPart", "bucket", "key", 7),
        ("CompleteMultipartUpload", "bucket", "key", 0),
        ("CopyObject", "bucket", "target", 0),
        ("ListObjectsV2", "bucket", None, 0),
        ("DeleteObjects", "bucket", None, 0),
        ("ListBuckets", None, None, 0),
    ]


def test_a_request_that_fails_is_told_with_what_s3_said(faulty: FaultyTransport, reports: list[RequestReport]) -> None:
    transport = ObservingTransport(faulty, reports.append)
    denied = S3PermissionError("no", code="AccessDenied", status=403, operation="HeadObject", request_id="ID")
    faulty.script.on("head_object", 1, Fail(denied))
    with pytest.raises(S3PermissionError):
        drive(transport.head_object(REF))
    (report,) = reports
    assert (report.error, report.outcome) == (S3PermissionError, "S3PermissionError")
    assert (report.status, report.code, report.request_id) == (403, "AccessDenied", "ID")


def test_a_body_that_breaks_off_is_told_with_what_arrived(
    faulty: FaultyTransport, reports: list[RequestReport]
) -> None:
    faulty.script.on("get_object_range", 1, BreakOff(4))
    transport = RetryingTransport(ObservingTransport(faulty, reports.append), AT_ONCE)
    view = memoryview(bytearray(10))
    assert drive(transport.get_object_range(REF, ByteRange(0, 10), into=view)).size == 10
    assert [(report.outcome, report.bytes_received, report.attempt) for report in reports] == [
        ("S3IncompleteReadError", 4, 1),
        ("ok", 6, 2),
    ]


def test_each_attempt_is_a_request_with_its_number(faulty: FaultyTransport, reports: list[RequestReport]) -> None:
    faulty.script.on("head_object", 1, Fail(S3ThrottledError))
    faulty.script.on("head_object", 2, Fail(S3ServerError))
    faulty.script.on("delete_objects", 1, Fail(S3ServerError))
    transport = RetryingTransport(ObservingTransport(faulty, reports.append), AT_ONCE)
    drive(transport.head_object(REF))
    drive(transport.delete_objects("bucket", [ObjectKey("other")]))
    drive(transport.inner.head_object(REF))
    assert [(report.outcome, report.attempt) for report in reports] == [
        ("S3ThrottledError", 1),
        ("S3ServerError", 2),
        ("ok", 3),
        ("S3ServerError", 1),
        ("ok", 2),
        ("ok", 1),
    ]


def test_a_request_that_is_cancelled_is_told_as_that(faulty: FaultyTransport, reports: list[RequestReport]) -> None:
    async def program() -> None:
        hang = Hang()
        faulty.script.on("head_object", None, hang)
        task = asyncio.create_task(ObservingTransport(faulty, reports.append).head_object(REF))
        await hang.entered()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(program())
    assert [(report.outcome, report.error) for report in reports] == [("cancelled", asyncio.CancelledError)]


def test_a_request_that_is_thrown_away_is_told_in_another_context_too(
    faulty: FaultyTransport, reports: list[RequestReport]
) -> None:
    faulty.script.on("head_object", None, Hang())
    transport = RetryingTransport(ObservingTransport(faulty, reports.append), AT_ONCE)

    async def program() -> Any:
        step = transport.head_object(REF)
        await asyncio.create_task(begin(step))
        return step

    async def begin(step: Any) -> None:
        step.send(None)

    asyncio.run(program()).close()
    assert [report.outcome for report in reports] == ["cancelled"]


def test_the_id_of_a_request_is_told_by_the_transport_below(reports: list[RequestReport]) -> None:
    inner = Answering()
    drive(inner.put_object(REF, b""))
    transport = ObservingTransport(inner, reports.append)
    drive(transport.head_object(REF))
    with pytest.raises(S3NotFoundError):
        drive(transport.head_object(ObjectRef("bucket", "missing")))
    drive(transport.list_objects("bucket"))
    assert [report.request_id for report in reports] == ["ID-1", "ID-2", None]


def test_the_transport_below_knows_which_attempt_it_makes() -> None:
    inner = Answering()
    drive(inner.put_object(REF, b""))
    with pytest.raises(S3NotFoundError):
        drive(RetryingTransport(inner, AT_ONCE).head_object(ObjectRef("bucket", "missing")))
    faulty = FaultyTransport(inner)
    faulty.script.on("head_object", 1, Fail(S3ServerError))
    drive(RetryingTransport(faulty, AT_ONCE).head_object(REF))
    assert inner.attempts == [1, 2]


def test_a_hook_that_raises_is_logged_and_changes_nothing(
    faulty: FaultyTransport, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(report: RequestReport) -> None:
        raise KeyError("the hook fails")

    transport = ObservingTransport(faulty, fail)
    assert drive(transport.head_object(REF)).size == 10
    with pytest.raises(S3NotFoundError):
        drive(transport.head_object(ObjectRef("bucket", "missing")))
    assert [(record.levelname, record.exc_info is None) for record in caplog.records] == [("ERROR", False)] * 2
    assert "on_request= failed on RequestReport(operation='HeadObject'" in caplog.text


def test_a_coroutine_function_is_no_hook() -> None:
    async def hook(report: RequestReport) -> None: ...

    with pytest.raises(TypeError, match=r"plain function, got the coroutine function <function .*hook"):
        ObservingTransport(InMemoryTransport(), hook)


def test_the_log_has_a_line_for_each_request_and_no_secret(
    faulty: FaultyTransport, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "pyathena.transport.observing")
    transport = ObservingTransport(faulty, clock=Ticking())
    drive(transport.put_object(REF, b"a secret of the body"))
    url = drive(transport.presigned_url("get_object", REF))
    drive(transport.list_buckets())
    assert caplog.messages == [
        "PutObject of bucket/key, attempt 1: ok in 500.0 ms, request id None",
        "ListBuckets of None/None, attempt 1: ok in 500.0 ms, request id None",
    ]
    assert url


def test_presigned_urls_are_no_requests(faulty: FaultyTransport, reports: list[RequestReport]) -> None:
    assert drive(ObservingTransport(faulty, reports.append).presigned_url("get_object", REF))
    assert reports == []


def test_credentials_are_refreshed_below_where_that_can_be_done() -> None:
    class Refreshing(InMemoryTransport):
        async def refresh_credentials(self) -> bool:
            return True

    transport = ObservingTransport(Refreshing())
    assert isinstance(transport, CredentialsRefresher)
    assert drive(transport.refresh_credentials())
    assert not drive(ObservingTransport(InMemoryTransport()).refresh_credentials())


def test_it_can_be_pickled_with_what_it_is_made_of() -> None:
    again = pickle.loads(pickle.dumps(ObservingTransport(cast("S3Transport", ObjectRef("bucket", "key")), print)))
    assert again.inner == ObjectRef("bucket", "key")
    assert again._on_request is print


@pytest.mark.parametrize("make", [AioS3FileSystem, S3FileSystem])
def test_a_filesystem_tells_of_each_attempt(
    make: Callable[..., Any], faulty: FaultyTransport, reports: list[RequestReport]
) -> None:
    faulty.script.on("upload_part", 2, Fail(S3ServerError))
    fs = make(transport=faulty, on_request=reports.append, retry=AT_ONCE, default_block_size=MIN_PART_SIZE)
    fs.pipe_file("bucket/large", bytes(3 * MIN_PART_SIZE))
    sent = [report for report in reports if report.operation == "UploadPart"]
    assert sum(report.bytes_sent for report in sent if report.outcome == "ok") == 3 * MIN_PART_SIZE
    assert sorted((report.outcome, report.attempt) for report in sent) == [
        ("S3ServerError", 1),
        ("ok", 1),
        ("ok", 1),
        ("ok", 2),
    ]
    assert make(transport=faulty, on_request=reports.append) is not make(transport=faulty, on_request=reports.append)


def test_the_example_is_true() -> None:
    assert doctest.testmod(observing) == (0, 4)
