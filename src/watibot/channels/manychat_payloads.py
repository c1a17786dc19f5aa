"""Bodies that ManyChat's flows send, as deliveries. Pure.

`manychat.py` calls `read`; the service takes what comes out. ManyChat has no webhook product: the
operator builds a request in a flow, either "Full Contact Data" under a key of their choice or a
body by hand from merge fields (docs/reference/providers.md). Hence many spellings of few fields,
no message id, no list of files, and no word on the channel unless the operator adds a constant
`platform`.
"""

from __future__ import annotations

import hashlib
import re
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from watibot.channels.hosts import place, trusted
from watibot.channels.values import flag, moment, text
from watibot.errors import UnreadablePayload
from watibot.messages import (
    Attachment,
    AttachmentKind,
    ChannelName,
    Delivery,
    Inbound,
    MessageKind,
    Takeover,
)

# Without a time of last interaction the same words count as the same message for so many seconds.
REPEAT_WINDOW = 15.0

PREFIX = {ChannelName.FACEBOOK: "fb", ChannelName.INSTAGRAM: "ig"}
_PLATFORMS = {
    "facebook": ChannelName.FACEBOOK,
    "fb": ChannelName.FACEBOOK,
    "messenger": ChannelName.FACEBOOK,
    "facebookmessenger": ChannelName.FACEBOOK,
    "instagram": ChannelName.INSTAGRAM,
    "ig": ChannelName.INSTAGRAM,
}

# Keys are compared in lower case without anything but letters and digits.
_ID = ("subscriberid", "userid", "contactid", "id")
_TEXT = ("lastinputtext", "lasttextinput", "lasttext", "message", "text")
_PLATFORM = ("platform", "channel")
_BOT_OFF = "botoff"
_MESSAGE = frozenset((*_TEXT, _BOT_OFF))
_MARKS = frozenset(
    (
        "key",
        "pageid",
        "livechaturl",
        "subscribed",
        "lastinteraction",
        "iglastinteraction",
        "lastseen",
    )
)

_UNRESOLVED = re.compile(r"\s*\{\{[^{}]*\}\}\s*")
_SUBSCRIBER = re.compile(r"[0-9]{1,30}")
_URL = re.compile(r"https?://[^\s<>\"]+", re.IGNORECASE)
_CHAT_URL = re.compile(r"https://([a-z0-9-]+\.)?manychat\.com/[^\s<>\"]{1,300}")
_DEEPEST = 3

Fields = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Body:
    """`contact` is what is known about the guest, `given` the keys that the operator put beside it
    (or the same dict, in a body made by hand)."""

    contact: Fields
    given: Fields

    def find(self, names: Iterable[str]) -> str:
        return _find(self.contact, names) or _find(self.given, names)


def read(body: Any, received_at: datetime, extra_hosts: Iterable[str] = ()) -> list[Delivery]:
    """What a flow's request means: one message, or staff taking or giving back the guest.

    A takeover without a named platform holds for both channels of the contact, since ManyChat's
    tags belong to the contact. `extra_hosts` are trusted for files beside Meta's. Raises
    UnreadablePayload.
    """
    parts = _parts(body)
    subscriber = parts.find(_ID)
    if not _SUBSCRIBER.fullmatch(subscriber):
        raise UnreadablePayload("the subscriber's id is no number")
    platform = _named_platform(parts)
    held = _rule(parts)
    if held is not None:
        channels = [platform] if platform else list(PREFIX)
        return [
            Takeover(each, f"{PREFIX[each]}:{subscriber}", subscriber, held) for each in channels
        ]
    channel = platform or _guessed_platform(parts)
    return [_message(parts, subscriber, channel, received_at, extra_hosts)]


def _message(
    parts: _Body,
    subscriber: str,
    channel: ChannelName,
    received_at: datetime,
    extra_hosts: Iterable[str],
) -> Inbound:
    if not any(name in fields for fields in (parts.contact, parts.given) for name in _TEXT):
        raise UnreadablePayload("last_input_text is missing")
    words = parts.find(_TEXT)
    interaction = moment(parts.find((_INTERACTION[channel],)))
    rest, sources = split_files(words, extra_hosts)
    kind = MessageKind.TEXT if rest else MessageKind.UNSUPPORTED
    return Inbound(
        channel=channel,
        conversation_id=f"{PREFIX[channel]}:{subscriber}",
        address=subscriber,
        provider_id=_digest(
            channel, subscriber, interaction.isoformat() if interaction else "", words
        ),
        provider_time=interaction or received_at,
        kind=MessageKind.MEDIA if sources else kind,
        text=rest,
        attachments=tuple(Attachment(AttachmentKind.FILE, each) for each in sources),
        aliases=_aliases(parts, channel),
        sender_name=_name(parts),
        chat_url=_chat_url(parts),
        repeat_window=None if interaction else REPEAT_WINDOW,
    )


_INTERACTION = {
    ChannelName.FACEBOOK: "lastinteraction",
    ChannelName.INSTAGRAM: "iglastinteraction",
}


def _digest(*parts: str) -> str:
    return hashlib.sha256("|".join(parts).encode()).hexdigest()


def split_files(words: str, extra_hosts: Iterable[str]) -> tuple[str, tuple[str, ...]]:
    """The text without the addresses of files, and those, each once. Instagram puts a photo's or a
    voice note's address into the text; links to posts, reels and stories stay words."""
    hosts = tuple(extra_hosts)
    found: list[str] = []

    def take(match: re.Match[str]) -> str:
        url = match[0].rstrip(".,;:!?)]}'")
        if not trusted(place(url), hosts):
            return match[0]
        found.append(url)
        return match[0][len(url) :] if match[0][len(url) :].strip(".,;:") else ""

    rest = _URL.sub(take, words)
    if not found:
        return words, ()
    lines = (re.sub(r"[ \t]+", " ", line).strip() for line in rest.splitlines())
    return "\n".join(line for line in lines if line), tuple(dict.fromkeys(found))


# --- finding the fields -----------------------------------------------------------------------


def _parts(body: Any) -> _Body:
    """The contact's fields within a body of any shape, breadth first, Full Contact Data first."""
    queue: deque[tuple[Any, Fields, int]] = deque([(body, {}, 0)])
    by_hand: _Body | None = None
    while queue:
        value, above, depth = queue.popleft()
        if isinstance(value, dict):
            fields = _normal(value)
            if _find(fields, _ID) and len(_MARKS & fields.keys()) >= 2:
                return _Body(fields, above or fields)
            if by_hand is None and _find(fields, _ID) and fields.keys() & _MESSAGE:
                by_hand = _Body(fields, {**above, **fields})
            inner: Iterable[Any] = value.values()
            above = fields
        elif isinstance(value, list):
            inner = value
        else:
            continue
        if depth < _DEEPEST:
            queue.extend((each, above, depth + 1) for each in inner)
    if by_hand is None:
        raise UnreadablePayload("no contact with an id and a text in the body")
    return by_hand


def _normal(given: dict[str, Any]) -> Fields:
    """Keys in lower case without separators; the first of several that become one key stays."""
    fields: Fields = {}
    for key, value in given.items():
        fields.setdefault(re.sub(r"[^a-z0-9]", "", key.lower()), value)
    return fields


def _find(fields: Fields, names: Iterable[str]) -> str:
    """The first of these fields that has a value; a merge field that ManyChat left as it was
    (`{{first_name}}`) has none."""
    for name in names:
        value = text(fields.get(name))
        if value and not _UNRESOLVED.fullmatch(value):
            return value
    return ""


def _named_platform(parts: _Body) -> ChannelName | None:
    named = _find(parts.given, _PLATFORM) or _find(parts.contact, _PLATFORM)
    if not named:
        return None
    channel = _PLATFORMS.get(re.sub(r"[^a-z]", "", named.lower()))
    if channel is None:
        raise UnreadablePayload("platform is neither facebook nor instagram")
    return channel


def _guessed_platform(parts: _Body) -> ChannelName:
    """By the contact's Instagram fields; a contact of both channels is where it wrote last."""
    on_instagram = parts.find(("igid", "igusername", "iglastinteraction"))
    if not on_instagram:
        return ChannelName.FACEBOOK
    facebook = moment(parts.find((_INTERACTION[ChannelName.FACEBOOK],)))
    instagram = moment(parts.find((_INTERACTION[ChannelName.INSTAGRAM],)))
    if facebook and (instagram is None or facebook > instagram):
        return ChannelName.FACEBOOK
    return ChannelName.INSTAGRAM


def _rule(parts: _Body) -> bool | None:
    """Whether staff hold the guest, if a rule ("tag applied", "tag removed") sent this: it puts
    `bot_off` at the top and no text beside it. A field within the contact is not news: it is asked
    for when something is sent."""
    value = parts.given.get(_BOT_OFF)
    if isinstance(value, (dict, list)) or value is None or _find(parts.given, _TEXT):
        return None
    if isinstance(value, str) and (not value.strip() or _UNRESOLVED.fullmatch(value)):
        return None
    held = flag(value)
    if held is None:
        raise UnreadablePayload("bot_off is neither true nor false")
    return held


def _aliases(parts: _Body, channel: ChannelName) -> tuple[str, ...]:
    """The ids that outlive a deleted contact: its `subscriber_id` changes when it comes back."""
    if channel is ChannelName.INSTAGRAM:
        found = parts.find(("igid",))
        return (f"igid:{found}",) if found else ()
    found = parts.find(("psid", "pagescopedid"))
    return (f"psid:{found}",) if found else ()


def _chat_url(parts: _Body) -> str | None:
    """The chat in ManyChat's own inbox, which staff are given to open: of no other host."""
    url = parts.find(("live_chat_url",))
    return url if _CHAT_URL.fullmatch(url) else None


def _name(parts: _Body) -> str | None:
    names = (parts.find(("firstname",)), parts.find(("lastname",)))
    return parts.find(("name", "fullname")) or " ".join(filter(None, names)) or None
