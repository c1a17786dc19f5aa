"""Chats that are read in turn, where no webhook tells of them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.clocks import NOON, JumpingClock
from tests.fakes_people import FakeChat, FakeContacts, FakePeople, nobody_waits, row, said
from tests.invented import conversation
from watibot.errors import Cause, ProviderError
from watibot.matching import Author
from watibot.messages import ChannelName, Inbound
from watibot.ports import Contact
from watibot.service.look import Looker
from watibot.service.meter import Meter
from watibot.service.poll import Poller
from watibot.settings import Wati
from watibot.telemetry import Metrics


class Stage:
    def __init__(self, *contacts: Contact, calls_per_month: int = 0) -> None:
        self.clock = JumpingClock()
        self.people = FakePeople()
        self.chat = FakeChat()
        self.contacts = FakeContacts(*contacts)
        self.received: list[Inbound] = []
        group = Wati(
            base_url="https://wati.test/1", poll_seconds=60, calls_per_month=calls_per_month
        )
        self.meter = Meter(self.people, self.clock, "wati", calls_per_month, self._tell)

        async def receive(message: Inbound, raw: bytes, at: datetime) -> None:
            self.received.append(message)

        looker = Looker(
            self.people,
            {ChannelName.WHATSAPP: self.chat},
            self.clock,
            self.meter,
            group,
            12,
            receive,
            lambda name, due_at: None,
            nobody_waits,
            Metrics(),
        )
        self.poller = Poller(
            self.people, self.contacts, looker, self.meter, self.clock, group, "posada-invento"
        )

    async def _tell(self, key: str, title: str, body: str) -> None:
        return None

    async def round(self, after: float = 0.0) -> list[str]:
        """Whose chats were read."""
        await self.clock.sleep(after)
        self.chat.asked.clear()
        self.contacts.asked.clear()
        await self.poller.round()
        return [address for address, _ in self.chat.asked]


def contact(number: int, minutes: float | None = None) -> Contact:
    changed = None if minutes is None else NOON + timedelta(minutes=minutes)
    return Contact(f"5037000000{number}", "Ana", changed)


async def test_a_new_guest_is_heard() -> None:
    made = Stage(contact(1), contact(2))
    made.chat.rows = [row("g", 0)]
    await made.round()
    assert {message.conversation_id for message in made.received} == {
        "50370000001",
        "50370000002",
    }


async def test_all_contacts_at_first_and_then_the_beginning() -> None:
    made = Stage(*(contact(n) for n in range(5)))
    await made.round()
    assert made.contacts.asked == [1, 2, 3, 4]
    await made.round(60)
    assert made.contacts.asked == [1]
    made.contacts.contacts[0] = contact(0, 1)
    await made.round(60)
    assert made.contacts.asked == [1, 2]
    await made.round(3600)
    assert made.contacts.asked == [1, 2, 3, 4]


async def test_recent_talk_is_read_first_and_often() -> None:
    made = Stage(contact(1, -300), contact(2, -1), contact(3))
    assert await made.round() == ["50370000002", "50370000001", "50370000003"]
    assert await made.round(60) == ["50370000002"]
    # Something happened in a quiet chat: the list of contacts says so.
    made.contacts.contacts[0] = contact(1, 1.5)
    assert (await made.round(60))[0] == "50370000001"


async def test_a_conversation_here_is_read_as_what_it_is() -> None:
    made = Stage()
    made.people.said = [said(Author.GUEST, -90, "hola", "g0")]
    made.people.lately = [conversation(last_guest_at=NOON)]
    made.chat.rows = [row("g0", -90, "hola"), row("g1", -80)]
    assert await made.round() == ["50370000001"]
    # Older than an hour, and heard all the same: the talk here is older.
    assert [message.provider_id for message in made.received] == ["g1"]
    assert len(made.people.checked) == 1


@pytest.mark.parametrize("cause", [Cause.LOST, Cause.UNAVAILABLE])
async def test_a_failure_is_for_the_next_round(cause: Cause) -> None:
    made = Stage(contact(1))
    made.chat.failure = ProviderError("wati", cause)
    assert await made.round() == ["50370000001"]
    made.chat.failure, made.chat.rows = None, [row("g", 1)]
    await made.round(200 * 60)
    assert made.chat.asked != []


async def test_calls_are_made_to_last() -> None:
    made = Stage(contact(1, 0), calls_per_month=1000)
    before = made.clock.now()
    await made.round()
    # 246 hours are left for a thousand calls: half of what is between two of them, after each of
    # two pages of contacts and three reads.
    passed = (made.clock.now() - before).total_seconds()
    assert passed == pytest.approx(5 * 246 * 3600 / 1000 / 2, rel=0.01)


async def test_nothing_is_read_during_the_providers_pause() -> None:
    made = Stage(contact(1))
    made.meter.exhausted(600)
    assert await made.round() == []
    assert made.contacts.asked == []


async def test_a_used_up_month_ends_the_round() -> None:
    made = Stage(*(contact(n) for n in range(1, 5)))
    error: Any = ProviderError("wati", Cause.THROTTLED, "monthly quota", retry_after=600.0)
    made.chat.failure = error
    assert len(await made.round()) == 1
