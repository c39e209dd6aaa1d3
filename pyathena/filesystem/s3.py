"""The two faces: `AioS3FileSystem` for asyncio, and `S3FileSystem` for code without an event loop.

Both are fsspec filesystems over one engine (`pyathena.filesystem.engine`) and one seam (`pyathena.transport`).
boto3 is imported only when no transport was given.
"""

from __future__ import annotations

import asyncio
import inspect
import os
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, TypeVar, cast, overload

from fsspec.asyn import AsyncFileSystem
from fsspec.spec import AbstractFileSystem
from typing_extensions import Buffer, Unpack, override

from pyathena.filesystem.engine import DEFAULT_BLOCK_SIZE, S3Engine
from pyathena.filesystem.handles import AioS3File, S3File, S3OpenFile
from pyathena.filesystem.listing import Entry
from pyathena.filesystem.options import put_options, refuse_unknown
from pyathena.filesystem.paths import PROTOCOLS, object_ref, strip_protocol
from pyathena.filesystem.reading import RangeReader
from pyathena.filesystem.writing import PartWriter
from pyathena.runtime import AsyncioRuntime, Runtime, ThreadRuntime, drive
from pyathena.transport.protocol import ConnectionLike, S3Transport
from pyathena.transport.values import ConnectOptions

if TYPE_CHECKING:
    from pyathena.transport.boto3 import BlockingBoto3Transport, S3ClientLike, ThreadedBoto3Transport

__all__ = ["AioS3File", "AioS3FileSystem", "S3File", "S3FileSystem", "S3OpenFile"]

T = TypeVar("T")

Path: TypeAlias = "str | os.PathLike[str]"
BinaryMode: TypeAlias = Literal["rb", "wb", "xb"]

_MODES: Final = ("rb", "wb", "xb")
_DEFAULT_MAX_CONCURRENCY: Final = 64


class _InstanceCache(type(AbstractFileSystem)):  # type: ignore[misc]  # fsspec's metaclass, which has no public name
    """fsspec's instance cache, but for instances that hold a live object, and for those that were closed.

    fsspec tells instances apart by the ``str`` of their arguments. Two connections or transports may look alike, or one
    may get the address of another that is gone.
    """

    @override
    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        if args or any(kwargs.get(name) is not None for name in ("connection", "transport", "client")):
            kwargs["skip_instance_cache"] = True
        instance = super().__call__(*args, **kwargs)
        if instance.closed:
            kwargs["skip_instance_cache"] = True
            instance = super().__call__(*args, **kwargs)
        return instance


class _Face:
    """What both faces have in common: what their constructors take, and every operation, as a coroutine."""

    protocol: str | tuple[str, ...] = PROTOCOLS
    root_marker = ""
    _engine: S3Engine
    _owned: S3Transport | None

    def _set_up(
        self,
        make_runtime: Callable[[int], Runtime],
        make_transport: Callable[..., ThreadedBoto3Transport | BlockingBoto3Transport],
        *,
        connection: ConnectionLike | None,
        transport: S3Transport | None,
        client: S3ClientLike | None,
        max_concurrency: int | None,
        default_block_size: int | None,
        allow_bucket_creation: bool,
        requester_pays: bool,
        options: ConnectOptions,
    ) -> None:
        """Make the engine, and the transport if none was given."""
        if max_concurrency is not None and max_concurrency < 1:
            raise ValueError(f"max_concurrency is 1 or more requests in flight, got {max_concurrency}")
        if transport is None:
            made = make_transport(
                connection, client=client, max_concurrency=max_concurrency, requester_pays=requester_pays, **options
            )
            self._owned, transport, limit = made, made, made.max_concurrency
        else:
            beside = {"connection": connection, "client": client, "requester_pays": requester_pays, **options}
            said = ", ".join(f"{name}=" for name, value in beside.items() if value)
            if said:
                raise ValueError(f"transport= says how S3 is reached; leave out {said}, or leave out transport=")
            self._owned = None
            limit = max_concurrency or _DEFAULT_MAX_CONCURRENCY
        self._engine = S3Engine(
            transport,
            make_runtime(limit),
            max_concurrency=limit,
            block_size=DEFAULT_BLOCK_SIZE if default_block_size is None else default_block_size,
            allow_bucket_creation=allow_bucket_creation,
        )
        self.closed = False

    @property
    def transport(self) -> S3Transport:
        """The transport that requests go through."""
        return self._engine.transport

    @abstractmethod
    def _run(self, function: Callable[..., Awaitable[T]], *args: Any, **kwargs: Any) -> T:
        """Run a coroutine function to its end for a caller that is not a coroutine."""

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        if isinstance(path, list):
            return [cls._strip_protocol(each) for each in path]
        return strip_protocol(path).rstrip("/")

    def _core(
        self, path: Path, mode: str, block_size: int | None, compression: str | None, arguments: dict[str, Any]
    ) -> RangeReader | PartWriter:
        """Return what reads or writes; ``arguments`` are those of `open` that are the core's."""
        if mode not in _MODES:
            raise ValueError(f"mode is one of {', '.join(map(repr, _MODES))}, got {mode!r}")
        if compression is not None:
            raise ValueError(f"compression is not supported yet, got {compression!r}; leave it out")
        size = arguments.pop("size", None)
        if size is not None and size < 0:
            raise ValueError(f"size is a number of bytes, 0 or more, got {size}")
        ref = object_ref(path)
        if mode == "rb":
            refuse_unknown(arguments, "open()")
            return self._engine.reader(ref, block_size=block_size, size=size)
        options = put_options(arguments, "open()")
        return self._engine.writer(ref, block_size=block_size, size=size, exclusive=mode == "xb", options=options)

    # --- the operations, as coroutines -----------------------------------------------------------

    async def _info(self, path: Path, **kwargs: Any) -> Entry:
        refuse_unknown(kwargs, "info()")
        return await self._engine.info(strip_protocol(path))

    async def _exists(self, path: Path, **kwargs: Any) -> bool:
        refuse_unknown(kwargs, "exists()")
        return await self._engine.exists(strip_protocol(path))

    async def _ls(self, path: Path, detail: bool = False, **kwargs: Any) -> list[Entry] | list[str]:
        refuse_unknown(kwargs, "ls()")
        entries = await self._engine.list_directory(strip_protocol(path))
        return _names_or_all(entries, detail=detail)

    async def _find(
        self,
        path: Path,
        maxdepth: int | None = None,
        withdirs: bool = False,
        detail: bool = False,
        *,
        prefix: str = "",
        **kwargs: Any,
    ) -> dict[str, Entry] | list[str]:
        refuse_unknown(kwargs, "find()")
        entries = await self._engine.find(strip_protocol(path), maxdepth=maxdepth, withdirs=withdirs, prefix=prefix)
        return entries if detail else list(entries)

    async def _cat_file(self, path: Path, start: int | None = None, end: int | None = None, **kwargs: Any) -> bytes:
        refuse_unknown(kwargs, "cat_file()")
        return await self._engine.read(strip_protocol(path), start, end)

    async def _cat_ranges(
        self,
        paths: Sequence[Path],
        starts: Sequence[int | None] | int | None,
        ends: Sequence[int | None] | int | None,
        max_gap: int | None = None,
        batch_size: int | None = None,
        on_error: Literal["return", "raise"] = "return",
        **kwargs: Any,
    ) -> list[bytes | Exception]:
        refuse_unknown(kwargs, "cat_ranges()")
        results = await self._engine.read_ranges(
            _strip_each(paths),
            _for_each(starts, paths),
            _for_each(ends, paths),
            max_gap=max_gap,
            max_concurrency=batch_size,
        )
        if on_error == "raise":
            for result in results:
                if isinstance(result, Exception):
                    raise result
        return results

    async def _pipe_file(
        self, path: Path, value: Buffer, mode: Literal["overwrite", "create"] = "overwrite", **kwargs: Any
    ) -> None:
        options = put_options(kwargs, "pipe_file()")
        await self._engine.write(strip_protocol(path), value, mode=mode, options=options)

    async def _rm_file(self, path: Path, **kwargs: Any) -> None:
        refuse_unknown(kwargs, "rm_file()")
        await self._engine.remove([strip_protocol(path)])

    async def _rm(
        self,
        path: Path | Sequence[Path],
        recursive: bool = False,
        batch_size: int | None = None,
        maxdepth: int | None = None,
        **kwargs: Any,
    ) -> list[str]:
        refuse_unknown(kwargs, "rm()")
        return await self._engine.remove(_strip_each(path), recursive=recursive, maxdepth=maxdepth)

    async def _mkdir(
        self,
        path: Path,
        create_parents: bool = True,
        *,
        acl: str | None = None,
        region_name: str | None = None,
        **kwargs: Any,
    ) -> None:
        refuse_unknown(kwargs, "mkdir()")
        await self._engine.make_directory(strip_protocol(path), acl=acl, region=region_name)

    async def _makedirs(self, path: Path, exist_ok: bool = False) -> None:
        await self._engine.make_directories(strip_protocol(path), exist_ok=exist_ok)

    if TYPE_CHECKING:
        # Made of the coroutines above: see `_mirror`.
        def info(self, path: Path, **kwargs: Any) -> Entry: ...
        def exists(self, path: Path, **kwargs: Any) -> bool: ...
        @overload
        def ls(self, path: Path, detail: Literal[False] = False, **kwargs: Any) -> list[str]: ...
        @overload
        def ls(self, path: Path, detail: Literal[True], **kwargs: Any) -> list[Entry]: ...
        @overload
        def ls(self, path: Path, detail: bool, **kwargs: Any) -> list[Entry] | list[str]: ...
        def ls(self, path: Path, detail: bool = False, **kwargs: Any) -> list[Entry] | list[str]: ...
        def cat_file(self, path: Path, start: int | None = None, end: int | None = None, **kwargs: Any) -> bytes: ...
        def cat_ranges(
            self,
            paths: Sequence[Path],
            starts: Sequence[int | None] | int | None,
            ends: Sequence[int | None] | int | None,
            max_gap: int | None = None,
            batch_size: int | None = None,
            on_error: Literal["return", "raise"] = "return",
        ) -> list[bytes | Exception]: ...
        def pipe_file(
            self, path: Path, value: Buffer, mode: Literal["overwrite", "create"] = "overwrite", **kwargs: Any
        ) -> None: ...
        def rm_file(self, path: Path) -> None: ...
        def rm(
            self, path: Path | Sequence[Path], recursive: bool = False, maxdepth: int | None = None
        ) -> list[str]: ...
        @overload
        def find(
            self,
            path: Path,
            maxdepth: int | None = None,
            withdirs: bool = False,
            *,
            detail: Literal[False] = False,
            prefix: str = "",
        ) -> list[str]: ...
        @overload
        def find(
            self,
            path: Path,
            maxdepth: int | None = None,
            withdirs: bool = False,
            *,
            detail: Literal[True],
            prefix: str = "",
        ) -> dict[str, Entry]: ...
        def find(self, *args: Any, **kwargs: Any) -> Any: ...
        def makedirs(self, path: Path, exist_ok: bool = False) -> None: ...
        def mkdir(
            self,
            path: Path,
            create_parents: bool = True,
            *,
            acl: str | None = None,
            region_name: str | None = None,
        ) -> None: ...


def _mirror(name: str) -> Callable[..., Any]:
    """Make the synchronous method of a coroutine method.

    fsspec would make one too, for each instance, but its way to wait turns a `CancelledError` into the result None.
    """

    def method(self: _Face, *args: Any, **kwargs: Any) -> Any:
        return self._run(getattr(self, f"_{name}"), *args, **kwargs)

    coroutine = getattr(_Face, f"_{name}")
    method.__name__ = name
    method.__qualname__ = f"{_Face.__name__}.{name}"
    method.__doc__ = coroutine.__doc__
    method.__signature__ = inspect.signature(coroutine)  # type: ignore[attr-defined]  # PEP 362 lets one set it
    return method


for _name in (
    "info",
    "exists",
    "ls",
    "find",
    "cat_file",
    "cat_ranges",
    "pipe_file",
    "rm_file",
    "rm",
    "mkdir",
    "makedirs",
):
    setattr(_Face, _name, _mirror(_name))


class AioS3FileSystem(_Face, AsyncFileSystem, metaclass=_InstanceCache):
    """Amazon S3 for asyncio, as an fsspec filesystem.

    Every method exists as a coroutine with a leading underscore (``await fs._cat_file(…)``), as fsspec has it, and
    without one for synchronous code, which runs it on fsspec's own event loop. `open` returns a file for both: ``async
    with`` and ``with``.

    Args:
        connection: a connection to Athena, or any `ConnectionLike`, whose session, region and S3 endpoint are used.
        transport: how S3 is reached; whoever made it closes it. Leave out all options that say the same.
        client: a boto3 client for S3, used as it is.
        max_concurrency: most requests in flight, 1 or more; 64 if None.
        default_block_size: bytes of a range and of a part, 1 or more; 8 MiB if None. Parts have 5 MiB at least.
        allow_bucket_creation: whether `mkdir` may create buckets.
        requester_pays: pay for requests to buckets whose owner wants that.
        asynchronous: the filesystem is used from coroutines only; synchronous calls raise `RuntimeError`.
        loop: the event loop for synchronous calls; fsspec's own if None.
        batch_size: fsspec's limit for its own batches of coroutines.
        **options: how to reach S3: see `ConnectOptions`.

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
        max_concurrency: int | None = None,
        default_block_size: int | None = None,
        allow_bucket_creation: bool = False,
        requester_pays: bool = False,
        asynchronous: bool = False,
        loop: asyncio.AbstractEventLoop | None = None,
        batch_size: int | None = None,
        **options: Unpack[ConnectOptions],
    ) -> None:
        super().__init__(asynchronous=asynchronous, loop=loop, batch_size=batch_size)
        self._set_up(
            lambda _: AsyncioRuntime(),
            _threaded_transport,
            connection=connection,
            transport=transport,
            client=client,
            max_concurrency=max_concurrency,
            default_block_size=default_block_size,
            allow_bucket_creation=allow_bucket_creation,
            requester_pays=requester_pays,
            options=options,
        )

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
        mode: str,
        block_size: int | None = None,
        cache_options: dict[str, Any] | None = None,
        compression: str | None = None,
        **kwargs: Any,
    ) -> S3OpenFile: ...

    @override
    def open(
        self,
        path: Path,
        mode: str = "rb",
        block_size: int | None = None,
        cache_options: dict[str, Any] | None = None,
        compression: str | None = None,
        **kwargs: Any,
    ) -> S3OpenFile:
        """Open an object, for ``async with`` or for ``with``.

        Without a running event loop the object is opened here; with one, or with ``asynchronous=True``, nothing is sent
        before ``async with`` or the first use.

        Args:
            path: ``s3://bucket/key``.
            mode: ``rb``; ``wb``; or ``xb``, which writes only where no object is.
            block_size: bytes of a range (1 or more), or of a part (5 MiB or more); the filesystem's if None.
            cache_options: arguments of the cache that ``cache_type`` names.
            compression: not supported yet.
            **kwargs: ``cache_type``, one of fsspec's caches for synchronous reading; ``size``, the object's bytes if
                they are known; and, for writing, fields of S3's requests by their names (``ContentType=…``).

        Raises:
            FileNotFoundError: the object is not there.
            FileExistsError: mode is ``xb`` and it is there.
            ValueError: the mode is unknown, or an argument out of its bounds.
        """
        cache_type = kwargs.pop("cache_type", None)
        core = self._core(path, mode, block_size, compression, kwargs)
        if not self.asynchronous and not _running_loop():
            self._run(core.open)
        return S3OpenFile(
            self, object_ref(path), mode, core, self._run, cache_type=cache_type, cache_options=cache_options
        )

    @override
    async def open_async(
        self, path: Path, mode: str = "rb", *, block_size: int | None = None, **kwargs: Any
    ) -> AioS3File:
        """Open an object and return its asynchronous handle. Arguments and errors are those of `open`."""
        core = self._core(path, mode, block_size, None, kwargs)
        await core.open()
        return AioS3File(object_ref(path), mode, core)

    @override
    def _run(self, function: Callable[..., Awaitable[T]], *args: Any, **kwargs: Any) -> T:
        """Run a coroutine function on fsspec's loop for a synchronous caller."""
        if self.asynchronous:
            raise RuntimeError("the filesystem was made with asynchronous=True: use async with, or its coroutines")
        loop = self.loop
        if _running_loop() is loop:
            raise RuntimeError("a synchronous call would block the very event loop that is to serve it: use async with")
        step = cast("Coroutine[Any, Any, T]", function(*args, **kwargs))
        future = asyncio.run_coroutine_threadsafe(step, loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()  # a KeyboardInterrupt while waiting; otherwise it has ended
            raise

    # --- the end ---------------------------------------------------------------------------------

    async def aclose(self) -> None:
        """Release the threads and connections of the filesystem's own transport. Idempotent."""
        self.closed = True
        if self._owned is not None:
            await self._owned.aclose()

    def close(self) -> None:
        """Do what `aclose` does, for synchronous code."""
        self._run(self.aclose)


class S3FileSystem(_Face, AbstractFileSystem, metaclass=_InstanceCache):
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
        max_concurrency: int | None = None,
        default_block_size: int | None = None,
        allow_bucket_creation: bool = False,
        requester_pays: bool = False,
        **options: Unpack[ConnectOptions],
    ) -> None:
        super().__init__()
        self._set_up(
            ThreadRuntime,
            _blocking_transport,
            connection=connection,
            transport=transport,
            client=client,
            max_concurrency=max_concurrency,
            default_block_size=default_block_size,
            allow_bucket_creation=allow_bucket_creation,
            requester_pays=requester_pays,
            options=options,
        )

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
        mode: str,
        block_size: int | None = None,
        cache_options: dict[str, Any] | None = None,
        compression: str | None = None,
        **kwargs: Any,
    ) -> S3File: ...
    @override
    def open(
        self,
        path: Path,
        mode: str = "rb",
        block_size: int | None = None,
        cache_options: dict[str, Any] | None = None,
        compression: str | None = None,
        **kwargs: Any,
    ) -> S3File:
        """Open an object. Arguments and errors are those of `AioS3FileSystem.open`."""
        cache_type = kwargs.pop("cache_type", None)
        core = self._core(path, mode, block_size, compression, kwargs)
        self._run(core.open)
        return S3File(self, object_ref(path), mode, core, self._run, cache_type=cache_type, cache_options=cache_options)

    @override
    def _run(self, function: Callable[..., Awaitable[T]], *args: Any, **kwargs: Any) -> T:
        return drive(cast("Coroutine[Any, Any, T]", function(*args, **kwargs)))

    def close(self) -> None:
        """Release the threads, and the connections of the filesystem's own transport. Idempotent."""
        self.closed = True
        cast("ThreadRuntime", self._engine.runtime).close()
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


def _names_or_all(entries: list[Entry], *, detail: bool) -> list[Entry] | list[str]:
    return entries if detail else [entry["name"] for entry in entries]


def _for_each(bounds: Sequence[int | None] | int | None, paths: Sequence[Path]) -> Sequence[int | None]:
    return [bounds] * len(paths) if bounds is None or isinstance(bounds, int) else bounds


def _strip_each(path: Path | Sequence[Path]) -> list[str]:
    each = [path] if isinstance(path, (str, os.PathLike)) else path
    return [strip_protocol(one) for one in each]
