from typing import Any

class OpenFile:
    def __init__(
        self,
        fs: Any,
        path: Any,
        mode: Any = ...,
        compression: Any = ...,
        encoding: Any = ...,
        errors: Any = ...,
        newline: Any = ...,
    ) -> None: ...
    def __enter__(self) -> Any: ...
    def __exit__(self, *args: object) -> None: ...

def open(
    urlpath: Any,
    mode: Any = ...,
    compression: Any = ...,
    encoding: Any = ...,
    errors: Any = ...,
    protocol: Any = ...,
    newline: Any = ...,
    expand: Any = ...,
    **kwargs: Any,
) -> OpenFile: ...
