"""How our time grows with size, number and latency, and what it is by block size, concurrency and window.

    make bench-curves [ARGS="--only block,window --rounds 3"]

As in `benchmarks.run` each run is a fresh process, and rounds go through all points of a curve, so that whatever else
the machine does meets all of them. The defaults of the filesystem are chosen from these.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Final

from benchmarks.control import ROOT, ServerProcess
from benchmarks.peers import PEERS
from benchmarks.results import Result, save, this_machine
from benchmarks.run import SETTINGS, Environments, Setting, arguments_of, chosen, compile_ours, run_peer, show
from benchmarks.worker import Order
from benchmarks.workloads import MIB

__all__ = ["CURVES", "Curve", "Point"]

RESULTS: Final = ROOT / "benchmarks" / "curves.jsonl"
_BOTH: Final = tuple(SETTINGS.values())


@dataclass(frozen=True, slots=True)
class Point:
    """What is measured at one place of a curve."""

    at: float
    setting: Setting
    workload: str
    count: int
    size: int
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Curve:
    """A curve, or several over the same values.

    Args:
        name: for the command line.
        title: what is varied.
        option: the option of the filesystem that is, if it is one.
        unit: bytes, objects … that a value is in, and how to show it.
        points: what is measured.
    """

    name: str
    title: str
    unit: str
    points: Sequence[Point]
    option: str | None = None


def _of_workload() -> Iterator[Curve]:
    sizes = [each * MIB for each in (1, 4, 16, 64, 256, 1024)]
    yield Curve(
        "size",
        "one object as `bytes` (big), by its size",
        "MiB",
        [Point(size, setting, "big", 1, size) for setting in _BOTH for size in sizes],
    )
    yield Curve(
        "count",
        "objects of 16 KiB (small), by their number",
        "objects",
        [Point(count, setting, "small", count, 16384) for setting in _BOTH for count in (10, 100, 1000, 10_000)],
    )
    yield Curve(
        "latency",
        "milliseconds to the first byte, at 80 MB/s on each connection",
        "ms",
        [
            Point(latency, Setting("far", latency, 80e6), *what)
            for what in (("big", 1, 256 * MIB), ("small", 1000, 16384), ("up", 1, 256 * MIB), ("ls", 20_000, 1))
            for latency in (0, 1, 3, 10, 30, 100)
        ],
    )


def _of_option(
    name: str, title: str, unit: str, option: str, values: Sequence[int], what: Sequence[tuple[str, int, int]]
) -> Curve:
    return Curve(
        name,
        title,
        unit,
        [Point(value, setting, *each, {option: value}) for each in what for setting in _BOTH for value in values],
        option,
    )


_BIG: Final = ("big", 1, 256 * MIB)
_UP: Final = ("up", 1, 256 * MIB)
_UP_FILE: Final = ("up_file", 1, 256 * MIB)
_STREAM: Final = ("stream", 1, 256 * MIB)
_SMALL: Final = ("small", 1000, 16384)
_RANGES: Final = ("cat_ranges", 2000, 256 * MIB)

CURVES: Final = {
    each.name: each
    for each in (
        *_of_workload(),
        _of_option(
            "block",
            "bytes of a range and of a part",
            "MiB",
            "default_block_size",
            [each * MIB for each in (2, 4, 8, 16)],
            [_BIG, _STREAM],
        ),
        _of_option(
            "part",
            "the same for uploads, whose parts have 5 MiB at least",
            "MiB",
            "default_block_size",
            [each * MIB for each in (5, 8, 16, 32)],
            [_UP],
        ),
        _of_option(
            "concurrency",
            "requests in flight",
            "requests",
            "max_concurrency",
            (8, 16, 32, 64, 128),
            [_BIG, _SMALL, _UP, _RANGES],
        ),
        _of_option(
            "window",
            "bytes in flight ahead of a reader and behind a writer",
            "MiB",
            "window",
            [each * MIB for each in (16, 32, 64, 128)],
            [_STREAM, _UP_FILE],
        ),
    )
}


def points_of(curve: Curve, environments: Environments, rounds: int) -> Iterator[Result]:
    """Measure a curve."""
    ours = PEERS["aio"]
    with ExitStack() as stack:
        servers: dict[Setting, ServerProcess] = {}
        for point in curve.points:
            if (far := point.setting) not in servers:
                server = ServerProcess(latency=far.latency, bandwidth=far.bandwidth)
                servers[far] = stack.enter_context(server)
        for number in range(rounds):
            for point in curve.points:
                endpoint = servers[point.setting].endpoint
                order = Order(ours.where, point.workload, point.count, point.size, endpoint, options=point.options)
                found = run_peer(environments, ours, order)
                assert found is not None
                yield Result(
                    kind=curve.name,
                    setting=point.setting.name,
                    workload=point.workload,
                    peer=ours.name,
                    round=number,
                    count=point.count,
                    size=point.size,
                    at=point.at,
                    **found,
                )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", help=f"of {','.join(CURVES)}")
    parser.add_argument("--rounds", type=int, default=3)
    given, environments = arguments_of(parser)
    out = given.out or RESULTS
    began = time.monotonic()
    compile_ours()
    save(out, this_machine(None, environments.ours))
    curves: list[Curve] = chosen(given.only, CURVES, "curve")
    for curve in curves:
        for result in points_of(curve, environments, given.rounds):
            save(out, [result])
            show(result)
    print(f"{time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
