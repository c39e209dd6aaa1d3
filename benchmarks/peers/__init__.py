"""Those that are measured against each other, ours among them.

Each is a class with a method for each workload that it does, in its natural, documented way. It is called with the URL
of the server, the bucket, and whether the method that will be called is a coroutine. All have ``warm``, which reads a
small object, and ``close``; these are coroutines where the measured method is one.

Ours and boto3 run in our environment, with the same boto3; the others in theirs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

__all__ = ["PEERS", "Peer"]


@dataclass(frozen=True, slots=True)
class Peer:
    """One of those that are measured.

    Args:
        name: for the report and the command line.
        where: module and class in this package.
        ours: whether it runs in our environment.
        options: of its constructor.
    """

    name: str
    where: str
    ours: bool = False
    options: dict[str, Any] = field(default_factory=dict)


PEERS: Final = {
    each.name: each
    for each in (
        Peer("aio", "ours:Aio", ours=True),
        Peer("sync", "ours:Sync", ours=True),
        Peer("boto3", "threads:Threads", ours=True),
        Peer("s3transfer", "threads:Transfer", ours=True),
        Peer("s3fs", "fsspecs:S3fs"),
        Peer("s3fs-50", "fsspecs:S3fs", options={"config_kwargs": {"max_pool_connections": 50}}),
        Peer("obstore", "rust:Obstore"),
        Peer("pyarrow", "arrow:Arrow"),
        Peer("PyAthena-aio", "fsspecs:PyAthenaAio"),
        Peer("PyAthena-sync", "fsspecs:PyAthenaSync"),
    )
}
