"""What the service promises, how much of it was missed, and how fast. Pure.

`service/watch.py` hands in how often things went well and badly within some windows, and tells
staff what is decided here. An objective's budget is what it allows to go wrong; the rate at which
it burns says whether somebody is to be called now or told in passing. The windows and factors are
those of https://sre.google/workbook/alerting-on-slos/ for a budget of 30 days.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

BUDGET_SPAN = timedelta(days=30)
# A small hotel has hours with a single turn in them: one failure is all of such an hour, and no
# reason to wake anybody.
LEAST_BAD = 3
# Conversations; the average of fewer says nothing.
LEAST_CONVERSATIONS = 20
COST_SPAN = timedelta(days=7)
# How far below the line it has to fall before it counts as over: half the rate, nine tenths of the
# cost.
_CALM_RATE = 0.5
_CALM_COST = 0.9


@dataclass(frozen=True, slots=True)
class Count:
    """How often something went well and badly."""

    good: int = 0
    bad: int = 0

    @property
    def rate(self) -> float:
        """The share that went badly; 0 where nothing happened."""
        return self.bad / (self.good + self.bad) if self.bad else 0.0


@dataclass(frozen=True, slots=True)
class Objective:
    """`share` of what is tallied under `tally` is to have an outcome among `good`. Outcomes in
    neither set do not count: a turn that staff took over was nobody's failure."""

    name: str
    share: float
    tally: str
    good: frozenset[str]
    bad: frozenset[str]

    def count(self, outcomes: Mapping[str, int]) -> Count:
        return Count(
            sum(count for outcome, count in outcomes.items() if outcome in self.good),
            sum(count for outcome, count in outcomes.items() if outcome in self.bad),
        )

    def left(self, count: Count) -> float:
        """Of the budget for what was counted, the share that is left; below 0 it is overdrawn."""
        allowed = (count.good + count.bad) * (1 - self.share)
        return 1 - count.bad / allowed if count.bad else 1.0


def objectives(answer: float, answered: float, tools: float) -> tuple[Objective, ...]:
    """The three that are counted, by the shares that are wanted."""
    return (
        Objective("answer", answer, "answer", frozenset({"fast"}), frozenset({"slow"})),
        Objective("answered", answered, "turn", frozenset({"answered"}), frozenset({"failed"})),
        Objective("tools", tools, "tool", frozenset({"ok"}), frozenset({"failed"})),
    )


@dataclass(frozen=True, slots=True)
class Pace:
    """The budget burns `factor` times as fast as it may, over a long window and, so that the alarm
    ends soon after its cause, over a short one. `page`: somebody is needed now."""

    name: str
    factor: float
    long: timedelta
    short: timedelta
    page: bool

    def _line(self, objective: Objective, part: float) -> float:
        # With a share of 0.9 even total failure burns only ten times as fast as it may.
        return min(self.factor * (1 - objective.share), 1.0) * part

    def burns(self, objective: Objective, long: Count, short: Count) -> bool:
        line = self._line(objective, 1.0)
        return long.bad >= LEAST_BAD and long.rate >= line and short.bad > 0 and short.rate >= line

    def is_calm(self, objective: Objective, long: Count, short: Count) -> bool:
        """Well below the line, by evidence: in the short window something went well, or in the long
        one little went badly."""
        line = self._line(objective, _CALM_RATE)
        return long.rate < line or (short.good > 0 and short.rate < line)


# The fastest first.
PACES = (
    Pace("fast", 14.4, timedelta(hours=1), timedelta(minutes=5), page=True),
    Pace("slow", 6.0, timedelta(hours=6), timedelta(minutes=30), page=True),
    Pace("lasting", 1.0, timedelta(days=3), timedelta(hours=6), page=False),
)


def is_too_dear(micros: int, conversations: int, dollars: float) -> bool:
    """Whether conversations cost more than `dollars` on average."""
    return conversations >= LEAST_CONVERSATIONS and micros > conversations * dollars * 1_000_000


def is_cheap_enough(micros: int, conversations: int, dollars: float) -> bool:
    """Whether that is over."""
    return micros <= conversations * dollars * 1_000_000 * _CALM_COST


@dataclass(frozen=True, slots=True)
class Alarm:
    """One objective at one pace. `told`: staff know of it. It stays quiet while another of the
    same objective is raised that calls as loudly: it has the same cause."""

    raised_at: datetime | None = None
    told: bool = False
    calm_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Raised:
    """It burns from now on."""


@dataclass(frozen=True, slots=True)
class Recovered:
    """It has been calm for long enough."""


def step(
    alarm: Alarm, *, burns: bool, calm: bool, quietly: bool, now: datetime, patience: timedelta
) -> tuple[Alarm, Raised | Recovered | None]:
    """The alarm a moment later, and what happened to it. It ends when it was calm for `patience`
    without a break, so that what fails by fits and starts is one alarm and not a dozen."""
    if alarm.raised_at is None:
        if not burns:
            return alarm, None
        return Alarm(now, told=not quietly), Raised()
    if burns or not calm:
        return replace(alarm, calm_since=None), None
    if alarm.calm_since is None:
        return replace(alarm, calm_since=now), None
    if now - alarm.calm_since < patience:
        return alarm, None
    return Alarm(), Recovered()
