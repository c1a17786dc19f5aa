"""From a webhook's deliveries to committed rows: the stop between `web/webhooks.py` and the lanes.

Everything here is done before the webhook is answered, so it is little: one commit, then a word to
the lanes and to the downloads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from watibot import telemetry
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
from watibot.ports import Clock, Inbox, Records
from watibot.service.alert import Alerts
from watibot.service.media import Downloads
from watibot.settings import Debounce, Patience
from watibot.telemetry import Metrics

log = telemetry.logger(__name__)


class Receiver:
    """Takes deliveries in."""

    def __init__(
        self,
        inbox: Inbox,
        records: Records,
        clock: Clock,
        debounce: Mapping[ChannelName, Debounce],
        patience: Patience,
        downloads: Downloads,
        alerts: Alerts,
        metrics: Metrics,
        wake: Callable[[str, datetime], None],
    ) -> None:
        self._inbox = inbox
        self._records = records
        self._clock = clock
        self._debounce = debounce
        self._takeover = timedelta(hours=patience.takeover_hours)
        self._downloads = downloads
        self._alerts = alerts
        self._metrics = metrics
        self._wake = wake

    async def take(self, delivery: Delivery, raw: bytes, received_at: datetime) -> str:
        """Commits one delivery; the outcome in one word, for the counters."""
        match delivery:
            case Inbound():
                return await self._message(delivery, raw, received_at)
            case Receipt():
                return await self._receipt(delivery)
            case StaffMessage():
                until = received_at + self._takeover
                if not await self._inbox.staff_message(delivery, received_at, until):
                    return "repeated"
                log.info("staff.wrote", conversation=delivery.conversation_id)
                return "staff"
            case Takeover():
                await self._inbox.takeover(delivery, received_at + self._takeover)
                log.info(
                    "staff.took" if delivery.held else "staff.gave_back",
                    conversation=delivery.conversation_id,
                )
                return "takeover"
            case Ignored():
                return f"ignored_{delivery.reason}"

    async def quarantine(self, channel: str, reason: str, raw: bytes) -> None:
        """Keeps what could not be understood; the webhook is answered as always."""
        await self._inbox.quarantine(channel, reason, raw, self._clock.now())
        log.warning("delivery.quarantined", channel=channel, reason=reason)

    async def _message(self, message: Inbound, raw: bytes, received_at: datetime) -> str:
        received = await self._inbox.receive(
            message, raw, received_at, self._debounce[message.channel]
        )
        if not received.new:
            return "repeated"
        if received.media:
            self._downloads.start(message.channel, received.media)
        if received.due_at is not None:
            self._wake(received.conversation_id, received.due_at)
        else:
            await self._remind(received.conversation_id, received_at)
        return "message"

    async def _remind(self, conversation_id: str, at: datetime) -> None:
        """The guest writes while staff hold the conversation. If the bot handed it over and nobody
        has written since, staff are reminded, once an hour at most."""
        conversation = await self._records.conversation(conversation_id)
        if conversation is None or conversation.handover_turn_id is None:
            return
        await self._alerts.add(
            f"waits:{conversation_id}:{at:%Y-%m-%dT%H}",
            "guest_waits",
            "Un huésped espera a una persona",
            f"Conversación {conversation_id} ({conversation.channel}): pidió una persona y volvió "
            "a escribir; nadie le ha contestado todavía.",
            conversation_id,
        )

    async def _receipt(self, receipt: Receipt) -> str:
        bubble = await self._inbox.receipt(receipt)
        if bubble is None:
            return "receipt_unknown"
        if receipt.state is ReceiptState.FAILED:
            self._metrics.bubbles.labels(receipt.channel, "failed_later").inc()
            await self._alerts.add(
                f"receipt:{bubble.bubble_id}",
                "not_delivered",
                "Un mensaje no llegó al huésped",
                f"Conversación {bubble.conversation_id}: el canal avisa que un mensaje no se "
                f"entregó ({receipt.failure or 'sin motivo'}).",
                bubble.conversation_id,
            )
        return "receipt"
