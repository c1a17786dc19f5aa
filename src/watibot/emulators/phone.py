"""A guest's phone and a colleague's inbox to play with, as a page: nobody real receives anything.

Started by `launch.py` beside the other emulators; a browser is before it, the control routes of the
WATI and ManyChat emulators after it. Served on this machine only, and to its own pages only: a
foreign page that a browser has open is refused. It works without JavaScript, which only looks for
news and spares reloading.
"""

import base64
import re
import secrets
from typing import Any, cast
from urllib.parse import quote

import httpx2
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from watibot.emulators.forms import Form, read_form
from watibot.emulators.kit import Clock, Emulator
from watibot.emulators.phone_chats import (
    CHANNELS,
    Chat,
    Person,
    chat,
    manychat_people,
    wati_person,
)
from watibot.emulators.phone_page import HEADERS, STATIC, Refused, back, own, shown, static
from watibot.emulators.samples import SAMPLES

# Base URLs of the emulators, by name; "" for one that does not run.
DEFAULTS: dict[str, object] = {"wati": "", "manychat": ""}
NAMES = ("Ana Ficticia", "Luis Inventado", "Eva Supuesta", "Tom Imagined")


class Phone(Emulator):
    """The page, and what its forms do."""

    def __init__(self, clock: Clock, options: dict[str, object]) -> None:
        super().__init__("phone", clock, DEFAULTS, options)
        self._client: httpx2.AsyncClient | None = None

    async def start(self) -> None:
        self._client = httpx2.AsyncClient(trust_env=False, timeout=20)

    async def stop(self) -> None:
        if self._client is not None:
            await self._client.aclose()

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/", own(self._page)),
            Route("/chat", own(self._chat)),
            Route("/media/{source}/{name:path}", own(self._media)),
            Route("/guests", own(self._add), methods=["POST"]),
            Route("/say", own(self._say), methods=["POST"]),
            Route("/staff", own(self._staff), methods=["POST"]),
            *(Route(f"/{name}", own(static(name))) for name in STATIC),
        ]

    def summary(self) -> dict[str, object]:
        return {"requests": self.requests}

    # --- pages --------------------------------------------------------------------------------

    async def _page(self, request: Request) -> Response:
        people = await self._people()
        return shown("page", request, people=people, **await self._now(request, people))

    async def _chat(self, request: Request) -> Response:
        return shown("chat", request, **await self._now(request, await self._people()))

    async def _media(self, request: Request) -> Response:
        source, name = request.path_params["source"], request.path_params["name"]
        if source == "manychat":
            path = f"media?asset_id={quote(name, safe='')}"
        else:
            path = f"media?name={quote(name, safe='')}"
        base = self._base(source)
        if not base:
            return Response(status_code=404)
        answer = await self._http.get(f"{base}/_emulator/{path}")
        if answer.status_code != 200:
            return Response(status_code=404)
        kind = answer.headers["content-type"]
        return Response(answer.content, 200, HEADERS, kind)

    async def _now(self, request: Request, people: list[Person]) -> dict[str, Any]:
        """The chat that the address names, or the first one."""
        asked = (request.query_params.get("channel", ""), request.query_params.get("guest", ""))
        person = next((each for each in people if (each.channel, each.id) == asked), None)
        if person is None and people and not asked[1]:
            person = people[0]
        if person is None:
            return {"chat": None}
        said = await self._ask(person.channel, f"guests/{quote(person.id, safe='')}/messages")
        found: Chat = chat(person, said, self.clock.time())
        return {"chat": found}

    async def _people(self) -> list[Person]:
        found: list[Person] = []
        if self.settings["wati"]:
            found += [wati_person(each) for each in await self._ask("whatsapp", "guests")]
        if self.settings["manychat"]:
            now = self.clock.time()
            for each in await self._ask("facebook", "guests"):
                found += manychat_people(each, now)
        return found

    # --- deeds --------------------------------------------------------------------------------

    async def _add(self, request: Request) -> Response:
        asked = (await read_form(request)).fields
        channel, name = asked.get("channel", ""), asked.get("name", "").strip()[:60]
        name = name or secrets.choice(NAMES)
        if channel == "whatsapp":
            spec: dict[str, Any] = {"waId": f"5037{secrets.randbelow(10**7):07d}", "name": name}
        else:
            spec = {"platform": channel, "name": name}
        made = await self._tell(channel, "guests", spec)
        id_ = made["waId"] if channel == "whatsapp" else made["subscriber_id"]
        return back(request, channel, str(id_))

    async def _say(self, request: Request) -> Response:
        form = await read_form(request)
        asked = form.fields
        channel, guest = asked.get("channel", ""), asked.get("guest", "")
        for spec in _said(form, channel):
            await self._tell(channel, f"guests/{quote(guest, safe='')}/messages", spec)
        return back(request, channel, guest)

    async def _staff(self, request: Request) -> Response:
        asked = (await read_form(request)).fields
        channel, guest = asked.get("channel", ""), asked.get("guest", "")
        act, spec = _act(channel, asked)
        await self._tell(channel, f"staff/{quote(guest, safe='')}/{act}", spec)
        return back(request, channel, guest)

    # --- the other emulators ------------------------------------------------------------------

    @property
    def _http(self) -> httpx2.AsyncClient:
        assert self._client is not None, "the server has started"
        return self._client

    def _base(self, channel: str) -> str:
        name = "wati" if channel == "whatsapp" else "manychat"
        return cast(str, self.settings[name])

    async def _ask(self, channel: str, path: str) -> Any:
        answer = await self._http.get(f"{self._base(channel)}/_emulator/{path}")
        if answer.status_code != 200:
            raise Refused(answer.text)
        return answer.json()

    async def _tell(self, channel: str, path: str, spec: dict[str, Any]) -> dict[str, Any]:
        if channel not in CHANNELS or not self._base(channel):
            raise Refused(f"channel: one of {', '.join(CHANNELS)} that runs")
        answer = await self._http.post(f"{self._base(channel)}/_emulator/{path}", json=spec)
        found: dict[str, Any] = answer.json()
        if answer.status_code != 201:
            raise Refused(str(found.get("error", answer.status_code)))
        return found


def _said(form: Form, channel: str) -> list[dict[str, Any]]:
    """The messages of one form: a file with its caption, or words."""
    text, platform = form.fields.get("text", "").strip(), {}
    if channel != "whatsapp":
        platform = {"platform": channel}
    spec: dict[str, Any] = {}
    upload = form.files.get("file")
    if upload is not None and upload.content:
        content = base64.b64encode(upload.content).decode()
        spec = {"file": {"name": upload.name, "content": content}}
    elif form.fields.get("sample") in SAMPLES:
        spec = {"media": form.fields["sample"]}
    if spec:
        words = {"caption" if channel == "whatsapp" else "text": text} if text else {}
        return [{**spec, **words, **platform}]
    if not text:
        raise Refused("nothing to send")
    if channel == "whatsapp" and form.fields.get("as") == "button":
        return [{"type": "button", "button": text}]
    return [{"text": text, **platform}]


def _act(channel: str, asked: dict[str, str]) -> tuple[str, dict[str, Any]]:
    """The staff's control route, and its body."""
    act, text = asked.get("act", ""), asked.get("text", "").strip()
    name = asked.get("name", "").strip()[:60] or "Rosa"
    if act in ("reply", "note") and not text:
        raise Refused("nothing to send")
    if channel == "whatsapp":
        slug = re.sub(r"[^a-z0-9]+", ".", name.lower()).strip(".") or "desk"
        person = {"name": name, "email": f"{slug}@hotel.example"}
        deeds: dict[str, tuple[str, dict[str, Any]]] = {
            "take": ("assign", person),
            "reply": ("reply", {**person, "text": text}),
            "give_back": ("release", person),
        }
    else:
        deeds = {
            "take": ("bot_off", {"on": True, "name": name}),
            "reply": ("reply", {"text": text, "platform": channel, "name": name}),
            "note": ("note", {"text": text, "name": name}),
            "give_back": ("bot_off", {"on": False, "name": name}),
        }
    if act not in deeds:
        raise Refused(f"act: one of {', '.join(deeds)}")
    return deeds[act]


def create(clock: Clock, options: dict[str, object]) -> Emulator:
    return Phone(clock, options)
