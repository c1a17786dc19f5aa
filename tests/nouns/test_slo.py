"""Objectives, how fast their budget burns, and when an alarm comes and goes."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.clocks import NOON
from watibot import slo
from watibot.slo import PACES, Alarm, Count, Raised, Recovered

ANSWER, ANSWERED, TOOLS = slo.objectives(0.95, 0.995, 0.98)
FAST, SLOW, LASTING = PACES
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("objective", "outcomes", "expected"),
    [
        (ANSWER, {"fast": 9, "slow": 1}, Count(9, 1)),
        (ANSWERED, {"answered": 5, "failed": 2, "left_to_staff": 3, "stopped": 1}, Count(5, 2)),
        (ANSWERED, {"limited": 4}, Count()),
        (TOOLS, {"ok": 3}, Count(3, 0)),
    ],
)
def test_what_counts(objective: slo.Objective, outcomes: dict[str, int], expected: Count) -> None:
    assert objective.count(outcomes) == expected


@pytest.mark.parametrize(
    ("pace", "objective", "long", "short", "burns"),
    [
        # 14.4 x 0.5 % is 7.2 %
        (FAST, ANSWERED, Count(28, 3), Count(2, 1), True),
        (FAST, ANSWERED, Count(100, 7), Count(1, 1), False),
        (FAST, ANSWERED, Count(28, 3), Count(3, 0), False),
        # one failure at night, and two
        (FAST, ANSWERED, Count(0, 1), Count(0, 1), False),
        (FAST, ANSWERED, Count(0, 2), Count(0, 2), False),
        (FAST, ANSWERED, Count(0, 3), Count(0, 1), True),
        (FAST, ANSWERED, Count(0, 3), Count(0, 0), False),
        # 6 x 2 % is 12 %
        (SLOW, TOOLS, Count(21, 3), Count(7, 1), True),
        (SLOW, TOOLS, Count(23, 3), Count(7, 1), False),
        (LASTING, ANSWERED, Count(590, 3), Count(99, 1), True),
        (LASTING, ANSWERED, Count(600, 3), Count(99, 1), False),
        (LASTING, ANSWERED, Count(590, 3), Count(300, 1), False),
    ],
)
def test_both_windows_have_to_burn_and_one_failure_is_none(
    pace: slo.Pace, objective: slo.Objective, long: Count, short: Count, burns: bool
) -> None:
    assert pace.burns(objective, long, short) == burns


def test_total_failure_burns_whatever_the_share() -> None:
    (lenient, _, _) = slo.objectives(0.5, 0.995, 0.98)
    assert FAST.burns(lenient, Count(0, 3), Count(0, 3))
    assert not FAST.burns(lenient, Count(1, 3), Count(0, 3))


@pytest.mark.parametrize(
    ("long", "short", "calm"),
    [
        (Count(10, 9), Count(0, 0), False),  # nothing happened: nobody knows
        (Count(10, 9), Count(1, 0), True),
        (Count(10, 9), Count(96, 4), False),  # below the line, but not well below it
        (Count(10, 9), Count(97, 3), True),
        (Count(100, 3), Count(0, 0), True),
    ],
)
def test_calm_takes_evidence(long: Count, short: Count, calm: bool) -> None:
    assert FAST.is_calm(ANSWERED, long, short) == calm


@pytest.mark.parametrize(
    ("count", "left"),
    [(Count(), 1.0), (Count(199, 1), 0.0), (Count(1000), 1.0), (Count(98, 2), -3)],
)
def test_what_is_left_of_a_budget(count: Count, left: float) -> None:
    assert ANSWERED.left(count) == pytest.approx(left)


@pytest.mark.parametrize(
    ("micros", "conversations", "dear", "cheap"),
    [
        (1_000_001, 20, True, False),
        (1_000_000, 20, False, False),
        (900_000, 20, False, True),
        (5_000_000, 19, False, False),
        (0, 0, False, True),
    ],
)
def test_what_a_conversation_may_cost(
    micros: int, conversations: int, dear: bool, cheap: bool
) -> None:
    assert slo.is_too_dear(micros, conversations, 0.05) == dear
    assert slo.is_cheap_enough(micros, conversations, 0.05) == cheap


def walk(signs: str, *, quietly: bool = False) -> list[tuple[int, type]]:
    """One sign a minute: `!` burns, `.` is calm, `-` is neither. What happened, and when."""
    alarm, told = Alarm(), []
    for minute, sign in enumerate(signs):
        alarm, news = slo.step(
            alarm,
            burns=sign == "!",
            calm=sign == ".",
            quietly=quietly,
            now=NOON + minute * MINUTE,
            patience=5 * MINUTE,
        )
        if news is not None:
            told.append((minute, type(news)))
    return told


@pytest.mark.parametrize(
    ("signs", "expected"),
    [
        ("......", []),
        ("--", []),
        ("!!!!!!", [(0, Raised)]),
        ("!----------", [(0, Raised)]),
        ("!.....", [(0, Raised)]),
        ("!......", [(0, Raised), (6, Recovered)]),
        ("!....!......", [(0, Raised), (11, Recovered)]),
        ("!....-......", [(0, Raised), (11, Recovered)]),
        ("!......!", [(0, Raised), (6, Recovered), (7, Raised)]),
        ("!.!.!.!.!.!.", [(0, Raised)]),
    ],
)
def test_an_alarm_is_raised_once_and_ends_after_patience(
    signs: str, expected: list[tuple[int, type]]
) -> None:
    assert walk(signs) == expected


def test_a_quiet_alarm_knows_that_nobody_was_told() -> None:
    alarm, news = slo.step(
        Alarm(), burns=True, calm=False, quietly=True, now=NOON, patience=5 * MINUTE
    )
    assert (alarm.told, news) == (False, Raised())
