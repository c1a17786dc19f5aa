"""Words that a thread lacks are put there once, whatever becomes of the answers."""

from __future__ import annotations

import asyncio

import pytest

from tests.clocks import FakeClock, JumpingClock
from tests.fakes_threads import FakeThreads, message
from watibot.errors import Cause, ProviderError
from watibot.ports import put_words
from watibot.ports.threads import DOUBT_PAUSE
from watibot.threads import Post, Words, items_in
from watibot.translation.posts import posts_of

CLOCK = JumpingClock()
WORDS = tuple(Words(f"item-{n}", "user", f"palabra {n}") for n in range(3))


def fake(count: int = 1) -> FakeThreads:
    threads = FakeThreads()
    threads.put("thread_1", [message("thread_1", n) for n in range(1, count + 1)])
    return threads


def said(threads: FakeThreads) -> list[str]:
    items = [each["metadata"].get("watibot_item") for each in threads.kept["thread_1"].messages]
    return [each for each in items if each]


async def test_in_order_and_once() -> None:
    threads = fake()
    posted = await put_words(threads, "thread_1", WORDS[:2], CLOCK)
    assert said(threads) == ["item-0", "item-1"]
    again = await put_words(threads, "thread_1", WORDS, CLOCK)
    assert said(threads) == ["item-0", "item-1", "item-2"]
    assert {key: again[key] for key in posted} == posted
    assert list(again) == ["item-0", "item-1", "item-2"]


async def test_nothing_asks_nobody() -> None:
    threads = fake()
    assert await put_words(threads, "thread_1", (), CLOCK) == {}
    assert threads.calls == []


async def test_more_words_than_a_page() -> None:
    threads = fake()
    many = tuple(Words(f"item-{n}", "user", "hola") for n in range(130))
    await put_words(threads, "thread_1", many, CLOCK)
    threads.kept["thread_1"].messages += [message("thread_1", n) for n in range(60)]
    await put_words(threads, "thread_1", many, CLOCK)
    assert len(said(threads)) == 130


@pytest.mark.parametrize("cause", [Cause.LOST, Cause.TIMEOUT])
@pytest.mark.parametrize("arrived", [True, False])
async def test_a_lost_answer_is_looked_for(cause: Cause, arrived: bool) -> None:
    threads = fake()
    threads.fail("add", ProviderError("openai", cause), arrived=arrived)
    posted = await put_words(threads, "thread_1", WORDS, CLOCK)
    assert said(threads) == ["item-0", "item-1", "item-2"]
    assert posted["item-0"] == threads.kept["thread_1"].messages[1]["id"]


async def test_a_message_that_arrives_late_is_waited_for() -> None:
    threads, clock = fake(), FakeClock()
    threads.fail("add", ProviderError("openai", Cause.TIMEOUT))
    posting = asyncio.create_task(put_words(threads, "thread_1", WORDS, clock))
    await clock.advance(DOUBT_PAUSE - 1)
    assert said(threads) == []
    await threads.add("thread_1", "user", WORDS[0].text, WORDS[0].item_id)
    await clock.advance(1)
    await posting
    assert said(threads) == ["item-0", "item-1", "item-2"]


async def test_a_second_loss_goes_up() -> None:
    threads = fake()
    for _ in range(2):
        threads.fail("add", ProviderError("openai", Cause.LOST))
    with pytest.raises(ProviderError):
        await put_words(threads, "thread_1", WORDS, CLOCK)
    assert said(threads) == []
    await put_words(threads, "thread_1", WORDS, CLOCK)
    assert said(threads) == ["item-0", "item-1", "item-2"]


@pytest.mark.parametrize("cause", [Cause.BUSY, Cause.UNREACHABLE, Cause.GONE])
async def test_what_is_certain_goes_up_at_once(cause: Cause) -> None:
    threads = fake()
    threads.fail("add", ProviderError("openai", cause))
    with pytest.raises(ProviderError):
        await put_words(threads, "thread_1", WORDS, CLOCK)
    assert [method for method, _ in threads.calls] == ["newest", "add"]


async def test_another_way_to_add() -> None:
    threads = fake()
    given: list[Post] = []

    async def add(post: Post) -> str:
        given.append(post)
        return f"msg-{post.item_ids[0]}"

    assert (await put_words(threads, "thread_1", WORDS, CLOCK, add))["item-2"] == "msg-item-2"
    assert [(post.item_ids, post.text) for post in given] == [
        ((each.item_id,), each.text) for each in WORDS
    ]


# --- blocks ---


def talk(*speakers: str | None) -> tuple[Words, ...]:
    """What the guest (None) and staff said."""
    return tuple(
        Words(f"item-{number}", "user", f"palabra {number}", staff=staff)
        for number, staff in enumerate(speakers)
    )


def named(threads: FakeThreads) -> list[tuple[str, ...]]:
    return [items_in(each) for each in threads.kept["thread_1"].messages[1:]]


async def test_the_items_of_a_block_have_its_message() -> None:
    threads = fake()
    posted = await put_words(threads, "thread_1", talk(None, "Rosa", None), CLOCK)
    assert named(threads) == [("item-0", "item-1"), ("item-2",)]
    ids = [each["id"] for each in threads.kept["thread_1"].messages[1:]]
    assert posted == {"item-0": ids[0], "item-1": ids[0], "item-2": ids[1]}


@pytest.mark.parametrize("arrived", [True, False])
async def test_a_block_whose_answer_is_lost(arrived: bool) -> None:
    threads = fake()
    threads.fail("add", ProviderError("openai", Cause.LOST), arrived=arrived)
    posted = await put_words(threads, "thread_1", talk(None, "Rosa", None), CLOCK)
    assert named(threads) == [("item-0", "item-1"), ("item-2",)]
    assert posted["item-0"] == posted["item-1"] == threads.kept["thread_1"].messages[1]["id"]


@pytest.mark.parametrize("known", [2, 3, 4])
async def test_what_came_between_two_tries_has_a_block_of_its_own(known: int) -> None:
    words = talk(None, "Rosa", None, "Rosa", None, "Luis")
    threads = fake()
    await put_words(threads, "thread_1", words[:known], CLOCK)
    posted = await put_words(threads, "thread_1", words, CLOCK)
    there = [item for items in named(threads) for item in items]
    assert there == [each.item_id for each in words]
    assert list(posted) == there
    assert named(threads)[-1] == tuple(each.item_id for each in words[known:])


async def test_a_smaller_block_that_arrives_late() -> None:
    """Of a process that was killed; the one after it knows of more words."""
    words = talk(None, "Rosa", None, "Luis")
    threads, clock = fake(), FakeClock()
    threads.fail("add", ProviderError("openai", Cause.TIMEOUT))
    posting = asyncio.create_task(put_words(threads, "thread_1", words, clock))
    await clock.advance(DOUBT_PAUSE - 1)
    (late,) = posts_of(words[:2])
    await threads.add("thread_1", late.role, late.text, *late.item_ids)
    await clock.advance(1)
    posted = await posting
    assert named(threads) == [("item-0", "item-1"), ("item-2", "item-3")]
    assert set(posted) == {each.item_id for each in words}


async def test_each_message_has_its_tries() -> None:
    threads = fake()
    lost: set[str] = set()

    async def add(post: Post) -> str:
        if post.text not in lost:
            lost.add(post.text)
            raise ProviderError("openai", Cause.LOST)
        return await threads.add("thread_1", post.role, post.text, *post.item_ids)

    await put_words(threads, "thread_1", WORDS, CLOCK, add)
    assert said(threads) == ["item-0", "item-1", "item-2"]
