"""A look at a chat: when there is one, and when it is made up."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.clocks import NOON
from tests.fakes_people import FakeChat, FakePeople, assigned, row, said, staff
from tests.looking import here, stage
from watibot.conversations import Owner
from watibot.errors import Cause, ProviderError
from watibot.matching import Author
from watibot.messages import ChannelName
from watibot.service.look import MOST_TRIES, Why


async def test_at_most_one_look_in_20_seconds_and_none_is_left_out() -> None:
    made = stage(FakePeople(here=here()))
    assert await made.turn() == 1
    assert await made.turn(19.9) == 1
    assert await made.turn(0.1) == 2  # of both turns that came too soon
    await made.clock.advance(600)
    assert len(made.chat.asked) == 2


async def test_two_turns_at_once_are_one_look() -> None:
    made = stage(FakePeople(here=here()))
    made.looker.start(made.people.here)
    assert await made.turn() == 1


async def test_a_slow_look_is_not_overtaken() -> None:
    class Slow(FakeChat):
        async def page(self, address: str, number: int, size: int) -> Any:
            asked.append(number)
            await made.clock.sleep(60)
            return await super().page(address, number, size)

    asked: list[int] = []
    made = stage(FakePeople(here=here()))
    made.looker._chats = {ChannelName.WHATSAPP: Slow()}
    counts = []
    for seconds in (30, 29, 2, 0):
        await made.turn(seconds)
        counts.append(len(asked))
    assert counts == [1, 1, 1, 2]


async def test_while_staff_hold_it_once_a_minute() -> None:
    made = stage(FakePeople(here=here(owner=Owner.STAFF)))
    counts = []
    for seconds in (0, 59, 1, 0):
        made.looker.held(made.people.here)
        await made.clock.advance(seconds)
        counts.append(len(made.chat.asked))
    assert counts == [1, 1, 2, 2]


async def test_the_only_message_after_it_was_given_back_is_answered_though_it_came_too_soon() -> (
    None
):
    people = FakePeople(said(Author.GUEST, -5, "hola", "g0"), here=here(owner=Owner.STAFF))
    made = stage(people, row("g0", -5, "hola"))
    made.looker.held(people.here)
    await made.clock.advance(30)
    made.chat.rows.append(assigned("t", 60.4, None))
    made.looker.held(people.here)
    await made.clock.advance(29)
    assert people.order == []
    await made.clock.advance(1)
    assert people.order == ["give back"]


async def test_a_guest_who_writes_during_a_look_has_one_of_their_own() -> None:
    class Slow(FakeChat):
        async def page(self, address: str, number: int, size: int) -> Any:
            asked.append(number)
            await made.clock.sleep(70)
            return await super().page(address, number, size)

    asked: list[int] = []
    made = stage(FakePeople(here=here(owner=Owner.STAFF)))
    made.looker._chats = {ChannelName.WHATSAPP: Slow()}
    made.looker.held(made.people.here)
    await made.clock.advance(69)
    made.looker.held(made.people.here)
    made.looker.start(made.people.here)
    await made.clock.advance(1)
    assert len(asked) == 2
    await made.clock.advance(600)
    assert len(asked) == 2


async def test_a_turn_does_not_wait_as_long_as_a_held_chat() -> None:
    made = stage(FakePeople(here=here(owner=Owner.STAFF)))
    made.looker.held(made.people.here)
    await made.clock.advance(5)
    made.looker.held(made.people.here)
    assert [await made.turn(15), await made.turn(600)] == [2, 3]


async def test_looks_that_wait_are_given_up_when_the_months_calls_are() -> None:
    made = stage(FakePeople(here=here(owner=Owner.STAFF)))
    made.looker.held(made.people.here)
    await made.clock.advance(5)
    made.looker.held(made.people.here)
    made.meter.exhausted(600)
    await made.clock.advance(599)
    assert len(made.chat.asked) == 1


async def test_a_look_for_a_guest_who_waits_is_tried_again() -> None:
    made = stage(FakePeople(here=here(owner=Owner.STAFF)))
    made.chat.failure = ProviderError("wati", Cause.TIMEOUT)
    made.looker.held(made.people.here)
    await made.clock.advance(5)
    made.chat.failure = None
    await made.clock.advance(600)
    assert len(made.chat.asked) == 2
    made.chat.failure = ProviderError("wati", Cause.TIMEOUT)
    made.looker.held(made.people.here)
    await made.clock.advance(3600)
    assert len(made.chat.asked) == 2 + 1 + MOST_TRIES


async def test_looks_are_counted_by_what_they_found() -> None:
    made = stage(
        FakePeople(said(Author.GUEST, -5, "hola", "g0"), here=here()),
        row("g0", -5, "hola"),
        staff("s", 1),
    )
    for _ in range(3):
        await made.look()
    made.chat.failure = ProviderError("wati", Cause.LOST)
    with pytest.raises(ProviderError):
        await made.look(Why.HELD)
    metrics = made.looker._metrics.registry

    def count(name: str, kind: str, outcome: str) -> float | None:
        return metrics.get_sample_value(f"{name}_total", {"kind": kind, "outcome": outcome})

    assert [count("watibot_looks", "turn", each) for each in ("news", "nothing")] == [1, 2]
    assert count("watibot_looks", "held", "failed") == 1
    assert count("watibot_takeovers", "chat", "took") == 1


async def test_another_channel_has_no_history() -> None:
    made = stage(FakePeople(here=here(channel=ChannelName.FACEBOOK)))
    assert await made.turn() == 0


async def test_looks_may_be_off() -> None:
    made = stage(FakePeople(here=here()), look="off")
    made.looker.held(made.people.here)
    assert await made.turn() == 0


@pytest.mark.parametrize(
    ("talk", "checked", "reads"),
    [
        ([said(Author.BOT, 31, "x"), said(Author.GUEST, 60, "hola")], None, 0),
        ([said(Author.BOT, 30, "x"), said(Author.GUEST, 60, "hola")], None, 1),
        ([said(Author.BOT, 0, "x"), said(Author.GUEST, 60, "hola")], 29, 0),
        ([said(Author.BOT, 0, "x"), said(Author.GUEST, 60, "hola")], 30, 1),
        ([said(Author.GUEST, 60, "hola")], None, 1),
    ],
)
async def test_after_a_gap(talk: list[Any], checked: float | None, reads: int) -> None:
    at = None if checked is None else NOON + timedelta(minutes=60 - checked)
    made = stage(FakePeople(*talk, here=here(checked_at=at)), look="gap")
    assert await made.turn() == reads


async def test_no_gap_passes_in_20_seconds() -> None:
    """The conversation that a turn was opened with does not know of the look that was then."""
    made = stage(FakePeople(said(Author.GUEST, 60, "hola"), here=here()), look="gap")
    opened = made.people.here
    for seconds in (10, 600):
        made.looker.start(opened)
        await made.clock.advance(seconds)
    assert len(made.chat.asked) == 1


async def test_a_turn_does_not_undo_the_wish_of_a_guest_who_waits() -> None:
    here_now = here(owner=Owner.STAFF, checked_at=NOON + timedelta(hours=1))
    made = stage(FakePeople(here=here_now), look="gap")
    for seconds in (25, 0):
        made.looker.held(here_now)
        await made.clock.advance(seconds)
    made.looker.start(here_now)
    await made.clock.advance(60)
    assert len(made.chat.asked) == 2


@pytest.mark.parametrize(
    ("used", "owner", "gap", "reads"),
    [
        (7_999, Owner.BOT, False, 1),
        (8_000, Owner.BOT, False, 0),
        (8_000, Owner.BOT, True, 1),
        (9_500, Owner.BOT, True, 0),
        (9_500, Owner.STAFF, True, 1),
    ],
)
async def test_looks_become_rare_as_calls_are_used_up(
    used: int, owner: Owner, gap: bool, reads: int
) -> None:
    talk = said(Author.BOT, 0 if gap else 59, "x")
    made = stage(FakePeople(talk, here=here(owner=owner)), calls_per_month=10_000)
    for _ in range(used):
        made.meter.count()
    assert await made.turn() == reads


async def test_no_look_until_the_providers_pause_ends() -> None:
    error = ProviderError("wati", Cause.THROTTLED, "monthly quota", retry_after=600.0)
    made = stage(FakePeople(here=here()), failure=error)
    assert await made.turn(599) == 1
    assert await made.turn(1) == 1
    assert await made.turn() == 2


async def test_a_short_pause_is_the_quotas_own_business() -> None:
    made = stage(
        FakePeople(here=here()), failure=ProviderError("wati", Cause.THROTTLED, retry_after=7.0)
    )
    assert await made.turn(20) == 1
    assert await made.turn() == 2


@pytest.mark.parametrize("failure", [ProviderError("wati", Cause.LOST), ValueError("a mistake")])
async def test_a_look_that_fails_harms_nobody(failure: Any) -> None:
    made = stage(FakePeople(here=here()), failure=failure)
    assert await made.turn(20) == 1
    made.chat.failure = None
    assert await made.turn() == 2
    assert len(made.people.checked) == 1


async def test_a_look_under_way_ends_with_the_service() -> None:
    class Slow(FakeChat):
        async def page(self, address: str, number: int, size: int) -> Any:
            await made.clock.sleep(5)
            raise AssertionError

    made = stage(FakePeople(here=here()))
    made.looker._chats = {ChannelName.WHATSAPP: Slow()}
    await made.turn()
    await made.looker.stop()
    await made.clock.advance(10)
    assert made.people.checked == []
