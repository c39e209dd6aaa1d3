"""Results as frames of polars (extra ``polars``), for asyncio."""

from __future__ import annotations

__all__: list[str] = []
