"""What operators ask: counts for `/metrics`, lists for the command line. Read only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, Table, bindparam, func, select

from watibot.conversations import Conversation, Provider
from watibot.storage.rows import Tx, conversation_of, of_hotel
from watibot.storage.tables import (
    HAS_WORK,
    IS_PENDING,
    IS_RUNNING,
    IS_UNTOLD,
    IS_WAITING,
    NOT_MIRRORED,
    bubbles,
    conversations,
    history,
    media,
    messages,
    notices,
    quarantine,
    turns,
)
from watibot.turns import BubbleState


def _count(table: Table, *conditions: ColumnElement[bool]) -> Select[int]:
    return select(func.count()).select_from(table).where(of_hotel(table), *conditions)


_COUNTS = {
    "conversations": _count(conversations),
    "conversations_due": _count(conversations, HAS_WORK),
    "conversations_openai": _count(conversations, conversations.c.provider == Provider.OPENAI),
    "messages_waiting": _count(messages, IS_WAITING),
    "turns_running": _count(turns, IS_RUNNING),
    "media_pending": _count(media, IS_PENDING),
    "notices_waiting": _count(notices, IS_UNTOLD),
    "quarantine": _count(quarantine),
    "mirror_lag": _count(history, NOT_MIRRORED),
}
_BUBBLES = select(bubbles.c.state, func.count()).where(of_hotel(bubbles)).group_by(bubbles.c.state)
_CONVERSATIONS = (
    select(conversations)
    .where(of_hotel(conversations))
    .order_by(conversations.c.last_guest_at.desc())
    .limit(bindparam("at_most"))
)
_QUARANTINE = (
    select(quarantine)
    .where(of_hotel(quarantine))
    .order_by(quarantine.c.quarantine_id.desc())
    .limit(bindparam("at_most"))
)


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A webhook's body that could not be understood."""

    quarantine_id: int
    channel: str
    reason: str
    raw: bytes
    at: datetime


def counts(tx: Tx) -> dict[str, int]:
    """`bubbles_<state>` for every state; `mirror_lag` counts history items."""
    found = {name: tx.all(statement)[0][0] for name, statement in _COUNTS.items()}
    states = {row[0]: row[1] for row in tx.all(_BUBBLES)}
    return found | {f"bubbles_{state}": states.get(state, 0) for state in BubbleState}


def newest_conversations(tx: Tx, limit: int) -> list[Conversation]:
    return [conversation_of(row) for row in tx.all(_CONVERSATIONS, at_most=limit)]


def newest_quarantine(tx: Tx, limit: int) -> list[Quarantined]:
    return [
        Quarantined(row.quarantine_id, row.channel, row.reason, row.raw, row.at)
        for row in tx.all(_QUARANTINE, at_most=limit)
    ]
