"""From what S3 tells to the dicts that fsspec hands out. Pure functions.

Entries carry fsspec's keys (``name size type``) and those of s3fs (``Key Size ETag LastModified StorageClass`` …).
Each is made for the one who asks: nobody else sees what a caller does to it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

from pyathena.filesystem.paths import join
from pyathena.transport.values import BucketInfo, ObjectInfo, ObjectSummary, ObjectVersion

__all__ = ["Entry", "bucket_entry", "directory_entry", "info_entry", "parents", "summary_entry", "version_entry"]

Entry: TypeAlias = dict[str, Any]


def summary_entry(bucket: str, summary: ObjectSummary) -> Entry:
    """An object as a listing shows it."""
    name = join(bucket, summary.key)
    return {
        "name": name,
        "type": "file",
        "size": summary.size,
        "Key": name,
        "Size": summary.size,
        "ETag": summary.etag,
        "LastModified": summary.last_modified,
        "StorageClass": summary.storage_class or "STANDARD",
    }


def info_entry(bucket: str, info: ObjectInfo) -> Entry:
    """An object as HeadObject shows it. S3 leaves the class out of the answer where it is STANDARD."""
    name = join(bucket, info.key)
    return {
        "name": name,
        "type": "file",
        "size": info.size,
        "Key": name,
        "Size": info.size,
        "ETag": info.etag,
        "LastModified": info.last_modified,
        "StorageClass": info.storage_class or "STANDARD",
        "VersionId": info.version_id,
        "ContentType": info.content_type,
    }


def version_entry(bucket: str, version: ObjectVersion) -> Entry:
    """A version of an object, or a delete marker, as a listing of versions shows it."""
    name = join(bucket, version.key)
    return {
        "name": f"{name}?versionId={version.version_id}",
        "type": "file",
        "size": version.size,
        "Key": name,
        "Size": version.size,
        "ETag": version.etag,
        "LastModified": version.last_modified,
        "StorageClass": version.storage_class or "STANDARD",
        "VersionId": version.version_id,
        "IsLatest": version.is_latest,
        "IsDeleteMarker": version.is_delete_marker,
    }


def directory_entry(bucket: str, prefix: str) -> Entry:
    """A common prefix, which is what S3 has for a directory.

    Its name has no slash at the end, unless the directory has none but that: ``a//`` below ``a/``.
    """
    name = join(bucket, prefix)
    if name.endswith("/") and not name.endswith("//"):
        name = name[:-1]
    return {"name": name, "type": "directory", "size": 0, "Key": name, "Size": 0, "StorageClass": "DIRECTORY"}


def bucket_entry(bucket: BucketInfo) -> Entry:
    """A bucket."""
    return {
        "name": bucket.name,
        "type": "directory",
        "size": 0,
        "Key": bucket.name,
        "Size": 0,
        "StorageClass": "BUCKET",
        "CreationDate": bucket.created,
    }


def parents(keys: Iterable[str], below: str) -> set[str]:
    """The prefixes (ending in ``/``) that the keys imply as directories, deeper than the prefix ``below``."""
    found: set[str] = set()
    for key in keys:
        end = key.rfind("/")
        while end >= len(below) and key[: end + 1] not in found and key[: end + 1] != below:
            found.add(key[: end + 1])
            end = key.rfind("/", 0, end)
    return found
