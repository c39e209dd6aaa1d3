"""Every method of `S3Transport` as one question to an `Operation`, for transports that speak by boto3's model.

Such a transport says how an operation is asked; what is asked, and what the answer means, is the same for all.

This module knows the standard library and ``typing_extensions`` only.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from typing_extensions import Buffer, override

from pyathena.transport.operations import ExpectedBytes, Operation, Operations
from pyathena.transport.protocol import PresignedOperation, S3Transport
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

__all__ = ["ClientFacts", "OperationsTransport", "outcome"]

T = TypeVar("T")

_REQUEST = RequestOptions()
_DELETE = DeleteOptions()
_GET = GetOptions()
_PUT = PutOptions()
_COPY = CopyOptions()


@dataclass(frozen=True, slots=True)
class ClientFacts:
    """What some operations depend on, and only the client knows.

    Args:
        region: where it sends requests; None if it does not say.
        checksums: whether it sends checksums with parts of an upload.
    """

    region: str | None
    checksums: bool

    @classmethod
    def of(cls, meta: Any) -> ClientFacts:
        """Return what a client of boto3's or aiobotocore's says of itself in ``client.meta``."""
        return cls(meta.region_name, meta.config.request_checksum_calculation != "when_required")


async def outcome(answer: asyncio.Future[Any]) -> None:
    """Wait until a write has ended, whatever comes in between; the transport's own time limits bound it."""
    while not answer.done():
        with suppress(asyncio.CancelledError):  # the caller raises the first one
            await asyncio.wait([answer])


class OperationsTransport(S3Transport):
    """A transport that asks S3 by `Operations`: subclasses say how.

    Args:
        requester_pays: for every request.
    """

    def __init__(self, *, requester_pays: bool) -> None:
        self._operations = Operations(requester_pays=requester_pays)

    @abstractmethod
    async def _ask(self, operation: Operation[T]) -> T:
        """Send a request, and tell what the answer means."""

    @abstractmethod
    async def _ask_knowing(
        self, name: str, bucket: str, key: str | None, operation: Callable[[ClientFacts], Operation[T]]
    ) -> T:
        """Send a request that depends on the client, which may have to be made for it.

        Args:
            name: S3's name of the operation, for an error of making the client.
            bucket: what it is about.
            key: what it is about.
            operation: tells the request.
        """

    @abstractmethod
    async def _receive(self, operation: Operation[ExpectedBytes]) -> ObjectRange:
        """Send a request for bytes, and receive them."""

    @abstractmethod
    async def _sign(self, operation: Operation[None], expires_in: int) -> str:
        """Sign what others will send within ``expires_in`` seconds."""

    @override
    async def head_object(self, ref: ObjectRef, *, options: GetOptions = _GET) -> ObjectInfo:
        return await self._ask(self._operations.head_object(ref, options))

    @override
    async def get_object_range(
        self,
        ref: ObjectRef,
        byte_range: ByteRange,
        *,
        into: memoryview | None = None,
        options: GetOptions = _GET,
    ) -> ObjectRange:
        return await self._receive(self._operations.get_object(ref, byte_range, into, options))

    @override
    async def put_object(self, ref: ObjectRef, body: Buffer, *, options: PutOptions = _PUT) -> PutResult:
        return await self._ask(self._operations.put_object(ref, body, options))

    @override
    async def copy_object(self, source: ObjectRef, target: ObjectRef, *, options: CopyOptions = _COPY) -> PutResult:
        return await self._ask(self._operations.copy_object(source, target, options))

    @override
    async def create_multipart_upload(self, ref: ObjectRef, *, options: PutOptions = _PUT) -> MultipartUpload:
        def begin(client: ClientFacts) -> Operation[MultipartUpload]:
            return self._operations.create_multipart_upload(ref, options, checksums=client.checksums)

        return await self._ask_knowing("CreateMultipartUpload", ref.bucket, ref.key, begin)

    @override
    async def upload_part(
        self, upload: MultipartUpload, part_number: int, body: Buffer, *, options: PutOptions = _PUT
    ) -> CompletedPart:
        return await self._ask(self._operations.upload_part(upload, part_number, body, options))

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
        return await self._ask(self._operations.upload_part_copy(upload, part_number, source, byte_range, options))

    @override
    async def complete_multipart_upload(
        self, upload: MultipartUpload, parts: Sequence[CompletedPart], *, options: PutOptions = _PUT
    ) -> PutResult:
        return await self._ask(self._operations.complete_multipart_upload(upload, parts, options))

    @override
    async def abort_multipart_upload(self, upload: MultipartUpload, *, options: RequestOptions = _REQUEST) -> None:
        return await self._ask(self._operations.abort_multipart_upload(upload, options))

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
        return await self._ask(self._operations.list_multipart_uploads(bucket, prefix, max_uploads, token, options))

    @override
    async def delete_objects(
        self, bucket: str, keys: Sequence[ObjectKey], *, options: DeleteOptions = _DELETE
    ) -> DeleteResult:
        return await self._ask(self._operations.delete_objects(bucket, keys, options))

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
        return await self._ask(
            self._operations.list_objects(bucket, prefix, delimiter, start_after, max_keys, token, options)
        )

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
        return await self._ask(
            self._operations.list_object_versions(bucket, prefix, delimiter, max_keys, token, options)
        )

    @override
    async def list_buckets(
        self, *, max_buckets: int = 1000, token: str | None = None, options: RequestOptions = _REQUEST
    ) -> BucketPage:
        return await self._ask(self._operations.list_buckets(max_buckets, token, options))

    @override
    async def get_object_tagging(self, ref: ObjectRef, *, options: RequestOptions = _REQUEST) -> Mapping[str, str]:
        return await self._ask(self._operations.get_object_tagging(ref, options))

    @override
    async def put_object_tagging(
        self, ref: ObjectRef, tags: Mapping[str, str], *, options: RequestOptions = _REQUEST
    ) -> None:
        return await self._ask(self._operations.put_object_tagging(ref, tags, options))

    @override
    async def get_object_acl(self, ref: ObjectRef, *, options: RequestOptions = _REQUEST) -> AccessControl:
        return await self._ask(self._operations.get_object_acl(ref, options))

    @override
    async def put_object_acl(self, ref: ObjectRef, acl: str, *, options: RequestOptions = _REQUEST) -> None:
        return await self._ask(self._operations.put_object_acl(ref, acl, options))

    @override
    async def get_bucket_versioning(
        self, bucket: str, *, options: RequestOptions = _REQUEST
    ) -> VersioningStatus | None:
        return await self._ask(self._operations.get_bucket_versioning(bucket, options))

    @override
    async def head_bucket(self, bucket: str, *, options: RequestOptions = _REQUEST) -> BucketInfo:
        return await self._ask(self._operations.head_bucket(bucket, options))

    @override
    async def create_bucket(
        self,
        bucket: str,
        *,
        region: str | None = None,
        acl: str | None = None,
        options: RequestOptions = _REQUEST,
    ) -> None:
        def create(client: ClientFacts) -> Operation[None]:
            return self._operations.create_bucket(bucket, region or client.region, acl, options)

        return await self._ask_knowing("CreateBucket", bucket, None, create)

    @override
    async def delete_bucket(self, bucket: str, *, options: RequestOptions = _REQUEST) -> None:
        return await self._ask(self._operations.delete_bucket(bucket, options))

    @override
    async def get_bucket_acl(self, bucket: str, *, options: RequestOptions = _REQUEST) -> AccessControl:
        return await self._ask(self._operations.get_bucket_acl(bucket, options))

    @override
    async def put_bucket_acl(self, bucket: str, acl: str, *, options: RequestOptions = _REQUEST) -> None:
        return await self._ask(self._operations.put_bucket_acl(bucket, acl, options))

    @override
    async def put_bucket_versioning(
        self, bucket: str, status: VersioningStatus, *, options: RequestOptions = _REQUEST
    ) -> None:
        return await self._ask(self._operations.put_bucket_versioning(bucket, status, options))

    @override
    async def presigned_url(
        self,
        operation: PresignedOperation,
        ref: ObjectRef,
        *,
        expires_in: int = 3600,
        options: RequestOptions = _REQUEST,
    ) -> str:
        return await self._sign(self._operations.presigned(operation, ref, expires_in, options), expires_in)
