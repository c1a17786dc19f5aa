"""What a delivery does that is late, repeated, or follows a process that died: `service/receive.py`
over the store. Both databases sit it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.clocks import FakeClock
from tests.contract.colleague import give_back, take
from tests.contract.stores import DEBOUNCE, GUEST, UNTIL, Hand, at, inbound
from watibot import samples_folder
from watibot.conversations import Owner
from watibot.escalations import EscalationCause
from watibot.hotel import load
from watibot.messages import ChannelName, StaffMessage, Takeover
from watibot.service.deliver import Deliverer
from watibot.service.escalate import Escalator
from watibot.service.gate import Gate
from watibot.service.hold import Holder
from watibot.service.receive import Listeners, Receiver
from watibot.settings import Limits, Patience, Staff
from watibot.storage.store import SqlStore
from watibot.telemetry import Metrics

HOTEL = load(samples_folder() / "hotel.toml")
FACEBOOK, SUBSCRIBER = ChannelName.FACEBOOK, "fb:77"
MARK = Takeover(FACEBOOK, SUBSCRIBER, "77", held=True)


class _Quiet:
    """Nobody to be told at once, and a contact that is marked."""

    def look(self) -> None:
        return None

    async def held_by_staff(self, conversation: object) -> bool:
        return True


class Desk:
    """Deliveries into one store."""

    def __init__(self, store: SqlStore) -> None:
        self.store = store
        self.clock = FakeClock(at(0))
        quiet: Any = _Quiet()
        records, clock, metrics = store, self.clock, Metrics()
        self.escalator = Escalator(store.escalations, records, quiet, clock, HOTEL, Staff(), "")
        wake = self.wakes
        channels = {FACEBOOK: quiet}
        zone = ZoneInfo("America/El_Salvador")
        self.holder = Holder(store.people, records, {}, clock, 12, zone, wake, metrics)
        gate = Gate(store.people, records, clock, Limits(), HOTEL.words, lambda name, turn: name)
        debounce = dict.fromkeys(ChannelName, DEBOUNCE)
        patience = Patience()
        listeners = Listeners(self.holder.changed, gate.heard, gate.colleague)
        self.forgotten: dict[str, datetime] = {}
        self.receiver = Receiver(
            store,
            records,
            clock,
            debounce,
            patience,
            quiet,
            metrics,
            wake,
            self.escalator,
            listeners,
            self.erased_at,
        )
        self.deliverer = Deliverer(
            store,
            channels,
            {FACEBOOK: 0.8},
            clock,
            patience,
            metrics,
            lambda conversation_id: None,
            self.escalator,
            self.holder.changed,
        )

    async def erased_at(self, conversation_id: str) -> datetime | None:
        return self.forgotten.get(conversation_id)

    def wakes(self, conversation_id: str, due_at: object) -> None:
        return None

    async def hears(self, delivery: Any, seconds: float) -> str:
        self.clock._now = at(seconds)
        return await self.receiver.take(delivery, b"{}", at(seconds))

    async def needs_a_person(self, name: str, seconds: float) -> None:
        self.clock._now = at(seconds)
        await self.escalator.raise_("wish", EscalationCause.GUEST_WISH, name, "pide a Rosa")

    async def open(self, name: str = GUEST) -> list[EscalationCause]:
        kept = await self.store.escalations.of(name)
        return [one.cause for one in kept if one.acknowledged_at is None]


@pytest.fixture
def desk(store: SqlStore) -> Desk:
    return Desk(store)


def rosa(text: str, seconds: float) -> StaffMessage:
    return StaffMessage(ChannelName.WHATSAPP, GUEST, GUEST, "s1", at(seconds), text, "Rosa")


def to_facebook(text: str, seconds: float) -> Any:
    return inbound(text, seconds, channel=FACEBOOK, conversation_id=SUBSCRIBER, address="77")


async def handed_over(desk: Desk) -> Hand:
    """A guest at ManyChat who asked for a person, was told that one comes, and waits since 16 s."""
    hand = Hand(desk.store, SUBSCRIBER)
    await desk.hears(to_facebook("quiero una persona", 0), 0)
    turn = await hand.begin(10)
    await desk.needs_a_person(SUBSCRIBER, 11)
    (bubble,) = await hand.finish(turn, "Ya viene.", seconds=15, hand_over_until=UNTIL)
    await hand.send(bubble, 16)
    await hand.release()
    return hand


@pytest.mark.parametrize(
    ("said", "heard", "left"),
    [
        (5, 605, [EscalationCause.GUEST_WISH]),
        (298, 605, [EscalationCause.GUEST_WISH]),
        (300, 605, []),
        (310, 605, []),
        (9_000, 605, []),  # a provider's clock that is ahead
        (300, 300.5, []),  # a provider's times are whole seconds
    ],
)
async def test_words_see_to_what_was_known_when_they_were_written(
    desk: Desk, said: float, heard: float, left: list[EscalationCause]
) -> None:
    await desk.hears(inbound(), 0)
    await desk.needs_a_person(GUEST, 300.4 if heard < 301 else 300)
    assert await desk.hears(rosa("buenos días", said), heard) == "staff"
    assert await desk.open() == left


async def test_words_from_before_a_hand_back_see_to_nothing_new(
    store: SqlStore, desk: Desk
) -> None:
    await desk.hears(inbound(), 0)
    await take(store, 10)
    await give_back(store, 200)
    await desk.needs_a_person(GUEST, 300)
    await desk.hears(rosa("buenos días", 100), 605)
    assert await desk.open() == [EscalationCause.GUEST_WISH]


async def test_a_colleague_s_word_that_was_only_stored_takes_effect_when_it_is_repeated(
    store: SqlStore, desk: Desk
) -> None:
    await desk.hears(inbound(), 0)
    await take(store, 5)
    await desk.needs_a_person(GUEST, 30)
    word = rosa("#bot", 60)
    await store.staff_message(word, at(60), UNTIL)  # and the process died
    assert await desk.hears(word, 660) == "repeated"
    conversation = await store.conversation(GUEST)
    assert conversation is not None
    assert conversation.owner is Owner.BOT
    assert await desk.open() == []


async def test_a_repeated_word_changes_nothing_that_is_newer(store: SqlStore, desk: Desk) -> None:
    await desk.hears(inbound(), 0)
    assert await desk.hears(rosa("voy", 60), 61) == "staff"
    await desk.needs_a_person(GUEST, 300)
    assert await desk.hears(rosa("voy", 60), 661) == "repeated"
    assert await desk.open() == [EscalationCause.GUEST_WISH]


async def test_a_mark_after_the_handover_sees_to_it(desk: Desk) -> None:
    await handed_over(desk)
    await desk.hears(MARK, 60)
    assert await desk.open(SUBSCRIBER) == []
    await desk.holder._asks.stop()


async def test_a_mark_that_is_found_after_the_handover_sees_to_it(desk: Desk) -> None:
    hand = await handed_over(desk)
    desk.clock._now = at(60)
    conversation = await desk.store.conversation(SUBSCRIBER)
    assert conversation is not None
    channel: Any = _Quiet()
    await desk.deliverer._ask_provider_for_staff(channel, conversation)
    assert await desk.open(hand.conversation_id) == []
    await desk.holder._asks.stop()


async def test_a_mark_after_the_handover_ends_the_waiting(desk: Desk) -> None:
    await handed_over(desk)
    await desk.hears(MARK, 60)
    await desk.hears(to_facebook("gracias Rosa, ¿y mi maleta?", 120), 120)
    assert await desk.open(SUBSCRIBER) == []
    await desk.holder._asks.stop()


async def test_what_was_said_before_the_guest_was_erased_does_not_come_back(
    store: SqlStore,
) -> None:
    """A webhook that is repeated or late: nothing here knows its message any more."""
    desk = Desk(store)
    assert await desk.hears(inbound("me llamo Ana", provider_id="w1"), 1) == "message"
    number = await store.erasures.ask("0123456789ab", GUEST, "ana", at(50))
    assert number is not None
    assert await store.erasures.erase_rows(number, at(60), patient=False) is None
    desk.forgotten[GUEST] = at(60)
    staff = StaffMessage(
        ChannelName.WHATSAPP, GUEST, GUEST, "s1", at(30), "Claro, Ana", "Marta", "r1"
    )
    assert await desk.hears(inbound("me llamo Ana", provider_id="w1"), 90) == "forgotten"
    named = inbound("me llamo Ana", provider_id="w2", conversation_id="US.1", aliases=(GUEST,))
    assert await desk.hears(named, 91) == "forgotten"
    assert await desk.hears(staff, 92) == "forgotten"
    assert await store.conversation(GUEST) is None
    assert await store.conversation("US.1") is None
    # Who comes back is heard, and late words of somebody else are too.
    assert await desk.hears(inbound("hola", 95, provider_id="w3"), 300) == "message"
    desk.forgotten.clear()
    assert await desk.hears(inbound("tarde", 2, provider_id="w4"), 301) == "message"
