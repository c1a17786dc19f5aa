"""The store's exam, second part: leases and turns. Both databases sit it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime

import pytest

from tests.contract.stores import GUEST, HISTORY, LEASE, UNTIL, Hand, at, finish, words
from watibot.conversations import Owner
from watibot.errors import LostLease
from watibot.history import HistoryItem, ItemKind
from watibot.messages import ChannelName, Takeover
from watibot.modelcalls import Usage
from watibot.ports.store import StepRecord, Store
from watibot.storage import store as storage
from watibot.storage.store import SqlStore
from watibot.turns import BubbleState, Progress, Turn

CALL = words('f("a")', ItemKind.TOOL_CALL)
RESULT = words('{"a": 1}', ItemKind.TOOL_RESULT)


@pytest.fixture
def hand(store: SqlStore) -> Hand:
    return Hand(store)


async def step(hand: Hand, turn: Turn, item: HistoryItem, **more: object) -> None:
    record = StepRecord(replace(item, item_id=f"{item.item_id}-{turn.turn_id}"), Progress(), **more)  # type: ignore[arg-type]
    await hand.store.record_step(GUEST, hand.fence, turn.turn_id, record)


# --- leases ---


async def test_a_claim_is_for_one(store: SqlStore, hand: Hand) -> None:
    assert await store.claim(GUEST, at(0), at(60)) is None
    await hand.hear()
    assert await store.claim(GUEST, at(4), at(60)) is None  # not yet due
    claim = await hand.claim(5)
    assert (claim.open, claim.bubbles, claim.conversation.fence) == (True, (), 1)
    assert await store.claim(GUEST, at(6), at(60)) is None
    assert await store.due() == [(GUEST, at(5) + LEASE)]


async def test_a_lease_can_be_extended_and_ends(store: SqlStore, hand: Hand) -> None:
    await hand.hear()
    await hand.claim(10)
    await store.extend(GUEST, hand.fence, at(200))
    assert await store.claim(GUEST, at(199), at(300)) is None
    assert (await hand.claim(200)).conversation.fence == 2


async def test_a_restart_breaks_leases(store: SqlStore, hand: Hand) -> None:
    await hand.hear()
    await hand.begin(10)
    await store.break_leases(at(10))
    assert await store.due() == [(GUEST, at(4.1))]
    assert (await hand.claim(11)).open


FENCED: dict[str, Callable[[Store, Turn], Awaitable[object]]] = {
    "extend": lambda s, t: s.extend(GUEST, 1, at(99)),
    "release": lambda s, t: s.release(GUEST, 1),
    "open_turn": lambda s, t: s.open_turn(GUEST, 1, at(9), HISTORY, 2),
    "record_step": lambda s, t: s.record_step(GUEST, 1, t.turn_id, StepRecord(CALL, Progress())),
    "save_progress": lambda s, t: s.save_progress(GUEST, 1, t.turn_id, Progress(), True),
    "finish_turn": lambda s, t: s.finish_turn(GUEST, 1, t.turn_id, finish("x"), at(9)),
    "restart_turn": lambda s, t: s.restart_turn(GUEST, 1, t.turn_id),
    "permit": lambda s, t: s.permit(GUEST, 1, "watibot-1", at(9), 2),
    "bubble_done": lambda s, t: s.bubble_done(GUEST, 1, "watibot-1", BubbleState.SENT, at(9)),
}


@pytest.mark.parametrize("method", FENCED)
async def test_who_lost_the_lease_writes_nothing(store: SqlStore, hand: Hand, method: str) -> None:
    await hand.hear()
    turn = await hand.begin(5)
    await store.break_leases(at(6))
    await hand.claim(6)
    with pytest.raises(LostLease):
        await FENCED[method](store, turn)
    assert await hand.open(7) == turn_after(turn, hand)


def turn_after(turn: Turn, hand: Hand) -> Turn:
    return replace(turn, conversation=replace(turn.conversation, fence=hand.fence))


async def test_release_when_nothing_is_left(store: SqlStore, hand: Hand) -> None:
    await hand.hear()
    await hand.answer()
    assert await hand.release() is None
    assert await store.due() == []
    assert await store.claim(GUEST, at(99), at(100)) is None


@pytest.mark.parametrize("again", [None, at(500)])
async def test_release_with_work_left_strands_nothing(
    store: SqlStore, hand: Hand, again: datetime | None
) -> None:
    await hand.hear()
    turn = await hand.begin(30)  # runs
    assert await hand.release(again) == (again or at(4.1))
    await hand.claim(500)
    await hand.finish(turn, "bubble")  # waits
    assert await hand.release() is not None
    claim = await hand.claim(501)
    assert [bubble.text for bubble in claim.bubbles] == ["bubble"]
    assert not claim.open


async def test_new_messages_do_not_cut_a_back_off_short(store: SqlStore, hand: Hand) -> None:
    await hand.hear()
    await hand.begin(30)
    assert await hand.release(at(300)) == at(300)
    assert (await hand.hear("¿sigue ahí?", 100)).due_at == at(300)
    assert await store.due() == [(GUEST, at(300))]
    assert await store.claim(GUEST, at(200), at(260)) is None
    turn = await hand.begin(300)
    assert [message.text for message in turn.messages] == ["hola", "¿sigue ahí?"]


async def test_a_message_under_a_lease_has_its_own_quiet_time(hand: Hand) -> None:
    await hand.hear()
    await hand.answer()
    await hand.hear("otra", 40)
    assert await hand.release() == at(44.1)


async def test_a_message_after_a_back_off_that_was_asked_for_waits_for_both(hand: Hand) -> None:
    await hand.hear()
    await hand.answer("x")
    await hand.hear("otra", 40)
    assert await hand.release(at(43)) == at(44.1)


# --- turns ---


async def test_opening_again_gives_the_same_turn(store: SqlStore, hand: Hand) -> None:
    await hand.hear()
    turn = await hand.begin()
    assert turn.progress == Progress()
    assert (turn.history, turn.steps, turn.effect_done) == ((), (), False)
    assert await hand.open(31) == turn
    await hand.release()
    await hand.claim(99)
    assert await hand.open(99) == turn_after(turn, hand)


async def test_no_turn_without_messages(store: SqlStore, hand: Hand) -> None:
    await hand.hear()
    await hand.answer("hola")
    assert await store.open_turn(GUEST, hand.fence, at(31), HISTORY, 2) is None


async def test_messages_join_a_turn_freely_before_its_first_step(hand: Hand) -> None:
    await hand.hear("a", 0)
    turn = await hand.begin()
    for number in range(4):
        await hand.hear(f"b{number}", number + 1)
        turn = await hand.open()
        assert len(turn.messages) == number + 2
    assert turn.progress.restarts == 0


async def test_messages_restart_a_turn_with_steps_twice(hand: Hand) -> None:
    await hand.hear("a", 0)
    turn = await hand.begin()
    for restarts in (1, 2):
        await step(hand, turn, CALL)
        await hand.hear(f"b{restarts}", restarts)
        turn = await hand.open()
        assert (turn.progress.restarts, turn.steps) == (restarts, ())
        assert len(turn.messages) == restarts + 1
    await step(hand, turn, CALL)
    await hand.hear("c", 3)
    turn = await hand.open()
    assert (len(turn.messages), len(turn.steps)) == (3, 1)
    await hand.finish(turn, "hola")
    later = await hand.open()
    assert [message.text for message in later.messages] == ["c"]
    assert later.turn_id != turn.turn_id


async def test_after_an_effect_nothing_joins(hand: Hand) -> None:
    await hand.hear("a")
    turn = await hand.begin()
    await step(hand, turn, RESULT, effect=True)
    await hand.hear("b", 1)
    turn = await hand.open()
    assert (len(turn.messages), len(turn.steps), turn.effect_done) == (1, 1, True)


async def test_steps_are_durable_word_for_word(store_url: str, store: SqlStore, hand: Hand) -> None:
    await hand.hear()
    turn = await hand.begin()
    usage = Usage(100, 80, 20, 5)
    content = {"role": "model", "parts": [{"thoughtSignature": "A+/=", "text": "ñ\ud800\x00"}]}
    item = replace(CALL, item_id="one", content=content)
    record = StepRecord(item, Progress(1, 2, 3.5, 0), usage, "gemini", 1.5)
    await store.record_step(GUEST, hand.fence, turn.turn_id, record)
    await store.close()
    async with await storage.open(store_url, "posada") as reopened:
        turn = await Hand(reopened, fences=hand.fences).open()
    assert turn.steps[0].position == 0
    assert (turn.steps[0].item.content, turn.steps[0].item.at) == (content, item.at)
    assert turn.progress == Progress(1, 2, 3.5, 0)


async def test_a_recovery_forgets_steps_a_retry_does_not(store: SqlStore, hand: Hand) -> None:
    await hand.hear()
    turn = await hand.begin()
    await step(hand, turn, CALL)
    await store.save_progress(GUEST, hand.fence, turn.turn_id, Progress(3, 0, 9.0), False)
    turn = await hand.open()
    assert (len(turn.steps), turn.progress) == (1, Progress(3, 0, 9.0))
    await store.save_progress(GUEST, hand.fence, turn.turn_id, Progress(0, 1), True)
    turn = await hand.open()
    assert (turn.steps, turn.progress) == ((), Progress(0, 1))


async def test_a_finished_turn_is_history_in_order(hand: Hand) -> None:
    await hand.hear("dos", 2)
    await hand.hear("uno", 1)
    turn = await hand.begin()
    await step(hand, turn, CALL)
    await step(hand, turn, RESULT)
    bubbles = await hand.finish(turn, "hola", "¿qué tal?")
    assert [(b.position, b.text, b.state, b.attempts) for b in bubbles] == [
        (0, "hola", BubbleState.WAITING, 0),
        (1, "¿qué tal?", BubbleState.WAITING, 0),
    ]
    assert all(bubble.bubble_id.startswith("watibot-") for bubble in bubbles)
    assert await hand.said() == [
        ("guest", "uno"),
        ("guest", "dos"),
        ("tool_call", CALL.text),
        ("tool_result", RESULT.text),
        ("assistant", "hola ¿qué tal?"),
    ]
    items = await hand.store.history(GUEST, 5)
    assert items[0].content == {"role": "user", "parts": [{"text": "uno"}]}
    assert items[2].content == CALL.content
    assert {item.turn_id for item in items} == {turn.turn_id}
    with pytest.raises(LostLease):
        await hand.finish(turn, "again")


async def test_a_handover_may_still_say_so(store: SqlStore, hand: Hand) -> None:
    await hand.hear()
    _, bubbles = await hand.answer("ya viene Rosa", hand_over_until=UNTIL)
    conversation = await store.conversation(GUEST)
    assert conversation is not None
    assert (conversation.owner, conversation.staff_until) == (Owner.STAFF, UNTIL)
    assert (await hand.hear("gracias", 31)).due_at is None
    assert await hand.permit(bubbles[0]) == "go"


async def test_a_running_turn_outlives_a_takeover(store: SqlStore, hand: Hand) -> None:
    await hand.hear()
    turn = await hand.begin()
    takeover = Takeover(ChannelName.WHATSAPP, GUEST, GUEST, held=True)
    await store.people.hold(takeover, at(30), UNTIL)
    await hand.release()
    assert (await hand.claim(40)).open
    turn = await hand.open(40)
    await hand.finish(turn)  # nothing to say
    assert await hand.release() is None
    assert await hand.said() == [("guest", "hola")]
    assert await hand.mirrored() == ["hola"]


async def test_the_beginning_of_a_prompt_moves_in_blocks(store: SqlStore, hand: Hand) -> None:
    beginnings: list[str] = []
    for number in range(60):
        await hand.hear(f"g{number}", number * 100)
        turn = await hand.begin(number * 100 + 50)
        count = len(turn.history)
        assert min(2 * number, HISTORY // 2) <= count <= HISTORY
        if turn.history:
            assert turn.history[0].kind is ItemKind.GUEST
            assert turn.history[-1].text == f"a{number - 1}"
            beginnings.append(turn.history[0].text)
        await hand.finish(turn, f"a{number}", seconds=number * 100 + 50)
        await hand.release()
    assert len(set(beginnings)) == 1 + (2 * 59 - HISTORY + HISTORY // 2 - 1) // (HISTORY // 2)
