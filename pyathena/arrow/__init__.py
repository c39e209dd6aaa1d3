"""Results as tables of pyarrow (extra ``arrow``)."""

from __future__ import annotations

__all__: list[str] = []
