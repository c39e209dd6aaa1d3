"""One table from what boto3 raises to `S3Error`s. Known to the boto3 transport alone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from botocore import exceptions as boto
from botocore.parsers import ResponseParserError
from urllib3.exceptions import HTTPError

from pyathena.transport.errors import (
    S3AlreadyExistsError,
    S3ChecksumError,
    S3ConflictError,
    S3ConnectionError,
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

__all__ = ["error_class", "translated"]

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

_CREDENTIALS: Final = (
    boto.NoCredentialsError,
    boto.PartialCredentialsError,
    boto.CredentialRetrievalError,
    boto.NoAuthTokenError,
    boto.TokenRetrievalError,
    boto.SSOError,
    boto.RefreshWithMFAUnsupportedError,
)

# The first row that fits counts, so the narrower stand above the wider.
_BY_EXCEPTION: Final[tuple[tuple[tuple[type[BaseException], ...], type[S3Error]], ...]] = (
    ((boto.ReadTimeoutError, boto.ConnectTimeoutError), S3TimeoutError),
    (_CREDENTIALS, S3PermissionError),
    ((boto.FlexibleChecksumError, boto.ChecksumError), S3ChecksumError),
    # In mid-body botocore lets through most of what urllib3 raises.
    ((boto.HTTPClientError, boto.ConnectionError, boto.IncompleteReadError, HTTPError), S3ConnectionError),
    ((ResponseParserError,), S3ServerError),
    ((boto.BotoCoreError,), S3Error),
    ((OSError,), S3ConnectionError),
)


def error_class(code: str | None, status: int | None) -> type[S3Error]:
    """Tell which `S3Error` an error code and an HTTP status mean."""
    if code is not None and code in _BY_CODE:
        return _BY_CODE[code]
    if status is None:
        return S3Error
    return _BY_STATUS.get(status, S3ServerError if status >= 500 else S3Error)


@contextmanager
def translated(
    operation: str, bucket: str | None = None, key: str | None = None, *, must_not_exist: bool = False
) -> Iterator[None]:
    """Raise what boto3 raises in the block as the `S3Error` that fits, with the original as its cause.

    Args:
        operation: S3's name of the operation.
        bucket: what it is about.
        key: what it is about.
        must_not_exist: the only condition of the request was ``If-None-Match: *``, so that its failing means "exists".
    """
    try:
        yield
    except S3Error:
        raise
    except boto.ClientError as error:
        raise _from_answer(error, operation, bucket, key, must_not_exist=must_not_exist) from error
    except boto.ParamValidationError as error:
        raise _from_validation(error, operation, bucket, key) from error
    except (boto.BotoCoreError, ResponseParserError, HTTPError, OSError) as error:
        kind = next(kind for types, kind in _BY_EXCEPTION if isinstance(error, types))
        # A certificate that does not verify will not do so the next time.
        retryable = False if isinstance(error, boto.SSLError) else None
        words = str(error).partition("\n")[0]  # what cannot be parsed is told in whole behind that
        raise kind(words, operation=operation, bucket=bucket, key=key, retryable=retryable) from error


def _from_answer(
    error: boto.ClientError, operation: str, bucket: str | None, key: str | None, *, must_not_exist: bool
) -> S3Error:
    told: Mapping[str, Any] = error.response.get("Error", {})
    meta: Mapping[str, Any] = error.response.get("ResponseMetadata", {})
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


def _from_validation(error: boto.ParamValidationError, operation: str, bucket: str | None, key: str | None) -> S3Error:
    report = str(error)
    unknown = re.search(r'Unknown parameter in input: "(\w+)"', report)
    if unknown:
        return S3NotSupportedError(
            f"{operation} has no parameter {unknown[1]!r}", operation=operation, bucket=bucket, key=key
        )
    return S3InvalidRequestError(report, operation=operation, bucket=bucket, key=key)


def _object_size(told: Mapping[str, Any], headers: Mapping[str, str]) -> int | None:
    """The size that a 416 tells: in its body (S3), or as ``Content-Range: bytes */9`` (RFC 9110, section 14.4)."""
    size = str(told.get("ActualObjectSize") or headers.get("content-range", "").rpartition("/")[2])
    return int(size) if size.isdecimal() else None


def _seconds(header: str | None) -> float | None:
    """The seconds of a Retry-After header; its other form, a date, is not used by S3."""
    return float(header) if header is not None and header.isdecimal() else None
