"""What cursors and connections raise: the tree of PEP 249, and what Athena tells of a failed query::

    Warning (Exception)
    Error (Exception)
    ├── InterfaceError            this package was misused, or is at fault
    └── DatabaseError             Athena refused or failed
        ├── DataError             a value cannot be represented
        ├── IntegrityError        a constraint is violated
        ├── InternalError         Athena is at fault
        ├── NotSupportedError     Athena has no such thing, transactions above all
        ├── OperationalError      the query failed or was cancelled, or its result cannot be read
        └── ProgrammingError      the statement, its parameters or the call are wrong

`Warning` shadows the builtin because PEP 249 names it so; import the module or the names that you need.
https://peps.python.org/pep-0249/#exceptions

This module knows the standard library and ``typing_extensions`` only.
"""

from __future__ import annotations

from typing_extensions import override

__all__ = [
    "DataError",
    "DatabaseError",
    "Error",
    "IntegrityError",
    "InterfaceError",
    "InternalError",
    "NotSupportedError",
    "OperationalError",
    "ProgrammingError",
    "Warning",
]

_SHOWN = 80


def shown(value: object) -> str:
    """Return the value's repr for a message, cut where it is longer than a line."""
    text = repr(value[: _SHOWN + 1] if isinstance(value, (str, bytes)) else value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


class Warning(Exception):  # noqa: A001, N818 - the name that PEP 249 asks for
    """Something that a program should know went unlike expected, such as data that was cut."""


class Error(Exception):
    """Anything that goes wrong here; catching it catches all others."""


class InterfaceError(Error):
    """This package was misused, or is at fault itself; Athena had no part in it."""


class DatabaseError(Error):
    """Athena refused or failed.

    Args:
        message: what went wrong, in words; the query's id is added by ``str()``.
        query_id: of the query that it is about.
        state: of the query, such as FAILED or CANCELLED.
        reason: Athena's words for the state (StateChangeReason).
        error_category: 1 (system), 2 (user) or 3 (other).
        error_type: Athena's number of the error, see the page below.
        retryable: whether the same query may succeed later; None if Athena does not tell.
        code: Athena's code of a refused request, such as InvalidRequestException.
        request_id: AWS's id of the request, for support.

    https://docs.aws.amazon.com/athena/latest/ug/error-reference.html
    """

    def __init__(
        self,
        message: str = "",
        *,
        query_id: str | None = None,
        state: str | None = None,
        reason: str | None = None,
        error_category: int | None = None,
        error_type: int | None = None,
        retryable: bool | None = None,
        code: str | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.query_id = query_id
        self.state = state
        self.reason = reason
        self.error_category = error_category
        self.error_type = error_type
        self.retryable = retryable
        self.code = code
        self.request_id = request_id

    @override
    def __str__(self) -> str:
        message = super().__str__()
        return message if self.query_id is None else f"{message} (query {self.query_id})"


class DataError(DatabaseError):
    """A value cannot be represented as the type that it has."""


class IntegrityError(DatabaseError):
    """A constraint is violated."""


class InternalError(DatabaseError):
    """Athena is at fault, or answers what makes no sense."""


class NotSupportedError(DatabaseError):
    """Athena has no such thing."""


class OperationalError(DatabaseError):
    """The query failed or was cancelled, or its result cannot be read."""


class ProgrammingError(DatabaseError):
    """The statement, its parameters or the call are wrong; nothing was sent if this package found it."""
