from typing import Any

caches: dict[str, Any]
