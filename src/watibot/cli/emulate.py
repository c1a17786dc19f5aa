"""`watibot emulate`: emulators in this process, until Ctrl-C, and the settings that point at them.

For whoever develops against WATI, ManyChat, Vertex or OpenAI without an account, with this service
or with any other client. `emulators/launch.py` is after it.
"""

from __future__ import annotations

import asyncio
import signal
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from watibot.cli.stage.processes import env_lines
from watibot.emulators import EMULATORS
from watibot.emulators.launch import launch, settings_for

app = typer.Typer(add_completion=False)

Port = Annotated[int | None, typer.Option(min=0, max=65535, help="0 takes a free port")]


@app.command()
def emulate(
    wati: Port = None,
    manychat: Port = None,
    vertex: Port = None,
    openai: Port = None,
    staff: Port = None,
    phone: Port = None,
    everything: Annotated[
        bool, typer.Option("--all", help="All of them; free ports where none is given")
    ] = False,
    webhook: Annotated[
        str | None, typer.Option(help="The service, e.g. http://127.0.0.1:8003")
    ] = None,
    secret: Annotated[str, typer.Option(help="What the service expects of a webhook")] = "",
    clock: Annotated[
        str | None, typer.Option(help="SPEED@EPOCH: virtual time; default: real time")
    ] = None,
    directory: Annotated[
        Path | None, typer.Option(help="For the service account; default: a new one")
    ] = None,
    write: Annotated[Path | None, typer.Option(help="Writes the settings to a file too")] = None,
) -> None:
    """Starts emulators of WATI, ManyChat, Vertex, OpenAI, staff and a phone, until Ctrl-C."""
    given = {
        "wati": wati,
        "manychat": manychat,
        "vertex": vertex,
        "openai": openai,
        "staff": staff,
        "phone": phone,
    }
    ports = {name: port for name, port in given.items() if port is not None}
    if everything:
        ports = {**dict.fromkeys(EMULATORS, 0), **ports}
    if not ports:
        raise typer.BadParameter("say which emulators: --all, or --wati 0, --vertex 9003 ...")
    if directory is None:
        directory = Path(tempfile.mkdtemp(prefix="watibot-emulators-"))
    try:
        asyncio.run(_run(ports, webhook, secret, clock, directory, write))
    except (ValueError, OSError) as error:
        typer.echo(f"watibot emulate: {error}", err=True)
        raise typer.Exit(1) from None


async def _run(
    ports: dict[str, int],
    webhook: str | None,
    secret: str,
    clock: str | None,
    directory: Path,
    write: Path | None,
) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    base = webhook.rstrip("/") if webhook else None
    async with launch(ports, clock, base, secret=secret) as urls:
        lines = env_lines(settings_for(urls, directory, clock, secret=secret))
        if write is not None:
            _write(write, lines)
        typer.echo(lines, nl=False)
        typer.echo("ready: Ctrl-C stops", err=True)
        await stopped.wait()


def _write(path: Path, lines: str) -> None:
    path.touch(mode=0o600)  # it holds secrets
    path.write_text(lines)
