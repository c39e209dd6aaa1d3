"""Move whole objects: within S3, and from and to local files; in parallel parts where they are large.

Coroutines over the engine; nothing here knows fsspec or asyncio.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import stat
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from typing_extensions import Buffer

from pyathena.filesystem.engine import S3Engine
from pyathena.filesystem.options import Arguments
from pyathena.filesystem.planning import equal_part_size, split_range
from pyathena.filesystem.progress import Progress
from pyathena.filesystem.reading import PinnedObject, read_blocks, read_whole
from pyathena.filesystem.writing import ABORT_SECONDS, WRITE_WINDOW
from pyathena.runtime import run_all
from pyathena.transport.errors import S3InvalidRequestError, S3NotSupportedError, S3PermissionError
from pyathena.transport.values import (
    MAX_PART_SIZE,
    MIN_PART_SIZE,
    ByteRange,
    CompletedPart,
    CopyOptions,
    MultipartUpload,
    ObjectInfo,
    ObjectRange,
    ObjectRef,
    PutResult,
)

__all__ = ["copy_file", "get_file", "merge_files", "put_file"]

_COPY_AT_ONCE: Final = 512 * 2**20
"""Bytes up to which an object is copied in one request; larger ones are copied faster in parts side by side."""

_COPY_PART: Final = 128 * 2**20
"""Bytes of such a part. S3 copies them within itself, so that no memory is held for them."""


# --- within S3 -----------------------------------------------------------------------------------


async def copy_file(
    engine: S3Engine,
    source_path: str,
    target_path: str,
    *,
    arguments: Arguments | None = None,
    version_id: str | None = None,
    preserve_etag: bool = False,
    max_concurrency: int | None = None,
    progress: Progress | None = None,
) -> PutResult:
    """Copy an object within S3, with its content headers, metadata and tags.

    Args:
        engine: whose S3.
        source_path: what to copy.
        target_path: where to.
        arguments: parameters of the requests; the engine's if None.
        version_id: which version of the source; the current one if None.
        preserve_etag: copy an object that was uploaded in parts in the same parts, so that it has the same ETag.
        max_concurrency: most requests in flight for this call, 1 or more; the engine's if None.
        progress: is told of the bytes.

    Raises:
        FileNotFoundError: there is no such source.
        S3PreconditionError: the source was replaced meanwhile. The target is as it was.
    """
    arguments = engine.arguments if arguments is None else arguments
    source, target = engine.ref(source_path, version_id), engine.ref(target_path)
    info = await engine.head(source, arguments)
    options = arguments.copy(source_if_match=info.etag)
    part_size = await _part_size_of(engine, source, info) if preserve_etag else None
    told = progress or Progress()
    told.begin(info.size)
    with engine.listings.changing(target.bucket, target.key):
        if part_size is None and (info.size <= _COPY_AT_ONCE or (preserve_etag and info.size <= MAX_PART_SIZE)):
            result = await engine.transport.copy_object(source, target, options=options)
            told.advance(info.size)
            return result
        options = await _with_what_a_copy_keeps(engine, source, info, options)
        size = part_size or equal_part_size(info.size, _COPY_PART)
        pieces = [(source, piece) for piece in split_range(0, info.size, size)]
        return await _copy_pieces(engine, target, pieces, options, told, max_concurrency)


async def _part_size_of(engine: S3Engine, source: ObjectRef, info: ObjectInfo) -> int | None:
    """Return the size of the parts that an object was uploaded in; None if it was in one."""
    if "-" not in info.etag:
        return None
    first = await engine.transport.head_object(source, options=replace(engine.arguments.get(), part_number=1))
    return first.size


async def _with_what_a_copy_keeps(
    engine: S3Engine, source: ObjectRef, info: ObjectInfo, options: CopyOptions
) -> CopyOptions:
    """Add what CopyObject keeps by itself and a copy in parts does not: content headers, metadata and tags."""
    kept: dict[str, object] = {}
    if options.metadata_directive == "COPY":
        for name in (
            "content_type",
            "content_encoding",
            "content_disposition",
            "content_language",
            "cache_control",
            "metadata",
        ):
            kept[name] = getattr(info, name)
    if options.tagging_directive == "COPY":
        with contextlib.suppress(S3NotSupportedError, S3PermissionError):  # not every server has tags, nor every role
            kept["tags"] = await engine.transport.get_object_tagging(source, options=engine.arguments.request())
    return replace(options, **kept)  # type: ignore[arg-type]  # of the fields of these names


async def _copy_pieces(
    engine: S3Engine,
    target: ObjectRef,
    pieces: Sequence[tuple[ObjectRef, ByteRange]],
    options: CopyOptions,
    progress: Progress,
    max_concurrency: int | None = None,
    etags: dict[ObjectRef, str] | None = None,
) -> PutResult:
    """Make an object of ranges of others."""

    async def copy(upload: MultipartUpload, number: int, piece: tuple[ObjectRef, ByteRange]) -> CompletedPart:
        source, byte_range = piece
        part = CopyOptions(
            source_if_match=options.source_if_match if etags is None else etags[source],
            customer_key=options.customer_key,
            source_customer_key=options.source_customer_key,
            requester_pays=options.requester_pays,
            expected_bucket_owner=options.expected_bucket_owner,
        )
        done = await engine.transport.upload_part_copy(upload, number, source, byte_range, options=part)
        progress.advance(byte_range.size or 0)
        return done

    return await engine.upload(target, list(enumerate(pieces, start=1)), copy, options, max_concurrency)


async def merge_files(
    engine: S3Engine, target_path: str, source_paths: Sequence[str], *, arguments: Arguments | None = None
) -> PutResult:
    """Make one object of others, one behind the other, within S3 (UploadPartCopy).

    Args:
        engine: whose S3.
        target_path: the object to make.
        source_paths: the objects to make it of, at least one; all but the last of 5 MiB or more.
        arguments: parameters of the requests; the engine's if None.
    """
    if not source_paths:
        raise ValueError(f"merge needs one source or more for {target_path!r}, got none")
    arguments = engine.arguments if arguments is None else arguments
    target = engine.ref(target_path)
    sources = [engine.ref(path) for path in source_paths]
    infos = await run_all(engine.runtime, lambda ref: engine.head(ref, arguments), sources, engine.max_concurrency)
    pieces: list[tuple[ObjectRef, ByteRange]] = []
    for source, info in zip(sources, infos, strict=True):
        if info.size < MIN_PART_SIZE and source is not sources[-1]:
            raise S3InvalidRequestError(
                f"all sources but the last need 5 MiB or more, and {source.key!r} has {info.size} bytes",
                code="EntityTooSmall",
                operation="UploadPartCopy",
                bucket=target.bucket,
                key=target.key,
            )
        count = -(-info.size // MAX_PART_SIZE)
        pieces += [(source, piece) for piece in split_range(0, info.size, -(-info.size // max(count, 1)) or 1)]
    etags = {source: info.etag for source, info in zip(sources, infos, strict=True)}
    with engine.listings.changing(target.bucket, target.key):
        return await _copy_pieces(engine, target, pieces, arguments.copy(), Progress(), etags=etags)


# --- from and to local files ---------------------------------------------------------------------


async def put_file(
    engine: S3Engine,
    local_path: str,
    path: str,
    *,
    mode: str = "overwrite",
    arguments: Arguments | None = None,
    part_size: int | None = None,
    max_concurrency: int | None = None,
    progress: Progress | None = None,
) -> PutResult:
    """Upload a local file: in one request, or in parallel parts that are read when their turn comes.

    Args:
        engine: whose S3.
        local_path: the file.
        path: the object.
        mode: ``overwrite``, or ``create`` which raises `FileExistsError` where an object is.
        arguments: parameters of the requests; the engine's if None.
        part_size: bytes of a part, 5 MiB or more; the engine's if None.
        max_concurrency: most requests in flight for this call, 1 or more; the engine's if None.
        progress: is told of the bytes.

    Raises:
        FileNotFoundError: there is no such file.
    """
    ref = engine.ref(path)
    options = engine.write_options(ref, mode, arguments)
    told = await engine.runtime.offload(_known, local_path)
    if told is None:
        # A pipe, or a file of the kernel's, whose size nobody knows before its end.
        data = await engine.runtime.offload(_read_all, local_path)
        return await engine.write(path, data, mode=mode, arguments=arguments, part_size=part_size, progress=progress)

    async def read(piece: ByteRange) -> Buffer:
        return await engine.runtime.offload(_read_piece, local_path, piece, told)

    limit = _within_window(engine, engine.part_size(part_size), max_concurrency)
    return await engine.write_parts(ref, told.st_size, read, options, part_size, limit, progress)


def _known(local_path: str) -> os.stat_result | None:
    """Look at a file; None where its size is not known beforehand."""
    told = os.stat(local_path)
    if not stat.S_ISREG(told.st_mode) or (told.st_size == 0 and _read_all(local_path, 1)):
        return None
    return told


def _read_all(local_path: str, size: int = -1) -> bytes:
    with open(local_path, "rb") as file:
        return file.read(size)


def _read_piece(local_path: str, piece: ByteRange, told: os.stat_result) -> bytes:
    with open(local_path, "rb") as file:
        if not os.path.samestat(os.fstat(file.fileno()), told):
            raise OSError(f"{local_path} was replaced while it was uploaded; put it again")
        file.seek(piece.start)
        data = file.read(piece.size or 0)
    if len(data) != piece.size:
        raise OSError(f"{local_path} was cut while it was uploaded: {piece} is no longer within it")
    return data


def _within_window(engine: S3Engine, size: int, max_concurrency: int | None) -> int:
    """Return how many pieces of this size may be held in memory at a time."""
    return min(engine.limit(max_concurrency), max(1, WRITE_WINDOW // size))


async def get_file(
    engine: S3Engine,
    path: str,
    local_path: str,
    *,
    version_id: str | None = None,
    arguments: Arguments | None = None,
    max_concurrency: int | None = None,
    progress: Progress | None = None,
) -> None:
    """Download an object to a local file, in parallel ranges.

    It is written under another name beside the file and renamed when it is whole: no partial file appears, and one that
    was there stays if this fails.

    Args:
        engine: whose S3.
        path: the object.
        local_path: the file; its directory must be there.
        version_id: which version; the current one if None.
        arguments: parameters of the requests; the engine's if None.
        max_concurrency: most requests in flight for this call, 1 or more; the engine's if None.
        progress: is told of the bytes.
    """

    told = progress or Progress()

    async def download(pinned: PinnedObject) -> None:
        await _download(engine, pinned, local_path, max_concurrency, told)

    await read_whole(engine.pin(engine.ref(path, version_id), arguments), download, reopen=engine.reopen)


async def _download(
    engine: S3Engine,
    pinned: PinnedObject,
    local_path: str,
    max_concurrency: int | None,
    progress: Progress,
) -> None:
    offload = engine.runtime.offload
    target = await offload(_target, local_path)
    temporary = os.path.join(os.path.dirname(target), f".{secrets.token_hex(8)}.part")
    try:
        await offload(_create, temporary)
        limit = _within_window(engine, engine.block_size, max_concurrency)
        blocks = _InFile(engine, temporary, progress)
        await read_blocks(pinned, 0, None, engine.runtime, engine.block_size, limit, blocks)
        await offload(_put_in_place, temporary, target, blocks.size)
    except BaseException:
        await engine.runtime.shield(offload(_remove, temporary), ABORT_SECONDS)
        raise


class _InFile:
    """Bytes of an object, which are written to a file in blocks."""

    def __init__(self, engine: S3Engine, path: str, progress: Progress) -> None:
        self.size = 0
        self._offload = engine.runtime.offload
        self._path = path
        self._progress = progress

    def begin(self, stop: int, *, alone: bool) -> None:
        self.size = stop
        self._progress.begin(stop)

    async def take(self, answer: ObjectRange) -> None:
        await self._offload(_write_block, self._path, answer.start, answer.data)
        self._progress.advance(answer.size)

    async def fetch(self, pinned: PinnedObject, block: ByteRange) -> None:
        assert block.stop is not None
        await self.take(await pinned.fetch_whole(block.start, block.stop))


def _target(path: str) -> str:
    """Tell which file is written: what a link points to is replaced, not the link."""
    if os.path.isdir(path):
        raise IsADirectoryError(f"{path} is a directory; give the name of a file")
    return os.path.realpath(path)


def _create(path: str) -> None:
    with open(path, "xb"):
        pass


def _put_in_place(temporary: str, target: str, size: int) -> None:
    """Give a file its name, with the permissions of the one that it replaces; a device or a pipe is written to."""
    os.truncate(temporary, size)  # what was supposed to be read first may have been longer
    if os.path.exists(target) and not os.path.isfile(target):
        with open(temporary, "rb") as source, open(target, "wb") as sink:
            shutil.copyfileobj(source, sink)
        os.unlink(temporary)
        return
    if os.path.exists(target):
        shutil.copymode(target, temporary)
    os.replace(temporary, target)


def _remove(path: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(path)


def _write_block(path: str, start: int, data: bytes | memoryview) -> None:
    with open(path, "r+b") as file:
        file.seek(start)
        file.write(data)
