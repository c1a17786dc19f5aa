"""A hotel that is given proofs of payment: the tool, a real store, the emulated model over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

from tests.clocks import JumpingClock
from tests.contract.stores import DEBOUNCE, LEASE
from tests.fakes_vertex import settings_at, static_tokens
from watibot import samples_folder
from watibot.channels.media import DiskMediaFiles
from watibot.emulators import kit, vertex
from watibot.escalations import EscalationCause
from watibot.hotel import load
from watibot.messages import Attachment, AttachmentKind, ChannelName, Inbound, MessageKind
from watibot.ports import Booking, Model
from watibot.ports.outside import File
from watibot.ports.proofs import Proof
from watibot.providers.gemini import Gemini
from watibot.providers.pictures import PillowPictures
from watibot.quotas import Rate
from watibot.storage.door import Door
from watibot.storage.proofs import SqlProofs
from watibot.storage.store import SqlStore
from watibot.toolcalls import Caller, Tool, ToolCall
from watibot.tools.payment import Reader, analyze_payment_proof
from watibot.tools.toolkit import run
from watibot.turns import Media, MediaState

_SAMPLE = load(samples_folder() / "hotel.toml")
# The whole amount is due at once here.
HOTEL = replace(_SAMPLE, payments=_SAMPLE.payments.model_copy(update={"deposit_percent": 100}))
KINDS = {"application/pdf": AttachmentKind.DOCUMENT}


@dataclass
class Desk:
    """What a guest and the staff can do, and what staff were told."""

    store: SqlStore
    proofs: SqlProofs
    reader: Reader
    clock: JumpingClock
    told: list[str] = field(default_factory=list)
    escalated: list[tuple[EscalationCause, str]] = field(default_factory=list)
    numbers: Any = field(default_factory=lambda: count(1))

    @property
    def tool(self) -> Tool:
        return analyze_payment_proof(self.reader, self._tell, self._escalate)

    async def _tell(self, caller: Caller, kind: str, title: str, body: str) -> None:
        assert kind == "payment"
        self.told.append(f"{title}\n{body}")

    async def _escalate(self, caller: Caller, cause: EscalationCause, reason: str) -> None:
        self.escalated.append((cause, reason))

    async def books(self, guest: str, amount: int | None, currency: str = "USD") -> int:
        """A booking request, and what staff say it costs."""
        who = self.caller(guest, f"t-{next(self.numbers)}")
        wish = Booking("2026-12-01", "2026-12-03", 2, "Ana Invento")
        number, _ = await self.store.book(who, wish)
        if amount is not None:
            assert await self.proofs.set_amount(number, amount, currency)
        return number

    async def sends(self, guest: str, data: bytes, mime: str = "image/jpeg", **more: Any) -> Caller:
        """A file of the guest's that has been downloaded, in a turn that has begun."""
        media, caller = await self.sent(guest, KINDS.get(mime, AttachmentKind.IMAGE))
        path = await self.reader.files.put(File(data, mime))
        ready = replace(media, state=MediaState.READY, mime=mime, size=len(data), path=path)
        await self.store.media_done(replace(ready, **more))
        return caller

    async def sent(
        self, guest: str, kind: AttachmentKind = AttachmentKind.IMAGE
    ) -> tuple[Media, Caller]:
        """A file that is on its way."""
        now = self.clock.now()
        message = Inbound(
            channel=ChannelName.WHATSAPP,
            conversation_id=guest,
            address=guest,
            provider_id=f"wamid.{next(self.numbers)}",
            provider_time=now,
            kind=MessageKind.MEDIA,
            attachments=(Attachment(kind, "data/x"),),
        )
        received = await self.store.receive(message, b"{}", now, DEBOUNCE)
        claim = await self.store.claim(guest, now + LEASE, now + 2 * LEASE)
        assert claim is not None
        fence = claim.conversation.fence
        turn = await self.store.open_turn(guest, fence, now + LEASE, 40, 2)
        assert turn is not None
        await self.store.release(guest, fence)
        return received.media[0], self.caller(guest, turn.turn_id)

    def caller(self, guest: str, turn_id: str) -> Caller:
        whatsapp = ChannelName.WHATSAPP
        key = f"{turn_id}:{next(self.numbers)}"
        now = self.clock.now()
        return Caller("posada", guest, whatsapp, guest, None, "Ana", turn_id, key, now)

    async def asks(self, caller: Caller, **arguments: Any) -> dict[str, Any]:
        """The model calls the tool."""
        call = ToolCall("analyze_payment_proof", arguments)
        return (await run([self.tool], call, caller)).response

    async def newest(self, guest: str) -> Proof:
        return (await self.proofs.proofs_of(guest))[0]


def desk(store: SqlStore, folder: Path, model: Model, clock: JumpingClock) -> Desk:
    proofs = SqlProofs(Door(store._writer, "posada"))
    files = DiskMediaFiles(folder / "media")
    reader = Reader(HOTEL, proofs, files, PillowPictures(), model, clock)
    return Desk(store, proofs, reader, clock)


@asynccontextmanager
async def emulated(clock: JumpingClock) -> AsyncIterator[tuple[Gemini, vertex.Vertex]]:
    """The real client of the emulated model."""
    stand_in = vertex.create(kit.Clock(), {})
    async with kit.serve(stand_in.app()) as url:
        model = Gemini(settings_at(url), clock, static_tokens(), calls=Rate(60_000))
        try:
            yield model, stand_in
        finally:
            await model.close()
