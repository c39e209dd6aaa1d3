"""HTTP as Athena speaks it: JSON 1.1 in both directions, errors as answers."""

from __future__ import annotations

import json
import socket
import sys
import threading
import uuid
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, TypeAlias

from typing_extensions import override

__all__ = ["AthenaError", "HangUp", "Payload", "Server", "refused"]

Payload: TypeAlias = dict[str, Any]

_TARGET: Final = "AmazonAthena."


class AthenaError(Exception):
    """An error answer.

    https://docs.aws.amazon.com/athena/latest/APIReference/CommonErrors.html
    """

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


class HangUp(Exception):  # noqa: N818 - it is no error, but the end of a connection
    """Close the connection without an answer."""


def refused(message: str) -> AthenaError:
    """Make the error of a request that Athena does not accept."""
    return AthenaError("InvalidRequestException", message)


class Server(ThreadingHTTPServer):
    """Speaks JSON 1.1 over HTTP/1.1 on a free port of 127.0.0.1, with a thread for each connection.

    Args:
        serve: does an operation with its payload; what it raises becomes the answer.

    https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html
    """

    daemon_threads = True
    request_queue_size = 1024  # connections that come at once; the default of 5 has clients wait for a second

    def __init__(self, serve: Callable[[str, Payload], Payload]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.serve = serve
        self._connections: dict[socket.socket, threading.Thread] = {}
        self._accepting = threading.Thread(
            target=self.serve_forever, args=(0.01,), name="pyathena-local-athena", daemon=True
        )

    def start(self) -> None:
        """Accept connections from now on."""
        self._accepting.start()

    def stop(self) -> None:
        """Close all connections, and wait for the requests under way."""
        self.shutdown()
        self._accepting.join()
        self.server_close()
        for connection, thread in self._connections.items():
            with suppress(OSError):  # it is closed
                connection.shutdown(socket.SHUT_RDWR)
            thread.join()

    @override
    def process_request(self, request: Any, client_address: Any) -> None:
        thread = threading.Thread(
            target=self.process_request_thread,
            args=(request, client_address),
            name="pyathena-local-athena-connection",
            daemon=True,
        )
        # Those that are closed already are kept until their thread has ended, so that `stop` leaves none behind.
        self._connections = {known: old for known, old in self._connections.items() if old.is_alive()}
        self._connections[request] = thread
        thread.start()

    @override
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that hung up."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # the head and the body are two packets
    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        try:
            status, content = 200, json.dumps(self._serve(body))
        except HangUp:
            self.close_connection = True
            return
        except AthenaError as error:
            status, content = error.status, json.dumps({"__type": error.code, "Message": error.message})
        except Exception as error:  # a mistake in what the test has given, or here: let the client see it
            text = f"LocalAthena: {type(error).__name__}: {error}"
            status, content = 500, json.dumps({"__type": "InternalServerException", "Message": text})
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("x-amzn-RequestId", str(uuid.uuid4()))
        self.end_headers()
        self.wfile.write(content.encode())  # as long as it has characters: all of it is ASCII

    def _serve(self, body: bytes) -> Payload:
        target = self.headers.get("X-Amz-Target", "")
        try:
            payload = json.loads(body)
        except ValueError:
            payload = None
        if not isinstance(payload, dict):
            raise AthenaError("SerializationException", "The body is not a JSON object")
        return self.server.serve(target.removeprefix(_TARGET), payload)

    @override
    def log_message(self, format: str, *args: object) -> None:
        pass
