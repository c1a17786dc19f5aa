"""The pointer flips, between two turns, in the conversation's own lane: now Gemini answers.

What the thread received since the verification is caught up with first, and the proof is made anew,
all while the conversation is held, so that no message falls between. A guest who writes meanwhile
waits for these seconds and is answered by Gemini.
"""

from __future__ import annotations

from functools import partial

from watibot.conversations import Conversation, Provider
from watibot.migration import ledger
from watibot.migration.crew import Mark, Means, Outcome, held, put_off, save
from watibot.migration.run import drain, keep, read
from watibot.migration.verify import prove
from watibot.ports.migrations import Busy, Move, State

STATES = frozenset({State.VERIFIED})
WITH_MISSING = STATES | {State.MISSING}


async def cutover(means: Means, move: Move) -> Outcome:
    """One conversation. Raises ProviderError, LostLease, SourceGone."""
    async with held(means, move.conversation_id) as now:
        if isinstance(now, Busy):
            return await put_off(means, move, now.reason, Mark.LATER)
        return await _cut(means, move, now)


async def _cut(means: Means, move: Move, now: Conversation) -> Outcome:
    if move.state is not State.MISSING and now.provider is Provider.OPENAI:
        found = await means.sources.read(move)
        if found is None:
            return await put_off(means, move, "no source has its thread any more", Mark.FAILED)
        raw, source = found
        translation = read(means, move, raw)
        if translation.active_run is not None:
            return await put_off(means, move, "a run is active on the thread", Mark.LATER)
        if translation.version != move.version:
            move = await keep(means, move, raw, source, translation)
        await means.store.take_in(now.conversation_id, now.fence, translation.items)
        await drain(means, now.conversation_id)
        proof, items = await prove(means, move, raw, translation)
        if not proof.ok:
            return await put_off(means, move, f"not the same: {proof.words}", Mark.DIFFERS)
        if move.state is State.EXPORTED:
            imported = ledger.step(move, State.IMPORTED, imported_at=means.clock.now())
            move = await save(means, imported, move)
        proven = partial(
            ledger.step,
            verified_at=means.clock.now(),
            verified_version=ledger.proof(translation.version, items),
        )
        move = await save(means, proven(move, State.VERIFIED), move)
    await means.store.flip(now.conversation_id, now.fence, Provider.VERTEX, means.clock.now())
    after = ledger.step(move, State.CUT_OVER, cut_over_at=means.clock.now())
    return Outcome(await save(means, after, move), Mark.DONE)
