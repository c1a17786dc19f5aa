"""The hotel's people in ManyChat: who takes a contact, writes in Live Chat and gives it back.

Used by tests and the demonstration, under `/_emulator`; changes the world (`manychat_world.py`) and
has the rule's request made (`manychat_flows.py`). What is written in Live Chat is in the journal
and nowhere else: no call of ManyChat's API shows it. Entries: `assigned`, `staff`, `note`,
`released`, `paused`.
"""

from collections.abc import Callable
from typing import Any, cast

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from watibot.emulators.kit import Emulator, read_json
from watibot.emulators.manychat_flows import Flows
from watibot.emulators.manychat_guests import shown, shown_line
from watibot.emulators.manychat_world import FOREVER, Contact, Line, World

Spec = dict[str, Any]
Act = Callable[[Contact, Spec], Response]

PERSON = "Recepción"
FIELDS: dict[str, set[str]] = {
    "bot_off": {"on", "by", "quiet", "delay", "duplicates", "name"},
    "reply": {"text", "platform", "name"},
    "note": {"text", "name"},
    "pause": {"on", "minutes", "name"},
}


class Desk:
    """The control routes of staff."""

    def __init__(self, emulator: Emulator, world: World, flows: Flows) -> None:
        self._emulator, self._world, self._flows = emulator, world, flows
        self._settings = emulator.settings
        self._acts: dict[str, Act] = {
            "bot_off": self._bot_off,
            "reply": self._reply,
            "note": self._note,
            "pause": self._pause,
        }

    def routes(self) -> list[BaseRoute]:
        return [Route("/_emulator/staff/{id}/{act}", self._staff, methods=["POST"])]

    async def _staff(self, request: Request) -> Response:
        contact = self._world.contacts.get(request.path_params["id"])
        if contact is None:
            return JSONResponse({"error": "no such guest"}, 404)
        act = request.path_params["act"]
        if act not in self._acts:
            return JSONResponse({"error": f"one of {', '.join(self._acts)} is expected"}, 404)
        spec = await read_json(request)
        if unknown := set(spec) - FIELDS[act]:
            return JSONResponse({"error": f"{act} has no {sorted(unknown)}"}, 400)
        try:
            return self._acts[act](contact, spec)
        except ValueError as error:
            return JSONResponse({"error": str(error)}, 400)

    def _bot_off(self, contact: Contact, spec: Spec) -> Response:
        """Takes the contact (`on`) or gives it back, `by` its tag, its field, or nothing but a
        rule's request (a "conversation opened" rule, say). `quiet` is the lost request: the mark
        is set, and nobody is told."""
        on, by = bool(spec.get("on", True)), spec.get("by", "tag")
        if by == "tag":
            self._world.tag(contact, cast(str, self._settings["bot_off_tag"]), on=on)
        elif by == "field":
            name = cast(str, self._settings["bot_off_field"])
            self._world.set_field(contact, name, on)
        elif by != "rule":
            raise ValueError("by: tag, field or rule")
        act = self._add("assigned" if on else "released", contact, spec, by=by)
        if not spec.get("quiet"):
            self._flows.bot_off(contact, spec, on=on, act=act)
        return JSONResponse(shown(contact), 201)

    def _reply(self, contact: Contact, spec: Spec) -> Response:
        """A message in Live Chat. Where it is typed the window is 7 days, and no flow runs."""
        platform = spec.get("platform", next(iter(contact.last)))
        if platform not in contact.last or not spec.get("text"):
            raise ValueError(f"text, and platform of {sorted(contact.last)}, are expected")
        text, now = str(spec["text"]), self._world.clock.time()
        said = Line(str(self._world.new_id()), platform, "staff", "text", text, now)
        contact.lines.append(said)
        if minutes := cast(float, self._settings["reply_pauses_minutes"]):
            contact.paused_until = max(contact.paused_until, now + minutes * 60)
        self._add("staff", contact, spec, id=said.id, platform=platform, text=text, type="text")
        return JSONResponse(shown_line(said), 201)

    def _note(self, contact: Contact, spec: Spec) -> Response:
        """A note for the assistant, in the contact's custom field."""
        name = cast(str, self._settings["note_field"])
        self._world.set_field(contact, name, spec.get("text"))
        self._add("note", contact, spec, field=name, text=spec.get("text"))
        return JSONResponse(shown(contact), 201)

    def _pause(self, contact: Contact, spec: Spec) -> Response:
        """Pauses all automations for some `minutes`, or for ever; with `on` false they go on."""
        minutes = spec.get("minutes")
        until = FOREVER if minutes is None else self._world.clock.time() + float(minutes) * 60
        contact.paused_until = until if spec.get("on", True) else 0.0
        self._add("paused", contact, spec, on=bool(spec.get("on", True)), minutes=minutes)
        return JSONResponse(shown(contact), 201)

    def _add(self, kind: str, contact: Contact, spec: Spec, **details: object) -> int:
        name = spec.get("name", PERSON)
        journal = self._emulator.journal
        entry = journal.add(kind, subscriber_id=contact.id, name=name, **details)
        return cast(int, entry["n"])
