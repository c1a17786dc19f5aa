"""The store's exam, fourth part: a takeover ends by itself, and a turn hands over what a colleague
has taken meanwhile. Both databases sit it."""

from __future__ import annotations

from datetime import datetime

import pytest

from tests.contract.colleague import staff, take
from tests.contract.stores import GUEST, UNTIL, Hand, at, words
from watibot.conversations import Owner
from watibot.history import HistoryItem, ItemKind
from watibot.messages import ChannelName, Takeover
from watibot.ports.people import Holding
from watibot.ports.store import StepRecord
from watibot.storage.store import SqlStore
from watibot.turns import Progress, Turn

EXPIRED = Takeover(ChannelName.WHATSAPP, GUEST, GUEST, held=False)


@pytest.fixture
def hand(store: SqlStore) -> Hand:
    return Hand(store)


async def with_effect(store: SqlStore, hand: Hand, seconds: float) -> Turn:
    turn = await hand.begin(seconds)
    step = StepRecord(words("f()", ItemKind.TOOL_CALL), Progress(), effect=True)
    await store.record_step(GUEST, hand.fence, turn.turn_id, step)
    return turn


# --- the turn hands over ---


async def test_a_farewell_does_not_leave_over_who_wrote_meanwhile(
    store: SqlStore, hand: Hand
) -> None:
    await hand.hear("quiero una persona")
    turn = await with_effect(store, hand, 10)
    await staff(store, "Hola, soy Rosa", 12)
    (bubble,) = await hand.finish(turn, "Ya aviso", seconds=15, hand_over_until=UNTIL)
    assert await hand.permit(bubble, 16) == "staff"
    found = await store.conversation(GUEST)
    assert found is not None
    assert (found.owner, found.taken_by, found.handover_turn_id) == (Owner.STAFF, "Rosa", None)


@pytest.mark.parametrize(
    ("taken_until", "until"), [(None, None), (at(60), UNTIL), (at(86_400), at(86_400))]
)
async def test_who_took_it_meanwhile_keeps_it(
    store: SqlStore, hand: Hand, taken_until: datetime | None, until: datetime | None
) -> None:
    await hand.hear("quiero una persona")
    turn = await with_effect(store, hand, 10)
    await take(store, 12, taken_until)
    (bubble,) = await hand.finish(turn, "Ya aviso", seconds=15, hand_over_until=UNTIL)
    found = await store.conversation(GUEST)
    assert found is not None
    assert (found.taken_by, found.staff_until) == ("Rosa", until)
    assert await hand.permit(bubble, 16) == "go"  # they have said nothing yet


async def test_a_takeover_that_is_over_leaves_the_handover_nothing(
    store: SqlStore, hand: Hand
) -> None:
    await hand.hear("quiero una persona")
    turn = await with_effect(store, hand, 10)
    await staff(store, "un momento", 11)
    await take(store, 12, None)
    await store.people.hold(EXPIRED, at(13), None)
    (bubble,) = await hand.finish(turn, "Ya aviso", seconds=15, hand_over_until=UNTIL)
    found = await store.conversation(GUEST)
    assert found is not None
    assert (found.taken_by, found.staff_until) == (None, UNTIL)
    assert await hand.permit(bubble, 16) == "go"


# --- a takeover ends by itself ---


async def test_an_answer_given_after_the_end_goes_on(store: SqlStore, hand: Hand) -> None:
    await hand.hear("hola", 0)
    item = HistoryItem("c1", ItemKind.STAFF, at(1), "un momento", author="Rosa")
    await store.people.staff_says(GUEST, item, ("un momento",), at(100))
    await hand.claim(99)  # a worker has it at the end
    await hand.hear("¿hay piscina?", 101)
    turn = await hand.open(102)
    first, second = await hand.finish(turn, "sí", "de 8 a 20", seconds=103)
    await hand.send(first, 104)
    assert await store.people.hold(EXPIRED, at(110), None) == Holding(GUEST, True)
    assert await hand.permit(second, 111) == "go"


async def test_who_works_on_it_first_gives_it_back(store: SqlStore, hand: Hand) -> None:
    await take(store, 0, at(100))
    await hand.hear("¿hay gimnasio?", 50)
    await hand.hear("¿y piscina?", 101)
    turn, bubbles = await hand.answer("sí", "de 8 a 20", seconds=106)
    assert [m.text for m in turn.messages] == ["¿hay gimnasio?", "¿y piscina?"]
    await hand.send(bubbles[0], 107)
    assert await store.people.expired(at(111)) == []
    assert await store.people.hold(EXPIRED, at(111), None) == Holding(GUEST, False)
    assert await hand.permit(bubbles[1], 112) == "go"


async def test_what_was_done_after_the_end_is_told(store: SqlStore, hand: Hand) -> None:
    await take(store, 0, at(100))
    await hand.hear("resérveme", 101)
    turn = await with_effect(store, hand, 106)
    (bubble,) = await hand.finish(turn, "reservado", seconds=110)
    await store.people.hold(EXPIRED, at(111), None)
    assert await hand.permit(bubble, 112) == "go"


async def test_who_wrote_after_the_end_takes_it_though_it_is_heard_of_later(
    store: SqlStore, hand: Hand
) -> None:
    await take(store, 0, at(100))
    await hand.hear("¿hay piscina?", 101)
    _, (bubble,) = await hand.answer("sí", seconds=106)
    await staff(store, "sí, de 8 a 20", 104, received=107)
    assert await hand.permit(bubble, 108) == "staff"
