"""Connections to Athena: one boto3 session, where Athena writes, and the filesystem that reads it.

boto3 and botocore are known to this module and to `pyathena.athena.api`.
"""

from __future__ import annotations

import getpass
import os
import time
from abc import abstractmethod
from collections.abc import Mapping
from functools import partial
from types import TracebackType
from typing import Any, Final, Generic, Self, TypeVar, overload
from urllib.parse import urlsplit

import boto3.session
import botocore.session
from botocore.config import Config
from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials
from botocore.exceptions import BotoCoreError, DataNotFoundError
from typing_extensions import Unpack, override

from pyathena import __version__, errors
from pyathena.athena.api import AthenaApi, translated
from pyathena.athena.retrying import RetryConfig
from pyathena.cursor import BaseCursor, Cursor, SyncCursor
from pyathena.errors import NotSupportedError, OperationalError, ProgrammingError
from pyathena.filesystem.s3 import S3FileSystem
from pyathena.results.reading import BlockingResultReader, ResultReader
from pyathena.runtime import ProcessLock, Runtime, ThreadRuntime
from pyathena.settings import ConnectionOptions, CursorSettings, refuse_unknown

__all__ = ["BaseConnection", "Connection"]

B = TypeVar("B", bound=BaseCursor[Any])
C = TypeVar("C", bound=SyncCursor[Any])
D = TypeVar("D", bound=SyncCursor[Any])

_DEFAULT_MAX_CONCURRENCY: Final = 64
_DEFAULT_DURATION: Final = 3600
_MIN_DURATION: Final = 900
_MAX_DURATION: Final = 43_200
_CREDENTIALS: Final = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")


class BaseConnection:
    """What connections have in common. It is a `ConnectionLike`: transports and filesystems can be made of it.

    Nothing is sent before the first query; a role is assumed, and a client made, in the thread of the first request.

    Raises:
        TypeError: an option is unknown.
        ProgrammingError: options that contradict each other or are out of their bounds, no region, no such profile.
    """

    Warning = errors.Warning
    Error = errors.Error
    InterfaceError = errors.InterfaceError
    DatabaseError = errors.DatabaseError
    DataError = errors.DataError
    IntegrityError = errors.IntegrityError
    InternalError = errors.InternalError
    NotSupportedError = errors.NotSupportedError
    OperationalError = errors.OperationalError
    ProgrammingError = errors.ProgrammingError

    cursors: type[BaseCursor[Any]]
    """What all of its cursors are."""

    def __init__(self, options: ConnectionOptions, cursor_class: type[BaseCursor[Any]]) -> None:
        refuse_unknown(options, ConnectionOptions.__annotations__, "connect()")
        self._check_kind(cursor_class)
        self.cursor_class: type[Any] = cursor_class
        self._options: Mapping[str, Any] = {name: value for name, value in options.items() if value is not None}
        self.settings = CursorSettings.of(self._options)
        self.cursor_kwargs: Mapping[str, Any] = dict(self._options.get("cursor_kwargs", {}))
        self.max_concurrency: int = self._options.get("max_concurrency", _DEFAULT_MAX_CONCURRENCY)
        if not isinstance(self.max_concurrency, int) or self.max_concurrency < 1:
            raise ProgrammingError(f"max_concurrency is 1 or more calls in flight, got {self.max_concurrency!r}")
        for name in ("endpoint_url", "s3_endpoint_url"):
            if name in self._options:
                _check_url(name, self._options[name])
        verify = self._options.get("verify")
        if isinstance(verify, str) and not os.path.exists(verify):
            raise ProgrammingError(
                f"verify={verify!r} is not there: give the path of a bundle of authorities, or False"
            )
        try:
            self._session = _session(self._options)
        except BotoCoreError as error:  # there is no such profile
            raise ProgrammingError(str(error)) from error
        if self.region_name is None:
            raise ProgrammingError(
                "which AWS region? Give region_name=, or set AWS_DEFAULT_REGION or the profile's region"
            )
        self._making = ProcessLock()
        self._made_filesystem: Any = None
        self.runtime, self.decoding = self._runtimes()
        self.api = AthenaApi(self._connect, self.runtime)

    @abstractmethod
    def _runtimes(self) -> tuple[Runtime, Runtime]:
        """Make what Athena is asked in, and what results are decoded in."""

    @override
    def __repr__(self) -> str:
        where = self.settings.work_group or self.settings.s3_staging_dir
        return f"<{type(self).__name__} to {self.region_name}, {where}, at {id(self):#x}>"

    @override
    def __reduce__(self) -> tuple[Any, ...]:
        for name in ("session", "botocore_session"):
            if name in self._options:
                raise TypeError(
                    f"a {type(self).__name__} made of {name}= cannot be pickled, since a session cannot: "
                    "make it of options (profile_name=, role_arn= …)"
                )
        return partial(type(self), cursor_class=self.cursor_class, **self._options), ()

    # --- what a transport asks for ---------------------------------------------------------------

    @property
    def session(self) -> boto3.session.Session:
        """The one boto3 session, the role's if one is assumed."""
        return self._session

    @property
    def region_name(self) -> str | None:
        """AWS region."""
        region: str | None = self._options.get("region_name")
        return region or self._session.region_name

    @property
    def config(self) -> Config | None:
        """The botocore ``Config`` of S3's clients: ``config=``, with what ``s3_config=`` says in its place."""
        given: Config | None = self._options.get("config")
        for_s3: Config | None = self._options.get("s3_config")
        return for_s3 if given is None else given if for_s3 is None else given.merge(for_s3)

    @property
    def s3_endpoint_url(self) -> str | None:
        """S3's endpoint, which is not Athena's; None is AWS's own."""
        url: str | None = self._options.get("s3_endpoint_url")
        return url

    @property
    def s3_client_kwargs(self) -> Mapping[str, Any]:
        """What else S3's clients are made with: whether to use TLS, and to verify certificates."""
        return _tls(self._options)

    # --- Athena ----------------------------------------------------------------------------------

    @property
    def client(self) -> Any:
        """The boto3 client for Athena. Making it takes a while, and may send requests."""
        self.check_open()
        return self.api.client()

    @property
    def retry_config(self) -> RetryConfig:
        """When a call of Athena's API is made again."""
        return self.settings.retry

    def _connect(self) -> Any:
        ours = Config(
            connect_timeout=5,
            read_timeout=15,
            tcp_keepalive=True,
            user_agent_extra=f"pyathena/{__version__}",
            retries={"mode": "standard", "total_max_attempts": 1},  # ours are above, where they hold up no thread
        )
        given: Config | None = self._options.get("config")
        config = (ours if given is None else ours.merge(given)).merge(Config(max_pool_connections=self.max_concurrency))
        names = ("endpoint_url", "api_version", "use_ssl", "verify")
        arguments = {name: self._options[name] for name in names if name in self._options}
        with translated():
            try:
                return self._session.client("athena", region_name=self.region_name, config=config, **arguments)
            except (DataNotFoundError, ValueError) as error:  # no version of the API, no name of a region
                raise ProgrammingError(str(error)) from error

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self.api.closed

    def check_open(self) -> None:
        """Raise `ProgrammingError` if it was closed."""
        self.api.check_open()

    # --- results ---------------------------------------------------------------------------------

    @property
    @abstractmethod
    def reader(self) -> ResultReader:
        """Reads results through the connection's filesystem."""

    def _filesystem(self, default: type[Any], **options: Any) -> Any:
        """Return the filesystem that reads results; it is made when it is first asked for."""
        self.check_open()
        with self._making.get():
            if self._made_filesystem is None:
                kind = self._options.get("filesystem_class") or default
                transport = self._options.get("transport")
                way = {"connection": self} if transport is None else {"transport": transport}
                self._made_filesystem = kind(**way, max_concurrency=self.max_concurrency, **options)
            return self._made_filesystem

    def _new_cursor(self, kind: type[B], options: Mapping[str, Any]) -> B:
        self.check_open()
        self._check_kind(kind)
        return kind(self, **{**self.cursor_kwargs, **options})

    def _check_kind(self, kind: type[Any]) -> None:
        if not issubclass(kind, self.cursors):
            raise TypeError(f"cursors of {type(self).__name__} are {self.cursors.__name__}s, got {kind.__name__}")

    def commit(self) -> None:
        """Do nothing: Athena has no transactions, each statement stands for itself."""
        self.check_open()

    def rollback(self) -> None:
        """Raise `NotSupportedError`: Athena has no transactions."""
        raise NotSupportedError("Athena has no transactions: what was done cannot be undone")


class Connection(BaseConnection, Generic[C]):
    """A connection for synchronous code; threads may share it.

    Args:
        cursor_class: what `cursor` makes; `Cursor` if None.
        **options: see `ConnectionOptions`.

    Raises:
        TypeError: an option is unknown.
        ProgrammingError: options that contradict each other or are out of their bounds.
    """

    cursors = SyncCursor

    def __init__(self, *, cursor_class: type[C] | None = None, **options: Unpack[ConnectionOptions]) -> None:
        super().__init__(options, cursor_class or Cursor)

    @override
    def _runtimes(self) -> tuple[Runtime, Runtime]:
        runtime = ThreadRuntime(self.max_concurrency)
        return runtime, runtime

    @property
    @override
    def reader(self) -> ResultReader:
        return BlockingResultReader(self.filesystem)

    @property
    def filesystem(self) -> S3FileSystem:
        """The filesystem that reads results."""
        filesystem: S3FileSystem = self._filesystem(S3FileSystem)
        return filesystem

    @overload
    def cursor(self, cursor: None = None, **options: Any) -> C: ...
    @overload
    def cursor(self, cursor: type[D], **options: Any) -> D: ...
    def cursor(self, cursor: type[Any] | None = None, **options: Any) -> Any:
        """Make a cursor.

        Args:
            cursor: its class; the connection's if None.
            **options: see `CursorOptions`, and the class.
        """
        return self._new_cursor(cursor or self.cursor_class, options)

    def close(self) -> None:
        """Close connections to Athena and S3; idempotent.

        Who waits for a query meanwhile gets a `ProgrammingError`, and the query is stopped (unless
        ``kill_on_interrupt=False``): its result could not be read any more.
        """
        self.api.close()
        self.runtime.close()
        filesystem, self._made_filesystem = self._made_filesystem, None
        if filesystem is not None:
            filesystem.close()

    def __enter__(self) -> Self:
        self.check_open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _check_url(name: str, url: str) -> None:
    parts = urlsplit(url)
    if "@" in parts.netloc:
        raise ProgrammingError(f"{name} holds a user name, and is shown in errors; give credentials instead")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ProgrammingError(f"{name} is of the form https://host:port, got {url!r}")


def _tls(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: options[name] for name in ("use_ssl", "verify") if name in options}


def _session(options: Mapping[str, Any]) -> boto3.session.Session:
    """Make the session that all requests are signed by."""
    given: boto3.session.Session | None = options.get("session")
    names = [*_CREDENTIALS, "profile_name", "botocore_session"]
    said = {name: options[name] for name in names if name in options}
    keys = [name for name in _CREDENTIALS if name in said]
    if keys and not set(_CREDENTIALS[:2]).issubset(keys):  # boto3 would look for other credentials
        missing = [f"{name}=" for name in _CREDENTIALS[:2] if name not in said]
        raise ProgrammingError(f"{keys[0]}= was given without {' and '.join(missing)}")
    if given is not None and said:
        raise ProgrammingError(f"session= says how to sign already; leave out {', '.join(f'{n}=' for n in said)}")
    session = given or boto3.session.Session(region_name=options.get("region_name"), **said)
    if "role_arn" not in options:
        beside = [name for name in ("external_id", "serial_number") if name in options]
        if beside:
            raise ProgrammingError(f"{beside[0]}= is about assuming a role: give role_arn=, or leave it out")
        return session
    duration = options.get("duration_seconds", _DEFAULT_DURATION)
    if not _MIN_DURATION <= duration <= _MAX_DURATION:
        raise ProgrammingError(f"duration_seconds is {_MIN_DURATION} to {_MAX_DURATION} (12 hours), got {duration!r}")
    return _role_session(session, options)


def _role_session(session: boto3.session.Session, options: Mapping[str, Any]) -> boto3.session.Session:
    """Make a session of a role. It is assumed on the first request, and again before its credentials expire.

    https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
    """
    region = options.get("region_name") or session.region_name
    extra = {
        "RoleSessionName": options.get("role_session_name") or f"pyathena-{int(time.time())}",
        "DurationSeconds": options.get("duration_seconds", _DEFAULT_DURATION),
        "ExternalId": options.get("external_id"),
        "SerialNumber": options.get("serial_number"),
    }

    class Assumed:
        """What botocore asks for credentials, in the place of its own list of providers."""

        def load_credentials(self) -> DeferredRefreshableCredentials:
            source = session.get_credentials()
            if source is None:
                raise OperationalError("no credentials were found to assume role_arn= with")
            fetcher = AssumeRoleCredentialFetcher(
                client_creator=partial(session.client, region_name=region, **_tls(options)),
                source_credentials=source,
                role_arn=options["role_arn"],
                extra_args={name: value for name, value in extra.items() if value is not None},
                mfa_prompter=getpass.getpass,
            )
            return DeferredRefreshableCredentials(refresh_using=fetcher.fetch_credentials, method="assume-role")

    assumed = botocore.session.Session(profile=options.get("profile_name"))
    assumed.register_component("credential_provider", Assumed())
    return boto3.session.Session(botocore_session=assumed, region_name=region)
