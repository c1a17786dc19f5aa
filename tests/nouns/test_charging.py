"""From a use to a charge: priced at once, stored once, whatever the store does meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest

from tests.clocks import NOON, FakeClock
from watibot import costs
from watibot.charges import Charge, Operation, Use
from watibot.messages import ChannelName
from watibot.modelcalls import Occasion, Usage
from watibot.service import charging
from watibot.service.charging import Charger

FLASH = "gemini-3.8-flash"
OCCASION = Occasion("answer", "g1", ChannelName.INSTAGRAM, "t1")
ANSWER = Use("gemini", Operation.ANSWER, FLASH, "global", Usage(1_000, 0, 10), occasion=OCCASION)


class Ledger:
    """What the charger asks of the store; it may fail, or take its time."""

    def __init__(self) -> None:
        self.kept: list[Charge] = []
        self.batches: list[int] = []
        self.failure: Exception | None = None
        self.open = asyncio.Event()
        self.open.set()

    async def add(self, charges: Sequence[Charge]) -> None:
        if self.failure is not None:
            raise self.failure
        self.batches.append(len(charges))
        self.kept.extend(charges)
        await self.open.wait()  # the writer commits, whether anybody still waits for it or not


class Stage:
    def __init__(self) -> None:
        self.ledger = Ledger()
        self.clock = FakeClock()
        self.charger = Charger(self.ledger, costs.load(), self.clock)  # type: ignore[arg-type]
        self.heard: list[Charge] = []
        self.charger.listen(self.heard.append)


async def test_a_use_is_priced_and_heard_at_once_and_stored_later() -> None:
    made = Stage()
    made.charger.use(ANSWER)
    expected = Charge(NOON, ANSWER, 788, ChannelName.INSTAGRAM)  # 750 + 37.5
    assert made.heard == [expected]
    assert made.ledger.kept == []
    running = asyncio.create_task(made.charger.run())
    await made.clock.advance(1)
    assert made.ledger.kept == [expected]
    await made.clock.advance(5)
    assert made.ledger.batches == [1]
    running.cancel()


async def test_the_price_is_that_of_the_day() -> None:
    made = Stage()
    await made.clock.advance(42 * 86_400)
    made.charger.use(ANSWER)
    assert made.heard[0].micros == 1_575


async def test_a_store_that_is_away_loses_nothing_and_doubles_nothing() -> None:
    made = Stage()
    made.ledger.failure = RuntimeError("the database is away")
    made.charger.use(ANSWER)
    with pytest.raises(RuntimeError):
        await made.charger.flush()
    made.charger.use(ANSWER)
    made.ledger.failure = None
    await made.charger.flush()
    await made.charger.flush()
    assert made.ledger.kept == made.heard
    assert len(made.heard) == 2


async def test_a_write_that_is_cut_off_goes_on_and_is_not_repeated() -> None:
    made = Stage()
    made.ledger.open.clear()
    made.charger.use(ANSWER)
    running = asyncio.create_task(made.charger.run())
    await made.clock.advance(1)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    made.charger.use(ANSWER)
    last = asyncio.create_task(made.charger.flush())
    await asyncio.sleep(0)
    made.ledger.open.set()
    await last
    assert made.ledger.kept == made.heard
    assert len(made.heard) == 2


async def test_no_more_wait_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(charging, "MOST_WAITING", 5)
    monkeypatch.setattr(charging, "AT_ONCE", 2)
    made = Stage()
    for _ in range(7):
        made.charger.use(ANSWER)
    assert len(made.heard) == 7  # the budget knows of all
    await made.charger.flush()
    assert made.ledger.batches == [2, 2, 1]


async def test_requests_of_a_minute_are_one_charge() -> None:
    made = Stage()
    running = asyncio.create_task(made.charger.run())
    for _ in range(3):
        made.charger.request("wati", ChannelName.WHATSAPP)
    made.charger.request("elsewhere")
    await made.clock.advance(59)
    assert made.ledger.kept == []
    await made.clock.advance(1)
    facts = [(one.at, one.use.provider, one.use.quantity, one.micros) for one in made.ledger.kept]
    assert facts == [(NOON, "wati", 3, 0), (NOON, "elsewhere", 1, None)]
    assert made.ledger.kept[0].channel is ChannelName.WHATSAPP
    assert made.ledger.kept[0].use.operation is Operation.CALL
    running.cancel()
    made.charger.request("wati")
    await made.charger.flush()
    assert made.ledger.kept[-1].at == NOON + timedelta(minutes=1)
    await made.charger.flush()
    assert len(made.ledger.kept) == 3
