"""A conversation's history rows: how items are added, in strict order of time, and how read.

`turnbook.py` adds a finished turn, `inbox.py` and `takeovers.py` what is said while staff answer,
`elsewhere.py` what was said where the service did not hear it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
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
_COUNT = (
    select(func.count())
    .select_from(history)
    .where(of_conversation(history), history.c.at > bindparam("after"))
)
_NEWEST = (
    select(history)
    .where(of_conversation(history), history.c.at > bindparam("after"))
    .order_by(history.c.at.desc())
    .limit(bindparam("newest"))
)
_OLDEST = select(history.c.at).where(of_conversation(history)).order_by(history.c.at).limit(1)
_THERE = select(history.c.item_id).where(
    of_conversation(history), among(history.c.item_id, "items")
)
_POSTED = (
    update(history)
    .where(of_conversation(history), history.c.item_id == bindparam("item"))
    .values(source_id=bindparam("their_id"))
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
_EVER = datetime(1, 1, 1, tzinfo=UTC)


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


def append_new(
    tx: Tx,
    conversation_id: str,
    last_item_at: datetime | None,
    items: Sequence[HistoryItem],
    mirror: str,
    posted: Mapping[str, str] | None = None,
) -> datetime | None:
    """As `append`, without those that are there already: a message that waits again after staff
    gave it back may be in the session. `posted`: what OpenAI's thread calls them, by item id."""
    known = there(tx, conversation_id, [item.item_id for item in items])
    for item_id in known:
        if posted is not None and item_id in posted:
            tx.run(_POSTED, conversation=conversation_id, item=item_id, their_id=posted[item_id])
    new = [item for item in items if item.item_id not in known]
    return append(tx, conversation_id, last_item_at, new, mirror)


def prepend(tx: Tx, conversation: AnyRow, items: Sequence[HistoryItem], mirror: str) -> int:
    """Puts items before all that are there, each once; how many were new. Times are moved back
    where they would not come before."""
    conversation_id = conversation.conversation_id
    known = there(tx, conversation_id, [item.item_id for item in items])
    oldest = tx.one(_OLDEST, conversation=conversation_id)
    before = None if oldest is None else oldest.at
    new = {item.item_id: item for item in items if item.item_id not in known}
    placed: list[HistoryItem] = []
    for item in reversed(new.values()):
        before = item.at if before is None else min(item.at, before - _TICK)
        placed.append(replace(item, at=before))
    placed.reverse()
    insert_items(tx, conversation_id, placed, mirror)
    if placed and conversation.last_item_at is None:
        tx.run(UPDATE_CONVERSATION, conversation=conversation_id, last_item_at=placed[-1].at)
    return len(placed)


def there(tx: Tx, conversation_id: str, item_ids: Collection[str]) -> set[str]:
    """Which of the items are in the history."""
    if not item_ids:
        return set()
    return {row[0] for row in tx.all(_THERE, conversation=conversation_id, items=list(item_ids))}


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


def newest(tx: Tx, conversation_id: str, count: int, after: datetime = _EVER) -> list[HistoryItem]:
    """The newest items, the oldest of them first."""
    rows = tx.all(_NEWEST, conversation=conversation_id, newest=count, after=after)
    return [item_of(row) for row in reversed(rows)]


def window(
    tx: Tx, conversation: AnyRow, at_most: int, without: Collection[str]
) -> tuple[HistoryItem, ...]:
    """The items of a prompt, without those that its burst holds. Whole blocks of half of `at_most`
    are left out, so that the beginning moves once in so many items; it is then a person's words,
    never an answer without its question or a tool's result without its call. What is folded into
    the summary is left out."""
    conversation_id = conversation.conversation_id
    folded = None if conversation.summary is None else conversation.folded_until
    after = folded or _EVER
    total = tx.all(_COUNT, conversation=conversation_id, after=after)[0][0]
    block = at_most // 2
    left_out = -(-max(total - at_most, 0) // block) * block
    items = newest(tx, conversation_id, total - left_out, after)
    start = 0
    if left_out:
        people = (ItemKind.GUEST, ItemKind.STAFF)
        start = next((i for i, item in enumerate(items) if item.kind in people), 0)
    return tuple(item for item in items[start:] if item.item_id not in without)


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
    return append_new(
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
