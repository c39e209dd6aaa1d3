"""Measure us and the peers against the local S3 server: `make bench`.

    python -m benchmarks.run [--settings cpu,net] [--only big,small] [--peers aio,obstore] [--rounds 5] …

Each run is a fresh process that does one workload once. In each round every peer has its turn, in an order that begins
one place later each time, so that whatever else the machine does meets all of them. What is measured is added to a file
of JSON lines as it comes, and `benchmarks.report` makes the report of it.
"""

from __future__ import annotations

import argparse
import compileall
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.alone import IMPORTS, TIMED_IMPORT
from benchmarks.athena import AthenaProcess
from benchmarks.control import ROOT, ServerProcess
from benchmarks.peers import PEERS, Peer
from benchmarks.results import Result, save, this_machine
from benchmarks.worker import Order
from benchmarks.workloads import WORKLOADS, Workload

__all__ = ["SETTINGS", "Environments", "Setting", "compile_ours", "rounds", "run_peer"]

RESULTS: Final = ROOT / "benchmarks" / "results.jsonl"
_TIMEOUT: Final = 180
_QUICK: Final = {"only": "big,small,rm", "peers": "aio,sync,boto3,s3fs,obstore"}
_CREDENTIALS: Final = {
    "AWS_ACCESS_KEY_ID": "benchmarkskey",
    "AWS_SECRET_ACCESS_KEY": "benchmarkssecret",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "NO_PROXY": "127.0.0.1",
}


@dataclass(frozen=True, slots=True)
class Setting:
    """How far away S3 is: milliseconds to the first byte, and bytes a second on a connection."""

    name: str
    latency: float = 0.0
    bandwidth: float | None = None

    @property
    def title(self) -> str:
        if self.bandwidth is None and not self.latency:
            return "no latency: what the client itself costs"
        return f"{self.latency:g} ms to the first byte and {(self.bandwidth or 0) / 1e6:g} MB/s on each connection"

    def scaled(self, workload: Workload) -> tuple[int, int]:
        """Return how many of how many bytes: less where each request takes long."""
        share = workload.net_share if self.latency else 1.0
        if workload.count > 1:
            return int(workload.count * share), workload.size
        return 1, int(workload.size * share)


SETTINGS: Final = {each.name: each for each in (Setting("cpu"), Setting("net", 30.0, 80e6))}


@dataclass(frozen=True, slots=True)
class Environments:
    """The Pythons of both environments; that of the peers may be missing."""

    ours: Path
    peers: Path | None

    def command(self, peer: Peer) -> list[str]:
        """Return what runs a worker for a peer."""
        if peer.ours:
            return [str(self.ours), "-m", "benchmarks.worker"]
        assert self.peers is not None
        # PyAthena has our import name: what is installed has to be found before what is here.
        here = f"import sys; sys.path.append({str(ROOT)!r}); from benchmarks.worker import main; main()"
        return [str(self.peers), "-P", "-c", here]


def compile_ours() -> None:
    """Compile what is ours, as pip has done with the peers; else `PYTHONDONTWRITEBYTECODE` adds it to each import."""
    if not compileall.compile_dir(ROOT / "pyathena", quiet=1):
        sys.exit("pyathena could not be compiled")


def environment(endpoint: str) -> dict[str, str]:
    """Return the environment variables of a worker: none of the developer's AWS settings.

    The endpoint is for clients that a peer makes for itself.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return kept | _CREDENTIALS | {"AWS_ENDPOINT_URL_S3": endpoint}


def run_peer(environments: Environments, peer: Peer, order: Order) -> dict[str, Any] | None:
    """Do one run in a fresh process; None if the peer does not do it, and ``{"error": …}`` if it fails."""
    command = [*environments.command(peer), json.dumps(asdict(order))]
    try:
        ran = subprocess.run(
            command, cwd=ROOT, env=environment(order.endpoint), capture_output=True, text=True, timeout=_TIMEOUT
        )
    except subprocess.TimeoutExpired:
        return {"error": f"took more than {_TIMEOUT} s"}
    if ran.returncode:
        return {"error": (ran.stderr.strip().splitlines() or [f"ended with {ran.returncode}"])[-1][:200]}
    found: dict[str, Any] | None = json.loads(ran.stdout.splitlines()[-1])
    return found


def rounds(
    environments: Environments,
    setting: Setting,
    workload: Workload,
    peers: Sequence[Peer],
    most: int,
    server: ServerProcess,
    athena: AthenaProcess | None,
) -> Iterator[Result]:
    """Go round the peers; the order begins one place later each time. Who cannot do it is not asked again."""
    count, size = setting.scaled(workload)
    able = list(peers)
    for number in range(min(most, workload.rounds)):
        first = number % max(1, len(able))
        for peer in [*able[first:], *able[:first]]:
            where = None if athena is None else athena.endpoint
            order = Order(peer.where, workload.name, count, size, server.endpoint, where, peer.options)
            found = run_peer(environments, peer, order)
            if found is None or "error" in found:
                able.remove(peer)
            if found is not None:
                yield Result(
                    kind="compare",
                    setting=setting.name,
                    workload=workload.name,
                    peer=peer.name,
                    round=number,
                    count=count,
                    size=size,
                    **found,
                )


def alone(environments: Environments, most: int) -> Iterator[Result]:
    """Measure what costs time without any request: imports, and calls over the transport in memory."""
    for number in range(max(7, most)):
        for module, where in IMPORTS.items():
            python = environments.ours if where == "ours" else environments.peers
            if python is not None:
                safe = [] if where == "ours" else ["-P"]
                ran = subprocess.run(
                    [python, *safe, "-c", TIMED_IMPORT.format(module)],
                    cwd=ROOT,
                    check=True,
                    capture_output=True,
                    text=True,
                )
                yield _alone("import", module, number, *map(float, ran.stdout.split()))
    for number in range(most):
        ran = subprocess.run(
            [environments.ours, "-m", "benchmarks.alone"], cwd=ROOT, check=True, capture_output=True, text=True
        )
        for name, micros in json.loads(ran.stdout).items():
            yield _alone("memory", name, number, micros / 1e6)


def _alone(kind: str, what: str, number: int, seconds: float, cpu: float = 0.0) -> Result:
    return Result(
        kind=kind, setting="", workload="", peer=what, round=number, count=1, size=0, seconds=seconds, cpu=cpu
    )


def chosen(given: str | None, known: dict[str, Any], what: str) -> list[Any]:
    """Return those that were named, or all.

    Raises:
        SystemExit: one is not known.
    """
    names = list(known) if given is None else given.split(",")
    if unknown := [name for name in names if name not in known]:
        sys.exit(f"unknown {what}: {', '.join(unknown)}; there are {', '.join(known)}")
    return [known[name] for name in names]


def arguments_of(parser: argparse.ArgumentParser) -> tuple[argparse.Namespace, Environments]:
    """Add and read what all ways to measure have in common."""
    parser.add_argument("--peers-python", type=Path, help="Python of the environment of the peers")
    parser.add_argument("--out", type=Path, help="file of JSON lines")
    given = parser.parse_args()
    return given, Environments(Path(sys.executable), given.peers_python)


def show(result: Result) -> None:
    """Print a line for a run."""
    what = f"{result.kind:8} {result.setting:4} {result.workload:12} {result.peer:32} {result.at or ''!s:>8}"
    if result.error is not None:
        print(f"{what} {result.error}", flush=True)
    else:
        told = f"{result.seconds:8.5f} s {result.cpu:7.2f} cpu {result.peak / 2**20:7.1f} MiB"
        told += f" {sum(result.requests.values()):6} requests {result.in_flight_at_most:4} in flight"
        print(f"{what} {told}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--settings", help=f"of {','.join(SETTINGS)}")
    parser.add_argument("--only", help=f"workloads, of {','.join(WORKLOADS)}")
    parser.add_argument("--peers", help=f"of {','.join(PEERS)}")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="a few workloads and peers, once")
    given, environments = arguments_of(parser)
    out = given.out or RESULTS
    most = 1 if given.quick else given.rounds
    quick = _QUICK if given.quick else {}
    only = given.only or quick.get("only")
    peers: list[Peer] = chosen(given.peers or quick.get("peers"), PEERS, "peer")
    if environments.peers is None:
        peers = [peer for peer in peers if peer.ours]
    began = time.monotonic()
    compile_ours()
    save(out, this_machine(environments.peers, environments.ours))
    for setting in chosen(given.settings, SETTINGS, "setting"):
        for workload in chosen(only, WORKLOADS, "workload"):
            with ExitStack() as stack:
                server = stack.enter_context(ServerProcess(latency=setting.latency, bandwidth=setting.bandwidth))
                athena = None
                if workload.name == "athena":
                    rows, _ = setting.scaled(workload)
                    athena = stack.enter_context(AthenaProcess(server.endpoint, rows, key="any", secret="any"))
                for result in rounds(environments, setting, workload, peers, most, server, athena):
                    save(out, [result])
                    show(result)
    if given.only is None and not given.quick:
        for result in alone(environments, most):
            save(out, [result])
            show(result)
    print(f"{time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
