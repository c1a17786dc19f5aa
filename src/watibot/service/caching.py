"""Keeps an explicit cache of the instructions at the model while it is the cheaper way.

`providers/gemini.py` asks here for each call whether there is a cache to name, and tells what was
served; `caching.py` decides; `run` makes, prolongs and deletes beside the turns, through
`providers/caches.py`. One cache for each version of instructions, tools and model. When the service
stops the cache stays: it ends by itself, and the next start uses it until then.

What is charged is what was kept: storage is charged afterwards, at each renewal and at the end,
because the provider takes money until a cache is deleted, not for the time that was asked for. A
crash loses nothing: the next start charges from the last renewal on.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from watibot import telemetry
from watibot.caching import CachePrices, CacheStanding, Decision, Rental, Why, prices_of
from watibot.charges import Operation, Use
from watibot.costs import Prices
from watibot.errors import Cause, ProviderError
from watibot.modelcalls import ModelRequest, Occasion, Usage
from watibot.ports import Clock
from watibot.ports.caches import Beginning, Cache, Caches, CacheServer

log = telemetry.logger(__name__)

TTL = timedelta(hours=1)  # what a process that died leaves behind, at most
LOOK_SECONDS = 10.0
SETTLED = timedelta(minutes=10)  # a turn that began with the instructions before is over by then
_AGAIN = timedelta(minutes=10)
_AGAIN_AFTER_REFUSAL = timedelta(hours=24)
_MARGIN = timedelta(seconds=30)  # a call that names a cache must arrive before it ends


@dataclass(slots=True)
class _Watch:
    """A version, its calls, and its cache while there is one (`charged`: storage until then)."""

    beginning: Beginning
    version: str
    rental: Rental
    seen: datetime
    not_before: datetime
    cache: Cache | None = None
    charged: datetime | None = None
    refused: bool = False


class Caching:
    """Keeps the promise of `ports.caches.CacheKeeper` for one hotel. `used` is told what is paid
    for."""

    def __init__(
        self,
        server: CacheServer,
        caches: Caches,
        prices: Prices,
        clock: Clock,
        hotel_id: str,
        used: Callable[[Use], None],
    ) -> None:
        self._server = server
        self._caches = caches
        self._prices = prices
        self._clock = clock
        self._title = f"watibot {hotel_id}"
        self._used = used
        self._watches: dict[str, _Watch] = {}
        self._latest: _Watch | None = None
        self._found: dict[str, Cache] = {}  # from before the start, not called for yet
        self._lost: list[str] = []
        self._forgotten = 0.0  # saved by versions that are not watched any more
        self._begun: datetime | None = None

    # --- the model's adapter asks ---

    def name_for(self, request: ModelRequest) -> str | None:
        watch = self._watch(request)
        if watch is None or watch.cache is None:
            return None
        alive = watch.cache.expires_at - _MARGIN > self._clock.now()
        return watch.cache.name if alive else None

    def answered(self, request: ModelRequest, usage: Usage, *, explicit: bool) -> None:
        watch = self._watch(request)
        if watch is not None and usage.prompt:
            now = self._clock.now()
            watch.rental = watch.rental.called(now, usage.prompt, usage.cached, explicit=explicit)

    def lost(self, name: str) -> None:
        for watch in self._watches.values():
            if watch.cache is not None and watch.cache.name == name:
                log.warning("cache.lost", version=watch.version)
                self._lost.append(name)
                self._ended(watch, watch.cache, self._clock.now())

    # --- people ask ---

    def standing(self) -> CacheStanding:
        """How it stands with the instructions that are live."""
        now, watch = self._clock.now(), self._latest
        if watch is None:
            return CacheStanding("watching", Why.UNMEASURED, None, 0.0, None, 0)
        stood = watch.rental.standing(now)
        before = sum(
            each.rental.gained - each.rental.spent
            for each in self._watches.values()
            if each is not watch
        )
        return replace(
            stood,
            why=Why.REFUSED if watch.refused else stood.why,
            saved_micros=stood.saved_micros + round(self._forgotten + before),
        )

    # --- beside the turns ---

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self.look()
            await self._clock.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Does what is to be done now. A provider that fails is no error here."""
        if self._begun is None:
            await self._begin()
        while self._lost:
            with suppress(ProviderError):  # most are gone; what is not would cost storage
                await self._server.delete(self._lost[-1])
            await self._caches.remove(self._lost[-1])
            self._lost.pop()
        for watch in list(self._watches.values()):
            await self._look(watch)
        await self._clear_away()

    async def _begin(self) -> None:
        known = await self._caches.caches()
        self._found = {cache.version: cache for cache in known}
        for cache in known:
            if self._found[cache.version] is not cache:
                await self._leave(cache)
        with suppress(ProviderError):  # whatever it is ends by itself
            for name in await self._server.names(self._title):
                if name not in {cache.name for cache in known}:
                    await self._server.delete(name)
        self._begun = self._clock.now()

    async def _look(self, watch: _Watch) -> None:
        now = self._clock.now()
        prices = self._prices_now(now)
        if watch.rental.prices != prices:
            watch.rental = replace(watch.rental, prices=prices)
        old = watch is not self._latest and now - watch.seen > SETTLED
        if old and watch.cache is None:
            self._forgotten += watch.rental.gained - watch.rental.spent
            del self._watches[watch.version]
            return
        if watch.rental.tokens is None and prices.storage is not None and now >= watch.not_before:
            await self._count(watch)
        watch.rental = watch.rental.passed(now)
        decision = Decision.DROP if old else watch.rental.decide(now)
        match decision:
            case Decision.MAKE if watch is self._latest and now >= watch.not_before:
                await self._make(watch)
            case Decision.RENEW if watch.cache is not None:
                await self._renew(watch, watch.cache)
            case Decision.DROP if watch.cache is not None:
                await self._drop(watch, watch.cache)

    async def _count(self, watch: _Watch) -> None:
        try:
            tokens = await self._server.count(watch.beginning)
        except ProviderError as error:
            self._put_off(watch, error)
        else:
            watch.rental = replace(watch.rental, tokens=tokens)

    async def _make(self, watch: _Watch) -> None:
        try:
            made = await self._server.make(watch.beginning, self._title, TTL)
        except ProviderError as error:
            self._put_off(watch, error)
            return
        now = self._clock.now()
        watch.cache = Cache(made.name, watch.version, made.tokens, now, made.expires_at)
        watch.charged, watch.refused = now, False
        watch.rental = watch.rental.made(now, made.tokens, made.expires_at)
        self._use(Operation.CACHE, usage=Usage(prompt=made.tokens))
        log.info("cache.made", version=watch.version, tokens=made.tokens)
        await self._caches.put(watch.cache)

    async def _renew(self, watch: _Watch, cache: Cache) -> None:
        try:
            until = await self._server.renew(cache.name, TTL)
        except ProviderError as error:
            if error.cause in (Cause.NOT_FOUND, Cause.UNAUTHORISED):
                self.lost(cache.name)
            else:  # it is tried until the cache has ended
                log.warning("cache.not_renewed", version=watch.version, cause=error.cause)
            return
        if watch.cache is not cache:  # lost meanwhile
            return
        self._charge(watch, cache, self._clock.now())
        watch.cache = replace(cache, expires_at=until)
        watch.rental = watch.rental.renewed(until)
        await self._caches.put(watch.cache)

    async def _drop(self, watch: _Watch, cache: Cache) -> None:
        watch.cache = None  # no call names it from now on
        self._ended(watch, cache, await self._deleted(cache))
        log.info("cache.dropped", version=watch.version)
        await self._caches.remove(cache.name)

    async def _clear_away(self) -> None:
        """Caches of before the start that nobody has called for."""
        now = self._clock.now()
        settled = self._begun is not None and now - self._begun > SETTLED
        for cache in list(self._found.values()):
            if cache.expires_at <= now or (settled and self._latest is not None):
                await self._leave(cache)

    async def _leave(self, cache: Cache) -> None:
        if self._found.get(cache.version) is cache:
            del self._found[cache.version]
        end = await self._deleted(cache)
        await self._caches.remove(cache.name)
        self._store(cache, cache.expires_at - TTL, end)

    async def _deleted(self, cache: Cache) -> datetime:
        """Until when it was kept. One that ends now need not be deleted."""
        now = self._clock.now()
        if now >= cache.expires_at:
            return cache.expires_at
        try:
            await self._server.delete(cache.name)
        except ProviderError as error:
            log.warning("cache.not_deleted", version=cache.version, cause=error.cause)
            return cache.expires_at
        return now

    def _watch(self, request: ModelRequest) -> _Watch | None:
        """That of the request's version; None for calls that answer no guest."""
        if not request.tools or request.occasion.operation != Operation.ANSWER:
            return None
        now = self._clock.now()
        watch = self._latest
        if (
            watch is None
            or watch.beginning.instructions != request.instructions
            or watch.beginning.tools != request.tools
        ):
            beginning = Beginning(request.instructions, request.tools)
            watch = self._of_version(beginning, now)
        watch.seen = now
        return watch

    def _of_version(self, beginning: Beginning, now: datetime) -> _Watch:
        version = self._version(beginning)
        watch = self._watches.get(version)
        if watch is None:
            rental = Rental(self._prices_now(now), now, now)
            watch = self._watches[version] = _Watch(beginning, version, rental, now, now)
            if cache := self._found.pop(version, None):
                watch.cache, watch.charged = cache, cache.expires_at - TTL
                watch.rental = rental.found(cache.tokens, cache.expires_at)
        self._latest = watch
        return watch

    def _version(self, beginning: Beginning) -> str:
        tools = [[tool.name, tool.description, tool.schema()] for tool in beginning.tools]
        whole = [self._server.model, self._server.location, beginning.instructions, tools]
        return hashlib.sha256(json.dumps(whole).encode()).hexdigest()[:16]

    def _prices_now(self, now: datetime) -> CachePrices:
        return prices_of(self._prices, self._server.model, now.date(), self._server.location)

    def _put_off(self, watch: _Watch, error: ProviderError) -> None:
        watch.refused = error.cause is Cause.INVALID
        pause = _AGAIN_AFTER_REFUSAL if watch.refused else _AGAIN
        watch.not_before = self._clock.now() + pause
        # Google's own words, which hold no guest's: too small, or not offered for this model.
        log.warning("cache.not_made", version=watch.version, reason=str(error))

    def _ended(self, watch: _Watch, cache: Cache, end: datetime) -> None:
        self._charge(watch, cache, end)
        watch.cache = watch.charged = None
        watch.rental = watch.rental.gone(self._clock.now())

    def _charge(self, watch: _Watch, cache: Cache, until: datetime) -> None:
        if watch.charged is not None:
            self._store(cache, watch.charged, until)
        watch.charged = until

    def _store(self, cache: Cache, since: datetime, until: datetime) -> None:
        token_hours = round(cache.tokens * ((until - since) / timedelta(hours=1)))
        if token_hours > 0:
            self._use(Operation.STORAGE, quantity=token_hours)

    def _use(self, operation: Operation, usage: Usage | None = None, quantity: int = 1) -> None:
        self._used(
            Use(
                "gemini",
                operation,
                self._server.model,
                self._server.location,
                usage or Usage(),
                quantity,
                occasion=Occasion(operation),
            )
        )
