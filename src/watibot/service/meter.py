"""The calls that the provider counts by the month: counted, kept, and told when they run out.

Each adapter of that provider calls `count` for every request; `look.py`, `past.py` and `poll.py`
ask how much is left. Counts are added up here and written every few seconds, so that a request
never waits for the store; a crash loses some seconds' worth.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from watibot import telemetry
from watibot.ports import Clock, People
from watibot.service.pace import RARER, RAREST

log = telemetry.logger(__name__)

FLUSH_SECONDS = 5.0

Tell = Callable[[str, str, str], Awaitable[None]]  # key, title, body


class Meter:
    """The calls of one provider. `allowed` a month; 0: nobody counts. `tell` is given the notice
    for staff, once for each step of each month."""

    def __init__(
        self, people: People, clock: Clock, provider: str, allowed: int, tell: Tell
    ) -> None:
        self._people = people
        self._clock = clock
        self._provider = provider
        self._allowed = allowed
        self._tell = tell
        self._month = ""
        self._stored = 0
        self._new: dict[str, int] = {}
        self._told: set[tuple[str, float]] = set()
        self._paused_until: datetime | None = None

    def count(self) -> None:
        """A request leaves."""
        month = self._this_month()
        self._new[month] = self._new.get(month, 0) + 1

    @property
    def used(self) -> int:
        """Calls of this month, by all processes as far as is known."""
        month = self._this_month()
        return (self._stored if month == self._month else 0) + self._new.get(month, 0)

    @property
    def share(self) -> float:
        """Of the month's calls; more than 1 when they are used up."""
        return self.used / self._allowed if self._allowed else 0.0

    def spacing(self) -> timedelta:
        """Between two calls, so that what is left lasts until the month's end."""
        if not self._allowed:
            return timedelta(0)
        now = self._clock.now()
        days = monthrange(now.year, now.month)[1]
        ends = datetime(now.year, now.month, 1, tzinfo=UTC) + timedelta(days=days)
        return (ends - now) / max(1, self._allowed - self.used)

    def exhausted(self, seconds: float) -> None:
        """The provider says that the month's calls are used up, and to come again later."""
        self._paused_until = self._clock.now() + timedelta(seconds=seconds)
        log.warning("calls.exhausted", provider=self._provider, seconds=seconds)

    @property
    def paused(self) -> bool:
        return self._paused_until is not None and self._clock.now() < self._paused_until

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self.flush()
            await self._clock.sleep(FLUSH_SECONDS)

    async def flush(self) -> None:
        """Writes what was counted; also at the end of the process."""
        month = self._this_month()
        for each in {month, *self._new}:
            more = self._new.pop(each, 0)
            try:
                stored = await self._people.count_calls(self._provider, each, more)
            except BaseException:
                self._new[each] = self._new.get(each, 0) + more
                raise
            if each == month:
                self._month, self._stored = month, stored
        await self._warn(month)

    async def _warn(self, month: str) -> None:
        for step in (RARER, RAREST):
            if self.share < step or (month, step) in self._told:
                continue
            log.warning("calls.running_out", provider=self._provider, percent=round(step * 100))
            await self._tell(
                f"calls:{self._provider}:{month}:{step}",
                f"{self._provider.upper()}: se acaban las llamadas del mes",
                f"En {month} se ha usado más del {step:.0%} de las {self._allowed} llamadas a la "
                "API. El bot sigue contestando; lo que los compañeros escriben en la bandeja se "
                "comprueba con menos frecuencia.",
            )
            self._told.add((month, step))

    def _this_month(self) -> str:
        return f"{self._clock.now():%Y-%m}"
