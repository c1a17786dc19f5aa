"""The store's door for the day's figures: `ports.Figures` over SQLite or PostgreSQL. Read only.

The page of the day asks, each time that something has changed: every statement goes by an index,
and walks no more than what the day had. `pulse.py` says whether something has.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import and_, bindparam, func, literal_column, or_, select

from watibot.messages import ChannelName
from watibot.ports.figures import Day, Traffic, TurnTime, Waiting
from watibot.storage.among import among
from watibot.storage.columns import Moment
from watibot.storage.desk_tables import IS_OPEN, IS_UNDECIDED, escalations, payment_proofs
from watibot.storage.door import Door
from watibot.storage.money_tables import tallies
from watibot.storage.rows import Tx, of_hotel
from watibot.storage.tables import (
    HELD_BY_STAFF,
    IS_RUNNING,
    IS_WAITING,
    bubbles,
    conversations,
    history,
    messages,
    turns,
)
from watibot.turns import TurnState

# A bubble that left, or of which nobody knows.
_LEFT = bubbles.c.state.in_(
    (literal_column("'sending'"), literal_column("'sent'"), literal_column("'unknown'"))
)
_TURNS = (
    select(
        turns.c.opened_at,
        turns.c.state,
        func.min(bubbles.c.last_attempt_at).label("handed_at"),
    )
    .select_from(
        turns.outerjoin(
            bubbles,
            and_(
                bubbles.c.hotel_id == turns.c.hotel_id,
                bubbles.c.turn_id == turns.c.turn_id,
                _LEFT,
            ),
        )
    )
    .where(
        of_hotel(turns),
        turns.c.opened_at >= bindparam("since"),
        turns.c.opened_at < bindparam("until"),
    )
    .group_by(turns.c.hotel_id, turns.c.turn_id)
    .order_by(turns.c.opened_at)
)
_WROTE = and_(
    of_hotel(conversations),
    conversations.c.last_guest_at >= bindparam("since"),
    conversations.c.last_guest_at < bindparam("until"),
)
_CONVERSATIONS = (
    select(conversations.c.channel, func.count().label("found"))
    .where(_WROTE)
    .group_by(conversations.c.channel)
)
_ITEMS = (
    select(conversations.c.channel, history.c.kind, func.count().label("found"))
    .select_from(
        conversations.join(
            history,
            and_(
                history.c.hotel_id == conversations.c.hotel_id,
                history.c.conversation_id == conversations.c.conversation_id,
                history.c.at >= bindparam("since"),
                history.c.at < bindparam("until"),
            ),
        )
    )
    .where(_WROTE)
    .group_by(conversations.c.channel, history.c.kind)
)
# What is not history yet.
# What staff gave back stays where it is while it waits again.
_IS_HISTORY = (
    select(history.c.item_id)
    .where(
        history.c.hotel_id == messages.c.hotel_id,
        history.c.conversation_id == messages.c.conversation_id,
        history.c.item_id == messages.c.item_id,
    )
    .exists()
)
_UNANSWERED = (
    select(messages.c.channel, func.count().label("found"))
    .where(
        of_hotel(messages),
        IS_WAITING,
        messages.c.received_at >= bindparam("since"),
        ~_IS_HISTORY,
    )
    .group_by(messages.c.channel)
)
_BEING_ANSWERED = (
    select(messages.c.channel, func.count().label("found"))
    .select_from(
        turns.join(
            messages,
            and_(messages.c.hotel_id == turns.c.hotel_id, messages.c.turn_id == turns.c.turn_id),
        )
    )
    .where(
        of_hotel(turns),
        IS_RUNNING,
        messages.c.received_at >= bindparam("since"),
        ~_IS_HISTORY,
    )
    .group_by(messages.c.channel)
)
_TALLIED = (
    select(tallies.c.outcome, func.sum(tallies.c["count"]).label("found"))
    .where(
        of_hotel(tallies),
        tallies.c.name == bindparam("what"),
        tallies.c.at >= bindparam("since"),
        tallies.c.at < bindparam("until"),
    )
    .group_by(tallies.c.outcome)
)
_ESCALATIONS = select(
    func.count().label("found"), func.min(escalations.c.opened_at).label("oldest")
).where(of_hotel(escalations), IS_OPEN)
_PROOFS = select(
    func.count().label("found"), func.min(payment_proofs.c.created_at).label("oldest")
).where(of_hotel(payment_proofs), IS_UNDECIDED)
# As the list of them has it: a rule of ManyChat's alone is nobody to talk with.
_HELD = (
    select(func.count().label("found"))
    .select_from(conversations)
    .where(
        of_hotel(conversations),
        HELD_BY_STAFF,
        or_(
            conversations.c.staff_until.is_(None),
            conversations.c.staff_until > bindparam("now", type_=Moment),
        ),
        or_(
            conversations.c.last_item_at.is_not(None),
            conversations.c.last_guest_at != literal_column("0"),
        ),
    )
)
_OF_TURNS = select(turns.c.turn_id, turns.c.conversation_id, turns.c.opened_at).where(
    of_hotel(turns), among(turns.c.turn_id, "ids")
)


class SqlFigures:
    """`ports.Figures` for one hotel."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def day(self, since: datetime, until: datetime) -> Day:
        return await self._door.read(_day, since, until)

    async def waiting(self, now: datetime) -> Waiting:
        return await self._door.read(waiting, now)

    async def of_turns(self, turn_ids: Collection[str]) -> dict[str, tuple[str, datetime]]:
        return await self._door.read(_of_turns, turn_ids)


def waiting(tx: Tx, now: datetime) -> Waiting:
    """What waits for a person."""
    (escalated,), (proved,) = tx.all(_ESCALATIONS), tx.all(_PROOFS)
    held = tx.all(_HELD, now=now)[0].found
    return Waiting(escalated.found, escalated.oldest, proved.found, proved.oldest, held)


def _day(tx: Tx, since: datetime, until: datetime) -> Day:
    spent = tx.many(_TURNS, since=since, until=until)
    tallied = tx.all(_TALLIED, what="tool", since=since, until=until)
    return Day(
        tuple(TurnTime(row.opened_at, TurnState(row.state), row.handed_at) for row in spent),
        _traffic(tx, since, until),
        {row.outcome: int(row.found) for row in tallied},
    )


def _traffic(tx: Tx, since: datetime, until: datetime) -> tuple[Traffic, ...]:
    talked = {row.channel: row.found for row in tx.all(_CONVERSATIONS, since=since, until=until)}
    said: dict[tuple[str, str], int] = {}
    for row in tx.all(_ITEMS, since=since, until=until):
        said[row.channel, row.kind] = row.found
    for statement in (_UNANSWERED, _BEING_ANSWERED):
        for row in tx.all(statement, since=since):
            said[row.channel, "guest"] = said.get((row.channel, "guest"), 0) + row.found
    return tuple(
        Traffic(
            channel,
            talked.get(channel, 0),
            *(said.get((channel, kind), 0) for kind in ("guest", "assistant", "staff")),
        )
        for channel in ChannelName
    )


def _of_turns(tx: Tx, turn_ids: Collection[str]) -> dict[str, tuple[str, datetime]]:
    if not turn_ids:
        return {}
    rows = tx.all(_OF_TURNS, ids=sorted(turn_ids))
    return {row.turn_id: (row.conversation_id, row.opened_at) for row in rows}
