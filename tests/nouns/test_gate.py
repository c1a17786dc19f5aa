"""Who is answered, and who has been told why not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.clocks import FakeClock
from tests.invented import NOON, FakeRecords, conversation, guest_message, item, turn
from tests.nouns.test_stopwords import WORDS
from watibot.conversations import Conversation
from watibot.history import ItemKind
from watibot.messages import ChannelName, Inbound, MessageKind, StaffMessage
from watibot.ports import Holding
from watibot.service.gate import LONG, SHORT, Gate, Halt, over
from watibot.settings import Limits
from watibot.turns import Turn

LIMITS = Limits(turns_per_10_minutes=3, turns_per_day=10)
GUEST = "50370000001"


class Store(FakeRecords):
    """What the gate asks of the store."""

    def __init__(self, recent: int = 1, today: int = 1, stopped_at: datetime | None = None) -> None:
        super().__init__()
        self.turns = {NOON - SHORT: recent, NOON - LONG: today}
        self.stopped_at = stopped_at
        self.stops: list[datetime | None] = []
        self.obeyed: list[tuple[str, bool, datetime]] = []

    async def conversation(self, conversation_id: str) -> Conversation | None:
        known = conversation_id == GUEST
        return conversation(stopped_at=self.stopped_at) if known else None

    async def turns_since(self, conversation_id: str, since: datetime) -> int:
        return self.turns[since]

    async def stop(self, conversation_id: str, at: datetime | None) -> None:
        self.stops.append(at)
        self.stopped_at = at

    async def obey(self, message: StaffMessage, silent: bool, now: datetime) -> Holding:
        self.obeyed.append((message.text, silent, now))
        return Holding(message.conversation_id, not silent, None if silent else now)


def gate(store: Any, spent: Callable[[], bool] = lambda: False) -> Gate:
    return Gate(store, store, FakeClock(), LIMITS, WORDS, lambda name, turn: f"<{name}>", spent)


@pytest.mark.parametrize(
    ("recent", "today", "span"),
    [(1, 1, None), (3, 10, None), (4, 4, SHORT), (2, 11, LONG), (4, 11, LONG)],
)
def test_limits(recent: int, today: int, span: timedelta | None) -> None:
    assert over(recent, today, LIMITS) == span


async def test_a_guest_above_the_limit_is_told_once() -> None:
    above = gate(Store(recent=4, today=4))
    assert await above.before(turn(guest_message("hola"))) == Halt("limited", "<limited>", True)
    told = item(1, ItemKind.ASSISTANT, "<limited>", at=NOON - timedelta(minutes=3))
    again = turn(guest_message("hola"), history=(told,))
    assert await above.before(again) == Halt("limited", "", False)
    old = item(1, ItemKind.ASSISTANT, "<limited>", at=NOON - timedelta(minutes=30))
    assert await above.before(turn(history=(old,))) == Halt("limited", "<limited>", True)
    all_day = gate(Store(recent=1, today=11))
    assert await all_day.before(turn(history=(old,))) == Halt("limited", "", False)
    assert await gate(Store(recent=3, today=10)).before(turn(history=(told,))) is None


async def test_guests_are_held_back_when_the_months_money_is_spent() -> None:
    store, spent = Store(), False
    ours = gate(store, lambda: spent)
    assert await ours.before(turn(guest_message("hola"))) is None
    spent = True
    assert await ours.before(turn(guest_message("hola"))) == Halt("held_back", "<held_back>", True)
    told = item(1, ItemKind.ASSISTANT, "<held_back>", at=NOON - timedelta(hours=23))
    again = turn(guest_message("¿hola?"), history=(told,))
    assert await ours.before(again) == Halt("held_back", "", True)  # a person must know of it
    old = item(1, ItemKind.ASSISTANT, "<held_back>", at=NOON - timedelta(hours=25))
    assert await ours.before(turn(history=(old,))) == Halt("held_back", "<held_back>", True)
    assert await ours.before(turn(guest_message("alto"))) == Halt("stopped", "<stopped>", True)
    store.turns = {NOON - SHORT: 4, NOON - LONG: 4}
    assert await ours.before(turn(guest_message("hola"))) == Halt("limited", "<limited>", True)


async def test_a_stop_is_obeyed_even_above_the_limit() -> None:
    store = Store(recent=9)
    halted = await gate(store).before(turn(guest_message("¡Alto!")))
    assert halted == Halt("stopped", "<stopped>", True)
    assert store.stops == [NOON]


def message(text: str, **changes: Any) -> Inbound:
    facts: dict[str, Any] = {
        "channel": ChannelName.WHATSAPP,
        "conversation_id": GUEST,
        "address": GUEST,
        "provider_id": "p1",
        "provider_time": NOON,
        "kind": MessageKind.TEXT,
        "text": text,
    }
    return Inbound(**{**facts, **changes})


RESUMES: list[tuple[Inbound, datetime | None, bool]] = [
    (message("continuar"), NOON - timedelta(hours=1), True),
    (message("CONTINUAR", conversation_id="bsuid:1", aliases=(GUEST,)), NOON, True),
    (message("hola"), NOON - timedelta(hours=1), False),
    (message("continuar"), None, False),
    (message("continuar"), NOON + timedelta(seconds=1), False),  # delivered again, late
    (message("continuar", conversation_id="50370000009"), NOON, False),
]


@pytest.mark.parametrize(("heard", "stopped_at", "wakes"), RESUMES)
async def test_who_was_silenced_can_wake_it(
    heard: Inbound, stopped_at: datetime | None, wakes: bool
) -> None:
    store = Store(stopped_at=stopped_at)
    ours = gate(store)
    await ours.heard(heard)
    assert store.stops == ([None] if wakes else [])
    spoken: Turn = turn(guest_message(heard.text))
    halted = Halt("resumed", "<resumed>", False) if wakes else None
    assert await ours.before(spoken) == halted
    assert await ours.before(spoken) is None  # told once; later the word is a word


@pytest.mark.parametrize(
    ("text", "silent"), [("#pausa", True), ("#Bot", False), ("Le esperamos", None)]
)
async def test_a_colleagues_words(text: str, silent: bool | None) -> None:
    store = Store()
    said = StaffMessage(ChannelName.WHATSAPP, GUEST, GUEST, "p1", NOON, text, "Rosa")
    holding = await gate(store).colleague(said)
    if silent is None:
        assert (store.obeyed, holding) == ([], None)
        return
    assert store.obeyed == [(text, silent, NOON)]
    assert holding == Holding(GUEST, not silent, None if silent else NOON)
