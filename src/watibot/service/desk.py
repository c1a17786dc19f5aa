"""What colleagues do in the console: take a chat, write, give it back; queues; amounts.

`web/console/` calls it after it has seen who asks. Each verb notes who did it before it does it, so
that nothing is done without a trace, and says what came of it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Protocol

from watibot.conversations import Conversation, Owner, window_open
from watibot.history import HistoryItem, ItemKind
from watibot.messages import Takeover
from watibot.payments import money
from watibot.ports import Clock, People
from watibot.ports.console import Audit, Entry
from watibot.ports.escalations import Escalations
from watibot.ports.proofs import Proofs
from watibot.rendering import bubbles

LONGEST_TEXT = 4_000  # characters of what a colleague writes
LONGEST_NOTE = 2_000
_NOT_CHECKED = datetime(1970, 1, 1, tzinfo=UTC)


class Deed(StrEnum):
    """What came of a verb."""

    DONE = "done"
    UNKNOWN = "unknown"  # there is no such conversation, escalation, proof, booking
    STANDS = "stands"  # it is so already, or somebody was quicker
    EMPTY = "empty"  # nothing that could be shown
    LONG = "long"
    WINDOW = "window"  # the channel takes no free message to this guest any more


class Conversations(Protocol):
    """The store, as far as it is needed here."""

    async def conversation(self, conversation_id: str) -> Conversation | None: ...


class Whose(Audit, Protocol):
    """The console's rows, as far as they are needed here."""

    async def conversation_of_booking(self, booking_id: int) -> str | None: ...

    async def conversation_of_escalation(self, escalation_id: int) -> str | None: ...


class FrontDesk:
    """The verbs. `by` is the colleague's name. `wake` is the lanes'."""

    def __init__(
        self,
        conversations: Conversations,
        people: People,
        escalations: Escalations,
        proofs: Proofs,
        rows: Whose,
        clock: Clock,
        takeover_hours: float,
        wake: Callable[[str, datetime], None],
    ) -> None:
        self._conversations = conversations
        self._people = people
        self._escalations = escalations
        self._proofs = proofs
        self._rows = rows
        self._clock = clock
        self._held_for = timedelta(hours=takeover_hours)
        self._wake = wake

    async def take(self, conversation_id: str, by: str) -> Deed:
        """Staff hold the conversation until it is given back or nobody wrote for long."""
        found = await self._conversations.conversation(conversation_id)
        if found is None:
            return Deed.UNKNOWN
        now = self._clock.now()
        await self._note(by, "take", conversation_id)
        taken = Takeover(found.channel, conversation_id, found.address, held=True, by=by)
        holding = await self._people.hold(taken, now, now + self._held_for)
        await self._see_to(found, by, now, "tomó la conversación")
        return Deed.DONE if holding.changed else Deed.STANDS

    async def give_back(self, conversation_id: str, by: str, note: str) -> Deed:
        """The assistant answers again, and knows `note`."""
        found = await self._conversations.conversation(conversation_id)
        if found is None:
            return Deed.UNKNOWN
        if len(note) > LONGEST_NOTE:
            return Deed.LONG
        if found.owner is not Owner.STAFF:
            return Deed.STANDS
        await self._note(by, "give_back", conversation_id)
        back = Takeover(
            found.channel, conversation_id, found.address, False, by, note.strip() or None
        )
        holding = await self._people.hold(back, self._clock.now(), None)
        if holding.due_at is not None:
            self._wake(conversation_id, holding.due_at)
        return Deed.DONE if holding.changed else Deed.STANDS

    async def write(self, conversation_id: str, by: str, text: str, once: str) -> Deed:
        """A message to the guest; staff hold the conversation from then on. The same `once` a
        second time, from a button that was pressed twice, sends nothing more."""
        found = await self._conversations.conversation(conversation_id)
        if found is None:
            return Deed.UNKNOWN
        if len(text) > LONGEST_TEXT:
            return Deed.LONG
        texts = bubbles(text, found.channel)
        if not texts:
            return Deed.EMPTY
        now = self._clock.now()
        if not window_open(found, now):
            return Deed.WINDOW
        item = HistoryItem(f"desk-{once}", ItemKind.STAFF, now, text.strip(), author=by)
        await self._note(by, "write", conversation_id)
        until = now + self._held_for
        due_at = await self._people.staff_says(conversation_id, item, texts, until)
        await self._see_to(found, by, now, "escribió al huésped")
        if due_at is not None:
            self._wake(conversation_id, due_at)
        return Deed.DONE

    async def note(self, conversation_id: str, by: str, text: str, once: str) -> Deed:
        """Something that the assistant should know and the guest is not sent."""
        found = await self._conversations.conversation(conversation_id)
        if found is None:
            return Deed.UNKNOWN
        if len(text) > LONGEST_NOTE:
            return Deed.LONG
        if not text.strip():
            return Deed.EMPTY
        await self._note(by, "note", conversation_id)
        item = HistoryItem(
            f"desk-{once}",
            ItemKind.STAFF,
            self._clock.now(),
            text.strip(),
            author=by,
            origin={"source": "note"},
        )
        # Nobody has compared the provider's history meanwhile.
        checked_at = found.checked_at or _NOT_CHECKED
        new = await self._people.take_in(conversation_id, [item], checked_at)
        return Deed.DONE if new else Deed.STANDS

    async def acknowledge(self, escalation_id: int, by: str, note: str) -> Deed:
        """Somebody sees to it: staff are not told of it again."""
        conversation_id = await self._rows.conversation_of_escalation(escalation_id)
        if conversation_id is None:
            return Deed.UNKNOWN
        if len(note) > LONGEST_NOTE:
            return Deed.LONG
        await self._note(by, "acknowledge", conversation_id, f"escalation {escalation_id}")
        done = await self._escalations.acknowledge(
            escalation_id, by, self._clock.now(), note.strip() or None
        )
        return Deed.DONE if done else Deed.STANDS

    async def decide(self, proof_id: int, by: str, accept: bool, note: str) -> Deed:
        """A proof of payment is accepted or rejected, once."""
        proof = await self._proofs.proof(proof_id)
        if proof is None:
            return Deed.UNKNOWN
        if len(note) > LONGEST_NOTE:
            return Deed.LONG
        action = "accept" if accept else "reject"
        await self._note(by, action, proof.conversation_id, f"proof {proof_id}")
        done = await self._proofs.decide(proof_id, accept, by, note.strip(), self._clock.now())
        return Deed.DONE if done else Deed.STANDS

    async def set_amount(self, booking_id: int, by: str, amount: int, currency: str) -> Deed:
        """What the guest owes for a booking, in hundredths of the currency."""
        conversation_id = await self._rows.conversation_of_booking(booking_id)
        if conversation_id is None:
            return Deed.UNKNOWN
        detail = f"booking {booking_id}: {money(amount, currency)}"
        await self._note(by, "set_amount", conversation_id, detail)
        done = await self._proofs.set_amount(booking_id, amount, currency)
        return Deed.DONE if done else Deed.UNKNOWN

    async def _see_to(self, found: Conversation, by: str, at: datetime, note: str) -> None:
        """Who takes a chat or writes in it sees to all that is open there."""
        await self._escalations.acknowledge_all(found.channel, found.conversation_id, by, at, note)

    async def _note(
        self, by: str, action: str, conversation_id: str, detail: str | None = None
    ) -> None:
        await self._rows.note(Entry(self._clock.now(), by, action, conversation_id, detail))
