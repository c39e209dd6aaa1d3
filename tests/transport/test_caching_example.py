"""The example of a transport that wraps another, `examples/caching_transport.py`, keeps the contract, and its word."""

from __future__ import annotations

import asyncio
import pickle
from typing import cast

import caching_transport  # pytest is told of examples/
import pytest
from caching_transport import CachingTransport

from pyathena.testing.conformance import ALL_CAPABILITIES, S3TransportTests, TransportUnderTest
from pyathena.transport import ByteRange, CustomerKey, GetOptions, InMemoryTransport, ObjectRef, PutOptions, S3Transport
from tests.transport.test_conformance import in_memory_subject

REF = ObjectRef("bucket", "key")


class TestCachingTransport(S3TransportTests):
    capabilities = ALL_CAPABILITIES - {"presigned_urls"}

    @pytest.fixture
    def subject(self) -> TransportUnderTest:
        return in_memory_subject(asyncio.run, lambda inner: cast("S3Transport", CachingTransport(inner)))


def test_what_was_read_is_answered_again_as_long_as_it_is_the_same() -> None:
    async def program() -> None:
        caching = CachingTransport(InMemoryTransport(buckets=["bucket"]))
        await caching.put_object(REF, b"0123456789")
        for hits in range(3):
            assert (await caching.get_object_range(REF, ByteRange(2, 6))).data == b"2345"
            assert caching.hits == hits
        buffer = bytearray(5)
        answer = await caching.get_object_range(REF, ByteRange(2, 6), into=memoryview(buffer))
        assert (caching.hits, bytes(buffer), bytes(answer.data)) == (3, b"2345\0", b"2345")
        await caching.put_object(REF, b"abcdefghij")
        assert (await caching.get_object_range(REF, ByteRange(2, 6))).data == b"cdef"
        assert caching.hits == 3

    asyncio.run(program())


def test_a_buffer_that_what_was_kept_does_not_fit_into_is_refused() -> None:
    async def program() -> None:
        caching = CachingTransport(InMemoryTransport(buckets=["bucket"]))
        await caching.put_object(REF, b"0123456789")
        await caching.get_object_range(REF, ByteRange(2))
        with pytest.raises(ValueError, match="into holds 7 bytes"):
            await caching.get_object_range(REF, ByteRange(2), into=memoryview(bytearray(7)))

    asyncio.run(program())


def test_bytes_under_a_key_of_the_callers_are_not_kept() -> None:
    async def program() -> None:
        caching, key = CachingTransport(InMemoryTransport(buckets=["bucket"])), CustomerKey(bytes(32))
        await caching.put_object(REF, b"secret", options=PutOptions(customer_key=key))
        await caching.get_object_range(REF, ByteRange(0), options=GetOptions(customer_key=key))
        assert caching.kept == {}

    asyncio.run(program())


def test_no_more_is_kept_than_was_said() -> None:
    async def program() -> None:
        caching = CachingTransport(InMemoryTransport(buckets=["bucket"]), max_bytes=10)
        await caching.put_object(REF, b"0123456789")
        for start in range(6):
            await caching.get_object_range(REF, ByteRange(start, start + 4))
        assert [byte_range.start for _, byte_range in caching.kept] == [4, 5]

    asyncio.run(program())


def test_it_can_be_pickled_where_the_inner_one_can() -> None:
    assert pickle.loads(pickle.dumps(CachingTransport(cast("S3Transport", None)))).inner is None


def test_the_example_runs_and_is_short(capsys: pytest.CaptureFixture[str]) -> None:
    asyncio.run(caching_transport.main())
    assert "2 of 3 from the cache" in capsys.readouterr().out
    with open(caching_transport.__file__) as source:
        assert len(source.readlines()) <= 60
