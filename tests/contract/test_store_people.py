"""The store's exam, fourth part: who holds a conversation. Both databases sit it."""

from __future__ import annotations

from datetime import datetime

import pytest

from tests.contract.stores import GUEST, UNTIL, Hand, at, words
from watibot.conversations import Conversation, Owner, held_by_staff
from watibot.history import HistoryItem, ItemKind
from watibot.messages import ChannelName, StaffMessage, Takeover
from watibot.ports.people import Holding, People
from watibot.ports.store import StepRecord
from watibot.storage.store import SqlStore
from watibot.turns import Progress

DAY = 24 * 3600


@pytest.fixture
def hand(store: SqlStore) -> Hand:
    return Hand(store)


async def take(
    store: SqlStore, seconds: float, until: datetime | None = UNTIL, by: str | None = "Rosa"
) -> Holding:
    people: People = store.people
    takeover = Takeover(ChannelName.WHATSAPP, GUEST, GUEST, held=True, by=by)
    return await people.hold(takeover, at(seconds), until)


async def give_back(store: SqlStore, seconds: float, note: str | None = None) -> Holding:
    takeover = Takeover(ChannelName.WHATSAPP, GUEST, GUEST, held=False, by="Rosa", note=note)
    return await store.people.hold(takeover, at(seconds), None)


async def staff(
    store: SqlStore, text: str, seconds: float, received: float | None = None, **more: str
) -> bool:
    fields = {"provider_id": f"s-{text}", "operator": "Rosa"} | more
    message = StaffMessage(
        ChannelName.WHATSAPP, GUEST, GUEST, provider_time=at(seconds), text=text, **fields
    )
    return await store.staff_message(message, at(received or seconds), UNTIL)


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


# --- what waits again ---


async def test_what_nobody_answered_is_answered_after_the_hand_back(
    store: SqlStore, hand: Hand
) -> None:
    await hand.hear("¿precio?", 0)
    await staff(store, "80 dólares", 10)
    await hand.hear("gracias", 11)
    await hand.hear("¿hay piscina?", 12)
    due_at = (await give_back(store, 60)).due_at
    assert due_at is not None
    assert due_at <= at(60)
    assert await store.due() == [(GUEST, due_at)]
    turn = await hand.begin(60)
    assert [message.text for message in turn.messages] == ["gracias", "¿hay piscina?"]
    assert [item.text for item in turn.history] == ["¿precio?", "80 dólares"]
    (bubble,) = await hand.finish(turn, "sí", seconds=61)
    await hand.send(bubble, 62)
    assert await hand.release() is None
    assert [text for _, text in await hand.said()] == [
        "¿precio?",
        "80 dólares",
        "gracias",
        "¿hay piscina?",
        "sí",
    ]


async def test_what_the_session_has_stays_and_is_not_added_twice(
    store: SqlStore, hand: Hand
) -> None:
    await take(store, 0)
    await hand.hear("uno", 1)
    assert await hand.mirrored() == ["uno"]  # on its way to the session
    await hand.hear("dos", 2)
    before = (await store.history(GUEST, 9))[0]
    await give_back(store, 60)
    turn = await hand.begin(60)
    assert ([m.text for m in turn.messages], turn.history) == (["uno", "dos"], ())
    (bubble,) = await hand.finish(turn, "sí", seconds=61)
    await hand.hear("tres", 62)
    assert await hand.permit(bubble, 63) == "superseded"
    await store.restart_turn(GUEST, hand.fence, turn.turn_id)
    assert [text for _, text in await hand.said()] == ["uno"]
    turn = await hand.open(64)
    assert ([m.text for m in turn.messages], turn.history) == (["uno", "dos", "tres"], ())
    (bubble,) = await hand.finish(turn, "sí", seconds=65)
    await hand.send(bubble, 66)
    assert [text for _, text in await hand.said()] == ["uno", "dos", "tres", "sí"]
    assert (await store.history(GUEST, 9))[0] == before  # as the session has it
    assert before.turn_id is None
    assert await store.mirror_due(9) == [GUEST]


@pytest.mark.parametrize("staffed", ["taken", "written in"])
async def test_taken_again_it_is_history_once(store: SqlStore, hand: Hand, staffed: str) -> None:
    await take(store, 0)
    await hand.hear("uno", 1)
    await hand.mirrored()
    await hand.hear("dos", 2)
    await give_back(store, 60)
    if staffed == "taken":
        await take(store, 61)
    else:
        await staff(store, "aquí estoy", 61)
    assert [text for kind, text in await hand.said() if kind == "guest"] == ["uno", "dos"]
    assert ((await give_back(store, 70)).due_at is not None) is (staffed == "taken")


async def test_a_turn_that_staff_cut_short_begins_again(store: SqlStore, hand: Hand) -> None:
    await hand.hear("¿precio?", 0)
    turn = await hand.begin(10)
    await store.record_step(
        GUEST, hand.fence, turn.turn_id, StepRecord(words("f()", ItemKind.TOOL_CALL), Progress())
    )
    await take(store, 11)
    await hand.finish(turn, seconds=12)  # nobody needs the answer
    assert await hand.said() == [("guest", "¿precio?")]
    assert (await give_back(store, 60)).due_at is not None
    again = await hand.begin(80)
    assert again.turn_id != turn.turn_id
    assert ([m.text for m in again.messages], again.history) == (["¿precio?"], ())


async def test_an_answer_that_staff_overtook_does_not_leave_after_the_hand_back(
    store: SqlStore, hand: Hand
) -> None:
    await hand.hear("¿precio?", 0)
    _, (bubble,) = await hand.answer("90 dólares", seconds=10)
    await staff(store, "80 dólares", 11)
    assert (await give_back(store, 12)).due_at is None  # the colleague answered
    assert await hand.permit(bubble, 13) == "gone"
    assert await hand.said() == [("guest", "¿precio?"), ("staff", "80 dólares")]


async def test_an_answer_that_nobody_was_given_is_made_again(store: SqlStore, hand: Hand) -> None:
    await hand.hear("¿precio?", 0)
    _, (bubble,) = await hand.answer("90 dólares", seconds=10)
    await take(store, 11)
    assert (await give_back(store, 12)).due_at is not None
    assert await hand.permit(bubble, 13) == "gone"
    turn = await hand.open(14)
    assert ([m.text for m in turn.messages], turn.history) == (["¿precio?"], ())


async def test_after_an_effect_nothing_is_asked_again(store: SqlStore, hand: Hand) -> None:
    await hand.hear("resérveme", 0)
    turn = await hand.begin(10)
    step = StepRecord(words("{}", ItemKind.TOOL_RESULT), Progress(), effect=True)
    await store.record_step(GUEST, hand.fence, turn.turn_id, step)
    await take(store, 11)
    await hand.finish(turn, seconds=12)
    assert (await give_back(store, 13)).due_at is None
    assert [kind for kind, _ in await hand.said()] == ["guest", "tool_result"]


@pytest.mark.parametrize(
    ("heard", "given_back", "answered"),
    [
        ([1], 60, ["m1"]),
        ([1], DAY + 1, []),  # the window is closed
        ([1, DAY - 5], DAY, ["m1", f"m{DAY - 5}"]),
        ([1, DAY - 5], DAY + 1, [f"m{DAY - 5}"]),  # too old
    ],
)
async def test_only_what_is_young_is_answered(
    store: SqlStore, hand: Hand, heard: list[float], given_back: float, answered: list[str]
) -> None:
    await take(store, 0, None)
    for seconds in heard:
        await hand.hear(f"m{seconds}", seconds)
    assert (await give_back(store, given_back)).due_at == (at(given_back) if answered else None)
    if answered:
        assert [m.text for m in (await hand.begin(given_back)).messages] == answered


async def test_nothing_waits_again_for_a_guest_who_wants_silence(
    store: SqlStore, hand: Hand
) -> None:
    await take(store, 0)
    await hand.hear("uno", 1)
    await store.people.stop(GUEST, at(2))
    assert await give_back(store, 3) == Holding(GUEST, changed=True)
    assert await store.due() == []


async def test_a_note_is_known_to_the_next_turn(store: SqlStore, hand: Hand) -> None:
    await take(store, 0)
    await hand.hear("¿puedo salir tarde?", 1)
    assert (await give_back(store, 60, "Salida a las 14 h")).due_at == at(60)
    await give_back(store, 60, "Salida a las 14 h")  # told twice
    turn = await hand.begin(61)
    assert [m.text for m in turn.messages] == ["¿puedo salir tarde?"]
    assert [(i.kind, i.text, i.author) for i in turn.history] == [
        (ItemKind.STAFF, "Salida a las 14 h", "Rosa")
    ]


async def test_a_back_off_is_kept(store: SqlStore, hand: Hand) -> None:
    await hand.hear()
    await hand.begin(10)
    await hand.release(at(300))
    await take(store, 11)
    await hand.hear("¿sigue ahí?", 12)
    assert (await give_back(store, 20)).due_at == at(300)


async def test_the_thread_has_a_message_once(store: SqlStore, hand: Hand) -> None:
    """Of a message that is in the history already OpenAI's name is noted there."""
    await take(store, 0)
    await hand.hear("uno", 1)
    await hand.mirrored()
    await give_back(store, 2)
    turn = await hand.begin(3)
    posted = {turn.messages[0].item_id: "msg_1"}
    await hand.finish(turn, "sí", posted=posted)
    assert [item.source_id for item in await store.history(GUEST, 9)] == ["msg_1", None]


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
