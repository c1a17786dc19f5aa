"""Bubbles on their way to the guest, one by one: the stop between the outbox and the channel.

Before every bubble the store is asked whether it may still leave (who holds the conversation, the
reply window, whether the guest wrote again), and the attempt is noted before the request. What is
in doubt is looked up at the provider and never blindly sent again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from watibot import telemetry
from watibot.conversations import Conversation, may_send, window_open
from watibot.errors import Cause, ProviderError
from watibot.escalations import EscalationCause
from watibot.messages import ChannelName, Takeover
from watibot.ports import (
    Absent,
    CannotTell,
    Channel,
    Clock,
    Found,
    Holding,
    Later,
    Permit,
    Refused,
    Sent,
    Store,
    Unknown,
)
from watibot.retries import backoff
from watibot.service.escalate import Escalates
from watibot.settings import Patience
from watibot.telemetry import Metrics
from watibot.turns import Bubble, BubbleState

log = telemetry.logger(__name__)

# After so long without an answer from the provider a doubt is left to staff.
LOOKUP_LIMIT = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Rest:
    """Every bubble is at rest."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Some are not; to be continued at `until`, or when the guest's new burst is due (None)."""

    until: datetime | None


class Deliverer:
    """Takes bubbles to their channel."""

    def __init__(
        self,
        store: Store,
        channels: Mapping[ChannelName, Channel],
        gaps: Mapping[ChannelName, float],
        clock: Clock,
        patience: Patience,
        metrics: Metrics,
        settled: Callable[[str], None],
        escalator: Escalates,
        hold: Callable[[Takeover, datetime], Awaitable[Holding]],
    ) -> None:
        self._store = store
        self._channels = channels
        self._gaps = gaps
        self._clock = clock
        self._escalator = escalator
        self._hold = hold
        self._patience = patience
        self._metrics = metrics
        self._settled = settled

    async def deliver(
        self,
        conversation: Conversation,
        bubbles: Sequence[Bubble],
        leaving: Callable[[], None] = lambda: None,
    ) -> Rest | Pause:
        """Sends what waits, in order. `leaving` is called when the first request is about to go
        out. Raises LostLease."""
        sent_before = False
        for bubble in bubbles:
            if bubble.state is BubbleState.SENDING:
                pause = await self._clear_up(conversation, bubble)
                if pause is not None:
                    return pause
                sent_before = True
                continue
            if sent_before:
                await self._clock.sleep(self._gaps[conversation.channel])
            pause, left = await self._send(conversation, bubble, leaving, first=not sent_before)
            if pause is not None:
                return pause
            sent_before = sent_before or left
        self._settled(conversation.conversation_id)
        return Rest()

    async def _send(
        self,
        conversation: Conversation,
        bubble: Bubble,
        leaving: Callable[[], None],
        *,
        first: bool,
    ) -> tuple[Pause | None, bool]:
        """Whether to stop here, and whether a request left."""
        channel = self._channels[conversation.channel]
        # Once the window is closed nothing may leave anyway, and `permit` tells staff so.
        if first and window_open(conversation, self._clock.now()):
            pause = await self._ask_provider_for_staff(channel, conversation)
            if pause is not None:
                return pause, False
        now = self._clock.now()
        if not window_open(conversation, now):
            # `permit` closes the matter in its own commit: staff are told before it does.
            fresh = await self._store.conversation(conversation.conversation_id)
            if fresh is not None and may_send(fresh, bubble.turn_id, now) == "window":
                await self._raise_refused(conversation, bubble, "window")
        permit = await self._store.permit(
            conversation.conversation_id,
            conversation.fence,
            bubble.bubble_id,
            now,
            self._patience.restarts,
        )
        match permit:
            case Permit.SUPERSEDED:
                await self._store.restart_turn(
                    conversation.conversation_id, conversation.fence, bubble.turn_id
                )
                log.info("turn.superseded", turn=bubble.turn_id)
                return Pause(None), False
            case Permit.WINDOW:
                self._count(conversation, "refused")
                await self._raise_refused(conversation, bubble, "window")
                return None, False
            case Permit.STAFF | Permit.GONE:
                self._count(conversation, f"not_sent_{permit}")
                return None, False
            case Permit.GO:
                pass
        if first:
            leaving()
        attempted = replace(bubble, attempts=bubble.attempts + 1, last_attempt_at=now)
        with self._metrics.passing("deliver", channel=conversation.channel) as passage:
            outcome = await channel.send(conversation, attempted)
            if not isinstance(outcome, Sent):
                passage.failed(type(outcome).__name__.lower())
        return await self._settle(conversation, attempted, outcome), True

    async def _settle(
        self, conversation: Conversation, bubble: Bubble, outcome: Sent | Later | Refused | Unknown
    ) -> Pause | None:
        now = self._clock.now()
        self._count(conversation, type(outcome).__name__.lower())
        self._hear(self._channels[conversation.channel].name, outcome)
        match outcome:
            case Sent(provider_id, record_id):
                await self._done(
                    conversation,
                    bubble,
                    BubbleState.SENT,
                    provider_id=provider_id,
                    record_id=record_id,
                )
                return None
            case Later(seconds, reason):
                await self._done(conversation, bubble, BubbleState.WAITING, reason=reason)
                wait = max(seconds, backoff(bubble.attempts, self._patience, 0.0))
                self._metrics.retries.labels("deliver").inc()
                log.warning("bubble.later", turn=bubble.turn_id, reason=reason)
                return Pause(now + timedelta(seconds=wait))
            case Refused(reason):
                await self._raise_refused(conversation, bubble, reason)
                await self._done(conversation, bubble, BubbleState.REFUSED, reason=reason)
                return None
            case Unknown(reason):
                log.warning("bubble.in_doubt", turn=bubble.turn_id, reason=reason)
                return await self._clear_up(conversation, bubble)

    def _hear(self, provider: str, outcome: Sent | Later | Refused | Unknown) -> None:
        """A refusal is about the guest or the window; the provider is well."""
        match outcome:
            case Sent() | Refused():
                self._metrics.succeeded(provider)
            case Later(_, reason):
                known = reason in list(Cause)
                self._metrics.failed(provider, reason if known else Cause.UNAVAILABLE)
            case Unknown():
                self._metrics.failed(provider, Cause.LOST)

    async def _clear_up(self, conversation: Conversation, bubble: Bubble) -> Pause | None:
        """A bubble whose request left and whose answer nobody has: asks the provider."""
        now = self._clock.now()
        since = bubble.last_attempt_at or now
        channel = self._channels[conversation.channel]
        lookup = await channel.find(conversation, bubble)
        match lookup:
            case Found(provider_id):
                await self._done(conversation, bubble, BubbleState.SENT, provider_id=provider_id)
                return None
            case Absent():
                await self._done(conversation, bubble, BubbleState.WAITING, reason="did not arrive")
                return Pause(now)
            case CannotTell(again_after) if again_after is not None and now < since + LOOKUP_LIMIT:
                return Pause(now + timedelta(seconds=again_after))
            case CannotTell():
                await self._escalator.raise_(
                    f"doubt:{bubble.bubble_id}",
                    EscalationCause.IN_DOUBT,
                    conversation.conversation_id,
                    "El canal no dice si el mensaje llegó. Revise el chat; si no llegó, el texto "
                    f"era:\n\n{bubble.text}\n",
                    bubble.turn_id,
                )
                await self._done(conversation, bubble, BubbleState.UNKNOWN, reason="in doubt")
                return None

    async def _ask_provider_for_staff(
        self, channel: Channel, conversation: Conversation
    ) -> Pause | None:
        now = self._clock.now()
        try:
            held = await channel.held_by_staff(conversation)
        except ProviderError as error:
            if error.transient:
                return Pause(now + timedelta(seconds=self._patience.backoff_first))
            return None  # the send itself will say what is wrong
        if held:
            takeover = Takeover(
                conversation.channel, conversation.conversation_id, conversation.address, held=True
            )
            await self._take(takeover, now)
        return None

    async def _take(self, takeover: Takeover, now: datetime) -> None:
        # Even if it was held: after the assistant's own handover this is the person who came.
        await self._hold(takeover, now)
        await self._escalator.seen_to(
            takeover.channel, takeover.conversation_id, takeover.by, now, "tomó el chat"
        )

    async def _done(
        self,
        conversation: Conversation,
        bubble: Bubble,
        state: BubbleState,
        *,
        provider_id: str | None = None,
        record_id: str | None = None,
        reason: str | None = None,
    ) -> None:
        await self._store.bubble_done(
            conversation.conversation_id,
            conversation.fence,
            bubble.bubble_id,
            state,
            self._clock.now(),
            provider_id=provider_id,
            record_id=record_id,
            reason=reason,
        )

    async def _raise_refused(self, conversation: Conversation, bubble: Bubble, reason: str) -> None:
        closed = reason == "window"
        why = "La ventana de 24 horas está cerrada" if closed else f"El canal dijo: {reason}"
        await self._escalator.raise_(
            f"refused:{bubble.turn_id}",
            EscalationCause.WINDOW if closed else EscalationCause.REFUSED,
            conversation.conversation_id,
            f"{why}. El texto era:\n\n{bubble.text}\n",
            bubble.turn_id,
        )

    def _count(self, conversation: Conversation, outcome: str) -> None:
        self._metrics.bubbles.labels(conversation.channel, outcome).inc()
