"""A look at a chat: what is read, and in which order things are done."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.clocks import NOON
from tests.fakes_people import GUEST, FakeChat, FakePeople, assigned, bot, row, said, staff
from tests.looking import here, stage
from watibot.conversations import Owner
from watibot.errors import Cause, ProviderError
from watibot.matching import Author
from watibot.messages import ChannelName
from watibot.service.look import MOST_PAGES, PAGE, Why


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
