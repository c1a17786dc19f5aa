"""Words of the money page."""

from __future__ import annotations

WORDS: dict[str, tuple[str, str]] = {
    "money": ("Costos", "Money"),
}

REFUSALS: tuple[str, ...] = ()
