"""What our own code costs without any request: a call over `InMemoryTransport`, and the import.

    python -m benchmarks.alone

Prints the microseconds of each kind of call.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any, Final

from pyathena.filesystem.s3 import AioS3FileSystem, S3FileSystem
from pyathena.transport import InMemoryTransport, ObjectRef

__all__ = ["IMPORTS", "TIMED_IMPORT", "micros"]

_CALLS: Final = 3000
_PATH: Final = "bucket/key"

IMPORTS: Final = {"pyathena.filesystem.s3": "ours", "s3fs": "peers"}
"""Modules whose import is timed, and in which environment."""

TIMED_IMPORT: Final = (
    "import time; began = time.perf_counter(), time.process_time(); import {};"
    "print(time.perf_counter() - began[0], time.process_time() - began[1])"
)
"""Prints seconds, and those of the processor."""


def _timed(call: Callable[[], object]) -> float:
    for _ in range(_CALLS // 10):
        call()
    began = time.perf_counter()
    for _ in range(_CALLS):
        call()
    return (time.perf_counter() - began) / _CALLS * 1e6


async def _timed_in_loop(transport: InMemoryTransport) -> float:
    fs = AioS3FileSystem(transport=transport, asynchronous=True)
    for _ in range(_CALLS // 10):
        await fs._cat_file(_PATH)
    began = time.perf_counter()
    for _ in range(_CALLS):
        await fs._cat_file(_PATH)
    return (time.perf_counter() - began) / _CALLS * 1e6


def micros() -> dict[str, float]:
    """Return the microseconds of a call that reads a small object, by the way it is called."""
    transport = InMemoryTransport(buckets=["bucket"])
    asyncio.run(transport.put_object(ObjectRef("bucket", "key"), b"x" * 1000))
    sync: Any = S3FileSystem(transport=transport)
    mirrored: Any = AioS3FileSystem(transport=transport)
    return {
        "await AioS3FileSystem._cat_file": asyncio.run(_timed_in_loop(transport)),
        "S3FileSystem.cat_file": _timed(lambda: sync.cat_file(_PATH)),
        "AioS3FileSystem.cat_file": _timed(lambda: mirrored.cat_file(_PATH)),
    }


if __name__ == "__main__":
    print(json.dumps(micros()))
