"""The tool around the rules: which file, whose booking, what is kept, what staff and guest read."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.clocks import JumpingClock
from tests.contract.stores import DEBOUNCE, inbound
from tests.fakes_vertex import FakeModel, says
from tests.receipts import draw
from tests.receipts.desk import Desk, desk, emulated
from tests.receipts.draw import Printed
from watibot.errors import Cause, ProviderError
from watibot.escalations import EscalationCause
from watibot.messages import AttachmentKind, ChannelName
from watibot.modelcalls import ModelAnswer, ModelRequest, Occasion
from watibot.payments import ProofState, Verdict
from watibot.payments.reading import SCHEMA
from watibot.storage import schema
from watibot.storage import store as storage
from watibot.tools.payment import INSTRUCTIONS

GUEST, OTHER = "50370000001", "50370000002"
RIGHT = Printed(day="20/11/2026")
FORBIDDEN = ("paid", "confirmed", "accepted")  # what only the desk may say


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Desk]:
    url = f"sqlite:///{tmp_path}/store.db"
    schema.upgrade(url)
    clock = JumpingClock()
    async with await storage.open(url, "posada") as store, emulated(clock) as (model, _):
        yield desk(store, tmp_path, model, clock)


def receipt(printed: Printed = RIGHT) -> bytes:
    return draw.saved(draw.receipt(printed), printed)


def with_model(house: Desk, *script: ModelAnswer | Exception) -> FakeModel:
    model = FakeModel(script)
    house.reader = replace(house.reader, model=model)
    return model


async def test_a_right_one_waits_for_the_desk(house: Desk) -> None:
    number = await house.books(GUEST, 12000)
    answer = await house.asks(await house.sends(GUEST, receipt()), booking_id=number)
    assert (answer["verdict"], answer["reasons"]) == ("consistent", [])
    assert not any(word in answer["tell_guest"] for word in FORBIDDEN)
    assert house.escalated == []
    (told,) = house.told
    assert told == (
        "Comprobante por confirmar (1)\n"
        "Comprobante 1\n"
        "Reserva 1 (Ana Invento, se esperan USD 120.00)\n"
        "Monto: USD 120.00\n"
        "Fecha: 20/11/2026\n"
        "Referencia: 48213377\n"
        "Banco: Banco Ceiba de Ejemplo\n"
        "Paga: Ana Invento\n"
        "Cuenta: 000-000-000001\n"
        "Todo coincide; falta verlo en el banco\n"
        "Huésped: Ana (whatsapp, 50370000001)"
    )
    (proof,) = await house.proofs.waiting(5)
    assert (proof.verdict, proof.state) == (Verdict.CONSISTENT, ProofState.WAITING)


async def test_a_doubtful_one_is_escalated(house: Desk) -> None:
    await house.books(GUEST, 25000)
    answer = await house.asks(await house.sends(GUEST, receipt()))
    assert (answer["verdict"], answer["reasons"]) == ("doubtful", ["amount_low"])
    assert not any(word in answer["tell_guest"] for word in FORBIDDEN)
    ((cause, reason),) = house.escalated
    assert cause is EscalationCause.PAYMENT
    assert "- USD 120.00; se esperan USD 250.00" in reason
    assert house.told == []


async def test_a_photo_disturbs_nobody(house: Desk) -> None:
    await house.books(GUEST, 12000)
    answer = await house.asks(await house.sends(GUEST, draw.saved(draw.photo(1), None)))
    assert (answer["verdict"], answer["reasons"]) == ("no_receipt", [])
    assert (house.told, house.escalated) == ([], [])
    assert await house.proofs.waiting(5) == []


async def test_the_same_call_again_after_a_crash(house: Desk) -> None:
    await house.books(GUEST, 12000)
    caller = await house.sends(GUEST, receipt())
    first = await house.asks(caller)
    model = with_model(house, says("nobody asks"))
    assert await house.asks(caller) == first
    assert model.requests == []
    assert len(await house.proofs.waiting(5)) == 1


async def test_a_crash_before_the_model_has_answered(house: Desk) -> None:
    await house.books(GUEST, 12000)
    caller = await house.sends(GUEST, receipt())
    good = house.reader.model
    with_model(house, ProviderError("gemini", Cause.UNAVAILABLE))
    assert "error" in await house.asks(caller)
    house.reader = replace(house.reader, model=good)
    assert (await house.asks(caller))["verdict"] == "consistent"
    assert len(await house.proofs.waiting(5)) == 1


@pytest.mark.parametrize("decided", [None, True, False])
async def test_one_receipt_is_not_for_two_bookings(house: Desk, decided: bool | None) -> None:
    one, two = [await house.books(GUEST, 12000) for _ in range(2)]
    caller = await house.sends(GUEST, receipt())
    assert (await house.asks(caller, booking_id=one))["verdict"] == "consistent"
    first = await house.newest(GUEST)
    if decided is not None:
        assert await house.proofs.decide(first.proof_id, decided, "Rosa", "", house.clock.now())
    later = house.caller(GUEST, caller.turn_id)
    again = await house.asks(later, booking_id=two)
    assert (again["verdict"], again["reasons"]) == ("doubtful", ["picture_seen", "reference_seen"])
    waiting = [proof.proof_id for proof in await house.proofs.waiting(5)]
    second = await house.newest(GUEST)
    assert waiting == [*([first.proof_id] if decided is None else []), second.proof_id]


async def test_nor_for_one_that_nobody_named(house: Desk) -> None:
    await house.books(GUEST, 12000)
    caller = await house.sends(GUEST, receipt())
    assert (await house.asks(caller))["verdict"] == "consistent"
    await house.books(GUEST, 12000)
    again = await house.asks(house.caller(GUEST, caller.turn_id))
    assert again["reasons"] == ["picture_seen", "reference_seen"]


async def test_the_same_receipt_again_for_its_booking(house: Desk) -> None:
    one = await house.books(GUEST, 12000)
    caller = await house.sends(GUEST, receipt())
    await house.asks(caller)
    again = await house.asks(house.caller(GUEST, caller.turn_id), booking_id=one)
    assert again["verdict"] == "consistent"
    (proof,) = await house.proofs.waiting(5)
    assert await house.proofs.decide(proof.proof_id, True, "Rosa", "", house.clock.now())
    later = await house.asks(house.caller(GUEST, caller.turn_id))
    assert later["reasons"] == ["picture_seen", "reference_seen"]


async def test_a_second_look_that_sees_no_receipt(house: Desk) -> None:
    await house.books(GUEST, 12000)
    caller = await house.sends(GUEST, receipt())
    await house.asks(caller)
    first = await house.newest(GUEST)
    with_model(house, says('{"is_receipt": false}'))
    again = await house.asks(house.caller(GUEST, caller.turn_id))
    assert again["verdict"] == "no_receipt"
    assert await house.proofs.waiting(5) == [first]


FAILURES: list[ModelAnswer | Exception] = [
    ProviderError("gemini", Cause.BLOCKED, "SAFETY"),
    ProviderError("gemini", Cause.TIMEOUT),
    TimeoutError(),
    says("no es JSON"),
    says('{"is_receipt": tr', finish="MAX_TOKENS"),
    says('["is_receipt"]'),
]


@pytest.mark.parametrize("failure", FAILURES)
async def test_what_the_model_cannot_read_a_person_does(
    house: Desk, failure: ModelAnswer | Exception
) -> None:
    await house.books(GUEST, 12000)
    with_model(house, failure)
    answer = await house.asks(await house.sends(GUEST, receipt()))
    assert list(answer) == ["error"]
    assert "could not be read just now" in answer["error"]
    assert [cause for cause, _ in house.escalated] == [EscalationCause.PAYMENT]
    (proof,) = await house.proofs.waiting(5)
    assert proof.verdict is Verdict.UNREAD


async def test_the_booking_of_somebody_else_is_refused(house: Desk) -> None:
    await house.books(GUEST, 99900)
    theirs = await house.books(OTHER, 12000)
    caller = await house.sends(GUEST, receipt())
    model = with_model(house, says("nobody asks"))
    answer = await house.asks(caller, booking_id=theirs)
    assert answer == {"error": f"This guest has no booking request {theirs}: leave booking_id out."}
    assert model.requests == []
    assert await house.proofs.waiting(5) == []


async def test_the_file_of_somebody_else_is_never_taken(house: Desk) -> None:
    await house.sends(OTHER, receipt())
    hello = inbound(conversation_id=GUEST, address=GUEST)
    await house.store.receive(hello, b"{}", house.clock.now(), DEBOUNCE)
    caller = house.caller(GUEST, "t")
    answer = await house.asks(caller)
    assert answer["error"].startswith("The guest has sent no picture or document")
    also = await house.asks(caller, media=2, conversation_id=OTHER, wa_id=OTHER)
    assert also["error"].startswith("The guest has sent no picture or document")


async def test_which_file(house: Desk) -> None:
    await house.books(GUEST, 12000)
    await house.sends(GUEST, receipt())
    await house.sends(GUEST, b"OggS", "audio/ogg", kind=AttachmentKind.VOICE)
    caller = await house.sends(GUEST, draw.saved(draw.photo(3), None))
    assert (await house.asks(caller))["verdict"] == "no_receipt"
    second = house.caller(GUEST, caller.turn_id)
    assert (await house.asks(second, media=2))["verdict"] == "consistent"
    third = house.caller(GUEST, caller.turn_id)
    assert (await house.asks(third, media=3))["error"].startswith("The guest has sent only 2")


@pytest.mark.parametrize("wrong", [0, 21, "first", -1])
async def test_a_number_that_is_none(house: Desk, wrong: object) -> None:
    caller = await house.sends(GUEST, receipt())
    assert "not valid" in (await house.asks(caller, media=wrong))["error"]


async def test_a_file_that_did_not_come(house: Desk) -> None:
    _, caller = await house.sent(GUEST)
    answer = await house.asks(caller)
    assert answer == {"error": "The file could not be opened. Ask the guest to send it again."}


async def test_of_two_bookings_the_one_that_fits(house: Desk) -> None:
    fits = await house.books(GUEST, 12000)
    await house.books(GUEST, 40000)
    await house.books(GUEST, None)
    answer = await house.asks(await house.sends(GUEST, receipt()))
    assert answer["verdict"] == "consistent"
    booking = (await house.newest(GUEST)).booking
    assert booking is not None
    assert booking.booking_id == fits


async def test_what_the_model_is_asked(house: Desk) -> None:
    model = with_model(house, says('{"is_receipt": false}'))
    caller = await house.sends(GUEST, receipt())
    await house.asks(caller)
    (request,) = model.requests
    assert isinstance(request, ModelRequest)
    assert (request.instructions, request.schema, request.tools) == (INSTRUCTIONS, SCHEMA, ())
    ((file, words),) = [content["parts"] for content in request.contents]
    assert file["inlineData"]["mimeType"] == "image/jpeg"
    assert words == {"text": "Copy the fields of this file."}
    whatsapp = ChannelName.WHATSAPP
    assert request.occasion == Occasion("receipt", GUEST, whatsapp, caller.turn_id)
