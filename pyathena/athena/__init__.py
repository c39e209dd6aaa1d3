"""Athena's API as coroutines, and the life of a query over it. Knows neither cursors nor S3."""

from __future__ import annotations

__all__: list[str] = []
