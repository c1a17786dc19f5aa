"""WATI's side of webhooks: at least once, in no promised order, retried until a 200.

Fed by `wati.py` (what the API sent), `wati_guests.py` and `wati_staff.py` (what people did); the
configured URL is after it. Only the status 200 ends the retries, every 10 minutes up to 144 times
(WATI help 14111740).
"""

import asyncio
from collections.abc import Coroutine, Mapping
from types import MappingProxyType
from typing import Any, cast

from watibot.emulators.kit import Emulator
from watibot.emulators.postman import Postman, encode
from watibot.emulators.wati_views import (
    by_bsuid,
    message_received,
    new_contact,
    older,
    session_message_sent,
    status_changed,
    template_message_sent,
)
from watibot.emulators.wati_world import Event, Guest, Message, Operator, World


class Webhooks:
    """Sends the events that the settings name in `events`, as WATI's dashboard does; none on a plan
    without webhooks. `waiting`: how much is under way, retries included."""

    def __init__(self, emulator: Emulator, world: World) -> None:
        self._emulator = emulator
        self._settings = emulator.settings
        self._world = world
        self._postman: Postman | None = None
        self.waiting = 0

    def open(self) -> None:
        """Called in the serving loop, before anything is sent."""
        self._postman = Postman(self._emulator.journal)

    async def close(self) -> None:
        if self._postman is not None:
            await self._postman.close()

    def guest_said(self, guest: Guest, message: Message, spec: dict[str, Any]) -> None:
        """Delivers a guest's message as `spec` (`duplicates`, `parallel`, `delay`, `hold`) says.

        A held message leaves after the guest's next one: that is how order is lost.
        """
        if spec.get("hold"):
            guest.held.append(message)
            return
        if message.lost:
            return
        held, guest.held = guest.held, []
        self._background(self._deliver(guest, message, held, spec))

    def hotel_said(
        self, guest: Guest, message: Message, spec: Mapping[str, Any] = MappingProxyType({})
    ) -> None:
        """`sessionMessageSent`, then delivered and read, each with its `_v2` twin; `spec` as for
        `guest_said`.

        Some tenants get none of them for what the API sent: `sent_events_for_api`.
        """
        if message.lost:
            return
        by_api = message.operator is not None and message.operator.is_api
        if by_api and not self._settings["sent_events_for_api"]:
            return
        names = cast(list[str], self._settings["events"])
        if any(name.startswith(("sessionMessageSent", "sentMessage")) for name in names):
            self._background(self._sent(guest, message, spec))

    def template_sent(
        self, guest: Guest, sent: Event, template: str, operator: Operator | None
    ) -> None:
        """`templateMessageSent`, then delivered and read, each with its `_v2` twin."""
        message = Message(
            id=sent.id,
            wamid=self._world.new_wamid(),
            ticket_id=sent.ticket_id,
            owner=True,
            type="template",
            text=sent.text,
            data=None,
            created=sent.created,
            recorded=sent.recorded,
            operator=operator,
        )
        payload = template_message_sent(guest, message, template, self._world.new_id())
        self._background(self._told(guest, message, payload, {}))

    def send(self, payload: dict[str, Any], **details: object) -> None:
        """Any one event, retried until accepted."""
        self._background(self._until_accepted(payload, **details))

    def offer(self, payload: dict[str, Any]) -> None:
        """Any one event, if it is wanted."""
        if self._wants(payload["eventType"]):
            self.send(self._form(payload), id=payload["id"], waId=payload["waId"])

    async def _deliver(
        self, guest: Guest, message: Message, held: list[Message], spec: dict[str, Any]
    ) -> None:
        if delay := spec.get("delay"):
            await self._emulator.clock.sleep(delay)
        if self._wants("newContactMessageReceived") and guest.messages()[0] is message:
            now = self._emulator.clock.time()
            self.send(new_contact(guest, self._world.new_id(), now), waId=guest.wa_id)
        copies = 1 + int(spec.get("duplicates", 0))
        if spec.get("parallel"):
            await asyncio.gather(*(self._message(guest, message) for _ in range(copies)))
        else:
            for _ in range(copies):
                await self._message(guest, message)
        for late in held:
            await self._message(guest, late)
        if message.reply_to:
            await self._replied(guest, message)

    async def _message(self, guest: Guest, message: Message) -> None:
        if not self._wants("message"):
            return
        payload = self._form(message_received(guest, message))
        if await self._attempt(payload, id=message.id, waId=guest.wa_id):
            message.delivered = True
        else:
            self._background(self._retry_message(guest, message, payload))

    async def _retry_message(self, guest: Guest, message: Message, payload: dict[str, Any]) -> None:
        if await self._retry(payload, id=message.id, waId=guest.wa_id):
            message.delivered = True

    async def _replied(self, guest: Guest, message: Message) -> None:
        quoted = next((m for m in guest.messages() if m.wamid == message.reply_to), None)
        if quoted is not None and quoted.owner:
            now = self._emulator.clock.time()
            await self._twins(status_changed(guest, quoted, "Replied", now), quoted.id, guest.wa_id)

    async def _sent(self, guest: Guest, message: Message, spec: Mapping[str, Any]) -> None:
        await self._told(guest, message, session_message_sent(guest, message), spec)

    async def _told(
        self, guest: Guest, message: Message, payload: dict[str, Any], spec: Mapping[str, Any]
    ) -> None:
        if delay := spec.get("delay"):
            await self._emulator.clock.sleep(delay)
        copies = 1 + int(spec.get("duplicates", 0))
        if spec.get("parallel"):
            told = (self._twins(payload, message.id, guest.wa_id) for _ in range(copies))
            await asyncio.gather(*told)
        else:
            for _ in range(copies):
                await self._twins(payload, message.id, guest.wa_id)
        if message.type == "reaction":
            return  # one is neither delivered nor read
        for status in ("Delivered", "Read"):
            message.status = status.upper()
            now = self._emulator.clock.time()
            payload = status_changed(guest, message, status, now)
            await self._twins(payload, message.id, guest.wa_id)

    async def _twins(self, payload: dict[str, Any], id_: str, wa_id: str) -> None:
        for twin in (older(payload), payload):
            if self._wants(twin["eventType"]) and not await self._attempt(
                self._form(twin), id=id_, waId=wa_id
            ):
                self._background(self._retry_quietly(self._form(twin), id_, wa_id))

    async def _retry_quietly(self, payload: dict[str, Any], id_: str, wa_id: str) -> None:
        await self._retry(payload, id=id_, waId=wa_id)

    async def _until_accepted(self, payload: dict[str, Any], **details: object) -> None:
        if not await self._attempt(payload, **details):
            await self._retry(payload, **details)

    async def _retry(self, payload: dict[str, Any], **details: object) -> bool:
        for _ in range(1, cast(int, self._settings["webhook_tries"])):
            await self._emulator.clock.sleep(cast(float, self._settings["retry_seconds"]))
            if await self._attempt(payload, **details):
                return True
        return False

    async def _attempt(self, payload: dict[str, Any], **details: object) -> bool:
        url = cast(str, self._settings["webhook_url"])
        if not url:
            return True
        assert self._postman is not None
        patience = cast(float, self._settings["webhook_timeout"])
        outcome = await self._postman.post(
            url, encode(payload), patience, {}, event=payload["eventType"], **details
        )
        return outcome == 200

    def _wants(self, event: str) -> bool:
        return bool(self._settings["webhooks"]) and event in cast(
            list[str], self._settings["events"]
        )

    def _background(self, work: Coroutine[Any, Any, None]) -> None:
        def done(_: asyncio.Task[None]) -> None:
            self.waiting -= 1

        self.waiting += 1
        self._emulator.background(work).add_done_callback(done)

    def _form(self, payload: dict[str, Any]) -> dict[str, Any]:
        return by_bsuid(payload) if self._settings["bsuid"] else payload
