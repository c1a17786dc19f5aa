"""The service is killed again and again while guests write; afterwards nothing may be lost, doubled
or out of order. What must hold is judged by what WATI and Vertex saw, beside the store.

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
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.flow.house import HOTEL, INSTRUCTIONS, SECRET, until
from tests.flow.killing import Guests, Outcome, Service
from watibot.emulators.kit import Clock, free_port
from watibot.emulators.launch import launch, settings_for

KILLS = 20
SEATS = 8
SPEED = 20
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


@pytest.mark.timeout(200)
@pytest.mark.xdist_group("kill")
async def test_nothing_is_lost_or_doubled_when_the_service_is_killed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    # The emulators' server reports every connection that a killed client leaves behind.
    caplog.set_level(logging.CRITICAL, "uvicorn.error")
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    async with town(tmp_path) as (service, urls, clock, http):
        guests = Guests(http, urls["wati"], clock, chance)
        playing = [asyncio.create_task(guests.play()) for _ in range(SEATS)]
        for number in range(KILLS):
            await service.start()
            await _trouble(http, urls["wati"], chance, number)
            await clock.sleep(chance.uniform(2, 25))
            await service.end(signal.SIGKILL)
        for seat in playing:
            seat.cancel()
        assert {type(end) for end in await asyncio.gather(*playing, return_exceptions=True)} == {
            asyncio.CancelledError
        }
        await service.start()
        await until(lambda: _quiet(service, http, urls["wati"]), 60)
        await service.end(signal.SIGTERM)
        outcome = await _outcome(tmp_path, http, urls)
        asked = await _journal(http, urls["wati"], "request")
    faults = outcome.faults()
    assert not faults, f"seed {seed}:\n" + "\n".join(faults)
    # Else nothing was tried: there was much to do, and kills fell between request and answer.
    assert len(outcome.wrote) > 100
    assert any(one["operation"] == "getMessages" for one in asked), f"seed {seed}: no look-up"


@asynccontextmanager
async def town(
    folder: Path,
) -> AsyncIterator[tuple[Service, dict[str, str], Clock, httpx2.AsyncClient]]:
    """Emulators in this process, and a service that is not started yet."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    spec = f"{SPEED}@{int(time.time())}"
    ports = {"wati": 0, "vertex": 0, "staff": 0}
    async with (
        launch(ports, spec, url, OPTIONS, secret=SECRET) as urls,
        httpx2.AsyncClient(timeout=30) as http,
    ):
        environment = {
            **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
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


async def _quiet(service: Service, http: httpx2.AsyncClient, wati: str) -> bool:
    """WATI has delivered everything, and nothing waits in the store."""
    summary = (await http.get(f"{wati}/_emulator/summary")).json()
    if summary["undelivered"]:
        return False
    rows = await service.rows()
    return not any(rows[name] for name in IDLE)


async def _journal(http: httpx2.AsyncClient, base: str, kind: str) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = (
        await http.get(f"{base}/_emulator/journal", params={"kind": kind})
    ).json()
    return entries


async def _outcome(folder: Path, http: httpx2.AsyncClient, urls: dict[str, str]) -> Outcome:
    vertex = f"{urls['vertex']}/_emulator/sessions"
    sessions = {}
    for one in (await http.get(vertex)).json():
        session = one["name"].rpartition("/")[2]
        events = (await http.get(f"{vertex}/{session}/events")).json()
        sessions[session] = [event["ownId"] for event in events]
    return Outcome(
        wrote=await _journal(http, urls["wati"], "guest"),
        arrived=await _journal(http, urls["wati"], "bubble"),
        store=folder / "watibot.db",
        sessions=sessions,
    )
