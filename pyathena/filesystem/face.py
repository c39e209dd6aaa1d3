"""What both faces have in common: what their constructors take, and every operation, as a coroutine.

`pyathena.filesystem.s3` makes two filesystems of it, which differ in how a coroutine is run for synchronous code.
"""

from __future__ import annotations

import inspect
import os
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, TypeVar, overload

from typing_extensions import Buffer

from pyathena.filesystem.engine import DEFAULT_BLOCK_SIZE, S3Engine
from pyathena.filesystem.listing import Entry
from pyathena.filesystem.options import put_options, refuse_unknown
from pyathena.filesystem.paths import PROTOCOLS, object_ref, strip_protocol
from pyathena.filesystem.reading import RangeReader
from pyathena.filesystem.writing import PartWriter
from pyathena.runtime import Runtime
from pyathena.transport.protocol import ConnectionLike, S3Transport
from pyathena.transport.values import ConnectOptions

if TYPE_CHECKING:
    from pyathena.transport.boto3 import BlockingBoto3Transport, S3ClientLike, ThreadedBoto3Transport

__all__ = ["MODES", "Face", "Path"]

T = TypeVar("T")

Path: TypeAlias = "str | os.PathLike[str]"

MODES: Final = ("rb", "wb", "xb")
"""The binary modes of `open`."""

_DEFAULT_MAX_CONCURRENCY: Final = 64


class Face:
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
        if mode not in MODES:
            raise ValueError(f"mode is one of {', '.join(map(repr, MODES))}, got {mode!r}")
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

    def method(self: Face, *args: Any, **kwargs: Any) -> Any:
        return self._run(getattr(self, f"_{name}"), *args, **kwargs)

    coroutine = getattr(Face, f"_{name}")
    method.__name__ = name
    method.__qualname__ = f"{Face.__name__}.{name}"
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
    setattr(Face, _name, _mirror(_name))


def _names_or_all(entries: list[Entry], *, detail: bool) -> list[Entry] | list[str]:
    return entries if detail else [entry["name"] for entry in entries]


def _for_each(bounds: Sequence[int | None] | int | None, paths: Sequence[Path]) -> Sequence[int | None]:
    return [bounds] * len(paths) if bounds is None or isinstance(bounds, int) else bounds


def _strip_each(path: Path | Sequence[Path]) -> list[str]:
    each = [path] if isinstance(path, (str, os.PathLike)) else path
    return [strip_protocol(one) for one in each]
