"""The store's door for dead ends: `ports.Escalations` over SQLite or PostgreSQL.

An escalation's row and its notice (`records.add_notice`) are written together, so that a process
that dies in between leaves both or none.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import bindparam, select, update

from watibot.escalations import DeadEnd, Escalation, EscalationCause, Told
from watibot.messages import ChannelName
from watibot.storage.desk_tables import IS_OPEN, IS_TO_REPEAT, escalations
from watibot.storage.door import Door
from watibot.storage.identities import resolve
from watibot.storage.records import add_notice
from watibot.storage.rows import AnyRow, Tx, insert_once, locked, of_conversation, of_hotel

_NEW = insert_once(escalations, escalations.c.escalation_id)
_BEING_TOLD = (
    select(escalations.c.escalation_id)
    .where(
        of_conversation(escalations),
        IS_OPEN,
        IS_TO_REPEAT,
        escalations.c.cause == bindparam("why"),
    )
    .limit(1)
)
_DUE = (
    select(escalations)
    .where(of_hotel(escalations), IS_TO_REPEAT, escalations.c.repeat_at <= bindparam("now"))
    .order_by(escalations.c.repeat_at, escalations.c.escalation_id)
)
_TOLD = update(escalations).where(
    of_hotel(escalations),
    escalations.c.escalation_id == bindparam("which"),
    escalations.c.told == bindparam("seen"),
    IS_OPEN,
)
_ACKNOWLEDGE = update(escalations).where(
    of_hotel(escalations), escalations.c.escalation_id == bindparam("which"), IS_OPEN
)
_ACKNOWLEDGE_ALL = update(escalations).where(
    of_conversation(escalations), IS_OPEN, escalations.c.opened_at <= bindparam("seen_at")
)
_OPEN = (
    select(escalations)
    .where(of_hotel(escalations), IS_OPEN)
    .order_by(escalations.c.opened_at, escalations.c.escalation_id)
    .limit(bindparam("most"))
)
_OF = (
    select(escalations)
    .where(of_conversation(escalations))
    .order_by(escalations.c.escalation_id.desc())
    .limit(100)
)


class SqlEscalations:
    """`ports.Escalations` for one hotel; `SqlStore.escalations` is one."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def open(self, end: DeadEnd, told: Told, repeat_at: datetime | None) -> bool:
        return await self._door.write(_open, end, told, repeat_at)

    async def due(self, now: datetime) -> list[Escalation]:
        return await self._door.read(_due, now)

    async def told(self, seen: Escalation, told: Told, repeat_at: datetime | None) -> bool:
        return await self._door.write(_told, seen, told, repeat_at)

    async def acknowledge(
        self, escalation_id: int, by: str, at: datetime, note: str | None = None
    ) -> bool:
        return await self._door.write(_acknowledge, escalation_id, by, at, note)

    async def acknowledge_all(
        self, channel: ChannelName, name: str, by: str, at: datetime, note: str | None = None
    ) -> int:
        return await self._door.write(_acknowledge_all, channel, name, by, at, note)

    async def open_ones(self, limit: int) -> list[Escalation]:
        return await self._door.read(_open_ones, limit)

    async def of(self, conversation_id: str) -> list[Escalation]:
        return await self._door.read(_of, conversation_id)


def _open(tx: Tx, end: DeadEnd, told: Told, repeat_at: datetime | None) -> bool:
    # Two dead ends of one conversation at once would otherwise not see each other.
    locked(tx, end.conversation_id)
    if tx.one(_BEING_TOLD, conversation=end.conversation_id, why=end.cause) is not None:
        return False
    row = {
        "key": end.key,
        "conversation_id": end.conversation_id,
        "cause": end.cause,
        "reason": end.reason,
        "turn_id": end.turn_id,
        "opened_at": end.at,
        "told": 1,
        "repeat_at": repeat_at,
    }
    made = tx.add(tx.pick(_NEW), [row])
    if not made:
        return False
    _tell(tx, made[0][0], end.cause, end.conversation_id, 1, told)
    return True


def _tell(
    tx: Tx, escalation_id: int, cause: str, conversation_id: str, number: int, told: Told
) -> None:
    key = f"escalation:{escalation_id}:{number}"
    add_notice(tx, key, cause, told.title, told.body, conversation_id, told.at)


def _due(tx: Tx, now: datetime) -> list[Escalation]:
    return [_escalation(row) for row in tx.all(_DUE, now=now)]


def _told(tx: Tx, seen: Escalation, told: Told, repeat_at: datetime | None) -> bool:
    number = seen.told + 1
    if not tx.run(
        _TOLD, which=seen.escalation_id, seen=seen.told, told=number, repeat_at=repeat_at
    ):
        return False
    _tell(tx, seen.escalation_id, seen.cause, seen.conversation_id, number, told)
    return True


def _acknowledge(tx: Tx, escalation_id: int, by: str, at: datetime, note: str | None) -> bool:
    return bool(tx.run(_ACKNOWLEDGE, which=escalation_id, **_seen_to(by, at, note)))


def _acknowledge_all(
    tx: Tx, channel: ChannelName, name: str, by: str, at: datetime, note: str | None
) -> int:
    conversation_id = resolve(tx, channel, name, name)
    return tx.run(
        _ACKNOWLEDGE_ALL, conversation=conversation_id, seen_at=at, **_seen_to(by, at, note)
    )


def _seen_to(by: str, at: datetime, note: str | None) -> dict[str, object]:
    return {"acknowledged_at": at, "acknowledged_by": by, "note": note, "repeat_at": None}


def _open_ones(tx: Tx, limit: int) -> list[Escalation]:
    return [_escalation(row) for row in tx.all(_OPEN, most=limit)]


def _of(tx: Tx, conversation_id: str) -> list[Escalation]:
    return [_escalation(row) for row in tx.all(_OF, conversation=conversation_id)]


def _escalation(row: AnyRow) -> Escalation:
    return Escalation(
        row.escalation_id,
        row.key,
        row.conversation_id,
        EscalationCause(row.cause),
        row.reason,
        row.turn_id,
        row.opened_at,
        row.told,
        row.repeat_at,
        row.acknowledged_at,
        row.acknowledged_by,
        row.note,
    )
