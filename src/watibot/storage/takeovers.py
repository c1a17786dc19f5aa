"""Staff take a conversation, write in it, or give it back; and what nobody could read.

Webhooks come here through `store.py`, everybody else through `people.py`. What waits for a turn
becomes history before a colleague's words do, so that the question stands before its answer; what
nobody answered waits again once the conversation is given back (`unanswered.py`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, insert, select

from watibot.conversations import Owner, held_by_staff
from watibot.history import HistoryItem, ItemKind
from watibot.matching import alike
from watibot.messages import ChannelName, StaffMessage, Takeover
from watibot.ports.people import Holding
from watibot.storage.columns import micros
from watibot.storage.identities import new_conversation, resolve
from watibot.storage.rows import (
    UPDATE_CONVERSATION,
    AnyRow,
    Tx,
    conversation_of,
    insert_once,
    locked,
    of_conversation,
    of_hotel,
)
from watibot.storage.tables import (
    HAS_PROVIDER_ID,
    HAS_RECORD_ID,
    bubbles,
    conversations,
    quarantine,
)
from watibot.storage.timeline import append, free, there, waiting_to_staff
from watibot.storage.turnbook import add_bubbles, outdate, turn_of_staff
from watibot.storage.unanswered import wait_again
from watibot.turns import BubbleState

# An echo of a bubble comes under the provider's ids or, where they are not known yet, with its text
# soon after the attempt (docs/reference/providers.md).
ECHO_WINDOW = timedelta(seconds=120)
# For a guest who has not written yet the reply window is closed.
NEVER = datetime(1970, 1, 1, tzinfo=UTC)

_NEW_CONVERSATION = insert_once(conversations)
_ECHO_BY_PROVIDER_ID = select(bubbles.c.seq).where(
    of_hotel(bubbles), HAS_PROVIDER_ID, bubbles.c.provider_id == bindparam("their_id")
)
_ECHO_BY_RECORD_ID = select(bubbles.c.seq).where(
    of_hotel(bubbles), HAS_RECORD_ID, bubbles.c.record_id == bindparam("their_id")
)
_ATTEMPTED = select(bubbles.c.text).where(
    of_conversation(bubbles),
    bubbles.c.last_attempt_at >= bindparam("from_time"),
    bubbles.c.last_attempt_at <= bindparam("to_time"),
    bubbles.c.state != BubbleState.CANCELLED,
)
_QUARANTINE = insert(quarantine)


def staff_message(
    tx: Tx, message: StaffMessage, received_at: datetime, staff_until: datetime
) -> bool:
    conversation_id = _conversation(
        tx, message.channel, message.conversation_id, message.address, received_at
    )
    row = locked(tx, conversation_id)
    assert row is not None
    names = [name for name in (message.provider_id, message.record_id) if name]
    item_ids = [staff_item_id(message.channel, name) for name in names]
    if there(tx, conversation_id, item_ids) or _echo(tx, conversation_id, message):
        return False
    at = min(message.provider_time, received_at)
    # A look at the chat may know it by another of its names, and its place here may be later.
    origin = {"source": "webhook", "ids": names, "said_at": at.isoformat()}
    item = HistoryItem(
        item_ids[0], ItemKind.STAFF, at, message.text, author=message.operator, origin=origin
    )
    if row.owner == Owner.BOT and row.owner_at is not None and at < row.owner_at:
        # Written before they gave it back: worth knowing, but nobody takes anything.
        append(tx, conversation_id, row.last_item_at, [item], free(row))
    else:
        append(tx, conversation_id, waiting_to_staff(tx, row), [item], free(row))
        _writes(tx, row, at, staff_until, message.operator)
    outdate(tx, conversation_id)
    return True


def staff_says(
    tx: Tx, conversation_id: str, item: HistoryItem, texts: Sequence[str], until: datetime
) -> datetime | None:
    row = locked(tx, conversation_id)
    if row is None:
        return None
    due_at: datetime = item.at if row.due_at is None else min(row.due_at, item.at)
    if not there(tx, conversation_id, [item.item_id]):
        turn_id = turn_of_staff(item.item_id)
        said = replace(item, turn_id=turn_id)
        mirror = "held" if texts else free(row)
        append(tx, conversation_id, waiting_to_staff(tx, row), [said], mirror)
        _writes(tx, row, item.at, until, item.author)
        outdate(tx, conversation_id)
        add_bubbles(tx, conversation_id, turn_id, texts, item.at)
        tx.run(UPDATE_CONVERSATION, conversation=conversation_id, due_at=due_at)
    return due_at if row.not_before is None else max(due_at, row.not_before)


def hold(tx: Tx, takeover: Takeover, at: datetime, until: datetime | None) -> Holding:
    if takeover.held:
        conversation_id = _conversation(
            tx, takeover.channel, takeover.conversation_id, takeover.address, at
        )
    else:
        conversation_id = resolve(tx, takeover.channel, takeover.conversation_id, takeover.address)
    row = locked(tx, conversation_id)
    if row is None or (row.owner_at is not None and at < row.owner_at):
        return Holding(conversation_id, changed=False)
    if takeover.held:
        return Holding(conversation_id, _take(tx, row, at, until, takeover.by))
    return _give_back(tx, row, takeover, at)


def stop(tx: Tx, conversation_id: str, at: datetime | None) -> None:
    tx.run(UPDATE_CONVERSATION, conversation=conversation_id, stopped_at=at)


def keep(tx: Tx, channel: str, reason: str, raw: bytes, at: datetime) -> None:
    """Into quarantine."""
    tx.add(_QUARANTINE, [{"channel": channel, "reason": reason, "raw": raw, "at": at}])


def staff_item_id(channel: ChannelName, name: str) -> str:
    """A colleague's message by a name that the provider has for it: the same for each delivery."""
    digest = hashlib.sha256(f"{channel}:{name}".encode("utf-8", "replace")).hexdigest()
    return f"staff-{digest[:32]}"


def _conversation(
    tx: Tx, channel: ChannelName, conversation_id: str, address: str, now: datetime
) -> str:
    """The conversation that goes by these names, made if there is none."""
    conversation_id = resolve(tx, channel, conversation_id, address)
    row = new_conversation(conversation_id, channel, address, now, last_guest_at=NEVER)
    tx.add(tx.pick(_NEW_CONVERSATION), [row])
    return conversation_id


def _echo(tx: Tx, conversation_id: str, message: StaffMessage) -> bool:
    """Whether it is a bubble of ours that comes back."""
    for statement, their_id in (
        (_ECHO_BY_PROVIDER_ID, message.provider_id),
        (_ECHO_BY_RECORD_ID, message.record_id),
    ):
        if their_id is not None and tx.one(statement, their_id=their_id) is not None:
            return True
    attempted = tx.all(
        _ATTEMPTED,
        conversation=conversation_id,
        from_time=message.provider_time - ECHO_WINDOW,
        to_time=message.provider_time + ECHO_WINDOW,
    )
    return any(alike(row.text, message.text) for row in attempted)


def _take(tx: Tx, row: AnyRow, at: datetime, until: datetime | None, by: str | None) -> bool:
    """Whether nobody held it."""
    held = held_by_staff(conversation_of(row), at)
    waiting_to_staff(tx, row)
    tx.run(
        UPDATE_CONVERSATION,
        conversation=row.conversation_id,
        owner=Owner.STAFF,
        staff_until=_longer(row, at, until),
        taken_by=by or (row.taken_by if held else None),
        owner_at=at,
        deadline_at=None,
    )
    return not held


def _writes(tx: Tx, row: AnyRow, at: datetime, until: datetime, by: str | None) -> None:
    """A person writes by hand: not even the handover's own answer may cut in any more."""
    tx.run(
        UPDATE_CONVERSATION,
        conversation=row.conversation_id,
        owner=Owner.STAFF,
        staff_until=_longer(row, at, until),
        taken_by=by or row.taken_by,
        owner_at=max(filter(None, (row.owner_at, at))),
        handover_turn_id=None,
        deadline_at=None,
    )


def _longer(row: AnyRow, at: datetime, until: datetime | None) -> datetime | None:
    """Until when it is held from now on: a shorter word does not shorten what was said."""
    if until is None or not held_by_staff(conversation_of(row), at):
        return until
    return None if row.staff_until is None else max(row.staff_until, until)


def _give_back(tx: Tx, row: AnyRow, takeover: Takeover, at: datetime) -> Holding:
    held = row.owner == Owner.STAFF
    if takeover.note:
        _note(tx, row, takeover.note, takeover.by or row.taken_by, at)
    due_at = wait_again(tx, row, at) if held else None
    tx.run(
        UPDATE_CONVERSATION,
        conversation=row.conversation_id,
        owner=Owner.BOT,
        staff_until=None,
        handover_turn_id=None,
        taken_by=None,
        owner_at=at,
    )
    return Holding(row.conversation_id, held, due_at)


def _note(tx: Tx, row: AnyRow, note: str, by: str | None, at: datetime) -> None:
    name = f"{row.conversation_id}:{micros(at)}:{note}"
    item_id = staff_item_id(row.channel, name)
    origin: dict[str, Any] = {"source": "note"}
    if row.channel != ChannelName.WHATSAPP:
        # What a colleague wrote in ManyChat's inbox cannot be read: their note stands for it.
        origin |= {"answers": True, "said_at": at.isoformat()}
    item = HistoryItem(item_id, ItemKind.STAFF, at, note, author=by, origin=origin)
    if not there(tx, row.conversation_id, [item_id]):
        append(tx, row.conversation_id, row.last_item_at, [item], free(row))
        outdate(tx, row.conversation_id)
