"""Words of the instructions page."""

from __future__ import annotations

WORDS: dict[str, tuple[str, str]] = {
    "instructions": ("Instrucciones", "Instructions"),
}

REFUSALS: tuple[str, ...] = ()
