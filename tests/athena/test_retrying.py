"""When a call is made again, and after how long."""

from __future__ import annotations

import itertools

import pytest
from typing_extensions import override

from pyathena.athena.retrying import RetryConfig, retried
from pyathena.errors import DatabaseError, OperationalError, ProgrammingError
from pyathena.runtime import ThreadRuntime, drive


class Pauses(ThreadRuntime):
    """Notes how long it would have waited."""

    def __init__(self) -> None:
        super().__init__(1)
        self.taken: list[float] = []

    @override
    async def sleep(self, seconds: float) -> None:
        self.taken.append(seconds)


def longest(least: float, most: float) -> float:
    assert least == 0
    return most


THROTTLED = OperationalError("slow down", code="ThrottlingException")


def test_a_call_is_repeated_until_it_succeeds_with_pauses_that_double() -> None:
    pauses = Pauses()
    attempts = itertools.count(1)

    async def call() -> str:
        if next(attempts) <= 5:
            raise THROTTLED
        return "done"

    assert drive(retried(call, RetryConfig(), pauses, longest)) == "done"
    assert pauses.taken == [1, 2, 4, 8, 16]


def test_the_last_failure_is_raised_with_the_number_of_attempts() -> None:
    pauses = Pauses()

    async def call() -> None:
        raise OperationalError("slow down", code="TooManyRequestsException")

    config = RetryConfig(attempt=6, multiplier=3, exponential_base=10, max_delay=100)
    with pytest.raises(OperationalError, match="slow down") as caught:
        drive(retried(call, config, pauses, longest))
    assert caught.value.__notes__ == ["attempted 6 times"]
    assert pauses.taken == [3, 30, 100, 100, 100]


@pytest.mark.parametrize(
    ("error", "repeated"),
    [
        (OperationalError("", code="ThrottlingException"), True),
        (OperationalError("", code="TooManyRequestsException"), True),
        (OperationalError("", code="InternalServerException", retryable=True), True),
        (OperationalError("connection reset", retryable=True), True),
        (OperationalError("Rate exceeded (Service: AmazonDataCatalog; … ThrottlingException)"), False),
        (
            OperationalError("(Service: AmazonDataCatalog; Error Code: ThrottlingException)", code="MetadataException"),
            True,
        ),
        (OperationalError("no such table", code="MetadataException"), False),
        (OperationalError("", code="AccessDeniedException"), False),
        (ProgrammingError("", code="InvalidRequestException", retryable=False), False),
    ],
)
def test_only_what_may_succeed_later_is_repeated(error: DatabaseError, repeated: bool) -> None:
    assert RetryConfig().applies_to(error) is repeated


def test_the_codes_that_are_repeated_can_be_chosen() -> None:
    config = RetryConfig(exceptions=("AccessDeniedException",))
    assert config.applies_to(OperationalError("", code="AccessDeniedException"))
    assert not config.applies_to(THROTTLED)


def test_a_pause_has_a_bound_after_ever_so_many_attempts() -> None:
    assert RetryConfig(max_delay=7).longest_pause(100_000) == 7


@pytest.mark.parametrize(
    ("name", "value"), [("attempt", 0), ("multiplier", -1), ("max_delay", -0.1), ("exponential_base", 0.5)]
)
def test_a_number_out_of_its_bounds_is_refused_by_name(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{name} is .* got {value}"):
        RetryConfig(**{name: value})  # type: ignore[arg-type]  # each of them has a number of its own type
