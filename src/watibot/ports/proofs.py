"""The promises about proofs of payment: where they are kept, and what a picture says of itself.

`tools/payment.py` keeps them, the console shows and decides them. Methods of `Proofs` are
transactions, as in `store.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from watibot.payments import (
    BookingDue,
    Earlier,
    Extraction,
    Judgement,
    Picture,
    ProofState,
    Reason,
    Verdict,
)
from watibot.toolcalls import Caller
from watibot.turns import Media


@dataclass(frozen=True, slots=True)
class Proof:
    """A picture or document that a guest sent as a proof. `media` is its file. `reference` is as
    `reading.reference_key` compares it. `booking` is None where none was found."""

    proof_id: int
    conversation_id: str
    turn_id: str
    media: Media
    booking: BookingDue | None
    reference: str | None
    extraction: Extraction
    verdict: Verdict
    reasons: tuple[Reason, ...]
    state: ProofState
    decided_at: datetime | None
    decided_by: str | None
    note: str | None
    created_at: datetime


class Proofs(Protocol):
    """Proofs of one hotel."""

    async def files_of(self, conversation_id: str, limit: int) -> list[Media]:
        """The newest files that the conversation's turns or, while they held it, staff were
        given; the newest first."""

    async def begin(
        self, caller: Caller, media_id: int, picture: Picture, booking_id: int | None
    ) -> Proof:
        """Once per `caller.key`; a repetition gets the proof as it is by now. It waits, unread."""

    async def read(self, proof_id: int, extraction: Mapping[str, Any]) -> None:
        """What the model answered, word for word. From now on others find its reference."""

    async def earlier(self, proof_id: int, booking_id: int | None) -> list[Earlier]:
        """Other proofs of the hotel, on whichever conversation, with the same bytes or reference,
        and the closest of those that look alike; none that is no receipt. `booking_id` is what this
        one is for. Of the very same file only those for another booking, and decided ones."""

    async def judged(self, proof_id: int, booking_id: int | None, judgement: Judgement) -> None:
        """The verdict. What is no receipt waits for nobody. Anything else takes the place of older
        ones of the same file that wait, for the same booking or none."""

    async def proof(self, proof_id: int) -> Proof | None: ...

    async def proofs_of(self, conversation_id: str) -> list[Proof]:
        """Receipts of one conversation, the newest first."""

    async def waiting(self, limit: int) -> list[Proof]:
        """For the desk, the oldest first."""

    async def decide(self, proof_id: int, accept: bool, by: str, note: str, at: datetime) -> bool:
        """A person's word. False: it does not wait (any more), and nothing is changed."""

    async def bookings_of(self, conversation_id: str) -> list[BookingDue]:
        """The conversation's booking requests, the newest first."""

    async def booking(self, booking_id: int) -> BookingDue | None: ...

    async def set_amount(self, booking_id: int, amount: int, currency: str) -> bool:
        """What is to be paid for a booking, in hundredths of `currency` (ISO). False: there is no
        such booking."""


class Pictures(Protocol):
    """Looks at a picture's bytes."""

    async def look(self, data: bytes, mime: str) -> Picture:
        """Never raises for what the bytes hold."""
