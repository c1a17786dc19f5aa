"""The WATI emulator: API v1 (and v2 templates) under the tenant, strict where WATI is strict.

Started by `launch.py`. The service's WATI channel is before it; the world (`wati_world.py`), the
webhooks (`wati_webhooks.py`) and the people (`wati_guests.py`, `wati_staff.py`) are after it. Rules
follow WATI's public reference (docs.wati.io) and captures; v3 lives at the host, so under a tenant
it is 404.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any, cast

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from watibot.emulators.forms import Form, read_form
from watibot.emulators.kit import Clock, Emulator, read_json
from watibot.emulators.limits import Bucket
from watibot.emulators.wati_guests import People
from watibot.emulators.wati_staff import Desk
from watibot.emulators.wati_views import contact, messages_page, row
from watibot.emulators.wati_webhooks import Webhooks
from watibot.emulators.wati_world import Guest, Message, Operator, World

LONGEST_TEXT = 4096
REPEAT_SECONDS = 60
READ_LIMITED = ("getMessages", "getContacts", "addContact")

DEFAULTS: dict[str, object] = {
    "tenant": "300100",
    "token": "wati-token",
    "webhook_url": "",
    # What WATI's dashboard ticks; also known: newContactMessageReceived, sentMessageREPLIED(_v2).
    "events": [
        "message",
        "sessionMessageSent",
        "sessionMessageSent_v2",
        "sentMessageDELIVERED",
        "sentMessageDELIVERED_v2",
        "sentMessageREAD",
        "sentMessageREAD_v2",
    ],
    # False: a plan without webhooks.
    "webhooks": True,
    "sent_events_for_api": True,
    "bsuid": False,
    "operators": {"desk@hotel.example": "Front Desk"},
    # Under whose name the API's sends are shown is not documented: the token's owner, who may be a
    # person, "API", or nobody (null).
    "api_name": "API",
    "api_email": "api@hotel.example",
    "assign_on_reply": True,
    "retry_seconds": 600,
    "webhook_tries": 144,
    "webhook_timeout": 10,
    "window_seconds": 24 * 3600,
    "reads_per_10s": 10,
    "sends_per_10s": 0,
    "monthly_limit": 0,
    "echo_local_message_id": True,
    "success_shape": "full",
    "lag_seconds": 0,
    "media_seconds": 0,
    # Not documented: contacts with `lastUpdated`, those that changed last first.
    "contacts_by_change": False,
}

SHAPES: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "full": lambda message: {"ok": True, "result": "success", "message": message},
    "ok": lambda message: {"ok": True, "message": {"id": message["id"]}},
    "result_true": lambda _: {"result": True},
    "result_success": lambda message: {
        "result": "success",
        "message": {"whatsappMessageId": message["whatsappMessageId"]},
    },
    "no_id": lambda _: {"ok": True, "result": "success"},
}

Call = Callable[[Request], Awaitable[Response]]


class Wati(Emulator):
    """One tenant of WATI."""

    def __init__(self, clock: Clock, options: dict[str, object]) -> None:
        super().__init__("wati", clock, DEFAULTS, options)
        self.world = World(clock)
        self.webhooks = Webhooks(self, self.world)
        self._api_id = self.world.new_id()
        self._buckets: defaultdict[str, Bucket] = defaultdict(lambda: Bucket(clock))
        self._month_calls: defaultdict[str, int] = defaultdict(int)
        self._local_ids: set[str] = set()
        self._last_said: dict[tuple[str, str], float] = {}
        self._doubled: list[str] = []
        self._repeated_text = 0
        self._bubbles = 0

    async def start(self) -> None:
        self.webhooks.open()

    async def stop(self) -> None:
        await self.webhooks.close()

    def change(self, options: dict[str, object]) -> None:
        super().change(options)
        if self.settings["success_shape"] not in SHAPES:
            raise ValueError(f"success_shape: one of {sorted(SHAPES)} is expected")

    def routes(self) -> list[BaseRoute]:
        v1 = f"/{self.settings['tenant']}/api/v1"
        v2 = f"/{self.settings['tenant']}/api/v2"
        return [
            self._route("POST", f"{v1}/sendSessionMessage/{{target}}", self._send_text),
            self._route("POST", f"{v1}/sendSessionFile/{{target}}", self._send_file),
            self._route("POST", f"{v1}/sendInteractiveButtonsMessage", self._send_interactive),
            self._route("POST", f"{v1}/sendInteractiveListMessage", self._send_interactive),
            self._route("POST", f"{v1}/sendTemplateMessage", self._send_template),
            self._route("POST", f"{v2}/sendTemplateMessage", self._send_template),
            self._route("POST", f"{v1}/assignOperator", self._assign_operator),
            self._route("GET", f"{v1}/getMessages/{{target}}", self._get_messages),
            self._route("GET", f"{v1}/getMedia", self._get_media),
            self._route("GET", f"{v1}/getContacts", self._get_contacts),
            self._route("POST", f"{v1}/addContact/{{target}}", self._add_contact),
            self._route("POST", f"{v1}/updateContactAttributes/{{target}}", self._update_contact),
            self._route("POST", f"{v1}/rotateToken", self._rotate_token),
            *People(self, self.world, self.webhooks).routes(),
            *Desk(self, self.world, self.webhooks).routes(),
        ]

    def _route(self, method: str, path: str, call: Call) -> BaseRoute:
        operation = path.split("/")[4]

        async def admitted(request: Request) -> Response:
            return self._door(operation, request) or await call(request)

        async def endpoint(request: Request) -> Response:
            # A send that is on its way when a person takes the chat is nobody's fault.
            request.state.arrived = self.clock.now().isoformat()
            return await self.guarded(operation, request, admitted)

        return Route(path, endpoint, methods=[method])

    def _door(self, operation: str, request: Request) -> Response | None:
        """The refusal of Cloudflare, the token check or a limit; 401 and 429 have no body."""
        if request.headers.get("user-agent", "").startswith("Python-urllib/"):
            return Response("error code: 1010", 403)
        if request.headers.get("authorization") != f"Bearer {self.settings['token']}":
            return Response(status_code=401)
        limit = 0
        if operation in READ_LIMITED:
            limit = cast(int, self.settings["reads_per_10s"])
        elif operation == "sendSessionMessage":
            limit = cast(int, self.settings["sends_per_10s"])
        if not self._buckets[operation].take(limit, 10):
            return Response(status_code=429)
        month = f"{self.clock.now():%Y-%m}"
        allowed = cast(int, self.settings["monthly_limit"])
        if allowed and self._month_calls[month] >= allowed:
            return JSONResponse({"result": False, "info": "API usage limit exceeded"}, 429)
        self._month_calls[month] += 1
        return None

    async def _send_text(self, request: Request) -> Response:
        form = await read_form(request)
        asked = {**form.fields, **request.query_params}
        text = asked.get("messageText", "")
        if not text:
            return _failed("messageText is required")
        if len(text) > LONGEST_TEXT:
            error = f"messageText is longer than {LONGEST_TEXT} characters"
            return JSONResponse({"ok": False, "result": error})
        return self._send(request, request.path_params["target"], asked, "text", text, None)

    async def _send_file(self, request: Request) -> Response:
        form: Form = await read_form(request)
        upload = form.files.get("file")
        if upload is None:
            return _failed("file is required")
        kind = upload.content_type.partition("/")[0]
        type_ = kind if kind in ("image", "video", "audio") else "document"
        extension = upload.name.rpartition(".")[2]
        data = self.world.store(upload.content, upload.content_type, f"{type_}s", extension)
        asked = {**form.fields, **request.query_params}
        text = asked.get("caption", upload.name)
        return self._send(request, request.path_params["target"], asked, type_, text, data)

    async def _send_interactive(self, request: Request) -> Response:
        asked = dict(request.query_params)
        body = await read_json(request)
        text = body.get("body")
        if not text or not (body.get("buttons") or body.get("sections")):
            return _failed("body and buttons or sections are required")
        target = asked.get("whatsappNumber", "")
        return self._send(request, target, asked, "interactive", text, None)

    def _send(
        self,
        request: Request,
        target: str,
        asked: dict[str, str],
        type_: str,
        text: str,
        data: str | None,
    ) -> Response:
        guest = self.world.find(target)
        if guest is None:
            return _failed("Invalid contact")
        if not self.world.window_open(guest, cast(float, self.settings["window_seconds"])):
            closed = {"result": False, "message": "Ticket has been expired."}
            return JSONResponse({**closed, "ticketStatus": "CLOSED"})
        message = self.world.hotel_says(
            guest,
            self._api(),
            type=type_,
            text=text,
            data=data,
            local_message_id=asked.get("localMessageId"),
            reply_to=asked.get("replyContextId", ""),
        )
        self._note_bubble(guest, message, request.state.arrived)
        self.webhooks.hotel_said(guest, message)
        view = row(guest, message, echo=bool(self.settings["echo_local_message_id"]))
        shape = SHAPES[cast(str, self.settings["success_shape"])]
        return JSONResponse(shape({**view, "whatsappMessageId": message.wamid}))

    def _api(self) -> Operator:
        name, email = (cast(str | None, self.settings[key]) for key in ("api_name", "api_email"))
        return Operator(email, name, self._api_id, is_api=True)

    def _note_bubble(self, guest: Guest, message: Message, arrived: str) -> None:
        local_id, text = message.local_message_id, message.text or ""
        self._bubbles += 1
        self.journal.add(
            "bubble",
            id=message.id,
            waId=guest.wa_id,
            text=text,
            localMessageId=local_id,
            type=message.type,
            arrived=arrived,
        )
        if local_id is not None and local_id in self._local_ids:
            self._doubled.append(local_id)
        elif message.created - self._last_said.get((guest.wa_id, text), 0) <= REPEAT_SECONDS:
            self._repeated_text += 1
        if local_id is not None:
            self._local_ids.add(local_id)
        self._last_said[guest.wa_id, text] = message.created

    async def _send_template(self, request: Request) -> Response:
        guest = self.world.find(request.query_params.get("whatsappNumber", ""))
        body = await read_json(request)
        name = body.get("template_name")
        if guest is None or not name:
            return _failed("Invalid contact" if name else "template_name is required")
        values = ", ".join(str(each["value"]) for each in body.get("parameters", []))
        sent = self.world.broadcast(guest, name, f"{name}: {values}")
        self.journal.add("template", id=sent.id, waId=guest.wa_id, template=name, by="api")
        self.webhooks.template_sent(guest, sent, name, self._api())
        if "/api/v1/" in request.url.path:
            return JSONResponse({"result": True, "validWhatsAppNumber": True})
        receiver = {
            "localMessageId": sent.id,
            "waId": guest.wa_id,
            "isValidWhatsAppNumber": True,
            "errors": [],
        }
        answer = {"result": True, "error": None, "templateName": name, "receivers": [receiver]}
        return JSONResponse({**answer, "parameters": []})

    async def _assign_operator(self, request: Request) -> Response:
        guest = self.world.find(request.query_params.get("whatsappNumber", ""))
        email = request.query_params.get("email", "")
        names = cast(dict[str, str], self.settings["operators"])
        known = self.world.operators.get(email)
        operator = self.world.operator(email, names[email]) if email in names else known
        if guest is None or operator is None:
            return _failed("Invalid contact" if guest is None else "Operator not found")
        self.world.assign(guest, operator, self._api().email)
        self.journal.add("assigned", waId=guest.wa_id, email=operator.email, by="api")
        return JSONResponse({"result": True})

    async def _get_messages(self, request: Request) -> Response:
        number = int(request.query_params.get("pageNumber", "1"))
        size = int(request.query_params.get("pageSize", "100"))
        guest = self.world.find(request.path_params["target"])
        if guest is None:
            return JSONResponse(messages_page([], number, size, 0))
        shown_until = self.clock.time() - cast(float, self.settings["lag_seconds"])
        visible = [item for item in reversed(guest.rows) if item.recorded <= shown_until]
        echo = bool(self.settings["echo_local_message_id"])
        page = visible[(number - 1) * size : number * size]
        total = sum(isinstance(item, Message) for item in visible)
        rows = [row(guest, item, echo) for item in page]
        return JSONResponse(messages_page(rows, number, size, total))

    async def _get_media(self, request: Request) -> Response:
        medium = self.world.media.get(request.query_params.get("fileName", ""))
        lasts = cast(float, self.settings["media_seconds"])
        if medium is None or (lasts and self.clock.time() - medium.stored >= lasts):
            return Response(status_code=404)
        return Response(medium.content, media_type=medium.content_type)

    async def _get_contacts(self, request: Request) -> Response:
        number = int(request.query_params.get("pageNumber", "1"))
        size = int(request.query_params.get("pageSize", "100"))
        guests = list(self.world.guests.values())
        by_change = bool(self.settings["contacts_by_change"])
        if by_change:
            guests.sort(key=Guest.changed, reverse=True)
        page = guests[(number - 1) * size : number * size]
        contacts = [contact(each, changed=by_change) for each in page]
        return JSONResponse({"result": "success", "contact_list": contacts})

    async def _add_contact(self, request: Request) -> Response:
        wa_id = request.path_params["target"]
        if not wa_id.isdigit():
            return _failed("Invalid whatsapp number")
        guest = self.world.add_guest(wa_id, (await read_json(request)).get("name", wa_id))
        return JSONResponse({"result": True, "contact": contact(guest, changed=False)})

    async def _update_contact(self, request: Request) -> Response:
        guest = self.world.find(request.path_params["target"])
        if guest is None:
            return _failed("Invalid contact")
        for each in (await read_json(request)).get("customParams", []):
            guest.attributes[each["name"]] = each["value"]
        return JSONResponse({"result": True})

    async def _rotate_token(self, _: Request) -> Response:
        self.settings["token"] = f"wati-token-{self.world.new_id()}"
        return JSONResponse({"token": self.settings["token"]})

    def summary(self) -> dict[str, object]:
        said = [
            message
            for guest in self.world.guests.values()
            for message in guest.messages()
            if not message.owner and not message.past
        ]
        received = sum(message.delivered for message in said)
        lost = sum(message.lost for message in said)
        return {
            "guests": len(self.world.guests),
            "messages": len(said),
            "received": received,
            "lost": lost,
            "undelivered": len(said) - received - lost,
            "webhooks_waiting": self.webhooks.waiting,
            "bubbles": self._bubbles,
            "doubled": len(self._doubled),
            "doubled_ids": self._doubled,
            "repeated_text": self._repeated_text,
            "requests": self.requests,
            "month_calls": dict(self._month_calls),
        }


def _failed(info: str) -> Response:
    return JSONResponse({"result": False, "info": info})


def create(clock: Clock, options: dict[str, object]) -> Emulator:
    return Wati(clock, options)
