"""The promise of the store on instructions: each version that was live, whole.

`service/versions.py` keeps them there, the console shows them. A version is named by the first 12
hexadecimal digits of its SHA-256 (`instructions.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Listed:
    """A version as a list names it. `tokens`: None where nobody has counted, `exact` if the
    provider did. `answers`: how many turns it answered. `last_at`: when it was last seen live."""

    version: str
    characters: int
    lines: int
    tokens: int | None
    exact: bool
    first_at: datetime
    last_at: datetime
    answers: int = 0


class VersionRows(Protocol):
    """The versions of one hotel."""

    async def seen(self, version: str, text: str, at: datetime) -> bool:
        """It is live at this time; whether it was never seen before."""
        ...

    async def counted(self, version: str, tokens: int, exact: bool) -> None:
        """How many tokens it has."""
        ...

    async def versions(self, limit: int) -> list[Listed]:
        """Those that were live last first."""
        ...

    async def text(self, version: str) -> str | None: ...
