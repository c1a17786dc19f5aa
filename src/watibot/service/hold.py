"""Who holds a conversation: taken and given back by a channel's rule, and given back by itself.

`receive.py` brings what a channel tells (`changed`); the loop gives back what staff took and
forgot. What the guest wrote meanwhile and nobody answered is due at once then (`ports.People`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from watibot import telemetry
from watibot.conversations import Conversation, held_by_staff
from watibot.errors import ProviderError
from watibot.history import ItemKind
from watibot.messages import ChannelName, Takeover
from watibot.ports import Channel, Clock, Holding, People, Records

log = telemetry.logger(__name__)

LOOK_SECONDS = 30.0
# The rule's request waits for its answer, and ManyChat gives up after ten seconds.
NOTE_SECONDS = 3.0
_RECENT_ITEMS = 200


class Holder:
    """Takes and gives back. `zone` is the hotel's."""

    def __init__(
        self,
        people: People,
        records: Records,
        channels: Mapping[ChannelName, Channel],
        clock: Clock,
        takeover_hours: float,
        zone: ZoneInfo,
        wake: Callable[[str, datetime], None],
    ) -> None:
        self._people = people
        self._records = records
        self._channels = channels
        self._clock = clock
        self._takeover = timedelta(hours=takeover_hours)
        self._zone = zone
        self._wake = wake

    async def changed(self, takeover: Takeover, at: datetime) -> Holding:
        """A channel's word on who holds the conversation since `at`. Committed when it returns."""
        if takeover.held:
            return await self._hold(takeover, at, at + self._takeover)
        if takeover.note is None:
            takeover = replace(takeover, note=await self._note(takeover, at))
        return await self._hold(takeover, at, None)

    async def run(self) -> None:
        """Gives back what staff took and forgot, until cancelled."""
        while True:
            await self.give_back_expired()
            await self._clock.sleep(LOOK_SECONDS)

    async def give_back_expired(self) -> None:
        now = self._clock.now()
        for one in await self._people.expired(now):
            takeover = Takeover(one.channel, one.conversation_id, one.address, held=False)
            await self._hold(takeover, now, None)

    async def _hold(self, takeover: Takeover, at: datetime, until: datetime | None) -> Holding:
        holding = await self._people.hold(takeover, at, until)
        if holding.changed:
            event = "staff.took" if takeover.held else "staff.gave_back"
            log.info(event, conversation=holding.conversation_id)
        if holding.due_at is not None:
            self._wake(holding.conversation_id, holding.due_at)
        return holding

    async def _note(self, takeover: Takeover, at: datetime) -> str | None:
        """What the assistant should know of a talk that it cannot read: staff's own note, or that
        there was a talk. None where the channel's inbox is read, or staff did not hold it."""
        conversation = await self._records.conversation(takeover.conversation_id)
        if conversation is None or conversation.channel is ChannelName.WHATSAPP:
            return None
        if not held_by_staff(conversation, at):
            return None
        return await self._left(conversation) or self._nothing_left(conversation, at)

    async def _left(self, conversation: Conversation) -> str | None:
        channel = self._channels.get(conversation.channel)
        if channel is None:
            return None
        try:
            note = await self._clock.limit(NOTE_SECONDS, channel.note(conversation))
        except (ProviderError, TimeoutError):
            log.warning("note.not_read", conversation=conversation.conversation_id)
            return None
        if not note:
            return None
        # Nobody empties the field: what stands there may be from last time.
        recent = await self._records.history(conversation.conversation_id, _RECENT_ITEMS)
        old = any(item.kind is ItemKind.STAFF and note in item.text for item in recent)
        return None if old else note

    def _nothing_left(self, conversation: Conversation, at: datetime) -> str:
        since = ""
        if conversation.staff_until is not None:
            began = (conversation.staff_until - self._takeover).astimezone(self._zone)
            since = f" de {began:%H:%M} a {at.astimezone(self._zone):%H:%M}"
        return f"[Un compañero atendió este chat{since}; lo que escribió no se puede leer aquí]"
