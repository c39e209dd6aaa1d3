"""The synchronous methods of both faces: each runs the coroutine of its name, and has its parameters.

Type checkers know of fsspec's methods nothing (mypy) or what they guess from its code (pyright). So each is declared
here: by `_mirror`, which takes the types over from the coroutine, or by overloads where what is returned depends on an
argument. pyright prefers fsspec's ``def`` to anything that is no ``def`` itself.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, Self, TypeVar, overload

from fsspec.callbacks import Callback

from pyathena.filesystem.face import Face, OnError, Path
from pyathena.filesystem.listing import Entry
from pyathena.filesystem.transaction import S3Transaction, one_at_a_time

if TYPE_CHECKING:
    from fsspec.mapping import FSMap

__all__ = ["MirroredFace"]

D = TypeVar("D", bound=Callable[..., Any])
P = ParamSpec("P")
T = TypeVar("T")


def _mirror(coroutine: Callable[P, Coroutine[Any, Any, T]]) -> Callable[[Callable[..., object]], Callable[P, T]]:
    """Make of a declaration the synchronous method of a coroutine method, with the same parameters and documentation.

    fsspec would make one too, for each instance, but its way to wait turns a `CancelledError` into the result None.
    """
    name = coroutine.__name__

    def method(self: Face, *args: Any, **kwargs: Any) -> Any:
        return self._run(getattr(self, name), *args, **kwargs)

    return _in_place_of(method, coroutine)


def _mirror_overloads(coroutine: Callable[..., Coroutine[Any, Any, Any]]) -> Callable[[D], D]:
    """Do what `_mirror` does where the declaration has overloads, which cannot be taken over."""
    mirror: Callable[[D], Any] = _mirror(coroutine)
    return mirror


def _mirror_steps(generator: Callable[..., AsyncIterator[Any]]) -> Callable[[D], D]:
    """Make of a declaration with overloads the synchronous method of an asynchronous generator method."""
    name = generator.__name__

    def method(self: Face, *args: Any, **kwargs: Any) -> Iterator[Any]:
        steps = getattr(self, name)(*args, **kwargs)

        async def following() -> Any:
            return await anext(steps, None)

        while (step := self._run(following)) is not None:
            yield step

    return _in_place_of(method, generator)


def _in_place_of(method: Any, coroutine: Callable[..., Any]) -> Callable[[Callable[..., object]], Any]:
    def replace(declaration: Callable[..., object]) -> Any:
        method.__name__, method.__qualname__ = declaration.__name__, declaration.__qualname__
        method.__doc__ = coroutine.__doc__
        method.__signature__ = inspect.signature(coroutine)  # PEP 362 lets one set it
        return method

    return replace


class MirroredFace(Face):
    """What both faces have in common, with synchronous methods."""

    @_mirror(Face._info)
    def info(self) -> None: ...
    @_mirror(Face._exists)
    def exists(self) -> None: ...
    @_mirror(Face._lexists)
    def lexists(self) -> None: ...
    @_mirror(Face._isfile)
    def isfile(self) -> None: ...
    @_mirror(Face._isdir)
    def isdir(self) -> None: ...

    @overload
    def ls(
        self, path: Path, detail: Literal[False] = False, refresh: bool = False, versions: bool = False, **kwargs: Any
    ) -> list[str]: ...
    @overload
    def ls(
        self, path: Path, detail: Literal[True], refresh: bool = False, versions: bool = False, **kwargs: Any
    ) -> list[Entry]: ...
    @overload
    def ls(
        self, path: Path, detail: bool, refresh: bool = False, versions: bool = False, **kwargs: Any
    ) -> list[Entry] | list[str]: ...
    @_mirror_overloads(Face._ls)
    def ls(self, *args: Any, **kwargs: Any) -> Any: ...

    @overload
    def find(
        self,
        path: Path,
        maxdepth: int | None = None,
        withdirs: bool = False,
        detail: Literal[False] = False,
        *,
        prefix: str = "",
        **kwargs: Any,
    ) -> list[str]: ...
    @overload
    def find(
        self,
        path: Path,
        maxdepth: int | None = None,
        withdirs: bool = False,
        *,
        detail: Literal[True],
        prefix: str = "",
        **kwargs: Any,
    ) -> dict[str, Entry]: ...
    @overload
    def find(
        self,
        path: Path,
        maxdepth: int | None = None,
        withdirs: bool = False,
        detail: bool = False,
        *,
        prefix: str = "",
        **kwargs: Any,
    ) -> dict[str, Entry] | list[str]: ...
    @_mirror_overloads(Face._find)
    def find(self, *args: Any, **kwargs: Any) -> Any: ...

    @overload
    def walk(
        self,
        path: Path,
        maxdepth: int | None = None,
        topdown: bool = True,
        on_error: OnError = "omit",
        *,
        detail: Literal[False] = False,
        refresh: bool = False,
        **kwargs: Any,
    ) -> Iterator[tuple[str, list[str], list[str]]]: ...
    @overload
    def walk(
        self,
        path: Path,
        maxdepth: int | None = None,
        topdown: bool = True,
        on_error: OnError = "omit",
        *,
        detail: Literal[True],
        refresh: bool = False,
        **kwargs: Any,
    ) -> Iterator[tuple[str, dict[str, Entry], dict[str, Entry]]]: ...
    @overload
    def walk(
        self,
        path: Path,
        maxdepth: int | None = None,
        topdown: bool = True,
        on_error: OnError = "omit",
        *,
        detail: bool,
        refresh: bool = False,
        **kwargs: Any,
    ) -> Iterator[tuple[str, Any, Any]]: ...
    @_mirror_steps(Face._walk)
    def walk(self, *args: Any, **kwargs: Any) -> Any: ...

    @overload
    def du(
        self,
        path: Path,
        total: Literal[True] = True,
        maxdepth: int | None = None,
        withdirs: bool = False,
        **kwargs: Any,
    ) -> int: ...
    @overload
    def du(
        self, path: Path, total: Literal[False], maxdepth: int | None = None, withdirs: bool = False, **kwargs: Any
    ) -> dict[str, int]: ...
    @overload
    def du(
        self, path: Path, total: bool, maxdepth: int | None = None, withdirs: bool = False, **kwargs: Any
    ) -> int | dict[str, int]: ...
    @_mirror_overloads(Face._du)
    def du(self, *args: Any, **kwargs: Any) -> Any: ...

    @_mirror(Face._expand_path)
    def expand_path(self) -> None: ...

    @overload
    def glob(
        self, path: Path, maxdepth: int | None = None, *, detail: Literal[False] = False, **kwargs: Any
    ) -> list[str]: ...
    @overload
    def glob(
        self, path: Path, maxdepth: int | None = None, *, detail: Literal[True], **kwargs: Any
    ) -> dict[str, Entry]: ...
    @overload
    def glob(
        self, path: Path, maxdepth: int | None = None, *, detail: bool, **kwargs: Any
    ) -> dict[str, Entry] | list[str]: ...
    @_mirror_overloads(Face._glob)
    def glob(self, *args: Any, **kwargs: Any) -> Any: ...

    @_mirror(Face._cat_file)
    def cat_file(self) -> None: ...

    @overload
    def cat(
        self,
        path: list[str] | list[Path] | tuple[Path, ...],
        recursive: bool = False,
        on_error: Literal["raise", "omit"] = "raise",
        batch_size: int | None = None,
        *,
        callback: Callback = ...,
        **kwargs: Any,
    ) -> dict[str, bytes]: ...
    @overload
    def cat(
        self,
        path: Path | Sequence[Path],
        recursive: bool = False,
        on_error: Literal["raise", "omit"] = "raise",
        batch_size: int | None = None,
        *,
        callback: Callback = ...,
        **kwargs: Any,
    ) -> bytes | dict[str, bytes]: ...
    @overload
    def cat(
        self,
        path: Path | Sequence[Path],
        recursive: bool = False,
        *,
        on_error: Literal["return"],
        batch_size: int | None = None,
        callback: Callback = ...,
        **kwargs: Any,
    ) -> bytes | dict[str, bytes | Exception]: ...
    @_mirror_overloads(Face._cat)
    def cat(self, *args: Any, **kwargs: Any) -> Any: ...

    @overload
    def cat_ranges(
        self,
        paths: Sequence[Path],
        starts: Sequence[int | None] | int | None,
        ends: Sequence[int | None] | int | None,
        max_gap: int | None = None,
        batch_size: int | None = None,
        on_error: Literal["return"] = "return",
        **kwargs: Any,
    ) -> list[bytes | Exception]: ...
    @overload
    def cat_ranges(
        self,
        paths: Sequence[Path],
        starts: Sequence[int | None] | int | None,
        ends: Sequence[int | None] | int | None,
        max_gap: int | None = None,
        batch_size: int | None = None,
        *,
        on_error: Literal["raise"],
        **kwargs: Any,
    ) -> list[bytes]: ...
    @_mirror_overloads(Face._cat_ranges)
    def cat_ranges(self, *args: Any, **kwargs: Any) -> Any: ...

    @_mirror(Face._read_block)
    def read_block(self) -> None: ...
    @_mirror(Face._head)
    def head(self) -> None: ...
    @_mirror(Face._tail)
    def tail(self) -> None: ...
    @_mirror(Face._pipe_file)
    def pipe_file(self) -> None: ...
    @_mirror(Face._pipe)
    def pipe(self) -> None: ...
    @_mirror(Face._read_bytes)
    def read_bytes(self) -> None: ...
    @_mirror(Face._write_bytes)
    def write_bytes(self) -> None: ...
    @_mirror(Face._read_text)
    def read_text(self) -> None: ...
    @_mirror(Face._write_text)
    def write_text(self) -> None: ...
    @_mirror(Face._touch)
    def touch(self) -> None: ...
    @_mirror(Face._cp_file)
    def cp_file(self) -> None: ...
    @_mirror(Face._copy)
    def copy(self) -> None: ...
    @_mirror(Face._mv_file)
    def mv_file(self) -> None: ...
    @_mirror(Face._mv)
    def mv(self) -> None: ...
    @_mirror(Face._merge)
    def merge(self) -> None: ...
    @_mirror(Face._put_file)
    def put_file(self) -> None: ...
    @_mirror(Face._put)
    def put(self) -> None: ...
    @_mirror(Face._get_file)
    def get_file(self) -> None: ...
    @_mirror(Face._get)
    def get(self) -> None: ...
    @_mirror(Face._rm_file)
    def rm_file(self) -> None: ...
    @_mirror(Face._rm)
    def rm(self) -> None: ...
    @_mirror(Face._mkdir)
    def mkdir(self) -> None: ...
    @_mirror(Face._makedirs)
    def makedirs(self) -> None: ...
    @_mirror(Face._rmdir)
    def rmdir(self) -> None: ...
    @_mirror(Face._checksum)
    def checksum(self) -> None: ...
    @_mirror(Face._ukey)
    def ukey(self) -> None: ...
    @_mirror(Face._modified)
    def modified(self) -> None: ...
    @_mirror(Face._created)
    def created(self) -> None: ...
    @_mirror(Face._metadata)
    def metadata(self) -> None: ...
    @_mirror(Face._getxattr)
    def getxattr(self) -> None: ...
    @_mirror(Face._setxattr)
    def setxattr(self) -> None: ...
    @_mirror(Face._get_tags)
    def get_tags(self) -> None: ...
    @_mirror(Face._put_tags)
    def put_tags(self) -> None: ...
    @_mirror(Face._chmod)
    def chmod(self) -> None: ...
    @_mirror(Face._url)
    def url(self) -> None: ...
    @_mirror(Face._sign)
    def sign(self) -> None: ...
    @_mirror(Face._object_version_info)
    def object_version_info(self) -> None: ...
    @_mirror(Face._is_bucket_versioned)
    def is_bucket_versioned(self) -> None: ...
    @_mirror(Face._make_bucket_versioned)
    def make_bucket_versioned(self) -> None: ...
    @_mirror(Face._list_multipart_uploads)
    def list_multipart_uploads(self) -> None: ...
    @_mirror(Face._abort_mpu)
    def abort_mpu(self) -> None: ...
    @_mirror(Face._clear_multipart_uploads)
    def clear_multipart_uploads(self) -> None: ...

    def start_transaction(self) -> S3Transaction:
        """Begin a transaction, which `end_transaction` ends; better is ``with fs.transaction``.

        Raises:
            RuntimeError: one is under way.
        """
        if self._intrans:
            raise one_at_a_time()
        self._intrans = True
        self._transaction = S3Transaction(self)
        return self._transaction

    if TYPE_CHECKING:
        # fsspec's own, which has no types.
        def end_transaction(self) -> None: ...
        def size(self, path: Path) -> int: ...
        def sizes(self, paths: Sequence[Path]) -> list[int]: ...
        def stat(self, path: Path, **kwargs: Any) -> Entry: ...
        @overload
        def listdir(self, path: Path, detail: Literal[True] = True, **kwargs: Any) -> list[Entry]: ...
        @overload
        def listdir(self, path: Path, detail: Literal[False], **kwargs: Any) -> list[str]: ...
        @overload
        def listdir(self, path: Path, detail: bool, **kwargs: Any) -> list[Entry] | list[str]: ...
        def listdir(self, path: Path, detail: bool = True, **kwargs: Any) -> Any: ...
        @overload
        def disk_usage(self, path: Path, total: Literal[True] = True, **kwargs: Any) -> int: ...
        @overload
        def disk_usage(self, path: Path, total: Literal[False], **kwargs: Any) -> dict[str, int]: ...
        @overload
        def disk_usage(self, path: Path, total: bool, **kwargs: Any) -> int | dict[str, int]: ...
        def disk_usage(self, path: Path, total: bool = True, **kwargs: Any) -> Any: ...
        def cp(self, path1: Path | Sequence[Path], path2: Path | Sequence[Path], **kwargs: Any) -> None: ...
        def move(self, path1: Path, path2: Path, **kwargs: Any) -> None: ...
        def rename(self, path1: Path, path2: Path, **kwargs: Any) -> None: ...
        def upload(
            self, lpath: Path | Sequence[Path], rpath: Path | Sequence[Path], recursive: bool = False, **kwargs: Any
        ) -> None: ...
        def download(
            self, rpath: Path | Sequence[Path], lpath: Path | Sequence[Path], recursive: bool = False, **kwargs: Any
        ) -> None: ...
        def delete(
            self, path: Path | Sequence[Path], recursive: bool = False, maxdepth: int | None = None
        ) -> list[str]: ...
        def makedir(self, path: Path, create_parents: bool = True, **kwargs: Any) -> None: ...
        def mkdirs(self, path: Path, exist_ok: bool = False) -> None: ...
        def unstrip_protocol(self, name: str) -> str: ...
        def get_mapper(
            self,
            root: str = "",
            check: bool = False,
            create: bool = False,
            missing_exceptions: tuple[type[Exception], ...] | None = None,
        ) -> FSMap: ...
        def to_json(self, *, include_password: bool = True) -> str: ...
        def to_dict(self, *, include_password: bool = True) -> dict[str, Any]: ...
        @classmethod
        def current(cls) -> Self: ...
        @classmethod
        def clear_instance_cache(cls) -> None: ...
