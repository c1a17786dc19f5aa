"""What a migration may do to a conversation, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.clocks import NOON, JumpingClock
from tests.contract.stores import DEBOUNCE, GUEST, HISTORY, LEASE, RESTARTS, at, inbound, words
from watibot.conversations import Conversation, Provider
from watibot.errors import LostLease
from watibot.history import HistoryItem, ItemKind
from watibot.messages import ChannelName
from watibot.ports.migrations import Busy, Move, State
from watibot.ports.store import Finish
from watibot.storage.store import SqlStore
from watibot.turns import BubbleState

PAST = NOON - timedelta(days=30)


def old(number: int, kind: ItemKind = ItemKind.GUEST, seconds: float | None = None) -> HistoryItem:
    """An item of a thread, `seconds` after its beginning."""
    text = f"antes {number}"
    role = "user" if kind is ItemKind.GUEST else "model"
    return HistoryItem(
        f"old-{number}",
        kind,
        PAST + timedelta(seconds=number if seconds is None else seconds),
        text,
        {"role": role, "parts": [{"text": text}]},
        source_id=f"msg_{number}",
        origin={"source": "assistants", "sources": [f"msg_{number}"], "time": "exact"},
    )


async def hold(store: SqlStore, conversation_id: str = GUEST) -> Conversation:
    held = await store.hold(conversation_id, NOON, NOON + LEASE)
    assert isinstance(held, Conversation)
    return held


async def known(store: SqlStore, conversation_id: str = GUEST, **more: Any) -> None:
    """The conversation, with a message that waits."""
    await store.receive(
        inbound(conversation_id=conversation_id, address=conversation_id, **more),
        b"{}",
        NOON,
        DEBOUNCE,
    )


async def test_a_conversation_is_held_between_turns_only(store: SqlStore) -> None:
    assert await store.hold("50370000009", NOON, NOON + LEASE) == Busy(
        "there is no such conversation"
    )
    await known(store)
    held = await hold(store)
    assert await store.hold(GUEST, NOON, NOON + LEASE) == Busy("it is being answered")
    assert await store.claim(GUEST, at(30), at(90)) is None
    assert await store.look_again(GUEST, at(30)) == at(31)
    await store.release(GUEST, held.fence)
    assert await store.look_again(GUEST, at(30)) is None
    claim = await store.claim(GUEST, at(30), at(90))
    assert claim is not None
    assert claim.conversation.fence == held.fence + 1
    await store.open_turn(GUEST, claim.conversation.fence, at(30), HISTORY, RESTARTS)
    await store.release(GUEST, claim.conversation.fence)
    assert await store.hold(GUEST, at(40), at(90)) == Busy("a turn has not ended")


async def test_holding_does_not_move_what_is_due(store: SqlStore) -> None:
    await known(store)
    before = await store.due()
    held = await hold(store)
    await store.release(GUEST, held.fence)
    assert await store.due() == before


async def test_a_past_is_taken_in_once(store: SqlStore) -> None:
    await known(store)
    held = await hold(store)
    past = [old(1), old(2, ItemKind.ASSISTANT), old(3)]
    assert await store.take_in(GUEST, held.fence, past) == 3
    assert await store.take_in(GUEST, held.fence, [*past, old(4)]) == 1
    assert await store.whole_history(GUEST) == [*past, old(4)]
    with pytest.raises(LostLease):
        await store.take_in(GUEST, held.fence - 1, past)


async def test_items_come_between_their_neighbours(store: SqlStore) -> None:
    """Equal seconds, a neighbour that stands there already, one that only the source names."""
    await known(store)
    held = await hold(store)
    mine = replace(old(5, seconds=10), item_id="mine")
    await store.take_in(GUEST, held.fence, [old(1, seconds=1), mine])
    thread = [old(1, seconds=1), old(2, seconds=10), old(3, seconds=10), old(5, seconds=10)]
    assert await store.take_in(GUEST, held.fence, [*thread, old(6, seconds=10)]) == 3
    found = await store.whole_history(GUEST)
    assert [item.item_id for item in found] == ["old-1", "old-2", "old-3", "mine", "old-6"]
    times = [item.at for item in found]
    assert times == sorted(set(times))


async def test_the_moving_and_the_mirror_have_nothing_in_common(store: SqlStore) -> None:
    await known(store)
    held = await hold(store)
    await store.take_in(GUEST, held.fence, [old(1), old(2)])
    assert await store.mirror_due(5) == []
    assert await store.mirror_job(GUEST, 5) is None
    job = await store.mirror_job(GUEST, 1, moving=True)
    assert job is not None
    assert ([item.item_id for item in job.items], job.in_doubt) == (["old-1"], False)
    again = await store.mirror_job(GUEST, 5, moving=True)
    assert again is not None
    assert ([item.item_id for item in again.items], again.in_doubt) == (["old-1", "old-2"], True)
    assert await store.unmoved(GUEST) == 2
    await store.mirror_done(GUEST, ["old-1", "old-2"])
    assert await store.unmoved(GUEST) == 0
    await store.set_session(GUEST, "c-1", 1, replay=100, moving=True)
    assert await store.unmoved(GUEST) == 2


async def test_the_pointer_flips_and_takes_what_is_parked_along(store: SqlStore) -> None:
    await known(store)
    held = await hold(store)
    await store.flip(GUEST, held.fence, Provider.OPENAI, NOON)
    conversation = await store.conversation(GUEST)
    assert conversation is not None
    assert conversation.provider is Provider.OPENAI
    await store.take_in(GUEST, held.fence, [old(1)])
    await store.flip(GUEST, held.fence, Provider.VERTEX, NOON)
    assert await store.mirror_due(5) == [GUEST]
    job = await store.mirror_job(GUEST, 5)
    assert job is not None
    assert job.conversation.provider is Provider.VERTEX


async def test_turns_of_openai_are_parked(store: SqlStore) -> None:
    await known(store)
    held = await hold(store)
    await store.flip(GUEST, held.fence, Provider.OPENAI, NOON)
    await store.release(GUEST, held.fence)
    claim = await store.claim(GUEST, at(30), at(90))
    assert claim is not None
    fence = claim.conversation.fence
    turn = await store.open_turn(GUEST, fence, at(30), HISTORY, RESTARTS)
    assert turn is not None
    guest_item = turn.messages[0].item_id
    answer = replace(words("Buenas"), source_id="msg_a", origin={"sources": ["msg_a"]})
    bubbles = await store.finish_turn(
        GUEST,
        fence,
        turn.turn_id,
        Finish(("Buenas",), answer, "v1", posted={guest_item: "msg_g"}),
        at(31),
    )
    assert await store.lacking(GUEST) == []
    await store.permit(GUEST, fence, bubbles[0].bubble_id, at(31), RESTARTS)
    await store.bubble_done(GUEST, fence, bubbles[0].bubble_id, BubbleState.SENT, at(32))
    assert await store.mirror_due(5) == []
    assert await store.unmoved(GUEST) == 2
    assert [item.source_id for item in await store.whole_history(GUEST)] == ["msg_g", "msg_a"]


async def test_a_restart_waits_for_what_may_be_on_its_way_to_a_thread(store: SqlStore) -> None:
    await known(store)
    held = await hold(store)
    await store.flip(GUEST, held.fence, Provider.OPENAI, NOON)
    await store.release(GUEST, held.fence)
    assert await store.claim(GUEST, at(30), at(90)) is not None
    await store.break_leases(at(31))
    assert await store.claim(GUEST, at(50), at(110)) is None
    assert await store.claim(GUEST, at(51), at(111)) is not None


async def test_what_the_thread_lacks(store: SqlStore) -> None:
    await known(store)
    held = await hold(store)
    here = replace(old(2, ItemKind.ASSISTANT), source_id=None, origin=None)
    call = replace(old(3, ItemKind.TOOL_CALL), source_id=None, origin=None)
    await store.take_in(GUEST, held.fence, [old(1), here, call])
    assert [item.item_id for item in await store.lacking(GUEST)] == ["old-2"]
    await store.posted(GUEST, held.fence, {"old-2": "msg_9"})
    assert await store.lacking(GUEST) == []


async def test_the_ledger_keeps_the_order_of_work(store: SqlStore) -> None:
    guests = {
        "ig:1": ChannelName.INSTAGRAM,
        "fb:1": ChannelName.FACEBOOK,
        "50370000002": ChannelName.WHATSAPP,
        "50370000001": ChannelName.WHATSAPP,
    }
    for conversation_id, channel in guests.items():
        await known(store, conversation_id, channel=channel)
        held = await hold(store, conversation_id)
        await store.flip(conversation_id, held.fence, Provider.OPENAI, NOON)
    await known(store, "50370000003")  # began here: none of the migration's business
    moves = await store.moves()
    ids = [move.conversation_id for move in moves]
    assert ids == ["50370000001", "50370000002", "fb:1", "ig:1"]
    page = await store.moves(limit=2)
    rest = await store.moves(after=page[-1].conversation_id)
    assert [*page, *rest] == moves
    assert await store.moves(only=["fb:1"]) == [moves[2]]
    assert await store.moves(channels=[ChannelName.INSTAGRAM]) == [moves[3]]
    assert await store.moves(states=[State.EXPORTED]) == []
    assert (await store.count_moves())[State.PENDING] == 4


async def test_a_line_is_written_by_who_knew_it_last(store: SqlStore) -> None:
    await known(store)
    held = await hold(store)
    await store.flip(GUEST, held.fence, Provider.OPENAI, NOON)
    move = await store.move(GUEST)
    assert move is not None
    exported = replace(
        move, state=State.EXPORTED, exported_at=NOON, messages=3, losses={"tool history": 1}
    )
    assert await store.save_move(exported, State.PENDING)
    assert not await store.save_move(exported, State.PENDING)
    assert await store.move(GUEST) == exported
    imported = replace(exported, state=State.IMPORTED, problem="later")
    assert not await store.save_move(imported, State.VERIFIED)
    assert await store.save_move(imported, State.EXPORTED)
    assert await store.moves(states=[State.IMPORTED]) == [imported]
    assert isinstance(await store.move(GUEST), Move)


async def test_live_turns_go_first_under_a_quota(store: SqlStore) -> None:
    clock = JumpingClock()
    live = store.quota("sessions.appends", 60, clock, live=True)
    moving = store.quota("sessions.appends", 60, clock, live=False)
    started = clock.time()
    for _ in range(5):
        await live.place()
    for _ in range(5):
        await moving.place()
    assert clock.time() - started == pytest.approx(9, abs=0.01)
    assert moving.waited > 0
    await live.hold(30)
    await moving.place()
    assert clock.time() - started == pytest.approx(39, abs=0.01)
