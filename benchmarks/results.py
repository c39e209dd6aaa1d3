"""What was measured, and the files of JSON lines that hold it: first the machine, then a line for each run."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

__all__ = ["Machine", "Result", "load", "save", "this_machine"]

_PACKAGES: Final = ("boto3", "botocore", "fsspec", "s3fs", "aiobotocore", "obstore", "pyarrow", "PyAthena", "uvloop")


@dataclass(frozen=True, slots=True)
class Machine:
    """Where and when, and by which versions (those of our environment, those of the peers').

    ``load`` is how many processes wanted a processor in the minute before: other work makes ratios vague.
    """

    date: str
    cores: int
    processor: str
    system: str
    python: str
    commit: str
    load: float
    ours: dict[str, str]
    peers: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A run.

    Args:
        kind: ``compare``; or the name of the curve that it is a point of.
        setting: see `benchmarks.run`.
        workload, peer: what was done by whom.
        round: its number.
        count, size: how much of the workload.
        at: where on the curve.
        seconds, cpu: how long it took, and how much of the processors' time.
        peak: bytes of memory above the start.
        requests: that the server saw, by operation.
        connections: opened during the run.
        open_at_most, in_flight_at_most: connections, and requests, at once.
        error: why there is nothing of this.
    """

    kind: str
    setting: str
    workload: str
    peer: str
    round: int
    count: int
    size: int
    at: float = 0.0
    seconds: float = 0.0
    cpu: float = 0.0
    peak: int = 0
    requests: dict[str, int] = field(default_factory=dict)
    connections: int = 0
    open_at_most: int = 0
    in_flight_at_most: int = 0
    error: str | None = None


def this_machine(peers_python: Path | None, ours_python: Path) -> Machine:
    """Look at the machine and at both environments."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return Machine(
        date=f"{datetime.now(UTC):%Y-%m-%d}",
        cores=os.cpu_count() or 1,
        processor=_processor(),
        system=f"{platform.system()} {platform.machine()}",
        python=platform.python_version(),
        commit=commit.stdout.strip(),
        load=os.getloadavg()[0],
        ours=_versions(ours_python),
        peers={} if peers_python is None else _versions(peers_python),
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def _versions(python: Path) -> dict[str, str]:
    asked = (
        "import json, sys; from importlib.metadata import distributions;"
        "print(json.dumps({each.name.lower(): each.version for each in distributions()}))"
    )
    ran = subprocess.run([python, "-P", "-c", asked], capture_output=True, text=True, check=True)
    found: dict[str, str] = json.loads(ran.stdout)
    return {name: found[name.lower()] for name in _PACKAGES if name.lower() in found}


def save(path: Path, found: Machine | Iterable[Result]) -> None:
    """Begin a file with the machine, or add results to it."""
    if isinstance(found, Machine):
        path.write_text(json.dumps(asdict(found)) + "\n")
        return
    with path.open("a") as file:
        for result in found:
            file.write(json.dumps(asdict(result)) + "\n")


def load(path: Path) -> tuple[Machine, list[Result]]:
    """Read a file."""
    first, *rest = path.read_text().splitlines()
    lines: list[dict[str, Any]] = [json.loads(line) for line in rest]
    return Machine(**json.loads(first)), [Result(**line) for line in lines]
