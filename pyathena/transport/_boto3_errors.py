"""One table from what boto3 raises to `S3Error`s. Known to the boto3 transport alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from botocore import exceptions as boto
from botocore.parsers import ResponseParserError
from urllib3.exceptions import HTTPError

from pyathena.transport.error_answers import error_of_answer
from pyathena.transport.errors import (
    S3ChecksumError,
    S3ConnectionError,
    S3Error,
    S3InvalidRequestError,
    S3NotSupportedError,
    S3PermissionError,
    S3ServerError,
    S3TimeoutError,
)

__all__ = ["translated"]

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
        raise error_of_answer(error.response, operation, bucket, key, must_not_exist=must_not_exist) from error
    except boto.ParamValidationError as error:
        raise _from_validation(error, operation, bucket, key) from error
    except (boto.BotoCoreError, ResponseParserError, HTTPError, OSError) as error:
        kind = next(kind for types, kind in _BY_EXCEPTION if isinstance(error, types))
        # A certificate that does not verify will not do so the next time.
        retryable = False if isinstance(error, boto.SSLError) else None
        words = str(error).partition("\n")[0]  # what cannot be parsed is told in whole behind that
        raise kind(words, operation=operation, bucket=bucket, key=key, retryable=retryable) from error


def _from_validation(error: boto.ParamValidationError, operation: str, bucket: str | None, key: str | None) -> S3Error:
    report = str(error)
    unknown = re.search(r'Unknown parameter in input: "(\w+)"', report)
    if unknown:
        return S3NotSupportedError(
            f"{operation} has no parameter {unknown[1]!r}", operation=operation, bucket=bucket, key=key
        )
    return S3InvalidRequestError(report, operation=operation, bucket=bucket, key=key)
