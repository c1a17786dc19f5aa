"""`watibot migrate`: out of OpenAI's threads into Vertex sessions, verb by verb.

Here is the command line alone; `work.py` does run, verify, cutover and rollback, `inventory.py`
looks at sources and plans, `standing.py` tells how it stands.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer

from watibot.cli.migrate.asked import STATUSES, Asked, Status
from watibot.messages import ChannelName

app = typer.Typer(add_completion=False, no_args_is_help=True)

EnvFile = Annotated[Path, typer.Option(help="File with settings, KEY=VALUE")]
Channels = Annotated[
    list[ChannelName] | None, typer.Option("--channel", help="Only this channel; repeatable")
]
Only = Annotated[
    str | None,
    typer.Option(
        metavar="FILE", help="Only these: conversation ids, one per line, # for remarks; -: stdin"
    ),
]
Limit = Annotated[int | None, typer.Option(min=1, help="At most so many")]
Sample = Annotated[int | None, typer.Option(min=1, help="So many, at equal distances")]
Percent = Annotated[
    float | None, typer.Option(min=0.001, max=100, help="Of those that qualify now")
]
Everything = Annotated[bool, typer.Option("--all", help="All that qualify")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Says what it would do; writes nothing")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document at the end")]
JsonLines = Annotated[
    bool, typer.Option("--json-lines", help="A line of JSON per conversation, then the document")
]
Progress = Annotated[
    bool,
    typer.Option(
        "--progress", help="As --json-lines, and a line of JSON each second on how far it is"
    ),
]
AtOnce = Annotated[
    int | None, typer.Option(min=1, max=256, help="Conversations at once; MIGRATION_AT_ONCE")
]
DOT_ENV = Path(".env")


@app.callback()
def about() -> None:
    """Carries conversations from OpenAI's threads into Vertex sessions: sources, plan, run, verify,
    cutover; rollback takes them back. A verb may be stopped and started again at any time; a second
    time it changes nothing."""


@app.command(epilog=STATUSES)
def sources(as_json: Json = False, env_file: EnvFile = DOT_ENV) -> None:
    """Where threads can be read today, and how many of our conversations each source can give."""
    from watibot.cli.migrate import inventory

    _end(inventory.sources(Asked("sources", env_file, dry_run=True, as_json=as_json)))


@app.command(epilog=STATUSES)
def plan(
    channel: Channels = None,
    only: Only = None,
    limit: Limit = None,
    sample: Sample = None,
    dry_run: DryRun = False,
    as_json: Json = False,
    json_lines: JsonLines = False,
    progress: Progress = False,
    at_once: AtOnce = None,
    env_file: EnvFile = DOT_ENV,
) -> None:
    """Compares our table, the sources and the channels; counts messages, tool calls, media, losses,
    events, hours at the quota and dollars. Writes nothing outside, and notes the counts here."""
    from watibot.cli.migrate import inventory

    asked = Asked(
        "plan",
        env_file,
        channels=tuple(channel or ()),
        only=only,
        limit=limit,
        sample=sample,
        dry_run=dry_run,
        as_json=as_json,
        json_lines=json_lines or progress,
        progress=progress,
        at_once=at_once,
    )
    _end(inventory.plan(asked))


@app.command(epilog=STATUSES)
def run(
    channel: Channels = None,
    only: Only = None,
    limit: Limit = None,
    new: Annotated[bool, typer.Option("--new", help="Only what was not carried over yet")] = False,
    dry_run: DryRun = False,
    as_json: Json = False,
    json_lines: JsonLines = False,
    progress: Progress = False,
    at_once: AtOnce = None,
    env_file: EnvFile = DOT_ENV,
) -> None:
    """Threads into the archive, and their items into sessions. Who answers does not change."""
    asked = Asked(
        "run",
        env_file,
        channels=tuple(channel or ()),
        only=only,
        limit=limit,
        new=new,
        dry_run=dry_run,
        as_json=as_json,
        json_lines=json_lines or progress,
        progress=progress,
        at_once=at_once,
    )
    _work(asked)


@app.command(epilog=STATUSES)
def verify(
    channel: Channels = None,
    only: Only = None,
    limit: Limit = None,
    sample: Sample = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Only those that are not =")] = False,
    dry_run: DryRun = False,
    as_json: Json = False,
    json_lines: JsonLines = False,
    progress: Progress = False,
    at_once: AtOnce = None,
    env_file: EnvFile = DOT_ENV,
) -> None:
    """Reads thread and session again and compares them: = the same, + the session has more, - it
    lacks something, * something differs, ! failed, ~ put off."""
    asked = Asked(
        "verify",
        env_file,
        channels=tuple(channel or ()),
        only=only,
        limit=limit,
        sample=sample,
        quiet=quiet,
        dry_run=dry_run,
        as_json=as_json,
        json_lines=json_lines or progress,
        progress=progress,
        at_once=at_once,
    )
    _work(asked)


@app.command(epilog=STATUSES)
def cutover(
    channel: Channels = None,
    only: Only = None,
    limit: Limit = None,
    percent: Percent = None,
    everything: Everything = False,
    missing: Annotated[
        bool, typer.Option("--missing", help="Also those whose thread no source has")
    ] = False,
    unread: Annotated[
        bool, typer.Option("--unread", help="Also those that nobody can read: their past stays")
    ] = False,
    dry_run: DryRun = False,
    as_json: Json = False,
    json_lines: JsonLines = False,
    progress: Progress = False,
    at_once: AtOnce = None,
    env_file: EnvFile = DOT_ENV,
) -> None:
    """Gemini answers verified conversations from now on, after a last catch-up. Says only what it
    would do until it is told for which."""
    asked = Asked(
        "cutover",
        env_file,
        channels=tuple(channel or ()),
        only=only,
        limit=limit,
        percent=percent,
        everything=everything,
        missing=missing,
        unread=unread,
        dry_run=dry_run,
        as_json=as_json,
        json_lines=json_lines or progress,
        progress=progress,
        at_once=at_once,
    )
    _work(asked)


@app.command(epilog=STATUSES)
def rollback(
    channel: Channels = None,
    only: Only = None,
    limit: Limit = None,
    percent: Percent = None,
    everything: Everything = False,
    dry_run: DryRun = False,
    as_json: Json = False,
    json_lines: JsonLines = False,
    progress: Progress = False,
    at_once: AtOnce = None,
    env_file: EnvFile = DOT_ENV,
) -> None:
    """OpenAI's assistant answers again; what was said since the cutover goes to the thread first.
    Says only what it would do until it is told for which."""
    asked = Asked(
        "rollback",
        env_file,
        channels=tuple(channel or ()),
        only=only,
        limit=limit,
        percent=percent,
        everything=everything,
        dry_run=dry_run,
        as_json=as_json,
        json_lines=json_lines or progress,
        progress=progress,
        at_once=at_once,
    )
    _work(asked)


@app.command()
def status(as_json: Json = False, env_file: EnvFile = DOT_ENV) -> None:
    """How it stands, also while a run is under way: states, problems, who answers, what is next."""
    from watibot.cli.migrate import standing

    standing.status(env_file, as_json=as_json)


@app.command()
def report(
    to: Annotated[Path, typer.Option(metavar="FOLDER", help="Where it is written")] = Path("."),
    lang: Annotated[str, typer.Option(help="es or en")] = "es",
    with_ids: Annotated[
        bool, typer.Option("--with-ids", help="With whole conversation ids: guests' numbers")
    ] = False,
    as_json: Json = False,
    env_file: EnvFile = DOT_ENV,
) -> None:
    """Writes migration-report.html, a page for the owner, and migration-report.json."""
    from watibot.cli.migrate import standing

    if lang not in ("es", "en"):
        raise typer.BadParameter("es or en", param_hint="--lang")
    standing.write_report(env_file, to, lang=lang, with_ids=with_ids, as_json=as_json)


def _work(asked: Asked) -> None:
    from watibot.cli.migrate import work

    _end(work.carry_out(asked))


def _end(work: Coroutine[Any, Any, Status]) -> None:
    """To the end, or to the second Ctrl-C."""
    import uvloop

    try:
        status = uvloop.run(work)
    except (KeyboardInterrupt, asyncio.CancelledError):
        typer.echo("Ended at once; nothing is lost: start it again to go on", err=True)
        status = Status.INTERRUPTED
    raise typer.Exit(int(status))
