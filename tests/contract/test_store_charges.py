"""The store's exam on money: charges added, and summed in every way. Both databases sit it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.contract.stores import at
from watibot.charges import Charge, Operation, Use
from watibot.messages import ChannelName
from watibot.modelcalls import Occasion, Usage
from watibot.ports.charges import By, Charges, Reach, Sum
from watibot.ports.store import Booking
from watibot.storage.charges import SqlCharges
from watibot.storage.door import Door
from watibot.storage.store import SqlStore
from watibot.toolcalls import Caller

WHATSAPP, FACEBOOK = ChannelName.WHATSAPP, ChannelName.FACEBOOK
FLASH, LITE = "gemini-3.8-flash", "gemini-3.5-flash-lite"
ALWAYS = (datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
USAGE = Usage(1_000, 800, 40, 16, 32)
TWICE = Usage(2_000, 1_600, 80, 32, 64)


def charge(
    seconds: float = 0,
    micros: int | None = 100,
    turn: str | None = "t1",
    guest: str | None = "g1",
    channel: ChannelName | None = WHATSAPP,
    operation: Operation = Operation.ANSWER,
    **more: object,
) -> Charge:
    use = Use(
        "gemini",
        operation,
        FLASH,
        "global",
        USAGE,
        seconds=0.5,
        occasion=Occasion(operation, guest, channel, turn),
    )
    return Charge(at(seconds), replace(use, **more), micros, channel)  # type: ignore[arg-type]


EVENTS = charge(
    20,
    750,
    None,
    operation=Operation.EVENT,
    provider="sessions",
    model="",
    location="",
    usage=Usage(),
    quantity=3,
)


@pytest.fixture
def charges(store: SqlStore) -> Charges:
    return SqlCharges(Door(store._writer, "posada"))


async def test_a_charge_comes_back_as_it_was(charges: Charges) -> None:
    unpriced = charge(5, None, channel=None, turn=None, guest=None, model="gemini-9")
    blocked = charge(1, outcome="blocked")
    await charges.add([EVENTS, unpriced, blocked])
    assert await charges.charges(*ALWAYS, 10) == [blocked, unpriced, EVENTS]
    assert await charges.charges(*ALWAYS, 1) == [blocked]
    await charges.add([])
    assert len(await charges.charges(*ALWAYS, 10)) == 3


async def test_the_total_of_a_span(charges: Charges) -> None:
    assert await charges.total(*ALWAYS) == Sum()
    await charges.add([charge(0), charge(10, None), EVENTS])
    assert await charges.total(*ALWAYS) == Sum("", 850, 1, 3, 5, TWICE)
    assert await charges.total(at(0), at(10)) == Sum("", 100, 0, 1, 1, USAGE)
    assert await charges.total(at(0.000001), at(20)) == Sum("", 0, 1, 1, 1, USAGE)


SUMS = [
    (By.OPERATION, [("event", 750), ("answer", 600)]),
    (By.MODEL, [("", 750), (LITE, 500), (FLASH, 100)]),
    (By.CHANNEL, [("whatsapp", 850), ("facebook", 500)]),
    (By.CONVERSATION, [("g1", 850), ("", 500)]),
    (By.TURN, [("", 750), ("t2", 500), ("t1", 100)]),
]


@pytest.mark.parametrize(("by", "expected"), SUMS)
async def test_sums_the_dearest_first(
    charges: Charges, by: By, expected: list[tuple[str, int]]
) -> None:
    # Of a guest who was erased: the money stays.
    erased = charge(1, 500, "t2", None, FACEBOOK, model=LITE)
    await charges.add([charge(0), charge(2, None), erased, EVENTS])
    found = await charges.sums(by, *ALWAYS, 10)
    assert [(one.key, one.micros) for one in found] == expected
    assert sum(one.unknown for one in found) == 1
    assert sum(one.charges for one in found) == 4
    assert [one.key for one in await charges.sums(by, *ALWAYS, 1)] == [expected[0][0]]
    assert await charges.sums(by, at(100), at(200), 10) == []


async def test_spans_are_quarters_of_an_hour(charges: Charges) -> None:
    await charges.add([charge(900), charge(-0.000001), charge(0, 5), charge(899.999999, 7)])
    found = await charges.sums(By.SPAN, *ALWAYS, 10)
    begins = [datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(s.key)) for s in found]
    assert begins == [at(-900), at(0), at(900)]
    assert [one.micros for one in found] == [100, 12, 100]


async def test_the_sums_of_turns(charges: Charges) -> None:
    await charges.add([charge(), charge(1, 20), charge(2, None, "t2"), EVENTS])
    found = await charges.of_turns(["t1", "t2", "t3"])
    assert found == {"t1": Sum("t1", 120, 0, 2, 2, TWICE), "t2": Sum("t2", 0, 1, 1, 1, USAGE)}
    assert await charges.of_turns([]) == {}


async def test_what_was_done_with_the_money(store: SqlStore, charges: Charges) -> None:
    assert await charges.reach(*ALWAYS) == Reach()
    run = charge(3, None, "t3", "g2", operation=Operation.RUN)
    fold = charge(4, 10, None, "g3", operation=Operation.SUMMARY)
    await charges.add([charge(), charge(1), charge(2, 1, "t2"), run, fold, EVENTS])
    caller = Caller("posada", "g1", WHATSAPP, None, None, None, "t1", "t1:1", at(5))
    day = at(0).date().isoformat()
    await store.book(caller, Booking(day, day, 2, "Ana", None, None))
    assert await charges.reach(*ALWAYS) == Reach(2, 3, 1)
    assert await charges.reach(at(1), at(3)) == Reach(1, 2, 0)


async def test_many_at_once(charges: Charges) -> None:
    await charges.add([charge(number, 1) for number in range(200)])
    assert (await charges.total(*ALWAYS)).charges == 200


async def test_hotels_do_not_see_each_other(store: SqlStore, charges: Charges) -> None:
    await charges.add([charge()])
    other = SqlCharges(Door(store._writer, "otra"))
    assert await other.total(*ALWAYS) == Sum()
    assert await other.charges(*ALWAYS, 10) == []
    assert await other.of_turns(["t1"]) == {}
    assert await other.sums(By.MODEL, *ALWAYS, 10) == []
