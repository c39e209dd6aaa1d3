"""The tree of PEP 249, and what an error tells of its query."""

from __future__ import annotations

import copy
import pickle

import pytest

from pyathena import error, errors
from pyathena.errors import DatabaseError, Error, OperationalError


@pytest.mark.parametrize("name", errors.__all__)
def test_every_error_stands_in_the_tree_that_the_module_shows(name: str) -> None:
    assert name in (errors.__doc__ or "")
    assert issubclass(getattr(errors, name), Error) is (name != "Warning")


def test_the_tree_is_that_of_pep_249() -> None:
    assert errors.__all__ == sorted(errors.__all__)
    assert issubclass(errors.Warning, Exception)
    assert not issubclass(errors.InterfaceError, DatabaseError)
    leaves = {"DataError", "IntegrityError", "InternalError", "NotSupportedError", "OperationalError"}
    assert {cls.__name__ for cls in DatabaseError.__subclasses__()} == leaves | {"ProgrammingError"}


FAILED = OperationalError(
    "the query failed",
    query_id="0-1",
    state="FAILED",
    reason="out of luck",
    error_category=2,
    error_type=1006,
    retryable=False,
    code="InvalidRequestException",
    request_id="r-1",
)


def test_an_error_shows_its_message_and_the_query() -> None:
    assert str(FAILED) == "the query failed (query 0-1)"
    assert str(OperationalError("no query yet")) == "no query yet"
    assert str(OperationalError()) == ""


def test_an_error_knows_only_what_it_was_told() -> None:
    assert set(vars(OperationalError("x")).values()) == {None}


@pytest.mark.parametrize("clone", [copy.copy, lambda error: pickle.loads(pickle.dumps(error))])
def test_an_error_keeps_all_that_it_tells_when_it_is_copied(clone: object) -> None:
    assert callable(clone)
    other = clone(FAILED)
    assert type(other) is OperationalError
    assert vars(other) == vars(FAILED)
    assert str(other) == str(FAILED)


@pytest.mark.parametrize("value", ["x" * 10_000, b"x" * 10_000, list(range(10_000))])
def test_a_long_value_is_cut_in_messages(value: object) -> None:
    assert len(errors.shown(value)) == 81
    assert errors.shown("short") == "'short'"


def test_the_module_of_pyathenas_name_has_the_same_errors() -> None:
    assert [getattr(error, name) for name in error.__all__] == [getattr(errors, name) for name in errors.__all__]
