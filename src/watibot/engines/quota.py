"""A quota that one process keeps for itself: for commands that look, and for tests."""

from __future__ import annotations

from watibot.ports.outside import Clock
from watibot.quotas import Rate


class LocalQuota:
    """Keeps the promise of `ports.Quota` over a `Rate`."""

    def __init__(self, per_minute: float, clock: Clock, burst: float | None = None) -> None:
        self._rate = Rate(per_minute, burst)
        self._clock = clock

    async def place(self) -> None:
        await self._clock.sleep(self._rate.reserve(self._clock.time()))

    async def hold(self, seconds: float) -> None:
        self._rate.hold(self._clock.time() + seconds)
