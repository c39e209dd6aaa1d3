"""The values that cross the seam: what a transport is asked with, and what it answers.

Everything here is a frozen, slotted dataclass with our own names; no dict of boto3's crosses the seam.
Options are dataclasses too, so that a new field breaks nobody who implements or calls a transport.

This module knows the standard library and ``typing_extensions`` only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, Literal, TypeAlias, TypedDict

__all__ = [
    "MAX_DELETE_KEYS",
    "MAX_PAGE_SIZE",
    "MAX_PARTS",
    "MAX_PART_SIZE",
    "MAX_PRESIGNED_SECONDS",
    "MAX_TAGS",
    "MIN_PART_SIZE",
    "AccessControl",
    "BucketInfo",
    "BucketPage",
    "ByteRange",
    "CompletedPart",
    "ConnectOptions",
    "CopyOptions",
    "CustomerKey",
    "DeleteError",
    "DeleteOptions",
    "DeleteResult",
    "DeletedObject",
    "GetOptions",
    "Grant",
    "ListPage",
    "MultipartUpload",
    "ObjectInfo",
    "ObjectKey",
    "ObjectRange",
    "ObjectRef",
    "ObjectSummary",
    "ObjectVersion",
    "PutOptions",
    "PutResult",
    "RequestOptions",
    "UploadPage",
    "VersionPage",
    "VersioningStatus",
    "let_go",
]

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
MIN_PART_SIZE: Final = 5 * 2**20
"""Smallest part of a multipart upload, in bytes; the last part may be smaller."""
MAX_PART_SIZE: Final = 5 * 2**30
"""Largest part, and largest body of one PutObject or CopyObject, in bytes."""
MAX_PARTS: Final = 10_000
"""Most parts of one multipart upload; part numbers are 1 to this."""
MAX_DELETE_KEYS: Final = 1000
"""Most keys of one DeleteObjects request."""
MAX_PAGE_SIZE: Final = 1000
"""Most entries of one page of a listing."""
MAX_TAGS: Final = 10
"""Most tags of one object."""
MAX_PRESIGNED_SECONDS: Final = 604_800
"""Longest life of a presigned URL (SigV4), in seconds: seven days."""

VersioningStatus: TypeAlias = Literal["Enabled", "Suspended"]

_NOTHING: Final[Mapping[str, object]] = MappingProxyType({})
_NO_STRINGS: Final[Mapping[str, str]] = MappingProxyType({})


def _no_strings() -> Mapping[str, str]:
    return _NO_STRINGS


def _nothing() -> Mapping[str, object]:
    return _NOTHING


# --- how to reach S3 -----------------------------------------------------------------------------


class ConnectOptions(TypedDict, total=False):
    """How to reach S3, with s3fs's names. What is None or left out is left to boto3: environment, profile, role.

    Attributes:
        key: AWS access key id.
        secret: AWS secret access key.
        token: AWS session token of ``key`` and ``secret``.
        anon: send requests unsigned; the credentials above are then left out.
        endpoint_url: URL of an S3-compatible server. Unless ``config_kwargs`` or the environment say otherwise,
            checksums are then sent and expected only where S3 requires them. Plain http to another machine than this is
            warned of, unless ``anon``: credentials are not safe there.
        use_ssl: use https where the endpoint does not say; True if left out. ``client_kwargs`` wins over it.
        client_kwargs: further arguments of ``boto3.session.Session.client``; the other options win over it.
        config_kwargs: further arguments of ``botocore.config.Config``. ``max_pool_connections`` is ``max_concurrency``
            where that is not given, and ``retries`` are off: they are made above the transport.
        profile: a profile of the AWS configuration files.
        region_name: AWS region.
        connect_timeout: seconds to connect in, more than 0; 5 if left out.
        read_timeout: seconds without a byte until a request fails, more than 0; 15 if left out.
        fast_path: whether the requests that carry the load may go beside boto3, where nothing speaks against it
            (proxies, event handlers, what traces or mocks botocore); True if left out.
    """

    key: str | None
    secret: str | None
    token: str | None
    anon: bool
    endpoint_url: str | None
    use_ssl: bool
    client_kwargs: Mapping[str, Any] | None
    config_kwargs: Mapping[str, Any] | None
    profile: str | None
    region_name: str | None
    connect_timeout: float | None
    read_timeout: float | None
    fast_path: bool | None


# --- what a request is about ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ObjectRef:
    """One object, or one version of it.

    Args:
        bucket: bucket name, or an access point's ARN.
        key: the object's key, exactly as S3 has it: no decoding, no normalizing, 1 to 1024 bytes of UTF-8.
        version_id: one version; None is the current one.
    """

    bucket: str
    key: str
    version_id: str | None = None

    def __post_init__(self) -> None:
        if not self.bucket:
            raise ValueError(f"an object needs a bucket, got an empty one (key {self.key!r})")
        _check_key(self.key)


@dataclass(frozen=True, slots=True)
class ObjectKey:
    """One key, or one version of it, in a bucket that is named elsewhere (DeleteObjects)."""

    key: str
    version_id: str | None = None

    def __post_init__(self) -> None:
        if not (self.key and self.key.isascii()):  # else there is nothing to check, of many
            _check_key(self.key)


def _check_key(key: str) -> None:
    if not key:
        raise ValueError("a key has 1 to 1024 bytes, got an empty one")
    try:
        key.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"a key is text that UTF-8 can encode, got {key!r}") from error


@dataclass(frozen=True, slots=True)
class ByteRange:
    """Bytes ``start`` to ``stop``, half open, as Python's slices are.

    Args:
        start: first byte, 0 or more.
        stop: one past the last byte, more than ``start``; None is "to the end".

    Raises:
        ValueError: the range is empty, inverted or negative. S3 has no such ranges: it *ignores* a Range header
            that it cannot read and answers with the whole object (RFC 9110, section 14.2).
    """

    start: int
    stop: int | None = None

    def __post_init__(self) -> None:
        if self.start < 0:
            raise ValueError(f"a byte range starts at 0 or later, got start={self.start}; resolve it by the size first")
        if self.stop is not None and self.stop <= self.start:
            raise ValueError(f"a byte range holds at least one byte, got start={self.start}, stop={self.stop}")

    @property
    def size(self) -> int | None:
        """Bytes asked for; None if the range is open."""
        return None if self.stop is None else self.stop - self.start

    def header(self) -> str:
        """The value of the Range header (RFC 9110, section 14.1.2)."""
        return f"bytes={self.start}-{'' if self.stop is None else self.stop - 1}"


# --- options -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CustomerKey:
    """A key of the caller's for server-side encryption (SSE-C). Shows itself nowhere.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/ServerSideEncryptionCustomerKeys.html
    """

    key: bytes = field(repr=False)
    algorithm: str = "AES256"


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestOptions:
    """What any request may carry.

    Args:
        requester_pays: the requester pays for the request (``RequestPayer``); without meaning where S3 has no such
            parameter (buckets themselves).
        expected_bucket_owner: account id; a bucket of somebody else's is refused.
        extra_args: further parameters of the S3 operation by S3's own names (``{"ChecksumMode": "ENABLED"}``).
            A transport that does not know one raises `S3NotSupportedError`; it never drops one silently.
    """

    requester_pays: bool = False
    expected_bucket_owner: str | None = None
    extra_args: Mapping[str, object] = field(default_factory=_nothing)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteOptions(RequestOptions):
    """Options of DeleteObjects.

    Args:
        quiet: nobody wants to know what was deleted, only what was not: S3 need not tell it then.
    """

    quiet: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class GetOptions(RequestOptions):
    """Options of HeadObject and GetObject.

    Args:
        if_match: an ETag; anything else in its place is `S3PreconditionError` (412).
        if_none_match: an ETag; the same object is `S3NotModifiedError` (304).
        if_modified_since: an object not modified since is `S3NotModifiedError` (304).
        if_unmodified_since: an object modified since is `S3PreconditionError` (412).
        part_number: 1 to 10 000; the bytes of this part of a multipart object instead of a range.
        customer_key: the SSE-C key that the object was written with.

    Raises:
        ValueError: ``part_number`` is out of its bounds, or a time has no time zone.
    """

    if_match: str | None = None
    if_none_match: str | None = None
    if_modified_since: datetime | None = None
    if_unmodified_since: datetime | None = None
    part_number: int | None = None
    customer_key: CustomerKey | None = None

    def __post_init__(self) -> None:
        if self.part_number is not None and not 1 <= self.part_number <= MAX_PARTS:
            raise ValueError(f"part_number is 1 to {MAX_PARTS}, got {self.part_number}")
        for time in (self.if_modified_since, self.if_unmodified_since):
            if time is not None and time.tzinfo is None:
                raise ValueError(f"a time needs a time zone, got {time!r}: use datetime(…, tzinfo=timezone.utc)")


@dataclass(frozen=True, slots=True, kw_only=True)
class PutOptions(RequestOptions):
    """Options of every request that writes an object. A request takes those that mean something to it:

    * PutObject, CreateMultipartUpload: all but the conditions (PutObject has these too);
    * CompleteMultipartUpload: ``if_match``, ``if_none_match``, ``customer_key``;
    * UploadPart: ``customer_key``.

    Args:
        if_match: write only over an object with this ETag; otherwise `S3PreconditionError` (412), and
            `S3NotFoundError` where there is none.
        if_none_match: ``"*"`` writes only where no object is; otherwise `S3AlreadyExistsError` (412). A write at the
            same time may end in `S3ConflictError` (409).
        content_type: MIME type; None leaves the choice to S3 (``binary/octet-stream``).
        metadata: user metadata, without the ``x-amz-meta-`` prefix; S3 lower-cases the names.
        acl: canned ACL (``private``, ``public-read`` …).
        storage_class: ``STANDARD``, ``GLACIER`` …
        tags: object tags, at most 10.
        server_side_encryption: ``AES256``, ``aws:kms``, ``aws:kms:dsse``.
        kms_key_id: the KMS key, with ``aws:kms``.
        customer_key: the key for SSE-C.

    The other content fields are the headers of their names.

    Raises:
        ValueError: more than 10 tags.
    """

    if_match: str | None = None
    if_none_match: Literal["*"] | None = None
    content_type: str | None = None
    content_encoding: str | None = None
    content_disposition: str | None = None
    content_language: str | None = None
    cache_control: str | None = None
    metadata: Mapping[str, str] = field(default_factory=_no_strings)
    acl: str | None = None
    storage_class: str | None = None
    tags: Mapping[str, str] = field(default_factory=_no_strings)
    server_side_encryption: str | None = None
    kms_key_id: str | None = None
    customer_key: CustomerKey | None = None

    def __post_init__(self) -> None:
        if len(self.tags) > MAX_TAGS:
            raise ValueError(f"an object has at most {MAX_TAGS} tags, got {len(self.tags)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyOptions(PutOptions):
    """Options of CopyObject and UploadPartCopy (of which the latter takes the ``source_`` ones and ``customer_key``).

    Args:
        source_if_match: copy only this ETag of the source; otherwise `S3PreconditionError`.
        source_customer_key: the SSE-C key that the source was written with.
        metadata_directive: ``COPY`` keeps content headers and metadata of the source, ``REPLACE`` takes those given
            here.
        tagging_directive: the same for tags.
    """

    source_if_match: str | None = None
    source_customer_key: CustomerKey | None = None
    metadata_directive: Literal["COPY", "REPLACE"] = "COPY"
    tagging_directive: Literal["COPY", "REPLACE"] = "COPY"


# --- answers -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectInfo:
    """What HeadObject tells of an object. An ETag keeps its quotes, as S3 sends and expects it.

    ``size`` is in bytes; with ``part_number`` it is the part's, and ``parts_count`` tells how many there are.
    """

    key: str
    size: int
    etag: str
    last_modified: datetime | None = None
    version_id: str | None = None
    content_type: str | None = None
    content_encoding: str | None = None
    content_disposition: str | None = None
    content_language: str | None = None
    cache_control: str | None = None
    storage_class: str | None = None
    server_side_encryption: str | None = None
    kms_key_id: str | None = None
    parts_count: int | None = None
    metadata: Mapping[str, str] = field(default_factory=_no_strings)


@dataclass(frozen=True, slots=True)
class ObjectRange:
    """Bytes of an object.

    Args:
        data: the bytes; ``into[:size]`` if a buffer was given.
        start: where in the object they begin.
        size: how many there are; fewer than asked at the end of the object.
        object_size: the whole object's size in bytes.
        etag: of the object that they came from, with its quotes.
        version_id: of that object, in a bucket with versions.
        info: all that the answer told of the object, if the transport passes it on.
    """

    data: bytes | memoryview
    start: int
    size: int
    object_size: int
    etag: str
    version_id: str | None = None
    info: ObjectInfo | None = None


def let_go(answer: object) -> None:
    """Give up the view into the caller's buffer that an answer may have which the caller will not get.

    Whoever owns a buffer minds views: it can be neither resized nor handed out as long as there is one.
    """
    if isinstance(answer, ObjectRange) and isinstance(answer.data, memoryview):
        answer.data.release()


@dataclass(frozen=True, slots=True)
class PutResult:
    """What was written: its ETag (with quotes) and, in a bucket with versions, its version."""

    etag: str
    version_id: str | None = None
    last_modified: datetime | None = None


@dataclass(frozen=True, slots=True)
class MultipartUpload:
    """An upload that was begun and neither completed nor aborted. ``initiated`` is known to listings only."""

    bucket: str
    key: str
    upload_id: str
    initiated: datetime | None = None


@dataclass(frozen=True, slots=True)
class CompletedPart:
    """A part that S3 has.

    Args:
        part_number: 1 to 10 000.
        etag: as UploadPart answered it, with quotes.
        checksums: base64 by lower-case algorithm (``{"crc32": "…"}``), where the answer brought some;
            CompleteMultipartUpload sends them back.
    """

    part_number: int
    etag: str
    checksums: Mapping[str, str] = field(default_factory=_no_strings)


@dataclass(frozen=True, slots=True)
class DeletedObject:
    """A key that is gone; ``delete_marker`` says that a marker was written or removed, of that version."""

    key: str
    version_id: str | None = None
    delete_marker: bool = False
    delete_marker_version_id: str | None = None


@dataclass(frozen=True, slots=True)
class DeleteError:
    """A key that could not be deleted, and why (S3's code and words)."""

    key: str
    version_id: str | None
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class DeleteResult:
    """What DeleteObjects did. Every key that was asked for stands in exactly one of the two.

    With `DeleteOptions.quiet` what was deleted may stand nowhere.
    """

    deleted: tuple[DeletedObject, ...] = ()
    errors: tuple[DeleteError, ...] = ()


@dataclass(frozen=True, slots=True)
class ObjectSummary:
    """An object as ListObjectsV2 shows it; ``size`` in bytes."""

    key: str
    size: int
    etag: str
    last_modified: datetime
    storage_class: str | None = None


@dataclass(frozen=True, slots=True)
class ListPage:
    """One page of ListObjectsV2: objects and common prefixes, each in the order of UTF-8 bytes.

    ``next_token`` is None on the last page, and opaque otherwise.
    """

    objects: tuple[ObjectSummary, ...] = ()
    prefixes: tuple[str, ...] = ()
    next_token: str | None = None


@dataclass(frozen=True, slots=True)
class ObjectVersion:
    """A version of an object, or a delete marker (with size 0 and no ETag)."""

    key: str
    version_id: str
    is_latest: bool
    last_modified: datetime
    size: int = 0
    etag: str = ""
    is_delete_marker: bool = False
    storage_class: str | None = None


@dataclass(frozen=True, slots=True)
class VersionPage:
    """One page of ListObjectVersions: versions and delete markers by key, the newest of a key first."""

    versions: tuple[ObjectVersion, ...] = ()
    prefixes: tuple[str, ...] = ()
    next_token: str | None = None


@dataclass(frozen=True, slots=True)
class UploadPage:
    """One page of ListMultipartUploads."""

    uploads: tuple[MultipartUpload, ...] = ()
    next_token: str | None = None


@dataclass(frozen=True, slots=True)
class BucketInfo:
    """A bucket, and what the request told of it."""

    name: str
    region: str | None = None
    created: datetime | None = None


@dataclass(frozen=True, slots=True)
class BucketPage:
    """One page of ListBuckets."""

    buckets: tuple[BucketInfo, ...] = ()
    next_token: str | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """One grant of an ACL: to whom (a canonical user id, an e-mail address or a group's URI) and what."""

    grantee: str
    permission: str


@dataclass(frozen=True, slots=True)
class AccessControl:
    """The ACL of an object or a bucket."""

    owner: str | None = None
    grants: tuple[Grant, ...] = ()
