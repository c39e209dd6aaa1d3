"""Which request meets which fault: the n-th of an operation, all of it, or some of them by chance."""

from __future__ import annotations

import inspect
import threading
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Final, Generic, TypeVar

from pyathena.transport.protocol import S3Transport

__all__ = ["OPERATIONS", "Script"]

F = TypeVar("F")

OPERATIONS: Final = frozenset(
    name for name, _ in inspect.getmembers(S3Transport, inspect.iscoroutinefunction) if name != "aclose"
)
"""What a request can be: the names of the methods of `S3Transport`."""

_ANY: Final = "*"


class Script(Generic[F]):
    """Says for each request what is to go wrong with it. Of the rules that fit, the one that was given first counts.

    Operations have the names of the methods of `S3Transport`; ``"*"`` is any of them. May be used by any thread.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: list[Callable[[str, Counter[str]], F | None]] = []
        self._counts: Counter[str] = Counter()

    def on(self, operation: str, nth: int | None, fault: F) -> None:
        """Let the n-th request of an operation meet a fault.

        Args:
            operation: which; with ``"*"`` all requests are counted together.
            nth: 1 or more, counted from the first request that the script saw; None is every one.
            fault: what happens to it.

        Raises:
            ValueError: there is no such operation, or ``nth`` is out of its bounds.
        """
        _check(operation)
        if nth is not None and nth < 1:
            raise ValueError(f"nth is 1 or more, got {nth}")

        def rule(asked: str, counts: Counter[str]) -> F | None:
            return fault if operation in (_ANY, asked) and nth in (None, counts[operation]) else None

        self._add(rule)

    def sometimes(self, rate: float, fault: F, random: Random, operation: str = _ANY) -> None:
        """Let some requests meet a fault, by chance.

        Args:
            rate: how many of all, 0 to 1.
            fault: what happens to them.
            random: decides; one with a seed decides the same again, if the requests come in the same order.
            operation: which; ``"*"`` is any.

        Raises:
            ValueError: there is no such operation, or ``rate`` is out of its bounds.
        """
        _check(operation)
        if not 0 <= rate <= 1:
            raise ValueError(f"rate is 0 to 1 of all requests, got {rate}")

        def rule(asked: str, counts: Counter[str]) -> F | None:
            return fault if operation in (_ANY, asked) and random.random() < rate else None

        self._add(rule)

    def _add(self, rule: Callable[[str, Counter[str]], F | None]) -> None:
        with self._lock:
            self._rules.append(rule)

    def clear(self) -> None:
        """Forget all rules, and count anew."""
        with self._lock:
            self._rules.clear()
            self._counts.clear()

    def meet(self, operation: str) -> F | None:
        """Count a request, and tell the fault that it meets."""
        with self._lock:
            self._counts.update([operation, _ANY])
            return next((fault for rule in self._rules if (fault := rule(operation, self._counts)) is not None), None)


def _check(operation: str) -> None:
    if operation != _ANY and operation not in OPERATIONS:
        raise ValueError(f"an operation is '*' or one of {', '.join(sorted(OPERATIONS))}; got {operation!r}")
