"""Two thousand reads at once on one loop, for minutes, against a local server in which requests go wrong.

    make soak [ARGS="--minutes 3 --rate 0.02"]

moto's S3 server runs in a process of its own, and before it a proxy in which some reads meet each kind of fault (reset,
short body, stall, 503, garbage). A hundredth of the readers reads objects of 20 MiB in ranges, all others small ones.
Every byte is compared. Prints what was read, what was tried again, how late
a task was that wants to run each millisecond, and the process's memory from time to time; ends with 1 if anything was
wrong, or the memory grew. make has glibc give back what is freed: else each of the threads keeps some of it for itself,
which takes minutes to fill and looks like a leak.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import os
import random
import statistics
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from typing_extensions import override

from pyathena.filesystem.s3 import AioS3FileSystem
from pyathena.testing.faults import FaultProxy, Garbage, Reset, Short, SlowDown, Stall
from pyathena.transport import RetryPolicy

AT_ONCE = 2000
BIG, OBJECTS = 4, 200
MIB = 2**20
BUCKET = "soak"
MOST_GROWTH = 256 * MIB
"""Bytes by which the median of the memory may grow from the second third to the last. What is read just then is about a
GiB, and varies by some tens of MiB."""


def content(number: int) -> bytes:
    """The first few are big, and are read in ranges."""
    size = 20 * MIB if number < BIG else 1 + 970 * number
    return random.Random(number).randbytes(1000).ljust(size, b"%d" % (number % 10))


class Retries(logging.Handler):
    """Counts what was tried again, by the class of its error."""

    def __init__(self) -> None:
        super().__init__()
        self.found: Counter[str] = Counter()

    @override
    def emit(self, record: logging.LogRecord) -> None:
        assert isinstance(record.args, tuple)
        self.found[str(record.args[3])] += 1


def resident() -> int:
    """Bytes of this process that are in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


async def heartbeat(late: list[float]) -> None:
    while True:
        due = time.perf_counter() + 0.001
        await asyncio.sleep(0.001)
        late.append((time.perf_counter() - due) * 1000)


async def soak(endpoint: str, seconds: float) -> int:
    fs = AioS3FileSystem(
        endpoint_url=endpoint,
        key="any",
        secret="any",
        asynchronous=True,
        allow_bucket_creation=True,
        connect_timeout=5,
        read_timeout=2,
        # Faults do not end here, so that a budget, which is for outages, would.
        retry=RetryPolicy(max_attempts=10, throttled_base_delay=0.1, budget=1_000_000),
    )
    contents = [content(number) for number in range(OBJECTS)]
    await fs._mkdir(BUCKET)
    await asyncio.gather(*(fs._pipe_file(f"{BUCKET}/{number}", data) for number, data in enumerate(contents)))
    late: list[float] = []
    memory: list[int] = []
    wrong: list[str] = []
    began = time.monotonic()
    done = size = 0

    async def read(reader: int) -> None:
        nonlocal done, size
        rng = random.Random(reader)
        while time.monotonic() - began < seconds:
            number = rng.randrange(BIG) if reader % 100 == 0 else rng.randrange(BIG, OBJECTS)
            try:
                data = await fs._cat_file(f"{BUCKET}/{number}")
            except OSError as error:
                wrong.append(str(error))
            else:
                if data != contents[number]:
                    wrong.append(f"{number} is not what was written")
                done += 1
                size += len(data)

    async def look() -> None:
        while True:
            await asyncio.sleep(seconds / 12)
            gc.collect()
            memory.append(resident())
            print(f"  {time.monotonic() - began:6.0f} s  {done:8} reads  {memory[-1] / MIB:7.1f} MiB", flush=True)

    others = [asyncio.create_task(heartbeat(late)), asyncio.create_task(look())]
    await asyncio.gather(*map(read, range(AT_ONCE)))
    for task in others:
        task.cancel()
    await fs.aclose()
    took = time.monotonic() - began
    third = len(memory) // 3
    growth = statistics.median(memory[-third:]) - statistics.median(memory[third:-third])
    print(f"\n  {done} reads, {size / MIB:.0f} MiB in {took:.0f} s; {len(wrong)} went wrong {wrong[:3] or ''}")
    print(f"  loop late: median {statistics.median(late):.2f} ms, 99 % {statistics.quantiles(late, n=100)[98]:.1f} ms")
    print(f"  memory grew by {growth / MIB:.1f} MiB from the second third to the last")
    return 1 if wrong or growth > MOST_GROWTH else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=3)
    parser.add_argument("--rate", type=float, default=0.02, help="how many of all requests meet each kind of fault")
    arguments = parser.parse_args()
    retries = Retries()
    logger = logging.getLogger("pyathena.transport.retrying")
    logger.addHandler(retries)
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    command = [sys.executable, "-m", "benchmarks.soak", "--serve", str(arguments.rate)]
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert server.stdin is not None
    assert server.stdout is not None
    try:
        status = asyncio.run(soak(server.stdout.readline().strip(), arguments.minutes * 60))
    finally:
        server.stdin.close()
        print(server.stdout.read().rstrip())
        server.wait()
    print(f"  tried again: {dict(retries.found)}")
    return status


def serve(rate: float) -> None:
    """Be moto, and the proxy before it, until stdin is closed."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with FaultProxy(f"http://{host}:{port}") as proxy:
        rng = random.Random(1)
        for fault in (Reset(), Reset(after=50), Short(after=50), SlowDown(), Garbage()):
            proxy.script.sometimes(rate, fault, rng, "get_object_range")
        proxy.script.sometimes(rate / 10, Stall(), rng, "get_object_range")  # each holds a thread for 2 s
        print(proxy.endpoint, flush=True)
        sys.stdin.read()
        print(
            f"  {len(proxy.requests)} requests, at most {proxy.peak_in_flight} at once, {proxy.connections} connections"
        )
    server.stop()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve(float(sys.argv[2]))
    else:
        sys.exit(main())
