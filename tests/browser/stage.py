"""The wired service and its emulators after a morning, for a browser to look at.

`conftest.py` sets it up once for all tests in a browser. Time is moved by hand: each scene of
`morning.py` is played quickly at its hour, and then the clock goes on about as fast as a real one,
or stands still while pictures are taken.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import httpx2
import pytest

from tests.browser.morning import (
    ADDED,
    ADDED_AT,
    DRAWN,
    EVA,
    LUIS,
    MORNING,
    NAMES,
    NOON,
    NORA,
    Scene,
    moment,
)
from tests.flow.house import HOTEL, INSTRUCTIONS, SECRET, House, until
from watibot.emulators import EMULATORS
from watibot.emulators.kit import Clock, free_port, serve
from watibot.emulators.launch import settings_for
from watibot.emulators.samples import SAMPLES
from watibot.engines.clock import SystemClock
from watibot.environment import load
from watibot.ports.console import Role
from watibot.web.console.passwords import hashed
from watibot.wiring import App, build

PASSWORD = "una clave de prueba"
OWNER, DESK = "ana", "rosa"
COLLEAGUE = {"email": "rosa@hotel.example", "name": "Rosa Prueba"}

# Times faster, while a scene is played: slower for pictures, which show how long answers took.
PLAYING = 8.0 if os.environ.get("SCREENS") else 30.0
LIVELY = 1.5  # while somebody looks; 1 would be the wall clock's own day
HELD = 0.000001


@dataclass
class Stage:
    """The running hotel. `console`: its address, without a slash at the end. `versions` of the
    instructions: before the morning's change and after it."""

    house: House
    app: App
    console: str
    clocks: list[Clock]
    instructions: Path
    versions: tuple[str, ...] = ()

    def at(self, when: datetime, speed: float) -> None:
        """It is `when`, for everybody, and time goes on `speed` times as fast."""
        anchor = _anchor(when, speed)
        for clock in self.clocks:
            clock.speed, clock.anchor = speed, anchor
        assert isinstance(self.app.clock, SystemClock)
        self.app.clock.__init__(_spec(speed, anchor))  # type: ignore[misc]

    async def play(self, scene: Scene) -> None:
        self.at(scene.moment, PLAYING)
        await self.house.says(scene.guest, on=scene.on, **scene.said)
        await self.house.answered(scene.guest, scene.bubbles, scene.on)
        await self.house.quiet()


def _anchor(when: datetime, speed: float) -> float:
    """From where time has to run at this speed for it to be `when` just now."""
    return (when.timestamp() - time.time() * speed) / (1 - speed)


def _spec(speed: float, anchor: float) -> str:
    return f"{speed:f}@{anchor:f}"


@asynccontextmanager
async def stage(folder: Path, environment: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    """Everything runs, the morning is over, and it is noon."""
    port = free_port()
    service = f"http://127.0.0.1:{port}"
    anchor = _anchor(moment("13:00"), PLAYING)
    instructions = Path(shutil.copy(INSTRUCTIONS, folder / "instructions.md"))
    for name, sample in DRAWN.items():
        environment.setitem(SAMPLES, name, sample)
    async with AsyncExitStack() as stack:
        clocks, urls = [], {}
        for name in ("wati", "manychat", "vertex", "staff"):
            clocks.append(Clock(PLAYING, anchor))
            emulator = EMULATORS[name](clocks[-1], _webhook(name, service))
            urls[name] = await stack.enter_async_context(serve(emulator.app()))
            if name == "manychat":
                emulator.change({"cdn_base": urls[name]})
        wanted = {
            **settings_for(urls, folder, _spec(PLAYING, anchor), None, SECRET),
            "WATIBOT_HOST": "127.0.0.1",
            "WATIBOT_PORT": str(port),
            "WATIBOT_DATABASE_URL": f"sqlite:///{folder}/watibot.db",
            "WATIBOT_DATA_DIR": str(folder),
            "WATIBOT_HOTEL_FILE": str(HOTEL),
            "WATIBOT_INSTRUCTIONS_FILE": str(instructions),
        }
        for variable, value in wanted.items():
            environment.setenv(variable, value)
        http = await stack.enter_async_context(httpx2.AsyncClient(timeout=30))
        app = await build(load(None))
        await stack.enter_async_context(serve(app.web, port=port))
        house = House(http, urls, service, lambda: None, app)
        made = Stage(house, app, f"{service}/console", clocks, instructions)
        await _people(made)
        await _kept(made, 1)
        for scene in MORNING:
            if scene.moment > moment(ADDED_AT) and len(made.versions) == 1:
                await _edited(made)
            await made.play(scene)
        await _colleague(made)
        made.at(NOON, LIVELY)
        yield made


async def _people(made: Stage) -> None:
    for number, name in NAMES.items():
        await made.house.guest(number, name)
    await made.house.contact("facebook", EVA, "Eva Prueba")
    await made.house.contact("instagram", LUIS, "Luis Ensayo")
    rows, now, password = made.app.store.console, made.app.clock.now(), hashed(PASSWORD)
    await rows.add_user(OWNER, "Ana Ejemplo", password, Role.OWNER, now)
    await rows.add_user(DESK, "Rosa Prueba", password, Role.DESK, now)


async def _edited(made: Stage) -> None:
    made.at(moment(ADDED_AT), PLAYING)
    with made.instructions.open("a", encoding="utf-8") as file:
        file.write(ADDED)
    await _kept(made, 2)


async def _kept(made: Stage, count: int) -> None:
    """Once the store has seen so many versions."""

    async def seen() -> bool:
        found = await made.app.store.versions.versions(9)
        made.versions = tuple(each.version for each in reversed(found))
        return len(found) == count

    await until(seen)


async def _colleague(made: Stage) -> None:
    """Somebody answers Nora in WATI's own inbox, and she writes again."""
    made.at(moment("17:50"), PLAYING)
    words = {**COLLEAGUE, "text": "Para usted, $55 por noche con desayuno."}
    await made.house.post("wati", f"staff/{NORA}/reply", words)

    async def held() -> bool:
        found = await made.app.store.conversation(NORA)
        return found is not None and found.taken_by is not None

    await until(held)
    await made.house.says(NORA, "¡Gracias! ¿También para dos noches?")
    await made.house.quiet()


def _webhook(name: str, service: str) -> dict[str, object]:
    if name == "wati":
        return {"webhook_url": f"{service}/webhook?token={SECRET}"}
    if name == "manychat":
        headers = {"X-Watibot-Secret": SECRET}
        return {"webhook_url": f"{service}/manychat/webhook", "webhook_headers": headers}
    return {}
