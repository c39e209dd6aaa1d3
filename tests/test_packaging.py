"""What is in the wheel."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import pyathena

ROOT = Path(__file__).parent.parent


@pytest.fixture
def content(wheel: Path) -> zipfile.ZipFile:
    assert wheel.name == f"pyathena-{pyathena.__version__}-py3-none-any.whl"
    return zipfile.ZipFile(wheel)


def test_the_marker_for_type_checkers_is_in_the_wheel(content: zipfile.ZipFile) -> None:
    assert "pyathena/py.typed" in content.namelist()


def test_every_module_is_in_the_wheel_and_nothing_else(content: zipfile.ZipFile) -> None:
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "pyathena").rglob("*.py")}
    inside = {name for name in content.namelist() if ".dist-info/" not in name}
    assert inside == modules | {"pyathena/py.typed"}


def test_the_wheel_needs_three_packages_and_no_more(content: zipfile.ZipFile) -> None:
    (metadata,) = [name for name in content.namelist() if name.endswith(".dist-info/METADATA")]
    needed = [
        line.split()[1].partition(">")[0]
        for line in content.read(metadata).decode().splitlines()
        if line.startswith("Requires-Dist:") and "extra ==" not in line
    ]
    assert sorted(needed) == ["boto3", "fsspec", "typing-extensions"]


def test_fsspec_finds_the_filesystems_of_an_installed_wheel_by_their_own_names(
    content: zipfile.ZipFile, tmp_path: Path
) -> None:
    content.extractall(tmp_path)
    program = (
        "import fsspec, sys; "
        "fs, path = fsspec.url_to_fs('pyathena-s3://bucket/key', key='k', secret='s'); "
        "sync = fsspec.filesystem('pyathena-s3-sync', key='k', secret='s'); "
        "print(type(fs).__name__, path, type(sync).__name__, sys.modules['pyathena'].__file__)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=50, cwd=tmp_path
    )
    assert ran.stdout.split() == ["AioS3FileSystem", "bucket/key", "S3FileSystem", f"{tmp_path}/pyathena/__init__.py"]
