"""All that the filesystem does with S3, written once as coroutines over `S3Transport`.

Both faces run these: `AioS3FileSystem` on an event loop, `S3FileSystem` without one. So nothing here knows asyncio:
parallel steps go through the runtime.
"""

from __future__ import annotations

import errno
import io
import mimetypes
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, Literal, Self, TypeVar

from typing_extensions import Buffer, override

from pyathena.filesystem.listing import Entry, bucket_entry, directory_entry, info_entry, parents, summary_entry
from pyathena.filesystem.listings_cache import ListingsCache
from pyathena.filesystem.options import Arguments, complete_options, part_options, request_options
from pyathena.filesystem.paths import join, object_ref, split, split_object, split_version
from pyathena.filesystem.planning import MergedRange, equal_part_size, merge_ranges, resolve, split_range
from pyathena.filesystem.progress import Progress
from pyathena.filesystem.reading import PinnedObject, RangeReader, as_bytes, read_blocks, read_whole
from pyathena.filesystem.writing import PartWriter, abort_upload, begin_upload
from pyathena.runtime import Runtime, run_all
from pyathena.transport.errors import S3DeleteDeniedError, S3DeleteError, S3Error, S3NotFoundError
from pyathena.transport.protocol import S3Transport
from pyathena.transport.values import (
    MAX_DELETE_KEYS,
    MIN_PART_SIZE,
    BucketInfo,
    ByteRange,
    CompletedPart,
    DeleteResult,
    ListPage,
    MultipartUpload,
    ObjectInfo,
    ObjectKey,
    ObjectRange,
    ObjectRef,
    PutOptions,
    PutResult,
)

__all__ = ["DEFAULT_BLOCK_SIZE", "DEFAULT_PART_SIZE", "S3Engine", "as_prefix"]

T = TypeVar("T")

_NO_ARGUMENTS: Final = Arguments()

DEFAULT_BLOCK_SIZE: Final = 4 * 2**20
"""Bytes of a range. In ranges of half the size that AWS recommends (8 to 16 MiB) the window of a reader keeps twice as
many connections busy; smaller ones yet need more requests, and are slower without latency (``make bench-curves``)."""
DEFAULT_PART_SIZE: Final = 8 * 2**20
"""Bytes of a part."""

_MAX_GAP: Final = 2**20
"""Bytes between two ranges of one object that are rather read along than asked for separately."""


class S3Engine:
    """What both faces do, as coroutines.

    Args:
        transport: how S3 is reached.
        runtime: how parallel steps are run.
        max_concurrency: most requests in flight for one call, 1 or more.
        block_size: bytes of a range and, if it is 5 MiB or more, of a part; 1 or more. If None they are
            `DEFAULT_BLOCK_SIZE` and `DEFAULT_PART_SIZE`.
        arguments: parameters of S3's requests that go with every request that knows them.
        version_aware: paths may end in ``?versionId=…``, and what is read is pinned to its version.
        compare_etags_only: leave out ``If-Match`` where what is read must not change meanwhile.
        reopen: read the new object where one is replaced while it is read.
        parts_grow: whether parts of an object of unknown size grow, so that 10 000 of them suffice.
        allow_bucket_creation: whether buckets may be created.
        allow_bucket_deletion: whether buckets may be deleted.
        listings: what is kept of listings.
    """

    def __init__(
        self,
        transport: S3Transport,
        runtime: Runtime,
        *,
        max_concurrency: int,
        block_size: int | None = None,
        arguments: Arguments = _NO_ARGUMENTS,
        version_aware: bool = False,
        compare_etags_only: bool = False,
        reopen: bool = False,
        parts_grow: bool = True,
        allow_bucket_creation: bool = False,
        allow_bucket_deletion: bool = False,
        listings: ListingsCache | None = None,
    ) -> None:
        if max_concurrency < 1:
            raise ValueError(f"max_concurrency is 1 or more requests in flight, got {max_concurrency}")
        if block_size is not None and block_size < 1:
            raise ValueError(f"a block has 1 byte or more, got {block_size}")
        self.transport = transport
        self.runtime = runtime
        self.max_concurrency = max_concurrency
        self.block_size = DEFAULT_BLOCK_SIZE if block_size is None else block_size
        self._part_size = DEFAULT_PART_SIZE if block_size is None else max(block_size, MIN_PART_SIZE)
        self.arguments = arguments
        self.version_aware = version_aware
        self._compare_etags_only = compare_etags_only
        self.reopen = reopen
        self._parts_grow = parts_grow
        self.allow_bucket_creation = allow_bucket_creation
        self.allow_bucket_deletion = allow_bucket_deletion
        self.listings = ListingsCache(enabled=False) if listings is None else listings

    def ref(self, path: str, version_id: str | None = None) -> ObjectRef:
        """Return the object that a path names; of the version that it names, if the engine is aware of versions."""
        if self.version_aware:
            path, named = split_version(path)
            version_id = version_id or named
        return object_ref(path, version_id)

    def pin(self, ref: ObjectRef, arguments: Arguments | None = None, *, size: int | None = None) -> PinnedObject:
        """Return an object that is to stay the same in every request."""
        options = (self.arguments if arguments is None else arguments).get()
        return PinnedObject(
            self.transport,
            ref,
            options=options,
            size=size,
            pin_version=self.version_aware,
            compare_only=self._compare_etags_only,
        )

    # --- looking ---------------------------------------------------------------------------------

    async def info(self, path: str, version_id: str | None = None, arguments: Arguments | None = None) -> Entry:
        """Tell what a path is: an object, a directory (keys begin with it), a bucket, or the root.

        A path that ends in a slash is looked for as a key first, which may stand for the directory.

        Raises:
            FileNotFoundError: nothing of these.
        """
        bucket, key = split(path)
        if not bucket:
            return {"name": "", "type": "directory", "size": 0}
        if not key:
            return bucket_entry(await self.transport.head_bucket(bucket, options=self.arguments.request()))
        ref = self.ref(path, version_id)
        try:
            info = await self.head(ref, arguments)
        except S3NotFoundError as missing:
            if ref.version_id is None and await self._is_prefix(bucket, key, missing):
                return directory_entry(bucket, key)
            raise
        if key.endswith("/") and info.size == 0:
            return directory_entry(bucket, key)
        return info_entry(bucket, info)

    async def head(self, ref: ObjectRef, arguments: Arguments | None = None) -> ObjectInfo:
        """Look at an object (HeadObject)."""
        return await self.transport.head_object(ref, options=(self.arguments if arguments is None else arguments).get())

    async def exists(self, path: str, version_id: str | None = None) -> bool:
        """Tell whether `info` would find something. Errors other than "not found" are raised."""
        try:
            await self.info(path, version_id)
        except FileNotFoundError:
            return False
        return True

    async def is_file(self, path: str) -> bool:
        """Tell whether a path is an object that stands for no directory."""
        bucket, key = split(path)
        if not bucket or not key:
            return False
        try:
            info = await self.head(self.ref(path))
        except FileNotFoundError:
            return False
        return not (key.endswith("/") and info.size == 0)

    async def is_directory(self, path: str) -> bool:
        """Tell whether keys begin with a path and a slash, or it is a bucket or the root."""
        bucket, key = split(path)
        try:
            if key:
                return await self._is_prefix(bucket, key)
            if bucket:
                await self.transport.head_bucket(bucket, options=self.arguments.request())
        except FileNotFoundError:
            return False
        return True

    async def _is_prefix(self, bucket: str, key: str, missing: S3NotFoundError | None = None) -> bool:
        try:
            page = await self.transport.list_objects(
                bucket, prefix=as_prefix(key), max_keys=1, options=self.arguments.list()
            )
        except S3NotFoundError as error:
            # There is no such bucket; `missing` names the key too.
            raise missing or error from error
        return bool(page.objects or page.prefixes)

    async def list_directory(self, path: str, *, refresh: bool = False) -> list[Entry]:
        """List what is directly below a path, sorted by name; an object is listed as itself.

        Args:
            path: a bucket, a directory or an object; the root lists the buckets.
            refresh: ask S3, also if the listing is cached.

        Raises:
            FileNotFoundError: there is neither a directory nor an object.
        """
        bucket, key = split(path)
        if not bucket:
            return [bucket_entry(found) async for found in self._buckets()]
        prefix = as_prefix(key)
        known = None if refresh else self.listings.get(bucket, prefix)
        if known is not None:
            return known
        generation = self.listings.generation
        entries = []
        found = not key
        async for page in self.pages(bucket, prefix, "/"):
            found = found or bool(page.objects or page.prefixes)
            # An object with the prefix itself as its key stands for the directory, unless it holds something.
            entries += [summary_entry(bucket, each) for each in page.objects if each.key != prefix or each.size]
            entries += [directory_entry(bucket, each) for each in page.prefixes]
        if not found:
            return [info_entry(bucket, await self.head(self.ref(path)))]
        entries.sort(key=_by_name)
        self.listings.put(bucket, prefix, entries, generation)
        return entries

    async def find(
        self,
        path: str,
        *,
        maxdepth: int | None = None,
        withdirs: bool = False,
        prefix: str = "",
    ) -> dict[str, Entry]:
        """Find all objects below a path, in the order of their names.

        Args:
            path: where to begin; a bucket, a directory or an object (which is then found alone).
            maxdepth: levels to go down, 1 or more; None is all.
            withdirs: find directories too, the one at ``path`` itself included if it is one.
            prefix: only what begins so, directly below ``path``.
        """
        if maxdepth is not None and maxdepth < 1:
            raise ValueError(f"maxdepth is 1 or more, got {maxdepth}")
        bucket, key = split(path)
        if not bucket:
            raise ValueError("cannot find in all buckets at once; give a path that begins with a bucket")
        base = as_prefix(key)
        objects = {}
        async for page in self.pages(bucket, base + prefix):
            for each in page.objects:
                objects[each.key] = each
        if not objects and key and not prefix:
            try:
                return {join(bucket, key): info_entry(bucket, await self.head(self.ref(path)))}
            except S3NotFoundError:
                return {}
        found = {}
        if withdirs:
            directories = {each for each in parents(objects, base) if _depth(each[:-1], base, maxdepth)}
            if not prefix and key and objects:
                directories.add(base)
            found = {each[:-1]: directory_entry(bucket, each) for each in directories}
        # An object wins over a directory of its name. An empty one that ends in a slash is but the mark of a directory.
        for each in objects.values():
            if (each.size or not each.key.endswith("/")) and _depth(each.key, base, maxdepth):
                found[each.key] = summary_entry(bucket, each)
        return {entry["name"]: entry for entry in sorted(found.values(), key=_by_name)}

    async def markers(self, path: str) -> list[str]:
        """Find the empty keys that end in a slash at or below a path: they mark directories, and are hidden else."""
        bucket, key = split(path)
        found: list[str] = []
        async for page in self.pages(bucket, as_prefix(key)):
            found += [join(bucket, each.key) for each in page.objects if each.key.endswith("/") and not each.size]
        return found

    async def pages(self, bucket: str, prefix: str, delimiter: str = "") -> AsyncIterator[ListPage]:
        """Go through a listing, page by page."""
        token = None
        while True:
            page = await self.transport.list_objects(
                bucket, prefix=prefix, delimiter=delimiter, token=token, options=self.arguments.list()
            )
            yield page
            token = page.next_token
            if token is None:
                return

    async def _buckets(self) -> AsyncIterator[BucketInfo]:
        token = None
        while True:
            page = await self.transport.list_buckets(token=token)
            for bucket in page.buckets:
                yield bucket
            token = page.next_token
            if token is None:
                return

    # --- reading ---------------------------------------------------------------------------------

    def reader(
        self,
        ref: ObjectRef,
        *,
        block_size: int | None = None,
        size: int | None = None,
        arguments: Arguments | None = None,
    ) -> RangeReader:
        """Return what reads an object at any position. Sends nothing yet.

        Args:
            ref: the object.
            arguments: parameters of the requests; the engine's if None.
            block_size: bytes of a range, 1 or more; the engine's if None.
            size: bytes of the object, if they are known.
        """
        if block_size is not None and block_size < 1:
            raise ValueError(f"block_size is 1 byte or more, got {block_size}")
        return RangeReader(
            self.pin(ref, arguments, size=size),
            self.runtime,
            block_size=self.block_size if block_size is None else block_size,
            limit=self.max_concurrency,
            reopen=self.reopen,
        )

    async def read(
        self,
        path: str,
        start: int | None = None,
        end: int | None = None,
        *,
        version_id: str | None = None,
        arguments: Arguments | None = None,
        max_concurrency: int | None = None,
        progress: Progress | None = None,
    ) -> bytes:
        """Read an object, or a slice of it, in parallel ranges.

        Args:
            path: the object.
            start: first byte; negative counts from the end, as in Python's slices.
            end: one past the last; negative counts from the end, None is the end.
            version_id: which version of it; the current one if None.
            arguments: parameters of the requests; the engine's if None.
            max_concurrency: most requests in flight for this call, 1 or more; the engine's if None.
            progress: is told of the bytes.

        Raises:
            FileNotFoundError: there is no such object.
        """
        pinned = self.pin(self.ref(path, version_id), arguments)
        limit = self.limit(max_concurrency)
        told = progress or Progress()
        return await read_whole(
            pinned, lambda each: self._read_pinned(each, start, end, limit, told), reopen=self.reopen
        )

    async def _read_pinned(
        self, pinned: PinnedObject, start: int | None, end: int | None, limit: int, progress: Progress
    ) -> bytes:
        if (start or 0) < 0 or (end is not None and end < 0):
            info = await pinned.head()
            start, end = resolve(start, end, info.size)
        start = start or 0
        if end is not None and end <= start:
            if pinned.etag is None:
                await pinned.head()  # an empty slice of what is not there is an error all the same
            progress.begin(0)
            return b""
        with _Assembled(start, progress) as whole:
            await read_blocks(pinned, start, end, self.runtime, self.block_size, limit, whole)
            return whole.value()

    def limit(self, max_concurrency: int | None) -> int:
        """Return how many requests one call may have in flight."""
        if max_concurrency is None or max_concurrency == -1:  # fsspec's word for "no limit"
            return self.max_concurrency
        if max_concurrency < 1:
            raise ValueError(f"max_concurrency is 1 or more requests in flight, got {max_concurrency}")
        return min(max_concurrency, self.max_concurrency)

    async def read_many(
        self,
        paths: Sequence[str],
        arguments: Arguments | None = None,
        max_concurrency: int | None = None,
        *,
        stop_on_error: bool = False,
        progress: Progress | None = None,
    ) -> list[bytes | Exception]:
        """Read objects in parallel; what fails stands in its place, or is raised and stops the rest."""
        told = progress or Progress()

        async def read(path: str) -> bytes | Exception:
            with told.of(path, "") as callback:
                try:
                    return await self.read(path, arguments=arguments, progress=Progress(callback))
                except Exception as error:
                    if stop_on_error:
                        raise
                    return error

        told.begin(len(paths))
        return await run_all(self.runtime, read, paths, self.limit(max_concurrency))

    async def read_ranges(
        self,
        paths: Sequence[str],
        starts: Sequence[int | None],
        ends: Sequence[int | None],
        *,
        max_gap: int | None = None,
        max_concurrency: int | None = None,
        arguments: Arguments | None = None,
    ) -> list[bytes | Exception]:
        """Read slices of objects in parallel; those of one object that are near each other in one request.

        Args:
            paths: the object of each slice.
            starts: first byte of each; negative counts from the end.
            ends: one past the last byte of each; negative counts from the end, None is the end.
            max_gap: bytes between two slices that are read along rather than asked for separately; 1 MiB if None.
            max_concurrency: most requests in flight for this call, 1 or more; the engine's if None.
            arguments: parameters of the requests; the engine's if None.

        Returns:
            The bytes of each slice, in the order asked; what fails stands in its place as the exception.
        """
        if not len(paths) == len(starts) == len(ends):
            raise ValueError(f"each path needs a start and an end, got {len(paths)}, {len(starts)} and {len(ends)}")
        gap = _MAX_GAP if max_gap is None else max_gap
        if gap < 0:
            raise ValueError(f"max_gap is a number of bytes, 0 or more, got {max_gap}")
        limit = self.limit(max_concurrency)
        # One for each object, so that slices of it are never of two objects.
        pinned = {path: self.pin(self.ref(path), arguments) for path in dict.fromkeys(paths)}
        results: dict[int, bytes | Exception] = {}
        steps: list[tuple[str, MergedRange | int]] = []
        near: dict[str, list[int]] = {}
        for index, (path, start, end) in enumerate(zip(paths, starts, ends, strict=True)):
            if end is not None and 0 <= (start or 0) < end:
                near.setdefault(path, []).append(index)
            else:
                steps.append((path, index))  # its bounds depend on the size
        for path, indexes in near.items():
            bounds = [(starts[i] or 0, ends[i] or 0) for i in indexes]
            for merged in merge_ranges(bounds, max_gap=gap, max_size=2 * self.block_size):
                serves = tuple(indexes[i] for i in merged.serves)
                steps.append((path, MergedRange(merged.start, merged.stop, serves)))

        async def read(step: tuple[str, MergedRange | int]) -> None:
            path, which = step
            if isinstance(which, int):
                which = MergedRange(0, 0, (which,))
                start, end = starts[which.serves[0]], ends[which.serves[0]]
            else:
                start, end = which.start, which.stop
            try:
                data = await self._read_pinned(pinned[path], start, end, limit, Progress())
            except Exception as error:
                results.update(dict.fromkeys(which.serves, error))
                return
            if len(which.serves) == 1:
                results[which.serves[0]] = data
                return
            view = memoryview(data)
            for index in which.serves:
                low, high = starts[index] or 0, ends[index] or 0
                results[index] = bytes(view[low - which.start : high - which.start])

        await run_all(self.runtime, read, steps, limit)
        return [results[index] for index in range(len(paths))]

    # --- writing ---------------------------------------------------------------------------------

    async def write(
        self,
        path: str,
        data: Buffer,
        *,
        mode: str = "overwrite",
        arguments: Arguments | None = None,
        part_size: int | None = None,
        max_concurrency: int | None = None,
        progress: Progress | None = None,
    ) -> PutResult:
        """Write an object: in one request, or in parallel parts if it is larger than two of them.

        Args:
            path: the object.
            data: its bytes.
            mode: ``overwrite``, or ``create`` which raises `FileExistsError` where an object is.
            arguments: parameters of the requests; the engine's if None.
            part_size: bytes of a part, 5 MiB or more; the engine's if None.
            max_concurrency: most requests in flight for this call, 1 or more; the engine's if None.
            progress: is told of the bytes.
        """
        ref = self.ref(path)
        options = self.write_options(ref, mode, arguments)
        view = memoryview(data).cast("B")

        async def read(piece: ByteRange) -> Buffer:
            return view[piece.start : piece.stop]

        return await self.write_parts(ref, view.nbytes, read, options, part_size, max_concurrency, progress)

    def write_options(self, ref: ObjectRef, mode: str, arguments: Arguments | None = None) -> PutOptions:
        """Return the options to write an object with."""
        if mode not in ("overwrite", "create"):
            raise ValueError(f"mode is 'overwrite' or 'create', got {mode!r}")
        options = (self.arguments if arguments is None else arguments).put(content_type=_guess_type(ref.key))
        return replace(options, if_none_match="*") if mode == "create" else options

    async def write_parts(
        self,
        ref: ObjectRef,
        size: int,
        read: Callable[[ByteRange], Awaitable[Buffer]],
        options: PutOptions,
        part_size: int | None = None,
        max_concurrency: int | None = None,
        progress: Progress | None = None,
    ) -> PutResult:
        """Write an object of known size, whose bytes are to be had range by range.

        Args:
            ref: the object.
            size: its bytes.
            read: returns a range of them; called for several at a time.
            options: content headers and conditions.
            part_size: bytes of a part, as in `write`.
            max_concurrency: most requests in flight, as in `write`.
            progress: is told of the bytes.
        """
        block = self.part_size(part_size)
        told = progress or Progress()
        told.begin(size)

        async def send(upload: MultipartUpload, number: int, piece: ByteRange) -> CompletedPart:
            body = await read(piece)
            part = await self.transport.upload_part(upload, number, body, options=part_options(options))
            told.advance(piece.size or 0)
            return part

        with self.listings.changing(ref.bucket, ref.key):
            if size <= 2 * block:
                body = await read(ByteRange(0, size)) if size else b""
                result = await self.transport.put_object(ref, body, options=options)
                told.advance(size)
                return result
            parts = list(enumerate(split_range(0, size, equal_part_size(size, block)), start=1))
            return await self.upload(ref, parts, send, options, max_concurrency)

    def part_size(self, asked: int | None) -> int:
        """Return the bytes of a part."""
        if asked is None:
            return self._part_size
        if asked < MIN_PART_SIZE:
            raise ValueError(f"a part has {MIN_PART_SIZE} bytes (5 MiB) or more, got {asked}")
        return asked

    async def upload(
        self,
        ref: ObjectRef,
        parts: Sequence[tuple[int, T]],
        send: Callable[[MultipartUpload, int, T], Awaitable[CompletedPart]],
        options: PutOptions,
        max_concurrency: int | None = None,
    ) -> PutResult:
        """Make an object of parts that are sent in parallel; a failure leaves nothing of them.

        Args:
            ref: the object.
            parts: number of each part, ascending, and what it is made of.
            send: sends one part.
            options: content headers and conditions.
            max_concurrency: most requests in flight for this call.
        """
        upload = await begin_upload(self.transport, self.runtime, ref, options)
        try:
            done = await run_all(self.runtime, lambda part: send(upload, *part), parts, self.limit(max_concurrency))
            return await self.transport.complete_multipart_upload(upload, done, options=complete_options(options))
        except BaseException:
            await abort_upload(self.transport, self.runtime, upload, request_options(options))
            raise

    def writer(
        self,
        ref: ObjectRef,
        *,
        block_size: int | None = None,
        size: int | None = None,
        mode: Literal["w", "x", "a"] = "w",
        arguments: Arguments | None = None,
    ) -> PartWriter:
        """Return what writes an object as it comes. Sends nothing yet.

        Args:
            ref: the object.
            block_size: bytes of a part, 5 MiB or more; the engine's if None.
            size: bytes of the whole object, if they are known.
            mode: ``w`` replaces what is there, ``x`` refuses it, ``a`` goes on behind it.
            arguments: parameters of the requests; the engine's if None.
        """
        return PartWriter(
            self.transport,
            self.runtime,
            ref,
            block_size=self._part_size if block_size is None else block_size,
            size=size,
            grows=self._parts_grow,
            mode=mode,
            options=self.write_options(ref, "create" if mode == "x" else "overwrite", arguments),
            guessed_type=_guess_type(ref.key),
            written=lambda: self.listings.forget(ref.bucket, ref.key),
        )

    # --- deleting --------------------------------------------------------------------------------

    async def remove(
        self,
        paths: Iterable[str | ObjectRef],
        *,
        recursive: bool = False,
        maxdepth: int | None = None,
        progress: Progress | None = None,
    ) -> list[str]:
        """Delete objects, and with ``recursive`` what is below them; return the paths of what was deleted.

        Without ``recursive`` a path is a key, which S3 deletes whether it is there or not; so is what is given as an
        object already, whatever its key looks like. ``progress`` is told of the keys of each request.

        Raises:
            FileNotFoundError: with ``recursive``, a path is neither an object nor a directory. Nothing is deleted then.
            S3DeleteError: some could not be deleted; it holds which, and why. The others were.
        """
        doomed: dict[str, dict[tuple[str, str | None], None]] = {}  # each key once, in order
        for path in paths:
            if recursive and isinstance(path, str):
                bucket, key = split(path)
                below = await self._keys_at_and_below(bucket, key, maxdepth)
                doomed.setdefault(bucket, {}).update(dict.fromkeys((found, None) for found in below))
            elif isinstance(path, str) and not self.version_aware:
                bucket, key = split_object(path)
                doomed.setdefault(bucket, {})[key, None] = None
            else:
                ref = self.ref(path) if isinstance(path, str) else path
                doomed.setdefault(ref.bucket, {})[ref.key, ref.version_id] = None
        failures: list[S3Error] = []
        told = progress or Progress()
        told.begin(sum(len(found) for found in doomed.values()))
        for bucket, found in doomed.items():
            try:
                await self.remove_keys(bucket, [ObjectKey(*each) for each in found], told)
            except S3Error as error:  # the other buckets have nothing to do with it
                failures.append(error)
        if failures:
            for failure in failures[1:]:
                failures[0].add_note(str(failure))
            raise failures[0]
        return [join(bucket, key) for bucket, found in doomed.items() for key, _ in found]

    async def _keys_at_and_below(self, bucket: str, key: str, maxdepth: int | None) -> list[str]:
        if not bucket:
            raise ValueError("cannot delete all buckets at once; give a path that begins with a bucket")
        base = as_prefix(key)
        keys = []
        # One listing finds both the object `a` and what is below `a/`, unless so many others (`a-1`, `a-2` …) stand
        # between the two that it pays to begin anew.
        prefix = key
        page = await self.transport.list_objects(bucket, prefix=prefix, options=self.arguments.list())
        while True:
            keys += [found.key for found in page.objects if found.key == key or found.key.startswith(base)]
            if page.next_token is None:
                break
            last = page.objects[-1].key if page.objects else ""
            if prefix == base or last >= base:
                if last > base and not last.startswith(base):
                    break
                page = await self.transport.list_objects(
                    bucket, prefix=prefix, token=page.next_token, options=self.arguments.list()
                )
            else:
                prefix = base
                page = await self.transport.list_objects(bucket, prefix=prefix, options=self.arguments.list())
        if not keys and key:
            raise S3NotFoundError(
                "There is neither an object nor a directory of this name",
                code="NoSuchKey",
                operation="ListObjectsV2",
                bucket=bucket,
                key=key,
            )
        return [found for found in keys if _depth(found.rstrip("/"), base, maxdepth)]

    async def remove_keys(self, bucket: str, keys: Sequence[ObjectKey], progress: Progress | None = None) -> None:
        """Delete keys of one bucket, a thousand a request, in parallel; those that are not there count as deleted.

        Raises:
            S3DeleteError: some could not be deleted; all others were.
        """
        batches = [keys[at : at + MAX_DELETE_KEYS] for at in range(0, len(keys), MAX_DELETE_KEYS)]

        async def delete(batch: Sequence[ObjectKey]) -> DeleteResult:
            result = await self.transport.delete_objects(bucket, batch, options=self.arguments.delete())
            if progress is not None:
                progress.advance(len(batch))
            return result

        try:
            results = await run_all(self.runtime, delete, batches, self.max_concurrency)
        finally:
            self.listings.forget_all(bucket, (key.key for key in keys))
        errors = tuple(error for result in results for error in result.errors)
        if errors:
            denied = all(error.code == "AccessDenied" for error in errors)
            raise (S3DeleteDeniedError if denied else S3DeleteError)(errors, bucket=bucket)

    # --- directories and buckets -----------------------------------------------------------------

    async def make_directory(
        self, path: str, *, acl: str | None = None, region: str | None = None, create_parents: bool = True
    ) -> None:
        """Create a bucket, if that is allowed. Below a bucket there is nothing to create: S3 has no directories.

        Raises:
            PermissionError: the filesystem was not made with ``allow_bucket_creation=True``.
            FileExistsError: there is such a bucket.
        """
        bucket, key = split(path)
        if not bucket:
            raise ValueError(f"a directory needs a path that begins with a bucket, got {path!r}")
        if key:
            return
        if not self.allow_bucket_creation:
            raise PermissionError(
                f"creating the bucket {bucket!r} needs a filesystem made with allow_bucket_creation=True"
            )
        await self.transport.create_bucket(bucket, region=region, acl=acl)
        self.listings.forget_below(bucket, "")

    async def make_directories(self, path: str, *, exist_ok: bool = False) -> None:
        """Do what `make_directory` does; with ``exist_ok`` a bucket that is there is no error."""
        bucket, key = split(path)
        if exist_ok and bucket and not key and await self.is_directory(path):
            return
        await self.make_directory(path)

    async def remove_directory(self, path: str) -> None:
        """Delete a bucket that is empty, if that is allowed. A directory is gone when nothing is left in it.

        Raises:
            FileNotFoundError: there is no such bucket.
            FileExistsError: the path is an object.
            PermissionError: the filesystem was not made with ``allow_bucket_deletion=True``.
            OSError: there is something in it.
        """
        bucket, key = split(path)
        if not bucket:
            raise ValueError(f"rmdir needs a path that begins with a bucket, got {path!r}")
        if key:
            if await self.is_directory(path):
                # A marker that stands for the directory is all there may be.
                page = await self.transport.list_objects(bucket, prefix=as_prefix(key), max_keys=2)
                if [(each.key, each.size) for each in page.objects] != [(as_prefix(key), 0)]:
                    raise OSError(errno.ENOTEMPTY, "There is something in this directory", path)
                await self.remove_keys(bucket, [ObjectKey(as_prefix(key))])
            elif await self.is_file(path):
                raise FileExistsError(errno.EEXIST, "This is an object; rm() deletes it", path)
            return
        if not self.allow_bucket_deletion:
            raise PermissionError(
                f"deleting the bucket {bucket!r} needs a filesystem made with allow_bucket_deletion=True"
            )
        await self.transport.delete_bucket(bucket, options=self.arguments.request())
        self.listings.forget_below(bucket, "")


class _Memory(io.BytesIO):
    """Memory that is not closed when it is found in a cycle with views of it, about which Python would complain."""

    @override
    def __del__(self) -> None:
        pass


class _Assembled:
    """Bytes of an object, which are read in blocks."""

    def __init__(self, start: int, progress: Progress) -> None:
        self._start = start
        self._progress = progress
        self._alone = b""
        # It hands out the memory that it was given: every block but the first is written once, into its place.
        self._whole: _Memory | None = None
        self._view = memoryview(b"")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self._let_go()  # a traceback may keep this

    def _let_go(self) -> None:
        self._view.release()
        self._whole = None

    def begin(self, stop: int, *, alone: bool) -> None:
        self._progress.begin(stop - self._start)
        self._let_go()
        if not alone:
            self._whole = _Memory(bytes(stop - self._start))
            self._view = self._whole.getbuffer()

    async def take(self, answer: ObjectRange) -> None:
        if self._whole is None:
            self._alone = as_bytes(answer.data)
        else:
            self._view[: answer.size] = answer.data
        self._progress.advance(answer.size)

    async def fetch(self, pinned: PinnedObject, block: ByteRange) -> None:
        await pinned.fetch_into(self._view, self._start, block)
        self._progress.advance(block.size or 0)

    def value(self) -> bytes:
        self._view.release()
        return self._alone if self._whole is None else self._whole.getvalue()


def _guess_type(key: str) -> str | None:
    guessed, encoding = mimetypes.guess_type(key)
    return None if encoding else guessed


def as_prefix(key: str) -> str:
    """Return what the keys below a directory begin with; nothing for a whole bucket."""
    return f"{key}/" if key and not key.endswith("/") else key


def _by_name(entry: Mapping[str, Any]) -> str:
    name: str = entry["name"]
    return name


def _depth(key: str, base: str, maxdepth: int | None) -> bool:
    """Tell whether a key below ``base`` is within ``maxdepth`` levels."""
    return maxdepth is None or key.count("/", len(base)) < maxdepth
