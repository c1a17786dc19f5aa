"""What was said where the service did not hear it: what is known here, and what is taken in.

`service/look.py` compares a channel's own history with `known` and brings what is new;
`service/past.py` brings what was said before the conversation began here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, select

from watibot.conversations import Provider
from watibot.history import HistoryItem, ItemKind, said_at
from watibot.matching import Author, Said
from watibot.messages import ChannelName
from watibot.storage.among import among
from watibot.storage.records import conversation
from watibot.storage.rows import (
    UPDATE_CONVERSATION,
    AnyRow,
    Tx,
    locked,
    of_conversation,
    of_hotel,
)
from watibot.storage.tables import (
    HAS_PROVIDER_ID,
    HAS_RECORD_ID,
    HAS_THEIR_RECORD_ID,
    IN_TURN,
    IS_RUNNING,
    IS_WAITING,
    bubbles,
    history,
    messages,
    turns,
)
from watibot.storage.takeovers import staff_item_id
from watibot.storage.timeline import append, free, prepend, there
from watibot.storage.turnbook import by_staff, outdate

_AUTHORS = {
    ItemKind.GUEST: Author.GUEST,
    ItemKind.ASSISTANT: Author.BOT,
    ItemKind.STAFF: Author.STAFF,
}

# A webhook's time may have whole seconds only.
SAME_TIME = timedelta(seconds=2)

# One statement for each index: joined by OR they would read every row of the hotel.
_BUBBLES_SINCE = select(bubbles).where(
    of_conversation(bubbles), bubbles.c.last_attempt_at >= bindparam("since")
)
_BUBBLES_BY_ID = select(bubbles).where(of_hotel(bubbles), among(bubbles.c.bubble_id, "names"))
_BUBBLES_BY_PROVIDER_ID = select(bubbles).where(
    of_hotel(bubbles), HAS_PROVIDER_ID, among(bubbles.c.provider_id, "names")
)
_BUBBLES_BY_RECORD_ID = select(bubbles).where(
    of_hotel(bubbles), HAS_RECORD_ID, among(bubbles.c.record_id, "names")
)
_ITEM = (
    history.c.item_id,
    history.c.kind,
    history.c.at,
    history.c.text,
    history.c.turn_id,
    history.c.origin,
)
_ITEMS_SINCE = select(*_ITEM).where(of_conversation(history), history.c.at >= bindparam("since"))
_ITEMS_BY_ID = select(*_ITEM).where(of_conversation(history), among(history.c.item_id, "names"))
_MESSAGE = (
    messages.c.conversation_id,
    messages.c.provider_id,
    messages.c.record_id,
    messages.c.item_id,
    messages.c.provider_time,
    messages.c.text,
)
_MESSAGES_BY_ID = select(*_MESSAGE).where(
    of_hotel(messages),
    messages.c.channel == bindparam("on"),
    among(messages.c.provider_id, "names"),
)
_MESSAGES_BY_RECORD_ID = select(*_MESSAGE).where(
    of_hotel(messages),
    HAS_THEIR_RECORD_ID,
    messages.c.channel == bindparam("on"),
    among(messages.c.record_id, "names"),
)
# Those that are not history yet.
_MESSAGES_WAITING = select(*_MESSAGE).where(of_conversation(messages), IS_WAITING)
_RUNNING = select(turns.c.turn_id).where(of_conversation(turns), IS_RUNNING)
_MESSAGES_IN_TURN = select(*_MESSAGE).where(
    of_hotel(messages), IN_TURN, messages.c.turn_id == bindparam("turn")
)


def known(tx: Tx, conversation_id: str, since: datetime, ids: Sequence[str]) -> list[Said]:
    """Each bubble, message and item once."""
    mine = conversation(tx, conversation_id)
    if mine is None:
        return []
    sent = {row.bubble_id: row for row in _bubbles(tx, conversation_id, since, ids)}
    written = {row.item_id: row for row in _messages(tx, conversation_id, mine.channel, ids)}
    # A colleague's message is stored under a digest of its name.
    names = {staff_item_id(mine.channel, name): name for name in ids}
    items = {row.item_id: row for row in _items(tx, conversation_id, since, [*ids, *names])}
    turn_ids = {row.turn_id for row in sent.values()}
    return [
        *(_of_bubble(row) for row in sent.values()),
        *(_of_message(row) for row in written.values()),
        *(
            _of_item(row, names.get(row.item_id))
            for row in items.values()
            if row.item_id not in written
            and (row.kind == ItemKind.GUEST or row.turn_id not in turn_ids)
        ),
    ]


def take_in(
    tx: Tx, conversation_id: str, items: Sequence[HistoryItem], checked_at: datetime | None
) -> int:
    row = locked(tx, conversation_id)
    if row is None:
        return 0
    known_ids = there(tx, conversation_id, [item.item_id for item in items])
    told = _told(tx, conversation_id, items)
    new = {
        item.item_id: item
        for item in items
        if item.item_id not in known_ids and told.isdisjoint(_given(item.origin))
    }
    append(tx, conversation_id, row.last_item_at, list(new.values()), free(row))
    if new:
        outdate(tx, conversation_id)
    given = {}
    if any(item.kind is ItemKind.STAFF for item in new.values()):
        model = "agent" if row.provider == Provider.OPENAI else "vertex"
        given[f"{model}_context_injected"] = True
    tx.run(
        UPDATE_CONVERSATION,
        conversation=conversation_id,
        context_checked_at=checked_at or row.context_checked_at,
        **given,
    )
    return len(new)


def _told(tx: Tx, conversation_id: str, items: Sequence[HistoryItem]) -> set[str]:
    """The names that a channel gave what is there: a webhook may have come since the items were
    compared, and its item goes by another of the names."""
    times = [item.at for item in items if item.kind is ItemKind.STAFF and _given(item.origin)]
    if not times:
        return set()
    rows = tx.all(_ITEMS_SINCE, conversation=conversation_id, since=min(times) - SAME_TIME)
    return {name for row in rows for name in _given(row.origin)}


def take_in_past(
    tx: Tx, conversation_id: str, items: Sequence[HistoryItem], next_page: int | None
) -> int:
    row = locked(tx, conversation_id)
    if row is None:
        return 0
    told = _told(tx, conversation_id, items)
    new = [item for item in items if told.isdisjoint(_given(item.origin))]
    made = prepend(tx, row, new, free(row))
    tx.run(
        UPDATE_CONVERSATION,
        conversation=conversation_id,
        past_page=next_page,
        history_imported=next_page is None,
    )
    return made


def _bubbles(tx: Tx, conversation_id: str, since: datetime, ids: Sequence[str]) -> Iterable[AnyRow]:
    """Those that a request was sent for."""
    yield from tx.all(_BUBBLES_SINCE, conversation=conversation_id, since=since)
    if ids:
        for statement in (_BUBBLES_BY_ID, _BUBBLES_BY_PROVIDER_ID, _BUBBLES_BY_RECORD_ID):
            yield from _of(conversation_id, tx.all(statement, names=list(ids)))


def _messages(
    tx: Tx, conversation_id: str, channel: ChannelName, ids: Sequence[str]
) -> Iterable[AnyRow]:
    """The guest's, by name and those that are not history yet."""
    yield from tx.all(_MESSAGES_WAITING, conversation=conversation_id)
    running = tx.one(_RUNNING, conversation=conversation_id)
    if running is not None:
        yield from tx.all(_MESSAGES_IN_TURN, turn=running.turn_id)
    if ids:
        for statement in (_MESSAGES_BY_ID, _MESSAGES_BY_RECORD_ID):
            yield from _of(conversation_id, tx.all(statement, on=channel, names=list(ids)))


def _items(tx: Tx, conversation_id: str, since: datetime, ids: Sequence[str]) -> Iterable[AnyRow]:
    found = tx.all(_ITEMS_SINCE, conversation=conversation_id, since=since)
    if ids:
        found += tx.all(_ITEMS_BY_ID, conversation=conversation_id, names=list(ids))
    return (row for row in found if row.kind in _AUTHORS)


def _of(conversation_id: str, rows: Iterable[AnyRow]) -> Iterable[AnyRow]:
    return (row for row in rows if row.conversation_id == conversation_id)


def _of_bubble(row: AnyRow) -> Said:
    author = Author.STAFF if by_staff(row.turn_id) else Author.BOT
    at = row.last_attempt_at or row.created_at
    return Said(author, at, row.text, _ids(row.bubble_id, row.provider_id, row.record_id))


def _of_message(row: AnyRow) -> Said:
    names = _ids(row.item_id, row.provider_id, row.record_id)
    return Said(Author.GUEST, row.provider_time, row.text, names)


def _of_item(row: AnyRow, name: str | None) -> Said:
    at = said_at(row.at, row.origin)
    names = _ids(row.item_id, name, *_given(row.origin))
    return Said(_AUTHORS[ItemKind(row.kind)], at, row.text, names)


def _given(origin: Mapping[str, Any] | None) -> list[str]:
    """A channel's own names for an item."""
    names = (origin or {}).get("ids")
    return names if isinstance(names, list) else []


def _ids(*names: str | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in names if name))
