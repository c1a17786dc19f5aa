"""`watibot costs`: what the service costs, beside a running one or without one.

Reads the charges (`storage/charges.py`) that `service/charging.py` keeps; what other models or
settings would cost is `costs_plan.py`'s. The month and its days are the hotel's.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.table import Table

from watibot import telemetry
from watibot.cli import show
from watibot.cli.costs_plan import plan
from watibot.costs import Prices, dollars
from watibot.costs import load as load_prices
from watibot.engines.clock import SystemClock
from watibot.environment import load
from watibot.hotel import Hotel
from watibot.hotel import load as load_hotel
from watibot.ports.charges import By, Reach, Sum
from watibot.service.budget import forecast, month_of, recent_since
from watibot.settings import Costs, Settings
from watibot.storage import charges, looks
from watibot.storage.rows import Tx

app = typer.Typer(add_completion=False)

EnvFile = Annotated[Path, typer.Option(help="File with settings, KEY=VALUE")]
Json = Annotated[bool, typer.Option("--json", help="For machines; money in micro-dollars")]
DOT_ENV = Path(".env")
PIPE_WIDTH = 80  # columns where there is no terminal to ask
_ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)
_SPANS = 4 * 24 * 32  # quarters of an hour in a month
_GROUPS = 50
_MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")
_UNNAMED = {"channel": "(none)", "model": "(no model)"}


@dataclass(frozen=True, slots=True)
class Bill:
    """A month's money. `today` and `forecast` are of the month under way only; `forecast` None:
    less than a day is known."""

    month: str
    total: Sum
    today: Sum | None
    forecast: int | None
    reach: Reach
    by: dict[str, list[Sum]]
    days: list[Sum]

    def each(self, count: int) -> int | None:
        """Micro-dollars for one of so many; None also where nothing has a price."""
        total = self.total
        known = not total.unknown or total.charges > total.unknown
        return round(total.micros / count) if count and known else None

    def calls(self) -> Sum:
        """The model's, whatever they were for."""
        named = ("answer", "summary", "receipt", "run")
        return _together("", [one for one in self.by["operation"] if one.key in named])


def bill(tx: Tx, now: datetime, zone: ZoneInfo, moment: datetime) -> Bill:
    """Of the month in which `moment` is."""
    since, until = month_of(moment, zone)
    current = since <= now < until
    days: dict[str, list[Sum]] = {}
    for span in charges.sums(tx, By.SPAN, since, until, _SPANS):
        at = _ALWAYS + timedelta(microseconds=int(span.key))
        days.setdefault(f"{at.astimezone(zone):%Y-%m-%d}", []).append(span)
    summed = [_together(day, spans) for day, spans in days.items()]
    total = charges.total(tx, since, until)
    comes_to = None
    if current and (first := charges.one_by_one(tx, _ALWAYS, now, 1)):
        recently = recent_since(now, first[0].at)
        recent = charges.total(tx, recently, now).micros
        comes_to = forecast(total.micros, recent, recently, now, until)
    today = f"{now.astimezone(zone):%Y-%m-%d}"
    return Bill(
        month=f"{since:%Y-%m}",
        total=total,
        today=next((one for one in summed if one.key == today), Sum(today)) if current else None,
        forecast=comes_to,
        reach=charges.reach(tx, since, until),
        by={
            by.value: charges.sums(tx, by, since, until, _GROUPS)
            for by in (By.CHANNEL, By.OPERATION, By.MODEL)
        },
        days=summed,
    )


def _together(key: str, found: list[Sum]) -> Sum:
    total = Sum(key)
    for one in found:
        total = Sum(
            key,
            total.micros + one.micros,
            total.unknown + one.unknown,
            total.charges + one.charges,
            total.quantity + one.quantity,
            total.usage + one.usage,
        )
    return total


@app.callback(invoke_without_command=True)
def costs(
    context: typer.Context,
    month: Annotated[str | None, typer.Option(help="YYYY-MM; else the month under way")] = None,
    as_json: Json = False,
    env_file: EnvFile = DOT_ENV,
) -> None:
    """What the service costs: today, this month, per conversation, by channel, operation, model
    and day."""
    if context.invoked_subcommand is not None:
        return
    settings = load(env_file)
    telemetry.configure("error", settings.service.webhook_secret.get_secret_value())
    hotel = load_hotel(settings.service.hotel_file)
    now = SystemClock(settings.service.clock).now()
    moment = now if month is None else _moment(month, hotel.zone)
    prices = load_prices(settings.costs.prices_file)
    with looks.looking(settings.service.database_url, hotel.id) as tx:
        found = bill(tx, now, hotel.zone, moment)
    if as_json:
        show.as_json(document(found, settings.costs, prices))
    else:
        _print(found, hotel, settings, prices)


app.command("plan")(plan)


def _moment(month: str, zone: ZoneInfo) -> datetime:
    shape = _MONTH.fullmatch(month)
    if shape is None or int(shape[1]) < 1970:
        raise typer.BadParameter("a month such as 2026-11", param_hint="--month")
    return datetime(int(shape[1]), int(shape[2]), 1, 12, tzinfo=zone)


def document(found: Bill, costs: Costs, prices: Prices) -> dict[str, Any]:
    """For machines: micro-dollars, and null for what is not known."""
    reach = found.reach
    return {
        "month": found.month,
        "total": _facts(found.total),
        "today": None if found.today is None else _facts(found.today),
        "budget": round(costs.per_month * 1_000_000) or None,
        "forecast": found.forecast,
        "plans": dict(prices.plans),
        "calls": found.calls().charges,
        "turns": reach.turns,
        "conversations": reach.conversations,
        "bookings": reach.bookings,
        "per_call": _per_call(found),
        "per_turn": found.each(reach.turns),
        "per_conversation": found.each(reach.conversations),
        "per_booking": found.each(reach.bookings),
        "by": {
            **{name: [_line(one) for one in sums] for name, sums in found.by.items()},
            "day": [_line(one) for one in found.days],
        },
    }


def _per_call(found: Bill) -> int | None:
    calls = found.calls()
    priced = calls.charges - calls.unknown
    return round(calls.micros / priced) if priced else None


def _facts(one: Sum) -> dict[str, Any]:
    return {
        "micros": one.micros,
        "without_price": one.unknown,
        "charges": one.charges,
        "prompt_tokens": one.usage.prompt,
        "cached_tokens": one.usage.cached,
        "output_tokens": one.usage.output,
    }


def _line(one: Sum) -> dict[str, Any]:
    return {"key": one.key, **_facts(one), "quantity": one.quantity}


# --- for people -----------------------------------------------------------------------------------


def _print(found: Bill, hotel: Hotel, settings: Settings, prices: Prices) -> None:
    width = None if sys.stdout.isatty() else PIPE_WIDTH
    console = Console(width=width, highlight=False)
    console.print(f"[bold]{hotel.name}, {found.month}[/bold]")
    console.print(_summary(found, settings.costs, prices))
    for name in ("channel", "operation", "model"):
        if found.by[name]:
            unnamed = _UNNAMED.get(name, "")
            console.print(_table(name, [replace(s, key=s.key or unnamed) for s in found.by[name]]))
    if found.days:
        console.print(_table("day", found.days))
    for note in _notes(found, prices):
        console.print(note)


def _summary(found: Bill, costs: Costs, prices: Prices) -> Table:
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(style="dim")
    reach, calls = found.reach, found.calls()
    if found.today is not None:
        table.add_row("today", dollars(found.today.micros, 4), "")
    allowed = round(costs.per_month * 1_000_000)
    share = f"{found.total.micros / allowed:.1%} of {dollars(allowed)}" if allowed else "no budget"
    table.add_row("this month" if found.today else "month", dollars(found.total.micros, 4), share)
    if found.today is not None:
        known = found.forecast is not None
        foreseen = dollars(found.forecast or 0) if known else "?"
        how = "at the month's end" if known else "less than a day is known"
        table.add_row("forecast", foreseen, how)
    for name, micros in prices.plans.items():
        table.add_row(f"plan of {name}", dollars(micros), "a month, beside all this")
    target = f", {dollars(round(costs.per_conversation * 1_000_000), 2)} wanted"
    for name, count, each, more in (
        ("call of the model", calls.charges, _per_call(found), ""),
        ("turn", reach.turns, found.each(reach.turns), ""),
        ("conversation", reach.conversations, found.each(reach.conversations), target),
        ("booking", reach.bookings, found.each(reach.bookings), ""),
    ):
        cost = "-" if each is None else dollars(each, 6)
        table.add_row(f"per {name}", cost, f"{count:,} of them{more}")
    return table


def _table(name: str, sums: list[Sum]) -> Table:
    table = Table(title=f"By {name}", title_justify="left", header_style="bold")
    table.add_column(name, overflow="fold")
    for column in ("cost", "uses", "prompt", "cached", "output", "no price"):
        table.add_column(column, justify="right")
    for one in sums:
        usage = one.usage
        cached = f"{usage.cached / usage.prompt:.0%}" if usage.prompt else ""
        table.add_row(
            one.key,
            dollars(one.micros, 4),
            f"{one.quantity:,}",
            _tokens(usage.prompt),
            cached,
            _tokens(usage.output),
            f"{one.unknown:,}" if one.unknown else "",
        )
    return table


def _tokens(count: int) -> str:
    if count >= 1_000_000:
        return f"{count / 1e6:,.1f}M"
    return f"{count / 1e3:.1f}k" if count >= 1_000 else str(count or "")


def _notes(found: Bill, prices: Prices) -> list[str]:
    notes = []
    if not found.total.charges:
        notes.append("Nothing was charged.")
    if found.total.unknown:
        have = "use has" if found.total.unknown == 1 else "uses have"
        notes.append(
            f"{found.total.unknown:,} {have} no price on the list and no part in the sums: add it "
            "to a list of your own (COSTS_PRICES_FILE)."
        )
    events = any(one.key == "event" for one in found.by["operation"])
    if events and not prices.session_event_confirmed:
        notes.append("The price of session events is not confirmed by Google's page.")
    return notes
