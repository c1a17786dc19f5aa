"""The promises of the store to the console: who may sign in, what was done, what the pages show.

`web/console/` asks them, `service/desk.py` notes there what people did. Methods are transactions,
as in `store.py`; lists are bounded.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from watibot.conversations import Conversation
from watibot.history import HistoryItem
from watibot.messages import ChannelName
from watibot.modelcalls import Usage
from watibot.turns import BubbleState, GuestMessage, Media, TurnState


class Role(StrEnum):
    """What a user may do: the desk answers guests, the owner also reads what the desk did."""

    DESK = "desk"
    OWNER = "owner"


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who may sign in, unless `disabled_at` is set. The log goes by `user_name`; guests,
    colleagues and the model read `full_name`."""

    user_name: str
    full_name: str
    password_hash: str
    role: Role
    created_at: datetime
    disabled_at: datetime | None = None


class Users(Protocol):
    """Who may sign in, and who is."""

    async def add_user(
        self, name: str, full_name: str, password_hash: str, role: Role, at: datetime
    ) -> bool:
        """False if there is one of this name, disabled or not."""

    async def user(self, name: str) -> User | None: ...

    async def users(self) -> list[User]: ...

    async def disable_user(self, name: str, at: datetime) -> bool:
        """From now on nobody is signed in by this name. False if it is so already, or there is no
        such user."""

    async def sign_in(
        self, token_hash: str, name: str, at: datetime, ended_before: datetime
    ) -> None:
        """A browser is signed in. Those not seen since `ended_before` are forgotten."""

    async def signed_in(self, token_hash: str, now: datetime, idle: timedelta) -> User | None:
        """Whose browser it is, if it was seen within `idle` and the user is not disabled. That it
        was seen is noted, not more often than each minute."""

    async def sign_out(self, token_hash: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that a person did, or tried. `detail` holds no guest's words."""

    at: datetime
    user_name: str
    action: str
    conversation_id: str | None = None
    detail: str | None = None


class Audit(Protocol):
    """What people did, and who tried to sign in."""

    async def note(self, entry: Entry) -> None: ...

    async def entries(self, limit: int) -> list[Entry]:
        """The newest first."""

    async def tried(self, action: str, since: datetime, name: str | None = None) -> int:
        """How often somebody, or this user, did it since."""


@dataclass(frozen=True, slots=True)
class Guest:
    """Whose row it is, as a list names them."""

    conversation_id: str
    channel: ChannelName
    name: str | None


class ChatState(StrEnum):
    """How a conversation stands; several may be true at once."""

    WAITING = "waiting"  # the guest waits for the assistant, or for the colleague who holds it
    ANSWERING = "answering"  # a turn runs
    ANSWERED = "answered"  # nobody waits for anything
    ESCALATED = "escalated"  # a dead end that nobody has seen to
    STOPPED = "stopped"  # the guest asked the assistant to be silent
    CLOSED = "closed"  # the channel takes no free message any more
    OPENAI = "openai"  # OpenAI's assistant still answers it
    MIGRATED = "migrated"  # it was carried over


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a search asks for. `words`: in the guest's name or number, case and accents left out.
    `staff`: only those that staff hold, or do not. `after`: the last one of the page before, by the
    guest's last time and the id."""

    words: str = ""
    channel: ChannelName | None = None
    staff: bool | None = None
    state: ChatState | None = None
    after: tuple[datetime, str] | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """A conversation that was found."""

    conversation: Conversation
    states: frozenset[ChatState]


@dataclass(frozen=True, slots=True)
class Piece:
    """A bubble, as far as a transcript shows it."""

    turn_id: str
    text: str
    state: BubbleState
    receipt: str | None
    reason: str | None
    created_at: datetime
    attempts: int = 0
    sent_at: datetime | None = None
    receipt_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A turn, as far as a transcript shows it. `model_seconds`: of these the model took."""

    turn_id: str
    state: TurnState
    opened_at: datetime
    finished_at: datetime | None
    model: str | None
    instructions_version: str | None
    usage: Usage
    model_seconds: float
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class Answers:
    """All turns of a conversation together; `turn_ids` are those of the newest."""

    count: int
    usage: Usage
    model_seconds: float
    turn_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Transcript:
    """A part of what was said, in order. `pieces` are the bubbles of the same time, `waiting` what
    no history item stands for yet. `media` is by item id, as is `quoted`: the words that a guest
    replied to. `answers` are by turn. `older`: where to go on, if there is more."""

    items: tuple[HistoryItem, ...]
    pieces: tuple[Piece, ...]
    waiting: tuple[GuestMessage, ...]
    media: Mapping[str, tuple[Media, ...]]
    older: datetime | None
    quoted: Mapping[str, str] = field(default_factory=dict)
    answers: Mapping[str, Answer] = field(default_factory=dict)


class Pages(Protocol):
    """What the pages show."""

    async def guests(self, conversation_ids: Collection[str]) -> dict[str, Guest]:
        """By conversation; those that there are."""

    async def held(self, now: datetime, limit: int) -> list[Conversation]:
        """Conversations that staff hold, those that end first at the top."""

    async def held_since(self, conversation_ids: Collection[str]) -> dict[str, datetime]:
        """When staff last did something by which they hold a conversation; those that they hold."""

    async def find(self, wanted: Wanted, now: datetime, limit: int) -> list[Listed]:
        """Conversations, those that wrote last first."""

    async def transcript(
        self, conversation_id: str, before: datetime | None, newest: int
    ) -> Transcript:
        """The newest items before a time; with the messages that wait if that is now."""

    async def answers(self, conversation_id: str, newest: int) -> Answers:
        """What its turns have used up; the ids of the newest ones."""

    async def conversation_of_booking(self, booking_id: int) -> str | None: ...

    async def conversation_of_escalation(self, escalation_id: int) -> str | None: ...

    async def media(self, media_id: int) -> Media | None: ...


class Console(Users, Audit, Pages, Protocol):
    """All of it, for one hotel."""
