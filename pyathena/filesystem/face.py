"""What both faces have in common: what their constructors take, and every operation, as a coroutine.

`pyathena.filesystem.s3` makes two filesystems of it, which differ in how a coroutine is run for synchronous code.
"""

from __future__ import annotations

import errno
import io
import os
import pickle
import posixpath
import re
from abc import abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, TypeVar, overload

from fsspec.callbacks import DEFAULT_CALLBACK, Callback
from fsspec.implementations.local import make_path_posix
from fsspec.utils import glob_translate
from typing_extensions import Buffer, TypeIs, override

from pyathena.filesystem import objects, transfer
from pyathena.filesystem.bulk import (
    check_pairs,
    files_of,
    has_magic,
    local_sources,
    make_room,
    pair,
    run_pairs,
)
from pyathena.filesystem.engine import S3Engine, as_prefix
from pyathena.filesystem.listing import Entry, directory_entry
from pyathena.filesystem.listings_cache import ListingsCache
from pyathena.filesystem.opening import Opening
from pyathena.filesystem.options import Arguments, refuse_unknown
from pyathena.filesystem.paths import PROTOCOLS, split, split_version, strip_protocol
from pyathena.filesystem.progress import Progress
from pyathena.filesystem.reading import RangeReader, find_behind
from pyathena.filesystem.settings import FileSystemOptions
from pyathena.filesystem.transaction import DeferredFile, S3Transaction
from pyathena.filesystem.writing import PartWriter
from pyathena.runtime import Runtime, run_all
from pyathena.transport.errors import S3NotFoundError
from pyathena.transport.observing import ObservingTransport
from pyathena.transport.protocol import ConnectionLike, PresignedOperation, S3Transport
from pyathena.transport.retrying import RetryingTransport, RetryPolicy
from pyathena.transport.values import ConnectOptions, MultipartUpload, ObjectRef, VersioningStatus

if TYPE_CHECKING:
    from pyathena.transport.boto3 import BlockingBoto3Transport, S3ClientLike, ThreadedBoto3Transport

__all__ = ["Face", "OnError", "Path"]

T = TypeVar("T")

Path: TypeAlias = "str | os.PathLike[str]"
OnError: TypeAlias = Literal["omit", "raise"] | Callable[[OSError], object]

_DEFAULT_MAX_CONCURRENCY: Final = 64
_DEFAULT_RETRY: Final = RetryPolicy()


class Face:
    """What both faces have in common: what their constructors take, and every operation, as a coroutine."""

    protocol: str | tuple[str, ...] = PROTOCOLS
    root_marker = ""
    transaction_type = S3Transaction
    _engine: S3Engine
    _transport: S3Transport
    _owned: S3Transport | None
    # fsspec's: whether a transaction is under way, and what the instance was made of.
    _intrans: bool
    transaction: S3Transaction
    storage_args: tuple[Any, ...]
    storage_options: dict[str, Any]

    def _set_up(
        self,
        make_runtime: Callable[[int], Runtime],
        make_transport: Callable[..., ThreadedBoto3Transport | BlockingBoto3Transport],
        connection: ConnectionLike | None,
        transport: S3Transport | None,
        client: S3ClientLike | None,
        options: FileSystemOptions,
    ) -> None:
        """Make the engine, and the transport if none was given."""
        refuse_unknown(options.keys() - FileSystemOptions.__annotations__.keys(), type(self).__name__)
        asked = _one_of(options, "max_concurrency", "max_workers")
        if asked is not None and asked < 1:
            raise ValueError(f"max_concurrency is 1 or more requests in flight, got {asked}")
        way: dict[str, Any] = {name: options[name] for name in ConnectOptions.__annotations__ if name in options}  # type: ignore[literal-required]  # they are its names
        way["key"] = _one_of(options, "key", "username")
        way["secret"] = _one_of(options, "secret", "password")
        retry = options.get("retry", _DEFAULT_RETRY)
        if transport is None:
            made = make_transport(connection, client=client, max_concurrency=asked, **way)
            self._owned, transport, limit = made, made, made.max_concurrency
        else:
            beside = {"connection": connection, "client": client, **way}
            names = ", ".join(f"{name}=" for name, value in beside.items() if value)
            if names:
                raise ValueError(f"transport= says how S3 is reached; leave out {names}, or leave out transport=")
            self._owned, limit = None, asked or _DEFAULT_MAX_CONCURRENCY
        runtime = make_runtime(limit)
        compare_etags_only = options.get("local_expiry_check", False)
        self._transport = transport
        on_request = options.get("on_request")
        if isinstance(transport, RetryingTransport):
            if options.get("retry") is not None:
                raise ValueError("transport= is a RetryingTransport, which has its own policy; leave out retry=")
            if on_request is not None:
                raise ValueError(
                    "transport= is a RetryingTransport, and on_request= is to see each attempt: leave it out, and give "
                    "RetryingTransport(ObservingTransport(…, on_request))"
                )
        elif on_request is not None or not isinstance(transport, ObservingTransport):
            transport = ObservingTransport(transport, on_request)
        if retry is not None and not isinstance(transport, RetryingTransport):
            if not isinstance(retry, RetryPolicy):
                raise TypeError(f"retry= is a RetryPolicy, or None for a single attempt, got {retry!r}")
            transport = RetryingTransport(transport, retry, compare_etags_only=compare_etags_only, sleep=runtime.sleep)
        given = {**(options.get("s3_additional_kwargs") or {}), "requester_pays": options.get("requester_pays") or None}
        self._default_cache_type = options.get("default_cache_type")
        self._engine = S3Engine(
            transport,
            runtime,
            max_concurrency=limit,
            block_size=options.get("default_block_size"),
            arguments=Arguments(given, "s3_additional_kwargs="),
            version_aware=options.get("version_aware", False),
            compare_etags_only=compare_etags_only,
            reopen=_reopens(options.get("on_replaced", "raise")),
            parts_grow=not options.get("fixed_upload_size", False),
            allow_bucket_creation=options.get("allow_bucket_creation", False),
            allow_bucket_deletion=options.get("allow_bucket_deletion", False),
            listings=ListingsCache(
                enabled=options.get("use_listings_cache", False),
                expiry_time=options.get("listings_expiry_time"),
                max_paths=options.get("max_paths"),
            ),
        )
        self.closed = False

    @override
    def __reduce__(self) -> Any:
        first = {"connection": self.storage_args[0]} if self.storage_args else {}
        for name, live in {**self.storage_options, **first}.items():
            if name in ("connection", "client", "on_request"):
                try:
                    pickle.dumps(live)
                except Exception as error:
                    raise TypeError(
                        f"a {type(self).__name__} made with {name}={type(live).__name__} cannot be pickled ({error}): "
                        "make it from options (profile=, key=, endpoint_url= …), or give each process its own"
                    ) from error
        return super().__reduce__()

    @property
    def transport(self) -> S3Transport:
        """The transport as it was given, or made.

        What the filesystem asks of it, it asks again where that fails for the moment. Who calls the transport himself
        does so by `RetryingTransport`.
        """
        return self._transport

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
    ) -> tuple[Opening, RangeReader | PartWriter]:
        """Return what `open` is to open, and what reads or writes it; ``arguments`` are the others of `open`."""
        text = {name: arguments.pop(name, None) for name in ("encoding", "errors", "newline")}
        ref = self._engine.ref(strip_protocol(path), arguments.pop("version_id", None))
        opening = Opening.parse(ref.key, mode, compression=compression, **text)
        autocommit = arguments.pop("autocommit", None)
        size = arguments.pop("size", None)
        if size is not None and size < 0:
            raise ValueError(f"size is a number of bytes, 0 or more, got {size}")
        arguments.pop("fill_cache", None)
        if "acl" in arguments:
            arguments["ACL"] = arguments.pop("acl")
        said = self._arguments(arguments, "open()")
        if opening.mode == "rb":
            return opening, self._engine.reader(ref, block_size=block_size, size=size, arguments=said)
        kind: Any = opening.mode[0]
        writer = self._engine.writer(ref, block_size=block_size, size=size, mode=kind, arguments=said)
        self._defer(writer, autocommit=autocommit)
        return opening, writer

    def _defer(self, writer: PartWriter, *, autocommit: bool | None = None) -> None:
        """Leave it to the transaction, if one is under way, to make an object appear."""
        in_transaction = self._intrans
        writer.deferred = in_transaction if autocommit is None else not autocommit
        if writer.deferred and in_transaction:
            writer.of_transaction = True
            self.transaction.files.append(DeferredFile(writer, self._run))

    def _refuse_in_synchronous_transaction(self) -> None:
        """Raise if an asynchronous handle is opened where synchronous code would have to commit it."""
        if self._intrans and not self.transaction.asynchronous:
            raise RuntimeError("an asynchronous file in a synchronous transaction: use `async with fs.transaction`")

    def _arguments(self, given: Mapping[str, Any], caller: str) -> Arguments:
        """Return parameters of S3's requests: those of the filesystem, and over them those of a call."""
        return self._engine.arguments.with_(given, caller)

    def _refuse_to_block(self) -> None:
        """Raise if what a coroutine writes here would have to be committed by synchronous code on the same loop."""

    # --- looking ---------------------------------------------------------------------------------

    async def _info(self, path: Path, refresh: bool = False, version_id: str | None = None, **kwargs: Any) -> Entry:
        """Tell what a path is: an object, a directory, a bucket or the root. ``refresh`` changes nothing: S3 is asked.

        Raises:
            FileNotFoundError: nothing of these.
        """
        arguments = self._arguments(kwargs, "info()")
        return await self._engine.info(strip_protocol(path), version_id, arguments)

    async def _exists(self, path: Path, *, refresh: bool = False, version_id: str | None = None, **kwargs: Any) -> bool:
        """Tell whether there is an object, a directory or a bucket. What is no answer is raised."""
        refuse_unknown(kwargs, "exists()")
        return await self._engine.exists(strip_protocol(path), version_id)

    async def _lexists(self, path: Path, **kwargs: Any) -> bool:
        """Do what `exists` does: S3 has no links."""
        return await self._exists(path, **kwargs)

    async def _isfile(self, path: Path, *, refresh: bool = False) -> bool:
        """Tell whether a path is an object."""
        return await self._engine.is_file(strip_protocol(path))

    async def _isdir(self, path: Path, *, refresh: bool = False) -> bool:
        """Tell whether a path is a directory (keys begin with it and a slash), a bucket or the root."""
        return await self._engine.is_directory(strip_protocol(path))

    @overload
    async def _ls(
        self, path: Path, detail: Literal[False] = False, refresh: bool = False, versions: bool = False, **kwargs: Any
    ) -> list[str]: ...
    @overload
    async def _ls(
        self, path: Path, detail: Literal[True], refresh: bool = False, versions: bool = False, **kwargs: Any
    ) -> list[Entry]: ...
    @overload
    async def _ls(
        self, path: Path, detail: bool, refresh: bool = False, versions: bool = False, **kwargs: Any
    ) -> list[Entry] | list[str]: ...
    async def _ls(
        self, path: Path, detail: bool = False, refresh: bool = False, versions: bool = False, **kwargs: Any
    ) -> list[Entry] | list[str]:
        """List what is directly below a path, names only unless ``detail``; an object is listed as itself.

        Args:
            path: a bucket, a directory or an object; the root lists the buckets.
            detail: return entries rather than names.
            refresh: ask S3, also if the listing is cached.
            versions: list each version of each object; only on a filesystem made with ``version_aware=True``.

        Raises:
            FileNotFoundError: there is neither a directory nor an object.
        """
        refuse_unknown(kwargs, "ls()")
        stripped = strip_protocol(path)
        if versions:
            return _names_or_all(await objects.list_directory_versions(self._engine, stripped), detail=detail)
        return _names_or_all(await self._engine.list_directory(stripped, refresh=refresh), detail=detail)

    @overload
    async def _find(
        self,
        path: Path,
        maxdepth: int | None = None,
        withdirs: bool = False,
        detail: Literal[False] = False,
        *,
        prefix: str = "",
        **kwargs: Any,
    ) -> list[str]: ...
    @overload
    async def _find(
        self,
        path: Path,
        maxdepth: int | None = None,
        withdirs: bool = False,
        *,
        detail: Literal[True],
        prefix: str = "",
        **kwargs: Any,
    ) -> dict[str, Entry]: ...
    @overload
    async def _find(
        self,
        path: Path,
        maxdepth: int | None = None,
        withdirs: bool = False,
        detail: bool = False,
        *,
        prefix: str = "",
        **kwargs: Any,
    ) -> dict[str, Entry] | list[str]: ...
    async def _find(
        self,
        path: Path,
        maxdepth: int | None = None,
        withdirs: bool = False,
        detail: bool = False,
        *,
        prefix: str = "",
        refresh: bool = False,
        **kwargs: Any,
    ) -> dict[str, Entry] | list[str]:
        """Find all objects below a path. ``refresh`` changes nothing: S3 is asked.

        Args:
            path: where to begin; a bucket, a directory or an object (which is then found alone).
            maxdepth: levels to go down, 1 or more; None is all.
            withdirs: find directories too.
            detail: return entries by name rather than names.
            prefix: only what begins so, directly below ``path``.
        """
        refuse_unknown(kwargs, "find()")
        entries = await self._engine.find(strip_protocol(path), maxdepth=maxdepth, withdirs=withdirs, prefix=prefix)
        return entries if detail else list(entries)

    @overload
    def _walk(
        self,
        path: Path,
        maxdepth: int | None = None,
        topdown: bool = True,
        on_error: OnError = "omit",
        *,
        detail: Literal[False] = False,
        refresh: bool = False,
        **kwargs: Any,
    ) -> AsyncIterator[tuple[str, list[str], list[str]]]: ...
    @overload
    def _walk(
        self,
        path: Path,
        maxdepth: int | None = None,
        topdown: bool = True,
        on_error: OnError = "omit",
        *,
        detail: Literal[True],
        refresh: bool = False,
        **kwargs: Any,
    ) -> AsyncIterator[tuple[str, dict[str, Entry], dict[str, Entry]]]: ...
    @overload
    def _walk(
        self,
        path: Path,
        maxdepth: int | None = None,
        topdown: bool = True,
        on_error: OnError = "omit",
        *,
        detail: bool,
        refresh: bool = False,
        **kwargs: Any,
    ) -> AsyncIterator[tuple[str, Any, Any]]: ...
    async def _walk(
        self,
        path: Path,
        maxdepth: int | None = None,
        topdown: bool = True,
        on_error: OnError = "omit",
        *,
        detail: bool = False,
        refresh: bool = False,
        **kwargs: Any,
    ) -> AsyncIterator[tuple[str, Any, Any]]:
        """Go through the directories below a path: each gives its path, its directories and its objects.

        Args:
            path: where to begin.
            maxdepth: levels to go down, 1 or more; None is all.
            topdown: a directory comes before those in it; what the caller takes out of its directories is passed over.
            on_error: pass over what cannot be listed, raise it, or call this with it.
            detail: directories and objects are dicts by name of entries rather than lists of names.
            refresh: ask S3, also if listings are cached.
        """
        refuse_unknown(kwargs, "walk()")
        if maxdepth is not None and maxdepth < 1:
            raise ValueError(f"maxdepth is 1 or more, got {maxdepth}")
        here = strip_protocol(path)
        try:
            entries = await self._engine.list_directory(here, refresh=refresh)
        except OSError as error:
            if on_error == "raise":
                raise
            if callable(on_error):
                on_error(error)
            return
        base = here if not here or here.endswith("/") else f"{here}/"
        named = {entry["name"][len(base) :]: entry for entry in entries if entry["name"] != here}
        directories = {name: entry for name, entry in named.items() if _is_directory(entry)}
        files = {name: entry for name, entry in named.items() if not _is_directory(entry)}
        found = (directories, files) if detail else (list(directories), list(files))
        step = (base[:-1], *found)
        if topdown:
            yield step
        if maxdepth != 1:
            deeper = None if maxdepth is None else maxdepth - 1
            for name in list(step[1]) if topdown else list(directories):
                async for below in self._walk(
                    f"{base}{name}", deeper, topdown, on_error, detail=detail, refresh=refresh
                ):
                    yield below
        if not topdown:
            yield step

    @overload
    async def _du(
        self,
        path: Path,
        total: Literal[True] = True,
        maxdepth: int | None = None,
        withdirs: bool = False,
        **kwargs: Any,
    ) -> int: ...
    @overload
    async def _du(
        self, path: Path, total: Literal[False], maxdepth: int | None = None, withdirs: bool = False, **kwargs: Any
    ) -> dict[str, int]: ...
    @overload
    async def _du(
        self, path: Path, total: bool, maxdepth: int | None = None, withdirs: bool = False, **kwargs: Any
    ) -> int | dict[str, int]: ...
    async def _du(
        self,
        path: Path,
        total: bool = True,
        maxdepth: int | None = None,
        withdirs: bool = False,
        *,
        refresh: bool = False,
        **kwargs: Any,
    ) -> int | dict[str, int]:
        """Tell the bytes of all objects below a path, by one listing; of each, unless ``total``."""
        refuse_unknown(kwargs, "du()")
        found = await self._engine.find(strip_protocol(path), maxdepth=maxdepth, withdirs=withdirs)
        sizes = {name: entry["size"] for name, entry in found.items()}
        return sum(sizes.values()) if total else sizes

    async def _expand_path(
        self,
        path: Path | Sequence[Path],
        recursive: bool = False,
        maxdepth: int | None = None,
        assume_literal: bool = False,
    ) -> list[str]:
        """Expand paths that are patterns, and with ``recursive`` directories. A key of just this name comes first.

        Raises:
            FileNotFoundError: there is nothing.
        """
        return [entry["name"] for entry in await self._expand(path, recursive, maxdepth, assume_literal)]

    async def _expand(
        self,
        path: Path | Sequence[Path],
        recursive: bool = False,
        maxdepth: int | None = None,
        assume_literal: bool = False,
    ) -> list[Entry]:
        """Expand paths to entries; a path that was not looked up has a name and no type."""
        if maxdepth is not None and maxdepth < 1:
            raise ValueError(f"maxdepth is 1 or more, got {maxdepth}")
        found: dict[str, Entry] = {}
        for one in _strip_each(path):
            found.update(await self._expand_one(one, recursive, maxdepth, assume_literal))
        if not found:
            raise FileNotFoundError(errno.ENOENT, "There is nothing that this means", str(path))
        return [found[name] for name in sorted(found)]

    async def _is_pattern(self, path: str, *, recursive: bool) -> bool:
        """Tell whether a path is to be taken for a pattern: what has just this name comes first."""
        if self._engine.version_aware and split_version(path)[1] is not None:
            return False
        if not has_magic(path) or await self._engine.is_file(path):
            return False
        return not (recursive and await self._engine.is_directory(path))

    async def _expand_one(
        self, path: str, recursive: bool, maxdepth: int | None, assume_literal: bool
    ) -> dict[str, Entry]:
        if not assume_literal and await self._is_pattern(path, recursive=recursive):
            matched = await self._matches(path, maxdepth)
            if recursive and (maxdepth is None or maxdepth > 1):
                deeper = None if maxdepth is None else maxdepth - 1
                for name, entry in list(matched.items()):
                    if entry["type"] == "directory":
                        matched.update(await self._engine.find(name, maxdepth=deeper, withdirs=True))
            return matched
        if not recursive:
            return {path: {"name": path, "type": "directory" if path.endswith("/") else None}}
        found = await self._engine.find(path, maxdepth=maxdepth, withdirs=True)
        name = path.rstrip("/")
        if found and name not in found:
            found[name] = directory_entry(*split(name))
        return found

    @overload
    async def _glob(
        self, path: Path, maxdepth: int | None = None, *, detail: Literal[False] = False, **kwargs: Any
    ) -> list[str]: ...
    @overload
    async def _glob(
        self, path: Path, maxdepth: int | None = None, *, detail: Literal[True], **kwargs: Any
    ) -> dict[str, Entry]: ...
    @overload
    async def _glob(
        self, path: Path, maxdepth: int | None = None, *, detail: bool, **kwargs: Any
    ) -> dict[str, Entry] | list[str]: ...
    async def _glob(
        self, path: Path, maxdepth: int | None = None, *, detail: bool = False, refresh: bool = False, **kwargs: Any
    ) -> dict[str, Entry] | list[str]:
        """Find what a pattern matches: ``*`` and ``?`` within a name, ``**`` across slashes, ``[a-c]``.

        Only what begins as the pattern does, up to its first special character, is listed. A pattern is never taken for
        a key; `cat`, `get`, `copy`, `rm` and `expand_path` try that first.

        Args:
            path: the pattern; its bucket must be given.
            maxdepth: levels that ``**`` may go down, 1 or more.
            detail: return entries by name rather than names.
        """
        refuse_unknown(kwargs, "glob()")
        if maxdepth is not None and maxdepth < 1:
            raise ValueError(f"maxdepth is 1 or more, got {maxdepth}")
        pattern = strip_protocol(path)
        found = await self._matches(pattern, maxdepth)
        return found if detail else list(found)

    async def _matches(self, pattern: str, maxdepth: int | None) -> dict[str, Entry]:
        if not has_magic(pattern):
            try:
                entry = await self._engine.info(pattern)
            except FileNotFoundError:
                return {}
            return {pattern: entry}
        special = min(pattern.index(character) for character in "*?[" if character in pattern)
        cut = pattern.rfind("/", 0, special) + 1
        root, prefix = pattern[:cut], pattern[cut:special]
        depth: int | None = pattern.count("/", special) + 1
        if "**" in pattern:
            below = pattern.count("/", pattern.index("**")) + 1
            depth = None if maxdepth is None else (depth or 0) - below + maxdepth
        listed = await self._engine.find(root, maxdepth=depth, withdirs=True, prefix=prefix)
        directories_end_in_slash = pattern.endswith(("/", "/**"))
        matches = re.compile(glob_translate(pattern)).match
        return {
            name: entry
            for name, entry in listed.items()
            if matches(f"{name}/" if directories_end_in_slash and _is_directory(entry) else name)
        }

    # --- reading ---------------------------------------------------------------------------------

    async def _cat_file(
        self,
        path: Path,
        start: int | None = None,
        end: int | None = None,
        *,
        version_id: str | None = None,
        max_concurrency: int | None = None,
        callback: Callback = DEFAULT_CALLBACK,
        **kwargs: Any,
    ) -> bytes:
        """Read an object or a slice of it, in parallel ranges.

        Args:
            path: the object.
            start: first byte; negative counts from the end, as in Python's slices.
            end: one past the last; negative counts from the end, None is the end.
            version_id: which version; the current one if None.
            max_concurrency: most requests in flight for this call, 1 or more.
            callback: is told of the size, and of the bytes of each range.
            **kwargs: parameters of GetObject by S3's names.

        Raises:
            FileNotFoundError: there is no such object.
            S3PreconditionError: it was replaced while it was read.
        """
        return await self._engine.read(
            strip_protocol(path),
            start,
            end,
            version_id=version_id,
            arguments=self._arguments(kwargs, "cat_file()"),
            max_concurrency=max_concurrency,
            progress=Progress(callback),
        )

    @overload
    async def _cat(
        self,
        path: list[str] | list[Path] | tuple[Path, ...],
        recursive: bool = False,
        on_error: Literal["raise", "omit"] = "raise",
        batch_size: int | None = None,
        *,
        callback: Callback = ...,
        **kwargs: Any,
    ) -> dict[str, bytes]: ...
    @overload
    async def _cat(
        self,
        path: Path | Sequence[Path],
        recursive: bool = False,
        on_error: Literal["raise", "omit"] = "raise",
        batch_size: int | None = None,
        *,
        callback: Callback = ...,
        **kwargs: Any,
    ) -> bytes | dict[str, bytes]: ...
    @overload
    async def _cat(
        self,
        path: Path | Sequence[Path],
        recursive: bool = False,
        *,
        on_error: Literal["return"],
        batch_size: int | None = None,
        callback: Callback = ...,
        **kwargs: Any,
    ) -> bytes | dict[str, bytes | Exception]: ...
    async def _cat(
        self,
        path: Path | Sequence[Path],
        recursive: bool = False,
        on_error: Literal["raise", "omit", "return"] = "raise",
        batch_size: int | None = None,
        *,
        callback: Callback = DEFAULT_CALLBACK,
        **kwargs: Any,
    ) -> bytes | dict[str, Any]:
        """Read objects in parallel: one path gives its bytes, a list, a pattern or ``recursive`` a dict by path.

        Args:
            path: an object, a pattern, or a list of these.
            recursive: read what is below directories.
            on_error: raise what fails, omit it from the dict, or return the exception in its place.
            batch_size: most objects at a time; all that `max_concurrency` allows if None.
            callback: is told of each object, and a branch of it of its bytes; of one object's bytes itself, where it
                has no branches.
            **kwargs: parameters of GetObject by S3's names.
        """
        if on_error not in ("raise", "omit", "return"):
            raise ValueError(f"on_error is 'raise', 'omit' or 'return', got {on_error!r}")
        entries = await self._expand(path, recursive)
        names = [entry["name"] for entry in entries if entry.get("type") != "directory"]
        arguments = self._arguments(kwargs, "cat()")
        read = await self._engine.read_many(
            names, arguments, batch_size, stop_on_error=on_error == "raise", progress=Progress(callback)
        )
        if isinstance(path, (str, os.PathLike)) and not recursive and names == [strip_protocol(path)]:
            (only,) = read
            if isinstance(only, bytes):
                return only
            return {} if on_error == "omit" else {names[0]: only}
        return {
            name: data
            for name, data in zip(names, read, strict=True)
            if on_error == "return" or not isinstance(data, Exception)
        }

    @overload
    async def _cat_ranges(
        self,
        paths: Sequence[Path],
        starts: Sequence[int | None] | int | None,
        ends: Sequence[int | None] | int | None,
        max_gap: int | None = None,
        batch_size: int | None = None,
        on_error: Literal["return"] = "return",
        **kwargs: Any,
    ) -> list[bytes | Exception]: ...
    @overload
    async def _cat_ranges(
        self,
        paths: Sequence[Path],
        starts: Sequence[int | None] | int | None,
        ends: Sequence[int | None] | int | None,
        max_gap: int | None = None,
        batch_size: int | None = None,
        *,
        on_error: Literal["raise"],
        **kwargs: Any,
    ) -> list[bytes]: ...
    async def _cat_ranges(
        self,
        paths: Sequence[Path],
        starts: Sequence[int | None] | int | None,
        ends: Sequence[int | None] | int | None,
        max_gap: int | None = None,
        batch_size: int | None = None,
        on_error: Literal["return", "raise"] = "return",
        **kwargs: Any,
    ) -> list[bytes | Exception] | list[bytes]:
        """Read slices of objects in parallel, those of one object that are near each other in one request.

        Args:
            paths: the object of each slice.
            starts: first byte of each, or one for all.
            ends: one past the last byte of each, or one for all.
            max_gap: bytes between two slices that are read along rather than asked for separately; 1 MiB if None.
            batch_size: most requests in flight for this call.
            on_error: return what fails in its place, or raise the first.
            **kwargs: parameters of GetObject by S3's names.
        """
        results = await self._engine.read_ranges(
            _strip_each(paths),
            _for_each(starts, paths),
            _for_each(ends, paths),
            max_gap=max_gap,
            max_concurrency=batch_size,
            arguments=self._arguments(kwargs, "cat_ranges()"),
        )
        if on_error == "raise":
            for result in results:
                if isinstance(result, Exception):
                    raise result
        return results

    async def _read_block(self, fn: Path, offset: int, length: int | None, delimiter: bytes | None = None) -> bytes:
        """Read a part of an object that begins and ends behind a delimiter, as fsspec means it.

        Args:
            fn: the object.
            offset: where to begin; with a delimiter, behind the first one from there on, unless it is 0.
            length: bytes to the end; with a delimiter, to behind the first one from there on. None is all.
            delimiter: what records end in.
        """
        if delimiter is None:
            return await self._cat_file(fn, offset, None if length is None else offset + length)
        reader = self._engine.reader(self._engine.ref(strip_protocol(fn)))
        try:
            start = await find_behind(reader, offset, delimiter)
            stop = None if length is None else await find_behind(reader, offset + length, delimiter)
            return b"" if stop is not None and stop <= start else await reader.read(start, stop and stop - start)
        finally:
            await reader.aclose()

    async def _head(self, path: Path, size: int = 1024) -> bytes:
        """Read the first bytes of an object."""
        return await self._cat_file(path, 0, size)

    async def _tail(self, path: Path, size: int = 1024) -> bytes:
        """Read the last bytes of an object."""
        return await self._cat_file(path, -size) if size else b""

    # --- writing ---------------------------------------------------------------------------------

    async def _pipe_file(
        self,
        path: Path,
        value: Buffer,
        mode: Literal["overwrite", "create"] = "overwrite",
        *,
        chunksize: int | None = None,
        max_concurrency: int | None = None,
        callback: Callback = DEFAULT_CALLBACK,
        **kwargs: Any,
    ) -> None:
        """Write an object, in parallel parts if it is large. In a transaction it appears when that ends.

        Args:
            path: the object.
            value: its bytes.
            mode: ``overwrite``, or ``create`` which raises `FileExistsError` where an object is, which S3
                decides (``If-None-Match``); of servers that do not heed it, `open` with ``x`` looks before.
            chunksize: bytes of a part, 5 MiB or more.
            max_concurrency: most requests in flight for this call, 1 or more.
            callback: is told of the size, and of the bytes of each part.
            **kwargs: parameters of PutObject by S3's names (``ContentType=…``).
        """
        arguments = self._arguments(kwargs, "pipe_file()")
        progress = Progress(callback)
        if self._intrans:
            self._refuse_to_block()
            writer = self._engine.writer(
                self._engine.ref(strip_protocol(path)),
                block_size=chunksize,
                mode="x" if mode == "create" else "w",
                arguments=arguments,
            )
            self._defer(writer)
            size = memoryview(value).nbytes
            progress.begin(size)
            await writer.open()
            await writer.write(value)
            await writer.close()
            progress.advance(size)
            return
        await self._engine.write(
            strip_protocol(path),
            value,
            mode=mode,
            arguments=arguments,
            part_size=chunksize,
            max_concurrency=max_concurrency,
            progress=progress,
        )

    async def _pipe(
        self,
        path: Path | Mapping[Path, Buffer],
        value: Buffer | None = None,
        batch_size: int | None = None,
        *,
        callback: Callback = DEFAULT_CALLBACK,
        **kwargs: Any,
    ) -> None:
        """Write one object, or those of a dict in parallel; ``callback`` is told as in `put`."""
        if isinstance(path, (str, os.PathLike)):
            if value is None:
                raise TypeError(f"pipe() needs the bytes for {path!r}")
            path = {path: value}
        elif not isinstance(path, Mapping):
            raise TypeError(f"pipe() takes a path and its bytes, or a dict of these, got {type(path).__name__}")

        progress = Progress(callback)
        progress.begin(len(path))

        async def write(each: tuple[Path, Buffer]) -> None:
            with progress.of("", os.fspath(each[0])) as child:
                await self._pipe_file(*each, callback=child, **kwargs)

        await run_all(self._engine.runtime, write, list(path.items()), self._engine.limit(batch_size))

    async def _read_bytes(self, path: Path, start: int | None = None, end: int | None = None, **kwargs: Any) -> bytes:
        """Do what `cat_file` does."""
        return await self._cat_file(path, start, end, **kwargs)

    async def _write_bytes(self, path: Path, value: Buffer, **kwargs: Any) -> None:
        """Do what `pipe_file` does."""
        await self._pipe_file(path, value, **kwargs)

    async def _read_text(
        self,
        path: Path,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
        **kwargs: Any,
    ) -> str:
        """Read an object as text; ``encoding`` is UTF-8 if None, ``errors`` and ``newline`` are as for `io.open`."""
        data = io.BytesIO(await self._cat_file(path, **kwargs))
        return io.TextIOWrapper(data, encoding or "utf-8", errors, newline).read()

    async def _write_text(
        self,
        path: Path,
        value: str,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
        **kwargs: Any,
    ) -> int:
        """Write text to an object, as `read_text` reads it; return the number of characters."""
        data = io.BytesIO()
        text = io.TextIOWrapper(data, encoding or "utf-8", errors, newline)
        text.write(value)
        text.flush()
        await self._pipe_file(path, data.getvalue(), **kwargs)
        return len(value)

    async def _touch(self, path: Path, truncate: bool = True, **kwargs: Any) -> None:
        """Make an empty object. With ``truncate=False`` one that is there keeps its bytes and gets a new time."""
        if not truncate:
            with suppress(FileNotFoundError):
                await objects.set_metadata(self._engine, strip_protocol(path), {}, kwargs)
                return
        await self._pipe_file(path, b"", **kwargs)

    # --- copying ---------------------------------------------------------------------------------

    async def _cp_file(
        self,
        path1: Path,
        path2: Path,
        *,
        version_id: str | None = None,
        preserve_etag: bool | None = None,
        max_concurrency: int | None = None,
        callback: Callback = DEFAULT_CALLBACK,
        **kwargs: Any,
    ) -> None:
        """Copy an object within S3, in parallel parts if it is large.

        Args:
            path1: what to copy.
            path2: where to.
            version_id: which version of it; the current one if None.
            preserve_etag: copy what was uploaded in parts in the same parts.
            max_concurrency: most requests in flight for this call, 1 or more.
            callback: is told of the size, and of the bytes of each part.
            **kwargs: parameters of CopyObject by S3's names. As S3 has it, those of content, metadata and tags count
                only with ``MetadataDirective="REPLACE"`` or ``TaggingDirective="REPLACE"``.

        Raises:
            FileNotFoundError: there is no such object.
        """
        await transfer.copy_file(
            self._engine,
            strip_protocol(path1),
            strip_protocol(path2),
            arguments=self._arguments(kwargs, "cp_file()"),
            version_id=version_id,
            preserve_etag=bool(preserve_etag),
            max_concurrency=max_concurrency,
            progress=Progress(callback),
        )

    async def _copy(
        self,
        path1: Path | Sequence[Path],
        path2: Path | Sequence[Path],
        recursive: bool = False,
        on_error: Literal["raise", "ignore"] | None = None,
        maxdepth: int | None = None,
        batch_size: int | None = None,
        callback: Callback = DEFAULT_CALLBACK,
        **kwargs: Any,
    ) -> None:
        """Copy objects within S3, several at a time, to where fsspec says that they go.

        Args:
            path1: an object, a directory, a pattern, or a list of objects.
            path2: where to, or for a list one target each.
            recursive: copy what is below directories.
            on_error: ``ignore`` passes over objects that are gone, which is the default with ``recursive``.
            maxdepth: levels to go down, 1 or more.
            batch_size: most objects at a time.
            callback: is told of each object, and a branch of it of its bytes; of one object's bytes itself, where it
                has no branches.
            **kwargs: as for `cp_file`.
        """
        if maxdepth is not None and maxdepth < 1:
            raise ValueError(f"maxdepth is 1 or more, got {maxdepth}")
        pairs = await self._copy_pairs(path1, path2, recursive, maxdepth)
        check_pairs(pairs)
        ignore = (on_error or ("ignore" if recursive else "raise")) == "ignore"
        progress = Progress(callback)
        progress.begin(len(pairs))

        async def copy(source: str, target: str) -> None:
            with progress.of(source, target) as child:
                try:
                    await self._cp_file(source, target, callback=child, **kwargs)
                except S3NotFoundError as error:
                    # That the source is gone may be passed over, that the target's bucket is not there may not.
                    of_source = error.operation == "HeadObject" and error.bucket == split(source)[0]
                    passed_over = ignore or (not recursive and await self._engine.is_directory(source))
                    if not of_source or not passed_over:
                        raise

        await run_pairs(self._engine, copy, pairs, batch_size)

    async def _copy_pairs(
        self, source: Path | Sequence[Path], target: Path | Sequence[Path], recursive: bool, maxdepth: int | None
    ) -> list[tuple[str, str]]:
        into = False
        if _is_path(target):
            into = _ends_in_slash(target) or await self._isdir(target)
        names: Any = strip_protocol(target) if _is_path(target) else _strip_each(target)
        return await self._pairs(source, names, recursive, maxdepth, target_is_directory=into)

    async def _pairs(
        self,
        source: Path | Sequence[Path],
        target: str | Sequence[str],
        recursive: bool,
        maxdepth: int | None,
        *,
        target_is_directory: bool,
    ) -> list[tuple[str, str]]:
        """Say for each object that the source means where it goes."""
        if not _is_path(source) and not isinstance(target, str):
            each = _strip_each(source)
            return pair(each, each, target, target_is_directory=False, pattern=False)
        asked: Any = strip_protocol(source) if _is_path(source) else _strip_each(source)
        entries = await self._expand(source, recursive, maxdepth)
        names = [each["name"] for each in entries]
        pattern = isinstance(asked, str) and has_magic(asked) and names != [asked]
        if not recursive or (pattern and maxdepth is not None):
            # What a pattern matches is copied without the directories among it.
            entries = [each for each in entries if not _is_directory(each)]
            names = [each["name"] for each in entries]
        pairs = pair(names, asked, target, target_is_directory=target_is_directory, pattern=pattern)
        return [each for each, entry in zip(pairs, entries, strict=True) if not _is_directory(entry)]

    async def _mv_file(self, path1: Path, path2: Path, **kwargs: Any) -> None:
        """Move an object within S3: copy it, and delete it if that was done."""
        if strip_protocol(path1) != strip_protocol(path2):
            await self._cp_file(path1, path2, **kwargs)
            await self._rm_file(path1)

    async def _mv(
        self,
        path1: Path,
        path2: Path,
        recursive: bool = False,
        maxdepth: int | None = None,
        *,
        callback: Callback = DEFAULT_CALLBACK,
        **kwargs: Any,
    ) -> None:
        """Move objects within S3: copy them, and then delete those that were copied, and no others.

        ``callback`` is told as in `copy`. The other arguments are those of `copy` too.
        """
        pairs = [each for each in await self._copy_pairs(path1, path2, recursive, maxdepth) if each[0] != each[1]]
        check_pairs(pairs, moving=True)

        progress = Progress(callback)
        progress.begin(len(pairs))

        async def copy(source: str, target: str) -> str:
            with progress.of(source, target) as child:
                await self._cp_file(source, target, callback=child, **kwargs)
            return source

        copied = await run_pairs(self._engine, copy, pairs, None)
        if recursive and maxdepth is None and pairs:
            # What marks the directory, and is no object of its own, was not copied and goes too.
            for each in [path1] if _is_path(path1) else path1:
                copied += await self._engine.markers(strip_protocol(each))
        await self._engine.remove(copied)

    async def _merge(self, path: Path, filelist: Sequence[Path], **kwargs: Any) -> None:
        """Make one object of others, one behind the other, within S3; all but the last need 5 MiB or more."""
        await transfer.merge_files(
            self._engine,
            strip_protocol(path),
            _strip_each(filelist),
            arguments=self._arguments(kwargs, "merge()"),
        )

    # --- from and to local files -----------------------------------------------------------------

    async def _put_file(
        self,
        lpath: Path,
        rpath: Path,
        callback: Callback = DEFAULT_CALLBACK,
        mode: Literal["overwrite", "create"] = "overwrite",
        *,
        chunksize: int | None = None,
        max_concurrency: int | None = None,
        **kwargs: Any,
    ) -> None:
        """Upload a local file, in parallel parts if it is large. A local directory is passed over: S3 has none.

        Args:
            lpath: the file.
            rpath: the object.
            callback: is told of the size, and of the bytes of each part.
            mode: ``overwrite``, or ``create`` which raises `FileExistsError` where an object is, which S3
                decides (``If-None-Match``); of servers that do not heed it, `open` with ``x`` looks before.
            chunksize: bytes of a part, 5 MiB or more.
            max_concurrency: most requests in flight for this call, 1 or more.
            **kwargs: parameters of PutObject by S3's names.
        """
        local = os.fspath(lpath)
        if await self._engine.runtime.offload(os.path.isdir, local):
            return
        await transfer.put_file(
            self._engine,
            local,
            strip_protocol(rpath),
            mode=mode,
            arguments=self._arguments(kwargs, "put_file()"),
            part_size=chunksize,
            max_concurrency=max_concurrency,
            progress=Progress(callback),
        )

    async def _put(
        self,
        lpath: Path | Sequence[Path],
        rpath: Path | Sequence[Path],
        recursive: bool = False,
        callback: Callback = DEFAULT_CALLBACK,
        maxdepth: int | None = None,
        batch_size: int | None = None,
        **kwargs: Any,
    ) -> None:
        """Upload local files, several at a time, to where fsspec says that they go.

        Args:
            lpath: a file, a directory, a pattern, or a list of files.
            rpath: where to, or for a list one target each.
            recursive: upload what is below directories.
            callback: is told of each file, and a branch of it of its bytes; of one file's bytes itself, where it
                has no branches.
            maxdepth: levels to go down, 1 or more.
            batch_size: most files at a time.
            **kwargs: as for `put_file`.
        """
        target: Any = strip_protocol(rpath) if _is_path(rpath) else _strip_each(rpath)
        into = isinstance(target, str) and (target.endswith("/") or await self._isdir(target))
        if _is_path(lpath) or isinstance(target, str):
            files, asked, pattern = await self._engine.runtime.offload(
                local_sources, lpath, recursive=recursive, maxdepth=maxdepth
            )
        else:
            files = asked = [os.fspath(each) for each in lpath]
            pattern = False
        pairs = pair(files, asked, target, target_is_directory=into, pattern=pattern)
        pairs = await self._engine.runtime.offload(files_of, pairs)
        check_pairs(pairs)
        progress = Progress(callback)
        progress.begin(len(pairs))

        async def put(source: str, target: str) -> None:
            with progress.of(source, target) as child:
                await self._put_file(source, target, callback=child, **kwargs)

        await run_pairs(self._engine, put, pairs, batch_size)

    async def _get_file(
        self,
        rpath: Path,
        lpath: Any,
        callback: Callback = DEFAULT_CALLBACK,
        outfile: Any = None,
        *,
        version_id: str | None = None,
        max_concurrency: int | None = None,
        **kwargs: Any,
    ) -> None:
        """Download an object to a local file, in parallel ranges; no partial file appears.

        Args:
            rpath: the object; for a directory the local one is made.
            lpath: the file, or a binary file that is open for writing.
            callback: is told of the size, and of the bytes of each range.
            outfile: a binary file that is open for writing, in place of ``lpath``.
            version_id: which version; the current one if None.
            max_concurrency: most requests in flight for this call, 1 or more.
            **kwargs: parameters of GetObject by S3's names.

        Raises:
            FileNotFoundError: there is no such object.
            S3PreconditionError: it was replaced while it was read.
        """
        if hasattr(lpath if outfile is None else outfile, "write"):
            data = await self._cat_file(
                rpath, version_id=version_id, max_concurrency=max_concurrency, callback=callback, **kwargs
            )
            await self._engine.runtime.offload((lpath if outfile is None else outfile).write, data)
            return
        try:
            await self._download(rpath, os.fspath(lpath), callback, version_id, max_concurrency, kwargs)
        except S3NotFoundError:
            if not await self._isdir(rpath):
                raise
            await self._engine.runtime.offload(os.makedirs, lpath, exist_ok=True)

    async def _download(
        self,
        path: Path,
        local: str,
        callback: Callback,
        version_id: str | None,
        max_concurrency: int | None,
        given: Mapping[str, Any],
    ) -> None:
        await transfer.get_file(
            self._engine,
            strip_protocol(path),
            local,
            version_id=version_id,
            arguments=self._arguments(given, "get_file()"),
            max_concurrency=max_concurrency,
            progress=Progress(callback),
        )

    async def _get(
        self,
        rpath: Path | Sequence[Path],
        lpath: Path | Sequence[Path],
        recursive: bool = False,
        callback: Callback = DEFAULT_CALLBACK,
        maxdepth: int | None = None,
        batch_size: int | None = None,
        *,
        version_id: str | None = None,
        max_concurrency: int | None = None,
        **kwargs: Any,
    ) -> None:
        """Download objects, several at a time, to where fsspec says that they go; never outside of the target.

        Args:
            rpath: an object, a directory, a pattern, or a list of objects.
            lpath: where to, or for a list one file each.
            recursive: download what is below directories.
            callback: is told of each object, and a branch of it of its bytes; of one object's bytes itself, where it
                has no branches.
            maxdepth: levels to go down, 1 or more.
            batch_size: most objects at a time.
            version_id: which version of each; the current one if None.
            max_concurrency: most requests in flight for each object.
            **kwargs: parameters of GetObject by S3's names.

        Raises:
            ValueError: a key would be written outside of the target. Nothing is written then.
        """
        target: Any = make_path_posix(lpath) if _is_path(lpath) else [make_path_posix(each) for each in lpath]
        into = False
        if _is_path(lpath):
            into = _ends_in_slash(lpath) or await self._engine.runtime.offload(os.path.isdir, lpath)
        pairs = await self._pairs(rpath, target, recursive, maxdepth, target_is_directory=into)
        check_pairs([(source, posixpath.normpath(local)) for source, local in pairs])
        single = not recursive and not into and len(pairs) == 1
        root = target if isinstance(target, str) and not single else None
        await self._engine.runtime.offload(make_room, root, [local for _, local in pairs])
        progress = Progress(callback)
        progress.begin(len(pairs))

        async def get(source: str, local: str) -> None:
            with progress.of(source, local) as child:
                try:
                    await self._download(source, local, child, version_id, max_concurrency, kwargs)
                except S3NotFoundError:
                    if recursive or not await self._engine.is_directory(source):
                        raise

        await run_pairs(self._engine, get, pairs, batch_size)

    # --- deleting, directories and buckets -------------------------------------------------------

    async def _rm_file(self, path: Path, **kwargs: Any) -> None:
        """Delete one object. S3 does not tell whether it was there."""
        refuse_unknown(kwargs, "rm_file()")
        await self._engine.remove([strip_protocol(path)])

    async def _rm(
        self,
        path: Path | Sequence[Path],
        recursive: bool = False,
        batch_size: int | None = None,
        maxdepth: int | None = None,
        *,
        callback: Callback = DEFAULT_CALLBACK,
        **kwargs: Any,
    ) -> list[str]:
        """Delete objects, a thousand a request; return the paths of what was deleted.

        Args:
            path: an object, a pattern, or a list of these; in any number of buckets.
            recursive: delete what is below directories; of a bucket it empties it, and deletes it if that is allowed.
            batch_size: changes nothing; S3 takes a thousand.
            maxdepth: with ``recursive``, levels to go down, 1 or more; what is deeper stays.
            callback: is told of the number of keys, and of those of each request.

        Raises:
            FileNotFoundError: with ``recursive`` or of a pattern, there is nothing. Nothing is deleted then.
            S3DeleteError: some could not be deleted; it holds which, and why. The others were.
        """
        refuse_unknown(kwargs, "rm()")
        doomed: list[str | ObjectRef] = []
        for one in _strip_each(path):
            if not has_magic(one) or not await self._is_pattern(one, recursive=recursive):
                doomed.append(one)
                continue
            matched = await self._matches(one, maxdepth)
            if not matched:
                raise FileNotFoundError(errno.ENOENT, "There is nothing that this matches", one)
            doomed += [name for name, entry in matched.items() if recursive and _is_directory(entry)]
            doomed += [ObjectRef(*split(name)) for name, entry in matched.items() if not _is_directory(entry)]
        removed = await self._engine.remove(doomed, recursive=recursive, maxdepth=maxdepth, progress=Progress(callback))
        if recursive and maxdepth is None and self._engine.allow_bucket_deletion:
            for one in _strip_each(path):
                bucket, key = split(one)
                if bucket and not key:
                    await objects.remove_versions(self._engine, bucket, "")
                    await self._engine.remove_directory(bucket)
        return removed

    async def _mkdir(
        self,
        path: Path,
        create_parents: bool = True,
        *,
        acl: str | None = None,
        region_name: str | None = None,
        mode: int | None = None,
        **kwargs: Any,
    ) -> None:
        """Create a bucket, if that is allowed. Below a bucket there is nothing to create: S3 has no directories.

        Args:
            path: the bucket.
            create_parents: changes nothing.
            acl: canned ACL.
            region_name: where; the transport's region if None.
            mode: changes nothing; universal_pathlib tells the permissions of a directory to every filesystem.

        Raises:
            PermissionError: the filesystem was not made with ``allow_bucket_creation=True``.
            FileExistsError: there is such a bucket.
        """
        refuse_unknown(kwargs, "mkdir()")
        await self._engine.make_directory(strip_protocol(path), acl=acl, region=region_name)

    async def _makedirs(self, path: Path, exist_ok: bool = False) -> None:
        """Do what `mkdir` does; with ``exist_ok`` a bucket that is there is no error."""
        await self._engine.make_directories(strip_protocol(path), exist_ok=exist_ok)

    async def _rmdir(self, path: Path) -> None:
        """Delete a bucket that is empty, if that is allowed, or the marker of an empty directory.

        Raises:
            PermissionError: the filesystem was not made with ``allow_bucket_deletion=True``.
            OSError: there is something in it.
            FileExistsError: it is an object.
        """
        await self._engine.remove_directory(strip_protocol(path))

    # --- what there is about an object -----------------------------------------------------------

    async def _checksum(self, path: Path, refresh: bool = False) -> int:
        """Return a number that changes when the object does: made of its ETag."""
        entry = await self._info(path)
        if entry["type"] == "directory":
            raise IsADirectoryError(errno.EISDIR, "A directory has no checksum", str(path))
        return int(sha256(entry["ETag"].encode()).hexdigest(), 16)

    async def _ukey(self, path: Path) -> str:
        """Return a text that changes when the object does."""
        entry = await self._info(path)
        told = [str(entry.get(name)) for name in ("name", "type", "size", "ETag", "VersionId")]
        return sha256("\0".join(told).encode()).hexdigest()

    async def _modified(self, path: Path, version_id: str | None = None, refresh: bool = False) -> datetime:
        """Tell when the object was written last.

        Raises:
            IsADirectoryError: it is a directory or a bucket, of which S3 does not say.
        """
        entry = await self._info(path, version_id=version_id)
        if entry["type"] == "directory":
            raise IsADirectoryError(errno.EISDIR, "S3 does not say when a directory was changed", str(path))
        modified: datetime = entry["LastModified"]
        return modified

    async def _created(self, path: Path) -> datetime:
        """Tell when the object was written: an object of S3 is never changed, only replaced."""
        return await self._modified(path)

    async def _metadata(self, path: Path, refresh: bool = False, **kwargs: Any) -> dict[str, str]:
        """Tell the user metadata of an object."""
        arguments = self._arguments(kwargs, "metadata()")
        return dict((await self._engine.head(self._engine.ref(strip_protocol(path)), arguments)).metadata)

    async def _getxattr(self, path: Path, attr_name: str, **kwargs: Any) -> str | None:
        """Tell one value of the user metadata; None if there is none. In names ``_`` stands for ``-``."""
        return (await self._metadata(path, **kwargs)).get(attr_name.lower().replace("_", "-"))

    async def _setxattr(self, path: Path, copy_kwargs: Mapping[str, Any] | None = None, **metadata: str | None) -> None:
        """Change user metadata, by copying the object onto itself. In names ``_`` stands for ``-``.

        Args:
            path: the object.
            copy_kwargs: parameters of CopyObject by S3's names (``ContentType``).
            **metadata: names and values; None removes a name.
        """
        await objects.set_metadata(self._engine, strip_protocol(path), metadata, copy_kwargs or {})

    async def _get_tags(self, path: Path) -> dict[str, str]:
        """Tell the tags of an object."""
        return await objects.get_tags(self._engine, strip_protocol(path))

    async def _put_tags(self, path: Path, tags: Mapping[str, str], mode: Literal["o", "m"] = "o") -> None:
        """Set the tags of an object, at most 10: ``o`` replaces those it has, ``m`` adds to them."""
        await objects.put_tags(self._engine, strip_protocol(path), tags, mode=mode)

    async def _chmod(self, path: Path, acl: str, recursive: bool = False, **kwargs: Any) -> None:
        """Give an object, a bucket, or all objects below a path, a canned ACL (``private``, ``public-read`` …)."""
        refuse_unknown(kwargs, "chmod()")
        await objects.set_acl(self._engine, strip_protocol(path), acl, recursive=recursive)

    async def _url(
        self, path: Path, expires: int = 3600, client_method: PresignedOperation = "get_object", **kwargs: Any
    ) -> str:
        """Make a URL that does one request to one object without credentials. The URL *is* a credential.

        Args:
            path: the object.
            expires: seconds until it stops working, 1 to 604 800.
            client_method: what it does: ``get_object``, ``put_object`` …
            **kwargs: parameters of that request by S3's names (``ResponseContentType=…``).
        """
        return await objects.presigned_url(self._engine, strip_protocol(path), client_method, expires, kwargs)

    async def _sign(self, path: Path, expiration: int = 100, **kwargs: Any) -> str:
        """Make a URL as `url` does, that works for ``expiration`` seconds."""
        return await self._url(path, expiration, **kwargs)

    async def _object_version_info(self, path: Path, delete_markers: bool = False, **kwargs: Any) -> list[Entry]:
        """Tell the versions of an object, the newest first; with ``delete_markers`` those of its removal too."""
        refuse_unknown(kwargs, "object_version_info()")
        return await objects.versions_of(self._engine, strip_protocol(path), delete_markers=delete_markers)

    async def _is_bucket_versioned(self, bucket: str) -> bool:
        """Tell whether a bucket keeps versions."""
        return await objects.bucket_versioning(self._engine, split(bucket)[0]) == "Enabled"

    async def _make_bucket_versioned(self, bucket: str, versioned: bool = True) -> None:
        """Let a bucket keep versions from now on, or stop doing so."""
        status: VersioningStatus = "Enabled" if versioned else "Suspended"
        await self._engine.transport.put_bucket_versioning(split(bucket)[0], status)

    async def _list_multipart_uploads(self, bucket: Path) -> list[Entry]:
        """List the multipart uploads that are open in a bucket, or below a path in it."""
        found = await objects.list_uploads(self._engine, strip_protocol(bucket))
        return [objects.upload_entry(upload) for upload in found]

    async def _abort_mpu(self, bucket: str, key: str, mpu: str) -> None:
        """Abort one multipart upload, by its id."""
        await self._engine.transport.abort_multipart_upload(MultipartUpload(bucket, key, mpu))

    async def _clear_multipart_uploads(self, bucket: Path) -> None:
        """Abort all multipart uploads that are open in a bucket, or below a path in it."""
        await objects.clear_uploads(self._engine, strip_protocol(bucket))

    # --- what sends nothing ----------------------------------------------------------------------

    def invalidate_cache(self, path: Path | None = None) -> None:
        """Forget the listings of a path, of what is below it and of what is above it; all of them if None."""
        if path is None:
            self._engine.listings.clear()
        else:
            bucket, key = split(path)
            self._engine.listings.forget_below(bucket, as_prefix(key))

    def invalidate_region_cache(self) -> None:
        """Do nothing, as ``cache_regions`` does: boto3 keeps what it learnt of the regions of buckets."""

    @staticmethod
    def _get_kwargs_from_urls(path: str) -> dict[str, Any]:
        """Say to fsspec that a URL which names a version needs a filesystem that knows of versions."""
        return {} if split_version(path)[1] is None else {"version_aware": True}

    def split_path(self, path: Path) -> tuple[str, str, str | None]:
        """Split a path into bucket, key and version; the version is None where the filesystem is not aware of them."""
        stripped, version_id = strip_protocol(path), None
        if self._engine.version_aware:
            stripped, version_id = split_version(stripped)
        return (*split(stripped), version_id)

    @staticmethod
    def parse_path(path: Path) -> tuple[str, str | None, str | None]:
        """Split a path into bucket, key and version, of which the last two may be None, as PyAthena does."""
        stripped, version_id = split_version(strip_protocol(path))
        bucket, key = split(stripped)
        return bucket, key or None, version_id


def _names_or_all(entries: list[Entry], *, detail: bool) -> list[Entry] | list[str]:
    return entries if detail else [entry["name"] for entry in entries]


def _for_each(bounds: Sequence[int | None] | int | None, paths: Sequence[Path]) -> Sequence[int | None]:
    return [bounds] * len(paths) if bounds is None or isinstance(bounds, int) else bounds


def _strip_each(path: Path | Sequence[Path]) -> list[str]:
    each = [path] if isinstance(path, (str, os.PathLike)) else path
    return [strip_protocol(one) for one in each]


def _is_path(path: Path | Sequence[Path]) -> TypeIs[Path]:
    return isinstance(path, (str, os.PathLike))


def _ends_in_slash(path: Path) -> bool:
    return isinstance(path, str) and path.endswith("/")


def _is_directory(entry: Entry) -> bool:
    return bool(entry.get("type") == "directory")


def _reopens(on_replaced: str) -> bool:
    if on_replaced not in ("raise", "reopen"):
        raise ValueError(f"on_replaced is 'raise' or 'reopen', got {on_replaced!r}")
    return on_replaced == "reopen"


def _one_of(options: FileSystemOptions, name: str, alias: str) -> Any:
    """Return what was said under a name or under another name for it."""
    said = [options[each] for each in (name, alias) if options.get(each) is not None]  # type: ignore[literal-required]  # both are its names
    if len(said) == 2:
        raise ValueError(f"{alias}= is another name for {name}=; leave out one of them")
    return said[0] if said else None
