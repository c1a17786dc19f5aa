"""`watibot restore`: a backup becomes the store again, and what to look at afterwards.

`storage/restore.py` does it; `backup.py` makes what it reads.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from watibot.cli import show
from watibot.cli.backup import DOT_ENV, EnvFile, Json, end, shown

app = typer.Typer(add_completion=False)


@app.command()
def restore(
    backup: Annotated[Path, typer.Argument(help="The folder of one backup")],
    to: Annotated[
        str, typer.Option(help="Another store's URL; without it WATIBOT_DATABASE_URL")
    ] = "",
    replace: Annotated[
        bool,
        typer.Option(
            "--replace",
            help="Also over a store that has rows. SQLite: it stays beside, under another name; "
            "PostgreSQL: its tables are dropped",
        ),
    ] = False,
    as_json: Json = False,
    env_file: EnvFile = DOT_ENV,
) -> None:
    """Puts a backup in the store's place, while no service runs. Everything is verified first; an
    older schema is brought up to date. The hotel's own files stay as they are."""
    from watibot.engines.clock import SystemClock
    from watibot.environment import load
    from watibot.storage.backup import BackupError
    from watibot.storage.restore import restore as put_back

    service = load(env_file).service
    url, now = to or service.database_url, SystemClock(service.clock).now()
    try:
        with shown() as progress:
            done = put_back(backup, url, service.data_dir, now, progress, replace=replace)
        files = {"hotel.toml": service.hotel_file, "instructions.md": service.instructions_file}
        other = [name for name, path in files.items() if not _same(backup / name, path)]
    except (BackupError, OSError) as error:
        end(error)
    manifest = done.manifest
    if as_json:
        show.as_json(
            {
                "at": manifest.at,
                "rows": manifest.rows,
                "media": done.media,
                "aside": done.aside,
                "waiting": done.waiting,
                "other_files": other,
            }
        )
        return
    typer.echo(
        f"Restored: {manifest.rows:,} rows and {done.media:,} files of guests, as they were on "
        f"{manifest.at:%Y-%m-%d %H:%M:%S} UTC"
    )
    if done.aside is not None:
        typer.echo(f"  The store that was here before: {done.aside}")
    for name in other:
        typer.echo(f"  {files[name]} was another one then: {backup / name}")
    typer.echo("Now:")
    for number, line in enumerate(_next(done.waiting), 1):
        typer.echo(f"  {number}. {line}")


def _same(then: Path, now: Path) -> bool:
    return not then.is_file() or then.read_bytes() == now.read_bytes()


def _next(waiting: int) -> list[str]:
    steps = ["watibot doctor"]
    if waiting:
        steps.append(
            f"{waiting:,} messages and answers waited at that moment, and the service goes on with "
            "them when it starts: whoever was answered since may be answered again"
        )
    return [
        *steps,
        "Start the service. What was said since the backup is not in this store: colleagues see it "
        "in WATI and ManyChat, and a conversation that began since gets it back from its Vertex "
        "session when the guest writes",
    ]
