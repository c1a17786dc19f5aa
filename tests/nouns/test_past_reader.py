"""The past: which of a chat's rows are of it, and that it is read to its end and once."""

from __future__ import annotations

from typing import Any

import pytest

from tests.clocks import NOON, FakeClock
from tests.fakes_people import FakeChat, FakePeople, assigned, row, said, staff
from tests.invented import conversation
from watibot.conversations import Provider
from watibot.errors import Cause, ProviderError
from watibot.history import ItemKind
from watibot.matching import Author
from watibot.messages import ChannelName
from watibot.ports import ChatPage, ChatRow
from watibot.service.meter import Meter
from watibot.service.past import PAGE, Past
from watibot.settings import Wati
from watibot.telemetry import Metrics


class Stage:
    def __init__(self, *rows: ChatRow, chat: FakeChat | None = None, **group: Any) -> None:
        self.clock = FakeClock()
        self.people = FakePeople(said(Author.GUEST, 0, "hola", "here"))
        self.people.without = [conversation()]
        self.chat = chat or FakeChat(*rows)
        settings = Wati(base_url="https://wati.test/1", **group)
        self.meter = Meter(self.people, self.clock, "wati", settings.calls_per_month, self._tell)
        self.past = Past(self.people, self.chat, self.clock, self.meter, settings, Metrics())

    async def _tell(self, key: str, title: str, body: str) -> None:
        return None

    def texts(self) -> list[str]:
        return [item.text for item in self.people.past]


async def test_what_is_of_the_past() -> None:
    made = Stage(
        row("here", 0, "hola"),
        staff("now", 1),
        assigned("t", -9, "rosa@hotel.example"),
        staff("s1", -8),
        row("b2", -10, own=True),
        row("b1", -20, own=True, operator="Bot"),
        row("g1", -30),
    )
    assert await made.past.round() == 1
    assert [(item.text, item.kind, item.author) for item in made.people.past] == [
        ("g1", ItemKind.GUEST, None),
        ("b1", ItemKind.ASSISTANT, None),
        ("b2", ItemKind.ASSISTANT, None),  # a person's message bears a name
        ("s1", ItemKind.STAFF, "Rosa"),
    ]
    assert made.people.pages == [None]
    assert await made.past.round() == 0


async def test_the_first_message_here_is_not_of_the_past() -> None:
    """Its row may be some microseconds older than its webhook said."""
    made = Stage(row("here2", -0.00001, "hola"), row("g1", -16, "hola"))
    await made.past.round()
    assert made.texts() == ["hola"]
    assert made.people.past[0].at < NOON


async def test_a_guest_s_first_message_may_come_after_the_second() -> None:
    """Its webhook is late: it is no past, unless somebody answered it before this service came."""
    late = row("late", -1, "primero")
    made = Stage(late, row("g", -20, "antes"))
    await made.past.round()
    assert made.texts() == ["antes"]
    made = Stage(row("bot", -0.5, "dígame", own=True, operator="Bot"), late)
    await made.past.round()
    assert made.texts() == ["primero", "dígame"]


@pytest.mark.parametrize(
    ("count", "most", "expected", "pages"),
    [
        (250, 1000, 250, 3),
        (PAGE, 1000, PAGE, 2),  # a full page may have others behind it
        (250, 100, 100, 1),
        (250, 120, 120, 2),
        (0, 1000, 0, 1),
    ],
)
async def test_until_the_end_or_as_far_as_is_wanted(
    count: int, most: int, expected: int, pages: int
) -> None:
    rows = [row(f"g{n}", -16 - n, f"mensaje {n}") for n in range(count)]
    made = Stage(*rows, past_messages=most)
    await made.past.round()
    assert made.texts() == [f"mensaje {n}" for n in range(expected)][::-1]
    assert ([number for _, number in made.chat.asked], made.people.pages[-1]) == (
        list(range(1, pages + 1)),
        None,
    )
    read = made.past._metrics.registry.get_sample_value("watibot_past_pages_total")
    assert read == pages


async def test_none_of_it() -> None:
    made = Stage(row("g1", -1), past_messages=0)
    made.people.without = []
    assert await made.past.round() == 0
    assert made.chat.asked == []


async def test_a_restart_goes_on_where_it_was() -> None:
    rows = [row(f"g{n}", -16 - n, f"mensaje {n}") for n in range(250)]

    class Dying(FakeChat):
        async def page(self, address: str, number: int, size: int) -> ChatPage:
            if number == 2 and not self.failure:
                self.failure = ProviderError("wati", Cause.LOST)
            return await super().page(address, number, size)

    made = Stage(chat=Dying(*rows))
    assert await made.past.round() == 0
    assert (len(made.texts()), made.people.pages) == (PAGE, [2])
    # Two rows came in meanwhile: the second page begins with two of the first.
    again = Stage(*rows, row("new1", 1), row("new2", 2))
    again.people.past, again.people.without = made.people.past, made.people.without
    assert await again.past.round() == 1
    assert [number for _, number in again.chat.asked] == [2, 3]
    assert again.texts() == [f"mensaje {n}" for n in range(250)][::-1]


async def test_what_was_read_before_counts() -> None:
    rows = [row(f"g{n}", -16 - n, f"mensaje {n}") for n in range(400)]
    made = Stage(*rows[:PAGE], past_messages=PAGE)
    await made.past.round()
    again = Stage(*rows, past_messages=150)
    again.people.past = made.people.past
    again.people.without = [conversation(past_page=2)]
    await again.past.round()
    assert len(again.people.past) == 150


async def test_a_guest_whom_the_provider_does_not_know_has_no_past() -> None:
    made = Stage(chat=FakeChat(failure=ProviderError("wati", Cause.NOT_FOUND)))
    assert await made.past.round() == 1
    assert made.people.pages == [None]


@pytest.mark.parametrize(
    "changes",
    [
        {"provider": Provider.OPENAI},
        {"thread_id": "thread_a"},
        {"channel": ChannelName.FACEBOOK},
    ],
)
async def test_what_a_migration_carries_is_left_alone(changes: dict[str, Any]) -> None:
    made = Stage(row("g1", -1))
    made.people.without = [conversation(**changes)]
    assert await made.past.round() == 0
    assert made.chat.asked == []


@pytest.mark.parametrize("failure", [ProviderError("wati", Cause.LOST), ValueError("a mistake")])
async def test_a_past_that_cannot_be_read_is_tried_later(failure: Any) -> None:
    made = Stage(chat=FakeChat(row("g1", -1), failure=failure))
    made.people.without.append(conversation(conversation_id="50370000002"))
    assert await made.past.round() == 0
    assert len(made.chat.asked) == 2  # the others are not held up
    made.chat.failure = None
    assert await made.past.round() == 0
    await made.clock.advance(1801)
    assert await made.past.round() == 2


async def test_the_past_leaves_the_last_calls_to_others() -> None:
    made = Stage(row("g1", -1), calls_per_month=100)
    for _ in range(80):
        made.meter.count()
    assert await made.past.round() == 0
    assert made.chat.asked == []


async def test_a_used_up_month_stops_it() -> None:
    error = ProviderError("wati", Cause.THROTTLED, "monthly quota", retry_after=600.0)
    made = Stage(chat=FakeChat(failure=error))
    made.people.without.append(conversation(conversation_id="50370000002"))
    await made.past.round()
    assert (len(made.chat.asked), made.meter.paused) == (1, True)
