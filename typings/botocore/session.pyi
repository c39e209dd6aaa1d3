from typing import Any

class Session:
    def __init__(
        self,
        session_vars: Any = ...,
        event_hooks: Any = ...,
        include_builtin_handlers: bool = ...,
        profile: str | None = ...,
    ) -> None: ...
    def get_credentials(self) -> Any: ...
    def register_component(self, name: str, component: Any) -> None: ...
