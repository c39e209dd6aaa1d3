"""Do one workload by one peer in this process, and print what it took as JSON. Started by `benchmarks.run`.

The peer is made and reads a small object before the clock runs; the outcome is checked afterwards. ``null`` is printed
if the peer does not do such a workload.
"""

from __future__ import annotations

import asyncio
import gc
import inspect
import json
import resource
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Self

from benchmarks.control import Control
from benchmarks.workloads import BUCKET, WARM, WORKLOADS, Task

__all__ = ["Order", "Usage", "measure"]


@dataclass(frozen=True, slots=True)
class Order:
    """What this process is to do.

    Args:
        peer: module and class in `benchmarks.peers`, as in ``ours:Aio``.
        workload: one of `WORKLOADS`.
        count: of it.
        size: of it.
        endpoint: URL of the S3 server.
        athena: URL of the Athena server, for workloads that need it.
        options: further parameters of the peer.
    """

    peer: str
    workload: str
    count: int
    size: int
    endpoint: str
    athena: str | None = None
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Usage:
    """What it took: seconds, those of the processor, bytes of memory above the start, and what the server saw."""

    seconds: float
    cpu: float
    peak: int
    requests: dict[str, int]
    connections: int
    open_at_most: int
    in_flight_at_most: int


class _Clock:
    """Measures what a ``with`` block takes."""

    def __enter__(self) -> Self:
        gc.collect()
        self._before = _begin_peak()
        self._cpu = time.process_time()
        self._began = time.perf_counter()
        return self

    def __exit__(self, *raised: object) -> None:
        self.seconds = time.perf_counter() - self._began
        self.cpu = time.process_time() - self._cpu
        self.peak = _peak() - self._before


def _begin_peak() -> int:
    """Have the kernel forget the peak where it can (see clear_refs in proc(5)); return the memory in use, in bytes."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return _peak()


def _peak() -> int:
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def measure(order: Order) -> Usage | None:
    """Do what was ordered."""
    module, _, name = order.peer.partition(":")
    kind: Any = getattr(import_module(f"benchmarks.peers.{module}"), name)
    method = getattr(kind, order.workload, None)
    if method is None:
        return None
    workload = WORKLOADS[order.workload]
    control = Control(order.endpoint)
    workload.seed_server(control, order.count, order.size)
    task = workload.task(order.count, order.size)
    asynchronous = inspect.iscoroutinefunction(method)
    where = {"athena": order.athena} if order.athena is not None else {}

    def make() -> Any:
        return kind(order.endpoint, BUCKET, asynchronous=asynchronous, **where, **order.options)

    try:
        run: Callable[..., tuple[Any, _Clock, dict[str, Any]]] = _run_in_loop if asynchronous else _run
        outcome, clock, counts = run(make, order.workload, task, control)
        task.check(outcome, control)
    finally:
        task.close()
    return Usage(clock.seconds, clock.cpu, clock.peak, **counts)


def _run(make: Callable[[], Any], method: str, task: Task, control: Control) -> tuple[Any, _Clock, dict[str, Any]]:
    peer = make()
    peer.warm("warm", WARM)
    control.reset()
    with _Clock() as clock:
        outcome = getattr(peer, method)(*task.arguments)
    counts = control.counts()
    peer.close()
    return outcome, clock, counts


def _run_in_loop(
    make: Callable[[], Any], method: str, task: Task, control: Control
) -> tuple[Any, _Clock, dict[str, Any]]:
    async def main() -> tuple[Any, _Clock, dict[str, Any]]:
        peer = make()
        await peer.warm("warm", WARM)
        control.reset()
        with _Clock() as clock:
            outcome = await getattr(peer, method)(*task.arguments)
        counts = control.counts()
        await peer.close()
        return outcome, clock, counts

    return asyncio.run(main())


def main() -> None:
    usage = measure(Order(**json.loads(sys.argv[-1])))
    print(json.dumps(None if usage is None else asdict(usage)))


if __name__ == "__main__":
    main()
