"""Stand-ins for channels and media that keep the whole promise in memory.

`FakeChannel` sits the same exam as WATI and ManyChat (`tests/contract/test_channels.py`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from watibot.conversations import REPLY_WINDOW, Conversation
from watibot.errors import Cause, ProviderError, UnreadablePayload
from watibot.messages import ChannelName, Delivery, Inbound, MessageKind
from watibot.ports.outside import (
    Absent,
    CannotTell,
    Clock,
    File,
    Found,
    Later,
    Lookup,
    Outcome,
    Refused,
    Sent,
    Unknown,
)
from watibot.turns import Bubble, Media

Failure = Literal[
    "unreachable", "throttled", "unauthorised", "unavailable", "lost_before", "lost_after"
]
_OUTCOMES: dict[Failure, Outcome] = {
    "unreachable": Later(5.0, Cause.UNREACHABLE),
    "throttled": Later(7.0, Cause.THROTTLED),
    "unauthorised": Later(60.0, Cause.UNAUTHORISED),
    "unavailable": Unknown(Cause.UNAVAILABLE),
    "lost_before": Unknown(Cause.LOST),
    "lost_after": Unknown(Cause.LOST),
}


class FakeChannel:
    """A provider with a 24-hour window, an order, and doubts.

    `arrived` holds what guests got, per address. `failures` are spent one per call, `check` and
    `held_by_staff` included. `history` False is a provider that shows nothing of what was sent.
    """

    settle = 10.0

    def __init__(
        self,
        clock: Clock,
        name: str = "fake",
        channel: ChannelName = ChannelName.WHATSAPP,
        *,
        history: bool = True,
        desk: bool = True,
    ) -> None:
        self.name = name
        self.arrived: defaultdict[str, list[Bubble]] = defaultdict(list)
        self.failures: list[Failure] = []
        self.staff: set[str] = set()
        self.handed_over: list[tuple[str, str]] = []
        self.notes: dict[str, str] = {}
        self._clock = clock
        self._channel = channel
        self._history = history
        self._desk = desk
        self._last_guest_at: dict[str, datetime] = {}

    def guest_writes(self, address: str) -> None:
        """Opens the reply window."""
        self._last_guest_at[address] = self._clock.now()

    def texts(self, address: str) -> list[str]:
        return [bubble.text for bubble in self.arrived[address]]

    def read(self, body: Any, received_at: datetime) -> Sequence[Delivery]:
        """`{"id", "from", "text"}` is a guest's message, which opens the window too."""
        if not isinstance(body, dict) or not all(
            isinstance(body.get(key), str) for key in ("id", "from", "text")
        ):
            raise UnreadablePayload("id, from or text is missing")
        self._last_guest_at[body["from"]] = received_at
        return [
            Inbound(
                channel=self._channel,
                conversation_id=body["from"],
                address=body["from"],
                provider_id=body["id"],
                provider_time=received_at,
                kind=MessageKind.TEXT,
                text=body["text"],
            )
        ]

    async def send(self, conversation: Conversation, bubble: Bubble) -> Outcome:
        failure = self.failures.pop(0) if self.failures else None
        if failure is not None and failure != "lost_after":
            return _OUTCOMES[failure]
        last = self._last_guest_at.get(conversation.address)
        if last is None or self._clock.now() >= last + REPLY_WINDOW:
            return Unknown(Cause.LOST) if failure else Refused("window")
        self.arrived[conversation.address].append(bubble)
        return _OUTCOMES[failure] if failure else Sent(f"sent-{bubble.bubble_id}")

    async def find(self, conversation: Conversation, bubble: Bubble) -> Lookup:
        if not self._history:
            return CannotTell()
        if any(each.bubble_id == bubble.bubble_id for each in self.arrived[conversation.address]):
            return Found(f"sent-{bubble.bubble_id}")
        if bubble.last_attempt_at is None:
            return Absent()
        waited = (self._clock.now() - bubble.last_attempt_at).total_seconds()
        return Absent() if waited >= self.settle else CannotTell(self.settle - waited)

    async def held_by_staff(self, conversation: Conversation) -> bool:
        self._fail()
        return conversation.address in self.staff

    async def hand_over(self, conversation: Conversation, reason: str) -> bool:
        if self._desk:
            self.handed_over.append((conversation.address, reason))
        return self._desk

    async def note(self, conversation: Conversation) -> str | None:
        self._fail()
        return self.notes.get(conversation.address)

    async def check(self) -> str:
        self._fail()
        return f"{self.name} answers"

    def _fail(self) -> None:
        if self.failures:
            failure = self.failures.pop(0)
            cause = Cause.LOST if failure.startswith("lost") else Cause(failure)
            raise ProviderError(self.name, cause)


class FakeMedia:
    """Files by their source; a source without a file is an expired link."""

    def __init__(self, files: dict[str, File] | None = None) -> None:
        self.files = files or {}
        self.failures: list[ProviderError] = []
        self.fetched: list[str] = []

    async def fetch(self, channel: ChannelName, media: Media) -> File:
        self.fetched.append(media.source)
        if self.failures:
            raise self.failures.pop(0)
        if media.source not in self.files:
            raise ProviderError(f"{channel} media", Cause.INVALID, "link expired", status=404)
        return self.files[media.source]
