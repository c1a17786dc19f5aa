"""The store's exam, third part: bubbles and receipts. Both databases sit it."""

from __future__ import annotations

import pytest

from tests.contract.stores import GUEST, UNTIL, Hand, at, words
from watibot.history import ItemKind
from watibot.messages import ChannelName, Receipt, ReceiptState, StaffMessage, Takeover
from watibot.ports.store import StepRecord
from watibot.storage.store import SqlStore
from watibot.turns import Bubble, BubbleState, Progress

S = BubbleState
DAY = 24 * 3600


@pytest.fixture
def hand(store: SqlStore) -> Hand:
    return Hand(store)


async def states(store: SqlStore) -> dict[str, int]:
    """How many bubbles are in which state, where there are any."""
    counts = await store.counts()
    return {
        name.removeprefix("bubbles_"): number
        for name, number in counts.items()
        if name.startswith("bubbles_") and number
    }


async def test_a_bubble_leaves_once(store: SqlStore, hand: Hand) -> None:
    await hand.hear()
    _, (first, second) = await hand.answer("uno", "dos")
    assert await hand.permit(first) == "go"
    assert await hand.permit(first) == "gone"
    await hand.release()
    claim = await hand.claim(40)
    assert [(b.state, b.attempts, b.last_attempt_at) for b in claim.bubbles] == [
        (S.SENDING, 1, at(31)),
        (S.WAITING, 0, None),
    ]
    await hand.done(first, S.SENT, provider_id="w1")
    await hand.send(second)
    assert await hand.permit(second) == "gone"
    assert await hand.release() is None
    assert await states(store) == {"sent": 2}


async def test_what_certainly_did_not_arrive_is_tried_again(hand: Hand) -> None:
    await hand.hear()
    _, (bubble,) = await hand.answer("uno")
    assert await hand.permit(bubble) == "go"
    await hand.done(bubble, S.WAITING, reason="429")
    assert await hand.permit(bubble, 40) == "go"
    await hand.done(bubble, S.UNKNOWN)
    assert await hand.permit(bubble, 50) == "gone"


async def test_a_refusal_ends_the_turns_later_bubbles(store: SqlStore, hand: Hand) -> None:
    await hand.hear()
    _, (first, second, third) = await hand.answer("uno", "dos", "tres")
    await hand.send(first)
    assert await hand.permit(second) == "go"
    await hand.done(second, S.REFUSED, reason="blocked")
    assert await hand.permit(third) == "gone"
    assert await states(store) == {"sent": 1, "refused": 2}
    assert ("assistant", "uno dos tres") in await hand.said()


async def test_history_is_held_until_the_first_bubble_has_left(store: SqlStore, hand: Hand) -> None:
    await hand.hear()
    _, (first, _) = await hand.answer("uno", "dos")
    assert await store.mirror_due(10) == []
    assert await hand.mirrored() == []
    assert await hand.permit(first) == "go"
    assert await hand.mirrored() == []
    await hand.done(first, S.SENT)
    assert await store.mirror_due(10) == [GUEST]
    assert await hand.mirrored() == ["hola", "uno dos"]


@pytest.mark.parametrize(
    ("state", "effect", "kept"),
    [
        (S.REFUSED, False, ["guest"]),
        (S.REFUSED, True, ["guest", "tool_result", "assistant"]),
        (S.UNKNOWN, False, ["guest", "tool_result", "assistant"]),
    ],
)
async def test_an_answer_that_nobody_got_leaves_the_history(
    store: SqlStore, hand: Hand, state: BubbleState, effect: bool, kept: list[str]
) -> None:
    await hand.hear()
    turn = await hand.begin()
    item = words("{}", ItemKind.TOOL_RESULT)
    await store.record_step(
        GUEST, hand.fence, turn.turn_id, StepRecord(item, Progress(), effect=effect)
    )
    (bubble,) = await hand.finish(turn, "uno")
    assert await hand.permit(bubble) == "go"
    await hand.done(bubble, state)
    assert [kind for kind, _ in await hand.said()] == kept
    assert len(await hand.mirrored()) == len(kept)


async def test_staff_are_asked_before_every_bubble(store: SqlStore, hand: Hand) -> None:
    await hand.hear()
    _, (first, second) = await hand.answer("uno", "dos")
    await hand.send(first)
    takeover = Takeover(ChannelName.WHATSAPP, GUEST, GUEST, held=True)
    await store.people.hold(takeover, at(30), UNTIL)
    assert await hand.permit(second) == "staff"
    assert await states(store) == {"sent": 1, "cancelled": 1}
    assert await hand.release() is None


async def test_a_colleagues_word_stops_even_the_handovers_answer(
    store: SqlStore, hand: Hand
) -> None:
    await hand.hear()
    _, (bubble,) = await hand.answer("ya viene Rosa", hand_over_until=UNTIL)
    written = StaffMessage(ChannelName.WHATSAPP, GUEST, GUEST, "s1", at(30), "aquí estoy")
    assert await store.staff_message(written, at(30), UNTIL)
    assert await hand.permit(bubble) == "staff"


@pytest.mark.parametrize(("seconds", "permit"), [(DAY - 1, "go"), (DAY, "window")])
async def test_the_window_is_asked_before_every_bubble(
    store: SqlStore, hand: Hand, seconds: float, permit: str
) -> None:
    await hand.hear()
    _, (bubble, _) = await hand.answer("uno", "dos")
    assert await hand.permit(bubble, seconds) == permit
    if permit == "window":
        assert await states(store) == {"refused": 2}
        assert await hand.said() == [("guest", "hola")]


async def test_a_guest_who_writes_again_restarts_the_turn_twice(
    store: SqlStore, hand: Hand
) -> None:
    await hand.hear("a")
    turn = await hand.begin()
    for restarts in (1, 2):
        first, _ = await hand.finish(turn, "uno", "dos")
        await hand.hear(f"b{restarts}", restarts)
        assert await hand.permit(first) == "superseded"
        assert await hand.permit(first) == "superseded"  # asking is not yet doing
        await store.restart_turn(GUEST, hand.fence, turn.turn_id)
        assert await hand.permit(first) == "gone"
        assert await hand.said() == []
        again = await hand.open()
        assert again.turn_id == turn.turn_id
        assert (len(again.messages), again.progress.restarts) == (restarts + 1, restarts)
        turn = again
    (first,) = await hand.finish(turn, "uno")
    await hand.hear("c", 3)
    assert await hand.permit(first) == "go"
    await hand.done(first, S.SENT)
    assert [text for _, text in await hand.said()] == ["a", "b1", "b2", "uno"]
    assert [m.text for m in (await hand.open()).messages] == ["c"]


async def test_once_a_bubble_has_left_the_rest_follows(hand: Hand) -> None:
    await hand.hear("a")
    _, (first, second) = await hand.answer("uno", "dos")
    await hand.send(first)
    await hand.hear("b", 1)
    assert await hand.permit(second) == "go"


async def test_a_first_bubble_to_be_tried_again_can_still_be_superseded(hand: Hand) -> None:
    await hand.hear("a")
    _, (first,) = await hand.answer("uno")
    assert await hand.permit(first) == "go"
    await hand.hear("b", 1)
    await hand.done(first, S.WAITING)
    assert await hand.permit(first) == "superseded"


@pytest.mark.parametrize("why", ["effect", "failed", "handover"])
async def test_what_is_not_superseded(store: SqlStore, hand: Hand, why: str) -> None:
    await hand.hear("a")
    turn = await hand.begin()
    if why == "effect":
        record = StepRecord(words("{}", ItemKind.TOOL_RESULT), Progress(), effect=True)
        await store.record_step(GUEST, hand.fence, turn.turn_id, record)
    await hand.hear("b", 1)
    (bubble,) = await hand.finish(
        turn,
        "uno",
        failed="gemini timeout" if why == "failed" else None,
        hand_over_until=UNTIL if why == "handover" else None,
    )
    assert await hand.permit(bubble) == "go"


# --- receipts ---


def receipt(state: ReceiptState, **ids: str) -> Receipt:
    return Receipt(ChannelName.WHATSAPP, state, at(40), **ids)


async def sending(hand: Hand, *texts: str) -> tuple[Bubble, ...]:
    await hand.hear()
    _, bubbles = await hand.answer(*texts)
    assert await hand.permit(bubbles[0]) == "go"
    return bubbles


async def test_a_receipt_finds_its_bubble_by_any_id(store: SqlStore, hand: Hand) -> None:
    (bubble,) = await sending(hand, "uno")
    await hand.done(bubble, S.SENT, provider_id="w1", record_id="r1")
    for ids in (
        {"local_message_id": bubble.bubble_id},
        {"provider_id": "w1"},
        {"record_id": "r1"},
        {"local_message_id": "unknown", "record_id": "r1"},
    ):
        found = await store.receipt(receipt(ReceiptState.SENT, **ids))
        assert found is not None
        assert found.bubble_id == bubble.bubble_id
    assert await store.receipt(receipt(ReceiptState.READ, provider_id="w2")) is None
    assert await store.receipt(receipt(ReceiptState.READ)) is None


@pytest.mark.parametrize("doubt", [S.SENDING, S.UNKNOWN, S.WAITING])
async def test_a_receipt_ends_doubt(store: SqlStore, hand: Hand, doubt: BubbleState) -> None:
    first, _ = await sending(hand, "uno", "dos")
    if doubt is not S.SENDING:
        await hand.done(first, doubt)
    found = await store.receipt(
        receipt(ReceiptState.SENT, local_message_id=first.bubble_id, provider_id="w1")
    )
    assert found is not None
    assert found.state is S.SENT
    assert await hand.permit(first) == "gone"
    assert await hand.mirrored() == ["hola", "uno dos"]
    # What the worker still believes does not bring it back.
    await hand.done(first, S.WAITING)
    assert await states(store) == {"sent": 1, "waiting": 1}
    assert await store.receipt(receipt(ReceiptState.READ, provider_id="w1")) is not None


async def test_the_providers_refusal_is_told_by_a_receipt_too(store: SqlStore, hand: Hand) -> None:
    first, _ = await sending(hand, "uno", "dos")
    ids = {"local_message_id": first.bubble_id, "failure": "470"}
    found = await store.receipt(receipt(ReceiptState.FAILED, **ids))
    assert found is not None
    assert found.state is S.REFUSED
    assert await states(store) == {"refused": 2}
    assert await hand.said() == [("guest", "hola")]


async def test_a_failure_after_the_send_keeps_the_history(store: SqlStore, hand: Hand) -> None:
    (bubble,) = await sending(hand, "uno")
    await hand.done(bubble, S.SENT)
    found = await store.receipt(
        receipt(ReceiptState.FAILED, local_message_id=bubble.bubble_id, failure="131026")
    )
    assert found is not None
    assert found.state is S.SENT
    assert len(await hand.said()) == 2
