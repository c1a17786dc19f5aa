"""The store's door for the console: `ports.Console` over SQLite or PostgreSQL.

`chats.py` and `transcripts.py` read what its pages show; `users.py` has who may sign in and what
people did.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from watibot.conversations import Conversation
from watibot.ports.console import (
    Answers,
    Entry,
    Guest,
    Listed,
    Role,
    Transcript,
    User,
    Wanted,
)
from watibot.storage import chats, transcripts, users
from watibot.storage.door import Door
from watibot.turns import Media


class SqlConsole:
    """`ports.Console` for one hotel; `SqlStore.console` is one."""

    def __init__(self, door: Door) -> None:
        self._write = door.write
        self._read = door.read

    # --- Users ---

    async def add_user(
        self, name: str, full_name: str, password_hash: str, role: Role, at: datetime
    ) -> bool:
        return await self._write(users.add_user, name, full_name, password_hash, role, at)

    async def user(self, name: str) -> User | None:
        return await self._read(users.user, name)

    async def users(self) -> list[User]:
        return await self._read(users.all_users)

    async def disable_user(self, name: str, at: datetime) -> bool:
        return await self._write(users.disable_user, name, at)

    async def sign_in(
        self, token_hash: str, name: str, at: datetime, ended_before: datetime
    ) -> None:
        await self._write(users.sign_in, token_hash, name, at, ended_before)

    async def signed_in(self, token_hash: str, now: datetime, idle: timedelta) -> User | None:
        found = await self._read(users.signed_in, token_hash, now - idle)
        if found is None:
            return None
        user, seen_at = found
        if users.is_to_note(seen_at, now):
            await self._write(users.seen, token_hash, now)
        return user

    async def sign_out(self, token_hash: str) -> None:
        await self._write(users.sign_out, token_hash)

    # --- Audit ---

    async def note(self, entry: Entry) -> None:
        await self._write(users.note, entry)

    async def entries(self, limit: int) -> list[Entry]:
        return await self._read(users.entries, limit)

    async def tried(self, action: str, since: datetime, name: str | None = None) -> int:
        return await self._read(users.tried, action, since, name)

    # --- Pages ---

    async def guests(self, conversation_ids: Collection[str]) -> dict[str, Guest]:
        return await self._read(chats.guests, conversation_ids)

    async def held(self, now: datetime, limit: int) -> list[Conversation]:
        return await self._read(chats.held, now, limit)

    async def held_since(self, conversation_ids: Collection[str]) -> dict[str, datetime]:
        return await self._read(chats.held_since, conversation_ids)

    async def find(self, wanted: Wanted, now: datetime, limit: int) -> list[Listed]:
        return await self._read(chats.find, wanted, now, limit)

    async def transcript(
        self, conversation_id: str, before: datetime | None, newest: int
    ) -> Transcript:
        return await self._read(transcripts.transcript, conversation_id, before, newest)

    async def answers(self, conversation_id: str, newest: int) -> Answers:
        return await self._read(transcripts.answers, conversation_id, newest)

    async def conversation_of_booking(self, booking_id: int) -> str | None:
        return await self._read(chats.whose, chats.OF_BOOKING, booking_id)

    async def conversation_of_escalation(self, escalation_id: int) -> str | None:
        return await self._read(chats.whose, chats.OF_ESCALATION, escalation_id)

    async def media(self, media_id: int) -> Media | None:
        return await self._read(transcripts.file, media_id)
