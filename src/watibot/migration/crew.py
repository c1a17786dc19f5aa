"""Many hands for one verb: conversations in the order of work, so many at once, each on its own.

One conversation's failure never stops the rest; what concerns all of them does: a source that is
gone, a provider that refuses our credentials. Ctrl-C lets the steps under way end.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from watibot import telemetry
from watibot.conversations import Conversation
from watibot.errors import Cause, LostLease, ProviderError, WatiBotError
from watibot.messages import ChannelName
from watibot.migration import ledger
from watibot.migration.sources import SourceGone, Sources
from watibot.ports import Archive, Clock, Sessions, Store, Threads
from watibot.ports.migrations import Busy, Move, State

log = telemetry.logger(__name__)

PAGE = 200
# A killed process leaves two thirds of it at least: what it had sent to a thread has arrived, or
# never will, when the next one looks there.
LEASE_SECONDS = 60.0
BUSY_TRIES = 5
BUSY_PAUSE = 2.0  # seconds
STOPS = frozenset({Cause.UNAUTHORISED})


class Mark(StrEnum):
    """What became of a conversation, in one sign."""

    SAME = "="
    DONE = "+"
    LESS = "-"
    DIFFERS = "*"
    FAILED = "!"
    LATER = "~"  # not now: a turn runs, a provider asks for patience


@dataclass(frozen=True, slots=True)
class Outcome:
    """A conversation after a verb. `why` has no guest's words."""

    move: Move
    mark: Mark
    why: str = ""
    events: int = 0  # that a session was given


class Stopped(WatiBotError):
    """The verb ended before its time, for a reason that concerns every conversation."""


@dataclass(frozen=True, slots=True)
class Cohort:
    """Which conversations. `percent`: of those that qualify, in the order of work."""

    channels: frozenset[ChannelName] = frozenset()
    only: frozenset[str] = frozenset()
    limit: int | None = None
    percent: float | None = None


class Brake(Protocol):
    """A quota, seen by whoever shows why a migration waits. `waited`: seconds, since the start;
    `held_until`: the end of a pause that the provider asked for."""

    @property
    def waited(self) -> float: ...

    @property
    def held_until(self) -> datetime | None: ...


Contacts = Callable[[], Awaitable[frozenset[str] | None]]


@dataclass(frozen=True, slots=True)
class Means:
    """What every verb works with. `drain` brings a conversation's parked items to its session, some
    at a time; whether there may be more. `renew` makes a new session for one that is gone, and
    parks all that was in it. `threads` is None where threads cannot be written to. `contacts` give
    the addresses that a channel knows, None where it cannot list them all; they raise
    ProviderError. `brakes` are by the name of what they count; `troubles`, by conversation, say
    what else is waited for."""

    hotel_id: str
    store: Store
    sources: Sources
    archive: Archive
    sessions: Sessions
    drain: Callable[[str], Awaitable[bool]]
    renew: Callable[[Conversation], Awaitable[None]]
    threads: Threads | None
    clock: Clock
    at_once: int = 16
    brakes: Mapping[str, Brake] = field(default_factory=dict)
    troubles: dict[str, str] = field(default_factory=dict)
    contacts: Mapping[ChannelName, Contacts] = field(default_factory=dict)


@dataclass(slots=True)
class Tally:
    """Counts of a verb under way."""

    total: int | None = None
    done: int = 0
    events: int = 0
    marks: dict[Mark, int] = field(default_factory=dict)

    def add(self, outcome: Outcome) -> None:
        self.done += 1
        self.events += outcome.events
        self.marks[outcome.mark] = self.marks.get(outcome.mark, 0) + 1


Work = Callable[[Means, Move], Awaitable[Outcome]]
Tell = Callable[[Outcome, Tally], None]


async def work_through(
    means: Means,
    work: Work,
    states: Collection[State],
    cohort: Cohort,
    tell: Tell,
    stop: asyncio.Event | None = None,
) -> Tally:
    """`work` for each conversation of the cohort that is in one of `states`; `tell` is given every
    outcome. Raises Stopped after the steps under way have ended."""
    tally = Tally()
    chosen = await _chosen(means, states, cohort)
    tally.total = chosen
    moves = _moves(means, states, cohort, chosen)
    halt = stop or asyncio.Event()
    turn = asyncio.Lock()
    reasons: list[Stopped] = []

    async def hand() -> None:
        while not halt.is_set():
            async with turn:
                move = await anext(moves, None)
            if move is None:
                return
            try:
                outcome = await _one(means, work, move)
            except Stopped as error:
                reasons.append(error)
                halt.set()
                return
            tally.add(outcome)
            tell(outcome, tally)

    hands = [asyncio.create_task(hand()) for _ in range(means.at_once)]
    try:
        await asyncio.gather(*hands)
    finally:
        halt.set()
        await asyncio.gather(*hands, return_exceptions=True)
        await moves.aclose()
    if reasons:
        raise reasons[0]
    return tally


async def _one(means: Means, work: Work, move: Move) -> Outcome:
    try:
        return await work(means, move)
    except SourceGone as error:
        raise Stopped(str(error)) from error
    except ProviderError as error:
        if error.cause in STOPS:
            raise Stopped(str(error)) from error
        if error.cause is Cause.GONE:
            return await put_off(means, move, f"its source is gone: {error.provider}", Mark.LATER)
        mark = Mark.LATER if error.transient else Mark.FAILED
        return await put_off(means, move, str(error), mark)
    except LostLease:
        return await put_off(means, move, "another process took it over", Mark.LATER)
    except Exception as error:
        if isinstance(error, OSError) and error.filename is not None:
            words = f"a file cannot be written: {error.strerror}: {error.filename}"
            raise Stopped(words) from error
        # A mistake of ours in one conversation: the others go on.
        log.error("migration.failed", exc_info=telemetry.without_values(error))
        return await put_off(means, move, f"a mistake of ours: {type(error).__name__}", Mark.FAILED)


async def put_off(means: Means, move: Move, why: str, mark: Mark) -> Outcome:
    """The reason into the ledger, at whatever place the conversation is by now."""
    current = await means.store.move(move.conversation_id) or move
    troubled = ledger.trouble(current, why)
    await means.store.save_move(troubled, current.state)
    return Outcome(troubled, mark, why)


async def save(means: Means, after: Move, before: Move) -> Move:
    """Writes a step. Raises LostLease when another process has changed the line."""
    if not await means.store.save_move(after, before.state):
        raise LostLease("another process works on this conversation's migration")
    return after


async def _chosen(means: Means, states: Collection[State], cohort: Cohort) -> int:
    """How many conversations the cohort is; the share of a percentage is rounded up."""
    counted = 0
    async for _ in every(means, states, cohort):
        counted += 1
        if cohort.percent is None and counted == cohort.limit:
            break
    if cohort.percent is not None:
        counted = -int(-counted * cohort.percent // 100)
    return min(counted, cohort.limit) if cohort.limit is not None else counted


async def _moves(
    means: Means, states: Collection[State], cohort: Cohort, chosen: int
) -> AsyncGenerator[Move]:
    given = 0
    async for move in every(means, states, cohort):
        if given >= chosen:
            return
        given += 1
        yield move


async def every(means: Means, states: Collection[State], cohort: Cohort) -> AsyncIterator[Move]:
    """The ledger's lines of the cohort, its limit and share left aside, in the order of work."""
    after: str | None = None
    while True:
        page = await means.store.moves(states, cohort.channels, cohort.only, after, PAGE)
        for move in page:
            yield move
        if len(page) < PAGE:
            return
        after = page[-1].conversation_id


@asynccontextmanager
async def held(means: Means, conversation_id: str) -> AsyncIterator[Conversation | Busy]:
    """The conversation between two of its turns, for as long as this lasts; or why not now."""

    store, clock, lease = means.store, means.clock, timedelta(seconds=LEASE_SECONDS)
    conversation = await store.hold(conversation_id, clock.now(), clock.now() + lease)
    for _ in range(BUSY_TRIES - 1):
        if not isinstance(conversation, Busy):
            break
        await clock.sleep(BUSY_PAUSE)
        conversation = await store.hold(conversation_id, clock.now(), clock.now() + lease)
    if isinstance(conversation, Busy):
        yield conversation
        return
    fence = conversation.fence

    async def keep() -> None:
        while True:
            await clock.sleep(LEASE_SECONDS / 3)
            with contextlib.suppress(LostLease):
                await store.extend(conversation_id, fence, clock.now() + lease)

    keeper = asyncio.create_task(keep(), name="lease")
    try:
        yield conversation
    finally:
        keeper.cancel()
        with contextlib.suppress(LostLease):
            await store.release(conversation_id, fence)
