"""One outcome for every dead end: staff are told, and told again until somebody sees to it.

Whatever cannot go on without a person comes here: `answer.py`, `deliver.py`, `receive.py`, the gate
and the tools. The escalation and its notice are one commit; `alert.py` takes the notice to staff.
Escalate first and then close what is a dead end: a process that dies in between goes on with open
work, comes here again with the same key, and nothing is told twice or never.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from watibot import telemetry
from watibot.escalations import (
    DeadEnd,
    Escalation,
    EscalationCause,
    Told,
    console_page,
    next_repeat,
    notice,
)
from watibot.hotel import Hotel
from watibot.messages import ChannelName
from watibot.ports import Clock, Records
from watibot.ports.context import get_conversation_context, guest_said
from watibot.ports.escalations import Escalations
from watibot.service.alert import Alerts
from watibot.settings import Staff
from watibot.toolcalls import Caller

log = telemetry.logger(__name__)

LOOK_SECONDS = 30.0
# A provider's times are whole seconds, rounded down.
TOLD_TO = timedelta(seconds=1)


class Escalates(Protocol):
    """What the rest of the service knows of it."""

    async def raise_(
        self,
        key: str,
        cause: EscalationCause,
        conversation_id: str,
        reason: str,
        turn_id: str | None = None,
        latest: Sequence[str] = (),
    ) -> None:
        """Once per `key`; durable when it returns. `reason` is in Spanish, for staff. `latest`:
        what the guest wrote and is no history yet."""

    async def seen_to(
        self, channel: ChannelName, name: str, by: str | None, at: datetime, note: str
    ) -> None:
        """A colleague answered this guest at `at`, which may be long ago: nobody needs to be told
        any more of what was known then."""


class Escalator:
    """Opens escalations, repeats them, closes them for a colleague who came."""

    def __init__(
        self,
        escalations: Escalations,
        records: Records,
        alerts: Alerts,
        clock: Clock,
        hotel: Hotel,
        staff: Staff,
        public_url: str,
    ) -> None:
        self._escalations = escalations
        self._records = records
        self._alerts = alerts
        self._clock = clock
        self._hotel = hotel
        self._staff = staff
        self._public_url = public_url

    async def raise_(
        self,
        key: str,
        cause: EscalationCause,
        conversation_id: str,
        reason: str,
        turn_id: str | None = None,
        latest: Sequence[str] = (),
    ) -> None:
        now = self._clock.now()
        end = DeadEnd(key, cause, conversation_id, reason, now, turn_id)
        told = await self._notice(end, 1, latest)
        if await self._escalations.open(end, told, self._next(1)):
            log.warning("escalation.opened", cause=cause, conversation=conversation_id)
            self._alerts.look()

    async def of_tool(self, caller: Caller, cause: EscalationCause, reason: str) -> None:
        """What a tool raises, once per call."""
        key = f"{cause}:{caller.key}"
        await self.raise_(key, cause, caller.conversation_id, reason, caller.turn_id, caller.latest)

    async def seen_to(
        self, channel: ChannelName, name: str, by: str | None, at: datetime, note: str
    ) -> None:
        who = by or "una persona del equipo"
        seen_at = min(at + TOLD_TO, self._clock.now())
        closed = await self._escalations.acknowledge_all(channel, name, who, seen_at, note)
        if closed:
            log.info("escalation.seen_to", count=closed)

    async def run(self) -> None:
        """Repeats what nobody acknowledged, until cancelled."""
        while True:
            await self.repeat_due()
            await self._clock.sleep(LOOK_SECONDS)

    async def repeat_due(self) -> None:
        """Tells again what is due to be."""
        for seen in await self._escalations.due(self._clock.now()):
            number = seen.told + 1
            again_at = self._next(number)
            told = await self._notice(seen, number)
            if not await self._escalations.told(seen, told, again_at):
                continue  # somebody sees to it since
            self._alerts.look()
            facts = {"cause": seen.cause, "conversation": seen.conversation_id, "told": number}
            if again_at is None:
                log.error("escalation.given_up", **facts)
            else:
                log.warning("escalation.repeated", **facts)

    def _next(self, told: int) -> datetime | None:
        staff = self._staff
        return next_repeat(told, self._clock.now(), staff.repeat_minutes, staff.repeats)

    async def _notice(
        self, end: DeadEnd | Escalation, number: int, latest: Sequence[str] = ()
    ) -> Told:
        conversation = await self._records.conversation(end.conversation_id)
        context = await get_conversation_context(self._records, end.conversation_id)
        return notice(
            self._hotel,
            end.cause,
            end.reason,
            end.at if isinstance(end, DeadEnd) else end.opened_at,
            conversation,
            "\n".join(filter(None, (context, *map(guest_said, latest)))),
            console_page(self._public_url, end.conversation_id),
            number,
            self._staff.repeats,
            self._clock.now(),
        )
