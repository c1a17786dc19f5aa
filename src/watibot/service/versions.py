"""Versions of the instructions: what is live is kept whole, and any two can be put side by side.

`wiring.py` runs it beside the service; the console's page asks it. The file on disk is read here
once more by itself, because `InstructionsFile.current` says only once what is wrong with it, and
that belongs to the turn that tells staff.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import SequenceMatcher
from enum import StrEnum
from pathlib import Path

from watibot import telemetry
from watibot.errors import ProviderError, SettingsError
from watibot.hotel import Hotel
from watibot.instructions import Instructions, InstructionsFile
from watibot.ports import Clock
from watibot.ports.versions import Listed, VersionRows
from watibot.windows import CHARACTERS_A_TOKEN

log = telemetry.logger(__name__)

LOOK_SECONDS = 30.0
KEPT = timedelta(minutes=5)  # that a version is still live is written no more often than that
CONTEXT = 3  # lines around a change

Count = Callable[[str], Awaitable[int]]  # the provider's tokens of a text; raises ProviderError


@dataclass(frozen=True, slots=True)
class Live:
    """What the file is now. `version`: of the newest good reading; `problem`: why the file as it
    is cannot be used, if so."""

    version: str
    problem: str | None


class Versions:
    """Keeps what is live. `count` is the provider's own count of tokens, if it has one."""

    def __init__(
        self,
        rows: VersionRows,
        path: Path,
        hotel: Hotel,
        clock: Clock,
        count: Count | None = None,
    ) -> None:
        self._rows = rows
        self.path = path
        self._hotel = hotel
        self._clock = clock
        self._count = count
        self._written: tuple[str, datetime] | None = None
        self._uncounted: Instructions | None = None
        self._last_good = ""

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self.look()
            await self.counting()
            await self._clock.sleep(LOOK_SECONDS)

    async def look(self) -> Live:
        """What is live now; kept if that is new. Nobody outside is asked: a page waits for it."""
        try:
            found = await asyncio.to_thread(self._read)
        except SettingsError as error:
            return Live(self._last_good, str(error))
        now = self._clock.now()
        self._last_good = found.version
        known = self._written
        if known is None or known[0] != found.version or now - known[1] >= KEPT:
            if await self._rows.seen(found.version, found.text, now):
                log.info("instructions.version", version=found.version)
                await self._rows.counted(found.version, estimated(found.text), exact=False)
            if known is None or known[0] != found.version:
                self._uncounted = found if self._count is not None else None
            self._written = (found.version, now)
        return Live(found.version, None)

    async def counting(self) -> None:
        """The provider's count in place of the estimate, as soon as it gives one."""
        if self._uncounted is None or self._count is None:
            return
        uncounted = self._uncounted
        try:
            tokens = await self._count(uncounted.text)
        except ProviderError as error:
            log.info("instructions.not_counted", cause=error.cause)
            return
        await self._rows.counted(uncounted.version, tokens, exact=True)
        if self._uncounted is uncounted:
            self._uncounted = None

    async def versions(self, limit: int) -> list[Listed]:
        """Those that were live last first."""
        return await self._rows.versions(limit)

    async def text(self, version: str) -> str | None:
        return await self._rows.text(version)

    def _read(self) -> Instructions:
        return InstructionsFile(self.path, self._hotel).current().instructions


def estimated(text: str) -> int:
    """About how many tokens a text has."""
    return round(len(text) / CHARACTERS_A_TOKEN)


class Sign(StrEnum):
    """What became of a line."""

    SAME = "same"
    ADDED = "added"
    REMOVED = "removed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Change:
    """A line of a comparison, with its number on each side where it is there. `SKIPPED` stands for
    so many lines that are the same: the number is in `text`."""

    sign: Sign
    text: str
    before: int | None = None
    after: int | None = None


def differences(before: str, after: str, context: int = CONTEXT) -> list[Change]:
    """Line by line, with `context` lines around what changed; empty if nothing did."""
    old, new = before.splitlines(), after.splitlines()
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    found: list[Change] = []
    reached = 0
    for group in matcher.get_grouped_opcodes(context):
        if group[0][1] > reached:
            found.append(_skipped(group[0][1] - reached))
        for what, first, last, start, end in group:
            found += _lines(what, old[first:last], new[start:end], first, start)
        reached = group[-1][2]
    if found and reached < len(old):
        found.append(_skipped(len(old) - reached))
    return found


def _lines(
    what: str, old: Sequence[str], new: Sequence[str], first: int, start: int
) -> list[Change]:
    if what == "equal":
        return [
            Change(Sign.SAME, line, first + number, start + number)
            for number, line in enumerate(old, 1)
        ]
    return [
        *(Change(Sign.REMOVED, line, before=first + n) for n, line in enumerate(old, 1)),
        *(Change(Sign.ADDED, line, after=start + n) for n, line in enumerate(new, 1)),
    ]


def _skipped(lines: int) -> Change:
    return Change(Sign.SKIPPED, str(lines))
