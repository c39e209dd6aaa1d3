"""Every cursor against one local Athena, for tests that are written once for both faces."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator
from dataclasses import dataclass, field
from inspect import isawaitable
from itertools import count
from typing import Any, cast

import pytest
from typing_extensions import override

from pyathena.aio.arrow.cursor import AioArrowCursor
from pyathena.aio.connection import AioConnection
from pyathena.aio.cursor import AioBaseCursor, AioCursor, AioDictCursor
from pyathena.aio.pandas.cursor import AioPandasCursor
from pyathena.aio.polars.cursor import AioPolarsCursor
from pyathena.aio.s3fs.cursor import AioS3FSCursor
from pyathena.arrow.cursor import ArrowCursor
from pyathena.connection import Connection
from pyathena.cursor import Cursor, DictCursor
from pyathena.pandas.cursor import PandasCursor
from pyathena.polars.cursor import PolarsCursor
from pyathena.runtime import drive
from pyathena.s3fs.cursor import S3FSCursor
from pyathena.testing.athena import Answer, LocalAthena
from pyathena.transport import ByteRange, InMemoryTransport, ObjectKey, ObjectRef
from tests.recording import Recording

Steps = Callable[[Any], Coroutine[Any, Any, Any]]
"""What a test does with a cursor. Calls of the cursor go through `do`, so that they may be awaited or not."""


async def do(outcome: Any) -> Any:
    """Return what a call of a cursor brings, whether it is a coroutine's or not."""
    return await outcome if isawaitable(outcome) else outcome


async def items(iterator: Any) -> list[Any]:
    """Return what an iterator yields, asynchronous or not."""
    return [item async for item in iterator] if isinstance(iterator, AsyncIterator) else list(iterator)


@dataclass(frozen=True)
class Kind:
    """A kind of cursor."""

    cursor: type[Any]
    options: dict[str, Any] = field(default_factory=dict)

    @override
    def __str__(self) -> str:
        return "-".join([self.cursor.__name__, *map(str, self.options.values())])

    @property
    def library(self) -> str:
        """Whose tables it makes; "" if it makes none."""
        return next((name for name in ("arrow", "pandas", "polars") if name in self.cursor.__module__), "")

    @property
    def is_aio(self) -> bool:
        """Whether it is one for asyncio."""
        return issubclass(self.cursor, AioBaseCursor)

    async def table(self, cursor: Any) -> Any:
        """Return the result as a table."""
        return await do(getattr(cursor, f"as_{self.library}")())


_ENGINES = [{}, {"engine": "python"}, {"engine": "pyarrow"}]

ROWS = [Kind(cursor) for cursor in (Cursor, DictCursor, S3FSCursor, AioCursor, AioDictCursor, AioS3FSCursor)]
TABLES = [Kind(cursor) for cursor in (ArrowCursor, PolarsCursor, AioArrowCursor, AioPolarsCursor)] + [
    Kind(cursor, engine) for cursor in (PandasCursor, AioPandasCursor) for engine in _ENGINES
]
LIBRARIES = [kind for kind in TABLES if not kind.options]
"""One of each library and face."""


def of(kinds: Iterable[Kind], name: str = "kind") -> pytest.MarkDecorator:
    """Run a test for each kind of cursor."""
    return pytest.mark.parametrize(name, list(kinds), ids=str)


class Bench:
    """A local Athena, and connections to it.

    Args:
        athena: the local Athena.
        runner: the event loop of what is for asyncio.
    """

    def __init__(self, athena: LocalAthena, runner: asyncio.Runner) -> None:
        self.athena = athena
        self.s3 = Recording(athena.transport)
        """What the cursors ask of S3."""
        self._runner = runner
        self._numbers = count()
        self._connections: dict[bool, Any] = {}

    def statement(self, answer: Answer, text: str = "SELECT {}") -> str:
        """Return a statement that is answered so."""
        statement = text.format(next(self._numbers))
        self.athena.answer(statement, answer)
        return statement

    def connection(self, *, is_aio: bool) -> Any:
        """Return the connection for synchronous code, or that for asyncio."""
        if is_aio not in self._connections:
            kind: type[Any] = AioConnection if is_aio else Connection
            self._connections[is_aio] = kind(
                endpoint_url=self.athena.endpoint_url,
                region_name="us-east-1",
                s3_staging_dir="s3://results/",
                transport=self.s3.transport,
            )
        return self._connections[is_aio]

    def run(self, kind: Kind, steps: Steps, **options: Any) -> Any:
        """Do something with a new cursor, in the event loop if it is one for asyncio."""
        cursor = self.connection(is_aio=kind.is_aio).cursor(kind.cursor, **{**kind.options, **options})

        async def whole() -> Any:
            try:
                return await steps(cursor)
            finally:
                await (cursor.aclose() if kind.is_aio else do(cursor.close()))

        return self._runner.run(whole()) if kind.is_aio else drive(whole())

    def rows(self, kind: Kind, answer: Answer, **execute: Any) -> list[Any]:
        """Run a statement that is answered so, and fetch all rows."""
        statement = self.statement(answer)

        async def steps(cursor: Any) -> Any:
            await do(cursor.execute(statement, **execute))
            return await do(cursor.fetchall())

        rows: list[Any] = self.run(kind, steps)
        return rows

    def table(self, kind: Kind, answer: Answer, **execute: Any) -> Any:
        """Run a statement that is answered so, and return the result as a table."""
        statement = self.statement(answer)

        async def steps(cursor: Any) -> Any:
            await do(cursor.execute(statement, **execute))
            return await kind.table(cursor)

        return self.run(kind, steps)

    def close(self) -> None:
        """Close the connections."""
        for is_aio, connection in self._connections.items():
            self._runner.run(connection.aclose()) if is_aio else connection.close()

    # What happens to results past the cursors; keys are those of the bucket "results".

    @property
    def memory(self) -> InMemoryTransport:
        """Where results are."""
        return cast("InMemoryTransport", self.athena.transport)

    def get(self, key: str) -> bytes:
        return bytes(drive(self.memory.get_object_range(ObjectRef("results", key), ByteRange(0))).data)

    def put(self, key: str, data: bytes) -> None:
        drive(self.memory.put_object(ObjectRef("results", key), data))

    def delete(self, key: str) -> None:
        drive(self.memory.delete_objects("results", [ObjectKey(key)]))

    def deny(self, key: str) -> None:
        self.memory.deny("results", key)


@pytest.fixture(scope="package")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="package")
def shared_bench(runner: asyncio.Runner) -> Iterator[Bench]:
    with LocalAthena(InMemoryTransport(buckets=["results"])) as athena:
        bench = Bench(athena, runner)
        yield bench
        bench.close()


@pytest.fixture
def bench(shared_bench: Bench) -> Iterator[Bench]:
    """A local Athena that all tests share, each with statements of its own."""
    shared_bench.s3.taken()
    shared_bench.s3.peak = 0
    yield shared_bench
    shared_bench.s3.before = None
