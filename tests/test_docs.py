"""The examples of guide and docstrings run as they stand there, and those of the README fit what is there.

Those that cannot are marked in their page: ``<!--- skip: next -->``.

A reader has AWS; here moto and a local Athena are found in its place, by the environment. The blocks of a page run in
order and share their names. ``await`` stands in them as in ``python -m asyncio``.
"""

from __future__ import annotations

import ast
import asyncio
import doctest
import importlib
import inspect
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import CodeType
from typing import Any

import pytest
from sybil import Document, Example, Sybil
from sybil.parsers.markdown import CodeBlockParser, SkipParser

from pyathena.filesystem.s3 import AioS3FileSystem, S3FileSystem
from pyathena.testing.athena import Answer, Column, LocalAthena, QueryError
from pyathena.transport import BlockingBoto3Transport
from tests.queries import parquet
from tests.servers import KEY, SECRET

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
PAGES = [page for page in sorted((ROOT / "docs").rglob("*.md")) if "```python" in page.read_text(encoding="utf-8")]
MODULES = [
    ".".join(source.relative_to(ROOT).with_suffix("").parts)
    for source in sorted((ROOT / "pyathena").rglob("*.py"))
    if ">>> " in source.read_text(encoding="utf-8")
]

# What a page of the guide finds there.
SCENE = """
from collections.abc import Callable
from pyathena.testing.athena import Answer, Column, LocalAthena, QueryError
athena: LocalAthena
parquet: Callable[[int], bytes]
"""
# What the README leaves to its reader. Its examples are programs of their own, and have gaps that are shown as such.
README_SCENE = """
# mypy: disable-error-code="no-redef, arg-type, empty-body, no-untyped-def"
import pytest
from typing import Any
from pyathena.aio.connection import AioConnection
from pyathena.filesystem.s3 import AioS3FileSystem
from pyathena.transport import InMemoryTransport
class MyTransport(InMemoryTransport): ...
async def my_report(connection: AioConnection[Any]) -> int: ...
async def my_pipeline(fs: AioS3FileSystem) -> None: ...
"""


def blocks(page: Path, evaluate: Any = None) -> Document:
    """The Python of a page, that between comments included."""
    return Sybil([CodeBlockParser("python", evaluate), SkipParser()]).parse(page)


def programs(page: Path) -> list[str]:
    """What stands in those blocks, but for those that are marked."""
    found: list[str] = []
    for example in blocks(page, lambda block: found.append(block.parsed)).examples():
        example.evaluate()
    return found


def compiled(example: Example) -> CodeType:
    """Compile a block, with the lines of its page."""
    lines = "\n" * (example.line + example.parsed.line_offset)
    code: CodeType = compile(
        lines + example.parsed, example.path, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True
    )
    return code


@pytest.fixture
def scene(moto_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """A bucket, a local Athena that writes into it, and an environment in which boto3 finds both."""
    transport = BlockingBoto3Transport(key=KEY, secret=SECRET, endpoint_url=moto_endpoint)
    made = S3FileSystem(transport=transport, allow_bucket_creation=True, allow_bucket_deletion=True)
    made.mkdir("bucket")
    for face in (AioS3FileSystem, S3FileSystem):
        face.clear_instance_cache()
    with LocalAthena(transport) as athena:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", moto_endpoint)
        monkeypatch.setenv("AWS_ENDPOINT_URL_ATHENA", athena.endpoint_url)
        yield {
            "Answer": Answer,
            "Column": Column,
            "QueryError": QueryError,
            "athena": athena,
            "parquet": parquet,
        }
    for face in (AioS3FileSystem, S3FileSystem):
        face.clear_instance_cache()
    made.rm("bucket", recursive=True)
    made.close()
    asyncio.run(transport.aclose())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_examples_of_a_page_run(page: Path, scene: dict[str, Any]) -> None:
    with asyncio.Runner() as loop:

        def evaluate(example: Example) -> None:
            code = compiled(example)
            ran = eval(code, example.namespace)
            if code.co_flags & inspect.CO_COROUTINE:  # others are for where no loop runs
                loop.run(ran)

        document = blocks(page, evaluate)
        document.namespace.update(scene)
        for example in document.examples():
            example.evaluate()


@pytest.mark.parametrize("module", MODULES)
def test_the_examples_of_docstrings_are_true(module: str) -> None:
    tried = doctest.testmod(importlib.import_module(module))
    assert tried.attempted
    assert not tried.failed


def test_the_examples_of_the_readme_import_what_is_there() -> None:
    imports = 0
    for program in programs(README):
        for statement in ast.parse(program).body:
            if isinstance(statement, ast.Import | ast.ImportFrom):
                exec(compile(ast.Module([statement], []), str(README), "exec"), {})
                imports += 1
    assert imports


@pytest.mark.slow
def test_the_examples_are_typed_well(tmp_path: Path) -> None:
    for page, scene in {README: README_SCENE, **dict.fromkeys(PAGES, SCENE)}.items():
        program = "\n".join(programs(page))
        if page is not README:  # where ``await`` may stand
            program = "async def main() -> None:\n" + textwrap.indent(program, "    ")
        (tmp_path / f"{page.stem}_examples.py").write_text(scene + program, encoding="utf-8")
    options = ["--config-file", str(ROOT / "mypy.ini"), "--allow-redefinition"]
    modules = [str(module) for module in tmp_path.iterdir()]
    ran = subprocess.run(
        [sys.executable, "-m", "mypy", *options, *modules], cwd=ROOT, check=False, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
