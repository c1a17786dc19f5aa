"""The promises of what lies outside: time, channels, media, the model, sessions, staff, lanes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, TypeVar

from watibot.conversations import Conversation
from watibot.matching import Row
from watibot.messages import ChannelName, Delivery, Inbound
from watibot.modelcalls import ModelAnswer, ModelRequest
from watibot.turns import Bubble, Media

T = TypeVar("T")


class Clock(Protocol):
    """Time, so that tests can hold it still and rehearsals can run it faster."""

    def now(self) -> datetime:
        """Aware, UTC, microseconds."""

    def time(self) -> float:
        """The same as seconds since the epoch."""

    async def sleep(self, seconds: float) -> None: ...

    async def limit(self, seconds: float, work: Awaitable[T]) -> T:
        """The work's result; TimeoutError once `seconds` have passed, and the work is cancelled."""


class Quota(Protocol):
    """A provider's rate, kept by all that call it together."""

    async def place(self) -> None:
        """Waits for a free place and takes it."""

    async def hold(self, seconds: float) -> None:
        """No place for so long: the provider asked for a pause."""


# --- channels ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sent:
    """The provider took the bubble."""

    provider_id: str | None = None
    record_id: str | None = None


@dataclass(frozen=True, slots=True)
class Later:
    """It certainly did not arrive, and may be tried again after `seconds`."""

    seconds: float
    reason: str


@dataclass(frozen=True, slots=True)
class Refused:
    """It did not arrive and never will: closed window, blocked, invalid."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody can say whether it arrived: time ran out or the line broke after it had left."""

    reason: str


Outcome = Sent | Later | Refused | Unknown


@dataclass(frozen=True, slots=True)
class Found:
    """A look-up saw the bubble at the provider."""

    provider_id: str | None = None


@dataclass(frozen=True, slots=True)
class Absent:
    """A look-up that the provider's own delays cannot have spoiled did not see it."""


@dataclass(frozen=True, slots=True)
class CannotTell:
    """The provider has no history, or does not answer now (`again_after` seconds)."""

    again_after: float | None = None


Lookup = Found | Absent | CannotTell


@dataclass(frozen=True, slots=True)
class File:
    """A downloaded file."""

    data: bytes
    mime: str  # sniffed from the bytes


class Channel(Protocol):
    """One provider's way to guests. `read` is pure; the others talk to the provider."""

    name: str  # "wati", "manychat"

    def read(self, body: Any, received_at: datetime) -> Sequence[Delivery]:
        """What a webhook's JSON means. Raises UnreadablePayload, its reason free of guest data."""

    async def send(self, conversation: Conversation, bubble: Bubble) -> Outcome: ...

    async def find(self, conversation: Conversation, bubble: Bubble) -> Lookup:
        """Whether a bubble that was sent under doubt arrived."""

    async def held_by_staff(self, conversation: Conversation) -> bool:
        """Asks the provider, where it can tell (a tag, a field); False where it cannot."""

    async def hand_over(self, conversation: Conversation, reason: str) -> bool:
        """Gives the chat to a person at the provider; False where that does not exist."""

    async def note(self, conversation: Conversation) -> str | None:
        """What staff left at the provider for the assistant, where its inbox cannot be read.
        Raises ProviderError."""

    async def check(self) -> str:
        """For `watibot doctor`: one line about what was reached. Raises ProviderError."""


@dataclass(frozen=True, slots=True)
class ChatRow:
    """A row of a chat at the provider. `words` is how it would read in our history; `message` is
    what its webhook would have become if the guest wrote it, None for a row that is no message;
    `raw` is the row as it came."""

    row: Row
    words: str
    message: Inbound | None
    raw: bytes


@dataclass(frozen=True, slots=True)
class ChatPage:
    """Rows, the newest first. `last`: there are none behind it."""

    rows: tuple[ChatRow, ...]
    last: bool


class ChatHistory(Protocol):
    """What the provider keeps of a chat, whoever wrote it."""

    async def page(self, address: str, number: int, size: int) -> ChatPage:
        """Pages count from 1. Rows that come in between push others onto the next page again.
        Raises ProviderError: NOT_FOUND for a guest whom the provider does not know, THROTTLED with
        `retry_after` when the month's calls are used up."""


@dataclass(frozen=True, slots=True)
class Contact:
    """A guest whom the provider knows. `changed_at`: where it says when it last heard of them."""

    address: str
    name: str | None = None
    changed_at: datetime | None = None


class ContactList(Protocol):
    """Everybody whom the provider knows."""

    async def page(self, number: int) -> tuple[Contact, ...]:
        """Pages count from 1; one without anybody new is behind the end. Raises ProviderError."""


class MediaSource(Protocol):
    """Downloads what guests send."""

    async def fetch(self, channel: ChannelName, media: Media) -> File:
        """Raises ProviderError: INVALID for what will never come (host, size, expired link)."""


class MediaFiles(Protocol):
    """Keeps downloaded bytes."""

    async def put(self, file: File) -> str:
        """The path under which `get` gives them back; the same bytes have the same path."""

    async def get(self, path: str) -> bytes: ...


# --- the model --------------------------------------------------------------------------------


class Model(Protocol):
    """Gemini, or what stands where it stood."""

    async def generate(self, request: ModelRequest) -> ModelAnswer:
        """Raises ProviderError; Cause.BLOCKED for an answer without a usable candidate."""


# --- sessions ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SessionEvent:
    """An event of a session. `event_id` is our own (`rawEvent.id`); None for one not of ours."""

    event_id: str | None
    author: str
    invocation_id: str
    timestamp: datetime
    content: dict[str, Any] | None = None
    raw: dict[str, Any] = field(default_factory=dict)


class Sessions(Protocol):
    """Agent Engine Sessions. Appends are not idempotent: after LOST or TIMEOUT, read back first."""

    async def create(self, session_id: str, user_id: str) -> bool:
        """True if it was made, False if it was there already."""

    async def exists(self, session_id: str) -> bool: ...

    async def append(self, session_id: str, event: SessionEvent) -> None:
        """Raises ProviderError NOT_FOUND when the session is gone."""

    async def newest(self, session_id: str, count: int) -> list[SessionEvent]:
        """The last `count` events, the newest first."""

    async def events(self, session_id: str) -> list[SessionEvent]:
        """All events, the oldest first."""

    async def delete(self, session_id: str) -> None: ...


# --- staff ------------------------------------------------------------------------------------


class Notifier(Protocol):
    """Tells staff."""

    async def tell(self, title: str, body: str) -> None:
        """Raises ProviderError when nobody was reached."""


# --- the engine -------------------------------------------------------------------------------


class Lanes(Protocol):
    """Starts a conversation's work when it is due: never two at once for one conversation, in order
    of due time, at most so many together. A wake-up is a hint; the store's rows decide."""

    def wake(self, conversation_id: str, due_at: datetime) -> None: ...

    async def run(self) -> None:
        """Runs until cancelled; work under way is finished first."""


Work = Callable[[str], Awaitable[None]]
