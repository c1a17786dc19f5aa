"""A whole house in one process: emulators, the service and a way to be a guest of it.

The service is the one that `watibot serve` runs, built by `wiring.build` from environment variables
and listening on a port of its own; its clock and the emulators' run faster together.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from watibot import samples_folder
from watibot.emulators.kit import free_port, serve
from watibot.emulators.launch import launch, settings_for
from watibot.environment import load
from watibot.wiring import App, build

SECRET = "a-secret-for-tests-only"
HOTEL = samples_folder() / "hotel.toml"
INSTRUCTIONS = samples_folder() / "instrucciones.md"
GUEST = "50370000001"


@dataclass
class House:
    """The emulators' URLs, a client for their control routes, and the service while it runs."""

    http: httpx2.AsyncClient
    urls: dict[str, str]
    service: str
    start: Callable[[], Any]
    app: App | None = None

    async def get(self, name: str, path: str) -> Any:
        return (await self.http.get(f"{self.urls[name]}/_emulator/{path}")).json()

    async def post(self, name: str, path: str, spec: dict[str, Any]) -> Any:
        answer = await self.http.post(f"{self.urls[name]}/_emulator/{path}", json=spec)
        assert answer.status_code in (200, 201), answer.text
        return answer.json()

    async def set(self, name: str, **settings: Any) -> None:
        answer = await self.http.patch(f"{self.urls[name]}/_emulator/settings", json=settings)
        assert answer.status_code == 200, answer.text

    async def fault(self, name: str, operation: str, **spec: Any) -> str:
        made = await self.post(name, "faults", {"operation": operation, **spec})
        return str(made["id"])

    async def spent(self, name: str, fault: str) -> int:
        return int((await self.get(name, f"faults/{fault}"))["spent"])

    async def journal(self, name: str, kind: str) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = await self.get(name, f"journal?kind={kind}")
        return entries

    async def guest(self, wa_id: str = GUEST, name: str = "Ana", **spec: Any) -> str:
        await self.post("wati", "guests", {"waId": wa_id, "name": name, **spec})
        return wa_id

    async def contact(self, platform: str, subscriber_id: str, name: str = "Eva") -> str:
        spec = {"platform": platform, "subscriber_id": subscriber_id, "name": name}
        await self.post("manychat", "guests", spec)
        return subscriber_id

    async def says(self, guest: str, text: str | None = None, **spec: Any) -> dict[str, Any]:
        """On WhatsApp; on ManyChat with `on="manychat"`."""
        name = spec.pop("on", "wati")
        said: dict[str, Any] = {**spec, **({"text": text} if text is not None else {})}
        sent: dict[str, Any] = await self.post(name, f"guests/{guest}/messages", said)
        return sent

    async def bubbles(self, guest: str, name: str = "wati") -> list[str]:
        chat = await self.get(name, f"guests/{guest}/messages")
        return [str(line["text"]) for line in chat if line["from"] == "bot"]

    async def answered(self, guest: str, count: int = 1, name: str = "wati") -> list[str]:
        """Once the guest has at least `count` bubbles."""
        found: list[str] = []

        async def enough() -> bool:
            found[:] = await self.bubbles(guest, name)
            return len(found) >= count

        await until(enough)
        return found

    async def notices(self, count: int = 1) -> list[dict[str, Any]]:
        """Once staff were told at least `count` times."""
        found: list[dict[str, Any]] = []

        async def enough() -> bool:
            found[:] = await self.journal("staff", "notice")
            return len(found) >= count

        await until(enough)
        return found

    async def asked(self, count: int = 1) -> None:
        """Once the model was asked; with `model_latency_ms` it has not answered then."""

        async def asked() -> bool:
            open_turns = await self.app.store.counts() if self.app else {}
            return open_turns.get("turns_running", 0) >= count

        await until(asked)

    async def quiet(self) -> None:
        """Once nothing waits: no webhook, message, turn or bubble, and nothing for the mirror."""
        assert self.app is not None
        store = self.app.store
        posting = [name for name in ("wati", "manychat") if name in self.urls]

        async def nothing_waits() -> bool:
            for name in posting:
                if (await self.get(name, "summary"))["webhooks_waiting"]:
                    return False
            return not await store.due() and not await store.mirror_due(1)

        await until(nothing_waits)

    async def webhook(self, path: str, content: bytes, secret: str = SECRET) -> httpx2.Response:
        return await self.http.post(
            f"{self.service}{path}", content=content, headers={"x-watibot-secret": secret}
        )


async def until(condition: Callable[[], Any], seconds: float = 20.0) -> None:
    """Waits for another process's or task's doing; fails after `seconds`."""
    end = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < end, f"not within {seconds} s"
        await asyncio.sleep(0.02)


@asynccontextmanager
async def house(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    speed: float = 20.0,
    options: dict[str, dict[str, object]] | None = None,
    emulators: Sequence[str] = ("wati", "manychat", "vertex", "staff"),
    **environment: str,
) -> AsyncIterator[House]:
    """Emulators and a running service. `environment` are settings of the service."""
    port = free_port()
    service = f"http://127.0.0.1:{port}"
    clock = f"{speed:g}@{int(time.time())}"
    ports = dict.fromkeys(emulators, 0)
    async with AsyncExitStack() as stack:
        urls = await stack.enter_async_context(
            launch(ports, clock, service, options, secret=SECRET)
        )
        http = await stack.enter_async_context(httpx2.AsyncClient(timeout=30))
        wanted = {
            **settings_for(urls, folder, clock, options, SECRET),
            "WATIBOT_HOST": "127.0.0.1",
            "WATIBOT_PORT": str(port),
            "WATIBOT_DATABASE_URL": f"sqlite:///{folder}/watibot.db",
            "WATIBOT_DATA_DIR": str(folder),
            "WATIBOT_HOTEL_FILE": str(HOTEL),
            "WATIBOT_INSTRUCTIONS_FILE": str(INSTRUCTIONS),
            **environment,
        }
        for variable, value in wanted.items():
            monkeypatch.setenv(variable, value)
        made = House(http, urls, service, lambda: None)

        @asynccontextmanager
        async def start() -> AsyncIterator[None]:
            made.app = await build(load(None))
            async with serve(made.app.web, port=port):
                yield

        made.start = start
        await stack.enter_async_context(start())
        yield made
