"""The console's words in Spanish and English, a table for each group of pages. Pure.

`frame.py` gives them to the templates as `t("key")`. A key that is missing is shown as it is, which
the tests do not let pass. `said.*` are told after a form; `REFUSALS` names those that say no.
"""

from __future__ import annotations

from watibot.web.console.words import (
    desk,
    guests,
    health,
    instructions,
    migration,
    money,
    today,
)

LANGUAGES = ("es", "en")

_TABLES = (desk, guests, health, instructions, migration, money, today)

WORDS: dict[str, tuple[str, str]] = {
    key: both for table in _TABLES for key, both in table.WORDS.items()
}
REFUSALS = frozenset(f"said.{word}" for table in _TABLES for word in table.REFUSALS)

MONTHS = (
    ["ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sep", "oct", "nov", "dic"],
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"],
)


def say(key: str, language: str) -> str:
    """The word for `key`."""
    found = WORDS.get(key)
    return key if found is None else found[LANGUAGES.index(language)]


def preferred(accepted: str) -> str:
    """The first of our languages in an Accept-Language header; browsers name the best one first."""
    for part in accepted.split(","):
        tag = part.strip()[:2].lower()
        if tag in LANGUAGES:
            return tag
    return LANGUAGES[0]
