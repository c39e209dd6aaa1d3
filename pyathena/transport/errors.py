"""What a transport raises. Every leaf is also the builtin exception that users of fsspec catch::

    S3Error (OSError)
    ├── S3NotFoundError           FileNotFoundError     404: no such bucket, key, version or upload
    ├── S3PermissionError         PermissionError       401, 403: denied, or credentials missing or wrong
    │   └── S3ExpiredCredentialsError                   403: temporary credentials have expired
    ├── S3AlreadyExistsError      FileExistsError       409, 412: the bucket or (if_none_match) the object is there
    ├── S3PreconditionError                             412: if_match or another condition does not hold
    ├── S3NotModifiedError                              304: if_none_match or if_modified_since holds
    ├── S3ConflictError                                 409: another write at the same time, a bucket not empty
    ├── S3InvalidRangeError       ValueError            416: the range begins behind the end
    ├── S3InvalidRequestError     ValueError            400: S3 understood and refuses
    ├── S3ThrottledError                                503 SlowDown, 429               retryable
    ├── S3ServerError                                   5xx                             retryable
    │                                                   … or an answer out of order
    ├── S3TimeoutError            TimeoutError          no answer in time               retryable
    ├── S3ConnectionError         ConnectionError       no connection, or it broke      retryable
    │   └── S3IncompleteReadError                       the body broke off or stalled   retryable
    ├── S3DeleteError                                   some keys of many could not be deleted
    │   └── S3DeleteDeniedError   PermissionError       … and all of them were denied
    ├── S3ChecksumError                                 the bytes are not those sent    retryable
    ├── S3NotSupportedError       NotImplementedError   this transport cannot do that
    └── S3ClosedError             ValueError            the transport was closed

No text of an error holds credentials or a presigned URL.

This module knows the standard library and ``typing_extensions`` only.
"""

from __future__ import annotations

import errno
from typing import Any, ClassVar

from typing_extensions import override

from pyathena.transport.values import DeleteError

__all__ = [
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
]


class S3Error(OSError):
    """A request to S3 failed.

    Args:
        message: what went wrong, in words; the bucket and key are added by ``str()``.
        code: S3's error code (``NoSuchKey``); the HTTP status as text where an answer has no body (HEAD).
        status: HTTP status, None if there was no answer.
        operation: S3's name of the operation (``GetObject``).
        bucket: bucket that the request was about.
        key: key that the request was about.
        request_id: S3's id of the request, for support.
        host_id: S3's second id (``x-amz-id-2``).
        retry_after: seconds that the server asked to wait.
        retryable: whether the same request may succeed later; the class's default if None.

    https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
    """

    default_errno: ClassVar[int] = errno.EIO
    default_retryable: ClassVar[bool] = False

    code: str | None
    status: int | None
    operation: str | None
    bucket: str | None
    key: str | None
    request_id: str | None
    host_id: str | None
    retry_after: float | None
    retryable: bool

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        status: int | None = None,
        operation: str | None = None,
        bucket: str | None = None,
        key: str | None = None,
        request_id: str | None = None,
        host_id: str | None = None,
        retry_after: float | None = None,
        retryable: bool | None = None,
    ) -> None:
        path = None if bucket is None else bucket if key is None else f"{bucket}/{key}"
        if path is None:
            super().__init__(self.default_errno, message)
        else:
            super().__init__(self.default_errno, message, path)
        self.code = code
        self.status = status
        self.operation = operation
        self.bucket = bucket
        self.key = key
        self.request_id = request_id
        self.host_id = host_id
        self.retry_after = retry_after
        self.retryable = self.default_retryable if retryable is None else retryable

    @override
    def __reduce__(self) -> tuple[Any, ...]:
        # OSError's own would call the class with (errno, message, path), which is not our signature.
        return _rebuild, (type(self), self.args, self.filename, self.__dict__)

    @override
    def __str__(self) -> str:
        told = [
            self.operation,
            self.code,
            None if self.status is None or self.code == str(self.status) else f"HTTP {self.status}",
            None if self.request_id is None else f"request id {self.request_id}",
        ]
        detail = ", ".join(word for word in told if word)
        text = str(self.strerror) + (f" ({detail})" if detail else "")
        return f"[Errno {self.errno}] {text}" + (f": {self.filename!r}" if self.filename is not None else "")


def _rebuild(cls: type[S3Error], args: tuple[Any, ...], filename: str | None, state: dict[str, Any]) -> S3Error:
    error = cls.__new__(cls, *args)
    OSError.__init__(error, *args) if filename is None else OSError.__init__(error, *args, filename)
    error.__dict__.update(state)
    return error


class S3NotFoundError(S3Error, FileNotFoundError):
    """No such bucket, key, version or upload (404)."""

    default_errno = errno.ENOENT


class S3PermissionError(S3Error, PermissionError):
    """Denied, or the credentials are missing or wrong (401, 403).

    Without permission to list the bucket S3 answers 403, not 404, for a key that does not exist:
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html
    """

    default_errno = errno.EACCES


class S3ExpiredCredentialsError(S3PermissionError):
    """The temporary credentials have expired (ExpiredToken)."""


class S3AlreadyExistsError(S3Error, FileExistsError):
    """The bucket exists already, or ``if_none_match="*"`` found an object (409, 412)."""

    default_errno = errno.EEXIST


class S3PreconditionError(S3Error):
    """A condition of the request does not hold (412): with ``if_match``, the object was replaced."""

    default_errno = errno.EBUSY


class S3NotModifiedError(S3Error):
    """The object is the one that the caller has (304)."""

    default_errno = errno.EAGAIN


class S3ConflictError(S3Error):
    """Another request is changing the same thing, or it is in the wrong state for this (409)."""

    default_errno = errno.EBUSY


class S3InvalidRangeError(S3Error, ValueError):
    """The range begins at or behind the end of the object (416).

    ``object_size`` is in bytes, None if the answer did not tell. On an empty object every range is invalid.
    """

    default_errno = errno.EINVAL
    object_size: int | None

    def __init__(self, message: str, *, object_size: int | None = None, **details: Any) -> None:
        super().__init__(message, **details)
        self.object_size = object_size


class S3InvalidRequestError(S3Error, ValueError):
    """S3 understood the request and refuses it as it is (400)."""

    default_errno = errno.EINVAL


class S3ThrottledError(S3Error):
    """Too many requests: slow down (503 SlowDown, 429)."""

    default_errno = errno.EBUSY
    default_retryable = True


class S3ServerError(S3Error):
    """S3 failed (5xx), or answered something that is no answer.

    Not retryable if the answer lacks something, or is about another range: the server would do so again.
    """

    default_retryable = True


class S3TimeoutError(S3Error, TimeoutError):
    """No connection, or no byte of an answer, within the time limit; for a body see `S3IncompleteReadError`."""

    default_errno = errno.ETIMEDOUT
    default_retryable = True


class S3ConnectionError(S3Error, ConnectionError):
    """No connection could be made, or it broke before the answer."""

    default_errno = errno.ECONNABORTED
    default_retryable = True


class S3IncompleteReadError(S3ConnectionError):
    """The body of an answer broke off, or stalled for longer than the time limit.

    Args:
        start: where in the object the answer began.
        received: bytes that arrived in order; ``into[:received]`` is valid.
        etag: of the object, so that the rest can be asked for with ``if_match``.
        object_size: the whole object's size in bytes.
    """

    start: int
    received: int
    etag: str
    object_size: int

    def __init__(self, message: str, *, start: int, received: int, etag: str, object_size: int, **details: Any) -> None:
        super().__init__(message, **details)
        self.start = start
        self.received = received
        self.etag = etag
        self.object_size = object_size


class S3DeleteError(S3Error):
    """Some keys could not be deleted; all others of the call were.

    Args:
        errors: those that could not, at least one, each with S3's code and words.
        bucket: the bucket that they are in.
    """

    errors: tuple[DeleteError, ...]

    def __init__(self, errors: tuple[DeleteError, ...], *, bucket: str) -> None:
        shown = ", ".join(f"{error.key!r} ({error.code}: {error.message})" for error in errors[:10])
        more = f" and {len(errors) - 10} more (see .errors)" if len(errors) > 10 else ""
        super().__init__(
            f"{len(errors)} could not be deleted: {shown}{more}",
            code=errors[0].code,
            operation="DeleteObjects",
            bucket=bucket,
            key=errors[0].key if len(errors) == 1 else None,
        )
        self.errors = errors


class S3DeleteDeniedError(S3DeleteError, PermissionError):
    """Some keys could not be deleted, each for want of permission."""

    default_errno = errno.EACCES


class S3ChecksumError(S3Error):
    """The bytes that arrived are not those that were sent."""

    default_retryable = True


class S3NotSupportedError(S3Error, NotImplementedError):
    """This transport, or the server behind it, cannot do what was asked."""

    default_errno = errno.ENOTSUP


class S3ClosedError(S3Error, ValueError):
    """The transport was closed; make a new one."""

    default_errno = errno.EBADF
