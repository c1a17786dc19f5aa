"""The store's door for who asks how the service is: `ports.Condition` over SQLite or PostgreSQL.

Read only. `service/condition.py` and the metrics ask here, some of them every few seconds: each
statement has an index to go by, or looks at the newest rows only.
"""

from __future__ import annotations

from datetime import datetime
from itertools import chain

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Executable,
    Select,
    String,
    Table,
    bindparam,
    func,
    literal_column,
    select,
    union_all,
)

from watibot.ports.queues import QUEUES, Kind, Queue, Retry, Stored, Trouble
from watibot.storage.desk_tables import IS_OPEN, IS_UNDECIDED, escalations, payment_proofs
from watibot.storage.door import Door
from watibot.storage.rows import AnyRow, ByDialect, Tx, of_hotel
from watibot.storage.tables import (
    IS_PENDING,
    IS_RUNNING,
    IS_UNTOLD,
    IS_WAITING,
    NOT_AT_REST,
    NOT_MIRRORED,
    bubbles,
    conversations,
    history,
    media,
    messages,
    notices,
    quarantine,
    quotas,
    turns,
)

NEWEST = 2_000  # bubbles and files without an index by time: so many are looked at

_SINCE: BindParameter[datetime] = bindparam("since")
_MOST: BindParameter[int] = bindparam("most")


def _waiting(
    name: str, since: ColumnElement[datetime], *conditions: ColumnElement[bool]
) -> Select[str, int, datetime]:
    return select(
        literal_column(f"'{name}'", String).label("queue"),
        func.count().label("waiting"),
        func.min(since).label("oldest"),
    ).where(*conditions)


def _of(
    name: str, table: Table, since: ColumnElement[datetime], *conditions: ColumnElement[bool]
) -> Select[str, int, datetime]:
    return _waiting(name, since, of_hotel(table), *conditions).select_from(table)


_newest_bubbles = (
    select(bubbles)
    .where(of_hotel(bubbles))
    .order_by(bubbles.c.seq.desc())
    .limit(NEWEST)
    .subquery("newest_bubbles")
)
_newest_media = (
    select(media)
    .where(of_hotel(media))
    .order_by(media.c.media_id.desc())
    .limit(NEWEST)
    .subquery("newest_media")
)
_message_of_media = (messages.c.hotel_id == media.c.hotel_id) & (
    messages.c.seq == media.c.message_seq
)

# One statement, so that all of it is of one moment.
_waits = union_all(
    _of("messages", messages, messages.c.received_at, IS_WAITING),
    _of("turns", turns, turns.c.opened_at, IS_RUNNING),
    _of("bubbles", bubbles, bubbles.c.created_at, NOT_AT_REST),
    _waiting(
        "bubbles_unknown",
        _newest_bubbles.c.created_at,
        _newest_bubbles.c.state == literal_column("'unknown'"),
    ).select_from(_newest_bubbles),
    _of("mirror", history, history.c.at, NOT_MIRRORED),
    _waiting("media", messages.c.received_at, of_hotel(media), IS_PENDING).select_from(
        media.join(messages, _message_of_media)
    ),
    _of("notices", notices, notices.c.created_at, IS_UNTOLD),
    _of("escalations", escalations, escalations.c.opened_at, IS_OPEN),
    _of("payment_proofs", payment_proofs, payment_proofs.c.created_at, IS_UNDECIDED),
    _of("quarantine", quarantine, quarantine.c.at),
).subquery("waits")
_QUEUES = select(_waits.c.queue, _waits.c.waiting, _waits.c.oldest)

_ANSWERS_AGAIN = (
    select(
        turns.c.conversation_id,
        turns.c.opened_at.label("since"),
        (turns.c.tries + turns.c.recoveries).label("tries"),
        conversations.c.not_before.label("again_at"),
    )
    .select_from(
        turns.join(
            conversations,
            (conversations.c.hotel_id == turns.c.hotel_id)
            & (conversations.c.conversation_id == turns.c.conversation_id),
        )
    )
    .where(of_hotel(turns), IS_RUNNING, turns.c.tries + turns.c.recoveries > literal_column("0"))
    .order_by(turns.c.opened_at)
    .limit(_MOST)
)
_BUBBLES_AGAIN = (
    select(
        bubbles.c.conversation_id,
        bubbles.c.created_at.label("since"),
        bubbles.c.attempts.label("tries"),
        conversations.c.not_before.label("again_at"),
    )
    .select_from(
        bubbles.join(
            conversations,
            (conversations.c.hotel_id == bubbles.c.hotel_id)
            & (conversations.c.conversation_id == bubbles.c.conversation_id),
        )
    )
    .where(
        of_hotel(bubbles),
        NOT_AT_REST,
        bubbles.c.state == literal_column("'waiting'"),
        bubbles.c.attempts > literal_column("0"),
    )
    .order_by(bubbles.c.created_at)
    .limit(_MOST)
)
_NOTICES_AGAIN = (
    select(
        notices.c.conversation_id,
        notices.c.created_at.label("since"),
        notices.c.attempts.label("tries"),
        notices.c.due_at.label("again_at"),
    )
    .where(of_hotel(notices), IS_UNTOLD, notices.c.attempts > literal_column("0"))
    .order_by(notices.c.created_at)
    .limit(_MOST)
)


def _wrong(
    reason: ColumnElement[str | None], at: ColumnElement[datetime], *conditions: ColumnElement[bool]
) -> Select[str | None, int, datetime]:
    last = func.max(at)
    return (
        select(
            func.coalesce(reason, literal_column("''")).label("reason"),
            func.count().label("times"),
            last.label("last_at"),
        )
        .where(*conditions, at >= _SINCE)
        .group_by(reason)
        .order_by(last.desc())
        .limit(_MOST)
    )


_WRONG: dict[Kind, Executable] = {
    Kind.ANSWER: _wrong(
        turns.c.failure,
        turns.c.opened_at,
        of_hotel(turns),
        turns.c.state == literal_column("'failed'"),
    ),
    Kind.BUBBLE: _wrong(
        _newest_bubbles.c.reason,
        _newest_bubbles.c.created_at,
        _newest_bubbles.c.state.in_((literal_column("'refused'"), literal_column("'unknown'"))),
    ).select_from(_newest_bubbles),
    Kind.FILE: _wrong(
        _newest_media.c.failure,
        messages.c.received_at,
        _newest_media.c.state == literal_column("'failed'"),
    ).select_from(_newest_media.join(messages, messages.c.seq == _newest_media.c.message_seq)),
    Kind.NOTICE: _wrong(
        notices.c.error,
        notices.c.created_at,
        of_hotel(notices),
        IS_UNTOLD,
        notices.c.error.is_not(None),
    ),
    Kind.WEBHOOK: _wrong(quarantine.c.reason, quarantine.c.at, of_hotel(quarantine)),
}

_BOOKED = select(quotas.c.name, quotas.c.next_at).where(of_hotel(quotas)).order_by(quotas.c.name)
_STORED: ByDialect = {
    "sqlite": select(
        literal_column("'sqlite'"),
        literal_column(
            "(select page_count from pragma_page_count())"
            " * (select page_size from pragma_page_size())"
        ),
    ),
    "postgresql": select(
        literal_column("'postgresql'"), literal_column("pg_database_size(current_database())")
    ),
}


class SqlQueues:
    """`ports.Condition` for one hotel."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def queues(self) -> list[Queue]:
        return await self._door.read(_queues)

    async def retries(self, limit: int) -> list[Retry]:
        return await self._door.read(_retries, limit)

    async def troubles(self, since: datetime, limit: int) -> list[Trouble]:
        return await self._door.read(_troubles, since, limit)

    async def booked(self) -> dict[str, datetime]:
        return await self._door.read(_booked)

    async def stored(self) -> Stored:
        return await self._door.read(_stored)


def _queues(tx: Tx) -> list[Queue]:
    found = {row.queue: row for row in tx.all(_QUEUES)}
    return [Queue(name, found[name].waiting, found[name].oldest) for name in QUEUES]


def _retries(tx: Tx, limit: int) -> list[Retry]:
    def of(kind: Kind, rows: list[AnyRow]) -> list[Retry]:
        return [
            Retry(kind, row.conversation_id, row.since, row.tries, row.again_at) for row in rows
        ]

    found = chain(
        of(Kind.ANSWER, tx.all(_ANSWERS_AGAIN, most=limit)),
        of(Kind.BUBBLE, tx.all(_BUBBLES_AGAIN, most=limit)),
        of(Kind.NOTICE, tx.all(_NOTICES_AGAIN, most=limit)),
    )
    return sorted(found, key=lambda each: each.since)[:limit]


def _troubles(tx: Tx, since: datetime, limit: int) -> list[Trouble]:
    found = [
        Trouble(kind, row.reason, row.times, row.last_at)
        for kind, statement in _WRONG.items()
        for row in tx.all(statement, since=since, most=limit)
    ]
    return sorted(found, key=lambda each: each.last_at, reverse=True)[:limit]


def _booked(tx: Tx) -> dict[str, datetime]:
    return {row.name: row.next_at for row in tx.all(_BOOKED)}


def _stored(tx: Tx) -> Stored:
    kind, size = tx.all(tx.pick(_STORED))[0]
    return Stored(kind, int(size))
