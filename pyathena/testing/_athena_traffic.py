"""What a test sees of the requests that come to `LocalAthena`, and what it may do to them."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Literal

from pyathena.testing._athena_http import AthenaError, HangUp, Payload

__all__ = ["Traffic"]


class Traffic:
    """Counts requests, holds them up, and has them fail.

    Args:
        operations: names of those that there are.
    """

    def __init__(self, operations: Collection[str]) -> None:
        self._operations = operations
        self._changed = threading.Condition()
        self._requests: list[tuple[str, Payload]] = []
        self._in_flight: Counter[str] = Counter()
        self._peak = 0
        self._held: set[str] = set()
        self._faults: dict[str, deque[AthenaError | Literal["lose"]]] = {name: deque() for name in operations}
        self._ending = False

    @property
    def requests(self) -> list[tuple[str, Payload]]:
        """Every request, as operation and payload, in the order of their coming; those that fail too."""
        with self._changed:
            return list(self._requests)

    def calls(self, operation: str) -> list[Payload]:
        """Tell the payloads of an operation's requests."""
        self._check(operation)
        return [payload for name, payload in self.requests if name == operation]

    @property
    def peak_in_flight(self) -> int:
        """The most requests, of all operations together, that were under way at the same time."""
        with self._changed:
            return self._peak

    def throttle(self, operation: str, times: int = 1, *, code: str = "ThrottlingException") -> None:
        """Refuse the next requests of an operation as too many ("Rate exceeded").

        Args:
            operation: ``StartQueryExecution`` …
            times: how many; they come behind the faults that were ordered before.
            code: ``ThrottlingException`` or ``TooManyRequestsException``.
        """
        self.fail(operation, code, "Rate exceeded", times=times)

    def fail(self, operation: str, code: str, message: str, *, status: int = 400, times: int = 1) -> None:
        """Answer the next requests of an operation with an error, and do nothing.

        Args:
            operation: ``StartQueryExecution`` …
            code: ``InternalServerException``, ``AccessDeniedException`` …
            message: in words.
            status: HTTP status.
            times: how many; they come behind the faults that were ordered before.
        """
        self._order(operation, AthenaError(code, message, status), times)

    def lose_answer(self, operation: str, times: int = 1) -> None:
        """Do what the next requests of an operation ask for, and close the connection without an answer."""
        self._order(operation, "lose", times)

    def hold(self, operation: str) -> None:
        """Let an operation's requests wait from now on, as requests in flight, until `release`."""
        self._check(operation)
        with self._changed:
            self._held.add(operation)

    def release(self, operation: str) -> None:
        """Let go on what `hold` stopped."""
        self._check(operation)
        with self._changed:
            self._held.discard(operation)
            self._changed.notify_all()

    def wait_for_in_flight(self, operation: str, count: int, timeout: float = 10.0) -> None:
        """Wait until so many requests of an operation are in flight. In a coroutine: by `asyncio.to_thread`.

        Args:
            operation: one that is on `hold`, or requests may come and go unseen.
            count: 1 or more.
            timeout: seconds.

        Raises:
            TimeoutError: there were fewer until then; it tells how many.
        """
        self._check(operation)
        with self._changed:
            if not self._changed.wait_for(lambda: self._in_flight[operation] >= count, timeout):
                raise TimeoutError(
                    f"{self._in_flight[operation]} requests of {operation} in flight after {timeout} s, not {count}"
                )

    def _check(self, operation: str) -> None:
        if operation not in self._operations:
            raise ValueError(f"no such operation: {operation!r}; there are {', '.join(sorted(self._operations))}")

    def _order(self, operation: str, fault: AthenaError | Literal["lose"], times: int) -> None:
        self._check(operation)
        if times < 1:
            raise ValueError(f"times is 1 or more requests, got {times}")
        with self._changed:
            self._faults[operation].extend([fault] * times)

    @contextmanager
    def _passing(self, operation: str, payload: Payload) -> Iterator[None]:
        """Let a request through, as a test wants it."""
        with self._changed:
            self._requests.append((operation, payload))
            self._in_flight[operation] += 1
            self._peak = max(self._peak, self._in_flight.total())
            self._changed.notify_all()
        try:
            with self._changed:
                self._changed.wait_for(lambda: self._ending or operation not in self._held)
                if self._ending:
                    raise HangUp
                faults = self._faults.get(operation)
                fault = faults.popleft() if faults else None
            if isinstance(fault, AthenaError):
                raise AthenaError(fault.code, fault.message, fault.status)
            try:
                yield
            finally:
                if fault == "lose":
                    raise HangUp
        finally:
            with self._changed:
                self._in_flight[operation] -= 1

    def _begin(self) -> None:
        with self._changed:
            self._ending = False

    def _end(self) -> None:
        """Hang up on whatever waits."""
        with self._changed:
            self._ending = True
            self._changed.notify_all()
