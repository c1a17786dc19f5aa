"""The hotel's people in WATI's own inbox, and WATI's chatbot: control routes under `/_emulator`.

Used by tests and the demonstration; changes the world (`wati_world.py`) and has the webhooks sent
(`wati_webhooks.py`). Each act of a person leaves an entry in the journal: `assigned`, `staff`,
`released`, `edited`, `reacted`, `template`. Rows and events follow captured getMessages answers; no
webhook tells of an assignment, as WATI offers none.
"""

from collections.abc import Callable
from typing import Any, cast

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from watibot.emulators.kit import Emulator, read_json
from watibot.emulators.samples import sample_for
from watibot.emulators.wati_views import chatbot_triggered, line
from watibot.emulators.wati_webhooks import Webhooks
from watibot.emulators.wati_world import ASSIGNED_BEFORE, Guest, Message, Operator, World

Spec = dict[str, Any]
Act = Callable[[Guest, Operator, Spec], Response]

PERSON = {"email", "name"}
SENDING = {"duplicates", "parallel", "delay", "lost"}
FIELDS: dict[str, set[str]] = {
    "assign": PERSON,
    "release": PERSON,
    "resolve": PERSON,
    "reply": {*PERSON, *SENDING, "text", "media", "file_name", "caption", "reply_to"},
    "edit": {*PERSON, "id", "text"},
    "react": {*PERSON, *SENDING, "text", "reply_to"},
    "template": {*PERSON, "template", "text"},
    "broadcast": {"template", "text"},
    "chatbot": {"text", "chatbot"},
}


class Desk:
    """The control routes of staff."""

    def __init__(self, emulator: Emulator, world: World, webhooks: Webhooks) -> None:
        self._emulator, self._world, self._webhooks = emulator, world, webhooks
        self._acts: dict[str, Act] = {
            "assign": self._assign,
            "release": self._release,
            "resolve": self._resolve,
            "reply": self._reply,
            "edit": self._edit,
            "react": self._react,
            "template": self._template,
            "broadcast": self._broadcast,
            "chatbot": self._chatbot,
        }

    def routes(self) -> list[BaseRoute]:
        return [Route("/_emulator/staff/{waId}/{act}", self._staff, methods=["POST"])]

    async def _staff(self, request: Request) -> Response:
        guest = self._world.guests.get(request.path_params["waId"])
        if guest is None:
            return JSONResponse({"error": "no such guest"}, 404)
        act = request.path_params["act"]
        if act not in self._acts:
            return JSONResponse({"error": f"one of {', '.join(self._acts)} is expected"}, 404)
        spec = await read_json(request)
        if unknown := set(spec) - FIELDS[act]:
            return JSONResponse({"error": f"{act} has no {sorted(unknown)}"}, 400)
        email = str(spec.get("email", "desk@hotel.example"))
        operator = self._world.operator(email, str(spec.get("name", "Front Desk")))
        try:
            return self._acts[act](guest, operator, spec)
        except ValueError as error:
            return JSONResponse({"error": str(error)}, 400)

    def _assign(self, guest: Guest, operator: Operator, _: Spec) -> Response:
        self._take(guest, operator)
        return _done(guest)

    def _release(self, guest: Guest, operator: Operator, _: Spec) -> Response:
        self._world.assign(guest, None, operator.email)
        self._note("released", guest, operator)
        return _done(guest)

    def _resolve(self, guest: Guest, operator: Operator, _: Spec) -> Response:
        self._world.resolve(guest, operator.email)
        self._note("released", guest, operator, resolved=True)
        return _done(guest)

    def _reply(self, guest: Guest, operator: Operator, spec: Spec) -> Response:
        """A person types an answer; one that holds the chat not yet is given it first."""
        if not self._world.window_open(guest, cast(float, self._settings["window_seconds"])):
            raise ValueError("the 24 hours are over: WATI's inbox offers templates only")
        sample = sample_for(spec)
        text = spec.get("text", spec.get("caption"))
        if sample is None and not text:
            raise ValueError("text or media is expected")
        if sample and sample.type == "document":
            text = spec.get("file_name", sample.file)
        if self._settings["assign_on_reply"] and guest.operator != operator:
            self._take(guest, operator, self._emulator.clock.time() - ASSIGNED_BEFORE)
        said = self._world.hotel_says(
            guest,
            operator,
            type=sample.type if sample else "text",
            text=text,
            data=self._world.store_sample(sample) if sample else None,
            reply_to=guest.quoted(str(spec.get("reply_to", ""))),
            lost=bool(spec.get("lost")),
        )
        self._note("staff", guest, operator, **_of(said))
        self._webhooks.hotel_said(guest, said, spec)
        return JSONResponse(line(said), 201)

    def _edit(self, guest: Guest, operator: Operator, spec: Spec) -> Response:
        """The words change, id and time stay. No event is known that would tell of it."""
        own = [each for each in guest.messages() if each.owner]
        wanted = spec.get("id", "last")
        said = next((m for m in reversed(own) if wanted in ("last", m.id)), None)
        if said is None or not spec.get("text"):
            raise ValueError("id of a message of the hotel's, and text, are expected")
        said.text = str(spec["text"])
        self._note("edited", guest, operator, **_of(said))
        return JSONResponse(line(said), 201)

    def _react(self, guest: Guest, operator: Operator, spec: Spec) -> Response:
        said = self._world.hotel_says(
            guest,
            operator,
            type="reaction",
            text=str(spec.get("text", "👍")),
            data=None,
            reply_to=guest.quoted(str(spec.get("reply_to", "last_guest"))),
            lost=bool(spec.get("lost")),
        )
        self._note("reacted", guest, operator, **_of(said))
        self._webhooks.hotel_said(guest, said, spec)
        return JSONResponse(line(said), 201)

    def _template(self, guest: Guest, operator: Operator, spec: Spec) -> Response:
        return self._sent_template(guest, operator, spec)

    def _broadcast(self, guest: Guest, _: Operator, spec: Spec) -> Response:
        """Sent to many at once: nobody is named."""
        return self._sent_template(guest, None, spec)

    def _sent_template(self, guest: Guest, operator: Operator | None, spec: Spec) -> Response:
        name = str(spec.get("template", "welcome_v2"))
        text = str(spec.get("text", f"{name}: {guest.name}"))
        sent = self._world.broadcast(guest, name, text)
        by = operator.email if operator else None
        self._emulator.journal.add(
            "template", id=sent.id, waId=guest.wa_id, template=name, text=text, by=by
        )
        self._webhooks.template_sent(guest, sent, name, operator)
        return JSONResponse({"id": sent.id, "text": text}, 201)

    def _chatbot(self, guest: Guest, _: Operator, spec: Spec) -> Response:
        """A flow that was built in WATI answers by itself."""
        trigger = next((m for m in reversed(guest.messages()) if not m.owner), None)
        said = self._world.hotel_says(
            guest,
            self._world.chatbot,
            type="text",
            text=str(spec.get("text", "Gracias por escribirnos.")),
            data=None,
            extra={"chatbotTriggeredEventId": self._world.new_id()},
        )
        self._emulator.journal.add("chatbot", waId=guest.wa_id, **_of(said))
        if trigger is not None:
            self._webhooks.offer(chatbot_triggered(guest, trigger, self._world.chatbot.id))
        self._webhooks.hotel_said(guest, said)
        return JSONResponse(line(said), 201)

    def _take(self, guest: Guest, operator: Operator, at: float | None = None) -> None:
        self._world.assign(guest, operator, operator.email, at)
        self._note("assigned", guest, operator)

    def _note(self, kind: str, guest: Guest, operator: Operator, **details: object) -> None:
        self._emulator.journal.add(
            kind, waId=guest.wa_id, email=operator.email, name=operator.name, **details
        )

    @property
    def _settings(self) -> dict[str, object]:
        return self._emulator.settings


def _of(said: Message) -> Spec:
    return {"id": said.id, "wamid": said.wamid, "text": said.text, "type": said.type}


def _done(guest: Guest) -> Response:
    return JSONResponse({"waId": guest.wa_id, "assignee": guest.assignee}, 201)
