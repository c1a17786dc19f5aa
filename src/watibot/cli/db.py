"""`watibot db`: the store's schema, and the operator's earlier database.

`storage/adopt.py` takes that one over, `storage/legacy.py` gives it back; here is what they report.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from watibot.storage.adopt import Report
    from watibot.storage.legacy import Restored

app = typer.Typer(add_completion=False, no_args_is_help=True, help="The store's schema")

EnvFile = Annotated[Path, typer.Option(help="File with settings, KEY=VALUE")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Says what would change, changes nothing")]
Json = Annotated[bool, typer.Option("--json", help="For machines")]
DOT_ENV = Path(".env")
_LISTED = 20  # of a list that may be long; --json has all


@app.callback()
def db() -> None:
    """The store's schema, and the earlier system's database."""


@app.command()
def upgrade(env_file: EnvFile = DOT_ENV) -> None:
    """Applies the migrations that are missing. `serve` does it too."""
    from watibot.environment import load
    from watibot.storage import schema

    schema.upgrade(load(env_file).service.database_url)
    typer.echo("The schema is up to date")


@app.command()
def adopt(
    file: Annotated[
        Path | None,
        typer.Argument(help="The earlier database. Without it: the store's own file, in place"),
    ] = None,
    dry_run: DryRun = False,
    as_json: Json = False,
    env_file: EnvFile = DOT_ENV,
) -> None:
    """Takes over the table `threads` of the earlier system. In place it becomes a view of the same
    name, after a backup beside the file; a FILE stays as it is. A second time changes nothing."""
    from datetime import UTC, datetime

    from watibot.cli import show
    from watibot.storage import adopt as adoption

    url, hotel_id = _here(env_file)
    report = adoption.adopt(url, hotel_id, file, datetime.now(UTC), dry_run=dry_run)
    if as_json:
        show.as_json({"dry_run": dry_run, **asdict(report)})
    else:
        for line in _adopted(report, dry_run):
            typer.echo(line)


@app.command()
def restore_legacy(
    to: Annotated[
        Path | None, typer.Argument(help="A new file. Without it: in the store's own file")
    ] = None,
    dry_run: DryRun = False,
    as_json: Json = False,
    env_file: EnvFile = DOT_ENV,
) -> None:
    """Gives the earlier system its table `threads` back, with what has changed since. The store
    keeps all that it has."""
    from watibot.cli import show
    from watibot.storage import legacy

    url, hotel_id = _here(env_file)
    restored = legacy.restore(url, hotel_id, to, dry_run=dry_run)
    if as_json:
        show.as_json({"dry_run": dry_run, **asdict(restored)})
    else:
        for line in _restored(restored, dry_run):
            typer.echo(line)


def _here(env_file: Path) -> tuple[str, str]:
    """The store's URL and the hotel's id."""
    from watibot.environment import load
    from watibot.hotel import load as load_hotel

    service = load(env_file).service
    return service.database_url, load_hotel(service.hotel_file).id


def _adopted(report: Report, dry_run: bool) -> list[str]:
    lines = [f"{report.source}: {_count(report.rows, 'row')}"]
    lines += [f"  {channel}: {count:,}" for channel, count in sorted(report.channels.items())]
    if report.channels:
        lines.append(f"  with a thread: {report.with_thread:,}, without: {report.without_thread:,}")
    if report.met:
        lines.append(f"  known to the store already: {report.met:,}")
    reasons = Counter(problem.reason for problem in report.problems)
    for reason, count in sorted(reasons.items()):
        rows = [str(problem.row) for problem in report.problems if problem.reason == reason]
        lines.append(f"  kept, but no conversation ({reason}): {count:,}, rows {_listed(rows)}")
    for oddness, count in sorted(report.odd_times.items()):
        lines.append(f"  {oddness}: {count:,}")
    if report.odd_times:
        lines.append(
            "  Such a time counts as none; without last_updated the reply window is closed"
        )
    if report.rows:
        lines.append("  Times without an offset are read as UTC")
    if report.unknown_columns:
        lines.append(f"  unknown columns, kept: {', '.join(report.unknown_columns)}")
    lines.append(f"  digest: sha256:{report.digest}")
    if report.backup is not None:
        lines.append(f"  backup: {report.backup}")
    lines.append(_ending(report, dry_run))
    return lines


def _ending(report: Report, dry_run: bool) -> str:
    if report.adopted_at is not None:
        when = f"{report.adopted_at:%Y-%m-%d %H:%M:%S} UTC"
        return f"It was adopted on {when} already: nothing was changed"
    if dry_run:
        return f"Dry run: {_count(report.fresh, 'row')} would be taken over; nothing was changed"
    what = "threads is a view now" if report.in_place else "the file stays as it is"
    return f"Adopted: {_count(report.fresh, 'row')} taken over; {what}"


def _restored(restored: Restored, dry_run: bool) -> list[str]:
    lines = [
        f"{restored.target}: {_count(restored.rows, 'row')}",
        f"  changed since the adoption: {restored.changed:,}",
        f"  begun since: {restored.begun:,}",
    ]
    if restored.left_out:
        count, listed = len(restored.left_out), _listed(restored.left_out)
        lines.append(f"  left out, because they have no thread: {count:,} ({listed})")
    lines.append(f"  digest: sha256:{restored.digest}")
    if restored.same:
        lines.append("  the same as what was adopted")
    if dry_run:
        lines.append("Dry run: nothing was changed")
    elif restored.in_place:
        lines.append("Restored: threads is a table again. Adopt it before WatiBot's next start")
    else:
        lines.append("Restored: the store is as it was")
    return lines


def _listed(names: list[str] | tuple[str, ...]) -> str:
    more = len(names) - _LISTED
    shown = ", ".join(names[:_LISTED])
    return f"{shown} and {more:,} more" if more > 0 else shown


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
