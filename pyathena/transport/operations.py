"""The operations of S3 as values: what each asks, by S3's own names of its parameters, and what its answer means.

No I/O is done here: a transport sends the parameters as it likes, and hands back the answer as a mapping by S3's names
of the fields, which is what boto3 takes and gives. Everything that two transports over boto3's model would otherwise
both have to know stands here once.

This module knows the standard library and ``typing_extensions`` only.
"""

from __future__ import annotations

import base64
import io
import itertools
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Generic, TypeVar
from urllib.parse import urlencode

from typing_extensions import Buffer

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
    S3IncompleteReadError,
    S3InvalidRangeError,
    S3InvalidRequestError,
    S3ServerError,
)
from pyathena.transport.protocol import PresignedOperation, operation_name
from pyathena.transport.told import tell_object
from pyathena.transport.values import (
    MAX_PAGE_SIZE,
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

__all__ = ["Answer", "ExpectedBytes", "Operation", "Operations"]

T = TypeVar("T")

_NO_REQUEST_PAYER: Final = frozenset(
    {
        "head_bucket",
        "create_bucket",
        "delete_bucket",
        "list_buckets",
        "get_bucket_acl",
        "put_bucket_acl",
        "get_bucket_versioning",
        "put_bucket_versioning",
    }
)

_MAY_HAVE_TO_CREATE: Final = frozenset({"put_object", "copy_object", "complete_multipart_upload"})
"""What writes an object, and with ``IfNoneMatch="*"`` only where there is none."""

_CONTENT_FIELDS: Final = {
    "content_type": "ContentType",
    "content_encoding": "ContentEncoding",
    "content_disposition": "ContentDisposition",
    "content_language": "ContentLanguage",
    "cache_control": "CacheControl",
}
_CREATE_FIELDS: Final = {
    **_CONTENT_FIELDS,
    "acl": "ACL",
    "storage_class": "StorageClass",
    "server_side_encryption": "ServerSideEncryption",
    "kms_key_id": "SSEKMSKeyId",
}
_INFO_FIELDS: Final = {
    **_CONTENT_FIELDS,
    "last_modified": "LastModified",
    "version_id": "VersionId",
    "storage_class": "StorageClass",
    "server_side_encryption": "ServerSideEncryption",
    "kms_key_id": "SSEKMSKeyId",
    "parts_count": "PartsCount",
}
_CONDITIONS: Final = {
    "if_match": "IfMatch",
    "if_none_match": "IfNoneMatch",
    "if_modified_since": "IfModifiedSince",
    "if_unmodified_since": "IfUnmodifiedSince",
    "part_number": "PartNumber",
}
_CHECKSUMS: Final = {name: f"Checksum{name.upper()}" for name in ("crc32", "crc32c", "crc64nvme", "sha1", "sha256")}


class Answer(dict[str, Any]):
    """An answer, by S3's names of its fields. What it lacks although S3 always sends it is an error of the server's."""

    def __init__(self, answer: Mapping[str, Any], operation: str, bucket: str | None, key: str | None) -> None:
        super().__init__(answer)
        self._about = operation, bucket, key

    def __missing__(self, name: str) -> Any:
        operation, bucket, key = self._about
        # A server that leaves it out will do so again, and what it was asked to do it may have done.
        raise S3ServerError(f"The answer lacks {name}", operation=operation, bucket=bucket, key=key, retryable=False)

    def section(self, name: str) -> Answer:
        """Return a part of it that is an answer of its own."""
        return Answer(self[name], *self._about)

    def sections(self, name: str) -> list[Answer]:
        """Return the entries of a list in it; S3 leaves out a list that is empty."""
        return [Answer(entry, *self._about) for entry in self.get(name, ())]

    def next_page(self, name: str) -> str | None:
        """Return what it calls ``name``, by which the next page is asked for; None on the last page."""
        if not self.get("IsTruncated"):
            return None
        token: str = self.get(name) or self.__missing__(name)
        return token

    @property
    def etag(self) -> str:
        """The ETag in its quotes, which some servers leave out in listings (RFC 9110, section 8.8.3)."""
        return _quoted(self["ETag"])


@dataclass(frozen=True, slots=True)
class Operation(Generic[T]):
    """One request that is yet to be sent.

    Args:
        method: the operation's name in snake case, which is that of boto3's method.
        bucket: what it is about.
        key: what it is about.
        params: what it asks, by S3's names, ``Bucket`` and ``Key`` included. ``Body`` is any contiguous buffer.
        read: tells what an answer means.
        quiet: of a delete: S3 need not tell what it did, only what it did not. That is to be asked only where the
            answer's document is looked at: parsed by botocore it cannot be told from one that says nothing of deletes.
    """

    method: str
    bucket: str | None
    key: str | None
    params: dict[str, Any] = field(repr=False)  # which may hold the caller's key
    read: Callable[[Answer], T]
    quiet: bool = False

    @property
    def name(self) -> str:
        """S3's name of the operation."""
        return operation_name(self.method)

    @property
    def writes(self) -> bool:
        """Whether it changes anything, so that its outcome matters to a caller who is cancelled."""
        return not self.method.startswith(("get_", "head_", "list_"))

    @property
    def must_not_exist(self) -> bool:
        """Whether a failed precondition can only mean that there is an object already."""
        params = self.params
        about_the_source = any(name.startswith("CopySourceIf") for name in params)
        return self.method in _MAY_HAVE_TO_CREATE and params.get("IfNoneMatch") == "*" and not about_the_source

    def meaning(self, answer: Mapping[str, Any]) -> T:
        """Tell what an answer means, given by S3's names."""
        return self.read(Answer(answer, self.name, self.bucket, self.key))


class Operations:
    """The table of operations. Arguments are those of `S3Transport`'s methods of the same names.

    Args:
        requester_pays: for every request.

    Every method raises `ValueError` for what no server need be asked.
    """

    def __init__(self, *, requester_pays: bool) -> None:
        self._requester_pays = requester_pays

    # --- reading ---------------------------------------------------------------------------------

    def head_object(self, ref: ObjectRef, options: GetOptions) -> Operation[ObjectInfo]:
        return self._operation(
            "head_object",
            ref.bucket,
            ref.key,
            options,
            lambda answer: _object_info(ref.key, answer, size=answer["ContentLength"]),
            **_version(ref),
            **_conditions(options),
        )

    def get_object(
        self, ref: ObjectRef, byte_range: ByteRange, into: memoryview | None, options: GetOptions
    ) -> Operation[ExpectedBytes]:
        """Ask for a range. What the answer means is told without its body, which is for the transport to receive."""
        if into is not None:
            check_buffer(into, byte_range)
        check_part_range(byte_range, options)
        part = options.part_number is not None
        return self._operation(
            "get_object",
            ref.bucket,
            ref.key,
            options,
            lambda answer: ExpectedBytes(ref, byte_range, into, answer, part=part),
            **({} if part else {"Range": byte_range.header()}),
            **_version(ref),
            **_conditions(options),
        )

    # --- writing ---------------------------------------------------------------------------------

    def put_object(self, ref: ObjectRef, body: Buffer, options: PutOptions) -> Operation[PutResult]:
        check_target(ref)
        check_body(body)
        return self._operation(
            "put_object",
            ref.bucket,
            ref.key,
            options,
            lambda answer: PutResult(answer.etag, answer.get("VersionId")),
            Body=body,
            **_creation(options),
            **_conditions(options),
        )

    def copy_object(self, source: ObjectRef, target: ObjectRef, options: CopyOptions) -> Operation[PutResult]:
        check_target(target)

        def read(answer: Answer) -> PutResult:
            copied = answer.section("CopyObjectResult")
            return PutResult(copied.etag, answer.get("VersionId"), copied.get("LastModified"))

        return self._operation(
            "copy_object",
            target.bucket,
            target.key,
            options,
            read,
            CopySource=_copy_source(source),
            MetadataDirective=options.metadata_directive,
            TaggingDirective=options.tagging_directive,
            **_creation(options),
            **_conditions(options),
            **_source_conditions(options),
        )

    # --- multipart -------------------------------------------------------------------------------

    def create_multipart_upload(
        self, ref: ObjectRef, options: PutOptions, *, checksums: bool
    ) -> Operation[MultipartUpload]:
        """Begin an upload. S3 wants to be told here that ``checksums`` will come with the parts."""
        check_target(ref)
        check_begin_options(options)
        return self._operation(
            "create_multipart_upload",
            ref.bucket,
            ref.key,
            options,
            lambda answer: MultipartUpload(ref.bucket, ref.key, answer["UploadId"]),
            **_creation(options),
            **({"ChecksumAlgorithm": "CRC32"} if checksums else {}),
        )

    def upload_part(
        self, upload: MultipartUpload, part_number: int, body: Buffer, options: PutOptions
    ) -> Operation[CompletedPart]:
        check_between("part_number", part_number, 1, MAX_PARTS)
        check_body(body)
        return self._operation(
            "upload_part",
            upload.bucket,
            upload.key,
            options,
            lambda answer: CompletedPart(part_number, answer.etag, _checksums(answer)),
            UploadId=upload.upload_id,
            PartNumber=part_number,
            Body=body,
            **_customer_key(options.customer_key),
        )

    def upload_part_copy(
        self,
        upload: MultipartUpload,
        part_number: int,
        source: ObjectRef,
        byte_range: ByteRange | None,
        options: CopyOptions,
    ) -> Operation[CompletedPart]:
        check_between("part_number", part_number, 1, MAX_PARTS)
        which = {}
        if byte_range is not None:
            if byte_range.stop is None:
                raise ValueError(f"UploadPartCopy needs a closed range, got {byte_range}; resolve it by the size first")
            which["CopySourceRange"] = byte_range.header()

        def read(answer: Answer) -> CompletedPart:
            copied = answer.section("CopyPartResult")
            return CompletedPart(part_number, copied.etag, _checksums(copied))

        return self._operation(
            "upload_part_copy",
            upload.bucket,
            upload.key,
            options,
            read,
            UploadId=upload.upload_id,
            PartNumber=part_number,
            CopySource=_copy_source(source),
            **which,
            **_customer_key(options.customer_key),
            **_source_conditions(options),
        )

    def complete_multipart_upload(
        self, upload: MultipartUpload, parts: Sequence[CompletedPart], options: PutOptions
    ) -> Operation[PutResult]:
        if not parts:
            raise ValueError(f"upload of {upload.key!r} has no part; upload an empty one for an empty object")
        numbers = [part.part_number for part in parts]
        if any(later <= earlier for earlier, later in itertools.pairwise(numbers)):
            raise S3InvalidRequestError(
                f"parts are given in ascending order of their numbers, got {numbers}",
                code="InvalidPartOrder",
                operation="CompleteMultipartUpload",
                bucket=upload.bucket,
                key=upload.key,
            )
        sent = [
            {
                "PartNumber": part.part_number,
                "ETag": part.etag,
                **{_CHECKSUMS[name]: value for name, value in part.checksums.items()},
            }
            for part in parts
        ]
        return self._operation(
            "complete_multipart_upload",
            upload.bucket,
            upload.key,
            options,
            lambda answer: PutResult(answer.etag, answer.get("VersionId")),
            UploadId=upload.upload_id,
            MultipartUpload={"Parts": sent},
            **_conditions(options),
            **_customer_key(options.customer_key),
        )

    def abort_multipart_upload(self, upload: MultipartUpload, options: RequestOptions) -> Operation[None]:
        return self._operation(
            "abort_multipart_upload", upload.bucket, upload.key, options, _nothing, UploadId=upload.upload_id
        )

    def list_multipart_uploads(
        self, bucket: str, prefix: str, max_uploads: int, token: str | None, options: RequestOptions
    ) -> Operation[UploadPage]:
        check_between("max_uploads", max_uploads, 1, MAX_PAGE_SIZE)

        def read(answer: Answer) -> UploadPage:
            uploads = tuple(
                MultipartUpload(bucket, upload["Key"], upload["UploadId"], upload.get("Initiated"))
                for upload in answer.sections("Uploads")
            )
            return UploadPage(uploads, _next_markers(answer, "NextKeyMarker", "NextUploadIdMarker"))

        return self._operation(
            "list_multipart_uploads",
            bucket,
            None,
            options,
            read,
            Prefix=prefix,
            MaxUploads=max_uploads,
            **_markers(token, "KeyMarker", "UploadIdMarker", operation="ListMultipartUploads", bucket=bucket),
        )

    # --- deleting --------------------------------------------------------------------------------

    def delete_objects(self, bucket: str, keys: Sequence[ObjectKey], options: DeleteOptions) -> Operation[DeleteResult]:
        check_delete_keys(keys)
        named = [{"Key": k.key, **({} if k.version_id is None else {"VersionId": k.version_id})} for k in keys]
        operation = self._operation(
            "delete_objects",
            bucket,
            None,
            options,
            lambda answer: _delete_result(bucket, keys, answer, quiet=options.quiet),
            Delete={"Objects": named},
        )
        return replace(operation, quiet=options.quiet)

    # --- listing ---------------------------------------------------------------------------------

    def list_objects(
        self,
        bucket: str,
        prefix: str,
        delimiter: str,
        start_after: str,
        max_keys: int,
        token: str | None,
        options: RequestOptions,
    ) -> Operation[ListPage]:
        check_between("max_keys", max_keys, 1, MAX_PAGE_SIZE)
        begins_behind = start_after if token is None else ""
        return self._operation(
            "list_objects_v2",
            bucket,
            None,
            options,
            _list_page,
            Prefix=prefix,
            MaxKeys=max_keys,
            **_present(Delimiter=delimiter or None, StartAfter=begins_behind or None, ContinuationToken=token),
        )

    def list_object_versions(
        self, bucket: str, prefix: str, delimiter: str, max_keys: int, token: str | None, options: RequestOptions
    ) -> Operation[VersionPage]:
        check_between("max_keys", max_keys, 1, MAX_PAGE_SIZE)
        return self._operation(
            "list_object_versions",
            bucket,
            None,
            options,
            _version_page,
            Prefix=prefix,
            MaxKeys=max_keys,
            **_present(Delimiter=delimiter or None),
            **_markers(token, "KeyMarker", "VersionIdMarker", operation="ListObjectVersions", bucket=bucket),
        )

    def list_buckets(self, max_buckets: int, token: str | None, options: RequestOptions) -> Operation[BucketPage]:
        check_between("max_buckets", max_buckets, 1, MAX_PAGE_SIZE)

        def read(answer: Answer) -> BucketPage:
            buckets = tuple(
                BucketInfo(entry["Name"], entry.get("BucketRegion"), entry.get("CreationDate"))
                for entry in answer.sections("Buckets")
            )
            return BucketPage(buckets, answer.get("ContinuationToken"))

        return self._operation(
            "list_buckets", None, None, options, read, MaxBuckets=max_buckets, **_present(ContinuationToken=token)
        )

    # --- tags, access, versions ------------------------------------------------------------------

    def get_object_tagging(self, ref: ObjectRef, options: RequestOptions) -> Operation[Mapping[str, str]]:
        def read(answer: Answer) -> Mapping[str, str]:
            answer["TagSet"]  # there also where it is empty
            return {tag["Key"]: tag["Value"] for tag in answer.sections("TagSet")}

        return self._operation("get_object_tagging", ref.bucket, ref.key, options, read, **_version(ref))

    def put_object_tagging(self, ref: ObjectRef, tags: Mapping[str, str], options: RequestOptions) -> Operation[None]:
        check_tags(tags)
        tag_set = [{"Key": name, "Value": value} for name, value in tags.items()]
        return self._operation(
            "put_object_tagging", ref.bucket, ref.key, options, _nothing, Tagging={"TagSet": tag_set}, **_version(ref)
        )

    def get_object_acl(self, ref: ObjectRef, options: RequestOptions) -> Operation[AccessControl]:
        return self._operation("get_object_acl", ref.bucket, ref.key, options, _access_control, **_version(ref))

    def put_object_acl(self, ref: ObjectRef, acl: str, options: RequestOptions) -> Operation[None]:
        return self._operation("put_object_acl", ref.bucket, ref.key, options, _nothing, ACL=acl, **_version(ref))

    def get_bucket_versioning(self, bucket: str, options: RequestOptions) -> Operation[VersioningStatus | None]:
        def read(answer: Answer) -> VersioningStatus | None:
            status: VersioningStatus | None = answer.get("Status")
            return status

        return self._operation("get_bucket_versioning", bucket, None, options, read)

    # --- buckets ---------------------------------------------------------------------------------

    def head_bucket(self, bucket: str, options: RequestOptions) -> Operation[BucketInfo]:
        def read(answer: Answer) -> BucketInfo:
            headers = answer["ResponseMetadata"].get("HTTPHeaders", {})
            return BucketInfo(bucket, answer.get("BucketRegion") or headers.get("x-amz-bucket-region"))

        return self._operation("head_bucket", bucket, None, options, read)

    def create_bucket(
        self, bucket: str, region: str | None, acl: str | None, options: RequestOptions
    ) -> Operation[None]:
        params = _present(ACL=acl)
        # us-east-1 is what no constraint means, and as a constraint it is refused.
        if region and region not in ("us-east-1", "aws-global"):
            params["CreateBucketConfiguration"] = {"LocationConstraint": region}
        return self._operation("create_bucket", bucket, None, options, _nothing, **params)

    def delete_bucket(self, bucket: str, options: RequestOptions) -> Operation[None]:
        return self._operation("delete_bucket", bucket, None, options, _nothing)

    def get_bucket_acl(self, bucket: str, options: RequestOptions) -> Operation[AccessControl]:
        return self._operation("get_bucket_acl", bucket, None, options, _access_control)

    def put_bucket_acl(self, bucket: str, acl: str, options: RequestOptions) -> Operation[None]:
        return self._operation("put_bucket_acl", bucket, None, options, _nothing, ACL=acl)

    def put_bucket_versioning(self, bucket: str, status: VersioningStatus, options: RequestOptions) -> Operation[None]:
        return self._operation(
            "put_bucket_versioning", bucket, None, options, _nothing, VersioningConfiguration={"Status": status}
        )

    # --- signing ---------------------------------------------------------------------------------

    def presigned(
        self, operation: PresignedOperation, ref: ObjectRef, expires_in: int, options: RequestOptions
    ) -> Operation[None]:
        """Return what a presigned URL is to be made for; it is not sent."""
        check_between("expires_in", expires_in, 1, MAX_PRESIGNED_SECONDS)
        return self._operation(operation, ref.bucket, ref.key, options, _nothing, **_version(ref))

    def _operation(
        self,
        method: str,
        bucket: str | None,
        key: str | None,
        options: RequestOptions,
        read: Callable[[Answer], T],
        **params: Any,
    ) -> Operation[T]:
        if bucket is not None:
            params["Bucket"] = bucket
        if key is not None:
            params["Key"] = key
        if options.expected_bucket_owner is not None:
            params["ExpectedBucketOwner"] = options.expected_bucket_owner
        if (options.requester_pays or self._requester_pays) and method not in _NO_REQUEST_PAYER:
            params["RequestPayer"] = "requester"
        if options.extra_args:
            if "SSECustomerKey" in options.extra_args or "CopySourceSSECustomerKey" in options.extra_args:
                # An error of botocore's over it would show the key.
                raise ValueError("an SSE-C key goes into customer_key= or source_customer_key=, not into extra_args")
            # What the caller names by S3's name wins over what we would send.
            params.update(options.extra_args)
        return Operation(method, bucket, key, params, read)


class ExpectedBytes:
    """The body of an answer to GetObject, and where its bytes go. The transport that receives it fills ``target``.

    Attributes:
        skip: how many bytes of the body come before those that were asked for.
        size: how many were asked for, and are there.
        length: how many the body has in all.
        target: where they go, ``size`` bytes.
    """

    def __init__(
        self, ref: ObjectRef, byte_range: ByteRange, into: memoryview | None, answer: Answer, *, part: bool
    ) -> None:
        self._ref = ref
        self._answer = answer
        self.length: int = answer["ContentLength"]
        self._start, self._object_size, self.skip = _place(ref, byte_range, answer, self.length, part=part)
        left = self.length - self.skip
        self.size: int = left if byte_range.stop is None else min(left, byte_range.stop - self._start)
        self._etag = answer.etag  # without one it is no answer, and then nothing need be received
        if into is not None and self.size > into.nbytes:
            raise ValueError(f"into holds {into.nbytes} bytes, and {ref} has {self.size} from byte {self._start} on")
        self._owned: io.BytesIO | None = None
        if into is None:
            # BytesIO hands out the memory that it was given, so that the bytes are written once and never joined.
            self._owned = io.BytesIO(bytes(self.size))
            self.target = self._owned.getbuffer()
        else:
            self.target = into[: self.size]

    @property
    def to_the_end(self) -> bool:
        """Whether the body ends with what was asked for."""
        return self.skip + self.size == self.length

    def announce(self) -> None:
        """Tell of the object whoever wants to know before its bytes are here."""
        tell_object(self._object_size, self._etag, self._answer.get("VersionId"))

    def received(self) -> ObjectRange:
        """Return the bytes, all of which are there now."""
        data: bytes | memoryview = self.target
        if self._owned is not None:
            self.target.release()
            data = self._owned.getvalue()
        answer = self._answer
        info = _object_info(self._ref.key, answer, size=self._object_size)
        return ObjectRange(data, self._start, self.size, self._object_size, self._etag, info.version_id, info)

    def given_up(self) -> None:
        """Let go of the caller's buffer: a traceback may keep this, and its owner minds views that outlive it."""
        self.target.release()

    def broken_off(self, received: int, why: str | None) -> S3IncompleteReadError:
        """Return the error that says how far the bytes came; ``received`` counts those of the target."""
        received = max(received, 0)
        return S3IncompleteReadError(
            f"The body broke off after {received} of {self.size} bytes: {why}",
            start=self._start,
            received=received,
            etag=self._etag,
            object_size=self._object_size,
            operation="GetObject",
            bucket=self._ref.bucket,
            key=self._ref.key,
        )


def _place(ref: ObjectRef, byte_range: ByteRange, answer: Answer, length: int, *, part: bool) -> tuple[int, int, int]:
    """Tell where the body stands: its first byte that was asked for, the object's size, and how many to skip."""
    told = answer.get("ContentRange")
    if told is None and answer.get("ResponseMetadata", {}).get("HTTPStatusCode") != 206:
        if length <= byte_range.start and not part:
            raise S3InvalidRangeError(
                f"The range begins at byte {byte_range.start} of {length}",
                object_size=length,
                status=416,
                code="InvalidRange",
                operation="GetObject",
                bucket=ref.bucket,
                key=ref.key,
            )
        return byte_range.start, length, byte_range.start
    match = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", told or "")
    if match is not None:
        first, last, object_size = map(int, match.groups())
        if last - first + 1 == length and (first == byte_range.start or part):
            return first, object_size, 0
    raise S3ServerError(
        f"Asked for {byte_range.header()}, answered with {length} bytes and Content-Range {told!r}",
        operation="GetObject",
        bucket=ref.bucket,
        key=ref.key,
        retryable=False,
    )


def _present(**params: object) -> dict[str, Any]:
    return {name: value for name, value in params.items() if value is not None}


def _named(options: object, names: Mapping[str, str]) -> dict[str, Any]:
    return _present(**{theirs: getattr(options, ours, None) for ours, theirs in names.items()})


def _version(ref: ObjectRef) -> dict[str, str]:
    return {} if ref.version_id is None else {"VersionId": ref.version_id}


def _conditions(options: GetOptions | PutOptions) -> dict[str, Any]:
    return _named(options, _CONDITIONS) | (
        _customer_key(options.customer_key) if isinstance(options, GetOptions) else {}
    )


def _creation(options: PutOptions) -> dict[str, Any]:
    mappings: dict[str, Any] = {}
    if options.metadata:
        mappings["Metadata"] = dict(options.metadata)  # botocore wants no other mapping
    if options.tags:
        mappings["Tagging"] = urlencode(options.tags)
    return _named(options, _CREATE_FIELDS) | _customer_key(options.customer_key) | mappings


def _source_conditions(options: CopyOptions) -> dict[str, Any]:
    return _present(CopySourceIfMatch=options.source_if_match) | _customer_key(
        options.source_customer_key, "CopySource"
    )


def _customer_key(key: CustomerKey | None, prefix: str = "") -> dict[str, Any]:
    # botocore adds the key's MD5, and encodes both.
    if key is None:
        return {}
    return {f"{prefix}SSECustomerAlgorithm": key.algorithm, f"{prefix}SSECustomerKey": key.key}


def _copy_source(source: ObjectRef) -> dict[str, str]:
    return {"Bucket": source.bucket, "Key": source.key, **_version(source)}


def _checksums(answer: Mapping[str, Any]) -> dict[str, str]:
    return {name: answer[theirs] for name, theirs in _CHECKSUMS.items() if theirs in answer}


def _object_info(key: str, answer: Answer, *, size: int) -> ObjectInfo:
    fields = {ours: answer[theirs] for ours, theirs in _INFO_FIELDS.items() if theirs in answer}
    # The names are HTTP headers, whose case says nothing; S3 sends lower case, others do not.
    metadata = {name.lower(): value for name, value in answer.get("Metadata", {}).items()}
    return ObjectInfo(key=key, size=size, etag=answer.etag, metadata=metadata, **fields)


def _quoted(etag: str) -> str:
    return etag if etag.endswith('"') else f'"{etag}"'


def _access_control(answer: Mapping[str, Any]) -> AccessControl:
    grants = []
    for grant in answer.get("Grants", ()):
        grantee = grant.get("Grantee", {})
        name = grantee.get("ID") or grantee.get("URI") or grantee.get("EmailAddress") or ""
        grants.append(Grant(name, grant.get("Permission", "")))
    return AccessControl(answer.get("Owner", {}).get("ID"), tuple(grants))


def _nothing(answer: Answer) -> None:
    """An answer that says nothing but that it was done."""


def _list_page(answer: Answer) -> ListPage:
    return ListPage(
        tuple(
            ObjectSummary(entry["Key"], entry["Size"], entry.etag, entry["LastModified"], entry.get("StorageClass"))
            for entry in answer.sections("Contents")
        ),
        tuple(entry["Prefix"] for entry in answer.sections("CommonPrefixes")),
        answer.next_page("NextContinuationToken"),
    )


def _version_page(answer: Answer) -> VersionPage:
    entries = [(entry, False) for entry in answer.sections("Versions")]
    entries += [(entry, True) for entry in answer.sections("DeleteMarkers")]
    versions = [
        ObjectVersion(
            entry["Key"],
            entry["VersionId"],
            entry["IsLatest"],
            entry["LastModified"],
            entry.get("Size", 0),
            "" if is_marker else entry.etag,
            is_marker,
            entry.get("StorageClass"),
        )
        for entry, is_marker in entries
    ]
    # S3 sends the two in one order, botocore hands them out in two lists.
    versions.sort(key=lambda v: v.last_modified, reverse=True)
    versions.sort(key=lambda v: (v.key.encode(), not v.is_latest))
    return VersionPage(
        tuple(versions),
        tuple(entry["Prefix"] for entry in answer.sections("CommonPrefixes")),
        _next_markers(answer, "NextKeyMarker", "NextVersionIdMarker"),
    )


def _delete_result(bucket: str, keys: Sequence[ObjectKey], answer: Answer, *, quiet: bool) -> DeleteResult:
    # Who has looked at the document says that there are no errors; botocore's silence may be that of anything.
    brief = quiet and "Errors" in answer
    if brief and not answer["Errors"]:
        return DeleteResult()
    gone, failed = (
        {(entry.get("Key"), entry.get("VersionId") or None): entry for entry in answer.get(kind, ())}
        for kind in ("Deleted", "Errors")
    )
    deleted: list[DeletedObject] = []
    errors: list[DeleteError] = []
    nobodys = set(failed)
    for key in keys:
        named = key.key, key.version_id
        if named not in gone and named not in failed and key.version_id in (None, "null"):
            # The version that is called null is answered with or without that word, by server.
            named = key.key, None if key.version_id == "null" else "null"
        nobodys.discard(named)
        if brief and named not in failed:
            continue
        entry = gone.get(named)
        if entry is not None and named not in failed:  # of a key in both, the error counts
            marker, marker_id = entry.get("DeleteMarker", False), entry.get("DeleteMarkerVersionId")
            deleted.append(DeletedObject(key.key, key.version_id, marker, marker_id))
        else:
            told = failed.get(named, {"Code": "NoAnswer", "Message": "S3's answer does not name this key"})
            errors.append(DeleteError(key.key, key.version_id, told.get("Code", ""), told.get("Message", "")))
    if brief and nobodys:  # whose they are is not known, so that none may count as deleted
        told = failed[nobodys.pop()]
        raise S3ServerError(
            f"The answer tells of a failure with a key that was not named: {told.get('Message')}",
            code=told.get("Code"),
            operation="DeleteObjects",
            bucket=bucket,
            retryable=False,
        )
    return DeleteResult(() if quiet else tuple(deleted), tuple(errors))


# Listings of versions and uploads go on after two markers; a token of ours is both.


def _markers(token: str | None, key_marker: str, id_marker: str, *, operation: str, bucket: str) -> dict[str, str]:
    if token is None:
        return {}
    try:
        match json.loads(base64.urlsafe_b64decode(token)):
            case [str(key), str(identity)]:
                return {key_marker: key, **({id_marker: identity} if identity else {})}
    except ValueError:
        pass
    raise S3InvalidRequestError(
        f"{token!r} is no token of a page before", code="InvalidArgument", operation=operation, bucket=bucket
    )


def _next_markers(answer: Answer, key_marker: str, id_marker: str) -> str | None:
    key = answer.next_page(key_marker)
    if key is None:
        return None
    markers = json.dumps([key, answer.get(id_marker) or ""])
    return base64.urlsafe_b64encode(markers.encode()).decode()
