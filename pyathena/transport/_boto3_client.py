"""Build a boto3 client for S3 from a connection or from options. Known to the boto3 transport alone."""

from __future__ import annotations

import ipaddress
import logging
import os
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import boto3.session
from botocore import UNSIGNED
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.parsers import ResponseParserError

from pyathena import __version__
from pyathena.transport._boto3_cancellation import stop_when_abandoned
from pyathena.transport._boto3_fast_path import FastPath, StepAside
from pyathena.transport.protocol import ConnectionLike
from pyathena.transport.values import ConnectOptions

__all__ = [
    "DEFAULT_CONNECT_TIMEOUT",
    "DEFAULT_MAX_CONCURRENCY",
    "DEFAULT_READ_TIMEOUT",
    "ClientOptions",
    "S3ClientLike",
    "check_arguments",
    "config_for_server",
    "guard",
]

_log = logging.getLogger(__name__)

DEFAULT_MAX_CONCURRENCY: Final = 64
DEFAULT_CONNECT_TIMEOUT: Final = 5.0
"""Seconds; botocore's 60 leave a caller in doubt for a minute."""
DEFAULT_READ_TIMEOUT: Final = 15.0
"""Seconds without a byte, not seconds for a whole body."""

_AWS_DOMAINS: Final = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws", ".api.amazonwebservices.com.cn")


class S3ClientLike(Protocol):
    """What is used of a boto3 client for S3: clients of boto3 and of its stub packages both fit."""

    @property
    def meta(self) -> Any:
        """``client.meta``: configuration, events, endpoint."""
        ...

    def close(self) -> None:
        """Close the idle connections."""
        ...

    def generate_presigned_url(self, ClientMethod: str, Params: Any = ..., ExpiresIn: int = ...) -> str:  # noqa: N803
        """Sign one request for others to send."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientOptions:
    """`ConnectOptions` as they were given, checked, and a connection that may stand in their place."""

    key: str | None = None
    secret: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    anon: bool | None = None
    endpoint_url: str | None = field(default=None, repr=False)
    use_ssl: bool | None = None
    client_kwargs: Mapping[str, Any] | None = field(default=None, repr=False)
    config_kwargs: Mapping[str, Any] | None = field(default=None, repr=False)
    profile: str | None = None
    region_name: str | None = None
    connect_timeout: float | None = None
    read_timeout: float | None = None
    fast_path: bool | None = None
    connection: ConnectionLike | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        for name in ("connect_timeout", "read_timeout"):
            seconds = getattr(self, name)
            if seconds is not None and not seconds > 0:
                raise ValueError(f"{name} is a number of seconds more than 0, got {seconds!r}")
        if (self.key is None) != (self.secret is None):
            given, missing = ("secret", "key") if self.key is None else ("key", "secret")
            raise ValueError(
                f"{given}= was given without {missing}=: give both, or neither and let boto3 look for them"
            )
        if self.token is not None and self.key is None:
            raise ValueError("token= was given without key= and secret=, to which it belongs")
        if not isinstance(self.pool_size, int) or self.pool_size < 1:
            raise ValueError(
                f"config_kwargs={{'max_pool_connections': …}} is 1 or more connections, got {self.pool_size!r}"
            )
        if self.endpoint_url is not None:
            _refuse_user(self.endpoint_url, "endpoint_url=")
        if self.connection is not None:
            self._refuse_beside_connection()

    def _refuse_beside_connection(self) -> None:
        if not isinstance(self.connection, ConnectionLike):
            raise TypeError(
                f"connection= needs the attributes session, region_name, config and s3_endpoint_url, "
                f"got {type(self.connection).__name__!r}"
            )
        names = ("key", "secret", "token", "anon", "endpoint_url", "use_ssl", "client_kwargs", "profile", "region_name")
        beside = [name for name in names if getattr(self, name) is not None]
        if beside:
            raise ValueError(f"connection= says how to connect already; leave out {', '.join(f'{n}=' for n in beside)}")

    @property
    def pool_size(self) -> int:
        """Most connections of a client's pool, unless the transport is told another number of requests."""
        size: int = (self.config_kwargs or {}).get("max_pool_connections", DEFAULT_MAX_CONCURRENCY)
        return size

    @property
    def may_find_others(self) -> bool:
        """Whether another session may find other credentials: those of the environment, a profile, a role."""
        said = self.anon or self.key is not None or "aws_access_key_id" in (self.client_kwargs or {})
        return self.connection is None and not said

    def build(self, session: Any, *, max_connections: int, signature_version: str | None = None) -> S3ClientLike:
        """Make a client of a session, with a pool of ``max_connections``. May take a tenth of a second.

        Warns (`UserWarning`), once for each endpoint, if credentials would go unencrypted to another machine.

        Raises:
            ValueError: the endpoint, wherever it was found, holds a user name.
            BotoCoreError: what boto3 found elsewhere (profile, environment) is not what it needs.
        """
        arguments, config = self.arguments(max_connections, signature_version)
        client: S3ClientLike = session.client("s3", **arguments, config=config)
        fitting = config_for_server(client, config)
        if fitting is not config:
            client.close()
            client = session.client("s3", **arguments, config=fitting)
        stop_when_abandoned(client)
        guard(client)
        return client

    def fast_path_beside(self, client: S3ClientLike, session: Any, *, max_idle: int) -> FastPath | None:
        """Make the fast path beside a client of a session; None if it was turned off, or cannot be had."""
        if self.fast_path is False:
            return None
        arguments, _ = self.arguments(max_idle, None)
        try:
            verify = arguments.get("verify")
            if verify is None:
                verify = _ca_bundle(session) or os.environ.get("REQUESTS_CA_BUNDLE")  # as botocore looks for it
            return FastPath(client, _credentials(arguments, session), verify=verify, max_idle=max_idle)
        except StepAside as reason:
            _log.debug("All requests go by boto3: %s", reason)
            return None

    def session(self) -> Any:
        """Return the connection's session, or a new one. Reads files.

        Raises:
            BotoCoreError: there is no such profile.
        """
        if self.connection is not None:
            return self.connection.session
        credentials = {
            "aws_access_key_id": self.key,
            "aws_secret_access_key": self.secret,
            "aws_session_token": self.token,
        }
        return boto3.session.Session(
            profile_name=self.profile, region_name=self.region_name, **({} if self.anon else credentials)
        )

    def arguments(self, max_connections: int, signature_version: str | None) -> tuple[dict[str, Any], Config]:
        """Return what a client is to be made with: keyword arguments, and a configuration."""
        ours: dict[str, Any] = {
            "connect_timeout": DEFAULT_CONNECT_TIMEOUT,
            "read_timeout": DEFAULT_READ_TIMEOUT,
            "tcp_keepalive": True,
            "user_agent_extra": f"pyathena/{__version__}",
            # Retries are made above the transport. To go on to a bucket's own region is none.
            "retries": {"mode": "standard", "total_max_attempts": 1},
        }
        if signature_version is not None:
            ours["signature_version"] = signature_version
        config = Config(**ours)
        if self.connection is not None:
            arguments: dict[str, Any] = {
                "region_name": self.connection.region_name,
                "endpoint_url": self.connection.s3_endpoint_url,
                **getattr(self.connection, "s3_client_kwargs", {}),
            }
            given: Any = self.connection.config
        else:
            arguments = {} if self.use_ssl is None else {"use_ssl": self.use_ssl}
            arguments |= self.client_kwargs or {}
            given = arguments.pop("config", None)
            if self.endpoint_url is not None:
                arguments["endpoint_url"] = self.endpoint_url
            if self.region_name is not None:
                arguments["region_name"] = self.region_name
            if self.anon or self.key is not None:  # those of the session, or none, and not these
                for name in ("aws_access_key_id", "aws_secret_access_key", "aws_session_token"):
                    arguments.pop(name, None)
        if given is not None:
            config = config.merge(given)
        said: dict[str, Any] = {**(self.config_kwargs or {}), "max_pool_connections": max_connections}
        for name in ("connect_timeout", "read_timeout"):
            if (seconds := getattr(self, name)) is not None:
                said[name] = seconds
        if self.anon:
            said["signature_version"] = UNSIGNED
        return arguments, config.merge(Config(**said))


def check_arguments(transport: str, max_concurrency: int | None, options: ConnectOptions) -> None:
    """Check what a transport was made with, as far as `ClientOptions` does not.

    Raises:
        ValueError: ``max_concurrency`` is less than 1.
        TypeError: an option is unknown.
    """
    if max_concurrency is not None and max_concurrency < 1:
        raise ValueError(f"max_concurrency is 1 or more requests in flight, got {max_concurrency}")
    unknown = options.keys() - ConnectOptions.__annotations__.keys()
    if unknown:
        raise TypeError(f"{transport} got unknown options: {', '.join(sorted(unknown))}")


def _credentials(arguments: Mapping[str, Any], session: Any) -> Callable[[], Any]:
    """Return what tells the credentials that a client signs with which is made with these arguments."""
    if arguments.get("aws_access_key_id") is None:
        return lambda: session.get_credentials()
    given = Credentials(
        arguments["aws_access_key_id"], arguments["aws_secret_access_key"], arguments.get("aws_session_token")
    )
    return lambda: given


def _ca_bundle(session: Any) -> Any:
    """Return the file of certificates that the session's configuration names, if it does."""
    try:
        # boto3's session has no public way to ask for a setting.
        return session._session.get_config_variable("ca_bundle")
    except AttributeError:
        raise StepAside("the session does not tell whom it trusts") from None


def config_for_server(client: S3ClientLike, config: Config) -> Config:
    """Return the configuration that a client is to be made with anew; ``config`` itself if it is as it should be.

    Raises:
        ValueError: the endpoint, wherever it was found, holds a user name.
    """
    _refuse_user(client.meta.endpoint_url, "S3's endpoint (client_kwargs=, connection= or environment)")
    if _is_aws(client.meta.endpoint_url) or _says_checksums(config):
        return config
    # Since 1.36 botocore sends and expects checksums that other servers do not know (boto/boto3#4398).
    when_required = Config(request_checksum_calculation="when_required", response_checksum_validation="when_required")
    return when_required.merge(config)


def guard(client: S3ClientLike) -> None:
    """Keep dangerous answers from a client's parser, and warn of a server to which requests would go unencrypted."""
    # By this name it comes before botocore's own, which look into the answer too.
    client.meta.events.register_first("before-parse.*.*", _refuse_document_type)
    if client.meta.config.signature_version is not UNSIGNED:
        _warn_if_readable(client.meta.endpoint_url)


def _refuse_user(endpoint_url: str, name: str) -> None:
    if "@" in urlsplit(endpoint_url).netloc:
        raise ValueError(f"{name} holds a user name, and is shown in errors: give key= and secret= instead")


def _refuse_document_type(response_dict: dict[str, Any], **_: object) -> None:
    """Keep from the parser what may define entities, which it would expand. S3 never sends it."""
    body = response_dict["body"]
    if not isinstance(body, bytes) or b"<!DOCTYPE" not in body:  # the body of an object is a stream
        return
    if response_dict["status_code"] < 300:
        raise ResponseParserError("The answer declares a document type, which S3 never does")
    response_dict["body"] = b""  # such as a page for people to read; the status says what matters


_warned_of: Final[set[str]] = set()


def _warn_if_readable(endpoint_url: str) -> None:
    """Warn, once for each endpoint, of requests that go unencrypted to another machine."""
    url = urlsplit(endpoint_url)
    if url.scheme == "https" or _is_loopback(url.hostname or "") or url.netloc in _warned_of:
        return
    _warned_of.add(url.netloc)
    warnings.warn(
        f"requests to {url.scheme}://{url.netloc} carry credentials and are not encrypted: whoever stands between can "
        "read them, session tokens included. Use https://, or anon=True where no credentials are needed",
        stacklevel=2,
    )


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):  # RFC 6761, section 6.3
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name
        return False


def _is_aws(endpoint_url: str) -> bool:
    host = urlsplit(endpoint_url).hostname or ""
    return host.endswith(_AWS_DOMAINS)


def _says_checksums(config: Config) -> bool:
    return (
        config.request_checksum_calculation is not None
        or config.response_checksum_validation is not None
        or "AWS_REQUEST_CHECKSUM_CALCULATION" in os.environ
        or "AWS_RESPONSE_CHECKSUM_VALIDATION" in os.environ
    )
