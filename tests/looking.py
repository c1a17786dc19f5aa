"""A looker over rows in memory, for the tests of looks."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tests.clocks import NOON, FakeClock
from tests.fakes_people import FakeChat, FakePeople
from tests.invented import conversation
from watibot.conversations import Conversation
from watibot.errors import ProviderError
from watibot.messages import ChannelName, Inbound
from watibot.service.look import Looker, Why
from watibot.service.meter import Meter
from watibot.settings import Wati
from watibot.telemetry import Metrics

ROSA = "rosa@hotel.example"


@dataclass
class Stage:
    """A looker over rows, and what came of its looks."""

    people: FakePeople
    chat: FakeChat
    clock: FakeClock
    meter: Meter
    looker: Looker
    received: list[Inbound] = field(default_factory=list)
    woken: list[tuple[str, datetime]] = field(default_factory=list)
    seen_to: list[tuple[str, str | None, datetime]] = field(default_factory=list)

    async def look(self, why: Why = Why.TURN, **more: Any) -> None:
        await self.looker.look(self.people.here, why, **more)

    async def turn(self, seconds: float = 0.0) -> int:
        """A turn opens; how often the chat was read until then."""
        self.looker.start(self.people.here)
        await self.clock.advance(seconds)
        return len(self.chat.asked)


async def no_notice(key: str, title: str, body: str) -> None:
    raise AssertionError(key)


def stage(
    people: FakePeople, *rows: Any, failure: ProviderError | None = None, **group: Any
) -> Stage:
    clock = FakeClock(NOON + timedelta(hours=1))
    settings = Wati(base_url="https://wati.test/1", **group)
    meter = Meter(people, clock, "wati", settings.calls_per_month, no_notice)
    chat = FakeChat(*rows, failure=failure)

    async def receive(message: Inbound, raw: bytes, at: datetime) -> str:
        people.order.append("receive")
        made.received.append(message)
        return "message"

    def wake(conversation_id: str, due_at: datetime) -> None:
        made.woken.append((conversation_id, due_at))

    async def seen_to(
        channel: ChannelName, name: str, by: str | None, at: datetime, how: str
    ) -> None:
        made.seen_to.append((name, by, at))

    chats = {ChannelName.WHATSAPP: chat}
    looker = Looker(people, chats, clock, meter, settings, 12, receive, wake, seen_to, Metrics())
    made = Stage(people, chat, clock, meter, looker)
    return made


def here(**changes: Any) -> Conversation:
    return conversation(last_guest_at=NOON + timedelta(hours=1), **changes)
