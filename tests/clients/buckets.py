"""A bucket as a library sees it, by URL and options, and as it is: through boto3, past the filesystem."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

from pyathena.transport import ConnectOptions

__all__ = ["Bucket"]


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket of a test's own.

    Args:
        name: its name.
        options: how to reach it: a filesystem's options, or a library's ``storage_options``.
        client: boto3's.
    """

    name: str
    options: ConnectOptions
    client: Any

    @property
    def storage_options(self) -> dict[str, Any]:
        """The options, as the type that libraries want."""
        return {**self.options}

    def keys(self, prefix: str = "") -> list[str]:
        """List the keys below a prefix."""
        found = self.client.list_objects_v2(Bucket=self.name, Prefix=prefix)
        return [each["Key"] for each in found.get("Contents", [])]

    def read(self, key: str) -> bytes:
        """Read an object."""
        data: bytes = self.client.get_object(Bucket=self.name, Key=key)["Body"].read()
        return data

    def file(self, key: str) -> io.BytesIO:
        """Read an object, as a file."""
        return io.BytesIO(self.read(key))

    def write(self, key: str, data: bytes) -> None:
        """Write an object."""
        self.client.put_object(Bucket=self.name, Key=key, Body=data)
