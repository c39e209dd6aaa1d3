"""A fake of S3 in the memory of this process, for tests: yours and ours.

It is a fake of S3's *behaviour*, not a recorder of calls: versions, conditions, multipart rules, listing order and the
error codes are those of S3, so that code which passes on it has a chance to pass on S3.

This module knows the standard library, ``typing_extensions`` and the seam (`pyathena.transport.protocol`) only.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import re
import threading
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final, Never, TypeVar, get_args
from urllib.parse import quote, urlencode

from typing_extensions import Buffer, override

from pyathena.transport.checks import (
    check_begin_options,
    check_between,
    check_body,
    check_buffer,
    check_delete_keys,
    check_part_range,
    check_tags,
    check_target,
)
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
from pyathena.transport.protocol import PresignedOperation, S3Transport
from pyathena.transport.told import tell_object
from pyathena.transport.values import (
    MAX_PAGE_SIZE,
    MAX_PART_SIZE,
    MAX_PARTS,
    MAX_PRESIGNED_SECONDS,
    AccessControl,
    BucketInfo,
    BucketPage,
    ByteRange,
    CompletedPart,
    CopyOptions,
    CustomerKey,
    DeletedObject,
    DeleteError,
    DeleteOptions,
    DeleteResult,
    GetOptions,
    Grant,
    ListPage,
    MultipartUpload,
    ObjectInfo,
    ObjectKey,
    ObjectRange,
    ObjectRef,
    ObjectSummary,
    ObjectVersion,
    PutOptions,
    PutResult,
    RequestOptions,
    UploadPage,
    VersioningStatus,
    VersionPage,
)

__all__ = ["InMemoryTransport"]

_REQUEST: Final = RequestOptions()
_DELETE: Final = DeleteOptions()
_GET: Final = GetOptions()
_PUT: Final = PutOptions()
_COPY: Final = CopyOptions()

_ACCOUNT_ID: Final = "123456789012"
_OWNER: Final = "75aa57f09aa0c8caeab4f8c24e99d10f8e7faeebf76c078efc7c6caea54ba06a"
_DEFAULT_CONTENT_TYPE: Final = "binary/octet-stream"
_UNVERSIONED: Final = "null"

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
_BUCKET_NAME: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
_MAX_KEY_BYTES: Final = 1024
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html
_MAX_METADATA_BYTES: Final = 2048
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html
_MAX_TAG_KEY: Final = 128
_MAX_TAG_VALUE: Final = 256

# https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html#AmazonS3-PutObject-request-header-StorageClass
_FREQUENT: Final = frozenset(["STANDARD", "REDUCED_REDUNDANCY", "INTELLIGENT_TIERING", "EXPRESS_ONEZONE"])
_INFREQUENT: Final = frozenset(["STANDARD_IA", "ONEZONE_IA", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE"])
_ELSEWHERE: Final = frozenset(["OUTPOSTS", "SNOW", "FSX_OPENZFS", "FSX_ONTAP"])
_STORAGE_CLASSES: Final = _FREQUENT | _INFREQUENT | _ELSEWHERE
_ENCRYPTIONS: Final = frozenset(["AES256", "aws:kms", "aws:kms:dsse"])

_ALL_USERS: Final = "http://acs.amazonaws.com/groups/global/AllUsers"
_AUTHENTICATED_USERS: Final = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"
_LOG_DELIVERY: Final = "http://acs.amazonaws.com/groups/s3/LogDelivery"
# What each gives besides FULL_CONTROL for the owner. Here everybody's bucket is the object owner's bucket, so that
# bucket-owner-* add nothing. https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html#canned-acl
_CANNED_ACLS: Final[Mapping[str, tuple[Grant, ...]]] = {
    "private": (),
    "public-read": (Grant(_ALL_USERS, "READ"),),
    "public-read-write": (Grant(_ALL_USERS, "READ"), Grant(_ALL_USERS, "WRITE")),
    "authenticated-read": (Grant(_AUTHENTICATED_USERS, "READ"),),
    "bucket-owner-read": (),
    "bucket-owner-full-control": (),
    "log-delivery-write": (Grant(_LOG_DELIVERY, "WRITE"), Grant(_LOG_DELIVERY, "READ_ACP")),
}

_RESPONSE_OVERRIDES: Final[Mapping[str, str]] = {
    "ResponseCacheControl": "cache_control",
    "ResponseContentDisposition": "content_disposition",
    "ResponseContentEncoding": "content_encoding",
    "ResponseContentLanguage": "content_language",
    "ResponseContentType": "content_type",
}
_READ_ARGS: Final = frozenset(["ChecksumMode", *_RESPONSE_OVERRIDES])
_CHECKSUM: Final = frozenset(["ChecksumAlgorithm"])
_WRITE_ARGS: Final = frozenset(["BucketKeyEnabled", *_CHECKSUM])
_EXTRA_ARGS: Final[Mapping[str, frozenset[str]]] = {
    "HeadObject": _READ_ARGS,
    "GetObject": _READ_ARGS,
    "PutObject": _WRITE_ARGS,
    "CopyObject": _WRITE_ARGS,
    "CreateMultipartUpload": _WRITE_ARGS | {"ChecksumType"},
    "UploadPart": _CHECKSUM,
    "CompleteMultipartUpload": frozenset(["ChecksumType"]),
    "DeleteObjects": _CHECKSUM | {"BypassGovernanceRetention"},
    "ListObjectsV2": frozenset(["FetchOwner", "OptionalObjectAttributes"]),
    "ListObjectVersions": frozenset(["OptionalObjectAttributes"]),
    "PutObjectTagging": _CHECKSUM,
    "PutObjectAcl": _CHECKSUM,
    "PutBucketAcl": _CHECKSUM,
    "PutBucketVersioning": _CHECKSUM,
}

_PRESIGNED: Final[Mapping[PresignedOperation, str]] = {
    "get_object": "GetObject",
    "head_object": "HeadObject",
    "put_object": "PutObject",
    "delete_object": "DeleteObject",
}

# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html#ErrorCodeList
_REFUSALS: Final[Mapping[str, tuple[type[S3Error], int, str]]] = {
    "304": (S3NotModifiedError, 304, "Not modified"),
    "AccessDenied": (S3PermissionError, 403, "Access denied"),
    "BadRequest": (S3InvalidRequestError, 400, "Bad request"),
    "BucketAlreadyOwnedByYou": (S3AlreadyExistsError, 409, "The bucket exists already, and you own it"),
    "BucketNotEmpty": (S3ConflictError, 409, "The bucket holds objects, or versions of them"),
    "EntityTooLarge": (S3InvalidRequestError, 400, "The body is larger than 5 GiB"),
    "EntityTooSmall": (S3InvalidRequestError, 400, "A part that is not the last one is too small"),
    "InvalidArgument": (S3InvalidRequestError, 400, "Invalid argument"),
    "InvalidBucketName": (S3InvalidRequestError, 400, "The bucket name is not valid"),
    "InvalidPart": (S3InvalidRequestError, 400, "A part was not uploaded, or its ETag is another one"),
    "InvalidPartOrder": (S3InvalidRequestError, 400, "The parts are not in ascending order"),
    "InvalidRequest": (S3InvalidRequestError, 400, "Invalid request"),
    "InvalidStorageClass": (S3InvalidRequestError, 400, "The storage class is not valid"),
    "InvalidTag": (S3InvalidRequestError, 400, "A tag is not valid"),
    "KeyTooLongError": (S3InvalidRequestError, 400, f"The key is longer than {_MAX_KEY_BYTES} bytes"),
    "MetadataTooLarge": (S3InvalidRequestError, 400, f"The metadata exceeds {_MAX_METADATA_BYTES} bytes"),
    "MethodNotAllowed": (S3Error, 405, "The version is a delete marker"),
    "NoSuchBucket": (S3NotFoundError, 404, "No such bucket"),
    "NoSuchKey": (S3NotFoundError, 404, "No such key"),
    "NoSuchUpload": (S3NotFoundError, 404, "No such upload; it may have been completed or aborted"),
    "NoSuchVersion": (S3NotFoundError, 404, "No such version"),
    "PreconditionFailed": (S3PreconditionError, 412, "A condition of the request does not hold"),
}


# --- what is stored ------------------------------------------------------------------------------


@dataclass(slots=True)
class _Version:
    """One version of an object, or a delete marker. ``number`` grows with every version of the transport.

    ``body`` is never replaced, so that it can be read outside the lock.
    """

    number: int
    version_id: str
    last_modified: datetime
    body: bytes = b""
    etag: str = ""
    part_sizes: tuple[int, ...] = ()
    settings: PutOptions = _PUT
    is_marker: bool = False

    def part_span(self, part_number: int) -> tuple[int, int] | None:
        """Tell where a part begins and ends; an object that was put whole is its own part 1."""
        sizes = self.part_sizes or (len(self.body),)
        if part_number > len(sizes):
            return None
        start = sum(sizes[: part_number - 1])
        return start, start + sizes[part_number - 1]


@dataclass(frozen=True, slots=True)
class _Part:
    body: bytes
    etag: str


@dataclass(slots=True)
class _Upload:
    """A multipart upload that is open."""

    number: int
    upload_id: str
    key: str
    initiated: datetime
    settings: PutOptions
    parts: dict[int, _Part] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Entry:
    """What a listing shows: a version with its key, or (``version`` is None) a common prefix."""

    name: str
    version: _Version | None


@dataclass(slots=True)
class _Bucket:
    """A bucket; ``versions`` has each key's versions, the oldest first.

    ``keys`` is sorted as S3 sorts, by UTF-8 bytes: that is the order of code points, in which Python compares str.
    """

    name: str
    region: str
    created: datetime
    acl: str = "private"
    versioning: VersioningStatus | None = None
    keys: list[str] = field(default_factory=list)
    versions: dict[str, list[_Version]] = field(default_factory=dict)
    uploads: dict[str, _Upload] = field(default_factory=dict)

    def current(self, key: str) -> _Version | None:
        """Tell a key's newest version, unless that is a delete marker."""
        versions = self.versions.get(key)
        return versions[-1] if versions and not versions[-1].is_marker else None

    def shown_id(self, version: _Version) -> str | None:
        """Tell the version id that an answer carries; S3 names none in a bucket that never had versions."""
        return None if self.versioning is None else version.version_id

    def add(self, key: str, version: _Version) -> None:
        """Make a version the newest of its key; the "null" version replaces the one before of that id."""
        kept = [old for old in self.versions.get(key, ()) if old.version_id != version.version_id]
        if key not in self.versions:
            insort(self.keys, key)
        self.versions[key] = [*kept, version]

    def remove(self, key: str, version_id: str) -> _Version | None:
        """Remove a version and return it; None if there is none."""
        versions = self.versions.get(key, [])
        for index, version in enumerate(versions):
            if version.version_id == version_id:
                del versions[index]
                if not versions:
                    del self.versions[key]
                    del self.keys[bisect_left(self.keys, key)]
                return version
        return None

    def entries(
        self, prefix: str, delimiter: str, *, start_after: str = "", resume: _Mark | None, all_versions: bool
    ) -> Iterator[_Entry]:
        """List in order from where a page begins; what lies under a common prefix is jumped over, not walked."""
        position = self._first(prefix, delimiter, start_after, resume)
        while position < len(self.keys) and (key := self.keys[position]).startswith(prefix):
            shown = self._shown(key, resume, all_versions=all_versions)
            common = _rolled_up(key, prefix, delimiter)
            if shown and common is not None:
                yield _Entry(common, None)
                position = self._behind(common, position)
            else:
                yield from (_Entry(key, version) for version in shown)
                position += 1

    def _first(self, prefix: str, delimiter: str, start_after: str, resume: _Mark | None) -> int:
        """Tell where in ``keys`` a page begins."""
        if resume is None:
            return max(bisect_left(self.keys, prefix), bisect_right(self.keys, start_after))
        position = bisect_left(self.keys, max(prefix, resume.name))
        ended_in_prefix = _rolled_up(resume.name, prefix, delimiter) is not None
        return self._behind(resume.name, position) if ended_in_prefix else position

    def _shown(self, key: str, resume: _Mark | None, *, all_versions: bool) -> list[_Version]:
        """Tell what of a key a listing shows, the newest first, without what the page before has shown."""
        versions = self.versions[key]
        if resume is not None and key == resume.name:
            return [version for version in reversed(versions) if version.number < resume.number]
        if all_versions:
            return versions[::-1]
        return [] if versions[-1].is_marker else [versions[-1]]

    def _behind(self, prefix: str, start: int) -> int:
        """Tell where the keys end that begin with ``prefix`` and lie at ``start`` and behind."""
        return bisect_left(self.keys, True, lo=start, key=lambda key: not key.startswith(prefix))


def _rolled_up(key: str, prefix: str, delimiter: str) -> str | None:
    """Tell the common prefix that stands for a key in a listing; None if the key stands for itself."""
    end = key.find(delimiter, len(prefix)) if delimiter else -1
    return None if end < 0 else key[: end + len(delimiter)]


# --- pages ---------------------------------------------------------------------------------------

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class _Mark:
    """Where a page ended: the last name, and of its versions (or uploads) the last number; 0 is "all of them"."""

    name: str
    number: int = 0

    def token(self) -> str:
        return base64.urlsafe_b64encode(json.dumps([self.name, self.number]).encode()).decode()


def _page(entries: Iterable[_T], size: int, mark: Callable[[_T], _Mark]) -> tuple[list[_T], str | None]:
    """Take the first ``size`` entries, and the token of the next page if there are more."""
    taken = list(itertools.islice(entries, size + 1))
    token = mark(taken[size - 1]).token() if len(taken) > size else None
    return taken[:size], token


# --- one request ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Request:
    """What an error tells of the request that it refuses."""

    operation: str
    bucket: str | None = None
    key: str | None = None

    def refused(self, code: str, words: str | None = None, *, kind: type[S3Error] | None = None) -> S3Error:
        """Make the error of an S3 code; ``words`` and ``kind`` replace those of the table."""
        usual, status, usual_words = _REFUSALS[code]
        # An answer to HEAD has no body to carry a code in.
        told = str(status) if self.operation.startswith("Head") else code
        return (kind or usual)(
            words or usual_words,
            code=told,
            status=status,
            operation=self.operation,
            bucket=self.bucket,
            key=self.key,
        )

    def unsatisfiable(self, object_size: int, code: str = "InvalidRange") -> S3InvalidRangeError:
        """Make the error of a range or a part that begins behind the end."""
        return S3InvalidRangeError(
            f"The range begins behind the end of the object, which has {object_size} bytes",
            object_size=object_size,
            code="416" if self.operation.startswith("Head") else code,
            status=416,
            operation=self.operation,
            bucket=self.bucket,
            key=self.key,
        )

    def resumed(self, token: str | None) -> _Mark | None:
        """Read a page token."""
        if token is None:
            return None
        try:
            match json.loads(base64.urlsafe_b64decode(token)):
                case [str(name), int(number)]:
                    return _Mark(name, number)
        except ValueError:
            pass
        raise self.refused("InvalidArgument", "The continuation token is not one of this operation's")


# --- arguments, checked before anything happens --------------------------------------------------


def _check_write_options(options: PutOptions) -> None:
    if options.if_none_match not in (None, "*"):
        raise ValueError(f"if_none_match of a write must be '*' or None, got {options.if_none_match!r}")


def _bytes(body: Buffer) -> bytes:
    """Take what cannot change any more: ``bytes`` as they are, anything else copied."""
    return body if type(body) is bytes else memoryview(body).tobytes()


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def _etag(body: bytes) -> str:
    return f'"{_md5(body)}"'


def _multipart_etag(parts: Sequence[_Part]) -> str:
    """Make the ETag of an object of parts: the MD5 of their MD5s, and how many there are.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
    """
    digests = b"".join(bytes.fromhex(part.etag.strip('"')) for part in parts)
    return f'"{_md5(digests)}-{len(parts)}"'


# --- rules of S3 ---------------------------------------------------------------------------------


def _check_owner(request: _Request, options: RequestOptions) -> None:
    if options.expected_bucket_owner not in (None, _ACCOUNT_ID):
        raise request.refused("AccessDenied", "The bucket belongs to another account than was expected")


def _matches(version: _Version, condition: str) -> bool:
    return condition == "*" or condition.strip('"') == version.etag.strip('"')


def _check_read_conditions(request: _Request, version: _Version, options: GetOptions) -> None:
    """Apply the conditions in the order of RFC 9110, section 13.2.2: an ETag makes the date beside it void."""
    if options.if_match is not None:
        if not _matches(version, options.if_match):
            raise request.refused("PreconditionFailed")
    elif options.if_unmodified_since is not None and version.last_modified > options.if_unmodified_since:
        raise request.refused("PreconditionFailed")
    if options.if_none_match is not None:
        if _matches(version, options.if_none_match):
            raise request.refused("304")
    elif options.if_modified_since is not None and version.last_modified <= options.if_modified_since:
        raise request.refused("304")


def _check_write_conditions(request: _Request, current: _Version | None, options: PutOptions) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html"""
    if options.if_none_match is not None and current is not None:
        raise request.refused("PreconditionFailed", kind=S3AlreadyExistsError)
    if options.if_match is not None:
        if current is None:
            raise request.refused("NoSuchKey")
        if not _matches(current, options.if_match):
            raise request.refused("PreconditionFailed")


def _check_customer_key(request: _Request, version: _Version, given: CustomerKey | None) -> None:
    stored = version.settings.customer_key
    if stored == given:
        return
    if stored is None:
        raise request.refused("InvalidRequest", "The object is not encrypted with a customer key, and one was given")
    if given is None:
        raise request.refused("InvalidRequest", "The object is encrypted with a customer key, and none was given")
    raise request.refused("AccessDenied", "The customer key is not the one that the object is encrypted with")


def _check_part_key(request: _Request, upload: _Upload, given: CustomerKey | None) -> None:
    if upload.settings.customer_key != given:
        raise request.refused("InvalidRequest", "The customer key of a part must be that of its upload")


def _check_acl(request: _Request, acl: str) -> None:
    if acl not in _CANNED_ACLS:
        raise request.refused("InvalidArgument", f"No such canned ACL: {acl!r}")


def _check_tags(request: _Request, tags: Mapping[str, str]) -> None:
    for name, value in tags.items():
        if not 1 <= len(name) <= _MAX_TAG_KEY or len(value) > _MAX_TAG_VALUE:
            raise request.refused(
                "InvalidTag",
                f"A tag has a key of 1 to {_MAX_TAG_KEY} and a value of at most {_MAX_TAG_VALUE} characters: {name!r}",
            )


def _check_encryption(request: _Request, options: PutOptions) -> None:
    if options.server_side_encryption is not None and options.server_side_encryption not in _ENCRYPTIONS:
        raise request.refused("InvalidArgument", f"No such encryption: {options.server_side_encryption!r}")
    given = options.customer_key
    if given is None:
        return
    if options.server_side_encryption is not None:
        raise request.refused("InvalidArgument", "A customer key and server_side_encryption exclude each other")
    if given.algorithm != "AES256" or len(given.key) != 32:
        raise request.refused("InvalidArgument", "A customer key is 32 bytes for the algorithm AES256")


def _stored_settings(request: _Request, options: PutOptions) -> PutOptions:
    """Check and keep what an object has besides its bytes: the options without those of the request itself."""
    metadata = {name.lower(): value for name, value in options.metadata.items()}
    if sum(len(name.encode()) + len(value.encode()) for name, value in metadata.items()) > _MAX_METADATA_BYTES:
        raise request.refused("MetadataTooLarge")
    if options.storage_class is not None and options.storage_class not in _STORAGE_CLASSES:
        raise request.refused("InvalidStorageClass", f"No such storage class: {options.storage_class!r}")
    _check_acl(request, options.acl or "private")
    _check_tags(request, options.tags)
    _check_encryption(request, options)
    return PutOptions(
        content_type=options.content_type or _DEFAULT_CONTENT_TYPE,
        content_encoding=options.content_encoding,
        content_disposition=options.content_disposition,
        content_language=options.content_language,
        cache_control=options.cache_control,
        metadata=MappingProxyType(metadata),
        acl=options.acl or "private",
        storage_class=options.storage_class or "STANDARD",
        tags=MappingProxyType(dict(options.tags)),
        server_side_encryption=options.server_side_encryption,
        kms_key_id=options.kms_key_id,
        customer_key=options.customer_key,
    )


def _copied_settings(source: PutOptions, options: CopyOptions) -> CopyOptions:
    """Merge what a copy takes over from its source. ACL, storage class and encryption never come from there."""
    if options.metadata_directive == "COPY":
        options = replace(
            options,
            content_type=source.content_type,
            content_encoding=source.content_encoding,
            content_disposition=source.content_disposition,
            content_language=source.content_language,
            cache_control=source.cache_control,
            metadata=source.metadata,
        )
    return replace(options, tags=source.tags) if options.tagging_directive == "COPY" else options


def _changes_nothing(source: ObjectRef, target: ObjectRef, options: CopyOptions) -> bool:
    return source == target and (
        options.metadata_directive == "COPY"
        and options.storage_class is None
        and options.server_side_encryption is None
        and options.customer_key is None
    )


def _access_control(acl: str | None) -> AccessControl:
    return AccessControl(_OWNER, (Grant(_OWNER, "FULL_CONTROL"), *_CANNED_ACLS[acl or "private"]))


def _info(bucket: _Bucket, key: str, version: _Version, options: GetOptions) -> ObjectInfo:
    settings = version.settings
    overrides = {
        _RESPONSE_OVERRIDES[name]: str(options.extra_args[name])
        for name in _RESPONSE_OVERRIDES.keys() & options.extra_args.keys()
    }
    asked_for_part = options.part_number is not None and bool(version.part_sizes)
    return ObjectInfo(
        key=key,
        size=len(version.body),
        etag=version.etag,
        last_modified=version.last_modified,
        version_id=bucket.shown_id(version),
        content_type=overrides.get("content_type", settings.content_type),
        content_encoding=overrides.get("content_encoding", settings.content_encoding),
        content_disposition=overrides.get("content_disposition", settings.content_disposition),
        content_language=overrides.get("content_language", settings.content_language),
        cache_control=overrides.get("cache_control", settings.cache_control),
        # S3 leaves the header out for STANDARD; a listing names it.
        storage_class=None if settings.storage_class == "STANDARD" else settings.storage_class,
        server_side_encryption=settings.server_side_encryption,
        kms_key_id=settings.kms_key_id,
        parts_count=len(version.part_sizes) if asked_for_part else None,
        metadata=settings.metadata,
    )


def _utc_now() -> datetime:
    return datetime.now(UTC)


# --- the transport -------------------------------------------------------------------------------


class InMemoryTransport(S3Transport):
    """A fake of S3 for tests: all of `S3Transport`, in the memory of this process.

    Args:
        buckets: names of buckets to begin with.
        minimum_part_size: bytes that each part but the last must have when an upload is completed. S3's own is
            `MIN_PART_SIZE`; the default of 0 lets tests work with small parts.
        region: AWS region of the buckets.
        clock: tells the time, with a time zone. Times are kept in whole seconds, as S3 keeps them.

    Raises:
        ValueError: a bucket name is not valid, ``minimum_part_size`` is not within 0 to 5 GiB, ``region`` is empty.

    Its coroutines never suspend: ``coroutine.send(None)`` runs one to its end without an event loop. It belongs to no
    loop, may be used from any thread, and each request happens as a whole, as if it were the only one.

    What it does not do as S3 does:

    * ``expected_bucket_owner`` is compared with the account ``"123456789012"``; ``requester_pays`` costs nothing.
    * A `presigned_url` begins with ``memory://`` and carries no signature: it can be looked at, not be requested.
    * ``server_side_encryption`` is told again where it was given, and None where it was not (S3 says ``AES256``). The
      ETag is made of MD5s with every encryption.
    * Archived objects (``GLACIER``) can be read at once. The canned ACL ``aws-exec-read`` is not known.

    Of ``extra_args`` it honours ``ResponseCacheControl``, ``ResponseContentDisposition``, ``ResponseContentEncoding``,
    ``ResponseContentLanguage`` and ``ResponseContentType`` (HeadObject, GetObject), and accepts, since nothing that the
    seam tells depends on them: ``ChecksumMode`` (HeadObject, GetObject); ``ChecksumAlgorithm`` (all that takes a body);
    ``BucketKeyEnabled`` (PutObject, CopyObject, CreateMultipartUpload); ``ChecksumType`` (CreateMultipartUpload,
    CompleteMultipartUpload); ``BypassGovernanceRetention`` (DeleteObjects); ``FetchOwner`` (ListObjectsV2);
    ``OptionalObjectAttributes`` (ListObjectsV2, ListObjectVersions). Any other one is `S3NotSupportedError`.

    Example:
        >>> import asyncio
        >>> async def main() -> bytes | memoryview:
        ...     transport = InMemoryTransport(buckets=["bucket"])
        ...     await transport.put_object(ObjectRef("bucket", "greeting"), b"hello, world")
        ...     return (await transport.get_object_range(ObjectRef("bucket", "greeting"), ByteRange(7))).data
        >>> asyncio.run(main())
        b'world'
    """

    def __init__(
        self,
        *,
        buckets: Iterable[str] = (),
        minimum_part_size: int = 0,
        region: str = "us-east-1",
        clock: Callable[[], datetime] = _utc_now,
    ) -> None:
        check_between("minimum_part_size", minimum_part_size, 0, MAX_PART_SIZE)
        if not region:
            raise ValueError("region must be the name of an AWS region, got an empty one")
        if isinstance(buckets, str):
            raise ValueError(f"buckets must be several names, got the string {buckets!r}")
        self._minimum_part_size = minimum_part_size
        self._region = region
        self._clock = clock
        self._lock = threading.RLock()
        self._numbers = itertools.count(1)
        self._buckets: dict[str, _Bucket] = {}
        self._denied: set[tuple[str, str]] = set()
        self._closed = False
        for name in buckets:
            if not _BUCKET_NAME.fullmatch(name):
                raise ValueError(f"a bucket name has 3 to 63 of a-z, 0-9, '.' and '-', got {name!r}")
            self._buckets[name] = _Bucket(name, region, self._time())

    @override
    def __reduce__(self) -> Never:
        raise TypeError(
            f"{type(self).__name__} cannot be pickled or copied: it holds the objects of this process. Build one in "
            "each process, or share a server (moto's, MinIO) through a boto3 transport."
        )

    # Hooks for tests

    def deny(self, bucket: str, key: str) -> None:
        """Refuse from now on to read, write or delete a key, as a policy would: AccessDenied (403).

        In `delete_objects` it becomes a `DeleteError` of that key. Listings still show it. Neither the key nor the
        bucket has to exist.
        """
        with self._serve("deny", _REQUEST, bucket, key):
            self._denied.add((bucket, key))

    def allow(self, bucket: str, key: str) -> None:
        """Take `deny` back; nothing happens where nothing was denied."""
        with self._serve("allow", _REQUEST, bucket, key):
            self._denied.discard((bucket, key))

    # What every request goes through

    @contextmanager
    def _serve(
        self, operation: str, options: RequestOptions, bucket: str | None = None, key: str | None = None
    ) -> Iterator[_Request]:
        """Run one request alone, if the transport is open and knows all that is asked of it."""
        request = _Request(operation, bucket, key)
        with self._lock:
            if self._closed:
                raise S3ClosedError(
                    "The transport was closed; make a new one", operation=operation, bucket=bucket, key=key
                )
            for name in options.extra_args:
                if name not in _EXTRA_ARGS.get(operation, frozenset()):
                    raise S3NotSupportedError(
                        f"{type(self).__name__} does not know the parameter {name!r} of {operation}",
                        operation=operation,
                        bucket=bucket,
                        key=key,
                    )
            yield request

    @contextmanager
    def _in_bucket(
        self, operation: str, options: RequestOptions, name: str, key: str | None = None
    ) -> Iterator[tuple[_Request, _Bucket]]:
        """Run one request to a bucket that is there, and to a key that is not denied."""
        with self._serve(operation, options, name, key) as request:
            bucket = self._bucket(request, name)
            _check_owner(request, options)
            if key is not None:
                self._check_key(request, name, key)
            yield request, bucket

    def _bucket(self, request: _Request, name: str) -> _Bucket:
        if name not in self._buckets:
            raise request.refused("NoSuchBucket")
        return self._buckets[name]

    def _check_key(self, request: _Request, bucket: str, key: str) -> None:
        if len(key.encode()) > _MAX_KEY_BYTES:
            raise request.refused("KeyTooLongError")
        if (bucket, key) in self._denied:
            raise request.refused("AccessDenied")

    def _time(self) -> datetime:
        now = self._clock()
        if now.tzinfo is None:
            raise ValueError(f"clock must tell a time with a time zone, got {now!r}")
        return now.astimezone(UTC).replace(microsecond=0)

    def _new_version(self, bucket: _Bucket, last_modified: datetime | None = None) -> _Version:
        number = next(self._numbers)
        # Hashed, so that nobody reads an order out of them; counted, so that a test sees the same ones every time.
        version_id = _md5(b"version %d" % number) if bucket.versioning == "Enabled" else _UNVERSIONED
        return _Version(number, version_id, last_modified or self._time())

    def _find(self, request: _Request, bucket: _Bucket, ref: ObjectRef) -> _Version:
        """Find the version that is meant, or raise what S3 answers instead."""
        if ref.version_id is None:
            current = bucket.current(ref.key)
            if current is None:
                raise request.refused("NoSuchKey")
            return current
        for version in bucket.versions.get(ref.key, ()):
            if version.version_id == ref.version_id:
                if version.is_marker:
                    raise request.refused("MethodNotAllowed")
                return version
        raise request.refused("NoSuchVersion")

    def _find_source(self, request: _Request, source: ObjectRef, options: CopyOptions) -> _Version:
        """Find what a copy reads. Its errors are about the target, as S3's are."""
        self._check_key(request, source.bucket, source.key)
        version = self._find(request, self._bucket(request, source.bucket), source)
        _check_customer_key(request, version, options.source_customer_key)
        if options.source_if_match is not None and not _matches(version, options.source_if_match):
            raise request.refused("PreconditionFailed")
        return version

    def _find_upload(self, request: _Request, bucket: _Bucket, upload: MultipartUpload) -> _Upload:
        found = bucket.uploads.get(upload.upload_id)
        if found is None or found.key != upload.key:
            raise request.refused("NoSuchUpload")
        return found

    # ObjectReader

    @override
    async def head_object(self, ref: ObjectRef, *, options: GetOptions = _GET) -> ObjectInfo:
        with self._in_bucket("HeadObject", options, ref.bucket, ref.key) as (request, bucket):
            version = self._readable(request, bucket, ref, options)
            info = _info(bucket, ref.key, version, options)
            if options.part_number is None:
                return info
            # HEAD tells the Content-Length of the answer that a GET would have: that of the part.
            start, stop = self._span(request, version, ByteRange(0), options.part_number)
            return replace(info, size=stop - start)

    @override
    async def get_object_range(
        self,
        ref: ObjectRef,
        byte_range: ByteRange,
        *,
        into: memoryview | None = None,
        options: GetOptions = _GET,
    ) -> ObjectRange:
        check_part_range(byte_range, options)
        if into is not None:
            check_buffer(into, byte_range)
        with self._in_bucket("GetObject", options, ref.bucket, ref.key) as (request, bucket):
            version = self._readable(request, bucket, ref, options)
            start, stop = self._span(request, version, byte_range, options.part_number)
            info = _info(bucket, ref.key, version, options)
        tell_object(info.size, info.etag, info.version_id)
        data: bytes | memoryview
        if into is None:
            data = version.body[start:stop]
        else:
            check_buffer(into, ByteRange(0, max(stop - start, 1)))
            data = into[: stop - start]
            data[:] = memoryview(version.body)[start:stop]
        return ObjectRange(data, start, stop - start, info.size, info.etag, info.version_id, info)

    def _readable(self, request: _Request, bucket: _Bucket, ref: ObjectRef, options: GetOptions) -> _Version:
        version = self._find(request, bucket, ref)
        _check_customer_key(request, version, options.customer_key)
        _check_read_conditions(request, version, options)
        return version

    def _span(
        self, request: _Request, version: _Version, byte_range: ByteRange, part_number: int | None
    ) -> tuple[int, int]:
        """Tell which bytes a read gets, the end of the object considered."""
        size = len(version.body)
        if part_number is not None:
            span = version.part_span(part_number)
            if span is None:
                raise request.unsatisfiable(size, "InvalidPartNumber")
            return span
        if byte_range.start >= size:
            raise request.unsatisfiable(size)
        return byte_range.start, size if byte_range.stop is None else min(byte_range.stop, size)

    # ObjectWriter

    @override
    async def put_object(self, ref: ObjectRef, body: Buffer, *, options: PutOptions = _PUT) -> PutResult:
        check_target(ref)
        _check_write_options(options)
        taken = self._taken("PutObject", ref.bucket, ref.key, body)
        with self._in_bucket("PutObject", options, ref.bucket, ref.key) as (request, bucket):
            settings = _stored_settings(request, options)
            _check_write_conditions(request, bucket.current(ref.key), options)
            version = replace(self._new_version(bucket), body=taken.body, etag=taken.etag, settings=settings)
            bucket.add(ref.key, version)
            return PutResult(version.etag, bucket.shown_id(version))

    def _taken(self, operation: str, bucket: str, key: str, body: Buffer) -> _Part:
        """Copy and hash a body. Outside the lock, since that takes long for a long one."""
        check_body(body)
        if memoryview(body).nbytes > MAX_PART_SIZE:
            raise _Request(operation, bucket, key).refused("EntityTooLarge")
        taken = _bytes(body)
        return _Part(taken, _etag(taken))

    @override
    async def copy_object(self, source: ObjectRef, target: ObjectRef, *, options: CopyOptions = _COPY) -> PutResult:
        check_target(target)
        _check_write_options(options)
        with self._in_bucket("CopyObject", options, target.bucket, target.key) as (request, bucket):
            original = self._find_source(request, source, options)
            if _changes_nothing(source, target, options):
                raise request.refused("InvalidRequest", "Copying an object onto itself must change something of it")
            if len(original.body) > MAX_PART_SIZE:
                raise request.refused("InvalidRequest", "The source is larger than 5 GiB; copy it in parts")
            settings = _stored_settings(request, _copied_settings(original.settings, options))
            _check_write_conditions(request, bucket.current(target.key), options)
            version = replace(
                self._new_version(bucket), body=original.body, etag=_etag(original.body), settings=settings
            )
            bucket.add(target.key, version)
            return PutResult(version.etag, bucket.shown_id(version), version.last_modified)

    # MultipartWriter

    @override
    async def create_multipart_upload(self, ref: ObjectRef, *, options: PutOptions = _PUT) -> MultipartUpload:
        check_target(ref)
        check_begin_options(options)
        with self._in_bucket("CreateMultipartUpload", options, ref.bucket, ref.key) as (request, bucket):
            settings = _stored_settings(request, options)
            number = next(self._numbers)
            upload_id = _md5(b"upload %d" % number)
            bucket.uploads[upload_id] = _Upload(number, upload_id, ref.key, self._time(), settings)
            return MultipartUpload(ref.bucket, ref.key, upload_id)

    @override
    async def upload_part(
        self, upload: MultipartUpload, part_number: int, body: Buffer, *, options: PutOptions = _PUT
    ) -> CompletedPart:
        check_between("part_number", part_number, 1, MAX_PARTS)
        part = self._taken("UploadPart", upload.bucket, upload.key, body)
        with self._in_bucket("UploadPart", options, upload.bucket, upload.key) as (request, bucket):
            found = self._find_upload(request, bucket, upload)
            _check_part_key(request, found, options.customer_key)
            found.parts[part_number] = part
            return CompletedPart(part_number, part.etag)

    @override
    async def upload_part_copy(
        self,
        upload: MultipartUpload,
        part_number: int,
        source: ObjectRef,
        byte_range: ByteRange | None = None,
        *,
        options: CopyOptions = _COPY,
    ) -> CompletedPart:
        check_between("part_number", part_number, 1, MAX_PARTS)
        if byte_range is not None and byte_range.stop is None:
            raise ValueError(f"the range of a part must be closed, got {byte_range}")
        with self._in_bucket("UploadPartCopy", options, upload.bucket, upload.key) as (request, bucket):
            found = self._find_upload(request, bucket, upload)
            _check_part_key(request, found, options.customer_key)
            body = self._copied_bytes(request, self._find_source(request, source, options).body, byte_range)
            part = _Part(body, _etag(body))
            found.parts[part_number] = part
            return CompletedPart(part_number, part.etag)

    def _copied_bytes(self, request: _Request, source: bytes, byte_range: ByteRange | None) -> bytes:
        if byte_range is None:
            start, stop = 0, len(source)
        else:
            start, stop = byte_range.start, byte_range.stop or 0
            if start >= len(source):
                raise request.unsatisfiable(len(source))
            if stop > len(source):
                raise request.refused(
                    "InvalidArgument", f"The range {start} to {stop} is not within the source of {len(source)} bytes"
                )
        if stop - start > MAX_PART_SIZE:
            raise request.refused("InvalidRequest", "A part is at most 5 GiB")
        return source[start:stop]

    @override
    async def complete_multipart_upload(
        self, upload: MultipartUpload, parts: Sequence[CompletedPart], *, options: PutOptions = _PUT
    ) -> PutResult:
        check_between("the number of parts", len(parts), 1, MAX_PARTS)
        _check_write_options(options)
        with self._in_bucket("CompleteMultipartUpload", options, upload.bucket, upload.key) as (request, bucket):
            found = self._find_upload(request, bucket, upload)
            if options.customer_key is not None:
                _check_part_key(request, found, options.customer_key)
            chosen = self._chosen_parts(request, found, parts)
            _check_write_conditions(request, bucket.current(upload.key), options)
            # The date of a multipart object is that of its beginning:
            # https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html#SysMetadata
            version = replace(
                self._new_version(bucket, found.initiated),
                body=b"".join(part.body for part in chosen),
                etag=_multipart_etag(chosen),
                part_sizes=tuple(len(part.body) for part in chosen),
                settings=found.settings,
            )
            bucket.add(upload.key, version)
            del bucket.uploads[upload.upload_id]
            return PutResult(version.etag, bucket.shown_id(version))

    def _chosen_parts(self, request: _Request, upload: _Upload, parts: Sequence[CompletedPart]) -> list[_Part]:
        if any(part.part_number >= behind.part_number for part, behind in itertools.pairwise(parts)):
            raise request.refused("InvalidPartOrder")
        chosen = []
        for part in parts:
            stored = upload.parts.get(part.part_number)
            if stored is None or stored.etag.strip('"') != part.etag.strip('"'):
                raise request.refused("InvalidPart", f"Part {part.part_number} was not uploaded with ETag {part.etag}")
            chosen.append(stored)
        if any(len(part.body) < self._minimum_part_size for part in chosen[:-1]):
            raise request.refused("EntityTooSmall")
        return chosen

    @override
    async def abort_multipart_upload(self, upload: MultipartUpload, *, options: RequestOptions = _REQUEST) -> None:
        with self._in_bucket("AbortMultipartUpload", options, upload.bucket, upload.key) as (request, bucket):
            del bucket.uploads[self._find_upload(request, bucket, upload).upload_id]

    @override
    async def list_multipart_uploads(
        self,
        bucket: str,
        *,
        prefix: str = "",
        max_uploads: int = 1000,
        token: str | None = None,
        options: RequestOptions = _REQUEST,
    ) -> UploadPage:
        check_between("max_uploads", max_uploads, 1, MAX_PAGE_SIZE)
        with self._in_bucket("ListMultipartUploads", options, bucket) as (request, stored):
            mark = request.resumed(token) or _Mark("")
            open_uploads = sorted(stored.uploads.values(), key=lambda upload: (upload.key, upload.number))
            rest = (
                upload
                for upload in open_uploads
                if upload.key.startswith(prefix) and (upload.key, upload.number) > (mark.name, mark.number)
            )
            page, next_token = _page(rest, max_uploads, lambda upload: _Mark(upload.key, upload.number))
            shown = (MultipartUpload(bucket, upload.key, upload.upload_id, upload.initiated) for upload in page)
            return UploadPage(tuple(shown), next_token)

    # ObjectDeleter

    @override
    async def delete_objects(
        self, bucket: str, keys: Sequence[ObjectKey], *, options: DeleteOptions = _DELETE
    ) -> DeleteResult:
        check_delete_keys(keys)
        with self._in_bucket("DeleteObjects", options, bucket) as (_, stored):
            denied = [key for key in keys if (bucket, key.key) in self._denied]
            deleted = [self._delete(stored, key) for key in keys if (bucket, key.key) not in self._denied]
            words = _REFUSALS["AccessDenied"][2]
            return DeleteResult(
                () if options.quiet else tuple(deleted),
                tuple(DeleteError(key.key, key.version_id, "AccessDenied", words) for key in denied),
            )

    def _delete(self, bucket: _Bucket, key: ObjectKey) -> DeletedObject:
        """https://docs.aws.amazon.com/AmazonS3/latest/userguide/DeletingObjectVersions.html"""
        if key.version_id is not None:
            removed = bucket.remove(key.key, key.version_id)
            if removed is not None and removed.is_marker:
                return DeletedObject(key.key, key.version_id, True, key.version_id)
            return DeletedObject(key.key, key.version_id)
        if bucket.versioning is None:
            bucket.remove(key.key, _UNVERSIONED)
            return DeletedObject(key.key)
        # Also for a key that does not exist: S3 does not look.
        marker = replace(self._new_version(bucket), is_marker=True)
        bucket.add(key.key, marker)
        return DeletedObject(key.key, None, True, marker.version_id)

    # ObjectLister

    @override
    async def list_objects(
        self,
        bucket: str,
        *,
        prefix: str = "",
        delimiter: str = "",
        start_after: str = "",
        max_keys: int = 1000,
        token: str | None = None,
        options: RequestOptions = _REQUEST,
    ) -> ListPage:
        check_between("max_keys", max_keys, 1, MAX_PAGE_SIZE)
        with self._in_bucket("ListObjectsV2", options, bucket) as (request, stored):
            entries = stored.entries(
                prefix, delimiter, start_after=start_after, resume=request.resumed(token), all_versions=False
            )
            page, next_token = _page(entries, max_keys, lambda entry: _Mark(entry.name))
            objects = (
                ObjectSummary(
                    entry.name,
                    len(entry.version.body),
                    entry.version.etag,
                    entry.version.last_modified,
                    entry.version.settings.storage_class,
                )
                for entry in page
                if entry.version is not None
            )
            return ListPage(tuple(objects), _prefixes(page), next_token)

    @override
    async def list_object_versions(
        self,
        bucket: str,
        *,
        prefix: str = "",
        delimiter: str = "",
        max_keys: int = 1000,
        token: str | None = None,
        options: RequestOptions = _REQUEST,
    ) -> VersionPage:
        check_between("max_keys", max_keys, 1, MAX_PAGE_SIZE)
        with self._in_bucket("ListObjectVersions", options, bucket) as (request, stored):
            entries = stored.entries(prefix, delimiter, resume=request.resumed(token), all_versions=True)
            page, next_token = _page(
                entries, max_keys, lambda entry: _Mark(entry.name, entry.version.number if entry.version else 0)
            )
            versions = (
                ObjectVersion(
                    entry.name,
                    entry.version.version_id,
                    is_latest=entry.version is stored.versions[entry.name][-1],
                    last_modified=entry.version.last_modified,
                    size=len(entry.version.body),
                    etag=entry.version.etag,
                    is_delete_marker=entry.version.is_marker,
                    storage_class=entry.version.settings.storage_class,
                )
                for entry in page
                if entry.version is not None
            )
            return VersionPage(tuple(versions), _prefixes(page), next_token)

    @override
    async def list_buckets(
        self, *, max_buckets: int = 1000, token: str | None = None, options: RequestOptions = _REQUEST
    ) -> BucketPage:
        check_between("max_buckets", max_buckets, 1, MAX_PAGE_SIZE)
        with self._serve("ListBuckets", options) as request:
            _check_owner(request, options)
            mark = request.resumed(token) or _Mark("")
            names = (name for name in sorted(self._buckets) if name > mark.name)
            page, next_token = _page(names, max_buckets, _Mark)
            stored = (self._buckets[name] for name in page)
            return BucketPage(
                tuple(BucketInfo(bucket.name, bucket.region, bucket.created) for bucket in stored), next_token
            )

    # ObjectAdmin

    @override
    async def get_object_tagging(self, ref: ObjectRef, *, options: RequestOptions = _REQUEST) -> Mapping[str, str]:
        with self._in_bucket("GetObjectTagging", options, ref.bucket, ref.key) as (request, bucket):
            return self._find(request, bucket, ref).settings.tags

    @override
    async def put_object_tagging(
        self, ref: ObjectRef, tags: Mapping[str, str], *, options: RequestOptions = _REQUEST
    ) -> None:
        check_tags(tags)
        with self._in_bucket("PutObjectTagging", options, ref.bucket, ref.key) as (request, bucket):
            version = self._find(request, bucket, ref)
            _check_tags(request, tags)
            version.settings = replace(version.settings, tags=MappingProxyType(dict(tags)))

    @override
    async def get_object_acl(self, ref: ObjectRef, *, options: RequestOptions = _REQUEST) -> AccessControl:
        with self._in_bucket("GetObjectAcl", options, ref.bucket, ref.key) as (request, bucket):
            return _access_control(self._find(request, bucket, ref).settings.acl)

    @override
    async def put_object_acl(self, ref: ObjectRef, acl: str, *, options: RequestOptions = _REQUEST) -> None:
        with self._in_bucket("PutObjectAcl", options, ref.bucket, ref.key) as (request, bucket):
            version = self._find(request, bucket, ref)
            _check_acl(request, acl)
            version.settings = replace(version.settings, acl=acl)

    @override
    async def get_bucket_versioning(
        self, bucket: str, *, options: RequestOptions = _REQUEST
    ) -> VersioningStatus | None:
        with self._in_bucket("GetBucketVersioning", options, bucket) as (_, stored):
            return stored.versioning

    # BucketAdmin

    @override
    async def head_bucket(self, bucket: str, *, options: RequestOptions = _REQUEST) -> BucketInfo:
        with self._in_bucket("HeadBucket", options, bucket) as (_, stored):
            return BucketInfo(bucket, stored.region)

    @override
    async def create_bucket(
        self,
        bucket: str,
        *,
        region: str | None = None,
        acl: str | None = None,
        options: RequestOptions = _REQUEST,
    ) -> None:
        with self._serve("CreateBucket", options, bucket) as request:
            _check_owner(request, options)
            if not _BUCKET_NAME.fullmatch(bucket):
                raise request.refused("InvalidBucketName")
            _check_acl(request, acl or "private")
            if bucket in self._buckets:
                raise request.refused("BucketAlreadyOwnedByYou")
            self._buckets[bucket] = _Bucket(bucket, region or self._region, self._time(), acl or "private")

    @override
    async def delete_bucket(self, bucket: str, *, options: RequestOptions = _REQUEST) -> None:
        with self._in_bucket("DeleteBucket", options, bucket) as (request, stored):
            if stored.versions:
                raise request.refused("BucketNotEmpty")
            del self._buckets[bucket]

    @override
    async def get_bucket_acl(self, bucket: str, *, options: RequestOptions = _REQUEST) -> AccessControl:
        with self._in_bucket("GetBucketAcl", options, bucket) as (_, stored):
            return _access_control(stored.acl)

    @override
    async def put_bucket_acl(self, bucket: str, acl: str, *, options: RequestOptions = _REQUEST) -> None:
        with self._in_bucket("PutBucketAcl", options, bucket) as (request, stored):
            _check_acl(request, acl)
            stored.acl = acl

    @override
    async def put_bucket_versioning(
        self, bucket: str, status: VersioningStatus, *, options: RequestOptions = _REQUEST
    ) -> None:
        if status not in get_args(VersioningStatus):
            raise ValueError(f"status must be one of {get_args(VersioningStatus)}, got {status!r}")
        with self._in_bucket("PutBucketVersioning", options, bucket) as (_, stored):
            stored.versioning = status

    # UrlSigner

    @override
    async def presigned_url(
        self,
        operation: PresignedOperation,
        ref: ObjectRef,
        *,
        expires_in: int = 3600,
        options: RequestOptions = _REQUEST,
    ) -> str:
        """Make a ``memory://bucket/key?…`` URL that tells what was asked for. Nothing answers to it.

        As with S3, neither the bucket nor the object has to exist: signing sends nothing.
        """
        if operation not in _PRESIGNED:
            raise ValueError(f"operation must be one of {tuple(_PRESIGNED)}, got {operation!r}")
        check_between("expires_in", expires_in, 1, MAX_PRESIGNED_SECONDS)
        with self._serve(_PRESIGNED[operation], options, ref.bucket, ref.key):
            query: dict[str, object] = {"operation": operation, "expires_in": expires_in}
            if ref.version_id is not None:
                query["version_id"] = ref.version_id
            if options.requester_pays:
                query["requester_pays"] = "true"
            if options.expected_bucket_owner is not None:
                query["expected_bucket_owner"] = options.expected_bucket_owner
            return f"memory://{ref.bucket}/{quote(ref.key)}?{urlencode({**query, **options.extra_args})}"

    # S3Transport

    @override
    async def aclose(self) -> None:
        with self._lock:
            self._closed = True
            self._buckets.clear()


def _prefixes(page: Iterable[_Entry]) -> tuple[str, ...]:
    return tuple(entry.name for entry in page if entry.version is None)
