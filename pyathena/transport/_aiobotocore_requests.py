"""Requests over an aiobotocore client: bodies that go out and come in, and errors. Known to that transport alone.

What aiobotocore raises is botocore's, whose table the boto3 transport has; what aiohttp lets through is added here.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, Self

import aiohttp
from typing_extensions import Buffer

from pyathena.transport._boto3_errors import translated as translated_from_botocore
from pyathena.transport.errors import S3ConnectionError, S3Error, S3TimeoutError
from pyathena.transport.operations import ExpectedBytes, Operation
from pyathena.transport.values import ObjectRange

__all__ = ["Upload", "ask", "receive", "send_once", "translated"]

_SENT_BLOCK: Final = 64 * 2**10
"""Bytes of a body that are copied and sent at a time: as many as asyncio takes before it asks to wait."""
_RECEIVED_BLOCK: Final = 256 * 2**10
"""Most bytes of a body that are taken at a time."""

# The first row that fits counts.
_BY_EXCEPTION: Final[tuple[tuple[type[BaseException], type[S3Error]], ...]] = (
    (TimeoutError, S3TimeoutError),
    (aiohttp.ClientError, S3ConnectionError),
)


@contextmanager
def translated(
    operation: str, bucket: str | None = None, key: str | None = None, *, must_not_exist: bool = False
) -> Iterator[None]:
    """Raise what aiobotocore raises in the block as the `S3Error` that fits, with the original as its cause."""
    with translated_from_botocore(operation, bucket, key, must_not_exist=must_not_exist):
        try:
            yield
        except S3Error:
            raise
        except (TimeoutError, aiohttp.ClientError) as error:
            kind = next(kind for type_, kind in _BY_EXCEPTION if isinstance(error, type_))
            words = str(error) or "Nothing was received, or taken, in time"
            raise kind(words, operation=operation, bucket=bucket, key=key) from error


class Upload:
    """The bytes of a request: a file to botocore, which signs it, and an asynchronous iterator to aiohttp, which sends.

    It is no `io.IOBase`, which aiohttp would read in threads of the event loop's executor. It hands out copies of a
    block at a time, since asyncio may keep what it is given until after the answer, and the caller's buffer is his own
    again by then.
    """

    def __init__(self, data: Buffer) -> None:
        view = memoryview(data)
        self._view = view.cast("B") if view.nbytes else memoryview(b"")
        self._size = self._view.nbytes
        self._position = 0
        self._begun = False
        self._stalls: asyncio.Timeout | None = None
        self._seconds = 0.0

    @property
    def is_out(self) -> bool:
        """Whether all bytes were handed over to be sent."""
        return self._position >= self._size

    def let_go(self) -> None:
        """Give up the caller's buffer; nothing more is sent of it."""
        self._view.release()
        self._position = self._size

    def watched_by(self, stalls: asyncio.Timeout, seconds: float) -> None:
        """Let ``stalls`` run out when nothing is taken for so long. aiohttp limits the time to connect and to read."""
        self._stalls, self._seconds = stalls, seconds
        self._look_up(ended=False)

    def _look_up(self, *, ended: bool) -> None:
        if self._stalls is not None and not self._stalls.expired():
            self._stalls.reschedule(None if ended else asyncio.get_running_loop().time() + self._seconds)

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._position = (0, self._position, self._size)[whence] + offset
        self._begun = False
        self._look_up(ended=False)
        return self._position

    def read(self, size: int | None = -1) -> bytes:
        stop = self._size if size is None or size < 0 else self._position + size
        block = b"" if self.is_out else bytes(self._view[self._position : stop])
        self._position += len(block)
        self._look_up(ended=not block)  # the time to wait for an answer is aiohttp's
        return block

    def __aiter__(self) -> Self:
        if self._begun:
            raise ConnectionAbortedError("The connection broke while the request was sent")  # see `send_once`
        return self

    async def __anext__(self) -> bytes:
        self._begun = True
        block = self.read(_SENT_BLOCK)
        if not block:
            raise StopAsyncIteration
        return block


def send_once(request: Any, **_: object) -> None:
    """Keep aiohttp from sending a write again when its connection broke: whether to do so is decided above transports.

    It would, where a method is idempotent by HTTP, on a connection that was used before. To a conditional copy that has
    happened the second answer would be that it cannot. What has no body can be sent again, an iterator that was used
    cannot. A handler of botocore's event ``before-send``.
    """
    if request.method in ("PUT", "DELETE") and not request.body:
        request.body = Upload(b"")
        request.headers["Content-Length"] = "0"


async def ask(client: Any, operation: Operation[Any], upload: Upload | None = None) -> Mapping[str, Any]:
    """Send a request; return the answer, by S3's names.

    Args:
        client: an aiobotocore client for S3.
        operation: the request.
        upload: its body, if it has one.
    """
    params = operation.params
    with translated(operation.name, operation.bucket, operation.key, must_not_exist=operation.must_not_exist):
        async with asyncio.timeout(None) as stalls:
            if upload is not None:
                config = client.meta.config
                upload.watched_by(stalls, config.connect_timeout + config.read_timeout)
                params = {**params, "Body": upload}
            answer: Mapping[str, Any] = await getattr(client, operation.method)(**params)
    return answer


async def receive(client: Any, operation: Operation[ExpectedBytes]) -> ObjectRange:
    """Send a request for bytes, and receive them."""
    answer = await ask(client, operation)
    body = answer["Body"]
    try:
        return await _fill(operation, operation.meaning(answer), body)
    except BaseException:
        body.close()  # a connection with a body half read cannot be used again
        raise


async def _fill(operation: Operation[ExpectedBytes], expected: ExpectedBytes, body: Any) -> ObjectRange:
    received = -expected.skip
    try:
        expected.announce()
        with translated(operation.name, operation.bucket, operation.key):
            while received < expected.size:
                chunk = await body.read(min((expected.size if received >= 0 else 0) - received, _RECEIVED_BLOCK))
                if not chunk:
                    raise S3ConnectionError("The body ended early", operation=operation.name)
                if received >= 0:
                    expected.target[received : received + len(chunk)] = chunk
                received += len(chunk)
            if expected.to_the_end:
                await body.read(1)  # the checksum is compared when the end is found, and only then
    except BaseException as error:
        expected.given_up()
        if not isinstance(error, (S3ConnectionError, S3TimeoutError)):
            raise
        raise expected.broken_off(received, error.strerror) from error.__cause__
    if not expected.to_the_end:
        body.close()
    return expected.received()
