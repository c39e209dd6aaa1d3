"""What is kept of listings, if anything is: for how long, how many, and what of it a write makes untrue.

A cached listing answers `ls` and nothing else: that something is *not* there, how large it is or which ETag it has is
always asked of S3.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from pyathena.filesystem.listing import Entry

__all__ = ["ListingsCache"]


class ListingsCache:
    """Listings of directories, by bucket and prefix. Safe to use from several threads.

    Args:
        enabled: whether anything is kept (fsspec's ``use_listings_cache``).
        expiry_time: seconds that a listing is kept, 0 or more; None is for ever (``listings_expiry_time``).
        max_paths: most listings that are kept, 1 or more; the one not used for longest goes first. None is any number.
        clock: tells the time in seconds.
    """

    def __init__(
        self,
        *,
        enabled: bool,
        expiry_time: float | None = None,
        max_paths: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if expiry_time is not None and expiry_time < 0:
            raise ValueError(f"listings_expiry_time is a number of seconds, 0 or more, got {expiry_time}")
        if max_paths is not None and max_paths < 1:
            raise ValueError(f"max_paths is a number of listings, 1 or more, got {max_paths}")
        self._enabled = enabled
        self._expiry_time = expiry_time
        self._max_paths = max_paths
        self._clock = clock
        self._lock = threading.Lock()
        self._listings: OrderedDict[tuple[str, str], tuple[float, list[Entry]]] = OrderedDict()
        self._generation = 0

    @property
    def generation(self) -> int:
        """How many writes there were; a listing that began before a write must not be kept after it."""
        return self._generation

    def get(self, bucket: str, prefix: str) -> list[Entry] | None:
        """Return a listing that is kept and still fresh, as dicts of the caller's own; else None."""
        if not self._enabled:
            return None
        with self._lock:
            kept = self._listings.get((bucket, prefix))
            if kept is None:
                return None
            stored, entries = kept
            if self._expiry_time is not None and self._clock() - stored >= self._expiry_time:
                del self._listings[bucket, prefix]
                return None
            self._listings.move_to_end((bucket, prefix))
            return [entry.copy() for entry in entries]

    def put(self, bucket: str, prefix: str, entries: list[Entry], generation: int) -> None:
        """Keep a listing that began at ``generation``, unless something was written since."""
        if not self._enabled:
            return
        with self._lock:
            if generation != self._generation:
                return
            self._listings[bucket, prefix] = self._clock(), [entry.copy() for entry in entries]
            self._listings.move_to_end((bucket, prefix))
            if self._max_paths is not None and len(self._listings) > self._max_paths:
                self._listings.popitem(last=False)

    def forget(self, bucket: str, key: str) -> None:
        """Drop the listings that a change of this key makes untrue: those of the directories above it.

        A new key may make new directories, so that each of them counts; others stay.
        """
        if not self._enabled:
            return
        with self._lock:
            self._generation += 1
            end = len(key)
            while (end := key.rfind("/", 0, end)) >= 0:
                self._listings.pop((bucket, key[: end + 1]), None)
            self._listings.pop((bucket, ""), None)

    def forget_all(self, bucket: str, keys: Iterable[str]) -> None:
        """Do what `forget` does, for many keys."""
        if self._enabled:
            for key in keys:
                self.forget(bucket, key)

    @contextmanager
    def changing(self, bucket: str, key: str) -> Iterator[None]:
        """Do what `forget` does when the block ends, however it does: a write that failed may have happened."""
        try:
            yield
        finally:
            self.forget(bucket, key)

    def forget_below(self, bucket: str, prefix: str) -> None:
        """Drop the listings of a directory, of all below it and of those above it; of a whole bucket if it is empty."""
        if not self._enabled:
            return
        with self._lock:
            for known in [name for name in self._listings if name[0] == bucket and name[1].startswith(prefix)]:
                del self._listings[known]
        self.forget(bucket, prefix)

    def clear(self) -> None:
        """Drop all."""
        with self._lock:
            self._generation += 1
            self._listings.clear()
