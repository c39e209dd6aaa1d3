"""Results as tables of pyarrow (extra ``arrow``), for asyncio."""

from __future__ import annotations

__all__: list[str] = []
