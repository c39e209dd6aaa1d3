"""Connections: what each option does, whose requests they are, and what is refused."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import boto3.session
import botocore.session
import pytest
from botocore.config import Config
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from typing_extensions import override

import pyathena
from pyathena import NotSupportedError, OperationalError, ProgrammingError
from pyathena.aio.connection import AioConnection
from pyathena.aio.cursor import AioCursor, AioDictCursor
from pyathena.aio.s3fs.cursor import AioS3FSCursor
from pyathena.connection import Connection
from pyathena.converter import DefaultTypeConverter
from pyathena.cursor import Cursor, DictCursor
from pyathena.filesystem.s3 import S3FileSystem
from pyathena.s3fs.cursor import S3FSCursor
from pyathena.testing.athena import LocalAthena, WorkGroup
from pyathena.transport import ThreadedBoto3Transport
from tests.queries import aio_connected, on_a_loop, reach
from tests.servers import RecordingServer, Request

STAGING = {"s3_staging_dir": "s3://results/"}
ROLE = "arn:aws:iam::123456789012:role/reader"


def start_of(athena: LocalAthena, options: dict[str, Any], **arguments: Any) -> dict[str, Any]:
    """Run a statement, and return what Athena was asked to start."""
    with pyathena.connect(**reach(athena, **options)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT 1", **arguments)
    start = athena.calls("StartQueryExecution")[-1]
    start.pop("ClientRequestToken")
    return start


# --- what Athena is asked ------------------------------------------------------------------------


def test_a_connection_that_says_little_asks_for_the_defaults(athena: LocalAthena) -> None:
    assert start_of(athena, {}) == {
        "QueryString": "SELECT 1",
        "QueryExecutionContext": {"Database": "default", "Catalog": "awsdatacatalog"},
        "ResultConfiguration": {"OutputLocation": "s3://results/"},
    }


def test_options_of_the_connection_reach_athena(athena: LocalAthena) -> None:
    athena.work_groups["analysts"] = WorkGroup()
    options = {
        "s3_staging_dir": "s3://results/there",
        "schema_name": "sales",
        "catalog_name": "lake",
        "work_group": "analysts",
        "encryption_option": "SSE_KMS",
        "kms_key": "key",
        "result_reuse_enable": True,
        "result_reuse_minutes": 5,
    }
    expected = {
        "QueryString": "SELECT 1",
        "QueryExecutionContext": {"Database": "sales", "Catalog": "lake"},
        "ResultConfiguration": {
            "OutputLocation": "s3://results/there/",
            "EncryptionConfiguration": {"EncryptionOption": "SSE_KMS", "KmsKey": "key"},
        },
        "WorkGroup": "analysts",
        "ResultReuseConfiguration": {"ResultReuseByAgeConfiguration": {"Enabled": True, "MaxAgeInMinutes": 5}},
    }
    assert start_of(athena, options) == expected
    assert start_of(athena, {"cursor_kwargs": options}) == expected


def test_options_of_a_statement_come_before_those_of_the_cursor_and_the_connection(athena: LocalAthena) -> None:
    for name in ("a", "b", "c"):
        athena.work_groups[name] = WorkGroup()
    with pyathena.connect(**reach(athena, work_group="a", cursor_kwargs={"schema_name": "kwargs"})) as connection:
        connection.cursor(work_group="b").execute("SELECT 1")
        connection.cursor(schema_name="call").execute("SELECT 1", work_group="c", s3_staging_dir="s3://results/c")
        options = pyathena.ExecuteOptions(work_group="b", result_reuse_enable=True)
        connection.cursor().execute("SELECT 1", options=options, work_group="c", result_reuse_minutes=7)
    first, second, third = athena.calls("StartQueryExecution")
    assert (first["WorkGroup"], first["QueryExecutionContext"]["Database"]) == ("b", "kwargs")
    assert (second["WorkGroup"], second["QueryExecutionContext"]["Database"]) == ("c", "call")
    assert second["ResultConfiguration"]["OutputLocation"] == "s3://results/c/"
    assert third["WorkGroup"] == "c"
    assert third["ResultReuseConfiguration"]["ResultReuseByAgeConfiguration"]["MaxAgeInMinutes"] == 7


def test_the_environment_names_where_results_go(athena: LocalAthena, monkeypatch: pytest.MonkeyPatch) -> None:
    athena.work_groups["analysts"] = WorkGroup()
    monkeypatch.setenv("AWS_ATHENA_S3_STAGING_DIR", "s3://results/environment/")
    monkeypatch.setenv("AWS_ATHENA_WORK_GROUP", "analysts")
    start = start_of(athena, {"s3_staging_dir": None})
    assert start["WorkGroup"] == "analysts"
    assert start["ResultConfiguration"]["OutputLocation"] == "s3://results/environment/"
    start = start_of(athena, {"work_group": "primary"})
    assert start["WorkGroup"] == "primary"
    assert start["ResultConfiguration"]["OutputLocation"] == "s3://results/"


def test_an_empty_string_says_none_whatever_the_environment_says(
    athena: LocalAthena, monkeypatch: pytest.MonkeyPatch
) -> None:
    athena.work_groups["analysts"] = WorkGroup("s3://results/group/")
    monkeypatch.setenv("AWS_ATHENA_S3_STAGING_DIR", "s3://results/environment/")
    monkeypatch.setenv("AWS_ATHENA_WORK_GROUP", "analysts")
    assert "WorkGroup" not in start_of(athena, {"work_group": ""})
    assert "ResultConfiguration" not in start_of(athena, {"s3_staging_dir": ""})
    with pytest.raises(ProgrammingError, match="where is Athena to write"):
        pyathena.connect(**reach(athena, s3_staging_dir="", work_group=""))


def test_an_unknown_work_group_is_a_programming_error_that_names_it(athena: LocalAthena) -> None:
    with pytest.raises(ProgrammingError, match="WorkGroup nobodys is not found"):
        start_of(athena, {"work_group": "nobodys"})


@pytest.mark.parametrize("level", ["connection", "cursor", "statement"])
def test_a_callback_is_told_the_id_of_a_query_before_it_has_ended(athena: LocalAthena, level: str) -> None:
    told: list[tuple[str, int]] = []

    def tell(query_id: str) -> None:
        told.append((query_id, len(athena.calls("GetQueryExecution"))))

    given: dict[str, Any] = {"on_start_query_execution": tell}
    with pyathena.connect(**reach(athena, **(given if level == "connection" else {}))) as connection:
        cursor = connection.cursor(Cursor, **(given if level == "cursor" else {}))
        cursor.execute("SELECT 1", **(given if level == "statement" else {}))
    assert told == [(cursor.query_id, 0)]


def test_both_callbacks_are_told(athena: LocalAthena) -> None:
    told: list[str] = []
    with pyathena.connect(**reach(athena, on_start_query_execution=lambda _: told.append("connection"))) as connection:
        connection.cursor().execute("SELECT 1", on_start_query_execution=lambda _: told.append("statement"))
    assert told == ["connection", "statement"]


# --- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"s3_staging_dir": None}, "s3_staging_dir=.*work_group=.*AWS_ATHENA_S3_STAGING_DIR"),
        ({"s3_staging_dir": "results/"}, "s3_staging_dir is of the form s3://.* got 'results/'"),
        ({"s3_staging_dir": "s3:///x"}, "s3_staging_dir is of the form s3://.* got 's3:///x'"),
        ({"poll_interval": 0}, "poll_interval is .* got 0"),
        ({"poll_interval": "1"}, "poll_interval is .* got '1'"),
        ({"poll_interval": float("nan")}, "poll_interval is .* got nan"),
        ({"encryption_option": "ROT13"}, "encryption_option is one of SSE_S3, .* got 'ROT13'"),
        ({"encryption_option": "SSE_KMS"}, "encryption_option='SSE_KMS' needs kms_key="),
        ({"kms_key": "key"}, "kms_key= is for encryption_option="),
        ({"encryption_option": "SSE_S3", "kms_key": "key"}, "kms_key= is for encryption_option="),
        ({"result_reuse_minutes": -1}, "result_reuse_minutes is 0 to 10080 .* got -1"),
        ({"result_reuse_minutes": 10_081}, "result_reuse_minutes is 0 to 10080 .* got 10081"),
        ({"result_reuse_minutes": "5"}, "result_reuse_minutes is .* got '5'"),
        ({"max_concurrency": 0}, "max_concurrency is 1 or more .* got 0"),
        ({"max_concurrency": "2"}, "max_concurrency is 1 or more .* got '2'"),
        ({"endpoint_url": "athena"}, "endpoint_url is of the form https://.* got 'athena'"),
        ({"s3_endpoint_url": "file:///s3"}, "s3_endpoint_url is of the form https://.* got 'file:///s3'"),
        ({"verify": "/no/such.pem"}, "verify='/no/such.pem' is not there"),
        ({"profile_name": "nobodys"}, "nobodys"),
        ({"aws_access_key_id": "key"}, "aws_access_key_id= was given without aws_secret_access_key="),
        ({"aws_secret_access_key": "secret"}, "aws_secret_access_key= was given without aws_access_key_id="),
        (
            {"aws_session_token": "token"},
            "aws_session_token= was given without aws_access_key_id= and aws_secret_access_key=",
        ),
        ({"external_id": "id"}, "external_id= is about assuming a role"),
        ({"serial_number": "mfa"}, "serial_number= is about assuming a role"),
        ({"role_arn": ROLE, "duration_seconds": 899}, "duration_seconds is 900 to 43200 .* got 899"),
        (
            {
                "session": boto3.session.Session(region_name="us-east-1"),
                "profile_name": "mine",
                "aws_access_key_id": "key",
                "aws_secret_access_key": "secret",
            },
            "session= says how to sign already; leave out aws_access_key_id=, aws_secret_access_key=, profile_name=",
        ),
    ],
)
def test_a_value_that_cannot_be_is_refused_by_name(options: dict[str, Any], words: str) -> None:
    for make in (Connection, AioConnection):
        with pytest.raises(ProgrammingError, match=words):
            make(**{**STAGING, **options})


@pytest.mark.parametrize("name", ["endpoint_url", "s3_endpoint_url"])
def test_an_endpoint_with_a_user_name_is_refused_and_not_shown(name: str) -> None:
    options: dict[str, Any] = {**STAGING, name: "https://user:hidden@host"}
    with pytest.raises(ProgrammingError, match=f"{name} holds a user name") as caught:
        pyathena.connect(**options)
    assert "hidden" not in str(caught.value)


def test_a_connection_needs_a_region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    with pytest.raises(ProgrammingError, match=r"region_name=.*AWS_DEFAULT_REGION"):
        pyathena.connect(s3_staging_dir="s3://results/")


@pytest.mark.parametrize(("name", "value"), [("region_name", "the moon"), ("api_version", "1999-01-01")])
def test_a_region_or_an_api_version_that_cannot_be_is_a_programming_error(name: str, value: str) -> None:
    options: dict[str, Any] = {**STAGING, name: value}
    with pyathena.connect(**options) as connection, pytest.raises(ProgrammingError, match=value):
        connection.cursor().execute("SELECT 1")


def test_unknown_arguments_are_refused_by_name(athena: LocalAthena, connection: Connection[Any]) -> None:
    refused: list[tuple[str, Callable[[], object]]] = [
        ("connect.. got unknown arguments: staging", lambda: pyathena.connect(**reach(athena, staging="s3://x/"))),
        ("Cursor got unknown arguments: chunksize", lambda: connection.cursor(chunksize=3)),
        ("DictCursor got unknown arguments: a, b", lambda: connection.cursor(DictCursor, b=1, a=1)),
        ("execute.. got unknown arguments: wrokgroup", lambda: connection.cursor().execute("SELECT 1", wrokgroup="x")),
        ("execute.. got unknown arguments: x", lambda: connection.cursor().executemany("SELECT 1", [], x=1)),
    ]
    for words, call in refused:
        with pytest.raises(TypeError, match=words):
            call()
    assert athena.requests == []


@on_a_loop
async def test_unknown_arguments_are_refused_by_name_on_a_loop_too(athena: LocalAthena) -> None:
    with pytest.raises(TypeError, match=r"connect.. got unknown arguments: staging"):
        await pyathena.aio_connect(**reach(athena, staging="s3://x/"))
    async with aio_connected(athena) as connection:
        with pytest.raises(TypeError, match="AioCursor got unknown arguments: chunksize"):
            connection.cursor(chunksize=3)
        with pytest.raises(TypeError, match=r"execute.. got unknown arguments: wrokgroup"):
            await connection.cursor().execute("SELECT 1", wrokgroup="x")
    assert athena.requests == []


def test_a_cursor_of_the_other_world_is_refused(connection: Connection[Any]) -> None:
    with pytest.raises(TypeError, match="cursors of Connection are SyncCursors, got AioCursor"):
        connection.cursor(AioCursor)  # type: ignore[type-var]  # that is the mistake
    with pytest.raises(TypeError, match="cursors of Connection are SyncCursors, got AioDictCursor"):
        pyathena.connect(s3_staging_dir="s3://results/", cursor_class=AioDictCursor)  # type: ignore[type-var]  # that is the mistake
    other = AioConnection[AioCursor](s3_staging_dir="s3://results/")
    with pytest.raises(TypeError, match="cursors of AioConnection are AioBaseCursors, got Cursor"):
        other.cursor(Cursor)  # type: ignore[type-var]  # that is the mistake
    with pytest.raises(TypeError, match="cursors of AioConnection are AioBaseCursors, got DictCursor"):
        AioConnection(s3_staging_dir="s3://results/", cursor_class=DictCursor)  # type: ignore[type-var]  # that is the mistake
    other.close()


# --- cursors, and what results are read through --------------------------------------------------


def test_the_class_of_cursors_is_the_connections_unless_it_is_said(athena: LocalAthena) -> None:
    with pyathena.connect(**reach(athena, cursor_class=DictCursor)) as connection:
        assert type(connection.cursor()) is DictCursor
        assert type(connection.cursor(Cursor)) is Cursor
        assert connection.cursor().connection is connection
    with pyathena.connect(**reach(athena)) as plain:
        assert type(plain.cursor()) is Cursor


def test_options_of_all_cursors_are_below_those_of_one(athena: LocalAthena) -> None:
    with pyathena.connect(**reach(athena, cursor_kwargs={"arraysize": 7})) as connection:
        assert connection.cursor().arraysize == 7
        assert connection.cursor(arraysize=9).arraysize == 9


def test_a_converter_can_be_given_for_all_cursors(athena: LocalAthena) -> None:
    converter = DefaultTypeConverter()
    converter.set("integer", lambda text: f"<{text}>")
    with pyathena.connect(**reach(athena, converter=converter)) as connection:
        assert connection.cursor().execute("SELECT 1").fetchone() == ("<1>", "one")


class OwnFileSystem(S3FileSystem):
    """Somebody's own."""

    read: list[str]

    @override
    def open(self, path: Any, *args: Any, **kwargs: Any) -> Any:
        vars(self).setdefault("read", []).append(path)
        return super().open(path, *args, **kwargs)


def test_results_are_read_through_a_filesystem_of_ones_own(athena: LocalAthena) -> None:
    with pyathena.connect(**reach(athena, filesystem_class=OwnFileSystem)) as connection:
        cursor = connection.cursor(S3FSCursor).execute("SELECT 1")
        assert cursor.fetchall() == [(1, "one"), (2, ""), (3, None)]
        assert isinstance(connection.filesystem, OwnFileSystem)
        assert connection.filesystem.read == [cursor.output_location]


def test_a_transport_for_a_loop_is_refused_without_one(athena: LocalAthena) -> None:
    transport = ThreadedBoto3Transport()
    with (
        pyathena.connect(**reach(athena, transport=transport)) as connection,
        pytest.raises(TypeError, match="needs an event loop"),
    ):
        connection.cursor(S3FSCursor).execute("SELECT 1").fetchall()


def test_whoever_made_the_transport_closes_it(athena: LocalAthena) -> None:
    connection = pyathena.connect(**reach(athena))
    connection.cursor(S3FSCursor).execute("SELECT 1").fetchall()
    connection.close()
    assert S3FileSystem(transport=athena.transport).ls("s3://results/")


# --- two endpoints, one session ------------------------------------------------------------------


@contextmanager
def s3(**options: Any) -> Iterator[RecordingServer]:
    """An S3 where each object is the CSV of a query."""

    def answer(request: Request) -> tuple[int, str]:
        return 200, '"n","s"\n"1","one"\n'

    with RecordingServer(answer, **options) as server:
        yield server


def apart(athena: LocalAthena, server: RecordingServer, **options: Any) -> dict[str, Any]:
    """Options for Athena here and S3 there."""
    return reach(athena, session=None, transport=None, s3_endpoint_url=server.endpoint, **options)


def test_athena_and_s3_are_asked_at_two_endpoints_by_the_same_user(athena: LocalAthena) -> None:
    keys = {"aws_access_key_id": "mykey", "aws_secret_access_key": "mysecret", "aws_session_token": "mytoken"}
    with s3() as server, pyathena.connect(**apart(athena, server, **keys)) as connection:
        assert connection.cursor(S3FSCursor).execute("SELECT 1").fetchall() == [(1, "one")]
    assert {request.signer for request in server.requests} == {"mykey"}
    assert {request.headers["X-Amz-Security-Token"] for request in server.requests} == {"mytoken"}
    assert connection.session.get_credentials().access_key == "mykey"


@on_a_loop
async def test_results_come_from_s3s_endpoint_on_a_loop_too(athena: LocalAthena) -> None:
    with s3() as server:
        async with await pyathena.aio_connect(**apart(athena, server)) as connection:
            cursor = await connection.cursor(AioS3FSCursor).execute("SELECT 1")
            assert await cursor.fetchall() == [(1, "one")]
    assert server.requests


def test_a_session_can_be_given(athena: LocalAthena) -> None:
    session = boto3.session.Session(aws_access_key_id="its", aws_secret_access_key="s", region_name="eu-west-1")
    with pyathena.connect(**reach(athena, session=session)) as connection:
        assert connection.session is session
        assert connection.region_name == connection.client.meta.region_name == "eu-west-1"
    with pyathena.connect(**reach(athena, session=session, region_name="eu-west-2")) as connection:
        assert connection.region_name == connection.client.meta.region_name == "eu-west-2"


def test_a_session_of_botocore_can_be_given(athena: LocalAthena) -> None:
    below: Any = botocore.session.Session()
    below.set_credentials("below", "secret")
    with pyathena.connect(**reach(athena, session=None, botocore_session=below)) as connection:
        assert connection.session.get_credentials().access_key == "below"


@pytest.fixture
def profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "config"
    path.write_text(
        "[profile mine]\nregion = ap-south-1\naws_access_key_id = profilekey\naws_secret_access_key = secret\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(path))
    monkeypatch.delenv("AWS_DEFAULT_REGION")


@pytest.mark.usefixtures("profile")
def test_a_profile_says_who_asks_and_where(athena: LocalAthena) -> None:
    with pyathena.connect(**reach(athena, session=None, profile_name="mine")) as connection:
        assert connection.region_name == "ap-south-1"
        assert connection.session.get_credentials().access_key == "profilekey"


def test_configurations_are_merged_for_s3_and_ours_stay_where_nothing_is_said(athena: LocalAthena) -> None:
    given = Config(read_timeout=7, user_agent_extra="both")
    for_s3 = Config(user_agent_extra="s3")
    with s3() as server:
        with pyathena.connect(**apart(athena, server, config=given, s3_config=for_s3, max_concurrency=3)) as connection:
            config = connection.client.meta.config
            connection.cursor(S3FSCursor).execute("SELECT 1").fetchall()
            assert (config.read_timeout, config.connect_timeout, config.max_pool_connections) == (7, 5, 3)
            assert config.retries["total_max_attempts"] == 1
            assert config.user_agent_extra == "both"
            merged: Any = connection.config
            assert (merged.read_timeout, merged.user_agent_extra) == (7, "s3")
        assert all(request.headers["User-Agent"].endswith("s3") for request in server.requests)
    with pyathena.connect(**reach(athena, s3_config=for_s3)) as connection:
        assert connection.config is for_s3
        assert connection.client.meta.config.user_agent_extra == f"pyathena/{pyathena.__version__}"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key with a certificate that is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


def refused_by_athena(request: Request) -> tuple[int, str]:
    return 400, '{"__type": "InvalidRequestException", "Message": "it is reached"}'


@pytest.fixture
def https(certificate: Path) -> Iterator[str]:
    """The URL of an Athena whose certificate nobody knows."""
    with RecordingServer(refused_by_athena, certificate=certificate) as server:
        yield server.endpoint


def test_a_certificate_of_athenas_can_be_made_known(athena: LocalAthena, https: str, certificate: Path) -> None:
    with (
        pyathena.connect(**reach(athena, endpoint_url=https, verify=str(certificate))) as connection,
        pytest.raises(ProgrammingError, match="it is reached"),
    ):
        connection.cursor().execute("SELECT 1")


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_a_certificate_of_athenas_can_be_taken_as_it_is(athena: LocalAthena, https: str) -> None:
    with (
        pyathena.connect(**reach(athena, endpoint_url=https, verify=False)) as connection,
        pytest.raises(ProgrammingError, match="it is reached"),
    ):
        connection.cursor().execute("SELECT 1")


def test_a_certificate_that_nobody_knows_is_an_operational_error_at_once(athena: LocalAthena, https: str) -> None:
    with (
        pyathena.connect(**reach(athena, endpoint_url=https)) as connection,
        pytest.raises(OperationalError, match="CERTIFICATE_VERIFY_FAILED") as caught,
    ):
        connection.cursor().execute("SELECT 1")
    assert caught.value.retryable is False
    assert not hasattr(caught.value, "__notes__")  # not attempted again


def test_certificates_of_s3_are_verified_as_those_of_athena(athena: LocalAthena, certificate: Path) -> None:
    with s3(certificate=certificate) as server:
        with pyathena.connect(**apart(athena, server, verify=str(certificate))) as connection:
            assert connection.cursor(S3FSCursor).execute("SELECT 1").fetchall() == [(1, "one")]
        once = Config(retries={"total_max_attempts": 1})
        with (
            pyathena.connect(**apart(athena, server, s3_config=once)) as connection,
            pytest.raises(OperationalError, match="CERTIFICATE_VERIFY_FAILED"),
        ):
            connection.cursor(S3FSCursor).execute("SELECT 1").fetchall()


def test_both_endpoints_of_aws_can_be_asked_without_tls() -> None:
    with pyathena.connect(s3_staging_dir="s3://results/", use_ssl=False) as connection:
        assert connection.client.meta.endpoint_url == "http://athena.us-east-1.amazonaws.com"
        filesystem: Any = connection.filesystem
        with pytest.warns(UserWarning, match="not encrypted"):
            url = filesystem.sign("s3://bucket/key")
        assert url.startswith("http://")


# --- roles ---------------------------------------------------------------------------------------


class Sts:
    """Hands out keys ``role1``, ``role2`` … for as long as is said."""

    def __init__(self) -> None:
        self.lasts = timedelta(hours=1)
        self.refuses = False
        self.server = RecordingServer(self.answer)

    def answer(self, request: Request) -> tuple[int, str]:
        if self.refuses:
            return 403, (
                "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code>"
                "<Message>not you</Message></Error></ErrorResponse>"
            )
        number = len(self.server.requests)
        expiration = datetime.now(UTC) + self.lasts
        return 200, (
            "<AssumeRoleResponse><AssumeRoleResult><Credentials>"
            f"<AccessKeyId>role{number}</AccessKeyId><SecretAccessKey>secret</SecretAccessKey>"
            f"<SessionToken>token{number}</SessionToken><Expiration>{expiration:%Y-%m-%dT%H:%M:%SZ}</Expiration>"
            "</Credentials></AssumeRoleResult></AssumeRoleResponse>"
        )


@pytest.fixture
def sts(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sts]:
    sts = Sts()
    with sts.server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", sts.server.endpoint)
        yield sts


def test_a_role_is_assumed_in_the_first_request_and_signs_all(athena: LocalAthena, sts: Sts) -> None:
    options = {
        "role_arn": ROLE,
        "role_session_name": "nightly",
        "external_id": "outside",
        "duration_seconds": 1800,
        "aws_access_key_id": "source",
        "aws_secret_access_key": "secret",
    }
    with s3() as server, pyathena.connect(**apart(athena, server, **options)) as connection:
        assert sts.server.requests == []
        assert connection.cursor(S3FSCursor).execute("SELECT 1").fetchall() == [(1, "one")]
    (assumed,) = sts.server.requests
    assert assumed.signer == "source"
    assert (
        assumed.form.items()
        >= {
            "Action": "AssumeRole",
            "RoleArn": ROLE,
            "RoleSessionName": "nightly",
            "ExternalId": "outside",
            "DurationSeconds": "1800",
        }.items()
    )
    assert {request.signer for request in server.requests} == {"role1"}
    assert {request.headers["X-Amz-Security-Token"] for request in server.requests} == {"token1"}


def test_a_role_is_assumed_again_before_its_credentials_expire(athena: LocalAthena, sts: Sts) -> None:
    sts.lasts = timedelta(seconds=60)
    with s3() as server, pyathena.connect(**apart(athena, server, role_arn=ROLE)) as connection:
        cursor = connection.cursor(S3FSCursor)
        cursor.execute("SELECT 1").fetchall()
        assumed = len(sts.server.requests)
        assert assumed > 1
        sts.lasts = timedelta(hours=1)
        cursor.execute("SELECT 1").fetchall()
        assert len(sts.server.requests) == assumed + 1
        assert server.requests[-1].signer == f"role{assumed + 1}"


def test_the_name_of_a_roles_session_tells_of_this_package(athena: LocalAthena, sts: Sts) -> None:
    with pyathena.connect(**reach(athena, role_arn=ROLE)) as connection:
        connection.cursor().execute("SELECT 1")
    assert sts.server.requests[0].form["RoleSessionName"].startswith("pyathena-")


def test_the_code_of_an_mfa_device_is_asked_for(athena: LocalAthena, sts: Sts, monkeypatch: pytest.MonkeyPatch) -> None:
    asked_for: list[str] = []

    def tell(prompt: str) -> str:
        asked_for.append(prompt)
        return "123456"

    monkeypatch.setattr("getpass.getpass", tell)
    serial = "arn:aws:iam::123456789012:mfa/me"
    with pyathena.connect(**reach(athena, role_arn=ROLE, serial_number=serial)) as connection:
        connection.cursor().execute("SELECT 1")
    assert sts.server.requests[0].form.items() >= {"SerialNumber": serial, "TokenCode": "123456"}.items()
    assert serial in asked_for[0]


def test_a_role_that_may_not_be_assumed_is_an_operational_error(athena: LocalAthena, sts: Sts) -> None:
    sts.refuses = True
    with (
        pyathena.connect(**reach(athena, role_arn=ROLE)) as connection,
        pytest.raises(OperationalError, match="AssumeRole: not you") as caught,
    ):
        connection.cursor().execute("SELECT 1")
    assert caught.value.code == "AccessDenied"
    assert athena.requests == []


@pytest.mark.usefixtures("profile")
def test_a_role_is_assumed_by_a_profile_in_its_region(athena: LocalAthena, sts: Sts) -> None:
    with pyathena.connect(**reach(athena, session=None, profile_name="mine", role_arn=ROLE)) as connection:
        connection.cursor().execute("SELECT 1")
        assert connection.region_name == connection.client.meta.region_name == "ap-south-1"
    assert sts.server.requests[0].signer == "profilekey"


def test_a_role_can_be_assumed_through_motos_sts(
    athena: LocalAthena, moto_endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", moto_endpoint)
    with pyathena.connect(**reach(athena, role_arn=ROLE)) as connection:
        assert len(connection.cursor().execute("SELECT 1").fetchall()) == 3
        assert connection.session.get_credentials().access_key.startswith("ASIA")


# --- the end -------------------------------------------------------------------------------------


def test_a_connection_tells_where_it_leads_and_no_secret() -> None:
    options: dict[str, Any] = {
        "aws_access_key_id": "mykey",
        "aws_secret_access_key": "mysecret",
        "aws_session_token": "mytoken",
        "external_id": "myexternal",
    }
    connection = pyathena.connect(s3_staging_dir="s3://results/", role_arn=ROLE, **options)
    shown = f"{connection!r} {connection} {connection.cursor()!r} {connection.filesystem!r}"
    assert "us-east-1, s3://results/" in shown
    for secret in options.values():
        assert secret not in shown
    connection.close()


def test_a_pickled_connection_is_made_anew_with_all_that_was_said(athena: LocalAthena) -> None:
    options = reach(athena, session=None, transport=None, work_group="primary", cursor_kwargs={"arraysize": 3})
    connection = pyathena.connect(cursor_class=DictCursor, **options)
    connection.cursor().execute("SELECT 1")
    with pickle.loads(pickle.dumps(connection)) as other:
        assert isinstance(other, Connection)
        assert other.cursor().execute("SELECT 1").fetchone() == {"n": 1, "s": "one"}
        assert other.cursor().arraysize == 3
        assert other.settings == connection.settings
    connection.close()
    aio = AioConnection(cursor_class=AioDictCursor, **options)
    made = pickle.loads(pickle.dumps(aio))
    assert (type(made), made.cursor_class, made.settings) == (AioConnection, AioDictCursor, aio.settings)
    aio.close()
    made.close()


@pytest.mark.parametrize("name", ["session", "botocore_session"])
def test_a_connection_with_a_session_of_somebody_elses_cannot_be_pickled(name: str) -> None:
    session = boto3.session.Session() if name == "session" else botocore.session.Session()
    connection = Connection[Cursor](s3_staging_dir="s3://results/", **{name: session})  # type: ignore[arg-type]  # two types
    with pytest.raises(TypeError, match=f"made of {name}= cannot be pickled"):
        pickle.dumps(connection)
    connection.close()


def test_a_closed_connection_refuses_everything(athena: LocalAthena) -> None:
    connection = pyathena.connect(**reach(athena))
    cursor = connection.cursor()
    cursor.execute("SELECT 1")
    connection.close()
    connection.close()
    assert connection.closed
    calls: list[Callable[[], object]] = [
        connection.cursor,
        connection.commit,
        connection.__enter__,
        lambda: connection.client,
        lambda: connection.filesystem,
        lambda: cursor.execute("SELECT 1"),
        lambda: cursor.executemany("SELECT 1", []),
        cursor.fetchone,
        cursor.fetchmany,
        cursor.fetchall,
        cursor.cancel,
        cursor.list_databases,
    ]
    for call in calls:
        with pytest.raises(ProgrammingError, match="the connection was closed"):
            call()
    cursor.close()


def test_a_with_block_closes_also_when_it_fails(athena: LocalAthena) -> None:
    with pytest.raises(ValueError, match="mine"), pyathena.connect(**reach(athena)) as connection:
        raise ValueError("mine")
    assert connection.closed


def test_there_are_no_transactions(connection: Connection[Any]) -> None:
    connection.commit()
    with pytest.raises(NotSupportedError, match="no transactions"):
        connection.rollback()


def test_errors_are_attributes_of_connections(connection: Connection[Any]) -> None:
    """https://peps.python.org/pep-0249/#optional-db-api-extensions"""
    names = [name for name in pyathena.errors.__all__ if isinstance(getattr(pyathena.errors, name), type)]
    assert len(names) == 10
    for name in names:
        assert getattr(connection, name) is getattr(pyathena, name)


def test_threads_share_a_connection(athena: LocalAthena, connection: Connection[Any]) -> None:
    athena.hold("StartQueryExecution")
    with ThreadPoolExecutor(8) as threads:
        cursors = [threads.submit(connection.cursor().execute, f"SELECT {n}") for n in range(8)]
        athena.wait_for_in_flight("StartQueryExecution", 8)
        athena.release("StartQueryExecution")
        assert [cursor.result().fetchone() for cursor in cursors] == [(1, "one")] * 8
