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

from sqlalchemy import bindparam, insert, select, update

from watibot.conversations import Owner, held_by_staff, longest_hold
from watibot.history import HistoryItem, ItemKind, said_at
from watibot.matching import alike
from watibot.messages import ChannelName, StaffMessage, Takeover
from watibot.ports.people import Holding
from watibot.storage.among import among
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
    NOT_AT_REST,
    bubbles,
    conversations,
    history,
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
_WORD = "word"  # the source of a colleague's word to the assistant

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
_ON_ITS_WAY = (
    select(bubbles.c.seq)
    .where(of_conversation(bubbles), NOT_AT_REST, bubbles.c.turn_id == bindparam("turn"))
    .limit(1)
)
_BY_NAME = select(history.c.item_id, history.c.at, history.c.origin).where(
    of_conversation(history), among(history.c.item_id, "items")
)
_STAFF_AFTER = select(history.c.at, history.c.origin).where(
    of_conversation(history), history.c.kind == ItemKind.STAFF, history.c.at > bindparam("after")
)
_NOTE_ORIGIN = update(history).where(
    of_conversation(history), history.c.item_id == bindparam("item")
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
    names = _names(message)
    item_ids = [staff_item_id(message.channel, name) for name in names]
    # What was read of the chat's past may have been this, before its webhook came.
    known = [*item_ids, *map(past_item_id, names)]
    if there(tx, conversation_id, known) or _echo(tx, conversation_id, message):
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


def obey(tx: Tx, message: StaffMessage, silent: bool, now: datetime) -> Holding:
    conversation_id = resolve(tx, message.channel, message.conversation_id, message.address)
    row = locked(tx, conversation_id)
    if row is None:
        return Holding(conversation_id, changed=False)
    at = _noted(tx, conversation_id, message, min(message.provider_time, now))
    if at is None:  # delivered again
        return Holding(conversation_id, changed=False)
    older = row.owner_at is not None and at < row.owner_at
    if _another_word(tx, conversation_id, at) or (older and (not silent or row.owner == Owner.BOT)):
        return Holding(conversation_id, changed=False)
    if silent:
        stop(tx, conversation_id, at)
        return Holding(conversation_id, changed=False)
    if row.stopped_at is not None and row.stopped_at <= at:
        stop(tx, conversation_id, None)
        row = locked(tx, conversation_id)
    takeover = Takeover(
        message.channel, conversation_id, message.address, held=False, by=message.operator
    )
    return _give_back(tx, row, takeover, at)


def lapse(tx: Tx, row: AnyRow, now: datetime) -> None:
    """A takeover that has ended by itself is over: what was asked meanwhile waits for a turn. Who
    writes between its end and now takes the conversation all the same."""
    wait_again(tx, row, now)
    _to_the_assistant(tx, row, max(row.staff_until, row.owner_at or row.staff_until))


def keep(tx: Tx, channel: str, reason: str, raw: bytes, at: datetime) -> None:
    """Into quarantine."""
    tx.add(_QUARANTINE, [{"channel": channel, "reason": reason, "raw": raw, "at": at}])


def staff_item_id(channel: ChannelName, name: str) -> str:
    """A colleague's message by a name that the provider has for it: the same for each delivery."""
    digest = hashlib.sha256(f"{channel}:{name}".encode("utf-8", "replace")).hexdigest()
    return f"staff-{digest[:32]}"


def past_item_id(name: str) -> str:
    """An item of the past by the name that its row has at the provider (`service/news.py`)."""
    return "past-" + hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()[:32]


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
    """Whether nobody held it. After the assistant's own handover this is the person who came: the
    guest waits for nobody, and only what is on its way still leaves."""
    held = held_by_staff(conversation_of(row), at)
    waiting_to_staff(tx, row)
    turn_id = row.handover_turn_id
    if turn_id and tx.one(_ON_ITS_WAY, conversation=row.conversation_id, turn=turn_id) is None:
        turn_id = None
    tx.run(
        UPDATE_CONVERSATION,
        conversation=row.conversation_id,
        owner=Owner.STAFF,
        staff_until=longest_hold(conversation_of(row), at, until),
        taken_by=by or (row.taken_by if held else None),
        handover_turn_id=turn_id,
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
        staff_until=longest_hold(conversation_of(row), at, until),
        taken_by=by or row.taken_by,
        owner_at=max(filter(None, (row.owner_at, at))),
        handover_turn_id=None,
        deadline_at=None,
    )


def _give_back(tx: Tx, row: AnyRow, takeover: Takeover, at: datetime) -> Holding:
    held = row.owner == Owner.STAFF
    if takeover.note:
        _note(tx, row, takeover.note, takeover.by or row.taken_by, at)
    due_at = wait_again(tx, row, at) if held else None
    _to_the_assistant(tx, row, at)
    return Holding(row.conversation_id, held, due_at)


def _to_the_assistant(tx: Tx, row: AnyRow, at: datetime) -> None:
    tx.run(
        UPDATE_CONVERSATION,
        conversation=row.conversation_id,
        owner=Owner.BOT,
        staff_until=None,
        handover_turn_id=None,
        taken_by=None,
        owner_at=at,
    )


def _names(message: StaffMessage) -> list[str]:
    return [name for name in (message.provider_id, message.record_id) if name]


def _noted(tx: Tx, conversation_id: str, message: StaffMessage, at: datetime) -> datetime | None:
    """Notes that it is a word to the assistant; when it was said (`at` if it is not stored). None:
    that is noted already."""
    item_ids = [staff_item_id(message.channel, name) for name in _names(message)]
    for row in tx.all(_BY_NAME, conversation=conversation_id, items=item_ids):
        origin = row.origin or {}
        if origin.get("source") == _WORD:
            return None
        at = said_at(row.at, origin)
        origin = origin | {"source": _WORD, "answers": False}
        tx.run(_NOTE_ORIGIN, conversation=conversation_id, item=row.item_id, origin=origin)
    return at


def _another_word(tx: Tx, conversation_id: str, after: datetime) -> bool:
    """Whether a colleague said a word to the assistant after that."""
    rows = tx.all(_STAFF_AFTER, conversation=conversation_id, after=after)
    words = (row for row in rows if (row.origin or {}).get("source") == _WORD)
    return any(said_at(row.at, row.origin) > after for row in words)


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
