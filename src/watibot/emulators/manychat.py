"""The ManyChat emulator: the parts of api.manychat.com that answer guests and read contacts.

Started by `launch.py`. The service's ManyChat channel is before it; the world
(`manychat_world.py`), the flow runner (`manychat_flows.py`), the people (`manychat_guests.py`,
`manychat_staff.py`) and Meta's CDN (`manychat_cdn.py`) are after it. Rules follow ManyChat's public
API clients and the refusals that projects have reported. No call shows what a person wrote.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, cast

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from watibot.emulators.kit import Clock, Emulator, read_json
from watibot.emulators.limits import Bucket
from watibot.emulators.manychat_cdn import Cdn
from watibot.emulators.manychat_content import complaints, truncated
from watibot.emulators.manychat_flows import Flows
from watibot.emulators.manychat_guests import People
from watibot.emulators.manychat_staff import Desk
from watibot.emulators.manychat_world import PAGE_ID, Contact, Line, World, info

REPEAT_SECONDS = 60

DEFAULTS: dict[str, object] = {
    "token": f"{PAGE_ID}:0f1e2d3c4b5a69788796a5b4c3d2e1f0",
    "webhook_url": "",
    "webhook_headers": {},
    "body_mode": "full_contact_data",
    "body_key": "contact",
    "platform_constant": True,
    "body_template": (
        '{"user_id":"{{user_id}}","first_name":"{{first_name}}",'
        '"last_input_text":"{{last_input_text}}","platform":"{{platform}}"}'
    ),
    "patience_seconds": 10,
    "window_seconds": 24 * 3600,
    "truncate": False,
    "refuse_with_200": False,
    "bot_off_tag": "BOT_OFF",
    "bot_off_field": "bot_off",
    "note_field": "bot_note",
    # Not known: whether a person's reply in Live Chat pauses the contact's automations by itself.
    "reply_pauses_minutes": 0,
    "cdn_base": "https://lookaside.fbsbx.com",
    "media_seconds": 0,
    "media_type": "",
    "empty_text_media": False,
    "reads_per_s": 100,
    "writes_per_s": 10,
    "contents_per_s": 25,
    "flows_per_s": 20,
}

Body = dict[str, Any]
Call = Callable[[Body], Response]


class Manychat(Emulator):
    """One page of ManyChat, with its Messenger and Instagram channels."""

    def __init__(self, clock: Clock, options: dict[str, object]) -> None:
        super().__init__("manychat", clock, DEFAULTS, options)
        self.world = World(clock)
        self.flows = Flows(self)
        self.cdn = Cdn(self)
        self._buckets: defaultdict[str, Bucket] = defaultdict(lambda: Bucket(clock))
        self._last_said: dict[tuple[str, str], float] = {}
        self._arrived = ""  # when the call that is being answered came in
        self._bubbles = 0
        self._doubled = 0
        self._repeated_text = 0

    async def start(self) -> None:
        self.flows.open()

    async def stop(self) -> None:
        await self.flows.close()

    def change(self, options: dict[str, object]) -> None:
        super().change(options)
        if self.settings["body_mode"] not in ("full_contact_data", "hand_built"):
            raise ValueError("body_mode: full_contact_data or hand_built is expected")

    def routes(self) -> list[BaseRoute]:
        sending, subscriber, page = "/fb/sending", "/fb/subscriber", "/fb/page"
        return [
            self._post(f"{sending}/sendContent", "contents_per_s", self._send_content),
            self._post(f"{sending}/sendFlow", "flows_per_s", self._send_flow),
            self._get(f"{subscriber}/getInfo", self._get_info),
            self._get(f"{subscriber}/findByName", self._find_by_name),
            self._get(f"{page}/getInfo", self._page_info),
            self._get(f"{page}/getTags", self._page_tags),
            self._get(f"{page}/getCustomFields", self._page_fields),
            self._post(f"{subscriber}/addTagByName", "writes_per_s", partial(self._tag, on=True)),
            self._post(
                f"{subscriber}/removeTagByName", "writes_per_s", partial(self._tag, on=False)
            ),
            self._post(f"{subscriber}/addTag", "writes_per_s", partial(self._tag_by_id, on=True)),
            self._post(
                f"{subscriber}/removeTag", "writes_per_s", partial(self._tag_by_id, on=False)
            ),
            self._post(f"{subscriber}/setCustomFieldByName", "writes_per_s", self._set_field),
            self._post(f"{subscriber}/setCustomField", "writes_per_s", self._set_field_by_id),
            self._post(f"{subscriber}/setCustomFields", "writes_per_s", self._set_fields),
            *self.cdn.routes(),
            *People(self, self.world, self.flows, self.cdn).routes(),
            *Desk(self, self.world, self.flows).routes(),
        ]

    def _post(self, path: str, limit: str, call: Call) -> BaseRoute:
        async def read(request: Request) -> Body:
            return await read_json(request)

        return self._route("POST", path, limit, read, call)

    def _get(self, path: str, call: Call) -> BaseRoute:
        async def read(request: Request) -> Body:
            return dict(request.query_params)

        return self._route("GET", path, "reads_per_s", read, call)

    def _route(
        self,
        method: str,
        path: str,
        limit: str,
        read: Callable[[Request], Awaitable[Body]],
        call: Call,
    ) -> BaseRoute:
        operation = path.rpartition("/")[2]

        async def admitted(request: Request) -> Response:
            if request.headers.get("authorization") != f"Bearer {self.settings['token']}":
                return _error("Token is required", 401)
            if not self._buckets[limit].take(cast(int, self.settings[limit]), 1):
                return _error("Too many requests", 429)
            try:
                body = await read(request)
            except ValueError:
                return _invalid("Request body is not valid JSON.")
            self._arrived = request.state.arrived
            return call(body)

        async def endpoint(request: Request) -> Response:
            # A send that is on its way when a person takes the chat is nobody's fault.
            request.state.arrived = self.clock.now().isoformat()
            return await self.guarded(operation, request, admitted)

        return Route(path, endpoint, methods=[method])

    def _contact(self, body: Body, allowed: set[str]) -> Contact | Response:
        """The contact that a call names, or the refusal of the call."""
        if unknown := sorted(set(body) - allowed - {"subscriber_id"}):
            return _invalid(*(f"Unknown field {name}." for name in unknown))
        id_ = str(body.get("subscriber_id") or "")
        if not id_:
            return _invalid("subscriber_id cannot be blank.")
        if not id_.isdigit():
            return _invalid("subscriber_id must be an integer.")
        return self.world.contacts.get(id_) or _invalid("Subscriber does not exist.")

    def _send_content(self, body: Body) -> Response:
        if body.get("message_tag") is not None:
            return _invalid("Message tags are no longer supported for Facebook Messenger")
        contact = self._contact(body, {"data", "message_tag", "otn_topic_name"})
        if isinstance(contact, Response):
            return contact
        truncate = bool(self.settings["truncate"])
        if wrong := complaints(body.get("data"), truncate):
            return _invalid(*wrong)
        content = body["data"]["content"]
        # Without a type ManyChat judges the Messenger window, whatever the guest writes on.
        platform = content.get("type", "facebook")
        if (refusal := self._window_closed(contact, platform)) is not None:
            return refusal
        for message in content["messages"]:
            self._bubble(contact, platform, message)
        return JSONResponse({"status": "success"})

    def _window_closed(self, contact: Contact, platform: str) -> Response | None:
        last = contact.last.get(platform)
        ago = self.clock.time() - (contact.subscribed if last is None else last)
        if last is not None and ago < cast(float, self.settings["window_seconds"]):
            return None
        hours = max(24, int(ago // 3600))
        message = (
            "Content can’t be sent to the subscriber without a message tag. Subscriber’s last "
            f"interaction was over {hours}h ago (more than 24 hours ago)"
        )
        status = 200 if self.settings["refuse_with_200"] else 400
        return JSONResponse({"status": "error", "message": message, "code": 3011}, status)

    def _bubble(self, contact: Contact, platform: str, message: Body) -> None:
        text = truncated(platform, message.get("text") or message.get("url") or "")
        now = self.clock.time()
        line = Line(str(self.world.new_id()), platform, "bot", message["type"], text, now)
        contact.lines.append(line)
        self._bubbles += 1
        before = self._last_said.get((contact.id, text), 0)
        if now - before <= REPEAT_SECONDS:
            # A send carries no id here: the same words twice are an answer to something new only
            # if the guest has written in between.
            if (contact.last[platform] or 0) > before:
                self._repeated_text += 1
            else:
                self._doubled += 1
        self._last_said[contact.id, text] = now
        self.journal.add(
            "bubble",
            id=line.id,
            subscriber_id=contact.id,
            platform=platform,
            text=text,
            type=line.type,
            arrived=self._arrived,
        )

    def _send_flow(self, body: Body) -> Response:
        contact = self._contact(body, {"flow_ns"})
        if isinstance(contact, Response):
            return contact
        if not body.get("flow_ns"):
            return _invalid("flow_ns cannot be blank.")
        self.journal.add("flow", subscriber_id=contact.id, flow_ns=body["flow_ns"])
        return JSONResponse({"status": "success"})

    def _get_info(self, body: Body) -> Response:
        contact = self._contact(body, set())
        if isinstance(contact, Response):
            return contact
        return JSONResponse({"status": "success", "data": info(self.world, contact)})

    def _find_by_name(self, body: Body) -> Response:
        if not body.get("name"):
            return _invalid("name cannot be blank.")
        found = [each for each in self.world.contacts.values() if each.name == body["name"]]
        data = [info(self.world, each) for each in found]
        return JSONResponse({"status": "success", "data": data})

    def _page_info(self, _: Body) -> Response:
        data = {"id": int(PAGE_ID), "name": "Demo Hotel", "is_pro": True, "timezone": "UTC-06"}
        return JSONResponse({"status": "success", "data": data})

    def _page_tags(self, _: Body) -> Response:
        data = [{"id": id_, "name": name} for name, id_ in self.world.tag_ids.items()]
        return JSONResponse({"status": "success", "data": data})

    def _page_fields(self, _: Body) -> Response:
        data = [{"id": id_, "name": name} for name, id_ in self.world.field_ids.items()]
        return JSONResponse({"status": "success", "data": data})

    def _tag(self, body: Body, *, on: bool) -> Response:
        contact = self._contact(body, {"tag_name"})
        if isinstance(contact, Response):
            return contact
        if not body.get("tag_name"):
            return _invalid("tag_name cannot be blank.")
        return self._tagged(contact, body["tag_name"], on=on)

    def _tag_by_id(self, body: Body, *, on: bool) -> Response:
        contact = self._contact(body, {"tag_id"})
        if isinstance(contact, Response):
            return contact
        name = _named(self.world.tag_ids, body.get("tag_id"))
        if name is None:
            return _invalid("Tag does not exist.")
        return self._tagged(contact, name, on=on)

    def _tagged(self, contact: Contact, name: str, *, on: bool) -> Response:
        self.world.tag(contact, name, on=on)
        self.journal.add("tag", subscriber_id=contact.id, tag=name, on=on)
        return JSONResponse({"status": "success"})

    def _set_field(self, body: Body) -> Response:
        contact = self._contact(body, {"field_name", "field_value"})
        if isinstance(contact, Response):
            return contact
        if not body.get("field_name"):
            return _invalid("field_name cannot be blank.")
        self.world.set_field(contact, body["field_name"], body.get("field_value"))
        return JSONResponse({"status": "success"})

    def _set_field_by_id(self, body: Body) -> Response:
        contact = self._contact(body, {"field_id", "field_value"})
        if isinstance(contact, Response):
            return contact
        name = _named(self.world.field_ids, body.get("field_id"))
        if name is None:
            return _invalid("Custom field does not exist.")
        self.world.set_field(contact, name, body.get("field_value"))
        return JSONResponse({"status": "success"})

    def _set_fields(self, body: Body) -> Response:
        """Several at once, each by id or by name; one that is wrong refuses them all."""
        contact = self._contact(body, {"fields"})
        if isinstance(contact, Response):
            return contact
        fields = body.get("fields")
        if not isinstance(fields, list) or not fields:
            return _invalid("fields cannot be blank.")
        wanted: list[tuple[str, object]] = []
        for each in fields:
            name = each.get("field_name") or _named(self.world.field_ids, each.get("field_id"))
            if not name:
                return _invalid("Custom field does not exist.")
            wanted.append((name, each.get("field_value")))
        for name, value in wanted:
            self.world.set_field(contact, name, value)
        return JSONResponse({"status": "success"})

    def summary(self) -> dict[str, object]:
        said = [
            line
            for contact in self.world.contacts.values()
            for line in contact.lines
            if line.author == "guest"
        ]
        received = sum(line.delivered for line in said)
        lost = sum(line.lost for line in said)
        return {
            "guests": len(self.world.contacts),
            "messages": len(said),
            "received": received,
            "lost": lost,
            "undelivered": len(said) - received - lost,
            "webhooks_waiting": self.flows.waiting,
            "bubbles": self._bubbles,
            "doubled": self._doubled,
            "repeated_text": self._repeated_text,
            "requests": self.requests,
        }


def _named(ids: dict[str, int], id_: object) -> str | None:
    """The name of this id."""
    return next((name for name, known in ids.items() if str(known) == str(id_)), None)


def _error(message: str, status: int) -> Response:
    return JSONResponse({"status": "error", "message": message}, status)


def _invalid(*messages: str) -> Response:
    details = {"messages": [{"message": each} for each in messages]}
    error = {"status": "error", "message": "Validation error", "details": details}
    return JSONResponse(error, 400)


def create(clock: Clock, options: dict[str, object]) -> Emulator:
    return Manychat(clock, options)
