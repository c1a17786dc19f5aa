"""`migration(settings)` -> Means: the concrete classes that `watibot migrate` works with.

Beside `wiring.py`, which makes the service: a service neither needs nor loads these. `cli/migrate/`
is before it, `migration/` after it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial

from watibot import costs
from watibot.channels.http import new_client
from watibot.channels.wati_contacts import WatiContacts
from watibot.channels.wati_history import WatiHistory
from watibot.engines.clock import SystemClock
from watibot.errors import SettingsError
from watibot.hotel import load as load_hotel
from watibot.messages import ChannelName
from watibot.migration.crew import Contacts, Means
from watibot.migration.sources import Sources
from watibot.ports import Clock, Quota, ThreadSource
from watibot.providers.archive import Archive
from watibot.providers.assistants import AssistantsServer
from watibot.providers.conversations_api import ConversationsApi, read_mapping
from watibot.providers.exports import Exports
from watibot.providers.google_auth import Tokens
from watibot.providers.openai_http import OpenAIHttp
from watibot.providers.sessions import VertexSessions
from watibot.service.charging import Charger
from watibot.service.mirror import Mirror
from watibot.settings import Settings
from watibot.storage import store as storage
from watibot.telemetry import Metrics
from watibot.wiring_outside import WATI_READS_PER_MINUTE

SOURCES = ("assistants", "conversations", "exports", "archive", "wati")


@asynccontextmanager
async def migration(settings: Settings) -> AsyncIterator[Means]:
    """What `watibot migrate` works with, beside a running service or without one; nothing is
    contacted yet. Raises SettingsError."""
    hotel = load_hotel(settings.service.hotel_file)
    clock = SystemClock(settings.service.clock)
    vertex = settings.vertex
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(
            await storage.open(settings.service.database_url, hotel.id)
        )
        # A live turn's event goes first under the same quota.
        appends = store.quota("sessions.appends", vertex.appends_per_minute, clock, live=False)
        writes = store.quota("sessions.writes", vertex.session_writes_per_minute, clock, live=False)
        tokens = Tokens(file=vertex.credentials_file)
        sessions = VertexSessions(vertex, clock, tokens, appends=appends, writes=writes)
        stack.push_async_callback(sessions.close)
        charger = Charger(store.charges, costs.load(settings.costs.prices_file), clock)
        stack.push_async_callback(charger.flush)
        charging = asyncio.create_task(charger.run())
        stack.push_async_callback(_ended, charging)
        mirror = Mirror(store, sessions, clock, Metrics(), used=charger.use)
        per_minute = settings.openai.requests_per_minute
        asking = store.quota("openai", per_minute, clock, live=False)
        reading = store.quota("wati.reads", WATI_READS_PER_MINUTE, clock, live=False)
        past = _past(settings, clock, asking, reading, stack)
        yield Means(
            hotel_id=hotel.id,
            store=store,
            sources=Sources(past.sources, clock),
            archive=past.archive,
            sessions=sessions,
            drain=partial(mirror.mirror, moving=True),
            renew=partial(mirror.renew, moving=True),
            threads=past.threads,
            clock=clock,
            at_once=settings.migration.at_once,
            brakes={"appends": appends, "new sessions": writes},
            contacts=past.contacts,
        )


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@dataclass(frozen=True, slots=True)
class _Past:
    """Where conversations were, and what still knows of them."""

    archive: Archive
    sources: list[ThreadSource]
    threads: AssistantsServer | None
    contacts: dict[ChannelName, Contacts]


def _past(
    settings: Settings, clock: Clock, asking: Quota, reading: Quota, stack: AsyncExitStack
) -> _Past:
    archive = Archive(settings.migration.archive_dir)
    made: dict[str, ThreadSource] = {"archive": archive}
    if settings.migration.exports is not None:
        made["exports"] = exports = Exports(settings.migration.exports)
        stack.push_async_callback(exports.close)
    threads: AssistantsServer | None = None
    if settings.openai.base_url:
        http = OpenAIHttp(settings.openai, clock, asking)
        stack.push_async_callback(http.close)
        made["assistants"] = threads = AssistantsServer(http)
        mapping = settings.migration.mapping
        made["conversations"] = ConversationsApi(http, read_mapping(mapping) if mapping else None)
    contacts: dict[ChannelName, Contacts] = {}
    if settings.wati.base_url:
        client = new_client(settings.wati.timeout)
        stack.push_async_callback(client.aclose)
        reads = reading
        made["wati"] = WatiHistory(settings.wati, client, clock, reads)
        contacts[ChannelName.WHATSAPP] = WatiContacts(settings.wati, client, clock, reads).addresses
    if settings.manychat.token.get_secret_value():
        contacts |= {ChannelName.FACEBOOK: _no_list, ChannelName.INSTAGRAM: _no_list}
    unknown = ", ".join(name for name in settings.migration.sources if name not in SOURCES)
    if unknown:
        raise SettingsError("MIGRATION_SOURCES", unknown, ", ".join(SOURCES))
    chosen = [made[name] for name in settings.migration.sources if name in made]
    return _Past(archive, chosen, threads, contacts)


async def _no_list() -> frozenset[str] | None:
    """ManyChat has no list of contacts (docs/reference/providers.md)."""
    return None
