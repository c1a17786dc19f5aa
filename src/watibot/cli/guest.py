"""`watibot guest`: what is kept of a guest, given out or erased; the receipts of those who were.

Beside a running service, which then does the work, or without one. `service/export.py` and
`service/erase.py` know how; the console offers the same to owners.
"""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from watibot import telemetry
from watibot.cli import show
from watibot.environment import load
from watibot.hotel import Hotel
from watibot.hotel import load as load_hotel
from watibot.ports import Clock
from watibot.ports.erasures import Erasure, Erasures
from watibot.providers.archive import Archive
from watibot.providers.conversations_api import read_mapping
from watibot.providers.openai_erase import ThreadEraser
from watibot.service.erase import Eraser, Outside
from watibot.service.export import Exporter
from watibot.settings import Settings
from watibot.storage import looks
from watibot.storage import store as storage
from watibot.storage.store import SqlStore
from watibot.wiring_outside import outside

app = typer.Typer(add_completion=False, no_args_is_help=True)

LATER_EXIT = 75  # asked for and durable, but not complete
LOOKS = 30  # at a receipt that the service works on
LOOK_SECONDS = 2.0
LISTED = 50

EnvFile = Annotated[Path, typer.Option(help="File with settings, KEY=VALUE")]
Id = Annotated[str, typer.Argument(help="A conversation's id, as `watibot inspect` lists them")]
DOT_ENV = Path(".env")


@app.callback()
def about() -> None:
    """What is kept of a guest: to be given to them, or to be erased."""


@app.command()
def export(
    conversation_id: Id,
    to: Annotated[Path, typer.Option(help="A new file, a ZIP")],
    language: Annotated[str, typer.Option(help="Of the transcript: es or en")] = "es",
    env_file: EnvFile = DOT_ENV,
) -> None:
    """Everything that is kept of a guest: all rows as JSON, a readable transcript, the files."""
    if language not in ("es", "en"):
        raise typer.BadParameter("es or en", param_hint="--language")
    if to.exists():
        _end(f"{to} is there already")
    if not asyncio.run(_export(env_file, conversation_id, to, language)):
        _end("there is no such conversation")
    typer.echo(f"{to} holds all that is kept of this guest")


@app.command()
def erase(
    conversation_id: Id,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; it cannot be undone")] = False,
    env_file: EnvFile = DOT_ENV,
) -> None:
    """Forgets a guest: rows, files, session, thread, archive. Backups keep what they have."""
    if not yes:
        _end("this cannot be undone: say --yes")
    found = asyncio.run(_erase(env_file, conversation_id))
    if found is None:
        _end("there is no such conversation")
    else:
        _told(found)


@app.command()
def erasures(
    again: Annotated[
        int, typer.Option(help="Number of one that was given up: it is tried again")
    ] = 0,
    work: Annotated[
        bool, typer.Option("--work", help="Without a service: goes on with what is due")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For machines")] = False,
    env_file: EnvFile = DOT_ENV,
) -> None:
    """Receipts of guests who were erased, the newest first, and what could not be done yet."""
    zone, found = asyncio.run(_receipts(env_file, again, work))
    lines = [receipt(each) for each in found]
    if as_json:
        show.as_json(lines)
    else:
        show.rows("Erasures", lines, zone)


def receipt(one: Erasure) -> dict[str, Any]:
    """A line. Nothing in it says who it was."""
    state = "complete" if one.ended_at else "given up" if one.given_up else "under way"
    return {
        "number": one.erasure_id,
        "key": one.key,
        "asked_at": one.asked_at,
        "asked_by": one.asked_by,
        "state": state,
        "ended_at": one.ended_at,
        "gone": ", ".join(f"{place} {count}" for place, count in one.gone.items()),
        "left": ", ".join(one.left),
        "unreached": ", ".join(sorted(one.unreached)),
        "problem": one.problem,
    }


@dataclass(frozen=True, slots=True)
class _Here:
    """What the commands work with. `served`: a service is at work on this store."""

    settings: Settings
    hotel: Hotel
    clock: Clock
    store: SqlStore
    erasures: Erasures
    eraser: Eraser
    exporter: Exporter
    served: bool


@asynccontextmanager
async def _here(env_file: Path) -> AsyncIterator[_Here]:
    settings = load(env_file)
    service = settings.service
    secret = service.webhook_secret.get_secret_value()
    telemetry.configure("error", secret)
    hotel = load_hotel(service.hotel_file)
    async with await storage.open(service.database_url, hotel.id) as store:
        served = looks.service_runs(service.database_url)
        out = outside(settings, hotel, store)
        try:
            mapping = settings.migration.mapping
            places = Outside(
                out.files,
                out.sessions,
                ThreadEraser(out.openai, read_mapping(mapping) if mapping else None)
                if out.openai is not None
                else None,
                Archive(settings.migration.archive_dir),
                exports=settings.migration.exports is not None,
            )
            rows, found = store.console, store.erasures
            eraser = Eraser(
                found, rows, places, out.clock, settings.patience, secret, alone=not served
            )
            exporter = Exporter(store.guests, out.files, rows, out.clock, hotel.name, hotel.zone)
            yield _Here(settings, hotel, out.clock, store, found, eraser, exporter, served)
        finally:
            await out.close()


async def _export(env_file: Path, conversation_id: str, to: Path, language: str) -> bool:
    async with _here(env_file) as here:
        if await here.store.conversation(conversation_id) is None:
            return False
        with to.open("xb") as out:
            return await here.exporter.export(conversation_id, _who(), language, out)


async def _erase(env_file: Path, conversation_id: str) -> Erasure | None:
    async with _here(env_file) as here:
        number = await here.eraser.ask(conversation_id, _who())
        if number is None:
            return None
        if not here.served:
            await here.eraser.round()
        found = await here.erasures.erasure(number)
        for _ in range(LOOKS):
            if not here.served or found is None or found.rows_gone_at is not None:
                break
            await here.clock.sleep(LOOK_SECONDS)
            found = await here.erasures.erasure(number)
        return found


async def _receipts(env_file: Path, again: int, work: bool) -> tuple[Any, list[Erasure]]:
    async with _here(env_file) as here:
        if again and not await here.eraser.again(again, _who()):
            _end(f"erasure {again} was not given up")
        if work or again:
            if not here.served:
                await here.eraser.round()
            elif work:
                _end("a service is at work on this store, and does it")
        return here.hotel.zone, await here.erasures.newest(LISTED)


def _who() -> str:
    """Who is at the terminal, as the log and the receipt name them."""
    return f"cli:{getpass.getuser()}"


def _told(found: Erasure) -> None:
    """What came of it, and the exit status."""
    gone = ", ".join(f"{place} {count}" for place, count in found.gone.items()) or "nothing yet"
    typer.echo(f"erasure {found.erasure_id} ({found.key}): {gone}")
    if found.ended_at is not None:
        typer.echo(f"complete; not reached: {', '.join(sorted(found.unreached))}")
        return
    typer.echo(f"left: {', '.join(found.left)}")
    if found.problem:
        typer.echo(f"problem: {found.problem}")
    typer.echo("The service goes on with it; without one: watibot guest erasures --work")
    raise typer.Exit(LATER_EXIT)


def _end(reason: str) -> None:
    typer.echo(f"watibot guest: {reason}", err=True)
    raise typer.Exit(1)
