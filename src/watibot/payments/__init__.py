"""Proof of payment: what was read of a picture, what it is compared with, what came of it. Pure.

`tools/payment.py` has the model read a guest's picture; `reading.py` makes an `Extraction` of its
answer, `judging.py` decides by the hotel's own rules, `storage/proofs.py` keeps the outcome for the
desk. Nothing here says that something is paid: only a person who has looked at the bank can.

Amounts are in hundredths of their currency, as in the store.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class Verdict(StrEnum):
    """What our rules make of a proof. Stored and shown."""

    UNREAD = "unread"  # the model has not read it: not yet, or it failed
    CONSISTENT = "consistent"  # everything fits; the desk still has to find the money
    DOUBTFUL = "doubtful"
    UNREADABLE = "unreadable"
    NO_RECEIPT = "no_receipt"


class ProofState(StrEnum):
    """waiting -> accepted | rejected, by a person. none: nobody has to look at it."""

    WAITING = "waiting"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    NONE = "none"


class ReasonCode(StrEnum):
    """Why a proof is not consistent, in the order in which staff read them."""

    NOT_LEGIBLE = "not_legible"
    TOO_SMALL = "too_small"
    BLURRED = "blurred"
    EDITED = "edited"
    PICTURE_SEEN = "picture_seen"  # the same bytes
    REFERENCE_SEEN = "reference_seen"
    PICTURE_SIMILAR = "picture_similar"
    ACCOUNT_MISSING = "account_missing"
    ACCOUNT_UNKNOWN = "account_unknown"
    NO_BOOKING = "no_booking"
    NO_AMOUNT_KNOWN = "no_amount_known"  # staff have not said what the booking costs
    AMOUNT_MISSING = "amount_missing"
    AMOUNT_LOW = "amount_low"
    AMOUNT_HIGH = "amount_high"
    CURRENCY = "currency"
    DATE_MISSING = "date_missing"
    DATE_OLD = "date_old"
    DATE_FUTURE = "date_future"
    REFERENCE_MISSING = "reference_missing"
    MODEL_UNSURE = "model_unsure"


@dataclass(frozen=True, slots=True)
class Reason:
    """`words` are Spanish, for staff."""

    code: ReasonCode
    words: str


@dataclass(frozen=True, slots=True)
class Judgement:
    """`consistent` has no reasons, and neither has `no_receipt`."""

    verdict: Verdict
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class Extraction:
    """What the model read; None is what it did not see. `currency` is an ISO code, or "$" where the
    picture says no more. `bank` made the receipt, `account` at `payee_bank` was paid to, and
    `payee` holds it. `sure`: the model's own word for it."""

    is_receipt: bool
    amount: int | None = None
    currency: str | None = None
    date: date | None = None
    bank: str | None = None
    reference: str | None = None
    payer: str | None = None
    payee: str | None = None
    payee_bank: str | None = None
    account: str | None = None
    legible: bool = True
    sure: bool = True
    signs_of_editing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Picture:
    """What the bytes themselves say. `difference_hash` is 16 hexadecimal digits that stay nearly
    the same when the picture is scaled or saved anew; None for what has no pixels that can be
    compared (a PDF). `sharpness` goes from 0 (mist) to 1 (a screenshot). `software` is the
    editor that the file names. `broken`: it says it is a picture and cannot be opened."""

    sha256: str
    difference_hash: str | None = None
    width: int = 0
    height: int = 0
    sharpness: float | None = None
    software: str | None = None
    broken: bool = False


@dataclass(frozen=True, slots=True)
class BookingDue:
    """A booking and what is to be paid for it, as far as staff have said."""

    booking_id: int
    name: str
    arrival: str  # ISO
    departure: str
    amount_due: int | None = None
    currency: str | None = None


@dataclass(frozen=True, slots=True)
class Earlier:
    """Another proof of the hotel that shares something with this one. `distance` is how many of the
    64 bits of the difference hashes differ; None if they are not alike."""

    proof_id: int
    same_conversation: bool
    extraction: Extraction
    same_reference: bool = False
    same_picture: bool = False
    distance: int | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """The hotel's: how much of the amount is asked for (the whole may be paid too), within what
    tolerance (in units of the currency), how many days a receipt may be old or ahead."""

    deposit_percent: float = 100
    tolerance: float = 0.5
    days_back: int = 7
    days_ahead: int = 1


def money(amount: int, currency: str | None) -> str:
    """`USD 1,250.00`, as staff read it."""
    number = f"{amount // 100:,}.{amount % 100:02}"
    return f"{currency} {number}" if currency else number
