"""The store's door for what concerns people: `ports.People` over SQLite or PostgreSQL.

`SqlStore.people` is one. Behind it `takeovers` and `unanswered` hold who answers, `elsewhere` what
was said where the service did not hear it, `watch` what loops ask.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from watibot.conversations import Conversation
from watibot.history import HistoryItem
from watibot.matching import Said
from watibot.messages import ChannelName, StaffMessage, Takeover
from watibot.ports.people import Holding
from watibot.storage import elsewhere, takeovers, watch
from watibot.storage.door import Door


class SqlPeople:
    """`ports.People` for one hotel."""

    def __init__(self, door: Door) -> None:
        self._write = door.write
        self._read = door.read

    async def hold(self, takeover: Takeover, at: datetime, until: datetime | None) -> Holding:
        return await self._write(takeovers.hold, takeover, at, until)

    async def expired(self, now: datetime) -> list[Conversation]:
        return await self._read(watch.expired, now)

    async def known(self, conversation_id: str, since: datetime, ids: Sequence[str]) -> list[Said]:
        return await self._read(elsewhere.known, conversation_id, since, ids)

    async def take_in(
        self, conversation_id: str, items: Sequence[HistoryItem], checked_at: datetime | None
    ) -> int:
        return await self._write(elsewhere.take_in, conversation_id, items, checked_at)

    async def take_in_past(
        self, conversation_id: str, items: Sequence[HistoryItem], next_page: int | None
    ) -> int:
        return await self._write(elsewhere.take_in_past, conversation_id, items, next_page)

    async def without_past(self, limit: int) -> list[Conversation]:
        return await self._read(watch.without_past, limit)

    async def recent(self, channel: ChannelName, since: datetime) -> list[Conversation]:
        return await self._read(watch.recent, channel, since)

    async def last_said(self, conversation_id: str) -> datetime | None:
        return await self._read(watch.last_said, conversation_id)

    async def staff_says(
        self, conversation_id: str, item: HistoryItem, texts: Sequence[str], until: datetime
    ) -> datetime | None:
        return await self._write(takeovers.staff_says, conversation_id, item, texts, until)

    async def turns_since(self, conversation_id: str, since: datetime) -> int:
        return await self._read(watch.turns_since, conversation_id, since)

    async def stop(self, conversation_id: str, at: datetime | None) -> None:
        await self._write(takeovers.stop, conversation_id, at)

    async def obey(self, message: StaffMessage, silent: bool, now: datetime) -> Holding:
        return await self._write(takeovers.obey, message, silent, now)

    async def fold(self, conversation_id: str, summary: str, until: datetime) -> None:
        await self._write(watch.fold, conversation_id, summary, until)

    async def count_calls(self, provider: str, month: str, more: int) -> int:
        return await self._write(watch.count_calls, provider, month, more)
