"""`watibot costs plan`: what this hotel's own traffic would cost in other ways.

A subcommand of `costs.py`. Reads the charges of the last weeks, beside a running service or without
one, and asks `whatif.py`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from watibot import telemetry, whatif
from watibot.charges import Charge
from watibot.cli import show
from watibot.costs import Prices, dollars
from watibot.costs import load as load_prices
from watibot.engines.clock import SystemClock
from watibot.environment import load
from watibot.hotel import load as load_hotel
from watibot.ports.charges import By
from watibot.storage import charges as ledger
from watibot.storage import looks
from watibot.storage.rows import Tx
from watibot.whatif import Cost, Line, Traffic, Wanted

EnvFile = Annotated[Path, typer.Option(help="File with settings, KEY=VALUE")]
Json = Annotated[bool, typer.Option("--json", help="For machines; money in micro-dollars")]
DOT_ENV = Path(".env")
MOST = 4_000  # charges: a busy hotel's days; the rule for caches goes through them 30 times
DAYS = 3  # columns
_WIDTH = 80
_SPANS = 4 * 24 * 366  # quarters of an hour in a year
_MICROS = 1_000_000
_ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)
_NONE = (
    "No answer of the model was charged in this time, so there is nothing to reckon with. Let the "
    "service answer guests for a day or more (`watibot demo` plays a morning), then ask again."
)


@dataclass(frozen=True, slots=True)
class Plan:
    """What was reckoned: the lines of every model, for the days of `days`."""

    seen: Traffic
    wanted: Wanted
    days: Sequence[date]
    lines: Sequence[Line]

    @property
    def best(self) -> Line | None:
        return whatif.best(self.lines, self.seen.model)


def plan(
    conversations: Annotated[
        float | None, typer.Option(min=1, help="A month; else as many as there were")
    ] = None,
    target: Annotated[
        float | None, typer.Option(min=0, help="Dollars a month; else COSTS_PER_MONTH")
    ] = None,
    each: Annotated[
        float | None, typer.Option(min=0, help="Dollars; else COSTS_PER_CONVERSATION")
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=366, help="Of traffic, the newest")] = 30,
    as_json: Json = False,
    env_file: EnvFile = DOT_ENV,
) -> None:
    """What this traffic would cost with each model, implicit or explicit caching, shorter
    instructions or less history, and which of it meets the targets."""
    settings = load(env_file)
    telemetry.configure("error", settings.service.webhook_secret.get_secret_value())
    hotel = load_hotel(settings.service.hotel_file)
    prices = load_prices(settings.costs.prices_file)
    now = SystemClock(settings.service.clock).now()
    with looks.looking(settings.service.database_url, hotel.id) as tx:
        found = newest(tx, now - timedelta(days=days), now)
    first = min(found[0].at, now - timedelta(hours=1)) if found else now
    seen = whatif.traffic(found, first, now)
    if seen is None:
        if as_json:
            show.as_json({"traffic": None})
        else:
            print(_NONE)
        return
    month = settings.costs.per_month if target is None else target
    wanted = Wanted(
        seen.month if conversations is None else conversations,
        round(month * _MICROS) or None,
        round((settings.costs.per_conversation if each is None else each) * _MICROS),
    )
    with Console(stderr=True).status("Reckoning..."):
        made = reckoned(seen, prices, settings.vertex.model, now.date(), wanted)
    if as_json:
        show.as_json(document(made))
    else:
        width = None if sys.stdout.isatty() else _WIDTH
        _print(made, settings.vertex.model, Console(width=width, highlight=False))


def newest(tx: Tx, since: datetime, until: datetime) -> list[Charge]:
    """At most `MOST` charges, whole quarters of an hour of them unless there is only one."""
    spans = ledger.sums(tx, By.SPAN, since, until, _SPANS)
    total = 0
    for span in reversed(spans):
        total += span.charges
        if total > MOST and span is not spans[-1]:
            since = _ALWAYS + timedelta(microseconds=int(span.key), minutes=15)
            break
    return ledger.one_by_one(tx, since, until, MOST)


def reckoned(seen: Traffic, prices: Prices, model: str, today: date, wanted: Wanted) -> Plan:
    """Today's model first, then the other models of the list."""
    days = whatif.days_of(prices, today, DAYS)
    models = list(dict.fromkeys([model, *(price.model for price in prices.prices)]))
    return Plan(seen, wanted, days, whatif.plan(seen, prices, models, days, wanted))


def document(made: Plan) -> dict[str, Any]:
    """For machines: micro-dollars, and null for what is not known."""
    seen, wanted = made.seen, made.wanted
    return {
        "traffic": {
            "since": seen.since,
            "until": seen.until,
            "model": seen.model,
            "answers": len(seen.answers),
            "turns": seen.turns,
            "conversations": seen.conversations,
            "conversations_a_month": round(seen.month, 1),
            "answers_an_hour": round(seen.an_hour, 2),
            "gap_seconds": round(seen.gap, 1),
            "beginning_tokens": seen.beginning,
            "hit_rate": seen.hit_rate,
            "other_micros": seen.rest,
            "without_price": seen.unknown,
        },
        "wanted": {
            "conversations": round(wanted.conversations, 1),
            "per_month": wanted.month,
            "per_conversation": wanted.conversation,
        },
        "days": [day.isoformat() for day in made.days],
        "lines": [_line(line) for line in made.lines],
        "best": None if made.best is None else _line(made.best),
    }


def _line(line: Line) -> dict[str, Any]:
    return {
        "model": line.model,
        "caching": _caching(line),
        "prompt": line.variant.name,
        "costs": [
            cost
            and {
                "per_month": cost.month,
                "per_conversation": cost.conversation,
                "meets": cost.meets,
                "storage_price_guessed": cost.guessed,
            }
            for cost in line.costs
        ],
    }


def _caching(line: Line) -> str:
    return "explicit" if line.explicit else "implicit"


# --- for people -----------------------------------------------------------------------------------


def _print(made: Plan, model: str, console: Console) -> None:
    for text in _told(made):
        console.print(text)
    mine = [line for line in made.lines if line.model == model]
    console.print(_table(made, f"{model}, other prompts", mine, of_models=False))
    as_now = [line for line in made.lines if line.variant == whatif.AS_NOW]
    console.print(_table(made, "Other models, prompts as now", as_now, of_models=True))
    for text in _explained(made):
        console.print(text)


def _told(made: Plan) -> list[str]:
    seen, wanted = made.seen, made.wanted
    mean = round(sum(call.prompt for call in seen.answers) / len(seen.answers))
    hits = (
        "was never measured without an explicit cache: reckoned as none"
        if seen.hit_rate is None
        else f"{seen.hit_rate:.0%} of it from the model's own cache"
    )
    limit = "no limit" if wanted.month is None else f"{dollars(wanted.month)} a month"
    told = [
        f"[bold]{seen.span.total_seconds() / 86_400:.1f} days of traffic[/bold]: "
        f"conversations {seen.conversations:,}, turns {seen.turns:,}, answers of the model "
        f"{len(seen.answers):,} ({len(seen.answers) / seen.turns:.1f} a turn, {seen.an_hour:.1f} "
        f"an hour, half of them within {_time(seen.gap)} of the one before).",
        f"A prompt is {mean:,} tokens, {seen.beginning:,} of them instructions and tools; {hits}.",
        f"[bold]At {wanted.conversations:,.0f} conversations a month[/bold], wanted: under "
        f"{limit} and {dollars(wanted.conversation, 4)} each.",
    ]
    if seen.span < whatif.LEAST:
        told.append("This is less than a day: a month may be very different.")
    return told


def _table(made: Plan, title: str, lines: Sequence[Line], *, of_models: bool) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    table.add_column("a month, and each", no_wrap=True)
    for index, day in enumerate(made.days):
        table.add_column("today" if index == 0 else f"from {day}", justify="right", no_wrap=True)
    last = ""
    for line in lines:
        name = line.model if of_models else line.variant.name
        shown = name if name != last else ""
        if shown:
            table.add_row(shown)
        last = name
        table.add_row(f"  {_caching(line)}", *map(_cell, line.costs))
    return table


def _cell(cost: Cost | None) -> str:
    if cost is None:
        return "?  "
    places = 2 if cost.month < 1_000 * _MICROS else 0
    marks = ("*" if cost.meets else "") + ("~" if cost.guessed else "")
    return f"{dollars(cost.month, places)} {cost.conversation / _MICROS:.4f}{marks:<2}"


def _explained(made: Plan) -> list[str]:
    seen = made.seen
    notes = [
        "* meets both targets   ~ the price of storage is a guess   ? price unknown",
        "Other models are taken to write as much and to cache as often as this one. An explicit "
        "cache is made and dropped by the service's rule. What is not the model's costs "
        f"{dollars(round(seen.rest * (whatif.MONTH / seen.span)), 2)} a month now and is in all "
        "lines.",
    ]
    if seen.unknown:
        notes.append(f"{seen.unknown:,} uses have no price and are in none of the lines.")
    if made.best is None:
        notes.append("[bold]Nothing here meets the targets on all of these days.[/bold]")
    else:
        line = made.best
        notes.append(
            f"[bold]Meets them on all of these days, with the least change: {line.model}, "
            f"{_caching(line)} caching; prompts: {line.variant.name}.[/bold]"
        )
    return notes


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
