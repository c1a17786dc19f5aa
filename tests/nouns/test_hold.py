"""Who holds a conversation: what a channel says, what a note says, and what staff forgot."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.clocks import NOON, FakeClock
from tests.fakes import Failure, FakeChannel
from tests.fakes_people import FakePeople, Held
from tests.invented import FakeRecords, conversation, item
from watibot.conversations import Conversation, Owner
from watibot.history import HistoryItem, ItemKind
from watibot.messages import ChannelName, Takeover
from watibot.service.hold import Holder
from watibot.telemetry import Metrics

ID = "fb:7100000001"
HOURS = timedelta(hours=12)


class Records(FakeRecords):
    def __init__(self, kept: Conversation | None, *items: HistoryItem) -> None:
        super().__init__(*items)
        self.kept = kept

    async def conversation(self, conversation_id: str) -> Conversation | None:
        return self.kept


class Stage:
    def __init__(self, kept: Conversation | None, *items: HistoryItem) -> None:
        self.clock = FakeClock()
        self.people = FakePeople(here=kept or conversation())
        self.channel = FakeChannel(self.clock, channel=ChannelName.FACEBOOK)
        self.woken: list[tuple[str, datetime]] = []
        self.holder = Holder(
            self.people,
            Records(kept, *items),
            {ChannelName.FACEBOOK: self.channel, ChannelName.WHATSAPP: self.channel},
            self.clock,
            12,
            ZoneInfo("America/El_Salvador"),
            lambda name, due_at: self.woken.append((name, due_at)),
            Metrics(),
        )

    async def gives_back(self, note: str | None = None) -> str | None:
        takeover = Takeover(ChannelName.FACEBOOK, ID, "7100000001", held=False, note=note)
        await self.holder.changed(takeover, self.clock.now())
        return self.people.holds[-1].note


def held(**changes: Any) -> Conversation:
    """Staff took it half an hour ago, at 11:30 in El Salvador."""
    facts = {
        "conversation_id": ID,
        "channel": ChannelName.FACEBOOK,
        "address": "7100000001",
        "owner": Owner.STAFF,
        "staff_until": NOON - timedelta(minutes=30) + HOURS,
    }
    return conversation(**{**facts, **changes})


async def test_taken_until_it_is_forgotten() -> None:
    made = Stage(held())
    takeover = Takeover(ChannelName.FACEBOOK, ID, "7100000001", held=True, by="Rosa")
    await made.holder.changed(takeover, NOON)
    assert made.people.holds == [Held(True, NOON, NOON + HOURS, "Rosa", None)]


async def test_given_back_to_guests_who_wait() -> None:
    made = Stage(held())
    made.people.due_at = NOON
    assert await made.gives_back("Le di hasta las 2 p. m.") == "Le di hasta las 2 p. m."
    assert made.people.holds == [Held(False, NOON, None, None, "Le di hasta las 2 p. m.")]
    assert made.woken == [(ID, NOON)]


NOTHING = "[Un compañero atendió este chat de 11:30 a 12:00; lo que escribió no se puede leer aquí]"
OLD = item(1, ItemKind.STAFF, "Le di hasta las 2 p. m.")


@pytest.mark.parametrize(
    ("kept", "items", "left", "expected"),
    [
        (held(), (), "Le di hasta las 2 p. m.", "Le di hasta las 2 p. m."),
        (held(), (), None, NOTHING),
        (held(), (OLD,), "Le di hasta las 2 p. m.", NOTHING),  # what stood there last time
        (held(), (OLD,), "Le di la habitación 12", "Le di la habitación 12"),
        (
            held(staff_until=None),
            (),
            None,
            "[Un compañero atendió este chat; lo que escribió no se puede leer aquí]",
        ),
        # Nobody held it: the tag was taken off twice, or the takeover had ended by itself.
        (held(owner=Owner.BOT), (), "Le di hasta las 2 p. m.", None),
        (held(staff_until=NOON), (), "Le di hasta las 2 p. m.", None),
        (None, (), "Le di hasta las 2 p. m.", None),
        # WATI's inbox is read.
        (held(channel=ChannelName.WHATSAPP), (), "Le di hasta las 2 p. m.", None),
    ],
)
async def test_what_the_assistant_is_told(
    kept: Conversation | None,
    items: tuple[HistoryItem, ...],
    left: str | None,
    expected: str | None,
) -> None:
    made = Stage(kept, *items)
    if left:
        made.channel.notes["7100000001"] = left
    assert await made.gives_back() == expected


@pytest.mark.parametrize("failure", ["unavailable", "unauthorised", "lost_before"])
async def test_a_note_that_cannot_be_read_holds_up_nothing(failure: Failure) -> None:
    made = Stage(held())
    made.channel.failures.append(failure)
    assert await made.gives_back() == NOTHING
    assert not made.people.holds[-1].held


async def test_given_back_when_its_time_is_over() -> None:
    made = Stage(held())
    made.people.forgotten = [held(staff_until=NOON), held(staff_until=NOON + timedelta(hours=1))]
    made.people.due_at = NOON
    await made.holder.give_back_expired()
    assert made.people.holds == [Held(False, NOON, None, None, None)]
    assert made.woken == [(ID, NOON)]
