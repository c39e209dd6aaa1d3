"""Many files at once, as fsspec means `get`, `put` and `copy`: what goes where, and all of it side by side.

https://filesystem-spec.readthedocs.io/en/latest/copying.html says which target each source has.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from fsspec.implementations.local import LocalFileSystem, make_path_posix, trailing_sep
from fsspec.utils import other_paths

from pyathena.filesystem.engine import S3Engine
from pyathena.runtime import run_all

__all__ = ["check_pairs", "files_of", "has_magic", "local_sources", "make_room", "pair", "run_pairs"]

T = TypeVar("T")


def has_magic(path: str) -> bool:
    """Tell whether a path may be a pattern: whether it holds one of ``* ? [``."""
    return "*" in path or "?" in path or "[" in path


def pair(
    sources: Sequence[str],
    asked: str | Sequence[str],
    target: str | Sequence[str],
    *,
    target_is_directory: bool,
    pattern: bool,
) -> list[tuple[str, str]]:
    """Say for each source where it goes.

    Args:
        sources: what the path that was asked for has been expanded to.
        asked: the path that was asked for, or several.
        target: where to, or for several sources one each.
        target_is_directory: whether the target is there and is a directory, or ends in a slash.
        pattern: whether the path that was asked for is a pattern.
    """
    if not isinstance(target, str):
        if len(target) != len(sources):
            raise ValueError(f"each source needs a target, got {len(sources)} sources and {len(target)} targets")
        return list(zip(sources, target, strict=True))
    if not sources:
        return []
    single = isinstance(asked, str)
    # A source goes into a directory that is there under its own name; "dir/" and "dir/*" mean what is in it.
    into = isinstance(asked, str) and (
        len(sources) == 1 if pattern else target_is_directory and not asked.endswith("/")
    )
    targets = other_paths(list(sources), target, exists=into, flatten=not single)
    return list(zip(sources, targets, strict=True))


def check_pairs(pairs: Sequence[tuple[str, str]], *, moving: bool = False) -> None:
    """Check that no two sources go to one target, and, moving, that none goes where another one comes from.

    Raises:
        ValueError: they do; all but one of them would be lost.
    """
    sources = {source for source, _ in pairs}
    taken: dict[str, str] = {}
    for source, target in pairs:
        if taken.setdefault(target, source) != source:
            raise ValueError(f"both {taken[target]!r} and {source!r} would go to {target!r}, and one of them be lost")
        if moving and target in sources:
            raise ValueError(f"{source!r} would go to {target!r}, which is moved itself: move it first, or copy")


async def run_pairs(
    engine: S3Engine, move: Callable[[str, str], Awaitable[T]], pairs: Sequence[tuple[str, str]], batch_size: int | None
) -> list[T]:
    """Call ``move`` with each pair, several at a time; the first failure stops the others and is raised."""
    return await run_all(engine.runtime, lambda each: move(*each), pairs, engine.limit(batch_size))


def local_sources(
    path: str | os.PathLike[str] | Sequence[str | os.PathLike[str]], *, recursive: bool, maxdepth: int | None
) -> tuple[list[str], str | list[str], bool]:
    """Expand local paths to the files that they mean.

    Returns:
        These files, the paths as fsspec writes them, and whether that is one path which is a pattern: what has just
        this name comes first.
    """
    local: Any = LocalFileSystem()  # fsspec has no types
    single = isinstance(path, (str, os.PathLike))
    asked: Any = make_path_posix(path) if single else [make_path_posix(each) for each in path]  # type: ignore[union-attr]  # no single path
    if single and trailing_sep(os.fspath(path)) and not asked.endswith("/"):  # type: ignore[arg-type]  # one path
        asked += "/"
    each_asked = [asked] if single else asked
    named = {each for each in each_asked if has_magic(each) and os.path.lexists(each)}
    others = [each for each in each_asked if each not in named]
    pattern = single and has_magic(asked) and not named
    expanded = {name.rstrip("/") or "/" for name in named}
    if recursive:
        expanded.update(*[local.find(name, maxdepth=maxdepth, withdirs=True) for name in expanded])
    try:
        if others:
            expanded.update(local.expand_path(others, recursive=recursive, maxdepth=maxdepth))
    except FileNotFoundError:
        raise FileNotFoundError(f"no such local file: {path!r}") from None
    found = sorted(os.fspath(each) for each in expanded)
    if single and (not recursive or (maxdepth and pattern)):
        found = [each for each in found if not os.path.isdir(each)]
    return found, asked, pattern


def files_of(pairs: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return those pairs whose source is a local file, and no directory."""
    return [each for each in pairs if not os.path.isdir(each[0])]


def make_room(root: str | None, paths: Sequence[str]) -> None:
    """Make the directories that local files are to be written in, which must be below ``root`` if that is given.

    Keys may hold ``..`` or begin with a slash, and the target may hold links: none of them leads out of it.

    Raises:
        ValueError: a file would be outside. Nothing is made then.
    """
    if root is not None:
        base = os.path.realpath(root)
        for path in paths:
            real = os.path.realpath(path)
            if real != base and not real.startswith(base.rstrip(os.sep) + os.sep):
                raise ValueError(f"{path!r} is outside of {root!r}: a key that leads out of the target is not written")
    for directory in {os.path.dirname(path) for path in paths}:
        os.makedirs(directory or ".", exist_ok=True)
