"""`watibot serve`: the service, until it is told to stop."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from watibot.cli.garbage import settle
from watibot.errors import SettingsError

if TYPE_CHECKING:
    from watibot.settings import Settings

app = typer.Typer(add_completion=False)


@app.command()
def serve(
    env_file: Annotated[Path, typer.Option(help="File with settings, KEY=VALUE")] = Path(".env"),
) -> None:
    """Runs the service; SIGTERM stops it after the work under way."""
    import uvloop

    from watibot import telemetry
    from watibot.environment import load

    settings = load(env_file)
    secret = settings.service.webhook_secret.get_secret_value()
    telemetry.configure(settings.service.log_level, secret)
    uvloop.run(_serve(settings, env_file))


async def _serve(settings: Settings, env_file: Path) -> None:
    import uvicorn

    from watibot.web.serving import Server
    from watibot.wiring import build

    door = _bound(settings.service.host, settings.service.port)
    app = await build(settings, env_file)
    config = uvicorn.Config(
        app.web,
        http="httptools",
        lifespan="on",
        proxy_headers=False,  # nobody asks who the client is
        access_log=False,  # its lines hold the webhook's secret
        log_config=None,
        backlog=2048,
        timeout_graceful_shutdown=20,
    )
    settle()
    await Server(config, app.closing).serve(sockets=[door])


def _bound(host: str, port: int) -> socket.socket:
    """The port, before anything is started. Raises SettingsError if it cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    door = socket.socket(family)
    door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        door.bind((host, port))
    except OSError as error:
        door.close()
        found = f"{port} at {host}: {error.strerror}"
        raise SettingsError(
            "WATIBOT_PORT", found, "a free port at an address of this machine"
        ) from None
    return door
