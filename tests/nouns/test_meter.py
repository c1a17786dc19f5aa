"""The calls of the month: counted, written, told before they are used up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.clocks import NOON, FakeClock
from tests.fakes_people import FakePeople
from watibot.service.meter import Meter

NOVEMBER, DECEMBER = ("wati", "2026-11"), ("wati", "2026-12")


class Stage:
    def __init__(self, allowed: int = 100, at: datetime = NOON) -> None:
        self.people = FakePeople()
        self.clock = FakeClock(at)
        self.told: list[str] = []

        async def tell(key: str, title: str, body: str) -> None:
            self.told.append(key)

        self.meter = Meter(self.people, self.clock, "wati", allowed, tell)

    async def use(self, calls: int) -> None:
        for _ in range(calls):
            self.meter.count()
        await self.meter.flush()


async def test_calls_of_all_processes_are_added_up() -> None:
    made = Stage()
    made.people.calls[NOVEMBER] = 40
    made.meter.count()
    assert made.meter.used == 1
    await made.use(2)
    assert (made.people.calls[NOVEMBER], made.meter.used, made.meter.share) == (43, 43, 0.43)
    made.meter.count()
    assert made.meter.used == 44


async def test_a_new_month_begins_at_nothing() -> None:
    made = Stage(at=datetime(2026, 11, 30, 23, 59, 50, tzinfo=UTC))
    await made.use(90)
    made.meter.count()
    await made.clock.advance(10)
    made.meter.count()
    assert made.meter.used == 1
    await made.meter.flush()
    assert (made.people.calls[NOVEMBER], made.people.calls[DECEMBER]) == (91, 1)
    assert made.meter.used == 1


async def test_what_could_not_be_written_is_written_later() -> None:
    made = Stage()
    made.people.failure = RuntimeError("the database is away")
    with pytest.raises(RuntimeError):
        await made.use(3)
    assert made.meter.used == 3
    made.people.failure = None
    await made.use(1)
    assert made.people.calls[NOVEMBER] == 4


async def test_staff_are_told_once_at_each_step() -> None:
    made = Stage()
    told = []
    for calls in (79, 1, 10, 5, 4, 50):
        await made.use(calls)
        told.append(len(made.told))
    assert told == [0, 1, 1, 2, 2, 2]
    assert made.told == ["calls:wati:2026-11:0.8", "calls:wati:2026-11:0.95"]


async def test_without_a_limit_nothing_is_used_up() -> None:
    made = Stage(allowed=0)
    await made.use(1_000_000)
    assert (made.meter.share, made.told, made.meter.spacing()) == (0.0, [], timedelta(0))


@pytest.mark.parametrize(
    ("used", "expected"), [(0, timedelta(hours=2.46)), (50, timedelta(hours=4.92)), (500, None)]
)
async def test_calls_last_until_the_months_end(used: int, expected: timedelta | None) -> None:
    made = Stage(at=datetime(2026, 11, 20, 18, 0, tzinfo=UTC))  # 246 hours are left
    await made.use(used)
    assert made.meter.spacing() == (expected or timedelta(hours=246))


async def test_the_pause_ends() -> None:
    made = Stage()
    made.meter.exhausted(600)
    assert made.meter.paused
    await made.clock.advance(600)
    assert not made.meter.paused
