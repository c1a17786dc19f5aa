"""From counters to tallies by the minute, and from tallies to what staff are told."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from tests.clocks import NOON, FakeClock
from watibot.ports.charges import Reach, Sum
from watibot.ports.tallies import Tally
from watibot.service.watch import KEPT, LOOK_SECONDS, LOOKS_PER_DECISION, Watch
from watibot.settings import Targets
from watibot.telemetry import Metrics

Row = tuple[datetime, str, str]


class FakeTallies:
    """Keeps the promise of `ports.Tallies` in memory."""

    def __init__(self) -> None:
        self.rows: Counter[Row] = Counter()
        self.failure: Exception | None = None

    async def add(self, at: datetime, tallies: Sequence[Tally]) -> None:
        if self.failure is not None:
            raise self.failure
        for each in tallies:
            self.rows[at.replace(second=0, microsecond=0), each.name, each.outcome] += each.count

    async def sums(self, name: str, sinces: Sequence[datetime]) -> list[dict[str, int]]:
        found = []
        for since in sinces:
            counts: Counter[str] = Counter()
            for (at, of, outcome), count in self.rows.items():
                if of == name and at >= since:
                    counts[outcome] += count
            found.append(dict(counts))
        return found

    async def latest(self, name: str) -> dict[str, datetime]:
        found: dict[str, datetime] = {}
        for at, of, outcome in self.rows:
            if of == name:
                found[outcome] = max(at, found.get(outcome, at))
        return found

    async def forget(self, before: datetime) -> int:
        old = [row for row in self.rows if row[0] < before]
        for row in old:
            del self.rows[row]
        return len(old)


class Spent:
    """What conversations cost."""

    def __init__(self) -> None:
        self.micros = self.conversations = 0

    async def total(self, since: datetime, until: datetime) -> Sum:
        return Sum(micros=self.micros)

    async def reach(self, since: datetime, until: datetime) -> Reach:
        return Reach(conversations=self.conversations)


class Stage:
    def __init__(self, **targets: object) -> None:
        self.tallies, self.spent, self.clock = FakeTallies(), Spent(), FakeClock()
        self.told: list[tuple[str, str, str]] = []
        self.targets = Targets(**targets)  # type: ignore[arg-type]
        self.start()

    def start(self) -> None:
        """A process of its own."""
        self.metrics = Metrics(answer_target=self.targets.answer)

        async def tell(key: str, title: str, body: str) -> None:
            self.told.append((key, title, body))

        self.watch = Watch(
            self.metrics, self.tallies, self.spent, self.clock, self.targets, 0.05, tell
        )

    async def minutes(self, count: int, answered: int = 0, failed: int = 0) -> None:
        """Each with so many turns."""
        for _ in range(count):
            self.metrics.turns.labels("answered").inc(answered)
            self.metrics.turns.labels("failed").inc(failed)
            await self.watch.flush()
            await self.watch.decide()
            await self.clock.advance(60)

    @property
    def titles(self) -> list[str]:
        return [title for _, title, _ in self.told]


FAILS = "URGENTE: Hay huéspedes que no reciben respuesta"
OVER = "Resuelto: Hay huéspedes que no reciben respuesta"


async def test_what_was_counted_becomes_tallies_once() -> None:
    made = Stage(answer=2.5)
    made.metrics.turns.labels("answered").inc(3)
    made.metrics.turns.labels("left_to_staff").inc()
    made.metrics.tools.labels("book_room", "ok").inc(2)
    made.metrics.tools.labels("find_room", "ok").inc()
    made.metrics.tools.labels("book_room", "failed").inc()
    for seconds in (0.4, 2.5, 2.6):
        made.metrics.answer_seconds.observe(seconds)
    await made.watch.flush()
    expected = {
        (NOON, "turn", "answered"): 3,
        (NOON, "turn", "left_to_staff"): 1,
        (NOON, "tool", "ok"): 3,
        (NOON, "tool", "failed"): 1,
        (NOON, "answer", "fast"): 2,
        (NOON, "answer", "slow"): 1,
    }
    assert made.tallies.rows == expected
    await made.clock.advance(70)
    await made.watch.flush()
    assert made.tallies.rows == expected
    made.metrics.turns.labels("answered").inc()
    await made.watch.flush()
    assert made.tallies.rows[NOON + timedelta(minutes=1), "turn", "answered"] == 1


async def test_what_could_not_be_written_is_written_later() -> None:
    made = Stage()
    made.metrics.turns.labels("failed").inc(2)
    made.tallies.failure = RuntimeError("the database is away")
    with pytest.raises(RuntimeError):
        await made.watch.flush()
    made.tallies.failure = None
    await made.watch.flush()
    assert made.tallies.rows == {(NOON, "turn", "failed"): 2}


async def test_staff_are_told_once_and_when_it_is_over() -> None:
    made = Stage()
    await made.minutes(60, answered=1)
    await made.minutes(20, failed=1)
    assert made.titles == [FAILS]
    key, _, body = made.told[0]
    assert key == "slo:answered.slow:2026-11-20T19:02"
    assert "En las últimas 6 horas, 3 de 63 turnos acabaron en una disculpa (4.8%)" in body
    await made.minutes(70, answered=1)
    assert made.titles == [FAILS, OVER]
    assert made.told[1][0] == f"{key}:recovered"


async def test_one_failure_at_night_is_no_alarm() -> None:
    made = Stage()
    await made.minutes(1, failed=1)
    await made.minutes(120)
    assert made.told == []


async def test_a_slow_burn_is_told_by_its_own_pace() -> None:
    made = Stage()
    for _ in range(36):
        await made.minutes(9, answered=2)
        await made.minutes(1, answered=1, failed=1)
    assert made.titles == [FAILS]
    assert made.told[0][0].startswith("slo:answered.slow:")


async def test_a_new_process_does_not_raise_it_again_and_ends_it() -> None:
    made = Stage()
    await made.minutes(10, failed=1)
    assert made.titles == [FAILS]
    made.start()
    await made.minutes(5, failed=1)
    assert made.titles == [FAILS]
    await made.minutes(30, answered=1)
    assert made.titles == [FAILS, OVER]
    assert made.told[1][0] == f"{made.told[0][0]}:recovered"
    made.start()
    await made.minutes(1, answered=1)
    assert made.titles == [FAILS, OVER]


async def test_nobody_is_told_who_does_not_want_to_be() -> None:
    made = Stage(alerts=False)
    await made.minutes(10, failed=1)
    await made.minutes(30, answered=1)
    assert made.told == []
    assert await made.tallies.latest("raised_quietly")
    assert await made.tallies.latest("recovered")


async def test_conversations_that_cost_too_much() -> None:
    made = Stage()
    made.spent.micros, made.spent.conversations = 2_400_000, 40
    await made.minutes(16)
    assert made.titles == ["Las conversaciones cuestan más de lo previsto"]
    assert "40 conversaciones costaron en promedio $0.060 cada una" in made.told[0][2]
    made.spent.micros = 1_000_000
    await made.minutes(100)
    assert made.titles[1:] == ["Resuelto: Las conversaciones cuestan más de lo previsto"]


async def test_what_is_left_of_the_budget_is_shown() -> None:
    made = Stage()
    await made.minutes(1, answered=198, failed=2)
    assert made.metrics.budget_left.labels("answered")._value.get() == pytest.approx(-1.0)
    assert made.metrics.budget_left.labels("tools")._value.get() == 1.0
    assert made.metrics.target.labels("answered")._value.get() == 0.995


async def test_old_tallies_go() -> None:
    made = Stage()
    await made.tallies.add(NOON - KEPT - timedelta(minutes=1), [Tally("turn", "answered", 1)])
    await made.tallies.add(NOON - KEPT + timedelta(minutes=1), [Tally("turn", "answered", 1)])
    await made.minutes(1)
    assert len(made.tallies.rows) == 1


async def test_it_looks_by_itself() -> None:
    made = Stage()
    task = asyncio.create_task(made.watch.run())
    made.metrics.turns.labels("failed").inc(3)
    await made.clock.advance(LOOK_SECONDS)
    assert made.tallies.rows
    assert made.told == []
    await made.clock.advance(LOOK_SECONDS * LOOKS_PER_DECISION)
    assert made.titles == [FAILS]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
