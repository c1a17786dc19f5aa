"""What waits, what is tried again, what went wrong: behind the health page, /metrics and /readyz.

`storage/queues.py` keeps these promises. Times are when it began; reasons hold no guest's words.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

QUEUES = (
    "messages",  # guests' messages that are in no turn yet
    "turns",  # running ones
    "bubbles",  # of answers, to be sent or being sent
    "bubbles_unknown",  # nobody knows whether they arrived, among the newest
    "mirror",  # history that its session does not have yet
    "media",  # files that are being downloaded
    "notices",  # staff have not been told yet
    "escalations",  # nobody has seen to them yet
    "payment_proofs",  # receipts that wait for a person
    "quarantine",  # bodies that nobody could read; they stay, so their age says nothing
)


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue by its name, how many wait in it, and since when the oldest does; None if nothing
    waits."""

    name: str
    waiting: int
    oldest: datetime | None


class Queues(Protocol):
    """What waits for somebody, of this hotel."""

    async def queues(self) -> list[Queue]:
        """Each queue once, in the order of `QUEUES`, all of one moment."""
        ...


class Kind(StrEnum):
    """What is tried again, or went wrong."""

    ANSWER = "answer"
    BUBBLE = "bubble"
    FILE = "file"
    NOTICE = "notice"
    WEBHOOK = "webhook"


@dataclass(frozen=True, slots=True)
class Retry:
    """Something that failed and is tried again. `tries` have failed; `again_at`: when the next one
    is due, None for at once."""

    kind: Kind
    conversation_id: str | None
    since: datetime
    tries: int
    again_at: datetime | None


@dataclass(frozen=True, slots=True)
class Trouble:
    """What went wrong for one reason: how often, and when it last did."""

    kind: Kind
    reason: str
    count: int
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Stored:
    """The store: sqlite or postgresql, and its size in bytes."""

    kind: str
    size: int


class Condition(Queues, Protocol):
    """What the health page asks on top. Lists are bounded."""

    async def retries(self, limit: int) -> list[Retry]:
        """Those that have lasted longest first."""
        ...

    async def troubles(self, since: datetime, limit: int) -> list[Trouble]:
        """What has gone wrong since, the newest first."""
        ...

    async def booked(self) -> dict[str, datetime]:
        """The next free place of each quota, which may be past."""
        ...

    async def stored(self) -> Stored: ...
