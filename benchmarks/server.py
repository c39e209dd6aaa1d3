"""A local S3 server for benchmarks: objects in memory, answers as quick as Python allows, or as slow as asked.

    python -m benchmarks.server [--port 0] [--latency MS] [--bandwidth BYTES_PER_SECOND]

It prints its URL, and ends when its standard input does. uvloop is used if it is installed. What it has seen is told,
and what it holds is made, under ``/-/``, which is counted as nothing:

* ``GET /-/counts``: requests by operation, connections opened, most open at once, most requests in flight (from the end
  of a request's head until the last byte of its answer was handed to the socket);
* ``POST /-/reset``: begin to count anew;
* ``POST /-/seed?bucket=&key=&size=`` makes an object; ``&count=`` makes so many, whose keys are ``key`` and their
  number in six digits; ``&directories=`` divides these over so many directories. The bucket holds nothing else then;
* ``GET /-/digest?bucket=&key=``: size and CRC-32 of an object;
* ``GET /-/keys?bucket=``: how many objects there are.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import zlib
from collections.abc import Callable
from contextlib import suppress

from benchmarks.content import keys
from benchmarks.s3_http import Answer, Connection, Counts, Pace, Request
from benchmarks.s3_store import Bucket, Store

__all__ = ["Service", "serve"]


class Service:
    """Answers for S3, and for those who run the benchmarks."""

    def __init__(self) -> None:
        self.store = Store()
        self.counts = Counts()

    def operation(self, request: Request) -> str | None:
        return None if request.path.startswith("/-/") else self.store.operation(request)

    def answer(self, request: Request) -> Answer:
        if not request.path.startswith("/-/"):
            return self.store.answer(request)
        query = request.query
        told: object = {}
        match request.path[3:]:
            case "counts":
                told = self.counts.seen()
            case "reset":
                self.counts.reset()
            case "seed":
                bucket = self.store.buckets[query["bucket"]] = Bucket()
                count, directories = (int(query[name]) if name in query else None for name in ("count", "directories"))
                bucket.seed(keys(query["key"], count, directories), int(query["size"]))
            case "digest":
                stored = self.store.buckets[query["bucket"]].objects[query["key"]]
                told = {"size": stored.size, "crc32": zlib.crc32(stored.data)}
            case "keys":
                told = len(self.store.buckets[query["bucket"]].objects)
            case _:
                return Answer(404)
        return Answer(body=json.dumps(told).encode())


async def serve(service: Service, pace: Pace, port: int = 0) -> asyncio.Server:
    """Listen on a port of 127.0.0.1."""
    loop = asyncio.get_running_loop()
    return await loop.create_server(lambda: Connection(service, service.counts, pace), "127.0.0.1", port, backlog=1024)


async def _main(pace: Pace, port: int) -> None:
    server = await serve(Service(), pace, port)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    server.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency", type=float, default=0.0, help="milliseconds to the first byte of an answer")
    parser.add_argument("--bandwidth", type=float, help="bytes a second on each connection, each way")
    arguments = parser.parse_args()
    new_event_loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
    with suppress(ImportError):
        import uvloop

        new_event_loop = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(_main(Pace(arguments.latency / 1000, arguments.bandwidth), arguments.port))


if __name__ == "__main__":
    main()
