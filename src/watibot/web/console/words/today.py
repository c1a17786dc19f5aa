"""Words of the page of the day."""

from __future__ import annotations

WORDS: dict[str, tuple[str, str]] = {
    "today": ("Hoy", "Today"),
}

REFUSALS: tuple[str, ...] = ()
