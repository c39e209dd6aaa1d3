"""Draw the time of each peer, relative to the best of the others than us, by workload."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import matplotlib as mpl
from matplotlib import pyplot

from benchmarks.run import SETTINGS
from benchmarks.summary import Key, Summary
from benchmarks.workloads import WORKLOADS

__all__ = ["plot"]

_OURS = ("aio", "sync")


def plot(found: Mapping[Key, Summary], target: Path) -> None:
    """Write the picture: one row for each setting; lower is better, and 1 is the best peer."""
    # The same numbers make the same file.
    mpl.rcParams["svg.hashsalt"] = "benchmarks"
    settings = [name for name in SETTINGS if any(key[0] == name for key in found)]
    peers = list(dict.fromkeys(peer for _, _, peer in found))
    colours = [pyplot.get_cmap("tab10")(number) for number in range(10)]
    figure, rows = pyplot.subplots(len(settings), 1, figsize=(12, 4 * len(settings)), squeeze=False)
    for setting, (axes,) in zip(settings, rows, strict=True):
        workloads = [name for name in WORKLOADS if any(key[:2] == (setting, name) for key in found)]
        for place, workload in enumerate(workloads):
            times = {peer: found[key] for peer in peers if (key := (setting, workload, peer)) in found}
            others = [each.seconds for peer, each in times.items() if peer not in _OURS and each.runs]
            if not others:
                continue
            width = 0.8 / len(peers)
            for number, peer in enumerate(peers):
                if peer in times and times[peer].runs:
                    axes.bar(
                        place - 0.4 + (number + 0.5) * width,
                        times[peer].seconds / min(others) - 1,
                        width,
                        bottom=1,
                        color=colours[number % len(colours)],
                        edgecolor="black" if peer in _OURS else "none",
                        label=peer if place == 0 else None,
                    )
        axes.axhline(1, color="black", linewidth=0.8)
        axes.set_yscale("log")
        axes.set_xticks(range(len(workloads)), workloads)
        axes.set_title(f"{setting}: {SETTINGS[setting].title}")
        axes.set_ylabel("time over the best peer's")
        axes.legend(ncols=5, fontsize="small")
    figure.tight_layout()
    figure.savefig(target, metadata={"Date": None})
