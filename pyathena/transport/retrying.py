"""Ask again for what failed for the moment, as far as that is safe: one layer of retries above any transport.

What may be repeated is the table of AWS's documents and of bitter experience:

* Reads, UploadPart, UploadPartCopy, writes without a condition, tags and ACLs are repeated as they are. In a bucket
  with versions a write whose answer was lost may leave a version, or a delete marker, too many.
* A body that breaks off goes on where it broke, pinned to the ETag of what has arrived.
* A conditional write, or a CompleteMultipartUpload, whose answer was lost and whose repetition is refused may have met
  itself: the object that is there is looked at before anything is called failed.
* AbortMultipartUpload and DeleteBucket that find nothing, and CreateBucket that finds a bucket of one's own, after an
  answer was lost, have done it.
* CreateMultipartUpload leaves an upload open for each answer that was lost, whose id nobody knows: a lifecycle rule
  (AbortIncompleteMultipartUpload) clears them up.

This module knows the standard library, ``typing_extensions`` and the seam only.
"""

from __future__ import annotations

import hashlib
import io
import logging
import math
import os
import random as random_module
import re
import threading
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final, TypeVar

from typing_extensions import Buffer, override

from pyathena.transport.errors import (
    S3AlreadyExistsError,
    S3ChecksumError,
    S3ConflictError,
    S3Error,
    S3ExpiredCredentialsError,
    S3IncompleteReadError,
    S3InvalidRangeError,
    S3NotFoundError,
    S3PreconditionError,
    S3ServerError,
    S3ThrottledError,
    S3TimeoutError,
)
from pyathena.transport.protocol import CredentialsRefresher, PresignedOperation, S3Transport
from pyathena.transport.told import attempt_is
from pyathena.transport.values import (
    AccessControl,
    BucketInfo,
    BucketPage,
    ByteRange,
    CompletedPart,
    CopyOptions,
    CustomerKey,
    DeletedObject,
    DeleteError,
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
    let_go,
)

__all__ = ["RetryBudget", "RetryPolicy", "RetryingTransport", "backoff", "sleep_anywhere"]

T = TypeVar("T")

_logger = logging.getLogger("pyathena.transport.retrying")

_REQUEST = RequestOptions()
_DELETE = DeleteOptions()
_GET = GetOptions()
_PUT = PutOptions()
_COPY = CopyOptions()

# As botocore's standard mode has them.
_COST: Final = 5
_TIMEOUT_COST: Final = 10
_REWARD: Final = 1

_THROTTLED_KEYS: Final = frozenset({"SlowDown", "ServiceUnavailable"})
_FAILED_KEYS: Final = frozenset({"InternalError"})
"""Codes of single keys in an answer to DeleteObjects that say "later", besides those of throttling."""

_COMPARED: Final = 8 * 2**20
"""Bytes of an object that are compared at a time with what was to be written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often, how fast and for how long what failed for the moment is tried again.

    Args:
        max_attempts: attempts of one call, 1 or more; the first one counts. A body that goes on after breaking off
            begins to count anew.
        base_delay: seconds; the pause before attempt n is chosen at random between 0 and ``base_delay * 2**(n - 2)``.
        throttled_base_delay: the same, where S3 asked to slow down.
        max_delay: most seconds of a pause, what the server asks for itself (Retry-After) apart.
        deadline: seconds from the begin of a call in which an attempt may begin, more than 0; `math.inf` is no limit.
        budget: tokens that all calls through one transport share, 0 or more. A retry takes 5, after a timeout 10, and
            gives back what it took if it succeeds; each call that succeeds at once gives back 1. Without tokens left
            there are no retries: when S3 is down for everybody, they would only multiply the load.

    Raises:
        ValueError: one is out of its bounds.

    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """

    max_attempts: int = 5
    base_delay: float = 0.05
    throttled_base_delay: float = 1.0
    max_delay: float = 20.0
    deadline: float = 120.0
    budget: int = 500

    def __post_init__(self) -> None:
        if self.max_attempts < 1:
            raise ValueError(f"max_attempts is 1 or more, got {self.max_attempts}")
        for name in ("base_delay", "throttled_base_delay", "max_delay", "budget"):
            value = getattr(self, name)
            if not 0 <= value < math.inf:
                raise ValueError(f"{name} is 0 or more, and finite, got {value}")
        if not self.deadline > 0:
            raise ValueError(f"deadline is a number of seconds more than 0, got {self.deadline}")


def backoff(policy: RetryPolicy, failures: int, *, throttled: bool, random: Callable[[], float]) -> float:
    """Return the seconds to wait after so many failures, 1 or more: "full jitter", from 0 to an exponential bound.

    Args:
        policy: the bounds.
        failures: how many attempts failed so far.
        throttled: whether S3 asked to slow down.
        random: tells a number from 0 to 1.
    """
    base = policy.throttled_base_delay if throttled else policy.base_delay
    return random() * min(policy.max_delay, base * 2.0 ** min(failures - 1, 64))


class RetryBudget:
    """Tokens that retries are paid with. May be used from any thread, and in a forked child.

    Args:
        capacity: tokens to begin with, and the most that there are.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._left = capacity
        self._lock = threading.Lock()
        self._process = os.getpid()

    @property
    def left(self) -> int:
        """Tokens that are there."""
        return self._left

    def take(self, cost: int) -> bool:
        """Take tokens; return False, and take none, if there are not so many."""
        with self._guard():
            if cost > self._left:
                return False
            self._left -= cost
            return True

    def give_back(self, amount: int) -> None:
        """Put tokens back, up to the capacity."""
        if self._left < self._capacity:
            with self._guard():
                self._left = min(self._left + amount, self._capacity)

    def _guard(self) -> threading.Lock:
        if self._process != os.getpid():  # a thread that only the parent has may hold the lock for ever
            self._process, self._lock = os.getpid(), threading.Lock()
        return self._lock


async def sleep_anywhere(seconds: float) -> None:
    """Sleep on the running event loop; where there is none, in the calling thread."""
    import asyncio  # here, since the seam is also used without

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        time.sleep(seconds)  # noqa: ASYNC251 - there is no event loop here
    else:
        await asyncio.sleep(seconds)


class RetryingTransport(S3Transport):
    """Any transport, and what fails for the moment is tried again. The filesystem puts one above its transport.

    Only errors whose ``retryable`` is True are met so, and of the others the refusals that the module names. The last
    error is raised as it is, with a note on the attempts before it. A call that is cancelled is not repeated.

    Beyond the contract, each method may send its request several times, and a conditional write whose answer was lost
    is looked for with HeadObject. If it cannot be told from another object, the error says that the outcome is unknown.
    An object of the very same bytes and metadata that somebody else wrote meanwhile counts as written.

    Credentials that have expired are taken anew once, where the transport below is a `CredentialsRefresher`.

    Do not put one above a transport that retries already, such as a boto3 client of your own with botocore's default
    configuration: five times five attempts are 25. Give it ``Config(retries={"total_max_attempts": 1})``.

    Args:
        inner: the transport below.
        policy: how often, how fast and for how long.
        compare_etags_only: do not send ``If-Match`` to go on with a body, which some servers refuse; compare the ETags
            of the answers only.
        sleep: waits for so many seconds: on the running event loop, and where there is none, in this thread. For
            `S3FileSystem` in a thread that runs a loop (Jupyter), give ``ThreadRuntime(1).sleep``.
        clock: tells seconds that never go back.
        random: tells a number from 0 to 1.

    Example:
        >>> import asyncio
        >>> from pyathena.transport import InMemoryTransport, ObjectRef
        >>> async def main() -> str:
        ...     transport = RetryingTransport(InMemoryTransport(buckets=["bucket"]), RetryPolicy(max_attempts=3))
        ...     return (await transport.put_object(ObjectRef("bucket", "key"), b"data")).etag
        >>> asyncio.run(main())
        '"8d777f385d3dfec8815d20f7496026dc"'
    """

    def __init__(
        self,
        inner: S3Transport,
        policy: RetryPolicy = RetryPolicy(),
        *,
        compare_etags_only: bool = False,
        sleep: Callable[[float], Awaitable[object]] = sleep_anywhere,
        clock: Callable[[], float] = time.monotonic,
        random: Callable[[], float] = random_module.random,
    ) -> None:
        self.inner = inner
        self.policy = policy
        self.budget = RetryBudget(policy.budget)
        self._compare_etags_only = compare_etags_only
        self._sleep = sleep
        self._clock = clock
        self._random = random
        self._refreshed_at = -math.inf

    @override
    def __repr__(self) -> str:
        return f"<{type(self).__name__} over {self.inner!r}, {self.policy!r}, at {id(self):#x}>"

    @override
    def __reduce__(self) -> tuple[Any, ...]:
        changed: dict[str, Any] = {}
        if self._compare_etags_only:
            changed["compare_etags_only"] = True
        for name, usual in (("sleep", sleep_anywhere), ("clock", time.monotonic), ("random", random_module.random)):
            value = getattr(self, f"_{name}")
            if value != usual:
                changed[name] = value
        return partial(type(self), **changed), (self.inner, self.policy)

    # --- ObjectReader ----------------------------------------------------------------------------

    @override
    async def head_object(self, ref: ObjectRef, *, options: GetOptions = _GET) -> ObjectInfo:
        return await _Attempts(self).run(lambda: self.inner.head_object(ref, options=options))

    @override
    async def get_object_range(
        self,
        ref: ObjectRef,
        byte_range: ByteRange,
        *,
        into: memoryview | None = None,
        options: GetOptions = _GET,
    ) -> ObjectRange:
        """Read bytes; a body that breaks off goes on where it broke.

        Without ``into`` what arrived is lost with the first body that breaks off. It is asked for once more, now into a
        buffer of just the size, which the error told; to bring one from the start would mean to fill it with zeros for
        each read, and to bring 8 MiB for an object of ten bytes.

        Raises:
            S3PreconditionError: the object was replaced before the rest could be read.
        """
        attempts = _Attempts(self)
        if options.part_number is not None or "ChecksumMode" in options.extra_args:
            # Where a part lies is not known, and a checksum is that of the whole: it begins anew.
            return await attempts.run(lambda: self.inner.get_object_range(ref, byte_range, into=into, options=options))
        rest: _Rest | None = None
        while rest is None:
            try:
                answer = await attempts.once(self.inner.get_object_range(ref, byte_range, into=into, options=options))
            except S3IncompleteReadError as error:
                received = 0 if into is None else error.received
                if not await attempts.again(error, progress=received > 0):
                    raise
                rest = _Rest(self, attempts, ref, byte_range, options, error, received)
            except S3Error as error:
                if not await attempts.again(error):
                    raise
            else:
                attempts.succeeded()
                return answer
        if into is not None:
            return await rest.read(into)
        whole = io.BytesIO(bytes(rest.size))  # which hands out the memory that it was given
        with whole.getbuffer() as view:
            last = await rest.read(view)
            let_go(last)
        return replace(last, data=whole.getvalue())

    # --- ObjectWriter ----------------------------------------------------------------------------

    @override
    async def put_object(self, ref: ObjectRef, body: Buffer, *, options: PutOptions = _PUT) -> PutResult:
        attempts = _Attempts(self)
        try:
            return await attempts.run(lambda: self.inner.put_object(ref, body, options=options))
        except (S3AlreadyExistsError, S3PreconditionError, S3ConflictError) as refusal:
            if not attempts.in_doubt:
                raise
            info = await self._look(ref, refusal, attempts, options, options.customer_key)
            if info is None or not await self._is(info, ref, body, refusal, attempts, options):
                raise
            return PutResult(info.etag, info.version_id, info.last_modified)

    @override
    async def copy_object(self, source: ObjectRef, target: ObjectRef, *, options: CopyOptions = _COPY) -> PutResult:
        attempts = _Attempts(self)
        try:
            return await attempts.run(lambda: self.inner.copy_object(source, target, options=options))
        except (S3AlreadyExistsError, S3PreconditionError, S3ConflictError) as refusal:
            if not attempts.in_doubt:
                raise
            info = await self._look(target, refusal, attempts, options, options.customer_key)
            if info is None:
                raise
            if (source.bucket, source.key) != (target.bucket, target.key):
                original = await self._look(source, refusal, attempts, options, options.source_customer_key)
                if info.etag in (options.source_if_match, original and original.etag):
                    return PutResult(info.etag, info.version_id, info.last_modified)
                if original is not None and original.size != info.size:
                    raise
            raise _unknown(refusal, f"{info.etag} is there now") from refusal

    # --- MultipartWriter -------------------------------------------------------------------------

    @override
    async def create_multipart_upload(self, ref: ObjectRef, *, options: PutOptions = _PUT) -> MultipartUpload:
        return await _Attempts(self).run(lambda: self.inner.create_multipart_upload(ref, options=options))

    @override
    async def upload_part(
        self, upload: MultipartUpload, part_number: int, body: Buffer, *, options: PutOptions = _PUT
    ) -> CompletedPart:
        return await _Attempts(self).run(lambda: self.inner.upload_part(upload, part_number, body, options=options))

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
        return await _Attempts(self).run(
            lambda: self.inner.upload_part_copy(upload, part_number, source, byte_range, options=options)
        )

    @override
    async def complete_multipart_upload(
        self, upload: MultipartUpload, parts: Sequence[CompletedPart], *, options: PutOptions = _PUT
    ) -> PutResult:
        attempts = _Attempts(self)
        try:
            return await attempts.run(lambda: self.inner.complete_multipart_upload(upload, parts, options=options))
        except (S3NotFoundError, S3AlreadyExistsError, S3PreconditionError, S3ConflictError) as refusal:
            if not attempts.in_doubt:
                raise
            ref = ObjectRef(upload.bucket, upload.key)
            info = await self._look(ref, refusal, attempts, options, options.customer_key)
            if info is None:
                raise
            expected = _multipart_etag(parts)
            if info.etag == expected:
                return PutResult(info.etag, info.version_id, info.last_modified)
            if not isinstance(refusal, S3NotFoundError) and not _may_be_made_of(parts, info, options.customer_key):
                raise
            raise _unknown(refusal, f"{info.etag} is there now, where {expected or 'no MD5'} was expected") from refusal

    @override
    async def abort_multipart_upload(self, upload: MultipartUpload, *, options: RequestOptions = _REQUEST) -> None:
        attempts = _Attempts(self)
        try:
            return await attempts.run(lambda: self.inner.abort_multipart_upload(upload, options=options))
        except S3NotFoundError:
            if not attempts.in_doubt:
                raise

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
        return await _Attempts(self).run(
            lambda: self.inner.list_multipart_uploads(
                bucket, prefix=prefix, max_uploads=max_uploads, token=token, options=options
            )
        )

    # --- ObjectDeleter ---------------------------------------------------------------------------

    @override
    async def delete_objects(
        self, bucket: str, keys: Sequence[ObjectKey], *, options: DeleteOptions = _DELETE
    ) -> DeleteResult:
        """Delete objects; those that S3 says to try later are asked for again, and no others."""
        attempts = _Attempts(self)
        told: dict[ObjectKey, DeletedObject | DeleteError] = {}
        left = keys
        while True:
            try:
                result = await attempts.once(self.inner.delete_objects(bucket, left, options=options))
            except S3Error as error:
                if await attempts.again(error):
                    continue
                if not told:
                    raise
                # Others are gone already, which an error of the whole would hide.
                code, words = error.code or type(error).__name__, str(error.strerror)
                told.update((key, DeleteError(key.key, key.version_id, code, words)) for key in left)
                break
            later = [error for error in result.errors if _is_for_the_moment(error)]
            if not later and not told:
                attempts.succeeded()
                return result
            for key in left:
                told.pop(key, None)  # of which this answer need not say that it is gone now
            told.update((ObjectKey(gone.key, gone.version_id), gone) for gone in result.deleted)
            told.update((ObjectKey(error.key, error.version_id), error) for error in result.errors)
            if not later:
                attempts.succeeded()
                break
            if not await attempts.again(_as_error(later, bucket)):
                break
            left = [ObjectKey(error.key, error.version_id) for error in later]
        answers = [told.pop(key, None) or (None if options.quiet else _not_named(key)) for key in keys]
        nobodys = [each for each in told.values() if isinstance(each, DeleteError)]
        if nobodys:  # whose they are is not known, so that none may count as deleted
            raise _as_error(nobodys, bucket, retryable=False)
        return DeleteResult(
            tuple(each for each in answers if isinstance(each, DeletedObject)),
            tuple(each for each in answers if isinstance(each, DeleteError)),
        )

    # --- ObjectLister ----------------------------------------------------------------------------

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
        return await _Attempts(self).run(
            lambda: self.inner.list_objects(
                bucket,
                prefix=prefix,
                delimiter=delimiter,
                start_after=start_after,
                max_keys=max_keys,
                token=token,
                options=options,
            )
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
        return await _Attempts(self).run(
            lambda: self.inner.list_object_versions(
                bucket, prefix=prefix, delimiter=delimiter, max_keys=max_keys, token=token, options=options
            )
        )

    @override
    async def list_buckets(
        self, *, max_buckets: int = 1000, token: str | None = None, options: RequestOptions = _REQUEST
    ) -> BucketPage:
        return await _Attempts(self).run(
            lambda: self.inner.list_buckets(max_buckets=max_buckets, token=token, options=options)
        )

    # --- ObjectAdmin -----------------------------------------------------------------------------

    @override
    async def get_object_tagging(self, ref: ObjectRef, *, options: RequestOptions = _REQUEST) -> Mapping[str, str]:
        return await _Attempts(self).run(lambda: self.inner.get_object_tagging(ref, options=options))

    @override
    async def put_object_tagging(
        self, ref: ObjectRef, tags: Mapping[str, str], *, options: RequestOptions = _REQUEST
    ) -> None:
        return await _Attempts(self).run(lambda: self.inner.put_object_tagging(ref, tags, options=options))

    @override
    async def get_object_acl(self, ref: ObjectRef, *, options: RequestOptions = _REQUEST) -> AccessControl:
        return await _Attempts(self).run(lambda: self.inner.get_object_acl(ref, options=options))

    @override
    async def put_object_acl(self, ref: ObjectRef, acl: str, *, options: RequestOptions = _REQUEST) -> None:
        return await _Attempts(self).run(lambda: self.inner.put_object_acl(ref, acl, options=options))

    @override
    async def get_bucket_versioning(
        self, bucket: str, *, options: RequestOptions = _REQUEST
    ) -> VersioningStatus | None:
        return await _Attempts(self).run(lambda: self.inner.get_bucket_versioning(bucket, options=options))

    # --- BucketAdmin -----------------------------------------------------------------------------

    @override
    async def head_bucket(self, bucket: str, *, options: RequestOptions = _REQUEST) -> BucketInfo:
        return await _Attempts(self).run(lambda: self.inner.head_bucket(bucket, options=options))

    @override
    async def create_bucket(
        self,
        bucket: str,
        *,
        region: str | None = None,
        acl: str | None = None,
        options: RequestOptions = _REQUEST,
    ) -> None:
        attempts = _Attempts(self)
        try:
            return await attempts.run(lambda: self.inner.create_bucket(bucket, region=region, acl=acl, options=options))
        except S3AlreadyExistsError as refusal:
            if not attempts.in_doubt or refusal.code != "BucketAlreadyOwnedByYou":
                raise

    @override
    async def delete_bucket(self, bucket: str, *, options: RequestOptions = _REQUEST) -> None:
        attempts = _Attempts(self)
        try:
            return await attempts.run(lambda: self.inner.delete_bucket(bucket, options=options))
        except S3NotFoundError:
            if not attempts.in_doubt:
                raise

    @override
    async def get_bucket_acl(self, bucket: str, *, options: RequestOptions = _REQUEST) -> AccessControl:
        return await _Attempts(self).run(lambda: self.inner.get_bucket_acl(bucket, options=options))

    @override
    async def put_bucket_acl(self, bucket: str, acl: str, *, options: RequestOptions = _REQUEST) -> None:
        return await _Attempts(self).run(lambda: self.inner.put_bucket_acl(bucket, acl, options=options))

    @override
    async def put_bucket_versioning(
        self, bucket: str, status: VersioningStatus, *, options: RequestOptions = _REQUEST
    ) -> None:
        return await _Attempts(self).run(lambda: self.inner.put_bucket_versioning(bucket, status, options=options))

    # --- UrlSigner, S3Transport ------------------------------------------------------------------

    @override
    async def presigned_url(
        self,
        operation: PresignedOperation,
        ref: ObjectRef,
        *,
        expires_in: int = 3600,
        options: RequestOptions = _REQUEST,
    ) -> str:
        return await _Attempts(self).run(
            lambda: self.inner.presigned_url(operation, ref, expires_in=expires_in, options=options)
        )

    @override
    async def aclose(self) -> None:
        await self.inner.aclose()

    # --- what became of a write whose answer was lost --------------------------------------------

    async def _look(
        self,
        ref: ObjectRef,
        refusal: S3Error,
        attempts: _Attempts,
        options: RequestOptions,
        customer_key: CustomerKey | None,
    ) -> ObjectInfo | None:
        """Look at the object that is there; None if there is none."""
        look = _reading(options, customer_key)
        try:
            return await attempts.more().run(lambda: self.inner.head_object(ref, options=look))
        except S3NotFoundError:
            return None
        except S3Error as error:
            raise _unknown(refusal, f"looking failed: {error}") from error

    async def _is(
        self,
        info: ObjectInfo,
        ref: ObjectRef,
        body: Buffer,
        refusal: S3Error,
        attempts: _Attempts,
        options: PutOptions,
    ) -> bool:
        """Tell whether an object is what was to be written."""
        view = memoryview(body)
        view = view.cast("B") if view.nbytes else memoryview(b"")
        metadata = {name.lower(): value for name, value in options.metadata.items()}
        if info.size != view.nbytes or not metadata.items() <= info.metadata.items():
            return False
        digest = hashlib.md5(usedforsecurity=False)
        for at in range(0, view.nbytes, _COMPARED):
            digest.update(view[at : at + _COMPARED])
            await self._sleep(0)  # a large body takes long
        if info.etag == f'"{digest.hexdigest()}"':
            return True
        # Encrypted with a key of KMS's or the caller's, or by other servers, ETags are no MD5s; bytes are bytes.
        # https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html
        look = replace(
            _reading(options, options.customer_key), if_match=None if self._compare_etags_only else info.etag
        )
        try:
            for at in range(0, view.nbytes, _COMPARED):
                block = view[at : at + _COMPARED]
                piece = ByteRange(at, at + block.nbytes)
                answer = await attempts.more().run(partial(self.inner.get_object_range, ref, piece, options=look))
                if answer.etag != info.etag or answer.data != block:
                    return False
        except (S3NotFoundError, S3PreconditionError):
            return False
        except S3Error as error:
            raise _unknown(refusal, f"reading it failed: {error}") from error
        return True


class _Attempts:
    """The attempts of one call."""

    __slots__ = ("_began", "_failures", "_made", "_of", "_refreshed", "_started", "_taken", "in_doubt")

    def __init__(self, of: RetryingTransport, started: float | None = None) -> None:
        self._of = of
        self._began = of._clock()
        self._started = self._began if started is None else started
        self._made = 0
        self._failures = 0
        self._taken = 0
        self._refreshed = False
        self.in_doubt = False
        """Whether an attempt before the last one may have done what was asked, without an answer that says so."""

    def more(self) -> _Attempts:
        """Return attempts of another request within the same call, whose time they share."""
        return _Attempts(self._of, self._started)

    async def once(self, request: Awaitable[T]) -> T:
        """Make an attempt, which the transports below are told the number of."""
        with attempt_is(self._made + 1):
            return await request

    async def run(self, send: Callable[[], Awaitable[T]]) -> T:
        """Make attempts until one succeeds, or fails for good."""
        while True:
            try:
                answer = await self.once(send())
            except S3Error as error:
                if not await self.again(error):
                    raise
            else:
                self.succeeded()
                return answer

    def succeeded(self) -> None:
        """Take note that the call has succeeded."""
        self._of.budget.give_back(self._taken or _REWARD)

    async def again(self, error: S3Error, *, progress: bool = False) -> bool:
        """Wait until it is time for another attempt and return True; or return False, and note on the error why.

        Args:
            error: what the attempt failed with.
            progress: it has brought something all the same, so that counting begins anew.
        """
        of, policy = self._of, self._of.policy
        self._made += 1
        self._failures = 1 if progress else self._failures + 1
        if await self._has_new_credentials(error):
            self._began = of._clock()
            return True
        delay = backoff(policy, self._failures, throttled=isinstance(error, S3ThrottledError), random=of._random)
        delay += error.retry_after or 0  # never sooner, and not all of us at the same moment
        why_not = self._why_not(error, delay)
        if why_not is None:
            _logger.debug(
                "%s of %s/%s failed (%s, %s): attempt %d in %.2f s",
                *(error.operation, error.bucket, error.key, type(error).__name__, error.code),
                *(self._made + 1, delay),
            )
            await of._sleep(delay)
            self._began = of._clock()
            if self._began - self._started <= policy.deadline:
                self.in_doubt = self.in_doubt or _may_have_happened(error)
                return True
            why_not = self._too_late()
        if self._made > 1 or why_not:
            error.add_note(f"attempt {self._made}, {of._clock() - self._started:.1f} s after the first began{why_not}")
        return False

    def _why_not(self, error: S3Error, delay: float) -> str | None:
        """Tell why there is no other attempt, as far as the error does not say so itself; None if there is one."""
        of, policy = self._of, self._of.policy
        if not _is_worth_another(error) or self._failures >= policy.max_attempts:
            return ""
        if of._clock() + delay - self._started > policy.deadline:
            return self._too_late()
        self._taken = _TIMEOUT_COST if isinstance(error, S3TimeoutError) else _COST
        if not of.budget.take(self._taken):
            return "; no other one, since the transport's budget for retries is used up"
        return None

    def _too_late(self) -> str:
        return f"; no other one, since it would begin after the deadline of {self._of.policy.deadline:g} s"

    async def _has_new_credentials(self, error: S3Error) -> bool:
        """Tell whether credentials that have expired were replaced; once in a call."""
        of = self._of
        if self._refreshed or not _may_have_expired(error) or not isinstance(of.inner, CredentialsRefresher):
            return False
        self._refreshed = True
        if of._refreshed_at < self._began:  # or another call was quicker
            try:
                if await of.inner.refresh_credentials():
                    of._refreshed_at = of._clock()
            except S3Error as failure:
                error.add_note(f"credentials could not be refreshed: {failure}")
        return of._refreshed_at >= self._began


class _Rest:
    """What is still to be read of a range whose body broke off, of which ``received`` bytes are there."""

    def __init__(
        self,
        of: RetryingTransport,
        attempts: _Attempts,
        ref: ObjectRef,
        byte_range: ByteRange,
        options: GetOptions,
        broken: S3IncompleteReadError,
        received: int,
    ) -> None:
        self._of = of
        self._attempts = attempts
        self._ref = ref
        self._start = byte_range.start
        self._stop = min(byte_range.stop or broken.object_size, broken.object_size)
        self._received = received
        self._etag = broken.etag
        self._object_size = broken.object_size
        # A version never changes, and what the caller says of an ETag is what he wants.
        pinned = of._compare_etags_only or ref.version_id is not None or options.if_match is not None
        self._options = options if pinned else replace(options, if_match=broken.etag)

    @property
    def size(self) -> int:
        """Bytes of the range, the end of the object considered."""
        return self._stop - self._start

    async def read(self, view: memoryview) -> ObjectRange:
        """Read what is missing into the view, which holds what is there already; return all of it."""
        while True:
            # If all bytes are there, the last one is read once more: its answer tells the rest.
            at = min(self._received, self.size - 1)
            try:
                with view[at : self.size] as place:
                    answer = await self._attempts.once(
                        self._of.inner.get_object_range(
                            self._ref, ByteRange(self._start + at, self._stop), into=place, options=self._options
                        )
                    )
            except S3IncompleteReadError as error:
                if error.etag != self._etag:
                    raise self._replaced() from error
                received = at + error.received
                if not await self._attempts.again(error, progress=received > self._received):
                    raise
                self._received = max(self._received, received)
            except (S3PreconditionError, S3InvalidRangeError) as error:
                raise self._replaced() from error
            except S3Error as error:
                if not await self._attempts.again(error):
                    raise
            else:
                let_go(answer)
                if (answer.etag, answer.object_size) != (self._etag, self._object_size):
                    raise self._replaced()
                self._attempts.succeeded()
                return replace(answer, data=view[: self.size], start=self._start, size=self.size)

    def _replaced(self) -> S3PreconditionError:
        return S3PreconditionError(
            f"The object was replaced while it was read (its ETag was {self._etag}); read it again",
            code="PreconditionFailed",
            operation="GetObject",
            bucket=self._ref.bucket,
            key=self._ref.key,
        )


# --- what an error means -------------------------------------------------------------------------


def _is_worth_another(error: S3Error) -> bool:
    """Tell whether the same request may succeed later.

    A conditional write that met another one at the same time (409) is to be tried again, says S3; an upload in parts
    would have to begin anew. https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
    """
    met_another = error.code == "ConditionalRequestConflict" and error.operation in ("PutObject", "CopyObject")
    return error.retryable or met_another


def _may_have_happened(error: S3Error) -> bool:
    """Tell whether a request that failed so may have done what it asked. S3 says SlowDown before it does anything."""
    undone = isinstance(error, (S3ThrottledError, S3ChecksumError)) and error.code != "ServiceUnavailable"
    return error.retryable and not undone


def _may_have_expired(error: S3Error) -> bool:
    """Tell whether it may be for expired credentials: an answer to HEAD has no body to say so, only its status."""
    to_head = error.status == 400 and (error.operation or "").startswith("Head")
    return isinstance(error, S3ExpiredCredentialsError) or to_head


def _is_for_the_moment(error: DeleteError) -> bool:
    return error.code in _THROTTLED_KEYS or error.code in _FAILED_KEYS


def _not_named(key: ObjectKey) -> DeleteError:
    return DeleteError(key.key, key.version_id, "NoAnswer", "S3's answer does not name this key")


def _as_error(errors: Sequence[DeleteError], bucket: str, retryable: bool | None = None) -> S3Error:
    """Make of errors of single keys one of the request."""
    slow = next((error for error in errors if error.code in _THROTTLED_KEYS), None)
    kind, told = (S3ServerError, errors[0]) if slow is None else (S3ThrottledError, slow)
    return kind(
        told.message, code=told.code, operation="DeleteObjects", bucket=bucket, key=told.key, retryable=retryable
    )


def _unknown(refusal: S3Error, why: str) -> S3Error:
    """Make the error of a write that may have met itself, or another one."""
    return S3Error(
        f"An answer was lost, and the request, repeated, refused ({refusal.strerror}). Whether it was done the first "
        f"time is not known: {why}. Compare the object that is there with what was to be written",
        code=refusal.code,
        status=refusal.status,
        operation=refusal.operation,
        bucket=refusal.bucket,
        key=refusal.key,
        request_id=refusal.request_id,
        host_id=refusal.host_id,
        retryable=False,
    )


def _reading(options: RequestOptions, customer_key: CustomerKey | None) -> GetOptions:
    """Return what a read of an object takes of the options that it is written with."""
    return GetOptions(
        requester_pays=options.requester_pays,
        expected_bucket_owner=options.expected_bucket_owner,
        customer_key=customer_key,
    )


def _multipart_etag(parts: Sequence[CompletedPart]) -> str | None:
    """Return the ETag of an object of these parts, the MD5 of their MD5s; None if their ETags are no MD5s.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
    """
    digests = [part.etag.strip('"') for part in parts]
    if not all(re.fullmatch(r"[0-9a-f]{32}", digest) for digest in digests):
        return None
    return f'"{hashlib.md5(bytes.fromhex("".join(digests)), usedforsecurity=False).hexdigest()}-{len(parts)}"'


def _may_be_made_of(parts: Sequence[CompletedPart], info: ObjectInfo, customer_key: CustomerKey | None) -> bool:
    """Tell whether an object whose ETag is not the one expected may be made of these parts all the same.

    With a key of KMS's or the caller's no ETag is an MD5; how many parts there are it tells even so.
    """
    md5 = customer_key is None and info.server_side_encryption in (None, "AES256")
    return not md5 and info.etag.endswith(f'-{len(parts)}"')
