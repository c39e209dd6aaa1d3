"""The benchmarks' S3 server does what S3 does, as boto3 sees it, and counts right."""

from __future__ import annotations

import asyncio
import io
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from benchmarks.content import content
from benchmarks.control import Control
from benchmarks.s3_http import Chunks, Pace
from benchmarks.server import Service, serve

MIB = 2**20


class Running:
    """The server, in a thread of this process."""

    def __init__(self, pace: Pace) -> None:
        self.service = Service()
        self._pace = pace
        self._ready = threading.Event()
        self._thread = threading.Thread(target=asyncio.run, args=(self._main(),))
        self._thread.start()
        self._ready.wait()
        self.control = Control(self.endpoint)
        self.client: Any = boto3.session.Session().client(
            "s3", endpoint_url=self.endpoint, config=Config(retries={"total_max_attempts": 1})
        )
        self.control.seed("bucket", "object", MIB)
        self.control.reset()

    async def _main(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        async with await serve(self.service, self._pace) as server:
            self.endpoint = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            self._ready.set()
            await self._over.wait()

    def close(self) -> None:
        self.client.close()
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()

    @property
    def requests(self) -> dict[str, int]:
        found: dict[str, int] = self.control.counts()["requests"]
        return found


@pytest.fixture(scope="module")
def shared() -> Iterator[Running]:
    running = Running(Pace())
    yield running
    running.close()


@pytest.fixture
def server(shared: Running) -> Running:
    """A server that holds one object of 1 MiB, and has seen nothing."""
    shared.control.seed("bucket", "object", MIB)
    shared.control.reset()
    return shared


def body(answer: Any) -> bytes:
    data: bytes = answer["Body"].read()
    return data


def put(server: Running, *keys: str) -> None:
    for key in keys:
        server.client.put_object(Bucket="bucket", Key=key, Body=key.encode())


def test_objects_are_read_as_they_were_written(server: Running) -> None:
    data = content(3 * MIB + 1, 7)
    etag = server.client.put_object(Bucket="bucket", Key="a/ü & <b>.txt", Body=data)["ETag"]
    answer = server.client.get_object(Bucket="bucket", Key="a/ü & <b>.txt")
    assert body(answer) == data
    head = server.client.head_object(Bucket="bucket", Key="a/ü & <b>.txt")
    assert (head["ETag"], head["ContentLength"]) == (answer["ETag"], len(data)) == (etag, len(data))
    assert server.requests == {"PutObject": 1, "GetObject": 1, "HeadObject": 1}


def test_what_is_not_there_is_not_found(server: Running) -> None:
    with pytest.raises(server.client.exceptions.NoSuchKey):
        server.client.get_object(Bucket="bucket", Key="missing")
    with pytest.raises(ClientError, match="404"):
        server.client.head_object(Bucket="bucket", Key="missing")
    with pytest.raises(server.client.exceptions.NoSuchBucket):
        server.client.list_objects_v2(Bucket="missing")


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [("0-9", 0, 10), ("65530-65545", 65530, 65546), ("1048570-", MIB - 6, MIB), ("-5", MIB - 5, MIB)],
)
def test_ranges_are_those_that_were_asked_for(server: Running, asked: str, start: int, stop: int) -> None:
    answer = server.client.get_object(Bucket="bucket", Key="object", Range=f"bytes={asked}")
    assert body(answer) == content(MIB, 0)[start:stop]
    assert answer["ContentRange"] == f"bytes {start}-{stop - 1}/{MIB}"


def test_a_range_behind_the_end_is_refused(server: Running) -> None:
    with pytest.raises(ClientError, match="InvalidRange"):
        server.client.get_object(Bucket="bucket", Key="object", Range=f"bytes={MIB}-")


def test_conditions_are_kept(server: Running) -> None:
    with pytest.raises(ClientError, match="PreconditionFailed"):
        server.client.get_object(Bucket="bucket", Key="object", IfMatch='"other"')
    with pytest.raises(ClientError, match="PreconditionFailed"):
        server.client.put_object(Bucket="bucket", Key="object", Body=b"", IfNoneMatch="*")


def test_an_upload_in_parts_is_their_sum(server: Running) -> None:
    data = content(12 * MIB, 3)
    server.client.upload_fileobj(io.BytesIO(data), "bucket", "new")
    assert body(server.client.get_object(Bucket="bucket", Key="new")) == data
    assert server.requests["UploadPart"] == 2


def test_an_upload_that_is_aborted_leaves_nothing(server: Running) -> None:
    where = {"Bucket": "bucket", "Key": "new"}
    where["UploadId"] = server.client.create_multipart_upload(**where)["UploadId"]
    server.client.upload_part(**where, PartNumber=1, Body=b"part")
    server.client.abort_multipart_upload(**where)
    with pytest.raises(server.client.exceptions.NoSuchUpload):
        server.client.upload_part(**where, PartNumber=2, Body=b"part")
    assert server.control.keys("bucket") == 1


def test_listings_go_page_by_page(server: Running) -> None:
    server.control.seed("bucket", "flat/", 1, count=2500)
    pages = list(server.client.get_paginator("list_objects_v2").paginate(Bucket="bucket", Prefix="flat/"))
    assert [page["KeyCount"] for page in pages] == [1000, 1000, 500]
    found = [entry["Key"] for page in pages for entry in page["Contents"]]
    assert found == [f"flat/{number:06}" for number in range(2500)]


def test_a_delimiter_gathers_keys_in_common_prefixes(server: Running) -> None:
    put(server, "a/1", "a/2", "b", "b/1", "c%d & e/1", "z")
    pages = server.client.get_paginator("list_objects_v2").paginate(
        Bucket="bucket", Delimiter="/", PaginationConfig={"PageSize": 2}
    )
    found: list[list[str]] = [[], []]
    for page in pages:
        found[0] += [each["Prefix"] for each in page.get("CommonPrefixes", [])]
        found[1] += [each["Key"] for each in page.get("Contents", [])]
    assert found == [["a/", "b/", "c%d & e/"], ["b", "object", "z"]]


def test_a_listing_begins_after_a_key(server: Running) -> None:
    put(server, "a", "b", "c")
    page = server.client.list_objects_v2(Bucket="bucket", StartAfter="a", MaxKeys=1)
    assert [each["Key"] for each in page["Contents"]] == ["b"]
    assert page["IsTruncated"]


def test_many_objects_are_deleted_at_once(server: Running) -> None:
    put(server, "a & <b>", "c")
    objects = [{"Key": "a & <b>"}, {"Key": "object"}, {"Key": "never there"}]
    answer = server.client.delete_objects(Bucket="bucket", Delete={"Objects": objects})
    assert sorted(each["Key"] for each in answer["Deleted"]) == ["a & <b>", "never there", "object"]
    server.client.delete_object(Bucket="bucket", Key="c")
    assert "Contents" not in server.client.list_objects_v2(Bucket="bucket")


def test_bodies_in_chunks_are_put_together(server: Running) -> None:
    data = content(300_000, 2)
    chunks = b"".join(
        b"%x;chunk-signature=abc\r\n%b\r\n" % (len(piece), piece)
        for piece in (data[:65536], data[65536:200_000], data[200_000:])
    )
    aws = chunks + b"0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n"
    head = b"PUT /bucket/new HTTP/1.1\r\nHost: x\r\nContent-Encoding: aws-chunked\r\n"
    twice = b"".join(b"%x\r\n%b\r\n" % (len(aws[i : i + 8000]), aws[i : i + 8000]) for i in range(0, len(aws), 8000))
    for sent in (
        b"%bContent-Length: %d\r\n\r\n%b" % (head, len(aws), aws),
        b"%bTransfer-Encoding: chunked\r\n\r\n%b0\r\n\r\n" % (head, twice),
    ):
        with socket.create_connection(("127.0.0.1", urlsplit(server.endpoint).port or 0)) as peer:
            peer.sendall(sent)
            assert peer.recv(1000).startswith(b"HTTP/1.1 200 OK\r\n")
        assert body(server.client.get_object(Bucket="bucket", Key="new")) == data
        server.client.delete_object(Bucket="bucket", Key="new")


def test_chunks_may_be_cut_anywhere() -> None:
    sent = b"3\r\nabc\r\n10;x=y\r\n0123456789abcdef\r\n0\r\nt: 1\r\n\r\nnext"
    for size in range(1, len(sent)):
        chunks = Chunks()
        used = sum(chunks.feed(memoryview(sent[at : at + size])) for at in range(0, len(sent), size))
        assert (bytes(chunks.data), sent[used:], chunks.ended) == (b"abc0123456789abcdef", b"next", True)


def test_connections_stay_open_and_are_counted(server: Running) -> None:
    before = server.control.counts()
    for _ in range(3):
        body(server.client.get_object(Bucket="bucket", Key="object"))
    counts = server.control.counts()
    assert counts["connections"] <= 1
    assert counts["open_at_most"] == before["open_at_most"] + counts["connections"]
    assert counts["in_flight_at_most"] == 1


def test_what_is_far_away_takes_long_and_overlaps() -> None:
    far = Running(Pace(latency=0.05, bandwidth=10 * MIB))
    try:
        began = time.monotonic()
        body(far.client.get_object(Bucket="bucket", Key="object"))
        assert time.monotonic() - began >= 0.15  # 50 ms, and a tenth of a second for the MiB
        began = time.monotonic()
        far.client.put_object(Bucket="bucket", Key="new", Body=bytes(2 * MIB))
        assert time.monotonic() - began >= 0.25
        threads = [
            threading.Thread(target=lambda: far.client.head_object(Bucket="bucket", Key="object")) for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert far.control.counts()["in_flight_at_most"] == 4
    finally:
        far.close()
