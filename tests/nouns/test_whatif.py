"""What-ifs over a small table of charges: every sum by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from watibot import costs
from watibot.charges import Charge, Operation, Use
from watibot.modelcalls import Occasion, Usage
from watibot.whatif import AS_NOW, VARIANTS, Line, Traffic, Wanted, best, days_of, plan, traffic

FLASH, LITE, ARGON = "gemini-3.8-flash", "gemini-3.5-flash-lite", "gemini-4-argon"
BEGAN = datetime(2026, 11, 10, tzinfo=UTC)
TODAY = date(2026, 11, 20)
DAYS = [TODAY, date(2027, 1, 1)]
PRICES = costs.load()


def answer(
    hours: float,
    prompt: int,
    cached: int,
    output: int,
    turn: str,
    guest: str = "g1",
    **more: object,
) -> Charge:
    occasion = Occasion("answer", guest, None, turn)
    usage = Usage(prompt, cached, output)
    use = Use("gemini", Operation.ANSWER, FLASH, "global", usage, occasion=occasion)
    return Charge(BEGAN + timedelta(hours=hours), replace(use, **more), 1)  # type: ignore[arg-type]


def other(
    hours: float, operation: Operation, micros: int | None, usage: Usage, quantity: int = 1
) -> Charge:
    occasion = Occasion(operation, "g2")
    use = Use("gemini", operation, FLASH, "global", usage, quantity, occasion=occasion)
    return Charge(BEGAN + timedelta(hours=hours), use, micros)


TABLE = [
    answer(0, 10_000, 0, 100, "t1"),
    answer(0.01, 12_000, 6_000, 100, "t1"),  # after a tool: no more history than before it
    answer(50, 14_000, 8_000, 200, "t2", "g2"),
    answer(90, 12_000, 10_000, 200, "t3", "g2"),
    other(91, Operation.SUMMARY, 2_625, Usage(2_000, 0, 300)),
    other(92, Operation.EVENT, 750, Usage()),
    other(93, Operation.CALL, None, Usage()),
]


def seen_in(table: list[Charge], days: float = 10) -> Traffic:
    found = traffic(reversed(table), BEGAN, BEGAN + timedelta(days=days))
    assert found is not None
    return found


def lines_of(
    seen: Traffic, model: str = FLASH, wanted: Wanted | None = None
) -> dict[tuple[str, bool], Line]:
    wanted = wanted or Wanted(seen.month, None, 50_000)
    return {
        (line.variant.name, line.explicit): line
        for line in plan(seen, PRICES, [model], DAYS, wanted)
    }


def test_what_was_called_for() -> None:
    seen = seen_in(TABLE)
    assert (seen.turns, seen.conversations, seen.model) == (3, 2, FLASH)
    assert (seen.beginning, seen.hit_rate) == (10_000, 0.5)
    assert [call.history for call in seen.answers] == [0, 0, 4_000, 2_000]
    assert (seen.rest, seen.unknown, len(seen.others)) == (750, 1, 1)
    assert seen.month == pytest.approx(2 * 365 / 12 / 10)
    assert seen.an_hour == pytest.approx(4 / 240)
    assert seen.gap == pytest.approx(40 * 3_600)
    assert traffic([], BEGAN, BEGAN + timedelta(days=1)) is None
    assert traffic(TABLE[4:], BEGAN, BEGAN + timedelta(days=10)) is None


@pytest.mark.parametrize(
    ("variant", "today", "later"),
    [
        # 48,000 tokens, half of them cached, 600 of output; a summary; an event.
        ("as now", 22_050 + 2_625 + 750, 2 * (22_050 + 2_625) + 750),
        ("instructions -25 %", 17_925 + 2_625 + 750, 2 * (17_925 + 2_625) + 750),
        ("instructions -50 %", 13_800 + 2_625 + 750, 2 * (13_800 + 2_625) + 750),
        ("half the history", 20_812.5 + 2_625 + 750, 2 * (20_812.5 + 2_625) + 750),
        ("both halved", 12_562.5 + 2_625 + 750, 2 * (12_562.5 + 2_625) + 750),
    ],
)
def test_a_variant_costs(variant: str, today: float, later: float) -> None:
    """For two conversations."""
    line = lines_of(seen_in(TABLE))[variant, False]
    assert [cost and cost.conversation for cost in line.costs] == [
        pytest.approx(today / 2, abs=0.51),
        pytest.approx(later / 2, abs=0.51),
    ]
    assert line.costs[0] is not None
    assert line.costs[0].month == pytest.approx(today * 365 / 12 / 10, abs=0.51)


def test_another_model_and_place() -> None:
    # 24,000 x 0.30 + 24,000 x 0.03 + 600 x 2.50; the summary 600 + 750.
    expected = (7_200 + 720 + 1_500 + 1_350 + 750) / 2
    cost = lines_of(seen_in(TABLE), LITE)["as now", False].costs[0]
    assert cost is not None
    assert cost.conversation == pytest.approx(expected, abs=0.51)
    elsewhere = [replace(charge, use=replace(charge.use, location="eu")) for charge in TABLE]
    cost = lines_of(seen_in(elsewhere), LITE)["as now", False].costs[0]
    assert cost is not None
    assert cost.conversation == pytest.approx((expected - 375) * 1.1 + 375, abs=0.51)


def test_more_conversations_cost_more_and_each_the_same() -> None:
    seen = seen_in(TABLE)
    few, many = (
        lines_of(seen, wanted=Wanted(count, None, 50_000))["as now", False].costs[0]
        for count in (100, 3_000)
    )
    assert few is not None
    assert many is not None
    assert few.conversation == many.conversation
    assert many.month == pytest.approx(30 * few.month, rel=1e-3)


BURST = [answer(minute / 60, 10_000, 0, 0, f"t{minute}") for minute in range(10)]


def test_an_explicit_cache_is_made_kept_and_dropped() -> None:
    """Three calls of 7,500, then the cache: seven of 750, 7,500 for making it, and storage of 5,000
    an hour for the seven minutes and the three hours (and a minute) that its regret lasts."""
    seen = seen_in(BURST, days=1)
    lines = lines_of(seen)
    implicit, explicit = lines["as now", False].costs[0], lines["as now", True].costs[0]
    assert implicit is not None
    assert explicit is not None
    assert implicit.conversation == 75_000
    storage = 5_000 * (7 + 180 + 1) / 60
    assert explicit.conversation == pytest.approx(22_500 + 5_250 + 7_500 + storage, abs=2)
    assert not explicit.guessed
    # What storage costs in 2027 is not known.
    assert lines["as now", True].costs[1] is None


def test_where_storage_has_no_price_or_a_guess() -> None:
    seen = seen_in(BURST, days=1)
    assert lines_of(seen, ARGON)["as now", True].costs == (None, None)
    guess = lines_of(seen, LITE)["as now", True].costs[0]
    assert guess is not None
    assert guess.guessed
    assert lines_of(seen, "gemini-9")["as now", False].costs == (None, None)


def test_sparse_calls_never_make_one() -> None:
    lines = lines_of(seen_in(TABLE))
    for variant in VARIANTS:
        assert lines[variant.name, True].costs[0] == lines[variant.name, False].costs[0]


def test_denser_traffic_makes_one_that_sparse_does_not() -> None:
    spread = [answer(5 * hour, 10_000, 0, 0, f"t{hour}", f"g{hour}") for hour in range(40)]
    seen = seen_in(spread)
    for times, cheaper in ((1, False), (60, True)):
        lines = lines_of(seen, wanted=Wanted(seen.month * times, None, 50_000))
        implicit, explicit = lines["as now", False].costs[0], lines["as now", True].costs[0]
        assert implicit is not None
        assert explicit is not None
        assert (explicit.month < implicit.month) is cheaper


def test_hits_are_measured_while_no_explicit_cache_was_kept() -> None:
    table = [
        answer(0, 10_000, 3_000, 0, "t1"),
        other(1, Operation.CACHE, 7_500, Usage(prompt=10_000)),
        answer(1.5, 10_000, 10_000, 0, "t2"),
        other(3, Operation.STORAGE, 10_000, Usage(), quantity=20_000),  # of two hours
        answer(4, 10_000, 5_000, 0, "t3"),
    ]
    assert seen_in(table).hit_rate == pytest.approx(0.4)
    assert seen_in(table).rest == 0
    assert seen_in(table[1:4]).hit_rate is None


def test_days_on_which_prices_change() -> None:
    assert days_of(PRICES, TODAY, 3) == [TODAY, date(2026, 12, 1), date(2027, 1, 1)]
    assert days_of(PRICES, TODAY, 2) == [TODAY, date(2026, 12, 1)]
    assert days_of(PRICES, date(2027, 1, 1), 3) == [date(2027, 1, 1)]


@pytest.mark.parametrize(
    ("month", "each", "expected"),
    [
        (10**9, 50_000, (FLASH, "as now")),  # 12,713 today, 25,050 later
        (10**9, 25_050, (FLASH, "instructions -25 %")),
        (10**9, 14_000, None),
        (25_000 * 100, 50_000, (FLASH, "instructions -25 %")),
        (None, 50_000, (FLASH, "as now")),
    ],
)
def test_the_best_changes_least(
    month: int | None, each: int, expected: tuple[str, str] | None
) -> None:
    lines = lines_of(seen_in(TABLE), wanted=Wanted(100, month, each)).values()
    found = best(lines)
    assert (found and (found.model, found.variant.name)) == expected


def test_among_models_the_cheapest() -> None:
    seen = seen_in(TABLE)
    lines = plan(seen, PRICES, [FLASH, LITE, ARGON], DAYS, Wanted(100, None, 50_000))
    found = best(lines)
    assert found is not None
    assert (found.model, found.variant, found.explicit) == (LITE, AS_NOW, False)
    stays = best(lines, present=FLASH)
    assert stays is not None
    assert stays.model == FLASH
