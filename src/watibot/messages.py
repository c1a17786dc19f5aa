"""The one form that every channel's messages become, inwards and outwards.

`channels/` translates a provider's payload into one of these values and keeps the original beside
it; from there on nobody asks which provider it was. Times are aware and in UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class ChannelName(StrEnum):
    """Where a guest writes. Values are stored and shown."""

    WHATSAPP = "whatsapp"
    FACEBOOK = "facebook"
    INSTAGRAM = "instagram"


class MessageKind(StrEnum):
    """What a guest sent."""

    TEXT = "text"
    MEDIA = "media"
    REPLY = "reply"  # a tapped button or list row; `text` is its label
    LOCATION = "location"
    CONTACTS = "contacts"
    UNSUPPORTED = "unsupported"  # order, catalog, ...: known, but nothing that can be read


class AttachmentKind(StrEnum):
    """What the channel says the file is; its bytes have the last word."""

    IMAGE = "image"
    VOICE = "voice"
    AUDIO = "audio"
    VIDEO = "video"
    DOCUMENT = "document"
    STICKER = "sticker"
    FILE = "file"  # a URL with no word about what is behind it


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that a guest sent. `source` is what the provider gave: a path on WATI's host
    (`data/images/x.jpg`) or an absolute URL."""

    kind: AttachmentKind
    source: str
    file_name: str | None = None


@dataclass(frozen=True, slots=True)
class Inbound:
    """A guest's message.

    `conversation_id` is the WhatsApp id as it is, or `fb:` or `ig:` and a subscriber id. `address`
    is what the channel sends to: a WhatsApp id, a business-scoped user id, a ManyChat subscriber
    id. `aliases` are further names of the same guest on the same channel (`bsuid:TR.1...`,
    `igid:1784...`): a message that comes under an alias joins the conversation that already has it.
    `provider_id` is unique per channel; where the provider gives none (ManyChat), it is a digest
    and `repeat_window` says for how many seconds the same digest is a repetition and not a new
    message.
    """

    channel: ChannelName
    conversation_id: str
    address: str
    provider_id: str
    provider_time: datetime
    kind: MessageKind
    text: str = ""
    attachments: tuple[Attachment, ...] = ()
    aliases: tuple[str, ...] = ()
    record_id: str | None = None
    reply_to: str | None = None
    sender_name: str | None = None
    chat_url: str | None = None
    repeat_window: float | None = None


class ReceiptState(StrEnum):
    """How far a message of ours has come."""

    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Receipt:
    """News about a message of ours. Any of the three ids may be the one that finds it."""

    channel: ChannelName
    state: ReceiptState
    at: datetime
    local_message_id: str | None = None
    provider_id: str | None = None
    record_id: str | None = None
    failure: str | None = None  # the provider's code and words, for staff


@dataclass(frozen=True, slots=True)
class StaffMessage:
    """What a colleague wrote to the guest by hand, with the provider's word for it."""

    channel: ChannelName
    conversation_id: str
    address: str
    provider_id: str
    provider_time: datetime
    text: str
    operator: str | None = None
    record_id: str | None = None


@dataclass(frozen=True, slots=True)
class Takeover:
    """Staff took the conversation (`held`) or gave it back: by a rule in ManyChat, by a ticket's
    assignment, in the console. `by` is the colleague. `note` is what the assistant should know
    afterwards, where the channel's own inbox cannot be read."""

    channel: ChannelName
    conversation_id: str
    address: str
    held: bool
    by: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Ignored:
    """A delivery that is understood and needs nothing. `reason` is one of a small fixed set."""

    reason: str


Delivery = Inbound | Receipt | StaffMessage | Takeover | Ignored
