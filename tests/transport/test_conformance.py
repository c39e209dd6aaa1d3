"""The contract of `S3Transport`, run for our own transports against the servers that we have."""

from __future__ import annotations

import asyncio
import functools
import inspect
import json
import uuid
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar
from urllib.request import urlopen

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from pyathena.testing import conformance
from pyathena.testing.conformance import (
    ALL_CAPABILITIES,
    Capability,
    Runner,
    S3TransportTests,
    StalledRead,
    TransportUnderTest,
)
from pyathena.transport.boto3 import BlockingBoto3Transport, ThreadedBoto3Transport
from pyathena.transport.errors import S3InvalidRangeError, S3NotFoundError
from pyathena.transport.memory import InMemoryTransport
from pyathena.transport.observing import ObservingTransport, RequestReport
from pyathena.transport.protocol import S3Transport
from pyathena.transport.retrying import RetryingTransport
from pyathena.transport.told import knowing_early
from pyathena.transport.values import MIN_PART_SIZE, ByteRange, ObjectRange, ObjectRef
from tests.servers import KEY, SECRET, StallingServer

T = TypeVar("T")

MOTO: frozenset[Capability] = ALL_CAPABILITIES - {
    "bucket_pages",  # it cuts the list off and tells no token
    "complete_if_match",
    "conditional_copies",
    "empty_tags",  # 500
    "no_such_upload",  # 500
    "part_copy_bounds",  # it copies what there is
    "part_reads",  # it heeds PartNumber on HEAD only
    "removed_markers",
    "sse_customer_keys",  # it takes them and does not encrypt
    "upload_pages",
    "version_prefix_pages",
}
RCLONE: frozenset[Capability] = ALL_CAPABILITIES - {
    "acl",
    "any_delimiter",
    "any_key",  # its store is a directory
    "bucket_pages",
    "bucket_regions",
    "complete_if_match",
    "conditional_copies",
    "conditional_reads",
    "conditional_writes",
    "copy_onto_itself",
    "delete_errors",
    "empty_tags",
    "invalid_range_size",
    "minimum_part_size",
    "multipart_etag",  # completing answers S3's ETag, reads tell the MD5 of the whole
    "part_copy",  # it takes the request for an UploadPart without a body, and answers 200
    "part_copy_bounds",
    "part_reads",
    "range_status_206",
    "removed_markers",
    "replaced_metadata",  # it adds to it
    "separate_parts",  # it writes parts to the file as they come
    "sse_customer_keys",
    "tags",  # it writes the request for tags over the object
    "version_prefix_pages",
    "versions",
}


def drive(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never suspends, without an event loop."""
    try:
        coroutine.send(None)
    except StopIteration as ended:
        answer: T = ended.value
        return answer
    coroutine.close()
    raise TypeError("suspended, though there is no event loop")


@functools.cache
def shared_session() -> boto3.session.Session:
    return boto3.session.Session(aws_access_key_id=KEY, aws_secret_access_key=SECRET, region_name="us-east-1")


@functools.cache
def raw_client(endpoint: str) -> Any:
    """Plain boto3, to look past a transport."""
    config = Config(
        signature_version="s3v4",
        s3={"addressing_style": "path"},
        retries={"total_max_attempts": 1, "mode": "standard"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    return shared_session().client("s3", endpoint_url=endpoint, config=config)


def new_bucket(endpoint: str) -> str:
    bucket = f"bucket-{uuid.uuid4().hex[:12]}"
    raw_client(endpoint).create_bucket(Bucket=bucket)
    return bucket


class TellingTransportTests(S3TransportTests):
    """The contract, and what all transports of ours do besides."""

    def test_the_object_is_told_of_before_its_bytes_come(self, subject: TransportUnderTest) -> None:
        subject.put("key", b"0123456789")
        buffer = bytearray(4)
        told: list[object] = []

        async def read() -> ObjectRange:
            with knowing_early(lambda *early: told.append((*early, bytes(buffer)))):
                return await subject.transport.get_object_range(
                    subject.ref("key"), ByteRange(2, 6), into=memoryview(buffer)
                )

        answer = subject.run(read())
        assert told == [(10, answer.etag, answer.version_id, bytes(4))]
        assert buffer == b"2345"


# --- in memory -----------------------------------------------------------------------------------


class TestInMemoryTransport(TellingTransportTests):
    capabilities = ALL_CAPABILITIES - {"presigned_urls"}  # they begin with memory://

    @pytest.fixture(params=[asyncio.run, drive], ids=["on a loop", "without a loop"])
    def subject(self, request: pytest.FixtureRequest) -> TransportUnderTest:
        return in_memory_subject(request.param, lambda transport: transport)


class TestRetryingTransport(TellingTransportTests):
    capabilities = ALL_CAPABILITIES - {"presigned_urls"}

    @pytest.fixture(params=[asyncio.run, drive], ids=["on a loop", "without a loop"])
    def subject(self, request: pytest.FixtureRequest) -> TransportUnderTest:
        return in_memory_subject(request.param, RetryingTransport)


class TestObservingTransport(TellingTransportTests):
    capabilities = ALL_CAPABILITIES - {"presigned_urls"}

    @pytest.fixture(params=[asyncio.run, drive], ids=["on a loop", "without a loop"])
    def subject(self, request: pytest.FixtureRequest) -> TransportUnderTest:
        reports: list[RequestReport] = []
        return in_memory_subject(request.param, lambda transport: ObservingTransport(transport, reports.append))


def in_memory_subject(run: Runner, wrap: Callable[[S3Transport], S3Transport]) -> TransportUnderTest:
    transport = InMemoryTransport(buckets=["bucket"], minimum_part_size=MIN_PART_SIZE)

    def put(key: str, data: bytes) -> None:
        drive(transport.put_object(ObjectRef("bucket", key), data))

    def get(key: str) -> bytes | None:
        try:
            return bytes(drive(transport.get_object_range(ObjectRef("bucket", key), ByteRange(0))).data)
        except S3NotFoundError:
            return None
        except S3InvalidRangeError:
            return b""

    return TransportUnderTest(
        transport=wrap(transport),
        bucket="bucket",
        put=put,
        get=get,
        deny=functools.partial(transport.deny, "bucket"),
        run=run,
        sibling=wrap(InMemoryTransport(buckets=["bucket"], minimum_part_size=MIN_PART_SIZE)),
    )


# --- boto3 ---------------------------------------------------------------------------------------

Boto3TransportT = TypeVar("Boto3TransportT", ThreadedBoto3Transport, BlockingBoto3Transport)


@dataclass(frozen=True)
class Connection:
    """A `ConnectionLike`. All share one session, which makes a client in a tenth of the time."""

    s3_endpoint_url: str
    session: object
    region_name: str | None = "us-east-1"
    config: object | None = None


def connect(
    transport_type: type[Boto3TransportT], endpoint: str, config: Config | None = None, *, fast_path: bool = True
) -> Boto3TransportT:
    connection = Connection(endpoint, shared_session(), config=config)
    return transport_type(connection, max_concurrency=16, fast_path=fast_path)


# What the transport finds out itself, as it does over rclone. Told in advance, it makes a client once and not twice.
CHECKSUMS = Config(request_checksum_calculation="when_required", response_checksum_validation="when_required")


def boto3_subject(
    endpoint: str,
    transport_type: type[Boto3TransportT],
    *,
    run: Runner,
    config: Config | None = None,
    fast_path: bool = True,
    stall: Callable[[], AbstractContextManager[StalledRead]] | None = None,
) -> AbstractContextManager[TransportUnderTest]:
    connected = partial(connect, transport_type, endpoint, config, fast_path=fast_path)
    return server_subject(endpoint, connected, run=run, stall=stall)


@contextmanager
def server_subject(
    endpoint: str,
    connect: Callable[[], S3Transport],
    *,
    run: Runner,
    stall: Callable[[], AbstractContextManager[StalledRead]] | None = None,
) -> Iterator[TransportUnderTest]:
    """A transport over a fresh bucket of a server."""
    client, bucket = raw_client(endpoint), new_bucket(endpoint)

    def put(key: str, data: bytes) -> None:
        client.put_object(Bucket=bucket, Key=key, Body=data)

    def get(key: str) -> bytes | None:
        try:
            data: bytes = client.get_object(Bucket=bucket, Key=key)["Body"].read()
        except client.exceptions.NoSuchKey:
            return None
        return data

    def deny(key: str) -> None:
        client.put_bucket_policy(Bucket=bucket, Policy=json.dumps(deny_policy(bucket, key)))

    transport, sibling = connect(), connect()
    try:
        yield TransportUnderTest(
            transport=transport,
            bucket=bucket,
            put=put,
            get=get,
            deny=deny,
            run=run,
            sibling=sibling,
            secrets=[SECRET],
            stall=stall,
        )
    finally:
        run(transport.aclose())
        run(sibling.aclose())


def stalled_read(*, fast_path: bool = True) -> AbstractContextManager[StalledRead]:
    return stalled_read_by(partial(connect, ThreadedBoto3Transport, fast_path=fast_path))


@contextmanager
def stalled_read_by(connect: Callable[[str], S3Transport]) -> Iterator[StalledRead]:
    data = bytes(range(251)) * 8000  # more than the kernel's buffers take
    with StallingServer(data, sent=len(data) // 2) as server:
        yield StalledRead(
            transport=connect(server.endpoint),
            ref=ObjectRef("stalling-bucket", "key"),
            data=data,
            etag=server.etag,
            sent=server.sent,
            started=server.started,
            release=server.release,
            break_off=server.break_off,
            finished=server.finished,
        )


class TestThreadedBoto3TransportOverMoto(TellingTransportTests):
    capabilities = MOTO

    @pytest.fixture
    def subject(self, moto_endpoint: str) -> Iterator[TransportUnderTest]:
        with boto3_subject(
            moto_endpoint, ThreadedBoto3Transport, run=asyncio.run, config=CHECKSUMS, stall=stalled_read
        ) as subject:
            yield subject


class TestThreadedBoto3TransportOverRclone(TellingTransportTests):
    capabilities = RCLONE

    @pytest.fixture
    def subject(self, rclone_endpoint: str) -> Iterator[TransportUnderTest]:
        with boto3_subject(rclone_endpoint, ThreadedBoto3Transport, run=asyncio.run) as subject:
            yield subject


# boto3 alone, without the fast path beside it.


@pytest.mark.slow
class TestThreadedBoto3TransportByBoto3AloneOverRclone(TellingTransportTests):
    capabilities = RCLONE

    @pytest.fixture
    def subject(self, rclone_endpoint: str) -> Iterator[TransportUnderTest]:
        with boto3_subject(rclone_endpoint, ThreadedBoto3Transport, run=asyncio.run, fast_path=False) as subject:
            yield subject


@pytest.mark.slow
class TestBlockingBoto3TransportByBoto3AloneOverMoto(TellingTransportTests):
    capabilities = MOTO

    @pytest.fixture
    def subject(self, moto_endpoint: str) -> Iterator[TransportUnderTest]:
        with boto3_subject(
            moto_endpoint, BlockingBoto3Transport, run=drive, config=CHECKSUMS, fast_path=False
        ) as subject:
            yield subject


@pytest.mark.slow
class TestThreadedBoto3TransportByBoto3AloneOverMoto(TellingTransportTests):
    capabilities = MOTO

    @pytest.fixture
    def subject(self, moto_endpoint: str) -> Iterator[TransportUnderTest]:
        with boto3_subject(
            moto_endpoint,
            ThreadedBoto3Transport,
            run=asyncio.run,
            config=CHECKSUMS,
            fast_path=False,
            stall=partial(stalled_read, fast_path=False),
        ) as subject:
            yield subject


@pytest.mark.slow
class TestBlockingBoto3TransportOverRclone(TellingTransportTests):
    capabilities = RCLONE

    @pytest.fixture
    def subject(self, rclone_endpoint: str) -> Iterator[TransportUnderTest]:
        with boto3_subject(rclone_endpoint, BlockingBoto3Transport, run=drive) as subject:
            yield subject


def test_the_suite_calls_every_method_of_the_protocol() -> None:
    methods = {name for name, _ in inspect.getmembers(S3Transport, inspect.iscoroutinefunction)}
    assert conformance._CALLS.keys() == methods - {"aclose"}


# --- what the servers can do ---------------------------------------------------------------------
#
# Each probe asks a server by plain boto3 whether it has one capability, in a bucket of its own. When a new release of a
# server learns something, `test_the_capabilities_are_what_the_server_can_do` fails, and a line above can go.


def refused(call: Callable[..., Any], **arguments: Any) -> bool:
    """Whether the server answers with an error of the 4xx kind."""
    try:
        call(**arguments)
    except ClientError as error:
        status: int = error.response["ResponseMetadata"]["HTTPStatusCode"]
        return 400 <= status < 500
    return False


def accepted(call: Callable[..., Any], **arguments: Any) -> bool:
    try:
        call(**arguments)
    except ClientError:
        return False
    return True


def deny_policy(bucket: str, key: str) -> dict[str, Any]:
    everything = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": f"arn:aws:s3:::{bucket}/{key}"}
    return {"Version": "2012-10-17", "Statement": [everything]}


class Probe:
    """A bucket with the object ``key``, and what can be tried on it."""

    def __init__(self, endpoint: str) -> None:
        self.s3 = raw_client(endpoint)
        self.bucket = new_bucket(endpoint)
        self.it = {"Bucket": self.bucket, "Key": "key"}
        self.s3.put_object(**self.it, Body=b"0123456789")

    def upload(self, *bodies: bytes) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        upload = {**self.it, "UploadId": self.s3.create_multipart_upload(**self.it)["UploadId"]}
        parts = [
            {"PartNumber": number, "ETag": self.s3.upload_part(**upload, PartNumber=number, Body=body)["ETag"]}
            for number, body in enumerate(bodies, 1)
        ]
        return upload, parts

    def complete(self, *bodies: bytes, **arguments: Any) -> Any:
        upload, parts = self.upload(*bodies)
        return self.s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts}, **arguments)

    def copy_part(self, **arguments: Any) -> Any:
        upload, _ = self.upload()
        return self.s3.upload_part_copy(**upload, PartNumber=1, CopySource=self.it, **arguments)["CopyPartResult"]

    def acl(self) -> bool:
        self.s3.put_object_acl(**self.it, ACL="public-read")
        grants = self.s3.get_object_acl(**self.it).get("Grants", [])
        return "READ" in {grant["Permission"] for grant in grants}

    def any_delimiter(self) -> bool:
        self.s3.put_object(Bucket=self.bucket, Key="a-b", Body=b"")
        prefixes: Any = self.s3.list_objects_v2(Bucket=self.bucket, Delimiter="-").get("CommonPrefixes")
        return bool(prefixes == [{"Prefix": "a-"}])

    def any_key(self) -> bool:
        return accepted(self.s3.put_object, Bucket=self.bucket, Key="a//b", Body=b"")

    def bucket_pages(self) -> bool:
        new_bucket(self.s3.meta.endpoint_url)
        page = self.s3.list_buckets(MaxBuckets=1)
        return len(page["Buckets"]) == 1 and "ContinuationToken" in page

    def bucket_regions(self) -> bool:
        return bool(self.s3.head_bucket(Bucket=self.bucket).get("BucketRegion"))

    def complete_if_match(self) -> bool:
        return refused(functools.partial(self.complete, b"x", IfMatch='"other"'))

    def conditional_copies(self) -> bool:
        return refused(
            self.s3.copy_object, Bucket=self.bucket, Key="copy", CopySource=self.it, CopySourceIfMatch='"other"'
        )

    def conditional_reads(self) -> bool:
        return refused(self.s3.get_object, **self.it, IfMatch='"other"')

    def conditional_writes(self) -> bool:
        return refused(self.s3.put_object, **self.it, IfNoneMatch="*")

    def copy_onto_itself(self) -> bool:
        return refused(self.s3.copy_object, **self.it, CopySource=self.it)

    def delete_errors(self) -> bool:
        if not accepted(
            self.s3.put_bucket_policy, Bucket=self.bucket, Policy=json.dumps(deny_policy(self.bucket, "key"))
        ):
            return False
        return bool(self.s3.delete_objects(Bucket=self.bucket, Delete={"Objects": [{"Key": "key"}]}).get("Errors"))

    def empty_tags(self) -> bool:
        return self.tags() and accepted(self.s3.put_object_tagging, **self.it, Tagging={"TagSet": []})

    def invalid_range_size(self) -> bool:
        try:
            self.s3.get_object(**self.it, Range="bytes=10-")
        except ClientError as error:
            headers = error.response["ResponseMetadata"]["HTTPHeaders"]
            return "ActualObjectSize" in error.response["Error"] or "content-range" in headers
        raise AssertionError("a range behind the end was answered")

    def minimum_part_size(self) -> bool:
        return refused(functools.partial(self.complete, b"small", b"end"))

    def multipart_etag(self) -> bool:
        answered = self.complete(b"body")["ETag"]
        return bool(answered == self.s3.head_object(**self.it)["ETag"])

    def no_such_upload(self) -> bool:
        return refused(self.s3.upload_part, **self.it, UploadId="no-such-upload", PartNumber=1, Body=b"")

    def part_copy(self) -> bool:
        return "ETag" in self.copy_part()

    def part_copy_bounds(self) -> bool:
        return refused(functools.partial(self.copy_part, CopySourceRange="bytes=5-10"))

    def part_reads(self) -> bool:
        self.complete(bytes(MIN_PART_SIZE), b"second")
        return bool(self.s3.get_object(**self.it, PartNumber=2)["Body"].read() == b"second")

    def presigned_urls(self) -> bool:
        with urlopen(self.s3.generate_presigned_url("get_object", Params=self.it), timeout=10) as response:
            return bool(response.read() == b"0123456789")

    def replaced_metadata(self) -> bool:
        self.s3.put_object(**self.it, Body=b"x", Metadata={"name": "value"})
        self.s3.copy_object(
            Bucket=self.bucket, Key="copy", CopySource=self.it, MetadataDirective="REPLACE", Metadata={"other": "value"}
        )
        metadata = self.s3.head_object(Bucket=self.bucket, Key="copy")["Metadata"]
        return "name" not in {name.lower() for name in metadata}

    def range_status_206(self) -> bool:
        answer = self.s3.get_object(**self.it, Range="bytes=2-5")
        return bool(answer["ResponseMetadata"]["HTTPStatusCode"] == 206)

    def removed_markers(self) -> bool:
        if not self.versions():
            return False
        marker = self.s3.delete_object(**self.it)["VersionId"]
        removal = {"Objects": [{"Key": "key", "VersionId": marker}]}
        [deleted] = self.s3.delete_objects(Bucket=self.bucket, Delete=removal)["Deleted"]
        return bool(deleted.get("DeleteMarker"))

    def separate_parts(self) -> bool:
        upload, _ = self.upload(b"first")
        return accepted(self.s3.upload_part, **upload, PartNumber=1, Body=b"second")

    def sse_customer_keys(self) -> bool:
        self.s3.put_object(**self.it, SSECustomerAlgorithm="AES256", SSECustomerKey=bytes(32))
        return refused(self.s3.get_object, **self.it)

    def tags(self) -> bool:
        tags = [{"Key": "name", "Value": "value"}]
        self.s3.put_object_tagging(**self.it, Tagging={"TagSet": tags})
        found = self.s3.get_object_tagging(**self.it).get("TagSet") == tags
        return found and bool(self.s3.get_object(**self.it)["Body"].read() == b"0123456789")

    def upload_pages(self) -> bool:
        for key in ("b", "a"):
            self.s3.create_multipart_upload(Bucket=self.bucket, Key=key)
        page = self.s3.list_multipart_uploads(Bucket=self.bucket, MaxUploads=1)
        return [upload["Key"] for upload in page["Uploads"]] == ["a"]

    def version_prefix_pages(self) -> bool:
        self.s3.put_object(Bucket=self.bucket, Key="prefix/key", Body=b"")
        try:
            page = self.s3.list_object_versions(Bucket=self.bucket, Delimiter="/", MaxKeys=1)
        except ClientError:
            return False
        return "CommonPrefixes" not in page

    def versions(self) -> bool:
        return accepted(
            self.s3.put_bucket_versioning, Bucket=self.bucket, VersioningConfiguration={"Status": "Enabled"}
        )


@pytest.mark.parametrize("capability", sorted(ALL_CAPABILITIES))
@pytest.mark.parametrize(("server", "capabilities"), [("moto", MOTO), ("rclone", RCLONE)], ids=["moto", "rclone"])
def test_the_capabilities_are_what_the_server_can_do(
    request: pytest.FixtureRequest, server: str, capabilities: frozenset[Capability], capability: Capability
) -> None:
    endpoint: str = request.getfixturevalue(f"{server}_endpoint")
    has: Callable[[], bool] = getattr(Probe(endpoint), capability)
    assert has() is (capability in capabilities)
