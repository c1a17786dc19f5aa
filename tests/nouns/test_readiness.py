"""Ready, degraded, not ready: each with its reasons in words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

from tests.clocks import NOON, FakeClock
from watibot.ports.queues import Queue
from watibot.service.provider_watch import ProviderWatch
from watibot.service.readiness import Readiness, Standing, too_late, why_stopped


@dataclass
class Lanes:
    swept_at: datetime | None = NOON
    depth: int = 2


class Store:
    def __init__(self) -> None:
        self.waiting = [Queue("messages", 0, None)]
        self.failure: Exception | None = None

    async def queues(self) -> list[Queue]:
        if self.failure is not None:
            raise self.failure
        return self.waiting

    async def counts(self) -> dict[str, int]:
        return {"quarantine": 3}


class Stage:
    def __init__(self) -> None:
        self.store, self.lanes, self.providers = Store(), Lanes(), ProviderWatch()
        self.clock = FakeClock()

    async def look(self) -> Standing:
        made = Readiness(self.store.counts, self.store, self.lanes, self.providers, self.clock)
        return await made.look()


def ago(seconds: float) -> datetime:
    return NOON - timedelta(seconds=seconds)


async def test_all_is_well() -> None:
    made = Stage()
    made.providers.heard("gemini", "ok", ago(12))
    standing = await made.look()
    assert (standing.ready, standing.status, standing.reasons) == (True, "ready", ())
    assert standing.facts["lanes"] == {"depth": 2, "swept_seconds": 0.0}
    assert standing.facts["providers"] == {"gemini": {"last_success_seconds": 12.0}}
    assert standing.facts["queues"] == {"messages": {"waiting": 0, "oldest_seconds": None}}
    assert standing.facts["rows"] == {"quarantine": 3}


async def test_without_the_store_it_is_not_ready() -> None:
    made = Stage()
    made.store.failure = RuntimeError("secret-99")
    standing = await made.look()
    assert standing == Standing(False, ("the store does not answer",), {"rows": {}})
    assert standing.status == "not ready"


@pytest.mark.parametrize(
    ("swept", "why"),
    [
        (None, "the lanes have not begun to look for work"),
        (ago(300), None),
        (ago(301), "the lanes have not looked for work for 301 s"),
    ],
)
async def test_without_lanes_it_is_not_ready(swept: datetime | None, why: str | None) -> None:
    assert why_stopped(swept, NOON) == why
    made = Stage()
    made.lanes.swept_at = swept
    standing = await made.look()
    assert standing.reasons == ((why,) if why else ())
    assert standing.ready == (why is None)


async def test_a_provider_that_is_away_is_said_and_no_more() -> None:
    made = Stage()
    made.providers.heard("gemini", "ok", ago(60))
    made.providers.heard("gemini", "unavailable", ago(5))
    standing = await made.look()
    assert (standing.ready, standing.status) == (True, "degraded")
    assert standing.reasons == ("gemini fails: unavailable, no success since",)


@pytest.mark.parametrize(
    ("queue", "late"),
    [
        (Queue("messages", 0, None), None),
        (Queue("messages", 3, ago(120)), None),
        (Queue("messages", 3, ago(121)), "3 in the queue messages, the oldest for 121 s"),
        (Queue("quarantine", 3, ago(1_000_000)), None),
        (Queue("mirror", 1, ago(3601)), "1 in the queue mirror, the oldest for 3601 s"),
    ],
)
async def test_a_queue_that_grows_old(queue: Queue, late: str | None) -> None:
    assert too_late(queue, NOON) == late
    made = Stage()
    made.store.waiting = [queue]
    assert (await made.look()).status == ("degraded" if late else "ready")
