"""The local Athena, as a plain boto3 client sees it."""

from __future__ import annotations

import asyncio
import csv
import io
import re
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import boto3.session
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from pyathena.filesystem.s3 import AioS3FileSystem, S3FileSystem
from pyathena.runtime import drive
from pyathena.testing._athena_results import object_lines
from pyathena.testing.athena import (
    Answer,
    Column,
    LocalAthena,
    QueryError,
    QueryRequest,
    Table,
    WorkGroup,
)
from pyathena.transport import BlockingBoto3Transport, InMemoryTransport, ObjectRef, ThreadedBoto3Transport
from tests.servers import KEY, SECRET

ONE = Answer([Column("n", "integer", 10)], [["1"]])
TEXTS = Answer([Column("a"), Column("b")], [['say "hi", you', None], ["", "two\nlines"], ["a,b", "ä"]])
TOKEN = "t" * 32
MANAGED = "ManagedQueryResultsConfiguration"


def known(client: Any, shape: str, value: object) -> object:
    """Return what a client tells of managed results: nothing if it is older than these (June 2025)."""
    return value if MANAGED in client.meta.service_model.shape_for(shape).members else None


class Clock:
    """Tells the time that a test sets."""

    def __init__(self) -> None:
        self.now = datetime(2024, 5, 1, 12, 30, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture(scope="module")
def session() -> boto3.session.Session:
    return boto3.session.Session(aws_access_key_id=KEY, aws_secret_access_key=SECRET, region_name="us-east-1")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def athena(clock: Clock) -> Iterator[LocalAthena]:
    with LocalAthena(InMemoryTransport(buckets=["results"]), clock=clock) as athena:
        yield athena


@contextmanager
def connected(session: boto3.session.Session, athena: LocalAthena) -> Iterator[Any]:
    """A client that neither retries nor checks what it is given."""
    config = Config(retries={"total_max_attempts": 1}, parameter_validation=False, max_pool_connections=50)
    client = session.client("athena", endpoint_url=athena.endpoint_url, config=config)
    try:
        yield client
    finally:
        client.close()


@pytest.fixture
def client(session: boto3.session.Session, athena: LocalAthena) -> Iterator[Any]:
    with connected(session, athena) as client:
        yield client


def start(client: Any, statement: str = "SELECT 1", **arguments: Any) -> str:
    arguments.setdefault("ResultConfiguration", {"OutputLocation": "s3://results/out"})
    query_id = client.start_query_execution(QueryString=statement, **arguments)["QueryExecutionId"]
    assert isinstance(query_id, str)
    return query_id


def look(client: Any, query_id: str) -> dict[str, Any]:
    execution: dict[str, Any] = client.get_query_execution(QueryExecutionId=query_id)["QueryExecution"]
    return execution


def state(client: Any, query_id: str) -> str:
    return str(look(client, query_id)["Status"]["State"])


def values(page: dict[str, Any]) -> list[list[str | None]]:
    return [[value.get("VarCharValue") for value in row["Data"]] for row in page["ResultSet"]["Rows"]]


def stored(athena: LocalAthena, url: str | None) -> bytes:
    assert url is not None
    data = S3FileSystem(transport=athena.transport).cat_file(url)
    assert isinstance(data, bytes)
    return data


@contextmanager
def refused(code: str, words: str | None = None) -> Iterator[None]:
    with pytest.raises(ClientError, match=words) as caught:
        yield
    assert caught.value.response["Error"]["Code"] == code
    assert caught.value.response["Error"]["Message"]


# --- results -------------------------------------------------------------------------------------


def test_a_select_is_written_as_csv_that_tells_null_and_the_empty_text_apart(athena: LocalAthena, client: Any) -> None:
    athena.queue.append(TEXTS)
    query = start(client)
    assert athena.executions[query].output_location == f"s3://results/out/{query}.csv"
    assert stored(athena, f"results/out/{query}.csv") == (
        b'"a","b"\n"say ""hi"", you",\n"","two\nlines"\n"a,b","\xc3\xa4"\n'
    )
    assert stored(athena, f"results/out/{query}.csv.metadata")


def test_a_result_is_read_by_the_asynchronous_filesystem_through_the_same_transport(
    athena: LocalAthena, client: Any
) -> None:
    athena.queue.append(ONE)
    query = start(client)

    async def read() -> object:
        fs = AioS3FileSystem(transport=athena.transport, asynchronous=True)
        async with fs.open(f"s3://results/out/{query}.csv", "rb") as file:
            return await file.read()

    assert asyncio.run(read()) == b'"n"\n"1"\n'


CELLS = st.none() | st.text(st.characters(exclude_categories=["Cs"]))
ROWS = st.integers(2, 4).flatmap(lambda width: st.lists(st.lists(CELLS, min_size=width, max_size=width), min_size=1))


@given(ROWS)
def test_the_csv_is_what_a_csv_reader_takes_for_the_same_rows(rows: list[list[str | None]]) -> None:
    names = [f"c{number}" for number in range(len(rows[0]))]
    text = "".join(object_lines(Answer([Column(name) for name in names], rows), ".csv"))
    read = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    assert read == [names, *([value or "" for value in row] for row in rows)]  # to csv, NULL is an empty text


def test_the_first_row_of_a_select_is_its_header_and_null_has_no_value(athena: LocalAthena, client: Any) -> None:
    athena.queue.append(TEXTS)
    page = client.get_query_results(QueryExecutionId=start(client))
    assert values(page) == [["a", "b"], ['say "hi", you', None], ["", "two\nlines"], ["a,b", "ä"]]
    assert page["UpdateCount"] == 0
    assert "NextToken" not in page


def test_columns_are_told_with_their_types(athena: LocalAthena, client: Any) -> None:
    athena.queue.append(Answer([Column("d", "decimal", 10, 2, "NULLABLE"), Column("s")]))
    page = client.get_query_results(QueryExecutionId=start(client))
    decimal, text = page["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]
    assert decimal == {
        "CatalogName": "hive",
        "SchemaName": "",
        "TableName": "",
        "Name": "d",
        "Label": "d",
        "Type": "decimal",
        "Precision": 10,
        "Scale": 2,
        "Nullable": "NULLABLE",
        "CaseSensitive": False,
    }
    assert (text["Type"], text["CaseSensitive"]) == ("varchar", True)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5])
def test_pages_hold_max_results_rows_with_the_header_among_them(athena: LocalAthena, client: Any, size: int) -> None:
    athena.queue.append(Answer([Column("n")], [[str(number)] for number in range(3)]))
    paginator = client.get_paginator("get_query_results")
    pages = list(paginator.paginate(QueryExecutionId=start(client), PaginationConfig={"PageSize": size}))
    assert [len(values(page)) for page in pages] == [size] * (4 // size) + [4 % size] * (4 % size > 0)
    assert [row for page in pages for row in values(page)] == [["n"], ["0"], ["1"], ["2"]]


class Counting(Iterable[list[str]]):
    """Rows that are made when they are asked for; counts them."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.made = 0

    @override
    def __iter__(self) -> Iterator[list[str]]:
        for number in range(self.size):
            self.made += 1
            yield [str(number)]


def test_rows_are_made_once_for_the_object_and_once_for_all_the_pages(athena: LocalAthena, client: Any) -> None:
    rows = Counting(20_500)
    athena.queue.append(Answer([Column("n")], rows))
    query = start(client)
    assert rows.made == 20_500
    token: dict[str, str] = {}
    pages: list[list[list[str | None]]] = []
    while token or not pages:
        page = client.get_query_results(QueryExecutionId=query, **token)
        pages.append(values(page))
        token = {name: page[name] for name in ["NextToken"] if name in page}
        assert rows.made <= 20_500 + 1000 * len(pages) + 1
    assert [len(page) for page in pages] == [1000] * 20 + [501]
    assert rows.made == 2 * 20_500


def test_a_page_can_be_asked_for_again(athena: LocalAthena, client: Any) -> None:
    athena.queue.append(Answer([Column("n")], [[str(number)] for number in range(9)]))
    query = start(client)
    first = client.get_query_results(QueryExecutionId=query, MaxResults=4)
    second = client.get_query_results(QueryExecutionId=query, MaxResults=4, NextToken=first["NextToken"])
    assert values(second) == [["3"], ["4"], ["5"], ["6"]]
    again = client.get_query_results(QueryExecutionId=query, MaxResults=4, NextToken=first["NextToken"])
    assert (values(again), again["NextToken"]) == (values(second), second["NextToken"])


@pytest.mark.parametrize("size", [0, -1, 1001])
def test_a_page_has_1_to_1000_rows(athena: LocalAthena, client: Any, size: int) -> None:
    athena.queue.append(ONE)
    query = start(client)
    with refused("InvalidRequestException", "1 to 1000"):
        client.get_query_results(QueryExecutionId=query, MaxResults=size)


def test_a_token_of_another_query_is_refused(athena: LocalAthena, client: Any) -> None:
    athena.default = TEXTS
    token = client.get_query_results(QueryExecutionId=start(client), MaxResults=1)["NextToken"]
    with refused("InvalidRequestException", "NextToken"):
        client.get_query_results(QueryExecutionId=start(client), NextToken=token)


def test_a_long_result_is_uploaded_in_parts(athena: LocalAthena, client: Any) -> None:
    value = "x" * 2**20
    athena.queue.append(Answer([Column("a")], ([value] for _ in range(20))))
    query = start(client)
    assert stored(athena, f"results/out/{query}.csv") == b'"a"\n' + (f'"{value}"\n' * 20).encode()
    assert '-3"' in str(S3FileSystem(transport=athena.transport).info(f"results/out/{query}.csv")["ETag"])


def test_rows_that_fail_half_way_leave_neither_an_object_nor_an_upload(athena: LocalAthena, client: Any) -> None:
    class Failing(Iterable[list[str]]):
        @override
        def __iter__(self) -> Iterator[list[str]]:
            for _ in range(20):
                yield ["x" * 2**20]
            raise ZeroDivisionError("no more rows")

    athena.queue.append(Answer([Column("a")], Failing()))
    query = start(client)
    assert "ZeroDivisionError: no more rows" in str(athena.executions[query].reason)
    assert S3FileSystem(transport=athena.transport).find("results") == []
    assert drive(athena.transport.list_multipart_uploads("results")).uploads == ()


@pytest.mark.parametrize("row", [["1"], ["1", "2", "3"], ["1", 2], "12"])
def test_a_row_that_does_not_fit_the_columns_fails_the_query_and_is_named(
    athena: LocalAthena, client: Any, row: Any
) -> None:
    athena.queue.append(Answer([Column("a"), Column("b")], [["1", None], row]))
    assert f"row 1 is {row!r}" in look(client, start(client))["Status"]["StateChangeReason"]


def test_a_page_with_such_a_row_is_an_error_each_time(athena: LocalAthena, client: Any) -> None:
    athena.queue.append(Answer([Column("a")], [["1"], []], write_result=False))
    query = start(client)
    for _ in range(2):
        with refused("InternalServerException", "row 1"):
            client.get_query_results(QueryExecutionId=query)


def test_ddl_is_a_text_object_without_header_and_quotes(athena: LocalAthena, client: Any) -> None:
    athena.queue.append(
        Answer([Column("tab_name", "string"), Column("kind", "string")], [["orders", 'a "b"'], ["x", None]])
    )
    query = start(client, "SHOW TABLES")
    assert look(client, query)["ResultConfiguration"]["OutputLocation"] == f"s3://results/out/{query}.txt"
    assert stored(athena, f"results/out/{query}.txt") == b'orders\ta "b"\nx\t\n'
    assert stored(athena, f"results/out/{query}.txt.metadata")
    assert values(client.get_query_results(QueryExecutionId=query)) == [["orders", 'a "b"'], ["x", None]]


def test_text_is_written_as_it_is_and_shown_line_by_line(athena: LocalAthena, client: Any) -> None:
    athena.queue.append(Answer(text="id\tint\n\nname\tstring\n"))
    query = start(client, "DESCRIBE orders")
    assert stored(athena, f"results/out/{query}.txt") == b"id\tint\n\nname\tstring\n"
    page = client.get_query_results(QueryExecutionId=query)
    assert values(page) == [["id\tint"], [""], ["name\tstring"]]
    assert len(page["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]) == 1


def test_ddl_that_has_nothing_to_tell_has_an_empty_object_and_no_rows(athena: LocalAthena, client: Any) -> None:
    athena.queue.append(Answer(text=""))
    query = start(client, "CREATE TABLE t (a int)")
    assert stored(athena, f"results/out/{query}.txt") == b""
    assert values(client.get_query_results(QueryExecutionId=query)) == []


@pytest.mark.parametrize(
    ("statement", "kind", "detail", "location"),
    [
        ("-- INSERT\nSELECT 1", "DML", "SELECT", "{}.csv"),
        ("/* DROP */ with a AS (SELECT 1) SELECT * FROM a", "DML", "SELECT", "{}.csv"),
        ("(VALUES 1)", "DML", "SELECT", "{}.csv"),
        ("insert INTO t VALUES (1)", "DML", "INSERT", "{}"),
        ("DELETE FROM t", "DML", "DELETE", "{}"),
        ("MERGE INTO t USING u ON a = b WHEN MATCHED THEN DELETE", "DML", "MERGE", "{}"),
        ("CREATE TABLE t WITH (format = 'ORC') AS SELECT 1", "DML", "CREATE_TABLE_AS_SELECT", "tables/{}"),
        ("CREATE EXTERNAL TABLE t (a string) LOCATION 's3://b/as select'", "DDL", "CREATE_TABLE", "{}.txt"),
        ("CREATE OR REPLACE VIEW v AS SELECT 1", "DDL", "CREATE_VIEW", "{}.txt"),
        ("DROP SCHEMA s", "DDL", "DROP_DATABASE", "{}.txt"),
        ("SHOW TABLES IN s", "UTILITY", "SHOW_TABLES", "{}.txt"),
        ("EXPLAIN SELECT 1", "UTILITY", "EXPLAIN", "{}.txt"),
    ],
)
def test_the_kind_of_a_statement_is_guessed(
    athena: LocalAthena, client: Any, statement: str, kind: str, detail: str, location: str
) -> None:
    athena.default = Answer()
    query = start(client, statement)
    told = look(client, query)
    assert (told["StatementType"], told["SubstatementType"]) == (kind, detail)
    assert told["ResultConfiguration"]["OutputLocation"] == "s3://results/out/" + location.format(query)


def test_the_kind_of_a_statement_is_what_the_answer_says(athena: LocalAthena, client: Any) -> None:
    athena.queue.append(Answer(statement_type="DDL", substatement_type="VACUUM_TABLE"))
    told = look(client, start(client, "VACUUM t"))
    assert (told["StatementType"], told["SubstatementType"]) == ("DDL", "VACUUM_TABLE")


def test_a_statement_that_writes_tells_how_many_rows_and_has_no_object(athena: LocalAthena, client: Any) -> None:
    athena.queue.append(Answer(update_count=7))
    query = start(client, "INSERT INTO t SELECT * FROM u")
    page = client.get_query_results(QueryExecutionId=query)
    assert (page["UpdateCount"], values(page)) == (7, [])
    assert [column["Name"] for column in page["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]] == ["rows"]
    assert S3FileSystem(transport=athena.transport).find("results") == [f"results/out/{query}.metadata"]


UNLOAD = "UNLOAD (SELECT 1 -- (once) TO 's3://none/'\n)\nTO 's3://results/unloaded/x' WITH (format = 'PARQUET')"


def test_an_unload_writes_its_files_below_to_and_lists_them_in_a_manifest(athena: LocalAthena, client: Any) -> None:
    athena.queue.append(Answer(files=[b"PAR1 one", b"PAR1 two"], update_count=5))
    query = start(client, UNLOAD)
    manifest = look(client, query)["Statistics"]["DataManifestLocation"]
    assert manifest == f"s3://results/out/{query}-manifest.csv" == athena.executions[query].manifest_location
    urls = stored(athena, manifest).decode().splitlines()
    assert [stored(athena, url) for url in urls] == [b"PAR1 one", b"PAR1 two"]
    assert all(url.startswith("s3://results/unloaded/x/20240501_123000_") for url in urls)


def test_an_unload_without_rows_has_an_empty_manifest(athena: LocalAthena, client: Any) -> None:
    athena.queue.append(Answer())
    assert stored(athena, athena.executions[start(client, UNLOAD)].manifest_location) == b""


def test_an_unload_to_where_objects_are_fails(athena: LocalAthena, client: Any) -> None:
    athena.default = Answer(files=[b"PAR1"])
    start(client, UNLOAD)
    status = look(client, start(client, UNLOAD))["Status"]
    assert status["State"] == "FAILED"
    assert status["StateChangeReason"].startswith("HIVE_PATH_ALREADY_EXISTS")


@pytest.mark.parametrize(("statement", "words"), [("UNLOAD (SELECT 1)", "TO 's3://"), ("SELECT 1", "UNLOAD")])
def test_files_need_an_unload_with_a_location(athena: LocalAthena, client: Any, statement: str, words: str) -> None:
    athena.queue.append(Answer(files=[b"PAR1"]))
    assert words in look(client, start(client, statement))["Status"]["StateChangeReason"]


def test_a_result_can_be_missing(athena: LocalAthena, client: Any) -> None:
    athena.queue.append(Answer([Column("n")], [["1"]], write_result=False))
    query = start(client)
    assert state(client, query) == "SUCCEEDED"
    assert not S3FileSystem(transport=athena.transport).exists(f"results/out/{query}.csv")
    assert values(client.get_query_results(QueryExecutionId=query)) == [["n"], ["1"]]


@pytest.mark.parametrize("by_answer", [True, False])
def test_a_managed_result_has_no_location_and_is_read_in_pages(
    athena: LocalAthena, client: Any, by_answer: bool
) -> None:
    athena.work_groups["kept"] = WorkGroup(managed=not by_answer)
    athena.queue.append(Answer([Column("n")], [["1"]], managed=by_answer))
    query = start(client, ResultConfiguration={}, WorkGroup="kept")
    told = look(client, query)
    assert "ResultConfiguration" not in told
    assert told.get(MANAGED) == known(client, "QueryExecution", {"Enabled": True})
    assert values(client.get_query_results(QueryExecutionId=query)) == [["n"], ["1"]]
    assert S3FileSystem(transport=athena.transport).find("results") == []


def test_a_result_that_cannot_be_written_fails_the_query(athena: LocalAthena, client: Any) -> None:
    athena.default = ONE
    status = look(client, start(client, ResultConfiguration={"OutputLocation": "s3://missing/"}))["Status"]
    assert status["State"] == "FAILED"
    assert "missing" in status["StateChangeReason"]


def test_a_result_that_is_denied_fails_the_query_in_athenas_words(athena: LocalAthena, client: Any) -> None:
    athena.queue.append(Answer(hangs=True))
    query = start(client)
    assert isinstance(athena.transport, InMemoryTransport)
    athena.transport.deny("results", f"out/{query}.csv")
    athena.finish(query)
    words = f"Access denied when writing output to url: s3://results/out/{query}.csv"
    assert look(client, query)["Status"]["StateChangeReason"].startswith(words)


def test_the_encryption_that_was_asked_for_is_told_and_used(athena: LocalAthena, client: Any) -> None:
    athena.queue.append(ONE)
    encryption = {"EncryptionOption": "SSE_KMS", "KmsKey": "key-1"}
    query = start(
        client, ResultConfiguration={"OutputLocation": "s3://results/", "EncryptionConfiguration": encryption}
    )
    assert look(client, query)["ResultConfiguration"]["EncryptionConfiguration"] == encryption
    info = drive(athena.transport.head_object(ObjectRef("results", f"{query}.csv")))
    assert (info.server_side_encryption, info.kms_key_id) == ("aws:kms", "key-1")


def test_a_transport_that_needs_an_event_loop_is_named_in_the_failure(moto_endpoint: str, session: Any) -> None:
    transport = ThreadedBoto3Transport(endpoint_url=moto_endpoint)
    with LocalAthena(transport, default=ONE) as athena, connected(session, athena) as client:
        assert "BlockingBoto3Transport" in look(client, start(client))["Status"]["StateChangeReason"]
    asyncio.run(transport.aclose())


def test_results_go_to_an_s3_server_through_boto3(moto_endpoint: str, session: Any) -> None:
    transport = BlockingBoto3Transport(endpoint_url=moto_endpoint)
    fs = S3FileSystem(transport=transport)
    drive(transport.create_bucket("local-athena-results"))
    with LocalAthena(transport, default=ONE) as athena, connected(session, athena) as client:
        query = start(client, ResultConfiguration={"OutputLocation": "s3://local-athena-results/"})
        assert fs.cat_file(f"local-athena-results/{query}.csv") == b'"n"\n"1"\n'
    drive(transport.aclose())


# --- the life of a query -------------------------------------------------------------------------


def test_a_look_after_the_other_tells_the_states_and_then_the_final_one(athena: LocalAthena, client: Any) -> None:
    athena.queue.append(Answer([Column("n")], [["1"]], states=["QUEUED", "RUNNING", "RUNNING"]))
    query = start(client)
    told: list[str] = []
    while not told or told[-1] != "SUCCEEDED":
        written = S3FileSystem(transport=athena.transport).exists(f"results/out/{query}.csv")
        assert not written
        told.append(state(client, query))
    assert told == ["QUEUED", "RUNNING", "RUNNING", "SUCCEEDED"]
    assert stored(athena, f"results/out/{query}.csv") == b'"n"\n"1"\n'


def test_several_queries_are_looked_at_in_one_request(athena: LocalAthena, client: Any) -> None:
    athena.default = Answer(states=["RUNNING"])
    queries = [start(client), start(client)]
    for expected in ["RUNNING", "SUCCEEDED"]:
        told = client.batch_get_query_execution(QueryExecutionIds=[*queries, "no-such-id"])
        assert [execution["QueryExecutionId"] for execution in told["QueryExecutions"]] == queries
        assert {execution["Status"]["State"] for execution in told["QueryExecutions"]} == {expected}
        assert [left["QueryExecutionId"] for left in told["UnprocessedQueryExecutionIds"]] == ["no-such-id"]


@pytest.mark.parametrize("count", [0, 51])
def test_1_to_50_queries_are_looked_at_in_one_request(client: Any, count: int) -> None:
    with refused("InvalidRequestException", "1 to 50"):
        client.batch_get_query_execution(QueryExecutionIds=["id"] * count)


def test_a_query_tells_what_was_asked_for_and_what_it_cost(athena: LocalAthena, client: Any, clock: Clock) -> None:
    athena.work_groups["analysts"] = WorkGroup()
    athena.queue.append(Answer([Column("n")], [["1"]], scanned_bytes=1234, engine_millis=500, states=["RUNNING"]))
    context = {"Database": "sales", "Catalog": "AwsDataCatalog"}
    query = start(client, "SELECT ?", WorkGroup="analysts", QueryExecutionContext=context, ExecutionParameters=["1"])
    running = look(client, query)
    assert "CompletionDateTime" not in running["Status"]
    assert running["Statistics"]["TotalExecutionTimeInMillis"] == 0
    clock.now += timedelta(seconds=2)
    told = look(client, query)
    assert (told["Query"], told["WorkGroup"]) == ("SELECT ?", "analysts")
    assert (told["QueryExecutionContext"], told["ExecutionParameters"]) == (context, ["1"])
    assert told["Status"]["CompletionDateTime"] - told["Status"]["SubmissionDateTime"] == timedelta(seconds=2)
    assert told["Status"]["CompletionDateTime"] == clock.now
    assert told["Statistics"]["DataScannedInBytes"] == 1234
    assert told["Statistics"]["EngineExecutionTimeInMillis"] == 500
    assert told["Statistics"]["ResultReuseInformation"] == {"ReusedPreviousResult": False}
    assert told["EngineVersion"]["EffectiveEngineVersion"] == "Athena engine version 3"
    runtime = client.get_query_runtime_statistics(QueryExecutionId=query)["QueryRuntimeStatistics"]
    assert runtime["Timeline"]["EngineExecutionTimeInMillis"] == 500
    assert runtime["Rows"]["InputBytes"] == 1234


def test_a_query_fails_with_its_reason_and_error(athena: LocalAthena, client: Any) -> None:
    athena.queue.append(Answer(states=["RUNNING"], error=QueryError("TABLE_NOT_FOUND: no t", 2, 1301, True, "no t")))
    query = start(client)
    assert state(client, query) == "RUNNING"
    status = look(client, query)["Status"]
    assert (status["State"], status["StateChangeReason"]) == ("FAILED", "TABLE_NOT_FOUND: no t")
    assert status["AthenaError"] == {"ErrorCategory": 2, "ErrorType": 1301, "Retryable": True, "ErrorMessage": "no t"}
    assert S3FileSystem(transport=athena.transport).find("results") == []
    with refused("InvalidRequestException", "did not finish successfully. Final query state: FAILED"):
        client.get_query_results(QueryExecutionId=query)


def test_results_are_refused_before_the_query_has_ended(athena: LocalAthena, client: Any) -> None:
    athena.queue.append(Answer(states=["RUNNING"]))
    query = start(client)
    look(client, query)
    with refused("InvalidRequestException", "Query has not yet finished. Current state: RUNNING"):
        client.get_query_results(QueryExecutionId=query)


def test_a_query_hangs_until_it_is_stopped(athena: LocalAthena, client: Any) -> None:
    athena.queue.append(Answer(states=["QUEUED"], hangs=True))
    query = start(client)
    assert [state(client, query) for _ in range(4)] == ["QUEUED", "RUNNING", "RUNNING", "RUNNING"]
    client.stop_query_execution(QueryExecutionId=query)
    assert athena.executions[query].state == "CANCELLED"
    assert state(client, query) == "CANCELLED"
    with refused("InvalidRequestException", "CANCELLED"):
        client.get_query_results(QueryExecutionId=query)


def test_a_query_hangs_until_the_test_finishes_it(athena: LocalAthena, client: Any) -> None:
    athena.queue.append(Answer([Column("n")], [["1"]], hangs=True))
    query = start(client)
    assert state(client, query) == "RUNNING"
    athena.finish(query)
    assert stored(athena, f"results/out/{query}.csv") == b'"n"\n"1"\n'
    assert state(client, query) == "SUCCEEDED"


def test_what_has_ended_cannot_be_stopped(athena: LocalAthena, client: Any) -> None:
    athena.queue.append(ONE)
    query = start(client)
    client.stop_query_execution(QueryExecutionId=query)
    assert state(client, query) == "SUCCEEDED"


@pytest.mark.parametrize(
    "operation", ["get_query_execution", "get_query_results", "stop_query_execution", "get_query_runtime_statistics"]
)
def test_a_query_that_is_not_there_is_refused(client: Any, operation: str) -> None:
    with refused("InvalidRequestException", "QueryExecution no-such-id was not found"):
        getattr(client, operation)(QueryExecutionId="no-such-id")


def test_queries_are_listed_by_work_group_the_newest_first_in_pages(athena: LocalAthena, client: Any) -> None:
    athena.work_groups["other"] = WorkGroup()
    athena.default = Answer()
    queries = [start(client) for _ in range(53)]
    other = start(client, WorkGroup="other")
    first = client.list_query_executions()
    assert first["QueryExecutionIds"] == queries[:2:-1]
    second = client.list_query_executions(NextToken=first["NextToken"])
    assert second["QueryExecutionIds"] == queries[2::-1]
    assert "NextToken" not in second
    assert client.list_query_executions(WorkGroup="other")["QueryExecutionIds"] == [other]
    assert client.list_query_executions(MaxResults=2)["QueryExecutionIds"] == queries[:-3:-1]
    with refused("InvalidRequestException", "1 to 50"):
        client.list_query_executions(MaxResults=51)
    with refused("InvalidRequestException", "NextToken"):
        client.list_query_executions(NextToken="no-such-token")


# --- which answer --------------------------------------------------------------------------------


def answered(client: Any, statement: str) -> object:
    """The value of an answer like ONE, or the reason of the failure."""
    query = start(client, statement)
    reason = look(client, query)["Status"].get("StateChangeReason")
    return reason or values(client.get_query_results(QueryExecutionId=query))[1][0]


def one(value: str) -> Answer:
    return Answer([Column("n")], [[value]])


def test_statement_then_queue_then_default_decide_the_answer(athena: LocalAthena, client: Any) -> None:
    athena.answer("SELECT 1", one("by statement"))
    athena.answer(re.compile(r"FROM\s+orders"), one("by pattern"))
    athena.queue.extend([one("first"), one("second")])
    athena.default = one("default")
    assert answered(client, "  SELECT 1\n") == "by statement"
    assert answered(client, "SELECT a FROM orders") == "by pattern"
    assert answered(client, "SELECT 11") == "first"
    assert answered(client, "SELECT 11") == "second"
    assert answered(client, "SELECT 11") == "default"
    assert answered(client, "SELECT 1") == "by statement"


def test_the_answer_that_was_given_last_comes_first(athena: LocalAthena, client: Any) -> None:
    athena.answer(re.compile(""), one("any"))
    athena.answer("SELECT 1", one("early"))
    athena.answer("SELECT 1", one("late"))
    assert answered(client, "SELECT 1") == "late"
    assert answered(client, "SELECT 2") == "any"


def test_without_an_answer_the_query_fails_and_says_what_to_do(client: Any) -> None:
    reason = answered(client, "SELECT 'secret' FROM t")
    assert "no answer for \"SELECT 'secret' FROM t\"" in str(reason)
    assert "athena.answer(" in str(reason)


def test_an_answer_can_be_made_of_the_request(athena: LocalAthena, client: Any) -> None:
    requests: list[QueryRequest] = []

    def answer(request: QueryRequest) -> Answer:
        requests.append(request)
        return one(request.statement)

    athena.answer(re.compile("SELECT"), answer)
    assert answered(client, "SELECT 1") == "SELECT 1"
    start(
        client,
        "SELECT ?",
        ExecutionParameters=["5"],
        QueryExecutionContext={"Database": "sales", "Catalog": "lake"},
    )
    assert requests[1] == QueryRequest(
        statement="SELECT ?",
        work_group="primary",
        database="sales",
        catalog="lake",
        parameters=("5",),
        output_location="s3://results/out/",
    )


def test_a_function_that_raises_is_an_error_of_the_server_that_names_it(athena: LocalAthena, client: Any) -> None:
    athena.default = lambda request: Answer([Column(request.statement[100])])
    with refused("InternalServerException", "LocalAthena: IndexError"):
        start(client)


@pytest.mark.parametrize(
    ("statement", "parameters", "reason"),
    [
        ("SELECT ?, '?', \"?\" -- ?", ["1"], None),
        ("SELECT ? /* ? */", [], "Incorrect number of parameters: expected 1 but found 0"),
        ("SELECT ?", ["1", "2"], "Incorrect number of parameters: expected 1 but found 2"),
    ],
)
def test_a_statement_takes_as_many_parameters_as_it_has_question_marks(
    athena: LocalAthena, client: Any, statement: str, parameters: list[str], reason: str | None
) -> None:
    athena.default = Answer()
    arguments = {"ExecutionParameters": parameters} if parameters else {}
    status = look(client, start(client, statement, **arguments))["Status"]
    assert status.get("StateChangeReason") == reason


@pytest.mark.parametrize("states", [["DONE"], ["SUCCEEDED"], "QUEUED"])
def test_an_answer_has_no_states_but_queued_and_running(states: Any) -> None:
    with pytest.raises(ValueError, match="QUEUED and RUNNING"):
        Answer(states=states)


def test_an_answer_has_rows_or_text() -> None:
    with pytest.raises(ValueError, match="got both"):
        Answer([Column("a")], [["1"]], text="1")


# --- what is refused at the start ----------------------------------------------------------------


def test_a_work_group_must_be_there(client: Any) -> None:
    with refused("InvalidRequestException", "WorkGroup none is not found."):
        start(client, WorkGroup="none")
    with refused("InvalidRequestException", "WorkGroup none is not found."):
        client.get_work_group(WorkGroup="none")


def test_a_query_needs_an_output_location_and_takes_no_answer_without_one(athena: LocalAthena, client: Any) -> None:
    athena.queue.append(ONE)
    with refused("InvalidRequestException", "No output location provided"):
        start(client, ResultConfiguration={})
    assert list(athena.queue) == [ONE]
    assert athena.executions == {}


@pytest.mark.parametrize(
    ("group", "asked", "expected"),
    [
        (WorkGroup("s3://results/group"), {}, "s3://results/group/"),
        (WorkGroup("s3://results/group/"), {"OutputLocation": "s3://results/query"}, "s3://results/query/"),
        (WorkGroup("s3://results/group/", enforce=True), {"OutputLocation": "s3://none/"}, "s3://results/group/"),
    ],
)
def test_the_output_location_is_the_querys_unless_the_work_group_enforces_its_own(
    athena: LocalAthena, client: Any, group: WorkGroup, asked: dict[str, str], expected: str
) -> None:
    athena.work_groups["group"] = group
    athena.queue.append(ONE)
    query = start(client, WorkGroup="group", ResultConfiguration=asked)
    assert look(client, query)["ResultConfiguration"]["OutputLocation"] == f"{expected}{query}.csv"


def test_a_work_group_tells_its_settings(athena: LocalAthena, client: Any) -> None:
    athena.work_groups["group"] = WorkGroup("s3://results/group/", enforce=True)
    told = client.get_work_group(WorkGroup="group")["WorkGroup"]
    assert (told["Name"], told["State"]) == ("group", "ENABLED")
    assert told["Configuration"]["ResultConfiguration"] == {"OutputLocation": "s3://results/group/"}
    assert told["Configuration"]["EnforceWorkGroupConfiguration"] is True
    assert told["Configuration"].get(MANAGED) == known(client, "WorkGroupConfiguration", {"Enabled": False})


def test_a_work_group_that_keeps_results_takes_no_output_location(athena: LocalAthena, client: Any) -> None:
    athena.work_groups["kept"] = WorkGroup(managed=True)
    with refused("InvalidRequestException", "OutputLocation"):
        start(client, WorkGroup="kept")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"QueryString": ""}, "1 to 262144"),
        ({"QueryString": "x" * 262_145}, "1 to 262144"),
        ({"ClientRequestToken": "short"}, "32 to 128"),
        ({"ResultConfiguration": {"OutputLocation": "results/"}}, "not a valid S3 path"),
    ],
)
def test_a_request_that_is_not_as_it_should_be_is_refused(client: Any, arguments: dict[str, Any], words: str) -> None:
    usual = {"QueryString": "SELECT 1", "ResultConfiguration": {"OutputLocation": "s3://results/"}}
    with refused("InvalidRequestException", words):
        client.start_query_execution(**{**usual, **arguments})


def test_a_token_starts_a_query_once(athena: LocalAthena, client: Any) -> None:
    athena.queue.extend([ONE, TEXTS])
    first = start(client, ClientRequestToken=TOKEN)
    assert start(client, ClientRequestToken=TOKEN) == first
    assert list(athena.queue) == [TEXTS]
    assert {query: execution.starts for query, execution in athena.executions.items()} == {first: 2}
    assert len(athena.calls("StartQueryExecution")) == 2


@pytest.mark.parametrize("other", [{"statement": "SELECT 2"}, {"QueryExecutionContext": {"Database": "d"}}])
def test_a_token_belongs_to_one_request(athena: LocalAthena, client: Any, other: dict[str, Any]) -> None:
    athena.default = ONE
    start(client, ClientRequestToken=TOKEN)
    with refused("InvalidRequestException", "Idempotent parameters do not match"):
        start(client, ClientRequestToken=TOKEN, **other)


def reuse(minutes: int | None = None) -> dict[str, Any]:
    age: dict[str, Any] = {"Enabled": True} if minutes is None else {"Enabled": True, "MaxAgeInMinutes": minutes}
    return {"ResultReuseByAgeConfiguration": age}


def test_a_result_is_reused_when_that_was_asked_for(athena: LocalAthena, client: Any) -> None:
    athena.queue.extend([Answer([Column("n")], [["1"]], scanned_bytes=9, states=["QUEUED"], hangs=True), TEXTS])
    first = start(client)
    athena.finish(first)
    second = start(client, ResultReuseConfiguration=reuse())
    told = look(client, second)
    assert second != first
    assert told["Statistics"]["ResultReuseInformation"] == {"ReusedPreviousResult": True}
    assert told["Statistics"]["DataScannedInBytes"] == 0
    assert told["ResultConfiguration"]["OutputLocation"] == f"s3://results/out/{first}.csv"
    assert told["ResultReuseConfiguration"] == reuse()
    assert values(client.get_query_results(QueryExecutionId=second)) == [["n"], ["1"]]
    assert list(athena.queue) == [TEXTS]


@pytest.mark.parametrize(
    "other",
    [
        {"statement": "SELECT 2"},
        {"ResultReuseConfiguration": {"ResultReuseByAgeConfiguration": {"Enabled": False}}},
        {"ResultReuseConfiguration": reuse(59)},
        {"QueryExecutionContext": {"Database": "d"}},
        {"ResultConfiguration": {"OutputLocation": "s3://results/other/"}},
    ],
)
def test_a_result_of_another_query_or_one_too_old_is_not_reused(
    athena: LocalAthena, client: Any, clock: Clock, other: dict[str, Any]
) -> None:
    athena.default = ONE
    start(client)
    clock.now += timedelta(minutes=60)
    query = start(client, **{"ResultReuseConfiguration": reuse(60), **other})
    assert athena.executions[query].reused is None


def test_the_newest_result_is_reused_and_ages_all_the_same(athena: LocalAthena, client: Any, clock: Clock) -> None:
    athena.default = ONE
    start(client)
    newest = start(client)
    for _ in range(2):
        clock.now += timedelta(minutes=30)
        again = athena.executions[start(client, ResultReuseConfiguration=reuse())]
        assert again.reused is athena.executions[newest]
    clock.now += timedelta(minutes=1)
    assert athena.executions[start(client, ResultReuseConfiguration=reuse())].reused is None


def test_a_query_that_failed_or_writes_is_not_reused(athena: LocalAthena, client: Any) -> None:
    athena.queue.extend([Answer(error=QueryError("no")), Answer(), Answer(), Answer()])
    for statement in ["SELECT 1", "INSERT INTO t VALUES (1)"]:
        start(client, statement)
        assert athena.executions[start(client, statement, ResultReuseConfiguration=reuse())].reused is None


# --- the catalog ---------------------------------------------------------------------------------


def test_tables_are_told_with_columns_and_partition_keys(athena: LocalAthena, client: Any) -> None:
    athena.catalog["AwsDataCatalog"]["sales"] = {
        "orders": Table(
            [Column("id", "bigint", comment="key"), Column("note", "string")],
            partition_keys=[Column("day", "date")],
            parameters={"classification": "parquet"},
        ),
        "items": Table(),
    }
    where = {"CatalogName": "awsdatacatalog", "DatabaseName": "SALES"}
    table = client.get_table_metadata(TableName="orders", **where)["TableMetadata"]
    assert table == {
        "Name": "orders",
        "TableType": "EXTERNAL_TABLE",
        "Columns": [{"Name": "id", "Type": "bigint", "Comment": "key"}, {"Name": "note", "Type": "string"}],
        "PartitionKeys": [{"Name": "day", "Type": "date"}],
        "Parameters": {"classification": "parquet"},
    }
    assert [table["Name"] for table in client.list_table_metadata(**where)["TableMetadataList"]] == ["orders", "items"]
    (found,) = client.list_table_metadata(Expression="or.*", **where)["TableMetadataList"]
    assert found == table


def test_databases_and_catalogs_are_listed_in_pages(athena: LocalAthena, client: Any) -> None:
    athena.catalog["lake"] = {f"d{number:02}": {} for number in range(60)}
    names = list(athena.catalog["lake"])
    first = client.list_databases(CatalogName="lake")
    assert [database["Name"] for database in first["DatabaseList"]] == names[:50]
    rest = client.list_databases(CatalogName="lake", NextToken=first["NextToken"])
    assert [database["Name"] for database in rest["DatabaseList"]] == names[50:]
    assert client.get_database(CatalogName="lake", DatabaseName="d07")["Database"] == {"Name": "d07"}
    told = client.list_data_catalogs()["DataCatalogsSummary"]
    assert [catalog["CatalogName"] for catalog in told] == ["AwsDataCatalog", "lake"]


def test_what_the_catalog_has_not_is_an_error_of_athenas(client: Any) -> None:
    with refused("InvalidRequestException", "none"):
        client.list_databases(CatalogName="none")
    with refused("MetadataException", "Database none"):
        client.get_database(CatalogName="AwsDataCatalog", DatabaseName="none")
    with refused("MetadataException", "EntityNotFoundException"):
        client.get_table_metadata(CatalogName="AwsDataCatalog", DatabaseName="default", TableName="none")


# --- faults --------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["ThrottlingException", "TooManyRequestsException"])
def test_requests_are_throttled_as_often_as_was_said(athena: LocalAthena, client: Any, code: str) -> None:
    athena.default = ONE
    athena.throttle("StartQueryExecution", times=2, code=code)
    for _ in range(2):
        with refused(code, "Rate exceeded"):
            start(client)
    query = start(client)
    assert list(athena.executions) == [query]
    assert len(athena.calls("StartQueryExecution")) == 3


def test_faults_come_in_the_order_in_which_they_were_given(athena: LocalAthena, client: Any) -> None:
    athena.default = ONE
    athena.fail("StartQueryExecution", "InternalServerException", "out of order", status=503)
    athena.throttle("StartQueryExecution")
    with pytest.raises(ClientError, match="out of order") as caught:
        start(client)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
    with refused("ThrottlingException"):
        start(client)
    start(client)


def test_a_lost_answer_was_done_and_the_token_finds_it(athena: LocalAthena, client: Any) -> None:
    athena.queue.append(ONE)
    athena.lose_answer("StartQueryExecution")
    with pytest.raises(ConnectionClosedError):
        start(client, ClientRequestToken=TOKEN)
    (lost,) = athena.executions
    assert start(client, ClientRequestToken=TOKEN) == lost


def test_40_queries_at_once_are_40_requests_in_flight(athena: LocalAthena, client: Any) -> None:
    athena.default = ONE
    athena.hold("StartQueryExecution")
    with ThreadPoolExecutor(40) as threads:
        queries = [threads.submit(start, client, f"SELECT {number}") for number in range(40)]
        athena.wait_for_in_flight("StartQueryExecution", 40)
        assert athena.executions == {}
        athena.release("StartQueryExecution")
    assert {query.result() for query in queries} == set(athena.executions)
    assert athena.peak_in_flight == 40


def test_requests_one_after_the_other_are_one_in_flight(athena: LocalAthena, client: Any) -> None:
    athena.default = ONE
    for _ in range(3):
        start(client)
    assert athena.peak_in_flight == 1


def test_too_few_in_flight_are_counted_in_the_error(athena: LocalAthena) -> None:
    with pytest.raises(TimeoutError, match=r"0 requests of GetQueryResults in flight after 0\.001 s, not 1"):
        athena.wait_for_in_flight("GetQueryResults", 1, timeout=0.001)


def test_every_request_is_noted_with_what_it_asked_for(athena: LocalAthena, client: Any) -> None:
    with refused("InvalidRequestException"):
        client.get_query_execution(QueryExecutionId="none")
    client.list_data_catalogs()
    assert athena.requests == [("GetQueryExecution", {"QueryExecutionId": "none"}), ("ListDataCatalogs", {})]
    assert athena.calls("GetQueryExecution") == [{"QueryExecutionId": "none"}]


@pytest.mark.parametrize(
    "order",
    [
        lambda athena: athena.throttle("StartQuery"),
        lambda athena: athena.lose_answer("StartQuery"),
        lambda athena: athena.hold("StartQuery"),
        lambda athena: athena.release("StartQuery"),
        lambda athena: athena.calls("StartQuery"),
        lambda athena: athena.wait_for_in_flight("StartQuery", 1),
    ],
)
def test_a_misspelt_operation_is_an_error_at_once(athena: LocalAthena, order: Any) -> None:
    with pytest.raises(ValueError, match=r"'StartQuery'; there are .*StartQueryExecution"):
        order(athena)


def test_a_fault_happens_at_least_once(athena: LocalAthena) -> None:
    with pytest.raises(ValueError, match="1 or more requests, got 0"):
        athena.throttle("GetQueryResults", times=0)


def test_an_operation_that_it_does_not_have_is_an_error_that_names_it(client: Any) -> None:
    with refused("UnknownOperationException", "'ListNamedQueries'"):
        client.list_named_queries()


def test_a_body_that_is_no_json_object_is_refused(athena: LocalAthena) -> None:
    for body in [b"", b"{", b"[]", b"\xff"]:
        request = Request(athena.endpoint_url, body, {"X-Amz-Target": "AmazonAthena.GetQueryExecution"})
        with pytest.raises(HTTPError) as caught:
            urlopen(request)
        assert b"SerializationException" in caught.value.read()
        caught.value.close()
    assert athena.requests == []


# --- the server ----------------------------------------------------------------------------------


def threads_of_the_server() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("pyathena-local-athena")]


def test_no_thread_and_no_request_is_left_behind(session: Any) -> None:
    assert threads_of_the_server() == []
    athena = LocalAthena(InMemoryTransport(buckets=["results"]), default=ONE)
    athena.hold("GetQueryExecution")
    with ThreadPoolExecutor(1) as threads, athena, connected(session, athena) as client:
        query = start(client)
        waiting = threads.submit(look, client, query)
        athena.wait_for_in_flight("GetQueryExecution", 1)
        assert threads_of_the_server()
        athena.__exit__(None, None, None)
        assert threads_of_the_server() == []
        with pytest.raises(ConnectionClosedError):
            waiting.result()
    with pytest.raises(RuntimeError, match="with LocalAthena"):
        athena.endpoint_url  # noqa: B018 - looking it up is the test


def test_it_serves_once_at_a_time_and_again_afterwards(session: Any) -> None:
    athena = LocalAthena(InMemoryTransport(buckets=["results"]), default=ONE)
    for _ in range(2):
        with athena:
            with pytest.raises(RuntimeError, match="serving already"):
                athena.__enter__()
            with connected(session, athena) as client:
                start(client)
    assert len(athena.executions) == 2


def test_a_connection_serves_many_requests(athena: LocalAthena, client: Any) -> None:
    for _ in range(5):
        client.list_data_catalogs()
    assert len(threads_of_the_server()) == 2  # one accepts, one serves


def test_a_repr_tells_where_it_is_and_no_statement(athena: LocalAthena, client: Any) -> None:
    athena.queue.append(ONE)
    query = start(client, "SELECT 'secret'")
    assert repr(athena) == f"<LocalAthena {athena.endpoint_url}: 1 queries, 1 requests>"
    assert repr(athena.executions[query]) == f"<Execution {query}: SUCCEEDED>"


def test_it_needs_neither_boto3_nor_pytest_nor_a_filesystem() -> None:
    program = (
        "import sys; import pyathena.testing.athena; "
        "print([name for name in ('boto3', 'botocore', 'fsspec', 'pyarrow', 'pytest') if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=50)
    assert ran.stdout.strip() == "[]"
