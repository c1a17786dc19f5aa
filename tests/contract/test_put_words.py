"""Words that a thread lacks are put there once, whatever becomes of the answers."""

from __future__ import annotations

import asyncio

import pytest

from tests.clocks import FakeClock, JumpingClock
from tests.fakes_threads import FakeThreads, message
from watibot.errors import Cause, ProviderError
from watibot.ports import put_words
from watibot.ports.threads import DOUBT_PAUSE
from watibot.threads import Words

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
    given: list[Words] = []

    async def add(words: Words) -> str:
        given.append(words)
        return f"msg-{words.item_id}"

    assert (await put_words(threads, "thread_1", WORDS, CLOCK, add))["item-2"] == "msg-item-2"
    assert tuple(given) == WORDS
