"""Before the model is asked: whether this guest is to be answered at all.

`answer.py` asks `before` once a turn is open; `receive.py` lets `heard` and `colleague` see what
guests and colleagues write. A guest who writes without end costs nothing above the limits, nobody
costs anything once the month's money is spent (if the owner wants that), and whoever asks for
silence has it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from watibot import telemetry
from watibot.history import ItemKind
from watibot.messages import Inbound, StaffMessage
from watibot.ports import Clock, Holding, People, Records
from watibot.settings import Limits
from watibot.stopwords import Wish, Words, burst_wish, guest_wish, staff_wish
from watibot.turns import Turn

log = telemetry.logger(__name__)

SHORT, LONG = timedelta(minutes=10), timedelta(days=1)

# Which of the hotel's texts, for whom: `limited`, `held_back`, `stopped`, `resumed`.
Texts = Callable[[str, Turn], str]


@dataclass(frozen=True, slots=True)
class Halt:
    """The turn ends without the model. `text` is what the guest reads, "" nothing; `outcome` is
    `limited`, `held_back`, `stopped` or `resumed`; staff are told where `tell`."""

    outcome: str
    text: str
    tell: bool


def over(recent: int, today: int, limits: Limits) -> timedelta | None:
    """In which span a guest has had more turns than the limits allow, this one counted; the longer
    one first. None: in neither."""
    if today > limits.turns_per_day:
        return LONG
    return SHORT if recent > limits.turns_per_10_minutes else None


def told_before(turn: Turn, text: str, span: timedelta) -> bool:
    """Whether the guest has read this text within the span: once is polite, again is noise."""
    since = turn.opened_at - span
    return any(
        item.kind is ItemKind.ASSISTANT and item.at > since and item.text == text
        for item in turn.history
    )


class Gate:
    """Limits, money and stop words of one hotel. `holds_back`: whether the model is not asked any
    more, because the month's money is spent."""

    def __init__(
        self,
        people: People,
        records: Records,
        clock: Clock,
        limits: Limits,
        words: Words,
        texts: Texts,
        holds_back: Callable[[], bool] = lambda: False,
    ) -> None:
        self._people = people
        self._records = records
        self._clock = clock
        self._limits = limits
        self._words = words
        self._texts = texts
        self._holds_back = holds_back
        self._woken: set[str] = set()

    async def before(self, turn: Turn) -> Halt | None:
        """Why the model is not asked; None if it is."""
        conversation_id = turn.conversation.conversation_id
        wish = burst_wish(turn.messages, self._words)
        woken = conversation_id in self._woken
        self._woken.discard(conversation_id)
        if wish is Wish.STOP:
            await self._people.stop(conversation_id, self._clock.now())
            log.info("guest.stopped", conversation=conversation_id)
            return Halt("stopped", self._texts("stopped", turn), tell=True)
        if wish is Wish.RESUME and woken and len(turn.messages) == 1:
            return Halt("resumed", self._texts("resumed", turn), tell=False)
        return await self._limit(turn) or self._hold_back(turn)

    async def heard(self, message: Inbound) -> None:
        """A guest wrote, and it is not stored yet. Whoever was silenced and writes the word for it
        is answered again; the message itself becomes a turn then."""
        if guest_wish(message.text, self._words) is not Wish.RESUME:
            return
        for name in (message.conversation_id, *message.aliases):
            conversation = await self._records.conversation(name)
            if conversation is None or conversation.stopped_at is None:
                continue
            if message.provider_time < conversation.stopped_at:
                return  # an old delivery, repeated
            await self._people.stop(conversation.conversation_id, None)
            self._woken.add(conversation.conversation_id)
            log.info("guest.resumed", conversation=conversation.conversation_id)
            return

    async def colleague(self, message: StaffMessage) -> Holding | None:
        """A colleague wrote, and it is stored. Their words silence the assistant until they wake it
        again, which also gives it the conversation back: what the Holding says is then to be
        done."""
        wish = staff_wish(message.text, self._words)
        if wish is None:
            return None
        log.info(f"staff.{wish}", conversation=message.conversation_id)
        return await self._people.obey(message, wish is Wish.STOP, self._clock.now())

    async def _limit(self, turn: Turn) -> Halt | None:
        conversation_id = turn.conversation.conversation_id
        today = await self._people.turns_since(conversation_id, turn.opened_at - LONG)
        if today <= min(self._limits.turns_per_10_minutes, self._limits.turns_per_day):
            return None  # nor can there be more in ten minutes: one look is enough for nearly all
        recent = await self._people.turns_since(conversation_id, turn.opened_at - SHORT)
        span = over(recent, today, self._limits)
        if span is None:
            return None
        text = self._texts("limited", turn)
        again = told_before(turn, text, span)
        log.warning("guest.limited", conversation=conversation_id, told=not again)
        return Halt("limited", "" if again else text, tell=not again)

    def _hold_back(self, turn: Turn) -> Halt | None:
        if not self._holds_back():
            return None
        text = self._texts("held_back", turn)
        again = told_before(turn, text, LONG)
        log.warning(
            "guest.held_back", conversation=turn.conversation.conversation_id, told=not again
        )
        # Nobody else answers: whatever the guest writes, a person must know.
        return Halt("held_back", "" if again else text, tell=True)
