"""Proofs of payment at the desk: decided once, the guest told in their language, amounts noted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.contract.stores import at
from tests.flow.console_rig import ROSA, Desk, chat, desk, seen
from watibot.conversations import Owner
from watibot.escalations import DeadEnd, EscalationCause, Told
from watibot.history import ItemKind
from watibot.messages import ChannelName, Takeover
from watibot.payments import ProofState
from watibot.service.desk import CONFIRMING
from watibot.texts import BUILT_IN


@pytest.fixture
async def front(tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk(tmp_path) as made:
        yield made


@pytest.mark.parametrize(
    ("verdict", "state"), [("accept", ProofState.ACCEPTED), ("reject", ProofState.REJECTED)]
)
async def test_a_proof_is_decided_once(front: Desk, verdict: str, state: ProofState) -> None:
    await front.guest()
    number = await front.proof()
    rosa = await front.signed_in()
    page = await rosa.get("/payments")
    assert "El monto es menor que lo debido" in seen(page)
    assert '<img src="/console/media/' in page.text
    assert "less than what is due" in seen(await rosa.get("/payments?lang=en"))
    path = f"/payments/{number}/decide"
    assert (await rosa.send(path, verdict="maybe")).status_code == 403
    answer = await rosa.send(path, verdict=verdict, note="visto en el banco")
    assert answer.headers["location"] == "/console/?said=done"
    answer = await rosa.send(path, verdict="reject")
    assert answer.headers["location"] == "/console/?said=stands"
    found = await front.proofs.proof(number)
    assert found is not None
    assert (found.state, found.decided_by, found.note) == (
        state,
        "Rosa Menjívar",
        "visto en el banco",
    )
    assert (await rosa.send("/payments/99/decide", verdict="accept")).status_code == 404


@pytest.mark.parametrize(
    ("amount", "currency", "stored"),
    [
        ("125", "USD", (12500, "USD")),
        ("1,250.50", "usd", (125050, "USD")),
        ("0", "USD", None),
        ("-5", "USD", None),
        ("125 o 130", "USD", None),
        ("mucho", "USD", None),
        ("125", "", None),
        ("125", "$$$", None),
        ("", "", None),
    ],
)
async def test_an_amount(
    front: Desk, amount: str, currency: str, stored: tuple[int, str] | None
) -> None:
    await front.guest()
    number = await front.booking()
    rosa = await front.signed_in()
    path = f"/bookings/{number}/amount"
    answer = await rosa.send(path, amount=amount, currency=currency)
    said = "done" if stored else "amount"
    assert answer.headers["location"] == f"/console/?said={said}"
    found = await front.proofs.booking(number)
    assert found is not None
    assert (found.amount_due, found.currency) == (stored or (None, None))
    assert (await rosa.send("/bookings/99/amount", amount="1", currency="USD")).status_code == 404


SAID = [
    ("hola, ya pagué", "es", "accept", CONFIRMING),
    ("hola, ya pagué", "es", "reject", timedelta(hours=12)),
    ("hello, I have paid for the room", "en", "accept", CONFIRMING),
    ("hello, I have paid for the room", "en", "reject", timedelta(hours=12)),
]


@pytest.mark.parametrize(("wrote", "language", "verdict", "held_for"), SAID)
async def test_the_guest_is_told(
    front: Desk, wrote: str, language: str, verdict: str, held_for: timedelta
) -> None:
    hand = await front.guest(wrote)
    _, (bubble,) = await hand.answer("un momento")
    await hand.send(bubble)
    await hand.release()
    number = await front.proof()
    await front.clock.advance(60)
    rosa = await front.signed_in()
    assert 'name="tell" value="yes" checked' in (await rosa.get("/payments")).text
    path = f"/payments/{number}/decide"
    answer = await rosa.send(path, verdict=verdict, note="para nosotros", tell="yes")
    assert answer.headers["location"] == "/console/?said=told"
    again = await rosa.send(path, verdict=verdict, tell="yes")
    assert again.headers["location"] == "/console/?said=stands"
    texts = BUILT_IN[language]
    wanted = texts.payment_accepted if verdict == "accept" else texts.payment_rejected
    item = (await front.store.history(ROSA, 1))[0]
    assert (item.kind, item.text, item.author) == (ItemKind.STAFF, wanted, "Rosa Menjívar")
    found = await front.store.conversation(ROSA)
    assert found is not None
    assert (found.owner, found.taken_by) == (Owner.STAFF, "Rosa Menjívar")
    assert found.staff_until == front.clock.now() + held_for
    claim = await front.store.claim(ROSA, front.clock.now(), at(999))
    assert claim is not None
    assert [bubble.text for bubble in claim.bubbles] == [wanted]
    assert [name for name, _ in front.woken] == [ROSA]


async def test_that_a_payment_is_confirmed_answers_no_question(front: Desk) -> None:
    hand = await front.guest("¿a qué hora es la entrada?")
    number = await front.proof()
    await front.clock.advance(10)
    rosa = await front.signed_in()
    await rosa.send(f"/payments/{number}/decide", verdict="accept", tell="yes")
    (bubble,) = (await hand.claim(20)).bubbles
    await hand.send(bubble, 20)
    await hand.release()
    await front.clock.advance(CONFIRMING.total_seconds())
    now = front.clock.now()
    back = Takeover(ChannelName.WHATSAPP, ROSA, ROSA, held=False)
    assert (await front.store.people.hold(back, now, None)).due_at == now


async def test_a_confirmation_does_not_shorten_a_takeover(front: Desk) -> None:
    await front.guest()
    number = await front.proof()
    rosa = await front.signed_in()
    await front.clock.advance(10)
    await rosa.send(chat(ROSA, "/take"))
    await rosa.send(f"/payments/{number}/decide", verdict="accept", tell="yes")
    found = await front.store.conversation(ROSA)
    assert found is not None
    assert found.staff_until == front.clock.now() + timedelta(hours=12)


async def test_who_does_not_tell_holds_nothing(front: Desk) -> None:
    await front.guest()
    number = await front.proof()
    rosa = await front.signed_in()
    await rosa.send(f"/payments/{number}/decide", verdict="reject")
    found = await front.store.conversation(ROSA)
    assert found is not None
    assert found.owner is Owner.BOT
    assert front.woken == []


async def test_that_a_guest_cannot_be_told_is_said(front: Desk) -> None:
    await front.guest()
    number = await front.proof()
    await front.clock.advance(24 * 3600)
    rosa = await front.signed_in()
    answer = await rosa.send(f"/payments/{number}/decide", verdict="accept", tell="yes")
    assert answer.headers["location"] == "/console/?said=untold"
    page = await rosa.get("/?said=untold")
    assert 'role="alert"' in page.text
    assert "no se avisó al huésped" in seen(page)
    found = await front.proofs.proof(number)
    assert found is not None
    assert found.state is ProofState.ACCEPTED
    assert front.woken == []


async def test_the_last_decision_sees_to_what_staff_were_told(front: Desk) -> None:
    await front.guest()
    numbers = [await front.proof(key=key) for key in ("p1", "p2")]
    await front.escalation()  # of another cause: stays open
    end = DeadEnd("pay", EscalationCause.PAYMENT, ROSA, "Comprobante 1", at(1))
    assert await front.escalations.open(end, Told("t", "b", at(1)), at(900))
    rosa = await front.signed_in()
    for number, open_ones in zip(numbers, (2, 1), strict=True):
        await rosa.send(f"/payments/{number}/decide", verdict="accept")
        assert len(await front.escalations.open_ones(9)) == open_ones
    (left,) = await front.escalations.open_ones(9)
    assert left.cause is EscalationCause.GUEST_WISH
