"""Results of queries: where their bytes come from, and how rows are made of them. Knows neither pyarrow nor pandas."""

from __future__ import annotations

__all__: list[str] = []
