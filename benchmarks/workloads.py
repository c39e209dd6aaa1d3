"""What is measured: for each workload what the server holds, what a peer is asked for, and how the outcome is checked.

A peer does a workload in the method of the same name (see `benchmarks.peers`). Only that call is timed.
"""

from __future__ import annotations

import random
import tempfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from typing_extensions import Buffer

from benchmarks.content import content, expected, keys
from benchmarks.control import Control

__all__ = ["BUCKET", "MIB", "QUERY", "WARM", "WORKLOADS", "Taken", "Task", "Workload", "WrongOutcomeError"]

MIB: Final = 2**20
BUCKET: Final = "bench"
WARM: Final = "warm"
"""Bucket and key of a small object that is read before the clock runs."""
QUERY: Final = "SELECT * FROM big"
RANGE: Final = 4 * 2**10
READ: Final = MIB
_EDGE: Final = 16


class WrongOutcomeError(Exception):
    """A peer did not bring what the server holds, or the reverse."""


def _same(got: object, wanted: object, what: str) -> None:
    if got != wanted:
        raise WrongOutcomeError(f"{what}: {got!r:.60} instead of {wanted!r:.60}")


@dataclass(slots=True)
class Task:
    """A workload of a certain size, about to be done.

    Args:
        arguments: what the peer's method is called with.
        check: raises `WrongOutcomeError` if what the method returned, or left in the server, is wrong.
        close: forgets what was made for it.
    """

    arguments: tuple[Any, ...]
    check: Callable[[Any, Control], None]
    close: Callable[[], None] = lambda: None


class Taken:
    """Takes the pieces of a stream: notes how long it was, and how each piece began and ended."""

    def __init__(self) -> None:
        self.size = 0
        self._edges: list[tuple[int, bytes, bytes]] = []

    def __call__(self, piece: Buffer) -> None:
        view = memoryview(piece)
        self._edges.append((self.size, bytes(view[:_EDGE]), bytes(view[-_EDGE:])))
        self.size += len(view)

    def check(self, size: int) -> None:
        """Compare with the object whose seed is 0."""
        _same(self.size, size, "bytes read")
        ends = [start for start, _, _ in self._edges[1:]] + [size]
        for (start, first, last), stop in zip(self._edges, ends, strict=True):
            _same(first, expected(0, start, min(start + _EDGE, stop)), f"bytes at {start}")
            _same(last, expected(0, max(start, stop - _EDGE), stop), f"bytes before {stop}")


def _big(count: int, size: int) -> Task:
    def check(outcome: Buffer, control: Control) -> None:
        _same((memoryview(outcome).nbytes, zlib.crc32(outcome)), control.digest(BUCKET, "object"), "size and CRC-32")

    return Task(("object", size), check)


def _stream(count: int, size: int) -> Task:
    taken = Taken()
    return Task(("object", READ, taken), lambda outcome, control: taken.check(size))


def _stream_into(count: int, size: int) -> Task:
    taken = Taken()
    return Task(("object", bytearray(READ), taken), lambda outcome, control: taken.check(size))


def _small(count: int, size: int) -> Task:
    def check(outcome: Sequence[Buffer], control: Control) -> None:
        _same(len(outcome), count, "objects")
        for number, data in enumerate(outcome):
            _same(bytes(data), content(size, number), f"object {number}")

    return Task((keys("object", count),), check)


def _uploaded(size: int, crc32: int) -> Callable[[Any, Control], None]:
    return lambda outcome, control: _same(control.digest(BUCKET, "new"), (size, crc32), "size and CRC-32")


def _up(count: int, size: int) -> Task:
    data = content(size, 1)
    return Task(("new", data), _uploaded(size, zlib.crc32(data)))


def _up_file(count: int, size: int) -> Task:
    data = content(size, 1)
    with tempfile.NamedTemporaryFile(delete=False) as file:
        file.write(data)
    path = Path(file.name)
    return Task(("new", str(path)), _uploaded(size, zlib.crc32(data)), path.unlink)


def _rm(count: int, size: int) -> Task:
    return Task(
        (keys("directory/", count),),
        lambda outcome, control: _same(control.keys(BUCKET), 0, "objects left"),
    )


def _listed(prefix: str, count: int, directories: int | None = None) -> Task:
    def check(outcome: Sequence[str], control: Control) -> None:
        found = sorted(name.removeprefix(f"{BUCKET}/") for name in outcome)
        _same(len(found), count, "keys")
        _same(found, sorted(keys(prefix, count, directories)), "keys")

    return Task((prefix,), check)


def _cat_ranges(count: int, size: int) -> Task:
    rng = random.Random(count)
    starts = [rng.randrange(size - RANGE) for _ in range(count)]
    stops = [start + RANGE for start in starts]

    def check(outcome: Sequence[Buffer], control: Control) -> None:
        _same(len(outcome), count, "ranges")
        for start, stop, data in zip(starts, stops, outcome, strict=True):
            _same(bytes(data), expected(0, start, stop), f"bytes from {start}")

    return Task(("object", starts, stops), check)


def _athena(count: int, size: int) -> Task:
    def check(outcome: Any, control: Control) -> None:
        _same(outcome.num_rows, count, "rows")
        _same(outcome.column("id")[count - 1].as_py(), count - 1, "the last id")

    return Task((QUERY,), check)


@dataclass(frozen=True, slots=True)
class Workload:
    """Something to measure.

    Args:
        name: that of the peers' method.
        title: what it is, for the report.
        task: makes what is to be done, of ``count`` and ``size``.
        count: how many objects, ranges or rows.
        size: bytes of an object.
        seed: the key that the server is seeded with, and whether ``count`` is the number of objects; None is nothing.
        directories: over how many directories the objects are divided.
        rounds: most rounds, for what takes long.
        net_share: which part of what is counted, or of the size of a single object, a setting with latency gets.
    """

    name: str
    title: str
    task: Callable[[int, int], Task]
    count: int = 1
    size: int = 0
    seed: tuple[str, bool] | None = ("object", False)
    directories: int | None = None
    rounds: int = 99
    net_share: float = 1.0

    def seed_server(self, control: Control, count: int, size: int) -> None:
        """Have the server hold what is needed, and nothing else in the bucket."""
        control.seed("warm", WARM, 1)
        key, many = self.seed or (WARM, False)
        control.seed(BUCKET, key, size if self.seed else 1, count=count if many else None, directories=self.directories)


WORKLOADS: Final = {
    each.name: each
    for each in (
        Workload("big", "one object as `bytes`", _big, size=256 * MIB),
        Workload(
            "stream", "one object through a handle, 1 MiB at a time", _stream, size=1024 * MIB, rounds=2, net_share=0.25
        ),
        Workload(
            "stream_into",
            "the same by `readinto` of one buffer",
            _stream_into,
            size=1024 * MIB,
            rounds=2,
            net_share=0.25,
        ),
        Workload("small", "whole objects", _small, count=1000, size=16 * 2**10, seed=("object", True)),
        Workload("up", "upload from memory", _up, size=256 * MIB, seed=None),
        Workload("up_file", "upload of a file", _up_file, size=256 * MIB, seed=None, rounds=2),
        Workload("rm", "delete objects", _rm, count=10_000, size=1, seed=("directory/", True)),
        Workload(
            "ls",
            "list one directory",
            lambda count, size: _listed("flat/", count),
            count=20_000,
            size=1,
            seed=("flat/", True),
        ),
        Workload(
            "find",
            "find all in 200 directories",
            lambda count, size: _listed("tree/", count, 200),
            count=20_000,
            size=1,
            seed=("tree/", True),
            directories=200,
            rounds=2,
        ),
        Workload(
            "cat_ranges",
            "random 4 KiB ranges of one object",
            _cat_ranges,
            count=10_000,
            size=256 * MIB,
            rounds=2,
            net_share=0.2,
        ),
        Workload("athena", "CSV result of a query as an Arrow table", _athena, count=700_000, seed=None, rounds=2),
    )
}
