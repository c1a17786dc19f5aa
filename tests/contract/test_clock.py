"""The exam of `ports.Clock`: the system's clock, a faster one, and the one that tests hold."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from tests.clocks import FakeClock
from watibot.engines.clock import SystemClock
from watibot.ports import Clock

FASTER = 200.0


async def nothing(_: float) -> None: ...


def system() -> tuple[Clock, Callable[[float], Awaitable[None]]]:
    return SystemClock(f"{FASTER}@{time.time():.0f}"), nothing


def fake() -> tuple[Clock, Callable[[float], Awaitable[None]]]:
    made = FakeClock()
    return made, made.advance


@pytest.mark.parametrize("make", [system, fake])
class TestClock:
    async def test_now_is_aware_and_the_same_as_time(
        self, make: Callable[[], tuple[Clock, Callable[[float], Awaitable[None]]]]
    ) -> None:
        clock, _ = make()
        assert clock.now().utcoffset() == timedelta(0)
        assert abs(clock.now().timestamp() - clock.time()) < 5

    async def test_sleep_lasts_its_time(
        self, make: Callable[[], tuple[Clock, Callable[[float], Awaitable[None]]]]
    ) -> None:
        clock, advance = make()
        before = clock.time()
        task = asyncio.create_task(clock.sleep(10))
        await advance(10)
        await task
        assert clock.time() - before >= 10

    async def test_limit_gives_the_result_or_cancels_the_work(
        self, make: Callable[[], tuple[Clock, Callable[[float], Awaitable[None]]]]
    ) -> None:
        clock, advance = make()

        async def quick() -> str:
            return "done"

        assert await clock.limit(10, quick()) == "done"
        never = asyncio.Event()
        cancelled = []

        async def slow() -> None:
            try:
                await never.wait()
            except asyncio.CancelledError:
                cancelled.append(True)
                raise

        limited = asyncio.create_task(clock.limit(10, slow()))
        await advance(11)
        with pytest.raises(TimeoutError):
            await limited
        assert cancelled == [True]

    async def test_limit_lets_errors_through(
        self, make: Callable[[], tuple[Clock, Callable[[float], Awaitable[None]]]]
    ) -> None:
        clock, _ = make()

        async def broken() -> None:
            raise ValueError("broken")

        with pytest.raises(ValueError, match="broken"):
            await clock.limit(10, broken())


def test_processes_with_the_same_words_agree() -> None:
    spec = f"10@{time.time() - 60:.0f}"
    one, other = SystemClock(spec), SystemClock(spec)
    assert abs(one.time() - other.time()) < 1
    assert one.now() > datetime.now(UTC) + timedelta(seconds=500)
