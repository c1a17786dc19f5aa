"""The promise of the store on money: charges are added, and summed in the ways that people ask for.

`service/charging.py` adds, `service/budget.py`, the console and `watibot costs` ask. Money is whole
micro-dollars. Spans are `since <= at < until`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from watibot.charges import Charge
from watibot.modelcalls import Usage


class By(StrEnum):
    """What charges are summed by. `SPAN`: quarters of an hour, as microseconds since the epoch in
    `Sum.key`; every time zone's days are made of whole ones."""

    SPAN = "span"
    OPERATION = "operation"
    MODEL = "model"
    CHANNEL = "channel"
    CONVERSATION = "conversation_id"
    TURN = "turn_id"


@dataclass(frozen=True, slots=True)
class Sum:
    """Charges together. `micros`: those whose price is known; `unknown`: how many are without one.
    `quantity` counts calls, events, requests. `key`: what they have in common, "" for none."""

    key: str = ""
    micros: int = 0
    unknown: int = 0
    charges: int = 0
    quantity: int = 0
    usage: Usage = field(default_factory=Usage)


@dataclass(frozen=True, slots=True)
class Reach:
    """What was done with the money: conversations and turns that the model was asked for, bookings
    that were made."""

    conversations: int = 0
    turns: int = 0
    bookings: int = 0


class Charges(Protocol):
    """The ledger of one hotel."""

    async def add(self, charges: Sequence[Charge]) -> None: ...

    async def total(self, since: datetime, until: datetime) -> Sum: ...

    async def sums(self, by: By, since: datetime, until: datetime, limit: int) -> list[Sum]:
        """The most expensive first; spans in order of time."""

    async def of_turns(self, turn_ids: Collection[str]) -> dict[str, Sum]: ...

    async def reach(self, since: datetime, until: datetime) -> Reach: ...

    async def charges(self, since: datetime, until: datetime, limit: int) -> list[Charge]:
        """One by one, in order of time."""
