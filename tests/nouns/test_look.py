"""A look at a chat: when there is one, what is read, and in which order things are done."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.clocks import NOON, FakeClock
from tests.fakes_people import GUEST, FakeChat, FakePeople, assigned, bot, row, said, staff
from tests.invented import conversation
from watibot.conversations import Conversation, Owner
from watibot.errors import Cause, ProviderError
from watibot.matching import Author
from watibot.messages import ChannelName, Inbound
from watibot.service.look import MOST_PAGES, MOST_TRIES, PAGE, Looker, Why
from watibot.service.meter import Meter
from watibot.settings import Wati

ROSA = "rosa@hotel.example"


@dataclass
class Stage:
    """A looker over rows, and what came of its looks."""

    people: FakePeople
    chat: FakeChat
    clock: FakeClock
    meter: Meter
    looker: Looker
    received: list[Inbound] = field(default_factory=list)
    woken: list[tuple[str, datetime]] = field(default_factory=list)
    seen_to: list[tuple[str, str | None, datetime]] = field(default_factory=list)

    async def look(self, why: Why = Why.TURN, **more: Any) -> None:
        await self.looker.look(self.people.here, why, **more)

    async def turn(self, seconds: float = 0.0) -> int:
        """A turn opens; how often the chat was read until then."""
        self.looker.start(self.people.here)
        await self.clock.advance(seconds)
        return len(self.chat.asked)


async def no_notice(key: str, title: str, body: str) -> None:
    raise AssertionError(key)


def stage(
    people: FakePeople, *rows: Any, failure: ProviderError | None = None, **group: Any
) -> Stage:
    clock = FakeClock(NOON + timedelta(hours=1))
    settings = Wati(base_url="https://wati.test/1", **group)
    meter = Meter(people, clock, "wati", settings.calls_per_month, no_notice)
    chat = FakeChat(*rows, failure=failure)

    async def receive(message: Inbound, raw: bytes, at: datetime) -> str:
        people.order.append("receive")
        made.received.append(message)
        return "message"

    def wake(conversation_id: str, due_at: datetime) -> None:
        made.woken.append((conversation_id, due_at))

    async def seen_to(
        channel: ChannelName, name: str, by: str | None, at: datetime, how: str
    ) -> None:
        made.seen_to.append((name, by, at))

    chats = {ChannelName.WHATSAPP: chat}
    looker = Looker(people, chats, clock, meter, settings, 12, receive, wake, seen_to)
    made = Stage(people, chat, clock, meter, looker)
    return made


def here(**changes: Any) -> Conversation:
    return conversation(last_guest_at=NOON + timedelta(hours=1), **changes)


async def test_a_question_that_was_lost_stands_before_the_answer_and_who_answered_holds_it() -> (
    None
):
    people = FakePeople(said(Author.GUEST, -5, "hola", "g0"), here=here())
    made = stage(people, row("g0", -5, "hola"), staff("s", 1), row("g1", 2))
    await made.look()
    assert people.order == ["receive", "take", "take in"]
    assert [message.provider_id for message in made.received] == ["g1"]
    assert [item.text for item in people.items] == ["s"]
    assert (people.here.owner, people.here.taken_by) == (Owner.STAFF, "Rosa")
    assert people.checked == [made.clock.now()]
    assert made.seen_to == [(GUEST, "Rosa", NOON + timedelta(minutes=1))]


async def test_what_a_colleague_said_is_known_before_it_is_given_back() -> None:
    due = NOON + timedelta(hours=1)
    people = FakePeople(said(Author.GUEST, -5, "hola", "g0"), here=here(owner=Owner.STAFF))
    people.due_at = due
    made = stage(people, row("g0", -5, "hola"), staff("s", 1), assigned("t", 2, None))
    await made.look(Why.HELD)
    assert people.order == ["take in", "give back"]
    assert made.woken == [(GUEST, due)]


async def test_the_second_look_finds_nothing_new() -> None:
    people = FakePeople(said(Author.GUEST, -5, "hola", "g0"), here=here())
    made = stage(people, row("g0", -5, "hola"), staff("s", 1))
    await made.look()
    await made.look()
    assert (len(people.items), len(people.holds), len(people.checked)) == (1, 1, 2)


async def test_a_chat_that_is_with_the_bot_is_not_given_back_at_every_look() -> None:
    people = FakePeople(said(Author.GUEST, 0, "hola", "g0"), here=here())
    made = stage(people, row("g0", 0, "hola"), assigned("t", 0, None))
    await made.look()
    assert (people.holds, people.items, made.seen_to) == ([], [], [])


async def test_a_word_of_a_clock_that_is_ahead_is_of_now() -> None:
    people = FakePeople(said(Author.GUEST, -5, "hola", "g0"), here=here(owner=Owner.STAFF))
    made = stage(people, row("g0", -5, "hola"), assigned("t", 62, None))
    await made.look(Why.HELD)
    assert [(hold.held, hold.at) for hold in people.holds] == [(False, made.clock.now())]


async def test_a_lost_message_comes_under_the_conversations_own_names() -> None:
    people = FakePeople(
        said(Author.GUEST, -5, "hola", "g0"),
        here=here(conversation_id="SV.1", address="SV.1"),
    )
    made = stage(people, row("g0", -5, "hola"), row("g1", 0))
    await made.look()
    assert [(each.conversation_id, each.address) for each in made.received] == [("SV.1", "SV.1")]


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        # The talk here began with the first message: what is older is the past's.
        ([said(Author.GUEST, -30, "hola", "g0")], ["new"]),
        # It goes back further than the rows that were read.
        ([said(Author.GUEST, -30, "hola", "g0"), said(Author.BOT, -9999, "x")], ["old", "new"]),
        # Made by a takeover alone.
        ([], []),
    ],
)
async def test_where_the_past_ends(known: list[Any], expected: list[str]) -> None:
    people = FakePeople(*known, here=here())
    made = stage(people, staff("old", -90), row("g0", -30, "hola"), staff("new", -1))
    if not known:
        made.chat.rows = [staff("old", -90)]
    await made.look()
    assert [item.text for item in people.items] == expected


@pytest.mark.parametrize(
    ("known_at", "checked", "pages"),
    [
        (None, None, MOST_PAGES),  # nothing known anywhere: no further than five pages
        (130, None, 3),  # the 130th row is known
        (None, 60, 2),  # minutes ago: on the second page
        (0, None, 1),
    ],
)
async def test_how_far_back_a_look_goes(
    known_at: int | None, checked: float | None, pages: int
) -> None:
    rows = [bot(f"b{n}", -n) for n in range(PAGE * 6)]
    known = [] if known_at is None else [said(Author.BOT, -known_at, "", f"b{known_at}")]
    at = None if checked is None else NOON - timedelta(minutes=checked)
    made = stage(FakePeople(*known, here=here(checked_at=at)), *rows)
    await made.look()
    assert [number for _, number in made.chat.asked] == list(range(1, pages + 1))


async def test_rows_that_shift_between_pages_are_one() -> None:
    class Shifting(FakeChat):
        async def page(self, address: str, number: int, size: int) -> Any:
            self.rows.append(row(f"late{number}", 10 + number))
            return await super().page(address, number, size)

    people = FakePeople(here=here())
    made = stage(people)
    made.looker._chats = {ChannelName.WHATSAPP: (chat := Shifting())}
    chat.rows = [staff(f"s{n}", -n / 10, f"texto {n}") for n in range(PAGE + 5)]
    people.said.append(said(Author.GUEST, -30, "hola"))
    await made.look()
    assert len(people.items) == PAGE + 5


async def test_a_chat_that_nobody_knows_here() -> None:
    people = FakePeople(here=here())
    made = stage(people, row("old", -30), bot("b", -20), row("g", 30), poll_seconds=60)
    await made.look(Why.POLL, here=False)
    assert [message.provider_id for message in made.received] == ["g"]


@pytest.mark.parametrize("rows", [[], [row("old", -1)], [row("g", 1), bot("b", 2)]])
async def test_a_chat_that_nobody_knows_here_and_that_says_nothing(rows: list[Any]) -> None:
    people = FakePeople(here=here())
    made = stage(people, *rows, poll_seconds=60)
    await made.look(Why.POLL, here=False)
    assert (made.received, people.checked, people.holds) == ([], [], [])


async def test_a_guest_whom_the_provider_does_not_know() -> None:
    people = FakePeople(here=here())
    made = stage(people, failure=ProviderError("wati", Cause.NOT_FOUND))
    await made.look()
    assert len(people.checked) == 1


# --- when ---------------------------------------------------------------------------------------


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
