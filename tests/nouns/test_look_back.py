"""Guests who wait while staff hold their chats: which are looked at, how often, at what price."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.clocks import NOON, FakeClock
from tests.fakes_people import FakeChat, FakePeople, assigned, nobody_waits, row, said
from tests.invented import conversation
from watibot.conversations import Conversation, Owner
from watibot.matching import Author, Said
from watibot.messages import ChannelName
from watibot.service.look import Looker
from watibot.service.look_back import AT_ONCE, LookBack, due
from watibot.service.meter import Meter
from watibot.settings import Wati
from watibot.telemetry import Metrics

EVER = datetime(1970, 1, 1, tzinfo=NOON.tzinfo)


def held(**changes: Any) -> Conversation:
    """The guest wrote at noon; staff hold it."""
    return conversation(**{"owner": Owner.STAFF, "staff_until": None, **changes})


class Stage:
    def __init__(self, *lately: Conversation, said: tuple[Any, ...] = ()) -> None:
        self.clock = FakeClock()
        self.people = FakePeople(*said, here=lately[0])
        self.people.lately = list(lately)
        self.chat = FakeChat(row("g", 0, "hola"))
        settings = Wati(base_url="https://wati.test/1", calls_per_month=100)
        self.meter = Meter(self.people, self.clock, "wati", 100, self._tell)
        chats = {ChannelName.WHATSAPP: self.chat}
        self.looker = Looker(
            self.people,
            chats,
            self.clock,
            self.meter,
            settings,
            12,
            self._receive,
            self._wake,
            nobody_waits,
            Metrics(),
        )
        self.back = LookBack(self.people, chats, self.looker, self.meter, self.clock)

    async def _tell(self, key: str, title: str, body: str) -> None:
        return None

    async def _receive(self, message: Any, raw: bytes, at: datetime) -> None:
        return None

    def _wake(self, conversation_id: str, due_at: datetime) -> None:
        return None

    async def minutes(self, count: int) -> int:
        """A round each minute; how often chats were read by then."""
        for _ in range(count):
            await self.clock.advance(60)
            await self.back.round()
            await self.clock.advance(0)
        return len(self.chat.asked)


WAITS = said(Author.GUEST, 0, "hola", "g")


@pytest.mark.parametrize(
    ("changes", "looked", "minutes", "expected"),
    [
        ({}, None, 5, True),
        ({}, None, 4.9, False),
        ({}, 1, 5, False),
        ({}, 1, 6, True),
        ({}, 55, 61, False),  # after an hour it is rarer
        ({}, 31, 61, True),
        ({}, None, 24 * 60 - 1, True),
        ({}, None, 24 * 60, False),  # nothing could be answered any more
        ({"owner": Owner.BOT}, None, 5, False),
        ({"staff_until": NOON + timedelta(minutes=5)}, None, 5, False),
        ({"stopped_at": NOON}, None, 5, False),
    ],
)
def test_which_are_worth_a_look(
    changes: dict[str, Any], looked: float | None, minutes: float, expected: bool
) -> None:
    looked_at = EVER if looked is None else NOON + timedelta(minutes=looked)
    assert due(held(**changes), looked_at, NOON + timedelta(minutes=minutes)) is expected


async def test_a_chat_that_was_given_back_after_the_guests_last_words() -> None:
    made = Stage(held(), said=(WAITS,))
    assert await made.minutes(4) == 0
    made.chat.rows.append(assigned("t", 4.5, None))
    assert await made.minutes(1) == 1
    assert made.people.order == ["give back"]


@pytest.mark.parametrize("author", [Author.BOT, Author.STAFF])
async def test_a_guest_who_was_answered_waits_for_nobody(author: Author) -> None:
    made = Stage(held(), said=(WAITS, said(author, 1, "Con gusto.")))
    assert await made.minutes(10) == 0


async def test_an_answer_to_earlier_words_is_none_to_these() -> None:
    made = Stage(held(), said=(WAITS, said(Author.STAFF, -1, "Con gusto.")))
    assert await made.minutes(5) == 1


async def test_words_that_were_said_earlier_and_heard_late_are_no_answer() -> None:
    class Late(FakePeople):
        async def known(self, *_: Any) -> list[Said]:
            return [said(Author.STAFF, -1, "Con gusto.")]

    made = Stage(held())
    made.back._people = Late()
    made.back._people.lately = [held()]
    assert await made.minutes(5) == 1


async def test_those_first_that_were_not_looked_at_for_the_longest_time() -> None:
    many = [
        held(conversation_id=f"{n}", address=f"{n}", checked_at=NOON - timedelta(hours=n))
        for n in range(AT_ONCE + 1)
    ]
    made = Stage(*many, said=(WAITS,))
    await made.minutes(5)
    assert [address for address, _ in made.chat.asked] == ["4", "3", "2", "1"]


async def test_what_one_guest_costs() -> None:
    made = Stage(held(), said=(WAITS,))
    made.meter._allowed = 0
    # After 5, 10 ... 55 minutes, then every half hour until the window closes.
    assert await made.minutes(60) == 11
    assert await made.minutes(24 * 60) == 11 + 46


async def test_what_all_guests_cost() -> None:
    many = [held(conversation_id=f"5037000{n:04}") for n in range(AT_ONCE * 2 + 1)]
    made = Stage(*many, said=(WAITS,))
    assert [await made.minutes(count) for count in (5, 1, 1, 1)] == [4, 8, 9, 9]


@pytest.mark.parametrize(("used", "reads"), [(79, 1), (80, 0)])
async def test_the_last_calls_are_left_to_others(used: int, reads: int) -> None:
    made = Stage(held(), said=(WAITS,))
    for _ in range(used):
        made.meter.count()
    assert await made.minutes(5) == reads
