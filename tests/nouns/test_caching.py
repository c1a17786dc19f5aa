"""The rule for explicit caches: its bound against the optimum in hindsight, and its right side."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import pairwise, product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.clocks import NOON
from watibot.caching import FULL, LOOK_AGAIN, CachePrices, Decision, Rental, Why, break_even

FLASH = CachePrices(0.75, 0.075, 0.50)
FLASH_2027 = CachePrices(1.50, 0.15, 0.50)
PRO = CachePrices(1.25, 0.125, 4.50)
TOKENS = 10_000
TTL = timedelta(hours=1)
TICK = timedelta(minutes=2)


@dataclass(frozen=True)
class Call:
    """`hours` since the start; `cached`: what implicit caching serves of `prompt` tokens."""

    hours: float
    cached: float
    prompt: int = TOKENS


class Run:
    """The rule at work on one prefix; its cost is reckoned here, apart from the rule's own."""

    def __init__(self, prices: CachePrices = FLASH, *, as_believed: bool = False) -> None:
        self.prices = prices
        self.rental = Rental(prices, NOON, NOON, TOKENS)
        self.cost = 0.0
        self.makings = 0
        self.held = timedelta(0)
        self.seen: list[Call] = []
        self._as_believed = as_believed
        self._now = NOON

    @property
    def kept(self) -> bool:
        return self.rental.kept

    def until(self, hours: float) -> None:
        """Time goes on, and the rule is asked at every tick."""
        end = NOON + timedelta(hours=hours)
        while self._now < end:
            if not self.kept:
                self._now = end
                break
            step = min(TICK, end - self._now)
            self._now += step
            self.held += step
            self.cost += an_hour(self.prices) * (step / timedelta(hours=1))
            self._ask()
        self.rental = self.rental.passed(self._now)

    def call(self, call: Call) -> None:
        self.until(call.hours)
        if self.kept and self._as_believed:
            call = replace(call, cached=(self.rental.hit_rate or 0.0) * call.prompt)
        self.seen.append(call)
        gain = gain_of(call, self.prices)
        self.cost += max(0.0, -gain) if self.kept else max(0.0, gain)
        served = TOKENS if self.kept else round(call.cached)
        self.rental = self.rental.called(self._now, call.prompt, served, explicit=self.kept)
        self._ask()

    def vanish(self) -> None:
        self.rental = self.rental.gone(self._now)

    def _ask(self) -> None:
        self.rental = self.rental.passed(self._now)
        match self.rental.decide(self._now):
            case Decision.MAKE:
                self.cost += self.prices.input * TOKENS
                self.makings += 1
                self.rental = self.rental.made(self._now, TOKENS, self._now + TTL)
            case Decision.RENEW:
                self.rental = self.rental.renewed(self._now + TTL)
            case Decision.DROP:
                self.rental = self.rental.gone(self._now)


def an_hour(prices: CachePrices) -> float:
    """What storing it for an hour costs."""
    assert prices.storage is not None
    return prices.storage * TOKENS


def gain_of(call: Call, prices: CachePrices) -> float:
    """What a cache gains on a call, in micro-dollars; negative where implicit caching had more."""
    return (prices.input - prices.cached) * (TOKENS - call.cached)


def optimum(calls: Sequence[Call], prices: CachePrices) -> float:
    """The least cost in hindsight, by dynamic programming over (call, kept or not)."""
    making, storage = prices.input * TOKENS, an_hour(prices)
    without, kept, before = 0.0, float("inf"), 0.0
    for call in calls:
        gain = gain_of(call, prices)
        kept = min(kept + storage * (call.hours - before), without + making)
        without, kept = without + max(0.0, gain), kept + max(0.0, -gain)
        without = min(without, kept)  # dropping costs nothing
        before = call.hours
    return without


def optimum_by_trying(calls: Sequence[Call], prices: CachePrices) -> float:
    """The same by trying every schedule."""
    making, storage = prices.input * TOKENS, an_hour(prices)
    best = float("inf")
    for plan in product((False, True), repeat=len(calls)):
        # Between two calls that are served from a cache it may be kept, or made again.
        cost = making if plan and plan[0] else 0.0
        for (one, had), (two, has) in pairwise(zip(calls, plan, strict=True)):
            hold = storage * (two.hours - one.hours) if had else making
            cost += min(hold, making) if has else 0.0
        for call, has in zip(calls, plan, strict=True):
            gain = gain_of(call, prices)
            cost += max(0.0, -gain) if has else max(0.0, gain)
        best = min(best, cost)
    return best


def bound(run: Run, factor: float, scale: float = 1.0, interruptions: int = 0) -> float:
    """`scale` * ((`factor` + (g + l) / M) * best + (5 M + g + l) for each interruption)."""
    making = run.prices.input * TOKENS
    gains = [gain_of(call, run.prices) for call in run.seen] or [0.0]
    most = max(0.0, max(gains)) + max(0.0, -min(gains))
    # The rule is asked at ticks only: that much storage may be too much.
    most += an_hour(run.prices) * (TICK / timedelta(hours=1))
    best = optimum(run.seen, run.prices)
    return scale * ((factor + most / making) * best + interruptions * (5 * making + most))


def as_measured(run: Run, interruptions: int = 0) -> float:
    return bound(run, 2 * FULL + 1, LOOK_AGAIN / (LOOK_AGAIN - FULL), interruptions)


def unseen(run: Run) -> float:
    return bound(run, 2 * FULL + 1 + LOOK_AGAIN)


gaps = st.one_of(
    st.floats(0, 0.05), st.floats(0, 2), st.floats(0, 40), st.sampled_from([1.5, 3.0, 24.0])
)
shares = st.one_of(st.sampled_from([0.0, 0.5, 0.9, 1.0]), st.floats(0, 1))
traces = st.lists(
    st.tuples(gaps, shares, st.sampled_from([1.0, 1.0, 1.3, 2.0])), min_size=1, max_size=60
).map(lambda drawn: list(_trace(drawn)))
price_lists = st.sampled_from([FLASH, FLASH_2027, PRO, CachePrices(1.0, 0.5, 0.01)])


def _trace(drawn: Sequence[tuple[float, float, float]]) -> Iterator[Call]:
    hours = 0.0
    for gap, share, longer in drawn:
        hours += gap
        prompt = round(TOKENS * longer)
        yield Call(hours, share * prompt, prompt)


@given(st.lists(st.tuples(gaps, shares, st.just(1.3)), max_size=9), price_lists)
@settings(deadline=None)
def test_the_optimum_is_one(drawn: list[tuple[float, float, float]], prices: CachePrices) -> None:
    calls = list(_trace(drawn))
    assert optimum(calls, prices) == pytest.approx(optimum_by_trying(calls, prices))


@given(traces, price_lists, st.integers(1, 8))
@settings(deadline=None, max_examples=150)
def test_the_bound_on_any_calls(calls: list[Call], prices: CachePrices, times: int) -> None:
    run = Run(prices, as_believed=True)
    for turn in range(times):
        for call in calls:
            run.call(replace(call, hours=call.hours + turn * (calls[-1].hours + 0.1)))
    run.until(run.seen[-1].hours + 100)
    assert run.cost <= as_measured(run)


@given(traces, price_lists, st.integers(1, 8))
@settings(deadline=None, max_examples=150)
def test_the_bound_when_what_is_unseen_is_otherwise(
    calls: list[Call], prices: CachePrices, times: int
) -> None:
    """Where calls lose nothing: implicit caching serves no more than the cache holds."""
    run = Run(prices)
    for turn in range(times):
        for call in calls:
            hours = call.hours + turn * (calls[-1].hours + 0.1)
            run.call(Call(hours, min(call.cached, TOKENS)))
    run.until(run.seen[-1].hours + 100)
    assert run.cost <= unseen(run)


def _stops_after_each_making(run: Run) -> None:
    """No call comes while a cache is there."""
    hours = 0.0
    while run.makings < 30:
        hours += 0.01
        if run.kept:
            hours += 10
        run.call(Call(hours, 0))


def _just_before_the_end(run: Run) -> None:
    """Calls come when the regret is nearly nothing: storage is paid for as little as can be."""
    hours = 0.0
    while run.makings < 30:
        if run.kept:
            hours += 0.97 * run.rental.regret / run.rental.an_hour
            # Every fifth time it is let go, so that it has to be made again.
            hours += 10 if len(run.seen) % 5 == 0 else 0
        run.call(Call(hours + 1e-4, 0))


def _one_short_of_making(run: Run) -> None:
    """Two calls that miss and then none: a cache is never made, and never worth it."""
    for hours in range(0, 400, 8):
        run.call(Call(hours, 0))
        run.call(Call(hours + 0.01, 0))


def _a_busy_week(run: Run) -> None:
    """The best is to keep it throughout; the rule lets it go to look."""
    for minute in range(7 * 24 * 6):
        run.call(Call(minute / 6, 0))


@pytest.mark.parametrize("prices", [FLASH, FLASH_2027, PRO])
@pytest.mark.parametrize(
    "adversary",
    [_stops_after_each_making, _just_before_the_end, _one_short_of_making, _a_busy_week],
)
def test_the_bound_against_adversaries(
    adversary: Callable[[Run], None], prices: CachePrices
) -> None:
    run = Run(prices, as_believed=True)
    adversary(run)
    assert run.cost <= as_measured(run)
    assert run.cost >= optimum(run.seen, prices)


def test_the_bound_is_no_idle_word() -> None:
    """Calls that stop right after each making cost more than three times the best."""
    run = Run(as_believed=True)
    _stops_after_each_making(run)
    assert run.cost > 3 * optimum(run.seen, run.prices)


def test_a_liar_is_found_out() -> None:
    """Implicit caching misses while it is measured, and is perfect while a cache is kept."""
    run = Run()
    hours = 0.0
    while hours < 2_000:
        hours += 0.2
        run.call(Call(hours, TOKENS if run.kept else 0))
    assert run.cost <= unseen(run)
    assert run.cost > 10 * optimum(run.seen, run.prices)
    assert run.makings > 50


def test_a_cache_that_vanishes_is_an_interruption() -> None:
    run = Run(as_believed=True)
    vanished = 0
    for count in range(3_000):
        run.call(Call(count / 20, 0))
        if run.kept and count % 50 == 0:
            run.vanish()
            vanished += 1
    assert vanished > 20
    assert run.cost <= as_measured(run, interruptions=vanished)


@pytest.mark.parametrize(("rate", "share"), [(0.74, 0.0), (1.5, 0.5), (2.5, 0.7), (7.4, 0.9)])
def test_the_break_even(rate: float, share: float) -> None:
    assert break_even(FLASH, share) == pytest.approx(rate, rel=0.02)


@pytest.mark.parametrize(("rate", "share"), [(0.74, 0.0), (1.5, 0.5), (2.5, 0.7), (7.4, 0.9)])
@pytest.mark.parametrize("seed", [1, 2])
def test_the_right_side_of_the_break_even(rate: float, share: float, seed: int) -> None:
    """Calls by chance, each served by implicit caching or not."""
    below, above = (_by_chance(factor * rate, share, seed) for factor in (0.5, 2.0))
    assert _held(below) < 0.2
    assert _held(above) > 0.8
    # And what it costs beside knowing the rates for ever beforehand.
    for run in (below, above):
        never = sum(max(0.0, gain_of(call, FLASH)) for call in run.seen)
        always = FLASH.input * TOKENS + an_hour(FLASH) * run.seen[-1].hours
        assert run.cost <= 1.3 * min(never, always)


def test_steady_calls_end_on_the_right_side() -> None:
    for share in (0.0, 0.5, 0.7, 0.9):
        for factor, side in ((0.9, False), (1.2, True)):
            run = Run()
            gap = 1 / (factor * (break_even(FLASH, share) or 1.0))
            for count in range(300):
                run.call(Call(count * gap, share * TOKENS))
            half = run.held
            for count in range(300, 900):
                run.call(Call(count * gap, share * TOKENS))
            assert ((run.held - half) / timedelta(hours=600 * gap) > 0.5) is side


def _by_chance(rate: float, share: float, seed: int) -> Run:
    chance = random.Random(seed)
    run = Run()
    hours = 0.0
    for _ in range(1_200):
        hours += chance.expovariate(rate)
        run.call(Call(hours, TOKENS if chance.random() < share else 0))
    return run


def _held(run: Run) -> float:
    return run.held / timedelta(hours=run.seen[-1].hours)


def _kept(**changes: Any) -> Rental:
    rental = Rental(FLASH, NOON, NOON, TOKENS).called(NOON, TOKENS, 0, explicit=False)
    return replace(rental.made(NOON, TOKENS, NOON + TTL), **changes)


@pytest.mark.parametrize(
    ("rental", "after", "expected"),
    [
        (Rental(FLASH, NOON, NOON, TOKENS), 0, Decision.NONE),
        (Rental(FLASH, NOON, NOON, TOKENS, regret=15_000), 0, Decision.MAKE),
        (Rental(FLASH, NOON, NOON, TOKENS, regret=14_999), 0, Decision.NONE),
        (Rental(replace(FLASH, storage=None), NOON, NOON, TOKENS, regret=1e9), 0, Decision.NONE),
        (Rental(FLASH, NOON, NOON, None, regret=0), 0, Decision.NONE),
        (_kept().gone(NOON), 0, Decision.NONE),
        (_kept(), 0, Decision.NONE),
        (_kept(), 56, Decision.RENEW),
        (_kept(), 60, Decision.DROP),
        (_kept(until=NOON + 9 * TTL), 179, Decision.NONE),
        (_kept(until=NOON + 9 * TTL), 181, Decision.DROP),
        (_kept(look_at=NOON + timedelta(minutes=10)), 10, Decision.DROP),
        (_kept(prices=replace(FLASH, storage=None)), 1, Decision.DROP),
    ],
)
def test_decisions(rental: Rental, after: int, expected: Decision) -> None:
    now = NOON + timedelta(minutes=after)
    assert rental.passed(now).decide(now) is expected


def test_a_cache_from_before_the_start_is_used_to_its_end() -> None:
    end = NOON + timedelta(minutes=40)
    rental = Rental(FLASH, NOON, NOON).found(TOKENS, end)
    for minute in range(40):
        now = NOON + timedelta(minutes=minute)
        rental = rental.called(now, TOKENS, TOKENS, explicit=True)
        assert rental.decide(now) is not Decision.DROP
    assert rental.passed(end).decide(end) is Decision.DROP


def test_the_standing() -> None:
    rental = Rental(FLASH, NOON, NOON, TOKENS)
    assert rental.standing(NOON).why is Why.UNMEASURED
    for minute in range(0, 120, 6):
        rental = rental.called(NOON + timedelta(minutes=minute), TOKENS, 7_000, explicit=False)
    stood = rental.standing(NOON + timedelta(hours=2))
    assert (stood.state, stood.why, stood.until) == ("watching", Why.SOON, None)
    assert stood.hit_rate == pytest.approx(0.7)
    assert stood.break_even == pytest.approx(2.47, abs=0.01)
    assert stood.calls_per_hour == pytest.approx(10, rel=0.05)

    now = NOON + timedelta(hours=2)
    rental = rental.made(now, TOKENS, now + TTL)
    for _ in range(10):
        rental = rental.called(now, TOKENS, TOKENS, explicit=True)
    stood = rental.standing(now + timedelta(minutes=30))
    assert (stood.state, stood.why, stood.tokens) == ("kept", Why.CHEAPER, TOKENS)
    # 10 calls gain 0.675 x 3,000; 7,500 for making; half an hour of storage is 2,500.
    assert stood.saved_micros == 10 * 2_025 - 7_500 - 2_500
    assert rental.passed(now + 24 * TTL).gone(now + 24 * TTL).standing(now + 24 * TTL).hit_rate


def test_no_price_of_storage() -> None:
    rental = Rental(replace(FLASH, storage=None), NOON, NOON, TOKENS)
    for _ in range(100):
        rental = rental.called(NOON, TOKENS, 0, explicit=False)
    assert rental.decide(NOON) is Decision.NONE
    assert rental.standing(NOON).why is Why.NO_PRICE
    assert break_even(rental.prices, 0.5) is None
    assert break_even(FLASH, 1.0) is None
