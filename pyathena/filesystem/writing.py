"""Write one object as it comes: one request if it is small, else parts that upload while more is written.

Coroutines over the engine's transport; nothing here knows paths, fsspec or asyncio.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Final, Literal

from typing_extensions import Buffer

from pyathena.filesystem.options import begin_options, complete_options, part_options, request_options
from pyathena.filesystem.planning import equal_part_size, growing_part_size, split_range
from pyathena.runtime import Runtime, Task, settle_all
from pyathena.transport.errors import (
    S3AlreadyExistsError,
    S3ConnectionError,
    S3Error,
    S3NotFoundError,
    S3NotSupportedError,
    S3PermissionError,
    S3PreconditionError,
)
from pyathena.transport.protocol import S3Transport
from pyathena.transport.values import (
    MAX_PART_SIZE,
    MAX_PARTS,
    MIN_PART_SIZE,
    ByteRange,
    CompletedPart,
    CopyOptions,
    GetOptions,
    MultipartUpload,
    ObjectInfo,
    ObjectRef,
    PutOptions,
    RequestOptions,
)

__all__ = ["ABORT_SECONDS", "CONTENT_FIELDS", "WRITE_WINDOW", "PartWriter", "abort_upload", "begin_upload"]

_logger = logging.getLogger("pyathena.filesystem")

WRITE_WINDOW: Final = 64 * 2**20
"""Most bytes of parts in flight; at least one part always is."""

CONTENT_FIELDS: Final = ("content_type", "content_encoding", "content_disposition", "content_language", "cache_control")

BEGIN_SECONDS: Final = 20.0
"""How long an upload that is given up while it is begun may take to tell its id: our clients' time limits."""

ABORT_SECONDS: Final = 10.0
"""How long a failed or cancelled upload may take to be aborted."""


async def begin_upload(
    transport: S3Transport, runtime: Runtime, ref: ObjectRef, options: PutOptions
) -> MultipartUpload:
    """Begin a multipart upload; the conditions among the options are for its end.

    One whose begin is cancelled is aborted: nobody else would learn its id.
    """
    task = runtime.spawn(transport.create_multipart_upload(ref, options=begin_options(options)))

    async def give_up() -> None:
        await task.wait()
        if not task.lost:
            await abort_upload(transport, runtime, await task, request_options(options))

    try:
        await task.wait()
    except BaseException:
        task.stop()  # it is not attempted again
        with contextlib.suppress(S3Error, TimeoutError):  # then it was never begun, or nobody will ever know
            await runtime.shield(give_up(), BEGIN_SECONDS + ABORT_SECONDS)
        raise
    return await task


async def abort_upload(
    transport: S3Transport, runtime: Runtime, upload: MultipartUpload, options: RequestOptions
) -> None:
    """Abort an upload, whatever comes in between, within `ABORT_SECONDS`. That it cannot be aborted is logged."""
    try:
        await runtime.shield(transport.abort_multipart_upload(upload, options=options), ABORT_SECONDS)
    except S3NotFoundError:
        pass  # there is nothing left of it
    except (S3Error, TimeoutError) as error:
        _logger.warning(
            "the multipart upload %s of %s/%s is left open: %s", upload.upload_id, upload.bucket, upload.key, error
        )


class PartWriter:
    """Takes the bytes of an object in order. Nothing appears in S3 before `commit`; `discard` leaves nothing there.

    Args:
        transport: where to write.
        runtime: how parallel steps are run.
        ref: the object.
        block_size: bytes of a part, 5 MiB or more; parts grow as the object does, so that 10 000 suffice.
        options: content headers and conditions.
        size: bytes of the whole object, if they are known: parts are then equal.
        grows: whether parts grow where the size is not known; if not, 10 000 of them are the end of it.
        mode: ``w`` replaces what is there; ``x`` refuses it (the options say so too); ``a`` goes on behind it, if it is
            still the same when it is committed.
        guessed_type: a content type that was not said but guessed: an object that is appended to keeps its own.
        written: called when the object has appeared, or may have.
    """

    def __init__(
        self,
        transport: S3Transport,
        runtime: Runtime,
        ref: ObjectRef,
        *,
        block_size: int,
        options: PutOptions,
        size: int | None = None,
        grows: bool = True,
        mode: Literal["w", "x", "a"] = "w",
        guessed_type: str | None = None,
        written: Callable[[], object] = lambda: None,
    ) -> None:
        if block_size < MIN_PART_SIZE and (size is None or size > block_size or mode == "a"):
            raise ValueError(
                f"block_size is {MIN_PART_SIZE} bytes (5 MiB) or more for writing, since S3 takes no smaller parts; "
                f"got {block_size}"
            )
        self.ref = ref
        self._transport = transport
        self._runtime = runtime
        self.block_size = block_size if size is None else equal_part_size(size, block_size)
        self._grows = grows and size is None
        self._options = options
        self._buffer = bytearray()
        self._upload: MultipartUpload | None = None
        self._in_flight: deque[tuple[int, Task[CompletedPart]]] = deque()
        self._parts: list[CompletedPart] = []
        self._part_number = 1
        self._failed: BaseException | None = None
        self._mode = mode
        self._guessed_type = guessed_type
        self._written = written
        self._process = os.getpid()
        self._committed = False
        self.closed = False
        """Whether the file was closed, so that all of the object is here."""
        self.discarded = False
        """Whether it was dropped."""
        self.deferred = False
        """Whether closing the file leaves it to others to `commit` or `discard` it."""
        self.of_transaction = False
        """Whether these others are a transaction."""
        self.position = 0
        """Bytes of the object so far, those that were there before included."""

    async def open(self) -> None:
        """Look at what is there, if that matters; for the rest writing needs no request before the first. Idempotent.

        Whatever this finds, a condition goes with the request that makes the object appear, and that decides.

        Raises:
            FileExistsError: the object must not be there, and is.
        """
        if self._mode == "w":
            return
        try:
            info = await self._transport.head_object(self.ref, options=self._look)
        except S3NotFoundError:
            self._options = replace(self._options, if_none_match="*")
        else:
            if self._mode == "x":
                self.discarded = True  # a transaction is not to look for it
                raise S3AlreadyExistsError(
                    "The object exists already", operation="HeadObject", bucket=self.ref.bucket, key=self.ref.key
                )
            await self._go_on_behind(info)
        self._mode = "w"  # what mattered of it is in the options and the buffer now

    @property
    def _request(self) -> RequestOptions:
        return request_options(self._options)

    @property
    def _look(self) -> GetOptions:
        return GetOptions(
            requester_pays=self._options.requester_pays,
            expected_bucket_owner=self._options.expected_bucket_owner,
            customer_key=self._options.customer_key,
        )

    async def _go_on_behind(self, info: ObjectInfo) -> None:
        """Begin with the bytes, headers and metadata of the object that is there."""
        names = (*CONTENT_FIELDS, "metadata", "storage_class", "server_side_encryption", "kms_key_id")
        kept = {name: getattr(self._options, name) or getattr(info, name) for name in names}
        if self._guessed_type is not None and self._options.content_type == self._guessed_type:
            kept["content_type"] = info.content_type
        if not self._options.tags:
            with contextlib.suppress(S3NotSupportedError, S3PermissionError):  # not every server or role has them
                kept["tags"] = await self._transport.get_object_tagging(self.ref, options=self._request)
        self._options = replace(self._options, **kept, if_match=info.etag)
        self.position = info.size
        if info.size == 0:
            return
        try:
            if info.size < MIN_PART_SIZE:
                pinned = replace(self._look, if_match=info.etag)
                answer = await self._transport.get_object_range(self.ref, ByteRange(0), options=pinned)
                if answer.etag != info.etag:  # not every server heeds If-Match
                    raise S3PreconditionError(
                        "The object was replaced while it was opened for appending; open it again",
                        operation="GetObject",
                        bucket=self.ref.bucket,
                        key=self.ref.key,
                    )
                self._buffer += answer.data
                return
            # S3 copies it within itself.
            self._upload = await begin_upload(self._transport, self._runtime, self.ref, self._options)
            source = CopyOptions(
                source_if_match=info.etag,
                customer_key=self._options.customer_key,
                source_customer_key=self._options.customer_key,
                requester_pays=self._options.requester_pays,
            )
            # In equal pieces, since none of them may be smaller than 5 MiB.
            pieces = -(-info.size // MAX_PART_SIZE)
            for piece in split_range(0, info.size, -(-info.size // pieces)):
                copied = self._transport.upload_part_copy(
                    self._upload, self._part_number, self.ref, piece, options=source
                )
                self._parts.append(await copied)
                self._part_number += 1
        except BaseException as error:
            await self._fail(error)
            raise

    @property
    def upload(self) -> MultipartUpload | None:
        """The multipart upload that is open, if there is one."""
        return self._upload

    def absorb(self, view: memoryview) -> bool:
        """Take bytes that need nothing to be sent, if they are such; else return False. Never waits."""
        if self._mode != "w" or self._over or len(self._buffer) + view.nbytes > self._part_size():
            return False
        self._buffer += view
        self.position += view.nbytes
        return True

    async def write(self, data: Buffer) -> int:
        """Take bytes; wait only while more than `WRITE_WINDOW` of them are in flight.

        Raises:
            S3Error: an earlier part failed. Nothing of the object is left in S3.
        """
        self._refuse_if_over()
        await self.open()
        view = memoryview(data).cast("B")
        immutable = isinstance(data, bytes)
        at = 0
        try:
            while at < view.nbytes:
                size = self._part_size()
                if len(self._buffer) == size:
                    # It is sent when more comes, so that an object of just one part is one request.
                    await self._send(self._buffer, size)
                    self._buffer = bytearray()
                elif immutable and not self._buffer and view.nbytes - at > size:
                    await self._send(view[at : at + size], size)
                    at += size
                else:
                    taken = view[at : at + size - len(self._buffer)]
                    self._buffer += taken
                    at += taken.nbytes
        except BaseException as error:
            await self._fail(error)
            raise
        self.position += view.nbytes
        return view.nbytes

    async def flush(self) -> None:
        """Send what fills a part. The object does not appear before `commit`."""
        self._refuse_if_over()
        await self.open()
        size = self._part_size()
        if len(self._buffer) < size:
            return
        try:
            await self._send(self._buffer, size)
        except BaseException as error:
            await self._fail(error)
            raise
        self._buffer = bytearray()

    async def close(self) -> None:
        """Do what `commit` does, unless that is left to a transaction, or to whoever opened the file so."""
        if self.discarded:
            self._refuse_if_over()  # a transaction that ended before has dropped it
        self.closed = True
        if not self.deferred:
            await self.commit()

    async def commit(self) -> None:
        """Send the rest and make the object appear. Idempotent.

        Raises:
            S3AlreadyExistsError: the options say that it must not exist, and it does.
            S3Error: it could not be written. Nothing of it is left in S3.
        """
        if self._committed:
            return
        self._refuse_if_over()
        try:
            await self.open()
            await self._publish()
        except BaseException as error:
            await self._fail(error)
            raise
        finally:
            self._written()  # also if it failed: it may have happened
        self._committed = True
        self._upload = None
        self._buffer = bytearray()

    async def _publish(self) -> None:
        if self._upload is None:
            await self._transport.put_object(self.ref, self._buffer, options=self._options)
            return
        if self._buffer:
            await self._send(self._buffer, len(self._buffer))
        while self._in_flight:
            await self._collect()
        await self._transport.complete_multipart_upload(
            self._upload, self._parts, options=complete_options(self._options)
        )

    async def discard(self) -> None:
        """Stop what is in flight and leave nothing in S3. May be called more than once.

        In a forked child it changes nothing in S3: the object is the parent's to write.
        """
        self.discarded = not self._committed
        self._buffer = bytearray()
        if self._inherited:
            return
        in_flight, self._in_flight = [task for _, task in self._in_flight], deque()
        upload, self._upload = self._upload, None
        for task in in_flight:
            task.cancel()
        try:
            await settle_all(in_flight)
        finally:
            if upload is not None:
                await abort_upload(self._transport, self._runtime, upload, self._request)

    # --- parts -----------------------------------------------------------------------------------

    def _part_size(self) -> int:
        return growing_part_size(self._part_number, self.block_size) if self._grows else self.block_size

    async def _send(self, body: Buffer, size: int) -> None:
        if self._part_number > MAX_PARTS:
            raise ValueError(
                f"{self.ref.bucket}/{self.ref.key} has more than {MAX_PARTS} parts of {self.block_size} bytes: "
                "open it with the right size=, a larger block_size=, or without size="
            )
        if self._upload is None:
            self._upload = await begin_upload(self._transport, self._runtime, self.ref, self._options)
        while self._in_flight and sum(sent for sent, _ in self._in_flight) + size > WRITE_WINDOW:
            await self._collect()
        step = self._transport.upload_part(self._upload, self._part_number, body, options=part_options(self._options))
        self._in_flight.append((size, self._runtime.spawn(step)))
        self._part_number += 1

    async def _collect(self) -> None:
        _, task = self._in_flight[0]
        if task.lost:
            raise S3ConnectionError(
                "The event loop that sent a part has ended; write an object within one event loop",
                operation="UploadPart",
                bucket=self.ref.bucket,
                key=self.ref.key,
                retryable=False,
            )
        await task.wait()
        self._parts.append(await task)
        self._in_flight.popleft()

    async def _fail(self, error: BaseException) -> None:
        self._failed = error
        await self.discard()

    @property
    def held_back(self) -> bool:
        """Whether all of the object is here, and nothing was done with it yet."""
        return self.closed and not self._over

    @property
    def _inherited(self) -> bool:
        return self._process != os.getpid()

    @property
    def _over(self) -> bool:
        return self._committed or self.discarded or self._failed is not None or self._inherited

    def _refuse_if_over(self) -> None:
        if self._inherited:
            raise RuntimeError(
                f"{self.ref.bucket}/{self.ref.key} was opened for writing before this process was forked; only its "
                "parent can write it"
            )
        if self._committed or (self.discarded and self._failed is None):
            raise ValueError(
                f"{self.ref.bucket}/{self.ref.key} was {'written' if self._committed else 'discarded'} already"
            )
        if self._failed is not None:
            raise ValueError(
                f"writing {self.ref.bucket}/{self.ref.key} failed before ({self._failed!r}), and nothing of it was kept"
            ) from self._failed
