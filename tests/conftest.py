"""What all tests share: an environment without the developer's AWS settings, and one server of each kind."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyathena.filesystem import compression
from pyathena.filesystem.s3 import AioS3FileSystem, S3FileSystem
from tests.queries import athena, connection
from tests.servers import KEY, SECRET, MotoServer, RcloneServer

__all__ = ["athena", "connection"]


@pytest.fixture(scope="session", autouse=True)
def _no_aws_settings_of_the_developers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Tests see dummy credentials, and neither ~/.aws nor the network addresses that hand out real ones."""
    nowhere: Path = tmp_path_factory.mktemp("aws")
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.upper().startswith(("AWS_", "BOTO_")) or name.lower() in {"http_proxy", "https_proxy", "all_proxy"}:
                patch.delenv(name)
        patch.setenv("AWS_ACCESS_KEY_ID", KEY)
        patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        patch.setenv("AWS_CONFIG_FILE", str(nowhere / "no-config"))
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(nowhere / "no-credentials"))
        patch.setenv("NO_PROXY", "127.0.0.1,localhost")
        yield


@pytest.fixture(scope="session", autouse=True)
def _ctrl_c_interrupts() -> None:
    """Ctrl-C does what it does in a terminal also where a shell has begun the tests in the background."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def moto_endpoint() -> Iterator[str]:
    """The URL of a moto server that all tests share: use a bucket of your own."""
    with MotoServer() as server:
        yield server.endpoint


@pytest.fixture(scope="session")
def rclone_endpoint() -> Iterator[str]:
    """The URL of an rclone server that all tests share: use a bucket of your own."""
    with RcloneServer() as server:
        yield server.endpoint


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package as it is published."""
    target = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(target)],
        check=True,
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        timeout=50,
    )
    (built,) = target.glob("*.whl")
    return built


@pytest.fixture(scope="session", autouse=True)
def _no_thread_of_ours_is_left() -> Iterator[None]:
    """When all tests are over, the threads of what they have closed or forgotten have ended."""
    yield
    for face in (AioS3FileSystem, S3FileSystem):
        face.clear_instance_cache()
    compression._RUNTIME.close()  # whose threads serve all files of the process
    gc.collect()
    deadline = time.monotonic() + 5
    while left := [each.name for each in threading.enumerate() if each.name.startswith("pyathena")]:
        assert time.monotonic() < deadline, left
        time.sleep(0.01)
