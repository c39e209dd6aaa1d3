"""Results as frames of polars (extra ``polars``)."""

from __future__ import annotations

__all__: list[str] = []
