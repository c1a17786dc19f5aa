"""Who holds a conversation: taken and given back by a channel's rule, and given back by itself.

`receive.py` brings what a channel tells (`changed`) and who writes meanwhile (`held`); the loop
gives back what staff took and forgot. What the guest wrote meanwhile and nobody answered is due at
once then (`ports.People`).

ManyChat's rule tells both of the mark that staff put on a contact and of its removal, once each and
never again. So a contact is asked, beside the way, whether the mark is still there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from watibot import telemetry
from watibot.conversations import Conversation, held_by_staff
from watibot.errors import ProviderError
from watibot.history import ItemKind
from watibot.messages import ChannelName, Takeover
from watibot.ports import Channel, Clock, Holding, People, Records
from watibot.service.spaced import Spaced
from watibot.telemetry import Metrics

log = telemetry.logger(__name__)

LOOK_SECONDS = 30.0
# The rule's request waits for its answer, and ManyChat gives up after ten seconds.
NOTE_SECONDS = 3.0
_RECENT_ITEMS = 200
# Between two questions whether one contact is still marked.
ASK_SECONDS = 60.0
_MOST_REMEMBERED = 5_000


@dataclass(frozen=True, slots=True)
class _Mark:
    """A mark that stood on a contact at `seen_at`, in the takeover that ends at `until`; of another
    takeover it says nothing."""

    seen_at: datetime
    until: datetime | None


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
        metrics: Metrics,
    ) -> None:
        self._people = people
        self._records = records
        self._channels = channels
        self._clock = clock
        self._takeover = timedelta(hours=takeover_hours)
        self._zone = zone
        self._wake = wake
        self._metrics = metrics
        self._asks = Spaced(clock, self._ask)
        self._marked: dict[str, _Mark] = {}

    async def changed(self, takeover: Takeover, at: datetime) -> Holding:
        """A channel's word on who holds the conversation since `at`. Committed when it returns."""
        if takeover.held:
            holding = await self._hold(takeover, at, at + self._takeover, "told")
            self._ask_later(takeover.channel, holding.conversation_id)
            return holding
        return await self._give_back(takeover, at, "told")

    def held(self, conversation: Conversation) -> None:
        """The guest writes while staff hold the conversation. In the background: if a mark took it
        and is gone, it is given back."""
        self._ask_later(conversation.channel, conversation.conversation_id)

    async def run(self) -> None:
        """Gives back what staff took and forgot, until cancelled."""
        try:
            while True:
                await self.give_back_expired()
                await self._clock.sleep(LOOK_SECONDS)
        finally:
            await self._asks.stop()

    async def give_back_expired(self) -> None:
        now = self._clock.now()
        for one in await self._people.expired(now):
            takeover = Takeover(one.channel, one.conversation_id, one.address, held=False)
            await self._hold(takeover, now, None, "expired")

    def _ask_later(self, channel: ChannelName, conversation_id: str) -> None:
        if channel is not ChannelName.WHATSAPP and channel in self._channels:
            self._asks.want(conversation_id, None, ASK_SECONDS)

    async def _ask(self, conversation_id: str, _: None) -> None:
        """Whether the contact is marked; a mark that was seen and is gone gives it back."""
        at = self._clock.now()
        try:
            conversation = await self._records.conversation(conversation_id)
            # By name it was taken in the console, where it is given back too.
            if conversation is None or conversation.taken_by or not held_by_staff(conversation, at):
                return
            until = conversation.staff_until
            if await self._channels[conversation.channel].held_by_staff(conversation):
                self._remember(conversation_id, _Mark(at, until))
                return
            mark = self._marked.get(conversation_id)
            if mark is None or mark.until != until:
                return
            takeover = Takeover(
                conversation.channel, conversation_id, conversation.address, held=False
            )
            # What the guest wrote since the mark was last seen nobody may have answered: the note,
            # which answers what came before it, is no later.
            await self._give_back(takeover, mark.seen_at, "mark")
            self._marked.pop(conversation_id, None)
        except ProviderError as error:
            log.warning("mark.not_asked", cause=error.cause, status=error.status)
        except Exception as error:
            log.error("mark.failed", exc_info=telemetry.without_values(error))

    def _remember(self, conversation_id: str, mark: _Mark) -> None:
        if len(self._marked) >= _MOST_REMEMBERED:
            self._marked.clear()  # then a lost word is made up by the takeover's end alone
        self._marked[conversation_id] = mark

    async def _give_back(self, takeover: Takeover, at: datetime, how: str) -> Holding:
        if takeover.note is None:
            takeover = replace(takeover, note=await self._note(takeover, at))
        return await self._hold(takeover, at, None, how)

    async def _hold(
        self, takeover: Takeover, at: datetime, until: datetime | None, how: str
    ) -> Holding:
        holding = await self._people.hold(takeover, at, until)
        if holding.changed:
            outcome = "took" if takeover.held else "gave_back"
            self._metrics.takeovers.labels(how, outcome).inc()
            log.info(f"staff.{outcome}", conversation=holding.conversation_id)
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
