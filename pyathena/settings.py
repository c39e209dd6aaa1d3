"""What connections, cursors and `execute` take, with PyAthena's names, and how one is made of the other.

Knows neither boto3 nor fsspec.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Final, TypedDict

from pyathena.athena.retrying import RetryConfig
from pyathena.athena.values import QueryExecution, QueryRequest, TypeHints
from pyathena.errors import ProgrammingError
from pyathena.formatter import DefaultParameterFormatter, Formatter

if TYPE_CHECKING:
    import boto3.session
    from botocore.config import Config

    from pyathena.converter import Converter
    from pyathena.transport.protocol import S3Transport

__all__ = [
    "ConnectionOptions",
    "CursorOptions",
    "CursorSettings",
    "ExecuteArguments",
    "ExecuteOptions",
    "check_array_size",
    "refuse_unknown",
]

ENV_S3_STAGING_DIR: Final = "AWS_ATHENA_S3_STAGING_DIR"
ENV_WORK_GROUP: Final = "AWS_ATHENA_WORK_GROUP"

_ENCRYPTION_OPTIONS: Final = ("SSE_S3", "SSE_KMS", "CSE_KMS")
_MAX_REUSE_MINUTES: Final = 10_080
MAX_ARRAY_SIZE: Final = 1000


class CursorOptions(TypedDict, total=False):
    """Options of every cursor. What is left out is the connection's.

    Attributes:
        s3_staging_dir: ``s3://bucket/prefix/`` below which Athena writes results; the work group's if None.
        schema_name: database of unqualified names.
        catalog_name: data catalog of that database.
        work_group: Athena's work group.
        poll_interval: most seconds between two looks at a query, more than 0; the first looks follow each other faster.
        encryption_option: ``SSE_S3``, ``SSE_KMS`` or ``CSE_KMS``: how results are encrypted.
        kms_key: ARN or id of the key, for the two of KMS.
        kill_on_interrupt: stop the query in Athena when the task is cancelled, or on Ctrl-C.
        result_reuse_enable: let Athena answer with the result of the same statement.
        result_reuse_minutes: how old that may be, 0 to 10 080 minutes.
        converter: makes values of Athena's text.
        formatter: puts parameters into statements.
        retry_config: when a call of Athena's API is made again.
        on_start_query_execution: told the id of each query as soon as it is known.
        on_poll: told what each look at a query has found.
        arraysize: rows of `fetchmany`, 1 to 1000.
    """

    s3_staging_dir: str | None
    schema_name: str | None
    catalog_name: str | None
    work_group: str | None
    poll_interval: float
    encryption_option: str | None
    kms_key: str | None
    kill_on_interrupt: bool
    result_reuse_enable: bool
    result_reuse_minutes: int
    converter: Converter | None
    formatter: Formatter | None
    retry_config: RetryConfig | None
    on_start_query_execution: Callable[[str], object] | None
    on_poll: Callable[[QueryExecution], object] | None
    arraysize: int


class ConnectionOptions(CursorOptions, total=False):
    """Options of a connection, and those of its cursors where these say nothing else: see `CursorOptions`.

    Attributes:
        region_name: AWS region; the session's if None.
        aws_access_key_id: together with ``aws_secret_access_key`` (and ``aws_session_token``): whose requests these
            are. boto3 looks for credentials where none are given.
        aws_secret_access_key: see there.
        aws_session_token: see there.
        profile_name: profile of ``~/.aws/config``.
        role_arn: a role to assume. It is assumed again before its credentials expire.
        role_session_name: name of those sessions in AWS's logs.
        external_id: what the role's owner asks for.
        serial_number: of an MFA device, whose code is asked for on the terminal each time that the role is assumed.
        duration_seconds: how long the role's credentials are to last, 900 to 43 200. boto3 has new ones from 15 minutes
            before their end on, with 900 at every request.
        session: a boto3 session to use instead of a new one.
        botocore_session: a botocore session below the new one.
        config: a botocore ``Config`` for Athena's client and S3's.
        s3_config: what is different for S3's client.
        endpoint_url: Athena's endpoint; AWS's own if None.
        s3_endpoint_url: S3's endpoint; AWS's own if None.
        api_version: of Athena's API.
        use_ssl: whether AWS's own endpoints are asked over https.
        verify: False for no verification of certificates, or the path of a bundle of authorities; for both endpoints.
        max_concurrency: most calls of Athena's API in flight, and as many requests to S3; 64 if left out.
        filesystem_class: the filesystem that reads results; `AioS3FileSystem`, or `S3FileSystem` for synchronous code.
        transport: how S3 is reached, instead of boto3. Whoever made it closes it.
        cursor_kwargs: options of every cursor of this connection.
    """

    region_name: str | None
    aws_access_key_id: str | None
    aws_secret_access_key: str | None
    aws_session_token: str | None
    profile_name: str | None
    role_arn: str | None
    role_session_name: str
    external_id: str | None
    serial_number: str | None
    duration_seconds: int
    session: boto3.session.Session | None
    botocore_session: object | None
    config: Config | None
    s3_config: Config | None
    endpoint_url: str | None
    s3_endpoint_url: str | None
    api_version: str | None
    use_ssl: bool | None
    verify: bool | str | None
    max_concurrency: int
    filesystem_class: type[Any] | None
    transport: S3Transport | None
    cursor_kwargs: Mapping[str, Any] | None


def refuse_unknown(given: Mapping[str, Any], known: Mapping[str, Any], who: str) -> None:
    """Raise a `TypeError` that names what is given and not known."""
    unknown = sorted(given.keys() - known.keys())
    if unknown:
        raise TypeError(f"{who} got unknown arguments: {', '.join(unknown)}; known are {', '.join(sorted(known))}")


class ExecuteArguments(TypedDict, total=False):
    """What `execute` takes by name: the fields of `ExecuteOptions`."""

    work_group: str | None
    s3_staging_dir: str | None
    cache_size: int | None
    cache_expiration_time: float | None
    result_reuse_enable: bool | None
    result_reuse_minutes: int | None
    paramstyle: str | None
    on_start_query_execution: Callable[[str], object] | None
    result_set_type_hints: TypeHints | None


@dataclass(frozen=True, slots=True)
class ExecuteOptions:
    """Options of one `execute`; None leaves each to the cursor. `execute` takes them by their names, too.

    Args:
        work_group: Athena's work group.
        s3_staging_dir: ``s3://…`` below which Athena writes the result.
        cache_size: look at so many of the latest queries for the same statement, and take its result; 0 for none.
        cache_expiration_time: most seconds since that query ended; 0 for any.
        result_reuse_enable: let Athena answer with the result of the same statement.
        result_reuse_minutes: how old that may be, 0 to 10 080 minutes.
        paramstyle: ``pyformat`` or ``qmark``; `pyathena.paramstyle` if None.
        on_start_query_execution: told the id of the query as soon as it is known.
        result_set_type_hints: types of complex columns by name (any case) or index: ``{"col": "array(row(a int))"}``.

    Raises:
        ProgrammingError: one of the cache's numbers is less than 0.
    """

    work_group: str | None = None
    s3_staging_dir: str | None = None
    cache_size: int | None = None
    cache_expiration_time: float | None = None
    result_reuse_enable: bool | None = None
    result_reuse_minutes: int | None = None
    paramstyle: str | None = None
    on_start_query_execution: Callable[[str], object] | None = None
    result_set_type_hints: TypeHints | None = None

    def __post_init__(self) -> None:
        for name in ("cache_size", "cache_expiration_time"):
            value = getattr(self, name)
            if value is not None and not value >= 0:
                raise ProgrammingError(f"{name} is 0 or more, got {value!r}")

    def merge(self, **given: Any) -> ExecuteOptions:
        """Return these options, with what is given and not None in their place."""
        refuse_unknown(given, {one.name: None for one in fields(self)}, "execute()")
        return replace(self, **{name: value for name, value in given.items() if value is not None})


@dataclass(frozen=True, slots=True, kw_only=True)
class CursorSettings:
    """What a cursor does by default: `CursorOptions`, checked.

    Raises:
        ProgrammingError: neither a place for results nor a work group that may name one, or a value out of its bounds.
    """

    s3_staging_dir: str | None = None
    schema_name: str | None = "default"
    catalog_name: str | None = "awsdatacatalog"
    work_group: str | None = None
    poll_interval: float = 1.0
    encryption_option: str | None = None
    kms_key: str | None = None
    kill_on_interrupt: bool = True
    result_reuse_enable: bool = False
    result_reuse_minutes: int = 60
    converter: Converter | None = None
    formatter: Formatter | None = None
    retry_config: RetryConfig | None = None
    on_start_query_execution: Callable[[str], object] | None = None
    on_poll: Callable[[QueryExecution], object] | None = None
    arraysize: int = MAX_ARRAY_SIZE

    def __post_init__(self) -> None:
        if not self.s3_staging_dir and not self.work_group:
            raise ProgrammingError(
                f"where is Athena to write results? Give s3_staging_dir='s3://bucket/prefix/' or work_group= (one that "
                f"names a place), or set {ENV_S3_STAGING_DIR} or {ENV_WORK_GROUP}"
            )
        check_staging_dir(self.s3_staging_dir)
        if not isinstance(self.poll_interval, (int, float)) or not self.poll_interval > 0:
            raise ProgrammingError(f"poll_interval is a number of seconds more than 0, got {self.poll_interval!r}")
        if self.encryption_option is not None and self.encryption_option not in _ENCRYPTION_OPTIONS:
            options = ", ".join(_ENCRYPTION_OPTIONS)
            raise ProgrammingError(f"encryption_option is one of {options}, got {self.encryption_option!r}")
        if self.encryption_option in ("SSE_KMS", "CSE_KMS") and not self.kms_key:
            raise ProgrammingError(f"encryption_option={self.encryption_option!r} needs kms_key=, the key's ARN or id")
        if self.kms_key and self.encryption_option not in ("SSE_KMS", "CSE_KMS"):
            raise ProgrammingError(
                "kms_key= is for encryption_option='SSE_KMS' or 'CSE_KMS': give one, or leave it out"
            )
        check_reuse_minutes(self.result_reuse_minutes)
        check_array_size(self.arraysize)

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> CursorSettings:
        """Make settings of a connection's options, and of the environment where they say nothing."""
        given = {one.name: options[one.name] for one in fields(cls) if one.name in options}
        for name, variable in (("s3_staging_dir", ENV_S3_STAGING_DIR), ("work_group", ENV_WORK_GROUP)):
            if given.get(name) is None:  # "" says that there is none, whatever the environment says
                given[name] = os.environ.get(variable)
        return cls(**given)

    def merge(self, options: Mapping[str, Any]) -> CursorSettings:
        """Return these settings, with what is given and not None in their place."""
        return replace(self, **{name: value for name, value in options.items() if value is not None})

    @property
    def retry(self) -> RetryConfig:
        """When a call is made again."""
        return self.retry_config or RetryConfig()

    def placing(self) -> Formatter:
        """Return what puts parameters into statements."""
        return self.formatter or DefaultParameterFormatter()

    def request(self, query: str, parameters: tuple[str, ...], options: ExecuteOptions) -> QueryRequest:
        """Return what is asked of Athena.

        Raises:
            ProgrammingError: an option is out of its bounds.
        """
        staging = self.s3_staging_dir if options.s3_staging_dir is None else options.s3_staging_dir
        check_staging_dir(staging)
        reuse = self.result_reuse_enable if options.result_reuse_enable is None else options.result_reuse_enable
        minutes = self.result_reuse_minutes if options.result_reuse_minutes is None else options.result_reuse_minutes
        check_reuse_minutes(minutes)
        return QueryRequest(
            query=query,
            database=self.schema_name,
            catalog=self.catalog_name,
            work_group=(options.work_group or self.work_group) or None,
            output_location=with_slash(staging) or None,
            encryption_option=self.encryption_option,
            kms_key=self.kms_key,
            parameters=parameters,
            reuse_minutes=minutes if reuse else None,
        )


def check_staging_dir(staging: str | None) -> None:
    """Raise if this is not the URL of a place in S3."""
    if staging and not re.match("s3://[^/]", staging):
        raise ProgrammingError(f"s3_staging_dir is of the form s3://bucket/prefix/, got {staging!r}")


def with_slash(staging: str | None) -> str | None:
    """Return the URL of a place with a slash at its end."""
    return staging if not staging or staging.endswith("/") else staging + "/"


def check_reuse_minutes(minutes: int) -> None:
    """Raise if Athena keeps no results for so long."""
    if not isinstance(minutes, int) or not 0 <= minutes <= _MAX_REUSE_MINUTES:
        raise ProgrammingError(f"result_reuse_minutes is 0 to {_MAX_REUSE_MINUTES} (7 days), got {minutes!r}")


def check_array_size(size: int) -> None:
    """Raise if `fetchmany` cannot fetch so many rows by default."""
    if not isinstance(size, int) or not 1 <= size <= MAX_ARRAY_SIZE:
        raise ProgrammingError(f"arraysize is 1 to {MAX_ARRAY_SIZE} rows, got {size!r}")
