"""The store's door for money: `ports.charges.Charges` over SQLite or PostgreSQL.

`service/charging.py` adds in batches; the console, the budget and `watibot costs` ask. A charge
stays when its guest is erased: then it belongs to no conversation.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    bindparam,
    func,
    insert,
    literal_column,
    select,
    type_coerce,
)

from watibot.charges import Charge, Operation, Use
from watibot.messages import ChannelName
from watibot.modelcalls import Occasion, Usage
from watibot.ports.charges import By, Reach, Sum
from watibot.storage.among import among
from watibot.storage.door import Door
from watibot.storage.money_tables import charges
from watibot.storage.rows import AnyRow, Tx, of_hotel
from watibot.storage.tables import bookings

SPAN_MICROS = 900_000_000  # a quarter of an hour

_ADD = insert(charges)
_IN_SPAN = (
    of_hotel(charges) & (charges.c.at >= bindparam("since")) & (charges.c.at < bindparam("until"))
)
_SUMMED: tuple[ColumnElement[Any], ...] = (
    func.coalesce(func.sum(charges.c.micros), 0).label("micros"),
    (func.count() - func.count(charges.c.micros)).label("unknown"),
    func.count().label("charges"),
    *(
        func.coalesce(func.sum(column), 0).label(column.name)
        for column in (
            charges.c.quantity,
            charges.c.prompt_tokens,
            charges.c.cached_tokens,
            charges.c.output_tokens,
            charges.c.thoughts_tokens,
            charges.c.audio_tokens,
        )
    ),
)
_TOTAL = select(*_SUMMED).where(_IN_SPAN)
_SPAN = type_coerce(charges.c.at, BigInteger).op("/")(
    literal_column(str(SPAN_MICROS), BigInteger)
) * literal_column(str(SPAN_MICROS), BigInteger)


def _by(key: ColumnElement[Any]) -> Select[Any]:
    return (
        select(key.label("key"), *_SUMMED)
        .where(_IN_SPAN)
        .group_by(literal_column("key"))
        .limit(bindparam("at_most"))
    )


_SUMS: dict[By, Select[Any]] = {
    By.SPAN: _by(_SPAN).order_by(literal_column("key")),
    **{
        by: _by(func.coalesce(charges.c[by.value], literal_column("''"))).order_by(
            literal_column("micros").desc(), literal_column("key")
        )
        for by in By
        if by is not By.SPAN
    },
}
_OF_TURNS = (
    select(charges.c.turn_id.label("key"), *_SUMMED)
    .where(of_hotel(charges), among(charges.c.turn_id, "wanted"))
    .group_by(charges.c.turn_id)
)
_ASKED = select(
    func.count(charges.c.conversation_id.distinct()).label("conversations"),
    func.count(charges.c.turn_id.distinct()).label("turns"),
).where(
    _IN_SPAN,
    charges.c.operation.in_(
        literal_column(f"'{each}'") for each in (Operation.ANSWER, Operation.RUN)
    ),
)
_BOOKED = select(func.count().label("bookings")).where(
    of_hotel(bookings),
    bookings.c.created_at >= bindparam("since"),
    bookings.c.created_at < bindparam("until"),
)
_ONE_BY_ONE = (
    select(charges)
    .where(_IN_SPAN)
    .order_by(charges.c.at, charges.c.charge_id)
    .limit(bindparam("at_most"))
)


class SqlCharges:
    """`ports.charges.Charges` for one hotel; `SqlStore.charges` is one."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def add(self, charges: Sequence[Charge]) -> None:
        if charges:
            await self._door.write(add, charges)

    async def total(self, since: datetime, until: datetime) -> Sum:
        return await self._door.read(total, since, until)

    async def sums(self, by: By, since: datetime, until: datetime, limit: int) -> list[Sum]:
        return await self._door.read(sums, by, since, until, limit)

    async def of_turns(self, turn_ids: Collection[str]) -> dict[str, Sum]:
        return await self._door.read(of_turns, turn_ids) if turn_ids else {}

    async def reach(self, since: datetime, until: datetime) -> Reach:
        return await self._door.read(reach, since, until)

    async def charges(self, since: datetime, until: datetime, limit: int) -> list[Charge]:
        return await self._door.read(one_by_one, since, until, limit)


def add(tx: Tx, new: Sequence[Charge]) -> None:
    tx.add(_ADD, [_row(charge) for charge in new])


def total(tx: Tx, since: datetime, until: datetime) -> Sum:
    return _sum(tx.all(_TOTAL, since=since, until=until)[0], "")


def sums(tx: Tx, by: By, since: datetime, until: datetime, limit: int) -> list[Sum]:
    rows = tx.all(_SUMS[by], since=since, until=until, at_most=limit)
    return [_sum(row, str(row.key)) for row in rows]


def of_turns(tx: Tx, turn_ids: Collection[str]) -> dict[str, Sum]:
    return {row.key: _sum(row, row.key) for row in tx.all(_OF_TURNS, wanted=list(turn_ids))}


def reach(tx: Tx, since: datetime, until: datetime) -> Reach:
    asked = tx.all(_ASKED, since=since, until=until)[0]
    booked = tx.all(_BOOKED, since=since, until=until)[0]
    return Reach(asked.conversations, asked.turns, booked.bookings)


def one_by_one(tx: Tx, since: datetime, until: datetime, limit: int) -> list[Charge]:
    return [_charge(row) for row in tx.all(_ONE_BY_ONE, since=since, until=until, at_most=limit)]


def _row(charge: Charge) -> dict[str, Any]:
    use = charge.use
    return {
        "at": charge.at,
        "provider": use.provider,
        "operation": use.operation,
        "model": use.model,
        "location": use.location,
        "outcome": use.outcome,
        "channel": charge.channel,
        "conversation_id": use.occasion.conversation_id,
        "turn_id": use.occasion.turn_id,
        "quantity": use.quantity,
        "prompt_tokens": use.usage.prompt,
        "cached_tokens": use.usage.cached,
        "output_tokens": use.usage.output,
        "thoughts_tokens": use.usage.thoughts,
        "audio_tokens": use.usage.audio,
        "seconds": use.seconds,
        "micros": charge.micros,
    }


def _charge(row: AnyRow) -> Charge:
    """`cached_audio` is not kept: the price was found before."""
    channel = None if row.channel is None else ChannelName(row.channel)
    use = Use(
        row.provider,
        Operation(row.operation),
        row.model,
        row.location,
        _usage(row),
        row.quantity,
        row.outcome,
        row.seconds,
        Occasion(row.operation, row.conversation_id, channel, row.turn_id),
    )
    return Charge(row.at, use, row.micros, channel)


def _sum(row: AnyRow, key: str) -> Sum:
    # PostgreSQL adds whole numbers up to decimal ones.
    return Sum(key, int(row.micros), int(row.unknown), row.charges, int(row.quantity), _usage(row))


def _usage(row: AnyRow) -> Usage:
    return Usage(
        int(row.prompt_tokens),
        int(row.cached_tokens),
        int(row.output_tokens),
        int(row.thoughts_tokens),
        int(row.audio_tokens),
    )
