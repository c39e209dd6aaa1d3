"""universal_pathlib: ``s3://…`` as a `pathlib.Path`."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from upath import UPath

from tests.clients.buckets import Bucket

pytestmark = pytest.mark.slow


@pytest.fixture
def root(bucket: Bucket, registered: None) -> Any:
    return UPath(f"s3://{bucket.name}/root", **bucket.storage_options)


def test_what_is_written_is_read_and_looked_at(bucket: Bucket, root: Any) -> None:
    (root / "dir" / "text.txt").write_text("räw\n")
    (root / "bytes").write_bytes(b"\x00\x01")
    assert bucket.read("root/dir/text.txt") == "räw\n".encode()
    assert (root / "dir" / "text.txt").read_text() == "räw\n"
    assert (root / "bytes").read_bytes() == b"\x00\x01"
    assert (root / "bytes").stat().st_size == 2
    assert [(root / name).is_dir() for name in ("dir", "bytes", "nothing")] == [True, False, False]
    assert [(root / name).exists() for name in ("dir", "bytes", "nothing")] == [True, True, False]
    with (root / "lines").open("w", newline="") as f:
        f.write("a\r\nb\r\n")
    with (root / "lines").open("rb") as f:
        assert list(f) == [b"a\r\n", b"b\r\n"]


def test_directories_are_listed_matched_and_walked(bucket: Bucket, root: Any) -> None:
    for key in ("root/a.txt", "root/b.csv", "root/sub/c.txt", "root/sub/deep/d.txt"):
        bucket.write(key, b"x")
    base = f"s3://{bucket.name}/root"
    assert sorted(map(str, root.iterdir())) == [f"{base}/a.txt", f"{base}/b.csv", f"{base}/sub"]
    assert sorted(map(str, root.glob("*.txt"))) == [f"{base}/a.txt"]
    assert sorted(map(str, root.rglob("*.txt"))) == [f"{base}/a.txt", f"{base}/sub/c.txt", f"{base}/sub/deep/d.txt"]
    assert [(str(at), dirs, sorted(files)) for at, dirs, files in root.walk()] == [
        (base, ["sub"], ["a.txt", "b.csv"]),
        (f"{base}/sub", ["deep"], ["c.txt"]),
        (f"{base}/sub/deep", [], ["d.txt"]),
    ]


def test_objects_are_renamed_copied_and_deleted(bucket: Bucket, root: Any) -> None:
    bucket.write("root/a", b"x")
    renamed = (root / "a").rename(root / "b")
    assert (str(renamed), bucket.keys()) == (f"s3://{bucket.name}/root/b", ["root/b"])
    renamed.copy(root / "c")
    assert bucket.keys() == ["root/b", "root/c"]
    renamed.unlink()
    assert bucket.keys() == ["root/c"]
    with pytest.raises(FileNotFoundError):
        renamed.unlink()
    renamed.unlink(missing_ok=True)
    (root / "empty").touch()
    assert bucket.read("root/empty") == b""
    root.rmdir(recursive=True)
    assert bucket.keys() == []


def test_making_a_directory_makes_no_object(bucket: Bucket, root: Any) -> None:
    (root / "dir").mkdir()
    (root / "dir" / "sub").mkdir(mode=0o700, parents=True, exist_ok=True)
    assert bucket.keys() == []


def test_a_missing_object_is_a_file_not_found_error(root: Any) -> None:
    with pytest.raises(FileNotFoundError, match="nothing"):
        (root / "nothing").read_text()


def test_a_path_can_be_pickled(bucket: Bucket, root: Any) -> None:
    bucket.write("root/key", b"x")
    assert pickle.loads(pickle.dumps(root / "key")).read_bytes() == b"x"
