"""The fast path beside boto3: the requests that carry the load, without what botocore spends on them beyond signing.

botocore takes about a millisecond of processor time for a request, most of which is saved here. Where a bucket is and
how it is addressed is learned by watching what botocore sends there, or would send, so that whatever shapes it
(endpoints, dual-stack, FIPS, access points, path or virtual-host addressing, a bucket in another region) holds here
too. Whatever is not plain goes by the client: `StepAside`.

Known to the boto3 transport alone.
"""

from __future__ import annotations

import base64
import logging
import os
import re
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from types import FunctionType
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit
from weakref import ref

from botocore.client import BaseClient
from botocore.endpoint import Endpoint
from botocore.exceptions import BotoCoreError, ClientError, FlexibleChecksumError
from botocore.httpsession import URLLib3Session, get_cert_path
from botocore.utils import get_environ_proxies
from urllib3.util.ssl_ import create_urllib3_context

from pyathena.transport._boto3_cancellation import Abandonment
from pyathena.transport._sockets import Connection, Connections, Origin
from pyathena.transport.error_answers import error_of_answer
from pyathena.transport.errors import S3ChecksumError, S3ConnectionError, S3Error, S3ServerError, S3TimeoutError
from pyathena.transport.operations import ExpectedBytes, Operation
from pyathena.transport.protocol import operation_name
from pyathena.transport.told import tell_request_id
from pyathena.transport.values import ObjectRange
from pyathena.transport.wire.http1 import Head, ProtocolError, request_head
from pyathena.transport.wire.s3 import (
    CHECKSUMS,
    METHODS,
    AnswerError,
    Request,
    delete_answer,
    encoded_key,
    error_answer,
    is_error,
    list_page,
    object_answer,
    prepare,
)
from pyathena.transport.wire.sigv4 import EMPTY_PAYLOAD, UNSIGNED_PAYLOAD, Credentials, Signer

__all__ = ["FastPath", "StepAside"]

T = TypeVar("T")

_log = logging.getLogger(__name__)

_WAIT: Final = 1.0
"""Seconds to wait for another thread that is about to learn the way to a bucket."""
_ANY_KEY: Final = "key"
_HASHED_AT_ONCE: Final = 8 * 2**20

# What botocore answers by going elsewhere, or knows more of: https://github.com/boto/botocore, S3RegionRedirectorv2.
_FOR_BOTO3: Final = frozenset(
    {
        "AuthorizationHeaderMalformed",
        "IllegalLocationConstraintException",
        "IncorrectEndpoint",
        "PermanentRedirect",
        "RequestTimeTooSkewed",
        "SignatureDoesNotMatch",
        "TemporaryRedirect",
    }
)

_STAGES: Final = (
    "creating-client-class",
    "provide-client-params",
    "before-parameter-build",
    "before-endpoint-resolution",
    "before-call",
    "request-created",
    "choose-signer",
    "before-sign",
    "before-send",
    "response-received",
    "before-parse",
    "needs-retry",
    "after-call",
    "after-call-error",
)
"""botocore's events in the life of a request.

https://botocore.amazonaws.com/v1/documentation/api/latest/topics/events.html
"""
_SEAMS: Final = ((BaseClient, "_make_api_call"), (Endpoint, "make_request"), (URLLib3Session, "send"))
"""Where tracers and tests put themselves in botocore's place."""
_NOT_FOREIGN: Final = frozenset({"botocore", "boto3", "s3transfer", "awscrt", "pyathena"})

_SIGNED: Final = re.compile(r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/]+)/\d{8}/(?P<region>[^/]+)/(?P<service>[^/]+)/.*")


class StepAside(Exception):  # noqa: N818  # it is no error
    """This request is for the client."""


class _Seen(BaseException):
    """What would be sent was seen. Not an `Exception`, so that botocore lets it through."""


@dataclass(frozen=True, slots=True)
class _Route:
    """The way to a bucket, as botocore took it last.

    Args:
        origin: where to connect to.
        host: the header.
        base: path before the key, with a slash at its end.
        signer: None where requests are not signed.
        user_agent: the header.
    """

    origin: Origin
    host: str
    base: str
    signer: Signer | None
    user_agent: str


class FastPath:
    """Requests beside one client that was made by this package.

    Args:
        client: the client that it stands beside.
        credentials: tells the credentials of the moment; may ask the network for them.
        verify: what the client was told of certificates; None is the default.
        max_idle: most connections that are kept.

    Raises:
        StepAside: with this client no request can go by here; the message says why.
    """

    def __init__(self, client: Any, credentials: Callable[[], Any], *, verify: object, max_idle: int) -> None:
        config = client.meta.config
        endpoint = client.meta.endpoint_url
        proxies = get_environ_proxies(endpoint) if config.proxies is None else config.proxies
        if config.client_cert is not None or urlsplit(endpoint).scheme in proxies:
            raise StepAside("a client certificate or a proxy is configured")
        if (config.retries or {}).get("total_max_attempts") != 1:
            raise StepAside("botocore is to retry")
        if verify is not None and verify is not True and not (isinstance(verify, str) and os.path.isfile(verify)):
            raise StepAside("certificates are not verified, or by a directory")
        self._switches = _switches(client)
        self._client = ref(client)  # which holds this, as its event handler
        self._credentials = credentials
        self._config = config
        self._sign_payload: bool | None = (config.s3 or {}).get("payload_signing_enabled")
        self._routes: dict[str, _Route | None] = {}
        self._lock = threading.Lock()
        self._learning: dict[str, threading.Event] = {}
        self._asking = threading.local()
        self._connections = Connections(
            max_idle,
            connect_timeout=config.connect_timeout,
            read_timeout=config.read_timeout,
            keep_alive=bool(config.tcp_keepalive),
            tls=lambda: _tls(True if verify is None else verify),
        )
        client.meta.events.register_last("before-send.s3", self._learn)

    def close(self) -> None:
        """Close the idle connections."""
        self._connections.close()

    # --- the way to a bucket ---------------------------------------------------------------------

    @contextmanager
    def watching(self, operation: Operation[Any]) -> Iterator[None]:
        """Learn from what the client sends for this operation as long as the block runs."""
        self._asking.where = operation.bucket, operation.key
        try:
            yield
        finally:
            self._asking.where = None

    def _explore(self, bucket: str) -> None:
        """Learn from what the client would send to a bucket: it is stopped before anything is sent."""
        client = self._client()
        self._asking.where, self._asking.only = (bucket, _ANY_KEY), True
        try:
            if client is not None:
                client.head_object(Bucket=bucket, Key=_ANY_KEY)
        except _Seen:
            pass
        except Exception as error:  # the client meets it too, when it is really asked, and tells
            _log.debug("The way to %s was not learned: %s", bucket, type(error).__name__)
        finally:
            self._asking.where, self._asking.only = None, False
            with self._lock:
                event = self._learning.pop(bucket)
            event.set()

    def _learn(self, request: Any, **_: object) -> None:
        bucket, key = getattr(self._asking, "where", None) or (None, None)
        if bucket is None:
            return
        try:
            self._routes[bucket] = self._route_of(key, request)
        except StepAside as reason:
            _log.debug("Requests to %s go by boto3: %s", bucket, reason)
            self._routes[bucket] = None
        if getattr(self._asking, "only", False):
            raise _Seen

    def _route_of(self, key: str | None, request: Any) -> _Route:
        url = urlsplit(request.url)
        if url.hostname is None or url.scheme not in ("http", "https"):
            raise StepAside("its URL is not understood")
        base = url.path
        if key is not None:
            encoded = encoded_key(key)
            if not base.endswith(f"/{encoded}"):
                raise StepAside("its URL does not end with the key")
            base = base[: -len(encoded)]
        if not base.endswith("/"):
            base += "/"
        headers = {name.lower(): _text(value) for name, value in request.headers.items()}
        signer = None
        if (signed := headers.get("authorization")) is not None:
            scope = _SIGNED.fullmatch(signed)
            credentials = self._frozen()
            if scope is None or scope["key"] != credentials.access_key or "x-amz-s3session-token" in headers:
                raise StepAside("it is not signed with these credentials, by Signature Version 4")
            signer = Signer(credentials, scope["region"], scope["service"])
        elif "Signature=" in url.query:
            raise StepAside("it is signed in its URL")
        port = {"http": 80, "https": 443}[url.scheme]
        host = url.netloc.removesuffix(f":{port}")  # as botocore does, and others when they check the signature
        origin = Origin(url.scheme, url.hostname, url.port or port)
        return _Route(origin, host, base, signer, headers.get("user-agent", ""))

    def _frozen(self) -> Credentials:
        try:
            found = self._credentials()
            if found is None:
                raise StepAside("there are no credentials")
            frozen = found.get_frozen_credentials()
        except (BotoCoreError, ClientError, OSError) as error:  # the client meets it too, and tells
            raise StepAside("credentials could not be had") from error
        return Credentials(frozen.access_key, frozen.secret_key, frozen.token)

    def _route(self, bucket: str) -> _Route:
        route = self._routes.get(bucket)
        if route is None:
            with self._lock:
                if bucket in self._routes and self._routes[bucket] is None:
                    raise StepAside("it was found before that this bucket is for the client")
                others = self._learning.get(bucket)
                if others is None:
                    self._learning[bucket] = threading.Event()
            if others is None:
                self._explore(bucket)
            else:
                others.wait(_WAIT)
            route = self._routes.get(bucket)
            if route is None:
                raise StepAside("the way to the bucket was not learned")
        if route.signer is not None:
            credentials = self._frozen()
            if credentials != route.signer.credentials:
                signer = Signer(credentials, route.signer.region, route.signer.service)
                route = _Route(route.origin, route.host, route.base, signer, route.user_agent)
                self._routes[bucket] = route
        return route

    # --- one request -----------------------------------------------------------------------------

    def ask(self, operation: Operation[T], call: Abandonment) -> T:
        """Send a request, and tell what the answer means.

        Raises:
            StepAside: nothing was done; the client is to do it.
            S3Error: as by the client.
        """
        with self._exchange(operation, call) as (head, connection):
            body = connection.document()
            try:
                if operation.method == "list_objects_v2":
                    page: Any = list_page(body)  # its entries are many: no detour by S3's names
                    return page  # type: ignore[no-any-return]  # which is what this operation's T is
                if operation.method == "delete_objects":
                    return operation.meaning(delete_answer(body))
            except AnswerError:
                if not is_error(body):
                    raise
            if is_error(body):
                raise self._refused(operation, head, body)
            return operation.meaning(object_answer(head))

    def get_object_range(self, operation: Operation[ExpectedBytes], call: Abandonment) -> ObjectRange:
        """Send a request for bytes, and receive them where they belong; raises as `ask` does."""
        with self._exchange(operation, call) as (head, connection):
            expected = operation.meaning(object_answer(head))
            received = -expected.skip
            try:
                expected.announce()
                while received < 0:
                    received += connection.receive_into(memoryview(bytearray(min(-received, 2**16))), call)
                while received < expected.size:
                    with expected.target[received:] as rest:  # a traceback may keep it, as `given_up` says
                        received += connection.receive_into(rest, call)
                if expected.size == expected.length:
                    self._compare(head, expected.target, operation)
            except BaseException as error:
                expected.given_up()
                if not isinstance(error, OSError) or isinstance(error, S3Error):
                    raise
                call.check()
                raise expected.broken_off(received, str(error)) from error
            return expected.received()

    @contextmanager
    def _exchange(self, operation: Operation[Any], call: Abandonment) -> Iterator[tuple[Head, Connection]]:
        """Send a request, and let the block receive the body of an answer that is a success."""
        if _is_watched() or any(switch.enabled for switch in self._switches):
            raise StepAside("somebody watches what the client does")
        request = prepare(operation)
        if request is None or operation.bucket is None:
            raise StepAside("not plain")
        route = self._route(operation.bucket)
        call.check()
        with _errors(operation, call):
            try:
                connection = self._connections.take(route.origin)
            except ssl.SSLError as error:  # nothing was sent; the client will meet it too, and tell
                raise StepAside("no TLS with it") from error
            try:
                with call.woken_by(None if operation.writes else connection.wake):
                    self._send(connection, route, request, operation, call)
                    head = connection.answer(request.method)
                    if not 200 <= head.status < 300:
                        raise self._refused(operation, head, connection.document())
                    tell_request_id(head.headers.get("x-amz-request-id"))
                    yield head, connection
            finally:
                self._connections.give(connection)  # closed, unless the whole answer was received

    def _send(
        self, connection: Connection, route: _Route, request: Request, operation: Operation[Any], call: Abandonment
    ) -> None:
        body = memoryview(b"" if request.body is None else request.body)
        body = body.cast("B") if body.nbytes else memoryview(b"")
        headers = {"host": route.host, **request.headers}
        secure = route.origin.scheme == "https"
        with_checksum = operation.method == "delete_objects" or (
            request.body is not None and self._config.request_checksum_calculation != "when_required"
        )
        if with_checksum:
            headers["x-amz-sdk-checksum-algorithm"] = "CRC32"
            headers["x-amz-checksum-crc32"] = _checksum("CRC32", body)
        if operation.method == "get_object" and self._config.response_checksum_validation != "when_required":
            headers["x-amz-checksum-mode"] = "ENABLED"
        path = route.base + request.key if request.key is not None else route.base[:-1] or "/"
        if route.signer is not None:
            sign_payload = not secure or not with_checksum or operation.method == "delete_objects"
            if self._sign_payload is not None:
                sign_payload = self._sign_payload
            payload = EMPTY_PAYLOAD
            if request.body is not None:
                payload = _sha256(body, call) if sign_payload else UNSIGNED_PAYLOAD
            headers = route.signer.signed(request.method, path, request.query, headers, payload, now=time.time())
        if request.body is not None:
            headers["content-length"] = str(body.nbytes)
        headers["user-agent"] = route.user_agent
        headers["accept-encoding"] = "identity"
        target = f"{path}?{request.query}" if request.query else path
        call.check()
        connection.send(request_head(request.method, target, headers), body, call)

    def _refused(self, operation: Operation[Any], head: Head, body: bytes) -> Exception:
        answer = error_answer(head, body)
        elsewhere = 300 <= head.status < 400 and head.status != 304
        wordless = operation.method == "head_object" and head.status == 400  # of many meanings
        if elsewhere or wordless or answer["Error"]["Code"] in _FOR_BOTO3:
            return StepAside(f"the answer was {answer['Error']['Code']}")
        error = error_of_answer(
            answer, operation.name, operation.bucket, operation.key, must_not_exist=operation.must_not_exist
        )
        error.__cause__ = ClientError(answer, operation.name)
        return error

    def _compare(self, head: Head, body: memoryview, operation: Operation[Any]) -> None:
        """Compare the checksum of a whole body, where the answer brings one and the client would."""
        if self._config.response_checksum_validation == "when_required":
            return
        for name in CHECKSUMS:
            told = head.headers.get(f"x-amz-checksum-{name.lower()}")
            if told is not None and "-" not in told and told != (found := _checksum(name, body)):
                words = f"Expected checksum {told} did not match calculated checksum: {found}"
                raise S3ChecksumError(words, **_about(operation)) from FlexibleChecksumError(error_msg=words)


@contextmanager
def _errors(operation: Operation[Any], call: Abandonment) -> Iterator[None]:
    """Raise what sockets and answers raise as the `S3Error` that fits."""
    about = _about(operation)
    try:
        yield
    except S3Error:
        raise
    except TimeoutError as error:
        call.check()
        raise S3TimeoutError(str(error), **about) from error
    except (OSError, ProtocolError) as error:
        call.check()
        raise S3ConnectionError(str(error), **about) from error
    except AnswerError as error:
        raise S3ServerError(str(error), **about) from error


def _about(operation: Operation[Any]) -> dict[str, Any]:
    return {"operation": operation.name, "bucket": operation.bucket, "key": operation.key}


def _is_watched() -> bool:
    """Whether somebody has put himself in the place of botocore's own, to trace it or to play S3 in a test."""
    for kind, name in _SEAMS:
        method = kind.__dict__.get(name)
        if not isinstance(method, FunctionType) or not str(method.__globals__.get("__name__")).startswith("botocore."):
            return True
    return False


def _switches(client: Any) -> list[Any]:
    """Return the event handlers of others that are turned off, and may be turned on (such as moto's).

    Raises:
        StepAside: there are handlers of others that are always on.
    """
    try:
        # There is no public way to ask for them; without this one the client does everything.
        search = client.meta.events._emitter._handlers.prefix_search
    except AttributeError:
        raise StepAside("its event handlers cannot be seen") from None
    switches = []
    for stage in _STAGES:
        for method in METHODS:
            for handler in search(f"{stage}.s3.{operation_name(method)}"):
                function = getattr(handler, "func", handler)  # of a partial
                if (getattr(function, "__module__", None) or "").partition(".")[0] in _NOT_FOREIGN:
                    continue
                if not isinstance(getattr(handler, "enabled", None), bool):
                    raise StepAside(f"an event handler of somebody else's is registered for {stage}")
                if handler not in switches:
                    switches.append(handler)
    return switches


def _checksum(name: str, body: memoryview) -> str:
    return base64.b64encode(CHECKSUMS[name](body)).decode()


def _sha256(body: memoryview, call: Abandonment) -> str:
    hashed = sha256()
    for start in range(0, body.nbytes, _HASHED_AT_ONCE):
        call.check()
        hashed.update(body[start : start + _HASHED_AT_ONCE])
    return hashed.hexdigest()


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _tls(verify: Any) -> ssl.SSLContext:
    """Return a context as botocore makes one."""
    context = create_urllib3_context()
    context.check_hostname = True  # urllib3 1.26 leaves it to its connections
    context.load_verify_locations(get_cert_path(verify))
    return context
