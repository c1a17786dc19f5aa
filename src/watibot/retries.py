"""What happens after a failure: try again at a time, recover, or give up. Pure.

Exponential back-off 10 s, 20 s, 40 s ... with jitter and a cap, `Retry-After` honoured, at most 30
tries; three minutes for one interaction, five minutes of work for one answer, at most three
recoveries (settings, `PATIENCE_`). A recovery that worked resets both the clock and the
count (`recovered`), because a turn that never does so recovers for ever.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from watibot.errors import Cause, ProviderError
from watibot.settings import Patience
from watibot.turns import Progress


@dataclass(frozen=True, slots=True)
class RetryAt:
    """Try the same step again, not before `when`."""

    when: datetime
    progress: Progress


@dataclass(frozen=True, slots=True)
class Recover:
    """Start the answer again from the recent conversation only."""

    progress: Progress


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Apologise to the guest and tell staff why."""

    reason: str


Decision = RetryAt | Recover | GiveUp


def backoff(tries: int, patience: Patience, chance: float) -> float:
    """Seconds before try number `tries` + 1. `chance` in [0, 1) spreads what failed together:
    the wait is between its full length and `1 + jitter` times that."""
    doublings = min(max(tries - 1, 0), 60)  # the cap is reached long before
    full = min(patience.backoff_first * 2.0**doublings, patience.backoff_cap)
    return full * (1.0 + patience.backoff_jitter * chance)


def after_failure(
    error: ProviderError, progress: Progress, patience: Patience, now: datetime, chance: float
) -> Decision:
    """What to do about a failed model call."""
    if error.cause in (Cause.TIMEOUT, Cause.SIGNATURE):
        return recover_or_give_up(str(error), progress, patience)
    if not error.transient:
        return GiveUp(str(error))
    tries = progress.tries + 1
    if tries >= patience.tries:
        return GiveUp(f"{error} ({tries} tries)")
    wait = max(backoff(tries, patience, chance), error.retry_after or 0.0)
    return RetryAt(now + timedelta(seconds=wait), replace(progress, tries=tries))


def recover_or_give_up(reason: str, progress: Progress, patience: Patience) -> Decision:
    """An interaction or the whole answer took too long, or its history is refused."""
    if progress.recoveries >= patience.recoveries:
        return GiveUp(f"{reason} ({progress.recoveries} recoveries)")
    return Recover(replace(progress, recoveries=progress.recoveries + 1, active=0.0))


def recovered(progress: Progress) -> Progress:
    """A step came back: the count of tries starts anew; after a recovery, the clock and its count
    do too."""
    if progress.recoveries:
        return replace(progress, tries=0, recoveries=0, active=0.0)
    return replace(progress, tries=0)
