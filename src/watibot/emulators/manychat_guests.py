"""The people of the ManyChat emulator: guests who write and staff who switch the bot off.

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
from watibot.emulators.manychat_world import PLATFORMS, Contact, Line, World
from watibot.emulators.samples import sample_for

MESSAGE_FIELDS = {
    "text",
    "media",
    "platform",
    "duplicates",
    "parallel",
    "delay",
    "at_offset",
    "hold",
}


class People:
    """The control routes of guests and staff."""

    def __init__(self, emulator: Emulator, world: World, flows: Flows, cdn: Cdn) -> None:
        self._emulator, self._world, self._flows, self._cdn = emulator, world, flows, cdn

    def routes(self) -> list[BaseRoute]:
        guests, staff = "/_emulator/guests", "/_emulator/staff"
        return [
            Route(guests, self._guests, methods=["GET", "POST"]),
            Route(f"{guests}/{{id}}/messages", self._messages, methods=["GET", "POST"]),
            Route(f"{guests}/{{id}}/renew", self._renew, methods=["POST"]),
            Route(f"{staff}/{{id}}/bot_off", self._bot_off, methods=["POST"]),
            Route(f"{staff}/{{id}}/pause", self._pause, methods=["POST"]),
        ]

    async def _guests(self, request: Request) -> Response:
        if request.method == "GET":
            return JSONResponse([_guest(each) for each in self._world.contacts.values()])
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
        return JSONResponse(_guest(contact), 201)

    async def _messages(self, request: Request) -> Response:
        contact = self._world.contacts.get(request.path_params["id"])
        if contact is None:
            return JSONResponse({"error": "no such guest"}, 404)
        if request.method == "GET":
            return JSONResponse([_line(each) for each in contact.lines])
        try:
            spec = await read_json(request)
            line = self._say(contact, spec)
        except ValueError as error:
            return JSONResponse({"error": str(error)}, 400)
        self._flows.guest_said(contact, line, spec)
        return JSONResponse(_line(line), 201)

    def _say(self, contact: Contact, spec: dict[str, Any]) -> Line:
        if unknown := set(spec) - MESSAGE_FIELDS:
            raise ValueError(f"a message has no {sorted(unknown)}")
        platform = spec.get("platform", next(iter(contact.last)))
        if platform not in contact.last:
            raise ValueError(f"platform: this guest is on {sorted(contact.last)}")
        sample = sample_for(spec)
        said = [str(spec["text"])] if "text" in spec else []
        if sample and not self._emulator.settings["empty_text_media"]:
            said.append(self._cdn.publish(sample))
        at = self._world.clock.time() - float(spec.get("at_offset", 0))
        line = Line(
            id=str(self._world.new_id()),
            platform=platform,
            by_guest=True,
            type=sample.type if sample else "text",
            text=" ".join(said),
            at=at,
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
        return JSONResponse(_guest(contact), 201)

    async def _bot_off(self, request: Request) -> Response:
        contact = self._world.contacts.get(request.path_params["id"])
        if contact is None:
            return JSONResponse({"error": "no such guest"}, 404)
        spec = await read_json(request)
        on = bool(spec.get("on", True))
        tag = cast(str, self._emulator.settings["bot_off_tag"])
        contact.tags = [each for each in contact.tags if each != tag] + ([tag] if on else [])
        # `quiet` is the lost request: the tag is set, and nobody is told.
        if not spec.get("quiet"):
            self._flows.bot_off(contact, on)
        return JSONResponse(_guest(contact), 201)

    async def _pause(self, request: Request) -> Response:
        contact = self._world.contacts.get(request.path_params["id"])
        if contact is None:
            return JSONResponse({"error": "no such guest"}, 404)
        contact.paused = bool((await read_json(request)).get("on", True))
        return JSONResponse(_guest(contact), 201)


def _guest(contact: Contact) -> dict[str, Any]:
    return {
        "subscriber_id": contact.id,
        "name": contact.name,
        "language": contact.language,
        "platforms": sorted(contact.last),
        "ig_id": contact.ig_id,
        "page_scoped_id": contact.page_scoped_id,
        "tags": contact.tags,
        "paused": contact.paused,
        "messages": len(contact.lines),
    }


def _line(line: Line) -> dict[str, Any]:
    return {
        "id": line.id,
        "platform": line.platform,
        "from": "guest" if line.by_guest else "bot",
        "type": line.type,
        "text": line.text,
        "at": line.at,
        "delivered": line.delivered,
    }
