"""The store's exam, fourth part, second half: what nobody answered. Both databases sit it."""

from __future__ import annotations

import pytest

from tests.contract.colleague import give_back, staff, take
from tests.contract.stores import DEBOUNCE, GUEST, Hand, at, inbound, words
from watibot.history import HistoryItem, ItemKind
from watibot.messages import ChannelName, Takeover
from watibot.ports.people import Holding
from watibot.ports.store import StepRecord
from watibot.storage.store import SqlStore
from watibot.turns import Progress

DAY = 24 * 3600


@pytest.fixture
def hand(store: SqlStore) -> Hand:
    return Hand(store)


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


async def test_an_answer_that_was_begun_before_a_question_is_none_to_it(
    store: SqlStore, hand: Hand
) -> None:
    await hand.hear("resérveme", 0)
    turn = await hand.begin(10)
    await take(store, 11)
    await hand.hear("¿tarifas?", 12)
    step = StepRecord(words("{}", ItemKind.TOOL_RESULT), Progress(), effect=True)
    await store.record_step(GUEST, hand.fence, turn.turn_id, step)
    await hand.finish(turn, "Anoté su reserva", seconds=13)
    await hand.release()
    assert [kind for kind, _ in await hand.said()][-1] == "assistant"  # behind the question
    assert (await give_back(store, 20)).due_at is not None
    assert [m.text for m in (await hand.begin(21)).messages] == ["¿tarifas?"]


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


# --- who answered what ---


@pytest.mark.parametrize("heard", [10, 25, 40])
async def test_a_colleague_answers_what_was_said_before_however_late_it_is_heard(
    store: SqlStore, hand: Hand, heard: float
) -> None:
    await take(store, 0)
    for seconds in (5, 15, 20):
        if seconds > heard:
            await staff(store, "80 dólares", 10, received=heard)
        await hand.hear(f"m{seconds}", seconds)
    await staff(store, "80 dólares", 10, received=heard)
    assert (await give_back(store, 60)).due_at == at(60)
    turn = await hand.begin(60)
    assert [m.text for m in turn.messages] == ["m15", "m20"]
    assert [item.text for item in turn.history] == ["m5", "80 dólares"]


async def test_words_that_a_look_brought_answer_from_when_they_were_said(
    store: SqlStore, hand: Hand
) -> None:
    await take(store, 0)
    await hand.hear("uno", 5)
    await hand.hear("dos", 15)
    origin = {"source": "wati", "ids": ["r1"], "said_at": at(10).isoformat()}
    item = HistoryItem("row-1", ItemKind.STAFF, at(10), "sí", author="Rosa", origin=origin)
    await store.people.take_in(GUEST, [item], at(20))
    await give_back(store, 60)
    assert [m.text for m in (await hand.begin(60)).messages] == ["dos"]


async def test_the_assistant_answers_what_stands_before_its_answer(
    store: SqlStore, hand: Hand
) -> None:
    await hand.hear("uno", 0)
    _, (bubble,) = await hand.answer("sí", seconds=10)
    await hand.send(bubble, 11)
    await hand.release()
    await take(store, 20)
    late = inbound("dicho antes, oído después", 5)
    await store.receive(late, b"{}", at(21), DEBOUNCE)
    await staff(store, "hola", 2, received=22)
    await give_back(store, 60)
    assert [m.text for m in (await hand.begin(60)).messages] == [late.text]


async def test_what_was_asked_in_the_second_of_the_answer_is_asked_again(
    store: SqlStore, hand: Hand
) -> None:
    await take(store, 0)
    await hand.hear("uno", 9.9)
    await hand.hear("dos", 10.2)
    await staff(store, "sí", 10.6)
    await give_back(store, 60)
    assert [m.text for m in (await hand.begin(60)).messages] == ["dos"]


@pytest.mark.parametrize("channel", ["whatsapp", "facebook"])
async def test_a_note_answers_only_for_words_that_nobody_can_read(
    store: SqlStore, channel: str
) -> None:
    name = ChannelName(channel)
    guest = Hand(store, GUEST if name is ChannelName.WHATSAPP else "fb:1")
    held, back = (
        Takeover(name, guest.conversation_id, "1", held=held, note=None if held else "Cuna lista")
        for held in (True, False)
    )
    whose = {"channel": name, "conversation_id": guest.conversation_id, "address": "1"}

    async def cycle(seconds: float, takeover: Takeover) -> list[str]:
        await store.people.hold(held, at(seconds), None)
        await guest.hear(f"m{seconds + 1}", seconds + 1, **whose)
        inside = HistoryItem(
            f"n{seconds}", ItemKind.STAFF, at(seconds + 2), "es vip", origin={"source": "note"}
        )
        await store.people.take_in(guest.conversation_id, [inside], at(seconds + 2))
        if (await store.people.hold(takeover, at(seconds + 3), None)).due_at is None:
            return []
        turn = await guest.begin(seconds + 4)
        await guest.release()
        await store.people.hold(held, at(seconds + 5), None)
        await guest.claim(seconds + 6)
        await guest.finish(turn, seconds=seconds + 6)  # staff had it again: nothing is said
        await guest.release()
        return [m.text for m in turn.messages]

    readable = name is ChannelName.WHATSAPP
    assert await cycle(0, back) == (["m1"] if readable else [])
    nothing = Takeover(name, guest.conversation_id, "1", held=False)
    assert await cycle(20, nothing) == (["m1", "m21"] if readable else ["m21"])


async def test_messages_of_long_ago_are_left_alone(store: SqlStore, hand: Hand) -> None:
    await take(store, 0, None)
    await hand.hear("viejo", 1)
    long_under_way = inbound("dicho hace mucho", 2)
    await store.receive(long_under_way, b"{}", at(DAY - 60), DEBOUNCE)
    await hand.hear("nuevo", DAY)
    await give_back(store, DAY + 10)
    assert [m.text for m in (await hand.begin(DAY + 20)).messages] == ["nuevo"]
