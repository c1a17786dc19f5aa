"""Looks at WATI's own history: what colleagues did in its inbox without a webhook, what was lost on
the way, the past, and a plan on which nobody tells of anything.

The service runs with its own looks off; each test begins the look that it is about, over the same
store and against the same emulator.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.clocks import JumpingClock
from tests.fakes_people import nobody_waits
from tests.flow.house import GUEST, House, house, until
from watibot.channels.http import new_client
from watibot.channels.wati_chat import WatiChat
from watibot.channels.wati_contacts import WatiContacts
from watibot.conversations import Conversation, Owner
from watibot.engines.quota import LocalQuota
from watibot.environment import load
from watibot.history import HistoryItem, ItemKind
from watibot.messages import ChannelName, Inbound
from watibot.service.look import Looker, Why
from watibot.service.meter import Meter
from watibot.service.past import Past
from watibot.service.poll import Poller
from watibot.storage.store import SqlStore
from watibot.telemetry import Metrics

ROSA = {"email": "rosa@hotel.example", "name": "Rosa"}
OFF: dict[str, Any] = {"WATI_LOOK": "off", "WATI_PAST_MESSAGES": "0"}
PROMISE = "Le doy salida tarde, hasta las 2 p. m."


@dataclass
class Eyes:
    """What looks, over the house's store."""

    hotel: House
    store: SqlStore
    looker: Looker
    past: Past
    poller: Poller

    async def guest(self, wa_id: str = GUEST) -> Conversation:
        found = await self.store.conversation(wa_id)
        assert found is not None
        return found

    async def look(self, why: Why = Why.TURN) -> None:
        await self.looker.look(await self.guest(), why)

    async def history(self, wa_id: str = GUEST) -> list[HistoryItem]:
        return await self.store.history(wa_id, 1000)

    async def staff(self, act: str, **spec: Any) -> None:
        await self.hotel.post("wati", f"staff/{GUEST}/{act}", {**ROSA, **spec})


@asynccontextmanager
async def eyes_of(
    folder: Path, monkeypatch: pytest.MonkeyPatch, **options: object
) -> AsyncIterator[Eyes]:
    async with house(
        folder,
        monkeypatch,
        options={"wati": options} if options else None,
        emulators=("wati", "vertex", "staff"),
        **OFF,
    ) as hotel:
        app = hotel.app
        assert app is not None
        store, clock = app.store, app.clock
        settings = load(None)
        group = settings.wati.model_copy(
            update={"look": "turn", "past_messages": 1000, "poll_seconds": 5.0}
        )
        told = settings.wati.model_copy(update={"look": "turn"})

        async def no_notice(key: str, title: str, body: str) -> None:
            raise AssertionError(key)

        async def receive(message: Inbound, raw: bytes, at: datetime) -> None:
            received = await store.receive(message, raw, clock.now(), settings.whatsapp)
            if received.due_at is not None:
                app.lanes.wake(received.conversation_id, received.due_at)

        people = store.people
        meter = Meter(people, clock, "wati", 0, no_notice)
        async with new_client(5) as http:
            reads = LocalQuota(54, clock)
            chat = WatiChat(group, http, clock, reads, meter.count)
            chats = {ChannelName.WHATSAPP: chat}

            def looker(group: Any) -> Looker:
                wake = app.lanes.wake
                return Looker(
                    people, chats, clock, meter, group, 12, receive, wake, nobody_waits, Metrics()
                )

            contacts = WatiContacts(group, http, clock, reads)
            yield Eyes(
                hotel,
                store,
                looker(told),
                Past(people, chat, clock, meter, group, Metrics()),
                Poller(people, contacts, looker(group), meter, clock, group, "casa-jacaranda"),
            )


@pytest.fixture
async def eyes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Eyes]:
    async with eyes_of(tmp_path, monkeypatch) as made:
        yield made


async def talk(hotel: House, text: str = "¿Tienen wifi?", answers: int = 1) -> None:
    await hotel.guest()
    await hotel.says(GUEST, text)
    await hotel.answered(GUEST, answers)
    await hotel.quiet()


async def test_what_a_colleague_wrote_and_no_webhook_told(eyes: Eyes) -> None:
    await talk(eyes.hotel)
    before = await eyes.history()
    await eyes.staff("reply", text=PROMISE, lost=True)
    await eyes.look()
    held = await eyes.guest()
    assert (held.owner, held.taken_by) == (Owner.STAFF, "Rosa")
    new = (await eyes.history())[len(before) :]
    assert [(item.kind, item.text, item.author) for item in new] == [
        (ItemKind.STAFF, PROMISE, "Rosa")
    ]
    # The bot's own bubbles and the guest's words are known, at every look.
    await eyes.look()
    assert len(await eyes.history()) == len(before) + 1


async def test_what_the_webhook_told_is_not_said_twice(eyes: Eyes) -> None:
    await talk(eyes.hotel)
    await eyes.staff("reply", text=PROMISE)
    await eyes.staff("reply", text="ok")

    async def told() -> bool:
        return sum(item.kind is ItemKind.STAFF for item in await eyes.history()) == 2

    await until(told)
    await eyes.look()
    assert [item.text for item in await eyes.history() if item.kind is ItemKind.STAFF] == [
        PROMISE,
        "ok",
    ]


async def test_a_webhook_that_comes_after_the_look_adds_nothing(eyes: Eyes) -> None:
    await talk(eyes.hotel)
    await eyes.staff("reply", text=PROMISE, delay=30)
    await eyes.look()
    assert sum(item.kind is ItemKind.STAFF for item in await eyes.history()) == 1

    async def delivered() -> bool:
        chat = await eyes.hotel.get("wati", f"guests/{GUEST}/messages")
        return bool(chat[-1]["status"] == "READ")  # the last of its webhooks was taken

    await until(delivered)
    assert sum(item.kind is ItemKind.STAFF for item in await eyes.history()) == 1


async def test_assigned_and_given_back_without_a_word(eyes: Eyes) -> None:
    await talk(eyes.hotel)
    await eyes.staff("assign")
    await eyes.look()
    held = await eyes.guest()
    assert (held.owner, held.taken_by) == (Owner.STAFF, ROSA["email"])
    await eyes.hotel.says(GUEST, "¿Y tienen piscina para los niños?")

    async def heard() -> bool:
        return "piscina" in (await eyes.history())[-1].text

    await until(heard)
    await eyes.look(Why.HELD)
    assert (await eyes.guest()).owner is Owner.STAFF
    await eyes.staff("release")
    await eyes.look(Why.HELD)
    answers = await eyes.hotel.answered(GUEST, 2)
    assert "piscina" in answers[1].lower()
    await eyes.hotel.quiet()
    asked = [item for item in await eyes.history() if "¿Y tienen piscina" in item.text]
    assert len(asked) == 1


async def test_a_guests_message_that_no_webhook_brought(eyes: Eyes) -> None:
    await talk(eyes.hotel)
    await eyes.hotel.set("wati", webhooks=False)
    await eyes.hotel.says(GUEST, "¿Tienen piscina?")
    await eyes.look()
    # It may only be late.
    assert len(await eyes.hotel.bubbles(GUEST)) == 1
    eyes.looker._clock = JumpingClock(eyes.looker._clock.now() + timedelta(minutes=16))
    await eyes.look()
    answers = await eyes.hotel.answered(GUEST, 2)
    assert "piscina" in answers[1].lower()
    await eyes.hotel.quiet()
    await eyes.look()
    assert len(await eyes.hotel.bubbles(GUEST)) == 2


async def test_the_past_is_read_once_and_stands_before_everything(eyes: Eyes) -> None:
    await eyes.hotel.guest()
    made = await eyes.hotel.post("wati", f"guests/{GUEST}/past", {"messages": 230})
    await eyes.hotel.says(GUEST, "¿Tienen wifi?")
    await eyes.hotel.answered(GUEST)
    await eyes.hotel.quiet()
    here = await eyes.history()
    assert await eyes.past.round() == 1
    history = await eyes.history()
    assert [item.item_id for item in history[230:]] == [item.item_id for item in here]
    kinds = [item.kind for item in history[:230]]
    assert [kinds.count(kind) for kind in (ItemKind.GUEST, ItemKind.STAFF, ItemKind.ASSISTANT)] == [
        made["guest"],
        made["staff"],
        made["bot"],
    ]
    times = [item.at for item in history]
    assert times == sorted(times)
    assert (await eyes.guest()).history_imported
    assert await eyes.past.round() == 0
    # A look finds nothing new in all of it.
    await eyes.look()
    assert len(await eyes.history()) == len(history)
    assert (await eyes.guest()).owner is Owner.BOT


async def test_a_plan_without_webhooks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with eyes_of(tmp_path, monkeypatch, webhooks=False) as eyes:
        await eyes.hotel.guest()
        await eyes.hotel.says(GUEST, "¿Tienen wifi?")
        await eyes.poller.round()
        answers = await eyes.hotel.answered(GUEST)
        assert "wifi" in answers[0].lower()
        await eyes.hotel.quiet()
        await eyes.staff("reply", text=PROMISE)
        await eyes.poller._clock.sleep(6)
        await eyes.poller.round()
        held = await eyes.guest()
        assert (held.owner, held.taken_by) == (Owner.STAFF, "Rosa")
        assert [item.text for item in await eyes.history() if item.kind is ItemKind.STAFF] == [
            PROMISE
        ]


UNSEEN: dict[str, dict[str, object]] = {
    "as the API": {},
    "as a person, without our id": {"api_name": "Mehmet Kaya", "echo_local_message_id": False},
    "as nobody, without any id": {
        "api_name": None,
        "api_email": None,
        "echo_local_message_id": False,
        "success_shape": "result_true",
        "sent_events_for_api": False,
    },
}


@pytest.mark.parametrize("way", UNSEEN)
async def test_what_we_sent_is_never_a_colleagues(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    async with eyes_of(tmp_path, monkeypatch, **UNSEEN[way]) as eyes:
        await talk(eyes.hotel)
        await talk(eyes.hotel, "¿Y tienen piscina para los niños?", 2)
        await eyes.hotel.says(GUEST, media="photo", caption="Mi comprobante")
        await eyes.hotel.says(GUEST, type="location", location={"lat": 13.69, "lng": -89.19})
        await eyes.hotel.answered(GUEST, 3)
        await eyes.hotel.quiet()
        history = await eyes.history()
        eyes.looker._clock = JumpingClock(eyes.looker._clock.now() + timedelta(minutes=20))
        await eyes.look()
        assert (await eyes.guest()).owner is Owner.BOT
        assert await eyes.history() == history
        assert not await eyes.store.due()
