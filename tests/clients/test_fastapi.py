"""FastAPI: the application of ``examples/fastapi_service.py``, served over HTTP on the loop of the test."""

from __future__ import annotations

import asyncio
import importlib
import itertools
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from pyathena.aio.cursor import AioDictCursor
from pyathena.runtime import drive
from pyathena.testing.athena import LocalAthena
from pyathena.testing.faults import FaultyTransport, Hang
from pyathena.transport import InMemoryTransport, ObjectRef
from tests.clients.buckets import Bucket
from tests.queries import aio_connected, asked, on_a_loop

MIB = 2**20
BUCKET = "results"
LARGE = bytes(range(256)) * (24 * MIB // 256)


@pytest.fixture
def make_app(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Return what makes the application of a connection and a bucket."""
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "examples")
    service: Callable[..., Any] = importlib.import_module("fastapi_service").service
    return service


@pytest.fixture
def faulty() -> FaultyTransport:
    memory = InMemoryTransport(buckets=[BUCKET])
    drive(memory.put_object(ObjectRef(BUCKET, "large"), LARGE))
    return FaultyTransport(memory)


@asynccontextmanager
async def served(app: Any) -> AsyncIterator[httpx.AsyncClient]:
    """Serve an application on a free port, and yield a client of it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_config=None, access_log=False))
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:  # noqa: ASYNC110 - uvicorn has nothing to wait for
            await asyncio.sleep(0.001)
        base = f"http://127.0.0.1:{listener.getsockname()[1]}"
        try:
            async with httpx.AsyncClient(base_url=base, timeout=30, limits=httpx.Limits(max_connections=60)) as client:
                yield client
        finally:
            server.should_exit = True
            await serving


async def until(condition: Callable[[], object]) -> None:
    """Wait for what the server does when it has noticed that its client is gone."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.001)


@on_a_loop
async def test_objects_are_streamed_in_and_out(
    make_app: Callable[..., Any], athena: LocalAthena, bucket: Bucket
) -> None:
    reach = {"transport": None, "s3_endpoint_url": bucket.options["endpoint_url"]}
    async with aio_connected(athena, **reach) as connection, served(make_app(connection, bucket.name)) as client:

        async def body() -> AsyncIterator[bytes]:
            for start in range(0, len(LARGE), MIB):
                yield LARGE[start : start + MIB]

        answer = await client.put("/objects/dir/large", content=body())
        assert answer.status_code == 201
        assert bucket.read("dir/large") == LARGE
        answer = await client.get("/objects/dir/large")
        assert (answer.headers["content-length"], answer.content) == (str(len(LARGE)), LARGE)
        assert (await client.get("/objects/missing")).status_code == 404


@on_a_loop
async def test_fifty_downloads_and_fifty_queries_at_once_are_all_answered(
    make_app: Callable[..., Any], athena: LocalAthena, faulty: FaultyTransport
) -> None:
    drive(faulty.put_object(ObjectRef(BUCKET, "small"), LARGE[:MIB]))
    async with (
        aio_connected(athena, transport=faulty, cursor_class=AioDictCursor) as connection,
        served(make_app(connection, BUCKET)) as client,
    ):
        urls = itertools.chain.from_iterable(("/objects/small", "/rows") for _ in range(50))
        answers = await asyncio.gather(*(client.get(url) for url in urls))
        assert {answer.content for answer in answers[::2]} == {LARGE[:MIB]}
        assert [answer.json()[0] for answer in answers[1::2]] == [{"n": 1, "s": "one"}] * 50
        assert faulty.in_flight == 0


@on_a_loop
async def test_a_client_that_hangs_up_while_s3_is_read_ends_the_read(
    make_app: Callable[..., Any], athena: LocalAthena, faulty: FaultyTransport
) -> None:
    hang = Hang()
    faulty.script.on("get_object_range", 2, hang)
    async with (
        aio_connected(athena, transport=faulty) as connection,
        served(make_app(connection, BUCKET)) as client,
    ):
        async with client.stream("GET", "/objects/large") as answer:
            await anext(answer.aiter_raw())
            await hang.entered()
            assert faulty.in_flight > 0
        await until(lambda: faulty.in_flight == 0)


@on_a_loop
async def test_a_client_that_reads_no_further_and_hangs_up_leaves_nothing(
    make_app: Callable[..., Any], athena: LocalAthena, faulty: FaultyTransport
) -> None:
    async with (
        aio_connected(athena, transport=faulty) as connection,
        served(make_app(connection, BUCKET)) as client,
    ):
        async with client.stream("GET", "/objects/large") as answer:
            await anext(answer.aiter_raw())
            await until(lambda: faulty.in_flight == 0)  # the server waits for the client, not for S3
            assert len(asyncio.all_tasks()) > 2
        await until(lambda: len(asyncio.all_tasks()) == 2)  # the test's and the server's


@on_a_loop
async def test_an_upload_that_breaks_off_leaves_neither_an_object_nor_parts_of_one(
    make_app: Callable[..., Any], athena: LocalAthena, faulty: FaultyTransport
) -> None:
    async with (
        aio_connected(athena, transport=faulty) as connection,
        served(make_app(connection, BUCKET)) as client,
    ):

        async def body() -> AsyncIterator[bytes]:
            yield LARGE
            await until(lambda: "upload_part" in [call.operation for call in faulty.calls])
            raise ConnectionError("the client fails here")

        with pytest.raises(ConnectionError, match="fails here"):
            await client.put("/objects/new", content=body())
        await until(lambda: "abort_multipart_upload" in [call.operation for call in faulty.calls])
        await until(lambda: faulty.in_flight == 0)
        assert not await connection.filesystem._exists(f"{BUCKET}/new")
        assert await connection.filesystem._list_multipart_uploads(BUCKET) == []


@on_a_loop
async def test_a_query_in_flight_does_not_keep_others_from_being_answered(
    make_app: Callable[..., Any], athena: LocalAthena, faulty: FaultyTransport
) -> None:
    athena.hold("GetQueryExecution")
    async with (
        aio_connected(athena, transport=faulty, cursor_class=AioDictCursor) as connection,
        served(make_app(connection, BUCKET)) as client,
    ):
        queries = [asyncio.create_task(client.get("/rows")) for _ in range(10)]
        await asked(athena, "GetQueryExecution")
        assert (await client.get("/objects/large")).content == LARGE
        athena.release("GetQueryExecution")
        assert {(await query).status_code for query in queries} == {200}
