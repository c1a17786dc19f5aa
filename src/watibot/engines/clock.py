"""The system's time, which a rehearsal may run faster.

`SPEED@EPOCH` makes every process that is given the same words agree on a time that began at EPOCH
and runs SPEED times faster: an outage of a minute, with all its retries, then takes seconds.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from datetime import UTC, datetime
from typing import TypeVar

T = TypeVar("T")


class SystemClock:
    """Keeps the promise of `ports.Clock`."""

    def __init__(self, spec: str = "") -> None:
        speed, _, anchor = spec.partition("@")
        self._speed = float(speed) if speed else 1.0
        self._anchor = float(anchor) if anchor else 0.0

    def now(self) -> datetime:
        if self._speed == 1.0:
            return datetime.now(UTC)
        return datetime.fromtimestamp(self.time(), UTC)

    def time(self) -> float:
        if self._speed == 1.0:
            return time.time()
        return self._anchor + (time.time() - self._anchor) * self._speed

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self._speed)

    async def limit(self, seconds: float, work: Awaitable[T]) -> T:
        async with asyncio.timeout(seconds / self._speed):
            return await work
