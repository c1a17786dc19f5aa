"""Explicit caches as the service keeps them: made, renewed, dropped, charged, found again."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import BaseModel

from tests.clocks import NOON, FakeClock
from watibot import costs
from watibot.caching import Why
from watibot.charges import Operation, Use
from watibot.errors import Cause, ProviderError
from watibot.modelcalls import ModelRequest, Occasion, Usage
from watibot.ports.caches import Beginning, Cache, CacheKeeper, Made
from watibot.service.caching import SETTLED, TTL, Caching
from watibot.toolcalls import Tool

TOKENS = 10_000
PRICES = costs.load()


class Nothing(BaseModel):
    pass


async def _run(values: Nothing, caller: object) -> dict[str, object]:
    raise NotImplementedError


TOOL = Tool("office", "Whether it is open", Nothing, effect=False, run=_run)
REQUEST = ModelRequest("Sea amable.", (), (TOOL,))
NEWER = replace(REQUEST, instructions="Sea muy amable.")


@dataclass
class Server:
    """Caches in memory. `failures`: by method, what is raised once."""

    clock: FakeClock
    model: str = "gemini-3.8-flash"
    location: str = "global"
    kept: dict[str, datetime] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)
    failures: dict[str, ProviderError] = field(default_factory=dict)

    async def count(self, beginning: Beginning) -> int:
        self._called("count")
        return TOKENS

    async def make(self, beginning: Beginning, title: str, ttl: timedelta) -> Made:
        self._called("make")
        name = f"cachedContents/{self.calls['make']}"
        self.kept[name] = self.clock.now() + ttl
        return Made(name, TOKENS, self.kept[name])

    async def renew(self, name: str, ttl: timedelta) -> datetime:
        self._called("renew")
        if name not in self.kept:
            raise ProviderError("caches", Cause.NOT_FOUND)
        self.kept[name] = self.clock.now() + ttl
        return self.kept[name]

    async def delete(self, name: str) -> None:
        self._called("delete")
        self.kept.pop(name, None)

    async def names(self, title: str) -> list[str]:
        self._called("names")
        return list(self.kept)

    def _called(self, method: str) -> None:
        self.calls[method] += 1
        if failure := self.failures.pop(method, None):
            raise failure


@dataclass
class Book:
    """`ports.caches.Caches` in memory."""

    kept: dict[str, Cache] = field(default_factory=dict)

    async def caches(self) -> Sequence[Cache]:
        return sorted(self.kept.values(), key=lambda cache: cache.made_at)

    async def put(self, cache: Cache) -> None:
        self.kept[cache.name] = cache

    async def remove(self, name: str) -> None:
        self.kept.pop(name, None)


class Stage:
    """The keeper, with guests who call the model."""

    def __init__(self, earlier: Stage | None = None, at: datetime = NOON) -> None:
        self.clock: FakeClock = earlier.clock if earlier else FakeClock(at)
        self.server: Server = earlier.server if earlier else Server(self.clock)
        self.book: Book = earlier.book if earlier else Book()
        self.uses: list[Use] = []
        self.caching = self.start()

    def start(self, prices: costs.Prices = PRICES) -> Caching:
        self.caching = Caching(
            self.server, self.book, prices, self.clock, "posada", self.uses.append
        )
        return self.caching

    async def call(self, request: ModelRequest = REQUEST, cached: int = 0) -> str | None:
        """A call as `gemini.py` makes one; the name that it carried."""
        keeper: CacheKeeper = self.caching
        name = keeper.name_for(request)
        usage = Usage(TOKENS + 500, TOKENS if name else cached, 100)
        keeper.answered(request, usage, explicit=name is not None)
        await self.caching.look()
        return name

    async def busy(self, minutes: int, request: ModelRequest = REQUEST, cached: int = 0) -> None:
        """A call every minute."""
        for _ in range(minutes):
            await self.call(request, cached)
            await self.clock.advance(60)

    async def idle(self, minutes: float) -> None:
        for _ in range(round(minutes)):
            await self.clock.advance(60)
            await self.caching.look()

    def used(self, operation: Operation) -> list[Use]:
        return [use for use in self.uses if use.operation is operation]

    @property
    def token_hours(self) -> int:
        return sum(use.quantity for use in self.used(Operation.STORAGE))

    @property
    def state(self) -> str:
        return self.caching.standing().state


async def test_a_busy_hour_makes_one_and_a_quiet_one_drops_it() -> None:
    made = Stage()
    await made.busy(5)
    assert made.state == "kept"
    assert list(made.server.kept) == list(made.book.kept) == ["cachedContents/1"]
    assert await made.call() == "cachedContents/1"
    stood = made.caching.standing()
    assert (stood.why, stood.hit_rate, stood.tokens) == (Why.CHEAPER, 0.0, TOKENS)

    await made.idle(240)
    assert (made.state, made.server.kept, made.book.kept) == ("watching", {}, {})
    assert made.server.calls["renew"] > 0
    assert made.caching.standing().saved_micros < 0
    written = made.used(Operation.CACHE)
    assert [(use.usage, use.model, use.location) for use in written] == [
        (Usage(prompt=TOKENS), "gemini-3.8-flash", "global")
    ]
    assert written[0].occasion == Occasion("cache")


async def test_what_was_really_kept_is_charged() -> None:
    made = Stage()
    while made.state != "kept":
        await made.busy(1)
    began = made.caching.standing().until
    assert began is not None
    began -= TTL
    while made.state == "kept":
        await made.idle(1)
    hours = (made.clock.now() - began) / timedelta(hours=1)
    assert made.token_hours == pytest.approx(TOKENS * hours, abs=5)
    assert hours == pytest.approx(3, abs=0.1)  # twice the making is 3 hours of storage


async def test_busy_days_keep_it_but_for_a_look_now_and_then() -> None:
    made = Stage()
    await made.busy(60 * 30)
    assert made.state == "kept"
    # Its storage has cost 16 times its making after 24 hours.
    assert made.server.calls["make"] == 2
    assert made.caching.standing().saved_micros > 0
    assert made.token_hours == pytest.approx(TOKENS * 30, rel=0.04)


async def test_good_implicit_caching_needs_none() -> None:
    made = Stage()
    for _ in range(300):
        await made.call(cached=TOKENS)
        await made.clock.advance(60)
    stood = made.caching.standing()
    assert (stood.state, stood.why) == ("watching", Why.DEARER)
    assert stood.hit_rate == pytest.approx(TOKENS / (TOKENS + 500))
    assert stood.calls_per_hour == pytest.approx(60, rel=0.1)
    assert made.server.calls["make"] == 0


@pytest.mark.parametrize(
    "request_",
    [
        replace(REQUEST, tools=()),
        replace(REQUEST, occasion=Occasion("summary")),
        replace(REQUEST, occasion=Occasion("receipt")),
    ],
)
async def test_only_answers_to_guests_count(request_: ModelRequest) -> None:
    made = Stage()
    await made.busy(5)
    assert await made.call(request_) is None
    assert made.caching.standing().hit_rate == 0.0
    await made.busy(5, request_)
    assert made.server.calls["make"] == 1


async def test_other_instructions_have_another_cache_and_the_old_one_goes() -> None:
    made = Stage()
    await made.busy(5)
    assert await made.call(NEWER) is None
    # A turn that began before still has its own.
    assert await made.call(REQUEST) == "cachedContents/1"
    await made.busy(5, NEWER)
    assert await made.call(NEWER) == "cachedContents/2"
    await made.busy(int(SETTLED / timedelta(minutes=1)) + 1, NEWER)
    assert list(made.server.kept) == list(made.book.kept) == ["cachedContents/2"]
    assert await made.call(REQUEST) is None


async def test_tools_are_part_of_the_version() -> None:
    made = Stage()
    await made.busy(5)
    other = replace(TOOL, description="Whether the office is open")
    assert await made.call(replace(REQUEST, tools=(other,))) is None
    assert await made.call(replace(REQUEST, tools=(replace(TOOL),))) == "cachedContents/1"


async def test_one_that_vanished_is_forgotten_and_made_again() -> None:
    made = Stage()
    await made.busy(5)
    made.server.kept.clear()
    made.caching.lost("cachedContents/1")
    made.caching.lost("cachedContents/9")
    assert await made.call() is None
    assert made.book.kept == {}
    await made.busy(5)
    assert await made.call() == "cachedContents/2"


async def test_one_that_was_refused_is_not_kept_for_nothing() -> None:
    """It may be there all the same, and then it costs storage until it ends."""
    made = Stage()
    await made.busy(5)
    assert list(made.server.kept) == ["cachedContents/1"]
    made.caching.lost("cachedContents/1")
    made.server.failures["delete"] = ProviderError("caches", Cause.UNAVAILABLE)
    await made.caching.look()  # a provider that fails is no error, and no reason to go on trying
    assert made.book.kept == {}
    await made.busy(5)
    made.caching.lost("cachedContents/2")
    await made.caching.look()
    assert list(made.server.kept) == ["cachedContents/1"]


async def test_one_that_is_gone_when_it_is_to_be_renewed() -> None:
    made = Stage()
    await made.busy(5)
    made.server.kept.clear()
    await made.busy(56)
    assert made.server.calls["renew"] == 1
    assert list(made.book.kept) != ["cachedContents/1"]


async def test_a_renewal_that_fails_is_tried_again() -> None:
    made = Stage()
    await made.busy(5)
    made.server.failures["renew"] = ProviderError("caches", Cause.UNAVAILABLE)
    await made.busy(70)
    assert made.server.calls["renew"] == 2
    assert list(made.server.kept) == ["cachedContents/1"]


async def test_a_cache_that_cannot_be_deleted_is_charged_to_its_end() -> None:
    made = Stage()
    await made.busy(5)
    end = made.caching.standing().until
    assert end is not None
    # The look finds nobody calling for it any more.
    made.server.failures["delete"] = ProviderError("caches", Cause.UNAVAILABLE)
    for _ in range(12):
        await made.call(NEWER, cached=TOKENS)
        await made.clock.advance(60)
    assert list(made.server.kept) == ["cachedContents/1"]
    assert made.book.kept == {}
    assert made.token_hours == TOKENS


async def test_a_refusal_is_said_and_not_tried_again_before_a_day() -> None:
    made = Stage()
    too_small = ProviderError("caches", Cause.INVALID, "too small", status=400)
    made.server.failures["make"] = too_small
    await made.busy(60)
    assert (made.server.calls["make"], made.caching.standing().why) == (1, Why.REFUSED)
    await made.idle(60 * 24)
    await made.busy(5)
    assert (made.server.calls["make"], made.caching.standing().why) == (2, Why.CHEAPER)


@pytest.mark.parametrize("method", ["make", "count", "names"])
async def test_a_provider_that_is_away_is_asked_again(method: str) -> None:
    made = Stage()
    made.server.failures[method] = ProviderError("caches", Cause.UNREACHABLE)
    await made.busy(9)
    assert (made.state == "kept") is (method == "names")
    await made.busy(6)
    assert made.state == "kept"


async def test_without_a_price_of_storage_none_is_made() -> None:
    made = Stage(at=datetime(2027, 1, 1, 12, tzinfo=UTC))
    await made.busy(30)
    assert made.caching.standing().why is Why.NO_PRICE
    assert made.server.calls == Counter(names=1)
    made.server.model = "gemini-9"
    made.start()
    await made.busy(30)
    assert made.caching.standing().why is Why.NO_PRICE


async def test_the_day_on_which_the_price_of_storage_ends() -> None:
    made = Stage(at=datetime(2026, 12, 31, 23, 30, tzinfo=UTC))
    await made.busy(25)
    assert made.state == "kept"
    await made.busy(10)
    assert (made.state, made.server.kept) == ("watching", {})


async def test_the_next_start_uses_what_it_finds_to_its_end() -> None:
    before = Stage()
    await before.busy(5)
    made = Stage(before)
    await made.caching.look()
    assert await made.call() == "cachedContents/1"
    await made.busy(59)
    assert await made.call() is None
    assert made.server.calls["renew"] == 0
    # Storage is charged from the last renewal on, by whoever comes after.
    assert before.token_hours == 0
    assert made.used(Operation.STORAGE)[0].quantity == TOKENS


async def test_the_next_start_clears_away_what_is_of_other_instructions() -> None:
    before = Stage()
    await before.busy(5)
    made = Stage(before)
    await made.busy(9, NEWER, cached=TOKENS)
    assert list(made.server.kept) == ["cachedContents/1"]
    await made.busy(5, NEWER, cached=TOKENS)
    assert (made.server.kept, made.book.kept) == ({}, {})
    kept = timedelta(minutes=11) + timedelta(minutes=3)
    assert made.token_hours == pytest.approx(TOKENS * (kept / timedelta(hours=1)), rel=0.15)


async def test_what_has_ended_meanwhile_and_what_nobody_knows() -> None:
    before = Stage()
    await before.busy(5)
    await before.clock.advance(7_200)
    before.server.kept = {"cachedContents/orphan": NOON}
    made = Stage(before)
    await made.caching.look()
    assert (made.book.kept, made.server.kept) == ({}, {})
    assert made.token_hours == TOKENS


async def test_a_call_does_not_name_one_that_is_about_to_end() -> None:
    made = Stage()
    await made.busy(5)
    end = made.caching.standing().until
    assert end is not None
    await made.clock.advance((end - made.clock.now()).total_seconds() - 20)
    assert made.caching.name_for(REQUEST) is None


async def test_it_runs_by_itself() -> None:
    made = Stage()
    task = asyncio.create_task(made.caching.run())
    for _ in range(6):
        made.caching.answered(REQUEST, Usage(TOKENS), explicit=False)
        await made.clock.advance(10)
    assert made.state == "kept"
    task.cancel()
