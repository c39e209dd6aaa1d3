"""See it work: real objects are written, read in parallel and deleted over HTTP.

    make demo                                     against moto's S3 server, which this script starts and stops
    python examples/demo.py --bucket NAME [--endpoint-url URL]      against a real S3, in a bucket that exists

Credentials for a real S3 are found as boto3 finds them. What is written lies below ``pyathena-demo/`` and is deleted.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from local import KEY, moto

from pyathena.filesystem.s3 import AioS3FileSystem
from pyathena.transport import InMemoryTransport, ThreadedBoto3Transport

MIB = 2**20


@contextmanager
def step(what: str) -> Iterator[None]:
    """Print what was done and how long it took."""
    began = time.perf_counter()
    yield
    print(f"  {what:<68} {time.perf_counter() - began:7.2f} s")


async def read_in_parallel(fs: AioS3FileSystem, path: str, expected: bytes) -> None:
    """Read an object through an asynchronous file; it is split into ranges that arrive side by side."""
    async with fs.open(path, "rb") as f:
        data = await f.read()
    assert data == expected, f"{path} is not what was written"


async def demo(transport: ThreadedBoto3Transport, bucket: str, *, create: bool) -> None:
    fs = AioS3FileSystem(transport=transport, asynchronous=True, allow_bucket_creation=create)
    root = f"s3://{bucket}/pyathena-demo"
    big = os.urandom(64 * MIB)
    if create:
        await fs._mkdir(bucket)

    with step("write a 64 MiB object: parts upload while the program goes on"):
        async with fs.open(f"{root}/big", "wb") as f:
            for start in range(0, len(big), MIB):
                await f.write(big[start : start + MIB])

    with step("read it back in parallel ranges, and compare"):
        await read_in_parallel(fs, f"{root}/big", big)

    with step("fail in the middle of writing: nothing appears"):
        try:
            async with fs.open(f"{root}/half", "wb") as f:
                await f.write(big[: 20 * MIB])
                raise RuntimeError("the program fails here")
        except RuntimeError:
            assert not await fs._exists(f"{root}/half")

    small = {f"{root}/small/{number:03}": b"%d" % number for number in range(500)}
    with step("write 500 small objects at once"):
        await asyncio.gather(*(fs._pipe_file(path, data) for path, data in small.items()))

    with step("read all 500 at once, and compare"):
        found = await asyncio.gather(*(fs._cat_file(path) for path in small))
        assert found == list(small.values())

    with step("write 2 500 empty objects"):
        await asyncio.gather(*(fs._pipe_file(f"{root}/many/{number:04}", b"") for number in range(2500)))

    with step("delete those 2 500 keys: a listing, and a thousand keys a request"):
        assert len(await fs._rm(f"{root}/many", recursive=True)) == 2500

    await fs._rm(root, recursive=True)
    print(f"\n  at most {transport.peak_in_flight} requests were in flight at a time\n")

    in_memory = AioS3FileSystem(transport=InMemoryTransport(buckets=[bucket]), asynchronous=True)
    await in_memory._pipe_file(f"{root}/big", big)
    with step("the same read, the filesystem being given an InMemoryTransport"):
        await read_in_parallel(in_memory, f"{root}/big", big)


async def main(endpoint_url: str | None, bucket: str, *, own_server: bool) -> None:
    key = KEY if own_server else None
    transport = ThreadedBoto3Transport(endpoint_url=endpoint_url, key=key, secret=key)
    try:
        await demo(transport, bucket, create=own_server)
    finally:
        await transport.aclose()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Write, read and delete real objects over HTTP.")
    parser.add_argument("--endpoint-url", help="URL of an S3-compatible server; AWS if only --bucket is given")
    parser.add_argument("--bucket", help="a bucket that exists")
    arguments = parser.parse_args()
    if arguments.bucket is not None:
        asyncio.run(main(arguments.endpoint_url, arguments.bucket, own_server=False))
    elif arguments.endpoint_url is not None:
        parser.error("--endpoint-url needs --bucket, a bucket that exists there")
    else:
        with moto() as endpoint:
            asyncio.run(main(endpoint, "demo-bucket", own_server=True))
