"""The ledger's rules: which step may follow which, and when a proof has grown old. Pure.

    pending ──> exported ──> imported ──> verified ──> cut_over ──> rolled_back
       └──> missing ──┘         ^───────────┴── (grew, differs) ──────┘

Every verb writes its step through `step`; the store takes it only if nobody was quicker.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from watibot.ports.migrations import Move, State
from watibot.threads import Translation

LEGAL: Mapping[State, frozenset[State]] = {
    State.PENDING: frozenset({State.PENDING, State.MISSING, State.EXPORTED}),
    State.MISSING: frozenset({State.MISSING, State.EXPORTED}),
    State.EXPORTED: frozenset({State.EXPORTED, State.IMPORTED}),
    State.IMPORTED: frozenset({State.IMPORTED, State.EXPORTED, State.VERIFIED}),
    State.VERIFIED: frozenset({State.VERIFIED, State.IMPORTED, State.EXPORTED, State.CUT_OVER}),
    State.CUT_OVER: frozenset({State.CUT_OVER, State.ROLLED_BACK}),
    State.ROLLED_BACK: frozenset({State.ROLLED_BACK, State.EXPORTED, State.IMPORTED}),
}
OLD_AFTER = timedelta(days=1)


def step(move: Move, to: State, **changes: Any) -> Move:
    """The line after a step that went well. Raises ValueError for one that is not legal."""
    if to not in LEGAL[move.state]:
        raise ValueError(f"{move.state} -> {to} is no step of a migration")
    return replace(move, state=to, **{"problem": None, "attempts": 0, **changes})


def trouble(move: Move, problem: str) -> Move:
    """The line after a step that failed or was put off: the same place, with the reason."""
    return replace(move, problem=problem, attempts=move.attempts + 1)


def counted(move: Move, source: str, found: Translation) -> Move:
    """The line with what was counted in the thread."""
    losses: dict[str, int] = {}
    for loss in found.losses:
        losses[loss.what] = losses.get(loss.what, 0) + 1
    return replace(
        move,
        source=source,
        version=found.version,
        messages=found.messages,
        tool_calls=found.tool_calls,
        media=found.media,
        items=len(found.items),
        losses=losses,
    )


def proof(version: str, items: int) -> str:
    """What a verification stands for: this version of the thread, so many items of history."""
    return f"{version}:{items}"


def stale(move: Move, now: datetime, items: int | None = None) -> str | None:
    """Why a verification proves nothing any more, or None. `items`: of the history, now."""
    if move.verified_at is None or move.verified_version is None:
        return None
    version, _, counted = move.verified_version.rpartition(":")
    if version != move.version:
        return "the thread has changed since"
    if items is not None and counted != str(items):
        return f"{items - int(counted)} items were said since"
    if now - move.verified_at > OLD_AFTER:
        return f"it is {(now - move.verified_at).days} days old"
    return None
