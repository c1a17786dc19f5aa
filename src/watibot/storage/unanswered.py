"""What nobody answered while staff held a conversation waits for a turn again.

`takeovers.py` comes here when the conversation is given back or its takeover has expired;
`turnbook.py` then opens a turn as for any other burst. A message's history item is taken out again
unless the session or OpenAI's thread has it, or is about to: such an item stays where it is, and
the turn that answers the message leaves it out of the past and does not add it anew.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Select, bindparam, delete, literal_column, or_, select, update

from watibot.conversations import REPLY_WINDOW
from watibot.history import ItemKind
from watibot.storage.among import among
from watibot.storage.outbox import cancel_waiting
from watibot.storage.rows import (
    UPDATE_CONVERSATION,
    AnyRow,
    Tx,
    conversation_of,
    of_conversation,
    of_hotel,
)
from watibot.storage.tables import IN_TURN, WITH_STAFF, history, messages

_NEWEST_ANSWER = (
    select(history.c.at)
    .where(of_conversation(history), history.c.kind != ItemKind.GUEST)
    .order_by(history.c.at.desc())
    .limit(1)
)
_GUEST_ITEMS = select(history.c.item_id, history.c.turn_id, history.c.at).where(
    of_conversation(history), history.c.kind == ItemKind.GUEST
)
_GUEST_ITEMS_SINCE = _GUEST_ITEMS.where(history.c.at > bindparam("after"))
_MESSAGES: Select[tuple[int, str, datetime, datetime]] = select(
    messages.c.seq, messages.c.item_id, messages.c.provider_time, messages.c.received_at
)
_WITH_STAFF = _MESSAGES.where(of_conversation(messages), WITH_STAFF)
_OF_ENDED_TURNS = _MESSAGES.where(
    of_hotel(messages),
    IN_TURN,
    among(messages.c.turn_id, "turns"),
    messages.c.state == literal_column("'done'"),
)
_WAIT_AGAIN = update(messages).where(of_hotel(messages), among(messages.c.seq, "seqs"))
_TAKE_OUT = delete(history).where(
    of_conversation(history),
    among(history.c.item_id, "items"),
    history.c.source_id.is_(None),
    or_(history.c.mirror == "waiting", history.c.mirror == "parked"),
)


def wait_again(tx: Tx, row: AnyRow, at: datetime) -> datetime | None:
    """When the guest's messages that nobody answered are due; None if there are none, or none that
    may be answered. Answers that were on their way when staff took the conversation end first."""
    conversation_id = row.conversation_id
    cancel_waiting(tx, conversation_of(row))
    if row.stopped_at is not None or at >= row.last_guest_at + REPLY_WINDOW:
        return None
    found = [
        message
        for message in _unanswered(tx, conversation_id)
        if at < min(message.provider_time, message.received_at) + REPLY_WINDOW
    ]
    if not found:
        return None
    seqs, item_ids = [each.seq for each in found], [each.item_id for each in found]
    tx.run(_WAIT_AGAIN, seqs=seqs, state="waiting", turn_id=None)
    tx.run(_TAKE_OUT, conversation=conversation_id, items=item_ids)
    due_at: datetime = at if row.due_at is None else min(row.due_at, at)
    tx.run(UPDATE_CONVERSATION, conversation=conversation_id, due_at=due_at, deadline_at=None)
    return due_at if row.not_before is None else max(due_at, row.not_before)


def _unanswered(tx: Tx, conversation_id: str) -> list[AnyRow]:
    """Messages after which only the guest said anything: those that came while staff held the
    conversation, and those of a turn that staff cut short before it had given an answer."""
    newest = tx.one(_NEWEST_ANSWER, conversation=conversation_id)
    if newest is None:
        items = tx.all(_GUEST_ITEMS, conversation=conversation_id)
    else:
        items = tx.all(_GUEST_ITEMS_SINCE, conversation=conversation_id, after=newest.at)
    if not items:
        return []
    wanted = {item.item_id for item in items}
    turn_ids = {item.turn_id for item in items if item.turn_id is not None}
    found = tx.all(_WITH_STAFF, conversation=conversation_id)
    if turn_ids:
        found += tx.all(_OF_ENDED_TURNS, turns=sorted(turn_ids))
    return [message for message in found if message.item_id in wanted]
