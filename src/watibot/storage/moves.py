"""A migration's hand in a conversation: its lease, its past, what the thread lacks, the pointer.

`migration/` comes here through `store.py`. A conversation is held between two turns, under the same
lease and fence as a turn, so that a step of a migration and a turn never meet.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import bindparam, func, select, update

from watibot.conversations import Conversation, Provider
from watibot.errors import LostLease
from watibot.history import HistoryItem, ItemKind, in_thread
from watibot.ports.migrations import Busy, Move, State
from watibot.storage.among import among
from watibot.storage.ledger import save_move
from watibot.storage.rows import (
    UPDATE_CONVERSATION,
    AnyRow,
    Tx,
    conversation_of,
    fenced,
    item_of,
    locked,
    of_conversation,
)
from watibot.storage.tables import (
    IS_PARKED,
    IS_RUNNING,
    NOT_AT_REST,
    bubbles,
    history,
    messages,
    turns,
)
from watibot.storage.timeline import insert_items

_RUNNING = select(turns.c.turn_id).where(of_conversation(turns), IS_RUNNING).limit(1)
_OPEN_BUBBLE = select(bubbles.c.seq).where(of_conversation(bubbles), NOT_AT_REST).limit(1)
_ALL = select(history).where(of_conversation(history)).order_by(history.c.at)
_PLACES = (
    select(history.c.item_id, history.c.at, history.c.kind, history.c.source_id, history.c.origin)
    .where(of_conversation(history))
    .order_by(history.c.at)
)
_LACKING = (
    select(history)
    .where(
        of_conversation(history),
        history.c.source_id.is_(None),
        history.c.kind != ItemKind.TOOL_CALL,
        history.c.kind != ItemKind.TOOL_RESULT,
        history.c.mirror != "held",
    )
    .order_by(history.c.at)
)
_POSTED = (
    update(history)
    .where(of_conversation(history), history.c.item_id == bindparam("item"))
    .values(source_id=bindparam("their_id"))
)
_STAFF_AMONG = (
    select(history.c.item_id)
    .where(
        of_conversation(history),
        history.c.kind == ItemKind.STAFF,
        among(history.c.item_id, "names"),
    )
    .limit(1)
)
_TO_THE_MIRROR = (
    update(history)
    .where(of_conversation(history), IS_PARKED, history.c.mirror == bindparam("old_mirror"))
    .values(mirror=bindparam("new_mirror"))
)
_FIRST = select(func.min(messages.c.provider_time).label("first")).where(of_conversation(messages))
_UNMOVED = select(func.count()).select_from(history).where(of_conversation(history), IS_PARKED)
_TICK = timedelta(microseconds=1)


def hold(tx: Tx, conversation_id: str, now: datetime, until: datetime) -> Conversation | Busy:
    row = _between_turns(tx, conversation_id, now)
    if isinstance(row, Busy):
        return row
    tx.run(
        UPDATE_CONVERSATION, conversation=conversation_id, fence=row.fence + 1, lease_until=until
    )
    return replace(conversation_of(row), fence=row.fence + 1)


def _between_turns(tx: Tx, conversation_id: str, now: datetime) -> AnyRow | Busy:
    row = locked(tx, conversation_id)
    if row is None:
        return Busy("there is no such conversation")
    if row.lease_until is not None and row.lease_until > now:
        return Busy("it is being answered")
    if tx.one(_RUNNING, conversation=conversation_id) is not None:
        return Busy("a turn has not ended")
    if tx.one(_OPEN_BUBBLE, conversation=conversation_id) is not None:
        return Busy("an answer is on its way")
    return row


def take_in(tx: Tx, conversation_id: str, fence: int, items: Sequence[HistoryItem]) -> int:
    return _take_in(tx, fenced(tx, conversation_id, fence), items)


def take_in_between(
    tx: Tx, after: Move, expected: State, fence: int, items: Sequence[HistoryItem], now: datetime
) -> int | Busy:
    row = _between_turns(tx, after.conversation_id, now)
    if isinstance(row, Busy):
        return row
    if row.fence != fence:
        return Busy("a turn came between")
    if not save_move(tx, after, expected):
        raise LostLease("another process works on this conversation's migration")
    return _take_in(tx, row, items)


def _take_in(tx: Tx, row: AnyRow, items: Sequence[HistoryItem]) -> int:
    conversation_id = row.conversation_id
    there = tx.all(_PLACES, conversation=conversation_id)
    new = place(items, there)
    insert_items(tx, conversation_id, new, "parked")
    if new:
        newest = max(item.at for item in new)
        if row.last_item_at is None or newest > row.last_item_at:
            tx.run(UPDATE_CONVERSATION, conversation=conversation_id, last_item_at=newest)
    return len(new)


def place(items: Sequence[HistoryItem], there: Sequence[AnyRow]) -> list[HistoryItem]:
    """The items that are not there yet, each with a free time between its neighbours. `there`: rows
    of item_id, at, kind, source_id, origin. Pure."""
    by_item = {row.item_id: row for row in there}
    by_source = {
        (source, row.kind): row for row in there for source in _sources(row.source_id, row.origin)
    }
    taken = {row.at for row in there}
    placed: list[HistoryItem] = []
    waiting: list[HistoryItem] = []
    before: datetime | None = None
    for item in items:
        anchor = by_item.get(item.item_id)
        if anchor is None and not (item.origin or {}).get("context"):
            names = [(source, item.kind) for source in _sources(item.source_id, item.origin)]
            anchor = next((by_source[name] for name in names if name in by_source), None)
        if anchor is None:
            waiting.append(item)
            continue
        # What was said here first may have come to the thread long afterwards: who stands before it
        # there was not for that said earlier.
        placed += _between(waiting, before, anchor.at if in_thread(anchor.origin) else None, taken)
        before = max(filter(None, (before, anchor.at, placed[-1].at if waiting else None)))
        waiting = []
    return placed + _between(waiting, before, None, taken)


def _between(
    items: Sequence[HistoryItem],
    before: datetime | None,
    after: datetime | None,
    taken: set[datetime],
) -> list[HistoryItem]:
    """Their own times where those fit: later than `before`, earlier than `after`, each once."""
    times: list[datetime] = []
    for item in items:
        at = item.at if before is None else max(item.at, before + _TICK)
        times.append(at)
        before = at
    for index in range(len(times) - 1, -1, -1):
        if after is None or times[index] < after:
            break
        times[index] = after = after - _TICK
    placed = []
    last: datetime | None = None
    for item, at in zip(items, times, strict=True):
        if last is not None and at <= last:
            at = last + _TICK
        while at in taken:
            at += _TICK
        taken.add(at)
        last = at
        placed.append(replace(item, at=at))
    return placed


def _sources(source_id: str | None, origin: Mapping[str, object] | None) -> Iterable[str]:
    named = (origin or {}).get("sources")
    found = [str(one) for one in named] if isinstance(named, list) else []
    return [source_id, *found] if source_id is not None else found


def lacking(tx: Tx, conversation_id: str) -> list[HistoryItem]:
    return [item_of(row) for row in tx.all(_LACKING, conversation=conversation_id)]


def posted(tx: Tx, conversation_id: str, fence: int, found: Mapping[str, str]) -> None:
    fenced(tx, conversation_id, fence)
    for item_id, their_id in found.items():
        tx.run(_POSTED, conversation=conversation_id, item=item_id, their_id=their_id)
    if tx.one(_STAFF_AMONG, conversation=conversation_id, names=list(found)) is not None:
        tx.run(UPDATE_CONVERSATION, conversation=conversation_id, agent_context_injected=True)


def flip(tx: Tx, conversation_id: str, fence: int, provider: Provider, now: datetime) -> None:
    fenced(tx, conversation_id, fence)
    if provider is Provider.OPENAI:
        tx.run(UPDATE_CONVERSATION, conversation=conversation_id, provider=provider)
        return
    tx.run(UPDATE_CONVERSATION, conversation=conversation_id, provider=provider, migrated_at=now)
    for old, new in (("parked", "waiting"), ("moving", "sending")):
        tx.run(_TO_THE_MIRROR, conversation=conversation_id, old_mirror=old, new_mirror=new)


def whole_history(tx: Tx, conversation_id: str) -> list[HistoryItem]:
    return [item_of(row) for row in tx.all(_ALL, conversation=conversation_id)]


def first_here(tx: Tx, conversation_id: str) -> datetime | None:
    return tx.all(_FIRST, conversation=conversation_id)[0][0]  # type: ignore[no-any-return]


def unmoved(tx: Tx, conversation_id: str) -> int:
    count: int = tx.all(_UNMOVED, conversation=conversation_id)[0][0]
    return count
