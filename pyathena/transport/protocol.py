"""The seam: what the filesystem asks of S3, one method for one S3 request.

The docstrings here are the contract; an implementation's say only what differs. `pyathena.testing.conformance`
is the same contract as tests, for any transport, ours or yours.

Rules that hold for every method:

* Arguments are checked before anything is sent: `ValueError` names the value and the bound.
* Whatever goes wrong afterwards is an `S3Error` (see `pyathena.transport.errors`) with ``operation``, ``bucket`` and
  ``key`` set and the foreign exception, if any, as ``__cause__``. No foreign exception leaves a transport. A 200 answer
  that carries an error is an error. ``status`` is the one of S3's answer (404, 412 …), also where no HTTP is spoken.
* After `S3Transport.aclose` every method raises `S3ClosedError`; so does a request that still waited for its turn then.
* An option that the transport cannot honour raises `S3NotSupportedError`, which names it; it is never ignored.
* Who inherits from `S3Transport` and lacks a method cannot be made (`TypeError`).
* A transport can be used from several event loops, and from several threads, at the same time.
* Cancelling a **read** (head, get, list, presign) ends it at once; what it occupies (a thread, a connection) is free
  when the work behind it has ended. Cancelling a **write** ends when its outcome is known, then raises
  `asyncio.CancelledError`; bytes of a body that S3 has not got in whole are not sent on. Neither is attempted again.
  `CancelledError` is never swallowed, and never raised for another reason than that the caller was cancelled.
* A transport does not retry what its server refused; `S3Error.retryable` says whether it may be worth it, and
  `pyathena.transport.RetryingTransport` does it above any other. Safe to repeat as they are: every read, UploadPart,
  UploadPartCopy, DeleteObjects, tags, ACLs, and writes without a condition. AbortMultipartUpload, CreateBucket and
  DeleteBucket whose answer was lost may be refused when repeated, since they have happened. A conditional write or a
  CompleteMultipartUpload whose answer was lost may have happened: look first.
* ``repr`` shows no secret, and differs from object to object.

Buffers that are passed in (``body``, ``into``) belong to the transport until the method has returned or raised. A
``body`` may have items of any format and must be contiguous (`ValueError`): its bytes are sent as they lie in memory.

This module knows the standard library and ``typing_extensions`` only.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Final, Literal, Protocol, TypeAlias, runtime_checkable

from typing_extensions import Buffer

from pyathena.transport.values import (
    AccessControl,
    BucketInfo,
    BucketPage,
    ByteRange,
    CompletedPart,
    CopyOptions,
    DeleteOptions,
    DeleteResult,
    GetOptions,
    ListPage,
    MultipartUpload,
    ObjectInfo,
    ObjectKey,
    ObjectRange,
    ObjectRef,
    PutOptions,
    PutResult,
    RequestOptions,
    UploadPage,
    VersioningStatus,
    VersionPage,
)

__all__ = [
    "BucketAdmin",
    "ConnectionLike",
    "CredentialsRefresher",
    "MultipartWriter",
    "ObjectAdmin",
    "ObjectDeleter",
    "ObjectLister",
    "ObjectReader",
    "ObjectWriter",
    "PresignedOperation",
    "S3Transport",
    "UrlSigner",
    "operation_name",
]

_OPERATIONS: Final = {"get_object_range": "GetObject", "list_objects": "ListObjectsV2"}


@cache
def operation_name(method: str) -> str:
    """Return S3's name of the operation that a method of `S3Transport`, or of boto3's client, stands for."""
    return _OPERATIONS.get(method) or method.title().replace("_", "")


PresignedOperation: TypeAlias = Literal["get_object", "head_object", "put_object", "delete_object"]

_REQUEST = RequestOptions()
_DELETE = DeleteOptions()
_GET = GetOptions()
_PUT = PutOptions()
_COPY = CopyOptions()


class ObjectReader(Protocol):
    """Reads objects."""

    @abstractmethod
    async def head_object(self, ref: ObjectRef, *, options: GetOptions = _GET) -> ObjectInfo:
        """Tell what an object is, without its bytes (HeadObject).

        Raises:
            S3NotFoundError: no such bucket, key or version, or the current version is a delete marker.
            S3PermissionError: denied; without permission to list the bucket also for a key that does not exist.
            S3PreconditionError: a condition does not hold.
            S3NotModifiedError: ``if_none_match`` or ``if_modified_since`` holds.

        https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html
        """
        ...

    @abstractmethod
    async def get_object_range(
        self,
        ref: ObjectRef,
        byte_range: ByteRange,
        *,
        into: memoryview | None = None,
        options: GetOptions = _GET,
    ) -> ObjectRange:
        """Read bytes of an object, with the size and ETag of the whole (GetObject).

        Args:
            ref: which object, or which version of it.
            byte_range: which bytes. At the end of the object fewer come than were asked for.
            into: a writable, contiguous view of single bytes, at least as long as the range, or for an open range
                at least as long as the rest of the object. The answer's ``data`` is then ``into[:size]``, and no other
                copy of the bytes is made for the caller. When the call has returned or raised, being cancelled
                included, nothing writes to ``into`` again.
            options: conditions. With ``part_number`` the bytes are those of that part and ``byte_range`` must be
                ``ByteRange(0)``.

        Returns:
            The bytes and where in the object they stand. The server's Content-Range decides where that is, whatever the
            status: with it the body is the range, also with a 200; a 200 without it is the whole object, which is cut,
            and a 206 without it is `S3ServerError`.

        A transport may tell of the object before its bytes come, by `pyathena.transport.told.tell_object`, so that a
        large one is read in parallel sooner.

        Raises:
            S3InvalidRangeError: the range begins at or behind the end; on an empty object every range does.
            S3IncompleteReadError: the body broke off or stalled; ``into[:received]`` is valid, and the rest can be
                asked for.
            S3ChecksumError: the server told a checksum that was asked for, and it is not that of the body.
            ValueError: ``into`` is read-only or too short.
            S3Error: as `head_object` raises.

        https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html, RFC 9110 section 14
        """
        ...


class ObjectWriter(Protocol):
    """Writes whole objects, each in one request. An object appears whole or not at all."""

    @abstractmethod
    async def put_object(self, ref: ObjectRef, body: Buffer, *, options: PutOptions = _PUT) -> PutResult:
        """Write an object of up to 5 GiB (PutObject). ``ref.version_id`` must be None.

        Raises:
            S3NotFoundError: no such bucket, or ``if_match`` was given and there is no object.
            S3AlreadyExistsError: ``if_none_match`` was given and there is an object.
            S3PreconditionError: ``if_match`` was given and the object is another one.
            S3ConflictError: a conditional write met another write; try again from the start.

        https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html
        """
        ...

    @abstractmethod
    async def copy_object(self, source: ObjectRef, target: ObjectRef, *, options: CopyOptions = _COPY) -> PutResult:
        """Copy an object of up to 5 GiB within S3 (CopyObject). ``target.version_id`` must be None.

        Copying an object onto itself needs ``metadata_directive="REPLACE"`` or another change.

        Raises:
            S3NotFoundError: no such source, or no such bucket. ``bucket`` and ``key`` of an error are the target's.
            S3PreconditionError: ``source_if_match`` does not hold, or one of it and ``if_none_match``.
            S3InvalidRequestError: the source is larger than 5 GiB, or nothing would change.

        https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
        """
        ...


class MultipartWriter(Protocol):
    """Writes an object in parts. Nothing appears before the upload is completed."""

    @abstractmethod
    async def create_multipart_upload(self, ref: ObjectRef, *, options: PutOptions = _PUT) -> MultipartUpload:
        """Begin an upload (CreateMultipartUpload). Not to be repeated blindly: each answer lost leaves one open.

        ``if_match`` and ``if_none_match`` belong to `complete_multipart_upload` and are refused here with `ValueError`.

        https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateMultipartUpload.html
        """
        ...

    @abstractmethod
    async def upload_part(
        self, upload: MultipartUpload, part_number: int, body: Buffer, *, options: PutOptions = _PUT
    ) -> CompletedPart:
        """Upload one part (UploadPart); a second one of the same number replaces the first.

        Args:
            upload: the upload.
            part_number: 1 to 10 000; the order of the bytes in the object.
            body: 5 MiB to 5 GiB; the last part may be smaller. S3 checks the lower bound on completing only.
            options: ``customer_key`` and what every request has.

        Raises:
            S3NotFoundError: no such upload: completed or aborted.

        https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPart.html
        """
        ...

    @abstractmethod
    async def upload_part_copy(
        self,
        upload: MultipartUpload,
        part_number: int,
        source: ObjectRef,
        byte_range: ByteRange | None = None,
        *,
        options: CopyOptions = _COPY,
    ) -> CompletedPart:
        """Make a part of bytes that S3 has (UploadPartCopy).

        Args:
            upload: the upload.
            part_number: 1 to 10 000.
            source: the object to take bytes of.
            byte_range: which; closed, and within the source. None is the whole source, up to 5 GiB.
            options: ``source_if_match`` and the SSE-C keys.

        Raises:
            S3InvalidRangeError, S3InvalidRequestError: the range is not within the source.
            S3PreconditionError: ``source_if_match`` does not hold.

        https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPartCopy.html
        """
        ...

    @abstractmethod
    async def complete_multipart_upload(
        self, upload: MultipartUpload, parts: Sequence[CompletedPart], *, options: PutOptions = _PUT
    ) -> PutResult:
        """Make the object of the parts (CompleteMultipartUpload); parts that are not named are dropped.

        Args:
            upload: the upload.
            parts: at least one, ascending by part number.
            options: ``if_match`` and ``if_none_match`` decide here.

        Raises:
            S3InvalidRequestError: a part is missing (InvalidPart), too small (EntityTooSmall) or out of order.
            S3NotFoundError: no such upload. If an earlier answer was lost, it may have been completed: look first.
            S3AlreadyExistsError, S3PreconditionError, S3ConflictError: as in `ObjectWriter.put_object`.

        https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html
        """
        ...

    @abstractmethod
    async def abort_multipart_upload(self, upload: MultipartUpload, *, options: RequestOptions = _REQUEST) -> None:
        """Drop an upload and its parts (AbortMultipartUpload). Parts still under way may outlive it: end them first.

        Raises:
            S3NotFoundError: no such upload.

        https://docs.aws.amazon.com/AmazonS3/latest/API/API_AbortMultipartUpload.html
        """
        ...

    @abstractmethod
    async def list_multipart_uploads(
        self,
        bucket: str,
        *,
        prefix: str = "",
        max_uploads: int = 1000,
        token: str | None = None,
        options: RequestOptions = _REQUEST,
    ) -> UploadPage:
        """List one page of open uploads, by key (ListMultipartUploads).

        Args:
            bucket: the bucket.
            prefix: only keys that begin so.
            max_uploads: 1 to 1000 entries.
            token: ``next_token`` of the page before.
            options: what every request has.

        https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListMultipartUploads.html
        """
        ...


class ObjectDeleter(Protocol):
    """Deletes objects."""

    @abstractmethod
    async def delete_objects(
        self, bucket: str, keys: Sequence[ObjectKey], *, options: DeleteOptions = _DELETE
    ) -> DeleteResult:
        """Delete up to 1000 objects, or versions, of one bucket (DeleteObjects). Not atomic.

        Args:
            bucket: the bucket.
            keys: 1 to 1000, no two alike. A key without a version gets a delete marker in a bucket with versions.
            options: what every request has, and whether what was deleted is told.

        Returns:
            What was deleted and what was not, each key of ``keys`` in exactly one of the two, with the version that was
            asked for. A key that did not exist counts as deleted. Keys that could not be deleted are *not* raised. With
            ``quiet`` those that were may be left out.

        Raises:
            S3NotFoundError: no such bucket.
            S3PermissionError: the request as a whole was denied.

        https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
        """
        ...


class ObjectLister(Protocol):
    """Lists. A page is one request; the caller goes on with ``token``."""

    @abstractmethod
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
        """List one page of objects (ListObjectsV2).

        Args:
            bucket: the bucket.
            prefix: only keys that begin so.
            delimiter: keys that hold it behind the prefix are rolled up into one common prefix, which ends in it.
            start_after: only keys behind this one, in the order of UTF-8 bytes; used on the first page only.
            max_keys: 1 to 1000 objects and common prefixes together.
            token: ``next_token`` of the page before.
            options: what every request has.

        Returns:
            Objects and prefixes in the order of UTF-8 bytes. A page may be shorter than ``max_keys``, even empty, and
            not the last: only ``next_token`` tells.

        Raises:
            S3NotFoundError: no such bucket. A prefix without keys is an empty page, not an error.

        https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
        """
        ...

    @abstractmethod
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
        """List one page of versions and delete markers (ListObjectVersions). Arguments as in `list_objects`.

        In a bucket that never had versions each object is one version with the id ``"null"``.

        https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectVersions.html
        """
        ...

    @abstractmethod
    async def list_buckets(
        self, *, max_buckets: int = 1000, token: str | None = None, options: RequestOptions = _REQUEST
    ) -> BucketPage:
        """List one page of the buckets of the account that asks (ListBuckets).

        ``max_buckets`` is 1 to 1000; a server without pages answers with all.

        https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListBuckets.html
        """
        ...


class ObjectAdmin(Protocol):
    """Tags, access and versions of objects."""

    @abstractmethod
    async def get_object_tagging(self, ref: ObjectRef, *, options: RequestOptions = _REQUEST) -> Mapping[str, str]:
        """Tell an object's tags (GetObjectTagging).

        https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectTagging.html
        """
        ...

    @abstractmethod
    async def put_object_tagging(
        self, ref: ObjectRef, tags: Mapping[str, str], *, options: RequestOptions = _REQUEST
    ) -> None:
        """Replace an object's tags, at most 10 (PutObjectTagging).

        https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObjectTagging.html
        """
        ...

    @abstractmethod
    async def get_object_acl(self, ref: ObjectRef, *, options: RequestOptions = _REQUEST) -> AccessControl:
        """Tell who may do what with an object (GetObjectAcl).

        https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectAcl.html
        """
        ...

    @abstractmethod
    async def put_object_acl(self, ref: ObjectRef, acl: str, *, options: RequestOptions = _REQUEST) -> None:
        """Give an object a canned ACL, such as ``public-read`` (PutObjectAcl).

        https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html#canned-acl
        """
        ...

    @abstractmethod
    async def get_bucket_versioning(
        self, bucket: str, *, options: RequestOptions = _REQUEST
    ) -> VersioningStatus | None:
        """Tell whether a bucket keeps versions; None if it never did (GetBucketVersioning).

        https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketVersioning.html
        """
        ...


class BucketAdmin(Protocol):
    """Buckets themselves."""

    @abstractmethod
    async def head_bucket(self, bucket: str, *, options: RequestOptions = _REQUEST) -> BucketInfo:
        """Tell whether a bucket is there and may be used, and its region if the server says it (HeadBucket).

        Raises:
            S3NotFoundError: no such bucket.
            S3PermissionError: there is one, and it is not yours.

        https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html
        """
        ...

    @abstractmethod
    async def create_bucket(
        self,
        bucket: str,
        *,
        region: str | None = None,
        acl: str | None = None,
        options: RequestOptions = _REQUEST,
    ) -> None:
        """Create a bucket (CreateBucket).

        Args:
            bucket: 3 to 63 characters.
            region: where; None is the transport's own. ``us-east-1`` is sent as no constraint, as S3 demands.
            acl: canned ACL.
            options: what every request has.

        Raises:
            S3AlreadyExistsError: there is one of this name, yours or not. (In us-east-1 S3 lets one repeat one's own.)

        https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html
        """
        ...

    @abstractmethod
    async def delete_bucket(self, bucket: str, *, options: RequestOptions = _REQUEST) -> None:
        """Delete a bucket that is empty (DeleteBucket).

        Raises:
            S3NotFoundError: no such bucket.
            S3ConflictError: it holds objects, or versions of them.

        https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteBucket.html
        """
        ...

    @abstractmethod
    async def get_bucket_acl(self, bucket: str, *, options: RequestOptions = _REQUEST) -> AccessControl:
        """Tell who may do what with a bucket (GetBucketAcl).

        https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketAcl.html
        """
        ...

    @abstractmethod
    async def put_bucket_acl(self, bucket: str, acl: str, *, options: RequestOptions = _REQUEST) -> None:
        """Give a bucket a canned ACL (PutBucketAcl).

        https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketAcl.html
        """
        ...

    @abstractmethod
    async def put_bucket_versioning(
        self, bucket: str, status: VersioningStatus, *, options: RequestOptions = _REQUEST
    ) -> None:
        """Let a bucket keep versions from now on, or stop doing so (PutBucketVersioning).

        https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketVersioning.html
        """
        ...


class UrlSigner(Protocol):
    """Signs requests for others to send."""

    @abstractmethod
    async def presigned_url(
        self,
        operation: PresignedOperation,
        ref: ObjectRef,
        *,
        expires_in: int = 3600,
        options: RequestOptions = _REQUEST,
    ) -> str:
        """Make a URL that does one request to one object without credentials. The URL *is* a credential.

        A coroutine, since signing may have to refresh credentials over the network.

        Args:
            operation: what the URL does.
            ref: to which object.
            expires_in: seconds until it stops working, 1 to 604 800; at most as long as the credentials that sign it.
            options: ``extra_args`` become part of the signed request (``ResponseContentType`` …).

        https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-presigned-url.html
        """
        ...


class S3Transport(
    ObjectReader,
    ObjectWriter,
    MultipartWriter,
    ObjectDeleter,
    ObjectLister,
    ObjectAdmin,
    BucketAdmin,
    UrlSigner,
    Protocol,
):
    """All that the filesystem asks of S3. Ask for the small protocols where less is enough."""

    @abstractmethod
    async def aclose(self) -> None:
        """Release threads and connections; idempotent.

        Requests under way end first. Those that still wait for their turn (a thread, a connection), and later ones,
        raise `S3ClosedError`.
        """
        ...


@runtime_checkable
class CredentialsRefresher(Protocol):
    """What a transport may be besides: one whose credentials can be taken anew from where they came."""

    async def refresh_credentials(self) -> bool:
        """Look for other credentials than those that requests are signed with, since these have expired.

        Returns:
            Whether there are others now, for the requests to come. False if they are fixed, or have not changed.

        Raises:
            S3Error: they could not be had.
        """
        ...


@runtime_checkable
class ConnectionLike(Protocol):
    """What a transport takes from a connection to Athena: the session and settings that S3 shares with it.

    One may also have ``s3_client_kwargs``, a mapping of what else boto3's clients for S3 are made with, such as
    ``verify``.
    """

    @property
    def session(self) -> object:
        """A ``boto3.session.Session``."""
        ...

    @property
    def region_name(self) -> str | None:
        """AWS region; None leaves it to the session."""
        ...

    @property
    def config(self) -> object | None:
        """A ``botocore.config.Config`` for the client, or None."""
        ...

    @property
    def s3_endpoint_url(self) -> str | None:
        """S3's endpoint, which is not Athena's; None is AWS's own."""
        ...
