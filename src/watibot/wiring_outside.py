"""`outside(settings, hotel)` -> Outside: the adapters, each the keeper of one promise.

`wiring.py` builds the service on them; `cli/` takes them for a look at what lies outside.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import httpx2

from watibot import channels
from watibot.channels.http import new_client
from watibot.channels.manychat import Manychat
from watibot.channels.media import DiskMediaFiles, HttpMediaSource
from watibot.channels.wati import Wati
from watibot.channels.wati_chat import WatiChat
from watibot.channels.wati_contacts import WatiContacts
from watibot.charges import Use
from watibot.engines.clock import SystemClock
from watibot.engines.quota import LocalQuota
from watibot.hotel import Hotel
from watibot.messages import ChannelName
from watibot.ports import Channel, ChatHistory, Clock, ContactList, Notifier, Quota
from watibot.providers.assistants import AssistantsServer
from watibot.providers.caches import VertexCaches
from watibot.providers.gemini import Gemini
from watibot.providers.google_auth import Tokens
from watibot.providers.notify import AppriseNotifier
from watibot.providers.openai_assistant import OpenAIAssistant
from watibot.providers.openai_http import OpenAIHttp
from watibot.providers.openai_key import Key
from watibot.providers.openai_sdk import Sdk, check_installed
from watibot.providers.sessions import VertexSessions
from watibot.quotas import Rate
from watibot.settings import Settings
from watibot.storage.store import SqlStore

# WATI takes 10 reads in 10 seconds on every plan, of all that read together.
WATI_READS_PER_MINUTE = 54


@dataclass(frozen=True, slots=True)
class Outside:
    """The adapters, each the keeper of one promise."""

    clock: Clock
    channels: dict[ChannelName, Channel]
    media: HttpMediaSource
    files: DiskMediaFiles
    gemini: Gemini
    sessions: VertexSessions
    caches: VertexCaches
    notifier: Notifier
    http: tuple[httpx2.AsyncClient, ...]
    chat: ChatHistory | None = None  # WATI's own history
    past: ChatHistory | None = None  # the same, for whom nobody waits
    contacts: ContactList | None = None
    openai: OpenAIHttp | None = None
    assistant: OpenAIAssistant | None = None

    async def close(self) -> None:
        await self.gemini.close()
        await self.sessions.close()
        await self.caches.close()
        if self.openai is not None:
            await self.openai.close()
        if self.assistant is not None:
            await self.assistant.close()
        for client in self.http:
            await client.aclose()


class Counted:
    """What the adapters use and count. They are made before there is who hears it: that one tells
    staff, and the way to staff is an adapter too."""

    def __init__(self) -> None:
        self.on_request: Callable[[], None] = lambda: None
        self.on_use: Callable[[Use], None] = lambda use: None

    def request(self) -> None:
        """A request to WATI leaves."""
        self.on_request()

    def used(self, use: Use) -> None:
        """Something that is paid for was used."""
        self.on_use(use)


def outside(
    settings: Settings,
    hotel: Hotel,
    store: SqlStore | None = None,
    counted: Counted | None = None,
) -> Outside:
    """Everything that talks to somebody else. Nothing is contacted yet. `store`: where the quotas
    are kept together with other processes; without it this process keeps its own. Raises
    SettingsError when what is asked for is not installed."""
    counted = counted or Counted()
    count = counted.request
    clock = SystemClock(settings.service.clock)

    def quota(name: str, per_minute: float, *, live: bool = True) -> Quota:
        if store is None:
            return LocalQuota(per_minute, clock)
        return store.quota(name, per_minute, clock, live=live)

    # One rate for all that asks the same server.
    asking = quota("openai", settings.openai.requests_per_minute)
    openai = OpenAIHttp(settings.openai, clock, asking) if settings.openai.base_url else None
    assistant = None
    if openai is not None and settings.openai.assistant_id:
        check_installed(settings.openai)
        sdk = Sdk(settings.openai, clock, Key(settings.openai), asking)
        assistant = OpenAIAssistant(
            settings.openai, clock, sdk, AssistantsServer(openai), counted.used
        )
    tokens = Tokens(file=settings.vertex.credentials_file)
    vertex = settings.vertex
    tls = httpx2.create_ssl_context()  # reading the authorities takes 50 ms: once
    to_wati = new_client(settings.wati.timeout, tls)
    to_manychat = new_client(settings.manychat.timeout, tls)
    to_media = new_client(settings.media.timeout, tls)
    made: list[Channel] = []
    chat, past, contacts = None, None, None
    if settings.wati.base_url:
        reads = quota("wati.reads", WATI_READS_PER_MINUTE)
        made.append(Wati(settings.wati, to_wati, clock, hotel.desk_email, reads, count))
        chat = WatiChat(settings.wati, to_wati, clock, reads, count)
        # Nobody waits for the past: whoever answers guests goes first.
        behind = quota("wati.reads", WATI_READS_PER_MINUTE, live=False)
        past = WatiChat(settings.wati, to_wati, clock, behind, count)
        contacts = WatiContacts(settings.wati, to_wati, clock, behind, count=count)
    if settings.manychat.token.get_secret_value():
        made.append(Manychat(settings.manychat, to_manychat, clock, settings.media.extra_hosts))
    return Outside(
        clock=clock,
        channels=channels.table(*made),
        media=HttpMediaSource(settings.wati, settings.media, to_media, clock, count),
        files=DiskMediaFiles(settings.service.data_dir / "media"),
        gemini=Gemini(
            vertex,
            clock,
            tokens,
            calls=Rate(vertex.model_calls_per_minute),
            used=counted.used,
        ),
        sessions=VertexSessions(
            vertex,
            clock,
            tokens,
            appends=quota("sessions.appends", vertex.appends_per_minute),
            writes=quota("sessions.writes", vertex.session_writes_per_minute),
        ),
        caches=VertexCaches(vertex, clock, tokens),
        notifier=AppriseNotifier([url.get_secret_value() for url in settings.staff.notify_urls]),
        http=(to_wati, to_manychat, to_media),
        chat=chat,
        past=past,
        contacts=contacts,
        openai=openai,
        assistant=assistant,
    )
