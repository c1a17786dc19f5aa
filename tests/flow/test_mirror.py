"""The session as the history's twin: written behind, repeated never, renewed and read back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.clocks import FakeClock
from tests.fakes_vertex import FakeSessions
from watibot.charges import Operation, Use
from watibot.errors import Cause, ProviderError
from watibot.history import HistoryItem, ItemKind
from watibot.messages import ChannelName, Inbound, MessageKind, Takeover
from watibot.modelcalls import Occasion
from watibot.ports import SessionEvent
from watibot.service.mirror import (
    PAUSE_SECONDS,
    Mirror,
    compare,
    event_of,
    item_of,
    session_id_of,
)
from watibot.settings import WhatsappDebounce
from watibot.storage import store as storage
from watibot.storage.store import SqlStore
from watibot.telemetry import Metrics

GUEST = "50370000001"
LOST = ProviderError("sessions", Cause.LOST)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqlStore]:
    async with await storage.open(f"sqlite:///{tmp_path}/store.db", "hotel-a") as made:
        yield made


@pytest.fixture
def sessions() -> FakeSessions:
    return FakeSessions()


async def write(store: SqlStore, clock: FakeClock, *texts: str) -> None:
    """Guest messages that are history at once, because staff hold the conversation."""
    held = Takeover(ChannelName.WHATSAPP, GUEST, GUEST, held=True)
    for text in texts:
        message = Inbound(
            ChannelName.WHATSAPP, GUEST, GUEST, text, clock.now(), MessageKind.TEXT, text
        )
        await store.receive(message, b"{}", clock.now(), WhatsappDebounce())
        await store.people.hold(held, clock.now(), clock.now() + timedelta(hours=1))
        await store.claim(GUEST, clock.now() + timedelta(minutes=1), clock.now())
        await clock.advance(1)


def mirror(
    store: SqlStore, sessions: FakeSessions, clock: FakeClock, used: list[Use] | None = None
) -> Mirror:
    kept = [] if used is None else used
    return Mirror(store, sessions, clock, Metrics(), used=kept.append)


def texts(events: list[SessionEvent]) -> list[str]:
    return [event.content["parts"][0]["text"] for event in events if event.content]


async def test_new_history_is_appended_in_order(store: SqlStore, sessions: FakeSessions) -> None:
    clock = FakeClock()
    await write(store, clock, "uno", "dos", "tres")
    await mirror(store, sessions, clock).mirror(GUEST)
    (session_id,) = sessions.kept
    assert texts(sessions.kept[session_id]) == ["uno", "dos", "tres"]
    assert sessions.users[session_id] == GUEST
    assert GUEST not in session_id
    assert await store.mirror_due(10) == []


@pytest.mark.parametrize("arrived", [True, False])
async def test_an_append_in_doubt_is_read_back_before_it_is_repeated(
    store: SqlStore, sessions: FakeSessions, *, arrived: bool
) -> None:
    clock = FakeClock()
    await write(store, clock, "uno", "dos", "tres")
    sessions.fail("append", LOST, arrived=arrived)
    made = mirror(store, sessions, clock)
    with pytest.raises(ProviderError):
        await made.mirror(GUEST)
    await clock.advance(PAUSE_SECONDS)
    await made.mirror(GUEST)
    (events,) = sessions.kept.values()
    assert texts(events) == ["uno", "dos", "tres"]


async def test_each_event_is_charged_once(store: SqlStore, sessions: FakeSessions) -> None:
    clock = FakeClock()
    used: list[Use] = []
    made = mirror(store, sessions, clock, used)
    await write(store, clock, "uno", "dos", "tres")
    await made.mirror(GUEST)
    occasion = Occasion("event", GUEST, ChannelName.WHATSAPP)
    assert used == [Use("sessions", Operation.EVENT, quantity=3, occasion=occasion)]
    await made.mirror(GUEST)  # nothing new
    assert len(used) == 1


@pytest.mark.parametrize("arrived", [True, False])
async def test_an_event_in_doubt_is_charged_once(
    store: SqlStore, sessions: FakeSessions, *, arrived: bool
) -> None:
    clock = FakeClock()
    used: list[Use] = []
    await write(store, clock, "uno", "dos", "tres")
    made = mirror(store, sessions, clock, used)
    await made.mirror(GUEST)
    await write(store, clock, "cuatro", "cinco", "seis")
    sessions.fail("append", LOST, arrived=arrived)
    with pytest.raises(ProviderError):
        await made.mirror(GUEST)
    assert [one.quantity for one in used] == [3]
    await clock.advance(PAUSE_SECONDS)
    await made.mirror(GUEST)
    (events,) = sessions.kept.values()
    assert [one.quantity for one in used] == [3, 3]
    assert len(events) == 6


async def test_what_a_new_session_is_given_is_charged_again(
    store: SqlStore, sessions: FakeSessions
) -> None:
    clock = FakeClock()
    used: list[Use] = []
    await write(store, clock, "uno", "dos")
    made = mirror(store, sessions, clock, used)
    await made.mirror(GUEST)
    sessions.kept.clear()
    await write(store, clock, "tres")
    await made.mirror(GUEST)  # finds that the session is gone
    await made.mirror(GUEST)
    (events,) = sessions.kept.values()
    assert (sum(one.quantity for one in used), len(events)) == (5, 3)


async def test_what_a_session_took_before_it_went_is_charged(
    store: SqlStore, sessions: FakeSessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, used = FakeClock(), list[Use]()
    await write(store, clock, "uno")
    made = mirror(store, sessions, clock, used)
    await made.mirror(GUEST)
    await write(store, clock, "dos", "tres")
    appended = sessions.append

    async def goes(session_id: str, event: SessionEvent) -> None:
        await appended(session_id, event)
        if event.content and event.content["parts"][0]["text"] == "dos":
            sessions.kept.pop(session_id)

    monkeypatch.setattr(sessions, "append", goes)
    assert await made.mirror(GUEST)
    assert [use.quantity for use in used] == [1, 1]
    monkeypatch.setattr(sessions, "append", appended)
    await made.mirror(GUEST)
    (again,) = sessions.kept.values()
    assert texts(again) == ["uno", "dos", "tres"]
    sent = [call for call, _ in sessions.calls].count("append") - 1  # one found no session
    assert sum(use.quantity for use in used) == sent


async def test_what_a_killed_process_had_sent_is_waited_for(
    store: SqlStore, sessions: FakeSessions
) -> None:
    clock = FakeClock()
    await write(store, clock, "uno", "dos", "tres")
    await mirror(store, sessions, clock).mirror(GUEST)
    (kept,) = sessions.kept.values()
    await write(store, clock, "cuatro", "cinco")
    job = await store.mirror_job(GUEST, 50)  # and the process ends, with one append on its way
    assert job is not None
    next_one = asyncio.create_task(mirror(store, sessions, clock).mirror(GUEST))
    await clock.advance(PAUSE_SECONDS - 1)
    assert texts(kept) == ["uno", "dos", "tres"]
    kept.append(event_of(job.items[0]))
    await clock.advance(1)
    await next_one
    assert texts(kept) == ["uno", "dos", "tres", "cuatro", "cinco"]


async def test_a_session_that_is_gone_is_given_the_recent_conversation(
    store: SqlStore, sessions: FakeSessions
) -> None:
    clock = FakeClock()
    made = mirror(store, sessions, clock)
    await write(store, clock, *(f"m{number}" for number in range(30)))
    await made.mirror(GUEST)
    sessions.kept.clear()
    await write(store, clock, "nuevo")
    await made.mirror(GUEST)
    await made.mirror(GUEST)
    ((session_id, events),) = sessions.kept.items()
    assert session_id.endswith("-1")
    assert texts(events)[-6:] == ["m25", "m26", "m27", "m28", "m29", "nuevo"]


async def test_a_lost_store_is_given_its_past_by_the_session(
    store: SqlStore, sessions: FakeSessions, tmp_path: Path
) -> None:
    clock = FakeClock()
    await write(store, clock, "antes", "hace tiempo")
    await mirror(store, sessions, clock).mirror(GUEST)
    async with await storage.open(f"sqlite:///{tmp_path}/new.db", "hotel-a") as new:
        await write(new, clock, "ahora")
        await mirror(new, sessions, clock).mirror(GUEST)
        items = await new.history(GUEST, 10)
    assert [item.text for item in items] == ["antes", "hace tiempo", "ahora"]
    (events,) = sessions.kept.values()
    assert texts(events) == ["antes", "hace tiempo", "ahora"]


async def test_content_that_the_sessions_api_refuses_travels_beside(
    store: SqlStore, sessions: FakeSessions
) -> None:
    clock = FakeClock()
    await write(store, clock, "uno")
    sessions.fail("append", ProviderError("sessions", Cause.INVALID, status=400))
    await mirror(store, sessions, clock).mirror(GUEST)
    (events,) = sessions.kept.values()
    (item,) = await store.history(GUEST, 1)
    assert item_of(events[0]) == replace(item, turn_id=events[0].invocation_id)


def item(number: int, text: str = "hola") -> HistoryItem:
    content = {"role": "user", "parts": [{"text": text}]}
    at = FakeClock().now() + timedelta(seconds=number)
    return HistoryItem(f"i{number}", ItemKind.GUEST, at, text, content, "t1")


def events(*items: HistoryItem) -> list[SessionEvent]:
    return [event_of(one) for one in items]


LOCAL = [item(1), item(2), item(3)]


@pytest.mark.parametrize(
    ("remote", "field", "expected"),
    [
        (events(*LOCAL), "ok", True),
        (events(*LOCAL[:2]), "missing", ("i3",)),
        (events(*LOCAL, item(4)), "extra", ("i4",)),
        (events(LOCAL[0], *LOCAL), "doubled", ("i1",)),
        (events(LOCAL[0], item(2, "otra cosa"), LOCAL[2]), "differing", ("i2",)),
        (events(LOCAL[1], LOCAL[0], LOCAL[2]), "in_order", False),
        ([*events(*LOCAL), replace(event_of(item(9)), event_id=None)], "extra", ("(not ours)",)),
        (events(*LOCAL[:2]), "ok", False),
        (events(LOCAL[1], LOCAL[0], LOCAL[2]), "ok", False),
    ],
)
def test_compare(remote: list[SessionEvent], field: str, expected: object) -> None:
    assert getattr(compare(LOCAL, remote), field) == expected


def test_every_kind_of_item_survives_the_way_there_and_back() -> None:
    for kind in ItemKind:
        content = None if kind is ItemKind.STAFF else {"role": "user", "parts": [{"text": "x"}]}
        author = "Marta" if kind is ItemKind.STAFF else None
        there = HistoryItem("i", kind, FakeClock().now(), "x", content, "t", author)
        assert item_of(event_of(there)) == there


async def test_the_session_s_id_is_the_same_for_ever(store: SqlStore) -> None:
    await write(store, FakeClock(), "uno")
    conversation = await store.conversation(GUEST)
    assert conversation is not None
    assert session_id_of(conversation, 0) == session_id_of(conversation, 0)
    assert session_id_of(conversation, 0) != session_id_of(conversation, 1)
    other = replace(conversation, hotel_id="hotel-b")
    assert session_id_of(other, 0) != session_id_of(conversation, 0)
