"""What follows a failure."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.invented import NOON
from watibot.errors import TRANSIENT, Cause, ProviderError
from watibot.retries import (
    GiveUp,
    Recover,
    RetryAt,
    after_failure,
    backoff,
    recover_or_give_up,
    recovered,
)
from watibot.settings import Patience
from watibot.turns import Progress

PATIENCE = Patience.model_validate(
    {"backoff_first": 10, "backoff_cap": 300, "backoff_jitter": 0.2, "tries": 30, "recoveries": 3}
)


def failed(cause: Cause, retry_after: float | None = None) -> ProviderError:
    return ProviderError("gemini", cause, retry_after=retry_after)


WAITS = [(1, 10), (2, 20), (3, 40), (4, 80), (5, 160), (6, 300), (7, 300), (29, 300)]


@pytest.mark.parametrize(("tries", "seconds"), WAITS)
def test_backoff_doubles_up_to_its_cap(tries: int, seconds: float) -> None:
    assert backoff(tries, PATIENCE, 0.0) == seconds
    assert backoff(tries, PATIENCE, 0.5) == pytest.approx(seconds * 1.1)


AFTER: list[tuple[Cause, float | None, int, float]] = [
    (Cause.UNREACHABLE, None, 0, 10),
    (Cause.LOST, None, 1, 20),
    (Cause.UNAVAILABLE, None, 2, 40),
    (Cause.THROTTLED, 5, 0, 10),  # the provider asks for less than our own wait
    (Cause.THROTTLED, 90, 0, 90),
    (Cause.THROTTLED, 900, 6, 900),  # and for more than our cap
]


@pytest.mark.parametrize(("cause", "retry_after", "tries", "seconds"), AFTER)
def test_transient_failures_are_tried_again(
    cause: Cause, retry_after: float | None, tries: int, seconds: float
) -> None:
    before = Progress(tries=tries, recoveries=1, active=33.0)
    decision = after_failure(failed(cause, retry_after), before, PATIENCE, NOON, 0.0)
    later = Progress(tries=tries + 1, recoveries=1, active=33.0)
    assert decision == RetryAt(NOON + timedelta(seconds=seconds), later)


def test_at_most_thirty_tries() -> None:
    error = failed(Cause.UNAVAILABLE)
    assert isinstance(after_failure(error, Progress(tries=28), PATIENCE, NOON, 0.0), RetryAt)
    assert after_failure(error, Progress(tries=29), PATIENCE, NOON, 0.0) == GiveUp(
        "gemini unavailable (30 tries)"
    )


@pytest.mark.parametrize("cause", sorted(set(Cause) - TRANSIENT - {Cause.SIGNATURE}))
def test_permanent_failures_are_not_retried(cause: Cause) -> None:
    assert isinstance(after_failure(failed(cause), Progress(), PATIENCE, NOON, 0.0), GiveUp)


@pytest.mark.parametrize("cause", [Cause.TIMEOUT, Cause.SIGNATURE])
def test_a_slow_or_refused_interaction_is_recovered(cause: Cause) -> None:
    before = Progress(tries=4, active=170.0, restarts=1)
    decision = after_failure(failed(cause), before, PATIENCE, NOON, 0.0)
    assert decision == Recover(Progress(tries=4, recoveries=1, active=0.0, restarts=1))


def test_at_most_three_recoveries() -> None:
    assert isinstance(recover_or_give_up("slow", Progress(recoveries=2), PATIENCE), Recover)
    assert recover_or_give_up("slow", Progress(recoveries=3), PATIENCE) == GiveUp(
        "slow (3 recoveries)"
    )


RECOVERED = [
    (Progress(tries=5, active=40.0), Progress(active=40.0)),
    (Progress(tries=5, recoveries=2, active=40.0), Progress()),
    (Progress(recoveries=1, active=9.0, restarts=2), Progress(restarts=2)),
]


@pytest.mark.parametrize(("before", "after"), RECOVERED)
def test_a_recovery_that_worked_resets_clock_and_count(before: Progress, after: Progress) -> None:
    assert recovered(before) == after
