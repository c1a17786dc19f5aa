"""An invented hotel, its guests and their messages, for the tests of nouns and tools."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from watibot.conversations import Conversation, Owner
from watibot.escalations import EscalationCause
from watibot.history import HistoryItem, ItemKind
from watibot.hotel import Hotel, load
from watibot.messages import ChannelName, MessageKind
from watibot.ports import Booking, Notice
from watibot.toolcalls import Caller
from watibot.tools import Reader
from watibot.turns import GuestMessage, Media, Progress, Step, Turn

# A Friday, 12:00 in El Salvador.
NOON = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)

HOTEL = """
[hotel]
id = "posada-invento"
name = "Posada Invento"
time_zone = "America/El_Salvador"
country = "SV"
languages = ["es", "en"]

[office]
closed_on_holidays = true
extra_closed_days = ["2026-12-24"]

[office.hours]
monday = ["07:00-22:00"]
tuesday = ["07:00-22:00"]
wednesday = ["07:00-22:00"]
thursday = ["07:00-22:00"]
friday = ["07:00-22:00"]
saturday = ["07:00-12:30", "13:30-22:00"]
sunday = []

[[staff]]
name = "Rosa"
role = "desk"
email = "rosa@invento.example"

[[staff]]
name = "Marta"
role = "manager"

[[payment_accounts]]
bank = "Banco Invento"
holder = "Posada Invento, S.A."
number = "000-000-000001"
currency = "USD"
kind = "cuenta corriente"

[texts]
apology = "Disculpe."
unreadable = "No puedo abrir {kinds}."

[booking]
max_nights = 30
max_guests = 12
max_days_ahead = 365
"""


def hotel(folder: Path, *changes: tuple[str, str]) -> Hotel:
    """The invented hotel, with some of its file's lines changed."""
    text = HOTEL
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = folder / "hotel.toml"
    path.write_text(text)
    return load(path)


def conversation(**changes: Any) -> Conversation:
    facts: dict[str, Any] = {
        "hotel_id": "posada-invento",
        "conversation_id": "50370000001",
        "channel": ChannelName.WHATSAPP,
        "address": "50370000001",
        "guest_name": "Ana",
        "owner": Owner.BOT,
        "staff_until": None,
        "handover_turn_id": None,
        "last_guest_at": NOON,
        "session_id": None,
        "session_generation": 0,
        "fence": 1,
    }
    return Conversation(**{**facts, **changes})


def caller(**changes: Any) -> Caller:
    facts: dict[str, Any] = {
        "hotel_id": "posada-invento",
        "conversation_id": "50370000001",
        "channel": ChannelName.WHATSAPP,
        "wa_id": "50370000001",
        "subscriber_id": None,
        "guest_name": "Ana",
        "turn_id": "t1",
        "key": "t1-0-0",
        "now": NOON,
    }
    return Caller(**{**facts, **changes})


def guest_message(text: str, *media: Media, kind: MessageKind = MessageKind.TEXT) -> GuestMessage:
    return GuestMessage(1, "m1", NOON, NOON, kind, text, media)


def item(number: int, kind: ItemKind, text: str = "", **changes: Any) -> HistoryItem:
    """A history item with the content that its kind has on the wire."""
    parts: list[dict[str, Any]] = [{"text": text}]
    if kind is ItemKind.TOOL_CALL:
        parts = [{"functionCall": {"name": text, "args": {}}, "thoughtSignature": "U0lH"}]
    if kind is ItemKind.TOOL_RESULT:
        parts = [{"functionResponse": {"name": text, "response": {}}}]
    role = "model" if kind in (ItemKind.ASSISTANT, ItemKind.TOOL_CALL) else "user"
    content = None if kind is ItemKind.STAFF else {"role": role, "parts": parts}
    facts: dict[str, Any] = {
        "item_id": f"i{number}",
        "kind": kind,
        "at": NOON - timedelta(days=1) + timedelta(seconds=number),
        "text": text,
        "content": content,
    }
    return HistoryItem(**{**facts, **changes})


def turn(*messages: GuestMessage, **changes: Any) -> Turn:
    facts: dict[str, Any] = {
        "turn_id": "t1",
        "conversation": conversation(),
        "messages": messages,
        "history": (),
        "steps": (),
        "progress": Progress(),
        "opened_at": NOON,
        "effect_done": False,
    }
    return Turn(**{**facts, **changes})


def step(position: int, done: HistoryItem) -> Step:
    return Step(position, done)


class FakeRecords:
    """The two promises of `ports.Records` that tools use; bookings are kept by the caller's key."""

    def __init__(self, *items: HistoryItem) -> None:
        self.items = list(items)
        self.bookings: dict[str, Booking] = {}

    async def book(self, caller: Caller, booking: Booking) -> tuple[int, bool]:
        new = caller.key not in self.bookings
        self.bookings.setdefault(caller.key, booking)
        return list(self.bookings).index(caller.key) + 1, new

    async def history(self, conversation_id: str, newest: int) -> list[HistoryItem]:
        return self.items[-newest:]

    async def media_done(self, media: Media) -> None:
        raise NotImplementedError

    async def pending_media(self) -> list[tuple[ChannelName, Media]]:
        raise NotImplementedError

    async def conversation(self, conversation_id: str) -> Conversation | None:
        raise NotImplementedError

    async def add_notice(
        self, key: str, kind: str, title: str, body: str, conversation_id: str | None, at: datetime
    ) -> bool:
        raise NotImplementedError

    async def due_notices(self, now: datetime) -> list[Notice]:
        raise NotImplementedError

    async def notice_done(
        self, notice_id: int, again_at: datetime | None, error: str | None
    ) -> None:
        raise NotImplementedError


class Colleagues:
    """Keeps what staff are told and which chats are handed over."""

    def __init__(self, *, assigned: bool = True, trouble: Exception | None = None) -> None:
        self.told: list[tuple[str, str, str]] = []
        self.handed_over: list[str] = []
        self._assigned = assigned
        self._trouble = trouble

    async def tell(self, caller: Caller, kind: str, title: str, body: str) -> None:
        self.told.append((kind, title, body))

    async def escalate(self, caller: Caller, cause: EscalationCause, reason: str) -> None:
        self.told.append(("escalation", cause, reason))

    async def hand_over(self, caller: Caller, reason: str) -> bool:
        if self._trouble:
            raise self._trouble
        self.handed_over.append(reason)
        return self._assigned


class UnreadReceipts(Reader):
    """For tools beside those of payments: nothing here is ever read."""

    def __init__(self) -> None:
        nothing = cast(Any, None)
        super().__init__(nothing, nothing, nothing, nothing, nothing, nothing)
