"""Transports: how the filesystem reaches S3.

`S3Transport` is the contract, `ThreadedBoto3Transport` its default implementation (boto3 in threads of its own),
`BlockingBoto3Transport` the same in the calling thread, `InMemoryTransport` a fake for tests. `RetryingTransport` wraps
any of them, and tries again what failed for the moment; `ObservingTransport` does, and tells of each request.

The two that need boto3, and the fake, are imported when they are first used (PEP 562): this package imports without
boto3, and quickly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyathena.transport.errors import (
    S3AlreadyExistsError,
    S3ChecksumError,
    S3ClosedError,
    S3ConflictError,
    S3ConnectionError,
    S3DeleteDeniedError,
    S3DeleteError,
    S3Error,
    S3ExpiredCredentialsError,
    S3IncompleteReadError,
    S3InvalidRangeError,
    S3InvalidRequestError,
    S3NotFoundError,
    S3NotModifiedError,
    S3NotSupportedError,
    S3PermissionError,
    S3PreconditionError,
    S3ServerError,
    S3ThrottledError,
    S3TimeoutError,
)
from pyathena.transport.observing import ObservingTransport, RequestReport
from pyathena.transport.protocol import (
    BucketAdmin,
    ConnectionLike,
    CredentialsRefresher,
    MultipartWriter,
    ObjectAdmin,
    ObjectDeleter,
    ObjectLister,
    ObjectReader,
    ObjectWriter,
    PresignedOperation,
    S3Transport,
    UrlSigner,
)
from pyathena.transport.retrying import RetryingTransport, RetryPolicy
from pyathena.transport.values import (
    MAX_DELETE_KEYS,
    MAX_PAGE_SIZE,
    MAX_PART_SIZE,
    MAX_PARTS,
    MAX_PRESIGNED_SECONDS,
    MAX_TAGS,
    MIN_PART_SIZE,
    AccessControl,
    BucketInfo,
    BucketPage,
    ByteRange,
    CompletedPart,
    ConnectOptions,
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

if TYPE_CHECKING:
    from pyathena.transport.boto3 import BlockingBoto3Transport, ThreadedBoto3Transport
    from pyathena.transport.memory import InMemoryTransport

__all__ = [
    "AccessControl",
    "BlockingBoto3Transport",
    "BucketAdmin",
    "BucketInfo",
    "BucketPage",
    "ByteRange",
    "CompletedPart",
    "ConnectOptions",
    "ConnectionLike",
    "CopyOptions",
    "CredentialsRefresher",
    "CustomerKey",
    "DeleteError",
    "DeleteOptions",
    "DeleteResult",
    "DeletedObject",
    "GetOptions",
    "Grant",
    "InMemoryTransport",
    "ListPage",
    "MAX_DELETE_KEYS",
    "MAX_PAGE_SIZE",
    "MAX_PARTS",
    "MAX_PART_SIZE",
    "MAX_PRESIGNED_SECONDS",
    "MAX_TAGS",
    "MIN_PART_SIZE",
    "MultipartUpload",
    "MultipartWriter",
    "ObjectAdmin",
    "ObjectDeleter",
    "ObjectInfo",
    "ObjectKey",
    "ObjectLister",
    "ObjectRange",
    "ObjectReader",
    "ObjectRef",
    "ObjectSummary",
    "ObjectVersion",
    "ObjectWriter",
    "ObservingTransport",
    "PresignedOperation",
    "PutOptions",
    "PutResult",
    "RequestOptions",
    "RequestReport",
    "RetryPolicy",
    "RetryingTransport",
    "S3AlreadyExistsError",
    "S3ChecksumError",
    "S3ClosedError",
    "S3ConflictError",
    "S3ConnectionError",
    "S3DeleteDeniedError",
    "S3DeleteError",
    "S3Error",
    "S3ExpiredCredentialsError",
    "S3IncompleteReadError",
    "S3InvalidRangeError",
    "S3InvalidRequestError",
    "S3NotFoundError",
    "S3NotModifiedError",
    "S3NotSupportedError",
    "S3PermissionError",
    "S3PreconditionError",
    "S3ServerError",
    "S3ThrottledError",
    "S3TimeoutError",
    "S3Transport",
    "ThreadedBoto3Transport",
    "UploadPage",
    "UrlSigner",
    "VersionPage",
    "VersioningStatus",
]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name in ("BlockingBoto3Transport", "ThreadedBoto3Transport"):
            from pyathena.transport import boto3

            return getattr(boto3, name)
        if name == "InMemoryTransport":
            from pyathena.transport.memory import InMemoryTransport

            return InMemoryTransport
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted(__all__)
