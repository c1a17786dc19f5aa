"""Background work on one thing at a time, and never sooner than wanted: a wish that comes too soon
waits for its time.

`look.py` (a chat) and `hold.py` (a contact) put their wishes here; through the clock they come back
when their time has come. One wish waits for each name, so that a busy chat is no queue.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Generic, TypeVar

from watibot.ports import Clock

W = TypeVar("W")

_MOST_REMEMBERED = 5_000


@dataclass(frozen=True, slots=True)
class _Waiting(Generic[W]):
    wish: W
    at: datetime


class Spaced(Generic[W]):
    """Calls `work`, which must not raise, with a name and what is wished. `merge` makes one of the
    wish that waits and a newer one."""

    def __init__(
        self,
        clock: Clock,
        work: Callable[[str, W], Awaitable[None]],
        merge: Callable[[W, W], W] = lambda older, newer: newer,
    ) -> None:
        self._clock = clock
        self._work = work
        self._merge = merge
        self._waiting: dict[str, _Waiting[W]] = {}
        self._running: set[str] = set()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._begun: dict[str, datetime] = {}

    def want(self, name: str, wish: W, spacing: float) -> None:
        """As soon as nothing runs for `name` and `spacing` seconds have passed since the last time
        began; a wish that waits for longer comes along."""
        begun, now = self._begun.get(name), self._clock.now()
        at = now if begun is None else max(now, begun + timedelta(seconds=spacing))
        before = self._waiting.get(name)
        if before is not None:
            wish = self._merge(before.wish, wish)
            at = min(at, before.at)
        self._waiting[name] = _Waiting(wish, at)
        task = self._tasks.get(name)
        if task is not None:
            if name in self._running or before is None or at >= before.at:
                return
            task.cancel()  # it sleeps too long
        made = asyncio.create_task(self._turns(name))
        self._tasks[name] = made
        made.add_done_callback(partial(self._forget, name))

    def runs(self, name: str) -> bool:
        return name in self._running

    def begun(self, name: str) -> datetime | None:
        """When it was last done."""
        return self._begun.get(name)

    async def stop(self) -> None:
        """Ends what runs; what waits is forgotten."""
        tasks = list(self._tasks.values())
        self._waiting.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _turns(self, name: str) -> None:
        while (next_one := self._waiting.get(name)) is not None:
            seconds = (next_one.at - self._clock.now()).total_seconds()
            if seconds > 0:
                await self._clock.sleep(seconds)
                continue
            del self._waiting[name]
            if len(self._begun) >= _MOST_REMEMBERED:
                self._begun.clear()  # once too often for each is cheaper than a list that grows
            self._begun[name] = self._clock.now()
            self._running.add(name)
            try:
                await self._work(name, next_one.wish)
            finally:
                self._running.discard(name)

    def _forget(self, name: str, task: asyncio.Task[None]) -> None:
        if self._tasks.get(name) is task:
            del self._tasks[name]
