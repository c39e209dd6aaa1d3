"""Results as frames of pandas (extra ``pandas``)."""

from __future__ import annotations

__all__: list[str] = []
