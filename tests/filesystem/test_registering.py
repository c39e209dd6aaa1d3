"""``s3://`` in fsspec: ours when it was asked for, and given back as it was."""

from __future__ import annotations

import doctest
import pickle
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from fsspec.core import open as open_url
from fsspec.implementations.local import LocalFileSystem
from fsspec.registry import _registry, get_filesystem_class, register_implementation, registry

from pyathena.filesystem import AioS3FileSystem, S3FileSystem, register, registering
from pyathena.filesystem.paths import PROTOCOLS
from tests.servers import KEY, SECRET


@pytest.fixture(autouse=True)
def _the_registry_is_as_it_was() -> Iterator[None]:
    before = {protocol: registry.get(protocol) for protocol in PROTOCOLS}
    yield
    assert {protocol: registry.get(protocol) for protocol in PROTOCOLS} == before


def test_importing_registers_nothing() -> None:
    program = (
        "import pyathena, pyathena.filesystem, pyathena.aio.connection, pyathena.connection; import fsspec; "
        "print(sorted(name for name, cls in fsspec.registry.items() if cls.__module__.startswith('pyathena')))"
    )
    ran = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=50)
    assert ran.stdout.strip() == "[]"


def test_both_protocols_are_ours_until_it_is_undone() -> None:
    registration = register()
    assert get_filesystem_class("s3") is get_filesystem_class("s3a") is AioS3FileSystem
    registration.unregister()
    assert "s3" not in registry
    assert "s3a" not in registry
    registration.unregister()


def test_the_other_face_and_a_class_of_ones_own_can_be_had() -> None:
    class Mine(S3FileSystem):
        pass

    with register(S3FileSystem):
        assert get_filesystem_class("s3") is S3FileSystem
        with register(Mine, protocols=["s3a"]):
            assert get_filesystem_class("s3a") is Mine
            assert get_filesystem_class("s3") is S3FileSystem
        assert get_filesystem_class("s3a") is S3FileSystem


def test_a_class_that_was_there_before_comes_back() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(_registry, "s3", LocalFileSystem)
        with pytest.raises(KeyError, match="the block fails"), register():
            assert get_filesystem_class("s3") is AioS3FileSystem
            raise KeyError("the block fails")
        assert registry["s3"] is LocalFileSystem
        assert "s3a" not in registry


def test_registering_once_more_changes_nothing_and_neither_does_undoing_that() -> None:
    with register():
        again = register()
        again.unregister()
        assert get_filesystem_class("s3") is AioS3FileSystem


def test_what_somebody_else_registered_meanwhile_stays_and_is_named() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(_registry, "s3", LocalFileSystem)  # so that it is given back
        registration = register()
        register_implementation("s3", LocalFileSystem, clobber=True)
        with pytest.raises(RuntimeError, match=r"s3:// \(LocalFileSystem\) was registered anew since AioS3FileSystem"):
            registration.unregister()
        assert registry["s3"] is LocalFileSystem
        assert "s3a" not in registry


def test_a_protocol_that_our_paths_know_nothing_of_is_refused() -> None:
    with pytest.raises(ValueError, match="got 'gs'"):
        register(protocols=["s3", "gs"])


def test_threads_that_register_at_once_leave_nothing_behind() -> None:
    def work() -> None:
        for _ in range(200):
            register().unregister()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize("filesystem", [AioS3FileSystem, S3FileSystem])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_fsspec_opens_and_chains_urls(filesystem: Any, protocol: str, moto_endpoint: str, tmp_path: Any) -> None:
    options = {"key": KEY, "secret": SECRET, "endpoint_url": moto_endpoint}
    bucket = f"registered-{filesystem.__name__.lower()}-{protocol}"
    filesystem(**options, allow_bucket_creation=True).mkdir(bucket)
    with register(filesystem, protocols=[protocol]):
        with open_url(f"{protocol}://{bucket}/dir/key.txt", "w", **options) as file:
            file.write("text")
        with open_url(f"{protocol}://{bucket}/dir/key.txt", "r", **options) as file:
            assert file.read() == "text"
        chained = f"simplecache::{protocol}://{bucket}/dir/key.txt"
        with open_url(chained, "rb", **{protocol: options}, simplecache={"cache_storage": str(tmp_path)}) as file:
            assert file.read() == b"text"
    get_filesystem_class("simplecache").clear_instance_cache()


@pytest.mark.parametrize("filesystem", [AioS3FileSystem, S3FileSystem])
def test_an_instance_survives_json_and_pickles_without_being_registered(filesystem: Any) -> None:
    fs = filesystem(key=KEY, secret=SECRET, endpoint_url="http://127.0.0.1:9")
    assert filesystem.from_json(fs.to_json()) is fs
    assert pickle.loads(pickle.dumps(fs)) is fs
    assert fs.unstrip_protocol("bucket/key") == "s3://bucket/key"


def test_the_example_is_true() -> None:
    assert doctest.testmod(registering).failed == 0
