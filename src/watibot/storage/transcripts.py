"""What was said in a conversation, as the console shows it: history, bubbles, files, what waits.

`console.py` is the door before it; `timeline.py` keeps the history. Read only.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime

from sqlalchemy import bindparam, func, literal_column, select

from watibot.messages import ChannelName
from watibot.modelcalls import Usage
from watibot.ports.console import Answer, Answers, Piece, Transcript
from watibot.storage import timeline
from watibot.storage.among import among
from watibot.storage.columns import Moment
from watibot.storage.rows import AnyRow, Tx, item_of, media_of, of_conversation, of_hotel
from watibot.storage.tables import (
    HAS_PROVIDER_ID,
    IN_TURN,
    IS_RUNNING,
    WITH_STAFF,
    bubbles,
    history,
    media,
    messages,
    turns,
)
from watibot.turns import BubbleState, GuestMessage, Media, TurnState

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
_REPLIES = select(messages.c.item_id, messages.c.reply_to).where(messages.c.reply_to.is_not(None))
_REPLIES_OF_TURNS = _REPLIES.where(of_hotel(messages), IN_TURN, among(messages.c.turn_id, "turns"))
_REPLIES_WITH_STAFF = _REPLIES.where(of_conversation(messages), WITH_STAFF)
_QUOTED_MESSAGES = select(
    messages.c.conversation_id, messages.c.provider_id, messages.c.text
).where(
    of_hotel(messages),
    messages.c.channel.in_([literal_column(f"'{each}'") for each in ChannelName]),
    among(messages.c.provider_id, "names"),
)
_QUOTED_BUBBLES = select(bubbles.c.conversation_id, bubbles.c.provider_id, bubbles.c.text).where(
    of_hotel(bubbles), HAS_PROVIDER_ID, among(bubbles.c.provider_id, "names")
)
_ANSWERS = select(turns).where(of_hotel(turns), among(turns.c.turn_id, "turns"))
_SUMS = select(
    func.count().label("turns"),
    func.sum(turns.c.prompt_tokens).label("prompt"),
    func.sum(turns.c.cached_tokens).label("cached"),
    func.sum(turns.c.output_tokens).label("output"),
    func.sum(turns.c.thoughts_tokens).label("thoughts"),
    func.sum(turns.c.model_seconds).label("seconds"),
).where(of_conversation(turns))
_NEWEST_TURNS = (
    select(turns.c.turn_id)
    .where(of_conversation(turns))
    .order_by(turns.c.opened_at.desc())
    .limit(bindparam("at_most"))
)
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
    pieces = tuple(
        _piece_of(row) for row in tx.all(_PIECES, since=since, before=before or _END, **here)
    )
    turn_ids |= {piece.turn_id for piece in pieces}
    return Transcript(
        items,
        pieces,
        waiting,
        files,
        items[0].at if more else None,
        _quoted(tx, conversation_id, turn_ids, waiting),
        {row.turn_id: _answer_of(row) for row in tx.all(_ANSWERS, turns=sorted(turn_ids))},
    )


def _quoted(
    tx: Tx, conversation_id: str, turn_ids: Collection[str], waiting: Collection[GuestMessage]
) -> dict[str, str]:
    """What the guest replied to, by item; of what was not said here nobody knows the words."""
    replies = {each.item_id: each.reply_to for each in waiting if each.reply_to is not None}
    for row in (
        *tx.all(_REPLIES_OF_TURNS, turns=sorted(turn_ids)),
        *tx.all(_REPLIES_WITH_STAFF, conversation=conversation_id),
    ):
        replies[row.item_id] = row.reply_to
    names = sorted(set(replies.values()))
    if not names:
        return {}
    said = {
        row.provider_id: row.text
        for statement in (_QUOTED_MESSAGES, _QUOTED_BUBBLES)
        for row in tx.all(statement, names=names)
        if row.conversation_id == conversation_id
    }
    return {item_id: said[name] for item_id, name in replies.items() if name in said}


def answers(tx: Tx, conversation_id: str, newest: int) -> Answers:
    sums = tx.all(_SUMS, conversation=conversation_id)[0]
    ids = tx.all(_NEWEST_TURNS, conversation=conversation_id, at_most=newest)
    return Answers(
        sums.turns,
        Usage(*(int(each or 0) for each in (sums.prompt, sums.cached, sums.output, sums.thoughts))),
        sums.seconds or 0.0,
        tuple(row.turn_id for row in ids),
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
        row.turn_id,
        row.text,
        BubbleState(row.state),
        row.receipt,
        row.reason,
        row.created_at,
        row.attempts,
        row.sent_at,
        row.receipt_at,
    )


def _answer_of(row: AnyRow) -> Answer:
    return Answer(
        row.turn_id,
        TurnState(row.state),
        row.opened_at,
        row.finished_at,
        row.model,
        row.instructions_version,
        Usage(row.prompt_tokens, row.cached_tokens, row.output_tokens, row.thoughts_tokens),
        row.model_seconds,
        row.failure,
    )
