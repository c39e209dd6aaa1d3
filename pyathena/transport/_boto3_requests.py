"""Requests over a boto3 client: blocking, in whatever thread they are called.

`ThreadedBoto3Transport` calls these in threads, `BlockingBoto3Transport` right where it is. Known to them alone.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress
from typing import Any, Final, TypeVar

from typing_extensions import Buffer, override

from pyathena.transport._boto3_cancellation import Abandonment
from pyathena.transport._boto3_client import S3ClientLike
from pyathena.transport._boto3_errors import translated
from pyathena.transport._boto3_fast_path import FastPath, StepAside
from pyathena.transport.errors import S3ConnectionError, S3TimeoutError
from pyathena.transport.operations import ExpectedBytes, Operation
from pyathena.transport.told import tell_request_id
from pyathena.transport.values import ObjectRange
from pyathena.transport.wire.s3 import METHODS

__all__ = ["Boto3Requests"]

T = TypeVar("T")

_CHUNK: Final = 256 * 2**10
"""Bytes of a body that are taken at a time: what is lost when a connection breaks, and how often a read looks up."""


class _Body(io.RawIOBase):
    """The bytes of a request as the file that botocore wants, without copying them.

    botocore refuses a `memoryview`. A file has a second merit: it goes out in blocks, each with its own time limit,
    where one `bytes` must go out as a whole within a single one. And a cancelled request stops at the next block; once
    all of it is out, the answer tells what came of it.
    """

    def __init__(self, data: Buffer, abandonment: Abandonment) -> None:
        view = memoryview(data)
        # Casting takes every format and shape but those without bytes. (A PickleBuffer would take these too, and then
        # the interpreter crashes when the garbage collector finds it in a cycle.)
        self._view = view.cast("B") if view.nbytes else memoryview(b"")
        self._position = 0
        self._abandonment = abandonment

    @override
    def readable(self) -> bool:
        return True

    @override
    def seekable(self) -> bool:
        return True

    @override
    def tell(self) -> int:
        return self._position

    @override
    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = (0, self._position, self._view.nbytes)[whence]
        self._position = base + offset
        return self._position

    @override
    def read(self, size: int | None = -1) -> Any:  # a memoryview: http.client sends it, hashlib takes it
        stop = self._view.nbytes if size is None or size < 0 else self._position + size
        block = self._view[self._position : stop]
        if block:
            self._abandonment.check()
        self._position += block.nbytes
        return block


class Boto3Requests:
    """Requests over one client.

    Args:
        client: tells the client, and may make it: what goes wrong then is an error of the request.
        signer: tells the client that signs URLs.
        fast: tells the fast path beside the client, once there is one.
    """

    def __init__(
        self,
        client: Callable[[], S3ClientLike],
        signer: Callable[[], S3ClientLike],
        fast: Callable[[], FastPath | None],
    ) -> None:
        self._client = client
        self._signer = signer
        self._fast = fast

    def ask(self, operation: Operation[T], abandonment: Abandonment) -> T:
        """Send a request, and tell what the answer means."""
        if operation.method in METHODS and (fast := self._fast_path(operation)) is not None:
            with suppress(StepAside):
                return fast.ask(operation, abandonment)
        return operation.meaning(self._send(operation, abandonment))

    def get_object_range(self, operation: Operation[ExpectedBytes], abandonment: Abandonment) -> ObjectRange:
        """Send a request for bytes, and receive them."""
        if (fast := self._fast_path(operation)) is not None:
            with suppress(StepAside):
                return fast.get_object_range(operation, abandonment)
        answer = self._send(operation, abandonment)
        body = answer["Body"]
        try:
            return _receive(operation, operation.meaning(answer), body, abandonment)
        except BaseException:
            body.close()  # a connection with a body half read cannot be used again
            raise

    def presigned_url(self, operation: Operation[None], expires_in: int) -> str:
        """Sign what others will send within ``expires_in`` seconds."""
        with translated(operation.name, operation.bucket, operation.key):
            return self._signer().generate_presigned_url(
                operation.method, Params=operation.params, ExpiresIn=expires_in
            )

    def meta(self, operation: str, bucket: str | None, key: str | None = None) -> Any:
        """Return what the client says of itself, for the request that is named."""
        with translated(operation, bucket, key):
            return self._client().meta

    def _fast_path(self, operation: Operation[Any]) -> FastPath | None:
        fast = self._fast()
        if fast is None:
            self.meta(operation.name, operation.bucket, operation.key)  # with the client it is made
            fast = self._fast()
        return fast

    def _send(self, operation: Operation[Any], abandonment: Abandonment) -> Mapping[str, Any]:
        params = operation.params
        if "Body" in params:
            params = {**params, "Body": _Body(params["Body"], abandonment)}
        with translated(operation.name, operation.bucket, operation.key, must_not_exist=operation.must_not_exist):
            client, fast = self._client(), self._fast()
            with abandonment.current(), nullcontext() if fast is None else fast.watching(operation):
                answer: Mapping[str, Any] = getattr(client, operation.method)(**params)
            tell_request_id(answer.get("ResponseMetadata", {}).get("RequestId"))
        return answer


def _receive(
    operation: Operation[ExpectedBytes], expected: ExpectedBytes, body: Any, abandonment: Abandonment
) -> ObjectRange:
    received = -expected.skip

    def receive(stop: int) -> None:
        nonlocal received
        while received < stop:
            chunk = body.read(min((stop if received >= 0 else 0) - received, _CHUNK))
            if not chunk:
                raise S3ConnectionError("The body ended early", operation="GetObject")
            with abandonment.holding():
                if received >= 0:
                    expected.target[received : received + len(chunk)] = chunk
            received += len(chunk)

    shutdown = getattr(getattr(body, "_raw_stream", None), "shutdown", None)
    try:
        expected.announce()
        with translated(operation.name, operation.bucket, operation.key):
            # With its last byte a body hands the connection back, and to shut it down then would hit another request.
            with abandonment.woken_by(shutdown):
                receive(expected.size - 1 if expected.to_the_end else expected.size)
            receive(expected.size)
            if expected.to_the_end:
                body.read(1)  # botocore compares the checksum when it finds the end, and only then
    except BaseException as error:
        expected.given_up()
        if not isinstance(error, (S3ConnectionError, S3TimeoutError)):
            raise
        abandonment.check()
        raise expected.broken_off(received, error.strerror) from error.__cause__
    if not expected.to_the_end:
        body.close()
    return expected.received()
