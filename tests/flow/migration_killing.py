"""A migration that can be killed, and servers that take their time.

Used by `test_migration_kill.py`; what must be true afterwards is in `migration_judge.py`.
"""

from __future__ import annotations

import asyncio
import json
import random
import signal
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tests.forking import Process, start
from watibot.emulators.kit import Clock

Json = dict[str, Any]


class Server:
    """What stands between a client and an emulator: each request and each answer takes a while.

    What has arrived is done, also when its sender is gone by then; what a killed client had sent
    may take as long as the client itself would have waited.
    """

    def __init__(
        self, clock: Clock, chance: random.Random, latency: float, linger: tuple[float, float]
    ) -> None:
        """`latency`: at most so many seconds, each way; `linger`: so many, at least and at most,
        for what a killed client had sent."""
        self.clock, self._chance, self._latency = clock, chance, latency
        self._kills = self._under_way = 0
        self.linger = linger
        self.late = 0  # requests done after their client was killed
        self.seen: Counter[str] = Counter()
        self._new = asyncio.Condition()

    def over(self, app: ASGIApp) -> ASGIApp:
        async def serve(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http" or scope["path"].startswith("/_emulator"):
                await app(scope, receive, send)
                return
            body = await _whole(receive)
            await self._arrived(scope)
            given = False

            async def again() -> Message:
                nonlocal given
                if given:
                    return await receive()
                given = True
                return {"type": "http.request", "body": body, "more_body": False}

            async def back(message: Message) -> None:
                if message["type"] == "http.response.start":
                    await self._wait()
                await send(message)

            self._under_way += 1
            try:
                kills = self._kills
                await self._wait()
                if self._kills > kills:
                    await self.clock.sleep(self._chance.uniform(*self.linger))
                    self.late += 1
                await app(scope, again, back)
            finally:
                self._under_way -= 1

        return serve

    def client_killed(self) -> None:
        self._kills += 1

    @property
    def quiet(self) -> bool:
        return not self._under_way

    async def reached(self, kind: str, count: int) -> None:
        """Waits for so many more requests. `kind`: the path's last word, or "" for any."""
        async with self._new:
            end = self.seen[kind] + count
            await self._new.wait_for(lambda: self.seen[kind] >= end)

    async def _arrived(self, scope: Scope) -> None:
        word = scope["path"].rpartition("/")[2].rpartition(":")[2]
        async with self._new:
            self.seen[""] += 1
            self.seen[f"{scope['method']} {word}"] += 1
            self._new.notify_all()

    async def _wait(self) -> None:
        await self.clock.sleep(self._chance.uniform(0, self._latency))


async def _whole(receive: Receive) -> bytes:
    body: bytes = b""
    while True:
        message = await receive()
        body += bytes(message.get("body", b""))
        if not message.get("more_body"):
            return body


@dataclass
class Migration:
    """`watibot migrate` as a process of its own, one after the other."""

    environment: Mapping[str, str]
    folder: Path
    server: Server
    killed: int = 0

    async def start(self, verb: str, *options: str) -> Process:
        words = ("migrate", verb, *options, "--json")
        with (
            (self.folder / "migrate.log").open("ab") as log,
            (self.folder / "migrate.json").open("wb") as out,
        ):
            return await start(
                *words, environment=self.environment, folder=self.folder, out=out, errors=log
            )

    async def kill_at(self, kind: str, count: int, verb: str, *options: str) -> bool:
        """Killed at its so-manieth request of that kind; False if it ended before."""
        at = asyncio.ensure_future(self.server.reached(kind, count))
        process = await self.start(verb, *options)
        end = asyncio.ensure_future(process.wait())
        try:
            await asyncio.wait({at, end}, return_when=asyncio.FIRST_COMPLETED, timeout=60)
            alive = not end.done()
            if alive:
                process.send_signal(signal.SIGKILL)
                self.server.client_killed()
                self.killed += 1
            await end
        finally:
            at.cancel()
            await asyncio.gather(at, return_exceptions=True)
        if not alive:
            assert process.returncode in (0, 1, 3), self.told()
        return alive

    async def do(self, verb: str, *options: str) -> Json:
        """Once it says that all is done; what was put off is done by a later one."""
        for _ in range(20):
            status = await self.run(verb, *options)
            if status == 0:
                return self.document()
            # A killed one's lease lasts a minute.
            assert status == 3, f"{verb}: {self.document()}"
            await self.server.clock.sleep(10)
        raise AssertionError(f"{verb} is never done: {self.document()}")

    async def run(self, verb: str, *options: str) -> int:
        """To its end: nothing failed for good, its status."""
        process = await self.start(verb, *options)
        status = await asyncio.wait_for(process.wait(), 120)
        assert status in (0, 1, 3), f"{verb}: {status}\n{self.told()}"
        return status

    def document(self) -> Json:
        found: Json = json.loads((self.folder / "migrate.json").read_text())
        return found

    def told(self) -> str:
        return (self.folder / "migrate.log").read_text()[-3000:]
