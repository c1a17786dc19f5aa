"""What happened by the minute, on both databases."""

from __future__ import annotations

from datetime import timedelta

from tests.clocks import NOON
from watibot.ports.tallies import Tally
from watibot.storage import store as storage
from watibot.storage.store import SqlStore

MINUTE = timedelta(minutes=1)


async def test_a_minute_is_added_up(store: SqlStore) -> None:
    made = store.tallies
    await made.add(NOON, [Tally("tool", "ok", 2), Tally("tool", "failed", 1)])
    await made.add(NOON + timedelta(seconds=59), [Tally("tool", "ok", 3)])
    await made.add(NOON, [Tally("turn", "answered", 7)])
    await made.add(NOON, [])
    assert await made.sums("tool", [NOON]) == [{"ok": 5, "failed": 1}]
    assert await made.sums("turn", [NOON]) == [{"answered": 7}]
    assert await made.sums("nothing", [NOON]) == [{}]


async def test_windows(store: SqlStore) -> None:
    made = store.tallies
    for minute in range(5):
        await made.add(NOON + minute * MINUTE, [Tally("turn", "answered", 10**minute)])
    sinces = [NOON, NOON + timedelta(seconds=1), NOON + 4 * MINUTE, NOON + 5 * MINUTE]
    found = await made.sums("turn", sinces)
    assert [each.get("answered", 0) for each in found] == [11111, 11110, 10000, 0]


async def test_the_latest_minute_of_each_outcome(store: SqlStore) -> None:
    made = store.tallies
    for minute, outcome in ((0, "tools.fast"), (3, "tools.fast"), (1, "cost")):
        await made.add(NOON + minute * MINUTE, [Tally("raised", outcome, 1)])
    expected = {"tools.fast": NOON + 3 * MINUTE, "cost": NOON + MINUTE}
    assert await made.latest("raised") == expected


async def test_old_minutes_are_forgotten(store: SqlStore) -> None:
    made = store.tallies
    for minute in range(4):
        await made.add(NOON + minute * MINUTE, [Tally("turn", "failed", 1)])
    assert await made.forget(NOON + 3 * MINUTE) == 3
    assert await made.sums("turn", [NOON]) == [{"failed": 1}]


async def test_a_hotel_has_its_own(store: SqlStore, store_url: str) -> None:
    async with await storage.open(store_url, "another") as other:
        await other.tallies.add(NOON, [Tally("turn", "failed", 9)])
        await store.tallies.add(NOON, [Tally("turn", "failed", 1)])
        assert await other.tallies.sums("turn", [NOON]) == [{"failed": 9}]
        assert await other.tallies.forget(NOON + MINUTE) == 1
        assert await other.tallies.latest("turn") == {}
        assert await store.tallies.sums("turn", [NOON]) == [{"failed": 1}]
