"""What colleagues do in the console: take a chat, write, give it back; queues; amounts.

`web/console/` calls it after it has seen who asks. Each verb notes who did it before it does it, so
that nothing is done without a trace, and says what came of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from watibot.conversations import Conversation, Owner, window_open
from watibot.escalations import EscalationCause
from watibot.history import HistoryItem, ItemKind
from watibot.languages import language_of
from watibot.messages import Takeover
from watibot.payments import ProofState, money
from watibot.ports import Clock, People
from watibot.ports.console import Audit, Entry, User
from watibot.ports.escalations import Escalations
from watibot.ports.proofs import Proof, Proofs
from watibot.rendering import bubbles
from watibot.texts import Texts

LONGEST_TEXT = 4_000  # characters of what a colleague writes
LONGEST_NOTE = 2_000
# Who only confirms a payment does not mean to hold the chat: long enough for the text to leave.
CONFIRMING = timedelta(minutes=15)
_GUEST_ITEMS = 40  # of the history, to hear the guest's language


class Deed(StrEnum):
    """What came of a verb."""

    DONE = "done"
    UNKNOWN = "unknown"  # there is no such conversation, escalation, proof, booking
    STANDS = "stands"  # it is so already, or somebody was quicker
    EMPTY = "empty"  # nothing that could be shown
    LONG = "long"
    WINDOW = "window"  # the channel takes no free message to this guest any more
    TOLD = "told"  # done, and the guest is sent word of it
    UNTOLD = "untold"  # done, but the channel takes no message to this guest any more


class Conversations(Protocol):
    """The store, as far as it is needed here."""

    async def conversation(self, conversation_id: str) -> Conversation | None: ...

    async def history(self, conversation_id: str, newest: int) -> list[HistoryItem]: ...


class Whose(Audit, Protocol):
    """The console's rows, as far as they are needed here."""

    async def conversation_of_booking(self, booking_id: int) -> str | None: ...

    async def conversation_of_escalation(self, escalation_id: int) -> str | None: ...


class FrontDesk:
    """The verbs. `by` is the colleague: the log goes by the user name, everybody else reads the
    full one. `wake` is the lanes', `texts` are the hotel's, by language, the first one first."""

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
        texts: Mapping[str, Texts],
    ) -> None:
        self._conversations = conversations
        self._people = people
        self._escalations = escalations
        self._proofs = proofs
        self._rows = rows
        self._clock = clock
        self._held_for = timedelta(hours=takeover_hours)
        self._wake = wake
        self._texts = texts

    async def take(self, conversation_id: str, by: User) -> Deed:
        """Staff hold the conversation until it is given back or nobody wrote for long."""
        found = await self._conversations.conversation(conversation_id)
        if found is None:
            return Deed.UNKNOWN
        now = self._clock.now()
        await self._note(by, "take", conversation_id)
        taken = Takeover(found.channel, conversation_id, found.address, held=True, by=by.full_name)
        holding = await self._people.hold(taken, now, now + self._held_for)
        await self._see_to(found, by, now, "tomó la conversación")
        if holding.changed:
            return Deed.DONE
        # It was handed over to nobody in particular, or a colleague had it: theirs from now on.
        since = await self._conversations.conversation(conversation_id)
        theirs = since is not None and since.taken_by == by.full_name != found.taken_by
        return Deed.DONE if theirs else Deed.STANDS

    async def give_back(self, conversation_id: str, by: User, note: str) -> Deed:
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
            found.channel, conversation_id, found.address, False, by.full_name, note.strip() or None
        )
        holding = await self._people.hold(back, self._clock.now(), None)
        if holding.due_at is not None:
            self._wake(conversation_id, holding.due_at)
        return Deed.DONE if holding.changed else Deed.STANDS

    async def write(self, conversation_id: str, by: User, text: str, once: str) -> Deed:
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
        item = HistoryItem(f"desk-{once}", ItemKind.STAFF, now, text.strip(), author=by.full_name)
        await self._note(by, "write", conversation_id)
        await self._say(conversation_id, item, texts, now + self._held_for)
        await self._see_to(found, by, now, "escribió al huésped")
        return Deed.DONE

    async def note(self, conversation_id: str, by: User, text: str, once: str) -> Deed:
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
            author=by.full_name,
            origin={"source": "note"},
        )
        new = await self._people.take_in(conversation_id, [item], None)
        return Deed.DONE if new else Deed.STANDS

    async def acknowledge(self, escalation_id: int, by: User, note: str) -> Deed:
        """Somebody sees to it: staff are not told of it again."""
        conversation_id = await self._rows.conversation_of_escalation(escalation_id)
        if conversation_id is None:
            return Deed.UNKNOWN
        if len(note) > LONGEST_NOTE:
            return Deed.LONG
        await self._note(by, "acknowledge", conversation_id, f"escalation {escalation_id}")
        done = await self._escalations.acknowledge(
            escalation_id, by.full_name, self._clock.now(), note.strip() or None
        )
        return Deed.DONE if done else Deed.STANDS

    async def decide(self, proof_id: int, by: User, accept: bool, note: str, tell: bool) -> Deed:
        """A proof of payment is accepted or rejected, once. `tell`: the guest is sent word of it in
        their language; after a rejection the colleague holds the chat."""
        proof = await self._proofs.proof(proof_id)
        if proof is None:
            return Deed.UNKNOWN
        if len(note) > LONGEST_NOTE:
            return Deed.LONG
        action = "accept" if accept else "reject"
        await self._note(by, action, proof.conversation_id, f"proof {proof_id}")
        now = self._clock.now()
        done = await self._proofs.decide(proof_id, accept, by.full_name, note.strip(), now)
        if not done:
            return Deed.STANDS
        await self._see_to_payment(proof.conversation_id, by, now)
        return await self._tell(proof, by, accept) if tell else Deed.DONE

    async def set_amount(self, booking_id: int, by: User, amount: int, currency: str) -> Deed:
        """What the guest owes for a booking, in hundredths of the currency."""
        conversation_id = await self._rows.conversation_of_booking(booking_id)
        if conversation_id is None:
            return Deed.UNKNOWN
        detail = f"booking {booking_id}: {money(amount, currency)}"
        await self._note(by, "set_amount", conversation_id, detail)
        done = await self._proofs.set_amount(booking_id, amount, currency)
        return Deed.DONE if done else Deed.UNKNOWN

    async def _tell(self, proof: Proof, by: User, accepted: bool) -> Deed:
        found = await self._conversations.conversation(proof.conversation_id)
        now = self._clock.now()
        if found is None or not window_open(found, now):
            return Deed.UNTOLD
        said = await self._conversations.history(found.conversation_id, _GUEST_ITEMS)
        guest = [item.text for item in said if item.kind is ItemKind.GUEST]
        texts = self._texts[language_of(guest, tuple(self._texts))]
        text = texts.payment_accepted if accepted else texts.payment_rejected
        item = HistoryItem(
            f"desk-proof-{proof.proof_id}",
            ItemKind.STAFF,
            now,
            text,
            author=by.full_name,
            # Of whatever else the guest asked it says nothing.
            origin={"source": "notice", "answers": False},
        )
        until = now + (CONFIRMING if accepted else self._held_for)
        await self._say(found.conversation_id, item, bubbles(text, found.channel), until)
        return Deed.TOLD

    async def _say(
        self, conversation_id: str, item: HistoryItem, texts: Sequence[str], until: datetime
    ) -> None:
        due_at = await self._people.staff_says(conversation_id, item, texts, until)
        if due_at is not None:
            self._wake(conversation_id, due_at)

    async def _see_to(self, found: Conversation, by: User, at: datetime, note: str) -> None:
        """Who takes a chat or writes in it sees to all that is open there."""
        await self._escalations.acknowledge_all(
            found.channel, found.conversation_id, by.full_name, at, note
        )

    async def _see_to_payment(self, conversation_id: str, by: User, at: datetime) -> None:
        """Who decides the last proof of a chat has seen to what staff were told of it."""
        proofs = await self._proofs.proofs_of(conversation_id)
        if any(proof.state is ProofState.WAITING for proof in proofs):
            return
        for each in await self._escalations.of(conversation_id):
            if each.cause is EscalationCause.PAYMENT and each.acknowledged_at is None:
                await self._escalations.acknowledge(
                    each.escalation_id, by.full_name, at, "revisó el comprobante"
                )

    async def _note(
        self, by: User, action: str, conversation_id: str, detail: str | None = None
    ) -> None:
        entry = Entry(self._clock.now(), by.user_name, action, conversation_id, detail)
        await self._rows.note(entry)
