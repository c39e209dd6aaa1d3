from typing import Any

Endpoint: Any
