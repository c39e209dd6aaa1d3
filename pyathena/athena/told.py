"""What Athena tells about a query, as attributes of the cursor that ran it."""

from __future__ import annotations

from abc import abstractmethod
from datetime import datetime
from typing import Generic, TypeVar

from pyathena.athena.values import QueryExecution

__all__ = ["ExecutionAttributes"]

T = TypeVar("T")


class _Told(Generic[T]):
    """The attribute of `QueryExecution` of this name; None before there is one."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, cursor: ExecutionAttributes | None, owner: type) -> T | None:
        execution = None if cursor is None else cursor.query_execution
        told: T | None = None if execution is None else getattr(execution, self._name)
        return told


class ExecutionAttributes:
    """The attributes of `QueryExecution`, None where nothing was executed or Athena tells nothing."""

    @property
    @abstractmethod
    def query_execution(self) -> QueryExecution | None:
        """What Athena told last about the last query."""

    query = _Told[str]()
    statement_type = _Told[str]()
    substatement_type = _Told[str]()
    database = _Told[str]()
    catalog = _Told[str]()
    work_group = _Told[str]()
    execution_parameters = _Told[tuple[str, ...]]()
    state = _Told[str]()
    state_change_reason = _Told[str]()
    submission_date_time = _Told[datetime]()
    completion_date_time = _Told[datetime]()
    error_category = _Told[int]()
    error_type = _Told[int]()
    error_message = _Told[str]()
    retryable = _Told[bool]()
    output_location = _Told[str]()
    encryption_option = _Told[str]()
    kms_key = _Told[str]()
    expected_bucket_owner = _Told[str]()
    s3_acl_option = _Told[str]()
    data_manifest_location = _Told[str]()
    data_scanned_in_bytes = _Told[int]()
    engine_execution_time_in_millis = _Told[int]()
    query_queue_time_in_millis = _Told[int]()
    query_planning_time_in_millis = _Told[int]()
    service_pre_processing_time_in_millis = _Told[int]()
    service_processing_time_in_millis = _Told[int]()
    total_execution_time_in_millis = _Told[int]()
    selected_engine_version = _Told[str]()
    effective_engine_version = _Told[str]()
    result_reuse_enabled = _Told[bool]()
    result_reuse_minutes = _Told[int]()
    reused_previous_result = _Told[bool]()
