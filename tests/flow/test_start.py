"""What keeps the service from starting is one line and an exit status that says whether to try
again; what fails behind it for a while does not end it."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.clocks import FakeClock
from tests.flow.house import House
from watibot.emulators.kit import free_port
from watibot.service.steady import PAUSE_SECONDS, steadily


def serve(**environment: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "watibot", "serve"],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stderr


async def test_a_second_service_on_the_same_port_or_store(hotel: House, tmp_path: Path) -> None:
    status, told = serve(WATIBOT_DATABASE_URL=f"sqlite:///{tmp_path}/other.db")
    assert (status, told.count("\n")) == (78, 1)
    assert "WATIBOT_PORT: found" in told
    status, told = serve(WATIBOT_PORT=str(free_port()))
    assert (status, told.count("\n")) == (78, 1)
    assert "in use by another service" in told


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://hotel:secret-99@127.0.0.1:1/watibot",
        "sqlite:///{folder}",
        "sqlite:///{folder}/a-file/store.db",
    ],
)
async def test_a_store_that_cannot_be_opened(hotel: House, tmp_path: Path, url: str) -> None:
    (tmp_path / "a-file").touch()
    named = url.replace("{folder}", str(tmp_path))
    status, told = serve(WATIBOT_DATABASE_URL=named, WATIBOT_PORT=str(free_port()))
    assert (status, told.count("\n")) == (75, 1), told
    assert told.startswith("watibot: WATIBOT_DATABASE_URL: ")
    assert "secret-99" not in told


async def test_a_store_that_is_away_for_a_while(hotel: House, tmp_path: Path) -> None:
    guest = await hotel.guest()
    with sqlite3.connect(tmp_path / "watibot.db") as elsewhere:
        elsewhere.execute("ALTER TABLE notices RENAME TO gone_notices")
        elsewhere.execute("ALTER TABLE history RENAME TO gone_history")
    ready = await hotel.http.get(f"{hotel.service}/readyz")
    assert ready.status_code == 503
    assert (await hotel.http.get(f"{hotel.service}/metrics")).status_code == 200
    assert hotel.app is not None
    await hotel.app.clock.sleep(70)  # both loops have looked by then: they look every 30 s
    with sqlite3.connect(tmp_path / "watibot.db") as elsewhere:
        elsewhere.execute("ALTER TABLE gone_notices RENAME TO notices")
        elsewhere.execute("ALTER TABLE gone_history RENAME TO history")
    await hotel.says(guest, "Quiero hablar con una persona, por favor.")
    await hotel.notices()
    await hotel.quiet()
    assert (await hotel.get("vertex", "summary"))["events_doubled"] == 0


async def test_background_work_is_taken_up_again() -> None:
    clock, tries = FakeClock(), []

    async def work() -> None:
        tries.append(clock.time())
        if len(tries) < 3:
            raise OSError("away")
        await asyncio.Event().wait()

    task = asyncio.create_task(steadily("test", work, clock))
    await clock.advance(3 * PAUSE_SECONDS)
    assert len(tries) == 3
    task.cancel()
