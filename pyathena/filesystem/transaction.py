"""Several files that appear together, or not at all: as nearly as S3 lets one.

What is written by `open` and `pipe` inside of ``with fs.transaction`` or ``async with fs.transaction`` is held back,
its parts uploaded already, until the block ends; an exception drops all of it. S3 has no commit of several objects: if
one cannot be made to appear at the end, those before it have, those behind it do not. Copies and deletions are done at
once. A transaction is the filesystem instance's: other threads that write by the same instance take part in it, and
none can begin another one meanwhile.
"""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from fsspec.transaction import Transaction
from typing_extensions import override

from pyathena.filesystem.writing import PartWriter

__all__ = ["DeferredFile", "S3Transaction", "one_at_a_time"]


def one_at_a_time() -> RuntimeError:
    """Make the error of who begins a transaction where one is under way."""
    return RuntimeError(
        "a transaction of this filesystem is under way, or this one has ended, and there is one at a time: make "
        "another filesystem with skip_instance_cache=True, write without one, or take fs.transaction anew"
    )


class DeferredFile:
    """An object that is written and held back.

    Args:
        writer: what has written it.
        run: runs the writer's coroutines for synchronous code.
    """

    def __init__(self, writer: PartWriter, run: Callable[[Callable[[], Awaitable[Any]]], Any]) -> None:
        self.writer = writer
        self._run = run

    def commit(self) -> None:
        """Make it appear."""
        self._run(self.writer.commit)

    def discard(self) -> None:
        """Drop it."""
        self._run(self.writer.discard)


class S3Transaction(Transaction):
    """A transaction of fsspec's that works with ``async with`` too."""

    asynchronous = False
    _begun = False

    if TYPE_CHECKING:
        # fsspec's, which has no types.
        fs: Any
        files: deque[DeferredFile]

        def __enter__(self) -> Self: ...
        def __exit__(
            self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
        ) -> None: ...

    @override
    def start(self) -> None:
        """Begin it.

        Raises:
            RuntimeError: it was begun already: one within it, or beside it, would drop what it holds back.
        """
        if self._begun or self.fs is None:
            raise one_at_a_time()
        self._begun = True
        super().start()

    @override
    def complete(self, commit: bool = True) -> None:
        """Make all appear, or drop them; where one cannot be made to appear, those behind it are dropped.

        A file that was not closed is dropped with a warning: nobody knows what is missing of it.
        """
        try:
            while commit and self.files:
                file = self.files[0]
                if self._whole(file.writer):
                    file.commit()
                else:
                    file.discard()
                self.files.popleft()
        finally:
            try:
                for file in self.files:
                    file.discard()
            finally:
                self._end()

    async def __aenter__(self) -> Self:
        self.start()
        self.asynchronous = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            while kind is None and self.files:
                writer = self.files[0].writer
                await (writer.commit() if self._whole(writer) else writer.discard())
                self.files.popleft()
        finally:
            try:
                for file in self.files:
                    await file.writer.discard()
            finally:
                self._end()

    def _whole(self, writer: PartWriter) -> bool:
        """Tell whether an object is to appear: not if it was dropped, or never closed."""
        if writer.discarded:
            return False
        if not writer.closed:
            warnings.warn(
                f"{writer.ref.bucket}/{writer.ref.key} was not closed when its transaction ended, so nothing of it was "
                "written",
                ResourceWarning,
                stacklevel=3,
            )
        return writer.closed

    def _end(self) -> None:
        """End the transaction, whatever came of it; what is written from now on appears by itself."""
        self.files.clear()
        fs, self.fs = self.fs, None
        if fs is not None:
            fs._intrans = False
            fs._transaction = None
