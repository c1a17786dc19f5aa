"""The store's exam on dead ends: kept once, told again, acknowledged. Both databases sit it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime

import pytest

from tests.contract.stores import GUEST, Hand, at
from watibot.escalations import DeadEnd, Escalation, EscalationCause, Told
from watibot.messages import ChannelName
from watibot.ports.escalations import Escalations
from watibot.storage.door import Door
from watibot.storage.escalations import SqlEscalations
from watibot.storage.store import SqlStore

END = DeadEnd("k1", EscalationCause.GUEST_WISH, GUEST, "pide a Rosa", at(0), "t1")
TOLD = Told("Piden a una persona", "Motivo: pide a Rosa", at(0))
WHATSAPP = ChannelName.WHATSAPP
SOON = at(900)


@pytest.fixture
def escalations(store: SqlStore) -> Escalations:
    return SqlEscalations(Door(store._writer, "posada"))


async def titles(store: SqlStore) -> list[str]:
    return [notice.title for notice in await store.due_notices(at(99_999))]


async def opened(
    escalations: Escalations, end: DeadEnd = END, repeat_at: datetime | None = SOON
) -> Escalation:
    assert await escalations.open(end, TOLD, repeat_at)
    found = await escalations.of(end.conversation_id)
    return next(one for one in found if one.key == end.key)


async def test_it_is_kept_with_its_notice(store: SqlStore, escalations: Escalations) -> None:
    kept = await opened(escalations)
    assert replace(kept, escalation_id=0) == Escalation(
        0, "k1", GUEST, EscalationCause.GUEST_WISH, "pide a Rosa", "t1", at(0), 1, at(900)
    )
    (notice,) = await store.due_notices(at(0))
    assert (notice.title, notice.body, notice.kind) == (TOLD.title, TOLD.body, "guest_wish")
    assert notice.conversation_id == GUEST


async def test_once_per_key(store: SqlStore, escalations: Escalations) -> None:
    kept = await opened(escalations)
    assert not await escalations.open(END, TOLD, at(900))
    assert await escalations.acknowledge(kept.escalation_id, "Rosa", at(5))
    assert not await escalations.open(END, TOLD, at(900))
    assert len(await titles(store)) == 1


SECOND = [
    ("the same cause while it is being told", {}, False),
    ("another cause", {"cause": EscalationCause.ANGRY}, True),
    ("another guest", {"conversation_id": "50370000002"}, True),
]


@pytest.mark.parametrize(("name", "change", "new"), SECOND)
async def test_a_second_one(
    store: SqlStore,
    escalations: Escalations,
    name: str,
    change: dict[str, object],
    new: bool,
) -> None:
    await opened(escalations)
    other = replace(END, key="k2", **change)  # type: ignore[arg-type]
    assert await escalations.open(other, TOLD, at(950)) is new
    assert len(await titles(store)) == 1 + new


async def test_the_same_again_once_it_was_acknowledged(escalations: Escalations) -> None:
    kept = await opened(escalations)
    assert await escalations.acknowledge(kept.escalation_id, "Rosa", at(5))
    assert await escalations.open(replace(END, key="k2"), TOLD, at(950))


async def test_one_that_was_given_up_hides_no_new_one(escalations: Escalations) -> None:
    await opened(escalations, repeat_at=None)
    assert await escalations.open(replace(END, key="k2"), TOLD, at(950))
    assert len(await escalations.open_ones(10)) == 2


async def test_at_once_from_many_sides(store: SqlStore, escalations: Escalations) -> None:
    await Hand(store).hear()
    ends = [replace(END, key=f"k{number}") for number in range(8)]
    made = await asyncio.gather(*(escalations.open(end, TOLD, at(900)) for end in ends))
    assert sum(made) == 1
    assert len(await titles(store)) == 1


async def test_it_is_due_until_it_is_told(store: SqlStore, escalations: Escalations) -> None:
    kept = await opened(escalations)
    later = replace(END, key="k2", conversation_id="50370000002")
    await opened(escalations, later, at(950))
    assert await escalations.due(at(899)) == []
    assert await escalations.due(at(900)) == [kept]
    assert [one.key for one in await escalations.due(at(1000))] == ["k1", "k2"]
    assert await escalations.told(kept, Told("2.º aviso", "otra vez", at(900)), at(1800))
    assert [one.key for one in await escalations.due(at(1000))] == ["k2"]
    (again,) = [one for one in await escalations.due(at(1800)) if one.key == "k1"]
    assert (again.told, again.repeat_at) == (2, at(1800))
    assert await titles(store) == [TOLD.title, TOLD.title, "2.º aviso"]
    assert await escalations.told(again, Told("3.º aviso", "", at(1800)), None)
    assert [one.key for one in await escalations.due(at(99_999))] == ["k2"]
    assert {one.key for one in await escalations.open_ones(9)} == {"k1", "k2"}


async def test_it_is_told_again_once_only(store: SqlStore, escalations: Escalations) -> None:
    kept = await opened(escalations)
    again = Told("2.º aviso", "", at(900))
    made = await asyncio.gather(*(escalations.told(kept, again, at(1800)) for _ in range(4)))
    assert sum(made) == 1
    assert await titles(store) == [TOLD.title, "2.º aviso"]


async def test_what_is_acknowledged_is_not_told_again(
    store: SqlStore, escalations: Escalations
) -> None:
    kept = await opened(escalations)
    assert await escalations.acknowledge(kept.escalation_id, "Rosa", at(5), "ya le llamé")
    assert await escalations.due(at(99_999)) == []
    assert not await escalations.told(kept, Told("2.º aviso", "", at(900)), at(1800))
    assert await titles(store) == [TOLD.title]
    (seen,) = await escalations.of(GUEST)
    assert (seen.acknowledged_at, seen.acknowledged_by, seen.note, seen.repeat_at) == (
        at(5),
        "Rosa",
        "ya le llamé",
        None,
    )
    assert await escalations.open_ones(9) == []


async def test_the_first_who_acknowledges_did_it(escalations: Escalations) -> None:
    kept = await opened(escalations)
    assert await escalations.acknowledge(kept.escalation_id, "Rosa", at(5))
    assert not await escalations.acknowledge(kept.escalation_id, "Marta", at(6))
    assert not await escalations.acknowledge(kept.escalation_id + 1, "Marta", at(6))
    assert (await escalations.of(GUEST))[0].acknowledged_by == "Rosa"


async def test_all_of_a_conversation_by_any_of_its_names(
    store: SqlStore, escalations: Escalations
) -> None:
    await Hand(store).hear(aliases=("bsuid:TR.1",))
    await opened(escalations)
    await opened(escalations, replace(END, key="k2", cause=EscalationCause.TOOL))
    await opened(escalations, replace(END, key="k3", conversation_id="50370000002"))
    assert await escalations.acknowledge_all(WHATSAPP, "TR.1", "Rosa", at(5), "escribió") == 2
    assert await escalations.acknowledge_all(WHATSAPP, GUEST, "Marta", at(6)) == 0
    assert [one.key for one in await escalations.open_ones(9)] == ["k3"]
    assert {one.note for one in await escalations.of(GUEST)} == {"escribió"}


async def test_what_was_opened_later_stays_open(escalations: Escalations) -> None:
    await opened(escalations, replace(END, at=at(5)))
    await opened(escalations, replace(END, key="k2", cause=EscalationCause.TOOL, at=at(6)))
    assert await escalations.acknowledge_all(WHATSAPP, GUEST, "Rosa", at(5)) == 1
    assert [one.key for one in await escalations.open_ones(9)] == ["k2"]


async def test_the_longest_open_come_first(escalations: Escalations) -> None:
    for number, seconds in enumerate((30, 10, 20)):
        end = replace(END, key=f"k{number}", conversation_id=f"5037000000{number}", at=at(seconds))
        await opened(escalations, end)
    assert [one.key for one in await escalations.open_ones(2)] == ["k1", "k2"]


async def test_another_hotel_s_are_not_seen(store: SqlStore, escalations: Escalations) -> None:
    kept = await opened(escalations)
    other = SqlEscalations(Door(store._writer, "otra"))
    assert await other.due(at(99_999)) == []
    assert await other.open_ones(9) == []
    assert await other.of(GUEST) == []
    assert not await other.acknowledge(kept.escalation_id, "Rosa", at(5))
    assert await other.acknowledge_all(WHATSAPP, GUEST, "Rosa", at(5)) == 0
    assert await other.open(END, TOLD, at(900))
