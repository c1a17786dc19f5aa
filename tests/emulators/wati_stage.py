"""A served WATI emulator, a client with its token and a webhook sink, for the tests beside it."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2

from tests.emulators.webhook_sink import Sink
from watibot.emulators.kit import Clock, serve
from watibot.emulators.wati import Wati

WA = "50370000001"
API = "/300100/api/v1"
SEND = f"{API}/sendSessionMessage/{WA}"
AUTH = {"Authorization": "Bearer wati-token"}
STAFF = {"email": "ana@hotel.example", "name": "Ana"}
Json = dict[str, Any]


@dataclass
class Stage:
    wati: Wati
    http: httpx2.AsyncClient
    sink: Sink

    async def say(self, **spec: object) -> Json:
        await self.http.post("/_emulator/guests", json={"waId": WA, "name": "Ana Example"})
        answer = await self.http.post(f"/_emulator/guests/{WA}/messages", json=spec)
        assert answer.status_code == 201, answer.text
        return answer.json()  # type: ignore[no-any-return]

    async def send(self, text: str = "Hola", **params: str) -> Json:
        answer = await self.http.post(SEND, params={"messageText": text, **params})
        assert answer.status_code == 200
        return answer.json()  # type: ignore[no-any-return]

    async def rows(self, **params: int) -> list[Json]:
        answer = await self.http.get(f"{API}/getMessages/{WA}", params=params)
        return answer.json()["messages"]["items"]  # type: ignore[no-any-return]


@asynccontextmanager
async def open_stage() -> AsyncIterator[Stage]:
    sink = Sink()
    wati = Wati(Clock.parse(f"50@{time.time()}"), {"events": ["message"], "retry_seconds": 1})
    async with (
        serve(sink.app()) as sink_url,
        serve(wati.app()) as url,
        httpx2.AsyncClient(base_url=url, headers=AUTH) as http,
    ):
        wati.change({"webhook_url": f"{sink_url}/webhook?token=abc"})
        yield Stage(wati, http, sink)
