"""Paths to buckets and keys, and back. Pure functions."""

from __future__ import annotations

import os
import re
from typing import Final

from pyathena.transport.values import ObjectRef

__all__ = ["PROTOCOLS", "join", "object_ref", "split", "split_object", "split_version", "strip_protocol"]

PROTOCOLS: Final = ("s3", "s3a", "pyathena-s3", "pyathena-s3-sync")
"""What a path may begin with. The last two are our own, which fsspec knows by the package's entry points."""

# An access point is addressed by its ARN where a bucket's name would stand, and its ARN holds slashes:
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-points-naming.html
_ARN: Final = re.compile(
    r"(?P<bucket>arn:[\w-]+:s3(?:-outposts|-object-lambda)?:[\w-]*:\d*:"
    r"(?:outpost[/:][\w-]+[/:])?(?:accesspoint|bucket)[/:][\w.-]+)(?:/(?P<key>.*))?",
    re.DOTALL,
)
_SCHEME: Final = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*)://")


def strip_protocol(path: str | os.PathLike[str]) -> str:
    """Return the path as ``bucket/key``, without ``s3://`` or a leading slash; all of the key stays as it is.

    Raises:
        TypeError: it is no path.
        ValueError: it belongs to another protocol.
    """
    if isinstance(path, str):
        text = path
    elif isinstance(path, os.PathLike):
        text = os.fspath(path)
    else:
        raise TypeError(f"a path is a str like 's3://bucket/key', got {type(path).__name__}: {path!r}")
    if not isinstance(text, str):
        raise TypeError(f"a path is a str like 's3://bucket/key', got {text!r}")
    scheme = _SCHEME.match(text) if "://" in text else None
    if scheme is not None:
        if scheme[1].lower() not in PROTOCOLS:
            raise ValueError(f"not a path in S3: {text!r} begins with {scheme[0]}; it should be s3://bucket/key")
        return text[scheme.end() :]
    return text.lstrip("/")


def split(path: str | os.PathLike[str]) -> tuple[str, str]:
    """Return bucket and key; either may be empty. The bucket may be an access point's ARN.

    >>> split("s3://bucket/a//b?c"), split("bucket")
    (('bucket', 'a//b?c'), ('bucket', ''))
    """
    if isinstance(path, str) and "://" not in path and not path.startswith(("/", "arn:")):  # most, and they are many
        bucket, _, key = path.partition("/")
        return bucket, key
    stripped = strip_protocol(path)
    if stripped.startswith("arn:"):
        arn = _ARN.fullmatch(stripped)
        if arn is None:
            raise ValueError(f"not the ARN of an access point, or of an object behind one: {stripped!r}")
        return arn["bucket"], arn["key"] or ""
    bucket, _, key = stripped.partition("/")
    if not bucket and key:
        raise ValueError(f"a path needs a bucket: {os.fspath(path)!r}; it should be s3://bucket/key")
    return bucket, key


# Also the spellings that PyAthena takes.
_VERSION: Final = re.compile(r"(?P<path>.*)\?(?:versionId|versionID|versionid|version_id)=(?P<id>[^?&=]+)", re.DOTALL)


def split_version(path: str) -> tuple[str, str | None]:
    """Return a path without ``?versionId=…`` at its end, and the version; None if it names none.

    >>> split_version("bucket/key?versionId=abc"), split_version("bucket/what?")
    (('bucket/key', 'abc'), ('bucket/what?', None))
    """
    match = _VERSION.fullmatch(path)
    return (path, None) if match is None else (match["path"], match["id"])


def split_object(path: str | os.PathLike[str]) -> tuple[str, str]:
    """Return bucket and key of an object.

    Raises:
        ValueError: there is no key in it.
    """
    bucket, key = split(path)
    if not key:
        raise ValueError(f"a path to an object needs bucket and key: {os.fspath(path)!r}; it should be s3://bucket/key")
    return bucket, key


def object_ref(path: str | os.PathLike[str], version_id: str | None = None) -> ObjectRef:
    """Return the object that the path names, or a version of it; raises as `split_object` does."""
    return ObjectRef(*split_object(path), version_id)


def join(bucket: str, key: str) -> str:
    """Return the path of a key."""
    return f"{bucket}/{key}" if key else bucket
