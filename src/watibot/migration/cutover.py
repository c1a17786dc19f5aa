"""The pointer flips, between two turns, in the conversation's own lane: now Gemini answers.

What the thread received since the verification is caught up with first, and the proof is made anew,
all while the conversation is held, so that no message falls between. A guest who writes meanwhile
waits for these seconds and is answered by Gemini.
"""

from __future__ import annotations

from dataclasses import replace

from watibot.conversations import Conversation, Provider
from watibot.migration import ledger
from watibot.migration.crew import Mark, Means, Outcome, held, put_off, save
from watibot.migration.run import archive, drain, read
from watibot.migration.verify import differs, mark, prove
from watibot.ports.migrations import Busy, Move, State
from watibot.threads import Translation

STATES = frozenset({State.VERIFIED})
MISSING = frozenset({State.MISSING})
UNREAD = frozenset({State.PENDING})


async def cutover(means: Means, move: Move) -> Outcome:
    """One conversation. Raises ProviderError, LostLease, SourceGone."""
    async with held(means, move.conversation_id) as now:
        if isinstance(now, Busy):
            return await put_off(means, move, now.reason, Mark.LATER)
        return await _cut(means, move, now)


async def _cut(means: Means, move: Move, now: Conversation) -> Outcome:
    if move.state not in STATES:
        return await _without_past(means, move, now)
    if now.provider is Provider.OPENAI:
        found = await means.sources.read(move, newest=True)
        if found is None:
            return await put_off(means, move, "no source has its thread any more", Mark.FAILED)
        raw, source = found
        translation = await read(means, move, raw)
        if translation.active_run is not None:
            return await put_off(means, move, "a run is active on the thread", Mark.LATER)
        await archive(means, raw, source)
        await means.store.take_in(now.conversation_id, now.fence, translation.items)
        await drain(means, now.conversation_id)
        proof, items = await prove(means, move, raw, translation)
        if not proof.ok:
            return await differs(means, move, mark(proof), f"not the same: {proof.words}")
        move = await save(means, _proven(means, move, source.name, translation, items), move)
    await means.store.flip(now.conversation_id, now.fence, Provider.VERTEX, means.clock.now())
    after = ledger.step(move, State.CUT_OVER, cut_over_at=means.clock.now())
    return Outcome(await save(means, after, move), Mark.DONE)


async def _without_past(means: Means, move: Move, now: Conversation) -> Outcome:
    """Gemini begins with what is known here. The line keeps its place, so that a past that turns up
    later is still carried over."""
    if now.provider is Provider.VERTEX:
        return Outcome(move, Mark.SAME, "Gemini answers it already")
    await means.store.flip(now.conversation_id, now.fence, Provider.VERTEX, means.clock.now())
    after = replace(move, cut_over_at=means.clock.now())
    return Outcome(await save(means, after, move), Mark.DONE, "without its past")


def _proven(means: Means, move: Move, source: str, translation: Translation, items: int) -> Move:
    """The line after the last catch-up. It stays VERIFIED until the pointer has flipped, so that a
    cutover that was killed is begun again by the next one."""
    now = means.clock.now()
    if translation.version != move.version:
        move = replace(ledger.counted(move, source, translation), exported_at=now, imported_at=now)
    proof = ledger.proof(translation.version, items)
    return ledger.step(move, State.VERIFIED, verified_at=now, verified_version=proof)
