"""`build(settings)` -> App: the only file that names concrete classes.

Called by `watibot serve` and by the commands that need one part of it. Order matters at the start:
the store first, then what works behind the webhooks, and only then the webhooks themselves.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx2
from fastapi import FastAPI

from watibot import channels, telemetry, tools
from watibot.channels.capture import Captures
from watibot.channels.http import new_client
from watibot.channels.manychat import Manychat
from watibot.channels.media import DiskMediaFiles, HttpMediaSource
from watibot.channels.wati import Wati
from watibot.engines.clock import SystemClock
from watibot.engines.local import LocalLanes
from watibot.engines.quota import LocalQuota
from watibot.errors import ProviderError
from watibot.hotel import Hotel
from watibot.hotel import load as load_hotel
from watibot.instructions import InstructionsFile
from watibot.messages import ChannelName
from watibot.ports import Channel, Clock, Notifier, Quota
from watibot.providers.assistants import AssistantsServer
from watibot.providers.gemini import Gemini
from watibot.providers.google_auth import Tokens
from watibot.providers.notify import AppriseNotifier
from watibot.providers.openai_assistant import OpenAIAssistant
from watibot.providers.openai_http import OpenAIHttp
from watibot.providers.openai_key import Key
from watibot.providers.openai_sdk import Sdk, check_installed
from watibot.providers.sessions import VertexSessions
from watibot.quotas import Rate
from watibot.service.alert import Alerts
from watibot.service.answer import Answerer
from watibot.service.asking import Askers, AskGemini, AskOpenAI
from watibot.service.deliver import Deliverer
from watibot.service.media import Downloads
from watibot.service.mirror import Mirror
from watibot.service.receive import Receiver
from watibot.service.rounds import Rounds
from watibot.service.steady import steadily
from watibot.service.worker import Worker
from watibot.settings import Settings
from watibot.storage import store as storage
from watibot.storage.store import SqlStore
from watibot.telemetry import Metrics
from watibot.toolcalls import Caller
from watibot.tools.toolkit import run as run_tool
from watibot.web import app as web
from watibot.web.webhooks import MANYCHAT_ANSWER, WATI_ANSWER, Webhook

log = telemetry.logger(__name__)


@dataclass(frozen=True, slots=True)
class Outside:
    """The adapters, each the keeper of one promise."""

    clock: Clock
    channels: dict[ChannelName, Channel]
    media: HttpMediaSource
    files: DiskMediaFiles
    gemini: Gemini
    sessions: VertexSessions
    notifier: Notifier
    http: tuple[httpx2.AsyncClient, ...]
    openai: OpenAIHttp | None = None
    assistant: OpenAIAssistant | None = None

    async def close(self) -> None:
        await self.gemini.close()
        await self.sessions.close()
        if self.openai is not None:
            await self.openai.close()
        if self.assistant is not None:
            await self.assistant.close()
        for client in self.http:
            await client.aclose()


@dataclass(frozen=True, slots=True)
class App:
    """A service that can be started: `web` does it in its lifespan."""

    web: FastAPI
    store: SqlStore
    lanes: LocalLanes
    mirror: Mirror
    clock: Clock


def outside(settings: Settings, hotel: Hotel, store: SqlStore | None = None) -> Outside:
    """Everything that talks to somebody else. Nothing is contacted yet. `store`: where the quotas
    are kept together with other processes; without it this process keeps its own. Raises
    SettingsError when what is asked for is not installed."""
    clock = SystemClock(settings.service.clock)

    def quota(name: str, per_minute: float) -> Quota:
        if store is None:
            return LocalQuota(per_minute, clock)
        return store.quota(name, per_minute, clock, live=True)

    # One rate for all that asks the same server.
    asking = quota("openai", settings.openai.requests_per_minute)
    openai = OpenAIHttp(settings.openai, clock, asking) if settings.openai.base_url else None
    assistant = None
    if openai is not None and settings.openai.assistant_id:
        check_installed(settings.openai)
        sdk = Sdk(settings.openai, clock, Key(settings.openai), asking)
        assistant = OpenAIAssistant(settings.openai, clock, sdk, AssistantsServer(openai))
    tokens = Tokens(file=settings.vertex.credentials_file)
    vertex = settings.vertex
    tls = httpx2.create_ssl_context()  # reading the authorities takes 50 ms: once
    to_wati = new_client(settings.wati.timeout, tls)
    to_manychat = new_client(settings.manychat.timeout, tls)
    to_media = new_client(settings.media.timeout, tls)
    made: list[Channel] = []
    if settings.wati.base_url:
        made.append(Wati(settings.wati, to_wati, clock, hotel.desk_email))
    if settings.manychat.token.get_secret_value():
        made.append(Manychat(settings.manychat, to_manychat, clock, settings.media.extra_hosts))
    return Outside(
        clock=clock,
        channels=channels.table(*made),
        media=HttpMediaSource(settings.wati, settings.media, to_media, clock),
        files=DiskMediaFiles(settings.service.data_dir / "media"),
        gemini=Gemini(vertex, clock, tokens, calls=Rate(vertex.model_calls_per_minute)),
        sessions=VertexSessions(
            vertex,
            clock,
            tokens,
            appends=quota("sessions.appends", vertex.appends_per_minute),
            writes=quota("sessions.writes", vertex.session_writes_per_minute),
        ),
        notifier=AppriseNotifier([url.get_secret_value() for url in settings.staff.notify_urls]),
        http=(to_wati, to_manychat, to_media),
        openai=openai,
        assistant=assistant,
    )


async def build(settings: Settings) -> App:
    """The whole service. Raises SettingsError; the store's schema is up to date when it returns."""
    hotel = load_hotel(settings.service.hotel_file)
    instructions = InstructionsFile(settings.service.instructions_file, hotel)
    store = await storage.open(settings.service.database_url, hotel.id, sole=True)
    out = outside(settings, hotel, store)
    metrics = Metrics()
    alerts = Alerts(store, out.notifier, out.clock, settings.patience)
    downloads = Downloads(out.media, out.files, store, out.clock)
    mirror = Mirror(store, out.sessions, out.clock, metrics)

    async def hand_over(caller: Caller, reason: str) -> bool:
        conversation = await store.conversation(caller.conversation_id)
        if conversation is None:
            return False
        return await out.channels[caller.channel].hand_over(conversation, reason)

    kit = tools.build(hotel, store, alerts.of_tool, hand_over)
    answerer = Answerer(
        store,
        Askers(
            AskGemini(out.gemini, out.clock, hotel, kit),
            AskOpenAI(out.assistant, store, out.clock, hotel, kit),
        ),
        out.clock,
        hotel,
        instructions,
        Rounds(kit, run_tool, out.clock, settings.patience, metrics),
        downloads,
        alerts,
        settings.patience,
        settings.vertex.history_items,
        metrics,
    )
    deliverer = Deliverer(
        store,
        out.channels,
        {
            ChannelName.WHATSAPP: settings.wati.bubble_gap,
            ChannelName.FACEBOOK: settings.manychat.bubble_gap,
            ChannelName.INSTAGRAM: settings.manychat.bubble_gap,
        },
        out.clock,
        alerts,
        settings.patience,
        metrics,
        mirror.look,
    )
    worker = Worker(store, answerer, deliverer, out.clock, settings.service.turns_at_once, metrics)
    # Beside the turns there is room for conversations that only wait for a slow channel.
    lanes = LocalLanes(store, out.clock, worker.work, 4 * settings.service.turns_at_once)
    receiver = Receiver(
        store,
        store,
        out.clock,
        {
            ChannelName.WHATSAPP: settings.whatsapp,
            ChannelName.FACEBOOK: settings.facebook,
            ChannelName.INSTAGRAM: settings.instagram,
        },
        settings.patience,
        downloads,
        alerts,
        metrics,
        lanes.wake,
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await downloads.resume()
        tasks = [
            asyncio.create_task(steadily("alerts", alerts.run, out.clock)),
            asyncio.create_task(steadily("mirror", mirror.run, out.clock)),
            asyncio.create_task(steadily("lanes", lanes.run, out.clock)),
        ]
        warming = asyncio.create_task(_warm_up(out))
        if out.assistant is None:
            left = (await store.counts())["conversations_openai"]
            if left:
                log.warning("openai.absent", conversations=left)
        log.info("service.ready", hotel=hotel.id, channels=sorted(out.channels))
        try:
            yield
        finally:
            # Work under way ends first; whatever is left is in the store.
            for task in reversed(tasks):
                task.cancel()
            # A thread cannot be cancelled, and the loop would wait for it at its end.
            await asyncio.gather(warming, *tasks, return_exceptions=True)
            await downloads.stop()
            await out.close()
            await store.close()
            log.info("service.stopped")

    captures = (
        Captures(settings.service.data_dir / "captures", settings.service.capture_per_kind)
        if settings.service.capture_per_kind
        else None
    )
    secret = settings.service.webhook_secret.get_secret_value()

    def webhook(name: str, answer: bytes) -> Webhook:
        channel = next((one for one in out.channels.values() if one.name == name), None)
        return Webhook(
            name,
            answer,
            channel.read if channel else None,
            receiver,
            secret,
            out.clock.now,
            metrics,
            captures.keep if captures else None,
        )

    webhooks = {
        "/webhook": webhook("wati", WATI_ANSWER),
        "/manychat/webhook": webhook("manychat", MANYCHAT_ANSWER),
    }
    app = web.create(webhooks, metrics, store.counts, lambda: lanes.depth, lifespan)
    return App(app, store, lanes, mirror, out.clock)


async def _warm_up(out: Outside) -> None:
    with contextlib.suppress(ProviderError):  # the first turn says what is wrong
        await out.gemini.warm_up()
    if out.assistant is not None:
        await out.assistant.warm_up()
