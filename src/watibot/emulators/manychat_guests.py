"""The guests of the ManyChat emulator, who write, and the fields that are kept of them.

Used by tests, the demonstration and rehearsals; changes the world (`manychat_world.py`) and has
the flows run (`manychat_flows.py`). Everything here is under `/_emulator`.
"""

from typing import Any, cast

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from watibot.emulators.kit import Emulator, read_json
from watibot.emulators.manychat_cdn import Cdn
from watibot.emulators.manychat_flows import Flows
from watibot.emulators.manychat_world import FOREVER, PLATFORMS, Contact, Line, World
from watibot.emulators.uploads import sent

MESSAGE_FIELDS = {
    "text",
    "media",
    "file",
    "platform",
    "duplicates",
    "parallel",
    "delay",
    "at_offset",
    "hold",
    "lost",
}


class People:
    """The control routes of guests."""

    def __init__(self, emulator: Emulator, world: World, flows: Flows, cdn: Cdn) -> None:
        self._emulator, self._world, self._flows, self._cdn = emulator, world, flows, cdn

    def routes(self) -> list[BaseRoute]:
        guests = "/_emulator/guests"
        return [
            Route(guests, self._guests, methods=["GET", "POST"]),
            Route(f"{guests}/{{id}}/messages", self._messages, methods=["GET", "POST"]),
            Route(f"{guests}/{{id}}/renew", self._renew, methods=["POST"]),
            Route(f"{guests}/{{id}}/fields", self._fields, methods=["POST"]),
            Route("/_emulator/media", self._media, methods=["GET"]),
        ]

    async def _guests(self, request: Request) -> Response:
        if request.method == "GET":
            return JSONResponse([shown(each) for each in self._world.contacts.values()])
        spec = await read_json(request)
        platform = spec.get("platform")
        if platform not in (*PLATFORMS, "both"):
            return JSONResponse({"error": "platform: facebook, instagram or both"}, 400)
        platforms = list(PLATFORMS) if platform == "both" else [cast(str, platform)]
        id_ = spec.get("subscriber_id")
        contact = self._world.add(
            spec.get("name", "Guest"),
            spec.get("language", "es"),
            platforms,
            None if id_ is None else str(id_),
        )
        return JSONResponse(shown(contact), 201)

    async def _messages(self, request: Request) -> Response:
        contact = self._world.contacts.get(request.path_params["id"])
        if contact is None:
            return JSONResponse({"error": "no such guest"}, 404)
        if request.method == "GET":
            return JSONResponse([shown_line(each) for each in contact.lines])
        try:
            spec = await read_json(request)
            line = self._say(contact, spec)
        except ValueError as error:
            return JSONResponse({"error": str(error)}, 400)
        self._flows.guest_said(contact, line, spec)
        return JSONResponse(shown_line(line), 201)

    def _say(self, contact: Contact, spec: dict[str, Any]) -> Line:
        if unknown := set(spec) - MESSAGE_FIELDS:
            raise ValueError(f"a message has no {sorted(unknown)}")
        platform = spec.get("platform", next(iter(contact.last)))
        if platform not in contact.last:
            raise ValueError(f"platform: this guest is on {sorted(contact.last)}")
        sample = sent(spec, cast(str, platform))
        said = [str(spec["text"])] if "text" in spec else []
        if sample and not self._emulator.settings["empty_text_media"]:
            said.append(self._cdn.publish(sample))
        at = self._world.clock.time() - float(spec.get("at_offset", 0))
        line = Line(
            id=str(self._world.new_id()),
            platform=platform,
            author="guest",
            type=sample.type if sample else "text",
            text=" ".join(said),
            at=at,
            lost=bool(spec.get("lost")),
        )
        contact.lines.append(line)
        contact.last[platform] = max(at, contact.last[platform] or 0.0)
        contact.last_input_text = line.text
        self._emulator.journal.add(
            "guest",
            id=line.id,
            subscriber_id=contact.id,
            platform=platform,
            text=line.text,
            type=line.type,
        )
        return line

    async def _renew(self, request: Request) -> Response:
        contact = self._world.contacts.get(request.path_params["id"])
        if contact is None:
            return JSONResponse({"error": "no such guest"}, 404)
        self._world.renew(contact)
        return JSONResponse(shown(contact), 201)

    async def _media(self, request: Request) -> Response:
        """A file by its number at the CDN; its link may have expired."""
        sample = self._cdn.asset(request.query_params.get("asset_id", ""))
        if sample is None:
            return JSONResponse({"error": "no such file"}, 404)
        return Response(sample.read(), media_type=sample.content_type)

    async def _fields(self, request: Request) -> Response:
        """Sets custom fields by name; null clears one."""
        contact = self._world.contacts.get(request.path_params["id"])
        if contact is None:
            return JSONResponse({"error": "no such guest"}, 404)
        for name, value in (await read_json(request)).items():
            self._world.set_field(contact, name, value)
        return JSONResponse(dict(contact.fields), 201)


def shown(contact: Contact) -> dict[str, Any]:
    """A contact as the control routes show it. `paused_until` is virtual epoch seconds, or -1 for
    ever."""
    return {
        "subscriber_id": contact.id,
        "name": contact.name,
        "language": contact.language,
        "platforms": sorted(contact.last),
        "ig_id": contact.ig_id,
        "page_scoped_id": contact.page_scoped_id,
        "tags": contact.tags,
        "fields": dict(contact.fields),
        "paused_until": -1 if contact.paused_until == FOREVER else contact.paused_until,
        "messages": len(contact.lines),
    }


def shown_line(line: Line) -> dict[str, Any]:
    """A message as the control routes show it."""
    return {
        "id": line.id,
        "platform": line.platform,
        "from": line.author,
        "type": line.type,
        "text": line.text,
        "at": line.at,
        "delivered": line.delivered,
    }
