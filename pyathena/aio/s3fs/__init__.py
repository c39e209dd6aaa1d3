"""Rows that are streamed from the CSV object of a result, for asyncio."""

from __future__ import annotations

__all__: list[str] = []
