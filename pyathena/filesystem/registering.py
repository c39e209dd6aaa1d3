"""``s3://`` for fsspec, and so for pandas, dask and zarr: taken over by `register`, and given back.

Importing registers nothing. ``pyathena-s3://`` and ``pyathena-s3-sync://`` are known to fsspec wherever the package is
installed, by its entry points: they need neither an import nor `register`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from fsspec.registry import _registry, register_implementation, registry

from pyathena.filesystem.paths import PROTOCOLS
from pyathena.filesystem.s3 import AioS3FileSystem

if TYPE_CHECKING:
    from pyathena.filesystem.s3 import S3FileSystem

__all__ = ["Registration", "register"]

_LOCK: Final = threading.Lock()


class Registration:
    """What `register` changed in fsspec's registry. Undo it by `unregister`, or by leaving a ``with`` block."""

    def __init__(self, filesystem: type[AioS3FileSystem | S3FileSystem], protocols: Iterable[str]) -> None:
        self.filesystem = filesystem
        self._replaced: dict[str, type | None] = {}
        with _LOCK:
            for protocol in protocols:
                before = registry.get(protocol)
                if before is not filesystem:
                    register_implementation(protocol, filesystem, clobber=True)
                    self._replaced[protocol] = before

    def unregister(self) -> None:
        """Give each protocol back to whoever had it before. Filesystems that were made meanwhile go on working.

        Raises:
            RuntimeError: somebody else has registered a protocol since, and keeps it. The others are given back.
        """
        with _LOCK:
            taken: dict[str, type | None] = {}
            while self._replaced:
                protocol, before = self._replaced.popitem()
                now = registry.get(protocol)
                if now is not self.filesystem:
                    taken[protocol] = now
                elif before is None:
                    del _registry[protocol]  # fsspec has no public way to take one out
                else:
                    register_implementation(protocol, before, clobber=True)
        if taken:
            told = ", ".join(f"{protocol}:// ({now and now.__qualname__})" for protocol, now in taken.items())
            raise RuntimeError(
                f"{told} was registered anew since {self.filesystem.__qualname__} was, and stays as it is: undo what "
                "was registered last first"
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.unregister()


def register(
    filesystem: type[AioS3FileSystem | S3FileSystem] = AioS3FileSystem,
    *,
    protocols: Iterable[str] = ("s3", "s3a"),
) -> Registration:
    """Let fsspec open ``s3://`` and ``s3a://`` by a filesystem of ours, in this process.

    The default is `AioS3FileSystem`, which serves both: synchronous code (pandas, dask), on fsspec's own event loop as
    s3fs does, and libraries that want an asynchronous filesystem (zarr, fsspec's references). `S3FileSystem` is for
    processes that must not have such a loop.

    Filesystems that exist already stay what they are. A process that is spawned registers for itself.

    Args:
        filesystem: `AioS3FileSystem`, `S3FileSystem`, or a class derived from one of them.
        protocols: which, of those that our paths may begin with.

    Returns:
        What undoes it. A protocol that is registered so already is left alone by it, also when it is undone.

    Raises:
        ValueError: a protocol is none of ours.

    Example:
        >>> import fsspec
        >>> with register():
        ...     fsspec.get_filesystem_class("s3").__name__
        'AioS3FileSystem'
    """
    asked = tuple(protocols)
    for protocol in asked:
        if protocol not in PROTOCOLS:
            raise ValueError(f"protocols= are some of {', '.join(PROTOCOLS)}, got {protocol!r}")
    return Registration(filesystem, asked)
