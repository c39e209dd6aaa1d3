"""What the measurements say: medians, ratios, and whether the targets are met. Pure functions of results."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.results import Result

__all__ = [
    "OURS",
    "TARGETS",
    "Summary",
    "Target",
    "Verdict",
    "faces",
    "merit",
    "ratio",
    "summaries",
    "verdicts",
]

OURS: Final = "aio"
NOISE: Final = 1.05
"""How much longer is still taken for as fast: what medians differ by from one time to the other."""


@dataclass(frozen=True, slots=True)
class Summary:
    """The runs of one peer, or of one point of a curve.

    Args:
        seconds, least, most: the median time, the shortest and the longest.
        cpu, peak, requests, connections, in_flight: medians.
        runs: how many there were.
        error: why there are no more.
    """

    seconds: float
    least: float
    most: float
    cpu: float
    peak: float
    requests: float
    connections: float
    in_flight: float
    runs: int
    error: str | None


def summary(results: Sequence[Result]) -> Summary:
    """Return the medians of runs; ``runs`` is 0 if all failed."""
    good = [each for each in results if each.error is None]

    def median(what: Callable[[Result], float]) -> float:
        return statistics.median(map(what, good)) if good else float("nan")

    times = [each.seconds for each in good] or [float("nan")]
    return Summary(
        seconds=median(lambda each: each.seconds),
        least=min(times),
        most=max(times),
        cpu=median(lambda each: each.cpu),
        peak=median(lambda each: each.peak),
        requests=median(lambda each: sum(each.requests.values())),
        # Those that the small request before the clock ran has left open serve too.
        connections=median(lambda each: each.open_at_most),
        in_flight=median(lambda each: each.in_flight_at_most),
        runs=len(good),
        error=next((each.error for each in results if each.error is not None), None),
    )


Key = tuple[str, str, str]
"""Setting, workload and peer."""


def summaries(results: Iterable[Result]) -> dict[Key, Summary]:
    """Sum up the comparison, in the order in which it was run."""
    found: dict[Key, list[Result]] = {}
    for each in results:
        if each.kind == "compare":
            found.setdefault((each.setting, each.workload, each.peer), []).append(each)
    return {key: summary(runs) for key, runs in found.items()}


def ratio(found: Mapping[Key, Summary], key: Key, other: str, *, peak: bool = False) -> float | None:
    """Return the time, or the peak of memory, over that of another peer; None if either was not measured."""
    mine, theirs = found.get(key), found.get((key[0], key[1], other))
    if mine is None or theirs is None or not mine.runs or not theirs.runs:
        return None
    return mine.peak / theirs.peak if peak else mine.seconds / theirs.seconds


@dataclass(frozen=True, slots=True)
class Target:
    """A ratio that ours must not exceed."""

    workload: str
    setting: str
    peer: str
    most: float
    peak: bool = False


def _targets() -> Iterable[Target]:
    for workload, s3fs, boto3, obstore in (
        ("big", {"cpu": 0.40, "net": 0.40}, {"cpu": 0.50, "net": 0.50}, 1.0),
        ("small", {"cpu": 0.25, "net": 0.12}, {"cpu": 0.50, "net": 0.50}, 2.0),
        ("up", {"cpu": 0.40, "net": 0.40}, {"cpu": 0.60, "net": 0.60}, 1.5),
        ("rm", {"cpu": 0.25, "net": 0.25}, {"cpu": 0.60, "net": 0.60}, 2.0),
        ("ls", {"cpu": 0.15, "net": 0.45}, {"cpu": 0.15, "net": 0.45}, 1.3),
    ):
        for setting in ("cpu", "net"):
            yield Target(workload, setting, "s3fs", s3fs[setting])
            yield Target(workload, setting, "boto3", boto3[setting])
            yield Target(workload, setting, "obstore", obstore)
    for setting in ("cpu", "net"):
        for peer in ("s3fs", "boto3", "obstore"):
            yield Target("big", setting, peer, 0.55, peak=True)


TARGETS: Final = tuple(_targets())


@dataclass(frozen=True, slots=True)
class Verdict:
    """A target, and the ratio that was measured, or None."""

    target: Target
    measured: float | None

    @property
    def met(self) -> bool:
        return self.measured is not None and self.measured <= self.target.most

    @property
    def words(self) -> str:
        if self.measured is None:
            return "not measured"
        if self.met:
            return "met"
        return f"missed: {self.measured / self.target.most - 1:.0%} too much"


def verdicts(found: Mapping[Key, Summary]) -> list[Verdict]:
    """Compare with the targets."""
    return [
        Verdict(target, ratio(found, (target.setting, target.workload, OURS), target.peer, peak=target.peak))
        for target in TARGETS
    ]


def faces(found: Mapping[Key, Summary]) -> dict[tuple[str, str], float]:
    """Return the time of the asynchronous face over that of the synchronous one, by setting and workload."""
    ratios = {(key[0], key[1]): ratio(found, key, "sync") for key in found if key[2] == OURS}
    return {where: measured for where, measured in ratios.items() if measured is not None}


def merit(columns: Sequence[Mapping[float, float]]) -> dict[float, float]:
    """Return for each value of an option how its times compare with the best ones, as their geometric mean.

    Args:
        columns: for each thing that was measured the seconds by value of the option.
    """
    values = set.intersection(*(set(column) for column in columns))
    return {
        value: statistics.geometric_mean(column[value] / min(column.values()) for column in columns)
        for value in sorted(values)
    }
