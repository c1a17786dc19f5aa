"""What nobody answered while staff held a conversation waits for a turn again.

`takeovers.py` comes here when the conversation is given back or its takeover has expired;
`turnbook.py` then opens a turn as for any other burst. A message's history item is taken out again
unless the session or OpenAI's thread has it, or is about to: such an item stays where it is, and
the turn that answers the message leaves it out of the past and does not add it anew.

The assistant answers what stands before its answer in the history, unless its turn was open before
that came: such an answer, under way when staff took the conversation, does not know it. A colleague
answers what was *said* before: their words may be heard of long afterwards, and behind later
questions.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import bindparam, delete, literal_column, or_, select, update

from watibot.conversations import REPLY_WINDOW, held_by_staff
from watibot.history import ItemKind, answers, said_at
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
from watibot.storage.tables import IN_TURN, WITH_STAFF, history, messages, turns

_AFTER = of_conversation(history) & (history.c.at > bindparam("after"))
_ANSWERS = (
    select(history.c.at, turns.c.opened_at)
    .select_from(
        history.outerjoin(
            turns,
            (turns.c.hotel_id == history.c.hotel_id) & (turns.c.turn_id == history.c.turn_id),
        )
    )
    .where(_AFTER, history.c.kind != ItemKind.GUEST, history.c.kind != ItemKind.STAFF)
)
_BY_STAFF = select(history.c.at, history.c.origin).where(_AFTER, history.c.kind == ItemKind.STAFF)
_GUEST_ITEMS = select(history.c.item_id, history.c.turn_id, history.c.at).where(
    _AFTER, history.c.kind == ItemKind.GUEST
)
_MESSAGE = (
    messages.c.seq,
    messages.c.item_id,
    messages.c.provider_time,
    messages.c.received_at,
)
_WITH_STAFF = select(*_MESSAGE).where(
    of_conversation(messages), WITH_STAFF, messages.c.received_at > bindparam("after")
)
_OF_ENDED_TURNS = select(*_MESSAGE).where(
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
    may be answered. Answers that were on their way when staff took the conversation end first; if
    the takeover has ended by itself, those that wait may have been given since."""
    conversation_id = row.conversation_id
    conversation = conversation_of(row)
    if held_by_staff(conversation, at):
        cancel_waiting(tx, conversation)
    if row.stopped_at is not None or at >= row.last_guest_at + REPLY_WINDOW:
        return None
    found = _unanswered(tx, conversation_id, at - REPLY_WINDOW)
    if not found:
        return None
    seqs, item_ids = [each.seq for each in found], [each.item_id for each in found]
    tx.run(_WAIT_AGAIN, seqs=seqs, state="waiting", turn_id=None)
    tx.run(_TAKE_OUT, conversation=conversation_id, items=item_ids)
    due_at: datetime = at if row.due_at is None else min(row.due_at, at)
    tx.run(UPDATE_CONVERSATION, conversation=conversation_id, due_at=due_at, deadline_at=None)
    return due_at if row.not_before is None else max(due_at, row.not_before)


def _unanswered(tx: Tx, conversation_id: str, after: datetime) -> list[AnyRow]:
    """Messages that were said after `after` and that nobody answered: of those that came while
    staff held the conversation, and of those of a turn that staff cut short before it had given an
    answer. Nothing that stands before `after` can matter, for an item's place is never earlier than
    its words."""
    items = tx.all(_GUEST_ITEMS, conversation=conversation_id, after=after)
    if not items:
        return []
    given = tx.all(_ANSWERS, conversation=conversation_id, after=after)
    newest = max((answer.at for answer in given), default=after)
    place = {item.item_id: item.at for item in items}
    found = [
        each
        for each in tx.all(_WITH_STAFF, conversation=conversation_id, after=after)
        if each.item_id in place and not _knew(given, place[each.item_id], each.received_at)
    ]
    late = [item for item in items if item.turn_id is not None and item.at > newest]
    if late:
        of_turns = tx.all(_OF_ENDED_TURNS, turns=sorted({item.turn_id for item in late}))
        found += [each for each in of_turns if place.get(each.item_id, newest) > newest]
    words_at = _last_words(tx, conversation_id, after)
    return [each for each in found if words_at <= _said_at(each) > after]


def _knew(answers: list[AnyRow], place: datetime, received_at: datetime) -> bool:
    """Whether an answer behind this place was begun with what stands there."""
    return any(
        answer.at > place and (answer.opened_at is None or answer.opened_at >= received_at)
        for answer in answers
    )


def _last_words(tx: Tx, conversation_id: str, after: datetime) -> datetime:
    """When a colleague last said something to the guest, to the second: providers leave out the
    rest in some places, and what was asked in the same second is better answered twice than
    never; `after` if they said nothing since."""
    rows = tx.all(_BY_STAFF, conversation=conversation_id, after=after)
    said = [said_at(row.at, row.origin) for row in rows if answers(row.origin)]
    return max(said).replace(microsecond=0) if said else after


def _said_at(message: AnyRow) -> datetime:
    said: datetime = min(message.provider_time, message.received_at)
    return said
