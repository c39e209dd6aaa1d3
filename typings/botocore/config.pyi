from typing import Any

class Config:
    request_checksum_calculation: str | None
    response_checksum_validation: str | None
    max_pool_connections: int
    def __init__(self, *args: Any, **kwargs: Any) -> None: ...
    def merge(self, other_config: Config) -> Config: ...
