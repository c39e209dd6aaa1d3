"""What is in the objects of the benchmarks, and their keys. Bytes tell which object they are of, and where in it.

Made quickly, and known to the client without asking: blocks of the same random bytes, each of which begins with the
seed of the object and the number of the block.
"""

from __future__ import annotations

import random
import struct
from typing import Final

__all__ = ["BLOCK", "content", "expected", "keys"]

BLOCK: Final = 64 * 2**10
_RANDOM: Final = random.Random(1).randbytes(BLOCK)
_STAMP: Final = struct.Struct("<II")


def content(size: int, seed: int) -> bytes:
    """Return the ``size`` bytes of the object with this seed."""
    return expected(seed, 0, size)


def expected(seed: int, start: int, stop: int) -> bytes:
    """Return the bytes from ``start`` to ``stop`` of any object with this seed that is as long."""
    first = start // BLOCK
    blocks = -(-stop // BLOCK) - first
    # Thousands of small objects need not be cut out of whole blocks.
    data = bytearray(_RANDOM[: max(stop - first * BLOCK, _STAMP.size)]) if blocks == 1 else bytearray(_RANDOM) * blocks
    for number in range(blocks):
        _STAMP.pack_into(data, number * BLOCK, seed, first + number)
    return bytes(memoryview(data)[start - first * BLOCK : stop - first * BLOCK])


def keys(key: str, count: int | None, directories: int | None = None) -> list[str]:
    """Return the keys that the server makes of these."""
    if count is None:
        return [key]
    if directories is None:
        return [f"{key}{number:06}" for number in range(count)]
    return [f"{key}{number % directories:03}/{number // directories:06}" for number in range(count)]
