"""What comes with an extra: nothing of it is imported before it is needed, and its lack is told in time."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

LIBRARIES = ["pandas", "pyarrow", "polars", "numpy"]
EXTRAS = {"arrow": "pyarrow", "pandas": "pandas", "polars": "polars"}


def run(code: str) -> None:
    """Run Python in a process of its own, with a connection that no request is made by."""
    begin = """
        import sys
        import pyathena, pyathena.aio.connection, pyathena.connection
        options = dict(region_name="us-east-1", s3_staging_dir="s3://results/", endpoint_url="http://127.0.0.1:9")
        connections = [pyathena.connection.Connection(**options), pyathena.aio.connection.AioConnection(**options)]
    """
    whole = textwrap.dedent(begin) + textwrap.dedent(code)
    done = subprocess.run([sys.executable, "-c", whole], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_neither_the_package_nor_its_cursors_import_a_library_of_tables() -> None:
    run(f"""
        from importlib import import_module

        for connection, aio, face in zip(connections, ("", "aio."), ("", "Aio")):
            for name in ("Arrow", "Pandas", "Polars", "S3FS"):
                module = import_module(f"pyathena.{{aio}}{{name.lower()}}.cursor")
                connection.cursor(getattr(module, f"{{face}}{{name}}Cursor"))
        imported = [name for name in {LIBRARIES!r} if name in sys.modules]
        assert not imported, imported
    """)


@pytest.mark.parametrize(("extra", "module"), list(EXTRAS.items()))
def test_a_library_that_is_missing_is_told_of_before_a_query_is_run(extra: str, module: str) -> None:
    run(f"""
        sys.modules[{module!r}] = None  # so that it cannot be imported
        from pyathena.{extra}.cursor import {extra.title()}Cursor as Cursor
        from pyathena.aio.{extra}.cursor import Aio{extra.title()}Cursor as AioCursor
        from pyathena.converter import DefaultTypeConverter

        for connection, kind in zip(connections, (Cursor, AioCursor)):
            for given in ({{}}, {{"converter": DefaultTypeConverter()}}):
                try:
                    connection.cursor(kind, **given)
                except ImportError as error:
                    assert "{module} is not installed: pip install 'pyathena[{extra}]'" in str(error), error
                    assert error.name == {module!r}
                else:
                    raise AssertionError("it was made without its library")
    """)


def test_pandas_alone_reads_csv_and_tells_what_parquet_needs() -> None:
    run("""
        sys.modules["pyarrow"] = None
        from pyathena.pandas.cursor import PandasCursor

        connections[0].cursor(PandasCursor)
        for given in ({"unload": True}, {"engine": "pyarrow"}):
            try:
                connections[0].cursor(PandasCursor, **given)
            except ImportError as error:
                assert "pip install 'pyathena[arrow]'" in str(error), error
            else:
                raise AssertionError(f"it was made without pyarrow, with {given}")
    """)
