"""`watibot serve`: the service, until it is told to stop."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

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
    from watibot.settings import load

    settings = load(env_file)
    secret = settings.service.webhook_secret.get_secret_value()
    telemetry.configure(settings.service.log_level, secret)
    uvloop.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    import uvicorn

    from watibot.wiring import build

    app = await build(settings)
    config = uvicorn.Config(
        app.web,
        host=settings.service.host,
        port=settings.service.port,
        http="httptools",
        lifespan="on",
        access_log=False,  # its lines hold the webhook's secret
        log_config=None,
        backlog=2048,
        timeout_graceful_shutdown=20,
    )
    await uvicorn.Server(config).serve()
