"""fsspec filesystems for Amazon S3 over a pluggable transport: see `pyathena.filesystem.s3`.

`register` lets fsspec open ``s3://`` by them; importing does not.
"""

from __future__ import annotations

from pyathena.filesystem.registering import Registration, register
from pyathena.filesystem.s3 import (
    AioS3CompressedFile,
    AioS3File,
    AioS3FileSystem,
    AioS3TextFile,
    S3CompressedFile,
    S3File,
    S3FileSystem,
    S3OpenCompressedFile,
    S3OpenFile,
    S3OpenTextFile,
    S3TextFile,
)

__all__ = [
    "AioS3CompressedFile",
    "AioS3File",
    "AioS3FileSystem",
    "AioS3TextFile",
    "Registration",
    "S3CompressedFile",
    "S3File",
    "S3FileSystem",
    "S3OpenCompressedFile",
    "S3OpenFile",
    "S3OpenTextFile",
    "S3TextFile",
    "register",
]
