"""The promises of the store on the day's figures, and on whether what a page shows has changed.

`web/console/today.py` asks for the figures, `web/console/live.py` for the pulse. Spans are
`since <= at < until`. Read only.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from watibot.messages import ChannelName
from watibot.turns import TurnState


@dataclass(frozen=True, slots=True)
class TurnTime:
    """A turn, and when the first bubble of its answer was handed to the channel; None while none
    was."""

    opened_at: datetime
    state: TurnState
    handed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Traffic:
    """What was said on a channel, in the conversations whose guest wrote: messages of guests, of
    the assistant, of staff."""

    channel: ChannelName
    conversations: int = 0
    guest: int = 0
    assistant: int = 0
    staff: int = 0


@dataclass(frozen=True, slots=True)
class Day:
    """What happened. `turns` in order of time, `traffic` for every channel, `tools` by outcome."""

    turns: tuple[TurnTime, ...] = ()
    traffic: tuple[Traffic, ...] = ()
    tools: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits for a person now, and since when the oldest of it does."""

    escalations: int = 0
    escalated_at: datetime | None = None
    proofs: int = 0
    proved_at: datetime | None = None
    held: int = 0


class Figures(Protocol):
    """Of one hotel."""

    async def day(self, since: datetime, until: datetime) -> Day: ...

    async def waiting(self, now: datetime) -> Waiting: ...

    async def of_turns(self, turn_ids: Collection[str]) -> dict[str, tuple[str, datetime]]:
        """A turn's conversation and when it was opened; those that there are."""


@dataclass(frozen=True, slots=True)
class Beat:
    """Marks that are others when what a page shows has changed, and say nothing else. `waiting`:
    what waits, by the page on which it does. `signed_in`: those of the browsers that still are."""

    today: str
    queues: str
    conversations: Mapping[str, str]
    waiting: Mapping[str, int]
    signed_in: frozenset[str]


class Pulse(Protocol):
    """Of one hotel, asked every two seconds: each look is cheap."""

    async def beat(
        self,
        day: datetime,
        now: datetime,
        conversation_ids: Collection[str],
        token_hashes: Collection[str],
        seen_after: datetime,
    ) -> Beat:
        """`day`: its beginning. A browser is signed in if it was seen after `seen_after`. Asking
        does not count as being seen."""
