"""`build(settings)` -> App: the service, of its concrete classes.

Called by `watibot serve`. The adapters come from `wiring_outside.py`. Order matters at the start:
the store first, then what works behind the webhooks, and only then the webhooks themselves.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import FastAPI

from watibot import guard, telemetry, tools, wiring_beside, wiring_console
from watibot.channels.capture import Captures
from watibot.conversations import Conversation
from watibot.engines.errands import ChildErrands
from watibot.engines.local import LocalLanes
from watibot.errors import ProviderError
from watibot.hotel import load as load_hotel
from watibot.instructions import Instructions, InstructionsFile
from watibot.messages import ChannelName
from watibot.ports import Clock
from watibot.providers.pictures import PillowPictures
from watibot.service.alert import Alerts
from watibot.service.answer import Along, Answerer
from watibot.service.asking import Askers, AskGemini, AskOpenAI
from watibot.service.caching import Caching
from watibot.service.charging import Charger
from watibot.service.deliver import Deliverer
from watibot.service.desk import FrontDesk
from watibot.service.escalate import Escalator
from watibot.service.fold import Folder
from watibot.service.gate import Gate
from watibot.service.gauges import Gauges
from watibot.service.hold import Holder
from watibot.service.look import Looker
from watibot.service.look_back import LookBack
from watibot.service.media import Downloads
from watibot.service.mirror import Mirror
from watibot.service.own_words import texts_of
from watibot.service.past import Past
from watibot.service.poll import Poller
from watibot.service.readiness import Readiness
from watibot.service.receive import Listeners, Receiver
from watibot.service.rounds import Rounds
from watibot.service.steady import steadily
from watibot.service.worker import Worker
from watibot.settings import Settings
from watibot.storage import store as storage
from watibot.storage.store import SqlStore
from watibot.telemetry import Metrics
from watibot.toolcalls import Caller
from watibot.tools.toolkit import run as run_tool
from watibot.turns import Turn
from watibot.web import app as web
from watibot.web.webhooks import MANYCHAT_ANSWER, WATI_ANSWER, Webhook
from watibot.windows import Sizes
from watibot.wiring_outside import WATI_READS_PER_MINUTE, Counted, Outside, outside
from watibot.wording import is_internal

log = telemetry.logger(__name__)


if TYPE_CHECKING:
    from watibot import tracing


@dataclass(frozen=True, slots=True)
class App:
    """A service that can be started: `web` does it in its lifespan."""

    web: FastAPI
    store: SqlStore
    lanes: LocalLanes
    mirror: Mirror
    clock: Clock
    charger: Charger
    closing: Callable[[], None]
    caching: Caching | None


async def build(settings: Settings, env_file: Path = Path(".env")) -> App:
    """The whole service; `env_file` is for commands that it runs as children. Raises SettingsError;
    the store's schema is up to date when it returns."""
    hotel = load_hotel(settings.service.hotel_file)
    instructions = InstructionsFile(settings.service.instructions_file, hotel)
    store = await storage.open(settings.service.database_url, hotel.id, sole=True)
    counted = Counted()
    out = outside(settings, hotel, store, counted)
    clock = out.clock
    traces = _traces(settings)
    metrics = Metrics(traces, settings.targets.answer)
    takeover_hours = settings.patience.takeover_hours
    alerts = Alerts(store, out.notifier, clock, settings.patience)

    beside = wiring_beside.build(settings, hotel, store, out, counted, alerts, metrics)
    meter, charger = beside.meter, beside.charger
    escalator = Escalator(
        store.escalations,
        store,
        alerts,
        clock,
        hotel,
        settings.staff,
        settings.service.public_url,
    )
    downloads = Downloads(out.media, out.files, store, clock)
    mirror = Mirror(store, out.sessions, clock, metrics, used=charger.use)

    async def hand_over(caller: Caller, reason: str) -> bool:
        conversation = await store.conversation(caller.conversation_id)
        if conversation is None:
            return False
        return await out.channels[caller.channel].hand_over(conversation, reason)

    kit = tools.build(
        hotel,
        store,
        alerts.of_tool,
        escalator.of_tool,
        hand_over,
        tools.Reader(hotel, store.proofs, out.files, PillowPictures(), out.gemini, clock),
    )
    sizes = Sizes(
        settings.vertex.history_tokens, settings.vertex.history_items, settings.limits.characters
    )
    past_wanted = out.past is not None and settings.wati.past_messages > 0
    folder = Folder(
        store, store.people, out.gemini, clock, hotel, sizes, metrics, past_wanted=past_wanted
    )

    # Beside the turns there is room for conversations that only wait for a slow channel.
    at_once = settings.service.turns_at_once
    lanes = LocalLanes(store, clock, lambda name: worker.work(name), 4 * at_once)
    holder = Holder(
        store.people, store, out.channels, clock, takeover_hours, hotel.zone, lanes.wake, metrics
    )

    gate = Gate(
        store.people,
        store,
        clock,
        settings.limits,
        hotel.words,
        texts_of(hotel),
        beside.budget.holds_back,
    )
    chats = {} if out.chat is None else {ChannelName.WHATSAPP: out.chat}
    looker = Looker(
        store.people,
        chats,
        clock,
        meter,
        settings.wati,
        takeover_hours,
        lambda message, raw, at: receiver.take(message, raw, at),
        lanes.wake,
        escalator.seen_to,
        metrics,
        beside.eraser.erased_at,
    )
    past = None
    if out.past is not None:
        past = Past(
            store.people,
            out.past,
            clock,
            meter,
            settings.wati,
            metrics,
            beside.eraser.erased_at,
        )
    names = tuple(tool.name for tool in kit)

    def leak(text: str, current: Instructions, turn: Turn) -> str | None:
        notes = [item.text for item in turn.history if is_internal(item)]
        return guard.leak(text, current.text, names, notes)

    answerer = Answerer(
        store,
        Askers(
            AskGemini(out.gemini, clock, hotel, kit, sizes),
            AskOpenAI(out.assistant, store, clock, hotel, kit),
        ),
        clock,
        hotel,
        instructions,
        Rounds(kit, run_tool, clock, settings.patience, metrics),
        downloads,
        alerts,
        settings.patience,
        settings.vertex.history_items,
        metrics,
        escalator,
        Along(gate.before, leak, looker.start, folder.look),
    )
    deliverer = Deliverer(
        store,
        out.channels,
        {
            ChannelName.WHATSAPP: settings.wati.bubble_gap,
            ChannelName.FACEBOOK: settings.manychat.bubble_gap,
            ChannelName.INSTAGRAM: settings.manychat.bubble_gap,
        },
        clock,
        settings.patience,
        metrics,
        mirror.look,
        escalator,
        holder.changed,
    )

    def held(conversation: Conversation) -> None:
        looker.held(conversation)
        holder.held(conversation)

    worker = Worker(store, answerer, deliverer, clock, at_once, metrics)
    receiver = Receiver(
        store,
        store,
        clock,
        {
            ChannelName.WHATSAPP: settings.whatsapp,
            ChannelName.FACEBOOK: settings.facebook,
            ChannelName.INSTAGRAM: settings.instagram,
        },
        settings.patience,
        downloads,
        metrics,
        lanes.wake,
        escalator,
        Listeners(
            heard=gate.heard,
            colleague=gate.colleague,
            hold=holder.changed,
            new=past.new if past is not None else lambda conversation_id: None,
            held=held,
        ),
        beside.eraser.erased_at,
    )
    runs: dict[str, Callable[[], Awaitable[None]]] = {
        "alerts": alerts.run,
        "escalations": escalator.run,
        "takeovers": holder.run,
        "summaries": folder.run,
        "mirror": mirror.run,
        **beside.runs,
        "lanes": lanes.run,
    }
    if past is not None and settings.wati.past_messages:
        runs["past"] = past.run
    if out.contacts is not None and settings.wati.poll_seconds:
        poller = Poller(store.people, out.contacts, looker, meter, clock, settings.wati, hotel.id)
        runs["poll"] = poller.run
    elif out.chat is not None and settings.wati.look != "off":
        runs["looks"] = LookBack(store.people, chats, looker, meter, clock).run

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await downloads.resume()
        tasks = [asyncio.create_task(steadily(name, run, clock)) for name, run in runs.items()]
        warming = asyncio.create_task(_warm_up(out))
        if out.assistant is None:
            left = (await store.counts())["conversations_openai"]
            if left:
                log.warning("openai.absent", conversations=left)
        log.info("service.ready", hotel=hotel.id, channels=sorted(out.channels))
        try:
            yield
        finally:
            await errands.close()
            # Work under way ends first; whatever is left is in the store.
            for task in reversed(tasks):
                task.cancel()
            # A thread cannot be cancelled, and the loop would wait for it at its end.
            await asyncio.gather(warming, *tasks, return_exceptions=True)
            await looker.stop()
            await downloads.stop()
            await beside.end()
            if traces is not None:
                await asyncio.to_thread(traces.close)
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
            clock.now,
            metrics,
            captures.keep if captures else None,
        )

    webhooks = {
        "/webhook": webhook("wati", WATI_ANSWER),
        "/manychat/webhook": webhook("manychat", MANYCHAT_ANSWER),
    }
    desk = FrontDesk(
        store,
        store.people,
        store.escalations,
        store.proofs,
        store.console,
        clock,
        takeover_hours,
        lanes.wake,
        {code: hotel.texts_in(code) for code in hotel.languages},
    )
    errands = ChildErrands(env_file, clock)
    pages, live = wiring_console.build(
        wiring_console.Behind(
            settings,
            hotel,
            store,
            clock,
            out.files,
            desk,
            beside,
            errands,
        )
    )
    runs["live"] = live.run
    limits = {
        "model": settings.vertex.model_calls_per_minute,
        "sessions.appends": settings.vertex.appends_per_minute,
        "sessions.writes": settings.vertex.session_writes_per_minute,
        "wati.reads": WATI_READS_PER_MINUTE,
    }
    app = web.create(
        webhooks,
        metrics,
        lifespan,
        pages,
        Readiness(store.counts, store.queues, lanes, beside.providers, clock),
        Gauges(metrics, store.counts, store.count_moves, store.queues, lanes, clock, limits),
    )
    return App(app, store, lanes, mirror, clock, charger, live.close, beside.caching)


def _traces(settings: Settings) -> tracing.OtelTraces | None:
    if settings.service.traces != "otlp":
        return None
    from watibot import tracing

    secret = settings.service.webhook_secret.get_secret_value()
    return tracing.begin(settings.vertex.model, secret)


async def _warm_up(out: Outside) -> None:
    with contextlib.suppress(ProviderError):  # the first turn says what is wrong
        await out.gemini.warm_up()
    if out.assistant is not None:
        await out.assistant.warm_up()
