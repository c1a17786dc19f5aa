"""Lanes in one process: the stop between the store's due times and `service/worker.py`.

`wake` is called by whoever committed a due time; at the start all due times are read from the
store, and a sweep reads them again now and then, so that a lost wake-up costs seconds and never a
message. A conversation is worked on by one task at a time; a wake-up that comes meanwhile is kept
for afterwards. Only so many are under work at once, the longest due first: without that, a thousand
falling due together would stand before the webhooks in the store's queue.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from watibot import telemetry
from watibot.ports import Clock, Desk

log = telemetry.logger(__name__)

SWEEP_SECONDS = 30.0

# A conversation's work: returns when it is to be called again, or None.
Work = Callable[[str], Awaitable[datetime | None]]


class LocalLanes:
    """Keeps the promise of `ports.Lanes` for one process."""

    def __init__(self, desk: Desk, clock: Clock, work: Work, at_once: int) -> None:
        self._at_once = at_once
        self._desk = desk
        self._clock = clock
        self._work = work
        self._heap: list[tuple[datetime, int, str]] = []
        self._earliest: dict[str, datetime] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._again: dict[str, datetime] = {}
        self._count = 0
        self._changed = asyncio.Event()
        self._stopping = False
        self.swept_at: datetime | None = None  # when the store was last asked for due times

    @property
    def depth(self) -> int:
        """Conversations that wait for their time or are under work."""
        return len(self._earliest) + len(self._running)

    def wake(self, conversation_id: str, due_at: datetime) -> None:
        """The latest word counts: a burst that goes on moves its due time."""
        if conversation_id in self._running:
            self._again[conversation_id] = due_at
            return
        if self._earliest.get(conversation_id) == due_at:
            return
        self._earliest[conversation_id] = due_at
        self._count += 1
        heapq.heappush(self._heap, (due_at, self._count, conversation_id))
        if self._heap[0][2] == conversation_id and not self._full():
            self._changed.set()

    def _full(self) -> bool:
        return len(self._running) >= self._at_once

    async def run(self) -> None:
        """Until cancelled; work under way is finished first."""
        self._stopping = False
        await self._desk.break_leases(self._clock.now())
        sweep = asyncio.create_task(self._sweep())
        try:
            while True:
                self._changed.clear()
                self._start_due()
                wait = self._seconds_to_next()
                if wait is None:
                    await self._changed.wait()
                    continue
                with contextlib.suppress(TimeoutError):
                    await self._clock.limit(wait, self._changed.wait())
        finally:
            self._stopping = True
            sweep.cancel()
            running = list(self._running.values())
            await asyncio.gather(sweep, *running, return_exceptions=True)

    def _seconds_to_next(self) -> float | None:
        while self._heap and self._earliest.get(self._heap[0][2]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        if not self._heap or self._full():
            return None
        return max(0.0, (self._heap[0][0] - self._clock.now()).total_seconds())

    def _start_due(self) -> None:
        now = self._clock.now()
        while self._heap and self._heap[0][0] <= now and not self._full():
            due_at, _, conversation_id = heapq.heappop(self._heap)
            if self._earliest.get(conversation_id) != due_at:
                continue
            del self._earliest[conversation_id]
            task = asyncio.create_task(self._work_on(conversation_id))
            self._running[conversation_id] = task

    async def _work_on(self, conversation_id: str) -> None:
        again: datetime | None = None
        try:
            again = await self._work(conversation_id)
        except Exception as error:
            # The rows still say that the conversation is due: look again a little later.
            log.error("lane.failed", exc_info=telemetry.without_values(error))
            again = self._clock.now() + timedelta(seconds=SWEEP_SECONDS)
        finally:
            del self._running[conversation_id]
            woken = self._again.pop(conversation_id, None)
        times = [when for when in (again, woken) if when is not None]
        if times and not self._stopping:
            self.wake(conversation_id, max(times))
        self._changed.set()

    async def _sweep(self) -> None:
        while True:
            try:
                for conversation_id, due_at in await self._desk.due():
                    known = conversation_id in self._running or conversation_id in self._earliest
                    if not known:
                        self.wake(conversation_id, due_at)
                self.swept_at = self._clock.now()
            except Exception as error:
                log.error("lanes.sweep_failed", exc_info=telemetry.without_values(error))
            await self._clock.sleep(SWEEP_SECONDS)
