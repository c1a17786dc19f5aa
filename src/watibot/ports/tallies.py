"""The promise of the store on what happens by the minute: it is added up and asked for by windows.

`service/watch.py` adds and asks; the console asks too. Names and outcomes: `turn` as
`Metrics.turns` has them, `answer` with `fast` and `slow`, `tool` with `ok` and `failed`; an alarm's
own coming and going is kept as `raised`, `raised_quietly` and `recovered`, by the alarm's name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Tally:
    """Something that happened `count` times."""

    name: str
    outcome: str
    count: int


class Tallies(Protocol):
    """Of one hotel."""

    async def add(self, at: datetime, tallies: Sequence[Tally]) -> None:
        """To what the minute of `at` has already."""

    async def sums(self, name: str, sinces: Sequence[datetime]) -> list[dict[str, int]]:
        """For each time, by outcome, how often since then; minutes that had begun before it are
        left out."""

    async def latest(self, name: str) -> dict[str, datetime]:
        """By outcome, the beginning of the last minute in which it happened."""

    async def forget(self, before: datetime) -> int:
        """Minutes that began before; how many rows went."""
