"""fsspec's own tests of what a filesystem does, over both faces, against moto and over the in-memory transport.

They are written for synchronous filesystems. `AioS3FileSystem` takes them twice: by its synchronous methods, and with
``asynchronous=True`` by its coroutines alone. Of those against moto the many about patterns are slow.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import fsspec.tests.abstract
import pytest
from fsspec.tests.abstract import (
    AbstractCopyTests,
    AbstractFixtures,
    AbstractGetTests,
    AbstractOpenTests,
    AbstractPipeTests,
    AbstractPutTests,
)

from pyathena.filesystem.s3 import AioS3FileSystem, S3FileSystem
from pyathena.transport import InMemoryTransport
from tests.filesystem.adapter import CoroutinesOnly

BUCKET = "fsspec-suite"
"""The bucket of all tests, each below a prefix of its own."""

_numbers = itertools.count()


@contextmanager
def _synchronous(make: Callable[..., Any], **options: Any) -> Iterator[Any]:
    fs = make(**options)
    yield fs
    fs.close()


@contextmanager
def _coroutines(**options: Any) -> Iterator[CoroutinesOnly]:
    with asyncio.Runner() as runner:
        fs = AioS3FileSystem(asynchronous=True, **options)
        yield CoroutinesOnly(fs, runner.get_loop())
        runner.run(fs.aclose())


FACES: dict[str, Callable[..., Any]] = {
    "AioS3FileSystem": lambda **options: _synchronous(AioS3FileSystem, **options),
    "AioS3FileSystem by coroutines": _coroutines,
    "S3FileSystem": lambda **options: _synchronous(S3FileSystem, **options),
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test that wants a filesystem on every face and every server."""
    if "face" not in metafunc.fixturenames:
        return
    about_patterns = "_glob_" in metafunc.function.__name__
    slow = {"memory": [], "moto": [pytest.mark.slow] if about_patterns else []}
    cases = [
        pytest.param((face, server), id=f"{face} on {server}", marks=slow[server]) for server in slow for face in FACES
    ]
    metafunc.parametrize("face", cases, indirect=True, scope="module")


@pytest.fixture(scope="module")
def face(request: pytest.FixtureRequest) -> Iterator[Any]:
    """One filesystem for many tests, since a client of boto3 takes a while to make."""
    name, server = request.param
    reached: dict[str, Any]
    if server == "moto":
        reached = {"endpoint_url": request.getfixturevalue("moto_endpoint"), "skip_instance_cache": True}
    else:
        reached = {"transport": InMemoryTransport()}
    with FACES[name](allow_bucket_creation=True, **reached) as fs:
        if not fs.exists(BUCKET):
            fs.mkdir(BUCKET)
        yield fs


class OnS3(AbstractFixtures):
    """What fsspec's suites want to know of a filesystem."""

    @pytest.fixture
    def fs(self, face: Any) -> Any:
        return face

    @pytest.fixture
    def fs_join(self) -> Callable[..., str]:
        return lambda *parts: "/".join(parts)

    @pytest.fixture
    def fs_path(self) -> str:
        return f"{BUCKET}/{next(_numbers)}"

    @pytest.fixture
    def supports_empty_directories(self) -> bool:
        return False


class TestCopy(OnS3, AbstractCopyTests):
    """fsspec's tests of `copy`, recursive, by pattern and by list."""


class TestGet(OnS3, AbstractGetTests):
    """fsspec's tests of `get`."""


class TestPut(OnS3, AbstractPutTests):
    """fsspec's tests of `put`."""


class TestPipe(OnS3, AbstractPipeTests):
    """fsspec's tests of `pipe_file`."""


class TestOpen(OnS3, AbstractOpenTests):
    """fsspec's tests of `open`."""


def test_every_suite_that_fsspec_has_is_run_here() -> None:
    suites = {name for name in vars(fsspec.tests.abstract) if name.startswith("Abstract") and name.endswith("Tests")}
    run = {base.__name__ for test in (TestCopy, TestGet, TestPut, TestPipe, TestOpen) for base in test.__mro__}
    assert suites <= run
