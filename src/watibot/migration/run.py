"""Export and import: a thread into the archive, its items into the history, the history into the
session.

The thread is read without holding the conversation, so that a guest who writes does not wait; it is
held only while its items take their places, and read again if a turn came between. The session is
given the items by the mirror's own way: marked before they are sent, looked for before they are
sent again.
"""

from __future__ import annotations

from watibot.errors import Cause, ProviderError
from watibot.migration import ledger
from watibot.migration.crew import Mark, Means, Outcome, held, put_off, save
from watibot.ports import ThreadSource
from watibot.ports.migrations import Busy, Move, State
from watibot.threads import RawThread, Translation
from watibot.translation import translate

STATES = frozenset(State) - {State.CUT_OVER}
NEW_STATES = frozenset({State.PENDING, State.MISSING, State.EXPORTED, State.ROLLED_BACK})
READINGS = 3
DRAIN_TRIES = 6
DOUBT_PAUSE = 20.0  # seconds: by then an append whose answer was lost has arrived, or never will


async def run(means: Means, move: Move) -> Outcome:
    """One conversation. Raises ProviderError, LostLease, SourceGone."""
    for _ in range(READINGS):
        conversation = await means.store.conversation(move.conversation_id)
        assert conversation is not None, "the ledger names conversations that are there"
        found = await means.sources.read(move)
        if found is None:
            return await _missing(means, move)
        raw, source = found
        translation = read(means, move, raw)
        if translation.active_run is not None:
            return await put_off(means, move, "a run is active on the thread", Mark.LATER)
        move = await keep(means, move, raw, source, translation)
        async with held(means, move.conversation_id) as now:
            if isinstance(now, Busy):
                return await put_off(means, move, now.reason, Mark.LATER)
            if now.fence != conversation.fence + 1:
                continue  # a turn came between: the thread may have grown
            await means.store.take_in(move.conversation_id, now.fence, translation.items)
        return await _bring_over(means, move)
    return await put_off(means, move, "the guest writes all the time", Mark.LATER)


def read(means: Means, move: Move, raw: RawThread) -> Translation:
    """What a raw thread says, as history of this conversation."""
    return translate(raw, means.hotel_id, move.conversation_id, now=means.clock.time())


async def keep(
    means: Means, move: Move, raw: RawThread, source: ThreadSource, translation: Translation
) -> Move:
    """Into the archive and the ledger, unless they have this version already."""
    unchanged = move.version == translation.version and move.state in (
        State.IMPORTED,
        State.VERIFIED,
        State.CUT_OVER,
    )
    if source.name != means.archive.name:
        await means.archive.put(raw, means.clock.now())
        await _files(means, raw, source)
    if unchanged:
        return move
    told = ledger.counted(move, source.name, translation)
    after = ledger.step(told, State.EXPORTED, exported_at=means.clock.now())
    return await save(means, after, move)


async def _files(means: Means, raw: RawThread, source: ThreadSource) -> None:
    for file_id in raw.files:
        if await means.archive.file(file_id) is None:
            data = await source.file(file_id)
            if data is not None:
                await means.archive.put_file(file_id, data)


async def _bring_over(means: Means, move: Move) -> Outcome:
    waiting = await means.store.unmoved(move.conversation_id)
    await drain(means, move.conversation_id)
    if move.state is not State.EXPORTED:
        return Outcome(move, Mark.DONE if waiting else Mark.SAME, events=waiting)
    after = ledger.step(move, State.IMPORTED, imported_at=means.clock.now())
    return Outcome(await save(means, after, move), Mark.DONE, events=waiting)


async def drain(means: Means, conversation_id: str) -> None:
    """Until the session has all that is parked. Raises ProviderError."""
    failures = 0
    while True:
        try:
            if not await means.drain(conversation_id):
                return
            failures = 0
        except ProviderError as error:
            failures += 1
            if not error.transient or failures >= DRAIN_TRIES:
                raise
            pause = error.retry_after or 0.0
            if error.cause is not Cause.THROTTLED:
                pause = max(pause, DOUBT_PAUSE)
            await means.clock.sleep(pause)


async def _missing(means: Means, move: Move) -> Outcome:
    why = "no source has its thread"
    if move.state in (State.PENDING, State.MISSING):
        before = move
        move = ledger.trouble(ledger.step(move, State.MISSING), why)
        await save(means, move, before)
        return Outcome(move, Mark.LESS, why)
    return await put_off(means, move, why, Mark.FAILED)
