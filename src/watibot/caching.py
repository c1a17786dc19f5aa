"""When an explicit cache at the model is cheaper than the model's own caching. Pure.

The model caches the beginnings of prompts by itself (implicitly): free of charge, as often as it
likes. An explicit cache is written at the full price, costs storage for as long as it is kept, and
serves its tokens on every call. `service/caching.py` tells a `Rental` of each call and of the time,
asks it for a `Decision` and carries it out; the console shows a `CacheStanding`.

**The rule.** `regret` is what a cache would have gained lately, less what storing it would have
cost: each call adds its gain, time takes the storage away, and it stays between nothing and twice
the price of making the cache. Full: make it. Empty: drop it. A steady rate of calls therefore ends
on the side of the break-even that is right for it, and a single busy minute does not flip it. What
a call would have cost *without* the cache cannot be seen while there is one: it is believed to be
as measured before. So a cache is let go as well when its storage has cost 16 times its making, and
what is believed is measured again.

**How bad it can get.** Costs are those of the cached tokens above the price of reading them from a
cache. M: price of making one; g: the most that a call gains by a cache, or the calls of the seconds
in which it is being made; l: the most that a call loses by one, which is nothing while implicit
caching serves no more than the cache holds. Against the
best choice in hindsight for the same calls, made and dropped at any moment and free of charge to
drop,

    cost <= 8/7 * (5 + (g + l) / M) * best + 8/7 * (5 M + g + l) for each interruption

where an interruption is a start of the service (an hour of storage more), a cache that vanished or
a new price. Should calls be such that the measurement is wrong whenever a cache is kept, the factor
is 21 + g / M where calls lose nothing: no rule can do without some such loss, because what implicit
caching would do is then unseen. Reason: `regret` is 2 M less the distance of the two work functions
of a task system with two states whose switch costs 2 M, which is at most twice as dear as the true
one. From one making to the next it goes up and down once: what the way up costs the best choice
pays too, the way down is at most 2 M more than that pays, and making is M.
docs/decisions/0024-an-explicit-cache-is-rented-by-a-rule.md has it in full; `test_caching.py` tries
it against the optimum.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum

from watibot.costs import Prices

FULL = 2.0  # times the price of making: less flips at random, more is slower to see
LOOK_AGAIN = 16.0  # times the price of making, spent on storage
RENEW_EARLY = timedelta(minutes=5)
_MEMORY = 0.98  # a measured call counts half after 34 more
_RATE_HOURS = 6.0
_UNTIL_ASKED = 1 / 60  # hours


@dataclass(frozen=True, slots=True)
class CachePrices:
    """Micro-dollars for a token read anew, for one read from a cache, and for keeping one in an
    explicit cache for an hour; None where that is not known or not offered."""

    input: float
    cached: float
    storage: float | None


class Decision(StrEnum):
    """What is to be done now."""

    NONE = "none"
    MAKE = "make"
    RENEW = "renew"
    DROP = "drop"


class Why(StrEnum):
    """The reason for a cache, or for none."""

    CHEAPER = "cheaper"
    DEARER = "dearer"  # at this rate of calls and of implicit hits
    SOON = "soon"  # cheaper lately, and made once it would have paid
    UNMEASURED = "unmeasured"  # no call yet
    NO_PRICE = "no_price"  # of storage: without it, nothing can be reckoned
    REFUSED = "refused"  # by the provider: too small, or not offered


@dataclass(frozen=True, slots=True)
class CacheStanding:
    """How it stands. `state`: kept, watching. `hit_rate`: the share of prompt tokens that implicit
    caching was measured to serve, None: not measured. `break_even`: calls an hour from which on an
    explicit cache is cheaper at this rate of hits, None: never. `saved_micros`: since the start,
    storage and making taken off; negative when it did not pay."""

    state: str
    why: Why
    hit_rate: float | None
    calls_per_hour: float
    break_even: float | None
    saved_micros: int
    tokens: int | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Rental:
    """A beginning of prompts (instructions, tools, model, location), its calls so far, and whether
    a cache of it is kept (`until`: its end; `look_at`: let go then and measured again). `at`: as
    far as time was reckoned. `tokens`: of the beginning, None until somebody has counted. Amounts
    are micro-dollars."""

    prices: CachePrices
    begun: datetime
    at: datetime
    tokens: int | None = None
    until: datetime | None = None
    look_at: datetime | None = None
    regret: float = 0.0
    measured_prompt: float = 0.0
    measured_cached: float = 0.0
    recent: float = 0.0  # calls, each counting less with its age
    gained: float = 0.0
    spent: float = 0.0

    @property
    def kept(self) -> bool:
        return self.until is not None

    @property
    def making(self) -> float:
        """The price of writing the cache once."""
        return self.prices.input * (self.tokens or 0)

    @property
    def an_hour(self) -> float:
        """The price of storing it for an hour."""
        return (self.prices.storage or 0.0) * (self.tokens or 0)

    @property
    def hit_rate(self) -> float | None:
        """The share of prompt tokens that implicit caching served, of late."""
        return self.measured_cached / self.measured_prompt if self.measured_prompt else None

    def passed(self, now: datetime) -> Rental:
        """Time went by."""
        hours = max(0.0, (now - self.at).total_seconds() / 3600)
        storage = self.an_hour * hours
        return replace(
            self,
            at=max(now, self.at),
            regret=max(0.0, self.regret - storage),
            recent=self.recent * math.exp(-hours / _RATE_HOURS),
            spent=self.spent + (storage if self.kept else 0.0),
        )

    def called(self, now: datetime, prompt: int, cached: int, *, explicit: bool) -> Rental:
        """The model was called with this beginning: `prompt` tokens, of which `cached` came from a
        cache, from an explicit one if the call named it."""
        here = self.passed(now)
        prompts, hits, gained = here.measured_prompt, here.measured_cached, here.gained
        if explicit:
            gain = here._worth(cached - (here.hit_rate or 0.0) * prompt)
            gained += gain
        else:
            gain = here._worth((here.tokens or 0) - cached) if here.tokens else 0.0
            prompts, hits = prompts * _MEMORY + prompt, hits * _MEMORY + cached
        # A little more than full, or it would have run low again before anybody asks.
        most = FULL * here.making + here.an_hour * _UNTIL_ASKED
        return replace(
            here,
            recent=here.recent + 1,
            regret=min(max(0.0, here.regret + gain), most),
            measured_prompt=prompts,
            measured_cached=hits,
            gained=gained,
        )

    def decide(self, now: datetime) -> Decision:
        """What is to be done, once `passed(now)`."""
        if self.until is None:
            if not self.tokens or self.prices.storage is None:
                return Decision.NONE
            return Decision.MAKE if self.regret >= FULL * self.making else Decision.NONE
        end = self.until if self.look_at is None else min(self.until, self.look_at)
        if now >= end or self.regret <= 0.0 or self.prices.storage is None:
            return Decision.DROP
        ends_soon = self.until == end and self.until - now <= RENEW_EARLY
        return Decision.RENEW if ends_soon and self.look_at != end else Decision.NONE

    def made(self, now: datetime, tokens: int, until: datetime) -> Rental:
        """A cache was written; the provider counted its tokens."""
        here = replace(self.passed(now), tokens=tokens, until=until)
        return replace(
            here,
            look_at=now + timedelta(hours=LOOK_AGAIN * here.making / here.an_hour)
            if here.an_hour
            else None,
            regret=FULL * here.making,
            spent=here.spent + here.making,
        )

    def found(self, tokens: int, until: datetime) -> Rental:
        """A cache from before the start is used to its end: nothing is known of what it gains."""
        regret = FULL * self.prices.input * tokens
        return replace(self, tokens=tokens, until=until, look_at=until, regret=regret)

    def renewed(self, until: datetime) -> Rental:
        return replace(self, until=until)

    def gone(self, now: datetime) -> Rental:
        """The cache was dropped, has ended, or vanished."""
        return replace(self.passed(now), until=None, look_at=None, regret=0.0)

    def standing(self, now: datetime) -> CacheStanding:
        here = self.passed(now)
        rate, even = here._calls_an_hour(), break_even(here.prices, here.hit_rate or 0.0)
        return CacheStanding(
            state="kept" if here.kept else "watching",
            why=here._why(),
            hit_rate=here.hit_rate,
            calls_per_hour=rate,
            break_even=even,
            saved_micros=round(here.gained - here.spent),
            tokens=here.tokens,
            until=here.until,
        )

    def _why(self) -> Why:
        if self.prices.storage is None:
            return Why.NO_PRICE
        if self.kept:
            return Why.CHEAPER
        if self.hit_rate is None:
            return Why.UNMEASURED
        return Why.SOON if self.regret > 0 else Why.DEARER

    def _worth(self, tokens: float) -> float:
        """Of so many tokens that a cache serves."""
        return (self.prices.input - self.prices.cached) * tokens

    def _calls_an_hour(self) -> float:
        hours = (self.at - self.begun).total_seconds() / 3600
        seen = _RATE_HOURS * -math.expm1(-hours / _RATE_HOURS)
        return self.recent / max(seen, 0.25)  # a start's first minutes are no rate


def prices_of(prices: Prices, model: str, on: date, location: str) -> CachePrices:
    """A model's prices for caching on a day. A price of storage that is a guess is none: nothing is
    bought for it."""
    price = prices.of(model, on)
    if price is None:
        return CachePrices(0.0, 0.0, None)
    factor = price.factor(location)
    known = price.storage is not None and price.storage_confirmed
    return CachePrices(
        float(price.rates.input * factor),
        float(price.rates.cached * factor),
        float(price.storage * factor) if known and price.storage is not None else None,
    )


def break_even(prices: CachePrices, hit_rate: float) -> float | None:
    """Calls an hour from which on an explicit cache is cheaper than implicit caching that serves
    `hit_rate` of the tokens; None: never, or the price of storage is not known."""
    gain = (prices.input - prices.cached) * (1.0 - hit_rate)
    if prices.storage is None or gain <= 0.0:
        return None
    return prices.storage / gain
