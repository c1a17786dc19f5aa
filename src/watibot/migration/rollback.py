"""The pointer flips back: what was said since the cutover goes to the thread first.

Guests', the assistant's and staff's words are added to the thread in their order, each with our
item id, so that a second try adds none twice and a later migration knows them again. Then OpenAI's
assistant answers as before. The session stays where it is.
"""

from __future__ import annotations

from watibot.conversations import Conversation, Provider
from watibot.errors import Cause, ProviderError
from watibot.migration import ledger
from watibot.migration.crew import Mark, Means, Outcome, held, put_off, save
from watibot.ports import Threads
from watibot.ports.migrations import Busy, Move, State
from watibot.ports.threads import put_words
from watibot.thread_words import words_of

STATES = frozenset({State.CUT_OVER})
RUN_LOOKS = 10
RUN_PAUSE = 1.0  # seconds


async def rollback(means: Means, move: Move) -> Outcome:
    """One conversation. Raises ProviderError, LostLease."""
    if means.threads is None:
        return await put_off(means, move, "no server is set to write threads to", Mark.FAILED)
    if move.thread_id is None:
        return await put_off(means, move, "it began here and has no thread", Mark.FAILED)
    async with held(means, move.conversation_id) as now:
        if isinstance(now, Busy):
            return await put_off(means, move, now.reason, Mark.LATER)
        return await _back(means, means.threads, move.thread_id, move, now)


async def _back(
    means: Means, threads: Threads, thread_id: str, move: Move, now: Conversation
) -> Outcome:
    said = 0
    if now.provider is Provider.VERTEX:
        words = words_of(await means.store.lacking(now.conversation_id))
        said = len(words)
        try:
            if not await _quiet(means, threads, thread_id):
                return await put_off(means, move, "a run on the thread does not end", Mark.LATER)
            posted = await put_words(threads, thread_id, words, means.clock)
        except ProviderError as error:
            if error.cause not in (Cause.GONE, Cause.NOT_FOUND):
                raise
            why = f"the thread cannot be written to: {error}"
            return await put_off(means, move, why, Mark.FAILED)
        await means.store.posted(now.conversation_id, now.fence, posted)
        await means.store.flip(now.conversation_id, now.fence, Provider.OPENAI, means.clock.now())
    after = ledger.step(move, State.ROLLED_BACK, rolled_back_at=means.clock.now())
    return Outcome(await save(means, after, move), Mark.DONE, f"{said} messages carried back")


async def _quiet(means: Means, threads: Threads, thread_id: str) -> bool:
    """Whether no run is active, cancelling one that is. Asks the thread even if nothing is to be
    written: a guest must not be given back to one that is not there."""
    for _ in range(RUN_LOOKS):
        active = await threads.active_run(thread_id)
        if active is None:
            return True
        if active.expires_at is not None and active.expires_at <= means.clock.now():
            return True
        await threads.cancel(thread_id, active.run_id)
        await means.clock.sleep(RUN_PAUSE)
    return False
