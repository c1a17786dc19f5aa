"""The store's exam about the day's figures, and about marks that change when a page's content does.
Both databases sit it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert

from tests.clocks import NOON
from tests.contract.stores import GUEST, UNTIL, Hand, at
from watibot.escalations import DeadEnd, EscalationCause, Told
from watibot.messages import (
    Attachment,
    AttachmentKind,
    ChannelName,
    MessageKind,
    Receipt,
    ReceiptState,
    Takeover,
)
from watibot.payments import Picture
from watibot.ports.console import Role
from watibot.ports.figures import Beat, Traffic, TurnTime, Waiting
from watibot.storage.door import Door
from watibot.storage.figures_day import SqlFigures
from watibot.storage.money_tables import charges, tallies
from watibot.storage.pulse import SqlPulse
from watibot.storage.rows import Tx
from watibot.storage.store import SqlStore
from watibot.toolcalls import Caller
from watibot.turns import BubbleState, TurnState

OTHER = "fb:900"
DAY, NEXT = NOON - timedelta(hours=6), NOON + timedelta(hours=18)
NOTHING = [Traffic(channel) for channel in ChannelName]


@pytest.fixture
def figures(store: SqlStore) -> SqlFigures:
    return SqlFigures(Door(store._writer, "posada"))


def facebook(store: SqlStore) -> Hand:
    return Hand(store, OTHER)


async def hear(hand: Hand, text: str = "hola", sent: float = 0) -> None:
    if hand.conversation_id == OTHER:
        await hand.hear(
            text, sent, conversation_id=OTHER, address="900", channel=ChannelName.FACEBOOK
        )
    else:
        await hand.hear(text, sent)


async def tally(store: SqlStore, outcome: str, count: int, seconds: float = 0) -> None:
    row = {"at": at(seconds), "name": "tool", "outcome": outcome, "count": count}

    def add(tx: Tx) -> None:
        tx.add(_TALLY, [row])

    await store._write(add)


_TALLY = insert(tallies)
_CHARGE = insert(charges)


async def charge(store: SqlStore) -> None:
    words = dict.fromkeys(("provider", "operation", "model", "location", "outcome"), "x")
    tokens = ("prompt", "cached", "output", "thoughts", "audio")
    row: dict[str, Any] = {
        "at": at(1),
        "quantity": 1,
        "seconds": 0.5,
        **words,
        **{f"{name}_tokens": 0 for name in tokens},
    }

    def add(tx: Tx) -> None:
        tx.add(_CHARGE, [row])

    await store._write(add)


async def test_an_empty_day(figures: SqlFigures) -> None:
    found = await figures.day(DAY, NEXT)
    assert (found.turns, list(found.traffic), dict(found.tools)) == ((), NOTHING, {})
    assert await figures.waiting(NOON) == Waiting()
    assert await figures.of_turns([]) == {}


async def test_a_turns_time_is_until_its_first_bubble_left(
    store: SqlStore, figures: SqlFigures
) -> None:
    hand = Hand(store)
    await hear(hand)
    turn, (first, second) = await hand.answer("uno", "dos", seconds=30)
    assert [each.handed_at for each in (await figures.day(DAY, NEXT)).turns] == [None]
    await hand.send(first, 31.5)
    await hand.send(second, 40)
    await hand.release()
    other = facebook(store)
    await hear(other, sent=50)
    failed, _ = await other.answer("perdón", seconds=60, failed="provider")
    found = (await figures.day(DAY, NEXT)).turns
    assert found == (
        TurnTime(at(30), TurnState.ANSWERED, at(31.5)),
        TurnTime(at(60), TurnState.FAILED, None),
    )
    assert (await figures.day(DAY, at(60))).turns == found[:1]
    assert (await figures.day(at(31), NEXT)).turns == found[1:]
    assert await figures.of_turns([turn.turn_id, failed.turn_id, "none"]) == {
        turn.turn_id: (GUEST, at(30)),
        failed.turn_id: (OTHER, at(60)),
    }


async def test_what_did_not_leave_is_no_answer(store: SqlStore, figures: SqlFigures) -> None:
    hand = Hand(store)
    await hear(hand)
    _, (bubble,) = await hand.answer("uno")
    assert await hand.permit(bubble) == "go"
    await hand.done(bubble, BubbleState.REFUSED)
    assert [each.handed_at for each in (await figures.day(DAY, NEXT)).turns] == [None]


async def test_what_was_said_by_channel(store: SqlStore, figures: SqlFigures) -> None:
    hand, other = Hand(store), facebook(store)
    await hear(hand, "una")
    await hear(hand, "dos", 1)
    _, (bubble,) = await hand.answer("bien")
    await hand.send(bubble)
    await hand.release()
    await hear(hand, "espera", 50)
    await hear(other, "hi", 2)
    await other.begin()
    whatsapp = Traffic(ChannelName.WHATSAPP, 1, 3, 1)
    facebook_ = Traffic(ChannelName.FACEBOOK, 1, 1)
    found = (await figures.day(DAY, NEXT)).traffic
    assert found == (whatsapp, facebook_, Traffic(ChannelName.INSTAGRAM))
    tomorrow = await figures.day(NEXT, NEXT + timedelta(days=1))
    assert list(tomorrow.traffic) == NOTHING


async def test_tools_by_outcome(store: SqlStore, figures: SqlFigures) -> None:
    await tally(store, "ok", 3)
    await tally(store, "ok", 2, 60)
    await tally(store, "failed", 1)
    await tally(store, "ok", 50, 24 * 3600)
    assert dict((await figures.day(DAY, NEXT)).tools) == {"ok": 5, "failed": 1}


async def escalate(store: SqlStore, seconds: float, guest: str = GUEST) -> None:
    end = DeadEnd(f"k{seconds}", EscalationCause.GUEST_WISH, guest, "pide a Rosa", at(seconds))
    assert await store.escalations.open(end, Told("t", "b", at(seconds)), at(9_999))


async def hold(store: SqlStore, guest: str = GUEST) -> None:
    taken = Takeover(ChannelName.WHATSAPP, guest, guest, held=True, by="Rosa")
    await store.people.hold(taken, at(5), UNTIL)


async def prove(store: SqlStore) -> None:
    sent = (Attachment(AttachmentKind.IMAGE, "data/x", None),)
    received = await Hand(store).hear("", 6, kind=MessageKind.MEDIA, attachments=sent)
    caller = Caller("posada", GUEST, ChannelName.WHATSAPP, GUEST, None, None, "t", "p1", at(7))
    await store.proofs.begin(caller, received.media[0].media_id, Picture("ab" * 32), None)


async def test_what_waits_for_a_person(store: SqlStore, figures: SqlFigures) -> None:
    await hear(Hand(store))
    await hear(facebook(store))
    await escalate(store, 9)
    await escalate(store, 3, OTHER)
    await hold(store)
    await prove(store)
    found = await figures.waiting(at(60))
    assert found == Waiting(2, at(3), 1, at(7), held=1)
    (first, _) = await store.escalations.open_ones(9)
    await store.escalations.acknowledge(first.escalation_id, "Rosa", at(20))
    assert (await figures.waiting(at(60))).escalated_at == at(9)
    assert (await figures.waiting(UNTIL)).held == 0  # it has ended by itself


Change = Callable[[SqlStore, Hand], Awaitable[object]]


async def _answers(store: SqlStore, hand: Hand) -> None:
    await hand.answer("bien")


async def _sends(store: SqlStore, hand: Hand) -> None:
    _, (bubble,) = await hand.answer("bien")
    await hand.send(bubble)


CHANGES: list[tuple[str, Change, set[str]]] = [
    ("a message", lambda store, hand: hear(hand, "más", 3), {"today", "conversation"}),
    ("an answer", _answers, {"today", "conversation"}),
    ("a sent answer", _sends, {"today", "conversation"}),
    ("an escalation", lambda store, _: escalate(store, 9), {"today", "queues", "conversation"}),
    ("a takeover", lambda store, _: hold(store), {"today", "queues", "conversation"}),
    ("a proof", lambda store, _: prove(store), {"today", "queues", "conversation"}),
    ("a charge", lambda store, _: charge(store), {"today"}),
    ("somebody else's", lambda store, _: hear(facebook(store), "x", 4), {"today"}),
    ("nothing", lambda store, _: store.counts(), set()),
]


@pytest.mark.parametrize(("name", "change", "expected"), CHANGES, ids=[each[0] for each in CHANGES])
async def test_marks_change_with_what_is_shown(
    store: SqlStore, name: str, change: Change, expected: set[str]
) -> None:
    pulse = SqlPulse(Door(store._writer, "posada"))
    hand = Hand(store)
    await hear(hand)
    before = await pulse.beat(DAY, at(60), [GUEST], [], DAY)
    await change(store, hand)
    after = await pulse.beat(DAY, at(60), [GUEST], [], DAY)

    def marks(beat: Beat) -> dict[str, str]:
        return {
            "today": beat.today,
            "queues": beat.queues,
            "conversation": beat.conversations[GUEST],
        }

    one, other = marks(before), marks(after)
    assert {topic for topic in one if one[topic] != other[topic]} == expected


async def test_a_receipt_is_seen(store: SqlStore) -> None:
    pulse = SqlPulse(Door(store._writer, "posada"))
    hand = Hand(store)
    await hear(hand)
    _, (bubble,) = await hand.answer("bien")
    await hand.send(bubble)
    before = await pulse.beat(DAY, at(60), [GUEST], [], DAY)
    await store.receipt(Receipt(ChannelName.WHATSAPP, ReceiptState.READ, at(40), provider_id="w-0"))
    after = await pulse.beat(DAY, at(60), [GUEST], [], DAY)
    assert before.conversations != after.conversations


async def test_what_waits_and_who_is_signed_in(store: SqlStore) -> None:
    pulse = SqlPulse(Door(store._writer, "posada"))
    await hear(Hand(store))
    await escalate(store, 9)
    rows = store.console
    for name in ("rosa", "ana"):
        await rows.add_user(name, name, "x", Role.DESK, NOON)
        await rows.sign_in(f"{name}-here", name, at(0), DAY)
    await rows.disable_user("ana", at(1))

    async def beat(seen_after: datetime) -> Beat:
        return await pulse.beat(DAY, at(9), [], ["rosa-here", "ana-here", "x"], seen_after)

    found = await beat(at(-1))
    assert dict(found.waiting) == {"escalations": 1, "payments": 0, "held": 0}
    assert found.signed_in == {"rosa-here"}
    assert (await beat(at(0))).signed_in == frozenset()
    await rows.sign_out("rosa-here")
    assert (await beat(at(-1))).signed_in == frozenset()


async def test_hotels_do_not_see_each_other(store: SqlStore) -> None:
    door = Door(store._writer, "other")
    before = await SqlPulse(door).beat(DAY, at(60), [GUEST], [], DAY)
    await hear(Hand(store))
    await escalate(store, 9)
    await tally(store, "ok", 3)
    assert await SqlPulse(door).beat(DAY, at(60), [GUEST], [], DAY) == before
    found = await SqlFigures(door).day(DAY, NEXT)
    assert (list(found.traffic), dict(found.tools)) == (NOTHING, {})
    assert await SqlFigures(door).waiting(at(60)) == Waiting()
