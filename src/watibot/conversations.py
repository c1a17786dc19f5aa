"""A conversation: one guest on one channel, who holds it, and until when it may be answered.

Pure. `storage/` keeps the rows; `service/` asks these functions before it acts, and asks again at
the moment of sending, because staff may have taken over while the model was thinking.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from watibot.messages import ChannelName

# WhatsApp, Messenger and Instagram let a business write freely for 24 hours after the guest's last
# message (docs/reference/providers.md).
REPLY_WINDOW = timedelta(hours=24)


class Owner(StrEnum):
    """Who answers."""

    BOT = "bot"
    STAFF = "staff"


class Provider(StrEnum):
    """Whose model answers. It changes only between turns."""

    VERTEX = "vertex"
    OPENAI = "openai"  # until the conversation is cut over


@dataclass(frozen=True, slots=True)
class Conversation:
    """One guest on one channel.

    `staff_until` ends a takeover by itself, so that a forgotten one does not silence the bot for
    ever. `handover_turn_id` is the turn that handed over: its own answer may still be sent.
    `thread_id` is OpenAI's thread; a conversation that began here has none. `taken_by` is
    the colleague's name or e-mail, where it is known. `chat_url` is the chat in the channel's own
    inbox. `stopped_at`: the guest asked the assistant to be silent.

    `history_imported`: what was said before the hotel began with this service has been read;
    `past_page` is the page to go on with. `checked_at` is when the provider's history was
    last compared with ours. `summary` stands for the history up to and with `folded_until`.
    """

    hotel_id: str
    conversation_id: str
    channel: ChannelName
    address: str
    guest_name: str | None
    owner: Owner
    staff_until: datetime | None
    handover_turn_id: str | None
    last_guest_at: datetime
    session_id: str | None
    session_generation: int
    fence: int
    provider: Provider = Provider.VERTEX
    thread_id: str | None = None
    taken_by: str | None = None
    chat_url: str | None = None
    stopped_at: datetime | None = None
    history_imported: bool = False
    past_page: int | None = None
    checked_at: datetime | None = None
    summary: str | None = None
    folded_until: datetime | None = None


def held_by_staff(conversation: Conversation, now: datetime) -> bool:
    """Whether a colleague answers this guest now."""
    if conversation.owner is not Owner.STAFF:
        return False
    return conversation.staff_until is None or now < conversation.staff_until


def longest_hold(
    conversation: Conversation, now: datetime, until: datetime | None
) -> datetime | None:
    """Until when staff hold it if they now take it until `until` (None: until they give it back): a
    shorter word does not shorten what was said."""
    if until is None or not held_by_staff(conversation, now):
        return until
    return None if conversation.staff_until is None else max(conversation.staff_until, until)


def window_open(conversation: Conversation, now: datetime) -> bool:
    """Whether the channel would still take a free message to this guest."""
    return now < conversation.last_guest_at + REPLY_WINDOW


def may_send(conversation: Conversation, turn_id: str, now: datetime) -> str | None:
    """Why a bubble of `turn_id` must not be sent now, or None if it may."""
    if held_by_staff(conversation, now) and conversation.handover_turn_id != turn_id:
        return "staff"
    if not window_open(conversation, now):
        return "window"
    return None
