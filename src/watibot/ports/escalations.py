"""The promise of the store about dead ends: kept, told, repeated, acknowledged.

An escalation and the notice that tells of it are one transaction: neither is ever without the other
(`records` then keeps the notice until somebody was reached).
"""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from watibot.escalations import DeadEnd, Escalation, Told
from watibot.messages import ChannelName


class Escalations(Protocol):
    """What a person has to see to."""

    async def open(self, end: DeadEnd, told: Told, repeat_at: datetime | None) -> bool:
        """Keeps it and adds the notice; whether it is new. Once per `end.key`. While an escalation
        of the same conversation and cause is still being repeated, nothing is added: staff are
        being told. One that was given up does not hide a new one."""

    async def due(self, now: datetime) -> list[Escalation]:
        """Those that nobody acknowledged and that are to be told again, the longest waiting
        first."""

    async def told(self, seen: Escalation, told: Told, repeat_at: datetime | None) -> bool:
        """Told once more: counts it and adds the notice. False if it was acknowledged or told
        meanwhile; then nothing is added. `repeat_at` None: the last time."""

    async def acknowledge(
        self, escalation_id: int, by: str, at: datetime, note: str | None = None
    ) -> bool:
        """Somebody sees to it. False if somebody did already or there is no such escalation."""

    async def acknowledge_all(
        self, channel: ChannelName, name: str, by: str, at: datetime, note: str | None = None
    ) -> int:
        """All of a conversation that were opened at `at` or before it and are open; how many. It
        may go by any of its names."""

    async def open_ones(self, limit: int) -> list[Escalation]:
        """Those that nobody acknowledged, the oldest first."""

    async def of(self, conversation_id: str) -> list[Escalation]:
        """A conversation's, the newest first, at most 100."""
