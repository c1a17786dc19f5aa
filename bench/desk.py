"""A service that writes to sessions while a migration runs, seen at its mirror.

`python -m bench.desk EVENTS_PER_MINUTE`, started by `migration.py` on the same store: staff write
to guests of today, at chance moments, and the mirror appends it under the quota that both processes
share. When it is asked, it ends and prints how long each append waited for its place.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from datetime import timedelta
from random import Random
from uuid import uuid4

import uvloop

from watibot import telemetry
from watibot.engines.clock import SystemClock
from watibot.environment import load
from watibot.hotel import load as load_hotel
from watibot.messages import ChannelName, StaffMessage
from watibot.ports import Clock, Quota
from watibot.providers.google_auth import Tokens
from watibot.providers.sessions import VertexSessions
from watibot.service.mirror import Mirror
from watibot.settings import Settings
from watibot.storage import store as storage
from watibot.storage.quotas import StoreQuota
from watibot.telemetry import Metrics

GUESTS = [f"5037000{number:04d}" for number in range(12)]


class Watched:
    """A quota that notes each place: when it was asked for, in the clock's epoch seconds, how long
    it was booked ahead, in the clock's seconds, and how long asking took beside, in real ones."""

    def __init__(self, quota: StoreQuota, clock: Clock, speed: float) -> None:
        self._quota, self._clock, self._speed = quota, clock, speed
        self.notes: list[tuple[float, float, float]] = []

    async def place(self) -> None:
        asked, began, before = self._clock.time(), time.perf_counter(), self._quota.waited
        await self._quota.place()
        booked = self._quota.waited - before
        beside = time.perf_counter() - began - booked / self._speed
        self.notes.append((asked, booked, max(0.0, beside)))

    async def hold(self, seconds: float) -> None:
        await self._quota.hold(seconds)


async def work(settings: Settings, per_minute: float) -> list[tuple[float, float, float]]:
    clock = SystemClock(settings.service.clock)
    speed = float(settings.service.clock.partition("@")[0] or 1)
    hotel, vertex = load_hotel(settings.service.hotel_file), settings.vertex
    asked = asyncio.create_task(asyncio.to_thread(sys.stdin.readline))
    async with await storage.open(settings.service.database_url, hotel.id) as store:
        appends = Watched(
            store.quota("sessions.appends", vertex.appends_per_minute, clock, live=True),
            clock,
            speed,
        )
        writes: Quota = store.quota(
            "sessions.writes", vertex.session_writes_per_minute, clock, live=True
        )
        tokens = Tokens(file=vertex.credentials_file)
        sessions = VertexSessions(vertex, clock, tokens, appends=appends, writes=writes)
        mirror = Mirror(store, sessions, clock, Metrics())
        mirroring = asyncio.create_task(mirror.run())
        chance = Random(7)
        due = clock.time()
        while not asked.done():
            due += chance.expovariate(per_minute / 60.0)
            await clock.sleep(max(0.0, due - clock.time()))
            now, guest = clock.now(), chance.choice(GUESTS)
            said = StaffMessage(
                ChannelName.WHATSAPP,
                guest,
                guest,
                f"wamid.{uuid4().hex}",
                now,
                "Con gusto, la esperamos en recepción.",
                "Rosa",
            )
            await store.staff_message(said, now, now + timedelta(hours=1))
            mirror.look()
        mirroring.cancel()
        await asyncio.gather(mirroring, return_exceptions=True)
        await sessions.close()
        return appends.notes


def main(per_minute: float) -> None:
    telemetry.configure("error", "bench")
    sys.stdout.write(json.dumps(uvloop.run(work(load(None), per_minute))) + "\n")


if __name__ == "__main__":
    main(float(sys.argv[1]))
