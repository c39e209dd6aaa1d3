"""Amazon S3 and Amazon Athena from asyncio, on plain boto3."""

from __future__ import annotations

__all__ = ["__version__"]

__version__ = "0.1.0"
