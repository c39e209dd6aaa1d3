"""What is asked of Athena, and what it tells, as values of our own. Knows the standard library only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import uuid4

__all__ = [
    "MAX_PAGE_ROWS",
    "Column",
    "ColumnMetadata",
    "Database",
    "ExecutionPage",
    "QueryExecution",
    "QueryRequest",
    "ResultPage",
    "TableMetadata",
    "TypeHints",
]

TypeHints = Mapping[Any, str]
"""Types of columns by name or index. Keys of a `Mapping` are invariant: ``str | int`` would refuse dict[str, str]."""

MAX_PAGE_ROWS: Final = 1000
"""https://docs.aws.amazon.com/athena/latest/APIReference/API_GetQueryResults.html"""

_SUCCEEDED: Final = "SUCCEEDED"
_FINAL: Final = frozenset({_SUCCEEDED, "FAILED", "CANCELLED"})


def _token() -> str:
    return str(uuid4())


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryRequest:
    """What StartQueryExecution takes.

    Args:
        query: the statement.
        database: which unqualified names are looked up in; Athena's ``default`` if None.
        catalog: the data catalog of that database.
        work_group: whose settings and limits hold; ``primary`` if None.
        output_location: ``s3://…`` below which results are written; the work group's if None.
        encryption_option: ``SSE_S3``, ``SSE_KMS`` or ``CSE_KMS``.
        kms_key: ARN or id of the key, for the two of KMS.
        parameters: a value for each ``?`` of the statement, as SQL literals.
        reuse_minutes: take the result of the same statement that is at most so old, 0 to 10 080; None for never.
        token: what tells a repeated request from a second one; 32 to 128 characters.

    https://docs.aws.amazon.com/athena/latest/APIReference/API_StartQueryExecution.html
    """

    query: str
    database: str | None = None
    catalog: str | None = None
    work_group: str | None = None
    output_location: str | None = None
    encryption_option: str | None = None
    kms_key: str | None = None
    parameters: tuple[str, ...] = ()
    reuse_minutes: int | None = None
    token: str = field(default_factory=_token)

    def arguments(self) -> dict[str, Any]:
        """Return it in Athena's words."""
        encryption = {"EncryptionOption": self.encryption_option, "KmsKey": self.kms_key}
        result = {"OutputLocation": self.output_location, "EncryptionConfiguration": _said(encryption)}
        reuse = None if self.reuse_minutes is None else {"Enabled": True, "MaxAgeInMinutes": self.reuse_minutes}
        return _said(
            {
                "QueryString": self.query,
                "ClientRequestToken": self.token,
                "QueryExecutionContext": _said({"Database": self.database, "Catalog": self.catalog}),
                "ResultConfiguration": _said(result),
                "WorkGroup": self.work_group,
                "ExecutionParameters": list(self.parameters),
                "ResultReuseConfiguration": _said({"ResultReuseByAgeConfiguration": reuse}),
            }
        )


def _said(given: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what was not said: Athena takes neither nulls nor empty structures."""
    return {name: value for name, value in given.items() if value not in (None, {}, [])}


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryExecution:
    """What Athena tells about a query; None where it tells nothing. Times are in milliseconds.

    https://docs.aws.amazon.com/athena/latest/APIReference/API_QueryExecution.html
    """

    query_id: str
    query: str | None = None
    statement_type: str | None = None
    substatement_type: str | None = None
    database: str | None = None
    catalog: str | None = None
    work_group: str | None = None
    execution_parameters: tuple[str, ...] = ()
    state: str | None = None
    state_change_reason: str | None = None
    submission_date_time: datetime | None = None
    completion_date_time: datetime | None = None
    error_category: int | None = None
    error_type: int | None = None
    error_message: str | None = None
    retryable: bool | None = None
    output_location: str | None = None
    encryption_option: str | None = None
    kms_key: str | None = None
    expected_bucket_owner: str | None = None
    s3_acl_option: str | None = None
    data_manifest_location: str | None = None
    data_scanned_in_bytes: int | None = None
    engine_execution_time_in_millis: int | None = None
    query_queue_time_in_millis: int | None = None
    query_planning_time_in_millis: int | None = None
    service_pre_processing_time_in_millis: int | None = None
    service_processing_time_in_millis: int | None = None
    total_execution_time_in_millis: int | None = None
    selected_engine_version: str | None = None
    effective_engine_version: str | None = None
    result_reuse_enabled: bool | None = None
    result_reuse_minutes: int | None = None
    reused_previous_result: bool | None = None

    @property
    def ended(self) -> bool:
        """Whether it has succeeded, failed or was cancelled."""
        return self.state in _FINAL

    @property
    def succeeded(self) -> bool:
        """Whether there is a result."""
        return self.state == _SUCCEEDED

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> QueryExecution:
        """Read it from Athena's words."""
        status = told.get("Status", {})
        error = status.get("AthenaError", {})
        result = told.get("ResultConfiguration", {})
        encryption = result.get("EncryptionConfiguration", {})
        statistics = told.get("Statistics", {})
        context = told.get("QueryExecutionContext", {})
        reuse = told.get("ResultReuseConfiguration", {}).get("ResultReuseByAgeConfiguration", {})
        engine = told.get("EngineVersion", {})
        return cls(
            query_id=told["QueryExecutionId"],
            query=told.get("Query"),
            statement_type=told.get("StatementType"),
            substatement_type=told.get("SubstatementType"),
            database=context.get("Database"),
            catalog=context.get("Catalog"),
            work_group=told.get("WorkGroup"),
            execution_parameters=tuple(told.get("ExecutionParameters", ())),
            state=status.get("State"),
            state_change_reason=status.get("StateChangeReason"),
            submission_date_time=status.get("SubmissionDateTime"),
            completion_date_time=status.get("CompletionDateTime"),
            error_category=error.get("ErrorCategory"),
            error_type=error.get("ErrorType"),
            error_message=error.get("ErrorMessage"),
            retryable=error.get("Retryable"),
            output_location=result.get("OutputLocation"),
            encryption_option=encryption.get("EncryptionOption"),
            kms_key=encryption.get("KmsKey"),
            expected_bucket_owner=result.get("ExpectedBucketOwner"),
            s3_acl_option=result.get("AclConfiguration", {}).get("S3AclOption"),
            data_manifest_location=statistics.get("DataManifestLocation"),
            data_scanned_in_bytes=statistics.get("DataScannedInBytes"),
            engine_execution_time_in_millis=statistics.get("EngineExecutionTimeInMillis"),
            query_queue_time_in_millis=statistics.get("QueryQueueTimeInMillis"),
            query_planning_time_in_millis=statistics.get("QueryPlanningTimeInMillis"),
            service_pre_processing_time_in_millis=statistics.get("ServicePreProcessingTimeInMillis"),
            service_processing_time_in_millis=statistics.get("ServiceProcessingTimeInMillis"),
            total_execution_time_in_millis=statistics.get("TotalExecutionTimeInMillis"),
            selected_engine_version=engine.get("SelectedEngineVersion"),
            effective_engine_version=engine.get("EffectiveEngineVersion"),
            result_reuse_enabled=reuse.get("Enabled"),
            result_reuse_minutes=reuse.get("MaxAgeInMinutes"),
            reused_previous_result=statistics.get("ResultReuseInformation", {}).get("ReusedPreviousResult"),
        )


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a result.

    https://docs.aws.amazon.com/athena/latest/APIReference/API_ColumnInfo.html
    """

    name: str
    type: str
    precision: int | None = None
    scale: int | None = None
    nullable: str | None = None

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Column:
        """Read it from Athena's words."""
        return cls(
            told.get("Label") or told["Name"],
            told["Type"],
            told.get("Precision"),
            told.get("Scale"),
            told.get("Nullable"),
        )


@dataclass(frozen=True, slots=True)
class ResultPage:
    """A page of GetQueryResults: text as Athena prints it, None for NULL.

    https://docs.aws.amazon.com/athena/latest/APIReference/API_GetQueryResults.html
    """

    columns: tuple[Column, ...]
    rows: Sequence[tuple[str | None, ...]]
    next_token: str | None = None
    update_count: int | None = None

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> ResultPage:
        """Read it from Athena's words."""
        result = told.get("ResultSet", {})
        return cls(
            tuple(map(Column.of, result.get("ResultSetMetadata", {}).get("ColumnInfo", ()))),
            [tuple([cell.get("VarCharValue") for cell in row.get("Data", ())]) for row in result.get("Rows", ())],
            told.get("NextToken"),
            told.get("UpdateCount"),
        )


@dataclass(frozen=True, slots=True)
class ExecutionPage:
    """A page of ListQueryExecutions, the newest first."""

    query_ids: tuple[str, ...]
    next_token: str | None


@dataclass(frozen=True, slots=True)
class Database:
    """A database of a data catalog.

    https://docs.aws.amazon.com/athena/latest/APIReference/API_Database.html
    """

    name: str
    description: str | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Database:
        """Read it from Athena's words."""
        return cls(told["Name"], told.get("Description"), told.get("Parameters", {}))


@dataclass(frozen=True, slots=True)
class ColumnMetadata:
    """A column of a table.

    https://docs.aws.amazon.com/athena/latest/APIReference/API_Column.html
    """

    name: str
    type: str | None = None
    comment: str | None = None

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> ColumnMetadata:
        """Read it from Athena's words."""
        return cls(told["Name"], told.get("Type"), told.get("Comment"))


@dataclass(frozen=True, slots=True)
class TableMetadata:
    """A table of a database.

    https://docs.aws.amazon.com/athena/latest/APIReference/API_TableMetadata.html
    """

    name: str
    table_type: str | None = None
    create_time: datetime | None = None
    last_access_time: datetime | None = None
    columns: tuple[ColumnMetadata, ...] = ()
    partition_keys: tuple[ColumnMetadata, ...] = ()
    parameters: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> TableMetadata:
        """Read it from Athena's words."""
        return cls(
            told["Name"],
            told.get("TableType"),
            told.get("CreateTime"),
            told.get("LastAccessTime"),
            tuple(map(ColumnMetadata.of, told.get("Columns", ()))),
            tuple(map(ColumnMetadata.of, told.get("PartitionKeys", ()))),
            told.get("Parameters", {}),
        )
