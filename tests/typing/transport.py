"""What type checkers see of transports, of ours and of a user's own. Read by them, never executed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import assert_type

from typing_extensions import Buffer

from pyathena.filesystem.s3 import AioS3FileSystem, S3FileSystem
from pyathena.transport import (
    AccessControl,
    BlockingBoto3Transport,
    BucketInfo,
    BucketPage,
    ByteRange,
    CompletedPart,
    CopyOptions,
    DeleteOptions,
    DeleteResult,
    GetOptions,
    InMemoryTransport,
    ListPage,
    MultipartUpload,
    ObjectInfo,
    ObjectKey,
    ObjectRange,
    ObjectReader,
    ObjectRef,
    PresignedOperation,
    PutOptions,
    PutResult,
    RequestOptions,
    RetryingTransport,
    S3Transport,
    ThreadedBoto3Transport,
    UploadPage,
    VersioningStatus,
    VersionPage,
)


class OfTheirOwn:
    """A transport by its structure alone: it inherits nothing."""

    async def head_object(self, ref: ObjectRef, *, options: GetOptions = GetOptions()) -> ObjectInfo:
        raise NotImplementedError

    async def get_object_range(
        self,
        ref: ObjectRef,
        byte_range: ByteRange,
        *,
        into: memoryview | None = None,
        options: GetOptions = GetOptions(),
    ) -> ObjectRange:
        raise NotImplementedError

    async def put_object(self, ref: ObjectRef, body: Buffer, *, options: PutOptions = PutOptions()) -> PutResult:
        raise NotImplementedError

    async def copy_object(
        self, source: ObjectRef, target: ObjectRef, *, options: CopyOptions = CopyOptions()
    ) -> PutResult:
        raise NotImplementedError

    async def create_multipart_upload(self, ref: ObjectRef, *, options: PutOptions = PutOptions()) -> MultipartUpload:
        raise NotImplementedError

    async def upload_part(
        self, upload: MultipartUpload, part_number: int, body: Buffer, *, options: PutOptions = PutOptions()
    ) -> CompletedPart:
        raise NotImplementedError

    async def upload_part_copy(
        self,
        upload: MultipartUpload,
        part_number: int,
        source: ObjectRef,
        byte_range: ByteRange | None = None,
        *,
        options: CopyOptions = CopyOptions(),
    ) -> CompletedPart:
        raise NotImplementedError

    async def complete_multipart_upload(
        self, upload: MultipartUpload, parts: Sequence[CompletedPart], *, options: PutOptions = PutOptions()
    ) -> PutResult:
        raise NotImplementedError

    async def abort_multipart_upload(
        self, upload: MultipartUpload, *, options: RequestOptions = RequestOptions()
    ) -> None:
        raise NotImplementedError

    async def list_multipart_uploads(
        self,
        bucket: str,
        *,
        prefix: str = "",
        max_uploads: int = 1000,
        token: str | None = None,
        options: RequestOptions = RequestOptions(),
    ) -> UploadPage:
        raise NotImplementedError

    async def delete_objects(
        self, bucket: str, keys: Sequence[ObjectKey], *, options: DeleteOptions = DeleteOptions()
    ) -> DeleteResult:
        raise NotImplementedError

    async def list_objects(
        self,
        bucket: str,
        *,
        prefix: str = "",
        delimiter: str = "",
        start_after: str = "",
        max_keys: int = 1000,
        token: str | None = None,
        options: RequestOptions = RequestOptions(),
    ) -> ListPage:
        raise NotImplementedError

    async def list_object_versions(
        self,
        bucket: str,
        *,
        prefix: str = "",
        delimiter: str = "",
        max_keys: int = 1000,
        token: str | None = None,
        options: RequestOptions = RequestOptions(),
    ) -> VersionPage:
        raise NotImplementedError

    async def list_buckets(
        self, *, max_buckets: int = 1000, token: str | None = None, options: RequestOptions = RequestOptions()
    ) -> BucketPage:
        raise NotImplementedError

    async def get_object_tagging(
        self, ref: ObjectRef, *, options: RequestOptions = RequestOptions()
    ) -> Mapping[str, str]:
        raise NotImplementedError

    async def put_object_tagging(
        self, ref: ObjectRef, tags: Mapping[str, str], *, options: RequestOptions = RequestOptions()
    ) -> None:
        raise NotImplementedError

    async def get_object_acl(self, ref: ObjectRef, *, options: RequestOptions = RequestOptions()) -> AccessControl:
        raise NotImplementedError

    async def put_object_acl(self, ref: ObjectRef, acl: str, *, options: RequestOptions = RequestOptions()) -> None:
        raise NotImplementedError

    async def get_bucket_versioning(
        self, bucket: str, *, options: RequestOptions = RequestOptions()
    ) -> VersioningStatus | None:
        raise NotImplementedError

    async def head_bucket(self, bucket: str, *, options: RequestOptions = RequestOptions()) -> BucketInfo:
        raise NotImplementedError

    async def create_bucket(
        self,
        bucket: str,
        *,
        region: str | None = None,
        acl: str | None = None,
        options: RequestOptions = RequestOptions(),
    ) -> None:
        raise NotImplementedError

    async def delete_bucket(self, bucket: str, *, options: RequestOptions = RequestOptions()) -> None:
        raise NotImplementedError

    async def get_bucket_acl(self, bucket: str, *, options: RequestOptions = RequestOptions()) -> AccessControl:
        raise NotImplementedError

    async def put_bucket_acl(self, bucket: str, acl: str, *, options: RequestOptions = RequestOptions()) -> None:
        raise NotImplementedError

    async def put_bucket_versioning(
        self, bucket: str, status: VersioningStatus, *, options: RequestOptions = RequestOptions()
    ) -> None:
        raise NotImplementedError

    async def presigned_url(
        self,
        operation: PresignedOperation,
        ref: ObjectRef,
        *,
        expires_in: int = 3600,
        options: RequestOptions = RequestOptions(),
    ) -> str:
        raise NotImplementedError

    async def aclose(self) -> None:
        raise NotImplementedError


async def read_first_bytes(reader: ObjectReader, ref: ObjectRef) -> bytes:
    """Ask for the least that is needed."""
    answer = await reader.get_object_range(ref, ByteRange(0, 10))
    assert_type(answer, ObjectRange)
    return bytes(answer.data)


async def transports(transport: S3Transport) -> None:
    ref = ObjectRef("bucket", "key")
    assert_type(await transport.head_object(ref), ObjectInfo)
    assert_type(await transport.list_objects("bucket"), ListPage)
    assert_type(
        await transport.delete_objects("bucket", [ObjectKey("key")], options=DeleteOptions(quiet=True)), DeleteResult
    )
    assert_type(await read_first_bytes(transport, ref), bytes)
    assert_type(AioS3FileSystem(transport=transport).transport, S3Transport)


def accepted() -> None:
    of_their_own: S3Transport = OfTheirOwn()
    AioS3FileSystem(transport=of_their_own)
    AioS3FileSystem(transport=RetryingTransport(OfTheirOwn()))
    AioS3FileSystem(transport=ThreadedBoto3Transport(key="k", secret="s"))
    AioS3FileSystem(transport=InMemoryTransport(buckets=["bucket"]))
    S3FileSystem(transport=OfTheirOwn())
    S3FileSystem(transport=BlockingBoto3Transport(key="k", secret="s"))
