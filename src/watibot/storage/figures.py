"""What operators ask: counts for `/metrics`, lists for the command line. Read only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, bindparam, func, select

from watibot.conversations import Conversation, Provider
from watibot.storage.desk_tables import (
    IS_OPEN,
    IS_UNDECIDED,
    calls,
    escalations,
    payment_proofs,
)
from watibot.storage.rows import Tx, conversation_of, of_conversation, of_hotel
from watibot.storage.tables import (
    HAS_WORK,
    HELD_BY_STAFF,
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
    "conversations_held": _count(conversations, HELD_BY_STAFF),
    "conversations_openai": _count(conversations, conversations.c.provider == Provider.OPENAI),
    "messages_waiting": _count(messages, IS_WAITING),
    "turns_running": _count(turns, IS_RUNNING),
    "media_pending": _count(media, IS_PENDING),
    "notices_waiting": _count(notices, IS_UNTOLD),
    "escalations": _count(escalations),
    "escalations_open": _count(escalations, IS_OPEN),
    "proofs_waiting": _count(payment_proofs, IS_UNDECIDED),
    "quarantine": _count(quarantine),
    "mirror_lag": _count(history, NOT_MIRRORED),
}
_REPEATED = select(func.coalesce(func.sum(escalations.c.told - 1), 0)).where(of_hotel(escalations))
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
_HELD_SINCE = select(conversations.c.owner_at).where(of_conversation(conversations), HELD_BY_STAFF)
_OPEN_ESCALATIONS = (
    select(
        escalations.c.escalation_id,
        escalations.c.opened_at,
        escalations.c.cause,
        escalations.c.conversation_id,
        escalations.c.told,
        escalations.c.repeat_at,
        escalations.c.reason,
    )
    .where(of_hotel(escalations), IS_OPEN)
    .order_by(escalations.c.escalation_id.desc())
    .limit(bindparam("at_most"))
)
_CALLS = (
    select(calls.c.month, calls.c.provider, calls.c["count"])
    .where(of_hotel(calls))
    .order_by(calls.c.month.desc(), calls.c.provider)
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
    """`bubbles_<state>` for every state; `mirror_lag` counts history items, `escalations_repeated`
    how often staff were told again."""
    found = {name: tx.all(statement)[0][0] for name, statement in _COUNTS.items()}
    found["escalations_acknowledged"] = found["escalations"] - found["escalations_open"]
    found["escalations_repeated"] = int(tx.all(_REPEATED)[0][0])
    states = {row[0]: row[1] for row in tx.all(_BUBBLES)}
    return found | {f"bubbles_{state}": states.get(state, 0) for state in BubbleState}


def newest_conversations(tx: Tx, limit: int) -> list[Conversation]:
    return [conversation_of(row) for row in tx.all(_CONVERSATIONS, at_most=limit)]


def newest_quarantine(tx: Tx, limit: int) -> list[Quarantined]:
    return [
        Quarantined(row.quarantine_id, row.channel, row.reason, row.raw, row.at)
        for row in tx.all(_QUARANTINE, at_most=limit)
    ]


def held_since(tx: Tx, conversation_id: str) -> datetime | None:
    """When staff last took or wrote in a conversation that they hold; None if they do not."""
    row = tx.one(_HELD_SINCE, conversation=conversation_id)
    return None if row is None else row.owner_at


def open_escalations(tx: Tx, limit: int) -> list[dict[str, Any]]:
    """Rows, the newest first. `reason` may quote what was said."""
    return [row._asdict() for row in tx.all(_OPEN_ESCALATIONS, at_most=limit)]


def calls_by_month(tx: Tx, limit: int) -> list[dict[str, Any]]:
    """Rows of `month`, `provider`, `count`, the newest month first."""
    return [row._asdict() for row in tx.all(_CALLS, at_most=limit)]
