"""Wishes that come too soon: each comes back when its time has come, one waits for each name."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.clocks import NOON, FakeClock
from watibot.service.spaced import Spaced


class Stage:
    """Does what is wished in `takes` seconds, and notes when it began."""

    def __init__(self, takes: float = 0.0) -> None:
        self.clock = FakeClock()
        self.done: list[tuple[float, str, str]] = []
        self.takes = takes
        self.spaced = Spaced(self.clock, self._work, lambda older, newer: older + newer)

    async def _work(self, name: str, wish: str) -> None:
        self.done.append(((self.clock.now() - NOON).total_seconds(), name, wish))
        await self.clock.sleep(self.takes)

    async def want(self, wish: str, spacing: float, then: float = 0.0, name: str = "a") -> None:
        self.spaced.want(name, wish, spacing)
        await self.clock.advance(then)


async def test_the_first_is_done_at_once_and_each_name_for_itself() -> None:
    made = Stage()
    await made.want("x", 60)
    await made.want("y", 60, name="b")
    assert made.done == [(0, "a", "x"), (0, "b", "y")]


async def test_what_comes_too_soon_is_made_up_once() -> None:
    made = Stage()
    await made.want("x", 60, then=10)
    await made.want("y", 60, then=20)
    await made.want("z", 60, then=29)
    assert made.done == [(0, "a", "x")]
    await made.clock.advance(1)
    assert made.done[1:] == [(60, "a", "yz")]
    await made.clock.advance(600)
    assert len(made.done) == 2


async def test_after_its_time_nothing_waits() -> None:
    made = Stage()
    await made.want("x", 60, then=61)
    await made.want("y", 60)
    assert [at for at, *_ in made.done] == [0, 61]


@pytest.mark.parametrize(("first", "second", "expected"), [(60, 20, 20), (20, 60, 20)])
async def test_the_more_urgent_takes_the_other_along(
    first: float, second: float, expected: float
) -> None:
    made = Stage()
    await made.want("x", 0, then=5)
    await made.want("y", first)
    await made.want("z", second, then=100)
    assert made.done == [(0, "a", "x"), (expected, "a", "yz")]


async def test_two_wishes_before_it_could_begin_are_one() -> None:
    made = Stage()
    made.spaced.want("a", "x", 60)
    made.spaced.want("a", "y", 60)
    await made.clock.advance(600)
    assert made.done == [(0, "a", "xy")]


async def test_never_two_at_once() -> None:
    made = Stage(takes=100)
    await made.want("x", 20, then=10)
    assert made.spaced.runs("a")
    await made.want("y", 20, then=30)
    await made.want("z", 0, then=59)
    assert len(made.done) == 1
    await made.clock.advance(1)
    assert made.done[1:] == [(100, "a", "yz")]
    assert made.spaced.begun("a") == NOON + timedelta(seconds=100)
    await made.clock.advance(100)
    assert not made.spaced.runs("a")


async def test_an_urgent_wish_does_not_cut_short_what_runs() -> None:
    made = Stage(takes=100)
    await made.want("x", 0, then=10)
    await made.want("y", 300)
    await made.want("z", 20, then=40)
    assert made.spaced.runs("a")
    await made.clock.advance(50)
    assert made.done == [(0, "a", "x"), (100, "a", "yz")]


async def test_the_end_of_the_service_ends_what_waits_and_what_runs() -> None:
    made = Stage(takes=5)
    await made.want("x", 60, then=1)
    await made.want("y", 60)
    await made.spaced.stop()
    await made.clock.advance(600)
    assert (len(made.done), made.spaced.runs("a")) == (1, False)
    await made.want("z", 0)
    assert made.done[-1][2] == "z"
