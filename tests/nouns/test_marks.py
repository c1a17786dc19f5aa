"""The mark by which staff take a ManyChat contact: its removal is seen though nobody told of it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.clocks import NOON, FakeClock
from tests.fakes import Failure, FakeChannel
from tests.fakes_people import FakePeople
from tests.invented import FakeRecords, conversation
from watibot.conversations import Conversation, Owner
from watibot.messages import ChannelName, Takeover
from watibot.service.hold import Holder
from watibot.telemetry import Metrics

ID, ADDRESS = "fb:7100000001", "7100000001"
TAKES = Takeover(ChannelName.FACEBOOK, ID, ADDRESS, held=True)


class Channel(FakeChannel):
    """Counts how often it is asked."""

    asked = 0

    async def held_by_staff(self, conversation: Conversation) -> bool:
        self.asked += 1
        return await super().held_by_staff(conversation)


class Records(FakeRecords):
    def __init__(self, people: FakePeople) -> None:
        super().__init__()
        self._people = people

    async def conversation(self, conversation_id: str) -> Conversation | None:
        return self._people.here


class Stage:
    """A contact that the bot answers."""

    def __init__(self, channel: ChannelName = ChannelName.FACEBOOK) -> None:
        self.clock = FakeClock()
        here = conversation(conversation_id=ID, channel=channel, address=ADDRESS)
        self.people = FakePeople(here=here)
        self.channel = Channel(self.clock, channel=channel)
        self.woken: list[str] = []
        self.holder = Holder(
            self.people,
            Records(self.people),
            {channel: self.channel},
            self.clock,
            12,
            ZoneInfo("America/El_Salvador"),
            lambda name, due_at: self.woken.append(name),
            Metrics(),
        )

    async def taken(self, *, marked: bool = True, minutes: float = 2, **changes: Any) -> None:
        """A rule takes it; `changes`: what else became of the conversation."""
        self.mark(on=marked)
        await self.holder.changed(TAKES, self.clock.now())
        await self.clock.advance(minutes * 60)
        self.people.here = replace(self.people.here, **changes)

    def mark(self, *, on: bool) -> None:
        self.channel.staff = {ADDRESS} if on else set()

    async def writes(self, seconds: float = 0) -> Owner:
        """The guest writes; who holds it `seconds` later."""
        self.holder.held(self.people.here)
        await self.clock.advance(seconds)
        return self.people.here.owner


async def test_the_mark_is_gone_and_nobody_told() -> None:
    made = Stage()
    made.people.due_at = NOON
    await made.taken()
    seen_at = made.clock.now()
    assert await made.writes(120) is Owner.STAFF
    made.mark(on=False)
    made.channel.notes[ADDRESS] = "Le di hasta las 2 p. m."
    assert await made.writes() is Owner.BOT
    last = made.people.holds[-1]
    # The note answers what the guest wrote until then, not what made somebody ask.
    assert (last.at, last.note, made.woken) == (seen_at, "Le di hasta las 2 p. m.", [ID])


async def test_a_mark_that_is_gone_before_the_guest_writes() -> None:
    made = Stage()
    await made.taken()
    made.mark(on=False)
    assert await made.writes() is Owner.BOT


async def test_asked_once_a_minute_and_none_is_left_out() -> None:
    made = Stage()
    await made.taken()
    counts = []
    for _ in range(7):
        await made.writes(10)
        counts.append(made.channel.asked)
    assert counts == [2, 2, 2, 2, 2, 3, 3]
    await made.clock.advance(600)
    assert made.channel.asked == 4


@pytest.mark.parametrize(
    ("marked", "changes"),
    [
        (False, {}),  # by a rule that leaves no mark
        (True, {"taken_by": "Rosa"}),  # in the console, too
        # Given back elsewhere, then taken anew: the mark was of another takeover.
        (True, {"staff_until": NOON + timedelta(hours=30)}),
        (True, {"owner": Owner.BOT}),
        (True, {"staff_until": NOON + timedelta(minutes=1)}),  # over
    ],
)
async def test_where_nobody_may_guess(marked: bool, changes: dict[str, Any]) -> None:
    made = Stage()
    await made.taken(marked=marked, **changes)
    made.mark(on=False)
    await made.writes(120)
    assert [one.held for one in made.people.holds] == [True]


async def test_a_mark_that_comes_after_the_rule() -> None:
    made = Stage()
    await made.taken(marked=False)
    made.mark(on=True)
    assert await made.writes(60) is Owner.STAFF
    made.mark(on=False)
    assert await made.writes() is Owner.BOT


async def test_taken_for_longer_it_is_the_same_mark() -> None:
    made = Stage()
    await made.taken()
    await made.taken()
    made.mark(on=False)
    assert await made.writes() is Owner.BOT


@pytest.mark.parametrize("failure", ["unavailable", "unauthorised", "lost_before"])
async def test_who_cannot_be_asked_is_asked_again(failure: Failure) -> None:
    made = Stage()
    await made.taken()
    made.mark(on=False)
    made.channel.failures.append(failure)
    assert await made.writes(60) is Owner.STAFF
    assert await made.writes() is Owner.BOT


async def test_whatsapp_has_no_marks() -> None:
    made = Stage(ChannelName.WHATSAPP)
    await made.holder.changed(replace(TAKES, channel=ChannelName.WHATSAPP), NOON)
    await made.writes(120)
    assert made.channel.asked == 0


async def test_the_end_of_the_service_ends_the_questions() -> None:
    made = Stage()
    running = asyncio.create_task(made.holder.run())
    await made.taken(minutes=0.1)
    await made.writes()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await made.clock.advance(600)
    assert made.channel.asked == 1


async def test_takeovers_are_counted() -> None:
    made = Stage()
    await made.taken()
    made.mark(on=False)
    await made.writes(120)
    await made.taken()
    made.people.forgotten = [made.people.here]
    await made.clock.advance(13 * 3600)
    await made.holder.give_back_expired()
    registry = made.holder._metrics.registry

    def count(kind: str, outcome: str) -> float | None:
        return registry.get_sample_value(
            "watibot_takeovers_total", {"kind": kind, "outcome": outcome}
        )

    assert count("told", "took") == 2
    assert [count(kind, "gave_back") for kind in ("told", "mark", "expired")] == [None, 1, 1]
