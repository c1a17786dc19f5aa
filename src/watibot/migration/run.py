"""Export and import: a thread into the archive, its items into the history, the history into the
session.

The thread is read without holding the conversation, so that a guest who writes does not wait; its
items take their places in one transaction, and if a turn came between the thread is read again. The
session is given the items by the mirror's own way: marked before they are sent, looked for before
they are sent again.
"""

from __future__ import annotations

from dataclasses import replace

from watibot.errors import Cause, ProviderError
from watibot.history import digest
from watibot.migration import ledger
from watibot.migration.crew import BUSY_PAUSE, Mark, Means, Outcome, put_off, save
from watibot.ports import ThreadSource
from watibot.ports.migrations import Busy, Move, State
from watibot.threads import Form, RawThread, Translation
from watibot.translation import translate

STATES = frozenset(State) - {State.CUT_OVER}
NEW_STATES = frozenset({State.PENDING, State.MISSING, State.EXPORTED, State.ROLLED_BACK})
READINGS = 5
DRAIN_TRIES = 6
DOUBT_PAUSE = 20.0  # seconds: by then an append whose answer was lost has arrived, or never will


async def run(means: Means, move: Move) -> Outcome:
    """One conversation. Raises ProviderError, LostLease, SourceGone."""
    busy = ""
    for _ in range(READINGS):
        conversation = await means.store.conversation(move.conversation_id)
        assert conversation is not None, "the ledger names conversations that are there"
        found = await means.sources.read(move)
        if found is None:
            return await _missing(means, move)
        raw, source = found
        translation = await read(means, move, raw)
        if translation.active_run is not None:
            return await put_off(means, move, "a run is active on the thread", Mark.LATER)
        await archive(means, raw, source)
        after = _exported(means, move, source, translation)
        new = await means.store.take_in_between(
            after, move.state, conversation.fence, translation.items, means.clock.now()
        )
        if isinstance(new, Busy):
            # The thread may have grown, so it is read again.
            busy = new.reason
            await means.clock.sleep(BUSY_PAUSE)
            continue
        session_id = conversation.session_id
        if session_id is not None and not await means.sessions.exists(session_id):
            await means.renew(conversation)
        return await _bring_over(means, after)
    return await put_off(means, move, busy, Mark.LATER)


async def read(means: Means, move: Move, raw: RawThread) -> Translation:
    """What a raw thread says, as history of this conversation. WATI's own history goes on until
    today: from the first message on that came here it is left out."""
    found = translate(raw, means.hotel_id, move.conversation_id, now=means.clock.time())
    if raw.form is not Form.WATI:
        return found
    first = await means.store.first_here(move.conversation_id)
    if first is None:
        return found
    items = tuple(item for item in found.items if item.at < first)
    # Nor does it count as grown by what came here.
    return replace(found, items=items, messages=len(items), version=digest(items))


def _exported(means: Means, move: Move, source: ThreadSource, translation: Translation) -> Move:
    """The line once the archive has this version, unless it is further already."""
    if move.version == translation.version and move.state in (State.IMPORTED, State.VERIFIED):
        return move
    told = ledger.counted(move, source.name, translation)
    return ledger.step(told, State.EXPORTED, exported_at=means.clock.now())


async def archive(means: Means, raw: RawThread, source: ThreadSource) -> None:
    """Into the archive, with its files; what is there already is not written again."""
    if source.name == means.archive.name:
        return
    await means.archive.put(raw, means.clock.now())
    for file_id in raw.files:
        if await means.archive.file(file_id) is None:
            data = await source.file(file_id)
            if data is not None:
                await means.archive.put_file(file_id, data)


async def _bring_over(means: Means, move: Move) -> Outcome:
    waiting = await means.store.unmoved(move.conversation_id)
    await drain(means, move.conversation_id)
    if move.state is not State.EXPORTED:
        if waiting and move.problem:
            move = await save(means, ledger.step(move, move.state), move)
        return Outcome(move, Mark.DONE if waiting else Mark.SAME, events=waiting)
    after = ledger.step(move, State.IMPORTED, imported_at=means.clock.now())
    return Outcome(await save(means, after, move), Mark.DONE, events=waiting)


async def drain(means: Means, conversation_id: str) -> None:
    """Until the session has all that is parked. Raises ProviderError."""
    failures = 0
    while True:
        try:
            more = await means.drain(conversation_id)
            means.troubles.pop(conversation_id, None)
            if not more:
                return
            failures = 0
        except ProviderError as error:
            failures += 1
            if not error.transient or failures >= DRAIN_TRIES:
                means.troubles.pop(conversation_id, None)
                raise
            means.troubles[conversation_id] = f"Vertex does not answer as it should: {error.cause}"
            pause = error.retry_after or DOUBT_PAUSE
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
