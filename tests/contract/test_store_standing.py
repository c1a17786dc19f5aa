"""What a migration's page reads of the ledger, on both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.clocks import NOON
from tests.contract.stores import DEBOUNCE, inbound
from watibot.conversations import Conversation, Provider
from watibot.messages import ChannelName
from watibot.ports.migrations import State
from watibot.ports.standing import Lately, Place, Troubled
from watibot.storage import store as storage
from watibot.storage.door import Door
from watibot.storage.lock import hold_migration_lock, migration_holder
from watibot.storage.standing import SqlStandings
from watibot.storage.store import SqlStore

LATELY = NOON - timedelta(minutes=5)


@pytest.fixture
async def standings(store: SqlStore) -> SqlStandings:
    return SqlStandings(Door(store._writer, "posada"))


async def add(store: SqlStore, guest: str, channel: ChannelName, *, openai: bool = True) -> None:
    known = inbound(conversation_id=guest, address=guest, channel=channel)
    await store.receive(known, b"{}", NOON, DEBOUNCE)
    held = await store.hold(guest, NOON, NOON)
    assert isinstance(held, Conversation)
    if openai:
        await store.flip(guest, held.fence, Provider.OPENAI, NOON)
    await store.release(guest, held.fence)


async def note(store: SqlStore, guest: str, **changes: object) -> None:
    move = await store.move(guest)
    assert move is not None
    assert await store.save_move(replace(move, **changes), move.state)  # type: ignore[arg-type]


async def test_counts_problems_and_what_moved_lately(
    store: SqlStore, standings: SqlStandings
) -> None:
    for guest in ("50370000001", "50370000002", "50370000003"):
        await add(store, guest, ChannelName.WHATSAPP)
    await add(store, "ig:1", ChannelName.INSTAGRAM)
    await add(store, "50370000009", ChannelName.WHATSAPP, openai=False)  # began here
    carried = {"state": State.IMPORTED, "messages": 4, "tool_calls": 1, "media": 2, "items": 7}
    await note(store, "50370000001", **carried, imported_at=NOON - timedelta(minutes=9))
    await note(store, "50370000002", **carried, imported_at=NOON - timedelta(minutes=1))
    await note(store, "ig:1", planned_at=NOON, problem="throttled", messages=3, items=3)

    found = await standings.standing(LATELY)
    assert set(found.places) == {
        Place(ChannelName.WHATSAPP, State.PENDING, 1, 0, 0, 0, 0, 0),
        Place(ChannelName.WHATSAPP, State.IMPORTED, 2, 0, 8, 2, 4, 14),
        Place(ChannelName.INSTAGRAM, State.PENDING, 1, 1, 3, 0, 0, 3),
    }
    assert found.conversations == 4
    assert found.states() == await store.count_moves()
    assert found.states(ChannelName.WHATSAPP)[State.IMPORTED] == 2
    assert found.answerers == {Provider.OPENAI: 4, Provider.VERTEX: 1}
    assert found.problems == {"throttled": 1}
    assert found.lately[State.IMPORTED] == Lately(1, 7, NOON - timedelta(minutes=1))
    assert found.lately[State.CUT_OVER] == Lately()
    assert await standings.troubled(10) == [Troubled("ig:1", State.PENDING, "throttled")]
    assert await standings.troubled(0) == []


async def test_who_is_known(store: SqlStore, standings: SqlStandings) -> None:
    await add(store, "50370000001", ChannelName.WHATSAPP)
    await add(store, "50370000009", ChannelName.WHATSAPP, openai=False)
    asked = ["50370000001", "50370000009", "nobody'--"]
    assert await standings.known(asked) == {"50370000001": State.PENDING}
    assert await standings.known([]) == {}


async def test_an_empty_store_and_another_hotel(store: SqlStore, standings: SqlStandings) -> None:
    await add(store, "50370000001", ChannelName.WHATSAPP)
    other = SqlStandings(Door(store._writer, "otra"))
    found = await other.standing(LATELY)
    assert (found.places, found.answerers, found.problems) == ((), {}, {})
    assert await other.known(["50370000001"]) == {}
    assert (await standings.standing(LATELY)).conversations == 1


async def test_a_quota_s_next_place(store: SqlStore, standings: SqlStandings) -> None:
    assert (await standings.standing(LATELY)).next_at == {}
    await store._hold_places("sessions.appends", NOON)
    assert (await standings.standing(LATELY)).next_at == {"sessions.appends": NOON}


@pytest.fixture
async def opened(store_url: str) -> AsyncIterator[str]:
    async with await storage.open(store_url, "posada"):
        yield store_url


async def test_who_holds_the_migration_s_lock(opened: str) -> None:
    assert migration_holder(opened) is None
    lock = hold_migration_lock(opened)
    assert (migration_holder(opened) or "").isdigit()
    lock.release()
    assert migration_holder(opened) is None
    hold_migration_lock(opened).release()  # asking does not keep it
