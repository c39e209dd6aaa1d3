"""The two faces: `AioS3FileSystem` for asyncio, and `S3FileSystem` for code without an event loop.

Both are fsspec filesystems over one engine (`pyathena.filesystem.engine`) and one seam (`pyathena.transport`).
boto3 is imported only when no transport was given.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast, overload

from fsspec.asyn import AsyncFileSystem, get_loop, reset_lock
from fsspec.spec import AbstractFileSystem
from typing_extensions import Unpack, override

from pyathena.filesystem.compression import AioS3CompressedFile, S3CompressedFile, S3OpenCompressedFile
from pyathena.filesystem.face import Path
from pyathena.filesystem.handles import AioS3File, S3File, S3OpenFile
from pyathena.filesystem.mirrors import MirroredFace
from pyathena.filesystem.opening import AnyAioFile, AnyFile, AnyOpenFile, BinaryMode, TextMode
from pyathena.filesystem.settings import FileSystemOptions
from pyathena.filesystem.text import AioS3TextFile, S3OpenTextFile, S3TextFile
from pyathena.filesystem.writing import ABORT_SECONDS
from pyathena.runtime import AsyncioRuntime, ThreadRuntime, drive
from pyathena.transport.protocol import ConnectionLike, S3Transport

if TYPE_CHECKING:
    from fsspec.spec import _Cached as FsspecInstanceCache

    from pyathena.transport.boto3 import BlockingBoto3Transport, S3ClientLike, ThreadedBoto3Transport
else:
    FsspecInstanceCache = type(AbstractFileSystem)  # which has no public name

__all__ = [
    "AioS3CompressedFile",
    "AioS3File",
    "AioS3FileSystem",
    "AioS3TextFile",
    "S3CompressedFile",
    "S3File",
    "S3FileSystem",
    "S3OpenCompressedFile",
    "S3OpenFile",
    "S3OpenTextFile",
    "S3TextFile",
]

T = TypeVar("T")

if hasattr(os, "register_at_fork"):
    # Without it a forked child waits for an event loop that only its parent runs (fsspec before 2025.3.1), or a lock.
    os.register_at_fork(after_in_child=reset_lock)

_LIVE: Final = ("connection", "transport", "client", "loop", "on_request")
"""Arguments that are live objects."""


class _InstanceCache(FsspecInstanceCache):
    """fsspec's instance cache, but for instances that hold a live object, and for those that were closed.

    fsspec tells instances apart by the ``str`` of their arguments. Two connections, transports or event loops may look
    alike, or one may get the address of another that is gone.
    """

    @override
    def __call__(cls: type[T], *args: Any, **kwargs: Any) -> T:  # noqa: N805 - a metaclass
        # What is said to be returned is what pyright takes instances for.
        make: Callable[..., Any] = super().__call__  # type: ignore[misc]  # mypy wants a cls without a type of its own
        if args or any(kwargs.get(name) is not None for name in _LIVE):
            kwargs["skip_instance_cache"] = True
        instance = make(*args, **kwargs)
        if instance.closed:
            kwargs["skip_instance_cache"] = True
            instance = make(*args, **kwargs)
        return cast("T", instance)


class AioS3FileSystem(MirroredFace, AsyncFileSystem, metaclass=_InstanceCache):
    """Amazon S3 for asyncio, as an fsspec filesystem.

    Every method exists as a coroutine with a leading underscore (``await fs._cat_file(…)``), as fsspec has it, and
    without one for synchronous code, which runs it on fsspec's own event loop. `open` returns a file for both: ``async
    with`` and ``with``.

    Args:
        connection: a connection to Athena, or any `ConnectionLike`, whose session, region and S3 endpoint are used.
        transport: how S3 is reached; whoever made it closes it. Leave out all options that say the same.
        client: a boto3 client for S3, used as it is.
        asynchronous: the filesystem is used from coroutines only; synchronous calls raise `RuntimeError`.
        loop: the event loop for synchronous calls; fsspec's own if None.
        batch_size: fsspec's limit for its own batches of coroutines.
        **options: see `FileSystemOptions`, and `ConnectOptions` for how to reach S3.

    Raises:
        TypeError: an option is unknown.
        ValueError: options that contradict each other, or are out of their bounds.
    """

    def __init__(
        self,
        connection: ConnectionLike | None = None,
        *,
        transport: S3Transport | None = None,
        client: S3ClientLike | None = None,
        asynchronous: bool = False,
        loop: asyncio.AbstractEventLoop | None = None,
        batch_size: int | None = None,
        **options: Unpack[FileSystemOptions],
    ) -> None:
        super().__init__(asynchronous=asynchronous, loop=loop, batch_size=batch_size)
        self._set_up(lambda _: AsyncioRuntime(), _threaded_transport, connection, transport, client, options)

    if TYPE_CHECKING:
        # fsspec's own, which has no types.
        @property
        @override
        def loop(self) -> asyncio.AbstractEventLoop: ...
        async def _size(self, path: Path) -> int: ...
        async def _sizes(self, paths: Sequence[Path], batch_size: int | None = None) -> list[int]: ...

    # --- files -----------------------------------------------------------------------------------

    @overload
    def open(
        self,
        path: Path,
        mode: BinaryMode = "rb",
        block_size: int | None = None,
        cache_options: dict[str, Any] | None = None,
        compression: None = None,
        **kwargs: Any,
    ) -> S3OpenFile: ...
    @overload
    def open(
        self,
        path: Path,
        mode: BinaryMode = "rb",
        block_size: int | None = None,
        cache_options: dict[str, Any] | None = None,
        *,
        compression: str | None,
        **kwargs: Any,
    ) -> S3OpenFile | S3OpenCompressedFile: ...
    @overload
    def open(
        self,
        path: Path,
        mode: TextMode,
        block_size: int | None = None,
        cache_options: dict[str, Any] | None = None,
        compression: str | None = None,
        *,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
        **kwargs: Any,
    ) -> S3OpenTextFile: ...
    @overload
    def open(
        self,
        path: Path,
        mode: str,
        block_size: int | None = None,
        cache_options: dict[str, Any] | None = None,
        compression: str | None = None,
        *,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
        **kwargs: Any,
    ) -> AnyOpenFile: ...
    @override
    def open(
        self,
        path: Path,
        mode: str = "rb",
        block_size: int | None = None,
        cache_options: dict[str, Any] | None = None,
        compression: str | None = None,
        **kwargs: Any,
    ) -> AnyOpenFile:
        """Open an object, for ``async with`` or for ``with``.

        Without a running event loop the object is opened here; with one, or with ``asynchronous=True``, nothing is sent
        before ``async with`` or the first use.

        Args:
            path: ``s3://bucket/key``.
            mode: ``r`` to read, ``w`` to write, ``x`` to write only where no object is; with ``b`` for bytes, or with
                ``t`` or nothing for text.
            block_size: bytes of a range (1 or more), or of a part (5 MiB or more); the filesystem's if None.
            cache_options: arguments of the cache that ``cache_type`` names.
            compression: a name that fsspec knows, or ``infer`` for what the path's ending says. ``async with`` knows
                gzip, bz2, xz and lzma.
            **kwargs: for text, ``encoding`` (UTF-8 unless it is said, whatever the locale), ``errors`` and ``newline``
                as for `io.open`; ``cache_type``, one of fsspec's caches for synchronous reading; ``size``, the object's
                bytes if they are known; and, for writing, fields of S3's requests by their names (``ContentType=…``).

        Raises:
            FileNotFoundError: the object is not there.
            FileExistsError: mode is ``xb`` and it is there.
            ValueError: the mode or compression is unknown, or an argument out of its bounds.
            LookupError: the encoding is unknown.
        """
        cache_type = kwargs.pop("cache_type", self._default_cache_type)
        opening, core = self._core(path, mode, block_size, compression, kwargs)
        if not self.asynchronous and not _running_loop():
            self._run(core.open)
        return opening.over_open_file(
            S3OpenFile(
                self, core.ref, opening.mode, core, self._run, cache_type=cache_type, cache_options=cache_options
            )
        )

    @overload
    async def open_async(
        self,
        path: Path,
        mode: BinaryMode = "rb",
        *,
        block_size: int | None = None,
        compression: None = None,
        **kwargs: Any,
    ) -> AioS3File: ...
    @overload
    async def open_async(
        self,
        path: Path,
        mode: BinaryMode = "rb",
        *,
        block_size: int | None = None,
        compression: str | None,
        **kwargs: Any,
    ) -> AioS3File | AioS3CompressedFile: ...
    @overload
    async def open_async(
        self,
        path: Path,
        mode: TextMode,
        *,
        block_size: int | None = None,
        compression: str | None = None,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
        **kwargs: Any,
    ) -> AioS3TextFile: ...
    @overload
    async def open_async(
        self,
        path: Path,
        mode: str,
        *,
        block_size: int | None = None,
        compression: str | None = None,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
        **kwargs: Any,
    ) -> AnyAioFile: ...
    @override
    async def open_async(
        self,
        path: Path,
        mode: str = "rb",
        *,
        block_size: int | None = None,
        compression: str | None = None,
        **kwargs: Any,
    ) -> AnyAioFile:
        """Open an object and return its asynchronous handle. Arguments and errors are those of `open`."""
        self._refuse_in_synchronous_transaction()
        opening, core = self._core(path, mode, block_size, compression, kwargs)
        opening.require_async()
        await core.open()
        return opening.over_handle(AioS3File(core.ref, opening.mode, core))

    @override
    def _run(self, function: Callable[..., Awaitable[T]], *args: Any, **kwargs: Any) -> T:
        """Run a coroutine function on fsspec's loop for a synchronous caller."""
        if self.asynchronous:
            raise RuntimeError("the filesystem was made with asynchronous=True: use async with, or its coroutines")
        # fsspec's own loop is another one in a forked child.
        loop = self._loop if self._pid == os.getpid() else get_loop()
        if _running_loop() is loop:
            raise RuntimeError("a synchronous call would block the very event loop that is to serve it: use async with")
        begun: list[asyncio.Task[Any] | None] = []
        ended = threading.Event()

        async def step() -> T:
            begun.append(asyncio.current_task())
            try:
                return await function(*args, **kwargs)
            finally:
                ended.set()

        def stop(looks: int = 10) -> None:
            if begun and begun[0] is not None:
                begun[0].cancel()
            elif looks:
                loop.call_later(0.01, stop, looks - 1)  # it is just about to begin, if it does at all

        try:
            return asyncio.run_coroutine_threadsafe(step(), loop).result()
        except KeyboardInterrupt:
            # What it has begun, such as an upload, is ended in order; a second Ctrl-C does not wait for that.
            if not ended.is_set():
                loop.call_soon_threadsafe(stop)
                ended.wait(2 * ABORT_SECONDS)
            raise

    @override
    def _open(
        self,
        path: Path,
        mode: str = "rb",
        block_size: int | None = None,
        autocommit: bool = True,
        cache_options: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> S3OpenFile:
        """Open an object in binary mode, for what fsspec builds on that."""
        file = self.open(
            path, mode, block_size=block_size, autocommit=autocommit, cache_options=cache_options, **kwargs
        )
        assert isinstance(file, S3OpenFile)
        return file

    @override
    def _refuse_to_block(self) -> None:
        if not self.transaction.asynchronous and _running_loop() is not self._loop:
            raise RuntimeError("a coroutine in a synchronous transaction: use `async with fs.transaction`")

    # --- the end ---------------------------------------------------------------------------------

    async def aclose(self) -> None:
        """Release the threads and connections of the filesystem's own transport. Idempotent."""
        self.closed = True
        self._engine.runtime.close()
        if self._owned is not None:
            await self._owned.aclose()

    def close(self) -> None:
        """Do what `aclose` does, for synchronous code."""
        self._run(self.aclose)


class S3FileSystem(MirroredFace, AbstractFileSystem, metaclass=_InstanceCache):
    """Amazon S3 for code without an event loop, as an fsspec filesystem.

    Requests run in the calling thread, parallel steps in threads of its own; no event loop is started, and a forked
    child may go on using it.

    Args are those of `AioS3FileSystem`, without ``asynchronous``, ``loop`` and ``batch_size``. A ``transport`` must be
    one that never suspends: `BlockingBoto3Transport`, `InMemoryTransport`.
    """

    def __init__(
        self,
        connection: ConnectionLike | None = None,
        *,
        transport: S3Transport | None = None,
        client: S3ClientLike | None = None,
        **options: Unpack[FileSystemOptions],
    ) -> None:
        super().__init__()
        self._set_up(ThreadRuntime, _blocking_transport, connection, transport, client, options)

    @overload
    def open(
        self,
        path: Path,
        mode: BinaryMode = "rb",
        block_size: int | None = None,
        cache_options: dict[str, Any] | None = None,
        compression: None = None,
        **kwargs: Any,
    ) -> S3File: ...
    @overload
    def open(
        self,
        path: Path,
        mode: BinaryMode = "rb",
        block_size: int | None = None,
        cache_options: dict[str, Any] | None = None,
        *,
        compression: str | None,
        **kwargs: Any,
    ) -> S3File | S3CompressedFile: ...
    @overload
    def open(
        self,
        path: Path,
        mode: TextMode,
        block_size: int | None = None,
        cache_options: dict[str, Any] | None = None,
        compression: str | None = None,
        *,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
        **kwargs: Any,
    ) -> S3TextFile: ...
    @overload
    def open(
        self,
        path: Path,
        mode: str,
        block_size: int | None = None,
        cache_options: dict[str, Any] | None = None,
        compression: str | None = None,
        *,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
        **kwargs: Any,
    ) -> AnyFile: ...
    @override
    def open(
        self,
        path: Path,
        mode: str = "rb",
        block_size: int | None = None,
        cache_options: dict[str, Any] | None = None,
        compression: str | None = None,
        **kwargs: Any,
    ) -> AnyFile:
        """Open an object. Arguments and errors are those of `AioS3FileSystem.open`."""
        cache_type = kwargs.pop("cache_type", self._default_cache_type)
        opening, core = self._core(path, mode, block_size, compression, kwargs)
        self._run(core.open)
        return opening.over_file(
            S3File(self, core.ref, opening.mode, core, self._run, cache_type=cache_type, cache_options=cache_options)
        )

    @override
    def _run(self, function: Callable[..., Awaitable[T]], *args: Any, **kwargs: Any) -> T:
        return drive(cast("Coroutine[Any, Any, T]", function(*args, **kwargs)))

    @override
    def _open(
        self,
        path: Path,
        mode: str = "rb",
        block_size: int | None = None,
        autocommit: bool = True,
        cache_options: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> S3File:
        """Open an object in binary mode, for what fsspec builds on that."""
        file = self.open(
            path, mode, block_size=block_size, autocommit=autocommit, cache_options=cache_options, **kwargs
        )
        assert isinstance(file, S3File)
        return file

    def close(self) -> None:
        """Release the threads, and the connections of the filesystem's own transport. Idempotent."""
        self.closed = True
        self._engine.runtime.close()
        if self._owned is not None:
            drive(self._owned.aclose())


def _threaded_transport(*args: Any, **kwargs: Any) -> ThreadedBoto3Transport:
    from pyathena.transport.boto3 import ThreadedBoto3Transport

    return ThreadedBoto3Transport(*args, **kwargs)


def _blocking_transport(*args: Any, **kwargs: Any) -> BlockingBoto3Transport:
    from pyathena.transport.boto3 import BlockingBoto3Transport

    return BlockingBoto3Transport(*args, **kwargs)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
