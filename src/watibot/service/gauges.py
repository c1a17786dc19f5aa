"""What is not counted as it happens but looked up when `/metrics` is asked for: queues, quotas, the
migration's ledger, rows. The stop before `telemetry.Metrics`, for `web/app.py`.

Each part is looked up by itself, so that one that fails leaves the others; what failed keeps the
figure of the last time.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from watibot import telemetry
from watibot.ports import Clock, State
from watibot.ports.queues import Condition
from watibot.service.readiness import Lanes
from watibot.telemetry import Metrics

log = telemetry.logger(__name__)


class Gauges:
    """`limits`: requests a minute by the name of the quota, as `Condition.booked` has it."""

    def __init__(
        self,
        metrics: Metrics,
        counts: Callable[[], Awaitable[dict[str, int]]],
        moves: Callable[[], Awaitable[Mapping[State, int]]],
        condition: Condition,
        lanes: Lanes,
        clock: Clock,
        limits: Mapping[str, float],
    ) -> None:
        self._metrics = metrics
        self._counts = counts
        self._moves = moves
        self._condition = condition
        self._lanes = lanes
        self._clock = clock
        for name, per_minute in limits.items():
            metrics.quota_per_minute.labels(name).set(per_minute)

    async def look(self) -> None:
        """Brings the gauges up to date. Never raises."""
        self._metrics.lanes.set(self._lanes.depth)
        if self._lanes.swept_at is not None:
            since = self._clock.now() - self._lanes.swept_at
            self._metrics.swept.set(since.total_seconds())
        for part in (self._rows, self._queued, self._booked, self._moved):
            try:
                await part()
            except Exception as error:
                log.error("gauges.failed", exc_info=telemetry.without_values(error))

    async def _rows(self) -> None:
        for kind, rows in (await self._counts()).items():
            self._metrics.rows.labels(kind).set(rows)

    async def _queued(self) -> None:
        now = self._clock.now()
        for queue in await self._condition.queues():
            self._metrics.queue_rows.labels(queue.name).set(queue.waiting)
            age = 0.0 if queue.oldest is None else (now - queue.oldest).total_seconds()
            self._metrics.queue_oldest.labels(queue.name).set(max(0.0, age))

    async def _booked(self) -> None:
        now = self._clock.now()
        for name, free_at in (await self._condition.booked()).items():
            wait = max(0.0, (free_at - now).total_seconds())
            self._metrics.quota_wait.labels(name).set(wait)

    async def _moved(self) -> None:
        moved = await self._moves()
        for state in State:
            self._metrics.migration.labels(state).set(moved.get(state, 0))
