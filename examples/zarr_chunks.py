"""zarr 3: chunks of an array, written and read by many coroutines. ``examples/local.py`` says how to run it."""

from __future__ import annotations

import asyncio

import numpy as np
import zarr.api.asynchronous
from local import place
from zarr.storage import FsspecStore

from pyathena.filesystem import AioS3FileSystem
from pyathena.transport import ConnectOptions

DATA = np.arange(1000 * 1000, dtype="f8").reshape(1000, 1000)


async def main(root: str, options: ConnectOptions) -> None:
    fs = AioS3FileSystem(**options, asynchronous=True)
    store = FsspecStore(fs, path=f"{root}/array.zarr")
    array = await zarr.api.asynchronous.create_array(store, shape=DATA.shape, chunks=(100, 100), dtype=DATA.dtype)
    rows = [slice(start, start + 100) for start in range(0, 1000, 100)]
    await asyncio.gather(*(array.setitem(row, DATA[row]) for row in rows))
    found = await asyncio.gather(*(array.getitem(row) for row in rows))
    assert np.array_equal(np.concatenate([np.asarray(part) for part in found]), DATA)
    print(f"  {len([key async for key in store.list_prefix('c/')])} chunks were written and read")
    await fs.aclose()


with place(__doc__) as (root, options):
    asyncio.run(main(root, options))
