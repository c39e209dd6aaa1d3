"""The demo is the first code that a newcomer runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"
DEMO = EXAMPLES / "demo.py"


def run(*arguments: str, program: Path = DEMO, ignored: str | None = None) -> subprocess.CompletedProcess[str]:
    filters = ["-W", "error", *(["-W", f"ignore:{ignored}"] if ignored else [])]
    command = [sys.executable, *filters, str(program), *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)


@pytest.mark.slow
def test_the_demo_writes_reads_and_deletes() -> None:
    ran = run()
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr == ""
    assert "at most 64 requests were in flight" in ran.stdout
    assert "InMemoryTransport" in ran.stdout


@pytest.mark.slow
def test_the_demo_runs_against_another_server_and_leaves_nothing_there(rclone_endpoint: str) -> None:
    from pyathena.filesystem.s3 import S3FileSystem
    from tests.servers import KEY, SECRET

    fs = S3FileSystem(key=KEY, secret=SECRET, endpoint_url=rclone_endpoint, allow_bucket_creation=True)
    fs.mkdir("demo-elsewhere")
    ran = run("--endpoint-url", rclone_endpoint, "--bucket", "demo-elsewhere")
    assert ran.returncode == 0, ran.stderr
    assert fs.find("demo-elsewhere") == []


@pytest.mark.slow
def test_the_demo_ends_with_queries_whose_results_come_through_the_filesystem() -> None:
    ran = run(program=EXAMPLES / "queries.py")
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr == ""
    assert "10000 rows through AioCursor" in ran.stdout
    assert "10000 rows through AioArrowCursor: n int64, day int64, name string" in ran.stdout
    assert "read through AioS3FileSystem, with <ThreadedBoto3Transport" in ran.stdout


def test_the_metrics_count_requests_and_attempts() -> None:
    ran = run(program=EXAMPLES / "metrics.py")
    assert ran.returncode == 0, ran.stderr
    for counted in (
        's3_requests_total{operation="PutObject",outcome="S3ThrottledError"} 1.0',
        's3_requests_total{operation="PutObject",outcome="ok"} 1.0',
        's3_requests_total{operation="HeadObject",outcome="S3NotFoundError"} 1.0',
        's3_retries_total{operation="PutObject"} 1.0',
        's3_bytes_total{direction="received"} 4.0',
        's3_seconds_count{operation="GetObject"} 1.0',
    ):
        assert counted in ran.stdout


def test_the_demo_is_short() -> None:
    assert len(DEMO.read_text().splitlines()) <= 120


def test_an_endpoint_without_a_bucket_is_refused() -> None:
    ran = run("--endpoint-url", "http://127.0.0.1:9")
    assert ran.returncode == 2
    assert "needs --bucket" in ran.stderr
