"""Results as frames of pandas (extra ``pandas``), for asyncio."""

from __future__ import annotations

__all__: list[str] = []
