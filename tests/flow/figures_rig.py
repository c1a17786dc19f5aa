"""A console with the pages of the day and of money, and with live updates, over a real store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from fastapi import FastAPI

from tests.clocks import NOON
from tests.flow.console_rig import ZONE, Desk, desk
from watibot.caching import CacheStanding
from watibot.charges import Charge, Operation, Use
from watibot.messages import ChannelName
from watibot.modelcalls import Occasion, Usage
from watibot.settings import Costs, Targets
from watibot.storage.charges import SqlCharges
from watibot.storage.door import Door
from watibot.storage.figures_day import SqlFigures
from watibot.storage.pulse import SqlPulse
from watibot.web.console.doors import Doors
from watibot.web.console.files import Files
from watibot.web.console.frame import Frame
from watibot.web.console.live import Live
from watibot.web.console.money import Money
from watibot.web.console.pages import Pages
from watibot.web.console.rooms import Room
from watibot.web.console.routes import console
from watibot.web.console.today import Today

MODEL = "gemini-3.8-flash"


@dataclass
class Figures:
    """The desk with its ledger. `forecast` and `cache` are what others would say."""

    desk: Desk
    charges: SqlCharges
    live: Live
    forecast: int | None = None
    cache: CacheStanding | None = None

    async def charge(
        self,
        micros: int | None,
        at: datetime = NOON,
        guest: str | None = None,
        turn_id: str | None = None,
        operation: Operation = Operation.ANSWER,
        model: str = MODEL,
        usage: Usage | None = None,
    ) -> None:
        channel = ChannelName.WHATSAPP if guest else None
        occasion = Occasion(operation, guest, channel, turn_id)
        tokens = usage or Usage(100, 40, 10)
        use = Use("gemini", operation, model, "global", tokens, seconds=0.5, occasion=occasion)
        await self.charges.add([Charge(at, use, micros, channel)])


@asynccontextmanager
async def figures(
    folder: Path, costs: Costs | None = None, phone_url: str = ""
) -> AsyncIterator[Figures]:
    """The users of `console_rig.desk`, at noon UTC; budget $50 a month if `costs` say nothing."""
    async with desk(folder) as front:
        clock, rows = front.clock, front.rows
        door = Door(front.store._writer, "posada")
        charges, counted = SqlCharges(door), SqlFigures(door)
        costs = costs or Costs()

        async def waiting() -> Mapping[str, int]:
            found = await counted.waiting(clock.now())
            return {"escalations": found.escalations, "payments": found.proofs}

        frame = Frame("Posada Invento", ZONE, clock, False, phone_url, waiting)
        live = Live(SqlPulse(door), clock, ZONE)
        made = Figures(front, charges, live)

        def forecast() -> int | None:
            return made.forecast

        rooms: list[Room] = [
            Today(counted, charges, forecast, frame, clock, ZONE, costs, Targets()),
            Money(
                charges,
                counted,
                rows,
                forecast,
                lambda: made.cache,
                lambda name: f"tag-{len(name)}",
                frame,
                clock,
                ZONE,
                costs,
            ),
            live,
            Files(rows, front.files, frame),
            Pages(
                front.store,
                front.escalations,
                front.proofs,
                rows,
                charges,
                frame,
                clock,
                ZONE,
            ),
        ]
        front.app = FastAPI(docs_url=None, redoc_url=None)
        front.app.router.routes.append(console(rooms, Doors(rows, frame, clock), frame))
        yield made
