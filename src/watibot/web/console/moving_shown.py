"""What the migration page shows, made of the ledger's counts and of the errand under way. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from watibot.conversations import Provider
from watibot.messages import ChannelName
from watibot.migration.report import CARRIED, Next, next_step
from watibot.migration.words import alike, help_for
from watibot.ports.migrations import State
from watibot.ports.standing import Standing
from watibot.web.console.moving_asked import kind_of

WINDOW = timedelta(minutes=5)  # that a rate is measured over
_LEAST = 10.0  # seconds before a rate says anything
_FULL = 0.9  # of a quota
# A free place of a quota that is no further ahead is simply the next one: seconds, and places.
_SOON, _PLACES = 2.0, 3.0
_APPENDS = "sessions.appends"
_WAITING = frozenset({State.PENDING, State.EXPORTED, State.ROLLED_BACK})


@dataclass(frozen=True, slots=True)
class Kind:
    """Problems that are alike. `name`: what a form calls them; `help`: of `words.HELP`."""

    name: str
    problem: str
    conversations: int
    help: str


@dataclass(frozen=True, slots=True)
class Speed:
    """What the ledger shows of the last minutes, per minute. `left`: seconds, None while nobody can
    say. `until`: no event may be stored before; `full`: the rate is at the quota."""

    conversations: float
    events: float
    left: float | None
    until: datetime | None
    full: bool


@dataclass(frozen=True, slots=True)
class Shown:
    """`rows`: a state, its conversations by channel, and all of them."""

    total: int
    channels: tuple[ChannelName, ...]
    rows: tuple[tuple[State, tuple[int, ...], int], ...]
    answerers: Mapping[Provider, int]
    carried: int
    over: int
    messages: int
    tool_calls: int
    media: int
    items: int
    kinds: tuple[Kind, ...]
    next: Next
    speed: Speed | None

    @property
    def verified(self) -> int:
        """Those that may be cut over."""
        return next((total for state, _, total in self.rows if state is State.VERIFIED), 0)


def shown(standing: Standing, now: datetime, appends_per_minute: float) -> Shown:
    """`appends_per_minute`: the quota of events."""
    states = standing.states()
    channels = tuple(
        channel
        for channel in ChannelName
        if any(place.channel is channel for place in standing.places)
    )
    by_channel = {channel: standing.states(channel) for channel in channels}
    carried = [place for place in standing.places if place.state in CARRIED]
    return Shown(
        standing.conversations,
        channels,
        tuple(
            (state, tuple(by_channel[each][state] for each in channels), count)
            for state, count in states.items()
            if count
        ),
        standing.answerers,
        sum(place.conversations for place in carried),
        states[State.CUT_OVER],
        sum(place.messages for place in carried),
        sum(place.tool_calls for place in carried),
        sum(place.media for place in carried),
        sum(place.items for place in carried),
        _kinds(standing.problems),
        next_step(
            states,
            planned=any(place.planned for place in standing.places),
            openai=bool(standing.answerers.get(Provider.OPENAI)),
        ),
        _speed(standing, states, now, appends_per_minute),
    )


def _kinds(problems: Mapping[str, int]) -> tuple[Kind, ...]:
    counted: Counter[str] = Counter()
    names: dict[str, str] = {}
    helps: dict[str, str] = {}
    for problem, count in problems.items():
        words = alike(problem)
        counted[words] += count
        names.setdefault(words, kind_of(problem))
        helps.setdefault(words, help_for(problem))
    return tuple(
        Kind(names[words], words, count, helps[words]) for words, count in counted.most_common()
    )


def _speed(
    standing: Standing, states: Mapping[State, int], now: datetime, allowed: float
) -> Speed | None:
    """Of whatever moved last, whoever moved it."""
    moved = {state: lately for state, lately in standing.lately.items() if lately.conversations}
    next_at = standing.next_at.get(_APPENDS)
    soon = timedelta(seconds=max(_SOON, _PLACES * 60.0 / allowed))
    until = next_at if next_at is not None and next_at - now > soon else None
    if not moved and until is None:
        return None
    carried = moved.get(State.IMPORTED)
    conversations = events = 0.0
    left = None
    first = carried.first if carried is not None else None
    if carried is not None and first is not None:
        minutes = max((now - first).total_seconds(), _LEAST) / 60.0
        conversations, events = carried.conversations / minutes, carried.items / minutes
        waiting = sum(states[state] for state in _WAITING)
        left = waiting / conversations * 60.0 if waiting else None
    return Speed(conversations, events, left, until, events >= _FULL * allowed)


def rate(per_minute: float) -> str:
    """3.5, 290."""
    return f"{per_minute:,.1f}" if per_minute < 10 else f"{per_minute:,.0f}"


def lasting(seconds: float) -> str:
    """3 h 12 min, 4 min 10 s, 9 s: the same in both languages."""
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole % 3600 // 60, whole % 60
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
