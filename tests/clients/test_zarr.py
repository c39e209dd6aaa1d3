"""zarr 3: arrays in an ``FsspecStore``, from coroutines and from synchronous code."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import zarr
import zarr.api.asynchronous
from zarr.storage import FsspecStore

from pyathena.filesystem import AioS3FileSystem, register
from pyathena.transport import ConnectOptions
from tests.clients.buckets import Bucket

DATA = np.arange(60 * 60, dtype="f8").reshape(60, 60)


@pytest.fixture
def aio(options: ConnectOptions) -> Iterator[AioS3FileSystem]:
    aio = AioS3FileSystem(**options, asynchronous=True)
    yield aio
    asyncio.run(aio.aclose())


def test_chunks_are_written_and_read_by_many_coroutines_at_once(bucket: Bucket, aio: AioS3FileSystem) -> None:
    async def program() -> None:
        store = FsspecStore(aio, path=f"{bucket.name}/array.zarr")
        array = await zarr.api.asynchronous.create_array(
            store, shape=DATA.shape, chunks=(10, 60), dtype=DATA.dtype, compressors=None
        )
        rows = [slice(start, start + 10) for start in range(0, 60, 10)]
        await asyncio.gather(*(array.setitem(row, DATA[row]) for row in rows))
        found = await asyncio.gather(*(array.getitem(row) for row in rows))
        assert all(np.array_equal(np.asarray(part), DATA[row]) for part, row in zip(found, rows, strict=True))
        assert sorted([key async for key in store.list_prefix("c/")]) == [f"c/{n}/0" for n in range(6)]
        await store.delete_dir("c")
        assert [key async for key in store.list()] == ["zarr.json"]

    asyncio.run(program())
    assert bucket.keys() == ["array.zarr/zarr.json"]


def test_chunks_are_objects_of_their_bytes(bucket: Bucket, aio: AioS3FileSystem) -> None:
    store = FsspecStore(aio, path=f"{bucket.name}/array.zarr")
    zarr.create_array(store, data=DATA, chunks=(30, 60), compressors=None)
    assert bucket.read("array.zarr/c/1/0") == DATA[30:].tobytes()
    assert json.loads(bucket.read("array.zarr/zarr.json"))["shape"] == [60, 60]


def test_shards_are_read_by_ranges(bucket: Bucket, aio: AioS3FileSystem) -> None:
    store = FsspecStore(aio, path=f"{bucket.name}/array.zarr")
    zarr.create_array(store, data=DATA, chunks=(10, 10), shards=(30, 30))
    assert len(bucket.keys("array.zarr/c/")) == 4
    array = zarr.open_array(store, mode="r")
    assert np.array_equal(np.asarray(array[25:35, ::7]), DATA[25:35, ::7])


@pytest.mark.filterwarnings("ignore:Consolidated metadata is currently not part:UserWarning")  # of Zarr's standard
def test_a_group_is_opened_by_its_consolidated_metadata(bucket: Bucket, aio: AioS3FileSystem) -> None:
    store = FsspecStore(aio, path=f"{bucket.name}/group.zarr")
    group = zarr.create_group(store, attributes={"from": "here"})
    for name in ("a", "b"):
        group.create_array(name, data=DATA)
    zarr.consolidate_metadata(store)
    for name in ("a", "b"):
        bucket.client.delete_object(Bucket=bucket.name, Key=f"group.zarr/{name}/zarr.json")
    again = zarr.open_group(FsspecStore(aio, path=f"{bucket.name}/group.zarr"), mode="r", use_consolidated=True)
    assert again.attrs["from"] == "here"
    assert sorted(again.array_keys()) == ["a", "b"]
    assert np.array_equal(np.asarray(again.get("a")), DATA)


def test_an_array_is_made_and_opened_through_a_filesystem_for_synchronous_code(bucket: Bucket, fs: Any) -> None:
    store = FsspecStore.from_mapper(fs.get_mapper(f"{bucket.name}/mapped.zarr"))
    zarr.create_array(store, data=DATA)
    assert np.array_equal(np.asarray(zarr.open_array(store, mode="r")), DATA)


def test_an_array_is_made_and_opened_by_url(bucket: Bucket) -> None:
    url, options = f"s3://{bucket.name}/array.zarr", bucket.storage_options
    with register():
        zarr.create_array(url, data=DATA, storage_options=options)
        assert np.array_equal(np.asarray(zarr.open_array(url, mode="r", storage_options=options)), DATA)
    assert bucket.keys("array.zarr/zarr.json")
