"""A due conversation, from its claim to its release: the stop that `engines/` wakes.

One conversation is held under a lease with a fencing number, so that never two turns of it run at
once, on however many machines. Turns at once are capped, because without a cap a thousand of them
falling due together hold up the webhooks; waiting for a slow channel takes no place under the cap.
"""

from __future__ import annotations

import asyncio
import contextlib
from datetime import datetime, timedelta
from time import perf_counter

from watibot import telemetry
from watibot.conversations import Conversation
from watibot.errors import LostLease
from watibot.ports import Claim, Clock, Desk
from watibot.service.answer import Answerer
from watibot.service.deliver import Deliverer, Pause
from watibot.telemetry import Metrics

log = telemetry.logger(__name__)

LEASE_SECONDS = 60.0
AFTER_MISTAKE_SECONDS = 60.0


class Worker:
    """Claims, answers, delivers, releases."""

    def __init__(
        self,
        desk: Desk,
        answerer: Answerer,
        deliverer: Deliverer,
        clock: Clock,
        turns_at_once: int,
        metrics: Metrics,
    ) -> None:
        self._desk = desk
        self._answerer = answerer
        self._deliverer = deliverer
        self._clock = clock
        self._slots = asyncio.Semaphore(turns_at_once)
        self._metrics = metrics

    async def work(self, conversation_id: str) -> datetime | None:
        """Does what is due; when to come back, if at all."""
        started = perf_counter()
        with self._metrics.passing("claim"):
            claim = await self._desk.claim(conversation_id, self._clock.now(), self._lease_end())
        if claim is None:
            return await self._desk.look_again(conversation_id, self._clock.now())
        conversation = claim.conversation
        keeper = asyncio.create_task(self._keep_lease(conversation))
        again_at: datetime | None = None
        try:
            about = {"conversation": conversation_id, "channel": conversation.channel}
            with self._metrics.passing("turn", **about) as passage:
                again_at = await self._walk(claim, started)
                passage.tell(again=again_at is not None)
        except LostLease:
            log.warning("lease.lost", conversation=conversation_id)
            return None
        except Exception as error:
            # A mistake of ours in one conversation: the others go on, and this one is tried again.
            log.error("work.failed", exc_info=telemetry.without_values(error))
            again_at = self._clock.now() + timedelta(seconds=AFTER_MISTAKE_SECONDS)
        finally:
            keeper.cancel()
        return await self._desk.release(conversation_id, conversation.fence, again_at)

    async def _walk(self, claim: Claim, started: float) -> datetime | None:
        conversation = claim.conversation
        pause = await self._deliverer.deliver(conversation, claim.bubbles)
        if isinstance(pause, Pause):
            return pause.until
        if not claim.open:
            return None
        queued = perf_counter()
        async with self._slots:
            queued = perf_counter() - queued
            with self._metrics.passing("answer"):
                answered = await self._answerer.answer(conversation)
        if answered.again_at is not None:
            return answered.again_at

        def leaving() -> None:
            total = perf_counter() - started
            # Who waited for a provider over several tries has waited since the first of them.
            began = answered.began
            since = 0.0 if began is None else (self._clock.now() - began).total_seconds()
            self._metrics.answer_seconds.observe(max(total, since))
            self._metrics.own_seconds.observe(total - answered.waited - queued)

        pause = await self._deliverer.deliver(conversation, answered.bubbles, leaving)
        return pause.until if isinstance(pause, Pause) else None

    async def _keep_lease(self, conversation: Conversation) -> None:
        while True:
            await self._clock.sleep(LEASE_SECONDS / 3)
            with contextlib.suppress(LostLease):  # the work's own next write finds out
                await self._desk.extend(
                    conversation.conversation_id, conversation.fence, self._lease_end()
                )

    def _lease_end(self) -> datetime:
        return self._clock.now() + timedelta(seconds=LEASE_SECONDS)
