"""The fake behaves as S3 does. What every transport must do is tested by the conformance suite; here is the rest."""

from __future__ import annotations

import asyncio
import copy
import hashlib
import pickle
import threading
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from pyathena.transport import memory
from pyathena.transport.errors import (
    S3AlreadyExistsError,
    S3ClosedError,
    S3ConflictError,
    S3Error,
    S3InvalidRangeError,
    S3InvalidRequestError,
    S3NotFoundError,
    S3NotModifiedError,
    S3NotSupportedError,
    S3PermissionError,
    S3PreconditionError,
)
from pyathena.transport.memory import InMemoryTransport
from pyathena.transport.protocol import PresignedOperation, S3Transport
from pyathena.transport.values import (
    MAX_PRESIGNED_SECONDS,
    MIN_PART_SIZE,
    BucketInfo,
    ByteRange,
    CompletedPart,
    CopyOptions,
    CustomerKey,
    DeletedObject,
    DeleteError,
    GetOptions,
    Grant,
    MultipartUpload,
    ObjectKey,
    ObjectRef,
    ObjectVersion,
    PutOptions,
    RequestOptions,
)

T = TypeVar("T")

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
ALL = ByteRange(0)
KEY = CustomerKey(b"k" * 32)
OTHER_KEY = CustomerKey(b"o" * 32)


def drive(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that must not suspend, as the face without an event loop does."""
    try:
        work.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    raise AssertionError("the coroutine suspended")


def ref(key: str, version_id: str | None = None, bucket: str = "bucket") -> ObjectRef:
    return ObjectRef(bucket, key, version_id)


def md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


class Clock:
    """Tells the time that a test says it is."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def s3(clock: Clock) -> InMemoryTransport:
    return InMemoryTransport(buckets=["bucket"], clock=clock)


@pytest.fixture
def versioned(s3: InMemoryTransport) -> InMemoryTransport:
    drive(s3.put_bucket_versioning("bucket", "Enabled"))
    return s3


def put(s3: InMemoryTransport, key: str, body: bytes = b"", **options: Any) -> str | None:
    return drive(s3.put_object(ref(key), body, options=PutOptions(**options))).version_id


def read(s3: InMemoryTransport, key: str, version_id: str | None = None, **options: Any) -> bytes:
    return bytes(drive(s3.get_object_range(ref(key, version_id), ALL, options=GetOptions(**options))).data)


def delete(s3: InMemoryTransport, key: str, version_id: str | None = None) -> DeletedObject:
    result = drive(s3.delete_objects("bucket", [ObjectKey(key, version_id)]))
    assert result.errors == ()
    return result.deleted[0]


def keys_of(s3: InMemoryTransport, **arguments: Any) -> list[str]:
    return [entry.key for entry in drive(s3.list_objects("bucket", **arguments)).objects]


def versions_of(s3: InMemoryTransport, **arguments: Any) -> list[ObjectVersion]:
    """All pages."""
    found: list[ObjectVersion] = []
    token = None
    while True:
        page = drive(s3.list_object_versions("bucket", token=token, **arguments))
        found += page.versions
        token = page.next_token
        if token is None:
            return found


def upload_of(
    s3: InMemoryTransport, key: str, bodies: Iterable[bytes], **options: Any
) -> tuple[MultipartUpload, list[CompletedPart]]:
    upload = drive(s3.create_multipart_upload(ref(key), options=PutOptions(**options)))
    parts = [drive(s3.upload_part(upload, number, body)) for number, body in enumerate(bodies, 1)]
    return upload, parts


def put_in_parts(s3: InMemoryTransport, key: str, bodies: Iterable[bytes], **options: Any) -> str:
    upload, parts = upload_of(s3, key, bodies, **options)
    return drive(s3.complete_multipart_upload(upload, parts)).etag


def refusal(work: Coroutine[Any, Any, object], kind: type[S3Error]) -> tuple[str | None, int | None]:
    """Code and status of the error, which must be of exactly this class."""
    with pytest.raises(S3Error) as caught:
        drive(work)
    assert type(caught.value) is kind
    return caught.value.code, caught.value.status


# --- the object itself -----------------------------------------------------------------------------------------------


def test_it_is_an_s3_transport(s3: InMemoryTransport) -> None:
    transport: S3Transport = s3
    assert asyncio.run(transport.head_bucket("bucket")) == BucketInfo("bucket", "us-east-1")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"minimum_part_size": -1}, "minimum_part_size is 0 to 5368709120, got -1"),
        ({"minimum_part_size": 6 * 2**30}, "minimum_part_size"),
        ({"region": ""}, "region"),
        ({"buckets": "bucket"}, "several names"),
        ({"buckets": ["Not_A_Bucket"]}, "got 'Not_A_Bucket'"),
        ({"buckets": ["bucket"], "clock": lambda: datetime(2024, 5, 1)}, "time zone"),
    ],
)
def test_a_wrong_argument_of_the_constructor_is_named(arguments: Mapping[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        InMemoryTransport(**arguments)


def test_repr_differs_from_object_to_object() -> None:
    assert repr(InMemoryTransport()) != repr(InMemoryTransport())


def test_repr_shows_no_content(s3: InMemoryTransport) -> None:
    put(s3, "very-secret-key", b"very-secret-body")
    assert "secret" not in repr(s3)


@pytest.mark.parametrize("duplicate", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_copy_is_refused_with_the_remedy(s3: InMemoryTransport, duplicate: Callable[[object], object]) -> None:
    with pytest.raises(TypeError, match=r"InMemoryTransport cannot be pickled or copied.*Build one in each process"):
        duplicate(s3)


def test_closing_twice_is_harmless(s3: InMemoryTransport) -> None:
    drive(s3.aclose())
    drive(s3.aclose())


UPLOAD = MultipartUpload("bucket", "key", "id")
EVERY_METHOD: dict[str, Callable[[InMemoryTransport], Coroutine[Any, Any, object]]] = {
    "head_object": lambda s3: s3.head_object(ref("key")),
    "get_object_range": lambda s3: s3.get_object_range(ref("key"), ALL),
    "put_object": lambda s3: s3.put_object(ref("key"), b""),
    "copy_object": lambda s3: s3.copy_object(ref("key"), ref("other")),
    "create_multipart_upload": lambda s3: s3.create_multipart_upload(ref("key")),
    "upload_part": lambda s3: s3.upload_part(UPLOAD, 1, b""),
    "upload_part_copy": lambda s3: s3.upload_part_copy(UPLOAD, 1, ref("key")),
    "complete_multipart_upload": lambda s3: s3.complete_multipart_upload(UPLOAD, [CompletedPart(1, "etag")]),
    "abort_multipart_upload": lambda s3: s3.abort_multipart_upload(UPLOAD),
    "list_multipart_uploads": lambda s3: s3.list_multipart_uploads("bucket"),
    "delete_objects": lambda s3: s3.delete_objects("bucket", [ObjectKey("key")]),
    "list_objects": lambda s3: s3.list_objects("bucket"),
    "list_object_versions": lambda s3: s3.list_object_versions("bucket"),
    "list_buckets": lambda s3: s3.list_buckets(),
    "get_object_tagging": lambda s3: s3.get_object_tagging(ref("key")),
    "put_object_tagging": lambda s3: s3.put_object_tagging(ref("key"), {}),
    "get_object_acl": lambda s3: s3.get_object_acl(ref("key")),
    "put_object_acl": lambda s3: s3.put_object_acl(ref("key"), "private"),
    "get_bucket_versioning": lambda s3: s3.get_bucket_versioning("bucket"),
    "head_bucket": lambda s3: s3.head_bucket("bucket"),
    "create_bucket": lambda s3: s3.create_bucket("new-bucket"),
    "delete_bucket": lambda s3: s3.delete_bucket("bucket"),
    "get_bucket_acl": lambda s3: s3.get_bucket_acl("bucket"),
    "put_bucket_acl": lambda s3: s3.put_bucket_acl("bucket", "private"),
    "put_bucket_versioning": lambda s3: s3.put_bucket_versioning("bucket", "Enabled"),
    "presigned_url": lambda s3: s3.presigned_url("get_object", ref("key")),
}
IN_A_BUCKET = sorted(set(EVERY_METHOD) - {"create_bucket", "list_buckets", "presigned_url"})


def test_the_table_of_methods_is_complete() -> None:
    public = {name for name in dir(S3Transport) if not name.startswith("_")}
    assert set(EVERY_METHOD) == public - {"aclose"}


@pytest.mark.parametrize("method", EVERY_METHOD)
def test_a_closed_transport_refuses(s3: InMemoryTransport, method: str) -> None:
    drive(s3.aclose())
    with pytest.raises(S3ClosedError):
        drive(EVERY_METHOD[method](s3))


@pytest.mark.parametrize("method", IN_A_BUCKET)
def test_a_bucket_that_is_not_there_is_not_found(method: str) -> None:
    with pytest.raises(S3NotFoundError, match="No such bucket"):
        drive(EVERY_METHOD[method](InMemoryTransport()))


@pytest.mark.parametrize("method", IN_A_BUCKET)
def test_an_error_names_operation_and_bucket(method: str) -> None:
    with pytest.raises(S3NotFoundError) as caught:
        drive(EVERY_METHOD[method](InMemoryTransport()))
    operation = caught.value.operation or ""
    assert (operation.lower().removesuffix("v2"), caught.value.bucket) == (
        method.replace("_range", "").replace("_", ""),
        "bucket",
    )


def test_an_error_of_an_object_tells_everything(s3: InMemoryTransport) -> None:
    with pytest.raises(S3NotFoundError) as caught:
        read(s3, "key")
    error = caught.value
    assert (error.code, error.status, error.operation, error.bucket, error.key) == (
        "NoSuchKey",
        404,
        "GetObject",
        "bucket",
        "key",
    )


def test_an_answer_to_head_has_the_status_for_a_code(s3: InMemoryTransport) -> None:
    assert refusal(s3.head_object(ref("key")), S3NotFoundError) == ("404", 404)


def test_threads_that_write_at_once_lose_nothing(s3: InMemoryTransport) -> None:
    def write(name: str) -> None:
        for number in range(50):
            put(s3, f"{name}{number:02}", name.encode())

    threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert keys_of(s3) == [f"{name}{number:02}" for name in "abcd" for number in range(50)]


def test_threads_that_create_one_object_find_one_winner(s3: InMemoryTransport) -> None:
    won: list[int] = []

    def create(number: int) -> None:
        try:
            put(s3, "key", b"%d" % number, if_none_match="*")
        except S3AlreadyExistsError:
            return
        won.append(number)

    threads = [threading.Thread(target=create, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert read(s3, "key") == b"%d" % won[0]
    assert len(won) == 1


def test_several_loops_use_one_transport(s3: InMemoryTransport) -> None:
    asyncio.run(s3.put_object(ref("key"), b"body"))
    assert asyncio.run(s3.get_object_range(ref("key"), ALL)).data == b"body"


# --- what is written, and what is told of it -------------------------------------------------------------------------


def test_the_etag_of_an_object_is_its_md5_in_quotes(s3: InMemoryTransport) -> None:
    assert drive(s3.put_object(ref("key"), b"body")).etag == f'"{md5(b"body")}"'


def test_bytes_are_kept_without_a_copy(s3: InMemoryTransport) -> None:
    body = b"body" * 1000
    put(s3, "key", body)
    assert drive(s3.get_object_range(ref("key"), ALL)).data is body


@pytest.mark.parametrize("kind", [bytearray, lambda body: memoryview(bytearray(body))])
def test_a_buffer_may_change_after_it_was_written(s3: InMemoryTransport, kind: Callable[[bytes], bytearray]) -> None:
    buffer = kind(b"before")
    drive(s3.put_object(ref("key"), buffer))
    buffer[:] = b"behind"
    assert read(s3, "key") == b"before"


def test_content_headers_come_back(s3: InMemoryTransport) -> None:
    headers = {
        "content_type": "text/csv",
        "content_encoding": "gzip",
        "content_disposition": "attachment",
        "content_language": "de",
        "cache_control": "no-store",
        "server_side_encryption": "aws:kms",
        "kms_key_id": "alias/key",
        "storage_class": "GLACIER_IR",
    }
    put(s3, "key", b"", **headers)
    info = drive(s3.head_object(ref("key")))
    assert {name: getattr(info, name) for name in headers} == headers


def test_the_content_type_is_s3s_own_if_none_was_given(s3: InMemoryTransport) -> None:
    put(s3, "key")
    assert drive(s3.head_object(ref("key"))).content_type == "binary/octet-stream"


def test_metadata_names_are_lower_cased(s3: InMemoryTransport) -> None:
    put(s3, "key", metadata={"Author": "Ada"})
    assert drive(s3.head_object(ref("key"))).metadata == {"author": "Ada"}


def test_metadata_is_not_the_callers_own_dict(s3: InMemoryTransport) -> None:
    metadata = {"author": "Ada"}
    put(s3, "key", metadata=metadata)
    metadata["author"] = "Bob"
    assert drive(s3.head_object(ref("key"))).metadata == {"author": "Ada"}


def test_a_storage_class_of_standard_is_told_by_listings_only(s3: InMemoryTransport) -> None:
    put(s3, "key")
    head = drive(s3.head_object(ref("key"))).storage_class
    assert (head, drive(s3.list_objects("bucket")).objects[0].storage_class) == (None, "STANDARD")


def test_times_are_whole_seconds_in_utc(s3: InMemoryTransport, clock: Clock) -> None:
    clock.now = datetime(2024, 5, 1, 14, 0, 0, 999_999, timezone(timedelta(hours=2)))
    put(s3, "key")
    told = drive(s3.head_object(ref("key"))).last_modified
    assert (told, told and told.tzinfo) == (NOON, UTC)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"acl": "everybody"}, "InvalidArgument"),
        ({"storage_class": "ATTIC"}, "InvalidStorageClass"),
        ({"metadata": {"a": "b" * 2048}}, "MetadataTooLarge"),
        ({"tags": {"k" * 129: ""}}, "InvalidTag"),
        ({"tags": {"": "v"}}, "InvalidTag"),
        ({"server_side_encryption": "rot13"}, "InvalidArgument"),
        ({"customer_key": CustomerKey(b"short")}, "InvalidArgument"),
        ({"customer_key": KEY, "server_side_encryption": "AES256"}, "InvalidArgument"),
    ],
)
def test_an_option_that_s3_refuses_is_refused(s3: InMemoryTransport, options: Mapping[str, Any], code: str) -> None:
    put_options = PutOptions(**options)
    assert refusal(s3.put_object(ref("key"), b"", options=put_options), S3InvalidRequestError) == (code, 400)


def test_a_key_of_1024_bytes_is_the_longest(s3: InMemoryTransport) -> None:
    put(s3, "ü" * 512)
    assert refusal(s3.put_object(ref("ü" * 512 + "x"), b""), S3InvalidRequestError) == ("KeyTooLongError", 400)


def test_a_key_that_has_no_utf8_is_a_value_error(s3: InMemoryTransport) -> None:
    with pytest.raises(ValueError, match="UTF-8"):
        put(s3, "\ud800")


def test_a_write_to_a_version_is_a_value_error(s3: InMemoryTransport) -> None:
    with pytest.raises(ValueError, match="S3 chooses the version"):
        drive(s3.put_object(ref("key", "null"), b""))


def test_a_body_larger_than_s3_takes_is_refused(s3: InMemoryTransport, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "MAX_PART_SIZE", 3)  # nobody allocates 5 GiB for a test
    assert refusal(s3.put_object(ref("key"), b"four"), S3InvalidRequestError) == ("EntityTooLarge", 400)


def test_a_write_condition_other_than_a_star_is_a_value_error(s3: InMemoryTransport) -> None:
    with pytest.raises(ValueError, match="if_none_match of a write must be"):
        put(s3, "key", if_none_match='"etag"')


# --- reading ---------------------------------------------------------------------------------------------------------


@given(body=st.binary(min_size=1, max_size=40), start=st.integers(0, 39), length=st.none() | st.integers(1, 60))
def test_a_range_is_a_slice(body: bytes, start: int, length: int | None) -> None:
    s3 = InMemoryTransport(buckets=["bucket"])
    put(s3, "key", body)
    byte_range = ByteRange(start, None if length is None else start + length)
    if start >= len(body):
        with pytest.raises(S3InvalidRangeError):
            drive(s3.get_object_range(ref("key"), byte_range))
        return
    answer = drive(s3.get_object_range(ref("key"), byte_range))
    expected = body[byte_range.start : byte_range.stop]
    assert (answer.data, answer.start, answer.size, answer.object_size) == (expected, start, len(expected), len(body))


@given(body=st.binary(min_size=1, max_size=40), start=st.integers(0, 39), room=st.integers(0, 50), closed=st.booleans())
def test_a_range_into_a_buffer_writes_its_bytes_and_no_others(body: bytes, start: int, room: int, closed: bool) -> None:
    s3 = InMemoryTransport(buckets=["bucket"])
    put(s3, "key", body)
    start = min(start, len(body) - 1)
    byte_range = ByteRange(start, start + max(room, 1) if closed else None)
    expected = body[start : byte_range.stop]
    buffer = bytearray(b"." * room)
    if room < (byte_range.size or len(expected)):
        with pytest.raises(ValueError, match="into holds"):
            drive(s3.get_object_range(ref("key"), byte_range, into=memoryview(buffer)))
        assert buffer == b"." * room
        return
    answer = drive(s3.get_object_range(ref("key"), byte_range, into=memoryview(buffer)))
    assert (bytes(answer.data), bytes(buffer)) == (expected, expected + b"." * (room - len(expected)))


def test_a_range_into_a_buffer_answers_a_view_of_it(s3: InMemoryTransport) -> None:
    put(s3, "key", b"0123456789")
    buffer = bytearray(8)
    data = drive(s3.get_object_range(ref("key"), ByteRange(4, 12), into=memoryview(buffer))).data
    assert isinstance(data, memoryview)
    assert (data.obj is buffer, bytes(data)) == (True, b"456789")


@pytest.mark.parametrize(
    ("into", "words"),
    [
        (memoryview(b"read-only"), "writable"),
        (memoryview(bytearray(9))[::2], "contiguous"),
        (memoryview(bytearray(8)).cast("H"), "single bytes"),
        (memoryview(bytearray(8)).cast("b"), "format 'b'"),
        (memoryview(bytearray(8)).cast("B", (2, 4)), "2 dimensions"),
        (memoryview(bytearray(3)), "into holds 3 bytes, fewer than the 4"),
    ],
)
def test_a_buffer_that_cannot_take_the_range_is_refused_before_anything(into: memoryview, words: str) -> None:
    s3 = InMemoryTransport()  # no bucket: the request itself would fail otherwise
    with pytest.raises(ValueError, match=words):
        drive(s3.get_object_range(ref("key"), ByteRange(0, 4), into=into))


def test_a_range_behind_the_end_tells_the_size(s3: InMemoryTransport) -> None:
    put(s3, "key", b"four")
    with pytest.raises(S3InvalidRangeError) as caught:
        drive(s3.get_object_range(ref("key"), ByteRange(4)))
    assert (caught.value.object_size, caught.value.code, caught.value.status) == (4, "InvalidRange", 416)


def test_an_empty_object_has_no_range(s3: InMemoryTransport) -> None:
    put(s3, "key", b"")
    assert refusal(s3.get_object_range(ref("key"), ALL), S3InvalidRangeError) == ("InvalidRange", 416)


def test_a_read_brings_what_head_would_tell(s3: InMemoryTransport) -> None:
    put(s3, "key", b"body", content_type="text/plain")
    assert drive(s3.get_object_range(ref("key"), ByteRange(1))).info == drive(s3.head_object(ref("key")))


def test_a_response_header_can_be_overridden_for_one_read(s3: InMemoryTransport) -> None:
    put(s3, "key", b"body", content_type="text/plain")
    options = GetOptions(extra_args={"ResponseContentType": "text/csv"})
    assert drive(s3.head_object(ref("key"), options=options)).content_type == "text/csv"


def test_a_read_is_of_the_object_that_was_there_when_it_began(s3: InMemoryTransport) -> None:
    put(s3, "key", b"old")
    answer = drive(s3.get_object_range(ref("key"), ALL))
    put(s3, "key", b"new")
    assert answer.data == b"old"


OLD, NEW = f'"{md5(b"old")}"', f'"{md5(b"new")}"'


@pytest.mark.parametrize(
    ("conditions", "kind"),
    [
        ({"if_match": NEW}, S3PreconditionError),
        ({"if_unmodified_since": NOON - SECOND}, S3PreconditionError),
        ({"if_none_match": OLD}, S3NotModifiedError),
        ({"if_modified_since": NOON}, S3NotModifiedError),
        # RFC 9110, section 13.2.2: an ETag makes the date beside it void, a failed 412 comes before a 304.
        ({"if_match": NEW, "if_none_match": OLD}, S3PreconditionError),
        ({"if_match": OLD, "if_none_match": OLD}, S3NotModifiedError),
        ({"if_match": OLD, "if_unmodified_since": NOON - SECOND, "if_modified_since": NOON}, S3NotModifiedError),
        ({"if_none_match": OLD, "if_modified_since": NOON - SECOND}, S3NotModifiedError),
    ],
)
def test_a_condition_that_does_not_hold_ends_a_read(
    s3: InMemoryTransport, conditions: Mapping[str, Any], kind: type[S3Error]
) -> None:
    put(s3, "key", b"old")
    with pytest.raises(kind):
        read(s3, "key", **conditions)


@pytest.mark.parametrize(
    "conditions",
    [
        {"if_match": OLD},
        {"if_match": OLD.strip('"')},
        {"if_match": "*"},
        {"if_none_match": NEW},
        {"if_modified_since": NOON - SECOND},
        {"if_unmodified_since": NOON},
        {"if_match": OLD, "if_unmodified_since": NOON - SECOND},
        {"if_none_match": NEW, "if_modified_since": NOON},
    ],
)
def test_a_condition_that_holds_lets_a_read_through(s3: InMemoryTransport, conditions: Mapping[str, Any]) -> None:
    put(s3, "key", b"old")
    assert read(s3, "key", **conditions) == b"old"


def test_not_modified_has_its_status(s3: InMemoryTransport) -> None:
    put(s3, "key", b"old")
    request = s3.get_object_range(ref("key"), ALL, options=GetOptions(if_none_match=OLD))
    assert refusal(request, S3NotModifiedError) == ("304", 304)


def test_a_condition_comes_before_the_range(s3: InMemoryTransport) -> None:
    put(s3, "key", b"old")
    with pytest.raises(S3PreconditionError):
        drive(s3.get_object_range(ref("key"), ByteRange(9), options=GetOptions(if_match=NEW)))


def test_a_date_without_a_time_zone_is_a_value_error(s3: InMemoryTransport) -> None:
    with pytest.raises(ValueError, match="needs a time zone"):
        read(s3, "key", if_modified_since=datetime(2024, 5, 1))


# --- conditional writes, by PutObject and by CompleteMultipartUpload alike -------------------------------------------

Write = Callable[[InMemoryTransport, PutOptions], object]


def write_whole(s3: InMemoryTransport, options: PutOptions) -> object:
    return drive(s3.put_object(ref("key"), b"new", options=options))


def write_in_parts(s3: InMemoryTransport, options: PutOptions) -> object:
    upload, parts = upload_of(s3, "key", [b"n", b"ew"])
    return drive(s3.complete_multipart_upload(upload, parts, options=options))


def write_copy(s3: InMemoryTransport, options: PutOptions) -> object:
    put(s3, "source", b"new")
    copy_options = CopyOptions(if_match=options.if_match, if_none_match=options.if_none_match)
    return drive(s3.copy_object(ref("source"), ref("key"), options=copy_options))


each_write = pytest.mark.parametrize("write", [write_whole, write_in_parts, write_copy])


@each_write
def test_if_none_match_creates_where_nothing_is(s3: InMemoryTransport, write: Write) -> None:
    write(s3, PutOptions(if_none_match="*"))
    assert read(s3, "key") == b"new"


@each_write
def test_if_none_match_never_overwrites(s3: InMemoryTransport, write: Write) -> None:
    put(s3, "key", b"old")
    with pytest.raises(S3AlreadyExistsError):
        write(s3, PutOptions(if_none_match="*"))
    assert read(s3, "key") == b"old"


@each_write
def test_if_none_match_creates_over_a_delete_marker(versioned: InMemoryTransport, write: Write) -> None:
    put(versioned, "key", b"old")
    delete(versioned, "key")
    write(versioned, PutOptions(if_none_match="*"))
    assert read(versioned, "key") == b"new"


@each_write
def test_if_match_replaces_the_object_that_is_meant(s3: InMemoryTransport, write: Write) -> None:
    put(s3, "key", b"old")
    write(s3, PutOptions(if_match=OLD))
    assert read(s3, "key") == b"new"


@each_write
def test_if_match_leaves_another_object_alone(s3: InMemoryTransport, write: Write) -> None:
    put(s3, "key", b"old")
    with pytest.raises(S3PreconditionError):
        write(s3, PutOptions(if_match=NEW))
    assert read(s3, "key") == b"old"


@each_write
def test_if_match_without_an_object_is_not_found(s3: InMemoryTransport, write: Write) -> None:
    with pytest.raises(S3NotFoundError, match="NoSuchKey"):
        write(s3, PutOptions(if_match=OLD))


def test_a_refused_creation_has_s3s_code(s3: InMemoryTransport) -> None:
    put(s3, "key")
    request = s3.put_object(ref("key"), b"", options=PutOptions(if_none_match="*"))
    assert refusal(request, S3AlreadyExistsError) == ("PreconditionFailed", 412)


def test_a_refused_completion_leaves_the_upload_open(s3: InMemoryTransport) -> None:
    put(s3, "key", b"old")
    upload, parts = upload_of(s3, "key", [b"new"])
    with pytest.raises(S3AlreadyExistsError):
        drive(s3.complete_multipart_upload(upload, parts, options=PutOptions(if_none_match="*")))
    drive(s3.complete_multipart_upload(upload, parts))
    assert read(s3, "key") == b"new"


def test_a_condition_on_beginning_an_upload_is_a_value_error(s3: InMemoryTransport) -> None:
    with pytest.raises(ValueError, match="complete_multipart_upload"):
        drive(s3.create_multipart_upload(ref("key"), options=PutOptions(if_none_match="*")))


# --- copies ----------------------------------------------------------------------------------------------------------


def test_a_copy_keeps_headers_metadata_and_tags(s3: InMemoryTransport) -> None:
    put(s3, "source", b"body", content_type="text/csv", metadata={"a": "b"}, tags={"c": "d"})
    drive(s3.copy_object(ref("source"), ref("target")))
    info = drive(s3.head_object(ref("target")))
    tags = drive(s3.get_object_tagging(ref("target")))
    assert (info.content_type, info.metadata, tags) == ("text/csv", {"a": "b"}, {"c": "d"})


def test_a_copy_can_replace_metadata_and_keep_tags(s3: InMemoryTransport) -> None:
    put(s3, "source", content_type="text/csv", metadata={"a": "b"}, tags={"c": "d"})
    options = CopyOptions(metadata_directive="REPLACE", metadata={"e": "f"}, tags={"not": "taken"})
    drive(s3.copy_object(ref("source"), ref("target"), options=options))
    info = drive(s3.head_object(ref("target")))
    tags = drive(s3.get_object_tagging(ref("target")))
    assert (info.content_type, info.metadata, tags) == ("binary/octet-stream", {"e": "f"}, {"c": "d"})


def test_a_copy_can_replace_tags_and_keep_metadata(s3: InMemoryTransport) -> None:
    put(s3, "source", metadata={"a": "b"}, tags={"c": "d"})
    options = CopyOptions(tagging_directive="REPLACE", metadata={"not": "taken"}, tags={"e": "f"})
    drive(s3.copy_object(ref("source"), ref("target"), options=options))
    info = drive(s3.head_object(ref("target")))
    assert (info.metadata, drive(s3.get_object_tagging(ref("target")))) == ({"a": "b"}, {"e": "f"})


def test_a_copy_has_neither_acl_nor_storage_class_of_its_source(s3: InMemoryTransport) -> None:
    put(s3, "source", acl="public-read", storage_class="STANDARD_IA")
    drive(s3.copy_object(ref("source"), ref("target")))
    grants = drive(s3.get_object_acl(ref("target"))).grants
    assert (len(grants), drive(s3.head_object(ref("target"))).storage_class) == (1, None)


def test_a_copy_of_a_multipart_object_has_a_plain_etag(s3: InMemoryTransport) -> None:
    put_in_parts(s3, "source", [b"a", b"b"])
    assert drive(s3.copy_object(ref("source"), ref("target"))).etag == f'"{md5(b"ab")}"'


def test_a_copy_tells_its_date(s3: InMemoryTransport) -> None:
    put(s3, "source")
    assert drive(s3.copy_object(ref("source"), ref("target"))).last_modified == NOON


def test_an_old_version_can_be_copied_over_the_newest(versioned: InMemoryTransport) -> None:
    old = put(versioned, "key", b"old")
    put(versioned, "key", b"new")
    drive(versioned.copy_object(ref("key", old), ref("key")))
    assert read(versioned, "key") == b"old"


def test_a_copy_onto_itself_must_change_something(s3: InMemoryTransport) -> None:
    put(s3, "key")
    assert refusal(s3.copy_object(ref("key"), ref("key")), S3InvalidRequestError) == ("InvalidRequest", 400)


@pytest.mark.parametrize(
    "change",
    [{"metadata_directive": "REPLACE"}, {"storage_class": "STANDARD_IA"}, {"server_side_encryption": "AES256"}],
)
def test_a_copy_onto_itself_may_change_something(s3: InMemoryTransport, change: Mapping[str, Any]) -> None:
    put(s3, "key", b"body")
    assert drive(s3.copy_object(ref("key"), ref("key"), options=CopyOptions(**change))).etag == f'"{md5(b"body")}"'


@pytest.mark.parametrize("byte_range", [None, ByteRange(0, 4)])
def test_a_part_copied_from_more_than_s3_takes_is_refused(
    s3: InMemoryTransport, monkeypatch: pytest.MonkeyPatch, byte_range: ByteRange | None
) -> None:
    put(s3, "source", b"four")
    upload, _ = upload_of(s3, "key", [])
    monkeypatch.setattr(memory, "MAX_PART_SIZE", 3)
    request = s3.upload_part_copy(upload, 1, ref("source"), byte_range)
    assert refusal(request, S3InvalidRequestError) == ("InvalidRequest", 400)


def test_a_copy_of_more_than_s3_copies_is_refused(s3: InMemoryTransport, monkeypatch: pytest.MonkeyPatch) -> None:
    put(s3, "source", b"four")
    monkeypatch.setattr(memory, "MAX_PART_SIZE", 3)
    with pytest.raises(S3InvalidRequestError, match="larger than 5 GiB"):
        drive(s3.copy_object(ref("source"), ref("target")))


def test_a_copy_of_another_source_than_was_meant_is_refused(s3: InMemoryTransport) -> None:
    put(s3, "source", b"old")
    request = s3.copy_object(ref("source"), ref("target"), options=CopyOptions(source_if_match=NEW))
    assert refusal(request, S3PreconditionError) == ("PreconditionFailed", 412)


def test_an_error_of_a_copy_names_the_target(s3: InMemoryTransport) -> None:
    with pytest.raises(S3NotFoundError) as caught:
        drive(s3.copy_object(ref("source"), ref("target")))
    assert (caught.value.operation, caught.value.key) == ("CopyObject", "target")


def test_a_copy_from_a_bucket_that_is_not_there_is_not_found(s3: InMemoryTransport) -> None:
    request = s3.copy_object(ref("source", bucket="elsewhere"), ref("target"))
    assert refusal(request, S3NotFoundError) == ("NoSuchBucket", 404)


# --- versions --------------------------------------------------------------------------------------------------------


def test_a_bucket_without_versions_tells_no_version_id(s3: InMemoryTransport) -> None:
    put(s3, "key", b"body")
    put_id = drive(s3.put_object(ref("key"), b"body")).version_id
    head_id = drive(s3.head_object(ref("key"))).version_id
    read_id = drive(s3.get_object_range(ref("key"), ALL)).version_id
    assert (put_id, head_id, read_id) == (None, None, None)


def test_an_object_without_versions_can_be_read_as_null(s3: InMemoryTransport) -> None:
    put(s3, "key", b"body")
    assert read(s3, "key", "null") == b"body"


def test_every_version_stays_readable(versioned: InMemoryTransport) -> None:
    ids = [put(versioned, "key", body) for body in (b"1", b"2", b"3")]
    assert [read(versioned, "key", version_id) for version_id in ids] == [b"1", b"2", b"3"]


def test_version_ids_are_unique(versioned: InMemoryTransport) -> None:
    assert len({put(versioned, key) for key in "aabbcc"}) == 6


def test_the_object_from_before_the_versions_is_null(s3: InMemoryTransport) -> None:
    put(s3, "key", b"before")
    drive(s3.put_bucket_versioning("bucket", "Enabled"))
    put(s3, "key", b"after")
    assert read(s3, "key", "null") == b"before"


def test_a_suspended_bucket_overwrites_null_and_keeps_the_others(versioned: InMemoryTransport) -> None:
    kept = put(versioned, "key", b"kept")
    drive(versioned.put_bucket_versioning("bucket", "Suspended"))
    put(versioned, "key", b"lost")
    put(versioned, "key", b"newest")
    assert [version.version_id for version in versions_of(versioned)] == ["null", kept]


def test_a_suspended_bucket_tells_null(versioned: InMemoryTransport) -> None:
    drive(versioned.put_bucket_versioning("bucket", "Suspended"))
    assert put(versioned, "key") == "null"


def test_deleting_hides_the_object_and_keeps_its_version(versioned: InMemoryTransport) -> None:
    version_id = put(versioned, "key", b"body")
    delete(versioned, "key")
    assert (keys_of(versioned), read(versioned, "key", version_id)) == ([], b"body")


def test_deleting_tells_the_marker(versioned: InMemoryTransport) -> None:
    put(versioned, "key")
    deleted = delete(versioned, "key")
    marker = versions_of(versioned)[0]
    assert (marker.is_delete_marker, deleted) == (True, DeletedObject("key", None, True, marker.version_id))


def test_deleting_nothing_in_a_bucket_with_versions_makes_a_marker(versioned: InMemoryTransport) -> None:
    delete(versioned, "key")
    assert [version.is_delete_marker for version in versions_of(versioned)] == [True]


def test_deleting_in_a_suspended_bucket_puts_a_null_marker(versioned: InMemoryTransport) -> None:
    drive(versioned.put_bucket_versioning("bucket", "Suspended"))
    put(versioned, "key")
    assert delete(versioned, "key") == DeletedObject("key", None, True, "null")


def test_deleting_the_marker_brings_the_object_back(versioned: InMemoryTransport) -> None:
    put(versioned, "key", b"body")
    marker = delete(versioned, "key").delete_marker_version_id
    assert delete(versioned, "key", marker) == DeletedObject("key", marker, True, marker)
    assert read(versioned, "key") == b"body"


def test_deleting_the_newest_version_brings_the_one_before_back(versioned: InMemoryTransport) -> None:
    put(versioned, "key", b"old")
    new = put(versioned, "key", b"new")
    assert delete(versioned, "key", new) == DeletedObject("key", new)
    assert read(versioned, "key") == b"old"


def test_deleting_the_last_version_leaves_nothing(versioned: InMemoryTransport) -> None:
    delete(versioned, "key", put(versioned, "key"))
    assert versions_of(versioned) == []


def test_deleting_a_version_that_is_not_there_counts_as_done(versioned: InMemoryTransport) -> None:
    assert delete(versioned, "key", "none") == DeletedObject("key", "none")


def test_a_version_that_is_not_there_is_not_found(versioned: InMemoryTransport) -> None:
    put(versioned, "key")
    request = versioned.get_object_range(ref("key", "none"), ALL)
    assert refusal(request, S3NotFoundError) == ("NoSuchVersion", 404)


def test_a_current_marker_is_not_found(versioned: InMemoryTransport) -> None:
    delete(versioned, "key")
    assert refusal(versioned.get_object_range(ref("key"), ALL), S3NotFoundError) == ("NoSuchKey", 404)


def test_a_marker_by_its_id_cannot_be_read(versioned: InMemoryTransport) -> None:
    marker = delete(versioned, "key").delete_marker_version_id
    request = versioned.get_object_range(ref("key", marker), ALL)
    assert refusal(request, S3Error) == ("MethodNotAllowed", 405)


def test_head_of_a_marker_by_its_id_is_not_allowed(versioned: InMemoryTransport) -> None:
    marker = delete(versioned, "key").delete_marker_version_id
    assert refusal(versioned.head_object(ref("key", marker)), S3Error) == ("405", 405)


def test_versions_are_listed_by_key_the_newest_first(versioned: InMemoryTransport) -> None:
    b1, a1, b2 = put(versioned, "b"), put(versioned, "a"), put(versioned, "b")
    assert [(v.key, v.version_id, v.is_latest) for v in versions_of(versioned)] == [
        ("a", a1, True),
        ("b", b2, True),
        ("b", b1, False),
    ]


def test_an_object_without_versions_is_listed_as_null(s3: InMemoryTransport) -> None:
    put(s3, "key", b"body")
    etag = f'"{md5(b"body")}"'
    assert versions_of(s3) == [ObjectVersion("key", "null", True, NOON, 4, etag, storage_class="STANDARD")]


@pytest.mark.parametrize("max_keys", [1, 2, 3, 4, 5, 6, 7])
def test_pages_of_versions_add_up(versioned: InMemoryTransport, max_keys: int) -> None:
    for key in "abcabcb":
        put(versioned, key)
    assert versions_of(versioned, max_keys=max_keys) == versions_of(versioned)


def test_versions_can_be_deleted_page_by_page(versioned: InMemoryTransport) -> None:
    for key in "abcabcb":
        put(versioned, key)
    token = None
    while True:
        page = drive(versioned.list_object_versions("bucket", max_keys=2, token=token))
        for version in page.versions:
            delete(versioned, version.key, version.version_id)
        token = page.next_token
        if token is None:
            break
    assert versions_of(versioned) == []


def test_versions_are_rolled_up_by_a_delimiter(versioned: InMemoryTransport) -> None:
    for key in ("a/1", "a/1", "a/2", "b"):
        put(versioned, key)
    first = drive(versioned.list_object_versions("bucket", delimiter="/", max_keys=1))
    second = drive(versioned.list_object_versions("bucket", delimiter="/", max_keys=1, token=first.next_token))
    assert (first.prefixes, [v.key for v in second.versions], second.next_token) == (("a/",), ["b"], None)


# --- deleting --------------------------------------------------------------------------------------------------------


def test_a_key_that_does_not_exist_counts_as_deleted(s3: InMemoryTransport) -> None:
    assert delete(s3, "key") == DeletedObject("key")


def test_every_key_is_told_of_once(s3: InMemoryTransport) -> None:
    s3.deny("bucket", "b")
    result = drive(s3.delete_objects("bucket", [ObjectKey("a"), ObjectKey("b"), ObjectKey("c")]))
    assert ([d.key for d in result.deleted], [e.key for e in result.errors]) == (["a", "c"], ["b"])


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ([], "1 to 1000, got 0"),
        ([ObjectKey(str(number)) for number in range(1001)], "1 to 1000, got 1001"),
        ([ObjectKey("key"), ObjectKey("key")], "given twice"),
    ],
)
def test_wrong_keys_to_delete_are_a_value_error(s3: InMemoryTransport, keys: list[ObjectKey], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        drive(s3.delete_objects("bucket", keys))


def test_two_versions_of_a_key_can_be_deleted_at_once(versioned: InMemoryTransport) -> None:
    ids = [put(versioned, "key"), put(versioned, "key")]
    drive(versioned.delete_objects("bucket", [ObjectKey("key", version_id) for version_id in ids]))
    assert versions_of(versioned) == []


# --- listings --------------------------------------------------------------------------------------------------------

texts = st.text(alphabet="ab/-é\U0001f600", min_size=1, max_size=6)


def expected_listing(keys: Iterable[str], prefix: str, delimiter: str, start_after: str) -> list[str]:
    """What a listing shows in all, computed the plain way. The bytes are compared, not the text."""
    shown = set()
    for key in keys:
        if key.startswith(prefix) and key.encode() > start_after.encode():
            head, found, _ = key[len(prefix) :].partition(delimiter) if delimiter else (key, "", "")
            shown.add(prefix + head + found if found else key)
    return sorted(shown, key=str.encode)


@given(
    keys=st.dictionaries(texts, st.binary(max_size=3), max_size=25),
    prefix=st.just("") | texts,
    delimiter=st.sampled_from(["", "/", "a", "b/", "é"]),
    start_after=st.just("") | texts,
    max_keys=st.integers(1, 8),
)
def test_pages_show_what_a_plain_model_shows(
    keys: dict[str, bytes], prefix: str, delimiter: str, start_after: str, max_keys: int
) -> None:
    s3 = InMemoryTransport(buckets=["bucket"])
    for key, body in keys.items():
        put(s3, key, body)
    expected = expected_listing(keys, prefix, delimiter, start_after)
    shown: list[str] = []
    token = None
    while True:
        page = drive(
            s3.list_objects(
                "bucket",
                prefix=prefix,
                delimiter=delimiter,
                start_after=start_after,
                max_keys=max_keys,
                token=token,
            )
        )
        names = sorted([*(entry.key for entry in page.objects), *page.prefixes], key=str.encode)
        assert len(names) == min(max_keys, len(expected) - len(shown))
        assert [len(keys[entry.key]) for entry in page.objects] == [entry.size for entry in page.objects]
        shown += names
        token = page.next_token
        if token is None:
            break
    assert shown == expected


def test_keys_are_ordered_by_their_utf8_bytes(s3: InMemoryTransport) -> None:
    # By UTF-16, as Java sorts, the emoji would come before its neighbour.
    keys = ["A", "a", "é", "\uffee", "\U0001f600"]
    for key in reversed(keys):
        put(s3, key)
    assert keys_of(s3) == sorted(keys, key=str.encode) == keys


def test_a_common_prefix_of_deleted_objects_is_not_shown(versioned: InMemoryTransport) -> None:
    put(versioned, "a/1")
    delete(versioned, "a/1")
    assert drive(versioned.list_objects("bucket", delimiter="/")).prefixes == ()


def test_a_listing_goes_on_where_it_was_although_that_key_is_gone(s3: InMemoryTransport) -> None:
    for key in "abcd":
        put(s3, key)
    token = drive(s3.list_objects("bucket", max_keys=2)).next_token
    delete(s3, "b")
    assert keys_of(s3, token=token) == ["c", "d"]


def test_a_page_may_hold_all_and_then_has_no_token(s3: InMemoryTransport) -> None:
    put(s3, "a")
    put(s3, "b")
    assert drive(s3.list_objects("bucket", max_keys=2)).next_token is None


@pytest.mark.parametrize("token", ["rubbish", "é", "bnVsbA==", "W10="])
def test_a_token_that_is_none_is_refused(s3: InMemoryTransport, token: str) -> None:
    assert refusal(s3.list_objects("bucket", token=token), S3InvalidRequestError) == ("InvalidArgument", 400)


@pytest.mark.parametrize("size", [0, 1001])
def test_a_page_size_out_of_bounds_is_a_value_error(s3: InMemoryTransport, size: int) -> None:
    with pytest.raises(ValueError, match=f"max_keys is 1 to 1000, got {size}"):
        drive(s3.list_objects("bucket", max_keys=size))


def test_a_page_of_a_large_bucket_looks_at_few_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    s3 = InMemoryTransport(buckets=["bucket"])
    for number in range(2000):
        put(s3, f"{number % 2}/{number:05}")
    seen: list[str] = []
    rolled_up = memory._rolled_up

    def counted(key: str, prefix: str, delimiter: str) -> str | None:
        seen.append(key)
        return rolled_up(key, prefix, delimiter)

    monkeypatch.setattr(memory, "_rolled_up", counted)
    assert drive(s3.list_objects("bucket", delimiter="/")).prefixes == ("0/", "1/")
    assert len(seen) == 2


# --- multipart -------------------------------------------------------------------------------------------------------


def test_an_object_of_parts_has_an_etag_of_parts(s3: InMemoryTransport) -> None:
    of_both = bytes.fromhex(md5(b"one")) + bytes.fromhex(md5(b"two"))
    assert put_in_parts(s3, "key", [b"one", b"two"]) == f'"{md5(of_both)}-2"'


def test_nothing_appears_before_an_upload_is_completed(s3: InMemoryTransport) -> None:
    upload_of(s3, "key", [b"one"])
    assert keys_of(s3) == []


def test_settings_of_an_upload_are_those_of_its_object(s3: InMemoryTransport) -> None:
    put_in_parts(s3, "key", [b"one"], content_type="text/csv", tags={"a": "b"})
    tags = drive(s3.get_object_tagging(ref("key")))
    assert (drive(s3.head_object(ref("key"))).content_type, tags) == ("text/csv", {"a": "b"})


def test_an_object_of_parts_has_the_date_of_its_beginning(s3: InMemoryTransport, clock: Clock) -> None:
    upload, parts = upload_of(s3, "key", [b"one"])
    clock.now += SECOND
    drive(s3.complete_multipart_upload(upload, parts))
    assert drive(s3.head_object(ref("key"))).last_modified == NOON


def test_a_part_of_the_same_number_replaces_the_first(s3: InMemoryTransport) -> None:
    upload, (_, two) = upload_of(s3, "key", [b"one", b"two"])
    again = drive(s3.upload_part(upload, 1, b"ONE"))
    drive(s3.complete_multipart_upload(upload, [again, two]))
    assert read(s3, "key") == b"ONEtwo"


def test_a_part_that_is_not_named_is_dropped(s3: InMemoryTransport) -> None:
    upload, (one, _, three) = upload_of(s3, "key", [b"one", b"two", b"three"])
    drive(s3.complete_multipart_upload(upload, [one, three]))
    assert read(s3, "key") == b"onethree"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda one, two: [two, one], "InvalidPartOrder"),
        (lambda one, two: [one, one], "InvalidPartOrder"),
        (lambda one, two: [one, replace(two, etag=one.etag)], "InvalidPart"),
        (lambda one, two: [one, replace(two, part_number=7)], "InvalidPart"),
    ],
)
def test_parts_that_do_not_fit_are_refused(
    s3: InMemoryTransport, change: Callable[[CompletedPart, CompletedPart], list[CompletedPart]], code: str
) -> None:
    upload, (one, two) = upload_of(s3, "key", [b"one", b"two"])
    request = s3.complete_multipart_upload(upload, change(one, two))
    assert refusal(request, S3InvalidRequestError) == (code, 400)


def test_completing_without_parts_is_a_value_error(s3: InMemoryTransport) -> None:
    upload, _ = upload_of(s3, "key", [])
    with pytest.raises(ValueError, match="got 0"):
        drive(s3.complete_multipart_upload(upload, []))


def test_a_small_part_that_is_not_the_last_is_refused() -> None:
    s3 = InMemoryTransport(buckets=["bucket"], minimum_part_size=MIN_PART_SIZE)
    upload, parts = upload_of(s3, "key", [b"." * (MIN_PART_SIZE - 1), b"last"])
    assert refusal(s3.complete_multipart_upload(upload, parts), S3InvalidRequestError) == ("EntityTooSmall", 400)


def test_the_last_part_may_be_small() -> None:
    s3 = InMemoryTransport(buckets=["bucket"], minimum_part_size=MIN_PART_SIZE)
    put_in_parts(s3, "key", [b"." * MIN_PART_SIZE, b"last"])
    assert drive(s3.head_object(ref("key"))).size == MIN_PART_SIZE + 4


@pytest.mark.parametrize("part_number", [0, 10_001])
def test_a_part_number_out_of_bounds_is_a_value_error(s3: InMemoryTransport, part_number: int) -> None:
    upload, _ = upload_of(s3, "key", [])
    with pytest.raises(ValueError, match=f"part_number is 1 to 10000, got {part_number}"):
        drive(s3.upload_part(upload, part_number, b""))


ON_AN_UPLOAD: dict[str, Callable[[InMemoryTransport, MultipartUpload], Coroutine[Any, Any, object]]] = {
    "upload": lambda s3, upload: s3.upload_part(upload, 1, b""),
    "copy": lambda s3, upload: s3.upload_part_copy(upload, 1, ref("key")),
    "complete": lambda s3, upload: s3.complete_multipart_upload(upload, [CompletedPart(1, f'"{md5(b"one")}"')]),
    "abort": lambda s3, upload: s3.abort_multipart_upload(upload),
}


@pytest.mark.parametrize("what", ON_AN_UPLOAD)
@pytest.mark.parametrize("ending", ["complete", "abort"])
def test_an_upload_that_has_ended_is_not_found(s3: InMemoryTransport, what: str, ending: str) -> None:
    upload, _ = upload_of(s3, "key", [b"one"])
    drive(ON_AN_UPLOAD[ending](s3, upload))
    assert refusal(ON_AN_UPLOAD[what](s3, upload), S3NotFoundError) == ("NoSuchUpload", 404)


def test_an_upload_belongs_to_its_key(s3: InMemoryTransport) -> None:
    upload, _ = upload_of(s3, "key", [])
    request = s3.upload_part(replace(upload, key="other"), 1, b"")
    assert refusal(request, S3NotFoundError) == ("NoSuchUpload", 404)


def test_aborting_leaves_the_object_that_was_there(s3: InMemoryTransport) -> None:
    put(s3, "key", b"old")
    upload, _ = upload_of(s3, "key", [b"new"])
    drive(s3.abort_multipart_upload(upload))
    assert read(s3, "key") == b"old"


@given(bodies=st.lists(st.binary(max_size=5), min_size=1, max_size=6))
def test_parts_are_read_as_they_were_written(bodies: list[bytes]) -> None:
    s3 = InMemoryTransport(buckets=["bucket"])
    put_in_parts(s3, "key", bodies)
    assert [read(s3, "key", part_number=number) for number in range(1, len(bodies) + 1)] == bodies


def test_a_part_tells_where_it_stands(s3: InMemoryTransport) -> None:
    put_in_parts(s3, "key", [b"one", b"three"])
    answer = drive(s3.get_object_range(ref("key"), ALL, options=GetOptions(part_number=2)))
    assert (answer.start, answer.size, answer.object_size) == (3, 5, 8)


def test_head_of_a_part_tells_its_size_and_how_many_there_are(s3: InMemoryTransport) -> None:
    put_in_parts(s3, "key", [b"one", b"three"])
    info = drive(s3.head_object(ref("key"), options=GetOptions(part_number=2)))
    assert (info.size, info.parts_count) == (5, 2)


def test_the_number_of_parts_is_not_told_unasked(s3: InMemoryTransport) -> None:
    put_in_parts(s3, "key", [b"one", b"two"])
    assert drive(s3.head_object(ref("key"))).parts_count is None


def test_an_object_that_was_put_whole_is_its_own_first_part(s3: InMemoryTransport) -> None:
    put(s3, "key", b"body")
    answer = drive(s3.get_object_range(ref("key"), ALL, options=GetOptions(part_number=1)))
    assert (answer.data, answer.info and answer.info.parts_count) == (b"body", None)


def test_a_part_that_the_object_does_not_have_is_an_invalid_range(s3: InMemoryTransport) -> None:
    put_in_parts(s3, "key", [b"one"])
    request = s3.get_object_range(ref("key"), ALL, options=GetOptions(part_number=2))
    assert refusal(request, S3InvalidRangeError) == ("InvalidPartNumber", 416)


def test_a_part_and_a_range_exclude_each_other(s3: InMemoryTransport) -> None:
    with pytest.raises(ValueError, match="part_number=1"):
        drive(s3.get_object_range(ref("key"), ByteRange(1), options=GetOptions(part_number=1)))


def test_a_part_that_is_longer_than_the_buffer_is_a_value_error(s3: InMemoryTransport) -> None:
    put_in_parts(s3, "key", [b"one", b"three"])
    options = GetOptions(part_number=2)
    with pytest.raises(ValueError, match="into holds 3 bytes, fewer than the 5"):
        drive(s3.get_object_range(ref("key"), ALL, into=memoryview(bytearray(3)), options=options))


def test_a_part_can_be_copied_from_a_range(s3: InMemoryTransport) -> None:
    put(s3, "source", b"0123456789")
    upload, _ = upload_of(s3, "key", [])
    parts = [drive(s3.upload_part_copy(upload, 1, ref("source"), ByteRange(2, 5)))]
    parts.append(drive(s3.upload_part_copy(upload, 2, ref("source"))))
    drive(s3.complete_multipart_upload(upload, parts))
    assert read(s3, "key") == b"2340123456789"


@pytest.mark.parametrize(
    ("byte_range", "kind", "code"),
    [
        (ByteRange(10, 11), S3InvalidRangeError, "InvalidRange"),
        (ByteRange(5, 11), S3InvalidRequestError, "InvalidArgument"),
    ],
)
def test_a_range_that_is_not_within_the_source_is_refused(
    s3: InMemoryTransport, byte_range: ByteRange, kind: type[S3Error], code: str
) -> None:
    put(s3, "source", b"0123456789")
    upload, _ = upload_of(s3, "key", [])
    with pytest.raises(kind) as caught:
        drive(s3.upload_part_copy(upload, 1, ref("source"), byte_range))
    assert caught.value.code == code


def test_an_open_range_of_a_source_is_a_value_error(s3: InMemoryTransport) -> None:
    upload, _ = upload_of(s3, "key", [])
    with pytest.raises(ValueError, match="closed"):
        drive(s3.upload_part_copy(upload, 1, ref("source"), ByteRange(1)))


def test_a_part_of_another_source_than_was_meant_is_refused(s3: InMemoryTransport) -> None:
    put(s3, "source", b"old")
    upload, _ = upload_of(s3, "key", [])
    with pytest.raises(S3PreconditionError):
        drive(s3.upload_part_copy(upload, 1, ref("source"), options=CopyOptions(source_if_match=NEW)))


def upload_pages(s3: InMemoryTransport, **arguments: Any) -> Iterator[tuple[MultipartUpload, ...]]:
    token = None
    while True:
        page = drive(s3.list_multipart_uploads("bucket", token=token, **arguments))
        yield page.uploads
        token = page.next_token
        if token is None:
            return


@pytest.mark.parametrize("max_uploads", [1, 2, 3, 5])
def test_open_uploads_are_listed_by_key_in_pages(s3: InMemoryTransport, max_uploads: int) -> None:
    ids = [upload_of(s3, key, [])[0].upload_id for key in ("b", "a", "b", "c")]
    listed = [upload for page in upload_pages(s3, max_uploads=max_uploads) for upload in page]
    assert [(upload.key, upload.upload_id) for upload in listed] == [
        ("a", ids[1]),
        ("b", ids[0]),
        ("b", ids[2]),
        ("c", ids[3]),
    ]


def test_a_listed_upload_has_its_date(s3: InMemoryTransport) -> None:
    upload, _ = upload_of(s3, "key", [])
    assert list(upload_pages(s3)) == [(replace(upload, initiated=NOON),)]


def test_open_uploads_can_be_listed_by_prefix(s3: InMemoryTransport) -> None:
    upload_of(s3, "a/1", [])
    upload_of(s3, "b/1", [])
    assert [[upload.key for upload in page] for page in upload_pages(s3, prefix="b/")] == [["b/1"]]


# --- encryption with the caller's key --------------------------------------------------------------------------------


def test_an_encrypted_object_is_read_with_its_key(s3: InMemoryTransport) -> None:
    put(s3, "key", b"body", customer_key=KEY)
    assert read(s3, "key", customer_key=CustomerKey(b"k" * 32)) == b"body"


def test_an_encrypted_object_is_not_read_without_a_key(s3: InMemoryTransport) -> None:
    put(s3, "key", b"body", customer_key=KEY)
    assert refusal(s3.get_object_range(ref("key"), ALL), S3InvalidRequestError) == ("InvalidRequest", 400)


def test_an_encrypted_object_is_not_read_with_another_key(s3: InMemoryTransport) -> None:
    put(s3, "key", b"body", customer_key=KEY)
    request = s3.head_object(ref("key"), options=GetOptions(customer_key=OTHER_KEY))
    assert refusal(request, S3PermissionError) == ("403", 403)


def test_a_plain_object_is_not_read_with_a_key(s3: InMemoryTransport) -> None:
    put(s3, "key", b"body")
    with pytest.raises(S3InvalidRequestError, match="not encrypted with a customer key"):
        read(s3, "key", customer_key=KEY)


def test_an_encrypted_object_can_be_copied_to_another_key(s3: InMemoryTransport) -> None:
    put(s3, "source", b"body", customer_key=KEY)
    options = CopyOptions(source_customer_key=KEY, customer_key=OTHER_KEY)
    drive(s3.copy_object(ref("source"), ref("target"), options=options))
    assert read(s3, "target", customer_key=OTHER_KEY) == b"body"


def test_a_part_of_an_encrypted_upload_needs_its_key(s3: InMemoryTransport) -> None:
    upload, _ = upload_of(s3, "key", [], customer_key=KEY)
    assert refusal(s3.upload_part(upload, 1, b""), S3InvalidRequestError) == ("InvalidRequest", 400)


def test_an_encrypted_upload_is_not_completed_with_another_key(s3: InMemoryTransport) -> None:
    upload, _ = upload_of(s3, "key", [], customer_key=KEY)
    part = drive(s3.upload_part(upload, 1, b"body", options=PutOptions(customer_key=KEY)))
    request = s3.complete_multipart_upload(upload, [part], options=PutOptions(customer_key=OTHER_KEY))
    assert refusal(request, S3InvalidRequestError) == ("InvalidRequest", 400)


def test_no_error_shows_a_customer_key(s3: InMemoryTransport) -> None:
    put(s3, "key", customer_key=KEY)
    with pytest.raises(S3PermissionError) as caught:
        read(s3, "key", customer_key=OTHER_KEY)
    assert not any(shown in f"{caught.value!s}{vars(caught.value)}" for shown in ("kkkk", "oooo"))


def test_an_encrypted_upload_makes_an_encrypted_object(s3: InMemoryTransport) -> None:
    upload, _ = upload_of(s3, "key", [], customer_key=KEY)
    part = drive(s3.upload_part(upload, 1, b"body", options=PutOptions(customer_key=KEY)))
    drive(s3.complete_multipart_upload(upload, [part]))
    assert read(s3, "key", customer_key=KEY) == b"body"


# --- tags, access, buckets -------------------------------------------------------------------------------------------


def test_tags_are_replaced_as_a_whole(s3: InMemoryTransport) -> None:
    put(s3, "key", tags={"a": "b"})
    drive(s3.put_object_tagging(ref("key"), {"c": "d"}))
    assert drive(s3.get_object_tagging(ref("key"))) == {"c": "d"}


def test_tags_belong_to_a_version(versioned: InMemoryTransport) -> None:
    old = put(versioned, "key", tags={"a": "b"})
    put(versioned, "key")
    assert drive(versioned.get_object_tagging(ref("key", old))) == {"a": "b"}


def test_tagging_changes_neither_etag_nor_date(s3: InMemoryTransport, clock: Clock) -> None:
    put(s3, "key")
    before = drive(s3.head_object(ref("key")))
    clock.now += SECOND
    drive(s3.put_object_tagging(ref("key"), {"c": "d"}))
    assert drive(s3.head_object(ref("key"))) == before


def test_too_many_tags_leave_the_old_ones(s3: InMemoryTransport) -> None:
    put(s3, "key", tags={"a": "b"})
    with pytest.raises(ValueError, match="0 to 10, got 11"):
        drive(s3.put_object_tagging(ref("key"), {str(number): "" for number in range(11)}))
    assert drive(s3.get_object_tagging(ref("key"))) == {"a": "b"}


def test_an_object_is_private_by_default(s3: InMemoryTransport) -> None:
    put(s3, "key")
    access = drive(s3.get_object_acl(ref("key")))
    assert access.grants == (Grant(access.owner or "", "FULL_CONTROL"),)


@pytest.mark.parametrize(
    ("acl", "group", "permissions"),
    [
        ("public-read", "AllUsers", ["READ"]),
        ("public-read-write", "AllUsers", ["READ", "WRITE"]),
        ("authenticated-read", "AuthenticatedUsers", ["READ"]),
    ],
)
def test_a_canned_acl_becomes_grants(s3: InMemoryTransport, acl: str, group: str, permissions: list[str]) -> None:
    put(s3, "key")
    drive(s3.put_object_acl(ref("key"), acl))
    grants = drive(s3.get_object_acl(ref("key"))).grants[1:]
    assert [(g.grantee.rpartition("/")[2], g.permission) for g in grants] == [(group, p) for p in permissions]


@pytest.mark.parametrize(
    "request_for",
    [
        lambda s3: s3.put_object_acl(ref("key"), "everybody"),
        lambda s3: s3.put_bucket_acl("bucket", "everybody"),
        lambda s3: s3.create_bucket("new-bucket", acl="everybody"),
    ],
)
def test_an_unknown_canned_acl_is_refused(
    s3: InMemoryTransport, request_for: Callable[[InMemoryTransport], Coroutine[Any, Any, None]]
) -> None:
    put(s3, "key")
    assert refusal(request_for(s3), S3InvalidRequestError) == ("InvalidArgument", 400)


def test_a_bucket_has_an_acl(s3: InMemoryTransport) -> None:
    drive(s3.put_bucket_acl("bucket", "public-read"))
    assert [grant.permission for grant in drive(s3.get_bucket_acl("bucket")).grants] == ["FULL_CONTROL", "READ"]


def test_a_created_bucket_is_there(s3: InMemoryTransport) -> None:
    drive(s3.create_bucket("another", region="eu-central-1", acl="public-read"))
    assert drive(s3.head_bucket("another")).region == "eu-central-1"


def test_a_bucket_cannot_be_created_twice(s3: InMemoryTransport) -> None:
    assert refusal(s3.create_bucket("bucket"), S3AlreadyExistsError) == ("BucketAlreadyOwnedByYou", 409)


@pytest.mark.parametrize("name", ["ab", "a" * 64, "Upper", "under_score", "-dash", "dot."])
def test_a_bucket_name_that_is_not_valid_is_refused(s3: InMemoryTransport, name: str) -> None:
    assert refusal(s3.create_bucket(name), S3InvalidRequestError) == ("InvalidBucketName", 400)


def test_an_empty_bucket_can_be_deleted(s3: InMemoryTransport) -> None:
    drive(s3.delete_bucket("bucket"))
    assert drive(s3.list_buckets()).buckets == ()


def test_a_bucket_with_objects_cannot_be_deleted(s3: InMemoryTransport) -> None:
    put(s3, "key")
    assert refusal(s3.delete_bucket("bucket"), S3ConflictError) == ("BucketNotEmpty", 409)


def test_a_bucket_with_old_versions_cannot_be_deleted(versioned: InMemoryTransport) -> None:
    put(versioned, "key")
    delete(versioned, "key")
    assert refusal(versioned.delete_bucket("bucket"), S3ConflictError) == ("BucketNotEmpty", 409)


def test_buckets_are_listed_by_name_in_pages(clock: Clock) -> None:
    s3 = InMemoryTransport(buckets=["ccc", "aaa", "bbb"], region="eu-west-1", clock=clock)
    first = drive(s3.list_buckets(max_buckets=2))
    second = drive(s3.list_buckets(max_buckets=2, token=first.next_token))
    assert [*first.buckets, *second.buckets] == [BucketInfo(name, "eu-west-1", NOON) for name in ("aaa", "bbb", "ccc")]


@pytest.mark.parametrize("status", [None, "Enabled", "Suspended"])
def test_the_state_of_versions_is_told(s3: InMemoryTransport, status: Any) -> None:
    if status is not None:
        drive(s3.put_bucket_versioning("bucket", status))
    assert drive(s3.get_bucket_versioning("bucket")) == status


def test_an_unknown_state_of_versions_is_a_value_error(s3: InMemoryTransport) -> None:
    status: Any = "Off"
    with pytest.raises(ValueError, match="got 'Off'"):
        drive(s3.put_bucket_versioning("bucket", status))


# --- what every request may carry ------------------------------------------------------------------------------------


def test_a_harmless_parameter_is_accepted(s3: InMemoryTransport) -> None:
    put(s3, "key", extra_args={"ChecksumAlgorithm": "CRC32"})


def test_an_unknown_parameter_is_named(s3: InMemoryTransport) -> None:
    with pytest.raises(S3NotSupportedError, match="'ObjectLockMode' of PutObject"):
        put(s3, "key", extra_args={"ObjectLockMode": "GOVERNANCE"})


def test_a_parameter_of_another_operation_is_refused(s3: InMemoryTransport) -> None:
    with pytest.raises(S3NotSupportedError, match="'FetchOwner' of ListObjectVersions"):
        versions_of(s3, options=RequestOptions(extra_args={"FetchOwner": True}))


def test_the_owner_that_is_expected_is_let_in(s3: InMemoryTransport) -> None:
    options = RequestOptions(expected_bucket_owner="123456789012", requester_pays=True)
    assert drive(s3.head_bucket("bucket", options=options)).name == "bucket"


def test_another_owner_than_the_expected_one_is_denied(s3: InMemoryTransport) -> None:
    options = RequestOptions(expected_bucket_owner="999999999999")
    assert refusal(s3.list_objects("bucket", options=options), S3PermissionError) == ("AccessDenied", 403)


# --- presigned URLs --------------------------------------------------------------------------------------------------


def test_a_presigned_url_tells_what_was_asked_for(s3: InMemoryTransport) -> None:
    options = RequestOptions(extra_args={"ResponseContentType": "text/csv"})
    url = drive(s3.presigned_url("get_object", ref("a/b c", "v1"), expires_in=60, options=options))
    assert url == (
        "memory://bucket/a/b%20c?operation=get_object&expires_in=60&version_id=v1&ResponseContentType=text%2Fcsv"
    )


def test_a_presigned_url_tells_who_pays_and_who_owns() -> None:
    options = RequestOptions(requester_pays=True, expected_bucket_owner="123456789012")
    url = drive(InMemoryTransport().presigned_url("get_object", ref("key"), options=options))
    assert url.endswith("&requester_pays=true&expected_bucket_owner=123456789012")


@pytest.mark.parametrize("expires_in", [0, MAX_PRESIGNED_SECONDS + 1])
def test_a_life_out_of_bounds_is_a_value_error(s3: InMemoryTransport, expires_in: int) -> None:
    with pytest.raises(ValueError, match=f"1 to 604800, got {expires_in}"):
        drive(s3.presigned_url("get_object", ref("key"), expires_in=expires_in))


def test_an_operation_that_cannot_be_signed_is_a_value_error(s3: InMemoryTransport) -> None:
    operation: Any = "list_objects"
    with pytest.raises(ValueError, match="got 'list_objects'"):
        drive(s3.presigned_url(operation, ref("key")))


@pytest.mark.parametrize("operation", ["get_object", "head_object", "put_object", "delete_object"])
def test_each_operation_can_be_signed_without_an_object(operation: PresignedOperation) -> None:
    url = drive(InMemoryTransport().presigned_url(operation, ref("key")))
    assert url == f"memory://bucket/key?operation={operation}&expires_in=3600"


# --- hooks -----------------------------------------------------------------------------------------------------------

ON_THE_KEY = ["get_object_range", "put_object", "copy_object", "create_multipart_upload", "get_object_tagging"]


@pytest.mark.parametrize("method", ON_THE_KEY)
def test_a_denied_key_is_denied(s3: InMemoryTransport, method: str) -> None:
    put(s3, "key")
    s3.deny("bucket", "key")
    assert refusal(EVERY_METHOD[method](s3), S3PermissionError) == ("AccessDenied", 403)


def test_a_denied_key_is_an_error_of_its_own_in_a_deletion(s3: InMemoryTransport) -> None:
    s3.deny("bucket", "key")
    errors = drive(s3.delete_objects("bucket", [ObjectKey("key")])).errors
    assert errors == (DeleteError("key", None, "AccessDenied", "Access denied"),)


def test_a_denied_key_is_not_deleted(s3: InMemoryTransport) -> None:
    put(s3, "key")
    s3.deny("bucket", "key")
    drive(s3.delete_objects("bucket", [ObjectKey("key")]))
    assert keys_of(s3) == ["key"]


def test_a_key_that_is_allowed_again_is_deleted(s3: InMemoryTransport) -> None:
    put(s3, "key")
    s3.deny("bucket", "key")
    s3.allow("bucket", "key")
    delete(s3, "key")
    assert keys_of(s3) == []


def test_other_keys_are_not_denied(s3: InMemoryTransport) -> None:
    put(s3, "other", b"body")
    s3.deny("bucket", "key")
    assert read(s3, "other") == b"body"


def test_a_transport_that_lacks_a_method_cannot_be_made() -> None:
    class Half(S3Transport):
        @override
        async def aclose(self) -> None:
            pass

    with pytest.raises(TypeError, match=r"abstract.*get_object_range"):
        Half()  # type: ignore[abstract]  # which a type checker says, too
