"""What is asked of Athena and what it tells, in its words and in ours."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pyathena.athena.values import Column, QueryExecution, QueryRequest, ResultPage, TableMetadata


def test_a_request_that_says_little_asks_for_little() -> None:
    assert QueryRequest(query="SELECT 1", token="t").arguments() == {
        "QueryString": "SELECT 1",
        "ClientRequestToken": "t",
    }


def test_a_request_that_says_all_is_what_athena_takes() -> None:
    request = QueryRequest(
        query="SELECT ?",
        database="d",
        catalog="c",
        work_group="w",
        output_location="s3://results/",
        encryption_option="SSE_KMS",
        kms_key="key",
        parameters=("1",),
        reuse_minutes=0,
    )
    assert request.arguments() == {
        "QueryString": "SELECT ?",
        "ClientRequestToken": request.token,
        "QueryExecutionContext": {"Database": "d", "Catalog": "c"},
        "ResultConfiguration": {
            "OutputLocation": "s3://results/",
            "EncryptionConfiguration": {"EncryptionOption": "SSE_KMS", "KmsKey": "key"},
        },
        "WorkGroup": "w",
        "ExecutionParameters": ["1"],
        "ResultReuseConfiguration": {"ResultReuseByAgeConfiguration": {"Enabled": True, "MaxAgeInMinutes": 0}},
    }


def test_each_request_has_a_token_of_its_own_that_stays() -> None:
    one, other = QueryRequest(query="SELECT 1"), QueryRequest(query="SELECT 1")
    assert one.token != other.token
    assert 32 <= len(one.token) <= 128
    assert one.arguments()["ClientRequestToken"] == one.arguments()["ClientRequestToken"]


def test_an_execution_of_which_athena_tells_little_has_none_for_the_rest() -> None:
    execution = QueryExecution.of({"QueryExecutionId": "id"})
    assert execution == QueryExecution(query_id="id")
    assert not execution.ended
    assert not execution.succeeded


@pytest.mark.parametrize(
    ("state", "ended", "succeeded"),
    [
        ("QUEUED", False, False),
        ("RUNNING", False, False),
        ("SUCCEEDED", True, True),
        ("FAILED", True, False),
        ("CANCELLED", True, False),
    ],
)
def test_a_query_has_ended_in_three_states(state: str, ended: bool, succeeded: bool) -> None:
    execution = QueryExecution.of({"QueryExecutionId": "id", "Status": {"State": state}})
    assert (execution.ended, execution.succeeded) == (ended, succeeded)


def test_an_execution_of_which_athena_tells_all_has_every_attribute() -> None:
    moment = datetime(2024, 5, 1, tzinfo=UTC)
    execution = QueryExecution.of(
        {
            "QueryExecutionId": "id",
            "Query": "SELECT 1",
            "StatementType": "DML",
            "SubstatementType": "SELECT",
            "QueryExecutionContext": {"Database": "d", "Catalog": "c"},
            "WorkGroup": "w",
            "ExecutionParameters": ["1"],
            "Status": {
                "State": "FAILED",
                "StateChangeReason": "why",
                "SubmissionDateTime": moment,
                "CompletionDateTime": moment,
                "AthenaError": {"ErrorCategory": 2, "ErrorType": 1, "ErrorMessage": "m", "Retryable": False},
            },
            "ResultConfiguration": {
                "OutputLocation": "s3://results/id.csv",
                "ExpectedBucketOwner": "owner",
                "AclConfiguration": {"S3AclOption": "BUCKET_OWNER_FULL_CONTROL"},
                "EncryptionConfiguration": {"EncryptionOption": "SSE_KMS", "KmsKey": "key"},
            },
            "Statistics": {
                "DataManifestLocation": "s3://results/id-manifest.csv",
                "DataScannedInBytes": 1,
                "EngineExecutionTimeInMillis": 2,
                "QueryQueueTimeInMillis": 3,
                "QueryPlanningTimeInMillis": 4,
                "ServicePreProcessingTimeInMillis": 5,
                "ServiceProcessingTimeInMillis": 6,
                "TotalExecutionTimeInMillis": 7,
                "ResultReuseInformation": {"ReusedPreviousResult": True},
            },
            "EngineVersion": {"SelectedEngineVersion": "AUTO", "EffectiveEngineVersion": "3"},
            "ResultReuseConfiguration": {"ResultReuseByAgeConfiguration": {"Enabled": True, "MaxAgeInMinutes": 8}},
        }
    )
    untold = [name for name in QueryExecution.__dataclass_fields__ if getattr(execution, name) is None]
    assert untold == []
    assert execution.retryable is False
    assert (execution.query_queue_time_in_millis, execution.query_planning_time_in_millis) == (3, 4)
    assert (execution.service_pre_processing_time_in_millis, execution.total_execution_time_in_millis) == (5, 7)


def test_a_missing_value_of_a_page_is_null_and_an_empty_one_is_not() -> None:
    page = ResultPage.of(
        {
            "ResultSet": {
                "Rows": [{"Data": [{"VarCharValue": ""}, {}]}, {}],
                "ResultSetMetadata": {"ColumnInfo": [{"Name": "a", "Label": "b", "Type": "varchar"}]},
            },
            "NextToken": "next",
        }
    )
    assert page.rows == [("", None), ()]
    assert page.columns == (Column("b", "varchar"),)
    assert page.next_token == "next"


def test_a_table_of_which_athena_tells_little_has_no_columns() -> None:
    assert TableMetadata.of({"Name": "t"}) == TableMetadata("t")
