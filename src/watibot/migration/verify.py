"""Both sides are read again and compared; only then may a conversation be cut over."""

from __future__ import annotations

from collections.abc import Sequence

from watibot.conversations import Provider
from watibot.errors import Cause, ProviderError
from watibot.history import HistoryItem
from watibot.migration import ledger
from watibot.migration.crew import Mark, Means, Outcome, put_off, save
from watibot.migration.proof import Proof, compare
from watibot.migration.run import read
from watibot.ports import SessionEvent
from watibot.ports.migrations import Move, State
from watibot.threads import RawThread, Translation

STATES = frozenset({State.IMPORTED, State.VERIFIED, State.CUT_OVER})


async def verify(means: Means, move: Move) -> Outcome:
    """One conversation. Raises ProviderError, LostLease, SourceGone."""
    found = await means.sources.read(move)
    if found is None:
        return await put_off(means, move, "no source has its thread any more", Mark.FAILED)
    raw, _ = found
    translation = await read(means, move, raw)
    if translation.active_run is not None:
        return await put_off(means, move, "a run is active on the thread", Mark.LATER)
    proof, items = await prove(means, move, raw, translation)
    if translation.version != move.version:
        again = "roll back, then run" if move.state is State.CUT_OVER else "run again"
        return await differs(means, move, Mark.LESS, f"the thread has grown: {again}")
    if not proof.ok:
        return await differs(means, move, mark(proof), proof.words)
    after = ledger.step(
        move,
        State.CUT_OVER if move.state is State.CUT_OVER else State.VERIFIED,
        verified_at=means.clock.now(),
        verified_version=ledger.proof(translation.version, items),
    )
    return Outcome(await save(means, after, move), Mark.SAME, proof.words)


async def prove(
    means: Means, move: Move, raw: RawThread, translation: Translation
) -> tuple[Proof, int]:
    """The comparison, and how many items the history has."""
    conversation = await means.store.conversation(move.conversation_id)
    unmoved = await means.store.unmoved(move.conversation_id)
    local = await means.store.whole_history(move.conversation_id)
    events: list[SessionEvent] = []
    if conversation is not None and conversation.session_id is not None:
        try:
            events = await means.sessions.events(conversation.session_id)
        except ProviderError as error:
            if error.cause is not Cause.NOT_FOUND:
                raise
    behind = unmoved > 0 or conversation is None or conversation.provider is Provider.VERTEX
    expected = _given(local, events) if behind else local
    return compare(raw, translation, expected, events), len(local)


def _given(local: Sequence[HistoryItem], events: Sequence[SessionEvent]) -> list[HistoryItem]:
    """Without what was said since the session's last event and may still be on its way there."""
    names = {event.event_id for event in events}
    last = max((n for n, item in enumerate(local) if item.item_id in names), default=-1)
    return list(local[: last + 1])


def mark(proof: Proof) -> Mark:
    """The sign of a proof that fails."""
    if proof.differing or proof.doubled or not proof.in_order:
        return Mark.DIFFERS
    return Mark.DONE if proof.extra and not proof.missing else Mark.LESS


async def differs(means: Means, move: Move, mark: Mark, why: str) -> Outcome:
    """A proof that failed: the line is not verified any more. Raises LostLease."""
    told = ledger.trouble(move, why)
    if move.state is State.VERIFIED:
        told = ledger.trouble(ledger.step(move, State.IMPORTED, verified_at=None), why)
    await save(means, told, move)
    return Outcome(told, mark, why)
