"""The promises around a guest who is to be forgotten: the store's work list, and places outside.

`service/erase.py` works through the list. An erasure is a row from the moment somebody asks for it
until nothing is left anywhere; then it is the receipt, and nothing in it says who it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from watibot.ports.migrations import Busy


class Place(StrEnum):
    """Where a guest is kept, in the order in which they go from there."""

    ROWS = "rows"  # the store: all of them in one transaction
    MEDIA = "media"  # files on our own disk
    SESSIONS = "sessions"  # at Vertex
    THREAD = "thread"  # at OpenAI
    ARCHIVE = "archive"  # what a migration has exported


class Unreached(StrEnum):
    """What may still know the guest, and nothing here can take them out of."""

    BACKUPS = "backups"  # copies of the store and of the folders
    CHANNEL = "channel"  # the chat in the channel's own inbox
    NOTICES = "notices"  # what staff were told by mail or message
    THREAD = "thread"  # OpenAI's API is not set up, or is no more
    EXPORTS = "exports"  # files that somebody exported and a migration reads


@dataclass(frozen=True, slots=True)
class Erasure:
    """One guest's. `key` is a keyed digest of the conversation's name (`telemetry.tag`).

    `left` are names by the place where they are still to go; a place without names is to be looked
    at once more. `gone` counts by place. `tries` counts rounds that failed. `due_at` is None when
    nothing is left (`ended_at`) or when it was given up (`problem`). Names are None and `left` is
    empty once everything is gone. `rows_gone_at`: when the store forgot the guest.
    """

    erasure_id: int
    key: str
    asked_at: datetime
    asked_by: str
    conversation_id: str | None
    left: Mapping[Place, tuple[str, ...]]
    gone: Mapping[Place, int] = field(default_factory=dict)
    unreached: frozenset[Unreached] = frozenset()
    rows_gone_at: datetime | None = None
    tries: int = 0
    due_at: datetime | None = None
    problem: str | None = None
    ended_at: datetime | None = None

    @property
    def given_up(self) -> bool:
        """Whether it waits for a person."""
        return self.due_at is None and self.ended_at is None


class Erasures(Protocol):
    """The list of one hotel. Methods are transactions."""

    async def ask(self, key: str, conversation_id: str, by: str, at: datetime) -> int | None:
        """A new erasure, or the one that waits for this conversation's rows already; its number.
        None if there is no such conversation."""

    async def erasure(self, erasure_id: int) -> Erasure | None: ...

    async def due(self, now: datetime) -> list[Erasure]:
        """Those to be worked on, the oldest first."""

    async def erase_rows(self, erasure_id: int, now: datetime, *, patient: bool) -> Busy | None:
        """Takes the guest out of every table, and notes in the erasure what is left outside. Busy,
        and nothing was changed, while the conversation is under work; `patient`: also between two
        tries of a turn, and while an answer or a file is on its way. None: its rows are gone."""

    async def in_use(self, path: str) -> bool:
        """Whether somebody's file is kept under this path of the media folder."""

    async def save(self, after: Erasure) -> None:
        """How far it is. Its names go with its end."""

    async def again(self, erasure_id: int, at: datetime) -> bool:
        """One that was given up is tried again. False if it was not."""

    async def newest(self, limit: int) -> list[Erasure]:
        """The newest first."""

    async def count_given_up(self) -> int: ...

    async def erased_at(self, key: str) -> datetime | None:
        """When the rows of this key's guest last went: what was said before is not theirs now."""


class GuestRows(Protocol):
    """All that the store has of a guest."""

    async def kept(self, conversation_id: str) -> dict[str, list[dict[str, object]]] | None:
        """Rows by the table's name, in the order in which they were made, as the columns name their
        values. None if there is no such conversation."""


class ErasableFiles(Protocol):
    """The media folder, as far as an erasure needs it."""

    async def drop(self, path: str) -> None:
        """Deletes the file; one that is gone already is no error. Raises OSError."""


class ErasableSessions(Protocol):
    """The sessions, as far as an erasure needs them."""

    async def sessions_of(self, user_id: str) -> list[str]:
        """The ids of all sessions that were made for this user. Raises ProviderError."""

    async def delete(self, session_id: str) -> None:
        """One that is gone already is no error. Raises ProviderError."""


class ErasableThreads(Protocol):
    """OpenAI's threads, as far as an erasure needs them."""

    async def delete(self, thread_id: str) -> bool:
        """Deletes the thread and what was copied from it; False if it was gone already. Raises
        ProviderError; GONE when the API is no more."""


class ErasableArchive(Protocol):
    """The archive, as far as an erasure needs it."""

    async def drop(self, names: Sequence[str]) -> int:
        """Deletes the threads that go by one of these names, with their files; how many there were.
        Raises OSError."""
