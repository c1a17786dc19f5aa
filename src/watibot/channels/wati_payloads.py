"""WATI's webhook bodies as deliveries. Pure.

`wati.py` calls `read`; the service takes what comes out. Shapes and their evidence are in
docs/reference/providers.md (docs.wati.io, v2.2 to v2.6, and captures). Fields are read leniently,
because tenants differ; an unreadable body is told by the field's name, never its value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any
from urllib.parse import quote

from watibot.channels.values import flag, moment, names_a_file, some, text
from watibot.errors import UnreadablePayload
from watibot.matching import OWN_PREFIX, is_machine
from watibot.messages import (
    Attachment,
    AttachmentKind,
    ChannelName,
    Delivery,
    Ignored,
    Inbound,
    MessageKind,
    Receipt,
    ReceiptState,
    StaffMessage,
)

SAME_SECOND = 1.5  # seconds by which `created` may differ from `timestamp` and still refine it

Event = dict[str, Any]

_MEDIA = {
    "image": AttachmentKind.IMAGE,
    "photo": AttachmentKind.IMAGE,
    "document": AttachmentKind.DOCUMENT,
    "voice": AttachmentKind.VOICE,
    "audio": AttachmentKind.AUDIO,
    "video": AttachmentKind.VIDEO,
    "sticker": AttachmentKind.STICKER,
}
_STATES = {
    "sentMessageDELIVERED": ReceiptState.DELIVERED,
    "sentMessageREAD": ReceiptState.READ,
    "sessionMessageFailed": ReceiptState.FAILED,
}
_IGNORED = {
    "sentMessageREPLIED": "replied",  # comes beside the `message` itself
    "templateMessageSent": "template",
    "templateMessageFailed": "template",
    "newContactMessageReceived": "new_contact",  # carries no text; the `message` does
    "chatbotTriggered": "chatbot",
}
_RECEIVED = ("message", "messageReceived")
_SENT = "sessionMessageSent"

_SAMPLE = re.compile(r"message\.[A-Za-z]+\Z")
_WA_ID = re.compile(r"\+?([0-9]{1,32})")
_BSUID = re.compile(r"[^\s/]{1,128}")
_URL_FIELDS = ("url", "link", "mediaUrl", "sourceUrl", "filePath", "path")


def read(
    body: Any, received_at: datetime, bot_operators: Iterable[str], chat_url: str = ""
) -> list[Delivery]:
    """What a webhook's JSON means, in its order. `bot_operators` are the names and e-mails under
    which WATI shows what the API sent; `chat_url` is the form of a chat's address in WATI's inbox
    (WATI_CHAT_URL). Raises UnreadablePayload; a batch is read whole or not at all."""
    operators = frozenset(each.casefold() for each in bot_operators)
    events = list(_events(body, 3))
    if not events:
        raise UnreadablePayload("no event in the body")
    return [_delivery(event, received_at, operators, chat_url) for event in events]


def _events(body: Any, depth: int) -> Iterator[Event]:
    if isinstance(body, list) and depth:
        for each in body:
            yield from _events(each, depth - 1)
    elif not isinstance(body, dict):
        raise UnreadablePayload("the body is not an object")
    elif "eventType" in body or not depth:
        yield body
    elif isinstance(body.get("body"), (dict, list)):
        yield from _events(body["body"], depth - 1)
    elif isinstance(body.get("events"), list):
        yield from _events(body["events"], depth - 1)
    else:
        yield body


def _delivery(
    event: Event, received_at: datetime, operators: frozenset[str], chat_url: str
) -> Delivery:
    if _SAMPLE.match(text(event.get("id"))) or _SAMPLE.match(text(event.get("whatsappMessageId"))):
        return Ignored("sample")
    type_ = text(event.get("eventType"))
    if not type_:
        raise UnreadablePayload("eventType is missing")
    name = type_.removesuffix("_bsuid").removesuffix("_v2")
    if name in _IGNORED:
        return Ignored(_IGNORED[name])
    if name in _STATES:
        return _receipt(event, _STATES[name], received_at)
    if name == _SENT:
        return _sent(event, received_at, operators)
    if name not in _RECEIVED:
        raise UnreadablePayload("unknown event type")
    # Direction is `owner` alone: statusString is SENT both ways, operatorName is the assigned one.
    owner = flag(event.get("owner") or False)
    if owner is None:
        raise UnreadablePayload("owner is neither true nor false")
    if owner:
        return _sent(event, received_at, operators)
    return _received(event, received_at, chat_url)


def _received(event: Event, received_at: datetime, chat_url: str) -> Delivery:
    if text(event.get("type")) == "reaction":
        return Ignored("reaction")
    guest, aliases = _guest(event)
    provider_id, record_id = _ids(event)
    kind, words, attachments = _content(event)
    return Inbound(
        channel=ChannelName.WHATSAPP,
        conversation_id=guest,
        address=guest,
        provider_id=provider_id,
        provider_time=event_time(event) or received_at,
        kind=kind,
        text=words,
        attachments=attachments,
        aliases=aliases,
        record_id=record_id,
        reply_to=some(event.get("replyContextId")),
        sender_name=some(event.get("senderName")),
        chat_url=_chat_url(event, guest, chat_url),
    )


def _chat_url(event: Event, guest: str, form: str) -> str | None:
    id_ = text(event.get("conversationId"))
    if not form or not id_.isalnum():
        return None
    return form.replace("{conversationId}", id_).replace("{waId}", quote(guest, safe=""))


def _sent(event: Event, received_at: datetime, operators: frozenset[str]) -> Delivery:
    """Something that went out: ours, WATI's own automation's, or a colleague's."""
    if text(event.get("type")) in ("reaction", "template"):
        return Ignored(text(event["type"]))
    if text(event.get("localMessageId")).startswith(OWN_PREFIX):
        return _receipt(event, ReceiptState.SENT, received_at)
    if some(event.get("chatbotTriggeredEventId")):
        return Ignored("chatbot")
    name, email = some(event.get("operatorName")), some(event.get("operatorEmail"))
    if is_machine(name, email, operators):
        return _receipt(event, ReceiptState.SENT, received_at)
    guest, _ = _guest(event)
    provider_id, record_id = _ids(event)
    _, words, _ = _content(event)
    return StaffMessage(
        channel=ChannelName.WHATSAPP,
        conversation_id=guest,
        address=guest,
        provider_id=provider_id,
        provider_time=event_time(event) or received_at,
        text=words,
        operator=name or email,
        record_id=record_id,
    )


def _receipt(event: Event, state: ReceiptState, received_at: datetime) -> Receipt:
    local, provider = some(event.get("localMessageId")), some(event.get("whatsappMessageId"))
    record = some(event.get("id"))
    if not (local or provider or record):
        raise UnreadablePayload("localMessageId, whatsappMessageId and id are missing")
    failure = None
    if state is ReceiptState.FAILED:
        words = f"{text(event.get('failedCode'))} {text(event.get('failedDetail'))}".strip()
        failure = words[:300] or "no reason given"
    return Receipt(
        channel=ChannelName.WHATSAPP,
        state=state,
        at=event_time(event) or received_at,
        local_message_id=local,
        provider_id=provider,
        record_id=record,
        failure=failure,
    )


def _guest(event: Event) -> tuple[str, tuple[str, ...]]:
    """The conversation id, which is the address too, and the aliases."""
    number = _WA_ID.fullmatch(text(event.get("waId")))
    bsuid = _BSUID.fullmatch(text(event.get("bsuid")))
    aliases = (f"bsuid:{bsuid[0]}",) if bsuid else ()
    if number:
        return number[1], aliases
    if bsuid:
        return bsuid[0], aliases
    raise UnreadablePayload("waId and bsuid are missing")


def _ids(event: Event) -> tuple[str, str | None]:
    record = some(event.get("id"))
    provider = some(event.get("whatsappMessageId")) or record
    if provider is None:
        raise UnreadablePayload("whatsappMessageId and id are missing")
    return provider, record


def event_time(event: Event) -> datetime | None:
    """When it was said. `timestamp` is the truth but has whole seconds only; `created` has more
    digits, but may be the time of what triggered the message."""
    said, created = moment(event.get("timestamp")), moment(event.get("created"))
    if said and created and abs((created - said).total_seconds()) <= SAME_SECOND:
        return created
    return said or created


def _content(event: Event) -> tuple[MessageKind, str, tuple[Attachment, ...]]:
    type_, words = text(event.get("type")), text(event.get("text"))
    label = _tapped(event)
    if label is not None or type_ in ("button", "interactive", "list"):
        return MessageKind.REPLY, words or label or "", ()
    if type_ in _MEDIA:
        return _media(event, _MEDIA[type_], words)
    if type_ in ("location", "contacts"):
        kind, describe = _DESCRIBED[type_]
        return kind, words or describe(event), ()
    if type_ == "text" or (not type_ and words):
        return (MessageKind.TEXT if words else MessageKind.UNSUPPORTED), words, ()
    if not type_:
        raise UnreadablePayload("type is missing")
    return MessageKind.UNSUPPORTED, words, ()


def _tapped(event: Event) -> str | None:
    """A tapped button's or list row's label; None where nothing was tapped."""
    for key in ("buttonReply", "interactiveButtonReply", "listReply"):
        reply = event.get(key)
        if isinstance(reply, dict) and reply:
            return text(reply.get("title")) or text(reply.get("text"))
    return None


def _media(
    event: Event, kind: AttachmentKind, words: str
) -> tuple[MessageKind, str, tuple[Attachment, ...]]:
    data = event.get("data")
    fields = data if isinstance(data, dict) else {}
    urls = (data, *(fields.get(key) for key in _URL_FIELDS), event.get("mediaUrl"))
    source = next((url for url in map(text, urls) if url), "")
    name = some(fields.get("fileName")) or some(fields.get("filename"))
    caption = text(event.get("caption")) or text(fields.get("caption"))
    if names_a_file(words):
        name, words = words, ""
    said = "\n".join(dict.fromkeys(each for each in (words, caption) if each))
    if not source:
        return MessageKind.UNSUPPORTED, said, ()
    return MessageKind.MEDIA, said, (Attachment(kind, source, name),)


def _location(event: Event) -> str:
    data = event.get("data")
    if not isinstance(data, dict):
        return text(data)
    point = [text(data.get(key)) for key in ("latitude", "longitude")]
    if not all(point):
        point = [text(data.get(key)) for key in ("lat", "lng")]
    parts = [text(data.get("name")), text(data.get("address")), ",".join(filter(None, point))]
    return ", ".join(part for part in parts if part)


def _contacts(event: Event) -> str:
    given = event.get("messageContact") or event.get("contacts") or event.get("data")
    cards = given if isinstance(given, list) else [given]
    return "\n".join(line for card in cards if (line := _card(card)))


def _card(card: Any) -> str:
    if not isinstance(card, dict):
        return text(card)
    name, phones = card.get("name"), card.get("phones")
    if isinstance(name, dict):
        name = name.get("formatted_name") or name.get("formattedName") or name.get("first_name")
    if not isinstance(phones, list):
        phones = [card]
    numbers = [text(each.get("phone")) for each in phones if isinstance(each, dict)]
    return " ".join(part for part in (text(name), *numbers) if part)


_DESCRIBED: dict[str, tuple[MessageKind, Callable[[Event], str]]] = {
    "location": (MessageKind.LOCATION, _location),
    "contacts": (MessageKind.CONTACTS, _contacts),
}
