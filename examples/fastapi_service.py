"""FastAPI: objects streamed in and out, and queries. Runs against a local Athena and moto's S3; copy `service`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import StreamingResponse
from queries import QUERY, local

import pyathena
from pyathena.aio.connection import AioConnection
from pyathena.aio.cursor import AioDictCursor
from pyathena.settings import ConnectionOptions


def service(connection: AioConnection[AioDictCursor], bucket: str) -> FastAPI:
    """Make an application whose requests share one connection, its threads and its sockets."""
    app, fs = FastAPI(), connection.filesystem

    @app.get("/objects/{key:path}")
    async def read(key: str) -> StreamingResponse:
        try:
            file = await fs.open_async(f"{bucket}/{key}", "rb")
        except FileNotFoundError as error:
            raise HTTPException(404, "there is no such object") from error

        async def chunks() -> AsyncIterator[bytes]:  # whoever hangs up cancels it, and the requests in flight
            async with file:
                while chunk := await file.read(2**20):
                    yield chunk

        return StreamingResponse(chunks(), headers={"Content-Length": str(file.size)})

    @app.put("/objects/{key:path}", status_code=201)
    async def write(key: str, request: Request) -> None:
        async with fs.open(f"{bucket}/{key}", "wb") as file:  # an upload that breaks off leaves no object
            async for chunk in request.stream():
                await file.write(chunk)

    @app.get("/rows")
    async def rows() -> list[dict[str, object]]:
        async with connection.cursor() as cursor:
            await cursor.execute(QUERY)
            return await cursor.fetchmany(3)

    return app


async def main(options: ConnectionOptions) -> None:
    async with await pyathena.aio_connect(cursor_class=AioDictCursor, **options) as connection:
        app = service(connection, "results")
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://app", timeout=60) as client:
            await client.put("/objects/key", content=bytes(20 * 2**20))
            print(f"  {len((await client.get('/objects/key')).content)} bytes went in and out")
            answers = await asyncio.gather(*(client.get("/rows") for _ in range(50)))
            print(f"  {len(answers)} queries at once, each with {answers[0].json()[0]} as its first row")


if __name__ == "__main__":
    with local() as options:
        asyncio.run(main(options))
