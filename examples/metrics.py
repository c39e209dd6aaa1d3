"""See each request: counters and a histogram for Prometheus, made of the reports that ``on_request=`` brings.

    python examples/metrics.py                     against objects in memory, with a request that fails once

Needs ``prometheus-client``. A service would not print what is counted but serve it: `start_http_server(8000)`.
"""

from __future__ import annotations

import asyncio

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from pyathena.filesystem.s3 import AioS3FileSystem
from pyathena.testing.faults import Fail, FaultyTransport
from pyathena.transport import InMemoryTransport, RequestReport, S3ThrottledError

REGISTRY = CollectorRegistry()
REQUESTS = Counter("s3_requests", "Requests to S3.", ["operation", "outcome"], registry=REGISTRY)
RETRIES = Counter("s3_retries", "Requests that were further attempts.", ["operation"], registry=REGISTRY)
BYTES = Counter("s3_bytes", "Bytes of objects.", ["direction"], registry=REGISTRY)
SECONDS = Histogram("s3_seconds", "How long requests took.", ["operation"], registry=REGISTRY)


def count(report: RequestReport) -> None:
    """Count a request. Buckets and keys are no labels: there are too many of them."""
    REQUESTS.labels(report.operation, report.outcome).inc()
    SECONDS.labels(report.operation).observe(report.seconds)
    BYTES.labels("sent").inc(report.bytes_sent)
    BYTES.labels("received").inc(report.bytes_received)
    if report.attempt > 1:
        RETRIES.labels(report.operation).inc()


async def main() -> None:
    s3 = FaultyTransport(InMemoryTransport(buckets=["bucket"]))
    s3.script.on("put_object", 1, Fail(S3ThrottledError))  # S3 says once to slow down
    fs = AioS3FileSystem(transport=s3, asynchronous=True, on_request=count)
    await fs._pipe_file("s3://bucket/key", b"data")
    assert await fs._cat_file("s3://bucket/key") == b"data"
    assert not await fs._exists("s3://bucket/missing")
    await fs.aclose()
    print(generate_latest(REGISTRY).decode())


if __name__ == "__main__":
    asyncio.run(main())
