"""One query of `LocalAthena`: how far it is, what it writes, and what is told of it."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from typing_extensions import override

from pyathena.runtime import drive
from pyathena.testing._athena_http import Payload, refused
from pyathena.testing._athena_results import (
    Pages,
    Suffix,
    column_info,
    metadata_lines,
    object_at,
    object_lines,
    shown_columns,
    shown_rows,
    write_object,
)
from pyathena.testing._athena_statements import WRITES, count_placeholders, kind_of, unload_location
from pyathena.testing._athena_values import Answer, QueryError, QueryRequest
from pyathena.transport import PutOptions, S3Error, S3PermissionError, S3Transport

__all__ = ["ENGINE", "Execution", "World"]

ENGINE: Final = {"SelectedEngineVersion": "AUTO", "EffectiveEngineVersion": "Athena engine version 3"}

_FINAL: Final = frozenset(["SUCCEEDED", "FAILED", "CANCELLED"])
_ENCRYPTIONS: Final = {"SSE_S3": "AES256", "SSE_KMS": "aws:kms"}
_MAX_PAGE: Final = 1000
_NOTHING: Final = Answer(queue_millis=0, planning_millis=0, engine_millis=0, service_millis=0)


@dataclass(frozen=True, slots=True)
class World:
    """What an execution acts upon: where results go, and what time it is."""

    transport: S3Transport
    clock: Callable[[], datetime]


class _Failure(Exception):  # noqa: N818 - a query that ends so is nothing wrong here
    def __init__(self, error: QueryError) -> None:
        super().__init__(error.reason)
        self.error = error


def _epoch(time: datetime) -> float:
    """Tell a time as JSON 1.1 does: seconds since 1970, with milliseconds."""
    return round(time.timestamp(), 3)


class Execution:
    """One query. Tests read it; `LocalAthena` moves it on.

    Attributes:
        id: ``QueryExecutionId``.
        request: what was asked for.
        answer: what is answered.
        starts: how many StartQueryExecution were answered with this id: more than one if a client repeated its token.
        state: ``QUEUED``, ``RUNNING``, ``SUCCEEDED``, ``FAILED`` or ``CANCELLED``.
        reason: ``StateChangeReason``, None if there is none.
        output_location: the result's object (whether it was written or not); None where Athena keeps it.
        manifest_location: of an UNLOAD: the list of files that it wrote.
        configuration: ``ResultConfiguration`` of the request, as far as the work group lets it be.
        reused: the execution whose result this one took over.
    """

    def __init__(
        self,
        world: World,
        request: QueryRequest,
        answer: Answer,
        configuration: Payload,
        payload: Payload,
        *,
        reused: Execution | None = None,
    ) -> None:
        kind = kind_of(request.statement)
        self.id = str(uuid.uuid4())
        self.request = request
        self.starts = 1
        self.state = "QUEUED"
        self.reason: str | None = None
        self.manifest_location: str | None = None
        self.reused = reused
        self.configuration = configuration
        self.submitted = world.clock()
        self.completed: datetime | None = None
        self._world = world
        self.answer = answer
        self._payload = payload
        self._type = answer.statement_type or kind[0]
        self._subtype = answer.substatement_type or kind[1]
        self._suffix: Suffix = self._chosen_suffix()
        self.output_location = self._chosen_location()
        self._error: QueryError | None = None
        waits = reused is None  # what another query has found is there at once
        self._states = iter(answer.states if waits else ())
        self._hangs = answer.hangs and waits
        self._ends_at_once = not (waits and (answer.states or answer.hangs))
        self._pages = Pages(lambda: shown_rows(answer, self._suffix))
        self._lock = threading.RLock()

    @override
    def __repr__(self) -> str:
        return f"<Execution {self.id}: {self.state}>"

    @property
    def statement(self) -> str:
        """The SQL."""
        return self.request.statement

    @property
    def reusable_since(self) -> datetime | None:
        """When the result came to be that others may take over; None if there is none."""
        own = self.state == "SUCCEEDED" and self.reused is None
        return self.completed if own and self._type == "DML" and self._subtype not in WRITES else None

    def _chosen_suffix(self) -> Suffix:
        if self.answer.text is not None or self._type != "DML":
            return ".txt"
        return "" if self._subtype in WRITES else ".csv"

    def _chosen_location(self) -> str | None:
        if self.reused is not None:
            return self.reused.output_location
        prefix = None if self.answer.managed else self.request.output_location
        if prefix is None:
            return None
        # https://docs.aws.amazon.com/athena/latest/ug/ctas-considerations-limitations.html
        tables = "tables/" if self._subtype == "CREATE_TABLE_AS_SELECT" else ""
        return f"{prefix}{tables}{self.id}{self._suffix}"

    # How it goes on

    def begin(self) -> None:
        """End at once, unless there is something to wait for."""
        with self._lock:
            if self._ends_at_once and self.state not in _FINAL:
                self._complete()

    def look(self) -> Payload:
        """Tell of it as GetQueryExecution does, which moves it on by a state."""
        with self._lock:
            if self.state not in _FINAL:
                state = next(self._states, "RUNNING" if self._hangs else None)
                if state is None:
                    self._complete()
                else:
                    self.state = state
            return self._told()

    def finish(self) -> None:
        """End with what is answered, whatever there was to wait for."""
        with self._lock:
            if self.state not in _FINAL:
                self._complete()

    def stop(self) -> None:
        """Cancel it, unless it has ended."""
        with self._lock:
            if self.state not in _FINAL:
                self._end("CANCELLED", "Query cancelled by user")

    def _end(self, state: str, reason: str | None = None) -> None:
        self.completed = self._world.clock()
        self.state = state
        self.reason = reason

    def _complete(self) -> None:
        try:
            if self.reused is None:
                self._write()
        except _Failure as failure:
            self._error = failure.error
        except S3PermissionError:
            self._error = QueryError(
                f"Access denied when writing output to url: {self.output_location} . Please ensure you are allowed to "
                "access the S3 bucket. If you are encrypting query results with KMS key, please ensure you are allowed "
                "to access your KMS key"
            )
        except S3Error as error:
            self._error = QueryError(f"Unable to write the output to {self.output_location}: {error}", category=1)
        except Exception as error:  # such as rows that are not as wide as the columns: let the client see it
            self._error = QueryError(f"LocalAthena cannot give this answer: {type(error).__name__}: {error}")
        if self._error is None:
            self._end("SUCCEEDED")
        else:
            self._end("FAILED", self._error.reason)

    # What it writes

    def _write(self) -> None:
        answer = self.answer
        if answer.error is not None:
            raise _Failure(answer.error)
        expected, given = count_placeholders(self.statement), len(self.request.parameters)
        if self._type == "DML" and expected != given:
            raise _Failure(QueryError(f"Incorrect number of parameters: expected {expected} but found {given}"))
        if self._subtype == "UNLOAD":
            self._unload()
        elif answer.files:
            raise ValueError(f"files are what an UNLOAD writes, this statement is {self._subtype or 'empty'}")
        if self.output_location is None:
            return
        if answer.write_result and self._suffix:
            self._put(self.output_location, object_lines(answer, self._suffix))
        self._put(f"{self.output_location}.metadata", metadata_lines(shown_columns(answer, self._suffix)))

    def _put(self, url: str, lines: Iterable[str]) -> None:
        encryption = self.configuration.get("EncryptionConfiguration", {})
        options = PutOptions(
            server_side_encryption=_ENCRYPTIONS.get(encryption.get("EncryptionOption", "")),
            kms_key_id=encryption.get("KmsKey"),
        )
        write_object(self._world.transport, url, lines, options)

    def _unload(self) -> None:
        """https://docs.aws.amazon.com/athena/latest/ug/unload.html"""
        location = unload_location(self.statement)
        if location is None:
            raise _Failure(QueryError("SYNTAX_ERROR: an UNLOAD needs TO 's3://bucket/prefix/'"))
        target = object_at(location)
        transport = self._world.transport
        if drive(transport.list_objects(target.bucket, prefix=target.key, max_keys=1)).objects:
            raise _Failure(QueryError(f"HIVE_PATH_ALREADY_EXISTS: Target directory already exists: {location}"))
        stem = f"{self.submitted:%Y%m%d_%H%M%S}_{self.id[:5]}"
        urls = [f"{location}{stem}_{number:05}_{uuid.uuid4()}" for number in range(len(self.answer.files))]
        for url, body in zip(urls, self.answer.files, strict=True):
            drive(transport.put_object(object_at(url), body))
        if self.request.output_location is not None:
            manifest = f"{self.request.output_location}{self.id}-manifest.csv"
            self._put(manifest, (f"{url}\n" for url in urls))
            self.manifest_location = manifest

    # What is told of it

    def _told(self) -> Payload:
        error = self._error
        status: Payload = {"State": self.state, "SubmissionDateTime": _epoch(self.submitted)}
        if self.reason is not None:
            status["StateChangeReason"] = self.reason
        if self.completed is not None:
            status["CompletionDateTime"] = _epoch(self.completed)
        if error is not None:
            status["AthenaError"] = {
                "ErrorCategory": error.category,
                "ErrorType": error.type,
                "Retryable": error.retryable,
                "ErrorMessage": error.reason if error.message is None else error.message,
            }
        told: Payload = {
            "QueryExecutionId": self.id,
            "Query": self.statement,
            "StatementType": self._type,
            "SubstatementType": self._subtype,
            "WorkGroup": self.request.work_group,
            "QueryExecutionContext": self._payload.get("QueryExecutionContext", {}),
            "Status": status,
            "Statistics": self._statistics(),
            "EngineVersion": ENGINE,
        }
        if self.output_location is None:
            told["ManagedQueryResultsConfiguration"] = {"Enabled": True}
        else:
            told["ResultConfiguration"] = {**self.configuration, "OutputLocation": self.output_location}
        told |= {
            name: self._payload[name]
            for name in ("ResultReuseConfiguration", "ExecutionParameters")
            if name in self._payload
        }
        return told

    def timeline(self) -> Payload:
        """Tell what the time was spent on; nothing before the end."""
        spent = self._spent()
        parts = {
            "QueryQueueTimeInMillis": spent.queue_millis,
            "QueryPlanningTimeInMillis": spent.planning_millis,
            "EngineExecutionTimeInMillis": spent.engine_millis,
            "ServiceProcessingTimeInMillis": spent.service_millis,
        }
        # Planning is a part of the engine's time.
        # https://docs.aws.amazon.com/athena/latest/APIReference/API_QueryExecutionStatistics.html
        return {**parts, "TotalExecutionTimeInMillis": spent.queue_millis + spent.engine_millis + spent.service_millis}

    def runtime_statistics(self) -> Payload:
        """Tell what GetQueryRuntimeStatistics does, as far as it is known here."""
        return {"Timeline": self.timeline(), "Rows": {"InputBytes": self._spent().scanned_bytes}}

    def _spent(self) -> Answer:
        return self.answer if self.completed is not None and self.reused is None else _NOTHING

    def _statistics(self) -> Payload:
        statistics = {
            **self.timeline(),
            "DataScannedInBytes": self._spent().scanned_bytes,
            "ResultReuseInformation": {"ReusedPreviousResult": self.reused is not None},
        }
        if self.manifest_location is not None:
            statistics["DataManifestLocation"] = self.manifest_location
        return statistics

    def results(self, max_results: object, token: str | None) -> Payload:
        """Tell a page of rows as GetQueryResults does."""
        with self._lock:
            if self.state not in _FINAL:
                raise refused(f"Query has not yet finished. Current state: {self.state}")
            if self.state != "SUCCEEDED":
                raise refused(f"Query did not finish successfully. Final query state: {self.state}")
            if not isinstance(max_results, int) or not 1 <= max_results <= _MAX_PAGE:
                raise refused(f"MaxResults is 1 to {_MAX_PAGE}, got {max_results!r}")
            rows, following = self._pages.page(self._position(token), max_results)
            columns = shown_columns(self.answer, self._suffix)
            page: Payload = {
                "UpdateCount": self.answer.update_count or 0,
                "ResultSet": {
                    "Rows": [
                        {"Data": [{} if value is None else {"VarCharValue": value} for value in row]} for row in rows
                    ],
                    "ResultSetMetadata": {"ColumnInfo": column_info(columns)},
                },
            }
            return page if following is None else {**page, "NextToken": f"{self.id}:{following}"}

    def _position(self, token: str | None) -> int:
        if token is None:
            return 0
        query, _, position = token.partition(":")
        if query != self.id or not position.isdecimal():
            raise refused(f"NextToken is not one of this query's: {token!r}")
        return int(position)
