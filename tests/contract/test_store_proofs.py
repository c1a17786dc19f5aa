"""The store's exam on proofs of payment. Both databases sit it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from tests.contract.stores import DEBOUNCE, GUEST, Hand, at, inbound
from watibot.messages import Attachment, AttachmentKind, ChannelName, MessageKind, Takeover
from watibot.payments import (
    BookingDue,
    Judgement,
    Picture,
    ProofState,
    Reason,
    ReasonCode,
    Verdict,
)
from watibot.ports.proofs import Proof, Proofs
from watibot.ports.store import Booking
from watibot.storage.door import Door
from watibot.storage.proofs import SqlProofs
from watibot.storage.store import SqlStore
from watibot.toolcalls import Caller
from watibot.turns import Media, MediaState

OTHER = "50370000002"
ANSWER = {
    "is_receipt": True,
    "amount": "$120.00",
    "date": "20/11/2026",
    "reference": "Ref. 48213377",
    "account": "****0001",
    "legible": True,
    "sure": True,
    "signs_of_editing": [],
}
PICTURE = Picture("digest-1", "0210504080808000", 720, 1280, 0.98)
LOW = Judgement(Verdict.DOUBTFUL, (Reason(ReasonCode.AMOUNT_LOW, "Faltan USD 5.00"),))
GOOD = Judgement(Verdict.CONSISTENT)


def caller(key: str, guest: str = GUEST, hotel: str = "posada") -> Caller:
    return Caller(hotel, guest, ChannelName.WHATSAPP, guest, None, "Ana", "turn", key, at(0))


@pytest.fixture
def proofs(store: SqlStore) -> Proofs:
    return SqlProofs(Door(store._writer, "posada"))


async def file_of(store: SqlStore, guest: str = GUEST, name: str = "uno", sent: float = 0) -> Media:
    """A file that the guest sent, in a turn."""
    hand = Hand(store, guest)
    received = await hand.hear(
        "",
        sent,
        conversation_id=guest,
        address=guest,
        kind=MessageKind.MEDIA,
        attachments=(Attachment(AttachmentKind.IMAGE, f"data/{name}.jpg"),),
    )
    ready = replace(
        received.media[0],
        state=MediaState.READY,
        mime="image/jpeg",
        size=9,
        path=name,
        file_name=f"{name}.jpg",
    )
    await store.media_done(ready)
    await hand.answer("gracias", seconds=sent + 30)
    await hand.release()
    return ready


async def judged(
    store: SqlStore,
    proofs: Proofs,
    key: str,
    *,
    guest: str = GUEST,
    picture: Picture = PICTURE,
    judgement: Judgement = GOOD,
    media: Media | None = None,
    booking: int | None = None,
    **answer: Any,
) -> Proof:
    """A proof that went the whole way."""
    sent = media or await file_of(store, guest, key, sent=float(len(key) * 100))
    begun = await proofs.begin(caller(key, guest), sent.media_id, picture, None)
    await proofs.read(begun.proof_id, ANSWER | answer)
    await proofs.judged(begun.proof_id, booking, judgement)
    found = await proofs.proof(begun.proof_id)
    assert found is not None
    return found


async def test_a_proof_is_kept_once(store: SqlStore, proofs: Proofs) -> None:
    media = await file_of(store)
    begun = await asyncio.gather(
        *(proofs.begin(caller("k"), media.media_id, PICTURE, None) for _ in range(4))
    )
    assert len({proof.proof_id for proof in begun}) == 1
    first = begun[0]
    assert (first.verdict, first.state) == (Verdict.UNREAD, ProofState.WAITING)
    assert (first.media, first.booking, first.extraction.is_receipt) == (media, None, False)
    await proofs.read(first.proof_id, ANSWER)
    await proofs.judged(first.proof_id, None, LOW)
    again = await proofs.begin(caller("k"), media.media_id, PICTURE, None)
    assert (again.verdict, again.reasons, again.reference) == (
        Verdict.DOUBTFUL,
        LOW.reasons,
        "48213377",
    )
    assert (again.extraction.amount, again.created_at) == (12000, at(0))
    assert await proofs.waiting(5) == [again]
    assert await proofs.proofs_of(GUEST) == [again]
    assert await proofs.proofs_of(OTHER) == []
    assert await proofs.proof(first.proof_id + 1) is None


async def test_no_receipt_waits_for_nobody(store: SqlStore, proofs: Proofs) -> None:
    photo = await judged(store, proofs, "k", judgement=Judgement(Verdict.NO_RECEIPT))
    assert photo.state is ProofState.NONE
    assert await proofs.waiting(5) == []
    assert await proofs.proofs_of(GUEST) == []
    assert not await proofs.decide(photo.proof_id, True, "Rosa", "", at(9))
    second = await judged(store, proofs, "k2")
    assert await proofs.earlier(second.proof_id, None) == []


async def test_a_second_look_at_a_file_replaces_the_first(store: SqlStore, proofs: Proofs) -> None:
    media = await file_of(store)
    first = await judged(store, proofs, "k1", media=media)
    second = await judged(store, proofs, "k2", media=media)
    assert [proof.proof_id for proof in await proofs.waiting(5)] == [second.proof_id]
    assert await proofs.earlier(second.proof_id, None) == []
    replaced = await proofs.proof(first.proof_id)
    assert replaced is not None
    assert replaced.state is ProofState.NONE


async def test_a_look_that_sees_no_receipt_replaces_nothing(
    store: SqlStore, proofs: Proofs
) -> None:
    media = await file_of(store)
    first = await judged(store, proofs, "k1", media=media)
    await judged(store, proofs, "k2", media=media, judgement=Judgement(Verdict.NO_RECEIPT))
    assert await proofs.waiting(5) == [first]


async def test_two_looks_at_the_same_moment_leave_one(store: SqlStore, proofs: Proofs) -> None:
    media = await file_of(store)
    older, newer = [
        await proofs.begin(caller(key), media.media_id, PICTURE, None) for key in ("k1", "k2")
    ]
    assert len(await proofs.waiting(5)) == 2  # nothing has been read that could replace one
    for proof in (newer, older):
        await proofs.judged(proof.proof_id, None, GOOD)
    assert [proof.proof_id for proof in await proofs.waiting(5)] == [newer.proof_id]


# Of the same file: the booking of the first look, what a person made of it, that of the second.
SAME_FILE: list[tuple[str, int | None, bool | None, int | None, bool]] = [
    ("the same booking", 1, None, 1, False),
    ("another booking", 1, None, 2, True),
    ("no booking before", None, None, 2, False),
    ("no booking now", 1, None, None, False),
    ("accepted", 1, True, 1, True),
    ("rejected", 1, False, 1, True),
    ("accepted, another booking", 1, True, 2, True),
    ("accepted, no booking before", None, True, 2, True),
    ("accepted, no booking now", 1, True, None, True),
]


@pytest.mark.parametrize(("name", "before", "accepted", "now", "seen"), SAME_FILE)
async def test_the_same_file_again(
    store: SqlStore,
    proofs: Proofs,
    name: str,
    before: int | None,
    accepted: bool | None,
    now: int | None,
    seen: bool,
) -> None:
    media = await file_of(store)
    first = await judged(store, proofs, "k1", media=media, booking=before)
    if accepted is not None:
        assert await proofs.decide(first.proof_id, accepted, "Rosa", "", at(9))
    second = await proofs.begin(caller("k2"), media.media_id, PICTURE, now)
    await proofs.read(second.proof_id, ANSWER)
    found = await proofs.earlier(second.proof_id, now)
    assert [one.proof_id for one in found] == [first.proof_id] * seen
    assert all(one.same_picture and one.same_reference for one in found)


async def test_the_same_file_for_another_booking_replaces_nothing(
    store: SqlStore, proofs: Proofs
) -> None:
    media = await file_of(store)
    made = [
        await judged(store, proofs, f"k{number}", media=media, booking=number) for number in (1, 2)
    ]
    assert await proofs.waiting(5) == made
    again = await judged(store, proofs, "k3", media=media, booking=1)
    assert await proofs.waiting(5) == [made[1], again]


async def test_a_proof_is_not_earlier_than_itself(store: SqlStore, proofs: Proofs) -> None:
    proof = await judged(store, proofs, "k", booking=1)
    assert await proofs.decide(proof.proof_id, True, "Rosa", "", at(9))
    assert await proofs.earlier(proof.proof_id, 2) == []


async def test_a_person_decides_once(store: SqlStore, proofs: Proofs) -> None:
    one, two = await judged(store, proofs, "k"), await judged(store, proofs, "kk")
    done = await asyncio.gather(
        *(proofs.decide(one.proof_id, accept, "Rosa", "visto", at(9)) for accept in (True, True))
    )
    assert sorted(done) == [False, True]
    assert not await proofs.decide(one.proof_id, False, "Marta", "no", at(10))
    found = await proofs.proof(one.proof_id)
    assert found is not None
    assert (found.state, found.decided_by, found.decided_at, found.note) == (
        ProofState.ACCEPTED,
        "Rosa",
        at(9),
        "visto",
    )
    assert await proofs.decide(two.proof_id, False, "Rosa", "", at(11))
    assert await proofs.waiting(5) == []


async def test_the_oldest_waits_at_the_head(store: SqlStore, proofs: Proofs) -> None:
    made = [await judged(store, proofs, "k" * number) for number in (1, 2, 3)]
    assert [proof.proof_id for proof in await proofs.waiting(2)] == [
        proof.proof_id for proof in made[:2]
    ]


EARLIER: list[tuple[str, Picture, dict[str, Any], tuple[bool, bool, int | None] | None]] = [
    ("the same bytes", PICTURE, {"reference": None}, (False, True, 0)),
    ("the reference", Picture("d2"), {"reference": "no. 4821-3377"}, (True, False, None)),
    ("O for 0", Picture("d2"), {"reference": "482I3377"}, (True, False, None)),
    (
        "alike",
        Picture("d2", "0210504080808000"[:-1] + "7"),
        {"reference": "1111222"},
        (False, False, 3),
    ),
    ("6 bits", Picture("d2", "021050408080803f"), {"reference": None}, (False, False, 6)),
    ("7 bits", Picture("d2", "021050408080807f"), {"reference": None}, None),
    ("the highest bit", Picture("d2", "8210504080808000"), {"reference": None}, (False, False, 1)),
    ("no reference at all", Picture("d2"), {"reference": None}, None),
    ("another", Picture("d2", "ffffffffffffffff"), {"reference": "9999"}, None),
]


@pytest.mark.parametrize(("name", "picture", "answer", "wanted"), EARLIER)
async def test_what_came_before_is_found(
    store: SqlStore,
    proofs: Proofs,
    name: str,
    picture: Picture,
    answer: dict[str, Any],
    wanted: tuple[bool, bool, int | None] | None,
) -> None:
    first = await judged(store, proofs, "k1")
    second = await judged(store, proofs, "k2", guest=OTHER, picture=picture, **answer)
    found = await proofs.earlier(second.proof_id, None)
    if wanted is None:
        assert found == []
        return
    (one,) = found
    assert (one.same_reference, one.same_picture, one.distance) == wanted
    assert (one.proof_id, one.same_conversation) == (first.proof_id, False)
    assert one.extraction == first.extraction


async def test_two_chats_at_the_same_moment_find_each_other(
    store: SqlStore, proofs: Proofs
) -> None:
    files = [await file_of(store), await file_of(store, OTHER, "dos")]
    guests = (GUEST, OTHER)
    begun = [
        await proofs.begin(caller(guest, guest), media.media_id, PICTURE, None)
        for guest, media in zip(guests, files, strict=True)
    ]
    for mine, other in (begun, begun[::-1]):
        (found,) = await proofs.earlier(mine.proof_id, None)
        assert (found.proof_id, found.same_picture) == (other.proof_id, True)
        assert found.distance is None  # nothing was read yet that could tell them apart
    assert await proofs.earlier(999, None) == []


async def test_hotels_do_not_see_each_other(store: SqlStore, proofs: Proofs) -> None:
    first = await judged(store, proofs, "k")
    elsewhere = SqlProofs(Door(store._writer, "another"))
    assert await elsewhere.proof(first.proof_id) is None
    assert await elsewhere.waiting(5) == []
    assert await elsewhere.files_of(GUEST, 5) == []
    assert not await elsewhere.decide(first.proof_id, True, "Rosa", "", at(9))
    media = await file_of(store, OTHER, "dos")
    mine = await proofs.begin(caller("m", OTHER), media.media_id, PICTURE, None)
    await proofs.read(mine.proof_id, ANSWER)
    stranger = SqlStore(store._writer, "another", None)
    theirs = SqlProofs(Door(stranger._writer, "another"))
    far = await file_of(stranger, OTHER, "tres")
    begun = await theirs.begin(caller("m", OTHER, "another"), far.media_id, PICTURE, None)
    await theirs.read(begun.proof_id, ANSWER)
    assert begun.proof_id != mine.proof_id
    assert await theirs.earlier(begun.proof_id, None) == []


async def test_files_come_newest_first(store: SqlStore, proofs: Proofs) -> None:
    files = [await file_of(store, name=name, sent=n * 100.0) for n, name in enumerate("abc")]
    await file_of(store, OTHER, "ajena")
    assert await proofs.files_of(GUEST, 9) == files[::-1]
    assert await proofs.files_of(GUEST, 1) == files[2:]
    assert await proofs.files_of("50370000009", 9) == []
    waiting = inbound(
        "",
        900,
        kind=MessageKind.MEDIA,
        attachments=(Attachment(AttachmentKind.IMAGE, "data/d.jpg"),),
    )
    hand = Hand(store)
    await store.receive(waiting, b"{}", at(900), DEBOUNCE)
    await hand.begin(930)
    newest = await proofs.files_of(GUEST, 1)
    assert [(one.source, one.state) for one in newest] == [("data/d.jpg", MediaState.PENDING)]


async def test_files_that_staff_were_given_are_seen_too(store: SqlStore, proofs: Proofs) -> None:
    before = await file_of(store, name="a")
    taken = Takeover(ChannelName.WHATSAPP, GUEST, GUEST, held=True, by="Rosa")
    assert (await store.people.hold(taken, at(100), at(10_000))).changed
    sent = []
    for number in range(3):
        message = inbound(
            "",
            200 + number,
            kind=MessageKind.MEDIA,
            attachments=(Attachment(AttachmentKind.IMAGE, f"data/{number}.jpg"),),
        )
        received = await store.receive(message, b"{}", at(200 + number), DEBOUNCE)
        sent.append(received.media[0])
    assert await proofs.files_of(GUEST, 9) == [*sent[::-1], before]
    assert await proofs.files_of(GUEST, 2) == sent[:0:-1]
    assert await proofs.files_of(OTHER, 9) == []


async def test_bookings_and_their_amounts(store: SqlStore, proofs: Proofs) -> None:
    wish = Booking("2026-12-01", "2026-12-03", 2, "Ana Invento")
    one, _ = await store.book(caller("b1"), wish)
    two, _ = await store.book(caller("b2"), wish)
    theirs, _ = await store.book(caller("b3", OTHER), wish)
    plain = BookingDue(one, "Ana Invento", "2026-12-01", "2026-12-03")
    assert await proofs.bookings_of(GUEST) == [replace(plain, booking_id=two), plain]
    assert await proofs.set_amount(one, 2**40, "USD")
    assert await proofs.booking(one) == replace(plain, amount_due=2**40, currency="USD")
    assert not await proofs.set_amount(999, 1, "USD")
    assert await proofs.booking(999) is None
    media = await file_of(store)
    begun = await proofs.begin(caller("k"), media.media_id, PICTURE, two)
    assert begun.booking == replace(plain, booking_id=two)
    await proofs.judged(begun.proof_id, one, GOOD)
    (found,) = await proofs.waiting(5)
    assert found.booking == replace(plain, amount_due=2**40, currency="USD")
    assert theirs not in [booking.booking_id for booking in await proofs.bookings_of(GUEST)]
