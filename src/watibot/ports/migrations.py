"""The promise of the migration's ledger, and of what a migration may do to a conversation.

Beside `ports/store.py`, whose rules hold here too: each method is a transaction, and a method that
takes a `fence` raises LostLease when somebody else has claimed the conversation since.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from watibot.conversations import Conversation, Provider
from watibot.history import HistoryItem
from watibot.messages import ChannelName


class State(StrEnum):
    """How far a conversation is on its way. `migration/ledger.py` has the legal steps."""

    PENDING = "pending"
    MISSING = "missing"  # no source has its thread
    EXPORTED = "exported"  # the archive has it
    IMPORTED = "imported"  # history and session have all of it
    VERIFIED = "verified"  # both sides were read again and agree
    CUT_OVER = "cut_over"
    ROLLED_BACK = "rolled_back"


@dataclass(frozen=True, slots=True)
class Move:
    """A conversation's line in the ledger. `problem`: why the last attempt failed or was put off;
    None after one that went well. `version`: the thread's, as last read. `losses`: by what."""

    conversation_id: str
    channel: ChannelName
    address: str
    thread_id: str | None
    provider: Provider
    history_imported: bool
    state: State = State.PENDING
    problem: str | None = None
    attempts: int = 0
    source: str | None = None
    version: str | None = None
    messages: int = 0
    tool_calls: int = 0
    media: int = 0
    items: int = 0
    losses: Mapping[str, int] = field(default_factory=dict)
    planned_at: datetime | None = None
    exported_at: datetime | None = None
    imported_at: datetime | None = None
    verified_at: datetime | None = None
    verified_version: str | None = None
    cut_over_at: datetime | None = None
    rolled_back_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Busy:
    """A conversation that cannot be held now: a turn runs, a bubble is on its way, another holds
    it."""

    reason: str


class Migrations(Protocol):
    """The store's side of a migration."""

    async def moves(
        self,
        states: Collection[State] = (),
        channels: Collection[ChannelName] = (),
        only: Collection[str] = (),
        after: str | None = None,
        limit: int = 500,
    ) -> list[Move]:
        """Conversations that have a thread, a line in the ledger or are OpenAI's, in the order of
        work: history_imported first, then WhatsApp, Facebook, Instagram, then by id. Empty
        collections: all. `after`: the id of the last one of the page before."""

    async def move(self, conversation_id: str) -> Move | None: ...

    async def save_move(self, move: Move, expected: State) -> bool:
        """Writes the line if its state still is `expected` (PENDING: no line yet, too). Whether."""

    async def count_moves(self) -> dict[State, int]: ...

    async def hold(
        self, conversation_id: str, now: datetime, until: datetime
    ) -> Conversation | Busy:
        """Takes the lease between two turns and raises the fence, whether work is due or not. Give
        it back with `release`."""

    async def take_in(self, conversation_id: str, fence: int, items: Sequence[HistoryItem]) -> int:
        """Puts a thread's items in their places in the history, parked for the session; those that
        are there already, by item id or by source, stay as they are. How many were new."""

    async def take_in_between(
        self,
        after: Move,
        expected: State,
        fence: int,
        items: Sequence[HistoryItem],
        now: datetime,
    ) -> int | Busy:
        """The same without a hold, between two turns, together with the ledger's line: all of it,
        or Busy; also when the fence is not `fence` any more. Raises LostLease as `save_move` says
        no."""

    async def lacking(self, conversation_id: str) -> list[HistoryItem]:
        """What guests, assistant and staff said that the thread does not have, the oldest first."""

    async def posted(self, conversation_id: str, fence: int, posted: Mapping[str, str]) -> None:
        """By item id: the ids under which the thread now has them."""

    async def flip(
        self, conversation_id: str, fence: int, provider: Provider, now: datetime
    ) -> None:
        """Who answers from now on. To VERTEX: what is parked still is the mirror's from then on,
        and the conversation counts as migrated."""

    async def whole_history(self, conversation_id: str) -> list[HistoryItem]:
        """All items, the oldest first."""

    async def first_here(self, conversation_id: str) -> datetime | None:
        """When the first message came that we were given ourselves, by the provider's time."""

    async def unmoved(self, conversation_id: str) -> int:
        """Items that are still parked for, or on their way to, the session."""
