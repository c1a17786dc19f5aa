"""`watibot inspect`: looks into the store, beside a running service or without one.

Ids are shown because the operator asks for them; what guests said only with `--text`. Reads are in
`storage/looks.py` and `figures.py`, the comparison with Vertex in `twins.py`.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from watibot import telemetry
from watibot.cli import show
from watibot.conversations import Conversation, held_by_staff
from watibot.engines.clock import SystemClock
from watibot.environment import load
from watibot.hotel import Hotel
from watibot.hotel import load as load_hotel
from watibot.messages import Takeover
from watibot.ports import Clock
from watibot.settings import Settings
from watibot.storage import figures, looks, records
from watibot.storage import store as storage

if TYPE_CHECKING:
    from watibot.cli.twins import Twin
    from watibot.wiring_outside import Outside

app = typer.Typer(add_completion=False, no_args_is_help=True)

EVERY = 1_000_000_000
AT_ONCE = 8  # sessions read together

EnvFile = Annotated[Path, typer.Option(help="File with settings, KEY=VALUE")]
Limit = Annotated[int, typer.Option(min=1, help="At most so many, the newest")]
Json = Annotated[bool, typer.Option("--json", help="For machines")]
Id = Annotated[str, typer.Argument(help="A conversation's id")]
DOT_ENV = Path(".env")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Here:
    """Where to look."""

    settings: Settings
    hotel: Hotel
    clock: Clock

    @property
    def url(self) -> str:
        return self.settings.service.database_url

    def tag(self, conversation_id: str) -> str:
        """The conversation's name in logs."""
        return telemetry.tag(
            conversation_id, self.settings.service.webhook_secret.get_secret_value()
        )


def _here(env_file: Path) -> Here:
    settings = load(env_file)
    telemetry.configure("error", settings.service.webhook_secret.get_secret_value())
    hotel = load_hotel(settings.service.hotel_file)
    return Here(settings, hotel, SystemClock(settings.service.clock))


@app.callback()
def about() -> None:
    """Looks into conversations, sessions, quarantine, notices, escalations and calls."""


@app.command()
def conversations(limit: Limit = 20, as_json: Json = False, env_file: EnvFile = DOT_ENV) -> None:
    """Who wrote last: tag, channel, who holds it, the guest's last time, session."""
    here = _here(env_file)
    with looks.looking(here.url, here.hotel.id) as tx:
        found = figures.newest_conversations(tx, limit)
    now = here.clock.now()
    lines = [
        {
            "tag": here.tag(one.conversation_id),
            "conversation_id": one.conversation_id,
            "channel": one.channel,
            "held_by": "staff" if held_by_staff(one, now) else "bot",
            "staff_until": one.staff_until if held_by_staff(one, now) else None,
            "last_guest_at": one.last_guest_at,
            "session_id": one.session_id,
        }
        for one in found
    ]
    _print("Conversations", lines, here, as_json)


@app.command()
def conversation(
    conversation_id: Id,
    text: Annotated[bool, typer.Option("--text", help="With what was said")] = False,
    as_json: Json = False,
    env_file: EnvFile = DOT_ENV,
) -> None:
    """One conversation: who holds it, messages, turns and bubbles with their states."""
    here = _here(env_file)
    with looks.looking(here.url, here.hotel.id) as tx:
        one = _found(records.conversation(tx, conversation_id))
        since = figures.held_since(tx, conversation_id)
        parts = {
            "holder": [_holder(one, since, here.clock.now())],
            "messages": looks.messages_of(tx, conversation_id),
            "turns": looks.turns_of(tx, conversation_id),
            "bubbles": looks.bubbles_of(tx, conversation_id),
        }
    for row in [*parts["messages"], *parts["bubbles"]]:
        said = row.pop("text")
        if text:
            row["text"] = said
    if as_json:
        show.as_json(parts)
    else:
        for title, rows in parts.items():
            show.rows(title.capitalize(), rows, here.hotel.zone)


def _holder(one: Conversation, since: datetime | None, now: datetime) -> dict[str, Any]:
    """`since`: their newest word. `stopped_at`: the guest wants nobody's machine to answer."""
    held = held_by_staff(one, now)
    return {
        "held_by": "staff" if held else "bot",
        "colleague": one.taken_by if held else None,
        "since": since if held else None,
        "until": one.staff_until if held else None,
        "stopped_at": one.stopped_at,
        "looked_at": one.checked_at,
    }


@app.command()
def session(
    conversation_id: Annotated[str | None, typer.Argument(help="A conversation's id")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every conversation")] = False,
    limit: Limit = EVERY,
    repair: Annotated[
        bool, typer.Option("--repair", help="Gives the session what it lacks")
    ] = False,
    as_json: Json = False,
    env_file: EnvFile = DOT_ENV,
) -> None:
    """Compares the local history with the Vertex session: `ok` or what differs, one line each.
    Exit status 1 when something differs."""
    if everything == (conversation_id is not None):
        raise typer.BadParameter("say which: a conversation's id, or --all")
    here = _here(env_file)
    with looks.looking(here.url, here.hotel.id) as tx:
        if conversation_id is None:
            chosen = figures.newest_conversations(tx, limit)
        else:
            chosen = [_found(records.conversation(tx, conversation_id))]
    found = asyncio.run(_sessions(here, chosen, repair, quiet=as_json))
    if as_json:
        show.as_json(
            [
                {
                    "tag": here.tag(twin.conversation_id),
                    "conversation_id": twin.conversation_id,
                    "session_id": twin.session_id,
                    "ok": twin.ok,
                    "verdict": twin.words(),
                    "missing": twin.missing,
                }
                for twin in found
            ]
        )
    if not all(twin.ok for twin in found):
        raise typer.Exit(1)


async def _sessions(
    here: Here, chosen: Sequence[Conversation], repair: bool, *, quiet: bool
) -> list[Twin]:
    from watibot.cli import twins
    from watibot.wiring_outside import outside

    out = outside(here.settings, here.hotel)
    done: list[Twin] = []
    began = out.clock.time()
    try:
        for start in range(0, len(chosen), AT_ONCE):
            for twin in await _examined(here, out, chosen[start : start + AT_ONCE]):
                if repair and twin.missing:
                    twin = await twins.repaired(
                        here.url,
                        here.hotel.id,
                        out.sessions,
                        out.clock,
                        twin,
                        began,
                        here.settings.costs.prices_file,
                    )
                done.append(twin)
                if not quiet:
                    typer.echo(f"{here.tag(twin.conversation_id)}  {twin.words()}")
    finally:
        await out.close()
    return done


async def _examined(here: Here, out: Outside, group: Sequence[Conversation]) -> list[Twin]:
    from watibot.cli import twins

    with looks.looking(here.url, here.hotel.id) as tx:
        items = [looks.items_of(tx, one.conversation_id) for one in group]
    pairs = zip(group, items, strict=True)
    return list(await asyncio.gather(*(twins.examine(out.sessions, *pair) for pair in pairs)))


@app.command()
def quarantine(
    limit: Limit = 20,
    raw: Annotated[int | None, typer.Option(help="Prints this one's body as it came")] = None,
    as_json: Json = False,
    env_file: EnvFile = DOT_ENV,
) -> None:
    """Webhooks that nobody could read, with the reason."""
    here = _here(env_file)
    with looks.looking(here.url, here.hotel.id) as tx:
        if raw is not None:
            sys.stdout.buffer.write(_found(looks.quarantined_body(tx, raw)))
            return
        found = figures.newest_quarantine(tx, limit)
    lines = [
        {
            "number": one.quarantine_id,
            "at": one.at,
            "channel": one.channel,
            "reason": one.reason,
            "bytes": len(one.raw),
        }
        for one in found
    ]
    _print("Quarantine", lines, here, as_json)


@app.command()
def notices(limit: Limit = 20, as_json: Json = False, env_file: EnvFile = DOT_ENV) -> None:
    """What staff were told, or still have to be."""
    here = _here(env_file)
    with looks.looking(here.url, here.hotel.id) as tx:
        found = looks.newest_notices(tx, limit)
    lines = [{"state": "told" if row["due_at"] is None else "waiting", **row} for row in found]
    _print("Notices", lines, here, as_json)


@app.command()
def escalations(
    limit: Limit = 20,
    text: Annotated[bool, typer.Option("--text", help="With the reason staff read")] = False,
    as_json: Json = False,
    env_file: EnvFile = DOT_ENV,
) -> None:
    """Dead ends that nobody has seen to yet."""
    here = _here(env_file)
    with looks.looking(here.url, here.hotel.id) as tx:
        found = figures.open_escalations(tx, limit)
    lines = [{"tag": here.tag(row["conversation_id"]), **row} for row in found]
    for line in lines:
        reason = line.pop("reason")
        if text:
            line["reason"] = reason
    _print("Open escalations", lines, here, as_json)


@app.command()
def calls(limit: Limit = 12, as_json: Json = False, env_file: EnvFile = DOT_ENV) -> None:
    """Calls that WATI counts by the month (UTC), beside what the plan allows."""
    here = _here(env_file)
    with looks.looking(here.url, here.hotel.id) as tx:
        found = figures.calls_by_month(tx, limit)
    allowed = here.settings.wati.calls_per_month or None
    _print("Calls", [{**row, "allowed": allowed} for row in found], here, as_json)


@app.command()
def tag(
    wanted: Annotated[str, typer.Argument(metavar="TAG", help="As a log line names it")],
    env_file: EnvFile = DOT_ENV,
) -> None:
    """Which conversation a log line's tag is."""
    here = _here(env_file)
    with looks.looking(here.url, here.hotel.id) as tx:
        for one in figures.newest_conversations(tx, EVERY):
            if here.tag(one.conversation_id) == wanted:
                typer.echo(one.conversation_id)
                return
    _found(None)


@app.command()
def give_back(conversation_id: Id, env_file: EnvFile = DOT_ENV) -> None:
    """Ends a takeover: the bot answers this guest again."""
    here = _here(env_file)
    asyncio.run(_give_back(here, conversation_id))
    typer.echo("The bot answers this guest again")


async def _give_back(here: Here, conversation_id: str) -> None:
    async with await storage.open(here.url, here.hotel.id) as store:
        one = _found(await store.conversation(conversation_id))
        ended = Takeover(one.channel, one.conversation_id, one.address, held=False)
        await store.people.hold(ended, here.clock.now(), None)


def _found(value: T | None) -> T:
    if value is None:
        typer.echo("watibot inspect: there is none of that name", err=True)
        raise typer.Exit(1)
    return value


def _print(title: str, lines: list[dict[str, Any]], here: Here, as_json: bool) -> None:
    if as_json:
        show.as_json(lines)
    else:
        show.rows(title, lines, here.hotel.zone)
