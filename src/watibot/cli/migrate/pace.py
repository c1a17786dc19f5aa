"""How fast a verb goes, how long it still takes, and what it waits for. Pure.

`work.py` notes what is done; `screen.py` shows it. Times are the service's clock's.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Any

from watibot.migration.crew import Brake, Mark, Tally

_WINDOW = 60.0  # seconds that a rate is measured over
_LEAST = 1.0  # seconds before a rate says anything

WHOSE = {
    "assistants": "OpenAI",
    "conversations": "OpenAI",
    "wati": "WATI",
    "archive": "the archive",
    "exports": "the exports",
}


@dataclass(frozen=True, slots=True)
class Pace:
    """Per minute, over the last minute."""

    conversations: float = 0.0
    events: float = 0.0


class Meter:
    """Counts beside the time at which they stood."""

    def __init__(self, now: float) -> None:
        self._seen: deque[tuple[float, int, int]] = deque([(now, 0, 0)])

    def pace(self, now: float, done: int, events: int) -> Pace:
        """Notes how far it is now."""
        self._seen.append((now, done, events))
        while len(self._seen) > 2 and self._seen[1][0] <= now - _WINDOW:
            self._seen.popleft()
        began, done_then, events_then = self._seen[0]
        if now - began < _LEAST:
            return Pace()
        minutes = (now - began) / 60.0
        return Pace((done - done_then) / minutes, (events - events_then) / minutes)


def seconds_left(total: int | None, done: int, pace: Pace) -> float | None:
    """None while nobody can say."""
    if total is None or pace.conversations <= 0:
        return None
    return max(0, total - done) / pace.conversations * 60.0


def lasting(seconds: float) -> str:
    """3 h 12 min, 4 min 10 s, 9 s."""
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole % 3600 // 60, whole % 60
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def counted(marks: Mapping[Mark, int]) -> str:
    """`= 12  + 180  ! 4`, those that occurred."""
    return "  ".join(f"{mark} {marks[mark]:,}" for mark in Mark if marks.get(mark))


def line(tally: Tally, pace: Pace, waiting: str | None) -> str:
    """One line of progress."""
    of = "" if tally.total is None else f" of {tally.total:,}"
    told = [f"{tally.done:,}{of} conversations"]
    if tally.events:
        told.append(f"{tally.events:,} events")
    if pace.events:
        told.append(f"{pace.events:,.0f} events/min")
    if pace.conversations:
        told.append(f"{pace.conversations:,.1f} conversations/min")
    left = seconds_left(tally.total, tally.done, pace)
    if left and tally.done:
        told.append(f"{lasting(left)} left")
    if tally.marks:
        told.append(counted(tally.marks))
    if waiting:
        told.append(f"waiting: {waiting}")
    return "   ".join(told)


def progress(tally: Tally, pace: Pace, wait: Wait | None) -> dict[str, Any]:
    """The same for a program; `seconds_left` is null while nobody can say."""
    left = seconds_left(tally.total, tally.done, pace)
    return {
        "total": tally.total,
        "done": tally.done,
        "events": tally.events,
        "marks": {str(mark): count for mark, count in tally.marks.items()},
        "conversations_per_minute": round(pace.conversations, 2),
        "events_per_minute": round(pace.events, 2),
        "seconds_left": None if left is None else round(left),
        "waiting": None
        if wait is None
        else {
            "why": wait.why,
            "who": wait.who,
            "until": None if wait.until is None else wait.until.isoformat(),
            "per_minute": wait.per_minute,
        },
    }


@dataclass(frozen=True, slots=True)
class Wait:
    """Why it does not go faster. `why`: patience (a source, `who`, asked for it), pause (Vertex
    did), trouble (`who` is what else is waited for) or quota (of `per_minute` `who`; live turns go
    first)."""

    why: str
    who: str
    until: datetime | None = None
    per_minute: float | None = None

    def words(self, zone: tzinfo) -> str:
        """In a line of progress."""
        clock = "" if self.until is None else f"{self.until.astimezone(zone):%H:%M:%S}"
        match self.why:
            case "patience":
                return f"{self.who} asked for patience until {clock}"
            case "pause":
                return f"Vertex asked for a pause until {clock}"
            case "quota":
                allowed = self.per_minute or 0.0
                return f"the quota of {allowed:,.0f} {self.who} a minute, live turns go first"
        return self.who


@dataclass(slots=True)
class Waiting:
    """Looks why it does not go faster. `per_minute`: what each quota allows."""

    brakes: Mapping[str, Brake]
    per_minute: Mapping[str, float]
    _waited: dict[str, float] = field(default_factory=dict)

    def look(
        self, held: Mapping[str, datetime], now: datetime, troubles: Mapping[str, str] | None = None
    ) -> Wait | None:
        """`held`: pauses of sources, by name; `troubles`: what else is waited for. A quota counts
        if it made somebody wait since the last look."""
        grown = {
            name
            for name, brake in self.brakes.items()
            if brake.waited > self._waited.get(name, 0.0)
        }
        self._waited = {name: brake.waited for name, brake in self.brakes.items()}
        for name, until in held.items():
            if until > now:
                return Wait("patience", WHOSE.get(name, name), until)
        for brake in self.brakes.values():
            if brake.held_until is not None and brake.held_until > now:
                return Wait("pause", "Vertex", brake.held_until)
        for trouble in (troubles or {}).values():
            return Wait("trouble", trouble)
        for name in self.brakes:
            if name in grown:
                return Wait("quota", name, None, self.per_minute.get(name, 0.0))
        return None
