"""Which instance one gets, what it takes, and how it ends."""

from __future__ import annotations

import asyncio
import pickle
import subprocess
import sys
import threading
from typing import Any

import pytest
from typing_extensions import override

from pyathena.filesystem.s3 import AioS3FileSystem, S3FileSystem
from pyathena.transport import (
    ConnectOptions,
    InMemoryTransport,
    ObjectRef,
    S3ClosedError,
    S3PreconditionError,
    ThreadedBoto3Transport,
)
from tests.recording import Recording

FACES = pytest.mark.parametrize("make", [AioS3FileSystem, S3FileSystem])
OPTIONS: ConnectOptions = {"key": "testkey123", "secret": "secret", "endpoint_url": "http://127.0.0.1:9"}


@FACES
def test_instances_of_the_same_options_are_one(make: Any) -> None:
    assert make(**OPTIONS) is make(**OPTIONS)
    assert make(**OPTIONS) is not make(**OPTIONS, max_concurrency=3)


@FACES
def test_instances_with_a_live_object_are_never_shared(make: Any) -> None:
    class LooksLikeAnother(InMemoryTransport):
        @override
        def __repr__(self) -> str:
            return "the same"

    first, second = LooksLikeAnother(), LooksLikeAnother()
    assert make(transport=first).transport is first
    assert make(transport=second).transport is second
    assert make(transport=first) is not make(transport=first)


@FACES
def test_a_closed_instance_is_not_handed_out_again(make: Any) -> None:
    first = make(**OPTIONS)
    first.close()
    second = make(**OPTIONS)
    assert second is not first
    assert not second.closed


def test_closing_closes_its_own_transport_and_leaves_one_that_was_given() -> None:
    async def program() -> None:
        fs = AioS3FileSystem(**OPTIONS, asynchronous=True)
        await fs.aclose()
        await fs.aclose()
        with pytest.raises(S3ClosedError, match="was closed"):
            await fs._cat_file("bucket/key")
        given = InMemoryTransport(buckets=["bucket"])
        await AioS3FileSystem(transport=given, asynchronous=True).aclose()
        await given.put_object(ObjectRef("bucket", "key"), b"x")

    asyncio.run(program())


def test_two_event_loops_one_after_the_other_work_with_one_instance(moto_endpoint: str) -> None:
    fs = AioS3FileSystem(
        key="testkey123", secret="s", endpoint_url=moto_endpoint, asynchronous=True, allow_bucket_creation=True
    )
    asyncio.run(fs._mkdir("two-loops"))
    asyncio.run(fs._pipe_file("two-loops/key", b"data"))
    assert asyncio.run(fs._cat_file("two-loops/key")) == b"data"
    asyncio.run(fs.aclose())


@FACES
def test_an_instance_of_options_can_be_pickled(make: Any) -> None:
    fs = make(**OPTIONS, max_concurrency=3)
    again = pickle.loads(pickle.dumps(fs))
    assert again.storage_options == fs.storage_options


@FACES
def test_an_instance_with_what_cannot_be_pickled_names_it(make: Any) -> None:
    with pytest.raises(TypeError, match="InMemoryTransport"):
        pickle.dumps(make(transport=InMemoryTransport()))


@FACES
def test_an_instance_with_a_transport_of_options_can_be_pickled(make: Any) -> None:
    fs = make(transport=ThreadedBoto3Transport(**OPTIONS, max_concurrency=3))
    again = pickle.loads(pickle.dumps(fs))
    assert again.transport.max_concurrency == 3


@FACES
@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"max_concurrency": 0}, ValueError, "got 0"),
        ({"default_block_size": 0}, ValueError, "got 0"),
        ({"transport": InMemoryTransport(), "connection": object()}, ValueError, "leave out connection="),
        ({"transport": InMemoryTransport(), "key": "k", "secret": "s"}, ValueError, "leave out key=, secret="),
        ({"s3_additional_kwargs": {"Colour": "blue"}}, TypeError, "Colour"),
        ({"listings_expiry_time": -1}, ValueError, "got -1"),
        ({"max_paths": 0}, ValueError, "got 0"),
        ({"colour": "blue"}, TypeError, "colour"),
    ],
)
def test_options_that_make_no_sense_are_refused_by_name(
    make: Any, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        make(**options)


@FACES
def test_paths_are_stripped_as_fsspec_does(make: Any) -> None:
    assert make._strip_protocol("s3://bucket/dir/") == "bucket/dir"
    assert make._strip_protocol(["s3a://bucket/key", "/bucket"]) == ["bucket/key", "bucket"]
    assert make(**OPTIONS).unstrip_protocol("bucket/key") == "s3://bucket/key"


def test_max_concurrency_is_that_of_the_transport_and_of_each_call() -> None:
    fs = AioS3FileSystem(**OPTIONS, max_concurrency=5)
    assert isinstance(fs.transport, ThreadedBoto3Transport)
    assert fs.transport.max_concurrency == fs._engine.max_concurrency == 5


NO_LOOP = """
import asyncio, threading
from pyathena.filesystem.s3 import S3FileSystem
from pyathena.transport import InMemoryTransport

def refuse(*args, **kwargs):
    raise AssertionError("an event loop was made")

asyncio.new_event_loop = asyncio.events.new_event_loop = refuse
transport = InMemoryTransport(buckets=["bucket"])
fs = S3FileSystem(transport=transport, default_block_size=1000)
with fs.open("bucket/key", "wb") as f:
    f.write(bytes(20_000_000))
with fs.open("bucket/key") as f:
    assert f.read() == bytes(20_000_000)
assert fs.info("bucket/key")["size"] == len(fs.cat_file("bucket/key"))
assert fs.ls("bucket") == ["bucket/key"]
del fs, f
import gc; gc.collect()
for thread in threading.enumerate():
    if thread is not threading.main_thread():
        thread.join(10)
assert threading.active_count() == 1, threading.enumerate()
print("done")
"""


def test_the_synchronous_face_starts_no_event_loop_and_leaves_no_thread() -> None:
    ran = subprocess.run([sys.executable, "-c", NO_LOOP], check=False, capture_output=True, text=True, timeout=50)
    assert ran.stdout == "done\n", ran.stderr


def test_a_transport_that_suspends_is_refused_by_the_synchronous_face() -> None:
    fs = S3FileSystem(transport=ThreadedBoto3Transport(**OPTIONS))
    with pytest.raises(TypeError, match="AioS3FileSystem"):
        fs.info("bucket/key")


FORK = """
import os, sys, threading, time
from pyathena.filesystem.s3 import AioS3FileSystem, S3FileSystem
from pyathena.transport import InMemoryTransport

class Slow(InMemoryTransport):
    async def get_object_range(self, *args, **kwargs):
        if threading.current_thread() is not threading.main_thread():
            time.sleep(0.2)  # so that reads ahead are in flight when the process forks
        return await super().get_object_range(*args, **kwargs)

transport = Slow(buckets=["bucket"])
data = os.urandom(20_000_000)
blocking = S3FileSystem(transport=transport, default_block_size=1_000_000)
blocking.pipe_file("bucket/key", data)
aio = AioS3FileSystem(transport=InMemoryTransport(buckets=["bucket"]))
aio.pipe_file("bucket/key", b"data")
f = blocking.open("bucket/key")
assert f.read(1_000_005) == data[:1_000_005]
child = os.fork()
if child == 0:
    ok = f.read() == data[1_000_005:] and aio.cat_file("bucket/key") == b"data"
    f.close()
    os._exit(0 if ok else 1)
assert f.read() == data[1_000_005:]
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
print("both read")
"""


def test_both_faces_and_an_open_file_go_on_in_a_forked_child() -> None:
    ran = subprocess.run([sys.executable, "-c", FORK], check=False, capture_output=True, text=True, timeout=50)
    assert ran.stdout == "both read\n", ran.stderr


class Unpicklable:
    """A connection that holds what cannot be pickled."""

    def __init__(self) -> None:
        self.session: object = threading.Lock()
        self.region_name: str | None = "us-east-1"
        self.config: object | None = None
        self.s3_endpoint_url: str | None = "http://127.0.0.1:9"


@FACES
def test_an_instance_with_a_connection_that_cannot_be_pickled_names_it(make: Any) -> None:
    for fs in (make(connection=Unpicklable()), make(Unpicklable())):
        with pytest.raises(TypeError, match="connection=Unpicklable cannot be pickled"):
            pickle.dumps(fs)


@FACES
def test_options_have_the_names_of_s3fs_and_of_pyathena(make: Any) -> None:
    fs = make(username="testkey123", password="secret", max_workers=3, default_fill_cache=True, cache_regions=True)
    assert fs.transport.max_concurrency == 3
    assert fs.transport._options.key == "testkey123"
    with pytest.raises(ValueError, match="username= is another name for key="):
        make(key="a", username="b", secret="c")


@FACES
def test_default_cache_type_is_that_of_files_that_say_none(make: Any) -> None:
    memory = InMemoryTransport(buckets=["bucket"])
    asyncio.run(memory.put_object(ObjectRef("bucket", "key"), b"0123456789"))
    with make(transport=memory, default_cache_type="bytes").open("bucket/key") as f:
        assert f.read(3) == b"012"
        assert f.cache.name == "bytes"


@FACES
def test_local_expiry_check_compares_etags_and_sends_no_condition(make: Any) -> None:
    recording = Recording()
    fs = make(transport=recording.transport, local_expiry_check=True)
    fs.pipe_file("bucket/key", b"a" * 4_000_000)
    with fs.open("bucket/key") as f:
        assert f.read(15) == b"a" * 15
        assert all(kwargs["options"].if_match is None for _, kwargs in recording.arguments if "options" in kwargs)
        fs.pipe_file("bucket/key", b"b" * 4_000_000)
        with pytest.raises(S3PreconditionError, match="replaced while it was read"):
            f.seek(3_900_000)
            f.read(5)


@FACES
def test_fixed_upload_size_lets_parts_not_grow(make: Any) -> None:
    fs = make(transport=InMemoryTransport(buckets=["bucket"]), fixed_upload_size=True)
    writer = fs._engine.writer(ObjectRef("bucket", "key"))
    writer._part_number = 5000
    assert writer._part_size() == 8 * 2**20


def test_an_instance_for_an_event_loop_is_never_that_of_another() -> None:
    first, second = asyncio.new_event_loop(), asyncio.new_event_loop()
    assert repr(first) == repr(second)
    assert AioS3FileSystem(**OPTIONS, loop=first).loop is first
    assert AioS3FileSystem(**OPTIONS, loop=second).loop is second
    first.close()
    second.close()


@pytest.mark.parametrize("name", ["asynchronous", "loop"])
def test_who_gives_an_event_loop_to_the_synchronous_face_is_told_of_the_other(name: str) -> None:
    options: dict[str, Any] = {name: None}
    with pytest.raises(TypeError, match=f"unknown arguments: {name}; .*AioS3FileSystem"):
        S3FileSystem(**options)
