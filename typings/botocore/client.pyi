from typing import Any

class BaseClient:
    def __init__(self, *args: Any, **kwargs: Any) -> None: ...
