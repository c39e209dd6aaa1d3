"""Faults for tests: what goes wrong between a program and S3, when a test says so.

* `FaultyTransport` stands above any `S3Transport`: `Fail`, `Delay`, `BreakOff`, `LoseAnswer`, `Hang`, or a `Fault` of
  your own, on the n-th call of an operation or by chance.
* `FaultProxy` stands between an HTTP client and a server of S3: `Reset`, `Short`, `Stall`, `SlowDown`, `ErrorIn200`,
  `Garbage`, or a `ProxyFault` of your own.

Both have a `Script`, which says what is to go wrong. Nothing here needs pytest or boto3.
"""

from __future__ import annotations

from pyathena.testing.faults.proxy import (
    ErrorIn200,
    Exchange,
    FaultProxy,
    Garbage,
    ProxyFault,
    Reset,
    Short,
    SlowDown,
    Stall,
)
from pyathena.testing.faults.script import OPERATIONS, Script
from pyathena.testing.faults.transport import (
    BreakOff,
    Call,
    Delay,
    ErrorFactory,
    Fail,
    Fault,
    FaultyTransport,
    Hang,
    LoseAnswer,
)

__all__ = [
    "BreakOff",
    "Call",
    "Delay",
    "ErrorFactory",
    "ErrorIn200",
    "Exchange",
    "Fail",
    "Fault",
    "FaultProxy",
    "FaultyTransport",
    "Garbage",
    "Hang",
    "LoseAnswer",
    "OPERATIONS",
    "ProxyFault",
    "Reset",
    "Script",
    "Short",
    "SlowDown",
    "Stall",
]
