"""What there is about objects besides their bytes: versions, metadata, tags, ACLs, URLs, and uploads left open.

Coroutines over the engine; nothing here knows fsspec or asyncio.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from pyathena.filesystem.engine import S3Engine, as_prefix
from pyathena.filesystem.listing import Entry, directory_entry, version_entry
from pyathena.filesystem.options import Arguments
from pyathena.filesystem.paths import join, split
from pyathena.filesystem.writing import CONTENT_FIELDS, abort_upload
from pyathena.runtime import run_all
from pyathena.transport.protocol import PresignedOperation
from pyathena.transport.values import (
    MultipartUpload,
    ObjectKey,
    ObjectRef,
    ObjectVersion,
    RequestOptions,
    VersioningStatus,
)

__all__ = [
    "bucket_versioning",
    "clear_uploads",
    "get_tags",
    "list_directory_versions",
    "list_uploads",
    "list_versions",
    "presigned_url",
    "put_tags",
    "remove_versions",
    "set_acl",
    "set_metadata",
    "upload_entry",
    "versions_of",
]


async def list_versions(engine: S3Engine, bucket: str, prefix: str) -> list[ObjectVersion]:
    """List the versions, and delete markers, of all objects whose keys begin so."""
    found: list[ObjectVersion] = []
    token = None
    while True:
        page = await engine.transport.list_object_versions(
            bucket, prefix=prefix, token=token, options=engine.arguments.list_versions()
        )
        found += page.versions
        token = page.next_token
        if token is None:
            return found


async def list_directory_versions(engine: S3Engine, path: str) -> list[Entry]:
    """List what is directly below a path, each version of each object; delete markers are left out."""
    if not engine.version_aware:
        raise ValueError("versions=True needs a filesystem made with version_aware=True")
    bucket, key = split(path)
    prefix = as_prefix(key)
    entries: list[Entry] = []
    token = None
    while True:
        page = await engine.transport.list_object_versions(
            bucket, prefix=prefix, delimiter="/", token=token, options=engine.arguments.list_versions()
        )
        entries += [version_entry(bucket, each) for each in page.versions if not each.is_delete_marker]
        entries += [directory_entry(bucket, each) for each in page.prefixes]
        token = page.next_token
        if token is None:
            break
    return entries or await versions_of(engine, path)


async def versions_of(engine: S3Engine, path: str, *, delete_markers: bool = False) -> list[Entry]:
    """Tell the versions of one object, the newest first; with ``delete_markers`` those of its removal too."""
    ref = engine.ref(path)
    versions = await list_versions(engine, ref.bucket, ref.key)
    return [
        version_entry(ref.bucket, version)
        for version in versions
        if version.key == ref.key and (delete_markers or not version.is_delete_marker)
    ]


async def remove_versions(engine: S3Engine, bucket: str, prefix: str) -> None:
    """Delete all versions and delete markers of what begins so, for good."""
    versions = await list_versions(engine, bucket, prefix)
    await engine.remove_keys(bucket, [ObjectKey(version.key, version.version_id) for version in versions])


async def set_metadata(
    engine: S3Engine, path: str, metadata: Mapping[str, str | None], arguments: Mapping[str, Any]
) -> None:
    """Change user metadata; None removes a name. S3 can only copy the object onto itself with other metadata.

    Args:
        engine: whose S3.
        path: the object.
        metadata: names and values.
        arguments: parameters of CopyObject (``ContentType=…``), which take the place of what the object had.
    """
    ref = engine.ref(path)
    info = await engine.head(ref)
    changed = {**info.metadata, **{name.lower().replace("_", "-"): value for name, value in metadata.items()}}
    # What the filesystem says of content and metadata is for new objects; this one has its own.
    options = replace(
        engine.arguments.copy(),
        source_if_match=info.etag,
        metadata_directive="REPLACE",
        metadata={name: value for name, value in changed.items() if value is not None},
        storage_class=info.storage_class,
        server_side_encryption=info.server_side_encryption,
        kms_key_id=info.kms_key_id,
        **{name: getattr(info, name) for name in CONTENT_FIELDS},
    )
    said = Arguments(arguments, "setxattr()")
    with engine.listings.changing(ref.bucket, ref.key):
        await engine.transport.copy_object(ref, ObjectRef(ref.bucket, ref.key), options=said.over(options))


async def get_tags(engine: S3Engine, path: str) -> dict[str, str]:
    """Tell the tags of an object."""
    return dict(await engine.transport.get_object_tagging(engine.ref(path), options=engine.arguments.request()))


async def put_tags(engine: S3Engine, path: str, tags: Mapping[str, str], *, mode: Literal["o", "m"] = "o") -> None:
    """Set the tags of an object: ``o`` replaces those it has, ``m`` adds to them."""
    if mode not in ("o", "m"):
        raise ValueError(f"mode is 'o' (overwrite) or 'm' (merge), got {mode!r}")
    kept = await get_tags(engine, path) if mode == "m" else {}
    options = engine.arguments.request()
    await engine.transport.put_object_tagging(engine.ref(path), {**kept, **tags}, options=options)


async def set_acl(engine: S3Engine, path: str, acl: str, *, recursive: bool = False) -> None:
    """Give an object, a bucket, or with ``recursive`` all objects below a path, a canned ACL."""
    bucket, key = split(path)
    options = engine.arguments.request()
    if recursive:
        paths = list(await engine.find(path))

        async def one(below: str) -> None:
            await engine.transport.put_object_acl(engine.ref(below), acl, options=options)

        await run_all(engine.runtime, one, paths, engine.max_concurrency)
    elif key:
        await engine.transport.put_object_acl(engine.ref(path), acl, options=options)
    else:
        await engine.transport.put_bucket_acl(bucket, acl, options=options)


async def presigned_url(
    engine: S3Engine, path: str, operation: PresignedOperation, expires_in: int, extra_args: Mapping[str, object]
) -> str:
    """Make a URL that does one request to one object without credentials. The URL *is* a credential."""
    said = engine.arguments.request()
    options = RequestOptions(requester_pays=said.requester_pays, extra_args=extra_args)
    return await engine.transport.presigned_url(operation, engine.ref(path), expires_in=expires_in, options=options)


async def bucket_versioning(engine: S3Engine, bucket: str) -> VersioningStatus | None:
    """Tell whether a bucket keeps versions; None if it never did."""
    return await engine.transport.get_bucket_versioning(bucket, options=engine.arguments.request())


async def list_uploads(engine: S3Engine, path: str) -> list[MultipartUpload]:
    """List the multipart uploads that are open in a bucket, or below a path in it."""
    bucket, prefix = split(path)
    found: list[MultipartUpload] = []
    token = None
    while True:
        page = await engine.transport.list_multipart_uploads(
            bucket, prefix=prefix, token=token, options=engine.arguments.request()
        )
        found += [each for each in page.uploads if each.key == prefix or each.key.startswith(as_prefix(prefix))]
        token = page.next_token
        if token is None:
            return found


async def clear_uploads(engine: S3Engine, path: str) -> None:
    """Abort all multipart uploads that are open in a bucket, or below a path in it."""

    async def abort(upload: MultipartUpload) -> None:
        await abort_upload(engine.transport, engine.runtime, upload, engine.arguments.request())

    await run_all(engine.runtime, abort, await list_uploads(engine, path), engine.max_concurrency)


def upload_entry(upload: MultipartUpload) -> Entry:
    """Show an open upload with S3's names."""
    return {
        "name": join(upload.bucket, upload.key),
        "Key": upload.key,
        "UploadId": upload.upload_id,
        "Initiated": upload.initiated,
    }
