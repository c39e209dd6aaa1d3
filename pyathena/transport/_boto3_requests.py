"""The table of S3 operations over a boto3 client: blocking, one method for one request.

`ThreadedBoto3Transport` calls these in threads, `BlockingBoto3Transport` right where it is. Known to them alone.
"""

from __future__ import annotations

import base64
import io
import itertools
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

from typing_extensions import Buffer, override

from pyathena.transport._boto3_cancellation import Abandonment
from pyathena.transport._boto3_client import S3ClientLike
from pyathena.transport._boto3_errors import translated
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
    S3ConnectionError,
    S3IncompleteReadError,
    S3InvalidRangeError,
    S3InvalidRequestError,
    S3ServerError,
    S3TimeoutError,
)
from pyathena.transport.protocol import PresignedOperation
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

__all__ = ["Boto3Requests"]

_CHUNK: Final = 256 * 2**10
"""Bytes of a body that are taken at a time: what is lost when a connection breaks, and how often a read looks up."""

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


class _Body(io.RawIOBase):
    """The bytes of a request as the file that botocore wants, without copying them.

    botocore refuses a `memoryview`. A file has a second merit: it goes out in blocks, each with its own time limit,
    where one `bytes` must go out as a whole within a single one. And a cancelled request stops at the next block; once
    all of it is out, the answer tells what came of it.
    """

    def __init__(self, data: Buffer, abandonment: Abandonment) -> None:
        view = memoryview(data)
        # Casting takes every format and shape but those without bytes. (A PickleBuffer would take these too, and then
        # the interpreter crashes when the garbage collector finds it in a cycle.)
        self._view = view.cast("B") if view.nbytes else memoryview(b"")
        self._position = 0
        self._abandonment = abandonment

    @override
    def readable(self) -> bool:
        return True

    @override
    def seekable(self) -> bool:
        return True

    @override
    def tell(self) -> int:
        return self._position

    @override
    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = (0, self._position, self._view.nbytes)[whence]
        self._position = base + offset
        return self._position

    @override
    def read(self, size: int | None = -1) -> Any:  # a memoryview: http.client sends it, hashlib takes it
        stop = self._view.nbytes if size is None or size < 0 else self._position + size
        block = self._view[self._position : stop]
        if block:
            self._abandonment.check()
        self._position += block.nbytes
        return block


class _Answer(dict[str, Any]):
    """What botocore made of an answer. What it lacks although S3 always sends it is an error of the server's."""

    def __init__(self, answer: Mapping[str, Any], operation: str, bucket: str | None, key: str | None) -> None:
        super().__init__(answer)
        self._about = operation, bucket, key

    def __missing__(self, name: str) -> Any:
        operation, bucket, key = self._about
        # A server that leaves it out will do so again, and what it was asked to do it may have done.
        raise S3ServerError(f"The answer lacks {name}", operation=operation, bucket=bucket, key=key, retryable=False)

    def section(self, name: str) -> _Answer:
        """Return a part of it that is an answer of its own."""
        return _Answer(self[name], *self._about)

    def sections(self, name: str) -> list[_Answer]:
        """Return the entries of a list in it; S3 leaves out a list that is empty."""
        return [_Answer(entry, *self._about) for entry in self.get(name, ())]

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


class Boto3Requests:
    """Requests over one client. Arguments are those of the protocol's methods of the same names.

    Args:
        client: tells the client, and may make it: what goes wrong then is an error of the request.
        signer: tells the client that signs URLs.
        requester_pays: for every request.
    """

    def __init__(
        self, client: Callable[[], S3ClientLike], signer: Callable[[], S3ClientLike], *, requester_pays: bool
    ) -> None:
        self._client = client
        self._signer = signer
        self._requester_pays = requester_pays

    # --- reading ---------------------------------------------------------------------------------

    def head_object(self, ref: ObjectRef, options: GetOptions) -> ObjectInfo:
        answer = self._call("head_object", ref.bucket, ref.key, options, **_version(ref), **_conditions(options))
        return _object_info(ref.key, answer, size=answer["ContentLength"])

    def get_object_range(
        self,
        ref: ObjectRef,
        byte_range: ByteRange,
        into: memoryview | None,
        options: GetOptions,
        abandonment: Abandonment,
    ) -> ObjectRange:
        if into is not None:
            check_buffer(into, byte_range)
        check_part_range(byte_range, options)
        which = {"Range": byte_range.header()} if options.part_number is None else {}
        answer = self._call(
            "get_object", ref.bucket, ref.key, options, **which, **_version(ref), **_conditions(options)
        )
        body = answer["Body"]
        try:
            return _read_range(ref, byte_range, into, answer, abandonment, part=options.part_number is not None)
        except BaseException:
            body.close()  # a connection with a body half read cannot be used again
            raise

    # --- writing ---------------------------------------------------------------------------------

    def put_object(self, ref: ObjectRef, body: Buffer, options: PutOptions, abandonment: Abandonment) -> PutResult:
        check_target(ref)
        check_body(body)
        answer = self._call(
            "put_object",
            ref.bucket,
            ref.key,
            options,
            Body=_Body(body, abandonment),
            **_creation(options),
            **_conditions(options),
        )
        return PutResult(answer.etag, answer.get("VersionId"))

    def copy_object(self, source: ObjectRef, target: ObjectRef, options: CopyOptions) -> PutResult:
        check_target(target)
        answer = self._call(
            "copy_object",
            target.bucket,
            target.key,
            options,
            CopySource=_copy_source(source),
            MetadataDirective=options.metadata_directive,
            TaggingDirective=options.tagging_directive,
            **_creation(options),
            **_conditions(options),
            **_source_conditions(options),
        )
        copied = answer.section("CopyObjectResult")
        return PutResult(copied.etag, answer.get("VersionId"), copied.get("LastModified"))

    # --- multipart -------------------------------------------------------------------------------

    def create_multipart_upload(self, ref: ObjectRef, options: PutOptions) -> MultipartUpload:
        check_target(ref)
        check_begin_options(options)
        params = _creation(options)
        with translated("CreateMultipartUpload", ref.bucket, ref.key):
            checksums = self._client().meta.config.request_checksum_calculation
        if checksums != "when_required":
            # botocore will send a checksum with each part; S3 wants to be told of it here.
            params["ChecksumAlgorithm"] = "CRC32"
        answer = self._call("create_multipart_upload", ref.bucket, ref.key, options, **params)
        return MultipartUpload(ref.bucket, ref.key, answer["UploadId"])

    def upload_part(
        self, upload: MultipartUpload, part_number: int, body: Buffer, options: PutOptions, abandonment: Abandonment
    ) -> CompletedPart:
        check_between("part_number", part_number, 1, MAX_PARTS)
        check_body(body)
        answer = self._call(
            "upload_part",
            upload.bucket,
            upload.key,
            options,
            UploadId=upload.upload_id,
            PartNumber=part_number,
            Body=_Body(body, abandonment),
            **_customer_key(options.customer_key),
        )
        return CompletedPart(part_number, answer.etag, _checksums(answer))

    def upload_part_copy(
        self,
        upload: MultipartUpload,
        part_number: int,
        source: ObjectRef,
        byte_range: ByteRange | None,
        options: CopyOptions,
    ) -> CompletedPart:
        check_between("part_number", part_number, 1, MAX_PARTS)
        which = {}
        if byte_range is not None:
            if byte_range.stop is None:
                raise ValueError(f"UploadPartCopy needs a closed range, got {byte_range}; resolve it by the size first")
            which["CopySourceRange"] = byte_range.header()
        answer = self._call(
            "upload_part_copy",
            upload.bucket,
            upload.key,
            options,
            UploadId=upload.upload_id,
            PartNumber=part_number,
            CopySource=_copy_source(source),
            **which,
            **_customer_key(options.customer_key),
            **_source_conditions(options),
        )
        copied = answer.section("CopyPartResult")
        return CompletedPart(part_number, copied.etag, _checksums(copied))

    def complete_multipart_upload(
        self, upload: MultipartUpload, parts: Sequence[CompletedPart], options: PutOptions
    ) -> PutResult:
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
        answer = self._call(
            "complete_multipart_upload",
            upload.bucket,
            upload.key,
            options,
            UploadId=upload.upload_id,
            MultipartUpload={"Parts": sent},
            **_conditions(options),
            **_customer_key(options.customer_key),
        )
        return PutResult(answer.etag, answer.get("VersionId"))

    def abort_multipart_upload(self, upload: MultipartUpload, options: RequestOptions) -> None:
        self._call("abort_multipart_upload", upload.bucket, upload.key, options, UploadId=upload.upload_id)

    def list_multipart_uploads(
        self, bucket: str, prefix: str, max_uploads: int, token: str | None, options: RequestOptions
    ) -> UploadPage:
        check_between("max_uploads", max_uploads, 1, MAX_PAGE_SIZE)
        answer = self._call(
            "list_multipart_uploads",
            bucket,
            None,
            options,
            Prefix=prefix,
            MaxUploads=max_uploads,
            **_markers(token, "KeyMarker", "UploadIdMarker", operation="ListMultipartUploads", bucket=bucket),
        )
        uploads = tuple(
            MultipartUpload(bucket, upload["Key"], upload["UploadId"], upload.get("Initiated"))
            for upload in answer.sections("Uploads")
        )
        return UploadPage(uploads, _next_markers(answer, "NextKeyMarker", "NextUploadIdMarker"))

    # --- deleting --------------------------------------------------------------------------------

    def delete_objects(self, bucket: str, keys: Sequence[ObjectKey], options: RequestOptions) -> DeleteResult:
        check_delete_keys(keys)
        named = [{"Key": k.key, **({} if k.version_id is None else {"VersionId": k.version_id})} for k in keys]
        answer = self._call("delete_objects", bucket, None, options, Delete={"Objects": named, "Quiet": False})
        told: dict[tuple[str | None, str | None], tuple[str, Mapping[str, Any]]] = {
            (entry.get("Key"), entry.get("VersionId") or None): (kind, entry)
            for kind in ("Deleted", "Errors")  # of a key in both, the error counts
            for entry in answer.sections(kind)
        }
        # The version that is called null is answered with or without that word, by server.
        loosely = {(key, _not_null(version_id)): found for (key, version_id), found in told.items()}
        deleted: list[DeletedObject] = []
        errors: list[DeleteError] = []
        for key in keys:
            kind, entry = (
                told.get((key.key, key.version_id))
                or loosely.get((key.key, _not_null(key.version_id)))
                or ("Errors", {"Code": "NoAnswer", "Message": "S3's answer does not name this key"})
            )
            if kind == "Deleted":
                marker, marker_id = entry.get("DeleteMarker", False), entry.get("DeleteMarkerVersionId")
                deleted.append(DeletedObject(key.key, key.version_id, marker, marker_id))
            else:
                errors.append(DeleteError(key.key, key.version_id, entry.get("Code", ""), entry.get("Message", "")))
        return DeleteResult(tuple(deleted), tuple(errors))

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
    ) -> ListPage:
        check_between("max_keys", max_keys, 1, MAX_PAGE_SIZE)
        begins_behind = start_after if token is None else ""
        answer = self._call(
            "list_objects_v2",
            bucket,
            None,
            options,
            Prefix=prefix,
            MaxKeys=max_keys,
            **_present(Delimiter=delimiter or None, StartAfter=begins_behind or None, ContinuationToken=token),
        )
        return ListPage(
            tuple(
                ObjectSummary(
                    entry["Key"],
                    entry["Size"],
                    entry.etag,
                    entry["LastModified"],
                    entry.get("StorageClass"),
                )
                for entry in answer.sections("Contents")
            ),
            tuple(entry["Prefix"] for entry in answer.sections("CommonPrefixes")),
            answer.next_page("NextContinuationToken"),
        )

    def list_object_versions(
        self, bucket: str, prefix: str, delimiter: str, max_keys: int, token: str | None, options: RequestOptions
    ) -> VersionPage:
        check_between("max_keys", max_keys, 1, MAX_PAGE_SIZE)
        answer = self._call(
            "list_object_versions",
            bucket,
            None,
            options,
            Prefix=prefix,
            MaxKeys=max_keys,
            **_present(Delimiter=delimiter or None),
            **_markers(token, "KeyMarker", "VersionIdMarker", operation="ListObjectVersions", bucket=bucket),
        )
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

    def list_buckets(self, max_buckets: int, token: str | None, options: RequestOptions) -> BucketPage:
        check_between("max_buckets", max_buckets, 1, MAX_PAGE_SIZE)
        answer = self._call(
            "list_buckets", None, None, options, MaxBuckets=max_buckets, **_present(ContinuationToken=token)
        )
        buckets = tuple(
            BucketInfo(entry["Name"], entry.get("BucketRegion"), entry.get("CreationDate"))
            for entry in answer.sections("Buckets")
        )
        return BucketPage(buckets, answer.get("ContinuationToken"))

    # --- tags, access, versions ------------------------------------------------------------------

    def get_object_tagging(self, ref: ObjectRef, options: RequestOptions) -> Mapping[str, str]:
        answer = self._call("get_object_tagging", ref.bucket, ref.key, options, **_version(ref))
        answer["TagSet"]  # there also where it is empty
        return {tag["Key"]: tag["Value"] for tag in answer.sections("TagSet")}

    def put_object_tagging(self, ref: ObjectRef, tags: Mapping[str, str], options: RequestOptions) -> None:
        check_tags(tags)
        tag_set = [{"Key": name, "Value": value} for name, value in tags.items()]
        self._call("put_object_tagging", ref.bucket, ref.key, options, Tagging={"TagSet": tag_set}, **_version(ref))

    def get_object_acl(self, ref: ObjectRef, options: RequestOptions) -> AccessControl:
        return _access_control(self._call("get_object_acl", ref.bucket, ref.key, options, **_version(ref)))

    def put_object_acl(self, ref: ObjectRef, acl: str, options: RequestOptions) -> None:
        self._call("put_object_acl", ref.bucket, ref.key, options, ACL=acl, **_version(ref))

    def get_bucket_versioning(self, bucket: str, options: RequestOptions) -> VersioningStatus | None:
        status: VersioningStatus | None = self._call("get_bucket_versioning", bucket, None, options).get("Status")
        return status

    # --- buckets ---------------------------------------------------------------------------------

    def head_bucket(self, bucket: str, options: RequestOptions) -> BucketInfo:
        answer = self._call("head_bucket", bucket, None, options)
        headers = answer["ResponseMetadata"].get("HTTPHeaders", {})
        return BucketInfo(bucket, answer.get("BucketRegion") or headers.get("x-amz-bucket-region"))

    def create_bucket(self, bucket: str, region: str | None, acl: str | None, options: RequestOptions) -> None:
        params = _present(ACL=acl)
        with translated("CreateBucket", bucket):
            where = region or self._client().meta.region_name
        # us-east-1 is what no constraint means, and as a constraint it is refused.
        if where and where not in ("us-east-1", "aws-global"):
            params["CreateBucketConfiguration"] = {"LocationConstraint": where}
        self._call("create_bucket", bucket, None, options, **params)

    def delete_bucket(self, bucket: str, options: RequestOptions) -> None:
        self._call("delete_bucket", bucket, None, options)

    def get_bucket_acl(self, bucket: str, options: RequestOptions) -> AccessControl:
        return _access_control(self._call("get_bucket_acl", bucket, None, options))

    def put_bucket_acl(self, bucket: str, acl: str, options: RequestOptions) -> None:
        self._call("put_bucket_acl", bucket, None, options, ACL=acl)

    def put_bucket_versioning(self, bucket: str, status: VersioningStatus, options: RequestOptions) -> None:
        self._call("put_bucket_versioning", bucket, None, options, VersioningConfiguration={"Status": status})

    # --- signing ---------------------------------------------------------------------------------

    def presigned_url(
        self, operation: PresignedOperation, ref: ObjectRef, expires_in: int, options: RequestOptions
    ) -> str:
        check_between("expires_in", expires_in, 1, MAX_PRESIGNED_SECONDS)
        params = {"Bucket": ref.bucket, "Key": ref.key, **_version(ref), **self._common(operation, options)}
        with translated(_operation(operation), ref.bucket, ref.key):
            return self._signer().generate_presigned_url(operation, Params=params, ExpiresIn=expires_in)

    # --- one request -----------------------------------------------------------------------------

    def _call(
        self, method: str, bucket: str | None, key: str | None, options: RequestOptions, **params: Any
    ) -> _Answer:
        operation = _operation(method)
        if bucket is not None:
            params["Bucket"] = bucket
        if key is not None:
            params["Key"] = key
        # What the caller names by S3's name wins over what we would send.
        params.update(self._common(method, options))
        with translated(operation, bucket, key, must_not_exist=_must_not_exist(method, params)):
            answer = getattr(self._client(), method)(**params)
        return _Answer(answer, operation, bucket, key)

    def _common(self, method: str, options: RequestOptions) -> dict[str, object]:
        common = _present(ExpectedBucketOwner=options.expected_bucket_owner)
        if (options.requester_pays or self._requester_pays) and method not in _NO_REQUEST_PAYER:
            common["RequestPayer"] = "requester"
        if "SSECustomerKey" in options.extra_args or "CopySourceSSECustomerKey" in options.extra_args:
            # An error of botocore's over it would show the key.
            raise ValueError("an SSE-C key goes into customer_key= or source_customer_key=, not into extra_args")
        common.update(options.extra_args)
        return common


def _read_range(
    ref: ObjectRef,
    byte_range: ByteRange,
    into: memoryview | None,
    answer: _Answer,
    abandonment: Abandonment,
    *,
    part: bool,
) -> ObjectRange:
    body = answer["Body"]
    length: int = answer["ContentLength"]
    start, object_size, skip = _place(ref, byte_range, answer, length, part=part)
    size = length - skip if byte_range.stop is None else min(length - skip, byte_range.stop - start)
    if into is not None and size > into.nbytes:
        raise ValueError(f"into holds {into.nbytes} bytes, and {ref} has {size} from byte {start} on")
    owned: io.BytesIO | None = None
    if into is None:
        # BytesIO hands out the memory that it was given, so that the bytes are written once and never joined.
        owned = io.BytesIO(bytes(size))
        target = owned.getbuffer()
    else:
        target = into[:size]
    received = -skip

    def receive(stop: int) -> None:
        nonlocal received
        while received < stop:
            chunk = body.read(min((stop if received >= 0 else 0) - received, _CHUNK))
            if not chunk:
                raise S3ConnectionError("The body ended early", operation="GetObject")
            with abandonment.holding():
                if received >= 0:
                    target[received : received + len(chunk)] = chunk
            received += len(chunk)

    to_the_end = skip + size == length
    shutdown = getattr(getattr(body, "_raw_stream", None), "shutdown", None)
    try:
        with translated("GetObject", ref.bucket, ref.key):
            # With its last byte a body hands the connection back, and to shut it down then would hit another request.
            with abandonment.woken_by(shutdown):
                receive(size - 1 if to_the_end else size)
            receive(size)
            if to_the_end:
                body.read(1)  # botocore compares the checksum when it finds the end, and only then
    except BaseException as error:
        # The traceback keeps this frame, and the owner of a buffer minds views that outlive it.
        target.release()
        if not isinstance(error, (S3ConnectionError, S3TimeoutError)):
            raise
        abandonment.check()
        raise S3IncompleteReadError(
            f"The body broke off after {max(received, 0)} of {size} bytes: {error.strerror}",
            start=start,
            received=max(received, 0),
            etag=answer.etag,
            object_size=object_size,
            operation="GetObject",
            bucket=ref.bucket,
            key=ref.key,
        ) from error.__cause__
    if not to_the_end:
        body.close()
    data: bytes | memoryview = target
    if owned is not None:
        target.release()
        data = owned.getvalue()
    info = _object_info(ref.key, answer, size=object_size)
    return ObjectRange(data, start, size, object_size, answer.etag, answer.get("VersionId"), info)


def _place(ref: ObjectRef, byte_range: ByteRange, answer: _Answer, length: int, *, part: bool) -> tuple[int, int, int]:
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


def _operation(method: str) -> str:
    return "".join(word.title() for word in method.split("_"))


def _present(**params: object) -> dict[str, Any]:
    return {name: value for name, value in params.items() if value is not None}


def _named(options: object, names: Mapping[str, str]) -> dict[str, Any]:
    return _present(**{theirs: getattr(options, ours, None) for ours, theirs in names.items()})


def _must_not_exist(method: str, params: Mapping[str, Any]) -> bool:
    """Whether a failed precondition can only mean that there is an object already."""
    about_the_source = any(name.startswith("CopySourceIf") for name in params)
    return method in _MAY_HAVE_TO_CREATE and params.get("IfNoneMatch") == "*" and not about_the_source


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


def _object_info(key: str, answer: _Answer, *, size: int) -> ObjectInfo:
    fields = {ours: answer[theirs] for ours, theirs in _INFO_FIELDS.items() if theirs in answer}
    # The names are HTTP headers, whose case says nothing; S3 sends lower case, others do not.
    metadata = {name.lower(): value for name, value in answer.get("Metadata", {}).items()}
    return ObjectInfo(key=key, size=size, etag=answer.etag, metadata=metadata, **fields)


def _quoted(etag: str) -> str:
    return etag if etag.endswith('"') else f'"{etag}"'


def _not_null(version_id: str | None) -> str | None:
    return None if version_id in ("", "null") else version_id


def _access_control(answer: Mapping[str, Any]) -> AccessControl:
    grants = []
    for grant in answer.get("Grants", ()):
        grantee = grant.get("Grantee", {})
        name = grantee.get("ID") or grantee.get("URI") or grantee.get("EmailAddress") or ""
        grants.append(Grant(name, grant.get("Permission", "")))
    return AccessControl(answer.get("Owner", {}).get("ID"), tuple(grants))


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


def _next_markers(answer: _Answer, key_marker: str, id_marker: str) -> str | None:
    key = answer.next_page(key_marker)
    if key is None:
        return None
    markers = json.dumps([key, answer.get(id_marker) or ""])
    return base64.urlsafe_b64encode(markers.encode()).decode()
