"""The console of its concrete classes: which rooms there are, and what each is given.

`wiring.py` calls `build` with the service's own parts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from starlette.routing import Mount

from watibot import telemetry
from watibot.caching import CacheStanding
from watibot.hotel import Hotel
from watibot.ports import Clock
from watibot.ports.errands import Errands
from watibot.ports.outside import MediaFiles
from watibot.service.desk import FrontDesk
from watibot.service.export import Exporter
from watibot.settings import Settings
from watibot.storage.lock import migration_holder
from watibot.storage.store import SqlStore
from watibot.web.console.deeds import Deeds
from watibot.web.console.doors import Doors
from watibot.web.console.files import Files
from watibot.web.console.frame import Frame
from watibot.web.console.guests import Guests
from watibot.web.console.health import Health
from watibot.web.console.live import Live
from watibot.web.console.money import Money
from watibot.web.console.moving import Moving
from watibot.web.console.pages import Pages
from watibot.web.console.rooms import Room
from watibot.web.console.routes import console
from watibot.web.console.teaching import Teaching
from watibot.web.console.today import Today
from watibot.wiring_beside import Beside


@dataclass(frozen=True, slots=True)
class Behind:
    """The service's parts that pages show or ask."""

    settings: Settings
    hotel: Hotel
    store: SqlStore
    clock: Clock
    files: MediaFiles
    desk: FrontDesk
    beside: Beside
    errands: Errands


def build(behind: Behind) -> tuple[Mount, Live]:
    """Everything under /console, and what keeps open pages up to date. Cookies are for https only
    if people reach the service by it."""
    settings, hotel, store, clock = behind.settings, behind.hotel, behind.store, behind.clock
    service, vertex, beside = settings.service, settings.vertex, behind.beside
    secret = service.webhook_secret.get_secret_value()

    async def waiting() -> Mapping[str, int]:
        found = await store.figures.waiting(clock.now())
        return {"escalations": found.escalations, "payments": found.proofs}

    def forecast() -> int | None:
        return beside.budget.standing.forecast

    def cache() -> CacheStanding | None:
        return beside.caching.standing() if beside.caching is not None else None

    def tag(conversation_id: str) -> str:
        return telemetry.tag(conversation_id, secret)

    secure = service.public_url.startswith("https://")
    frame = Frame(hotel.name, hotel.zone, clock, secure, service.phone_url, waiting)
    live = Live(store.pulse, clock, hotel.zone)
    pages = Pages(
        store,
        store.escalations,
        store.proofs,
        store.console,
        store.charges,
        frame,
        clock,
        hotel.zone,
    )
    rooms: list[Room] = [
        live,
        Today(
            store.figures,
            store.charges,
            forecast,
            frame,
            clock,
            hotel.zone,
            settings.costs,
            settings.targets,
        ),
        Money(
            store.charges,
            store.figures,
            store.console,
            forecast,
            cache,
            tag,
            frame,
            clock,
            hotel.zone,
            settings.costs,
        ),
        Teaching(beside.versions, beside.prices, vertex.model, vertex.model_location, frame, clock),
        Health(beside.conditions, frame, clock),
        Guests(
            store,
            store.erasures,
            beside.eraser,
            Exporter(store.guests, behind.files, store.console, clock, hotel.name, hotel.zone),
            frame,
        ),
        Moving(
            behind.errands,
            store.standings,
            store.console,
            frame,
            clock,
            vertex.appends_per_minute,
            partial(asyncio.to_thread, migration_holder, service.database_url),
            writes_back=bool(settings.openai.base_url),
        ),
        Deeds(behind.desk, frame, pages.conversation),
        Files(store.console, behind.files, frame),
        pages,
    ]
    return console(rooms, Doors(store.console, frame, clock), frame), live
