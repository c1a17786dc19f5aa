"""The health page: what works, what waits, what is tried again, and what to do about it.

`service/condition.py` gathers it, `frame.py` shows it. The owner sees all of it; the desk sees what
waits, and whether the assistant answers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from starlette.responses import Response

from watibot.errors import Cause
from watibot.ports.console import Role
from watibot.ports.outside import Clock
from watibot.ports.queues import Kind, Queue, Trouble
from watibot.service.condition import Report
from watibot.web.console.frame import Frame, Visit
from watibot.web.console.rooms import Way, page

# From this age on, somebody should look. What is not here may be any age.
OLD = {
    "messages": timedelta(minutes=2),
    "turns": timedelta(minutes=6),
    "bubbles": timedelta(minutes=5),
    "mirror": timedelta(minutes=15),
    "media": timedelta(minutes=2),
    "notices": timedelta(minutes=5),
    "escalations": timedelta(minutes=15),
    "payment_proofs": timedelta(hours=4),
}
NEARLY = 0.9  # of a quota
_CAUSE = re.compile(r"\b(" + "|".join(Cause) + r")\b")


class Conditions(Protocol):
    """`service/condition.py`, as far as it is needed here."""

    async def queues(self) -> list[Queue]: ...

    async def report(self) -> Report: ...


class Health:
    """Answers to GET /health."""

    def __init__(self, conditions: Conditions, frame: Frame, clock: Clock) -> None:
        self._conditions = conditions
        self._frame = frame
        self._clock = clock

    def ways(self) -> Sequence[Way]:
        return (page("/health", self.health),)

    async def health(self, visit: Visit) -> Response:
        if visit.user.role is not Role.OWNER:
            now, queues = self._clock.now(), await self._conditions.queues()
            return await self._frame.show(
                visit.request, "health.html", visit, report=None, queues=_waits(queues, now)
            )
        report = await self._conditions.report()
        return await self._frame.show(
            visit.request,
            "health.html",
            visit,
            report=report,
            queues=_waits(report.queues, report.at),
            troubles=[(each, todo(each)) for each in report.troubles],
            nearly=NEARLY,
            size=size,
            wrong=wrong(report),
        )


def old(queue: Queue, now: datetime) -> bool:
    """Whether its oldest has waited for too long."""
    limit = OLD.get(queue.name)
    return limit is not None and queue.oldest is not None and now - queue.oldest >= limit


def wrong(report: Report) -> list[str]:
    """The sections in which there is something to look at, in the page's order."""
    month = report.month
    found = {
        "providers": any(each.failing for each in report.providers),
        "queues": any(old(each, report.at) for each in report.queues),
        "quotas": any(each.share >= NEARLY for each in report.quotas)
        or (month is not None and month.forecast >= month.allowed),
        "machine": report.machine.short_of_space,
        "troubles": bool(report.troubles),
    }
    return [name for name, so in found.items() if so]


def todo(trouble: Trouble) -> str:
    """The key of what to do: by the cause that its reason names, or else by its kind."""
    named = _CAUSE.search(trouble.reason)
    if named is not None and trouble.kind is not Kind.WEBHOOK:
        return f"health.todo.{named[1]}"
    return f"health.todo.{trouble.kind}"


def size(count: int) -> str:
    """Bytes in the unit that reads best."""
    amount = float(count)
    for unit in ("B", "KiB", "MiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}"
        amount /= 1024
    return f"{amount:.1f} GiB"


def _waits(queues: Sequence[Queue], now: datetime) -> list[tuple[Queue, bool]]:
    return [(each, old(each, now)) for each in queues]
