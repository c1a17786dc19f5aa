"""The verbs that go from conversation to conversation: which they take, what they do, and what
they would do.

`work.py` is before it; the steps themselves are in `migration/`. A dry run is given a store that
takes no writes, so that what it says cannot be what it did.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from watibot.cli.migrate.asked import Asked
from watibot.conversations import Provider
from watibot.migration import cutover, rollback, run, verify
from watibot.migration.crew import Mark, Means, Outcome, Work
from watibot.migration.ledger import stale
from watibot.migration.words import STANDING
from watibot.ports import Store
from watibot.ports.migrations import Move, State
from watibot.thread_words import words_of

_READS = frozenset(
    {
        *("conversation", "move", "moves", "count_moves", "lacking", "unmoved", "whole_history"),
        "first_here",
    }
)


@dataclass(frozen=True, slots=True)
class Verb:
    """`flips`: it changes who answers, and does nothing unless it is said for whom. `tells_all`:
    each conversation has its line."""

    states: Callable[[Asked], frozenset[State]]
    work: Work
    dry: Work
    reads: bool = True
    flips: bool = False
    tells_all: bool = False


class Unwritten:
    """A store that is read, and keeps nothing."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        if name not in _READS:
            raise AssertionError(f"a dry run does not {name}")
        return getattr(self._store, name)

    async def save_move(self, move: Move, expected: State) -> bool:
        return True


def unwritten(means: Means) -> Means:
    """The same means for a dry run."""
    return replace(means, store=cast(Store, Unwritten(means.store)))


async def _would_run(means: Means, move: Move) -> Outcome:
    found = await means.sources.read(move)
    if found is None:
        return Outcome(move, Mark.LESS, STANDING[State.MISSING])
    raw, source = found
    translation = await run.read(means, move, raw)
    if translation.active_run is not None:
        return Outcome(move, Mark.LATER, "a run is active on the thread")
    there = {item.item_id for item in await means.store.whole_history(move.conversation_id)}
    new = sum(item.item_id not in there for item in translation.items)
    if not new and move.state in (State.IMPORTED, State.VERIFIED):
        return Outcome(move, Mark.SAME, "nothing new")
    return Outcome(move, Mark.DONE, f"{new} items from {source.name}", events=new)


async def _would_cut_over(means: Means, move: Move) -> Outcome:
    if move.state not in cutover.STATES:
        if move.provider is Provider.VERTEX:
            return Outcome(move, Mark.SAME, "Gemini answers it already")
        return Outcome(move, Mark.DONE, "without its past")
    old = stale(move, means.clock.now())
    old = f"; the verification is stale: {old}" if old else ""
    return Outcome(move, Mark.DONE, f"{move.items} items{old}")


async def _would_roll_back(means: Means, move: Move) -> Outcome:
    if means.threads is None or move.thread_id is None:
        return await rollback.rollback(means, move)  # says why not, and asks nobody
    said = len(words_of(await means.store.lacking(move.conversation_id)))
    return Outcome(move, Mark.DONE, f"{said} messages to be carried back")


VERBS: Mapping[str, Verb] = {
    "run": Verb(lambda asked: run.NEW_STATES if asked.new else run.STATES, run.run, _would_run),
    "verify": Verb(lambda _: verify.STATES, verify.verify, verify.verify, tells_all=True),
    "cutover": Verb(
        lambda asked: (
            cutover.STATES
            | (cutover.MISSING if asked.missing else frozenset())
            | (cutover.UNREAD if asked.unread else frozenset())
        ),
        cutover.cutover,
        _would_cut_over,
        flips=True,
    ),
    "rollback": Verb(
        lambda _: rollback.STATES, rollback.rollback, _would_roll_back, reads=False, flips=True
    ),
}
