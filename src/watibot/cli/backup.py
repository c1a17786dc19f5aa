"""`watibot backup`: a copy of the store and of guests' files, beside the running service.

`storage/backup.py` makes and checks it; `restore.py` is the way back. Meant for a timer: one line
for each thing that was done, none that moves unless somebody looks on.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from watibot.cli import show

if TYPE_CHECKING:
    from rich.progress import TaskID

    from watibot.storage.backup import Manifest, Progress

app = typer.Typer(add_completion=False)

EnvFile = Annotated[Path, typer.Option(help="File with settings, KEY=VALUE")]
Json = Annotated[bool, typer.Option("--json", help="For machines")]
DOT_ENV = Path(".env")
FOLDER = "backups"  # in the data folder, unless another one is named


@app.command()
def backup(
    to: Annotated[
        Path | None,
        typer.Option(help="Folder of the backups; without it backups/ in WATIBOT_DATA_DIR"),
    ] = None,
    keep: Annotated[
        int, typer.Option(min=0, help="Afterwards only the newest N are kept; 0 keeps all")
    ] = 0,
    check: Annotated[
        Path | None, typer.Option(help="Reads this backup again instead, and makes none")
    ] = None,
    as_json: Json = False,
    env_file: EnvFile = DOT_ENV,
) -> None:
    """Copies the store, guests' files, the hotel file and the instructions while the service runs.
    Exit status 1: it could not be made, or --check found it wanting."""
    if check is not None:
        _check(check, as_json)
        return
    from sqlalchemy.exc import SQLAlchemyError

    from watibot.engines.clock import SystemClock
    from watibot.environment import load
    from watibot.storage import backup as backups

    service = load(env_file).service
    folder = service.data_dir / FOLDER if to is None else to
    own = {"hotel.toml": service.hotel_file, "instructions.md": service.instructions_file}
    now = SystemClock(service.clock).now()
    try:
        with shown() as progress:
            path, manifest = backups.make(
                service.database_url, service.data_dir, folder, own, now, progress
            )
        gone = backups.drop(folder, keep) if keep else []
    except (backups.BackupError, OSError, SQLAlchemyError) as error:
        end(error)
    if as_json:
        show.as_json(
            {"backup": str(path), "removed": [str(each) for each in gone], **_told(manifest)}
        )
        return
    typer.echo(f"{path}: {_words(manifest)}")
    if manifest.media_missing:
        typer.echo(f"  {manifest.media_missing:,} files of guests are not on the disk any more")
    for each in gone:
        typer.echo(f"  removed: {each}")
    typer.echo(f"  not in it: {', '.join(manifest.not_included)}")


def _check(path: Path, as_json: bool) -> None:
    from watibot.storage import backup as backups

    try:
        with shown() as progress:
            manifest, wrong = backups.check(path, progress)
    except (backups.BackupError, OSError) as error:
        end(error)
    if as_json:
        show.as_json({"backup": str(path), "wrong": wrong, **_told(manifest)})
    else:
        for line in wrong:
            typer.echo(f"not ok  {line}")
        if not wrong:
            typer.echo(f"ok  {path}: {_words(manifest)}, every byte as it was")
    raise typer.Exit(1 if wrong else 0)


def _words(manifest: Manifest) -> str:
    size = manifest.media_bytes / 1e6
    return (
        f"{manifest.rows:,} rows in {len(manifest.tables)} tables ({manifest.database}, schema "
        f"{manifest.schema}), {manifest.media:,} files of guests ({size:,.1f} MB)"
    )


def _told(manifest: Manifest) -> dict[str, object]:
    return {
        "at": manifest.at,
        "database": manifest.database,
        "schema": manifest.schema,
        "rows": manifest.rows,
        "tables": dict(manifest.tables),
        "media": manifest.media,
        "media_bytes": manifest.media_bytes,
        "media_missing": manifest.media_missing,
        "not_included": list(manifest.not_included),
    }


@contextmanager
def shown() -> Iterator[Progress]:
    """How far it is, on a terminal."""
    from rich.console import Console
    from rich.progress import Progress as Bars

    console = Console(stderr=True)
    with Bars(console=console, transient=True, disable=not console.is_terminal) as bars:
        tasks: dict[str, TaskID] = {}

        def progress(step: str, done: int, of: int) -> None:
            if step not in tasks:
                tasks[step] = bars.add_task(step, total=of)
            bars.update(tasks[step], completed=done, total=of)

        yield progress


def end(error: Exception) -> NoReturn:
    """One line, and exit status 1."""
    typer.echo(f"watibot: {' '.join(str(error).split())[:300]}", err=True)
    raise typer.Exit(1) from None
