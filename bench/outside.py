"""The emulators in a process of their own, which also notes when requests came and were answered.

`python -m bench.outside FOLDER`, started by `stage.py`. Without latency; WATI's receipts are left
out, so that what is measured is the service and not the emulator's own HTTP client. The times are
those of the machine's monotonic clock, which every process shares.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import uvloop
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from watibot.emulators import EMULATORS
from watibot.emulators.kit import Clock, serve
from watibot.emulators.launch import settings_for

NAMES = ("wati", "vertex", "staff")
OPTIONS: dict[str, dict[str, object]] = {
    "wati": {"sent_events_for_api": False},
}


class Spans:
    """Notes (path, came, answered) of each request to the API that is stood in for."""

    def __init__(self, app: ASGIApp, notes: list[tuple[str, float, float]]) -> None:
        self._app, self._notes = app, notes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(("/_emulator", "/_bench")):
            await self._app(scope, receive, send)
            return
        came = time.perf_counter()

        async def noted(message: Message) -> None:
            await send(message)
            if message["type"] == "http.response.body":
                self._notes.append((scope["path"], came, time.perf_counter()))

        await self._app(scope, receive, noted)


async def run(folder: Path) -> None:
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    clock = Clock()
    urls: dict[str, str] = {}
    async with AsyncExitStack() as stack:
        for name in NAMES:
            notes: list[tuple[str, float, float]] = []
            emulator = EMULATORS[name](clock, dict(OPTIONS.get(name, {})))

            async def spans(_: Request, notes: Any = notes) -> Response:
                return JSONResponse(notes)

            app = emulator.app([*emulator.routes(), Route("/_bench/spans", spans)])
            app.add_middleware(Spans, notes=notes)
            urls[name] = await stack.enter_async_context(serve(app))
        lines = [f"{key}={value}\n" for key, value in settings_for(urls, folder).items()]
        sys.stdout.write("".join(lines) + "ready\n")
        sys.stdout.flush()
        await stopped.wait()


if __name__ == "__main__":
    uvloop.run(run(Path(sys.argv[1])))
