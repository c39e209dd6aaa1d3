"""The contract of `S3Transport` over aiobotocore, and what that transport does beyond it.

aiobotocore needs an environment of its own: `make test-aiobotocore` makes it and runs these.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

pytest.importorskip("aiobotocore", reason="runs by `make test-aiobotocore`")

from pyathena.testing.conformance import S3TransportTests, TransportUnderTest
from pyathena.transport.aiobotocore import AiobotocoreTransport
from tests.servers import KEY, SECRET
from tests.transport.test_conformance import MOTO, RCLONE, server_subject, stalled_read_by


def connect(endpoint: str, **options: Any) -> AiobotocoreTransport:
    return AiobotocoreTransport(
        key=KEY, secret=SECRET, endpoint_url=endpoint, region_name="us-east-1", **{"max_concurrency": 16, **options}
    )


class TestAiobotocoreTransportOverMoto(S3TransportTests):
    capabilities = MOTO

    @pytest.fixture
    def subject(self, moto_endpoint: str) -> Iterator[TransportUnderTest]:
        with server_subject(
            moto_endpoint, partial(connect, moto_endpoint), run=asyncio.run, stall=partial(stalled_read_by, connect)
        ) as subject:
            yield subject


class TestAiobotocoreTransportOverRclone(S3TransportTests):
    capabilities = RCLONE

    @pytest.fixture
    def subject(self, rclone_endpoint: str) -> Iterator[TransportUnderTest]:
        with server_subject(rclone_endpoint, partial(connect, rclone_endpoint), run=asyncio.run) as subject:
            yield subject
