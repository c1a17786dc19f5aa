"""A turn: one burst of a guest's messages and the answer to it. When a burst is due.

Pure. `storage/` applies `due` inside the commit that stores a message, `engines/` wakes at the
time it gives, `service/answer.py` walks the states.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from watibot.conversations import Conversation
from watibot.history import HistoryItem
from watibot.messages import Inbound, MessageKind
from watibot.settings import Debounce


class TurnState(StrEnum):
    """running -> answered | failed. A superseded turn is the same turn, started again."""

    RUNNING = "running"
    ANSWERED = "answered"
    FAILED = "failed"  # the guest was given the apology


class BubbleState(StrEnum):
    """waiting -> sending -> sent | refused | unknown; waiting -> cancelled."""

    WAITING = "waiting"
    SENDING = "sending"
    SENT = "sent"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    CANCELLED = "cancelled"


class MediaState(StrEnum):
    """pending -> ready | failed."""

    PENDING = "pending"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Media:
    """An attachment on its way to the model. `path` is relative to the media folder."""

    media_id: int
    kind: str
    source: str
    state: MediaState
    mime: str | None = None
    size: int | None = None
    path: str | None = None
    file_name: str | None = None
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class GuestMessage:
    """A stored message of the open turn."""

    seq: int
    item_id: str
    provider_time: datetime
    received_at: datetime
    kind: MessageKind
    text: str
    media: tuple[Media, ...] = ()
    reply_to: str | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One finished step of a running turn: a model's content, or a round of tool results."""

    position: int
    item: HistoryItem


@dataclass(frozen=True, slots=True)
class Progress:
    """What a running turn has used up of its limits (settings, `PATIENCE_`).

    `active` are seconds spent working since `recoveries` was last reset; waiting for a provider's
    back-off does not count. `restarts` are for guests who wrote again.
    """

    tries: int = 0
    recoveries: int = 0
    active: float = 0.0
    restarts: int = 0


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn under work, with all that is needed to build its prompt without a network call."""

    turn_id: str
    conversation: Conversation
    messages: tuple[GuestMessage, ...]
    history: tuple[HistoryItem, ...]
    steps: tuple[Step, ...]
    progress: Progress
    opened_at: datetime
    effect_done: bool  # a tool with an effect has run: not to be started again


@dataclass(frozen=True, slots=True)
class Bubble:
    """One piece of an answer, as the channel is given it."""

    bubble_id: str  # also the local message id on WATI
    conversation_id: str
    turn_id: str
    position: int
    text: str
    state: BubbleState = BubbleState.WAITING
    attempts: int = 0
    last_attempt_at: datetime | None = None


# A mark that ends a sentence, then at most quotes and emoji. Dots in a row announce more to come.
_ENDS = re.compile(r"(?:(?<![.…])\.|[?!])[^\w.,;:…]*$")
# What opens a burst rarely is all of it, however it ends.
_GREETING = re.compile(
    r"(?:\W|\b(?:hola|buen[oa]s?|d[ií]as?|tardes?|noches?|muy|qu[eé] tal|hello|hi|hey|good|morning|"
    r"afternoon|evening|there|c[oó]mo est[aá]n?|how are you)\b)*",
    re.IGNORECASE,
)
# Characters. Shorter ones ("Ok.", "Gracias!") say nothing about what follows; a question ends a
# thought sooner.
_SHORTEST_QUESTION = 12
_SHORTEST_SENTENCE = 20


def quiet_time(message: Inbound, debounce: Debounce) -> float:
    """Seconds to wait for more after this message: less when it plainly ends a thought, more after
    media, because an album and the words to it come as messages of their own."""
    if message.attachments:
        return debounce.quiet_after_media
    if message.kind is MessageKind.REPLY:
        return debounce.quiet_when_complete
    if message.kind is MessageKind.TEXT and _complete(message.text.strip()):
        return debounce.quiet_when_complete
    return debounce.quiet


def _complete(text: str) -> bool:
    mark = _ENDS.search(text)
    if mark is None or _GREETING.fullmatch(text):
        return False
    return len(text) >= (_SHORTEST_QUESTION if "?" in mark.group() else _SHORTEST_SENTENCE)


def due(
    message: Inbound, received_at: datetime, deadline: datetime | None, debounce: Debounce
) -> tuple[datetime, datetime]:
    """When the burst that ends with this message is due, and its deadline.

    `deadline` is the one that the burst's first message set, or None if this is the first.
    """
    limit = deadline or received_at + timedelta(seconds=debounce.longest_wait)
    quiet_until = received_at + timedelta(seconds=quiet_time(message, debounce))
    return min(quiet_until, limit), limit
