"""Write `RESULTS.md` and `results.svg` from what was measured: every number in them comes from there.

    python -m benchmarks.report [results.jsonl] [curves.jsonl] [--into DIRECTORY]

`NOTES.md`, which people write, says why targets were missed; it is taken over word for word.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from tabulate import tabulate

from benchmarks.control import ROOT
from benchmarks.curves import CURVES, Curve
from benchmarks.results import Machine, Result, load
from benchmarks.run import SETTINGS
from benchmarks.summary import NOISE, OURS, Key, Summary, faces, merit, ratio, summaries, summary, verdicts
from benchmarks.workloads import MIB, WORKLOADS

__all__ = ["write"]

HERE: Final = ROOT / "benchmarks"
_TITLES: Final = {
    "aio": "**ours**, `AioS3FileSystem`",
    "sync": "**ours**, `S3FileSystem`",
    "boto3": "boto3, 32 threads",
    "s3fs": "s3fs as it comes",
    "s3fs-50": "s3fs, 50 connections",
    "PyAthena-aio": "PyAthena, `AioS3FileSystem`",
    "PyAthena-sync": "PyAthena, `S3FileSystem`",
}
_MOST_MICROS: Final = {"await AioS3FileSystem._cat_file": 60.0, "S3FileSystem.cat_file": 60.0}
_MOST_IMPORT: Final = 0.5


def table(headers: Sequence[str], rows: Iterable[Sequence[str]], *, texts: int = 1) -> str:
    """Return a table of Markdown, whose first columns are texts and the others numbers."""
    align = ["left"] * texts + ["right"] * (len(headers) - texts)
    text: str = tabulate(rows, headers=headers, tablefmt="github", colalign=align, disable_numparse=True)
    return text


def number(value: float | None, digits: int = 3) -> str:
    """Return a number with so many digits that count; a dash if there is none."""
    if value is None or math.isnan(value):
        return "-"
    if value == 0:
        return "0"
    places = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return f"{value:,.{min(places, 4)}f}"


def _count(value: float) -> str:
    return f"{value:,.10g}"


def _versions(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def _head(machine: Machine, results: Sequence[Result]) -> str:
    rounds = max((each.round for each in results if each.kind == "compare"), default=0) + 1
    settings = "\n".join(f"* `{each.name}`: {each.title}." for each in SETTINGS.values())
    return f"""# Results

Written by `make bench` on {machine.date} (commit {machine.commit or "unknown"}): {machine.cores} cores of
{machine.processor or "an unknown processor"}, {machine.system}, Python {machine.python}.
Absolute times do not carry to another machine; ratios do. The load of the machine was {machine.load:.1f} when it began.

* Ours and boto3: {_versions(machine.ours)}.
* The others: {_versions(machine.peers) or "not installed"}.

Each run is a fresh process that does one workload once, on one machine with the server, in {rounds} interleaved rounds
or fewer where a workload takes long. Times are medians; imports, the client's creation and one small request are over
before. MiB is the peak of the client's memory above the start. Requests, connections open at once and requests in
flight at once (the most of each) are what the server counted. Settings:

{settings}
"""


def _targets(found: Mapping[Key, Summary]) -> str:
    rows = []
    for verdict in verdicts(found):
        target = verdict.target
        what = f"{target.workload}, {'peak memory' if target.peak else 'time'}"
        rows.append(
            [what, target.setting, target.peer, f"≤ {target.most:.2f}", number(verdict.measured, 2), verdict.words]
        )
    met = sum(each.met for each in verdicts(found))
    return f"## Targets: {met} of {len(rows)} met\n\n" + table(
        ["what", "setting", "over that of", "target", "measured", ""], rows, texts=3
    )


def _faces(found: Mapping[Key, Summary]) -> str:
    ratios = faces(found)
    slower = [f"{workload} ({setting}, {each:.2f})" for (setting, workload), each in ratios.items() if each > NOISE]
    if not ratios:
        answer = "Not measured."
    elif not slower:
        answer = f"**Yes**, on all {len(ratios)} workloads and settings."
    else:
        answer = (
            f"**On {len(ratios) - len(slower)} of {len(ratios)}** workloads and settings; not on {', '.join(slower)}."
        )
    rows = []
    for (setting, workload), each in ratios.items():
        aio, sync = found[setting, workload, OURS], found[setting, workload, "sync"]
        rows.append([workload, setting, number(aio.seconds), number(sync.seconds), f"{each:.2f}"])
    return (
        "## Is asyncio at least as fast as the `ThreadPoolExecutor` filesystem?\n\n"
        f"{answer} (As fast is up to {NOISE - 1:.0%} slower.)\n\n"
        + table(["workload", "setting", "`AioS3FileSystem`, s", "`S3FileSystem`, s", "ratio"], rows, texts=2)
    )


def _amount(results: Iterable[Result], setting: str, workload: str) -> str:
    one = next(each for each in results if (each.kind, each.setting, each.workload) == ("compare", setting, workload))
    size = f"{one.size / MIB:g} MiB" if one.size >= MIB else f"{one.size / 1024:g} KiB" if one.size >= 1024 else ""
    count = f"{one.count:,}" if one.count > 1 else ""
    return " of ".join(filter(None, (count, size)))


def _workload(found: Mapping[Key, Summary], results: Sequence[Result], name: str) -> str:
    sections = [f"### {name}: {WORKLOADS[name].title}"]
    for setting in SETTINGS:
        rows = []
        for (at, workload, peer), each in found.items():
            if (at, workload) != (setting, name):
                continue
            if not each.runs:
                rows.append([_TITLES.get(peer, peer), f"failed: {each.error}", *["-"] * 7])
                continue
            relative = None if (ours := ratio(found, (at, workload, OURS), peer)) is None else 1 / ours
            rows.append(
                [
                    _TITLES.get(peer, peer),
                    number(each.seconds),
                    f"{number(each.least)} - {number(each.most)}",
                    number(relative),
                    number(each.cpu),
                    number(each.peak / MIB),
                    _count(each.requests),
                    _count(each.connections),
                    _count(each.in_flight),
                ]
            )
        if rows:
            headers = ["peer", "s", "least - most", "over ours", "CPU s", "MiB", "requests", "open", "in flight"]
            sections += [f"`{setting}`, {_amount(results, setting, name)}:", table(headers, rows)]
    return "\n\n".join(sections) if len(sections) > 1 else ""


def _alone(results: Sequence[Result]) -> str:
    def medians(kind: str) -> dict[str, Summary]:
        names = dict.fromkeys(each.peer for each in results if each.kind == kind)
        return {name: summary([each for each in results if (each.kind, each.peer) == (kind, name)]) for name in names}

    calls, imports = medians("memory"), medians("import")
    parts = []
    if calls:
        rows = []
        for name, call in calls.items():
            micros = call.seconds * 1e6
            most = _MOST_MICROS.get(name)
            target = "-" if most is None else f"< {most:g}: {'met' if micros < most else 'missed'}"
            rows.append([f"`{name}`", number(micros), target])
        parts.append(
            "## Our own code alone\n\nA call that reads a small object over `InMemoryTransport`, in microseconds. The"
            " last one goes through fsspec's own thread."
        )
        parts.append(table(["call", "µs", "target"], rows))
    if imports:
        rows = [[f"`{name}`", number(each.seconds), number(each.cpu)] for name, each in imports.items()]
        parts += ["## Import", table(["module", "s", "CPU s"], rows)]
        if len(imports) == 2:
            ours, theirs = (each.seconds for each in imports.values())
            verdict = "met" if ours < theirs * _MOST_IMPORT else "missed"
            parts.append(f"Ours takes {ours / theirs:.2f} of s3fs's time (target < {_MOST_IMPORT}: {verdict}).")
    return "\n\n".join(parts)


def _curve(curve: Curve, results: Sequence[Result], defaults: Mapping[str, float]) -> str:
    runs: dict[tuple[str, str], dict[float, list[Result]]] = {}
    for each in results:
        if each.kind == curve.name:
            runs.setdefault((each.workload, each.setting), {}).setdefault(each.at, []).append(each)
    if not runs:
        return ""
    columns = [{at: summary(found).seconds for at, found in by_value.items()} for by_value in runs.values()]
    headers = [curve.unit, *(f"{workload}, `{setting}`" for workload, setting in runs)]
    merits = merit(columns) if curve.option is not None else {}
    rows = []
    for at in sorted(set().union(*columns)):
        shown = f"{at / MIB:g}" if curve.unit == "MiB" else f"{at:,g}"
        if defaults.get(curve.name) == at:
            shown = f"**{shown}** (default)"
        row = [shown, *(number(column.get(at)) for column in columns)]
        rows.append([*row, number(merits.get(at))] if merits else row)
    if merits:
        headers.append("over the best")
    return f"### By {curve.name}: {curve.title}\n\n" + table(headers, rows)


def _curves(results: Sequence[Result], machine: Machine, defaults: Mapping[str, float]) -> str:
    sections = [text for curve in CURVES.values() if (text := _curve(curve, results, defaults))]
    if not sections:
        return ""
    head = (
        f"## Curves\n\nSeconds of `AioS3FileSystem`, measured by `make bench-curves` on {machine.date} (commit"
        f" {machine.commit or 'unknown'}). The last column of an option is the geometric mean of times over the best"
        " one of their column."
    )
    return "\n\n".join([head, *sections])


def write(
    results: tuple[Machine, Sequence[Result]],
    curves: tuple[Machine, Sequence[Result]] | None,
    notes: str | None,
    defaults: Mapping[str, float],
) -> str:
    """Return the report.

    Args:
        results: of the comparison.
        curves: of the curves, if there are any.
        notes: why targets were missed.
        defaults: of the options that curves are about, by the names of the curves.
    """
    machine, runs = results
    found = summaries(runs)
    parts = [_head(machine, runs), _targets(found)]
    if notes:
        parts.append(f"## Why\n\n{notes.strip()}")
    parts += [_faces(found), "![time relative to the best peer](results.svg)", "## Workloads"]
    parts += [_workload(found, runs, name) for name in WORKLOADS]
    parts.append(_alone(runs))
    if curves is not None:
        parts.append(_curves(curves[1], curves[0], defaults))
    return "\n\n".join(part.strip() for part in parts if part) + "\n"


def our_defaults() -> dict[str, float]:
    """Return the defaults of the options that curves are about, by the names of the curves."""
    from pyathena.filesystem.engine import DEFAULT_BLOCK_SIZE, DEFAULT_PART_SIZE
    from pyathena.filesystem.reading import READ_WINDOW
    from pyathena.transport import ThreadedBoto3Transport

    made = ThreadedBoto3Transport(region_name="us-east-1", key="any", secret="any")
    return {
        "block": DEFAULT_BLOCK_SIZE,
        "part": DEFAULT_PART_SIZE,
        "window": READ_WINDOW,
        "concurrency": made.max_concurrency,
    }


def main() -> None:
    from benchmarks.plot import plot

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, nargs="?", default=HERE / "results.jsonl")
    parser.add_argument("curves", type=Path, nargs="?", default=HERE / "curves.jsonl")
    parser.add_argument("--into", type=Path, default=HERE)
    given = parser.parse_args()
    notes = HERE / "NOTES.md"
    results = load(given.results)
    text = write(
        results,
        load(given.curves) if given.curves.exists() else None,
        notes.read_text() if notes.exists() else None,
        our_defaults(),
    )
    (given.into / "RESULTS.md").write_text(text)
    plot(summaries(results[1]), given.into / "results.svg")
    print(text)


if __name__ == "__main__":
    main()
