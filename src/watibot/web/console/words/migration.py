"""Words of the migration page."""

from __future__ import annotations

WORDS: dict[str, tuple[str, str]] = {
    "migration": ("Migración", "Migration"),
}

REFUSALS: tuple[str, ...] = ()
