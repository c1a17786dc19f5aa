"""`watibot serve`: the service, until it is told to stop."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(add_completion=False)


@app.command()
def serve(
    env_file: Annotated[Path, typer.Option(help="File with settings, KEY=VALUE")] = Path(".env"),
) -> None:
    """Runs the service; SIGTERM stops it after the work under way."""
    import uvicorn

    from watibot import telemetry
    from watibot.settings import load
    from watibot.wiring import build

    settings = load(env_file)
    telemetry.configure(settings.service.log_level)
    config = uvicorn.Config(
        build(settings).web,
        host=settings.service.host,
        port=settings.service.port,
        loop="uvloop",
        http="httptools",
        lifespan="on",
        access_log=False,  # its lines hold the webhook's secret
        log_config=None,
        backlog=2048,
        timeout_graceful_shutdown=20,
    )
    uvicorn.Server(config).run()
