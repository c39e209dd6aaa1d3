"""What the constructors of both faces take, with the names of s3fs and PyAthena."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pyathena.transport.observing import OnRequest
from pyathena.transport.retrying import RetryPolicy
from pyathena.transport.values import ConnectOptions

__all__ = ["FileSystemOptions"]


class FileSystemOptions(ConnectOptions, total=False):
    """Options of a filesystem. How S3 is reached, such as ``key`` and ``endpoint_url``, is told at `ConnectOptions`.

    Attributes:
        max_concurrency: most requests in flight, 1 or more; 64 if left out. ``max_workers`` is PyAthena's name for it.
        default_block_size: bytes of a range and of a part, 1 or more; a part has 5 MiB at least. If left out, a range
            has 4 MiB and a part 8 MiB.
        default_cache_type: one of fsspec's caches for synchronous reading. If left out there is none: reads that follow
            each other have blocks in flight ahead of them, others fetch what they need, which is right for both.
        default_fill_cache: changes nothing, as in s3fs.
        allow_bucket_creation: whether `mkdir` may create buckets; False if left out.
        allow_bucket_deletion: whether `rmdir`, and `rm` of a whole bucket, may delete buckets; False if left out.
        requester_pays: pay for requests to buckets whose owner wants that.
        s3_additional_kwargs: parameters of S3's requests by S3's names (``{"ServerSideEncryption": "aws:kms"}``) that
            go with every request that knows them.
        version_aware: paths may end in ``?versionId=…``, and a file that is read stays the version that it was when it
            was opened.
        local_expiry_check: do not send ``If-Match``, which some servers refuse; compare the ETags of the answers only.
        on_replaced: what becomes of the reading of an object that is replaced meanwhile. ``raise`` (if left out) is an
            error that says so. With ``reopen``, `cat_file` and `get_file` read the new object from its begin; a file
            goes on in the new one where it was, so that what was read before may be of another.
        fixed_upload_size: parts of an object of unknown size do not grow, so that 10 000 of them are the end of it.
        cache_regions: changes nothing: boto3 finds the region of a bucket, and remembers it.
        use_listings_cache: keep listings, for `ls` and what is built on it; False if left out. They are never trusted
            for more than that.
        listings_expiry_time: seconds that a listing is kept, 0 or more; None is for ever.
        max_paths: most listings that are kept, 1 or more; None is any number.
        retry: how often and for how long what failed for the moment is tried again; `RetryPolicy` with its defaults if
            left out, and None is not at all. It is done above the transport, one that was given included: retries of
            its own (those of a boto3 ``client``, for one) multiply with these. A `RetryingTransport` that was given has
            its own policy.
        on_request: a function that is called with a `RequestReport` of each request when it has ended, each attempt by
            itself: see `ObservingTransport`. A `RetryingTransport` that was given must have one below it instead.
        username: another name for ``key``.
        password: another name for ``secret``.
        skip_instance_cache: fsspec's: make an instance of its own, whether or not there is one of the same options.
    """

    max_concurrency: int | None
    max_workers: int | None
    default_block_size: int | None
    default_cache_type: str | None
    default_fill_cache: bool
    allow_bucket_creation: bool
    allow_bucket_deletion: bool
    requester_pays: bool
    s3_additional_kwargs: Mapping[str, Any] | None
    version_aware: bool
    local_expiry_check: bool
    on_replaced: Literal["raise", "reopen"]
    fixed_upload_size: bool
    cache_regions: bool
    use_listings_cache: bool
    listings_expiry_time: float | None
    max_paths: int | None
    retry: RetryPolicy | None
    on_request: OnRequest | None
    username: str | None
    password: str | None
    skip_instance_cache: bool
