"""`watibot demo`: a morning of one hotel, then its migration out of OpenAI; the real service.

Starts emulators and service (`stage/processes.py`), plays `stage/morning.py` with the model away
for a minute in the middle and colleagues who take chats over and give them back, holds the
console's figures to the journals' (`stage/reckoning.py`), then carries 200 conversations over
(`stage/moving.py`) while guests go on writing. Shows everything as it happens, and ends by itself
with summaries from the emulators' journals. Nothing outside this machine is contacted.
"""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import httpx2
import typer
from rich.console import Console

from watibot.cli.stage import moved, past, reckoning, screen
from watibot.cli.stage.browser import PASSWORD
from watibot.cli.stage.colleagues import Colleagues
from watibot.cli.stage.guests import Control, controls
from watibot.cli.stage.journals import checks
from watibot.cli.stage.moving import REPORTS, Moving
from watibot.cli.stage.playing import Playing
from watibot.cli.stage.processes import (
    HOTEL,
    Plan,
    Stage,
    StageError,
    play,
    raised,
    run_directory,
    until_stopped,
)
from watibot.cli.stage.reckoning import Reckoning
from watibot.cli.stage.settling import collected, settled
from watibot.emulators.past import Past
from watibot.engines.clock import SystemClock
from watibot.hotel import Hotel, load

app = typer.Typer(add_completion=False)

MODEL_MS = 1200  # virtual
# Real seconds without any progress at the end.
STALL_SECONDS = 12.0
# Virtual time before midnight in which no morning begins.
LATE = timedelta(minutes=20)


@app.command()
def demo(
    speed: Annotated[
        float, typer.Option(min=1, max=20, help="How much faster than the clock on the wall")
    ] = 6,
    keep: Annotated[
        bool, typer.Option(help="Keep the run's directory: logs, database, the migration's report")
    ] = False,
    migration: Annotated[
        bool, typer.Option(help="After the morning, the migration of 200 conversations")
    ] = True,
    stay: Annotated[
        bool, typer.Option(help="At the end service and emulators stay, until Ctrl-C")
    ] = False,
) -> None:
    """Plays a hotel's morning and its migration with emulated providers; exit status 0 if nothing
    was lost."""
    try:
        held = play(_run(speed, keep, migration, stay))
    except StageError as error:
        typer.echo(f"watibot demo: {error}", err=True)
        held = False
    raise typer.Exit(0 if held else 1)


async def _run(speed: float, keep: bool, migration: bool, stay: bool) -> bool:
    out, hotel = screen.console(), load(HOTEL)
    spec = f"{speed:g}@{anchor(time.time(), speed, hotel.zone):.3f}"
    clock = SystemClock(spec)
    shown = screen.Screen(out, hotel.zone)
    shown.note(f"{hotel.name}, {speed:g} times faster. Starting ...")
    if migration and find_spec("openai") is None:
        shown.note("Without the migration: it needs pip install 'watibot[openai]'")
        migration = False
    made = past.made(hotel.local(clock.now()).date()) if migration else []
    async with run_directory(keep=keep) as directory:
        if keep:
            shown.note(f"logs and database: {directory}")
        prepare = partial(_adopt, shown, made) if made else None
        async with (
            raised(_plan(hotel, spec, directory, migration), directory, prepare) as stage,
            controls(stage.emulators) as (control, client),
        ):
            demonstration = Demonstration(out, shown, hotel, clock, speed, stage, control, client)
            held = await demonstration.morning()
            if made:
                held = await demonstration.migration(past.formers(made)) and held
            if keep and made:
                shown.note(f"the migration's report: {directory / past.REPORT / REPORTS[0]}")
            if stay:
                demonstration.addresses()
                shown.note("Everything stays until Ctrl-C.")
                await stage.watch(until_stopped())
            return held


def anchor(now: float, speed: float, zone: ZoneInfo) -> float:
    """Where the clock begins to run faster, in epoch seconds: now. Shortly before midnight so long
    ago that it has passed already, because the console's figures are those of one day; a clock that
    does not run faster cannot be ahead."""
    local = datetime.fromtimestamp(now, zone)
    midnight = datetime.combine(local.date() + timedelta(days=1), datetime.min.time(), zone)
    left = midnight.timestamp() - now
    return now - (left + 1) / (speed - 1) if speed > 1 and left < LATE.total_seconds() else now


def _plan(hotel: Hotel, spec: str, directory: Path, migration: bool) -> Plan:
    options = [
        f"wati.operators={json.dumps(operators(hotel))}",
        f"vertex.model_latency_ms={MODEL_MS}",
        "vertex.journal_bodies=true",
    ]
    emulators, settings = ["wati", "manychat", "vertex", "staff", "phone"], {}
    if migration:
        emulators.append("openai")
        options += [f"{name}={value}" for name, value in past.QUOTAS.items()]
        settings = past.settings(directory)
    return Plan(tuple(emulators), spec, tuple(options), settings)


def operators(hotel: Hotel) -> dict[str, str]:
    """The hotel's people as WATI knows them: name by e-mail."""
    return {person.email: person.name for person in hotel.staff if person.email}


async def _adopt(shown: screen.Screen, made: list[Past], stage: Stage) -> None:
    shown.heading("The earlier system's database")
    shown.command("watibot db adopt")
    said = await past.prepare(stage, made)
    shown.told("; ".join(line.strip() for line in said[1:5]))
    shown.told(said[-1])


@dataclass(frozen=True, slots=True)
class Demonstration:
    """What both parts are played on."""

    out: Console
    shown: screen.Screen
    hotel: Hotel
    clock: SystemClock
    speed: float
    stage: Stage
    control: Control
    client: httpx2.AsyncClient

    async def morning(self) -> bool:
        """Whether everything held."""
        colleagues = Colleagues(self.control, self.clock, self.hotel, self.stage, MODEL_MS / 1000)
        playing = Playing(self.control, self.clock, self.hotel, self.shown, self.speed, colleagues)
        owner = Reckoning(self.stage, self.control, self.clock)
        await asyncio.gather(colleagues.sign_in(), owner.browser.sign_in(self.stage))
        self.addresses()
        self.shown.heading("The morning")
        began = time.monotonic()
        async with owner.watching():
            await self.stage.watch(playing.run())
            rested = await self._rest()
            seconds = time.monotonic() - began
            laid = await self.stage.watch(owner.figures(playing.following))
        await playing.following.look()
        guests = list(playing.guests.values())
        run = await collected(self.control, self.client, self.stage.service, guests, playing.told())
        found = [*checks(run), *await playing.checks(rested), *owner.checks(laid)]
        screen.show(self.out, run, found, seconds)
        reckoning.show(self.out, laid)
        # The migration's bodies are nobody's business, and many.
        await self.control.change("vertex", {"journal_bodies": False})
        return all(check.ok for check in found)

    def addresses(self) -> None:
        """Where it can be looked at, and played with."""
        console = f"{self.stage.service}/console"
        self.shown.note(f"See it live in the console: {console}  (ana, {PASSWORD})")
        self.shown.note(f"A guest's phone to play with: {self.stage.emulators['phone']}")

    async def migration(self, formers: list[past.Former]) -> bool:
        """Whether everything held."""
        self.shown.heading("Out of OpenAI")
        self.shown.note(
            f"{len(formers)} conversations; quotas raised to {past.APPENDS:,} events and "
            f"{past.WRITES:,} sessions a minute, for Google's 300 and 100 would take 15 minutes"
        )
        moving = Moving(self.stage, self.control, self.clock, self.shown, formers, self.speed)
        began = time.monotonic()
        times = await self.stage.watch(moving.run())
        rested = await self._rest()
        seconds = time.monotonic() - began
        came_to = await moved.collected(self.control, moving, times)
        found = moved.checks(moving, came_to, rested)
        moved.show(self.out, moving, came_to, found, seconds)
        return all(check.ok for check in found)

    async def _rest(self) -> bool:
        return await self.stage.watch(settled(self.client, self.stage.service, STALL_SECONDS))
