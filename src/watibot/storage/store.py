"""The door to the store: every promise of `ports/store.py`, each as one transaction.

`wiring.py` opens it for the service, `cli/` for short looks. Behind it `inbox`, `takeovers`,
`claims`, `turnbook`, `outbox`, `records` and `mirrored` hold the statements; `writer` runs them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import ParamSpec, Self, TypeVar

from sqlalchemy.exc import SQLAlchemyError

from watibot.conversations import Conversation, Provider
from watibot.history import HistoryItem
from watibot.messages import ChannelName, Inbound, Receipt, StaffMessage
from watibot.ports.migrations import Busy, Move, State
from watibot.ports.outside import Clock
from watibot.ports.store import (
    Booking,
    Claim,
    Finish,
    MirrorJob,
    Notice,
    Permit,
    Received,
    StepRecord,
)
from watibot.settings import Debounce
from watibot.storage import (
    claims,
    figures,
    inbox,
    ledger,
    mirrored,
    moves,
    outbox,
    records,
    schema,
    takeovers,
    timeline,
    turnbook,
)
from watibot.storage.adopt import refuse_unadopted
from watibot.storage.caches import SqlCaches
from watibot.storage.charges import SqlCharges
from watibot.storage.console import SqlConsole
from watibot.storage.door import Door
from watibot.storage.erase import SqlErasures
from watibot.storage.escalations import SqlEscalations
from watibot.storage.figures_day import SqlFigures
from watibot.storage.guest_rows import SqlGuestRows
from watibot.storage.intake import Intake
from watibot.storage.lock import Lock, hold_service_lock
from watibot.storage.people import SqlPeople
from watibot.storage.proofs import SqlProofs
from watibot.storage.pulse import SqlPulse
from watibot.storage.queues import SqlQueues
from watibot.storage.quotas import StoreQuota
from watibot.storage.quotas import book as book_places
from watibot.storage.quotas import hold as hold_places
from watibot.storage.standing import SqlStandings
from watibot.storage.tallies import SqlTallies
from watibot.storage.versions import SqlVersions
from watibot.storage.writer import Writer
from watibot.toolcalls import Caller
from watibot.turns import Bubble, BubbleState, Media, Progress, Turn

P = ParamSpec("P")
T = TypeVar("T")


async def open(url: str, hotel_id: str, *, sole: bool = False) -> SqlStore:
    """The hotel's store, its schema brought up to date. `sole`: for the service, which refuses to
    start beside another one. Raises SettingsError, and StoreError when the database is away."""
    return await asyncio.to_thread(partial(_open, url, hotel_id, sole, asyncio.get_running_loop()))


def _open(url: str, hotel_id: str, sole: bool, loop: asyncio.AbstractEventLoop) -> SqlStore:
    lock: Lock | None = None
    try:
        lock = hold_service_lock(url) if sole else None
        refuse_unadopted(url)
        schema.upgrade(url)
        return SqlStore(Writer(url, loop), hotel_id, lock)
    except BaseException as error:
        if lock is not None:
            lock.release()
        if isinstance(error, (SQLAlchemyError, OSError)):
            raise schema.cannot_open(url, error) from None
        raise


class SqlStore:
    """`ports.Store` over SQLite or PostgreSQL, for one hotel. `close` it."""

    def __init__(self, writer: Writer, hotel_id: str, lock: Lock | None) -> None:
        self._writer = writer
        self._lock = lock
        self._intake = Intake(writer, hotel_id)
        door = Door(writer, hotel_id)
        self._write = door.write
        self._read = door.read
        self.people = SqlPeople(door)
        self.escalations = SqlEscalations(door)
        self.proofs = SqlProofs(door)
        self.console = SqlConsole(door)
        self.charges = SqlCharges(door)
        self.caches = SqlCaches(door)
        self.tallies = SqlTallies(door)
        self.versions = SqlVersions(door)
        self.figures = SqlFigures(door)
        self.queues = SqlQueues(door)
        self.pulse = SqlPulse(door)
        self.erasures = SqlErasures(door)
        self.guests = SqlGuestRows(door)
        self.standings = SqlStandings(door)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Commits what was handed in and lets go of everything."""
        await self._writer.close()
        if self._lock is not None:
            self._lock.release()

    # --- Inbox ---

    async def receive(
        self, message: Inbound, raw: bytes, received_at: datetime, debounce: Debounce
    ) -> Received:
        return await self._intake.put(inbox.Arrival(message, raw, received_at, debounce))

    async def receipt(self, receipt: Receipt) -> Bubble | None:
        return await self._write(outbox.receipt, receipt)

    async def staff_message(
        self, message: StaffMessage, received_at: datetime, staff_until: datetime
    ) -> bool:
        return await self._write(takeovers.staff_message, message, received_at, staff_until)

    async def quarantine(self, channel: str, reason: str, raw: bytes, at: datetime) -> None:
        await self._write(takeovers.keep, channel, reason, raw, at)

    # --- Desk ---

    async def due(self) -> list[tuple[str, datetime]]:
        return await self._read(claims.due)

    async def break_leases(self, now: datetime) -> None:
        await self._write(claims.break_leases, now)

    async def claim(self, conversation_id: str, now: datetime, until: datetime) -> Claim | None:
        return await self._write(claims.claim, conversation_id, now, until)

    async def look_again(self, conversation_id: str, now: datetime) -> datetime | None:
        return await self._read(claims.look_again, conversation_id, now)

    async def extend(self, conversation_id: str, fence: int, until: datetime) -> None:
        await self._write(claims.extend, conversation_id, fence, until)

    async def release(
        self, conversation_id: str, fence: int, again_at: datetime | None = None
    ) -> datetime | None:
        return await self._write(claims.release, conversation_id, fence, again_at)

    async def open_turn(
        self, conversation_id: str, fence: int, now: datetime, history_items: int, restarts: int
    ) -> Turn | None:
        return await self._write(
            turnbook.open_turn, conversation_id, fence, now, history_items, restarts
        )

    async def record_step(
        self, conversation_id: str, fence: int, turn_id: str, step: StepRecord
    ) -> None:
        await self._write(turnbook.record_step, conversation_id, fence, turn_id, step)

    async def save_progress(
        self, conversation_id: str, fence: int, turn_id: str, progress: Progress, drop_steps: bool
    ) -> None:
        await self._write(
            turnbook.save_progress, conversation_id, fence, turn_id, progress, drop_steps
        )

    async def finish_turn(
        self, conversation_id: str, fence: int, turn_id: str, finish: Finish, now: datetime
    ) -> tuple[Bubble, ...]:
        return await self._write(turnbook.finish_turn, conversation_id, fence, turn_id, finish, now)

    async def restart_turn(self, conversation_id: str, fence: int, turn_id: str) -> None:
        await self._write(turnbook.restart_turn, conversation_id, fence, turn_id)

    async def permit(
        self, conversation_id: str, fence: int, bubble_id: str, now: datetime, restarts: int
    ) -> Permit:
        return await self._write(outbox.permit, conversation_id, fence, bubble_id, now, restarts)

    async def bubble_done(
        self,
        conversation_id: str,
        fence: int,
        bubble_id: str,
        state: BubbleState,
        at: datetime,
        provider_id: str | None = None,
        record_id: str | None = None,
        reason: str | None = None,
    ) -> None:
        await self._write(
            outbox.bubble_done,
            conversation_id,
            fence,
            bubble_id,
            state,
            at,
            provider_id,
            record_id,
            reason,
        )

    # --- Records ---

    async def media_done(self, media: Media) -> None:
        await self._write(records.media_done, media)

    async def pending_media(self) -> list[tuple[ChannelName, Media]]:
        return await self._read(records.pending_media)

    async def book(self, caller: Caller, booking: Booking) -> tuple[int, bool]:
        return await self._write(records.book, caller, booking)

    async def history(self, conversation_id: str, newest: int) -> list[HistoryItem]:
        return await self._read(timeline.newest, conversation_id, newest)

    async def conversation(self, conversation_id: str) -> Conversation | None:
        return await self._read(records.conversation, conversation_id)

    async def add_notice(
        self, key: str, kind: str, title: str, body: str, conversation_id: str | None, at: datetime
    ) -> bool:
        return await self._write(records.add_notice, key, kind, title, body, conversation_id, at)

    async def due_notices(self, now: datetime) -> list[Notice]:
        return await self._read(records.due_notices, now)

    async def notice_done(
        self, notice_id: int, again_at: datetime | None, error: str | None
    ) -> None:
        await self._write(records.notice_done, notice_id, again_at, error)

    # --- Mirrored ---

    async def mirror_due(self, limit: int) -> list[str]:
        return await self._read(mirrored.due, limit)

    async def mirror_job(
        self, conversation_id: str, limit: int, moving: bool = False
    ) -> MirrorJob | None:
        return await self._write(mirrored.job, conversation_id, limit, moving)

    async def mirror_done(self, conversation_id: str, item_ids: Sequence[str]) -> None:
        await self._write(mirrored.done, conversation_id, item_ids)

    async def set_session(
        self,
        conversation_id: str,
        session_id: str,
        generation: int,
        replay: int | None = None,
        moving: bool = False,
    ) -> None:
        await self._write(
            mirrored.set_session, conversation_id, session_id, generation, replay, moving
        )

    async def restore_history(self, conversation_id: str, items: Sequence[HistoryItem]) -> int:
        return await self._write(mirrored.restore, conversation_id, items)

    # --- Migrations ---

    async def moves(
        self,
        states: Collection[State] = (),
        channels: Collection[ChannelName] = (),
        only: Collection[str] = (),
        after: str | None = None,
        limit: int = 500,
    ) -> list[Move]:
        return await self._read(ledger.moves, states, channels, only, after, limit)

    async def move(self, conversation_id: str) -> Move | None:
        return await self._read(ledger.move, conversation_id)

    async def save_move(self, move: Move, expected: State) -> bool:
        return await self._write(ledger.save_move, move, expected)

    async def count_moves(self) -> dict[State, int]:
        return await self._read(ledger.count_moves)

    async def hold(
        self, conversation_id: str, now: datetime, until: datetime
    ) -> Conversation | Busy:
        return await self._write(moves.hold, conversation_id, now, until)

    async def take_in(self, conversation_id: str, fence: int, items: Sequence[HistoryItem]) -> int:
        return await self._write(moves.take_in, conversation_id, fence, items)

    async def take_in_between(
        self,
        after: Move,
        expected: State,
        fence: int,
        items: Sequence[HistoryItem],
        now: datetime,
    ) -> int | Busy:
        return await self._write(moves.take_in_between, after, expected, fence, items, now)

    async def lacking(self, conversation_id: str) -> list[HistoryItem]:
        return await self._read(moves.lacking, conversation_id)

    async def posted(self, conversation_id: str, fence: int, posted: Mapping[str, str]) -> None:
        await self._write(moves.posted, conversation_id, fence, posted)

    async def flip(
        self, conversation_id: str, fence: int, provider: Provider, now: datetime
    ) -> None:
        await self._write(moves.flip, conversation_id, fence, provider, now)

    async def whole_history(self, conversation_id: str) -> list[HistoryItem]:
        return await self._read(moves.whole_history, conversation_id)

    async def first_here(self, conversation_id: str) -> datetime | None:
        return await self._read(moves.first_here, conversation_id)

    async def unmoved(self, conversation_id: str) -> int:
        return await self._read(moves.unmoved, conversation_id)

    # --- quotas ---

    def quota(self, name: str, per_minute: float, clock: Clock, *, live: bool) -> StoreQuota:
        """A quota that all processes on this store keep together."""
        return StoreQuota(name, per_minute, self._book_places, self._hold_places, clock, live=live)

    async def _book_places(
        self,
        name: str,
        now: datetime,
        interval: timedelta,
        slack: timedelta,
        places: int,
        live: bool,
    ) -> tuple[bool, float]:
        return await self._write(book_places, name, now, interval, slack, places, live)

    async def _hold_places(self, name: str, until: datetime) -> None:
        await self._write(hold_places, name, until)

    # --- for operators ---

    async def counts(self) -> dict[str, int]:
        return await self._read(figures.counts)

    async def conversations(self, limit: int) -> list[Conversation]:
        """Those that wrote last come first."""
        return await self._read(figures.newest_conversations, limit)

    async def quarantined(self, limit: int) -> list[figures.Quarantined]:
        """The newest first."""
        return await self._read(figures.newest_quarantine, limit)
