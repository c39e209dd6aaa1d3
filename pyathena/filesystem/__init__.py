"""fsspec filesystems for Amazon S3 over a pluggable transport: see `pyathena.filesystem.s3`."""

from __future__ import annotations

from pyathena.filesystem.s3 import AioS3File, AioS3FileSystem, S3File, S3FileSystem, S3OpenFile

__all__ = ["AioS3File", "AioS3FileSystem", "S3File", "S3FileSystem", "S3OpenFile"]
