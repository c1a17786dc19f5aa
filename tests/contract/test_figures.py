"""What operators count: people's side of it. Both databases sit it."""

from __future__ import annotations

from tests.contract.stores import GUEST, UNTIL, Hand, at
from watibot.escalations import DeadEnd, EscalationCause, Told
from watibot.messages import ChannelName, Takeover
from watibot.storage import figures
from watibot.storage.store import SqlStore

END = DeadEnd("k1", EscalationCause.GUEST_WISH, GUEST, "pide a Rosa", at(0), "t1")
TOLD = Told("Piden a una persona", "Motivo: pide a Rosa", at(0))
OTHER = "50370000002"
NAMES = (
    "escalations",
    "escalations_open",
    "escalations_acknowledged",
    "escalations_repeated",
    "conversations_held",
    "proofs_waiting",
)


async def counted(store: SqlStore) -> list[int]:
    counts = await store.counts()
    return [counts[name] for name in NAMES]


async def hold(store: SqlStore, held: bool, seconds: float) -> None:
    takeover = Takeover(ChannelName.WHATSAPP, GUEST, GUEST, held=held, by="Rosa")
    await store.people.hold(takeover, at(seconds), UNTIL if held else None)


async def test_escalations_and_takeovers_are_counted(store: SqlStore) -> None:
    assert await counted(store) == [0, 0, 0, 0, 0, 0]
    await Hand(store).hear()
    await Hand(store, OTHER).hear(conversation_id=OTHER, address=OTHER)
    await hold(store, True, 1)
    desk = store.escalations
    await desk.open(END, TOLD, at(60))
    await desk.open(DeadEnd("k2", EscalationCause.ANGRY, OTHER, "grita", at(1)), TOLD, at(60))
    for number in (2, 3):
        (seen, _) = await desk.due(at(9_999))
        assert await desk.told(seen, Told("otra vez", "", at(60 * number)), at(61 * number))
    await desk.acknowledge_all(ChannelName.WHATSAPP, OTHER, "Rosa", at(99))
    assert await counted(store) == [2, 1, 1, 2, 1, 0]


async def test_who_has_held_it_since_when(store: SqlStore) -> None:
    await Hand(store).hear()

    async def since() -> object:
        return await store._read(figures.held_since, GUEST)

    assert await since() is None
    await hold(store, True, 7)
    assert await since() == at(7)
    await hold(store, False, 9)
    assert await since() is None


async def test_open_escalations_and_calls(store: SqlStore) -> None:
    desk = store.escalations
    await desk.open(END, TOLD, at(60))
    await desk.open(DeadEnd("k2", EscalationCause.ANGRY, OTHER, "grita", at(1)), TOLD, at(60))
    found = await store._read(figures.open_escalations, 9)
    assert [(row["conversation_id"], row["reason"]) for row in found] == [
        (OTHER, "grita"),
        (GUEST, "pide a Rosa"),
    ]
    await desk.acknowledge(found[0]["escalation_id"], "Rosa", at(5))
    assert len(await store._read(figures.open_escalations, 9)) == 1

    for month, more in (("2026-10", 3), ("2026-11", 4), ("2026-11", 1)):
        await store.people.count_calls("wati", month, more)
    assert await store._read(figures.calls_by_month, 9) == [
        {"month": "2026-11", "provider": "wati", "count": 5},
        {"month": "2026-10", "provider": "wati", "count": 3},
    ]
