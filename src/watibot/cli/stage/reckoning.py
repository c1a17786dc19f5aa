"""The owner at the console: sees the morning live, then holds its figures to the journals'.

`demo.py` calls it; `browser.py` reads the pages, `books.py` makes the same sums of the journals,
`figures.py` lays both side by side. `watibot costs` has to agree with them.
"""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from rich.console import Console
from rich.table import Table
from rich.text import Text

from watibot.cli.stage.books import Journals, books, tariff
from watibot.cli.stage.browser import Browser
from watibot.cli.stage.figures import Figure, Shown, figures, guests_messages
from watibot.cli.stage.guests import Control, Following
from watibot.cli.stage.journals import Check
from watibot.cli.stage.processes import Stage, StageError
from watibot.cli.stage.webpage import read
from watibot.engines.clock import SystemClock
from watibot.ports.console import Role

TODAY, MONEY = "/console/today", "/console/money"
MINUTE = timedelta(minutes=1)
# Virtual seconds: what was counted is in the store a moment later, and open pages hear of it.
PATIENCE_SECONDS = 60.0
LOOK_SECONDS = 2.0


@dataclass
class Reckoning:
    """`seen`: how many messages of guests the page of the day had, each time that open pages were
    told of news."""

    stage: Stage
    control: Control
    clock: SystemClock
    seen: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.browser = Browser(self.stage.service, "ana", Role.OWNER)

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """An open page of the day for as long as this lasts."""
        watching = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

    async def figures(self, following: Following) -> list[Figure]:
        """Console and journals at the end of the minute, for requests to a channel are charged by
        the minute. `following` has the channels' journals. Raises StageError, and LookupError for a
        model without a price."""
        now = self.clock.now()
        until = now.replace(second=0, microsecond=0) + MINUTE
        await self.clock.sleep((until - now).total_seconds() + LOOK_SECONDS)
        await following.look()
        vertex = await self.control.journal("vertex", kind="exchange")
        seen = following.entries
        found = books(Journals(seen["wati"], seen["manychat"], vertex).before(until), tariff())
        patience = self.clock.time() + PATIENCE_SECONDS
        while True:
            laid = figures(found, await self._shown(until))
            has_heard = self._last() == sum(found.messages.values())
            if (has_heard and all(each.ok for each in laid)) or self.clock.time() > patience:
                return laid
            await self.clock.sleep(LOOK_SECONDS)

    def checks(self, laid: Sequence[Figure]) -> list[Check]:
        """What has to hold of it."""
        same = sum(each.ok for each in laid)
        messages = sum(each.journals for each in laid if each.name.startswith("guests' messages"))
        grown = len(set(self.seen)) > 2 and sorted(self.seen) == list(self.seen)
        return [
            Check(
                "the console showed the morning live",
                grown and self._last() == messages,
                f"guests' messages: {', '.join(map(str, self.seen))}",
            ),
            Check(
                "the console's figures are the journals'",
                same == len(laid),
                f"{same} of {len(laid)}",
            ),
        ]

    async def _watch(self) -> None:
        async for topic in self.browser.news():
            if topic == "today":
                self.seen.append(guests_messages(read(await self.browser.read(TODAY))))

    def _last(self) -> int:
        return self.seen[-1] if self.seen else 0

    async def _shown(self, until: datetime) -> Shown:
        ended = await self.stage.command("costs", "--json")
        if ended.status:
            raise StageError(f"watibot costs ended with {ended.status}\n{ended.errors}")
        today, money, file = [
            await self.browser.read(path) for path in (TODAY, MONEY, f"{MONEY}/charges.csv")
        ]
        charges = [
            line
            for line in csv.DictReader(io.StringIO(file))
            if datetime.fromisoformat(line["at"]) < until
        ]
        return Shown(read(today), read(money), charges, json.loads(ended.out))


def show(out: Console, laid: Sequence[Figure]) -> None:
    """A line for each figure; where the console has several, each that is not the journals'."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("")
    for column in ("console", "journals"):
        table.add_column(column, justify="right")
    table.add_column("")
    table.add_column("where")
    for each in laid:
        mark = Text("ok", "green") if each.ok else Text("not ok", "bold red")
        wrong = {_said(each, value) for value in each.console.values()}
        where = ", ".join(
            name if each.ok else f"{name} {_said(each, value)}"
            for name, value in each.console.items()
        )
        told = wrong.pop() if len(wrong) == 1 else "?"
        table.add_row(each.name, told, _said(each, each.journals), mark, Text(where, "dim"))
    out.print()
    out.print(table)
    out.print()


def _said(figure: Figure, value: int) -> str:
    return f"${value / 1_000_000:,.6f}" if figure.is_money else f"{value:,}"
