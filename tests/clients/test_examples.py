"""The examples run as they are."""

from __future__ import annotations

import pytest

from pyathena.filesystem import S3FileSystem
from tests.servers import KEY, SECRET
from tests.test_demo import EXAMPLES, run

# dask's use of pandas, in processes of its own.
IGNORED = {"dask_cluster": "The inplace keyword in DataFrame"}

SAYS = {
    "dask_cluster": "499500 is the sum over 8 files",
    "duckdb_sql": "one partition: (333, 166167)",
    "fastapi_service": "50 queries at once, each with {'n': 1, 'day': 1, 'name': 'row 1'} as its first row",
    "pandas_files": "333 rows of one of 3 partitions",
    "polars_files": "166167 is the sum of one partition",
    "pyarrow_dataset": "333 of 1000 rows, in 3 files",
    "upath_paths": "notes/2.txt: two, 4 bytes",
    "zarr_chunks": "100 chunks were written and read",
}
IN_A_BUCKET = sorted(SAYS.keys() - {"fastapi_service"})


@pytest.mark.slow
@pytest.mark.parametrize("name", SAYS)
def test_an_example_runs_against_servers_that_it_starts(name: str) -> None:
    ran = run(program=EXAMPLES / f"{name}.py", ignored=IGNORED.get(name))
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr == ""
    assert SAYS[name] in ran.stdout


@pytest.mark.slow
@pytest.mark.parametrize("name", IN_A_BUCKET)
def test_an_example_runs_in_a_bucket_that_is_there_and_leaves_nothing(name: str, rclone_endpoint: str) -> None:
    bucket = f"example-{name.replace('_', '-')}"
    fs = S3FileSystem(key=KEY, secret=SECRET, endpoint_url=rclone_endpoint, allow_bucket_creation=True)
    fs.mkdir(bucket)
    fs.pipe_file(f"{bucket}/before", b"x")
    arguments = ("--endpoint-url", rclone_endpoint, "--bucket", bucket)
    ran = run(*arguments, program=EXAMPLES / f"{name}.py", ignored=IGNORED.get(name))
    assert ran.returncode == 0, ran.stderr
    assert SAYS[name] in ran.stdout
    assert fs.find(bucket) == [f"{bucket}/before"]


def test_the_examples_are_short_and_all_of_them_are_run() -> None:
    programs = {path.stem: path for path in EXAMPLES.glob("*.py")}
    assert programs.keys() == SAYS.keys() | {"caching_transport", "demo", "local", "metrics", "queries"}
    assert {name for name in SAYS if len(programs[name].read_text().splitlines()) > 65} == set()
