"""A migration is killed again and again; afterwards nothing may be lost, doubled or out of order.

What must hold is judged by what the two servers have, beside the store and the archive. Time runs
faster than the clock on the wall, for all processes alike.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import signal
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests import old_database
from tests.flow.house import HOTEL, INSTRUCTIONS, SECRET, until
from tests.flow.killing import QUESTIONS, Service
from tests.flow.migration_judge import Event, Judge
from tests.flow.migration_killing import Migration, Server
from tests.flow.test_kill import IDLE
from tests.forking import start
from watibot.emulators import openai, vertex, wati
from watibot.emulators.kit import Clock, free_port, serve
from watibot.emulators.launch import settings_for
from watibot.emulators.openai import OpenAI
from watibot.emulators.past import Past, pasts
from watibot.emulators.vertex import Vertex

KILLS = int(os.environ.get("WATIBOT_KILLS", "20"))
SPEED = 20
LATENCY = 0.2  # seconds, each way
# As long as a client waits for an answer: what a killed one has sent may still be done then.
LINGER = 18.0
MANY = "10000000"
LIFTED: dict[str, object] = {"append_events_per_minute": 0, "session_writes_per_minute": 0}
COLUMNS = (*old_database.REQUIRED, *old_database.OPTIONAL)


@dataclass
class Town:
    """Two servers, a guest's phone, an adopted database; nothing of ours runs yet."""

    folder: Path
    past: Sequence[Past]
    server: Server
    migration: Migration
    service: Service
    sessions: Vertex
    threads: OpenAI
    urls: dict[str, str]
    http: httpx2.AsyncClient
    chance: random.Random
    asked: list[tuple[str, str]] = field(default_factory=list)  # thread, subject

    async def post(self, name: str, path: str, body: Any) -> None:
        answer = await self.http.post(f"{self.urls[name]}/_emulator/{path}", json=body)
        assert answer.status_code == 201, answer.text

    async def plays(self, past: Past, questions: int) -> None:
        """A guest of the time before writes, now and then."""
        wa_id = past.row["wa_id"]
        await self.post("wati", "guests", {"waId": wa_id, "name": "Eva"})
        for subject in self.chance.sample(sorted(QUESTIONS), questions):
            self.asked.append((past.row["thread_id"], subject))
            text = QUESTIONS[subject]
            await self.post("wati", f"guests/{wa_id}/messages", {"text": text})
            await self.server.clock.sleep(self.chance.uniform(15, 60))

    async def rest(self) -> None:
        """Until every guest is answered and every session has it."""

        async def quiet() -> bool:
            summary = await self.http.get(f"{self.urls['wati']}/_emulator/summary")
            if summary.json()["undelivered"]:
                return False
            rows = await self.service.rows()
            return not any(rows[name] for name in IDLE)

        await until(quiet, 60)

    async def killed(self, kind: str, at_most: int, verb: str, *options: str) -> None:
        await _trouble(self)
        await self.migration.kill_at(kind, self.chance.randint(1, at_most), verb, *options)

    async def until_all(
        self, state: str, verbs: Sequence[str], kill: tuple[str, int] | None = None
    ) -> None:
        """The verbs, again and again, while guests write; the last one is killed once."""
        for _ in range(15):
            for verb in verbs:
                options = ("--all",) if verb in ("cutover", "rollback") else ()
                if kill and verb == verbs[-1]:
                    await self.killed(*kill, verb, *options)
                    kill = None
                await self.migration.run(verb, *options)
            found = Judge(self.past, self.store, self.archive).states()
            if set(found) == {state}:
                return
            await self.server.clock.sleep(10)
        raise AssertionError(f"never all {state}: {found}\n{self.migration.told()}")

    async def check(
        self, seed: int, state: str, provider: str, *, carried_back: bool = False
    ) -> Judge:
        judge = await self.judge()
        faults = judge.faults(state, provider, carried_back=carried_back)
        assert not faults, f"seed {seed}, {state}:\n" + "\n".join(faults[:20])
        return judge

    async def judge(self) -> Judge:
        """Once nothing is on its way any more."""

        async def quiet() -> bool:
            return self.server.quiet

        await until(quiet, 60)
        found = Judge(self.past, self.store, self.archive, self.asked)
        for thread_id, thread in self.threads.world.threads.items():
            found.threads[thread_id] = deepcopy(self.threads.seeds.export(thread))
        for session in self.sessions.sessions.all():
            name = session.name.rpartition("/")[2]
            found.sessions[name] = [Event.of(event) for event in session.events]
        return found

    @property
    def store(self) -> Path:
        return self.folder / "watibot.db"

    @property
    def archive(self) -> Path:
        return self.folder / "archive"


@asynccontextmanager
async def town(
    folder: Path, past: Sequence[Past], seed: int, speed: float = SPEED
) -> AsyncIterator[Town]:
    spec = f"{speed:g}@{int(time.time())}"
    clock, chance, port = Clock.parse(spec), random.Random(seed), free_port()
    url = f"http://127.0.0.1:{port}"
    server = Server(clock, chance, LATENCY, (0.0, LINGER))
    async with AsyncExitStack() as stack:
        sessions = vertex.create(clock, LIFTED)
        threads = openai.create(clock, {})
        told = {"webhook_url": f"{url}/webhook?token={SECRET}", "retry_seconds": 20}
        apps = {"wati": wati.create(clock, told).app()}
        apps |= {"vertex": sessions.app(), "openai": threads.app()}
        for name in ("vertex", "openai"):
            apps[name].add_middleware(server.over)
        urls = {name: await stack.enter_async_context(serve(app)) for name, app in apps.items()}
        http = await stack.enter_async_context(httpx2.AsyncClient(timeout=60))
        environment = {
            **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
            **settings_for(urls, folder, spec, None, SECRET),
            "WATIBOT_HOST": "127.0.0.1",
            "WATIBOT_PORT": str(port),
            "WATIBOT_DATABASE_URL": f"sqlite:///{folder}/watibot.db",
            "WATIBOT_DATA_DIR": str(folder),
            "WATIBOT_HOTEL_FILE": str(HOTEL),
            "WATIBOT_INSTRUCTIONS_FILE": str(INSTRUCTIONS),
            "MIGRATION_ARCHIVE_DIR": str(folder / "archive"),
            "MIGRATION_SOURCES": "assistants",
            "VERTEX_MODEL_CALLS_PER_MINUTE": MANY,
            "VERTEX_APPENDS_PER_MINUTE": MANY,
            "VERTEX_SESSION_WRITES_PER_MINUTE": MANY,
            "OPENAI_REQUESTS_PER_MINUTE": MANY,
        }
        migration = Migration(environment, folder, server)
        service = Service(environment, folder, url)
        made = Town(folder, past, server, migration, service, sessions, threads, urls, http, chance)
        await made.post("openai", "threads", [each.export for each in past])
        rows = [[each.row[name.partition(" ")[0]] for name in COLUMNS] for each in past]
        old_database.make(folder / "thread_store.db", rows, COLUMNS, afterwards=())
        await _adopt(environment, folder)
        try:
            yield made
        finally:
            if service.process is not None:
                await service.end(signal.SIGKILL)


async def _adopt(environment: dict[str, str], folder: Path) -> None:
    with (folder / "adopt.log").open("wb") as out:
        process = await start(
            *("db", "adopt", "thread_store.db"), environment=environment, folder=folder, out=out
        )
    assert await process.wait() == 0


async def _trouble(town: Town) -> None:
    """Now and then a request or its answer is lost."""
    for name, operation in (
        ("vertex", "appendEvent"),
        ("vertex", "createSession"),
        ("openai", "createMessage"),
        ("openai", "listMessages"),
    ):
        drop = town.chance.choice(["before", "after"])
        await town.post(name, "faults", {"operation": operation, "times": 1, "drop": drop})


@pytest.mark.timeout(300 + 10 * KILLS)
async def test_a_killed_migration_is_exact_in_the_end(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    # The emulators' server reports every connection that a killed client leaves behind.
    caplog.set_level(logging.CRITICAL, "uvicorn.error")
    seed = random.randrange(2**32)
    today = datetime.now(UTC).date()
    past = [
        *pasts(470, seed, hotel_day=today, size=2),
        *pasts(20, seed, hotel_day=today, start=470, size=6),
        *pasts(10, seed, hotel_day=today, start=490),
    ]
    async with town(tmp_path, past, seed) as here:
        migration, chance = here.migration, here.chance
        at_most = _requests(past) * 4 // (3 * KILLS)
        while migration.killed < KILLS:
            await _trouble(here)
            options = () if chance.random() < 0.1 else ("--new",)
            await migration.kill_at("", chance.randint(1, at_most), "run", *options)
        await migration.do("run")
        await here.check(seed, "imported", "openai")
        await migration.do("verify")

        await _trouble(here)
        assert await migration.kill_at("", chance.randint(200, 1500), "cutover", "--all")
        await migration.do("cutover", "--all")
        await here.check(seed, "cut_over", "vertex")
        await here.service.start()
        guests = [each for each in past if each.row["wa_id"].startswith("503")][::12]
        await asyncio.gather(*(here.plays(each, 2) for each in guests))
        await here.rest()
        await here.service.end(signal.SIGTERM)
        await here.check(seed, "cut_over", "vertex")

        await _trouble(here)
        assert await migration.kill_at("GET runs", chance.randint(50, 200), "rollback", "--all")
        assert await migration.kill_at("POST messages", chance.randint(1, 40), "rollback", "--all")
        await migration.do("rollback", "--all")
        await here.check(seed, "rolled_back", "openai", carried_back=True)

        await migration.do("run")
        await migration.do("verify")
        judge = await here.check(seed, "verified", "openai", carried_back=True)
        for verb in ("run", "verify"):
            await migration.do(verb, "--limit", "40")
        again = await here.judge()
    for name, was in judge.whole().items():
        assert again.whole()[name] == was, f"seed {seed}: a second time changes the {name}"
    # Else nothing was tried: what killed ones had sent was done when they were gone.
    assert here.server.late > KILLS, f"seed {seed}: {here.server.late} late"


@pytest.mark.timeout(300)
async def test_guests_write_while_a_migration_is_killed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "uvicorn.error")
    seed = random.randrange(2**32)
    today = datetime.now(UTC).date()
    past = pasts(20, seed, hotel_day=today, size=8)
    async with town(tmp_path, past, seed) as here:
        await here.service.start()
        guests = [each for each in past if each.row["wa_id"].startswith("503")][:8]
        playing = [asyncio.create_task(here.plays(each, 4)) for each in guests]
        for _ in range(2):
            await here.killed("", 100, "run")
        await here.until_all("cut_over", ("run", "verify", "cutover"), kill=("GET messages", 15))
        await here.until_all("rolled_back", ("rollback",), kill=("GET runs", 5))
        await here.until_all("cut_over", ("run", "verify", "cutover"))
        await asyncio.gather(*playing)
        await here.rest()
        await here.until_all("rolled_back", ("rollback",), kill=("POST messages", 3))
        await here.until_all("verified", ("run", "verify"))
        await here.service.end(signal.SIGTERM)
        await here.check(seed, "verified", "openai", carried_back=True)


@pytest.mark.timeout(120)
async def test_what_a_killed_one_had_sent_arrives_late(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The next process has begun, and could have looked, long before."""
    caplog.set_level(logging.CRITICAL, "uvicorn.error")
    past = pasts(16, 7, hotel_day=datetime.now(UTC).date(), size=4)
    async with town(tmp_path, past, 7, speed=4) as here:
        here.server.linger = (12.0, LINGER)
        assert await here.migration.kill_at("POST appendEvent", 20, "run")
        await here.migration.do("run")
        await here.check(7, "imported", "openai")
        assert here.server.late > 3


def _requests(past: Sequence[Past]) -> int:
    """About as many as they take."""
    exports = [each.export for each in past]
    items = sum(len(export["messages"]) + 2 * len(export["runs"]) for export in exports)
    return items + 4 * len(exports)
