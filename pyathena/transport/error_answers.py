"""What an answer of S3's that is no success means: one table from error codes and statuses to `S3Error`s.

This module knows the standard library and ``typing_extensions`` only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pyathena.transport.errors import (
    S3AlreadyExistsError,
    S3ChecksumError,
    S3ConflictError,
    S3Error,
    S3ExpiredCredentialsError,
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

__all__ = ["error_class", "error_of_answer"]

# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html#ErrorCodeList
# What is not named here goes by its HTTP status.
_BY_CODE: Final[Mapping[str, type[S3Error]]] = {
    "ExpiredToken": S3ExpiredCredentialsError,
    "ExpiredTokenException": S3ExpiredCredentialsError,
    "TokenRefreshRequired": S3ExpiredCredentialsError,
    "InvalidToken": S3PermissionError,
    "BucketAlreadyExists": S3AlreadyExistsError,
    "BucketAlreadyOwnedByYou": S3AlreadyExistsError,
    "RequestTimeout": S3TimeoutError,
    "BadDigest": S3ChecksumError,
    "XAmzContentSHA256Mismatch": S3ChecksumError,
    "XAmzContentChecksumMismatch": S3ChecksumError,
    "InvalidRange": S3InvalidRangeError,
    "SlowDown": S3ThrottledError,
    "Throttling": S3ThrottledError,
    "ThrottlingException": S3ThrottledError,
    "RequestLimitExceeded": S3ThrottledError,
    "TooManyRequests": S3ThrottledError,
    "BandwidthLimitExceeded": S3ThrottledError,
    # These come with a 200 (CompleteMultipartUpload, CopyObject), so the status says nothing.
    "InternalError": S3ServerError,
    "ServiceUnavailable": S3ThrottledError,
}

_BY_STATUS: Final[Mapping[int, type[S3Error]]] = {
    304: S3NotModifiedError,
    400: S3InvalidRequestError,
    401: S3PermissionError,
    403: S3PermissionError,
    404: S3NotFoundError,
    409: S3ConflictError,
    412: S3PreconditionError,
    416: S3InvalidRangeError,
    429: S3ThrottledError,
    501: S3NotSupportedError,
    503: S3ThrottledError,
}


def error_class(code: str | None, status: int | None) -> type[S3Error]:
    """Tell which `S3Error` an error code and an HTTP status mean."""
    if code is not None and code in _BY_CODE:
        return _BY_CODE[code]
    if status is None:
        return S3Error
    return _BY_STATUS.get(status, S3ServerError if status >= 500 else S3Error)


def error_of_answer(
    answer: Mapping[str, Any],
    operation: str,
    bucket: str | None = None,
    key: str | None = None,
    *,
    must_not_exist: bool = False,
) -> S3Error:
    """Return the error that an answer means.

    Args:
        answer: what S3 said, as boto3 has it in ``ClientError.response``: ``Error`` and ``ResponseMetadata``.
        operation: S3's name of the operation.
        bucket: what it was about.
        key: what it was about.
        must_not_exist: the only condition of the request was ``If-None-Match: *``, so that its failing means "exists".
    """
    told: Mapping[str, Any] = answer.get("Error", {})
    meta: Mapping[str, Any] = answer.get("ResponseMetadata", {})
    headers: Mapping[str, str] = meta.get("HTTPHeaders", {})
    status = meta.get("HTTPStatusCode")
    code = told.get("Code")
    details: dict[str, Any] = {
        "code": code,
        "status": status,
        "operation": operation,
        "bucket": bucket,
        "key": key,
        "request_id": meta.get("RequestId"),
        "host_id": meta.get("HostId"),
        "retry_after": _seconds(headers.get("retry-after")),
    }
    kind = error_class(code, status)
    if kind is S3PreconditionError and must_not_exist:
        kind = S3AlreadyExistsError
    message = told.get("Message") or _WORDS.get(status or 0) or "S3 refused the request"
    if issubclass(kind, S3InvalidRangeError):
        return kind(message, object_size=_object_size(told, headers), **details)
    return kind(message, **details)


# An answer to HEAD has no body, and so no words.
_WORDS: Final[Mapping[int, str]] = {
    301: "The bucket is in another region",
    304: "Not modified",
    400: "Bad request (S3 sends no words with an answer to HEAD; expired credentials end here too)",
    403: "Forbidden",
    404: "Not found",
    412: "A condition does not hold",
}


def _object_size(told: Mapping[str, Any], headers: Mapping[str, str]) -> int | None:
    """The size that a 416 tells: in its body (S3), or as ``Content-Range: bytes */9`` (RFC 9110, section 14.4)."""
    size = str(told.get("ActualObjectSize") or headers.get("content-range", "").rpartition("/")[2])
    return int(size) if size.isdecimal() else None


def _seconds(header: str | None) -> float | None:
    """The seconds of a Retry-After header; its other form, a date, is not used by S3."""
    return float(header) if header is not None and header.isdecimal() else None
