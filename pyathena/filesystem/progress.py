"""What fsspec's callbacks are told of an operation, whether it runs on an event loop or in threads."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, Self

from fsspec.callbacks import DEFAULT_CALLBACK, Callback
from typing_extensions import override

__all__ = ["Progress"]

_MOST_UPDATES: Final = 1000
"""How often a callback is told of one operation: a bar shows no more."""


class Progress:
    """How far an operation is: in bytes of an object, or in objects.

    The callback is called by one thread at a time, also where parts and objects move in several threads. What it raises
    ends the operation as a request that fails does: uploads are aborted, partial files removed, and what was written or
    deleted by then stays so.

    Args:
        callback: whom to tell.
    """

    def __init__(self, callback: Callback = DEFAULT_CALLBACK) -> None:
        self._callback = callback if callback is DEFAULT_CALLBACK else _OneAtATime.over(callback)
        self._lock = threading.Lock()
        self._size = 0
        self._done = 0
        self._told = 0

    def begin(self, size: int) -> None:
        """Tell how much there is to do. Where it is begun anew, nothing of it is done."""
        if self._callback is DEFAULT_CALLBACK:
            return
        with self._lock:
            back, self._told, self._done, self._size = self._told, 0, 0, size
            self._callback.set_size(size)
            if back:
                self._callback.relative_update(-back)

    def advance(self, amount: int = 1) -> None:
        """Take note that so much more is done, and tell it when it is a thousandth of the whole, or the end."""
        if self._callback is DEFAULT_CALLBACK:
            return
        with self._lock:
            self._done += amount
            untold = self._done - self._told
            if untold and (self._done >= self._size or untold * _MOST_UPDATES >= self._size):
                self._told = self._done
                self._callback.relative_update(untold)

    @contextmanager
    def of(self, source: str, target: str) -> Iterator[Callback]:
        """Give the callback of one of the objects that this is the progress of; count it when that has ended well.

        Where there is but one object, a callback that has none for single objects is told of its bytes, rather than
        that one of one is done: so a bar moves.

        Args:
            source: where the object comes from.
            target: where it goes.
        """
        if self._callback is DEFAULT_CALLBACK:
            yield DEFAULT_CALLBACK
            return
        with self._callback.branched(source, target) as child:
            if child is DEFAULT_CALLBACK and self._size == 1:
                yield self._callback
                return
            yield child
        self.advance()


class _OneAtATime(Callback):
    """A callback that one thread at a time calls, and those that branch off it: their own code is not made for more."""

    def __init__(self, inner: Callback, lock: threading.Lock) -> None:
        super().__init__()
        self._inner = inner
        self._lock = lock

    @classmethod
    def over(cls, callback: Callback) -> _OneAtATime:
        return callback if isinstance(callback, cls) else cls(callback, threading.Lock())

    @override
    def set_size(self, size: Any) -> None:
        with self._lock:
            self._inner.set_size(size)

    @override
    def absolute_update(self, value: Any) -> None:
        with self._lock:
            self._inner.absolute_update(value)

    @override
    def relative_update(self, inc: Any = 1) -> None:
        with self._lock:
            self._inner.relative_update(inc)

    @override
    def branched(self, path_1: Any, path_2: Any, **kwargs: Any) -> Callback:
        with self._lock:
            child = self._inner.branched(path_1, path_2, **kwargs)
        return child if child is DEFAULT_CALLBACK else _OneAtATime(child, self._lock)

    @override
    def __enter__(self) -> Self:
        self._inner.__enter__()
        return self

    @override
    def __exit__(self, *raised: object) -> None:
        self._inner.__exit__(*raised)
