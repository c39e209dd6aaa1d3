"""When a call of Athena's API is made again. Knows neither boto3 nor cursors."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from pyathena.errors import DatabaseError
from pyathena.runtime import Runtime

__all__ = ["RetryConfig", "retried"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RetryConfig:
    """When a call of Athena's API is made again, and after how long.

    Calls are repeated when they were throttled, when Athena failed (HTTP 5xx) and when the connection broke. All of
    Athena's calls that are made here may be repeated: a start carries a token that tells Athena that it is the same.
    The pause before attempt n + 1 is drawn evenly from 0 to ``multiplier * exponential_base ** n`` seconds (full
    jitter), and is spent where it holds up nobody.

    Args:
        exceptions: Athena's codes of errors that are worth another attempt.
        attempt: most attempts, the first included; 1 or more.
        multiplier: seconds, 0 or more.
        max_delay: most seconds of a pause, 0 or more.
        exponential_base: by how much a pause is longer than the one before it; 1 or more.

    Raises:
        ValueError: a number is out of its bounds.

    https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/
    """

    exceptions: Sequence[str] = ("ThrottlingException", "TooManyRequestsException")
    attempt: int = 8
    multiplier: float = 1
    max_delay: float = 100
    exponential_base: float = 2

    def __post_init__(self) -> None:
        for name, least in (("attempt", 1), ("multiplier", 0), ("max_delay", 0), ("exponential_base", 1)):
            value = getattr(self, name)
            if not value >= least:
                raise ValueError(f"RetryConfig's {name} is {least} or more, got {value!r}")

    def longest_pause(self, attempts: int) -> float:
        """Tell how many seconds the pause has at most that follows so many attempts."""
        try:
            return min(self.max_delay, self.multiplier * self.exponential_base ** (attempts - 1))
        except OverflowError:
            return self.max_delay

    def applies_to(self, error: DatabaseError) -> bool:
        """Tell whether the same call may succeed later."""
        if error.code in self.exceptions:
            return True
        # Athena passes on that Glue was asked too often as a MetadataException, with Glue's code in its words.
        glue = error.code == "MetadataException" and any(code in str(error) for code in self.exceptions)
        return glue or bool(error.retryable)


async def retried(
    call: Callable[[], Awaitable[T]],
    config: RetryConfig,
    runtime: Runtime,
    uniform: Callable[[float, float], float] = random.uniform,
) -> T:
    """Make a call until it succeeds, or fails in a way that another attempt does not help.

    Args:
        call: makes one attempt.
        config: when to make another.
        runtime: where to wait meanwhile.
        uniform: draws a number between two.
    """
    attempts = 0
    while True:
        attempts += 1
        try:
            return await call()
        except DatabaseError as error:
            if not config.applies_to(error):
                raise
            if attempts >= config.attempt:
                error.add_note(f"attempted {attempts} times")
                raise
        await runtime.sleep(uniform(0, config.longest_pause(attempts)))
