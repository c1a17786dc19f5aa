"""The store's door for explicit caches: `ports.caches.Caches` over SQLite or PostgreSQL.

A row is written after the provider made a cache, and goes after the cache did: what is here may be
at the provider, and is looked after by the next start.
"""

from __future__ import annotations

from sqlalchemy import bindparam, delete, insert, select

from watibot.ports.caches import Cache
from watibot.storage.door import Door
from watibot.storage.money_tables import caches
from watibot.storage.rows import Tx, of_hotel

_ALL = select(caches).where(of_hotel(caches)).order_by(caches.c.made_at, caches.c.name)
_REMOVE = delete(caches).where(of_hotel(caches), caches.c.name == bindparam("which"))
_NEW = insert(caches)


class SqlCaches:
    """`ports.caches.Caches` for one hotel."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def caches(self) -> list[Cache]:
        return await self._door.read(_caches)

    async def put(self, cache: Cache) -> None:
        await self._door.write(_put, cache)

    async def remove(self, name: str) -> None:
        await self._door.write(_remove, name)


def _caches(tx: Tx) -> list[Cache]:
    return [
        Cache(row.name, row.version, row.tokens, row.made_at, row.expires_at)
        for row in tx.all(_ALL)
    ]


def _put(tx: Tx, cache: Cache) -> None:
    _remove(tx, cache.name)
    row = {
        "name": cache.name,
        "version": cache.version,
        "tokens": cache.tokens,
        "made_at": cache.made_at,
        "expires_at": cache.expires_at,
    }
    tx.add(_NEW, [row])


def _remove(tx: Tx, name: str) -> None:
    tx.run(_REMOVE, which=name)
