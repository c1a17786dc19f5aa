"""The store's door for proofs of payment: `ports.proofs.Proofs` over SQLite or PostgreSQL.

A proof's row is there before the model is asked. So two chats that send the same picture at the
same moment find each other, and one that nobody could read still waits for a person.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, literal_column, select, update

from watibot.payments import (
    BookingDue,
    Earlier,
    Extraction,
    Judgement,
    Picture,
    ProofState,
    Reason,
    ReasonCode,
    Verdict,
)
from watibot.payments.reading import extraction as extraction_of
from watibot.payments.reading import reference_key
from watibot.ports.proofs import Proof
from watibot.storage.among import among
from watibot.storage.desk_tables import IS_UNDECIDED, payment_proofs
from watibot.storage.door import Door
from watibot.storage.rows import AnyRow, Tx, insert_once, of_conversation, of_hotel
from watibot.storage.tables import IN_TURN, WITH_STAFF, bookings, media, messages, turns
from watibot.toolcalls import Caller
from watibot.turns import Media, MediaState

ALIKE = 6  # of 64 bits
# The newest are looked through for one that looks alike, in a reader's thread.
MOST_COMPARED = 100_000
CLOSEST = 200  # of those that look alike: receipts of one app all do

_ALL = (
    select(
        payment_proofs.c.proof_id,
        payment_proofs.c.conversation_id,
        payment_proofs.c.turn_id,
        payment_proofs.c.booking_id,
        payment_proofs.c.reference,
        payment_proofs.c.extraction,
        payment_proofs.c.verdict,
        payment_proofs.c.reasons,
        payment_proofs.c.state,
        payment_proofs.c.decided_at,
        payment_proofs.c.decided_by,
        payment_proofs.c.note,
        payment_proofs.c.created_at,
        payment_proofs.c.media_id,
        media.c.kind,
        media.c.source,
        media.c.state.label("media_state"),
        media.c.mime,
        media.c.size,
        media.c.path,
        media.c.file_name,
        media.c.failure,
        bookings.c.name,
        bookings.c.arrival,
        bookings.c.departure,
        bookings.c.amount_due,
        bookings.c.currency,
    )
    .join(
        media,
        (media.c.hotel_id == payment_proofs.c.hotel_id)
        & (media.c.media_id == payment_proofs.c.media_id),
    )
    .outerjoin(
        bookings,
        (bookings.c.hotel_id == payment_proofs.c.hotel_id)
        & (bookings.c.booking_id == payment_proofs.c.booking_id),
    )
    .where(of_hotel(payment_proofs))
)
_THIS = payment_proofs.c.proof_id == bindparam("number")
_PROOF = _ALL.where(_THIS)
_BY_KEY = _ALL.where(payment_proofs.c.key == bindparam("once"))
_WAITING = _ALL.where(IS_UNDECIDED).order_by(payment_proofs.c.proof_id).limit(bindparam("most"))
_IS_RECEIPT = payment_proofs.c.verdict != literal_column("'no_receipt'")
_OF_CONVERSATION = _ALL.where(
    payment_proofs.c.conversation_id == bindparam("conversation"), _IS_RECEIPT
).order_by(payment_proofs.c.proof_id.desc())

_NEW = insert_once(payment_proofs, payment_proofs.c.proof_id)
_UPDATE = update(payment_proofs).where(of_hotel(payment_proofs), _THIS)
_DECIDE = _UPDATE.where(IS_UNDECIDED)
# Only older ones: two that are read at the same moment must not replace each other.
_REPLACED = update(payment_proofs).where(
    of_hotel(payment_proofs),
    payment_proofs.c.media_id == bindparam("file"),
    payment_proofs.c.proof_id < bindparam("number"),
    payment_proofs.c.booking_id.is_(None) | (payment_proofs.c.booking_id == bindparam("booking")),
    IS_UNDECIDED,
)

_KEYS = select(
    payment_proofs.c.conversation_id,
    payment_proofs.c.media_id,
    payment_proofs.c.sha256,
    payment_proofs.c.picture_hash,
    payment_proofs.c.reference,
).where(of_hotel(payment_proofs), _THIS)
# Of the very same file only what a person has decided, or what is for another booking: looking at
# it twice for one booking is no second payment.
_OTHER = (
    (payment_proofs.c.proof_id != bindparam("number"))
    & _IS_RECEIPT
    & (
        (payment_proofs.c.media_id != bindparam("file"))
        | payment_proofs.c.decided_at.is_not(None)
        | (payment_proofs.c.booking_id != bindparam("booking"))
    )
)
_SAME_REFERENCE = select(payment_proofs.c.proof_id).where(
    of_hotel(payment_proofs), _OTHER, payment_proofs.c.reference == bindparam("shown")
)
# Written so that no index serves it: SQLite would go through all of one with the hotel in front,
# row by row out of order, which takes five times as long as reading the table.
_OF_HOTEL = payment_proofs.c.hotel_id + literal_column("''") == bindparam("hotel")
_SAME_BYTES = select(payment_proofs.c.proof_id).where(
    _OF_HOTEL, _OTHER, payment_proofs.c.sha256 == bindparam("digest")
)
# Only what was read: one that the model failed at would look like every receipt of its app, and no
# text could tell them apart.
_HASHES = (
    select(payment_proofs.c.proof_id, payment_proofs.c.picture_hash)
    .where(
        _OF_HOTEL,
        _OTHER,
        payment_proofs.c.picture_hash.is_not(None),
        payment_proofs.c.extraction != literal_column("'{}'"),
    )
    .order_by(payment_proofs.c.proof_id.desc())
    .limit(MOST_COMPARED)
)
_FOUND = (
    select(
        payment_proofs.c.proof_id,
        payment_proofs.c.conversation_id,
        payment_proofs.c.sha256,
        payment_proofs.c.reference,
        payment_proofs.c.extraction,
    )
    .where(of_hotel(payment_proofs), among(payment_proofs.c.proof_id, "numbers"))
    .order_by(payment_proofs.c.proof_id)
)

_FILES = (
    select(media)
    .join(
        messages,
        (messages.c.hotel_id == media.c.hotel_id) & (messages.c.seq == media.c.message_seq),
    )
    .order_by(media.c.message_seq.desc(), media.c.media_id.desc())
    .limit(bindparam("most"))
)
# A message is found by its turn or, where staff answered it, by that: one statement for each index.
_FILES_OF_TURNS = _FILES.join(
    turns, (turns.c.hotel_id == messages.c.hotel_id) & (turns.c.turn_id == messages.c.turn_id)
).where(of_conversation(turns), IN_TURN)
_FILES_WITH_STAFF = _FILES.where(of_conversation(messages), WITH_STAFF)

_DUE = select(
    bookings.c.booking_id,
    bookings.c.name,
    bookings.c.arrival,
    bookings.c.departure,
    bookings.c.amount_due,
    bookings.c.currency,
)
_BOOKINGS = _DUE.where(of_conversation(bookings)).order_by(bookings.c.booking_id.desc())
_BOOKING = _DUE.where(of_hotel(bookings), bookings.c.booking_id == bindparam("number"))
_SET_AMOUNT = update(bookings).where(
    of_hotel(bookings), bookings.c.booking_id == bindparam("number")
)


class SqlProofs:
    """`ports.proofs.Proofs` for one hotel."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def files_of(self, conversation_id: str, limit: int) -> list[Media]:
        return await self._door.read(_files_of, conversation_id, limit)

    async def begin(
        self, caller: Caller, media_id: int, picture: Picture, booking_id: int | None
    ) -> Proof:
        return await self._door.write(_begin, caller, media_id, picture, booking_id)

    async def read(self, proof_id: int, extraction: Mapping[str, Any]) -> None:
        await self._door.write(_read, proof_id, extraction)

    async def earlier(self, proof_id: int, booking_id: int | None) -> list[Earlier]:
        return await self._door.read(_earlier, proof_id, booking_id)

    async def judged(self, proof_id: int, booking_id: int | None, judgement: Judgement) -> None:
        await self._door.write(_judged, proof_id, booking_id, judgement)

    async def proof(self, proof_id: int) -> Proof | None:
        return await self._door.read(_proof, proof_id)

    async def proofs_of(self, conversation_id: str) -> list[Proof]:
        return await self._door.read(_proofs_of, conversation_id)

    async def waiting(self, limit: int) -> list[Proof]:
        return await self._door.read(_waiting, limit)

    async def decide(self, proof_id: int, accept: bool, by: str, note: str, at: datetime) -> bool:
        return await self._door.write(_decide, proof_id, accept, by, note, at)

    async def bookings_of(self, conversation_id: str) -> list[BookingDue]:
        return await self._door.read(_bookings_of, conversation_id)

    async def booking(self, booking_id: int) -> BookingDue | None:
        return await self._door.read(_booking, booking_id)

    async def set_amount(self, booking_id: int, amount: int, currency: str) -> bool:
        return await self._door.write(_set_amount, booking_id, amount, currency)


def _files_of(tx: Tx, conversation_id: str, limit: int) -> list[Media]:
    here = {"conversation": conversation_id, "most": limit}
    found = {
        row.media_id: row
        for statement in (_FILES_OF_TURNS, _FILES_WITH_STAFF)
        for row in tx.all(statement, **here)
    }
    newest = sorted(found.values(), key=lambda row: (row.message_seq, row.media_id), reverse=True)
    return [_media(row, row.state) for row in newest[:limit]]


def _media(row: AnyRow, state: str) -> Media:
    return Media(
        row.media_id,
        row.kind,
        row.source,
        MediaState(state),
        row.mime,
        row.size,
        row.path,
        row.file_name,
        row.failure,
    )


def _begin(
    tx: Tx, caller: Caller, media_id: int, picture: Picture, booking_id: int | None
) -> Proof:
    row = {
        "key": caller.key,
        "conversation_id": caller.conversation_id,
        "turn_id": caller.turn_id,
        "media_id": media_id,
        "booking_id": booking_id,
        "sha256": picture.sha256,
        "picture_hash": picture.difference_hash,
        "extraction": {},
        "verdict": Verdict.UNREAD,
        "reasons": [],
        "state": ProofState.WAITING,
        "created_at": caller.now,
    }
    tx.add(tx.pick(_NEW), [row])
    return _proof_of(tx.all(_BY_KEY, once=caller.key)[0])


def _read(tx: Tx, proof_id: int, extraction: Mapping[str, Any]) -> None:
    tx.run(
        _UPDATE,
        number=proof_id,
        extraction=dict(extraction),
        reference=reference_key(extraction_of(extraction).reference),
    )


def _earlier(tx: Tx, proof_id: int, booking_id: int | None) -> list[Earlier]:
    mine = tx.one(_KEYS, number=proof_id)
    if mine is None:
        return []
    this = {"number": proof_id, "file": mine.media_id, "booking": booking_id}
    same = tx.all(_SAME_BYTES, digest=mine.sha256, **this)
    if mine.reference is not None:
        same += tx.all(_SAME_REFERENCE, shown=mine.reference, **this)
    distances = _distances(tx, mine.picture_hash, this) if mine.picture_hash else {}
    closest = sorted(distances, key=lambda number: (distances[number], -number))[:CLOSEST]
    numbers = sorted({*closest, *(row.proof_id for row in same)})
    return [
        Earlier(
            row.proof_id,
            row.conversation_id == mine.conversation_id,
            extraction_of(row.extraction),
            same_reference=mine.reference is not None and row.reference == mine.reference,
            same_picture=row.sha256 == mine.sha256,
            distance=distances.get(row.proof_id),
        )
        for row in (tx.all(_FOUND, numbers=numbers) if numbers else ())
    ]


def _distances(tx: Tx, picture_hash: str, this: Mapping[str, Any]) -> dict[int, int]:
    """By number, of those that look alike."""
    bits = int(picture_hash, 16)
    return {
        row[0]: distance
        for row in tx.many(_HASHES, **this)
        if (distance := (int(row[1], 16) ^ bits).bit_count()) <= ALIKE
    }


def _judged(tx: Tx, proof_id: int, booking_id: int | None, judgement: Judgement) -> None:
    tx.run(
        _UPDATE,
        number=proof_id,
        booking_id=booking_id,
        verdict=judgement.verdict,
        reasons=[[reason.code, reason.words] for reason in judgement.reasons],
    )
    if judgement.verdict is Verdict.NO_RECEIPT:
        tx.run(_DECIDE, number=proof_id, state=ProofState.NONE)
        return
    for mine in tx.all(_KEYS, number=proof_id):
        this = {"number": proof_id, "file": mine.media_id, "booking": booking_id}
        tx.run(_REPLACED, state=ProofState.NONE, **this)


def _proof(tx: Tx, proof_id: int) -> Proof | None:
    row = tx.one(_PROOF, number=proof_id)
    return None if row is None else _proof_of(row)


def _proofs_of(tx: Tx, conversation_id: str) -> list[Proof]:
    return [_proof_of(row) for row in tx.all(_OF_CONVERSATION, conversation=conversation_id)]


def _waiting(tx: Tx, limit: int) -> list[Proof]:
    return [_proof_of(row) for row in tx.all(_WAITING, most=limit)]


def _decide(tx: Tx, proof_id: int, accept: bool, by: str, note: str, at: datetime) -> bool:
    changed = tx.run(
        _DECIDE,
        number=proof_id,
        state=ProofState.ACCEPTED if accept else ProofState.REJECTED,
        decided_at=at,
        decided_by=by,
        note=note,
    )
    return changed > 0


def _bookings_of(tx: Tx, conversation_id: str) -> list[BookingDue]:
    return [_due(row) for row in tx.all(_BOOKINGS, conversation=conversation_id)]


def _booking(tx: Tx, booking_id: int) -> BookingDue | None:
    row = tx.one(_BOOKING, number=booking_id)
    return None if row is None else _due(row)


def _set_amount(tx: Tx, booking_id: int, amount: int, currency: str) -> bool:
    return tx.run(_SET_AMOUNT, number=booking_id, amount_due=amount, currency=currency) > 0


def _due(row: AnyRow) -> BookingDue:
    return BookingDue(
        row.booking_id, row.name, row.arrival, row.departure, row.amount_due, row.currency
    )


def _proof_of(row: AnyRow) -> Proof:
    unread = not row.extraction
    return Proof(
        proof_id=row.proof_id,
        conversation_id=row.conversation_id,
        turn_id=row.turn_id,
        media=_media(row, row.media_state),
        booking=None if row.name is None else _due(row),
        reference=row.reference,
        extraction=Extraction(is_receipt=False) if unread else extraction_of(row.extraction),
        verdict=Verdict(row.verdict),
        reasons=tuple(Reason(ReasonCode(code), words) for code, words in row.reasons),
        state=ProofState(row.state),
        decided_at=row.decided_at,
        decided_by=row.decided_by,
        note=row.note,
        created_at=row.created_at,
    )
