"""The exam of `ports.Sessions`, sat by the fake and by the client; then the client's own ways."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from tests.clocks import NOON, FakeClock, JumpingClock
from tests.fakes_vertex import FakeSessions, settings_at, static_tokens
from watibot.emulators import kit, vertex
from watibot.engines.quota import LocalQuota
from watibot.errors import Cause, ProviderError
from watibot.ports.outside import SessionEvent, Sessions
from watibot.providers.sessions import VertexSessions, host


@asynccontextmanager
async def client_of(
    emulator: vertex.Vertex, clock: FakeClock, *, per_minute: float = 60_000
) -> AsyncIterator[VertexSessions]:
    async with kit.serve(emulator.app()) as url:
        client = VertexSessions(
            settings_at(url),
            clock,
            static_tokens(),
            appends=LocalQuota(per_minute, clock),
            writes=LocalQuota(per_minute, clock),
        )
        try:
            yield client
        finally:
            await client.close()


def emulator(**options: object) -> vertex.Vertex:
    free = {"append_events_per_minute": 0, "session_writes_per_minute": 0}
    return vertex.create(kit.Clock(), {**free, **options})


@pytest.fixture(params=["fake", "emulated"])
async def sessions(request: pytest.FixtureRequest) -> AsyncIterator[Sessions]:
    if request.param == "fake":
        yield FakeSessions()
    else:
        async with client_of(emulator(), JumpingClock()) as client:
            yield client


def event(n: int, **changes: Any) -> SessionEvent:
    values: dict[str, Any] = {
        "event_id": f"e{n}",
        "author": "user",
        "invocation_id": f"turn{n}",
        "timestamp": NOON + timedelta(microseconds=n),
        "content": {"role": "user", "parts": [{"text": f"¿Hay sitio? {n}"}]},
        "raw": {"kind": "guest"},
    }
    return SessionEvent(**{**values, **changes})


async def test_a_session_is_made_once(sessions: Sessions) -> None:
    assert await sessions.exists("wa-1") is False
    assert await sessions.create("wa-1", "guest-1") is True
    assert await sessions.create("wa-1", "guest-1") is False
    assert await sessions.exists("wa-1") is True


@pytest.mark.parametrize("session_id", ["Wa-1", "wa_1", "wa-", "x" * 64])
async def test_a_bad_id_is_refused(sessions: Sessions, session_id: str) -> None:
    with pytest.raises(ProviderError) as caught:
        await sessions.create(session_id, "guest-1")
    assert caught.value.cause is Cause.INVALID


SIGNED = {
    "role": "model",
    "parts": [
        {"text": "Un momento."},
        {
            "functionCall": {"id": "c1", "name": "rooms", "args": {"nights": 2, "sea": True}},
            "thoughtSignature": "+//+Pj8=",
        },
    ],
}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"author": "model", "content": SIGNED},
        {"content": None, "raw": {"kind": "staff", "text": "Soy Ana."}},
        {"event_id": None, "raw": {}},
        {"timestamp": NOON},
    ],
)
async def test_an_event_comes_back_word_for_word(
    sessions: Sessions, changes: dict[str, Any]
) -> None:
    await sessions.create("wa-1", "guest-1")
    await sessions.append("wa-1", event(1, **changes))
    assert await sessions.events("wa-1") == [event(1, **changes)]


async def test_events_are_in_the_order_of_their_times(sessions: Sessions) -> None:
    await sessions.create("wa-1", "guest-1")
    assert await sessions.events("wa-1") == []
    for n in (2, 1, 3):
        await sessions.append("wa-1", event(n))
    assert await sessions.events("wa-1") == [event(1), event(2), event(3)]
    assert await sessions.newest("wa-1", 2) == [event(3), event(2)]
    assert await sessions.newest("wa-1", 9) == [event(3), event(2), event(1)]


async def test_more_events_than_a_page_holds(sessions: Sessions) -> None:
    await sessions.create("wa-1", "guest-1")
    for n in range(230):
        await sessions.append("wa-1", event(n))
    assert await sessions.events("wa-1") == [event(n) for n in range(230)]
    assert await sessions.newest("wa-1", 120) == [event(n) for n in range(229, 109, -1)]


async def test_a_deleted_session_is_gone(sessions: Sessions) -> None:
    await sessions.create("wa-1", "guest-1")
    await sessions.append("wa-1", event(1))
    await sessions.delete("wa-1")
    assert await sessions.exists("wa-1") is False
    await sessions.delete("wa-1")
    for call in (
        sessions.append("wa-1", event(2)),
        sessions.newest("wa-1", 1),
        sessions.events("wa-1"),
    ):
        with pytest.raises(ProviderError) as caught:
            await call
        assert caught.value.cause is Cause.NOT_FOUND
    assert await sessions.create("wa-1", "guest-1") is True
    assert await sessions.events("wa-1") == []


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("global", "https://aiplatform.googleapis.com"),
        ("eu", "https://aiplatform.eu.rep.googleapis.com"),
        ("us", "https://aiplatform.us.rep.googleapis.com"),
        ("europe-west1", "https://europe-west1-aiplatform.googleapis.com"),
    ],
)
def test_every_location_has_its_host(location: str, expected: str) -> None:
    assert host(location) == expected


@pytest.mark.parametrize("options", [{"lro_pending_polls": 2}, {"lro_custom_id_400": True}])
async def test_operations_that_take_their_time(options: dict[str, object]) -> None:
    async with client_of(emulator(**options), JumpingClock()) as client:
        assert await client.create("wa-1", "guest-1") is True
        assert await client.exists("wa-1") is True
        await client.delete("wa-1")
        assert await client.exists("wa-1") is False


async def test_an_operation_without_end_is_not_waited_for() -> None:
    clock = JumpingClock()
    async with client_of(emulator(lro_pending_polls=99), clock) as client:
        assert await client.create("wa-1", "guest-1") is True
    assert sum(clock.slept) < 5


@pytest.mark.parametrize(
    ("fault", "cause", "arrived"),
    [
        ({"drop": "before"}, Cause.LOST, False),
        ({"drop": "after"}, Cause.LOST, True),
        ({"status": 503, "body": "<html>"}, Cause.UNAVAILABLE, False),
        ({"status": 200, "body": "<html>"}, Cause.LOST, False),
        ({"status": 401}, Cause.UNAUTHORISED, False),
    ],
)
async def test_an_append_is_never_repeated(
    fault: dict[str, Any], cause: Cause, arrived: bool
) -> None:
    stand_in = emulator()
    async with client_of(stand_in, JumpingClock()) as client:
        await client.create("wa-1", "guest-1")
        made = stand_in.faults.create({"operation": "appendEvent", **fault})
        with pytest.raises(ProviderError) as caught:
            await client.append("wa-1", event(1))
        assert (caught.value.cause, made.spent) == (cause, 1)
        assert await client.newest("wa-1", 1) == ([event(1)] if arrived else [])


async def test_a_server_that_is_not_there() -> None:
    clock = JumpingClock()
    client = VertexSessions(
        settings_at("http://127.0.0.1:1"),
        clock,
        static_tokens(),
        appends=LocalQuota(60, clock),
        writes=LocalQuota(60, clock),
    )
    with pytest.raises(ProviderError) as caught:
        await client.exists("wa-1")
    await client.close()
    assert caught.value.cause is Cause.UNREACHABLE


async def test_an_answer_that_does_not_come() -> None:
    stand_in, clock = emulator(), FakeClock()
    async with client_of(stand_in, clock) as client:
        stand_in.faults.create({"operation": "*", "delay_seconds": 60})
        call = asyncio.ensure_future(client.exists("wa-1"))
        await clock.advance(21)
        with pytest.raises(ProviderError) as caught:
            await call
    assert caught.value.cause is Cause.TIMEOUT


async def test_writes_keep_their_own_rate_and_pause_after_a_429() -> None:
    stand_in, clock = emulator(append_events_per_minute=3), JumpingClock()
    async with client_of(stand_in, clock, per_minute=60) as client:
        await client.create("wa-1", "guest-1")
        for n in range(3):
            await client.append("wa-1", event(n))
        assert clock.slept[-3:] == [0, 1, 1]
        with pytest.raises(ProviderError) as caught:
            await client.append("wa-1", event(3))
        assert (caught.value.cause, caught.value.status) == (Cause.THROTTLED, 429)
        stand_in.change({"append_events_per_minute": 0})
        await client.append("wa-1", event(3))
        assert clock.slept[-1] == pytest.approx(20, abs=0.01)


async def test_what_the_command_line_needs() -> None:
    async with client_of(emulator(), JumpingClock()) as client:
        await client.create("wa-1", "guest-1")
        await client.create("wa-2", "guest-2")
        assert len(await client.list_sessions()) == 2
        (found,) = await client.list_sessions("guest-2")
        assert found["name"].endswith("/reasoningEngines/123/sessions/wa-2")
        changed = await client.patch("wa-2", {"labels": {"hotel": "h1"}})
        assert changed["labels"] == {"hotel": "h1"}
        assert (await client.get("wa-2"))["labels"] == {"hotel": "h1"}
