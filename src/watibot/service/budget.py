"""The month's money: what was spent, what it comes to, and what happens when it is used up.

`charging.py` lets it hear each charge; `gate.py` asks whether guests are held back. The month is
the hotel's. What other processes spend (a migration) comes from the store, now and then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from watibot import telemetry
from watibot.charges import Charge
from watibot.costs import dollars
from watibot.ports import Clock
from watibot.ports.charges import Charges
from watibot.settings import Costs

log = telemetry.logger(__name__)

STEPS = (50, 80, 100)  # percent
READ_SECONDS = 300.0
RECENT = timedelta(days=7)
# Less shows the hours of one part of a day and not what a day costs.
LEAST = timedelta(days=1)
_ALWAYS = datetime.fromisoformat("1970-01-01T00:00:00+00:00")

Tell = Callable[[str, str, str], Awaitable[None]]  # key, title, body


@dataclass(frozen=True, slots=True)
class Standing:
    """A month's money in micro-dollars. `unknown`: charges without a price. `allowed` None: there
    is no budget. `forecast` None: too little is known."""

    since: datetime
    until: datetime
    micros: int = 0
    unknown: int = 0
    allowed: int | None = None
    forecast: int | None = None

    @property
    def percent(self) -> int:
        """Of the budget, rounded down; 0 without one."""
        return self.micros * 100 // self.allowed if self.allowed else 0


def month_of(moment: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The beginning of the month at the hotel, and of the next one."""
    local = moment.astimezone(zone)
    begins = local.replace(day=1, hour=0, minute=0, second=0, microsecond=0, fold=0)
    ends = begins.replace(year=begins.year + begins.month // 12, month=begins.month % 12 + 1)
    return begins, ends


def recent_since(now: datetime, first: datetime) -> datetime:
    """From when on what was spent shows what is spent now. `first`: when there was the first charge
    of all."""
    return max(first, now - RECENT)


def forecast(
    spent: int, recent: int, since: datetime, now: datetime, until: datetime
) -> int | None:
    """What the month comes to, in micro-dollars: `spent` so far, and until its end the rate of what
    was spent between `since` and `now`; None when that is less than a day."""
    # Two times of one zone would be subtracted by their clocks, wrongly where those are shifted.
    span, left = now - since, until.timestamp() - now.timestamp()
    if span < LEAST:
        return None
    return spent + round(recent * max(0.0, left) / span.total_seconds())


class Budget:
    """The money of the month under way. `tell` is given the notice for staff, once for each step of
    each month and budget."""

    def __init__(
        self, charges: Charges, clock: Clock, costs: Costs, tell: Tell, zone: ZoneInfo
    ) -> None:
        self._charges = charges
        self._clock = clock
        self._allowed = round(costs.per_month * 1_000_000) or None
        self._hold_back = costs.hold_back
        self._tell = tell
        self._zone = zone
        self._month = Standing(*month_of(clock.now(), zone), allowed=self._allowed)
        self._told: set[tuple[datetime, int]] = set()
        self._step = asyncio.Event()

    def heard(self, charge: Charge) -> None:
        """Something was charged. Returns at once."""
        month = self.standing
        if charge.at < month.since:
            return
        self._keep(
            month,
            month.micros + (charge.micros or 0),
            month.unknown + (charge.micros is None),
            month.forecast,
        )
        if self._untold():
            self._step.set()

    @property
    def standing(self) -> Standing:
        """Of the month under way, as far as it is known here."""
        now = self._clock.now()
        if now >= self._month.until:
            self._month = Standing(*month_of(now, self._zone), allowed=self._allowed)
        return self._month

    @property
    def is_reached(self) -> bool:
        return self._allowed is not None and self.standing.micros >= self._allowed

    def holds_back(self) -> bool:
        """Whether the model is not asked any more this month."""
        return self._hold_back and self.is_reached

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self.read()
            self._step.clear()
            await self._warn()
            try:
                await self._clock.limit(READ_SECONDS, self._step.wait())
            except TimeoutError:
                continue

    async def read(self) -> None:
        """Takes in what the store knows."""
        now, month = self._clock.now(), self.standing
        known = await self._charges.total(month.since, month.until)
        first = await self._charges.charges(_ALWAYS, now, 1)
        comes_to = None
        if first:
            since = recent_since(now, first[0].at)
            recent = (await self._charges.total(since, now)).micros
            comes_to = forecast(known.micros, recent, since, now, month.until)
        if self.standing.since != month.since:
            return  # the month has ended meanwhile
        # What is not stored yet was heard already, and nothing that was spent comes back.
        heard = self.standing
        self._keep(
            month, max(heard.micros, known.micros), max(heard.unknown, known.unknown), comes_to
        )

    def _keep(self, month: Standing, micros: int, unknown: int, comes_to: int | None) -> None:
        self._month = Standing(month.since, month.until, micros, unknown, self._allowed, comes_to)

    def _untold(self) -> list[int]:
        month = self._month
        if month.allowed is None:
            return []
        return [
            step
            for step in STEPS
            if month.percent >= step and (month.since, step) not in self._told
        ]

    async def _warn(self) -> None:
        for step in self._untold():
            month = self._month
            allowed = dollars(month.allowed or 0)
            log.warning("budget.step", percent=step, micros=month.micros)
            lines = [
                f"En {month.since:%Y-%m} van gastados {dollars(month.micros)} de {allowed}.",
            ]
            if month.forecast is not None:
                lines.append(f"Al ritmo de ahora el mes termina en {dollars(month.forecast)}.")
            if step == STEPS[-1]:
                lines.append(_HELD_BACK if self._hold_back else _GOES_ON)
            await self._tell(
                # A budget that is changed begins anew.
                f"costs:{month.since:%Y-%m}:{month.allowed}:{step}",
                f"Costos: se alcanzó el {step} % del presupuesto del mes",
                " ".join(lines),
            )
            self._told.add((month.since, step))


_HELD_BACK = (
    "El asistente ya no contesta hasta el próximo mes: cada huésped recibe una línea amable y "
    "queda a cargo de una persona (COSTS_HOLD_BACK)."
)
_GOES_ON = "El asistente sigue contestando."
