from typing import Any

BaseClient: Any
