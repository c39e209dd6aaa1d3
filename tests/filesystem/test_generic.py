"""What every filesystem of fsspec does and its abstract suites leave out, over both faces.

Where S3 can be like a disk, fsspec's `LocalFileSystem` over the same tree of files says what is right.
"""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from fsspec.callbacks import Callback
from fsspec.core import OpenFile
from fsspec.registry import filesystem

from pyathena.filesystem.s3 import AioS3FileSystem, S3FileSystem
from pyathena.transport import ObjectRef
from tests.filesystem.adapter import CoroutinesOnly
from tests.recording import Recording

ROOT = "bucket/root"

TREE = {
    "top.txt": b"top",
    "UPPER.TXT": b"upper",
    "empty": b"",
    "a/one.csv": b"1",
    "a/two.csv": b"22",
    "a/b/three.csv": b"333",
    "a/b/c/four.json": b"4444",
    "ab/five.csv": b"55555",
    "a.b/six.csv": b"666666",
    "x1/f": b"x1",
    "x2/f": b"x2",
    "x3/g": b"x3",
    ".hidden/k": b"hidden",
    "day=2024-01-01/part 0.parquet": b"part",
    "Größe/日本.txt": b"unicode",
}


class World:
    """A filesystem of ours, and a local one with the same files."""

    def __init__(self, fs: Any, recording: Recording, local_root: Path) -> None:
        self.fs = fs
        self.recording = recording
        self.local = filesystem("file", auto_mkdir=True, skip_instance_cache=True)
        self.local_root = str(local_root)

    def add(self, files: dict[str, bytes]) -> None:
        """Put the same files into both, around our filesystem."""
        for name, data in files.items():
            asyncio.run(self.recording.inner.put_object(ObjectRef("bucket", f"root/{name}"), data))
            self.local.pipe_file(f"{self.local_root}/{name}", data)

    def ours(self, method: str, path: str, *args: Any, **kwargs: Any) -> Any:
        """Call a method of ours with a path below the root; take the root off what comes back."""
        return _below(getattr(self.fs, method)(f"{ROOT}/{path}" if path else ROOT, *args, **kwargs), ROOT)

    def theirs(self, method: str, path: str, *args: Any, **kwargs: Any) -> Any:
        """Call the same method of the local filesystem."""
        local = f"{self.local_root}/{path}" if path else self.local_root
        return _below(getattr(self.local, method)(local, *args, **kwargs), self.local_root)

    def same(self, method: str, path: str, *args: Any, **kwargs: Any) -> Any:
        """Return what both answer, which is the same."""
        ours = self.ours(method, path, *args, **kwargs)
        assert ours == self.theirs(method, path, *args, **kwargs)
        return ours

    def content(self) -> dict[str, bytes]:
        """Return all files below our root."""
        return {_below(path, ROOT): self.fs.cat_file(path) for path in self.fs.find(ROOT)}


def _below(answer: Any, root: str) -> Any:
    """Take the root off every path, and what only one kind of filesystem knows off every entry."""
    if isinstance(answer, str):
        return answer.removeprefix(root).strip("/")
    if isinstance(answer, dict) and "name" in answer and "type" in answer:
        size = answer["size"] if answer["type"] == "file" else 0
        return {"name": _below(answer["name"], root), "type": answer["type"], "size": size}
    if isinstance(answer, dict):
        return {_below(path, root): _below(value, root) for path, value in answer.items()}
    if isinstance(answer, list):
        return [_below(each, root) for each in answer]
    return answer


@pytest.fixture(params=["coroutines", "mirrors", "without a loop"])
def bare(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    recording = Recording()
    options: dict[str, Any] = {"transport": recording.transport}
    root = tmp_path / "root"
    root.mkdir()
    if request.param == "coroutines":
        with asyncio.Runner() as runner:
            aio = AioS3FileSystem(asynchronous=True, **options)
            yield World(CoroutinesOnly(aio, runner.get_loop()), recording, root)
    else:
        fs = AioS3FileSystem(**options) if request.param == "mirrors" else S3FileSystem(**options)
        yield World(fs, recording, root)
        fs.close()


@pytest.fixture
def world(bare: World) -> World:
    bare.add(TREE)
    return bare


@pytest.fixture(params=[AioS3FileSystem, S3FileSystem])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """A world whose filesystem is used synchronously: what wraps filesystems knows no other use."""
    recording = Recording()
    fs = request.param(transport=recording.transport)
    root = tmp_path / "root"
    root.mkdir()
    made = World(fs, recording, root)
    made.add(TREE)
    yield made
    fs.close()


# --- looking around ------------------------------------------------------------------------------

PATTERNS = [
    "*",
    "*.txt",
    "*.TXT",
    "t?p.txt",
    "[tu]op.txt",
    "[!t]*",
    "x[12]/f",
    "x[1-3]/*",
    "x[!1]/*",
    "x*/f",
    "*/f",
    "*/*",
    "*/*/*",
    "*/",
    "a",
    "a/",
    "a/*",
    "a/*.csv",
    "a*/*.csv",
    "a.b/*",
    "**",
    "**/",
    "**/*.csv",
    "**/b/**",
    "**/four.json",
    "a/**",
    "a/**/four.json",
    "a/**/*.json",
    "a/b/**/*",
    ".*",
    ".hidden/*",
    "{a,ab}/*.csv",
    "day=*/part ?.parquet",
    "Gr*/日*",
    "top.txt",
    "top.txt*",
    "missing",
    "missing*",
    "missing/*",
    "top.txt/*",
    "emp*/*",
]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_glob_finds_what_a_local_glob_finds(world: World, pattern: str) -> None:
    world.same("glob", pattern)


@pytest.mark.parametrize("pattern", ["*", "a/*", "**/*.csv", "a/**", "top.txt", "missing*"])
def test_glob_with_detail_tells_entries_by_their_names(world: World, pattern: str) -> None:
    world.same("glob", pattern, detail=True)


@pytest.mark.parametrize("maxdepth", [1, 2, 3])
@pytest.mark.parametrize("pattern", ["**", "a/**", "**/*.csv", "*/b/**"])
def test_glob_goes_as_deep_as_maxdepth_says(world: World, pattern: str, maxdepth: int) -> None:
    world.same("glob", pattern, maxdepth=maxdepth)


def test_glob_asks_only_for_what_begins_like_the_pattern(world: World) -> None:
    world.recording.taken()
    assert world.ours("glob", "a/tw*") == ["a/two.csv"]
    (listing,) = world.recording.arguments
    assert world.recording.taken() == ["list_objects"]
    assert listing[1]["prefix"] == "root/a/tw"


@pytest.mark.parametrize("method", ["glob", "find", "expand_path", "walk", "du"])
def test_a_depth_below_one_is_refused(world: World, method: str) -> None:
    with pytest.raises(ValueError, match="maxdepth"):
        list(world.ours(method, "a*" if method == "glob" else "a", maxdepth=0) or [])


@pytest.mark.parametrize("detail", [False, True])
@pytest.mark.parametrize("maxdepth", [None, 1, 2])
@pytest.mark.parametrize("withdirs", [False, True])
@pytest.mark.parametrize("path", ["", "a", "a/b/", "top.txt", "missing"])
def test_find_finds_what_a_local_find_finds(
    world: World, path: str, withdirs: bool, maxdepth: int | None, detail: bool
) -> None:
    if path == "top.txt" and detail:
        assert world.ours("find", path, detail=True)["top.txt"]["size"] == 3  # fsspec tells no size here
    else:
        world.same("find", path, withdirs=withdirs, maxdepth=maxdepth, detail=detail)


def _steps(walked: Any, root: str) -> list[tuple[str, list[str], list[str]]]:
    return sorted((_below(path, root), sorted(dirs), sorted(files)) for path, dirs, files in walked)


@pytest.mark.parametrize("maxdepth", [None, 1, 2])
@pytest.mark.parametrize("path", ["", "a", "a/b/", "a/b/c"])
def test_walk_goes_where_a_local_walk_goes(world: World, path: str, maxdepth: int | None) -> None:
    ours = _steps(world.ours("walk", path, maxdepth=maxdepth), ROOT)
    assert ours == _steps(world.theirs("walk", path, maxdepth=maxdepth), world.local_root)


def test_walk_goes_from_the_top_or_from_the_bottom(world: World) -> None:
    down = [path for path, _, _ in world.ours("walk", "a")]
    assert [_below(path, ROOT) for path in down] == ["a", "a/b", "a/b/c"]
    assert [path for path, _, _ in world.ours("walk", "a", topdown=False)] == down[::-1]


@pytest.mark.parametrize("path", ["missing", "top.txt/missing"])
def test_walk_of_what_is_not_there_finds_nothing(world: World, path: str) -> None:
    assert [(dirs, files) for _, dirs, files in world.ours("walk", path) if dirs or files] == []


def test_walk_with_detail_tells_entries_by_their_last_names(world: World) -> None:
    (path, dirs, files), *_ = world.ours("walk", "a", detail=True)
    assert _below(path, ROOT) == "a"
    assert {name: entry["name"] for name, entry in dirs.items()} == {"b": f"{ROOT}/a/b"}
    assert {name: entry["size"] for name, entry in files.items()} == {"one.csv": 1, "two.csv": 2}


def test_walk_of_what_is_not_there_does_as_on_error_says(world: World) -> None:
    with pytest.raises(FileNotFoundError):
        list(world.ours("walk", "missing", on_error="raise"))
    errors: list[OSError] = []
    list(world.ours("walk", "missing", on_error=errors.append))
    assert len(errors) == 1


@pytest.mark.parametrize("path", ["", "a", "top.txt"])
@pytest.mark.parametrize("maxdepth", [None, 1, 2])
def test_du_sums_what_is_below(world: World, path: str, maxdepth: int | None) -> None:
    world.same("du", path, maxdepth=maxdepth)
    world.same("du", path, maxdepth=maxdepth, total=False)


def test_du_is_one_listing(world: World) -> None:
    world.recording.taken()
    assert world.ours("du", "a") == 10
    assert world.recording.taken() == ["list_objects"]


def test_du_with_directories_counts_them_as_nothing(world: World) -> None:
    sizes = world.ours("du", "a", total=False, withdirs=True)
    assert {path for path in sizes if sizes[path] == 0} == {"a", "a/b", "a/b/c"}
    assert sum(sizes.values()) == 10


@pytest.mark.parametrize(
    ("path", "options"),
    [
        ("top.txt", {}),
        ("a", {}),
        ("a/", {}),
        ("a", {"recursive": True}),
        ("a", {"recursive": True, "maxdepth": 1}),
        ("a", {"recursive": True, "maxdepth": 2}),
        ("*", {}),
        ("*", {"recursive": True}),
        ("a*", {"recursive": True}),
        ("a*", {"recursive": True, "maxdepth": 1}),
        ("**", {}),
        ("**", {"maxdepth": 1}),
        ("a/**", {"maxdepth": 1}),
        ("x[12]/f", {}),
        ("missing", {}),
    ],
)
def test_expand_path_expands_what_a_local_filesystem_expands(world: World, path: str, options: dict[str, Any]) -> None:
    world.same("expand_path", path, **options)


@pytest.mark.parametrize(("path", "options"), [("missing*", {}), ("missing", {"recursive": True})])
def test_expand_path_to_nothing_is_file_not_found(world: World, path: str, options: dict[str, Any]) -> None:
    for expand in (world.ours, world.theirs):
        with pytest.raises(FileNotFoundError):
            expand("expand_path", path, **options)


def test_expand_path_takes_a_list_and_tells_each_path_once(world: World) -> None:
    asked = [f"s3://{ROOT}/a/*.csv", f"{ROOT}/a/one.csv", f"{ROOT}/x[12]/f"]
    assert _below(world.fs.expand_path(asked), ROOT) == ["a/one.csv", "a/two.csv", "x1/f", "x2/f"]


def test_a_key_with_magic_in_it_is_expanded_to_itself_first(bare: World) -> None:
    bare.add({"we[ir]d": b"literal", "wei": b"1", "q?x": b"literal too", "qax": b"2"})
    assert bare.ours("expand_path", "we[ir]d") == ["we[ir]d"]
    assert bare.ours("cat", "we[ir]d") == b"literal"
    assert bare.ours("cat", "q?x") == b"literal too"
    assert bare.ours("glob", "q?x") == ["q?x", "qax"]


@pytest.mark.parametrize("path", ["top.txt", "empty", "a", "a/", "a/b", "a/one.csv", "missing", "a/missing", "to", ""])
def test_isfile_isdir_and_exists_tell_what_is_there(world: World, path: str) -> None:
    for method in ("isfile", "isdir", "exists"):
        world.same(method, path)


def test_isdir_is_one_small_request(world: World) -> None:
    world.recording.taken()
    assert world.ours("isdir", "a")
    assert world.recording.taken() == ["list_objects"]


def test_size_and_sizes_tell_bytes(world: World) -> None:
    assert world.ours("size", "a/two.csv") == 2
    assert world.ours("size", "empty") == 0
    assert world.fs.sizes([f"{ROOT}/a/b/c/four.json", f"s3://{ROOT}/top.txt"]) == [4, 3]
    with pytest.raises(FileNotFoundError):
        world.ours("size", "missing")
    with pytest.raises(FileNotFoundError):
        world.fs.sizes([f"{ROOT}/top.txt", f"{ROOT}/missing"])


# --- contents ------------------------------------------------------------------------------------


def test_cat_of_one_path_is_its_bytes(world: World) -> None:
    assert world.same("cat", "a/two.csv") == b"22"
    with pytest.raises(FileNotFoundError):
        world.ours("cat", "missing")


@pytest.mark.parametrize("path", ["a/*.csv", "x?/*", "x[1]/f", "**/*.csv"])
def test_cat_of_a_pattern_is_a_dictionary(world: World, path: str) -> None:
    assert isinstance(world.same("cat", path), dict)


def test_cat_of_a_list_is_a_dictionary_even_of_one(world: World) -> None:
    assert world.fs.cat([f"s3://{ROOT}/top.txt"]) == {f"{ROOT}/top.txt": b"top"}
    assert world.fs.cat([f"{ROOT}/x2/f", f"{ROOT}/x1/f"]) == {f"{ROOT}/x1/f": b"x1", f"{ROOT}/x2/f": b"x2"}


def test_cat_recursive_reads_the_files_below(world: World) -> None:
    below = {path: data for path, data in TREE.items() if path.startswith("a/")}
    assert world.ours("cat", "a", recursive=True) == below


def test_cat_does_with_errors_as_on_error_says(world: World) -> None:
    paths = [f"{ROOT}/top.txt", f"{ROOT}/missing"]
    with pytest.raises(FileNotFoundError):
        world.fs.cat(paths)
    assert world.fs.cat(paths, on_error="omit") == {paths[0]: b"top"}
    returned = world.fs.cat(paths, on_error="return")
    assert returned[paths[0]] == b"top"
    assert isinstance(returned[paths[1]], FileNotFoundError)


def test_pipe_writes_one_or_many(bare: World) -> None:
    bare.fs.pipe(f"s3://{ROOT}/one", b"1")
    bare.fs.pipe({f"{ROOT}/two": b"22", f"s3://{ROOT}/deep/er/three": bytearray(b"333")})
    assert bare.content() == {"one": b"1", "two": b"22", "deep/er/three": b"333"}


def test_pipe_refuses_what_is_neither_path_nor_dictionary(bare: World) -> None:
    with pytest.raises((TypeError, ValueError)):
        bare.fs.pipe([f"{ROOT}/one"], b"1")


@pytest.mark.parametrize("size", [0, 1, 4, 10, 99])
def test_head_and_tail_are_the_ends(bare: World, size: int) -> None:
    data = b"0123456789"
    bare.add({"key": data})
    assert bare.ours("head", "key", size) == data[:size]
    assert bare.ours("tail", "key", size) == (data[-size:] if size else b"")


@pytest.mark.parametrize("delimiter", [None, b"\n", b"\n\n"])
@pytest.mark.parametrize(("offset", "length"), [(0, 5), (3, 10), (8, None), (0, None), (30, 10), (0, 0)])
def test_read_block_reads_whole_records(bare: World, offset: int, length: int | None, delimiter: bytes | None) -> None:
    bare.add({"lines": b"alpha\nbeta\n\ngamma\ndelta\n\nepsilon"})
    bare.same("read_block", "lines", offset, length, delimiter=delimiter)


def test_read_block_behind_the_end_is_empty(bare: World) -> None:
    bare.add({"lines": b"alpha\nbeta"})
    assert bare.ours("read_block", "lines", 40, 5) == b""
    assert bare.ours("read_block", "lines", 40, 5, delimiter=b"\n") == b""


def test_read_text_and_write_text_translate(shop: World) -> None:
    shop.ours("write_text", "text", "Grüße\n", encoding="latin-1")
    assert shop.ours("cat_file", "text") == "Grüße\n".encode("latin-1")
    assert shop.ours("read_text", "text", encoding="latin-1") == "Grüße\n"
    shop.ours("write_bytes", "bytes", b"12345")
    assert shop.ours("read_bytes", "bytes", 1, 3) == b"23"


# --- changes -------------------------------------------------------------------------------------


def test_touch_makes_an_empty_file_and_empties_one(world: World) -> None:
    world.ours("touch", "new/file")
    assert world.ours("cat_file", "new/file") == b""
    world.ours("touch", "top.txt")
    assert world.ours("size", "top.txt") == 0


def test_touch_without_truncating_loses_nothing(world: World) -> None:
    world.ours("touch", "new", truncate=False)
    assert world.ours("size", "new") == 0
    with suppress(NotImplementedError, ValueError):  # S3 has no way to touch but to write again
        world.ours("touch", "top.txt", truncate=False)
    assert world.ours("cat_file", "top.txt") == b"top"


def test_mv_moves_a_file(world: World) -> None:
    world.ours("mv", "top.txt", f"{ROOT}/moved/here.txt")
    expected = {**TREE, "moved/here.txt": b"top"}
    del expected["top.txt"]
    assert world.content() == expected


def test_mv_recursive_moves_all_below(world: World) -> None:
    before = world.content()
    world.ours("mv", "a", f"{ROOT}/z", recursive=True)
    assert world.content() == {("z" + path[1:] if path.startswith("a/") else path): before[path] for path in before}


def test_mv_of_what_is_not_there_changes_nothing(world: World) -> None:
    with pytest.raises(FileNotFoundError):
        world.ours("mv", "missing", f"{ROOT}/top.txt")
    assert world.content() == TREE


def test_mv_onto_itself_loses_nothing(world: World) -> None:
    world.ours("mv", "top.txt", f"{ROOT}/top.txt")
    assert world.content() == TREE


def test_cp_makes_a_second_one(world: World) -> None:
    world.ours("cp_file", "top.txt", f"s3://{ROOT}/copy")
    world.ours("copy", "a", f"{ROOT}/a2", recursive=True)
    added = {"a2" + path[1:]: data for path, data in TREE.items() if path.startswith("a/")}
    assert world.content() == {**TREE, "copy": b"top", **added}


def test_copy_of_what_is_not_there_does_as_on_error_says(world: World) -> None:
    with pytest.raises(FileNotFoundError):
        world.ours("copy", "missing", f"{ROOT}/copy")
    world.fs.copy([f"{ROOT}/missing", f"{ROOT}/top.txt"], [f"{ROOT}/1", f"{ROOT}/2"], on_error="ignore")
    assert world.content() == {**TREE, "2": b"top"}


def test_rm_takes_patterns_and_lists(world: World) -> None:
    world.fs.rm([f"{ROOT}/x?/f", f"{ROOT}/top.txt"])
    assert set(TREE) - set(world.content()) == {"x1/f", "x2/f", "top.txt"}
    world.ours("rm", "a*", recursive=True)
    assert not [path for path in world.content() if path.startswith("a")]


def test_what_was_changed_is_seen_at_once_in_listings(world: World) -> None:
    world.ours("ls", "a")
    world.ours("find", "")
    world.ours("pipe_file", "a/new", b"n")
    assert "a/new" in world.ours("ls", "a")
    world.ours("touch", "a/touched")
    world.ours("cp_file", "a/new", f"{ROOT}/a/copied")
    world.ours("mv", "a/one.csv", f"{ROOT}/a/moved.csv")
    assert world.ours("ls", "a") == ["a/b", "a/copied", "a/moved.csv", "a/new", "a/touched", "a/two.csv"]
    world.ours("rm", "a", recursive=True)
    assert not world.ours("exists", "a")


def test_ukey_and_checksum_change_with_the_content(world: World) -> None:
    for method in ("ukey", "checksum"):
        world.ours("pipe_file", "key", b"one")
        first = world.ours(method, "key")
        assert world.ours(method, "key") == first
        world.ours("pipe_file", "key", b"two")
        assert world.ours(method, "key") != first


def test_modified_and_created_tell_when(world: World) -> None:
    modified = world.ours("modified", "top.txt")
    assert modified == world.fs.info(f"{ROOT}/top.txt")["LastModified"]
    assert modified.tzinfo is not None
    for directory in ("a", "a/b"):
        with pytest.raises((IsADirectoryError, FileNotFoundError)):
            world.ours("modified", directory)


# --- files of the disk ---------------------------------------------------------------------------


def test_get_and_put_carry_a_tree_there_and_back(world: World, tmp_path: Path) -> None:
    world.fs.get(ROOT, str(tmp_path / "got"), recursive=True)
    got = {str(path.relative_to(tmp_path / "got")): path for path in (tmp_path / "got").rglob("*") if path.is_file()}
    assert {name: path.read_bytes() for name, path in got.items()} == TREE
    world.fs.put(str(tmp_path / "got"), "bucket/back", recursive=True)
    assert {path.removeprefix("bucket/back/") for path in world.fs.find("bucket/back")} == set(TREE)


SOURCES = ["top.txt", "a", "a/", "a/*", "a/**", "a/b", "a/*.csv", "x?/f", "x[12]", "missing", "miss*"]
TARGETS = ["new", "new/", "new/deep", "dst", "dst/", "dst/sub"]
DEPTHS: list[dict[str, Any]] = [
    {},
    {"recursive": True},
    {"recursive": True, "maxdepth": 1},
    {"recursive": True, "maxdepth": 2},
]


@pytest.mark.parametrize("options", DEPTHS, ids=str)
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("method", ["copy", "get", "put"])
def test_a_tree_goes_where_a_local_filesystem_takes_it(
    world: World, tmp_path: Path, method: str, target: str, options: dict[str, Any]
) -> None:
    world.add({"a/b/more.csv": b"more"})  # of a directory with a single file fsspec makes a file: see the next test
    outcomes: list[dict[str, Any]] = [{}, {}]
    for number, source in enumerate(SOURCES):
        base = f"bucket/to{number}" if method != "get" else f"{tmp_path}/to{number}"
        theirs = f"{tmp_path}/theirs{number}"
        where = world.local if method == "get" else world.fs
        where.pipe_file(f"{base}/dst/old", b"old")
        world.local.pipe_file(f"{theirs}/dst/old", b"old")
        path = f"{world.local_root if method == 'put' else ROOT}/{source}"
        outcomes[0][source] = _outcome(world.fs, method, path, base, target, options), _files(where, base)
        path = f"{world.local_root}/{source}"
        outcomes[1][source] = _outcome(world.local, method, path, theirs, target, options), _files(world.local, theirs)
    assert outcomes[0] == outcomes[1]


def _outcome(fs: Any, method: str, path: str, base: str, target: str, options: dict[str, Any]) -> str:
    try:
        getattr(fs, method)(path, f"{base}/{target}", **options)
    except FileNotFoundError:
        return "not found"
    return "done"


def _files(fs: Any, root: str) -> dict[str, bytes]:
    return {_below(path, root): fs.cat_file(path) for path in fs.find(root)}


@pytest.mark.parametrize("method", ["copy", "get", "put"])
def test_a_directory_of_one_file_stays_a_directory_at_any_depth(world: World, tmp_path: Path, method: str) -> None:
    base = f"{tmp_path}/to" if method == "get" else "bucket/to"
    source = f"{world.local_root if method == 'put' else ROOT}/a/b"
    getattr(world.fs, method)(source, base, recursive=True, maxdepth=1)
    assert _files(world.local if method == "get" else world.fs, base) == {"three.csv": b"333"}


@pytest.mark.parametrize("method", ["copy", "get", "put"])
def test_a_file_replaces_one_that_is_there(world: World, tmp_path: Path, method: str) -> None:
    where = world.local if method == "get" else world.fs
    target = f"{tmp_path}/file" if method == "get" else f"{ROOT}/x1/f"
    where.pipe_file(target, b"a longer one")
    getattr(world.fs, method)(f"{world.local_root if method == 'put' else ROOT}/top.txt", target)
    assert where.cat_file(target) == b"top"


@pytest.mark.parametrize("method", ["copy", "get", "put"])
def test_lists_of_sources_and_targets_keep_their_order(world: World, tmp_path: Path, method: str) -> None:
    names = ["x3/g", "top.txt", "a/b/three.csv", "a/one.csv"]
    sources = [f"{world.local_root if method == 'put' else ROOT}/{name}" for name in names]
    base = str(tmp_path / "out") if method == "get" else "bucket/out"
    getattr(world.fs, method)(sources, [f"{base}/{number}" for number in range(4)])
    where = world.local if method == "get" else world.fs
    assert [where.cat_file(f"{base}/{number}") for number in range(4)] == [TREE[name] for name in names]


def test_get_and_put_tell_a_callback_how_far_they_are(world: World, tmp_path: Path) -> None:
    files = Callback()
    world.fs.get(f"{ROOT}/a/*.csv", f"{tmp_path}/csv/", callback=files)
    assert (files.size, files.value) == (2, 2)
    data = Callback()
    world.fs.get_file(f"{ROOT}/a/b/three.csv", f"{tmp_path}/three", callback=data)
    assert (data.size, data.value) == (3, 3)
    data = Callback()
    world.fs.put_file(f"{tmp_path}/three", f"{ROOT}/three", callback=data)
    assert (data.size, data.value) == (3, 3)
    files = Callback()
    world.fs.put(f"{tmp_path}/csv", f"{ROOT}/put", recursive=True, callback=files)
    assert (files.size, files.value) == (2, 2)


def test_get_of_what_is_not_there_leaves_no_file(world: World, tmp_path: Path) -> None:
    for method in ("get", "get_file"):
        with pytest.raises(FileNotFoundError):
            world.ours(method, "missing", f"{tmp_path}/got")
        assert not (tmp_path / "got").exists()


def test_put_of_what_is_not_there_writes_nothing(bare: World, tmp_path: Path) -> None:
    for method in ("put", "put_file"):
        with pytest.raises(FileNotFoundError):
            getattr(bare.fs, method)(f"{tmp_path}/missing", f"{ROOT}/key")
    assert bare.content() == {}


def test_put_file_creates_only_what_is_not_there(world: World, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"new")
    with pytest.raises(FileExistsError):
        world.fs.put_file(f"{tmp_path}/file", f"{ROOT}/top.txt", mode="create")
    world.fs.put_file(f"{tmp_path}/file", f"{ROOT}/fresh", mode="create")
    assert world.content() == {**TREE, "fresh": b"new"}


@pytest.mark.parametrize("key", ["../outside", "a/../../outside", "..", "/etc/outside", "a//b"])
def test_get_recursive_writes_nowhere_but_below_its_target(bare: World, tmp_path: Path, key: str) -> None:
    asyncio.run(bare.recording.inner.put_object(ObjectRef("bucket", f"root/{key}"), b"evil"))
    target = tmp_path / "deep" / "target"
    target.mkdir(parents=True)
    before = {path for path in tmp_path.rglob("*") if target not in path.parents}
    with suppress(ValueError, OSError):  # refused is as good
        bare.fs.get(ROOT, str(target), recursive=True)
    assert {path for path in tmp_path.rglob("*") if target not in path.parents} == before


# --- fsspec's second names, and what it builds upon a filesystem ---------------------------------


def test_second_names_do_the_same(shop: World, tmp_path: Path) -> None:
    fs = shop.fs
    assert fs.stat(f"{ROOT}/top.txt")["size"] == 3
    assert _below(fs.listdir(f"{ROOT}/a", detail=False), ROOT) == ["a/b", "a/one.csv", "a/two.csv"]
    assert fs.disk_usage(f"{ROOT}/a") == 10
    fs.cp(f"{ROOT}/top.txt", f"{ROOT}/cp")
    fs.rename(f"{ROOT}/cp", f"{ROOT}/renamed")
    fs.move(f"{ROOT}/renamed", f"{ROOT}/moved")
    fs.download(f"{ROOT}/moved", f"{tmp_path}/file")
    fs.upload(f"{tmp_path}/file", f"{ROOT}/uploaded")
    fs.delete(f"{ROOT}/moved")
    fs.makedir(f"{ROOT}/dir")
    fs.mkdirs(f"{ROOT}/dir/dir", exist_ok=True)
    assert shop.content() == {**TREE, "uploaded": b"top"}
    assert fs.lexists(f"{ROOT}/uploaded")
    assert fs.unstrip_protocol(f"{ROOT}/uploaded") == f"s3://{ROOT}/uploaded"


def test_tree_draws_what_is_there(shop: World) -> None:
    assert shop.fs.tree(f"{ROOT}/a", recursion_limit=3, display_size=True).splitlines() == [
        f"{ROOT}/a",
        "├── b (1 file, 1 subfolder)",
        "│   ├── c (1 file)",
        "│   │   └── four.json (4B)",
        "│   └── three.csv (3B)",
        "├── one.csv (1B)",
        "└── two.csv (2B)",
    ]


def test_a_directory_as_a_filesystem_of_its_own(shop: World) -> None:
    sub = filesystem("dir", path=f"{ROOT}/a", fs=shop.fs, skip_instance_cache=True)
    assert sorted(sub.ls("", detail=False)) == ["b", "one.csv", "two.csv"]
    assert sub.find("") == ["b/c/four.json", "b/three.csv", "one.csv", "two.csv"]
    assert sub.glob("*.csv") == ["one.csv", "two.csv"]
    assert [step[0] for step in sub.walk("")] == ["", "b", "b/c"]
    assert sub.info("one.csv")["size"] == 1
    assert sub.du("b") == 7
    assert sub.cat(["one.csv", "two.csv"]) == {"one.csv": b"1", "two.csv": b"22"}
    assert sub.cat_ranges(["b/three.csv"], [1], [2]) == [b"3"]
    with sub.open("new/key", "wb") as file:
        file.write(b"new")
    sub.mv("new/key", "newer")
    sub.touch("touched")
    sub.pipe({"piped": b"p"})
    sub.rm("b", recursive=True)
    with sub.open("newer", "rb") as file:
        assert file.read() == b"new"
    assert sub.find("") == ["newer", "one.csv", "piped", "touched", "two.csv"]
    assert "bucket/root/top.txt" in shop.fs.ls(ROOT)


def test_a_directory_as_an_asynchronous_filesystem_of_its_own() -> None:
    async def use() -> None:
        recording = Recording()
        for path in ("root/a/one.csv", "root/a/two.csv", "root/a/b/three.csv", "root/top.txt"):
            await recording.inner.put_object(ObjectRef("bucket", path), path[-7:].encode())
        fs = AioS3FileSystem(transport=recording.transport, asynchronous=True)
        sub = filesystem("dir", path=f"{ROOT}/a", fs=fs, asynchronous=True, skip_instance_cache=True)
        assert sorted(await sub._ls("", detail=False)) == ["b", "one.csv", "two.csv"]
        assert await sub._find("") == ["b/three.csv", "one.csv", "two.csv"]
        assert await sub._glob("*.csv") == ["one.csv", "two.csv"]
        assert await sub._cat(["one.csv", "two.csv"]) == {"one.csv": b"one.csv", "two.csv": b"two.csv"}
        await sub._pipe_file("new", b"n")
        await sub._cp_file("new", "newer")
        await sub._rm_file("new")
        assert await sub._cat_file("newer") == b"n"
        assert [path async for path, _, _ in sub._walk("")] == ["", "b"]
        assert (await sub._info("newer"))["size"] == 1
        await sub._rm("", recursive=True)
        assert await fs._find("bucket") == [f"{ROOT}/top.txt"]

    asyncio.run(use())


# fsspec's block cache leaves the file open that it maps into memory.
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
@pytest.mark.parametrize("protocol", ["simplecache", "filecache", "blockcache"])
def test_a_cache_on_disk_reads_a_file_once(shop: World, tmp_path: Path, protocol: str) -> None:
    data = bytes(range(256)) * 1000
    shop.add({"big": data})
    cached = filesystem(protocol, fs=shop.fs, cache_storage=str(tmp_path / "cache"), skip_instance_cache=True)
    with cached.open(f"{ROOT}/big", "rb", block_size=10_000) as file:
        assert file.read(100) == data[:100]
        file.seek(-5, 2)
        assert file.read() == data[-5:]
        file.seek(0)
        assert file.read() == data
    shop.recording.taken()
    with cached.open(f"{ROOT}/big", "rb", block_size=10_000) as file:
        assert file.read() == data
    assert "get_object_range" not in shop.recording.taken()
    assert cached.isfile(f"{ROOT}/top.txt")
    assert sorted(cached.ls(f"{ROOT}/a", detail=False))[0] == f"{ROOT}/a/b"
    assert cached.cat_file(f"{ROOT}/a/two.csv") == b"22"


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
def test_a_block_cache_reads_no_more_than_the_blocks_it_needs(shop: World, tmp_path: Path) -> None:
    data = bytes(range(256)) * 1000
    shop.add({"big": data})
    cached = filesystem("blockcache", fs=shop.fs, cache_storage=str(tmp_path / "cache"), skip_instance_cache=True)
    shop.recording.taken()
    with cached.open(f"{ROOT}/big", "rb", block_size=1000) as file:
        file.seek(100_500)
        assert file.read(10) == data[100_500:100_510]
    ranges = [
        arguments[0][1]
        for operation, arguments in zip(shop.recording.requests, shop.recording.arguments, strict=True)
        if operation == "get_object_range"
    ]
    assert sum(each.stop - each.start for each in ranges) <= 3000


def test_a_file_cache_that_checks_sees_a_new_file(shop: World, tmp_path: Path) -> None:
    cached = filesystem(
        "filecache", fs=shop.fs, cache_storage=str(tmp_path / "cache"), check_files=True, skip_instance_cache=True
    )
    assert cached.cat_file(f"{ROOT}/top.txt") == b"top"
    shop.ours("pipe_file", "top.txt", b"TOP")
    with cached.open(f"{ROOT}/top.txt", "rb") as file:
        assert file.read() == b"TOP"


def test_a_simple_cache_writes_through_when_the_file_is_closed(shop: World, tmp_path: Path) -> None:
    cached = filesystem("simplecache", fs=shop.fs, cache_storage=str(tmp_path / "cache"), skip_instance_cache=True)
    with cached.open(f"{ROOT}/written", "wb") as file:
        file.write(b"written")
        assert not shop.ours("exists", "written")
    assert shop.ours("cat_file", "written") == b"written"
    with cached.open(f"{ROOT}/top.txt", "rt") as file:
        assert file.read() == "top"
    assert cached.cat_ranges([f"{ROOT}/a/b/three.csv"], [1], [3]) == [b"33"]


def test_a_mapping_of_keys_to_bytes(shop: World) -> None:
    mapping = shop.fs.get_mapper(f"s3://{ROOT}/a")
    assert sorted(mapping) == ["b/c/four.json", "b/three.csv", "one.csv", "two.csv"]
    assert len(mapping) == 4
    assert mapping["b/three.csv"] == b"333"
    assert "one.csv" in mapping
    assert "b" not in mapping
    for missing in ("missing", "b"):
        with pytest.raises(KeyError):
            mapping[missing]
    assert mapping.get("missing", b"default") == b"default"
    mapping["new/key"] = b"new"
    mapping.setitems({"x": b"1", "y": b"2"})
    assert mapping.getitems(["x", "y", "missing"], on_error="omit") == {"x": b"1", "y": b"2"}
    returned = mapping.getitems(["x", "missing"], on_error="return")
    assert isinstance(returned["missing"], KeyError)
    with pytest.raises(KeyError):
        mapping.getitems(["x", "missing"])
    assert mapping.pop("x") == b"1"
    mapping.delitems(["y"])
    del mapping["new/key"]
    assert sorted(mapping) == ["b/c/four.json", "b/three.csv", "one.csv", "two.csv"]
    assert mapping.dirfs.cat_file("one.csv") == b"1"
    mapping.clear()
    assert list(mapping) == []
    assert len(shop.content()) == len(TREE) - 4


def test_a_mapping_checks_that_it_can_write(shop: World) -> None:
    mapping = shop.fs.get_mapper(f"{ROOT}/a", check=True)
    assert len(mapping) == 4
    with pytest.raises(ValueError, match="does not exist"):
        shop.fs.get_mapper(f"{ROOT}/missing", check=True)


@pytest.mark.parametrize("compression", [None, "gzip"])
def test_what_pandas_and_dask_open_files_with_reads_text_and_compression(shop: World, compression: str | None) -> None:
    with OpenFile(shop.fs, f"{ROOT}/text", "wt", compression, "latin-1", None, "") as file:
        file.write("zwölf\r\nBoxkämpfer")
    raw = shop.ours("cat_file", "text")
    assert (gzip.decompress(raw) if compression else raw).decode("latin-1") == "zwölf\r\nBoxkämpfer"
    with OpenFile(shop.fs, f"{ROOT}/text", "rt", compression, "latin-1") as file:
        assert file.readlines() == ["zwölf\n", "Boxkämpfer"]
