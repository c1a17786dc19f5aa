"""The exam of `ports.Lanes`, sat by `engines/local`: due work is started, in order, never twice at
once for one conversation, and never forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from tests.clocks import NOON, FakeClock
from watibot.engines.local import SWEEP_SECONDS, LocalLanes


class Rows:
    """The desk, as far as lanes ask it: what is due by its rows."""

    def __init__(self) -> None:
        self.rows: dict[str, datetime] = {}
        self.leases_broken = 0

    async def due(self) -> list[tuple[str, datetime]]:
        return list(self.rows.items())

    async def break_leases(self, now: datetime) -> None:
        self.leases_broken += 1


class Bench:
    """Work that ends when it is told to, and what was started when."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.started: list[tuple[str, float]] = []
        self.running: dict[str, asyncio.Event] = {}
        self.again: dict[str, datetime | None] = {}
        self.overlaps = 0

    async def work(self, conversation_id: str) -> datetime | None:
        self.overlaps += conversation_id in self.running
        self.started.append((conversation_id, (self.clock.now() - NOON).total_seconds()))
        done = self.running[conversation_id] = asyncio.Event()
        await done.wait()
        del self.running[conversation_id]
        return self.again.get(conversation_id)

    async def end(self, conversation_id: str) -> None:
        self.running[conversation_id].set()
        await self.clock.advance(0)


@asynccontextmanager
async def lanes(
    rows: Rows,
    clock: FakeClock,
    work: Callable[[str], Awaitable[datetime | None]],
    at_once: int = 8,
) -> AsyncIterator[LocalLanes]:
    made = LocalLanes(rows, clock, work, at_once)  # type: ignore[arg-type]
    task = asyncio.create_task(made.run())
    await clock.advance(0)
    try:
        yield made
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


async def test_work_starts_when_it_is_due_and_in_that_order() -> None:
    clock, rows = FakeClock(), Rows()
    bench = Bench(clock)
    async with lanes(rows, clock, bench.work) as made:
        made.wake("b", at(3))
        made.wake("a", at(2))
        made.wake("c", at(2.5))
        await clock.advance(10)
        assert bench.started == [("a", 2.0), ("c", 2.5), ("b", 3.0)]
        for name in "abc":
            await bench.end(name)


async def test_a_burst_that_goes_on_moves_its_time() -> None:
    clock, rows = FakeClock(), Rows()
    bench = Bench(clock)
    async with lanes(rows, clock, bench.work) as made:
        made.wake("a", at(2))
        await clock.advance(1)
        made.wake("a", at(5))
        await clock.advance(3)
        assert bench.started == []
        await clock.advance(2)
        assert bench.started == [("a", 5.0)]
        await bench.end("a")


async def test_never_two_at_once_for_one_conversation() -> None:
    clock, rows = FakeClock(), Rows()
    bench = Bench(clock)
    async with lanes(rows, clock, bench.work) as made:
        made.wake("a", at(0))
        await clock.advance(1)
        made.wake("a", at(1))
        await clock.advance(5)
        assert len(bench.started) == 1
        await bench.end("a")
        assert len(bench.started) == 2
        await bench.end("a")
    assert bench.overlaps == 0


async def test_what_the_work_says_and_what_came_meanwhile_are_both_kept() -> None:
    clock, rows = FakeClock(), Rows()
    bench = Bench(clock)
    async with lanes(rows, clock, bench.work) as made:
        made.wake("a", at(0))
        await clock.advance(0)
        bench.again["a"] = at(20)  # the provider asked for patience
        made.wake("a", at(4))  # and the guest wrote
        await bench.end("a")
        await clock.advance(10)
        assert len(bench.started) == 1
        await clock.advance(10)
        assert bench.started[-1] == ("a", 20.0)
        bench.again["a"] = None
        await bench.end("a")


async def test_only_so_many_at_once_the_longest_due_first() -> None:
    clock, rows = FakeClock(), Rows()
    bench = Bench(clock)
    async with lanes(rows, clock, bench.work, at_once=2) as made:
        for number, name in enumerate("dcba"):
            made.wake(name, at(1 + number))
        await clock.advance(10)
        assert [name for name, _ in bench.started] == ["d", "c"]
        await bench.end("c")
        assert [name for name, _ in bench.started] == ["d", "c", "b"]
        for name in "db":
            await bench.end(name)
        await bench.end("a")
    assert bench.overlaps == 0


async def test_rows_are_read_at_the_start_and_now_and_then() -> None:
    clock, rows = FakeClock(), Rows()
    bench = Bench(clock)
    rows.rows["before"] = at(-60)
    async with lanes(rows, clock, bench.work):
        assert rows.leases_broken == 1
        assert bench.started == [("before", 0.0)]
        rows.rows.clear()
        await bench.end("before")
        rows.rows["forgotten"] = at(1)
        await clock.advance(SWEEP_SECONDS + 1)
        assert bench.started[-1] == ("forgotten", SWEEP_SECONDS)
        rows.rows.clear()
        await bench.end("forgotten")


async def test_a_mistake_in_one_conversation_stops_no_other() -> None:
    clock, rows = FakeClock(), Rows()
    calls: list[str] = []

    async def work(conversation_id: str) -> datetime | None:
        calls.append(conversation_id)
        if conversation_id == "bad" and calls.count("bad") == 1:
            raise ValueError("a mistake")
        return None

    async with lanes(rows, clock, work) as made:
        made.wake("bad", at(0))
        made.wake("good", at(1))
        await clock.advance(2)
        assert calls == ["bad", "good"]
        await clock.advance(SWEEP_SECONDS)
        assert calls == ["bad", "good", "bad"]


async def test_the_end_waits_for_work_under_way() -> None:
    clock, rows = FakeClock(), Rows()
    bench = Bench(clock)
    made = LocalLanes(rows, clock, bench.work, 8)  # type: ignore[arg-type]
    task = asyncio.create_task(made.run())
    await clock.advance(0)
    made.wake("a", at(0))
    await clock.advance(0)
    task.cancel()
    await clock.advance(0)
    assert not task.done()
    await bench.end("a")
    await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()
