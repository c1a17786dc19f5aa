"""`watibot migrate status` and `report`: what the ledger says, without asking anybody.

Works beside a run and beside the service. `migration/report.py` makes figures of the rows,
`page.py` a page of the figures.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, tzinfo
from pathlib import Path

from rich.console import Console
from rich.table import Table

from watibot import costs
from watibot.cli import show
from watibot.cli.migrate.asked import Status
from watibot.cli.migrate.verdicts import plural
from watibot.cli.migrate.work import problems
from watibot.conversations import Provider
from watibot.engines.clock import SystemClock
from watibot.environment import load
from watibot.hotel import Hotel
from watibot.hotel import load as load_hotel
from watibot.migration.report import Next, Report, document, lines, next_step, report
from watibot.migration.words import STANDING, advice, alike
from watibot.ports.migrations import Move
from watibot.settings import Settings
from watibot.storage import ledger, looks
from watibot.storage.migrated import around

_PAGE = 2000
_COMMANDS = {
    Next.NOTHING: "nothing to migrate: no conversation has a thread",
    Next.PLAN: "watibot migrate plan, then watibot migrate run",
    Next.RUN: "watibot migrate run",
    Next.VERIFY: "watibot migrate verify",
    Next.CUTOVER: "watibot migrate cutover --percent 10, or --all",
    Next.AGAIN: "watibot migrate run, to go on with those that were taken back",
    Next.MISSING: "watibot migrate run once there are exports, or watibot migrate cutover "
    "--missing",
    Next.REPORT: "watibot migrate report: all conversations are cut over",
}
_WHO = {Provider.VERTEX: "Gemini, with Vertex sessions", Provider.OPENAI: "OpenAI's assistant"}


def status(env_file: Path, *, as_json: bool) -> Status:
    """The ledger at a glance."""
    settings, hotel = _here(env_file)
    made = figures(settings, hotel)
    made.problems, made.stale = _grouped(made.problems), _grouped(made.stale)
    hourly = settings.vertex.appends_per_minute * 60
    if as_json:
        told = {
            **document(made),
            "problems": problems(made.problems),
            "quota_events_per_hour": hourly,
            "next": next_command(made),
        }
        show.as_json(told)
    else:
        asked = settings.openai.base_url and settings.openai.assistant_id
        _print(made, hourly, hotel.zone, openai=bool(asked))
    return Status.DONE


def write_report(
    env_file: Path, folder: Path, *, lang: str, with_ids: bool, as_json: bool
) -> Status:
    """`migration-report.html` and `.json` in the folder."""
    from watibot.cli.migrate.page import page

    settings, hotel = _here(env_file)
    made = figures(settings, hotel, with_ids=with_ids)
    told = {**document(made), "lines": lines(made)}
    folder.mkdir(parents=True, exist_ok=True)
    html, data = folder / "migration-report.html", folder / "migration-report.json"
    html.write_text(page(made, hotel.zone, lang, with_ids=with_ids), encoding="utf-8")
    data.write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    if as_json:
        show.as_json({"html": str(html), "json": str(data)})
    else:
        print(f"{html}\n{data}")
    return Status.DONE


def figures(settings: Settings, hotel: Hotel, *, with_ids: bool = False) -> Report:
    """Reads the ledger. Raises SettingsError when the schema is not the newest."""
    moves: list[Move] = []
    with looks.looking(settings.service.database_url, hotel.id) as tx:
        after: str | None = None
        while page := ledger.moves(tx, (), (), (), after, _PAGE):
            after = page[-1].conversation_id
            moves += page
        there = around(tx)
    prices = costs.load(settings.costs.prices_file)
    return report(
        hotel.name,
        SystemClock(settings.service.clock).now(),
        moves,
        there.answerers,
        there.sessions,
        there.items,
        prices.session_event,
        prices.session_event_confirmed,
        with_ids=with_ids,
    )


def _grouped(found: Mapping[str, int]) -> dict[str, int]:
    counted: Counter[str] = Counter()
    for words, count in found.items():
        counted[alike(words)] += count
    return dict(counted.most_common())


def next_command(made: Report) -> str:
    """The next command to type."""
    openai = bool(made.answerers.get(Provider.OPENAI))
    return _COMMANDS[next_step(made.states, planned=made.planned, openai=openai)]


def _here(env_file: Path) -> tuple[Settings, Hotel]:
    settings = load(env_file)
    return settings, load_hotel(settings.service.hotel_file)


def _print(made: Report, hourly: float, zone: tzinfo, *, openai: bool) -> None:
    console = Console(highlight=False, soft_wrap=True)
    table = Table(title=f"{plural(made.conversations)} to migrate", title_justify="left")
    table.add_column("")
    for channel in made.channels:
        table.add_column(channel.value, justify="right")
    table.add_column("all", justify="right")
    for state, count in made.states.items():
        if count:
            by_channel = [str(states[state] or "") for states in made.channels.values()]
            table.add_row(STANDING[state], *by_channel, f"{count:,}")
    console.print(table)
    for provider, count in made.answerers.items():
        who = _WHO[provider]
        if provider is Provider.OPENAI and not openai:
            who = "Gemini without their past, not cut over: no OPENAI_ASSISTANT_ID is set"
        console.print(f"{plural(count)} answered by {who}")
    for why, count in made.stale.items():
        console.print(f"{plural(count, 'verification')} stale: {why}; watibot migrate verify")
    for problem, count in made.problems.items():
        console.print(f"{plural(count)}: {problem}", markup=False)
        console.print(f"    next: {advice(problem)}", markup=False)
    if made.pace is not None:
        console.print(
            f"Last run: {plural(made.pace.conversations)}, {plural(made.pace.events, 'event')}, "
            f"{made.pace.events_per_minute:,.0f} events a minute, until "
            f"{_clock(made.pace.ended, zone)}; the quota allows {hourly:,.0f} an hour"
        )
    console.print(f"Next: {next_command(made)}", style="bold")


def _clock(at: datetime, zone: tzinfo) -> str:
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M}"
