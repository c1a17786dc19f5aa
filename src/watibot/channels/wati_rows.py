"""WATI's rows as `matching.Row`s: getMessages rows of three kinds, webhooks' messages. Pure.

`wati_chat.py` reads pages and gives each row here; `matching.match` says whose the rows are. Shapes
and their evidence are in docs/reference/providers.md (docs.wati.io, captures).
"""

from __future__ import annotations

import hashlib
import json
import re
from datetime import datetime
from typing import Any

from watibot.channels.values import flag, names_a_file, some, text
from watibot.channels.wati_payloads import event_time
from watibot.matching import Row, RowKind, is_machine

_MESSAGES = ("message", "messageReceived", "")
_SENT = "sessionMessageSent"
_BROADCASTS = ("broadcastMessage", "templateMessageSent")
_ASSIGNED = "1"  # a ticket's `type`: 0 opened, 1 assigned
_ASSIGNEE = re.compile(r"\bassigned (?:back )?to (.+?)(?: by .+|\. .*|\.)?\Z", re.DOTALL)
_CAPTIONED = ("image", "photo", "document", "voice", "audio", "video", "sticker")


def row_of(row: dict[str, Any]) -> Row | None:
    """A row, or a webhook's message; None for what is neither, and for what has no time."""
    at = event_time(row)
    name = text(row.get("eventType")).removesuffix("_bsuid").removesuffix("_v2")
    if at is None:
        return None
    # Before `type`: a ticket's is a number that means something else.
    if name == "ticket":
        return _ticket(row, at)
    if name in _BROADCASTS:
        words = text(row.get("finalText")) or text(row.get("text"))
        return _row(row, at, RowKind.BROADCAST, words, "template", own=True)
    if name in _MESSAGES:
        own = flag(row["owner"]) if row.get("owner") not in (None, "") else None
        return _row(row, at, RowKind.MESSAGE, _words(row), _type(row), own)
    if name == _SENT:
        return _row(row, at, RowKind.MESSAGE, _words(row), _type(row), own=True)
    return None


def _row(
    row: dict[str, Any], at: datetime, kind: RowKind, words: str, type_: str, own: bool | None
) -> Row:
    # On a guest's message the operator is who it is assigned to.
    written = own is not False
    return Row(
        row_id=_id(row),
        kind=kind,
        at=at,
        text=words,
        type=type_,
        own=own,
        local_id=some(row.get("localMessageId")),
        provider_id=some(row.get("whatsappMessageId")),
        operator=some(row.get("operatorName")) if written else None,
        operator_email=some(row.get("operatorEmail")) if written else None,
        by_chatbot=bool(some(row.get("chatbotTriggeredEventId"))),
    )


def _ticket(row: dict[str, Any], at: datetime) -> Row:
    """The last "assigned to" of "... now assigned to A. ... unless it's assigned back to Bot" is a
    piece of advice: the field comes first, then the first mention."""
    described = text(row.get("eventDescription"))
    mentioned = _ASSIGNEE.search(described)
    given = some(row.get("assignee")) or (mentioned[1] if mentioned else None)
    assigned = given is not None and (text(row.get("type")) == _ASSIGNED or mentioned is not None)
    machine = is_machine(given, None, frozenset())
    return Row(
        row_id=_id(row),
        kind=RowKind.ASSIGNED if assigned else RowKind.TICKET,
        at=at,
        text=described,
        type="ticket",
        assignee=given if assigned and not machine else None,
        actor=some(row.get("actor")),
    )


def _type(row: dict[str, Any]) -> str:
    return text(row.get("type")).casefold() or "text"


def _words(row: dict[str, Any]) -> str:
    """What was written: of a file its caption, whose place the file's name may take."""
    words = text(row.get("text"))
    if _type(row) not in _CAPTIONED:
        return words or _tapped(row)
    data = row.get("data")
    caption = text(row.get("caption")) or text(data.get("caption") if type(data) is dict else "")
    return caption if not words or names_a_file(words) else words


def _tapped(row: dict[str, Any]) -> str:
    for key in ("buttonReply", "interactiveButtonReply", "listReply"):
        reply = row.get(key)
        if isinstance(reply, dict) and reply:
            return text(reply.get("title")) or text(reply.get("text"))
    return ""


def _id(row: dict[str, Any]) -> str:
    """WATI's record id; of a row without any id a digest, the same on every page."""
    names = (some(row.get(key)) for key in ("id", "whatsappMessageId", "localMessageId"))
    if name := next(filter(None, names), None):
        return name
    return hashlib.sha256(json.dumps(row, sort_keys=True, default=str).encode()).hexdigest()[:32]
