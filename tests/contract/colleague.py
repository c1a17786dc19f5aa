"""A colleague at the store's exams: takes the conversation, writes in it, gives it back."""

from __future__ import annotations

from datetime import datetime

from tests.contract.stores import GUEST, UNTIL, at
from watibot.messages import ChannelName, StaffMessage, Takeover
from watibot.ports.people import Holding, People
from watibot.storage.store import SqlStore


async def take(
    store: SqlStore, seconds: float, until: datetime | None = UNTIL, by: str | None = "Rosa"
) -> Holding:
    people: People = store.people
    takeover = Takeover(ChannelName.WHATSAPP, GUEST, GUEST, held=True, by=by)
    return await people.hold(takeover, at(seconds), until)


async def give_back(store: SqlStore, seconds: float, note: str | None = None) -> Holding:
    takeover = Takeover(ChannelName.WHATSAPP, GUEST, GUEST, held=False, by="Rosa", note=note)
    return await store.people.hold(takeover, at(seconds), None)


async def staff(
    store: SqlStore, text: str, seconds: float, received: float | None = None, **more: str
) -> bool:
    fields = {"provider_id": f"s-{text}", "operator": "Rosa"} | more
    message = StaffMessage(
        ChannelName.WHATSAPP, GUEST, GUEST, provider_time=at(seconds), text=text, **fields
    )
    return await store.staff_message(message, at(received or seconds), UNTIL)
