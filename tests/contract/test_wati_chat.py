"""A chat as WATI keeps it: whose row is what, in which words, under which limits."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import httpx2
import pytest
from pydantic import SecretStr

from tests.channel_rigs import hand, manychat_rig
from tests.clocks import JumpingClock
from tests.invented import conversation
from watibot import settings
from watibot.channels.http import new_client
from watibot.channels.manychat import Manychat
from watibot.channels.wati import Wati
from watibot.channels.wati_chat import WatiChat, chat_row
from watibot.channels.wati_contacts import WatiContacts
from watibot.emulators import wati as wati_emulator
from watibot.emulators.kit import Clock, serve
from watibot.errors import Cause, ProviderError
from watibot.matching import RowKind
from watibot.messages import AttachmentKind, ChannelName, MessageKind
from watibot.ports import ChatRow
from watibot.turns import Bubble

GUEST = "50370000001"
AT = 1_795_169_656


@dataclass
class Places:
    """A quota that keeps what was asked of it."""

    taken: int = 0
    held: list[float] = field(default_factory=list)

    async def place(self) -> None:
        self.taken += 1

    async def hold(self, seconds: float) -> None:
        self.held.append(seconds)


@dataclass
class Rig:
    chat: WatiChat
    wati: Wati
    contacts: WatiContacts
    places: Places
    emulator: Any
    control: httpx2.AsyncClient
    counted: list[int]
    clock: JumpingClock

    async def post(self, path: str, **spec: Any) -> Any:
        answer = await self.control.post(f"/_emulator/{path}", json=spec)
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def rows(self, size: int = 100) -> list[ChatRow]:
        rows: dict[str, ChatRow] = {}
        number, last = 1, False
        while not last:
            page = await self.chat.page(GUEST, number, size)
            rows.update((row.row.row_id, row) for row in page.rows)
            number, last = number + 1, page.last
        return list(rows.values())


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with rig_of() as made:
        yield made


@asynccontextmanager
async def rig_of(**options: object) -> AsyncIterator[Rig]:
    clock, places, counted = JumpingClock(), Places(), [0]
    emulator = wati_emulator.create(cast(Clock, clock), {"reads_per_10s": 0, **options})
    async with serve(emulator.app()) as url, new_client(5) as http, hand(url) as control:
        group = settings.Wati(base_url=f"{url}/300100", token=SecretStr("wati-token"))

        def count() -> None:
            counted[0] += 1

        chat = WatiChat(group, http, clock, places, count)
        channel = Wati(group, http, clock, "desk@hotel.example", places, count)
        contacts = WatiContacts(group, http, clock, places, count=count)
        made = Rig(chat, channel, contacts, places, emulator, control, counted, clock)
        await made.post("guests", waId=GUEST, name="Ana")
        yield made


async def test_who_wrote_what(rig: Rig) -> None:
    await rig.post(f"guests/{GUEST}/messages", text="¿Tienen wifi?")
    await rig.post(f"staff/{GUEST}/assign", email="rosa@hotel.example", name="Rosa")
    await rig.post(f"staff/{GUEST}/reply", text="Sí, sin costo", email="rosa@hotel.example")
    await rig.post(f"staff/{GUEST}/release", email="rosa@hotel.example")
    page = await rig.chat.page(GUEST, 1, 100)
    assert page.last
    messages = [each for each in page.rows if each.row.kind is RowKind.MESSAGE]
    assert [(each.words, each.row.own, each.row.operator) for each in messages] == [
        ("Sí, sin costo", True, "Rosa"),
        ("¿Tienen wifi?", False, None),
    ]
    to = [each.row.assignee for each in page.rows if each.row.kind is RowKind.ASSIGNED]
    assert to[:2] == [None, "rosa@hotel.example"]


async def test_a_guests_message_is_what_its_webhook_would_have_been(rig: Rig) -> None:
    sent = await rig.post(f"guests/{GUEST}/messages", media="photo", caption="Mi comprobante")
    [row] = [each for each in await rig.rows() if each.row.kind is RowKind.MESSAGE]
    message = row.message
    assert message is not None
    assert (message.channel, message.conversation_id, message.address, message.kind) == (
        ChannelName.WHATSAPP,
        GUEST,
        GUEST,
        MessageKind.MEDIA,
    )
    assert (message.record_id, message.text) == (sent["id"], "Mi comprobante")
    [file] = message.attachments
    assert (file.kind, file.source) == (AttachmentKind.IMAGE, sent["data"])
    assert row.words == "Mi comprobante\n[foto]"
    assert sent["id"].encode() in row.raw


@pytest.mark.parametrize("size", [100, 30])
async def test_a_long_past_in_pages(rig: Rig, size: int) -> None:
    made = await rig.post(f"guests/{GUEST}/past", messages=250)
    rows = await rig.rows(size)
    kinds = Counter(each.row.kind for each in rows)
    assert kinds[RowKind.MESSAGE] == 250
    assert len(rows) == sum(made.values())
    times = [each.row.at for each in rows]
    assert times == sorted(times, reverse=True)
    assert all(each.words for each in rows if each.row.kind is RowKind.MESSAGE)


def raw(**changes: Any) -> dict[str, Any]:
    said = {"id": "6372", "eventType": "message", "type": "text", "text": "Hola", "owner": False}
    return {**said, "timestamp": str(AT), **changes}


@pytest.mark.parametrize(
    ("row", "words", "kind"),
    [
        (raw(), "Hola", MessageKind.TEXT),
        (raw(owner=True, operatorName="Rosa"), "Hola", MessageKind.TEXT),
        (raw(type="voice", text=None, data="data/voice/a.opus"), "[nota de voz]", "media"),
        (
            raw(type="document", text="reserva.pdf", data="data/documents/x.pdf"),
            "[documento: reserva.pdf]",
            "media",
        ),
        (raw(type="location", text="13.69,-89.19"), "[ubicación: 13.69,-89.19]", "location"),
        (raw(type="image", text=None), "[mensaje que no se puede leer]", "unsupported"),
        (raw(type="hologram", text=None), "[mensaje que no se puede leer]", "unsupported"),
    ],
)
def test_in_which_words(row: dict[str, Any], words: str, kind: str) -> None:
    made = chat_row(row, GUEST)
    assert made is not None
    assert made.message is not None
    assert (made.words, made.message.kind) == (words, kind)


@pytest.mark.parametrize(
    "row",
    [raw(timestamp=None), raw(eventType="nobody knows")],
)
def test_a_row_that_says_nothing_is_left_out(row: dict[str, Any]) -> None:
    assert chat_row(row, GUEST) is None


@pytest.mark.parametrize(
    "row", [raw(type="reaction", text="👍"), raw(eventType="broadcastMessage")]
)
def test_what_is_no_message_has_none(row: dict[str, Any]) -> None:
    made = chat_row(row, GUEST)
    assert made is not None
    assert made.message is None


@pytest.mark.parametrize(
    ("address", "named"), [(GUEST, GUEST), ("SV.13491208655302741", "SV.13491208655302741")]
)
def test_whose_chat_it_is(address: str, named: str) -> None:
    made = chat_row(raw(), address)
    assert made is not None
    assert made.message is not None
    assert (made.message.conversation_id, made.message.provider_id, made.message.aliases) == (
        named,
        "6372",
        (),
    )


async def test_a_guest_by_a_business_scoped_id(rig: Rig) -> None:
    await rig.post(f"guests/{GUEST}/messages", text="Hola")
    bsuid = next(iter(rig.emulator.world.guests.values())).bsuid
    [row] = [
        each
        for each in (await rig.chat.page(bsuid, 1, 10)).rows
        if each.row.kind is RowKind.MESSAGE
    ]
    assert row.message is not None
    assert row.message.conversation_id == bsuid


@pytest.mark.parametrize(
    ("fault", "cause", "retry_after"),
    [
        ({"status": 429}, Cause.THROTTLED, None),
        ({"status": 429, "headers": {"Retry-After": "7"}}, Cause.THROTTLED, 7.0),
        ({"status": 503}, Cause.UNAVAILABLE, None),
        ({"status": 401}, Cause.UNAUTHORISED, None),
        ({"drop": "before"}, Cause.LOST, None),
    ],
)
async def test_failures(
    rig: Rig, fault: dict[str, Any], cause: Cause, retry_after: float | None
) -> None:
    rig.emulator.faults.create({"times": 1, **fault})
    with pytest.raises(ProviderError) as caught:
        await rig.chat.page(GUEST, 1, 10)
    assert (caught.value.cause, caught.value.retry_after) == (cause, retry_after)
    assert rig.places.held == ([retry_after or 1.0] if cause is Cause.THROTTLED else [])


async def test_a_month_that_is_used_up() -> None:
    async with rig_of(monthly_limit=1) as rig:
        await rig.chat.page(GUEST, 1, 10)
        with pytest.raises(ProviderError) as caught:
            await rig.chat.page(GUEST, 1, 10)
    assert (caught.value.cause, caught.value.retry_after) == (Cause.THROTTLED, 600.0)


async def test_all_reads_take_places_together_and_every_call_is_counted(rig: Rig) -> None:
    await rig.post(f"guests/{GUEST}/messages", text="Hola")
    guest = conversation(address=GUEST)
    bubble = Bubble("watibot-1", GUEST, "t1", 1, "Hola", last_attempt_at=rig.clock.now())
    await rig.chat.page(GUEST, 1, 10)
    await rig.contacts.page(1)
    await rig.wati.find(guest, bubble)
    await rig.wati.hand_over(guest, "pidió una persona")
    await rig.wati.check()
    assert (rig.places.taken, rig.counted) == (5, [5])
    await rig.wati.send(guest, bubble)
    assert (rig.places.taken, rig.counted) == (5, [6])


async def test_contacts_and_when_they_changed() -> None:
    async with rig_of(contacts_by_change=True) as rig:
        await rig.post(f"guests/{GUEST}/messages", text="Hola")
        [contact] = await rig.contacts.page(1)
        assert (contact.address, contact.name) == (GUEST, "Ana")
        assert contact.changed_at is not None
        assert abs((contact.changed_at - rig.clock.now()).total_seconds()) < 5
        assert await rig.contacts.page(2) == ()


# --- ManyChat has no history, but a field for a note ---------------------------------------------


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ([], None),
        ([{"name": "BOT_NOTE", "value": " Le di hasta las 2 p. m. "}], "Le di hasta las 2 p. m."),
        ([{"name": "bot_note", "value": None}], None),
        ([{"name": "bot_note", "value": ""}, {"name": "nota", "value": "otra"}], "otra"),
        ([{"name": "nota", "value": "otra"}, {"name": "bot_note", "value": "una"}], "una"),
        ([{"name": "room", "value": "101"}], None),
    ],
)
async def test_a_note_for_the_assistant(fields: list[dict[str, Any]], expected: str | None) -> None:
    def handle(request: httpx2.Request) -> httpx2.Response:
        data = {"id": "7100000001", "tags": [], "custom_fields": fields}
        return httpx2.Response(200, json={"status": "success", "data": data})

    group = settings.Manychat(token=SecretStr("t"), note_fields=("bot_note", "nota"))
    http = httpx2.AsyncClient(transport=httpx2.MockTransport(handle))
    guest = conversation(channel=ChannelName.FACEBOOK, address="7100000001")
    assert await Manychat(group, http, JumpingClock()).note(guest) == expected


async def test_a_note_that_cannot_be_read_fails_loudly() -> None:
    async with manychat_rig(JumpingClock(), ChannelName.INSTAGRAM) as rig:
        rig.fail("unavailable")
        with pytest.raises(ProviderError):
            await rig.channel.note(rig.conversation)
        assert await rig.channel.note(rig.conversation) is None
