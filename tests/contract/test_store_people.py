"""The store's exam, fourth part: who holds a conversation. Both databases sit it."""

from __future__ import annotations

from datetime import datetime

import pytest

from tests.contract.colleague import give_back, staff, take
from tests.contract.stores import GUEST, UNTIL, Hand, at
from watibot.conversations import Conversation, Owner, held_by_staff
from watibot.history import HistoryItem, ItemKind
from watibot.ports.people import Holding
from watibot.storage.store import SqlStore

DAY = 24 * 3600


@pytest.fixture
def hand(store: SqlStore) -> Hand:
    return Hand(store)


async def now(store: SqlStore) -> Conversation:
    conversation = await store.conversation(GUEST)
    assert conversation is not None
    return conversation


def said_by_staff(text: str, seconds: float, item_id: str = "one") -> HistoryItem:
    return HistoryItem(item_id, ItemKind.STAFF, at(seconds), text, author="Rosa")


# --- taking and giving back ---


async def test_who_holds_it_since_when(store: SqlStore, hand: Hand) -> None:
    await hand.hear()
    assert await take(store, 10) == Holding(GUEST, changed=True)
    assert await take(store, 20) == Holding(GUEST, changed=False)
    held = await now(store)
    assert (held.owner, held.staff_until, held.taken_by) == (Owner.STAFF, UNTIL, "Rosa")
    assert (await give_back(store, 30)).changed
    assert not (await give_back(store, 40)).changed
    free = await now(store)
    assert (free.owner, free.staff_until, free.taken_by) == (Owner.BOT, None, None)


@pytest.mark.parametrize(("seconds", "changed"), [(29, False), (30, True), (31, True)])
async def test_the_newest_word_counts(
    store: SqlStore, hand: Hand, seconds: float, changed: bool
) -> None:
    await hand.hear()
    await take(store, 10)
    await give_back(store, 30)
    assert (await take(store, seconds)).changed is changed
    assert held_by_staff(await now(store), at(seconds)) is changed
    assert not (await give_back(store, 28)).changed


async def test_the_handover_is_a_word_too(store: SqlStore, hand: Hand) -> None:
    await hand.hear()
    await hand.answer("ya viene Rosa", seconds=30, hand_over_until=UNTIL)
    assert not (await give_back(store, 29)).changed
    assert (await now(store)).owner is Owner.STAFF


async def test_a_takeover_makes_the_conversation_and_a_hand_back_does_not(store: SqlStore) -> None:
    assert await give_back(store, 1) == Holding(GUEST, changed=False)
    assert await store.conversation(GUEST) is None
    assert (await take(store, 1)).changed
    assert (await give_back(store, 2)) == Holding(GUEST, changed=True)  # its window is closed


HELD_UNTIL: dict[str, tuple[list[datetime | None], datetime | None]] = {
    "it is held until it is given back": ([None], None),
    "a shorter word does not shorten": ([UNTIL, at(60)], UNTIL),
    "nor does it end what has no end": ([None, at(60)], None),
    "a longer one counts": ([at(60), UNTIL], UNTIL),
    "what has ended does not count": ([at(11), at(60)], at(60)),
}


@pytest.mark.parametrize("case", HELD_UNTIL)
async def test_until_when_it_is_held(store: SqlStore, hand: Hand, case: str) -> None:
    untils, expected = HELD_UNTIL[case]
    await hand.hear()
    for number, until in enumerate(untils):
        await take(store, 10 + number, until)
    assert (await now(store)).staff_until == expected
    await staff(store, "hola", 15)
    ended = expected is not None and expected <= at(15)
    later = UNTIL if expected is None or ended else max(UNTIL, expected)
    assert (await now(store)).staff_until == (None if expected is None else later)


async def test_takeovers_that_have_ended(store: SqlStore, hand: Hand) -> None:
    await hand.hear()
    await take(store, 10, at(60))
    assert await store.people.expired(at(59)) == []
    assert [one.conversation_id for one in await store.people.expired(at(60))] == [GUEST]
    await give_back(store, 60)
    assert await store.people.expired(at(61)) == []
    await take(store, 70, None)
    assert await store.people.expired(UNTIL) == []


async def test_a_colleague_who_writes_takes_it(store: SqlStore, hand: Hand) -> None:
    await hand.hear()
    assert await staff(store, "hola, soy Rosa", 20)
    held = await now(store)
    assert (held.owner, held.taken_by) == (Owner.STAFF, "Rosa")
    assert not (await give_back(store, 19)).changed  # they wrote after it


@pytest.mark.parametrize(("seconds", "owner"), [(29, Owner.BOT), (31, Owner.STAFF)])
async def test_words_from_before_the_hand_back_are_known_and_take_nothing(
    store: SqlStore, hand: Hand, seconds: float, owner: Owner
) -> None:
    await hand.hear("¿precio?")
    await take(store, 10)
    await give_back(store, 30)
    await hand.hear("¿y desayuno?", 32)
    assert await staff(store, "80 dólares", seconds, received=40)
    assert (await now(store)).owner is owner
    if owner is Owner.BOT:
        turn = await hand.begin(50)
        assert [message.text for message in turn.messages] == ["¿precio?", "¿y desayuno?"]
        assert [item.text for item in turn.history] == ["80 dólares"]


async def test_a_colleagues_message_counts_once_by_each_of_its_names(store: SqlStore) -> None:
    assert await staff(store, "hola", 1, provider_id="r1")
    assert not await staff(store, "hola", 1, provider_id="w1", record_id="r1")
    assert await staff(store, "hola", 1, provider_id="w1", record_id="r2")


# --- the guest's wish ---


async def test_a_guest_who_wants_silence_is_heard_and_not_answered(
    store: SqlStore, hand: Hand
) -> None:
    assert not (await hand.hear("uno", 0)).stopped
    await store.people.stop(GUEST, at(1))
    received = await hand.hear("dos", 2)
    assert (received.due_at, received.stopped) == (None, True)
    assert await hand.said() == [("guest", "dos")]
    await store.people.stop(GUEST, None)
    again = await hand.hear("tres", 3)
    assert (again.due_at is not None, again.stopped) == (True, False)
    assert [m.text for m in (await hand.begin(30)).messages] == ["uno", "tres"]


async def test_what_was_said_in_silence_is_never_answered(store: SqlStore, hand: Hand) -> None:
    await take(store, 0)
    await store.people.stop(GUEST, at(1))
    await hand.hear("uno", 2)
    await store.people.stop(GUEST, None)
    assert (await give_back(store, 3)).due_at is None


async def test_the_link_to_the_chat_is_kept(store: SqlStore, hand: Hand) -> None:
    await hand.hear("uno", 0, chat_url="https://example.com/1")
    await hand.hear("dos", 1)
    assert (await now(store)).chat_url == "https://example.com/1"
    await hand.hear("tres", 2, chat_url="https://example.com/2")
    assert (await now(store)).chat_url == "https://example.com/2"


# --- a colleague writes through the service ---


async def test_a_colleagues_words_leave_while_staff_hold_it(store: SqlStore, hand: Hand) -> None:
    await hand.hear("¿precio?", 0)
    says = await store.people.staff_says(GUEST, said_by_staff("80 dólares", 2), ["80"], UNTIL)
    assert says == at(2)
    held = await now(store)
    assert (held.owner, held.staff_until, held.taken_by) == (Owner.STAFF, UNTIL, "Rosa")
    claim = await hand.claim(3)
    assert ([b.text for b in claim.bubbles], claim.open) == (["80"], False)
    assert claim.bubbles[0].turn_id == "staff-one"
    assert await hand.mirrored() == ["¿precio?"]  # the rest once it has left
    await take(store, 4)
    await hand.send(claim.bubbles[0], 5)
    assert await hand.mirrored() == ["¿precio?", "80 dólares"]
    assert await hand.release() is None
    assert await hand.said() == [("guest", "¿precio?"), ("staff", "80 dólares")]
    assert not await staff(store, "80", 6, provider_id="w-0")  # its echo
    assert not await staff(store, "80", 6, provider_id="other")


async def test_neither_the_guest_nor_a_hand_back_stops_a_colleagues_words(
    store: SqlStore, hand: Hand
) -> None:
    await hand.hear("¿precio?", 0)
    await store.people.staff_says(GUEST, said_by_staff("80 dólares", 2), ["80", "dólares"], UNTIL)
    await give_back(store, 3)
    await hand.hear("¿hola?", 4)
    claim = await hand.claim(30)
    assert [await hand.permit(bubble, 31) for bubble in claim.bubbles] == ["go", "go"]


async def test_a_colleagues_words_need_an_open_window(store: SqlStore, hand: Hand) -> None:
    await hand.hear("¿precio?", 0)
    item = said_by_staff("80 dólares", DAY + 1)
    await store.people.staff_says(GUEST, item, ["80"], at(2 * DAY))
    (bubble,) = (await hand.claim(DAY + 2)).bubbles
    assert await hand.permit(bubble, DAY + 3) == "window"
    assert await hand.said() == [("guest", "¿precio?")]  # nobody was given it


async def test_a_colleagues_words_once(store: SqlStore, hand: Hand) -> None:
    assert await store.people.staff_says(GUEST, said_by_staff("x", 2), ["x"], UNTIL) is None
    await hand.hear()
    for _ in range(2):
        await store.people.staff_says(GUEST, said_by_staff("x", 2), ["x"], UNTIL)
    assert len((await hand.claim(3)).bubbles) == 1


async def test_a_colleagues_words_end_the_bots(store: SqlStore, hand: Hand) -> None:
    await hand.hear("a", 0)
    _, (bubble,) = await hand.answer("uno", hand_over_until=UNTIL)
    await store.people.staff_says(GUEST, said_by_staff("x", 31), ["x"], UNTIL)
    assert await hand.permit(bubble, 32) == "staff"
