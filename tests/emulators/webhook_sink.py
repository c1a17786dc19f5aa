"""The other end of the emulators' webhooks in tests: keeps what arrives, fails as told."""

import asyncio
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from watibot.emulators.kit import Clock, Emulator


class Sink(Emulator):
    """Takes POSTs anywhere; its faults (operation "webhook") make it a bad receiver."""

    def __init__(self) -> None:
        super().__init__("sink", Clock(), {}, {})
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.queries: list[dict[str, str]] = []

    def routes(self) -> list[BaseRoute]:
        async def webhook(request: Request) -> Response:
            return await self.guarded("webhook", request, self._take)

        return [Route("/webhook", webhook, methods=["POST"])]

    async def _take(self, request: Request) -> Response:
        self.bodies.append(await request.json())
        self.headers.append(dict(request.headers))
        self.queries.append(dict(request.query_params))
        return JSONResponse({"status": "ok"})


async def until(true: Callable[[], bool]) -> None:
    """Lets the loop run until `true()`; fails after five seconds."""
    async with asyncio.timeout(5):
        while not true():  # noqa: ASYNC110 (what is awaited has no event to wait for)
            await asyncio.sleep(0.002)
