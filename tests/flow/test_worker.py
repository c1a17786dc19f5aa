"""A conversation that is due and cannot be had: `service/worker.py` says when to come again."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any, cast

from tests.clocks import NOON, FakeClock
from tests.contract.stores import DEBOUNCE, GUEST, LEASE, inbound
from watibot.conversations import Conversation
from watibot.service.worker import Worker
from watibot.storage import store as storage
from watibot.telemetry import Metrics

NOBODY = cast(Any, None)  # neither answers nor delivers here


async def test_one_that_a_migration_holds_is_asked_for_again_soon(tmp_path: Path) -> None:
    async with await storage.open(f"sqlite:///{tmp_path}/store.db", "posada") as store:
        await store.receive(inbound(), b"{}", NOON, DEBOUNCE)
        held = await store.hold(GUEST, NOON, NOON + LEASE)
        assert isinstance(held, Conversation)
        clock = FakeClock(NOON + timedelta(seconds=30))
        worker = Worker(store, NOBODY, NOBODY, clock, 1, Metrics())
        assert await worker.work(GUEST) == clock.now() + timedelta(seconds=1)
        await store.release(GUEST, held.fence)
        assert await worker.work("50370000009") is None
