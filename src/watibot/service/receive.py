"""From a webhook's deliveries to committed rows: the stop between `web/webhooks.py` and the lanes.

Everything here is done before the webhook is answered, so it is little: one commit, then a word to
the lanes and to the downloads. Who else listens (the gate, who holds the chat, the past) is handed
in as `Listeners`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from watibot import telemetry
from watibot.conversations import Conversation, held_by_staff
from watibot.escalations import EscalationCause
from watibot.history import ItemKind
from watibot.messages import (
    ChannelName,
    Delivery,
    Ignored,
    Inbound,
    Receipt,
    ReceiptState,
    StaffMessage,
    Takeover,
)
from watibot.ports import Clock, Holding, Inbox, Records
from watibot.service.escalate import Escalates
from watibot.service.look import Forgotten, never
from watibot.service.media import Downloads
from watibot.settings import Debounce, Patience
from watibot.telemetry import Metrics

log = telemetry.logger(__name__)

# Conversations that are remembered as known, so that each is new once to who reads the past.
_MOST_REMEMBERED = 10_000
# What comes as it is said is not asked about: it cannot be older than its guest's erasure.
_LATE = timedelta(seconds=10)
# Of a history, among which a repeated delivery is looked for.
_RECENT_ITEMS = 200


async def _nothing(message: Inbound) -> None:
    return None


async def _no_wish(message: StaffMessage) -> Holding | None:
    return None


@dataclass(frozen=True, slots=True)
class Listeners:
    """Who else hears of a delivery. `heard`: a guest's message, before it is stored. `colleague`: a
    colleague's, once it is; it may give the conversation back. `hold`: who holds it changes. `new`:
    a conversation that this process has not heard of. `held`: its guest writes while staff hold
    it."""

    hold: Callable[[Takeover, datetime], Awaitable[Holding]]
    heard: Callable[[Inbound], Awaitable[None]] = _nothing
    colleague: Callable[[StaffMessage], Awaitable[Holding | None]] = _no_wish
    new: Callable[[str], None] = lambda conversation_id: None
    held: Callable[[Conversation], None] = lambda conversation: None


class Receiver:
    """Takes deliveries in. `forgotten`: when a guest was erased, of whom the provider may repeat
    what nobody here knows any more."""

    def __init__(
        self,
        inbox: Inbox,
        records: Records,
        clock: Clock,
        debounce: Mapping[ChannelName, Debounce],
        patience: Patience,
        downloads: Downloads,
        metrics: Metrics,
        wake: Callable[[str, datetime], None],
        escalator: Escalates,
        listeners: Listeners,
        forgotten: Forgotten = never,
    ) -> None:
        self._inbox = inbox
        self._records = records
        self._clock = clock
        self._debounce = debounce
        self._takeover = timedelta(hours=patience.takeover_hours)
        self._downloads = downloads
        self._metrics = metrics
        self._wake = wake
        self._escalator = escalator
        self._listeners = listeners
        self._forgotten = forgotten
        self._known: set[str] = set()

    async def take(self, delivery: Delivery, raw: bytes, received_at: datetime) -> str:
        """Commits one delivery; the outcome in one word, for the counters."""
        match delivery:
            case Inbound() | StaffMessage() if await self._of_before(delivery, received_at):
                return "forgotten"
            case Inbound():
                return await self._message(delivery, raw, received_at)
            case Receipt():
                return await self._receipt(delivery)
            case StaffMessage():
                return await self._staff_message(delivery, received_at)
            case Takeover():
                await self._takeover_told(delivery, received_at)
                return "takeover"
            case Ignored():
                return f"ignored_{delivery.reason}"

    async def _of_before(self, said: Inbound | StaffMessage, received_at: datetime) -> bool:
        """Whether it was said before its guest was erased."""
        if received_at - said.provider_time < _LATE:
            return False
        aliases = said.aliases if isinstance(said, Inbound) else ()
        for name in (said.conversation_id, *aliases):
            at = await self._forgotten(name)
            if at is not None and said.provider_time <= at:
                return True
        return False

    async def quarantine(self, channel: str, reason: str, raw: bytes) -> None:
        """Keeps what could not be understood; the webhook is answered as always."""
        await self._inbox.quarantine(channel, reason, raw, self._clock.now())
        log.warning("delivery.quarantined", channel=channel, reason=reason)

    async def _message(self, message: Inbound, raw: bytes, received_at: datetime) -> str:
        await self._listeners.heard(message)
        received = await self._inbox.receive(
            message, raw, received_at, self._debounce[message.channel]
        )
        if not received.new:
            return "repeated"
        self._metrics.heard(received.conversation_id)
        if received.media:
            self._downloads.start(message.channel, received.media)
        self._notice_new(received.conversation_id)
        if received.due_at is not None:
            self._wake(received.conversation_id, received.due_at)
        else:
            await self._unanswered(received.conversation_id, received_at)
        return "message"

    def _notice_new(self, conversation_id: str) -> None:
        if conversation_id in self._known:
            return
        if len(self._known) >= _MOST_REMEMBERED:
            self._known.clear()
        self._known.add(conversation_id)
        self._listeners.new(conversation_id)

    async def _unanswered(self, conversation_id: str, at: datetime) -> None:
        """The guest writes while staff hold the conversation, or after a stop word. If the bot
        handed it over and nobody has written since, a person is called."""
        conversation = await self._records.conversation(conversation_id)
        if conversation is None or not held_by_staff(conversation, at):
            return
        self._listeners.held(conversation)
        if conversation.handover_turn_id is None:
            return
        await self._escalator.raise_(
            f"waits:{conversation_id}:{at:%Y-%m-%dT%H}",
            EscalationCause.WAITS,
            conversation_id,
            "Pidió una persona y volvió a escribir; nadie le ha contestado todavía.",
        )

    async def _staff_message(self, message: StaffMessage, received_at: datetime) -> str:
        until = received_at + self._takeover
        new = await self._inbox.staff_message(message, received_at, until)
        if new:
            log.info("staff.wrote", conversation=message.conversation_id)
        elif not await self._wrote(message):
            return "repeated"  # the assistant's own words
        # Of what is repeated too: the process may have died, or the store been away, after the
        # commit. Both go by the time of the words, and change nothing that is newer.
        await self._escalator.seen_to(
            message.channel,
            message.conversation_id,
            message.operator,
            min(message.provider_time, received_at),
            "escribió al huésped",
        )
        given_back = await self._listeners.colleague(message)
        if given_back is not None and given_back.due_at is not None:
            self._wake(given_back.conversation_id, given_back.due_at)
        return "staff" if new else "repeated"

    async def _wrote(self, message: StaffMessage) -> bool:
        """Whether these words stand in the history as a colleague's."""
        conversation = await self._records.conversation(message.conversation_id)
        if conversation is None:
            return False
        items = await self._records.history(conversation.conversation_id, _RECENT_ITEMS)
        names = {message.provider_id, message.record_id} - {None}
        return any(
            item.kind is ItemKind.STAFF and not names.isdisjoint((item.origin or {}).get("ids", ()))
            for item in items
        )

    async def _takeover_told(self, takeover: Takeover, received_at: datetime) -> None:
        await self._listeners.hold(takeover, received_at)
        # Even if it was held: after the assistant's own handover this is the person who came.
        if takeover.held:
            await self._escalator.seen_to(
                takeover.channel,
                takeover.conversation_id,
                takeover.by,
                received_at,
                "tomó el chat",
            )

    async def _receipt(self, receipt: Receipt) -> str:
        bubble = await self._inbox.receipt(receipt)
        if bubble is None:
            return "receipt_unknown"
        if receipt.state is ReceiptState.FAILED:
            self._metrics.bubbles.labels(receipt.channel, "failed_later").inc()
            await self._escalator.raise_(
                f"receipt:{bubble.bubble_id}",
                EscalationCause.NOT_DELIVERED,
                bubble.conversation_id,
                "El canal avisa que un mensaje no se entregó "
                f"({receipt.failure or 'sin motivo'}). El texto era:\n\n{bubble.text}\n",
                bubble.turn_id,
            )
        return "receipt"
