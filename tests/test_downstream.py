"""What the type checkers of those who install the package tell them: without our stubs, and without our settings."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from pyathena.filesystem import s3

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

ROOT = Path(__file__).parent.parent
CODES = re.compile(r"  # type: ignore\[([\w-]+)\]")
RULES = re.compile(r"# ((?:report\w+ ?)+):")

Errors = Counter[tuple[str, int, str]]
"""File, line and code or rule."""


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel and the checkers, and nothing that we know better than our users."""
    environment = tmp_path_factory.mktemp("downstream") / "venv"
    run(sys.executable, "-m", "venv", "--without-pip", str(environment), check=True)
    run(
        *(sys.executable, "-m", "pip", "--python", str(environment), "install", "--quiet"),
        *(str(wheel), "--group", f"{ROOT / 'pyproject.toml'}:downstream"),
        check=True,
    )
    return environment / "bin"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of tests/typing, where they must be refused too."""
    target = tmp_path_factory.mktemp("files")
    for path in (ROOT / "tests" / "typing").glob("[!_]*.py"):
        (target / path.name).write_text(CODES.sub("", path.read_text()))
    return target


def run(*command: str, cwd: Path | None = None, check: bool = False) -> str:
    ran = subprocess.run(command, cwd=cwd, check=False, capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0 or not check, ran.stdout + ran.stderr
    return ran.stdout


def expected(marks: re.Pattern[str]) -> Errors:
    """What the files say of the lines that must be refused."""
    return Counter(
        (path.name, number, each)
        for path in (ROOT / "tests" / "typing").glob("[!_]*.py")
        for number, line in enumerate(path.read_text().splitlines(), 1)
        for mark in marks.findall(line)
        for each in mark.split()
    )


FSSPECS_ATTRIBUTES = {
    "DEFAULT_BLOCK_SIZE",
    "async_impl",
    "blocksize",
    "cachable",
    "cache",
    "disable_throttling",
    "fileno",
    "from_dict",
    "from_json",
    "fsid",
    "isatty",
    "mirror_sync_methods",
    "readinto1",
    "sep",
    "tree",
    "truncate",
}
"""What has no type to mypy, as fsspec has none: settings of its classes, its caches, and what hardly anybody calls."""


def test_mypy_knows_every_public_name_of_the_filesystems_and_files(environment: Path, tmp_path: Path) -> None:
    names = {face: [name for name in dir(getattr(s3, face)) if not name.startswith("_")] for face in s3.__all__}
    lines = [f"from pyathena.filesystem.s3 import {', '.join(names)}"]
    for face, members in names.items():
        lines += [f"def of_{face}(it: {face}) -> None:", *(f"    reveal_type(it.{name})" for name in members)]
    (tmp_path / "every.py").write_text("\n".join(lines))
    told = run(str(environment / "mypy"), "--strict", "--output", "json", "every.py", cwd=tmp_path)
    revealed = [json.loads(line) for line in told.splitlines()]
    assert len(revealed) == sum(map(len, names.values())), told
    unknown = {each["line"] for each in revealed if each["message"] == 'Revealed type is "Any"'}
    assert {lines[line - 1].strip(" )").partition(".")[2] for line in unknown} <= FSSPECS_ATTRIBUTES


@pytest.mark.parametrize("fsspec", ["unknown to mypy", "read by mypy"])
def test_mypy_sees_all_types_and_refuses_just_what_is_wrong(environment: Path, files: Path, fsspec: str) -> None:
    settings = files / f"{fsspec}.ini"
    follow = "[mypy-fsspec.*]\nfollow_untyped_imports = True\n" if fsspec == "read by mypy" else ""
    settings.write_text(f"[mypy]\nstrict = True\n{follow}")
    told = run(str(environment / "mypy"), "--config-file", str(settings), "--output", "json", ".", cwd=files)
    reports: list[dict[str, Any]] = [json.loads(line) for line in told.splitlines()]
    found = Counter((each["file"], each["line"], each["code"]) for each in reports if each["severity"] == "error")
    assert found == expected(CODES), told


def test_pyright_sees_all_types_and_refuses_just_what_is_wrong(environment: Path, files: Path) -> None:
    python = str(environment / "python")
    told = run(python, "-m", "pyright", "--pythonpath", python, "--outputjson", ".", cwd=files)
    reports: list[dict[str, Any]] = json.loads(told)["generalDiagnostics"]
    found = Counter(
        (Path(each["file"]).name, each["range"]["start"]["line"] + 1, each["rule"])
        for each in reports
        if each["severity"] == "error"
    )
    assert found == expected(RULES), told
