"""What the Vertex sessions still lack, conversation by conversation.

`service/mirror.py` takes a job, appends its items to the session and reports. An item goes
held -> waiting -> sending -> done, in order: what is held stops what comes after it. An item of a
conversation that OpenAI still answers is parked, and a migration takes it parked -> moving -> done:
no item is ever the business of both. While a guest is being erased, no session of theirs is begun:
one that is still there would be taken for the new conversation's past.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import bindparam, case, func, or_, select, update

from watibot.history import HistoryItem
from watibot.ports.store import MirrorJob
from watibot.storage.among import among
from watibot.storage.money_tables import erasures
from watibot.storage.rows import (
    UPDATE_CONVERSATION,
    Tx,
    conversation_of,
    item_of,
    locked,
    of_conversation,
    of_hotel,
)
from watibot.storage.tables import IS_PARKED, NOT_MIRRORED, history
from watibot.storage.timeline import prepend

_HELD_AT = func.min(case((history.c.mirror == "held", history.c.at)))
_READY_AT = func.min(case((history.c.mirror != "held", history.c.at)))
_BEING_ERASED = select(erasures.c.conversation_id).where(
    of_hotel(erasures), erasures.c.conversation_id.is_not(None)
)
_IS_BEING_ERASED = select(erasures.c.erasure_id).where(of_conversation(erasures)).limit(1)
_DUE = (
    select(history.c.conversation_id)
    .where(of_hotel(history), NOT_MIRRORED, history.c.conversation_id.not_in(_BEING_ERASED))
    .group_by(history.c.conversation_id)
    .having(_READY_AT.is_not(None), or_(_HELD_AT.is_(None), _READY_AT < _HELD_AT))
    .order_by(_READY_AT)
    .limit(bindparam("at_most"))
)
_NEXT = (
    select(history)
    .where(of_conversation(history), NOT_MIRRORED)
    .order_by(history.c.at)
    .limit(bindparam("at_most"))
)
_NEXT_PARKED = (
    select(history)
    .where(of_conversation(history), IS_PARKED)
    .order_by(history.c.at)
    .limit(bindparam("at_most"))
)
_MARK = (
    update(history)
    .where(of_conversation(history), among(history.c.item_id, "items"))
    .values(mirror=bindparam("new_mirror"))
)
_SENDING_AGAIN = (
    update(history)
    .where(of_conversation(history), NOT_MIRRORED, history.c.mirror == "sending")
    .values(mirror="waiting")
)
_MOVING_AGAIN = (
    update(history)
    .where(of_conversation(history), IS_PARKED, history.c.mirror == "moving")
    .values(mirror="parked")
)
_REPLAYED = (
    select(history.c.item_id)
    .where(of_conversation(history), history.c.mirror != "held", ~IS_PARKED)
    .order_by(history.c.at.desc())
    .limit(bindparam("newest"))
)


def due(tx: Tx, limit: int) -> list[str]:
    return [row[0] for row in tx.all(_DUE, at_most=limit)]


def job(tx: Tx, conversation_id: str, limit: int, moving: bool) -> MirrorJob | None:
    conversation = locked(tx, conversation_id)
    if conversation is None or tx.one(_IS_BEING_ERASED, conversation=conversation_id) is not None:
        return None
    statement, sending = (_NEXT_PARKED, "moving") if moving else (_NEXT, "sending")
    rows = list(tx.all(statement, conversation=conversation_id, at_most=limit))
    held = next((i for i, row in enumerate(rows) if row.mirror == "held"), len(rows))
    rows = rows[:held]
    if not rows:
        return None
    tx.run(
        _MARK,
        conversation=conversation_id,
        items=[row.item_id for row in rows],
        new_mirror=sending,
    )
    return MirrorJob(
        conversation_of(conversation),
        tuple(item_of(row) for row in rows),
        any(row.mirror == sending for row in rows),
    )


def done(tx: Tx, conversation_id: str, item_ids: Sequence[str]) -> None:
    locked(tx, conversation_id)
    tx.run(_MARK, conversation=conversation_id, items=list(item_ids), new_mirror="done")


def set_session(
    tx: Tx,
    conversation_id: str,
    session_id: str,
    generation: int,
    replay: int | None,
    moving: bool,
) -> None:
    locked(tx, conversation_id)
    tx.run(
        UPDATE_CONVERSATION,
        conversation=conversation_id,
        session_id=session_id,
        session_generation=generation,
    )
    if replay is not None:
        # A new session has nothing: neither these nor what was on its way to the old one.
        again = [row[0] for row in tx.all(_REPLAYED, conversation=conversation_id, newest=replay)]
        new_mirror = "parked" if moving else "waiting"
        tx.run(_MARK, conversation=conversation_id, items=again, new_mirror=new_mirror)
        tx.run(_MOVING_AGAIN if moving else _SENDING_AGAIN, conversation=conversation_id)


def restore(tx: Tx, conversation_id: str, items: Sequence[HistoryItem]) -> int:
    conversation = locked(tx, conversation_id)
    return 0 if conversation is None else prepend(tx, conversation, items, "done")
