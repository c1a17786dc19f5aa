"""A provider's quota as one row: every process that works on this store books its places there.

`providers/sessions.py` waits here before each write. What answers guests books the next free place,
however far ahead; a migration takes only what is free this moment, so that it never stands before a
live turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from sqlalchemy import bindparam, select, update

from watibot.ports.outside import Clock
from watibot.storage.rows import Tx, insert_once, of_hotel
from watibot.storage.tables import quotas

_NEXT = (
    select(quotas.c.next_at)
    .where(of_hotel(quotas), quotas.c.name == bindparam("quota"))
    .with_for_update()
)
_BEGIN = insert_once(quotas)
_SET = update(quotas).where(of_hotel(quotas), quotas.c.name == bindparam("quota"))
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Book = Callable[[str, datetime, timedelta, timedelta, int, bool], Awaitable[tuple[bool, float]]]
Hold = Callable[[str, datetime], Awaitable[None]]


def book(
    tx: Tx,
    name: str,
    now: datetime,
    interval: timedelta,
    slack: timedelta,
    places: int,
    live: bool,
) -> tuple[bool, float]:
    """Whether `places` are booked, and the seconds until the first of them; if not, the seconds
    until it is worth asking again."""
    row = tx.one(_NEXT, quota=name)
    if row is None:
        tx.add(tx.pick(_BEGIN), [{"name": name, "next_at": _EPOCH}])
        row = tx.all(_NEXT, quota=name)[0]
    start = max(row.next_at, now - slack)
    wait = max(0.0, (start - now).total_seconds())
    if wait and not live:
        return False, wait
    tx.run(_SET, quota=name, next_at=start + places * interval)
    return True, wait


def hold(tx: Tx, name: str, until: datetime) -> None:
    """No place before `until`."""
    row = tx.one(_NEXT, quota=name)
    if row is None:
        tx.add(tx.pick(_BEGIN), [{"name": name, "next_at": until}])
    elif row.next_at < until:
        tx.run(_SET, quota=name, next_at=until)


class StoreQuota:
    """Keeps the promise of `ports.Quota` for this process. `live`: for what answers guests.

    At a high rate a tenth of a second's places are booked at once, so that the row is not written
    for each of them.
    """

    def __init__(
        self,
        name: str,
        per_minute: float,
        book: Book,
        hold: Hold,
        clock: Clock,
        *,
        live: bool,
    ) -> None:
        if per_minute <= 0:
            raise ValueError("a quota needs more than 0 requests a minute")
        self._name = name
        self._interval = timedelta(seconds=60.0 / per_minute)
        # One second's worth: a burst on top of a full minute would pass a quota counted by minutes.
        self._slack = self._interval * (max(1.0, per_minute / 60.0) - 1.0)
        self._chunk = max(1, int(per_minute / 600.0))
        self._book = book
        self._hold = hold
        self._clock = clock
        self._live = live
        self._left = 0
        self._line = asyncio.Lock()
        self.waited = 0.0  # seconds, since the start
        self.held_until: datetime | None = None

    async def place(self) -> None:
        if self._left and not self._line.locked():
            self._left -= 1
            return
        async with self._line:
            if self._left:
                self._left -= 1
                return
            while True:
                booked, wait = await self._book(
                    self._name,
                    self._clock.now(),
                    self._interval,
                    self._slack,
                    self._chunk,
                    self._live,
                )
                if wait:
                    self.waited += wait
                    await self._clock.sleep(wait)
                if booked:
                    self._left = self._chunk - 1
                    return

    async def hold(self, seconds: float) -> None:
        self._left = 0
        self.held_until = self._clock.now() + timedelta(seconds=seconds)
        await self._hold(self._name, self.held_until)
