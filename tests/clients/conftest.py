"""A bucket for each test, and a filesystem to give to a library."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import boto3.session
import pytest

from pyathena.filesystem import AioS3FileSystem, S3FileSystem, register
from pyathena.transport import ConnectOptions
from tests.clients.buckets import Bucket
from tests.servers import KEY, SECRET

NUMBERS = itertools.count()


@pytest.fixture(scope="session")
def options(moto_endpoint: str) -> ConnectOptions:
    return {"key": KEY, "secret": SECRET, "endpoint_url": moto_endpoint}


@pytest.fixture(scope="session")
def client(moto_endpoint: str) -> Any:
    return boto3.session.Session().client("s3", endpoint_url=moto_endpoint)


@pytest.fixture
def bucket(options: ConnectOptions, client: Any) -> Bucket:
    name = f"clients-{next(NUMBERS)}"
    client.create_bucket(Bucket=name)
    return Bucket(name, options, client)


@pytest.fixture(scope="session", params=[AioS3FileSystem, S3FileSystem])
def fs(request: pytest.FixtureRequest, options: ConnectOptions) -> Iterator[Any]:
    """A filesystem for synchronous code: either face."""
    fs = request.param(**options)
    yield fs
    fs.close()


@pytest.fixture
def registered(fs: Any) -> Iterator[None]:
    """Let ``s3://…`` be ours, for libraries that take a URL and ``storage_options``."""
    with register(type(fs)):
        yield
