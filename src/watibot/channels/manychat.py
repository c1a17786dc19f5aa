"""Messenger and Instagram through ManyChat: flow requests in, sendContent out.

`wiring.py` makes it; `web/` gives it bodies, `service/` sends and asks who holds a guest. Reading
is in `manychat_payloads.py`. ManyChat has no history and no hand-over; outside rules:
docs/reference/providers.md (github.com/manychat/dynamic_block_docs, api.manychat.com/swagger).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

import httpx2

from watibot import settings
from watibot.channels import manychat_payloads
from watibot.channels.http import Line, answered, outcome, reason, tells
from watibot.channels.values import flag, text
from watibot.conversations import Conversation
from watibot.errors import Cause, ProviderError
from watibot.messages import ChannelName, Delivery
from watibot.ports.outside import CannotTell, Clock, Lookup, Outcome, Refused, Sent, Unknown
from watibot.quotas import Rate
from watibot.turns import Bubble

_READS_PER_MINUTE = 3000  # half of the 100 a second that ManyChat allows
_OUTSIDE_WINDOW = "3011"


class Manychat:
    """The channel of both names. `extra_hosts` are trusted for guests' files beside Meta's."""

    name = "manychat"

    def __init__(
        self,
        group: settings.Manychat,
        http: httpx2.AsyncClient,
        clock: Clock,
        extra_hosts: Sequence[str] = (),
    ) -> None:
        self._extra_hosts = tuple(extra_hosts)
        base = group.base_url.rstrip("/")
        self._line = Line(
            self.name, http, clock, base, group.token.get_secret_value(), group.timeout
        )
        self._off = frozenset(each.casefold() for each in group.bot_off_names)
        self._notes = tuple(each.casefold() for each in group.note_fields)
        self._sends = Rate(group.sends_per_minute)
        self._reads = Rate(_READS_PER_MINUTE)

    def read(self, body: Any, received_at: datetime) -> Sequence[Delivery]:
        return manychat_payloads.read(body, received_at, self._extra_hosts)

    async def send(self, conversation: Conversation, bubble: Bubble) -> Outcome:
        """POST /fb/sending/sendContent, one text message. Without `content.type` ManyChat judges
        the Messenger window, so Instagram must be named; a message_tag is refused since July
        2026."""
        content: dict[str, Any] = {"messages": [{"type": "text", "text": bubble.text}]}
        if conversation.channel is ChannelName.INSTAGRAM:
            content["type"] = "instagram"
        body = {
            "subscriber_id": int(conversation.address),
            "data": {"version": "v2", "content": content},
        }
        try:
            response = await self._line.ask(self._sends, "POST", "/fb/sending/sendContent", body)
        except ProviderError as error:
            return outcome(error)
        said = _result(answered(response)) if tells(response) else None
        if said is not None:
            return said
        if response.is_success:
            return Unknown("an answer of unknown shape")
        return outcome(self._line.error(response))

    async def find(self, conversation: Conversation, bubble: Bubble) -> Lookup:
        """ManyChat shows nothing of what was sent."""
        return CannotTell()

    async def held_by_staff(self, conversation: Conversation) -> bool:
        """Whether the contact has a tag or a true field of the names in the settings. Raises
        ProviderError: the caller decides what a doubt means."""
        contact = await self._contact(conversation)
        tags = {text(each.get("name")).casefold() for each in _dicts(contact.get("tags"))}
        fields = {name for name, value in _fields(contact) if flag(value)}
        return not self._off.isdisjoint(tags | fields)

    async def hand_over(self, conversation: Conversation, reason: str) -> bool:
        return False

    async def note(self, conversation: Conversation) -> str | None:
        """What stands in the first of the note fields that is not empty. Raises ProviderError."""
        fields = dict(_fields(await self._contact(conversation)))
        return next((words for name in self._notes if (words := text(fields.get(name)))), None)

    async def check(self) -> str:
        data = (await self._get("/fb/page/getInfo")).get("data")
        page = text(data.get("name")) if isinstance(data, dict) else ""
        return f"ManyChat answers for the page {page or 'without a name'}"

    async def _contact(self, conversation: Conversation) -> dict[str, Any]:
        path = f"/fb/subscriber/getInfo?subscriber_id={quote(conversation.address)}"
        data = (await self._get(path)).get("data")
        return data if isinstance(data, dict) else {}

    async def _get(self, path: str) -> dict[str, Any]:
        response = await self._line.ask(self._reads, "GET", path)
        if not response.is_success:
            raise self._line.error(response)
        body = answered(response)
        if body.get("status") != "success":
            raise ProviderError(self.name, Cause.INVALID, reason(_words(body)))
        return body


def _result(body: dict[str, Any]) -> Outcome | None:
    """What sendContent's answer says; None where it says nothing that is known. Errors come with
    400 and with 200."""
    if body.get("status") == "success":
        return Sent()
    if body.get("status") != "error":
        return None
    words = _words(body)
    if text(body.get("code")) == _OUTSIDE_WINDOW or re.search("more than 24 hours", words):
        return Refused("window")
    return Refused(reason(words))


def _words(body: dict[str, Any]) -> str:
    """`message`, and the first of `details.messages`, which says more."""
    details = body.get("details")
    inner = _dicts(details.get("messages")) if isinstance(details, dict) else []
    parts = [text(body.get("message")), *(text(each.get("message")) for each in inner[:1])]
    return ": ".join(part for part in parts if part)


def _fields(contact: dict[str, Any]) -> list[tuple[str, Any]]:
    """Custom fields as (name in lower case, value)."""
    given = _dicts(contact.get("custom_fields"))
    return [(text(each.get("name")).casefold(), each.get("value")) for each in given]


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
