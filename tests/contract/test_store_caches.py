"""The store's exam on explicit caches. Both databases sit it."""

from __future__ import annotations

from dataclasses import replace

from tests.contract.stores import at
from watibot.ports.caches import Cache, Caches
from watibot.storage import store as storage
from watibot.storage.caches import SqlCaches
from watibot.storage.door import Door
from watibot.storage.store import SqlStore

FIRST = Cache("projects/p/cachedContents/1", "aaaa", 10_000, at(0), at(3_600))
SECOND = Cache("projects/p/cachedContents/2", "bbbb", 12_000, at(60), at(3_660))


def caches(store: SqlStore, hotel: str = "posada") -> Caches:
    return SqlCaches(Door(store._writer, hotel))


async def test_what_may_still_be_there(store: SqlStore) -> None:
    doors = caches(store)
    assert await doors.caches() == []
    await doors.put(SECOND)
    await doors.put(FIRST)
    assert await doors.caches() == [FIRST, SECOND]

    later = replace(FIRST, expires_at=at(7_200))
    await doors.put(later)
    assert await doors.caches() == [later, SECOND]

    await doors.remove(SECOND.name)
    await doors.remove("projects/p/cachedContents/3")
    assert await doors.caches() == [later]


async def test_hotels_do_not_see_each_others(store: SqlStore, store_url: str) -> None:
    await caches(store).put(FIRST)
    async with await storage.open(store_url, "hostal") as other:
        theirs = caches(other, "hostal")
        await theirs.put(SECOND)
        await theirs.remove(FIRST.name)
        assert await theirs.caches() == [SECOND]
    assert await caches(store).caches() == [FIRST]
