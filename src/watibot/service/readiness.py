"""Whether the service can do its work, in words: what `/readyz` answers.

Not ready is what a restart, or a look at the database, may mend: the store does not answer, the
lanes do not run. A provider that is away or a queue that grows is said ("degraded") and changes
nothing: webhooks are still stored, and what waits is done later. Nothing here names a guest.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import perf_counter
from typing import Protocol

from watibot import telemetry
from watibot.ports import Clock
from watibot.ports.queues import Queue, Queues
from watibot.service.provider_watch import ProviderWatch

log = telemetry.logger(__name__)

# The lanes look every 30 s; ten looks without one are no hiccup.
STALE = timedelta(minutes=5)
# How long the oldest of a queue may wait before it is told. Others wait for people, or for nobody.
_PATIENCE = {
    "messages": timedelta(minutes=2),
    "turns": timedelta(minutes=10),
    "bubbles": timedelta(minutes=10),
    "notices": timedelta(minutes=10),
    "mirror": timedelta(hours=1),
}


class Lanes(Protocol):
    """`engines/`, as far as it is needed here."""

    @property
    def depth(self) -> int: ...

    swept_at: datetime | None


@dataclass(frozen=True, slots=True)
class Standing:
    """`ready` is what decides the status; `reasons` are why it is not, or why it is degraded."""

    ready: bool
    reasons: tuple[str, ...] = ()
    facts: dict[str, object] = field(default_factory=dict)

    @property
    def status(self) -> str:
        if not self.ready:
            return "not ready"
        return "degraded" if self.reasons else "ready"


class Readiness:
    """`counts` are the store's rows by what they wait for."""

    def __init__(
        self,
        counts: Callable[[], Awaitable[dict[str, int]]],
        queues: Queues,
        lanes: Lanes,
        providers: ProviderWatch,
        clock: Clock,
    ) -> None:
        self._counts = counts
        self._queues = queues
        self._lanes = lanes
        self._providers = providers
        self._clock = clock

    async def look(self) -> Standing:
        """How it is now. Never raises."""
        began = perf_counter()
        try:
            queues = await self._queues.queues()
            took = perf_counter() - began
            rows = await self._counts()
        except Exception as error:
            log.error("store.away", exc_info=telemetry.without_values(error))
            return Standing(False, ("the store does not answer",), {"rows": {}})
        now = self._clock.now()
        heard = self._providers.all(now)
        swept = self._lanes.swept_at
        stopped = why_stopped(swept, now)
        degraded = [
            f"{one.provider} fails: {one.cause}, no success since" for one in heard if one.failing
        ]
        degraded += [late for queue in queues if (late := too_late(queue, now)) is not None]
        facts: dict[str, object] = {
            "database": {"milliseconds": round(took * 1000, 1)},
            "lanes": {"depth": self._lanes.depth, "swept_seconds": _seconds(swept, now)},
            "providers": {
                one.provider: {"last_success_seconds": _seconds(one.last_success, now)}
                for one in heard
            },
            "queues": {
                queue.name: {
                    "waiting": queue.waiting,
                    "oldest_seconds": _seconds(queue.oldest, now),
                }
                for queue in queues
            },
            "rows": rows,
        }
        return Standing(stopped is None, (*([stopped] if stopped else []), *degraded), facts)


def why_stopped(swept: datetime | None, now: datetime) -> str | None:
    """Why nothing is worked on, if so. Pure."""
    if swept is None:
        return "the lanes have not begun to look for work"
    if now - swept > STALE:
        return f"the lanes have not looked for work for {(now - swept).total_seconds():.0f} s"
    return None


def too_late(queue: Queue, now: datetime) -> str | None:
    """What has waited for longer than it should, if so. Pure."""
    patience = _PATIENCE.get(queue.name)
    if patience is None or queue.oldest is None or now - queue.oldest <= patience:
        return None
    waited = (now - queue.oldest).total_seconds()
    return f"{queue.waiting} in the queue {queue.name}, the oldest for {waited:.0f} s"


def _seconds(then: datetime | None, now: datetime) -> float | None:
    return None if then is None else round((now - then).total_seconds(), 1)
