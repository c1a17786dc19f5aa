"""The page of the day: how quickly guests are answered, what waits, what it costs, each beside its
target.

The figures come from the store through `ports/figures.py` and `ports/charges.py`; what is made of
them here is pure. `live.py` tells open pages when to ask again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from starlette.responses import Response

from watibot.ports.charges import Charges
from watibot.ports.console import Role
from watibot.ports.figures import Figures, TurnTime
from watibot.ports.outside import Clock
from watibot.settings import Costs, Targets
from watibot.turns import TurnState
from watibot.web.console.frame import Frame, Visit
from watibot.web.console.rooms import Way, page
from watibot.web.console.spans import Span, day_of, month_of

GOAL_SECONDS = 2.0  # what is hoped for, beside what is promised
DOLLAR = 1_000_000  # micro-dollars

Forecast = Callable[[], int | None]
"""What this month will have cost at its end, in micro-dollars; None if nothing can be said yet."""


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds from the end of a burst to the hand-over of its answer: half of the answers took at
    most `p50`, 95 of 100 at most `p95`. `quick` and `aimed`: shares within the target and within
    the goal. None without an answer."""

    answers: int
    p50: float | None = None
    p95: float | None = None
    quick: float | None = None
    aimed: float | None = None


@dataclass(frozen=True, slots=True)
class Share:
    """How much of it went well."""

    good: int
    of: int

    @property
    def value(self) -> float | None:
        return self.good / self.of if self.of else None

    def meets(self, target: float) -> bool | None:
        return None if self.value is None else self.value >= target


@dataclass(frozen=True, slots=True)
class Bill:
    """What was spent in a month so far, against its budget; all in micro-dollars. `unknown` charges
    have no price. No budget: None."""

    spent: int
    unknown: int
    budget: int | None
    forecast: int | None

    @property
    def share(self) -> float | None:
        return self.spent / self.budget if self.budget else None

    @property
    def within(self) -> bool | None:
        """Whether the month stays within its budget, as far as can be said."""
        if self.budget is None:
            return None
        if max(self.spent, self.forecast or 0) > self.budget:
            return False
        return None if self.unknown else True


class Today:
    """Answers to GET. What it costs is for the owner."""

    def __init__(
        self,
        figures: Figures,
        charges: Charges,
        forecast: Forecast,
        frame: Frame,
        clock: Clock,
        zone: ZoneInfo,
        costs: Costs,
        targets: Targets,
    ) -> None:
        self._figures = figures
        self._charges = charges
        self._forecast = forecast
        self._frame = frame
        self._clock = clock
        self._zone = zone
        self._costs = costs
        self._targets = targets

    def ways(self) -> Sequence[Way]:
        return (page("/today", self.today),)

    async def today(self, visit: Visit) -> Response:
        now = self._clock.now()
        span = day_of(now, self._zone)
        day = await self._figures.day(span.since, span.until)
        is_owner = visit.user.role is Role.OWNER
        times = answer_times(day.turns, self._targets.answer)
        return await self._frame.show(
            visit.request,
            "today.html",
            visit,
            now=now,
            times=times,
            times_met=None if times.quick is None else times.quick >= self._targets.answer_share,
            answered=answered(day.turns),
            tools=worked(day.tools),
            traffic=day.traffic,
            waits=await self._figures.waiting(now),
            hours=by_hour(day.turns, span, now, self._zone),
            targets=self._targets,
            goal=GOAL_SECONDS,
            percent=percent,
            seconds=seconds,
            cost=(await self._charges.total(span.since, span.until)) if is_owner else None,
            bill=(await self._bill(now)) if is_owner else None,
        )

    async def _bill(self, now: datetime) -> Bill:
        month = month_of(now, self._zone)
        spent = await self._charges.total(month.since, month.until)
        return bill(spent.micros, spent.unknown, self._costs, self._forecast())


def bill(spent: int, unknown: int, costs: Costs, forecast: int | None) -> Bill:
    budget = round(costs.per_month * DOLLAR) or None
    return Bill(spent, unknown, budget, forecast)


def answer_times(turns: Sequence[TurnTime], target: float) -> Times:
    """Of the turns whose answer has left."""
    took = sorted(_took(turn) for turn in turns if turn.handed_at is not None)
    if not took:
        return Times(0)
    count = len(took)
    return Times(
        count,
        _percentile(took, 0.5),
        _percentile(took, 0.95),
        sum(each <= target for each in took) / count,
        sum(each <= GOAL_SECONDS for each in took) / count,
    )


def answered(turns: Sequence[TurnTime]) -> Share:
    """Turns that ended in an answer, of those that ended."""
    ended = [turn for turn in turns if turn.state is not TurnState.RUNNING]
    return Share(sum(turn.state is TurnState.ANSWERED for turn in ended), len(ended))


def worked(outcomes: Mapping[str, int]) -> Share:
    """Tool calls that succeeded."""
    return Share(outcomes.get("ok", 0), sum(outcomes.values()))


def by_hour(
    turns: Sequence[TurnTime], day: Span, now: datetime, zone: ZoneInfo
) -> list[tuple[str, Times]]:
    """The day's hours so far, by the hotel's clocks."""
    hours: dict[int, list[TurnTime]] = {}
    for turn in turns:
        hours.setdefault(turn.opened_at.astimezone(zone).hour, []).append(turn)
    last = now.astimezone(zone).hour if now < day.until else 23
    return [
        (f"{hour:02}:00", answer_times(hours.get(hour, ()), GOAL_SECONDS))
        for hour in range(last + 1)
    ]


def percent(share: float) -> str:
    """Rounded down, so that what misses its target does not look as if it met it."""
    return f"{math.floor(share * 1000 + 1e-9) / 10:g} %"


def seconds(value: float) -> str:
    return f"{value:.1f} s" if value < 120 else f"{value / 60:.0f} min"


def _took(turn: TurnTime) -> float:
    assert turn.handed_at is not None
    return max((turn.handed_at - turn.opened_at).total_seconds(), 0.0)


def _percentile(ordered: Sequence[float], share: float) -> float:
    """The smallest value that so large a share does not exceed."""
    return ordered[max(math.ceil(len(ordered) * share), 1) - 1]
