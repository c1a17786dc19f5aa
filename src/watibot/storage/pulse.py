"""Whether what the console's pages show has changed: `ports.Pulse` over SQLite or PostgreSQL.

`web/console/live.py` asks every two seconds while a page is open, and compares. A mark is made of
counts and newest numbers, each from an index; a change that leaves all of them as they were is
not seen, and comes with the next one.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Executable, Select, Table, and_, bindparam, func, select

from watibot.ports.figures import Beat
from watibot.storage.among import among
from watibot.storage.desk_tables import (
    IS_OPEN,
    IS_UNDECIDED,
    escalations,
    payment_proofs,
    sign_ins,
    users,
)
from watibot.storage.door import Door
from watibot.storage.figures_day import waiting
from watibot.storage.money_tables import charges
from watibot.storage.rows import Tx, of_conversation, of_hotel
from watibot.storage.tables import (
    HELD_BY_STAFF,
    IS_PENDING,
    IS_WAITING,
    NOT_AT_REST,
    bookings,
    bubbles,
    conversations,
    history,
    media,
    messages,
    turns,
)


def _newest(table: Table, number: Any) -> Select[Any]:
    return select(number).where(of_hotel(table)).order_by(number.desc()).limit(1)


_OF_TODAY: tuple[Executable, ...] = (
    select(turns.c.state, func.count().label("found"))
    .where(of_hotel(turns), turns.c.opened_at >= bindparam("day"))
    .group_by(turns.c.state)
    .order_by(turns.c.state),
    select(func.count()).select_from(bubbles).where(of_hotel(bubbles), NOT_AT_REST),
    _newest(messages, messages.c.seq),
    _newest(charges, charges.c.charge_id),
)
_OF_QUEUES: tuple[Executable, ...] = (
    select(func.count(), func.max(escalations.c.escalation_id), func.sum(escalations.c.told)).where(
        of_hotel(escalations), IS_OPEN
    ),
    select(payment_proofs.c.verdict, func.count(), func.max(payment_proofs.c.proof_id))
    .where(of_hotel(payment_proofs), IS_UNDECIDED)
    .group_by(payment_proofs.c.verdict)
    .order_by(payment_proofs.c.verdict),
    select(
        func.count(),
        func.max(conversations.c.owner_at),
        func.max(conversations.c.last_guest_at),
    ).where(of_hotel(conversations), HELD_BY_STAFF),
)
_OF_CONVERSATION: tuple[Executable, ...] = (
    select(
        conversations.c.owner,
        conversations.c.staff_until,
        conversations.c.owner_at,
        conversations.c.last_guest_at,
        conversations.c.last_item_at,
        conversations.c.stopped_at,
        conversations.c.guest_name,
    ).where(of_conversation(conversations)),
    select(func.count()).select_from(history).where(of_conversation(history)),
    select(func.count()).select_from(messages).where(of_conversation(messages), IS_WAITING),
    select(bubbles.c.state, bubbles.c.receipt, func.count(), func.max(bubbles.c.seq))
    .where(of_conversation(bubbles))
    .group_by(bubbles.c.state, bubbles.c.receipt)
    .order_by(bubbles.c.state, bubbles.c.receipt),
    select(func.count(), func.max(escalations.c.escalation_id)).where(
        of_conversation(escalations), IS_OPEN
    ),
    select(payment_proofs.c.state, payment_proofs.c.verdict, func.count())
    .where(of_conversation(payment_proofs))
    .group_by(payment_proofs.c.state, payment_proofs.c.verdict)
    .order_by(payment_proofs.c.state, payment_proofs.c.verdict),
    select(func.count(), func.sum(bookings.c.amount_due)).where(of_conversation(bookings)),
)
_PENDING = select(func.count()).select_from(media).where(of_hotel(media), IS_PENDING)
_SIGNED_IN = (
    select(sign_ins.c.token_hash)
    .join(
        users,
        and_(users.c.hotel_id == sign_ins.c.hotel_id, users.c.user_name == sign_ins.c.user_name),
    )
    .where(
        of_hotel(sign_ins),
        among(sign_ins.c.token_hash, "browsers"),
        sign_ins.c.seen_at > bindparam("seen_after"),
        users.c.disabled_at.is_(None),
    )
)


class SqlPulse:
    """`ports.Pulse` for one hotel."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def beat(
        self,
        day: datetime,
        now: datetime,
        conversation_ids: Collection[str],
        token_hashes: Collection[str],
        seen_after: datetime,
    ) -> Beat:
        return await self._door.read(_beat, day, now, conversation_ids, token_hashes, seen_after)


def _beat(
    tx: Tx,
    day: datetime,
    now: datetime,
    conversation_ids: Collection[str],
    token_hashes: Collection[str],
    seen_after: datetime,
) -> Beat:
    queues = _mark(tx, _OF_QUEUES)
    # Files are not told apart: one that has come is another mark for every conversation.
    pending = tx.all(_PENDING)[0][0]
    found = waiting(tx, now)
    browsers = tx.all(_SIGNED_IN, browsers=sorted(token_hashes), seen_after=seen_after)
    return Beat(
        f"{_mark(tx, _OF_TODAY, day=day)} {queues}",
        f"{queues} {found.held}",
        {
            each: f"{_mark(tx, _OF_CONVERSATION, conversation=each)} {pending}"
            for each in sorted(conversation_ids)
        },
        {"escalations": found.escalations, "payments": found.proofs, "held": found.held},
        frozenset(row.token_hash for row in browsers),
    )


def _mark(tx: Tx, statements: tuple[Executable, ...], **values: Any) -> str:
    return repr([[tuple(row) for row in tx.all(each, **values)] for each in statements])
