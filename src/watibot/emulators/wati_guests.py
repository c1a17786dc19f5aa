"""The guests of the WATI emulator, who write and who have a past, by control routes.

Used by tests, the demonstration and rehearsals; changes the world (`wati_world.py`) and has the
webhooks sent (`wati_webhooks.py`). Everything here is under `/_emulator`.
"""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from watibot.emulators.kit import Emulator, read_json
from watibot.emulators.uploads import sent
from watibot.emulators.wati_past import seed
from watibot.emulators.wati_views import SAMPLE_CALLBACK, line, message_received
from watibot.emulators.wati_webhooks import Webhooks
from watibot.emulators.wati_world import Guest, Message, World

MESSAGE_FIELDS = {
    "type",
    "text",
    "media",
    "file",
    "file_name",
    "caption",
    "button",
    "description",
    "location",
    "contacts",
    "reply_to",
    "duplicates",
    "parallel",
    "delay",
    "at_offset",
    "hold",
    "lost",
}
TYPES = {
    *("text", "image", "document", "location", "voice", "audio", "button", "interactive", "list"),
    *("reaction", "video", "sticker", "contacts", "order", "catalog", "media_placeholder"),
}


class People:
    """The control routes of guests."""

    def __init__(self, emulator: Emulator, world: World, webhooks: Webhooks) -> None:
        self._emulator, self._world, self._webhooks = emulator, world, webhooks

    def routes(self) -> list[BaseRoute]:
        prefix = "/_emulator"
        return [
            Route(f"{prefix}/guests", self._guests, methods=["GET", "POST"]),
            Route(f"{prefix}/guests/{{waId}}/messages", self._messages, methods=["GET", "POST"]),
            Route(f"{prefix}/guests/{{waId}}/past", self._past, methods=["POST"]),
            Route(f"{prefix}/media", self._media, methods=["GET"]),
            Route(f"{prefix}/sample-callback", self._sample_callback, methods=["POST"]),
        ]

    async def _guests(self, request: Request) -> Response:
        if request.method == "GET":
            return JSONResponse([_guest(each) for each in self._world.guests.values()])
        spec = await read_json(request)
        if not str(spec.get("waId", "")).isdigit():
            return JSONResponse({"error": "waId: digits are expected"}, 400)
        wa_id = str(spec["waId"])
        guest = self._world.add_guest(wa_id, spec.get("name", "Guest"), spec.get("language", "es"))
        return JSONResponse(_guest(guest), 201)

    async def _messages(self, request: Request) -> Response:
        guest = self._world.guests.get(request.path_params["waId"])
        if guest is None:
            return JSONResponse({"error": "no such guest"}, 404)
        if request.method == "GET":
            return JSONResponse([line(each) for each in guest.messages()])
        try:
            spec = await read_json(request)
            message = self._say(guest, spec)
        except ValueError as error:
            return JSONResponse({"error": str(error)}, 400)
        self._webhooks.guest_said(guest, message, spec)
        return JSONResponse(message_received(guest, message), 201)

    def _say(self, guest: Guest, spec: dict[str, Any]) -> Message:
        if unknown := set(spec) - MESSAGE_FIELDS:
            raise ValueError(f"a message has no {sorted(unknown)}")
        sample = sent(spec, "whatsapp")
        type_ = spec.get("type") or (sample.type if sample else "text")
        if type_ not in TYPES:
            raise ValueError(f"type {type_!r} is none of {sorted(TYPES)}")
        data: object | None = self._world.store_sample(sample) if sample else spec.get("location")
        text = spec.get("text", spec.get("caption") if type_ != "document" else None)
        extra: dict[str, Any] = {}
        if type_ == "document":
            # A document's text is its file's name; the caption has a field of its own.
            text = spec.get("file_name", sample.file if sample else "file.pdf")
            extra = {"caption": spec["caption"]} if "caption" in spec else {}
        elif type_ == "contacts":
            extra = {"messageContact": spec.get("contacts", [])}
        elif type_ in ("button", "interactive", "list"):
            text = spec.get("button", text)
            extra = _reply(type_, text or "", spec.get("description"))
        created = self._emulator.clock.time() - float(spec.get("at_offset", 0))
        message = self._world.guest_says(
            guest,
            created,
            type=type_,
            text=text,
            data=data,
            reply_to=guest.quoted(spec.get("reply_to", "")),
            extra=extra,
            lost=bool(spec.get("lost")),
        )
        self._emulator.journal.add(
            "guest", id=message.id, waId=guest.wa_id, text=text, type=type_, wamid=message.wamid
        )
        return message

    async def _past(self, request: Request) -> Response:
        guest = self._world.guests.get(request.path_params["waId"])
        if guest is None:
            return JSONResponse({"error": "no such guest"}, 404)
        try:
            counts = seed(self._world, guest, await read_json(request))
        except ValueError as error:
            return JSONResponse({"error": str(error)}, 400)
        self._emulator.journal.add("past", waId=guest.wa_id, **counts)
        return JSONResponse(counts, 201)

    async def _media(self, request: Request) -> Response:
        """A file by its name, as getMedia; no call is counted."""
        medium = self._world.media.get(request.query_params.get("name", ""))
        if medium is None:
            return JSONResponse({"error": "no such file"}, 404)
        return Response(medium.content, media_type=medium.content_type)

    async def _sample_callback(self, _: Request) -> Response:
        self._webhooks.send(SAMPLE_CALLBACK)
        return JSONResponse(SAMPLE_CALLBACK, 201)


def _reply(type_: str, title: str, description: str | None) -> dict[str, Any]:
    if type_ == "button":
        payload = '{"ButtonIndex":0,"CarouselCardIndex":null,"BroadcastLinkId":null}'
        return {"buttonReply": {"text": title, "payload": payload}}
    if type_ == "list" or description is not None:
        return {"listReply": {"id": "1", "title": title, "description": description}}
    return {"interactiveButtonReply": {"id": "1", "title": title}}


def _guest(guest: Guest) -> dict[str, Any]:
    return {
        "waId": guest.wa_id,
        "name": guest.name,
        "language": guest.language,
        "contactId": guest.contact_id,
        "conversationId": guest.conversation_id,
        "bsuid": guest.bsuid,
        "assignee": guest.assignee,
        "messages": len(guest.messages()),
    }
