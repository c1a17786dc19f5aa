"""Clocks for tests: time stands still until it is moved."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

T = TypeVar("T")

NOON = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)


class FakeClock:
    """Keeps the promise of `ports.Clock`; `advance` moves it and lets whoever wakes run."""

    def __init__(self, start: datetime = NOON) -> None:
        self._now = start
        self._sleepers: list[tuple[datetime, int, asyncio.Future[None]]] = []
        self._count = 0
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self._now

    def time(self) -> float:
        return self._now.timestamp()

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        self._count += 1
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(
            self._sleepers, (self._now + timedelta(seconds=seconds), self._count, future)
        )
        await future

    async def limit(self, seconds: float, work: Awaitable[T]) -> T:
        task = asyncio.ensure_future(work)
        timer = asyncio.ensure_future(self.sleep(seconds))
        try:
            await asyncio.wait({task, timer}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            task.cancel()
            raise
        finally:
            timer.cancel()
        if task.done():
            return task.result()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        raise TimeoutError

    async def advance(self, seconds: float) -> None:
        """Moves time on, waking sleepers one after the other in the order of their times."""
        target = self._now + timedelta(seconds=seconds)
        await self._let_run()
        while self._sleepers and self._sleepers[0][0] <= target:
            when, _, future = heapq.heappop(self._sleepers)
            if not future.cancelled():
                self._now = max(self._now, when)
                future.set_result(None)
                await self._let_run()
        self._now = target
        await self._let_run()

    async def _let_run(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)


class JumpingClock(FakeClock):
    """Time jumps over each wait: for what talks to an emulator and waits now and then."""

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self._now += timedelta(seconds=seconds)

    async def limit(self, seconds: float, work: Awaitable[T]) -> T:
        return await work
