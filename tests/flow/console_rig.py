"""A console over a real store, in one process: what the tests of `test_console.py` share.

A `Browser` keeps cookies and finds a page's forms as a person does, by what is in the page.
"""

from __future__ import annotations

import html
import io
import re
import tempfile
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import httpx2
from fastapi import FastAPI
from PIL import Image

from tests.clocks import NOON, FakeClock
from tests.contract.stores import UNTIL, Hand, at
from watibot.channels.media import DiskMediaFiles
from watibot.charges import Charge
from watibot.escalations import DeadEnd, EscalationCause, Told
from watibot.messages import Attachment, AttachmentKind, ChannelName, MessageKind, Takeover
from watibot.payments import Judgement, Picture, Reason, ReasonCode, Verdict
from watibot.ports.charges import By, Reach, Sum
from watibot.ports.console import Role
from watibot.ports.outside import File
from watibot.ports.store import Booking
from watibot.service.desk import FrontDesk
from watibot.service.erase import Eraser, Outside
from watibot.service.export import Exporter
from watibot.settings import Patience
from watibot.storage import schema
from watibot.storage import store as storage
from watibot.storage.console import SqlConsole
from watibot.storage.door import Door
from watibot.storage.erase import SqlErasures
from watibot.storage.escalations import SqlEscalations
from watibot.storage.guest_rows import SqlGuestRows
from watibot.storage.proofs import SqlProofs
from watibot.storage.store import SqlStore
from watibot.texts import BUILT_IN
from watibot.toolcalls import Caller
from watibot.turns import MediaState
from watibot.web.console.deeds import Deeds
from watibot.web.console.doors import Doors
from watibot.web.console.files import Files
from watibot.web.console.frame import Frame
from watibot.web.console.guests import Guests
from watibot.web.console.pages import Pages
from watibot.web.console.passwords import hashed
from watibot.web.console.rooms import Room
from watibot.web.console.routes import console

ANA, ROSA = "fb:900", "50370000001"  # guests
EVIL = '<script>alert("x")</script><img src=x onerror=alert(1)>'
SECRET = "a-secret-for-tests-only"
PASSWORD = "una clave de prueba"
ZONE = ZoneInfo("America/El_Salvador")
CSRF = re.compile(r'name="csrf" value="([0-9a-f]{64})"')


@dataclass
class Browser:
    """Somebody at the console."""

    http: httpx2.AsyncClient

    async def get(self, path: str, **more: Any) -> httpx2.Response:
        return await self.http.get(f"/console{path}", **more)

    async def post(self, path: str, **form: str) -> httpx2.Response:
        return await self.http.post(f"/console{path}", data=form)

    async def csrf(self, page: str = "/") -> str:
        found = CSRF.search((await self.get(page)).text)
        assert found is not None
        return found[1]

    async def sign_in(self, name: str = "rosa", password: str = PASSWORD) -> httpx2.Response:
        proof = await self.csrf("/sign-in")
        return await self.post("/sign-in", csrf=proof, name=name, password=password)

    async def send(self, path: str, **form: str) -> httpx2.Response:
        """A form of the console, with its token."""
        return await self.post(path, csrf=await self.csrf(), **form)


@dataclass
class Costs:
    """What turns cost, as the test says."""

    turns: dict[str, Sum] = field(default_factory=dict)

    async def add(self, charges: Sequence[Charge]) -> None: ...

    async def total(self, since: datetime, until: datetime) -> Sum:
        return Sum()

    async def sums(self, by: By, since: datetime, until: datetime, limit: int) -> list[Sum]:
        return []

    async def of_turns(self, turn_ids: Collection[str]) -> dict[str, Sum]:
        return {name: self.turns[name] for name in turn_ids if name in self.turns}

    async def reach(self, since: datetime, until: datetime) -> Reach:
        return Reach()

    async def charges(self, since: datetime, until: datetime, limit: int) -> list[Charge]:
        return []


class Nowhere:
    """A place outside that has nothing of anybody."""

    async def sessions_of(self, user_id: str) -> list[str]:
        return []

    async def delete(self, session_id: str) -> None: ...

    async def drop(self, names: Sequence[str]) -> int:
        return 0


@dataclass
class Desk:
    """The store with its doors, the console over it, and what the lanes were told."""

    store: SqlStore
    rows: SqlConsole
    escalations: SqlEscalations
    proofs: SqlProofs
    files: DiskMediaFiles
    clock: FakeClock
    app: FastAPI
    charges: Costs
    erasures: SqlErasures
    eraser: Eraser
    woken: list[tuple[str, datetime]] = field(default_factory=list)

    def browser(self, base: str = "http://desk.test", **headers: str) -> Browser:
        transport = httpx2.ASGITransport(app=self.app)
        return Browser(httpx2.AsyncClient(transport=transport, base_url=base, headers=headers))

    async def signed_in(self, name: str = "rosa", **headers: str) -> Browser:
        made = self.browser(**headers)
        assert (await made.sign_in(name)).status_code == 303
        return made

    async def deeds(self) -> list[tuple[str, str, str | None]]:
        """What the log says, the oldest first."""
        found = await self.rows.entries(50)
        return [(one.user_name, one.action, one.conversation_id) for one in reversed(found)]

    async def guest(
        self, text: str = "hola", guest: str = ROSA, name: str = "Rosa Invento", **more: Any
    ) -> Hand:
        channel = ChannelName.FACEBOOK if guest.startswith("fb") else ChannelName.WHATSAPP
        hand = Hand(self.store, guest)
        await hand.hear(
            text,
            conversation_id=guest,
            address=guest.removeprefix("fb:"),
            sender_name=name,
            channel=channel,
            **more,
        )
        return hand

    async def held(self, guest: str = ROSA, by: str = "Rosa") -> None:
        taken = Takeover(ChannelName.WHATSAPP, guest, guest, held=True, by=by)
        assert (await self.store.people.hold(taken, at(5), UNTIL)).changed

    async def file(self, data: bytes, mime: str, name: str | None = None, guest: str = ROSA) -> int:
        """A guest's file that was downloaded; its number."""
        sent = (Attachment(AttachmentKind.DOCUMENT, "data/x", name),)
        received = await Hand(self.store, guest).hear(
            "", conversation_id=guest, address=guest, kind=MessageKind.MEDIA, attachments=sent
        )
        (media,) = received.media
        path = await self.files.put(File(data, mime))
        ready = replace(media, state=MediaState.READY, mime=mime, size=len(data), path=path)
        await self.store.media_done(ready)
        return media.media_id

    async def booking(self, guest: str = ROSA, key: str = "b1") -> int:
        booked = Booking("2026-12-01", "2026-12-03", 2, "Rosa Invento")
        number, _ = await self.store.book(_caller(guest, key), booked)
        return number

    async def escalation(
        self, guest: str = ROSA, key: str = "k1", reason: str = "quiere hablar con alguien"
    ) -> int:
        end = DeadEnd(key, EscalationCause.GUEST_WISH, guest, reason, at(1))
        assert await self.escalations.open(end, Told("t", "b", at(1)), at(900))
        return (await self.escalations.of(guest))[0].escalation_id

    async def proof(self, guest: str = ROSA, key: str = "p1", **read: Any) -> int:
        """A receipt that waits, doubtful."""
        media_id = await self.file(png(), "image/png", guest=guest)
        booking_id = await self.booking(guest, f"{key}-booking")
        made = await self.proofs.begin(
            _caller(guest, key), media_id, Picture("ab" * 32), booking_id
        )
        extraction = {"is_receipt": True, "amount": "US$ 125.00", "bank": "Banco Uno"} | read
        await self.proofs.read(made.proof_id, extraction)
        reasons = (Reason(ReasonCode.AMOUNT_LOW, "El monto es menor que lo debido"),)
        await self.proofs.judged(made.proof_id, booking_id, Judgement(Verdict.DOUBTFUL, reasons))
        return made.proof_id


def _caller(guest: str, key: str) -> Caller:
    whatsapp = None if guest.startswith("fb") else guest
    channel = ChannelName.WHATSAPP if whatsapp else ChannelName.FACEBOOK
    return Caller("posada", guest, channel, whatsapp, None, None, "turn-1", key, at(2))


def png() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (320, 480), "#cde").save(out, "PNG")
    return out.getvalue()


def seen(page: httpx2.Response) -> str:
    """A page's text without tags, as a person reads it."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", page.text)).split())


def once(page: httpx2.Response) -> str:
    """The number of a page's form that may be sent once."""
    found = re.search(r'name="once" value="([0-9a-f]+)"', page.text)
    assert found is not None
    return found[1]


def chat(guest: str, verb: str = "") -> str:
    return f"/conversations/{quote(guest, safe='')}{verb}"


@lru_cache(maxsize=1)
def _empty_store() -> bytes:
    """An SQLite file with the newest schema."""
    with tempfile.TemporaryDirectory() as folder:
        schema.upgrade(f"sqlite:///{folder}/store.db")
        return (Path(folder) / "store.db").read_bytes()


@asynccontextmanager
async def desk(folder: Path, public_url: str = "") -> AsyncIterator[Desk]:
    """A console with the users `rosa` (desk) and `ana` (owner)."""
    (folder / "store.db").write_bytes(_empty_store())
    async with await storage.open(f"sqlite:///{folder}/store.db", "posada") as store:
        door = Door(store._writer, "posada")
        rows, escalations, proofs = SqlConsole(door), SqlEscalations(door), SqlProofs(door)
        files = DiskMediaFiles(folder / "media")
        clock = FakeClock(NOON)
        woken: list[tuple[str, datetime]] = []
        front = FrontDesk(
            store,
            store.people,
            escalations,
            proofs,
            rows,
            clock,
            12,
            lambda name, due_at: woken.append((name, due_at)),
            BUILT_IN,
        )
        app = FastAPI(docs_url=None, redoc_url=None)
        frame = Frame("Posada Invento", ZONE, clock, public_url.startswith("https://"))
        charges, erasures = Costs(), SqlErasures(door)
        pages = Pages(store, escalations, proofs, rows, charges, frame, clock, ZONE)
        places = Outside(files, Nowhere(), None, Nowhere())
        eraser = Eraser(erasures, rows, places, clock, Patience(), SECRET, alone=True)
        exporter = Exporter(SqlGuestRows(door), files, rows, clock, "Posada Invento", ZONE)
        rooms: list[Room] = [
            Deeds(front, frame, pages.conversation),
            Files(rows, files, frame),
            Guests(store, erasures, eraser, exporter, frame),
            pages,
        ]
        app.router.routes.append(console(rooms, Doors(rows, frame, clock), frame))
        password_hash = hashed(PASSWORD)
        await rows.add_user("rosa", "Rosa Menjívar", password_hash, Role.DESK, NOON)
        await rows.add_user("ana", "Ana", password_hash, Role.OWNER, NOON)
        yield Desk(
            store, rows, escalations, proofs, files, clock, app, charges, erasures, eraser, woken
        )
