"""What a test tells `LocalAthena`: answers, work groups, tables; and what it is told of a query."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from types import MappingProxyType
from typing import Literal, TypeAlias

__all__ = [
    "Answer",
    "AnswerSource",
    "Column",
    "QueryError",
    "QueryRequest",
    "Row",
    "StatementType",
    "Table",
    "WorkGroup",
]

Row: TypeAlias = Sequence[str | None]
StatementType: TypeAlias = Literal["DML", "DDL", "UTILITY"]


def _no_parameters() -> Mapping[str, str]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a result or of a table.

    Args:
        name: its name.
        type: Athena's name of the type (``integer``, ``decimal``, ``array`` …).
        precision: as Athena tells it; the number of digits of a decimal.
        scale: digits behind the point of a decimal.
        nullable: what is known of NULLs.
        comment: of a table's column.
    """

    name: str
    type: str = "varchar"
    precision: int = 0
    scale: int = 0
    nullable: Literal["NOT_NULL", "NULLABLE", "UNKNOWN"] = "UNKNOWN"
    _: KW_ONLY
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class QueryError:
    """Why a query fails.

    Args:
        reason: ``StateChangeReason``.
        category: 1 is the system's fault, 2 the user's, 3 another one.
        type: number of the error, 0 to 9999.
        retryable: whether Athena says that the query may succeed later.
        message: ``AthenaError.ErrorMessage``; the reason if None.

    https://docs.aws.amazon.com/athena/latest/ug/error-reference.html
    """

    reason: str
    category: Literal[1, 2, 3] = 2
    type: int = 1006
    retryable: bool = False
    message: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What `LocalAthena` answers to a statement. ``Answer()`` succeeds and has no rows.

    Args:
        columns: of the result.
        rows: values as the text that Athena prints, None for NULL; as many in each row as there are columns. What can
            be iterated over again and again is read when it is needed, and never held as a whole; an iterator, which
            cannot, is made a tuple.
        text: a result that is not a table (of ``DESCRIBE``, ``EXPLAIN`` …), in place of rows: the ``.txt`` object, word
            for word. GetQueryResults shows a row of one value for each line.
        update_count: rows written, ``UpdateCount``.
        statement_type: ``StatementType``; guessed from the statement if None.
        substatement_type: ``SubstatementType`` (``SELECT``, ``INSERT`` …); guessed as well.
        states: ``QUEUED`` and ``RUNNING``: what one look after the other at the execution tells before its final state.
        hangs: stay ``RUNNING`` after ``states``, until StopQueryExecution or `LocalAthena.finish`.
        error: the query fails.
        files: what an UNLOAD writes below its ``TO``, each whole (Parquet files, say).
        managed: Athena keeps the result itself: there is no ``OutputLocation``.
            https://docs.aws.amazon.com/athena/latest/ug/managed-results.html
        write_result: False succeeds without the result's object in S3.
        scanned_bytes: ``DataScannedInBytes``.
        queue_millis: what the time was spent on, for ``Statistics``.
        planning_millis: see there.
        engine_millis: see there.
        service_millis: see there.

    Raises:
        ValueError: both rows and text are given, or a state is not one of the two.
    """

    columns: Sequence[Column] = ()
    rows: Iterable[Row] = field(default=(), repr=False)
    _: KW_ONLY
    text: str | None = None
    update_count: int | None = None
    statement_type: StatementType | None = None
    substatement_type: str | None = None
    states: Sequence[str] = ()
    hangs: bool = False
    error: QueryError | None = None
    files: Sequence[bytes] = field(default=(), repr=False)
    managed: bool = False
    write_result: bool = True
    scanned_bytes: int = 0
    queue_millis: int = 20
    planning_millis: int = 30
    engine_millis: int = 100
    service_millis: int = 10

    def __post_init__(self) -> None:
        if isinstance(self.rows, Iterator):
            object.__setattr__(self, "rows", tuple(self.rows))
        if self.text is not None and self.rows != ():
            raise ValueError("an answer has rows or text, got both")
        if isinstance(self.states, str) or not {"QUEUED", "RUNNING"}.issuperset(self.states):
            raise ValueError(
                f"states are QUEUED and RUNNING, got {self.states!r}: the final state follows from error and hangs"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryRequest:
    """What StartQueryExecution asked for. ``output_location`` is the prefix, None where Athena keeps the result."""

    statement: str
    work_group: str
    database: str | None = None
    catalog: str | None = None
    parameters: tuple[str, ...] = ()
    output_location: str | None = None


AnswerSource: TypeAlias = Answer | Callable[[QueryRequest], Answer]


@dataclass(frozen=True, slots=True)
class WorkGroup:
    """A work group.

    Args:
        output_location: ``s3://bucket/prefix/`` for results whose query names none.
        enforce: the work group's settings replace those of the query.
        managed: Athena keeps results itself; a query that names a location is refused.
    """

    output_location: str | None = None
    _: KW_ONLY
    enforce: bool = False
    managed: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table of `LocalAthena.catalog`, as GetTableMetadata tells it."""

    columns: Sequence[Column] = ()
    _: KW_ONLY
    partition_keys: Sequence[Column] = ()
    table_type: str = "EXTERNAL_TABLE"
    parameters: Mapping[str, str] = field(default_factory=_no_parameters)
