"""Results that are larger than what reading them may hold."""

from __future__ import annotations

import subprocess
import sys

import pytest

MIB = 2**20

# Memory is measured in a process of its own, in which nothing else has been. The result is made as it is read.
PROGRAM = """
import asyncio, resource, sys
from pyathena.aio.connection import AioConnection
from pyathena.testing.athena import Answer, Column, LocalAthena
from pyathena.transport import InMemoryTransport, ObjectRange

module, name, size, chunksize = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
LINE = 64
NAMES = ["n", "s" * (LINE - 7)]


class Made(InMemoryTransport):
    async def get_object_range(self, ref, byte_range, *, into=None, **options):
        if not ref.key.endswith(".csv"):
            return await super().get_object_range(ref, byte_range, into=into, **options)
        start, stop = byte_range.start, min(byte_range.stop or size, size)
        first, last = start // LINE, -(-stop // LINE)
        lines = b"".join(b'"%09d","%s"\\n' % (line, b"x" * (LINE - 15)) for line in range(max(first, 1), last))
        if first == 0:
            lines = ('"%s","%s"\\n' % tuple(NAMES)).encode() + lines
        data = lines[start - first * LINE : stop - first * LINE]
        if into is not None:
            into[: len(data)] = data
            data = into[: len(data)]
        return ObjectRange(data, start, stop - start, size, '"etag"')


async def main():
    with LocalAthena(Made(buckets=["results"])) as athena:
        athena.answer("SELECT 1", Answer([Column(NAMES[0], "integer"), Column(NAMES[1])], [], write_result=False))
        async with AioConnection(
            endpoint_url=athena.endpoint_url, region_name="us-east-1", s3_staging_dir="s3://results/",
            transport=athena.transport,
        ) as connection:
            kind = getattr(__import__(module, fromlist=[name]), name)
            cursor = connection.cursor(kind, **({"chunksize": chunksize} if chunksize else {}))
            await cursor.execute("SELECT 1")
            rows = 0
            if chunksize:
                async for chunk in cursor.iter_chunks():
                    rows += len(chunk)
            else:
                async for _ in cursor:
                    rows += 1
            assert rows == size // LINE - 1, rows

before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
asyncio.run(main())
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def peak(cursor: str, size: int, chunksize: int) -> int:
    """Return how many bytes of memory a cursor takes to go through a result of so many."""
    module = cursor.removeprefix("Aio").removesuffix("Cursor").lower()
    arguments = [f"pyathena.aio.{module}.cursor", cursor, str(size), str(chunksize)]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout) * 1024


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cursor", "chunksize"), [("AioS3FSCursor", 0), ("AioPandasCursor", 50_000), ("AioPolarsCursor", 50_000)]
)
def test_four_times_the_rows_take_the_same_memory(cursor: str, chunksize: int) -> None:
    small, large = (peak(cursor, size * MIB, chunksize) for size in (100, 400))
    assert large - small < 64 * MIB
