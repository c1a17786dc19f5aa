"""The store's door for what happens by the minute: `ports.Tallies` over SQLite or PostgreSQL.

`service/watch.py` comes here every few seconds. A sum goes by the primary key, over the rows of one
name from some minute on.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Executable, bindparam, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite

from watibot.ports.tallies import Tally
from watibot.storage.door import Door
from watibot.storage.money_tables import tallies
from watibot.storage.rows import ByDialect, Tx, of_hotel

_SUMS = (
    select(tallies.c.outcome, func.sum(tallies.c["count"]))
    .where(
        of_hotel(tallies),
        tallies.c.name == bindparam("of"),
        tallies.c.at >= bindparam("since"),
    )
    .group_by(tallies.c.outcome)
)
_LATEST = (
    select(tallies.c.outcome, func.max(tallies.c.at))
    .where(of_hotel(tallies), tallies.c.name == bindparam("of"))
    .group_by(tallies.c.outcome)
)
_FORGET = delete(tallies).where(of_hotel(tallies), tallies.c.at < bindparam("before"))


def _adding() -> ByDialect:
    forms: dict[str, Executable] = {}
    for name, insert in (("sqlite", sqlite.insert), ("postgresql", postgresql.insert)):
        statement = insert(tallies)
        forms[name] = statement.on_conflict_do_update(
            index_elements=[
                tallies.c.hotel_id,
                tallies.c.name,
                tallies.c.at,
                tallies.c.outcome,
            ],
            set_={"count": tallies.c["count"] + statement.excluded["count"]},
        )
    return forms


_ADD = _adding()


class SqlTallies:
    """`ports.Tallies` for one hotel; `SqlStore.tallies` is one."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def add(self, at: datetime, tallies: Sequence[Tally]) -> None:
        if tallies:
            await self._door.write(_add, at, tallies)

    async def sums(self, name: str, sinces: Sequence[datetime]) -> list[dict[str, int]]:
        return await self._door.read(_sums, name, sinces)

    async def latest(self, name: str) -> dict[str, datetime]:
        return await self._door.read(_latest, name)

    async def forget(self, before: datetime) -> int:
        return await self._door.write(_forget, before)


def _add(tx: Tx, at: datetime, added: Sequence[Tally]) -> None:
    minute = at.replace(second=0, microsecond=0)
    rows = [
        {"at": minute, "name": each.name, "outcome": each.outcome, "count": each.count}
        for each in added
    ]
    tx.add(tx.pick(_ADD), rows)


def _sums(tx: Tx, name: str, sinces: Sequence[datetime]) -> list[dict[str, int]]:
    # PostgreSQL's sum of whole numbers is a decimal.
    return [
        {row[0]: int(row[1]) for row in tx.all(_SUMS, of=name, since=since)} for since in sinces
    ]


def _latest(tx: Tx, name: str) -> dict[str, datetime]:
    return {row[0]: row[1] for row in tx.all(_LATEST, of=name)}


def _forget(tx: Tx, before: datetime) -> int:
    return tx.run(_FORGET, before=before)
