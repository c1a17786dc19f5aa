"""The page of money: what a month cost, for what, and how that stands against budget and targets.

Charges come from the store through `ports/charges.py`, whoever added them; the forecast from the
service's budget. What is made of the sums here is pure. Amounts are micro-dollars.
"""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from starlette.responses import Response, StreamingResponse

from watibot.caching import CacheStanding
from watibot.charges import Charge, Operation
from watibot.ports.charges import By, Charges, Reach, Sum
from watibot.ports.console import Guest, Role
from watibot.ports.console import Pages as Rows
from watibot.ports.figures import Figures
from watibot.ports.outside import Clock
from watibot.settings import Costs
from watibot.web.console.frame import HEADERS, Frame, Visit
from watibot.web.console.rooms import Way, page
from watibot.web.console.spans import Span, day_of, month_named, month_of, months_before
from watibot.web.console.today import DOLLAR, Forecast, bill, percent

MONTHS_BACK = 12
DEAREST = 10  # conversations and turns
KINDS = 50  # operations, models, channels
SPANS = 31 * 24 * 4 + 8  # quarters of an hour in a month, one of them with an hour more
IN_A_DAY = 100_000  # charges of a day in a file
COLUMNS = (
    "at",
    "provider",
    "operation",
    "model",
    "location",
    "outcome",
    "channel",
    "conversation",
    "turn",
    "quantity",
    "prompt_tokens",
    "cached_tokens",
    "output_tokens",
    "thoughts_tokens",
    "audio_tokens",
    "seconds",
    "micro_dollars",
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CALLS = (Operation.ANSWER, Operation.SUMMARY, Operation.RECEIPT, Operation.RUN)


@dataclass(frozen=True, slots=True)
class Each:
    """What one of them cost on average, and how many there were; `micros` is None for none, and
    where no price is known. `target`: what it may cost. `at_least`: some have no price."""

    word: str
    count: int
    micros: int | None
    target: int | None = None
    at_least: bool = False

    @property
    def met(self) -> bool | None:
        if self.micros is None or self.target is None:
            return None
        if self.micros >= self.target:
            return False
        return None if self.at_least else True


class Money:
    """Answers to GET, for the owner. `tag` is a conversation's name in logs; `cache` how the
    explicit cache stands, None where there is none to tell of."""

    def __init__(
        self,
        charges: Charges,
        figures: Figures,
        rows: Rows,
        forecast: Forecast,
        cache: Callable[[], CacheStanding | None],
        tag: Callable[[str], str],
        frame: Frame,
        clock: Clock,
        zone: ZoneInfo,
        costs: Costs,
    ) -> None:
        self._charges = charges
        self._figures = figures
        self._rows = rows
        self._forecast = forecast
        self._cache = cache
        self._tag = tag
        self._frame = frame
        self._clock = clock
        self._zone = zone
        self._costs = costs

    def ways(self) -> Sequence[Way]:
        return (
            page("/money", self.money, Role.OWNER),
            page("/money/charges.csv", self.file, Role.OWNER),
        )

    async def money(self, visit: Visit) -> Response:
        """A month, this one unless the address names another."""
        now = self._clock.now()
        this, day = month_of(now, self._zone), day_of(now, self._zone)
        month = self._month(visit)
        span = (month.since, month.until)
        total = await self._charges.total(*span)
        kinds = await self._charges.sums(By.OPERATION, *span, KINDS)
        reach = await self._charges.reach(*span)
        tables = [
            ("channel", await self._charges.sums(By.CHANNEL, *span, KINDS)),
            ("operation", kinds),
            ("model", await self._charges.sums(By.MODEL, *span, KINDS)),
        ]
        forecast = self._forecast() if month == this else None
        return await self._frame.show(
            visit.request,
            "money.html",
            visit,
            month=month,
            months=months_before(this, MONTHS_BACK, self._zone),
            is_now=month == this,
            today=await self._charges.total(day.since, day.until) if month == this else None,
            total=total,
            bill=bill(total.micros, total.unknown, self._costs, forecast),
            each=averages(total, kinds, reach, self._costs),
            cached=cached_share(total),
            days=[
                each
                for each in by_day(
                    await self._charges.sums(By.SPAN, *span, SPANS), month, self._zone
                )
                if each[0] <= day.first
            ],
            tables=tables,
            unpriced=[(word, each) for word, sums in tables[1:] for each in sums if each.unknown],
            conversations=await self._conversations(month),
            turns=await self._turns(month),
            cache=self._cache(),
            percent=percent,
        )

    async def file(self, visit: Visit) -> Response:
        """A month's charges one by one, as CSV: to the micro-dollar, without a guest's words or
        number."""
        month = self._month(visit)
        headers = {
            **HEADERS,
            "content-disposition": f'attachment; filename="charges-{month.name}.csv"',
        }
        return StreamingResponse(self._lines(month), 200, headers, "text/csv; charset=utf-8")

    async def _lines(self, month: Span) -> AsyncIterator[str]:
        yield _csv([COLUMNS])
        for day in month.days(self._zone):
            found = await self._charges.charges(day.since, day.until, IN_A_DAY)
            if found:
                yield _csv(line(charge, self._tag) for charge in found)

    def _month(self, visit: Visit) -> Span:
        """The one that is asked for, if there can be charges of it."""
        this = month_of(self._clock.now(), self._zone)
        asked = month_named(visit.request.query_params.get("month", ""), self._zone)
        return this if asked is None or asked.since > this.since else asked

    async def _conversations(self, month: Span) -> list[tuple[Sum, Guest | None]]:
        found = await self._charges.sums(By.CONVERSATION, month.since, month.until, DEAREST + 1)
        found = [each for each in found if each.key][:DEAREST]
        guests = await self._rows.guests([each.key for each in found])
        return [(each, guests.get(each.key)) for each in found]

    async def _turns(self, month: Span) -> list[tuple[Sum, Any]]:
        """With the conversation's name and the turn's time, if it is still known."""
        found = await self._charges.sums(By.TURN, month.since, month.until, DEAREST + 1)
        found = [each for each in found if each.key][:DEAREST]
        known = await self._figures.of_turns([each.key for each in found])
        return [(each, known.get(each.key)) for each in found]


def averages(total: Sum, kinds: Sequence[Sum], reach: Reach, costs: Costs) -> list[Each]:
    """What the calls of models cost, each; what everything cost for each turn, conversation and
    booking."""
    calls = [each for each in kinds if each.key in _CALLS]
    called = Sum(
        micros=sum(each.micros for each in calls),
        unknown=sum(each.unknown for each in calls),
        charges=sum(each.charges for each in calls),
    )
    return [
        _each("call", called, called.charges, called.charges - called.unknown),
        _each("turn", total, reach.turns),
        replace(
            _each("conversation", total, reach.conversations),
            target=round(costs.per_conversation * DOLLAR),
        ),
        _each("booking", total, reach.bookings),
    ]


def cached_share(total: Sum) -> float | None:
    """The share of the prompts' tokens that came from a cache."""
    return total.usage.cached / total.usage.prompt if total.usage.prompt else None


def by_day(spans: Sequence[Sum], month: Span, zone: ZoneInfo) -> list[tuple[date, Sum]]:
    """Quarters of an hour as the hotel's days, each of the month."""
    days = {day.first: Sum(f"{day.first}") for day in month.days(zone)}
    for span in spans:
        day = (_EPOCH + timedelta(microseconds=int(span.key))).astimezone(zone).date()
        if day in days:
            days[day] = _added(days[day], span)
    return sorted(days.items())


def line(charge: Charge, tag: Callable[[str], str]) -> tuple[object, ...]:
    """A charge as a line of the file."""
    use = charge.use
    occasion, usage = use.occasion, use.usage
    return (
        charge.at.isoformat(),
        use.provider,
        use.operation,
        use.model,
        use.location,
        use.outcome,
        charge.channel or "",
        tag(occasion.conversation_id) if occasion.conversation_id else "",
        occasion.turn_id or "",
        use.quantity,
        usage.prompt,
        usage.cached,
        usage.output,
        usage.thoughts,
        usage.audio,
        use.seconds,
        "" if charge.micros is None else charge.micros,
    )


def _each(word: str, spent: Sum, count: int, among: int | None = None) -> Each:
    """`among`: on how many it is spread, if not on all."""
    parts = count if among is None else among
    is_known = parts and (not spent.unknown or spent.charges > spent.unknown)
    micros = round(spent.micros / parts) if is_known else None
    return Each(word, count, micros, at_least=spent.unknown > 0 and among is None)


def _added(one: Sum, other: Sum) -> Sum:
    return Sum(
        one.key,
        one.micros + other.micros,
        one.unknown + other.unknown,
        one.charges + other.charges,
        one.quantity + other.quantity,
        one.usage + other.usage,
    )


def _csv(lines: Iterable[Iterable[object]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows(lines)
    return out.getvalue()
