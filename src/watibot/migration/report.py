"""The whole migration as figures: what moved, what did not and why, proofs, costs, times. Pure.

`cli/migrate/` reads the ledger and gives it here; `status` prints the figures, `report` makes the
page of them. Nothing in a report is a guest's word or number, unless ids are asked for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from watibot.conversations import Provider
from watibot.messages import ChannelName
from watibot.migration import ledger
from watibot.ports.migrations import Move, State

# A session has all of it.
CARRIED = frozenset({State.IMPORTED, State.VERIFIED, State.CUT_OVER, State.ROLLED_BACK})
_SHOWN = 3  # digits of a number that may be seen
_APART = timedelta(minutes=10)  # a longer silence is between two runs


@dataclass(frozen=True, slots=True)
class Line:
    """One conversation. `name` is its id, shortened. `proof`: the digest of the thread's version
    that was verified; `stale`: why it proves nothing any more. `losses`: by what."""

    name: str
    session_id: str | None
    channel: ChannelName
    state: State
    answered_by: Provider
    source: str | None
    messages: int
    tool_calls: int
    media: int
    items: int
    losses: Mapping[str, int]
    problem: str | None
    imported_at: datetime | None
    verified_at: datetime | None
    proof: str | None
    stale: str | None
    cut_over_at: datetime | None
    rolled_back_at: datetime | None


@dataclass(frozen=True, slots=True)
class Pace:
    """The last run, as the ledger shows it. Rates per minute."""

    began: datetime
    ended: datetime
    conversations: int
    events: int
    conversations_per_minute: float
    events_per_minute: float


@dataclass(slots=True)
class Report:
    """`answerers`: all of the hotel's conversations by who answers them, also those that began
    here. Sums of messages, tool calls, media, items and losses are of what was carried over.
    `dollars`: for the events; None where the price is not known."""

    hotel: str
    made_at: datetime
    conversations: int = 0
    planned: bool = False
    states: dict[State, int] = field(default_factory=lambda: dict.fromkeys(State, 0))
    channels: dict[ChannelName, dict[State, int]] = field(default_factory=dict)
    answerers: dict[Provider, int] = field(default_factory=dict)
    sources: dict[str, int] = field(default_factory=dict)
    carried: int = 0
    verified: int = 0
    messages: int = 0
    tool_calls: int = 0
    media: int = 0
    items: int = 0
    losses: dict[str, int] = field(default_factory=dict)
    problems: dict[str, int] = field(default_factory=dict)
    stale: dict[str, int] = field(default_factory=dict)
    began: datetime | None = None
    ended: datetime | None = None
    pace: Pace | None = None
    dollars: Decimal | None = None
    price_confirmed: bool = False
    lines: list[Line] = field(default_factory=list)


def report(
    hotel: str,
    now: datetime,
    moves: Collection[Move],
    answerers: Mapping[tuple[ChannelName, Provider], int],
    sessions: Mapping[str, str],
    items: Mapping[str, int],
    event_price: Decimal | None,
    price_confirmed: bool,
    *,
    with_ids: bool = False,
) -> Report:
    """`sessions`: ids by conversation; `items`: of each history, now; `event_price` in
    micro-dollars."""
    made = Report(hotel, now, price_confirmed=price_confirmed)
    losses: Counter[str] = Counter()
    stales: Counter[str] = Counter()
    for (_, provider), count in answerers.items():
        made.answerers[provider] = made.answerers.get(provider, 0) + count
    for move in moves:
        made.conversations += 1
        made.planned |= move.planned_at is not None
        made.states[move.state] += 1
        of_channel = made.channels.setdefault(move.channel, dict.fromkeys(State, 0))
        of_channel[move.state] += 1
        old = ledger.stale(move, now, items.get(move.conversation_id))
        if move.state in (State.VERIFIED, State.IMPORTED) and old:
            stales[old] += 1
        if move.state in CARRIED:
            _add(made, move, losses)
        made.lines.append(_line(move, old, sessions.get(move.conversation_id), with_ids))
    made.losses, made.stale = dict(losses.most_common()), dict(stales.most_common())
    made.problems = dict(Counter(m.problem for m in moves if m.problem).most_common())
    times = [at for move in moves for at in _times(move)]
    made.began, made.ended = min(times, default=None), max(times, default=None)
    made.pace = pace(moves)
    if event_price is not None:
        made.dollars = event_price * made.items / 1_000_000
    return made


def _add(made: Report, move: Move, losses: Counter[str]) -> None:
    made.carried += 1
    made.verified += move.verified_at is not None
    made.messages += move.messages
    made.tool_calls += move.tool_calls
    made.media += move.media
    made.items += move.items
    source = move.source or "?"
    made.sources[source] = made.sources.get(source, 0) + 1
    losses.update(move.losses)


def _times(move: Move) -> list[datetime]:
    found = (move.exported_at, move.imported_at, move.verified_at, move.cut_over_at)
    return [at for at in (*found, move.rolled_back_at) if at is not None]


def _line(move: Move, old: str | None, session_id: str | None, with_ids: bool) -> Line:
    return Line(
        name=move.conversation_id if with_ids else shortened(move.conversation_id),
        session_id=session_id,
        channel=move.channel,
        state=move.state,
        answered_by=move.provider,
        source=move.source,
        messages=move.messages,
        tool_calls=move.tool_calls,
        media=move.media,
        items=move.items,
        losses=dict(move.losses),
        problem=move.problem,
        imported_at=move.imported_at,
        verified_at=move.verified_at,
        proof=move.verified_version,
        stale=old,
        cut_over_at=move.cut_over_at,
        rolled_back_at=move.rolled_back_at,
    )


def shortened(conversation_id: str) -> str:
    """…001: enough for staff who have the list, and nobody's number."""
    return f"…{conversation_id[-_SHOWN:]}"


def pace(moves: Collection[Move]) -> Pace | None:
    """How fast the last run brought conversations over; None before the first."""
    done = sorted(
        ((move.imported_at, move.items) for move in moves if move.imported_at is not None),
        reverse=True,
    )
    if not done:
        return None
    ended = began = done[0][0]
    conversations = events = 0
    for at, items in done:
        if began - at > _APART:
            break
        began = at
        conversations += 1
        events += items
    minutes = (ended - began).total_seconds() / 60.0
    per_minute = 1 / minutes if minutes else 0.0
    return Pace(
        began, ended, conversations, events, conversations * per_minute, events * per_minute
    )


def document(made: Report) -> dict[str, Any]:
    """For a program: names and numbers, times in ISO 8601."""
    return {
        "hotel": made.hotel,
        "made_at": made.made_at.isoformat(),
        "conversations": made.conversations,
        "states": {state.value: count for state, count in made.states.items()},
        "channels": {
            channel.value: {state.value: count for state, count in states.items() if count}
            for channel, states in made.channels.items()
        },
        "answered_by": {provider.value: count for provider, count in made.answerers.items()},
        "sources": made.sources,
        "carried_over": made.carried,
        "verified": made.verified,
        "stale_verifications": made.stale,
        "messages": made.messages,
        "tool_calls": made.tool_calls,
        "media": made.media,
        "events": made.items,
        "losses": made.losses,
        "problems": made.problems,
        "began": _iso(made.began),
        "ended": _iso(made.ended),
        "last_run": None
        if made.pace is None
        else {
            "began": made.pace.began.isoformat(),
            "ended": made.pace.ended.isoformat(),
            "conversations": made.pace.conversations,
            "events": made.pace.events,
            "conversations_per_minute": round(made.pace.conversations_per_minute, 2),
            "events_per_minute": round(made.pace.events_per_minute, 2),
        },
        "dollars": "unknown" if made.dollars is None else str(made.dollars),
        "price_confirmed": made.price_confirmed,
    }


def lines(made: Report) -> list[dict[str, Any]]:
    """Every conversation for a program."""
    return [
        {
            "conversation": line.name,
            "session_id": line.session_id,
            "channel": line.channel.value,
            "state": line.state.value,
            "answered_by": line.answered_by.value,
            "source": line.source,
            "messages": line.messages,
            "tool_calls": line.tool_calls,
            "media": line.media,
            "events": line.items,
            "losses": line.losses,
            "problem": line.problem,
            "imported_at": _iso(line.imported_at),
            "verified_at": _iso(line.verified_at),
            "proof": line.proof,
            "stale": line.stale,
            "cut_over_at": _iso(line.cut_over_at),
            "rolled_back_at": _iso(line.rolled_back_at),
        }
        for line in made.lines
    ]


class Next(StrEnum):
    """What is to be done next with a migration."""

    NOTHING = "nothing"  # no conversation has a thread
    PLAN = "plan"
    RUN = "run"
    VERIFY = "verify"
    CUTOVER = "cutover"
    AGAIN = "again"  # carry over what was taken back
    MISSING = "missing"  # only those are left whose thread no source has
    REPORT = "report"


def next_step(states: Mapping[State, int], *, planned: bool, openai: bool) -> Next:
    """`planned`: a plan has looked at some; `openai`: it answers some conversations still."""
    if not sum(states.values()):
        return Next.NOTHING
    if states[State.PENDING] + states[State.EXPORTED]:
        begun = planned or states[State.PENDING] < sum(states.values())
        return Next.RUN if begun else Next.PLAN
    if states[State.IMPORTED]:
        return Next.VERIFY
    if states[State.VERIFIED]:
        return Next.CUTOVER
    if states[State.ROLLED_BACK]:
        return Next.AGAIN
    return Next.MISSING if states[State.MISSING] and openai else Next.REPORT


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
