"""Several files that appear together, or not at all: as nearly as S3 lets one.

What is written by `open` and `pipe` inside of ``with fs.transaction`` or ``async with fs.transaction`` is held back,
its parts uploaded already, until the block ends; an exception drops all of it. S3 has no commit of several objects: if
one cannot be made to appear at the end, those before it have, those behind it do not. Copies and deletions are done at
once.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self

from fsspec.transaction import Transaction
from typing_extensions import override

from pyathena.filesystem.writing import PartWriter

__all__ = ["DeferredFile", "S3Transaction"]


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

    @override
    def complete(self, commit: bool = True) -> None:
        """Make all appear, or drop them; where one cannot be made to appear, those behind it are dropped."""
        try:
            super().complete(commit)
        except BaseException:
            for file in self.files:
                file.discard()
            self.files.clear()
            raise

    async def __aenter__(self) -> Self:
        self.start()
        self.asynchronous = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            while kind is None and self.files:
                await self.files[0].writer.commit()
                self.files.popleft()
        finally:
            for file in self.files:
                await file.writer.discard()
            self.files.clear()
            super().complete()  # of nothing: it ends the transaction
