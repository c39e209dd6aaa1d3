"""The contract of `S3Transport` as tests: subclass `S3TransportTests` with one fixture, ``subject``.

::

    from pyathena.testing.conformance import S3TransportTests, TransportUnderTest

    class TestMyTransport(S3TransportTests):
        capabilities = S3TransportTests.capabilities - {"acl"}

        @pytest.fixture
        def subject(self) -> Iterator[TransportUnderTest]:
            with fresh_bucket() as bucket:
                transport = MyTransport()
                yield TransportUnderTest(transport=transport, bucket=bucket, put=..., get=...)
                asyncio.run(transport.aclose())

What a server cannot do is left out of ``capabilities``; a test that needs it is then skipped by that name. No plugin of
pytest is needed: a test that is a coroutine is run by ``subject.run``.

This module knows pytest, the standard library and `pyathena.transport` only.
"""

from __future__ import annotations

import array
import asyncio
import ctypes
import functools
import gc
import hashlib
import inspect
import pickle
import threading
import time
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar, Concatenate, Literal, ParamSpec, Protocol, TypeAlias, TypeVar, get_args

import pytest
from typing_extensions import Buffer

from pyathena.transport.errors import (
    S3AlreadyExistsError,
    S3ClosedError,
    S3ConflictError,
    S3Error,
    S3IncompleteReadError,
    S3InvalidRangeError,
    S3InvalidRequestError,
    S3NotFoundError,
    S3NotModifiedError,
    S3NotSupportedError,
    S3PermissionError,
    S3PreconditionError,
)
from pyathena.transport.protocol import PresignedOperation, S3Transport
from pyathena.transport.told import knowing_early
from pyathena.transport.values import (
    MAX_DELETE_KEYS,
    MAX_PAGE_SIZE,
    MAX_PARTS,
    MAX_PRESIGNED_SECONDS,
    MIN_PART_SIZE,
    ByteRange,
    CompletedPart,
    CopyOptions,
    CustomerKey,
    DeleteOptions,
    GetOptions,
    ListPage,
    MultipartUpload,
    ObjectKey,
    ObjectRange,
    ObjectRef,
    PutOptions,
    PutResult,
    RequestOptions,
    UploadPage,
    VersionPage,
)

__all__ = [
    "ALL_CAPABILITIES",
    "Capability",
    "Runner",
    "S3TransportTests",
    "StalledRead",
    "TransportUnderTest",
    "requires",
]

Capability: TypeAlias = Literal[
    "acl",
    "any_delimiter",
    "any_key",
    "bucket_pages",
    "bucket_regions",
    "complete_if_match",
    "conditional_copies",
    "conditional_reads",
    "conditional_writes",
    "copy_onto_itself",
    "delete_errors",
    "empty_tags",
    "invalid_range_size",
    "minimum_part_size",
    "multipart_etag",
    "no_such_upload",
    "part_copy",
    "part_copy_bounds",
    "part_reads",
    "presigned_urls",
    "range_status_206",
    "removed_markers",
    "replaced_metadata",
    "separate_parts",
    "sse_customer_keys",
    "tags",
    "upload_pages",
    "version_prefix_pages",
    "versions",
]
"""What S3 does and not every server of its kind.

* ``acl``: objects and buckets have ACLs.
* ``any_delimiter``: keys are rolled up at any delimiter, not only at a slash.
* ``any_key``: any key of 1 to 1024 bytes can be stored, also ``a//b``, ``..`` and ``a`` beside ``a/b``, which no
  directory holds.
* ``bucket_pages``: buckets are listed in pages.
* ``bucket_regions``: a bucket has a region, chosen on creating and told by HeadBucket.
* ``complete_if_match``: CompleteMultipartUpload heeds ``if_match``.
* ``conditional_copies``: ``source_if_match`` is heeded.
* ``conditional_reads``: HeadObject and GetObject heed their conditions.
* ``conditional_writes``: PutObject heeds its conditions, CompleteMultipartUpload ``if_none_match``.
* ``copy_onto_itself``: refused where nothing would change, and answered like every other copy where something does.
* ``delete_errors``: access can be denied key by key (the hook ``deny``), in DeleteObjects too.
* ``empty_tags``: PutObjectTagging takes no tags at all, and so removes them.
* ``invalid_range_size``: a 416 tells the size of the object.
* ``minimum_part_size``: parts of less than 5 MiB are refused, but for the last.
* ``multipart_etag``: the ETag of a multipart object is what completing answered: the MD5 of the parts' MD5s and ``-N``.
* ``no_such_upload``: a part of, or the completing of, an upload that is not there is a 404.
* ``part_copy``: UploadPartCopy.
* ``part_copy_bounds``: UploadPartCopy refuses a range that is not within the source.
* ``part_reads``: ``part_number`` reads one part of a multipart object.
* ``presigned_urls``: the URLs that the transport signs can be fetched over HTTP.
* ``range_status_206``: a range is answered with 206, not with 200 and a Content-Range.
* ``removed_markers``: DeleteObjects tells that what it removed was a delete marker.
* ``replaced_metadata``: a copy with ``metadata_directive="REPLACE"`` keeps none of the source's metadata.
* ``separate_parts``: parts stay apart until completing, so that one can be replaced or left out.
* ``sse_customer_keys``: objects can be encrypted with a key of the caller's (SSE-C).
* ``tags``: objects have tags.
* ``upload_pages``: open uploads are listed by key, and in pages.
* ``version_prefix_pages``: common prefixes count in the pages of a listing of versions.
* ``versions``: buckets can keep versions.
"""

ALL_CAPABILITIES: frozenset[Capability] = frozenset(get_args(Capability))
"""What S3 itself can do."""

T = TypeVar("T")
P = ParamSpec("P")


class Runner(Protocol):
    """Runs a coroutine to its end, as `asyncio.run` does."""

    def __call__(self, coroutine: Coroutine[Any, Any, T], /) -> T: ...


@dataclass(frozen=True, kw_only=True)
class StalledRead:
    """An endpoint that answers a GET of ``ref`` with all headers and the first ``sent`` bytes, and then waits.

    Args:
        transport: reads from that endpoint; made for this test and closed by it.
        ref: the object.
        data: the object's bytes.
        etag: the object's ETag.
        sent: how many bytes are sent before the endpoint waits; less than all.
        started: set when they are sent.
        release: lets the endpoint send the rest, and answer further requests without waiting.
        break_off: lets the endpoint close the connection instead.
        finished: set when either has happened, or the reader hung up.
    """

    transport: S3Transport
    ref: ObjectRef
    data: bytes
    etag: str
    sent: int
    started: threading.Event
    release: Callable[[], None]
    break_off: Callable[[], None]
    finished: threading.Event


@dataclass(frozen=True, kw_only=True)
class TransportUnderTest:
    """A transport, and what a test needs to look past it.

    Args:
        transport: the one to test; the fixture closes it.
        bucket: exists, is empty and not used by another test; at most 50 characters.
        put: writes an object into ``bucket``, not by way of the transport. Called while an event loop runs, as ``get``.
        get: reads one in the same way; None if there is none.
        deny: from now on nobody may read, write or delete this key; None without ``delete_errors``.
        run: runs a coroutine; a transport that never suspends may be driven without an event loop.
        sibling: a second transport of the same settings, or None.
        secrets: texts that must be seen nowhere, such as the secret key.
        stall: begins a `StalledRead`; None if there is no such endpoint.
    """

    transport: S3Transport
    bucket: str
    put: Callable[[str, bytes], None]
    get: Callable[[str], bytes | None]
    deny: Callable[[str], None] | None = None
    run: Runner = asyncio.run
    sibling: S3Transport | None = None
    secrets: Sequence[str] = ()
    stall: Callable[[], AbstractContextManager[StalledRead]] | None = None

    def ref(self, key: str, version_id: str | None = None) -> ObjectRef:
        """An object of the bucket."""
        return ObjectRef(self.bucket, key, version_id)


Suite = TypeVar("Suite", bound="S3TransportTests")
AsyncTest: TypeAlias = Callable[Concatenate[Suite, P], Coroutine[Any, Any, None]]


def _skip_without(suite: S3TransportTests, *needed: Capability) -> None:
    for capability in needed:
        if capability not in suite.capabilities:
            pytest.skip(f"capability {capability!r} is missing")


def requires(*needed: Capability) -> Callable[[AsyncTest[Suite, P]], AsyncTest[Suite, P]]:
    """Skip a test, by name, where one of these capabilities is missing."""

    def decorate(test: AsyncTest[Suite, P]) -> AsyncTest[Suite, P]:
        @functools.wraps(test)
        async def checked(self: Suite, /, *args: P.args, **kwargs: P.kwargs) -> None:
            _skip_without(self, *needed)
            await test(self, *args, **kwargs)

        return checked

    return decorate


def _run_by_subject(suite: type[Suite]) -> type[Suite]:
    """Make every test that is a coroutine function a plain one that ``subject.run`` runs."""

    def run_by_subject(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
        @functools.wraps(test)
        def run(self: S3TransportTests, subject: TransportUnderTest, **parameters: object) -> None:
            subject.run(test(self, subject=subject, **parameters))

        return run

    for name, test in list(vars(suite).items()):
        if name.startswith("test_") and inspect.iscoroutinefunction(test):
            setattr(suite, name, run_by_subject(test))
    return suite


# --- what the tests have in common ---------------------------------------------------------------

_DIGITS = b"0123456789"


class _Pair(ctypes.Structure):
    """A buffer whose items have a format that `memoryview.cast` does not know."""

    _fields_ = (("one", ctypes.c_int), ("two", ctypes.c_double))


_LONG_AGO = datetime(2001, 1, 1, tzinfo=UTC)
_PAGE_LIMIT = 100  # a listing that goes on longer never ends
_ALL_USERS = "http://acs.amazonaws.com/groups/global/AllUsers"

_KEYS = [
    "a b",
    " a ",
    "a+b",
    "a%20b",
    "%",
    "\u00fc",  # composed (NFC)
    "u\u0308",  # decomposed (NFD): another key
    "\uffee/\U0001f600",
    "#?&=;",
    "?versionId=x",
    "<&>\"'",
    "a\\b",
    "a:b*|",
    "~!$(),@^`{}[]",
    "table/year=2026/part-0.parquet",
]
_KEYS_NO_DIRECTORY_HOLDS = ["a//b", "/a", "//", "a/", ".", "..", "./a", "a/../b", "x" * 1024, "\u00fc" * 512]


def _pattern(size: int, seed: int = 0) -> bytes:
    """Bytes that tell where they belong: no two ranges that a test compares are alike."""
    period = bytes((value + seed) % 251 for value in range(251))
    return (period * (size // 251 + 1))[:size]


@contextmanager
def _refused(*words: object) -> Iterator[None]:
    """What is inside is refused unsent: with a plain ValueError, which names the value and the bound."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the words below are what is to match
        yield
    assert not isinstance(caught.value, S3Error), f"sent, though it was to be refused: {caught.value!r}"
    for word in words:
        assert str(word) in str(caught.value)


async def _read(subject: TransportUnderTest, key: str, version_id: str | None = None) -> bytes:
    answer = await subject.transport.get_object_range(subject.ref(key, version_id), ByteRange(0))
    return bytes(answer.data)


async def _put(
    subject: TransportUnderTest, key: str, body: Buffer = b"x", options: PutOptions | None = None
) -> PutResult:
    return await subject.transport.put_object(subject.ref(key), body, options=options or PutOptions())


async def _upload(
    subject: TransportUnderTest, key: str, *bodies: Buffer, options: PutOptions | None = None
) -> tuple[MultipartUpload, list[CompletedPart]]:
    """Begin an upload and upload parts 1, 2 …"""
    upload = await subject.transport.create_multipart_upload(subject.ref(key), options=options or PutOptions())
    parts = [await subject.transport.upload_part(upload, number, body) for number, body in enumerate(bodies, 1)]
    return upload, parts


class _Page(Protocol):
    @property
    def next_token(self) -> str | None: ...


PageT = TypeVar("PageT", bound=_Page)


async def _pages(fetch: Callable[[str | None], Awaitable[PageT]]) -> list[PageT]:
    """All pages of a listing."""
    pages: list[PageT] = []
    token: str | None = None
    while True:
        pages.append(await fetch(token))
        token = pages[-1].next_token
        if token is None:
            return pages
        assert len(pages) < _PAGE_LIMIT, "the listing never ends"


def _names(page: ListPage) -> list[str]:
    """Keys and common prefixes of a page, in the order in which S3 counts them."""
    return sorted([summary.key for summary in page.objects] + list(page.prefixes), key=str.encode)


async def _list(subject: TransportUnderTest, **arguments: Any) -> list[str]:
    page = await subject.transport.list_objects(subject.bucket, **arguments)
    assert page.next_token is None
    return _names(page)


async def _versions(subject: TransportUnderTest, **arguments: Any) -> VersionPage:
    return await subject.transport.list_object_versions(subject.bucket, **arguments)


async def _put_tree(subject: TransportUnderTest) -> None:
    for key in ("a", "d/1", "d/2", "d/e/3", "d/e/4", "d/f/5", "d-1", "f", "g/6", "\u00fc/7"):
        subject.put(key, b"")


async def _put_versions(subject: TransportUnderTest, key: str, *bodies: bytes) -> list[str]:
    await subject.transport.put_bucket_versioning(subject.bucket, "Enabled")
    ids = [(await _put(subject, key, body)).version_id for body in bodies]
    assert None not in ids
    assert len(set(ids)) == len(bodies)
    return [version_id for version_id in ids if version_id is not None]


@asynccontextmanager
async def _other_bucket(
    subject: TransportUnderTest, *, region: str | None = None, acl: str | None = None
) -> AsyncIterator[str]:
    """A second bucket, which is emptied and deleted afterwards."""
    bucket, transport = f"{subject.bucket}-other", subject.transport
    await transport.create_bucket(bucket, region=region, acl=acl)
    try:
        yield bucket
    finally:
        with suppress(S3NotFoundError):
            page = await transport.list_objects(bucket)
            if page.objects:
                await transport.delete_objects(bucket, [ObjectKey(summary.key) for summary in page.objects])
            await transport.delete_bucket(bucket)


def _in_threads(subject: TransportUnderTest, coroutines: Sequence[Coroutine[Any, Any, T]]) -> list[T | S3Error]:
    """What each of the coroutines returns or raises, all run at once, each in a thread of its own."""
    barrier = threading.Barrier(len(coroutines))

    def run(coroutine: Coroutine[Any, Any, T]) -> T | S3Error:
        barrier.wait(timeout=10)
        try:
            return subject.run(coroutine)
        except S3Error as error:
            return error

    with ThreadPoolExecutor(len(coroutines)) as pool:
        return list(pool.map(run, coroutines))


def _check_error(error: S3Error, subject: TransportUnderTest, operation: str, bucket: str, key: str | None) -> None:
    """What holds for every error of a transport."""
    assert error.operation == operation
    assert error.bucket == bucket
    assert error.key == key
    assert bucket in str(error)
    assert key is None or key in str(error)
    for secret in subject.secrets:
        assert secret not in str(error)
        assert secret not in repr(error)
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert copy.args == error.args
    assert vars(copy) == vars(error)


async def _check_key(subject: TransportUnderTest, key: str) -> None:
    """A key means the same to every method, and to the server."""
    data, copy = key.encode(), f"{key}2" if len(key.encode()) < 1024 else "2"
    put = await _put(subject, key, data)
    assert subject.get(key) == data
    info = await subject.transport.head_object(subject.ref(key))
    assert (info.key, info.size, info.etag) == (key, len(data), put.etag)
    assert await _read(subject, key) == data
    assert await _list(subject) == [key]
    assert await _list(subject, prefix=key) == [key]
    await subject.transport.copy_object(subject.ref(key), subject.ref(copy))
    assert subject.get(copy) == data
    result = await subject.transport.delete_objects(subject.bucket, [ObjectKey(key), ObjectKey(copy)])
    assert {deleted.key for deleted in result.deleted} == {key, copy}
    assert result.errors == ()
    assert subject.get(key) is None
    assert await _list(subject) == []


# One call of every method: what S3 calls it, whether it is about a key, and how to make it.
_Call: TypeAlias = Callable[[S3Transport, str, Mapping[str, object]], Coroutine[Any, Any, object]]
_KEY = "no such key"


def _ref(bucket: str) -> ObjectRef:
    return ObjectRef(bucket, _KEY)


def _no_upload(bucket: str) -> MultipartUpload:
    return MultipartUpload(bucket, _KEY, "no-such-upload")


_PART_ONE = CompletedPart(1, '"d41d8cd98f00b204e9800998ecf8427e"')
_CALLS: Mapping[str, tuple[str, bool, _Call]] = {
    "head_object": ("HeadObject", True, lambda t, b, x: t.head_object(_ref(b), options=GetOptions(extra_args=x))),
    "get_object_range": (
        "GetObject",
        True,
        lambda t, b, x: t.get_object_range(_ref(b), ByteRange(0, 5), options=GetOptions(extra_args=x)),
    ),
    "put_object": ("PutObject", True, lambda t, b, x: t.put_object(_ref(b), b"x", options=PutOptions(extra_args=x))),
    "copy_object": (
        "CopyObject",
        True,
        lambda t, b, x: t.copy_object(ObjectRef(b, "source"), _ref(b), options=CopyOptions(extra_args=x)),
    ),
    "create_multipart_upload": (
        "CreateMultipartUpload",
        True,
        lambda t, b, x: t.create_multipart_upload(_ref(b), options=PutOptions(extra_args=x)),
    ),
    "upload_part": (
        "UploadPart",
        True,
        lambda t, b, x: t.upload_part(_no_upload(b), 1, b"x", options=PutOptions(extra_args=x)),
    ),
    "upload_part_copy": (
        "UploadPartCopy",
        True,
        lambda t, b, x: t.upload_part_copy(
            _no_upload(b), 1, ObjectRef(b, "source"), ByteRange(0, 1), options=CopyOptions(extra_args=x)
        ),
    ),
    "complete_multipart_upload": (
        "CompleteMultipartUpload",
        True,
        lambda t, b, x: t.complete_multipart_upload(_no_upload(b), [_PART_ONE], options=PutOptions(extra_args=x)),
    ),
    "abort_multipart_upload": (
        "AbortMultipartUpload",
        True,
        lambda t, b, x: t.abort_multipart_upload(_no_upload(b), options=RequestOptions(extra_args=x)),
    ),
    "list_multipart_uploads": (
        "ListMultipartUploads",
        False,
        lambda t, b, x: t.list_multipart_uploads(b, options=RequestOptions(extra_args=x)),
    ),
    "delete_objects": (
        "DeleteObjects",
        False,
        lambda t, b, x: t.delete_objects(b, [ObjectKey(_KEY)], options=DeleteOptions(extra_args=x)),
    ),
    "list_objects": (
        "ListObjectsV2",
        False,
        lambda t, b, x: t.list_objects(b, options=RequestOptions(extra_args=x)),
    ),
    "list_object_versions": (
        "ListObjectVersions",
        False,
        lambda t, b, x: t.list_object_versions(b, options=RequestOptions(extra_args=x)),
    ),
    "list_buckets": ("ListBuckets", False, lambda t, b, x: t.list_buckets(options=RequestOptions(extra_args=x))),
    "get_object_tagging": (
        "GetObjectTagging",
        True,
        lambda t, b, x: t.get_object_tagging(_ref(b), options=RequestOptions(extra_args=x)),
    ),
    "put_object_tagging": (
        "PutObjectTagging",
        True,
        lambda t, b, x: t.put_object_tagging(_ref(b), {"a": "b"}, options=RequestOptions(extra_args=x)),
    ),
    "get_object_acl": (
        "GetObjectAcl",
        True,
        lambda t, b, x: t.get_object_acl(_ref(b), options=RequestOptions(extra_args=x)),
    ),
    "put_object_acl": (
        "PutObjectAcl",
        True,
        lambda t, b, x: t.put_object_acl(_ref(b), "private", options=RequestOptions(extra_args=x)),
    ),
    "get_bucket_versioning": (
        "GetBucketVersioning",
        False,
        lambda t, b, x: t.get_bucket_versioning(b, options=RequestOptions(extra_args=x)),
    ),
    "head_bucket": ("HeadBucket", False, lambda t, b, x: t.head_bucket(b, options=RequestOptions(extra_args=x))),
    "create_bucket": (
        "CreateBucket",
        False,
        lambda t, b, x: t.create_bucket(b, options=RequestOptions(extra_args=x)),
    ),
    "delete_bucket": ("DeleteBucket", False, lambda t, b, x: t.delete_bucket(b, options=RequestOptions(extra_args=x))),
    "get_bucket_acl": (
        "GetBucketAcl",
        False,
        lambda t, b, x: t.get_bucket_acl(b, options=RequestOptions(extra_args=x)),
    ),
    "put_bucket_acl": (
        "PutBucketAcl",
        False,
        lambda t, b, x: t.put_bucket_acl(b, "private", options=RequestOptions(extra_args=x)),
    ),
    "put_bucket_versioning": (
        "PutBucketVersioning",
        False,
        lambda t, b, x: t.put_bucket_versioning(b, "Enabled", options=RequestOptions(extra_args=x)),
    ),
    "presigned_url": (
        "GetObject",
        True,
        lambda t, b, x: t.presigned_url("get_object", _ref(b), options=RequestOptions(extra_args=x)),
    ),
}
# Methods that a bucket which is not there does not trouble.
_WITHOUT_BUCKET = {"create_bucket", "list_buckets", "presigned_url"}
# Methods that a server must know before it can say that the bucket is not there.
_KNOWN_WITH: Mapping[str, Capability] = {
    "upload_part": "no_such_upload",
    "upload_part_copy": "part_copy",
    "complete_multipart_upload": "no_such_upload",
    "list_object_versions": "versions",
    "put_bucket_versioning": "versions",
    "get_object_tagging": "tags",
    "put_object_tagging": "tags",
    "get_object_acl": "acl",
    "put_object_acl": "acl",
    "get_bucket_acl": "acl",
    "put_bucket_acl": "acl",
}


def _call(name: str, transport: S3Transport, bucket: str, **extra_args: object) -> Coroutine[Any, Any, object]:
    return _CALLS[name][2](transport, bucket, extra_args)


@_run_by_subject
class S3TransportTests:
    """The contract of `S3Transport`. Subclass it with a fixture ``subject`` that returns a `TransportUnderTest`."""

    capabilities: ClassVar[frozenset[Capability]] = ALL_CAPABILITIES
    """What the server behind the transport can do; S3 itself can do everything."""

    # --- head_object -----------------------------------------------------------------------------

    async def test_head_tells_size_etag_and_time(self, subject: TransportUnderTest) -> None:
        subject.put("key", _DIGITS)
        info = await subject.transport.head_object(subject.ref("key"))
        assert info.key == "key"
        assert info.size == 10
        assert info.etag == f'"{hashlib.md5(_DIGITS).hexdigest()}"'
        assert info.last_modified is not None
        assert info.last_modified.tzinfo is not None

    async def test_head_tells_what_was_put_with_the_object(self, subject: TransportUnderTest) -> None:
        given = PutOptions(
            content_type="text/csv; charset=utf-8",
            content_encoding="identity",
            content_disposition='attachment; filename="a.csv"',
            content_language="de",
            cache_control="max-age=60",
            metadata={"Name": "some value", "other-name": "1"},
        )
        await _put(subject, "key", options=given)
        info = await subject.transport.head_object(subject.ref("key"))
        assert info.content_type == given.content_type
        assert info.content_encoding == given.content_encoding
        assert info.content_disposition == given.content_disposition
        assert info.content_language == given.content_language
        assert info.cache_control == given.cache_control
        # The names are lower-cased; a server may add some of its own.
        assert {"name": "some value", "other-name": "1"}.items() <= info.metadata.items()

    async def test_head_tells_how_an_object_is_stored(self, subject: TransportUnderTest) -> None:
        await _put(subject, "key", options=PutOptions(storage_class="STANDARD_IA", server_side_encryption="AES256"))
        info = await subject.transport.head_object(subject.ref("key"))
        assert (info.storage_class, info.server_side_encryption) == ("STANDARD_IA", "AES256")

    async def test_head_of_an_empty_object_tells_size_zero(self, subject: TransportUnderTest) -> None:
        subject.put("key", b"")
        assert (await subject.transport.head_object(subject.ref("key"))).size == 0

    async def test_head_of_a_missing_key_is_not_found(self, subject: TransportUnderTest) -> None:
        with pytest.raises(S3NotFoundError) as caught:
            await subject.transport.head_object(subject.ref("missing"))
        _check_error(caught.value, subject, "HeadObject", subject.bucket, "missing")
        assert caught.value.status == 404

    # --- get_object_range ------------------------------------------------------------------------

    @pytest.mark.parametrize(
        ("start", "stop"),
        [
            (0, None),
            (0, 10),
            (0, 1),
            (3, 7),
            (3, None),
            (9, 10),
            (9, None),
            (0, 11),
            (5, 100),
            (9, 2**40),
        ],
    )
    async def test_a_range_is_the_slice_of_the_object(
        self, subject: TransportUnderTest, start: int, stop: int | None
    ) -> None:
        subject.put("key", _DIGITS)
        answer = await subject.transport.get_object_range(subject.ref("key"), ByteRange(start, stop))
        assert bytes(answer.data) == _DIGITS[start:stop]
        assert answer.start == start
        assert answer.size == len(_DIGITS[start:stop])
        assert answer.object_size == 10
        assert answer.etag == f'"{hashlib.md5(_DIGITS).hexdigest()}"'

    @pytest.mark.parametrize(("start", "stop"), [(10, None), (10, 11), (50, 60)])
    async def test_a_range_behind_the_end_is_invalid(
        self, subject: TransportUnderTest, start: int, stop: int | None
    ) -> None:
        subject.put("key", _DIGITS)
        with pytest.raises(S3InvalidRangeError) as caught:
            await subject.transport.get_object_range(subject.ref("key"), ByteRange(start, stop))
        _check_error(caught.value, subject, "GetObject", subject.bucket, "key")
        assert isinstance(caught.value, ValueError)
        assert caught.value.status == 416
        assert caught.value.object_size in ({10} if "invalid_range_size" in self.capabilities else {10, None})

    @pytest.mark.parametrize(("start", "stop"), [(0, None), (0, 1), (0, 100), (1, None)])
    async def test_every_range_of_an_empty_object_is_invalid(
        self, subject: TransportUnderTest, start: int, stop: int | None
    ) -> None:
        subject.put("key", b"")
        with pytest.raises(S3InvalidRangeError) as caught:
            await subject.transport.get_object_range(subject.ref("key"), ByteRange(start, stop))
        assert caught.value.object_size in ({0} if "invalid_range_size" in self.capabilities else {0, None})

    async def test_a_range_of_a_missing_key_is_not_found(self, subject: TransportUnderTest) -> None:
        with pytest.raises(S3NotFoundError) as caught:
            await subject.transport.get_object_range(subject.ref("missing"), ByteRange(100, 200))
        _check_error(caught.value, subject, "GetObject", subject.bucket, "missing")

    async def test_what_a_range_tells_of_the_object_is_true(self, subject: TransportUnderTest) -> None:
        await _put(subject, "key", _DIGITS, PutOptions(content_type="text/plain"))
        answer = await subject.transport.get_object_range(subject.ref("key"), ByteRange(2, 4))
        if answer.info is not None:
            assert answer.info.key == "key"
            assert answer.info.size == 10
            assert answer.info.etag == answer.etag
            assert answer.info.content_type == "text/plain"

    async def test_every_byte_of_a_larger_object_arrives(self, subject: TransportUnderTest) -> None:
        data = _pattern(3_000_001)
        subject.put("key", data)
        assert await _read(subject, "key") == data
        answer = await subject.transport.get_object_range(subject.ref("key"), ByteRange(1_000_000, 2_500_000))
        assert bytes(answer.data) == data[1_000_000:2_500_000]

    # --- get_object_range(into=…) ----------------------------------------------------------------

    @pytest.mark.parametrize(
        ("start", "stop", "length"),
        [(2, 6, 4), (2, 6, 9), (2, None, 8), (2, None, 20), (5, 100, 95), (0, 10, 10)],
    )
    async def test_a_range_lands_in_the_buffer(
        self, subject: TransportUnderTest, start: int, stop: int | None, length: int
    ) -> None:
        subject.put("key", _DIGITS)
        buffer = bytearray(b"." * length)
        answer = await subject.transport.get_object_range(
            subject.ref("key"), ByteRange(start, stop), into=memoryview(buffer)
        )
        expected = _DIGITS[start:stop]
        assert answer.size == len(expected)
        assert buffer == expected + b"." * (length - len(expected))
        assert isinstance(answer.data, memoryview)
        assert answer.data.obj is buffer
        assert answer.data == expected

    async def test_what_is_told_before_the_bytes_come_is_in_the_answer(self, subject: TransportUnderTest) -> None:
        """It need not be told (`pyathena.transport.told.tell_object`)."""
        subject.put("key", _DIGITS)
        told: list[object] = []
        with knowing_early(lambda *early: told.append(early)):
            answer = await subject.transport.get_object_range(subject.ref("key"), ByteRange(2, 4))
        assert told in ([], [(answer.object_size, answer.etag, answer.version_id)])

    async def test_disjoint_slices_of_one_buffer_make_up_the_object(self, subject: TransportUnderTest) -> None:
        data = _pattern(10_000)
        subject.put("key", data)
        buffer = bytearray(len(data))
        for start in range(0, len(data), 3000):
            stop = min(start + 3000, len(data))
            await subject.transport.get_object_range(
                subject.ref("key"), ByteRange(start, stop), into=memoryview(buffer)[start:stop]
            )
        assert buffer == data

    async def test_a_buffer_is_let_go_of_when_the_call_has_returned(self, subject: TransportUnderTest) -> None:
        subject.put("key", _DIGITS)
        buffer = bytearray(10)
        with memoryview(buffer) as into:
            answer = await subject.transport.get_object_range(subject.ref("key"), ByteRange(0), into=into)
            assert isinstance(answer.data, memoryview)
            answer.data.release()
        gc.collect()
        buffer.append(0)  # a BufferError if a view of it were alive

    @pytest.mark.parametrize(
        ("into", "byte_range"),
        [
            pytest.param(memoryview(bytes(10)), ByteRange(0, 10), id="read-only"),
            pytest.param(memoryview(bytearray(9)), ByteRange(0, 10), id="shorter than the range"),
            pytest.param(memoryview(bytearray(0)), ByteRange(0, 1), id="empty"),
            pytest.param(memoryview(bytearray(20))[::2], ByteRange(0, 10), id="not contiguous"),
            pytest.param(memoryview(array.array("I", range(10))), ByteRange(0, 10), id="not single bytes"),
        ],
    )
    async def test_a_buffer_that_cannot_take_the_range_is_refused_unsent(
        self, subject: TransportUnderTest, into: memoryview, byte_range: ByteRange
    ) -> None:
        with _refused():  # and not S3NotFoundError: nothing was asked
            await subject.transport.get_object_range(subject.ref("missing"), byte_range, into=into)

    async def test_a_buffer_too_short_for_an_open_range_is_refused(self, subject: TransportUnderTest) -> None:
        subject.put("key", _DIGITS)
        buffer = bytearray(b"." * 20)
        with pytest.raises(ValueError):  # noqa: PT011 - the size is known from the answer only
            await subject.transport.get_object_range(subject.ref("key"), ByteRange(3), into=memoryview(buffer)[:6])
        assert buffer[6:] == b"." * 14

    # --- conditions on reads ---------------------------------------------------------------------

    @requires("conditional_reads")
    async def test_reads_heed_if_match(self, subject: TransportUnderTest) -> None:
        subject.put("key", _DIGITS)
        etag = (await subject.transport.head_object(subject.ref("key"))).etag
        same, other = GetOptions(if_match=etag), GetOptions(if_match='"0123456789abcdef0123456789abcdef"')
        assert (await subject.transport.head_object(subject.ref("key"), options=same)).etag == etag
        answer = await subject.transport.get_object_range(subject.ref("key"), ByteRange(2, 4), options=same)
        assert answer.data == b"23"
        with pytest.raises(S3PreconditionError) as caught:
            await subject.transport.head_object(subject.ref("key"), options=other)
        _check_error(caught.value, subject, "HeadObject", subject.bucket, "key")
        assert caught.value.status == 412
        with pytest.raises(S3PreconditionError) as caught:
            await subject.transport.get_object_range(subject.ref("key"), ByteRange(2, 4), options=other)
        _check_error(caught.value, subject, "GetObject", subject.bucket, "key")

    @requires("conditional_reads")
    async def test_a_missing_key_is_not_found_whatever_the_condition(self, subject: TransportUnderTest) -> None:
        with pytest.raises(S3NotFoundError):
            await subject.transport.get_object_range(
                subject.ref("missing"), ByteRange(0), options=GetOptions(if_match='"0"')
            )

    @requires("conditional_reads")
    async def test_reads_heed_if_none_match(self, subject: TransportUnderTest) -> None:
        subject.put("key", _DIGITS)
        etag = (await subject.transport.head_object(subject.ref("key"))).etag
        same, other = GetOptions(if_none_match=etag), GetOptions(if_none_match='"other"')
        assert (await subject.transport.head_object(subject.ref("key"), options=other)).etag == etag
        answer = await subject.transport.get_object_range(subject.ref("key"), ByteRange(0), options=other)
        assert answer.data == _DIGITS
        with pytest.raises(S3NotModifiedError) as caught:
            await subject.transport.head_object(subject.ref("key"), options=same)
        _check_error(caught.value, subject, "HeadObject", subject.bucket, "key")
        assert caught.value.status == 304
        with pytest.raises(S3NotModifiedError) as caught:
            await subject.transport.get_object_range(subject.ref("key"), ByteRange(0), options=same)
        _check_error(caught.value, subject, "GetObject", subject.bucket, "key")

    @requires("conditional_reads")
    async def test_reads_heed_the_time_of_modification(self, subject: TransportUnderTest) -> None:
        subject.put("key", _DIGITS)
        ref, transport = subject.ref("key"), subject.transport
        modified = (await transport.head_object(ref)).last_modified
        for options in (GetOptions(if_modified_since=_LONG_AGO), GetOptions(if_unmodified_since=modified)):
            assert (await transport.head_object(ref, options=options)).size == 10
            assert (await transport.get_object_range(ref, ByteRange(0), options=options)).size == 10
        with pytest.raises(S3NotModifiedError):
            await transport.head_object(ref, options=GetOptions(if_modified_since=modified))
        with pytest.raises(S3PreconditionError):
            await transport.get_object_range(ref, ByteRange(0), options=GetOptions(if_unmodified_since=_LONG_AGO))

    # --- put_object ------------------------------------------------------------------------------

    @pytest.mark.parametrize("key", _KEYS)
    async def test_a_key_is_the_same_to_every_method(self, subject: TransportUnderTest, key: str) -> None:
        await _check_key(subject, key)

    @requires("any_key")
    @pytest.mark.parametrize("key", _KEYS_NO_DIRECTORY_HOLDS, ids=lambda key: repr(key[:10]))
    async def test_a_key_that_no_directory_holds_is_the_same_to_every_method(
        self, subject: TransportUnderTest, key: str
    ) -> None:
        await _check_key(subject, key)

    async def test_composed_and_decomposed_letters_are_two_keys(self, subject: TransportUnderTest) -> None:
        await _put(subject, "\u00fc", b"composed")
        await _put(subject, "u\u0308", b"decomposed")
        assert (subject.get("\u00fc"), subject.get("u\u0308")) == (b"composed", b"decomposed")

    @pytest.mark.parametrize(
        "body",
        [
            pytest.param(_DIGITS, id="bytes"),
            pytest.param(bytearray(_DIGITS), id="bytearray"),
            pytest.param(memoryview(_DIGITS), id="read-only view"),
            pytest.param(memoryview(bytearray(_DIGITS)), id="writable view"),
            pytest.param(memoryview(b"..0123456789..")[2:12], id="slice"),
            pytest.param(array.array("H", range(1000)), id="array of two-byte items"),
            pytest.param(memoryview(array.array("Q", range(1000)))[10:20], id="slice of eight-byte items"),
            pytest.param(memoryview(_DIGITS).cast("B", (2, 5)), id="two dimensions"),
            pytest.param(_Pair(1, 2), id="items of a format of its own"),
            pytest.param(array.array("d"), id="no eight-byte items"),
            pytest.param(b"", id="empty bytes"),
            pytest.param(memoryview(b""), id="empty view"),
        ],
    )
    async def test_any_buffer_is_a_body(self, subject: TransportUnderTest, body: Buffer) -> None:
        expected = memoryview(body).tobytes()
        await _put(subject, "put", body)
        assert subject.get("put") == expected
        upload, parts = await _upload(subject, "part", body)
        await subject.transport.complete_multipart_upload(upload, parts)
        assert subject.get("part") == expected

    async def test_a_body_that_is_not_contiguous_is_refused_unsent(self, subject: TransportUnderTest) -> None:
        body = memoryview(_DIGITS)[::2]
        with _refused("contiguous"):
            await _put(subject, "key", body)
        with _refused("contiguous"):
            await subject.transport.upload_part(_no_upload(subject.bucket), 1, body)
        assert subject.get("key") is None

    async def test_a_body_is_the_callers_again_when_the_call_has_returned(self, subject: TransportUnderTest) -> None:
        body = bytearray(_DIGITS)
        await _put(subject, "key", body)
        gc.collect()
        body[:] = b"overwritten, and longer"  # a BufferError if a view of it were alive
        assert subject.get("key") == _DIGITS

    async def test_put_answers_the_etag_that_reads_tell(self, subject: TransportUnderTest) -> None:
        result = await _put(subject, "key", _DIGITS)
        assert result.etag[0] == result.etag[-1] == '"'
        assert (await subject.transport.head_object(subject.ref("key"))).etag == result.etag
        assert (await subject.transport.get_object_range(subject.ref("key"), ByteRange(0))).etag == result.etag
        assert (await subject.transport.list_objects(subject.bucket)).objects[0].etag == result.etag

    async def test_put_replaces_an_object(self, subject: TransportUnderTest) -> None:
        first = await _put(subject, "key", b"a long first body", PutOptions(content_type="text/plain"))
        second = await _put(subject, "key", b"second")
        assert subject.get("key") == b"second"
        assert second.etag != first.etag
        assert (await subject.transport.head_object(subject.ref("key"))).content_type != "text/plain"

    async def test_put_refuses_a_version(self, subject: TransportUnderTest) -> None:
        with _refused("version"):
            await subject.transport.put_object(subject.ref("key", "version"), b"")

    def test_writes_at_the_same_time_leave_one_of_them_whole(self, subject: TransportUnderTest) -> None:
        bodies = [bytes([number]) * 200_000 for number in range(4)]
        results = _in_threads(subject, [_put(subject, "key", body) for body in bodies])
        for result in results:  # a server may fail for the moment: moto does, when it is written to from four sides
            assert isinstance(result, PutResult) or result.retryable
        assert any(isinstance(result, PutResult) for result in results)
        assert subject.get("key") in bodies

    # --- conditions on writes --------------------------------------------------------------------

    @requires("conditional_writes")
    async def test_put_if_none_match_writes_only_where_no_object_is(self, subject: TransportUnderTest) -> None:
        options = PutOptions(if_none_match="*")
        await _put(subject, "key", b"first", options)
        with pytest.raises(S3AlreadyExistsError) as caught:
            await _put(subject, "key", b"second", options)
        _check_error(caught.value, subject, "PutObject", subject.bucket, "key")
        assert isinstance(caught.value, FileExistsError)
        assert caught.value.status == 412
        assert subject.get("key") == b"first"

    def test_one_of_several_put_if_none_match_at_once_writes(self, subject: TransportUnderTest) -> None:
        _skip_without(self, "conditional_writes")
        bodies = [bytes([number]) * 1000 for number in range(8)]
        once = PutOptions(if_none_match="*")
        results = _in_threads(subject, [_put(subject, "key", body, once) for body in bodies])
        [winner] = [body for body, result in zip(bodies, results, strict=True) if isinstance(result, PutResult)]
        assert subject.get("key") == winner
        losers = [result for result in results if not isinstance(result, PutResult)]
        assert all(isinstance(loser, (S3AlreadyExistsError, S3ConflictError)) for loser in losers)

    @requires("conditional_writes")
    async def test_put_if_match_writes_only_over_that_object(self, subject: TransportUnderTest) -> None:
        etag = (await _put(subject, "key", b"first")).etag
        etag2 = (await _put(subject, "key", b"second", PutOptions(if_match=etag))).etag
        with pytest.raises(S3PreconditionError) as caught:
            await _put(subject, "key", b"third", PutOptions(if_match=etag))
        _check_error(caught.value, subject, "PutObject", subject.bucket, "key")
        assert subject.get("key") == b"second"
        assert (await subject.transport.head_object(subject.ref("key"))).etag == etag2

    @requires("conditional_writes")
    async def test_put_if_match_without_an_object_is_not_found(self, subject: TransportUnderTest) -> None:
        with pytest.raises(S3NotFoundError):
            await _put(subject, "key", b"x", PutOptions(if_match='"d41d8cd98f00b204e9800998ecf8427e"'))
        assert subject.get("key") is None

    # --- options of writes -----------------------------------------------------------------------

    @requires("sse_customer_keys")
    async def test_an_object_under_a_key_of_the_callers_is_read_with_that_key_only(
        self, subject: TransportUnderTest
    ) -> None:
        right, wrong = CustomerKey(bytes(range(32))), CustomerKey(bytes(32))
        await _put(subject, "key", _DIGITS, PutOptions(customer_key=right))
        answer = await subject.transport.get_object_range(
            subject.ref("key"), ByteRange(0), options=GetOptions(customer_key=right)
        )
        assert answer.data == _DIGITS
        for options in (GetOptions(), GetOptions(customer_key=wrong)):
            with pytest.raises((S3InvalidRequestError, S3PermissionError)):
                await subject.transport.get_object_range(subject.ref("key"), ByteRange(0), options=options)

    # --- copy_object -----------------------------------------------------------------------------

    async def test_copy_brings_bytes_headers_and_metadata(self, subject: TransportUnderTest) -> None:
        await _put(subject, "source", _DIGITS, PutOptions(content_type="text/csv", metadata={"name": "value"}))
        result = await subject.transport.copy_object(subject.ref("source"), subject.ref("target"))
        assert subject.get("target") == _DIGITS
        info = await subject.transport.head_object(subject.ref("target"))
        assert info.etag == result.etag
        assert info.content_type == "text/csv"
        assert info.metadata["name"] == "value"

    async def test_copy_with_replace_takes_the_headers_and_metadata_given(self, subject: TransportUnderTest) -> None:
        await _put(subject, "source", _DIGITS, PutOptions(content_type="text/csv", metadata={"name": "value"}))
        options = CopyOptions(metadata_directive="REPLACE", content_type="text/plain", metadata={"other": "value"})
        await subject.transport.copy_object(subject.ref("source"), subject.ref("target"), options=options)
        info = await subject.transport.head_object(subject.ref("target"))
        assert info.content_type == "text/plain"
        assert info.metadata["other"] == "value"
        assert subject.get("target") == _DIGITS

    @requires("replaced_metadata")
    async def test_copy_with_replace_drops_the_metadata_of_the_source(self, subject: TransportUnderTest) -> None:
        await _put(subject, "source", _DIGITS, PutOptions(metadata={"name": "value"}))
        options = CopyOptions(metadata_directive="REPLACE", metadata={"other": "value"})
        await subject.transport.copy_object(subject.ref("source"), subject.ref("target"), options=options)
        assert (await subject.transport.head_object(subject.ref("target"))).metadata == {"other": "value"}

    async def test_copy_between_buckets(self, subject: TransportUnderTest) -> None:
        async with _other_bucket(subject) as bucket:
            subject.put("key", _DIGITS)
            target = ObjectRef(bucket, "key")
            await subject.transport.copy_object(subject.ref("key"), target)
            assert (await subject.transport.get_object_range(target, ByteRange(0))).data == _DIGITS

    async def test_copy_of_a_missing_source_is_not_found_and_names_the_target(
        self, subject: TransportUnderTest
    ) -> None:
        with pytest.raises(S3NotFoundError) as caught:
            await subject.transport.copy_object(subject.ref("missing"), subject.ref("target"))
        _check_error(caught.value, subject, "CopyObject", subject.bucket, "target")
        assert subject.get("target") is None

    async def test_copy_refuses_a_version_as_target(self, subject: TransportUnderTest) -> None:
        with _refused("version"):
            await subject.transport.copy_object(subject.ref("source"), subject.ref("target", "version"))

    @requires("copy_onto_itself")
    async def test_copy_onto_itself_needs_a_change(self, subject: TransportUnderTest) -> None:
        subject.put("key", _DIGITS)
        ref = subject.ref("key")
        with pytest.raises(S3InvalidRequestError) as caught:
            await subject.transport.copy_object(ref, ref)
        _check_error(caught.value, subject, "CopyObject", subject.bucket, "key")
        change = CopyOptions(metadata_directive="REPLACE", metadata={"name": "new"})
        result = await subject.transport.copy_object(ref, ref, options=change)
        info = await subject.transport.head_object(ref)
        assert (info.size, info.etag, info.metadata["name"]) == (10, result.etag, "new")

    @requires("conditional_copies")
    async def test_copy_heeds_source_if_match(self, subject: TransportUnderTest) -> None:
        etag = (await _put(subject, "source", _DIGITS)).etag
        source, target = subject.ref("source"), subject.ref("target")
        with pytest.raises(S3PreconditionError) as caught:
            await subject.transport.copy_object(source, target, options=CopyOptions(source_if_match='"other"'))
        _check_error(caught.value, subject, "CopyObject", subject.bucket, "target")
        assert subject.get("target") is None
        await subject.transport.copy_object(source, target, options=CopyOptions(source_if_match=etag))
        assert subject.get("target") == _DIGITS

    # --- multipart uploads -----------------------------------------------------------------------

    async def test_an_upload_appears_when_it_is_completed_and_not_before(self, subject: TransportUnderTest) -> None:
        options = PutOptions(content_type="text/csv", metadata={"name": "value"})
        upload, parts = await _upload(subject, "key", b"body", options=options)
        assert (upload.bucket, upload.key) == (subject.bucket, "key")
        assert upload.upload_id
        assert [part.part_number for part in parts] == [1]
        assert subject.get("key") is None
        assert await _list(subject) == []
        await subject.transport.complete_multipart_upload(upload, parts)
        assert subject.get("key") == b"body"
        info = await subject.transport.head_object(subject.ref("key"))
        assert info.content_type == "text/csv"
        assert info.metadata["name"] == "value"
        assert (await subject.transport.list_multipart_uploads(subject.bucket)).uploads == ()

    async def test_an_upload_replaces_the_object_when_it_is_completed(self, subject: TransportUnderTest) -> None:
        subject.put("key", b"before")
        upload, parts = await _upload(subject, "key", b"after")
        assert subject.get("key") == b"before"
        await subject.transport.complete_multipart_upload(upload, parts)
        assert subject.get("key") == b"after"

    async def test_part_numbers_order_the_bytes_whatever_the_order_of_uploading(
        self, subject: TransportUnderTest
    ) -> None:
        bodies = {1: _pattern(MIN_PART_SIZE, 1), 2: _pattern(MIN_PART_SIZE + 3, 2), 3: b"end"}
        upload, _ = await _upload(subject, "key")
        parts = {number: await subject.transport.upload_part(upload, number, bodies[number]) for number in (3, 1, 2)}
        await subject.transport.complete_multipart_upload(upload, [parts[1], parts[2], parts[3]])
        assert subject.get("key") == bodies[1] + bodies[2] + bodies[3]

    @requires("multipart_etag")
    async def test_the_etag_of_an_upload_is_made_of_those_of_its_parts(self, subject: TransportUnderTest) -> None:
        upload, parts = await _upload(subject, "key", _pattern(MIN_PART_SIZE), b"end")
        result = await subject.transport.complete_multipart_upload(upload, parts)
        digests = b"".join(bytes.fromhex(part.etag.strip('"')) for part in parts)
        assert result.etag == f'"{hashlib.md5(digests).hexdigest()}-2"'
        assert (await subject.transport.head_object(subject.ref("key"))).etag == result.etag
        assert (await subject.transport.list_objects(subject.bucket)).objects[0].etag == result.etag

    @requires("part_reads")
    async def test_a_part_of_an_object_can_be_read(self, subject: TransportUnderTest) -> None:
        first, ref = _pattern(MIN_PART_SIZE), subject.ref("key")
        upload, parts = await _upload(subject, "key", first, b"second")
        await subject.transport.complete_multipart_upload(upload, parts)
        options = GetOptions(part_number=2)
        info = await subject.transport.head_object(ref, options=options)
        assert (info.size, info.parts_count) == (6, 2)
        answer = await subject.transport.get_object_range(ref, ByteRange(0), options=options)
        assert answer.data == b"second"
        assert (answer.start, answer.size, answer.object_size) == (len(first), 6, len(first) + 6)

    @pytest.mark.parametrize("part_number", [-1, 0, MAX_PARTS + 1])
    async def test_a_part_number_out_of_bounds_is_refused(self, subject: TransportUnderTest, part_number: int) -> None:
        upload, transport = _no_upload(subject.bucket), subject.transport
        with _refused(part_number, MAX_PARTS):
            await transport.upload_part(upload, part_number, b"x")
        with _refused(part_number, MAX_PARTS):
            await transport.upload_part_copy(upload, part_number, subject.ref("missing"))
        with _refused(part_number, MAX_PARTS):
            await transport.get_object_range(
                subject.ref("missing"), ByteRange(0), options=GetOptions(part_number=part_number)
            )

    @requires("separate_parts")
    async def test_the_highest_part_number_is_a_part_number(self, subject: TransportUnderTest) -> None:
        upload, _ = await _upload(subject, "key")
        part = await subject.transport.upload_part(upload, MAX_PARTS, _DIGITS)
        await subject.transport.complete_multipart_upload(upload, [part])
        assert subject.get("key") == _DIGITS

    async def test_a_part_number_goes_with_the_whole_range_only(self, subject: TransportUnderTest) -> None:
        for byte_range in (ByteRange(1), ByteRange(0, 5)):
            with _refused():
                await subject.transport.get_object_range(
                    subject.ref("missing"), byte_range, options=GetOptions(part_number=1)
                )

    async def test_completing_refuses_no_parts(self, subject: TransportUnderTest) -> None:
        with _refused():
            await subject.transport.complete_multipart_upload(_no_upload(subject.bucket), [])

    @pytest.mark.parametrize("numbers", [[2, 1], [1, 1]], ids=["descending", "twice"])
    async def test_completing_with_parts_that_do_not_ascend_is_invalid(
        self, subject: TransportUnderTest, numbers: list[int]
    ) -> None:
        upload, parts = await _upload(subject, "key", _pattern(MIN_PART_SIZE, 1), _pattern(MIN_PART_SIZE, 2))
        with pytest.raises(S3InvalidRequestError) as caught:
            await subject.transport.complete_multipart_upload(upload, [parts[number - 1] for number in numbers])
        _check_error(caught.value, subject, "CompleteMultipartUpload", subject.bucket, "key")
        assert subject.get("key") is None

    async def test_completing_with_a_part_that_is_not_there_is_invalid(self, subject: TransportUnderTest) -> None:
        upload, parts = await _upload(subject, "key", _pattern(MIN_PART_SIZE))
        with pytest.raises(S3InvalidRequestError) as caught:
            await subject.transport.complete_multipart_upload(upload, [*parts, CompletedPart(2, parts[0].etag)])
        _check_error(caught.value, subject, "CompleteMultipartUpload", subject.bucket, "key")
        assert caught.value.code == "InvalidPart"
        assert isinstance(caught.value, ValueError)
        assert subject.get("key") is None

    async def test_completing_with_the_etag_of_another_part_is_invalid(self, subject: TransportUnderTest) -> None:
        upload, parts = await _upload(subject, "key", _pattern(MIN_PART_SIZE), b"end")
        with pytest.raises(S3InvalidRequestError):
            await subject.transport.complete_multipart_upload(upload, [parts[0], CompletedPart(2, parts[0].etag)])
        assert subject.get("key") is None

    @requires("minimum_part_size")
    async def test_completing_with_a_small_part_before_the_last_is_invalid(self, subject: TransportUnderTest) -> None:
        upload, parts = await _upload(subject, "key", _pattern(MIN_PART_SIZE - 1), b"end")
        with pytest.raises(S3InvalidRequestError) as caught:
            await subject.transport.complete_multipart_upload(upload, parts)
        _check_error(caught.value, subject, "CompleteMultipartUpload", subject.bucket, "key")
        assert caught.value.code == "EntityTooSmall"

    @requires("separate_parts")
    async def test_a_second_part_of_the_same_number_replaces_the_first(self, subject: TransportUnderTest) -> None:
        upload, [first] = await _upload(subject, "key", b"first")
        second = await subject.transport.upload_part(upload, 1, b"second")
        assert second.etag != first.etag
        await subject.transport.complete_multipart_upload(upload, [second])
        assert subject.get("key") == b"second"

    @requires("separate_parts")
    async def test_parts_that_are_not_named_are_dropped(self, subject: TransportUnderTest) -> None:
        body = _pattern(MIN_PART_SIZE)
        upload, parts = await _upload(subject, "key", body, b"dropped", b"end")
        await subject.transport.complete_multipart_upload(upload, [parts[0], parts[2]])
        assert subject.get("key") == body + b"end"

    async def test_two_uploads_of_one_key_know_nothing_of_each_other(self, subject: TransportUnderTest) -> None:
        first, first_parts = await _upload(subject, "key", b"first")
        second, second_parts = await _upload(subject, "key", b"second")
        assert first.upload_id != second.upload_id
        await subject.transport.complete_multipart_upload(first, first_parts)
        assert subject.get("key") == b"first"
        await subject.transport.complete_multipart_upload(second, second_parts)
        assert subject.get("key") == b"second"

    async def test_an_aborted_upload_is_gone(self, subject: TransportUnderTest) -> None:
        subject.put("key", b"before")
        upload, _ = await _upload(subject, "key", b"after")
        await subject.transport.abort_multipart_upload(upload)
        assert (await subject.transport.list_multipart_uploads(subject.bucket)).uploads == ()
        assert subject.get("key") == b"before"
        with pytest.raises(S3NotFoundError) as caught:
            await subject.transport.abort_multipart_upload(upload)
        _check_error(caught.value, subject, "AbortMultipartUpload", subject.bucket, "key")

    @requires("no_such_upload")
    async def test_an_aborted_upload_takes_no_part_and_completes_to_nothing(self, subject: TransportUnderTest) -> None:
        upload, parts = await _upload(subject, "key", b"body")
        await subject.transport.abort_multipart_upload(upload)
        with pytest.raises(S3NotFoundError) as caught:
            await subject.transport.upload_part(upload, 1, b"body")
        _check_error(caught.value, subject, "UploadPart", subject.bucket, "key")
        assert caught.value.code == "NoSuchUpload"
        with pytest.raises(S3NotFoundError) as caught:
            await subject.transport.complete_multipart_upload(upload, parts)
        _check_error(caught.value, subject, "CompleteMultipartUpload", subject.bucket, "key")
        assert subject.get("key") is None

    async def test_beginning_an_upload_refuses_conditions(self, subject: TransportUnderTest) -> None:
        with _refused("if_match"):
            await subject.transport.create_multipart_upload(subject.ref("key"), options=PutOptions(if_match='"0"'))
        with _refused("if_none_match"):
            await subject.transport.create_multipart_upload(subject.ref("key"), options=PutOptions(if_none_match="*"))

    @requires("conditional_writes")
    async def test_completing_if_none_match_writes_only_where_no_object_is(self, subject: TransportUnderTest) -> None:
        condition = PutOptions(if_none_match="*")
        upload, parts = await _upload(subject, "key", b"first")
        await subject.transport.complete_multipart_upload(upload, parts, options=condition)
        upload, parts = await _upload(subject, "key", b"second")
        with pytest.raises(S3AlreadyExistsError) as caught:
            await subject.transport.complete_multipart_upload(upload, parts, options=condition)
        _check_error(caught.value, subject, "CompleteMultipartUpload", subject.bucket, "key")
        assert subject.get("key") == b"first"

    @requires("complete_if_match")
    async def test_completing_if_match_writes_only_over_that_object(self, subject: TransportUnderTest) -> None:
        condition = PutOptions(if_match=(await _put(subject, "key", b"first")).etag)
        upload, parts = await _upload(subject, "key", b"second")
        await subject.transport.complete_multipart_upload(upload, parts, options=condition)
        upload, parts = await _upload(subject, "key", b"third")
        with pytest.raises(S3PreconditionError) as caught:
            await subject.transport.complete_multipart_upload(upload, parts, options=condition)
        _check_error(caught.value, subject, "CompleteMultipartUpload", subject.bucket, "key")
        assert subject.get("key") == b"second"
        upload, parts = await _upload(subject, "missing", b"x")
        with pytest.raises(S3NotFoundError):
            await subject.transport.complete_multipart_upload(upload, parts, options=condition)

    # --- upload_part_copy ------------------------------------------------------------------------

    @requires("part_copy")
    async def test_parts_can_be_made_of_objects(self, subject: TransportUnderTest) -> None:
        body, transport = _pattern(MIN_PART_SIZE), subject.transport
        subject.put("whole + \u00fc", body)
        subject.put("digits", _DIGITS)
        upload, _ = await _upload(subject, "key")
        parts = [
            await transport.upload_part_copy(upload, 1, subject.ref("whole + \u00fc")),
            await transport.upload_part_copy(upload, 2, subject.ref("digits"), ByteRange(3, 7)),
        ]
        assert [part.part_number for part in parts] == [1, 2]
        await transport.complete_multipart_upload(upload, parts)
        assert subject.get("key") == body + b"3456"

    async def test_a_part_is_not_made_of_an_open_range(self, subject: TransportUnderTest) -> None:
        with _refused():
            await subject.transport.upload_part_copy(
                _no_upload(subject.bucket), 1, subject.ref("missing"), ByteRange(3)
            )

    @requires("part_copy")
    async def test_a_part_of_a_missing_object_is_not_found(self, subject: TransportUnderTest) -> None:
        upload, _ = await _upload(subject, "key")
        with pytest.raises(S3NotFoundError) as caught:
            await subject.transport.upload_part_copy(upload, 1, subject.ref("missing"))
        _check_error(caught.value, subject, "UploadPartCopy", subject.bucket, "key")

    @requires("part_copy", "part_copy_bounds")
    @pytest.mark.parametrize("byte_range", [ByteRange(5, 11), ByteRange(10, 11)], ids=ByteRange.header)
    async def test_a_part_is_not_made_of_more_than_the_source_has(
        self, subject: TransportUnderTest, byte_range: ByteRange
    ) -> None:
        subject.put("source", _DIGITS)
        upload, _ = await _upload(subject, "key")
        with pytest.raises((S3InvalidRangeError, S3InvalidRequestError)) as caught:
            await subject.transport.upload_part_copy(upload, 1, subject.ref("source"), byte_range)
        _check_error(caught.value, subject, "UploadPartCopy", subject.bucket, "key")

    @requires("part_copy", "conditional_copies")
    async def test_a_part_copy_heeds_source_if_match(self, subject: TransportUnderTest) -> None:
        etag = (await _put(subject, "source", _DIGITS)).etag
        upload, _ = await _upload(subject, "key")
        with pytest.raises(S3PreconditionError):
            await subject.transport.upload_part_copy(
                upload, 1, subject.ref("source"), options=CopyOptions(source_if_match='"other"')
            )
        part = await subject.transport.upload_part_copy(
            upload, 1, subject.ref("source"), options=CopyOptions(source_if_match=etag)
        )
        await subject.transport.complete_multipart_upload(upload, [part])
        assert subject.get("key") == _DIGITS

    async def test_a_copy_is_answered_with_an_etag_or_is_an_s3_error(self, subject: TransportUnderTest) -> None:
        # Whatever the server can: rclone answers 200 to an UploadPartCopy that it did not do, and tells no ETag.
        subject.put("source", _DIGITS)
        source, transport = subject.ref("source"), subject.transport
        upload, _ = await _upload(subject, "key")
        onto_itself = CopyOptions(metadata_directive="REPLACE", metadata={"name": "new"})
        with suppress(S3Error):
            assert (await transport.upload_part_copy(upload, 1, source, ByteRange(3, 7))).etag
        with suppress(S3Error):
            assert (await transport.copy_object(source, source, options=onto_itself)).etag

    # --- list_multipart_uploads ------------------------------------------------------------------

    async def test_open_uploads_are_listed_each_once(self, subject: TransportUnderTest) -> None:
        keys = ["b", "a b", "a/\u00fc", "b", "c"]
        uploads = [(await _upload(subject, key))[0] for key in keys]

        async def collect(prefix: str, max_uploads: int) -> list[tuple[str, str]]:
            async def fetch(token: str | None) -> UploadPage:
                return await subject.transport.list_multipart_uploads(
                    subject.bucket, prefix=prefix, max_uploads=max_uploads, token=token
                )

            pages = await _pages(fetch)
            if "upload_pages" in self.capabilities:
                assert all(len(page.uploads) <= max_uploads for page in pages)
                listed = [upload.key for page in pages for upload in page.uploads]
                assert listed == sorted(listed, key=str.encode)
            assert all(upload.bucket == subject.bucket for page in pages for upload in page.uploads)
            return sorted((upload.key, upload.upload_id) for page in pages for upload in page.uploads)

        everything = sorted((upload.key, upload.upload_id) for upload in uploads)
        for max_uploads in (1, 2, 1000):
            assert await collect("", max_uploads) == everything
        assert await collect("a", 1000) == [found for found in everything if found[0].startswith("a")]
        assert await collect("z", 1000) == []

    @pytest.mark.parametrize("size", [0, MAX_PAGE_SIZE + 1])
    async def test_a_page_size_out_of_bounds_is_refused(self, subject: TransportUnderTest, size: int) -> None:
        missing, transport = f"{subject.bucket}-missing", subject.transport
        with _refused(size, MAX_PAGE_SIZE):
            await transport.list_objects(missing, max_keys=size)
        with _refused(size, MAX_PAGE_SIZE):
            await transport.list_object_versions(missing, max_keys=size)
        with _refused(size, MAX_PAGE_SIZE):
            await transport.list_multipart_uploads(missing, max_uploads=size)
        with _refused(size, MAX_PAGE_SIZE):
            await transport.list_buckets(max_buckets=size)

    # --- delete_objects --------------------------------------------------------------------------

    async def test_delete_tells_of_every_key_and_a_missing_one_counts_as_deleted(
        self, subject: TransportUnderTest
    ) -> None:
        for key in ("a", "b", "c"):
            subject.put(key, b"x")
        result = await subject.transport.delete_objects(
            subject.bucket, [ObjectKey("c"), ObjectKey("missing"), ObjectKey("a")]
        )
        assert sorted(deleted.key for deleted in result.deleted) == ["a", "c", "missing"]
        assert result.errors == ()
        assert await _list(subject) == ["b"]

    async def test_delete_tells_the_version_that_was_asked_for(self, subject: TransportUnderTest) -> None:
        subject.put("a", b"")
        subject.put("b", b"")
        result = await subject.transport.delete_objects(subject.bucket, [ObjectKey("a"), ObjectKey("b", "null")])
        assert [(deleted.key, deleted.version_id) for deleted in result.deleted] == [("a", None), ("b", "null")]
        assert result.errors == ()
        assert await _list(subject) == []

    async def test_delete_takes_a_thousand_keys(self, subject: TransportUnderTest) -> None:
        subject.put("key-7", b"x")
        keys = [f"key-{number}" for number in range(MAX_DELETE_KEYS)]
        result = await subject.transport.delete_objects(subject.bucket, [ObjectKey(key) for key in keys])
        assert sorted(deleted.key for deleted in result.deleted) == sorted(keys)
        assert subject.get("key-7") is None

    async def test_delete_need_not_tell_what_it_deleted(self, subject: TransportUnderTest) -> None:
        for key in ("a", "b"):
            subject.put(key, b"x")
        result = await subject.transport.delete_objects(
            subject.bucket, [ObjectKey("a"), ObjectKey("missing")], options=DeleteOptions(quiet=True)
        )
        assert sorted(deleted.key for deleted in result.deleted) in ([], ["a", "missing"])
        assert result.errors == ()
        assert await _list(subject) == ["b"]

    @pytest.mark.parametrize("count", [0, MAX_DELETE_KEYS + 1])
    async def test_delete_refuses_no_key_and_more_than_a_thousand(
        self, subject: TransportUnderTest, count: int
    ) -> None:
        subject.put("0", b"x")
        with _refused(count, MAX_DELETE_KEYS):
            await subject.transport.delete_objects(subject.bucket, [ObjectKey(str(n)) for n in range(count)])
        assert subject.get("0") == b"x"

    async def test_delete_refuses_a_key_that_is_there_twice(self, subject: TransportUnderTest) -> None:
        subject.put("twice", b"x")
        with _refused("twice"):
            await subject.transport.delete_objects(
                subject.bucket, [ObjectKey("twice"), ObjectKey("other"), ObjectKey("twice")]
            )
        assert subject.get("twice") == b"x"

    @requires("delete_errors")
    @pytest.mark.parametrize("quiet", [False, True])
    async def test_delete_tells_which_keys_it_could_not_delete_and_why(
        self, subject: TransportUnderTest, *, quiet: bool
    ) -> None:
        deny = _hook(subject.deny, "deny")
        for key in ("a", "b", "c"):
            subject.put(key, b"x")
        deny("b")
        result = await subject.transport.delete_objects(
            subject.bucket, [ObjectKey(key) for key in ("a", "b", "c")], options=DeleteOptions(quiet=quiet)
        )
        told = sorted(deleted.key for deleted in result.deleted)
        assert told == ["a", "c"] or (quiet and not told)
        [error] = result.errors
        assert (error.key, error.version_id, error.code) == ("b", None, "AccessDenied")
        assert error.message
        assert subject.get("a") is None

    @requires("delete_errors")
    async def test_what_is_denied_is_a_permission_error(self, subject: TransportUnderTest) -> None:
        subject.put("key", b"x")
        _hook(subject.deny, "deny")("key")
        ref, transport = subject.ref("key"), subject.transport
        calls: list[tuple[str, Coroutine[Any, Any, object]]] = [
            ("HeadObject", transport.head_object(ref)),
            ("GetObject", transport.get_object_range(ref, ByteRange(0))),
            ("PutObject", transport.put_object(ref, b"y")),
        ]
        for operation, coroutine in calls:
            with pytest.raises(S3PermissionError) as caught:
                await coroutine
            _check_error(caught.value, subject, operation, subject.bucket, "key")
            assert isinstance(caught.value, PermissionError)
            assert caught.value.status == 403
            assert not caught.value.retryable

    # --- list_objects ----------------------------------------------------------------------------

    async def test_an_empty_bucket_is_an_empty_page(self, subject: TransportUnderTest) -> None:
        assert await subject.transport.list_objects(subject.bucket) == ListPage()

    async def test_a_listing_tells_size_etag_and_time(self, subject: TransportUnderTest) -> None:
        subject.put("key", _DIGITS)
        [summary] = (await subject.transport.list_objects(subject.bucket)).objects
        info = await subject.transport.head_object(subject.ref("key"))
        assert (summary.key, summary.size, summary.etag) == ("key", 10, info.etag)
        assert summary.last_modified.tzinfo is not None

    async def test_a_listing_is_in_the_order_of_utf8_bytes(self, subject: TransportUnderTest) -> None:
        # By UTF-16 units U+1F600 would come before U+FFEE, and by locale "B" behind "a".
        keys = ["B", "a", "a-", "a.", "b", "u\u0308", "\u00fc", "\uffee", "\U0001f600"]
        for key in reversed(keys):
            subject.put(key, b"")
        page = await subject.transport.list_objects(subject.bucket)
        assert [summary.key for summary in page.objects] == keys

    async def test_a_prefix_chooses_the_keys_that_begin_so(self, subject: TransportUnderTest) -> None:
        await _put_tree(subject)
        assert await _list(subject, prefix="d/e") == ["d/e/3", "d/e/4"]
        assert await _list(subject, prefix="d") == ["d-1", "d/1", "d/2", "d/e/3", "d/e/4", "d/f/5"]
        assert await _list(subject, prefix="\u00fc") == ["\u00fc/7"]
        assert await _list(subject, prefix="d/e/3") == ["d/e/3"]
        assert await subject.transport.list_objects(subject.bucket, prefix="none") == ListPage()

    async def test_a_delimiter_rolls_keys_up_into_prefixes(self, subject: TransportUnderTest) -> None:
        await _put_tree(subject)
        page = await subject.transport.list_objects(subject.bucket, delimiter="/")
        assert [summary.key for summary in page.objects] == ["a", "d-1", "f"]
        assert page.prefixes == ("d/", "g/", "\u00fc/")
        page = await subject.transport.list_objects(subject.bucket, delimiter="/", prefix="d/")
        assert [summary.key for summary in page.objects] == ["d/1", "d/2"]
        assert page.prefixes == ("d/e/", "d/f/")
        page = await subject.transport.list_objects(subject.bucket, delimiter="/", prefix="d")
        assert [summary.key for summary in page.objects] == ["d-1"]
        assert page.prefixes == ("d/",)

    @requires("any_delimiter")
    async def test_any_text_is_a_delimiter(self, subject: TransportUnderTest) -> None:
        for key in ("a--1", "a--2", "a-3", "b/4"):
            subject.put(key, b"")
        page = await subject.transport.list_objects(subject.bucket, delimiter="--")
        assert [summary.key for summary in page.objects] == ["a-3", "b/4"]
        assert page.prefixes == ("a--",)

    @requires("any_key")
    async def test_a_key_may_be_the_beginning_of_others(self, subject: TransportUnderTest) -> None:
        for key in ("a", "a/", "a/b", "a//c"):
            subject.put(key, b"")
        assert await _list(subject) == ["a", "a/", "a//c", "a/b"]
        assert await _list(subject, delimiter="/") == ["a", "a/"]
        page = await subject.transport.list_objects(subject.bucket, delimiter="/", prefix="a/")
        assert [summary.key for summary in page.objects] == ["a/", "a/b"]
        assert page.prefixes == ("a//",)

    async def test_start_after_leaves_out_all_up_to_that_key(self, subject: TransportUnderTest) -> None:
        await _put_tree(subject)
        behind = ["d/e/4", "d/f/5", "f", "g/6", "\u00fc/7"]
        assert await _list(subject, start_after="d/e/3") == behind
        assert await _list(subject, start_after="d/e/33") == behind
        assert await _list(subject, start_after="d/e/3", prefix="d/") == ["d/e/4", "d/f/5"]
        assert await _list(subject, start_after="\u00fd") == []

    @pytest.mark.parametrize("max_keys", [1, 2, 1000])
    @pytest.mark.parametrize(
        "arguments",
        [{}, {"delimiter": "/"}, {"delimiter": "/", "prefix": "d/"}, {"prefix": "d"}, {"start_after": "d/2"}],
        ids=lambda arguments: " ".join(arguments) or "all",
    )
    async def test_pages_bring_every_name_once_and_in_order(
        self, subject: TransportUnderTest, arguments: dict[str, Any], max_keys: int
    ) -> None:
        await _put_tree(subject)
        expected = await _list(subject, **arguments)

        async def fetch(token: str | None) -> ListPage:
            return await subject.transport.list_objects(subject.bucket, max_keys=max_keys, token=token, **arguments)

        pages = await _pages(fetch)
        assert [name for page in pages for name in _names(page)] == expected
        assert all(len(_names(page)) <= max_keys for page in pages)

    # --- versions --------------------------------------------------------------------------------

    async def test_a_new_bucket_keeps_no_versions(self, subject: TransportUnderTest) -> None:
        assert await subject.transport.get_bucket_versioning(subject.bucket) is None

    @requires("versions")
    async def test_keeping_versions_can_be_switched_on_and_off(self, subject: TransportUnderTest) -> None:
        await subject.transport.put_bucket_versioning(subject.bucket, "Enabled")
        assert await subject.transport.get_bucket_versioning(subject.bucket) == "Enabled"
        await subject.transport.put_bucket_versioning(subject.bucket, "Suspended")
        assert await subject.transport.get_bucket_versioning(subject.bucket) == "Suspended"

    @requires("versions")
    async def test_every_version_can_be_read(self, subject: TransportUnderTest) -> None:
        first, second = await _put_versions(subject, "key", b"first", b"second one")
        assert await _read(subject, "key") == b"second one"
        assert await _read(subject, "key", first) == b"first"
        info = await subject.transport.head_object(subject.ref("key", first))
        assert (info.size, info.version_id) == (5, first)
        answer = await subject.transport.get_object_range(subject.ref("key"), ByteRange(0, 6))
        assert (answer.data, answer.version_id) == (b"second", second)

    @requires("versions")
    async def test_delete_writes_a_marker_and_deleting_the_marker_brings_the_object_back(
        self, subject: TransportUnderTest
    ) -> None:
        [version_id] = await _put_versions(subject, "key", b"body")
        [deleted] = (await subject.transport.delete_objects(subject.bucket, [ObjectKey("key")])).deleted
        marker = deleted.delete_marker_version_id
        assert (deleted.key, deleted.version_id, deleted.delete_marker) == ("key", None, True)
        assert marker is not None
        with pytest.raises(S3NotFoundError):
            await subject.transport.head_object(subject.ref("key"))
        with pytest.raises(S3NotFoundError):
            await _read(subject, "key")
        assert await _read(subject, "key", version_id) == b"body"
        assert await _list(subject) == []
        result = await subject.transport.delete_objects(subject.bucket, [ObjectKey("key", marker)])
        [deleted] = result.deleted
        assert (deleted.key, deleted.version_id) == ("key", marker)
        assert deleted.delete_marker or "removed_markers" not in self.capabilities
        assert await _read(subject, "key") == b"body"

    @requires("versions")
    async def test_a_version_that_was_deleted_is_not_found(self, subject: TransportUnderTest) -> None:
        first, second, third = await _put_versions(subject, "key", b"first", b"second", b"third")
        result = await subject.transport.delete_objects(
            subject.bucket, [ObjectKey("key", first), ObjectKey("key", third)]
        )
        assert {(deleted.key, deleted.version_id) for deleted in result.deleted} == {("key", first), ("key", third)}
        assert result.errors == ()
        assert await _read(subject, "key") == b"second"
        with pytest.raises(S3NotFoundError) as caught:
            await _read(subject, "key", first)
        _check_error(caught.value, subject, "GetObject", subject.bucket, "key")
        versions = (await _versions(subject)).versions
        assert [(version.version_id, version.is_latest) for version in versions] == [(second, True)]

    @requires("versions")
    async def test_versions_are_listed_by_key_and_the_newest_first(self, subject: TransportUnderTest) -> None:
        first, second = await _put_versions(subject, "a", b"1", b"22")
        [other] = await _put_versions(subject, "b", b"333")
        [deleted] = (await subject.transport.delete_objects(subject.bucket, [ObjectKey("a")])).deleted
        etag = (await subject.transport.head_object(subject.ref("a", first))).etag
        versions = (await _versions(subject)).versions
        assert [(v.key, v.version_id, v.is_latest, v.is_delete_marker, v.size) for v in versions] == [
            ("a", deleted.delete_marker_version_id, True, True, 0),
            ("a", second, False, False, 2),
            ("a", first, False, False, 1),
            ("b", other, True, False, 3),
        ]
        assert (versions[0].etag, versions[2].etag) == ("", etag)
        assert all(version.last_modified.tzinfo is not None for version in versions)
        assert [version.key for version in (await _versions(subject, prefix="b")).versions] == ["b"]

    @requires("versions")
    @pytest.mark.parametrize("max_keys", [1, 2, 3])
    async def test_pages_of_versions_bring_every_version_once_and_in_order(
        self, subject: TransportUnderTest, max_keys: int
    ) -> None:
        for key in ("a", "d/1", "d/2", "e"):
            await _put_versions(subject, key, b"1", b"2")
        await subject.transport.delete_objects(subject.bucket, [ObjectKey("d/1"), ObjectKey("e")])

        async def collect(**arguments: Any) -> list[object]:
            async def fetch(token: str | None) -> VersionPage:
                return await _versions(subject, token=token, **arguments)

            pages = await _pages(fetch)
            with_prefixes = "version_prefix_pages" in self.capabilities
            for page in pages:
                assert len(page.versions) + with_prefixes * len(page.prefixes) <= arguments["max_keys"]
            return [entry for page in pages for entry in (*page.versions, *page.prefixes)]

        everything = await collect(max_keys=1000)
        assert len(everything) == 10
        assert await collect(max_keys=max_keys) == everything
        rolled_up = await collect(max_keys=max_keys, delimiter="/")
        assert sorted(map(str, rolled_up)) == sorted(map(str, await collect(max_keys=1000, delimiter="/")))
        assert "d/" in rolled_up
        assert len(rolled_up) == 6

    @requires("versions")
    async def test_without_versions_each_object_is_one_version_called_null(self, subject: TransportUnderTest) -> None:
        subject.put("a", b"1")
        subject.put("b", b"2")
        versions = (await _versions(subject)).versions
        assert [(v.key, v.version_id, v.is_latest, v.is_delete_marker) for v in versions] == [
            ("a", "null", True, False),
            ("b", "null", True, False),
        ]

    @requires("versions")
    async def test_a_version_can_be_copied(self, subject: TransportUnderTest) -> None:
        first, _ = await _put_versions(subject, "key", b"first", b"second")
        result = await subject.transport.copy_object(subject.ref("key", first), subject.ref("copy"))
        assert await _read(subject, "copy") == b"first"
        assert (await subject.transport.head_object(subject.ref("copy"))).version_id == result.version_id

    @requires("versions", "part_copy")
    async def test_a_part_can_be_made_of_a_version(self, subject: TransportUnderTest) -> None:
        first, _ = await _put_versions(subject, "key", b"first", b"second")
        upload, _ = await _upload(subject, "copy")
        part = await subject.transport.upload_part_copy(upload, 1, subject.ref("key", first))
        result = await subject.transport.complete_multipart_upload(upload, [part])
        assert await _read(subject, "copy") == b"first"
        assert (await subject.transport.head_object(subject.ref("copy"))).version_id == result.version_id

    # --- buckets ---------------------------------------------------------------------------------

    async def test_buckets_are_listed_each_once(self, subject: TransportUnderTest) -> None:
        async with _other_bucket(subject) as other:
            for max_buckets in (1000, 1) if "bucket_pages" in self.capabilities else (1000,):
                names: list[str] = []
                token: str | None = None
                for _ in range(MAX_PAGE_SIZE):
                    page = await subject.transport.list_buckets(max_buckets=max_buckets, token=token)
                    names += [bucket.name for bucket in page.buckets]
                    assert all(bucket.created is None or bucket.created.tzinfo for bucket in page.buckets)
                    token = page.next_token
                    if token is None:
                        break
                assert token is None
                assert len(names) == len(set(names))
                assert {subject.bucket, other} <= set(names)

    async def test_head_bucket_tells_that_it_is_there(self, subject: TransportUnderTest) -> None:
        assert (await subject.transport.head_bucket(subject.bucket)).name == subject.bucket

    async def test_a_bucket_is_created_and_deleted(self, subject: TransportUnderTest) -> None:
        async with _other_bucket(subject) as bucket:
            await subject.transport.put_object(ObjectRef(bucket, "key"), b"x")
            assert (await subject.transport.head_bucket(bucket)).name == bucket
        with pytest.raises(S3NotFoundError) as caught:
            await subject.transport.head_bucket(bucket)
        _check_error(caught.value, subject, "HeadBucket", bucket, None)

    async def test_creating_a_bucket_again_is_refused_or_changes_nothing(self, subject: TransportUnderTest) -> None:
        subject.put("key", b"x")
        with suppress(S3AlreadyExistsError):  # in us-east-1 S3 accepts it
            await subject.transport.create_bucket(subject.bucket)
        assert subject.get("key") == b"x"

    @requires("bucket_regions")
    async def test_a_bucket_has_a_region_and_is_not_created_twice_there(self, subject: TransportUnderTest) -> None:
        async with _other_bucket(subject, region="eu-west-1") as bucket:
            assert (await subject.transport.head_bucket(bucket)).region == "eu-west-1"
            with pytest.raises(S3AlreadyExistsError) as caught:
                await subject.transport.create_bucket(bucket, region="eu-west-1")
            _check_error(caught.value, subject, "CreateBucket", bucket, None)
            assert isinstance(caught.value, FileExistsError)

    async def test_a_bucket_can_be_created_in_us_east_1_by_name(self, subject: TransportUnderTest) -> None:
        async with _other_bucket(subject, region="us-east-1") as bucket:
            assert (await subject.transport.head_bucket(bucket)).region in {"us-east-1", None}

    async def test_a_bucket_that_holds_objects_is_not_deleted(self, subject: TransportUnderTest) -> None:
        subject.put("key", b"x")
        with pytest.raises(S3ConflictError) as caught:
            await subject.transport.delete_bucket(subject.bucket)
        _check_error(caught.value, subject, "DeleteBucket", subject.bucket, None)
        assert caught.value.status == 409
        assert subject.get("key") == b"x"

    @pytest.mark.parametrize("length", [2, 64])
    async def test_a_bucket_name_out_of_bounds_is_a_value_error(self, subject: TransportUnderTest, length: int) -> None:
        with pytest.raises(ValueError):  # noqa: PT011 - S3InvalidRequestError, or a ValueError before it comes to that
            await subject.transport.create_bucket("x" * length)

    # --- tags ------------------------------------------------------------------------------------

    @requires("tags")
    async def test_tags_are_what_was_put(self, subject: TransportUnderTest) -> None:
        subject.put("key", b"x")
        ref, transport = subject.ref("key"), subject.transport
        assert dict(await transport.get_object_tagging(ref)) == {}
        tags = {"a b": "1=2", "\u00fc": "", "x/y": "z+z"}
        await transport.put_object_tagging(ref, tags)
        assert dict(await transport.get_object_tagging(ref)) == tags
        await transport.put_object_tagging(ref, {"other": "tag"})
        assert dict(await transport.get_object_tagging(ref)) == {"other": "tag"}
        assert subject.get("key") == b"x"

    @requires("tags", "empty_tags")
    async def test_tags_are_removed_by_putting_none(self, subject: TransportUnderTest) -> None:
        await _put(subject, "key", options=PutOptions(tags={"name": "value"}))
        await subject.transport.put_object_tagging(subject.ref("key"), {})
        assert dict(await subject.transport.get_object_tagging(subject.ref("key"))) == {}
        assert subject.get("key") == b"x"

    @requires("tags")
    async def test_an_object_is_written_with_its_tags(self, subject: TransportUnderTest) -> None:
        tags = {"a b": "1=2", "\u00fc": "x+y@/:_."}
        await _put(subject, "key", options=PutOptions(tags=tags))
        assert dict(await subject.transport.get_object_tagging(subject.ref("key"))) == tags
        upload, parts = await _upload(subject, "upload", b"x", options=PutOptions(tags=tags))
        await subject.transport.complete_multipart_upload(upload, parts)
        assert dict(await subject.transport.get_object_tagging(subject.ref("upload"))) == tags

    @requires("tags")
    async def test_copy_brings_the_tags_or_takes_those_given(self, subject: TransportUnderTest) -> None:
        await _put(subject, "source", options=PutOptions(tags={"old": "1"}))
        source, target = subject.ref("source"), subject.ref("target")
        await subject.transport.copy_object(source, target)
        assert dict(await subject.transport.get_object_tagging(target)) == {"old": "1"}
        replace = CopyOptions(tagging_directive="REPLACE", tags={"new": "2"})
        await subject.transport.copy_object(source, target, options=replace)
        assert dict(await subject.transport.get_object_tagging(target)) == {"new": "2"}

    async def test_more_than_ten_tags_are_refused(self, subject: TransportUnderTest) -> None:
        tags = {str(number): "" for number in range(11)}
        with _refused(11, 10):
            await subject.transport.put_object_tagging(subject.ref("missing"), tags)
        with _refused(11, 10):
            await _put(subject, "missing", options=PutOptions(tags=tags))
        assert subject.get("missing") is None

    # --- access ----------------------------------------------------------------------------------

    @requires("acl")
    async def test_an_object_is_given_an_acl(self, subject: TransportUnderTest) -> None:
        subject.put("key", b"x")
        ref, transport = subject.ref("key"), subject.transport
        private = await transport.get_object_acl(ref)
        assert private.owner
        assert [grant.permission for grant in private.grants] == ["FULL_CONTROL"]
        await transport.put_object_acl(ref, "public-read")
        public = {(grant.grantee, grant.permission) for grant in (await transport.get_object_acl(ref)).grants}
        assert (_ALL_USERS, "READ") in public
        assert ("READ") not in {grant.permission for grant in private.grants}

    @requires("acl")
    async def test_an_object_is_written_with_its_acl(self, subject: TransportUnderTest) -> None:
        await _put(subject, "key", options=PutOptions(acl="public-read"))
        grants = (await subject.transport.get_object_acl(subject.ref("key"))).grants
        assert (_ALL_USERS, "READ") in {(grant.grantee, grant.permission) for grant in grants}

    @requires("acl")
    async def test_a_bucket_is_given_an_acl(self, subject: TransportUnderTest) -> None:
        assert (await subject.transport.get_bucket_acl(subject.bucket)).owner
        await subject.transport.put_bucket_acl(subject.bucket, "public-read")
        grants = (await subject.transport.get_bucket_acl(subject.bucket)).grants
        assert (_ALL_USERS, "READ") in {(grant.grantee, grant.permission) for grant in grants}

    @requires("acl")
    async def test_a_bucket_is_created_with_its_acl(self, subject: TransportUnderTest) -> None:
        async with _other_bucket(subject, acl="public-read") as bucket:
            grants = (await subject.transport.get_bucket_acl(bucket)).grants
            assert (_ALL_USERS, "READ") in {(grant.grantee, grant.permission) for grant in grants}

    # --- presigned_url ---------------------------------------------------------------------------

    @requires("presigned_urls")
    @pytest.mark.parametrize("key", ["key", "a + \u00fc%20?#&="])
    async def test_a_presigned_url_does_one_request_without_credentials(
        self, subject: TransportUnderTest, key: str
    ) -> None:
        async def fetch(operation: PresignedOperation, body: bytes | None = None) -> bytes:
            url = await subject.transport.presigned_url(operation, subject.ref(key), expires_in=60)
            for secret in subject.secrets:
                assert secret not in url
            return _fetch(url, method=operation.split("_")[0].upper(), body=body)[1]

        await fetch("put_object", _DIGITS)
        assert subject.get(key) == _DIGITS
        assert await fetch("get_object") == _DIGITS
        assert await fetch("head_object") == b""
        await fetch("delete_object")
        assert subject.get(key) is None

    @requires("presigned_urls")
    async def test_a_presigned_url_carries_extra_args(self, subject: TransportUnderTest) -> None:
        subject.put("key", b"x")
        options = RequestOptions(extra_args={"ResponseContentType": "text/x-test"})
        url = await subject.transport.presigned_url("get_object", subject.ref("key"), options=options)
        assert _fetch(url)[2]["Content-Type"] == "text/x-test"

    @requires("presigned_urls", "range_status_206")
    async def test_a_range_of_a_presigned_url_is_a_partial_answer(self, subject: TransportUnderTest) -> None:
        subject.put("key", _DIGITS)
        url = await subject.transport.presigned_url("get_object", subject.ref("key"))
        status, body, _ = _fetch(url, headers={"Range": ByteRange(3, 7).header()})
        assert (status, body) == (206, b"3456")

    @requires("presigned_urls", "versions")
    async def test_a_presigned_url_is_of_the_version(self, subject: TransportUnderTest) -> None:
        first, _ = await _put_versions(subject, "key", b"first", b"second")
        url = await subject.transport.presigned_url("get_object", subject.ref("key", first))
        assert _fetch(url)[1] == b"first"

    @pytest.mark.parametrize("seconds", [-1, 0, MAX_PRESIGNED_SECONDS + 1])
    async def test_a_life_of_a_url_out_of_bounds_is_refused(self, subject: TransportUnderTest, seconds: int) -> None:
        with _refused(seconds, MAX_PRESIGNED_SECONDS):
            await subject.transport.presigned_url("get_object", subject.ref("key"), expires_in=seconds)

    # --- what holds for every method -------------------------------------------------------------

    @pytest.mark.parametrize("name", sorted(_CALLS.keys() - _WITHOUT_BUCKET))
    async def test_a_bucket_that_is_not_there_is_not_found(self, subject: TransportUnderTest, name: str) -> None:
        if name in _KNOWN_WITH:
            _skip_without(self, _KNOWN_WITH[name])
        missing = f"{subject.bucket}-missing"
        operation, with_key, _ = _CALLS[name]
        with pytest.raises(S3NotFoundError) as caught:
            await _call(name, subject.transport, missing)
        _check_error(caught.value, subject, operation, missing, _KEY if with_key else None)
        assert isinstance(caught.value, FileNotFoundError)
        assert caught.value.status == 404
        assert not caught.value.retryable

    @pytest.mark.parametrize("name", ["get_object_tagging", "put_object_tagging", "get_object_acl", "put_object_acl"])
    async def test_a_key_that_is_not_there_is_not_found(self, subject: TransportUnderTest, name: str) -> None:
        _skip_without(self, _KNOWN_WITH[name])
        with pytest.raises(S3NotFoundError) as caught:
            await _call(name, subject.transport, subject.bucket)
        _check_error(caught.value, subject, _CALLS[name][0], subject.bucket, _KEY)

    @pytest.mark.parametrize("name", sorted(_CALLS))
    async def test_an_argument_that_s3_does_not_have_is_not_supported(
        self, subject: TransportUnderTest, name: str
    ) -> None:
        # Ignoring it would be S3NotFoundError there, or do no harm.
        bucket = f"{subject.bucket}-missing"
        with pytest.raises(S3NotSupportedError) as caught:
            await _call(name, subject.transport, bucket, NoSuchArgument="x")
        assert "NoSuchArgument" in str(caught.value)
        assert isinstance(caught.value, NotImplementedError)
        assert not caught.value.retryable
        assert caught.value.operation == _CALLS[name][0]

    @pytest.mark.parametrize("name", sorted(_CALLS))
    async def test_a_closed_transport_refuses_every_method(self, subject: TransportUnderTest, name: str) -> None:
        await subject.transport.aclose()
        with pytest.raises(S3ClosedError):
            await _call(name, subject.transport, subject.bucket)

    async def test_closing_again_does_nothing(self, subject: TransportUnderTest) -> None:
        await subject.transport.aclose()
        await subject.transport.aclose()

    async def test_a_transport_that_was_never_used_can_be_closed(self, subject: TransportUnderTest) -> None:
        await subject.transport.aclose()

    def test_closing_lets_requests_under_way_end_first(self, subject: TransportUnderTest) -> None:
        data = _pattern(1_000_000)
        subject.put("key", data)

        async def read_and_close() -> bytes:
            reading = asyncio.create_task(_read(subject, "key"))
            await asyncio.sleep(0)  # begins the task
            await subject.transport.aclose()
            return await reading

        assert asyncio.run(read_and_close()) == data

    def test_repr_differs_from_transport_to_transport(self, subject: TransportUnderTest) -> None:
        sibling = _hook(subject.sibling, "sibling")
        assert repr(subject.transport) != repr(sibling)

    async def test_repr_shows_no_secret(self, subject: TransportUnderTest) -> None:
        subject.put("key", b"x")
        await _read(subject, "key")
        for secret in subject.secrets:
            assert secret not in repr(subject.transport)
            assert secret not in str(subject.transport)

    # --- several event loops, threads, and requests at once --------------------------------------

    def test_one_event_loop_after_another(self, subject: TransportUnderTest) -> None:
        subject.put("key", _DIGITS)
        for _ in range(3):
            assert asyncio.run(_read(subject, "key")) == _DIGITS

    def test_event_loops_in_several_threads_at_once(self, subject: TransportUnderTest) -> None:
        data = _pattern(10_000)
        subject.put("key", data)

        def run(offset: int) -> list[bytes]:
            return asyncio.run(_read_ranges(subject, "key", range(offset, 10_000, 1000)))

        with ThreadPoolExecutor(3) as pool:
            for offset, answers in enumerate(pool.map(run, range(3))):
                assert answers == [data[start : start + 100] for start in range(offset, 10_000, 1000)]

    def test_several_threads_at_once(self, subject: TransportUnderTest) -> None:
        for number in range(8):
            subject.put(str(number), str(number).encode() * 1000)
        answers = _in_threads(subject, [_read(subject, str(number)) for number in range(8)])
        assert answers == [str(number).encode() * 1000 for number in range(8)]

    def test_fifty_reads_at_once_are_all_correct(self, subject: TransportUnderTest) -> None:
        data = _pattern(50_000)
        subject.put("key", data)
        answers = asyncio.run(_read_ranges(subject, "key", range(0, 50_000, 1000)))
        assert answers == [data[start : start + 100] for start in range(0, 50_000, 1000)]

    def test_fifty_reads_at_once_fill_one_buffer(self, subject: TransportUnderTest) -> None:
        data = _pattern(500_000)
        subject.put("key", data)
        buffer = bytearray(len(data))

        async def read() -> None:
            await asyncio.gather(
                *(
                    subject.transport.get_object_range(
                        subject.ref("key"),
                        ByteRange(start, start + 10_000),
                        into=memoryview(buffer)[start : start + 10_000],
                    )
                    for start in range(0, len(data), 10_000)
                )
            )

        asyncio.run(read())
        assert buffer == data

    # --- cancellation, and bodies that break off -------------------------------------------------

    def test_a_cancelled_read_ends_at_once_and_leaves_the_buffer_alone(self, subject: TransportUnderTest) -> None:
        with _hook(subject.stall, "stall")() as stalled:
            buffer = bytearray(len(stalled.data))
            mine = b"\xaa" * len(buffer)

            async def cancel_in_mid_body() -> float:
                reading = asyncio.create_task(
                    stalled.transport.get_object_range(stalled.ref, ByteRange(0), into=memoryview(buffer))
                )
                assert await asyncio.to_thread(stalled.started.wait, 10)
                reading.cancel()
                began = time.perf_counter()
                with pytest.raises(asyncio.CancelledError):
                    await reading
                took = time.perf_counter() - began
                buffer[:] = mine
                stalled.release()
                assert await asyncio.to_thread(stalled.finished.wait, 10)
                await stalled.transport.aclose()  # waits for what was under way
                return took

            took = asyncio.run(cancel_in_mid_body())
            assert buffer == mine
            assert took < 0.5  # of a second

    def test_a_transport_works_after_a_cancelled_read(self, subject: TransportUnderTest) -> None:
        with _hook(subject.stall, "stall")() as stalled:

            async def read_again() -> bytes:
                reading = asyncio.create_task(stalled.transport.get_object_range(stalled.ref, ByteRange(0)))
                assert await asyncio.to_thread(stalled.started.wait, 10)
                reading.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await reading
                stalled.release()
                return bytes((await stalled.transport.get_object_range(stalled.ref, ByteRange(0))).data)

            assert asyncio.run(read_again()) == stalled.data

    @pytest.mark.parametrize("with_buffer", [True, False], ids=["into a buffer", "without a buffer"])
    def test_a_body_that_breaks_off_tells_what_arrived(self, subject: TransportUnderTest, with_buffer: bool) -> None:
        with _hook(subject.stall, "stall")() as stalled:
            start = 10
            buffer = bytearray(len(stalled.data))

            async def read() -> ObjectRange:
                reading = asyncio.create_task(
                    stalled.transport.get_object_range(
                        stalled.ref, ByteRange(start), into=memoryview(buffer) if with_buffer else None
                    )
                )
                assert await asyncio.to_thread(stalled.started.wait, 10)
                stalled.break_off()
                return await reading

            with pytest.raises(S3IncompleteReadError) as caught:
                asyncio.run(read())
            error = caught.value
            _check_error(error, subject, "GetObject", stalled.ref.bucket, stalled.ref.key)
            assert error.retryable
            assert isinstance(error, ConnectionError)
            assert (error.start, error.etag, error.object_size) == (start, stalled.etag, len(stalled.data))
            assert 0 <= error.received <= stalled.sent
            if with_buffer:
                assert error.received > 0
                assert buffer[: error.received] == stalled.data[start : start + error.received]

    def test_the_outcome_of_a_cancelled_write_is_known_when_it_ends(self, subject: TransportUnderTest) -> None:
        body = _pattern(2_000_000)

        async def cancel() -> PutResult | BaseException:
            writing = asyncio.create_task(_put(subject, "key", body))
            await asyncio.sleep(0)  # begins the task
            writing.cancel()
            [outcome] = await asyncio.gather(writing, return_exceptions=True)
            return outcome

        outcome = asyncio.run(cancel())
        found = subject.get("key")
        assert isinstance(outcome, (PutResult, asyncio.CancelledError))
        assert found in (None, body)
        for _ in range(3):  # time for a write that goes on behind our back
            subject.put("other", body)
        assert subject.get("key") == found


def _hook(hook: T | None, name: str) -> T:
    if hook is None:
        pytest.skip(f"the subject has no {name!r}")
    return hook


def _fetch(
    url: str, *, method: str = "GET", body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> tuple[int, bytes, Mapping[str, str]]:
    """Status, body and headers of a plain HTTP request."""
    sent = {"Content-Type": "application/octet-stream", **(headers or {})} if body else dict(headers or {})
    request = urllib.request.Request(url, data=body, method=method, headers=sent)
    with urllib.request.urlopen(request, timeout=10) as response:
        return response.status, response.read(), response.headers


async def _read_ranges(subject: TransportUnderTest, key: str, starts: Sequence[int]) -> list[bytes]:
    """A hundred bytes from each of these places, all at once."""
    answers = await asyncio.gather(
        *(subject.transport.get_object_range(subject.ref(key), ByteRange(start, start + 100)) for start in starts)
    )
    return [bytes(answer.data) for answer in answers]
