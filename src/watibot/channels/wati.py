"""WhatsApp through WATI: webhooks in, session messages out, look-ups, hand-over.

`wiring.py` makes it; `web/` gives it bodies, `service/` sends, looks up and hands over. Reading is
in `wati_payloads.py`. Outside rules: docs/reference/providers.md (docs.wati.io, v2.2 to v2.6).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import httpx2

from watibot import settings
from watibot.channels import wati_payloads
from watibot.channels.http import Places, answered, outcome, reason, tells
from watibot.channels.values import flag, some, text
from watibot.channels.wati_reader import (
    QUOTA_WAIT,
    WATI,
    WatiReader,
    failed,
    line_to,
    refusal,
    url,
)
from watibot.conversations import Conversation
from watibot.errors import ProviderError
from watibot.messages import Delivery
from watibot.ports.outside import (
    Absent,
    CannotTell,
    Clock,
    Found,
    Later,
    Lookup,
    Outcome,
    Refused,
    Sent,
    Unknown,
)
from watibot.quotas import Rate
from watibot.turns import Bubble

# getMessages and the other reads: 10 per 10 seconds on every plan, and so never more here.
_READS_PER_MINUTE, _READ_BURST = 30, 5
_PAGE = 50
_MOST_PAGES = 10
_NEAR = timedelta(seconds=120)  # a row of the same words within this time of the attempt is ours
_SETTLED = 10.0  # getMessages is eventually consistent: seconds before an absence counts


class Wati:
    """The channel. `desk_email` is the seat that is given a chat that needs a person; `reads` are
    places that it shares with other readers of the same tenant; `count` is called for every
    request."""

    name = WATI

    def __init__(
        self,
        group: settings.Wati,
        http: httpx2.AsyncClient,
        clock: Clock,
        desk_email: str | None = None,
        reads: Places | None = None,
        count: Callable[[], None] = lambda: None,
    ) -> None:
        self._group = group
        self._clock = clock
        self._desk_email = desk_email
        self._line = line_to(group, http, clock, count)
        self._sends = Rate(group.sends_per_minute)
        self._reader = WatiReader(self._line, reads or Rate(_READS_PER_MINUTE, _READ_BURST))

    def read(self, body: Any, received_at: datetime) -> Sequence[Delivery]:
        return wati_payloads.read(
            body, received_at, self._group.bot_operators, self._group.chat_url
        )

    async def send(self, conversation: Conversation, bubble: Bubble) -> Outcome:
        """POST sendSessionMessage: text of 0..4096 characters and localMessageId in the query
        (reference v2.6). 200 says "accepted" or, with `result: false`, why not."""
        query = {"messageText": bubble.text, "localMessageId": bubble.bubble_id}
        path = f"/sendSessionMessage/{quote(conversation.address, safe='')}"
        try:
            response = await self._line.ask(self._sends, "POST", url(path, query))
        except ProviderError as error:
            return outcome(error)
        body = answered(response)
        said = _quota(body) or (_result(body) if tells(response) else None)
        if said is not None:
            return said
        if response.is_success:
            return Unknown("an answer of unknown shape")
        return outcome(self._line.error(response))

    async def find(self, conversation: Conversation, bubble: Bubble) -> Lookup:
        """Reads getMessages, the newest first, back to shortly before the last attempt."""
        attempt = bubble.last_attempt_at
        if attempt is None:
            return Absent()
        try:
            for number in range(1, _MOST_PAGES + 1):
                rows, last = await self._reader.page(conversation.address, number, _PAGE)
                for row in rows:
                    if _is(row, bubble, attempt):
                        return Found(some(row.get("whatsappMessageId")) or some(row.get("id")))
                if last or _older(rows[-1], attempt - _NEAR):
                    break
            else:
                return CannotTell()
        except ProviderError as error:
            return CannotTell(error.retry_after or (60.0 if not error.transient else _SETTLED))
        waited = (self._clock.now() - attempt).total_seconds()
        return Absent() if waited >= _SETTLED else CannotTell(_SETTLED - waited)

    async def held_by_staff(self, conversation: Conversation) -> bool:
        """False without asking: WATI tells what staff write by webhook, and `owner` keeps it."""
        return False

    async def hand_over(self, conversation: Conversation, reason: str) -> bool:
        """POST assignOperator, which also stops WATI's own automation. Raises ProviderError."""
        if not self._desk_email:
            return False
        query = {"email": self._desk_email, "whatsappNumber": conversation.address}
        await self._reader.do("/assignOperator", query)
        return True

    async def note(self, conversation: Conversation) -> str | None:
        """None: what staff write at WATI can be read, so that nobody need leave a note."""
        return None

    async def check(self) -> str:
        await self._reader.get("/getContacts", {"pageSize": "1", "pageNumber": "1"})
        return f"WATI answers at {httpx2.URL(self._group.base_url).host}"


def _result(body: dict[str, Any]) -> Outcome | None:
    """What sendSessionMessage's answer says; None where it says nothing that is known."""
    words = refusal(body)
    if re.search(r"ticket has been expired", words, re.IGNORECASE) or (
        failed(body) and text(body.get("ticketStatus")).upper() == "CLOSED"
    ):
        return Refused("window")
    if failed(body):
        return Refused(reason(words))
    if body.get("ok") is True or body.get("result") in (True, "success"):
        given = body.get("message")
        message = given if isinstance(given, dict) else {}
        return Sent(some(message.get("whatsappMessageId")), some(message.get("id")))
    return None


def _quota(body: dict[str, Any]) -> Outcome | None:
    if re.search(r"usage limit exceeded", refusal(body), re.IGNORECASE):
        return Later(QUOTA_WAIT, "quota")
    return None


def _is(row: dict[str, Any], bubble: Bubble, attempt: datetime) -> bool:
    """Whether a row of getMessages is this bubble: by our id, or, where WATI does not echo it, by
    its words and time."""
    if row.get("eventType") != "message":
        return False
    local = some(row.get("localMessageId"))
    if local is not None:
        return local == bubble.bubble_id
    at = wati_payloads.event_time(row)
    return (
        flag(row.get("owner")) is True
        and at is not None
        and abs(at - attempt) <= _NEAR
        and _bare(text(row.get("text"))) == _bare(bubble.text)
    )


def _bare(words: str) -> str:
    return " ".join(words.split()).casefold()


def _older(row: dict[str, Any], limit: datetime) -> bool:
    at = wati_payloads.event_time(row)
    return at is not None and at < limit
