"""Channels under examination: WATI and ManyChat before their emulators, and the fake."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast

import httpx2
from pydantic import SecretStr

from tests.clocks import JumpingClock
from tests.fakes import Failure, FakeChannel
from tests.invented import conversation
from watibot import settings
from watibot.channels.http import new_client
from watibot.channels.manychat import Manychat
from watibot.channels.wati import Wati
from watibot.conversations import Conversation
from watibot.emulators import manychat as manychat_emulator
from watibot.emulators import wati as wati_emulator
from watibot.emulators.kit import Clock, Emulator, serve
from watibot.messages import ChannelName
from watibot.ports.outside import (
    Channel,
)
from watibot.turns import Bubble

DAY = 24 * 3600.0
DESK = "desk@hotel.example"


@dataclass
class Rig:
    """A channel under examination, and the hands that move the world behind it."""

    channel: Channel
    clock: JumpingClock
    conversation: Conversation
    guest_writes: Callable[[], Awaitable[None]]
    arrived: Callable[[], Awaitable[list[str]]]
    fail: Callable[[Failure], None]
    staff_holds: Callable[[bool], Awaitable[None]]
    emulator: Emulator | None = None
    history: bool = True
    hands_over: bool = True
    asks_staff: bool = True
    _made: int = 0

    def bubble(self, text: str = "Hola & adiós + 100 % #1\nsí") -> Bubble:
        """A bubble whose attempt is noted now, as `service/deliver.py` does before a send."""
        self._made += 1
        return Bubble(
            bubble_id=f"watibot-{self._made:032d}",
            conversation_id=self.conversation.conversation_id,
            turn_id="t1",
            position=self._made,
            text=text,
            attempts=1,
            last_attempt_at=self.clock.now(),
        )

    async def send(self, bubble: Bubble) -> object:
        return await self.channel.send(self.conversation, bubble)

    async def find(self, bubble: Bubble) -> object:
        return await self.channel.find(self.conversation, bubble)


FAULTS: dict[Failure, dict[str, Any]] = {
    "throttled": {"status": 429, "headers": {"Retry-After": "7"}},
    "unauthorised": {"status": 401},
    "unavailable": {"status": 503, "body": "<html>"},
    "lost_before": {"drop": "before"},
    "lost_after": {"drop": "after"},
}


def faults(emulator: Emulator, channel: Any) -> Callable[[Failure], None]:
    def fail(failure: Failure) -> None:
        if failure == "unreachable":
            channel._line._base = "http://127.0.0.1:1"
        else:
            emulator.faults.create({"times": 1, **FAULTS[failure]})

    return fail


@asynccontextmanager
async def wati_rig(clock: JumpingClock, token: str = "wati-token") -> AsyncIterator[Rig]:
    emulator = wati_emulator.create(cast(Clock, clock), {})
    async with serve(emulator.app()) as url, new_client(5) as http, hand(url) as control:
        group = settings.Wati(base_url=f"{url}/300100", token=SecretStr(token))
        channel = Wati(group, http, clock, DESK)
        guests = "/_emulator/guests"
        await control.post(guests, json={"waId": "50370000001", "name": "Ana"})

        async def guest_writes() -> None:
            await control.post(f"{guests}/50370000001/messages", json={"text": "hola"})

        async def arrived() -> list[str]:
            lines = (await control.get(f"{guests}/50370000001/messages")).json()
            return [line["text"] for line in lines if line["from"] != "guest"]

        async def staff_holds(_: bool) -> None:
            return None

        yield Rig(
            channel,
            clock,
            conversation(channel=ChannelName.WHATSAPP, address="50370000001"),
            guest_writes,
            arrived,
            faults(emulator, channel),
            staff_holds,
            emulator,
            asks_staff=False,
        )


@asynccontextmanager
async def manychat_rig(clock: JumpingClock, name: ChannelName) -> AsyncIterator[Rig]:
    emulator = manychat_emulator.create(cast(Clock, clock), {})
    async with serve(emulator.app()) as url, new_client(5) as http, hand(url) as control:
        token = SecretStr(f"Bearer {emulator.settings['token']}")
        channel = Manychat(settings.Manychat(base_url=url, token=token), http, clock)
        spec = {"subscriber_id": "1842539971", "name": "Ana", "platform": "both"}
        await control.post("/_emulator/guests", json=spec)

        async def guest_writes() -> None:
            said = {"text": "hola", "platform": name.value}
            await control.post("/_emulator/guests/1842539971/messages", json=said)

        async def arrived() -> list[str]:
            lines = (await control.get("/_emulator/guests/1842539971/messages")).json()
            return [
                line["text"]
                for line in lines
                if line["from"] != "guest" and line["platform"] == name.value
            ]

        async def staff_holds(on: bool) -> None:
            await control.post("/_emulator/staff/1842539971/bot_off", json={"on": on})

        yield Rig(
            channel,
            clock,
            conversation(
                channel=name,
                conversation_id=f"{name.value[:1]}:1842539971",
                address="1842539971",
            ),
            guest_writes,
            arrived,
            faults(emulator, channel),
            staff_holds,
            emulator,
            history=False,
            hands_over=False,
        )


@asynccontextmanager
async def fake_rig(clock: JumpingClock, history: bool) -> AsyncIterator[Rig]:
    channel = FakeChannel(clock, history=history, desk=history)
    address = "50370000001"

    async def guest_writes() -> None:
        channel.guest_writes(address)

    async def arrived() -> list[str]:
        return channel.texts(address)

    async def staff_holds(on: bool) -> None:
        (channel.staff.add if on else channel.staff.discard)(address)

    yield Rig(
        channel,
        clock,
        conversation(address=address),
        guest_writes,
        arrived,
        channel.failures.append,
        staff_holds,
        history=history,
        hands_over=history,
    )


def hand(url: str) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(base_url=url, trust_env=False)


RIGS: dict[str, Callable[[JumpingClock], Any]] = {
    "wati": wati_rig,
    "facebook": lambda clock: manychat_rig(clock, ChannelName.FACEBOOK),
    "instagram": lambda clock: manychat_rig(clock, ChannelName.INSTAGRAM),
    "fake": lambda clock: fake_rig(clock, history=True),
    "fake without history": lambda clock: fake_rig(clock, history=False),
}
