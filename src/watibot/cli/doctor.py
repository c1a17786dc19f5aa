"""`watibot doctor`: one line for each thing that must work, and what to do where it does not.

The first stop of an installation and of every trouble. The checks are in `checks.py` and
`checks_outside.py`; here is their order. Exit status 0 if all is well, 1 if not.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from watibot.cli.checks import Finding
    from watibot.hotel import Hotel
    from watibot.settings import Settings

app = typer.Typer(add_completion=False)


@app.command()
def doctor(
    env_file: Annotated[Path, typer.Option(help="File with settings, KEY=VALUE")] = Path(".env"),
    live: Annotated[
        bool,
        typer.Option(
            "--live",
            help="Also sends a test notice to staff, asks the model (a fraction of a cent) and "
            "makes and deletes a session",
        ),
    ] = False,
) -> None:
    """Checks settings, store, channels and Vertex, and says what to fix."""
    if not asyncio.run(_report(env_file, live)):
        raise typer.Exit(1)


async def _report(env_file: Path, live: bool) -> bool:
    broken = 0
    async for finding in examine(env_file, live):
        mark = "ok    " if finding.ok else "not ok"
        colour = typer.colors.GREEN if finding.ok else typer.colors.RED
        typer.echo(f"{typer.style(mark, fg=colour)}  {finding.line()}")
        broken += not finding.ok
    if live:
        from watibot.cli.checks_outside import UNPROVEN

        typer.echo("\nNot seen against the live APIs yet; keep the first real cases with")
        typer.echo("WATIBOT_CAPTURE_PER_KIND:")
        for line in UNPROVEN:
            typer.echo(f"  - {line}")
    things = "thing is" if broken == 1 else "things are"
    typer.echo(f"\n{broken} {things} to be mended" if broken else "\nEverything is in order")
    return not broken


async def examine(env_file: Path, live: bool) -> AsyncIterator[Finding]:
    """One finding after the other. Without settings or hotel nothing else can be looked at."""
    from watibot.cli import checks
    from watibot.environment import load
    from watibot.errors import SettingsError
    from watibot.hotel import load as load_hotel

    name = "settings"
    try:
        settings = load(env_file)
        yield checks.settings_read(env_file)
        name = "hotel file"
        hotel = load_hotel(settings.service.hotel_file)
        yield checks.Finding(name, True, f"{hotel.name} ({hotel.id})")
    except SettingsError as error:
        yield checks.wrong(name, error)
        return
    async for finding in _examine(settings, hotel, live):
        yield finding


async def _examine(settings: Settings, hotel: Hotel, live: bool) -> AsyncIterator[Finding]:
    from watibot import telemetry
    from watibot.cli import checks, checks_outside
    from watibot.wiring_outside import outside

    telemetry.configure("error", settings.service.webhook_secret.get_secret_value())
    out = outside(settings, hotel)
    sessions = checks_outside.watched(settings.vertex, out.clock)
    try:
        yield checks.instructions(settings, hotel)
        yield checks.data_folder(settings)
        yield checks.database(settings)
        yield checks.clock(settings, hotel, out.clock)
        yield await checks.staff(settings, out.notifier, live)
        yield await checks_outside.wati(settings, hotel, out.channels)
        yield await checks_outside.manychat(out.channels)
        google = await checks_outside.google(out)
        yield google
        if google.ok:
            yield await checks_outside.model(settings, out.gemini, out.clock, live)
            for finding in await checks_outside.sessions(
                settings.vertex, sessions, out.clock, live
            ):
                yield finding
    finally:
        await sessions.close()
        await out.close()
