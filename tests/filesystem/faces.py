"""Both faces of the filesystem, to run the same case through each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, cast

import pytest

from pyathena.filesystem.s3 import AioS3FileSystem, S3FileSystem
from pyathena.transport import ByteRange, InMemoryTransport, ObjectRef
from tests.recording import Recording

MIB = 2**20


@dataclass
class Face:
    """A filesystem, and a way to call its methods by fsspec's names."""

    fs: Any
    recording: Recording
    call: Callable[..., Any]

    def put(self, key: str, data: bytes = b"x") -> None:
        """Write an object past the filesystem."""
        asyncio.run(self.recording.inner.put_object(ObjectRef("bucket", key), data))

    def content(self, key: str) -> bytes:
        """Read an object past the filesystem."""
        ref = ObjectRef("bucket", key)
        if asyncio.run(self.recording.inner.head_object(ref)).size == 0:
            return b""
        return bytes(asyncio.run(self.recording.inner.get_object_range(ref, ByteRange(0))).data)

    @property
    def memory(self) -> InMemoryTransport:
        """The transport behind the one that notes requests."""
        return cast("InMemoryTransport", self.recording.inner)


def _coroutines(fs: AioS3FileSystem) -> Callable[..., Any]:
    def call(method: str, *args: Any, **kwargs: Any) -> Any:
        return asyncio.run(getattr(fs, f"_{method}")(*args, **kwargs))

    return call


def _methods(fs: Any) -> Callable[..., Any]:
    return lambda method, *args, **kwargs: getattr(fs, method)(*args, **kwargs)


@pytest.fixture(params=["coroutines", "mirrors", "without a loop"])
def make_face(request: pytest.FixtureRequest) -> Iterator[Callable[..., Face]]:
    """Make faces with options of the test's own."""
    made: list[Face] = []

    def make(**given: Any) -> Face:
        face = _make(request.param, Recording(), given)
        made.append(face)
        return face

    yield make
    for face in made:
        asyncio.run(face.fs.aclose()) if request.param == "coroutines" else face.fs.close()


@pytest.fixture
def face(make_face: Callable[..., Face]) -> Face:
    return make_face()


def _make(kind: str, recording: Recording, given: dict[str, Any]) -> Face:
    options: dict[str, Any] = {
        "transport": recording.transport,
        "default_block_size": MIB,
        "allow_bucket_creation": True,
        **given,
    }
    if kind == "coroutines":
        aio = AioS3FileSystem(asynchronous=True, **options)
        return Face(aio, recording, _coroutines(aio))
    fs = AioS3FileSystem(**options) if kind == "mirrors" else S3FileSystem(**options)
    return Face(fs, recording, _methods(fs))
