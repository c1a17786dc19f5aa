"""Forgets a guest: first our own rows, then every place outside that has something of theirs.

The console and `watibot guest` ask for it; `ports/erasures.py` is the list that is worked through.
A round takes the guest out of one place after the other and notes each as it is done, so that a
process that dies in between goes on where it was. A place that fails is tried again, with the same
back-off as a model call, and is a problem for people to see when it still fails at the end.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from watibot import telemetry
from watibot.errors import Cause, ProviderError
from watibot.ports import Clock
from watibot.ports.console import Audit, Entry
from watibot.ports.erasures import (
    ErasableArchive,
    ErasableFiles,
    ErasableSessions,
    ErasableThreads,
    Erasure,
    Erasures,
    Place,
    Unreached,
)
from watibot.retries import backoff
from watibot.settings import Patience

log = telemetry.logger(__name__)

LOOK_SECONDS = 15.0
# A conversation is given so long to come to rest between two turns.
REST = timedelta(minutes=10)
BUSY = timedelta(seconds=2)
# What the mirror or a migration had begun before the rows went may make a session or a file yet: by
# then it has ended, and these places are looked at once more.
SETTLED = timedelta(minutes=5)
AGAIN = timedelta(minutes=1)
ALWAYS = frozenset({Unreached.BACKUPS, Unreached.CHANNEL, Unreached.NOTICES})


@dataclass(frozen=True, slots=True)
class Outside:
    """The places outside the store. `threads` is None where OpenAI is not set up; `exports`: a
    migration is given files that somebody else made."""

    files: ErasableFiles
    sessions: ErasableSessions
    threads: ErasableThreads | None
    archive: ErasableArchive
    exports: bool = False


class Eraser:
    """Works through the list. `secret` is the installation's own, for the receipts' keys. `alone`:
    no service works on this store, so that nothing is waited for."""

    def __init__(
        self,
        erasures: Erasures,
        audit: Audit,
        outside: Outside,
        clock: Clock,
        patience: Patience,
        secret: str,
        *,
        alone: bool = False,
    ) -> None:
        self._erasures = erasures
        self._audit = audit
        self._outside = outside
        self._clock = clock
        self._patience = patience
        self._secret = secret
        self._alone = alone
        self._new = asyncio.Event()
        self._places: Mapping[Place, Callable[[Erasure], Awaitable[Erasure]]] = {
            Place.MEDIA: self._media,
            Place.SESSIONS: self._sessions,
            Place.THREAD: self._thread,
            Place.ARCHIVE: self._archive,
        }

    async def ask(self, conversation_id: str, by: str) -> int | None:
        """The guest is to be forgotten; the erasure's number, None if there is no such
        conversation. Durable when it returns. `by` is a user's name."""
        now = self._clock.now()
        key = telemetry.tag(conversation_id, self._secret)
        # Without the conversation's name, which the log is to forget as well.
        await self._audit.note(Entry(now, by, "erase", None, key))
        number = await self._erasures.ask(key, conversation_id, by, now)
        self._new.set()
        return number

    async def again(self, erasure_id: int, by: str) -> bool:
        """One that was given up is tried again. False if it was not."""
        now = self._clock.now()
        await self._audit.note(Entry(now, by, "erase.again", None, f"{erasure_id}"))
        known = await self._erasures.again(erasure_id, now)
        self._new.set()
        return known

    async def erased_at(self, conversation_id: str) -> datetime | None:
        """When the guest who has this name now was last forgotten."""
        return await self._erasures.erased_at(telemetry.tag(conversation_id, self._secret))

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self._new.clear()
            again_in = await self.round()
            try:
                await self._clock.limit(min(again_in, LOOK_SECONDS), self._new.wait())
            except TimeoutError:
                continue

    async def round(self) -> float:
        """Works once on each that is due. In how many seconds one of these is due again."""
        soonest = LOOK_SECONDS
        now = self._clock.now()
        for erasure in await self._erasures.due(now):
            after = await self._work(erasure)
            if after.due_at is not None:
                soonest = min(soonest, (after.due_at - now).total_seconds())
        return max(soonest, 0.0)

    async def _work(self, erasure: Erasure) -> Erasure:
        if Place.ROWS in erasure.left:
            now = self._clock.now()
            patient = not self._alone and now < erasure.asked_at + REST
            busy = await self._erasures.erase_rows(erasure.erasure_id, now, patient=patient)
            if busy is not None:
                return await self._saved(replace(erasure, due_at=now + BUSY, problem=busy.reason))
            found = await self._erasures.erasure(erasure.erasure_id)
            assert found is not None
            erasure = found
            log.info("guest.rows_erased", erasure=erasure.erasure_id)
        failed: list[str] = []
        for place, work in self._places.items():
            if place not in erasure.left:
                continue
            try:
                erasure = await self._saved(await work(erasure))
            except ProviderError as error:
                failed.append(f"{place}: {error}")
            except OSError as error:
                failed.append(f"{place}: {error.strerror}")
        return await self._saved(self._next(erasure, failed))

    def _next(self, erasure: Erasure, failed: list[str]) -> Erasure:
        """How it goes on after a round."""
        now = self._clock.now()
        problem = "; ".join(failed) or None
        if not erasure.left:
            log.info("guest.erased", erasure=erasure.erasure_id)
            unreached = erasure.unreached | ALWAYS
            if self._outside.exports:
                unreached |= {Unreached.EXPORTS}
            return replace(erasure, unreached=unreached, due_at=None, problem=None, ended_at=now)
        if not failed:  # but for the last look
            settled = (erasure.rows_gone_at or now) + SETTLED
            return replace(erasure, due_at=max(settled, now + AGAIN), problem=None)
        tries = erasure.tries + 1
        if tries >= self._patience.tries:
            log.error("guest.not_erased", erasure=erasure.erasure_id, left=sorted(erasure.left))
            return replace(erasure, tries=tries, due_at=None, problem=problem)
        wait = backoff(tries, self._patience, random.random())
        log.warning("guest.erased_later", erasure=erasure.erasure_id, left=sorted(erasure.left))
        due_at = now + timedelta(seconds=wait)
        return replace(erasure, tries=tries, due_at=due_at, problem=problem)

    async def _saved(self, erasure: Erasure) -> Erasure:
        await self._erasures.save(erasure)
        return erasure

    async def _media(self, erasure: Erasure) -> Erasure:
        """Unless another guest sent the same bytes."""
        count = 0
        for path in erasure.left[Place.MEDIA]:
            if not await self._erasures.in_use(path):
                await self._outside.files.drop(path)
                count += 1
        return _done(erasure, Place.MEDIA, count)

    async def _sessions(self, erasure: Erasure) -> Erasure:
        """Of every generation. Nothing new is mirrored of this guest until they are gone."""
        assert erasure.conversation_id is not None
        found = await self._outside.sessions.sessions_of(erasure.conversation_id)
        gone = list(dict.fromkeys((*erasure.left[Place.SESSIONS], *found)))
        for session_id in gone:
            await self._outside.sessions.delete(session_id)
        done = _done(erasure, Place.SESSIONS, len(gone))
        if self._alone or (not gone and self._settled(erasure)):
            return done
        return replace(done, left={**erasure.left, Place.SESSIONS: ()})

    async def _thread(self, erasure: Erasure) -> Erasure:
        count = 0
        for thread_id in erasure.left[Place.THREAD]:
            try:
                if self._outside.threads is None:
                    return _done(erasure, Place.THREAD, 0, Unreached.THREAD)
                count += await self._outside.threads.delete(thread_id)
            except ProviderError as error:
                if error.cause is not Cause.GONE:
                    raise
                return _done(erasure, Place.THREAD, 0, Unreached.THREAD)
        return _done(erasure, Place.THREAD, count)

    async def _archive(self, erasure: Erasure) -> Erasure:
        names = erasure.left[Place.ARCHIVE]
        done = _done(erasure, Place.ARCHIVE, await self._outside.archive.drop(names))
        settled = self._alone or self._settled(erasure)
        return done if settled else replace(done, left=erasure.left)

    def _settled(self, erasure: Erasure) -> bool:
        """Whether nothing of before can come after."""
        since = erasure.rows_gone_at or erasure.asked_at
        return self._clock.now() >= since + SETTLED


def _done(erasure: Erasure, place: Place, count: int, *unreached: Unreached) -> Erasure:
    """Nothing is left there."""
    return replace(
        erasure,
        left={each: names for each, names in erasure.left.items() if each is not place},
        gone={**erasure.gone, place: erasure.gone.get(place, 0) + count},
        unreached=erasure.unreached.union(unreached),
    )
