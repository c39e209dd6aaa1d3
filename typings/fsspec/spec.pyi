import io
from typing import Any, ClassVar

from typing_extensions import override

class _Cached(type):
    def __init__(cls, *args: Any, **kwargs: Any) -> None: ...
    @override
    def __call__(cls, *args: Any, **kwargs: Any) -> Any: ...

class AbstractFileSystem(metaclass=_Cached):
    cachable: bool
    protocol: str | tuple[str, ...]
    root_marker: str
    async_impl: bool
    mirror_sync_methods: bool
    storage_args: tuple[Any, ...]
    storage_options: dict[str, Any]
    def __init__(self, *args: Any, **storage_options: Any) -> None: ...
    @classmethod
    def _parent(cls, path: Any) -> Any: ...
    def invalidate_cache(self, path: Any = ...) -> None: ...
    def ls(self, path: Any, detail: Any = ..., **kwargs: Any) -> Any: ...
    def info(self, path: Any, **kwargs: Any) -> Any: ...
    def open(
        self,
        path: Any,
        mode: Any = ...,
        block_size: Any = ...,
        cache_options: Any = ...,
        compression: Any = ...,
        **kwargs: Any,
    ) -> Any: ...
    def cat_file(self, path: Any, start: Any = ..., end: Any = ..., **kwargs: Any) -> Any: ...
    def exists(self, path: Any, **kwargs: Any) -> Any: ...
    def _open(
        self,
        path: Any,
        mode: Any = ...,
        block_size: Any = ...,
        autocommit: Any = ...,
        cache_options: Any = ...,
        **kwargs: Any,
    ) -> Any: ...
    def start_transaction(self) -> Any: ...
    def glob(self, path: Any, maxdepth: Any = ..., **kwargs: Any) -> Any: ...

class AbstractBufferedFile(io.IOBase):
    DEFAULT_BLOCK_SIZE: ClassVar[int]
    fs: Any
    path: str
    mode: str
    blocksize: int
    loc: int
    autocommit: bool
    kwargs: dict[str, Any]
    cache: Any
    size: Any
    details: Any
    closed: Any
    def __init__(
        self,
        fs: Any,
        path: Any,
        mode: Any = ...,
        block_size: Any = ...,
        autocommit: Any = ...,
        cache_type: Any = ...,
        cache_options: Any = ...,
        size: Any = ...,
        **kwargs: Any,
    ) -> None: ...
    @override
    def read(self, length: Any = ...) -> Any: ...
    def readinto(self, b: Any) -> Any: ...
    @override
    def readline(self) -> Any: ...  # type: ignore[override]  # fsspec's takes no size
    @override
    def readlines(self) -> Any: ...  # type: ignore[override]  # fsspec's takes no hint
    @override
    def write(self, data: Any) -> Any: ...
    @override
    def flush(self, force: Any = ...) -> None: ...
    @override
    def close(self) -> None: ...
    def commit(self) -> Any: ...
    def discard(self) -> Any: ...
    @override
    def seek(self, loc: Any, whence: Any = ...) -> Any: ...
    @override
    def tell(self) -> Any: ...
    @override
    def readable(self) -> Any: ...
    @override
    def writable(self) -> Any: ...
