"""Rows of the earlier database become conversations, and stay word for word beside them.

`adopt.py` comes here with what `legacy_survey.py` found, in one transaction; `prove` is the last
stop before its commit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, insert, or_, select

from watibot.conversations import Provider
from watibot.storage.among import among
from watibot.storage.identities import new_conversation
from watibot.storage.legacy_file import BATCH, Shape
from watibot.storage.legacy_rows import NEVER, OldRow, Value, digest, fingerprint, read
from watibot.storage.legacy_survey import Entry, Survey
from watibot.storage.migration_tables import legacy_threads
from watibot.storage.rows import UPDATE_CONVERSATION, AnyRow, Tx, of_hotel
from watibot.storage.tables import IS_RUNNING, conversations, history, turns

_CONVERSATIONS = insert(conversations)
_ORIGINALS = insert(legacy_threads)
_FORGET = delete(legacy_threads).where(
    of_hotel(legacy_threads), among(legacy_threads.c.position, "positions")
)
_ANSWERED_HERE = or_(
    select(history.c.seq)
    .where(
        history.c.hotel_id == conversations.c.hotel_id,
        history.c.conversation_id == conversations.c.conversation_id,
        history.c.turn_id.is_not(None),
    )
    .exists(),
    select(turns.c.turn_id)
    .where(
        turns.c.hotel_id == conversations.c.hotel_id,
        turns.c.conversation_id == conversations.c.conversation_id,
        IS_RUNNING,
    )
    .exists(),
)
_THERE = select(conversations, _ANSWERED_HERE.label("answered_here")).where(
    of_hotel(conversations), among(conversations.c.conversation_id, "ids")
)
_STORED = (
    select(legacy_threads.c.position, legacy_threads.c.original)
    .where(of_hotel(legacy_threads), legacy_threads.c.position > bindparam("after"))
    .order_by(legacy_threads.c.position)
    .limit(BATCH)
)


def take_in(
    tx: Tx,
    batches: Iterable[Sequence[Sequence[Value]]],
    shape: Shape,
    found: Survey,
    now: datetime,
) -> None:
    """`batches`: the rows that were surveyed, in the same order."""
    for start in range(0, len(found.replaced), BATCH):
        tx.run(_FORGET, positions=found.replaced[start : start + BATCH])
    entries = iter(found.entries)
    for rows in batches:
        # The rows go first: what is left over when they end would be lost otherwise.
        pairs = zip(rows, entries, strict=False)
        fresh = [
            (entry, shape.original(row), read(shape.meant(row), now))
            for row, entry in pairs
            if entry.fresh
        ]
        if fresh:
            tx.add(_ORIGINALS, [_original(*each) for each in fresh])
            _converse(tx, [(entry, old) for entry, _, old in fresh if entry.conversation_id])


def prove(tx: Tx, found: Survey) -> bool:
    """Whether the stored originals are the table's rows, all of them and nothing else."""
    prints: list[bytes] = []
    after = -1
    while rows := tx.all(_STORED, after=after):
        prints += [fingerprint(row.original) for row in rows if row.position not in found.gone]
        after = rows[-1].position
    return digest(prints) == found.digest


def _original(entry: Entry, original: dict[str, Any], old: OldRow) -> dict[str, Any]:
    return {
        "position": entry.position,
        "wa_id": entry.wa_id,
        "conversation_id": entry.conversation_id,
        "problem": entry.problem,
        "original": original,
        "provider": old.provider,
        "thread_id": old.thread_id,
        "last_guest_at": old.last_guest_at,
        "migrated_at": old.migrated_at,
        "history_imported": old.history_imported,
        "agent_context_injected": old.agent_context_injected,
        "vertex_context_injected": old.vertex_context_injected,
        "context_checked_at": old.context_checked_at,
    }


def _converse(tx: Tx, rows: Sequence[tuple[Entry, OldRow]]) -> None:
    ids = [entry.conversation_id for entry, _ in rows]
    there = {row.conversation_id: row for row in tx.all(_THERE, ids=ids)} if ids else {}
    new = []
    for entry, old in rows:
        assert entry.conversation_id is not None
        row = there.get(entry.conversation_id)
        if row is None:
            new.append(_conversation(entry.conversation_id, old))
        else:
            tx.run(UPDATE_CONVERSATION, conversation=row.conversation_id, **_merged(row, old))
    if new:
        tx.add(_CONVERSATIONS, new)


def _conversation(conversation_id: str, old: OldRow) -> dict[str, Any]:
    assert old.guest is not None
    return new_conversation(
        conversation_id,
        old.guest.channel,
        old.guest.address,
        old.created_at,
        last_guest_at=old.last_guest_at,
        provider=old.provider,
        thread_id=old.thread_id,
        migrated_at=old.migrated_at,
        history_imported=old.history_imported,
        agent_context_injected=old.agent_context_injected,
        vertex_context_injected=old.vertex_context_injected,
        context_checked_at=old.context_checked_at,
    )


def _merged(row: AnyRow, old: OldRow) -> dict[str, Any]:
    """What an old row adds to a conversation that has a life of its own here. Who answers does not
    change once it has answered here: those words are not in the thread."""
    settled = row.answered_here or row.migrated_at is not None or old.thread_id is None
    checked = [at for at in (row.context_checked_at, old.context_checked_at) if at is not None]
    began = [at for at in (row.created_at, old.created_at) if at != NEVER]
    return {
        "provider": Provider(row.provider) if settled else old.provider,
        "thread_id": old.thread_id or row.thread_id,
        "last_guest_at": max(row.last_guest_at, old.last_guest_at),
        "created_at": min(began, default=NEVER),
        "migrated_at": row.migrated_at or old.migrated_at,
        "history_imported": row.history_imported or old.history_imported,
        "agent_context_injected": row.agent_context_injected or old.agent_context_injected,
        "vertex_context_injected": row.vertex_context_injected or old.vertex_context_injected,
        "context_checked_at": max(checked, default=None),
    }
