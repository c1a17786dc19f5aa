"""The month's money: added up, told in steps, foreseen; and guests held back if that is wanted."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.clocks import FakeClock
from watibot.charges import Charge, Operation, Use
from watibot.ports.charges import Sum
from watibot.service.budget import Budget, Standing, forecast, month_of
from watibot.settings import Costs

ZONE = ZoneInfo("America/El_Salvador")  # six hours behind
DAY = timedelta(days=1)
FIRST = datetime(2026, 11, 1, 6, tzinfo=UTC)
NEXT = datetime(2026, 12, 1, 6, tzinfo=UTC)
NOW = datetime(2026, 11, 16, 6, tzinfo=UTC)
USD = 1_000_000


def charge(at: datetime, micros: int | None) -> Charge:
    return Charge(at, Use("gemini", Operation.ANSWER), micros)


class Ledger:
    """What the budget asks of the store."""

    def __init__(self, *kept: Charge) -> None:
        self.kept = list(kept)

    async def total(self, since: datetime, until: datetime) -> Sum:
        found = [one for one in self.kept if since <= one.at < until]
        unknown = sum(one.micros is None for one in found)
        return Sum("", sum(one.micros or 0 for one in found), unknown, len(found))

    async def charges(self, since: datetime, until: datetime, limit: int) -> list[Charge]:
        found = [one for one in self.kept if since <= one.at < until]
        return sorted(found, key=lambda one: one.at)[:limit]


class Stage:
    def __init__(self, *kept: Charge, now: datetime = NOW, **costs: object) -> None:
        self.ledger = Ledger(*kept)
        self.clock = FakeClock(now)
        self.told: list[tuple[str, str, str]] = []
        self.failure: Exception | None = None

        async def tell(key: str, title: str, body: str) -> None:
            if self.failure is not None:
                raise self.failure
            if key not in {each[0] for each in self.told}:
                self.told.append((key, title, body))

        self.tell = tell
        self.costs = Costs.model_validate({"per_month": 10, **costs})
        self.budget = self.anew()

    def anew(self) -> Budget:
        """As after a restart."""
        return Budget(self.ledger, self.clock, self.costs, self.tell, ZONE)  # type: ignore[arg-type]

    def spend(self, dollars: float, *, stored: bool = True) -> None:
        one = charge(self.clock.now(), round(dollars * USD))
        if stored:
            self.ledger.kept.append(one)
        self.budget.heard(one)

    @property
    def steps(self) -> list[str]:
        return [key.rsplit(":", 1)[1] for key, _, _ in self.told]


async def looked(made: Stage) -> None:
    """Once it has read and told."""
    running = asyncio.create_task(made.budget.run())
    await made.clock.advance(1)
    running.cancel()


MONTHS = [
    (datetime(2026, 11, 1, 5, 59, tzinfo=UTC), "2026-10-01T06:00", "2026-11-01T06:00"),
    (FIRST, "2026-11-01T06:00", "2026-12-01T06:00"),
    (datetime(2027, 1, 1, 5, tzinfo=UTC), "2026-12-01T06:00", "2027-01-01T06:00"),
]


@pytest.mark.parametrize(("moment", "begins", "ends"), MONTHS)
def test_a_month_is_the_hotels(moment: datetime, begins: str, ends: str) -> None:
    found = [each.astimezone(UTC).isoformat()[:16] for each in month_of(moment, ZONE)]
    assert found == [begins, ends]


def test_a_month_in_which_the_clocks_are_shifted() -> None:
    madrid = ZoneInfo("Europe/Madrid")
    begins, ends = month_of(datetime(2026, 10, 10, tzinfo=UTC), madrid)
    assert ends.timestamp() - begins.timestamp() == (31 * 24 + 1) * 3600
    now = datetime(2026, 10, 24, 22, tzinfo=UTC)  # local midnight: 7 days and an hour are left
    assert forecast(0, 7 * 24, now - 7 * DAY, now.astimezone(madrid), ends) == 7 * 24 + 1


FORECASTS = [
    ("no time has passed", 0, 0, NOW, NOW, None),
    ("less than a day is known", 5, 5, NOW - DAY + timedelta(seconds=1), NOW, None),
    ("a day is", 5, 5, NOW - DAY, NOW, 5 + 15 * 5),
    ("seven days at 2 a day", 50, 14, NOW - 7 * DAY, NOW, 50 + 15 * 2),
    ("nothing lately", 50, 0, NOW - 7 * DAY, NOW, 50),
    ("the month is over", 50, 14, NEXT - 6 * DAY, NEXT + DAY, 50),
    ("half a micro-dollar a day", 0, 3, NOW - 6 * DAY, NOW, 8),
]


@pytest.mark.parametrize(("name", "spent", "recent", "since", "now", "comes_to"), FORECASTS)
def test_forecasts(
    name: str, spent: int, recent: int, since: datetime, now: datetime, comes_to: int | None
) -> None:
    assert forecast(spent, recent, since, now, NEXT) == comes_to


async def test_the_month_so_far() -> None:
    made = Stage(
        charge(FIRST - timedelta(seconds=1), 4 * USD),  # October's
        charge(FIRST, 2 * USD),
        charge(NOW - DAY, None),
    )
    await made.budget.read()
    month = made.budget.standing
    assert (month.micros, month.unknown, month.percent) == (2 * USD, 1, 20)
    assert month.forecast == 2 * USD  # in the last seven days nothing was spent
    made.spend(1, stored=False)
    await made.budget.read()  # it is not stored yet, and not forgotten
    assert made.budget.standing.micros == 3 * USD
    made.ledger.kept.append(charge(NOW, 5 * USD))  # another process's
    await made.budget.read()
    assert made.budget.standing.micros == 7 * USD


async def test_staff_are_told_at_each_step_once() -> None:
    made = Stage()
    running = asyncio.create_task(made.budget.run())
    await made.clock.advance(1)
    made.spend(4.999999)
    await made.clock.advance(1)
    assert made.told == []
    made.spend(0.000001)
    await made.clock.advance(1)
    assert made.told == [
        (
            "costs:2026-11:10000000:50",
            "Costos: se alcanzó el 50 % del presupuesto del mes",
            "En 2026-11 van gastados $5.00 de $10.00.",
        )
    ]
    made.spend(5)
    await made.clock.advance(700)
    assert made.steps == ["50", "80", "100"]
    assert made.told[-1][2].endswith("El asistente sigue contestando.")
    assert made.budget.is_reached
    assert not made.budget.holds_back()
    running.cancel()
    made.budget = made.anew()
    await looked(made)  # after a restart the notices are there already
    assert made.steps == ["50", "80", "100"]


async def test_what_could_not_be_told_is_told_later() -> None:
    made = Stage(charge(NOW, 6 * USD))
    made.failure = RuntimeError("the database is away")
    with pytest.raises(RuntimeError):
        await made.budget.run()
    made.failure = None
    running = asyncio.create_task(made.budget.run())
    await made.clock.advance(1)
    assert made.steps == ["50"]
    running.cancel()


async def test_a_new_month_begins_at_nothing() -> None:
    made = Stage(now=NEXT - timedelta(minutes=1), hold_back=True)
    running = asyncio.create_task(made.budget.run())
    made.spend(11)
    await made.clock.advance(30)
    assert made.budget.holds_back()
    assert "queda a cargo de una persona" in made.told[-1][2]
    late = charge(made.clock.now(), USD)
    await made.clock.advance(30)
    assert not made.budget.holds_back()
    made.budget.heard(late)  # of the last month's last minute
    assert made.budget.standing == Standing(
        NEXT, datetime(2027, 1, 1, 6, tzinfo=UTC), 0, 0, 10 * USD
    )
    made.spend(6)
    await made.clock.advance(1)
    assert made.told[-1][0] == "costs:2026-12:10000000:50"
    running.cancel()


async def test_without_a_budget_nobody_is_told_or_held_back() -> None:
    made = Stage(charge(NOW, 900 * USD), per_month=0, hold_back=True)
    await looked(made)
    assert made.told == []
    assert not made.budget.holds_back()
    assert made.budget.standing.percent == 0
