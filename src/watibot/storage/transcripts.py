"""What was said in a conversation, as the console shows it: history, bubbles, files, what waits.

`console.py` is the door before it; `timeline.py` keeps the history. Read only.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import bindparam, select

from watibot.ports.console import Piece, Transcript
from watibot.storage import timeline
from watibot.storage.among import among
from watibot.storage.columns import Moment
from watibot.storage.rows import AnyRow, Tx, item_of, media_of, of_conversation, of_hotel
from watibot.storage.tables import (
    IN_TURN,
    IS_RUNNING,
    WITH_STAFF,
    bubbles,
    history,
    media,
    messages,
    turns,
)
from watibot.turns import BubbleState, GuestMessage, Media

_NEWEST = (
    select(history)
    .where(of_conversation(history))
    .order_by(history.c.at.desc())
    .limit(bindparam("at_most"))
)
_BEFORE = _NEWEST.where(history.c.at < bindparam("before", type_=Moment))
_PIECES = (
    select(bubbles)
    .where(
        of_conversation(bubbles),
        bubbles.c.created_at >= bindparam("since", type_=Moment),
        bubbles.c.created_at < bindparam("before", type_=Moment),
    )
    .order_by(bubbles.c.seq)
)
_FILES = (
    select(messages.c.item_id, media)
    .join(
        messages,
        (messages.c.hotel_id == media.c.hotel_id) & (messages.c.seq == media.c.message_seq),
    )
    .where(of_hotel(media))
    .order_by(media.c.media_id)
)
# Messages are found by their turn or, where staff answered them, by that.
_FILES_OF_TURNS = _FILES.where(IN_TURN, among(messages.c.turn_id, "turns"))
_FILES_WITH_STAFF = _FILES.where(of_conversation(messages), WITH_STAFF)
_RUNNING_TURN = select(turns.c.turn_id).where(of_conversation(turns), IS_RUNNING)
_MEDIA = select(media).where(of_hotel(media), media.c.media_id == bindparam("file"))
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_END = datetime(9999, 1, 1, tzinfo=UTC)


def transcript(tx: Tx, conversation_id: str, before: datetime | None, newest: int) -> Transcript:
    here = {"conversation": conversation_id}
    if before is None:
        rows = tx.all(_NEWEST, at_most=newest + 1, **here)
    else:
        rows = tx.all(_BEFORE, before=before, at_most=newest + 1, **here)
    more = len(rows) > newest
    items = tuple(item_of(row) for row in reversed(rows[:newest]))
    since = items[0].at if items and more else _EPOCH
    waiting = _unanswered(tx, conversation_id) if before is None else ()
    files: dict[str, tuple[Media, ...]] = {each.item_id: each.media for each in waiting}
    turn_ids = {item.turn_id for item in items if item.turn_id is not None}
    for row in (
        *tx.all(_FILES_OF_TURNS, turns=sorted(turn_ids)),
        *tx.all(_FILES_WITH_STAFF, **here),
    ):
        files[row.item_id] = (*files.get(row.item_id, ()), media_of(row))
    return Transcript(
        items,
        tuple(
            _piece_of(row) for row in tx.all(_PIECES, since=since, before=before or _END, **here)
        ),
        waiting,
        files,
        items[0].at if more else None,
    )


def _unanswered(tx: Tx, conversation_id: str) -> tuple[GuestMessage, ...]:
    """The running turn's messages, and those that wait for the next one."""
    turn = tx.one(_RUNNING_TURN, conversation=conversation_id)
    running = () if turn is None else timeline.turn_messages(tx, turn.turn_id)
    return (*running, *timeline.waiting_messages(tx, conversation_id))


def file(tx: Tx, media_id: int) -> Media | None:
    row = tx.one(_MEDIA, file=media_id)
    return None if row is None else media_of(row)


def _piece_of(row: AnyRow) -> Piece:
    return Piece(
        row.turn_id, row.text, BubbleState(row.state), row.receipt, row.reason, row.created_at
    )
