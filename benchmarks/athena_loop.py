"""Is the event loop held up while whole queries with large results run? Measures, and writes `ATHENA_LOOP.md`.

    make bench-athena

A local Athena and rclone's S3 server run in processes of their own, so that their work is not taken for ours. For each
cursor the query runs in a fresh process, in an event loop whose selector tells how much processor time the loop's
thread took between two looks at its sockets, which is the most that a callback can have taken (asyncio's own debug
mode, which complains of callbacks longer than `loop.slow_callback_duration`, makes coroutines several times slower, and
takes other threads' time for the callback's). A task that wants to run each millisecond tells how late it was. The
libraries of tables are imported before, as at the start of a program.
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
import selectors
import statistics
import subprocess
import sys
import time
from datetime import UTC, datetime
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

from typing_extensions import override

import pyathena
from benchmarks.athena import COLUMNS, AthenaProcess
from benchmarks.workloads import QUERY
from pyathena.aio.connection import AioConnection
from pyathena.settings import ConnectionOptions
from tests.servers import KEY, SECRET, RcloneServer

ROWS = 1_000_000
REPORT = Path(__file__).parent / "ATHENA_LOOP.md"
CURSORS = ("AioCursor", "AioS3FSCursor", "AioArrowCursor", "AioPandasCursor", "AioPolarsCursor")


class TimingSelector(selectors.DefaultSelector):
    """Notes for how much of this thread's time nobody looked at the sockets, in milliseconds."""

    def __init__(self) -> None:
        super().__init__()
        self.busy: list[float] = []
        self._looked: float | None = None

    @override
    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if self._looked is not None:
            self.busy.append((time.thread_time() - self._looked) * 1000)
        ready = super().select(timeout)
        self._looked = time.thread_time()
        return ready


async def heartbeat(late: list[float]) -> None:
    while True:
        due = time.perf_counter() + 0.001
        await asyncio.sleep(0.001)
        late.append((time.perf_counter() - due) * 1000)


async def rows_through(connection: AioConnection[Any], name: str) -> int:
    module = {"AioCursor": "cursor", "AioS3FSCursor": "s3fs.cursor"}.get(name, f"{name[3:-6].lower()}.cursor")
    kind: Any = getattr(__import__(f"pyathena.aio.{module}", fromlist=[name]), name)
    async with connection.cursor(kind) as cursor:
        await cursor.execute(QUERY)
        rows: int
        if name == "AioArrowCursor":
            rows = (await cursor.as_arrow()).num_rows
        elif name == "AioPandasCursor":
            rows = len(await cursor.as_pandas())
        elif name == "AioPolarsCursor":
            rows = (await cursor.as_polars()).height
        else:
            rows = 0
            async for _ in cursor:
                rows += 1
        return rows


async def measure(name: str, options: ConnectionOptions, selector: TimingSelector) -> dict[str, Any]:
    library = {"AioArrowCursor": "pyarrow.parquet", "AioPandasCursor": "pandas", "AioPolarsCursor": "polars"}.get(name)
    if library is not None:
        import_module(library)
    late: list[float] = []
    async with await pyathena.aio_connect(**options) as connection:
        beating = asyncio.create_task(heartbeat(late))
        selector.busy.clear()
        began = time.perf_counter()
        rows = await rows_through(connection, name)
        took = time.perf_counter() - began
        beating.cancel()
    assert rows == ROWS
    return {"seconds": took, "busy": selector.busy, "late": late}


def run() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    with RcloneServer() as s3:
        command = [sys.executable, "-m", "benchmarks.athena_loop"]
        with AthenaProcess(s3.endpoint, ROWS, key=KEY, secret=SECRET) as athena:
            for name in CURSORS:
                ran = subprocess.run(
                    [*command, "--measure", name, athena.endpoint, s3.endpoint], check=True, stdout=-1, text=True
                )
                found[name] = json.loads(ran.stdout)
    return found


def percentile(values: list[float]) -> float:
    return statistics.quantiles(values, n=100)[98]


def report(found: dict[str, dict[str, Any]]) -> str:
    packages = ", ".join(f"{name} {version(name)}" for name in ("pyathena", "boto3", "pyarrow", "pandas", "polars"))
    lines = [
        "# The event loop during queries",
        "",
        f"Written by `make bench-athena` on {datetime.now(UTC):%Y-%m-%d}: {ROWS:,} rows of {len(COLUMNS)} columns,",
        f"once by each cursor, on {os.cpu_count()} cores ({platform.machine()}) in Python {platform.python_version()},",
        f"{packages}. The local Athena and rclone's S3 server ran in processes of their own on the same machine.",
        "",
        "Busy is the processor time that the loop's thread took between two looks at its sockets: no callback can have",
        "taken more. Late is a task that wants to run each millisecond: the threads that decode share the interpreter",
        "with it and give it up every 5 ms (`sys.getswitchinterval`), and Python's garbage collector stops them all.",
        "",
        "| cursor | seconds | rows/s | busy at 99 %, ms | at most | late at the median, ms | at 99 % | at most |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, one in found.items():
        busy, late = one["busy"], one["late"]
        lines.append(
            f"| `{name}` | {one['seconds']:.2f} | {ROWS / one['seconds']:,.0f} "
            f"| {percentile(busy):.1f} | {max(busy):.1f} "
            f"| {statistics.median(late):.2f} | {percentile(late):.1f} | {max(late):.1f} |"
        )
    return "\n".join(lines) + "\n"


def main(arguments: list[str]) -> None:
    if arguments[:1] == ["--measure"]:
        _, name, endpoint, s3_endpoint = arguments
        options: ConnectionOptions = {
            "endpoint_url": endpoint,
            "s3_endpoint_url": s3_endpoint,
            "s3_staging_dir": "s3://results/",
            "region_name": "us-east-1",
            "aws_access_key_id": KEY,
            "aws_secret_access_key": SECRET,
        }
        selector = TimingSelector()
        with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selector)) as runner:
            print(json.dumps(runner.run(measure(name, options, selector))))
    else:
        found = run()
        REPORT.write_text(report(found))
        print(REPORT.read_text())


if __name__ == "__main__":
    main(sys.argv[1:])
