"""The store's exam, last part: records, the mirror's work, counts. Both databases sit it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from tests.contract.stores import GUEST, Hand, at, words
from watibot.history import ItemKind
from watibot.messages import ChannelName, StaffMessage
from watibot.ports.store import Booking
from watibot.storage.store import SqlStore
from watibot.toolcalls import Caller

BOOKING = Booking("2026-12-01", "2026-12-03", 2, "Ana Invento", "doble", "alergia: nueces")


@pytest.fixture
def hand(store: SqlStore) -> Hand:
    return Hand(store)


def caller(key: str) -> Caller:
    return Caller("posada", GUEST, ChannelName.WHATSAPP, GUEST, None, None, "turn", key, at(0))


async def test_a_booking_happens_once_for_a_call(store: SqlStore) -> None:
    made = await asyncio.gather(*(store.book(caller("k1"), BOOKING) for _ in range(5)))
    assert sorted(new for _, new in made) == [False] * 4 + [True]
    assert len({number for number, _ in made}) == 1
    number, new = await store.book(caller("k2"), BOOKING)
    assert new
    assert number != made[0][0]


async def test_notices_are_kept_until_told(store: SqlStore) -> None:
    assert await store.add_notice("k", "media", "title", "body", GUEST, at(0))
    assert not await store.add_notice("k", "media", "other", "body", None, at(0))
    assert await store.add_notice("k2", "media", "second", "body", None, at(5))
    (notice,) = await store.due_notices(at(1))
    assert (notice.title, notice.attempts, notice.conversation_id) == ("title", 0, GUEST)
    await store.notice_done(notice.notice_id, at(60), "smtp unreachable")
    assert [n.title for n in await store.due_notices(at(59))] == ["second"]
    again, second = await store.due_notices(at(60))
    assert (again.title, again.attempts) == ("title", 1)
    await store.notice_done(again.notice_id, None, None)
    await store.notice_done(second.notice_id, None, "given up")
    assert await store.due_notices(at(9999)) == []


async def test_nobody_is_nobody(store: SqlStore) -> None:
    assert await store.conversation("50370000009") is None
    assert await store.history("50370000009", 5) == []
    assert await store.mirror_job("50370000009", 5) is None
    assert await store.restore_history("50370000009", [words("x")]) == 0


async def test_the_newest_history_comes_in_order(hand: Hand) -> None:
    for number in range(3):
        await hand.hear(f"g{number}", number * 100)
        await hand.answer(f"a{number}", seconds=number * 100 + 50)
        await hand.release()
    items = await hand.store.history(GUEST, 3)
    assert [item.text for item in items] == ["a1", "g2", "a2"]


# --- the mirror ---


async def answered(hand: Hand, number: int) -> None:
    """A turn whose bubble has left."""
    await hand.hear(f"g{number}", number * 100)
    _, (bubble,) = await hand.answer(f"a{number}", seconds=number * 100 + 50)
    await hand.send(bubble, number * 100 + 51)
    await hand.release()


async def test_the_mirror_is_given_items_in_order_and_told_of_doubt(
    store: SqlStore, hand: Hand
) -> None:
    await answered(hand, 0)
    await answered(hand, 1)
    job = await store.mirror_job(GUEST, 3)
    assert job is not None
    assert ([item.text for item in job.items], job.in_doubt) == (["g0", "a0", "g1"], False)
    again = await store.mirror_job(GUEST, 4)
    assert again is not None
    assert ([item.text for item in again.items], again.in_doubt) == (
        ["g0", "a0", "g1", "a1"],
        True,
    )
    await store.mirror_done(GUEST, [item.item_id for item in again.items[:3]])
    assert await hand.mirrored() == ["a1"]
    await store.mirror_done(GUEST, [again.items[3].item_id])
    assert await store.mirror_due(10) == []
    assert await store.mirror_job(GUEST, 4) is None


async def test_the_longest_waiting_is_mirrored_first(store: SqlStore) -> None:
    for number in (2, 1, 3):
        guest = f"5037000000{number}"
        hand = Hand(store, guest)
        await hand.hear(conversation_id=guest, address=guest, sent=number)
        await hand.answer()
    assert await store.mirror_due(2) == ["50370000001", "50370000002"]


async def test_what_is_held_stops_what_comes_after_it(store: SqlStore, hand: Hand) -> None:
    await hand.hear()
    _, (bubble,) = await hand.answer("uno")
    written = StaffMessage(ChannelName.WHATSAPP, GUEST, GUEST, "s1", at(30), "soy Rosa")
    assert await store.staff_message(written, at(30), at(60))
    assert await store.mirror_due(10) == []
    assert await hand.mirrored() == []
    assert await hand.permit(bubble) == "staff"
    assert await hand.mirrored() == ["hola", "soy Rosa"]


async def test_a_new_session_is_given_the_newest_again(store: SqlStore, hand: Hand) -> None:
    for number in range(3):
        await answered(hand, number)
    assert len(await hand.mirrored()) == 6
    await store.mirror_done(GUEST, [item.item_id for item in await store.history(GUEST, 6)][:5])
    await store.set_session(GUEST, "s-2", 2, replay=3)
    conversation = await store.conversation(GUEST)
    assert conversation is not None
    assert (conversation.session_id, conversation.session_generation) == ("s-2", 2)
    job = await store.mirror_job(GUEST, 10)
    assert job is not None
    assert ([item.text for item in job.items], job.in_doubt) == (["a1", "g2", "a2"], False)


async def test_a_session_without_replay_leaves_the_mirror_alone(
    store: SqlStore, hand: Hand
) -> None:
    await answered(hand, 0)
    await store.set_session(GUEST, "s-1", 1)
    assert await hand.mirrored() == ["g0", "a0"]


async def test_what_a_session_remembers_is_put_before_the_rest(store: SqlStore, hand: Hand) -> None:
    await answered(hand, 10)
    local = await store.history(GUEST, 10)
    old = [words(f"old{n}", ItemKind.GUEST, seconds=n * 600) for n in range(3)]
    past = [*old, replace(old[1]), local[0]]  # one append was repeated
    assert await store.restore_history(GUEST, past) == 3
    assert await store.restore_history(GUEST, past) == 0
    assert [text for _, text in await hand.said()] == ["old0", "old1", "old2", "g10", "a10"]
    assert await hand.mirrored() == ["g10", "a10"]


async def test_a_lost_store_is_filled_from_the_session(store: SqlStore, hand: Hand) -> None:
    await hand.hear("nueva", 100)
    past = [words("old", ItemKind.GUEST, seconds=200), words("answer", seconds=201)]
    assert await store.restore_history(GUEST, past) == 2
    turn = await hand.begin(150)
    assert [item.text for item in turn.history] == ["old", "answer"]
    await hand.finish(turn, "hola")
    assert [text for _, text in await hand.said()] == ["old", "answer", "nueva", "hola"]


# --- for operators ---


async def test_counts_and_lists(store: SqlStore, hand: Hand) -> None:
    await answered(hand, 0)
    await hand.hear("otra", 200)
    await Hand(store, "fb:7").hear(conversation_id="fb:7", address="7", sent=300)
    counts = await store.counts()
    assert (counts["conversations"], counts["messages_waiting"]) == (2, 2)
    assert (counts["turns_running"], counts["bubbles_sent"], counts["mirror_lag"]) == (0, 1, 2)
    assert [c.conversation_id for c in await store.conversations(1)] == ["fb:7"]
