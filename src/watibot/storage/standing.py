"""The store's door for who watches a migration: `ports.Standings` over SQLite or PostgreSQL.

Read only, and counted by the database: a page asks every few seconds while a migration is under
way. `migrated.py` reads line by line for the report.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BindParameter, ColumnElement, bindparam, func, literal_column, select

from watibot.conversations import Provider
from watibot.messages import ChannelName
from watibot.ports.migrations import State
from watibot.ports.standing import Lately, Place, Standing, Troubled
from watibot.storage.among import among
from watibot.storage.door import Door
from watibot.storage.ledger import JOINED, OURS
from watibot.storage.migrated import ANSWERERS
from watibot.storage.migration_tables import migrations
from watibot.storage.rows import Tx, of_hotel
from watibot.storage.tables import conversations, quotas

_PROBLEMS = 1000  # kinds, most of which differ in a number only
_SINCE: BindParameter[datetime] = bindparam("since", type_=migrations.c.imported_at.type)
_REACHED = {
    State.IMPORTED: migrations.c.imported_at,
    State.VERIFIED: migrations.c.verified_at,
    State.CUT_OVER: migrations.c.cut_over_at,
    State.ROLLED_BACK: migrations.c.rolled_back_at,
}


def _sum(column: ColumnElement[int]) -> ColumnElement[int]:
    return func.coalesce(func.sum(column), literal_column("0"))


_PLACES = (
    select(
        conversations.c.channel,
        migrations.c.state,
        func.count().label("conversations"),
        func.count(migrations.c.planned_at).label("planned"),
        _sum(migrations.c.messages).label("messages"),
        _sum(migrations.c.tool_calls).label("tool_calls"),
        _sum(migrations.c.media).label("media"),
        _sum(migrations.c["items"]).label("item_count"),
    )
    .select_from(JOINED)
    .where(of_hotel(conversations), OURS)
    .group_by(conversations.c.channel, migrations.c.state)
)
_LATELY = {
    state: select(func.count(), _sum(migrations.c["items"]), func.min(at)).where(
        of_hotel(migrations), at >= _SINCE
    )
    for state, at in _REACHED.items()
}
_KINDS = (
    select(migrations.c.problem, func.count())
    .where(of_hotel(migrations), migrations.c.problem.is_not(None))
    .group_by(migrations.c.problem)
    .order_by(func.count().desc(), migrations.c.problem)
    .limit(bindparam("at_most"))
)
_TROUBLED = (
    select(migrations.c.conversation_id, migrations.c.state, migrations.c.problem)
    .where(of_hotel(migrations), migrations.c.problem.is_not(None))
    .order_by(migrations.c.conversation_id)
    .limit(bindparam("at_most"))
)
_KNOWN = (
    select(conversations.c.conversation_id, migrations.c.state)
    .select_from(JOINED)
    .where(of_hotel(conversations), OURS, among(conversations.c.conversation_id, "ids"))
)
_QUOTAS = select(quotas.c.name, quotas.c.next_at).where(of_hotel(quotas))


class SqlStandings:
    """`ports.Standings` for one hotel."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def standing(self, since: datetime) -> Standing:
        return await self._door.read(_standing, since)

    async def troubled(self, limit: int) -> list[Troubled]:
        return await self._door.read(_troubled, limit)

    async def known(self, conversation_ids: list[str]) -> dict[str, State]:
        return await self._door.read(_known, conversation_ids)


def _standing(tx: Tx, since: datetime) -> Standing:
    places = tuple(
        Place(
            ChannelName(row.channel),
            State(row.state or State.PENDING),
            row.conversations,
            row.planned,
            int(row.messages),
            int(row.tool_calls),
            int(row.media),
            int(row.item_count),
        )
        for row in tx.all(_PLACES)
    )
    answerers: dict[Provider, int] = {}
    for _, provider, count in tx.all(ANSWERERS):
        answerers[Provider(provider)] = answerers.get(Provider(provider), 0) + count
    lately = {}
    for state, statement in _LATELY.items():
        count, items, first = tx.all(statement, since=since)[0]
        lately[state] = Lately(count, int(items), first)
    problems = {row[0]: row[1] for row in tx.all(_KINDS, at_most=_PROBLEMS)}
    next_at = {row.name: row.next_at for row in tx.all(_QUOTAS)}
    return Standing(places, answerers, problems, lately, next_at)


def _troubled(tx: Tx, limit: int) -> list[Troubled]:
    return [
        Troubled(row.conversation_id, State(row.state), row.problem)
        for row in tx.all(_TROUBLED, at_most=limit)
    ]


def _known(tx: Tx, conversation_ids: list[str]) -> dict[str, State]:
    rows = tx.all(_KNOWN, ids=conversation_ids)
    return {row.conversation_id: State(row.state or State.PENDING) for row in rows}
