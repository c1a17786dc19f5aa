"""What works beside the way of a message, of concrete classes: the month's calls, money, what is
watched, what is kept of instructions, what is erased.

`wiring.py` calls `build` once the adapters are made; nobody who answers a guest waits for any of
this.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from watibot import __version__, costs
from watibot.costs import Prices
from watibot.hotel import Hotel
from watibot.messages import ChannelName
from watibot.ports.caches import Beginning
from watibot.providers.archive import Archive
from watibot.providers.conversations_api import read_mapping
from watibot.providers.openai_erase import ThreadEraser
from watibot.service.alert import Alerts
from watibot.service.budget import Budget
from watibot.service.caching import Caching
from watibot.service.charging import Charger
from watibot.service.condition import About, Conditions
from watibot.service.erase import Eraser
from watibot.service.erase import Outside as Elsewhere
from watibot.service.meter import Meter
from watibot.service.provider_watch import ProviderWatch
from watibot.service.versions import Versions
from watibot.service.watch import Watch
from watibot.settings import Settings
from watibot.storage.backup import last_backup
from watibot.storage.store import SqlStore
from watibot.telemetry import Metrics
from watibot.wiring_outside import WATI_READS_PER_MINUTE, Counted, Outside

Runs = dict[str, Callable[[], Awaitable[None]]]


@dataclass(frozen=True, slots=True)
class Beside:
    """`runs`: what has to run, by name, beside the service's own."""

    meter: Meter
    prices: Prices
    charger: Charger
    budget: Budget
    caching: Caching | None
    providers: ProviderWatch
    watch: Watch
    versions: Versions
    conditions: Conditions
    eraser: Eraser
    runs: Runs

    async def end(self) -> None:
        """Writes what was counted; before the store is closed. What fails is not counted then."""
        for write in (self.meter.flush, self.charger.flush, self.watch.flush):
            with contextlib.suppress(Exception):
                await write()


def build(
    settings: Settings,
    hotel: Hotel,
    store: SqlStore,
    out: Outside,
    counted: Counted,
    alerts: Alerts,
    metrics: Metrics,
) -> Beside:
    """Also tells the adapters who hears what they use. Raises SettingsError: a bad price file."""
    clock, service = out.clock, settings.service
    meter = Meter(
        store.people, clock, "wati", settings.wati.calls_per_month, _telling(alerts, "calls")
    )
    prices = costs.load(settings.costs.prices_file)
    charger = Charger(store.charges, prices, clock)
    budget = Budget(store.charges, clock, settings.costs, _telling(alerts, "costs"), hotel.zone)
    providers = ProviderWatch()
    for listener in (budget.heard, metrics.charged, providers.charged):
        charger.listen(listener)
    metrics.on_outcome = lambda provider, how: providers.heard(provider, how, clock.now())
    if out.chat is not None:
        metrics.calls.labels("wati").set_function(lambda: meter.used)
        metrics.calls_allowed.labels("wati").set(settings.wati.calls_per_month)

    def request() -> None:
        meter.count()
        charger.request("wati", ChannelName.WHATSAPP)

    counted.on_request, counted.on_use = request, charger.use
    caching = None
    if settings.costs.cache == "auto":
        caching = Caching(out.caches, store.caches, prices, clock, hotel.id, charger.use)
        out.gemini.cache_with(caching)
    watch = Watch(
        metrics,
        store.tallies,
        store.charges,
        clock,
        settings.targets,
        settings.costs.per_conversation,
        _telling(alerts, "slo"),
    )

    async def tokens(text: str) -> int:
        return await out.caches.count(Beginning(text, ()))

    versions = Versions(store.versions, service.instructions_file, hotel, clock, tokens)
    about = About(
        __version__,
        clock.now(),
        WATI_READS_PER_MINUTE,
        (lambda: meter.used) if out.chat is not None else None,
        lambda: last_backup(service.data_dir),
    )
    conditions = Conditions(
        store.queues, store.charges, providers, clock, settings, hotel.zone, about
    )
    eraser = _eraser(settings, store, out)
    runs: Runs = {
        "charges": charger.run,
        "budget": budget.run,
        "versions": versions.run,
        "watch": watch.run,
        "erasures": eraser.run,
    }
    if out.chat is not None:
        runs["calls"] = meter.run
    if caching is not None:
        runs["caching"] = caching.run
    return Beside(
        meter,
        prices,
        charger,
        budget,
        caching,
        providers,
        watch,
        versions,
        conditions,
        eraser,
        runs,
    )


def _telling(alerts: Alerts, kind: str) -> Callable[[str, str, str], Awaitable[None]]:
    """Notices of one kind: key, title, body."""

    async def tell(key: str, title: str, body: str) -> None:
        await alerts.add(key, kind, title, body)

    return tell


def _eraser(settings: Settings, store: SqlStore, out: Outside) -> Eraser:
    moved = settings.migration
    threads = None
    if out.openai is not None:
        threads = ThreadEraser(out.openai, read_mapping(moved.mapping) if moved.mapping else None)
    elsewhere = Elsewhere(
        out.files,
        out.sessions,
        threads,
        Archive(moved.archive_dir),
        exports=moved.exports is not None,
    )
    secret = settings.service.webhook_secret.get_secret_value()
    return Eraser(store.erasures, store.console, elsewhere, out.clock, settings.patience, secret)
