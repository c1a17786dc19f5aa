"""Words of the health page."""

from __future__ import annotations

WORDS: dict[str, tuple[str, str]] = {
    "health": ("Salud", "Health"),
}

REFUSALS: tuple[str, ...] = ()
