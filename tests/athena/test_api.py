"""Athena's API, over HTTP from the local Athena, and what its errors become."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

import pyathena
from pyathena import InternalError, OperationalError, ProgrammingError
from pyathena.athena.retrying import RetryConfig
from pyathena.athena.values import QueryRequest, ResultPage
from pyathena.connection import Connection
from pyathena.runtime import drive
from pyathena.testing.athena import Column, LocalAthena, Table
from tests.queries import AT_ONCE, numbers, reach
from tests.servers import RecordingServer

REQUEST = QueryRequest(query="SELECT 1", output_location="s3://results/")


def started(connection: Connection[Any]) -> str:
    return drive(connection.api.start_query_execution(REQUEST))


def page(connection: Connection[Any], query_id: str, token: str | None = None, limit: int = 1000) -> ResultPage:
    return drive(connection.api.get_query_results(query_id, AT_ONCE, token=token, limit=limit))


def test_a_result_comes_page_by_page(athena: LocalAthena, connection: Connection[Any]) -> None:
    athena.answer("SELECT 1", numbers(4))
    query_id = started(connection)
    first = page(connection, query_id, limit=2)
    second = page(connection, query_id, first.next_token)
    assert [row[0] for row in (*first.rows, *second.rows)] == ["n", "0", "1", "2", "3"]
    assert second.next_token is None


def test_lists_are_read_to_their_last_page(athena: LocalAthena, connection: Connection[Any]) -> None:
    athena.catalog["AwsDataCatalog"] = {
        **{f"d{n:03}": {} for n in range(120)},
        "default": {f"t{n:03}": Table([Column("a", "int", comment="first")]) for n in range(110)},
    }
    cursor = connection.cursor()
    assert [one.name for one in cursor.list_databases()] == [f"d{n:03}" for n in range(120)] + ["default"]
    assert len(cursor.list_table_metadata()) == 110
    assert [table.name for table in cursor.list_table_metadata(expression="t.*7")] == [
        f"t{n:03}" for n in range(7, 110, 10)
    ]
    assert cursor.get_table_metadata("t001").columns[0].comment == "first"
    assert len(athena.calls("ListDatabases")) == 3


@pytest.mark.parametrize("code", ["ThrottlingException", "TooManyRequestsException"])
def test_a_throttled_call_is_repeated(athena: LocalAthena, connection: Connection[Any], code: str) -> None:
    query_id = started(connection)
    athena.throttle("GetQueryResults", times=3, code=code)
    assert len(page(connection, query_id).rows) == 4
    assert len(athena.calls("GetQueryResults")) == 4


def test_what_is_throttled_for_ever_is_an_operational_error_with_its_code(athena: LocalAthena) -> None:
    athena.throttle("ListDatabases", times=10)
    retry = RetryConfig(attempt=4, multiplier=0)
    with (
        pyathena.connect(**reach(athena, retry_config=retry)) as connection,
        pytest.raises(OperationalError, match="Rate exceeded") as caught,
    ):
        connection.cursor().list_databases()
    assert caught.value.code == "ThrottlingException"
    assert caught.value.request_id
    assert len(athena.requests) == 4


def test_a_failure_of_athena_is_repeated(athena: LocalAthena, connection: Connection[Any]) -> None:
    query_id = started(connection)
    athena.fail("GetQueryExecution", "InternalServerException", "oh", status=500, times=2)
    assert drive(connection.api.get_query_execution(query_id, AT_ONCE)).succeeded
    assert len(athena.calls("GetQueryExecution")) == 3


def test_a_broken_connection_is_repeated(athena: LocalAthena, connection: Connection[Any]) -> None:
    query_id = started(connection)
    athena.lose_answer("GetQueryExecution", times=2)
    assert drive(connection.api.get_query_execution(query_id, AT_ONCE)).succeeded
    assert len(athena.calls("GetQueryExecution")) == 3


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("InvalidRequestException", ProgrammingError),
        ("ResourceNotFoundException", ProgrammingError),
        ("AccessDeniedException", OperationalError),
        ("UnrecognizedClientException", OperationalError),
        ("ExpiredTokenException", OperationalError),
        ("MetadataException", OperationalError),
    ],
)
def test_a_refusal_is_the_error_that_fits_and_is_not_repeated(
    athena: LocalAthena, connection: Connection[Any], code: str, kind: type[pyathena.DatabaseError]
) -> None:
    athena.fail("StartQueryExecution", code, "not so")
    with pytest.raises(kind, match=rf"StartQueryExecution: not so \({code}\)") as caught:
        connection.cursor().execute("SELECT 1")
    assert type(caught.value) is kind
    assert caught.value.code == code
    assert len(athena.requests) == 1


@pytest.mark.parametrize("body", ["<html><body>Sign in</body></html>", "", "[]", "{}"])
def test_an_answer_that_makes_no_sense_is_an_internal_error_that_says_so(body: str) -> None:
    with RecordingServer(lambda _: (200, body)) as server:
        staging = "s3://results/"
        with pyathena.connect(
            endpoint_url=server.endpoint, region_name="us-east-1", s3_staging_dir=staging
        ) as connection:
            with pytest.raises(InternalError, match="makes no sense"):
                connection.cursor().execute("SELECT 1")
            with pytest.raises(InternalError, match="makes no sense"):
                drive(connection.api.get_query_execution("id", AT_ONCE))


MAKING = """
import os, threading, time
import pyathena

connection = pyathena.connect(region_name="us-east-1", s3_staging_dir="s3://results/")
making = threading.Event()
connect = connection.api._connect

def slowly():
    making.set()
    time.sleep(0.5)
    return connect()

connection.api._connect = slowly
threading.Thread(target=connection.api.client).start()
making.wait()
child = os.fork()
if not child:
    connection.api._connect = connect
    connection.api.client()
    os._exit(0)
stop = time.monotonic() + 10
while (ended := os.waitpid(child, os.WNOHANG)) == (0, 0) and time.monotonic() < stop:
    time.sleep(0.01)
if ended == (0, 0):
    os.kill(child, 9)
assert ended == (child, 0), ended
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_a_forked_child_does_not_wait_for_the_client_that_its_parent_was_making() -> None:
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", MAKING], check=False, capture_output=True, text=True, timeout=50
    )
    assert (ran.returncode, ran.stderr) == (0, "")


def test_arguments_that_boto3_refuses_are_a_programming_error(athena: LocalAthena, connection: Connection[Any]) -> None:
    with pytest.raises(ProgrammingError, match="WorkGroup"):
        connection.cursor().execute("SELECT 1", work_group=7)
    assert athena.requests == []


def test_no_credentials_are_an_operational_error_at_once(athena: LocalAthena, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with (
        pyathena.connect(**reach(athena, session=None)) as connection,
        pytest.raises(OperationalError, match="credentials"),
    ):
        connection.cursor().execute("SELECT 1")
    assert athena.requests == []


@pytest.fixture
def nobody() -> Iterator[str]:
    """An address where connections are refused."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


def test_an_endpoint_that_nobody_serves_is_an_operational_error(athena: LocalAthena, nobody: str) -> None:
    with (
        pyathena.connect(**reach(athena, endpoint_url=nobody)) as connection,
        pytest.raises(OperationalError, match=nobody) as caught,
    ):
        connection.cursor().execute("SELECT 1")
    assert caught.value.retryable
    assert "attempted 8 times" in caught.value.__notes__
