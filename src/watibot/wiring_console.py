"""The console of its concrete classes: which rooms there are, and what each is given.

`wiring.py` calls `rooms` with the service's own parts.
"""

from __future__ import annotations

from starlette.routing import Mount

from watibot.hotel import Hotel
from watibot.ports import Clock
from watibot.ports.outside import MediaFiles
from watibot.service.desk import FrontDesk
from watibot.storage.store import SqlStore
from watibot.web.console.deeds import Deeds
from watibot.web.console.doors import Doors
from watibot.web.console.files import Files
from watibot.web.console.frame import Frame
from watibot.web.console.pages import Pages
from watibot.web.console.rooms import Room
from watibot.web.console.routes import console


def build(
    desk: FrontDesk,
    store: SqlStore,
    files: MediaFiles,
    clock: Clock,
    hotel: Hotel,
    public_url: str,
) -> Mount:
    """Everything under /console. Cookies are for https only if `public_url` is."""
    frame = Frame(hotel.name, hotel.zone, clock, public_url.startswith("https://"))
    pages = Pages(store, store.escalations, store.proofs, store.console, frame, clock, hotel.zone)
    rooms: list[Room] = [
        Deeds(desk, frame, pages.conversation),
        Files(store.console, files, frame),
        pages,
    ]
    return console(rooms, Doors(store.console, frame, clock), frame)
