"""All that the filesystem does with S3, written once as coroutines over `S3Transport`.

Both faces run these: `AioS3FileSystem` on an event loop, `S3FileSystem` without one. So nothing here knows asyncio:
parallel steps go through the runtime.
"""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from typing_extensions import Buffer

from pyathena.filesystem.listing import (
    Entry,
    bucket_entry,
    directory_entry,
    info_entry,
    parents,
    summary_entry,
)
from pyathena.filesystem.paths import join, object_ref, split
from pyathena.filesystem.planning import MergedRange, equal_part_size, merge_ranges, resolve, split_range
from pyathena.filesystem.reading import PinnedObject, RangeReader, as_bytes, read_parallel
from pyathena.filesystem.writing import PartWriter, abort_upload, begin_upload
from pyathena.runtime import Runtime, run_all
from pyathena.transport.errors import (
    S3DeleteDeniedError,
    S3DeleteError,
    S3NotFoundError,
)
from pyathena.transport.protocol import S3Transport
from pyathena.transport.values import (
    MAX_DELETE_KEYS,
    MIN_PART_SIZE,
    ByteRange,
    CompletedPart,
    ListPage,
    ObjectKey,
    ObjectRef,
    PutOptions,
    PutResult,
)

__all__ = ["DEFAULT_BLOCK_SIZE", "S3Engine"]

DEFAULT_BLOCK_SIZE: Final = 8 * 2**20
"""Bytes of a range and of a part. AWS recommends 8 or 16 MiB for parallel requests to one object."""

_MAX_GAP: Final = 2**20
"""Bytes between two ranges of one object that are rather read along than asked for separately."""


class S3Engine:
    """What both faces do, as coroutines.

    Args:
        transport: how S3 is reached.
        runtime: how parallel steps are run.
        max_concurrency: most requests in flight for one call, 1 or more.
        block_size: bytes of a range and of a part, 1 or more.
        allow_bucket_creation: whether `mkdir` may create buckets.
    """

    def __init__(
        self,
        transport: S3Transport,
        runtime: Runtime,
        *,
        max_concurrency: int,
        block_size: int = DEFAULT_BLOCK_SIZE,
        allow_bucket_creation: bool = False,
    ) -> None:
        if max_concurrency < 1:
            raise ValueError(f"max_concurrency is 1 or more requests in flight, got {max_concurrency}")
        if block_size < 1:
            raise ValueError(f"a block has 1 byte or more, got {block_size}")
        self.transport = transport
        self.runtime = runtime
        self.max_concurrency = max_concurrency
        self.block_size = block_size
        self.allow_bucket_creation = allow_bucket_creation

    # --- looking ---------------------------------------------------------------------------------

    async def info(self, path: str) -> Entry:
        """Tell what a path is: an object, a directory (keys begin with it), a bucket, or the root.

        Raises:
            FileNotFoundError: nothing of these.
        """
        bucket, key = split(path)
        if not bucket:
            return {"name": "", "type": "directory", "size": 0}
        if not key:
            return bucket_entry(await self.transport.head_bucket(bucket))
        try:
            info = await self.transport.head_object(ObjectRef(bucket, key))
        except S3NotFoundError as missing:
            if await self._has_keys_below(bucket, key, missing):
                return directory_entry(bucket, key)
            raise
        if key.endswith("/") and info.size == 0:
            return directory_entry(bucket, key)
        return info_entry(bucket, info)

    async def exists(self, path: str) -> bool:
        """Tell whether `info` would find something. Errors other than "not found" are raised."""
        try:
            await self.info(path)
        except FileNotFoundError:
            return False
        return True

    async def _has_keys_below(self, bucket: str, key: str, missing: S3NotFoundError) -> bool:
        try:
            page = await self.transport.list_objects(bucket, prefix=f"{key.rstrip('/')}/", max_keys=1)
        except S3NotFoundError as error:
            raise missing from error  # there is no such bucket; `missing` names the key too
        return bool(page.objects or page.prefixes)

    async def list_directory(self, path: str) -> list[Entry]:
        """List what is directly below a path, sorted by name; an object is listed as itself.

        Raises:
            FileNotFoundError: there is neither a directory nor an object.
        """
        bucket, key = split(path)
        if not bucket:
            return [bucket_entry(found) async for found in self._buckets()]
        prefix = f"{key.rstrip('/')}/" if key else ""
        entries = []
        found = not key
        async for page in self._pages(bucket, prefix, "/"):
            found = found or bool(page.objects or page.prefixes)
            # An object with the prefix itself as its key stands for the directory, unless it holds something.
            entries += [summary_entry(bucket, each) for each in page.objects if each.key != prefix or each.size]
            entries += [directory_entry(bucket, each) for each in page.prefixes]
        if not found:
            info = await self.transport.head_object(object_ref(path))
            return [info_entry(bucket, info)]
        return sorted(entries, key=_by_name)

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
        base = f"{key.rstrip('/')}/" if key else ""
        objects = {}
        async for page in self._pages(bucket, base + prefix):
            for each in page.objects:
                objects[each.key] = each
        if not objects and key and not prefix:
            try:
                info = await self.transport.head_object(ObjectRef(bucket, key))
            except S3NotFoundError:
                return {}
            return {join(bucket, key): info_entry(bucket, info)}
        files = {each.key: each for each in objects.values() if each.size or not each.key.endswith("/")}
        directories = parents(objects, base)
        found = [summary_entry(bucket, each) for each in files.values() if _depth(each.key, base, maxdepth)]
        if withdirs:
            found += [directory_entry(bucket, each) for each in directories if _depth(each[:-1], base, maxdepth)]
            if not prefix and key and objects:
                found.append(directory_entry(bucket, base))
        return {entry["name"]: entry for entry in sorted(found, key=_by_name)}

    async def _pages(self, bucket: str, prefix: str, delimiter: str = "") -> AsyncIterator[ListPage]:
        token = None
        while True:
            page = await self.transport.list_objects(bucket, prefix=prefix, delimiter=delimiter, token=token)
            yield page
            token = page.next_token
            if token is None:
                return

    async def _buckets(self) -> AsyncIterator[Any]:
        token = None
        while True:
            page = await self.transport.list_buckets(token=token)
            for bucket in page.buckets:
                yield bucket
            token = page.next_token
            if token is None:
                return

    # --- reading ---------------------------------------------------------------------------------

    def reader(self, ref: ObjectRef, *, block_size: int | None = None, size: int | None = None) -> RangeReader:
        """Return what reads an object at any position. Sends nothing yet.

        Args:
            ref: the object.
            block_size: bytes of a range, 1 or more; the engine's if None.
            size: bytes of the object, if they are known.
        """
        if block_size is not None and block_size < 1:
            raise ValueError(f"block_size is 1 byte or more, got {block_size}")
        return RangeReader(
            PinnedObject(self.transport, ref, size=size),
            self.runtime,
            block_size=self.block_size if block_size is None else block_size,
            limit=self.max_concurrency,
        )

    async def read(self, path: str, start: int | None = None, end: int | None = None) -> bytes:
        """Read an object, or a slice of it, in parallel ranges.

        Args:
            path: the object.
            start: first byte; negative counts from the end, as in Python's slices.
            end: one past the last; negative counts from the end, None is the end.

        Raises:
            FileNotFoundError: there is no such object.
        """
        pinned = PinnedObject(self.transport, object_ref(path))
        if (start or 0) < 0 or (end is not None and end < 0):
            info = await pinned.head()
            start, end = resolve(start, end, info.size)
        start = start or 0
        if end is not None and end <= start:
            if pinned.etag is None:
                await pinned.head()  # an empty slice of what is not there is an error all the same
            return b""
        # The first block tells the size; for a small object it is all there is.
        first = await pinned.fetch(start, start + self.block_size if end is None else min(end, start + self.block_size))
        if first is None:
            return b""
        stop = first.object_size if end is None else min(end, first.object_size)
        if start + first.size >= stop:
            return as_bytes(first.data)
        return await self._assemble(pinned, start, stop, as_bytes(first.data))

    async def _assemble(self, pinned: PinnedObject, start: int, stop: int, first: bytes) -> bytes:
        # BytesIO hands out the memory that it was given: every range is written once, into its place.
        whole = io.BytesIO(bytes(stop - start))
        with whole.getbuffer() as view:
            view[: len(first)] = first
            await read_parallel(
                pinned, start + len(first), view[len(first) :], self.runtime, self.block_size, self.max_concurrency
            )
        return whole.getvalue()

    async def read_many(self, paths: Sequence[str]) -> list[bytes | Exception]:
        """Read objects in parallel; what fails stands in its place as the exception."""

        async def read(path: str) -> bytes | Exception:
            try:
                return await self.read(path)
            except Exception as error:
                return error

        return await run_all(self.runtime, read, paths, self.max_concurrency)

    async def read_ranges(
        self,
        paths: Sequence[str],
        starts: Sequence[int | None],
        ends: Sequence[int | None],
        *,
        max_gap: int | None = None,
        max_concurrency: int | None = None,
    ) -> list[bytes | Exception]:
        """Read slices of objects in parallel; those of one object that are near each other in one request.

        Args:
            paths: the object of each slice.
            starts: first byte of each; negative counts from the end.
            ends: one past the last byte of each; negative counts from the end, None is the end.
            max_gap: bytes between two slices that are read along rather than asked for separately; 1 MiB if None.
            max_concurrency: most requests in flight for this call, 1 or more; the engine's if None.

        Returns:
            The bytes of each slice, in the order asked; what fails stands in its place as the exception.
        """
        if not len(paths) == len(starts) == len(ends):
            raise ValueError(f"each path needs a start and an end, got {len(paths)}, {len(starts)} and {len(ends)}")
        gap = _MAX_GAP if max_gap is None else max_gap
        if gap < 0:
            raise ValueError(f"max_gap is a number of bytes, 0 or more, got {max_gap}")
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
                data = await self.read(path, start, end)
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

        limit = self.max_concurrency if max_concurrency is None else max_concurrency
        await run_all(self.runtime, read, steps, limit)
        return [results[index] for index in range(len(paths))]

    # --- writing ---------------------------------------------------------------------------------

    async def write(
        self, path: str, data: Buffer, *, mode: str = "overwrite", options: PutOptions = PutOptions()
    ) -> PutResult:
        """Write an object: in one request, or in parallel parts if it is larger than two blocks.

        Args:
            path: the object.
            data: its bytes.
            mode: ``overwrite``, or ``create`` which raises `FileExistsError` where an object is.
            options: content headers and the like.
        """
        if mode not in ("overwrite", "create"):
            raise ValueError(f"mode is 'overwrite' or 'create', got {mode!r}")
        if mode == "create":
            options = replace(options, if_none_match="*")
        ref = object_ref(path)
        view = memoryview(data).cast("B")
        block = max(self.block_size, MIN_PART_SIZE)
        if view.nbytes <= 2 * block:
            return await self.transport.put_object(ref, data, options=options)
        size = equal_part_size(view.nbytes, block)
        upload = await begin_upload(self.transport, ref, options)

        async def send(numbered: tuple[int, ByteRange]) -> CompletedPart:
            number, piece = numbered
            return await self.transport.upload_part(upload, number, view[piece.start : piece.stop], options=options)

        try:
            pieces = list(enumerate(split_range(0, view.nbytes, size), start=1))
            parts = await run_all(self.runtime, send, pieces, self.max_concurrency)
            return await self.transport.complete_multipart_upload(upload, parts, options=options)
        except BaseException:
            await abort_upload(self.transport, self.runtime, upload)
            raise

    def writer(
        self,
        ref: ObjectRef,
        *,
        block_size: int | None = None,
        size: int | None = None,
        exclusive: bool = False,
        options: PutOptions = PutOptions(),
    ) -> PartWriter:
        """Return what writes an object as it comes. Sends nothing yet.

        Args:
            ref: the object.
            block_size: bytes of a part, 5 MiB or more; the engine's, or 5 MiB if that is less, if None.
            size: bytes of the whole object, if they are known.
            exclusive: write only where no object is.
            options: content headers and the like.
        """
        return PartWriter(
            self.transport,
            self.runtime,
            ref,
            block_size=max(self.block_size, MIN_PART_SIZE) if block_size is None else block_size,
            size=size,
            options=replace(options, if_none_match="*") if exclusive else options,
        )

    # --- deleting --------------------------------------------------------------------------------

    async def remove(self, paths: Iterable[str], *, recursive: bool = False, maxdepth: int | None = None) -> list[str]:
        """Delete objects, and with ``recursive`` what is below them; return the paths of what was deleted.

        Without ``recursive`` a path is a key, which S3 deletes whether it is there or not.

        Raises:
            FileNotFoundError: with ``recursive``, a path is neither an object nor a directory. Nothing is deleted then.
            S3DeleteError: some could not be deleted; it holds which, and why. The others were.
        """
        doomed: dict[str, dict[str, None]] = {}
        for path in paths:
            bucket, key = split(path)
            if recursive:
                keys = await self._keys_at_and_below(bucket, key, maxdepth)
            else:
                keys = [object_ref(path).key]
            doomed.setdefault(bucket, {}).update(dict.fromkeys(keys))
        for bucket, found in doomed.items():
            await self._remove_keys(bucket, list(found))
        return [join(bucket, key) for bucket, found in doomed.items() for key in found]

    async def _keys_at_and_below(self, bucket: str, key: str, maxdepth: int | None) -> list[str]:
        if not bucket:
            raise ValueError("cannot delete all buckets at once; give a path that begins with a bucket")
        base = f"{key.rstrip('/')}/" if key else ""
        keys = []
        # One listing finds both the object `a` and what is below `a/`, unless so many others (`a-1`, `a-2` …) stand
        # between the two that it pays to begin anew.
        prefix = key
        page = await self.transport.list_objects(bucket, prefix=prefix)
        while True:
            keys += [found.key for found in page.objects if found.key == key or found.key.startswith(base)]
            if page.next_token is None:
                break
            last = page.objects[-1].key if page.objects else ""
            if prefix == base or last >= base:
                if last > base and not last.startswith(base):
                    break
                page = await self.transport.list_objects(bucket, prefix=prefix, token=page.next_token)
            else:
                prefix = base
                page = await self.transport.list_objects(bucket, prefix=prefix)
        if not keys and key:
            raise S3NotFoundError(
                "There is neither an object nor a directory of this name",
                code="NoSuchKey",
                operation="ListObjectsV2",
                bucket=bucket,
                key=key,
            )
        return [found for found in keys if _depth(found.rstrip("/"), base, maxdepth)]

    async def _remove_keys(self, bucket: str, keys: Sequence[str]) -> None:
        """Delete keys of one bucket, a thousand a request, in parallel; those that are not there count as deleted.

        Raises:
            S3DeleteError: some could not be deleted; all others were.
        """
        batches = [keys[at : at + MAX_DELETE_KEYS] for at in range(0, len(keys), MAX_DELETE_KEYS)]

        async def delete(batch: Sequence[str]) -> Any:
            return await self.transport.delete_objects(bucket, [ObjectKey(key) for key in batch])

        results = await run_all(self.runtime, delete, batches, self.max_concurrency)
        errors = tuple(error for result in results for error in result.errors)
        if errors:
            denied = all(error.code == "AccessDenied" for error in errors)
            raise (S3DeleteDeniedError if denied else S3DeleteError)(errors, bucket=bucket)

    # --- directories and buckets -----------------------------------------------------------------

    async def make_directory(self, path: str, *, acl: str | None = None, region: str | None = None) -> None:
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

    async def make_directories(self, path: str, *, exist_ok: bool = False) -> None:
        """Do what `make_directory` does; with ``exist_ok`` a bucket that is there is no error."""
        bucket, key = split(path)
        if exist_ok and bucket and not key:
            try:
                await self.transport.head_bucket(bucket)
            except S3NotFoundError:
                pass
            else:
                return
        await self.make_directory(path)


def _by_name(entry: Mapping[str, Any]) -> str:
    name: str = entry["name"]
    return name


def _depth(key: str, base: str, maxdepth: int | None) -> bool:
    """Tell whether a key below ``base`` is within ``maxdepth`` levels."""
    return maxdepth is None or key.count("/", len(base)) < maxdepth
