"""Start the benchmarks' S3 server in a process of its own, and ask it what it has seen.

Needs nothing but the standard library, since the environments of the peers import it too.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from http.client import HTTPConnection
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlencode, urlsplit

__all__ = ["ROOT", "Control", "Process", "ServerProcess"]

ROOT: Final = Path(__file__).parent.parent


class Control:
    """Speaks to the server's ``/-/`` URLs. Nothing of it is counted."""

    def __init__(self, endpoint: str) -> None:
        self._address = urlsplit(endpoint).netloc

    def _ask(self, method: str, name: str, **query: str | int | None) -> Any:
        connection = HTTPConnection(self._address, timeout=60)
        try:
            given = {name: value for name, value in query.items() if value is not None}
            connection.request(method, f"/-/{name}?{urlencode(given)}")
            answer = connection.getresponse()
            body = answer.read()
            if answer.status != 200:
                raise RuntimeError(f"the benchmarks' server answers {answer.status} to {name}")
            return json.loads(body)
        finally:
            connection.close()

    def seed(
        self, bucket: str, key: str, size: int, *, count: int | None = None, directories: int | None = None
    ) -> None:
        """Make objects, see `benchmarks.server`."""
        self._ask("POST", "seed", bucket=bucket, key=key, size=size, count=count, directories=directories)

    def reset(self) -> None:
        """Begin to count anew."""
        self._ask("POST", "reset")

    def counts(self) -> dict[str, Any]:
        """Return what was counted since the last reset."""
        found: dict[str, Any] = self._ask("GET", "counts")
        return found

    def digest(self, bucket: str, key: str) -> tuple[int, int]:
        """Return size and CRC-32 of an object."""
        found = self._ask("GET", "digest", bucket=bucket, key=key)
        return found["size"], found["crc32"]

    def keys(self, bucket: str) -> int:
        """Return how many objects a bucket holds."""
        found: int = self._ask("GET", "keys", bucket=bucket)
        return found


class Process:
    """A module of the benchmarks in a process of its own, while a ``with`` block runs.

    It prints its URL, and ends when its standard input does.
    """

    endpoint: str

    def __init__(self, module: str, *arguments: str, environment: Mapping[str, str] | None = None) -> None:
        self._command = [sys.executable, "-m", module, *arguments]
        self._environment = environment

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=self._environment
        )
        assert self._process.stdout is not None
        self.endpoint = self._process.stdout.readline().strip()
        if not self.endpoint:
            raise RuntimeError(f"{' '.join(self._command)} ended with status {self._process.wait()}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.communicate("")


class ServerProcess(Process):
    """The S3 server.

    Args:
        latency: milliseconds to the first byte of an answer.
        bandwidth: bytes a second on each connection, each way; None is as many as there are.
    """

    def __init__(self, *, latency: float = 0.0, bandwidth: float | None = None) -> None:
        limit = [] if bandwidth is None else [f"--bandwidth={bandwidth}"]
        super().__init__("benchmarks.server", f"--latency={latency}", *limit)
