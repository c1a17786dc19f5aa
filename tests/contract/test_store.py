"""The store's exam, first part: what webhooks put in. Both databases sit it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from tests.contract.stores import DEBOUNCE, GUEST, UNTIL, Hand, at, inbound
from watibot.conversations import Owner
from watibot.messages import (
    Attachment,
    AttachmentKind,
    ChannelName,
    MessageKind,
    StaffMessage,
    Takeover,
)
from watibot.storage import store as storage
from watibot.storage.store import SqlStore
from watibot.turns import MediaState


@pytest.fixture
def hand(store: SqlStore) -> Hand:
    return Hand(store)


async def test_a_message_makes_a_conversation_that_is_due(store: SqlStore, hand: Hand) -> None:
    received = await hand.hear(sender_name="Ana")
    assert (received.new, received.conversation_id, received.due_at) == (True, GUEST, at(4.1))
    conversation = await store.conversation(GUEST)
    assert conversation is not None
    assert (conversation.guest_name, conversation.address) == ("Ana", GUEST)
    assert (conversation.owner, conversation.last_guest_at) == (Owner.BOT, at(0))
    assert await store.due() == [(GUEST, at(4.1))]


async def test_a_repetition_changes_nothing(store: SqlStore, hand: Hand) -> None:
    first = inbound()
    await store.receive(first, b"{}", at(0), DEBOUNCE)
    again = await store.receive(first, b"{}", at(3), DEBOUNCE)
    assert (again.new, again.conversation_id, again.due_at) == (False, GUEST, None)
    assert await store.due() == [(GUEST, at(4))]


async def test_parallel_repetitions_are_one_message(store: SqlStore) -> None:
    messages = [inbound(str(number)) for number in range(5)]
    received = await asyncio.gather(
        *(store.receive(message, b"{}", at(0), DEBOUNCE) for message in messages * 8)
    )
    assert sum(answer.new for answer in received) == 5
    assert (await store.counts())["messages_waiting"] == 5


@pytest.mark.parametrize(
    ("sent", "text", "due"),
    [
        ([0], "hola", 4.1),
        ([0, 3], "hola", 7.1),
        ([0, 4, 8, 12, 16, 19], "hola", 20.1),  # the longest wait
        ([0], "quisiera una habitación para dos.", 2.1),  # plainly ends a thought
    ],
)
async def test_when_a_burst_is_due(
    store: SqlStore, hand: Hand, sent: list[float], text: str, due: float
) -> None:
    for moment in sent:
        received = await hand.hear(text, moment)
    assert received.due_at == at(due)
    assert await store.due() == [(GUEST, at(due))]


async def test_a_burst_within_one_batch_is_due_like_any_other(store: SqlStore) -> None:
    moments = [0, 4, 8, 12, 16, 19]
    await asyncio.gather(*(store.receive(inbound(sent=m), b"{}", at(m), DEBOUNCE) for m in moments))
    assert await store.due() == [(GUEST, at(20))]


@pytest.mark.parametrize("together", [False, True])
async def test_a_message_that_went_by_its_record_is_known_under_its_own_id(
    store: SqlStore, together: bool
) -> None:
    looked_up = inbound(provider_id="rec1", record_id="rec1")
    webhooks = [inbound(provider_id="w1", record_id="rec1"), inbound(record_id="rec2")]
    elsewhere = inbound(provider_id="w1", record_id="rec1", channel=ChannelName.INSTAGRAM)
    arrivals = [looked_up, *webhooks, replace(elsewhere, conversation_id="ig:1", address="1")]
    calls = [store.receive(each, b"{}", at(1), DEBOUNCE) for each in arrivals]
    received = await asyncio.gather(*calls) if together else [await call for call in calls]
    assert [answer.new for answer in received] == [True, False, True, True]


@pytest.mark.parametrize(("seconds", "new"), [(1, False), (59, False), (61, True)])
async def test_digests_repeat_within_their_window(
    store: SqlStore, seconds: float, new: bool
) -> None:
    digest: dict[str, Any] = {"provider_id": "0f" * 16, "repeat_window": 60.0}
    await store.receive(inbound(**digest), b"{}", at(0), DEBOUNCE)
    other = inbound(provider_id="0e" * 16, repeat_window=60.0)
    assert (await store.receive(other, b"{}", at(1), DEBOUNCE)).new
    again = await store.receive(inbound(**digest), b"{}", at(seconds), DEBOUNCE)
    assert again.new is new


async def test_parallel_digests_are_one_message(store: SqlStore) -> None:
    message = inbound(provider_id="0f" * 16, repeat_window=60.0)
    received = await asyncio.gather(
        *(store.receive(message, b"{}", at(i / 100), DEBOUNCE) for i in range(20))
    )
    assert [answer.new for answer in received] == [True] + [False] * 19


BSUID = "bsuid:SV.1"
JOINING: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "its id is an alias": ({"aliases": (BSUID,)}, {"conversation_id": BSUID, "address": BSUID}),
    "an alias in common": (
        {"aliases": (BSUID,)},
        {"conversation_id": "x", "address": "x", "aliases": (BSUID,)},
    ),
    "an alias is the other's id": (
        {"conversation_id": BSUID, "address": BSUID},
        {"aliases": (BSUID,)},
    ),
    "the same address": ({"address": "7001"}, {"conversation_id": "y", "address": "7001"}),
}


@pytest.mark.parametrize("together", [False, True], ids=["apart", "one batch"])
@pytest.mark.parametrize("case", JOINING)
async def test_one_guest_under_several_names(store: SqlStore, case: str, together: bool) -> None:
    first, second = (inbound(**fields) for fields in JOINING[case])
    if together:
        one, two = await asyncio.gather(
            *(store.receive(message, b"{}", at(0), DEBOUNCE) for message in (first, second))
        )
    else:
        one = await store.receive(first, b"{}", at(0), DEBOUNCE)
        two = await store.receive(second, b"{}", at(0), DEBOUNCE)
    assert two.new
    assert two.conversation_id == one.conversation_id == first.conversation_id
    conversation = await store.conversation(one.conversation_id)
    assert conversation is not None
    assert conversation.address == second.address
    # Every name that either message had leads there from now on.
    for name in {first.address, second.address, second.conversation_id, *second.aliases}:
        third = await store.receive(
            inbound(conversation_id=name, address=name), b"{}", at(1), DEBOUNCE
        )
        assert third.conversation_id == one.conversation_id


async def test_names_are_of_one_channel(store: SqlStore) -> None:
    await store.receive(inbound(aliases=("ig:1",)), b"{}", at(0), DEBOUNCE)
    other = inbound(
        channel=ChannelName.INSTAGRAM, conversation_id="ig:9", address=GUEST, aliases=("ig:1",)
    )
    assert (await store.receive(other, b"{}", at(0), DEBOUNCE)).conversation_id == "ig:9"


async def test_a_late_message_does_not_shorten_the_window(store: SqlStore, hand: Hand) -> None:
    await hand.hear(sent=100, sender_name="Ana")
    await hand.hear(sent=50)
    conversation = await store.conversation(GUEST)
    assert conversation is not None
    assert (conversation.last_guest_at, conversation.guest_name) == (at(100), "Ana")


async def test_a_turn_has_its_messages_in_the_order_of_the_provider(hand: Hand) -> None:
    for sent in (3, 1, 2):
        await hand.hear(f"at {sent}", sent)
    turn = await hand.begin()
    assert [message.text for message in turn.messages] == ["at 1", "at 2", "at 3"]
    assert turn.messages[0].received_at == at(1.1)


async def test_what_a_database_cannot_hold_is_left_out(store: SqlStore, hand: Hand) -> None:
    received = await hand.hear(
        "año\x00 \ud83d\udc4d \ud800!", provider_id="w\x00\udfff", sender_name="A\x00na"
    )
    assert received.due_at == at(4.1)
    turn = await hand.begin()
    assert turn.messages[0].text.startswith("año ")
    assert turn.conversation.guest_name == "Ana"


async def test_media_come_with_their_message(store: SqlStore, hand: Hand) -> None:
    photo = Attachment(AttachmentKind.IMAGE, "data/images/a.jpg")
    paper = Attachment(AttachmentKind.DOCUMENT, "data/b.pdf", "reserva.pdf")
    received = await hand.hear("mire", kind=MessageKind.MEDIA, attachments=(photo, paper))
    assert received.due_at == at(7.1)
    assert [media.state for media in received.media] == [MediaState.PENDING] * 2
    assert await store.pending_media() == [(ChannelName.WHATSAPP, m) for m in received.media]
    first, second = received.media
    ready = replace(first, state=MediaState.READY, mime="image/jpeg", size=122_880, path="ab/c.jpg")
    await store.media_done(ready)
    await store.media_done(replace(second, state=MediaState.FAILED, failure="404"))
    assert await store.pending_media() == []
    turn = await hand.begin()
    assert turn.messages[0].media[0] == ready
    await hand.finish(turn, "gracias")
    assert (await hand.said())[0] == (
        "guest",
        "mire\n[foto: image/jpeg, 120 KB]\n[documento: reserva.pdf, no se pudo abrir]",
    )


async def test_while_staff_hold_messages_are_history_and_no_turn(
    store: SqlStore, hand: Hand
) -> None:
    await store.people.hold(_takeover(held=True), at(0), at(100))
    received = await hand.hear("¿hay alguien?", 10)
    assert (received.new, received.due_at) == (True, None)
    assert await store.due() == []
    assert await hand.said() == [("guest", "¿hay alguien?")]
    assert await hand.mirrored() == ["¿hay alguien?"]
    # The takeover ends by itself.
    assert (await hand.hear("¿y ahora?", 200)).due_at == at(204.1)


async def test_what_waits_when_staff_take_over_stands_before_their_words(
    store: SqlStore, hand: Hand
) -> None:
    await hand.hear("¿precio?", 0)
    assert await store.staff_message(_staff("80 dólares", 2), at(2), UNTIL)
    await hand.hear("gracias", 3)
    assert await hand.said() == [
        ("guest", "¿precio?"),
        ("staff", "80 dólares"),
        ("guest", "gracias"),
    ]
    item = (await store.history(GUEST, 2))[0]
    assert (item.author, item.content) == ("Rosa", None)
    assert await store.claim(GUEST, at(30), at(90)) is None
    assert await store.due() == []


async def test_a_colleagues_message_counts_once(store: SqlStore, hand: Hand) -> None:
    message = _staff("buenas tardes", 0)
    assert await store.staff_message(message, at(0), UNTIL)
    assert not await store.staff_message(message, at(1), UNTIL)
    assert await hand.said() == [("staff", "buenas tardes")]
    conversation = await store.conversation(GUEST)
    assert conversation is not None
    assert (conversation.owner, conversation.staff_until) == (Owner.STAFF, UNTIL)


@pytest.mark.parametrize(
    ("text", "seconds", "provider_id", "echo"),
    [
        ("other", 40, "w-0", True),  # the id under which the bubble was sent
        ("hola Ana", 40, "w-x", True),  # the same text soon after
        ("hola Ana", 31 + 121, "w-x", False),
        ("HOLA  Ana 😀", 40, "w-x", True),  # as far as a provider changes it
        ("hola Rosa", 40, "w-x", False),
    ],
)
async def test_echoes_of_bubbles_are_nobodys_takeover(
    store: SqlStore, hand: Hand, text: str, seconds: float, provider_id: str, echo: bool
) -> None:
    await hand.hear()
    _, bubbles = await hand.answer("hola Ana")
    await hand.send(bubbles[0])
    message = _staff(text, seconds, provider_id=provider_id)
    assert await store.staff_message(message, at(seconds), UNTIL) is not echo
    conversation = await store.conversation(GUEST)
    assert conversation is not None
    assert conversation.owner is (Owner.BOT if echo else Owner.STAFF)


async def test_given_back_the_bot_answers_again(store: SqlStore, hand: Hand) -> None:
    await hand.hear("uno", 0)
    await store.people.hold(_takeover(held=True), at(1), UNTIL)
    await store.people.hold(_takeover(held=False), at(2), None)
    assert (await hand.hear("dos", 100)).due_at == at(104.1)  # a new burst, no old deadline
    turn = await hand.begin(110)
    assert [message.text for message in turn.messages] == ["uno", "dos"]


async def test_quarantine_keeps_bodies(store: SqlStore) -> None:
    await store.quarantine("wati", "no known event", b"\x00\xff{", at(1))
    kept = (await store.quarantined(10))[0]
    assert (kept.channel, kept.reason, kept.raw, kept.at) == (
        "wati",
        "no known event",
        b"\x00\xff{",
        at(1),
    )


async def test_hotels_do_not_see_each_other(store_url: str, store: SqlStore) -> None:
    async with await storage.open(store_url, "other") as other:
        message = inbound()
        assert (await store.receive(message, b"{}", at(0), DEBOUNCE)).new
        assert await other.conversation(GUEST) is None
        assert await other.due() == []
        assert (await other.receive(message, b"{}", at(0), DEBOUNCE)).new
        assert (await store.counts())["conversations"] == 1


def _takeover(*, held: bool) -> Takeover:
    return Takeover(ChannelName.WHATSAPP, GUEST, GUEST, held)


def _staff(text: str, sent: float, provider_id: str = "wamid.staff") -> StaffMessage:
    return StaffMessage(
        ChannelName.WHATSAPP, GUEST, GUEST, provider_id, at(sent), text, operator="Rosa"
    )
