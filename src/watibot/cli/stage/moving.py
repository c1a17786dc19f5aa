"""The migration that follows the morning: verb after verb, while ten guests go on writing.

`demo.py` calls it; `verbs.py` runs the commands, `meanwhile.py` has what the guests say,
`moving_checks.py` judges, `moved.py` collects what it judges and shows it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from watibot.cli.stage import past, verbs
from watibot.cli.stage.guests import Control, Following
from watibot.cli.stage.journals import Entry, address_of
from watibot.cli.stage.meanwhile import Act, Writer, cohort, writers
from watibot.cli.stage.moving_checks import Times
from watibot.cli.stage.past import Former
from watibot.cli.stage.processes import Stage
from watibot.cli.stage.screen import Screen
from watibot.cli.stage.verbs import DONE, SAME, Told
from watibot.engines.clock import SystemClock

ROLLED_BACK = 10
ROUNDS = 4
REPORTS = ("migration-report.html", "migration-report.json")
# Virtual seconds.
PATIENCE_SECONDS = 300.0


@dataclass
class Moving:
    """A migration under way."""

    stage: Stage
    control: Control
    clock: SystemClock
    shown: Screen
    formers: Sequence[Former]
    speed: float
    late: list[str] = field(default_factory=list)
    verified: set[str] = field(default_factory=set)
    cut_over: set[str] = field(default_factory=set)
    rolled_back: set[str] = field(default_factory=set)
    planned: dict[str, Any] = field(default_factory=dict)
    events: int = 0
    report: Path | None = None

    def __post_init__(self) -> None:
        self.writers: Sequence[Writer] = writers(self.formers)
        self.cohort = cohort(self.formers, self.writers, ROLLED_BACK)
        self.guests = {each.former.guest.address: each.former.guest for each in self.writers}
        self.following = Following(self.control, [("wati", None), ("manychat", None)], self._show)
        self._begun = {act: asyncio.Event() for act in Act}
        self._left = Counter(line.act for each in self.writers for line in each.lines)
        self._ended = {act: asyncio.Event() for act in Act}

    async def run(self) -> Times:
        """Until the last guest has had the last answer."""
        began = self.clock.now()
        reading = asyncio.create_task(self.following.run())
        writing = [asyncio.create_task(self._write(each)) for each in self.writers]
        working = asyncio.create_task(self._verbs(began))
        try:
            # Together: whichever fails ends the others, which may wait for it.
            await asyncio.gather(working, *writing)
        finally:
            for task in (reading, working, *writing):
                task.cancel()
            await asyncio.gather(reading, working, *writing, return_exceptions=True)
        return working.result()

    async def _verbs(self, began: datetime) -> Times:
        self._begun[Act.PLAN].set()
        await self._plan()
        await self._carry_over()
        cutting = self.clock.now()
        self._begun[Act.CUTOVER].set()
        await self._flip("cutover", ["--all"], self.cut_over)
        cut = self.clock.now()
        self._begun[Act.GEMINI].set()
        await self._answered(Act.CUTOVER, Act.GEMINI)
        returning = self.clock.now()
        self._begun[Act.ROLLBACK].set()
        await self._flip("rollback", self._only("ten.txt", self.cohort), self.rolled_back)
        back = self.clock.now()
        self._begun[Act.BACK].set()
        await self._report()
        return Times(began, cutting, cut, returning, back)

    async def _plan(self) -> None:
        told = await self._verb("plan")
        self.planned = told.document
        found = told.document
        self.shown.told(
            f"{found['conversations']} conversations: {found['messages']:,} messages, "
            f"{found['tool_calls']} tool calls, {found['media']} media; {found['events']:,} events "
            f"to append: {found['hours'] * 60:.1f} minutes, ${float(found['dollars']):.2f}"
        )

    async def _carry_over(self) -> None:
        """run and verify; again for those that were put off or have grown since."""
        only: list[str] = []
        self._begun[Act.RUN].set()
        for number in range(ROUNDS):
            chosen = self._only(f"again-{number}.txt", only)
            ran = await self._verb("run", *chosen)
            self.events += ran.document["events"]
            self.shown.told(ran.progress.strip())
            if ran.waited:
                self.shown.told(f"waited for {ran.waited}")
            self._begun[Act.RAN].set()
            verified = await self._verb("verify", *chosen)
            self.verified -= set(verified.marks)
            self.verified |= {name for name, mark in verified.marks.items() if mark == SAME}
            self.shown.told(verified.progress.strip())
            self.shown.told(str(verified.document["verdict"]))
            only = sorted({*ran.without(SAME, DONE), *verified.without(SAME)})
            await self._answered(Act.PLAN, Act.RUN, Act.RAN)
            if not only:
                return

    async def _flip(self, verb: str, whom: Sequence[str], done: set[str]) -> None:
        """cutover or rollback; the same again for those that were put off."""
        for _ in range(ROUNDS):
            told = await self._verb(verb, *whom)
            done |= {name for name, mark in told.marks.items() if mark == DONE}
            self.shown.told(str(told.document["verdict"]))
            if not told.without(SAME, DONE):
                return

    async def _report(self) -> None:
        folder = self.stage.directory / past.REPORT
        self.shown.command(f"watibot migrate report --to {folder.name}")
        await verbs.report(self.stage, folder)
        self.report = folder
        self.shown.told(", ".join(REPORTS))

    async def _verb(self, *words: str) -> Told:
        bare = " ".join(words).replace(f"{self.stage.directory}/", "")
        self.shown.command(f"watibot migrate {bare}")
        return await verbs.verb(self.stage, *words)

    def _only(self, name: str, ids: Sequence[str]) -> list[str]:
        return ["--only", str(verbs.write_ids(self.stage.directory / name, ids))] if ids else []

    async def _answered(self, *acts: Act) -> None:
        """Until what the guests said in these acts is answered."""
        for act in acts:
            self._begun[act].set()
            if self._left[act]:
                await self._ended[act].wait()

    async def _write(self, writer: Writer) -> None:
        guest = writer.former.guest
        for line in writer.lines:
            await self._begun[line.act].wait()
            await self.clock.sleep(line.pause)
            before = self.following.bubbles(guest)
            await self.control.say(guest, dict(line.words))
            if not await self.following.answer(guest, before, PATIENCE_SECONDS / self.speed):
                self.late.append(guest.name)
            self._left[line.act] -= 1
            if not self._left[line.act]:
                self._ended[line.act].set()

    def _show(self, _emulator: str, entry: Entry) -> None:
        guest = self.guests.get(address_of(entry))
        if guest is not None and entry["kind"] == "guest":
            self.shown.said(guest, entry)
        elif guest is not None and entry["kind"] == "bubble":
            self.shown.bubble(guest, entry)
