"""`watibot migrate sources` and `plan`: what there is, where, and what it will come to.

`migration/plan.py` counts; here are the tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from watibot import costs
from watibot.cli import show
from watibot.cli.migrate.asked import Asked, Status, status_of
from watibot.cli.migrate.pace import lasting
from watibot.cli.migrate.preflight import (
    Here,
    Refused,
    cohort_of,
    nothing_gives,
    opened,
    some_give,
)
from watibot.cli.migrate.screen import Screen
from watibot.cli.migrate.verdicts import Summary, plural
from watibot.cli.migrate.work import look, problems, screen_for, told, work_off
from watibot.errors import Cause, ProviderError
from watibot.messages import ChannelName
from watibot.migration.crew import Mark, Means
from watibot.migration.plan import Inventory, Offer, Planner, Quotas, offers, reconcile
from watibot.migration.run import STATES
from watibot.migration.words import advice


async def sources(asked: Asked) -> Status:
    """Each source today, and how many of our conversations it can give."""
    async with opened(asked) as here:
        means = here.means
        found = await offers(means, await means.sources.look())
    can = [offer for offer in found if offer.reach.problem is None and offer.gives != 0]
    advised = what_to_do(found)
    refused = any(
        offer.reach.problem is not None and offer.reach.problem.cause is Cause.UNAUTHORISED
        for offer in found
    )
    if asked.as_json:
        rows = [
            {**row, "gives": offer.gives}
            for row, offer in zip(told([one.reach for one in found]), found, strict=True)
        ]
        show.as_json({"sources": rows, "advice": advised})
    else:
        table = Table(title="Sources, in the order in which they are asked", title_justify="left")
        for name in ("source", "today", "can give"):
            table.add_column(name, overflow="fold")
        for offer in found:
            gives = "asked one by one" if offer.gives is None else plural(offer.gives)
            today = "ok: " if offer.reach.problem is None else "not ok: "
            table.add_row(offer.reach.name, Text(today + offer.reach.told), gives)
        console = _console()
        console.print(table)
        console.print(advised)
    if refused:
        return Status.REFUSED
    return Status.DONE if can else Status.SOURCE_GONE


def what_to_do(found: list[Offer]) -> str:
    """One sentence for today. Dates: docs/reference/providers.md."""
    reachable = [offer for offer in found if offer.reach.problem is None and offer.gives != 0]
    named = ", ".join(offer.reach.name for offer in reachable)
    threads = {"assistants", "conversations", "exports", "archive"}
    if any(offer.reach.name in threads for offer in reachable):
        soon = (
            " Azure AI Foundry's threads end on 2027-03-31."
            if any(offer.reach.name == "assistants" for offer in reachable)
            else ""
        )
        return f"Today: watibot migrate plan; threads can be read from {named}.{soon}"
    gone = any(
        offer.reach.problem is not None and offer.reach.problem.cause is Cause.GONE
        for offer in found
    )
    why = "OpenAI's Assistants API answers 404 since 2026-08-26. " if gone else ""
    last = " Until then WATI's own history is all there is." if reachable else ""
    return (
        f"{why}Today: put exports of the threads into a folder named in MIGRATION_EXPORTS, or set "
        "OPENAI_BASE_URL to what still has them: OpenAI's Conversations API, or Azure AI "
        f"Foundry (until 2027-03-31).{last}"
    )


async def plan(asked: Asked) -> Status:
    """The inventory. Without --dry-run the counts are noted in the ledger."""
    screen = screen_for(asked)
    try:
        async with opened(asked) as here:
            return await _plan(here, screen)
    except Refused as error:
        screen.note(f"watibot migrate plan: {error}")
        return error.status


async def _plan(here: Here, screen: Screen) -> Status:
    asked, means = here.asked, here.means
    whole = (await cohort_of(_without_sample(here), STATES)) if asked.sample else None
    cohort = await cohort_of(here, STATES)
    reached = await look(here, screen)
    if not await some_give(means, STATES, cohort):
        raise nothing_gives(reached)
    planner = Planner(dry_run=asked.dry_run)
    found = Summary("plan", asked.dry_run, asked.sample is not None)
    shown = frozenset({Mark.FAILED, Mark.LATER})
    status = await work_off(here, screen, planner.plan, STATES, cohort, found, shown)
    contacts = await _contacts(means, screen)
    await reconcile(means, planner.inventory, whole or cohort, contacts)
    prices = costs.load(here.settings.costs.prices_file)
    quotas = Quotas(
        here.settings.vertex.appends_per_minute,
        here.settings.vertex.session_writes_per_minute,
        prices.session_event,
    )
    if asked.machine:
        screen.document(
            {
                "verb": "plan",
                "dry_run": asked.dry_run,
                **plan_document(planner.inventory, quotas),
                "price_confirmed": prices.session_event_confirmed,
                "status": int(status),
                "stopped": found.stopped,
                "sources": told(reached),
                "problems": problems(found.problems),
            }
        )
    else:
        _print(planner.inventory, quotas, prices.session_event_confirmed, found)
    return status if status is not Status.DONE else status_of("plan", found.marks)


def _without_sample(here: Here) -> Here:
    return replace(here, asked=replace(here.asked, sample=None))


async def _contacts(means: Means, screen: Screen) -> Mapping[ChannelName, frozenset[str] | None]:
    """What each channel lists; a channel that cannot be asked now is one that cannot list."""
    found: dict[ChannelName, frozenset[str] | None] = {}
    for channel, addresses in means.contacts.items():
        try:
            found[channel] = await addresses()
        except ProviderError as error:
            screen.note(f"not ok  contacts of {channel}: {error}")
            found[channel] = None
    return found


def plan_document(inventory: Inventory, quotas: Quotas) -> dict[str, Any]:
    """Counts of what was looked at, and what it comes to for all."""
    dollars = inventory.dollars(quotas)
    return {
        **asdict(inventory),
        "extrapolated": inventory.scale > 1.0,
        "events_of_all": round(inventory.events * inventory.scale),
        "hours": round(inventory.hours(quotas), 3),
        "dollars": "unknown" if dollars is None else str(round(dollars, 4)),
    }


def _console() -> Console:
    return Console(highlight=False, soft_wrap=True)


def _print(inventory: Inventory, quotas: Quotas, confirmed: bool, found: Summary) -> None:
    console = _console()
    table = Table(title="Three inventories", title_justify="left")
    for name in ("", "conversations"):
        table.add_column(name, justify="right" if name else "left")
    rows: list[tuple[str, int | None]] = [
        ("ours, with a past at OpenAI", inventory.conversations),
        *((f"  on {name}", count) for name, count in inventory.by_channel.items()),
        ("  imported once before: first in the order of work", inventory.history_imported),
        ("  without a thread id", inventory.without_thread),
        ("  answered by Vertex already", inventory.done),
        *((f"read from {name}", count) for name, count in inventory.by_source.items()),
        ("no source has their thread", inventory.missing),
        ("a source could not say", inventory.unknown),
        *(
            (f"threads of {name} that are nobody's here", n)
            for name, n in inventory.not_ours.items()
        ),
        *((f"not among {name}'s contacts", n) for name, n in inventory.not_at_channel.items()),
        *((f"{name}'s contacts that are not here", n) for name, n in inventory.not_with_us.items()),
    ]
    for name, count in rows:
        if count is None:
            table.add_row(name, "cannot be listed")
        elif count:
            table.add_row(name, f"{count:,}")
    console.print(table)
    _print_sums(console, inventory, quotas, confirmed)
    if found.stopped is not None or found.interrupted:
        why = found.stopped or "at your word"
        console.print(f"It stopped before its end: {why}. These figures are of what was read.")
        return
    for problem, count in found.problems.most_common(5):
        console.print(f"{plural(count)}: {problem}   -> {advice(problem)}", markup=False)
    console.print(
        "Order of work: imported once before, then WhatsApp, Facebook, Instagram. "
        "Next: watibot migrate run",
        style="bold",
    )


def _print_sums(console: Console, inventory: Inventory, quotas: Quotas, confirmed: bool) -> None:
    sums = Table(title="What is to be carried over", title_justify="left")
    for name in ("", "read", "all"):
        sums.add_column(name, justify="right" if name else "left")
    scale = inventory.scale
    for name, count in (
        ("messages", inventory.messages),
        ("tool calls", inventory.tool_calls),
        ("media", inventory.media),
        ("session events", inventory.events),
        *((f"lost: {what}", count) for what, count in inventory.losses.items()),
    ):
        sums.add_row(name, f"{count:,}", f"{round(count * scale):,}")
    console.print(sums)
    if scale > 1.0:
        looked = f"{inventory.looked_at:,} of {plural(inventory.conversations)}"
        console.print(f"The last column is extrapolated from {looked}.")
    hours = lasting(inventory.hours(quotas) * 3600)
    console.print(
        f"Time at the quotas ({quotas.appends:,.0f} events and {quotas.writes:,.0f} sessions a "
        f"minute): {hours}, longer while guests write"
    )
    console.print(f"Cost of the events: {money(inventory.dollars(quotas), confirmed)}")


def money(dollars: Decimal | None, confirmed: bool) -> str:
    """$0.78; an unknown price is not a price of nothing."""
    if dollars is None:
        return "unknown"
    return f"${dollars:,.2f}" + ("" if confirmed else " (the price is not confirmed)")
