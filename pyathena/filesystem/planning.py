"""Which bytes go into which request. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from pyathena.transport.values import MAX_PART_SIZE, MAX_PARTS, ByteRange

__all__ = ["MergedRange", "equal_part_size", "growing_part_size", "merge_ranges", "resolve", "split_range"]

_MIB: Final = 2**20


def split_range(start: int, stop: int, block: int) -> list[ByteRange]:
    """Split ``start`` to ``stop`` into ranges of ``block`` bytes, of which the last may be smaller.

    >>> split_range(0, 5, 2)
    [ByteRange(start=0, stop=2), ByteRange(start=2, stop=4), ByteRange(start=4, stop=5)]
    """
    if block < 1:
        raise ValueError(f"a block has 1 byte or more, got {block}")
    return [ByteRange(at, min(at + block, stop)) for at in range(start, stop, block)]


def resolve(start: int | None, end: int | None, size: int) -> tuple[int, int]:
    """Resolve the bounds of a slice of ``size`` bytes as Python does; an empty slice has stop == start.

    >>> resolve(-3, None, 10), resolve(7, 3, 10)
    ((7, 10), (7, 7))
    """
    low, high, _ = slice(start, end).indices(size)
    return low, max(low, high)


def growing_part_size(part_number: int, block: int) -> int:
    """Tell how large part ``part_number`` (1 to 10 000) of an object of unknown size is.

    It doubles every thousand parts, up to S3's 5 GiB: small objects have small parts, and 10 000 parts of 5 MiB to
    begin with hold 5.4 TB, of 8 MiB 8.6 TB.
    """
    doublings: int = (part_number - 1) // 1000
    return min(block << doublings, MAX_PART_SIZE)


def equal_part_size(size: int, block: int) -> int:
    """Tell how large the parts of an object of ``size`` bytes are, so that 10 000 suffice: whole MiB, or ``block``.

    Raises:
        ValueError: it does not fit into 10 000 parts of 5 GiB.
    """
    if size > MAX_PARTS * MAX_PART_SIZE:
        raise ValueError(f"an object has at most {MAX_PARTS} parts of {MAX_PART_SIZE} bytes, got {size} bytes")
    needed = -(-size // MAX_PARTS)
    return max(block, min(-(-needed // _MIB) * _MIB, MAX_PART_SIZE))


@dataclass(frozen=True, slots=True)
class MergedRange:
    """A range to read, and which of the asked ones (by their index) it serves."""

    start: int
    stop: int
    serves: tuple[int, ...]


def merge_ranges(ranges: Sequence[tuple[int, int]], *, max_gap: int, max_size: int) -> list[MergedRange]:
    """Merge ranges that overlap, touch or are at most ``max_gap`` bytes apart into larger ones.

    Args:
        ranges: (start, stop) of each, stop > start, in any order.
        max_gap: bytes between two that are read along rather than asked for separately, 0 or more.
        max_size: a merged range does not grow beyond this, unless one that was asked for is larger itself or lies
            within it.

    Returns:
        Ranges in ascending order, that serve each asked one exactly once.

    >>> merge_ranges([(0, 4), (100, 104), (6, 8)], max_gap=2, max_size=1000)
    [MergedRange(start=0, stop=8, serves=(0, 2)), MergedRange(start=100, stop=104, serves=(1,))]
    """
    merged: list[MergedRange] = []
    for index in _by_start(ranges):
        start, stop = ranges[index]
        last = merged[-1] if merged else None
        if (
            last is not None
            and start - last.stop <= max_gap
            and (stop <= last.stop or max(stop, last.stop) - last.start <= max_size)
        ):
            merged[-1] = MergedRange(last.start, max(stop, last.stop), (*last.serves, index))
        else:
            merged.append(MergedRange(start, stop, (index,)))
    return merged


def _by_start(ranges: Sequence[tuple[int, int]]) -> Iterable[int]:
    return sorted(range(len(ranges)), key=ranges.__getitem__)
