"""Who works on a conversation, until when, and when it is next due.

`engines/` asks `due` and wakes; `service/worker.py` claims, works under the fence and releases.
`due_at` stays set for as long as there is work, leased or not: whatever a killed process held is
claimed again when its lease ends, without anybody having to notice.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import bindparam, exists, select, update

from watibot.conversations import Owner, Provider, held_by_staff
from watibot.ports.store import Claim
from watibot.storage.rows import (
    UPDATE_CONVERSATION,
    Tx,
    bubble_of,
    conversation_of,
    fenced,
    locked,
    of_conversation,
    of_hotel,
)
from watibot.storage.tables import (
    HAS_WORK,
    IS_RUNNING,
    IS_WAITING,
    NOT_AT_REST,
    bubbles,
    conversations,
    messages,
    turns,
)
from watibot.storage.takeovers import lapse
from watibot.storage.timeline import waiting_to_staff
from watibot.turns import Bubble

# A migration holds a conversation for a second or two.
LOOK_AGAIN = timedelta(seconds=1)
# A message that a killed process sent to a thread may arrive yet, and a thread takes it twice: the
# longest that a request may last, by the settings' default.
STILL_UNDER_WAY = timedelta(seconds=20)

_DUE = select(
    conversations.c.conversation_id,
    conversations.c.due_at,
    conversations.c.not_before,
    conversations.c.lease_until,
).where(of_hotel(conversations), HAS_WORK)
_DUE_ONE = select(conversations.c.lease_until).where(of_conversation(conversations), HAS_WORK)
_BREAK_LEASES = update(conversations).where(
    of_hotel(conversations), HAS_WORK, conversations.c.provider != Provider.OPENAI
)
_SHORTEN_LEASES = update(conversations).where(
    of_hotel(conversations), HAS_WORK, conversations.c.lease_until > bindparam("limit")
)
_OPEN_BUBBLES = select(bubbles).where(of_conversation(bubbles), NOT_AT_REST).order_by(bubbles.c.seq)
_WORK = select(
    exists().where(of_conversation(messages), IS_WAITING).label("waiting"),
    exists().where(of_conversation(turns), IS_RUNNING).label("running"),
    exists().where(of_conversation(bubbles), NOT_AT_REST).label("bubbles"),
)


def due(tx: Tx) -> list[tuple[str, datetime]]:
    return [(name, max(filter(None, moments))) for name, *moments in tx.all(_DUE)]


def break_leases(tx: Tx, now: datetime) -> None:
    tx.run(_BREAK_LEASES, lease_until=None)
    tx.run(_SHORTEN_LEASES, limit=now + STILL_UNDER_WAY, lease_until=now + STILL_UNDER_WAY)


def claim(tx: Tx, conversation_id: str, now: datetime, until: datetime) -> Claim | None:
    row = locked(tx, conversation_id)
    if row is None or row.due_at is None:
        return None
    if any(moment is not None and moment > now for moment in (row.due_at, row.not_before)):
        return None
    if row.lease_until is not None and row.lease_until > now:
        return None
    if row.owner == Owner.STAFF and not held_by_staff(conversation_of(row), now):
        lapse(tx, row, now)
        row = locked(tx, conversation_id)
        assert row is not None
    conversation = conversation_of(row)
    deadline_at = row.deadline_at
    if held_by_staff(conversation, now):
        waiting_to_staff(tx, row)
        deadline_at = None
    work = tx.all(_WORK, conversation=conversation_id)[0]
    if not (work.bubbles or work.waiting or work.running):
        tx.run(
            UPDATE_CONVERSATION,
            conversation=conversation_id,
            due_at=None,
            deadline_at=None,
            not_before=None,
            lease_until=None,
        )
        return None
    tx.run(
        UPDATE_CONVERSATION,
        conversation=conversation_id,
        fence=row.fence + 1,
        lease_until=until,
        deadline_at=deadline_at,
    )
    return Claim(
        replace(conversation, fence=row.fence + 1),
        open_bubbles(tx, conversation_id) if work.bubbles else (),
        bool(work.waiting or work.running),
    )


def look_again(tx: Tx, conversation_id: str, now: datetime) -> datetime | None:
    row = tx.one(_DUE_ONE, conversation=conversation_id)
    if row is None or row.lease_until is None or row.lease_until <= now:
        return None
    return min(row.lease_until, now + LOOK_AGAIN)  # type: ignore[no-any-return]


def extend(tx: Tx, conversation_id: str, fence: int, until: datetime) -> None:
    fenced(tx, conversation_id, fence)
    tx.run(UPDATE_CONVERSATION, conversation=conversation_id, lease_until=until)


def release(tx: Tx, conversation_id: str, fence: int, again_at: datetime | None) -> datetime | None:
    row = fenced(tx, conversation_id, fence)
    work = tx.all(_WORK, conversation=conversation_id)[0]
    if work.waiting:
        due_at: datetime | None = row.due_at  # set by the newest message
    elif again_at is not None:
        due_at = again_at
    elif work.running or work.bubbles:
        due_at = row.due_at  # in the past: at once
    else:
        due_at = None
    tx.run(
        UPDATE_CONVERSATION,
        conversation=conversation_id,
        due_at=due_at,
        not_before=again_at,
        lease_until=None,
    )
    if due_at is None or again_at is None:
        return due_at
    return max(due_at, again_at)


def open_bubbles(tx: Tx, conversation_id: str) -> tuple[Bubble, ...]:
    """Those not yet at rest, in order."""
    return tuple(bubble_of(row) for row in tx.all(_OPEN_BUBBLES, conversation=conversation_id))
