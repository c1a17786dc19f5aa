"""`watibot db`: the store's schema."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(add_completion=False, no_args_is_help=True, help="The store's schema")


@app.callback()
def db() -> None:
    """The store's schema."""


@app.command()
def upgrade(
    env_file: Annotated[Path, typer.Option(help="File with settings, KEY=VALUE")] = Path(".env"),
) -> None:
    """Applies the migrations that are missing. `serve` does it too."""
    from watibot.settings import load
    from watibot.storage import schema

    schema.upgrade(load(env_file).service.database_url)
    typer.echo("The schema is up to date")
