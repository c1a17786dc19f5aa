"""`watibot rehearse FILE`: recorded dialogues, played by virtual guests against the real service.

Starts emulators and service (`stage/processes.py`), plays the guests' side of a file of dialogues
(`stage/dialogues.py`), many at once, and ends with the same summary as `watibot demo`.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated

import httpx2
import typer
from rich.console import Console

from watibot.cli.stage import screen
from watibot.cli.stage.dialogues import Dialogue, DialogueError, Rehearsal, read
from watibot.cli.stage.guests import Control, Following, controls
from watibot.cli.stage.journals import Check, checks
from watibot.cli.stage.processes import HOTEL, Plan, Stage, StageError, play, raised, run_directory
from watibot.cli.stage.settling import collected, settled
from watibot.engines.clock import SystemClock
from watibot.hotel import load

app = typer.Typer(add_completion=False)

# Real seconds without any progress at the end.
STALL_SECONDS = 30.0
LINE_EVERY = 1000  # turns
# Per virtual minute: quotas are not what is rehearsed, and so many guests at once are no hotel's.
LIFTED_SETTINGS = {
    "WATI_SENDS_PER_MINUTE": "100000",
    "VERTEX_MODEL_CALLS_PER_MINUTE": "100000",
    "VERTEX_APPENDS_PER_MINUTE": "100000",
    "VERTEX_SESSION_WRITES_PER_MINUTE": "100000",
}
# 0 is no quota.
LIFTED_QUOTAS = {
    "wati.reads_per_10s": 0,
    "vertex.append_events_per_minute": 0,
    "vertex.session_writes_per_minute": 0,
}


@app.command()
def rehearse(
    file: Annotated[Path, typer.Argument(help="Dialogues, .jsonl or .jsonl.gz", exists=True)],
    conversations: Annotated[int, typer.Option(min=1, help="How many of them")] = 100,
    speed: Annotated[
        float, typer.Option(min=1, max=100, help="How much faster than the clock on the wall")
    ] = 20,
    at_once: Annotated[int, typer.Option(min=1, max=500, help="Conversations at once")] = 50,
    keep: Annotated[bool, typer.Option(help="Keep the run's directory: logs and database")] = False,
) -> None:
    """Plays recorded dialogues through the emulators; exit status 0 if nothing was lost."""
    try:
        dialogues = read(file, conversations)
        held = play(_run(dialogues, speed, at_once, keep))
    except (StageError, DialogueError) as error:
        typer.echo(f"watibot rehearse: {error}", err=True)
        held = False
    raise typer.Exit(0 if held else 1)


async def _run(dialogues: list[Dialogue], speed: float, at_once: int, keep: bool) -> bool:
    hotel = load(HOTEL)
    out = screen.console()
    operators = {person.email: person.name for person in hotel.staff if person.email}
    plan = Plan(
        emulators=("wati", "vertex", "staff"),
        clock=f"{speed:g}@{time.time():.3f}",
        options=(
            f"wati.operators={json.dumps(operators)}",
            *(f"{name}={value}" for name, value in LIFTED_QUOTAS.items()),
        ),
        settings=LIFTED_SETTINGS,
    )
    async with run_directory(keep=keep) as directory:
        if keep:
            out.print(f"logs and database: {directory}")
        async with raised(plan, directory) as stage, controls(stage.emulators) as (control, client):
            following = Following(control, (("wati", "bubble"), ("wati", "assigned")))
            began = time.monotonic()
            late, rested = await stage.watch(
                _play(out, stage, control, client, following, dialogues, plan, speed, at_once)
            )
            seconds = time.monotonic() - began
            await following.look()
            entries = [
                *following.entries["wati"],
                *await control.journal("wati", kind="guest"),
                *await control.journal("wati", kind="staff"),
            ]
            guests = [dialogue.guest for dialogue in dialogues]
            run = await collected(control, client, stage.service, guests, entries)
    turns = sum(len(dialogue.turns) for dialogue in dialogues)
    found = [
        Check("every turn was played", run.tally.said == turns, f"{run.tally.said} of {turns}"),
        Check("the service came to rest", rested, "nothing waits" if rested else "work left"),
        Check("every answer came in time", not late, f"{len(late)} late"),
        *checks(run),
    ]
    screen.show(out, run, found, seconds)
    lifted = [*LIFTED_SETTINGS, *LIFTED_QUOTAS]
    out.print(f"lifted for this run: {', '.join(lifted)}", soft_wrap=True)
    return all(check.ok for check in found)


async def _play(
    out: Console,
    stage: Stage,
    control: Control,
    client: httpx2.AsyncClient,
    following: Following,
    dialogues: list[Dialogue],
    plan: Plan,
    speed: float,
    at_once: int,
) -> tuple[list[str], bool]:
    """The guests who waited in vain, and whether the service came to rest afterwards."""
    total = sum(len(dialogue.turns) for dialogue in dialogues)
    with screen.progress(out) as bar:
        task = bar.add_task(f"{len(dialogues)} conversations", total=total, rate="")
        began, done = time.monotonic(), 0

        def step() -> None:
            nonlocal done
            done += 1
            rate = done / (time.monotonic() - began)
            bar.update(task, advance=1, rate=f"{rate:.0f} turns/s")
            # Without a terminal the bar is drawn only once, at the end.
            if not out.is_terminal and done % LINE_EVERY == 0:
                out.print(f"{done} of {total} turns, {rate:.0f} a second")

        rehearsal = Rehearsal(control, following, SystemClock(plan.clock), speed, at_once, step)
        await rehearsal.run(dialogues)
        rest = bar.add_task("sessions catch up", total=None, rate="")

        def left(rows: int) -> None:
            bar.update(rest, rate=f"{rows} rows wait")

        rested = await settled(client, stage.service, STALL_SECONDS, left)
    return rehearsal.late, rested
