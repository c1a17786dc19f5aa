"""Words of a guest's data: export and erasure."""

from __future__ import annotations

WORDS: dict[str, tuple[str, str]] = {}

REFUSALS: tuple[str, ...] = ()
