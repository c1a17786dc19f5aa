"""The service is killed again and again while guests write and colleagues take chats over;
afterwards nothing may be lost, doubled, out of order or said over a colleague's head. What must
hold is judged by what the channels and Vertex saw, beside the store.

Time runs faster than the clock on the wall, for the service and for the emulators alike.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.flow.house import HOTEL, INSTRUCTIONS, SECRET, until
from tests.flow.kill_judge import Outcome
from tests.flow.killing import Guests, Service
from watibot.emulators.kit import Clock, free_port
from watibot.emulators.launch import launch, settings_for

KILLS = 12
SEATS = 8
SPEED = 20
# Shorter than the emulators' server keeps a connection: else it closes some under a request.
KEPT = httpx2.Limits(keepalive_expiry=2)
INHERITED = ("PATH", "HOME", "PYTHONPATH")
IDLE = (
    *("conversations_due", "messages_waiting", "turns_running", "mirror_lag"),
    *("bubbles_waiting", "bubbles_sending", "bubbles_unknown"),
)
# Each request takes a while at the other side, so that a kill often falls between a request and its
# answer; a webhook without a 200 comes again soon.
OPTIONS: dict[str, dict[str, object]] = {
    "wati": {"latency_ms": 500, "retry_seconds": 20, "webhook_tries": 10_000},
    "vertex": {"latency_ms": 300},
}


@pytest.mark.timeout(300)
async def test_nothing_is_lost_or_doubled_when_the_service_is_killed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    # The emulators' server reports every connection that a killed client leaves behind.
    caplog.set_level(logging.CRITICAL, "uvicorn.error")
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    async with town(tmp_path) as (service, urls, clock, http):
        guests = Guests(http, urls, clock, chance)
        playing = [asyncio.create_task(guests.play()) for _ in range(SEATS)]
        for number in range(KILLS):
            await service.start()
            guests.calm.set()
            await _trouble(http, urls["wati"], chance, number)
            await clock.sleep(chance.uniform(2, 25))
            await service.end(signal.SIGKILL)
            guests.calm.clear()
        for seat in playing:
            seat.cancel()
        assert {type(end) for end in await asyncio.gather(*playing, return_exceptions=True)} == {
            asyncio.CancelledError
        }
        await service.start()
        await until(lambda: _quiet(service, http, urls), 90)
        closing = await guests.close()
        with suppress(AssertionError):  # the judge names who was not heard
            await until(lambda: _heard(http, urls, closing), 30)
        await until(lambda: _quiet(service, http, urls), 90)
        await service.end(signal.SIGTERM)
        outcome = await _outcome(tmp_path, http, urls)
    faults = outcome.faults()
    assert not faults, f"seed {seed}:\n" + "\n".join(faults)
    # Else nothing was tried: there was much to do, kills fell between request and answer, and
    # colleagues came on every channel, told and untold.
    assert outcome.strict() > 60
    log = (tmp_path / "service.log").read_text()
    assert "bubble.in_doubt" in log, f"seed {seed}: no look-up"
    for emulator in ("wati", "manychat"):
        assert len(outcome.of("assigned", emulator)) > 3, f"seed {seed}"


@asynccontextmanager
async def town(
    folder: Path,
) -> AsyncIterator[tuple[Service, dict[str, str], Clock, httpx2.AsyncClient]]:
    """Emulators in this process, and a service that is not started yet."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    spec = f"{SPEED}@{int(time.time())}"
    ports = {"wati": 0, "manychat": 0, "vertex": 0, "staff": 0}
    async with (
        launch(ports, spec, url, OPTIONS, secret=SECRET) as urls,
        httpx2.AsyncClient(timeout=30, limits=KEPT) as http,
    ):
        environment = {
            **{name: os.environ[name] for name in INHERITED if name in os.environ},
            **settings_for(urls, folder, spec, OPTIONS, SECRET),
            "WATIBOT_HOST": "127.0.0.1",
            "WATIBOT_PORT": str(port),
            "WATIBOT_DATABASE_URL": f"sqlite:///{folder}/watibot.db",
            "WATIBOT_DATA_DIR": str(folder),
            "WATIBOT_HOTEL_FILE": str(HOTEL),
            "WATIBOT_INSTRUCTIONS_FILE": str(INSTRUCTIONS),
            "VERTEX_MODEL_CALLS_PER_MINUTE": "100000",
        }
        service = Service(environment, folder, url)
        try:
            yield service, urls, Clock.parse(spec), http
        finally:
            if service.process is not None:
                await service.end(signal.SIGKILL)


async def _trouble(http: httpx2.AsyncClient, wati: str, chance: random.Random, number: int) -> None:
    """Now and then a request or its answer is lost; half of the time WATI sends no receipts, which
    would tell what became of a bubble without a look-up."""
    fault = {"operation": "sendSessionMessage", "times": 2}
    await http.post(
        f"{wati}/_emulator/faults", json={**fault, "drop": chance.choice(["before", "after"])}
    )
    told = {"sent_events_for_api": number % 2 == 0}
    await http.patch(f"{wati}/_emulator/settings", json=told)


async def _quiet(service: Service, http: httpx2.AsyncClient, urls: dict[str, str]) -> bool:
    """The channels have delivered everything, and nothing waits in the store but what nobody can
    look up."""
    for name in ("wati", "manychat"):
        summary = (await http.get(f"{urls[name]}/_emulator/summary")).json()
        if summary["webhooks_waiting"]:
            return False
    rows = await service.rows()
    return not any(rows[name] for name in IDLE if name != "bubbles_unknown")


async def _heard(http: httpx2.AsyncClient, urls: dict[str, str], addresses: list[str]) -> bool:
    """Everybody's last word was a bubble."""
    last = {}
    for name, address in (("wati", "waId"), ("manychat", "subscriber_id")):
        for entry in await _journal(http, urls[name]):
            if entry["kind"] in ("guest", "bubble"):
                last[entry[address]] = entry["kind"]
    return all(last[address] == "bubble" for address in addresses)


async def _journal(http: httpx2.AsyncClient, base: str) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = (await http.get(f"{base}/_emulator/journal")).json()
    return entries


async def _outcome(folder: Path, http: httpx2.AsyncClient, urls: dict[str, str]) -> Outcome:
    vertex = f"{urls['vertex']}/_emulator/sessions"
    sessions = {}
    for one in (await http.get(vertex)).json():
        session = one["name"].rpartition("/")[2]
        events = (await http.get(f"{vertex}/{session}/events")).json()
        sessions[session] = [event["ownId"] for event in events]
    journals = {name: await _journal(http, urls[name]) for name in ("wati", "manychat")}
    return Outcome(journals, folder / "watibot.db", sessions)
