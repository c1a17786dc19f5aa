"""A conversation's history rows: how items are added, in strict order of time, and how read.

`turnbook.py` adds a finished turn, `inbox.py` and `takeovers.py` what is said while staff answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Executable, bindparam, func, insert, select, update

from watibot.conversations import Provider
from watibot.history import HistoryItem, ItemKind
from watibot.messages import MessageKind
from watibot.storage.among import among
from watibot.storage.rows import (
    UPDATE_CONVERSATION,
    AnyRow,
    Tx,
    item_of,
    media_of,
    of_conversation,
    of_hotel,
)
from watibot.storage.tables import IS_WAITING, history, media, messages
from watibot.turns import GuestMessage, Media
from watibot.wording import history_text

_INSERT = insert(history)
_COUNT = select(func.count()).select_from(history).where(of_conversation(history))
_NEWEST = (
    select(history)
    .where(of_conversation(history))
    .order_by(history.c.at.desc())
    .limit(bindparam("newest"))
)
_WAITING = (
    select(messages)
    .where(of_conversation(messages), IS_WAITING)
    .order_by(messages.c.provider_time, messages.c.seq)
)
_TURN_MESSAGES = (
    select(messages)
    .where(of_hotel(messages), messages.c.turn_id == bindparam("turn"))
    .order_by(messages.c.provider_time, messages.c.seq)
)
_MEDIA = (
    select(media)
    .where(of_hotel(media), among(media.c.message_seq, "seqs"))
    .order_by(media.c.media_id)
)
_WAITING_TO_STAFF = (
    update(messages).where(of_conversation(messages), IS_WAITING).values(state="with_staff")
)
_TICK = timedelta(microseconds=1)


def append(
    tx: Tx,
    conversation_id: str,
    last_item_at: datetime | None,
    items: Sequence[HistoryItem],
    mirror: str,
) -> datetime | None:
    """Adds items in their order, each one's time moved past the one before. The newest time."""
    placed = []
    for item in items:
        last_item_at = item.at if last_item_at is None else max(item.at, last_item_at + _TICK)
        placed.append(replace(item, at=last_item_at))
    insert_items(tx, conversation_id, placed, mirror)
    if placed:
        tx.run(UPDATE_CONVERSATION, conversation=conversation_id, last_item_at=last_item_at)
    return last_item_at


def insert_items(tx: Tx, conversation_id: str, items: Sequence[HistoryItem], mirror: str) -> None:
    """Items whose times are right already."""
    if items:
        tx.add(
            _INSERT,
            [
                {
                    "conversation_id": conversation_id,
                    "item_id": item.item_id,
                    "kind": item.kind,
                    "at": item.at,
                    "text": item.text,
                    "content": item.content,
                    "turn_id": item.turn_id,
                    "author": item.author,
                    "mirror": mirror,
                    "source_id": item.source_id,
                    "origin": item.origin,
                }
                for item in items
            ],
        )


def newest(tx: Tx, conversation_id: str, count: int) -> list[HistoryItem]:
    """The newest items, the oldest of them first."""
    rows = tx.all(_NEWEST, conversation=conversation_id, newest=count)
    return [item_of(row) for row in reversed(rows)]


def window(tx: Tx, conversation_id: str, at_most: int) -> tuple[HistoryItem, ...]:
    """The items of a prompt. Whole blocks of half of `at_most` are left out, so that the beginning
    moves once in so many items; it is then a person's words, never an answer without its question
    or a tool's result without its call."""
    total = tx.all(_COUNT, conversation=conversation_id)[0][0]
    block = at_most // 2
    left_out = -(-max(total - at_most, 0) // block) * block
    items = newest(tx, conversation_id, total - left_out)
    start = 0
    if left_out:
        people = (ItemKind.GUEST, ItemKind.STAFF)
        start = next((i for i, item in enumerate(items) if item.kind in people), 0)
    return tuple(items[start:])


def waiting_messages(tx: Tx, conversation_id: str) -> tuple[GuestMessage, ...]:
    """What no turn has taken yet, in the order of the provider's time."""
    return _guest_messages(tx, _WAITING, conversation=conversation_id)


def turn_messages(tx: Tx, turn_id: str) -> tuple[GuestMessage, ...]:
    """A turn's messages, in the same order."""
    return _guest_messages(tx, _TURN_MESSAGES, turn=turn_id)


def guest_items(messages: Sequence[GuestMessage], turn_id: str | None) -> list[HistoryItem]:
    """Messages as history. A provider's clock that is ahead does not push the rest away."""
    items = []
    for message in messages:
        text = history_text(message)
        items.append(
            HistoryItem(
                message.item_id,
                ItemKind.GUEST,
                min(message.provider_time, message.received_at),
                text,
                {"role": "user", "parts": [{"text": text}]},
                turn_id,
            )
        )
    return items


def free(conversation: AnyRow) -> str:
    """How items stand that nothing holds back: the mirror's, or parked for a migration."""
    return "parked" if conversation.provider == Provider.OPENAI else "waiting"


def waiting_to_staff(tx: Tx, conversation: AnyRow) -> datetime | None:
    """Makes waiting messages history, because a colleague answers them. The newest time."""
    found = waiting_messages(tx, conversation.conversation_id)
    if not found:
        return conversation.last_item_at  # type: ignore[no-any-return]
    tx.run(_WAITING_TO_STAFF, conversation=conversation.conversation_id)
    return append(
        tx,
        conversation.conversation_id,
        conversation.last_item_at,
        guest_items(found, None),
        free(conversation),
    )


def _guest_messages(tx: Tx, statement: Executable, **values: Any) -> tuple[GuestMessage, ...]:
    rows = tx.all(statement, **values)
    files: dict[int, list[Media]] = {}
    if rows:
        for found in tx.all(_MEDIA, seqs=[row.seq for row in rows]):
            files.setdefault(found.message_seq, []).append(media_of(found))
    return tuple(_guest_message(row, files.get(row.seq, ())) for row in rows)


def _guest_message(row: AnyRow, files: Sequence[Media]) -> GuestMessage:
    return GuestMessage(
        row.seq,
        row.item_id,
        row.provider_time,
        row.received_at,
        MessageKind(row.kind),
        row.text,
        tuple(files),
        row.reply_to,
    )
