"""The promise of the migration's ledger to whoever watches it: counts, problems, what moved lately.

`storage/standing.py` keeps it. All of it is read from the rows, so that it is the same whoever
started the migration.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from watibot.conversations import Provider
from watibot.messages import ChannelName
from watibot.ports.migrations import State


@dataclass(frozen=True, slots=True)
class Place:
    """Conversations of a channel that are equally far. Sums of what was counted in their threads;
    `planned`: how many were looked at by a plan."""

    channel: ChannelName
    state: State
    conversations: int
    planned: int
    messages: int
    tool_calls: int
    media: int
    items: int


@dataclass(frozen=True, slots=True)
class Lately:
    """What came to a state since a time: conversations, their items, and when the first did."""

    conversations: int = 0
    items: int = 0
    first: datetime | None = None


@dataclass(frozen=True, slots=True)
class Troubled:
    """A conversation whose last attempt failed or was put off."""

    conversation_id: str
    state: State
    problem: str


@dataclass(frozen=True, slots=True)
class Standing:
    """`answerers`: all of the hotel's conversations by who answers them; `problems`: by their
    words; `lately`: by the state that was reached; `next_at`: by quota, its next free place."""

    places: tuple[Place, ...]
    answerers: Mapping[Provider, int]
    problems: Mapping[str, int]
    lately: Mapping[State, Lately]
    next_at: Mapping[str, datetime]

    @property
    def conversations(self) -> int:
        return sum(place.conversations for place in self.places)

    def states(self, channel: ChannelName | None = None) -> dict[State, int]:
        """All states, of one channel or of all."""
        found = dict.fromkeys(State, 0)
        for place in self.places:
            if channel in (None, place.channel):
                found[place.state] += place.conversations
        return found


class Standings(Protocol):
    """The store, as far as it is needed to watch."""

    async def standing(self, since: datetime) -> Standing:
        """`since`: what is lately."""

    async def troubled(self, limit: int) -> list[Troubled]:
        """In the order of their ids."""

    async def known(self, conversation_ids: list[str]) -> dict[str, State]:
        """Those that the migration knows."""
