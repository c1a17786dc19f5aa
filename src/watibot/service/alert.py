"""Tells staff: keeps every notice until somebody was reached.

Called by whatever staff must know of and nobody has to answer for: a booking, a bad instructions
file. Dead ends come through `escalate.py`, which adds its notices to the same rows. A notice is a
row first and a message to staff second, so that a dead mail server costs time and not the notice.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

from watibot import telemetry
from watibot.errors import ProviderError
from watibot.ports import Clock, Notifier, Records
from watibot.retries import backoff
from watibot.settings import Patience
from watibot.toolcalls import Caller

log = telemetry.logger(__name__)

LOOK_SECONDS = 30.0


class Alerts:
    """The notices' way to staff."""

    def __init__(
        self, records: Records, notifier: Notifier, clock: Clock, patience: Patience
    ) -> None:
        self._records = records
        self._notifier = notifier
        self._clock = clock
        self._patience = patience
        self._new = asyncio.Event()

    async def add(
        self, key: str, kind: str, title: str, body: str, conversation_id: str | None = None
    ) -> None:
        """Once per `key`. Durable when it returns."""
        if await self._records.add_notice(
            key, kind, title, body, conversation_id, self._clock.now()
        ):
            log.info("notice.added", kind=kind)
            self._new.set()

    async def of_tool(self, caller: Caller, kind: str, title: str, body: str) -> None:
        """What a tool tells staff, once per call."""
        await self.add(f"{kind}:{caller.key}", kind, title, body, caller.conversation_id)

    def look(self) -> None:
        """Something was added in another way (with an escalation)."""
        self._new.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self._new.clear()
            await self._tell_due()
            try:
                await self._clock.limit(LOOK_SECONDS, self._new.wait())
            except TimeoutError:
                continue

    async def _tell_due(self) -> None:
        for notice in await self._records.due_notices(self._clock.now()):
            try:
                await self._notifier.tell(notice.title, notice.body)
            except ProviderError as error:
                wait = backoff(notice.attempts + 1, self._patience, 0.0)
                again_at = self._clock.now() + timedelta(seconds=wait)
                await self._records.notice_done(notice.notice_id, again_at, str(error))
                log.warning("notice.not_told", kind=notice.kind, attempts=notice.attempts + 1)
            else:
                await self._records.notice_done(notice.notice_id, None, None)
                log.info("notice.told", kind=notice.kind)
